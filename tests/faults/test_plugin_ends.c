/* test_plugin_ends.c: a ranker that crashes, hangs or ends its worker costs its own trials, which say in which call of which ranker; the
 * others go on. */
#include "tests/program.h"

/* One arm by l2 and one by the plugin `misbehaves`, which does what its option says. `more`: lines of the experiment. */
static void write_experiment_of(const char *deed, const char *more) {
  char experiment[PATH_MAX + 512];
  snprintf(experiment, sizeof experiment,
           "name: ends\nmodel: {name: c3, depth: 2, filters: 8}\ndata: {name: shapes, train: 320, validation: 100, test: 100}\n"
           "train: {epochs: 5, batch: 32}\nscheme: {name: repr, s1: 1, s2: 1, n: 1, p: 30}\nseeds: [1]\n%s"
           "arms:\n  good: {scheme.ranker: l2}\n  bad: {scheme.ranker: {name: %s, deed: %s}}\n",
           more, built_file("tests/plugins/misbehaves.so"), deed);
  write_text("ends.yaml", experiment);
}

/* With one job, so that the worker which ended is the only one: what follows is done by another. */
static void assert_fails_alone(const char *deed, const char *more, const char *message) {
  write_experiment_of(deed, more);
  assert_int_equal(system("rm -rf ends.db* ends.states ends.logs"), 0);
  outcome *out = expect_exit(1, "run ends.yaml --jobs 1 --db ends.db");
  expect_text(out, "bad/1 failed after epoch 1: ");
  expect_text(out, message);
  assert_rows("ends.db", "SELECT arm, status FROM v_trials ORDER BY arm", "bad failed\ngood done\n");
  assert_rows("ends.db", "SELECT count(*) FROM trials WHERE message LIKE 'ranker misbehaves%'", "1\n");
  /* Such a cause stays: without --retry it is not tried again. */
  expect_text(expect_exit(1, "run ends.yaml --jobs 1 --db ends.db"), " 0 states computed");
}

static void a_crash_names_ranker_call_and_signal(void **unused) {
  (void)unused;
  assert_fails_alone("crashes", "", "ranker misbehaves: score crashed: Segmentation fault");
  assert_fails_alone("overflows-the-stack", "", "ranker misbehaves: score crashed: Segmentation fault");
}

static void a_ranker_that_ends_the_process_is_named(void **unused) {
  (void)unused;
  assert_fails_alone("exits", "", "ranker misbehaves: score ended the process");
  assert_fails_alone("exits-at-once", "", "ranker misbehaves ended the worker process: it exited");
}

static void a_call_that_does_not_come_back_fails_its_trial_after_ranker_timeout(void **unused) {
  (void)unused;
  static const char *const CALLS[] = {"create", "observe", "score", "choose", "destroy"};
  for (size_t i = 0; i < sizeof CALLS / sizeof CALLS[0]; i++) {
    char deed[64], message[128];
    snprintf(deed, sizeof deed, "hangs-in-%s", CALLS[i]);
    snprintf(message, sizeof message, "ranker misbehaves: %s did not come back within 0.5 s of its own time; ranker_timeout", CALLS[i]);
    assert_fails_alone(deed, "ranker_timeout: 0.5\n", message);
  }
  assert_fails_alone("sleeps-in-score", "ranker_timeout: 0.5\n", "ranker misbehaves: score did not come back within 0.5 s");
}

/* An oracle hardly does anything itself; what it asks the host for takes many times the limit. */
static void what_the_host_does_for_a_ranker_is_not_the_rankers_time(void **unused) {
  (void)unused;
  write_text("oracle.yaml",
             "model: {name: c3, depth: 2, filters: 16}\ndata: {name: shapes, train: 64, validation: 6000, test: 1}\n"
             "train: {epochs: 3, batch: 32}\nscheme: {name: repr, s1: 1, s2: 1, n: 1, p: 30, ranker: oracle-loss}\nranker_timeout: 0.05\n");
  expect_exit(0, "run oracle.yaml --jobs 1 --db oracle.db");
  assert_rows("oracle.db", "SELECT seconds > 0.05 FROM v_events WHERE event = 'drop'", "1\n");
}

static void ranker_timeout_moves_no_id(void **unused) {
  (void)unused;
  write_experiment_of("behaves", "");
  expect_exit(0, "run ends.yaml --jobs 1 --db usual.db");
  expect_exit(0, "run ends.yaml --jobs 1 --db set.db --set ranker_timeout=7.5");
  assert_same_rows("usual.db", "set.db", "SELECT id, digest FROM states ORDER BY id");
  assert_same_rows("usual.db", "set.db", "SELECT trial, config_json FROM v_trials ORDER BY trial");
  expect_text(expect_exit(0, "run ends.yaml --jobs 1 --db usual.db --set ranker_timeout=0"), " 0 states computed");
}

static void ranker_timeout_is_a_number_of_seconds_for_the_whole_experiment(void **unused) {
  (void)unused;
  write_experiment_of("behaves", "ranker_timeout: soon\n");
  expect_text(expect_exit(2, "run ends.yaml --db none.db"), "ranker_timeout: 'soon' is not a number (0 to 1000000)");
  write_experiment_of("behaves", "sweep: {ranker_timeout: [1, 2]}\n");
  expect_text(expect_exit(2, "run ends.yaml --db none.db"), "'ranker_timeout' is no key that trials can differ in");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_crash_names_ranker_call_and_signal),
      cmocka_unit_test(a_ranker_that_ends_the_process_is_named),
      cmocka_unit_test(a_call_that_does_not_come_back_fails_its_trial_after_ranker_timeout),
      cmocka_unit_test(what_the_host_does_for_a_ranker_is_not_the_rankers_time),
      cmocka_unit_test(ranker_timeout_moves_no_id),
      cmocka_unit_test(ranker_timeout_is_a_number_of_seconds_for_the_whole_experiment),
  };
  return cmocka_run_group_tests_name("plugin ends", tests, enter_work_folder, leave_work_folder);
}
