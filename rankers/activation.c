/* activation.c: how strongly a filter's map responds.
 *
 * For image n, a_nm is the filter's map at the gate at position m of M (H·W):
 *
 *   importance_f = (1/n_images) Σ_n (1/M) Σ_m |a_nm|
 *
 * Prakash et al., CVPR 2019, Fig. 3 ("activations"); the mean activation of Molchanov et al., ICLR 2017, section 2, from whom the
 * default normalisation comes, layer-l2. The absolute value matters where there is no ReLU before the gate.
 *
 * Reduction: |a| summed in double in the order of [H][W], images' means in double in the order of the batches. */
#include "rankers/ranker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
  double *sums; /* [n_filters], of the images' means */
  uint64_t n_images;
} activation;

static int create(const rp_context *context, const rp_value *options, void **self, rp_message *message) {
  (void)options;
  activation *state = calloc(1, sizeof *state);
  if (state) state->sums = calloc(context->n_filters, sizeof *state->sums);
  if (!state || !state->sums) {
    free(state);
    snprintf(message->text, sizeof message->text, "no memory for the sums of %u filters", (unsigned)context->n_filters);
    return RP_RANKER_ERROR;
  }
  *self = state;
  return RP_RANKER_OK;
}

static double mean_absolute(const float *a, size_t M) {
  double sum = 0;
  for (size_t m = 0; m < M; m++) sum += fabs((double)a[m]);
  return sum / (double)M;
}

static int observe(void *self, const rp_context *context, const rp_batch *batch, rp_message *message) {
  (void)message;
  activation *state = self;
  for (uint32_t l = 0; l < context->n_layers; l++) {
    const rp_conv_layer *layer = context->layers[l];
    size_t M = (size_t)layer->out_height * layer->out_width;
    for (uint32_t n = 0; n < batch->n_images; n++)
      for (uint32_t k = 0; k < layer->K; k++)
        if (layer->active[k])
          state->sums[layer->first_filter + k] += mean_absolute(batch->layers[l]->activation + ((size_t)n * layer->K + k) * M, M);
  }
  state->n_images += batch->n_images;
  return RP_RANKER_OK;
}

static int score(void *self, const rp_context *context, float *importance, rp_message *message) {
  const activation *state = self;
  if (state->n_images == 0) {
    snprintf(message->text, sizeof message->text, "no image was shown");
    return RP_RANKER_ERROR;
  }
  for (uint32_t f = 0; f < context->n_filters; f++) importance[f] = (float)(state->sums[f] / (double)state->n_images);
  return RP_RANKER_OK;
}

static void destroy(void *self) {
  activation *state = self;
  free(state->sums);
  free(state);
}

const rp_ranker rp_ranker_plugin = {
    .abi_major = RP_RANKER_ABI_MAJOR,
    .abi_minor = RP_RANKER_ABI_MINOR,
    .size = sizeof(rp_ranker),
    .name = "activation",
    .version = "1.0.0",
    .doc = "mean absolute activation of the filter's map (Molchanov et al., ICLR 2017; Prakash et al., CVPR 2019)",
    .flags = RP_USES_ACTIVATION,
    .normalise = "layer-l2",
    .create = create,
    .observe = observe,
    .score = score,
    .destroy = destroy,
    .formula =
        "importance_f = mean over images and positions of |a|, a the filter's map at the gate (after its BN and ReLU, before any pool)",
    .citation = "Prakash et al., RePr, CVPR 2019, Fig. 3 (activations); Molchanov et al., Pruning convolutional neural networks for\n"
                "resource efficient inference, ICLR 2017, section 2, whose normalisation is the default",
    .reduction = "|a| summed in double in the order of [H][W], then the images' means in double in the order of the batches",
};
