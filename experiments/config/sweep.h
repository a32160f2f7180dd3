/* sweep.h: the arms and axes of an experiment file, and all combinations of them. */
#ifndef RP_CONFIG_SWEEP_H
#define RP_CONFIG_SWEEP_H

#include "experiments/config/node.h"

/* A key that is swept. Keys of one axis move together. */
typedef struct {
  const rp_entry *entry; /* key and list of values; borrowed from the file's tree */
  int axis;
} rp_swept_key;

typedef struct {
  const rp_node *arms; /* map of maps; NULL = none. Borrowed */
  int n_axes;
  int *lengths; /* [n_axes]: values of each axis */
  int n_keys;
  rp_swept_key *keys; /* in the file's order, `sweep` before `zip` */
} rp_grid;

enum { RP_MAX_COMBINATIONS = 20000 };

/* Reads arms, sweep and zip of an experiment's tree (which must outlive the grid). Errors: RP_EINPUT: no list, an empty list, lists of a
 * zip group that differ in length, a key swept twice or outside of model, data, train, scheme and score, too many combinations. */
rp_status rp_grid_read(const rp_node *experiment, rp_grid *out, rp_error *err);
void rp_grid_free(rp_grid *grid);

/* All combinations of arm and axes, numbered from 0: arms slowest, the last axis fastest. */
int rp_grid_count(const rp_grid *grid);

/* A combination's arm (NULL where there are none), and its value of a swept key. */
const rp_entry *rp_grid_arm(const rp_grid *grid, int combination);
const rp_node *rp_grid_value(const rp_grid *grid, int combination, int key);

/* Lays a combination's arm, then its axes, over a configuration. */
rp_status rp_grid_apply(const rp_grid *grid, int combination, rp_node *config, rp_error *err);

/* Whether a trial's configuration is one that `exclude` names: every key of one of its maps has the value there. `seen` [n of exclude] is
 * set to 1 where a map's keys are all there, whatever their values. */
rp_status rp_exclude_matches(const rp_node *exclude, const rp_node *config, uint8_t *seen, int *matches, rp_error *err);

/* Errors where a key (its first part) is none of the sections that a trial has. */
rp_status rp_check_trial_key(const rp_entry *entry, rp_error *err);

/* Whether one key is the other or lies inside of it. */
int rp_keys_overlap(const char *a, const char *b);

#endif
