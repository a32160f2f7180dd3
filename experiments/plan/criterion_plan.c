/* criterion_plan.c: from what somebody wrote to values, and back to texts: one for results, one for the wire, one for ids. */
#include "experiments/plan/criterion_plan.h"

#include "core/base/memory.h"
#include "core/base/text.h"
#include "experiments/config/yaml.h"
#include "experiments/plan/op_keys.h"

#include <stdlib.h>
#include <string.h>

/* A description is a function of a file's bytes: that it is remembered for the life of the process changes nothing but how often a child is
 * forked for it. */
static rp_plugin_descriptions described;

static const char *const SCORE_DATA_NAMES[] = {[RP_SCORE_AUTO] = "auto", [RP_SCORE_TRAIN] = "train", [RP_SCORE_VALIDATION] = "validation"};

/* Options in the plugin's order are canonical: a description lists each once, and texts of values are unique. */
static rp_status describe_options(const rp_score_data *score, rp_criterion_plan *criterion, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text json = {0};
  rp_text_format(&json, "{\"normalise\":\"%s\",\"options\":{", rp_normalise_name(criterion->normalise));
  for (int i = 0; i < criterion->description.n_options; i++) {
    RP_CLEANUP(rp_free_pointer) char *text = NULL;
    RP_TRY(rp_ranker_option_text(&criterion->description, i, &criterion->options[i], &text, err));
    rp_text_add(&json, i ? "," : "");
    rp_text_add_json_string(&json, criterion->description.options[i].name);
    rp_text_add(&json, ":");
    rp_text_add_json_string(&json, text);
  }
  rp_text_format(&json, "},\"score\":{\"data\":\"%s\",\"images\":%u}}", SCORE_DATA_NAMES[score->data], score->images);
  return rp_text_take(&json, &criterion->options_json, err);
}

static rp_status resolve(const char *name, const rp_option_text *given, int n_given, int normalise, const rp_score_data *score,
                         const char *rankers, rp_criterion_plan *out, rp_error *err) {
  RP_TRY(rp_plugin_find(rankers, name, &out->path, err));
  RP_TRY(rp_plugin_describe_once(&described, out->path, &out->description, err));
  RP_TRY(rp_ranker_options_parse(&out->description, given, n_given, &out->options, err));
  out->normalise = RP_NORMALISE_NONE;
  if (normalise >= 0)
    out->normalise = (rp_normalise)normalise;
  else if (out->description.normalise)
    rp_normalise_parse(out->description.normalise, &out->normalise);
  return describe_options(score, out, err);
}

void rp_criterion_plan_free(rp_criterion_plan *criterion) {
  free(criterion->path);
  rp_plugin_description_free(&criterion->description);
  free(criterion->options);
  free(criterion->options_json);
  *criterion = (rp_criterion_plan){0};
}

rp_status rp_criterion_plan_resolve(const char *name, const rp_option_text *given, int n_given, int normalise, const rp_score_data *score,
                                    const char *rankers, rp_criterion_plan *out, rp_error *err) {
  *out = (rp_criterion_plan){0};
  rp_status status = resolve(name, given, n_given, normalise, score, rankers, out, err);
  if (status != RP_OK) rp_criterion_plan_free(out);
  return status;
}

static rp_status read_settings(const rp_node *ranker, rp_option_text *given, int *n_given, int *normalise, rp_error *err) {
  for (size_t i = 0; i < ranker->n; i++) {
    const rp_entry *entry = &ranker->entries[i];
    if (strcmp(entry->key, "name") == 0) continue;
    if (strcmp(entry->key, "normalise") == 0) {
      RP_TRY(rp_key_check_value(&rp_normalise_key, entry->value, err));
      *normalise = rp_word_index(rp_normalise_key.words, rp_node_text(entry->value));
    } else if (!entry->value->text || rp_node_is(entry->value, RP_NODE_NULL))
      return rp_node_fail(entry->value, err, "%s stands here; a criterion's option is a number, a flag or a word",
                          rp_node_kind_name(entry->value->kind));
    else
      given[(*n_given)++] = (rp_option_text){entry->key, rp_node_text(entry->value)};
  }
  return RP_OK;
}

rp_status rp_criterion_plan_build(const rp_node *ranker, const rp_score_data *score, const char *rankers, rp_criterion_plan *out,
                                  rp_error *err) {
  *out = (rp_criterion_plan){0};
  int is_map = rp_node_is(ranker, RP_NODE_MAP), n_given = 0, normalise = -1;
  RP_CLEANUP(rp_free_pointer) rp_option_text *given = NULL;
  RP_TRY(rp_allocate(ranker->n + 1, sizeof *given, &given, err));
  if (is_map) RP_TRY(read_settings(ranker, given, &n_given, &normalise, err));
  const char *name = is_map ? rp_node_text(rp_node_get(ranker, "name")) : rp_node_text(ranker);
  rp_status status = rp_criterion_plan_resolve(name, given, n_given, normalise, score, rankers, out, err);
  if (status == RP_OK) return RP_OK;
  RP_CLEANUP(rp_free_pointer) char *place = NULL;
  if (rp_node_place(ranker, &place, NULL) == RP_OK && *place) rp_add_context(err, "%s", place);
  return status;
}

int rp_criterion_plan_equal(const rp_criterion_plan *one, const rp_criterion_plan *other) {
  const rp_plugin_description *a = &one->description, *b = &other->description;
  return strcmp(a->name, b->name) == 0 && strcmp(a->version, b->version) == 0 && rp_id_equal(a->file_hash, b->file_hash) &&
         strcmp(one->options_json, other->options_json) == 0;
}

int rp_criterion_looks_at_validation(const rp_criterion_plan *criterion, const rp_score_data *score) {
  if (score->data == RP_SCORE_VALIDATION) return 1;
  return score->data == RP_SCORE_AUTO && (criterion->description.flags & RP_USES_ABLATION);
}

rp_status rp_criterion_check_data(const rp_criterion_plan *criterion, const rp_score_data *score, int has_validation, rp_error *err) {
  if (has_validation || !rp_criterion_looks_at_validation(criterion, score)) return RP_OK;
  return rp_fail(
      err, RP_EINPUT,
      "'%s' measures on the validation split, but data.validation is 0; hold images out (data.validation: 5000) or set score.data: train",
      criterion->description.name);
}

/* ---- Texts ----------------------------------------------------------------------------------- */

rp_status rp_criterion_plan_json(const rp_criterion_plan *criterion, char **json, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  rp_text_add(&text, "{\"name\":");
  rp_text_add_json_string(&text, criterion->path);
  rp_text_format(&text, ",\"normalise\":\"%s\"", rp_normalise_name(criterion->normalise));
  for (int i = 0; i < criterion->description.n_options; i++) {
    RP_CLEANUP(rp_free_pointer) char *value = NULL;
    RP_TRY(rp_ranker_option_text(&criterion->description, i, &criterion->options[i], &value, err));
    rp_text_add(&text, ",");
    rp_text_add_json_string(&text, criterion->description.options[i].name);
    rp_text_add(&text, ":");
    rp_text_add_json_string(&text, value);
  }
  rp_text_add(&text, "}");
  return rp_text_take(&text, json, err);
}

static rp_status put_word(rp_node *map, const char *key, const char *text, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *value = NULL;
  RP_TRY(rp_node_scalar(text, NULL, &value, err));
  return rp_node_put(map, key, &value, err);
}

static rp_status describe_for_ids(const rp_criterion_plan *criterion, rp_node *map, rp_error *err) {
  const rp_plugin_description *description = &criterion->description;
  RP_TRY(put_word(map, "name", description->name, err));
  const char *normalise = rp_normalise_name(criterion->normalise);
  if (strcmp(normalise, description->normalise ? description->normalise : "none") != 0) RP_TRY(put_word(map, "normalise", normalise, err));
  for (int i = 0; i < description->n_options; i++) {
    if (criterion->options[i].number == description->options[i].default_number) continue;
    RP_CLEANUP(rp_free_pointer) char *text = NULL;
    RP_TRY(rp_ranker_option_text(description, i, &criterion->options[i], &text, err));
    RP_TRY(put_word(map, description->options[i].name, text, err));
  }
  return RP_OK;
}

rp_status rp_criterion_drop_params(const rp_criterion_plan *criterion, const char *params, char **out, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *map = NULL;
  RP_CLEANUP(rp_node_free) rp_node *ranker = NULL;
  RP_TRY(rp_yaml_parse(params, "params", &map, err));
  RP_TRY(rp_node_new(RP_NODE_MAP, NULL, &ranker, err));
  RP_TRY(describe_for_ids(criterion, ranker, err));
  RP_TRY(rp_node_put(map, "ranker", &ranker, err));
  return rp_node_json(map, out, err);
}
