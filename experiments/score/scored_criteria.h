/* scored_criteria.h: the criteria that are compared on a state: those that were asked for by name, then the built-in ones and
 * the trial's own. */
#ifndef RP_SCORE_SCORED_CRITERIA_H
#define RP_SCORE_SCORED_CRITERIA_H

#include "experiments/plan/shadows.h"

typedef struct {
  int n;
  rp_shadow *criteria; /* [n], distinct; is_listed = asked for by name. Owned */
} rp_scored_criteria;

/* How criteria are asked for on the command line. */
typedef struct {
  const char *const *rankers; /* [n_rankers] names, paths, or "{name: …, option: …}" */
  int n_rankers;
  int only_given; /* 1 = without the others */
} rp_criteria_wish;

/* `first`: the trial's own, which comes first where none was asked for by name; or NULL. `notes`: lines for the user. Errors: RP_EUSAGE,
 * RP_EINPUT, as rp_shadow_set_build. On error *out is empty. The caller frees. */
rp_status rp_scored_criteria_build(const rp_criteria_wish *wish, const rp_score_data *score, int has_validation, const char *folder,
                                   const rp_criterion_plan *first, rp_scored_criteria *out, rp_text *notes, rp_error *err);
void rp_scored_criteria_free(rp_scored_criteria *list);

/* "ortho", "ortho variant=authors": with all that is not its default, whatever it is compared with. The caller frees. */
rp_status rp_scored_criteria_name(const rp_scored_criteria *list, int i, char **name, rp_error *err);

#endif
