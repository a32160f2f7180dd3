/* labels.c: short names for arms, made of what tells them apart. */
#include "core/base/memory.h"
#include "experiments/config/cells.h"

#include <stdlib.h>
#include <string.h>

/* ---- Leaves ---------------------------------------------------------------------------------- */

/* A map's own name stands for the map: scheme.ranker.name is listed as scheme.ranker. Empty maps say nothing. */
static rp_status add_leaves(const rp_node *node, const char *path, rp_node *leaves, rp_error *err) {
  if (node->kind != RP_NODE_MAP) {
    RP_CLEANUP(rp_node_free) rp_node *copy = NULL;
    RP_TRY(rp_node_copy(node, &copy, err));
    return rp_node_append(leaves, path, NULL, &copy, err);
  }
  for (size_t i = 0; i < node->n; i++) {
    RP_CLEANUP(rp_text_free) rp_text key = {0};
    int is_name = *path && strcmp(node->entries[i].key, "name") == 0;
    rp_text_add(&key, path);
    if (!is_name) rp_text_format(&key, "%s%s", *path ? "." : "", node->entries[i].key);
    RP_TRY(rp_text_check(&key, err));
    RP_TRY(add_leaves(node->entries[i].value, rp_text_string(&key), leaves, err));
  }
  return RP_OK;
}

static rp_status list_leaves(rp_cells *cells, rp_error *err) {
  for (int i = 0; i < cells->n; i++) {
    RP_TRY(rp_node_new(RP_NODE_MAP, NULL, &cells->cells[i].leaves, err));
    RP_TRY(add_leaves(cells->cells[i].config, "", cells->cells[i].leaves, err));
  }
  return RP_OK;
}

typedef struct {
  char **keys;
  size_t n, capacity;
} key_list;

static void free_keys(key_list *list) {
  for (size_t i = 0; i < list->n; i++) free(list->keys[i]);
  free(list->keys);
}

static int has_key(const key_list *list, const char *key) {
  for (size_t i = 0; i < list->n; i++)
    if (strcmp(list->keys[i], key) == 0) return 1;
  return 0;
}

static rp_status add_key(key_list *list, const char *key, rp_error *err) {
  RP_TRY(rp_grow(&list->keys, list->n, &list->capacity, sizeof *list->keys, err));
  RP_TRY(rp_copy_string(key, &list->keys[list->n], err));
  list->n++;
  return RP_OK;
}

/* Which cells are compared: those of the grid, or the baselines among themselves. */
static int is_of(const rp_cell *cell, int baselines) {
  return baselines ? cell->is_baseline : cell->combination >= 0;
}

/* Whether a key belongs to a map that goes by another name in the other list: the name then says it all. "model.depth" with other
 * "model". */
static int is_of_another_name(const char *key, const rp_node *a, const rp_node *b) {
  for (size_t i = 0; i < a->n; i++) {
    const char *name = a->entries[i].key;
    size_t length = strlen(name);
    if (strncmp(key, name, length) == 0 && key[length] == '.' && !rp_node_equal(a->entries[i].value, rp_node_get(b, name))) return 1;
  }
  return 0;
}

/* Adds the keys of `a` whose values `b` does not share. */
static rp_status add_unshared(const rp_node *a, const rp_node *b, key_list *out, rp_error *err) {
  for (size_t i = 0; i < a->n; i++) {
    const char *key = a->entries[i].key;
    if (rp_node_equal(rp_node_get(b, key), a->entries[i].value) || has_key(out, key) || is_of_another_name(key, a, b)) continue;
    RP_TRY(add_key(out, key, err));
  }
  return RP_OK;
}

/* What differs between any two differs between the first and one of the others. */
static rp_status find_differing(const rp_cells *cells, int baselines, key_list *out, rp_error *err) {
  const rp_cell *first = NULL;
  for (int i = 0; i < cells->n; i++) {
    const rp_cell *cell = &cells->cells[i];
    if (!is_of(cell, baselines)) continue;
    if (!first) first = cell;
    RP_TRY(add_unshared(first->leaves, cell->leaves, out, err));
    RP_TRY(add_unshared(cell->leaves, first->leaves, out, err));
  }
  return RP_OK;
}

static rp_status list_differences(rp_cells *cells, const key_list *keys, rp_error *err) {
  for (int i = 0; i < cells->n; i++) {
    RP_TRY(rp_node_new(RP_NODE_MAP, NULL, &cells->cells[i].differs, err));
    for (size_t j = 0; j < keys->n; j++) {
      const rp_node *value = rp_node_get(cells->cells[i].leaves, keys->keys[j]);
      RP_CLEANUP(rp_node_free) rp_node *copy = NULL;
      if (!value) continue;
      RP_TRY(rp_node_copy(value, &copy, err));
      RP_TRY(rp_node_append(cells->cells[i].differs, keys->keys[j], NULL, &copy, err));
    }
  }
  return RP_OK;
}

/* ---- Parts of labels ------------------------------------------------------------------------- */

static int ends_with_component(const char *key, const char *ending) {
  size_t length = strlen(key), n = strlen(ending);
  return length == n ? strcmp(key, ending) == 0 : length > n && key[length - n - 1] == '.' && strcmp(key + length - n, ending) == 0;
}

/* The shortest end of a key, in whole components, that no other key of the list ends in. */
static const char *short_key(const char *key, const key_list *keys) {
  for (const char *ending = key + strlen(key); ending > key; ending--) {
    if (ending[-1] != '.') continue;
    int n_alike = 0;
    for (size_t i = 0; i < keys->n; i++) n_alike += ends_with_component(keys->keys[i], ending);
    if (*ending && n_alike <= 1) return ending;
  }
  return key;
}

/* "ortho", "0.1", "ortho(variant=authors)", "[conv1, conv2]"; a file by its name only. */
static rp_status add_value(const rp_node *value, rp_text *label, rp_error *err) {
  const rp_node *name = rp_node_get(value, "name");
  if (value->kind == RP_NODE_STRING && rp_is_file_name(value->text)) {
    RP_CLEANUP(rp_free_pointer) char *stem = NULL;
    RP_TRY(rp_stem_of(value->text, &stem, err));
    rp_text_add(label, stem);
  } else if (!name)
    rp_node_add_flow(value, label);
  else {
    RP_TRY(add_value(name, label, err));
    const char *before = "(";
    for (size_t i = 0; i < value->n; i++) {
      if (value->entries[i].value == name) continue;
      rp_text_format(label, "%s%s=", before, value->entries[i].key);
      RP_TRY(add_value(value->entries[i].value, label, err));
      before = " ";
    }
    if (*before == ' ') rp_text_add(label, ")");
  }
  return RP_OK;
}

static rp_status add_part(const char *key, const key_list *keys, const rp_node *value, rp_text *label, rp_error *err) {
  rp_text_format(label, "%s%s=", label->length ? " " : "", short_key(key, keys));
  return add_value(value, label, err);
}

static int varies(const rp_node *list) {
  for (size_t i = 1; i < list->n; i++)
    if (!rp_node_equal(list->entries[i].value, list->entries[0].value)) return 1;
  return 0;
}

/* "scheme.ranker.name" → "scheme.ranker". */
static rp_status add_key_of_entry(key_list *list, const char *key, rp_error *err) {
  size_t length = strlen(key), n = strlen(".name");
  RP_CLEANUP(rp_free_pointer) char *copy = NULL;
  if (length > n && strcmp(key + length - n, ".name") == 0) length -= n;
  RP_TRY(rp_copy_bytes_as_string(key, length, &copy, err));
  return add_key(list, copy, err);
}

static rp_status label_of_grid(const rp_cell *cell, const rp_grid *grid, const key_list *swept, rp_text *label, rp_error *err) {
  const rp_entry *arm = rp_grid_arm(grid, cell->combination);
  if (arm) rp_text_add(label, arm->key);
  for (int i = 0; i < grid->n_keys; i++) {
    const rp_entry *entry = grid->keys[i].entry;
    if (!varies(entry->value) || !rp_node_at(cell->config, entry->key)) continue;
    RP_TRY(add_part(swept->keys[i], swept, rp_grid_value(grid, cell->combination, i), label, err));
  }
  return label->length ? RP_OK : add_value(rp_node_at(cell->config, "scheme.name"), label, err);
}

static rp_status label_of_baseline(const rp_cell *cell, const char *word, const key_list *keys, rp_text *label, rp_error *err) {
  rp_text_add(label, word);
  for (size_t i = 0; i < keys->n; i++) {
    const rp_node *value = rp_node_get(cell->leaves, keys->keys[i]);
    if (value) RP_TRY(add_part(keys->keys[i], keys, value, label, err));
  }
  return RP_OK;
}

static int is_taken(const rp_cells *cells, int until, const char *label) {
  for (int i = 0; i < until; i++)
    if (cells->cells[i].label && strcmp(cells->cells[i].label, label) == 0) return 1;
  return 0;
}

/* Different trials never share a label: the second gets " (2)". */
static rp_status set_label(rp_cells *cells, int i, const rp_text *wanted, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text label = {0};
  rp_text_add(&label, rp_text_string(wanted));
  for (int k = 2; is_taken(cells, i, rp_text_string(&label)); k++) {
    rp_text_free(&label);
    rp_text_format(&label, "%s (%d)", rp_text_string(wanted), k);
    RP_TRY(rp_text_check(&label, err));
  }
  return rp_text_take(&label, &cells->cells[i].label, err);
}

static rp_status label_grid(rp_cells *cells, const rp_grid *grid, rp_error *err) {
  RP_CLEANUP(free_keys) key_list swept = {0};
  for (int i = 0; i < grid->n_keys; i++) RP_TRY(add_key_of_entry(&swept, grid->keys[i].entry->key, err));
  for (int i = 0; i < cells->n; i++) {
    RP_CLEANUP(rp_text_free) rp_text label = {0};
    if (cells->cells[i].combination < 0) continue;
    RP_TRY(label_of_grid(&cells->cells[i], grid, &swept, &label, err));
    RP_TRY(set_label(cells, i, &label, err));
  }
  return RP_OK;
}

static rp_status label_baselines(rp_cells *cells, rp_error *err) {
  RP_CLEANUP(free_keys) key_list keys = {0};
  RP_TRY(find_differing(cells, 1, &keys, err));
  const char *word = is_taken(cells, cells->n, "standard") ? "baseline" : "standard";
  for (int i = 0; i < cells->n; i++) {
    RP_CLEANUP(rp_text_free) rp_text label = {0};
    if (cells->cells[i].combination >= 0) continue;
    RP_TRY(label_of_baseline(&cells->cells[i], word, &keys, &label, err));
    RP_TRY(set_label(cells, i, &label, err));
  }
  return RP_OK;
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

rp_status rp_cells_label(rp_cells *cells, const rp_grid *grid, char ***differing, int *n_differing, rp_error *err) {
  RP_CLEANUP(free_keys) key_list keys = {0};
  RP_TRY(list_leaves(cells, err));
  RP_TRY(find_differing(cells, 0, &keys, err));
  if (keys.n) qsort(keys.keys, keys.n, sizeof *keys.keys, by_name);
  RP_TRY(list_differences(cells, &keys, err));
  RP_TRY(label_grid(cells, grid, err));
  RP_TRY(label_baselines(cells, err));
  *differing = keys.keys;
  *n_differing = (int)keys.n;
  keys = (key_list){0};
  return RP_OK;
}
