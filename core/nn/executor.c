/* executor.c: a net's layers in a row, for one batch size and purpose.
 *
 * Maps between layers have their own memory; their gradients take turns in two buffers, since each is needed by one layer only. In training
 * a conv's ReLU moves into the pool that reads it, which saves a pass over the large map. */
#include "core/base/memory.h"
#include "core/nn/net_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int has_backward(rp_purpose_of_run purpose) {
  return purpose != RP_RUN_EVALUATE;
}

/* ---- Making it ------------------------------------------------------------------------------- */

static rp_map map_of(const rp_extent *extent, int batch, int block) {
  return (rp_map){.batch = batch, .channels = extent->channels, .height = extent->height, .width = extent->width, .block = block};
}

/* Kernels read images of up to three channels as they are; they have special code for that. */
static int block_of_image(const rp_model *model) {
  return model->channels <= 3 ? 1 : rp_dnn_block();
}

static rp_status make_maps(rp_executor *executor, rp_error *err) {
  const rp_net *net = executor->net;
  const rp_extent image = {.channels = net->model.channels, .height = net->model.height, .width = net->model.width};
  executor->image = map_of(&image, executor->batch, block_of_image(&net->model));
  RP_TRY(rp_allocate(rp_map_size(&executor->image), sizeof(float), &executor->image.values, err));
  for (int i = 0; i < net->model.n_layers; i++) {
    rp_layer *layer = &executor->layers[i];
    layer->spec = &net->model.layers[i];
    layer->has_relu = layer->spec->kind == RP_CONV && layer->spec->has_relu;
    layer->in = layer->spec->inputs[0] == RP_IMAGE ? executor->image : executor->layers[layer->spec->inputs[0]].out;
    int block = net->extents[i].is_features ? 1 : layer->spec->kind == RP_CONV ? rp_dnn_block() : layer->in.block;
    layer->out = map_of(&net->extents[i], executor->batch, block);
    RP_TRY(rp_allocate(rp_map_size(&layer->out), sizeof(float), &layer->out.values, err));
  }
  return RP_OK;
}

/* Gives each layer the buffers of its gradients: they alternate along the chain of layers, which a checked model is. */
static rp_status make_gradients(rp_executor *executor, rp_error *err) {
  const int n_layers = executor->net->model.n_layers;
  size_t largest = 0;
  for (int i = 0; i < n_layers; i++) {
    size_t size = rp_map_size(&executor->layers[i].out);
    if (size > largest) largest = size;
  }
  for (int i = 0; i < 2; i++) RP_TRY(rp_allocate(largest, sizeof(float), &executor->gradients[i], err));
  for (int i = 0; i < n_layers; i++) {
    rp_layer *layer = &executor->layers[i];
    layer->out_gradient = layer->out;
    layer->out_gradient.values = executor->gradients[i % 2];
    if (layer->spec->inputs[0] == RP_IMAGE) continue;
    layer->in_gradient = layer->in;
    layer->in_gradient.values = executor->gradients[layer->spec->inputs[0] % 2];
  }
  return RP_OK;
}

static void move_relus_into_pools(rp_executor *executor) {
  for (int i = 0; i < executor->net->model.n_layers; i++) {
    rp_layer *layer = &executor->layers[i];
    if (layer->spec->kind != RP_MAX_POOL || layer->spec->inputs[0] == RP_IMAGE) continue;
    rp_layer *conv = &executor->layers[layer->spec->inputs[0]];
    if (conv->spec->kind != RP_CONV) continue;
    layer->has_relu = conv->has_relu;
    conv->has_relu = 0;
  }
}

static rp_status make_layers(rp_executor *executor, rp_error *err) {
  for (int i = 0; i < executor->net->model.n_layers; i++) {
    rp_layer *layer = &executor->layers[i];
    RP_TRY_IN(rp_layer_functions_of(layer->spec->kind)->create(layer, executor->net->dnn, err), err, "%s", layer->spec->name);
  }
  return RP_OK;
}

/* Room for one layer's weights, rounded up to whole cache lines, and its bias behind. */
static rp_status make_scratch(rp_executor *executor, rp_error *err) {
  const rp_layout *layout = &executor->net->layout;
  size_t weights = 0, biases = 0;
  for (int i = 0; i < layout->n_tensors; i++) {
    const rp_tensor *tensor = &layout->tensors[i];
    size_t size = (size_t)tensor->K * (size_t)tensor->C * (size_t)tensor->E;
    size_t *largest = tensor->kind == RP_BIAS ? &biases : &weights;
    if (size > *largest) *largest = size;
  }
  executor->scratch_bias = (weights + 15) / 16 * 16;
  RP_TRY(rp_allocate(executor->scratch_bias + biases, sizeof(float), &executor->scratch, err));
  return rp_allocate((size_t)layout->n_filters, 1, &executor->closed, err);
}

static rp_status make_dense_maps(rp_executor *executor, rp_error *err) {
  const rp_layout *layout = &executor->net->layout;
  RP_TRY(rp_allocate((size_t)layout->n_convs, sizeof *executor->dense, &executor->dense, err));
  RP_TRY(rp_allocate((size_t)layout->n_convs, sizeof *executor->dense_gradients, &executor->dense_gradients, err));
  for (int i = 0; i < layout->n_convs; i++) {
    const rp_conv *conv = &layout->convs[i];
    size_t size = (size_t)executor->batch * (size_t)conv->K * (size_t)conv->out_height * (size_t)conv->out_width;
    RP_TRY(rp_allocate(size, sizeof(float), &executor->dense[i], err));
    RP_TRY(rp_allocate(size, sizeof(float), &executor->dense_gradients[i], err));
  }
  return RP_OK;
}

rp_status rp_executor_create(rp_net *net, int batch, rp_purpose_of_run purpose, rp_executor **out, rp_error *err) {
  RP_CLEANUP(rp_executor_free) rp_executor *executor = NULL;
  RP_TRY(rp_allocate(1, sizeof *executor, &executor, err));
  executor->net = net;
  executor->batch = batch;
  executor->purpose = purpose;
  RP_TRY(rp_allocate((size_t)net->model.n_layers, sizeof *executor->layers, &executor->layers, err));
  RP_TRY(make_maps(executor, err));
  if (has_backward(purpose)) RP_TRY(make_gradients(executor, err));
  if (purpose == RP_RUN_TRAIN) move_relus_into_pools(executor);
  if (purpose == RP_RUN_OBSERVE) RP_TRY(make_dense_maps(executor, err));
  RP_TRY(make_scratch(executor, err));
  RP_TRY(make_layers(executor, err));
  *out = executor;
  executor = NULL;
  return RP_OK;
}

void rp_executor_free(rp_executor **address) {
  rp_executor *executor = *address;
  if (!executor) return;
  for (int i = 0; executor->layers && i < executor->net->model.n_layers; i++) {
    rp_layer *layer = &executor->layers[i];
    if (layer->own) rp_layer_functions_of(layer->spec->kind)->free(layer);
    free(layer->out.values);
  }
  for (int i = 0; i < executor->net->layout.n_convs; i++) {
    if (executor->dense) free(executor->dense[i]);
    if (executor->dense_gradients) free(executor->dense_gradients[i]);
  }
  free(executor->dense), free(executor->dense_gradients);
  free(executor->layers);
  free(executor->image.values);
  free(executor->gradients[0]), free(executor->gradients[1]);
  free(executor->scratch);
  free(executor->closed);
  rp_free_pointer(address);
}

/* ---- Parameters ------------------------------------------------------------------------------ */

/* x · 0 is 0 for every finite x, and NaN for the others, which a sum keeps. */
RP_VECTORISED static int all_finite(const float *values, size_t n) {
  float sums[16] = {0}, sum = 0;
  size_t i = 0;
  for (; i + 16 <= n; i += 16)
    for (size_t lane = 0; lane < 16; lane++) sums[lane] += values[i + lane] * 0.0f;
  for (; i < n; i++) sum += values[i] * 0.0f;
  for (size_t lane = 0; lane < 16; lane++) sum += sums[lane];
  return sum == 0;
}

/* Copies a tensor with the rows of closed filters set to 0. `closed`: [K], NULL = none. */
static rp_status copy_open(const rp_tensor *tensor, const float *parameters, const uint8_t *closed, float *copy, rp_error *err) {
  const size_t row = (size_t)tensor->C * (size_t)tensor->E;
  const float *values = parameters + tensor->offset;
  if (!all_finite(values, (size_t)tensor->K * row))
    return rp_fail(err, RP_ENUMERIC, "a %s is NaN or infinite; training has diverged: try a lower learning rate",
                   tensor->kind == RP_BIAS ? "bias" : "weight");
  memcpy(copy, values, (size_t)tensor->K * row * sizeof *copy);
  for (int k = 0; closed && k < tensor->K; k++)
    if (closed[k]) memset(copy + (size_t)k * row, 0, row * sizeof *copy);
  return RP_OK;
}

/* The gates of a layer's filters at the last load; NULL where it has none. */
static const uint8_t *closed_of_layer(const rp_executor *executor, int layer) {
  int conv = executor->net->convs[layer];
  return conv < 0 ? NULL : executor->closed + executor->net->layout.convs[conv].first_filter;
}

static rp_status load_layer(rp_executor *executor, int layer, const float *parameters, rp_error *err) {
  const rp_net *net = executor->net;
  const rp_tensor *tensors = net->layout.tensors;
  const uint8_t *closed = closed_of_layer(executor, layer);
  float *weights = executor->scratch, *bias = NULL;
  RP_TRY(copy_open(&tensors[net->weights[layer]], parameters, closed, weights, err));
  if (net->biases[layer] >= 0) {
    bias = executor->scratch + executor->scratch_bias;
    RP_TRY(copy_open(&tensors[net->biases[layer]], parameters, closed, bias, err));
  }
  return rp_layer_functions_of(net->model.layers[layer].kind)->load(&executor->layers[layer], weights, bias, err);
}

rp_status rp_executor_load(rp_executor *executor, const float *parameters, const uint8_t *closed, rp_error *err) {
  const rp_net *net = executor->net;
  for (int f = 0; f < net->layout.n_filters; f++) executor->closed[f] = closed && closed[f];
  rp_dnn_use_threads(net->dnn);
  for (int i = 0; i < net->model.n_layers; i++)
    if (net->weights[i] >= 0) RP_TRY_IN(load_layer(executor, i, parameters, err), err, "%s", net->model.layers[i].name);
  return RP_OK;
}

void rp_executor_clear_gradients(rp_executor *executor) {
  if (!has_backward(executor->purpose)) return;
  for (int i = 0; i < executor->net->model.n_layers; i++)
    if (executor->net->weights[i] >= 0) rp_layer_functions_of(executor->net->model.layers[i].kind)->clear(&executor->layers[i]);
}

/* Adds a tensor's gradient, without the rows of closed filters: theirs is 0. */
static void add_open(const rp_tensor *tensor, const float *gradient, const uint8_t *closed, float *sums) {
  const size_t row = (size_t)tensor->C * (size_t)tensor->E;
  sums += tensor->offset;
  for (int k = 0; k < tensor->K; k++, gradient += row, sums += row) {
    if (closed && closed[k]) continue;
    for (size_t i = 0; i < row; i++) sums[i] += gradient[i];
  }
}

static rp_status no_backward(rp_error *err) {
  return rp_fail(err, RP_ELIBRARY, "an executor for evaluation has no backward pass");
}

rp_status rp_executor_add_gradients(rp_executor *executor, float *gradients, rp_error *err) {
  const rp_net *net = executor->net;
  if (!has_backward(executor->purpose)) return no_backward(err);
  rp_dnn_use_threads(net->dnn);
  for (int i = 0; i < net->model.n_layers; i++) {
    if (net->weights[i] < 0) continue;
    const uint8_t *closed = closed_of_layer(executor, i);
    float *weights = executor->scratch, *bias = net->biases[i] >= 0 ? executor->scratch + executor->scratch_bias : NULL;
    RP_TRY_IN(rp_layer_functions_of(net->model.layers[i].kind)->gradients(&executor->layers[i], weights, bias, err), err, "%s",
              net->model.layers[i].name);
    add_open(&net->layout.tensors[net->weights[i]], weights, closed, gradients);
    if (bias) add_open(&net->layout.tensors[net->biases[i]], bias, closed, gradients);
  }
  return RP_OK;
}

/* ---- Passes ---------------------------------------------------------------------------------- */

rp_status rp_executor_forward(rp_executor *executor, const float *images, const float **logits, rp_error *err) {
  const rp_net *net = executor->net;
  rp_dnn_use_threads(net->dnn);
  rp_map_from_dense(images, &executor->image);
  for (int i = 0; i < net->model.n_layers; i++) {
    rp_layer *layer = &executor->layers[i];
    RP_TRY_IN(rp_layer_functions_of(layer->spec->kind)->forward(layer, err), err, "%s, forward", layer->spec->name);
    if (executor->purpose == RP_RUN_OBSERVE && net->convs[i] >= 0) rp_map_to_dense(&layer->out, executor->dense[net->convs[i]]);
  }
  *logits = executor->layers[net->model.n_layers - 1].out.values;
  return RP_OK;
}

/* A conv's map gradient as plugins see it: dense, before the ReLU's mask, 0 where the gate is closed. */
static void keep_map_gradient(rp_executor *executor, int layer) {
  const int index = executor->net->convs[layer];
  const rp_conv *conv = &executor->net->layout.convs[index];
  const size_t n_pixels = (size_t)conv->out_height * (size_t)conv->out_width;
  const uint8_t *closed = closed_of_layer(executor, layer);
  float *dense = executor->dense_gradients[index];
  rp_map_to_dense(&executor->layers[layer].out_gradient, dense);
  for (int n = 0; n < executor->batch; n++)
    for (int k = 0; k < conv->K; k++, dense += n_pixels)
      if (closed[k]) memset(dense, 0, n_pixels * sizeof *dense);
}

rp_status rp_executor_backward(rp_executor *executor, const float *logit_gradients, rp_error *err) {
  const rp_net *net = executor->net;
  if (!has_backward(executor->purpose)) return no_backward(err);
  rp_dnn_use_threads(net->dnn);
  rp_map *last = &executor->layers[net->model.n_layers - 1].out_gradient;
  memcpy(last->values, logit_gradients, rp_map_size(last) * sizeof(float));
  for (int i = net->model.n_layers - 1; i >= 0; i--) {
    rp_layer *layer = &executor->layers[i];
    if (executor->purpose == RP_RUN_OBSERVE && net->convs[i] >= 0) keep_map_gradient(executor, i);
    RP_TRY_IN(rp_layer_functions_of(layer->spec->kind)->backward(layer, err), err, "%s, backward", layer->spec->name);
  }
  return RP_OK;
}

/* ---- What was seen --------------------------------------------------------------------------- */

static rp_status observed(rp_executor *executor, int conv, float *const *all, const float **out, rp_error *err) {
  if (executor->purpose != RP_RUN_OBSERVE) return rp_fail(err, RP_ELIBRARY, "only an executor that observes keeps its maps");
  if (conv < 0 || conv >= executor->net->layout.n_convs)
    return rp_fail(err, RP_ELIBRARY, "there is no conv %d: the net has %d", conv, executor->net->layout.n_convs);
  *out = all[conv];
  return RP_OK;
}

rp_status rp_executor_maps(rp_executor *executor, int conv, const float **maps, rp_error *err) {
  return observed(executor, conv, executor->dense, maps, err);
}

rp_status rp_executor_map_gradients(rp_executor *executor, int conv, const float **gradients, rp_error *err) {
  return observed(executor, conv, executor->dense_gradients, gradients, err);
}

/* Whether a channel holds anything but 0, in any image. */
static int any_nonzero(const rp_map *map, int channel) {
  const size_t n_pixels = (size_t)map->height * (size_t)map->width, block = (size_t)map->block;
  const size_t n_blocks = ((size_t)map->channels + block - 1) / block;
  for (size_t n = 0; n < (size_t)map->batch; n++) {
    const float *values = map->values + (n * n_blocks + (size_t)channel / block) * n_pixels * block + (size_t)channel % block;
    for (size_t pixel = 0; pixel < n_pixels; pixel++)
      if (values[pixel * block] != 0) return 1;
  }
  return 0;
}

void rp_executor_mark_alive(const rp_executor *executor, uint8_t *alive) {
  for (int i = 0; i < executor->net->layout.n_convs; i++) {
    const rp_conv *conv = &executor->net->layout.convs[i];
    for (int k = 0; k < conv->K; k++)
      if (!alive[conv->first_filter + k]) alive[conv->first_filter + k] = (uint8_t)any_nonzero(&executor->layers[conv->layer].out, k);
  }
}
