/* session.h: what a worker keeps between jobs (data set, net, plan, the last state), and how it computes a job; how `repr export` goes
 * along a path. */
#ifndef RP_WORK_SESSION_H
#define RP_WORK_SESSION_H

#include "core/state/state.h"
#include "experiments/plan/trial_plan.h"
#include "experiments/work/score_job.h"

typedef struct rp_session rp_session;

/* Who wants to know what a session is at. Each function may be NULL. */
typedef struct {
  void (*progress)(void *user, uint64_t done, uint64_t total);   /* during long ops: images done and to do */
  void (*log)(void *user, const char *ranker, const char *line); /* what a ranker says (rp_context.log); from any thread */
  void *user;
} rp_session_listener;

rp_status rp_session_create(const rp_session_listener *listener, rp_session **out, rp_error *err);
void rp_session_free(rp_session **session);

/* Computes a job: brings the state up to path step `to`, writes its checkpoint, measures it. The state stays in memory for the next job.
 * Errors: those of ops and probes, with the trial's step as context; RP_EDAMAGED where the checkpoint to start from cannot be used. */
rp_status rp_session_compute(rp_session *session, const rp_job *job, rp_job_result *result, rp_error *err);

/* Scores the state before a route's last step with all criteria of a job in one pass. A criterion that fails is told in its place, and the
 * others go on. The state stays in memory; where its checkpoint was gone, it is written again. Errors: those of bringing the state; of a
 * pass that no criterion survives (the network has diverged, memory). */
rp_status rp_session_score(rp_session *session, const rp_score_job *job, rp_score_answer *answer, rp_error *err);

/* ---- Without measuring ------------------------------------------------------------------------ */

/* Where a trial is at home; as in rp_job. */
typedef struct {
  const char *config;
  uint64_t seed;
  const char *data, *rankers, *states;
} rp_session_trial;

/* An open trial. Borrowed from the session, until it opens another one. */
typedef struct {
  const rp_trial_plan *plan;
  const rp_dataset *dataset;
  const rp_net *net;
} rp_session_view;

/* Opens a trial: data set, plan, net. Errors: RP_EINPUT, RP_EDATA as for a run. */
rp_status rp_session_open(rp_session *session, const rp_session_trial *trial, rp_session_view *out, rp_error *err);

/* A state on the open trial's path as it was recorded. */
typedef struct {
  int path_step;
  rp_id id, digest;
  const uint8_t *set; /* of a drop: [n_filters]; else NULL */
} rp_recorded_state;

/* Brings the state in memory to a recorded one: from its checkpoint, where that is there and whole; else, if `may_compute`, by the op that
 * made it, from the state before it on the path, which must be the one in memory (the root needs none). Writes nothing.
 *
 *   out            borrowed, until the next call; NULL where it is not stored and must not be computed
 *   was_computed   1 = there was no checkpoint to read
 *
 * Errors: RP_ENUMERIC where it comes out with other bits than were recorded; those of the ops. */
rp_status rp_session_bring(rp_session *session, const rp_session_trial *trial, const rp_recorded_state *state, int may_compute,
                           const rp_state **out, int *was_computed, rp_error *err);

#endif
