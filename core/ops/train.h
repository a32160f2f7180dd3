/* train.h: the op `train`: one epoch of the network as it stands (SEMANTICS rules 3, 10, 20). */
#ifndef RP_OPS_TRAIN_H
#define RP_OPS_TRAIN_H

#include "core/data/augment.h"
#include "core/data/dataset.h"
#include "core/nn/schedule.h"
#include "core/state/state.h"

typedef struct {
  double lr;          /* of this epoch's first step, resolved; this is the lr that is recorded */
  rp_schedule within; /* of its later steps, in steps; RP_CONSTANT: they all have `lr` */
  uint64_t first;     /* the time of its first step on that schedule */
  rp_optimizer optimizer;
  int batch; /* images per step, 64 */
  rp_augmentation augment;
  int keep_last_batch; /* 0 = the partial last batch of an epoch is dropped; 1 = its mean loss makes a step like any other */
} rp_train_options;

typedef struct {
  double train_loss, train_acc; /* running mean over the images seen, in training mode, under the gates (rule 20) */
  uint32_t n_images, n_steps;
  double seconds;
} rp_train_record;

/* Steps of an epoch over n images. */
uint32_t rp_train_steps(const rp_train_options *options, uint32_t n_images);

/* The learning rate of step i of the epoch, from 0. */
double rp_train_lr(const rp_train_options *options, uint32_t i);

/* Called between steps with the number of images done and to do; returns nonzero to stop early: the op then returns RP_EINTERRUPTED and the
 * state must be thrown away. */
typedef int (*rp_train_tick)(void *user, uint32_t done, uint32_t total);

/* Trains `state` in place for one epoch: order and augmentation from (seed, epoch + 1), frozen units from its gates, then epoch + 1.
 * Errors: RP_ENUMERIC with epoch, step and lr where a loss or a parameter is NaN or Inf; those of net.h, with the same in front. On error
 * the state is undefined. */
rp_status rp_train_epoch(rp_net *net, rp_state *state, const rp_dataset *dataset, const rp_train_options *options, rp_train_tick tick,
                         void *user, rp_train_record *record, rp_error *err);

#endif
