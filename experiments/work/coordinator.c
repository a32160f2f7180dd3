/* coordinator.c: the tree of states as a to-do list.
 *
 * Each trial has a frontier, the last state on its path that is known. Its next state is either known, too (stored by an earlier run or
 * another trial), or a task; trials that want the same state wait for one task. A finished task is stored in one transaction, and the
 * frontiers move. */
#include "experiments/work/coordinator.h"

#include "core/base/files.h"
#include "core/base/memory.h"
#include "experiments/plan/ids.h"
#include "experiments/work/environment.h"
#include "experiments/work/pool.h"
#include "experiments/work/progress.h"
#include "experiments/work/records.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_RETRIES = 2, MOST_KILLED_AT_START = 16 };

typedef struct {
  rp_id *ids;      /* [n_steps + 1], of path steps up to the frontier */
  rp_id *requests; /* [n_steps + 1], of drops; zero elsewhere */
  int frontier;    /* last known path step; −1 = none */
  int is_active;   /* neither done nor failed */
  rp_id next;      /* key of what is wanted: the next state's id, or the request's where its set is not known */
  rp_id next_request;
} trial_run;

typedef struct {
  rp_id key;
  int trial, path_step;
  rp_id request;
  int worker; /* −1 = waiting */
  int retries;
} state_task;

typedef struct {
  rp_campaign *campaign;
  rp_store *store;
  const rp_run_options *options;
  rp_pool pool;
  trial_run *trials;
  size_t n_tasks, task_capacity;
  state_task *tasks;
  int environment_is_known;
  int killed_at_start; /* workers */
  rp_progress progress;
  rp_run_summary *summary;
} ongoing_run;

static volatile sig_atomic_t interrupted;

static void note_interrupt(int signal_number) {
  (void)signal_number;
  interrupted = 1;
}

/* ---- Frontiers ------------------------------------------------------------------------------- */

static rp_store_filters filters_of(const rp_trial_plan *plan) {
  return (rp_store_filters){plan->n_convs, plan->names, plan->K};
}

/* Works out what the next path step of a trial is called. For a drop whose answer is not known, that is the request. */
static rp_status name_next(ongoing_run *run, int t, rp_error *err) {
  trial_run *trial = &run->trials[t];
  const rp_trial_plan *plan = &run->campaign->plans[t];
  int next = trial->frontier + 1;
  trial->next_request = (rp_id){{0}};
  if (next == 0) {
    trial->next = plan->root;
    return RP_OK;
  }
  rp_id parent = trial->ids[next - 1];
  const rp_step *step = &plan->program.steps[next - 1];
  if (step->kind != RP_OP_DROP) return rp_id_of_child(parent, step->kind, step->params, &trial->next, err);
  const rp_plugin_description *ranker = &plan->criteria[next - 1].description;
  RP_TRY(rp_id_of_request(parent, step->params, ranker->version, ranker->file_hash, &trial->next_request, err));
  RP_CLEANUP(rp_free_pointer) uint8_t *set = NULL;
  RP_TRY(rp_allocate((size_t)plan->n_filters, 1, &set, err));
  rp_store_filters filters = filters_of(plan);
  int found;
  RP_TRY(rp_store_find_drop(run->store, trial->next_request, &filters, &found, set, err));
  trial->next = trial->next_request;
  if (!found) return RP_OK;
  return rp_id_of_dropped(parent, step->as.drop.gate, set, plan->n_filters, &trial->next, err);
}

static rp_status finish_trial(ongoing_run *run, int t, rp_error *err) {
  run->trials[t].is_active = 0;
  run->summary->done++;
  return rp_store_set_trial_status(run->store, run->campaign->plans[t].id, RP_TRIAL_DONE, RP_OK, NULL, err);
}

static rp_status step_to(ongoing_run *run, int t, rp_id id, rp_error *err) {
  trial_run *trial = &run->trials[t];
  trial->frontier++;
  trial->ids[trial->frontier] = id;
  trial->requests[trial->frontier] = trial->next_request;
  RP_TRY(rp_store_put_path(run->store, run->campaign->plans[t].id, trial->frontier, id, trial->next_request, err));
  if (trial->frontier == run->campaign->plans[t].program.n_steps) return finish_trial(run, t, err);
  return name_next(run, t, err);
}

/* Moves a trial's frontier over everything that is stored. Without sharing nothing counts that the trial did not compute itself. */
static rp_status advance(ongoing_run *run, int t, rp_error *err) {
  while (run->options->share && run->trials[t].is_active) {
    rp_known_state known;
    int found;
    RP_TRY(rp_store_find_state(run->store, run->trials[t].next, &found, &known, err));
    if (!found) return RP_OK;
    RP_TRY(step_to(run, t, run->trials[t].next, err));
  }
  return RP_OK;
}

/* ---- Checkpoints ----------------------------------------------------------------------------- */

static int is_worth_keeping(const rp_program *program, int path_step) {
  if (path_step == 0 || path_step == program->n_steps) return 1;
  const rp_step *made = &program->steps[path_step - 1], *next = &program->steps[path_step];
  return made->kind != RP_OP_TRAIN || next->kind != RP_OP_TRAIN || made->epoch % 5 == 0;
}

static int is_wanted(const ongoing_run *run, rp_id id) {
  for (int t = 0; t < run->campaign->experiment.n_trials; t++) {
    const trial_run *trial = &run->trials[t];
    if (trial->is_active && trial->frontier >= 0 && rp_id_equal(trial->ids[trial->frontier], id)) return 1;
  }
  return 0;
}

/* Removes the checkpoint behind a trial's frontier once nothing goes on from it. */
static rp_status thin(ongoing_run *run, int t, rp_error *err) {
  const trial_run *trial = &run->trials[t];
  int behind = trial->frontier - 1;
  if (behind < 0 || is_worth_keeping(&run->campaign->plans[t].program, behind) || is_wanted(run, trial->ids[behind])) return RP_OK;
  RP_CLEANUP(rp_free_pointer) char *path = NULL;
  RP_TRY(rp_job_checkpoint_path(run->options->states, trial->ids[behind], &path, err));
  unlink(path);
  return rp_store_set_checkpoint(run->store, trial->ids[behind], 0, err);
}

/* ---- What is left ---------------------------------------------------------------------------- */

static double cost_of(const ongoing_run *run, int t, int path_step) {
  const rp_open_dataset *open = &run->campaign->datasets[run->campaign->dataset_of[t]];
  return rp_progress_cost(&run->campaign->plans[t], &open->dataset, path_step);
}

/* How many path steps from its frontier on a trial shares with another one that stands at the same state: as far as their programs are
 * equal. */
static int steps_in_common(const ongoing_run *run, int t, int u) {
  const trial_run *one = &run->trials[t], *other = &run->trials[u];
  if (!other->is_active || one->frontier != other->frontier || !rp_id_equal(one->next, other->next)) return 0;
  const rp_program *a = &run->campaign->plans[t].program, *b = &run->campaign->plans[u].program;
  int n = 1;
  for (int step = one->frontier + 1; step < a->n_steps && step < b->n_steps; step++, n++)
    if (step >= 0 && (a->steps[step].kind != b->steps[step].kind || strcmp(a->steps[step].params, b->steps[step].params) != 0)) break;
  return n;
}

/* Image passes of all states that are still to be computed. What follows a drop counts as shared only where the request is the same. */
static double cost_left(const ongoing_run *run) {
  double left = 0;
  for (int t = 0; t < run->campaign->experiment.n_trials; t++) {
    if (!run->trials[t].is_active) continue;
    int n_shared = 0;
    for (int u = 0; u < t && run->options->share; u++) {
      int n = steps_in_common(run, t, u);
      if (n > n_shared) n_shared = n;
    }
    int n_path = run->campaign->plans[t].program.n_steps + 1;
    for (int path_step = run->trials[t].frontier + 1 + n_shared; path_step < n_path; path_step++) left += cost_of(run, t, path_step);
  }
  return left;
}

/* ---- Tasks ----------------------------------------------------------------------------------- */

static int has_task(const ongoing_run *run, int t) {
  for (size_t i = 0; i < run->n_tasks; i++) {
    const state_task *one = &run->tasks[i];
    if (run->options->share ? rp_id_equal(one->key, run->trials[t].next) : one->trial == t) return 1;
  }
  return 0;
}

static rp_status add_tasks(ongoing_run *run, rp_error *err) {
  for (int t = 0; t < run->campaign->experiment.n_trials; t++) {
    const trial_run *trial = &run->trials[t];
    if (!trial->is_active || has_task(run, t)) continue;
    RP_TRY(rp_grow(&run->tasks, run->n_tasks, &run->task_capacity, sizeof *run->tasks, err));
    run->tasks[run->n_tasks++] = (state_task){trial->next, t, trial->frontier + 1, trial->next_request, -1, 0};
  }
  return RP_OK;
}

/* The nearest path step at or before the frontier whose checkpoint is there. */
static rp_status find_start(const ongoing_run *run, int t, rp_id in_memory, int *from, rp_error *err) {
  const trial_run *trial = &run->trials[t];
  for (*from = trial->frontier; *from >= 0; (*from)--) {
    if (!rp_id_is_zero(in_memory) && rp_id_equal(trial->ids[*from], in_memory)) return RP_OK;
    RP_CLEANUP(rp_free_pointer) char *path = NULL;
    RP_TRY(rp_job_checkpoint_path(run->options->states, trial->ids[*from], &path, err));
    if (rp_file_exists(path)) return RP_OK;
  }
  return RP_OK;
}

static rp_status fill_known_sets(ongoing_run *run, const state_task *task, rp_job *job, rp_error *err) {
  rp_store_filters filters = filters_of(&run->campaign->plans[task->trial]);
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

static rp_status fill_digests(const ongoing_run *run, const trial_run *trial, rp_job *job, rp_error *err) {
  for (int path_step = job->from < 0 ? 0 : job->from; path_step < job->to; path_step++) {
    rp_known_state known;
    int found;
    RP_TRY(rp_store_find_state(run->store, trial->ids[path_step], &found, &known, err));
    if (!found) return rp_fail(err, RP_EWORKER, "a state on a trial's path is not in the database");
    job->digests[path_step - job->from] = known.digest;
  }
  return RP_OK;
}

static rp_status send_task(ongoing_run *run, int index, int worker, rp_error *err) {
  state_task *task = &run->tasks[index];
  rp_worker *to = &run->pool.workers[worker];
  const rp_trial_plan *plan = &run->campaign->plans[task->trial];
  RP_CLEANUP(rp_job_free)
  rp_job job = {.config = run->campaign->configs[task->trial],
                .shadows = "[]",
                .seed = plan->seed,
                .ranker_timeout = run->campaign->experiment.ranker_timeout,
                .data = run->campaign->data_folder,
                .rankers = run->campaign->rankers,
                .states = run->options->states,
                .to = task->path_step,
                .n_filters = plan->n_filters};
  RP_TRY(find_start(run, task->trial, to->holds, &job.from, err));
  if (job.from >= 0) job.from_id = run->trials[task->trial].ids[job.from];
  size_t n = (size_t)(job.to - job.from);
  RP_TRY(rp_allocate(n, sizeof *job.digests, &job.digests, err));
  RP_TRY(fill_digests(run, &run->trials[task->trial], &job, err));
  RP_TRY(rp_allocate(n, 1, &job.known, err));
  RP_TRY(rp_allocate(n, (size_t)job.n_filters, &job.sets, err));
  RP_TRY(fill_known_sets(run, task, &job, err));
  RP_CLEANUP(rp_wire_free) rp_wire wire = {0};
  rp_job_put(&wire, &job);
  to->is_busy = 1;
  to->task = index;
  task->worker = worker;
  if (wire.broken) return rp_fail(err, RP_EMEMORY, "out of memory for a job");
  rp_progress_begin(&run->progress, worker, cost_of(run, task->trial, task->path_step));
  /* A worker that died meanwhile is found when its socket is read. */
  rp_wire_send(to->fd, &wire, NULL);
  return RP_OK;
}

/* A child of what the worker holds first; else the trial that has the longest way to go. */
static int choose_task(const ongoing_run *run, const rp_worker *worker) {
  int best = -1, longest = -1;
  for (size_t i = 0; i < run->n_tasks; i++) {
    const state_task *one = &run->tasks[i];
    const trial_run *trial = &run->trials[one->trial];
    if (one->worker >= 0) continue;
    if (trial->frontier >= 0 && rp_id_equal(trial->ids[trial->frontier], worker->holds)) return (int)i;
    int left = run->campaign->plans[one->trial].program.n_steps - trial->frontier;
    if (left > longest) longest = left, best = (int)i;
  }
  return best;
}

static rp_status hand_out(ongoing_run *run, rp_error *err) {
  for (int w = 0; w < run->pool.n; w++) {
    if (run->pool.workers[w].is_busy || !run->pool.workers[w].pid) continue;
    int chosen = choose_task(run, &run->pool.workers[w]);
    if (chosen >= 0) RP_TRY(send_task(run, chosen, w, err));
  }
  return RP_OK;
}

static void remove_task(ongoing_run *run, int index) {
  run->tasks[index] = run->tasks[--run->n_tasks];
  int moved = run->tasks[index].worker;
  if ((size_t)index < run->n_tasks && moved >= 0) run->pool.workers[moved].task = index;
}

/* ---- Answers --------------------------------------------------------------------------------- */

static rp_status store_result(ongoing_run *run, const state_task *task, const rp_job_result *result, rp_error *err) {
  RP_TRY(rp_record_result(run->campaign, task->trial, task->path_step, task->request, result, run->store, err));
  if (!run->options->share) RP_TRY(step_to(run, task->trial, result->id, err));
  for (int t = 0; t < run->campaign->experiment.n_trials && run->options->share; t++) {
    if (!run->trials[t].is_active || !rp_id_equal(run->trials[t].next, task->key)) continue;
    RP_TRY(step_to(run, t, result->id, err));
    RP_TRY(advance(run, t, err));
  }
  return RP_OK;
}

static rp_status take_result(ongoing_run *run, int worker, rp_wire *message, rp_error *err) {
  RP_CLEANUP(rp_job_result_free) rp_job_result result = {0};
  rp_worker *from = &run->pool.workers[worker];
  RP_TRY(rp_job_result_get(message, &result, err));
  state_task done = run->tasks[from->task];
  remove_task(run, from->task);
  from->is_busy = 0, from->task = -1, from->holds = result.id;
  RP_TRY(rp_store_begin(run->store, err));
  rp_status status = store_result(run, &done, &result, err);
  for (int t = 0; t < run->campaign->experiment.n_trials && status == RP_OK; t++) status = thin(run, t, err);
  if (status == RP_OK) status = rp_store_commit(run->store, err);
  if (status != RP_OK) rp_store_rollback(run->store);
  run->summary->computed++;
  rp_progress_computed(&run->progress, worker);
  rp_progress_left(&run->progress, cost_left(run));
  return status;
}

/* All trials that wait for a task fail with it. */
static rp_status fail_task(ongoing_run *run, int index, rp_status cause, const char *message, rp_error *err) {
  state_task failed = run->tasks[index];
  remove_task(run, index);
  for (int t = 0; t < run->campaign->experiment.n_trials; t++) {
    trial_run *trial = &run->trials[t];
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

/* Removes the checkpoint that a trial's task starts from, because it is of no use: the task then starts from an earlier one. *was_there = 0
 * where there was none to remove; each call removes one file, so that a task cannot come back for ever. */
static rp_status forget_checkpoint(ongoing_run *run, int t, int *was_there, rp_error *err) {
  int start;
  RP_TRY(find_start(run, t, (rp_id){{0}}, &start, err));
  *was_there = start >= 0;
  if (start < 0) return RP_OK;
  RP_CLEANUP(rp_free_pointer) char *path = NULL;
  RP_TRY(rp_job_checkpoint_path(run->options->states, run->trials[t].ids[start], &path, err));
  if (unlink(path) != 0) return rp_fail_errno(err, RP_EIO, "%s: is damaged and cannot be removed", path);
  return rp_store_set_checkpoint(run->store, run->trials[t].ids[start], 0, err);
}

static rp_status take_failure(ongoing_run *run, int worker, rp_wire *message, rp_error *err) {
  rp_worker *from = &run->pool.workers[worker];
  rp_status cause = (rp_status)rp_wire_get_int(message);
  const char *text = rp_wire_get_string(message);
  int index = from->task;
  from->is_busy = 0, from->task = -1, from->holds = (rp_id){{0}};
  if (stops_the_run(cause)) return rp_fail(err, cause, "%s", text);
  int can_start_earlier = 0;
  if (cause == RP_EDAMAGED) RP_TRY(forget_checkpoint(run, run->tasks[index].trial, &can_start_earlier, err));
  if (can_start_earlier) {
    run->tasks[index].worker = -1;
    return RP_OK;
  }
  return fail_task(run, index, cause, text, err);
}

/* A ranker ended the worker, which could still say how. Its process is collected before it can be given another task. */
static rp_status take_last_words(ongoing_run *run, int worker, rp_wire *message, rp_error *err) {
  RP_TRY(take_failure(run, worker, message, err));
  rp_pool_collect(&run->pool, worker);
  return rp_pool_restart(&run->pool, worker, err);
}

static rp_status take_greeting(ongoing_run *run, int worker, rp_wire *message, rp_error *err) {
  run->pool.workers[worker].is_busy = 0;
  if (run->environment_is_known) return RP_OK;
  rp_environment environment;
  RP_TRY(rp_environment_get(message, &environment, err));
  RP_TRY(rp_store_set_environment(run->store, &environment, 0, err));
  run->environment_is_known = 1;
  for (int t = 0; t < run->campaign->experiment.n_trials; t++) {
    if (!run->trials[t].is_active) continue;
    RP_TRY(name_next(run, t, err));
    RP_TRY(advance(run, t, err));
  }
  rp_progress_start(&run->progress);
  rp_progress_left(&run->progress, cost_left(run));
  return RP_OK;
}

/* A worker's process is gone. Killed from outside: its op is tried again. Crashed by itself: the op's trials fail. One that waited for
 * work held nothing but a state that is stored; one that never greeted will not do so the next time either, unless it was killed. */
static rp_status replace_worker(ongoing_run *run, int worker, rp_error *err) {
  int index = run->pool.workers[worker].task, has_greeted = index >= 0 || !run->pool.workers[worker].is_busy;
  int status = rp_pool_collect(&run->pool, worker);
  if (index < 0 && (has_greeted || (WIFSIGNALED(status) && run->killed_at_start++ < MOST_KILLED_AT_START)))
    return rp_pool_restart(&run->pool, worker, err);
  if (index < 0)
    return rp_fail(err, RP_EWORKER, "a worker ended (wait status %d) before it could start; see %s", status, run->options->logs);
  int by_signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  int from_outside = by_signal == SIGKILL || by_signal == SIGTERM;
  run->tasks[index].worker = -1;
  if (!from_outside || run->tasks[index].retries++ >= MOST_RETRIES) {
    const state_task *task = &run->tasks[index];
    const rp_trial_plan *plan = &run->campaign->plans[task->trial];
    int is_drop = task->path_step > 0 && plan->program.steps[task->path_step - 1].kind == RP_OP_DROP;
    char text[256];
    if (is_drop && !from_outside)
      snprintf(text, sizeof text, "ranker %s ended the worker process: %s", plan->criteria[task->path_step - 1].description.name,
               by_signal ? strsignal(by_signal) : "it exited");
    else
      snprintf(text, sizeof text, "the worker process ended: %s", by_signal ? strsignal(by_signal) : "it exited by itself");
    RP_TRY(fail_task(run, index, is_drop && !from_outside ? RP_EPLUGIN : RP_EWORKER, text, err));
  }
  return rp_pool_restart(&run->pool, worker, err);
}

static rp_status take_message(ongoing_run *run, int worker, rp_wire *message, rp_error *err) {
  int closed = 0;
  if (rp_wire_receive(run->pool.workers[worker].fd, message, &closed, NULL) != RP_OK) closed = 1;
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
  case RP_WIRE_PROGRESS: {
    int64_t done = rp_wire_get_int(message), total = rp_wire_get_int(message);
    rp_progress_part(&run->progress, worker, total ? (double)done / (double)total : 0);
    return RP_OK;
  }
  case RP_WIRE_JOB:
    break;
  }
  return rp_fail(err, RP_EWORKER, "a worker sent an unknown message");
}

static rp_status wait_for_messages(ongoing_run *run, rp_wire *message, rp_error *err) {
  struct pollfd descriptors[RP_MOST_WORKERS];
  for (int w = 0; w < run->pool.n; w++) descriptors[w] = (struct pollfd){.fd = run->pool.workers[w].fd, .events = POLLIN};
  int n = poll(descriptors, (nfds_t)run->pool.n, 250);
  rp_progress_draw(&run->progress);
  for (int w = 0; w < run->pool.n && n > 0; w++)
    if (descriptors[w].revents) RP_TRY(take_message(run, w, message, err));
  return RP_OK;
}

static int is_unfinished(const ongoing_run *run) {
  for (int t = 0; t < run->campaign->experiment.n_trials; t++)
    if (run->trials[t].is_active) return 1;
  return 0;
}

static rp_status loop(ongoing_run *run, rp_error *err) {
  RP_CLEANUP(rp_wire_free) rp_wire message = {0};
  while (is_unfinished(run)) {
    if (interrupted) return rp_fail(err, RP_EINTERRUPTED, "interrupted; what was finished is stored, the same command goes on from there");
    if (run->options->fail_fast && run->summary->failed) return RP_OK;
    if (run->environment_is_known) {
      RP_TRY(add_tasks(run, err));
      RP_TRY(hand_out(run, err));
    }
    RP_TRY(wait_for_messages(run, &message, err));
  }
  return RP_OK;
}

/* ---- A run ----------------------------------------------------------------------------------- */

static int failed_for_good(rp_status cause) {
  return cause == RP_EPLUGIN || cause == RP_ENUMERIC || cause == RP_EINPUT || cause == RP_EDATA;
}

/* Trials that are there twice (in two arms) are one: the first stands for both. */
static rp_status start_trials(ongoing_run *run, rp_error *err) {
  size_t n = (size_t)run->campaign->experiment.n_trials;
  RP_TRY(rp_allocate(n, sizeof *run->trials, &run->trials, err));
  for (size_t t = 0; t < n; t++) {
    size_t n_path = (size_t)run->campaign->plans[t].program.n_steps + 1;
    trial_run *trial = &run->trials[t];
    RP_TRY(rp_allocate(n_path, sizeof *trial->ids, &trial->ids, err));
    RP_TRY(rp_allocate(n_path, sizeof *trial->requests, &trial->requests, err));
    trial->frontier = -1;
    int found;
    rp_trial_status status;
    rp_status cause;
    RP_TRY(rp_store_trial_status(run->store, run->campaign->plans[t].id, &found, &status, &cause, err));
    trial->is_active = !(found && status == RP_TRIAL_FAILED && failed_for_good(cause) && !run->options->retry);
    if (!trial->is_active)
      run->summary->failed++, run->summary->failed_before++;
    else
      RP_TRY(rp_store_set_trial_status(run->store, run->campaign->plans[t].id, RP_TRIAL_RUNNING, RP_OK, NULL, err));
  }
  return RP_OK;
}

/* Trials that were not finished wait for the next run. */
static void leave_trials(ongoing_run *run) {
  for (int t = 0; run->trials && t < run->campaign->experiment.n_trials; t++) {
    if (run->trials[t].is_active) rp_store_set_trial_status(run->store, run->campaign->plans[t].id, RP_TRIAL_PENDING, RP_OK, NULL, NULL);
    free(run->trials[t].ids);
    free(run->trials[t].requests);
  }
  free(run->trials);
  free(run->tasks);
}

static rp_status conduct(ongoing_run *run, rp_error *err) {
  RP_TRY(rp_make_folders(run->options->states, err));
  RP_TRY(rp_record_plan(run->campaign, run->store, err));
  RP_TRY(start_trials(run, err));
  if (!is_unfinished(run)) return RP_OK;
  RP_TRY(rp_pool_start(run->options->jobs, run->options->logs, &run->pool, err));
  return loop(run, err);
}

rp_status rp_coordinate(rp_campaign *campaign, rp_store *store, const rp_run_options *options, rp_run_summary *summary, rp_error *err) {
  *summary = (rp_run_summary){.n_trials = campaign->experiment.n_trials};
  ongoing_run run = {.campaign = campaign, .store = store, .options = options, .summary = summary};
  struct sigaction action = {.sa_handler = note_interrupt}, old_interrupt, old_terminate;
  interrupted = 0;
  sigaction(SIGINT, &action, &old_interrupt);
  sigaction(SIGTERM, &action, &old_terminate);
  rp_status status = conduct(&run, err);
  rp_pool_stop(&run.pool);
  rp_progress_end(&run.progress);
  leave_trials(&run);
  sigaction(SIGINT, &old_interrupt, NULL);
  sigaction(SIGTERM, &old_terminate, NULL);
  if (status == RP_OK && summary->failed_before)
    return rp_fail(err, RP_ETRIALS,
                   "%d of %d trials failed, %d of them in an earlier run: `repr status` says why, --retry tries them again",
                   summary->failed, summary->n_trials, summary->failed_before);
  if (status == RP_OK && summary->failed) return rp_fail(err, RP_ETRIALS, "%d of %d trials failed", summary->failed, summary->n_trials);
  return status;
}
