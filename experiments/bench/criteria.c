/* criteria.c: which criteria apply, then rounds of one scoring pass with all that do. */
#include "experiments/bench/criteria.h"

#include "core/base/memory.h"
#include "core/ranking/host.h"
#include "experiments/bench/child.h"
#include "experiments/bench/images.h"
#include "experiments/config/node.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { N_ROUNDS = 3 };

/* ---- Which ----------------------------------------------------------------------------------- */

static rp_status add_criterion(const char *folder, const char *name, int is_named, rp_criteria_list *list, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *path = NULL;
  if (list->n == RP_MOST_CRITERIA) return rp_fail(err, RP_EUSAGE, "more than %d criteria", RP_MOST_CRITERIA);
  rp_plugin_description *description = &list->criteria[list->n];
  RP_TRY(rp_plugin_find(folder, name, &path, err));
  RP_TRY(rp_plugin_describe(path, description, err));
  if (is_named || !(description->flags & RP_USES_ABLATION))
    list->n++;
  else
    rp_plugin_description_free(description);
  return RP_OK;
}

static rp_status add_named(const char *folder, const char *names, rp_criteria_list *list, rp_error *err) {
  for (;;) {
    RP_CLEANUP(rp_free_pointer) char *name = NULL;
    size_t length = strcspn(names, ",");
    RP_TRY(rp_copy_bytes_as_string(names, length, &name, err));
    RP_TRY(add_criterion(folder, name, 1, list, err));
    if (!names[length]) return RP_OK;
    names += length + 1;
  }
}

static rp_status add_built_in(const char *folder, rp_criteria_list *list, rp_error *err) {
  char **names;
  int n;
  RP_TRY(rp_plugin_list(folder, &names, &n, err));
  rp_status status = RP_OK;
  for (int i = 0; i < n; i++) {
    if (status == RP_OK) status = add_criterion(folder, names[i], 0, list, err);
    free(names[i]);
  }
  free(names);
  return status;
}

rp_status rp_criteria_list_open(const char *names, rp_criteria_list *out, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *folder = NULL;
  RP_TRY(rp_plugin_folder(&folder, err));
  return names ? add_named(folder, names, out, err) : add_built_in(folder, out, err);
}

void rp_criteria_list_free(rp_criteria_list *list) {
  for (int i = 0; i < list->n; i++) rp_plugin_description_free(&list->criteria[i]);
  list->n = 0;
}

/* ---- Measuring ------------------------------------------------------------------------------- */

typedef struct {
  const rp_model *model;
  const rp_criteria_list *list;
  int n_images, threads;
} task;

typedef struct {
  rp_net *net;
  rp_state *state;
  rp_dataset dataset;
  rp_scoring_pass pass;
  int n;                         /* criteria that apply */
  int of_list[RP_MOST_CRITERIA]; /* their places in the list */
  rp_plugin plugins[RP_MOST_CRITERIA];
  rp_scoring scorings[RP_MOST_CRITERIA];
  float *scores; /* which nobody reads */
} bench;

static void close_bench(bench *self) {
  for (int i = 0; i < self->n; i++) rp_plugin_free(&self->plugins[i]);
  rp_bench_images_free(&self->dataset);
  rp_state_free(&self->state);
  rp_net_free(&self->net);
  free(self->scores);
}

/* Whether a criterion takes the net: its create says so. */
static rp_status try_criterion(const bench *self, const rp_plugin *plugin, rp_error *err) {
  RP_CLEANUP(rp_host_shared_free) rp_host_shared shared = {0};
  RP_CLEANUP(rp_host_close) rp_host host = {0};
  RP_TRY(rp_host_shared_create(&self->pass, &shared, err));
  return rp_host_open(&shared, plugin->ranker, NULL, &host, err);
}

static rp_status add_plugin(bench *self, const rp_criteria_list *list, int index, rp_criteria_times *out, rp_error *err) {
  rp_plugin *plugin = &self->plugins[self->n];
  rp_error refusal = {0};
  RP_TRY(rp_plugin_load(list->criteria[index].path, plugin, err));
  rp_status status = try_criterion(self, plugin, &refusal);
  if (status == RP_EPLUGIN) {
    snprintf(out->reason[index], sizeof out->reason[index], "%.255s", refusal.message);
    out->seconds[index] = NAN;
    rp_plugin_free(plugin);
    return RP_OK;
  }
  if (status != RP_OK) return rp_fail(err, status, "%s", refusal.message);
  self->scorings[self->n] = (rp_scoring){.plugin = plugin, .scores = self->scores};
  self->of_list[self->n++] = index;
  return RP_OK;
}

static rp_status open_bench(const task *given, bench *self, rp_criteria_times *out, rp_error *err) {
  RP_TRY(rp_net_create(given->model, given->threads, &self->net, err));
  RP_TRY(rp_state_initial(self->net, 0, 1, &self->state, err));
  RP_TRY(rp_bench_images_create((uint32_t)given->n_images, &self->dataset, err));
  RP_TRY(rp_allocate((size_t)rp_net_layout(self->net)->n_filters, sizeof *self->scores, &self->scores, err));
  self->pass = (rp_scoring_pass){.net = self->net,
                                 .state = self->state,
                                 .dataset = &self->dataset,
                                 .data = {.data = RP_SCORE_TRAIN, .images = (uint32_t)given->n_images}};
  for (int i = 0; i < given->list->n; i++) RP_TRY(add_plugin(self, given->list, i, out, err));
  return RP_OK;
}

/* Of this thread, as in speed.c. */
static double processor_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double least(double a, double b, int is_first) {
  return is_first || b < a ? b : a;
}

static rp_status run_round(bench *self, int is_first, rp_criteria_times *out, rp_error *err) {
  double began_s = processor_seconds(), of_criteria = 0;
  RP_TRY(rp_score(&self->pass, self->scorings, self->n, err));
  double all = processor_seconds() - began_s;
  for (int i = 0; i < self->n; i++) {
    double *seconds = &out->seconds[self->of_list[i]];
    *seconds = least(*seconds, self->scorings[i].processor_seconds, is_first);
    of_criteria += self->scorings[i].processor_seconds;
  }
  out->network = least(out->network, all - of_criteria, is_first);
  out->all = least(out->all, all, is_first);
  return RP_OK;
}

static rp_status measure(const void *input, void *result, rp_error *err) {
  const task *given = input;
  rp_criteria_times *out = result;
  RP_CLEANUP(close_bench) bench self = {0};
  out->n_images = given->n_images;
  out->threads = given->threads;
  RP_TRY(open_bench(given, &self, out, err));
  for (int round = 0; round < N_ROUNDS; round++) RP_TRY(run_round(&self, round == 0, out, err));
  return RP_OK;
}

rp_status rp_criteria_measure(const rp_model *model, const rp_criteria_list *list, int n_images, int threads, rp_criteria_times *out,
                              rp_error *err) {
  const task given = {model, list, n_images, threads};
  return rp_bench_in_child(measure, &given, out, sizeof *out, err);
}

/* ---- Output ---------------------------------------------------------------------------------- */

void rp_criteria_print(const char *model, const rp_criteria_list *list, const rp_criteria_times *times, double images_per_second) {
  printf("\n%s: seconds of processor time for %d scoring images, the least of %d rounds\n", model, times->n_images, N_ROUNDS);
  for (int i = 0; i < list->n; i++) {
    if (*times->reason[i])
      printf("  %-20s %10s  %s\n", list->criteria[i].name, "-", times->reason[i]);
    else
      printf("  %-20s %10.3f\n", list->criteria[i].name, times->seconds[i]);
  }
  printf("  %-20s %10.3f\n  %-20s %10.3f, in which training sees %.0f images\n", "the network's passes", times->network, "all together",
         times->all, times->all * images_per_second);
}

static void add_number(const char *name, double number, rp_text *json) {
  rp_text_add_json_string(json, name);
  rp_text_add(json, ":");
  if (isnan(number))
    rp_text_add(json, "null");
  else
    rp_number_add(number, json);
}

void rp_criteria_add_json(const rp_criteria_list *list, const rp_criteria_times *times, rp_text *json) {
  rp_text_format(json, "{\"images\":%d,", times->n_images);
  add_number("network", times->network, json);
  rp_text_add(json, ",");
  add_number("all", times->all, json);
  rp_text_add(json, ",\"seconds\":{");
  for (int i = 0; i < list->n; i++) {
    rp_text_add(json, i ? "," : "");
    add_number(list->criteria[i].name, times->seconds[i], json);
  }
  rp_text_add(json, "}}");
}
