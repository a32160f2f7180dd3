/* command_show.c: `repr show`: one trial whole: its settings, epochs and events. */
#include "experiments/command.h"
#include "experiments/status/overview.h"
#include "results/query.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_DB = 1 };

typedef struct {
  const char *trial, *database;
} show_arguments;

static const struct argp_option OPTIONS[] = {{"db", OPTION_DB, "FILE", 0, "Database (default: $REPR_DB, else results/repr.db)", 0}, {0}};

static error_t parse(int key, char *value, struct argp_state *state) {
  show_arguments *arguments = state->input;
  switch (key) {
  case OPTION_DB:
    arguments->database = value;
    return 0;
  case ARGP_KEY_ARG:
    if (arguments->trial) argp_error(state, "one trial at a time");
    arguments->trial = value;
    return 0;
  case ARGP_KEY_NO_ARGS:
    argp_error(state, "a trial is missing: the beginning of its id, or ARM/SEED, as in ranker=ortho/1 (see `repr status`)");
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp ARGP = {OPTIONS, parse, "TRIAL", "Shows a trial: settings, epochs, events, shadow rankers. " RP_TRIAL_HELP,
                                 0,       0,     0};

enum { MAX_COLUMNS = 16, WIDEST_COLUMN = 60 };

/* A table that is read twice: once for how wide its columns are. */
typedef struct {
  int widths[MAX_COLUMNS]; /* characters of the longest cell or of the name */
  int n_rows;              /* printed */
} table;

static const char *cell(const char *value) {
  return value ? value : "-";
}

static rp_status measure_row(void *user, int n_columns, const char *const *names, const char *const *values, rp_error *err) {
  (void)err;
  table *of = user;
  for (int i = 0; i < n_columns && i < MAX_COLUMNS; i++) {
    int width = (int)strlen(cell(values[i])), name = (int)strlen(names[i]);
    if (width > WIDEST_COLUMN) width = WIDEST_COLUMN;
    if (width < name) width = name;
    if (of->widths[i] < width) of->widths[i] = width;
  }
  return RP_OK;
}

static void print_cells(const table *of, int n_columns, const char *const *cells) {
  for (int i = 0; i < n_columns; i++) {
    int width = i < MAX_COLUMNS ? of->widths[i] : 0;
    if (i + 1 < n_columns)
      printf("%-*.*s  ", width, WIDEST_COLUMN, cell(cells[i]));
    else
      printf("%s\n", cell(cells[i]));
  }
}

static rp_status print_row(void *user, int n_columns, const char *const *names, const char *const *values, rp_error *err) {
  (void)err;
  table *of = user;
  if (of->n_rows++ == 0) print_cells(of, n_columns, names);
  print_cells(of, n_columns, values);
  return RP_OK;
}

static rp_status count_row(void *user, int n_columns, const char *const *names, const char *const *values, rp_error *err) {
  (void)n_columns, (void)names, (void)values, (void)err;
  ++*(int *)user;
  return RP_OK;
}

static rp_status print_table(rp_store *store, const char *title, const char *sql, const char *trial, rp_error *err) {
  printf("\n%s\n", title);
  table widths = {0};
  RP_TRY(rp_query_rows(store, sql, trial, measure_row, &widths, err));
  return rp_query_rows(store, sql, trial, print_row, &widths, err);
}

static const char EPOCHS_SQL[] =
    "SELECT DISTINCT epoch, phase, lr, round(train_loss, 4) AS train_loss, round(train_acc, 4) AS train_acc, round(val_acc, 4) AS val_acc,"
    " round(test_acc, 4) AS test_acc, round(ortho_mean, 4) AS ortho_mean, active_filters"
    " FROM v_epochs WHERE trial = ?1 ORDER BY epoch";
#define EVENTS_SQL_WITH(column)                                                                                                            \
  "SELECT DISTINCT epoch, cycle, event, dropped, round(test_acc_before, 4) AS test_before, round(test_acc_after, 4) AS test_after," column \
  " limits_used, ties_at_cut, constraints_asked AS asked, constraints_met AS met,"                                                         \
  " iif(max_cos_left IS NULL, NULL, printf('%.1e', max_cos_left)) AS max_cos_left, round(seconds, 2) AS seconds"                           \
  " FROM v_events WHERE trial = ?1"
static const char EVENTS_SQL[] = EVENTS_SQL_WITH("");
static const char EVENTS_BN_SQL[] = EVENTS_SQL_WITH(" round(test_acc_after_bn, 4) AS test_after_bn,");
static const char HAS_BN_SQL[] = "SELECT 1 FROM v_events WHERE trial = ?1 AND test_acc_after_bn IS NOT NULL";

static const char DROPS_SQL[] =
    "SELECT epoch, cycle, layer, count(*) AS dropped, group_concat(filter, ' ') AS filters FROM (SELECT DISTINCT epoch, cycle, layer, filter"
    " FROM v_filters WHERE trial = ?1 AND acting = 1 AND dropped = 1 ORDER BY epoch, layer, filter) GROUP BY epoch, cycle, layer";
static const char SHADOWS_SQL[] =
    "SELECT DISTINCT epoch, cycle, ranker, replace(outcome, 'missing', 'pending') AS outcome, round(seconds, 3) AS seconds, json_extract(options, '$.options') AS options"
    " FROM shadow_results WHERE trial = ?1";
static const char REASONS_SQL[] =
    "SELECT group_concat(epoch, ', '), ranker, json_extract(options, '$.options'), message FROM (SELECT DISTINCT epoch, criterion, ranker, "
    "options, message FROM shadow_results WHERE trial = ?1 AND message IS NOT NULL ORDER BY epoch) GROUP BY criterion, message";

/* Whole, since a reason is longer than a column, and once for all drops that share it. */
static rp_status print_reason(void *user, int n_columns, const char *const *names, const char *const *values, rp_error *err) {
  (void)user, (void)n_columns, (void)names, (void)err;
  printf("epoch%s %s, %s %s: %s\n", strchr(values[0], ',') ? "s" : "", values[0], values[1], values[2] ? values[2] : "", values[3]);
  return RP_OK;
}

static int has_any(rp_store *store, const char *sql, const char *trial) {
  int n_rows = 0;
  return rp_query_rows(store, sql, trial, count_row, &n_rows, NULL) == RP_OK && n_rows > 0;
}

static rp_status show(rp_store *store, const rp_trial_result *trial, rp_error *err) {
  char hex[RP_ID_HEX + 1];
  rp_id_hex(trial->trial, hex);
  printf("trial %s: %s/%lld of %s, %d of %d epochs\n", hex, trial->arm, (long long)trial->seed, trial->experiment, trial->epochs_done,
         trial->epochs);
  if (trial->message) printf("failed: %s\n", trial->message);
  RP_TRY(print_table(store, "settings", "SELECT key, value FROM v_params WHERE trial = ?1 ORDER BY key", hex, err));
  RP_TRY(print_table(store, "epochs", EPOCHS_SQL, hex, err));
  RP_TRY(print_table(store, "events", has_any(store, HAS_BN_SQL, hex) ? EVENTS_BN_SQL : EVENTS_SQL, hex, err));
  if (has_any(store, DROPS_SQL, hex)) RP_TRY(print_table(store, "filters dropped", DROPS_SQL, hex, err));
  RP_TRY(rp_overview_concerns(store, trial->experiment, stderr, err));
  if (!has_any(store, SHADOWS_SQL, hex)) return RP_OK;
  RP_TRY(print_table(store, "shadow rankers, which scored at drops without acting", SHADOWS_SQL, hex, err));
  return rp_query_rows(store, REASONS_SQL, hex, print_reason, NULL, err);
}

rp_status rp_command_show(int n, char **arguments, rp_error *err) {
  show_arguments parsed = {.database = rp_default_database()};
  argp_err_exit_status = rp_status_exit(RP_EUSAGE);
  if (argp_parse(&ARGP, n, arguments, 0, 0, &parsed) != 0) return rp_fail(err, RP_EUSAGE, "the arguments cannot be understood");
  RP_CLEANUP(rp_store_close) rp_store *store = NULL;
  RP_TRY(rp_store_open(parsed.database, RP_STORE_READ, &store, err));
  RP_CLEANUP(rp_trial_list_free) rp_trial_list trials = {0};
  RP_TRY(rp_query_trials(store, NULL, &trials, err));
  const rp_trial_result *trial;
  RP_TRY(rp_trial_list_find(&trials, parsed.trial, &trial, err));
  return show(store, trial, err);
}
