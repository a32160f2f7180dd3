/* program.c: expands a scheme's file and flattens it: one step per epoch and event, with typed options and the parameters that go into ids. */
#include "experiments/plan/program.h"

#include "core/base/memory.h"
#include "core/nn/schedule.h"
#include "experiments/config/template.h"

#include <stdlib.h>
#include <string.h>

#define NAME(code, name, help) name "|"
static const char MODES[] = RP_REGROW_MODE_LIST(NAME);
static const char SCALES[] = RP_REGROW_SCALE_LIST(NAME);
static const char READERS[] = RP_REGROW_READERS_LIST(NAME);
#undef NAME

static const rp_key OP_ROWS[] = {
    {"train", RP_KEY_INTEGER, 1, 1000000, "rest", NULL, NULL, "epochs, or rest: what is left of train.epochs", "1.0"},
    {"drop", RP_KEY_MAP, 0, 0, NULL, NULL, NULL, "rank the active filters and drop the least important", "1.0"},
    {"drop.ranker", RP_KEY_OPEN, 0, 0, NULL, "ortho", NULL, "criterion: a name or a .so, with its options", "1.0"},
    {"drop.p", RP_KEY_PERCENT, 0, 100, NULL, "30", NULL, "percentage of filters", "1.0"},
    {"drop.gate", RP_KEY_FLAG, 0, 0, NULL, "on", NULL, "off: marked only, the network stays whole", "1.0"},
    {"drop.limits", RP_KEY_MAP, 0, 0, NULL, NULL, NULL, "bounds, alike for all criteria", "1.0"},
    {"drop.limits.scope", RP_KEY_WORD, 0, 0, "network|layer", "network", NULL, "p % of the whole net, or of each layer", "1.0"},
    {"drop.limits.skip", RP_KEY_TEXTS, 0, 0, NULL, "[]", NULL, "layers that are not ranked", "1.0"},
    {"drop.limits.keep_at_least", RP_KEY_INTEGER, 0, 1000000, NULL, "1", NULL, "active filters that a layer keeps", "1.0"},
    {"drop.limits.drop_at_most", RP_KEY_PERCENT, 0, 100, NULL, "100", NULL, "% of a layer dropped at once", "1.0"},
    {"regrow", RP_KEY_MAP, 0, 0, NULL, NULL, NULL, "new weights for all dropped filters", "1.0"},
    {"regrow.mode", RP_KEY_WORD, 0, 0, "orthogonal|authors|random|rewind|restore|zero", "orthogonal", NULL, "where they come from", "1.0"},
    {"regrow.scale", RP_KEY_WORD, 0, 0, "mean-norm|own|init|unit|clip", "mean-norm", NULL, "orthogonal: their norm", "1.0"},
    {"regrow.bias", RP_KEY_WORD, 0, 0, "zero|keep", "zero", NULL, "their bias", "1.0"},
    {"regrow.readers", RP_KEY_WORD, 0, 0, "keep|zero|random", "keep", NULL, "weights that read them", "1.0"},
    {"regrow.preset", RP_KEY_WORD, 0, 0, "authors", NULL, NULL, "authors: mode authors, bias keep, readers keep", "1.0"},
};
static const rp_key_table OP_KEYS = {OP_ROWS, sizeof OP_ROWS / sizeof OP_ROWS[0]};

static const char *const OP_NAMES[] = {"train", "drop", "regrow"};

const char *rp_phase_name(rp_phase phase) {
  return phase == RP_PHASE_SUB ? "sub" : "full";
}

/* ---- Typed options --------------------------------------------------------------------------------------------------------------------------- */

static double number_at(const rp_node *map, const char *path, double missing) {
  double value;
  return rp_node_double(rp_node_at(map, path), &value) ? value : missing;
}

static int integer_at(const rp_node *map, const char *path, int missing) {
  int64_t value;
  return rp_node_integer(rp_node_at(map, path), &value) ? (int)value : missing;
}

static int word_at(const rp_node *map, const char *key, const char *words) {
  int index = rp_word_index(words, rp_node_text(rp_node_get(map, key)));
  return index > 0 ? index : 0;
}

static rp_train_options train_options(const rp_node *config, rp_optimizer *optimizer) {
  const char *name = rp_node_text(rp_node_at(config, "train.optimizer.name"));
  *optimizer = (rp_optimizer){.kind = strcmp(name, "momentum") == 0 ? RP_MOMENTUM : RP_SGD,
                              .momentum = number_at(config, "train.optimizer.momentum", 0.9),
                              .weight_decay = number_at(config, "train.optimizer.weight_decay", 0)};
  return (rp_train_options){.lr = number_at(config, "train.optimizer.lr", 0.01),
                            .optimizer = *optimizer,
                            .batch = integer_at(config, "train.batch", 64),
                            .keep_last_batch = strcmp(rp_node_text(rp_node_at(config, "train.last_batch")), "keep") == 0};
}

/* The parameters that differ from their defaults. Each row: does it differ, and how it is written. */
static rp_status train_params(const rp_train_options *options, int threads, char **out, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text json = {0};
  rp_text_add(&json, "{");
  if (options->batch != 64) rp_text_format(&json, "\"batch\":%d,", options->batch);
  if (options->keep_last_batch) rp_text_add(&json, "\"last_batch\":\"keep\",");
  if (options->lr != 0.01) rp_text_add(&json, "\"lr\":"), rp_number_add(options->lr, &json), rp_text_add(&json, ",");
  if (options->optimizer.kind == RP_MOMENTUM)
    rp_text_add(&json, "\"momentum\":"), rp_number_add(options->optimizer.momentum, &json), rp_text_add(&json, ",");
  if (options->optimizer.kind != RP_SGD) rp_text_format(&json, "\"optimizer\":\"%s\",", rp_optimizer_name(options->optimizer.kind));
  if (threads != 1) rp_text_format(&json, "\"threads\":%d,", threads);
  if (options->optimizer.weight_decay != 0)
    rp_text_add(&json, "\"weight_decay\":"), rp_number_add(options->optimizer.weight_decay, &json), rp_text_add(&json, ",");
  RP_TRY(rp_text_check(&json, err));
  if (json.length > 1) json.length--;
  rp_text_add(&json, "}");
  return rp_text_take(&json, out, err);
}

static rp_status add_setting(rp_drop_request *drop, const rp_entry *entry, rp_error *err) {
  if (strcmp(entry->key, "name") == 0) return RP_OK;
  if (strcmp(entry->key, "normalise") == 0) {
    rp_normalise normalise;
    if (!rp_normalise_parse(rp_node_text(entry->value), &normalise))
      return rp_node_fail(entry->value, err, "'%s' is no normalisation; there are none, layer-mean, layer-l2, layer-max, layer-rank",
                          rp_node_text(entry->value));
    drop->normalise = (int)normalise;
    return RP_OK;
  }
  RP_TRY(rp_reallocate(&drop->settings, (size_t)drop->n_settings + 1, sizeof *drop->settings, err));
  rp_ranker_setting *setting = &drop->settings[drop->n_settings];
  *setting = (rp_ranker_setting){0};
  drop->n_settings++;
  RP_TRY(rp_copy_string(entry->key, &setting->name, err));
  return rp_copy_string(rp_node_text(entry->value), &setting->text, err);
}

static int compare_settings(const void *a, const void *b) {
  return strcmp(((const rp_ranker_setting *)a)->name, ((const rp_ranker_setting *)b)->name);
}

static rp_status read_ranker(const rp_node *ranker, rp_drop_request *drop, rp_error *err) {
  drop->normalise = -1;
  const rp_node *name = rp_node_is(ranker, RP_NODE_MAP) ? rp_node_get(ranker, "name") : ranker;
  RP_TRY(rp_copy_string(rp_node_text(name), &drop->ranker, err));
  for (size_t i = 0; rp_node_is(ranker, RP_NODE_MAP) && i < ranker->n; i++) RP_TRY(add_setting(drop, &ranker->entries[i], err));
  if (drop->n_settings) qsort(drop->settings, (size_t)drop->n_settings, sizeof *drop->settings, compare_settings);
  RP_CLEANUP(rp_text_free) rp_text place = {0};
  RP_CLEANUP(rp_free_pointer) char *origin = NULL;
  RP_TRY(rp_node_place(ranker, &origin, err));
  rp_text_format(&place, "%s%s%s", origin, *origin && ranker->path ? ": " : "", ranker->path ? ranker->path : "");
  return rp_text_take(&place, &drop->place, err);
}

static rp_status read_limits(const rp_node *limits, rp_drop_request *drop, rp_error *err) {
  drop->scope = strcmp(rp_node_text(rp_node_get(limits, "scope")), "layer") == 0 ? RP_SCOPE_LAYER : RP_SCOPE_NETWORK;
  drop->keep_at_least = integer_at(limits, "keep_at_least", 1);
  if (!rp_decimal_parse(rp_node_text(rp_node_get(limits, "drop_at_most")), &drop->drop_at_most)) drop->drop_at_most = (rp_decimal){100, 0};
  const rp_node *skip = rp_node_get(limits, "skip");
  drop->skip_node = skip;
  if (!rp_node_is(skip, RP_NODE_LIST)) return RP_OK;
  RP_TRY(rp_allocate(skip->n, sizeof *drop->skip, &drop->skip, err));
  for (; drop->n_skip < (int)skip->n; drop->n_skip++)
    RP_TRY(rp_copy_string(rp_node_text(skip->entries[drop->n_skip].value), &drop->skip[drop->n_skip], err));
  return RP_OK;
}

static void read_score(const rp_node *config, rp_score_data *score) {
  int data = rp_word_index("auto|train|validation", rp_node_text(rp_node_at(config, "score.data")));
  score->data = data == 1 ? RP_SCORE_TRAIN : data == 2 ? RP_SCORE_VALIDATION : RP_SCORE_AUTO;
  score->images = (uint32_t)integer_at(config, "score.images", 0);
}

/* A ranker stands in ids by its file's name, so that a plugin may lie anywhere. */
static rp_status drop_params(const rp_node *map, const rp_drop_request *drop, char **out, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *stem = NULL;
  RP_CLEANUP(rp_node_free) rp_node *limits = NULL;
  RP_CLEANUP(rp_free_pointer) char *limits_json = NULL;
  RP_TRY(rp_stem_of(drop->ranker, &stem, err));
  RP_TRY(rp_node_json(rp_node_get(map, "limits"), &limits_json, err));
  RP_CLEANUP(rp_text_free) rp_text json = {0};
  rp_text_add(&json, "{");
  if (!drop->gate) rp_text_add(&json, "\"gate\":false,");
  rp_text_add(&json, "\"limits\":");
  rp_text_add(&json, limits_json);
  rp_text_add(&json, ",\"p\":");
  if (!rp_number_canonical(rp_node_text(rp_node_get(map, "p")), &json)) return rp_node_fail(rp_node_get(map, "p"), err, "is no number");
  rp_text_add(&json, ",\"ranker\":");
  rp_text_add_json_string(&json, stem);
  if (drop->normalise >= 0) rp_text_format(&json, ",\"ranker.normalise\":\"%s\"", rp_normalise_name((rp_normalise)drop->normalise));
  for (int i = 0; i < drop->n_settings; i++) {
    rp_text_add(&json, ",");
    rp_text_add_json_string(&json, drop->settings[i].name);
    rp_text_add(&json, ":");
    rp_text_add_json_string(&json, drop->settings[i].text);
  }
  if (drop->score.data != RP_SCORE_AUTO) rp_text_format(&json, ",\"score.data\":%d", (int)drop->score.data);
  if (drop->score.images) rp_text_format(&json, ",\"score.images\":%u", drop->score.images);
  rp_text_add(&json, "}");
  return rp_text_take(&json, out, err);
}

static rp_status read_drop(const rp_node *config, rp_node *map, rp_step *step, rp_error *err) {
  rp_drop_request *drop = &step->as.drop;
  RP_TRY(rp_keys_fill(&OP_KEYS, "drop", map, err));
  RP_TRY(read_ranker(rp_node_get(map, "ranker"), drop, err));
  read_score(config, &drop->score);
  drop->gate = rp_node_is_true(rp_node_get(map, "gate"));
  drop->p_node = rp_node_get(map, "p");
  if (!rp_decimal_parse(rp_node_text(drop->p_node), &drop->p)) return rp_node_fail(drop->p_node, err, "is not a percentage (0 to 100)");
  RP_TRY(read_limits(rp_node_get(map, "limits"), drop, err));
  return drop_params(map, drop, &step->params, err);
}

static rp_status read_regrow(rp_node *map, rp_step *step, rp_error *err) {
  int is_authors = strcmp(rp_node_text(rp_node_get(map, "preset")), "authors") == 0;
  step->as.regrow = (rp_regrow_options){.mode = (rp_regrow_mode)word_at(map, "mode", MODES),
                                        .scale = (rp_regrow_scale)word_at(map, "scale", SCALES),
                                        .keep_bias = strcmp(rp_node_text(rp_node_get(map, "bias")), "keep") == 0,
                                        .readers = (rp_regrow_readers)word_at(map, "readers", READERS)};
  if (is_authors) step->as.regrow = (rp_regrow_options){.mode = RP_REGROW_AUTHORS, .keep_bias = 1};
  const rp_regrow_options *options = &step->as.regrow;
  RP_CLEANUP(rp_text_free) rp_text json = {0};
  rp_text_format(&json, "{\"bias\":%d,\"mode\":%d,\"readers\":%d,\"scale\":%d}", options->keep_bias, (int)options->mode, (int)options->readers,
                 (int)options->scale);
  return rp_text_take(&json, &step->params, err);
}

/* ---- Flattening -------------------------------------------------------------------------------------------------------------------------------- */

typedef struct {
  const rp_node *config;
  rp_program *program;
  size_t capacity;
  uint32_t epoch, cycle;
  int n_marked_drops; /* since the last regrow */
} flattening;

static rp_status add_step(flattening *at, rp_op_kind kind, rp_step **out, rp_error *err) {
  RP_TRY(rp_grow(&at->program->steps, (size_t)at->program->n_steps, &at->capacity, sizeof **out, err));
  *out = &at->program->steps[at->program->n_steps++];
  **out = (rp_step){.kind = kind, .epoch = at->epoch, .cycle = at->cycle, .phase = at->n_marked_drops ? RP_PHASE_SUB : RP_PHASE_FULL};
  return RP_OK;
}

static rp_status add_epochs(flattening *at, int64_t n, rp_error *err) {
  rp_optimizer optimizer;
  rp_train_options options = train_options(at->config, &optimizer);
  for (int64_t i = 0; i < n; i++) {
    rp_step *step;
    at->epoch++;
    RP_TRY(add_step(at, RP_OP_TRAIN, &step, err));
    step->as.train = options;
    RP_TRY(train_params(&options, at->program->threads, &step->params, err));
  }
  return RP_OK;
}

static int op_of(const rp_node *entry) {
  if (rp_node_is(entry, RP_NODE_MAP) && entry->n == 1)
    for (int i = 0; i < RP_N_OPS; i++)
      if (strcmp(entry->entries[0].key, OP_NAMES[i]) == 0) return i;
  return -1;
}

static rp_status check_op(const rp_node *entry, rp_error *err) {
  if (!rp_node_is(entry, RP_NODE_MAP) || entry->n != 1) return rp_node_fail(entry, err, "an op is a map with one key: train, drop or regrow");
  if (op_of(entry) < 0) {
    RP_CLEANUP(rp_text_free) rp_text suggestion = {0};
    rp_add_suggestion(entry->entries[0].key, OP_NAMES, RP_N_OPS, &suggestion);
    return rp_entry_fail(&entry->entries[0], err, "'%s' is no op%s", entry->entries[0].key, rp_text_string(&suggestion));
  }
  return rp_keys_check(&OP_KEYS, "", entry, err);
}

/* Epochs that the program asks for by number, those before its last regrow, and how often it says rest. */
static rp_status count_epochs(const rp_node *list, int64_t *fixed, int64_t *until_regrow, int *n_rest, const rp_node **rest, rp_error *err) {
  *fixed = *until_regrow = *n_rest = 0;
  *rest = NULL;
  for (size_t i = 0; i < list->n; i++) {
    const rp_node *entry = list->entries[i].value;
    RP_TRY(check_op(entry, err));
    const rp_node *value = entry->entries[0].value;
    int64_t n;
    if (op_of(entry) == RP_OP_REGROW) *until_regrow = *fixed;
    if (op_of(entry) != RP_OP_TRAIN) continue;
    if (rp_node_integer(value, &n)) *fixed += n;
    else (*n_rest)++, *rest = value;
  }
  if (*n_rest > 1) return rp_node_fail(*rest, err, "a program has at most one 'rest'");
  return RP_OK;
}

static rp_status resolve_total(const rp_node *config, const rp_node *list, int ends_in_sub, int64_t *rest, rp_error *err) {
  int64_t fixed, until_regrow, total, after;
  int n_rest;
  const rp_node *rest_node, *epochs = rp_node_at(config, "train.epochs");
  RP_TRY(count_epochs(list, &fixed, &until_regrow, &n_rest, &rest_node, err));
  int has_regrow = 0;
  for (size_t i = 0; i < list->n; i++) has_regrow |= op_of(list->entries[i].value) == RP_OP_REGROW;
  int64_t smallest = has_regrow && !ends_in_sub && fixed == until_regrow ? fixed + 1 : fixed > 0 ? fixed : 1;
  if (rp_node_integer(rp_node_get(epochs, "after"), &after)) total = until_regrow + after;
  else if (!rp_node_integer(epochs, &total)) total = n_rest && smallest < 100 ? 100 : smallest;
  *rest = total - fixed;
  if (total < smallest || (!n_rest && *rest != 0))
    return rp_node_fail(epochs ? epochs : list, err, "the program does not fit %lld epochs; it takes %s%lld", (long long)total,
                        n_rest ? "at least " : "exactly ", (long long)smallest);
  return RP_OK;
}

static rp_status flatten_op(flattening *at, rp_node *entry, int64_t rest, rp_error *err) {
  rp_node *value = entry->entries[0].value;
  rp_step *step;
  int64_t n = rest;
  switch (op_of(entry)) {
  case RP_OP_TRAIN: rp_node_integer(value, &n); return add_epochs(at, n, err);
  case RP_OP_DROP:
    at->cycle++, at->n_marked_drops++;
    RP_TRY(add_step(at, RP_OP_DROP, &step, err));
    return read_drop(at->config, value, step, err);
  default:
    at->n_marked_drops = 0;
    at->program->first_final_epoch = at->epoch + 1;
    RP_TRY(add_step(at, RP_OP_REGROW, &step, err));
    return read_regrow(value, step, err);
  }
}

static rp_status build(const rp_node *config, rp_template *file, rp_program *out, rp_error *err) {
  const rp_node *scheme = rp_node_get(config, "scheme");
  RP_TRY(rp_template_load(RP_FIND_SCHEME, scheme, file, err));
  RP_CLEANUP(rp_node_free) rp_node *parameters = NULL;
  RP_TRY(rp_template_fill(file, scheme, "scheme", &parameters, err));
  RP_TRY(rp_template_expand(rp_template_body(file), parameters, &out->source, err));
  if (out->source->n == 0) return rp_node_fail(out->source, err, "a program has at least one op");
  out->threads = integer_at(config, "train.threads", 1);
  out->first_final_epoch = 1;
  train_options(config, &out->optimizer);
  int may_end_in_sub = strcmp(rp_node_text(rp_node_get(file->root, "ends")), "sub") == 0;
  int64_t rest;
  RP_TRY(resolve_total(config, out->source, may_end_in_sub, &rest, err));
  flattening at = {.config = config, .program = out};
  for (size_t i = 0; i < out->source->n; i++) RP_TRY(flatten_op(&at, out->source->entries[i].value, rest, err));
  out->epochs = at.epoch;
  out->ends_in_sub = at.n_marked_drops > 0;
  if (out->ends_in_sub && !may_end_in_sub)
    return rp_node_fail(out->source, err, "the program ends with filters dropped; regrow them, or say `ends: sub` in the scheme");
  return RP_OK;
}

rp_status rp_program_build(const rp_node *config, rp_program *out, rp_error *err) {
  *out = (rp_program){0};
  rp_template file = {0};
  rp_status status = build(config, &file, out, err);
  rp_template_free(&file);
  if (status != RP_OK) rp_program_free(out);
  return status;
}

void rp_program_free(rp_program *program) {
  for (int i = 0; i < program->n_steps; i++) {
    rp_step *step = &program->steps[i];
    free(step->params);
    if (step->kind != RP_OP_DROP) continue;
    rp_drop_request *drop = &step->as.drop;
    for (int k = 0; k < drop->n_settings; k++) free(drop->settings[k].name), free(drop->settings[k].text);
    for (int k = 0; k < drop->n_skip; k++) free(drop->skip[k]);
    free(drop->settings);
    free(drop->skip);
    free(drop->ranker);
    free(drop->place);
  }
  free(program->steps);
  rp_node_free(&program->source);
  *program = (rp_program){0};
}

/* ---- Checking against a model -------------------------------------------------------------------------------------------------------------------- */

static rp_status check_skip(const rp_drop_request *drop, const rp_filter_counts *counts, uint8_t *skip, rp_error *err) {
  memset(skip, 0, (size_t)counts->n_convs);
  for (int i = 0; i < drop->n_skip; i++) {
    int conv = 0;
    while (conv < counts->n_convs && strcmp(counts->names[conv], drop->skip[i]) != 0) conv++;
    if (conv == counts->n_convs) {
      RP_CLEANUP(rp_text_free) rp_text suggestion = {0};
      rp_add_suggestion(drop->skip[i], counts->names, counts->n_convs, &suggestion);
      return rp_node_fail(drop->skip_node, err, "'%s' is no conv layer of the model%s", drop->skip[i], rp_text_string(&suggestion));
    }
    skip[conv] = 1;
  }
  return RP_OK;
}

rp_status rp_program_check(const rp_program *program, const rp_model *model, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) int *K = NULL;
  RP_CLEANUP(rp_free_pointer) const char **names = NULL;
  RP_CLEANUP(rp_free_pointer) uint8_t *skip = NULL;
  RP_TRY(rp_allocate((size_t)model->n_layers, sizeof *K, &K, err));
  RP_TRY(rp_allocate((size_t)model->n_layers, sizeof *names, &names, err));
  RP_TRY(rp_allocate((size_t)model->n_layers, 1, &skip, err));
  int n_convs = 0;
  for (int i = 0; i < model->n_layers; i++)
    if (model->layers[i].kind == RP_CONV) names[n_convs] = model->layers[i].name, K[n_convs++] = model->layers[i].outputs;
  rp_filter_counts counts = {n_convs, K, names};
  for (int i = 0; i < program->n_steps; i++) {
    if (program->steps[i].kind != RP_OP_DROP) continue;
    const rp_drop_request *drop = &program->steps[i].as.drop;
    RP_TRY(check_skip(drop, &counts, skip, err));
    rp_selection how = {drop->p, drop->scope, skip, drop->keep_at_least, drop->drop_at_most};
    int count;
    if (rp_selection_count(&counts, &how, NULL, &count, NULL, NULL, err) == RP_OK) continue;
    RP_CLEANUP(rp_free_pointer) char *place = NULL;
    if (drop->p_node && rp_node_place(drop->p_node, &place, NULL) == RP_OK && *place) rp_add_context(err, "%s", place);
    return err ? err->status : RP_EINPUT;
  }
  return RP_OK;
}
