/* select.h: from importances to the set that is dropped: normalisation, limits, ties, exact counts (SEMANTICS rules 12 to 14). Pure
 * functions.
 *
 * "Active" is here a filter that may be dropped: not dropped already. */
#ifndef RP_RANKING_SELECT_H
#define RP_RANKING_SELECT_H

#include "core/state/state.h"

/* X(code, name, one line of help): rule 12, per layer over active filters; a zero divisor leaves the layer as it is. */
#define RP_NORMALISE_LIST(X)                                                                                                               \
  X(RP_NORMALISE_NONE, "none", "as the criterion gives it")                                                                                \
  X(RP_NORMALISE_LAYER_MEAN, "layer-mean", "divided by the mean |s| of the layer")                                                         \
  X(RP_NORMALISE_LAYER_L2, "layer-l2", "divided by the Euclidean norm of the layer's scores")                                              \
  X(RP_NORMALISE_LAYER_MAX, "layer-max", "divided by the largest |s| of the layer")                                                        \
  X(RP_NORMALISE_LAYER_RANK, "layer-rank",                                                                                                 \
    "its rank in the layer, from 0 to 1; equal scores share the mean of their ranks, a lone filter has 0.5")

#define RP_NORMALISE_ENUM(code, name, help) code,
typedef enum { RP_NORMALISE_LIST(RP_NORMALISE_ENUM) RP_N_NORMALISES } rp_normalise;
#undef RP_NORMALISE_ENUM

/* "layer-l2" and back; returns 0 where the name is none of them. */
const char *rp_normalise_name(rp_normalise normalise);
int rp_normalise_parse(const char *name, rp_normalise *out);

/* A percentage exactly as a decimal: digits / 10^decimals, e.g. 12.5 = {125, 1}. */
typedef struct {
  uint64_t digits;
  uint32_t decimals; /* ≤ 9; digits < 10^12 */
} rp_decimal;

/* "12.5" → {125, 1}; trailing zeros are dropped, so that "30.0" equals "30"; returns 0 where the text is no plain decimal ≥ 0 that fits. */
int rp_decimal_parse(const char *text, rp_decimal *out);

/* floor(p / 100 · n), exactly, for p ≤ 100. */
uint64_t rp_decimal_share(rp_decimal p, uint64_t n);

typedef enum { RP_SCOPE_NETWORK, RP_SCOPE_LAYER } rp_scope;

typedef struct {
  rp_decimal p;
  rp_scope scope;
  const uint8_t *skip;     /* [n_convs], nonzero = the layer is not ranked; NULL = none */
  int keep_at_least;       /* active filters per layer that must stay, 1 */
  rp_decimal drop_at_most; /* % of a layer's K dropped at once, earlier drops included; 100 */
} rp_selection;

/* The shape of what selection needs to know of a net: filters per conv, in order. */
typedef struct {
  int n_convs;
  const int *K;             /* [n_convs] */
  const char *const *names; /* [n_convs], for messages */
} rp_filter_counts;

typedef struct {
  int count;       /* how many are dropped */
  int limits_used; /* filters that would have gone but for a limit (skip, keep_at_least, drop_at_most) */
  int ties_at_cut; /* filters whose fate the draw decided: dropped ones and kept ones of equal score that the limits would have let change
                      places */
} rp_selection_record;

/* Whether the draw rather than the scores made a drop: as many filters were tied at its cut as it took, or more. */
int rp_selection_is_by_draw(const rp_selection_record *record);

/* How many filters a drop takes (rule 13), and whether that can be met given which are active.
 *
 *   dropped_before   [n_filters], nonzero = already dropped; NULL = none
 *   count            the drop's exact count
 *   lowest, highest  [n_convs] or NULL, written: at least and at most so many of each layer. Scope layer: both the layer's quota
 *
 * Errors: RP_EINPUT with the numbers. Usable before a run: whether a later drop before a regrow can be met does not depend on which filters
 * the earlier ones took under the same limits, so that any set that rp_select gives (on zero scores, say) can stand for `dropped_before`.
 */
rp_status rp_selection_count(const rp_filter_counts *counts, const rp_selection *how, const uint8_t *dropped_before, int *count,
                             uint32_t *lowest, uint32_t *highest, rp_error *err);

/* Normalises scores in place (rule 12). `active`: [n_filters]. Inactive filters' scores are left alone. Errors: RP_EMEMORY. */
rp_status rp_normalise_scores(const rp_filter_counts *counts, rp_normalise how, const uint8_t *active, float *scores, rp_error *err);

/* The worst `count` candidates under the limits, worst first by (score, tie draw); ties are drawn keyed (seed, RP_DRAW_TIE, cycle, conv,
 * k).
 *
 *   scores   [n_filters], normalised; higher = keep; finite for active filters
 *   active   [n_filters], nonzero = candidate
 *   cycle    of this drop (state->cycle + 1)
 *   set      [n_filters], written: 1 = drop
 *   ranks    [n_filters] or NULL: 1 = most important … among active filters in the same order (ties by the draw); 0 for inactive ones
 *
 * Errors: those of rp_selection_count, RP_EMEMORY. */
rp_status rp_select(const rp_filter_counts *counts, const rp_selection *how, const float *scores, const uint8_t *active, uint64_t seed,
                    uint32_t cycle, uint8_t *set, int *ranks, rp_selection_record *record, rp_error *err);

/* The ranks and the record of a set that was chosen in another way (by a plugin) under the same limits: no ties are counted, since no draw
 * decided; limits_used are the filters that score among the worst `count` and stay in a layer that has given all that it may. Arguments as
 * in rp_select, `set` only read. */
rp_status rp_selection_describe(const rp_filter_counts *counts, const rp_selection *how, const float *scores, const uint8_t *active,
                                uint64_t seed, uint32_t cycle, const uint8_t *set, int *ranks, rp_selection_record *record, rp_error *err);

#endif
