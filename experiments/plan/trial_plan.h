/* trial_plan.h: everything that follows from a trial's configuration before anything is computed: data set, model, program, criteria, ids.
 *
 * Coordinator and worker build it from the same configuration and so agree. A worker gets the configuration as canonical JSON. */
#ifndef RP_PLAN_TRIAL_PLAN_H
#define RP_PLAN_TRIAL_PLAN_H

#include "core/data/dataset.h"
#include "experiments/config/experiment.h"
#include "experiments/plan/criterion_plan.h"
#include "experiments/plan/program.h"

typedef struct {
  rp_model model;
  char *model_json; /* canonical */
  rp_program program;
  rp_criterion_plan *criteria; /* [program.n_steps]; only those of drop steps are set */
  uint64_t seed;
  rp_id root, id; /* of epoch 0, and of the trial */
  int n_filters, n_convs;
  int *K;             /* [n_convs] */
  const char **names; /* [n_convs], borrowed from the model */
} rp_trial_plan;

/* What of a trial's configuration decides which images its data set holds, as JSON: equal where one open data set serves both. */
rp_status rp_plan_data_json(const rp_node *config, char **out, rp_error *err);

/* The data options of a trial's configuration. Strings are borrowed from `config` and `folder`. */
rp_status rp_plan_data_options(const rp_node *config, const char *folder, rp_data_options *out, rp_error *err);

/* Builds and checks a trial's plan against its open data set. `rankers`: the folder of built-in criteria. Errors: RP_EINPUT with position:
 * model, program, limits, ranker (not found, no plugin, other ABI, undefined symbol), its options, an oracle without a validation split.
 * The caller frees. */
rp_status rp_trial_plan_build(const rp_node *config, uint64_t seed, const rp_dataset *dataset, const char *rankers, rp_trial_plan *out,
                              rp_error *err);
void rp_trial_plan_free(rp_trial_plan *plan);

/* What rp_select must know of a drop step. `skip`: [n_convs], written. The result borrows `skip`. */
rp_selection rp_plan_selection(const rp_trial_plan *plan, const rp_drop_request *drop, uint8_t *skip);

#endif
