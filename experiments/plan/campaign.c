/* campaign.c: loads the experiment, opens each distinct data set once, plans each trial. */
#include "experiments/plan/campaign.h"

#include "core/base/memory.h"
#include "core/base/text.h"

#include <stdlib.h>
#include <string.h>

rp_status rp_choose_data_folder(const char *given, char **out, rp_error *err) {
  const char *environment = getenv("REPR_DATA");
  if (given) return rp_copy_string(given, out, err);
  return rp_copy_string(environment && *environment ? environment : "data", out, err);
}

static rp_status open_dataset(rp_campaign *campaign, const rp_node *config, int *index, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *json = NULL;
  RP_TRY(rp_plan_data_json(config, &json, err));
  for (*index = 0; *index < campaign->n_datasets; (*index)++)
    if (strcmp(campaign->datasets[*index].json, json) == 0) return RP_OK;
  rp_data_options options;
  RP_TRY(rp_plan_data_options(config, campaign->data_folder, &options, err));
  RP_TRY(rp_reallocate(&campaign->datasets, (size_t)campaign->n_datasets + 1, sizeof *campaign->datasets, err));
  rp_open_dataset *opened = &campaign->datasets[campaign->n_datasets];
  *opened = (rp_open_dataset){0};
  RP_TRY(rp_dataset_open(&options, &opened->dataset, err));
  opened->json = json;
  json = NULL;
  campaign->n_datasets++;
  return RP_OK;
}

/* Ids know a criterion by the name that it calls itself, so within an experiment a name must mean one file. */
static rp_status check_name(const rp_criterion_plan *one, const rp_criterion_plan *other, rp_error *err) {
  if (strcmp(one->description.name, other->description.name) != 0 || rp_id_equal(one->description.file_hash, other->description.file_hash))
    return RP_OK;
  return rp_fail(err, RP_EINPUT, "two rankers call themselves '%s': %s and %s; change the .name of one, since results are kept under it",
                 one->description.name, one->path, other->path);
}

static rp_status check_names(const rp_campaign *campaign, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) const rp_criterion_plan **first = NULL; /* of each name */
  size_t n = 0, capacity = 0;
  for (int t = 0; t < campaign->experiment.n_trials; t++)
    for (int i = 0; i < campaign->plans[t].program.n_steps; i++) {
      const rp_criterion_plan *criterion = &campaign->plans[t].criteria[i];
      if (!criterion->path) continue;
      size_t k = 0;
      while (k < n && strcmp(first[k]->description.name, criterion->description.name) != 0) k++;
      if (k < n) {
        RP_TRY(check_name(first[k], criterion, err));
        continue;
      }
      RP_TRY(rp_grow(&first, n, &capacity, sizeof *first, err));
      first[n++] = criterion;
    }
  return RP_OK;
}

rp_status rp_campaign_trial_name(const rp_campaign *campaign, int trial, char **name, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  const rp_trial *row = &campaign->experiment.trials[trial];
  rp_text_format(&text, "%s/%llu", row->label, (unsigned long long)row->seed);
  return rp_text_take(&text, name, err);
}

static void remove_trial(rp_campaign *campaign, int t, int equal) {
  rp_trial_plan_free(&campaign->plans[t]);
  free(campaign->configs[t]);
  rp_experiment_remove_trial(&campaign->experiment, t, equal);
  for (int i = t; i < campaign->experiment.n_trials; i++) {
    campaign->plans[i] = campaign->plans[i + 1];
    campaign->configs[i] = campaign->configs[i + 1];
    campaign->dataset_of[i] = campaign->dataset_of[i + 1];
  }
}

/* Different keys can come to the same computation: a scale for a mode that has none, scoring data for standard training. Those trials are
 * one, the first. */
static rp_status merge_equal_trials(rp_campaign *campaign, rp_text *notes, rp_error *err) {
  for (int t = 1; t < campaign->experiment.n_trials; t++) {
    int equal = 0;
    while (equal < t && !rp_id_equal(campaign->plans[equal].id, campaign->plans[t].id)) equal++;
    if (equal == t) continue;
    const rp_trial *trials = campaign->experiment.trials;
    rp_text_format(notes, "%s/%llu is the same trial as %s/%llu\n", trials[t].label, (unsigned long long)trials[t].seed,
                   trials[equal].label, (unsigned long long)trials[equal].seed);
    remove_trial(campaign, t--, equal);
  }
  return rp_text_check(notes, err);
}

/* ---- Shadows --------------------------------------------------------------------------------- */

static const rp_drop_request *first_drop(const rp_trial_plan *plan) {
  for (int i = 0; i < plan->program.n_steps; i++)
    if (plan->program.steps[i].kind == RP_OP_DROP) return &plan->program.steps[i].as.drop;
  return NULL;
}

static int acts(const rp_campaign *campaign, const rp_criterion_plan *criterion) {
  for (int i = 0; i < campaign->n_acting; i++)
    if (rp_criterion_plan_equal(campaign->acting[i], criterion)) return 1;
  return 0;
}

/* The plans must stay where they are from here on. */
static rp_status list_acting(rp_campaign *campaign, rp_error *err) {
  size_t capacity = 0;
  for (int t = 0; t < campaign->experiment.n_trials; t++)
    for (int i = 0; i < campaign->plans[t].program.n_steps; i++) {
      const rp_criterion_plan *criterion = &campaign->plans[t].criteria[i];
      if (!criterion->path || acts(campaign, criterion)) continue;
      RP_TRY(rp_grow(&campaign->acting, (size_t)campaign->n_acting, &capacity, sizeof *campaign->acting, err));
      campaign->acting[campaign->n_acting++] = criterion;
    }
  return RP_OK;
}

/* The shadows of a trial; those of one that scores on the same data serve it, too. All drops of a trial do so. */
static rp_status find_shadows(rp_campaign *campaign, int t, rp_text *notes, rp_error *err) {
  const rp_drop_request *drop = first_drop(&campaign->plans[t]);
  int has_validation = campaign->datasets[campaign->dataset_of[t]].dataset.n[RP_VALIDATION] > 0, i = 0;
  campaign->shadows_of[t] = -1;
  if (!drop || !campaign->experiment.n_shadow) return RP_OK;
  for (; i < campaign->n_shadow_sets; i++) {
    const rp_shadow_set *set = &campaign->shadow_sets[i];
    if (set->score.data == drop->score.data && set->score.images == drop->score.images && set->has_validation == has_validation) break;
  }
  campaign->shadows_of[t] = i;
  if (i < campaign->n_shadow_sets) return RP_OK;
  RP_TRY(rp_reallocate(&campaign->shadow_sets, (size_t)i + 1, sizeof *campaign->shadow_sets, err));
  const rp_all_criteria all = {campaign->rankers, campaign->acting, campaign->n_acting};
  RP_TRY(rp_shadow_set_build(campaign->experiment.shadow, campaign->experiment.n_shadow, &drop->score, has_validation, &all,
                             &campaign->shadow_sets[i], notes, err));
  campaign->n_shadow_sets++;
  return RP_OK;
}

/* ---- The whole ------------------------------------------------------------------------------- */

static rp_status open_campaign(const char *experiment, const char *const *sets, int n_sets, const char *data_folder, rp_campaign *campaign,
                               rp_error *err) {
  RP_TRY(rp_experiment_load(experiment, sets, n_sets, &campaign->experiment, err));
  const char *json = campaign->experiment.config_json;
  campaign->digest = rp_digest_of("experiment", json, strlen(json));
  RP_TRY(rp_choose_data_folder(data_folder, &campaign->data_folder, err));
  RP_TRY(rp_plugin_folder(&campaign->rankers, err));
  size_t n = (size_t)campaign->experiment.n_trials;
  RP_TRY(rp_allocate(n, sizeof *campaign->dataset_of, &campaign->dataset_of, err));
  RP_TRY(rp_allocate(n, sizeof *campaign->shadows_of, &campaign->shadows_of, err));
  RP_TRY(rp_allocate(n, sizeof *campaign->plans, &campaign->plans, err));
  RP_TRY(rp_allocate(n, sizeof *campaign->configs, &campaign->configs, err));
  for (size_t i = 0; i < n; i++) {
    const rp_trial *trial = &campaign->experiment.trials[i];
    RP_TRY(rp_node_json(trial->config, &campaign->configs[i], err));
    RP_TRY(open_dataset(campaign, trial->config, &campaign->dataset_of[i], err));
    const rp_dataset *dataset = &campaign->datasets[campaign->dataset_of[i]].dataset;
    RP_TRY(rp_trial_plan_build(trial->config, trial->seed, dataset, campaign->rankers, &campaign->plans[i], err));
  }
  RP_TRY(check_names(campaign, err));
  RP_CLEANUP(rp_text_free) rp_text notes = {0};
  RP_TRY(merge_equal_trials(campaign, &notes, err));
  RP_TRY(list_acting(campaign, err));
  for (int t = 0; t < campaign->experiment.n_trials; t++) RP_TRY(find_shadows(campaign, t, &notes, err));
  return rp_text_take(&notes, &campaign->notes, err);
}

rp_status rp_campaign_open(const char *experiment, const char *const *sets, int n_sets, const char *data_folder, rp_campaign *out,
                           rp_error *err) {
  *out = (rp_campaign){0};
  rp_status status = open_campaign(experiment, sets, n_sets, data_folder, out, err);
  if (status != RP_OK) rp_campaign_free(out);
  return status;
}

void rp_campaign_free(rp_campaign *campaign) {
  for (int i = 0; i < campaign->experiment.n_trials; i++) {
    if (campaign->plans) rp_trial_plan_free(&campaign->plans[i]);
    if (campaign->configs) free(campaign->configs[i]);
  }
  for (int i = 0; i < campaign->n_datasets; i++) {
    rp_dataset_close(&campaign->datasets[i].dataset);
    free(campaign->datasets[i].json);
  }
  for (int i = 0; i < campaign->n_shadow_sets; i++) rp_shadow_set_free(&campaign->shadow_sets[i]);
  free(campaign->shadow_sets);
  free(campaign->acting);
  free(campaign->shadows_of);
  free(campaign->datasets);
  free(campaign->dataset_of);
  free(campaign->plans);
  free(campaign->configs);
  free(campaign->data_folder);
  free(campaign->rankers);
  free(campaign->notes);
  rp_experiment_free(&campaign->experiment);
  *campaign = (rp_campaign){0};
}
