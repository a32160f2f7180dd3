/* test_rankers_command.c: `repr rankers new` and `repr rankers check` as somebody who writes a ranker uses them. */
#include "tests/program.h"

/* Runs the command that `repr rankers new` printed (its third line), and checks what comes of it. */
static void assert_new_ranker_passes(const char *arguments, const char *object) {
  char command[PATH_MAX + 256], check[256], *build;
  outcome *out = expect_exit(0, arguments);
  expect_text(out, "wrote ");
  build = strchr(strchr(out->output, '\n') + 1, '\n') + 1;
  *strchr(build, '\n') = '\0';
  snprintf(command, sizeof command, "%.4000s -Wall -Wextra -Wpedantic -Wshadow -Werror", build);
  if (system(command) != 0) fail_msg("%s fails", command);
  snprintf(check, sizeof check, "rankers check %s", object);
  expect_text(expect_exit(0, check), "keeps all rules");
}

static void a_new_ranker_builds_by_the_printed_command_and_keeps_all_rules(void **unused) {
  (void)unused;
  assert_new_ranker_passes("rankers new mine", "./mine.so");
  expect_text(expect_exit(0, "rankers info ./mine.so"), "mine 0.1.0");
  assert_int_equal(mkdir("a folder's", 0755), 0);
  assert_new_ranker_passes("rankers new other-1 -o \"a folder's\"", "\"a folder's/other-1.so\"");
}

static void a_new_ranker_in_cpp_does_so_too(void **unused) {
  (void)unused;
  if (system("g++ --version >/dev/null 2>&1") != 0) skip();
  assert_new_ranker_passes("rankers new plus --cpp", "./plus.so");
}

/* A line that its own author would change. */
static void a_changed_formula_changes_scores_and_its_mistakes_are_found(void **unused) {
  (void)unused;
  char command[PATH_MAX + 512];
  expect_exit(0, "rankers new changed");
  assert_int_equal(system("sed -i 's/sum \\/ (double)d/sum \\/ (double)(k > 0)/' changed.c"), 0);
  snprintf(command, sizeof command, "gcc -O2 -fPIC -shared -I %s/.. changed.c -o changed.so -lm", built_file(""));
  assert_int_equal(system(command), 0);
  outcome *out = expect_exit(1, "rankers check ./changed.so");
  expect_text(out, "VIOLATED  finite scores           layer conv1, filter 0: its importance is infinite");
  expect_text(out, "violations of the rules of rankers/ranker.h");
}

static void bad_names_and_files_that_are_there_are_refused_and_nothing_is_written(void **unused) {
  (void)unused;
  write_text("there.c", "mine\n");
  static const struct {
    const char *arguments, *text;
  } REFUSED[] = {
      {"rankers new Mine", "'Mine' cannot be a ranker's name: it is made of lower-case letters, digits and '-'"},
      {"rankers new mine.c", "'mine.c' cannot be a ranker's name"},
      {"rankers new ''", "'' cannot be a ranker's name"},
      {"rankers new some/where", "give -o DIR for a folder"},
      {"rankers new ortho", "there is a built-in ranker 'ortho'; choose another name"},
      {"rankers new all", "'all' means every ranker"},
      {"rankers new there", "./there.c is there already; nothing was changed"},
      {"rankers new fresh -o nowhere", "-o nowhere: No such file or directory"},
      {"rankers new fresh -o there.c", "-o there.c: is no folder"},
  };
  for (size_t i = 0; i < sizeof REFUSED / sizeof REFUSED[0]; i++) expect_text(expect_exit(2, REFUSED[i].arguments), REFUSED[i].text);
  assert_int_equal(access("Mine.c", F_OK) + access("fresh.c", F_OK) + access("ortho.c", F_OK) + access("all.c", F_OK), -4);
  assert_int_equal(system("grep -qx mine there.c"), 0);
}

static void check_tells_by_its_exit_status_whether_rules_are_broken_or_nothing_could_be_tested(void **unused) {
  (void)unused;
  char arguments[PATH_MAX + 128];
  expect_text(expect_exit(0, "rankers check ortho"), "keeps all rules");
  snprintf(arguments, sizeof arguments, "rankers check %.4000s", built_file("tests/plugins/bad_default.so"));
  expect_text(expect_exit(1, arguments), "VIOLATED  interface");
  expect_text(expect_exit(2, "rankers check ./nothing.so"), "./nothing.so cannot be opened");
  expect_text(expect_exit(2, "rankers check otrho"), "did you mean ortho?");
  expect_text(expect_exit(2, "rankers check"), "takes list, info NAME, new NAME or check");
  expect_text(expect_exit(2, "rankers check ortho --timeout soon"), "--timeout soon: a number of seconds is expected");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_new_ranker_builds_by_the_printed_command_and_keeps_all_rules),
      cmocka_unit_test(a_new_ranker_in_cpp_does_so_too),
      cmocka_unit_test(a_changed_formula_changes_scores_and_its_mistakes_are_found),
      cmocka_unit_test(bad_names_and_files_that_are_there_are_refused_and_nothing_is_written),
      cmocka_unit_test(check_tells_by_its_exit_status_whether_rules_are_broken_or_nothing_could_be_tested),
  };
  return cmocka_run_group_tests_name("repr rankers", tests, enter_work_folder, leave_work_folder);
}
