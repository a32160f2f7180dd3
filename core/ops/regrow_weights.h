/* regrow_weights.h: the modes of regrowing that look at a whole layer (rule 16). For regrow.c only.
 *
 * Both write the weights of one conv's marked filters and nothing else; the marks are read from the state and must still stand. d = C·R·S.
 */
#ifndef RP_OPS_REGROW_WEIGHTS_H
#define RP_OPS_REGROW_WEIGHTS_H

#include "core/ops/regrow.h"

/* `orthogonal`: filters in order, each a random direction orthogonal to its own value at the drop, to the layer's survivors and to the
 * filters regrown before it, as far as d dimensions allow; scaled by `scale` (rule 17). Adds to the record's constraints. Errors:
 * RP_ENUMERIC, RP_EMEMORY. */
rp_status rp_regrow_orthogonal(const rp_net *net, rp_state *state, int conv, rp_regrow_scale scale, rp_regrow_record *record,
                               rp_error *err);

/* `authors` (PAPER: section 4): with the layer's filters as rows, marked ones at their value at the drop, filter f becomes row f of their
 * orthonormalisation in order of index (column f of Q in a QR of the transposed matrix, with the sign that agrees with the old filter); a
 * filter with f ≥ d becomes its old value at unit norm, a zero one stays zero. Errors: RP_ENUMERIC, RP_EMEMORY. */
rp_status rp_regrow_authors(rp_state *state, int conv, rp_error *err);

#endif
