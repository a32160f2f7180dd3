/* layer_relu.c: max(x, 0), value by value, whatever the layout. */
#include "core/nn/layer.h"

RP_VECTORISED static void relu_forward(const float *restrict in, float *restrict out, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = in[i] > 0 ? in[i] : 0;
}

RP_VECTORISED static void relu_backward(const float *restrict out, const float *restrict out_gradient, float *restrict in_gradient,
                                        size_t n) {
  for (size_t i = 0; i < n; i++) {
    const float passed = out_gradient[i];
    in_gradient[i] = out[i] > 0 ? passed : 0;
  }
}

static rp_status forward(rp_layer *layer, rp_error *err) {
  (void)err;
  relu_forward(layer->ins[0].values, layer->out.values, rp_map_size(&layer->out));
  return RP_OK;
}

static rp_status backward(rp_layer *layer, rp_error *err) {
  (void)err;
  if (!layer->in_gradients[0].values) return RP_OK;
  relu_backward(layer->out.values, layer->out_gradient.values, layer->in_gradients[0].values, rp_map_size(&layer->out));
  return RP_OK;
}

static rp_status tangent_forward(rp_layer *tangent, rp_error *err) {
  (void)err;
  relu_backward(tangent->primal->out.values, tangent->ins[0].values, tangent->out.values, rp_map_size(&tangent->out));
  return RP_OK;
}

static rp_status tangent_backward(rp_layer *tangent, rp_error *err) {
  (void)err;
  if (!tangent->in_gradients[0].values) return RP_OK;
  relu_backward(tangent->primal->out.values, tangent->out_gradient.values, tangent->in_gradients[0].values, rp_map_size(&tangent->out));
  return RP_OK;
}

const rp_layer_functions RP_RELU_LAYER = {.extent = rp_layer_same_extent,
                                          .passing = RP_PASSES_EACH,
                                          .create = rp_layer_keeps_nothing,
                                          .free = rp_layer_has_nothing,
                                          .forward = forward,
                                          .backward = backward,
                                          .tangent_forward = tangent_forward,
                                          .tangent_backward = tangent_backward};
