/* command_run.c: `repr run`: computes what an experiment misses. */
#include "experiments/command.h"
#include "experiments/plan/campaign.h"
#include "experiments/work/coordinator.h"
#include "experiments/work/pool.h"
#include "results/report.h"

#include "core/base/files.h"
#include "core/base/memory.h"
#include "core/base/text.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { OPTION_SET = 1, OPTION_NO_SHARE, OPTION_FAIL_FAST, OPTION_RETRY, OPTION_DB, OPTION_DATA, MOST_SETS = 256 };

typedef struct {
  const char *experiment, *database, *data;
  const char *sets[MOST_SETS];
  int n_sets;
  rp_run_options options;
} run_arguments;

static const struct argp_option OPTIONS[] = {
    {"jobs", 'j', "J", 0, "Worker processes (default: the number of cores)", 0},
    {"set", OPTION_SET, "KEY=VALUE", 0, "Set a key of the experiment, e.g. train.epochs=30; may be repeated", 0},
    {"db", OPTION_DB, "FILE", 0, "Database (default: $REPR_DB, else results/repr.db)", 0},
    {"data", OPTION_DATA, "DIR", 0, "Folder of data sets (default: $REPR_DATA, else data)", 0},
    {"no-share", OPTION_NO_SHARE, 0, 0, "Let each trial compute all its states itself, from the start", 0},
    {"retry", OPTION_RETRY, 0, 0, "Also trials and shadow rankers that failed for a cause that stays (plugin error, NaN)", 0},
    {"fail-fast", OPTION_FAIL_FAST, 0, 0, "Stop at the first trial that fails", 0},
    {0}};

static error_t parse(int key, char *value, struct argp_state *state) {
  run_arguments *arguments = state->input;
  switch (key) {
  case 'j': {
    char *end;
    long jobs = strtol(value, &end, 10);
    if (*end || jobs < 1 || jobs > RP_MOST_WORKERS)
      argp_error(state, "--jobs %s: a number from 1 to %d is expected", value, RP_MOST_WORKERS);
    arguments->options.jobs = (int)jobs;
    return 0;
  }
  case OPTION_SET:
    if (arguments->n_sets == MOST_SETS) argp_error(state, "more than %d --set", MOST_SETS);
    arguments->sets[arguments->n_sets++] = value;
    return 0;
  case OPTION_DB:
    arguments->database = value;
    return 0;
  case OPTION_DATA:
    arguments->data = value;
    return 0;
  case OPTION_NO_SHARE:
    arguments->options.share = 0;
    return 0;
  case OPTION_RETRY:
    arguments->options.retry = 1;
    return 0;
  case OPTION_FAIL_FAST:
    arguments->options.fail_fast = 1;
    return 0;
  case ARGP_KEY_ARG:
    if (arguments->experiment) argp_error(state, "one experiment at a time");
    arguments->experiment = value;
    return 0;
  case ARGP_KEY_NO_ARGS:
    argp_error(state, "an experiment is missing: a file or a name");
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp ARGP = {
    OPTIONS,
    parse,
    "EXPERIMENT",
    "Computes what is missing of an experiment (a file, or the name of one in experiments/). Safe to interrupt or "
    "kill: the same command goes on from the last finished op.\v"
    "Example: repr run experiments/demo.yaml --jobs 2 --set train.optimizer.lr=0.02",
    0,
    0,
    0};

static void print_summary(const char *name, const rp_run_summary *summary, const char *database) {
  fprintf(stderr, "%s: %d of %d trials done, %d failed; %d states computed; %s\n", name, summary->done, summary->n_trials, summary->failed,
          summary->computed, database);
  if (summary->changed)
    fprintf(stderr,
            "%d trial%s through other states than before, since a ranker answers otherwise or another build computed them: their "
            "results have changed, in each experiment of %s that has them\n",
            summary->changed, summary->changed == 1 ? " goes" : "s go", database);
  if (summary->shadows_scored + summary->shadows_failed == 0) return;
  fprintf(stderr, "shadow rankers: %d answer%s, %d of them computed in %.1f s; %d failed%s\n", summary->shadows_scored,
          summary->shadows_scored == 1 ? "" : "s", summary->shadows_computed, summary->shadows_seconds, summary->shadows_failed,
          summary->shadows_failed ? ": `repr status` says why, --retry asks again" : "");
}

/* What nobody would look for in a table, though it makes a criterion's arms worthless. */
static rp_status print_ties(rp_store *store, const char *experiment, rp_error *err) {
  RP_CLEANUP(rp_tie_list_free) rp_tie_list list = {0};
  RP_TRY(rp_query_ties(store, experiment, &list, err));
  for (int i = 0; i < list.n; i++) {
    RP_CLEANUP(rp_text_free) rp_text text = {0};
    rp_report_add_ties(&list.ties[i], &text);
    RP_TRY(rp_text_check(&text, err));
    fprintf(stderr, "%s\n", rp_text_string(&text));
  }
  return RP_OK;
}

rp_status rp_beside_database(const char *database, const char *ending, char **out, rp_error *err) {
  size_t length = strlen(database);
  if (length > 3 && strcmp(database + length - 3, ".db") == 0) length -= 3;
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  rp_text_add_bytes(&text, database, length);
  rp_text_add(&text, ending);
  return rp_text_take(&text, out, err);
}

/* Held as long as this process lives: a second run on the same database would hand out the same ops. */
static rp_status lock(const char *states, const char *database, int *fd, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *path = NULL;
  RP_TRY(rp_make_folders(states, err));
  RP_TRY(rp_join_path(states, "lock", &path, err));
  *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (*fd < 0) return rp_fail_errno(err, RP_EIO, "%s", path);
  if (flock(*fd, LOCK_EX | LOCK_NB) == 0) return RP_OK;
  if (errno != EWOULDBLOCK) return rp_fail_errno(err, RP_EIO, "%s", path);
  return rp_fail(err, RP_EBUSY, "%s: another run is writing to it; wait for it, or choose another with --db", database);
}

static rp_status run(run_arguments *arguments, rp_error *err) {
  RP_CLEANUP(rp_campaign_free) rp_campaign campaign = {0};
  RP_TRY(rp_campaign_open(arguments->experiment, arguments->sets, arguments->n_sets, arguments->data, &campaign, err));
  fputs(campaign.notes, stderr);
  if (!rp_file_exists(arguments->database)) fprintf(stderr, "new database: %s\n", arguments->database);
  RP_CLEANUP(rp_store_close) rp_store *store = NULL;
  RP_TRY(rp_store_open(arguments->database, RP_STORE_WRITE, &store, err));
  RP_CLEANUP(rp_free_pointer) char *states = NULL;
  RP_CLEANUP(rp_free_pointer) char *logs = NULL;
  RP_TRY(rp_beside_database(arguments->database, ".states", &states, err));
  RP_TRY(rp_beside_database(arguments->database, ".logs", &logs, err));
  int lock_fd;
  RP_TRY(lock(states, arguments->database, &lock_fd, err));
  arguments->options.states = states;
  arguments->options.logs = logs;
  rp_run_summary summary;
  rp_status status = rp_coordinate(&campaign, store, &arguments->options, &summary, err);
  print_summary(campaign.experiment.name, &summary, arguments->database);
  if (status == RP_OK)
    status = print_ties(store, campaign.experiment.name, err);
  else if (status == RP_ETRIALS)
    print_ties(store, campaign.experiment.name, NULL);
  close(lock_fd);
  return status;
}

/* The cores that this process may use: a batch system often grants fewer than the machine has. */
static int usable_cores(void) {
  cpu_set_t cores;
  int n = sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : 1;
  return n < RP_MOST_WORKERS ? n : RP_MOST_WORKERS;
}

rp_status rp_command_run(int n, char **arguments, rp_error *err) {
  run_arguments parsed = {.database = rp_default_database(), .options = {.jobs = usable_cores(), .share = 1}};
  argp_err_exit_status = rp_status_exit(RP_EUSAGE);
  if (argp_parse(&ARGP, n, arguments, 0, 0, &parsed) != 0) return rp_fail(err, RP_EUSAGE, "the arguments cannot be understood");
  return run(&parsed, err);
}
