/* would_be_drop.h: the drop that criteria are asked about: the trial's own. */
#ifndef RP_SCORE_WOULD_BE_DROP_H
#define RP_SCORE_WOULD_BE_DROP_H

#include "core/base/text.h"
#include "experiments/plan/trial_plan.h"

typedef struct {
  rp_selection how;
  uint8_t *skip; /* how.skip, owned */
  rp_score_data score;
  const rp_criterion_plan *acting; /* the criterion of the trial's drop; borrowed from the plan; NULL = it has none */
  char *p, *limits;                /* in words: "30"; "without conv1, at most 50 % of a layer", "" for none. Owned */
} rp_would_be_drop;

/* The trial's drop that comes next after a path step, else its last one; for a trial without drops one of p 30 without limits. `p`: in the
 * place of its own, or NULL. Errors: RP_EUSAGE: `p` is no percentage. The caller frees. */
rp_status rp_would_be_drop_of(const rp_trial_plan *plan, int path_step, const char *p, rp_would_be_drop *out, rp_error *err);
void rp_would_be_drop_free(rp_would_be_drop *drop);

#endif
