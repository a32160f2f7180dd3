/* overlap.h: how much the filters of a layer point the same way: the ortho measure (Prakash et al. 2019, section 4, with cosines; SEMANTICS
 * rule 22). */
#ifndef RP_PROBES_OVERLAP_H
#define RP_PROBES_OVERLAP_H

#include "core/state/state.h"

typedef struct {
  double
      ortho_sum; /* Σ over active filters of (1/J) Σ_{j≠f} |cos(w_f, w_j)|; J = active filters of the layer; cos with a zero vector is 0 */
  double ortho_mean;     /* divided by J; 0 where J = 0 */
  double opposite_share; /* share of the layer's pairs of active filters with cos < −0.5; 0 where there is no pair */
  int active_filters;
} rp_overlap;

/* One conv layer (index into layout->convs), active = gate open, in double precision. */
rp_status rp_overlap_of_conv(const rp_state *state, int conv, rp_overlap *out, rp_error *err);

/* The net: sums and means over all layers' active filters; opposite_share over all pairs within layers. */
rp_status rp_overlap_of_net(const rp_state *state, rp_overlap *out, rp_error *err);

#endif
