/* command_plan.c: `repr plan`: what a run would compute. */
#include "experiments/command.h"
#include "experiments/plan/cost.h"

#include "core/base/memory.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>

enum { OPTION_SET = 1, OPTION_DATA, MOST_SETS = 256 };

typedef struct {
  const char *experiment, *data;
  const char *sets[MOST_SETS];
  int n_sets, is_verbose;
} plan_arguments;

static const struct argp_option OPTIONS[] = {{"set", OPTION_SET, "KEY=VALUE", 0, "Set a key of the experiment; may be repeated", 0},
                                             {"data", OPTION_DATA, "DIR", 0, "Folder of data sets (default: $REPR_DATA, else data)", 0},
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
    "Checks an experiment and says what a run would compute. Writes nothing.\vExample: repr plan experiments/demo.yaml -v",
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

rp_status rp_command_plan(int n, char **arguments, rp_error *err) {
  plan_arguments parsed = {0};
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
  return RP_OK;
}
