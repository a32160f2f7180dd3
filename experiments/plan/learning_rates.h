/* learning_rates.h: train.schedule, resolved: the learning rates of each epoch, and what its id says of them (SEMANTICS rule 3).
 *
 * A schedule counts epochs or steps since it began: at epoch 1 or, with `restart: cycles`, after each regrow. An epoch whose steps all have
 * one lr is named by that number, whatever schedule it comes from, so that trials share epochs that are equal; another by its schedule with
 * all times in steps, and the time of its first step. */
#ifndef RP_PLAN_LEARNING_RATES_H
#define RP_PLAN_LEARNING_RATES_H

#include "core/ops/train.h"
#include "experiments/config/node.h"

typedef struct {
  const rp_node *node;  /* train.schedule, borrowed, for messages */
  rp_schedule schedule; /* times as they are given; `length` as of the last rp_rates_begin */
  int counts_steps;     /* times are steps, not epochs (cosine's warm_up and length are always epochs here) */
  int restarts;         /* restart: cycles */
  uint32_t steps_per_epoch;
  uint32_t began; /* the epoch after which the schedule began last */
} rp_rates;

/* Reads train.schedule, and the lr of train.optimizer. `train`: the section, checked and with its defaults; must outlive *out.
 * Errors: RP_EINPUT with position: a key that the schedule needs is missing, low above high, a final lr above the optimizer's. */
rp_status rp_rates_read(const rp_node *train, uint32_t steps_per_epoch, rp_rates *out, rp_error *err);

/* The schedule begins after an epoch and has `epochs` until it begins again or training ends. Errors: RP_EINPUT with position: all of them
 * would be warm-up. */
rp_status rp_rates_begin(rp_rates *rates, uint32_t after_epoch, uint32_t epochs, rp_error *err);

/* Writes lr, within and first of an epoch's options. */
void rp_rates_of_epoch(const rp_rates *rates, uint32_t epoch, rp_train_options *options);

/* Puts the rates of an epoch into a map, where they differ between its steps: "schedule.name", "schedule.first", … */
rp_status rp_rates_describe(const rp_train_options *options, rp_node *params, rp_error *err);

#endif
