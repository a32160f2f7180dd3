/* removal.c: walks down the net behind a gate and decides, layer by layer, how little has to be worked out again.
 *
 * An executor's maps are worked on and are a mixture of what different removals left there; beside each stands the whole net's. A map is
 * made whole again only where somebody reads all of it. */
#include "core/nn/removal_parts.h"

#include "core/base/memory.h"
#include "core/nn/gate.h"

#include <stdlib.h>
#include <string.h>

static void clear_channel(const rp_map *map, int c) {
  const size_t n_pixels = (size_t)map->height * (size_t)map->width, block = (size_t)map->block;
  for (int image = 0; image < map->batch; image++) {
    float *values = map->values + rp_removal_place(map, image, c);
    for (size_t pixel = 0; pixel < n_pixels; pixel++) values[pixel * block] = 0;
  }
}

/* ---- Making it ------------------------------------------------------------------------------- */

size_t rp_removal_image_size(const rp_net *net) {
  const size_t block = (size_t)rp_dnn_block();
  size_t n = 0;
  for (int i = 0; i < net->model.n_layers; i++) {
    const rp_extent *extent = &net->extents[i];
    n += ((size_t)extent->channels + block - 1) / block * block * (size_t)extent->height * (size_t)extent->width;
  }
  return 2 * n * sizeof(float);
}

static rp_status make_states(rp_removal *removal, rp_error *err) {
  const rp_executor *executor = removal->executor;
  RP_TRY(rp_allocate((size_t)removal->net->model.n_layers, sizeof *removal->layers, &removal->layers, err));
  for (int i = 0; i < removal->net->model.n_layers; i++)
    if (!executor->layers[i].is_fused)
      RP_TRY(rp_allocate(rp_map_size(&executor->layers[i].out), sizeof(float), &removal->layers[i].kept, err));
  return rp_removal_make_room(removal, err);
}

rp_status rp_removal_create(rp_net *net, int batch, const float *parameters, const uint8_t *closed, rp_removal **out, rp_error *err) {
  RP_CLEANUP(rp_removal_free) rp_removal *removal = NULL;
  const size_t n_filters = (size_t)net->layout.n_filters, n_channels = (size_t)net->n_channels;
  RP_TRY(rp_allocate(1, sizeof *removal, &removal, err));
  removal->net = net;
  removal->parameters = parameters;
  RP_TRY(rp_allocate(n_filters, 1, &removal->closed, err));
  if (closed) memcpy(removal->closed, closed, n_filters);
  RP_TRY(rp_allocate(n_channels, 1, &removal->absent, err));
  RP_TRY(rp_allocate(n_channels, 1, &removal->changed, err));
  RP_TRY(rp_net_open_kernels(net, err));
  RP_TRY(rp_executor_create(net, batch, RP_RUN_REMOVE, &removal->executor, err));
  RP_TRY(make_states(removal, err));
  RP_TRY(rp_executor_load(removal->executor, parameters, closed, err));
  *out = removal;
  removal = NULL;
  return RP_OK;
}

void rp_removal_free(rp_removal **address) {
  rp_removal *removal = *address;
  if (!removal) return;
  for (int i = 0; removal->layers && i < removal->net->model.n_layers; i++) free(removal->layers[i].kept);
  free(removal->layers), free(removal->planes), free(removal->weights);
  free(removal->closed), free(removal->absent), free(removal->changed);
  rp_executor_free(&removal->executor);
  rp_free_pointer(address);
}

/* ---- Maps ------------------------------------------------------------------------------------ */

static void clear_silenced(const rp_removal *removal, int layer) {
  const rp_map *map = &removal->executor->layers[layer].out;
  for (int c = 0; c < map->channels; c++)
    if (rp_removal_silences(removal, layer, c)) clear_channel(map, c);
}

static void make_whole(rp_removal *removal, int owner) {
  const rp_layer *layer = &removal->executor->layers[owner];
  if (removal->layers[owner].is_whole) return;
  memcpy(layer->out.values, removal->layers[owner].kept, rp_map_size(&layer->out) * sizeof(float));
  if (layer->relu_is_apart) rp_removal_relu(&layer->out);
  removal->layers[owner].is_whole = 1;
}

/* Sees to it that a layer's map holds its output. */
static void settle(rp_removal *removal, int layer) {
  const int owner = rp_removal_owner(removal, layer);
  if (removal->layers[layer].effect == CHANGED) return;
  make_whole(removal, owner);
  if (removal->layers[layer].effect != SILENCED) return;
  clear_silenced(removal, layer);
  removal->layers[owner].is_whole = 0;
}

static rp_status run_layer(rp_removal *removal, int index, rp_error *err) {
  rp_layer *layer = &removal->executor->layers[index];
  RP_TRY_IN(rp_layer_functions_of(layer->spec->kind)->forward(layer, err), err, "%s, forward", layer->spec->name);
  return RP_OK;
}

rp_status rp_removal_begin(rp_removal *removal, const float *images, rp_error *err) {
  rp_executor *executor = removal->executor;
  rp_dnn_use_threads(removal->net->dnn);
  rp_map_from_dense(images, &executor->image);
  for (int i = 0; i < removal->net->model.n_layers; i++) {
    const rp_layer *layer = &executor->layers[i];
    if (layer->is_fused) continue;
    RP_TRY(run_layer(removal, i, err));
    memcpy(removal->layers[i].kept, layer->out.values, rp_map_size(&layer->out) * sizeof(float));
    if (layer->relu_is_apart) rp_removal_relu(&layer->out);
    removal->layers[i].is_whole = 1;
  }
  return RP_OK;
}

/* ---- Down the net ---------------------------------------------------------------------------- */

/* Marks the channels that change with those of the inputs; returns whether any does. */
static int mark_changed(rp_removal *removal, int index) {
  const rp_net *net = removal->net;
  const rp_layer_spec *spec = &net->model.layers[index];
  const rp_passing passing = rp_layer_functions_of(spec->kind)->passing;
  uint8_t *out = rp_removal_channels(removal, removal->changed, index);
  int any = 0;
  memset(out, 0, (size_t)net->extents[index].channels);
  for (int i = 0, first = 0; i < spec->n_inputs; i++) {
    const int n = rp_input_extent(&net->model, net->extents, index, i).channels, from = spec->inputs[i];
    for (int c = 0; from != RP_IMAGE && c < n; c++) {
      const uint8_t is_changed = rp_removal_channels(removal, removal->changed, from)[c];
      any |= is_changed;
      if (passing != RP_PASSES_NONE) out[first + c] |= is_changed;
    }
    if (passing == RP_PASSES_JOINED) first += n;
  }
  if (passing == RP_PASSES_NONE) memset(out, any, (size_t)net->extents[index].channels);
  return any;
}

static int count_changed(const rp_removal *removal, int layer) {
  const uint8_t *changed = rp_removal_channels(removal, removal->changed, layer);
  int n = 0;
  for (int c = 0; c < removal->net->extents[layer].channels; c++) n += changed[c];
  return n;
}

static int is_all_silenced(const rp_removal *removal, int layer) {
  const uint8_t *changed = rp_removal_channels(removal, removal->changed, layer);
  for (int c = 0; c < removal->net->extents[layer].channels; c++)
    if (changed[c] && !rp_removal_silences(removal, layer, c)) return 0;
  return 1;
}

/* A whole layer once more. An absent channel of a BN is 0 and not what BN makes of 0; other layers hand zeros on. */
static rp_status run_again(rp_removal *removal, int index, rp_error *err) {
  const rp_layer *layer = &removal->executor->layers[index];
  for (int i = 0; i < layer->spec->n_inputs; i++)
    if (layer->spec->inputs[i] != RP_IMAGE) settle(removal, layer->spec->inputs[i]);
  RP_TRY(run_layer(removal, index, err));
  if (layer->relu_is_apart) rp_removal_relu(&layer->out);
  if (removal->net->tensors[index][0] >= 0) clear_silenced(removal, index);
  return RP_OK;
}

static rp_status redo(rp_removal *removal, int index, rp_error *err) {
  const rp_layer *layer = &removal->executor->layers[index];
  const int is_sum = rp_removal_is_of_sums(removal->net, index), n_changed = is_sum ? count_changed(removal, layer->spec->inputs[0]) : 0;
  removal->layers[index].is_whole = 0;
  if (!is_sum || n_changed > rp_removal_most_channels(layer->ins[0].channels)) return run_again(removal, index, err);
  rp_removal_subtract(removal, index, n_changed);
  return RP_OK;
}

static rp_status pass_layer(rp_removal *removal, int index, rp_error *err) {
  rp_removal_layer *state = &removal->layers[index];
  state->effect = SAME;
  if (!mark_changed(removal, index)) return RP_OK;
  state->effect = !rp_removal_is_of_sums(removal->net, index) && is_all_silenced(removal, index) ? SILENCED : CHANGED;
  return state->effect == CHANGED && !removal->executor->layers[index].is_fused ? redo(removal, index, err) : RP_OK;
}

/* At its gate the filter's channel is 0, and nothing else is changed. */
static void close_gate(rp_removal *removal, int filter) {
  const rp_net *net = removal->net;
  const rp_conv *conv = &net->layout.convs[rp_conv_of_filter(&net->layout, filter)];
  memset(removal->changed, 0, (size_t)net->n_channels);
  for (int i = 0; i < conv->gate_layer; i++) removal->layers[i].effect = SAME;
  removal->layers[conv->gate_layer].effect = SILENCED;
  rp_removal_channels(removal, removal->changed, conv->gate_layer)[filter - conv->first_filter] = 1;
}

rp_status rp_removal_without(rp_removal *removal, int filter, const float **logits, rp_error *err) {
  const rp_net *net = removal->net;
  const int last = net->model.n_layers - 1;
  rp_dnn_use_threads(net->dnn);
  removal->closed[filter] = 1;
  rp_gate_absent_channels(net, removal->closed, removal->absent);
  removal->closed[filter] = 0;
  close_gate(removal, filter);
  for (int i = net->layout.convs[rp_conv_of_filter(&net->layout, filter)].gate_layer + 1; i <= last; i++)
    RP_TRY(pass_layer(removal, i, err));
  settle(removal, last);
  *logits = removal->executor->layers[last].out.values;
  return RP_OK;
}
