/* coordinator.h: runs a campaign: finds what is missing, hands ops out to workers, writes every row. */
#ifndef RP_WORK_COORDINATOR_H
#define RP_WORK_COORDINATOR_H

#include "experiments/plan/campaign.h"
#include "results/store.h"

typedef struct {
  int jobs;           /* worker processes, ≥ 1 */
  int share;          /* 0 = each trial computes all its states itself */
  int retry;          /* also trials that failed for a cause that stays */
  int fail_fast;      /* stop at the first failure */
  const char *states; /* folder of checkpoints */
  const char *logs;   /* folder of workers' outputs */
} rp_run_options;

typedef struct {
  int done, failed, n_trials;
  int computed;      /* states computed by this run */
  int failed_before; /* of `failed`: in an earlier run, for a cause that stays */
  int changed;       /* trials that went through other states before: a ranker answered otherwise, or another build computed them */

  /* Shadow rankers, each at each drop of each trial. One that does not apply to a net counts as failed where the experiment lists it by its
   * name, else as neither. */
  int shadows_scored, shadows_failed;
  int shadows_computed;   /* of the scored ones: by this run */
  double shadows_seconds; /* that this run spent on them */
} rp_run_summary;

/* Whether what failed for such a cause would fail again: a run then leaves it alone, unless it is told to retry. */
int rp_cause_stays(rp_status cause);

/* Runs what is missing of a campaign. Progress goes to stderr. Errors: RP_ETRIALS (some failed; the store says why), RP_EINTERRUPTED,
 * RP_EIO, RP_EBUSY, RP_EMEMORY: what was finished is stored in every case. */
rp_status rp_coordinate(rp_campaign *campaign, rp_store *store, const rp_run_options *options, rp_run_summary *summary, rp_error *err);

#endif
