/* parameters.c: lays a checked model's parameters out in one flat buffer. */
#include "core/nn/parameters.h"

#include "core/base/memory.h"
#include "core/nn/net_parts.h"

#include <stdlib.h>

static const size_t MOST_PARAMETERS = (size_t)1 << 31;

static rp_status add_tensor(rp_layout *layout, rp_tensor tensor, int *index, rp_error *err) {
  tensor.offset = layout->n_parameters;
  tensor.first_unit = layout->n_units;
  size_t n_units = (size_t)tensor.K * (size_t)tensor.C, n_parameters;
  if (__builtin_mul_overflow(n_units, (size_t)tensor.E, &n_parameters) || n_parameters > MOST_PARAMETERS - layout->n_parameters)
    return rp_fail(err, RP_EINPUT, "with %d×%d×%d weights the net has more than %zu parameters", tensor.K, tensor.C, tensor.E,
                   MOST_PARAMETERS);
  layout->n_units += n_units;
  layout->n_parameters += n_parameters;
  *index = layout->n_tensors;
  layout->tensors[layout->n_tensors++] = tensor;
  return RP_OK;
}

/* Rows of a layer's tensor `place`: the first of a layer with weights is [outputs][C][E], all others have one value per row. */
static rp_tensor shape_of(const rp_net *net, int layer, int place) {
  const rp_layer_spec *spec = &net->model.layers[layer];
  const rp_layer_functions *functions = rp_layer_functions_of(spec->kind);
  rp_extent in = rp_input_extent(&net->model, net->extents, layer, 0);
  rp_tensor tensor = {.kind = functions->tensors[place], .layer = layer, .K = net->extents[layer].channels, .C = 1, .E = 1};
  if (place == 0 && functions->weights_per_unit) tensor.C = in.channels, tensor.E = functions->weights_per_unit(spec, &in);
  return tensor;
}

static rp_status add_layer(rp_net *net, int layer, rp_error *err) {
  const rp_layer_spec *spec = &net->model.layers[layer];
  const rp_layer_functions *functions = rp_layer_functions_of(spec->kind);
  net->convs[layer] = -1;
  for (int place = 0; place < RP_MAX_LAYER_TENSORS; place++) {
    net->tensors[layer][place] = -1;
    if (place >= functions->n_tensors || (functions->tensors[place] == RP_BIAS && !spec->has_bias)) continue;
    RP_TRY(add_tensor(&net->layout, shape_of(net, layer, place), &net->tensors[layer][place], err));
  }
  return RP_OK;
}

static void add_conv(rp_net *net, int layer) {
  const rp_layer_spec *spec = &net->model.layers[layer];
  rp_layout *layout = &net->layout;
  net->convs[layer] = layout->n_convs;
  layout->convs[layout->n_convs++] = (rp_conv){.layer = layer,
                                               .name = spec->name,
                                               .K = spec->outputs,
                                               .C = rp_input_extent(&net->model, net->extents, layer, 0).channels,
                                               .R = spec->kernel,
                                               .S = spec->kernel,
                                               .out_height = net->extents[layer].height,
                                               .out_width = net->extents[layer].width,
                                               .first_filter = layout->n_filters,
                                               .weight = net->tensors[layer][0],
                                               .bias = net->tensors[layer][1],
                                               .gate_layer = layer};
  layout->n_filters += spec->outputs;
}

/* The layer's only reader, where that is of the kind; else -1. Kinds of one input only: then it has no other input. */
static int sole_reader(const rp_net *net, int layer, rp_layer_kind kind) {
  if (net->n_readers[layer] != 1) return -1;
  for (int reader = layer + 1; reader < net->model.n_layers; reader++)
    if (net->model.layers[reader].inputs[0] == layer && net->model.layers[reader].kind == kind) return reader;
  return -1;
}

/* Rules 7 and 8. A ReLU that is fused into the conv stands between it and a BN: that BN is not its own then. */
static void find_gate(const rp_net *net, rp_conv *conv) {
  const rp_layer_spec *layers = net->model.layers;
  if (layers[conv->layer].has_relu) return;
  int bn = sole_reader(net, conv->layer, RP_BATCH_NORM);
  if (bn >= 0) conv->gate_layer = bn, conv->bn = net->tensors[bn][0];
  if (layers[conv->gate_layer].has_relu) return;
  int relu = sole_reader(net, conv->gate_layer, RP_RELU);
  if (relu >= 0) conv->gate_layer = relu;
}

static void count_readers_and_channels(rp_net *net) {
  for (int layer = 0; layer < net->model.n_layers; layer++) {
    const rp_layer_spec *spec = &net->model.layers[layer];
    for (int i = 0; i < spec->n_inputs; i++)
      if (spec->inputs[i] != RP_IMAGE) net->n_readers[spec->inputs[i]]++;
    net->first_channel[layer] = net->n_channels;
    net->n_channels += net->extents[layer].channels;
  }
}

rp_status rp_layout_create(rp_net *net, rp_error *err) {
  size_t n_layers = (size_t)net->model.n_layers;
  RP_TRY(rp_allocate(RP_MAX_LAYER_TENSORS * n_layers, sizeof *net->layout.tensors, &net->layout.tensors, err));
  RP_TRY(rp_allocate(n_layers, sizeof *net->layout.convs, &net->layout.convs, err));
  RP_TRY(rp_allocate(n_layers, sizeof *net->tensors, &net->tensors, err));
  RP_TRY(rp_allocate(n_layers, sizeof *net->convs, &net->convs, err));
  RP_TRY(rp_allocate(n_layers, sizeof *net->n_readers, &net->n_readers, err));
  RP_TRY(rp_allocate(n_layers, sizeof *net->first_channel, &net->first_channel, err));
  count_readers_and_channels(net);
  RP_TRY(rp_allocate((size_t)net->n_channels, 1, &net->marks, err));
  for (int layer = 0; layer < net->model.n_layers; layer++) {
    RP_TRY_IN(add_layer(net, layer, err), err, "%s", net->model.layers[layer].name);
    if (rp_layer_functions_of(net->model.layers[layer].kind)->owns_filters) add_conv(net, layer);
  }
  for (int i = 0; i < net->layout.n_convs; i++) find_gate(net, &net->layout.convs[i]);
  return RP_OK;
}

const char *rp_tensor_name(rp_tensor_kind kind) {
  static const char *const NAMES[] = {[RP_CONV_WEIGHT] = "weight",     [RP_FC_WEIGHT] = "weight", [RP_BIAS] = "bias",
                                      [RP_BN_GAMMA] = "BN gamma",      [RP_BN_BETA] = "BN beta",  [RP_BN_MEAN] = "BN mean",
                                      [RP_BN_VARIANCE] = "BN variance"};
  return NAMES[kind];
}

int rp_tensor_is_trained(rp_tensor_kind kind) {
  return kind != RP_BN_MEAN && kind != RP_BN_VARIANCE;
}

void rp_layout_free(rp_layout *layout) {
  free(layout->tensors);
  free(layout->convs);
  *layout = (rp_layout){0};
}

int rp_conv_of_filter(const rp_layout *layout, int filter) {
  int conv = layout->n_convs - 1;
  while (conv > 0 && filter < layout->convs[conv].first_filter) conv--;
  return conv;
}
