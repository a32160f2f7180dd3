/* overview.h: how experiments stand: their trials, their shadow rankers, and which rankers' files have changed since. What `repr status`
 * shows. */
#ifndef RP_STATUS_OVERVIEW_H
#define RP_STATUS_OVERVIEW_H

#include "results/query.h"

#include <stdio.h>

/* What a shadow ranker of an experiment said at drops, once for all with the same outcome and reason. Strings are owned. */
typedef struct {
  char *experiment, *ranker;
  char *options_json; /* all that decides its scores besides the state: options, normalise, scoring data */
  char *options;      /* its own options only, as JSON; may be NULL */
  char *outcome;      /* "scored", "failed", "not applicable", or "pending": the next run asks */
  char *message;      /* why there is no score; or NULL */
  int n_drops;
} rp_shadow_overview;

/* A ranker of an experiment whose file is another one now than the one that answered: the next run asks it again. Strings are owned. */
typedef struct {
  char *experiment, *ranker;
  char *path;   /* where its file was; or NULL */
  int n_trials; /* in which it acted; 0 = it is a shadow only */
} rp_stale_ranker;

typedef struct {
  rp_trial_list trials;
  uint8_t *is_stale; /* [trials.n] a ranker that acted in the trial is among the stale ones */
  int n_shadows, n_stale;
  rp_shadow_overview *shadows; /* [n_shadows], of an experiment side by side: failed, pending, scored, not applicable */
  rp_stale_ranker *stale;      /* [n_stale] */
} rp_overview;

/* Reads how one experiment stands, or all where `experiment` is NULL, and looks at the rankers' files. Errors: as rp_query_trials. The
 * caller frees. */
rp_status rp_overview_read(rp_store *store, const char *experiment, rp_overview *out, rp_error *err);
void rp_overview_free(rp_overview *overview); /* for RP_CLEANUP */

/* "pending", "done", …, or "stale": done, with a ranker that has changed since. */
const char *rp_overview_status(const rp_overview *overview, int trial);

/* What somebody should know who looks at an experiment's numbers, a line each: rankers whose file is another one now than the one that the
 * numbers are of, shadow rankers that failed. Nothing where all is well. Read with rp_overview_read; errors: its. */
rp_status rp_overview_concerns(rp_store *store, const char *experiment, FILE *out, rp_error *err);

/* As a table with notes for people; as one JSON object on a line, for programs. */
void rp_overview_text(const rp_overview *overview, FILE *out);
rp_status rp_overview_json(const rp_overview *overview, FILE *out, rp_error *err);

#endif
