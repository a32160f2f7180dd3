/* train.c: an epoch is a row of steps; a step splits its batch into sub-batches, sums their gradients and moves everything that is not
 * frozen. */
#include "core/ops/train.h"

#include "core/base/memory.h"
#include "core/data/batches.h"
#include "core/loss/cross_entropy.h"
#include "core/nn/gate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What an epoch needs besides the state. */
typedef struct {
  rp_net *net;
  rp_state *state;
  const rp_dataset *dataset;
  const rp_train_options *options;
  uint32_t *order;        /* [n training images] */
  uint8_t *closed;        /* [n_filters] */
  uint8_t *frozen;        /* [n_units] */
  float *gradients;       /* [n_parameters] */
  float *images;          /* [sub-batch][C][H][W] */
  uint8_t *labels;        /* [sub-batch] */
  float *logit_gradients; /* [sub-batch][n_classes] */
  double loss;            /* summed over the images so far */
  uint64_t correct;
} rp_epoch;

static void epoch_free(rp_epoch *epoch) {
  free(epoch->order);
  free(epoch->closed);
  free(epoch->frozen);
  free(epoch->gradients);
  free(epoch->images);
  free(epoch->labels);
  free(epoch->logit_gradients);
}

static rp_status epoch_allocate(rp_epoch *epoch, size_t sub_batch, rp_error *err) {
  const rp_layout *layout = epoch->state->layout;
  const rp_dataset *dataset = epoch->dataset;
  size_t image_size = (size_t)dataset->channels * (size_t)dataset->height * (size_t)dataset->width;
  RP_TRY(rp_allocate(dataset->n[RP_TRAIN], sizeof *epoch->order, &epoch->order, err));
  RP_TRY(rp_allocate((size_t)layout->n_filters, 1, &epoch->closed, err));
  RP_TRY(rp_allocate(layout->n_units, 1, &epoch->frozen, err));
  RP_TRY(rp_allocate(layout->n_parameters, sizeof *epoch->gradients, &epoch->gradients, err));
  RP_TRY(rp_allocate(sub_batch * image_size, sizeof *epoch->images, &epoch->images, err));
  RP_TRY(rp_allocate(sub_batch, 1, &epoch->labels, err));
  return rp_allocate(sub_batch * (size_t)dataset->n_classes, sizeof *epoch->logit_gradients, &epoch->logit_gradients, err);
}

uint32_t rp_train_steps(const rp_train_options *options, uint32_t n_images) {
  uint32_t batch = (uint32_t)options->batch, n_full = n_images / batch;
  return options->keep_last_batch && n_images % batch ? n_full + 1 : n_full;
}

double rp_train_lr(const rp_train_options *options, uint32_t i) {
  return options->within.kind == RP_CONSTANT ? options->lr : rp_schedule_lr(&options->within, options->first + i);
}

static rp_status check_options(const rp_state *state, const rp_dataset *dataset, const rp_train_options *options, rp_error *err) {
  if (options->batch < 1) return rp_fail(err, RP_EINPUT, "a batch of %d images: 1 is the least", options->batch);
  RP_TRY(rp_augmentation_check(&options->augment, dataset->height, dataset->width, err));
  int n_slots = rp_optimizer_slots(options->optimizer.kind);
  if (state->n_slots != n_slots)
    return rp_fail(err, RP_EINPUT, "optimizer %s keeps %d values per parameter, the state has %d",
                   rp_optimizer_name(options->optimizer.kind), n_slots, state->n_slots);
  if (rp_train_steps(options, dataset->n[RP_TRAIN]) == 0)
    return rp_fail(err, RP_EINPUT, "%u training images make no batch of %d: take a smaller train.batch or train.last_batch: keep",
                   dataset->n[RP_TRAIN], options->batch);
  return RP_OK;
}

/* Forward and backward of up to one sub-batch; its gradients stay in the executor. `first` counts within the epoch's order. */
static rp_status run_sub_batch(rp_epoch *epoch, rp_executor *executor, uint32_t first, uint32_t n, uint32_t batch, double *loss,
                               rp_error *err) {
  const rp_state *state = epoch->state;
  rp_batches_fill_augmented(epoch->dataset, &epoch->options->augment, state->seed, state->epoch + 1, epoch->order + first, n, epoch->images,
                            epoch->labels);
  const float *logits;
  rp_executor_place(executor, (rp_draw_place){epoch->state->seed, epoch->state->epoch + 1, first});
  RP_TRY(rp_executor_forward(executor, epoch->images, &logits, err));
  *loss += rp_cross_entropy(logits, epoch->labels, (int)n, epoch->dataset->n_classes, 1.0 / batch, NULL, epoch->logit_gradients,
                            &epoch->correct);
  return rp_executor_backward(executor, epoch->logit_gradients, err);
}

/* All sub-batches of `size` images within n images; what is left over is for another executor. */
static rp_status run_sub_batches(rp_epoch *epoch, uint32_t size, uint32_t first, uint32_t n, uint32_t batch, double *loss, rp_error *err) {
  rp_executor *executor;
  RP_TRY(rp_net_executor(epoch->net, (int)size, RP_RUN_TRAIN, &executor, err));
  RP_TRY(rp_executor_load(executor, epoch->state->parameters, epoch->closed, err));
  rp_executor_clear_gradients(executor);
  for (uint32_t done = 0; done + size <= n; done += size) RP_TRY(run_sub_batch(epoch, executor, first + done, size, batch, loss, err));
  rp_executor_statistics(executor, epoch->state->parameters);
  return rp_executor_add_gradients(executor, epoch->gradients, err);
}

/* Forward and backward of the n images at `first`; *loss is their sum. */
static rp_status run_batch(rp_epoch *epoch, uint32_t first, uint32_t n, double *loss, rp_error *err) {
  uint32_t sub_batch = (uint32_t)rp_net_sub_batch(epoch->net, (int)n), rest = n % sub_batch;
  memset(epoch->gradients, 0, epoch->state->layout->n_parameters * sizeof *epoch->gradients);
  if (n >= sub_batch) RP_TRY(run_sub_batches(epoch, sub_batch, first, n, n, loss, err));
  if (rest > 0) RP_TRY(run_sub_batches(epoch, rest, first + n - rest, rest, n, loss, err));
  if (isfinite(*loss)) return RP_OK;
  return rp_fail(err, RP_ENUMERIC, "the loss is %s; try a lower learning rate", isnan(*loss) ? "NaN" : "infinite");
}

/* One step on the batch of n images at `first`. */
static rp_status step(rp_epoch *epoch, uint32_t first, uint32_t n, double lr, rp_error *err) {
  rp_state *state = epoch->state;
  double loss = 0;
  RP_TRY(run_batch(epoch, first, n, &loss, err));
  rp_optimizer_step(&epoch->options->optimizer, state->layout, lr, epoch->gradients, epoch->frozen, state->parameters, state->slots,
                    state->steps);
  state->step++;
  epoch->loss += loss;
  return RP_OK;
}

/* What the last step left: a next one would find it, and so would an evaluation, but without knowing where it came from. */
static rp_status check_parameters(const rp_epoch *epoch, rp_error *err) {
  const rp_layout *layout = epoch->state->layout;
  for (int t = 0; t < layout->n_tensors; t++) {
    const rp_tensor *tensor = &layout->tensors[t];
    const float *values = epoch->state->parameters + tensor->offset;
    for (size_t i = 0; i < (size_t)tensor->K * (size_t)tensor->C * (size_t)tensor->E; i++)
      if (!isfinite(values[i]))
        return rp_fail(err, RP_ENUMERIC, "%s: a %s became NaN or infinite; try a lower learning rate",
                       rp_net_model(epoch->net)->layers[tensor->layer].name, rp_tensor_name(tensor->kind));
  }
  return RP_OK;
}

static double seconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

rp_status rp_train_epoch(rp_net *net, rp_state *state, const rp_dataset *dataset, const rp_train_options *options, rp_train_tick tick,
                         void *user, rp_train_record *record, rp_error *err) {
  double started = seconds_now();
  RP_TRY(check_options(state, dataset, options, err));
  RP_CLEANUP(epoch_free) rp_epoch epoch = {.net = net, .state = state, .dataset = dataset, .options = options};
  RP_TRY(epoch_allocate(&epoch, (size_t)rp_net_sub_batch(net, options->batch), err));
  rp_batches_order(dataset, state->seed, state->epoch + 1, epoch.order);
  rp_state_closed(state, epoch.closed);
  rp_gate_frozen_units(net, epoch.closed, epoch.frozen);

  uint32_t batch = (uint32_t)options->batch, n_images = dataset->n[RP_TRAIN], n_steps = rp_train_steps(options, n_images);
  uint32_t total = n_steps * (uint64_t)batch < n_images ? n_steps * batch : n_images, done = 0;
  for (uint32_t i = 0; i < n_steps; i++) {
    if (tick && tick(user, done, total))
      return rp_fail(err, RP_EINTERRUPTED, "epoch %u: interrupted after %u images", state->epoch + 1, done);
    uint32_t n = total - done < batch ? total - done : batch;
    const double lr = rp_train_lr(options, i);
    RP_TRY_IN(step(&epoch, done, n, lr, err), err, "epoch %u, step %llu, lr %g", state->epoch + 1, (unsigned long long)state->step + 1, lr);
    done += n;
  }
  RP_TRY_IN(check_parameters(&epoch, err), err, "epoch %u, step %llu, lr %g", state->epoch + 1, (unsigned long long)state->step,
            rp_train_lr(options, n_steps - 1));
  state->epoch++;
  *record = (rp_train_record){.train_loss = epoch.loss / done,
                              .train_acc = (double)epoch.correct / done,
                              .n_images = done,
                              .n_steps = n_steps,
                              .seconds = seconds_now() - started};
  return RP_OK;
}
