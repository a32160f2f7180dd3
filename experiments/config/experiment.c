/* experiment.c: reads an experiment's file with what it extends, applies --set, and multiplies its arms by its seeds. */
#include "experiments/config/experiment.h"

#include "core/base/memory.h"
#include "experiments/config/cells.h"
#include "experiments/config/yaml.h"

#include <stdlib.h>
#include <string.h>

rp_status rp_experiment_find(const char *file_or_name, char **path, rp_error *err) {
  return rp_find_yaml(RP_FIND_EXPERIMENT, file_or_name, NULL, path, err);
}

/* ---- Files ----------------------------------------------------------------------------------- */

/* The files that are being read, innermost last: one that extends itself, through others or not, is found among them. */
typedef struct chain {
  const char *path;
  const struct chain *outer;
} chain;

static int is_same_file(const char *a, const char *b) {
  RP_CLEANUP(rp_free_pointer) char *real_a = realpath(a, NULL);
  RP_CLEANUP(rp_free_pointer) char *real_b = realpath(b, NULL);
  return strcmp(real_a ? real_a : a, real_b ? real_b : b) == 0;
}

static rp_status read_file(const char *path, rp_node **out, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *file = NULL;
  RP_TRY(rp_yaml_load(path, &file, err));
  if (file->kind != RP_NODE_MAP)
    return rp_node_fail(file, err, "an experiment is a map of keys; %s stands here", rp_node_kind_name(file->kind));
  RP_TRY(rp_resolve_paths(file, path, err));
  RP_TRY(rp_node_expand_dots(file, out, err));
  RP_TRY(rp_node_set_paths(*out, "", err));
  return rp_keys_check(&rp_experiment_keys, "", *out, err);
}

static rp_status load_files(const char *path, const chain *outer, rp_node **out, rp_error *err);

static rp_status load_base(const rp_node *extends, const chain *self, rp_node **out, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *path = NULL;
  RP_TRY(rp_find_yaml(RP_FIND_EXPERIMENT, extends->text, extends, &path, err));
  for (const chain *link = self; link; link = link->outer)
    if (is_same_file(link->path, path)) return rp_node_fail(extends, err, "%s extends itself, directly or through others", path);
  RP_TRY(load_files(path, self, out, err));
  rp_node_remove(*out, "name"); /* the default is this file's own */
  return RP_OK;
}

static rp_status load_files(const char *path, const chain *outer, rp_node **out, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *file = NULL;
  const chain self = {path, outer};
  RP_TRY(read_file(path, &file, err));
  const rp_node *extends = rp_node_get(file, "extends");
  if (!extends) {
    *out = file;
    file = NULL;
    return RP_OK;
  }
  RP_CLEANUP(rp_node_free) rp_node *base = NULL;
  RP_TRY(load_base(extends, &self, &base, err));
  rp_node_remove(file, "extends");
  RP_TRY(rp_node_merge(base, file, err));
  RP_TRY(rp_node_set_paths(base, "", err));
  *out = base;
  base = NULL;
  return RP_OK;
}

/* ---- --set ----------------------------------------------------------------------------------- */

static void free_assignments(rp_assignments *sets) {
  for (int i = 0; i < sets->n; i++) {
    free(sets->entries[i].key);
    rp_source_free(&sets->entries[i].key_origin.source);
    rp_node_free(&sets->entries[i].value);
  }
  free(sets->entries);
}

/* A value on the command line has no line and column. */
static void forget_lines(rp_node *node) {
  node->origin.line = node->origin.column = 0;
  for (size_t i = 0; i < node->n; i++) {
    node->entries[i].key_origin.line = node->entries[i].key_origin.column = 0;
    forget_lines(node->entries[i].value);
  }
}

static rp_status parse_set(const char *text, rp_entry *out, rp_error *err) {
  const char *equals = strchr(text, '=');
  if (!equals || equals == text) return rp_fail(err, RP_EUSAGE, "--set %s: it is written --set KEY=VALUE, as in --set scheme.p=10", text);
  RP_CLEANUP(rp_text_free) rp_text name = {0};
  rp_text_format(&name, "--set %s", text);
  RP_TRY(rp_text_check(&name, err));
  RP_TRY(rp_copy_bytes_as_string(text, (size_t)(equals - text), &out->key, err));
  RP_TRY(rp_source_new(rp_text_string(&name), &out->key_origin.source, err));
  RP_TRY(rp_yaml_parse(equals + 1, rp_text_string(&name), &out->value, err));
  forget_lines(out->value);
  return rp_node_set_paths(out->value, out->key, err);
}

static int is_top_key(const char *key) {
  static const char *const SETTABLE[] = {"name", "seeds", "baseline", "shadow", "ranker_timeout"};
  for (size_t i = 0; i < sizeof SETTABLE / sizeof SETTABLE[0]; i++)
    if (strcmp(SETTABLE[i], key) == 0) return 1;
  return 0;
}

static rp_status check_not_swept(const rp_entry *set, const rp_grid *grid, rp_error *err) {
  for (int i = 0; i < grid->n_keys; i++)
    if (rp_keys_overlap(set->key, grid->keys[i].entry->key))
      return rp_entry_fail(set, err, "the experiment sweeps %s; a swept key cannot be set: change its list in the file",
                           grid->keys[i].entry->key);
  return RP_OK;
}

/* Keys of the experiment are set in its tree here; those of trials, in each trial (and in the tree, for the record). */
static rp_status read_sets(const char *const *texts, int n, rp_node *experiment, rp_assignments *sets, rp_error *err) {
  RP_TRY(rp_allocate((size_t)n, sizeof *sets->entries, &sets->entries, err));
  for (int i = 0; i < n; i++) {
    rp_entry *set = &sets->entries[sets->n++];
    RP_TRY(parse_set(texts[i], set, err));
    int is_of_trials = !is_top_key(set->key);
    if (is_of_trials) RP_TRY(rp_check_trial_key(set, err));
    RP_TRY(rp_node_set_at(experiment, set->key, &set->key_origin, set->value, err));
    if (is_of_trials) continue;
    free(set->key);
    rp_source_free(&set->key_origin.source);
    rp_node_free(&set->value);
    sets->n--;
  }
  RP_TRY(rp_node_set_paths(experiment, "", err));
  return rp_keys_check(&rp_experiment_keys, "", experiment, err);
}

/* ---- Trials ---------------------------------------------------------------------------------- */

static rp_status read_seeds(const rp_node *experiment, uint64_t **seeds, int *n, rp_error *err) {
  const rp_node *list = rp_node_get(experiment, "seeds");
  *n = list ? (int)list->n : 1;
  RP_TRY(rp_allocate((size_t)*n, sizeof **seeds, seeds, err));
  (*seeds)[0] = 1;
  for (int i = 0; list && i < *n; i++) {
    int64_t seed = 0;
    rp_node_integer(list->entries[i].value, &seed);
    (*seeds)[i] = (uint64_t)seed;
  }
  return RP_OK;
}

static rp_status make_trial(const rp_cell *cell, uint64_t seed, int i_seed, int n_seeds, rp_trial *out, rp_error *err) {
  out->seed = seed;
  out->is_baseline = cell->is_baseline;
  out->baseline = cell->baseline < 0 ? -1 : cell->baseline * n_seeds + i_seed;
  RP_TRY(rp_copy_string(cell->label, &out->label, err));
  RP_TRY(rp_node_copy(cell->config, &out->config, err));
  return rp_node_copy(cell->differs, &out->differs, err);
}

static rp_status make_trials(const rp_cells *cells, rp_experiment *out, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) uint64_t *seeds = NULL;
  int n_seeds;
  RP_TRY(read_seeds(out->config, &seeds, &n_seeds, err));
  RP_TRY(rp_allocate((size_t)cells->n * (size_t)n_seeds, sizeof *out->trials, &out->trials, err));
  for (int i = 0; i < cells->n; i++)
    for (int s = 0; s < n_seeds; s++) RP_TRY(make_trial(&cells->cells[i], seeds[s], s, n_seeds, &out->trials[out->n_trials++], err));
  return RP_OK;
}

static rp_status list_shadows(rp_experiment *out, rp_error *err) {
  const rp_node *list = rp_node_get(out->config, "shadow");
  if (!list) return RP_OK;
  RP_TRY(rp_allocate(list->n, sizeof *out->shadow, &out->shadow, err));
  for (size_t i = 0; i < list->n; i++) out->shadow[out->n_shadow++] = list->entries[i].value;
  return RP_OK;
}

static rp_status read_timeout(rp_experiment *out, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *usual = NULL;
  const rp_node *given = rp_node_get(out->config, "ranker_timeout");
  RP_TRY(rp_yaml_parse(rp_key_find(&rp_experiment_keys, "ranker_timeout", NULL)->fallback, "default", &usual, err));
  if (!rp_node_double(given ? given : usual, &out->ranker_timeout)) return rp_fail(err, RP_EINPUT, "ranker_timeout is no number");
  return RP_OK;
}

static rp_status name_experiment(rp_experiment *out, rp_error *err) {
  if (!rp_node_get(out->config, "name")) {
    RP_CLEANUP(rp_free_pointer) char *stem = NULL;
    RP_CLEANUP(rp_node_free) rp_node *name = NULL;
    RP_TRY(rp_stem_of(out->file, &stem, err));
    RP_TRY(rp_node_string(stem, NULL, &name, err));
    RP_TRY(rp_node_append(out->config, "name", NULL, &name, err));
  }
  return rp_copy_string(rp_node_text(rp_node_get(out->config, "name")), &out->name, err);
}

static rp_status load(const char *file_or_name, const char *const *sets, int n_sets, rp_experiment *out, rp_error *err) {
  RP_CLEANUP(free_assignments) rp_assignments assignments = {0};
  RP_CLEANUP(rp_grid_free) rp_grid grid = {0};
  RP_CLEANUP(rp_cells_free) rp_cells cells = {0};
  RP_TRY(rp_experiment_find(file_or_name, &out->file, err));
  RP_TRY(load_files(out->file, NULL, &out->config, err));
  RP_TRY(read_sets(sets, n_sets, out->config, &assignments, err));
  RP_TRY(name_experiment(out, err));
  RP_TRY(rp_grid_read(out->config, &grid, err));
  for (int i = 0; i < assignments.n; i++) RP_TRY(check_not_swept(&assignments.entries[i], &grid, err));
  RP_TRY(rp_cells_build(out->config, &grid, &assignments, &cells, err));
  RP_TRY(rp_cells_label(&cells, &grid, &out->differing, &out->n_differing, err));
  RP_TRY(make_trials(&cells, out, err));
  RP_TRY(list_shadows(out, err));
  RP_TRY(read_timeout(out, err));
  return rp_node_json(out->config, &out->config_json, err);
}

rp_status rp_experiment_load(const char *file_or_name, const char *const *sets, int n_sets, rp_experiment *out, rp_error *err) {
  *out = (rp_experiment){0};
  rp_status status = load(file_or_name, sets, n_sets, out, err);
  if (status != RP_OK) rp_experiment_free(out);
  return status;
}

static void free_trial(rp_trial *trial) {
  free(trial->label);
  rp_node_free(&trial->config);
  rp_node_free(&trial->differs);
}

void rp_experiment_remove_trial(rp_experiment *experiment, int trial, int equal) {
  rp_trial *trials = experiment->trials;
  if (trials[trial].is_baseline) trials[equal].is_baseline = 1, trials[equal].baseline = -1;
  free_trial(&trials[trial]);
  experiment->n_trials--;
  memmove(&trials[trial], &trials[trial + 1], (size_t)(experiment->n_trials - trial) * sizeof *trials);
  for (int i = 0; i < experiment->n_trials; i++) {
    if (trials[i].baseline == trial)
      trials[i].baseline = equal;
    else if (trials[i].baseline > trial)
      trials[i].baseline--;
  }
}

void rp_experiment_free(rp_experiment *experiment) {
  for (int i = 0; i < experiment->n_trials; i++) free_trial(&experiment->trials[i]);
  for (int i = 0; i < experiment->n_differing; i++) free(experiment->differing[i]);
  free(experiment->trials);
  free(experiment->differing);
  free(experiment->shadow);
  free(experiment->name);
  free(experiment->file);
  free(experiment->config_json);
  rp_node_free(&experiment->config);
  *experiment = (rp_experiment){0};
}
