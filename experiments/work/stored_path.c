/* stored_path.c: from state to state, each id worked out from the one before. */
#include "experiments/work/stored_path.h"

#include "core/base/memory.h"
#include "experiments/plan/ids.h"

rp_store_filters rp_filters_of(const rp_trial_plan *plan) {
  return (rp_store_filters){plan->n_convs, plan->names, plan->K};
}

static rp_status name_drop(rp_store *store, const rp_trial_plan *plan, int step, rp_id parent, rp_id *request, rp_id *id, rp_error *err) {
  const rp_plugin_description *ranker = &plan->criteria[step].description;
  const rp_step *drop = &plan->program.steps[step];
  RP_CLEANUP(rp_free_pointer) uint8_t *set = NULL;
  rp_store_filters filters = rp_filters_of(plan);
  int found;
  RP_TRY(rp_id_of_request(parent, drop->params, ranker->version, ranker->file_hash, request, err));
  RP_TRY(rp_allocate((size_t)plan->n_filters, 1, &set, err));
  RP_TRY(rp_store_find_drop(store, *request, &filters, &found, set, err));
  *id = *request;
  return found ? rp_id_of_dropped(parent, drop->as.drop.gate, set, plan->n_filters, id, err) : RP_OK;
}

rp_status rp_name_path_step(rp_store *store, const rp_trial_plan *plan, int path_step, rp_id parent, rp_id *request, rp_id *id,
                            rp_error *err) {
  *request = (rp_id){{0}};
  *id = plan->root;
  if (path_step == 0) return RP_OK;
  const rp_step *step = &plan->program.steps[path_step - 1];
  if (step->kind == RP_OP_DROP) return name_drop(store, plan, path_step - 1, parent, request, id, err);
  return rp_id_of_child(parent, step->kind, step->params, id, err);
}

rp_status rp_follow_stored_path(rp_store *store, const rp_trial_plan *plan, double *seconds, int *n_there, rp_error *err) {
  rp_id id = {{0}};
  for (*n_there = 0; *n_there <= plan->program.n_steps; ++*n_there) {
    rp_id request, next;
    rp_known_state known;
    int found;
    RP_TRY(rp_name_path_step(store, plan, *n_there, id, &request, &next, err));
    RP_TRY(rp_store_find_state(store, next, &found, &known, err));
    if (!found) return RP_OK;
    seconds[*n_there] = known.seconds;
    id = next;
  }
  return RP_OK;
}
