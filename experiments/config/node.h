/* node.h: a tree of values as read from YAML or JSON: null, flag, number, string, list, map; each with the place that it comes from.
 *
 * Numbers stay as they were written, so that 30, 30.0 and 3e1 are equal and 0.1 is exactly a tenth. Copies and merges keep the origin of
 * every value: an error about a value that went through extends, an arm and a scheme's `$name` still names the line where its author wrote
 * it. */
#ifndef RP_CONFIG_NODE_H
#define RP_CONFIG_NODE_H

#include "core/base/status.h"
#include "core/base/text.h"

#include <stdint.h>

typedef enum { RP_NODE_NULL, RP_NODE_FLAG, RP_NODE_NUMBER, RP_NODE_STRING, RP_NODE_LIST, RP_NODE_MAP } rp_node_kind;

/* A file's name, shared by all nodes that come from it (counted references; a tree belongs to one thread). */
typedef struct rp_source rp_source;

typedef struct {
  rp_source *source; /* NULL = not from a file */
  int line, column;  /* from 1; 0 = unknown */
} rp_origin;

typedef struct rp_node rp_node;

typedef struct {
  char *key;            /* map: owned, unique; list: NULL */
  rp_origin key_origin; /* map: of the key */
  rp_node *value;       /* owned */
} rp_entry;

struct rp_node {
  rp_node_kind kind;
  rp_origin origin;
  char *path; /* "scheme.p": where it stands in the experiment, for messages; NULL = unknown. Owned */
  char *text; /* null, flag, number, string: as written. Owned; NULL for lists and maps */
  int flag;   /* flag: 0 or 1 */
  size_t n;   /* list, map: entries, in the file's order */
  size_t capacity;
  rp_entry *entries; /* owned */
};

/* ---- Making ---------------------------------------------------------------------------------- */

/* A new node; `origin` may be NULL. The caller frees with rp_node_free. rp_node_scalar tells null, flags and numbers from strings as a
 * plain YAML scalar. */
rp_status rp_node_new(rp_node_kind kind, const rp_origin *origin, rp_node **out, rp_error *err);
rp_status rp_node_string(const char *text, const rp_origin *origin, rp_node **out, rp_error *err);
rp_status rp_node_scalar(const char *text, const rp_origin *origin, rp_node **out, rp_error *err);
rp_status rp_node_of_flag(int flag, rp_node **out, rp_error *err);
rp_status rp_node_of_integer(int64_t value, rp_node **out, rp_error *err);
rp_status rp_node_of_double(double value, rp_node **out, rp_error *err); /* finite; the shortest decimal that reads back */

/* Appends to a list (key NULL) or a map, which then owns *value, and sets *value to NULL; on error the caller keeps it. Keys are not
 * checked for duplicates. */
rp_status rp_node_append(rp_node *parent, const char *key, const rp_origin *key_origin, rp_node **value, rp_error *err);

/* Sets a map's own key (no path): replaces or appends; takes *value like rp_node_append. */
rp_status rp_node_put(rp_node *map, const char *key, rp_node **value, rp_error *err);

/* Removes a map's own key; 1 where it was there. */
int rp_node_remove(rp_node *map, const char *key);

rp_status rp_node_copy(const rp_node *node, rp_node **out, rp_error *err);
void rp_node_free(rp_node **node); /* for RP_CLEANUP; NULL is fine */

/* ---- Reading --------------------------------------------------------------------------------- */

/* A map's own entry, or NULL; also where `map` is NULL or no map. */
rp_node *rp_node_get(const rp_node *map, const char *key);

/* The value at a path of map keys ("scheme.limits.skip"), or NULL. "" is the node itself. */
rp_node *rp_node_at(const rp_node *node, const char *path);

/* The text of a scalar, as written; "" for NULL, lists and maps. */
const char *rp_node_text(const rp_node *node);

/* 1 and the value where the node is a number (that is whole and fits, for the integer). */
int rp_node_double(const rp_node *node, double *out);
int rp_node_integer(const rp_node *node, int64_t *out);
int rp_node_is_true(const rp_node *node); /* a flag that is on; 0 for anything else */
int rp_node_is(const rp_node *node, rp_node_kind kind);

/* Equal by value: numbers as numbers, maps whatever their order. NULL equals NULL only. */
int rp_node_equal(const rp_node *a, const rp_node *b);

/* "a string", "a list", … */
const char *rp_node_kind_name(rp_node_kind kind);

/* ---- Changing -------------------------------------------------------------------------------- */

/* Merges a copy of `overlay` into the map `base`; overlay wins. Maps merge deeply, except where a nested overlay's `name` or `preset`
 * differs from base's (or base has none): it replaces. A string beside a map with a `name` is short for {name: string}, on either side. */
rp_status rp_node_merge(rp_node *base, const rp_node *overlay, rp_error *err);

/* Merges a copy of `value` in at a path, making maps on the way (a string on the way becomes {name: string}). */
rp_status rp_node_set(rp_node *base, const char *path, const rp_node *value, rp_error *err);
/* The same where the path stands somewhere itself (for messages about unknown keys). */
rp_status rp_node_set_at(rp_node *base, const char *path, const rp_origin *path_origin, const rp_node *value, rp_error *err);

/* A copy of a map in which keys with dots are spelled out: {a.b: 1, a.c: 2} → {a: {b: 1, c: 2}}. Only keys of the map itself. */
rp_status rp_node_expand_dots(const rp_node *map, rp_node **out, rp_error *err);

/* Writes paths into a tree: prefix, prefix.key, prefix[0] (lists). Overwrites. */
rp_status rp_node_set_paths(rp_node *node, const char *prefix, rp_error *err);

/* Gives a tree another origin: every value and key. */
void rp_node_set_origin(rp_node *node, const rp_origin *origin);

/* ---- Writing --------------------------------------------------------------------------------- */

/* Canonical JSON: keys sorted by bytes, no blanks, numbers in their one canonical form (30.0 → 30, 1e-2 → 0.01). Equal nodes have equal
 * JSON. */
rp_status rp_node_json(const rp_node *node, char **out, rp_error *err);

/* For people: flow YAML on one line, in the file's order. {name: ortho, variant: authors} */
rp_status rp_node_flow(const rp_node *node, char **out, rp_error *err);
void rp_node_add_flow(const rp_node *node, rp_text *text);

/* Block YAML, indented, in the file's order; ends in a newline. */
rp_status rp_node_pretty(const rp_node *node, char **out, rp_error *err);

/* Appends the canonical form of a number's text; 0 (and nothing is appended) where it is none: an optional sign, digits with an optional
 * point and exponent (of up to 4 digits). */
int rp_number_canonical(const char *text, rp_text *out);

/* Appends the shortest decimal that reads back as `value`, in canonical form. */
void rp_number_add(double value, rp_text *out);

/* ---- Places ---------------------------------------------------------------------------------- */

/* "file:line:column", or "file" without a line, or "" where unknown; for the value, or for a map's key. */
rp_status rp_node_place(const rp_node *node, char **out, rp_error *err);
const char *rp_node_file(const rp_node *node); /* "" where unknown */

/* Fails with RP_EINPUT and "file:line:column: path: message" (as much of it as is known). */
rp_status rp_node_fail(const rp_node *node, rp_error *err, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same at a map's entry's key: "file:line:column: message". */
rp_status rp_entry_fail(const rp_entry *entry, rp_error *err, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Sources, for who makes nodes. rp_source_new starts with one reference. */
rp_status rp_source_new(const char *name, rp_source **out, rp_error *err);
void rp_source_free(rp_source **source); /* gives the reference back; for RP_CLEANUP */

#endif
