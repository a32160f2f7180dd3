/* model_file.c: the layer list is expanded, each layer checked against its rows and against the shape of what is before it. */
#include "experiments/plan/model_file.h"

#include "core/base/memory.h"
#include "experiments/config/template.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OR_INIT(code, name, help) "|" name
#define INITS RP_INIT_LIST(OR_INIT)

static const rp_key ROWS[] = {
    {.name = "conv", .type = RP_KEY_MAP, .help = "a convolution", .since = "1.0"},
    {.name = "conv.name", .type = RP_KEY_TEXT, .help = "default: conv1, conv2, …", .since = "1.0"},
    {.name = "conv.filters", .type = RP_KEY_INTEGER, .lowest = 1, .highest = 65536, .help = "how many", .since = "1.0"},
    {.name = "conv.kernel",
     .type = RP_KEY_INTEGER,
     .lowest = 1,
     .highest = 1024,
     .fallback = "3",
     .help = "rows and columns",
     .since = "1.0"},
    {.name = "conv.stride",
     .type = RP_KEY_INTEGER,
     .lowest = 1,
     .highest = 1024,
     .fallback = "1",
     .help = "step of the windows",
     .since = "1.0"},
    {.name = "conv.padding",
     .type = RP_KEY_INTEGER,
     .lowest = 0,
     .highest = 1024,
     .words = "same|valid",
     .fallback = "same",
     .help = "same: H / stride rows out, rounded up; valid: none; or so many rows on each side",
     .since = "1.0"},
    {.name = "conv.bias", .type = RP_KEY_FLAG, .fallback = "on", .help = "one bias per filter", .since = "1.0"},
    {.name = "conv.relu", .type = RP_KEY_FLAG, .fallback = "off", .help = "a ReLU behind it", .since = "1.0"},
    {.name = "conv.init",
     .type = RP_KEY_NAMED,
     .words = INITS,
     .fallback = "he",
     .help = "of the weights; biases start at 0",
     .since = "1.0"},
    {.name = "conv.init.sigma",
     .type = RP_KEY_NUMBER,
     .lowest = 0,
     .highest = 1000,
     .fallback = "0.04",
     .of = "truncated-normal",
     .help = "deviation before truncation",
     .since = "1.0"},
    {.name = "conv.init.gain",
     .type = RP_KEY_NUMBER,
     .lowest = 0,
     .highest = 1000,
     .fallback = "1",
     .of = "orthogonal",
     .help = "factor",
     .since = "1.0"},
    {.name = "max_pool", .type = RP_KEY_MAP, .help = "maximum over windows", .since = "1.0"},
    {.name = "max_pool.name", .type = RP_KEY_TEXT, .help = "default: pool1, pool2, …", .since = "1.0"},
    {.name = "max_pool.kernel",
     .type = RP_KEY_INTEGER,
     .lowest = 1,
     .highest = 1024,
     .fallback = "2",
     .help = "rows and columns",
     .since = "1.0"},
    {.name = "max_pool.stride",
     .type = RP_KEY_INTEGER,
     .lowest = 1,
     .highest = 1024,
     .fallback = "2",
     .help = "step of the windows",
     .since = "1.0"},
    {.name = "max_pool.padding",
     .type = RP_KEY_INTEGER,
     .lowest = 0,
     .highest = 1024,
     .words = "same|valid",
     .fallback = "same",
     .help = "as of conv; padding never wins",
     .since = "1.0"},
    {.name = "fc", .type = RP_KEY_MAP, .help = "a fully connected layer", .since = "1.0"},
    {.name = "fc.name", .type = RP_KEY_TEXT, .help = "default: fc1, fc2, …", .since = "1.0"},
    {.name = "fc.outputs",
     .type = RP_KEY_INTEGER,
     .lowest = 1,
     .highest = 1e6,
     .words = "classes",
     .help = "how many; classes: one for each",
     .since = "1.0"},
    {.name = "fc.bias", .type = RP_KEY_FLAG, .fallback = "on", .help = "one bias per output", .since = "1.0"},
    {.name = "fc.init",
     .type = RP_KEY_NAMED,
     .words = INITS,
     .fallback = "he",
     .help = "of the weights; biases start at 0",
     .since = "1.0"},
    {.name = "fc.init.sigma",
     .type = RP_KEY_NUMBER,
     .lowest = 0,
     .highest = 1000,
     .fallback = "0.04",
     .of = "truncated-normal",
     .help = "deviation before truncation",
     .since = "1.0"},
    {.name = "fc.init.gain",
     .type = RP_KEY_NUMBER,
     .lowest = 0,
     .highest = 1000,
     .fallback = "1",
     .of = "orthogonal",
     .help = "factor",
     .since = "1.0"},
};
static const rp_key_table KEYS = {ROWS, sizeof ROWS / sizeof ROWS[0]};

enum { MOST_LAYERS = 1000 };

static const struct {
  const char *name, *short_name;
} KINDS[RP_N_LAYER_KINDS] = {
#define KIND_NAME(code, name, help) [code] = {name, name},
    RP_LAYER_LIST(KIND_NAME)
#undef KIND_NAME
};

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
  int kind = rp_word_index(INITS, rp_node_text(rp_node_get(init, "name")));
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

static rp_status read_layer(const builder *self, rp_node *map, rp_layer_spec *layer, rp_error *err) {
  const char *size_key = layer->kind == RP_CONV ? "filters" : layer->kind == RP_FC ? "outputs" : NULL;
  if (size_key && !rp_node_get(map, size_key)) return rp_node_fail(map, err, "%s needs `%s`", KINDS[layer->kind].name, size_key);
  if (layer->kind == RP_CONV || layer->kind == RP_MAX_POOL) read_windows(map, layer);
  if (layer->kind == RP_MAX_POOL) return RP_OK;
  if (strcmp(rp_node_text(rp_node_get(map, size_key)), "classes") == 0) {
    RP_CLEANUP(rp_node_free) rp_node *classes = NULL;
    RP_TRY(rp_node_of_integer(self->image.n_classes, &classes, err));
    RP_TRY(rp_node_put(map, size_key, &classes, err));
  }
  layer->outputs = integer_of(map, size_key);
  layer->has_bias = rp_node_is_true(rp_node_get(map, "bias"));
  layer->has_relu = rp_node_is_true(rp_node_get(map, "relu"));
  layer->init = init_of(map);
  return RP_OK;
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
    snprintf(text, sizeof text, "%s%d", layer->kind == RP_MAX_POOL ? "pool" : KINDS[layer->kind].short_name, self->n_of_kind[layer->kind]);
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

static rp_status kind_of(const rp_node *entry, rp_layer_kind *kind, rp_error *err) {
  const char *names[RP_N_LAYER_KINDS];
  if (entry->kind != RP_NODE_MAP || entry->n != 1)
    return rp_node_fail(entry, err, "a layer is a map with its kind, as in `conv: {filters: 32}`");
  for (int i = 0; i < RP_N_LAYER_KINDS; i++) {
    names[i] = KINDS[i].name;
    if (strcmp(entry->entries[0].key, names[i]) != 0) continue;
    *kind = (rp_layer_kind)i;
    return RP_OK;
  }
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  rp_add_suggestion(entry->entries[0].key, names, RP_N_LAYER_KINDS, &text);
  RP_TRY(rp_text_check(&text, err));
  return rp_entry_fail(&entry->entries[0], err, "unknown layer kind '%s'%s", entry->entries[0].key, rp_text_string(&text));
}

/* A layer's keys as a map of its own, checked, with every default. */
static rp_status keys_of(const rp_node *entry, rp_layer_kind kind, rp_node **out, rp_error *err) {
  const rp_node *given = entry->entries[0].value;
  RP_CLEANUP(rp_node_free) rp_node *map = NULL;
  if (given->kind == RP_NODE_NULL)
    RP_TRY(rp_node_new(RP_NODE_MAP, &given->origin, &map, err));
  else
    RP_TRY(rp_node_copy(given, &map, err));
  RP_TRY(rp_keys_check(&KEYS, KINDS[kind].name, map, err));
  RP_TRY(rp_keys_fill(&KEYS, KINDS[kind].name, map, err));
  *out = map;
  map = NULL;
  return RP_OK;
}

static rp_status add_to_list(builder *self, rp_layer_kind kind, rp_node **map, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *name = NULL;
  RP_TRY(rp_node_string(KINDS[kind].name, NULL, &name, err));
  RP_TRY(rp_node_append(*map, "kind", NULL, &name, err));
  return rp_node_append(self->list, NULL, NULL, map, err);
}

static rp_status add_layer(builder *self, const rp_node *entry, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *map = NULL;
  rp_layer_spec layer = {.n_inputs = 1, .inputs = {self->model.n_layers ? self->model.n_layers - 1 : RP_IMAGE}};
  RP_TRY(kind_of(entry, &layer.kind, err));
  self->n_of_kind[layer.kind]++;
  RP_TRY(keys_of(entry, layer.kind, &map, err));
  RP_TRY(read_layer(self, map, &layer, err));
  RP_TRY(name_layer(self, map, &layer, err));
  self->model.layers[self->model.n_layers++] = layer;
  RP_TRY(check_shapes(self, entry->entries[0].value, err));
  return add_to_list(self, layer.kind, &map, err);
}

static rp_status check_last(const builder *self, const rp_node *layers, rp_error *err) {
  const rp_layer_spec *last = &self->model.layers[self->model.n_layers - 1];
  const rp_node *place = layers->entries[layers->n - 1].value;
  if (last->kind != RP_FC)
    return rp_node_fail(place, err, "the last layer is %s (%s), not an fc with one output per class; add `- fc: {outputs: classes}`",
                        last->name, KINDS[last->kind].name);
  if (last->outputs != self->image.n_classes)
    return rp_node_fail(place, err, "the last layer, %s, has %d outputs, but the data have %d classes; say `outputs: classes`", last->name,
                        last->outputs, self->image.n_classes);
  return RP_OK;
}

static rp_status build_layers(builder *self, const rp_node *layers, rp_error *err) {
  if (layers->n == 0 || layers->n > MOST_LAYERS)
    return rp_node_fail(layers, err, "a model has 1 to %d layers; this one has %zu", MOST_LAYERS, layers->n);
  RP_TRY(rp_allocate(layers->n, sizeof *self->model.layers, &self->model.layers, err));
  RP_TRY(rp_allocate(layers->n, sizeof *self->extents, &self->extents, err));
  for (size_t i = 0; i < layers->n; i++) RP_TRY(add_layer(self, layers->entries[i].value, err));
  return check_last(self, layers, err);
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
