/* sweep.c: combinations are numbers in a mixed base, one digit for the arm and one for each axis. */
#include "experiments/config/sweep.h"

#include "core/base/memory.h"
#include "experiments/config/keys.h"

#include <stdlib.h>
#include <string.h>

/* ---- Keys ------------------------------------------------------------------------------------ */

rp_status rp_check_trial_key(const rp_entry *entry, rp_error *err) {
  static const char *const SECTIONS[] = {"model", "data", "train", "scheme", "score"};
  enum { N_SECTIONS = sizeof SECTIONS / sizeof SECTIONS[0] };
  size_t length = strcspn(entry->key, ".");
  for (int i = 0; i < N_SECTIONS; i++)
    if (strlen(SECTIONS[i]) == length && memcmp(SECTIONS[i], entry->key, length) == 0) return RP_OK;
  RP_CLEANUP(rp_free_pointer) char *first = NULL;
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  RP_TRY(rp_copy_bytes_as_string(entry->key, length, &first, err));
  rp_add_suggestion(first, SECTIONS, N_SECTIONS, &text);
  RP_TRY(rp_text_check(&text, err));
  return rp_entry_fail(entry, err, "'%s' is no key that trials can differ in: it must start with one of these%s", entry->key,
                       rp_text_string(&text));
}

int rp_keys_overlap(const char *a, const char *b) {
  size_t length_a = strlen(a), length_b = strlen(b), shorter = length_a < length_b ? length_a : length_b;
  if (memcmp(a, b, shorter) != 0) return 0;
  return length_a == length_b || (length_a > length_b ? a : b)[shorter] == '.';
}

/* ---- Reading --------------------------------------------------------------------------------- */

static rp_status check_values(const rp_entry *entry, rp_error *err) {
  if (entry->value->kind != RP_NODE_LIST)
    return rp_entry_fail(entry, err, "%s: %s stands here; a swept key takes a list of values", entry->key,
                         rp_node_kind_name(entry->value->kind));
  if (entry->value->n == 0) return rp_entry_fail(entry, err, "%s: the list is empty; a swept key takes at least one value", entry->key);
  return rp_check_trial_key(entry, err);
}

static rp_status add_key(rp_grid *grid, const rp_entry *entry, int axis, rp_error *err) {
  RP_TRY(check_values(entry, err));
  for (int i = 0; i < grid->n_keys; i++)
    if (strcmp(grid->keys[i].entry->key, entry->key) == 0) return rp_entry_fail(entry, err, "%s is swept a second time here", entry->key);
  grid->keys[grid->n_keys++] = (rp_swept_key){entry, axis};
  return RP_OK;
}

static rp_status read_sweep(const rp_node *sweep, rp_grid *grid, rp_error *err) {
  for (size_t i = 0; sweep && i < sweep->n; i++) {
    RP_TRY(add_key(grid, &sweep->entries[i], grid->n_axes, err));
    grid->lengths[grid->n_axes++] = (int)sweep->entries[i].value->n;
  }
  return RP_OK;
}

static rp_status read_group(const rp_node *group, rp_grid *grid, rp_error *err) {
  if (group->kind != RP_NODE_MAP || group->n == 0)
    return rp_node_fail(group, err,
                        "a group of `zip` is a map of keys, each with a list of values: {scheme.s1: [10, 20], scheme.s2: [5, 10]}");
  for (size_t i = 0; i < group->n; i++) {
    RP_TRY(add_key(grid, &group->entries[i], grid->n_axes, err));
    if (group->entries[i].value->n != group->entries[0].value->n)
      return rp_entry_fail(&group->entries[i], err, "%s has %zu values, %s has %zu; keys that move together need as many of each",
                           group->entries[i].key, group->entries[i].value->n, group->entries[0].key, group->entries[0].value->n);
  }
  grid->lengths[grid->n_axes++] = (int)group->entries[0].value->n;
  return RP_OK;
}

static rp_status read_arms(const rp_node *arms, rp_grid *grid, rp_error *err) {
  for (size_t i = 0; arms && i < arms->n; i++) {
    const rp_entry *arm = &arms->entries[i];
    if (!*arm->key || strpbrk(arm->key, "/@"))
      return rp_entry_fail(arm, err, "'%s' cannot be an arm's name: it is empty, or has a / or @", arm->key);
    if (arm->value->kind == RP_NODE_NULL) continue;
    if (arm->value->kind != RP_NODE_MAP) return rp_node_fail(arm->value, err, "an arm is a map of keys: {scheme.p: 10}");
    for (size_t j = 0; j < arm->value->n; j++) RP_TRY(rp_check_trial_key(&arm->value->entries[j], err));
  }
  grid->arms = arms && arms->n ? arms : NULL;
  return RP_OK;
}

static rp_status check_count(const rp_node *experiment, const rp_grid *grid, rp_error *err) {
  size_t count = grid->arms ? grid->arms->n : 1;
  for (int i = 0; i < grid->n_axes && count <= RP_MAX_COMBINATIONS; i++) count *= (size_t)grid->lengths[i];
  if (count <= RP_MAX_COMBINATIONS) return RP_OK;
  return rp_node_fail(experiment, err, "arms and axes have more than %d combinations", RP_MAX_COMBINATIONS);
}

static rp_status read_grid(const rp_node *experiment, rp_grid *grid, rp_error *err) {
  const rp_node *sweep = rp_node_get(experiment, "sweep"), *zip = rp_node_get(experiment, "zip");
  size_t n_keys = sweep ? sweep->n : 0;
  for (size_t i = 0; zip && i < zip->n; i++) n_keys += zip->entries[i].value->n;
  RP_TRY(rp_allocate(n_keys, sizeof *grid->keys, &grid->keys, err));
  RP_TRY(rp_allocate(n_keys, sizeof *grid->lengths, &grid->lengths, err));
  RP_TRY(read_arms(rp_node_get(experiment, "arms"), grid, err));
  RP_TRY(read_sweep(sweep, grid, err));
  for (size_t i = 0; zip && i < zip->n; i++) RP_TRY(read_group(zip->entries[i].value, grid, err));
  return check_count(experiment, grid, err);
}

rp_status rp_grid_read(const rp_node *experiment, rp_grid *out, rp_error *err) {
  *out = (rp_grid){0};
  rp_status status = read_grid(experiment, out, err);
  if (status != RP_OK) rp_grid_free(out);
  return status;
}

void rp_grid_free(rp_grid *grid) {
  free(grid->lengths);
  free(grid->keys);
  *grid = (rp_grid){0};
}

/* ---- Combinations ---------------------------------------------------------------------------- */

static int combinations_of_axes(const rp_grid *grid) {
  int count = 1;
  for (int i = 0; i < grid->n_axes; i++) count *= grid->lengths[i];
  return count;
}

int rp_grid_count(const rp_grid *grid) {
  return combinations_of_axes(grid) * (grid->arms ? (int)grid->arms->n : 1);
}

const rp_entry *rp_grid_arm(const rp_grid *grid, int combination) {
  return grid->arms ? &grid->arms->entries[combination / combinations_of_axes(grid)] : NULL;
}

const rp_node *rp_grid_value(const rp_grid *grid, int combination, int key) {
  int axis = grid->keys[key].axis;
  for (int i = grid->n_axes - 1; i > axis; i--) combination /= grid->lengths[i];
  return grid->keys[key].entry->value->entries[combination % grid->lengths[axis]].value;
}

static int depth_of(const char *key) {
  int depth = 1;
  for (; *key; key++) depth += *key == '.';
  return depth;
}

/* All axes as one map, so that a changed name wipes what was there before, not what another axis says. Shorter keys come first:
 * {scheme.ranker: ortho} is no map yet when scheme.ranker.variant is set. */
static rp_status overlay_of_axes(const rp_grid *grid, int combination, rp_node **out, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *overlay = NULL;
  RP_TRY(rp_node_new(RP_NODE_MAP, NULL, &overlay, err));
  int n_set = 0;
  for (int depth = 1; n_set < grid->n_keys; depth++)
    for (int i = 0; i < grid->n_keys; i++) {
      if (depth_of(grid->keys[i].entry->key) != depth) continue;
      RP_TRY(rp_node_set_at(overlay, grid->keys[i].entry->key, &grid->keys[i].entry->key_origin, rp_grid_value(grid, combination, i), err));
      n_set++;
    }
  *out = overlay;
  overlay = NULL;
  return RP_OK;
}

rp_status rp_grid_apply(const rp_grid *grid, int combination, rp_node *config, rp_error *err) {
  const rp_entry *arm = rp_grid_arm(grid, combination);
  if (arm && arm->value->kind == RP_NODE_MAP) {
    RP_CLEANUP(rp_node_free) rp_node *of_arm = NULL;
    RP_TRY(rp_node_expand_dots(arm->value, &of_arm, err));
    RP_TRY(rp_node_merge(config, of_arm, err));
  }
  RP_CLEANUP(rp_node_free) rp_node *of_axes = NULL;
  RP_TRY(overlay_of_axes(grid, combination, &of_axes, err));
  return rp_node_merge(config, of_axes, err);
}

/* ---- Exclude --------------------------------------------------------------------------------- */

/* A map agrees with one that has at least its keys with values that agree; a string agrees with a map of that name. */
static int agrees(const rp_node *pattern, const rp_node *value) {
  if (!value) return 0;
  if (pattern->kind == RP_NODE_STRING && value->kind == RP_NODE_MAP) value = rp_node_get(value, "name");
  if (pattern->kind != RP_NODE_MAP || !rp_node_is(value, RP_NODE_MAP)) return rp_node_equal(pattern, value);
  for (size_t i = 0; i < pattern->n; i++)
    if (!agrees(pattern->entries[i].value, rp_node_get(value, pattern->entries[i].key))) return 0;
  return 1;
}

rp_status rp_exclude_matches(const rp_node *exclude, const rp_node *config, uint8_t *seen, int *matches, rp_error *err) {
  *matches = 0;
  for (size_t i = 0; exclude && i < exclude->n; i++) {
    const rp_node *map = exclude->entries[i].value;
    if (map->kind != RP_NODE_MAP || map->n == 0)
      return rp_node_fail(map, err, "`exclude` holds maps of keys: {scheme.ranker: oracle-loss, scheme.p: 50}");
    int all_there = 1, all_agree = 1;
    for (size_t j = 0; j < map->n; j++) {
      RP_TRY(rp_check_trial_key(&map->entries[j], err));
      const rp_node *value = rp_node_at(config, map->entries[j].key);
      all_there &= value != NULL;
      all_agree &= agrees(map->entries[j].value, value);
    }
    seen[i] |= (uint8_t)all_there;
    *matches |= all_agree;
  }
  return RP_OK;
}
