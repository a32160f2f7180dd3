/* store_plans.c: trials, and the plans of experiments that they belong to. */
#include "results/database.h"

#include "core/base/memory.h"

#include <string.h>

static const char *const STATUS_NAMES[] = {
#define STATUS_NAME(code, name) name,
    RP_TRIAL_STATUS_LIST(STATUS_NAME)
#undef STATUS_NAME
};
enum { N_STATUSES = sizeof STATUS_NAMES / sizeof *STATUS_NAMES };

static const rp_status CAUSES[] = {
#define CAUSE(code, name, exit_status) code,
    RP_STATUS_LIST(CAUSE)
#undef CAUSE
};

rp_status rp_cause_named(const char *name) {
  for (size_t i = 0; i < sizeof CAUSES / sizeof *CAUSES; i++)
    if (name && strcmp(name, rp_status_name(CAUSES[i])) == 0) return CAUSES[i];
  return RP_OK;
}

rp_status rp_trial_key(rp_store *store, rp_id trial, int64_t *key, rp_error *err) {
  return rp_sql_integer(store, 0, key, err, "SELECT trial FROM trials WHERE id = ?1", "h", trial);
}

/* The same, where it has to be known. */
static rp_status known_trial_key(rp_store *store, rp_id trial, int64_t *key, rp_error *err) {
  char hex[RP_ID_HEX + 1];
  RP_TRY(rp_trial_key(store, trial, key, err));
  rp_id_hex(trial, hex);
  return *key ? RP_OK : rp_fail(err, RP_EINPUT, "%s: there is no trial %s", store->path, hex);
}

/* ---- Trials ---------------------------------------------------------------------------------- */

static rp_status put_trial(rp_store *store, const rp_trial_row *trial, rp_error *err) {
  int64_t key;
  RP_TRY(rp_sql_run(store, err,
                    "INSERT INTO trials (id, seed, scheme, ranker, s1, s2, n, p, model, data, validation_ranks, config_json, epochs) "
                    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) "
                    "ON CONFLICT (id) DO UPDATE SET scheme = ?3, ranker = ?4, s1 = ?5, s2 = ?6, n = ?7, p = ?8, model = ?9, data = ?10, "
                    "validation_ranks = ?11, config_json = ?12",
                    "hlssnnndssisi", trial->id, (int64_t)trial->seed, trial->scheme, trial->ranker, trial->s1, trial->s2, trial->n,
                    trial->p, trial->model, trial->data, trial->validation_ranks, trial->config_json, trial->epochs));
  RP_TRY(known_trial_key(store, trial->id, &key, err));
  RP_TRY(rp_sql_run(store, err, "DELETE FROM params WHERE trial = ?1", "l", key));
  for (int i = 0; i < trial->n_params; i++)
    RP_TRY(rp_sql_run(store, err, "INSERT INTO params VALUES (?1, ?2, ?3)", "lss", key, trial->params[i].key, trial->params[i].value));
  return RP_OK;
}

rp_status rp_store_put_trial(rp_store *store, const rp_trial_row *trial, rp_error *err) {
  RP_TRY(rp_sql_enter(store, err));
  return rp_sql_leave(store, put_trial(store, trial, err), err);
}

rp_status rp_store_set_trial_status(rp_store *store, rp_id trial, rp_trial_status status, rp_status cause, const char *message,
                                    rp_error *err) {
  int64_t key;
  RP_TRY(known_trial_key(store, trial, &key, err));
  return rp_sql_run(store, err, "UPDATE trials SET status = ?2, cause = ?3, message = ?4 WHERE trial = ?1", "lsss", key,
                    STATUS_NAMES[status], cause == RP_OK ? (const char *)NULL : rp_status_name(cause), message);
}

rp_status rp_store_trial_status(rp_store *store, rp_id trial, int *found, rp_trial_status *status, rp_status *cause, rp_error *err) {
  RP_CLEANUP(rp_sql_finalize) sqlite3_stmt *row = NULL;
  RP_TRY(rp_sql_prepare(store, &row, err, "SELECT status, coalesce(cause, '') FROM trials WHERE id = ?1", "h", trial));
  RP_TRY(rp_sql_step(store, row, found, err));
  if (!*found) return RP_OK;
  const char *status_name = (const char *)sqlite3_column_text(row, 0), *cause_name = (const char *)sqlite3_column_text(row, 1);
  for (int i = 0; i < N_STATUSES; i++)
    if (status_name && strcmp(status_name, STATUS_NAMES[i]) == 0) *status = (rp_trial_status)i;
  if (cause) *cause = rp_cause_named(cause_name);
  return RP_OK;
}

/* ---- Plans ----------------------------------------------------------------------------------- */

static rp_status put_plan_trials(rp_store *store, int64_t plan, const rp_plan_row *row, rp_error *err) {
  for (int i = 0; i < row->n_trials; i++) {
    const rp_plan_trial *member = &row->trials[i];
    int64_t trial, baseline = -1;
    RP_TRY(known_trial_key(store, member->trial, &trial, err));
    if (!rp_id_is_zero(member->baseline)) RP_TRY(known_trial_key(store, member->baseline, &baseline, err));
    RP_TRY(rp_sql_run(store, err, "INSERT INTO plan_trials VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", "lilsims", plan, i, trial, member->arm,
                      member->is_baseline, baseline, member->differs_json));
  }
  return RP_OK;
}

static rp_status put_plan_shadows(rp_store *store, int64_t plan, const rp_plan_row *row, rp_error *err) {
  for (int i = 0; i < row->n_shadows; i++) {
    int64_t criterion;
    RP_TRY(rp_put_criterion(store, &row->shadows[i], &criterion, err));
    RP_TRY(rp_sql_run(store, err, "INSERT OR IGNORE INTO plan_shadows VALUES (?1, ?2)", "ll", plan, criterion));
  }
  return RP_OK;
}

static rp_status put_plan(rp_store *store, const rp_plan_row *row, rp_error *err) {
  int64_t experiment, plan;
  RP_TRY(rp_sql_run(store, err, "INSERT OR IGNORE INTO experiments (name) VALUES (?1)", "s", row->experiment));
  RP_TRY(rp_sql_integer(store, 0, &experiment, err, "SELECT experiment FROM experiments WHERE name = ?1", "s", row->experiment));
  RP_TRY(rp_sql_run(store, err,
                    "INSERT INTO plans (experiment, digest, sequence, config_json, file, planned_at) "
                    "VALUES (?1, ?2, (SELECT coalesce(max(sequence), 0) + 1 FROM plans), ?3, ?4, strftime('%Y-%m-%dT%H:%M:%SZ', 'now')) "
                    "ON CONFLICT (experiment, digest) DO UPDATE SET sequence = excluded.sequence, planned_at = excluded.planned_at",
                    "lhss", experiment, row->digest, row->config_json, row->file));
  RP_TRY(
      rp_sql_integer(store, 0, &plan, err, "SELECT plan FROM plans WHERE experiment = ?1 AND digest = ?2", "lh", experiment, row->digest));
  /* Labels and plugins' files may differ where the canonical configuration does not. */
  RP_TRY(rp_sql_run(store, err, "DELETE FROM plan_trials WHERE plan = ?1", "l", plan));
  RP_TRY(rp_sql_run(store, err, "DELETE FROM plan_shadows WHERE plan = ?1", "l", plan));
  RP_TRY(put_plan_trials(store, plan, row, err));
  return put_plan_shadows(store, plan, row, err);
}

rp_status rp_store_put_plan(rp_store *store, const rp_plan_row *plan, rp_error *err) {
  RP_TRY(rp_sql_enter(store, err));
  return rp_sql_leave(store, put_plan(store, plan, err), err);
}
