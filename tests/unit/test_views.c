/* The views: their columns, and what their rows mean. Expected values are worked out by hand from the scripts of the trials. */
#include "tests/synthetic_store.h"

#include "results/query.h"

/* Epoch e of seed s has accuracy 0.5 + 0.1·s + 0.001·e. */
static double rising(int seed, int epoch) {
  return 0.5 + 0.1 * seed + 0.001 * epoch;
}

/* Best at epoch 3, which is an epoch of the sub-network in "eeDsReee", and second best at epoch 2 and 4, equal. */
static double peak_at_three(int seed, int epoch) {
  (void)seed;
  return 0.9 - 0.1 * abs(epoch - 3);
}

typedef struct {
  char *path;
  rp_store *store;
} synthetic;

static synthetic a_store_with(const synthetic_trial *trials, int n, const rp_criterion *shadows, int n_shadows) {
  synthetic fixture = {.path = synthetic_path()};
  rp_error err = {0};
  assert_ok(rp_store_open(fixture.path, RP_STORE_WRITE, &fixture.store, &err), err);
  synthetic_run(fixture.store, trials, n, shadows, n_shadows);
  return fixture;
}

static void done_with(synthetic *fixture) {
  rp_store_close(&fixture->store);
  synthetic_remove(fixture->path);
}

/* All rows of a query as text: columns parted by '|', rows by ' '; NULL is "null". */
static rp_status append_row(void *user, int n_columns, const char *const *names, const char *const *values, rp_error *err) {
  char *text = user;
  (void)names, (void)err;
  size_t length = strlen(text);
  for (int i = 0; i < n_columns; i++)
    length += (size_t)snprintf(text + length, 4096 - length, "%s%s", i ? "|" : length ? " " : "", values[i] ? values[i] : "null");
  return RP_OK;
}

static const char *rows(rp_store *store, const char *sql) {
  static char text[4096];
  rp_error err = {0};
  text[0] = '\0';
  assert_ok(rp_query_rows(store, sql, NULL, append_row, text, &err), err);
  return text;
}

static double number(rp_store *store, const char *sql) {
  return atof(rows(store, sql));
}

static const synthetic_trial TWO_ARMS[] = {
    {.experiment = "x", .arm = "baseline", .seed = 1, .is_baseline = 1, .script = "eeeeeeeee", .test_acc = rising, .status = RP_TRIAL_DONE},
    {.experiment = "x", .arm = "baseline", .seed = 2, .is_baseline = 1, .script = "eeeeeeeee", .test_acc = rising, .status = RP_TRIAL_DONE},
    {.experiment = "x",
     .arm = "repr",
     .ranker = "ortho",
     .seed = 1,
     .script = "eeDsReee",
     .test_acc = rising,
     .val_acc = peak_at_three,
     .status = RP_TRIAL_DONE},
    {.experiment = "x",
     .arm = "repr",
     .ranker = "ortho",
     .seed = 2,
     .script = "eeDsReee",
     .test_acc = rising,
     .val_acc = peak_at_three,
     .status = RP_TRIAL_DONE},
};

static void the_views_have_the_columns_that_are_promised(void **unused) {
  (void)unused;
  synthetic fixture = a_store_with(TWO_ARMS, 4, NULL, 0);
  static const char *const promised[][2] = {
      {"v_trials",
       "experiment arm trial seed scheme ranker s1 s2 n p model data config_json status epochs_done headline_test_acc last_test_acc "
       "best_val_test_acc"},
      {"v_params", "trial key value"},
      {"v_epochs",
       "experiment arm trial seed scheme ranker s1 s2 n p epoch phase lr train_loss train_acc val_loss val_acc test_loss test_acc "
       "ortho_sum ortho_mean active_filters images_per_second"},
      {"v_curves", "experiment arm epoch n mean sd min max ci_low ci_high"},
      {"v_events", "experiment arm trial seed epoch cycle event dropped test_acc_before test_acc_after test_acc_after_bn val_acc_before "
                   "val_acc_after val_acc_after_bn limits_used ties_at_cut constraints_asked constraints_met max_cos_left seconds"},
      {"v_filters", "experiment arm trial seed epoch cycle ranker acting layer filter score rank dropped options"},
      {"v_layers", "experiment arm trial seed epoch layer ortho_mean opposite_share active_filters dead_filters"},
  };
  for (size_t i = 0; i < sizeof promised / sizeof *promised; i++) {
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT name FROM pragma_table_info('%s') ORDER BY cid", promised[i][0]);
    assert_string_equal(rows(fixture.store, sql), promised[i][1]);
  }
  done_with(&fixture);
}

/* "eeDsReee": full 1, 2, sub 3, full 4 to 6. The final full phase has epochs 4, 5, 6: mean of 0.604, 0.605, 0.606 for seed 1. Baseline:
 * epochs 5 to 9. */
static void rule_21_the_headline_averages_the_last_five_epochs_of_the_final_full_phase(void **unused) {
  (void)unused;
  synthetic fixture = a_store_with(TWO_ARMS, 4, NULL, 0);
  assert_near(number(fixture.store, "SELECT headline_test_acc FROM v_trials WHERE arm = 'repr' AND seed = 1"), 0.605, 1e-12);
  assert_near(number(fixture.store, "SELECT headline_test_acc FROM v_trials WHERE arm = 'baseline' AND seed = 2"), 0.707, 1e-12);
  assert_near(number(fixture.store, "SELECT last_test_acc FROM v_trials WHERE arm = 'repr' AND seed = 1"), 0.606, 1e-12);
  rp_trial_list list;
  rp_error err = {0};
  assert_ok(rp_query_trials(fixture.store, "x", &list, &err), err);
  assert_int_equal(list.n, 4);
  assert_int_equal(list.trials[0].headline_epochs, 5);
  assert_int_equal(list.trials[2].headline_epochs, 3);
  rp_trial_list_free(&list);
  done_with(&fixture);
}

static void rule_21_a_phase_without_epochs_in_the_sub_network_parts_full_phases_too(void **unused) {
  (void)unused;
  /* dropped and regrown between epochs 4 and 5: the final full phase is epochs 5, 6; and a run that ends in the sub-network counts the full
   * phase before */
  synthetic_trial trials[] = {
      {.experiment = "x", .arm = "a", .ranker = "ortho", .seed = 1, .script = "eeeeDRee", .test_acc = rising, .status = RP_TRIAL_DONE},
      {.experiment = "x", .arm = "b", .ranker = "ortho", .seed = 1, .script = "eeDsReDss", .test_acc = rising, .status = RP_TRIAL_DONE},
  };
  synthetic fixture = a_store_with(trials, 2, NULL, 0);
  assert_near(number(fixture.store, "SELECT headline_test_acc FROM v_trials WHERE arm = 'a'"), 0.6055, 1e-12);
  assert_near(number(fixture.store, "SELECT headline_test_acc FROM v_trials WHERE arm = 'b'"), 0.604, 1e-12);
  done_with(&fixture);
}

/* Validation peaks at epoch 3, but that is the sub-network's; among full epochs 2 and 4 are equal, and the earlier one counts: 0.602. */
static void rule_21_the_best_validation_epoch_is_a_full_one(void **unused) {
  (void)unused;
  synthetic fixture = a_store_with(TWO_ARMS, 4, NULL, 0);
  assert_near(number(fixture.store, "SELECT best_val_test_acc FROM v_trials WHERE arm = 'repr' AND seed = 1"), 0.602, 1e-12);
  assert_string_equal(rows(fixture.store, "SELECT best_val_test_acc FROM v_trials WHERE arm = 'baseline' AND seed = 1"), "null");
  done_with(&fixture);
}

static void a_trial_that_is_not_done_has_no_headline_yet(void **unused) {
  (void)unused;
  synthetic_trial trials[] = {{.experiment = "x", .arm = "a", .seed = 1, .script = "eeee", .test_acc = rising, .status = RP_TRIAL_RUNNING}};
  synthetic fixture = a_store_with(trials, 1, NULL, 0);
  assert_string_equal(rows(fixture.store, "SELECT status, epochs_done, headline_test_acc, last_test_acc FROM v_trials"),
                      "running|4|null|null");
  done_with(&fixture);
}

static void rule_1_epochs_count_from_the_initial_state_and_know_their_phase(void **unused) {
  (void)unused;
  synthetic fixture = a_store_with(TWO_ARMS, 4, NULL, 0);
  assert_string_equal(rows(fixture.store, "SELECT epoch, phase FROM v_epochs WHERE arm = 'repr' AND seed = 1"),
                      "0|full 1|full 2|full 3|sub 4|full 5|full 6|full");
  assert_string_equal(rows(fixture.store, "SELECT lr, train_acc IS NULL FROM v_epochs WHERE arm = 'repr' AND seed = 1 AND epoch < 2"),
                      "null|1 0.01|0");
  done_with(&fixture);
}

/* Two seeds with 0.6 + 0.001·e and 0.7 + 0.001·e: mean 0.655 at epoch 5, sd 0.1/√2, half width 12.7062·0.05. */
static void rule_24_curves_are_over_distinct_seeds(void **unused) {
  (void)unused;
  synthetic fixture = a_store_with(TWO_ARMS, 4, NULL, 0);
#define AT_FIVE " FROM v_curves WHERE arm = 'repr' AND epoch = 5"
  assert_near(number(fixture.store, "SELECT n" AT_FIVE), 2, 0);
  assert_near(number(fixture.store, "SELECT mean" AT_FIVE), 0.655, 1e-12);
  assert_near(number(fixture.store, "SELECT min" AT_FIVE), 0.605, 1e-12);
  assert_near(number(fixture.store, "SELECT max" AT_FIVE), 0.705, 1e-12);
  assert_near(number(fixture.store, "SELECT sd" AT_FIVE), 0.1 / sqrt(2), 1e-9);
  assert_near(number(fixture.store, "SELECT ci_low" AT_FIVE), 0.655 - 12.706204736 * 0.05, 1e-8);
  assert_near(number(fixture.store, "SELECT ci_high" AT_FIVE), 0.655 + 12.706204736 * 0.05, 1e-8);
  done_with(&fixture);
}

static void rule_24_two_trials_of_one_seed_are_one_in_a_curve(void **unused) {
  (void)unused;
  synthetic_trial trials[] = {
      {.experiment = "x", .arm = "a", .seed = 1, .script = "ee", .test_acc = rising, .status = RP_TRIAL_DONE},
      {.experiment = "x", .arm = "a", .seed = 1, .script = "eee", .test_acc = rising, .status = RP_TRIAL_DONE},
  };
  synthetic fixture = a_store_with(trials, 2, NULL, 0);
  assert_string_equal(rows(fixture.store, "SELECT n, sd, ci_low, ci_high FROM v_curves WHERE epoch = 1"), "1|null|null|null");
  done_with(&fixture);
}

/* Epoch 2 has 0.602; the drop takes 0.05, the regrow leaves epoch 3's 0.603 − 0.02. A drop's 2 seconds include the 0.5 of its ranking. */
static void rule_23_events_show_accuracy_just_before_and_just_after(void **unused) {
  (void)unused;
  synthetic fixture = a_store_with(TWO_ARMS, 4, NULL, 0);
  assert_string_equal(
      rows(fixture.store,
           "SELECT epoch, cycle, event, dropped, round(test_acc_before, 6), round(test_acc_after, 6), limits_used, ties_at_cut, "
           "constraints_asked, constraints_met, max_cos_left, seconds FROM v_events WHERE seed = 1"),
      "2|1|drop|2|0.602|0.552|1|3|null|null|null|2.0 3|1|regrow|2|0.603|0.583|null|null|7|6|0.25|2.0");
  done_with(&fixture);
}

static void rule_23_a_regrow_shows_accuracy_with_other_bn_statistics_beside_its_own(void **unused) {
  (void)unused;
  synthetic fixture = a_store_with(TWO_ARMS, 4, NULL, 0);
  assert_string_equal(
      rows(fixture.store,
           "SELECT event, round(test_acc_after, 6), round(test_acc_after_bn, 6), val_acc_after_bn FROM v_events WHERE seed = 1"),
      "drop|0.552|null|null regrow|0.583|0.588|0.375");
  done_with(&fixture);
}

static void rule_28_a_trial_shows_its_own_ranker_and_the_shadow_ones_of_its_experiment(void **unused) {
  (void)unused;
  static const float upside_down[] = {0.5f, 0.5f, 0.3f, 0.2f, 0.1f};
  static const int ranks[] = {2, 1, 3, 4, 5};
  static const uint8_t set[] = {0, 0, 0, 1, 1};
  rp_criterion shadows[] = {synthetic_criterion("l2"), synthetic_criterion("ortho")};
  rp_criterion unrelated = synthetic_criterion("taylor");
  synthetic fixture = a_store_with(TWO_ARMS, 4, shadows, 2);
  rp_id ranked = synthetic_id("state repr eeDsReee 1 2"), acted = synthetic_id("request repr eeDsReee 1");
  synthetic_put_shadow(fixture.store, ranked, acted, &shadows[0], upside_down, ranks, set);
  synthetic_put_shadow(fixture.store, ranked, acted, &unrelated, upside_down, ranks, set);
  /* its own, though it is a shadow as well, once; what it dropped, and what the shadow would have dropped, with its ranks as stored */
  assert_string_equal(rows(fixture.store, "SELECT ranker, acting, layer, filter, rank, dropped FROM v_filters WHERE seed = 1"),
                      "ortho|1|conv1|0|5|1 ortho|1|conv1|1|4|0 ortho|1|conv2|0|3|0 ortho|1|conv2|1|2|0 ortho|1|conv2|2|1|1 "
                      "l2|0|conv1|0|2|0 l2|0|conv1|1|1|0 l2|0|conv2|0|3|0 l2|0|conv2|1|4|1 l2|0|conv2|2|5|1");
  assert_string_equal(rows(fixture.store, "SELECT DISTINCT epoch, cycle FROM v_filters"), "2|1");
  /* seed 2 has not been asked yet */
  assert_string_equal(rows(fixture.store, "SELECT DISTINCT ranker FROM v_filters WHERE seed = 2"), "ortho");
  assert_string_equal(rows(fixture.store, "SELECT seed, ranker, outcome, seconds FROM shadow_results"),
                      "1|l2|scored|0.25 2|l2|missing|null");
  done_with(&fixture);
}

/* The same ranker under two settings: one acts, the other is a shadow. */
static void variants_of_a_ranker_are_told_apart_by_their_options(void **unused) {
  (void)unused;
  static const float scores[] = {1, 2, 3, 4, 5};
  static const int ranks[] = {5, 4, 3, 2, 1};
  static const uint8_t set[] = {1, 1, 0, 0, 0};
  rp_criterion shadow = synthetic_criterion("ortho");
  shadow.options_json = "{\"options\":{\"variant\":\"authors\"}}";
  synthetic fixture = a_store_with(TWO_ARMS, 4, &shadow, 1);
  synthetic_put_shadow(fixture.store, synthetic_id("state repr eeDsReee 1 2"), synthetic_id("request repr eeDsReee 1"), &shadow, scores,
                       ranks, set);
  assert_string_equal(rows(fixture.store, "SELECT DISTINCT ranker, acting, options FROM v_filters WHERE seed = 1"),
                      "ortho|1|{} ortho|0|{\"options\":{\"variant\":\"authors\"}}");
  done_with(&fixture);
}

/* Two experiments with the same trial: each has shadows of its own. */
static void rule_28_an_experiment_does_not_see_anothers_shadows(void **unused) {
  (void)unused;
  static const float scores[] = {1, 2, 3, 4, 5};
  static const int ranks[] = {5, 4, 3, 2, 1};
  static const uint8_t set[] = {1, 1, 0, 0, 0};
  rp_error err = {0};
  rp_criterion l2 = synthetic_criterion("l2"), taylor = synthetic_criterion("taylor");
  synthetic fixture = a_store_with(TWO_ARMS, 4, &l2, 1);
  rp_plan_trial member = {.trial = synthetic_trial_id(&TWO_ARMS[2]), .arm = "repr", .differs_json = "{}"};
  rp_plan_row plan = {.experiment = "y", .digest = synthetic_id("y"), .trials = &member, .n_trials = 1, .shadows = &taylor, .n_shadows = 1};
  assert_ok(rp_store_put_plan(fixture.store, &plan, &err), err);
  rp_id ranked = synthetic_id("state repr eeDsReee 1 2"), acted = synthetic_id("request repr eeDsReee 1");
  synthetic_put_shadow(fixture.store, ranked, acted, &l2, scores, ranks, set);
  synthetic_put_shadow(fixture.store, ranked, acted, &taylor, scores, ranks, set);
  assert_string_equal(rows(fixture.store, "SELECT DISTINCT experiment, ranker FROM v_filters WHERE acting = 0"), "x|l2 y|taylor");
  done_with(&fixture);
}

/* Scoring data belong to a criterion: trials that have others ask others. */
static void a_shadow_goes_with_the_drops_that_have_its_scoring_data(void **unused) {
  (void)unused;
  rp_criterion shadows[] = {synthetic_criterion("l2"), synthetic_criterion("taylor")};
  shadows[1].options_json = "{\"score\":{\"images\":20}}";
  synthetic fixture = a_store_with(TWO_ARMS, 4, shadows, 2);
  assert_string_equal(rows(fixture.store, "SELECT DISTINCT ranker FROM shadow_results"), "l2");
  done_with(&fixture);
}

static void rule_28_a_states_rows_are_repeated_for_every_trial_whose_path_contains_it(void **unused) {
  (void)unused;
  rp_error err = {0};
  rp_id none = {{0}};
  synthetic fixture = a_store_with(TWO_ARMS, 4, NULL, 0);
  /* a third arm shares the first three states of repr, seed 1 */
  synthetic_trial third = {.arm = "third", .script = "ee", .seed = 1};
  synthetic_put_trial(fixture.store, &third);
  for (int step = 0; step < 3; step++)
    assert_ok(rp_store_put_path(fixture.store, synthetic_trial_id(&third), step, synthetic_id("state repr eeDsReee 1 %d", step), none, NULL,
                                &err),
              err);
  rp_plan_trial members[] = {{.trial = synthetic_trial_id(&TWO_ARMS[2]), .arm = "repr", .differs_json = "{}"},
                             {.trial = synthetic_trial_id(&third), .arm = "third", .differs_json = "{}"}};
  rp_plan_row plan = {.experiment = "y", .digest = synthetic_id("plan of y"), .trials = members, .n_trials = 2};
  assert_ok(rp_store_put_plan(fixture.store, &plan, &err), err);
  assert_string_equal(rows(fixture.store, "SELECT arm, count(*) FROM v_epochs WHERE experiment = 'y' GROUP BY arm"), "repr|7 third|3");
  assert_string_equal(rows(fixture.store, "SELECT arm, count(*) FROM v_layers WHERE experiment = 'y' GROUP BY arm"), "repr|14 third|6");
  /* and repr is in x as before */
  assert_string_equal(rows(fixture.store, "SELECT count(*) FROM v_epochs WHERE experiment = 'x' AND arm = 'repr'"), "14");
  done_with(&fixture);
}

static void rule_22_layers_have_a_row_per_epoch_and_conv_layer(void **unused) {
  (void)unused;
  synthetic fixture = a_store_with(TWO_ARMS, 4, NULL, 0);
  assert_string_equal(rows(fixture.store, "SELECT epoch, layer, ortho_mean, opposite_share, active_filters, dead_filters FROM v_layers "
                                          "WHERE arm = 'repr' AND seed = 2 AND epoch = 6"),
                      "6|conv1|0.1|0.01|2|0 6|conv2|0.2|0.02|3|null");
  done_with(&fixture);
}

static void the_views_show_an_experiments_newest_plan(void **unused) {
  (void)unused;
  rp_error err = {0};
  synthetic fixture = a_store_with(TWO_ARMS, 4, NULL, 0);
  rp_plan_trial member = {.trial = synthetic_trial_id(&TWO_ARMS[2]), .arm = "edited", .differs_json = "{}"};
  rp_plan_row edited = {.experiment = "x", .digest = synthetic_id("edited"), .trials = &member, .n_trials = 1};
  assert_ok(rp_store_put_plan(fixture.store, &edited, &err), err);
  assert_string_equal(rows(fixture.store, "SELECT arm, seed FROM v_trials"), "edited|1");
  assert_string_equal(rows(fixture.store, "SELECT count(DISTINCT trial) FROM v_params"), "1");
  /* the edit is taken back: the first plan is asked for again */
  synthetic_run(fixture.store, TWO_ARMS, 4, NULL, 0);
  assert_string_equal(rows(fixture.store, "SELECT arm, seed FROM v_trials"), "baseline|1 baseline|2 repr|1 repr|2");
  done_with(&fixture);
}

static void parameters_are_flat_keys_and_values(void **unused) {
  (void)unused;
  synthetic fixture = a_store_with(TWO_ARMS, 1, NULL, 0);
  assert_string_equal(rows(fixture.store, "SELECT key, value FROM v_params"), "scheme.name|repr train.epochs|30");
  char hex[RP_ID_HEX + 1];
  rp_id_hex(synthetic_trial_id(&TWO_ARMS[0]), hex);
  assert_string_equal(rows(fixture.store, "SELECT DISTINCT trial FROM v_params"), hex);
  done_with(&fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_views_have_the_columns_that_are_promised),
      cmocka_unit_test(rule_21_the_headline_averages_the_last_five_epochs_of_the_final_full_phase),
      cmocka_unit_test(rule_21_a_phase_without_epochs_in_the_sub_network_parts_full_phases_too),
      cmocka_unit_test(rule_21_the_best_validation_epoch_is_a_full_one),
      cmocka_unit_test(a_trial_that_is_not_done_has_no_headline_yet),
      cmocka_unit_test(rule_1_epochs_count_from_the_initial_state_and_know_their_phase),
      cmocka_unit_test(rule_24_curves_are_over_distinct_seeds),
      cmocka_unit_test(rule_24_two_trials_of_one_seed_are_one_in_a_curve),
      cmocka_unit_test(rule_23_events_show_accuracy_just_before_and_just_after),
      cmocka_unit_test(rule_23_a_regrow_shows_accuracy_with_other_bn_statistics_beside_its_own),
      cmocka_unit_test(rule_28_a_trial_shows_its_own_ranker_and_the_shadow_ones_of_its_experiment),
      cmocka_unit_test(variants_of_a_ranker_are_told_apart_by_their_options),
      cmocka_unit_test(rule_28_an_experiment_does_not_see_anothers_shadows),
      cmocka_unit_test(a_shadow_goes_with_the_drops_that_have_its_scoring_data),
      cmocka_unit_test(rule_28_a_states_rows_are_repeated_for_every_trial_whose_path_contains_it),
      cmocka_unit_test(rule_22_layers_have_a_row_per_epoch_and_conv_layer),
      cmocka_unit_test(the_views_show_an_experiments_newest_plan),
      cmocka_unit_test(parameters_are_flat_keys_and_values),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
