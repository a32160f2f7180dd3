/* view.h: a net and its state as plugins see them: the array of rp_conv_layer of ranker.h. */
#ifndef RP_RANKING_VIEW_H
#define RP_RANKING_VIEW_H

#include "core/state/state.h"
#include "rankers/ranker.h"

/* Owns its arrays; borrows names from the net, weights from the state. */
typedef struct {
  uint32_t n_layers, n_filters;
  const rp_conv_layer *const *layers; /* [n_layers] */
  uint8_t *active;                    /* [n_filters], nonzero = gate open; what the layers' `active` point into */
  void **blocks;                      /* everything that was allocated */
  size_t n_blocks, capacity;
} rp_net_view;

/* The view of a net in a state; valid as long as both. The caller frees with rp_net_view_free. Errors: RP_EMEMORY. */
rp_status rp_net_view_create(const rp_net *net, const rp_state *state, rp_net_view *out, rp_error *err);
void rp_net_view_free(rp_net_view *view);

#endif
