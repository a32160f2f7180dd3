/* oracle_speed.h: how long the oracle takes on a model here, beside a pass over the images per filter.
 *
 * What is timed is rp_ablate_each and rp_ablate_each_plainly on random images at the start of training, in turns, in processor time of the
 * calling thread. */
#ifndef RP_BENCH_ORACLE_SPEED_H
#define RP_BENCH_ORACLE_SPEED_H

#include "core/base/text.h"
#include "core/nn/model.h"

typedef struct {
  int n_images, n_filters;
  double seconds, plain_seconds;  /* medians of three runs each */
  double speed_up;                /* plain_seconds over seconds of the same round, median */
  double largest_loss_difference; /* over filters, relative to the plain one's loss */
} rp_oracle_speed;

/* Measures in a child process. The caller must not have touched OpenMP. Errors: those of net.h; RP_EINPUT for a model without filters;
 * RP_EWORKER. */
rp_status rp_oracle_speed_measure(const rp_model *model, int n_images, int threads, rp_oracle_speed *out, rp_error *err);

/* A table for people, a row for each model. */
void rp_oracle_speed_print_head(void);
void rp_oracle_speed_print(const char *model, const rp_oracle_speed *speed);

/* {"images":…,"filters":…,"seconds":…,"plain_seconds":…,"speed_up":…,"largest_loss_difference":…} */
void rp_oracle_speed_add_json(const rp_oracle_speed *speed, rp_text *json);

#endif
