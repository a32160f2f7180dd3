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
  if (system("g++ --version >/dev/null 2>&1") != 0) {
    print_message("skipped: g++ is not installed\n");
    skip();
  }
  assert_new_ranker_passes("rankers new plus --cpp", "./plus.so");
}

/* As it is pasted from README.md, but for the folder. */
static void the_criterion_in_the_readme_builds_and_keeps_all_rules(void **unused) {
  (void)unused;
  char command[2 * PATH_MAX];
  snprintf(
      command, sizeof command,
      "sed -n '/^cat > largest.c/,/^END$/p; /^gcc .*largest/p' %.4000s/../README.md | sed 's|-I\\.|& -I%.4000s/.. -Wall -Werror|' >paste && "
      "test $(grep -c '^gcc' paste) -eq 1 && sh -e paste",
      built_file(""), built_file(""));
  assert_int_equal(system(command), 0);
  expect_text(expect_exit(0, "rankers check ./largest.so"), "keeps all rules");
}

/* One fault: one line, though it is met in every case. */
static void a_fault_of_a_new_ranker_is_printed_once_and_counted_from_then_on(void **unused) {
  (void)unused;
  char arguments[PATH_MAX + 128];
  write_text("blind.c",
             "#include \"rankers/ranker.h\"\n"
             "static int observe(void *self, const rp_context *c, const rp_batch *batch, rp_message *m) {\n"
             "  (void)self, (void)c, (void)m;\n"
             "  volatile float first = batch->layers[0]->activation[0];\n"
             "  (void)first;\n"
             "  return RP_RANKER_OK;\n"
             "}\n"
             "static int score(void *self, const rp_context *c, float *importance, rp_message *m) {\n"
             "  (void)self, (void)m;\n"
             "  for (uint32_t f = 0; f < c->n_filters; f++) importance[f] = 1;\n"
             "  return RP_RANKER_OK;\n"
             "}\n"
             "const rp_ranker rp_ranker_plugin = {RP_RANKER_ABI_MAJOR, RP_RANKER_ABI_MINOR, sizeof(rp_ranker), .name = \"blind\",\n"
             "    .version = \"1.0.0\", .doc = \"none\", .observe = observe, .score = score};\n");
  snprintf(arguments, sizeof arguments, "gcc -O2 -fPIC -shared -I %.4000s/.. blind.c -o blind.so", built_file(""));
  assert_int_equal(system(arguments), 0);
  outcome *out = expect_exit(1, "rankers check ./blind.so");
  const char *first = strstr(out->output, "activation is NULL unless .flags has RP_USES_ACTIVATION");
  assert_non_null(first);
  assert_null(strstr(first + 1, "activation is NULL unless"));
  expect_text(out, " more, as above");
  expect_text(out, "1 violation of the rules of rankers/ranker.h, some in more than one case");
}

/* Standard error of the command is a terminal. */
static void on_a_terminal_check_shows_which_case_runs_and_elsewhere_it_does_not(void **unused) {
  (void)unused;
  char command[PATH_MAX + 128], shown[65536];
  int terminal = posix_openpt(O_RDWR | O_NOCTTY), status;
  assert_true(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
  int other_end = open(ptsname(terminal), O_RDWR | O_NOCTTY);
  assert_true(other_end >= 0);
  snprintf(command, sizeof command, "exec %.4000s rankers check l1 >table", built_file("repr"));
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    dup2(other_end, STDERR_FILENO);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
  }
  close(other_end);
  size_t length = 0;
  for (ssize_t n; (n = read(terminal, shown + length, sizeof shown - 1 - length)) > 0;) length += (size_t)n;
  shown[length] = '\0';
  close(terminal);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  assert_non_null(strstr(shown, "\r\033[Kcase 1 of "));
  assert_non_null(strstr(shown, ": order of filters\r\033[K"));
  assert_string_equal(shown + length - strlen("\r\033[K"), "\r\033[K"); /* the line is gone at the end */
  assert_int_equal(system("grep -q 'keeps all rules' table && ! grep -q 'case 1 of' table"), 0);
  assert_null(strstr(expect_exit(0, "rankers check l1")->output, "case 1 of"));
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
  expect_text(out, "violations of the rules of rankers/ranker.h, some in more than one case");
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
  expect_text(expect_exit(2, "rankers check ./nothing.so"), "./nothing.so cannot be opened: it would be /");
  snprintf(arguments, sizeof arguments, "%s/nothing.so (a relative path starts at the folder of the file that it stands in", work_folder);
  expect_text(expect_exit(2, "rankers check ./nothing.so"), arguments);
  expect_text(expect_exit(2, "rankers check otrho"), "did you mean ortho?");
  expect_text(expect_exit(2, "rankers check"), "takes list, info NAME, new NAME or check");
  expect_text(expect_exit(2, "rankers check ortho --timeout soon"), "--timeout soon: a number of seconds is expected");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_new_ranker_builds_by_the_printed_command_and_keeps_all_rules),
      cmocka_unit_test(a_new_ranker_in_cpp_does_so_too),
      cmocka_unit_test(the_criterion_in_the_readme_builds_and_keeps_all_rules),
      cmocka_unit_test(a_fault_of_a_new_ranker_is_printed_once_and_counted_from_then_on),
      cmocka_unit_test(on_a_terminal_check_shows_which_case_runs_and_elsewhere_it_does_not),
      cmocka_unit_test(a_changed_formula_changes_scores_and_its_mistakes_are_found),
      cmocka_unit_test(bad_names_and_files_that_are_there_are_refused_and_nothing_is_written),
      cmocka_unit_test(check_tells_by_its_exit_status_whether_rules_are_broken_or_nothing_could_be_tested),
  };
  return cmocka_run_group_tests_name("repr rankers", tests, enter_work_folder, leave_work_folder);
}
