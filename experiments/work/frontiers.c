/* frontiers.c: along each trial's path: what its next state is called, over what is stored, how much is left. */
#include "experiments/work/ongoing_run.h"

#include <string.h>

rp_status rp_name_next(rp_ongoing_run *run, int t, rp_error *err) {
  rp_trial_run *trial = &run->trials[t];
  const rp_id parent = trial->frontier < 0 ? (rp_id){{0}} : trial->ids[trial->frontier];
  return rp_name_path_step(run->store, &run->campaign->plans[t], trial->frontier + 1, parent, &trial->next_request, &trial->next, err);
}

static rp_status finish_trial(rp_ongoing_run *run, int t, rp_error *err) {
  rp_trial_run *trial = &run->trials[t];
  run->summary->failed -= trial->failed_before;
  run->summary->failed_before -= trial->failed_before;
  trial->is_active = trial->failed_before = 0;
  run->summary->done++;
  return rp_store_set_trial_status(run->store, run->campaign->plans[t].id, RP_TRIAL_DONE, RP_OK, NULL, err);
}

rp_status rp_step_to(rp_ongoing_run *run, int t, rp_id id, rp_error *err) {
  rp_trial_run *trial = &run->trials[t];
  trial->frontier++;
  trial->ids[trial->frontier] = id;
  trial->requests[trial->frontier] = trial->next_request;
  int was_other;
  RP_TRY(rp_store_put_path(run->store, run->campaign->plans[t].id, trial->frontier, id, trial->next_request, &was_other, err));
  run->summary->changed += was_other; /* at most once: later steps are then forgotten */
  if (trial->frontier == run->campaign->plans[t].program.n_steps) return finish_trial(run, t, err);
  return rp_name_next(run, t, err);
}

rp_status rp_advance(rp_ongoing_run *run, int t, rp_error *err) {
  while (run->options->share && (run->trials[t].is_active || run->trials[t].failed_before)) {
    rp_known_state known;
    int found;
    RP_TRY(rp_store_find_state(run->store, run->trials[t].next, &found, &known, err));
    if (!found) return RP_OK;
    RP_TRY(rp_step_to(run, t, run->trials[t].next, err));
  }
  return RP_OK;
}

/* ---- What is left ---------------------------------------------------------------------------- */

double rp_cost_of_step(const rp_ongoing_run *run, int t, int path_step) {
  const rp_open_dataset *open = &run->campaign->datasets[run->campaign->dataset_of[t]];
  return rp_progress_cost(&run->campaign->plans[t], &open->dataset, path_step);
}

/* How many path steps from its frontier on a trial shares with another one that stands at the same state: as far as their programs are
 * equal. */
static int steps_in_common(const rp_ongoing_run *run, int t, int u) {
  const rp_trial_run *one = &run->trials[t], *other = &run->trials[u];
  if (!other->is_active || one->frontier != other->frontier || !rp_id_equal(one->next, other->next)) return 0;
  const rp_program *a = &run->campaign->plans[t].program, *b = &run->campaign->plans[u].program;
  int n = 1;
  for (int step = one->frontier + 1; step < a->n_steps && step < b->n_steps; step++, n++)
    if (step >= 0 && (a->steps[step].kind != b->steps[step].kind || strcmp(a->steps[step].params, b->steps[step].params) != 0)) break;
  return n;
}

double rp_cost_left(const rp_ongoing_run *run) {
  double left = 0;
  for (int t = 0; t < run->campaign->experiment.n_trials; t++) {
    if (!run->trials[t].is_active) continue;
    int n_shared = 0;
    for (int u = 0; u < t && run->options->share; u++) {
      int n = steps_in_common(run, t, u);
      if (n > n_shared) n_shared = n;
    }
    int n_path = run->campaign->plans[t].program.n_steps + 1;
    for (int path_step = run->trials[t].frontier + 1 + n_shared; path_step < n_path; path_step++)
      left += rp_cost_of_step(run, t, path_step);
  }
  return left;
}
