/* layer_batch_norm.c: batch normalisation over blocks of channels side by side, with a fused ReLU where asked for.
 *
 *   y = (x − mean) · gamma / sqrt(variance + epsilon) + beta          Ioffe & Szegedy, ICML 2015
 *
 * In training mean and (biased) variance are the batch's, and the running ones move towards them, the variance as its unbiased estimate (as
 * in PyTorch); else they are the running ones, but for channels that are measured. Sums of a few pixels are float32, those of these double,
 * in a fixed order. A channel that is absent has gamma and beta 0 in the copies, so it puts out 0 and hands no gradient on. */
#include "core/nn/layer.h"

#include "core/base/memory.h"

#include <math.h>
#include <string.h>

typedef struct {
  size_t n_channels;                     /* lanes of padding included */
  float *gamma, *beta, *running[2];      /* [n_channels] copies; mean and variance */
  float *mean, *scale, *shift, *inverse; /* of the last forward: y = (x − mean) · scale + shift; 1 / sqrt(variance + epsilon) */
  float *around;                         /* what the sums of a batch are taken around */
  double *sums[2];                       /* [n_channels], while they are summed up; then mean and variance of a forward */
  float *gamma_gradient, *beta_gradient; /* sums since the last clear */
  float *of_mean, *of_deviation;         /* backward: terms of the gradient through mean and variance */
} batch_norm;

static rp_status extent(const rp_layer_spec *spec, const rp_extent *ins, rp_extent *out, rp_error *err) {
  if (!(spec->momentum >= 0 && spec->momentum <= 1)) return rp_fail(err, RP_EINPUT, "momentum is %g; it must be 0 to 1", spec->momentum);
  if (!(spec->epsilon > 0 && spec->epsilon <= 1))
    return rp_fail(err, RP_EINPUT, "epsilon is %g; it must be above 0 and at most 1", spec->epsilon);
  *out = ins[0];
  return RP_OK;
}

static rp_status create(rp_layer *layer, const rp_dnn *dnn, rp_error *err) {
  (void)dnn;
  batch_norm *bn;
  RP_TRY(rp_allocate(1, sizeof *bn, &bn, err));
  layer->own = bn;
  const size_t block = (size_t)layer->out.block, n = ((size_t)layer->out.channels + block - 1) / block * block;
  bn->n_channels = n;
  float **const floats[] = {&bn->gamma,   &bn->beta,         &bn->running[0], &bn->running[1],     &bn->mean,
                            &bn->scale,   &bn->shift,        &bn->inverse,    &bn->gamma_gradient, &bn->beta_gradient,
                            &bn->of_mean, &bn->of_deviation, &bn->around};
  for (size_t i = 0; i < sizeof floats / sizeof floats[0]; i++) RP_TRY(rp_allocate(n, sizeof(float), floats[i], err));
  for (int i = 0; i < 2; i++) RP_TRY(rp_allocate(n, sizeof(double), &bn->sums[i], err));
  return RP_OK;
}

static void release(rp_layer *layer) {
  batch_norm *bn = layer->own;
  if (bn) {
    float **const floats[] = {&bn->gamma,   &bn->beta,         &bn->running[0], &bn->running[1],     &bn->mean,
                              &bn->scale,   &bn->shift,        &bn->inverse,    &bn->gamma_gradient, &bn->beta_gradient,
                              &bn->of_mean, &bn->of_deviation, &bn->around};
    for (size_t i = 0; i < sizeof floats / sizeof floats[0]; i++) rp_free_pointer(floats[i]);
    rp_free_pointer(&bn->sums[0]), rp_free_pointer(&bn->sums[1]);
  }
  rp_free_pointer(&layer->own);
}

/* ---- One plane of `block` channels: `block` is a constant wherever these are inlined --------- */

/* Pixels that are summed up in float32 before they join the sum in double: few, since the error of a sum grows with its length. */
enum { WIDEST = 16, SHORT_RUN = 16 };

static inline size_t shorter(size_t n_pixels) {
  return n_pixels < SHORT_RUN ? n_pixels : SHORT_RUN;
}

/* Sums of x − shift and of its squares. */
static inline __attribute__((always_inline)) void sum_plane(const float *restrict x, const float *restrict shift, size_t n_pixels,
                                                            double *restrict sums, double *restrict squares, int block) {
  for (size_t left = n_pixels, n; left > 0; left -= n) {
    float sum[WIDEST] = {0}, square[WIDEST] = {0};
    n = shorter(left);
    for (size_t pixel = 0; pixel < n; pixel++, x += block)
      for (int c = 0; c < block; c++) {
        const float shifted = x[c] - shift[c];
        sum[c] += shifted;
        square[c] += shifted * shifted;
      }
    for (int c = 0; c < block; c++) sums[c] += (double)sum[c], squares[c] += (double)square[c];
  }
}

static inline __attribute__((always_inline)) void normalise_plane(const float *restrict x, float *restrict y, const float *restrict mean,
                                                                  const float *restrict scale, const float *restrict shift, size_t n_pixels,
                                                                  int has_relu, int block) {
  const float lowest = has_relu ? 0 : -INFINITY;
  for (size_t pixel = 0; pixel < n_pixels; pixel++, x += block, y += block)
    for (int c = 0; c < block; c++) {
      const float value = (x[c] - mean[c]) * scale[c] + shift[c];
      y[c] = value > lowest ? value : lowest;
    }
}

/* The ReLU's mask onto the gradient, in place; sums of the gradient and of its products with x − mean. */
static inline __attribute__((always_inline)) void sum_gradients(float *restrict dy, const float *restrict y, const float *restrict x,
                                                                const float *restrict mean, size_t n_pixels, double *restrict plain,
                                                                double *restrict with_x, int has_relu, int block) {
  for (size_t left = n_pixels, n; left > 0; left -= n) {
    float sum[WIDEST] = {0}, product[WIDEST] = {0};
    n = shorter(left);
    for (size_t pixel = 0; pixel < n; pixel++, x += block, y += block, dy += block)
      for (int c = 0; c < block; c++) {
        float kept = dy[c];
        if (has_relu) {
          kept = y[c] > 0 ? kept : 0;
          dy[c] = kept;
        }
        sum[c] += kept;
        product[c] += kept * (x[c] - mean[c]);
      }
    for (int c = 0; c < block; c++) plain[c] += (double)sum[c], with_x[c] += (double)product[c];
  }
}

static inline __attribute__((always_inline)) void hand_on(const float *restrict dy, const float *restrict x, float *restrict dx,
                                                          const batch_norm *bn, size_t at, size_t n_pixels, int block) {
  const float *restrict mean = bn->mean + at, *restrict scale = bn->scale + at;
  const float *restrict of_mean = bn->of_mean + at, *restrict of_deviation = bn->of_deviation + at;
  for (size_t pixel = 0; pixel < n_pixels; pixel++, x += block, dy += block, dx += block)
    for (int c = 0; c < block; c++) dx[c] = scale[c] * (dy[c] - of_mean[c] - (x[c] - mean[c]) * of_deviation[c]);
}

/* One function per block size, so that the loops over channels have constant bounds. */
#define FOR_BLOCK(block)                                                                                                                   \
  RP_VECTORISED static void bn_sum_##block(const batch_norm *bn, const float *x, size_t at, size_t n_pixels) {                             \
    sum_plane(x, bn->around + at, n_pixels, bn->sums[0] + at, bn->sums[1] + at, block);                                                    \
  }                                                                                                                                        \
  RP_VECTORISED static void bn_normalise_##block(const rp_layer *layer, const float *x, float *y, size_t at, size_t n_pixels) {            \
    const batch_norm *bn = layer->own;                                                                                                     \
    normalise_plane(x, y, bn->mean + at, bn->scale + at, bn->shift + at, n_pixels, layer->has_relu, block);                                \
  }                                                                                                                                        \
  RP_VECTORISED static void bn_sum_gradients_##block(const rp_layer *layer, float *dy, const float *y, const float *x, size_t at,          \
                                                     size_t n_pixels) {                                                                    \
    const batch_norm *bn = layer->own;                                                                                                     \
    if (layer->has_relu)                                                                                                                   \
      sum_gradients(dy, y, x, bn->mean + at, n_pixels, bn->sums[0] + at, bn->sums[1] + at, 1, block);                                      \
    else                                                                                                                                   \
      sum_gradients(dy, y, x, bn->mean + at, n_pixels, bn->sums[0] + at, bn->sums[1] + at, 0, block);                                      \
  }                                                                                                                                        \
  RP_VECTORISED static void bn_hand_on_##block(const batch_norm *bn, const float *dy, const float *x, float *dx, size_t at,                \
                                               size_t n_pixels) {                                                                          \
    hand_on(dy, x, dx, bn, at, n_pixels, block);                                                                                           \
  }
FOR_BLOCK(1)
FOR_BLOCK(8)
FOR_BLOCK(16)
#undef FOR_BLOCK

#define CALL(function, block, ...)                                                                                                         \
  ((block) == 16 ? function##_16(__VA_ARGS__) : (block) == 8 ? function##_8(__VA_ARGS__) : function##_1(__VA_ARGS__))

/* Runs `statement` for each image's each block of channels: `from` is where its plane starts in a map, `at` its first channel. */
#define FOR_EACH_PLANE(map, statement)                                                                                                     \
  do {                                                                                                                                     \
    const size_t block_size = (size_t)(map)->block, n_pixels = (size_t)(map)->height * (size_t)(map)->width;                               \
    const size_t n_blocks = bn->n_channels / block_size;                                                                                   \
    for (size_t plane = 0; plane < (size_t)(map)->batch * n_blocks; plane++) {                                                             \
      const size_t from = plane * n_pixels * block_size, at = plane % n_blocks * block_size;                                               \
      statement;                                                                                                                           \
    }                                                                                                                                      \
  } while (0)

/* ---- Passes ---------------------------------------------------------------------------------- */

static double values_per_channel(const rp_map *map) {
  return (double)map->batch * map->height * map->width;
}

/* Sums become mean and (biased) variance. Both are taken in one pass, around the mean of the first image: near the batch's own, that leaves
 * little to cancel. */
static void measure_batch(rp_layer *layer) {
  batch_norm *bn = layer->own;
  const rp_map *in = &layer->ins[0];
  const double n = values_per_channel(in);
  rp_map first = *in;
  first.batch = 1;
  memset(bn->around, 0, bn->n_channels * sizeof *bn->around);
  for (int i = 0; i < 2; i++) memset(bn->sums[i], 0, bn->n_channels * sizeof *bn->sums[i]);
  FOR_EACH_PLANE(&first, CALL(bn_sum, in->block, bn, in->values + from, at, n_pixels));
  for (size_t c = 0; c < bn->n_channels; c++) bn->around[c] = (float)(bn->sums[0][c] / values_per_channel(&first));
  for (int i = 0; i < 2; i++) memset(bn->sums[i], 0, bn->n_channels * sizeof *bn->sums[i]);
  FOR_EACH_PLANE(in, CALL(bn_sum, in->block, bn, in->values + from, at, n_pixels));
  for (size_t c = 0; c < bn->n_channels; c++) {
    const double off = bn->sums[0][c] / n;
    bn->sums[0][c] = (double)bn->around[c] + off;
    bn->sums[1][c] = fmax(bn->sums[1][c] / n - off * off, 0);
  }
}

static void move_running(const rp_layer *layer) {
  const batch_norm *bn = layer->own;
  const double n = values_per_channel(&layer->ins[0]), unbiased = n > 1 ? n / (n - 1) : 1, momentum = layer->spec->momentum;
  for (size_t c = 0; c < bn->n_channels; c++) {
    bn->running[0][c] = (float)((1 - momentum) * (double)bn->running[0][c] + momentum * bn->sums[0][c]);
    bn->running[1][c] = (float)((1 - momentum) * (double)bn->running[1][c] + momentum * bn->sums[1][c] * unbiased);
  }
}

static void take_running(const batch_norm *bn, size_t c) {
  for (int i = 0; i < 2; i++) bn->sums[i][c] = (double)bn->running[i][c];
}

/* Chan, Golub and LeVeque 1983: the moments of two samples together. */
static void add_sample(rp_channel_moments *moments, double n, double mean, double variance) {
  const double n_before = moments->n, apart = mean - moments->mean;
  moments->n += n;
  moments->mean += apart * n / moments->n;
  moments->squares += variance * n + apart * apart * n_before * n / moments->n;
}

/* The batch's mean and variance where they are wanted, else the running ones. */
static void measure_wanted(rp_layer *layer) {
  const batch_norm *bn = layer->own;
  const size_t n_channels = (size_t)layer->out.channels;
  measure_batch(layer);
  for (size_t c = 0; c < bn->n_channels; c++) {
    if (c < n_channels && layer->moments[c].is_wanted)
      add_sample(&layer->moments[c], values_per_channel(&layer->ins[0]), bn->sums[0][c], bn->sums[1][c]);
    else
      take_running(bn, c);
  }
}

/* Leaves in the sums what the layer normalises by: mean and variance. */
static void find_statistics(rp_layer *layer) {
  const batch_norm *bn = layer->own;
  if (layer->purpose == RP_RUN_TRAIN) {
    measure_batch(layer);
    move_running(layer);
  } else if (layer->moments)
    measure_wanted(layer);
  else
    for (size_t c = 0; c < bn->n_channels; c++) take_running(bn, c);
}

static rp_status forward(rp_layer *layer, rp_error *err) {
  (void)err;
  batch_norm *bn = layer->own;
  const rp_map *in = &layer->ins[0];
  find_statistics(layer);
  for (size_t c = 0; c < bn->n_channels; c++) {
    const double inverse = 1 / sqrt(bn->sums[1][c] + layer->spec->epsilon);
    bn->mean[c] = (float)bn->sums[0][c];
    bn->inverse[c] = (float)inverse;
    bn->scale[c] = (float)((double)bn->gamma[c] * inverse);
    bn->shift[c] = bn->beta[c];
  }
  FOR_EACH_PLANE(in, CALL(bn_normalise, in->block, layer, in->values + from, layer->out.values + from, at, n_pixels));
  return RP_OK;
}

static rp_status backward(rp_layer *layer, rp_error *err) {
  (void)err;
  batch_norm *bn = layer->own;
  const rp_map *in = &layer->ins[0];
  float *dy = layer->out_gradient.values, *dx = layer->in_gradients[0].values;
  for (int i = 0; i < 2; i++) memset(bn->sums[i], 0, bn->n_channels * sizeof *bn->sums[i]);
  FOR_EACH_PLANE(in, CALL(bn_sum_gradients, in->block, layer, dy + from, layer->out.values + from, in->values + from, at, n_pixels));
  const double n = values_per_channel(in);
  for (size_t c = 0; c < bn->n_channels; c++) {
    const double inverse = (double)bn->inverse[c];
    bn->beta_gradient[c] += (float)bn->sums[0][c];
    bn->gamma_gradient[c] += (float)(bn->sums[1][c] * inverse);
    const int through_batch = layer->purpose == RP_RUN_TRAIN;
    bn->of_mean[c] = through_batch ? (float)(bn->sums[0][c] / n) : 0;
    bn->of_deviation[c] = through_batch ? (float)(bn->sums[1][c] * inverse * inverse / n) : 0;
  }
  if (dx) FOR_EACH_PLANE(in, CALL(bn_hand_on, in->block, bn, dy + from, in->values + from, dx + from, at, n_pixels));
  return RP_OK;
}

/* ---- Tensors --------------------------------------------------------------------------------- */

static rp_status load(rp_layer *layer, const float *const *values, rp_error *err) {
  (void)err;
  batch_norm *bn = layer->own;
  float *const copies[RP_MAX_LAYER_TENSORS] = {bn->gamma, bn->beta, bn->running[0], bn->running[1]};
  for (int i = 0; i < RP_MAX_LAYER_TENSORS; i++) memcpy(copies[i], values[i], (size_t)layer->out.channels * sizeof(float));
  return RP_OK;
}

static void clear(rp_layer *layer) {
  batch_norm *bn = layer->own;
  memset(bn->gamma_gradient, 0, bn->n_channels * sizeof(float));
  memset(bn->beta_gradient, 0, bn->n_channels * sizeof(float));
}

static rp_status gradients(rp_layer *layer, float *const *values, rp_error *err) {
  (void)err;
  const batch_norm *bn = layer->own;
  const size_t n_bytes = (size_t)layer->out.channels * sizeof(float);
  memcpy(values[0], bn->gamma_gradient, n_bytes);
  memcpy(values[1], bn->beta_gradient, n_bytes);
  memset(values[2], 0, n_bytes); /* statistics have none */
  memset(values[3], 0, n_bytes);
  return RP_OK;
}

static void statistics(const rp_layer *layer, float *mean, float *variance) {
  const batch_norm *bn = layer->own;
  memcpy(mean, bn->running[0], (size_t)layer->out.channels * sizeof(float));
  memcpy(variance, bn->running[1], (size_t)layer->out.channels * sizeof(float));
}

const rp_layer_functions RP_BATCH_NORM_LAYER = {.extent = extent,
                                                .passing = RP_PASSES_EACH,
                                                .takes_relu = 1,
                                                .n_tensors = 4,
                                                .tensors = {RP_BN_GAMMA, RP_BN_BETA, RP_BN_MEAN, RP_BN_VARIANCE},
                                                .create = create,
                                                .free = release,
                                                .forward = forward,
                                                .backward = backward,
                                                .load = load,
                                                .clear = clear,
                                                .gradients = gradients,
                                                .statistics = statistics};
