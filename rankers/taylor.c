/* taylor.c: what a first-order expansion of the loss says that removing a filter's map would change.
 *
 * For image n, a_nm is the filter's map at the gate at position m of M, g_nm the gradient of that image's loss with respect to it, and
 * t_n = (1/M) Σ_m a_nm · g_nm:
 *
 *   abs       importance_f = (1/n_images) Σ_n |t_n|
 *   signed    importance_f = − (1/n_images) Σ_n t_n
 *   squared   importance_f = (1/n_images) Σ_n t_n²
 *
 * abs: Molchanov et al., "Pruning convolutional neural networks for resource efficient inference", ICLR 2017, eq. 8 to 10: the mean over
 * positions, then its absolute value for each image, then the mean over images. signed: the change itself, since setting a to 0 changes the
 * loss by − Σ_m a_m · g_m: a filter whose removal should lower the loss goes first. squared: as Molchanov et al., "Importance estimation
 * for neural network pruning", CVPR 2019, square the change at a gate. The host's loss is the mean over a batch of N images, so its
 * gradients are multiplied by N.
 *
 * Reduction: products and sums in double, positions in the order of [H][W], images in the order of the batches. Normalisation: layer-l2, as
 * there. */
#include "rankers/ranker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef enum { VARIANT_ABS, VARIANT_SIGNED, VARIANT_SQUARED } variant;

static const char *const VARIANTS[] = {"abs", "signed", "squared", NULL};

static const rp_option VARIANT_OPTION = {.size = sizeof(rp_option),
                                         .name = "variant",
                                         .help = "each image's change counts by its size, with its sign, or by its square",
                                         .kind = RP_OPTION_CHOICE,
                                         .default_number = VARIANT_ABS,
                                         .choices = VARIANTS};

static const rp_option *const OPTIONS[] = {&VARIANT_OPTION, NULL};

typedef struct {
  variant how;
  double *sums; /* [n_filters], over the images seen */
  uint64_t n_images;
} taylor;

static int create(const rp_context *context, const rp_value *options, void **self, rp_message *message) {
  taylor *state = calloc(1, sizeof *state);
  if (state) state->sums = calloc(context->n_filters, sizeof *state->sums);
  if (!state || !state->sums) {
    free(state);
    snprintf(message->text, sizeof message->text, "no memory for the sums of %u filters", (unsigned)context->n_filters);
    return RP_RANKER_ERROR;
  }
  state->how = (variant)options[0].number;
  *self = state;
  return RP_RANKER_OK;
}

/* (1/M) Σ_m a_m · g_m of one map. */
static double mean_product(const float *a, const float *g, size_t M) {
  double sum = 0;
  for (size_t m = 0; m < M; m++) sum += (double)a[m] * g[m];
  return sum / (double)M;
}

/* What an image adds to the importance. */
static double counted(variant how, double change) {
  switch (how) {
  case VARIANT_SIGNED:
    return -change;
  case VARIANT_SQUARED:
    return change * change;
  case VARIANT_ABS:
    break;
  }
  return fabs(change);
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
        state->sums[layer->first_filter + k] += counted(state->how, change);
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
    .options = OPTIONS,
    .create = create,
    .observe = observe,
    .score = score,
    .destroy = destroy,
    .formula = "t_n = mean over positions of a g for image n: a the filter's map at the gate, g the gradient of the image's loss by it\n"
               "abs:     importance_f = mean over images of |t_n|\n"
               "signed:  importance_f = -mean over images of t_n, the change of the loss that removing the map should make\n"
               "squared: importance_f = mean over images of t_n^2",
    .citation = "Molchanov et al., Pruning convolutional neural networks for resource efficient inference, ICLR 2017, eq. 8 to 10 (abs);\n"
                "Molchanov et al., Importance estimation for neural network pruning, CVPR 2019 (squared)",
    .reduction = "products and sums in double, positions in the order of [H][W], images in the order of the batches",
};
