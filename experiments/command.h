/* command.h: the command line's subcommands: one row and one file (command_NAME.c) each. */
#ifndef RP_COMMAND_H
#define RP_COMMAND_H

#include "core/base/status.h"

/* X(name, function, one line of help) */
#define RP_COMMAND_LIST(X)                                                                                                                 \
  X("run", rp_command_run, "compute what an experiment still misses")                                                                      \
  X("plan", rp_command_plan, "dry run: trials, states, disk; nothing is written")                                                          \
  X("status", rp_command_status, "what is done, running, failed and why")                                                                  \
  X("show", rp_command_show, "one trial whole")                                                                                            \
  X("diff", rp_command_diff, "what two trials differ in: settings, states, drops")                                                         \
  X("report", rp_command_report, "a table with statistics")                                                                                \
  X("plot", rp_command_plot, "figures")                                                                                                    \
  X("score", rp_command_score, "any ranking criterion on a stored state, beside the built-in ones")                                        \
  X("export", rp_command_export, "one trial whole as an .npz: weights, gates, scores")                                                     \
  X("data", rp_command_data, "data sets: list, fetch NAME, verify NAME")                                                                   \
  X("rankers", rp_command_rankers, "ranking criteria: list, info NAME, new NAME, check FILE.so")                                           \
  X("bench", rp_command_bench, "measured speed of models, beside the bound that their convolutions set")

/* Each parses its own arguments (arguments[0] is "repr NAME"). */
#define RP_COMMAND_DECLARATION(name, function, help) rp_status function(int n, char **arguments, rp_error *err);
RP_COMMAND_LIST(RP_COMMAND_DECLARATION)
#undef RP_COMMAND_DECLARATION

/* What a TRIAL is, for help texts. */
#define RP_TRIAL_HELP                                                                                                                      \
  "TRIAL is the beginning of its id, or ARM/SEED as `repr status` lists them, as in ranker=ortho/1; EXPERIMENT:ARM/SEED where two "        \
  "experiments of the database have such an arm."

/* The name of an experiment that is given by its name or by its file. The caller frees. Errors: RP_EINPUT, where a file cannot be read. */
rp_status rp_command_experiment(const char *given, char **name, rp_error *err);

/* $REPR_DB, else results/repr.db: where `--db` does not say. */
const char *rp_default_database(void);

/* results/repr.db → results/repr.states: what lies beside a database has its name. The caller frees. */
rp_status rp_beside_database(const char *database, const char *ending, char **out, rp_error *err);

#endif
