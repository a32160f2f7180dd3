/* scoring.c: opens the trial, asks, compares. */
#include "experiments/score/scoring.h"

#include "core/base/memory.h"
#include "experiments/score/ask.h"

#include <stdlib.h>

/* As experiments have it by default. */
static const double RANKER_TIMEOUT_S = 600;

static rp_status open_trial(const rp_session_trial *trial, rp_scoring_result *out, rp_error *err) {
  RP_TRY(rp_session_create(&(rp_session_listener){0}, &out->session, err));
  RP_TRY(rp_session_open(out->session, trial, &out->view, err));
  if (rp_id_equal(out->view.plan->id, out->state.trial->trial)) return RP_OK;
  return rp_fail(err, RP_EINPUT,
                 "the trial was planned by another version of this program, or with another ranker: its id would be another now; run its "
                 "experiment again");
}

static void free_job(rp_score_job *job) {
  job->how.skip = NULL; /* the drop's */
  rp_score_job_free(job);
}

/* The state itself is where the route starts: it is stored, and nothing is computed. */
static rp_status ask(const rp_session_trial *trial, rp_scoring_result *out, double *seconds, rp_error *err) {
  const rp_path_step *step = &out->state.path.steps[out->state.path_step];
  const rp_trial_plan *plan = out->view.plan;
  RP_CLEANUP(rp_free_pointer) const rp_criterion_plan **criteria = NULL;
  RP_CLEANUP(free_job)
  rp_score_job job = {.route = {.config = trial->config,
                                .seed = trial->seed,
                                .ranker_timeout = RANKER_TIMEOUT_S,
                                .data = trial->data,
                                .rankers = trial->rankers,
                                .states = trial->states,
                                .from = out->state.path_step,
                                .from_id = step->id,
                                .to = out->state.path_step + 1,
                                .n_filters = plan->n_filters},
                      .score = out->drop.score,
                      .how = out->drop.how,
                      .n_convs = plan->n_convs};
  RP_TRY(rp_allocate(1, sizeof *job.route.digests, &job.route.digests, err));
  RP_TRY(rp_allocate(1, 1, &job.route.known, err));
  RP_TRY(rp_allocate((size_t)plan->n_filters, 1, &job.route.sets, err));
  job.route.digests[0] = step->digest;
  RP_TRY(rp_allocate((size_t)out->list.n, sizeof *criteria, &criteria, err));
  for (int i = 0; i < out->list.n; i++) criteria[i] = &out->list.criteria[i].plan;
  return rp_ask(&job, criteria, out->list.n, &out->answer, seconds, err);
}

static rp_status form_opinions(rp_scoring_result *out, rp_error *err) {
  const size_t n = (size_t)out->list.n;
  RP_TRY(rp_allocate(n, sizeof *out->names, &out->names, err));
  RP_TRY(rp_allocate(n, sizeof *out->opinions, &out->opinions, err));
  for (int i = 0; i < out->list.n; i++) {
    const rp_job_scored *said = &out->answer.criteria[i];
    const rp_criterion_plan *plan = &out->list.criteria[i].plan;
    RP_TRY(rp_scored_criteria_name(&out->list, i, &out->names[i], err));
    out->opinions[i] = (rp_opinion){.name = out->names[i],
                                    .ranker = plan->description.name,
                                    .options_json = plan->options_json,
                                    .failure = said->status == RP_OK ? NULL : said->message,
                                    .scores = said->scores,
                                    .ranks = said->ranks,
                                    .dropped = said->set,
                                    .ties_at_cut = said->record.ties_at_cut,
                                    .seconds = said->seconds};
  }
  return RP_OK;
}

static rp_status compare(rp_scoring_result *out, double seconds, rp_error *err) {
  const rp_trial_plan *plan = out->view.plan;
  RP_TRY(form_opinions(out, err));
  rp_id_hex(out->state.trial->trial, out->trial);
  const rp_question question = {.state = out->name,
                                .experiment = out->state.trial->experiment,
                                .trial = out->trial,
                                .epoch = out->state.epoch,
                                .cycle = out->state.path.steps[out->state.path_step].cycle,
                                .p = out->drop.p,
                                .limits = out->drop.limits,
                                .n_layers = plan->n_convs,
                                .n_filters = plan->n_filters,
                                .layers = plan->names,
                                .K = plan->K,
                                .seconds = seconds};
  return rp_compare(&question, out->opinions, out->list.n, &out->comparison, err);
}

rp_status rp_score_state(rp_store *store, const rp_score_wish *wish, rp_scoring_result *out, rp_text *notes, rp_error *err) {
  *out = (rp_scoring_result){0};
  double seconds;
  RP_TRY(rp_stored_state_find(store, wish->state, wish->states, &out->state, err));
  RP_TRY(rp_stored_state_name(&out->state, &out->name, err));
  RP_TRY(rp_plugin_folder(&out->rankers, err));
  const rp_session_trial trial = {out->state.path.config_json, (uint64_t)out->state.trial->seed, wish->data, out->rankers, wish->states};
  RP_TRY(open_trial(&trial, out, err));
  RP_TRY(rp_would_be_drop_of(out->view.plan, out->state.path_step, wish->p, &out->drop, err));
  int has_validation = out->view.dataset->n[RP_VALIDATION] > 0;
  RP_TRY(
      rp_scored_criteria_build(&wish->criteria, &out->drop.score, has_validation, out->rankers, out->drop.acting, &out->list, notes, err));
  RP_TRY(ask(&trial, out, &seconds, err));
  return compare(out, seconds, err);
}

void rp_scoring_result_free(rp_scoring_result *result) {
  rp_comparison_free(&result->comparison);
  free(result->opinions);
  for (int i = 0; result->names && i < result->list.n; i++) free(result->names[i]);
  free(result->names);
  rp_score_answer_free(&result->answer);
  rp_scored_criteria_free(&result->list);
  rp_would_be_drop_free(&result->drop);
  rp_session_free(&result->session);
  free(result->rankers);
  free(result->name);
  rp_stored_state_free(&result->state);
  *result = (rp_scoring_result){0};
}
