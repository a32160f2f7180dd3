/* agreement.h: how far an experiment's criteria agree about the same weights: those that acted and its shadow ones.
 *
 * A criterion is a ranker's name with all that decides its scores besides the state, as `ranker` and `options` of v_filters tell. Scores
 * are compared, of which higher means keep for every criterion: ρ = 1 is the same order of importance.
 *
 * An event is a state before a drop, on the path of a trial of the experiment's newest plan, at which at least two criteria were scored.
 * The database's key of the state decides (its content id, and the environment that computed it): trials that share the state share its
 * scores, so it is one event however many trials, arms or values of p go on from it. */
#ifndef RP_RESULTS_AGREEMENT_H
#define RP_RESULTS_AGREEMENT_H

#include "results/store.h"

/* Over events. */
typedef struct {
  int n;
  double mean; /* NAN where n = 0 */
  double sd;   /* of a sample: n − 1 below; NAN where n < 2 */
} rp_event_mean;

/* Two criteria; or one and itself, which tells at how many events it was scored. */
typedef struct {
  int n_events;           /* at which both were scored */
  int n_trials;           /* that have such an event on their path */
  rp_event_mean spearman; /* of the scores over the active filters; without the events at which one's scores are all equal */
  rp_event_mean overlap; /* share of the would-be drops in common, 0 to 1. Where a state was asked for several drops (p, limits), their mean
                            is the event's */
} rp_pair_agreement;

typedef struct {
  char *ranker;             /* name */
  char *settings;           /* "variant=authors": what tells it from the others of its name; "" where it is the only one */
  int acts;                 /* at some event */
  rp_event_mean acting_rho; /* Spearman's with the other criteria that acted at an event; where several did, their mean is the event's */
  rp_event_mean acting_overlap; /* likewise */
} rp_compared_criterion;

typedef struct {
  int n;                           /* criteria; 0 or at least 2 */
  rp_compared_criterion *criteria; /* [n]: an oracle first, the others by falling correlation with it; without an oracle those that acted
                                      first, the others by falling correlation with them */
  rp_pair_agreement *pairs;        /* [n][n], symmetric */
  int oracle;                      /* index of oracle-loss, else of oracle-accuracy; −1 = neither was scored */
  int has_shadows;                 /* a criterion was scored at an event where it did not act */
  int n_events, n_trials, n_seeds; /* of all */
} rp_agreement;

/* Compares the criteria of an experiment; no event (or no such experiment) is n = 0. On error *out is empty. The caller frees. Errors:
 * RP_EDAMAGED: stored scores of one state are about different filters; those of store.h. */
rp_status rp_query_agreement(rp_store *store, const char *experiment, rp_agreement *out, rp_error *err);
void rp_agreement_free(rp_agreement *agreement); /* for RP_CLEANUP */

/* The pair of criteria i and j. */
static inline const rp_pair_agreement *rp_agreement_pair(const rp_agreement *agreement, int i, int j) {
  return &agreement->pairs[(size_t)i * (size_t)agreement->n + (size_t)j];
}

/* At how many of the events at which i was scored its scores were all equal. */
static inline int rp_agreement_constant(const rp_agreement *agreement, int i) {
  const rp_pair_agreement *own = rp_agreement_pair(agreement, i, i);
  return own->n_events - own->spearman.n;
}

#endif
