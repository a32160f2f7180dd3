/* shadow_drops.c: every drop that a trial went through has its shadows: each is settled by what the store knows, or becomes part of a task.
 *
 * A shadow's answer to a drop is that of the request that it would have been, had it acted (rule 27). So it is known where an arm with that
 * ranker dropped from the same state, or another trial's shadow answered; and where only its scores are known, from a drop of another p,
 * they are ranked anew here. All criteria of a state that are left make one task. */
#include "experiments/work/ongoing_run.h"

#include "core/base/memory.h"
#include "experiments/work/records.h"

#include <math.h>
#include <stdlib.h>

const rp_shadow_set *rp_shadows_of(const rp_ongoing_run *run, int trial) {
  int set = run->campaign->shadows_of[trial];
  return set < 0 ? NULL : &run->campaign->shadow_sets[set];
}

int rp_shadows_left(const rp_ongoing_run *run) {
  int n = 0;
  for (size_t i = 0; i < run->n_drops; i++) n += run->drops[i].n_left;
  return n;
}

rp_shadowed_drop *rp_drop_of(rp_ongoing_run *run, const rp_task *task) {
  for (size_t i = 0; i < run->n_drops; i++)
    if (run->drops[i].trial == task->trial && run->drops[i].path_step == task->path_step) return &run->drops[i];
  return NULL;
}

void rp_settle(rp_shadowed_drop *drop, int shadow) {
  drop->n_left -= !drop->is_settled[shadow];
  drop->is_settled[shadow] = 1;
}

void rp_free_shadows(rp_ongoing_run *run) {
  for (size_t i = 0; i < run->n_drops; i++) free(run->drops[i].is_settled);
  free(run->drops);
}

int rp_acts_now(const rp_ongoing_run *run, rp_id request) {
  for (int t = 0; t < run->campaign->experiment.n_trials; t++)
    if (run->trials[t].is_active && rp_id_equal(run->trials[t].next_request, request)) return 1;
  return 0;
}

double rp_cost_of_shadows(const rp_ongoing_run *run, int trial) {
  const rp_shadow_set *set = rp_shadows_of(run, trial);
  const rp_dataset *dataset = &run->campaign->datasets[run->campaign->dataset_of[trial]].dataset;
  double images = 0, ablations = 0;
  for (int i = 0; set && i < set->n; i++) {
    uint32_t flags = set->shadows[i].plan.description.flags & ~(uint32_t)RP_STOCHASTIC;
    if (flags & RP_USES_ABLATION)
      ablations = (double)run->campaign->plans[trial].n_filters * dataset->n[RP_VALIDATION];
    else if (flags)
      images = 3 * 5000.0;
  }
  return images + ablations;
}

/* ---- One shadow of one drop ------------------------------------------------------------------ */

/* Where a drop stands. */
typedef struct {
  const rp_trial_plan *plan;
  int step;    /* of the program */
  rp_id state; /* that was ranked */
  rp_id acted; /* the request */
  const rp_shadow_set *set;
} drop_place;

static drop_place place_of(const rp_ongoing_run *run, const rp_shadowed_drop *drop) {
  const rp_trial_run *trial = &run->trials[drop->trial];
  return (drop_place){&run->campaign->plans[drop->trial], drop->path_step - 1, trial->ids[drop->path_step - 1],
                      trial->requests[drop->path_step], rp_shadows_of(run, drop->trial)};
}

static void count(rp_ongoing_run *run, const rp_shadow *shadow, rp_shadow_outcome outcome) {
  run->summary->shadows_scored += outcome == RP_SHADOW_SCORED;
  run->summary->shadows_failed += outcome == RP_SHADOW_FAILED || (outcome == RP_SHADOW_NOT_APPLICABLE && shadow->is_listed);
}

rp_status rp_put_answer(rp_ongoing_run *run, const rp_shadowed_drop *drop, int shadow, const rp_job_scored *answer, rp_error *err) {
  drop_place at = place_of(run, drop);
  return rp_record_shadow(at.plan, at.step, at.state, at.acted, &at.set->shadows[shadow].plan, answer, run->store, err);
}

/* Ranks scores that are there already, as rp_score would have done. Candidates are those that the acting criterion ranked. */
static rp_status rank_known_scores(rp_ongoing_run *run, const rp_shadowed_drop *drop, int shadow, int *was_known, rp_error *err) {
  drop_place at = place_of(run, drop);
  rp_criterion criterion = rp_criterion_row(&at.set->shadows[shadow].plan);
  rp_store_filters filters = rp_filters_of(at.plan);
  rp_filter_counts counts = {at.plan->n_convs, at.plan->K, at.plan->names};
  const size_t n = (size_t)at.plan->n_filters;
  RP_CLEANUP(rp_free_pointer) float *scores = NULL;
  RP_CLEANUP(rp_free_pointer) int *ranks = NULL;
  RP_CLEANUP(rp_free_pointer) uint8_t *candidates = NULL;
  RP_CLEANUP(rp_free_pointer) uint8_t *set = NULL;
  RP_CLEANUP(rp_free_pointer) uint8_t *skip = NULL;
  RP_TRY(rp_allocate(n, sizeof *scores, &scores, err));
  RP_TRY(rp_store_find_scores(run->store, at.state, &criterion, &filters, was_known, scores, err));
  if (!*was_known) return RP_OK;
  RP_TRY(rp_allocate(n, sizeof *ranks, &ranks, err));
  RP_TRY(rp_allocate(n, 1, &candidates, err));
  RP_TRY(rp_allocate(n, 1, &set, err));
  RP_TRY(rp_allocate((size_t)at.plan->n_convs, 1, &skip, err));
  int found;
  RP_TRY(rp_store_find_ranks(run->store, at.acted, &filters, &found, ranks, err));
  for (size_t f = 0; f < n; f++) candidates[f] = ranks[f] > 0;
  const rp_step *step = &at.plan->program.steps[at.step];
  rp_selection how = rp_plan_selection(at.plan, &step->as.drop, skip);
  rp_job_scored answer = {.scores = scores, .set = set, .ranks = ranks, .seconds = NAN};
  RP_TRY(rp_select(&counts, &how, scores, candidates, at.plan->seed, step->cycle, set, ranks, &answer.record, err));
  return rp_put_answer(run, drop, shadow, &answer, err);
}

/* *is_known = 1 where the shadow acts itself, or its answer is there, or that there is none; the store has then been told. */
static rp_status find_answer(rp_ongoing_run *run, const rp_shadowed_drop *drop, int i, int *is_known, rp_error *err) {
  drop_place at = place_of(run, drop);
  const rp_shadow *shadow = &at.set->shadows[i];
  const rp_id any = {{0}};
  RP_CLEANUP(rp_free_pointer) char *params = NULL;
  RP_CLEANUP(rp_free_pointer) char *message = NULL;
  *is_known = rp_criterion_plan_equal(&at.plan->criteria[at.step], &shadow->plan);
  if (*is_known) return RP_OK;
  rp_shadow_row row = {.request = at.acted, .criterion = rp_criterion_row(&shadow->plan)};
  rp_store_filters filters = rp_filters_of(at.plan);
  RP_TRY(rp_shadow_request(at.plan, at.step, &shadow->plan, at.state, &params, &row.asked, err));
  RP_TRY(rp_store_find_drop(run->store, row.asked, &filters, is_known, NULL, err));
  const int chooses = shadow->plan.description.chooses;
  if (!*is_known)
    RP_TRY(rp_store_find_shadow_failure(run->store, at.state, &row.criterion, chooses ? row.asked : any, is_known, &row.outcome, &row.cause,
                                        &message, err));
  if (*is_known) {
    row.message = message;
    RP_TRY(rp_store_put_shadow(run->store, &row, err));
  } else if (!chooses && !rp_acts_now(run, row.asked))
    RP_TRY(rank_known_scores(run, drop, i, is_known, err));
  if (*is_known) count(run, shadow, row.outcome);
  return RP_OK;
}

/* ---- Tasks ----------------------------------------------------------------------------------- */

/* Whether a shadow's scores of the drop's state are under way; those of one that chooses a set itself, for this very request. */
static int is_in_task(const rp_ongoing_run *run, const rp_shadowed_drop *drop, int shadow) {
  drop_place at = place_of(run, drop);
  const int chooses = at.set->shadows[shadow].plan.description.chooses;
  for (size_t t = 0; t < run->n_tasks; t++) {
    const rp_task *task = &run->tasks[t];
    if (!task->shadows || rp_shadows_of(run, task->trial) != at.set || !rp_id_equal(task->key, at.state)) continue;
    if (chooses && !rp_id_equal(task->request, at.acted)) continue;
    for (int i = 0; i < task->n_shadows; i++)
      if (task->shadows[i] == shadow) return 1;
  }
  return 0;
}

static rp_status may_be_asked(const rp_ongoing_run *run, const rp_shadowed_drop *drop, int shadow, int *may, rp_error *err) {
  drop_place at = place_of(run, drop);
  RP_CLEANUP(rp_free_pointer) char *params = NULL;
  rp_id asked;
  *may = 0;
  if (drop->is_settled[shadow] || is_in_task(run, drop, shadow)) return RP_OK;
  RP_TRY(rp_shadow_request(at.plan, at.step, &at.set->shadows[shadow].plan, at.state, &params, &asked, err));
  *may = !rp_acts_now(run, asked);
  return RP_OK;
}

static rp_status make_task(rp_ongoing_run *run, const rp_shadowed_drop *drop, rp_error *err) {
  drop_place at = place_of(run, drop);
  RP_CLEANUP(rp_free_pointer) int *shadows = NULL;
  int n = 0;
  RP_TRY(rp_allocate((size_t)at.set->n, sizeof *shadows, &shadows, err));
  for (int i = 0; i < at.set->n; i++) {
    int may;
    RP_TRY(may_be_asked(run, drop, i, &may, err));
    if (may) shadows[n++] = i;
  }
  if (n == 0) return RP_OK;
  rp_task task = {.key = at.state,
                  .trial = drop->trial,
                  .path_step = drop->path_step,
                  .request = at.acted,
                  .worker = -1,
                  .shadows = shadows,
                  .n_shadows = n};
  shadows = NULL;
  return rp_add_task(run, &task, err);
}

/* ---- All of them ----------------------------------------------------------------------------- */

static rp_status add_drop(rp_ongoing_run *run, int trial, int path_step, rp_error *err) {
  const rp_shadow_set *set = rp_shadows_of(run, trial);
  RP_TRY(rp_grow(&run->drops, run->n_drops, &run->drop_capacity, sizeof *run->drops, err));
  rp_shadowed_drop drop = {.trial = trial, .path_step = path_step, .n_left = set->n};
  RP_TRY(rp_allocate((size_t)set->n, 1, &drop.is_settled, err));
  run->drops[run->n_drops++] = drop;
  return RP_OK;
}

static rp_status find_new_drops(rp_ongoing_run *run, rp_error *err) {
  for (int t = 0; t < run->campaign->experiment.n_trials; t++) {
    rp_trial_run *trial = &run->trials[t];
    for (; rp_shadows_of(run, t) && trial->looked_at < trial->frontier; trial->looked_at++)
      if (run->campaign->plans[t].program.steps[trial->looked_at].kind == RP_OP_DROP) RP_TRY(add_drop(run, t, trial->looked_at + 1, err));
  }
  return RP_OK;
}

static rp_status settle_known(rp_ongoing_run *run, rp_error *err) {
  for (size_t d = 0; d < run->n_drops; d++) {
    rp_shadowed_drop *drop = &run->drops[d];
    for (int i = 0; drop->n_left && i < rp_shadows_of(run, drop->trial)->n; i++) {
      int is_known = 0;
      if (!drop->is_settled[i]) RP_TRY(find_answer(run, drop, i, &is_known, err));
      if (is_known) rp_settle(drop, i);
    }
  }
  return RP_OK;
}

rp_status rp_look_at_shadows(rp_ongoing_run *run, rp_error *err) {
  if (!run->has_news) return RP_OK;
  run->has_news = 0;
  RP_TRY(find_new_drops(run, err));
  if (!rp_shadows_left(run)) return RP_OK;
  RP_TRY(rp_store_begin(run->store, err));
  rp_status status = settle_known(run, err);
  if (status == RP_OK) status = rp_store_commit(run->store, err);
  if (status != RP_OK) {
    rp_store_rollback(run->store);
    return status;
  }
  for (size_t d = 0; d < run->n_drops; d++)
    if (run->drops[d].n_left) RP_TRY(make_task(run, &run->drops[d], err));
  rp_progress_left(&run->progress, rp_cost_left(run));
  return RP_OK;
}
