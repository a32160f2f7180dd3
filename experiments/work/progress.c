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
static double cost_of(const rp_campaign *campaign, const rp_trial_plan *plan, int path_step) {
  const rp_dataset *dataset = &campaign->datasets[campaign->dataset_of[plan - campaign->plans]].dataset;
  double evaluation = (double)dataset->n[RP_VALIDATION] + dataset->n[RP_TEST];
  if (path_step == 0) return evaluation;
  const rp_step *step = &plan->program.steps[path_step - 1];
  if (step->kind == RP_OP_TRAIN) return 3.0 * dataset->n[RP_TRAIN] + evaluation;
  if (step->kind == RP_OP_REGROW) return evaluation;
  uint32_t flags = plan->criteria[path_step - 1].description.flags;
  return evaluation + (flags & RP_USES_ABLATION ? (double)plan->n_filters * dataset->n[RP_VALIDATION] : 3 * 5000.0);
}

void rp_progress_start(rp_progress *progress, const rp_campaign *campaign, int jobs) {
  (void)jobs;
  progress->campaign = campaign;
  progress->is_started = 1;
  progress->is_terminal = isatty(STDERR_FILENO);
  progress->start_s = progress->last_draw_s = seconds_now();
}

void rp_progress_expect(rp_progress *progress, const rp_trial_plan *plan, int path_step) {
  for (; path_step <= plan->program.n_steps; path_step++) progress->expected += cost_of(progress->campaign, plan, path_step);
}

void rp_progress_computed(rp_progress *progress, const rp_trial_plan *plan, int path_step) {
  progress->done += cost_of(progress->campaign, plan, path_step);
  progress->n_states++;
}

void rp_progress_part(rp_progress *progress, int worker, double share) {
  if (worker < RP_MOST_WORKERS) progress->part[worker] = share;
}

static void add_duration(char *text, size_t size, double seconds) {
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
  double now = seconds_now(), elapsed = now - progress->start_s;
  if (now - progress->last_draw_s < (progress->is_terminal ? 0.5 : 15)) return;
  progress->last_draw_s = now;
  char spent[64], left[64] = "…";
  add_duration(spent, sizeof spent, elapsed);
  if (progress->done > 0) add_duration(left, sizeof left, elapsed * (progress->expected - progress->done) / progress->done);
  fprintf(stderr, "%s%3.0f %% · %d states computed · %s · at most %s to go%s", progress->is_terminal ? "\r\033[K" : "",
          progress->expected > 0 ? 100 * progress->done / progress->expected : 100, progress->n_states, spent, left,
          progress->is_terminal ? "" : "\n");
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
