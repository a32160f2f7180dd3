/* gate.c: follows channels downstream, layer by layer. How a kind of layer passes channels on stands in its row of functions. */
#include "core/nn/gate.h"

#include "core/nn/net_parts.h"

#include <string.h>

/* What a channel carries. PADDING is zeros of nobody: it contributes nothing, but is no filter's absence either. */
enum { PRESENT, ABSENT, PADDING };

int rp_gate_n_channels(const rp_net *net) {
  return net->n_channels;
}

int rp_gate_first_channel(const rp_net *net, int layer) {
  return net->first_channel[layer];
}

/* What channel c of a layer's input is; an image's are there. */
static uint8_t input_channel(const rp_net *net, const uint8_t *channels, int layer, int input, int c) {
  int from = net->model.layers[layer].inputs[input];
  return from == RP_IMAGE ? PRESENT : channels[net->first_channel[from] + c];
}

static int input_channels(const rp_net *net, int layer, int input) {
  return rp_input_extent(&net->model, net->extents, layer, input).channels;
}

/* A sum is there where any summand is, absent where some are and the others are padding. */
static uint8_t sum_of(const rp_net *net, const uint8_t *channels, int layer, int c) {
  uint8_t sum = PADDING;
  for (int i = 0; i < net->model.layers[layer].n_inputs; i++) {
    uint8_t one = input_channel(net, channels, layer, i, c);
    if (one == PRESENT) return PRESENT;
    if (one == ABSENT) sum = ABSENT;
  }
  return sum;
}

static void pass_joined(const rp_net *net, int layer, uint8_t *channels) {
  uint8_t *out = channels + net->first_channel[layer];
  for (int i = 0; i < net->model.layers[layer].n_inputs; i++)
    for (int c = 0; c < input_channels(net, layer, i); c++) *out++ = input_channel(net, channels, layer, i, c);
}

/* BN makes something of padding: its beta. */
static uint8_t passed(const rp_net *net, const uint8_t *channels, int layer, int c) {
  uint8_t in = input_channel(net, channels, layer, 0, c);
  return in == PADDING && net->tensors[layer][0] >= 0 ? PRESENT : in;
}

/* Writes a layer's channels from those before it; `own` are those of a conv's filters. */
static void pass_layer(const rp_net *net, int layer, const uint8_t *own, uint8_t *channels) {
  uint8_t *out = channels + net->first_channel[layer];
  int n = net->extents[layer].channels;
  switch (rp_layer_functions_of(net->model.layers[layer].kind)->passing) {
  case RP_PASSES_NONE:
    for (int c = 0; c < n; c++) out[c] = own && own[c] ? ABSENT : PRESENT;
    return;
  case RP_PASSES_EACH:
    for (int c = 0; c < n; c++) out[c] = passed(net, channels, layer, c);
    return;
  case RP_PASSES_JOINED:
    pass_joined(net, layer, channels);
    return;
  case RP_PASSES_SUM:
    for (int c = 0; c < n; c++) out[c] = sum_of(net, channels, layer, c);
    return;
  case RP_PASSES_PADDED:
    for (int c = 0; c < n; c++) out[c] = c < input_channels(net, layer, 0) ? input_channel(net, channels, layer, 0, c) : PADDING;
    return;
  }
}

void rp_gate_absent_channels(const rp_net *net, const uint8_t *closed, uint8_t *absent) {
  for (int layer = 0; layer < net->model.n_layers; layer++)
    pass_layer(net, layer, net->convs[layer] < 0 ? NULL : closed + net->layout.convs[net->convs[layer]].first_filter, absent);
  for (int i = 0; i < net->n_channels; i++) absent[i] = absent[i] == ABSENT;
}

/* ---- Units ----------------------------------------------------------------------------------- */

static int reads_maps(const rp_tensor *tensor) {
  return tensor->kind == RP_CONV_WEIGHT || tensor->kind == RP_FC_WEIGHT;
}

static int is_of_bn(const rp_tensor *tensor) {
  return tensor->kind >= RP_BN_GAMMA;
}

/* Whether a tensor belongs to filters: of a conv, or of a BN that is some conv's own. */
static int is_of_filters(const rp_net *net, int tensor) {
  const rp_tensor *of = &net->layout.tensors[tensor];
  if (net->convs[of->layer] >= 0) return 1;
  for (int i = 0; i < net->layout.n_convs; i++) {
    int bn = net->layout.convs[i].bn;
    if (bn > 0 && tensor >= bn && tensor < bn + 4) return 1;
  }
  return 0;
}

/* Marks units that read absent channels, and, `with_own`, those of closed filters; else without them. */
static void mark_units(const rp_net *net, const uint8_t *absent, int with_own, uint8_t *marked) {
  for (int t = 0; t < net->layout.n_tensors; t++) {
    const rp_tensor *tensor = &net->layout.tensors[t];
    const uint8_t *rows = absent + net->first_channel[tensor->layer];
    int has_filters = is_of_filters(net, t), is_bn = is_of_bn(tensor);
    uint8_t *unit = marked + tensor->first_unit;
    for (int k = 0; k < tensor->K; k++) {
      int is_own = rows[k] && has_filters;
      for (int c = 0; c < tensor->C; c++) {
        int reads = reads_maps(tensor) ? input_channel(net, absent, tensor->layer, 0, c) : is_bn && rows[k];
        *unit++ = with_own ? is_own || reads : !is_own && reads;
      }
    }
  }
}

void rp_gate_frozen_units(const rp_net *net, const uint8_t *closed, uint8_t *frozen) {
  rp_gate_absent_channels(net, closed, net->marks);
  mark_units(net, net->marks, 1, frozen);
}

void rp_gate_reader_units(const rp_net *net, const uint8_t *closed, uint8_t *reads_absent) {
  rp_gate_absent_channels(net, closed, net->marks);
  mark_units(net, net->marks, 0, reads_absent);
}

/* ---- Readers --------------------------------------------------------------------------------- */

/* Marks the channels that a filter's map reaches before any conv or fc: a sum is reached where any summand is. */
static void mark_reached(const rp_net *net, int filter, uint8_t *reached) {
  const rp_conv *conv = &net->layout.convs[rp_conv_of_filter(&net->layout, filter)];
  for (int layer = 0; layer < net->model.n_layers; layer++) {
    const rp_layer_spec *spec = &net->model.layers[layer];
    uint8_t *out = reached + net->first_channel[layer];
    memset(out, 0, (size_t)net->extents[layer].channels);
    if (layer == conv->layer) out[filter - conv->first_filter] = 1;
    rp_passing passing = rp_layer_functions_of(spec->kind)->passing;
    if (passing == RP_PASSES_NONE) continue;
    for (int i = 0, first = 0; i < spec->n_inputs; i++) {
      int n = input_channels(net, layer, i);
      for (int c = 0; c < n; c++) out[first + c] |= input_channel(net, reached, layer, i, c);
      if (passing == RP_PASSES_JOINED) first += n;
    }
  }
}

int rp_gate_readers(const rp_net *net, int filter, rp_reader *readers, int capacity) {
  mark_reached(net, filter, net->marks);
  int n_readers = 0;
  for (int t = 0; t < net->layout.n_tensors; t++) {
    const rp_tensor *tensor = &net->layout.tensors[t];
    if (!reads_maps(tensor)) continue;
    for (int c = 0; c < tensor->C; c++) {
      if (!input_channel(net, net->marks, tensor->layer, 0, c)) continue;
      if (n_readers < capacity) readers[n_readers] = (rp_reader){.layer = tensor->layer, .tensor = t, .c = c};
      n_readers++;
    }
  }
  return n_readers;
}
