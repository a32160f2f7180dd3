/* drop.h: the op `drop`: marks a chosen set of filters and closes their gates (rules 7 to 10, 25). Choosing the set is core/ranking's work.
 */
#ifndef RP_OPS_DROP_H
#define RP_OPS_DROP_H

#include "core/state/state.h"

/* Marks filters in place: stores their values in at_drop, the mark, its cycle (state->cycle + 1) and count, closes the gates unless `gate`
 * is 0, and counts the cycle. Nothing else changes: weights and optimizer state stay where they are.
 *
 *   set   [n_filters], nonzero = drop. A filter that is dropped already is an error: RP_EINPUT. */
rp_status rp_drop_filters(rp_state *state, const uint8_t *set, int gate, rp_error *err);

#endif
