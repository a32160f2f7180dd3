/* answers.c: a result is stored in one transaction and moves frontiers; a failure fails the trials that wait for it; a death is judged by
 * how it came. */
#include "experiments/work/ongoing_run.h"

#include "core/base/memory.h"
#include "experiments/work/environment.h"
#include "experiments/work/records.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

enum { MOST_RETRIES = 2, MOST_KILLED_AT_START = 16 };

static rp_status store_result(rp_ongoing_run *run, const rp_task *task, const rp_job_result *result, rp_error *err) {
  RP_TRY(rp_record_result(run->campaign, task->trial, task->path_step, task->request, result, run->store, err));
  if (!run->options->share) RP_TRY(rp_step_to(run, task->trial, result->id, err));
  for (int t = 0; t < run->campaign->experiment.n_trials && run->options->share; t++) {
    if (!run->trials[t].is_active || !rp_id_equal(run->trials[t].next, task->key)) continue;
    RP_TRY(rp_step_to(run, t, result->id, err));
    RP_TRY(rp_advance(run, t, err));
  }
  return RP_OK;
}

static rp_status take_result(rp_ongoing_run *run, int worker, rp_wire *message, rp_error *err) {
  RP_CLEANUP(rp_job_result_free) rp_job_result result = {0};
  rp_worker *from = &run->pool.workers[worker];
  RP_TRY(rp_job_result_get(message, &result, err));
  rp_task done = run->tasks[from->task];
  rp_remove_task(run, from->task);
  from->is_busy = 0, from->task = -1, from->holds = result.id;
  RP_TRY(rp_store_begin(run->store, err));
  rp_status status = store_result(run, &done, &result, err);
  for (int t = 0; t < run->campaign->experiment.n_trials && status == RP_OK; t++) status = rp_thin(run, t, err);
  if (status == RP_OK) status = rp_store_commit(run->store, err);
  if (status != RP_OK) rp_store_rollback(run->store);
  run->summary->computed++;
  rp_progress_computed(&run->progress, worker);
  rp_progress_left(&run->progress, rp_cost_left(run));
  return status;
}

/* All trials that wait for a task fail with it; for shadows nothing waits. */
static rp_status fail_task(rp_ongoing_run *run, int index, rp_status cause, const char *message, rp_error *err) {
  if (run->tasks[index].shadows) return rp_fail_scoring(run, index, cause, message, err);
  rp_task failed = run->tasks[index];
  rp_remove_task(run, index);
  for (int t = 0; t < run->campaign->experiment.n_trials; t++) {
    rp_trial_run *trial = &run->trials[t];
    int waits = run->options->share ? trial->is_active && rp_id_equal(trial->next, failed.key) : t == failed.trial;
    if (!waits) continue;
    RP_CLEANUP(rp_free_pointer) char *name = NULL;
    RP_TRY(rp_campaign_trial_name(run->campaign, t, &name, err));
    rp_progress_say(&run->progress, "%s failed after epoch %d: %s", name,
                    trial->frontier > 0 ? (int)run->campaign->plans[t].program.steps[trial->frontier - 1].epoch : 0, message);
    trial->is_active = 0;
    run->summary->failed++;
    RP_TRY(rp_store_set_trial_status(run->store, run->campaign->plans[t].id, RP_TRIAL_FAILED, cause, message, err));
  }
  return RP_OK;
}

static int stops_the_run(rp_status status) {
  return status == RP_EIO || status == RP_EMEMORY || status == RP_EBUSY;
}

static rp_status take_failure(rp_ongoing_run *run, int worker, rp_wire *message, rp_error *err) {
  rp_worker *from = &run->pool.workers[worker];
  rp_status cause = (rp_status)rp_wire_get_int(message);
  const char *text = rp_wire_get_string(message);
  int index = from->task;
  from->is_busy = 0, from->task = -1, from->holds = (rp_id){{0}};
  if (stops_the_run(cause)) return rp_fail(err, cause, "%s", text);
  int can_start_earlier = 0;
  const rp_task *task = &run->tasks[index];
  if (cause == RP_EDAMAGED) RP_TRY(rp_forget_checkpoint(run, task->trial, task->path_step - 1, &can_start_earlier, err));
  if (can_start_earlier) {
    run->tasks[index].worker = -1;
    return RP_OK;
  }
  return fail_task(run, index, cause, text, err);
}

/* A ranker ended the worker, which could still say how. Its process is collected before it can be given another task. */
static rp_status take_last_words(rp_ongoing_run *run, int worker, rp_wire *message, rp_error *err) {
  RP_TRY(take_failure(run, worker, message, err));
  rp_pool_collect(&run->pool, worker);
  return rp_pool_restart(&run->pool, worker, err);
}

static rp_status take_greeting(rp_ongoing_run *run, int worker, rp_wire *message, rp_error *err) {
  run->pool.workers[worker].is_busy = 0;
  if (run->environment_is_known) return RP_OK;
  rp_environment environment;
  RP_TRY(rp_environment_get(message, &environment, err));
  RP_TRY(rp_store_set_environment(run->store, &environment, 0, err));
  run->environment_is_known = 1;
  for (int t = 0; t < run->campaign->experiment.n_trials; t++) {
    RP_TRY(rp_name_next(run, t, err));
    RP_TRY(rp_advance(run, t, err));
  }
  rp_progress_start(&run->progress);
  rp_progress_left(&run->progress, rp_cost_left(run));
  return RP_OK;
}

/* The ranker that a task runs and that may have ended its worker; of several shadows one stands for all, until each is tried alone. NULL =
 * none. */
static const char *ranker_of(const rp_ongoing_run *run, const rp_task *task) {
  const rp_trial_plan *plan = &run->campaign->plans[task->trial];
  if (task->shadows) return rp_shadows_of(run, task->trial)->shadows[task->shadows[0]].plan.description.name;
  if (task->path_step == 0 || plan->program.steps[task->path_step - 1].kind != RP_OP_DROP) return NULL;
  return plan->criteria[task->path_step - 1].description.name;
}

/* Whether a task may be tried again after its worker was killed from outside. It costs the task none of its tries where the worker had not
 * begun: of many that are killed together, some are handed work before they are known to be gone. */
static int may_try_again(rp_ongoing_run *run, rp_task *task, int has_begun) {
  if (!has_begun && run->killed_at_start++ < MOST_KILLED_AT_START) return 1;
  return task->retries++ < MOST_RETRIES;
}

/* A worker's process is gone. Killed from outside: its op is tried again. Crashed by itself: the op's trials fail, or its shadow. One that
 * waited for work held nothing but a state that is stored; one that never greeted will not do so the next time either, unless it was
 * killed. */
static rp_status replace_worker(rp_ongoing_run *run, int worker, rp_error *err) {
  int index = run->pool.workers[worker].task, has_greeted = index >= 0 || !run->pool.workers[worker].is_busy;
  int has_begun = run->pool.workers[worker].has_begun, status = rp_pool_collect(&run->pool, worker);
  if (index < 0 && (has_greeted || (WIFSIGNALED(status) && run->killed_at_start++ < MOST_KILLED_AT_START)))
    return rp_pool_restart(&run->pool, worker, err);
  if (index < 0)
    return rp_fail(err, RP_EWORKER, "a worker ended (wait status %d) before it could start; see %s", status, run->options->logs);
  int by_signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  int from_outside = by_signal == SIGKILL || by_signal == SIGTERM;
  run->tasks[index].worker = -1;
  if (!from_outside || !may_try_again(run, &run->tasks[index], has_begun)) {
    const char *ranker = ranker_of(run, &run->tasks[index]);
    char text[256];
    if (ranker && !from_outside)
      snprintf(text, sizeof text, "ranker %s ended the worker process: %s", ranker, by_signal ? strsignal(by_signal) : "it exited");
    else
      snprintf(text, sizeof text, "the worker process ended: %s", by_signal ? strsignal(by_signal) : "it exited by itself");
    RP_TRY(fail_task(run, index, ranker && !from_outside ? RP_EPLUGIN : RP_EWORKER, text, err));
  }
  return rp_pool_restart(&run->pool, worker, err);
}

/* A line of a ranker, said of the trial that its task was made for; others may share the state. */
static rp_status say_line(rp_ongoing_run *run, int worker, rp_wire *message, rp_error *err) {
  const char *ranker = rp_wire_get_string(message), *line = rp_wire_get_string(message);
  int index = run->pool.workers[worker].task;
  if (index < 0 || message->broken) return RP_OK;
  const rp_task *task = &run->tasks[index];
  RP_CLEANUP(rp_free_pointer) char *name = NULL;
  RP_TRY(rp_campaign_trial_name(run->campaign, task->trial, &name, err));
  rp_progress_say(&run->progress, "%s, epoch %u, ranker %s: %s", name,
                  (unsigned)run->campaign->plans[task->trial].program.steps[task->path_step - 1].epoch, ranker, line);
  return RP_OK;
}

rp_status rp_take_message(rp_ongoing_run *run, int worker, rp_wire *message, rp_error *err) {
  int closed = 0;
  if (rp_wire_receive(run->pool.workers[worker].fd, message, &closed, NULL) != RP_OK) closed = 1;
  if (closed || message->type != RP_WIRE_PROGRESS) run->has_news = 1;
  if (closed) return replace_worker(run, worker, err);
  switch (message->type) {
  case RP_WIRE_HELLO:
    return take_greeting(run, worker, message, err);
  case RP_WIRE_RESULT:
    return take_result(run, worker, message, err);
  case RP_WIRE_FAILED:
    return take_failure(run, worker, message, err);
  case RP_WIRE_LAST_WORDS:
    return take_last_words(run, worker, message, err);
  case RP_WIRE_SAID:
    return say_line(run, worker, message, err);
  case RP_WIRE_SCORES:
    return rp_take_scores(run, worker, message, err);
  case RP_WIRE_PROGRESS: {
    run->pool.workers[worker].has_begun = 1;
    int64_t done = rp_wire_get_int(message), total = rp_wire_get_int(message);
    rp_progress_part(&run->progress, worker, total ? (double)done / (double)total : 0);
    return RP_OK;
  }
  case RP_WIRE_JOB:
  case RP_WIRE_SCORE_JOB:
    break;
  }
  return rp_fail(err, RP_EWORKER, "a worker sent an unknown message");
}
