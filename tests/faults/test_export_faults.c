/* test_export_faults.c: exports of trials that are not whole, to places that cannot be written. Never is half a file in place. */
#include "tests/npz_files.h"
#include "tests/program.h"

static const char EXPERIMENT[] = "name: tiny\nmodel: {name: c3, depth: 2, filters: 8}\n"
                                 "data: {name: shapes, train: 100, validation: 50, test: 40}\ntrain: {epochs: 5, batch: 32}\n"
                                 "scheme: {name: repr, s1: 2, s2: 1, n: 1, p: 30, ranker: l2}\nseeds: [1]\n";

static int run_experiment(void **state) {
  if (enter_work_folder(state) != 0) return -1;
  write_text("tiny.yaml", EXPERIMENT);
  expect_exit(0, "run tiny.yaml --jobs 1 --db tiny.db");
  expect_exit(0, "export repr/1 --db tiny.db -o whole.npz");
  return 0;
}

static void expect_no_file_like(const char *pattern) {
  char command[128];
  snprintf(command, sizeof command, "test -z \"$(ls %s* 2>/dev/null)\"", pattern);
  if (system(command) != 0) fail_msg("something like %s was left behind", pattern);
}

static void copy_run(const char *name) {
  char command[256];
  snprintf(command, sizeof command, "cp tiny.db %s.db && cp -r tiny.states %s.states", name, name);
  assert_int_equal(system(command), 0);
}

/* A limit on the size of files stands for a full disk. */
static void a_full_disk_leaves_no_half_file(void **unused) {
  (void)unused;
  char command[PATH_MAX + 256];
  write_text("old.npz", "the old file");
  for (int blocks = 128; blocks <= 640; blocks += 256) {
    snprintf(command, sizeof command, "trap '' XFSZ; ulimit -f %d; exec %s export repr/1 --db tiny.db -o old.npz >output 2>&1", blocks,
             built_file("repr"));
    int status = system(command);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) != 3) fail_msg("exit status %d with %d blocks", WEXITSTATUS(status), blocks);
    assert_int_equal(system("grep -q 'old.npz: cannot be written: File too large' output"), 0);
    expect_no_file_like("old.npz.");
    assert_int_equal(system("grep -q 'the old file' old.npz"), 0);
  }
}

static void a_place_that_cannot_be_written_is_named(void **unused) {
  (void)unused;
  expect_text(expect_exit(3, "export repr/1 --db tiny.db -o nowhere/tiny.npz"), "nowhere/tiny.npz: cannot be written");
  expect_text(expect_exit(3, "export repr/1 --db tiny.db -o /proc/tiny.npz"), "/proc/tiny.npz");
}

static void unknown_trials_and_databases_are_refused_before_anything_is_written(void **unused) {
  (void)unused;
  expect_text(expect_exit(2, "export other/1 --db tiny.db -o unknown.npz"), "no trial 'other/1'");
  expect_text(expect_exit(2, "export repr/1 --db missing.db -o unknown.npz"), "missing.db");
  expect_no_file_like("unknown.npz");
}

static void states_that_are_all_gone_are_computed_again_to_the_same_file(void **unused) {
  (void)unused;
  copy_run("gone");
  assert_int_equal(system("rm -r gone.states"), 0);
  expect_text(expect_exit(2, "export repr/1 --stored --db gone.db -o gone.npz"), "gone.states holds no state of this trial");
  expect_no_file_like("gone.npz");
  expect_text(expect_exit(0, "export repr/1 --db gone.db -o gone.npz"), "8 states, 8 of them computed again");
  npz_file *gone = read_npz("gone.npz"), *whole = read_npz("whole.npz");
  assert_int_equal(gone->n, whole->n);
  for (int i = 0; i < whole->n; i++) {
    if (strcmp(whole->arrays[i].name, "meta") == 0) continue; /* says which were computed */
    const npz_array *array = find_array(gone, whole->arrays[i].name);
    assert_true(array && array->size == whole->arrays[i].size);
    assert_memory_equal(values_of(array), values_of(&whole->arrays[i]), array->size);
  }
  free_npz(gone), free_npz(whole);
  expect_no_file_like("gone.states");
}

static void damaged_and_mixed_up_checkpoints_are_not_taken(void **unused) {
  (void)unused;
  copy_run("damaged");
  assert_int_equal(system("cd damaged.states && set -- *.state && echo damaged >$1 && cp $3 $2"), 0);
  outcome *out = expect_exit(0, "export repr/1 --db damaged.db -o damaged.npz");
  expect_text(out, "8 states, 4 of them computed again");
}

/* As if another build or machine had computed it. */
static void a_state_that_comes_out_with_other_bits_is_an_error(void **unused) {
  (void)unused;
  copy_run("other");
  assert_int_equal(system("rm -r other.states"), 0);
  sqlite3 *db;
  assert_int_equal(sqlite3_open("other.db", &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, "UPDATE states SET digest = replace(digest, '0', '1') WHERE epoch = 4", NULL, NULL, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
  expect_text(expect_exit(1, "export repr/1 --db other.db -o other.npz"), "not reproducible: the state after epoch 4");
  expect_no_file_like("other.npz");
}

static void a_trial_that_was_interrupted_is_exported_as_far_as_it_came(void **unused) {
  (void)unused;
  copy_run("partly");
  sqlite3 *db;
  assert_int_equal(sqlite3_open("partly.db", &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, "DELETE FROM paths WHERE step > 4", NULL, NULL, NULL), SQLITE_OK);
  expect_text(expect_exit(0, "export repr/1 --db partly.db -o partly.npz"), "5 states");
  npz_file *partly = read_npz("partly.npz");
  assert_non_null(find_array(partly, "4/parameters"));
  assert_null(find_array(partly, "5/parameters"));
  free_npz(partly);
  assert_int_equal(sqlite3_exec(db, "DELETE FROM paths", NULL, NULL, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
  expect_text(expect_exit(2, "export repr/1 --db partly.db -o nothing.npz"), "nothing of this trial was computed yet");
  expect_no_file_like("nothing.npz");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_full_disk_leaves_no_half_file),
      cmocka_unit_test(a_place_that_cannot_be_written_is_named),
      cmocka_unit_test(unknown_trials_and_databases_are_refused_before_anything_is_written),
      cmocka_unit_test(states_that_are_all_gone_are_computed_again_to_the_same_file),
      cmocka_unit_test(damaged_and_mixed_up_checkpoints_are_not_taken),
      cmocka_unit_test(a_state_that_comes_out_with_other_bits_is_an_error),
      cmocka_unit_test(a_trial_that_was_interrupted_is_exported_as_far_as_it_came),
  };
  return cmocka_run_group_tests_name("export faults", tests, run_experiment, leave_work_folder);
}
