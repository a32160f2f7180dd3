/* plugin.h: ranking criteria as shared objects: found, checked in a child process, loaded, described.
 *
 * Loading runs code of the plugin (its constructors), which may crash, hang or change the processor's floating-point modes. So a plugin is
 * first loaded in a child process, which sends back what it found; only what passed there is loaded for good. */
#ifndef RP_RANKING_PLUGIN_H
#define RP_RANKING_PLUGIN_H

#include "core/base/digest.h"
#include "core/base/status.h"
#include "rankers/ranker.h"

/* A loaded plugin. Never dlclosed: it stays for the life of the process. */
typedef struct {
  rp_ranker *ranker; /* a copy of the plugin's own struct, in which fields beyond its size are NULL; owned */
  char *path;        /* absolute; owned */
  rp_id file_hash;
} rp_plugin;

/* What a listing or a plan needs to know, read in a child process so that nothing of the plugin enters this one. All strings owned. */
typedef struct rp_plugin_description rp_plugin_description;
struct rp_plugin_description {
  char *name, *version, *doc, *normalise, *path; /* normalise: "none" where the plugin says nothing */
  char *formula, *citation, *reduction;          /* "" where the plugin says nothing */
  uint32_t flags;
  rp_id file_hash; /* of the file's bytes */
  int chooses;     /* the plugin has `choose` */
  int n_options;
  struct {
    char *name, *help;
    rp_option_kind kind;
    double default_number, lowest, highest;
    char *default_text; /* RP_OPTION_CHOICE: its default; else NULL */
    char *choices;      /* RP_OPTION_CHOICE: "paper|authors"; else NULL */
  } * options;
};

/* The path of a ranker: a name is looked for as NAME.so in `folder` (the built-in ones), anything with a '/' or ending in .so is a path.
 * Absolute, with symbolic links resolved; the caller frees. Errors: RP_EINPUT: not found, with the names there are and the nearest one. */
rp_status rp_plugin_find(const char *folder, const char *name_or_path, char **path, rp_error *err);

/* The digest of a file that can be a shared object; nothing of it is loaded. Errors: RP_EINPUT: cannot be read, no ELF file. */
rp_status rp_plugin_hash(const char *path, rp_id *out, rp_error *err);

/* Reads a plugin's description in a child process. Errors: RP_EINPUT: no shared object, undefined symbol (with the linker's message), no
 * rp_ranker_plugin in it, other ABI major version (both named), crashed or hung while loading, a name, flag or option that breaks the ABI's
 * rules. */
rp_status rp_plugin_describe(const char *path, rp_plugin_description *out, rp_error *err);
void rp_plugin_description_free(rp_plugin_description *description);

/* Descriptions that were read before, so that a file is loaded in a child once however many trials use it. {0} knows none. */
typedef struct {
  size_t n, capacity;
  rp_plugin_description *list;
} rp_plugin_descriptions;

/* As rp_plugin_describe, without a child where the file's bytes are known already. `out` is the caller's own copy. */
rp_status rp_plugin_describe_once(rp_plugin_descriptions *known, const char *path, rp_plugin_description *out, rp_error *err);
void rp_plugin_descriptions_free(rp_plugin_descriptions *known); /* for RP_CLEANUP */

/* Loads a plugin into this process (a worker), after rp_plugin_describe accepted it: RTLD_NOW | RTLD_LOCAL, floating-point modes kept.
 * Errors: as rp_plugin_describe, but for crashes. */
rp_status rp_plugin_load(const char *path, rp_plugin *out, rp_error *err);

/* Whether a ranker or an option can be called so: [a-z0-9-]+, at most 63 characters. NULL is no name. */
int rp_plugin_name_is_valid(const char *name);

/* Frees what rp_plugin owns; the shared object stays loaded. */
void rp_plugin_free(rp_plugin *plugin);

/* The folder of the built-in rankers: $REPR_RANKERS, else `rankers` beside the running program, else ../lib/repr/rankers from it. The
 * caller frees. Errors: RP_EINPUT where none of them is there. */
rp_status rp_plugin_folder(char **out, rp_error *err);

/* Names of all NAME.so in a folder, sorted; the caller frees each and the array. Errors: RP_EINPUT where the folder cannot be read. */
rp_status rp_plugin_list(const char *folder, char ***names, int *n, rp_error *err);

#endif
