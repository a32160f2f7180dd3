/* session.h: what a worker keeps between jobs (data set, net, plan, the last state), and how it computes a job. */
#ifndef RP_WORK_SESSION_H
#define RP_WORK_SESSION_H

#include "experiments/work/job.h"

typedef struct rp_session rp_session;

/* `progress` is called during long ops with the images done and to do. */
rp_status rp_session_create(void (*progress)(void *user, uint64_t done, uint64_t total), void *user, rp_session **out, rp_error *err);
void rp_session_free(rp_session **session);

/* Computes a job: brings the state up to path step `to`, writes its checkpoint, measures it. The state stays in memory for the next job.
 * Errors: those of ops and probes, with the trial's step as context; RP_EDAMAGED where the checkpoint to start from cannot be used. */
rp_status rp_session_compute(rp_session *session, const rp_job *job, rp_job_result *result, rp_error *err);

#endif
