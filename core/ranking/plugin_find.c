/* plugin_find.c: from a ranker's name to its file. */
#include "core/ranking/plugin.h"

#include "core/base/files.h"
#include "core/base/memory.h"
#include "core/base/spelling.h"
#include "core/base/text.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char SUFFIX[] = ".so";

static int ends_in_suffix(const char *name) {
  size_t length = strlen(name), suffix = sizeof SUFFIX - 1;
  return length > suffix && strcmp(name + length - suffix, SUFFIX) == 0;
}

static int is_folder(const char *path) {
  struct stat status;
  return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

rp_status rp_plugin_folder(char **out, rp_error *err) {
  static const char *const places[] = {"rankers", "../lib/repr/rankers"};
  *out = NULL;
  const char *wanted = getenv("REPR_RANKERS");
  if (wanted && *wanted) return rp_copy_string(wanted, out, err);

  char program[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  if (length < 0)
    return rp_fail_errno(err, RP_EINPUT, "where this program lies cannot be told; set REPR_RANKERS to the folder of the rankers");
  program[length] = '\0';
  RP_CLEANUP(rp_free_pointer) char *folder = NULL;
  RP_TRY(rp_folder_of(program, &folder, err));
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    RP_CLEANUP(rp_free_pointer) char *candidate = NULL;
    RP_TRY(rp_join_path(folder, places[i], &candidate, err));
    if (!is_folder(candidate)) continue;
    *out = candidate;
    candidate = NULL;
    return RP_OK;
  }
  return rp_fail(err, RP_EINPUT, "there is no folder of rankers: looked for %s/%s and %s/%s; set REPR_RANKERS to it", folder, places[0],
                 folder, places[1]);
}

static int by_name(const void *left, const void *right) {
  return strcmp(*(char *const *)left, *(char *const *)right);
}

static void close_folder(DIR **folder) {
  if (*folder) closedir(*folder);
}

/* Adds the names of a folder's shared objects; what was added stays the caller's also on error. */
static rp_status read_names(const char *folder, char ***names, int *n, rp_error *err) {
  RP_CLEANUP(close_folder) DIR *listing = opendir(folder);
  if (!listing) return rp_fail_errno(err, RP_EINPUT, "the folder of rankers, %s, cannot be read", folder);
  size_t capacity = 0;
  for (;;) {
    errno = 0;
    struct dirent *entry = readdir(listing);
    if (!entry && errno) return rp_fail_errno(err, RP_EINPUT, "the folder of rankers, %s, cannot be read", folder);
    if (!entry) return RP_OK;
    if (!ends_in_suffix(entry->d_name)) continue;
    RP_TRY(rp_grow(names, (size_t)*n, &capacity, sizeof **names, err));
    RP_TRY(rp_copy_bytes_as_string(entry->d_name, strlen(entry->d_name) - (sizeof SUFFIX - 1), &(*names)[*n], err));
    (*n)++;
  }
}

static void free_names(char **names, int n) {
  for (int i = 0; i < n; i++) free(names[i]);
  free(names);
}

rp_status rp_plugin_list(const char *folder, char ***names, int *n, rp_error *err) {
  *names = NULL;
  *n = 0;
  rp_status status = read_names(folder, names, n, err);
  if (status != RP_OK) {
    free_names(*names, *n);
    *names = NULL;
    *n = 0;
    return status;
  }
  if (*n) qsort(*names, (size_t)*n, sizeof **names, by_name);
  return RP_OK;
}

static rp_status fail_unknown(const char *folder, const char *name, rp_error *err) {
  char **names;
  int n;
  RP_TRY_IN(rp_plugin_list(folder, &names, &n, err), err, "ranker %s is not found", name);
  RP_CLEANUP(rp_text_free) rp_text listing = {0};
  for (int i = 0; i < n; i++) rp_text_format(&listing, "%s%s", i ? ", " : "", names[i]);
  const char *nearest = rp_nearest_spelling(name, (const char *const *)names, n);
  rp_fail(err, RP_EINPUT, "ranker %s is not found%s%s%s; there are: %s (in %s); a file of one's own is given as a path", name,
          nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "", n ? rp_text_string(&listing) : "none", folder);
  free_names(names, n);
  return RP_EINPUT;
}

/* Says where it was looked for. Paths in experiment files have been led to their files' folders before. */
static rp_status fail_to_resolve(const char *path, rp_error *err) {
  int reason = errno;
  char folder[PATH_MAX];
  const char *rest = path;
  while (strncmp(rest, "./", 2) == 0) rest += 2;
  int is_relative = *path != '/' && getcwd(folder, sizeof folder);
  errno = reason;
  if (!is_relative) return rp_fail_errno(err, RP_EINPUT, "ranker %s cannot be opened", path);
  return rp_fail_errno(
      err, RP_EINPUT,
      "ranker %s cannot be opened: it would be %s/%s (a relative path starts at the folder of the file that it stands in; on "
      "the command line, at the working folder)",
      path, folder, rest);
}

static rp_status resolve(const char *path, char **out, rp_error *err) {
  char *absolute = realpath(path, NULL);
  if (!absolute) return fail_to_resolve(path, err);
  *out = absolute;
  if (!is_folder(absolute)) return RP_OK;
  free(absolute);
  *out = NULL;
  return rp_fail(err, RP_EINPUT, "ranker %s is a folder; give the shared object in it", path);
}

rp_status rp_plugin_find(const char *folder, const char *name_or_path, char **path, rp_error *err) {
  *path = NULL;
  if (strchr(name_or_path, '/') || ends_in_suffix(name_or_path)) return resolve(name_or_path, path, err);
  RP_CLEANUP(rp_text_free) rp_text file = {0};
  rp_text_format(&file, "%s/%s%s", folder ? folder : ".", name_or_path, SUFFIX);
  RP_TRY(rp_text_check(&file, err));
  if (!*name_or_path || !rp_file_exists(rp_text_string(&file))) return fail_unknown(folder ? folder : ".", name_or_path, err);
  return resolve(rp_text_string(&file), path, err);
}
