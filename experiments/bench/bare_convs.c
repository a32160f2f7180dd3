/* bare_convs.c: shapes are read off the net's own executor, so that they are the very ones it runs on. This is the one file outside core/nn
 * that looks into it.
 *
 * Each convolution has its own source and output, as in the net; gradients of maps take turns in two buffers, one that is read and one that
 * is written, so that no value goes round and grows or fades to denormals. */
#include "experiments/bench/bare_convs.h"

#include "core/base/memory.h"
#include "core/nn/conv_kernels.h"
#include "core/nn/net_parts.h"

#include <stdlib.h>

struct rp_bare_convs {
  rp_net *net; /* borrowed */
  rp_purpose_of_run purpose;
  int n;
  rp_conv_kernels **convs;                   /* [n] */
  float **sources, **outputs;                /* [n] */
  float *output_gradients, *input_gradients; /* each with room for the largest map */
};

static void fill_normal(float *values, size_t n, uint32_t which) {
  const rp_stream stream = rp_stream_of(0, RP_DRAW_INIT, which, 0, 0, 0);
  for (size_t i = 0; i < n; i++) values[i] = (float)rp_draw_normal(&stream, i);
}

/* Maps between layers are mostly what a ReLU left. */
static void fill_positive(float *values, size_t n, uint32_t which) {
  fill_normal(values, n, which);
  for (size_t i = 0; i < n; i++)
    if (values[i] < 0) values[i] = 0;
}

static rp_status load_random_weights(rp_conv_kernels *conv, const rp_tensor *weights, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) float *values = NULL;
  RP_CLEANUP(rp_free_pointer) float *bias = NULL;
  const size_t n = (size_t)weights->K * (size_t)weights->C * (size_t)weights->E;
  RP_TRY(rp_allocate(n, sizeof *values, &values, err));
  RP_TRY(rp_allocate((size_t)weights->K, sizeof *bias, &bias, err));
  fill_normal(values, n, 0);
  rp_conv_kernels_load(conv, values, bias);
  return RP_OK;
}

static rp_status add_conv(rp_bare_convs *self, const rp_layer *layer, int index, rp_error *err) {
  const rp_extent in = {.channels = layer->ins[0].channels, .height = layer->ins[0].height, .width = layer->ins[0].width};
  rp_conv_spec spec = {.source = layer->ins[0],
                       .output = layer->out,
                       .window = rp_window_of(layer->spec, &in),
                       .has_bias = layer->spec->has_bias,
                       .convolution = layer->convolution};
  RP_TRY(rp_allocate(rp_map_size(&spec.source), sizeof(float), &self->sources[index], err));
  RP_TRY(rp_allocate(rp_map_size(&spec.output), sizeof(float), &self->outputs[index], err));
  fill_positive(self->sources[index], rp_map_size(&spec.source), (uint32_t)index);
  spec.source.values = self->sources[index];
  spec.output.values = self->outputs[index];
  spec.source_gradient = spec.source;
  spec.source_gradient.values = layer->in_gradients[0].values ? self->input_gradients : NULL;
  spec.output_gradient = spec.output;
  spec.output_gradient.values = self->output_gradients;
  RP_TRY(rp_conv_kernels_create(self->net->dnn, &spec, &self->convs[index], err));
  return load_random_weights(self->convs[index], &self->net->layout.tensors[self->net->layout.convs[index].weight], err);
}

static rp_status make_gradients(rp_bare_convs *self, const rp_executor *executor, rp_error *err) {
  size_t largest = 1;
  for (int i = 0; i < self->n; i++) {
    const rp_layer *layer = &executor->layers[self->net->layout.convs[i].layer];
    const size_t in = rp_map_size(&layer->ins[0]), out = rp_map_size(&layer->out);
    if (in > largest) largest = in;
    if (out > largest) largest = out;
  }
  RP_TRY(rp_allocate(largest, sizeof(float), &self->output_gradients, err));
  RP_TRY(rp_allocate(largest, sizeof(float), &self->input_gradients, err));
  fill_normal(self->output_gradients, largest, (uint32_t)self->n);
  return RP_OK;
}

rp_status rp_bare_convs_create(rp_net *net, int batch, rp_purpose_of_run purpose, rp_bare_convs **out, rp_error *err) {
  RP_CLEANUP(rp_bare_convs_free) rp_bare_convs *self = NULL;
  rp_executor *executor;
  RP_TRY(rp_net_executor(net, batch, purpose, &executor, err));
  RP_TRY(rp_allocate(1, sizeof *self, &self, err));
  self->net = net;
  self->purpose = purpose;
  self->n = net->layout.n_convs;
  RP_TRY(rp_allocate((size_t)self->n, sizeof *self->convs, &self->convs, err));
  RP_TRY(rp_allocate((size_t)self->n, sizeof *self->sources, &self->sources, err));
  RP_TRY(rp_allocate((size_t)self->n, sizeof *self->outputs, &self->outputs, err));
  if (purpose != RP_RUN_EVALUATE) RP_TRY(make_gradients(self, executor, err));
  for (int i = 0; i < self->n; i++)
    RP_TRY_IN(add_conv(self, &executor->layers[net->layout.convs[i].layer], i, err), err, "%s", net->layout.convs[i].name);
  *out = self;
  self = NULL;
  return RP_OK;
}

void rp_bare_convs_free(rp_bare_convs **address) {
  rp_bare_convs *self = *address;
  if (!self) return;
  for (int i = 0; i < self->n; i++) {
    if (self->convs) rp_conv_kernels_free(&self->convs[i]);
    if (self->sources) free(self->sources[i]);
    if (self->outputs) free(self->outputs[i]);
  }
  free(self->convs), free(self->sources), free(self->outputs);
  free(self->output_gradients), free(self->input_gradients);
  rp_free_pointer(address);
}

rp_status rp_bare_convs_run(rp_bare_convs *self, rp_error *err) {
  rp_dnn_use_threads(self->net->dnn);
  for (int i = 0; i < self->n; i++) RP_TRY(rp_conv_kernels_forward(self->convs[i], err));
  if (self->purpose == RP_RUN_EVALUATE) return RP_OK;
  for (int i = self->n - 1; i >= 0; i--) {
    rp_conv_kernels_clear(self->convs[i]);
    RP_TRY(rp_conv_kernels_backward(self->convs[i], err));
  }
  return RP_OK;
}
