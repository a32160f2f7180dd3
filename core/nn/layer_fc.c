/* layer_fc.c: fully connected layer in plain C, over its input as it lies in memory.
 *
 * Features stand in the order of the input map's blocks (rows of `block` channels), and so do the packed weights: [rows][outputs][block].
 * Each image's outputs are summed in one fixed order, whatever the batch size; and no two rows of weights lie a power of two apart, as they
 * do in [outputs][features]. */
#include "core/nn/layer.h"

#include "core/base/memory.h"

#include <string.h>

typedef struct {
  int outputs;
  size_t n_rows, n_packed;   /* rows of `block` features; floats of the packed weights */
  float *weights, *gradient; /* packed: [rows][outputs][block] */
  float *bias, *bias_gradient;
} fully_connected;

static rp_status extent(const rp_layer_spec *spec, const rp_extent *ins, rp_extent *out, rp_error *err) {
  (void)ins, (void)err;
  *out = (rp_extent){.channels = spec->outputs, .height = 1, .width = 1, .is_features = 1};
  return RP_OK;
}

static int weights_per_unit(const rp_layer_spec *spec, const rp_extent *in) {
  (void)spec;
  return in->height * in->width;
}

static rp_status create(rp_layer *layer, const rp_dnn *dnn, rp_error *err) {
  (void)dnn;
  fully_connected *fc;
  RP_TRY(rp_allocate(1, sizeof *fc, &fc, err));
  layer->own = fc;
  fc->outputs = layer->spec->outputs;
  fc->n_rows = rp_map_size(&layer->ins[0]) / (size_t)layer->ins[0].batch / (size_t)layer->ins[0].block;
  fc->n_packed = fc->n_rows * (size_t)layer->ins[0].block * (size_t)fc->outputs;
  RP_TRY(rp_allocate(fc->n_packed, sizeof(float), &fc->weights, err));
  RP_TRY(rp_allocate((size_t)fc->outputs, sizeof(float), &fc->bias, err));
  if (!layer->out_gradient.values) return RP_OK;
  RP_TRY(rp_allocate(fc->n_packed, sizeof(float), &fc->gradient, err));
  return rp_allocate((size_t)fc->outputs, sizeof(float), &fc->bias_gradient, err);
}

static void release(rp_layer *layer) {
  fully_connected *fc = layer->own;
  if (fc) {
    rp_free_pointer(&fc->weights), rp_free_pointer(&fc->bias);
    rp_free_pointer(&fc->gradient), rp_free_pointer(&fc->bias_gradient);
  }
  rp_free_pointer(&layer->own);
}

/* ---- The kernels: `block` is a constant wherever they are inlined ---------------------------- */

enum { TILE = 5 }; /* outputs that are summed up side by side, in registers */

static inline __attribute__((always_inline)) void sum_outputs(const fully_connected *fc, const float *restrict in, float *restrict out,
                                                              int first, int n, int block) {
  float sums[TILE][16] = {{0}};
  const float *weights = fc->weights + (size_t)first * (size_t)block;
  for (size_t row = 0; row < fc->n_rows; row++, in += block, weights += (size_t)fc->outputs * (size_t)block)
    for (int o = 0; o < n; o++)
      for (int c = 0; c < block; c++) sums[o][c] += in[c] * weights[o * block + c];
  for (int o = 0; o < n; o++) {
    float sum = 0;
    for (int c = 0; c < block; c++) sum += sums[o][c];
    out[first + o] = sum + fc->bias[first + o];
  }
}

static inline __attribute__((always_inline)) void image_forward(const fully_connected *fc, const float *in, float *out, int block) {
  int first = 0;
  for (; first + TILE <= fc->outputs; first += TILE) sum_outputs(fc, in, out, first, TILE, block);
  for (; first < fc->outputs; first++) sum_outputs(fc, in, out, first, 1, block);
}

enum { GROUP = 8 }; /* images whose gradients are summed up side by side: independent sums keep the processor busy */

static inline __attribute__((always_inline)) void add_scaled(float *restrict sum, float factor, const float *restrict values, int block) {
  for (int c = 0; c < block; c++) sum[c] += factor * values[c];
}

/* One row of features of `n` images from `first` on: the weights' gradient, and the images' own where wanted. */
static inline __attribute__((always_inline)) void row_backward(const rp_layer *layer, size_t row, int first, int n, int block) {
  const fully_connected *fc = layer->own;
  const int outputs = fc->outputs;
  const size_t image_size = fc->n_rows * (size_t)block, at = row * (size_t)block;
  const float *restrict out_gradient = layer->out_gradient.values + (ptrdiff_t)first * outputs;
  const float *restrict in = layer->ins[0].values + (size_t)first * image_size + at;
  float *restrict gradient = fc->gradient + at * (size_t)outputs;
  for (int i = 0; i < n; i++, in += image_size)
    for (int o = 0; o < outputs; o++) add_scaled(gradient + o * block, out_gradient[i * outputs + o], in, block);
  if (!layer->in_gradients[0].values) return;

  const float *restrict weights = fc->weights + at * (size_t)outputs;
  float *restrict in_gradient = layer->in_gradients[0].values + (size_t)first * image_size + at;
  float sums[GROUP][16] = {{0}};
  for (int o = 0; o < outputs; o++)
    for (int i = 0; i < n; i++) add_scaled(sums[i], out_gradient[i * outputs + o], weights + o * block, block);
  for (int i = 0; i < n; i++, in_gradient += image_size)
    for (int c = 0; c < block; c++) in_gradient[c] = sums[i][c];
}

static inline __attribute__((always_inline)) void images_backward(const rp_layer *layer, int block) {
  const fully_connected *fc = layer->own;
  for (int first = 0; first < layer->ins[0].batch; first += GROUP) {
    const int left = layer->ins[0].batch - first, n = left < GROUP ? left : GROUP;
    for (size_t row = 0; row < fc->n_rows; row++) row_backward(layer, row, first, n, block);
  }
}

#define FOR_BLOCK(block)                                                                                                                   \
  RP_VECTORISED static void fc_forward_##block(const fully_connected *fc, const float *in, float *out) {                                   \
    image_forward(fc, in, out, block);                                                                                                     \
  }                                                                                                                                        \
  RP_VECTORISED static void fc_backward_##block(const rp_layer *layer) {                                                                   \
    images_backward(layer, block);                                                                                                         \
  }
FOR_BLOCK(1)
FOR_BLOCK(8)
FOR_BLOCK(16)
#undef FOR_BLOCK

static rp_status forward(rp_layer *layer, rp_error *err) {
  (void)err;
  const fully_connected *fc = layer->own;
  const float *in = layer->ins[0].values;
  float *out = layer->out.values;
  for (int n = 0; n < layer->ins[0].batch; n++, in += fc->n_rows * (size_t)layer->ins[0].block, out += fc->outputs) {
    if (layer->ins[0].block == 16)
      fc_forward_16(fc, in, out);
    else if (layer->ins[0].block == 8)
      fc_forward_8(fc, in, out);
    else
      fc_forward_1(fc, in, out);
  }
  return RP_OK;
}

static rp_status backward(rp_layer *layer, rp_error *err) {
  (void)err;
  fully_connected *fc = layer->own;
  const float *gradient = layer->out_gradient.values;
  for (int n = 0; n < layer->ins[0].batch; n++)
    for (int o = 0; o < fc->outputs; o++) fc->bias_gradient[o] += *gradient++;
  if (layer->ins[0].block == 16)
    fc_backward_16(layer);
  else if (layer->ins[0].block == 8)
    fc_backward_8(layer);
  else
    fc_backward_1(layer);
  return RP_OK;
}

/* ---- Parameters ------------------------------------------------------------------------------ */

/* Visits the weights in their order [outputs][C][H·W] and copies them to or from their packed places. */
#define FOR_EACH_WEIGHT(layer, fc, weight, packed)                                                                                         \
  const size_t n_pixels = (size_t)(layer)->ins[0].height * (size_t)(layer)->ins[0].width, block = (size_t)(layer)->ins[0].block;           \
  size_t weight = 0;                                                                                                                       \
  for (size_t o = 0; o < (size_t)(fc)->outputs; o++)                                                                                       \
    for (size_t c = 0; c < (size_t)(layer)->ins[0].channels; c++)                                                                          \
      for (size_t pixel = 0, packed = (c / block * n_pixels * (size_t)(fc)->outputs + o) * block + c % block; pixel < n_pixels;            \
           pixel++, weight++, packed += (size_t)(fc)->outputs * block)

static rp_status load(rp_layer *layer, const float *const *values, rp_error *err) {
  (void)err;
  fully_connected *fc = layer->own;
  const float *weights = values[0], *bias = values[1];
  FOR_EACH_WEIGHT(layer, fc, i, packed) fc->weights[packed] = weights[i];
  if (bias) memcpy(fc->bias, bias, (size_t)fc->outputs * sizeof *bias);
  return RP_OK;
}

static void clear(rp_layer *layer) {
  fully_connected *fc = layer->own;
  memset(fc->gradient, 0, fc->n_packed * sizeof *fc->gradient);
  memset(fc->bias_gradient, 0, (size_t)fc->outputs * sizeof *fc->bias_gradient);
}

static rp_status gradients(rp_layer *layer, float *const *values, rp_error *err) {
  (void)err;
  const fully_connected *fc = layer->own;
  float *weights = values[0], *bias = values[1];
  FOR_EACH_WEIGHT(layer, fc, i, packed) weights[i] = fc->gradient[packed];
  if (bias) memcpy(bias, fc->bias_gradient, (size_t)fc->outputs * sizeof *bias);
  return RP_OK;
}

const rp_layer_functions RP_FC_LAYER = {.extent = extent,
                                        .passing = RP_PASSES_NONE,
                                        .n_tensors = 2,
                                        .tensors = {RP_FC_WEIGHT, RP_BIAS},
                                        .weights_per_unit = weights_per_unit,
                                        .create = create,
                                        .free = release,
                                        .forward = forward,
                                        .backward = backward,
                                        .load = load,
                                        .clear = clear,
                                        .gradients = gradients};
