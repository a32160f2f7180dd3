/* l2.c: the size of a filter's weights.
 *
 * importance_f = ‖w_f‖₂ / divisor, with d = C·R·S weights per filter; divisor 1 (`none`), d (`d`) or √d (`sqrt-d`).
 *
 * Prakash et al., CVPR 2019 ("weights"), after Li et al., "Pruning filters for efficient ConvNets", ICLR 2017 (there with L1). A ranking of
 * the whole net has to make filters of different length comparable: the paper divides by d or √d. The default is sqrt-d, the root mean
 * square of a weight: with it, layers initialised alike start equal, while d would make a layer the less important the longer its filters
 * are.
 *
 * Reduction: squares summed in double in the order of [C][R][S]. Normalisation: none. The bias is left out. */
#include "rankers/ranker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef enum { DIVIDE_SQRT_D, DIVIDE_D, DIVIDE_NONE } divide;

static const char *const DIVISORS[] = {"sqrt-d", "d", "none", NULL};

static const rp_option DIVIDE_OPTION = {.size = sizeof(rp_option),
                                        .name = "divide",
                                        .help = "what the norm is divided by; d is the number of weights per filter",
                                        .kind = RP_OPTION_CHOICE,
                                        .default_number = DIVIDE_SQRT_D,
                                        .choices = DIVISORS};

static const rp_option *const OPTIONS[] = {&DIVIDE_OPTION, NULL};

/* What is kept from create to destroy. */
typedef struct {
  divide by;
} settings;

static int create(const rp_context *context, const rp_value *options, void **self, rp_message *message) {
  (void)context;
  settings *kept = malloc(sizeof *kept);
  if (!kept) {
    snprintf(message->text, sizeof message->text, "out of memory");
    return RP_RANKER_ERROR;
  }
  kept->by = (divide)options[0].number;
  *self = kept;
  return RP_RANKER_OK;
}

static double divisor_of(divide by, double d) {
  switch (by) {
  case DIVIDE_D:
    return d;
  case DIVIDE_NONE:
    return 1;
  case DIVIDE_SQRT_D:
    break;
  }
  return sqrt(d);
}

static int score(void *self, const rp_context *context, float *importance, rp_message *message) {
  (void)message;
  divide by = ((const settings *)self)->by;
  for (uint32_t l = 0; l < context->n_layers; l++) {
    const rp_conv_layer *layer = context->layers[l];
    size_t d = (size_t)layer->C * layer->R * layer->S;
    for (uint32_t k = 0; k < layer->K; k++) {
      if (!layer->active[k]) continue;
      const float *w = layer->weight + k * d;
      double squares = 0;
      for (size_t i = 0; i < d; i++) squares += (double)w[i] * w[i];
      importance[layer->first_filter + k] = (float)(sqrt(squares) / divisor_of(by, (double)d));
    }
  }
  return RP_RANKER_OK;
}

const rp_ranker rp_ranker_plugin = {
    .abi_major = RP_RANKER_ABI_MAJOR,
    .abi_minor = RP_RANKER_ABI_MINOR,
    .size = sizeof(rp_ranker),
    .name = "l2",
    .version = "1.0.0",
    .doc = "Euclidean norm of the filter's weights per root of their number (Li et al., ICLR 2017; Prakash et al., CVPR 2019)",
    .normalise = "none",
    .options = OPTIONS,
    .create = create,
    .score = score,
    .destroy = free,
    .formula = "importance_f = Euclidean norm of the filter's weights / divisor\n"
               "d = C R S weights per filter; divisor: the root of d (sqrt-d), d or 1 (none); the bias is left out",
    .citation =
        "Prakash et al., RePr, CVPR 2019 (weights), after Li et al., Pruning filters for efficient ConvNets, ICLR 2017 (there with L1)",
    .reduction = "squares summed in double in the order of [C][R][S]",
};
