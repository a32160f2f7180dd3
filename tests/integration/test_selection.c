/* test_selection.c: what a scheme's limits and a ranker's `normalise` do to a drop, from an experiment's file to its rows. */
#include "tests/program.h"

enum { N_CONVS = 2, K = 8, F = N_CONVS * K };

/* Everything but arms; two convolutions of 8 filters. */
#define BASE                                                                                                                               \
  "model: {name: c3, depth: 2, filters: 8}\ndata: {name: shapes, train: 320, validation: 100, test: 100}\n"                                \
  "train: {epochs: 5, batch: 32}\nscheme: {name: repr, s1: 1, s2: 1, n: 1, p: 40, ranker: l2}\nseeds: [1]\n"

static const char ARMS[] = BASE "name: selection\narms:\n"
                                "  plain: {}\n"
                                "  layer: {scheme.limits: {scope: layer}}\n"
                                "  layer-skip: {scheme.limits: {scope: layer, skip: [conv1]}}\n"
                                "  skip: {scheme.limits.skip: [conv2]}\n"
                                "  keep: {scheme.limits.keep_at_least: 5}\n"
                                "  most: {scheme.limits.drop_at_most: 37.5}\n"
                                "  random: {scheme.ranker: random, scheme.limits.drop_at_most: 37.5}\n"
                                "  layer-mean: {scheme.ranker: {name: l2, normalise: layer-mean}}\n"
                                "  layer-l2: {scheme.ranker: {name: l2, normalise: layer-l2}}\n"
                                "  layer-max: {scheme.ranker: {name: l2, normalise: layer-max}}\n"
                                "  layer-rank: {scheme.ranker: {name: l2, normalise: layer-rank}}\n"
                                "  taylor: {scheme.ranker: taylor}\n"
                                "  taylor-none: {scheme.ranker: {name: taylor, normalise: none}}\n";

static int run_arms(void **state) {
  if (enter_work_folder(state) != 0) return -1;
  write_text("selection.yaml", ARMS);
  return run_repr("run selection.yaml --jobs 1 --db selection.db")->exit_status;
}

/* SELECT … WHERE arm = 'ARM' … over the one drop of each arm. */
static void assert_of_arm(const char *select, const char *arm, const char *rest, const char *expected) {
  char sql[512];
  snprintf(sql, sizeof sql, "%s WHERE arm = '%s' %s", select, arm, rest);
  assert_rows("selection.db", sql, expected);
}

static void assert_dropped(const char *arm, const char *by_layer) {
  assert_of_arm("SELECT layer, sum(dropped) FROM v_filters", arm, "GROUP BY layer ORDER BY layer", by_layer);
}

static void rule_13_with_scope_network_the_worst_of_all_layers_go(void **unused) {
  (void)unused;
  assert_of_arm("SELECT sum(dropped), max(dropped = (rank > 10)), min(dropped = (rank > 10)) FROM v_filters", "plain", "", "6 1 1\n");
  assert_of_arm("SELECT dropped, limits_used FROM v_events", "plain", "AND event = 'drop'", "6 0\n");
}

static void rule_13_with_scope_layer_each_layer_gives_floor_p_of_its_own(void **unused) {
  (void)unused;
  assert_dropped("layer", "conv1 3\nconv2 3\n"); /* floor(0.4 · 8) */
  assert_dropped("layer-skip", "conv1 0\nconv2 3\n");
  assert_of_arm("SELECT dropped, limits_used FROM v_events", "layer-skip", "AND event = 'drop'", "3 3\n");
}

static void rule_13_a_skipped_layer_stays_and_the_count_is_the_same(void **unused) {
  (void)unused;
  assert_dropped("skip", "conv1 6\nconv2 0\n"); /* floor(0.4 · 16) */
}

static void rule_13_bounds_per_layer_move_a_drop_elsewhere(void **unused) {
  (void)unused;
  assert_dropped("keep", "conv1 3\nconv2 3\n"); /* 8 − 5 of each, 6 in all */
  assert_dropped("most", "conv1 3\nconv2 3\n"); /* 37.5 % of 8 */
  assert_dropped("random", "conv1 3\nconv2 3\n");
}

/* A use of a limit: one of the worst 6 that stays. */
static void rule_13_every_use_of_a_limit_is_recorded(void **unused) {
  (void)unused;
  static const char *const LIMITED[] = {"plain", "skip", "keep", "most", "random"};
  int n_used = 0;
  for (size_t i = 0; i < sizeof LIMITED / sizeof LIMITED[0]; i++) {
    char sql[256];
    snprintf(sql, sizeof sql, "SELECT sum(rank > 10 AND NOT dropped) FROM v_filters WHERE arm = '%s'", LIMITED[i]);
    char *used = rows_of("selection.db", sql);
    assert_of_arm("SELECT limits_used FROM v_events", LIMITED[i], "AND event = 'drop'", used);
    n_used += atoi(used) > 0;
    sqlite3_free(used);
  }
  assert_true(n_used >= 3);
}

/* ---- Rule 12 --------------------------------------------------------------------------------- */

static void read_scores(const char *arm, double scores[F]) {
  char sql[256];
  snprintf(sql, sizeof sql, "SELECT score FROM v_filters WHERE arm = '%s' ORDER BY layer, filter", arm);
  char *rows = rows_of("selection.db", sql), *next = rows;
  for (int f = 0; f < F; f++) scores[f] = strtod(next, &next);
  assert_int_equal(strspn(next, " \n"), strlen(next));
  sqlite3_free(rows);
}

static void assert_divided(const char *arm, const double *raw, double (*divisor)(const double *)) {
  double scores[F];
  read_scores(arm, scores);
  for (int f = 0; f < F; f++) assert_near(scores[f], raw[f] / divisor(raw + f / K * K), 1e-6);
}

static double mean_of(const double *scores) {
  double sum = 0;
  for (int k = 0; k < K; k++) sum += fabs(scores[k]);
  return sum / K;
}

static double norm_of(const double *scores) {
  double sum = 0;
  for (int k = 0; k < K; k++) sum += scores[k] * scores[k];
  return sqrt(sum);
}

static double largest_of(const double *scores) {
  double largest = 0;
  for (int k = 0; k < K; k++) largest = fmax(largest, fabs(scores[k]));
  return largest;
}

static void rule_12_normalise_is_an_option_of_any_ranker(void **unused) {
  (void)unused;
  double raw[F], ranks[F];
  read_scores("plain", raw);
  assert_divided("layer-mean", raw, mean_of);
  assert_divided("layer-l2", raw, norm_of);
  assert_divided("layer-max", raw, largest_of);
  read_scores("layer-rank", ranks);
  for (int f = 0; f < F; f++) {
    int below = 0;
    for (int k = 0; k < K; k++) below += raw[f / K * K + k] < raw[f];
    assert_near(ranks[f], below / (K - 1.0), 1e-6);
  }
}

static void rule_12_a_rankers_own_default_can_be_turned_off(void **unused) {
  (void)unused;
  double raw[F];
  read_scores("taylor-none", raw);
  assert_divided("taylor", raw, norm_of); /* Molchanov et al. */
  assert_above(fabs(norm_of(raw) - 1), 1e-3);
}

/* ---- Before the run -------------------------------------------------------------------------- */

static void rule_13_what_cannot_be_met_is_refused_before_anything_is_written(void **unused) {
  (void)unused;
  static const struct {
    const char *scheme, *text;
  } REFUSED[] = {
      {"p: 90", "bad.yaml:8:6: scheme.p: 14 of 16 filters are to be dropped, but the limits leave 12"},
      {"limits: {scope: layer, keep_at_least: 6}", "scheme.p: layer conv1: 3 of its 8 filters are to be dropped, but the limits leave 2"},
      {"limits: {drop_at_most: 30}", "scheme.p: 6 of 16 filters are to be dropped, but the limits leave 4"},
      {"limits: {skip: [conv1, conv2]}", "scheme.p: 6 of 16 filters are to be dropped, but the limits leave 0"},
      {"limits: {skip: [conv3]}", "'conv3' is no conv layer of the model; did you mean 'conv1'? There are: conv1, conv2"},
      {"limits: {skip: [fc1]}", "'fc1' is no conv layer of the model"},
      {"limits: {drop_at_most: 100.5}", "scheme.limits.drop_at_most: 100.5 is not a percentage (0 to 100)"},
      {"limits: {keep_at_least: some}", "scheme.limits.keep_at_least: 'some' is not a whole number"},
      {"limits: {scope: net}", "scheme.limits.scope: 'net' is not known here; there are: network, layer"},
      {"limits: {keep_at_lest: 3}", "unknown key 'keep_at_lest'"},
      {"ranker: {name: l2, normalise: layer-sum}", "scheme.ranker.normalise: 'layer-sum' is not known here"},
      {"ranker: {name: l2, normalize: layer-max}", "ranker l2 has no option normalize, only: divide, normalise; did you mean normalise?"},
      {"ranker: {name: random, normalize: none}", "ranker random has no option normalize: it takes none but normalise"},
  };
  for (size_t i = 0; i < sizeof REFUSED / sizeof REFUSED[0]; i++) {
    char text[1024];
    int is_p = strncmp(REFUSED[i].scheme, "p:", 2) == 0;
    snprintf(text, sizeof text,
             "model: {name: c3, depth: 2, filters: 8}\ndata: {name: shapes, train: 320}\ntrain: {epochs: 5, batch: 32}\nscheme:\n"
             "  name: repr\n  s1: 1\n  s2: 1\n  %s\n%s",
             REFUSED[i].scheme, is_p ? "  limits: {keep_at_least: 2}\n  n: 1\n" : "  p: 40\n  n: 1\n");
    write_text("bad.yaml", text);
    expect_text(expect_exit(2, "run bad.yaml --db bad.db"), REFUSED[i].text);
    expect_text(expect_exit(2, "plan bad.yaml"), REFUSED[i].text);
    assert_int_equal(access("bad.db", F_OK), -1);
  }
}

/* 40 % of the filters, twice before one regrow, under the limits of an arm or of --set. */
#define TWO_DROPS                                                                                                                          \
  "model: {name: c3, depth: 2, filters: 8}\ndata: {name: shapes, train: 320, validation: 100, test: 100}\n"                                \
  "train: {epochs: 4, batch: 32}\nscheme: {name: ./twice.yaml}\n"

static void write_twice(void) {
  write_text("twice.yaml",
             "parameters: {limits: {}}\nprogram:\n  - train: 1\n  - drop: {ranker: l2, p: 40, limits: $limits}\n  - train: 1\n"
             "  - drop: {ranker: l2, p: 40, limits: $limits}\n  - train: 1\n  - regrow: {}\n  - train: rest\n");
}

/* 40 % twice before one regrow is 12 of 16; with at most 62.5 % of a layer the second drop would leave it at 10. */
static void rule_13_drops_that_add_up_beyond_a_limit_are_refused_before_the_run(void **unused) {
  (void)unused;
  write_twice();
  write_text("adds.yaml", TWO_DROPS);
  expect_text(expect_exit(2, "run adds.yaml --db adds.db --set 'scheme.limits={drop_at_most: 62.5}'"),
              "twice.yaml:6:27: program[3].drop.p: 6 of 16 filters are to be dropped, but the limits leave 4 in all layers");
  assert_int_equal(access("adds.db", F_OK), -1);
  expect_exit(0, "run adds.yaml --db adds.db --jobs 1 --set 'scheme.limits={drop_at_most: 75}'");
  assert_rows("adds.db", "SELECT sum(dropped) FROM v_events WHERE event = 'drop'", "12\n");
  assert_rows("adds.db", "SELECT layer, sum(dropped) FROM v_filters GROUP BY layer ORDER BY layer", "conv1 6\nconv2 6\n");
}

static void rule_13_with_scope_layer_two_drops_that_add_up_beyond_a_limit_are_refused(void **unused) {
  (void)unused;
  static const struct {
    const char *limit, *where, *text;
  } REFUSED[] = {{"keep_at_least: 3", "6:27: program[3]", "leave 2 (3 dropped before, keep_at_least 3, drop_at_most 8 filters)"},
                 {"drop_at_most: 74", "6:27: program[3]", "leave 2 (3 dropped before, keep_at_least 1, drop_at_most 5 filters)"},
                 {"drop_at_most: 37", "4:27: program[1]", "leave 2 (0 dropped before, keep_at_least 1, drop_at_most 2 filters)"}};
  write_twice();
  write_text("beyond.yaml", TWO_DROPS);
  for (size_t i = 0; i < sizeof REFUSED / sizeof REFUSED[0]; i++) {
    char arguments[256], text[256];
    snprintf(arguments, sizeof arguments, "run beyond.yaml --db beyond.db --set 'scheme.limits={scope: layer, %s}'", REFUSED[i].limit);
    snprintf(text, sizeof text, "twice.yaml:%s.drop.p: layer conv1: 3 of its 8 filters are to be dropped, but the limits %s",
             REFUSED[i].where, REFUSED[i].text);
    expect_text(expect_exit(2, arguments), text);
    assert_int_equal(access("beyond.db", F_OK), -1);
  }
}

/* With scope layer 3 of each 8 go twice, which leaves 2: 75 % are gone. */
static void rule_13_with_scope_layer_two_drops_add_up_to_what_the_limits_allow(void **unused) {
  (void)unused;
  write_twice();
  write_text("layers.yaml", TWO_DROPS "arms:\n"
                                      "  keep: {scheme.limits: {scope: layer, keep_at_least: 2}}\n"
                                      "  most: {scheme.limits: {scope: layer, drop_at_most: 75}}\n"
                                      "  skip: {scheme.limits: {scope: layer, drop_at_most: 75, skip: [conv2]}}\n");
  expect_exit(0, "run layers.yaml --db layers.db --jobs 1");
  assert_rows("layers.db", "SELECT arm, cycle, layer, sum(dropped) FROM v_filters WHERE dropped GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
              "keep 1 conv1 3\nkeep 1 conv2 3\nkeep 2 conv1 3\nkeep 2 conv2 3\n"
              "most 1 conv1 3\nmost 1 conv2 3\nmost 2 conv1 3\nmost 2 conv2 3\n"
              "skip 1 conv1 3\nskip 2 conv1 3\n");
  /* no filter twice */
  assert_rows("layers.db", "SELECT count(*), count(DISTINCT arm || layer || filter) FROM v_filters WHERE dropped", "30 30\n");
  /* the worst that are left */
  assert_rows("layers.db",
              "SELECT count(*) FROM v_filters f JOIN v_filters g USING (arm, cycle, layer) WHERE f.dropped AND g.rank > f.rank AND NOT "
              "g.dropped",
              "0\n");
  /* the skipped layer keeps its worst 3 each time */
  assert_rows("layers.db", "SELECT arm, cycle, dropped, limits_used FROM v_events WHERE event = 'drop' ORDER BY 1, 2",
              "keep 1 6 0\nkeep 2 6 0\nmost 1 6 0\nmost 2 6 0\nskip 1 3 3\nskip 2 3 3\n");
}

/* conv1 has 4 filters, conv2 8: half of conv1 is one more than may go where 3 have to stay. */
static void rule_13_a_skipped_layer_is_held_to_no_limit(void **unused) {
  (void)unused;
  write_text("uneven.yaml",
             "about: two convolutions of different width\nlayers:\n  - conv: {filters: 4, kernel: 3, relu: on}\n"
             "  - max_pool: {kernel: 3, stride: 2}\n  - conv: {filters: 8, kernel: 3, relu: on}\n  - fc: {outputs: classes}\n");
  write_text("skipped.yaml", "model: {name: ./uneven.yaml}\ndata: {name: shapes, train: 320, validation: 100, test: 100}\n"
                             "train: {epochs: 3, batch: 32}\nscheme: {name: repr, s1: 1, s2: 1, n: 1, p: 50, ranker: l2, limits: {scope: "
                             "layer, keep_at_least: 3}}\n");
  expect_text(expect_exit(2, "run skipped.yaml --db skipped.db"),
              "layer conv1: 2 of its 4 filters are to be dropped, but the limits leave 1");
  expect_exit(0, "run skipped.yaml --db skipped.db --jobs 1 --set 'scheme.limits={scope: layer, keep_at_least: 3, skip: [conv1]}'");
  assert_rows("skipped.db", "SELECT layer, sum(dropped) FROM v_filters GROUP BY layer ORDER BY layer", "conv1 0\nconv2 4\n");
  assert_rows("skipped.db", "SELECT dropped, limits_used FROM v_events WHERE event = 'drop'", "4 2\n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rule_13_with_scope_network_the_worst_of_all_layers_go),
      cmocka_unit_test(rule_13_with_scope_layer_each_layer_gives_floor_p_of_its_own),
      cmocka_unit_test(rule_13_a_skipped_layer_stays_and_the_count_is_the_same),
      cmocka_unit_test(rule_13_bounds_per_layer_move_a_drop_elsewhere),
      cmocka_unit_test(rule_13_every_use_of_a_limit_is_recorded),
      cmocka_unit_test(rule_12_normalise_is_an_option_of_any_ranker),
      cmocka_unit_test(rule_12_a_rankers_own_default_can_be_turned_off),
      cmocka_unit_test(rule_13_what_cannot_be_met_is_refused_before_anything_is_written),
      cmocka_unit_test(rule_13_drops_that_add_up_beyond_a_limit_are_refused_before_the_run),
      cmocka_unit_test(rule_13_with_scope_layer_two_drops_that_add_up_beyond_a_limit_are_refused),
      cmocka_unit_test(rule_13_with_scope_layer_two_drops_add_up_to_what_the_limits_allow),
      cmocka_unit_test(rule_13_a_skipped_layer_is_held_to_no_limit),
  };
  return cmocka_run_group_tests_name("selection", tests, run_arms, leave_work_folder);
}
