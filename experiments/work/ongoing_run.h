/* ongoing_run.h: a run at work, as the files of the coordinator share it. Private to them.
 *
 *   coordinator.c  starts and ends a run, and waits for workers
 *   frontiers.c    how far each trial has come
 *   checkpoints.c  which states stay on disk, and from which one a task starts
 *   tasks.c        what is to be computed, and by whom
 *   answers.c      what workers send back: results, failures, deaths
 *   shadow_drops.c which criteria are to be scored without acting, and what is known of them
 *   shadow_tasks.c scoring them, and what becomes of it */
#ifndef RP_WORK_ONGOING_RUN_H
#define RP_WORK_ONGOING_RUN_H

#include "experiments/work/coordinator.h"
#include "experiments/work/pool.h"
#include "experiments/work/progress.h"
#include "experiments/work/score_job.h"
#include "experiments/work/stored_path.h"

typedef struct {
  rp_id *ids;        /* [n_steps + 1], of path steps up to the frontier */
  rp_id *requests;   /* [n_steps + 1], of drops; zero elsewhere */
  int frontier;      /* last known path step; −1 = none */
  int is_active;     /* neither done nor failed */
  int failed_before; /* in an earlier run, for a cause that stays: its shadows are scored as far as it came, and nothing else */
  rp_id next;        /* key of what is wanted: the next state's id, or the request's where its set is not known */
  rp_id next_request;
  int looked_at; /* its drops up to this path step are among the shadowed ones; 0 = none yet */
} rp_trial_run;

/* Something for a worker: a state that is to be computed, or the state before a drop that shadows are to score. */
typedef struct {
  rp_id key; /* of the state: as rp_trial_run.next, or that is scored */
  int trial, path_step;
  rp_id request;
  int worker; /* −1 = waiting */
  int retries;
  int *shadows; /* [n_shadows] indices into the trial's shadow set; NULL: it is a state to be computed. Owned */
  int n_shadows;
} rp_task;

/* A drop that a trial went through, and its shadows. */
typedef struct {
  int trial, path_step; /* of the state after it */
  uint8_t *is_settled;  /* [n] of the trial's shadow set: it acts there itself, has answered, or has failed */
  int n_left;
} rp_shadowed_drop;

typedef struct {
  rp_campaign *campaign;
  rp_store *store;
  const rp_run_options *options;
  rp_pool pool;
  rp_trial_run *trials; /* [campaign->experiment.n_trials] */
  size_t n_tasks, task_capacity;
  rp_task *tasks;
  size_t n_drops, drop_capacity;
  rp_shadowed_drop *drops;
  int has_news; /* for shadows: something was stored or failed since they were looked at */
  int environment_is_known;
  int killed_at_start; /* workers */
  rp_progress progress;
  rp_run_summary *summary;
} rp_ongoing_run;

/* ---- frontiers.c ----------------------------------------------------------------------------- */

/* Works out what the next path step of a trial is called. For a drop whose answer is not known, that is the request. */
rp_status rp_name_next(rp_ongoing_run *run, int trial, rp_error *err);

/* Moves a trial's frontier to its next state, which is stored; finishes the trial where that was its last (also one that failed before:
 * another trial has computed what it could not). */
rp_status rp_step_to(rp_ongoing_run *run, int trial, rp_id state, rp_error *err);

/* Moves a trial's frontier over everything that is stored, also that of one that failed before. Without sharing nothing counts that the
 * trial did not compute itself. */
rp_status rp_advance(rp_ongoing_run *run, int trial, rp_error *err);

/* Image passes of a path step; of all states that are still to be computed. What follows a drop counts as shared only where the request is
 * the same. */
double rp_cost_of_step(const rp_ongoing_run *run, int trial, int path_step);
double rp_cost_left(const rp_ongoing_run *run);

/* ---- checkpoints.c --------------------------------------------------------------------------- */

/* Removes the checkpoint behind a trial's frontier once nothing goes on from it. */
rp_status rp_thin(rp_ongoing_run *run, int trial, rp_error *err);

/* The nearest path step at or before `last` (≤ the frontier) whose checkpoint is there, or which `in_memory` names (zero = none); −1 =
 * none. */
rp_status rp_find_start(const rp_ongoing_run *run, int trial, int last, rp_id in_memory, int *from, rp_error *err);

/* Removes the checkpoint that a trial's task starts from, because it is of no use: the task then starts from an earlier one. *was_there = 0
 * where there was none to remove; each call removes one file, so that a task cannot come back for ever. */
rp_status rp_forget_checkpoint(rp_ongoing_run *run, int trial, int last, int *was_there, rp_error *err);

/* ---- tasks.c --------------------------------------------------------------------------------- */

/* Makes a task of what each active trial waits for, where there is none yet. */
rp_status rp_add_tasks(rp_ongoing_run *run, rp_error *err);

/* Gives waiting tasks to idle workers. */
rp_status rp_hand_out(rp_ongoing_run *run, rp_error *err);

/* A job for the task's path step from the nearest state that is there (in `in_memory`, on disk). The caller frees with rp_job_free. */
rp_status rp_route_of(rp_ongoing_run *run, const rp_task *task, rp_id in_memory, rp_job *job, rp_error *err);

/* Adds a task; `task->shadows` is taken over, also on error. */
rp_status rp_add_task(rp_ongoing_run *run, const rp_task *task, rp_error *err);
void rp_remove_task(rp_ongoing_run *run, int task);

/* ---- answers.c ------------------------------------------------------------------------------- */

/* Reads one message of a worker, or finds it gone, and acts on it. `message` is memory to use. */
rp_status rp_take_message(rp_ongoing_run *run, int worker, rp_wire *message, rp_error *err);

/* ---- shadow_drops.c -------------------------------------------------------------------------- */

/* Settles what is known of the shadows of all drops that trials have gone through, and makes tasks of the rest. */
rp_status rp_look_at_shadows(rp_ongoing_run *run, rp_error *err);

/* How many are not settled yet. */
int rp_shadows_left(const rp_ongoing_run *run);

/* The shadows of a trial; NULL = it has none. */
const rp_shadow_set *rp_shadows_of(const rp_ongoing_run *run, int trial);

/* Whether an active trial waits for the answer to this very request, which then acts: its own answer is the one that counts. */
int rp_acts_now(const rp_ongoing_run *run, rp_id request);

/* Puts a shadow's answer to a drop, or why there is none, in the store. */
rp_status rp_put_answer(rp_ongoing_run *run, const rp_shadowed_drop *drop, int shadow, const rp_job_scored *answer, rp_error *err);

/* The drop that a task was made for. */
rp_shadowed_drop *rp_drop_of(rp_ongoing_run *run, const rp_task *task);
void rp_settle(rp_shadowed_drop *drop, int shadow);

/* Image passes of a trial's shadows at one drop. */
double rp_cost_of_shadows(const rp_ongoing_run *run, int trial);

void rp_free_shadows(rp_ongoing_run *run);

/* ---- shadow_tasks.c -------------------------------------------------------------------------- */

rp_status rp_send_scoring(rp_ongoing_run *run, int task, int worker, rp_error *err);
rp_status rp_take_scores(rp_ongoing_run *run, int worker, rp_wire *message, rp_error *err);

/* A scoring task came to nothing. Where one criterion is alone, or the only one that the message names, it has failed, and the others are
 * asked again; else each is asked alone. */
rp_status rp_fail_scoring(rp_ongoing_run *run, int task, rp_status cause, const char *message, rp_error *err);

#endif
