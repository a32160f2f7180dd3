/* query.h: what reports, figures and `repr status` read, as plain structs. Reads nothing but the views and their private helpers. */
#ifndef RP_RESULTS_QUERY_H
#define RP_RESULTS_QUERY_H

#include "results/store.h"

/* A trial in its experiment's newest plan. Strings are owned by the list. */
typedef struct {
  char *experiment, *arm;
  char *scheme, *ranker, *model, *data; /* ranker may be NULL */
  char *message, *cause;                /* why it failed; NULL else */
  rp_id trial, baseline;                /* baseline zero = none */
  int64_t seed;
  rp_trial_status status;
  int is_baseline, validation_ranks;
  int epochs, epochs_done;  /* planned; trained */
  double headline_test_acc; /* rule 21; this and the next two are NAN until the trial is done */
  double last_test_acc, best_val_test_acc;
  int headline_epochs; /* how many the headline averages; 0 while NAN */
  int best_val_epoch;  /* 0 while NAN */
  int64_t environment; /* key of the environment that its states were computed in; 0 = none yet, -1 = more than one */
} rp_trial_result;

typedef struct {
  rp_trial_result *trials;
  int n;
} rp_trial_list;

/* The trials of an experiment in the order of its plan; all experiments' where `experiment` is NULL. Errors: RP_EINPUT: unknown experiment,
 * with those there are; those of store.h. */
rp_status rp_query_trials(rp_store *store, const char *experiment, rp_trial_list *out, rp_error *err);
void rp_trial_list_free(rp_trial_list *list); /* for RP_CLEANUP */

/* The one trial that a user means: the beginning of its id, ARM/SEED, or either behind "EXPERIMENT:". The same trial in several experiments
 * is one. Errors: RP_EUSAGE: none (with what was probably meant), or more than one (with a name of each that is one's own). */
rp_status rp_trial_list_find(const rp_trial_list *list, const char *name, const rp_trial_result **out, rp_error *err);

/* Of a trial or of a whole experiment's epochs, in order of plan and epoch. */
typedef struct {
  rp_id trial;
  int epoch;
  int is_sub; /* phase */
  double lr, train_loss, train_acc, val_loss, val_acc, test_loss, test_acc, ortho_sum, ortho_mean, images_per_second;
  int active_filters;
} rp_epoch_result;

typedef struct {
  rp_epoch_result *epochs;
  int n;
} rp_epoch_list;

rp_status rp_query_epochs(rp_store *store, const char *experiment, rp_epoch_list *out, rp_error *err);
void rp_epoch_list_free(rp_epoch_list *list);

/* A state on a trial's path: the op that made it and what was measured. NAN, −1 = not measured. */
typedef struct {
  rp_id id, digest;
  char *op; /* "init", "train", "drop", "regrow"; owned by the path */
  int epoch, cycle;
  int is_sub; /* phase */
  double lr, train_loss, train_acc, val_loss, val_acc, test_loss, test_acc;
  double val_acc_bn, test_acc_bn; /* of a regrow, with BN statistics re-estimated (rule 23) */
  int regrown;
  int64_t constraints_asked, constraints_met;
  double max_cos_left;
  int64_t request; /* the store's key of the drop that was asked for; 0 = no drop */
  int count, limits_used, ties_at_cut;
} rp_path_step;

typedef struct {
  rp_path_step *steps; /* [n], step 0 is the root */
  int n;
  char *config_json; /* the trial's configuration, canonical */
} rp_path;

/* How far a trial has come. Errors: RP_EINPUT: unknown trial; RP_EDAMAGED: a step is missing in between. */
rp_status rp_query_path(rp_store *store, rp_id trial, rp_path *out, rp_error *err);
void rp_path_free(rp_path *path); /* for RP_CLEANUP */

/* The answer to a drop request, and the scores of the criterion that acted. Each [n_filters], written: NAN = not scored, rank 0 = not
 * ranked. Errors: RP_EDAMAGED: it is about a net of another number of filters. */
rp_status rp_query_drop(rp_store *store, int64_t request, int n_filters, float *scores, int *ranks, uint8_t *set, rp_error *err);

/* How far one criterion's drops in an experiment were made by the draw that breaks ties (rule 14). Strings are owned by the list. */
typedef struct {
  char *ranker, *options; /* name; JSON map of its options where the experiment has several criteria of this name, else "" */
  int n_drops;            /* of all trials, of at least one filter */
  int n_equal;            /* of them: all scores were equal */
  int n_by_draw;          /* of them: as many filters were tied at the cut as were dropped, or more; those of equal scores included */
} rp_tie_result;

typedef struct {
  rp_tie_result *ties;
  int n;
} rp_tie_list;

/* The criteria of an experiment that acted and made drops of which some were by the draw, in the order of the plan. Errors: those of
 * store.h. */
rp_status rp_query_ties(rp_store *store, const char *experiment, rp_tie_list *out, rp_error *err);
void rp_tie_list_free(rp_tie_list *list); /* for RP_CLEANUP */

/* Names of all experiments, newest plan first; the caller frees each and the array. */
rp_status rp_query_experiments(rp_store *store, char ***names, int *n, rp_error *err);

/* Any SELECT, row by row: `row` gets texts (NULL for NULL) and returns RP_OK to go on. For listings such as `repr show`. `bind` is bound to
 * ?1, NULL = nothing. */
typedef rp_status (*rp_query_row)(void *user, int n_columns, const char *const *names, const char *const *values, rp_error *err);
rp_status rp_query_rows(rp_store *store, const char *sql, const char *bind, rp_query_row row, void *user, rp_error *err);

#endif
