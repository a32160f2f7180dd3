/* shadows.h: the criteria that are scored at each drop without acting: what `shadow: […]` of an experiment stands for. */
#ifndef RP_PLAN_SHADOWS_H
#define RP_PLAN_SHADOWS_H

#include "core/base/text.h"
#include "experiments/plan/trial_plan.h"

typedef struct {
  rp_criterion_plan plan;
  int is_listed; /* 1 = by its name; 0 = `all` stands for it: that it does not apply to a net is then nothing to complain about */
} rp_shadow;

/* The shadows of all trials that score on the same data: of each such trial at each of its drops, less the criterion that acts there. */
typedef struct {
  rp_score_data score;
  int has_validation; /* their data set has a validation split */
  int n;
  rp_shadow *shadows; /* [n], distinct (rp_criterion_plan_equal) */
} rp_shadow_set;

/* What `all` stands for: every criterion in the folder of built-in ones with its defaults, and those that act in the experiment. */
typedef struct {
  const char *rankers;                    /* the folder */
  const rp_criterion_plan *const *acting; /* [n_acting], distinct */
  int n_acting;
} rp_all_criteria;

/* Resolves what an experiment lists: names, maps with options, paths; `all` leaves out those that need a validation split where there is
 * none, and an acting one that calls itself like another file. `notes`: a line for each that was left out of `all`, if it is not there
 * yet. Errors: RP_EINPUT with position: as rp_criterion_plan_build; one listed by name that needs a validation split; two files that call
 * themselves alike. On error *out is empty. The caller frees. */
rp_status rp_shadow_set_build(rp_node *const *listed, int n_listed, const rp_score_data *score, int has_validation,
                              const rp_all_criteria *all, rp_shadow_set *out, rp_text *notes, rp_error *err);
void rp_shadow_set_free(rp_shadow_set *set);

/* The request that a criterion would answer if it acted at a trial's program step (a drop) on a state (rule 27); *params: of that request,
 * which the caller frees. */
rp_status rp_shadow_request(const rp_trial_plan *plan, int step, const rp_criterion_plan *criterion, rp_id state, char **params,
                            rp_id *request, rp_error *err);

#endif
