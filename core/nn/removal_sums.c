/* removal_sums.c: sums of convs and fcs less what a few channels of their input contributed. */
#include "core/nn/removal_parts.h"

#include "core/base/memory.h"
#include "core/nn/channel_conv.h"

#include <math.h>
#include <string.h>

/* ---- Values ---------------------------------------------------------------------------------- */

enum { LANES = 8 }; /* maps of convs are made of whole blocks, of 8 or 16 */

RP_VECTORISED static void removal_relu(float *values, size_t n) {
  for (size_t i = 0; i < n; i += LANES)
    for (size_t lane = i; lane < i + LANES; lane++) values[lane] = values[lane] > 0 ? values[lane] : 0;
}

RP_VECTORISED static float removal_dot(const float *restrict a, const float *restrict b, size_t n) {
  float sums[2 * LANES] = {0}, sum = 0;
  size_t i = 0;
  for (; i + 2 * LANES <= n; i += 2 * LANES)
    for (size_t lane = 0; lane < 2 * LANES; lane++) sums[lane] += a[i + lane] * b[i + lane];
  for (; i < n; i++) sum += a[i] * b[i];
  for (size_t lane = 0; lane < 2 * LANES; lane++) sum += sums[lane];
  return sum;
}

void rp_removal_relu(const rp_map *map) {
  removal_relu(map->values, rp_map_size(map));
}

size_t rp_removal_place(const rp_map *map, int image, int c) {
  const size_t n_pixels = (size_t)map->height * (size_t)map->width, block = (size_t)map->block, k = (size_t)c;
  const size_t n_blocks = ((size_t)map->channels + block - 1) / block;
  return ((size_t)image * n_blocks + k / block) * n_pixels * block + k % block;
}

/* ---- Sums less a few channels ---------------------------------------------------------------- */

static rp_channel_plane plane_of(const rp_layer *layer) {
  const rp_extent in = {.channels = layer->ins[0].channels, .height = layer->ins[0].height, .width = layer->ins[0].width};
  const rp_window window = rp_window_of(layer->spec, &in);
  return rp_channel_plane_of(&layer->ins[0], &layer->out, &window);
}

/* Output channels, in whole blocks. */
static size_t channels_of(const rp_map *map) {
  return ((size_t)map->channels + (size_t)map->block - 1) / (size_t)map->block * (size_t)map->block;
}

/* Weights of a conv on one channel. */
static size_t n_weights(const rp_layer *layer) {
  return (size_t)(layer->spec->kernel * layer->spec->kernel) * channels_of(&layer->out);
}

rp_status rp_removal_make_room(rp_removal *removal, rp_error *err) {
  size_t most_pixels = 1, most_weights = 1;
  for (int i = 0; i < removal->net->model.n_layers; i++) {
    const rp_layer *layer = &removal->executor->layers[i];
    if (!rp_removal_is_of_sums(removal->net, i)) continue;
    const size_t n = (size_t)rp_removal_most_channels(layer->ins[0].channels);
    const int is_conv = layer->spec->kind == RP_CONV;
    const size_t n_pixels = is_conv ? n * plane_of(layer).size : (size_t)layer->ins[0].height * (size_t)layer->ins[0].width;
    if (n_pixels > most_pixels) most_pixels = n_pixels;
    if (is_conv && n * n_weights(layer) > most_weights) most_weights = n * n_weights(layer);
  }
  RP_TRY(rp_allocate(most_pixels, sizeof(float), &removal->planes, err));
  return rp_allocate(most_weights, sizeof(float), &removal->weights, err);
}

/* What channel c of a layer's output has lost, in one image: dense rows, each `width` floats behind the one before. */
static void take_loss(const rp_removal *removal, int layer, int c, int image, float *loss, size_t width) {
  const int owner = rp_removal_owner(removal, layer), is_zero = rp_removal_silences(removal, layer, c);
  const rp_layer *of = &removal->executor->layers[owner];
  const size_t block = (size_t)of->out.block, at = rp_removal_place(&of->out, image, c);
  const float lowest = of->relu_is_apart ? 0 : -INFINITY;
  const float *kept = removal->layers[owner].kept + at, *now = of->out.values + at;
  for (int y = 0; y < of->out.height; y++, loss += width)
    for (int x = 0; x < of->out.width; x++, kept += block, now += block) {
      const float before = *kept > lowest ? *kept : lowest;
      loss[x] = is_zero ? before : before - *now;
    }
}

/* The weights [kernel²][K in whole blocks] of a conv on its input channel c; those of absent filters are 0. */
static void take_weights(const rp_removal *removal, int index, int c, float *weights) {
  const rp_net *net = removal->net;
  const rp_tensor *tensor = &net->layout.tensors[net->tensors[index][0]];
  const uint8_t *absent = rp_removal_channels(removal, removal->executor->absent, index);
  const size_t E = (size_t)tensor->E, K = channels_of(&removal->executor->layers[index].out);
  memset(weights, 0, E * K * sizeof *weights);
  for (int k = 0; k < tensor->K; k++) {
    const float *from = removal->parameters + tensor->offset + ((size_t)k * (size_t)tensor->C + (size_t)c) * E;
    for (size_t e = 0; e < E && !absent[k]; e++) weights[e * K + (size_t)k] = from[e];
  }
}

static void subtract_from_conv(const rp_removal *removal, int index, int n_changed) {
  const rp_layer *layer = &removal->executor->layers[index];
  const int from = layer->spec->inputs[0];
  const uint8_t *changed = rp_removal_channels(removal, removal->changed, from);
  const rp_channel_plane plane = plane_of(layer);
  const rp_channel_conv conv = {.n_channels = n_changed,
                                .planes = removal->planes,
                                .plane = plane,
                                .weights = removal->weights,
                                .lowest = layer->relu_is_apart ? 0 : -INFINITY};
  for (int c = 0, i = 0; i < n_changed; c++)
    if (changed[c]) take_weights(removal, index, c, removal->weights + (size_t)i++ * n_weights(layer));
  memset(removal->planes, 0, (size_t)n_changed * plane.size * sizeof(float)); /* their padding stays 0 */
  for (int image = 0; image < layer->out.batch; image++) {
    for (int c = 0, i = 0; i < n_changed; c++)
      if (changed[c]) take_loss(removal, from, c, image, removal->planes + (size_t)i++ * plane.size + plane.first, plane.width);
    rp_channel_conv_subtract(&conv, removal->layers[index].kept, &layer->out, image);
  }
}

static void subtract_from_fc(const rp_removal *removal, int index, int n_changed) {
  const rp_net *net = removal->net;
  const rp_layer *layer = &removal->executor->layers[index];
  const int from = layer->spec->inputs[0];
  const rp_tensor *tensor = &net->layout.tensors[net->tensors[index][0]];
  const size_t C = (size_t)tensor->C, E = (size_t)tensor->E;
  const uint8_t *changed = rp_removal_channels(removal, removal->changed, from);
  memcpy(layer->out.values, removal->layers[index].kept, rp_map_size(&layer->out) * sizeof(float));
  for (int image = 0; image < layer->out.batch; image++)
    for (int c = 0, left = n_changed; left > 0; c++) {
      if (!changed[c]) continue;
      left--;
      const float *weights = removal->parameters + tensor->offset + (size_t)c * E;
      float *out = layer->out.values + (ptrdiff_t)image * tensor->K;
      take_loss(removal, from, c, image, removal->planes, (size_t)layer->ins[0].width);
      for (int k = 0; k < tensor->K; k++) out[k] -= removal_dot(removal->planes, weights + (size_t)k * C * E, E);
    }
}

void rp_removal_subtract(const rp_removal *removal, int layer, int n_changed) {
  if (removal->net->model.layers[layer].kind == RP_CONV)
    subtract_from_conv(removal, layer, n_changed);
  else
    subtract_from_fc(removal, layer, n_changed);
}
