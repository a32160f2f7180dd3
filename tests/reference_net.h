/* reference_net.h: models for tests, and an independent net to compare with: plain loops in double precision over dense [N][C][H][W], gates
 * as factors on maps. Nothing here is fast, and nothing is shared with core/nn but the model and the layout of the flat buffer. */
#ifndef RP_TESTS_REFERENCE_NET_H
#define RP_TESTS_REFERENCE_NET_H

#include "core/base/draws.h"
#include "core/nn/net.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- Models ---------------------------------------------------------------------------------- */

enum { REFERENCE_MAX_LAYERS = 12 };

typedef struct {
  rp_model model;
  rp_layer_spec layers[REFERENCE_MAX_LAYERS];
} test_model;

static inline void begin_model(test_model *m, int channels, int height, int width, int n_classes) {
  memset(m, 0, sizeof *m);
  m->model = (rp_model){.channels = channels, .height = height, .width = width, .n_classes = n_classes, .layers = m->layers};
}

/* A layer behind the last one, named by kind and count as model files name them. The caller may change what is returned. */
static inline rp_layer_spec *add_layer(test_model *m, rp_layer_kind kind) {
  int index = m->model.n_layers++, number = 1;
  assert_true(index < REFERENCE_MAX_LAYERS);
  for (int i = 0; i < index; i++) number += m->layers[i].kind == kind;
  rp_layer_spec *spec = &m->layers[index];
  *spec = (rp_layer_spec){.kind = kind, .n_inputs = 1, .inputs = {index - 1}, .kernel = 1, .stride = 1, .same = 1};
  spec->init = (rp_init){.kind = RP_INIT_TRUNCATED_NORMAL, .sigma = 0.04, .gain = 1};
  const char *names[] = {"conv", "pool", "fc"};
  snprintf(spec->name, sizeof spec->name, "%s%d", names[kind], number);
  return spec;
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

static inline float *floats(size_t n) {
  float *values = calloc(n ? n : 1, sizeof *values);
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

/* ---- The reference --------------------------------------------------------------------------- */

typedef struct {
  int C, H, W;
  size_t size;       /* C·H·W */
  double *values;    /* [N][C][H][W], at the gate */
  double *gradients; /* the loss's, at the gate: before the ReLU's mask; 0 where it is closed */
} reference_map;

typedef struct {
  const rp_model *model;
  const rp_layout *layout;
  const uint8_t *closed; /* NULL: none */
  int N;
  double *parameters, *parameter_gradients;
  reference_map image, maps[REFERENCE_MAX_LAYERS];
} reference;

static inline double *doubles(size_t n) {
  double *values = calloc(n ? n : 1, sizeof *values);
  assert_non_null(values);
  return values;
}

static inline reference_map reference_map_of(int N, int C, int H, int W) {
  reference_map map = {.C = C, .H = H, .W = W, .size = (size_t)C * (size_t)H * (size_t)W};
  map.values = doubles((size_t)N * map.size);
  map.gradients = doubles((size_t)N * map.size);
  return map;
}

static inline int reference_out(const rp_layer_spec *l, int in) {
  return l->same ? (int)ceil((double)in / l->stride) : (in + 2 * l->pad - l->kernel) / l->stride + 1;
}

static inline int reference_before(const rp_layer_spec *l, int in) {
  int total = (reference_out(l, in) - 1) * l->stride + l->kernel - in;
  return l->same ? (total > 0 ? total : 0) / 2 : l->pad;
}

static inline reference *reference_create(const rp_net *net, int N, const float *parameters, const uint8_t *closed, const float *images) {
  reference *r = calloc(1, sizeof *r);
  assert_non_null(r);
  r->model = rp_net_model(net), r->layout = rp_net_layout(net), r->closed = closed, r->N = N;
  r->parameters = doubles(r->layout->n_parameters), r->parameter_gradients = doubles(r->layout->n_parameters);
  for (size_t i = 0; i < r->layout->n_parameters; i++) r->parameters[i] = parameters[i];
  r->image = reference_map_of(N, r->model->channels, r->model->height, r->model->width);
  for (size_t i = 0; i < (size_t)N * r->image.size; i++) r->image.values[i] = images[i];
  for (int l = 0; l < r->model->n_layers; l++) {
    const rp_layer_spec *spec = &r->model->layers[l];
    const reference_map *in = spec->inputs[0] == RP_IMAGE ? &r->image : &r->maps[spec->inputs[0]];
    if (spec->kind == RP_FC)
      r->maps[l] = reference_map_of(N, spec->outputs, 1, 1);
    else
      r->maps[l] =
          reference_map_of(N, spec->kind == RP_CONV ? spec->outputs : in->C, reference_out(spec, in->H), reference_out(spec, in->W));
  }
  return r;
}

static inline void reference_free(reference *r) {
  for (int l = 0; l < r->model->n_layers; l++) free(r->maps[l].values), free(r->maps[l].gradients);
  free(r->image.values), free(r->image.gradients);
  free(r->parameters), free(r->parameter_gradients);
  free(r);
}

static inline const rp_tensor *tensor_of(const rp_layout *layout, int layer, int is_bias) {
  for (int t = 0; t < layout->n_tensors; t++)
    if (layout->tensors[t].layer == layer && (layout->tensors[t].kind == RP_BIAS) == is_bias) return &layout->tensors[t];
  return NULL;
}

static inline double gate_of(const reference *r, int layer, int k) {
  for (int i = 0; i < r->layout->n_convs; i++)
    if (r->layout->convs[i].layer == layer) return r->closed && r->closed[r->layout->convs[i].first_filter + k] ? 0 : 1;
  return 1;
}

/* One conv, for both directions. forward: out = gate · relu(bias + Σ w·in). backward: adds to the gradients of weights, bias and input. */
static inline void reference_conv(reference *r, int layer, reference_map *in, int is_backward) {
  const rp_layer_spec *l = &r->model->layers[layer];
  reference_map *out = &r->maps[layer];
  const rp_tensor *weight = tensor_of(r->layout, layer, 0), *bias = tensor_of(r->layout, layer, 1);
  const int top = reference_before(l, in->H), left = reference_before(l, in->W);
  for (int n = 0; n < r->N; n++)
    for (int k = 0; k < out->C; k++)
      for (int y = 0; y < out->H; y++)
        for (int x = 0; x < out->W; x++) {
          const size_t at = (size_t)n * out->size + (size_t)((k * out->H + y) * out->W + x);
          double g = out->gradients[at] * (l->has_relu && !(out->values[at] > 0) ? 0 : 1);
          double sum = bias ? r->parameters[bias->offset + (size_t)k] : 0;
          if (is_backward && g == 0) continue;
          if (is_backward && bias) r->parameter_gradients[bias->offset + (size_t)k] += g;
          for (int c = 0; c < in->C; c++)
            for (int p = 0; p < l->kernel; p++)
              for (int q = 0; q < l->kernel; q++) {
                const int in_y = y * l->stride - top + p, in_x = x * l->stride - left + q;
                if (in_y < 0 || in_y >= in->H || in_x < 0 || in_x >= in->W) continue;
                const size_t from = (size_t)n * in->size + (size_t)((c * in->H + in_y) * in->W + in_x);
                const size_t w = weight->offset + (size_t)(((k * in->C + c) * l->kernel + p) * l->kernel + q);
                if (is_backward) {
                  r->parameter_gradients[w] += g * in->values[from];
                  in->gradients[from] += g * r->parameters[w];
                } else {
                  sum += r->parameters[w] * in->values[from];
                }
              }
          if (!is_backward) out->values[at] = gate_of(r, layer, k) * (l->has_relu && sum < 0 ? 0 : sum);
        }
}

static inline void reference_pool(reference *r, int layer, reference_map *in, int is_backward) {
  const rp_layer_spec *l = &r->model->layers[layer];
  reference_map *out = &r->maps[layer];
  const int top = reference_before(l, in->H), left = reference_before(l, in->W);
  for (int n = 0; n < r->N; n++)
    for (int c = 0; c < out->C; c++)
      for (int y = 0; y < out->H; y++)
        for (int x = 0; x < out->W; x++) {
          const size_t at = (size_t)n * out->size + (size_t)((c * out->H + y) * out->W + x);
          double largest = -INFINITY;
          size_t where = 0;
          for (int p = 0; p < l->kernel; p++)
            for (int q = 0; q < l->kernel; q++) {
              const int in_y = y * l->stride - top + p, in_x = x * l->stride - left + q;
              if (in_y < 0 || in_y >= in->H || in_x < 0 || in_x >= in->W) continue;
              const size_t from = (size_t)n * in->size + (size_t)((c * in->H + in_y) * in->W + in_x);
              if (in->values[from] > largest) largest = in->values[from], where = from;
            }
          if (is_backward)
            in->gradients[where] += out->gradients[at];
          else
            out->values[at] = largest;
        }
}

static inline void reference_fc(reference *r, int layer, reference_map *in, int is_backward) {
  reference_map *out = &r->maps[layer];
  const rp_tensor *weight = tensor_of(r->layout, layer, 0), *bias = tensor_of(r->layout, layer, 1);
  for (int n = 0; n < r->N; n++)
    for (int k = 0; k < out->C; k++) {
      const size_t at = (size_t)n * out->size + (size_t)k;
      const double g = out->gradients[at];
      double sum = bias ? r->parameters[bias->offset + (size_t)k] : 0;
      if (is_backward && bias) r->parameter_gradients[bias->offset + (size_t)k] += g;
      for (size_t i = 0; i < in->size; i++) {
        const size_t w = weight->offset + (size_t)k * in->size + i, from = (size_t)n * in->size + i;
        sum += r->parameters[w] * in->values[from];
        if (!is_backward) continue;
        r->parameter_gradients[w] += g * in->values[from];
        in->gradients[from] += g * r->parameters[w];
      }
      if (!is_backward) out->values[at] = sum;
    }
}

static inline void reference_layer(reference *r, int layer, int is_backward) {
  const rp_layer_spec *spec = &r->model->layers[layer];
  reference_map *in = spec->inputs[0] == RP_IMAGE ? &r->image : &r->maps[spec->inputs[0]];
  if (spec->kind == RP_CONV) reference_conv(r, layer, in, is_backward);
  if (spec->kind == RP_MAX_POOL) reference_pool(r, layer, in, is_backward);
  if (spec->kind == RP_FC) reference_fc(r, layer, in, is_backward);
}

static inline const double *reference_forward(reference *r) {
  for (int l = 0; l < r->model->n_layers; l++) reference_layer(r, l, 0);
  return r->maps[r->model->n_layers - 1].values;
}

static inline void reference_backward(reference *r, const float *logit_gradients) {
  reference_map *last = &r->maps[r->model->n_layers - 1];
  for (size_t i = 0; i < (size_t)r->N * last->size; i++) last->gradients[i] = logit_gradients[i];
  for (int l = r->model->n_layers - 1; l >= 0; l--) {
    /* What is behind the gate multiplies by it: the gradient of a closed gate's output is none. */
    for (int n = 0; n < r->N; n++)
      for (size_t i = 0; i < r->maps[l].size; i++)
        r->maps[l].gradients[(size_t)n * r->maps[l].size + i] *= gate_of(r, l, (int)(i / (size_t)(r->maps[l].H * r->maps[l].W)));
    reference_layer(r, l, 1);
  }
}

#endif
