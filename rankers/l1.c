/* l1.c: the size of a filter's weights, as the sum of their absolute values.
 *
 * importance_f = Σ_i |w_fi| / divisor, with d = C·R·S weights per filter; divisor d (`d`), √d (`sqrt-d`) or 1 (`none`).
 *
 * Li et al., "Pruning filters for efficient ConvNets", ICLR 2017, who rank each layer by itself and divide by nothing. A ranking of the
 * whole net has to make filters of different length comparable: the default is d, the mean absolute weight, with which layers initialised
 * alike start equal.
 *
 * Reduction: absolute values summed in double in the order of [C][R][S]. Normalisation: none. The bias is left out. */
#include "rankers/ranker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef enum { DIVIDE_D, DIVIDE_SQRT_D, DIVIDE_NONE } divide;

static const char *const DIVISORS[] = {"d", "sqrt-d", "none", NULL};

static const rp_option DIVIDE_OPTION = {.size = sizeof(rp_option),
                                        .name = "divide",
                                        .help = "what the sum is divided by; d is the number of weights per filter",
                                        .kind = RP_OPTION_CHOICE,
                                        .default_number = DIVIDE_D,
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
  case DIVIDE_SQRT_D:
    return sqrt(d);
  case DIVIDE_NONE:
    return 1;
  case DIVIDE_D:
    break;
  }
  return d;
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
      double sum = 0;
      for (size_t i = 0; i < d; i++) sum += fabs((double)w[i]);
      importance[layer->first_filter + k] = (float)(sum / divisor_of(by, (double)d));
    }
  }
  return RP_RANKER_OK;
}

const rp_ranker rp_ranker_plugin = {
    .abi_major = RP_RANKER_ABI_MAJOR,
    .abi_minor = RP_RANKER_ABI_MINOR,
    .size = sizeof(rp_ranker),
    .name = "l1",
    .version = "1.0.0",
    .doc = "mean absolute value of the filter's weights (Li et al., ICLR 2017)",
    .normalise = "none",
    .options = OPTIONS,
    .create = create,
    .score = score,
    .destroy = free,
    .formula = "importance_f = sum of |w| over the filter's weights / divisor\n"
               "d = C R S weights per filter; divisor: d, its root (sqrt-d) or 1 (none); the bias is left out",
    .citation = "Li et al., Pruning filters for efficient ConvNets, ICLR 2017 (there each layer by itself, divided by nothing)",
    .reduction = "absolute values summed in double in the order of [C][R][S]",
};
