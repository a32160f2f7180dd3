/* layer_avg_pool.c: means over windows, and over whole maps, in blocks of channels side by side. Pixels of padding do not count. */
#include "core/nn/layer.h"

#include "core/base/memory.h"

#include <string.h>

static rp_status extent(const rp_layer_spec *spec, const rp_extent *ins, rp_extent *out, rp_error *err) {
  return rp_window_extent(spec, ins, out, err);
}

static rp_status global_extent(const rp_layer_spec *spec, const rp_extent *ins, rp_extent *out, rp_error *err) {
  (void)spec, (void)err;
  *out = (rp_extent){.channels = ins[0].channels, .height = 1, .width = 1};
  return RP_OK;
}

static rp_status create(rp_layer *layer, const rp_dnn *dnn, rp_error *err) {
  (void)dnn;
  rp_window *window;
  const rp_extent in = {.channels = layer->ins[0].channels, .height = layer->ins[0].height, .width = layer->ins[0].width};
  RP_TRY(rp_allocate(1, sizeof *window, &window, err));
  *window = layer->spec->kind == RP_GLOBAL_AVG_POOL ? (rp_window){.kernel = in.height > in.width ? in.height : in.width, .stride = 1}
                                                    : rp_window_of(layer->spec, &in);
  layer->own = window;
  return RP_OK;
}

static void release(rp_layer *layer) {
  rp_free_pointer(&layer->own);
}

/* The pixels of the input that output (y, x) looks at: rows top … bottom − 1, columns left … right − 1. */
typedef struct {
  int top, bottom, left, right;
} reach;

static reach reach_of(const rp_layer *layer, int y, int x) {
  const rp_window *window = layer->own;
  const int top = y * window->stride - window->top, left = x * window->stride - window->left;
  const int bottom = top + window->kernel, right = left + window->kernel;
  return (reach){top > 0 ? top : 0, bottom < layer->ins[0].height ? bottom : layer->ins[0].height, left > 0 ? left : 0,
                 right < layer->ins[0].width ? right : layer->ins[0].width};
}

static size_t plane_size(const rp_map *map) {
  return (size_t)map->height * (size_t)map->width * (size_t)map->block;
}

static void plane_forward(const rp_layer *layer, const float *in, float *out) {
  const int block = layer->out.block;
  for (int y = 0; y < layer->out.height; y++)
    for (int x = 0; x < layer->out.width; x++, out += block) {
      const reach over = reach_of(layer, y, x);
      float sums[16] = {0};
      for (int r = over.top; r < over.bottom; r++)
        for (int s = over.left; s < over.right; s++)
          for (int c = 0; c < block; c++) sums[c] += in[(r * layer->ins[0].width + s) * block + c];
      const float n = (float)((over.bottom - over.top) * (over.right - over.left));
      for (int c = 0; c < block; c++) out[c] = sums[c] / n;
    }
}

static void plane_backward(const rp_layer *layer, const float *out_gradient, float *in_gradient) {
  const int block = layer->out.block;
  memset(in_gradient, 0, plane_size(&layer->ins[0]) * sizeof *in_gradient);
  for (int y = 0; y < layer->out.height; y++)
    for (int x = 0; x < layer->out.width; x++, out_gradient += block) {
      const reach over = reach_of(layer, y, x);
      const float n = (float)((over.bottom - over.top) * (over.right - over.left));
      for (int r = over.top; r < over.bottom; r++)
        for (int s = over.left; s < over.right; s++)
          for (int c = 0; c < block; c++) in_gradient[(r * layer->ins[0].width + s) * block + c] += out_gradient[c] / n;
    }
}

static rp_status forward(rp_layer *layer, rp_error *err) {
  (void)err;
  const size_t n_planes = rp_map_size(&layer->out) / plane_size(&layer->out);
  for (size_t i = 0; i < n_planes; i++)
    plane_forward(layer, layer->ins[0].values + i * plane_size(&layer->ins[0]), layer->out.values + i * plane_size(&layer->out));
  return RP_OK;
}

static rp_status backward(rp_layer *layer, rp_error *err) {
  (void)err;
  if (!layer->in_gradients[0].values) return RP_OK;
  const size_t n_planes = rp_map_size(&layer->out) / plane_size(&layer->out);
  for (size_t i = 0; i < n_planes; i++)
    plane_backward(layer, layer->out_gradient.values + i * plane_size(&layer->out),
                   layer->in_gradients[0].values + i * plane_size(&layer->ins[0]));
  return RP_OK;
}

const rp_layer_functions RP_AVG_POOL_LAYER = {
    .extent = extent, .passing = RP_PASSES_EACH, .create = create, .free = release, .forward = forward, .backward = backward};
const rp_layer_functions RP_GLOBAL_AVG_POOL_LAYER = {
    .extent = global_extent, .passing = RP_PASSES_EACH, .create = create, .free = release, .forward = forward, .backward = backward};
