/* cost.c: counts distinct state ids along the trials' paths. After a drop the set is unknown, so ids go on from the request: equal requests
 * are shared. */
#include "experiments/plan/cost.h"

#include "core/base/memory.h"
#include "experiments/plan/ids.h"

#include <stdlib.h>
#include <string.h>

static int compare_ids(const void *a, const void *b) {
  return memcmp(a, b, sizeof(rp_id));
}

rp_status rp_planned_ids(const rp_trial_plan *plan, rp_id *ids, rp_error *err) {
  ids[0] = plan->root;
  for (int i = 0; i < plan->program.n_steps; i++) {
    const rp_step *step = &plan->program.steps[i];
    if (step->kind == RP_OP_DROP) {
      const rp_plugin_description *ranker = &plan->criteria[i].description;
      RP_TRY(rp_id_of_request(ids[i], step->params, ranker->version, ranker->file_hash, &ids[i + 1], err));
    } else
      RP_TRY(rp_id_of_child(ids[i], step->kind, step->params, &ids[i + 1], err));
  }
  return RP_OK;
}

/* Weights, momentum, values at the drop: three floats a parameter at most; filters of fc and conv alike. */
static double checkpoint_bytes(const rp_trial_plan *plan, const rp_dataset *dataset) {
  double parameters = 0, channels = dataset->channels;
  for (int i = 0; i < plan->model.n_layers; i++) {
    const rp_layer_spec *layer = &plan->model.layers[i];
    if (layer->kind != RP_CONV) continue;
    parameters += layer->outputs * (channels * layer->kernel * layer->kernel + 1);
    channels = layer->outputs;
  }
  return 12 * parameters;
}

rp_status rp_cost_of(const rp_campaign *campaign, rp_cost *out, rp_error *err) {
  *out = (rp_cost){0};
  size_t n = 0;
  for (int t = 0; t < campaign->experiment.n_trials; t++) n += (size_t)campaign->plans[t].program.n_steps + 1;
  RP_CLEANUP(rp_free_pointer) rp_id *ids = NULL;
  RP_TRY(rp_allocate(n, sizeof *ids, &ids, err));
  size_t filled = 0;
  for (int t = 0; t < campaign->experiment.n_trials; t++) {
    const rp_trial_plan *plan = &campaign->plans[t];
    RP_TRY(rp_planned_ids(plan, ids + filled, err));
    filled += (size_t)plan->program.n_steps + 1;
    out->epochs_unshared += plan->program.epochs;
    const rp_dataset *dataset = &campaign->datasets[campaign->dataset_of[t]].dataset;
    out->disk_bytes += checkpoint_bytes(plan, dataset) * (plan->program.n_steps - plan->program.epochs * 4.0 / 5 + 1);
  }
  qsort(ids, n, sizeof *ids, compare_ids);
  for (size_t i = 0; i < n; i++) out->states += i == 0 || compare_ids(&ids[i], &ids[i - 1]) != 0;
  out->states_unshared = (int64_t)n;
  return RP_OK;
}
