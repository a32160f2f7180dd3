/* What goes wrong with a database file: a clear error, and what was there stays readable. */
#include "tests/synthetic_store.h"

#include "results/query.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static double flat(int seed, int epoch) {
  return 0.5 + 0.01 * seed + 0.001 * epoch;
}

static const synthetic_trial TRIAL = {.experiment = "x", .arm = "a", .seed = 1, .script = "eee", .test_acc = flat, .status = RP_TRIAL_DONE};

static void write_bytes(const char *path, const char *bytes) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  fputs(bytes, file);
  fclose(file);
}

/* A closed store with one trial of three epochs. */
static char *a_database(void) {
  char *path = synthetic_path();
  rp_store *store = NULL;
  rp_error err = {0};
  assert_ok(rp_store_open(path, RP_STORE_WRITE, &store, &err), err);
  synthetic_run(store, &TRIAL, 1, NULL, 0);
  rp_store_close(&store);
  return path;
}

static void run_sql(const char *path, const char *sql) {
  rp_store *store = NULL;
  rp_error err = {0};
  assert_ok(rp_store_open(path, RP_STORE_WRITE, &store, &err), err);
  rp_status status = rp_query_rows(store, sql, NULL, NULL, NULL, &err);
  rp_store_close(&store);
  assert_ok(status, err);
}

/* 0 where the database opens to read and holds the trial with its epochs. */
static int check_readable(const char *path, rp_error *err) {
  RP_CLEANUP(rp_store_close) rp_store *store = NULL;
  RP_CLEANUP(rp_epoch_list_free) rp_epoch_list epochs = {0};
  if (rp_store_open(path, RP_STORE_READ, &store, err) != RP_OK || rp_query_epochs(store, "x", &epochs, err) != RP_OK) return 1;
  return epochs.n == 4 ? 0 : 2;
}

static void a_file_that_is_no_database_is_refused_and_left_alone(void **unused) {
  (void)unused;
  char *path = synthetic_path(), text[64] = {0};
  rp_store *store = NULL;
  rp_error err = {0};
  write_bytes(path, "seeds: [1, 2, 3]  # this is YAML, long enough to be looked at as a header of SQLite\n");
  assert_fails(rp_store_open(path, RP_STORE_WRITE, &store, &err), RP_EINPUT, err, "not a SQLite database");
  assert_non_null(strstr(err.message, path));
  assert_null(store);
  assert_fails(rp_store_open(path, RP_STORE_READ, &store, &err), RP_EINPUT, err, "not a SQLite database");
  FILE *file = fopen(path, "rb");
  assert_true(fread(text, 1, 5, file) == 5 && strcmp(text, "seeds") == 0);
  fclose(file);
  synthetic_remove(path);
}

static void another_programs_database_is_refused(void **unused) {
  (void)unused;
  char *path = a_database();
  rp_store *store = NULL;
  rp_error err = {0};
  run_sql(path, "PRAGMA application_id = 42");
  assert_fails(rp_store_open(path, RP_STORE_WRITE, &store, &err), RP_EINPUT, err, "not one of repr");
  synthetic_remove(path);
}

static void a_database_of_a_newer_version_is_refused_with_both_versions(void **unused) {
  (void)unused;
  char *path = a_database();
  rp_store *store = NULL;
  rp_error err = {0};
  run_sql(path, "PRAGMA user_version = 97");
  assert_fails(rp_store_open(path, RP_STORE_WRITE, &store, &err), RP_EINPUT, err, "version 97 is newer than version 3");
  assert_fails(rp_store_open(path, RP_STORE_READ, &store, &err), RP_EINPUT, err, "version 97");
  synthetic_remove(path);
}

static void a_missing_or_empty_file_cannot_be_read_and_is_not_made(void **unused) {
  (void)unused;
  char *path = synthetic_path();
  rp_store *store = NULL;
  rp_error err = {0};
  assert_fails(rp_store_open(path, RP_STORE_READ, &store, &err), RP_EINPUT, err, "no such database");
  assert_int_equal(access(path, F_OK), -1);
  write_bytes(path, "");
  assert_fails(rp_store_open(path, RP_STORE_READ, &store, &err), RP_EINPUT, err, "empty file");
  synthetic_remove(path);
}

/* Runs `work` in a child that is no superuser, to whom the folder's permissions apply; returns its exit status. */
static int as_nobody(int (*work)(const char *), const char *path) {
  pid_t child = fork();
  if (child == 0) {
    if (geteuid() == 0 && (setegid(65534) != 0 || seteuid(65534) != 0)) _exit(99);
    _exit(work(path));
  }
  int status = 0;
  assert_true(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status));
  return WEXITSTATUS(status);
}

static void set_modes(const char *path, mode_t folder_mode, mode_t file_mode) {
  char folder[64];
  snprintf(folder, sizeof folder, "%s", path);
  *strrchr(folder, '/') = '\0';
  assert_int_equal(chmod(path, file_mode), 0);
  assert_int_equal(chmod(folder, folder_mode), 0);
}

static int reads(const char *path) {
  rp_error err = {0};
  int result = check_readable(path, &err);
  if (result) fprintf(stderr, "%s\n", err.message);
  return result;
}

static int is_refused_for_writing(const char *path) {
  rp_store *store = NULL;
  rp_error err = {0};
  rp_status status = rp_store_open(path, RP_STORE_WRITE, &store, &err);
  if (status == RP_EIO && strstr(err.message, path)) return 0;
  fprintf(stderr, "%s: %s\n", rp_status_name(status), err.message);
  return 1;
}

static void skip_without_other_user(void) {
  print_message("skipped: root may not become another user here\n");
  skip();
}

static void a_read_only_folder_can_be_read_but_not_written(void **unused) {
  (void)unused;
  char *path = a_database();
  set_modes(path, 0555, 0444);
  int read = as_nobody(reads, path), refused = as_nobody(is_refused_for_writing, path);
  set_modes(path, 0755, 0644);
  synthetic_remove(path);
  if (read == 99) skip_without_other_user();
  assert_int_equal(read, 0);
  assert_int_equal(refused, 0);
}

static void a_folder_in_which_nothing_can_be_made_stops_a_new_database(void **unused) {
  (void)unused;
  char *path = a_database();
  unlink(path);
  char folder[64];
  snprintf(folder, sizeof folder, "%s", path);
  *strrchr(folder, '/') = '\0';
  assert_int_equal(chmod(folder, 0555), 0);
  int refused = as_nobody(is_refused_for_writing, path);
  synthetic_remove(path);
  if (refused == 99) skip_without_other_user();
  assert_int_equal(refused, 0);
}

/* In a child with a small limit on the size of files, which stands for a full disk. */
static int fills_the_disk(const char *path) {
  rp_store *store = NULL;
  rp_error err = {0};
  rp_status status = RP_OK;
  struct rlimit limit = {600 * 1024, 600 * 1024};
  signal(SIGXFSZ, SIG_IGN);
  if (rp_store_open(path, RP_STORE_WRITE, &store, &err) != RP_OK || setrlimit(RLIMIT_FSIZE, &limit) != 0) return 99;
  if (rp_store_set_environment(store, &SYNTHETIC_ENVIRONMENT, 0, &err) != RP_OK) return 98;
  for (int i = 0; i < 100000 && status == RP_OK; i++) {
    rp_state_row state = rp_state_row_empty();
    state.id = synthetic_id("filler %d", i), state.op = "init";
    status = rp_store_put_state(store, &state, &err);
  }
  if (status != RP_EIO || !strstr(err.message, path)) fprintf(stderr, "%s: %s\n", rp_status_name(status), err.message);
  rp_store_close(&store);
  return status == RP_EIO && strstr(err.message, path) ? 0 : 1;
}

static void a_full_disk_stops_with_an_error_and_leaves_the_database_readable(void **unused) {
  (void)unused;
  char *path = a_database();
  rp_error err = {0};
  int status = 0, result;
  pid_t child = fork();
  if (child == 0) _exit(fills_the_disk(path));
  assert_true(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status));
  result = check_readable(path, &err);
  synthetic_remove(path);
  assert_int_equal(WEXITSTATUS(status), 0);
  assert_int_equal(result, 0);
}

static void a_writer_that_was_killed_loses_only_what_it_had_not_committed(void **unused) {
  (void)unused;
  char *path = a_database();
  rp_error err = {0};
  int status = 0;
  pid_t child = fork();
  if (child == 0) {
    rp_store *store = NULL;
    rp_state_row state = rp_state_row_empty();
    state.id = synthetic_id("lost"), state.op = "init";
    if (rp_store_open(path, RP_STORE_WRITE, &store, &err) != RP_OK ||
        rp_store_set_environment(store, &SYNTHETIC_ENVIRONMENT, 0, &err) != RP_OK || rp_store_begin(store, &err) != RP_OK ||
        rp_store_put_state(store, &state, &err) != RP_OK)
      _exit(1);
    kill(getpid(), SIGKILL);
  }
  assert_true(child > 0 && waitpid(child, &status, 0) == child);
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  assert_int_equal(check_readable(path, &err), 0);
  rp_store *store = NULL;
  int found;
  rp_known_state known;
  assert_ok(rp_store_open(path, RP_STORE_WRITE, &store, &err), err);
  assert_ok(rp_store_find_state(store, synthetic_id("lost"), &found, &known, &err), err);
  assert_false(found);
  rp_store_close(&store);
  synthetic_remove(path);
}

static void a_database_that_another_process_writes_to_is_busy(void **unused) {
  (void)unused;
  char *path = a_database(), byte;
  int ready[2], finish[2], status = 0;
  rp_error err = {0};
  rp_store *store = NULL;
  assert_true(pipe(ready) == 0 && pipe(finish) == 0);
  pid_t child = fork();
  if (child == 0) {
    close(finish[1]);
    if (rp_store_open(path, RP_STORE_WRITE, &store, &err) != RP_OK || rp_store_begin(store, &err) != RP_OK || write(ready[1], "r", 1) != 1)
      _exit(1);
    _exit(read(finish[0], &byte, 1) < 0);
  }
  assert_int_equal(read(ready[0], &byte, 1), 1);
  assert_ok(rp_store_open(path, RP_STORE_WRITE, &store, &err), err);
  rp_store_set_timeout(store, 50);
  assert_fails(rp_store_begin(store, &err), RP_EBUSY, err, "another process");
  assert_fails(rp_store_set_environment(store, &SYNTHETIC_ENVIRONMENT, 0, &err), RP_EBUSY, err, path);
  assert_int_equal(check_readable(path, &err), 0);
  close(finish[1]);
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_ok(rp_store_begin(store, &err), err);
  rp_store_close(&store);
  synthetic_remove(path);
}

static void a_damaged_database_is_said_to_be_damaged(void **unused) {
  (void)unused;
  char *path = a_database();
  rp_error err = {0};
  FILE *file = fopen(path, "r+b");
  /* all pages but the first, which holds the header and the list of tables' first part */
  assert_int_equal(fseek(file, 4096, SEEK_SET), 0);
  for (int i = 0; i < 200000; i++) fputc(0x5a, file);
  fclose(file);
  assert_int_not_equal(check_readable(path, &err), 0);
  assert_int_equal(err.status, RP_EDAMAGED);
  synthetic_remove(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_file_that_is_no_database_is_refused_and_left_alone),
      cmocka_unit_test(another_programs_database_is_refused),
      cmocka_unit_test(a_database_of_a_newer_version_is_refused_with_both_versions),
      cmocka_unit_test(a_missing_or_empty_file_cannot_be_read_and_is_not_made),
      cmocka_unit_test(a_read_only_folder_can_be_read_but_not_written),
      cmocka_unit_test(a_folder_in_which_nothing_can_be_made_stops_a_new_database),
      cmocka_unit_test(a_full_disk_stops_with_an_error_and_leaves_the_database_readable),
      cmocka_unit_test(a_writer_that_was_killed_loses_only_what_it_had_not_committed),
      cmocka_unit_test(a_database_that_another_process_writes_to_is_busy),
      cmocka_unit_test(a_damaged_database_is_said_to_be_damaged),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
