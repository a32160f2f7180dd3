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

static rp_status add_layer(rp_net *net, int layer, rp_error *err) {
  const rp_layer_spec *spec = &net->model.layers[layer];
  const rp_layer_functions *functions = rp_layer_functions_of(spec->kind);
  net->weights[layer] = net->biases[layer] = net->convs[layer] = -1;
  if (!functions->weights_per_unit) return RP_OK;
  rp_extent in = rp_input_extent(&net->model, net->extents, layer);
  RP_TRY(add_tensor(&net->layout,
                    (rp_tensor){.kind = functions->weight_kind,
                                .layer = layer,
                                .K = spec->outputs,
                                .C = in.channels,
                                .E = functions->weights_per_unit(spec, &in)},
                    &net->weights[layer], err));
  if (!spec->has_bias) return RP_OK;
  return add_tensor(&net->layout, (rp_tensor){.kind = RP_BIAS, .layer = layer, .K = spec->outputs, .C = 1, .E = 1}, &net->biases[layer],
                    err);
}

static void add_conv(rp_net *net, int layer) {
  const rp_layer_spec *spec = &net->model.layers[layer];
  rp_layout *layout = &net->layout;
  net->convs[layer] = layout->n_convs;
  layout->convs[layout->n_convs++] = (rp_conv){.layer = layer,
                                               .name = spec->name,
                                               .K = spec->outputs,
                                               .C = rp_input_extent(&net->model, net->extents, layer).channels,
                                               .R = spec->kernel,
                                               .S = spec->kernel,
                                               .out_height = net->extents[layer].height,
                                               .out_width = net->extents[layer].width,
                                               .first_filter = layout->n_filters,
                                               .weight = net->weights[layer],
                                               .bias = net->biases[layer]};
  layout->n_filters += spec->outputs;
}

rp_status rp_layout_create(rp_net *net, rp_error *err) {
  size_t n_layers = (size_t)net->model.n_layers;
  RP_TRY(rp_allocate(2 * n_layers, sizeof *net->layout.tensors, &net->layout.tensors, err));
  RP_TRY(rp_allocate(n_layers, sizeof *net->layout.convs, &net->layout.convs, err));
  RP_TRY(rp_allocate(n_layers, sizeof *net->weights, &net->weights, err));
  RP_TRY(rp_allocate(n_layers, sizeof *net->biases, &net->biases, err));
  RP_TRY(rp_allocate(n_layers, sizeof *net->convs, &net->convs, err));
  for (int layer = 0; layer < net->model.n_layers; layer++) {
    RP_TRY_IN(add_layer(net, layer, err), err, "%s", net->model.layers[layer].name);
    if (net->model.layers[layer].kind == RP_CONV) add_conv(net, layer);
  }
  return RP_OK;
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
