/* tasks.c: each state that somebody waits for is one task; what a worker needs to compute it becomes a job. What shadows are to score comes
 * after what trials wait for. */
#include "experiments/work/ongoing_run.h"

#include "core/base/memory.h"

#include <stdlib.h>

static int has_task(const rp_ongoing_run *run, int t) {
  for (size_t i = 0; i < run->n_tasks; i++) {
    const rp_task *one = &run->tasks[i];
    if (one->shadows) continue;
    if (run->options->share ? rp_id_equal(one->key, run->trials[t].next) : one->trial == t) return 1;
  }
  return 0;
}

rp_status rp_add_tasks(rp_ongoing_run *run, rp_error *err) {
  for (int t = 0; t < run->campaign->experiment.n_trials; t++) {
    const rp_trial_run *trial = &run->trials[t];
    if (!trial->is_active || has_task(run, t)) continue;
    RP_TRY(rp_add_task(
        run, &(rp_task){.key = trial->next, .trial = t, .path_step = trial->frontier + 1, .request = trial->next_request, .worker = -1},
        err));
  }
  return RP_OK;
}

rp_status rp_add_task(rp_ongoing_run *run, const rp_task *task, rp_error *err) {
  rp_status status = rp_grow(&run->tasks, run->n_tasks, &run->task_capacity, sizeof *run->tasks, err);
  if (status != RP_OK) {
    free(task->shadows);
    return status;
  }
  run->tasks[run->n_tasks++] = *task;
  return RP_OK;
}

static rp_status fill_known_sets(rp_ongoing_run *run, const rp_task *task, rp_job *job, rp_error *err) {
  rp_store_filters filters = rp_filters_of(&run->campaign->plans[task->trial]);
  for (int path_step = job->from + 1; path_step <= job->to; path_step++) {
    rp_id request = path_step == task->path_step ? task->request : run->trials[task->trial].requests[path_step];
    size_t row = (size_t)(path_step - job->from - 1);
    if (rp_id_is_zero(request) || (!run->options->share && path_step == task->path_step)) continue;
    int found;
    RP_TRY(rp_store_find_drop(run->store, request, &filters, &found, job->sets + row * (size_t)job->n_filters, err));
    job->known[row] = (uint8_t)found;
  }
  return RP_OK;
}

static rp_status fill_digests(const rp_ongoing_run *run, const rp_trial_run *trial, rp_job *job, rp_error *err) {
  for (int path_step = job->from < 0 ? 0 : job->from; path_step < job->to; path_step++) {
    rp_known_state known;
    int found;
    RP_TRY(rp_store_find_state(run->store, trial->ids[path_step], &found, &known, err));
    if (!found) return rp_fail(err, RP_EWORKER, "a state on a trial's path is not in the database");
    job->digests[path_step - job->from] = known.digest;
  }
  return RP_OK;
}

rp_status rp_route_of(rp_ongoing_run *run, const rp_task *task, rp_id in_memory, rp_job *job, rp_error *err) {
  const rp_trial_plan *plan = &run->campaign->plans[task->trial];
  *job = (rp_job){.config = run->campaign->configs[task->trial],
                  .seed = plan->seed,
                  .ranker_timeout = run->campaign->experiment.ranker_timeout,
                  .data = run->campaign->data_folder,
                  .rankers = run->campaign->rankers,
                  .states = run->options->states,
                  .to = task->path_step,
                  .n_filters = plan->n_filters};
  RP_TRY(rp_find_start(run, task->trial, task->path_step - 1, in_memory, &job->from, err));
  if (job->from >= 0) job->from_id = run->trials[task->trial].ids[job->from];
  size_t n = (size_t)(job->to - job->from);
  RP_TRY(rp_allocate(n, sizeof *job->digests, &job->digests, err));
  RP_TRY(fill_digests(run, &run->trials[task->trial], job, err));
  RP_TRY(rp_allocate(n, 1, &job->known, err));
  RP_TRY(rp_allocate(n, (size_t)job->n_filters, &job->sets, err));
  return fill_known_sets(run, task, job, err);
}

static rp_status send_task(rp_ongoing_run *run, int index, int worker, rp_error *err) {
  rp_task *task = &run->tasks[index];
  rp_worker *to = &run->pool.workers[worker];
  if (task->shadows) return rp_send_scoring(run, index, worker, err);
  RP_CLEANUP(rp_job_free) rp_job job = {0};
  RP_TRY(rp_route_of(run, task, to->holds, &job, err));
  RP_CLEANUP(rp_wire_free) rp_wire wire = {0};
  rp_job_put(&wire, &job);
  to->is_busy = 1;
  to->has_begun = 0;
  to->task = index;
  task->worker = worker;
  if (wire.broken) return rp_fail(err, RP_EMEMORY, "out of memory for a job");
  rp_progress_begin(&run->progress, worker, rp_cost_of_step(run, task->trial, task->path_step));
  /* A worker that died meanwhile is found when its socket is read. */
  rp_wire_send(to->fd, &wire, NULL);
  return RP_OK;
}

/* A child of what the worker holds first; else the trial that has the longest way to go; shadows, for which nothing waits, last: first
 * those of the state that the worker holds. */
static int choose_task(const rp_ongoing_run *run, const rp_worker *worker) {
  int best = -1, longest = -1, scoring = -1;
  for (size_t i = 0; i < run->n_tasks; i++) {
    const rp_task *one = &run->tasks[i];
    const rp_trial_run *trial = &run->trials[one->trial];
    if (one->worker >= 0) continue;
    if (one->shadows) {
      if (scoring < 0 || rp_id_equal(one->key, worker->holds)) scoring = (int)i;
      continue;
    }
    if (trial->frontier >= 0 && rp_id_equal(trial->ids[trial->frontier], worker->holds)) return (int)i;
    int left = run->campaign->plans[one->trial].program.n_steps - trial->frontier;
    if (left > longest) longest = left, best = (int)i;
  }
  return best >= 0 ? best : scoring;
}

rp_status rp_hand_out(rp_ongoing_run *run, rp_error *err) {
  for (int w = 0; w < run->pool.n; w++) {
    if (run->pool.workers[w].is_busy || !run->pool.workers[w].pid) continue;
    int chosen = choose_task(run, &run->pool.workers[w]);
    if (chosen >= 0) RP_TRY(send_task(run, chosen, w, err));
  }
  return RP_OK;
}

void rp_remove_task(rp_ongoing_run *run, int index) {
  free(run->tasks[index].shadows);
  run->tasks[index] = run->tasks[--run->n_tasks];
  int moved = run->tasks[index].worker;
  if ((size_t)index < run->n_tasks && moved >= 0) run->pool.workers[moved].task = index;
}
