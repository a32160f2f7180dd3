/* tangent.c: each layer of an executor has a tangent, which is a layer of the same kind whose maps hold derivatives.
 *
 * Gradients' derivatives take turns in buffers just as gradients do. On the way back a layer's own backward comes first and its tangent's
 * second: the gradient of its output then still stands in its buffer. */
#include "core/nn/tangent.h"

#include "core/base/memory.h"
#include "core/nn/net_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct rp_tangents {
  rp_layer *layers; /* [n_layers] */
  rp_map image;     /* zeros: an image does not move */
  float **buffers;  /* [n_buffers of the executor]: derivatives of what stands in the executor's */
  float *work[2];
};

static const rp_layer_functions *functions_of(const rp_layer *layer) {
  return rp_layer_functions_of(layer->spec->kind);
}

/* ---- Making them ----------------------------------------------------------------------------- */

/* The buffer that belongs to one of the executor's. */
static float *buffer_of(const rp_executor *executor, const float *values) {
  for (int i = 0; values && i < executor->n_buffers; i++)
    if (executor->buffers[i] == values) return executor->tangents->buffers[i];
  return NULL;
}

static rp_status connect(rp_executor *executor, int index, rp_error *err) {
  struct rp_tangents *tangents = executor->tangents;
  const rp_layer *primal = &executor->layers[index];
  rp_layer *tangent = &tangents->layers[index];
  *tangent = *primal;
  tangent->primal = primal;
  tangent->own = NULL;
  tangent->has_relu = 0;
  for (int i = 0; i < 2; i++) tangent->work[i] = tangents->work[i];
  for (int i = 0; i < primal->spec->n_inputs; i++) {
    int from = primal->spec->inputs[i];
    tangent->ins[i] = from == RP_IMAGE ? tangents->image : tangents->layers[from].out;
    tangent->in_gradients[i].values = buffer_of(executor, primal->in_gradients[i].values);
  }
  tangent->out_gradient.values = buffer_of(executor, primal->out_gradient.values);
  tangent->out.values = primal->is_fused ? tangent->ins[0].values : NULL;
  return primal->is_fused ? RP_OK : rp_allocate(rp_map_size(&tangent->out), sizeof(float), &tangent->out.values, err);
}

static rp_status make_work(rp_executor *executor, rp_error *err) {
  size_t largest[2] = {1, 1};
  for (int i = 0; i < executor->net->layout.n_convs; i++) {
    const rp_layer *conv = &executor->layers[executor->net->layout.convs[i].layer];
    const size_t sizes[2] = {rp_map_size(&conv->out), rp_map_size(&conv->ins[0])};
    for (int j = 0; j < 2; j++)
      if (sizes[j] > largest[j]) largest[j] = sizes[j];
  }
  for (int j = 0; j < 2; j++) RP_TRY(rp_allocate(largest[j], sizeof(float), &executor->tangents->work[j], err));
  return RP_OK;
}

rp_status rp_tangents_create(rp_executor *executor, rp_error *err) {
  const int n_layers = executor->net->model.n_layers;
  struct rp_tangents *tangents;
  RP_TRY(rp_allocate(1, sizeof *tangents, &tangents, err));
  executor->tangents = tangents;
  RP_TRY(rp_allocate((size_t)n_layers, sizeof *tangents->layers, &tangents->layers, err));
  RP_TRY(rp_allocate((size_t)executor->n_buffers, sizeof *tangents->buffers, &tangents->buffers, err));
  for (int i = 0; i < executor->n_buffers; i++) RP_TRY(rp_allocate(executor->buffer_sizes[i], sizeof(float), &tangents->buffers[i], err));
  tangents->image = executor->image;
  tangents->image.values = NULL;
  RP_TRY(rp_allocate(rp_map_size(&tangents->image), sizeof(float), &tangents->image.values, err));
  RP_TRY(make_work(executor, err));
  for (int i = 0; i < n_layers; i++) RP_TRY(connect(executor, i, err));
  for (int i = 0; i < n_layers; i++) {
    rp_layer *tangent = &tangents->layers[i];
    if (!tangent->is_fused) RP_TRY_IN(functions_of(tangent)->create(tangent, executor->net->dnn, err), err, "%s", tangent->spec->name);
  }
  return RP_OK;
}

void rp_tangents_free(rp_executor *executor) {
  struct rp_tangents *tangents = executor->tangents;
  if (!tangents) return;
  for (int i = 0; tangents->layers && i < executor->net->model.n_layers; i++) {
    rp_layer *tangent = &tangents->layers[i];
    if (tangent->own) functions_of(tangent)->free(tangent);
    if (!tangent->is_fused) free(tangent->out.values);
  }
  for (int i = 0; tangents->buffers && i < executor->n_buffers; i++) free(tangents->buffers[i]);
  free(tangents->layers), free(tangents->buffers), free(tangents->image.values);
  free(tangents->work[0]), free(tangents->work[1]);
  rp_free_pointer(&executor->tangents);
}

/* ---- Loading --------------------------------------------------------------------------------- */

/* Of y = (x − mean)·scale + beta and y = w·x + bias, the derivative by x keeps the factors alone. */
static int only_adds(rp_tensor_kind kind) {
  return kind == RP_BIAS || kind == RP_BN_BETA || kind == RP_BN_MEAN;
}

rp_status rp_tangent_load(rp_executor *executor, int index, float *const *values, rp_error *err) {
  const rp_net *net = executor->net;
  const float *passed[RP_MAX_LAYER_TENSORS] = {NULL};
  for (int place = 0; place < RP_MAX_LAYER_TENSORS; place++) {
    if (net->tensors[index][place] < 0) continue;
    const rp_tensor *tensor = &net->layout.tensors[net->tensors[index][place]];
    if (only_adds(tensor->kind)) memset(values[place], 0, (size_t)tensor->K * sizeof(float));
    passed[place] = values[place];
  }
  rp_layer *tangent = &executor->tangents->layers[index];
  return functions_of(tangent)->load(tangent, passed, err);
}

static size_t size_of(const rp_tensor *tensor) {
  return (size_t)tensor->K * (size_t)tensor->C * (size_t)tensor->E;
}

size_t rp_conv_weights(const rp_layout *layout) {
  size_t n = 0;
  for (int i = 0; i < layout->n_convs; i++) n += size_of(&layout->tensors[layout->convs[i].weight]);
  return n;
}

static rp_status check_purpose(const rp_executor *executor, rp_error *err) {
  return executor->tangents ? RP_OK : rp_fail(err, RP_ELIBRARY, "only an executor for Hessian products has tangents");
}

static const uint8_t *absent_of(const rp_executor *executor, const rp_conv *conv) {
  return executor->absent + executor->net->first_channel[conv->layer];
}

/* A closed filter's weights are no variables: its part of a direction is 0. */
static rp_status copy_direction(const rp_executor *executor, const rp_conv *conv, const float *v, float *copy, rp_error *err) {
  const rp_tensor *tensor = &executor->net->layout.tensors[conv->weight];
  const uint8_t *absent = absent_of(executor, conv);
  const size_t row = (size_t)tensor->C * (size_t)tensor->E;
  for (size_t i = 0; i < size_of(tensor); i++) {
    if (!isfinite(v[i]))
      return rp_fail(err, RP_EINPUT, "the direction's value %zu of layer %s is %g, not a finite number", i, conv->name, (double)v[i]);
    copy[i] = absent[i / row] ? 0 : v[i];
  }
  return RP_OK;
}

rp_status rp_executor_load_direction(rp_executor *executor, const float *v, rp_error *err) {
  const rp_layout *layout = &executor->net->layout;
  RP_TRY(check_purpose(executor, err));
  for (int i = 0; i < layout->n_convs; i++) {
    rp_layer *tangent = &executor->tangents->layers[layout->convs[i].layer];
    RP_TRY(copy_direction(executor, &layout->convs[i], v, executor->scratch[0], err));
    functions_of(tangent)->load_direction(tangent, executor->scratch[0]);
    v += size_of(&layout->tensors[layout->convs[i].weight]);
  }
  return RP_OK;
}

/* ---- Passes ---------------------------------------------------------------------------------- */

/* The ReLU of a layer that does it itself: its derivative is that of the values it let pass. */
RP_VECTORISED static void tangent_mask(const float *restrict out, float *restrict values, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const float passed = values[i];
    values[i] = out[i] > 0 ? passed : 0;
  }
}

static rp_status forward(rp_layer *tangent, rp_error *err) {
  const rp_layer_functions *functions = functions_of(tangent);
  RP_TRY((functions->tangent_forward ? functions->tangent_forward : functions->forward)(tangent, err));
  if (tangent->primal->has_relu) tangent_mask(tangent->primal->out.values, tangent->out.values, rp_map_size(&tangent->out));
  return RP_OK;
}

static rp_status backward(rp_layer *tangent, rp_error *err) {
  const rp_layer_functions *functions = functions_of(tangent);
  if (tangent->primal->has_relu) tangent_mask(tangent->primal->out.values, tangent->out_gradient.values, rp_map_size(&tangent->out));
  return (functions->tangent_backward ? functions->tangent_backward : functions->backward)(tangent, err);
}

rp_status rp_executor_forward_tangent(rp_executor *executor, const float **logit_tangents, rp_error *err) {
  const rp_net *net = executor->net;
  RP_TRY(check_purpose(executor, err));
  rp_dnn_use_threads(net->dnn);
  for (int i = 0; i < net->model.n_layers; i++) {
    rp_layer *tangent = &executor->tangents->layers[i];
    if (!tangent->is_fused) RP_TRY_IN(forward(tangent, err), err, "%s, forward along a direction", tangent->spec->name);
  }
  *logit_tangents = executor->tangents->layers[net->model.n_layers - 1].out.values;
  return RP_OK;
}

static void set_gradient(const rp_layer *layer, const float *values) {
  memcpy(layer->out_gradient.values, values, rp_map_size(&layer->out_gradient) * sizeof *values);
}

rp_status rp_executor_backward_tangent(rp_executor *executor, const float *logit_gradients, const float *logit_gradient_tangents,
                                       rp_error *err) {
  const rp_net *net = executor->net;
  RP_TRY(check_purpose(executor, err));
  rp_layer *layers = executor->layers, *tangents = executor->tangents->layers;
  rp_dnn_use_threads(net->dnn);
  set_gradient(&layers[net->model.n_layers - 1], logit_gradients);
  set_gradient(&tangents[net->model.n_layers - 1], logit_gradient_tangents);
  for (int i = net->model.n_layers - 1; i >= 0; i--) {
    if (!layers[i].is_fused) {
      RP_TRY_IN(functions_of(&layers[i])->backward(&layers[i], err), err, "%s, backward", layers[i].spec->name);
      RP_TRY_IN(backward(&tangents[i], err), err, "%s, backward along a direction", layers[i].spec->name);
    }
    rp_executor_add_spares(executor, layers, i);
    rp_executor_add_spares(executor, tangents, i);
  }
  return RP_OK;
}

rp_status rp_executor_take_products(rp_executor *executor, double *product, rp_error *err) {
  const rp_layout *layout = &executor->net->layout;
  RP_TRY(check_purpose(executor, err));
  for (int i = 0; i < layout->n_convs; i++) {
    const rp_conv *conv = &layout->convs[i];
    const rp_tensor *tensor = &layout->tensors[conv->weight];
    const uint8_t *absent = absent_of(executor, conv);
    rp_layer *tangent = &executor->tangents->layers[conv->layer];
    const float *values = executor->scratch[0];
    functions_of(tangent)->take_products(tangent, executor->scratch[0]);
    const size_t row = (size_t)tensor->C * (size_t)tensor->E;
    for (size_t j = 0; j < size_of(tensor); j++)
      if (!absent[j / row]) product[j] += (double)values[j];
    product += size_of(tensor);
  }
  return RP_OK;
}
