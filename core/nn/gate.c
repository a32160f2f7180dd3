/* gate.c: follows gated channels downstream. A layer's channel is absent where its conv's gate is closed, or where a pool passes an absent
 * one on. */
#include "core/nn/gate.h"

#include "core/nn/net_parts.h"

/* The filter whose map a layer's input channel is, through pools, or -1 where none is (an image, an fc's features). */
static int filter_behind(const rp_net *net, int layer, int channel) {
  int input = net->model.layers[layer].inputs[0];
  while (input != RP_IMAGE && net->model.layers[input].kind == RP_MAX_POOL) input = net->model.layers[input].inputs[0];
  if (input == RP_IMAGE || net->convs[input] < 0) return -1;
  return net->layout.convs[net->convs[input]].first_filter + channel;
}

static int is_absent(const rp_net *net, int layer, int channel, const uint8_t *closed) {
  int filter = filter_behind(net, layer, channel);
  return filter >= 0 && closed[filter];
}

/* Whether row k of a tensor belongs to a closed filter. */
static int is_own(const rp_net *net, const rp_tensor *tensor, int k, const uint8_t *closed) {
  int conv = net->convs[tensor->layer];
  return conv >= 0 && closed[net->layout.convs[conv].first_filter + k];
}

static int reads_maps(const rp_tensor *tensor) {
  return tensor->kind == RP_CONV_WEIGHT || tensor->kind == RP_FC_WEIGHT;
}

void rp_gate_frozen_units(const rp_net *net, const uint8_t *closed, uint8_t *frozen) {
  for (int t = 0; t < net->layout.n_tensors; t++) {
    const rp_tensor *tensor = &net->layout.tensors[t];
    uint8_t *unit = frozen + tensor->first_unit;
    for (int k = 0; k < tensor->K; k++)
      for (int c = 0; c < tensor->C; c++)
        *unit++ = is_own(net, tensor, k, closed) || (reads_maps(tensor) && is_absent(net, tensor->layer, c, closed));
  }
}

void rp_gate_reader_units(const rp_net *net, const uint8_t *closed, uint8_t *reads_absent) {
  for (int t = 0; t < net->layout.n_tensors; t++) {
    const rp_tensor *tensor = &net->layout.tensors[t];
    uint8_t *unit = reads_absent + tensor->first_unit;
    for (int k = 0; k < tensor->K; k++)
      for (int c = 0; c < tensor->C; c++)
        *unit++ = !is_own(net, tensor, k, closed) && reads_maps(tensor) && is_absent(net, tensor->layer, c, closed);
  }
}

int rp_gate_readers(const rp_net *net, int filter, rp_reader *readers, int capacity) {
  const rp_conv *conv = &net->layout.convs[rp_conv_of_filter(&net->layout, filter)];
  int n_readers = 0;
  for (int t = 0; t < net->layout.n_tensors; t++) {
    const rp_tensor *tensor = &net->layout.tensors[t];
    const int channel = filter - conv->first_filter;
    if (!reads_maps(tensor) || channel >= tensor->C || filter_behind(net, tensor->layer, channel) != filter) continue;
    if (n_readers < capacity) readers[n_readers] = (rp_reader){.layer = tensor->layer, .tensor = t, .c = channel};
    n_readers++;
  }
  return n_readers;
}
