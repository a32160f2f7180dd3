/* test_run.c: whole runs: the same bits whatever the jobs, the sharing and the interruptions; schemes that nobody foresaw. */
#include "tests/program.h"

/* Small enough for a second or two, with all there is: two criteria that part, a drop, a sub-network phase, a regrow, momentum. */
static const char EXPERIMENT[] = "name: tiny\n"
                                 "model: {name: c3, depth: 2, filters: 8}\n"
                                 "data: {name: shapes, train: 320, validation: 100, test: 100}\n"
                                 "train: {epochs: 6, batch: 32, optimizer: {name: momentum, lr: 0.02, weight_decay: 0.001}}\n"
                                 "scheme: {name: repr, s1: 2, s2: 2, n: 1, p: 30}\n"
                                 "seeds: [1, 2]\n"
                                 "baseline: true\n"
                                 "sweep: {scheme.ranker: [l2, taylor, oracle-loss]}\n";

/* Everything that a run measures, but for times and places. */
static const char BITS[] =
    "SELECT id, digest, op, epoch, train_loss, train_acc, val_loss, val_acc, test_loss, test_acc, ortho_sum FROM states ORDER BY id";
static const char PATHS[] = "SELECT arm, seed, epoch, phase, train_loss, test_loss, active_filters FROM v_epochs ORDER BY 1, 2, 3";
static const char FILTERS[] =
    "SELECT arm, seed, cycle, ranker, layer, filter, score, rank, dropped FROM v_filters ORDER BY 1, 2, 3, 4, 5, 6";

static void assert_same_results(const char *one, const char *other) {
  assert_same_rows(one, other, BITS);
  assert_same_rows(one, other, PATHS);
  assert_same_rows(one, other, FILTERS);
}

static int make_reference(void **state) {
  if (enter_work_folder(state) != 0) return -1;
  write_text("tiny.yaml", EXPERIMENT);
  expect_exit(0, "run tiny.yaml --jobs 1 --db reference.db");
  return 0;
}

static void one_job_and_two_jobs_give_the_same_bits(void **unused) {
  (void)unused;
  expect_exit(0, "run tiny.yaml --jobs 2 --db jobs.db");
  assert_same_results("reference.db", "jobs.db");
}

static void shared_and_unshared_states_have_the_same_bits(void **unused) {
  (void)unused;
  outcome *out = expect_exit(0, "run tiny.yaml --jobs 2 --no-share --db alone.db");
  assert_same_results("reference.db", "alone.db");
  /* 2 seeds × (3 arms × 9 states + 7 of the baseline) */
  expect_text(out, "68 states computed");
}

static void states_that_trials_share_are_computed_once(void **unused) {
  (void)unused;
  /* Per seed: root and epochs 1, 2 once for all; the baseline's other 4; each arm's other 6, unless criteria agree on the set. */
  char *rows = rows_of("reference.db", "SELECT count(*) FROM states");
  assert_true(atoi(rows) <= 2 * (3 + 4 + 3 * 6) && atoi(rows) >= 2 * (3 + 4 + 6));
  sqlite3_free(rows);
  assert_rows("reference.db", "SELECT count(*) FROM states WHERE op = 'init'", "2\n");
}

static void a_run_that_is_complete_computes_nothing(void **unused) {
  (void)unused;
  expect_text(expect_exit(0, "run tiny.yaml --jobs 2 --db reference.db"), " 0 states computed");
}

/* Killed at several points: in each case the next run ends with the bits of the one that was left alone. */
static void a_run_that_was_killed_goes_on_with_the_same_bits(void **unused) {
  (void)unused;
  static outcome out;
  for (int n = 2; n <= 30; n += 14) {
    char arguments[96], remove_old[64];
    snprintf(arguments, sizeof arguments, "run tiny.yaml --jobs 2 --db killed-%d.db", n);
    snprintf(remove_old, sizeof remove_old, "killed-%d.db", n);
    pid_t pid = start_repr(arguments);
    wait_until(pid, remove_old, "SELECT count(*) FROM states", n);
    kill(pid, SIGKILL);
    finish(pid, &out);
    assert_int_equal(out.exit_status, -SIGKILL);
    expect_exit(0, arguments);
    assert_same_results("reference.db", remove_old);
  }
}

static void ctrl_c_ends_with_130_and_the_next_run_goes_on_with_the_same_bits(void **unused) {
  (void)unused;
  static outcome out;
  pid_t pid = start_repr("run tiny.yaml --jobs 2 --db interrupted.db");
  wait_until(pid, "interrupted.db", "SELECT count(*) FROM states", 6);
  kill(-pid, SIGINT); /* to the whole group, as a terminal does */
  finish(pid, &out);
  assert_int_equal(out.exit_status, 130);
  expect_text(&out, "the same command goes on from there");
  expect_exit(0, "run tiny.yaml --jobs 2 --db interrupted.db");
  assert_same_results("reference.db", "interrupted.db");
}

static void checkpoints_that_are_gone_or_damaged_are_recomputed(void **unused) {
  (void)unused;
  expect_exit(0, "run tiny.yaml --jobs 1 --db longer.db --set train.epochs=5");
  assert_int_equal(system("for f in longer.states/*.state; do echo damaged > $f; done"), 0);
  expect_exit(0, "run tiny.yaml --jobs 1 --db longer.db");
  assert_same_rows("reference.db", "longer.db", PATHS);
}

/* As another machine's checkpoints in a shared folder would be, or moved files: whole, but not the recorded bits. */
static void checkpoints_that_hold_another_state_are_recomputed(void **unused) {
  (void)unused;
  expect_exit(0, "run tiny.yaml --jobs 1 --db moved.db --set train.epochs=5");
  assert_int_equal(system("cd moved.states && set -- *.state && for f in *.state; do [ $f = $1 ] || cp $1 $f; done"), 0);
  expect_exit(0, "run tiny.yaml --jobs 1 --db moved.db");
  assert_same_rows("reference.db", "moved.db", PATHS);
}

/* What is not needed any more goes: a state stays at events, every fifth epoch, the root and the end. */
static void checkpoints_between_events_are_thinned(void **unused) {
  (void)unused;
  char *rows = rows_of("reference.db", "SELECT count(*) FROM states WHERE checkpoint_bytes > 0");
  char command[128];
  snprintf(command, sizeof command, "test $(ls reference.states/*.state | wc -l) -eq %d", atoi(rows));
  sqlite3_free(rows);
  assert_int_equal(system(command), 0);
  assert_rows("reference.db", "SELECT count(*) FROM states WHERE epoch = 1 AND op = 'train' AND checkpoint_bytes > 0", "0\n");
}

/* The baseline trains on from the state that the others drop from; for it, epoch 2 is nothing to keep. */
static void a_state_before_a_drop_stays_though_another_trial_trains_on_from_it(void **unused) {
  (void)unused;
  assert_rows("reference.db",
              "SELECT epoch, min(checkpoint_bytes > 0) FROM states WHERE state IN (SELECT parent FROM states WHERE op = 'drop') GROUP BY 1",
              "2 1\n");
}

/* Two experiments with one database: what is the middle of one's training, the other drops from. */
static void a_state_that_another_experiment_drops_from_stays(void **unused) {
  (void)unused;
  const char *const other = "name: other\nextends: tiny.yaml\nseeds: [1]\nbaseline: false\nscheme: {s1: 4, s2: 1}\ntrain: {epochs: 7}\n";
  write_text("other.yaml", other);
  expect_exit(0, "run tiny.yaml --jobs 1 --db both.db --set seeds=[1] --set baseline=off");
  expect_exit(0, "run other.yaml --jobs 1 --db both.db");
  /* tiny drops after epoch 2, which the arms of the other train through */
  assert_rows("both.db",
              "SELECT DISTINCT epoch, checkpoint_bytes > 0 FROM states WHERE state IN (SELECT parent FROM states WHERE op = 'drop')",
              "2 1\n4 1\n");
  assert_rows("both.db", "SELECT count(*) FROM states WHERE epoch IN (1, 3) AND op = 'train' AND phase = 'full' AND checkpoint_bytes > 0",
              "0\n");
}

/* Layer by layer: two drops, each followed by training, before one regrow. Only YAML. */
static void a_scheme_nobody_foresaw_runs_two_drops_before_one_regrow(void **unused) {
  (void)unused;
  write_text("twice.yaml", "parameters: {p: 20, ranker: l2}\n"
                           "program:\n"
                           "  - train: 1\n"
                           "  - repeat: 2\n"
                           "    do:\n"
                           "      - drop: {ranker: $ranker, p: $p}\n"
                           "      - train: 1\n"
                           "  - regrow: {mode: orthogonal}\n"
                           "  - train: rest\n");
  write_text("unforeseen.yaml", "name: unforeseen\nmodel: {name: c3, depth: 2, filters: 8}\n"
                                "data: {name: shapes, train: 320, validation: 100, test: 100}\ntrain: {epochs: 5, batch: 32}\n"
                                "scheme: ./twice.yaml\nseeds: [1]\n");
  expect_exit(0, "run unforeseen.yaml --jobs 1 --db twice.db");
  /* 16 filters: floor(20 % of 16) = 3 go each time */
  assert_rows("twice.db", "SELECT epoch, phase, active_filters FROM v_epochs ORDER BY epoch",
              "0 full 16\n1 full 16\n2 sub 13\n3 sub 10\n4 full 16\n5 full 16\n");
  assert_rows("twice.db", "SELECT epoch, cycle, event, dropped FROM v_events ORDER BY epoch, cycle, event DESC",
              "1 1 drop 3\n2 2 drop 3\n3 2 regrow 6\n");
}

static void report_and_figures_come_out_of_a_run(void **unused) {
  (void)unused;
  outcome *out = expect_exit(0, "report tiny --db reference.db");
  expect_text(out, "prove nothing");
  expect_text(out, "n 2");
  expect_exit(0, "report tiny --db reference.db --format md -o tiny.md");
  static const char *const FORMATS[] = {"png", "svg", "pdf"};
  for (int i = 0; i < 3; i++) {
    char arguments[96], path[96];
    snprintf(arguments, sizeof arguments, "plot tiny --db reference.db --format %s -o figures", FORMATS[i]);
    expect_exit(0, arguments);
    snprintf(path, sizeof path, "figures/tiny-accuracy.%s", FORMATS[i]);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_true(status.st_size > 1000);
  }
  expect_text(expect_exit(0, "status tiny --db reference.db"), "done");
  expect_text(expect_exit(0, "show standard/1 --db reference.db"), "train.epochs");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_job_and_two_jobs_give_the_same_bits),
      cmocka_unit_test(shared_and_unshared_states_have_the_same_bits),
      cmocka_unit_test(states_that_trials_share_are_computed_once),
      cmocka_unit_test(a_run_that_is_complete_computes_nothing),
      cmocka_unit_test(a_run_that_was_killed_goes_on_with_the_same_bits),
      cmocka_unit_test(ctrl_c_ends_with_130_and_the_next_run_goes_on_with_the_same_bits),
      cmocka_unit_test(checkpoints_that_are_gone_or_damaged_are_recomputed),
      cmocka_unit_test(checkpoints_that_hold_another_state_are_recomputed),
      cmocka_unit_test(checkpoints_between_events_are_thinned),
      cmocka_unit_test(a_state_before_a_drop_stays_though_another_trial_trains_on_from_it),
      cmocka_unit_test(a_state_that_another_experiment_drops_from_stays),
      cmocka_unit_test(a_scheme_nobody_foresaw_runs_two_drops_before_one_regrow),
      cmocka_unit_test(report_and_figures_come_out_of_a_run),
  };
  return cmocka_run_group_tests_name("run", tests, make_reference, leave_work_folder);
}
