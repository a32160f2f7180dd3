/* cells.c: lays everything that decides a trial over each other, in order of precedence, and resolves what is left open. */
#include "experiments/config/cells.h"

#include "core/base/memory.h"
#include "core/base/digest.h"
#include "experiments/config/scheme.h"

#include <stdio.h>

#include <stdlib.h>
#include <string.h>

static const char *const SECTIONS[] = {"model", "data", "train", "scheme", "score"};
enum { N_SECTIONS = sizeof SECTIONS / sizeof SECTIONS[0] };

static void free_cell(rp_cell *cell) {
  rp_node_free(&cell->config);
  rp_template_free(&cell->scheme);
  free(cell->label);
  rp_node_free(&cell->leaves);
  rp_node_free(&cell->differs);
  *cell = (rp_cell){0};
}

void rp_cells_free(rp_cells *cells) {
  for (int i = 0; i < cells->n; i++) free_cell(&cells->cells[i]);
  free(cells->cells);
  *cells = (rp_cells){0};
}

/* Appends a cell, which then belongs to the cells. */
static rp_status add_cell(rp_cells *cells, rp_cell *cell, rp_error *err) {
  size_t capacity = (size_t)cells->capacity;
  RP_TRY(rp_grow(&cells->cells, (size_t)cells->n, &capacity, sizeof *cells->cells, err));
  cells->capacity = (int)capacity;
  cells->cells[cells->n++] = *cell;
  *cell = (rp_cell){0};
  return RP_OK;
}

static void remove_cell(rp_cells *cells, int i) {
  free_cell(&cells->cells[i]);
  memmove(&cells->cells[i], &cells->cells[i + 1], (size_t)(cells->n - i - 1) * sizeof *cells->cells);
  cells->n--;
}

/* ---- Laying over each other ------------------------------------------------------------------ */

/* The default names ({data: {name: shapes}, …}), under everything else: another name then replaces them as a changed name does. */
static rp_status start_with_names(const rp_node *experiment, rp_node **out, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *config = NULL;
  rp_origin file = {experiment->origin.source, 0, 0};
  RP_TRY(rp_node_new(RP_NODE_MAP, &file, &config, err));
  for (int i = 0; i < rp_experiment_keys.n; i++) {
    const rp_key *row = &rp_experiment_keys.rows[i];
    if ((row->type != RP_KEY_NAMED && row->type != RP_KEY_OPEN) || !row->fallback) continue;
    RP_CLEANUP(rp_node_free) rp_node *map = NULL;
    RP_CLEANUP(rp_node_free) rp_node *name = NULL;
    RP_TRY(rp_node_new(RP_NODE_MAP, &file, &map, err));
    RP_TRY(rp_node_string(row->fallback, &file, &name, err));
    RP_TRY(rp_node_append(map, "name", NULL, &name, err));
    RP_TRY(rp_node_set(config, row->name, map, err));
  }
  *out = config;
  config = NULL;
  return RP_OK;
}

static int is_section(const char *key) {
  for (int i = 0; i < N_SECTIONS; i++)
    if (strcmp(SECTIONS[i], key) == 0) return 1;
  return 0;
}

static rp_status keep_sections(rp_node *config) {
  for (size_t i = config->n; i-- > 0;)
    if (!is_section(config->entries[i].key)) rp_node_remove(config, config->entries[i].key);
  return RP_OK;
}

static rp_status lay_over(const rp_node *experiment, const rp_grid *grid, int combination, const rp_assignments *sets, rp_node **out,
                          rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *config = NULL;
  RP_TRY(start_with_names(experiment, &config, err));
  RP_TRY(rp_node_merge(config, experiment, err));
  RP_TRY(rp_grid_apply(grid, combination, config, err));
  for (int i = 0; i < sets->n; i++)
    RP_TRY(rp_node_set_at(config, sets->entries[i].key, &sets->entries[i].key_origin, sets->entries[i].value, err));
  RP_TRY(keep_sections(config));
  RP_TRY(rp_node_set_paths(config, "", err));
  RP_TRY(rp_keys_check(&rp_experiment_keys, "", config, err));
  RP_TRY(rp_keys_fill(&rp_experiment_keys, "", config, err));
  RP_TRY(keep_sections(config));
  *out = config;
  config = NULL;
  return RP_OK;
}

static rp_status build_cells(const rp_node *experiment, const rp_grid *grid, const rp_assignments *sets, rp_cells *cells, rp_error *err) {
  for (int i = 0; i < rp_grid_count(grid); i++) {
    RP_CLEANUP(free_cell) rp_cell cell = {.combination = i, .baseline = -1};
    RP_TRY(lay_over(experiment, grid, i, sets, &cell.config, err));
    RP_TRY(rp_template_load(RP_FIND_SCHEME, rp_node_get(cell.config, "scheme"), &cell.scheme, err));
    RP_TRY(add_cell(cells, &cell, err));
  }
  return RP_OK;
}

/* ---- Resolving ------------------------------------------------------------------------------- */

static int some_scheme_has(const rp_cells *cells, const char *parameter) {
  for (int i = 0; i < cells->n; i++)
    if (rp_node_get(rp_template_parameters(&cells->cells[i].scheme), parameter)) return 1;
  return 0;
}

/* Keys that only other trials' schemes have are dropped; those that none has stay, for the error. */
static void drop_foreign_parameters(const rp_cells *cells, rp_cell *cell) {
  rp_node *scheme = rp_node_get(cell->config, "scheme");
  for (size_t i = scheme->n; i-- > 0;) {
    const char *key = scheme->entries[i].key;
    if (strcmp(key, "name") == 0 || rp_node_get(rp_template_parameters(&cell->scheme), key)) continue;
    if (some_scheme_has(cells, key)) rp_node_remove(scheme, key);
  }
}

static rp_status fill_from_file(const rp_template *file, const char *section, rp_node *config, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *filled = NULL;
  RP_TRY(rp_template_fill(file, rp_node_get(config, section), section, &filled, err));
  return rp_node_put(config, section, &filled, err);
}

static rp_status fill_model(rp_node *config, rp_error *err) {
  RP_CLEANUP(rp_template_free) rp_template file = {0};
  RP_TRY(rp_template_load(RP_FIND_MODEL, rp_node_get(config, "model"), &file, err));
  return fill_from_file(&file, "model", config, err);
}

/* Writes the total into train.epochs; it keeps the place where it was given, or the scheme's. */
static rp_status fill_epochs(const rp_template *scheme, rp_node *config, rp_error *err) {
  RP_CLEANUP(rp_expanded_scheme_free) rp_expanded_scheme expanded = {0};
  RP_CLEANUP(rp_node_free) rp_node *total = NULL;
  rp_node *train = rp_node_get(config, "train"), *given = rp_node_get(train, "epochs");
  RP_TRY(rp_scheme_expand(scheme, rp_node_get(config, "scheme"), given, &expanded, err));
  if (rp_node_is(given, RP_NODE_NUMBER)) return RP_OK;
  char text[16];
  snprintf(text, sizeof text, "%u", expanded.total);
  RP_TRY(rp_node_scalar(text, given ? &given->origin : &rp_node_get(config, "scheme")->origin, &total, err));
  RP_TRY(rp_copy_string("train.epochs", &total->path, err));
  return rp_node_put(train, "epochs", &total, err);
}

static rp_status resolve(rp_cells *cells, rp_error *err) {
  for (int i = 0; i < cells->n; i++) {
    rp_cell *cell = &cells->cells[i];
    drop_foreign_parameters(cells, cell);
    RP_TRY(fill_model(cell->config, err));
    RP_TRY(fill_from_file(&cell->scheme, "scheme", cell->config, err));
    RP_TRY(rp_node_set_paths(cell->config, "", err));
  }
  return RP_OK;
}

/* After `exclude`, so that what does not fit can be left out. */
static rp_status resolve_epochs(rp_cells *cells, rp_error *err) {
  for (int i = 0; i < cells->n; i++) RP_TRY(fill_epochs(&cells->cells[i].scheme, cells->cells[i].config, err));
  return RP_OK;
}

/* ---- Leaving out ----------------------------------------------------------------------------- */

static rp_status apply_exclude(const rp_node *experiment, rp_cells *cells, rp_error *err) {
  const rp_node *exclude = rp_node_get(experiment, "exclude");
  if (!exclude) return RP_OK;
  RP_CLEANUP(rp_free_pointer) uint8_t *seen = NULL;
  RP_TRY(rp_allocate(exclude->n, 1, &seen, err));
  int kept = 0, n = cells->n;
  for (int i = 0; i < n; i++) {
    int matches;
    RP_TRY(rp_exclude_matches(exclude, cells->cells[kept].config, seen, &matches, err));
    if (matches)
      remove_cell(cells, kept);
    else
      kept++;
  }
  for (size_t i = 0; i < exclude->n; i++)
    if (!seen[i]) return rp_node_fail(exclude->entries[i].value, err, "no trial has all the keys that stand here");
  if (cells->n == 0) return rp_node_fail(exclude, err, "`exclude` leaves no trial");
  return RP_OK;
}

static rp_status remove_equal_cells(rp_cells *cells, rp_error *err) {
  size_t n = (size_t)cells->n;
  RP_CLEANUP(rp_free_pointer) rp_id *ids = NULL;
  RP_TRY(rp_allocate(n, sizeof *ids, &ids, err));
  int kept = 0;
  for (size_t i = 0; i < n; i++) {
    RP_CLEANUP(rp_free_pointer) char *json = NULL;
    RP_TRY(rp_node_json(cells->cells[kept].config, &json, err));
    ids[kept] = rp_digest_of("cell", json, strlen(json));
    int is_new = 1;
    for (int j = 0; j < kept && is_new; j++) is_new = !rp_id_equal(ids[j], ids[kept]);
    if (is_new)
      kept++;
    else
      remove_cell(cells, kept);
  }
  return RP_OK;
}

/* ---- Baselines ------------------------------------------------------------------------------- */

/* The cell's configuration with standard training in its scheme's place. */
static rp_status build_baseline(const rp_cell *cell, rp_cell *out, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *scheme = NULL;
  RP_CLEANUP(rp_node_free) rp_node *name = NULL;
  RP_TRY(rp_node_copy(cell->config, &out->config, err));
  RP_TRY(rp_node_new(RP_NODE_MAP, NULL, &scheme, err));
  RP_TRY(rp_node_string("standard", NULL, &name, err));
  RP_TRY(rp_node_append(scheme, "name", NULL, &name, err));
  RP_TRY(rp_node_put(out->config, "scheme", &scheme, err));
  RP_TRY(rp_template_load(RP_FIND_SCHEME, rp_node_get(out->config, "scheme"), &out->scheme, err));
  RP_TRY(fill_from_file(&out->scheme, "scheme", out->config, err));
  return fill_epochs(&out->scheme, out->config, err);
}

static int find_equal(const rp_cells *cells, const rp_node *config) {
  for (int i = 0; i < cells->n; i++)
    if (rp_node_equal(cells->cells[i].config, config)) return i;
  return -1;
}

static rp_status add_baselines(rp_cells *cells, rp_error *err) {
  int n = cells->n;
  for (int i = 0; i < n; i++) {
    RP_CLEANUP(free_cell) rp_cell baseline = {.combination = -1, .baseline = -1, .is_baseline = 1};
    RP_TRY(build_baseline(&cells->cells[i], &baseline, err));
    int found = find_equal(cells, baseline.config);
    if (found < 0) {
      found = cells->n;
      RP_TRY(add_cell(cells, &baseline, err));
    }
    cells->cells[found].is_baseline = 1;
    if (found != i) cells->cells[i].baseline = found;
  }
  return RP_OK;
}

static rp_status build(const rp_node *experiment, const rp_grid *grid, const rp_assignments *sets, rp_cells *cells, rp_error *err) {
  RP_TRY(build_cells(experiment, grid, sets, cells, err));
  RP_TRY(resolve(cells, err));
  RP_TRY(apply_exclude(experiment, cells, err));
  RP_TRY(resolve_epochs(cells, err));
  RP_TRY(remove_equal_cells(cells, err));
  return rp_node_is_true(rp_node_get(experiment, "baseline")) ? add_baselines(cells, err) : RP_OK;
}

rp_status rp_cells_build(const rp_node *experiment, const rp_grid *grid, const rp_assignments *sets, rp_cells *out, rp_error *err) {
  *out = (rp_cells){0};
  rp_status status = build(experiment, grid, sets, out, err);
  if (status != RP_OK) rp_cells_free(out);
  return status;
}
