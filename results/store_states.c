/* store_states.c: computed states, their layers and checkpoints, and the paths of trials through them. */
#include "results/database.h"

#include <math.h>

rp_state_row rp_state_row_empty(void) {
  return (rp_state_row){
      .op = "",
      .phase = "full",
      .op_version = 1,
      .lr = NAN,
      .train_loss = NAN,
      .train_acc = NAN,
      .images_per_second = NAN,
      .val_loss = NAN,
      .val_acc = NAN,
      .test_loss = NAN,
      .test_acc = NAN,
      .test_acc_bn = NAN,
      .val_acc_bn = NAN,
      .ortho_sum = NAN,
      .ortho_mean = NAN,
      .active_filters = -1,
      .regrown = -1,
      .constraints_asked = -1,
      .constraints_met = -1,
      .max_cos_left = NAN,
      .seconds = NAN,
  };
}

/* ?2 is the process's environment (0 = none), ?3 whether others count, too. */
#define OWN_FIRST "WHERE id = ?1 AND (environment = ?2 OR ?3) ORDER BY environment <> ?2, environment LIMIT 1"

static int sees_all(const rp_store *store) {
  return store->reuse_any || store->environment == 0;
}

rp_status rp_state_key(rp_store *store, rp_id state, int64_t *key, rp_error *err) {
  return rp_sql_integer(store, 0, key, err, "SELECT state FROM states " OWN_FIRST, "hli", state, store->environment, sees_all(store));
}

rp_status rp_request_key(rp_store *store, rp_id request, int64_t *key, rp_error *err) {
  return rp_sql_integer(store, 0, key, err, "SELECT request FROM requests " OWN_FIRST, "hli", request, store->environment, sees_all(store));
}

/* ---- States ---------------------------------------------------------------------------------- */

static rp_status insert_state(rp_store *store, const rp_state_row *row, int64_t parent, rp_error *err) {
  return rp_sql_run(
      store, err,
      "INSERT INTO states (id, environment, origin, computed_at, parent, op, op_version, epoch, cycle, phase, digest, lr, train_loss, "
      "train_acc, "
      "images_per_second, val_loss, val_acc, test_loss, test_acc, test_acc_bn, val_acc_bn, ortho_sum, ortho_mean, active_filters, regrown, "
      "constraints_asked, constraints_met, max_cos_left, seconds, checkpoint_bytes) "
      "VALUES (?1, ?2, ?3, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, "
      "?19, ?20, "
      "?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29)",
      "hllmsiiishddddddddddddnnmmddl", row->id, store->environment, store->origin, parent, row->op, row->op_version, row->epoch, row->cycle,
      row->phase, row->digest, row->lr, row->train_loss, row->train_acc, row->images_per_second, row->val_loss, row->val_acc,
      row->test_loss, row->test_acc, row->test_acc_bn, row->val_acc_bn, row->ortho_sum, row->ortho_mean, row->active_filters, row->regrown,
      row->constraints_asked, row->constraints_met, row->max_cos_left, row->seconds, row->checkpoint_bytes);
}

static rp_status insert_layers(rp_store *store, const rp_state_row *row, rp_error *err) {
  int64_t state = sqlite3_last_insert_rowid(store->database);
  for (int i = 0; i < row->n_layers; i++) {
    const rp_layer_row *layer = &row->layers[i];
    RP_TRY(rp_sql_run(store, err, "INSERT INTO layers VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", "lisddnn", state, i, layer->layer,
                      layer->ortho_mean, layer->opposite_share, layer->active_filters, layer->dead_filters));
  }
  return RP_OK;
}

/* *is_known = 1 where this environment has the state, with the same bits. */
static rp_status check_known(rp_store *store, const rp_state_row *row, int *is_known, rp_error *err) {
  RP_CLEANUP(rp_sql_finalize) sqlite3_stmt *known = NULL;
  RP_TRY(rp_sql_prepare(store, &known, err, "SELECT digest, computed_at FROM states WHERE id = ?1 AND environment = ?2", "hl", row->id,
                        store->environment));
  RP_TRY(rp_sql_step(store, known, is_known, err));
  rp_id digest = rp_sql_id(known, 0);
  if (!*is_known || rp_id_equal(digest, row->digest)) return RP_OK;
  char id[RP_ID_HEX + 1], before[RP_ID_HEX + 1], now[RP_ID_HEX + 1];
  rp_id_hex(row->id, id), rp_id_hex(digest, before), rp_id_hex(row->digest, now);
  return rp_fail(err, RP_ENUMERIC,
                 "state %s (%s, epoch %d) is not reproducible: its bits had digest %s when it was computed at %s and have %s now, in the "
                 "same environment",
                 id, row->op, row->epoch, before, (const char *)sqlite3_column_text(known, 1), now);
}

static rp_status put_state(rp_store *store, const rp_state_row *row, rp_error *err) {
  int is_known;
  int64_t parent = -1;
  RP_TRY(check_known(store, row, &is_known, err));
  if (is_known)
    return rp_sql_run(store, err, "UPDATE states SET checkpoint_bytes = ?3 WHERE id = ?1 AND environment = ?2", "hll", row->id,
                      store->environment, row->checkpoint_bytes);
  if (!rp_id_is_zero(row->parent)) {
    char id[RP_ID_HEX + 1], parent_id[RP_ID_HEX + 1];
    RP_TRY(rp_state_key(store, row->parent, &parent, err));
    rp_id_hex(row->id, id), rp_id_hex(row->parent, parent_id);
    if (!parent) return rp_fail(err, RP_EINPUT, "%s: the parent %s of state %s is unknown", store->path, parent_id, id);
  }
  RP_TRY(insert_state(store, row, parent, err));
  return insert_layers(store, row, err);
}

rp_status rp_store_put_state(rp_store *store, const rp_state_row *state, rp_error *err) {
  RP_TRY(rp_check_environment(store, err));
  RP_TRY(rp_sql_enter(store, err));
  return rp_sql_leave(store, put_state(store, state, err), err);
}

rp_status rp_store_find_state(rp_store *store, rp_id state, int *found, rp_known_state *out, rp_error *err) {
  RP_CLEANUP(rp_sql_finalize) sqlite3_stmt *row = NULL;
  RP_TRY(rp_sql_prepare(store, &row, err, "SELECT digest, epoch, cycle, checkpoint_bytes, environment = ?2, seconds FROM states " OWN_FIRST,
                        "hli", state, store->environment, sees_all(store)));
  RP_TRY(rp_sql_step(store, row, found, err));
  if (*found)
    *out =
        (rp_known_state){rp_sql_id(row, 0),          sqlite3_column_int(row, 1), sqlite3_column_int(row, 2), sqlite3_column_int64(row, 3),
                         sqlite3_column_int(row, 4), rp_sql_double(row, 5)};
  return RP_OK;
}

rp_status rp_store_is_landmark(rp_store *store, rp_id state, int *is_one, rp_error *err) {
  int64_t key, n;
  RP_TRY(rp_state_key(store, state, &key, err));
  RP_TRY(rp_sql_integer(store, 0, &n, err,
                        "SELECT count(*) FROM paths p JOIN trials t ON t.trial = p.trial "
                        "LEFT JOIN paths q ON q.trial = p.trial AND q.step = p.step + 1 LEFT JOIN states s ON s.state = q.state "
                        "WHERE p.state = ?1 AND (s.op <> 'train' OR (q.state IS NULL AND t.status = 'done'))",
                        "l", key));
  *is_one = n > 0;
  return RP_OK;
}

rp_status rp_store_set_checkpoint(rp_store *store, rp_id state, int64_t bytes, rp_error *err) {
  int64_t key;
  RP_TRY(rp_state_key(store, state, &key, err));
  return rp_sql_run(store, err, "UPDATE states SET checkpoint_bytes = ?2 WHERE state = ?1", "ll", key, bytes);
}

/* ---- Paths ----------------------------------------------------------------------------------- */

static rp_status put_path(rp_store *store, rp_id trial, int step, rp_id state, rp_id request, int *was_other, rp_error *err) {
  int64_t trial_key, state_key, request_key = 0, before;
  char hex[RP_ID_HEX + 1];
  rp_id_hex(trial, hex);
  RP_TRY(rp_trial_key(store, trial, &trial_key, err));
  if (!trial_key) return rp_fail(err, RP_EINPUT, "%s: there is no trial %s", store->path, hex);
  RP_TRY(rp_state_key(store, state, &state_key, err));
  if (!rp_id_is_zero(request)) RP_TRY(rp_request_key(store, request, &request_key, err));
  if (!state_key || (!rp_id_is_zero(request) && !request_key)) {
    rp_id_hex(state_key ? request : state, hex);
    return rp_fail(err, RP_EINPUT, "%s: there is no %s %s for step %d of a path", store->path, state_key ? "drop request" : "state", hex,
                   step);
  }
  RP_TRY(rp_sql_integer(store, 0, &before, err, "SELECT state FROM paths WHERE trial = ?1 AND step = ?2", "li", trial_key, step));
  if (before == state_key)
    return rp_sql_run(store, err,
                      "UPDATE paths SET request = nullif(?3, 0) WHERE trial = ?1 AND step = ?2 AND request IS NOT nullif(?3, 0)", "lil",
                      trial_key, step, request_key);
  if (was_other) *was_other = before != 0;
  RP_TRY(rp_sql_run(store, err, "DELETE FROM paths WHERE trial = ?1 AND step >= ?2", "li", trial_key, step));
  return rp_sql_run(store, err, "INSERT INTO paths VALUES (?1, ?2, ?3, nullif(?4, 0))", "lill", trial_key, step, state_key, request_key);
}

rp_status rp_store_put_path(rp_store *store, rp_id trial, int step, rp_id state, rp_id request, int *was_other, rp_error *err) {
  if (was_other) *was_other = 0;
  RP_TRY(rp_sql_enter(store, err));
  return rp_sql_leave(store, put_path(store, trial, step, state, request, was_other, err), err);
}
