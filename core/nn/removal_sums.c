/* removal_sums.c: sums of convs and fcs less what a few channels of their input contributed.
 *
 * A conv's is worked out by a convolution on one channel, with that channel's weights. */
#include "core/nn/removal_parts.h"

#include <math.h>
#include <string.h>

/* ---- Values ---------------------------------------------------------------------------------- */

enum { LANES = 8 }; /* maps of convs are made of whole blocks, of 8 or 16 */

RP_VECTORISED static void removal_relu(float *values, size_t n) {
  for (size_t i = 0; i < n; i += LANES)
    for (size_t lane = i; lane < i + LANES; lane++) values[lane] = values[lane] > 0 ? values[lane] : 0;
}

/* `from` may be `out`. */
RP_VECTORISED static void removal_subtract(const float *from, const float *restrict what, float *out, float lowest, size_t n) {
  for (size_t i = 0; i < n; i += LANES) {
    float values[LANES];
    for (size_t lane = 0; lane < LANES; lane++) values[lane] = from[i + lane] - what[i + lane];
    for (size_t lane = 0; lane < LANES; lane++) out[i + lane] = values[lane] > lowest ? values[lane] : lowest;
  }
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

/* Writes what channel c of a layer's output has lost to removal->channel, dense. */
static void take_loss(rp_removal *removal, int layer, int c) {
  const int owner = rp_removal_owner(removal, layer), is_zero = rp_removal_silences(removal, layer, c);
  const rp_layer *of = &removal->executor->layers[owner];
  const size_t n_pixels = (size_t)of->out.height * (size_t)of->out.width, block = (size_t)of->out.block;
  const float lowest = of->relu_is_apart ? 0 : -INFINITY;
  float *loss = removal->channel;
  for (int image = 0; image < of->out.batch; image++, loss += n_pixels) {
    const size_t at = rp_removal_place(&of->out, image, c);
    const float *kept = removal->layers[owner].kept + at, *now = of->out.values + at;
    for (size_t pixel = 0; pixel < n_pixels; pixel++) {
      const float before = kept[pixel * block] > lowest ? kept[pixel * block] : lowest;
      loss[pixel] = is_zero ? before : before - now[pixel * block];
    }
  }
}

static rp_status make_one(rp_removal *removal, int index, rp_error *err) {
  const rp_layer *layer = &removal->executor->layers[index];
  if (removal->layers[index].one) return RP_OK;
  const rp_extent in = {.channels = layer->ins[0].channels, .height = layer->ins[0].height, .width = layer->ins[0].width};
  rp_dnn_conv_spec spec = {
      .source = layer->ins[0], .output = layer->out, .window = rp_window_of(layer->spec, &in), .convolution = layer->convolution};
  spec.source.channels = spec.source.block = 1;
  spec.source.values = removal->channel;
  spec.output.values = removal->contribution;
  RP_TRY_IN(rp_dnn_conv_create(removal->net->dnn, &spec, &removal->layers[index].one, err), err, "%s, on one channel", layer->spec->name);
  return RP_OK;
}

/* What removal->channel, as input channel c, contributes to a conv's sums, to removal->contribution. */
static rp_status convolve_one(rp_removal *removal, int index, int c, rp_error *err) {
  const rp_net *net = removal->net;
  const rp_tensor *weights = &net->layout.tensors[net->tensors[index][0]];
  const size_t E = (size_t)weights->E;
  const uint8_t *absent = rp_removal_channels(removal, removal->executor->absent, index);
  float *of_one = removal->executor->scratch[0]; /* [K][1][R][S] */
  RP_TRY(make_one(removal, index, err));
  for (int k = 0; k < weights->K; k++) {
    const float *from = removal->parameters + weights->offset + ((size_t)k * (size_t)weights->C + (size_t)c) * E;
    for (size_t e = 0; e < E; e++) of_one[(size_t)k * E + e] = absent[k] ? 0 : from[e];
  }
  rp_dnn_conv_load(removal->layers[index].one, of_one, NULL);
  RP_TRY_IN(rp_dnn_conv_forward(removal->layers[index].one, err), err, "%s, on one channel", net->model.layers[index].name);
  return RP_OK;
}

static rp_status subtract_from_conv(rp_removal *removal, int index, int n_changed, rp_error *err) {
  const rp_layer *layer = &removal->executor->layers[index];
  const int from = layer->spec->inputs[0];
  const uint8_t *changed = rp_removal_channels(removal, removal->changed, from);
  const float *sums = removal->layers[index].kept;
  for (int c = 0; n_changed > 0; c++) {
    if (!changed[c]) continue;
    n_changed--;
    take_loss(removal, from, c);
    RP_TRY(convolve_one(removal, index, c, err));
    removal_subtract(sums, removal->contribution, layer->out.values, layer->relu_is_apart && n_changed == 0 ? 0 : -INFINITY,
                     rp_map_size(&layer->out));
    sums = layer->out.values;
  }
  return RP_OK;
}

static void subtract_from_fc(rp_removal *removal, int index, int n_changed) {
  const rp_net *net = removal->net;
  const rp_layer *layer = &removal->executor->layers[index];
  const rp_tensor *weights = &net->layout.tensors[net->tensors[index][0]];
  const size_t E = (size_t)weights->E;
  const uint8_t *changed = rp_removal_channels(removal, removal->changed, layer->spec->inputs[0]);
  memcpy(layer->out.values, removal->layers[index].kept, rp_map_size(&layer->out) * sizeof(float));
  for (int c = 0; n_changed > 0; c++) {
    if (!changed[c]) continue;
    n_changed--;
    take_loss(removal, layer->spec->inputs[0], c);
    const float *loss = removal->channel, *of_channel = removal->parameters + weights->offset + (size_t)c * E;
    float *out = layer->out.values;
    for (int image = 0; image < layer->out.batch; image++, loss += E)
      for (int k = 0; k < weights->K; k++) *out++ -= removal_dot(loss, of_channel + (size_t)k * (size_t)weights->C * E, E);
  }
}

rp_status rp_removal_subtract(rp_removal *removal, int layer, int n_changed, rp_error *err) {
  if (removal->net->model.layers[layer].kind == RP_CONV) return subtract_from_conv(removal, layer, n_changed, err);
  subtract_from_fc(removal, layer, n_changed);
  return RP_OK;
}
