/* test_plan_command.c: `repr plan` says what a run would still compute, and writes nothing. */
#include "tests/program.h"

/* Per seed: the root and epoch 1 of all; the baseline's other 3 epochs; drop, epoch, regrow and 2 epochs of each of two arms. */
static const char EXPERIMENT[] = "name: small\n"
                                 "model: {name: c3, depth: 1, filters: 8}\n"
                                 "data: {name: shapes, train: 160, validation: 50, test: 50}\n"
                                 "train: {epochs: 4, batch: 32}\n"
                                 "scheme: {name: repr, s1: 1, s2: 1, n: 1, p: 30}\n"
                                 "seeds: [1, 2]\n"
                                 "baseline: true\n"
                                 "arms: {l2: {scheme.ranker: l2}, random: {scheme.ranker: random}}\n";
enum { STATES_OF_SEED = 2 + 3 + 2 * 5 };

static int make_run(void **state) {
  if (enter_work_folder(state) != 0) return -1;
  write_text("small.yaml", EXPERIMENT);
  expect_exit(0, "run small.yaml --jobs 1 --db half.db --set seeds=[1]");
  return 0;
}

static void change(const char *database, const char *sql) {
  sqlite3 *db;
  assert_int_equal(sqlite3_open_v2(database, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void assert_absent(const outcome *out, const char *part) {
  if (strstr(out->output, part)) fail_msg("«%s» is in:\n%s", part, out->output);
}

static void what_the_database_has_is_subtracted(void **unused) {
  (void)unused;
  char line[128];
  outcome *out = expect_exit(0, "plan small.yaml --db half.db");
  snprintf(line, sizeof line, "at most %d states to compute with sharing", 2 * STATES_OF_SEED);
  expect_text(out, line);
  snprintf(line, sizeof line, "half.db: %d of %d states are there already; the rest takes one worker at most about ", STATES_OF_SEED,
           2 * STATES_OF_SEED);
  expect_text(out, line);
  assert_absent(out, "environment");
}

/* Also where the two arms came to drop the same set, so that fewer states were computed than were planned. */
static void a_complete_experiment_has_nothing_left(void **unused) {
  (void)unused;
  char line[128];
  snprintf(line, sizeof line, "half.db: %d of %d states are there already; nothing is left to compute\n", STATES_OF_SEED, STATES_OF_SEED);
  expect_text(expect_exit(0, "plan small.yaml --db half.db --set seeds=[1]"), line);
}

/* Seed 2 has the ten states that seed 1 had, each of which took a minute. */
static void the_time_left_is_what_equal_states_took(void **unused) {
  (void)unused;
  write_text("one.yaml", "extends: small.yaml\nname: one\narms: {l2: {scheme.ranker: l2}, random: {scheme.ranker: l2}}\n");
  expect_exit(0, "run one.yaml --jobs 1 --db timed.db --set seeds=[1]");
  change("timed.db", "UPDATE states SET seconds = 60");
  expect_text(expect_exit(0, "plan one.yaml --db timed.db"),
              "timed.db: 10 of 20 states are there already; the rest takes one worker at most about 10 min 00 s\n");
  change("timed.db", "UPDATE states SET seconds = NULL");
  expect_text(expect_exit(0, "plan one.yaml --db timed.db"), "how long the rest takes is known once each model has trained");
}

static void a_model_that_has_not_trained_yet_leaves_the_time_open(void **unused) {
  (void)unused;
  write_text("models.yaml", "extends: small.yaml\nname: models\nseeds: [1]\nsweep: {model.filters: [8, 12]}\n");
  expect_text(expect_exit(0, "plan models.yaml --db half.db"), "; how long the rest takes is known once each model has trained");
}

static void states_of_another_environment_do_not_count(void **unused) {
  (void)unused;
  assert_int_equal(system("cp half.db foreign.db"), 0);
  change("foreign.db", "UPDATE environments SET identity = 'another'");
  char line[128];
  outcome *out = expect_exit(0, "plan small.yaml --db foreign.db");
  snprintf(line, sizeof line, "foreign.db: 0 of %d states are there already\n", 2 * STATES_OF_SEED);
  expect_text(out, line);
  snprintf(line, sizeof line, "%d more states are there from another environment", STATES_OF_SEED);
  expect_text(out, line);
}

static void trials_that_failed_are_named_and_not_counted_as_left(void **unused) {
  (void)unused;
  assert_int_equal(system("cp half.db failed.db"), 0);
  change("failed.db",
         "UPDATE trials SET status = 'failed', cause = 'plugin failure' WHERE trial IN (SELECT trial FROM plan_trials WHERE arm "
         "= 'l2'); UPDATE requests SET id = 'x' || request");
  outcome *out = expect_exit(0, "plan small.yaml --db failed.db --set seeds=[1] --set baseline=off");
  expect_text(out, "failed.db: 2 of 12 states are there already");
  expect_text(out, "1 of the trials failed; they are left alone unless `repr run` is told to --retry");
  assert_absent(out, "nothing is left");
  change("failed.db", "UPDATE trials SET status = 'failed', cause = 'numeric failure' WHERE trial IN (SELECT trial FROM plan_trials WHERE "
                      "arm = 'random')");
  out = expect_exit(0, "plan small.yaml --db failed.db --set seeds=[1] --set baseline=off");
  expect_text(out, "failed.db: 2 of 12 states are there already; nothing is left to compute\n2 of the trials failed");
  /* one whose cause can pass is tried again */
  change("failed.db", "UPDATE trials SET cause = 'worker failure' WHERE status = 'failed'");
  assert_absent(expect_exit(0, "plan small.yaml --db failed.db --set seeds=[1] --set baseline=off"), "trials failed");
}

static void nothing_is_written(void **unused) {
  (void)unused;
  expect_text(expect_exit(0, "plan small.yaml --db none/none.db"), "none/none.db: not there yet, so all of it is to be computed");
  assert_int_equal(access("none", F_OK), -1);
  assert_int_equal(system("cksum half.db > before && ls half.* > names"), 0);
  expect_exit(0, "plan small.yaml --db half.db");
  assert_int_equal(system("cksum half.db > after && ls half.* > names-after && cmp before after && cmp names names-after"), 0);
}

static void what_is_no_database_is_told(void **unused) {
  (void)unused;
  write_text("text.db", "this is a text of some length, and no database at all, as everybody can see who reads it\n");
  expect_text(expect_exit(2, "plan small.yaml --db text.db"), "text.db");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_the_database_has_is_subtracted),
      cmocka_unit_test(a_complete_experiment_has_nothing_left),
      cmocka_unit_test(the_time_left_is_what_equal_states_took),
      cmocka_unit_test(a_model_that_has_not_trained_yet_leaves_the_time_open),
      cmocka_unit_test(states_of_another_environment_do_not_count),
      cmocka_unit_test(trials_that_failed_are_named_and_not_counted_as_left),
      cmocka_unit_test(nothing_is_written),
      cmocka_unit_test(what_is_no_database_is_told),
  };
  return cmocka_run_group_tests_name("plan command", tests, make_run, leave_work_folder);
}
