/* executor.c: a net's layers one after the other, for one batch size and purpose.
 *
 * Maps between layers have their own memory. Their gradients take turns in as few buffers as are needed at a time: one is taken where the
 * last of a map's readers writes it, which comes first on the way back, and given back behind the layer that made the map. Further readers
 * write aside, and that is added. In training a conv's ReLU moves into the pool that alone reads it, which saves a pass over the large map.
 */
#include "core/base/memory.h"
#include "core/nn/gate.h"
#include "core/nn/net_parts.h"
#include "core/nn/sparse_gradient.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int keeps_gradients(rp_purpose_of_run purpose) {
  return rp_has_backward(purpose) && purpose != RP_RUN_HESSIAN;
}

/* ---- Making it ------------------------------------------------------------------------------- */

static rp_map map_of(const rp_extent *extent, int batch, int block) {
  return (rp_map){.batch = batch, .channels = extent->channels, .height = extent->height, .width = extent->width, .block = block};
}

/* Kernels read images of up to three channels as they are; they have special code for that. */
static int block_of_image(const rp_model *model) {
  return model->channels <= 3 ? 1 : rp_dnn_block();
}

static void connect(rp_executor *executor, int index) {
  rp_layer *layer = &executor->layers[index];
  layer->spec = &executor->net->model.layers[index];
  layer->purpose = executor->purpose;
  layer->convolution = executor->net->model.convolution;
  layer->index = index;
  layer->place = &executor->place;
  layer->has_relu = layer->spec->has_relu;
  for (int i = 0; i < layer->spec->n_inputs; i++) {
    int from = layer->spec->inputs[i];
    layer->ins[i] = from == RP_IMAGE ? executor->image : executor->layers[from].out;
  }
}

/* A ReLU that alone reads a layer which can do it: that layer does, and the ReLU is its map by another name. */
static int fuses_relu(rp_executor *executor, int index) {
  const rp_layer_spec *spec = &executor->net->model.layers[index];
  int from = spec->inputs[0];
  if (spec->kind != RP_RELU || from == RP_IMAGE || executor->net->n_readers[from] != 1) return 0;
  return rp_layer_functions_of(executor->layers[from].spec->kind)->takes_relu;
}

static rp_status make_map(rp_executor *executor, int index, rp_error *err) {
  const rp_net *net = executor->net;
  rp_layer *layer = &executor->layers[index];
  connect(executor, index);
  layer->is_fused = fuses_relu(executor, index);
  if (layer->is_fused) {
    executor->layers[layer->spec->inputs[0]].has_relu = 1;
    layer->out = layer->ins[0];
    return RP_OK;
  }
  int is_blocked = rp_layer_functions_of(layer->spec->kind)->has_blocked_output;
  int block = net->extents[index].is_features ? 1 : is_blocked ? rp_dnn_block() : layer->ins[0].block;
  layer->out = map_of(&net->extents[index], executor->batch, block);
  return rp_allocate(rp_map_size(&layer->out), sizeof(float), &layer->out.values, err);
}

static rp_status make_maps(rp_executor *executor, rp_error *err) {
  const rp_net *net = executor->net;
  const rp_extent image = {.channels = net->model.channels, .height = net->model.height, .width = net->model.width};
  executor->image = map_of(&image, executor->batch, block_of_image(&net->model));
  RP_TRY(rp_allocate(rp_map_size(&executor->image), sizeof(float), &executor->image.values, err));
  for (int i = 0; i < net->model.n_layers; i++) RP_TRY(make_map(executor, i, err));
  return RP_OK;
}

/* ---- Gradients' buffers ---------------------------------------------------------------------- */

/* Buffers while it is worked out who has which. */
typedef struct {
  int n;
  size_t *sizes;    /* [n_layers + 1]: floats, as large as its largest user */
  uint8_t *is_busy; /* [n_layers + 1] */
  int *of_layer;    /* [n_layers]: buffer of the layer's output gradient; −1 = none yet */
  int (*spares)[RP_MAX_INPUTS];
} buffer_plan;

static void free_plan(buffer_plan *plan) {
  free(plan->sizes), free(plan->is_busy), free(plan->of_layer), free(plan->spares);
}

/* The free buffer that has to grow least. */
static int take_buffer(buffer_plan *plan, size_t size) {
  int best = -1;
  for (int i = 0; i < plan->n; i++) {
    if (plan->is_busy[i]) continue;
    if (best < 0 ||
        (plan->sizes[i] >= size ? plan->sizes[best] < size || plan->sizes[i] < plan->sizes[best] : plan->sizes[i] > plan->sizes[best]))
      best = i;
  }
  if (best < 0) best = plan->n++;
  plan->is_busy[best] = 1;
  if (plan->sizes[best] < size) plan->sizes[best] = size;
  return best;
}

/* Whether a layer's first input takes its gradient over where it stands: nobody else has written that one's yet. */
static int hands_on(const rp_executor *executor, int index, const buffer_plan *plan) {
  const rp_layer *layer = &executor->layers[index];
  int from = layer->spec->inputs[0];
  return from != RP_IMAGE && plan->of_layer[from] < 0 && (layer->is_fused || rp_layer_functions_of(layer->spec->kind)->hands_gradient);
}

/* One layer on the way back: buffers for its inputs' gradients; its own is free afterwards, unless it was handed on. */
static void plan_layer(const rp_executor *executor, int index, buffer_plan *plan) {
  const rp_layer *layer = &executor->layers[index];
  if (plan->of_layer[index] < 0) plan->of_layer[index] = take_buffer(plan, rp_map_size(&layer->out));
  int was_handed_on = hands_on(executor, index, plan);
  if (was_handed_on) plan->of_layer[layer->spec->inputs[0]] = plan->of_layer[index];
  for (int i = 0; i < layer->spec->n_inputs; i++) {
    int from = layer->spec->inputs[i];
    plan->spares[index][i] = -1;
    if (from == RP_IMAGE || (i == 0 && was_handed_on)) continue;
    int buffer = take_buffer(plan, rp_map_size(&layer->ins[i]));
    if (plan->of_layer[from] < 0)
      plan->of_layer[from] = buffer;
    else
      plan->spares[index][i] = buffer;
  }
  for (int i = 0; i < layer->spec->n_inputs; i++)
    if (plan->spares[index][i] >= 0) plan->is_busy[plan->spares[index][i]] = 0;
  if (!was_handed_on) plan->is_busy[plan->of_layer[index]] = 0;
}

static rp_status make_plan(const rp_executor *executor, buffer_plan *plan, rp_error *err) {
  size_t n_layers = (size_t)executor->net->model.n_layers, most = n_layers * (RP_MAX_INPUTS + 1);
  RP_TRY(rp_allocate(most, sizeof *plan->sizes, &plan->sizes, err));
  RP_TRY(rp_allocate(most, 1, &plan->is_busy, err));
  RP_TRY(rp_allocate(n_layers, sizeof *plan->of_layer, &plan->of_layer, err));
  RP_TRY(rp_allocate(n_layers, sizeof *plan->spares, &plan->spares, err));
  for (size_t i = 0; i < n_layers; i++) plan->of_layer[i] = -1;
  for (int i = (int)n_layers - 1; i >= 0; i--) plan_layer(executor, i, plan);
  return RP_OK;
}

static rp_status make_gradients(rp_executor *executor, rp_error *err) {
  RP_CLEANUP(free_plan) buffer_plan plan = {0};
  RP_TRY(make_plan(executor, &plan, err));
  RP_TRY(rp_allocate((size_t)plan.n, sizeof *executor->buffers, &executor->buffers, err));
  RP_TRY(rp_allocate((size_t)executor->net->model.n_layers, sizeof *executor->spares, &executor->spares, err));
  for (; executor->n_buffers < plan.n; executor->n_buffers++)
    RP_TRY(rp_allocate(plan.sizes[executor->n_buffers], sizeof(float), &executor->buffers[executor->n_buffers], err));
  executor->buffer_sizes = plan.sizes, plan.sizes = NULL;
  for (int index = 0; index < executor->net->model.n_layers; index++) {
    rp_layer *layer = &executor->layers[index];
    layer->out_gradient = layer->out;
    layer->out_gradient.values = executor->buffers[plan.of_layer[index]];
    for (int i = 0; i < layer->spec->n_inputs; i++) {
      int from = layer->spec->inputs[i], spare = plan.spares[index][i];
      executor->spares[index][i] = layer->in_gradients[i] = layer->ins[i];
      executor->spares[index][i].values = spare >= 0 ? executor->buffers[spare] : NULL;
      layer->in_gradients[i].values = from == RP_IMAGE ? NULL
                                      : spare >= 0     ? executor->buffers[spare]
                                                       : executor->buffers[plan.of_layer[from]];
    }
  }
  return RP_OK;
}

void rp_executor_add_spares(const rp_executor *executor, rp_layer *layers, int index) {
  const rp_layer *layer = &layers[index];
  for (int i = 0; i < layer->spec->n_inputs; i++) {
    if (!executor->spares[index][i].values) continue;
    const rp_map *spare = &layer->in_gradients[i];
    rp_add_values(spare->values, layers[layer->spec->inputs[i]].out_gradient.values, rp_map_size(spare));
  }
}

/* The pool's gradient has to be there still when the conv's turn comes: nobody may stand between them. A conv that hands no gradient on
 * then needs none on its own map. */
static void link_sparse_gradient(rp_layer *conv, rp_layer *pool, int are_neighbours) {
  if (!are_neighbours || !rp_sparse_gradient_fits(conv, pool)) return;
  conv->sparse_pool = pool;
  if (!conv->in_gradients[0].values) pool->in_gradients[0].values = NULL;
}

static void move_relus_into_pools(rp_executor *executor) {
  for (int i = 0; i < executor->net->model.n_layers; i++) {
    rp_layer *layer = &executor->layers[i];
    int from = layer->spec->inputs[0];
    if (layer->spec->kind != RP_MAX_POOL || executor->layers[i].is_fused || from == RP_IMAGE || executor->net->n_readers[from] != 1)
      continue;
    rp_layer *conv = &executor->layers[from];
    if (conv->spec->kind != RP_CONV) continue;
    layer->has_relu = conv->has_relu;
    conv->has_relu = 0;
    if (executor->purpose == RP_RUN_TRAIN) link_sparse_gradient(conv, layer, from + 1 == i);
  }
}

/* What is left of the convs' ReLUs: their sums are wanted as they are. */
static void set_relus_apart(rp_executor *executor) {
  for (int i = 0; i < executor->net->model.n_layers; i++) {
    rp_layer *layer = &executor->layers[i];
    if (layer->spec->kind != RP_CONV) continue;
    layer->relu_is_apart = layer->has_relu;
    layer->has_relu = 0;
  }
}

static rp_status make_layers(rp_executor *executor, rp_error *err) {
  for (int i = 0; i < executor->net->model.n_layers; i++) {
    rp_layer *layer = &executor->layers[i];
    if (layer->is_fused) continue;
    RP_TRY_IN(rp_layer_functions_of(layer->spec->kind)->create(layer, executor->net->dnn, err), err, "%s", layer->spec->name);
  }
  return RP_OK;
}

/* Room for any layer's tensors, place by place. */
static rp_status make_scratch(rp_executor *executor, rp_error *err) {
  const rp_net *net = executor->net;
  for (int place = 0; place < RP_MAX_LAYER_TENSORS; place++) {
    size_t largest = 1;
    for (int i = 0; i < net->model.n_layers; i++) {
      if (net->tensors[i][place] < 0) continue;
      const rp_tensor *tensor = &net->layout.tensors[net->tensors[i][place]];
      size_t size = (size_t)tensor->K * (size_t)tensor->C * (size_t)tensor->E;
      if (size > largest) largest = size;
    }
    RP_TRY(rp_allocate(largest, sizeof(float), &executor->scratch[place], err));
  }
  return rp_allocate((size_t)net->n_channels, 1, &executor->absent, err);
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
  if (rp_has_backward(purpose)) RP_TRY(make_gradients(executor, err));
  if (purpose == RP_RUN_TRAIN || purpose == RP_RUN_REMOVE) move_relus_into_pools(executor);
  if (purpose == RP_RUN_REMOVE) set_relus_apart(executor);
  if (purpose == RP_RUN_OBSERVE) RP_TRY(make_dense_maps(executor, err));
  RP_TRY(make_scratch(executor, err));
  RP_TRY(make_layers(executor, err));
  if (purpose == RP_RUN_HESSIAN) RP_TRY(rp_tangents_create(executor, err));
  *out = executor;
  executor = NULL;
  return RP_OK;
}

void rp_executor_free(rp_executor **address) {
  rp_executor *executor = *address;
  if (!executor) return;
  rp_tangents_free(executor);
  for (int i = 0; executor->layers && i < executor->net->model.n_layers; i++) {
    rp_layer *layer = &executor->layers[i];
    if (layer->own) rp_layer_functions_of(layer->spec->kind)->free(layer);
    if (!layer->is_fused) free(layer->out.values);
  }
  for (int i = 0; i < executor->net->layout.n_convs; i++) {
    if (executor->dense) free(executor->dense[i]);
    if (executor->dense_gradients) free(executor->dense_gradients[i]);
  }
  free(executor->dense), free(executor->dense_gradients);
  free(executor->layers);
  free(executor->image.values);
  for (int i = 0; i < executor->n_buffers; i++) free(executor->buffers[i]);
  free(executor->buffers), free(executor->buffer_sizes), free(executor->spares);
  for (int i = 0; i < RP_MAX_LAYER_TENSORS; i++) free(executor->scratch[i]);
  free(executor->absent);
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

/* Copies a tensor with the rows of absent channels set to 0: then the map is 0 there, and its gradient. Statistics stay. */
static rp_status copy_present(const rp_tensor *tensor, const float *parameters, const uint8_t *absent, float *copy, rp_error *err) {
  const size_t row = (size_t)tensor->C * (size_t)tensor->E;
  const float *values = parameters + tensor->offset;
  if (!all_finite(values, (size_t)tensor->K * row))
    return rp_fail(err, RP_ENUMERIC, "a %s is NaN or infinite: training has diverged; try a lower learning rate",
                   rp_tensor_name(tensor->kind));
  memcpy(copy, values, (size_t)tensor->K * row * sizeof *copy);
  for (int k = 0; k < tensor->K && rp_tensor_is_trained(tensor->kind); k++)
    if (absent[k]) memset(copy + (size_t)k * row, 0, row * sizeof *copy);
  return RP_OK;
}

static int has_tensors(const rp_net *net, int layer) {
  return net->tensors[layer][0] >= 0;
}

static const uint8_t *absent_of_layer(const rp_executor *executor, int layer) {
  return executor->absent + executor->net->first_channel[layer];
}

static rp_status load_layer(rp_executor *executor, int layer, const float *parameters, rp_error *err) {
  const rp_net *net = executor->net;
  const float *values[RP_MAX_LAYER_TENSORS] = {NULL};
  for (int place = 0; place < RP_MAX_LAYER_TENSORS; place++) {
    int tensor = net->tensors[layer][place];
    if (tensor < 0) continue;
    RP_TRY(copy_present(&net->layout.tensors[tensor], parameters, absent_of_layer(executor, layer), executor->scratch[place], err));
    values[place] = executor->scratch[place];
  }
  RP_TRY(rp_layer_functions_of(net->model.layers[layer].kind)->load(&executor->layers[layer], values, err));
  return executor->tangents ? rp_tangent_load(executor, layer, executor->scratch, err) : RP_OK;
}

rp_status rp_executor_load(rp_executor *executor, const float *parameters, const uint8_t *closed, rp_error *err) {
  const rp_net *net = executor->net;
  if (closed)
    rp_gate_absent_channels(net, closed, executor->absent);
  else
    memset(executor->absent, 0, (size_t)net->n_channels);
  rp_executor_measure_channels(executor, NULL);
  rp_dnn_use_threads(net->dnn);
  for (int i = 0; i < net->model.n_layers; i++)
    if (has_tensors(net, i)) RP_TRY_IN(load_layer(executor, i, parameters, err), err, "%s", net->model.layers[i].name);
  return RP_OK;
}

void rp_executor_measure_channels(rp_executor *executor, rp_channel_moments *moments) {
  const rp_net *net = executor->net;
  for (int i = 0; i < net->model.n_layers; i++) executor->layers[i].moments = moments ? moments + net->first_channel[i] : NULL;
}

void rp_executor_clear_gradients(rp_executor *executor) {
  if (!keeps_gradients(executor->purpose)) return;
  for (int i = 0; i < executor->net->model.n_layers; i++)
    if (has_tensors(executor->net, i)) rp_layer_functions_of(executor->net->model.layers[i].kind)->clear(&executor->layers[i]);
}

/* Adds a tensor's gradient, without the rows of absent channels: theirs is 0. */
static void add_present(const rp_tensor *tensor, const float *gradient, const uint8_t *absent, float *sums) {
  const size_t row = (size_t)tensor->C * (size_t)tensor->E;
  sums += tensor->offset;
  for (int k = 0; k < tensor->K; k++, gradient += row, sums += row) {
    if (absent[k]) continue;
    for (size_t i = 0; i < row; i++) sums[i] += gradient[i];
  }
}

static rp_status no_backward(const rp_executor *executor, rp_error *err) {
  if (rp_has_backward(executor->purpose)) return rp_fail(err, RP_ELIBRARY, "an executor for Hessian products keeps no gradients");
  return rp_fail(err, RP_ELIBRARY, "an executor for evaluation has no backward pass");
}

rp_status rp_executor_add_gradients(rp_executor *executor, float *gradients, rp_error *err) {
  const rp_net *net = executor->net;
  if (!keeps_gradients(executor->purpose)) return no_backward(executor, err);
  rp_dnn_use_threads(net->dnn);
  for (int i = 0; i < net->model.n_layers; i++) {
    if (!has_tensors(net, i)) continue;
    float *values[RP_MAX_LAYER_TENSORS] = {NULL};
    for (int place = 0; place < RP_MAX_LAYER_TENSORS; place++)
      if (net->tensors[i][place] >= 0) values[place] = executor->scratch[place];
    RP_TRY_IN(rp_layer_functions_of(net->model.layers[i].kind)->gradients(&executor->layers[i], values, err), err, "%s",
              net->model.layers[i].name);
    for (int place = 0; place < RP_MAX_LAYER_TENSORS; place++)
      if (values[place]) add_present(&net->layout.tensors[net->tensors[i][place]], values[place], absent_of_layer(executor, i), gradients);
  }
  return RP_OK;
}

void rp_executor_statistics(const rp_executor *executor, float *parameters) {
  const rp_net *net = executor->net;
  enum { MEAN = 2, VARIANCE = 3 };
  for (int i = 0; i < net->model.n_layers; i++) {
    const rp_layer_functions *functions = rp_layer_functions_of(net->model.layers[i].kind);
    if (!functions->statistics) continue;
    functions->statistics(&executor->layers[i], executor->scratch[MEAN], executor->scratch[VARIANCE]);
    const uint8_t *absent = absent_of_layer(executor, i);
    for (int place = MEAN; place <= VARIANCE; place++) {
      const rp_tensor *tensor = &net->layout.tensors[net->tensors[i][place]];
      for (int k = 0; k < tensor->K; k++)
        if (!absent[k]) parameters[tensor->offset + (size_t)k] = executor->scratch[place][k];
    }
  }
}

void rp_executor_place(rp_executor *executor, rp_draw_place place) {
  executor->place = place;
}

/* ---- Passes ---------------------------------------------------------------------------------- */

rp_status rp_executor_forward(rp_executor *executor, const float *images, const float **logits, rp_error *err) {
  const rp_net *net = executor->net;
  rp_dnn_use_threads(net->dnn);
  rp_map_from_dense(images, &executor->image);
  for (int i = 0; i < net->model.n_layers; i++) {
    rp_layer *layer = &executor->layers[i];
    if (layer->is_fused) continue;
    RP_TRY_IN(rp_layer_functions_of(layer->spec->kind)->forward(layer, err), err, "%s, forward", layer->spec->name);
  }
  for (int i = 0; i < net->layout.n_convs && executor->purpose == RP_RUN_OBSERVE; i++)
    rp_map_to_dense(&executor->layers[net->layout.convs[i].gate_layer].out, executor->dense[i]);
  *logits = executor->layers[net->model.n_layers - 1].out.values;
  return RP_OK;
}

/* The conv whose gate sits behind a layer; −1: none. */
static int conv_gated_at(const rp_net *net, int layer) {
  for (int i = 0; i < net->layout.n_convs; i++)
    if (net->layout.convs[i].gate_layer == layer) return i;
  return -1;
}

/* A conv's map gradient as plugins see it: at the gate, dense, before the ReLU's mask, 0 where the gate is closed. */
static void keep_map_gradient(rp_executor *executor, int layer, int index) {
  const rp_conv *conv = &executor->net->layout.convs[index];
  const size_t n_pixels = (size_t)conv->out_height * (size_t)conv->out_width;
  const uint8_t *absent = absent_of_layer(executor, conv->layer);
  float *dense = executor->dense_gradients[index];
  rp_map_to_dense(&executor->layers[layer].out_gradient, dense);
  for (int n = 0; n < executor->batch; n++)
    for (int k = 0; k < conv->K; k++, dense += n_pixels)
      if (absent[k]) memset(dense, 0, n_pixels * sizeof *dense);
}

rp_status rp_executor_backward(rp_executor *executor, const float *logit_gradients, rp_error *err) {
  const rp_net *net = executor->net;
  if (!keeps_gradients(executor->purpose)) return no_backward(executor, err);
  rp_dnn_use_threads(net->dnn);
  rp_map *last = &executor->layers[net->model.n_layers - 1].out_gradient;
  memcpy(last->values, logit_gradients, rp_map_size(last) * sizeof(float));
  for (int i = net->model.n_layers - 1; i >= 0; i--) {
    rp_layer *layer = &executor->layers[i];
    int conv = executor->purpose == RP_RUN_OBSERVE ? conv_gated_at(net, i) : -1;
    if (conv >= 0) keep_map_gradient(executor, i, conv);
    if (!layer->is_fused) RP_TRY_IN(rp_layer_functions_of(layer->spec->kind)->backward(layer, err), err, "%s, backward", layer->spec->name);
    rp_executor_add_spares(executor, executor->layers, i);
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
      if (!alive[conv->first_filter + k]) alive[conv->first_filter + k] = (uint8_t)any_nonzero(&executor->layers[conv->gate_layer].out, k);
  }
}
