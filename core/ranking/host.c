/* host.c: every call into a plugin goes through enter and leave; every service comes back out through the same door. */
#include "core/ranking/host.h"

#include "core/base/draws.h"
#include "core/base/memory.h"
#include "core/data/batches.h"
#include "core/probes/hessian_product.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- Images ---------------------------------------------------------------------------------- */

static int ablates(const rp_ranker *ranker) {
  return (ranker->flags & RP_USES_ABLATION) != 0;
}

static int looks_at_curvature(const rp_ranker *ranker) {
  return (ranker->flags & RP_USES_HESSIAN_PRODUCT) != 0;
}

static rp_status choose_validation_images(const rp_dataset *dataset, uint32_t wanted, rp_scoring_images *out, rp_error *err) {
  uint32_t n = dataset->n[RP_VALIDATION];
  if (n == 0) return rp_fail(err, RP_EINPUT, "there is no validation split to score on; set data.validation, or score.data to train");
  if (wanted && wanted < n) n = wanted;
  RP_TRY(rp_allocate(n, sizeof *out->indices, &out->indices, err));
  for (uint32_t i = 0; i < n; i++) out->indices[i] = i; /* the split's order is a hash's: its first images are a sample */
  out->part = RP_VALIDATION;
  out->n = n;
  return RP_OK;
}

static rp_status choose_training_images(const rp_dataset *dataset, uint32_t wanted, rp_scoring_images *out, rp_error *err) {
  if (dataset->n[RP_TRAIN] == 0) return rp_fail(err, RP_EINPUT, "there are no training images to score on");
  uint32_t n = wanted ? wanted : RP_SCORING_IMAGES;
  if (n > dataset->n[RP_TRAIN]) n = dataset->n[RP_TRAIN];
  RP_TRY(rp_allocate(n, sizeof *out->indices, &out->indices, err));
  out->part = RP_TRAIN;
  return rp_batches_scoring_images(dataset, n, out->indices, &out->n, err);
}

/* The images of a criterion (rule 6), chosen once per pass. */
static rp_status find_images(rp_host_shared *shared, const rp_ranker *ranker, const rp_scoring_images **out, rp_error *err) {
  const rp_scoring_pass *pass = shared->pass;
  *out = NULL;
  if (!ablates(ranker) && !looks_at_curvature(ranker) && !ranker->observe) return RP_OK;
  if (!pass->dataset) return rp_fail(err, RP_EINPUT, "it looks at images, but no data set is open");
  rp_scoring_images *images = &shared->images[ablates(ranker)];
  *out = images;
  if (images->n > 0) return RP_OK;
  int on_validation = pass->data.data == RP_SCORE_AUTO ? ablates(ranker) : pass->data.data == RP_SCORE_VALIDATION;
  return (on_validation ? choose_validation_images : choose_training_images)(pass->dataset, pass->data.images, images, err);
}

/* ---- Shared ---------------------------------------------------------------------------------- */

static rp_status fill_shared(const rp_scoring_pass *pass, rp_host_shared *shared, rp_error *err) {
  shared->pass = pass;
  RP_TRY(rp_net_view_create(pass->net, pass->state, &shared->view, err));
  RP_TRY(rp_allocate(shared->view.n_filters, 1, &shared->closed, err));
  rp_state_closed(pass->state, shared->closed);
  return pass->watch ? rp_watch_start(pass->watch, &shared->watch, err) : RP_OK;
}

rp_status rp_host_shared_create(const rp_scoring_pass *pass, rp_host_shared *out, rp_error *err) {
  RP_CLEANUP(rp_host_shared_free) rp_host_shared shared = {0};
  RP_TRY(fill_shared(pass, &shared, err));
  *out = shared;
  shared = (rp_host_shared){0};
  return RP_OK;
}

void rp_host_shared_free(rp_host_shared *shared) {
  rp_watch_stop(&shared->watch);
  rp_net_view_free(&shared->view);
  free(shared->closed);
  free(shared->each);
  for (int i = 0; i < 2; i++) free(shared->images[i].indices);
  *shared = (rp_host_shared){0};
}

/* ---- Services -------------------------------------------------------------------------------- */

static rp_host *host_of(const rp_context *context) {
  return context->host;
}

static int refuse(rp_message *message, int status, const char *reason) {
  if (message) snprintf(message->text, sizeof message->text, "%.*s", (int)sizeof message->text - 1, reason);
  return status;
}

static double service_uniform(const rp_context *context, uint32_t i, uint32_t j) {
  const rp_host *host = host_of(context);
  if (host->phase != RP_HOST_SCORING) return NAN;
  uint64_t name = rp_hash64(host->ranker->name, strlen(host->ranker->name), 0);
  rp_stream stream =
      rp_stream_of(host->shared->pass->state->seed, RP_DRAW_RANKER, (uint32_t)name, (uint32_t)(name >> 32), context->cycle, i);
  return rp_draw_uniform(&stream, j);
}

static const char OUT_OF_PHASE[] = "services can be called from score and choose only";

static int refuse_to_ablate(const rp_host *host, rp_message *message) {
  if (host->phase != RP_HOST_SCORING) return refuse(message, RP_RANKER_ERROR, OUT_OF_PHASE);
  if (!host->images || !ablates(host->ranker))
    return refuse(message, RP_RANKER_NOT_OFFERED, "ablation is offered to rankers with the flag RP_USES_ABLATION only");
  return RP_RANKER_OK;
}

static rp_status measure_base(rp_host *host, rp_evaluation *out) {
  rp_host_shared *shared = host->shared;
  const rp_scoring_pass *pass = shared->pass;
  if (!shared->has_base)
    RP_TRY(rp_evaluate(pass->net, pass->state->parameters, shared->closed, pass->dataset, host->images->part, host->images->indices,
                       host->images->n, NULL, &shared->base, &host->failure));
  shared->has_base = 1;
  *out = shared->base;
  return RP_OK;
}

/* Without any set of filters: a set that closes nothing that is open is the net as it is. */
static rp_status measure_set(rp_host *host, const uint8_t *set, rp_evaluation *out) {
  rp_host_shared *shared = host->shared;
  const rp_scoring_pass *pass = shared->pass;
  uint32_t f = 0;
  while (f < shared->view.n_filters && (!set[f] || shared->closed[f])) f++;
  if (f == shared->view.n_filters) return measure_base(host, out);
  return rp_ablate(pass->net, pass->state->parameters, shared->closed, set, pass->dataset, host->images->part, host->images->indices,
                   host->images->n, out, &host->failure);
}

static rp_status measure_each(rp_host *host) {
  rp_host_shared *shared = host->shared;
  const rp_scoring_pass *pass = shared->pass;
  if (shared->each) return RP_OK;
  RP_CLEANUP(rp_free_pointer) rp_evaluation *each = NULL;
  RP_TRY(rp_allocate(shared->view.n_filters, sizeof *each, &each, &host->failure));
  RP_TRY(rp_ablate_each(pass->net, pass->state->parameters, shared->closed, pass->dataset, host->images->part, host->images->indices,
                        host->images->n, each, NULL, NULL, &host->failure));
  shared->each = each;
  each = NULL;
  return RP_OK;
}

static rp_ablation as_ablation(const rp_evaluation *evaluation) {
  return (rp_ablation){sizeof(rp_ablation), evaluation->n, evaluation->correct, evaluation->loss};
}

/* The program's floating-point modes for the time of a service, the plugin's afterwards; that time is not the plugin's. */
static void enter_program(const rp_host *host, fenv_t *plugins) {
  rp_watch_pause(host->shared->watch);
  fegetenv(plugins);
  fesetenv(&host->modes);
}

static int leave_program(const rp_host *host, const fenv_t *plugins, rp_status status, rp_message *message) {
  fesetenv(plugins);
  rp_watch_resume(host->shared->watch);
  return status == RP_OK ? RP_RANKER_OK : refuse(message, RP_RANKER_ERROR, host->failure.message);
}

static int service_ablate(const rp_context *context, const uint8_t *set, rp_ablation *out, rp_message *message) {
  rp_host *host = host_of(context);
  int refused = refuse_to_ablate(host, message);
  if (refused) return refused;
  fenv_t plugins;
  enter_program(host, &plugins);
  rp_evaluation evaluation = {0};
  rp_status status = measure_set(host, set, &evaluation);
  if (status == RP_OK) *out = as_ablation(&evaluation);
  return leave_program(host, &plugins, status, message);
}

static int service_ablate_each(const rp_context *context, rp_ablation *each, rp_message *message) {
  rp_host *host = host_of(context);
  int refused = refuse_to_ablate(host, message);
  if (refused) return refused;
  fenv_t plugins;
  enter_program(host, &plugins);
  rp_status status = measure_each(host);
  for (uint32_t f = 0; status == RP_OK && f < context->n_filters; f++) each[f] = as_ablation(&host->shared->each[f]);
  return leave_program(host, &plugins, status, message);
}

static rp_status measure_each_beside(rp_host *host, const uint8_t *set, rp_ablation *each) {
  rp_host_shared *shared = host->shared;
  const rp_scoring_pass *pass = shared->pass;
  const uint32_t n_filters = shared->view.n_filters;
  RP_CLEANUP(rp_free_pointer) rp_evaluation *measured = NULL;
  RP_CLEANUP(rp_free_pointer) uint8_t *closed = NULL;
  RP_TRY(rp_allocate(n_filters, sizeof *measured, &measured, &host->failure));
  RP_TRY(rp_allocate(n_filters, 1, &closed, &host->failure));
  for (uint32_t f = 0; f < n_filters; f++) closed[f] = shared->closed[f] || set[f];
  RP_TRY(rp_ablate_each(pass->net, pass->state->parameters, closed, pass->dataset, host->images->part, host->images->indices,
                        host->images->n, measured, NULL, NULL, &host->failure));
  for (uint32_t f = 0; f < n_filters; f++) each[f] = as_ablation(&measured[f]);
  return RP_OK;
}

static int service_ablate_each_beside(const rp_context *context, const uint8_t *set, rp_ablation *each, rp_message *message) {
  rp_host *host = host_of(context);
  int refused = refuse_to_ablate(host, message);
  if (refused) return refused;
  fenv_t plugins;
  enter_program(host, &plugins);
  rp_status status = measure_each_beside(host, set, each);
  return leave_program(host, &plugins, status, message);
}

static int service_hessian_product(const rp_context *context, const float *v, float *product, rp_message *message) {
  rp_host *host = host_of(context);
  const rp_scoring_pass *pass = host->shared->pass;
  if (host->phase != RP_HOST_SCORING) return refuse(message, RP_RANKER_ERROR, OUT_OF_PHASE);
  if (!host->images || !looks_at_curvature(host->ranker))
    return refuse(message, RP_RANKER_NOT_OFFERED, "hessian_product is not offered to rankers without the flag RP_USES_HESSIAN_PRODUCT");
  fenv_t plugins;
  enter_program(host, &plugins);
  rp_status status = rp_hessian_product(pass->net, pass->state->parameters, host->shared->closed, pass->dataset, host->images->part,
                                        host->images->indices, host->images->n, v, product, &host->failure);
  int result = leave_program(host, &plugins, status, message);
  if (status == RP_EINPUT) host->failure.status = RP_OK; /* a direction that is not finite is the plugin's own fault */
  return result;
}

static void service_log(const rp_context *context, const char *line) {
  const rp_host *host = host_of(context);
  const rp_scoring_pass *pass = host->shared->pass;
  if (pass->log) pass->log(pass->user, host->ranker->name, line);
}

/* ---- Calls ----------------------------------------------------------------------------------- */

static double now_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double processor_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double enter_plugin(rp_host *host, rp_host_phase phase, const char *function) {
  host->phase = phase;
  host->failure.status = RP_OK;
  snprintf(host->call, sizeof host->call, "ranker %.63s: %s", host->ranker->name, function);
  fegetenv(&host->modes);
  rp_watch_enter(host->shared->watch, host->call);
  host->entered_s = processor_s();
  return now_s();
}

static rp_status leave_plugin(rp_host *host, double began_s, int result, rp_message *message, rp_error *err) {
  fesetenv(&host->modes);
  rp_watch_leave(host->shared->watch);
  host->phase = RP_HOST_IDLE;
  host->seconds += now_s() - began_s;
  host->result = result;
  host->processor_seconds += processor_s() - host->entered_s;
  if (result == RP_RANKER_OK) return RP_OK;
  if (host->failure.status != RP_OK) return rp_fail(err, host->failure.status, "ranker %s: %s", host->ranker->name, host->failure.message);
  message->text[sizeof message->text - 1] = '\0';
  return rp_fail(err, RP_EPLUGIN, "ranker %s: %s", host->ranker->name, *message->text ? message->text : "failed without saying why");
}

static rp_context context_for(const rp_host_shared *shared, const rp_scoring_images *images, rp_host *host) {
  const rp_state *state = shared->pass->state;
  return (rp_context){.size = sizeof(rp_context),
                      .n_layers = shared->view.n_layers,
                      .n_filters = shared->view.n_filters,
                      .n_classes = (uint32_t)rp_net_model(shared->pass->net)->n_classes,
                      .layers = shared->view.layers,
                      .epoch = state->epoch,
                      .cycle = state->cycle + 1,
                      .n_images = images ? images->n : 0,
                      .uniform = service_uniform,
                      .ablate = service_ablate,
                      .ablate_each = service_ablate_each,
                      .hessian_product = service_hessian_product,
                      .log = service_log,
                      .host = host,
                      .ablate_each_beside = service_ablate_each_beside};
}

static rp_status take_defaults(const rp_ranker *ranker, rp_value **out, rp_error *err) {
  size_t n = 0;
  while (ranker->options && ranker->options[n]) n++;
  if (n == 0) return RP_OK;
  RP_TRY(rp_allocate(n, sizeof **out, out, err));
  for (size_t i = 0; i < n; i++) {
    const rp_option *option = ranker->options[i];
    (*out)[i] = (rp_value){.size = sizeof **out, .number = option->default_number};
    if (option->kind == RP_OPTION_CHOICE) (*out)[i].text = option->choices[(int)option->default_number];
  }
  return RP_OK;
}

rp_status rp_host_open(rp_host_shared *shared, const rp_ranker *ranker, const rp_value *options, rp_host *host, rp_error *err) {
  *host = (rp_host){.shared = shared, .ranker = ranker, .apart = host->apart};
  RP_TRY_IN(find_images(shared, ranker, &host->images, err), err, "ranker %s", ranker->name);
  host->context = context_for(shared, host->images, host);
  if (!ranker->create) return RP_OK;
  if (!options) RP_TRY(take_defaults(ranker, &host->defaults, err));
  rp_message message = {.size = sizeof message};
  double began_s = enter_plugin(host, RP_HOST_IDLE, "create");
  int result = ranker->create(&host->context, options ? options : host->defaults, &host->self, &message);
  host->is_created = result == RP_RANKER_OK;
  return leave_plugin(host, began_s, result, &message, err);
}

static void destroy_self(rp_host *host) {
  if (!host->is_created || !host->self || !host->ranker->destroy) return;
  double began_s = enter_plugin(host, RP_HOST_IDLE, "destroy");
  host->ranker->destroy(host->self);
  leave_plugin(host, began_s, RP_RANKER_OK, NULL, NULL);
  host->is_created = 0;
}

void rp_host_close(rp_host *host) {
  destroy_self(host);
  rp_free_pointer(&host->defaults);
}

rp_status rp_host_observe(rp_host *host, const rp_batch *batch, rp_error *err) {
  rp_message message = {.size = sizeof message};
  double began_s = enter_plugin(host, RP_HOST_OBSERVING, "observe");
  int result = host->ranker->observe(host->self, &host->context, batch, &message);
  return leave_plugin(host, began_s, result, &message, err);
}

rp_status rp_host_score(rp_host *host, float *importance, rp_error *err) {
  rp_message message = {.size = sizeof message};
  double began_s = enter_plugin(host, RP_HOST_SCORING, "score");
  int result = host->ranker->score(host->self, &host->context, importance, &message);
  return leave_plugin(host, began_s, result, &message, err);
}

rp_status rp_host_choose(rp_host *host, const float *importance, const rp_limits *limits, uint8_t *drop, rp_error *err) {
  rp_message message = {.size = sizeof message};
  double began_s = enter_plugin(host, RP_HOST_SCORING, "choose");
  int result = host->ranker->choose(host->self, &host->context, importance, limits, drop, &message);
  return leave_plugin(host, began_s, result, &message, err);
}

/* ---- Failures -------------------------------------------------------------------------------- */

rp_error *rp_host_error(rp_host *host, rp_error *err) {
  return host->apart ? host->apart : err;
}

rp_status rp_host_settle(rp_host *host, rp_status status, rp_error *err) {
  if (status == RP_OK || !host->apart) return status;
  if (status != RP_EPLUGIN && status != RP_EINPUT && status != RP_ENUMERIC) return rp_fail(err, status, "%s", host->apart->message);
  host->has_failed = 1;
  return RP_OK;
}
