/* conv_kernels.h: a convolution whose passes each run on the kernel that conv_choice.h names. Internal to core/nn. */
#ifndef RP_NN_CONV_KERNELS_H
#define RP_NN_CONV_KERNELS_H

#include "core/nn/dnn.h"

typedef struct rp_conv_kernels rp_conv_kernels;

/* What a convolution connects. The maps' values are borrowed and stay where they are for its lifetime. */
typedef struct {
  rp_map source, output;
  rp_map source_gradient; /* values NULL: no data gradient (the first layer) */
  rp_map output_gradient; /* values NULL: forward only */
  rp_window window;
  int has_bias;
  int has_relu; /* the output is max(·, 0) */
  rp_convolution convolution;
  int has_own_weight_gradient; /* the caller works it out: backward gives the data gradient alone, clear and gradient are not for it */
} rp_conv_spec;

/* Errors: as rp_dnn_conv_create. */
rp_status rp_conv_kernels_create(const rp_dnn *dnn, const rp_conv_spec *spec, rp_conv_kernels **out, rp_error *err);
void rp_conv_kernels_free(rp_conv_kernels **kernels); /* NULL is fine */

/* weights: [K][C][R][S]; bias: [K], NULL without one. Both are copied. */
void rp_conv_kernels_load(rp_conv_kernels *kernels, const float *weights, const float *bias);

rp_status rp_conv_kernels_forward(rp_conv_kernels *kernels, rp_error *err);

/* Weight gradient of `output_gradient`, added to the sum; then, where wanted, the data gradient into `source_gradient`. The ReLU is not
 * looked at: whoever wants it multiplies `output_gradient` by its mask before. */
rp_status rp_conv_kernels_backward(rp_conv_kernels *kernels, rp_error *err);

/* The sum of weight gradients: set to 0; or written to weights [K][C][R][S] and bias [K] (NULL without one), which are overwritten. */
void rp_conv_kernels_clear(rp_conv_kernels *kernels);
void rp_conv_kernels_gradient(const rp_conv_kernels *kernels, float *weights, float *bias);

#endif
