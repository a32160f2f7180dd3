/* layer.h: what a kind of layer can do. One row of functions per kind, one file per row or a few that are alike; net.c, executor.c and
 * gate.c know no kinds. Internal to core/nn. */
#ifndef RP_NN_LAYER_H
#define RP_NN_LAYER_H

#include "core/nn/dnn.h"
#include "core/nn/net.h"

enum { RP_MAX_LAYER_TENSORS = 4 };

/* One layer of an executor. */
typedef struct rp_layer {
  const rp_layer_spec *spec;
  rp_purpose_of_run purpose;
  rp_convolution convolution;
  int index;                                        /* in the model: its draws are keyed by it */
  rp_map ins[RP_MAX_INPUTS], out;                   /* borrowed from the executor */
  rp_map in_gradients[RP_MAX_INPUTS], out_gradient; /* values NULL where nobody needs them */
  int has_relu; /* the output is max(·, 0): of a conv, BN or sum, or of a pool that took over its conv's ReLU (max commutes with it) */
  int relu_is_apart;                  /* REMOVE, of a conv: whoever runs it takes max(·, 0) of its output afterwards */
  int is_fused;                       /* the layer before does its work: it shares that one's maps and is passed over */
  const struct rp_layer *sparse_pool; /* TRAIN, of a conv: the max pool that alone reads it and stands right behind; NULL: no such */
  const rp_draw_place *place;         /* of the batch at hand, for layers that draw; borrowed from the executor */
  rp_channel_moments *moments;        /* EVALUATE, of a BN: [channels of out], those wanted are measured; NULL: none */
  const struct rp_layer *primal;      /* of a tangent (tangent.h): the layer whose derivative it is; NULL: this is a layer */
  float *work[2];                     /* of a tangent: as large as any conv's output, and as any conv's input */
  void *own;                          /* the kind's own data */
} rp_layer;

static inline int rp_has_backward(rp_purpose_of_run purpose) {
  return purpose != RP_RUN_EVALUATE && purpose != RP_RUN_REMOVE;
}

/* How channels come through, for absence (rule 9). */
typedef enum {
  RP_PASSES_NONE,   /* new channels: conv, fc */
  RP_PASSES_EACH,   /* channel c is channel c of the one input */
  RP_PASSES_JOINED, /* inputs' channels, one behind the other */
  RP_PASSES_SUM,    /* channel c is the sum of the inputs' channels c */
  RP_PASSES_PADDED  /* as EACH, and zeros behind */
} rp_passing;

typedef struct {
  /* Checks a spec against the extents of its inputs and writes that of its output. Errors: RP_EINPUT, without the layer's name. */
  rp_status (*extent)(const rp_layer_spec *spec, const rp_extent *ins, rp_extent *out, rp_error *err);
  rp_passing passing;
  int has_many_inputs; /* takes 2 to RP_MAX_INPUTS; else 1 */
  int takes_relu;      /* a ReLU behind it can be fused into it: has_relu is looked at */
  int hands_gradient;  /* its first input's gradient may be its output's own buffer, worked on in place */
  int owns_filters;
  int has_blocked_output; /* its output is laid out in blocks whatever its input is; else like its input */

  /* The kinds of its tensors, in their order; `outputs` rows of [C of the input][weights_per_unit] the first, [outputs] the others. With
   * weights_per_unit NULL all are [channels]. */
  int n_tensors;
  rp_tensor_kind tensors[RP_MAX_LAYER_TENSORS];
  int (*weights_per_unit)(const rp_layer_spec *spec, const rp_extent *in);

  /* Makes `own` from the other fields, and frees it (also what was half made). */
  rp_status (*create)(rp_layer *layer, const rp_dnn *dnn, rp_error *err);
  void (*free)(rp_layer *layer);

  /* ins → out; out_gradient → in_gradients where wanted, all lanes of a map written, those of padding 0; and the tensors' gradients onto
   * their sums. backward may overwrite out_gradient. */
  rp_status (*forward)(rp_layer *layer, rp_error *err);
  rp_status (*backward)(rp_layer *layer, rp_error *err);

  /* With tensors only; `values`: one buffer per tensor, NULL where the layer has none (a bias). load copies them; gradients writes the
   * sums since the last clear; statistics (BN) writes what forward passes made of the running ones. */
  rp_status (*load)(rp_layer *layer, const float *const *values, rp_error *err);
  void (*clear)(rp_layer *layer);
  rp_status (*gradients)(rp_layer *layer, float *const *values, rp_error *err);
  void (*statistics)(const rp_layer *layer, float *mean, float *variance);

  /* Of a tangent. Its maps hold derivatives along a direction: ins → out; out_gradient → in_gradients where wanted, after the primal's
   * backward. A ReLU on the output is not theirs to look at. NULL where a kind is affine in its input: then forward and backward of a layer
   * whose tensors that only add are 0 are those of the tangent as well. */
  rp_status (*tangent_forward)(rp_layer *tangent, rp_error *err);
  rp_status (*tangent_backward)(rp_layer *tangent, rp_error *err);

  /* Of a tangent whose kind owns filters: copies the direction of its weights; writes the derivative of their gradients, summed over
   * backward passes since the last load_direction or take_products. */
  void (*load_direction)(rp_layer *tangent, const float *weights);
  void (*take_products)(rp_layer *tangent, float *weights);
} rp_layer_functions;

extern const rp_layer_functions RP_CONV_LAYER, RP_MAX_POOL_LAYER, RP_FC_LAYER, RP_BATCH_NORM_LAYER, RP_RELU_LAYER, RP_AVG_POOL_LAYER,
    RP_GLOBAL_AVG_POOL_LAYER, RP_STOCHASTIC_POOL_LAYER, RP_DROPOUT_LAYER, RP_DROP_PATH_LAYER, RP_ADD_LAYER, RP_CONCAT_LAYER,
    RP_PAD_CHANNELS_LAYER;

/* The row of a kind < RP_N_LAYER_KINDS. */
const rp_layer_functions *rp_layer_functions_of(rp_layer_kind kind);

/* For `create` and `free` of kinds that keep nothing, and `extent` of those that change no shape. */
rp_status rp_layer_keeps_nothing(rp_layer *layer, const rp_dnn *dnn, rp_error *err);
void rp_layer_has_nothing(rp_layer *layer);
rp_status rp_layer_same_extent(const rp_layer_spec *spec, const rp_extent *ins, rp_extent *out, rp_error *err);

#endif
