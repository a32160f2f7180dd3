/* yaml.h: reads YAML (and so JSON) into nodes, with the place of every value. */
#ifndef RP_CONFIG_YAML_H
#define RP_CONFIG_YAML_H

#include "experiments/config/node.h"

/* What is refused, so that no input can take much memory or time. */
enum {
  RP_YAML_MAX_BYTES = 4 << 20,
  RP_YAML_MAX_DEPTH = 64,
  RP_YAML_MAX_NODES = 250000, /* aliases count as what they stand for */
  RP_YAML_MAX_KEYS = 10000,   /* in one map */
  RP_YAML_MAX_KEY = 200,      /* bytes of a key */
  RP_YAML_MAX_ANCHORS = 1000
};

/* Reads one document from memory. `name` stands for the file in messages. Plain scalars: null, ~ and nothing are null; true, false, on,
 * off, yes, no (also capitalised or in capitals) are flags; decimal numbers are numbers; all else, and all that is quoted, are strings. An
 * empty document is null. Anchors and aliases work; merge keys (<<), tags, several documents, duplicate keys and keys that are no scalars
 * are errors.
 *
 * The caller frees *out. Errors: RP_EINPUT, "name:line:column: …". */
rp_status rp_yaml_parse(const char *text, const char *name, rp_node **out, rp_error *err);
rp_status rp_yaml_parse_bytes(const char *text, size_t length, const char *name, rp_node **out, rp_error *err);

/* The same from a file. */
rp_status rp_yaml_load(const char *path, rp_node **out, rp_error *err);

#endif
