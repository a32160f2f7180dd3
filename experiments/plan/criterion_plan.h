/* criterion_plan.h: a ranking criterion as an experiment asks for it: described, with its options resolved. Nothing of the plugin is loaded
 * here. */
#ifndef RP_PLAN_CRITERION_PLAN_H
#define RP_PLAN_CRITERION_PLAN_H

#include "core/ranking/options.h"
#include "core/ranking/plugin.h"
#include "core/ranking/score.h"
#include "core/ranking/select.h"
#include "experiments/config/node.h"

typedef struct {
  char *path; /* of the .so */
  rp_plugin_description description;
  rp_value *options; /* one per option of the plugin; may be NULL */
  rp_normalise normalise;
  char *options_json; /* canonical: every option, normalise and scoring data: what decides scores besides the state */
} rp_criterion_plan;

/* A criterion as somebody wrote it.
 *
 *   name       a built-in one (in the folder `rankers`), or the path of a .so
 *   given      [n_given] its options, in any order
 *   normalise  rp_normalise, or −1 = its own default
 *
 * Errors: RP_EINPUT: not found, no plugin, other ABI, undefined symbol; its options. On error *out is empty. The caller frees. */
rp_status rp_criterion_plan_resolve(const char *name, const rp_option_text *given, int n_given, int normalise, const rp_score_data *score,
                                    const char *rankers, rp_criterion_plan *out, rp_error *err);

/* The same from a node: a name, or a map {name: …, option: …, normalise: …}. Errors: with position. */
rp_status rp_criterion_plan_build(const rp_node *ranker, const rp_score_data *score, const char *rankers, rp_criterion_plan *out,
                                  rp_error *err);
void rp_criterion_plan_free(rp_criterion_plan *criterion);

/* Equal where they give a state the same scores: name, version, file and all options. */
int rp_criterion_plan_equal(const rp_criterion_plan *one, const rp_criterion_plan *other);

/* Whether a criterion looks at the validation split; RP_EINPUT where it does and there is none (rule 6). */
int rp_criterion_looks_at_validation(const rp_criterion_plan *criterion, const rp_score_data *score);
rp_status rp_criterion_check_data(const rp_criterion_plan *criterion, const rp_score_data *score, int has_validation, rp_error *err);

/* The node that rp_criterion_plan_build makes the same criterion from, as JSON: it crosses the wire so. The caller frees. */
rp_status rp_criterion_plan_json(const rp_criterion_plan *criterion, char **json, rp_error *err);

/* What a drop asks for with this criterion, for ids: `params` (of a step, canonical JSON) with the criterion as `ranker`, in the place of
 * one that is there. A criterion stands in ids by the name that it calls itself (no path: rule 27) and by the settings that differ from its
 * own defaults, so that a default may be written out or not. The caller frees. */
rp_status rp_criterion_drop_params(const rp_criterion_plan *criterion, const char *params, char **out, rp_error *err);

#endif
