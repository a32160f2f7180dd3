/* command_status.c: `repr status`: what is done, running, failed and why. */
#include "experiments/command.h"
#include "results/query.h"

#include "core/base/memory.h"

#include <argp.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { OPTION_DB = 1 };

typedef struct {
  const char *experiment, *database;
} status_arguments;

static const struct argp_option OPTIONS[] = {{"db", OPTION_DB, "FILE", 0, "Database (default: $REPR_DB, else results/repr.db)", 0}, {0}};

static error_t parse(int key, char *value, struct argp_state *state) {
  status_arguments *arguments = state->input;
  switch (key) {
  case OPTION_DB:
    arguments->database = value;
    return 0;
  case ARGP_KEY_ARG:
    if (arguments->experiment) argp_error(state, "one experiment at a time");
    arguments->experiment = value;
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp ARGP = {
    OPTIONS,
    parse,
    "[EXPERIMENT]",
    "Lists the trials of one experiment, or of all, and the shadow rankers that gave no answer: `missing` is what the next run asks.",
    0,
    0,
    0};

static const char *const STATUS_NAMES[] = {
#define RP_STATUS_NAME(code, name) [code] = name,
    RP_TRIAL_STATUS_LIST(RP_STATUS_NAME)
#undef RP_STATUS_NAME
};

static void print_trial(const rp_trial_result *trial) {
  char hex[RP_ID_HEX + 1];
  rp_id_hex(trial->trial, hex);
  printf("%-12.12s %-10s %-28s %6lld  %-8s %4d/%-4d", hex, trial->experiment, trial->arm, (long long)trial->seed,
         STATUS_NAMES[trial->status], trial->epochs_done, trial->epochs);
  if (!isnan(trial->headline_test_acc)) printf(" %6.2f %%", 100 * trial->headline_test_acc);
  if (trial->message) printf("  %s", trial->message);
  putchar('\n');
}

/* Each shadow ranker that did not answer at every drop, once for all drops with the same reason. The options are those of the ranker. */
static const char SHADOWS_SQL[] =
    "SELECT experiment, ranker || replace(' ' || json_extract(options, '$.options'), ' {}', ''), outcome, count(*), message "
    "FROM shadow_results WHERE outcome <> 'scored' AND (?1 IS NULL OR experiment = ?1) "
    "GROUP BY experiment, criterion, outcome, message ORDER BY experiment, outcome, 2, message";

static rp_status print_shadow(void *user, int n_columns, const char *const *names, const char *const *values, rp_error *err) {
  (void)n_columns, (void)names, (void)err;
  int *n_rows = user;
  if ((*n_rows)++ == 0) puts("\nshadow rankers without an answer");
  printf("%-10s %-36s %-14s at %s drop%s%s%s\n", values[0], values[1] ? values[1] : "", values[2], values[3],
         strcmp(values[3], "1") == 0 ? "" : "s", values[4] ? ": " : "", values[4] ? values[4] : "");
  return RP_OK;
}

rp_status rp_command_status(int n, char **arguments, rp_error *err) {
  status_arguments parsed = {.database = rp_default_database()};
  argp_err_exit_status = rp_status_exit(RP_EUSAGE);
  if (argp_parse(&ARGP, n, arguments, 0, 0, &parsed) != 0) return rp_fail(err, RP_EUSAGE, "the arguments cannot be understood");
  RP_CLEANUP(rp_free_pointer) char *name = NULL;
  if (parsed.experiment) RP_TRY(rp_command_experiment(parsed.experiment, &name, err));
  parsed.experiment = name;
  RP_CLEANUP(rp_store_close) rp_store *store = NULL;
  RP_TRY(rp_store_open(parsed.database, RP_STORE_READ, &store, err));
  RP_CLEANUP(rp_trial_list_free) rp_trial_list trials = {0};
  RP_TRY(rp_query_trials(store, parsed.experiment, &trials, err));
  printf("%-12s %-10s %-28s %6s  %-8s %9s %8s\n", "trial", "experiment", "arm", "seed", "status", "epochs", "headline");
  for (int i = 0; i < trials.n; i++) print_trial(&trials.trials[i]);
  int n_shadows = 0;
  return rp_query_rows(store, SHADOWS_SQL, parsed.experiment, print_shadow, &n_shadows, err);
}
