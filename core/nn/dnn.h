/* dnn.h: convolutions, forward and backward, by the kernels' library. No type of that library appears here: another one could stand beside
 * it.
 *
 * Today it is oneDNN, 2.x or 3.x. A convolution is made for one batch size and for maps at fixed addresses; its weights are copied into
 * each kernel's own layout by rp_dnn_conv_load, and its weight gradient is summed in the kernel's layout over as many backward passes as
 * one likes. Reference kernels, which take seconds, are refused. Internal to core/nn. */
#ifndef RP_NN_DNN_H
#define RP_NN_DNN_H

#include "core/nn/conv_choice.h"

typedef struct rp_dnn rp_dnn;           /* the library, opened for one number of threads */
typedef struct rp_dnn_conv rp_dnn_conv; /* a convolution, ready to run */

/* Errors: RP_ELIBRARY. */
rp_status rp_dnn_create(int threads, rp_dnn **out, rp_error *err);
void rp_dnn_free(rp_dnn **dnn); /* after its convolutions; NULL is fine */

/* Sets the calling thread's number of OpenMP threads to the one that `dnn` was opened for: before kernels are made and before they run. */
void rp_dnn_use_threads(const rp_dnn *dnn);

int rp_dnn_threads(const rp_dnn *dnn);

/* Channels per block of the maps that its kernels are fastest on: 16 with AVX-512, else 8. */
int rp_dnn_block(void);

/* What a convolution connects. The maps' values are borrowed and stay where they are for its lifetime. */
typedef struct {
  rp_map source, output;
  rp_map source_gradient; /* values NULL: no data gradient (the first layer) */
  rp_map output_gradient; /* values NULL: forward only */
  rp_window window;
  int has_bias;
  int has_relu;                           /* the output is max(·, 0) */
  rp_conv_algorithm by[RP_N_CONV_PASSES]; /* BY_WINOGRAD and BY_CALLER: that pass is not wanted here, and does nothing */
  int insists_on_winograd;                /* BY_DNN_WINOGRAD without a kernel for it is an error */
} rp_dnn_conv_spec;

/* Errors: RP_ELIBRARY where the library refuses, or has only a reference kernel, with the pass and the shapes, or no Winograd where that is
 * asked for; RP_EMEMORY. */
rp_status rp_dnn_conv_create(const rp_dnn *dnn, const rp_dnn_conv_spec *spec, rp_dnn_conv **out, rp_error *err);
void rp_dnn_conv_free(rp_dnn_conv **conv);

/* weights: [K][C][R][S]; bias: [K], NULL without one. Both are copied. */
void rp_dnn_conv_load(rp_dnn_conv *conv, const float *weights, const float *bias);

rp_status rp_dnn_conv_forward(rp_dnn_conv *conv, rp_error *err);

/* The weight gradient of `output_gradient`, added to the sum; the data gradient into `source_gradient`, where wanted. The ReLU is not
 * looked at: whoever wants it multiplies `output_gradient` by its mask before. */
rp_status rp_dnn_conv_add_weight_gradient(rp_dnn_conv *conv, rp_error *err);
rp_status rp_dnn_conv_data_gradient(rp_dnn_conv *conv, rp_error *err);

/* The sum of weight gradients: set to 0; or written to weights [K][C][R][S] and bias [K] (NULL without one), which are overwritten. */
void rp_dnn_conv_clear(rp_dnn_conv *conv);
void rp_dnn_conv_gradient(const rp_dnn_conv *conv, float *weights, float *bias);

#endif
