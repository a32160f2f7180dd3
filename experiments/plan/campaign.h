/* campaign.h: an experiment with everything that can be known before it runs: open data sets, each trial's plan and id. Opening it
 * is the check that all of it can run: whatever is wrong in a file, a folder or a plugin is found here and nothing was written yet. */
#ifndef RP_PLAN_CAMPAIGN_H
#define RP_PLAN_CAMPAIGN_H

#include "experiments/plan/shadows.h"

typedef struct {
  rp_dataset dataset;
  char *json; /* data's configuration */
} rp_open_dataset;

typedef struct {
  rp_experiment experiment;
  rp_id digest; /* of the canonical experiment */
  char *data_folder, *rankers;
  int n_datasets;
  rp_open_dataset *datasets;
  int *dataset_of;      /* [n_trials] */
  rp_trial_plan *plans; /* [experiment.n_trials] */
  char **configs;       /* [n_trials] canonical JSON of each trial's configuration */
  int n_acting;
  const rp_criterion_plan **acting; /* [n_acting] the criteria of all drops, each once; of `plans` */
  int n_shadow_sets;
  rp_shadow_set *shadow_sets;
  int *shadows_of; /* [n_trials] index into shadow_sets; −1 = it has none: no drop, or no `shadow` in the experiment */
  char *notes; /* lines for the user: which trials turned out to be the same, what `shadow: [all]` leaves out; "" where there are none */
} rp_campaign;

/* Loads an experiment and plans its trials. `data_folder` NULL: $REPR_DATA, else "data". Errors: RP_EINPUT, RP_EDATA. The caller frees. */
rp_status rp_campaign_open(const char *experiment, const char *const *sets, int n_sets, const char *data_folder, rp_campaign *out,
                           rp_error *err);
void rp_campaign_free(rp_campaign *campaign);

/* Where data sets lie: `given`, or where that is NULL $REPR_DATA, else "data". The caller frees. */
rp_status rp_choose_data_folder(const char *given, char **out, rp_error *err);

/* "ARM/SEED", for messages; the caller frees. */
rp_status rp_campaign_trial_name(const rp_campaign *campaign, int trial, char **name, rp_error *err);

#endif
