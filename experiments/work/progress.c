/* progress.c: counts image passes and divides by the time that they took. */
#include "experiments/work/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static double seconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Relative costs only: the constants matter less than that an oracle's drop is seen to be long. */
double rp_progress_cost(const rp_trial_plan *plan, const rp_dataset *dataset, int path_step) {
  double evaluation = (double)dataset->n[RP_VALIDATION] + dataset->n[RP_TEST];
  if (path_step == 0) return evaluation;
  const rp_step *step = &plan->program.steps[path_step - 1];
  if (step->kind == RP_OP_TRAIN) return 3.0 * dataset->n[RP_TRAIN] + evaluation;
  if (step->kind == RP_OP_REGROW) return evaluation;
  uint32_t flags = plan->criteria[path_step - 1].description.flags;
  return evaluation + (flags & RP_USES_ABLATION ? (double)plan->n_filters * dataset->n[RP_VALIDATION] : 3 * 5000.0);
}

void rp_progress_start(rp_progress *progress) {
  progress->is_started = 1;
  progress->is_terminal = isatty(STDERR_FILENO);
  progress->start_s = progress->last_draw_s = seconds_now();
}

void rp_progress_begin(rp_progress *progress, int worker, double cost) {
  progress->cost[worker] = cost;
  progress->share[worker] = 0;
}

void rp_progress_part(rp_progress *progress, int worker, double share) {
  progress->share[worker] = share;
}

void rp_progress_finished(rp_progress *progress, int worker) {
  progress->done += progress->cost[worker];
  progress->cost[worker] = 0;
}

void rp_progress_computed(rp_progress *progress, int worker) {
  rp_progress_finished(progress, worker);
  progress->n_states++;
}

void rp_progress_left(rp_progress *progress, double left) {
  progress->left = left;
}

void rp_progress_duration(double seconds, char *text, size_t size) {
  long whole = (long)seconds;
  if (whole >= 3600)
    snprintf(text, size, "%ld h %02ld min", whole / 3600, whole / 60 % 60);
  else if (whole >= 60)
    snprintf(text, size, "%ld min %02ld s", whole / 60, whole % 60);
  else
    snprintf(text, size, "%ld s", whole);
}

void rp_progress_draw(rp_progress *progress) {
  if (!progress->is_started) return;
  double now = seconds_now(), elapsed = now - progress->start_s, under_way = 0;
  if (now - progress->last_draw_s < (progress->is_terminal ? 0.5 : 15)) return;
  progress->last_draw_s = now;
  for (int w = 0; w < RP_MOST_WORKERS; w++) under_way += progress->cost[w] * progress->share[w];
  double done = progress->done + under_way, left = progress->left - under_way;
  char spent[64], to_go[64] = "…";
  rp_progress_duration(elapsed, spent, sizeof spent);
  if (done > 0) rp_progress_duration(elapsed * left / done, to_go, sizeof to_go);
  fprintf(stderr, "%s%3.0f %% · %d states computed · %s · about %s to go%s", progress->is_terminal ? "\r\033[K" : "",
          done + left > 0 ? 100 * done / (done + left) : 100, progress->n_states, spent, to_go, progress->is_terminal ? "" : "\n");
  progress->line_is_open = progress->is_terminal;
}

void rp_progress_say(rp_progress *progress, const char *format, ...) {
  if (progress->line_is_open) fputs("\r\033[K", stderr);
  progress->line_is_open = 0;
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
}

void rp_progress_end(rp_progress *progress) {
  if (progress->line_is_open) fputs("\r\033[K", stderr);
  progress->line_is_open = 0;
}
