/* net_parts.h: what a net is made of, for the files that build and run it. Internal to core/nn. */
#ifndef RP_NN_NET_PARTS_H
#define RP_NN_NET_PARTS_H

#include "core/nn/layer.h"

struct rp_net {
  rp_model model;     /* a copy */
  rp_extent *extents; /* [n_layers], of each layer's output */
  int *n_readers;     /* [n_layers] */
  int *first_channel; /* [n_layers]: where its channels stand among all layers' */
  int n_channels;     /* of all layers */
  uint8_t *marks;     /* [n_channels], for gate.c to work in: a net belongs to one thread */
  rp_layout layout;
  int (*tensors)[RP_MAX_LAYER_TENSORS]; /* [n_layers]: each layer's tensors in the order of its kind's row, -1: none */
  int *convs;                           /* [n_layers]: index into layout.convs, -1: no conv */
  int threads;
  rp_dnn *dnn;
  rp_executor *executors; /* a list */
};

/* Checks net->model and fills `extents` (the caller has allocated it). Errors: RP_EINPUT with the layer's name. (model.c) */
rp_status rp_model_check(const rp_model *model, rp_extent *extents, rp_error *err);

/* The extent of what a layer reads as its input `input`. */
rp_extent rp_input_extent(const rp_model *model, const rp_extent *extents, int layer, int input);

/* Fills layout, n_readers, first_channel, tensors and convs of a checked net; what it allocates belongs to the net also on error.
 * (parameters.c) */
rp_status rp_layout_create(rp_net *net, rp_error *err);
void rp_layout_free(rp_layout *layout);

/* Opens the kernels' library, where that has not happened: not when the net is created, since a process that only looks at models must not
 * touch OpenMP (it may fork). Errors: RP_ELIBRARY. (net.c) */
rp_status rp_net_open_kernels(rp_net *net, rp_error *err);

/* executor.c */
struct rp_executor {
  rp_net *net;
  int batch;
  rp_purpose_of_run purpose;
  rp_map image;
  rp_layer *layers; /* [n_layers] */
  rp_draw_place place;
  int n_buffers;
  float **buffers;                 /* gradients of maps take turns in them */
  size_t *buffer_sizes;            /* [n_buffers] in floats */
  rp_map (*spares)[RP_MAX_INPUTS]; /* [n_layers]: where a layer puts the gradient of an input that has one already; values NULL: not so */
  float *scratch[RP_MAX_LAYER_TENSORS]; /* each with room for the largest tensor of its place */
  uint8_t *absent;                      /* [n_channels], of the last load */
  float **dense, **dense_gradients;     /* OBSERVE: [n_convs] of [N][K][H][W] */
  struct rp_tangents *tangents;         /* HESSIAN */
  rp_executor *next;
};

rp_status rp_executor_create(rp_net *net, int batch, rp_purpose_of_run purpose, rp_executor **out, rp_error *err);
void rp_executor_free(rp_executor **executor); /* NULL is fine */

/* Adds what layer `index` wrote aside to the gradients that other readers of its inputs have written; `layers`: the executor's, or their
 * tangents. */
void rp_executor_add_spares(const rp_executor *executor, rp_layer *layers, int index);

/* tangent.c: the tangents of an executor's layers, which are made already; what was made is the executor's also on error. */
rp_status rp_tangents_create(rp_executor *executor, rp_error *err);
void rp_tangents_free(rp_executor *executor); /* no tangents are fine */

/* Loads what a layer's tangent needs of its tensors; `values` as for load, overwritten. */
rp_status rp_tangent_load(rp_executor *executor, int index, float *const *values, rp_error *err);

#endif
