/* speed.c: the kinds of work, each a row with its function; warm-up, then rounds in which they take turns. */
#include "experiments/bench/speed.h"

#include "core/base/memory.h"
#include "core/ops/train.h"
#include "core/probes/evaluate.h"
#include "core/ranking/observe.h"
#include "experiments/bench/bare_convs.h"
#include "experiments/bench/child.h"
#include "experiments/bench/images.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Rounds are odd in number: the median is one of them. What is asked for at once is worth the cost of asking. */
enum { N_ROUNDS = 7, MOST_UNITS = 8, SCORING_BATCH = 250 };

/* Small enough that the weights stay about where they start: nothing may diverge or die while it is being timed. */
static const double LEARNING_RATE = 1e-5;

typedef struct {
  const rp_speed_options *options;
  rp_net *net;
  rp_state *state;
  rp_dataset dataset;
  uint32_t *indices;                    /* [n images of the data set], 0, 1, … */
  rp_bare_convs *convs, *forward_convs; /* made at their first use */
} bench;

static void close_bench(bench *self) {
  rp_bare_convs_free(&self->convs);
  rp_bare_convs_free(&self->forward_convs);
  rp_bench_images_free(&self->dataset);
  rp_state_free(&self->state);
  rp_net_free(&self->net);
  free(self->indices);
}

/* ---- Kinds of work --------------------------------------------------------------------------- */

/* Images of one unit of each kind. */
static uint32_t batch_of(const bench *self) {
  return (uint32_t)self->options->batch;
}

static uint32_t scoring_batch_of(const bench *self) {
  (void)self;
  return SCORING_BATCH;
}

static uint32_t evaluated_batch_of(const bench *self) {
  (void)self;
  return RP_EVALUATE_BATCH;
}

static uint32_t sub_batch_of(const bench *self) {
  return (uint32_t)rp_net_sub_batch(self->net, self->options->batch);
}

/* An epoch of n images. */
static rp_status train(bench *self, uint32_t n, rp_error *err) {
  const rp_train_options options = {.lr = LEARNING_RATE, .batch = self->options->batch, .optimizer = {.kind = RP_SGD}};
  rp_dataset first = self->dataset;
  rp_train_record record;
  first.n[RP_TRAIN] = n;
  return rp_train_epoch(self->net, self->state, &first, &options, NULL, NULL, &record, err);
}

static rp_status evaluate(bench *self, uint32_t n, rp_error *err) {
  rp_evaluation evaluation;
  return rp_evaluate(self->net, self->state->parameters, NULL, &self->dataset, RP_TRAIN, self->indices, n, NULL, &evaluation, err);
}

static int look_at_nothing(void *self, const rp_context *context, const rp_batch *batch, rp_message *message) {
  (void)self, (void)context, (void)batch, (void)message;
  return RP_RANKER_OK;
}

/* A criterion that asks for all that there is to see. */
static const rp_ranker WATCHER = {.abi_major = RP_RANKER_ABI_MAJOR,
                                  .abi_minor = RP_RANKER_ABI_MINOR,
                                  .size = sizeof(rp_ranker),
                                  .name = "watcher",
                                  .flags = RP_USES_WEIGHT_GRADIENT | RP_USES_ACTIVATION | RP_USES_ACTIVATION_GRADIENT,
                                  .observe = look_at_nothing};

static rp_status score(bench *self, uint32_t n, rp_error *err) {
  const rp_scoring_pass pass = {
      .net = self->net, .state = self->state, .dataset = &self->dataset, .data = {.data = RP_SCORE_TRAIN, .images = n}};
  RP_CLEANUP(rp_host_shared_free) rp_host_shared shared = {0};
  RP_CLEANUP(rp_host_close) rp_host host = {0};
  RP_TRY(rp_host_shared_create(&pass, &shared, err));
  RP_TRY(rp_host_open(&shared, &WATCHER, NULL, &host, err));
  return rp_observe(&shared, &host, 1, err);
}

static rp_status run_convs(bench *self, rp_bare_convs **convs, uint32_t n, uint32_t batch, rp_purpose_of_run purpose, rp_error *err) {
  if (!*convs) RP_TRY(rp_bare_convs_create(self->net, (int)batch, purpose, convs, err));
  for (uint32_t done = 0; done < n; done += batch) RP_TRY(rp_bare_convs_run(*convs, err));
  return RP_OK;
}

static rp_status train_convs(bench *self, uint32_t n, rp_error *err) {
  return run_convs(self, &self->convs, n, sub_batch_of(self), RP_RUN_TRAIN, err);
}

static rp_status evaluate_convs(bench *self, uint32_t n, rp_error *err) {
  return run_convs(self, &self->forward_convs, n, RP_EVALUATE_BATCH, RP_RUN_EVALUATE, err);
}

static const struct {
  const char *name, *heading, *help;
  rp_speed_kind bound;
  rp_status (*run)(bench *self, uint32_t n, rp_error *err); /* on n images, a multiple of the unit */
  uint32_t (*unit)(const bench *self);
} KINDS[RP_N_SPEEDS] = {
#define RUN_RP_SPEED_TRAIN train, batch_of
#define RUN_RP_SPEED_EVALUATE evaluate, evaluated_batch_of
#define RUN_RP_SPEED_SCORE score, scoring_batch_of
#define RUN_RP_SPEED_BOUND train_convs, sub_batch_of
#define RUN_RP_SPEED_EVALUATE_BOUND evaluate_convs, evaluated_batch_of
#define RP_SPEED_ROW(code, name, heading, bound, help) [code] = {name, heading, help, bound, RUN_##code},
    RP_SPEED_LIST(RP_SPEED_ROW)
#undef RP_SPEED_ROW
};

const char *rp_speed_name(rp_speed_kind kind) {
  return KINDS[kind].name;
}

const char *rp_speed_heading(rp_speed_kind kind) {
  return KINDS[kind].heading;
}

const char *rp_speed_help(rp_speed_kind kind) {
  return KINDS[kind].help;
}

rp_speed_kind rp_speed_bound(rp_speed_kind kind) {
  return KINDS[kind].bound;
}

static int is_bound(rp_speed_kind kind) {
  return KINDS[kind].bound == kind;
}

/* ---- Measuring ------------------------------------------------------------------------------- */

/* Of this thread, which calls the kernels and takes part in all of them: with several threads it waits for the others spinning. */
static double processor_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static rp_status open_bench(const rp_model *model, const rp_speed_options *options, bench *self, rp_error *err) {
  self->options = options;
  uint32_t n = batch_of(self) < SCORING_BATCH ? SCORING_BATCH * MOST_UNITS : batch_of(self) * MOST_UNITS;
  RP_TRY(rp_net_create(model, options->threads, &self->net, err));
  RP_TRY(rp_state_initial(self->net, 0, 1, &self->state, err));
  RP_TRY(rp_bench_images_create(n, &self->dataset, err));
  RP_TRY(rp_allocate(n, sizeof *self->indices, &self->indices, err));
  for (uint32_t i = 0; i < n; i++) self->indices[i] = i;
  return RP_OK;
}

/* Runs a kind of work twice, the first time to make executors and fill caches; writes how many of its units fit into a slice, at least 1.
 */
static rp_status warm_up(bench *self, rp_speed_kind kind, double slice_s, uint32_t *n_units, rp_error *err) {
  RP_TRY(KINDS[kind].run(self, KINDS[kind].unit(self), err));
  double started = processor_seconds();
  RP_TRY(KINDS[kind].run(self, KINDS[kind].unit(self), err));
  double fit = slice_s / (processor_seconds() - started);
  *n_units = fit < 1 ? 1 : fit > MOST_UNITS ? MOST_UNITS : (uint32_t)fit;
  return RP_OK;
}

static rp_status time_slice(bench *self, rp_speed_kind kind, double slice_s, uint32_t n_units, double *images_per_second, rp_error *err) {
  const uint32_t n = n_units * KINDS[kind].unit(self);
  double started = processor_seconds(), passed, done = 0;
  do {
    RP_TRY(KINDS[kind].run(self, n, err));
    done += n;
    passed = processor_seconds() - started;
  } while (passed < slice_s);
  *images_per_second = done / passed;
  return RP_OK;
}

/* A field of /proc/self/status, in bytes. Errors: RP_EIO. */
static rp_status read_status(const char *field, double *bytes, rp_error *err) {
  char line[256];
  FILE *file = fopen("/proc/self/status", "r");
  if (!file) return rp_fail_errno(err, RP_EIO, "/proc/self/status");
  unsigned long long kilobytes = 0;
  int is_found = 0;
  while (!is_found && fgets(line, sizeof line, file))
    is_found = strncmp(line, field, strlen(field)) == 0 && sscanf(line + strlen(field), ": %llu kB", &kilobytes) == 1;
  fclose(file);
  if (!is_found) return rp_fail(err, RP_EIO, "/proc/self/status has no %s", field);
  *bytes = 1024.0 * (double)kilobytes;
  return RP_OK;
}

static rp_status read_peak_memory(double *bytes, rp_error *err) {
  double peak, mapped;
  RP_TRY(read_status("VmHWM", &peak, err));
  RP_TRY(read_status("RssFile", &mapped, err));
  *bytes = peak - mapped;
  return RP_OK;
}

static int compare_numbers(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *values) {
  qsort(values, N_ROUNDS, sizeof *values, compare_numbers);
  return values[N_ROUNDS / 2];
}

static void summarise(double rates[RP_N_SPEEDS][N_ROUNDS], rp_speed *out) {
  for (int kind = 0; kind < RP_N_SPEEDS; kind++) {
    double ratios[N_ROUNDS];
    for (int round = 0; round < N_ROUNDS; round++) ratios[round] = rates[kind][round] / rates[KINDS[kind].bound][round];
    out->of_bound[kind] = median(ratios);
  }
  for (int kind = 0; kind < RP_N_SPEEDS; kind++) out->images_per_second[kind] = median(rates[kind]);
}

/* A model without convolutions has no bound. */
static int is_measured(const bench *self, rp_speed_kind kind) {
  return !is_bound(kind) || rp_net_layout(self->net)->n_convs > 0;
}

static rp_status measure(const rp_model *model, const rp_speed_options *options, rp_speed *out, rp_error *err) {
  RP_CLEANUP(close_bench) bench self = {0};
  const double slice_s = options->seconds / N_ROUNDS;
  uint32_t n_units[RP_N_SPEEDS];
  double rates[RP_N_SPEEDS][N_ROUNDS];
  RP_TRY(open_bench(model, options, &self, err));
  for (rp_speed_kind kind = 0; kind < RP_N_SPEEDS; kind++) {
    if (is_measured(&self, kind)) RP_TRY_IN(warm_up(&self, kind, slice_s, &n_units[kind], err), err, "%s", KINDS[kind].name);
    if (kind == RP_SPEED_EVALUATE) RP_TRY(read_peak_memory(&out->peak_memory_bytes, err));
  }
  for (int round = 0; round < N_ROUNDS; round++)
    for (rp_speed_kind kind = 0; kind < RP_N_SPEEDS; kind++) {
      rates[kind][round] = NAN;
      if (is_measured(&self, kind)) RP_TRY(time_slice(&self, kind, slice_s, n_units[kind], &rates[kind][round], err));
    }
  summarise(rates, out);
  return RP_OK;
}

/* ---- In a process of its own ----------------------------------------------------------------- */

typedef struct {
  const rp_model *model;
  const rp_speed_options *options;
} task;

static rp_status measure_task(const void *input, void *result, rp_error *err) {
  const task *given = input;
  return measure(given->model, given->options, result, err);
}

rp_status rp_speed_measure(const rp_model *model, const rp_speed_options *options, rp_speed *out, rp_error *err) {
  const task given = {model, options};
  return rp_bench_in_child(measure_task, &given, out, sizeof *out, err);
}
