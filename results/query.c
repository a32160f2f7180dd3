/* query.c: rows of the views, copied into structs. */
#include "results/query.h"

#include "core/base/memory.h"
#include "core/base/text.h"
#include "results/database.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const STATUS_NAMES[] = {
#define STATUS_NAME(code, name) name,
    RP_TRIAL_STATUS_LIST(STATUS_NAME)
#undef STATUS_NAME
};

/* ---- Experiments ----------------------------------------------------------------------------- */

static rp_status read_experiments(rp_store *store, char ***names, int *n, rp_error *err) {
  RP_CLEANUP(rp_sql_finalize) sqlite3_stmt *row = NULL;
  size_t capacity = 0;
  int more;
  RP_TRY(rp_sql_prepare(store, &row, err,
                        "SELECT e.name FROM experiments e JOIN plans p ON p.experiment = e.experiment "
                        "GROUP BY e.experiment ORDER BY max(p.sequence) DESC",
                        ""));
  RP_TRY(rp_sql_step(store, row, &more, err));
  while (more) {
    RP_TRY(rp_grow(names, (size_t)*n, &capacity, sizeof **names, err));
    RP_TRY(rp_sql_text(row, 0, &(*names)[*n], err));
    ++*n;
    RP_TRY(rp_sql_step(store, row, &more, err));
  }
  return RP_OK;
}

rp_status rp_query_experiments(rp_store *store, char ***names, int *n, rp_error *err) {
  *names = NULL, *n = 0;
  rp_status status = read_experiments(store, names, n, err);
  if (status == RP_OK) return RP_OK;
  for (int i = 0; i < *n; i++) free((*names)[i]);
  free(*names);
  *names = NULL, *n = 0;
  return status;
}

static rp_status fail_unknown(rp_store *store, const char *experiment, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text listing = {0};
  char **names;
  int n;
  RP_TRY(rp_query_experiments(store, &names, &n, err));
  for (int i = 0; i < n; i++) {
    rp_text_format(&listing, "%s%s", i ? ", " : "", names[i]);
    free(names[i]);
  }
  free(names);
  if (n == 0)
    return rp_fail(err, RP_EINPUT, "%s holds no experiment yet, so none named %s: run it first", rp_store_path(store), experiment);
  return rp_fail(err, RP_EINPUT, "%s holds no experiment named %s; it has %s", rp_store_path(store), experiment, rp_text_string(&listing));
}

/* ---- Trials ---------------------------------------------------------------------------------- */

static const char TRIALS_SQL[] =
    "SELECT m.experiment, m.arm, m.scheme, m.ranker, m.model, m.data, m.message, m.cause, m.trial, b.id, m.seed, m.status, m.is_baseline, "
    "m.validation_ranks, m.epochs, r.epochs_done, r.headline_test_acc, r.last_test_acc, r.best_val_test_acc, coalesce(r.headline_epochs, "
    "0), "
    "coalesce(r.best_val_epoch, 0), (SELECT CASE WHEN min(s.environment) < max(s.environment) THEN -1 ELSE coalesce(min(s.environment), 0) "
    "END "
    "FROM paths p JOIN states s ON s.state = p.state WHERE p.trial = m.trial_key) "
    "FROM plan_members m JOIN trial_results r ON r.trial = m.trial_key LEFT JOIN trials b ON b.trial = m.baseline_key "
    "WHERE ?1 IS NULL OR m.experiment = ?1 ORDER BY m.experiment, m.ordinal";

static rp_status read_trial(sqlite3_stmt *row, rp_trial_result *trial, rp_error *err) {
  char **const texts[] = {&trial->experiment, &trial->arm,  &trial->scheme,  &trial->ranker,
                          &trial->model,      &trial->data, &trial->message, &trial->cause};
  for (int i = 0; i < (int)(sizeof texts / sizeof *texts); i++) RP_TRY(rp_sql_text(row, i, texts[i], err));
  trial->trial = rp_sql_id(row, 8);
  trial->baseline = rp_sql_id(row, 9);
  trial->seed = sqlite3_column_int64(row, 10);
  const char *status = (const char *)sqlite3_column_text(row, 11);
  for (size_t i = 0; i < sizeof STATUS_NAMES / sizeof *STATUS_NAMES; i++)
    if (status && strcmp(status, STATUS_NAMES[i]) == 0) trial->status = (rp_trial_status)i;
  trial->is_baseline = sqlite3_column_int(row, 12);
  trial->validation_ranks = sqlite3_column_int(row, 13);
  trial->epochs = sqlite3_column_int(row, 14);
  trial->epochs_done = sqlite3_column_int(row, 15);
  trial->headline_test_acc = rp_sql_double(row, 16);
  trial->last_test_acc = rp_sql_double(row, 17);
  trial->best_val_test_acc = rp_sql_double(row, 18);
  trial->headline_epochs = sqlite3_column_int(row, 19);
  trial->best_val_epoch = sqlite3_column_int(row, 20);
  trial->environment = sqlite3_column_int64(row, 21);
  return RP_OK;
}

static rp_status read_trials(rp_store *store, const char *experiment, rp_trial_list *list, rp_error *err) {
  RP_CLEANUP(rp_sql_finalize) sqlite3_stmt *row = NULL;
  size_t capacity = 0;
  int more;
  RP_TRY(rp_sql_prepare(store, &row, err, TRIALS_SQL, "s", experiment));
  RP_TRY(rp_sql_step(store, row, &more, err));
  while (more) {
    RP_TRY(rp_grow(&list->trials, (size_t)list->n, &capacity, sizeof *list->trials, err));
    rp_trial_result *trial = &list->trials[list->n++];
    memset(trial, 0, sizeof *trial);
    RP_TRY(read_trial(row, trial, err));
    RP_TRY(rp_sql_step(store, row, &more, err));
  }
  return list->n || !experiment ? RP_OK : fail_unknown(store, experiment, err);
}

rp_status rp_query_trials(rp_store *store, const char *experiment, rp_trial_list *out, rp_error *err) {
  *out = (rp_trial_list){0};
  rp_status status = read_trials(store, experiment, out, err);
  if (status != RP_OK) rp_trial_list_free(out);
  return status;
}

void rp_trial_list_free(rp_trial_list *list) {
  for (int i = 0; i < list->n; i++) {
    rp_trial_result *trial = &list->trials[i];
    free(trial->experiment), free(trial->arm), free(trial->scheme), free(trial->ranker);
    free(trial->model), free(trial->data), free(trial->message), free(trial->cause);
  }
  free(list->trials);
  *list = (rp_trial_list){0};
}

/* ---- Paths ----------------------------------------------------------------------------------- */

static const char PATH_SQL[] =
    "SELECT p.step, s.id, s.digest, s.op, s.epoch, s.cycle, s.phase = 'sub', s.lr, s.train_loss, s.train_acc, s.val_loss, s.val_acc, "
    "s.test_loss, s.test_acc, coalesce(s.regrown, -1), coalesce(s.constraints_asked, -1), coalesce(s.constraints_met, -1), s.max_cos_left, "
    "coalesce(p.request, 0), coalesce(d.count, -1), coalesce(d.limits_used, -1), coalesce(d.ties_at_cut, -1), s.val_acc_bn, s.test_acc_bn "
    "FROM trials t JOIN paths p ON p.trial = t.trial JOIN states s ON s.state = p.state LEFT JOIN requests d ON d.request = p.request "
    "WHERE t.id = ?1 ORDER BY p.step";

static rp_status read_path_step(sqlite3_stmt *row, rp_path_step *step, rp_error *err) {
  double *const numbers[] = {&step->lr,      &step->train_loss, &step->train_acc, &step->val_loss,
                             &step->val_acc, &step->test_loss,  &step->test_acc};
  step->id = rp_sql_id(row, 1);
  step->digest = rp_sql_id(row, 2);
  step->epoch = sqlite3_column_int(row, 4);
  step->cycle = sqlite3_column_int(row, 5);
  step->is_sub = sqlite3_column_int(row, 6);
  for (int i = 0; i < (int)(sizeof numbers / sizeof *numbers); i++) *numbers[i] = rp_sql_double(row, 7 + i);
  step->regrown = sqlite3_column_int(row, 14);
  step->constraints_asked = sqlite3_column_int64(row, 15);
  step->constraints_met = sqlite3_column_int64(row, 16);
  step->max_cos_left = rp_sql_double(row, 17);
  step->request = sqlite3_column_int64(row, 18);
  step->count = sqlite3_column_int(row, 19);
  step->limits_used = sqlite3_column_int(row, 20);
  step->ties_at_cut = sqlite3_column_int(row, 21);
  step->val_acc_bn = rp_sql_double(row, 22);
  step->test_acc_bn = rp_sql_double(row, 23);
  return rp_sql_text(row, 3, &step->op, err);
}

static rp_status read_config(rp_store *store, rp_id trial, rp_path *path, rp_error *err) {
  RP_CLEANUP(rp_sql_finalize) sqlite3_stmt *row = NULL;
  int found;
  char hex[RP_ID_HEX + 1];
  rp_id_hex(trial, hex);
  RP_TRY(rp_sql_prepare(store, &row, err, "SELECT config_json FROM trials WHERE id = ?1", "h", trial));
  RP_TRY(rp_sql_step(store, row, &found, err));
  if (!found) return rp_fail(err, RP_EINPUT, "%s: there is no trial %s", store->path, hex);
  return rp_sql_text(row, 0, &path->config_json, err);
}

static rp_status read_path(rp_store *store, rp_id trial, rp_path *path, rp_error *err) {
  RP_CLEANUP(rp_sql_finalize) sqlite3_stmt *row = NULL;
  size_t capacity = 0;
  int more;
  RP_TRY(read_config(store, trial, path, err));
  RP_TRY(rp_sql_prepare(store, &row, err, PATH_SQL, "h", trial));
  RP_TRY(rp_sql_step(store, row, &more, err));
  while (more) {
    if (sqlite3_column_int(row, 0) != path->n)
      return rp_fail(err, RP_EDAMAGED, "%s: step %d of the trial's path is missing", store->path, path->n);
    RP_TRY(rp_grow(&path->steps, (size_t)path->n, &capacity, sizeof *path->steps, err));
    rp_path_step *step = &path->steps[path->n++];
    *step = (rp_path_step){0};
    RP_TRY(read_path_step(row, step, err));
    RP_TRY(rp_sql_step(store, row, &more, err));
  }
  return RP_OK;
}

rp_status rp_query_path(rp_store *store, rp_id trial, rp_path *out, rp_error *err) {
  *out = (rp_path){0};
  rp_status status = read_path(store, trial, out, err);
  if (status != RP_OK) rp_path_free(out);
  return status;
}

void rp_path_free(rp_path *path) {
  for (int i = 0; i < path->n; i++) free(path->steps[i].op);
  free(path->steps);
  free(path->config_json);
  *path = (rp_path){0};
}

/* A filter was ranked, scored or both: with the gate off, marked ones are scored and not ranked. */
static const char DROP_SQL[] =
    "WITH filters AS (SELECT position FROM request_filters WHERE request = ?1 UNION SELECT c.position FROM requests d JOIN scores c "
    "ON c.state = d.state AND c.criterion = d.criterion WHERE d.request = ?1) "
    "SELECT g.position, c.score, coalesce(f.rank, 0), coalesce(f.dropped, 0) FROM filters g JOIN requests d ON d.request = ?1 "
    "LEFT JOIN request_filters f ON f.request = ?1 AND f.position = g.position "
    "LEFT JOIN scores c ON c.state = d.state AND c.criterion = d.criterion AND c.position = g.position";

rp_status rp_query_drop(rp_store *store, int64_t request, int n_filters, float *scores, int *ranks, uint8_t *set, rp_error *err) {
  RP_CLEANUP(rp_sql_finalize) sqlite3_stmt *row = NULL;
  int more;
  for (int f = 0; f < n_filters; f++) scores[f] = NAN, ranks[f] = 0, set[f] = 0;
  RP_TRY(rp_sql_prepare(store, &row, err, DROP_SQL, "l", request));
  RP_TRY(rp_sql_step(store, row, &more, err));
  while (more) {
    int f = sqlite3_column_int(row, 0);
    if (f < 0 || f >= n_filters) return rp_fail(err, RP_EDAMAGED, "%s: a stored drop names filter %d of %d", store->path, f, n_filters);
    scores[f] = (float)rp_sql_double(row, 1);
    ranks[f] = sqlite3_column_int(row, 2);
    set[f] = sqlite3_column_int(row, 3) != 0;
    RP_TRY(rp_sql_step(store, row, &more, err));
  }
  return RP_OK;
}

/* ---- Ties ------------------------------------------------------------------------------------ */

static const char TIES_SQL[] =
    "WITH drops AS (SELECT p.ordinal, d.criterion, d.ties_at_cut >= d.count AS by_draw, (SELECT min(c.score) = max(c.score) FROM scores c "
    "WHERE c.state = d.state AND c.criterion = d.criterion) AS equal FROM plan_drops p JOIN requests d ON d.request = p.request "
    "WHERE p.experiment = ?1 AND d.count > 0) "
    "SELECT name, iif(n_alike > 1, options, ''), n_drops, n_equal, n_by_draw FROM (SELECT g.name, json_extract(k.options_json, "
    "'$.options') AS options, count(*) OVER (PARTITION BY g.name) AS n_alike, count(*) AS n_drops, sum(by_draw AND equal) AS n_equal, "
    "sum(by_draw) AS n_by_draw, min(drops.ordinal) AS place FROM drops JOIN criteria k ON k.criterion = drops.criterion "
    "JOIN plugins g ON g.plugin = k.plugin GROUP BY drops.criterion) WHERE n_by_draw > 0 ORDER BY place";

static rp_status read_ties(rp_store *store, const char *experiment, rp_tie_list *list, rp_error *err) {
  RP_CLEANUP(rp_sql_finalize) sqlite3_stmt *row = NULL;
  size_t capacity = 0;
  int more;
  RP_TRY(rp_sql_prepare(store, &row, err, TIES_SQL, "s", experiment));
  RP_TRY(rp_sql_step(store, row, &more, err));
  while (more) {
    RP_TRY(rp_grow(&list->ties, (size_t)list->n, &capacity, sizeof *list->ties, err));
    rp_tie_result *ties = &list->ties[list->n++];
    *ties = (rp_tie_result){
        .n_drops = sqlite3_column_int(row, 2), .n_equal = sqlite3_column_int(row, 3), .n_by_draw = sqlite3_column_int(row, 4)};
    RP_TRY(rp_sql_text(row, 0, &ties->ranker, err));
    RP_TRY(rp_sql_text(row, 1, &ties->options, err));
    RP_TRY(rp_sql_step(store, row, &more, err));
  }
  return RP_OK;
}

rp_status rp_query_ties(rp_store *store, const char *experiment, rp_tie_list *out, rp_error *err) {
  *out = (rp_tie_list){0};
  rp_status status = read_ties(store, experiment, out, err);
  if (status != RP_OK) rp_tie_list_free(out);
  return status;
}

void rp_tie_list_free(rp_tie_list *list) {
  for (int i = 0; i < list->n; i++) free(list->ties[i].ranker), free(list->ties[i].options);
  free(list->ties);
  *list = (rp_tie_list){0};
}

/* ---- Epochs ---------------------------------------------------------------------------------- */

static rp_status read_epochs(rp_store *store, const char *experiment, rp_epoch_list *list, rp_error *err) {
  RP_CLEANUP(rp_sql_finalize) sqlite3_stmt *row = NULL;
  size_t capacity = 0;
  int more;
  RP_TRY(rp_sql_prepare(store, &row, err,
                        "SELECT trial, epoch, phase = 'sub', lr, train_loss, train_acc, val_loss, val_acc, test_loss, test_acc, ortho_sum, "
                        "ortho_mean, images_per_second, coalesce(active_filters, -1) FROM v_epochs WHERE experiment = ?1",
                        "s", experiment));
  RP_TRY(rp_sql_step(store, row, &more, err));
  while (more) {
    RP_TRY(rp_grow(&list->epochs, (size_t)list->n, &capacity, sizeof *list->epochs, err));
    list->epochs[list->n++] = (rp_epoch_result){
        .trial = rp_sql_id(row, 0),
        .epoch = sqlite3_column_int(row, 1),
        .is_sub = sqlite3_column_int(row, 2),
        .lr = rp_sql_double(row, 3),
        .train_loss = rp_sql_double(row, 4),
        .train_acc = rp_sql_double(row, 5),
        .val_loss = rp_sql_double(row, 6),
        .val_acc = rp_sql_double(row, 7),
        .test_loss = rp_sql_double(row, 8),
        .test_acc = rp_sql_double(row, 9),
        .ortho_sum = rp_sql_double(row, 10),
        .ortho_mean = rp_sql_double(row, 11),
        .images_per_second = rp_sql_double(row, 12),
        .active_filters = sqlite3_column_int(row, 13),
    };
    RP_TRY(rp_sql_step(store, row, &more, err));
  }
  return RP_OK;
}

rp_status rp_query_epochs(rp_store *store, const char *experiment, rp_epoch_list *out, rp_error *err) {
  *out = (rp_epoch_list){0};
  rp_status status = read_epochs(store, experiment, out, err);
  if (status != RP_OK) rp_epoch_list_free(out);
  return status;
}

void rp_epoch_list_free(rp_epoch_list *list) {
  free(list->epochs);
  *list = (rp_epoch_list){0};
}

/* ---- Any rows -------------------------------------------------------------------------------- */

rp_status rp_query_rows(rp_store *store, const char *sql, const char *bind, rp_query_row row, void *user, rp_error *err) {
  RP_CLEANUP(rp_sql_finalize) sqlite3_stmt *statement = NULL;
  RP_CLEANUP(rp_free_pointer) const char **cells = NULL;
  int more;
  RP_TRY(rp_sql_prepare(store, &statement, err, sql, bind ? "s" : "", bind));
  int n = sqlite3_column_count(statement);
  RP_TRY(rp_allocate((size_t)n * 2, sizeof *cells, &cells, err));
  for (int i = 0; i < n; i++) cells[i] = sqlite3_column_name(statement, i);
  RP_TRY(rp_sql_step(store, statement, &more, err));
  while (more) {
    for (int i = 0; i < n; i++) cells[n + i] = (const char *)sqlite3_column_text(statement, i);
    RP_TRY(row(user, n, cells, cells + n, err));
    RP_TRY(rp_sql_step(store, statement, &more, err));
  }
  return RP_OK;
}
