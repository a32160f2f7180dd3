/* bn-scale.c: the factor that batch normalisation scales a filter's map with.
 *
 * importance_f = |γ_f| of the conv's sole BN.
 *
 * Liu et al., "Learning efficient convolutional networks through network slimming", ICCV 2017: one threshold on |γ| for the whole net.
 * (They train with an L1 penalty on γ; without one, few are near 0.)
 *
 * A layer that has no BN of its own (none, or one behind a sum or concatenation) has no γ to rank by. `missing: error` refuses such a net
 * and names the layer; `missing: keep` gives its filters 1 + the largest |γ| of the net, so that they go last.
 *
 * Reduction: none; γ as it is. Normalisation: none. */
#include "rankers/ranker.h"

#include <math.h>
#include <stdio.h>

typedef enum { MISSING_ERROR, MISSING_KEEP } missing;

static const char *const MISSING[] = {"error", "keep", NULL};

static const rp_option MISSING_OPTION = {.size = sizeof(rp_option),
                                         .name = "missing",
                                         .help = "a layer without a batch norm of its own: refuse the net, or rank its filters last",
                                         .kind = RP_OPTION_CHOICE,
                                         .default_number = MISSING_ERROR,
                                         .choices = MISSING};

static const rp_option *const OPTIONS[] = {&MISSING_OPTION, NULL};

static int create(const rp_context *context, const rp_value *options, void **self, rp_message *message) {
  (void)self;
  if ((missing)options[0].number == MISSING_KEEP) return RP_RANKER_OK;
  for (uint32_t l = 0; l < context->n_layers; l++) {
    if (context->layers[l]->bn_gamma) continue;
    snprintf(message->text, sizeof message->text,
             "layer %.64s has no batch norm of its own, whose gamma could be ranked by; take a model with one behind every conv, or "
             "missing: keep",
             context->layers[l]->name);
    return RP_RANKER_NOT_OFFERED;
  }
  return RP_RANKER_OK;
}

static double largest_scale(const rp_context *context) {
  double largest = 0;
  for (uint32_t l = 0; l < context->n_layers; l++) {
    const rp_conv_layer *layer = context->layers[l];
    for (uint32_t k = 0; layer->bn_gamma && k < layer->K; k++)
      if (layer->active[k]) largest = fmax(largest, fabs((double)layer->bn_gamma[k]));
  }
  return largest;
}

static int score(void *self, const rp_context *context, float *importance, rp_message *message) {
  (void)self;
  (void)message;
  float beyond = (float)(1 + largest_scale(context));
  for (uint32_t l = 0; l < context->n_layers; l++) {
    const rp_conv_layer *layer = context->layers[l];
    for (uint32_t k = 0; k < layer->K; k++)
      if (layer->active[k]) importance[layer->first_filter + k] = layer->bn_gamma ? fabsf(layer->bn_gamma[k]) : beyond;
  }
  return RP_RANKER_OK;
}

const rp_ranker rp_ranker_plugin = {
    .abi_major = RP_RANKER_ABI_MAJOR,
    .abi_minor = RP_RANKER_ABI_MINOR,
    .size = sizeof(rp_ranker),
    .name = "bn-scale",
    .version = "1.0.0",
    .doc = "absolute gamma of the filter's batch norm (Liu et al., network slimming, ICCV 2017)",
    .normalise = "none",
    .options = OPTIONS,
    .create = create,
    .score = score,
    .formula =
        "importance_f = |gamma_f| of the conv's own batch norm\n"
        "A layer that has none: missing: error refuses the net and names the layer; missing: keep gives its filters 1 + the largest\n"
        "|gamma| of the net, so that they go last",
    .citation = "Liu et al., Learning efficient convolutional networks through network slimming, ICCV 2017 (there trained with an L1\n"
                "penalty on gamma)",
    .reduction = "none: gamma as it is",
};
