/* training.h: epochs of any net, and what rules 8 to 10 say of them: what is frozen stays, reaches nothing, and puts out nothing. */
#ifndef RP_TESTS_TRAINING_H
#define RP_TESTS_TRAINING_H

#include "core/base/memory.h"
#include "core/data/batches.h"
#include "core/ops/drop.h"
#include "core/ops/train.h"
#include "core/probes/evaluate.h"
#include "tests/layouts.h"
#include "tests/reference_net.h"

#define FREED_NET                                                                                                                          \
  RP_CLEANUP(rp_net_free)                                                                                                                  \
  rp_net
#define FREED_STATE                                                                                                                        \
  RP_CLEANUP(rp_state_free)                                                                                                                \
  rp_state
#define FREED_BYTES                                                                                                                        \
  RP_CLEANUP(rp_free_pointer)                                                                                                              \
  uint8_t

/* One of each, all with weight decay, which alone would move what a gradient of 0 does not. */
static const rp_optimizer OPTIMIZERS[] = {
    {.kind = RP_SGD, .weight_decay = 0.01},
    {.kind = RP_MOMENTUM, .momentum = 0.9, .weight_decay = 0.01},
    {.kind = RP_NESTEROV, .momentum = 0.9, .weight_decay = 0.01},
    {.kind = RP_RMSPROP, .alpha = 0.99, .epsilon = 1e-8, .weight_decay = 0.01},
    {.kind = RP_ADAM, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .weight_decay = 0.01},
    {.kind = RP_ADAMW, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .weight_decay = 0.01},
};
_Static_assert(sizeof OPTIMIZERS / sizeof OPTIMIZERS[0] == RP_N_OPTIMIZERS, "each optimizer is there");

/* A net, what it is trained on and how. */
typedef struct {
  const char *name; /* for messages */
  rp_net *net;
  const rp_dataset *dataset;
  rp_train_options options;
} course;

static inline rp_state *initial_state_of(const course *c, uint64_t seed) {
  rp_state *state;
  rp_error err = {0};
  assert_ok(rp_state_initial(c->net, rp_optimizer_slots(c->options.optimizer.kind), seed, &state, &err), err);
  return state;
}

static inline rp_train_record train_on(const course *c, rp_state *state) {
  rp_train_record record;
  rp_error err = {0};
  assert_ok(rp_train_epoch(c->net, state, c->dataset, &c->options, NULL, NULL, &record, &err), err);
  return record;
}

/* Every third filter of each conv, all of the first one but two: in residual nets sums then have channels whose summands are all absent,
 * and others with one that is there. */
static inline void drop_some(const course *c, rp_state *state) {
  const rp_layout *layout = rp_net_layout(c->net);
  FREED_BYTES *set = calloc((size_t)layout->n_filters, 1);
  assert_non_null(set);
  for (int i = 0; i < layout->n_convs; i++)
    for (int k = 0; k < layout->convs[i].K; k++) set[layout->convs[i].first_filter + k] = i == 0 ? k > 1 : k % 3 == 0;
  rp_error err = {0};
  assert_ok(rp_drop_filters(state, set, 1, &err), err);
}

static inline uint8_t *closed_of(const rp_state *state) {
  uint8_t *closed = calloc((size_t)state->layout->n_filters, 1);
  assert_non_null(closed);
  rp_state_closed(state, closed);
  return closed;
}

/* Rule 10 in the words of the reference: what belongs to an absent channel or reads one. [n_parameters] */
static inline uint8_t *frozen_parameters(const rp_net *net, const rp_state *state) {
  const rp_layout *layout = rp_net_layout(net);
  const rp_model *model = rp_net_model(net);
  FREED_BYTES *closed = closed_of(state);
  uint8_t *frozen = calloc(layout->n_parameters, 1);
  float *image = floats((size_t)model->channels * (size_t)model->height * (size_t)model->width);
  assert_non_null(frozen);
  reference *r = reference_create(net, 1, state->parameters, closed, image);
  for (int t = 0; t < layout->n_tensors; t++) {
    const rp_tensor *tensor = &layout->tensors[t];
    const int from = model->layers[tensor->layer].inputs[0];
    for (size_t i = 0; i < size_of_tensor(tensor); i++) {
      const size_t unit = i / (size_t)tensor->E, k = unit / (size_t)tensor->C, channel = unit % (size_t)tensor->C;
      const int reads = tensor->kind == RP_CONV_WEIGHT || tensor->kind == RP_FC_WEIGHT;
      frozen[tensor->offset + i] = r->is_absent[tensor->layer][k] || (reads && from != RP_IMAGE && r->is_absent[from][channel]);
    }
  }
  reference_free(r);
  free(image);
  return frozen;
}

/* The mean cross-entropy of n rows of logits. */
static inline double mean_loss(const double *logits, const uint8_t *labels, int n, int n_classes) {
  double loss = 0;
  for (int i = 0; i < n; i++, logits += n_classes) {
    double sum = 0;
    for (int j = 0; j < n_classes; j++) sum += exp(logits[j]);
    loss += (log(sum) - logits[labels[i]]) / n;
  }
  return loss;
}

static inline int has_same_bits(const float *a, const float *b, size_t i) {
  return memcmp(&a[i], &b[i], sizeof *a) == 0;
}

/* How many values of each kind of tensor were frozen; how many of all were free, and of these how many are where they were. */
typedef struct {
  int n_frozen[RP_BN_VARIANCE + 1];
  int n_free, n_still;
} frozen_counts;

static inline int is_still(const rp_state *state, const rp_state *before, size_t i) {
  return has_same_bits(state->parameters, before->parameters, i);
}

/* Slots of the optimizer in which value i has something that stayed; in which it changed. */
static inline int n_still_slots(const rp_state *state, const rp_state *before, size_t i) {
  int n = 0;
  for (int s = 0; s < state->n_slots; s++) n += before->slots[s][i] != 0 && has_same_bits(state->slots[s], before->slots[s], i);
  return n;
}

static inline int n_moved_slots(const rp_state *state, const rp_state *before, size_t i) {
  int n = 0;
  for (int s = 0; s < state->n_slots; s++) n += !has_same_bits(state->slots[s], before->slots[s], i);
  return n;
}

/* One epoch, a drop, two epochs: what is frozen keeps its bits, those of the optimizer's state and its step counts, and running statistics.
 * What is free should move, or this would prove nothing: the caller looks at n_still. */
static inline frozen_counts assert_frozen_values_keep_their_bits(const course *c) {
  FREED_STATE *state = initial_state_of(c, 5);
  train_on(c, state);
  drop_some(c, state);
  FREED_STATE *before = copy_of(state);
  FREED_BYTES *frozen = frozen_parameters(c->net, state);
  const int n_steps = 2 * (int)train_on(c, state).n_steps;
  train_on(c, state);
  frozen_counts counts = {0};
  int n_held = 0;
  for (int t = 0; t < state->layout->n_tensors; t++) {
    const rp_tensor *tensor = &state->layout->tensors[t];
    const int is_trained = rp_tensor_is_trained(tensor->kind);
    for (size_t i = tensor->offset; i < tensor->offset + size_of_tensor(tensor); i++) {
      const size_t unit = tensor->first_unit + (i - tensor->offset) / (size_t)tensor->E;
      assert_int_equal(state->steps[unit] - before->steps[unit], is_trained && !frozen[i] ? n_steps : 0);
      if (frozen[i]) {
        counts.n_frozen[tensor->kind]++;
        n_held += n_still_slots(state, before, i);
        if (!is_still(state, before, i) || n_moved_slots(state, before, i) > 0)
          fail_msg("%s, %s: %s of %s moved: value %zu", c->name, rp_optimizer_name(c->options.optimizer.kind), rp_tensor_name(tensor->kind),
                   rp_net_model(c->net)->layers[tensor->layer].name, i - tensor->offset);
      } else {
        counts.n_free++;
        counts.n_still += is_still(state, before, i) || n_still_slots(state, before, i) > 0;
      }
    }
  }
  if (state->n_slots > 0) assert_true(n_held > state->n_slots * counts.n_frozen[RP_CONV_WEIGHT] / 2);
  assert_memory_equal(state->at_drop, before->at_drop, state->layout->n_parameters * sizeof(float));
  return counts;
}

/* A conv, an fc and, where there is one, a BN had something frozen. */
static inline void assert_each_kind_was_frozen(const course *c, const frozen_counts *counts) {
  const int has_bn = rp_net_sub_batch(c->net, 64) == 64;
  assert_true(counts->n_frozen[RP_CONV_WEIGHT] > 0 && counts->n_frozen[RP_FC_WEIGHT] > 0);
  if (has_bn) assert_true(counts->n_frozen[RP_BN_MEAN] > 0 && counts->n_frozen[RP_BN_GAMMA] > 0);
}

static inline double evaluated_loss(const course *c, const rp_state *state) {
  FREED_BYTES *closed = closed_of(state);
  rp_evaluation evaluation;
  rp_error err = {0};
  assert_ok(rp_evaluate(c->net, state->parameters, closed, c->dataset, RP_TRAIN, NULL, 0, NULL, &evaluation, &err), err);
  return evaluation.loss;
}

/* With any other values in what is frozen, a whole epoch is the same to the last bit, and so is what evaluation says. */
static inline void assert_frozen_values_do_not_reach_the_loss(const course *c) {
  FREED_STATE *state = initial_state_of(c, 5);
  drop_some(c, state);
  FREED_BYTES *frozen = frozen_parameters(c->net, state);
  FREED_STATE *wild = copy_of(state);
  for (size_t i = 0; i < state->layout->n_parameters; i++)
    if (frozen[i]) wild->parameters[i] = 100 - (float)(i % 7);
  rp_train_record a = train_on(c, state), b = train_on(c, wild);
  assert_true(a.train_loss == b.train_loss && a.train_acc == b.train_acc);
  for (size_t i = 0; i < state->layout->n_parameters; i++)
    if (!frozen[i] && !has_same_bits(state->parameters, wild->parameters, i)) fail_msg("%s: parameter %zu is another", c->name, i);
  assert_true(evaluated_loss(c, state) == evaluated_loss(c, wild));
}

/* At the gate: behind BN and ReLU where those are the filter's. 0 and −0 are 0. */
static inline void assert_dropped_maps_are_zero(const course *c) {
  enum { N = 4 };
  const rp_model *model = rp_net_model(c->net);
  FREED_STATE *state = initial_state_of(c, 5);
  train_on(c, state);
  drop_some(c, state);
  train_on(c, state);
  FREED_BYTES *closed = closed_of(state);
  uint8_t labels[N];
  float *images = floats((size_t)(N * model->channels * model->height * model->width));
  rp_batches_fill(c->dataset, RP_TRAIN, NULL, 0, N, images, labels);
  rp_executor *executor;
  const float *logits, *maps;
  rp_error err = {0};
  assert_ok(rp_net_executor(c->net, N, RP_RUN_OBSERVE, &executor, &err), err);
  assert_ok(rp_executor_load(executor, state->parameters, closed, &err), err);
  assert_ok(rp_executor_forward(executor, images, &logits, &err), err);
  for (int f = 0; f < state->layout->n_filters; f++) {
    const int index = rp_conv_of_filter(state->layout, f);
    const rp_conv *conv = &state->layout->convs[index];
    assert_ok(rp_executor_maps(executor, index, &maps, &err), err);
    int n_nonzero = 0;
    const int size = conv->out_height * conv->out_width;
    for (int n = 0; n < N; n++)
      for (int i = 0; i < size; i++) n_nonzero += maps[(n * conv->K + f - conv->first_filter) * size + i] != 0;
    if (closed[f]) assert_int_equal(n_nonzero, 0);
    if (!closed[f] && f < 2) assert_true(n_nonzero > 0);
  }
  free(images);
}

#endif
