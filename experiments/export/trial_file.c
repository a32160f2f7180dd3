/* trial_file.c: arrays of a step, arrays of the data set, and the JSON that says what they are. */
#include "experiments/export/trial_file.h"

#include "core/base/memory.h"
#include "core/data/batches.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Arrays ---------------------------------------------------------------------------------- */

static rp_status put(rp_npz *npz, int path_step, const char *name, rp_npz_type type, size_t n, const void *values, rp_error *err) {
  char full_name[64];
  snprintf(full_name, sizeof full_name, "%d/%s", path_step, name);
  return rp_npz_put(npz, full_name, (rp_npz_shape){type, 1, {n}}, values, err);
}

static rp_status put_slots(rp_npz *npz, int path_step, const rp_state *state, rp_error *err) {
  const size_t n = state->layout->n_parameters;
  char name[32];
  snprintf(name, sizeof name, "%d/slots", path_step);
  RP_TRY(rp_npz_begin(npz, name, (rp_npz_shape){RP_NPZ_F32, 2, {(size_t)state->n_slots, n}}, err));
  for (int i = 0; i < state->n_slots; i++) RP_TRY(rp_npz_add(npz, state->slots[i], n * sizeof(float), err));
  return RP_OK;
}

static rp_status put_filters(rp_npz *npz, int path_step, const rp_state *state, rp_error *err) {
  const size_t F = (size_t)state->layout->n_filters;
  RP_CLEANUP(rp_free_pointer) uint8_t *flags = NULL;
  RP_CLEANUP(rp_free_pointer) uint32_t *counts = NULL;
  RP_TRY(rp_allocate(F, 2, &flags, err));
  RP_TRY(rp_allocate(F, 3 * sizeof *counts, &counts, err));
  for (size_t f = 0; f < F; f++) {
    const rp_filter_state *filter = &state->filters[f];
    flags[f] = filter->dropped, flags[F + f] = filter->closed;
    counts[f] = filter->drop_cycle, counts[F + f] = filter->last_regrow_epoch, counts[2 * F + f] = filter->times_dropped;
  }
  RP_TRY(put(npz, path_step, "dropped", RP_NPZ_U8, F, flags, err));
  RP_TRY(put(npz, path_step, "closed", RP_NPZ_U8, F, flags + F, err));
  RP_TRY(put(npz, path_step, "drop_cycle", RP_NPZ_U32, F, counts, err));
  RP_TRY(put(npz, path_step, "last_regrow_epoch", RP_NPZ_U32, F, counts + F, err));
  return put(npz, path_step, "times_dropped", RP_NPZ_U32, F, counts + 2 * F, err);
}

static rp_status put_state(rp_npz *npz, int path_step, const rp_state *state, rp_error *err) {
  const rp_layout *layout = state->layout;
  RP_TRY(put(npz, path_step, "parameters", RP_NPZ_F32, layout->n_parameters, state->parameters, err));
  RP_TRY(put_slots(npz, path_step, state, err));
  RP_TRY(put(npz, path_step, "at_drop", RP_NPZ_F32, layout->n_parameters, state->at_drop, err));
  RP_TRY(put(npz, path_step, "steps", RP_NPZ_U32, layout->n_units, state->steps, err));
  return put_filters(npz, path_step, state, err);
}

static rp_status put_training(const rp_trial_file *file, rp_npz *npz, int path_step, const rp_train_options *options, rp_error *err) {
  const rp_dataset *dataset = file->view.dataset;
  const uint32_t n_images = dataset->n[RP_TRAIN], n_steps = rp_train_steps(options, n_images);
  RP_CLEANUP(rp_free_pointer) uint32_t *order = NULL;
  RP_CLEANUP(rp_free_pointer) double *lr = NULL;
  RP_TRY(rp_allocate(n_images, sizeof *order, &order, err));
  RP_TRY(rp_allocate(n_steps, sizeof *lr, &lr, err));
  rp_batches_order(dataset, file->view.plan->seed, (uint32_t)file->path->steps[path_step].epoch, order);
  for (uint32_t i = 0; i < n_steps; i++) lr[i] = rp_train_lr(options, i);
  RP_TRY(put(npz, path_step, "order", RP_NPZ_U32, n_images, order, err));
  return put(npz, path_step, "lr", RP_NPZ_F64, n_steps, lr, err);
}

static rp_status put_drop(const rp_trial_file *file, rp_npz *npz, int path_step, rp_error *err) {
  const size_t F = (size_t)file->view.plan->n_filters;
  RP_CLEANUP(rp_free_pointer) float *scores = NULL;
  RP_CLEANUP(rp_free_pointer) int *ranks = NULL;
  RP_CLEANUP(rp_free_pointer) uint8_t *set = NULL;
  RP_TRY(rp_allocate(F, sizeof *scores, &scores, err));
  RP_TRY(rp_allocate(F, sizeof *ranks, &ranks, err));
  RP_TRY(rp_allocate(F, sizeof *set, &set, err));
  RP_TRY(rp_query_drop(file->store, file->path->steps[path_step].request, (int)F, scores, ranks, set, err));
  RP_TRY(put(npz, path_step, "set", RP_NPZ_U8, F, set, err));
  RP_TRY(put(npz, path_step, "scores", RP_NPZ_F32, F, scores, err));
  return put(npz, path_step, "ranks", RP_NPZ_I32, F, ranks, err);
}

static rp_status put_regrown(rp_npz *npz, int path_step, const rp_state *state, const uint8_t *before, rp_error *err) {
  if (!state || !before) return RP_OK;
  const size_t F = (size_t)state->layout->n_filters;
  RP_CLEANUP(rp_free_pointer) uint8_t *regrown = NULL;
  RP_TRY(rp_allocate(F, 1, &regrown, err));
  for (size_t f = 0; f < F; f++) regrown[f] = before[f] && !state->filters[f].dropped;
  return put(npz, path_step, "regrown", RP_NPZ_U8, F, regrown, err);
}

rp_status rp_trial_file_put_step(const rp_trial_file *file, rp_npz *npz, int i, const rp_state *state, const uint8_t *before,
                                 rp_error *err) {
  if (state) RP_TRY(put_state(npz, i, state, err));
  if (i == 0) return RP_OK;
  const rp_step *step = &file->view.plan->program.steps[i - 1];
  switch (step->kind) {
  case RP_OP_TRAIN:
    return put_training(file, npz, i, &step->as.train, err);
  case RP_OP_DROP:
    return put_drop(file, npz, i, err);
  case RP_OP_REGROW:
    return put_regrown(npz, i, state, before, err);
  case RP_N_OPS:
    break;
  }
  return rp_fail(err, RP_EINPUT, "no such op");
}

/* ---- The data set ---------------------------------------------------------------------------- */

static const char *const PART_NAMES[RP_N_PARTS] = {[RP_TRAIN] = "train", [RP_VALIDATION] = "validation", [RP_TEST] = "test"};

static rp_status put_images(const rp_dataset *dataset, rp_part part, rp_npz *npz, rp_error *err) {
  const size_t n = dataset->n[part], C = (size_t)dataset->channels, H = (size_t)dataset->height, W = (size_t)dataset->width;
  char name[32];
  snprintf(name, sizeof name, "%s_images", PART_NAMES[part]);
  RP_TRY(rp_npz_begin(npz, name, (rp_npz_shape){RP_NPZ_U8, 4, {n, C, H, W}}, err));
  for (size_t i = 0; i < n; i++) RP_TRY(rp_npz_add(npz, dataset->images[part][i], C * H * W, err));
  return RP_OK;
}

/* Nobody else can make those images; others lie in files. */
static int is_generated(const char *name) {
  int n;
  const rp_dataset_kind *kinds = rp_dataset_kinds(&n);
  for (int i = 0; i < n; i++)
    if (strcmp(kinds[i].name, name) == 0) return kinds[i].find == NULL;
  return 0;
}

rp_status rp_trial_file_put_data(const rp_trial_file *file, rp_npz *npz, rp_error *err) {
  const rp_dataset *dataset = file->view.dataset;
  const int with_images = is_generated(file->trial->data);
  for (int part = 0; part < RP_N_PARTS; part++) {
    char name[32];
    snprintf(name, sizeof name, "%s_labels", PART_NAMES[part]);
    RP_TRY(rp_npz_put(npz, name, (rp_npz_shape){RP_NPZ_U8, 1, {dataset->n[part]}}, dataset->labels[part], err));
    if (with_images) RP_TRY(put_images(dataset, (rp_part)part, npz, err));
  }
  return RP_OK;
}

/* ---- meta ------------------------------------------------------------------------------------ */

#define NAME_ROW(code, name, help) [code] = name,
static const char *const REGROW_MODES[] = {RP_REGROW_MODE_LIST(NAME_ROW)};
static const char *const REGROW_SCALES[] = {RP_REGROW_SCALE_LIST(NAME_ROW)};
static const char *const REGROW_READERS[] = {RP_REGROW_READERS_LIST(NAME_ROW)};
static const char *const DECAYS[] = {RP_DECAY_LIST(NAME_ROW)};
#undef NAME_ROW

static const char *const TENSOR_KINDS[] = {[RP_CONV_WEIGHT] = "conv weight", [RP_FC_WEIGHT] = "fc weight", [RP_BIAS] = "bias",
                                           [RP_BN_GAMMA] = "BN gamma",       [RP_BN_BETA] = "BN beta",     [RP_BN_MEAN] = "BN mean",
                                           [RP_BN_VARIANCE] = "BN variance"};

/* "key":value, with a comma in front where something stands there already. */
static void add_key(rp_text *json, const char *key) {
  const char last = json->length ? json->bytes[json->length - 1] : '{';
  rp_text_add(json, last == '{' || last == '[' ? "" : ",");
  rp_text_add_json_string(json, key);
  rp_text_add(json, ":");
}

static void add_string(rp_text *json, const char *key, const char *value) {
  add_key(json, key);
  rp_text_add_json_string(json, value);
}

/* NaN is null. */
static void add_number(rp_text *json, const char *key, double value) {
  add_key(json, key);
  if (isfinite(value))
    rp_text_format(json, "%.17g", value);
  else
    rp_text_add(json, "null");
}

static void add_integer(rp_text *json, const char *key, int64_t value) {
  add_key(json, key);
  rp_text_format(json, "%lld", (long long)value);
}

static void add_id(rp_text *json, const char *key, rp_id id) {
  char hex[RP_ID_HEX + 1];
  rp_id_hex(id, hex);
  add_string(json, key, hex);
}

/* `text` is JSON already. */
static void add_json(rp_text *json, const char *key, const char *text) {
  add_key(json, key);
  rp_text_add(json, text);
}

static void add_net(rp_text *json, const rp_session_view *view) {
  const rp_layout *layout = rp_net_layout(view->net);
  const rp_model *model = rp_net_model(view->net);
  add_json(json, "layers", view->plan->model_json);
  add_json(json, "tensors", "[");
  for (int i = 0; i < layout->n_tensors; i++) {
    const rp_tensor *tensor = &layout->tensors[i];
    rp_text_add(json, i ? ",{" : "{");
    add_string(json, "kind", TENSOR_KINDS[tensor->kind]);
    add_string(json, "layer", model->layers[tensor->layer].name);
    add_integer(json, "K", tensor->K), add_integer(json, "C", tensor->C), add_integer(json, "E", tensor->E);
    add_integer(json, "offset", (int64_t)tensor->offset), add_integer(json, "first_unit", (int64_t)tensor->first_unit);
    rp_text_add(json, "}");
  }
  rp_text_add(json, "]");
  add_json(json, "filters", "[");
  for (int i = 0; i < layout->n_convs; i++) {
    rp_text_add(json, i ? ",{" : "{");
    add_string(json, "layer", layout->convs[i].name);
    add_integer(json, "K", layout->convs[i].K), add_integer(json, "first", layout->convs[i].first_filter);
    rp_text_add(json, "}");
  }
  rp_text_add(json, "]");
  add_json(json, "image", "{");
  add_integer(json, "channels", model->channels), add_integer(json, "height", model->height), add_integer(json, "width", model->width);
  add_integer(json, "classes", model->n_classes);
  rp_text_add(json, "}");
}

static void add_numbers(rp_text *json, const char *key, const float *values, int n) {
  add_json(json, key, "[");
  for (int i = 0; i < n; i++) rp_text_format(json, "%s%.9g", i ? "," : "", (double)values[i]);
  rp_text_add(json, "]");
}

static void add_data(rp_text *json, const rp_trial_file *file) {
  const rp_dataset *dataset = file->view.dataset;
  add_json(json, "data", "{");
  add_string(json, "name", file->trial->data);
  add_id(json, "digest", dataset->digest);
  add_integer(json, "split_seed", (int64_t)dataset->split_seed);
  for (int part = 0; part < RP_N_PARTS; part++) add_integer(json, PART_NAMES[part], dataset->n[part]);
  add_numbers(json, "mean", dataset->mean, dataset->channels);
  add_numbers(json, "deviation", dataset->deviation, dataset->channels);
  rp_text_add(json, "}");
}

static void add_training(rp_text *json, const rp_train_options *train) {
  const rp_optimizer *optimizer = &train->optimizer;
  add_json(json, "train", "{");
  add_integer(json, "batch", train->batch);
  add_string(json, "last_batch", train->keep_last_batch ? "keep" : "drop");
  add_string(json, "optimizer", rp_optimizer_name(optimizer->kind));
  add_number(json, "momentum", optimizer->momentum), add_number(json, "alpha", optimizer->alpha);
  add_number(json, "beta1", optimizer->beta1), add_number(json, "beta2", optimizer->beta2);
  add_number(json, "epsilon", optimizer->epsilon), add_number(json, "weight_decay", optimizer->weight_decay);
  add_string(json, "decay", DECAYS[optimizer->decay]);
  add_integer(json, "flip", train->augment.flip), add_integer(json, "crop", train->augment.crop);
  add_integer(json, "cutout", train->augment.cutout);
  rp_text_add(json, "}");
}

static void add_drop(rp_text *json, const rp_trial_file *file, int path_step) {
  const rp_criterion_plan *criterion = &file->view.plan->criteria[path_step - 1];
  const rp_drop_request *drop = &file->view.plan->program.steps[path_step - 1].as.drop;
  const rp_path_step *step = &file->path->steps[path_step];
  add_string(json, "ranker", criterion->description.name);
  add_json(json, "criterion", criterion->options_json);
  add_number(json, "p", (double)drop->p.digits / pow(10, drop->p.decimals));
  add_string(json, "scope", drop->scope == RP_SCOPE_LAYER ? "layer" : "network");
  add_json(json, "gate", drop->gate ? "true" : "false");
  add_json(json, "skip", "[");
  for (int i = 0; i < drop->n_skip; i++) {
    rp_text_add(json, i ? "," : "");
    rp_text_add_json_string(json, drop->skip[i]);
  }
  rp_text_add(json, "]");
  add_integer(json, "keep_at_least", drop->keep_at_least);
  add_number(json, "drop_at_most", (double)drop->drop_at_most.digits / pow(10, drop->drop_at_most.decimals));
  add_integer(json, "count", step->count), add_integer(json, "limits_used", step->limits_used);
  add_integer(json, "ties_at_cut", step->ties_at_cut);
}

static void add_regrow(rp_text *json, const rp_regrow_options *regrow, const rp_path_step *step) {
  add_string(json, "mode", REGROW_MODES[regrow->mode]);
  add_string(json, "scale", REGROW_SCALES[regrow->scale]);
  add_string(json, "bias", regrow->keep_bias ? "keep" : "zero");
  add_string(json, "readers", REGROW_READERS[regrow->readers]);
  add_integer(json, "regrown", step->regrown);
  add_number(json, "val_acc_bn", step->val_acc_bn), add_number(json, "test_acc_bn", step->test_acc_bn);
  if (step->constraints_asked < 0) return;
  add_integer(json, "constraints_asked", step->constraints_asked), add_integer(json, "constraints_met", step->constraints_met);
  add_number(json, "max_cos_left", step->max_cos_left);
}

static void add_step(rp_text *json, const rp_trial_file *file, int i, rp_state_source source) {
  static const char *const SOURCES[] = {
      [RP_STATE_NOT_HERE] = "null", [RP_STATE_STORED] = "\"stored\"", [RP_STATE_COMPUTED] = "\"computed\""};
  const rp_path_step *step = &file->path->steps[i];
  rp_text_add(json, i ? ",{" : "{");
  add_string(json, "op", step->op);
  add_integer(json, "epoch", step->epoch), add_integer(json, "cycle", step->cycle);
  add_string(json, "phase", step->is_sub ? "sub" : "full");
  add_id(json, "id", step->id), add_id(json, "digest", step->digest);
  add_json(json, "state", SOURCES[source]);
  add_number(json, "val_loss", step->val_loss), add_number(json, "val_acc", step->val_acc);
  add_number(json, "test_loss", step->test_loss), add_number(json, "test_acc", step->test_acc);
  const rp_step *op = i ? &file->view.plan->program.steps[i - 1] : NULL;
  if (op && op->kind == RP_OP_TRAIN) {
    add_number(json, "lr", step->lr);
    add_number(json, "train_loss", step->train_loss), add_number(json, "train_acc", step->train_acc);
  } else if (op && op->kind == RP_OP_DROP)
    add_drop(json, file, i);
  else if (op)
    add_regrow(json, &op->as.regrow, step);
  rp_text_add(json, "}");
}

static void add_trial(rp_text *json, const rp_trial_file *file) {
  add_integer(json, "format", 1);
  add_id(json, "trial", file->trial->trial);
  add_string(json, "experiment", file->trial->experiment);
  add_string(json, "arm", file->trial->arm);
  add_integer(json, "seed", file->trial->seed);
  add_integer(json, "threads", file->view.plan->program.threads);
  add_integer(json, "epochs", file->trial->epochs), add_integer(json, "epochs_done", file->trial->epochs_done);
  add_json(json, "config", file->path->config_json);
}

rp_status rp_trial_file_put_meta(const rp_trial_file *file, rp_npz *npz, const rp_state_source *sources, rp_error *err) {
  const rp_program *program = &file->view.plan->program;
  RP_CLEANUP(rp_text_free) rp_text json = {0};
  rp_text_add(&json, "{");
  add_trial(&json, file);
  add_net(&json, &file->view);
  add_data(&json, file);
  for (int i = 0, is_there = 0; i < program->n_steps && !is_there; i++) {
    is_there = program->steps[i].kind == RP_OP_TRAIN;
    if (is_there) add_training(&json, &program->steps[i].as.train);
  }
  add_json(&json, "steps", "[");
  for (int i = 0; i < file->path->n; i++) add_step(&json, file, i, sources[i]);
  rp_text_add(&json, "]}");
  RP_TRY(rp_text_check(&json, err));
  return rp_npz_put(npz, "meta", (rp_npz_shape){RP_NPZ_U8, 1, {json.length}}, json.bytes, err);
}
