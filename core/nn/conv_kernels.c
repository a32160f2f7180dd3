/* conv_kernels.c: asks conv_choice.h for each pass, makes what it names, and runs it. */
#include "core/nn/conv_kernels.h"

#include "core/base/memory.h"
#include "core/nn/winograd.h"

struct rp_conv_kernels {
  rp_dnn_conv *dnn;
  rp_winograd *forward, *data_gradient; /* NULL: dnn does it */
};

static rp_status make_dnn(const rp_dnn *dnn, const rp_conv_spec *spec, const rp_conv_algorithm *by, rp_conv_kernels *kernels,
                          rp_error *err) {
  rp_dnn_conv_spec dnn_spec = {.source = spec->source,
                               .output = spec->output,
                               .source_gradient = spec->source_gradient,
                               .output_gradient = spec->output_gradient,
                               .window = spec->window,
                               .has_bias = spec->has_bias,
                               .has_relu = spec->has_relu,
                               .insists_on_winograd = spec->convolution == RP_CONVOLUTION_DNN_WINOGRAD};
  for (int pass = 0; pass < RP_N_CONV_PASSES; pass++) dnn_spec.by[pass] = by[pass];
  return rp_dnn_conv_create(dnn, &dnn_spec, &kernels->dnn, err);
}

static rp_status make_winograd(const rp_conv_spec *spec, int is_data_gradient, rp_winograd **out, rp_error *err) {
  const rp_winograd_spec winograd = {.source = is_data_gradient ? spec->output_gradient : spec->source,
                                     .output = is_data_gradient ? spec->source_gradient : spec->output,
                                     .window = spec->window,
                                     .is_data_gradient = is_data_gradient,
                                     .has_relu = spec->has_relu && !is_data_gradient};
  return rp_winograd_create(&winograd, out, err);
}

rp_status rp_conv_kernels_create(const rp_dnn *dnn, const rp_conv_spec *spec, rp_conv_kernels **out, rp_error *err) {
  RP_CLEANUP(rp_conv_kernels_free) rp_conv_kernels *kernels = NULL;
  RP_TRY(rp_allocate(1, sizeof *kernels, &kernels, err));
  const rp_conv_question question = {.source = &spec->source,
                                     .output = &spec->output,
                                     .window = spec->window,
                                     .convolution = spec->convolution,
                                     .threads = rp_dnn_threads(dnn)};
  rp_conv_algorithm by[RP_N_CONV_PASSES];
  for (int pass = 0; pass < RP_N_CONV_PASSES; pass++) by[pass] = rp_conv_choose(&question, (rp_conv_pass)pass);
  if (spec->has_own_weight_gradient) by[RP_CONV_WEIGHT_GRADIENT] = RP_CONV_BY_CALLER;
  RP_TRY(make_dnn(dnn, spec, by, kernels, err));
  if (by[RP_CONV_FORWARD] == RP_CONV_BY_WINOGRAD) RP_TRY(make_winograd(spec, 0, &kernels->forward, err));
  if (by[RP_CONV_DATA_GRADIENT] == RP_CONV_BY_WINOGRAD && spec->source_gradient.values)
    RP_TRY(make_winograd(spec, 1, &kernels->data_gradient, err));
  *out = kernels;
  kernels = NULL;
  return RP_OK;
}

void rp_conv_kernels_free(rp_conv_kernels **address) {
  rp_conv_kernels *kernels = *address;
  if (!kernels) return;
  rp_dnn_conv_free(&kernels->dnn);
  rp_winograd_free(&kernels->forward), rp_winograd_free(&kernels->data_gradient);
  rp_free_pointer(address);
}

void rp_conv_kernels_load(rp_conv_kernels *kernels, const float *weights, const float *bias) {
  rp_dnn_conv_load(kernels->dnn, weights, bias);
  if (kernels->forward) rp_winograd_load(kernels->forward, weights, bias);
  if (kernels->data_gradient) rp_winograd_load(kernels->data_gradient, weights, NULL);
}

rp_status rp_conv_kernels_forward(rp_conv_kernels *kernels, rp_error *err) {
  return kernels->forward ? rp_winograd_run(kernels->forward, err) : rp_dnn_conv_forward(kernels->dnn, err);
}

rp_status rp_conv_kernels_backward(rp_conv_kernels *kernels, rp_error *err) {
  RP_TRY(rp_dnn_conv_add_weight_gradient(kernels->dnn, err));
  return kernels->data_gradient ? rp_winograd_run(kernels->data_gradient, err) : rp_dnn_conv_data_gradient(kernels->dnn, err);
}

void rp_conv_kernels_clear(rp_conv_kernels *kernels) {
  rp_dnn_conv_clear(kernels->dnn);
}

void rp_conv_kernels_gradient(const rp_conv_kernels *kernels, float *weights, float *bias) {
  rp_dnn_conv_gradient(kernels->dnn, weights, bias);
}
