/* net_parts.h: what a net is made of, for the files that build and run it. Internal to core/nn. */
#ifndef RP_NN_NET_PARTS_H
#define RP_NN_NET_PARTS_H

#include "core/nn/layer.h"

struct rp_net {
  rp_model model;     /* a copy */
  rp_extent *extents; /* [n_layers], of each layer's output */
  rp_layout layout;
  int *weights; /* [n_layers]: each layer's weight tensor, -1: none */
  int *biases;  /* [n_layers] */
  int *convs;   /* [n_layers]: index into layout.convs, -1: no conv */
  int threads;
  rp_dnn *dnn;
  rp_executor *executors; /* a list */
};

/* Checks net->model and fills `extents` (the caller has allocated it). Errors: RP_EINPUT with the layer's name. (model.c) */
rp_status rp_model_check(const rp_model *model, rp_extent *extents, rp_error *err);

/* The extent of what a layer reads. */
rp_extent rp_input_extent(const rp_model *model, const rp_extent *extents, int layer);

/* Fills layout, weights, biases and convs of a checked net; what it allocates belongs to the net also on error. (parameters.c) */
rp_status rp_layout_create(rp_net *net, rp_error *err);
void rp_layout_free(rp_layout *layout);

/* executor.c */
struct rp_executor {
  rp_net *net;
  int batch;
  rp_purpose_of_run purpose;
  rp_map image;
  rp_layer *layers;                 /* [n_layers] */
  float *gradients[2];              /* gradients of maps: a layer's is in the one, its input's in the other */
  float *scratch;                   /* room for the largest weight tensor, then its bias */
  size_t scratch_bias;              /* where the bias is in it */
  uint8_t *closed;                  /* [n_filters], of the last load */
  float **dense, **dense_gradients; /* OBSERVE: [n_convs] of [N][K][H][W] */
  rp_executor *next;
};

rp_status rp_executor_create(rp_net *net, int batch, rp_purpose_of_run purpose, rp_executor **out, rp_error *err);
void rp_executor_free(rp_executor **executor); /* NULL is fine */

#endif
