/* database.c: SQLite's interface, brought to statuses and messages. */
#include "results/database.h"

#include "core/base/memory.h"

#include <math.h>
#include <string.h>

static rp_status status_of(int code) {
  switch (code & 0xff) {
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return RP_EBUSY;
  case SQLITE_NOMEM:
    return RP_EMEMORY;
  case SQLITE_NOTADB:
  case SQLITE_CONSTRAINT:
    return RP_EINPUT;
  case SQLITE_CORRUPT:
    return RP_EDAMAGED;
  default:
    return RP_EIO;
  }
}

static const char *advice_for(int code) {
  switch (code & 0xff) {
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return "; another process is writing to it: wait for it, or give another file with --db";
  case SQLITE_FULL:
    return "; free some space and run again: what was finished is saved";
  case SQLITE_READONLY:
  case SQLITE_CANTOPEN:
  case SQLITE_PERM:
    return "; is the folder writable? Another file can be given with --db";
  default:
    return "";
  }
}

rp_status rp_sql_fail(rp_store *store, int code, const char *doing, rp_error *err) {
  if ((code & 0xff) == SQLITE_NOTADB) return rp_fail(err, RP_EINPUT, "%s: not a SQLite database; give another file with --db", store->path);
  /* After some errors the connection's message is that of a later call; the code's own text is always right. */
  const char *reason = store->database && (sqlite3_errcode(store->database) & 0xff) == (code & 0xff) ? sqlite3_errmsg(store->database)
                                                                                                     : sqlite3_errstr(code);
  return rp_fail(err, status_of(code), "%s: cannot %s: %s%s", store->path, doing, reason, advice_for(code));
}

rp_status rp_sql_execute(rp_store *store, const char *sql, rp_error *err) {
  int code = sqlite3_exec(store->database, sql, NULL, NULL, NULL);
  return code == SQLITE_OK ? RP_OK : rp_sql_fail(store, code, "write to the database", err);
}

static int bind_id(sqlite3_stmt *statement, int i, rp_id id) {
  char hex[RP_ID_HEX + 1];
  rp_id_hex(id, hex);
  return sqlite3_bind_text(statement, i, hex, RP_ID_HEX, SQLITE_TRANSIENT);
}

/* In a struct, so that a pointer to it can be passed on: va_list alone is an array on some machines. */
typedef struct {
  va_list list;
} arguments_left;

static int bind_next(sqlite3_stmt *statement, int i, char type, arguments_left *arguments) {
  switch (type) {
  case 's':
    return sqlite3_bind_text(statement, i, va_arg(arguments->list, const char *), -1, SQLITE_TRANSIENT);
  case 'i':
    return sqlite3_bind_int(statement, i, va_arg(arguments->list, int));
  case 'n': {
    int value = va_arg(arguments->list, int);
    return value < 0 ? sqlite3_bind_null(statement, i) : sqlite3_bind_int(statement, i, value);
  }
  case 'l':
    return sqlite3_bind_int64(statement, i, va_arg(arguments->list, int64_t));
  case 'm': {
    int64_t value = va_arg(arguments->list, int64_t);
    return value < 0 ? sqlite3_bind_null(statement, i) : sqlite3_bind_int64(statement, i, value);
  }
  case 'd': {
    double value = va_arg(arguments->list, double);
    return isnan(value) ? sqlite3_bind_null(statement, i) : sqlite3_bind_double(statement, i, value);
  }
  case 'h':
    return bind_id(statement, i, va_arg(arguments->list, rp_id));
  case 'z': {
    rp_id id = va_arg(arguments->list, rp_id);
    return rp_id_is_zero(id) ? sqlite3_bind_null(statement, i) : bind_id(statement, i, id);
  }
  default:
    return SQLITE_MISUSE;
  }
}

static rp_status prepare(rp_store *store, sqlite3_stmt **out, rp_error *err, const char *sql, const char *types,
                         arguments_left *arguments) {
  int code = sqlite3_prepare_v2(store->database, sql, -1, out, NULL);
  for (int i = 0; types[i] && code == SQLITE_OK; i++) code = bind_next(*out, i + 1, types[i], arguments);
  return code == SQLITE_OK ? RP_OK : rp_sql_fail(store, code, "prepare a statement", err);
}

rp_status rp_sql_prepare(rp_store *store, sqlite3_stmt **out, rp_error *err, const char *sql, const char *types, ...) {
  arguments_left arguments;
  va_start(arguments.list, types);
  rp_status status = prepare(store, out, err, sql, types, &arguments);
  va_end(arguments.list);
  return status;
}

void rp_sql_finalize(sqlite3_stmt **statement) {
  sqlite3_finalize(*statement);
  *statement = NULL;
}

rp_status rp_sql_step(rp_store *store, sqlite3_stmt *statement, int *row, rp_error *err) {
  int code = sqlite3_step(statement);
  *row = code == SQLITE_ROW;
  if (code == SQLITE_ROW || code == SQLITE_DONE) return RP_OK;
  return rp_sql_fail(store, code, sqlite3_stmt_readonly(statement) ? "read" : "write", err);
}

rp_status rp_sql_run(rp_store *store, rp_error *err, const char *sql, const char *types, ...) {
  RP_CLEANUP(rp_sql_finalize) sqlite3_stmt *statement = NULL;
  arguments_left arguments;
  va_start(arguments.list, types);
  rp_status status = prepare(store, &statement, err, sql, types, &arguments);
  va_end(arguments.list);
  for (int row = 1; status == RP_OK && row;) status = rp_sql_step(store, statement, &row, err);
  return status;
}

rp_status rp_sql_integer(rp_store *store, int64_t otherwise, int64_t *out, rp_error *err, const char *sql, const char *types, ...) {
  RP_CLEANUP(rp_sql_finalize) sqlite3_stmt *statement = NULL;
  arguments_left arguments;
  int row = 0;
  va_start(arguments.list, types);
  rp_status status = prepare(store, &statement, err, sql, types, &arguments);
  va_end(arguments.list);
  if (status == RP_OK) status = rp_sql_step(store, statement, &row, err);
  if (status != RP_OK) return status;
  *out = row && sqlite3_column_type(statement, 0) != SQLITE_NULL ? sqlite3_column_int64(statement, 0) : otherwise;
  return RP_OK;
}

double rp_sql_double(sqlite3_stmt *statement, int column) {
  return sqlite3_column_type(statement, column) == SQLITE_NULL ? NAN : sqlite3_column_double(statement, column);
}

rp_id rp_sql_id(sqlite3_stmt *statement, int column) {
  rp_id id = {{0}};
  const char *hex = (const char *)sqlite3_column_text(statement, column);
  if (!hex || !rp_id_parse(hex, &id)) memset(&id, 0, sizeof id);
  return id;
}

rp_status rp_sql_text(sqlite3_stmt *statement, int column, char **out, rp_error *err) {
  *out = NULL;
  if (sqlite3_column_type(statement, column) == SQLITE_NULL) return RP_OK;
  const char *text = (const char *)sqlite3_column_text(statement, column);
  if (!text) return rp_fail(err, RP_EMEMORY, "out of memory while a text was read from the database");
  return rp_copy_string(text, out, err);
}

rp_status rp_sql_enter(rp_store *store, rp_error *err) {
  if (!sqlite3_get_autocommit(store->database)) return rp_sql_execute(store, "SAVEPOINT put", err);
  RP_TRY(rp_store_begin(store, err));
  store->own_transaction = 1;
  return RP_OK;
}

rp_status rp_sql_leave(rp_store *store, rp_status status, rp_error *err) {
  if (store->own_transaction) {
    store->own_transaction = 0;
    if (status == RP_OK) status = rp_store_commit(store, err);
    if (status != RP_OK) rp_store_rollback(store);
    return status;
  }
  if (status == RP_OK) return rp_sql_execute(store, "RELEASE put", err);
  /* Where the error ended the transaction (a full disk does), there is no savepoint any more, and nothing to undo. */
  if (!sqlite3_get_autocommit(store->database)) sqlite3_exec(store->database, "ROLLBACK TO put; RELEASE put", NULL, NULL, NULL);
  return status;
}
