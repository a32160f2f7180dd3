/* checkpoints.c: states at events, at every fifth epoch and at both ends stay on disk; the others go once nothing goes on from them. */
#include "experiments/work/ongoing_run.h"

#include "core/base/files.h"
#include "core/base/memory.h"

#include <unistd.h>

static int is_worth_keeping(const rp_program *program, int path_step) {
  if (path_step == 0 || path_step == program->n_steps) return 1;
  const rp_step *made = &program->steps[path_step - 1], *next = &program->steps[path_step];
  return made->kind != RP_OP_TRAIN || next->kind != RP_OP_TRAIN || made->epoch % 5 == 0;
}

/* Whether an active trial of this run goes on from a state, or it is worth keeping for any trial that went through it: trials that share it
 * part there, and what is the middle of one's training may be another's event. Shared states have the same place on each path. */
static int is_wanted(const rp_ongoing_run *run, rp_id id, int path_step) {
  for (int t = 0; t < run->campaign->experiment.n_trials; t++) {
    const rp_trial_run *trial = &run->trials[t];
    if (trial->frontier < path_step || !rp_id_equal(trial->ids[path_step], id)) continue;
    if (trial->is_active && trial->frontier == path_step) return 1;
    if (is_worth_keeping(&run->campaign->plans[t].program, path_step)) return 1;
  }
  return 0;
}

rp_status rp_thin(rp_ongoing_run *run, int t, rp_error *err) {
  const rp_trial_run *trial = &run->trials[t];
  int behind = trial->frontier - 1;
  int is_anothers;
  if (behind < 0 || is_wanted(run, trial->ids[behind], behind)) return RP_OK;
  RP_TRY(rp_store_is_landmark(run->store, trial->ids[behind], &is_anothers, err));
  if (is_anothers) return RP_OK;
  RP_CLEANUP(rp_free_pointer) char *path = NULL;
  RP_TRY(rp_job_checkpoint_path(run->options->states, trial->ids[behind], &path, err));
  unlink(path);
  return rp_store_set_checkpoint(run->store, trial->ids[behind], 0, err);
}

rp_status rp_find_start(const rp_ongoing_run *run, int t, int last, rp_id in_memory, int *from, rp_error *err) {
  const rp_trial_run *trial = &run->trials[t];
  for (*from = last; *from >= 0; (*from)--) {
    if (!rp_id_is_zero(in_memory) && rp_id_equal(trial->ids[*from], in_memory)) return RP_OK;
    RP_CLEANUP(rp_free_pointer) char *path = NULL;
    RP_TRY(rp_job_checkpoint_path(run->options->states, trial->ids[*from], &path, err));
    if (rp_file_exists(path)) return RP_OK;
  }
  return RP_OK;
}

rp_status rp_forget_checkpoint(rp_ongoing_run *run, int t, int last, int *was_there, rp_error *err) {
  int start;
  RP_TRY(rp_find_start(run, t, last, (rp_id){{0}}, &start, err));
  *was_there = start >= 0;
  if (start < 0) return RP_OK;
  RP_CLEANUP(rp_free_pointer) char *path = NULL;
  RP_TRY(rp_job_checkpoint_path(run->options->states, run->trials[t].ids[start], &path, err));
  if (unlink(path) != 0) return rp_fail_errno(err, RP_EIO, "%s: is damaged and cannot be removed", path);
  return rp_store_set_checkpoint(run->store, run->trials[t].ids[start], 0, err);
}
