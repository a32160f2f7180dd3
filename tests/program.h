/* program.h: runs the built `repr` as a user would, in a folder of the test's own, and looks at what it wrote. */
#ifndef RP_TESTS_PROGRAM_H
#define RP_TESTS_PROGRAM_H

#include "tests/ranker_files.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

/* What a command left behind. */
typedef struct {
  int exit_status;    /* −signal where it was killed */
  char output[65536]; /* stdout and stderr */
} outcome;

static char work_folder[64];

/* A new empty working folder; the tests of a program share it. */
static int enter_work_folder(void **unused) {
  (void)unused;
  snprintf(work_folder, sizeof work_folder, "/tmp/repr-test-XXXXXX");
  return mkdtemp(work_folder) && chdir(work_folder) == 0 ? 0 : -1;
}

static int leave_work_folder(void **unused) {
  (void)unused;
  char command[256];
  snprintf(command, sizeof command, "chmod -R u+w %s; rm -rf %s", work_folder, work_folder);
  return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static inline void write_text(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

/* Starts `repr ARGUMENTS`, its output going to the file `output`. The words of `arguments` are split by the shell. */
static inline pid_t start_repr(const char *arguments) {
  char command[PATH_MAX + 1024];
  snprintf(command, sizeof command, "exec %s %.900s >output 2>&1", built_file("repr"), arguments);
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    setpgid(0, 0);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
  }
  return pid;
}

static inline void finish(pid_t pid, outcome *out) {
  int status;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  out->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  FILE *file = fopen("output", "r");
  assert_non_null(file);
  size_t n = fread(out->output, 1, sizeof out->output - 1, file);
  out->output[n] = '\0';
  fclose(file);
}

static inline outcome *run_repr(const char *arguments) {
  static outcome out;
  finish(start_repr(arguments), &out);
  return &out;
}

/* Runs and expects an exit status; the output is shown where it is another. */
static inline outcome *expect_exit(int status, const char *arguments) {
  outcome *out = run_repr(arguments);
  if (out->exit_status != status) fail_msg("repr %s: exit status %d, not %d:\n%s", arguments, out->exit_status, status, out->output);
  return out;
}

static inline void expect_text(const outcome *out, const char *part) {
  if (!strstr(out->output, part)) fail_msg("«%s» is not in:\n%s", part, out->output);
}

/* The rows of a query as one text, columns parted by blanks, rows by newlines. The caller frees with sqlite3_free. */
static inline char *rows_of(const char *database, const char *sql) {
  sqlite3 *db;
  assert_int_equal(sqlite3_open_v2(database, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
  sqlite3_stmt *statement;
  if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) fail_msg("%s: %s", sql, sqlite3_errmsg(db));
  char *rows = sqlite3_mprintf("");
  int code;
  while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
    for (int i = 0; i < sqlite3_column_count(statement); i++) {
      const unsigned char *text = sqlite3_column_text(statement, i);
      char *longer =
          sqlite3_mprintf("%s%s%s", rows, text ? (const char *)text : "NULL", i + 1 < sqlite3_column_count(statement) ? " " : "\n");
      sqlite3_free(rows);
      rows = longer;
    }
  }
  assert_int_equal(code, SQLITE_DONE);
  sqlite3_finalize(statement);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
  return rows;
}

static inline void assert_rows(const char *database, const char *sql, const char *expected) {
  char *rows = rows_of(database, sql);
  if (strcmp(rows, expected) != 0) fail_msg("%s gives\n%sand not\n%s", sql, rows, expected);
  sqlite3_free(rows);
}

/* Two databases give the same rows, and at least one. */
static inline void assert_same_rows(const char *one, const char *other, const char *sql) {
  char *rows = rows_of(one, sql);
  assert_true(*rows != '\0');
  assert_rows(other, sql, rows);
  sqlite3_free(rows);
}

static inline void sleep_ms(long milliseconds) {
  struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  nanosleep(&time, NULL);
}

/* Waits until a query gives a number of at least `least`; a run that ends meanwhile fails the test. */
static inline void wait_until(pid_t pid, const char *database, const char *sql, int least) {
  for (;;) {
    sqlite3 *db;
    int reached = 0;
    if (sqlite3_open_v2(database, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK) {
      sqlite3_busy_timeout(db, 1000);
      sqlite3_stmt *statement = NULL;
      if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
        reached = sqlite3_column_int(statement, 0) >= least;
      sqlite3_finalize(statement);
    }
    sqlite3_close(db);
    if (reached) return;
    if (waitpid(pid, NULL, WNOHANG) != 0) fail_msg("the run ended before %s reached %d", sql, least);
    sleep_ms(5);
  }
}

#endif
