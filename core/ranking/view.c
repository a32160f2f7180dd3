/* view.c: layers, producers by walking back through the model, readers by what gate.h knows. */
#include "core/ranking/view.h"

#include "core/base/memory.h"
#include "core/nn/gate.h"

#include <stdlib.h>
#include <string.h>

/* Zeroed memory that lives as long as the view. */
static rp_status keep(rp_net_view *view, size_t count, size_t size, void *out, rp_error *err) {
  void *block;
  RP_TRY(rp_grow(&view->blocks, view->n_blocks, &view->capacity, sizeof *view->blocks, err));
  RP_TRY(rp_allocate(count, size, &block, err));
  view->blocks[view->n_blocks++] = block;
  memcpy(out, &block, sizeof block);
  return RP_OK;
}

void rp_net_view_free(rp_net_view *view) {
  for (size_t i = 0; i < view->n_blocks; i++) free(view->blocks[i]);
  free(view->blocks);
  *view = (rp_net_view){0};
}

static int conv_of_layer(const rp_layout *layout, int layer) {
  for (int i = 0; i < layout->n_convs; i++)
    if (layout->convs[i].layer == layer) return i;
  return -1;
}

static void mark_inputs(const rp_layer_spec *layer, uint8_t *marked) {
  for (int i = 0; i < layer->n_inputs; i++)
    if (layer->inputs[i] != RP_IMAGE) marked[layer->inputs[i]] = 1;
}

/* Producers are the convs that are met first on every way back from the layer; inputs are earlier layers, so one walk down the list sees
 * all ways. */
static rp_status add_producers(rp_net_view *view, const rp_net *net, int conv, rp_conv_layer *layers, rp_error *err) {
  const rp_model *model = rp_net_model(net);
  const rp_layout *layout = rp_net_layout(net);
  RP_CLEANUP(rp_free_pointer) uint8_t *marked = NULL;
  uint32_t *producers, n = 0;
  RP_TRY(rp_allocate((size_t)model->n_layers, 1, &marked, err));
  RP_TRY(keep(view, (size_t)conv + 1, sizeof *producers, &producers, err));
  int first = layout->convs[conv].layer;
  mark_inputs(&model->layers[first], marked);
  for (int i = first - 1; i >= 0; i--) {
    if (!marked[i]) continue;
    int producer = conv_of_layer(layout, i);
    if (producer < 0)
      mark_inputs(&model->layers[i], marked);
    else
      producers[n++] = (uint32_t)producer;
  }
  rp_conv_layer *layer = &layers[conv];
  for (uint32_t i = 0; i < n / 2; i++) { /* found from the last to the first */
    uint32_t swapped = producers[i];
    producers[i] = producers[n - 1 - i];
    producers[n - 1 - i] = swapped;
  }
  for (uint32_t i = 0; i < n; i++)
    if (layer->depth <= layers[producers[i]].depth) layer->depth = layers[producers[i]].depth + 1;
  layer->producers = producers;
  layer->n_producers = n;
  return RP_OK;
}

static rp_status add_history(rp_net_view *view, const rp_state *state, rp_conv_layer *layer, rp_error *err) {
  rp_filter_history *history;
  const rp_filter_history **pointers;
  RP_TRY(keep(view, layer->K, sizeof *history, &history, err));
  RP_TRY(keep(view, layer->K, sizeof *pointers, &pointers, err));
  for (uint32_t k = 0; k < layer->K; k++) {
    const rp_filter_state *filter = &state->filters[layer->first_filter + k];
    history[k] = (rp_filter_history){sizeof history[k], filter->last_regrow_epoch, filter->times_dropped};
    pointers[k] = &history[k];
  }
  layer->history = pointers;
  return RP_OK;
}

static rp_status readers_of_filter(rp_net_view *view, const rp_net *net, const rp_state *state, int filter, uint32_t *n,
                                   const rp_reader_slice *const **out, rp_error *err) {
  const rp_layout *layout = rp_net_layout(net);
  RP_CLEANUP(rp_free_pointer) rp_reader *readers = NULL;
  rp_reader_slice *slices;
  const rp_reader_slice **pointers;
  int n_readers = rp_gate_readers(net, filter, NULL, 0);
  RP_TRY(rp_allocate((size_t)n_readers, sizeof *readers, &readers, err));
  rp_gate_readers(net, filter, readers, n_readers);
  RP_TRY(keep(view, (size_t)n_readers, sizeof *slices, &slices, err));
  RP_TRY(keep(view, (size_t)n_readers, sizeof *pointers, &pointers, err));
  for (int i = 0; i < n_readers; i++) {
    const rp_tensor *tensor = &layout->tensors[readers[i].tensor];
    slices[i] = (rp_reader_slice){.size = sizeof slices[i],
                                  .layer = rp_net_model(net)->layers[readers[i].layer].name,
                                  .weight = state->parameters + tensor->offset,
                                  .outputs = (uint32_t)tensor->K,
                                  .channels = (uint32_t)tensor->C,
                                  .channel = (uint32_t)readers[i].c,
                                  .E = (uint32_t)tensor->E};
    pointers[i] = &slices[i];
  }
  *n = (uint32_t)n_readers;
  *out = pointers;
  return RP_OK;
}

static rp_status add_readers(rp_net_view *view, const rp_net *net, const rp_state *state, rp_conv_layer *layer, rp_error *err) {
  uint32_t *n_readers;
  const rp_reader_slice *const **readers;
  RP_TRY(keep(view, layer->K, sizeof *n_readers, &n_readers, err));
  RP_TRY(keep(view, layer->K, sizeof *readers, &readers, err));
  for (uint32_t k = 0; k < layer->K; k++)
    RP_TRY(readers_of_filter(view, net, state, (int)(layer->first_filter + k), &n_readers[k], &readers[k], err));
  layer->n_readers = n_readers;
  layer->readers = readers;
  return RP_OK;
}

/* One of the four tensors of a conv's sole BN. */
static const float *bn_values(const rp_net *net, const rp_state *state, const rp_conv *conv, int place) {
  return conv->bn > 0 ? state->parameters + rp_net_layout(net)->tensors[conv->bn + place].offset : NULL;
}

static rp_conv_layer plain_fields(const rp_net *net, const rp_state *state, const rp_conv *conv, const uint8_t *active) {
  const rp_tensor *tensors = rp_net_layout(net)->tensors;
  return (rp_conv_layer){.size = sizeof(rp_conv_layer),
                         .name = conv->name,
                         .K = (uint32_t)conv->K,
                         .C = (uint32_t)conv->C,
                         .R = (uint32_t)conv->R,
                         .S = (uint32_t)conv->S,
                         .stride = (uint32_t)rp_net_model(net)->layers[conv->layer].stride,
                         .out_height = (uint32_t)conv->out_height,
                         .out_width = (uint32_t)conv->out_width,
                         .first_filter = (uint32_t)conv->first_filter,
                         .weight = state->parameters + tensors[conv->weight].offset,
                         .bias = conv->bias < 0 ? NULL : state->parameters + tensors[conv->bias].offset,
                         .bn_gamma = bn_values(net, state, conv, 0),
                         .bn_beta = bn_values(net, state, conv, 1),
                         .bn_mean = bn_values(net, state, conv, 2),
                         .bn_variance = bn_values(net, state, conv, 3),
                         .active = active + conv->first_filter};
}

static rp_status fill_view(const rp_net *net, const rp_state *state, rp_net_view *view, rp_error *err) {
  const rp_layout *layout = rp_net_layout(net);
  rp_conv_layer *layers;
  const rp_conv_layer **pointers;
  view->n_layers = (uint32_t)layout->n_convs;
  view->n_filters = (uint32_t)layout->n_filters;
  RP_TRY(keep(view, view->n_filters, 1, &view->active, err));
  for (int f = 0; f < layout->n_filters; f++) view->active[f] = !state->filters[f].closed;
  RP_TRY(keep(view, view->n_layers, sizeof *layers, &layers, err));
  RP_TRY(keep(view, view->n_layers, sizeof *pointers, &pointers, err));
  view->layers = pointers;
  for (int i = 0; i < layout->n_convs; i++) {
    pointers[i] = &layers[i];
    layers[i] = plain_fields(net, state, &layout->convs[i], view->active);
    RP_TRY(add_producers(view, net, i, layers, err));
    RP_TRY(add_history(view, state, &layers[i], err));
    RP_TRY(add_readers(view, net, state, &layers[i], err));
  }
  return RP_OK;
}

rp_status rp_net_view_create(const rp_net *net, const rp_state *state, rp_net_view *out, rp_error *err) {
  RP_CLEANUP(rp_net_view_free) rp_net_view view = {0};
  RP_TRY(fill_view(net, state, &view, err));
  *out = view;
  view = (rp_net_view){0};
  return RP_OK;
}
