/* store_shadows.c: what criteria that did not act say of a drop. */
#include "results/database.h"

#include <string.h>

static const char NOT_APPLICABLE[] = "not applicable";

static const char *cause_of(const rp_shadow_row *shadow) {
  switch (shadow->outcome) {
  case RP_SHADOW_SCORED:
    return NULL;
  case RP_SHADOW_NOT_APPLICABLE:
    return NOT_APPLICABLE;
  case RP_SHADOW_FAILED:
    break;
  }
  return rp_status_name(shadow->cause);
}

static rp_status known_request(rp_store *store, rp_id request, int64_t *key, rp_error *err) {
  char hex[RP_ID_HEX + 1];
  RP_TRY(rp_request_key(store, request, key, err));
  rp_id_hex(request, hex);
  return *key ? RP_OK : rp_fail(err, RP_EINPUT, "%s: there is no drop request %s", store->path, hex);
}

static rp_status put_shadow(rp_store *store, const rp_shadow_row *shadow, rp_error *err) {
  int64_t request, criterion, answer = -1;
  RP_TRY(known_request(store, shadow->request, &request, err));
  if (shadow->outcome == RP_SHADOW_SCORED) RP_TRY(known_request(store, shadow->asked, &answer, err));
  RP_TRY(rp_put_criterion(store, &shadow->criterion, &criterion, err));
  return rp_sql_run(store, err, "INSERT OR REPLACE INTO shadows VALUES (?1, ?2, ?3, ?4, ?5, ?6)", "llhmss", request, criterion,
                    shadow->asked, answer, cause_of(shadow), shadow->outcome == RP_SHADOW_SCORED ? (const char *)NULL : shadow->message);
}

rp_status rp_store_put_shadow(rp_store *store, const rp_shadow_row *shadow, rp_error *err) {
  RP_TRY(rp_sql_enter(store, err));
  return rp_sql_leave(store, put_shadow(store, shadow, err), err);
}

rp_status rp_store_find_shadow_failure(rp_store *store, rp_id state, const rp_criterion *criterion, rp_id asked, int *found,
                                       rp_shadow_outcome *outcome, rp_status *cause, char **message, rp_error *err) {
  int64_t state_key;
  RP_CLEANUP(rp_sql_finalize) sqlite3_stmt *row = NULL;
  RP_TRY(rp_state_key(store, state, &state_key, err));
  RP_TRY(rp_sql_prepare(store, &row, err,
                        "SELECT h.cause, h.message FROM shadows h JOIN requests d ON d.request = h.request "
                        "JOIN criteria c ON c.criterion = h.criterion JOIN plugins g ON g.plugin = c.plugin "
                        "WHERE d.state = ?1 AND h.answer IS NULL AND g.name = ?2 AND g.version = ?3 AND g.file_hash = ?4 AND "
                        "c.options_json = ?5 AND (?6 IS NULL OR h.asked = ?6) ORDER BY h.request LIMIT 1",
                        "lsshsz", state_key, criterion->ranker, criterion->version, criterion->file_hash, criterion->options_json, asked));
  RP_TRY(rp_sql_step(store, row, found, err));
  if (!*found) return RP_OK;
  const char *name = (const char *)sqlite3_column_text(row, 0);
  *outcome = name && strcmp(name, NOT_APPLICABLE) == 0 ? RP_SHADOW_NOT_APPLICABLE : RP_SHADOW_FAILED;
  *cause = *outcome == RP_SHADOW_FAILED ? rp_cause_named(name) : RP_OK;
  return rp_sql_text(row, 1, message, err);
}

rp_status rp_store_forget_shadow_failures(rp_store *store, const char *experiment, rp_error *err) {
  return rp_sql_run(store, err,
                    "DELETE FROM shadows WHERE answer IS NULL AND (request, criterion) IN (SELECT d.request, w.criterion FROM plan_drops d "
                    "JOIN plan_shadows w ON w.plan = d.plan WHERE d.experiment = ?1)",
                    "s", experiment);
}
