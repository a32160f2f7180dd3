/* program.c: the expanded scheme becomes steps, each with its options resolved and what is not a default listed for ids. */
#include "experiments/plan/program.h"

#include "core/base/memory.h"
#include "experiments/config/scheme.h"
#include "experiments/plan/learning_rates.h"
#include "experiments/plan/op_keys.h"

#include <stdlib.h>
#include <string.h>

const char *rp_phase_name(rp_phase phase) {
  return phase == RP_PHASE_SUB ? "sub" : "full";
}

#define OR_WORD(code, name, help) "|" name

/* What steps are made from. */
typedef struct {
  const rp_node *config;   /* resolved */
  const rp_node *defaults; /* the same, had only the optimizer's name been given */
  rp_train_options train;  /* all but the epoch's learning rates */
  rp_rates rates;
  rp_score_data score;
  uint32_t rest;
  uint32_t epoch, cycle; /* so far */
  rp_phase phase;
  uint32_t last_regrow;        /* epoch after which it came */
  const rp_step *last_trained; /* NULL = none yet */
} builder;

static void free_step(rp_step *step) {
  free(step->params);
  if (step->kind != RP_OP_DROP) return;
  rp_drop_request *drop = &step->as.drop;
  for (int i = 0; i < drop->n_settings; i++) {
    free(drop->settings[i].name);
    free(drop->settings[i].text);
  }
  for (int i = 0; i < drop->n_skip; i++) free(drop->skip[i]);
  free(drop->settings);
  free(drop->skip);
  free(drop->ranker);
  free(drop->place);
}

void rp_program_free(rp_program *program) {
  for (int i = 0; i < program->n_steps; i++) free_step(&program->steps[i]);
  free(program->steps);
  rp_node_free(&program->source);
  *program = (rp_program){0};
}

/* ---- Values ---------------------------------------------------------------------------------- */

static int integer_at(const rp_node *map, const char *path) {
  int64_t value = 0;
  rp_node_integer(rp_node_at(map, path), &value);
  return (int)value;
}

static double number_at(const rp_node *map, const char *path) {
  double value = 0;
  rp_node_double(rp_node_at(map, path), &value);
  return value;
}

static int word_at(const rp_node *map, const char *path, const char *words) {
  return rp_word_index(words, rp_node_text(rp_node_at(map, path)));
}

static rp_status decimal_at(const rp_node *map, const char *path, rp_decimal *out, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  const rp_node *value = rp_node_at(map, path);
  if (rp_number_canonical(rp_node_text(value), &text) && rp_decimal_parse(rp_text_string(&text), out)) return RP_OK;
  return rp_node_fail(value, err, "%s is not a percentage (0 to 100)", rp_node_text(value));
}

/* ---- What differs from the defaults ---------------------------------------------------------- */

/* Puts a copy of `value` into `params` where it is not equal to `usual`. */
static rp_status put_different(rp_node *params, const char *key, const rp_node *value, const rp_node *usual, rp_error *err) {
  if (!value || rp_node_equal(value, usual)) return RP_OK;
  RP_CLEANUP(rp_node_free) rp_node *copy = NULL;
  RP_TRY(rp_node_copy(value, &copy, err));
  return rp_node_append(params, key, NULL, &copy, err);
}

/* The same for every leaf of a section of the configuration, with keys like "optimizer.lr". */
static rp_status put_different_leaves(rp_node *params, const char *prefix, const rp_node *map, const rp_node *usual, rp_error *err) {
  for (size_t i = 0; i < map->n; i++) {
    const rp_entry *entry = &map->entries[i];
    RP_CLEANUP(rp_text_free) rp_text key = {0};
    rp_text_format(&key, "%s%s%s", prefix, *prefix ? "." : "", entry->key);
    RP_TRY(rp_text_check(&key, err));
    const rp_node *other = rp_node_get(usual, entry->key);
    if (entry->value->kind == RP_NODE_MAP)
      RP_TRY(put_different_leaves(params, rp_text_string(&key), entry->value, other, err));
    else
      RP_TRY(put_different(params, rp_text_string(&key), entry->value, other, err));
  }
  return RP_OK;
}

/* ---- train ----------------------------------------------------------------------------------- */

/* The optimizer with an epoch's one lr, or without where it has several. */
static rp_status resolve_optimizer(const rp_train_options *options, rp_node *optimizer, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *lr = NULL;
  if (options->optimizer.weight_decay == 0) rp_node_remove(optimizer, "decay");
  rp_node_remove(optimizer, "lr");
  if (options->within.kind != RP_CONSTANT) return RP_OK;
  RP_TRY(rp_node_of_double(options->lr, &lr, err));
  return rp_node_put(optimizer, "lr", &lr, err);
}

/* In one spelling, whatever the file's: only what is on, and nothing at all for none. */
static rp_status put_augmentation(rp_node *params, const rp_augmentation *how, rp_error *err) {
  if (rp_augmentation_is_none(how)) return RP_OK;
  const struct {
    const char *key;
    int value;
  } sizes[] = {{"crop", how->crop}, {"cutout", how->cutout}};
  RP_CLEANUP(rp_node_free) rp_node *map = NULL;
  RP_TRY(rp_node_new(RP_NODE_MAP, NULL, &map, err));
  for (int i = 0; i < 2; i++) {
    RP_CLEANUP(rp_node_free) rp_node *value = NULL;
    if (sizes[i].value == 0) continue;
    RP_TRY(rp_node_of_integer(sizes[i].value, &value, err));
    RP_TRY(rp_node_append(map, sizes[i].key, NULL, &value, err));
  }
  if (how->flip) {
    RP_CLEANUP(rp_node_free) rp_node *on = NULL;
    RP_TRY(rp_node_of_flag(1, &on, err));
    RP_TRY(rp_node_append(map, "flip", NULL, &on, err));
  }
  return rp_node_append(params, "augment", NULL, &map, err);
}

/* What an epoch's result depends on: config.train with the schedule's outcome in the schedule's place, and the augmentation. */
static rp_status train_params(const builder *self, const rp_train_options *options, char **out, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *params = NULL;
  RP_CLEANUP(rp_node_free) rp_node *train = NULL;
  RP_CLEANUP(rp_node_free) rp_node *usual_optimizer = NULL;
  RP_TRY(rp_node_new(RP_NODE_MAP, NULL, &params, err));
  RP_TRY(rp_node_copy(rp_node_get(self->config, "train"), &train, err));
  rp_node_remove(train, "epochs");
  rp_node_remove(train, "schedule");
  RP_TRY(resolve_optimizer(options, rp_node_get(train, "optimizer"), err));
  RP_TRY(put_different_leaves(params, "", train, rp_node_get(self->defaults, "train"), err));
  RP_TRY(rp_node_string(rp_key_find(&rp_experiment_keys, "train.optimizer", NULL)->fallback, NULL, &usual_optimizer, err));
  RP_TRY(put_different(params, "optimizer", rp_node_at(train, "optimizer.name"), usual_optimizer, err));
  RP_TRY(put_augmentation(params, &self->train.augment, err));
  RP_TRY(rp_rates_describe(options, params, err));
  return rp_node_json(params, out, err);
}

/* Most epochs are like the one before. */
static rp_status params_of_epoch(builder *self, const rp_step *step, char **out, rp_error *err) {
  const rp_train_options *options = &step->as.train, *last = self->last_trained ? &self->last_trained->as.train : NULL;
  if (last && last->lr == options->lr && last->within.kind == RP_CONSTANT && options->within.kind == RP_CONSTANT)
    return rp_copy_string(self->last_trained->params, out, err);
  return train_params(self, options, out, err);
}

static rp_status add_epochs(builder *self, const rp_node *train, rp_program *program, rp_error *err) {
  uint32_t n;
  RP_TRY(rp_scheme_train_epochs(train, &n, err));
  if (n == 0) n = self->rest;
  for (uint32_t i = 0; i < n; i++) {
    rp_step *step = &program->steps[program->n_steps];
    *step = (rp_step){.kind = RP_OP_TRAIN, .epoch = ++self->epoch, .cycle = self->cycle, .phase = self->phase, .as.train = self->train};
    program->n_steps++;
    rp_rates_of_epoch(&self->rates, self->epoch, &step->as.train);
    RP_TRY(params_of_epoch(self, step, &step->params, err));
    self->last_trained = step;
  }
  return RP_OK;
}

/* ---- drop ------------------------------------------------------------------------------------ */

static int by_name(const void *a, const void *b) {
  return strcmp(((const rp_ranker_setting *)a)->name, ((const rp_ranker_setting *)b)->name);
}

static rp_status setting_text(const rp_node *value, char **out, rp_error *err) {
  if (!value->text || value->kind == RP_NODE_NULL)
    return rp_node_fail(value, err, "%s stands here; a criterion's option is a number, a flag or a word", rp_node_kind_name(value->kind));
  return rp_node_flow(value, out, err);
}

static rp_status read_ranker(const rp_node *ranker, rp_drop_request *drop, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text place = {0};
  RP_CLEANUP(rp_free_pointer) char *where = NULL;
  RP_TRY(rp_copy_string(rp_node_text(rp_node_get(ranker, "name")), &drop->ranker, err));
  RP_TRY(rp_node_place(rp_node_get(ranker, "name"), &where, err));
  rp_text_add(&place, where);
  if (ranker->path && *ranker->path) rp_text_format(&place, "%s%s", place.length ? ": " : "", ranker->path);
  RP_TRY(rp_text_take(&place, &drop->place, err));
  RP_TRY(rp_allocate(ranker->n, sizeof *drop->settings, &drop->settings, err));
  drop->normalise = -1;
  for (size_t i = 0; i < ranker->n; i++) {
    const rp_entry *entry = &ranker->entries[i];
    if (strcmp(entry->key, "name") == 0) continue;
    if (strcmp(entry->key, "normalise") == 0) {
      RP_TRY(rp_key_check_value(&rp_normalise_key, entry->value, err));
      drop->normalise = rp_word_index(rp_normalise_key.words, entry->value->text);
      continue;
    }
    rp_ranker_setting *setting = &drop->settings[drop->n_settings++];
    RP_TRY(rp_copy_string(entry->key, &setting->name, err));
    RP_TRY(setting_text(entry->value, &setting->text, err));
  }
  qsort(drop->settings, (size_t)drop->n_settings, sizeof *drop->settings, by_name);
  return RP_OK;
}

static int by_text(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The layers in alphabetical order, each once: their order in the file decides nothing. */
static rp_status read_skip(const rp_node *skip, rp_drop_request *drop, rp_error *err) {
  RP_TRY(rp_allocate(skip->n, sizeof *drop->skip, &drop->skip, err));
  for (size_t i = 0; i < skip->n; i++) {
    int is_new = 1;
    for (int j = 0; j < drop->n_skip; j++) is_new &= strcmp(drop->skip[j], skip->entries[i].value->text) != 0;
    if (!is_new) continue;
    RP_TRY(rp_copy_string(skip->entries[i].value->text, &drop->skip[drop->n_skip], err));
    drop->n_skip++;
  }
  qsort(drop->skip, (size_t)drop->n_skip, sizeof *drop->skip, by_text);
  return RP_OK;
}

static rp_status read_drop(const builder *self, const rp_node *map, rp_drop_request *drop, rp_error *err) {
  drop->score = self->score;
  drop->gate = rp_node_is_true(rp_node_get(map, "gate"));
  drop->p_node = rp_node_get(map, "p");
  drop->skip_node = rp_node_at(map, "limits.skip");
  drop->scope = word_at(map, "limits.scope", RP_SCOPE_WORDS) == 1 ? RP_SCOPE_LAYER : RP_SCOPE_NETWORK;
  drop->keep_at_least = integer_at(map, "limits.keep_at_least");
  RP_TRY(decimal_at(map, "p", &drop->p, err));
  RP_TRY(decimal_at(map, "limits.drop_at_most", &drop->drop_at_most, err));
  RP_TRY(read_ranker(rp_node_get(map, "ranker"), drop, err));
  return read_skip(drop->skip_node, drop, err);
}

static rp_status skip_for_ids(const rp_drop_request *drop, rp_node **out, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *list = NULL;
  RP_TRY(rp_node_new(RP_NODE_LIST, NULL, &list, err));
  for (int i = 0; i < drop->n_skip; i++) {
    RP_CLEANUP(rp_node_free) rp_node *name = NULL;
    RP_TRY(rp_node_string(drop->skip[i], NULL, &name, err));
    RP_TRY(rp_node_append(list, NULL, NULL, &name, err));
  }
  *out = list;
  list = NULL;
  return RP_OK;
}

/* Without the ranker: only its plugin knows which of its options are defaults. */
static rp_status drop_params(const builder *self, const rp_node *map, const rp_drop_request *drop, char **out, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *own = NULL;
  RP_CLEANUP(rp_node_free) rp_node *usual = NULL;
  RP_CLEANUP(rp_node_free) rp_node *params = NULL;
  RP_CLEANUP(rp_node_free) rp_node *skip = NULL;
  RP_TRY(rp_node_copy(map, &own, err));
  RP_TRY(skip_for_ids(drop, &skip, err));
  RP_TRY(rp_node_put(rp_node_get(own, "limits"), "skip", &skip, err));
  RP_TRY(rp_node_new(RP_NODE_MAP, NULL, &usual, err));
  RP_TRY(rp_keys_fill(&rp_op_keys, "drop", usual, err));
  rp_node_remove(own, "ranker");
  RP_TRY(rp_node_new(RP_NODE_MAP, NULL, &params, err));
  RP_TRY(put_different_leaves(params, "", own, usual, err));
  RP_TRY(put_different_leaves(params, "score", rp_node_get(self->config, "score"), rp_node_get(self->defaults, "score"), err));
  return rp_node_json(params, out, err);
}

static rp_status add_drop(builder *self, const rp_node *map, rp_program *program, rp_error *err) {
  self->phase = RP_PHASE_SUB;
  rp_step *step = &program->steps[program->n_steps++];
  *step = (rp_step){.kind = RP_OP_DROP, .epoch = self->epoch, .cycle = ++self->cycle, .phase = self->phase};
  RP_TRY(read_drop(self, map, &step->as.drop, err));
  return drop_params(self, map, &step->as.drop, &step->params, err);
}

/* ---- regrow ---------------------------------------------------------------------------------- */

/* The preset's values (rule 19), under what stands beside it. */
static rp_status with_preset(const rp_node *given, rp_node **out, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *map = NULL;
  RP_TRY(rp_node_new(RP_NODE_MAP, &given->origin, &map, err));
  if (rp_node_get(given, "preset")) RP_TRY(rp_regrow_preset(rp_node_text(rp_node_get(given, "preset")), &map, err));
  RP_TRY(rp_node_merge(map, given, err));
  rp_node_remove(map, "preset");
  RP_TRY(rp_keys_fill(&rp_op_keys, "regrow", map, err));
  *out = map;
  map = NULL;
  return RP_OK;
}

/* What a mode does not look at is set to its default, so that it does not make ids differ (rules 16 to 18). */
static rp_regrow_options read_regrow(const rp_node *map) {
  rp_regrow_options options = {.mode = (rp_regrow_mode)word_at(map, "mode", RP_REGROW_MODE_WORDS)};
  if (options.mode == RP_REGROW_RESTORE) return options;
  if (options.mode == RP_REGROW_ORTHOGONAL) options.scale = (rp_regrow_scale)word_at(map, "scale", RP_REGROW_SCALE_WORDS);
  options.keep_bias = word_at(map, "bias", RP_REGROW_BIAS_WORDS) == 1;
  options.readers = (rp_regrow_readers)word_at(map, "readers", RP_REGROW_READERS_WORDS);
  return options;
}

static rp_status regrow_params(const rp_node *map, const rp_regrow_options *options, char **out, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *own = NULL;
  RP_CLEANUP(rp_node_free) rp_node *usual = NULL;
  RP_CLEANUP(rp_node_free) rp_node *params = NULL;
  RP_TRY(rp_node_copy(map, &own, err));
  if (options->scale == RP_SCALE_MEAN_NORM) rp_node_remove(own, "scale");
  if (!options->keep_bias) rp_node_remove(own, "bias");
  if (options->readers == RP_READERS_KEEP) rp_node_remove(own, "readers");
  RP_TRY(rp_node_new(RP_NODE_MAP, NULL, &usual, err));
  RP_TRY(rp_keys_fill(&rp_op_keys, "regrow", usual, err));
  RP_TRY(rp_node_new(RP_NODE_MAP, NULL, &params, err));
  RP_TRY(put_different_leaves(params, "", own, usual, err));
  return rp_node_json(params, out, err);
}

static rp_status add_regrow(builder *self, const rp_node *given, rp_program *program, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *map = NULL;
  self->phase = RP_PHASE_FULL;
  self->last_regrow = self->epoch;
  rp_step *step = &program->steps[program->n_steps++];
  *step = (rp_step){.kind = RP_OP_REGROW, .epoch = self->epoch, .cycle = self->cycle, .phase = self->phase};
  RP_TRY(with_preset(given, &map, err));
  step->as.regrow = read_regrow(map);
  return regrow_params(map, &step->as.regrow, &step->params, err);
}

/* ---- The program ----------------------------------------------------------------------------- */

/* Checks an op's map and gives a drop its defaults, in place; `- drop:` alone is a drop with all defaults. */
static rp_status check_op(rp_entry *op, rp_error *err) {
  int is_drop = strcmp(op->key, "drop") == 0;
  if (!is_drop && strcmp(op->key, "regrow") != 0) return RP_OK;
  if (op->value->kind == RP_NODE_NULL) {
    rp_node *map = NULL;
    RP_TRY(rp_node_new(RP_NODE_MAP, &op->value->origin, &map, err));
    rp_node_free(&op->value);
    op->value = map;
  }
  RP_TRY(rp_keys_check(&rp_op_keys, op->key, op->value, err));
  return is_drop ? rp_keys_fill(&rp_op_keys, op->key, op->value, err) : RP_OK;
}

/* The epochs that a program trains from an entry on: up to the next regrow where the schedule restarts there, else to the end. */
static rp_status epochs_from(const builder *self, const rp_node *source, size_t first, uint32_t *epochs, rp_error *err) {
  *epochs = 0;
  for (size_t i = first; i < source->n; i++) {
    const rp_entry *op = &source->entries[i].value->entries[0];
    if (self->rates.restarts && strcmp(op->key, "regrow") == 0) return RP_OK;
    if (strcmp(op->key, "train") != 0) continue;
    uint32_t n;
    RP_TRY(rp_scheme_train_epochs(op->value, &n, err));
    *epochs += n ? n : self->rest;
  }
  return RP_OK;
}

static rp_status begin_schedule(builder *self, const rp_node *source, size_t first, rp_error *err) {
  uint32_t epochs;
  RP_TRY(epochs_from(self, source, first, &epochs, err));
  return rp_rates_begin(&self->rates, self->epoch, epochs, err);
}

static rp_status add_entry(builder *self, size_t i, rp_program *program, rp_error *err) {
  rp_entry *op = &program->source->entries[i].value->entries[0];
  RP_TRY(check_op(op, err));
  if (strcmp(op->key, "train") == 0) return add_epochs(self, op->value, program, err);
  if (strcmp(op->key, "drop") == 0) return add_drop(self, op->value, program, err);
  RP_TRY(add_regrow(self, op->value, program, err));
  return self->rates.restarts ? begin_schedule(self, program->source, i + 1, err) : RP_OK;
}

static rp_optimizer read_optimizer(const rp_node *optimizer) {
  return (rp_optimizer){.kind = (rp_optimizer_kind)word_at(optimizer, "name", RP_OPTIMIZER_WORDS),
                        .momentum = number_at(optimizer, "momentum"),
                        .alpha = number_at(optimizer, "alpha"),
                        .beta1 = number_at(optimizer, "beta1"),
                        .beta2 = number_at(optimizer, "beta2"),
                        .epsilon = number_at(optimizer, "epsilon"),
                        .weight_decay = number_at(optimizer, "weight_decay"),
                        .decay = (rp_decay)word_at(optimizer, "decay", RP_DECAY_WORDS)};
}

static rp_status read_train(builder *self, uint32_t n_images, rp_error *err) {
  const rp_node *train = rp_node_get(self->config, "train");
  self->train = (rp_train_options){.optimizer = read_optimizer(rp_node_get(train, "optimizer")),
                                   .batch = integer_at(train, "batch"),
                                   .augment = {.flip = rp_node_is_true(rp_node_at(self->config, "data.augment.flip")),
                                               .crop = integer_at(self->config, "data.augment.crop"),
                                               .cutout = integer_at(self->config, "data.augment.cutout")},
                                   .keep_last_batch = word_at(train, "last_batch", "drop|keep") == 1};
  return rp_rates_read(train, rp_train_steps(&self->train, n_images), &self->rates, err);
}

static void read_score(builder *self) {
  int data = word_at(self->config, "score.data", "auto|train|validation");
  self->score.data = data == 1 ? RP_SCORE_TRAIN : data == 2 ? RP_SCORE_VALIDATION : RP_SCORE_AUTO;
  self->score.images = (uint32_t)integer_at(self->config, "score.images"); /* 0 for the word auto */
}

static rp_status build_steps(builder *self, uint32_t epochs, rp_program *program, rp_error *err) {
  RP_TRY(rp_allocate(epochs + program->source->n, sizeof *program->steps, &program->steps, err));
  RP_TRY(begin_schedule(self, program->source, 0, err));
  for (size_t i = 0; i < program->source->n; i++) RP_TRY(add_entry(self, i, program, err));
  program->epochs = self->epoch;
  program->first_final_epoch = self->last_regrow + 1;
  program->ends_in_sub = self->phase == RP_PHASE_SUB;
  program->threads = integer_at(self->config, "train.threads");
  program->convolution = (rp_convolution)word_at(self->config, "train.convolution", RP_CONVOLUTION_LIST(OR_WORD));
  program->optimizer = self->train.optimizer;
  return RP_OK;
}

static rp_status build(const rp_node *config, const rp_node *defaults, uint32_t n_images, rp_program *program, rp_error *err) {
  RP_CLEANUP(rp_template_free) rp_template file = {0};
  RP_CLEANUP(rp_node_free) rp_node *filled = NULL;
  RP_CLEANUP(rp_expanded_scheme_free) rp_expanded_scheme scheme = {0};
  const rp_node *given = rp_node_get(config, "scheme");
  RP_TRY(rp_template_load(RP_FIND_SCHEME, given, &file, err));
  RP_TRY(rp_template_fill(&file, given, "scheme", &filled, err));
  RP_TRY(rp_scheme_expand(&file, filled, rp_node_at(config, "train.epochs"), &scheme, err));
  builder self = {.config = config, .defaults = defaults, .rest = scheme.rest};
  RP_TRY(read_train(&self, n_images, err));
  read_score(&self);
  program->source = scheme.program;
  scheme.program = NULL;
  return build_steps(&self, scheme.total, program, err);
}

static rp_status fill_defaults(const rp_node *config, rp_node **out, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *defaults = NULL;
  RP_TRY(rp_node_new(RP_NODE_MAP, NULL, &defaults, err));
  RP_TRY(rp_node_set(defaults, "train.optimizer.name", rp_node_at(config, "train.optimizer.name"), err));
  RP_TRY(rp_keys_fill(&rp_experiment_keys, "", defaults, err));
  *out = defaults;
  defaults = NULL;
  return RP_OK;
}

rp_status rp_program_build(const rp_node *config, uint32_t n_images, rp_program *out, rp_error *err) {
  *out = (rp_program){0};
  RP_CLEANUP(rp_node_free) rp_node *resolved = NULL;
  RP_CLEANUP(rp_node_free) rp_node *defaults = NULL;
  RP_TRY(rp_node_copy(config, &resolved, err));
  RP_TRY(rp_keys_fill(&rp_experiment_keys, "", resolved, err));
  RP_TRY(fill_defaults(resolved, &defaults, err));
  rp_status status = build(resolved, defaults, n_images, out, err);
  if (status != RP_OK) rp_program_free(out);
  return status;
}
