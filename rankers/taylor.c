/* taylor.c: what a first-order expansion of the loss says that removing a filter's map would change.
 *
 * For image n, a_nm is the filter's map at the gate at position m of M, g_nm the gradient of that image's loss with respect to it:
 *
 *   importance_f = (1/n_images) Σ_n | (1/M) Σ_m a_nm · g_nm |
 *
 * Molchanov et al., "Pruning convolutional neural networks for resource efficient inference", ICLR 2017, eq. 8 to 10: the mean over
 * positions, then its absolute value for each image, then the mean over images. The host's loss is the mean over a batch of N images, so
 * its gradients are multiplied by N.
 *
 * Reduction: products and sums in double, positions in the order of [H][W], images in the order of the batches. Normalisation: layer-l2, as
 * there. */
#include "rankers/ranker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
  double *sums; /* [n_filters], over the images seen */
  uint64_t n_images;
} taylor;

static int create(const rp_context *context, const rp_value *options, void **self, rp_message *message) {
  (void)options;
  taylor *state = calloc(1, sizeof *state);
  if (state) state->sums = calloc(context->n_filters, sizeof *state->sums);
  if (!state || !state->sums) {
    free(state);
    snprintf(message->text, sizeof message->text, "no memory for the sums of %u filters", (unsigned)context->n_filters);
    return RP_RANKER_ERROR;
  }
  *self = state;
  return RP_RANKER_OK;
}

/* (1/M) Σ_m a_m · g_m of one map. */
static double mean_product(const float *a, const float *g, size_t M) {
  double sum = 0;
  for (size_t m = 0; m < M; m++) sum += (double)a[m] * g[m];
  return sum / (double)M;
}

static int observe(void *self, const rp_context *context, const rp_batch *batch, rp_message *message) {
  (void)message;
  taylor *state = self;
  for (uint32_t l = 0; l < context->n_layers; l++) {
    const rp_conv_layer *layer = context->layers[l];
    const rp_batch_layer *maps = batch->layers[l];
    size_t M = (size_t)layer->out_height * layer->out_width;
    for (uint32_t n = 0; n < batch->n_images; n++)
      for (uint32_t k = 0; k < layer->K; k++) {
        if (!layer->active[k]) continue;
        size_t at = ((size_t)n * layer->K + k) * M;
        double change = batch->n_images * mean_product(maps->activation + at, maps->activation_gradient + at, M);
        state->sums[layer->first_filter + k] += fabs(change);
      }
  }
  state->n_images += batch->n_images;
  return RP_RANKER_OK;
}

static int score(void *self, const rp_context *context, float *importance, rp_message *message) {
  const taylor *state = self;
  if (state->n_images == 0) {
    snprintf(message->text, sizeof message->text, "no image was shown");
    return RP_RANKER_ERROR;
  }
  for (uint32_t f = 0; f < context->n_filters; f++) importance[f] = (float)(state->sums[f] / (double)state->n_images);
  return RP_RANKER_OK;
}

static void destroy(void *self) {
  taylor *state = self;
  free(state->sums);
  free(state);
}

const rp_ranker rp_ranker_plugin = {
    .abi_major = RP_RANKER_ABI_MAJOR,
    .abi_minor = RP_RANKER_ABI_MINOR,
    .size = sizeof(rp_ranker),
    .name = "taylor",
    .version = "1.0.0",
    .doc = "first-order change of the loss without the filter's map (Molchanov et al., ICLR 2017)",
    .flags = RP_USES_ACTIVATION | RP_USES_ACTIVATION_GRADIENT,
    .normalise = "layer-l2",
    .create = create,
    .observe = observe,
    .score = score,
    .destroy = destroy,
};
