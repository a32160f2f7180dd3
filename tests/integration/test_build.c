/* test_build.c: what the Makefile makes of the tree: which sources the environment of computed states depends on. */
#include "tests/program.h"

/* The tree's root: the parent of the folder that it is built in. */
static const char *root(void) {
  static char path[PATH_MAX];
  assert_non_null(realpath(built_file(".."), path));
  return path;
}

/* A tree of links to the sources, to which files can be added. */
static int make_tree(void **state) {
  if (enter_work_folder(state) != 0) return -1;
  char command[2 * PATH_MAX];
  snprintf(
      command, sizeof command,
      "mkdir tree && cd tree && for part in Makefile core rankers experiments results plots tests; do cp -rs %.4000s/$part . || exit 1; done",
      root());
  return system(command);
}

/* The digest that environment.c would be compiled with; nothing is compiled. */
static void read_digest(char digest[64]) {
  FILE *make = popen("make -C tree -n build/objects/experiments/work/environment.o 2>&1 | grep -o 'NUMERIC_SOURCES=[^ ]*'", "r");
  assert_non_null(make);
  assert_non_null(fgets(digest, 64, make));
  assert_int_equal(pclose(make), 0);
  assert_true(strlen(digest) > strlen("NUMERIC_SOURCES='\"\"'") + 5);
}

/* Which of states computed before count depends on it: who adds a criterion wants to go on from them. */
static void a_new_ranker_leaves_the_environment_as_it_was_and_a_numeric_source_does_not(void **unused) {
  (void)unused;
  char before[64], with_ranker[64], with_source[64];
  read_digest(before);
  assert_int_equal(system("echo 'static int unused;' > tree/rankers/brand-new.c"), 0);
  read_digest(with_ranker);
  assert_string_equal(with_ranker, before);
  assert_int_equal(system("echo 'static int unused;' > tree/core/ops/brand_new.c"), 0);
  read_digest(with_source);
  assert_string_not_equal(with_source, before);
}

/* The other way round, through the built program: what a run records is what the Makefile says. */
static void a_run_records_the_digest_of_the_numeric_sources(void **unused) {
  (void)unused;
  char command[2 * PATH_MAX], *recorded;
  write_text("tiny.yaml", "model: {name: c3, depth: 2, filters: 8}\ndata: {name: shapes, train: 64, validation: 16, test: 16}\n"
                          "train: {epochs: 1, batch: 32}\nscheme: standard\n");
  expect_exit(0, "run tiny.yaml --jobs 1 --db tiny.db");
  recorded = rows_of("tiny.db", "SELECT source_digest FROM environments");
  recorded[strcspn(recorded, "\n")] = '\0';
  snprintf(command, sizeof command,
           "cd %.4000s && test \"$(LC_ALL=C; export LC_ALL; cat $(ls core/*/*.c core/*/*.h | sort) | cksum | tr ' ' -)\" = '%s'", root(),
           recorded);
  assert_int_equal(system(command), 0);
  sqlite3_free(recorded);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_new_ranker_leaves_the_environment_as_it_was_and_a_numeric_source_does_not),
      cmocka_unit_test(a_run_records_the_digest_of_the_numeric_sources),
  };
  return cmocka_run_group_tests_name("the build", tests, make_tree, leave_work_folder);
}
