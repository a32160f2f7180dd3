/* command_diff.c: `repr diff`: what two trials differ in: settings, where their states part, what each dropped. */
#include "experiments/command.h"
#include "experiments/status/overview.h"
#include "results/query.h"

#include "core/base/text.h"

#include <argp.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { OPTION_DB = 1 };

typedef struct {
  const char *trials[2], *database;
  int n_trials;
} diff_arguments;

static const struct argp_option OPTIONS[] = {{"db", OPTION_DB, "FILE", 0, "Database (default: $REPR_DB, else results/repr.db)", 0}, {0}};

static error_t parse(int key, char *value, struct argp_state *state) {
  diff_arguments *arguments = state->input;
  switch (key) {
  case OPTION_DB:
    arguments->database = value;
    return 0;
  case ARGP_KEY_ARG:
    if (arguments->n_trials == 2) argp_error(state, "two trials at a time");
    arguments->trials[arguments->n_trials++] = value;
    return 0;
  case ARGP_KEY_END:
    if (arguments->n_trials < 2) argp_error(state, "two trials are needed, as in ranker=ortho/1 ranker=l2/1 (see `repr status`)");
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp ARGP = {
    OPTIONS,
    parse,
    "TRIAL TRIAL",
    "Says what two trials differ in: their settings; up to where they went through the very same states; and at each drop that both have come "
    "to, how many filters of each layer each of them dropped, and how many of these are the same. " RP_TRIAL_HELP "\v"
    "Example: repr diff ranker=ortho/1 ranker=l2/1",
    0,
    0,
    0};

/* Both trials and their paths. */
typedef struct {
  const rp_trial_result *trials[2];
  rp_path paths[2];
} two_trials;

static void free_paths(two_trials *two) {
  for (int i = 0; i < 2; i++) rp_path_free(&two->paths[i]);
}

static void print_trials(const two_trials *two) {
  for (int i = 0; i < 2; i++) {
    const rp_trial_result *trial = two->trials[i];
    char hex[RP_ID_HEX + 1];
    rp_id_hex(trial->trial, hex);
    printf("%c  %s/%lld of %s (%.12s), %d of %d epochs", "AB"[i], trial -> arm, (long long)trial -> seed, trial -> experiment, hex,
           trial -> epochs_done, trial -> epochs);
    if (!isnan(trial->headline_test_acc)) printf(", headline %.2f %%", 100 * trial->headline_test_acc);
    putchar('\n');
  }
}

/* ---- Tables ---------------------------------------------------------------------------------- */

/* ?1 is a JSON array of both ids. */
static const char SETTINGS_SQL[] =
    "WITH a AS (SELECT DISTINCT key, value FROM v_params WHERE trial = json_extract(?1, '$[0]')), "
    "b AS (SELECT DISTINCT key, value FROM v_params WHERE trial = json_extract(?1, '$[1]')) "
    "SELECT k.key, a.value, b.value FROM (SELECT key FROM a UNION SELECT key FROM b) k LEFT JOIN a ON a.key = k.key "
    "LEFT JOIN b ON b.key = k.key WHERE a.value IS NOT b.value ORDER BY k.key";

/* The drops at the same place of both programs. */
static const char DROPS_SQL[] =
    "WITH a AS (SELECT DISTINCT epoch, cycle, layer, filter, dropped FROM v_filters WHERE acting AND trial = json_extract(?1, '$[0]')), "
    "b AS (SELECT DISTINCT epoch, cycle, layer, filter, dropped FROM v_filters WHERE acting AND trial = json_extract(?1, '$[1]')), "
    "both AS (SELECT epoch, cycle, layer, filter, a.dropped AS by_a, b.dropped AS by_b FROM a JOIN b USING (epoch, cycle, layer, filter)) "
    "SELECT * FROM (SELECT epoch, cycle, 'all' AS layer, sum(by_a), sum(by_b), sum(by_a AND by_b) FROM both GROUP BY epoch, cycle "
    "UNION ALL SELECT epoch, cycle, layer, sum(by_a), sum(by_b), sum(by_a AND by_b) FROM both GROUP BY epoch, cycle, layer "
    "HAVING sum(by_a) + sum(by_b) > 0) ORDER BY epoch, cycle, layer <> 'all', length(layer), layer";

static rp_status print_setting(void *user, int n_columns, const char *const *names, const char *const *values, rp_error *err) {
  (void)n_columns, (void)names, (void)err;
  if ((*(int *)user)++ == 0) printf("\nsettings that differ\n%-32s %-24s %s\n", "key", "A", "B");
  printf("%-32s %-24s %s\n", values[0], values[1] ? values[1] : "-", values[2] ? values[2] : "-");
  return RP_OK;
}

static rp_status print_drop(void *user, int n_columns, const char *const *names, const char *const *values, rp_error *err) {
  (void)n_columns, (void)names, (void)err;
  if ((*(int *)user)++ == 0)
    printf("\nfilters dropped\n%5s %5s  %-24s %6s %6s %9s\n", "epoch", "cycle", "layer", "by A", "by B", "by both");
  printf("%5s %5s  %-24s %6s %6s %9s\n", values[0], values[1], values[2], values[3], values[4], values[5]);
  return RP_OK;
}

/* ---- States ---------------------------------------------------------------------------------- */

/* "drop", "regrow", "epoch" */
static const char *name_of(const rp_path_step *step) {
  return strcmp(step->op, "train") == 0 ? "epoch" : step->op;
}

static void print_state(const rp_path_step *step) {
  if (strcmp(step->op, "init") == 0)
    fputs("as initialised", stdout);
  else if (strcmp(step->op, "train") == 0)
    printf("after epoch %d", step->epoch);
  else
    printf("after epoch %d and its %s", step->epoch, step->op);
}

static void print_states(const two_trials *two) {
  const rp_path *a = &two->paths[0], *b = &two->paths[1];
  int n = 0, n_both = a->n < b->n ? a->n : b->n;
  while (n < n_both && rp_id_equal(a->steps[n].id, b->steps[n].id)) n++;
  fputs("\nstates: ", stdout);
  if (n_both == 0)
    puts("nothing was computed of one of them yet");
  else if (n == 0)
    puts("none in common: they start from other weights or other data");
  if (n == 0) return;
  printf("%d in common, the last one ", n);
  print_state(&a->steps[n - 1]);
  if (n == n_both)
    puts(a->n == b->n ? "; they do not part" : "; they do not part as far as both have come");
  else if (strcmp(a->steps[n].op, b->steps[n].op) != 0)
    printf("; next comes A's %s, B's %s\n", name_of(&a->steps[n]), name_of(&b->steps[n]));
  else
    printf("; they part at the %s that follows\n", name_of(&a->steps[n]));
}

static rp_status diff(rp_store *store, two_trials *two, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text ids = {0};
  int n_settings = 0, n_drops = 0;
  for (int i = 0; i < 2; i++) {
    char hex[RP_ID_HEX + 1];
    rp_id_hex(two->trials[i]->trial, hex);
    rp_text_format(&ids, "%s\"%s\"", i ? "," : "[", hex);
    RP_TRY(rp_query_path(store, two->trials[i]->trial, &two->paths[i], err));
  }
  rp_text_add(&ids, "]");
  RP_TRY(rp_text_check(&ids, err));
  print_trials(two);
  if (rp_id_equal(two->trials[0]->trial, two->trials[1]->trial)) {
    puts("\nthese are one and the same trial");
    return RP_OK;
  }
  RP_TRY(rp_query_rows(store, SETTINGS_SQL, rp_text_string(&ids), print_setting, &n_settings, err));
  if (n_settings == 0) puts("\nno setting differs but the seed");
  print_states(two);
  RP_TRY(rp_query_rows(store, DROPS_SQL, rp_text_string(&ids), print_drop, &n_drops, err));
  RP_TRY(rp_overview_concerns(store, two->trials[0]->experiment, stderr, err));
  if (strcmp(two->trials[0]->experiment, two->trials[1]->experiment) == 0) return RP_OK;
  return rp_overview_concerns(store, two->trials[1]->experiment, stderr, err);
}

rp_status rp_command_diff(int n, char **arguments, rp_error *err) {
  diff_arguments parsed = {.database = rp_default_database()};
  argp_err_exit_status = rp_status_exit(RP_EUSAGE);
  if (argp_parse(&ARGP, n, arguments, 0, 0, &parsed) != 0) return rp_fail(err, RP_EUSAGE, "the arguments cannot be understood");
  RP_CLEANUP(rp_store_close) rp_store *store = NULL;
  RP_TRY(rp_store_open(parsed.database, RP_STORE_READ, &store, err));
  RP_CLEANUP(rp_trial_list_free) rp_trial_list trials = {0};
  RP_CLEANUP(free_paths) two_trials two = {0};
  RP_TRY(rp_query_trials(store, NULL, &trials, err));
  for (int i = 0; i < 2; i++) RP_TRY(rp_trial_list_find(&trials, parsed.trials[i], &two.trials[i], err));
  return diff(store, &two, err);
}
