/* model.h: a net as a list of layers, and what follows from it: shapes, parameter tensors, filters.
 *
 * A model is data. It comes from a YAML file by way of experiments/plan/model_file.c; core knows only this struct. rp_net_create (net.h)
 * checks it. */
#ifndef RP_NN_MODEL_H
#define RP_NN_MODEL_H

#include "core/base/status.h"

#include <stdint.h>

/* X(code, name in model files, one line of help): all layers there are. */
#define RP_LAYER_LIST(X)                                                                                                                   \
  X(RP_CONV, "conv", "convolution, its bias and, where asked for, a ReLU: K filters of C×R×S weights")                                     \
  X(RP_MAX_POOL, "max_pool", "maximum over windows; padding never wins")                                                                   \
  X(RP_FC, "fc", "fully connected layer over all features of its input, flattened as C×H×W")                                               \
  X(RP_BATCH_NORM, "batch_norm", "per channel: minus mean, over deviation, times gamma, plus beta; where asked for, a ReLU behind")        \
  X(RP_RELU, "relu", "max(·, 0)")                                                                                                          \
  X(RP_AVG_POOL, "avg_pool", "mean over windows; padding does not count")                                                                  \
  X(RP_GLOBAL_AVG_POOL, "global_avg_pool", "mean over the whole map")                                                                      \
  X(RP_STOCHASTIC_POOL, "stochastic_pool",                                                                                                 \
    "in training one pixel of a window, drawn in proportion to its value; else their mean weighted so")                                    \
  X(RP_DROPOUT, "dropout", "in training 0 with probability rate, else 1 / (1 - rate) of the value")                                        \
  X(RP_DROP_PATH, "drop_path", "dropout of an image's whole map: stochastic depth, at the end of a residual branch")                       \
  X(RP_ADD, "add", "sum of its inputs")                                                                                                    \
  X(RP_CONCAT, "concat", "channels of its inputs, one behind the other")                                                                   \
  X(RP_PAD_CHANNELS, "pad_channels", "every stride-th pixel, channels of zeros behind: the shortcut A of He et al. 2016")

typedef enum {
#define RP_LAYER_ENUM(code, name, help) code,
  RP_LAYER_LIST(RP_LAYER_ENUM)
#undef RP_LAYER_ENUM
      RP_N_LAYER_KINDS
} rp_layer_kind;

/* X(code, name, one line of help): initialisations of a layer's weights. Biases start at 0. fan_in = C·R·S, fan_out = K·R·S (fc: R = S =
 * 1). */
#define RP_INIT_LIST(X)                                                                                                                    \
  X(RP_INIT_TRUNCATED_NORMAL, "truncated-normal", "normal of deviation sigma, redrawn beyond two deviations")                              \
  X(RP_INIT_HE, "he", "normal of deviation sqrt(2 / fan_in)")                                                                              \
  X(RP_INIT_GLOROT, "glorot", "uniform in ± sqrt(6 / (fan_in + fan_out))")                                                                 \
  X(RP_INIT_ORTHOGONAL, "orthogonal", "rows (or columns, where there are more rows) of a random orthogonal matrix, times gain")

typedef enum {
#define RP_INIT_ENUM(code, name, help) code,
  RP_INIT_LIST(RP_INIT_ENUM)
#undef RP_INIT_ENUM
      RP_N_INITS
} rp_init_kind;

typedef struct {
  rp_init_kind kind;
  double sigma; /* truncated-normal: its deviation before truncation, 0.04 */
  double gain;  /* orthogonal: 1 */
} rp_init;

enum { RP_NAME_SIZE = 48, RP_MAX_INPUTS = 8, RP_IMAGE = -1 };

typedef struct {
  rp_layer_kind kind;
  char name[RP_NAME_SIZE];   /* unique: conv1, pool1, fc1, or as the file says */
  int n_inputs;              /* add, concat: at least 2; else 1 */
  int inputs[RP_MAX_INPUTS]; /* earlier layers, by index; RP_IMAGE is the image */
  int outputs;               /* conv: filters K; fc: features; pad_channels: channels */
  int kernel;                /* conv, pools: R = S */
  int stride;                /* conv, pools, pad_channels */
  int same;                  /* padding: 1 = SAME: ceil(H / stride) rows out, the odd pixel of padding after; 0 = `pad` on all sides */
  int pad;
  int has_bias;             /* conv, fc */
  int has_relu;             /* conv, batch_norm: a fused ReLU, at the filter's gate (rule 8) */
  double rate;              /* dropout, drop_path: probability of 0, in [0, 1) */
  double momentum, epsilon; /* batch_norm: running ← (1 − momentum)·running + momentum·batch, 0.1; added to the variance, 1e-5 */
  rp_init init;             /* conv, fc */
} rp_layer_spec;

/* X(code, name, one line of help): what convolutions are computed by. */
#define RP_CONVOLUTION_LIST(X)                                                                                                             \
  X(RP_CONVOLUTION_AUTO, "auto", "per shape and pass, from a table of measurements")                                                       \
  X(RP_CONVOLUTION_DIRECT, "onednn-direct", "oneDNN's direct kernels throughout")                                                          \
  X(RP_CONVOLUTION_DNN_WINOGRAD, "onednn-winograd", "oneDNN's Winograd kernels wherever they exist; oneDNN 2.x only")                      \
  X(RP_CONVOLUTION_WINOGRAD, "winograd", "Winograd kernels of our own wherever they exist: 3×3 and 5×5, stride 1, AVX-512")

typedef enum {
#define RP_CONVOLUTION_ENUM(code, name, help) code,
  RP_CONVOLUTION_LIST(RP_CONVOLUTION_ENUM)
#undef RP_CONVOLUTION_ENUM
      RP_N_CONVOLUTIONS
} rp_convolution;

typedef struct {
  int channels, height, width; /* of the image */
  int n_classes;               /* the last layer is an fc of that many outputs */
  rp_convolution convolution;  /* part of what decides the last bits */
  int n_layers;
  rp_layer_spec *layers; /* owned */
} rp_model;

/* What one image's tensor looks like between layers. `is_features`: it came out of an fc, where H = W = 1. */
typedef struct {
  int channels, height, width;
  int is_features;
} rp_extent;

/* Checks a model's layer against those before it, whose `extents` are filled, and fills its own: kind, inputs, sizes, windows, limits. A
 * model can thus be checked while it is being read. Errors: RP_EINPUT, without the layer's name, with both shapes and what would fit. */
rp_status rp_model_check_layer(const rp_model *model, int layer, rp_extent *extents, rp_error *err);

void rp_model_free(rp_model *model);

const char *rp_layer_kind_name(rp_layer_kind kind);

#endif
