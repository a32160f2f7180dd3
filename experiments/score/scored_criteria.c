/* scored_criteria.c: each word of the command line is what `shadow` would list in an experiment file. */
#include "experiments/score/scored_criteria.h"

#include "core/base/memory.h"
#include "experiments/config/yaml.h"

#include <stdlib.h>
#include <string.h>

/* Moves the criteria of a set that are not there yet. */
static rp_status take_over(rp_scored_criteria *list, rp_shadow_set *set, rp_error *err) {
  for (int i = 0; i < set->n; i++) {
    int is_new = 1;
    for (int j = 0; j < list->n; j++) is_new &= !rp_criterion_plan_equal(&list->criteria[j].plan, &set->shadows[i].plan);
    if (!is_new) continue;
    RP_TRY(rp_reallocate(&list->criteria, (size_t)list->n + 1, sizeof *list->criteria, err));
    list->criteria[list->n++] = set->shadows[i];
    set->shadows[i].plan = (rp_criterion_plan){0};
  }
  return RP_OK;
}

static rp_status add(rp_scored_criteria *list, const char *text, const rp_score_data *score, int has_validation, const rp_all_criteria *all,
                     rp_text *notes, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *node = NULL;
  RP_CLEANUP(rp_shadow_set_free) rp_shadow_set set = {0};
  RP_CLEANUP(rp_text_free) rp_text source = {0};
  rp_text_format(&source, "--ranker %s", text);
  RP_TRY(rp_text_check(&source, err));
  RP_TRY(rp_yaml_parse(text, rp_text_string(&source), &node, err));
  rp_node_set_origin(node, &(rp_origin){.source = node->origin.source}); /* a command line has no lines and columns */
  if (!rp_node_is(node, RP_NODE_STRING) && !rp_node_get(node, "name"))
    return rp_fail(err, RP_EUSAGE, "--ranker %s: a name, a file or {name: …, option: …} is expected", text);
  RP_TRY(rp_shadow_set_build(&node, 1, score, has_validation, all, &set, notes, err));
  return take_over(list, &set, err);
}

static void put_first(rp_scored_criteria *list, const rp_criterion_plan *first) {
  for (int i = 1; i < list->n; i++) {
    if (!rp_criterion_plan_equal(&list->criteria[i].plan, first)) continue;
    rp_shadow found = list->criteria[i];
    memmove(&list->criteria[1], &list->criteria[0], (size_t)i * sizeof *list->criteria);
    list->criteria[0] = found;
    return;
  }
}

static rp_status build(const rp_criteria_wish *wish, const rp_score_data *score, int has_validation, const rp_all_criteria *all,
                       rp_scored_criteria *list, rp_text *notes, rp_error *err) {
  if (wish->only_given && !wish->n_rankers) return rp_fail(err, RP_EUSAGE, "--only leaves nothing to score; name criteria with --ranker");
  for (int i = 0; i < wish->n_rankers; i++) RP_TRY(add(list, wish->rankers[i], score, has_validation, all, notes, err));
  return wish->only_given ? RP_OK : add(list, "all", score, has_validation, all, notes, err);
}

rp_status rp_scored_criteria_build(const rp_criteria_wish *wish, const rp_score_data *score, int has_validation, const char *folder,
                                   const rp_criterion_plan *first, rp_scored_criteria *out, rp_text *notes, rp_error *err) {
  *out = (rp_scored_criteria){0};
  const rp_all_criteria all = {folder, &first, first != NULL};
  rp_status status = build(wish, score, has_validation, &all, out, notes, err);
  if (status != RP_OK)
    rp_scored_criteria_free(out);
  else if (first && !wish->n_rankers)
    put_first(out, first);
  return status;
}

void rp_scored_criteria_free(rp_scored_criteria *list) {
  for (int i = 0; i < list->n; i++) rp_criterion_plan_free(&list->criteria[i].plan);
  free(list->criteria);
  *list = (rp_scored_criteria){0};
}

rp_status rp_scored_criteria_name(const rp_scored_criteria *list, int i, char **name, rp_error *err) {
  const rp_criterion_plan *plan = &list->criteria[i].plan;
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  rp_text_add(&text, plan->description.name);
  for (int o = 0; o < plan->description.n_options; o++) {
    if (plan->options[o].number == plan->description.options[o].default_number) continue;
    RP_CLEANUP(rp_free_pointer) char *value = NULL;
    RP_TRY(rp_ranker_option_text(&plan->description, o, &plan->options[o], &value, err));
    rp_text_format(&text, " %s=%s", plan->description.options[o].name, value);
  }
  if (strcmp(rp_normalise_name(plan->normalise), plan->description.normalise) != 0)
    rp_text_format(&text, " normalise=%s", rp_normalise_name(plan->normalise));
  return rp_text_take(&text, name, err);
}
