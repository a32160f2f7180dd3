/* session.c: from a job to a measured state. Opening what a job needs, running its ops, probing the result: in this order. */
#include "experiments/work/session_parts.h"

#include "core/base/files.h"
#include "core/base/memory.h"
#include "core/ops/drop.h"
#include "core/probes/evaluate.h"
#include "core/probes/overlap.h"
#include "core/probes/reestimate.h"
#include "core/state/checkpoint.h"
#include "experiments/config/yaml.h"
#include "experiments/plan/ids.h"
#include "experiments/plan/trial_plan.h"
#include "experiments/work/last_words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double rp_session_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

rp_status rp_session_create(const rp_session_listener *listener, rp_session **out, rp_error *err) {
  RP_TRY(rp_allocate(1, sizeof **out, out, err));
  (*out)->listener = *listener;
  return RP_OK;
}

static void close_trial(rp_session *session) {
  rp_trial_plan_free(&session->plan);
  free(session->config);
  session->config = NULL;
}

static void close_net(rp_session *session) {
  rp_state_free(&session->state);
  rp_net_free(&session->net);
  free(session->net_json);
  session->net_json = NULL;
}

static void free_plugin(rp_loaded_plugin *loaded) {
  free(loaded->path);
  rp_plugin_free(&loaded->plugin);
  free(loaded);
}

void rp_session_free(rp_session **session) {
  if (!*session) return;
  close_trial(*session);
  close_net(*session);
  if ((*session)->data_json) rp_dataset_close(&(*session)->dataset);
  free((*session)->data_json);
  while ((*session)->plugins) {
    rp_loaded_plugin *first = (*session)->plugins;
    (*session)->plugins = first->next;
    free_plugin(first);
  }
  free(*session);
  *session = NULL;
}

/* ---- Opening what a job needs ---------------------------------------------------------------- */

static rp_status open_dataset(rp_session *session, const rp_node *config, const char *folder, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *json = NULL;
  RP_TRY(rp_plan_data_json(config, &json, err));
  if (session->data_json && strcmp(json, session->data_json) == 0) return RP_OK;
  if (session->data_json) {
    rp_dataset_close(&session->dataset);
    rp_free_pointer(&session->data_json);
  }
  rp_data_options options;
  RP_TRY(rp_plan_data_options(config, folder, &options, err));
  RP_TRY(rp_dataset_open(&options, &session->dataset, err));
  session->data_json = json;
  json = NULL;
  return RP_OK;
}

static rp_status open_net(rp_session *session, rp_error *err) {
  const rp_trial_plan *plan = &session->plan;
  if (session->net && session->net_threads == plan->program.threads && strcmp(session->net_json, plan->model_json) == 0 &&
      rp_net_model(session->net)->convolution == plan->model.convolution)
    return RP_OK;
  close_net(session);
  RP_TRY(rp_copy_string(plan->model_json, &session->net_json, err));
  session->net_threads = plan->program.threads;
  return rp_net_create(&plan->model, plan->program.threads, &session->net, err);
}

static rp_status open_trial(rp_session *session, const rp_job *job, rp_error *err) {
  if (session->config && session->plan.seed == job->seed && strcmp(session->config, job->config) == 0) return RP_OK;
  close_trial(session);
  RP_CLEANUP(rp_node_free) rp_node *config = NULL;
  RP_TRY(rp_yaml_parse(job->config, "configuration", &config, err));
  RP_TRY(open_dataset(session, config, job->data, err));
  RP_TRY(rp_trial_plan_build(config, job->seed, &session->dataset, job->rankers, &session->plan, err));
  RP_TRY(rp_copy_string(job->config, &session->config, err));
  return open_net(session, err);
}

rp_status rp_session_plugin(rp_session *session, const char *path, const rp_plugin **out, rp_error *err) {
  for (const rp_loaded_plugin *loaded = session->plugins; loaded; loaded = loaded->next)
    if (strcmp(loaded->path, path) == 0) {
      *out = &loaded->plugin;
      return RP_OK;
    }
  rp_loaded_plugin *loaded;
  RP_TRY(rp_allocate(1, sizeof *loaded, &loaded, err));
  rp_status status = rp_copy_string(path, &loaded->path, err);
  if (status == RP_OK) status = rp_plugin_load(path, &loaded->plugin, err);
  if (status != RP_OK) {
    free_plugin(loaded);
    return status;
  }
  loaded->next = session->plugins;
  session->plugins = loaded;
  *out = &loaded->plugin;
  return RP_OK;
}

/* Whether the state in memory holds the bits that were recorded for it. Checkpoints are files, which another machine sharing the folder may
 * have written with other bits, or somebody may have moved. */
static rp_status check_digest(const rp_session *session, rp_id recorded, int *is_equal, rp_error *err) {
  rp_id digest;
  RP_TRY(rp_state_digest(session->state, &digest, err));
  *is_equal = rp_id_equal(digest, recorded);
  return RP_OK;
}

/* The state to start from: what is in memory, else the checkpoint, else the definition of the root. Sets *next to the first path step to
 * compute. */
static rp_status open_state(rp_session *session, const rp_job *job, int *next, rp_error *err) {
  *next = job->from + 1;
  if (job->from >= 0 && session->state && rp_id_equal(session->state_id, job->from_id)) return RP_OK;
  rp_state_free(&session->state);
  if (job->from < 0) {
    RP_TRY(rp_state_initial(session->net, 0, session->plan.seed, &session->state, err));
    session->state_id = session->plan.root;
    *next = 1;
    return RP_OK;
  }
  RP_CLEANUP(rp_free_pointer) char *path = NULL;
  RP_TRY(rp_job_checkpoint_path(job->states, job->from_id, &path, err));
  RP_TRY(rp_checkpoint_read(path, rp_net_layout(session->net), &session->state, err));
  int is_equal;
  RP_TRY(check_digest(session, job->digests[0], &is_equal, err));
  if (!is_equal) return rp_fail(err, RP_EDAMAGED, "%s: holds other bits than were recorded for this state", path);
  session->state_id = job->from_id;
  return RP_OK;
}

/* ---- Ops ------------------------------------------------------------------------------------- */

/* A root has no optimizer state: trials that differ in the optimizer share it. The first epoch brings what its optimizer needs, as zeros.
 */
static rp_status give_slots(rp_state *state, int n_slots, rp_error *err) {
  for (; state->n_slots < n_slots; state->n_slots++)
    RP_TRY(rp_allocate(state->layout->n_parameters, sizeof(float), &state->slots[state->n_slots], err));
  return RP_OK;
}

static int report_training(void *user, uint32_t done, uint32_t total) {
  const rp_session_listener *listener = &((const rp_session *)user)->listener;
  if (listener->progress) listener->progress(listener->user, done, total);
  return 0;
}

static rp_status train(rp_session *session, const rp_train_options *options, rp_job_result *result, rp_error *err) {
  RP_TRY(give_slots(session->state, rp_optimizer_slots(options->optimizer.kind), err));
  rp_train_record record;
  RP_TRY(rp_train_epoch(session->net, session->state, &session->dataset, options, report_training, session, &record, err));
  result->lr = options->lr;
  result->train_loss = record.train_loss;
  result->train_acc = record.train_acc;
  result->images_per_second = record.seconds > 0 ? record.n_images / record.seconds : NAN;
  return RP_OK;
}

static rp_status regrow(rp_session *session, const rp_regrow_options *options, rp_job_result *result, rp_error *err) {
  rp_regrow_record record;
  RP_TRY(rp_regrow_filters(session->net, session->state, options, &record, err));
  result->regrown = record.regrown;
  int was_orthogonal = options->mode == RP_REGROW_ORTHOGONAL;
  result->constraints_asked = was_orthogonal ? (int64_t)record.constraints_asked : -1;
  result->constraints_met = was_orthogonal ? (int64_t)record.constraints_met : -1;
  result->max_cos_left = was_orthogonal ? record.max_cos_left : NAN;
  return RP_OK;
}

static rp_status keep_scores(const rp_criterion_plan *criterion, rp_scoring *scoring, rp_job_result *result, rp_error *err) {
  rp_job_scores *scores = &result->scores;
  RP_TRY(rp_copy_string(criterion->description.name, &scores->name, err));
  RP_TRY(rp_copy_string(criterion->description.version, &scores->version, err));
  RP_TRY(rp_copy_string(criterion->options_json, &scores->options_json, err));
  RP_TRY(rp_copy_string(criterion->path, &scores->path, err));
  scores->file_hash = criterion->description.file_hash;
  scores->scores = scoring->scores;
  scoring->scores = NULL;
  return RP_OK;
}

void rp_session_log(void *of, const char *ranker, const char *line) {
  const rp_session *session = of;
  char trial[RP_ID_HEX + 1];
  rp_id_hex(session->plan.id, trial);
  fprintf(stderr, "trial %.12s, epoch %u, ranker %s: %s\n", trial, (unsigned)session->state->epoch, ranker, line);
  if (session->listener.log) session->listener.log(session->listener.user, ranker, line);
}

static void free_scores(rp_scoring *scoring) {
  free(scoring->scores);
}

static rp_status choose(rp_session *session, int step, rp_job_result *result, rp_error *err) {
  const rp_trial_plan *plan = &session->plan;
  const rp_drop_request *drop = &plan->program.steps[step].as.drop;
  const rp_criterion_plan *criterion = &plan->criteria[step];
  RP_CLEANUP(free_scores) rp_scoring scoring = {.options = criterion->options, .normalise = criterion->normalise};
  RP_CLEANUP(rp_free_pointer) uint8_t *skip = NULL;
  RP_TRY(rp_session_plugin(session, criterion->path, &scoring.plugin, err));
  RP_TRY(rp_allocate((size_t)plan->n_filters, sizeof *scoring.scores, &scoring.scores, err));
  RP_TRY(rp_allocate((size_t)plan->n_convs, 1, &skip, err));
  RP_TRY(rp_allocate((size_t)plan->n_filters, sizeof *result->ranks, &result->ranks, err));
  rp_selection selection = rp_plan_selection(plan, drop, skip);
  rp_watch_options watch = rp_last_words_watch(session->ranker_timeout);
  rp_scoring_pass pass = {.net = session->net,
                          .state = session->state,
                          .dataset = &session->dataset,
                          .data = drop->score,
                          .log = rp_session_log,
                          .user = session,
                          .watch = &watch};
  rp_selection_record record;
  double start = rp_session_seconds();
  RP_TRY(rp_score_and_choose(&pass, &selection, &scoring, 1, result->set, result->ranks, &record, err));
  result->choosing_seconds = rp_session_seconds() - start;
  result->was_chosen = 1;
  result->count = record.count;
  result->limits_used = record.limits_used;
  result->ties_at_cut = record.ties_at_cut;
  return keep_scores(criterion, &scoring, result, err);
}

static rp_status drop(rp_session *session, int step, const uint8_t *known, rp_job_result *result, rp_error *err) {
  const rp_trial_plan *plan = &session->plan;
  result->n_filters = plan->n_filters;
  RP_TRY(rp_allocate((size_t)plan->n_filters, 1, &result->set, err));
  if (known)
    memcpy(result->set, known, (size_t)plan->n_filters);
  else
    RP_TRY(choose(session, step, result, err));
  return rp_drop_filters(session->state, result->set, plan->program.steps[step].as.drop.gate, err);
}

/* Runs program step `step` on the state in memory and gives the new state its id. */
static rp_status run_step(rp_session *session, int step, const uint8_t *known, rp_job_result *result, rp_error *err) {
  const rp_step *op = &session->plan.program.steps[step];
  result->parent = session->state_id;
  switch (op->kind) {
  case RP_OP_TRAIN:
    RP_TRY(train(session, &op->as.train, result, err));
    break;
  case RP_OP_REGROW:
    RP_TRY(regrow(session, &op->as.regrow, result, err));
    break;
  case RP_OP_DROP:
    RP_TRY(drop(session, step, known, result, err));
    return rp_id_of_dropped(result->parent, op->as.drop.gate, result->set, session->plan.n_filters, &session->state_id, err);
  case RP_N_OPS:
    return rp_fail(err, RP_EINPUT, "no such op");
  }
  return rp_id_of_child(result->parent, op->kind, op->params, &session->state_id, err);
}

/* ---- Probes ---------------------------------------------------------------------------------- */

static rp_status probe_layers(const rp_session *session, const uint8_t *alive, rp_job_result *result, rp_error *err) {
  const rp_layout *layout = rp_net_layout(session->net);
  result->n_layers = layout->n_convs;
  RP_TRY(rp_allocate((size_t)layout->n_convs, sizeof *result->layers, &result->layers, err));
  for (int c = 0; c < layout->n_convs; c++) {
    rp_overlap overlap;
    RP_TRY(rp_overlap_of_conv(session->state, c, &overlap, err));
    int dead = 0;
    for (int k = 0; k < layout->convs[c].K; k++) dead += !alive[layout->convs[c].first_filter + k];
    int was_measured = session->dataset.n[RP_VALIDATION] > 0;
    result->layers[c] = (rp_job_layer){overlap.ortho_mean, overlap.opposite_share, overlap.active_filters, was_measured ? dead : -1};
  }
  return RP_OK;
}

static rp_status evaluate_part(rp_session *session, const float *parameters, const uint8_t *closed, rp_part part, uint8_t *alive,
                               double *loss, double *acc, rp_error *err) {
  uint32_t n = session->dataset.n[part];
  if (n == 0) return RP_OK;
  rp_evaluation evaluation;
  RP_TRY(rp_evaluate(session->net, parameters, closed, &session->dataset, part, NULL, n, alive, &evaluation, err));
  *loss = evaluation.loss;
  *acc = evaluation.accuracy;
  return RP_OK;
}

static rp_status probe(rp_session *session, rp_job_result *result, rp_error *err) {
  const rp_state *state = session->state;
  RP_CLEANUP(rp_free_pointer) uint8_t *closed = NULL;
  RP_CLEANUP(rp_free_pointer) uint8_t *alive = NULL;
  RP_TRY(rp_allocate((size_t)session->plan.n_filters, 1, &closed, err));
  RP_TRY(rp_allocate((size_t)session->plan.n_filters, 1, &alive, err));
  rp_state_closed(state, closed);
  RP_TRY(evaluate_part(session, state->parameters, closed, RP_VALIDATION, alive, &result->val_loss, &result->val_acc, err));
  RP_TRY(evaluate_part(session, state->parameters, closed, RP_TEST, NULL, &result->test_loss, &result->test_acc, err));
  RP_TRY(probe_layers(session, alive, result, err));
  rp_overlap overlap;
  RP_TRY(rp_overlap_of_net(state, &overlap, err));
  result->ortho_sum = overlap.ortho_sum;
  result->ortho_mean = overlap.ortho_mean;
  result->active_filters = rp_state_active_filters(state);
  result->epoch = (int)state->epoch;
  result->cycle = (int)state->cycle;
  return rp_state_digest(state, &result->digest, err);
}

/* The marked filters, which the next regrow takes. */
static rp_status find_marked(const rp_session *session, uint8_t **out, rp_error *err) {
  RP_TRY(rp_allocate((size_t)session->plan.n_filters, 1, out, err));
  for (int f = 0; f < session->plan.n_filters; f++) (*out)[f] = session->state->filters[f].dropped;
  return RP_OK;
}

/* After a regrow: on a copy whose regrown channels have other BN statistics (rule 23). Reported on, and nothing else. */
static rp_status probe_reestimated(rp_session *session, const uint8_t *regrown, rp_job_result *result, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) float *copy = NULL;
  int n_channels;
  double unused;
  RP_TRY(rp_allocate(rp_net_layout(session->net)->n_parameters, sizeof *copy, &copy, err));
  RP_TRY(rp_reestimate(session->net, session->state->parameters, regrown, &session->dataset, copy, &n_channels, err));
  if (n_channels == 0) return RP_OK;
  RP_TRY(evaluate_part(session, copy, NULL, RP_VALIDATION, NULL, &unused, &result->val_acc_bn, err));
  return evaluate_part(session, copy, NULL, RP_TEST, NULL, &unused, &result->test_acc_bn, err);
}

/* ---- A job ----------------------------------------------------------------------------------- */

static const uint8_t *known_set(const rp_job *job, int path_step) {
  size_t row = (size_t)(path_step - job->from - 1);
  return job->known[row] ? job->sets + row * (size_t)job->n_filters : NULL;
}

/* The steps between the state that is there and the one before the last step. */
static rp_status run_recorded_steps(rp_session *session, const rp_job *job, int next, rp_error *err) {
  for (int path_step = next; path_step < job->to; path_step++) {
    RP_CLEANUP(rp_job_result_free) rp_job_result unused = rp_job_result_empty();
    RP_TRY(run_step(session, path_step - 1, known_set(job, path_step), &unused, err));
    int is_equal;
    RP_TRY(check_digest(session, job->digests[path_step - job->from], &is_equal, err));
    if (!is_equal)
      return rp_fail(err, RP_ENUMERIC, "not reproducible: the state after epoch %u came out with other bits than were recorded",
                     session->state->epoch);
  }
  return RP_OK;
}

static rp_status route(rp_session *session, const rp_job *job, int *was_computed, rp_error *err) {
  int next;
  session->ranker_timeout = job->ranker_timeout;
  RP_TRY(open_trial(session, job, err));
  if (job->to - 1 > session->plan.program.n_steps || (job->n_filters && job->n_filters != session->plan.n_filters))
    return rp_fail(err, RP_EWORKER, "a job does not fit its trial");
  RP_TRY(open_state(session, job, &next, err));
  *was_computed = next < job->to;
  return run_recorded_steps(session, job, next, err);
}

rp_status rp_session_route(rp_session *session, const rp_job *job, int *was_computed, rp_error *err) {
  rp_status status = route(session, job, was_computed, err);
  if (status != RP_OK) rp_state_free(&session->state);
  return status;
}

rp_status rp_session_write_checkpoint(const rp_session *session, const char *states, int64_t *bytes, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *path = NULL;
  size_t size;
  RP_TRY(rp_job_checkpoint_path(states, session->state_id, &path, err));
  RP_TRY(rp_checkpoint_write(session->state, path, &size, err));
  *bytes = (int64_t)size;
  return RP_OK;
}

/* A root has no step that makes it. */
static rp_status compute(rp_session *session, const rp_job *job, rp_job_result *result, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) uint8_t *marked = NULL;
  if (job->to > session->plan.program.n_steps) return rp_fail(err, RP_EWORKER, "a job does not fit its trial");
  const int is_regrow = job->to > 0 && session->plan.program.steps[job->to - 1].kind == RP_OP_REGROW;
  RP_TRY(find_marked(session, &marked, err));
  if (job->to > 0) RP_TRY(run_step(session, job->to - 1, known_set(job, job->to), result, err));
  result->id = session->state_id;
  RP_TRY(probe(session, result, err));
  if (is_regrow) RP_TRY(probe_reestimated(session, marked, result, err));
  return rp_session_write_checkpoint(session, job->states, &result->checkpoint_bytes, err);
}

rp_status rp_session_compute(rp_session *session, const rp_job *job, rp_job_result *result, rp_error *err) {
  *result = rp_job_result_empty();
  double start = rp_session_seconds();
  int was_computed;
  RP_TRY(rp_session_route(session, job, &was_computed, err));
  rp_status status = compute(session, job, result, err);
  if (status != RP_OK) {
    rp_state_free(&session->state);
    return status;
  }
  result->seconds = rp_session_seconds() - start;
  return RP_OK;
}

/* ---- Without measuring ----------------------------------------------------------------------- */

rp_status rp_session_open(rp_session *session, const rp_session_trial *trial, rp_session_view *out, rp_error *err) {
  const rp_job job = {
      .config = trial->config, .seed = trial->seed, .data = trial->data, .rankers = trial->rankers, .states = trial->states};
  rp_state_free(&session->state);
  RP_TRY(open_trial(session, &job, err));
  *out = (rp_session_view){&session->plan, &session->dataset, session->net};
  return RP_OK;
}

/* *is_there = 0 where there is no checkpoint, or none of use: it can be computed. */
static rp_status load_recorded(rp_session *session, const char *states, const rp_recorded_state *recorded, int *is_there, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *path = NULL;
  RP_CLEANUP(rp_state_free) rp_state *state = NULL;
  *is_there = 0;
  RP_TRY(rp_job_checkpoint_path(states, recorded->id, &path, err));
  if (!rp_file_exists(path)) return RP_OK;
  rp_status status = rp_checkpoint_read(path, rp_net_layout(session->net), &state, err);
  if (status == RP_EDAMAGED) return RP_OK;
  RP_TRY(status);
  rp_id digest;
  RP_TRY(rp_state_digest(state, &digest, err));
  if (!rp_id_equal(digest, recorded->digest)) return RP_OK;
  rp_state_free(&session->state);
  session->state = state;
  session->state_id = recorded->id;
  state = NULL;
  *is_there = 1;
  return RP_OK;
}

static rp_status compute_recorded(rp_session *session, const rp_recorded_state *recorded, rp_error *err) {
  RP_CLEANUP(rp_job_result_free) rp_job_result result = rp_job_result_empty();
  if (recorded->path_step == 0) {
    RP_TRY(rp_state_initial(session->net, 0, session->plan.seed, &session->state, err));
    session->state_id = session->plan.root;
  } else if (!session->state)
    return rp_fail(err, RP_EINPUT, "the state before it is not in memory");
  else
    RP_TRY(run_step(session, recorded->path_step - 1, recorded->set, &result, err));
  int is_equal;
  RP_TRY(check_digest(session, recorded->digest, &is_equal, err));
  if (is_equal && rp_id_equal(session->state_id, recorded->id)) return RP_OK;
  return rp_fail(
      err, RP_ENUMERIC,
      "not reproducible: the state after epoch %u came out with other bits than were recorded; was it computed by another build, "
      "or on another machine?",
      session->state->epoch);
}

rp_status rp_session_bring(rp_session *session, const rp_session_trial *trial, const rp_recorded_state *state, int may_compute,
                           const rp_state **out, int *was_computed, rp_error *err) {
  int is_there;
  *out = NULL, *was_computed = 0;
  if (state->path_step > session->plan.program.n_steps)
    return rp_fail(err, RP_EINPUT, "the trial's program has no step %d", state->path_step);
  RP_TRY(load_recorded(session, trial->states, state, &is_there, err));
  if (!is_there && !may_compute) {
    rp_state_free(&session->state);
    return RP_OK;
  }
  rp_status status = is_there ? RP_OK : compute_recorded(session, state, err);
  if (status != RP_OK) {
    rp_state_free(&session->state);
    return status;
  }
  *was_computed = !is_there;
  *out = session->state;
  return RP_OK;
}
