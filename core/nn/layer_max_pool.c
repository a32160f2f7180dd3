/* layer_max_pool.c: max pooling in plain C, over blocks of channels side by side.
 *
 * Forward keeps, besides the maximum, which tap of the window it came from: one byte per output, the first of equal ones, NONE where a
 * fused ReLU cut it off. Backward gathers: each pixel of the input adds up the windows whose maximum it is and is written once. NaN never
 * wins; parameters that are not finite are refused when they are loaded. */
#include "core/nn/layer.h"

#include "core/base/memory.h"
#include "core/nn/sparse_gradient.h"

#include <math.h>
#include <string.h>

enum { NONE = RP_NO_TAP, LARGEST_KERNEL = 15 }; /* 15 · 15 taps fit below NONE */

/* Positions first … last - 1. */
typedef struct {
  int first, last;
} range;

typedef struct {
  rp_window window;
  range inside[LARGEST_KERNEL]; /* outputs along a row whose windows have column s of their taps on the input, by s */
  uint8_t *taps;                /* as out */
  int32_t *row_of_taps;         /* one row of out, while it is worked on */
  float *row_of_maxima;         /* one row of the input: over the rows of a window */
} max_pool;

static rp_status extent(const rp_layer_spec *spec, const rp_extent *ins, rp_extent *out, rp_error *err) {
  if (spec->kernel > LARGEST_KERNEL)
    return rp_fail(err, RP_EINPUT, "kernel is %d; a max_pool's must be 1 to %d", spec->kernel, LARGEST_KERNEL);
  return rp_window_extent(spec, ins, out, err);
}

/* Outputs along an axis whose tap `tap` lies on the input: 0 ≤ output · stride − before + tap < size. */
static range outputs_inside(int tap, int before, int stride, int size, int n_outputs) {
  const int skipped = before - tap, end = size + skipped;
  const int first = skipped > 0 ? (skipped + stride - 1) / stride : 0, last = end > 0 ? (end + stride - 1) / stride : 0;
  return (range){first, last < n_outputs ? last : n_outputs};
}

static rp_status create(rp_layer *layer, const rp_dnn *dnn, rp_error *err) {
  (void)dnn;
  const rp_extent in = {.channels = layer->ins[0].channels, .height = layer->ins[0].height, .width = layer->ins[0].width};
  max_pool *pool;
  RP_TRY(rp_allocate(1, sizeof *pool, &pool, err));
  layer->own = pool;
  pool->window = rp_window_of(layer->spec, &in);
  for (int s = 0; s < pool->window.kernel; s++)
    pool->inside[s] = outputs_inside(s, pool->window.left, pool->window.stride, in.width, layer->out.width);
  RP_TRY(rp_allocate((size_t)layer->out.width * (size_t)layer->out.block, sizeof *pool->row_of_taps, &pool->row_of_taps, err));
  RP_TRY(rp_allocate((size_t)in.width * (size_t)layer->ins[0].block, sizeof *pool->row_of_maxima, &pool->row_of_maxima, err));
  return rp_allocate(rp_map_size(&layer->out), 1, &pool->taps, err);
}

static void release(rp_layer *layer) {
  max_pool *pool = layer->own;
  if (pool) rp_free_pointer(&pool->taps), rp_free_pointer(&pool->row_of_taps), rp_free_pointer(&pool->row_of_maxima);
  rp_free_pointer(&layer->own);
}

/* ---- One plane of `block` channels ------------------------------------------------------------ */

/* `block` is a constant wherever this is inlined. Tap by tap along whole rows, so that steps are independent. */

/* Masks rather than branches, which compilers cannot turn into vector code. */
static inline __attribute__((always_inline)) void take_larger(const float *restrict pixel, float *restrict largest, int32_t *restrict from,
                                                              int32_t tap, int block) {
  for (int c = 0; c < block; c++) {
    const int32_t wins = -(int32_t)(pixel[c] > largest[c]);
    from[c] = (tap & wins) | (from[c] & ~wins);
  }
  for (int c = 0; c < block; c++) {
    const float value = pixel[c], before = largest[c];
    largest[c] = value > before ? value : before;
  }
}

static inline __attribute__((always_inline)) void plane_forward(const rp_layer *layer, const float *restrict in, float *restrict out,
                                                                uint8_t *restrict taps, int block) {
  const max_pool *pool = layer->own;
  const int kernel = pool->window.kernel, stride = pool->window.stride, row = layer->out.width * block;
  const float lowest = layer->has_relu ? 0 : -INFINITY;
  int32_t *restrict from = pool->row_of_taps;
  for (int y = 0; y < layer->out.height; y++, out += row, taps += row) {
    for (int i = 0; i < row; i++) out[i] = lowest, from[i] = NONE;
    for (int r = 0; r < kernel; r++) {
      const int in_y = y * stride - pool->window.top + r;
      if (in_y < 0 || in_y >= layer->ins[0].height) continue;
      for (int s = 0; s < kernel; s++) {
        const int32_t tap = r * kernel + s;
        for (int x = pool->inside[s].first; x < pool->inside[s].last; x++) {
          const float *pixel = in + ((ptrdiff_t)in_y * layer->ins[0].width + x * stride - pool->window.left + s) * block;
          take_larger(pixel, out + x * block, from + x * block, tap, block);
        }
      }
    }
    for (int x = 0; x < layer->out.width; x++)
      for (int c = 0; c < block; c++) taps[x * block + c] = (uint8_t)from[x * block + c];
  }
}

/* For evaluation: nobody asks which tap it was. Rows of the window first, then columns: each value is looked at fewer times. */
static inline __attribute__((always_inline)) void plane_maximum(const rp_layer *layer, const float *restrict in, float *restrict out,
                                                                int block) {
  const max_pool *pool = layer->own;
  const int kernel = pool->window.kernel, stride = pool->window.stride, row = layer->out.width * block,
            in_row = layer->ins[0].width * block;
  const float lowest = layer->has_relu ? 0 : -INFINITY;
  float *restrict highest = pool->row_of_maxima;
  for (int y = 0; y < layer->out.height; y++, out += row) {
    const int top = y * stride - pool->window.top, first = top > 0 ? top : 0;
    const int last = top + kernel < layer->ins[0].height ? top + kernel : layer->ins[0].height;
    memcpy(highest, in + (ptrdiff_t)first * in_row, (size_t)in_row * sizeof *highest);
    for (int r = first + 1; r < last; r++) {
      const float *restrict values = in + (ptrdiff_t)r * in_row;
      for (int i = 0; i < in_row; i++) highest[i] = values[i] > highest[i] ? values[i] : highest[i];
    }
    for (int i = 0; i < row; i++) out[i] = lowest;
    for (int s = 0; s < kernel; s++)
      for (int x = pool->inside[s].first; x < pool->inside[s].last; x++) {
        const float *restrict values = highest + (x * stride - pool->window.left + s) * block;
        for (int c = 0; c < block; c++) out[x * block + c] = values[c] > out[x * block + c] ? values[c] : out[x * block + c];
      }
  }
}

static inline __attribute__((always_inline)) void plane_backward(const rp_layer *layer, const float *restrict out_gradient,
                                                                 const uint8_t *restrict taps, float *restrict in_gradient, int block) {
  const max_pool *pool = layer->own;
  const int kernel = pool->window.kernel, stride = pool->window.stride, row = layer->ins[0].width * block,
            out_row = layer->out.width * block;
  for (int in_y = 0; in_y < layer->ins[0].height; in_y++, in_gradient += row) {
    memset(in_gradient, 0, (size_t)row * sizeof *in_gradient);
    for (int r = 0; r < kernel; r++) {
      const int from_top = in_y + pool->window.top - r, y = from_top / stride;
      if (from_top < 0 || from_top % stride != 0 || y >= layer->out.height) continue;
      for (int s = 0; s < kernel; s++) {
        const int32_t tap = r * kernel + s;
        for (int x = pool->inside[s].first; x < pool->inside[s].last; x++) {
          const ptrdiff_t at = (ptrdiff_t)y * out_row + x * block;
          float *sum = in_gradient + (x * stride - pool->window.left + s) * block;
          for (int c = 0; c < block; c++) {
            const float gradient = out_gradient[at + c];
            sum[c] += taps[at + c] == tap ? gradient : 0;
          }
        }
      }
    }
  }
}

static size_t plane_size(const rp_map *map) {
  return (size_t)map->height * (size_t)map->width * (size_t)map->block;
}

static size_t n_planes(const rp_map *map) {
  return rp_map_size(map) / plane_size(map);
}

/* One function per block size, so that the loops over channels have constant bounds. */
#define FOR_BLOCK(block)                                                                                                                   \
  RP_VECTORISED static void pool_forward_##block(const rp_layer *layer, size_t plane) {                                                    \
    const size_t from = plane * plane_size(&layer->ins[0]), to = plane * plane_size(&layer->out);                                          \
    plane_forward(layer, layer->ins[0].values + from, layer->out.values + to, ((max_pool *)layer->own)->taps + to, block);                 \
  }                                                                                                                                        \
  RP_VECTORISED static void pool_maximum_##block(const rp_layer *layer, size_t plane) {                                                    \
    plane_maximum(layer, layer->ins[0].values + plane * plane_size(&layer->ins[0]), layer->out.values + plane * plane_size(&layer->out),   \
                  block);                                                                                                                  \
  }                                                                                                                                        \
  RP_VECTORISED static void pool_backward_##block(const rp_layer *layer, size_t plane) {                                                   \
    const size_t from = plane * plane_size(&layer->out), to = plane * plane_size(&layer->ins[0]);                                          \
    plane_backward(layer, layer->out_gradient.values + from, ((max_pool *)layer->own)->taps + from, layer->in_gradients[0].values + to,    \
                   block);                                                                                                                 \
  }
FOR_BLOCK(1)
FOR_BLOCK(8)
FOR_BLOCK(16)
#undef FOR_BLOCK

static void take_maxima(const rp_layer *layer) {
  for (size_t plane = 0; plane < n_planes(&layer->ins[0]); plane++) {
    if (layer->ins[0].block == 16)
      pool_maximum_16(layer, plane);
    else if (layer->ins[0].block == 8)
      pool_maximum_8(layer, plane);
    else
      pool_maximum_1(layer, plane);
  }
}

static rp_status forward(rp_layer *layer, rp_error *err) {
  (void)err;
  if (!rp_has_backward(layer->purpose)) {
    take_maxima(layer);
    return RP_OK;
  }
  for (size_t plane = 0; plane < n_planes(&layer->ins[0]); plane++) {
    if (layer->ins[0].block == 16)
      pool_forward_16(layer, plane);
    else if (layer->ins[0].block == 8)
      pool_forward_8(layer, plane);
    else
      pool_forward_1(layer, plane);
  }
  return RP_OK;
}

static rp_status backward(rp_layer *layer, rp_error *err) {
  (void)err;
  if (!layer->in_gradients[0].values) return RP_OK;
  for (size_t plane = 0; plane < n_planes(&layer->ins[0]); plane++) {
    if (layer->ins[0].block == 16)
      pool_backward_16(layer, plane);
    else if (layer->ins[0].block == 8)
      pool_backward_8(layer, plane);
    else
      pool_backward_1(layer, plane);
  }
  return RP_OK;
}

const rp_window *rp_max_pool_window(const rp_layer *pool) {
  return &((const max_pool *)pool->own)->window;
}

const uint8_t *rp_max_pool_taps(const rp_layer *pool) {
  return ((const max_pool *)pool->own)->taps;
}

/* ---- Along a direction (tangent.h): what the taps of the maxima carry ------------------------- */

static void plane_of_taps(const rp_layer *tangent, size_t plane) {
  const max_pool *pool = tangent->primal->own;
  const int block = tangent->out.block;
  const size_t to = plane * plane_size(&tangent->out);
  const float *in = tangent->ins[0].values + plane * plane_size(&tangent->ins[0]);
  const uint8_t *taps = pool->taps + to;
  float *out = tangent->out.values + to;
  for (int y = 0; y < tangent->out.height; y++)
    for (int x = 0; x < tangent->out.width; x++)
      for (int c = 0; c < block; c++, taps++, out++) {
        const int row = y * pool->window.stride - pool->window.top + *taps / pool->window.kernel;
        const int column = x * pool->window.stride - pool->window.left + *taps % pool->window.kernel;
        *out = *taps == NONE ? 0 : in[(row * tangent->ins[0].width + column) * block + c];
      }
}

static rp_status tangent_forward(rp_layer *tangent, rp_error *err) {
  (void)err;
  for (size_t plane = 0; plane < n_planes(&tangent->ins[0]); plane++) plane_of_taps(tangent, plane);
  return RP_OK;
}

static rp_status tangent_backward(rp_layer *tangent, rp_error *err) {
  rp_layer taken = *tangent->primal;
  taken.out_gradient = tangent->out_gradient;
  taken.in_gradients[0] = tangent->in_gradients[0];
  return backward(&taken, err);
}

const rp_layer_functions RP_MAX_POOL_LAYER = {.extent = extent,
                                              .passing = RP_PASSES_EACH,
                                              .create = create,
                                              .free = release,
                                              .forward = forward,
                                              .backward = backward,
                                              .tangent_forward = tangent_forward,
                                              .tangent_backward = tangent_backward};
