/* gradient.c: how much the loss still pulls at a filter's weights.
 *
 * importance_f = (1/d) Σ_i |∂L/∂w_fi|, L the mean loss over all scoring images, d = C·R·S weights per filter.
 *
 * Prakash et al., CVPR 2019, Fig. 3 ("gradients"); the absolute value is taken of the gradient over all images, so that the number does
 * not depend on how they are batched. Normalisation: layer-l2, which Molchanov et al., ICLR 2017, give every criterion of this kind.
 *
 * Reduction: the host's gradient of each batch's mean loss (float32) is multiplied by its number of images and summed in double in the
 * order of the batches; absolute values are summed in double in the order of [C][R][S]. */
#include "rankers/ranker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
  double *sums; /* of all layers' weights, one layer after the other: [Σ K·C·R·S], over the images seen */
  uint64_t n_images;
} gradient;

static size_t weights_per_filter(const rp_conv_layer *layer) {
  return (size_t)layer->C * layer->R * layer->S;
}

static int create(const rp_context *context, const rp_value *options, void **self, rp_message *message) {
  (void)options;
  size_t n_weights = 0;
  for (uint32_t l = 0; l < context->n_layers; l++) n_weights += context->layers[l]->K * weights_per_filter(context->layers[l]);
  gradient *state = calloc(1, sizeof *state);
  if (state) state->sums = calloc(n_weights, sizeof *state->sums);
  if (!state || !state->sums) {
    free(state);
    snprintf(message->text, sizeof message->text, "no memory for the gradients of %zu weights", n_weights);
    return RP_RANKER_ERROR;
  }
  *self = state;
  return RP_RANKER_OK;
}

static int observe(void *self, const rp_context *context, const rp_batch *batch, rp_message *message) {
  (void)message;
  gradient *state = self;
  double *sums = state->sums;
  for (uint32_t l = 0; l < context->n_layers; l++) {
    const float *g = batch->layers[l]->weight_gradient;
    size_t n = context->layers[l]->K * weights_per_filter(context->layers[l]);
    for (size_t i = 0; i < n; i++) sums[i] += batch->n_images * (double)g[i];
    sums += n;
  }
  state->n_images += batch->n_images;
  return RP_RANKER_OK;
}

static int score(void *self, const rp_context *context, float *importance, rp_message *message) {
  const gradient *state = self;
  if (state->n_images == 0) {
    snprintf(message->text, sizeof message->text, "no image was shown");
    return RP_RANKER_ERROR;
  }
  const double *sums = state->sums;
  for (uint32_t l = 0; l < context->n_layers; l++) {
    const rp_conv_layer *layer = context->layers[l];
    size_t d = weights_per_filter(layer);
    for (uint32_t k = 0; k < layer->K; k++, sums += d) {
      if (!layer->active[k]) continue;
      double absolute = 0;
      for (size_t i = 0; i < d; i++) absolute += fabs(sums[i] / (double)state->n_images);
      importance[layer->first_filter + k] = (float)(absolute / (double)d);
    }
  }
  return RP_RANKER_OK;
}

static void destroy(void *self) {
  gradient *state = self;
  free(state->sums);
  free(state);
}

const rp_ranker rp_ranker_plugin = {
    .abi_major = RP_RANKER_ABI_MAJOR,
    .abi_minor = RP_RANKER_ABI_MINOR,
    .size = sizeof(rp_ranker),
    .name = "gradient",
    .version = "1.0.0",
    .doc = "mean absolute gradient of the loss by the filter's weights (Prakash et al., CVPR 2019, Fig. 3)",
    .flags = RP_USES_WEIGHT_GRADIENT,
    .normalise = "layer-l2",
    .create = create,
    .observe = observe,
    .score = score,
    .destroy = destroy,
    .formula = "importance_f = mean of |dL/dw| over the filter's C R S weights, L the mean loss over all scoring images",
    .citation = "Prakash et al., RePr, CVPR 2019, Fig. 3 (gradients); normalised as Molchanov et al., ICLR 2017, do",
    .reduction = "each batch's gradient (float32) times its number of images, summed in double in the order of the batches; absolute\n"
                 "values in double in the order of [C][R][S]",
};
