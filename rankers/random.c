/* random.c: no criterion at all; the control that tells what a scheme does whatever it drops.
 *
 * importance_f = uniform(layer, k): a number in (0, 1) keyed by the trial's seed, this ranker's name, the cycle, the layer and the filter,
 * so that it does not depend on which other filters are active. Reduction: none. Normalisation: none. Prakash et al., CVPR 2019, Fig. 3
 * ("random"). */
#include "rankers/ranker.h"

static int score(void *self, const rp_context *context, float *importance, rp_message *message) {
  (void)self;
  (void)message;
  for (uint32_t l = 0; l < context->n_layers; l++) {
    const rp_conv_layer *layer = context->layers[l];
    for (uint32_t k = 0; k < layer->K; k++)
      if (layer->active[k]) importance[layer->first_filter + k] = (float)context->uniform(context, l, k);
  }
  return RP_RANKER_OK;
}

const rp_ranker rp_ranker_plugin = {
    .abi_major = RP_RANKER_ABI_MAJOR,
    .abi_minor = RP_RANKER_ABI_MINOR,
    .size = sizeof(rp_ranker),
    .name = "random",
    .version = "1.0.0",
    .doc = "uniform random numbers: the control for every criterion (Prakash et al., CVPR 2019, Fig. 3)",
    .flags = RP_STOCHASTIC,
    .normalise = "none",
    .score = score,
    .formula =
        "importance_f = a number in (0, 1), uniform, drawn for the trial's seed, this ranker's name, the cycle, the layer and the filter",
    .citation = "Prakash et al., RePr, CVPR 2019, Fig. 3 (random)",
    .reduction = "none",
};
