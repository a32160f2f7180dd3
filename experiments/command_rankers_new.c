/* command_rankers_new.c: `repr rankers new`: a plugin to start from, from a template that is part of this program. */
#include "experiments/command_rankers.h"

#include "core/base/files.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/ranking/plugin.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern const char rp_embedded_rankers_new_c_template[], rp_embedded_rankers_new_cpp_template[];

/* What is known of the file that is to be written; all owned. */
typedef struct {
  char *source, *object; /* "./mine.c", "./mine.so" */
  char *object_word;     /* the object for the shell */
  char *include;         /* the folder that has rankers/ranker.h in it */
  char *build;           /* the command */
  int in_tree;           /* make builds it, and it becomes a built-in one */
} new_file;

static void free_new_file(new_file *file) {
  free(file->source);
  free(file->object);
  free(file->object_word);
  free(file->include);
  free(file->build);
}

/* ---- Names ----------------------------------------------------------------------------------- */

static rp_status check_name(const char *folder, const char *name, rp_error *err) {
  if (!rp_plugin_name_is_valid(name) || *name == '-')
    return rp_fail(err, RP_EUSAGE,
                   "'%s' cannot be a ranker's name: it is made of lower-case letters, digits and '-', as in 'largest-weight'; give -o DIR "
                   "for a folder",
                   name);
  if (strcmp(name, "all") == 0) return rp_fail(err, RP_EUSAGE, "'all' means every ranker; choose another name");
  RP_CLEANUP(rp_text_free) rp_text built_in = {0};
  rp_text_format(&built_in, "%s/%s.so", folder, name);
  RP_TRY(rp_text_check(&built_in, err));
  if (!rp_file_exists(rp_text_string(&built_in))) return RP_OK;
  return rp_fail(err, RP_EUSAGE, "there is a built-in ranker '%s'; choose another name, since results are kept under it", name);
}

/* ---- Places ---------------------------------------------------------------------------------- */

/* Where this program was installed, or built: its folder's parent, with or without include/repr. */
static rp_status find_include(char **out, rp_error *err) {
  static const char *const PLACES[] = {"../include/repr", "..", "../.."};
  char program[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  if (length < 0) return rp_fail_errno(err, RP_EINPUT, "where this program lies cannot be told");
  program[length] = '\0';
  RP_CLEANUP(rp_free_pointer) char *folder = NULL;
  RP_TRY(rp_folder_of(program, &folder, err));
  for (size_t i = 0; i < sizeof PLACES / sizeof PLACES[0]; i++) {
    char place[PATH_MAX + 32], header[PATH_MAX + 64];
    snprintf(place, sizeof place, "%s/%s", folder, PLACES[i]);
    snprintf(header, sizeof header, "%s/rankers/ranker.h", place);
    if (!rp_file_exists(header)) continue;
    *out = realpath(place, NULL);
    return *out ? RP_OK : rp_fail_errno(err, RP_EINPUT, "%s", place);
  }
  return rp_fail(err, RP_EINPUT,
                 "rankers/ranker.h, which a ranker includes, is neither in %s/../include/repr nor in %s/..; install repr again", folder,
                 folder);
}

static int is_same_folder(const char *a, const char *b) {
  struct stat one, other;
  return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

static int is_in_tree(const char *folder, const char *include) {
  char rankers[PATH_MAX + 32], makefile[PATH_MAX + 32];
  snprintf(rankers, sizeof rankers, "%s/rankers", include);
  snprintf(makefile, sizeof makefile, "%s/Makefile", include);
  return rp_file_exists(makefile) && is_same_folder(folder, rankers);
}

/* A word for the shell: as it is, or in quotes. */
static void add_word(rp_text *text, const char *word) {
  static const char PLAIN[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./+,:=@%";
  if (strspn(word, PLAIN) == strlen(word)) {
    rp_text_add(text, word);
    return;
  }
  rp_text_add(text, "'");
  for (; *word; word++) rp_text_format(text, *word == '\'' ? "'\\''" : "%c", *word);
  rp_text_add(text, "'");
}

static rp_status describe_build(const rp_new_ranker *wanted, new_file *file, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  RP_CLEANUP(rp_text_free) rp_text object = {0};
  add_word(&object, file->object);
  RP_TRY(rp_text_take(&object, &file->object_word, err));
  if (file->in_tree)
    rp_text_add(&text, "make");
  else {
    rp_text_format(&text, "%s -O2 -fPIC -shared -I ", wanted->is_cpp ? "g++" : "gcc");
    add_word(&text, file->include);
    rp_text_add(&text, " ");
    add_word(&text, file->source);
    rp_text_format(&text, " -o %s -lm", file->object_word);
  }
  return rp_text_take(&text, &file->build, err);
}

static rp_status plan_file(const rp_new_ranker *wanted, new_file *file, rp_error *err) {
  const char *folder = wanted->folder ? wanted->folder : ".";
  struct stat status;
  if (stat(folder, &status) != 0) return rp_fail_errno(err, RP_EINPUT, "-o %s", folder);
  if (!S_ISDIR(status.st_mode)) return rp_fail(err, RP_EINPUT, "-o %s: is no folder", folder);
  RP_TRY(find_include(&file->include, err));
  file->in_tree = is_in_tree(folder, file->include);
  if (file->in_tree && wanted->is_cpp) return rp_fail(err, RP_EUSAGE, "the rankers in %s are in C; let one in C++ lie elsewhere", folder);
  RP_CLEANUP(rp_text_free) rp_text source = {0};
  RP_CLEANUP(rp_text_free) rp_text object = {0};
  rp_text_format(&source, "%s/%s.%s", folder, wanted->name, wanted->is_cpp ? "cpp" : "c");
  if (file->in_tree)
    rp_text_add(&object, wanted->name);
  else
    rp_text_format(&object, "%s%s/%s.so", *folder == '/' || *folder == '.' ? "" : "./", folder, wanted->name);
  RP_TRY(rp_text_take(&source, &file->source, err));
  RP_TRY(rp_text_take(&object, &file->object, err));
  if (rp_file_exists(file->source)) return rp_fail(err, RP_EINPUT, "%s is there already; nothing was changed", file->source);
  return describe_build(wanted, file, err);
}

/* ---- The template ---------------------------------------------------------------------------- */

/* Replaces @WORD@ by its value. */
static rp_status fill(const char *template, const char *const (*values)[2], int n, rp_text *out, rp_error *err) {
  while (*template) {
    int found = -1;
    for (int i = 0; i < n && found < 0; i++)
      if (strncmp(template, values[i][0], strlen(values[i][0])) == 0) found = i;
    if (found >= 0) {
      rp_text_add(out, values[found][1]);
      template += strlen(values[found][0]);
    } else
      rp_text_add_bytes(out, template ++, 1);
  }
  return rp_text_check(out, err);
}

static rp_status write_source(const rp_new_ranker *wanted, const new_file *file, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  const char *const values[][2] = {
      {"@NAME@", wanted->name}, {"@BUILD@", file->build}, {"@OBJECT@", file->object}, {"@REPR@", program_invocation_name}};
  const char *template = wanted->is_cpp ? rp_embedded_rankers_new_cpp_template : rp_embedded_rankers_new_c_template;
  RP_TRY(fill(template, values, (int)(sizeof values / sizeof values[0]), &text, err));
  return rp_write_file(file->source, rp_text_string(&text), text.length, err);
}

rp_status rp_rankers_new(const char *folder, const rp_new_ranker *wanted, rp_error *err) {
  RP_CLEANUP(free_new_file) new_file file = {0};
  RP_TRY(check_name(folder, wanted->name, err));
  RP_TRY(plan_file(wanted, &file, err));
  RP_TRY(write_source(wanted, &file, err));
  const char *repr = program_invocation_name;
  printf("wrote %s, a ranker that works: change its formula. Build it, check it, score a stored state with it:\n\n"
         "  %s\n  %s rankers check %s\n  %s score TRIAL@EPOCH --ranker %s\n\nIn an experiment file: `scheme: {name: repr, ranker: %s}`\n",
         file.source, file.build, repr, file.object_word, repr, file.object_word, file.object);
  return RP_OK;
}
