/* overview_json.c: everything, as one JSON object on a line. What was not measured, or is not there, is null. */
#include "core/base/text.h"
#include "experiments/config/node.h"
#include "experiments/status/overview.h"

#include <math.h>

/* Members of an object: each has a comma in front but the first, which "{" stands before. */
static void add_key(const char *key, rp_text *json) {
  const char *all = rp_text_string(json);
  rp_text_format(json, "%s\"%s\":", json->length && all[json->length - 1] == '{' ? "" : ",", key);
}

static void add_string(const char *key, const char *value, rp_text *json) {
  add_key(key, json);
  if (value)
    rp_text_add_json_string(json, value);
  else
    rp_text_add(json, "null");
}

static void add_number(const char *key, double value, rp_text *json) {
  add_key(key, json);
  if (isnan(value))
    rp_text_add(json, "null");
  else
    rp_number_add(value, json);
}

static void add_trial(const rp_overview *overview, int i, rp_text *json) {
  const rp_trial_result *trial = &overview->trials.trials[i];
  char hex[RP_ID_HEX + 1];
  rp_id_hex(trial->trial, hex);
  add_string("trial", hex, json);
  add_string("experiment", trial->experiment, json);
  add_string("arm", trial->arm, json);
  add_key("seed", json);
  rp_text_format(json, "%lld", (long long)trial->seed);
  add_string("ranker", trial->ranker, json);
  add_string("status", rp_overview_status(overview, i), json);
  add_number("epochs", trial->epochs, json);
  add_number("epochs_done", trial->epochs_done, json);
  add_number("headline_test_acc", trial->headline_test_acc, json);
  add_number("last_test_acc", trial->last_test_acc, json);
  add_number("best_val_test_acc", trial->best_val_test_acc, json);
  add_string("cause", trial->cause, json);
  add_string("message", trial->message, json);
}

static void add_shadow(const rp_overview *overview, int i, rp_text *json) {
  const rp_shadow_overview *shadow = &overview->shadows[i];
  add_string("experiment", shadow->experiment, json);
  add_string("ranker", shadow->ranker, json);
  add_key("options", json);
  rp_text_add(json, shadow->options_json);
  add_string("outcome", shadow->outcome, json);
  add_number("drops", shadow->n_drops, json);
  add_string("message", shadow->message, json);
}

static void add_stale(const rp_overview *overview, int i, rp_text *json) {
  const rp_stale_ranker *stale = &overview->stale[i];
  add_string("experiment", stale->experiment, json);
  add_string("ranker", stale->ranker, json);
  add_string("path", stale->path, json);
  add_number("trials", stale->n_trials, json);
}

static void add_list(const char *key, const rp_overview *overview, int n, void (*add)(const rp_overview *, int, rp_text *), rp_text *json) {
  add_key(key, json);
  rp_text_add(json, "[");
  for (int i = 0; i < n; i++) {
    rp_text_add(json, i ? ",{" : "{");
    add(overview, i, json);
    rp_text_add(json, "}");
  }
  rp_text_add(json, "]");
}

rp_status rp_overview_json(const rp_overview *overview, FILE *out, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text json = {0};
  rp_text_add(&json, "{");
  add_list("trials", overview, overview->trials.n, add_trial, &json);
  add_list("shadows", overview, overview->n_shadows, add_shadow, &json);
  add_list("stale_rankers", overview, overview->n_stale, add_stale, &json);
  rp_text_add(&json, "}\n");
  RP_TRY(rp_text_check(&json, err));
  fputs(rp_text_string(&json), out);
  return RP_OK;
}
