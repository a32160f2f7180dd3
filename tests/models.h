/* models.h: models built layer by layer in tests, and draws to fill them with. */
#ifndef RP_TESTS_MODELS_H
#define RP_TESTS_MODELS_H

#include "core/base/draws.h"
#include "core/nn/net.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>

enum { TEST_MAX_LAYERS = 160 };

typedef struct {
  rp_model model;
  rp_layer_spec layers[TEST_MAX_LAYERS];
} test_model;

static inline void begin_model(test_model *m, int channels, int height, int width, int n_classes) {
  memset(m, 0, sizeof *m);
  m->model = (rp_model){.channels = channels, .height = height, .width = width, .n_classes = n_classes, .layers = m->layers};
}

/* A layer behind the last one, named by kind and count as model files name them. The caller may change what is returned. */
static inline rp_layer_spec *add_layer(test_model *m, rp_layer_kind kind) {
  static const char *const NAMES[RP_N_LAYER_KINDS] = {
      [RP_CONV] = "conv",       [RP_MAX_POOL] = "pool",       [RP_FC] = "fc",
      [RP_BATCH_NORM] = "bn",   [RP_RELU] = "relu",           [RP_AVG_POOL] = "avg_pool",
      [RP_DROPOUT] = "dropout", [RP_GLOBAL_AVG_POOL] = "gap", [RP_STOCHASTIC_POOL] = "stochastic_pool",
      [RP_ADD] = "add",         [RP_DROP_PATH] = "drop_path", [RP_PAD_CHANNELS] = "pad",
      [RP_CONCAT] = "concat",
  };
  int index = m->model.n_layers++, number = 1;
  assert_true(index < TEST_MAX_LAYERS);
  for (int i = 0; i < index; i++) number += m->layers[i].kind == kind;
  rp_layer_spec *spec = &m->layers[index];
  *spec = (rp_layer_spec){.kind = kind, .n_inputs = 1, .inputs = {index - 1}, .kernel = 1, .stride = 1, .same = 1};
  spec->momentum = 0.1, spec->epsilon = 1e-5;
  spec->init = (rp_init){.kind = RP_INIT_TRUNCATED_NORMAL, .sigma = 0.04, .gain = 1};
  snprintf(spec->name, sizeof spec->name, "%s%d", NAMES[kind], number);
  return spec;
}

static inline int last_of(const test_model *m) {
  return m->model.n_layers - 1;
}

static inline rp_layer_spec *add_conv(test_model *m, int filters, int kernel, int stride) {
  rp_layer_spec *spec = add_layer(m, RP_CONV);
  spec->outputs = filters, spec->kernel = kernel, spec->stride = stride, spec->has_bias = 1, spec->has_relu = 1;
  return spec;
}

static inline rp_layer_spec *add_pool(test_model *m, int kernel, int stride) {
  rp_layer_spec *spec = add_layer(m, RP_MAX_POOL);
  spec->kernel = kernel, spec->stride = stride;
  return spec;
}

static inline rp_layer_spec *add_fc(test_model *m, int outputs) {
  rp_layer_spec *spec = add_layer(m, RP_FC);
  spec->outputs = outputs, spec->has_bias = 1;
  return spec;
}

/* ---- Graphs: these return the new layer's index ---------------------------------------------- */

/* A conv with neither bias nor ReLU that reads layer `from`. */
static inline int plain_conv(test_model *m, int from, int filters, int kernel, int stride) {
  rp_layer_spec *spec = add_conv(m, filters, kernel, stride);
  spec->inputs[0] = from, spec->has_bias = spec->has_relu = 0;
  return last_of(m);
}

/* A layer of one input that has nothing to set. */
static inline int layer_on(test_model *m, rp_layer_kind kind, int from) {
  add_layer(m, kind)->inputs[0] = from;
  return last_of(m);
}

static inline int pool_on(test_model *m, rp_layer_kind kind, int from, int kernel, int stride) {
  rp_layer_spec *spec = add_layer(m, kind);
  spec->inputs[0] = from, spec->kernel = kernel, spec->stride = stride;
  return last_of(m);
}

/* conv, BN, and where asked for a ReLU, each a layer of its own. */
static inline int conv_bn(test_model *m, int from, int filters, int kernel, int stride, int has_relu) {
  int bn = layer_on(m, RP_BATCH_NORM, plain_conv(m, from, filters, kernel, stride));
  return has_relu ? layer_on(m, RP_RELU, bn) : bn;
}

/* add or concat of two to four layers; a negative one ends the list (but RP_IMAGE cannot be named here). */
static inline int join(test_model *m, rp_layer_kind kind, int a, int b, int c, int d) {
  const int inputs[] = {a, b, c, d};
  rp_layer_spec *spec = add_layer(m, kind);
  spec->n_inputs = 0;
  for (int i = 0; i < 4 && inputs[i] >= 0; i++) spec->inputs[spec->n_inputs++] = inputs[i];
  return last_of(m);
}

static inline int pad_channels(test_model *m, int from, int channels, int stride) {
  rp_layer_spec *spec = add_layer(m, RP_PAD_CHANNELS);
  spec->inputs[0] = from, spec->outputs = channels, spec->stride = stride;
  return last_of(m);
}

static inline int dropout_on(test_model *m, rp_layer_kind kind, int from, double rate) {
  rp_layer_spec *spec = add_layer(m, kind);
  spec->inputs[0] = from, spec->rate = rate;
  return last_of(m);
}

/* ---- Whole models ---------------------------------------------------------------------------- */

static inline void c3_authors(test_model *m) {
  begin_model(m, 3, 32, 32, 10);
  for (int i = 0; i < 3; i++) add_conv(m, 32, 5, 1), add_pool(m, 3, 2);
  add_fc(m, 10);
}

static inline void c3(test_model *m) {
  begin_model(m, 3, 32, 32, 10);
  for (int i = 0; i < 3; i++) add_conv(m, 32, 3, 1);
  add_fc(m, 10);
}

static inline rp_net *net_of(const test_model *m) {
  rp_net *net = NULL;
  rp_error err = {0};
  assert_ok(rp_net_create(&m->model, 1, &net, &err), err);
  return net;
}

/* ---- Values ---------------------------------------------------------------------------------- */

static inline float *floats(size_t n) {
  float *values = calloc(n ? n : 1, sizeof *values);
  assert_non_null(values);
  return values;
}

static inline double *doubles(size_t n) {
  double *values = calloc(n ? n : 1, sizeof *values);
  assert_non_null(values);
  return values;
}

/* n normals of deviation `scale`. */
static inline float *normals(size_t n, double scale, uint32_t key) {
  float *values = floats(n);
  rp_stream stream = rp_stream_of(99, RP_DRAW_SHAPES, key, 0, 0, 0);
  for (size_t i = 0; i < n; i++) values[i] = (float)(scale * rp_draw_normal(&stream, i));
  return values;
}

/* n whole numbers, −largest … largest, of which float32 sums are exact: what kernels compute of them does not depend on their order. */
static inline float *integers(size_t n, int largest, uint32_t key) {
  float *values = floats(n);
  rp_stream stream = rp_stream_of(98, RP_DRAW_SHAPES, key, 0, 0, 0);
  for (size_t i = 0; i < n; i++) values[i] = (float)((int)rp_draw_below(&stream, i, (uint32_t)(2 * largest + 1)) - largest);
  return values;
}

static inline const rp_tensor *tensor_of_kind(const rp_layout *layout, int layer, rp_tensor_kind kind) {
  for (int t = 0; t < layout->n_tensors; t++)
    if (layout->tensors[t].layer == layer && layout->tensors[t].kind == kind) return &layout->tensors[t];
  return NULL;
}

static inline const rp_tensor *tensor_of(const rp_layout *layout, int layer, int is_bias) {
  if (is_bias) return tensor_of_kind(layout, layer, RP_BIAS);
  const rp_tensor *of_conv = tensor_of_kind(layout, layer, RP_CONV_WEIGHT);
  return of_conv ? of_conv : tensor_of_kind(layout, layer, RP_FC_WEIGHT);
}

static inline size_t size_of_tensor(const rp_tensor *tensor) {
  return (size_t)tensor->K * (size_t)tensor->C * (size_t)tensor->E;
}

#endif
