/* decisions.h: which side of each kink a forward pass stood on: what a ReLU let pass, what a max pool took, what dropout kept. Another
 * implementation that is made to decide alike differs by rounding only. */
#ifndef RP_PARITY_DECISIONS_H
#define RP_PARITY_DECISIONS_H

#include "core/base/memory.h"
#include "core/nn/net_parts.h"

#include <math.h>

/* Values of one image that a layer puts out. */
static inline size_t output_size_of(const rp_net *net, int layer) {
  const rp_extent *out = &net->extents[layer];
  return (size_t)out->channels * (size_t)out->height * (size_t)out->width;
}

/* Where each layer's outputs for n images stand among those of all: `first_value` [n_layers + 1], the last one their number. */
static inline void place_outputs(const rp_net *net, size_t n, size_t *first_value) {
  first_value[0] = 0;
  for (int i = 0; i < net->model.n_layers; i++) first_value[i + 1] = first_value[i] + n * output_size_of(net, i);
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

static inline rp_status note_layer(const rp_executor *executor, int i, uint8_t *decisions, rp_error *err) {
  const rp_layer *layer = &executor->layers[i];
  const size_t size = output_size_of(executor->net, i), n = (size_t)executor->batch * size;
  RP_CLEANUP(rp_free_pointer) float *values = NULL;
  if (layer->spec->kind == RP_MAX_POOL) {
    const size_t in_size = (size_t)layer->ins[0].channels * (size_t)layer->ins[0].height * (size_t)layer->ins[0].width;
    RP_TRY(rp_allocate((size_t)executor->batch * in_size, sizeof *values, &values, err));
    rp_map_to_dense(&layer->ins[0], values);
    for (int image = 0; image < executor->batch; image++)
      note_taps(executor->net, i, values + (size_t)image * in_size, decisions + (size_t)image * size);
    return RP_OK;
  }
  const int is_dropout = layer->spec->kind == RP_DROPOUT || layer->spec->kind == RP_DROP_PATH;
  RP_TRY(rp_allocate(n, sizeof *values, &values, err));
  rp_map_to_dense(&layer->out, values);
  for (size_t j = 0; j < n; j++) decisions[j] = is_dropout ? values[j] != 0 : values[j] > 0;
  return RP_OK;
}

/* What a forward pass left in an executor's maps, for images from `first` on. `decisions`: shaped as the outputs, at `first_value`. */
static inline rp_status note_decisions(const rp_executor *executor, int first, const size_t *first_value, uint8_t *decisions,
                                       rp_error *err) {
  for (int i = 0; i < executor->net->model.n_layers; i++)
    RP_TRY(note_layer(executor, i, decisions + first_value[i] + (size_t)first * output_size_of(executor->net, i), err));
  return RP_OK;
}

#endif
