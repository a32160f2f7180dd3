/* find.h: where the YAML files lie that others name: experiments, schemes, models.
 *
 * A name (`repr`) is looked for as NAME.yaml in the product's folders; whatever has a '/' or ends in .yaml or .yml is a path. */
#ifndef RP_CONFIG_FIND_H
#define RP_CONFIG_FIND_H

#include "experiments/config/node.h"

/* What is looked for: the word for messages and the folders below experiments/ where it lies. */
typedef enum { RP_FIND_EXPERIMENT, RP_FIND_SCHEME, RP_FIND_MODEL } rp_find_kind;

/* The path of a file. The experiments/ folder is: $REPR_EXPERIMENTS; ./experiments; experiments beside the program; ../experiments from it;
 * ../share/repr from it; the first that has the file. `where` is the node that names it, for messages; NULL = none. The caller frees.
 * Errors: RP_EINPUT with what there is and the nearest name. */
rp_status rp_find_yaml(rp_find_kind kind, const char *name_or_path, const rp_node *where, char **path, rp_error *err);

/* Whether a string names a file rather than something known by name: it starts with ./ or ../, or ends in .so, .yaml or .yml. */
int rp_is_file_name(const char *text);

/* Relative paths in a file start at the file: rewrites every string of a tree for which rp_is_file_name holds, so that it starts at the
 * working folder. */
rp_status rp_resolve_paths(rp_node *node, const char *file, rp_error *err);

/* The last part of a path without its ending: "x/mine.so" → "mine". The caller frees. */
rp_status rp_stem_of(const char *path, char **out, rp_error *err);

#endif
