/* How far criteria agree about the same weights: correlations and overlaps by hand, what counts as one event, and what has none. */
#include "tests/synthetic_store.h"

#include "plots/figure.h"
#include "results/agreement.h"
#include "results/report.h"

static double accuracy(int seed, int epoch) {
  return 0.5 + 0.01 * seed + 0.01 * epoch;
}

#define REPR(s)                                                                                                                            \
  { .experiment = "x", .arm = "repr", .ranker = "ortho", .seed = s, .script = "eeDsRe", .test_acc = accuracy, .status = RP_TRIAL_DONE }
static const synthetic_trial TWO_SEEDS[] = {REPR(1), REPR(2)};

/* ortho, which acts, scores 0.1 to 0.5 and drops filters 0 and 4 (synthetic_store.h). */
static const uint8_t LIKE_ORTHO[] = {1, 0, 0, 0, 1}, LAST_TWO[] = {0, 0, 0, 1, 1}, MIDDLE_TWO[] = {0, 1, 1, 0, 0};
static const int RANKS[] = {5, 4, 3, 2, 1};
/* Mid-ranks 4.5, 4.5, 3, 2, 1 against 1 to 5: deviations from 3 multiply to -9.5, squares sum to 9.5 and 10: ρ = -9.5 / √95. */
static const float FALLING[] = {0.5f, 0.5f, 0.3f, 0.2f, 0.1f};
#define RHO_OF_FALLING (-0.97467943)
/* Ranks 1, 2, 3, 5, 4: ρ = 1 - 6·2 / (5·24). */
static const float NEARLY_RISING[] = {1, 2, 3, 5, 4};
#define RHO_OF_NEARLY_RISING 0.9
/* ρ of FALLING and NEARLY_RISING: deviations 1.5, 1.5, 0, -1, -2 and -2, -1, 0, 2, 1: -8.5 / √95. */
#define RHO_OF_BOTH (-0.87208160)
static const float EQUAL[] = {7, 7, 7, 7, 7};

typedef struct {
  char *path;
  rp_store *store;
} fixture;

static fixture a_store_with(const synthetic_trial *trials, int n, const rp_criterion *shadows, int n_shadows) {
  fixture made = {.path = synthetic_path()};
  rp_error err = {0};
  assert_ok(rp_store_open(made.path, RP_STORE_WRITE, &made.store, &err), err);
  synthetic_run(made.store, trials, n, shadows, n_shadows);
  return made;
}

static void done_with(fixture *made) {
  rp_store_close(&made->store);
  synthetic_remove(made->path);
}

/* What a shadow says at the drop of TWO_SEEDS' trial of a seed. */
static void say(const fixture *made, int seed, const rp_criterion *shadow, const float *scores, const uint8_t *set) {
  synthetic_put_shadow(made->store, synthetic_id("state repr eeDsRe %d 2", seed), synthetic_id("request repr eeDsRe %d", seed), shadow,
                       scores, RANKS, set);
}

static rp_agreement agreement_of(const fixture *made) {
  rp_agreement agreement;
  rp_error err = {0};
  assert_ok(rp_query_agreement(made->store, "x", &agreement, &err), err);
  return agreement;
}

static int place_of(const rp_agreement *agreement, const char *ranker, const char *settings) {
  for (int i = 0; i < agreement->n; i++)
    if (strcmp(agreement->criteria[i].ranker, ranker) == 0 && strcmp(agreement->criteria[i].settings, settings) == 0) return i;
  fail_msg("there is no criterion %s %s", ranker, settings);
  return -1;
}

static const rp_pair_agreement *pair_of(const rp_agreement *agreement, const char *one, const char *other) {
  int i = place_of(agreement, one, ""), j = place_of(agreement, other, "");
  assert_memory_equal(rp_agreement_pair(agreement, i, j), rp_agreement_pair(agreement, j, i), sizeof(rp_pair_agreement));
  return rp_agreement_pair(agreement, i, j);
}

static char *report_of(const fixture *made, rp_report_format format) {
  char *text = NULL;
  size_t size;
  rp_error err = {0};
  FILE *out = open_memstream(&text, &size);
  assert_ok(rp_report(made->store, "x", format, out, &err), err);
  fclose(out);
  return text;
}

static void assert_has(const char *text, const char *part) {
  if (!strstr(text, part)) fail_msg("«%s» is not in:\n%s", part, text);
}

/* ---- Numbers --------------------------------------------------------------------------------- */

/* Of two events: half the sum, and half the difference times √2. */
static void correlations_and_overlaps_are_means_over_events(void **unused) {
  (void)unused;
  rp_criterion shadows[] = {synthetic_criterion("l2")};
  fixture made = a_store_with(TWO_SEEDS, 2, shadows, 1);
  say(&made, 1, &shadows[0], FALLING, LAST_TWO);
  say(&made, 2, &shadows[0], NEARLY_RISING, LIKE_ORTHO);
  rp_agreement agreement = agreement_of(&made);
  const rp_pair_agreement *pair = pair_of(&agreement, "l2", "ortho");
  assert_int_equal(pair->n_events, 2);
  assert_int_equal(pair->n_trials, 2);
  assert_int_equal(pair->spearman.n, 2);
  assert_near(pair->spearman.mean, (RHO_OF_FALLING + RHO_OF_NEARLY_RISING) / 2, 1e-7);
  assert_near(pair->spearman.sd, (RHO_OF_NEARLY_RISING - RHO_OF_FALLING) / sqrt(2), 1e-7);
  assert_near(pair->overlap.mean, 0.75, 1e-12);
  assert_near(pair->overlap.sd, 0.5 / sqrt(2), 1e-12);
  const rp_compared_criterion *l2 = &agreement.criteria[place_of(&agreement, "l2", "")];
  assert_near(l2->acting_rho.mean, pair->spearman.mean, 1e-12);
  assert_near(l2->acting_overlap.mean, 0.75, 1e-12);
  assert_false(l2->acts);
  const rp_compared_criterion *ortho = &agreement.criteria[place_of(&agreement, "ortho", "")];
  assert_true(ortho->acts);
  assert_int_equal(ortho->acting_rho.n, 0); /* nobody else acts */
  assert_true(isnan(ortho->acting_rho.mean));
  assert_int_equal(agreement.n_events, 2);
  assert_int_equal(agreement.n_seeds, 2);
  assert_true(agreement.has_shadows);
  rp_agreement_free(&agreement);
  done_with(&made);
}

static void shadows_are_compared_with_each_other_where_both_were_scored(void **unused) {
  (void)unused;
  rp_criterion shadows[] = {synthetic_criterion("l2"), synthetic_criterion("taylor")};
  fixture made = a_store_with(TWO_SEEDS, 2, shadows, 2);
  say(&made, 1, &shadows[0], FALLING, LAST_TWO);
  say(&made, 2, &shadows[0], FALLING, LAST_TWO);
  say(&made, 2, &shadows[1], NEARLY_RISING, MIDDLE_TWO);
  rp_agreement agreement = agreement_of(&made);
  const rp_pair_agreement *pair = pair_of(&agreement, "l2", "taylor");
  assert_int_equal(pair->n_events, 1);
  assert_int_equal(pair->n_trials, 1);
  assert_near(pair->spearman.mean, RHO_OF_BOTH, 1e-7);
  assert_true(isnan(pair->spearman.sd));
  assert_near(pair->overlap.mean, 0, 1e-12);
  assert_int_equal(pair_of(&agreement, "l2", "ortho")->n_events, 2);
  rp_agreement_free(&agreement);
  done_with(&made);
}

static void scores_that_are_all_equal_have_no_correlation_and_are_counted(void **unused) {
  (void)unused;
  rp_criterion shadows[] = {synthetic_criterion("apoz")};
  fixture made = a_store_with(TWO_SEEDS, 2, shadows, 1);
  say(&made, 1, &shadows[0], EQUAL, LAST_TWO);
  say(&made, 2, &shadows[0], NEARLY_RISING, LAST_TWO);
  rp_agreement agreement = agreement_of(&made);
  const rp_pair_agreement *pair = pair_of(&agreement, "apoz", "ortho");
  assert_int_equal(pair->n_events, 2);
  assert_int_equal(pair->spearman.n, 1);
  assert_near(pair->spearman.mean, RHO_OF_NEARLY_RISING, 1e-7);
  assert_int_equal(pair->overlap.n, 2);
  assert_int_equal(rp_agreement_constant(&agreement, place_of(&agreement, "apoz", "")), 1);
  assert_int_equal(rp_agreement_constant(&agreement, place_of(&agreement, "ortho", "")), 0);
  rp_agreement_free(&agreement);
  char *text = report_of(&made, RP_REPORT_MARKDOWN);
  assert_has(text, "apoz: all scores were equal at 1 of 2 drops");
  free(text);
  done_with(&made);
}

/* ---- Events ---------------------------------------------------------------------------------- */

/* A trial that is at the first three states of TWO_SEEDS' first one, and drops from there. */
static rp_id put_branch(const fixture *made, const char *arm, const char *ranker, double p, const float *scores, const uint8_t *set) {
  rp_error err = {0};
  rp_id none = {{0}}, ranked = synthetic_id("state repr eeDsRe 1 2");
  synthetic_trial trial = {.arm = arm, .ranker = ranker, .script = "eeD", .seed = 1};
  rp_drop_row drop = {.request = synthetic_id("request of %s", arm),
                      .state = ranked,
                      .criterion = synthetic_criterion(ranker),
                      .p = p,
                      .limits_json = "{\"ranker\":\"its own\"}",
                      .gate = 1,
                      .set = set,
                      .ranks = RANKS,
                      .count = 2};
  rp_state_row state = rp_state_row_empty();
  state.id = synthetic_id("state of %s", arm), state.parent = ranked, state.digest = state.id;
  state.op = "drop", state.phase = "sub", state.epoch = 2, state.cycle = 1;
  synthetic_put_trial(made->store, &trial);
  for (int step = 0; step < 3; step++)
    assert_ok(
        rp_store_put_path(made->store, synthetic_trial_id(&trial), step, synthetic_id("state repr eeDsRe 1 %d", step), none, NULL, &err),
        err);
  assert_ok(rp_store_put_scores(made->store, ranked, &drop.criterion, &SYNTHETIC_FILTERS, scores, &err), err);
  assert_ok(rp_store_put_drop(made->store, &drop, &SYNTHETIC_FILTERS, &err), err);
  assert_ok(rp_store_put_state(made->store, &state, &err), err);
  assert_ok(rp_store_put_path(made->store, synthetic_trial_id(&trial), 3, state.id, drop.request, NULL, &err), err);
  return synthetic_trial_id(&trial);
}

/* A plan of both trials of TWO_SEEDS and others. */
static void plan_with(const fixture *made, const rp_id *others, int n, const rp_criterion *shadows, int n_shadows) {
  rp_error err = {0};
  rp_plan_trial members[8] = {{.trial = synthetic_trial_id(&TWO_SEEDS[0]), .arm = "repr", .differs_json = "{}"},
                              {.trial = synthetic_trial_id(&TWO_SEEDS[1]), .arm = "repr", .differs_json = "{}"}};
  for (int i = 0; i < n; i++) members[2 + i] = (rp_plan_trial){.trial = others[i], .arm = "branch", .differs_json = "{}"};
  rp_plan_row plan = {.experiment = "x",
                      .digest = synthetic_id("branches"),
                      .trials = members,
                      .n_trials = 2 + n,
                      .shadows = shadows,
                      .n_shadows = n_shadows};
  assert_ok(rp_store_put_plan(made->store, &plan, &err), err);
}

/* l2 acts in an arm that shares seed 1's state, and is a shadow of seed 2: two events, not three, each with one opinion of each. */
static void a_state_that_trials_share_is_one_event(void **unused) {
  (void)unused;
  rp_criterion shadows[] = {synthetic_criterion("l2")};
  fixture made = a_store_with(TWO_SEEDS, 2, NULL, 0);
  rp_id branch = put_branch(&made, "branch", "l2", 40, FALLING, LAST_TWO);
  plan_with(&made, &branch, 1, shadows, 1);
  say(&made, 1, &shadows[0], FALLING, LAST_TWO);
  say(&made, 2, &shadows[0], NEARLY_RISING, LIKE_ORTHO);
  rp_agreement agreement = agreement_of(&made);
  const rp_pair_agreement *pair = pair_of(&agreement, "l2", "ortho");
  assert_int_equal(agreement.n_events, 2);
  assert_int_equal(agreement.n_trials, 3);
  assert_int_equal(agreement.n_seeds, 2);
  assert_int_equal(pair->n_events, 2);
  assert_int_equal(pair->n_trials, 3);
  assert_near(pair->spearman.mean, (RHO_OF_FALLING + RHO_OF_NEARLY_RISING) / 2, 1e-7);
  assert_near(pair->overlap.mean, 0.75, 1e-12);
  /* at the first event both act, at the second only ortho does */
  assert_int_equal(agreement.criteria[place_of(&agreement, "ortho", "")].acting_rho.n, 1);
  assert_int_equal(agreement.criteria[place_of(&agreement, "l2", "")].acting_rho.n, 2);
  rp_agreement_free(&agreement);
  done_with(&made);
}

/* Arms without shadows: what they share can be compared, and the report says how to have more, which the figure waits for. */
static void criteria_that_act_on_one_state_are_compared_without_shadows(void **unused) {
  (void)unused;
  fixture made = a_store_with(TWO_SEEDS, 2, NULL, 0);
  rp_id branches[] = {put_branch(&made, "one", "l2", 40, FALLING, LAST_TWO),
                      put_branch(&made, "two", "taylor", 40, NEARLY_RISING, LAST_TWO)};
  plan_with(&made, branches, 2, NULL, 0);
  rp_agreement agreement = agreement_of(&made);
  assert_int_equal(agreement.n, 3);
  assert_int_equal(agreement.n_events, 1); /* at seed 2's there is ortho alone */
  assert_int_equal(agreement.n_seeds, 1);
  assert_false(agreement.has_shadows);
  assert_near(pair_of(&agreement, "l2", "taylor")->spearman.mean, RHO_OF_BOTH, 1e-7);
  /* several others acted: their mean */
  assert_near(agreement.criteria[place_of(&agreement, "l2", "")].acting_rho.mean, (RHO_OF_BOTH + RHO_OF_FALLING) / 2, 1e-7);
  assert_near(agreement.criteria[place_of(&agreement, "l2", "")].acting_overlap.mean, (1 + 0.5) / 2, 1e-12);
  rp_agreement_free(&agreement);
  char *text = report_of(&made, RP_REPORT_TEXT);
  assert_has(text, "Criteria on the same weights (1 drop of 3 trials)");
  assert_has(text, "`shadow: [all]`");
  free(text);
  rp_error err = {0};
  rp_plot_options options = {.folder = "/nowhere"};
  assert_fails(rp_plot(made.store, "x", "agreement", &options, &err), RP_EINPUT, err, "`shadow: [all]`");
  done_with(&made);
}

/* l2 is asked for p 40 and 20 of one state, and would drop otherwise; what ortho was asked for is 40 only. */
static void drops_of_another_p_are_compared_with_their_like(void **unused) {
  (void)unused;
  fixture made = a_store_with(TWO_SEEDS, 2, NULL, 0);
  rp_id branches[] = {put_branch(&made, "forty", "l2", 40, FALLING, LAST_TWO), put_branch(&made, "twenty", "l2", 20, FALLING, LIKE_ORTHO),
                      put_branch(&made, "taylor", "taylor", 20, NEARLY_RISING, LIKE_ORTHO),
                      put_branch(&made, "taylor-forty", "taylor", 40, NEARLY_RISING, LIKE_ORTHO)};
  plan_with(&made, branches, 4, NULL, 0);
  rp_agreement agreement = agreement_of(&made);
  assert_near(pair_of(&agreement, "l2", "ortho")->overlap.mean, 0.5, 1e-12);
  assert_int_equal(pair_of(&agreement, "l2", "ortho")->spearman.n, 1);
  /* one of two in common at 40, both at 20 */
  assert_near(pair_of(&agreement, "l2", "taylor")->overlap.mean, 0.75, 1e-12);
  assert_int_equal(pair_of(&agreement, "l2", "taylor")->overlap.n, 1);
  rp_agreement_free(&agreement);
  done_with(&made);
}

static void other_experiments_shadows_are_not_in_it(void **unused) {
  (void)unused;
  rp_criterion mine = synthetic_criterion("l2"), theirs = synthetic_criterion("taylor");
  fixture made = a_store_with(TWO_SEEDS, 2, &mine, 1);
  say(&made, 1, &mine, FALLING, LAST_TWO);
  say(&made, 1, &theirs, FALLING, LAST_TWO);
  rp_agreement agreement = agreement_of(&made);
  assert_int_equal(agreement.n, 2);
  rp_agreement_free(&agreement);
  done_with(&made);
}

static void one_criterion_alone_is_nothing_to_compare(void **unused) {
  (void)unused;
  fixture made = a_store_with(TWO_SEEDS, 2, NULL, 0);
  rp_agreement agreement = agreement_of(&made);
  assert_int_equal(agreement.n, 0);
  assert_int_equal(agreement.n_events, 0);
  rp_agreement_free(&agreement);
  char *text = report_of(&made, RP_REPORT_TEXT);
  assert_null(strstr(text, "same weights"));
  free(text);
  done_with(&made);
}

static void scores_of_different_filters_are_damage(void **unused) {
  (void)unused;
  static const float some[] = {1, 2, NAN, 5, 4};
  rp_criterion shadow = synthetic_criterion("l2");
  rp_agreement agreement;
  rp_error err = {0};
  fixture made = a_store_with(TWO_SEEDS, 2, &shadow, 1);
  say(&made, 1, &shadow, some, LAST_TWO);
  assert_fails(rp_query_agreement(made.store, "x", &agreement, &err), RP_EDAMAGED, err, "different filters");
  assert_int_equal(agreement.n, 0);
  done_with(&made);
}

/* ---- Names and order ------------------------------------------------------------------------- */

static void variants_are_named_by_the_settings_that_differ(void **unused) {
  (void)unused;
  rp_criterion shadows[] = {synthetic_criterion("hessian"), synthetic_criterion("hessian"), synthetic_criterion("l2")};
  shadows[0].options_json = "{\"normalise\":\"none\",\"options\":{\"variant\":\"obd\",\"draws\":\"8\"},\"score\":{\"images\":0}}";
  shadows[1].options_json = "{\"normalise\":\"none\",\"options\":{\"variant\":\"trace\",\"draws\":\"8\"},\"score\":{\"images\":20}}";
  shadows[2].options_json = "{\"normalise\":\"none\",\"options\":{\"divide\":\"d\"},\"score\":{\"images\":0}}";
  fixture made = a_store_with(TWO_SEEDS, 2, shadows, 3);
  for (int i = 0; i < 3; i++) say(&made, 1, &shadows[i], FALLING, LAST_TWO);
  rp_agreement agreement = agreement_of(&made);
  place_of(&agreement, "hessian", "variant=obd score.images=0");
  place_of(&agreement, "hessian", "variant=trace score.images=20");
  place_of(&agreement, "l2", "");
  rp_agreement_free(&agreement);
  done_with(&made);
}

/* Correlations with oracle-loss: ortho -0.97, taylor -0.87, apoz none, l2 1. */
static void the_oracle_comes_first_and_then_who_agrees_with_it_most(void **unused) {
  (void)unused;
  rp_criterion shadows[] = {synthetic_criterion("apoz"), synthetic_criterion("l2"), synthetic_criterion("oracle-accuracy"),
                            synthetic_criterion("oracle-loss"), synthetic_criterion("taylor")};
  fixture made = a_store_with(TWO_SEEDS, 2, shadows, 5);
  say(&made, 1, &shadows[0], EQUAL, LAST_TWO);
  say(&made, 1, &shadows[1], FALLING, LAST_TWO);
  say(&made, 1, &shadows[3], FALLING, LAST_TWO);
  say(&made, 1, &shadows[4], NEARLY_RISING, LAST_TWO);
  rp_agreement agreement = agreement_of(&made);
  static const char *const order[] = {"oracle-loss", "l2", "taylor", "ortho", "apoz"};
  assert_int_equal(agreement.n, 5);
  assert_int_equal(agreement.oracle, 0);
  for (int i = 0; i < 5; i++) assert_string_equal(agreement.criteria[i].ranker, order[i]);
  assert_near(rp_agreement_pair(&agreement, 0, 2)->spearman.mean, RHO_OF_BOTH, 1e-7);
  assert_near(rp_agreement_pair(&agreement, 3, 0)->spearman.mean, RHO_OF_FALLING, 1e-7);
  rp_agreement_free(&agreement);
  done_with(&made);
}

static void without_an_oracle_who_acts_comes_first(void **unused) {
  (void)unused;
  rp_criterion shadows[] = {synthetic_criterion("l2"), synthetic_criterion("taylor")};
  fixture made = a_store_with(TWO_SEEDS, 2, shadows, 2);
  say(&made, 1, &shadows[0], FALLING, LAST_TWO);
  say(&made, 1, &shadows[1], NEARLY_RISING, LAST_TWO);
  rp_agreement agreement = agreement_of(&made);
  assert_int_equal(agreement.oracle, -1);
  static const char *const order[] = {"ortho", "taylor", "l2"};
  for (int i = 0; i < 3; i++) assert_string_equal(agreement.criteria[i].ranker, order[i]);
  rp_agreement_free(&agreement);
  done_with(&made);
}

/* ---- In the report --------------------------------------------------------------------------- */

static void the_report_has_a_row_per_criterion_in_every_format(void **unused) {
  (void)unused;
  rp_criterion shadows[] = {synthetic_criterion("l2"), synthetic_criterion("oracle-accuracy")};
  fixture made = a_store_with(TWO_SEEDS, 2, shadows, 2);
  for (int seed = 1; seed <= 2; seed++) say(&made, seed, &shadows[1], NEARLY_RISING, LIKE_ORTHO);
  say(&made, 1, &shadows[0], FALLING, LAST_TWO);
  char *text = report_of(&made, RP_REPORT_MARKDOWN);
  assert_has(text, "\n### Criteria on the same weights\n\n2 drops of 2 trials\n\n");
  assert_has(
      text,
      "| criterion | drops | trials | with acting | same drops | with oracle-accuracy |\n| --- | ---: | ---: | ---: | ---: | ---: |\n");
  assert_has(text, "| oracle-accuracy | 2 | 2 | +0.90 ± 0.00 | 100 % | – |\n| ortho (acts) | 2 | 2 | – | – | +0.90 ± 0.00 |\n"
                   "| l2 | 1 | 1 | -0.97 | 50 % | -0.87 |\n");
  assert_null(strstr(text, "trains nothing"));
  free(text);
  text = report_of(&made, RP_REPORT_TEXT);
  assert_has(text, "Criteria on the same weights (2 drops of 2 trials)\n");
  assert_has(text, "\nl2               1      1       -0.97         50 %        -0.87\n");
  free(text);
  done_with(&made);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(correlations_and_overlaps_are_means_over_events),
      cmocka_unit_test(shadows_are_compared_with_each_other_where_both_were_scored),
      cmocka_unit_test(scores_that_are_all_equal_have_no_correlation_and_are_counted),
      cmocka_unit_test(a_state_that_trials_share_is_one_event),
      cmocka_unit_test(criteria_that_act_on_one_state_are_compared_without_shadows),
      cmocka_unit_test(drops_of_another_p_are_compared_with_their_like),
      cmocka_unit_test(other_experiments_shadows_are_not_in_it),
      cmocka_unit_test(one_criterion_alone_is_nothing_to_compare),
      cmocka_unit_test(scores_of_different_filters_are_damage),
      cmocka_unit_test(variants_are_named_by_the_settings_that_differ),
      cmocka_unit_test(the_oracle_comes_first_and_then_who_agrees_with_it_most),
      cmocka_unit_test(without_an_oracle_who_acts_comes_first),
      cmocka_unit_test(the_report_has_a_row_per_criterion_in_every_format),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
