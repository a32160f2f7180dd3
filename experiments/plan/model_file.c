/* model_file.c: the layer list is expanded, each layer checked against its rows and against the shape of what is before it. */
#include "experiments/plan/model_file.h"

#include "core/base/memory.h"
#include "experiments/config/template.h"
#include "experiments/plan/model_keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LAYERS = 1000 };

/* What layers without a name are called, before their number. */
static const char *const SHORT_NAMES[RP_N_LAYER_KINDS] = {[RP_CONV] = "conv",
                                                          [RP_MAX_POOL] = "pool",
                                                          [RP_FC] = "fc",
                                                          [RP_BATCH_NORM] = "bn",
                                                          [RP_RELU] = "relu",
                                                          [RP_AVG_POOL] = "avg_pool",
                                                          [RP_GLOBAL_AVG_POOL] = "global_pool",
                                                          [RP_STOCHASTIC_POOL] = "stochastic_pool",
                                                          [RP_DROPOUT] = "dropout",
                                                          [RP_DROP_PATH] = "drop_path",
                                                          [RP_ADD] = "add",
                                                          [RP_CONCAT] = "concat",
                                                          [RP_PAD_CHANNELS] = "pad"};

/* What a model that is being built has so far. */
typedef struct {
  rp_image_shape image;
  rp_model model;
  int n_of_kind[RP_N_LAYER_KINDS];
  rp_extent *extents; /* of what the layers put out; owned */
  rp_node *list;      /* of the layers as maps, for the JSON; owned */
} builder;

static void free_builder(builder *self) {
  free(self->model.layers);
  free(self->extents);
  rp_node_free(&self->list);
}

/* ---- One layer's keys ------------------------------------------------------------------------ */

static int integer_of(const rp_node *map, const char *key) {
  int64_t value = 0;
  rp_node_integer(rp_node_get(map, key), &value);
  return (int)value;
}

static double number_of(const rp_node *map, const char *key) {
  double value = 0;
  rp_node_double(rp_node_at(map, key), &value);
  return value;
}

static rp_init init_of(const rp_node *map) {
  const rp_node *init = rp_node_get(map, "init");
  int kind = rp_word_index(RP_INIT_WORDS, rp_node_text(rp_node_get(init, "name")));
  rp_init out = {.kind = kind < 0 ? RP_INIT_HE : (rp_init_kind)kind, .sigma = 0.04, .gain = 1};
  if (rp_node_get(init, "sigma")) out.sigma = number_of(init, "sigma");
  if (rp_node_get(init, "gain")) out.gain = number_of(init, "gain");
  return out;
}

static void read_windows(const rp_node *map, rp_layer_spec *layer) {
  layer->kernel = integer_of(map, "kernel");
  layer->stride = integer_of(map, "stride");
  layer->same = strcmp(rp_node_text(rp_node_get(map, "padding")), "same") == 0;
  layer->pad = integer_of(map, "padding");
}

/* The key that says how many channels come out; NULL where the input does. */
static const char *size_key_of(rp_layer_kind kind) {
  switch (kind) {
  case RP_CONV:
    return "filters";
  case RP_FC:
    return "outputs";
  case RP_PAD_CHANNELS:
    return "channels";
  default:
    return NULL;
  }
}

static rp_status read_size(const builder *self, rp_node *map, rp_layer_spec *layer, rp_error *err) {
  const char *key = size_key_of(layer->kind);
  if (!key) return RP_OK;
  if (!rp_node_get(map, key)) return rp_node_fail(map, err, "%s needs `%s`", rp_layer_kind_name(layer->kind), key);
  if (strcmp(rp_node_text(rp_node_get(map, key)), "classes") == 0) {
    RP_CLEANUP(rp_node_free) rp_node *classes = NULL;
    RP_TRY(rp_node_of_integer(self->image.n_classes, &classes, err));
    RP_TRY(rp_node_put(map, key, &classes, err));
  }
  layer->outputs = integer_of(map, key);
  return RP_OK;
}

/* Keys that a kind does not have read as 0, off, and the default of an initialisation. */
static rp_status read_layer(const builder *self, rp_node *map, rp_layer_spec *layer, rp_error *err) {
  RP_TRY(read_size(self, map, layer, err));
  read_windows(map, layer);
  layer->has_bias = rp_node_is_true(rp_node_get(map, "bias"));
  layer->has_relu = rp_node_is_true(rp_node_get(map, "relu"));
  layer->rate = number_of(map, "rate");
  layer->momentum = number_of(map, "momentum");
  layer->epsilon = number_of(map, "epsilon");
  if (rp_node_get(map, "init")) layer->init = init_of(map);
  return RP_OK;
}

/* ---- Inputs ---------------------------------------------------------------------------------- */

static int find_layer(const rp_model *model, const char *name) {
  for (int i = 0; i < model->n_layers; i++)
    if (strcmp(model->layers[i].name, name) == 0) return i;
  return -1;
}

static rp_status read_input(const builder *self, const rp_node *name, rp_layer_spec *layer, rp_error *err) {
  int from = find_layer(&self->model, rp_node_text(name));
  if (from < 0) return rp_node_fail(name, err, "no layer before this one is called '%s'", rp_node_text(name));
  if (layer->n_inputs == RP_MAX_INPUTS) return rp_node_fail(name, err, "more than %d inputs", RP_MAX_INPUTS);
  layer->inputs[layer->n_inputs++] = from;
  return RP_OK;
}

/* What `from` names, else the layers that the list's structure gives. */
static rp_status read_inputs(const builder *self, const rp_node *map, const int *given, int n_given, rp_layer_spec *layer, rp_error *err) {
  const rp_node *from = rp_node_get(map, "from");
  for (int i = 0; !from && i < n_given; i++) layer->inputs[layer->n_inputs++] = given[i];
  if (!from) return RP_OK;
  if (from->kind != RP_NODE_LIST) return read_input(self, from, layer, err);
  for (size_t i = 0; i < from->n; i++) RP_TRY(read_input(self, from->entries[i].value, layer, err));
  return RP_OK;
}

/* For ids, `from` stands in the list exactly where a layer does not read the one before it alone. */
static rp_status describe_inputs(const builder *self, rp_node *map, const rp_layer_spec *layer, rp_error *err) {
  rp_node_remove(map, "from");
  if (layer->n_inputs == 1 && layer->inputs[0] == self->model.n_layers - 1) return RP_OK;
  RP_CLEANUP(rp_node_free) rp_node *list = NULL;
  RP_TRY(rp_node_new(RP_NODE_LIST, NULL, &list, err));
  for (int i = 0; i < layer->n_inputs; i++) {
    RP_CLEANUP(rp_node_free) rp_node *name = NULL;
    RP_TRY(rp_node_string(layer->inputs[i] == RP_IMAGE ? "image" : self->model.layers[layer->inputs[i]].name, NULL, &name, err));
    RP_TRY(rp_node_append(list, NULL, NULL, &name, err));
  }
  return rp_node_put(map, "from", &list, err);
}

/* ---- Names ----------------------------------------------------------------------------------- */

static rp_status check_name(const builder *self, const rp_node *name, rp_error *err) {
  const char *text = name->text;
  size_t length = strlen(text);
  if (length >= RP_NAME_SIZE || strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != length)
    return rp_node_fail(name, err, "'%s' is no layer's name: letters, digits, _ and - only, at most %d of them", text, RP_NAME_SIZE - 1);
  for (int i = 0; i < self->model.n_layers; i++)
    if (strcmp(self->model.layers[i].name, text) == 0) return rp_node_fail(name, err, "a layer before this one is called '%s', too", text);
  return RP_OK;
}

/* conv1, pool1, fc1: numbered among all layers of their kind, named ones included. */
static rp_status name_layer(const builder *self, rp_node *map, rp_layer_spec *layer, rp_error *err) {
  if (!rp_node_get(map, "name")) {
    RP_CLEANUP(rp_node_free) rp_node *name = NULL;
    char text[RP_NAME_SIZE];
    snprintf(text, sizeof text, "%s%d", SHORT_NAMES[layer->kind], self->n_of_kind[layer->kind]);
    RP_TRY(rp_node_string(text, &map->origin, &name, err));
    RP_TRY(rp_node_append(map, "name", NULL, &name, err));
  }
  RP_TRY(check_name(self, rp_node_get(map, "name"), err));
  snprintf(layer->name, sizeof layer->name, "%s", rp_node_text(rp_node_get(map, "name")));
  return RP_OK;
}

/* ---- Shapes ---------------------------------------------------------------------------------- */

/* The core's own check, with the place in the file in front. */
static rp_status check_shapes(builder *self, const rp_node *map, rp_error *err) {
  int layer = self->model.n_layers - 1;
  rp_error refused = {0};
  if (rp_model_check_layer(&self->model, layer, self->extents, &refused) == RP_OK) return RP_OK;
  return rp_node_fail(map, err, "%s: %s", self->model.layers[layer].name, refused.message);
}

/* ---- The list -------------------------------------------------------------------------------- */

/* Entries that are lists of layers themselves. */
enum { N_STRUCTURES = 3 };
static const char *const STRUCTURE_NAMES[N_STRUCTURES] = {"residual", "dense", "branches"};

static rp_status kind_of(const rp_node *entry, rp_layer_kind *kind, rp_error *err) {
  const char *names[RP_N_LAYER_KINDS + N_STRUCTURES];
  if (entry->kind != RP_NODE_MAP || entry->n != 1)
    return rp_node_fail(entry, err, "a layer is a map with its kind, as in `conv: {filters: 32}`");
  for (int i = 0; i < RP_N_LAYER_KINDS; i++) {
    names[i] = rp_layer_kind_name((rp_layer_kind)i);
    if (strcmp(entry->entries[0].key, names[i]) != 0) continue;
    *kind = (rp_layer_kind)i;
    return RP_OK;
  }
  for (size_t i = 0; i < N_STRUCTURES; i++) names[RP_N_LAYER_KINDS + i] = STRUCTURE_NAMES[i];
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  rp_add_suggestion(entry->entries[0].key, names, RP_N_LAYER_KINDS + N_STRUCTURES, &text);
  RP_TRY(rp_text_check(&text, err));
  return rp_entry_fail(&entry->entries[0], err, "unknown layer kind '%s'%s", entry->entries[0].key, rp_text_string(&text));
}

/* A layer's keys as a map of its own, checked, with every default. */
static rp_status keys_of(const rp_node *given, rp_layer_kind kind, rp_node **out, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *map = NULL;
  if (given->kind == RP_NODE_NULL)
    RP_TRY(rp_node_new(RP_NODE_MAP, &given->origin, &map, err));
  else
    RP_TRY(rp_node_copy(given, &map, err));
  RP_TRY(rp_keys_check(&rp_model_keys, rp_layer_kind_name(kind), map, err));
  RP_TRY(rp_keys_fill(&rp_model_keys, rp_layer_kind_name(kind), map, err));
  *out = map;
  map = NULL;
  return RP_OK;
}

static rp_status add_to_list(builder *self, rp_layer_kind kind, rp_node **map, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *name = NULL;
  RP_TRY(rp_node_string(rp_layer_kind_name(kind), NULL, &name, err));
  RP_TRY(rp_node_append(*map, "kind", NULL, &name, err));
  return rp_node_append(self->list, NULL, NULL, map, err);
}

/* Layers from YAML lists grow the model as they come; so does what their number is checked against. */
static rp_status make_room(builder *self, const rp_node *place, rp_error *err) {
  if (self->model.n_layers == MOST_LAYERS) return rp_node_fail(place, err, "a model has at most %d layers", MOST_LAYERS);
  size_t n = (size_t)self->model.n_layers + 1;
  RP_TRY(rp_reallocate(&self->model.layers, n, sizeof *self->model.layers, err));
  return rp_reallocate(&self->extents, n, sizeof *self->extents, err);
}

/* Adds a layer whose keys are `given` and whose inputs, where they do not say, are `inputs`. */
static rp_status add_layer(builder *self, rp_layer_kind kind, const rp_node *given, const int *inputs, int n_inputs, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *map = NULL;
  rp_layer_spec layer = {.kind = kind};
  RP_TRY(make_room(self, given, err));
  self->n_of_kind[kind]++;
  RP_TRY(keys_of(given, kind, &map, err));
  RP_TRY(read_layer(self, map, &layer, err));
  RP_TRY(read_inputs(self, map, inputs, n_inputs, &layer, err));
  RP_TRY(name_layer(self, map, &layer, err));
  RP_TRY(describe_inputs(self, map, &layer, err));
  self->model.layers[self->model.n_layers++] = layer;
  RP_TRY(check_shapes(self, given, err));
  return add_to_list(self, kind, &map, err);
}

/* ---- Structures: lists of layers within the list --------------------------------------------- */

static rp_status add_entries(builder *self, const rp_node *list, int *last, rp_error *err);

/* A list that starts at layer `first`; *end is the layer that it ends with: `first` where it is empty. */
static rp_status add_branch(builder *self, const rp_node *list, const rp_node *place, int first, int *end, rp_error *err) {
  *end = first;
  if (list && !rp_node_is(list, RP_NODE_LIST)) return rp_node_fail(list, err, "a list of layers belongs here");
  if (!list) return rp_node_fail(place, err, "a list of layers is missing");
  return add_entries(self, list, end, err);
}

/* A layer of a structure's own, without keys. Lists without any layer would join what the structure reads to itself: somebody forgot
 * something. */
static rp_status join(builder *self, rp_layer_kind kind, const rp_node *place, const int *ends, int n, int *last, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *nothing = NULL;
  int has_layers = 0;
  for (int i = 0; i < n; i++) has_layers |= ends[i] != *last;
  if (!has_layers)
    return rp_node_fail(place, err, "no layer stands in it, so it would join its input to itself; give it layers, or leave it out");
  RP_TRY(rp_node_new(RP_NODE_MAP, &place->origin, &nothing, err));
  if (place->path) RP_TRY(rp_copy_string(place->path, &nothing->path, err));
  RP_TRY(add_layer(self, kind, nothing, ends, n, err));
  *last = self->model.n_layers - 1;
  return RP_OK;
}

static rp_status refuse_residual_key(const rp_entry *entry, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  rp_add_suggestion(entry->key, (const char *const[]){"branch", "shortcut"}, 2, &text);
  RP_TRY(rp_text_check(&text, err));
  return rp_entry_fail(entry, err, "unknown key '%s' in residual%s", entry->key, rp_text_string(&text));
}

/* residual: {branch: […], shortcut: […]} → their sum; without a shortcut, the branch's sum with what it reads. */
static rp_status add_residual(builder *self, const rp_node *map, int *last, rp_error *err) {
  const rp_node *shortcut = rp_node_get(map, "shortcut");
  if (!rp_node_is(map, RP_NODE_MAP))
    return rp_node_fail(map, err, "residual is a map with `branch`, and `shortcut` where it is not the input itself");
  for (size_t i = 0; i < map->n; i++)
    if (strcmp(map->entries[i].key, "branch") != 0 && strcmp(map->entries[i].key, "shortcut") != 0)
      return refuse_residual_key(&map->entries[i], err);
  int ends[2];
  RP_TRY(add_branch(self, rp_node_get(map, "branch"), map, *last, &ends[0], err));
  ends[1] = *last;
  if (shortcut) RP_TRY(add_branch(self, shortcut, map, *last, &ends[1], err));
  return join(self, RP_ADD, map, ends, 2, last, err);
}

/* dense: […] → what it reads, and behind it what the list makes of it. */
static rp_status add_dense(builder *self, const rp_node *list, int *last, rp_error *err) {
  int ends[2] = {*last, *last};
  RP_TRY(add_branch(self, list, list, *last, &ends[1], err));
  return join(self, RP_CONCAT, list, ends, 2, last, err);
}

/* branches: [[…], […], …] → what each makes of the input, one behind the other; an empty one is the input itself. */
static rp_status add_branches(builder *self, const rp_node *lists, int *last, rp_error *err) {
  int ends[RP_MAX_INPUTS];
  if (!rp_node_is(lists, RP_NODE_LIST) || lists->n < 2 || lists->n > RP_MAX_INPUTS)
    return rp_node_fail(lists, err, "branches is a list of 2 to %d lists of layers", RP_MAX_INPUTS);
  for (size_t i = 0; i < lists->n; i++) RP_TRY(add_branch(self, lists->entries[i].value, lists, *last, &ends[i], err));
  return join(self, RP_CONCAT, lists, ends, (int)lists->n, last, err);
}

static rp_status (*const STRUCTURES[N_STRUCTURES])(builder *, const rp_node *, int *, rp_error *) = {add_residual, add_dense, add_branches};

/* Adds an entry of a list behind layer *last (RP_IMAGE at the start), and moves *last on. */
static rp_status add_entry(builder *self, const rp_node *entry, int *last, rp_error *err) {
  for (int i = 0; i < N_STRUCTURES; i++)
    if (entry->kind == RP_NODE_MAP && entry->n == 1 && strcmp(entry->entries[0].key, STRUCTURE_NAMES[i]) == 0)
      return STRUCTURES[i](self, entry->entries[0].value, last, err);
  rp_layer_kind kind = RP_N_LAYER_KINDS;
  RP_TRY(kind_of(entry, &kind, err));
  RP_TRY(add_layer(self, kind, entry->entries[0].value, last, kind == RP_ADD || kind == RP_CONCAT ? 0 : 1, err));
  *last = self->model.n_layers - 1;
  return RP_OK;
}

static rp_status add_entries(builder *self, const rp_node *list, int *last, rp_error *err) {
  for (size_t i = 0; i < list->n; i++) RP_TRY(add_entry(self, list->entries[i].value, last, err));
  return RP_OK;
}

static int is_read(const rp_model *model, int layer) {
  for (int reader = layer + 1; reader < model->n_layers; reader++)
    for (int i = 0; i < model->layers[reader].n_inputs; i++)
      if (model->layers[reader].inputs[i] == layer) return 1;
  return 0;
}

/* What nothing reads could not learn. */
static rp_status check_readers(const builder *self, rp_error *err) {
  for (int i = 0; i + 1 < self->model.n_layers; i++)
    if (!is_read(&self->model, i))
      return rp_node_fail(self->list->entries[i].value, err, "no layer reads %s; remove it, or name it in a later layer's `from`",
                          self->model.layers[i].name);
  return RP_OK;
}

static rp_status check_last(const builder *self, const rp_node *layers, rp_error *err) {
  const rp_layer_spec *last = &self->model.layers[self->model.n_layers - 1];
  const rp_node *place = layers->entries[layers->n - 1].value;
  if (last->kind != RP_FC)
    return rp_node_fail(place, err, "the last layer is %s (%s), not an fc with one output per class; add `- fc: {outputs: classes}`",
                        last->name, rp_layer_kind_name(last->kind));
  if (last->outputs != self->image.n_classes)
    return rp_node_fail(place, err, "the last layer, %s, has %d outputs, but the data have %d classes; say `outputs: classes`", last->name,
                        last->outputs, self->image.n_classes);
  return RP_OK;
}

static rp_status build_layers(builder *self, const rp_node *layers, rp_error *err) {
  int last = RP_IMAGE;
  if (layers->n == 0) return rp_node_fail(layers, err, "a model has 1 to %d layers; this one has 0", MOST_LAYERS);
  RP_TRY(add_entries(self, layers, &last, err));
  RP_TRY(check_last(self, layers, err));
  return check_readers(self, err);
}

static rp_status build(const rp_node *model, builder *self, rp_error *err) {
  RP_CLEANUP(rp_template_free) rp_template file = {0};
  RP_CLEANUP(rp_node_free) rp_node *parameters = NULL;
  RP_CLEANUP(rp_node_free) rp_node *layers = NULL;
  RP_TRY(rp_template_load(RP_FIND_MODEL, model, &file, err));
  RP_TRY(rp_template_fill(&file, model, "model", &parameters, err));
  RP_TRY(rp_template_expand(rp_template_body(&file), parameters, &layers, err));
  RP_TRY(rp_node_new(RP_NODE_LIST, NULL, &self->list, err));
  return build_layers(self, layers, err);
}

rp_status rp_model_build(const rp_node *model, rp_image_shape shape, rp_model *out, char **json, rp_error *err) {
  *out = (rp_model){0};
  if (json) *json = NULL;
  RP_CLEANUP(free_builder)
  builder self = {.image = shape,
                  .model = {.channels = shape.channels, .height = shape.height, .width = shape.width, .n_classes = shape.n_classes}};
  RP_TRY(build(model, &self, err));
  if (json) RP_TRY(rp_node_json(self.list, json, err));
  *out = self.model;
  self.model.layers = NULL;
  return RP_OK;
}
