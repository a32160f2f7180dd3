/* cells.h: an experiment's arms with their whole configurations: what trials are before they are multiplied by seeds. For experiment.c. */
#ifndef RP_CONFIG_CELLS_H
#define RP_CONFIG_CELLS_H

#include "experiments/config/sweep.h"
#include "experiments/config/template.h"

typedef struct {
  int combination;    /* of the grid; -1 = an added baseline */
  rp_node *config;    /* {model, data, train, scheme, score}, resolved; owned */
  rp_template scheme; /* its scheme's file */
  char *label;        /* owned */
  rp_node *leaves;    /* its configuration as a flat map from key to value (labels.c); owned */
  rp_node *differs;   /* those of the leaves that differ within the experiment; owned */
  int is_baseline;
  int baseline; /* index of the cell that it is compared with; -1 = none */
} rp_cell;

typedef struct {
  int n, capacity;
  rp_cell *cells;
} rp_cells;

/* One --set: its KEY and the value as a node. */
typedef struct {
  rp_entry *entries;
  int n;
} rp_assignments;

/* Builds all cells of an experiment's tree: grid, --set, defaults, totals of epochs, exclude; equal ones are one; baselines are added last.
 */
rp_status rp_cells_build(const rp_node *experiment, const rp_grid *grid, const rp_assignments *sets, rp_cells *out, rp_error *err);
void rp_cells_free(rp_cells *cells);

/* Labels all cells, and finds the keys that differ between those that are no added baselines (sorted, owned by the caller). */
rp_status rp_cells_label(rp_cells *cells, const rp_grid *grid, char ***differing, int *n_differing, rp_error *err);

#endif
