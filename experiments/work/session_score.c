/* session_score.c: a stored state and criteria that do not act: brings the state, opens the criteria, runs one pass. */
#include "experiments/work/session_parts.h"

#include "core/base/memory.h"
#include "experiments/config/yaml.h"
#include "experiments/work/last_words.h"

#include <stdlib.h>
#include <string.h>

/* Everything that one pass needs, so that it is freed in one place. */
typedef struct {
  const rp_score_job *job;
  rp_score_answer *answer;
  rp_criterion_plan *plans; /* [job->n_criteria] */
  rp_error *failures;       /* [job->n_criteria] */
  rp_scoring *scorings;     /* [n], of those that could be opened */
  int *asked;               /* [n], their places in the job */
  int n;
} shadow_pass;

static void free_pass(shadow_pass *pass) {
  for (int i = 0; pass->plans && i < pass->job->n_criteria; i++) rp_criterion_plan_free(&pass->plans[i]);
  free(pass->plans);
  free(pass->failures);
  free(pass->scorings);
  free(pass->asked);
}

static rp_status allocate(rp_session *session, shadow_pass *pass, rp_error *err) {
  size_t n = (size_t)pass->job->n_criteria, n_filters = (size_t)session->plan.n_filters;
  rp_score_answer *answer = pass->answer;
  RP_TRY(rp_allocate(n, sizeof *pass->plans, &pass->plans, err));
  RP_TRY(rp_allocate(n, sizeof *pass->failures, &pass->failures, err));
  RP_TRY(rp_allocate(n, sizeof *pass->scorings, &pass->scorings, err));
  RP_TRY(rp_allocate(n, sizeof *pass->asked, &pass->asked, err));
  RP_TRY(rp_allocate(n, sizeof *answer->criteria, &answer->criteria, err));
  answer->n = (int)n;
  answer->n_filters = (int)n_filters;
  for (size_t i = 0; i < n; i++) {
    RP_TRY(rp_allocate(n_filters, sizeof(float), &answer->criteria[i].scores, err));
    RP_TRY(rp_allocate(n_filters, 1, &answer->criteria[i].set, err));
    RP_TRY(rp_allocate(n_filters, sizeof(int), &answer->criteria[i].ranks, err));
  }
  return RP_OK;
}

/* A plugin stays loaded, its file may change: options of the new one would not fit it. */
static rp_status check_file(const rp_plugin *plugin, const rp_criterion_plan *plan, rp_error *err) {
  if (rp_id_equal(plugin->file_hash, plan->description.file_hash)) return RP_OK;
  return rp_fail(err, RP_EPLUGIN, "ranker %s: %s was changed meanwhile; run again", plan->description.name, plan->path);
}

static rp_status open_criterion(rp_session *session, shadow_pass *pass, int i, rp_error *err) {
  rp_job_scored *scored = &pass->answer->criteria[i];
  rp_criterion_plan *plan = &pass->plans[i];
  rp_scoring *scoring = &pass->scorings[pass->n];
  RP_CLEANUP(rp_node_free) rp_node *node = NULL;
  RP_TRY(rp_yaml_parse(pass->job->criteria[i], "criterion", &node, err));
  RP_TRY(rp_criterion_plan_build(node, &pass->job->score, pass->job->route.rankers, plan, err));
  *scoring = (rp_scoring){.options = plan->options,
                          .normalise = plan->normalise,
                          .scores = scored->scores,
                          .how = &pass->job->how,
                          .set = scored->set,
                          .ranks = scored->ranks,
                          .failure = &pass->failures[i]};
  RP_TRY(rp_session_plugin(session, plan->path, &scoring->plugin, err));
  scored->file_hash = plan->description.file_hash;
  RP_TRY(check_file(scoring->plugin, plan, err));
  pass->asked[pass->n++] = i;
  return RP_OK;
}

/* A criterion that cannot be opened has failed; the machine's failures end the pass. */
static rp_status open_criteria(rp_session *session, shadow_pass *pass, rp_error *err) {
  for (int i = 0; i < pass->job->n_criteria; i++) {
    rp_error *failure = &pass->failures[i];
    rp_status status = open_criterion(session, pass, i, failure);
    if (status != RP_OK && status != RP_EINPUT && status != RP_EPLUGIN) return rp_fail(err, status, "%s", failure->message);
  }
  return RP_OK;
}

static rp_status keep_outcome(shadow_pass *pass, rp_error *err) {
  for (int i = 0; i < pass->n; i++) {
    rp_job_scored *scored = &pass->answer->criteria[pass->asked[i]];
    scored->record = pass->scorings[i].record;
    scored->seconds = pass->scorings[i].seconds;
    scored->does_not_apply = pass->scorings[i].does_not_apply;
  }
  for (int i = 0; i < pass->job->n_criteria; i++) {
    rp_job_scored *scored = &pass->answer->criteria[i];
    scored->status = pass->failures[i].status;
    if (scored->status != RP_OK) RP_TRY(rp_copy_string(pass->failures[i].message, &scored->message, err));
  }
  return RP_OK;
}

/* A drop that cannot be is nobody's failure: said once, before anything is scored. */
static rp_status check_drop(const rp_session *session, const rp_selection *how, rp_error *err) {
  const rp_trial_plan *plan = &session->plan;
  const rp_filter_counts counts = {plan->n_convs, plan->K, plan->names};
  RP_CLEANUP(rp_free_pointer) uint8_t *dropped = NULL;
  int count;
  RP_TRY(rp_allocate((size_t)plan->n_filters, 1, &dropped, err));
  for (int f = 0; f < plan->n_filters; f++) dropped[f] = session->state->filters[f].dropped || session->state->filters[f].closed;
  return rp_selection_count(&counts, how, dropped, &count, NULL, NULL, err);
}

static rp_status score(rp_session *session, shadow_pass *pass, rp_error *err) {
  RP_TRY(check_drop(session, &pass->job->how, err));
  RP_TRY(allocate(session, pass, err));
  RP_TRY(open_criteria(session, pass, err));
  rp_watch_options watch = rp_last_words_watch(session->ranker_timeout);
  rp_scoring_pass how = {.net = session->net,
                         .state = session->state,
                         .dataset = &session->dataset,
                         .data = pass->job->score,
                         .log = rp_session_log,
                         .user = session,
                         .watch = &watch};
  if (pass->n) RP_TRY(rp_score(&how, pass->scorings, pass->n, err));
  return keep_outcome(pass, err);
}

rp_status rp_session_score(rp_session *session, const rp_score_job *job, rp_score_answer *answer, rp_error *err) {
  *answer = (rp_score_answer){0};
  double start = rp_session_seconds();
  int was_computed;
  RP_CLEANUP(free_pass) shadow_pass pass = {.job = job, .answer = answer};
  RP_TRY(rp_session_route(session, &job->route, &was_computed, err));
  if (job->n_convs != session->plan.n_convs) return rp_fail(err, RP_EWORKER, "a job does not fit its trial");
  if (was_computed) RP_TRY(rp_session_write_checkpoint(session, job->route.states, &answer->checkpoint_bytes, err));
  RP_TRY(score(session, &pass, err));
  answer->state = session->state_id;
  answer->seconds = rp_session_seconds() - start;
  return RP_OK;
}
