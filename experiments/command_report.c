/* command_report.c: `repr report`: an experiment's table. */
#include "experiments/command.h"
#include "experiments/status/overview.h"
#include "results/report.h"

#include "core/base/memory.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>

enum { OPTION_DB = 1, OPTION_FORMAT };

typedef struct {
  const char *experiment, *database, *output;
  rp_report_format format;
} report_arguments;

static const struct argp_option OPTIONS[] = {{"format", OPTION_FORMAT, "NAME", 0, "text (default) or md", 0},
                                             {"output", 'o', "FILE", 0, "Write to a file instead of standard output", 0},
                                             {"db", OPTION_DB, "FILE", 0, "Database (default: $REPR_DB, else results/repr.db)", 0},
                                             {0}};

static error_t parse(int key, char *value, struct argp_state *state) {
  report_arguments *arguments = state->input;
  switch (key) {
  case OPTION_DB:
    arguments->database = value;
    return 0;
  case 'o':
    arguments->output = value;
    return 0;
  case OPTION_FORMAT:
    if (!rp_report_format_of(value, &arguments->format)) argp_error(state, "--format %s: text or md is expected", value);
    return 0;
  case ARGP_KEY_ARG:
    if (arguments->experiment) argp_error(state, "one experiment at a time");
    arguments->experiment = value;
    return 0;
  case ARGP_KEY_NO_ARGS:
    argp_error(state, "an experiment's name is missing");
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp ARGP = {
    OPTIONS,
    parse,
    "EXPERIMENT",
    "Prints an experiment's table: headline (mean test accuracy of the last five full epochs), last epoch, epoch of "
    "best validation, n of seeds, difference to the baseline paired by seed. Where criteria were scored on the same weights (best by "
    "`shadow: [all]` in the experiment's file), a second table tells how far they agree with those that acted and with an oracle.\v"
    "Example: repr report demo --format md -o demo.md",
    0,
    0,
    0};

static rp_status write_report(rp_store *store, const report_arguments *arguments, rp_error *err) {
  if (!arguments->output) return rp_report(store, arguments->experiment, arguments->format, stdout, err);
  FILE *file = fopen(arguments->output, "we");
  if (!file) return rp_fail_errno(err, RP_EIO, "%s", arguments->output);
  rp_status status = rp_report(store, arguments->experiment, arguments->format, file, err);
  if (fclose(file) != 0 && status == RP_OK) return rp_fail_errno(err, RP_EIO, "%s", arguments->output);
  return status;
}

rp_status rp_command_report(int n, char **arguments, rp_error *err) {
  report_arguments parsed = {.database = rp_default_database(), .format = RP_REPORT_TEXT};
  argp_err_exit_status = rp_status_exit(RP_EUSAGE);
  if (argp_parse(&ARGP, n, arguments, 0, 0, &parsed) != 0) return rp_fail(err, RP_EUSAGE, "the arguments cannot be understood");
  RP_CLEANUP(rp_free_pointer) char *name = NULL;
  RP_TRY(rp_command_experiment(parsed.experiment, &name, err));
  parsed.experiment = name;
  RP_CLEANUP(rp_store_close) rp_store *store = NULL;
  RP_TRY(rp_store_open(parsed.database, RP_STORE_READ, &store, err));
  RP_TRY(write_report(store, &parsed, err));
  return rp_overview_concerns(store, parsed.experiment, stderr, err);
}
