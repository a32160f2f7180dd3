/* ask.h: what criteria say of a stored state: asked in a worker process, so that one that crashes costs only its own answer. */
#ifndef RP_SCORE_ASK_H
#define RP_SCORE_ASK_H

#include "experiments/plan/criterion_plan.h"
#include "experiments/work/score_job.h"

/* Asks all criteria in one pass; where that ends the process, each alone.
 *
 *   job        all but its criteria
 *   criteria   [n]
 *   answer     [n] criteria, in their order: of each that failed, why
 *   seconds    of the pass as a whole: bringing the state, images, criteria; of all passes where there were several
 *
 * Errors: RP_EDAMAGED: the checkpoint cannot be used; RP_EINPUT: the drop cannot be met; RP_EWORKER, RP_EMEMORY, RP_EIO. The caller frees
 * the answer. */
rp_status rp_ask(const rp_score_job *job, const rp_criterion_plan *const *criteria, int n, rp_score_answer *answer, double *seconds,
                 rp_error *err);

#endif
