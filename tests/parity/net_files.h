/* net_files.h: what the drivers of this folder write of a net, for torch_net.py to read: parameters, tensors, decisions. */
#ifndef RP_TESTS_NET_FILES_H
#define RP_TESTS_NET_FILES_H

#include "core/base/draws.h"
#include "core/base/files.h"
#include "core/base/memory.h"
#include "core/nn/net_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- Parameters ------------------------------------------------------------------------------ */

/* Biases, BN's gamma, beta and running statistics: what initialisation leaves at 0 or 1 would hide mistakes. */
static inline void move_off(const rp_layout *layout, uint64_t seed, float *parameters) {
  for (int t = 0; t < layout->n_tensors; t++) {
    const rp_tensor *tensor = &layout->tensors[t];
    const rp_stream stream = rp_stream_of(seed, RP_DRAW_SHAPES, 1, (uint32_t)tensor->offset, 0, 0);
    for (int k = 0; k < tensor->K; k++) {
      const double normal = rp_draw_normal(&stream, (uint64_t)k), around_one = 0.5 + rp_draw_uniform(&stream, (uint64_t)k);
      float *value = &parameters[tensor->offset + (size_t)k];
      if (tensor->kind == RP_BIAS || tensor->kind == RP_BN_MEAN) *value = (float)(0.1 * normal);
      if (tensor->kind == RP_BN_BETA) *value = (float)(0.2 * normal);
      if (tensor->kind == RP_BN_GAMMA || tensor->kind == RP_BN_VARIANCE) *value = (float)around_one;
    }
  }
}

/* ---- Decisions ------------------------------------------------------------------------------- */

static inline size_t output_size(const rp_net *net, int layer) {
  const rp_extent *out = &net->extents[layer];
  return (size_t)out->channels * (size_t)out->height * (size_t)out->width;
}

static inline int has_decisions(const rp_layer_spec *spec) {
  return spec->has_relu || spec->kind == RP_RELU || spec->kind == RP_MAX_POOL || spec->kind == RP_DROPOUT || spec->kind == RP_DROP_PATH;
}

/* The first tap of the largest value of each window of an image. */
static inline void note_taps(const rp_net *net, int layer, const float *in, uint8_t *taps) {
  const rp_layer_spec *spec = &net->model.layers[layer];
  const rp_extent from = rp_input_extent(&net->model, net->extents, layer, 0), *to = &net->extents[layer];
  const rp_window window = rp_window_of(spec, &from);
  for (int c = 0; c < to->channels; c++, in += from.height * from.width)
    for (int y = 0; y < to->height; y++)
      for (int x = 0; x < to->width; x++, taps++) {
        float largest = -INFINITY;
        for (int tap = 0; tap < window.kernel * window.kernel; tap++) {
          const int row = y * window.stride - window.top + tap / window.kernel,
                    column = x * window.stride - window.left + tap % window.kernel;
          if (row < 0 || row >= from.height || column < 0 || column >= from.width) continue;
          const float value = in[row * from.width + column];
          if (value > largest) largest = value, *taps = (uint8_t)tap;
        }
      }
}

/* What a forward pass of an executor decided at a layer, shaped as its output: 1 where a ReLU let a value pass, or dropout kept it; the tap
 * (row · kernel + column) that a max pool took. `out`: the layer's output, dense, written. */
static inline rp_status note_layer(const rp_executor *executor, int index, float *out, uint8_t *decisions, rp_error *err) {
  const rp_layer *layer = &executor->layers[index];
  const size_t size = output_size(executor->net, index), n_images = (size_t)executor->batch;
  rp_map_to_dense(&layer->out, out);
  if (layer->spec->kind == RP_MAX_POOL) {
    const rp_map *map = &layer->ins[0];
    const size_t in_size = (size_t)map->channels * (size_t)map->height * (size_t)map->width;
    RP_CLEANUP(rp_free_pointer) float *in = NULL;
    RP_TRY(rp_allocate(n_images * in_size, sizeof *in, &in, err));
    rp_map_to_dense(map, in);
    for (size_t n = 0; n < n_images; n++) note_taps(executor->net, index, in + n * in_size, decisions + n * size);
    return RP_OK;
  }
  const int is_dropout = layer->spec->kind == RP_DROPOUT || layer->spec->kind == RP_DROP_PATH;
  for (size_t j = 0; j < n_images * size; j++) decisions[j] = is_dropout ? out[j] != 0 : out[j] > 0;
  return RP_OK;
}

/* ---- Files ----------------------------------------------------------------------------------- */

static inline rp_status write_bytes(const char *folder, const char *name, const void *bytes, size_t size, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *path = NULL;
  RP_TRY(rp_join_path(folder, name, &path, err));
  FILE *file = fopen(path, "wb");
  if (!file) return rp_fail_errno(err, RP_EIO, "%s", path);
  const int is_written = fwrite(bytes, 1, size, file) == size;
  return fclose(file) == 0 && is_written ? RP_OK : rp_fail_errno(err, RP_EIO, "%s", path);
}

static inline rp_status write_floats(const char *folder, const char *name, const float *values, size_t n, rp_error *err) {
  return write_bytes(folder, name, values, n * sizeof *values, err);
}

/* "layers": …, "tensors": […], "decisions": […] of a net; `layers` as rp_model_build describes them, `first_value`: [n_layers + 1], where
 * each layer's output stands among all. */
static inline void write_net(FILE *file, const rp_net *net, const char *layers, const size_t *first_value) {
  static const char *const KINDS[] = {[RP_CONV_WEIGHT] = "conv weight", [RP_FC_WEIGHT] = "fc weight", [RP_BIAS] = "bias",
                                      [RP_BN_GAMMA] = "BN gamma",       [RP_BN_BETA] = "BN beta",     [RP_BN_MEAN] = "BN mean",
                                      [RP_BN_VARIANCE] = "BN variance"};
  const rp_layout *layout = rp_net_layout(net);
  fprintf(file, "\"layers\": %s,\n \"tensors\": [", layers);
  for (int i = 0; i < layout->n_tensors; i++) {
    const rp_tensor *tensor = &layout->tensors[i];
    fprintf(file, "%s\n  {\"kind\": \"%s\", \"layer\": \"%s\", \"K\": %d, \"C\": %d, \"E\": %d, \"offset\": %zu}", i ? "," : "",
            KINDS[tensor->kind], net->model.layers[tensor->layer].name, tensor->K, tensor->C, tensor->E, tensor->offset);
  }
  fprintf(file, "],\n \"decisions\": [");
  const char *separator = "";
  for (int i = 0; i < net->model.n_layers; i++) {
    if (!has_decisions(&net->model.layers[i])) continue;
    fprintf(file, "%s\n  {\"layer\": \"%s\", \"offset\": %zu, \"size\": %zu}", separator, net->model.layers[i].name, first_value[i],
            first_value[i + 1] - first_value[i]);
    separator = ",";
  }
  fprintf(file, "]");
}

#endif
