/* conv_direction.c: three more convolutions between the maps of a conv and of its tangent: one whose weights are v, and two for their
 * weight gradients alone. */
#include "core/nn/conv_direction.h"

#include "core/base/memory.h"
#include "core/nn/conv_kernels.h"

#include <stdlib.h>

struct rp_conv_direction {
  const rp_layer *tangent;
  rp_conv_kernels *of_weights; /* conv(x, v), convᵀ(dy, v) */
  rp_dnn_conv *of_map;         /* R{x} ⊗ dy; NULL where the conv reads the image */
  rp_dnn_conv *of_gradient;    /* x ⊗ R{dy} */
  size_t n_weights;
  float *products; /* [n_weights], of one of the two */
};

static int reads_image(const rp_layer *layer) {
  return layer->spec->inputs[0] == RP_IMAGE;
}

static rp_map with_values(rp_map map, float *values) {
  map.values = values;
  return map;
}

static rp_window window_of(const rp_layer *layer) {
  const rp_map *in = &layer->ins[0];
  return rp_window_of(layer->spec, &(rp_extent){.channels = in->channels, .height = in->height, .width = in->width});
}

static rp_status make_of_weights(rp_conv_direction *direction, const rp_dnn *dnn, rp_error *err) {
  const rp_layer *tangent = direction->tangent, *primal = tangent->primal;
  const rp_conv_spec spec = {.source = primal->ins[0],
                             .output = reads_image(tangent) ? tangent->out : with_values(primal->out, tangent->work[0]),
                             .source_gradient = with_values(primal->ins[0], tangent->in_gradients[0].values ? tangent->work[1] : NULL),
                             .output_gradient = primal->out_gradient,
                             .window = window_of(primal),
                             .convolution = tangent->convolution,
                             .has_own_weight_gradient = 1};
  return rp_conv_kernels_create(dnn, &spec, &direction->of_weights, err);
}

static rp_status make_weight_gradient(const rp_layer *tangent, const rp_map *source, const rp_map *output_gradient, const rp_dnn *dnn,
                                      rp_dnn_conv **out, rp_error *err) {
  const rp_dnn_conv_spec spec = {
      .source = *source,
      .output = tangent->out,
      .output_gradient = *output_gradient,
      .window = window_of(tangent),
      .by = {
          [RP_CONV_FORWARD] = RP_CONV_BY_CALLER, [RP_CONV_WEIGHT_GRADIENT] = RP_CONV_BY_DNN, [RP_CONV_DATA_GRADIENT] = RP_CONV_BY_CALLER}};
  return rp_dnn_conv_create(dnn, &spec, out, err);
}

rp_status rp_conv_direction_create(const rp_layer *tangent, const rp_dnn *dnn, rp_conv_direction **out, rp_error *err) {
  RP_CLEANUP(rp_conv_direction_free) rp_conv_direction *direction = NULL;
  const rp_layer *primal = tangent->primal;
  RP_TRY(rp_allocate(1, sizeof *direction, &direction, err));
  direction->tangent = tangent;
  direction->n_weights =
      (size_t)primal->out.channels * (size_t)primal->ins[0].channels * (size_t)primal->spec->kernel * (size_t)primal->spec->kernel;
  RP_TRY(rp_allocate(direction->n_weights, sizeof(float), &direction->products, err));
  RP_TRY(make_of_weights(direction, dnn, err));
  if (!reads_image(tangent)) RP_TRY(make_weight_gradient(tangent, &tangent->ins[0], &primal->out_gradient, dnn, &direction->of_map, err));
  RP_TRY(make_weight_gradient(tangent, &primal->ins[0], &tangent->out_gradient, dnn, &direction->of_gradient, err));
  *out = direction;
  direction = NULL;
  return RP_OK;
}

void rp_conv_direction_free(rp_conv_direction **address) {
  rp_conv_direction *direction = *address;
  if (!direction) return;
  rp_conv_kernels_free(&direction->of_weights);
  rp_dnn_conv_free(&direction->of_map);
  rp_dnn_conv_free(&direction->of_gradient);
  free(direction->products);
  rp_free_pointer(address);
}

static void clear(rp_conv_direction *direction) {
  if (direction->of_map) rp_dnn_conv_clear(direction->of_map);
  rp_dnn_conv_clear(direction->of_gradient);
}

void rp_conv_direction_load(rp_conv_direction *direction, const float *v) {
  rp_conv_kernels_load(direction->of_weights, v, NULL);
  clear(direction);
}

rp_status rp_conv_direction_forward(rp_conv_direction *direction, rp_error *err) {
  const rp_layer *tangent = direction->tangent;
  RP_TRY(rp_conv_kernels_forward(direction->of_weights, err));
  if (!reads_image(tangent)) rp_add_values(tangent->work[0], tangent->out.values, rp_map_size(&tangent->out));
  return RP_OK;
}

rp_status rp_conv_direction_backward(rp_conv_direction *direction, rp_error *err) {
  const rp_layer *tangent = direction->tangent;
  RP_TRY(rp_conv_kernels_backward(direction->of_weights, err));
  if (tangent->in_gradients[0].values) rp_add_values(tangent->work[1], tangent->in_gradients[0].values, rp_map_size(&tangent->ins[0]));
  if (direction->of_map) RP_TRY(rp_dnn_conv_add_weight_gradient(direction->of_map, err));
  return rp_dnn_conv_add_weight_gradient(direction->of_gradient, err);
}

void rp_conv_direction_take(rp_conv_direction *direction, float *products) {
  rp_dnn_conv_gradient(direction->of_gradient, products, NULL);
  if (direction->of_map) {
    rp_dnn_conv_gradient(direction->of_map, direction->products, NULL);
    rp_add_values(direction->products, products, direction->n_weights);
  }
  clear(direction);
}
