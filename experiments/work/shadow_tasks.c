/* shadow_tasks.c: one pass for all criteria of a state; whatever goes wrong with it fails no trial. */
#include "experiments/work/ongoing_run.h"

#include "core/base/memory.h"
#include "experiments/work/last_words.h"

#include <stdlib.h>
#include <string.h>

/* ---- Out ------------------------------------------------------------------------------------- */

static void free_criteria(rp_score_job *job) {
  for (int i = 0; job->criteria && i < job->n_criteria; i++) free((void *)(uintptr_t)job->criteria[i]);
  rp_score_job_free(job);
}

static rp_status fill_job(rp_ongoing_run *run, const rp_task *task, rp_id in_memory, rp_score_job *job, rp_error *err) {
  const rp_trial_plan *plan = &run->campaign->plans[task->trial];
  const rp_shadow_set *set = rp_shadows_of(run, task->trial);
  uint8_t *skip;
  RP_TRY(rp_route_of(run, task, in_memory, &job->route, err));
  RP_TRY(rp_allocate((size_t)plan->n_convs, 1, &skip, err));
  job->score = set->score;
  job->how = rp_plan_selection(plan, &plan->program.steps[task->path_step - 1].as.drop, skip);
  job->n_convs = plan->n_convs;
  RP_TRY(rp_allocate((size_t)task->n_shadows, sizeof *job->criteria, &job->criteria, err));
  for (; job->n_criteria < task->n_shadows; job->n_criteria++) {
    char *json;
    RP_TRY(rp_criterion_plan_json(&set->shadows[task->shadows[job->n_criteria]].plan, &json, err));
    job->criteria[job->n_criteria] = json;
  }
  return RP_OK;
}

rp_status rp_send_scoring(rp_ongoing_run *run, int index, int worker, rp_error *err) {
  rp_task *task = &run->tasks[index];
  rp_worker *to = &run->pool.workers[worker];
  RP_CLEANUP(free_criteria) rp_score_job job = {0};
  RP_CLEANUP(rp_wire_free) rp_wire wire = {0};
  RP_TRY(fill_job(run, task, to->holds, &job, err));
  rp_score_job_put(&wire, &job);
  to->is_busy = 1;
  to->has_begun = 0;
  to->task = index;
  task->worker = worker;
  if (wire.broken) return rp_fail(err, RP_EMEMORY, "out of memory for a job");
  rp_progress_begin(&run->progress, worker, rp_cost_of_shadows(run, task->trial));
  rp_wire_send(to->fd, &wire, NULL);
  return RP_OK;
}

/* ---- Back ------------------------------------------------------------------------------------ */

static rp_status say_failed(rp_ongoing_run *run, const rp_task *task, const char *message, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *name = NULL;
  RP_TRY(rp_campaign_trial_name(run->campaign, task->trial, &name, err));
  rp_progress_say(&run->progress, "shadow of %s at epoch %d: %s", name,
                  (int)run->campaign->plans[task->trial].program.steps[task->path_step - 1].epoch, message);
  return RP_OK;
}

/* What was planned and what was asked must be one file: answers are kept under the former's hash. */
static rp_status check_file(const rp_shadow *shadow, rp_job_scored *said, rp_error *err) {
  if (said->status != RP_OK || rp_id_equal(said->file_hash, shadow->plan.description.file_hash)) return RP_OK;
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  rp_text_format(&text, "ranker %s: %s was changed meanwhile; run again", shadow->plan.description.name, shadow->plan.path);
  said->status = RP_EPLUGIN;
  free(said->message);
  said->message = NULL;
  return rp_text_take(&text, &said->message, err);
}

/* The store is told, and asked by rp_look_at_shadows, which settles every drop that this answers. An acting trial that asks the same is not
 * forestalled. */
static rp_status keep_one(rp_ongoing_run *run, const rp_task *task, int i, rp_job_scored *said, rp_error *err) {
  rp_shadowed_drop *drop = rp_drop_of(run, task);
  const rp_shadow *shadow = &rp_shadows_of(run, task->trial)->shadows[task->shadows[i]];
  RP_CLEANUP(rp_free_pointer) char *params = NULL;
  rp_id asked;
  RP_TRY(rp_shadow_request(&run->campaign->plans[task->trial], task->path_step - 1, &shadow->plan, task->key, &params, &asked, err));
  if (rp_acts_now(run, asked)) return RP_OK;
  RP_TRY(check_file(shadow, said, err));
  if (said->status != RP_OK && (!said->does_not_apply || shadow->is_listed)) RP_TRY(say_failed(run, task, said->message, err));
  RP_TRY(rp_put_answer(run, drop, task->shadows[i], said, err));
  run->summary->shadows_computed += said->status == RP_OK;
  return RP_OK;
}

static rp_status keep_answer(rp_ongoing_run *run, const rp_task *task, const rp_score_answer *answer, rp_error *err) {
  if (answer->n != task->n_shadows || answer->n_filters != run->campaign->plans[task->trial].n_filters)
    return rp_fail(err, RP_EWORKER, "a worker answered another question");
  if (answer->checkpoint_bytes) RP_TRY(rp_store_set_checkpoint(run->store, answer->state, answer->checkpoint_bytes, err));
  for (int i = 0; i < answer->n; i++) RP_TRY(keep_one(run, task, i, &answer->criteria[i], err));
  return RP_OK;
}

rp_status rp_take_scores(rp_ongoing_run *run, int worker, rp_wire *message, rp_error *err) {
  RP_CLEANUP(rp_score_answer_free) rp_score_answer answer = {0};
  rp_worker *from = &run->pool.workers[worker];
  RP_TRY(rp_score_answer_get(message, &answer, err));
  RP_TRY(rp_store_begin(run->store, err));
  rp_status status = keep_answer(run, &run->tasks[from->task], &answer, err);
  if (status == RP_OK) status = rp_store_commit(run->store, err);
  if (status != RP_OK) rp_store_rollback(run->store);
  run->summary->shadows_seconds += answer.seconds;
  rp_remove_task(run, from->task);
  from->is_busy = 0, from->task = -1, from->holds = answer.state;
  rp_progress_finished(&run->progress, worker);
  return status;
}

/* ---- Failures -------------------------------------------------------------------------------- */

static rp_status try_each_alone(rp_ongoing_run *run, int index, rp_error *err) {
  rp_task task = run->tasks[index];
  run->tasks[index].shadows = NULL;
  rp_remove_task(run, index);
  rp_status status = RP_OK;
  for (int i = 0; i < task.n_shadows && status == RP_OK; i++) {
    rp_task alone = task;
    alone.worker = -1, alone.retries = 0, alone.n_shadows = 1;
    status = rp_allocate(1, sizeof *alone.shadows, &alone.shadows, err);
    if (status != RP_OK) break;
    alone.shadows[0] = task.shadows[i];
    status = rp_add_task(run, &alone, err);
  }
  free(task.shadows);
  return status;
}

/* The one criterion of a task that a message names; −1 = none, or more than one. */
static int find_named(const rp_ongoing_run *run, const rp_task *task, const char *message) {
  const rp_shadow_set *set = rp_shadows_of(run, task->trial);
  int found = -1, n = 0;
  for (int i = 0; i < task->n_shadows; i++)
    if (rp_last_words_are_about(message, set->shadows[task->shadows[i]].plan.description.name)) found = i, n++;
  return n == 1 ? found : -1;
}

/* What can pass is not recorded: the next run asks again. */
static rp_status fail_one(rp_ongoing_run *run, const rp_task *task, int i, rp_status cause, const char *message, rp_error *err) {
  rp_shadowed_drop *drop = rp_drop_of(run, task);
  RP_TRY(say_failed(run, task, message, err));
  if (!rp_cause_stays(cause)) {
    rp_settle(drop, task->shadows[i]);
    run->summary->shadows_failed++;
    return RP_OK;
  }
  RP_CLEANUP(rp_free_pointer) char *copy = NULL;
  RP_TRY(rp_copy_string(message, &copy, err));
  const rp_job_scored failure = {.status = cause, .message = copy};
  return rp_put_answer(run, drop, task->shadows[i], &failure, err);
}

rp_status rp_fail_scoring(rp_ongoing_run *run, int index, rp_status cause, const char *message, rp_error *err) {
  rp_task *task = &run->tasks[index];
  int to_blame = task->n_shadows == 1 ? 0 : cause == RP_EPLUGIN ? find_named(run, task, message) : -1;
  if (to_blame < 0) return try_each_alone(run, index, err);
  RP_TRY(fail_one(run, task, to_blame, cause, message, err));
  task->shadows[to_blame] = task->shadows[--task->n_shadows];
  task->worker = -1, task->retries = 0;
  if (task->n_shadows == 0) rp_remove_task(run, index);
  return RP_OK;
}
