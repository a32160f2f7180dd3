/* stored_path.h: a trial's path through what is stored: what its states are called, and how far it is there. */
#ifndef RP_WORK_STORED_PATH_H
#define RP_WORK_STORED_PATH_H

#include "experiments/plan/trial_plan.h"
#include "results/store.h"

/* The filters of a trial's net, as the store wants them. Borrowed from the plan. */
rp_store_filters rp_filters_of(const rp_trial_plan *plan);

/* What a path step is called, given the id of the state before it (unused for step 0, the root). After a drop that is known from the set
 * that was dropped; where the store does not know the drop's answer, *id is that of the request. *request: zero where the step is no
 * drop. */
rp_status rp_name_path_step(rp_store *store, const rp_trial_plan *plan, int path_step, rp_id parent, rp_id *request, rp_id *id,
                            rp_error *err);

/* Follows a path from its root as far as its states are stored. `seconds`: [n_steps + 1], of the states that are there: what computing them
 * took (NAN = not measured); written up to *n_there, the number of these. */
rp_status rp_follow_stored_path(rp_store *store, const rp_trial_plan *plan, double *seconds, int *n_there, rp_error *err);

#endif
