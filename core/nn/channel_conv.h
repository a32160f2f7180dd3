/* channel_conv.h: a convolution of a few channels, subtracted from sums: what is left of a conv's output without what these contributed.
 * Internal to core/nn. */
#ifndef RP_NN_CHANNEL_CONV_H
#define RP_NN_CHANNEL_CONV_H

#include "core/nn/map.h"

/* One channel of one image with padding around it, row by row. */
typedef struct {
  size_t width, size; /* of a row; of all of them */
  size_t first;       /* where the channel's first pixel stands, behind the padding */
  int kernel, stride;
} rp_channel_plane;

rp_channel_plane rp_channel_plane_of(const rp_map *in, const rp_map *out, const rp_window *window);

typedef struct {
  int n_channels;
  rp_channel_plane plane;
  const float *planes;  /* [n_channels][plane.size], of one image */
  const float *weights; /* [n_channels][kernel²][output channels, in whole blocks] */
  float lowest;         /* of the output: 0 for a ReLU, −∞ for none */
} rp_channel_conv;

/* out = max(sums − convolution, lowest), of one image of an output map in blocks of 8 or 16. `sums`: as that map's values, and not those.
 * Each output is summed up in one fixed order: channels, rows, columns. */
void rp_channel_conv_subtract(const rp_channel_conv *conv, const float *sums, const rp_map *out, int image);

#endif
