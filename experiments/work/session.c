/* session.c: from a job to a measured state. Opening what a job needs, running its ops, probing the result: in this order. */
#include "experiments/work/session.h"

#include "core/base/files.h"
#include "core/base/memory.h"
#include "core/ops/drop.h"
#include "core/probes/evaluate.h"
#include "core/probes/overlap.h"
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

/* Scorings point to it, so it stays where it is while the list grows. */
typedef struct loaded_plugin loaded_plugin;
struct loaded_plugin {
  char *path;
  rp_plugin plugin;
  loaded_plugin *next;
};

struct rp_session {
  void (*progress)(void *user, uint64_t done, uint64_t total);
  void *user;
  char *config;    /* of the trial at hand; NULL = none is open */
  char *data_json; /* of the open data set; NULL = none */
  rp_dataset dataset;
  rp_trial_plan plan;
  rp_net *net;
  char *net_json; /* the open net's layers */
  int net_threads;
  rp_state *state; /* NULL = none */
  rp_id state_id;
  loaded_plugin *plugins; /* a list */
};

static double seconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

rp_status rp_session_create(void (*progress)(void *, uint64_t, uint64_t), void *user, rp_session **out, rp_error *err) {
  RP_TRY(rp_allocate(1, sizeof **out, out, err));
  (*out)->progress = progress;
  (*out)->user = user;
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

static void free_plugin(loaded_plugin *loaded) {
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
    loaded_plugin *first = (*session)->plugins;
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

static rp_status load_plugin(rp_session *session, const char *path, const rp_plugin **out, rp_error *err) {
  for (const loaded_plugin *loaded = session->plugins; loaded; loaded = loaded->next)
    if (strcmp(loaded->path, path) == 0) {
      *out = &loaded->plugin;
      return RP_OK;
    }
  loaded_plugin *loaded;
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
  rp_session *session = user;
  session->progress(session->user, done, total);
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

/* Everything one event of choosing needs, so that it is freed in one place. */
typedef struct {
  int n;
  rp_scoring *scorings;
  rp_criterion_plan *shadows; /* [n − 1] */
} scored_choice;

static void free_choice(scored_choice *choice) {
  for (int i = 0; choice->scorings && i < choice->n; i++) free(choice->scorings[i].scores);
  for (int i = 0; choice->shadows && i + 1 < choice->n; i++) rp_criterion_plan_free(&choice->shadows[i]);
  free(choice->scorings);
  free(choice->shadows);
}

static rp_status prepare_scoring(rp_session *session, const rp_criterion_plan *criterion, rp_scoring *scoring, rp_error *err) {
  RP_TRY(load_plugin(session, criterion->path, &scoring->plugin, err));
  scoring->options = criterion->options;
  scoring->normalise = criterion->normalise;
  return rp_allocate((size_t)session->plan.n_filters, sizeof *scoring->scores, &scoring->scores, err);
}

static rp_status prepare_choice(rp_session *session, const rp_job *job, const rp_criterion_plan *acting, const rp_score_data *score,
                                scored_choice *choice, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *shadows = NULL;
  RP_TRY(rp_yaml_parse(job->shadows, "shadow", &shadows, err));
  size_t n_shadows = rp_node_is(shadows, RP_NODE_LIST) ? shadows->n : 0;
  RP_TRY(rp_allocate(n_shadows + 1, sizeof *choice->scorings, &choice->scorings, err));
  RP_TRY(rp_allocate(n_shadows + 1, sizeof *choice->shadows, &choice->shadows, err));
  choice->n = 1;
  RP_TRY(prepare_scoring(session, acting, &choice->scorings[0], err));
  for (size_t i = 0; i < n_shadows; i++) {
    rp_criterion_plan *shadow = &choice->shadows[choice->n - 1];
    RP_TRY(rp_criterion_plan_build(shadows->entries[i].value, score, job->rankers, shadow, err));
    choice->n++;
    int is_acting =
        strcmp(shadow->description.name, acting->description.name) == 0 && strcmp(shadow->options_json, acting->options_json) == 0;
    if (is_acting) {
      rp_criterion_plan_free(shadow);
      choice->n--;
    } else
      RP_TRY(prepare_scoring(session, shadow, &choice->scorings[choice->n - 1], err));
  }
  return RP_OK;
}

static rp_status keep_scores(const rp_criterion_plan *criterion, rp_scoring *scoring, rp_job_result *result, rp_error *err) {
  rp_job_scores *scores = &result->scores[result->n_scores++];
  RP_TRY(rp_copy_string(criterion->description.name, &scores->name, err));
  RP_TRY(rp_copy_string(criterion->description.version, &scores->version, err));
  RP_TRY(rp_copy_string(criterion->options_json, &scores->options_json, err));
  RP_TRY(rp_copy_string(criterion->path, &scores->path, err));
  scores->file_hash = criterion->description.file_hash;
  scores->scores = scoring->scores;
  scoring->scores = NULL;
  return RP_OK;
}

static void say(void *user, const char *line) {
  (void)user;
  fprintf(stderr, "%s\n", line);
}

static rp_status choose(rp_session *session, const rp_job *job, int step, rp_job_result *result, rp_error *err) {
  const rp_trial_plan *plan = &session->plan;
  const rp_drop_request *drop = &plan->program.steps[step].as.drop;
  RP_CLEANUP(free_choice) scored_choice choice = {0};
  RP_TRY(prepare_choice(session, job, &plan->criteria[step], &drop->score, &choice, err));
  RP_CLEANUP(rp_free_pointer) uint8_t *skip = NULL;
  RP_TRY(rp_allocate((size_t)plan->n_convs, 1, &skip, err));
  RP_TRY(rp_allocate((size_t)plan->n_filters, sizeof *result->ranks, &result->ranks, err));
  rp_selection selection = rp_plan_selection(plan, drop, skip);
  rp_watch_options watch = rp_last_words_watch(job->ranker_timeout);
  rp_scoring_pass pass = {
      .net = session->net, .state = session->state, .dataset = &session->dataset, .data = drop->score, .log = say, .watch = &watch};
  rp_selection_record record;
  double start = seconds_now();
  RP_TRY(rp_score_and_choose(&pass, &selection, choice.scorings, choice.n, result->set, result->ranks, &record, err));
  result->choosing_seconds = seconds_now() - start;
  result->was_chosen = 1;
  result->count = record.count;
  result->limits_used = record.limits_used;
  result->ties_at_cut = record.ties_at_cut;
  RP_TRY(rp_allocate((size_t)choice.n, sizeof *result->scores, &result->scores, err));
  for (int i = 0; i < choice.n; i++)
    RP_TRY(keep_scores(i ? &choice.shadows[i - 1] : &plan->criteria[step], &choice.scorings[i], result, err));
  return RP_OK;
}

static rp_status drop(rp_session *session, const rp_job *job, int step, const uint8_t *known, rp_job_result *result, rp_error *err) {
  const rp_trial_plan *plan = &session->plan;
  result->n_filters = plan->n_filters;
  RP_TRY(rp_allocate((size_t)plan->n_filters, 1, &result->set, err));
  if (known)
    memcpy(result->set, known, (size_t)plan->n_filters);
  else
    RP_TRY(choose(session, job, step, result, err));
  return rp_drop_filters(session->state, result->set, plan->program.steps[step].as.drop.gate, err);
}

/* Runs program step `step` on the state in memory and gives the new state its id. */
static rp_status run_step(rp_session *session, const rp_job *job, int step, const uint8_t *known, rp_job_result *result, rp_error *err) {
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
    RP_TRY(drop(session, job, step, known, result, err));
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

static rp_status evaluate_part(rp_session *session, const uint8_t *closed, rp_part part, uint8_t *alive, double *loss, double *acc,
                               rp_error *err) {
  uint32_t n = session->dataset.n[part];
  if (n == 0) return RP_OK;
  rp_evaluation evaluation;
  RP_TRY(rp_evaluate(session->net, session->state->parameters, closed, &session->dataset, part, NULL, n, alive, &evaluation, err));
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
  RP_TRY(evaluate_part(session, closed, RP_VALIDATION, alive, &result->val_loss, &result->val_acc, err));
  RP_TRY(evaluate_part(session, closed, RP_TEST, NULL, &result->test_loss, &result->test_acc, err));
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

/* ---- A job ----------------------------------------------------------------------------------- */

static rp_status compute(rp_session *session, const rp_job *job, rp_job_result *result, rp_error *err) {
  int next;
  RP_TRY(open_state(session, job, &next, err));
  for (int path_step = next; path_step <= job->to; path_step++) {
    rp_job_result_free(result);
    *result = rp_job_result_empty();
    size_t row = (size_t)(path_step - job->from - 1);
    const uint8_t *known = job->known[row] ? job->sets + row * (size_t)job->n_filters : NULL;
    RP_TRY(run_step(session, job, path_step - 1, known, result, err));
    if (path_step == job->to) break;
    int is_equal;
    RP_TRY(check_digest(session, job->digests[path_step - job->from], &is_equal, err));
    if (!is_equal)
      return rp_fail(err, RP_ENUMERIC, "not reproducible: the state after epoch %u came out with other bits than were recorded",
                     session->state->epoch);
  }
  result->id = session->state_id;
  return probe(session, result, err);
}

static rp_status store_checkpoint(const rp_session *session, const rp_job *job, rp_job_result *result, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *path = NULL;
  RP_TRY(rp_job_checkpoint_path(job->states, result->id, &path, err));
  size_t size;
  RP_TRY(rp_checkpoint_write(session->state, path, &size, err));
  result->checkpoint_bytes = (int64_t)size;
  return RP_OK;
}

rp_status rp_session_compute(rp_session *session, const rp_job *job, rp_job_result *result, rp_error *err) {
  *result = rp_job_result_empty();
  double start = seconds_now();
  RP_TRY(open_trial(session, job, err));
  if (job->to > session->plan.program.n_steps || (job->n_filters && job->n_filters != session->plan.n_filters))
    return rp_fail(err, RP_EWORKER, "a job does not fit its trial");
  rp_status status = compute(session, job, result, err);
  if (status == RP_OK) status = store_checkpoint(session, job, result, err);
  if (status != RP_OK) {
    rp_state_free(&session->state);
    return status;
  }
  result->seconds = seconds_now() - start;
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
  const rp_job job = {.shadows = "[]"};
  if (recorded->path_step == 0) {
    RP_TRY(rp_state_initial(session->net, 0, session->plan.seed, &session->state, err));
    session->state_id = session->plan.root;
  } else if (!session->state)
    return rp_fail(err, RP_EINPUT, "the state before it is not in memory");
  else
    RP_TRY(run_step(session, &job, recorded->path_step - 1, recorded->set, &result, err));
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
