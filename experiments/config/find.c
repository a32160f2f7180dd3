/* find.c: the folders are tried one after the other; the names that they have serve the message where nothing is found. */
#include "experiments/config/find.h"

#include "core/base/files.h"
#include "core/base/memory.h"
#include "experiments/config/keys.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
  const char *word, *folders[2];
} KINDS[] = {
    [RP_FIND_EXPERIMENT] = {"experiment", {"", "paper"}},
    [RP_FIND_SCHEME] = {"scheme", {"schemes", NULL}},
    [RP_FIND_MODEL] = {"model", {"models", NULL}},
};
enum { N_FOLDERS = 2, N_ROOTS = 5, LONGEST_PATH = 4096 };

static int ends_in(const char *text, const char *ending) {
  size_t length = strlen(text), n = strlen(ending);
  return length > n && strcmp(text + length - n, ending) == 0;
}

static int ends_in_yaml(const char *text) {
  return ends_in(text, ".yaml") || ends_in(text, ".yml");
}

int rp_is_file_name(const char *text) {
  return strncmp(text, "./", 2) == 0 || strncmp(text, "../", 3) == 0 || ends_in(text, ".so") || ends_in_yaml(text);
}

/* The i-th folder that may hold experiments; *out is NULL where there is none. */
static rp_status experiments_root(int i, char **out, rp_error *err) {
  static const char *const FROM_PROGRAM[N_ROOTS] = {NULL, NULL, "experiments", "../experiments", "../share/repr"};
  *out = NULL;
  if (i == 0) {
    const char *given = getenv("REPR_EXPERIMENTS");
    return given && *given ? rp_copy_string(given, out, err) : RP_OK;
  }
  if (i == 1) return rp_copy_string("experiments", out, err);
  char program[LONGEST_PATH];
  ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  if (length < 0) return RP_OK;
  program[length] = '\0';
  RP_CLEANUP(rp_free_pointer) char *folder = NULL;
  RP_TRY(rp_folder_of(program, &folder, err));
  return rp_join_path(folder, FROM_PROGRAM[i], out, err);
}

/* The i-th folder for a kind: root + subfolder; *out is NULL where there is none. */
static rp_status folder_of_kind(rp_find_kind kind, int i, char **out, rp_error *err) {
  *out = NULL;
  const char *folder = KINDS[kind].folders[i % N_FOLDERS];
  RP_CLEANUP(rp_free_pointer) char *root = NULL;
  RP_TRY(experiments_root(i / N_FOLDERS, &root, err));
  if (!root || !folder) return RP_OK;
  return *folder ? rp_join_path(root, folder, out, err) : rp_copy_string(root, out, err);
}

/* ---- Names that there are -------------------------------------------------------------------- */

typedef struct {
  char **names;
  size_t n, capacity;
} name_list;

static void free_names(name_list *list) {
  for (size_t i = 0; i < list->n; i++) free(list->names[i]);
  free(list->names);
}

static void close_folder(DIR **folder) {
  if (*folder) closedir(*folder);
}

static int has_name(const name_list *list, const char *name) {
  for (size_t i = 0; i < list->n; i++)
    if (strcmp(list->names[i], name) == 0) return 1;
  return 0;
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static rp_status add_names_of_folder(const char *path, name_list *list, rp_error *err) {
  RP_CLEANUP(close_folder) DIR *folder = opendir(path);
  if (!folder) return RP_OK;
  for (struct dirent *entry; (entry = readdir(folder));) {
    if (!ends_in(entry->d_name, ".yaml")) continue;
    RP_CLEANUP(rp_free_pointer) char *name = NULL;
    RP_TRY(rp_stem_of(entry->d_name, &name, err));
    if (has_name(list, name)) continue;
    RP_TRY(rp_grow(&list->names, list->n, &list->capacity, sizeof *list->names, err));
    list->names[list->n++] = name;
    name = NULL;
  }
  return RP_OK;
}

static rp_status fail_not_found(rp_find_kind kind, const char *name, const rp_node *where, rp_error *err) {
  RP_CLEANUP(free_names) name_list list = {0};
  for (int i = 0; i < N_ROOTS * N_FOLDERS; i++) {
    RP_CLEANUP(rp_free_pointer) char *folder = NULL;
    RP_TRY(folder_of_kind(kind, i, &folder, err));
    if (folder) RP_TRY(add_names_of_folder(folder, &list, err));
  }
  if (list.n) qsort(list.names, list.n, sizeof *list.names, by_name);
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  rp_add_suggestion(name, (const char *const *)list.names, (int)list.n, &text);
  RP_TRY(rp_text_check(&text, err));
  return rp_node_fail(where, err, "there is no %s '%s'%s (a file of your own: give its path, as in ./%s.yaml)", KINDS[kind].word, name,
                      rp_text_string(&text), name);
}

/* ---- Looking --------------------------------------------------------------------------------- */

rp_status rp_find_yaml(rp_find_kind kind, const char *name_or_path, const rp_node *where, char **path, rp_error *err) {
  *path = NULL;
  if (strchr(name_or_path, '/') || ends_in_yaml(name_or_path)) {
    if (access(name_or_path, R_OK) != 0) return rp_node_fail(where, err, "%s file %s: %s", KINDS[kind].word, name_or_path, strerror(errno));
    return rp_copy_string(name_or_path, path, err);
  }
  RP_CLEANUP(rp_text_free) rp_text file = {0};
  rp_text_format(&file, "%s.yaml", name_or_path);
  RP_TRY(rp_text_check(&file, err));
  for (int i = 0; i < N_ROOTS * N_FOLDERS; i++) {
    RP_CLEANUP(rp_free_pointer) char *folder = NULL;
    RP_CLEANUP(rp_free_pointer) char *candidate = NULL;
    RP_TRY(folder_of_kind(kind, i, &folder, err));
    if (!folder) continue;
    RP_TRY(rp_join_path(folder, rp_text_string(&file), &candidate, err));
    if (!rp_file_exists(candidate)) continue;
    *path = candidate;
    candidate = NULL;
    return RP_OK;
  }
  return fail_not_found(kind, name_or_path, where, err);
}

static rp_status resolve_in_folder(rp_node *node, const char *folder, rp_error *err) {
  for (size_t i = 0; i < node->n; i++) RP_TRY(resolve_in_folder(node->entries[i].value, folder, err));
  if (node->kind != RP_NODE_STRING || node->text[0] == '/' || !rp_is_file_name(node->text)) return RP_OK;
  const char *rest = node->text;
  while (strncmp(rest, "./", 2) == 0) rest += 2;
  char *joined = NULL;
  RP_TRY(rp_join_path(folder, rest, &joined, err));
  free(node->text);
  node->text = joined;
  return RP_OK;
}

rp_status rp_resolve_paths(rp_node *node, const char *file, rp_error *err) {
  if (!strchr(file, '/')) return RP_OK;
  RP_CLEANUP(rp_free_pointer) char *folder = NULL;
  RP_TRY(rp_folder_of(file, &folder, err));
  return resolve_in_folder(node, folder, err);
}

rp_status rp_stem_of(const char *path, char **out, rp_error *err) {
  const char *slash = strrchr(path, '/');
  const char *name = slash ? slash + 1 : path;
  const char *dot = strrchr(name, '.');
  return rp_copy_bytes_as_string(name, dot && dot != name ? (size_t)(dot - name) : strlen(name), out, err);
}
