/* map.c: sizes, windows and conversions of maps. */
#include "core/nn/map.h"

static int blocks_of(const rp_map *map) {
  return (map->channels + map->block - 1) / map->block;
}

size_t rp_map_size(const rp_map *map) {
  return (size_t)map->batch * (size_t)blocks_of(map) * (size_t)map->block * (size_t)map->height * (size_t)map->width;
}

void rp_map_from_dense(const float *dense, rp_map *map) {
  size_t n_pixels = (size_t)map->height * (size_t)map->width, block = (size_t)map->block, channels = (size_t)map->channels;
  float *to = map->values;
  for (int n = 0; n < map->batch; n++, dense += channels * n_pixels)
    for (size_t first = 0; first < channels; first += block)
      for (size_t pixel = 0; pixel < n_pixels; pixel++)
        for (size_t c = first; c < first + block; c++) *to++ = c < channels ? dense[c * n_pixels + pixel] : 0;
}

void rp_map_to_dense(const rp_map *map, float *dense) {
  size_t n_pixels = (size_t)map->height * (size_t)map->width, block = (size_t)map->block, channels = (size_t)map->channels;
  const float *from = map->values;
  for (int n = 0; n < map->batch; n++)
    for (size_t first = 0; first < channels; first += block, from += n_pixels * block)
      for (size_t c = first; c < first + block && c < channels; c++)
        for (size_t pixel = 0; pixel < n_pixels; pixel++) *dense++ = from[pixel * block + c - first];
}

RP_VECTORISED static void map_add_values(const float *restrict values, float *restrict sums, size_t n) {
  for (size_t i = 0; i < n; i++) sums[i] += values[i];
}

void rp_add_values(const float *values, float *sums, size_t n) {
  map_add_values(values, sums, n);
}

static int same_output(int in, int stride) {
  return (in + stride - 1) / stride;
}

static void pad_same(int in, int kernel, int stride, int *before, int *after) {
  int total = (same_output(in, stride) - 1) * stride + kernel - in;
  if (total < 0) total = 0;
  *before = total / 2;
  *after = total - total / 2;
}

rp_window rp_window_of(const rp_layer_spec *spec, const rp_extent *in) {
  rp_window window = {.kernel = spec->kernel, .stride = spec->stride};
  if (spec->same) {
    pad_same(in->height, spec->kernel, spec->stride, &window.top, &window.bottom);
    pad_same(in->width, spec->kernel, spec->stride, &window.left, &window.right);
  } else {
    window.top = window.left = window.bottom = window.right = spec->pad;
  }
  return window;
}

enum { LARGEST_WINDOW = 1 << 15 };

rp_status rp_window_extent(const rp_layer_spec *spec, const rp_extent *in, rp_extent *out, rp_error *err) {
  int kernel = spec->kernel, stride = spec->stride, pad = spec->pad;
  if (in->is_features)
    return rp_fail(err, RP_EINPUT, "%s needs maps, and its input is the %d features of an fc; put it before the first fc",
                   rp_layer_kind_name(spec->kind), in->channels);
  if (kernel < 1 || kernel > LARGEST_WINDOW) return rp_fail(err, RP_EINPUT, "kernel is %d; it must be 1 to %d", kernel, LARGEST_WINDOW);
  if (stride < 1 || stride > LARGEST_WINDOW) return rp_fail(err, RP_EINPUT, "stride is %d; it must be 1 to %d", stride, LARGEST_WINDOW);
  *out = (rp_extent){.channels = in->channels};
  if (spec->same) {
    out->height = same_output(in->height, stride);
    out->width = same_output(in->width, stride);
    return RP_OK;
  }
  if (pad < 0 || pad >= kernel)
    return rp_fail(err, RP_EINPUT, "padding of %d around a kernel of %d×%d; it must be 0 to %d, so that no window is all padding", pad,
                   kernel, kernel, kernel - 1);
  int smaller = in->height < in->width ? in->height : in->width;
  if (kernel > smaller + 2 * pad)
    return rp_fail(err, RP_EINPUT,
                   "a kernel of %d×%d does not fit into an input of %d×%d×%d (C×H×W) with a padding of %d; at most %d×%d does, or any with "
                   "SAME padding",
                   kernel, kernel, in->channels, in->height, in->width, pad, smaller + 2 * pad, smaller + 2 * pad);
  out->height = (in->height + 2 * pad - kernel) / stride + 1;
  out->width = (in->width + 2 * pad - kernel) / stride + 1;
  return RP_OK;
}
