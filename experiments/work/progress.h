/* progress.h: how far a run is, on stderr: one line that is drawn anew on a terminal, else a line now and then. */
#ifndef RP_WORK_PROGRESS_H
#define RP_WORK_PROGRESS_H

#include "experiments/plan/trial_plan.h"
#include "experiments/work/pool.h"

/* Work is counted in image passes: a forward pass of one image is 1, forward and backward 3. {0} is silent until rp_progress_start. */
typedef struct {
  int is_started, is_terminal, line_is_open;
  double start_s, last_draw_s;
  double done, left;             /* image passes: of states computed in this run; still to compute */
  double cost[RP_MOST_WORKERS];  /* of each worker's op at hand; 0 = none */
  double share[RP_MOST_WORKERS]; /* of it that is done */
  int n_states;
} rp_progress;

/* What path step `path_step` of a trial costs, in image passes. */
double rp_progress_cost(const rp_trial_plan *plan, const rp_dataset *dataset, int path_step);

/* "3 min 20 s": a duration for people. */
void rp_progress_duration(double seconds, char *text, size_t size);

void rp_progress_start(rp_progress *progress);

/* A worker begins an op of a known cost; is a share of the way through it; has computed a state; has done something else. */
void rp_progress_begin(rp_progress *progress, int worker, double cost);
void rp_progress_part(rp_progress *progress, int worker, double share);
void rp_progress_computed(rp_progress *progress, int worker);
void rp_progress_finished(rp_progress *progress, int worker);

/* Says how much is left, the ops at hand included, after it changed. */
void rp_progress_left(rp_progress *progress, double left);

/* Draws the line where it is time to. */
void rp_progress_draw(rp_progress *progress);
void rp_progress_end(rp_progress *progress);

/* A line of its own, above the progress line. */
void rp_progress_say(rp_progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
