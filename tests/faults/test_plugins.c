/* test_plugins.c: a plugin that is none, or is broken, is refused with its reason and takes nothing down. */
#include "core/base/files.h"
#include "tests/ranker_files.h"

#include <fenv.h>
#include <float.h>
#include <sys/wait.h>

static void assert_refused(const char *path, const char *part) {
  rp_error err = {0};
  rp_plugin_description description;
  assert_fails(rp_plugin_describe(path, &description, &err), RP_EINPUT, err, part);
  assert_null(description.name);
  assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
}

static void an_unknown_name_gets_the_nearest_and_all_there_are(void **unused) {
  (void)unused;
  rp_error err = {0};
  char *path;
  assert_fails(rp_plugin_find(built_file("rankers"), "otrho", &path, &err), RP_EINPUT, err,
               "ranker otrho is not found; did you mean ortho?");
  assert_non_null(strstr(err.message, "there are: activation, apoz, bn-scale, contribution, correlation, fpgm, gradient, hessian, l1, l2, "
                                      "oracle-accuracy, oracle-loss, ortho, random, taylor"));
  assert_fails(rp_plugin_find(built_file("rankers"), "gradient-flow", &path, &err), RP_EINPUT, err, "is not found; there are:");
  assert_fails(rp_plugin_find(built_file("rankers"), "", &path, &err), RP_EINPUT, err, "is not found");
  assert_fails(rp_plugin_find("/proc/self/nowhere", "ortho", &path, &err), RP_EINPUT, err, "/proc/self/nowhere, cannot be read");
  assert_fails(rp_plugin_find(NULL, "/proc/self/nowhere/mine.so", &path, &err), RP_EINPUT, err,
               "/proc/self/nowhere/mine.so cannot be opened: No such file");
  assert_fails(rp_plugin_find(NULL, built_file("rankers"), &path, &err), RP_EINPUT, err, "is a folder");
}

static void a_file_of_another_kind_is_no_shared_object(void **unused) {
  (void)unused;
  char folder[] = "/tmp/repr-test-XXXXXX", path[64];
  assert_non_null(mkdtemp(folder));
  rp_error err = {0};
  snprintf(path, sizeof path, "%s/text.so", folder);
  assert_ok(rp_write_file(path, "INPUT(libm.so.6)\n", 17, &err), err);
  assert_refused(path, "is no shared object");
  assert_ok(rp_write_file(path, "", 0, &err), err);
  assert_refused(path, "is no shared object");
  assert_ok(rp_write_file(path, "\177ELF and then nothing", 21, &err), err);
  assert_refused(path, "cannot be loaded");
  unlink(path);
  rmdir(folder);
}

static void a_library_without_the_symbol_is_no_ranker(void **unused) {
  (void)unused;
  assert_refused(built_file("tests/plugins/not_a_plugin.so"), "exports no rp_ranker_plugin");
}

static void another_abi_is_refused_with_both_versions(void **unused) {
  (void)unused;
  assert_refused(built_file("tests/plugins/other_abi.so"), "built for version 7.3 of the ranker interface, this program has 1.2");
}

static void an_undefined_symbol_is_named(void **unused) {
  (void)unused;
  assert_refused(built_file("tests/plugins/undefined_symbol.so"), "undefined symbol: function_that_nobody_defines");
}

static void a_crash_on_load_costs_the_child_only(void **unused) {
  (void)unused;
  assert_refused(built_file("tests/plugins/crashes_on_load.so"), "crashes while loading (Aborted)");
}

static void a_plugin_that_ends_the_process_on_load_costs_the_child_only(void **unused) {
  (void)unused;
  assert_refused(built_file("tests/plugins/ends_on_load.so"), "ended the process while loading");
}

static void a_plugin_that_hangs_on_load_is_ended(void **unused) {
  (void)unused;
  assert_refused(built_file("tests/plugins/hangs_on_load.so"), "hangs while loading");
}

static void what_breaks_the_interfaces_rules_is_named(void **unused) {
  (void)unused;
  assert_refused(built_file("tests/plugins/bad_name.so"), "name is not of the form [a-z0-9-]+");
  assert_refused(built_file("tests/plugins/bad_default.so"),
                 "ranker bad-default: option power: its default 5 is outside its range from 0 to 2");
}

static void loading_keeps_the_floating_point_modes(void **unused) {
  (void)unused;
  volatile float smallest = FLT_MIN;
  assert_int_equal(fegetround(), FE_TONEAREST);
  rp_plugin plugin = load_plugin("tests/plugins/changes_modes.so");
  assert_int_equal(fegetround(), FE_TONEAREST);
  assert_true(smallest / 2 > 0);
  rp_plugin_free(&plugin);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_unknown_name_gets_the_nearest_and_all_there_are),
      cmocka_unit_test(a_file_of_another_kind_is_no_shared_object),
      cmocka_unit_test(a_library_without_the_symbol_is_no_ranker),
      cmocka_unit_test(another_abi_is_refused_with_both_versions),
      cmocka_unit_test(an_undefined_symbol_is_named),
      cmocka_unit_test(a_crash_on_load_costs_the_child_only),
      cmocka_unit_test(a_plugin_that_ends_the_process_on_load_costs_the_child_only),
      cmocka_unit_test(a_plugin_that_hangs_on_load_is_ended),
      cmocka_unit_test(what_breaks_the_interfaces_rules_is_named),
      cmocka_unit_test(loading_keeps_the_floating_point_modes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
