/* oracle_speed.c: rounds in which the two ways take turns. Neither is warmed up: a run of seconds makes its executors once. */
#include "experiments/bench/oracle_speed.h"

#include "core/base/memory.h"
#include "core/probes/ablate.h"
#include "core/state/state.h"
#include "experiments/bench/child.h"
#include "experiments/bench/images.h"
#include "experiments/config/node.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { N_ROUNDS = 3 };

typedef struct {
  const rp_model *model;
  int n_images, threads;
} task;

typedef struct {
  rp_net *net;
  rp_state *state;
  rp_dataset dataset;
  rp_evaluation *each, *plain; /* [n_filters] */
} bench;

static void close_bench(bench *self) {
  rp_bench_images_free(&self->dataset);
  rp_state_free(&self->state);
  rp_net_free(&self->net);
  free(self->each), free(self->plain);
}

static rp_status open_bench(const task *given, bench *self, rp_error *err) {
  RP_TRY(rp_net_create(given->model, given->threads, &self->net, err));
  const size_t n_filters = (size_t)rp_net_layout(self->net)->n_filters;
  if (n_filters == 0) return rp_fail(err, RP_EINPUT, "it has no filters, which --oracle would remove");
  RP_TRY(rp_state_initial(self->net, 0, 1, &self->state, err));
  RP_TRY(rp_bench_images_create((uint32_t)given->n_images, &self->dataset, err));
  RP_TRY(rp_allocate(n_filters, sizeof *self->each, &self->each, err));
  return rp_allocate(n_filters, sizeof *self->plain, &self->plain, err);
}

static double processor_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

typedef rp_status ablate_each(rp_net *, const float *, const uint8_t *, const rp_dataset *, rp_part, const uint32_t *, uint32_t,
                              rp_evaluation *, void (*)(void *, int, int), void *, rp_error *);

static rp_status run(bench *self, ablate_each *ablate, rp_evaluation *out, double *seconds, rp_error *err) {
  const double started = processor_seconds();
  RP_TRY(ablate(self->net, self->state->parameters, NULL, &self->dataset, RP_TRAIN, NULL, 0, out, NULL, NULL, err));
  *seconds = processor_seconds() - started;
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

static double largest_loss_difference(const bench *self) {
  double largest = 0;
  for (int f = 0; f < rp_net_layout(self->net)->n_filters; f++) {
    const double difference = fabs(self->each[f].loss - self->plain[f].loss) / self->plain[f].loss;
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}

static rp_status measure(const void *input, void *result, rp_error *err) {
  const task *given = input;
  rp_oracle_speed *out = result;
  RP_CLEANUP(close_bench) bench self = {0};
  double seconds[N_ROUNDS], plain_seconds[N_ROUNDS], ratios[N_ROUNDS];
  RP_TRY(open_bench(given, &self, err));
  for (int round = 0; round < N_ROUNDS; round++) {
    RP_TRY(run(&self, rp_ablate_each, self.each, &seconds[round], err));
    RP_TRY(run(&self, rp_ablate_each_plainly, self.plain, &plain_seconds[round], err));
    ratios[round] = plain_seconds[round] / seconds[round];
  }
  *out = (rp_oracle_speed){.n_images = given->n_images,
                           .n_filters = rp_net_layout(self.net)->n_filters,
                           .seconds = median(seconds),
                           .plain_seconds = median(plain_seconds),
                           .speed_up = median(ratios),
                           .largest_loss_difference = largest_loss_difference(&self)};
  return RP_OK;
}

rp_status rp_oracle_speed_measure(const rp_model *model, int n_images, int threads, rp_oracle_speed *out, rp_error *err) {
  return rp_bench_in_child(measure, &(task){model, n_images, threads}, out, sizeof *out, err);
}

/* ---- Output ---------------------------------------------------------------------------------- */

void rp_oracle_speed_print_head(void) {
  printf("\nThe oracle, each filter removed alone: seconds of processor time, and those of a pass over the images per filter.\n");
  printf("  %-22s %8s %8s %10s %10s %9s %13s\n", "", "filters", "images", "seconds", "plainly", "speed-up", "losses differ");
}

void rp_oracle_speed_print(const char *model, const rp_oracle_speed *speed) {
  printf("  %-22s %8d %8d %10.3f %10.3f %9.2f %13.0e\n", model, speed->n_filters, speed->n_images, speed->seconds, speed->plain_seconds,
         speed->speed_up, speed->largest_loss_difference);
}

void rp_oracle_speed_add_json(const rp_oracle_speed *speed, rp_text *json) {
  rp_text_format(json, "{\"images\":%d,\"filters\":%d", speed->n_images, speed->n_filters);
  const struct {
    const char *name;
    double number;
  } numbers[] = {{"seconds", speed->seconds},
                 {"plain_seconds", speed->plain_seconds},
                 {"speed_up", speed->speed_up},
                 {"largest_loss_difference", speed->largest_loss_difference}};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    rp_text_format(json, ",\"%s\":", numbers[i].name);
    rp_number_add(numbers[i].number, json);
  }
  rp_text_add(json, "}");
}
