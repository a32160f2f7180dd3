/* hessian.c: what a second-order expansion of the loss says that setting a filter's weights to 0 would change.
 *
 * Near a minimum the gradient is 0, and of the Hessian only the diagonal h is looked at:
 *
 *   importance_f = Σ_w ½ h_w w²          over the C·R·S weights w of filter f; bias and BN are left out
 *
 * LeCun, Denker & Solla, "Optimal brain damage", NIPS 1989 (published 1990): the saliency of a weight, summed over a filter. h_w is
 * estimated in one of two ways:
 *
 *   obd          h_w = (1/n) Σ_b (Σ_{i in b} ∂l_i/∂w)²          n images in batches b of 250, l_i the loss of image i
 *   hutchinson   h_w = (1/m) Σ_t v_tw (H v_t)_w                 v_tw = ±1 with probability 1/2 each, t = 1 … m = draws
 *
 * obd: squared gradients. For a net that gives the right probabilities the expected Hessian is the Fisher matrix, whose diagonal is the
 * mean of squared gradients of single images. Gradients here are those of batches: where the mean gradient is 0 and images are independent,
 * a sum's square has the sum of the squares as its expectation, so this h has the mean over images as its own; where the mean gradient μ is
 * not 0, it is larger by about 249 μ². With batches of one image it would be the empirical Fisher itself. Never below 0.
 *
 * hutchinson: v ⊙ Hv has the diagonal of H as its expectation. Hutchinson, "A stochastic estimator of the trace of the influence matrix for
 * Laplacian smoothing splines", Communications in Statistics 19, 1990; for nets: Dong et al., HAWQ, ICCV 2019; Yao et al., ADAHESSIAN, AAAI
 * 2021. H is exact, on all scoring images (the host's hessian_product); v comes from uniform(t, w), w counted layer-major, below 1/2 = −1.
 * The sign is kept: where the loss curves down, importance is below 0. One draw costs two to three passes of gradients, and its error
 * shrinks with the root of their number.
 *
 * obd is the default: it takes one pass, which other criteria share, and is the same for every seed.
 *
 * Reduction: all in double; batches and draws in their order, weights in the order of [C][R][S]. Normalisation: none, since saliencies are
 * all in units of the loss. */
#include "rankers/ranker.h"

#include <stdio.h>
#include <stdlib.h>

typedef enum { VARIANT_OBD, VARIANT_HUTCHINSON } variant;

static const char *const VARIANTS[] = {"obd", "hutchinson", NULL};

static const rp_option VARIANT_OPTION = {.size = sizeof(rp_option),
                                         .name = "variant",
                                         .help = "the Hessian's diagonal: of squared gradients, or of its products with random signs",
                                         .kind = RP_OPTION_CHOICE,
                                         .default_number = VARIANT_OBD,
                                         .choices = VARIANTS};

static const rp_option DRAWS_OPTION = {.size = sizeof(rp_option),
                                       .name = "draws",
                                       .help = "hutchinson: how many random vectors; each costs two to three passes of gradients",
                                       .kind = RP_OPTION_INTEGER,
                                       .default_number = 4,
                                       .lowest = 1,
                                       .highest = 10000};

static const rp_option *const OPTIONS[] = {&VARIANT_OPTION, &DRAWS_OPTION, NULL};

typedef struct {
  variant how;
  uint32_t draws;
  size_t n_weights;
  double *diagonal;   /* [n_weights], layer-major: sums over batches or draws, then h */
  float *v, *product; /* [n_weights] each */
  uint64_t n_images;
} curvature;

static size_t weights_per_filter(const rp_conv_layer *layer) {
  return (size_t)layer->C * layer->R * layer->S;
}

static void destroy(void *self) {
  curvature *state = self;
  if (!state) return;
  free(state->diagonal), free(state->v), free(state->product);
  free(state);
}

static int create(const rp_context *context, const rp_value *options, void **self, rp_message *message) {
  curvature *state = calloc(1, sizeof *state);
  size_t n = 0;
  for (uint32_t l = 0; l < context->n_layers; l++) n += context->layers[l]->K * weights_per_filter(context->layers[l]);
  if (state) {
    state->how = (variant)options[0].number;
    state->draws = (uint32_t)options[1].number;
    state->n_weights = n;
    state->diagonal = calloc(n, sizeof *state->diagonal);
    state->v = calloc(n, sizeof *state->v);
    state->product = calloc(n, sizeof *state->product);
  }
  if (!state || !state->diagonal || !state->v || !state->product) {
    destroy(state);
    snprintf(message->text, sizeof message->text, "no memory for the curvature of %zu weights", n);
    return RP_RANKER_ERROR;
  }
  *self = state;
  return RP_RANKER_OK;
}

/* ---- The diagonal ---------------------------------------------------------------------------- */

static int observe(void *self, const rp_context *context, const rp_batch *batch, rp_message *message) {
  (void)message;
  curvature *state = self;
  if (state->how != VARIANT_OBD) return RP_RANKER_OK;
  double *sum = state->diagonal;
  for (uint32_t l = 0; l < context->n_layers; l++) {
    const float *gradient = batch->layers[l]->weight_gradient;
    for (size_t i = 0; i < context->layers[l]->K * weights_per_filter(context->layers[l]); i++) {
      double of_all_images = (double)batch->n_images * gradient[i];
      *sum++ += of_all_images * of_all_images;
    }
  }
  state->n_images += batch->n_images;
  return RP_RANKER_OK;
}

static int average_batches(curvature *state, rp_message *message) {
  if (state->n_images == 0) {
    snprintf(message->text, sizeof message->text, "no image was shown");
    return RP_RANKER_ERROR;
  }
  for (size_t w = 0; w < state->n_weights; w++) state->diagonal[w] /= (double)state->n_images;
  return RP_RANKER_OK;
}

static int average_draws(curvature *state, const rp_context *context, rp_message *message) {
  for (uint32_t t = 0; t < state->draws; t++) {
    for (size_t w = 0; w < state->n_weights; w++) state->v[w] = context->uniform(context, t, (uint32_t)w) < 0.5 ? -1 : 1;
    int status = context->hessian_product(context, state->v, state->product, message);
    if (status != RP_RANKER_OK) return status;
    for (size_t w = 0; w < state->n_weights; w++) state->diagonal[w] += (double)state->v[w] * state->product[w];
  }
  for (size_t w = 0; w < state->n_weights; w++) state->diagonal[w] /= state->draws;
  return RP_RANKER_OK;
}

/* ---- Scores ---------------------------------------------------------------------------------- */

static double saliency(const float *weights, const double *diagonal, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += 0.5 * diagonal[i] * weights[i] * weights[i];
  return sum;
}

static int score(void *self, const rp_context *context, float *importance, rp_message *message) {
  curvature *state = self;
  int status = state->how == VARIANT_OBD ? average_batches(state, message) : average_draws(state, context, message);
  if (status != RP_RANKER_OK) return status;
  const double *diagonal = state->diagonal;
  for (uint32_t l = 0; l < context->n_layers; l++) {
    const rp_conv_layer *layer = context->layers[l];
    size_t n = weights_per_filter(layer);
    for (uint32_t k = 0; k < layer->K; k++, diagonal += n)
      if (layer->active[k]) importance[layer->first_filter + k] = (float)saliency(layer->weight + k * n, diagonal, n);
  }
  return RP_RANKER_OK;
}

const rp_ranker rp_ranker_plugin = {
    .abi_major = RP_RANKER_ABI_MAJOR,
    .abi_minor = RP_RANKER_ABI_MINOR,
    .size = sizeof(rp_ranker),
    .name = "hessian",
    .version = "1.0.0",
    .doc = "second-order change of the loss without the filter's weights (LeCun et al., Optimal Brain Damage, NIPS 1989)",
    .flags = RP_USES_WEIGHT_GRADIENT | RP_USES_HESSIAN_PRODUCT | RP_STOCHASTIC,
    .normalise = "none",
    .options = OPTIONS,
    .create = create,
    .observe = observe,
    .score = score,
    .destroy = destroy,
};
