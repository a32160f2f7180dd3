/* model_file.c: expands a model's file, checks each layer against one table of keys, and names the layers. */
#include "experiments/plan/model_file.h"

#include "core/base/memory.h"
#include "core/nn/net_parts.h"
#include "experiments/config/template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INIT_WORDS "truncated-normal|he|glorot|orthogonal"

/* An init's own keys; the same for conv and fc. */
#define INIT_ROWS(layer)                                                                                                                   \
  {layer ".init", RP_KEY_NAMED, 0, 0, INIT_WORDS, "he", NULL, "initialisation of the weights", "1.0"},                                     \
      {layer ".init.sigma", RP_KEY_NUMBER, 0, 100, NULL, "0.04", "truncated-normal", "its deviation", "1.0"},                              \
      {layer ".init.gain", RP_KEY_NUMBER, 0, 100, NULL, "1", "orthogonal", "scale of the rows", "1.0"}

static const rp_key LAYER_ROWS[] = {
    {"conv", RP_KEY_MAP, 0, 0, NULL, NULL, NULL, "convolution", "1.0"},
    {"conv.name", RP_KEY_TEXT, 0, 0, NULL, NULL, NULL, "its name", "1.0"},
    {"conv.filters", RP_KEY_INTEGER, 1, 65536, NULL, NULL, NULL, "number of filters", "1.0"},
    {"conv.kernel", RP_KEY_INTEGER, 1, 255, NULL, "3", NULL, "height and width of a filter", "1.0"},
    {"conv.stride", RP_KEY_INTEGER, 1, 255, NULL, "1", NULL, "stride", "1.0"},
    {"conv.padding", RP_KEY_INTEGER, 0, 255, "same", "same", NULL, "same, or pixels on all sides", "1.0"},
    {"conv.bias", RP_KEY_FLAG, 0, 0, NULL, "on", NULL, "has a bias", "1.0"},
    {"conv.relu", RP_KEY_FLAG, 0, 0, NULL, "off", NULL, "followed by a ReLU", "1.0"},
    INIT_ROWS("conv"),
    {"max_pool", RP_KEY_MAP, 0, 0, NULL, NULL, NULL, "maximum over windows", "1.0"},
    {"max_pool.name", RP_KEY_TEXT, 0, 0, NULL, NULL, NULL, "its name", "1.0"},
    {"max_pool.kernel", RP_KEY_INTEGER, 1, 255, NULL, "2", NULL, "height and width of a window", "1.0"},
    {"max_pool.stride", RP_KEY_INTEGER, 1, 255, NULL, "2", NULL, "stride", "1.0"},
    {"max_pool.padding", RP_KEY_INTEGER, 0, 255, "same", "same", NULL, "same, or pixels on all sides", "1.0"},
    {"fc", RP_KEY_MAP, 0, 0, NULL, NULL, NULL, "fully connected layer", "1.0"},
    {"fc.name", RP_KEY_TEXT, 0, 0, NULL, NULL, NULL, "its name", "1.0"},
    {"fc.outputs", RP_KEY_INTEGER, 1, 65536, "classes", "classes", NULL, "features, or classes: as many as the data set has", "1.0"},
    {"fc.bias", RP_KEY_FLAG, 0, 0, NULL, "on", NULL, "has a bias", "1.0"},
    INIT_ROWS("fc"),
};
static const rp_key_table LAYER_KEYS = {LAYER_ROWS, sizeof LAYER_ROWS / sizeof LAYER_ROWS[0]};

#define KIND_NAME(code, name, help) name,
static const char *const KIND_NAMES[] = {RP_LAYER_LIST(KIND_NAME)};
#undef KIND_NAME
static const char *const SHORT_NAMES[RP_N_LAYER_KINDS] = {[RP_CONV] = "conv", [RP_MAX_POOL] = "pool", [RP_FC] = "fc"};

static int integer_of(const rp_node *map, const char *key, int missing) {
  int64_t value;
  return rp_node_integer(rp_node_get(map, key), &value) ? (int)value : missing;
}

static rp_init init_of(const rp_node *init) {
  rp_init out = {.kind = (rp_init_kind)rp_word_index(INIT_WORDS, rp_node_text(rp_node_get(init, "name"))), .sigma = 0.04, .gain = 1};
  rp_node_double(rp_node_get(init, "sigma"), &out.sigma);
  rp_node_double(rp_node_get(init, "gain"), &out.gain);
  return out;
}

static rp_status layer_kind_of(const rp_node *entry, rp_layer_kind *kind, rp_node **map, rp_error *err) {
  if (!rp_node_is(entry, RP_NODE_MAP) || entry->n != 1)
    return rp_node_fail(entry, err, "a layer is a map with one key, its kind: conv, max_pool or fc");
  for (*kind = 0; *kind < RP_N_LAYER_KINDS; (*kind)++)
    if (strcmp(entry->entries[0].key, KIND_NAMES[*kind]) == 0) break;
  if (*kind == RP_N_LAYER_KINDS) {
    RP_CLEANUP(rp_text_free) rp_text suggestion = {0};
    rp_add_suggestion(entry->entries[0].key, KIND_NAMES, RP_N_LAYER_KINDS, &suggestion);
    return rp_entry_fail(&entry->entries[0], err, "'%s' is no layer%s", entry->entries[0].key, rp_text_string(&suggestion));
  }
  *map = entry->entries[0].value;
  if (!rp_node_is(*map, RP_NODE_MAP)) return rp_node_fail(*map, err, "a layer's settings are a map, e.g. {kernel: 3}");
  return RP_OK;
}

static rp_status name_layer(rp_node *map, rp_layer_kind kind, int *counts, rp_layer_spec *layer, rp_error *err) {
  char number[RP_NAME_SIZE];
  snprintf(number, sizeof number, "%s%d", SHORT_NAMES[kind], ++counts[kind]);
  const char *given = rp_node_text(rp_node_get(map, "name"));
  if (strlen(given) >= sizeof layer->name)
    return rp_node_fail(rp_node_get(map, "name"), err, "a layer's name has at most %zu bytes", sizeof layer->name - 1);
  snprintf(layer->name, sizeof layer->name, "%s", *given ? given : number);
  if (*given) return RP_OK;
  rp_node *name = NULL;
  RP_TRY(rp_node_string(number, &map->origin, &name, err));
  rp_status status = rp_node_put(map, "name", &name, err);
  rp_node_free(&name);
  return status;
}

static rp_status build_layer(rp_node *entry, int index, int n_classes, int *counts, rp_layer_spec *layer, rp_error *err) {
  rp_node *map = NULL;
  RP_TRY(layer_kind_of(entry, &layer->kind, &map, err));
  const char *section = KIND_NAMES[layer->kind];
  RP_TRY(rp_keys_check(&LAYER_KEYS, section, map, err));
  RP_TRY(rp_keys_fill(&LAYER_KEYS, section, map, err));
  RP_TRY(name_layer(map, layer->kind, counts, layer, err));
  layer->n_inputs = 1;
  layer->inputs[0] = index == 0 ? RP_IMAGE : index - 1;
  layer->outputs = integer_of(map, layer->kind == RP_CONV ? "filters" : "outputs", layer->kind == RP_FC ? n_classes : 0);
  if (layer->kind == RP_CONV && layer->outputs == 0) return rp_node_fail(map, err, "filters is missing: how many the conv has");
  layer->kernel = integer_of(map, "kernel", 0);
  layer->stride = integer_of(map, "stride", 0);
  layer->same = strcmp(rp_node_text(rp_node_get(map, "padding")), "same") == 0;
  layer->pad = integer_of(map, "padding", 0);
  layer->has_bias = rp_node_is_true(rp_node_get(map, "bias"));
  layer->has_relu = rp_node_is_true(rp_node_get(map, "relu"));
  if (layer->kind != RP_MAX_POOL) layer->init = init_of(rp_node_get(map, "init"));
  return RP_OK;
}

static rp_status build_layers(rp_node *list, rp_image_shape shape, rp_model *out, rp_error *err) {
  *out = (rp_model){.channels = shape.channels, .height = shape.height, .width = shape.width, .n_classes = shape.n_classes};
  if (!rp_node_is(list, RP_NODE_LIST) || list->n == 0) return rp_node_fail(list, err, "a model has at least one layer");
  RP_TRY(rp_allocate(list->n, sizeof *out->layers, &out->layers, err));
  int counts[RP_N_LAYER_KINDS] = {0};
  for (; out->n_layers < (int)list->n; out->n_layers++)
    RP_TRY(build_layer(list->entries[out->n_layers].value, out->n_layers, shape.n_classes, counts, &out->layers[out->n_layers], err));
  RP_CLEANUP(rp_free_pointer) rp_extent *extents = NULL;
  RP_TRY(rp_allocate(list->n, sizeof *extents, &extents, err));
  rp_status status = rp_model_check(out, extents, err);
  if (status != RP_OK && *rp_node_file(list)) rp_add_context(err, "%s", rp_node_file(list));
  return status;
}

static rp_status build(const rp_node *model, rp_image_shape shape, rp_template *file, rp_model *out, char **json, rp_error *err) {
  RP_TRY(rp_template_load(RP_FIND_MODEL, model, file, err));
  RP_CLEANUP(rp_node_free) rp_node *parameters = NULL;
  RP_CLEANUP(rp_node_free) rp_node *layers = NULL;
  RP_TRY(rp_template_fill(file, model, "model", &parameters, err));
  RP_TRY(rp_template_expand(rp_template_body(file), parameters, &layers, err));
  RP_TRY(build_layers(layers, shape, out, err));
  return json ? rp_node_json(layers, json, err) : RP_OK;
}

rp_status rp_model_build(const rp_node *model, rp_image_shape shape, rp_model *out, char **json, rp_error *err) {
  *out = (rp_model){0};
  if (json) *json = NULL;
  rp_template file = {0};
  rp_status status = build(model, shape, &file, out, json, err);
  rp_template_free(&file);
  if (status != RP_OK) rp_model_free(out);
  return status;
}
