/* reference_net.h: an independent net to compare with: plain loops in double precision (reference_layers.h), absent channels as factors of
 * 0 on maps. Nothing is shared with core/nn but the model and the layout of the flat buffer. */
#ifndef RP_TESTS_REFERENCE_NET_H
#define RP_TESTS_REFERENCE_NET_H

#include "tests/reference_layers.h"

static inline reference_map reference_map_of(int N, int C, int H, int W) {
  reference_map map = {.C = C, .H = H, .W = W, .size = (size_t)C * (size_t)H * (size_t)W};
  map.values = doubles((size_t)N * map.size);
  map.gradients = doubles((size_t)N * map.size);
  return map;
}

static inline reference_map reference_output(reference *r, int layer) {
  const rp_layer_spec *spec = &r->model->layers[layer];
  const reference_map *in = reference_input(r, layer, 0);
  int C = in->C, H = in->H, W = in->W;
  switch (spec->kind) {
  case RP_CONV:
  case RP_PAD_CHANNELS: /* its kernel is 1 */
    C = spec->outputs, H = reference_out(spec, H), W = reference_out(spec, W);
    break;
  case RP_MAX_POOL:
  case RP_AVG_POOL:
  case RP_STOCHASTIC_POOL:
    H = reference_out(spec, H), W = reference_out(spec, W);
    break;
  case RP_FC:
    C = spec->outputs, H = W = 1;
    break;
  case RP_GLOBAL_AVG_POOL:
    H = W = 1;
    break;
  case RP_CONCAT:
    for (int i = 1; i < spec->n_inputs; i++) C += reference_input(r, layer, i)->C;
    break;
  default:
    break;
  }
  return reference_map_of(r->N, C, H, W);
}

/* ---- Absence (rule 9) ------------------------------------------------------------------------ */

/* Who contributes to a channel: something that is there, closed filters, both, or nobody. */
enum { SOMETHING = 1, CLOSED_FILTERS = 2 };

static inline int is_closed_filter(const reference *r, int layer, int k) {
  for (int i = 0; i < r->layout->n_convs; i++)
    if (r->layout->convs[i].layer == layer) return r->closed && r->closed[r->layout->convs[i].first_filter + k];
  return 0;
}

/* Contributors of a channel, from those of the layers before: asked for anew each time, as far back as it goes. */
static inline int contributors(reference *r, int layer, int c) {
  if (layer == RP_IMAGE) return SOMETHING;
  const rp_layer_spec *spec = &r->model->layers[layer];
  int all = 0;
  switch (spec->kind) {
  case RP_CONV:
  case RP_FC:
    return is_closed_filter(r, layer, c) ? CLOSED_FILTERS : SOMETHING;
  case RP_ADD:
    for (int i = 0; i < spec->n_inputs; i++) all |= contributors(r, spec->inputs[i], c);
    return all;
  case RP_CONCAT:
    for (int i = 0; i < spec->n_inputs; c -= reference_input(r, layer, i++)->C)
      if (c < reference_input(r, layer, i)->C) return contributors(r, spec->inputs[i], c);
    return 0;
  case RP_PAD_CHANNELS:
    return c < reference_input(r, layer, 0)->C ? contributors(r, spec->inputs[0], c) : 0;
  case RP_BATCH_NORM: /* of nobody's zeros it makes its beta */
    all = contributors(r, spec->inputs[0], c);
    return all ? all : SOMETHING;
  default:
    return contributors(r, spec->inputs[0], c);
  }
}

/* ---- The net --------------------------------------------------------------------------------- */

static inline reference *reference_create(const rp_net *net, int N, const float *parameters, const uint8_t *closed, const float *images) {
  reference *r = calloc(1, sizeof *r);
  assert_non_null(r);
  r->model = rp_net_model(net), r->layout = rp_net_layout(net), r->closed = closed, r->N = N;
  r->parameters = doubles(r->layout->n_parameters), r->parameter_gradients = doubles(r->layout->n_parameters);
  for (size_t i = 0; i < r->layout->n_parameters; i++) r->parameters[i] = parameters[i];
  r->image = reference_map_of(N, r->model->channels, r->model->height, r->model->width);
  for (size_t i = 0; i < (size_t)N * r->image.size; i++) r->image.values[i] = images[i];
  for (int l = 0; l < r->model->n_layers; l++) {
    r->maps[l] = reference_output(r, l);
    r->is_absent[l] = calloc((size_t)r->maps[l].C, 1);
    assert_non_null(r->is_absent[l]);
    for (int c = 0; c < r->maps[l].C; c++) r->is_absent[l][c] = contributors(r, l, c) == CLOSED_FILTERS;
  }
  return r;
}

static inline void reference_free(reference *r) {
  for (int l = 0; l < r->model->n_layers; l++) free(r->maps[l].values), free(r->maps[l].gradients), free(r->is_absent[l]);
  free(r->image.values), free(r->image.gradients);
  free(r->parameters), free(r->parameter_gradients);
  free(r);
}

static inline void clear_absent(reference *r, int layer, double *values) {
  const reference_map *map = &r->maps[layer];
  FOR_EACH_PIXEL(r, map, n, c, y, x) if (r->is_absent[layer][c]) values[pixel_of(map, n, c, y, x)] = 0;
}

static inline const double *reference_forward(reference *r) {
  for (int l = 0; l < r->model->n_layers; l++) {
    reference_layer(r, l, 0);
    clear_absent(r, l, r->maps[l].values);
  }
  return r->maps[r->model->n_layers - 1].values;
}

/* From the gradients of the last layer's output, which the caller has set. */
static inline void reference_backward_from_logits(reference *r) {
  for (int l = r->model->n_layers - 1; l >= 0; l--) {
    /* What is behind the gate multiplies by it: the gradient of a closed gate's output is none. */
    clear_absent(r, l, r->maps[l].gradients);
    reference_layer(r, l, 1);
  }
}

static inline void reference_backward(reference *r, const float *logit_gradients) {
  reference_map *last = &r->maps[r->model->n_layers - 1];
  for (size_t i = 0; i < (size_t)r->N * last->size; i++) last->gradients[i] = logit_gradients[i];
  reference_backward_from_logits(r);
}

#endif
