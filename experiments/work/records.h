/* records.h: a worker's answer as rows of the store; a campaign as its plan. */
#ifndef RP_WORK_RECORDS_H
#define RP_WORK_RECORDS_H

#include "experiments/plan/campaign.h"
#include "experiments/work/score_job.h"
#include "results/store.h"

/* A planned criterion as the store knows it. Borrowed from the plan. */
rp_criterion rp_criterion_row(const rp_criterion_plan *criterion);

/* Puts a campaign's trials, with all their settings, and its plan with the shadows, in one transaction. */
rp_status rp_record_plan(const rp_campaign *campaign, rp_store *store, rp_error *err);

/* Puts a state that was computed as path step `path_step` of a trial, and where it is a drop that was asked for here, the request, the
 * answer and the scores. Call inside a transaction. `request`: the drop's id; all zero where the step is no drop. */
rp_status rp_record_result(const rp_campaign *campaign, int trial, int path_step, rp_id request, const rp_job_result *result,
                           rp_store *store, rp_error *err);

/* Puts what a shadow said of the drop `acted` at program step `step` of a trial: its scores and its answer `asked`, or why there is none.
 * Another answer than one that is there is the shadow's failure, too. Call inside a transaction. */
rp_status rp_record_shadow(const rp_trial_plan *plan, int step, rp_id state, rp_id acted, const rp_criterion_plan *shadow,
                           const rp_job_scored *said, rp_store *store, rp_error *err);

#endif
