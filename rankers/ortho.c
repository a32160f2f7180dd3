/* ortho.c: how little a filter overlaps with the others of its layer: RePr's own criterion.
 *
 * A layer has J active filters, w_f the weights of one of them as a vector of d = C·R·S numbers, ŵ = w / ‖w‖ (of a zero vector: zero).
 *
 *   paper     importance_f = − (1/J) Σ_{j≠f} |ŵ_f·ŵ_j|
 *   authors   importance_f = − | (1/J) Σ_{j≠f} w_f·w_j / ‖W‖²_F |
 *
 * paper: Prakash et al., CVPR 2019, section 4: (1/J) Σ_j |Ŵ Ŵᵀ − I|, whose own term is 0. authors: their released code (repr-ortho): one
 * norm for the layer, the absolute value after the mean; W holds the active filters.
 *
 * All in double: dot products in the order of [C][R][S], sums in the order of j. Normalisation: none. For random filters the paper's
 * variant expects −√(2/(πd)): a ranking of the whole net takes layers of short filters first. */
#include "rankers/ranker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef enum { VARIANT_PAPER, VARIANT_AUTHORS } variant;

static const char *const VARIANTS[] = {"paper", "authors", NULL};

static const rp_option VARIANT_OPTION = {.size = sizeof(rp_option),
                                         .name = "variant",
                                         .help = "the formula of the paper, or that of the authors' released code",
                                         .kind = RP_OPTION_CHOICE,
                                         .default_number = VARIANT_PAPER,
                                         .choices = VARIANTS};

static const rp_option *const OPTIONS[] = {&VARIANT_OPTION, NULL};

typedef struct {
  variant how;
} settings;

static int create(const rp_context *context, const rp_value *options, void **self, rp_message *message) {
  (void)context;
  settings *kept = malloc(sizeof *kept);
  if (!kept) {
    snprintf(message->text, sizeof message->text, "out of memory");
    return RP_RANKER_ERROR;
  }
  kept->how = (variant)options[0].number;
  *self = kept;
  return RP_RANKER_OK;
}

static size_t weights_per_filter(const rp_conv_layer *layer) {
  return (size_t)layer->C * layer->R * layer->S;
}

static double dot(const rp_conv_layer *layer, uint32_t f, uint32_t j) {
  size_t d = weights_per_filter(layer);
  const float *a = layer->weight + f * d, *b = layer->weight + j * d;
  double sum = 0;
  for (size_t i = 0; i < d; i++) sum += (double)a[i] * b[i];
  return sum;
}

/* norms[k] of active filters; returns how many there are. */
static uint32_t measure_norms(const rp_conv_layer *layer, double *norms, double *squares) {
  uint32_t J = 0;
  *squares = 0;
  for (uint32_t k = 0; k < layer->K; k++) {
    if (!layer->active[k]) continue;
    double square = dot(layer, k, k);
    norms[k] = sqrt(square);
    *squares += square;
    J++;
  }
  return J;
}

static double overlap_paper(const rp_conv_layer *layer, const double *norms, uint32_t f, uint32_t J) {
  double sum = 0;
  for (uint32_t j = 0; j < layer->K; j++)
    if (j != f && layer->active[j] && norms[f] > 0 && norms[j] > 0) sum += fabs(dot(layer, f, j) / norms[f] / norms[j]);
  return sum / J;
}

static double overlap_authors(const rp_conv_layer *layer, double squares, uint32_t f, uint32_t J) {
  double sum = 0;
  for (uint32_t j = 0; j < layer->K; j++)
    if (j != f && layer->active[j]) sum += dot(layer, f, j);
  return squares > 0 ? fabs(sum / squares / J) : 0;
}

static int score(void *self, const rp_context *context, float *importance, rp_message *message) {
  variant how = ((const settings *)self)->how;
  for (uint32_t l = 0; l < context->n_layers; l++) {
    const rp_conv_layer *layer = context->layers[l];
    double squares, *norms = calloc(layer->K, sizeof *norms);
    if (!norms) {
      snprintf(message->text, sizeof message->text, "no memory for %u norms", (unsigned)layer->K);
      return RP_RANKER_ERROR;
    }
    uint32_t J = measure_norms(layer, norms, &squares);
    for (uint32_t f = 0; f < layer->K; f++) {
      if (!layer->active[f]) continue;
      double overlap = how == VARIANT_PAPER ? overlap_paper(layer, norms, f, J) : overlap_authors(layer, squares, f, J);
      importance[layer->first_filter + f] = (float)-overlap;
    }
    free(norms);
  }
  return RP_RANKER_OK;
}

const rp_ranker rp_ranker_plugin = {
    .abi_major = RP_RANKER_ABI_MAJOR,
    .abi_minor = RP_RANKER_ABI_MINOR,
    .size = sizeof(rp_ranker),
    .name = "ortho",
    .version = "1.0.0",
    .doc = "minus the mean |cosine| with the layer's other filters (Prakash et al., RePr, CVPR 2019, section 4)",
    .normalise = "none",
    .options = OPTIONS,
    .create = create,
    .score = score,
    .destroy = free,
};
