/* test_rankers_info.c: `repr rankers info` tells what a criterion computes. */
#include "tests/program.h"

static void info_tells_formula_source_reduction_and_normalisation_before_the_options(void **unused) {
  (void)unused;
  outcome *out = expect_exit(0, "rankers info ortho");
  expect_text(out, "formula    J active filters");
  expect_text(out, "\n           authors: importance_f = -|");
  expect_text(out, "source     Prakash et al.");
  expect_text(out, "reduction  all in double");
  expect_text(out, "normalise  none (default)");
  expect_text(out, "variant: ");
  expect_text(out, "one of paper|authors|signed; default paper");
  expect_text(out, "looks at   weights only");
}

/* Built for an interface that had no such fields. */
static void what_a_criterion_does_not_tell_has_no_heading(void **unused) {
  (void)unused;
  char arguments[PATH_MAX + 96];
  snprintf(arguments, sizeof arguments, "rankers info %s", built_file("tests/plugins/all_options.so"));
  outcome *out = expect_exit(0, arguments);
  expect_text(out, "all-options 0.1.0\none option of each kind\n\nnormalise  layer-max (default)\n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(info_tells_formula_source_reduction_and_normalisation_before_the_options),
      cmocka_unit_test(what_a_criterion_does_not_tell_has_no_heading),
  };
  return cmocka_run_group_tests_name("rankers info", tests, enter_work_folder, leave_work_folder);
}
