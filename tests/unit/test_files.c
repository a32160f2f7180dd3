/* test_files.c: what files.h says of removing trees. */
#include "core/base/files.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void a_tree_is_removed_whole_and_no_link_is_followed(void **unused) {
  (void)unused;
  char root[] = "/tmp/repr-test-files-XXXXXX", command[512], path[64];
  assert_non_null(mkdtemp(root));
  snprintf(command, sizeof command,
           "cd %s && mkdir -p kept tree/a/b && touch kept/file tree/a/b/file tree/.hidden && ln -s ../../kept tree/a/link", root);
  assert_int_equal(system(command), 0);
  rp_error err = {0};
  snprintf(path, sizeof path, "%s/tree", root);
  assert_ok(rp_remove_tree(path, &err), err);
  assert_false(rp_file_exists(path));
  assert_ok(rp_remove_tree(path, &err), err);
  snprintf(path, sizeof path, "%s/kept/file", root);
  assert_true(rp_file_exists(path));
  assert_ok(rp_remove_tree(path, &err), err);
  assert_false(rp_file_exists(path));
  assert_ok(rp_remove_tree(root, &err), err);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_tree_is_removed_whole_and_no_link_is_followed)};
  return cmocka_run_group_tests_name("files", tests, NULL, NULL);
}
