/* fpgm.c: how far a filter lies from the others of its layer: one near the geometric median can be told by them.
 *
 * importance_f = Σ_{j≠f} ‖w_f − w_j‖₂ over the layer's J active filters, w as vectors of C·R·S weights.
 *
 * He et al., "Filter pruning via geometric median for deep neural networks acceleration", CVPR 2019. They prune the same share of
 * every layer; so does the default normalisation, layer-rank, in a ranking of the whole net.
 *
 * Reduction: squares of differences (of floats, in double) summed in double in the order of [C][R][S]; distances summed in double in the
 * order of j. A filter without another one in its layer has 0. */
#include "rankers/ranker.h"

#include <math.h>

static double distance(const float *a, const float *b, size_t d) {
  double squares = 0;
  for (size_t i = 0; i < d; i++) {
    double difference = (double)a[i] - b[i];
    squares += difference * difference;
  }
  return sqrt(squares);
}

static double distance_to_others(const rp_conv_layer *layer, uint32_t f) {
  size_t d = (size_t)layer->C * layer->R * layer->S;
  double sum = 0;
  for (uint32_t j = 0; j < layer->K; j++)
    if (j != f && layer->active[j]) sum += distance(layer->weight + f * d, layer->weight + j * d, d);
  return sum;
}

static int score(void *self, const rp_context *context, float *importance, rp_message *message) {
  (void)self;
  (void)message;
  for (uint32_t l = 0; l < context->n_layers; l++) {
    const rp_conv_layer *layer = context->layers[l];
    for (uint32_t k = 0; k < layer->K; k++)
      if (layer->active[k]) importance[layer->first_filter + k] = (float)distance_to_others(layer, k);
  }
  return RP_RANKER_OK;
}

const rp_ranker rp_ranker_plugin = {
    .abi_major = RP_RANKER_ABI_MAJOR,
    .abi_minor = RP_RANKER_ABI_MINOR,
    .size = sizeof(rp_ranker),
    .name = "fpgm",
    .version = "1.0.0",
    .doc = "sum of the distances to the layer's other filters: far from their geometric median (He et al., CVPR 2019)",
    .normalise = "layer-rank",
    .score = score,
    .formula = "importance_f = sum over j != f of ||w_f - w_j||, j over the layer's active filters, w as vectors of C R S weights",
    .citation = "He et al., Filter pruning via geometric median, CVPR 2019; they prune the same share of every layer, as\n"
                "layer-rank does in a ranking of the whole net",
    .reduction = "squares of differences summed in double in the order of [C][R][S], distances in double in the order of j",
};
