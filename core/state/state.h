/* state.h: every bit that decides what happens next (SEMANTICS rule 26).
 *
 * A trial is a path through states; ops map one to the next. A state is plain data: the same bits go on in the same way wherever they are.
 */
#ifndef RP_STATE_STATE_H
#define RP_STATE_STATE_H

#include "core/base/digest.h"
#include "core/nn/net.h"
#include "core/nn/optimizer.h"

/* The history and mark of one filter. */
typedef struct {
  uint8_t dropped;            /* 1 = marked: dropped and not regrown yet */
  uint8_t closed;             /* 1 = gate closed; with `gate: off` a marked filter stays open */
  uint32_t drop_cycle;        /* cycle of its own last drop; 0 = never dropped */
  uint32_t last_regrow_epoch; /* 0 = never regrown */
  uint32_t times_dropped;
} rp_filter_state;

typedef struct {
  const rp_layout *layout;    /* borrowed from the net */
  uint64_t seed;              /* the trial's: all draws are keyed by it */
  uint32_t epoch;             /* epochs trained */
  uint32_t cycle;             /* drops in its history (rule 14) */
  uint64_t step;              /* optimizer steps */
  int n_slots;                /* optimizer state, floats per parameter */
  float *parameters;          /* [n_parameters] */
  float *slots[RP_MAX_SLOTS]; /* [n_parameters] each */
  float *at_drop;             /* [n_parameters]: values of marked filters' weights and biases at their drop; 0 elsewhere */
  uint32_t *steps;            /* [n_units] */
  rp_filter_state *filters;   /* [n_filters] */
} rp_state;

/* An empty state (all zero) of a net's layout. The caller frees with rp_state_free. */
rp_status rp_state_create(const rp_layout *layout, int n_slots, uint64_t seed, rp_state **out, rp_error *err);
void rp_state_free(rp_state **state); /* for RP_CLEANUP */

/* The root of a trial: initial parameters, everything else 0. */
rp_status rp_state_initial(const rp_net *net, int n_slots, uint64_t seed, rp_state **out, rp_error *err);

rp_status rp_state_copy(const rp_state *state, rp_state **out, rp_error *err);

/* Digest of all of it; NaNs of different bits differ. */
rp_status rp_state_digest(const rp_state *state, rp_id *out, rp_error *err);

/* The gates, one byte per filter: closed[f] = filters[f].closed. [n_filters] */
void rp_state_closed(const rp_state *state, uint8_t *closed);

/* Filters that are not dropped; with the gate off, marked ones count as active (rule 22): those whose gate is open. */
int rp_state_active_filters(const rp_state *state);

enum { RP_FILTER_RANGES = 6 };

/* Visits the flat-buffer ranges that a filter owns (rule 7: weights, bias; gamma, beta, mean and variance of its sole BN): writes them to
 * `offsets` and `counts`; returns their number. */
int rp_state_filter_ranges(const rp_layout *layout, int filter, size_t offsets[RP_FILTER_RANGES], size_t counts[RP_FILTER_RANGES]);

#endif
