/* layer.h: what a kind of layer can do. One row of functions per kind, one file per row; net.c and executor.c know no kinds. Internal to
 * core/nn. */
#ifndef RP_NN_LAYER_H
#define RP_NN_LAYER_H

#include "core/nn/dnn.h"
#include "core/nn/net.h"

/* One layer of an executor. */
typedef struct rp_layer {
  const rp_layer_spec *spec;
  rp_map in, out;                   /* borrowed from the executor */
  rp_map in_gradient, out_gradient; /* values NULL where nobody needs them */
  int has_relu; /* the output is max(·, 0): of a conv, or of a pool that took over its conv's ReLU (max commutes with it) */
  void *own;    /* the kind's own data */
} rp_layer;

typedef struct {
  /* Checks a spec against the extent of its input and writes that of its output. Errors: RP_EINPUT, without the layer's name. */
  rp_status (*extent)(const rp_layer_spec *spec, const rp_extent *in, rp_extent *out, rp_error *err);

  /* A weight tensor [outputs][C of the input][this many], parameters.h; NULL where the kind has no parameters. */
  int (*weights_per_unit)(const rp_layer_spec *spec, const rp_extent *in);
  rp_tensor_kind weight_kind;

  /* Makes `own` from the other fields, and frees it (also what was half made). */
  rp_status (*create)(rp_layer *layer, const rp_dnn *dnn, rp_error *err);
  void (*free)(rp_layer *layer);

  /* in → out; out_gradient → in_gradient where wanted, and the weights' gradient onto its sum. backward may overwrite out_gradient. */
  rp_status (*forward)(rp_layer *layer, rp_error *err);
  rp_status (*backward)(rp_layer *layer, rp_error *err);

  /* With parameters only. load copies weights and bias [outputs] (NULL without); gradients writes the sum since the last clear into such
   * buffers. */
  rp_status (*load)(rp_layer *layer, const float *weights, const float *bias, rp_error *err);
  void (*clear)(rp_layer *layer);
  rp_status (*gradients)(rp_layer *layer, float *weights, float *bias, rp_error *err);
} rp_layer_functions;

extern const rp_layer_functions RP_CONV_LAYER, RP_MAX_POOL_LAYER, RP_FC_LAYER;

/* The row of a kind < RP_N_LAYER_KINDS. */
const rp_layer_functions *rp_layer_functions_of(rp_layer_kind kind);

#endif
