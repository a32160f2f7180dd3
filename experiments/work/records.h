/* records.h: a worker's answer as rows of the store; a campaign as its plan. */
#ifndef RP_WORK_RECORDS_H
#define RP_WORK_RECORDS_H

#include "experiments/plan/campaign.h"
#include "experiments/work/job.h"
#include "results/store.h"

/* Puts a campaign's trials, with all their settings, and its plan, in one transaction. */
rp_status rp_record_plan(const rp_campaign *campaign, rp_store *store, rp_error *err);

/* Puts a state that was computed as path step `path_step` of a trial, and where it is a drop that was asked for here, the request, the
 * answer and the scores. Call inside a transaction. `request`: the drop's id; all zero where the step is no drop. */
rp_status rp_record_result(const rp_campaign *campaign, int trial, int path_step, rp_id request, const rp_job_result *result,
                           rp_store *store, rp_error *err);

#endif
