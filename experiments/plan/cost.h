/* cost.h: what a campaign will take, before it runs: states with and without sharing, disk. */
#ifndef RP_PLAN_COST_H
#define RP_PLAN_COST_H

#include "experiments/plan/campaign.h"

typedef struct {
  int64_t states,
      states_unshared; /* to compute; with sharing a bound from above: what follows a drop is shared only if the sets turn out equal */
  int64_t epochs_unshared;
  double disk_bytes; /* of the checkpoints that stay */
} rp_cost;

/* What the states along a trial's path can be called before their drops are answered: [n_steps + 1], equal where trials share a state. */
rp_status rp_planned_ids(const rp_trial_plan *plan, rp_id *ids, rp_error *err);

/* Errors: RP_EMEMORY. */
rp_status rp_cost_of(const rp_campaign *campaign, rp_cost *out, rp_error *err);

#endif
