/* layer_conv.c: convolution, bias and ReLU, on the kernels of conv_kernels.h. */
#include "core/nn/layer.h"

#include "core/base/memory.h"
#include "core/nn/conv_direction.h"
#include "core/nn/conv_kernels.h"
#include "core/nn/sparse_gradient.h"

typedef struct {
  rp_conv_kernels *kernels;
  rp_sparse_gradient *sparse;   /* its weight gradient; NULL: that of the kernels */
  rp_conv_direction *direction; /* of a tangent: what moving its weights adds */
} convolution;

static rp_status extent(const rp_layer_spec *spec, const rp_extent *ins, rp_extent *out, rp_error *err) {
  RP_TRY(rp_window_extent(spec, ins, out, err));
  out->channels = spec->outputs;
  return RP_OK;
}

static int weights_per_unit(const rp_layer_spec *spec, const rp_extent *in) {
  (void)in;
  return spec->kernel * spec->kernel;
}

static rp_status create(rp_layer *layer, const rp_dnn *dnn, rp_error *err) {
  const rp_extent in = {.channels = layer->ins[0].channels, .height = layer->ins[0].height, .width = layer->ins[0].width};
  convolution *conv;
  RP_TRY(rp_allocate(1, sizeof *conv, &conv, err));
  layer->own = conv;
  if (layer->sparse_pool) RP_TRY(rp_sparse_gradient_create(layer, layer->sparse_pool, &conv->sparse, err));
  const rp_conv_spec spec = {.source = layer->ins[0],
                             .output = layer->out,
                             .source_gradient = layer->in_gradients[0],
                             .output_gradient = layer->out_gradient,
                             .window = rp_window_of(layer->spec, &in),
                             .has_bias = layer->spec->has_bias,
                             .has_relu = layer->has_relu,
                             .convolution = layer->convolution,
                             .has_own_weight_gradient = conv->sparse != NULL || layer->purpose == RP_RUN_HESSIAN};
  RP_TRY(rp_conv_kernels_create(dnn, &spec, &conv->kernels, err));
  return layer->primal ? rp_conv_direction_create(layer, dnn, &conv->direction, err) : RP_OK;
}

static void release(rp_layer *layer) {
  convolution *conv = layer->own;
  if (conv) {
    rp_conv_kernels_free(&conv->kernels);
    rp_sparse_gradient_free(&conv->sparse);
    rp_conv_direction_free(&conv->direction);
  }
  rp_free_pointer(&layer->own);
}

static rp_status forward(rp_layer *layer, rp_error *err) {
  return rp_conv_kernels_forward(((convolution *)layer->own)->kernels, err);
}

/* The ReLU's gradient: 0 where its output is 0. */
RP_VECTORISED static void mask_relu(float *restrict gradient, const float *restrict output, size_t n) {
  for (size_t i = 0; i < n; i += 8) /* maps of convs are made of whole blocks */
    for (size_t lane = i; lane < i + 8; lane++) {
      const float passed = gradient[lane];
      gradient[lane] = output[lane] > 0 ? passed : 0;
    }
}

/* The sparse gradient first: it reads the pool's gradient, whose buffer the data gradient may be given. */
static rp_status backward(rp_layer *layer, rp_error *err) {
  convolution *conv = layer->own;
  if (conv->sparse) rp_sparse_gradient_add(conv->sparse);
  if (layer->has_relu) mask_relu(layer->out_gradient.values, layer->out.values, rp_map_size(&layer->out));
  return rp_conv_kernels_backward(conv->kernels, err);
}

static rp_status load(rp_layer *layer, const float *const *values, rp_error *err) {
  (void)err;
  rp_conv_kernels_load(((convolution *)layer->own)->kernels, values[0], values[1]);
  return RP_OK;
}

static void clear(rp_layer *layer) {
  convolution *conv = layer->own;
  if (conv->sparse)
    rp_sparse_gradient_clear(conv->sparse);
  else
    rp_conv_kernels_clear(conv->kernels);
}

static rp_status gradients(rp_layer *layer, float *const *values, rp_error *err) {
  (void)err;
  const convolution *conv = layer->own;
  if (conv->sparse)
    rp_sparse_gradient_get(conv->sparse, values[0], values[1]);
  else
    rp_conv_kernels_gradient(conv->kernels, values[0], values[1]);
  return RP_OK;
}

/* ---- Along a direction (tangent.h) ----------------------------------------------------------- */

static rp_status tangent_forward(rp_layer *tangent, rp_error *err) {
  convolution *conv = tangent->own;
  if (tangent->spec->inputs[0] != RP_IMAGE) RP_TRY(rp_conv_kernels_forward(conv->kernels, err));
  return rp_conv_direction_forward(conv->direction, err);
}

static rp_status tangent_backward(rp_layer *tangent, rp_error *err) {
  convolution *conv = tangent->own;
  RP_TRY(rp_conv_kernels_backward(conv->kernels, err));
  return rp_conv_direction_backward(conv->direction, err);
}

static void load_direction(rp_layer *tangent, const float *weights) {
  rp_conv_direction_load(((convolution *)tangent->own)->direction, weights);
}

static void take_products(rp_layer *tangent, float *weights) {
  rp_conv_direction_take(((convolution *)tangent->own)->direction, weights);
}

const rp_layer_functions RP_CONV_LAYER = {.extent = extent,
                                          .passing = RP_PASSES_NONE,
                                          .owns_filters = 1,
                                          .takes_relu = 1,
                                          .has_blocked_output = 1,
                                          .n_tensors = 2,
                                          .tensors = {RP_CONV_WEIGHT, RP_BIAS},
                                          .weights_per_unit = weights_per_unit,
                                          .create = create,
                                          .free = release,
                                          .forward = forward,
                                          .backward = backward,
                                          .load = load,
                                          .clear = clear,
                                          .gradients = gradients,
                                          .tangent_forward = tangent_forward,
                                          .tangent_backward = tangent_backward,
                                          .load_direction = load_direction,
                                          .take_products = take_products};
