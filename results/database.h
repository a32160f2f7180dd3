/* database.h: what the files of this room share: the open store, statements with their parameters, errors. Private to results/. */
#ifndef RP_RESULTS_DATABASE_H
#define RP_RESULTS_DATABASE_H

#include "results/store.h"

#include <sqlite3.h>

struct rp_store {
  sqlite3 *database;
  char *path;
  rp_store_mode mode;
  int64_t environment, origin; /* keys of this process's rows; 0 = none was set, −1 = one that is not there */
  int reuse_any;
  int own_transaction; /* rp_sql_enter began one that rp_sql_leave has to end */
};

/* Embedded files, NUL-terminated (see the Makefile). */
extern const char rp_embedded_results_schema_sql[], rp_embedded_results_schema_2_sql[], rp_embedded_results_views_sql[];

/* Sets the error for a SQLite result code: what was tried, path, SQLite's reason. */
rp_status rp_sql_fail(rp_store *store, int code, const char *doing, rp_error *err);

/* Runs statements without parameters or results. */
rp_status rp_sql_execute(rp_store *store, const char *sql, rp_error *err);

/* Prepares a statement and binds its parameters ?1, ?2, … in order, one letter of `types` each:
 *   s  const char *: NULL is NULL       i  int           n  int: negative is NULL        l  int64_t      m  int64_t: negative is NULL
 *   d  double: NaN is NULL              h  rp_id as hex  z  rp_id as hex: zero is NULL
 * The caller finalizes it, best by RP_CLEANUP(rp_sql_finalize). */
rp_status rp_sql_prepare(rp_store *store, sqlite3_stmt **out, rp_error *err, const char *sql, const char *types, ...);
void rp_sql_finalize(sqlite3_stmt **statement);

/* Steps to the next row; *row = 0 at the end. */
rp_status rp_sql_step(rp_store *store, sqlite3_stmt *statement, int *row, rp_error *err);

/* Prepares, binds, runs to the end. */
rp_status rp_sql_run(rp_store *store, rp_error *err, const char *sql, const char *types, ...);

/* Prepares, binds, and gives the first column of the first row as an integer; `otherwise` where there is no row or it is NULL. */
rp_status rp_sql_integer(rp_store *store, int64_t otherwise, int64_t *out, rp_error *err, const char *sql, const char *types, ...);

/* Columns: NaN for NULL; an id from hex (zero where it is none); a copy of a text (NULL for NULL) that the caller frees. */
double rp_sql_double(sqlite3_stmt *statement, int column);
rp_id rp_sql_id(sqlite3_stmt *statement, int column);
rp_status rp_sql_text(sqlite3_stmt *statement, int column, char **out, rp_error *err);

/* Around a function that writes in several statements: a savepoint, so that it happens whole or not at all, inside and outside of a
 * transaction. `return rp_sql_leave(store, write_it(…), err)` passes the status on. */
rp_status rp_sql_enter(rp_store *store, rp_error *err);
rp_status rp_sql_leave(rp_store *store, rp_status status, rp_error *err);

/* Keys of rows; 0 = unknown. A state or request of this environment first, then (reuse_any, or no environment set) any other's. */
rp_status rp_state_key(rp_store *store, rp_id state, int64_t *key, rp_error *err);
rp_status rp_request_key(rp_store *store, rp_id request, int64_t *key, rp_error *err);
rp_status rp_trial_key(rp_store *store, rp_id trial, int64_t *key, rp_error *err);

/* The key of a criterion's row, put where it is new. */
rp_status rp_put_criterion(rp_store *store, const rp_criterion *criterion, int64_t *key, rp_error *err);

/* The status of a stored cause: the other way round than rp_status_name; RP_OK where there is none. */
rp_status rp_cause_named(const char *name);

/* RP_EINPUT where no environment was set. */
rp_status rp_check_environment(const rp_store *store, rp_error *err);

#endif
