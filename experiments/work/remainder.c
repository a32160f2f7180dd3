/* remainder.c: follows each trial as far as its states are stored, and counts what trials share once. */
#include "experiments/work/remainder.h"

#include "core/base/memory.h"
#include "experiments/plan/cost.h"
#include "experiments/work/coordinator.h"
#include "experiments/work/progress.h"
#include "experiments/work/stored_path.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A path step of a trial. */
typedef struct {
  rp_id id; /* as plan/cost.h counts: equal where trials share it */
  int trial, path_step;
  int is_left_alone; /* its trial failed for a cause that stays */
  int is_there;
  double seconds;
} place;

/* What is known of a model's speed. */
typedef struct {
  double seconds, cost; /* of states that are there: what they took, and their image passes */
  double cost_left;
} speed;

/* Shared places stand side by side, those that a run goes to first. */
static int by_id(const void *a, const void *b) {
  const place *one = a, *other = b;
  int order = memcmp(&one->id, &other->id, sizeof one->id);
  return order ? order : one->is_left_alone - other->is_left_alone;
}

static rp_status is_left_alone(rp_store *store, rp_id trial, int *out, rp_error *err) {
  int found;
  rp_trial_status status;
  rp_status cause;
  RP_TRY(rp_store_trial_status(store, trial, &found, &status, &cause, err));
  *out = found && status == RP_TRIAL_FAILED && rp_cause_stays(cause);
  return RP_OK;
}

static rp_status add_trial(const rp_campaign *campaign, rp_store *store, int t, place *places, rp_remainder *out, rp_error *err) {
  const rp_trial_plan *plan = &campaign->plans[t];
  const int n = plan->program.n_steps + 1;
  RP_CLEANUP(rp_free_pointer) rp_id *ids = NULL;
  RP_CLEANUP(rp_free_pointer) double *seconds = NULL;
  int n_there, alone;
  RP_TRY(rp_allocate((size_t)n, sizeof *ids, &ids, err));
  RP_TRY(rp_allocate((size_t)n, sizeof *seconds, &seconds, err));
  RP_TRY(rp_planned_ids(plan, ids, err));
  RP_TRY(rp_follow_stored_path(store, plan, seconds, &n_there, err));
  RP_TRY(is_left_alone(store, plan->id, &alone, err));
  alone &= n_there < n; /* else another trial has computed what it could not */
  out->n_failed += alone;
  for (int i = 0; i < n; i++) places[i] = (place){ids[i], t, i, alone, i < n_there, i < n_there ? seconds[i] : NAN};
  return RP_OK;
}

/* Trials of one model are timed together: the first stands for all. */
static int model_of(const rp_campaign *campaign, int t) {
  int first = 0;
  while (strcmp(campaign->plans[first].model_json, campaign->plans[t].model_json) != 0) first++;
  return first;
}

static void count(const rp_campaign *campaign, const place *at, speed *speeds, rp_remainder *out) {
  const rp_dataset *dataset = &campaign->datasets[campaign->dataset_of[at->trial]].dataset;
  const double cost = rp_progress_cost(&campaign->plans[at->trial], dataset, at->path_step);
  speed *of = &speeds[model_of(campaign, at->trial)];
  out->there += at->is_there;
  if (at->is_there && !isnan(at->seconds)) of->seconds += at->seconds, of->cost += cost;
  if (at->is_there || at->is_left_alone) return;
  out->left++;
  of->cost_left += cost;
}

static double seconds_left(const speed *speeds, int n) {
  double seconds = 0;
  for (int i = 0; i < n; i++)
    if (speeds[i].cost_left > 0) seconds += speeds[i].cost > 0 ? speeds[i].cost_left * speeds[i].seconds / speeds[i].cost : NAN;
  return seconds;
}

rp_status rp_remainder_of(const rp_campaign *campaign, rp_store *store, rp_remainder *out, rp_error *err) {
  *out = (rp_remainder){0};
  const int n_trials = campaign->experiment.n_trials;
  RP_CLEANUP(rp_free_pointer) place *places = NULL;
  RP_CLEANUP(rp_free_pointer) speed *speeds = NULL;
  size_t n = 0, filled = 0;
  for (int t = 0; t < n_trials; t++) n += (size_t)campaign->plans[t].program.n_steps + 1;
  RP_TRY(rp_allocate(n, sizeof *places, &places, err));
  RP_TRY(rp_allocate((size_t)n_trials, sizeof *speeds, &speeds, err));
  for (int t = 0; t < n_trials; t++) {
    RP_TRY(add_trial(campaign, store, t, places + filled, out, err));
    filled += (size_t)campaign->plans[t].program.n_steps + 1;
  }
  qsort(places, n, sizeof *places, by_id);
  for (size_t i = 0; i < n; i++)
    if (i == 0 || !rp_id_equal(places[i].id, places[i - 1].id)) count(campaign, &places[i], speeds, out);
  out->seconds_left = seconds_left(speeds, n_trials);
  return RP_OK;
}
