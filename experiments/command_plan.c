/* command_plan.c: `repr plan`: what a run would compute. */
#include "experiments/command.h"
#include "experiments/plan/cost.h"
#include "experiments/status/overview.h"
#include "experiments/work/environment.h"
#include "experiments/work/progress.h"
#include "experiments/work/remainder.h"

#include "core/base/files.h"
#include "core/base/memory.h"
#include "core/base/text.h"

#include <argp.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { OPTION_SET = 1, OPTION_DATA, OPTION_DB, MOST_SETS = 256 };

typedef struct {
  const char *experiment, *data, *database;
  const char *sets[MOST_SETS];
  int n_sets, is_verbose;
} plan_arguments;

static const struct argp_option OPTIONS[] = {
    {"set", OPTION_SET, "KEY=VALUE", 0, "Set a key of the experiment; may be repeated", 0},
    {"data", OPTION_DATA, "DIR", 0, "Folder of data sets (default: $REPR_DATA, else data)", 0},
    {"db", OPTION_DB, "FILE", 0, "Database, for what is there already (default: $REPR_DB, else results/repr.db)", 0},
    {"verbose", 'v', 0, 0, "With each trial's configuration, every default written out", 0},
    {0}};

static error_t parse(int key, char *value, struct argp_state *state) {
  plan_arguments *arguments = state->input;
  switch (key) {
  case OPTION_SET:
    if (arguments->n_sets == MOST_SETS) argp_error(state, "more than %d --set", MOST_SETS);
    arguments->sets[arguments->n_sets++] = value;
    return 0;
  case OPTION_DATA:
    arguments->data = value;
    return 0;
  case OPTION_DB:
    arguments->database = value;
    return 0;
  case 'v':
    arguments->is_verbose = 1;
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
    "Checks an experiment and says what a run would compute, and what of it the database has already. Writes nothing.\v"
    "Example: repr plan experiments/demo.yaml -v",
    0,
    0,
    0};

static rp_status print_trials(const rp_campaign *campaign, int is_verbose, rp_error *err) {
  for (int t = 0; t < campaign->experiment.n_trials; t++) {
    const rp_trial_plan *plan = &campaign->plans[t];
    char hex[RP_ID_HEX + 1];
    rp_id_hex(plan->id, hex);
    RP_CLEANUP(rp_free_pointer) char *name = NULL;
    RP_TRY(rp_campaign_trial_name(campaign, t, &name, err));
    printf("%-12.12s %-32s %4u epochs, %d filters\n", hex, name, plan->program.epochs, plan->n_filters);
    if (!is_verbose) continue;
    RP_CLEANUP(rp_free_pointer) char *config = NULL;
    RP_TRY(rp_node_pretty(campaign->experiment.trials[t].config, &config, err));
    puts(config);
  }
  return RP_OK;
}

/* Of the trials that have most: others lack those that measure on a validation split. A ranker with several variants is named once. */
static void print_shadows(const rp_campaign *campaign) {
  const rp_shadow_set *longest = NULL;
  for (int i = 0; i < campaign->n_shadow_sets; i++)
    if (!longest || campaign->shadow_sets[i].n > longest->n) longest = &campaign->shadow_sets[i];
  if (!longest || longest->n == 0) return;
  fputs("shadow rankers at each drop:", stdout);
  for (int i = 0; i < longest->n; i++) {
    const char *name = longest->shadows[i].plan.description.name;
    int is_new = 1;
    for (int j = 0; j < i; j++) is_new &= strcmp(longest->shadows[j].plan.description.name, name) != 0;
    if (is_new) printf("%s %s", i ? "," : "", name);
  }
  putchar('\n');
}

/* ---- What is there already ------------------------------------------------------------------- */

static void add_left(const rp_remainder *own, const rp_campaign *campaign, rp_text *text) {
  char duration[64];
  if (own->left == 0) rp_text_add(text, "; nothing is left to compute");
  if (own->left == 0 || own->there == 0) return;
  if (isnan(own->seconds_left)) {
    rp_text_add(text, "; how long the rest takes is known once each model has trained");
    return;
  }
  rp_progress_duration(own->seconds_left, duration, sizeof duration);
  rp_text_format(text, "; the rest takes one worker at most about %s", duration);
  if (campaign->n_shadow_sets) rp_text_add(text, ", shadow rankers aside");
}

static void print_remainder(const rp_remainder *own, int64_t elsewhere, const rp_campaign *campaign, int64_t n_states,
                            const char *database) {
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  add_left(own, campaign, &text);
  printf("%s: %lld of %lld states are there already%s\n", database, (long long)own->there, (long long)n_states, rp_text_string(&text));
  if (own->n_failed)
    printf("%d of the trials failed; they are left alone unless `repr run` is told to --retry (`repr status` says why they failed)\n",
           own->n_failed);
  if (elsewhere)
    printf("%lld more states are there from another environment (libraries, instruction set, compiler or build) and are computed again\n",
           (long long)elsewhere);
}

/* A run reuses what its own environment computed, which is this process's. */
static rp_status look_at_own_environment(rp_store *store, rp_error *err) {
  RP_CLEANUP(rp_wire_free) rp_wire wire = {0};
  rp_environment own;
  rp_environment_put(&wire);
  RP_TRY(rp_environment_get(&wire, &own, err));
  return rp_store_look_at_environment(store, &own, err);
}

static rp_status note_row(void *user, int n_columns, const char *const *names, const char *const *values, rp_error *err) {
  (void)n_columns, (void)names, (void)values, (void)err;
  *(int *)user = 1;
  return RP_OK;
}

/* Of an experiment that has run: rankers whose answers a run would ask for again, even where no state is left to compute. */
static rp_status show_concerns(rp_store *store, const char *experiment, rp_error *err) {
  int has_run = 0;
  RP_TRY(rp_query_rows(store, "SELECT 1 FROM v_trials WHERE experiment = ?1 LIMIT 1", experiment, note_row, &has_run, err));
  return has_run ? rp_overview_concerns(store, experiment, stderr, err) : RP_OK;
}

static rp_status show_remainder(const rp_campaign *campaign, int64_t n_states, const char *database, rp_error *err) {
  RP_CLEANUP(rp_store_close) rp_store *store = NULL;
  rp_remainder any = {0}, own = {0};
  if (!rp_file_exists(database)) {
    printf("%s: not there yet, so all of it is to be computed\n", database);
    return RP_OK;
  }
  RP_TRY(rp_store_open(database, RP_STORE_READ, &store, err));
  RP_TRY(rp_remainder_of(campaign, store, &any, err));
  RP_TRY(look_at_own_environment(store, err));
  RP_TRY(rp_remainder_of(campaign, store, &own, err));
  print_remainder(&own, any.there - own.there, campaign, n_states, database);
  return show_concerns(store, campaign->experiment.name, err);
}

rp_status rp_command_plan(int n, char **arguments, rp_error *err) {
  plan_arguments parsed = {.database = rp_default_database()};
  argp_err_exit_status = rp_status_exit(RP_EUSAGE);
  if (argp_parse(&ARGP, n, arguments, 0, 0, &parsed) != 0) return rp_fail(err, RP_EUSAGE, "the arguments cannot be understood");
  RP_CLEANUP(rp_campaign_free) rp_campaign campaign = {0};
  RP_TRY(rp_campaign_open(parsed.experiment, parsed.sets, parsed.n_sets, parsed.data, &campaign, err));
  fputs(campaign.notes, stderr);
  rp_cost cost;
  RP_TRY(rp_cost_of(&campaign, &cost, err));
  RP_TRY(print_trials(&campaign, parsed.is_verbose, err));
  print_shadows(&campaign);
  printf("%s: %d trials; at most %lld states to compute with sharing, %lld without; %lld epochs without; about %.1f MB of checkpoints\n",
         campaign.experiment.name, campaign.experiment.n_trials, (long long)cost.states, (long long)cost.states_unshared,
         (long long)cost.epochs_unshared, cost.disk_bytes / 1e6);
  return show_remainder(&campaign, cost.states, parsed.database, err);
}
