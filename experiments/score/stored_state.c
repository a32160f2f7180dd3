/* stored_state.c: the part before the last @ names a trial, what follows an epoch. */
#include "experiments/score/stored_state.h"

#include "core/base/files.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "experiments/work/job.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- The words ------------------------------------------------------------------------------- */

typedef struct {
  char *trial;
  int epoch, is_after_events;
} given_state;

static void free_given(given_state *given) {
  free(given->trial);
}

static rp_status read_given(const char *text, given_state *out, rp_error *err) {
  const char *at = strrchr(text, '@');
  if (!at || at == text || !isdigit((unsigned char)at[1]))
    return rp_fail(err, RP_EUSAGE, "'%s': a state is written TRIAL@EPOCH, as in ranker=ortho/1@20 (or @20+: after the events there)", text);
  char *end;
  long epoch = strtol(at + 1, &end, 10);
  out->is_after_events = *end == '+';
  if (end[out->is_after_events] || epoch > 1000000000)
    return rp_fail(err, RP_EUSAGE, "'%s' is no epoch: a number is expected, as in %.*s@20 or %.*s@20+", at + 1, (int)(at - text), text,
                   (int)(at - text), text);
  out->epoch = (int)epoch;
  return rp_copy_bytes_as_string(text, (size_t)(at - text), &out->trial, err);
}

/* ---- The state ------------------------------------------------------------------------------- */

static int is_event(const rp_path_step *step) {
  return strcmp(step->op, "train") != 0 && strcmp(step->op, "init") != 0;
}

/* The first state of an epoch, or the last. */
static int find_step(const rp_path *path, int epoch, int is_after_events) {
  int found = -1;
  for (int i = 0; i < path->n; i++)
    if (path->steps[i].epoch == epoch && (found < 0 || is_after_events)) found = i;
  return found;
}

static rp_status is_stored(const rp_path *path, int path_step, const char *states, int *is_there, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *file = NULL;
  RP_TRY(rp_job_checkpoint_path(states, path->steps[path_step].id, &file, err));
  *is_there = rp_file_exists(file);
  return RP_OK;
}

/* "0, 5, 10, 10+": the states of a path that can be scored. One between two events of an epoch cannot be named. */
static rp_status list_stored(const rp_path *path, const char *states, rp_text *list, rp_error *err) {
  for (int i = 0; i < path->n; i++) {
    int is_there, epoch = path->steps[i].epoch;
    int is_first = i == find_step(path, epoch, 0), is_last = i == find_step(path, epoch, 1);
    RP_TRY(is_stored(path, i, states, &is_there, err));
    if (is_there && (is_first || is_last)) rp_text_format(list, "%s%d%s", list->length ? ", " : "", epoch, is_first ? "" : "+");
  }
  return rp_text_check(list, err);
}

static rp_status fail_not_stored(const rp_stored_state *state, const char *states, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text list = {0};
  RP_TRY(list_stored(&state->path, states, &list, err));
  if (!list.length)
    return rp_fail(err, RP_EINPUT, "%s holds no state of this trial; its database may have been moved without the folder beside it",
                   states);
  return rp_fail(
      err, RP_EINPUT,
      "the state after epoch %d%s is not stored: a run keeps those around events and of every fifth epoch; of this trial there are %s",
      state->epoch, state->is_after_events ? " and its events" : "", rp_text_string(&list));
}

static rp_status find_epoch(const given_state *given, const char *states, rp_stored_state *state, rp_error *err) {
  const rp_trial_result *trial = state->trial;
  if (given->epoch > trial->epochs)
    return rp_fail(err, RP_EINPUT, "epoch %d: the trial has %d epochs, 0 (as initialised) to %d", given->epoch, trial->epochs,
                   trial->epochs);
  state->path_step = find_step(&state->path, given->epoch, given->is_after_events);
  if (state->path_step < 0)
    return rp_fail(err, RP_EINPUT, "epoch %d: the trial has come to epoch %d of %d so far", given->epoch, trial->epochs_done,
                   trial->epochs);
  state->epoch = given->epoch;
  state->is_after_events = is_event(&state->path.steps[state->path_step]);
  int is_there;
  RP_TRY(is_stored(&state->path, state->path_step, states, &is_there, err));
  return is_there ? RP_OK : fail_not_stored(state, states, err);
}

static rp_status find(rp_store *store, const char *text, const char *states, rp_stored_state *state, rp_error *err) {
  RP_CLEANUP(free_given) given_state given = {0};
  RP_TRY(read_given(text, &given, err));
  RP_TRY(rp_query_trials(store, NULL, &state->trials, err));
  RP_TRY(rp_trial_list_find(&state->trials, given.trial, &state->trial, err));
  RP_TRY(rp_query_path(store, state->trial->trial, &state->path, err));
  if (state->path.n == 0) return rp_fail(err, RP_EINPUT, "nothing of trial %s was computed yet; run it first", given.trial);
  return find_epoch(&given, states, state, err);
}

rp_status rp_stored_state_find(rp_store *store, const char *given, const char *states, rp_stored_state *out, rp_error *err) {
  *out = (rp_stored_state){0};
  rp_status status = find(store, given, states, out, err);
  if (status != RP_OK) rp_stored_state_free(out);
  return status;
}

void rp_stored_state_free(rp_stored_state *state) {
  rp_trial_list_free(&state->trials);
  rp_path_free(&state->path);
  *state = (rp_stored_state){0};
}

rp_status rp_stored_state_name(const rp_stored_state *state, char **name, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  rp_text_format(&text, "%s/%lld@%d%s", state->trial->arm, (long long)state->trial->seed, state->epoch, state->is_after_events ? "+" : "");
  return rp_text_take(&text, name, err);
}
