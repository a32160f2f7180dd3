/* node_merge.c: merging trees, and setting values at paths, which is merging a small tree. */
#include "experiments/config/node.h"

#include "core/base/memory.h"

#include <stdlib.h>
#include <string.h>

/* "ortho" → {name: ortho}. */
static rp_status spell_out_name(const rp_node *string, rp_node **out, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *map = NULL;
  RP_CLEANUP(rp_node_free) rp_node *name = NULL;
  RP_TRY(rp_node_new(RP_NODE_MAP, &string->origin, &map, err));
  RP_TRY(rp_node_copy(string, &name, err));
  RP_TRY(rp_node_append(map, "name", &string->origin, &name, err));
  *out = map;
  map = NULL;
  return RP_OK;
}

static int changes(const rp_node *base, const rp_node *overlay, const char *key) {
  const rp_node *value = rp_node_get(overlay, key);
  return value && !rp_node_equal(value, rp_node_get(base, key));
}

/* Whether `overlay` is laid over `base` (1) or takes its place (0). */
static int merges_into(const rp_node *base, const rp_node *overlay) {
  return base->kind == RP_NODE_MAP && overlay->kind == RP_NODE_MAP && !changes(base, overlay, "name") && !changes(base, overlay, "preset");
}

static rp_status merge_value(rp_node **base, const rp_node *overlay, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *spelt_out = NULL;
  if ((*base)->kind == RP_NODE_STRING && overlay->kind == RP_NODE_MAP) {
    rp_node *map = NULL;
    RP_TRY(spell_out_name(*base, &map, err));
    rp_node_free(base);
    *base = map;
  } else if (overlay->kind == RP_NODE_STRING && rp_node_get(*base, "name")) {
    RP_TRY(spell_out_name(overlay, &spelt_out, err));
    overlay = spelt_out;
  }
  if (merges_into(*base, overlay)) return rp_node_merge(*base, overlay, err);
  rp_node *copy = NULL;
  RP_TRY(rp_node_copy(overlay, &copy, err));
  rp_node_free(base);
  *base = copy;
  return RP_OK;
}

static rp_entry *find_entry(rp_node *map, const char *key) {
  for (size_t i = 0; i < map->n; i++)
    if (strcmp(map->entries[i].key, key) == 0) return &map->entries[i];
  return NULL;
}

rp_status rp_node_merge(rp_node *base, const rp_node *overlay, rp_error *err) {
  for (size_t i = 0; i < overlay->n; i++) {
    const rp_entry *from = &overlay->entries[i];
    rp_entry *to = find_entry(base, from->key);
    if (to) {
      RP_TRY(merge_value(&to->value, from->value, err));
      continue;
    }
    RP_CLEANUP(rp_node_free) rp_node *copy = NULL;
    RP_TRY(rp_node_copy(from->value, &copy, err));
    RP_TRY(rp_node_append(base, from->key, &from->key_origin, &copy, err));
  }
  return RP_OK;
}

/* {path's first: {its second: … value}}, all with the value's origin. */
static rp_status nest(const char *path, const rp_origin *key_origin, const rp_node *value, rp_node **out, rp_error *err) {
  size_t length = strcspn(path, ".");
  RP_CLEANUP(rp_free_pointer) char *key = NULL;
  RP_CLEANUP(rp_node_free) rp_node *map = NULL;
  RP_CLEANUP(rp_node_free) rp_node *inner = NULL;
  RP_TRY(rp_copy_bytes_as_string(path, length, &key, err));
  RP_TRY(rp_node_new(RP_NODE_MAP, &value->origin, &map, err));
  if (path[length] == '.')
    RP_TRY(nest(path + length + 1, key_origin, value, &inner, err));
  else
    RP_TRY(rp_node_copy(value, &inner, err));
  RP_TRY(rp_node_append(map, key, key_origin, &inner, err));
  *out = map;
  map = NULL;
  return RP_OK;
}

rp_status rp_node_set_at(rp_node *base, const char *path, const rp_origin *path_origin, const rp_node *value, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *overlay = NULL;
  RP_TRY(nest(path, path_origin, value, &overlay, err));
  return rp_node_merge(base, overlay, err);
}

rp_status rp_node_set(rp_node *base, const char *path, const rp_node *value, rp_error *err) {
  return rp_node_set_at(base, path, &value->origin, value, err);
}

rp_status rp_node_expand_dots(const rp_node *map, rp_node **out, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *expanded = NULL;
  RP_TRY(rp_node_new(RP_NODE_MAP, &map->origin, &expanded, err));
  for (size_t i = 0; i < map->n; i++) {
    const rp_entry *entry = &map->entries[i];
    size_t length = strlen(entry->key);
    if (length == 0 || entry->key[0] == '.' || entry->key[length - 1] == '.' || strstr(entry->key, ".."))
      return rp_entry_fail(entry, err, "'%s' is no key: there is nothing before, between or after a dot", entry->key);
    RP_CLEANUP(rp_node_free) rp_node *overlay = NULL;
    RP_TRY(nest(entry->key, &entry->key_origin, entry->value, &overlay, err));
    RP_TRY(rp_node_merge(expanded, overlay, err));
  }
  *out = expanded;
  expanded = NULL;
  return RP_OK;
}

static rp_status path_of_entry(const rp_node *parent, size_t i, const char *prefix, char **out, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text path = {0};
  rp_text_add(&path, prefix);
  if (parent->kind == RP_NODE_LIST)
    rp_text_format(&path, "[%zu]", i);
  else
    rp_text_format(&path, "%s%s", *prefix ? "." : "", parent->entries[i].key);
  return rp_text_take(&path, out, err);
}

rp_status rp_node_set_paths(rp_node *node, const char *prefix, rp_error *err) {
  char *own = NULL;
  RP_TRY(rp_copy_string(prefix, &own, err));
  free(node->path);
  node->path = own;
  for (size_t i = 0; i < node->n; i++) {
    RP_CLEANUP(rp_free_pointer) char *path = NULL;
    RP_TRY(path_of_entry(node, i, prefix, &path, err));
    RP_TRY(rp_node_set_paths(node->entries[i].value, path, err));
  }
  return RP_OK;
}
