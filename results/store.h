/* store.h: what was computed, in one SQLite file: the write side, and what a run has to read back to go on.
 *
 * Tables are normalised and private; the views of views.sql are the contract for people's own SQL and for results/query.h. One
 * process writes at a time, any number read (write-ahead log). All functions that write may be called again with the same content: nothing
 * changes then. Group what belongs together between rp_store_begin and rp_store_commit; outside of them each call is its own transaction.
 *
 * Numbers that were not measured: NAN for double, -1 for int; they are NULL in the database. Strings are copied. NULL strings are NULL in
 * the database where a field says "or NULL", else "".
 *
 * Errors of every function here: RP_EIO (disk full, read-only, no permission; with path and reason), RP_EBUSY (another process holds the
 * lock for longer than 10 s), RP_EMEMORY, RP_EDAMAGED (the file is corrupt); others where they are said. After an error inside a
 * transaction call rp_store_rollback. */
#ifndef RP_RESULTS_STORE_H
#define RP_RESULTS_STORE_H

#include "core/base/digest.h"
#include "core/base/status.h"

#include <stdint.h>

typedef struct rp_store rp_store;
typedef enum { RP_STORE_READ, RP_STORE_WRITE } rp_store_mode;

/* Opens a database. WRITE creates it (and its folder) where there is none, and brings an older one to this version; READ changes nothing
 * and works on read-only media. Errors: RP_EINPUT: no such file (READ), no SQLite database, one of another program, one from a newer
 * version (both named), one from an older version (READ). */
rp_status rp_store_open(const char *path, rp_store_mode mode, rp_store **out, rp_error *err);

/* Rolls back what is open, merges the write-ahead log into the file, closes. For RP_CLEANUP. */
void rp_store_close(rp_store **store);

const char *rp_store_path(const rp_store *store);

/* How long to wait for another process's lock, 10,000 ms unless told. */
void rp_store_set_timeout(rp_store *store, int milliseconds);

/* One transaction at a time; they do not nest. rp_store_begin takes the write lock at once. Rollback never fails, and does nothing outside
 * of a transaction. */
rp_status rp_store_begin(rp_store *store, rp_error *err);
rp_status rp_store_commit(rp_store *store, rp_error *err);
void rp_store_rollback(rp_store *store);

/* ---- Where results come from ----------------------------------------------------------------- */

/* The first five decide numbers, so they tell environments apart; the other three only say where a state came from. None is
 * NULL. */
typedef struct {
  const char *instruction_set; /* "avx2" */
  const char *libraries;       /* JSON: {"onednn": "2.6.0", …}: versions that touch numbers */
  const char *compiler, *flags;
  const char *source_digest; /* of the numeric sources */
  const char *git_commit;    /* of the build; "" = unknown */
  const char *cpu, *host;
} rp_environment;

/* Says in which environment this process computes: needed once before states are put. With `reuse_any` 0, lookups of states and requests
 * see only those of this environment; else also others', its own first. A store without environment (status, report) sees all. */
rp_status rp_store_set_environment(rp_store *store, const rp_environment *environment, int reuse_any, rp_error *err);

/* The same for who only reads and puts nothing: lookups see the states and requests of this environment, none where the store does not know
 * it. NULL: all environments again. */
rp_status rp_store_look_at_environment(rp_store *store, const rp_environment *environment, rp_error *err);

/* A criterion as it was used: scores and requests refer to it. */
typedef struct {
  const char *ranker; /* its name */
  const char *version;
  const char *options_json; /* canonical: the options and whatever else decides the scores (normalise, scoring data) */
  const char *path;         /* of the .so, for provenance only; or NULL */
  rp_id file_hash;
} rp_criterion;

/* ---- Plans ----------------------------------------------------------------------------------- */

typedef struct {
  const char *key, *value; /* "scheme.ranker.name" → "ortho": numbers as JSON writes them, strings without quotes */
} rp_param;

/* A trial, as every experiment that contains it sees it. */
typedef struct {
  rp_id id;
  uint64_t seed; /* < 2^63 */
  const char *scheme;
  const char *ranker;       /* or NULL: the scheme has none */
  int s1, s2, n;            /* -1 = the scheme has none */
  double p;                 /* in %; NAN = none */
  const char *model, *data; /* names; data "shapes" makes reports and figures say that its images are generated */
  int validation_ranks;     /* 1 = its ranker looks at the validation split (rules 6, 21) */
  const char *config_json;  /* canonical, with every default */
  int epochs;               /* that it will train */
  const rp_param *params;   /* [n_params], the configuration flattened, for v_params */
  int n_params;
} rp_trial_row;

/* Puts a trial as pending; one that is known keeps its status, and is from now on described as here: different keys can mean one and the
 * same trial. */
rp_status rp_store_put_trial(rp_store *store, const rp_trial_row *trial, rp_error *err);

/* A trial's place in a plan. */
typedef struct {
  rp_id trial;
  const char *arm; /* label: unique together with the trial's seed */
  int is_baseline;
  rp_id baseline;           /* the standard-training trial of the same seed that it is compared with; all zero = none */
  const char *differs_json; /* the keys that differ within the experiment, with this trial's values */
} rp_plan_trial;

typedef struct {
  const char *experiment;      /* name */
  rp_id digest;                /* of the canonical experiment, after --set */
  const char *config_json;     /* canonical; or NULL */
  const char *file;            /* where it was read from; or NULL */
  const rp_plan_trial *trials; /* [n_trials] in the order of the file, baseline first; put with rp_store_put_trial before */
  int n_trials;
  const rp_criterion *shadows; /* [n_shadows] criteria that score without acting */
  int n_shadows;
} rp_plan_row;

/* Puts a plan and makes it its experiment's newest: the one that views and reports show. */
rp_status rp_store_put_plan(rp_store *store, const rp_plan_row *plan, rp_error *err);

/* X(code, name) */
#define RP_TRIAL_STATUS_LIST(X)                                                                                                            \
  X(RP_TRIAL_PENDING, "pending")                                                                                                           \
  X(RP_TRIAL_RUNNING, "running")                                                                                                           \
  X(RP_TRIAL_DONE, "done")                                                                                                                 \
  X(RP_TRIAL_FAILED, "failed")

typedef enum {
#define RP_TRIAL_STATUS_ENUM(code, name) code,
  RP_TRIAL_STATUS_LIST(RP_TRIAL_STATUS_ENUM)
#undef RP_TRIAL_STATUS_ENUM
} rp_trial_status;

/* `cause` and `message` (or NULL) say why a trial failed; RP_OK and NULL else. Errors: RP_EINPUT where the trial is unknown. */
rp_status rp_store_set_trial_status(rp_store *store, rp_id trial, rp_trial_status status, rp_status cause, const char *message,
                                    rp_error *err);

/* *found = 0 where the trial is unknown. `cause` may be NULL: why it failed, RP_OK where it did not. */
rp_status rp_store_trial_status(rp_store *store, rp_id trial, int *found, rp_trial_status *status, rp_status *cause, rp_error *err);

/* ---- States ---------------------------------------------------------------------------------- */

typedef struct {
  const char *layer;
  double ortho_mean, opposite_share;
  int active_filters;
  int dead_filters; /* -1 = not measured */
} rp_layer_row;

/* One computed state with what was measured on it. Start from rp_state_row_empty(). */
typedef struct {
  rp_id id, parent; /* parent all zero = a root */
  const char *op;   /* "init", "train", "drop", "regrow" */
  int op_version;
  int epoch, cycle;
  const char *phase; /* "full" or "sub" (rule 1); of the epoch that was trained, or of what follows an event */
  rp_id digest;      /* of all the state's bits */
  double lr, train_loss, train_acc, images_per_second; /* op train; lr of the epoch's first step */
  double val_loss, val_acc, test_loss, test_acc;       /* rule 20 */
  double test_acc_bn, val_acc_bn;                      /* op regrow, of a net with BN: with its statistics re-estimated (rule 23) */
  double ortho_sum, ortho_mean;                        /* rule 22 */
  int active_filters;
  int regrown;                                /* op regrow: filters */
  int64_t constraints_asked, constraints_met; /* op regrow: -1 = not measured */
  double max_cos_left;
  double seconds;             /* of the op and its probes */
  int64_t checkpoint_bytes;   /* 0 = no checkpoint on disk */
  const rp_layer_row *layers; /* [n_layers] conv layers in order */
  int n_layers;
} rp_state_row;

rp_state_row rp_state_row_empty(void); /* nothing measured */

/* Puts a state of this environment. Its parent (where it has one) was put before or is reusable. A state that is known already keeps its
 * first measurements; its checkpoint_bytes are updated. Errors: RP_ENUMERIC "not reproducible": known in this environment with another
 * digest (both named). */
rp_status rp_store_put_state(rp_store *store, const rp_state_row *state, rp_error *err);

/* What a run has to know of a state that is there already. */
typedef struct {
  rp_id digest;
  int epoch, cycle;
  int64_t checkpoint_bytes;
  int own_environment; /* 0 = computed in another environment (reuse_any) */
  double seconds;      /* that the op and its probes took; NAN = not measured */
} rp_known_state;

rp_status rp_store_find_state(rp_store *store, rp_id state, int *found, rp_known_state *out, rp_error *err);

/* *is_one = 1 where a trial of any experiment went on from a state with a drop, a regrow or another event, or ended with it. */
rp_status rp_store_is_landmark(rp_store *store, rp_id state, int *is_one, rp_error *err);

/* Records that a state's checkpoint is there (its size), or gone (0). Unknown states are left alone. */
rp_status rp_store_set_checkpoint(rp_store *store, rp_id state, int64_t bytes, rp_error *err);

/* ---- Filters: scores and drops --------------------------------------------------------------- */

/* The conv layers of a net: arrays "per filter" below are layer-major over them. */
typedef struct {
  int n_layers;
  const char *const *layers; /* [n_layers], names */
  const int *K;              /* [n_layers], filters */
} rp_store_filters;

/* Puts the scores that a criterion gave the state before a drop: [n_filters], as compared (normalised); NaN = not scored (inactive), no
 * row. Kept once per (state, criterion): later ones are ignored. */
rp_status rp_store_put_scores(rp_store *store, rp_id state, const rp_criterion *criterion, const rp_store_filters *filters,
                              const float *scores, rp_error *err);

/* Reads them back: [n_filters], NaN where there is no row; *found = 0 where there is none at all. Errors: RP_EDAMAGED: they do not fit
 * `filters`. */
rp_status rp_store_find_scores(rp_store *store, rp_id state, const rp_criterion *criterion, const rp_store_filters *filters, int *found,
                               float *scores, rp_error *err);

/* *found = 1 where the criterion's scores of the state are there. */
rp_status rp_store_has_scores(rp_store *store, rp_id state, const rp_criterion *criterion, int *found, rp_error *err);

/* A drop that was asked for, and its answer (rule 27). */
typedef struct {
  rp_id request;
  rp_id state; /* that was ranked */
  rp_criterion criterion;
  double p;
  const char *limits_json; /* what was asked for besides p: limits, and as `ranker` who was asked */
  int gate;                /* 1 = gates close */
  const uint8_t *set;      /* [n_filters], nonzero = dropped */
  const int *ranks;        /* [n_filters], 1 = most important, 0 = not ranked; or NULL */
  int count, limits_used, ties_at_cut;
  double seconds; /* scoring and selection */
} rp_drop_row;

/* Puts a request. Errors: RP_ENUMERIC "not reproducible": known in this environment with another set. */
rp_status rp_store_put_drop(rp_store *store, const rp_drop_row *drop, const rp_store_filters *filters, rp_error *err);

/* Looks a request up. Where it is known, `set` ([n_filters], may be NULL) is filled. Errors: RP_EDAMAGED: the stored filters do not fit
 * `filters`. */
rp_status rp_store_find_drop(rp_store *store, rp_id request, const rp_store_filters *filters, int *found, uint8_t *set, rp_error *err);

/* The ranks of a request: [n_filters], 0 = not ranked: it was no candidate. Errors: as rp_store_find_drop. */
rp_status rp_store_find_ranks(rp_store *store, rp_id request, const rp_store_filters *filters, int *found, int *ranks, rp_error *err);

/* ---- Shadows: criteria that score without acting --------------------------------------------- */

typedef enum { RP_SHADOW_SCORED, RP_SHADOW_FAILED, RP_SHADOW_NOT_APPLICABLE } rp_shadow_outcome;

/* What a shadow criterion says of a drop. Its answer is a drop row like another (rp_store_put_drop): the one that it would have been had
 * the criterion acted, with the same state, p and limits. */
typedef struct {
  rp_id request; /* that acted */
  rp_criterion criterion;
  rp_id asked; /* its own request; put before, where it was scored */
  rp_shadow_outcome outcome;
  rp_status cause;     /* RP_SHADOW_FAILED */
  const char *message; /* or NULL */
} rp_shadow_row;

/* Puts what a shadow says of a drop, in the place of what it said before. Errors: RP_EINPUT where a request is unknown. */
rp_status rp_store_put_shadow(rp_store *store, const rp_shadow_row *shadow, rp_error *err);

/* Whether a criterion failed on a state (or does not apply) before: in answering `asked`, or, where `asked` is all zero, any request.
 * *message is a copy that the caller frees; may be NULL. */
rp_status rp_store_find_shadow_failure(rp_store *store, rp_id state, const rp_criterion *criterion, rp_id asked, int *found,
                                       rp_shadow_outcome *outcome, rp_status *cause, char **message, rp_error *err);

/* Forgets the failures of shadows in an experiment's newest plan, so that they are tried again. */
rp_status rp_store_forget_shadow_failures(rp_store *store, const char *experiment, rp_error *err);

/* ---- Paths ----------------------------------------------------------------------------------- */

/* Says that step `step` (0 = the root) of a trial is `state`; `request` is the drop request that led there, all zero where the step is no
 * drop. A step that was another state before is replaced, and the later steps are forgotten: *was_other = 1, else 0; it may be NULL.
 * Errors: RP_EINPUT where trial, state or request are unknown. */
rp_status rp_store_put_path(rp_store *store, rp_id trial, int step, rp_id state, rp_id request, int *was_other, rp_error *err);

#endif
