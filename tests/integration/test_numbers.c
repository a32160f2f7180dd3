/* test_numbers.c: what a run stores, against numbers that are worked out here, from its checkpoints, the data and the scores. */
#include "core/probes/evaluate.h"
#include "core/probes/reestimate.h"
#include "core/state/checkpoint.h"
#include "experiments/plan/campaign.h"
#include "tests/program.h"

#include <math.h>

/* 48 filters. In the arm `narrow` conv1's have 3 weights, fewer than there are filters, so that not all constraints of a regrow can be met.
 */
static const char EXPERIMENT[] = "name: numbers\n"
                                 "model: {name: c3, depth: 3, filters: 16, kernel: 3, init: {name: he}}\n"
                                 "data: {name: shapes, train: 1000, validation: 90, test: 110}\n"
                                 "train: {epochs: 6, batch: 16, optimizer: {name: momentum, lr: 0.01}}\n"
                                 "scheme: {name: repr, s1: 2, s2: 2, n: 1, p: 40}\n"
                                 "seeds: [3]\n"
                                 "arms:\n"
                                 "  few: {scheme.ranker: random, scheme.p: 10}\n"
                                 "  gated: {scheme.ranker: l2}\n"
                                 "  ungated: {scheme.ranker: l2, scheme.gate: off}\n"
                                 "  normalised: {scheme.ranker: {name: l2, normalise: layer-max}}\n"
                                 "  train-oracle: {scheme.ranker: oracle-loss, score.data: train, score.images: 100}\n"
                                 "  oracle: {scheme.ranker: oracle-loss}\n"
                                 "  narrow: {scheme.ranker: random, model.kernel: 1}\n"
                                 "  normed: {scheme.ranker: l2, model.bn: on}\n";

static rp_campaign campaign;

static int make_run(void **state) {
  if (enter_work_folder(state) != 0 || setenv("REPR_RANKERS", built_file("rankers"), 1) != 0 ||
      setenv("REPR_EXPERIMENTS", built_file("../experiments"), 1) != 0)
    return -1;
  write_text("numbers.yaml", EXPERIMENT);
  expect_exit(0, "run numbers.yaml --jobs 2 --db n.db");
  rp_error err = {0};
  assert_ok(rp_campaign_open("./numbers.yaml", NULL, 0, NULL, &campaign, &err), err);
  return 0;
}

static int forget_run(void **state) {
  rp_campaign_free(&campaign);
  return leave_work_folder(state);
}

/* A number from the database; NaN where there is none. */
static double number_of(const char *sql) {
  char *rows = rows_of("n.db", sql);
  double value = *rows && strcmp(rows, "NULL\n") != 0 ? strtod(rows, NULL) : NAN;
  sqlite3_free(rows);
  return value;
}

/* The state of an arm's trial after path step `step`, from its checkpoint; the net is that of the run. */
static rp_state *state_after(const char *arm, int step, rp_net *net) {
  char sql[512], path[128];
  snprintf(sql, sizeof sql,
           "SELECT s.id FROM states s JOIN paths p ON p.state = s.state JOIN trials t ON t.trial = p.trial"
           " WHERE t.id = (SELECT trial FROM v_trials WHERE arm = '%s') AND p.step = %d",
           arm, step);
  char *id = rows_of("n.db", sql);
  snprintf(path, sizeof path, "n.states/%.32s.state", id);
  sqlite3_free(id);
  rp_state *state;
  rp_error err = {0};
  assert_ok(rp_checkpoint_read(path, rp_net_layout(net), &state, &err), err);
  return state;
}

static const rp_model *model_of(const char *arm) {
  for (int i = 0; i < campaign.experiment.n_trials; i++)
    if (strcmp(campaign.experiment.trials[i].label, arm) == 0) return &campaign.plans[i].model;
  fail_msg("there is no arm %s", arm);
  return NULL;
}

static rp_evaluation evaluate(rp_net *net, const rp_state *state, rp_part part, int with_gates) {
  rp_error err = {0};
  rp_evaluation out;
  const rp_dataset *dataset = &campaign.datasets[0].dataset;
  uint8_t closed[48] = {0};
  if (with_gates) rp_state_closed(state, closed);
  assert_ok(rp_evaluate(net, state->parameters, closed, dataset, part, NULL, dataset->n[part], NULL, &out, &err), err);
  return out;
}

/* The program's steps: 1, 2 train; 3 drop; 4, 5 train; 6 regrow; 7, 8 train. Step 5 is the sub-network before its regrow. */
static void rule_20_a_sub_networks_numbers_are_those_of_the_gated_net_on_each_split(void **unused) {
  (void)unused;
  rp_error err = {0};
  rp_net *net;
  assert_ok(rp_net_create(&campaign.plans[0].model, 1, &net, &err), err);
  rp_state *state = state_after("few", 5, net);
  rp_evaluation test = evaluate(net, state, RP_TEST, 1), validation = evaluate(net, state, RP_VALIDATION, 1);
  rp_evaluation whole = evaluate(net, state, RP_TEST, 0);
  /* Else neither gates nor splits would show. */
  assert_true(whole.loss != test.loss && validation.loss != test.loss);
  assert_near(number_of("SELECT test_acc FROM v_epochs WHERE arm = 'few' AND epoch = 4"), test.accuracy, 0);
  assert_near(number_of("SELECT test_loss FROM v_epochs WHERE arm = 'few' AND epoch = 4"), test.loss, 1e-12);
  assert_near(number_of("SELECT val_acc FROM v_epochs WHERE arm = 'few' AND epoch = 4"), validation.accuracy, 0);
  assert_near(number_of("SELECT val_loss FROM v_epochs WHERE arm = 'few' AND epoch = 4"), validation.loss, 1e-12);
  rp_state_free(&state);
  rp_net_free(&net);
}

/* floor(0.4 · 48) = 19 of 48 filters. */
static void rule_25_with_the_gate_off_the_net_stays_whole_on_the_same_clock(void **unused) {
  (void)unused;
  assert_rows("n.db", "SELECT epoch, phase, active_filters FROM v_epochs WHERE arm = 'ungated' AND epoch BETWEEN 2 AND 5 ORDER BY epoch",
              "2 full 48\n3 sub 48\n4 sub 48\n5 full 48\n");
  assert_rows("n.db", "SELECT epoch, phase, active_filters FROM v_epochs WHERE arm = 'gated' AND epoch BETWEEN 2 AND 5 ORDER BY epoch",
              "2 full 48\n3 sub 29\n4 sub 29\n5 full 48\n");
  assert_rows("n.db", "SELECT event, dropped FROM v_events WHERE arm = 'ungated'", "drop 19\nregrow 19\n");
}

/* Scores are stored as they were ranked, normalised. What a criterion gave is seen in the arm that normalises nothing, whose drop is from
 * the same state: those scores are divided by their layers' largest here, and the 19 lowest quotients are to go. */
static void rule_12_normalisation_decides_which_filters_go(void **unused) {
  (void)unused;
  static const char LOWEST[] =
      "SELECT group_concat(name) FROM (SELECT name FROM (SELECT layer || '/' || filter AS name, score / %s AS quotient"
      " FROM v_filters WHERE arm = 'gated' ORDER BY quotient LIMIT 19) ORDER BY name)";
  static const char DROPPED[] =
      "SELECT group_concat(name) FROM (SELECT layer || '/' || filter AS name FROM v_filters WHERE arm = '%s' AND dropped ORDER BY name)";
  char by_quotient[512], by_score[512], dropped[512];
  snprintf(by_quotient, sizeof by_quotient, LOWEST, "max(abs(score)) OVER (PARTITION BY layer)");
  snprintf(by_score, sizeof by_score, LOWEST, "1");
  char *expected = rows_of("n.db", by_quotient), *plain = rows_of("n.db", by_score);
  assert_string_not_equal(expected, plain);
  snprintf(dropped, sizeof dropped, DROPPED, "normalised");
  assert_rows("n.db", dropped, expected);
  snprintf(dropped, sizeof dropped, DROPPED, "gated");
  assert_rows("n.db", dropped, plain);
  sqlite3_free(expected);
  sqlite3_free(plain);
  /* the 48 stored quotients, each within the rounding of a float */
  assert_rows("n.db",
              "SELECT count(*) FROM (SELECT layer, filter, score / max(abs(score)) OVER (PARTITION BY layer) AS quotient FROM v_filters"
              " WHERE arm = 'gated') JOIN v_filters USING (layer, filter) WHERE arm = 'normalised' AND abs(score - quotient) <= 1e-7",
              "48\n");
}

static void rule_21_the_best_validation_epoch_is_marked_only_where_validation_ranked(void **unused) {
  (void)unused;
  outcome *out = expect_exit(0, "report numbers --db n.db");
  char *line = strstr(out->output, "\ntrain-oracle"), *other = strstr(out->output, "\noracle");
  assert_non_null(line);
  assert_non_null(other);
  *strchr(line + 1, '\n') = '\0';
  assert_null(strchr(line + 1, '*'));
  *strchr(other + 1, '\n') = '\0';
  assert_non_null(strchr(other + 1, '*'));
}

/* After path step 6, with the statistics that regrown channels have on the training images; which filters were regrown, the sub-network at
 * path step 5 says. Only regrows of nets with BN are measured so, and no epochs of their sub-networks. */
static void rule_23_a_regrow_of_a_net_with_bn_also_shows_what_other_statistics_would_give(void **unused) {
  (void)unused;
  rp_error err = {0};
  rp_net *net;
  int n_channels;
  uint8_t marked[48];
  assert_ok(rp_net_create(model_of("normed"), 1, &net, &err), err);
  rp_state *sub_network = state_after("normed", 5, net), *regrown = state_after("normed", 6, net);
  rp_evaluation test = evaluate(net, regrown, RP_TEST, 0), validation = evaluate(net, regrown, RP_VALIDATION, 0);
  rp_state_closed(sub_network, marked);
  assert_ok(rp_reestimate(net, regrown->parameters, marked, &campaign.datasets[0].dataset, sub_network->parameters, &n_channels, &err),
            err);
  rp_evaluation other_test = evaluate(net, sub_network, RP_TEST, 0), other_validation = evaluate(net, sub_network, RP_VALIDATION, 0);
  assert_int_equal(n_channels, 19);
  /* Else nothing would show. */
  assert_true(other_test.accuracy != test.accuracy && other_validation.accuracy != validation.accuracy);
  assert_true(other_test.accuracy != other_validation.accuracy);
#define OF_REGROW " FROM v_events WHERE arm = 'normed' AND event = 'regrow'"
  assert_near(number_of("SELECT test_acc_after" OF_REGROW), test.accuracy, 1e-14);
  assert_near(number_of("SELECT test_acc_after_bn" OF_REGROW), other_test.accuracy, 1e-14);
  assert_near(number_of("SELECT val_acc_after" OF_REGROW), validation.accuracy, 1e-14);
  assert_near(number_of("SELECT val_acc_after_bn" OF_REGROW), other_validation.accuracy, 1e-14);
  assert_rows("n.db", "SELECT arm, event FROM v_events WHERE test_acc_after_bn IS NOT NULL OR val_acc_after_bn IS NOT NULL",
              "normed regrow\n");
  assert_rows("n.db", "SELECT op FROM states WHERE test_acc_bn IS NOT NULL OR val_acc_bn IS NOT NULL", "regrow\n");
  rp_state_free(&sub_network);
  rp_state_free(&regrown);
  rp_net_free(&net);
}

static void show_has_the_column_of_other_bn_statistics_where_it_was_measured(void **unused) {
  (void)unused;
  char expected[32];
  snprintf(expected, sizeof expected, "%.4g ", number_of("SELECT round(test_acc_after_bn, 4)" OF_REGROW));
  outcome *out = expect_exit(0, "show normed/3 --db n.db");
  expect_text(out, "test_after_bn");
  char *regrow = strstr(out->output, "regrow ");
  assert_non_null(regrow);
  *strchr(regrow, '\n') = '\0';
  assert_non_null(strstr(regrow, expected));
  assert_null(strstr(expect_exit(0, "show gated/3 --db n.db")->output, "test_after_bn"));
}

/* In conv1 two constraints fill the space but for one direction, and there are fifteen. */
static void rule_16_constraints_that_could_not_be_met_are_on_record(void **unused) {
  (void)unused;
  double asked = number_of("SELECT constraints_asked FROM v_events WHERE arm = 'narrow' AND event = 'regrow'");
  double met = number_of("SELECT constraints_met FROM v_events WHERE arm = 'narrow' AND event = 'regrow'");
  assert_true(met > 0 && met < asked);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rule_20_a_sub_networks_numbers_are_those_of_the_gated_net_on_each_split),
      cmocka_unit_test(rule_25_with_the_gate_off_the_net_stays_whole_on_the_same_clock),
      cmocka_unit_test(rule_12_normalisation_decides_which_filters_go),
      cmocka_unit_test(rule_21_the_best_validation_epoch_is_marked_only_where_validation_ranked),
      cmocka_unit_test(rule_23_a_regrow_of_a_net_with_bn_also_shows_what_other_statistics_would_give),
      cmocka_unit_test(show_has_the_column_of_other_bn_statistics_where_it_was_measured),
      cmocka_unit_test(rule_16_constraints_that_could_not_be_met_are_on_record),
  };
  return cmocka_run_group_tests_name("numbers", tests, make_run, forget_run);
}
