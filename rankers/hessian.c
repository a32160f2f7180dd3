/* hessian.c: what a second-order expansion of the loss says that setting a filter's weights to 0 would change.
 *
 * Near a minimum the gradient is 0, and of the Hessian only the diagonal h is looked at:
 *
 *   importance_f = Σ_w ½ h_w w²          over the C·R·S weights w of filter f; bias and BN are left out
 *
 * LeCun, Denker & Solla, "Optimal brain damage", NIPS 1989 (published 1990): the saliency of a weight, summed over a filter.
 *
 * obd: for h the mean over images of squared gradients g_i = ∂l_i/∂w, the diagonal of the empirical Fisher matrix, which stands in for the
 * Hessian where the net gives about the right probabilities; never below 0. Criteria are shown gradients of batches, not of images, so
 * that mean is estimated. With n images in B batches b of n_b (250), G_b = Σ_{i in b} g_i and μ = Σ_b G_b / n:
 *
 *   h = (1 − 1/n) · 1/(B − 1) · Σ_b (G_b − n_b μ)² / n_b + μ²          where B > 1; else G² / n, as if μ were 0
 *
 * The first term is the variance of single gradients as that of sums of them tells it. If images are drawn independently, h has the mean
 * of g_i² as its expectation, and with batches of one image it is that mean. (Squares of batches' gradients alone, Σ_b G_b² / n, would be
 * too large by 249 μ²: on a c3-authors of 7 epochs their ranks correlate with those of squared gradients of 5,000 single images by 0.76,
 * those of this estimate by 0.96.)
 *
 * hutchinson: the diagonal of the Hessian itself, without bias, of m = `draws` random vectors z = v ⊙ w, v_tw = ±1 with probability 1/2:
 *
 *   h_w w² = (1/m) Σ_t z_tw (H z_t)_w
 *
 * Hutchinson, "A stochastic estimator of the trace of the influence matrix for Laplacian smoothing splines", Communications in Statistics
 * 19, 1990; for nets: Dong et al., HAWQ, ICCV 2019; Yao et al., ADAHESSIAN, AAAI 2021, who take z = v. The weights are put into z, since
 * it is the diagonal of W·H·W, W = diag(w), that is asked for: that halves the variance. H is exact, over all scoring images (the host's
 * hessian_product); v_tw is −1 where uniform(t, w) < 1/2, w counted layer-major. The sign is kept: where the loss curves down, importance
 * is below 0. Each draw costs two to three passes of gradients; the error falls with the root of their number, and at 8 is still large.
 *
 * obd is the default: it takes one pass, which other criteria share, and does not depend on the seed. On that c3-authors its ranks
 * correlate with hutchinson's at 40 draws by 0.85, those of 8 draws by 0.66.
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
                                         .help = "the Hessian's diagonal: from squared gradients, or from its products with random vectors",
                                         .kind = RP_OPTION_CHOICE,
                                         .default_number = VARIANT_OBD,
                                         .choices = VARIANTS};

static const rp_option DRAWS_OPTION = {.size = sizeof(rp_option),
                                       .name = "draws",
                                       .help = "hutchinson: how many random vectors; each costs two to three passes of gradients",
                                       .kind = RP_OPTION_INTEGER,
                                       .default_number = 8,
                                       .lowest = 1,
                                       .highest = 10000};

static const rp_option *const OPTIONS[] = {&VARIANT_OPTION, &DRAWS_OPTION, NULL};

/* Arrays are [n_weights], layer-major; obd needs the first two, hutchinson the first and the last two. */
typedef struct {
  variant how;
  uint32_t draws, n_batches;
  uint64_t n_images;
  size_t n_weights;
  double *sums;      /* obd: Σ_b G_b² / n_b, then h·w²; hutchinson: Σ_t z ⊙ Hz, then h·w² */
  double *gradients; /* Σ_b G_b */
  float *z, *product;
} curvature;

static size_t weights_per_filter(const rp_conv_layer *layer) {
  return (size_t)layer->C * layer->R * layer->S;
}

static void destroy(void *self) {
  curvature *state = self;
  if (!state) return;
  free(state->sums), free(state->gradients), free(state->z), free(state->product);
  free(state);
}

static int allocate(curvature *state) {
  state->sums = calloc(state->n_weights, sizeof *state->sums);
  if (state->how == VARIANT_OBD) {
    state->gradients = calloc(state->n_weights, sizeof *state->gradients);
    return state->sums && state->gradients;
  }
  state->z = calloc(state->n_weights, sizeof *state->z);
  state->product = calloc(state->n_weights, sizeof *state->product);
  return state->sums && state->z && state->product;
}

static int create(const rp_context *context, const rp_value *options, void **self, rp_message *message) {
  curvature *state = calloc(1, sizeof *state);
  size_t n = 0;
  for (uint32_t l = 0; l < context->n_layers; l++) n += context->layers[l]->K * weights_per_filter(context->layers[l]);
  if (state) {
    state->how = (variant)options[0].number;
    state->draws = (uint32_t)options[1].number;
    state->n_weights = n;
  }
  if (!state || !allocate(state)) {
    destroy(state);
    snprintf(message->text, sizeof message->text, "no memory for the curvature of %zu weights", n);
    return RP_RANKER_ERROR;
  }
  *self = state;
  return RP_RANKER_OK;
}

/* ---- obd ------------------------------------------------------------------------------------- */

static void add_batch(curvature *state, const float *gradient, size_t at, size_t n, double n_images) {
  for (size_t i = 0; i < n; i++) {
    double sum = n_images * gradient[i]; /* the batch's loss is a mean */
    state->sums[at + i] += sum * sum / n_images;
    state->gradients[at + i] += sum;
  }
}

static int observe(void *self, const rp_context *context, const rp_batch *batch, rp_message *message) {
  (void)message;
  curvature *state = self;
  if (state->how != VARIANT_OBD) return RP_RANKER_OK;
  size_t at = 0;
  for (uint32_t l = 0; l < context->n_layers; l++) {
    size_t n = context->layers[l]->K * weights_per_filter(context->layers[l]);
    add_batch(state, batch->layers[l]->weight_gradient, at, n, batch->n_images);
    at += n;
  }
  state->n_images += batch->n_images;
  state->n_batches++;
  return RP_RANKER_OK;
}

/* Σ_b (G_b − n_b μ)² / n_b = Σ_b G_b² / n_b − n μ² */
static double mean_square(const curvature *state, size_t w) {
  double n = (double)state->n_images, mean = state->gradients[w] / n;
  if (state->n_batches == 1) return state->sums[w];
  double spread = state->sums[w] - n * mean * mean;
  return (1 - 1 / n) * (spread > 0 ? spread : 0) / (state->n_batches - 1) + mean * mean;
}

static int weigh_gradients(curvature *state, const rp_context *context, rp_message *message) {
  if (state->n_images == 0) {
    snprintf(message->text, sizeof message->text, "no image was shown");
    return RP_RANKER_ERROR;
  }
  size_t w = 0;
  for (uint32_t l = 0; l < context->n_layers; l++) {
    const rp_conv_layer *layer = context->layers[l];
    for (size_t i = 0; i < layer->K * weights_per_filter(layer); i++, w++)
      state->sums[w] = mean_square(state, w) * layer->weight[i] * layer->weight[i];
  }
  return RP_RANKER_OK;
}

/* ---- hutchinson ------------------------------------------------------------------------------ */

static void draw(curvature *state, const rp_context *context, uint32_t t) {
  size_t w = 0;
  for (uint32_t l = 0; l < context->n_layers; l++) {
    const rp_conv_layer *layer = context->layers[l];
    for (size_t i = 0; i < layer->K * weights_per_filter(layer); i++, w++)
      state->z[w] = context->uniform(context, t, (uint32_t)w) < 0.5 ? -layer->weight[i] : layer->weight[i];
  }
}

static int multiply_draws(curvature *state, const rp_context *context, rp_message *message) {
  for (uint32_t t = 0; t < state->draws; t++) {
    draw(state, context, t);
    int status = context->hessian_product(context, state->z, state->product, message);
    if (status != RP_RANKER_OK) return status;
    for (size_t w = 0; w < state->n_weights; w++) state->sums[w] += (double)state->z[w] * state->product[w];
  }
  for (size_t w = 0; w < state->n_weights; w++) state->sums[w] /= state->draws;
  return RP_RANKER_OK;
}

/* ---- Scores ---------------------------------------------------------------------------------- */

static double half_of_sum(const double *values, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += values[i];
  return sum / 2;
}

static int score(void *self, const rp_context *context, float *importance, rp_message *message) {
  curvature *state = self;
  int status = state->how == VARIANT_OBD ? weigh_gradients(state, context, message) : multiply_draws(state, context, message);
  if (status != RP_RANKER_OK) return status;
  const double *of_filter = state->sums;
  for (uint32_t l = 0; l < context->n_layers; l++) {
    const rp_conv_layer *layer = context->layers[l];
    size_t n = weights_per_filter(layer);
    for (uint32_t k = 0; k < layer->K; k++, of_filter += n)
      if (layer->active[k]) importance[layer->first_filter + k] = (float)half_of_sum(of_filter, n);
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
    .formula =
        "importance_f = sum over the filter's C R S weights of h w^2 / 2; bias and BN are left out\n"
        "obd:        h an estimate of the mean over images of squared gradients, from the gradients G_b of B batches of n_b of the n\n"
        "            images and their mean m: (1 - 1/n) / (B - 1) sum over b of (G_b - n_b m)^2 / n_b + m^2; one batch: G^2 / n\n"
        "hutchinson: h w^2 = mean over `draws` vectors z of z (H z), z = w or -w with probability 1/2 each, H the exact Hessian",
    .citation =
        "LeCun, Denker & Solla, Optimal brain damage, NIPS 1989; Hutchinson, Communications in Statistics 19, 1990; Dong et al., HAWQ,\n"
        "ICCV 2019; Yao et al., ADAHESSIAN, AAAI 2021 (there z of ones)",
    .reduction = "all in double; batches and draws in their order, weights in the order of [C][R][S]",
};
