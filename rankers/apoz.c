/* apoz.c: how seldom a filter's map is zero.
 *
 * APoZ_f is the share of values a ≤ 0 of the filter's map at the gate, over all images and positions.
 *
 *   threshold none    importance_f = − APoZ_f
 *   threshold layer   importance_f = (μ + σ − APoZ_f) / σ
 *
 * with μ and σ the mean and the standard deviation (divided by J) of APoZ over the layer's J active filters; where σ = 0, 1.
 *
 * Hu et al., "Network trimming: a data-driven neuron pruning approach towards efficient deep architectures", 2016: they trim filters whose
 * APoZ is more than one standard deviation above their layer's mean. That threshold, found from the data, is where `layer` has its 0: below
 * are those that they would trim, and the number counts standard deviations. Without a ReLU before the gate, values below 0 count, too
 * (rule 11).
 *
 * Reduction: exact counts, also of μ − APoZ_f, so that equal shares have σ = 0; σ in double in the order of the filters. Normalisation:
 * none. */
#include "rankers/ranker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef enum { THRESHOLD_NONE, THRESHOLD_LAYER } threshold;

static const char *const THRESHOLDS[] = {"none", "layer", NULL};

static const rp_option THRESHOLD_OPTION = {.size = sizeof(rp_option),
                                           .name = "threshold",
                                           .help = "the share itself, or its distance from the layer's own threshold, mean + deviation",
                                           .kind = RP_OPTION_CHOICE,
                                           .default_number = THRESHOLD_NONE,
                                           .choices = THRESHOLDS};

static const rp_option *const OPTIONS[] = {&THRESHOLD_OPTION, NULL};

typedef struct {
  threshold from;
  uint64_t *zeros; /* [n_filters] */
  uint64_t n_images;
} apoz;

static int create(const rp_context *context, const rp_value *options, void **self, rp_message *message) {
  apoz *state = calloc(1, sizeof *state);
  if (state) state->zeros = calloc(context->n_filters, sizeof *state->zeros);
  if (!state || !state->zeros) {
    free(state);
    snprintf(message->text, sizeof message->text, "no memory for the counts of %u filters", (unsigned)context->n_filters);
    return RP_RANKER_ERROR;
  }
  state->from = (threshold)options[0].number;
  *self = state;
  return RP_RANKER_OK;
}

static uint32_t count_zeros(const float *a, size_t M) {
  uint32_t zeros = 0;
  for (size_t m = 0; m < M; m++) zeros += a[m] <= 0;
  return zeros;
}

static int observe(void *self, const rp_context *context, const rp_batch *batch, rp_message *message) {
  (void)message;
  apoz *state = self;
  for (uint32_t l = 0; l < context->n_layers; l++) {
    const rp_conv_layer *layer = context->layers[l];
    size_t M = (size_t)layer->out_height * layer->out_width;
    for (uint32_t n = 0; n < batch->n_images; n++)
      for (uint32_t k = 0; k < layer->K; k++)
        if (layer->active[k])
          state->zeros[layer->first_filter + k] += count_zeros(batch->layers[l]->activation + ((size_t)n * layer->K + k) * M, M);
  }
  state->n_images += batch->n_images;
  return RP_RANKER_OK;
}

static double share_of_zeros(const apoz *state, const rp_conv_layer *layer, uint32_t k) {
  return (double)state->zeros[layer->first_filter + k] / ((double)state->n_images * layer->out_height * layer->out_width);
}

/* J·z_f − Σ z over the layer's J active filters, z_f the zeros of filter f: how far its APoZ is above the layer's mean, exact, in a unit
 * that the deviation shares. */
static double above_mean(const apoz *state, const rp_conv_layer *layer, uint32_t f) {
  int64_t J = 0, sum = 0;
  for (uint32_t k = 0; k < layer->K; k++)
    if (layer->active[k]) sum += (int64_t)state->zeros[layer->first_filter + k], J++;
  return (double)(J * (int64_t)state->zeros[layer->first_filter + f] - sum);
}

static double deviation_of(const apoz *state, const rp_conv_layer *layer) {
  double squares = 0, J = 0;
  for (uint32_t k = 0; k < layer->K; k++)
    if (layer->active[k]) squares += pow(above_mean(state, layer, k), 2), J++;
  return sqrt(squares / J);
}

static void score_layer(const apoz *state, const rp_conv_layer *layer, float *importance) {
  double deviation = deviation_of(state, layer);
  for (uint32_t k = 0; k < layer->K; k++) {
    if (!layer->active[k]) continue;
    double from_threshold = deviation > 0 ? 1 - above_mean(state, layer, k) / deviation : 1;
    importance[layer->first_filter + k] = (float)(state->from == THRESHOLD_LAYER ? from_threshold : -share_of_zeros(state, layer, k));
  }
}

static int score(void *self, const rp_context *context, float *importance, rp_message *message) {
  const apoz *state = self;
  if (state->n_images == 0) {
    snprintf(message->text, sizeof message->text, "no image was shown");
    return RP_RANKER_ERROR;
  }
  for (uint32_t l = 0; l < context->n_layers; l++) score_layer(state, context->layers[l], importance);
  return RP_RANKER_OK;
}

static void destroy(void *self) {
  apoz *state = self;
  free(state->zeros);
  free(state);
}

const rp_ranker rp_ranker_plugin = {
    .abi_major = RP_RANKER_ABI_MAJOR,
    .abi_minor = RP_RANKER_ABI_MINOR,
    .size = sizeof(rp_ranker),
    .name = "apoz",
    .version = "1.0.1",
    .doc = "minus the share of zeros of the filter's map, APoZ (Hu et al., Network trimming, 2016)",
    .flags = RP_USES_ACTIVATION,
    .normalise = "none",
    .options = OPTIONS,
    .create = create,
    .observe = observe,
    .score = score,
    .destroy = destroy,
    .formula = "APoZ_f = share of values a <= 0 of the filter's map at the gate, over all images and positions\n"
               "threshold none:  importance_f = -APoZ_f\n"
               "threshold layer: importance_f = (m + s - APoZ_f) / s, with m and s the mean and the standard deviation of APoZ over the\n"
               "layer's active filters (s = 0: 1): below 0 are those beyond the threshold that the data set",
    .citation = "Hu et al., Network trimming: a data-driven neuron pruning approach, 2016; they trim beyond mean + standard deviation",
    .reduction = "exact counts, of differences from m as well; s in double in the order of the filters",
};
