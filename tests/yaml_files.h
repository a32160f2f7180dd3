/* yaml_files.h: for tests: small files in a temporary folder, and values read from text. */
#ifndef RP_TESTS_YAML_FILES_H
#define RP_TESTS_YAML_FILES_H

#include "tests/check.h"

#include "core/base/files.h"
#include "experiments/config/node.h"
#include "experiments/config/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The test's own folder, made at the first call of test_folder and removed at the program's end. */
static char test_folder_path[] = "/tmp/repr-test-XXXXXX";
static int test_folder_is_made;

static inline void remove_test_folder(void) {
  char command[64];
  snprintf(command, sizeof command, "rm -rf %s", test_folder_path);
  if (system(command) != 0) fprintf(stderr, "%s stays behind\n", test_folder_path);
}

static inline const char *test_folder(void) {
  if (!test_folder_is_made) {
    assert_non_null(mkdtemp(test_folder_path));
    test_folder_is_made = 1;
    atexit(remove_test_folder);
  }
  return test_folder_path;
}

/* Writes a file into the test's folder (names may have folders in them); its path stays valid until eight more were written. */
static inline const char *test_file(const char *name, const char *text) {
  static char paths[8][256];
  static int next;
  char *path = paths[next++ % 8], folder[256];
  rp_error err = {0};
  snprintf(path, sizeof paths[0], "%s/%s", test_folder(), name);
  snprintf(folder, sizeof folder, "%s", path);
  *strrchr(folder, '/') = '\0';
  assert_ok(rp_make_folders(folder, &err), err);
  assert_ok(rp_write_file(path, text, strlen(text), &err), err);
  return path;
}

/* A tree from text. The caller frees. */
static inline rp_node *node_of(const char *yaml) {
  rp_node *node = NULL;
  rp_error err = {0};
  assert_ok(rp_yaml_parse(yaml, "test", &node, &err), err);
  return node;
}

/* Fails unless the tree's canonical JSON is `json`. */
static inline void assert_json(const rp_node *node, const char *json) {
  char *text = NULL;
  rp_error err = {0};
  assert_non_null(node);
  assert_ok(rp_node_json(node, &text, &err), err);
  assert_string_equal(text, json);
  free(text);
}

#endif
