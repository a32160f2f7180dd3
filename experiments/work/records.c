/* records.c: field by field from plans and answers to rows. */
#include "experiments/work/records.h"

#include "core/base/memory.h"
#include "core/base/text.h"
#include "experiments/work/stored_path.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

rp_criterion rp_criterion_row(const rp_criterion_plan *criterion) {
  const rp_plugin_description *ranker = &criterion->description;
  return (rp_criterion){ranker->name, ranker->version, criterion->options_json, criterion->path, ranker->file_hash};
}

/* ---- Plans ----------------------------------------------------------------------------------- */

typedef struct {
  size_t n, capacity;
  rp_param *rows;
} parameter_list;

static void free_parameters(parameter_list *list) {
  for (size_t i = 0; i < list->n; i++) {
    free((void *)(uintptr_t)list->rows[i].key);
    free((void *)(uintptr_t)list->rows[i].value);
  }
  free(list->rows);
}

static rp_status add_parameter(parameter_list *list, const char *key, const rp_node *value, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *text = NULL;
  if (rp_node_is(value, RP_NODE_STRING))
    RP_TRY(rp_copy_string(rp_node_text(value), &text, err));
  else
    RP_TRY(rp_node_json(value, &text, err));
  RP_TRY(rp_grow(&list->rows, list->n, &list->capacity, sizeof *list->rows, err));
  RP_CLEANUP(rp_free_pointer) char *key_copy = NULL;
  RP_TRY(rp_copy_string(key, &key_copy, err));
  list->rows[list->n++] = (rp_param){key_copy, text};
  key_copy = text = NULL;
  return RP_OK;
}

static rp_status flatten(parameter_list *list, const char *prefix, const rp_node *node, rp_error *err) {
  if (!rp_node_is(node, RP_NODE_MAP)) return add_parameter(list, prefix, node, err);
  for (size_t i = 0; i < node->n; i++) {
    RP_CLEANUP(rp_text_free) rp_text key = {0};
    rp_text_format(&key, "%s%s%s", prefix, *prefix ? "." : "", node->entries[i].key);
    RP_TRY(rp_text_check(&key, err));
    RP_TRY(flatten(list, rp_text_string(&key), node->entries[i].value, err));
  }
  return RP_OK;
}

static const char *name_at(const rp_node *config, const char *path) {
  const rp_node *node = rp_node_at(config, path);
  return rp_node_is(node, RP_NODE_MAP) ? rp_node_text(rp_node_get(node, "name")) : rp_node_text(node);
}

static int whole_at(const rp_node *config, const char *path) {
  int64_t value;
  return rp_node_integer(rp_node_at(config, path), &value) ? (int)value : -1;
}

/* Whether any of a trial's drops looks at the validation split: its best-validation epoch is then marked (rule 21). */
static int validation_ranks(const rp_trial_plan *plan) {
  for (int i = 0; i < plan->program.n_steps; i++) {
    if (plan->program.steps[i].kind != RP_OP_DROP) continue;
    int data = plan->program.steps[i].as.drop.score.data;
    int measures = (plan->criteria[i].description.flags & RP_USES_ABLATION) != 0;
    if (data == RP_SCORE_VALIDATION || (data == RP_SCORE_AUTO && measures)) return 1;
  }
  return 0;
}

static rp_status put_trial(const rp_campaign *campaign, int i, rp_store *store, rp_error *err) {
  const rp_node *config = campaign->experiment.trials[i].config;
  RP_CLEANUP(free_parameters) parameter_list parameters = {0};
  RP_TRY(flatten(&parameters, "", config, err));
  double p;
  const char *ranker = name_at(config, "scheme.ranker");
  rp_trial_row row = {.id = campaign->plans[i].id,
                      .seed = campaign->plans[i].seed,
                      .scheme = name_at(config, "scheme"),
                      .ranker = *ranker ? ranker : NULL,
                      .s1 = whole_at(config, "scheme.s1"),
                      .s2 = whole_at(config, "scheme.s2"),
                      .n = whole_at(config, "scheme.n"),
                      .p = rp_node_double(rp_node_at(config, "scheme.p"), &p) ? p : NAN,
                      .model = name_at(config, "model"),
                      .data = name_at(config, "data"),
                      .config_json = campaign->configs[i],
                      .epochs = (int)campaign->plans[i].program.epochs,
                      .validation_ranks = validation_ranks(&campaign->plans[i]),
                      .params = parameters.rows,
                      .n_params = (int)parameters.n};
  return rp_store_put_trial(store, &row, err);
}

static rp_status put_plan(const rp_campaign *campaign, rp_plan_trial *trials, rp_store *store, rp_error *err) {
  const rp_experiment *experiment = &campaign->experiment;
  int n = 0;
  for (int baselines = 1; baselines >= 0; baselines--)
    for (int i = 0; i < experiment->n_trials; i++) {
      const rp_trial *trial = &experiment->trials[i];
      if (trial->is_baseline != baselines) continue;
      char *differs;
      RP_TRY(rp_node_json(trial->differs, &differs, err));
      trials[n] = (rp_plan_trial){campaign->plans[i].id, trial->label, trial->is_baseline, {{0}}, differs};
      if (trial->baseline >= 0) trials[n].baseline = campaign->plans[trial->baseline].id;
      n++;
    }
  int n_shadows = 0;
  for (int i = 0; i < campaign->n_shadow_sets; i++) n_shadows += campaign->shadow_sets[i].n;
  RP_CLEANUP(rp_free_pointer) rp_criterion *shadows = NULL;
  RP_TRY(rp_allocate((size_t)n_shadows, sizeof *shadows, &shadows, err));
  n_shadows = 0;
  for (int i = 0; i < campaign->n_shadow_sets; i++)
    for (int j = 0; j < campaign->shadow_sets[i].n; j++) shadows[n_shadows++] = rp_criterion_row(&campaign->shadow_sets[i].shadows[j].plan);
  rp_plan_row row = {experiment->name, campaign->digest, experiment->config_json, experiment->file, trials, n, shadows, n_shadows};
  return rp_store_put_plan(store, &row, err);
}

rp_status rp_record_plan(const rp_campaign *campaign, rp_store *store, rp_error *err) {
  size_t n = (size_t)campaign->experiment.n_trials;
  RP_CLEANUP(rp_free_pointer) rp_plan_trial *trials = NULL;
  RP_TRY(rp_allocate(n, sizeof *trials, &trials, err));
  RP_TRY(rp_store_begin(store, err));
  rp_status status = RP_OK;
  for (int i = 0; i < (int)n && status == RP_OK; i++) status = put_trial(campaign, i, store, err);
  if (status == RP_OK) status = put_plan(campaign, trials, store, err);
  for (size_t i = 0; i < n; i++) free((void *)(uintptr_t)trials[i].differs_json);
  if (status == RP_OK) status = rp_store_commit(store, err);
  if (status != RP_OK) rp_store_rollback(store);
  return status;
}

/* ---- Results --------------------------------------------------------------------------------- */

static rp_status put_state(const rp_trial_plan *plan, int path_step, const rp_job_result *result, rp_store *store, rp_error *err) {
  const rp_step *step = path_step ? &plan->program.steps[path_step - 1] : NULL;
  RP_CLEANUP(rp_free_pointer) rp_layer_row *layers = NULL;
  RP_TRY(rp_allocate((size_t)result->n_layers, sizeof *layers, &layers, err));
  for (int i = 0; i < result->n_layers; i++)
    layers[i] = (rp_layer_row){plan->names[i], result->layers[i].ortho_mean, result->layers[i].opposite_share,
                               result->layers[i].active_filters, result->layers[i].dead_filters};
  rp_state_row row = rp_state_row_empty();
  row.id = result->id, row.parent = result->parent, row.digest = result->digest;
  row.op = step ? rp_op_name(step->kind) : "init";
  row.op_version = step ? rp_op_version(step->kind) : 1;
  row.phase = rp_phase_name(step ? step->phase : RP_PHASE_FULL);
  row.epoch = result->epoch, row.cycle = result->cycle;
  row.lr = result->lr, row.train_loss = result->train_loss, row.train_acc = result->train_acc;
  row.images_per_second = result->images_per_second;
  row.val_loss = result->val_loss, row.val_acc = result->val_acc;
  row.test_loss = result->test_loss, row.test_acc = result->test_acc;
  row.test_acc_bn = result->test_acc_bn, row.val_acc_bn = result->val_acc_bn;
  row.ortho_sum = result->ortho_sum, row.ortho_mean = result->ortho_mean;
  row.active_filters = result->active_filters, row.regrown = result->regrown;
  row.constraints_asked = result->constraints_asked, row.constraints_met = result->constraints_met;
  row.max_cos_left = result->max_cos_left;
  row.seconds = result->seconds, row.checkpoint_bytes = result->checkpoint_bytes;
  row.layers = layers, row.n_layers = result->n_layers;
  return rp_store_put_state(store, &row, err);
}

static rp_criterion criterion_of(const rp_job_scores *scores) {
  return (rp_criterion){scores->name, scores->version, scores->options_json, scores->path, scores->file_hash};
}

static double percent(rp_decimal p) {
  return (double)p.digits / pow(10, p.decimals);
}

static rp_status put_choice(const rp_trial_plan *plan, const rp_step *step, rp_id request, const rp_job_result *result, rp_store *store,
                            rp_error *err) {
  const rp_store_filters filters = rp_filters_of(plan);
  rp_criterion criterion = criterion_of(&result->scores);
  RP_TRY(rp_store_put_scores(store, result->parent, &criterion, &filters, result->scores.scores, err));
  rp_drop_row row = {.request = request,
                     .state = result->parent,
                     .criterion = criterion,
                     .p = percent(step->as.drop.p),
                     .limits_json = step->params,
                     .gate = step->as.drop.gate,
                     .set = result->set,
                     .ranks = result->ranks,
                     .count = result->count,
                     .limits_used = result->limits_used,
                     .ties_at_cut = result->ties_at_cut,
                     .seconds = result->choosing_seconds};
  return rp_store_put_drop(store, &row, &filters, err);
}

rp_status rp_record_result(const rp_campaign *campaign, int trial, int path_step, rp_id request, const rp_job_result *result,
                           rp_store *store, rp_error *err) {
  const rp_trial_plan *plan = &campaign->plans[trial];
  RP_TRY(put_state(plan, path_step, result, store, err));
  if (!result->was_chosen) return RP_OK;
  return put_choice(plan, &plan->program.steps[path_step - 1], request, result, store, err);
}

/* ---- Shadows --------------------------------------------------------------------------------- */

static rp_status put_answer(const rp_trial_plan *plan, int step, rp_id state, const rp_shadow_row *row, const char *params,
                            const rp_job_scored *said, rp_store *store, rp_error *err) {
  const rp_store_filters filters = rp_filters_of(plan);
  RP_TRY(rp_store_put_scores(store, state, &row->criterion, &filters, said->scores, err));
  rp_drop_row answer = {.request = row->asked,
                        .state = state,
                        .criterion = row->criterion,
                        .p = percent(plan->program.steps[step].as.drop.p),
                        .limits_json = params,
                        .gate = plan->program.steps[step].as.drop.gate,
                        .set = said->set,
                        .ranks = said->ranks,
                        .count = said->record.count,
                        .limits_used = said->record.limits_used,
                        .ties_at_cut = said->record.ties_at_cut,
                        .seconds = said->seconds};
  return rp_store_put_drop(store, &answer, &filters, err);
}

rp_status rp_record_shadow(const rp_trial_plan *plan, int step, rp_id state, rp_id acted, const rp_criterion_plan *shadow,
                           const rp_job_scored *said, rp_store *store, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *params = NULL;
  rp_error reason = {0};
  rp_shadow_row row = {.request = acted, .criterion = rp_criterion_row(shadow), .outcome = RP_SHADOW_SCORED};
  RP_TRY(rp_shadow_request(plan, step, shadow, state, &params, &row.asked, err));
  rp_status status = said->status;
  const char *message = said->message;
  if (status == RP_OK) {
    status = put_answer(plan, step, state, &row, params, said, store, &reason);
    if (status != RP_OK && status != RP_ENUMERIC) return rp_fail(err, status, "%s", reason.message);
    message = reason.message;
  }
  if (status != RP_OK) {
    row.outcome = said->does_not_apply ? RP_SHADOW_NOT_APPLICABLE : RP_SHADOW_FAILED;
    row.cause = status;
    row.message = message;
  }
  return rp_store_put_shadow(store, &row, err);
}
