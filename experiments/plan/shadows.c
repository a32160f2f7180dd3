/* shadows.c: lists are resolved entry by entry; what is there already is not listed twice. */
#include "experiments/plan/shadows.h"

#include "core/base/memory.h"
#include "experiments/config/yaml.h"
#include "experiments/plan/ids.h"

#include <stdlib.h>
#include <string.h>

static rp_status check_name(const rp_shadow_set *set, const rp_criterion_plan *criterion, rp_error *err) {
  for (int i = 0; i < set->n; i++) {
    const rp_criterion_plan *other = &set->shadows[i].plan;
    if (strcmp(other->description.name, criterion->description.name) == 0 &&
        !rp_id_equal(other->description.file_hash, criterion->description.file_hash))
      return rp_fail(err, RP_EINPUT,
                     "two shadow rankers call themselves '%s': %s and %s; change the .name of one, since results are kept under it",
                     criterion->description.name, other->path, criterion->path);
  }
  return RP_OK;
}

/* Takes *criterion over. */
static rp_status add(rp_shadow_set *set, rp_criterion_plan *criterion, int is_listed, rp_error *err) {
  for (int i = 0; i < set->n; i++)
    if (rp_criterion_plan_equal(&set->shadows[i].plan, criterion)) {
      set->shadows[i].is_listed |= is_listed;
      return RP_OK;
    }
  RP_TRY(check_name(set, criterion, err));
  RP_TRY(rp_reallocate(&set->shadows, (size_t)set->n + 1, sizeof *set->shadows, err));
  set->shadows[set->n++] = (rp_shadow){*criterion, is_listed};
  *criterion = (rp_criterion_plan){0};
  return RP_OK;
}

static rp_status note(rp_text *notes, const char *name, const char *reason, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text line = {0};
  rp_text_format(&line, "%s is left out of shadow: [all]: %s\n", name, reason);
  RP_TRY(rp_text_check(&line, err));
  if (!strstr(rp_text_string(notes), rp_text_string(&line))) rp_text_add(notes, rp_text_string(&line));
  return rp_text_check(notes, err);
}

/* ---- all ------------------------------------------------------------------------------------- */

/* A criterion that nobody listed, taken over where the data allow it. */
static rp_status add_unlisted(rp_shadow_set *set, rp_criterion_plan *criterion, rp_text *notes, rp_error *err) {
  if (!set->has_validation && rp_criterion_looks_at_validation(criterion, &set->score))
    return note(notes, criterion->description.name, "it measures on the validation split, and data.validation is 0", err);
  return add(set, criterion, 0, err);
}

/* One of the folder's criteria; one that cannot be used is nobody's wish and left out. */
static rp_status add_built_in(rp_shadow_set *set, const char *name, const char *rankers, rp_text *notes, rp_error *err) {
  RP_CLEANUP(rp_criterion_plan_free) rp_criterion_plan criterion = {0};
  rp_error reason = {0};
  rp_status status = rp_criterion_plan_resolve(name, NULL, 0, -1, &set->score, rankers, &criterion, &reason);
  if (status == RP_EINPUT) return note(notes, name, reason.message, err);
  if (status != RP_OK) return rp_fail(err, status, "%s", reason.message);
  return add_unlisted(set, &criterion, notes, err);
}

static rp_status add_built_ins(rp_shadow_set *set, const char *rankers, rp_text *notes, rp_error *err) {
  char **names;
  int n;
  RP_TRY(rp_plugin_list(rankers, &names, &n, err));
  rp_status status = RP_OK;
  for (int i = 0; i < n; i++) {
    if (status == RP_OK) status = add_built_in(set, names[i], rankers, notes, err);
    free(names[i]);
  }
  free(names);
  return status;
}

/* A criterion that acts in an arm, as it scores on the data of this set. */
static rp_status add_acting(rp_shadow_set *set, const rp_criterion_plan *acting, const char *rankers, rp_text *notes, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *json = NULL;
  RP_CLEANUP(rp_node_free) rp_node *node = NULL;
  RP_CLEANUP(rp_criterion_plan_free) rp_criterion_plan criterion = {0};
  rp_error reason = {0};
  RP_TRY(rp_criterion_plan_json(acting, &json, err));
  RP_TRY(rp_yaml_parse(json, "ranker", &node, err));
  RP_TRY(rp_criterion_plan_build(node, &set->score, rankers, &criterion, err));
  if (check_name(set, &criterion, &reason) != RP_OK) return note(notes, acting->path, reason.message, err);
  return add_unlisted(set, &criterion, notes, err);
}

static rp_status add_all(rp_shadow_set *set, const rp_all_criteria *all, rp_text *notes, rp_error *err) {
  RP_TRY(add_built_ins(set, all->rankers, notes, err));
  for (int i = 0; i < all->n_acting; i++) RP_TRY(add_acting(set, all->acting[i], all->rankers, notes, err));
  return RP_OK;
}

/* ---- A set ----------------------------------------------------------------------------------- */

static rp_status add_listed(rp_shadow_set *set, const rp_node *entry, const rp_all_criteria *all, rp_text *notes, rp_error *err) {
  if (rp_node_is(entry, RP_NODE_STRING) && strcmp(rp_node_text(entry), "all") == 0) return add_all(set, all, notes, err);
  RP_CLEANUP(rp_criterion_plan_free) rp_criterion_plan criterion = {0};
  RP_TRY(rp_criterion_plan_build(entry, &set->score, all->rankers, &criterion, err));
  rp_error reason = {0};
  rp_status status = rp_criterion_check_data(&criterion, &set->score, set->has_validation, &reason);
  if (status == RP_OK) status = add(set, &criterion, 1, &reason);
  return status == RP_EINPUT ? rp_node_fail(entry, err, "%s", reason.message)
         : status == RP_OK   ? RP_OK
                             : rp_fail(err, status, "%s", reason.message);
}

rp_status rp_shadow_set_build(rp_node *const *listed, int n_listed, const rp_score_data *score, int has_validation,
                              const rp_all_criteria *all, rp_shadow_set *out, rp_text *notes, rp_error *err) {
  *out = (rp_shadow_set){.score = *score, .has_validation = has_validation};
  rp_status status = RP_OK;
  for (int i = 0; i < n_listed && status == RP_OK; i++) status = add_listed(out, listed[i], all, notes, err);
  if (status != RP_OK) rp_shadow_set_free(out);
  return status;
}

void rp_shadow_set_free(rp_shadow_set *set) {
  for (int i = 0; i < set->n; i++) rp_criterion_plan_free(&set->shadows[i].plan);
  free(set->shadows);
  *set = (rp_shadow_set){0};
}

rp_status rp_shadow_request(const rp_trial_plan *plan, int step, const rp_criterion_plan *criterion, rp_id state, char **params,
                            rp_id *request, rp_error *err) {
  RP_TRY(rp_criterion_drop_params(criterion, plan->program.steps[step].params, params, err));
  return rp_id_of_request(state, *params, criterion->description.version, criterion->description.file_hash, request, err);
}
