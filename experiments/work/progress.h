/* progress.h: how far a run is, on stderr: one line that is drawn anew on a terminal, else a line now and then. */
#ifndef RP_WORK_PROGRESS_H
#define RP_WORK_PROGRESS_H

#include "experiments/plan/campaign.h"

enum { RP_MOST_WORKERS = 256 };

/* Work is counted in image passes: a forward pass of one image is 1, forward and backward 3. {0} is silent until rp_progress_start. */
typedef struct {
  const rp_campaign *campaign;
  int is_started, is_terminal, line_is_open;
  double start_s, last_draw_s;
  double done, expected;        /* image passes; expected counts shared states once per trial that waits: an upper bound */
  double part[RP_MOST_WORKERS]; /* share of each worker's op that is done */
  int n_states;
} rp_progress;

void rp_progress_start(rp_progress *progress, const rp_campaign *campaign, int jobs);

/* A trial has its path steps from `path_step` on before it. */
void rp_progress_expect(rp_progress *progress, const rp_trial_plan *plan, int path_step);
void rp_progress_computed(rp_progress *progress, const rp_trial_plan *plan, int path_step);
void rp_progress_part(rp_progress *progress, int worker, double share);
void rp_progress_draw(rp_progress *progress);
void rp_progress_end(rp_progress *progress);

/* A line of its own, above the progress line. */
void rp_progress_say(rp_progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
