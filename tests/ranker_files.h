/* ranker_files.h: where a test's plugins lie: beside the folder of the running test. */
#ifndef RP_TESTS_RANKER_FILES_H
#define RP_TESTS_RANKER_FILES_H

#include "core/ranking/plugin.h"
#include "tests/check.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* "rankers/ortho.so" or "tests/plugins/misbehaves.so" → its path in this build. Valid until the next call. */
static inline const char *built_file(const char *name) {
  static char path[PATH_MAX + 64];
  char program[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  assert_true(length > 0);
  program[length] = '\0';
  for (int up = 0; up < 3; up++) *strrchr(program, '/') = '\0'; /* test_x, unit, tests */
  snprintf(path, sizeof path, "%s/%s", program, name);
  return path;
}

static inline rp_plugin load_plugin(const char *name) {
  rp_error err = {0};
  rp_plugin plugin;
  assert_ok(rp_plugin_load(built_file(name), &plugin, &err), err);
  return plugin;
}

static inline rp_plugin_description describe_plugin(const char *name) {
  rp_error err = {0};
  rp_plugin_description description;
  assert_ok(rp_plugin_describe(built_file(name), &description, &err), err);
  return description;
}

#endif
