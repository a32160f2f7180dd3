/* main.c: finds the subcommand, runs it, prints its error, turns its status into the exit status. */
#include "experiments/command.h"
#include "core/base/memory.h"
#include "experiments/config/experiment.h"
#include "experiments/config/find.h"
#include "experiments/work/worker.h"

#include "core/base/spelling.h"
#include "core/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const char *name;
  rp_status (*run)(int, char **, rp_error *);
  const char *help;
} command;

static const command COMMANDS[] = {
#define RP_COMMAND_ROW(name, function, help) {name, function, help},
    RP_COMMAND_LIST(RP_COMMAND_ROW)
#undef RP_COMMAND_ROW
};

enum { N_COMMANDS = sizeof COMMANDS / sizeof COMMANDS[0], WORKER_FD = 3 };

const char *rp_default_database(void) {
  const char *environment = getenv("REPR_DB");
  return environment && *environment ? environment : "results/repr.db";
}

rp_status rp_command_experiment(const char *given, char **name, rp_error *err) {
  if (!rp_is_file_name(given)) return rp_copy_string(given, name, err);
  RP_CLEANUP(rp_experiment_free) rp_experiment experiment = {0};
  RP_TRY(rp_experiment_load(given, NULL, 0, &experiment, err));
  return rp_copy_string(experiment.name, name, err);
}

static void print_help(FILE *out) {
  fputs("Usage: repr COMMAND [OPTION…]\n\n"
        "Trains ConvNets with the RePr scheme (train, drop the least important filters, train the rest, grow them back) and tells\n"
        "whether it helps: bit-reproducible trials, paired seeds, control arms, every score and drop on record.\n\nCommands:\n",
        out);
  for (int i = 0; i < N_COMMANDS; i++) fprintf(out, "  %-9s %s\n", COMMANDS[i].name, COMMANDS[i].help);
  fputs("\n`repr COMMAND --help` tells more. An example:\n\n"
        "  repr run experiments/demo.yaml --jobs 2\n  repr report demo\n  repr plot demo\n\n"
        "Exit status: 0 done, 1 some trials failed, 2 bad input (nothing was changed), 3 stopped by the machine, 130 interrupted.\n",
        out);
}

static rp_status run_command(int n, char **arguments, rp_error *err) {
  const char *names[N_COMMANDS];
  for (int i = 0; i < N_COMMANDS; i++) {
    names[i] = COMMANDS[i].name;
    if (strcmp(arguments[1], COMMANDS[i].name) != 0) continue;
    char title[64];
    snprintf(title, sizeof title, "repr %s", COMMANDS[i].name);
    arguments[1] = title;
    return COMMANDS[i].run(n - 1, arguments + 1, err);
  }
  const char *nearest = rp_nearest_spelling(arguments[1], names, N_COMMANDS);
  return rp_fail(err, RP_EUSAGE, "'%s' is no command%s%s%s; `repr --help` lists them", arguments[1], nearest ? "; did you mean '" : "",
                 nearest ? nearest : "", nearest ? "'?" : "");
}

int main(int n, char **arguments) {
  rp_error err = {0};
  if (n < 2 || strcmp(arguments[1], "--help") == 0 || strcmp(arguments[1], "-?") == 0 || strcmp(arguments[1], "help") == 0) {
    print_help(n < 2 ? stderr : stdout);
    return n < 2 ? rp_status_exit(RP_EUSAGE) : 0;
  }
  rp_status status = strcmp(arguments[1], "worker") == 0 ? rp_worker_serve(WORKER_FD, &err) : run_command(n, arguments, &err);
  /* What was printed is a result too: a full disk must not pass for success. */
  if (status == RP_OK && (fflush(stdout) != 0 || ferror(stdout))) status = rp_fail_errno(&err, RP_EIO, "the output cannot be written");
  if (status != RP_OK) fprintf(stderr, "repr: %s\n", err.message);
  return rp_status_exit(status);
}
