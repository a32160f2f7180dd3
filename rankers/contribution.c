/* contribution.c: how much of a filter's map arrives at what reads it.
 *
 * importance_f = mean |a_f| · mean |w_out|: the mean absolute value of the filter's map at the gate, over all images and positions, times
 * the mean absolute weight by which later convs and fcs read it. Weights that lead to dropped filters are left out; a map that no weight
 * reads (of a conv that gives the logits) counts as read by a weight of 1, one that only dropped filters read by a weight of 0.
 *
 * Dohare et al., "Loss of plasticity in deep continual learning", Nature 2024 (continual backprop: contribution utility |h| · Σ |w_out|),
 * there as a running mean over the training steps, and a share of each layer by itself; here over the scoring images, on the weights as
 * they are, with means in place of sums, so that layers of different width compare. Normalisation: layer-mean.
 *
 * Reduction: |a| summed in double in the order of [H][W], images' means in double in the order of the batches; |w_out| summed in double,
 * reader by reader, in the order of outputs, then of the weights of one. */
#include "rankers/ranker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  double *sums; /* [n_filters], of the images' means of |a| */
  uint64_t n_images;
} contribution;

static int create(const rp_context *context, const rp_value *options, void **self, rp_message *message) {
  (void)options;
  contribution *state = calloc(1, sizeof *state);
  if (state) state->sums = calloc(context->n_filters, sizeof *state->sums);
  if (!state || !state->sums) {
    free(state);
    snprintf(message->text, sizeof message->text, "no memory for the sums of %u filters", (unsigned)context->n_filters);
    return RP_RANKER_ERROR;
  }
  *self = state;
  return RP_RANKER_OK;
}

/* ---- Maps ------------------------------------------------------------------------------------ */

static double mean_absolute(const float *a, size_t M) {
  double sum = 0;
  for (size_t m = 0; m < M; m++) sum += fabs((double)a[m]);
  return sum / (double)M;
}

static int observe(void *self, const rp_context *context, const rp_batch *batch, rp_message *message) {
  (void)message;
  contribution *state = self;
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

/* ---- Weights --------------------------------------------------------------------------------- */

/* Which outputs of a reader are active: NULL for an fc, all of whose are. */
static const uint8_t *active_outputs(const rp_context *context, const char *reader) {
  for (uint32_t l = 0; l < context->n_layers; l++)
    if (strcmp(context->layers[l]->name, reader) == 0) return context->layers[l]->active;
  return NULL;
}

static double mean_outgoing(const rp_context *context, const rp_conv_layer *layer, uint32_t k) {
  double sum = 0, n = 0;
  for (uint32_t i = 0; i < layer->n_readers[k]; i++) {
    const rp_reader_slice *reader = layer->readers[k][i];
    const uint8_t *active = active_outputs(context, reader->layer);
    for (uint32_t output = 0; output < reader->outputs; output++) {
      if (active && !active[output]) continue;
      const float *w = reader->weight + ((size_t)output * reader->channels + reader->channel) * reader->E;
      for (uint32_t e = 0; e < reader->E; e++) sum += fabs((double)w[e]);
      n += reader->E;
    }
  }
  if (layer->n_readers[k] == 0) return 1;
  return n > 0 ? sum / n : 0;
}

static int score(void *self, const rp_context *context, float *importance, rp_message *message) {
  const contribution *state = self;
  if (state->n_images == 0) {
    snprintf(message->text, sizeof message->text, "no image was shown");
    return RP_RANKER_ERROR;
  }
  for (uint32_t l = 0; l < context->n_layers; l++) {
    const rp_conv_layer *layer = context->layers[l];
    for (uint32_t k = 0; k < layer->K; k++) {
      if (!layer->active[k]) continue;
      double map = state->sums[layer->first_filter + k] / (double)state->n_images;
      importance[layer->first_filter + k] = (float)(map * mean_outgoing(context, layer, k));
    }
  }
  return RP_RANKER_OK;
}

static void destroy(void *self) {
  contribution *state = self;
  free(state->sums);
  free(state);
}

const rp_ranker rp_ranker_plugin = {
    .abi_major = RP_RANKER_ABI_MAJOR,
    .abi_minor = RP_RANKER_ABI_MINOR,
    .size = sizeof(rp_ranker),
    .name = "contribution",
    .version = "1.0.0",
    .doc = "mean absolute activation times mean absolute outgoing weight (Dohare et al., continual backprop, Nature 2024)",
    .flags = RP_USES_ACTIVATION,
    .normalise = "layer-mean",
    .create = create,
    .observe = observe,
    .score = score,
    .destroy = destroy,
    .formula =
        "importance_f = mean |a| x mean |w_out|: a the filter's map at the gate over all images and positions, w_out the weights of\n"
        "later convs and fcs that read it, without those of dropped filters (none reads it: 1; dropped filters only: 0)",
    .citation =
        "Dohare et al., Loss of plasticity in deep continual learning, Nature 2024 (continual backprop); there a running mean over\n"
        "training and a sum over outgoing weights",
    .reduction = "|a| summed in double in the order of [H][W], images' means in the order of the batches; |w_out| in double, reader by\n"
                 "reader, in the order of outputs",
};
