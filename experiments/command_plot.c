/* command_plot.c: `repr plot`: an experiment's figures. */
#include "experiments/command.h"
#include "experiments/status/overview.h"
#include "plots/figure.h"

#include "core/base/memory.h"

#include <argp.h>
#include <stdio.h>

enum { OPTION_DB = 1, OPTION_FORMAT, OPTION_FIGURE, OPTION_PAPER };

typedef struct {
  const char *experiment, *database, *figure;
  rp_plot_options options;
} plot_arguments;

static const struct argp_option OPTIONS[] = {
    {"figure", OPTION_FIGURE, "NAME", 0,
     "accuracy (per epoch), criteria (arms compared) or agreement (of criteria on the same weights: `shadow: [all]`); default: each that "
     "there are results for",
     0},
    {"format", OPTION_FORMAT, "NAME", 0, "png (default), svg or pdf", 0},
    {"paper", OPTION_PAPER, 0, 0, "With the paper's published points, where a figure has some", 0},
    {"output", 'o', "DIR", 0, "Folder for the figures (default: plots/out)", 0},
    {"db", OPTION_DB, "FILE", 0, "Database (default: $REPR_DB, else results/repr.db)", 0},
    {0}};

static error_t parse(int key, char *value, struct argp_state *state) {
  plot_arguments *arguments = state->input;
  switch (key) {
  case OPTION_DB:
    arguments->database = value;
    return 0;
  case OPTION_FIGURE:
    arguments->figure = value;
    return 0;
  case OPTION_PAPER:
    arguments->options.paper = 1;
    return 0;
  case 'o':
    arguments->options.folder = value;
    return 0;
  case OPTION_FORMAT:
    if (!rp_plot_format_of(value, &arguments->options.format)) argp_error(state, "--format %s: png, svg or pdf is expected", value);
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

static const struct argp ARGP = {OPTIONS,
                                 parse,
                                 "EXPERIMENT",
                                 "Draws an experiment's figures and prints their paths.\vExample: repr plot demo --format pdf -o figures",
                                 0,
                                 0,
                                 0};

static void print_path(void *user, const char *path) {
  (void)user;
  puts(path);
}

rp_status rp_command_plot(int n, char **arguments, rp_error *err) {
  plot_arguments parsed = {.database = rp_default_database(),
                           .options = {.format = RP_PLOT_PNG, .folder = "plots/out", .written = print_path}};
  argp_err_exit_status = rp_status_exit(RP_EUSAGE);
  if (argp_parse(&ARGP, n, arguments, 0, 0, &parsed) != 0) return rp_fail(err, RP_EUSAGE, "the arguments cannot be understood");
  RP_CLEANUP(rp_free_pointer) char *name = NULL;
  RP_TRY(rp_command_experiment(parsed.experiment, &name, err));
  parsed.experiment = name;
  RP_CLEANUP(rp_store_close) rp_store *store = NULL;
  RP_TRY(rp_store_open(parsed.database, RP_STORE_READ, &store, err));
  RP_TRY(rp_plot(store, parsed.experiment, parsed.figure, &parsed.options, err));
  return rp_overview_concerns(store, parsed.experiment, stderr, err);
}
