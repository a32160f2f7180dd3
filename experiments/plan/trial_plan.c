/* trial_plan.c: puts model, program and criteria of one trial together and gives them their ids. */
#include "experiments/plan/trial_plan.h"

#include "core/base/memory.h"
#include "core/base/text.h"
#include "experiments/plan/ids.h"
#include "experiments/plan/model_file.h"

#include <stdlib.h>
#include <string.h>

static uint64_t whole_number(const rp_node *config, const char *path, uint64_t missing) {
  int64_t value;
  return rp_node_integer(rp_node_at(config, path), &value) && value >= 0 ? (uint64_t)value : missing;
}

rp_status rp_plan_data_options(const rp_node *config, const char *folder, rp_data_options *out, rp_error *err) {
  const rp_node *name = rp_node_at(config, "data.name");
  if (!name) return rp_fail(err, RP_EINPUT, "data.name is missing");
  *out = (rp_data_options){.name = rp_node_text(name),
                           .folder = folder,
                           .validation = (uint32_t)whole_number(config, "data.validation", 5000),
                           .split_seed = whole_number(config, "data.split_seed", 0),
                           .train = (uint32_t)whole_number(config, "data.train", 0),
                           .test = (uint32_t)whole_number(config, "data.test", 0)};
  return RP_OK;
}

rp_status rp_plan_data_json(const rp_node *config, char **out, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *data = NULL;
  const rp_node *given = rp_node_get(config, "data");
  if (!given) return rp_fail(err, RP_EINPUT, "data is missing");
  RP_TRY(rp_node_copy(given, &data, err));
  rp_node_remove(data, "augment");
  return rp_node_json(data, out, err);
}

/* ---- Criteria -------------------------------------------------------------------------------- */

static rp_status plan_drop(const rp_drop_request *drop, const rp_dataset *dataset, const char *rankers, rp_criterion_plan *out,
                           rp_error *err) {
  RP_CLEANUP(rp_free_pointer) rp_option_text *given = NULL;
  RP_TRY(rp_allocate((size_t)drop->n_settings + 1, sizeof *given, &given, err));
  for (int i = 0; i < drop->n_settings; i++) given[i] = (rp_option_text){drop->settings[i].name, drop->settings[i].text};
  rp_status status = rp_criterion_plan_resolve(drop->ranker, given, drop->n_settings, drop->normalise, &drop->score, rankers, out, err);
  if (status == RP_OK) status = rp_criterion_check_data(out, &drop->score, dataset->n[RP_VALIDATION] > 0, err);
  if (status != RP_OK && drop->place && *drop->place) rp_add_context(err, "%s", drop->place);
  return status;
}

static rp_status plan_criteria(rp_trial_plan *plan, const rp_dataset *dataset, const char *rankers, rp_error *err) {
  RP_TRY(rp_allocate((size_t)plan->program.n_steps + 1, sizeof *plan->criteria, &plan->criteria, err));
  for (int i = 0; i < plan->program.n_steps; i++) {
    rp_step *step = &plan->program.steps[i];
    if (step->kind != RP_OP_DROP) continue;
    RP_TRY(plan_drop(&step->as.drop, dataset, rankers, &plan->criteria[i], err));
    RP_CLEANUP(rp_free_pointer) char *params = step->params;
    step->params = NULL;
    RP_TRY(rp_criterion_drop_params(&plan->criteria[i], params, &step->params, err));
  }
  return RP_OK;
}

/* ---- The whole ------------------------------------------------------------------------------- */

static rp_status list_filters(rp_trial_plan *plan, rp_error *err) {
  RP_TRY(rp_allocate((size_t)plan->model.n_layers, sizeof *plan->K, &plan->K, err));
  RP_TRY(rp_allocate((size_t)plan->model.n_layers, sizeof *plan->names, &plan->names, err));
  for (int i = 0; i < plan->model.n_layers; i++) {
    const rp_layer_spec *layer = &plan->model.layers[i];
    if (layer->kind != RP_CONV) continue;
    plan->names[plan->n_convs] = layer->name;
    plan->K[plan->n_convs++] = layer->outputs;
    plan->n_filters += layer->outputs;
  }
  return RP_OK;
}

/* The split as the dataset has it: equal for configurations that lead to the same images, whatever keys they were written with. */
static rp_status name_root(rp_trial_plan *plan, const rp_dataset *dataset, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text split = {0};
  rp_text_format(&split, "{\"split_seed\":%llu,\"test\":%u,\"train\":%u,\"validation\":%u}", (unsigned long long)dataset->split_seed,
                 dataset->n[RP_TEST], dataset->n[RP_TRAIN], dataset->n[RP_VALIDATION]);
  RP_TRY(rp_text_check(&split, err));
  return rp_id_of_root(dataset->digest, rp_text_string(&split), plan->model_json, plan->seed, &plan->root, err);
}

static rp_status check_augmentation(const rp_node *config, const rp_program *program, const rp_dataset *dataset, rp_error *err) {
  for (int i = 0; i < program->n_steps; i++) {
    const rp_step *step = &program->steps[i];
    if (step->kind != RP_OP_TRAIN || rp_augmentation_check(&step->as.train.augment, dataset->height, dataset->width, err) == RP_OK)
      continue;
    rp_error reason = *err;
    return rp_node_fail(rp_node_at(config, "data.augment"), err, "%s", reason.message);
  }
  return RP_OK;
}

static rp_status name_trial(rp_trial_plan *plan, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) rp_program_step *steps = NULL;
  RP_TRY(rp_allocate((size_t)plan->program.n_steps + 1, sizeof *steps, &steps, err));
  for (int i = 0; i < plan->program.n_steps; i++) steps[i] = (rp_program_step){plan->program.steps[i].kind, plan->program.steps[i].params};
  return rp_id_of_trial(plan->root, steps, plan->program.n_steps, &plan->id, err);
}

static rp_status build(const rp_node *config, const rp_dataset *dataset, const char *rankers, rp_trial_plan *plan, rp_error *err) {
  rp_image_shape shape = {dataset->channels, dataset->height, dataset->width, dataset->n_classes};
  RP_TRY(rp_model_build(rp_node_get(config, "model"), shape, &plan->model, &plan->model_json, err));
  RP_TRY(rp_program_build(config, dataset->n[RP_TRAIN], &plan->program, err));
  plan->model.convolution = plan->program.convolution;
  RP_TRY(rp_program_check(&plan->program, &plan->model, err));
  RP_TRY(check_augmentation(config, &plan->program, dataset, err));
  RP_TRY(list_filters(plan, err));
  RP_TRY(plan_criteria(plan, dataset, rankers, err));
  RP_TRY(name_root(plan, dataset, err));
  return name_trial(plan, err);
}

rp_status rp_trial_plan_build(const rp_node *config, uint64_t seed, const rp_dataset *dataset, const char *rankers, rp_trial_plan *out,
                              rp_error *err) {
  *out = (rp_trial_plan){.seed = seed};
  rp_status status = build(config, dataset, rankers, out, err);
  if (status != RP_OK) rp_trial_plan_free(out);
  return status;
}

void rp_trial_plan_free(rp_trial_plan *plan) {
  for (int i = 0; plan->criteria && i < plan->program.n_steps; i++) rp_criterion_plan_free(&plan->criteria[i]);
  free(plan->criteria);
  rp_program_free(&plan->program);
  rp_model_free(&plan->model);
  free(plan->model_json);
  free(plan->K);
  free(plan->names);
  *plan = (rp_trial_plan){0};
}

rp_selection rp_plan_selection(const rp_trial_plan *plan, const rp_drop_request *drop, uint8_t *skip) {
  for (int c = 0; c < plan->n_convs; c++) {
    skip[c] = 0;
    for (int i = 0; i < drop->n_skip; i++) skip[c] |= strcmp(plan->names[c], drop->skip[i]) == 0;
  }
  return (rp_selection){drop->p, drop->scope, skip, drop->keep_at_least, drop->drop_at_most};
}
