/* layer_join.c: layers that only move maps about: sums of maps, channels of several maps one behind the other, and channels of zeros. */
#include "core/nn/layer.h"

#include <math.h>
#include <string.h>

/* ---- Maps in blocks, which may be others on either side: images of up to three channels and features have blocks of 1 --- */

/* The first pixel of a channel; the others follow `block` apart. */
static float *channel_of(const rp_map *map, int image, int c) {
  const size_t n_pixels = (size_t)map->height * (size_t)map->width, block = (size_t)map->block, k = (size_t)c;
  const size_t n_blocks = ((size_t)map->channels + block - 1) / block;
  return map->values + ((size_t)image * n_blocks + k / block) * n_pixels * block + k % block;
}

/* Copies n channels of one map to another of the same height and width, in runs that lie side by side in both. */
static void copy_channels(const rp_map *from, int first_from, const rp_map *to, int first_to, int n) {
  const size_t n_pixels = (size_t)from->height * (size_t)from->width, in = (size_t)from->block, out = (size_t)to->block;
  const size_t from_blocks = ((size_t)from->channels + in - 1) / in, to_blocks = ((size_t)to->channels + out - 1) / out;
  for (size_t image = 0; image < (size_t)from->batch; image++)
    for (size_t done = 0, run; done < (size_t)n; done += run) {
      const size_t c = (size_t)first_from + done, k = (size_t)first_to + done;
      run = (size_t)n - done;
      if (in - c % in < run) run = in - c % in;
      if (out - k % out < run) run = out - k % out;
      const float *source = from->values + (image * from_blocks + c / in) * n_pixels * in + c % in;
      float *target = to->values + (image * to_blocks + k / out) * n_pixels * out + k % out;
      if (run == in && run == out)
        memcpy(target, source, n_pixels * run * sizeof(float));
      else
        for (size_t pixel = 0; pixel < n_pixels; pixel++, source += in, target += out)
          for (size_t lane = 0; lane < run; lane++) target[lane] = source[lane];
    }
}

/* Lanes of padding are nobody's channel: they are set to 0 first. */
static void clear_padding(const rp_map *map) {
  if (map->channels % map->block != 0) memset(map->values, 0, rp_map_size(map) * sizeof(float));
}

/* ---- add ------------------------------------------------------------------------------------- */

static rp_status extent_of_sum(const rp_layer_spec *spec, const rp_extent *ins, rp_extent *out, rp_error *err) {
  for (int i = 1; i < spec->n_inputs; i++)
    if (ins[i].channels != ins[0].channels || ins[i].height != ins[0].height || ins[i].width != ins[0].width)
      return rp_fail(err, RP_EINPUT, "its inputs are %d×%d×%d and %d×%d×%d (C×H×W); a sum needs equal ones", ins[0].channels, ins[0].height,
                     ins[0].width, ins[i].channels, ins[i].height, ins[i].width);
  *out = ins[0];
  return RP_OK;
}

/* Adds a map that is laid out in other blocks. */
static void add_map(const rp_map *from, const rp_map *to) {
  const size_t n_pixels = (size_t)from->height * (size_t)from->width;
  for (int image = 0; image < from->batch; image++)
    for (int c = 0; c < from->channels; c++) {
      const float *source = channel_of(from, image, c);
      float *target = channel_of(to, image, c);
      for (size_t pixel = 0; pixel < n_pixels; pixel++, source += from->block, target += to->block) *target += *source;
    }
}

RP_VECTORISED static void join_sum_of_two(const float *restrict one, const float *restrict other, float *restrict sum, float lowest,
                                          size_t n) {
  for (size_t i = 0; i < n; i++) {
    const float value = one[i] + other[i];
    sum[i] = value > lowest ? value : lowest;
  }
}

/* Sets to 0 where the output of the ReLU is: of the output itself, or of its gradient. */
RP_VECTORISED static void join_mask(const float *out, float *values, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const float passed = values[i];
    values[i] = out[i] > 0 ? passed : 0;
  }
}

static void sum_of_many(rp_layer *layer) {
  const size_t n = rp_map_size(&layer->out);
  memcpy(layer->out.values, layer->ins[0].values, n * sizeof(float));
  for (int i = 1; i < layer->spec->n_inputs; i++) {
    if (layer->ins[i].block == layer->out.block)
      rp_add_values(layer->ins[i].values, layer->out.values, n);
    else
      add_map(&layer->ins[i], &layer->out);
  }
  if (layer->has_relu) join_mask(layer->out.values, layer->out.values, n);
}

/* Two maps of one layout, as in a residual block, take one pass with the ReLU. */
static rp_status forward_sum(rp_layer *layer, rp_error *err) {
  (void)err;
  if (layer->spec->n_inputs == 2 && layer->ins[1].block == layer->out.block)
    join_sum_of_two(layer->ins[0].values, layer->ins[1].values, layer->out.values, layer->has_relu ? 0 : -INFINITY,
                    rp_map_size(&layer->out));
  else
    sum_of_many(layer);
  return RP_OK;
}

/* Each input's gradient is the output's, under the ReLU's mask. The first may be given in place of it. */
static rp_status backward_sum(rp_layer *layer, rp_error *err) {
  (void)err;
  const size_t n = rp_map_size(&layer->out);
  if (layer->has_relu) join_mask(layer->out.values, layer->out_gradient.values, n);
  for (int i = 0; i < layer->spec->n_inputs; i++) {
    const rp_map *to = &layer->in_gradients[i];
    if (!to->values || to->values == layer->out_gradient.values) continue;
    if (to->block == layer->out.block)
      memcpy(to->values, layer->out_gradient.values, n * sizeof(float));
    else
      clear_padding(to), copy_channels(&layer->out_gradient, 0, to, 0, to->channels);
  }
  return RP_OK;
}

/* ---- Channels -------------------------------------------------------------------------------- */

static rp_status extent_of_row(const rp_layer_spec *spec, const rp_extent *ins, rp_extent *out, rp_error *err) {
  *out = ins[0];
  for (int i = 1; i < spec->n_inputs; i++) {
    if (ins[i].height != ins[0].height || ins[i].width != ins[0].width)
      return rp_fail(err, RP_EINPUT, "its inputs are %d×%d×%d and %d×%d×%d (C×H×W); a concat needs equal heights and widths",
                     ins[0].channels, ins[0].height, ins[0].width, ins[i].channels, ins[i].height, ins[i].width);
    out->channels += ins[i].channels;
  }
  return RP_OK;
}

static rp_status forward_row(rp_layer *layer, rp_error *err) {
  (void)err;
  int first = 0;
  for (int i = 0; i < layer->spec->n_inputs; first += layer->ins[i].channels, i++)
    copy_channels(&layer->ins[i], 0, &layer->out, first, layer->ins[i].channels);
  return RP_OK;
}

static rp_status backward_row(rp_layer *layer, rp_error *err) {
  (void)err;
  int first = 0;
  for (int i = 0; i < layer->spec->n_inputs; first += layer->ins[i].channels, i++) {
    if (!layer->in_gradients[i].values) continue;
    clear_padding(&layer->in_gradients[i]);
    copy_channels(&layer->out_gradient, first, &layer->in_gradients[i], 0, layer->ins[i].channels);
  }
  return RP_OK;
}

/* ---- pad_channels ---------------------------------------------------------------------------- */

static rp_status extent_of_padded(const rp_layer_spec *spec, const rp_extent *ins, rp_extent *out, rp_error *err) {
  if (ins[0].is_features)
    return rp_fail(err, RP_EINPUT, "pad_channels needs maps, and its input is the %d features of an fc", ins[0].channels);
  if (spec->stride < 1) return rp_fail(err, RP_EINPUT, "stride is %d; it must be at least 1", spec->stride);
  if (spec->outputs < ins[0].channels)
    return rp_fail(err, RP_EINPUT, "pads to %d channels, and its input has %d already", spec->outputs, ins[0].channels);
  *out = (rp_extent){.channels = spec->outputs,
                     .height = (ins[0].height + spec->stride - 1) / spec->stride,
                     .width = (ins[0].width + spec->stride - 1) / spec->stride};
  return RP_OK;
}

/* Copies every stride-th pixel of each block of the smaller map's channels, to or from the padded map. */
static void move_pixels(const rp_layer *layer, const rp_map *wide, const rp_map *padded, int is_backward) {
  const size_t block = (size_t)wide->block, stride = (size_t)layer->spec->stride;
  const size_t wide_blocks = ((size_t)wide->channels + block - 1) / block, padded_blocks = ((size_t)padded->channels + block - 1) / block;
  const size_t wide_pixels = (size_t)wide->height * (size_t)wide->width, pixels = (size_t)padded->height * (size_t)padded->width;
  for (size_t image = 0; image < (size_t)wide->batch; image++)
    for (size_t b = 0; b < wide_blocks; b++)
      for (size_t y = 0; y < (size_t)padded->height; y++)
        for (size_t x = 0; x < (size_t)padded->width; x++) {
          float *one = wide->values + ((image * wide_blocks + b) * wide_pixels + y * stride * (size_t)wide->width + x * stride) * block;
          float *other = padded->values + ((image * padded_blocks + b) * pixels + y * (size_t)padded->width + x) * block;
          /* A block that the input fills only in part has channels of zeros in the padded map's other lanes. */
          const size_t left = (size_t)wide->channels - b * block, n = left < block ? left : block;
          for (size_t lane = 0; lane < n; lane++) {
            if (is_backward)
              one[lane] = other[lane];
            else
              other[lane] = one[lane];
          }
        }
}

static rp_status forward_padded(rp_layer *layer, rp_error *err) {
  (void)err;
  move_pixels(layer, &layer->ins[0], &layer->out, 0);
  return RP_OK;
}

static rp_status backward_padded(rp_layer *layer, rp_error *err) {
  (void)err;
  if (!layer->in_gradients[0].values) return RP_OK;
  memset(layer->in_gradients[0].values, 0, rp_map_size(&layer->in_gradients[0]) * sizeof(float));
  move_pixels(layer, &layer->in_gradients[0], &layer->out_gradient, 1);
  return RP_OK;
}

const rp_layer_functions RP_ADD_LAYER = {.extent = extent_of_sum,
                                         .passing = RP_PASSES_SUM,
                                         .has_many_inputs = 1,
                                         .takes_relu = 1,
                                         .hands_gradient = 1,
                                         .create = rp_layer_keeps_nothing,
                                         .free = rp_layer_has_nothing,
                                         .forward = forward_sum,
                                         .backward = backward_sum};
const rp_layer_functions RP_CONCAT_LAYER = {.extent = extent_of_row,
                                            .passing = RP_PASSES_JOINED,
                                            .has_many_inputs = 1,
                                            .create = rp_layer_keeps_nothing,
                                            .free = rp_layer_has_nothing,
                                            .forward = forward_row,
                                            .backward = backward_row};
const rp_layer_functions RP_PAD_CHANNELS_LAYER = {.extent = extent_of_padded,
                                                  .passing = RP_PASSES_PADDED,
                                                  .create = rp_layer_keeps_nothing,
                                                  .free = rp_layer_has_nothing,
                                                  .forward = forward_padded,
                                                  .backward = backward_padded};
