/* test_machine_faults.c: a run on a machine that fails it: a disk that fills up, a folder that cannot be written, workers that are killed
 * or crash. */
#include "tests/program.h"

static const char EXPERIMENT[] =
    "name: tiny\nmodel: {name: c3, depth: 2, filters: 8}\ndata: {name: shapes, train: 320, validation: 100, test: 100}\n"
    "train: {epochs: 40, batch: 32}\nscheme: {name: repr, s1: 2, s2: 2, n: 1, p: 30, ranker: l2}\nseeds: [1, 2]\n";

static int write_experiment(void **state) {
  if (enter_work_folder(state) != 0) return -1;
  write_text("tiny.yaml", EXPERIMENT);
  return 0;
}

/* A limit on the size of files stands for a full disk: writes fail half-way, at whatever point they cross it. */
static void a_full_disk_stops_the_run_and_leaves_the_database_readable(void **unused) {
  (void)unused;
  char command[PATH_MAX + 256];
  for (int blocks = 260; blocks <= 520; blocks += 130) {
    snprintf(command, sizeof command, "rm -rf full.*; trap '' XFSZ; ulimit -f %d; exec %s run tiny.yaml --jobs 2 --db full.db >output 2>&1",
             blocks, built_file("repr"));
    int status = system(command);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) != 3) fail_msg("exit status %d with %d blocks", WEXITSTATUS(status), blocks);
    assert_rows("full.db", "PRAGMA integrity_check", "ok\n");
    /* With room again the run goes on to the end. */
    expect_exit(0, "run tiny.yaml --jobs 2 --db full.db");
  }
}

static void a_folder_that_cannot_be_written_stops_the_run_with_its_name(void **unused) {
  (void)unused;
  expect_text(expect_exit(3, "run tiny.yaml --jobs 1 --db /proc/nowhere/results.db"), "/proc/nowhere");
}

/* The children of a process, in the order in which they were started; at most `most`. Returns how many. */
static int children_of(pid_t pid, int *children, int most) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  int n = 0;
  while (n < most && fscanf(file, "%d", &children[n]) == 1) n++;
  fclose(file);
  return n;
}

/* With more workers than there is work for, so that some of them are idle. They are stopped first and killed one by one: what the first was
 * busy with is handed to one that never looks at it, and so on. */
static void workers_that_were_killed_busy_or_idle_are_replaced_and_ops_computed_again(void **unused) {
  (void)unused;
  enum { JOBS = 10 };
  static outcome out;
  int workers[JOBS + 1];
  pid_t pid = start_repr("run tiny.yaml --jobs 10 --db killed.db");
  wait_until(pid, "killed.db", "SELECT count(*) FROM states", 4);
  assert_int_equal(children_of(pid, workers, JOBS + 1), JOBS);
  for (int i = 0; i < JOBS; i++) assert_int_equal(kill(workers[i], SIGSTOP), 0);
  for (int i = 0; i < JOBS; i++) {
    assert_int_equal(kill(workers[i], SIGKILL), 0);
    usleep(4000);
  }
  finish(pid, &out);
  if (out.exit_status != 0) fail_msg("%s", out.output);
  expect_exit(0, "run tiny.yaml --jobs 1 --db quiet.db");
  assert_same_rows("quiet.db", "killed.db", "SELECT id, digest FROM states ORDER BY id");
}

/* The plugin `misbehaves` does what its option says. */
static void a_plugin_that_crashes_fails_its_own_trials_only(void **unused) {
  (void)unused;
  char experiment[PATH_MAX + 512];
  snprintf(experiment, sizeof experiment,
           "name: crash\nmodel: {name: c3, depth: 2, filters: 8}\ndata: {name: shapes, train: 320, validation: 100, test: 100}\n"
           "train: {epochs: 5, batch: 32}\nscheme: {name: repr, s1: 1, s2: 1, n: 1, p: 30}\nseeds: [1]\n"
           "sweep: {scheme.ranker: [l2, {name: %.900s, deed: crashes}, {name: %.900s, deed: returns-nan}]}\n",
           built_file("tests/plugins/misbehaves.so"), built_file("tests/plugins/misbehaves.so"));
  write_text("crash.yaml", experiment);
  outcome *out = expect_exit(1, "run crash.yaml --jobs 2 --db crash.db");
  expect_text(out, "misbehaves");
  expect_text(out, "2 of 3 trials failed");
  assert_rows("crash.db", "SELECT status, count(*) FROM v_trials GROUP BY status ORDER BY status", "done 1\nfailed 2\n");
  /* Such a cause stays: without --retry it is not tried again. */
  expect_text(expect_exit(1, "run crash.yaml --jobs 2 --db crash.db"), " 0 states computed");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_full_disk_stops_the_run_and_leaves_the_database_readable),
      cmocka_unit_test(a_folder_that_cannot_be_written_stops_the_run_with_its_name),
      cmocka_unit_test(workers_that_were_killed_busy_or_idle_are_replaced_and_ops_computed_again),
      cmocka_unit_test(a_plugin_that_crashes_fails_its_own_trials_only),
  };
  return cmocka_run_group_tests_name("machine faults", tests, write_experiment, leave_work_folder);
}
