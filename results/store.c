/* store.c: opening, migrations, transactions, and where results come from.
 *
 * The file carries an application id ("repr") and a version (PRAGMA user_version). Version v is reached from v − 1 by row v of a table of
 * migrations; the views are made anew after any of them. */
#include "results/database.h"

#include "core/base/files.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "results/statistics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { APPLICATION_ID = 0x72657072, WAIT_MS = 10000, LARGEST_TABLED_DF = 200 };

static const char *const MIGRATIONS[] = {
    rp_embedded_results_schema_sql,   /* to version 1 */
    rp_embedded_results_schema_2_sql, /* to version 2 */
    "",                               /* to version 3: v_events has more columns */
};
enum { NEWEST_VERSION = sizeof MIGRATIONS / sizeof *MIGRATIONS };

/* ---- Opening --------------------------------------------------------------------------------- */

/* "file:<path>?immutable=1" with what URIs cannot hold escaped. */
static rp_status immutable_uri(const char *path, rp_text *uri, rp_error *err) {
  rp_text_add(uri, "file:");
  for (const char *c = path; *c; c++) {
    if (strchr("%?#", *c))
      rp_text_format(uri, "%%%02X", (unsigned char)*c);
    else
      rp_text_add_bytes(uri, c, 1);
  }
  rp_text_add(uri, "?immutable=1");
  return rp_text_check(uri, err);
}

static int connect(rp_store *store, const char *name, int flags) {
  int code = sqlite3_open_v2(name, &store->database, flags, NULL);
  if (code != SQLITE_OK) return code;
  sqlite3_extended_result_codes(store->database, 1);
  sqlite3_busy_timeout(store->database, WAIT_MS);
  /* Opening reads nothing: only a first read finds out whether this is a database, and whether its write-ahead log can be used. */
  return sqlite3_exec(store->database, "SELECT count(*) FROM sqlite_master", NULL, NULL, NULL);
}

/* A write-ahead log that was merged into the file leaves nothing or an empty file behind. */
static int has_unmerged_log(const char *path) {
  RP_CLEANUP(rp_text_free) rp_text log = {0};
  rp_text_format(&log, "%s-wal", path);
  FILE *file = fopen(rp_text_string(&log), "rb");
  if (!file) return 0;
  int is_empty = fgetc(file) == EOF;
  fclose(file);
  return !is_empty;
}

static rp_status open_to_read(rp_store *store, rp_error *err) {
  if (!rp_file_exists(store->path)) return rp_fail(err, RP_EINPUT, "%s: no such database; `repr run` makes one", store->path);
  int code = connect(store, store->path, SQLITE_OPEN_READONLY);
  if (((code & 0xff) == SQLITE_CANTOPEN || (code & 0xff) == SQLITE_READONLY) && !has_unmerged_log(store->path)) {
    /* On read-only media the log's shared memory cannot be made. Where the last writer closed cleanly it is not needed: nobody changes the
     * file. */
    RP_CLEANUP(rp_text_free) rp_text uri = {0};
    RP_TRY(immutable_uri(store->path, &uri, err));
    sqlite3_close(store->database);
    store->database = NULL;
    code = connect(store, rp_text_string(&uri), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
  }
  return code == SQLITE_OK ? RP_OK : rp_sql_fail(store, code, "open the database", err);
}

static rp_status open_to_write(rp_store *store, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *folder = NULL;
  RP_TRY(rp_folder_of(store->path, &folder, err));
  RP_TRY(rp_make_folders(folder, err));
  int code = connect(store, store->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  if (code != SQLITE_OK) return rp_sql_fail(store, code, "open the database", err);
  if (sqlite3_db_readonly(store->database, "main")) return rp_sql_fail(store, SQLITE_READONLY, "write to the database", err);
  return RP_OK;
}

/* Says whether there is anything in the file, and refuses what is not ours or too new. */
static rp_status check_kind(rp_store *store, int64_t *version, rp_error *err) {
  int64_t application, n_tables;
  RP_TRY(rp_sql_integer(store, 0, &application, err, "PRAGMA application_id", ""));
  RP_TRY(rp_sql_integer(store, 0, version, err, "PRAGMA user_version", ""));
  RP_TRY(rp_sql_integer(store, 0, &n_tables, err, "SELECT count(*) FROM sqlite_master", ""));
  if (n_tables && application != APPLICATION_ID)
    return rp_fail(err, RP_EINPUT, "%s: a SQLite database, but not one of repr; give another file with --db", store->path);
  if (*version > NEWEST_VERSION)
    return rp_fail(err, RP_EINPUT,
                   "%s: database version %lld is newer than version %d, the newest that this repr knows; use the repr that wrote it",
                   store->path, (long long)*version, (int)NEWEST_VERSION);
  return RP_OK;
}

static rp_status fill_t_quantiles(rp_store *store, rp_error *err) {
  for (int df = 1; df <= LARGEST_TABLED_DF; df++)
    RP_TRY(rp_sql_run(store, err, "INSERT OR IGNORE INTO t_quantiles VALUES (?1, ?2)", "id", df, rp_t_quantile(0.975, df)));
  return RP_OK;
}

static rp_status migrate_from(rp_store *store, int64_t version, rp_error *err) {
  char pragmas[96];
  for (int64_t i = version; i < NEWEST_VERSION; i++) RP_TRY(rp_sql_execute(store, MIGRATIONS[i], err));
  RP_TRY(fill_t_quantiles(store, err));
  RP_TRY(rp_sql_execute(store, rp_embedded_results_views_sql, err));
  snprintf(pragmas, sizeof pragmas, "PRAGMA application_id = %d; PRAGMA user_version = %d", (int)APPLICATION_ID, (int)NEWEST_VERSION);
  return rp_sql_execute(store, pragmas, err);
}

/* With the lock held, the version is read again: another process may have migrated meanwhile. */
static rp_status migrate(rp_store *store, rp_error *err) {
  int64_t version;
  RP_TRY(rp_sql_enter(store, err));
  rp_status status = rp_sql_integer(store, 0, &version, err, "PRAGMA user_version", "");
  if (status == RP_OK && version < NEWEST_VERSION) status = migrate_from(store, version, err);
  return rp_sql_leave(store, status, err);
}

static rp_status prepare_for_use(rp_store *store, rp_error *err) {
  int64_t version;
  RP_TRY(check_kind(store, &version, err));
  if (store->mode == RP_STORE_READ) {
    if (version == 0) return rp_fail(err, RP_EINPUT, "%s: an empty file, not a database; `repr run` makes one", store->path);
    if (version < NEWEST_VERSION)
      return rp_fail(err, RP_EINPUT, "%s: database version %lld is older than version %d; `repr run` brings it up to date", store->path,
                     (long long)version, (int)NEWEST_VERSION);
    return RP_OK;
  }
  RP_TRY(rp_sql_execute(store, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON", err));
  return version < NEWEST_VERSION ? migrate(store, err) : RP_OK;
}

rp_status rp_store_open(const char *path, rp_store_mode mode, rp_store **out, rp_error *err) {
  RP_CLEANUP(rp_store_close) rp_store *store = NULL;
  *out = NULL;
  RP_TRY(rp_allocate(1, sizeof *store, &store, err));
  store->mode = mode;
  RP_TRY(rp_copy_string(path, &store->path, err));
  RP_TRY(mode == RP_STORE_READ ? open_to_read(store, err) : open_to_write(store, err));
  RP_TRY(prepare_for_use(store, err));
  *out = store;
  store = NULL;
  return RP_OK;
}

void rp_store_close(rp_store **store) {
  rp_store *closing = *store;
  *store = NULL;
  if (!closing) return;
  if (closing->database) {
    rp_store_rollback(closing);
    /* Best effort: what fails here is done by the next writer. */
    if (closing->mode == RP_STORE_WRITE) sqlite3_exec(closing->database, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
    sqlite3_close(closing->database);
  }
  free(closing->path);
  free(closing);
}

const char *rp_store_path(const rp_store *store) {
  return store->path;
}

void rp_store_set_timeout(rp_store *store, int milliseconds) {
  sqlite3_busy_timeout(store->database, milliseconds);
}

/* ---- Transactions ---------------------------------------------------------------------------- */

rp_status rp_store_begin(rp_store *store, rp_error *err) {
  return rp_sql_execute(store, "BEGIN IMMEDIATE", err);
}

rp_status rp_store_commit(rp_store *store, rp_error *err) {
  return rp_sql_execute(store, "COMMIT", err);
}

void rp_store_rollback(rp_store *store) {
  if (!sqlite3_get_autocommit(store->database)) sqlite3_exec(store->database, "ROLLBACK", NULL, NULL, NULL);
}

/* ---- Where results come from ----------------------------------------------------------------- */

static rp_id identity_of(const rp_environment *environment) {
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  const char *const parts[] = {environment->instruction_set, environment->libraries, environment->compiler, environment->flags,
                               environment->source_digest};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) rp_text_add_json_string(&text, parts[i]);
  return rp_digest_of("environment", rp_text_string(&text), text.length);
}

static rp_status put_environment(rp_store *store, const rp_environment *environment, rp_error *err) {
  rp_id identity = identity_of(environment);
  RP_TRY(rp_sql_run(store, err,
                    "INSERT OR IGNORE INTO environments (identity, instruction_set, libraries, compiler, flags, source_digest) "
                    "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    "hsssss", identity, environment->instruction_set, environment->libraries, environment->compiler, environment->flags,
                    environment->source_digest));
  RP_TRY(rp_sql_run(store, err, "INSERT OR IGNORE INTO origins (git_commit, cpu, host) VALUES (?1, ?2, ?3)", "sss", environment->git_commit,
                    environment->cpu, environment->host));
  RP_TRY(rp_sql_integer(store, 0, &store->environment, err, "SELECT environment FROM environments WHERE identity = ?1", "h", identity));
  return rp_sql_integer(store, 0, &store->origin, err, "SELECT origin FROM origins WHERE git_commit = ?1 AND cpu = ?2 AND host = ?3", "sss",
                        environment->git_commit, environment->cpu, environment->host);
}

rp_status rp_store_set_environment(rp_store *store, const rp_environment *environment, int reuse_any, rp_error *err) {
  RP_TRY(rp_sql_enter(store, err));
  RP_TRY(rp_sql_leave(store, put_environment(store, environment, err), err));
  store->reuse_any = reuse_any;
  return RP_OK;
}

rp_status rp_store_look_at_environment(rp_store *store, const rp_environment *environment, rp_error *err) {
  const int64_t unknown = -1;
  store->environment = store->reuse_any = 0;
  if (!environment) return RP_OK;
  return rp_sql_integer(store, unknown, &store->environment, err, "SELECT environment FROM environments WHERE identity = ?1", "h",
                        identity_of(environment));
}

rp_status rp_check_environment(const rp_store *store, rp_error *err) {
  if (store->environment > 0) return RP_OK;
  return rp_fail(err, RP_EINPUT, "%s: rp_store_set_environment has to come before states and drops are put", store->path);
}
