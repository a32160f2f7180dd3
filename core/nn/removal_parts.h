/* removal_parts.h: what removal.c walks through and removal_sums.c works out. Internal to core/nn. */
#ifndef RP_NN_REMOVAL_PARTS_H
#define RP_NN_REMOVAL_PARTS_H

#include "core/nn/net_parts.h"
#include "core/nn/removal.h"

/* What a removal does to a layer's output. */
typedef enum {
  SAME,
  SILENCED, /* changed channels are 0 and nothing else is changed: nobody has worked it out, and the map may hold anything */
  CHANGED   /* the map holds it */
} rp_effect;

typedef struct {
  rp_effect effect;
  float *kept;  /* the whole net's map, of a conv before its ReLU; NULL of a fused layer, which shares another's */
  int is_whole; /* the executor's map holds the whole net's values */
} rp_removal_layer;

struct rp_removal {
  rp_net *net;
  rp_executor *executor;
  const float *parameters;
  uint8_t *closed;  /* [n_filters] */
  uint8_t *absent;  /* [n_channels] without the filter; executor->absent: with it */
  uint8_t *changed; /* [n_channels] */
  rp_removal_layer *layers;
  float *planes;  /* what channels have lost, in one image */
  float *weights; /* of a conv on these channels */
};

static inline uint8_t *rp_removal_channels(const rp_removal *removal, uint8_t *channels, int layer) {
  return channels + removal->net->first_channel[layer];
}

/* Whether a channel of a layer is absent only without the filter. */
static inline int rp_removal_silences(const rp_removal *removal, int layer, int c) {
  const int channel = removal->net->first_channel[layer] + c;
  return removal->absent[channel] && !removal->executor->absent[channel];
}

/* The layer whose map a layer's output is: itself, or the one that it is fused into. */
static inline int rp_removal_owner(const rp_removal *removal, int layer) {
  while (removal->executor->layers[layer].is_fused) layer = removal->net->model.layers[layer].inputs[0];
  return layer;
}

/* Convs and fcs: all channels of their output change with any of their input. */
static inline int rp_removal_is_of_sums(const rp_net *net, int layer) {
  return rp_layer_functions_of(net->model.layers[layer].kind)->passing == RP_PASSES_NONE;
}

/* Changed channels of so many up to which subtracting pays. */
static inline int rp_removal_most_channels(int n_channels) {
  return n_channels < 16 ? 1 : n_channels / 8;
}

/* removal_sums.c */

/* Where a channel stands in one image of a map: its first pixel; the others follow `block` apart. */
size_t rp_removal_place(const rp_map *map, int image, int c);

/* max(·, 0) of a conv's map, in place. */
void rp_removal_relu(const rp_map *map);

/* Makes planes and weights for up to rp_removal_most_channels of any layer. */
rp_status rp_removal_make_room(rp_removal *removal, rp_error *err);

/* Writes the map of a conv or fc whose input has `n_changed` changed channels: the kept sums less what these have lost. */
void rp_removal_subtract(const rp_removal *removal, int layer, int n_changed);

#endif
