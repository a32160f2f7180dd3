/* test_diff_command.c: `repr diff`: what two trials of a run differ in. */
#include "tests/program.h"

/* Two drops, after epochs 1 and 3. Two arms differ in the criterion, two in how they regrow. */
static const char EXPERIMENT[] =
    "name: small\n"
    "model: {name: c3, depth: 2, filters: 8}\n"
    "data: {name: shapes, train: 160, validation: 50, test: 50}\n"
    "train: {epochs: 5, batch: 32}\n"
    "scheme: {name: repr, s1: 1, s2: 1, n: 2, p: 30}\n"
    "seeds: [1, 2]\n"
    "baseline: true\n"
    "arms: {l2: {scheme.ranker: l2}, random: {scheme.ranker: random}, mode: {scheme.ranker: l2, scheme.regrow: {mode: zero}}}\n";

static int make_run(void **state) {
  if (enter_work_folder(state) != 0) return -1;
  write_text("small.yaml", EXPERIMENT);
  expect_exit(0, "run small.yaml --jobs 1 --db small.db");
  return 0;
}

static void assert_absent(const outcome *out, const char *part) {
  if (strstr(out->output, part)) fail_msg("«%s» is in:\n%s", part, out->output);
}

static void two_criteria_part_at_the_first_drop(void **unused) {
  (void)unused;
  outcome *out = expect_exit(0, "diff l2/1 random/1 --db small.db");
  expect_text(out, "A  l2/1 of small (");
  expect_text(out, "B  random/1 of small (");
  expect_text(out, "scheme.ranker.name               l2                       random\n");
  assert_absent(out, "train.batch");
  /* the root and epoch 1 */
  expect_text(out, "states: 2 in common, the last one after epoch 1; they part at the drop that follows\n");
}

/* Counted anew from what the views say of each trial. */
static void the_filters_that_each_dropped_are_counted_by_layer(void **unused) {
  (void)unused;
  outcome *out = expect_exit(0, "diff l2/1 random/1 --db small.db");
  /* floor(30 % of 16) = 4 each */
  expect_text(out, "    1     1  all                           4      4 ");
  expect_text(out, "    3     2  all                           4      4 ");
  char *both =
      rows_of("small.db", "SELECT count(*) FROM (SELECT layer, filter FROM v_filters WHERE arm = 'l2' AND seed = 1 AND cycle = 1 AND "
                          "dropped INTERSECT SELECT layer, filter FROM v_filters WHERE arm = 'random' AND seed = 1 AND cycle = 1 "
                          "AND dropped)");
  char line[96];
  snprintf(line, sizeof line, "    1     1  all                           4      4 %9d\n", atoi(both));
  sqlite3_free(both);
  expect_text(out, line);
}

static void equal_drops_are_seen_and_trials_part_where_they_regrow_otherwise(void **unused) {
  (void)unused;
  outcome *out = expect_exit(0, "diff l2/1 mode/1 --db small.db");
  /* the root, epoch 1, the drop, epoch 2 */
  expect_text(out, "states: 4 in common, the last one after epoch 2; they part at the regrow that follows\n");
  expect_text(out, "    1     1  all                           4      4         4\n");
  expect_text(out, "scheme.regrow.mode ");
}

static void trials_of_two_seeds_have_no_state_in_common(void **unused) {
  (void)unused;
  outcome *out = expect_exit(0, "diff l2/1 l2/2 --db small.db");
  expect_text(out, "no setting differs but the seed");
  expect_text(out, "states: none in common");
}

static void a_scheme_without_drops_has_none_to_compare(void **unused) {
  (void)unused;
  outcome *out = expect_exit(0, "diff standard/1 l2/1 --db small.db");
  expect_text(out, "states: 2 in common, the last one after epoch 1; next comes A's epoch, B's drop\n");
  assert_absent(out, "filters dropped");
  expect_text(out, "scheme.ranker.name               -                        l2\n");
}

static void a_trial_is_itself(void **unused) {
  (void)unused;
  expect_text(expect_exit(0, "diff l2/1 small:l2/1 --db small.db"), "one and the same trial");
}

static void what_cannot_be_compared_is_told(void **unused) {
  (void)unused;
  expect_text(expect_exit(2, "diff l2/1 --db small.db"), "two trials are needed");
  expect_text(expect_exit(2, "diff l2/1 l2/2 random/1 --db small.db"), "two trials at a time");
  expect_text(expect_exit(2, "diff l2/1 rndom/1 --db small.db"), "did you mean 'random/1'?");
  expect_text(expect_exit(0, "diff --help"), "repr diff ranker=ortho/1 ranker=l2/1");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(two_criteria_part_at_the_first_drop),
      cmocka_unit_test(the_filters_that_each_dropped_are_counted_by_layer),
      cmocka_unit_test(equal_drops_are_seen_and_trials_part_where_they_regrow_otherwise),
      cmocka_unit_test(trials_of_two_seeds_have_no_state_in_common),
      cmocka_unit_test(a_scheme_without_drops_has_none_to_compare),
      cmocka_unit_test(a_trial_is_itself),
      cmocka_unit_test(what_cannot_be_compared_is_told),
  };
  return cmocka_run_group_tests_name("diff command", tests, make_run, leave_work_folder);
}
