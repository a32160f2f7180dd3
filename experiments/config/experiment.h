/* experiment.h: from an experiment file to its trials.
 *
 * Trials = seeds × arms × sweep axes × zip axes − exclude, each with its whole configuration written out. Precedence, lowest first:
 * defaults, the file that `extends` names, the file, arm, axis, --set. Trials that come out equal are one. With `baseline: true`, each seed
 * and distinct setting outside `scheme` (total epochs included) has one trial of standard training. */
#ifndef RP_CONFIG_EXPERIMENT_H
#define RP_CONFIG_EXPERIMENT_H

#include "experiments/config/node.h"

typedef struct {
  char *label; /* of its arm: "ranker=ortho p=30", an arm's name, "standard"; the same for all seeds; unique among trials of a seed */
  uint64_t seed;
  int is_baseline; /* it is a standard-training trial that others are compared with */
  int baseline;    /* index of the trial that it is compared with; -1 = none, or it is one itself */
  rp_node
      *config; /* {model, data, train, scheme, score}, whole: every default written out, train.epochs the total; paths set ("scheme.p") */
  rp_node *differs; /* map from key ("scheme.p") to value: the experiment's differing keys that this trial has */
} rp_trial;

typedef struct {
  char *name;
  char *file;
  char *config_json; /* canonical JSON of the merged file, extends and --set included */
  rp_node *config;   /* the same as a tree */
  int n_trials;
  rp_trial *trials; /* arms in the file's order, seeds innermost; baselines last */
  int n_differing;
  char **differing; /* keys that differ between the arms (baselines that were added aside), sorted; a key X.name is written X */
  int n_shadow;
  double ranker_timeout; /* s that one call of a ranker may take (core/ranking/watch.h); 0 = no limit */
  rp_node **shadow;      /* criteria to score without acting: strings or maps with a name; "all" stays as it is. Owned by config */
} rp_experiment;

/* Loads an experiment.
 *
 *   file_or_name   see rp_experiment_find
 *   sets           [n_sets] "KEY=VALUE"; VALUE is YAML
 *
 * Errors: RP_EINPUT, file:line:column and key first. On error *out is empty. The caller frees. */
rp_status rp_experiment_load(const char *file_or_name, const char *const *sets, int n_sets, rp_experiment *out, rp_error *err);

/* Removes a trial that turned out to be the same computation as `equal`, an earlier one, which takes over what compares with it. */
void rp_experiment_remove_trial(rp_experiment *experiment, int trial, int equal);
void rp_experiment_free(rp_experiment *experiment);

/* The path of an experiment: a path (with a '/' or ending in .yaml or .yml) as it is; a name is looked for as NAME.yaml in experiments/ and
 * experiments/paper/ of: $REPR_EXPERIMENTS (itself such a folder), the working folder, the program's folder and its parent, ../share/repr
 * from the program. The caller frees. Errors: RP_EINPUT with what was looked for, what there is, and the nearest name. */
rp_status rp_experiment_find(const char *file_or_name, char **path, rp_error *err);

#endif
