/* command_status.c: `repr status`: what is done, running, failed and why. */
#include "experiments/command.h"
#include "experiments/status/overview.h"

#include "core/base/memory.h"

#include <argp.h>
#include <stdio.h>

enum { OPTION_DB = 1, OPTION_JSON };

typedef struct {
  const char *experiment, *database;
  int is_json;
} status_arguments;

static const struct argp_option OPTIONS[] = {{"json", OPTION_JSON, 0, 0, "One JSON object, for programs", 0},
                                             {"db", OPTION_DB, "FILE", 0, "Database (default: $REPR_DB, else results/repr.db)", 0},
                                             {0}};

static error_t parse(int key, char *value, struct argp_state *state) {
  status_arguments *arguments = state->input;
  switch (key) {
  case OPTION_DB:
    arguments->database = value;
    return 0;
  case OPTION_JSON:
    arguments->is_json = 1;
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
    "Lists the trials of one experiment, or of all; the shadow rankers that have not scored at every drop, and why; and rankers whose file has "
    "changed since they answered. A trial is pending, running, done, failed, or stale: done, but with such a ranker, so that a run would ask it "
    "again.\v"
    "Keys of --json: trials, each with trial (its id), experiment, arm, seed, ranker, status, epochs, epochs_done, headline_test_acc, "
    "last_test_acc, best_val_test_acc, cause and message (why it failed); shadows, each with experiment, ranker, options, outcome (scored, "
    "pending, failed, not applicable), drops and message; stale_rankers, each with experiment, ranker, path and trials (their number; 0: it is "
    "a shadow). Accuracies are fractions; null stands for what is not there. Example:\n"
    "  repr status demo --json | jq -r '.trials[] | select(.status == \"failed\") | .message'",
    0,
    0,
    0};

rp_status rp_command_status(int n, char **arguments, rp_error *err) {
  status_arguments parsed = {.database = rp_default_database()};
  argp_err_exit_status = rp_status_exit(RP_EUSAGE);
  if (argp_parse(&ARGP, n, arguments, 0, 0, &parsed) != 0) return rp_fail(err, RP_EUSAGE, "the arguments cannot be understood");
  RP_CLEANUP(rp_free_pointer) char *name = NULL;
  if (parsed.experiment) RP_TRY(rp_command_experiment(parsed.experiment, &name, err));
  RP_CLEANUP(rp_store_close) rp_store *store = NULL;
  RP_TRY(rp_store_open(parsed.database, RP_STORE_READ, &store, err));
  RP_CLEANUP(rp_overview_free) rp_overview overview = {0};
  RP_TRY(rp_overview_read(store, name, &overview, err));
  if (parsed.is_json) return rp_overview_json(&overview, stdout, err);
  rp_overview_text(&overview, stdout);
  return RP_OK;
}
