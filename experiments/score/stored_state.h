/* stored_state.h: from "ranker=ortho/1@20" to the state that is meant: on whose path, after which epoch, and that its checkpoint is there.
 */
#ifndef RP_SCORE_STORED_STATE_H
#define RP_SCORE_STORED_STATE_H

#include "results/query.h"

/* TRIAL@EPOCH is the state after that epoch and before any event there, TRIAL@EPOCH+ the one after the events. */
typedef struct {
  rp_trial_list trials; /* owned; `trial` is one of them */
  const rp_trial_result *trial;
  rp_path path; /* of the trial */
  int path_step;
  int epoch;
  int is_after_events; /* the state after an event: a `+` was given and there is one */
} rp_stored_state;

/* Finds a state and its checkpoint in the folder `states`. Errors: RP_EUSAGE: no @, no such trial; RP_EINPUT: an epoch that the trial does
 * not have or has not come to, a checkpoint that is not there (with the epochs whose are). The caller frees. */
rp_status rp_stored_state_find(rp_store *store, const char *given, const char *states, rp_stored_state *out, rp_error *err);
void rp_stored_state_free(rp_stored_state *state);

/* "ranker=ortho/1@20+" */
rp_status rp_stored_state_name(const rp_stored_state *state, char **name, rp_error *err);

#endif
