/* check_net.c: a model as a list of layers, random numbers from a fixed seed, and changes to single filters. */
#include "core/ranking/check_net.h"

#include "core/base/draws.h"
#include "core/base/memory.h"
#include "core/nn/gate.h"

#include <stdlib.h>
#include <string.h>

enum { CHANNELS = 3, CLASSES = 3, SEED = 11, MOST_LAYERS = 16 };
enum { DRAWS_IMAGES, DRAWS_PARAMETERS, DRAWS_HISTORY }; /* index a of the streams' keys */

/* ---- Model ----------------------------------------------------------------------------------- */

typedef struct {
  rp_layer_spec layers[MOST_LAYERS];
  int n;
} layer_list;

static rp_layer_spec *add_layer(layer_list *list, rp_layer_kind kind, const char *name, int input) {
  rp_layer_spec *layer = &list->layers[list->n++];
  *layer = (rp_layer_spec){.kind = kind,
                           .n_inputs = 1,
                           .inputs = {input},
                           .kernel = 1,
                           .stride = 1,
                           .same = 1,
                           .momentum = 0.1,
                           .epsilon = 1e-5,
                           .init = {.kind = RP_INIT_HE, .sigma = 0.04, .gain = 1}};
  memcpy(layer->name, name, strlen(name) + 1);
  return layer;
}

/* Returns the layer whose map is the convolution's at its gate. */
static int add_conv(layer_list *list, const rp_check_size *size, int conv, int kernel, int input) {
  static const char *const CONVS[] = {"conv1", "conv2", "conv3", "conv4"}, *const BNS[] = {"bn1", "bn2", "bn3", "bn4"};
  rp_layer_spec *layer = add_layer(list, RP_CONV, CONVS[conv], input);
  layer->outputs = size->K[conv];
  layer->kernel = kernel;
  layer->has_bias = !size->with_bn && conv != 2;
  layer->has_relu = !size->with_bn;
  if (size->with_bn) add_layer(list, RP_BATCH_NORM, BNS[conv], list->n - 1)->has_relu = 1;
  return list->n - 1;
}

static void list_layers(const rp_check_size *size, layer_list *list) {
  int first = add_conv(list, size, 0, size->kernel, RP_IMAGE);
  rp_layer_spec *pool = add_layer(list, RP_MAX_POOL, "pool1", first);
  pool->kernel = 3, pool->stride = 2;
  int pooled = list->n - 1;
  int second = add_conv(list, size, 1, size->kernel, pooled), third = add_conv(list, size, 2, 1, pooled);
  rp_layer_spec *concat = add_layer(list, RP_CONCAT, "concat1", second);
  concat->n_inputs = 2, concat->inputs[1] = third;
  int fourth = add_conv(list, size, 3, 3, list->n - 1);
  rp_layer_spec *fc = add_layer(list, RP_FC, "fc1", fourth);
  fc->outputs = CLASSES, fc->has_bias = 1;
}

/* ---- Data ------------------------------------------------------------------------------------ */

static rp_status make_images(const rp_check_size *size, rp_check_net *out, rp_error *err) {
  size_t n = (size_t)size->n_training + (size_t)size->n_validation, bytes = (size_t)CHANNELS * (size_t)size->side * (size_t)size->side;
  rp_stream stream = rp_stream_of(SEED, RP_DRAW_SHAPES, DRAWS_IMAGES, 0, 0, 0);
  RP_TRY(rp_allocate(n, bytes, &out->pixels, err));
  RP_TRY(rp_allocate(n, 1, &out->labels, err));
  RP_TRY(rp_allocate(n, sizeof *out->images, &out->images, err));
  for (size_t i = 0; i < n * bytes; i++) out->pixels[i] = (uint8_t)rp_draw_below(&stream, i, 256);
  for (size_t i = 0; i < n; i++) {
    out->labels[i] = (uint8_t)rp_draw_below(&stream, n * bytes + i, CLASSES);
    out->images[i] = out->pixels + i * bytes;
  }
  out->dataset = (rp_dataset){.channels = CHANNELS,
                              .height = size->side,
                              .width = size->side,
                              .n_classes = CLASSES,
                              .n = {(uint32_t)size->n_training, (uint32_t)size->n_validation, 0},
                              .images = {out->images, out->images + size->n_training, NULL},
                              .labels = {out->labels, out->labels + size->n_training, NULL},
                              .mean = {127, 120, 130},
                              .deviation = {70, 75, 80}};
  return RP_OK;
}

/* ---- State ----------------------------------------------------------------------------------- */

/* Biases and BN start with values that are all the same: a net in use has others. */
static void vary_parameters(rp_state *state) {
  rp_stream stream = rp_stream_of(SEED, RP_DRAW_SHAPES, DRAWS_PARAMETERS, 0, 0, 0);
  for (int t = 0; t < state->layout->n_tensors; t++) {
    const rp_tensor *tensor = &state->layout->tensors[t];
    for (size_t i = 0; i < (size_t)tensor->K * (size_t)tensor->C * (size_t)tensor->E; i++) {
      size_t at = tensor->offset + i;
      float draw = (float)rp_draw_uniform(&stream, at);
      if (tensor->kind == RP_BIAS || tensor->kind == RP_BN_BETA || tensor->kind == RP_BN_MEAN) state->parameters[at] = 0.2f * (draw - 0.5f);
      if (tensor->kind == RP_BN_GAMMA || tensor->kind == RP_BN_VARIANCE) state->parameters[at] = 0.5f + draw;
    }
  }
}

static void give_history(rp_state *state) {
  rp_stream stream = rp_stream_of(SEED, RP_DRAW_SHAPES, DRAWS_HISTORY, 0, 0, 0);
  state->epoch = 20;
  state->cycle = 1;
  for (int f = 0; f < state->layout->n_filters; f++) {
    if (rp_draw_below(&stream, (uint64_t)f, 3) != 0) continue;
    state->filters[f].times_dropped = state->filters[f].drop_cycle = 1;
    state->filters[f].last_regrow_epoch = 15;
  }
}

static rp_status fill(const rp_check_size *size, rp_check_net *out, rp_error *err) {
  layer_list list = {.n = 0};
  list_layers(size, &list);
  rp_model model = {.channels = CHANNELS,
                    .height = size->side,
                    .width = size->side,
                    .n_classes = CLASSES,
                    .convolution = RP_CONVOLUTION_AUTO,
                    .n_layers = list.n,
                    .layers = list.layers};
  RP_TRY(make_images(size, out, err));
  RP_TRY(rp_net_create(&model, 1, &out->net, err));
  RP_TRY(rp_state_initial(out->net, 0, SEED, &out->state, err));
  vary_parameters(out->state);
  give_history(out->state);
  return RP_OK;
}

rp_status rp_check_net_create(const rp_check_size *size, rp_check_net *out, rp_error *err) {
  *out = (rp_check_net){0};
  rp_status status = fill(size, out, err);
  if (status != RP_OK) rp_check_net_free(out);
  return status;
}

void rp_check_net_free(rp_check_net *net) {
  rp_state_free(&net->state);
  rp_net_free(&net->net);
  free(net->pixels);
  free(net->labels);
  free(net->images);
  *net = (rp_check_net){0};
}

rp_status rp_check_copy(const rp_check_net *net, rp_state **out, rp_error *err) {
  return rp_state_copy(net->state, out, err);
}

/* ---- Single filters -------------------------------------------------------------------------- */

/* Row k of one of a conv's tensors, with its length in *n; NULL where the conv has no such tensor. */
static float *row_of(rp_state *state, int tensor, int k, size_t *n) {
  const rp_tensor *one = &state->layout->tensors[tensor];
  *n = (size_t)one->C * (size_t)one->E;
  return state->parameters + one->offset + (size_t)k * *n;
}

/* What a filter owns (rule 7), by tensor. Returns how many there are. */
static int owned_tensors(const rp_layout *layout, int conv, int tensors[6]) {
  const rp_conv *one = &layout->convs[conv];
  int n = 0;
  tensors[n++] = one->weight;
  if (one->bias >= 0) tensors[n++] = one->bias;
  for (int i = 0; one->bn > 0 && i < 4; i++) tensors[n++] = one->bn + i;
  return n;
}

static void multiply_row(rp_state *state, int tensor, int k, float factor) {
  size_t n;
  float *row = row_of(state, tensor, k, &n);
  for (size_t i = 0; i < n; i++) row[i] *= factor;
}

void rp_check_scale_filter(rp_state *state, int conv, int k, float factor) {
  const rp_conv *one = &state->layout->convs[conv];
  multiply_row(state, one->weight, k, factor);
  if (one->bias >= 0) multiply_row(state, one->bias, k, factor);
  if (one->bn > 0) multiply_row(state, one->bn + 2, k, factor);
}

void rp_check_duplicate_filter(rp_state *state, int conv, int from, int to) {
  int tensors[6], n_tensors = owned_tensors(state->layout, conv, tensors);
  for (int t = 0; t < n_tensors; t++) {
    size_t n;
    const float *source = row_of(state, tensors[t], from, &n);
    memcpy(row_of(state, tensors[t], to, &n), source, n * sizeof *source);
  }
  const rp_conv *one = &state->layout->convs[conv];
  state->filters[one->first_filter + to] = state->filters[one->first_filter + from];
}

void rp_check_zero_filter(rp_state *state, int conv, int k) {
  const rp_conv *one = &state->layout->convs[conv];
  rp_check_scale_filter(state, conv, k, 0);
  if (one->bn > 0) multiply_row(state, one->bn + 1, k, 0);
}

void rp_check_kill_filter(rp_state *state, int conv, int k) {
  const rp_conv *one = &state->layout->convs[conv];
  int shift = one->bn > 0 ? one->bn + 1 : one->bias;
  size_t n;
  if (shift < 0)
    rp_check_zero_filter(state, conv, k);
  else
    *row_of(state, shift, k, &n) = -1000;
}

/* ---- Another order --------------------------------------------------------------------------- */

static void permute_rows(const rp_state *from, rp_state *to, const uint32_t *order) {
  const rp_layout *layout = from->layout;
  for (int c = 0; c < layout->n_convs; c++) {
    int tensors[6], n_tensors = owned_tensors(layout, c, tensors), first = layout->convs[c].first_filter;
    for (int k = 0; k < layout->convs[c].K; k++) {
      int old = (int)order[first + k];
      for (int t = 0; t < n_tensors; t++) {
        const rp_tensor *tensor = &layout->tensors[tensors[t]];
        size_t n = (size_t)tensor->C * (size_t)tensor->E;
        memcpy(to->parameters + tensor->offset + (size_t)k * n, from->parameters + tensor->offset + (size_t)old * n, n * sizeof(float));
      }
      to->filters[first + k] = from->filters[first + old];
    }
  }
}

/* The E values of each output on one channel. */
static void move_slice(const rp_tensor *tensor, const float *from, int from_channel, float *to, int to_channel) {
  size_t E = (size_t)tensor->E;
  for (int k = 0; k < tensor->K; k++) {
    size_t row = tensor->offset + (size_t)k * (size_t)tensor->C * E;
    memcpy(to + row + (size_t)to_channel * E, from + row + (size_t)from_channel * E, E * sizeof(float));
  }
}

static void permute_slices(const rp_net *net, const float *from, rp_state *to, const uint32_t *order) {
  enum { MOST_READERS = 8 };
  const rp_layout *layout = to->layout;
  for (int c = 0; c < layout->n_convs; c++)
    for (int k = 0, first = layout->convs[c].first_filter; k < layout->convs[c].K; k++) {
      rp_reader olds[MOST_READERS], news[MOST_READERS];
      int n = rp_gate_readers(net, first + k, news, MOST_READERS);
      rp_gate_readers(net, first + (int)order[first + k], olds, MOST_READERS);
      for (int i = 0; i < n && i < MOST_READERS; i++)
        move_slice(&layout->tensors[news[i].tensor], from, olds[i].c, to->parameters, news[i].c);
    }
}

rp_status rp_check_permute(const rp_check_net *net, const uint32_t *order, rp_state **out, rp_error *err) {
  RP_CLEANUP(rp_state_free) rp_state *state = NULL;
  RP_CLEANUP(rp_free_pointer) float *halfway = NULL;
  size_t n = net->state->layout->n_parameters;
  RP_TRY(rp_check_copy(net, &state, err));
  permute_rows(net->state, state, order);
  RP_TRY(rp_allocate(n, sizeof *halfway, &halfway, err));
  memcpy(halfway, state->parameters, n * sizeof *halfway);
  permute_slices(net->net, halfway, state, order);
  *out = state;
  state = NULL;
  return RP_OK;
}
