/* check_net.h: small nets, states and images that the conformance test shows to plugins; all of it made up, and the same everywhere.
 *
 * image → conv1 → pool1 (3×3, stride 2) → conv2 and, beside it, conv3 (1×1) → concat1 → conv4 (3×3) → fc1. Each convolution has a ReLU or,
 * `with_bn`, batch norm with a ReLU; conv3 has no bias, nor has any that batch norm follows. */
#ifndef RP_RANKING_CHECK_NET_H
#define RP_RANKING_CHECK_NET_H

#include "core/data/dataset.h"
#include "core/state/state.h"

enum { RP_CHECK_CONVS = 4 };

typedef struct {
  int K[RP_CHECK_CONVS]; /* filters of each conv */
  int kernel;            /* of conv1 and conv2 */
  int side;              /* of the images */
  int with_bn;
  int n_training, n_validation; /* images */
} rp_check_size;

typedef struct {
  rp_net *net;
  rp_state *state; /* after 20 epochs and a cycle, as far as counters tell; every value that there is differs from its initial one */
  rp_dataset dataset;
  uint8_t *pixels, *labels; /* what dataset points to */
  const uint8_t **images;
} rp_check_net;

/* The caller frees. Errors: RP_EMEMORY; those of net.h. */
rp_status rp_check_net_create(const rp_check_size *size, rp_check_net *out, rp_error *err);
void rp_check_net_free(rp_check_net *net); /* for RP_CLEANUP */

/* Filters of a conv, in rp_check_net's state or a copy of it. */
rp_status rp_check_copy(const rp_check_net *net, rp_state **out, rp_error *err);

/* Multiplies all that makes up a filter's output by a factor: its weights and bias, and with batch norm the running mean; γ, β and the
 * running variance stay, so that there the map before β is what is scaled. */
void rp_check_scale_filter(rp_state *state, int conv, int k, float factor);

/* Everything that a filter owns becomes what another one of its layer owns (rule 7). */
void rp_check_duplicate_filter(rp_state *state, int conv, int from, int to);

/* Weights, bias, β and running mean 0: its map is 0 everywhere. */
void rp_check_zero_filter(rp_state *state, int conv, int k);

/* A bias (with batch norm: β) so low that the ReLU lets nothing through. Where there is neither, the filter is zeroed. */
void rp_check_kill_filter(rp_state *state, int conv, int k);

/* Filters in another order: filter k of conv c is what filter order[first_filter + k] (an index in the layer) was, and whoever reads them
 * follows. The net computes the same function. Errors: RP_EMEMORY. */
rp_status rp_check_permute(const rp_check_net *net, const uint32_t *order, rp_state **out, rp_error *err);

#endif
