/* experiment.c: loads an experiment's file, multiplies it out into trials and gives arms their labels. */
#include "experiments/config/experiment.h"

#include "core/base/memory.h"
#include "experiments/config/find.h"
#include "experiments/config/keys.h"
#include "experiments/config/yaml.h"
#include "experiments/plan/program.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_TRIALS = 100000, MOST_AXES = 32, DEEPEST_EXTENDS = 16 };

/* Keys of the file that are about the experiment, not about a trial. */
static const char *const EXPERIMENT_KEYS[] = {"name", "extends", "seeds", "baseline", "arms", "sweep", "zip", "exclude", "shadow"};

rp_status rp_experiment_find(const char *file_or_name, char **path, rp_error *err) {
  return rp_find_yaml(RP_FIND_EXPERIMENT, file_or_name, NULL, path, err);
}

/* ---- The file
 * ----------------------------------------------------------------------------------------------------------------------------------- */

static rp_status load_file(const char *path, int depth, rp_node **out, rp_error *err) {
  if (depth > DEEPEST_EXTENDS) return rp_fail(err, RP_EINPUT, "%s: `extends` goes in a circle", path);
  RP_CLEANUP(rp_node_free)
  rp_node *own = NULL;
  RP_TRY(rp_yaml_load(path, &own, err));
  if (!rp_node_is(own, RP_NODE_MAP)) return rp_fail(err, RP_EINPUT, "%s: an experiment is a map of keys, e.g. `name: demo`", path);
  RP_TRY(rp_keys_check(&rp_experiment_keys, "", own, err));
  RP_TRY(rp_resolve_paths(own, path, err));
  const rp_node *extends = rp_node_get(own, "extends");
  if (!extends) {
    *out = own;
    own = NULL;
    return RP_OK;
  }
  RP_CLEANUP(rp_node_free)
  rp_node *base = NULL;
  RP_TRY(load_file(rp_node_text(extends), depth + 1, &base, err));
  rp_node_remove(own, "extends");
  RP_TRY(rp_node_merge(base, own, err));
  *out = base;
  base = NULL;
  return RP_OK;
}

/* One --set: KEY=VALUE. A swept key has no one value to set. */
static rp_status apply_set(rp_node *config, const char *set, rp_error *err) {
  const char *equals = strchr(set, '=');
  if (!equals || equals == set) return rp_fail(err, RP_EINPUT, "--set %s: KEY=VALUE is expected, e.g. train.epochs=30", set);
  RP_CLEANUP(rp_free_pointer)
  char *key = NULL;
  RP_TRY(rp_copy_bytes_as_string(set, (size_t)(equals - set), &key, err));
  if (rp_node_get(rp_node_get(config, "sweep"), key)) return rp_fail(err, RP_EINPUT, "--set %s: the experiment sweeps over %s", set, key);
  RP_CLEANUP(rp_node_free)
  rp_node *value = NULL;
  RP_TRY(rp_yaml_parse(equals + 1, "--set", &value, err));
  RP_TRY(rp_node_set(config, key, value, err));
  return rp_keys_check(&rp_experiment_keys, "", config, err);
}

/* ---- Axes
 * ---------------------------------------------------------------------------------------------------------------------------------------
 */

/* Values that a trial takes on one axis: a map of keys and values each. */
typedef struct {
  int n;
  rp_node **overlays; /* owned maps; keys may have dots */
  const char **names; /* arms: their names; else NULL entries */
} axis;

typedef struct {
  int n;
  axis axes[MOST_AXES];
} axis_list;

static void free_axes(axis_list *list) {
  for (int i = 0; i < list->n; i++) {
    for (int k = 0; k < list->axes[i].n; k++) rp_node_free(&list->axes[i].overlays[k]);
    free(list->axes[i].overlays);
    free(list->axes[i].names);
  }
}

static rp_status new_axis(axis_list *list, size_t n, const rp_node *where, axis **out, rp_error *err) {
  if (list->n == MOST_AXES) return rp_node_fail(where, err, "more than %d axes", MOST_AXES);
  if (n == 0) return rp_node_fail(where, err, "an axis without values");
  *out = &list->axes[list->n];
  **out = (axis){0};
  RP_TRY(rp_allocate(n, sizeof *(*out)->overlays, &(*out)->overlays, err));
  list->n++;
  return rp_allocate(n, sizeof *(*out)->names, &(*out)->names, err);
}

static rp_status add_arms(axis_list *list, const rp_node *arms, rp_error *err) {
  if (!rp_node_is(arms, RP_NODE_MAP) || arms->n == 0) return RP_OK;
  axis *added;
  RP_TRY(new_axis(list, arms->n, arms, &added, err));
  for (; added->n < (int)arms->n; added->n++) {
    added->names[added->n] = arms->entries[added->n].key;
    RP_TRY(rp_node_copy(arms->entries[added->n].value, &added->overlays[added->n], err));
  }
  return RP_OK;
}

static rp_status put_copy(rp_node *map, const char *key, const rp_node *value, rp_error *err) {
  rp_node *copy = NULL;
  RP_TRY(rp_node_copy(value, &copy, err));
  rp_status status = rp_node_append(map, key, NULL, &copy, err);
  rp_node_free(&copy);
  return status;
}

/* One group of keys that move together; a sweep's axis is a group of one. */
static rp_status add_group(axis_list *list, const rp_entry *entries, size_t n_keys, const rp_node *where, rp_error *err) {
  size_t n = entries[0].value->n;
  for (size_t k = 0; k < n_keys; k++)
    if (!rp_node_is(entries[k].value, RP_NODE_LIST) || entries[k].value->n != n)
      return rp_entry_fail(&entries[k], err, "'%s' is a list of %zu values, as long as the others that it moves with", entries[k].key, n);
  axis *added;
  RP_TRY(new_axis(list, n, where, &added, err));
  for (; added->n < (int)n; added->n++) {
    RP_TRY(rp_node_new(RP_NODE_MAP, NULL, &added->overlays[added->n], err));
    for (size_t k = 0; k < n_keys; k++)
      RP_TRY(put_copy(added->overlays[added->n], entries[k].key, entries[k].value->entries[added->n].value, err));
  }
  return RP_OK;
}

static rp_status list_axes(const rp_node *config, axis_list *list, rp_error *err) {
  RP_TRY(add_arms(list, rp_node_get(config, "arms"), err));
  const rp_node *sweep = rp_node_get(config, "sweep"), *zip = rp_node_get(config, "zip");
  for (size_t i = 0; rp_node_is(sweep, RP_NODE_MAP) && i < sweep->n; i++) RP_TRY(add_group(list, &sweep->entries[i], 1, sweep, err));
  for (size_t i = 0; rp_node_is(zip, RP_NODE_LIST) && i < zip->n; i++) {
    const rp_node *group = zip->entries[i].value;
    if (!rp_node_is(group, RP_NODE_MAP) || group->n == 0) return rp_node_fail(group, err, "a group is a map of keys to lists");
    RP_TRY(add_group(list, group->entries, group->n, group, err));
  }
  return RP_OK;
}

/* ---- Trials
 * ------------------------------------------------------------------------------------------------------------------------------------- */

static rp_status trial_base(const rp_node *config, rp_node **out, rp_error *err) {
  RP_TRY(rp_node_copy(config, out, err));
  for (size_t i = 0; i < sizeof EXPERIMENT_KEYS / sizeof EXPERIMENT_KEYS[0]; i++) rp_node_remove(*out, EXPERIMENT_KEYS[i]);
  return RP_OK;
}

static rp_status apply_overlay(rp_node *config, const rp_node *overlay, rp_error *err) {
  for (size_t i = 0; i < overlay->n; i++) RP_TRY(rp_node_set(config, overlay->entries[i].key, overlay->entries[i].value, err));
  return RP_OK;
}

/* Defaults, then the program's total: after this two configurations are equal exactly where their trials are. */
static rp_status resolve(rp_node *config, rp_error *err) {
  RP_TRY(rp_keys_check(&rp_experiment_keys, "", config, err));
  RP_TRY(rp_keys_fill(&rp_experiment_keys, "", config, err));
  for (size_t i = 0; i < sizeof EXPERIMENT_KEYS / sizeof EXPERIMENT_KEYS[0]; i++) rp_node_remove(config, EXPERIMENT_KEYS[i]);
  RP_TRY(rp_node_set_paths(config, "", err));
  rp_program program;
  RP_TRY(rp_program_build(config, &program, err));
  rp_node *epochs = NULL;
  rp_status status = rp_node_of_integer(program.epochs, &epochs, err);
  rp_program_free(&program);
  RP_TRY(status);
  status = rp_node_put(rp_node_get(config, "train"), "epochs", &epochs, err);
  rp_node_free(&epochs);
  return status;
}

static int is_excluded(const rp_node *config, const rp_node *exclude) {
  for (size_t i = 0; rp_node_is(exclude, RP_NODE_LIST) && i < exclude->n; i++) {
    const rp_node *partial = exclude->entries[i].value;
    int fits = partial->n > 0;
    for (size_t k = 0; k < partial->n && fits; k++) {
      const rp_node *found = rp_node_at(config, partial->entries[k].key), *wanted = partial->entries[k].value;
      int named = rp_node_is(found, RP_NODE_MAP) && rp_node_is(wanted, RP_NODE_STRING) && rp_node_equal(rp_node_get(found, "name"), wanted);
      fits = named || rp_node_equal(found, wanted);
    }
    if (fits) return 1;
  }
  return 0;
}

static rp_status add_trial(rp_experiment *experiment, size_t *capacity, rp_node **config, const char *label, uint64_t seed, int is_baseline,
                           rp_error *err) {
  for (int i = 0; i < experiment->n_trials; i++)
    if (experiment->trials[i].seed == seed && rp_node_equal(experiment->trials[i].config, *config)) {
      experiment->trials[i].is_baseline |= is_baseline;
      return RP_OK;
    }
  if (experiment->n_trials == MOST_TRIALS) return rp_fail(err, RP_EINPUT, "%s: more than %d trials", experiment->file, MOST_TRIALS);
  RP_TRY(rp_grow(&experiment->trials, (size_t)experiment->n_trials, capacity, sizeof *experiment->trials, err));
  rp_trial *trial = &experiment->trials[experiment->n_trials];
  *trial = (rp_trial){.seed = seed, .is_baseline = is_baseline, .baseline = -1};
  experiment->n_trials++;
  RP_TRY(rp_copy_string(label, &trial->label, err));
  RP_TRY(rp_node_new(RP_NODE_MAP, NULL, &trial->differs, err));
  return rp_node_copy(*config, &trial->config, err);
}

/* A label: the arm's name, then the swept values, each by the last part of its key. */
static void add_label(rp_text *label, const char *name, const rp_node *overlay) {
  if (name) {
    rp_text_format(label, "%s%s", label->length ? " " : "", name);
    return;
  }
  for (size_t i = 0; i < overlay->n; i++) {
    const char *key = overlay->entries[i].key, *dot = strrchr(key, '.');
    rp_text_format(label, "%s%s=", label->length ? " " : "", dot ? dot + 1 : key);
    const rp_node *value = overlay->entries[i].value;
    rp_node_add_flow(rp_node_is(value, RP_NODE_MAP) && rp_node_get(value, "name") && value->n == 1 ? rp_node_get(value, "name") : value,
                     label);
  }
}

static rp_status add_combination(rp_experiment *experiment, size_t *capacity, const axis_list *axes, const int *choice, rp_error *err) {
  RP_CLEANUP(rp_node_free)
  rp_node *config = NULL;
  RP_CLEANUP(rp_text_free)
  rp_text label = {0};
  RP_TRY(trial_base(experiment->config, &config, err));
  for (int a = 0; a < axes->n; a++) {
    RP_TRY(apply_overlay(config, axes->axes[a].overlays[choice[a]], err));
    add_label(&label, axes->axes[a].names[choice[a]], axes->axes[a].overlays[choice[a]]);
  }
  RP_TRY(resolve(config, err));
  if (is_excluded(config, rp_node_get(experiment->config, "exclude"))) return RP_OK;
  if (!label.length) rp_text_add(&label, rp_node_text(rp_node_at(config, "scheme.name")));
  RP_TRY(rp_text_check(&label, err));
  const rp_node *seeds = rp_node_get(experiment->config, "seeds");
  for (size_t s = 0; s < seeds->n; s++) {
    int64_t seed;
    if (!rp_node_integer(seeds->entries[s].value, &seed)) return rp_node_fail(seeds->entries[s].value, err, "is no seed");
    RP_TRY(add_trial(experiment, capacity, &config, rp_text_string(&label), (uint64_t)seed, 0, err));
  }
  return RP_OK;
}

static rp_status add_baselines(rp_experiment *experiment, size_t *capacity, rp_error *err) {
  if (!rp_node_is_true(rp_node_get(experiment->config, "baseline"))) return RP_OK;
  int n_arms = experiment->n_trials, n_settings = 0;
  for (int t = 0; t < n_arms; t++) {
    RP_CLEANUP(rp_node_free)
    rp_node *config = NULL;
    RP_CLEANUP(rp_node_free)
    rp_node *scheme = NULL;
    RP_TRY(rp_node_copy(experiment->trials[t].config, &config, err));
    RP_TRY(rp_yaml_parse("{name: standard}", "baseline", &scheme, err));
    RP_TRY(rp_node_put(config, "scheme", &scheme, err));
    int before = experiment->n_trials;
    char label[48] = "standard";
    for (int i = 0; i < before; i++)
      if (experiment->trials[i].is_baseline && experiment->trials[i].seed == experiment->trials[t].seed) n_settings = 1 + (i >= n_arms);
    RP_CLEANUP(rp_text_free)
    rp_text text = {0};
    if (n_settings > 1)
      rp_text_format(&text, "%s %d", label, before);
    else
      rp_text_add(&text, label);
    RP_TRY(add_trial(experiment, capacity, &config, rp_text_string(&text), experiment->trials[t].seed, 1, err));
    for (int i = 0; i < experiment->n_trials; i++)
      if (i != t && experiment->trials[i].seed == experiment->trials[t].seed && rp_node_equal(experiment->trials[i].config, config))
        experiment->trials[t].baseline = i;
  }
  return RP_OK;
}

static rp_status note_differences(rp_experiment *experiment, const axis_list *axes, rp_error *err) {
  for (int t = 0; t < experiment->n_trials; t++)
    for (int a = 0; a < axes->n; a++)
      for (int k = 0; k < axes->axes[a].n; k++) {
        const rp_node *overlay = axes->axes[a].overlays[k];
        for (size_t i = 0; i < overlay->n; i++) {
          const rp_node *value = rp_node_at(experiment->trials[t].config, overlay->entries[i].key);
          if (value && !rp_node_get(experiment->trials[t].differs, overlay->entries[i].key))
            RP_TRY(put_copy(experiment->trials[t].differs, overlay->entries[i].key, value, err));
        }
      }
  return RP_OK;
}

static rp_status multiply_out(rp_experiment *experiment, rp_error *err) {
  RP_CLEANUP(free_axes)
  axis_list axes = {0};
  RP_TRY(list_axes(experiment->config, &axes, err));
  int choice[MOST_AXES] = {0};
  size_t capacity = 0;
  for (int more = 1; more;) {
    RP_TRY(add_combination(experiment, &capacity, &axes, choice, err));
    int a = axes.n - 1;
    while (a >= 0 && ++choice[a] == axes.axes[a].n) choice[a--] = 0;
    more = a >= 0;
  }
  RP_TRY(add_baselines(experiment, &capacity, err));
  return note_differences(experiment, &axes, err);
}

static rp_status load(const char *file_or_name, const char *const *sets, int n_sets, rp_experiment *out, rp_error *err) {
  RP_TRY(rp_experiment_find(file_or_name, &out->file, err));
  RP_TRY(load_file(out->file, 0, &out->config, err));
  for (int i = 0; i < n_sets; i++) RP_TRY(apply_set(out->config, sets[i], err));
  RP_TRY(rp_keys_fill(&rp_experiment_keys, "", out->config, err));
  const rp_node *name = rp_node_get(out->config, "name");
  if (name)
    RP_TRY(rp_copy_string(rp_node_text(name), &out->name, err));
  else
    RP_TRY(rp_stem_of(out->file, &out->name, err));
  RP_TRY(rp_node_json(out->config, &out->config_json, err));
  const rp_node *shadow = rp_node_get(out->config, "shadow");
  if (rp_node_is(shadow, RP_NODE_LIST) && shadow->n) {
    RP_TRY(rp_allocate(shadow->n, sizeof *out->shadow, &out->shadow, err));
    for (; out->n_shadow < (int)shadow->n; out->n_shadow++) out->shadow[out->n_shadow] = shadow->entries[out->n_shadow].value;
  }
  RP_TRY(multiply_out(out, err));
  return out->n_trials ? RP_OK : rp_fail(err, RP_EINPUT, "%s: no trial is left after `exclude`", out->file);
}

rp_status rp_experiment_load(const char *file_or_name, const char *const *sets, int n_sets, rp_experiment *out, rp_error *err) {
  *out = (rp_experiment){0};
  rp_status status = load(file_or_name, sets, n_sets, out, err);
  if (status != RP_OK) rp_experiment_free(out);
  return status;
}

void rp_experiment_free(rp_experiment *experiment) {
  for (int i = 0; i < experiment->n_trials; i++) {
    free(experiment->trials[i].label);
    rp_node_free(&experiment->trials[i].config);
    rp_node_free(&experiment->trials[i].differs);
  }
  for (int i = 0; i < experiment->n_differing; i++) free(experiment->differing[i]);
  free(experiment->differing);
  free(experiment->trials);
  free(experiment->shadow);
  free(experiment->name);
  free(experiment->file);
  free(experiment->config_json);
  rp_node_free(&experiment->config);
  *experiment = (rp_experiment){0};
}
