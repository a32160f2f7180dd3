/* store_filters.c: criteria, the scores that they gave, and the drops that were asked for. */
#include "results/database.h"

#include "core/base/memory.h"

#include <math.h>

static int filters_in(const rp_store_filters *filters) {
  int n = 0;
  for (int i = 0; i < filters->n_layers; i++) n += filters->K[i];
  return n;
}

rp_status rp_put_criterion(rp_store *store, const rp_criterion *criterion, int64_t *key, rp_error *err) {
  int64_t plugin;
  RP_TRY(rp_sql_run(store, err, "INSERT OR IGNORE INTO plugins (name, version, file_hash, path) VALUES (?1, ?2, ?3, ?4)", "sshs",
                    criterion->ranker, criterion->version, criterion->file_hash, criterion->path));
  RP_TRY(rp_sql_integer(store, 0, &plugin, err, "SELECT plugin FROM plugins WHERE name = ?1 AND version = ?2 AND file_hash = ?3", "ssh",
                        criterion->ranker, criterion->version, criterion->file_hash));
  RP_TRY(rp_sql_run(store, err, "INSERT OR IGNORE INTO criteria (plugin, options_json) VALUES (?1, ?2)", "ls", plugin,
                    criterion->options_json));
  return rp_sql_integer(store, 0, key, err, "SELECT criterion FROM criteria WHERE plugin = ?1 AND options_json = ?2", "ls", plugin,
                        criterion->options_json);
}

/* The key of a state that scores or a request are about. */
static rp_status known_state_key(rp_store *store, rp_id state, int64_t *key, rp_error *err) {
  char hex[RP_ID_HEX + 1];
  RP_TRY(rp_state_key(store, state, key, err));
  rp_id_hex(state, hex);
  return *key ? RP_OK : rp_fail(err, RP_EINPUT, "%s: there is no state %s that could have been ranked", store->path, hex);
}

/* ---- Scores ---------------------------------------------------------------------------------- */

static rp_status put_scores(rp_store *store, rp_id state, const rp_criterion *criterion, const rp_store_filters *filters,
                            const float *scores, rp_error *err) {
  int64_t state_key, criterion_key;
  RP_CLEANUP(rp_sql_finalize) sqlite3_stmt *insert = NULL;
  RP_TRY(known_state_key(store, state, &state_key, err));
  RP_TRY(rp_put_criterion(store, criterion, &criterion_key, err));
  RP_TRY(
      rp_sql_prepare(store, &insert, err, "INSERT OR IGNORE INTO scores VALUES (?1, ?2, ?3, ?4, ?5, ?6)", "ll", state_key, criterion_key));
  for (int layer = 0, position = 0; layer < filters->n_layers; layer++)
    for (int k = 0, row; k < filters->K[layer]; k++, position++) {
      if (isnan(scores[position])) continue;
      sqlite3_bind_int(insert, 3, position);
      sqlite3_bind_text(insert, 4, filters->layers[layer], -1, SQLITE_STATIC);
      sqlite3_bind_int(insert, 5, k);
      sqlite3_bind_double(insert, 6, scores[position]);
      RP_TRY(rp_sql_step(store, insert, &row, err));
      sqlite3_reset(insert);
    }
  return RP_OK;
}

rp_status rp_store_put_scores(rp_store *store, rp_id state, const rp_criterion *criterion, const rp_store_filters *filters,
                              const float *scores, rp_error *err) {
  RP_TRY(rp_sql_enter(store, err));
  return rp_sql_leave(store, put_scores(store, state, criterion, filters, scores, err), err);
}

rp_status rp_store_find_scores(rp_store *store, rp_id state, const rp_criterion *criterion, const rp_store_filters *filters, int *found,
                               float *scores, rp_error *err) {
  int64_t state_key;
  int row, n = filters_in(filters);
  RP_CLEANUP(rp_sql_finalize) sqlite3_stmt *known = NULL;
  for (int i = 0; i < n; i++) scores[i] = NAN;
  RP_TRY(rp_state_key(store, state, &state_key, err));
  RP_TRY(
      rp_sql_prepare(store, &known, err,
                     "SELECT s.position, s.score FROM scores s JOIN criteria c ON c.criterion = s.criterion JOIN plugins g ON g.plugin = "
                     "c.plugin WHERE s.state = ?1 AND g.name = ?2 AND g.version = ?3 AND g.file_hash = ?4 AND c.options_json = ?5",
                     "lsshs", state_key, criterion->ranker, criterion->version, criterion->file_hash, criterion->options_json));
  RP_TRY(rp_sql_step(store, known, &row, err));
  for (*found = row; row;) {
    int position = sqlite3_column_int(known, 0);
    if (position < 0 || position >= n) return rp_fail(err, RP_EDAMAGED, "%s: stored scores name filter %d of %d", store->path, position, n);
    scores[position] = (float)sqlite3_column_double(known, 1);
    RP_TRY(rp_sql_step(store, known, &row, err));
  }
  return RP_OK;
}

rp_status rp_store_has_scores(rp_store *store, rp_id state, const rp_criterion *criterion, int *found, rp_error *err) {
  int64_t state_key, n;
  RP_TRY(rp_state_key(store, state, &state_key, err));
  RP_TRY(rp_sql_integer(store, 0, &n, err,
                        "SELECT count(*) FROM scores s JOIN criteria c ON c.criterion = s.criterion JOIN plugins g ON g.plugin = c.plugin "
                        "WHERE s.state = ?1 AND g.name = ?2 AND g.version = ?3 AND g.file_hash = ?4 AND c.options_json = ?5",
                        "lsshs", state_key, criterion->ranker, criterion->version, criterion->file_hash, criterion->options_json));
  *found = n > 0;
  return RP_OK;
}

/* ---- Drops ----------------------------------------------------------------------------------- */

/* Fills `set` with what a request dropped, `ranks` with how it ranked; each may be NULL. */
static rp_status read_answer(rp_store *store, int64_t request, const rp_store_filters *filters, uint8_t *set, int *ranks, rp_error *err) {
  int64_t n_filters;
  int row, n = filters_in(filters);
  RP_CLEANUP(rp_sql_finalize) sqlite3_stmt *answer = NULL;
  RP_TRY(rp_sql_integer(store, -1, &n_filters, err, "SELECT n_filters FROM requests WHERE request = ?1", "l", request));
  if (n_filters != n)
    return rp_fail(err, RP_EDAMAGED, "%s: a stored drop is about a net of %lld filters, not %d", store->path, (long long)n_filters, n);
  for (int i = 0; i < n; i++) {
    if (set) set[i] = 0;
    if (ranks) ranks[i] = 0;
  }
  RP_TRY(rp_sql_prepare(store, &answer, err, "SELECT position, dropped, coalesce(rank, 0) FROM request_filters WHERE request = ?1", "l",
                        request));
  RP_TRY(rp_sql_step(store, answer, &row, err));
  while (row) {
    int position = sqlite3_column_int(answer, 0);
    if (position < 0 || position >= n)
      return rp_fail(err, RP_EDAMAGED, "%s: a stored drop names filter %d of %d", store->path, position, n);
    if (set) set[position] = sqlite3_column_int(answer, 1) != 0;
    if (ranks) ranks[position] = sqlite3_column_int(answer, 2);
    RP_TRY(rp_sql_step(store, answer, &row, err));
  }
  return RP_OK;
}

static rp_status insert_request(rp_store *store, const rp_drop_row *drop, int n_filters, rp_error *err) {
  int64_t state, criterion;
  RP_TRY(known_state_key(store, drop->state, &state, err));
  RP_TRY(rp_put_criterion(store, &drop->criterion, &criterion, err));
  return rp_sql_run(
      store, err,
      "INSERT INTO requests (id, environment, origin, computed_at, state, criterion, p, limits_json, gate, n_filters, count, limits_used, "
      "ties_at_cut, seconds) VALUES (?1, ?2, ?3, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
      "hlllldsiiiiid", drop->request, store->environment, store->origin, state, criterion, drop->p, drop->limits_json, drop->gate,
      n_filters, drop->count, drop->limits_used, drop->ties_at_cut, drop->seconds);
}

static rp_status insert_request_filters(rp_store *store, const rp_drop_row *drop, const rp_store_filters *filters, rp_error *err) {
  int64_t request = sqlite3_last_insert_rowid(store->database);
  for (int layer = 0, position = 0; layer < filters->n_layers; layer++)
    for (int k = 0; k < filters->K[layer]; k++, position++) {
      int rank = drop->ranks && drop->ranks[position] > 0 ? drop->ranks[position] : -1;
      if (rank < 0 && !drop->set[position]) continue;
      RP_TRY(rp_sql_run(store, err, "INSERT INTO request_filters VALUES (?1, ?2, ?3, ?4, ?5, ?6)", "lisini", request, position,
                        filters->layers[layer], k, rank, drop->set[position] != 0));
    }
  return RP_OK;
}

/* A request that is known has to have the same answer. */
static rp_status check_answer(rp_store *store, int64_t request, const rp_drop_row *drop, const rp_store_filters *filters, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) uint8_t *known = NULL;
  int n = filters_in(filters), is_same = 1;
  RP_TRY(rp_allocate((size_t)n, 1, &known, err));
  RP_TRY(read_answer(store, request, filters, known, NULL, err));
  for (int i = 0; i < n; i++) is_same &= known[i] == (drop->set[i] != 0);
  if (is_same) return RP_OK;
  char hex[RP_ID_HEX + 1];
  rp_id_hex(drop->request, hex);
  return rp_fail(
      err, RP_ENUMERIC,
      "drop request %s is not reproducible: ranker %s chose another set of filters for the same state before, in the same environment", hex,
      drop->criterion.ranker);
}

static rp_status put_drop(rp_store *store, const rp_drop_row *drop, const rp_store_filters *filters, rp_error *err) {
  int64_t known;
  RP_TRY(rp_sql_integer(store, 0, &known, err, "SELECT request FROM requests WHERE id = ?1 AND environment = ?2", "hl", drop->request,
                        store->environment));
  if (known) return check_answer(store, known, drop, filters, err);
  RP_TRY(insert_request(store, drop, filters_in(filters), err));
  return insert_request_filters(store, drop, filters, err);
}

rp_status rp_store_put_drop(rp_store *store, const rp_drop_row *drop, const rp_store_filters *filters, rp_error *err) {
  RP_TRY(rp_check_environment(store, err));
  RP_TRY(rp_sql_enter(store, err));
  return rp_sql_leave(store, put_drop(store, drop, filters, err), err);
}

static rp_status find_answer(rp_store *store, rp_id request, const rp_store_filters *filters, int *found, uint8_t *set, int *ranks,
                             rp_error *err) {
  int64_t key;
  RP_TRY(rp_request_key(store, request, &key, err));
  *found = key != 0;
  return *found && (set || ranks) ? read_answer(store, key, filters, set, ranks, err) : RP_OK;
}

rp_status rp_store_find_drop(rp_store *store, rp_id request, const rp_store_filters *filters, int *found, uint8_t *set, rp_error *err) {
  return find_answer(store, request, filters, found, set, NULL, err);
}

rp_status rp_store_find_ranks(rp_store *store, rp_id request, const rp_store_filters *filters, int *found, int *ranks, rp_error *err) {
  return find_answer(store, request, filters, found, NULL, ranks, err);
}
