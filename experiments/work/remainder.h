/* remainder.h: what a run would still have to do, and how long that may take. */
#ifndef RP_WORK_REMAINDER_H
#define RP_WORK_REMAINDER_H

#include "experiments/plan/campaign.h"
#include "results/store.h"

typedef struct {
  int64_t there;       /* of the distinct states that plan/cost.h counts: stored */
  int64_t left;        /* a run would compute: those that are not there, but for those of failed trials alone */
  int n_failed;        /* trials that failed for a cause that stays; a run leaves them alone, unless it is told to retry */
  double seconds_left; /* of one worker, shadows aside, by what states of the same model took; NAN where there are none to go by */
} rp_remainder;

/* Looks at the store and writes nothing. Errors: those of store.h. */
rp_status rp_remainder_of(const rp_campaign *campaign, rp_store *store, rp_remainder *out, rp_error *err);

#endif
