/* coordinator.c: the tree of states as a to-do list.
 *
 * Each trial has a frontier, the last state on its path that is known. Its next state is either known, too (stored by an earlier run or
 * another trial), or a task; trials that want the same state wait for one task. A finished task is stored in one transaction, and the
 * frontiers move. */
#include "experiments/work/ongoing_run.h"

#include "core/base/files.h"
#include "core/base/memory.h"
#include "experiments/work/records.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>

static volatile sig_atomic_t interrupted;

static void note_interrupt(int signal_number) {
  (void)signal_number;
  interrupted = 1;
}

static rp_status wait_for_messages(rp_ongoing_run *run, rp_wire *message, rp_error *err) {
  struct pollfd descriptors[RP_MOST_WORKERS];
  for (int w = 0; w < run->pool.n; w++) descriptors[w] = (struct pollfd){.fd = run->pool.workers[w].fd, .events = POLLIN};
  int n = poll(descriptors, (nfds_t)run->pool.n, 250);
  rp_progress_draw(&run->progress);
  for (int w = 0; w < run->pool.n && n > 0; w++)
    if (descriptors[w].revents) RP_TRY(rp_take_message(run, w, message, err));
  return RP_OK;
}

int rp_cause_stays(rp_status cause) {
  return cause == RP_EPLUGIN || cause == RP_ENUMERIC || cause == RP_EINPUT || cause == RP_EDATA;
}

static int is_unfinished(const rp_ongoing_run *run) {
  for (int t = 0; t < run->campaign->experiment.n_trials; t++)
    if (run->trials[t].is_active) return 1;
  return 0;
}

static rp_status loop(rp_ongoing_run *run, rp_error *err) {
  RP_CLEANUP(rp_wire_free) rp_wire message = {0};
  run->has_news = 1;
  while (is_unfinished(run) || run->has_news || rp_shadows_left(run)) {
    if (interrupted) return rp_fail(err, RP_EINTERRUPTED, "interrupted; what was finished is stored, the same command goes on from there");
    if (run->options->fail_fast && run->summary->failed) return RP_OK;
    if (run->environment_is_known) {
      RP_TRY(rp_look_at_shadows(run, err));
      RP_TRY(rp_add_tasks(run, err));
      RP_TRY(rp_hand_out(run, err));
    }
    if (!run->environment_is_known || is_unfinished(run) || rp_shadows_left(run)) RP_TRY(wait_for_messages(run, &message, err));
  }
  return RP_OK;
}

/* Whether a run has anything to look for: a trial that goes on, or the shadows of one that failed. */
static int has_work(const rp_ongoing_run *run) {
  for (int t = 0; t < run->campaign->experiment.n_trials; t++)
    if (run->trials[t].is_active || rp_shadows_of(run, t)) return 1;
  return 0;
}

/* ---- A run ----------------------------------------------------------------------------------- */

/* Trials that are there twice (in two arms) are one: the first stands for both. */
static rp_status start_trials(rp_ongoing_run *run, rp_error *err) {
  size_t n = (size_t)run->campaign->experiment.n_trials;
  RP_TRY(rp_allocate(n, sizeof *run->trials, &run->trials, err));
  for (size_t t = 0; t < n; t++) {
    size_t n_path = (size_t)run->campaign->plans[t].program.n_steps + 1;
    rp_trial_run *trial = &run->trials[t];
    RP_TRY(rp_allocate(n_path, sizeof *trial->ids, &trial->ids, err));
    RP_TRY(rp_allocate(n_path, sizeof *trial->requests, &trial->requests, err));
    trial->frontier = -1;
    int found;
    rp_trial_status status;
    rp_status cause;
    RP_TRY(rp_store_trial_status(run->store, run->campaign->plans[t].id, &found, &status, &cause, err));
    trial->failed_before = found && status == RP_TRIAL_FAILED && rp_cause_stays(cause) && !run->options->retry;
    trial->is_active = !trial->failed_before;
    if (trial->failed_before)
      run->summary->failed++, run->summary->failed_before++;
    else
      RP_TRY(rp_store_set_trial_status(run->store, run->campaign->plans[t].id, RP_TRIAL_RUNNING, RP_OK, NULL, err));
  }
  return RP_OK;
}

/* Trials that were not finished wait for the next run. */
static void leave_trials(rp_ongoing_run *run) {
  for (int t = 0; run->trials && t < run->campaign->experiment.n_trials; t++) {
    if (run->trials[t].is_active) rp_store_set_trial_status(run->store, run->campaign->plans[t].id, RP_TRIAL_PENDING, RP_OK, NULL, NULL);
    free(run->trials[t].ids);
    free(run->trials[t].requests);
  }
  free(run->trials);
  for (size_t i = 0; i < run->n_tasks; i++) free(run->tasks[i].shadows);
  free(run->tasks);
  rp_free_shadows(run);
}

static rp_status conduct(rp_ongoing_run *run, rp_error *err) {
  RP_TRY(rp_make_folders(run->options->states, err));
  RP_TRY(rp_record_plan(run->campaign, run->store, err));
  if (run->options->retry) RP_TRY(rp_store_forget_shadow_failures(run->store, run->campaign->experiment.name, err));
  RP_TRY(start_trials(run, err));
  if (!has_work(run)) return RP_OK;
  RP_TRY(rp_pool_start(run->options->jobs, run->options->logs, &run->pool, err));
  return loop(run, err);
}

rp_status rp_coordinate(rp_campaign *campaign, rp_store *store, const rp_run_options *options, rp_run_summary *summary, rp_error *err) {
  *summary = (rp_run_summary){.n_trials = campaign->experiment.n_trials};
  rp_ongoing_run run = {.campaign = campaign, .store = store, .options = options, .summary = summary};
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
