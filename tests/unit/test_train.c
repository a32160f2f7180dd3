/* test_train.c: an epoch as an op: what it depends on, what a step is, and what stays where it is. */
#include "core/data/batches.h"
#include "core/ops/drop.h"
#include "core/ops/train.h"
#include "core/probes/evaluate.h"
#include "tests/datasets.h"
#include "tests/layouts.h"
#include "tests/nets.h"

#define FREED_NET                                                                                                                          \
  RP_CLEANUP(rp_net_free)                                                                                                                  \
  rp_net
#define FREED_STATE                                                                                                                        \
  RP_CLEANUP(rp_state_free)                                                                                                                \
  rp_state

enum { SEED = 5 };
static const rp_train_options MOMENTUM = {
    .lr = 0.02, .optimizer = {.kind = RP_MOMENTUM, .momentum = 0.9, .weight_decay = 0.01}, .batch = 16};
static const rp_train_options SGD = {.lr = 0.05, .optimizer = {.kind = RP_SGD}, .batch = 16};

static test_dataset data; /* large: not on the stack */

static rp_net *small_net(void) {
  return make_net(&(test_net){.channels = TEST_CHANNELS,
                              .size = TEST_SIZE,
                              .n_convs = 2,
                              .K = {6, 8},
                              .kernel = {3, 3},
                              .is_pooled = 1,
                              .n_classes = TEST_CLASSES});
}

static rp_state *initial_state(const rp_net *net, const rp_train_options *options) {
  rp_state *state;
  rp_error err = {0};
  assert_ok(rp_state_initial(net, rp_optimizer_slots(options->optimizer.kind), SEED, &state, &err), err);
  return state;
}

static rp_train_record train(rp_net *net, rp_state *state, const rp_train_options *options) {
  rp_train_record record;
  rp_error err = {0};
  assert_ok(rp_train_epoch(net, state, &data.dataset, options, NULL, NULL, &record, &err), err);
  return record;
}

static double training_loss(rp_net *net, const rp_state *state) {
  rp_evaluation evaluation;
  rp_error err = {0};
  assert_ok(rp_evaluate(net, state->parameters, NULL, &data.dataset, RP_TRAIN, NULL, 0, NULL, &evaluation, &err), err);
  return evaluation.loss;
}

static void drop(rp_state *state, const int *filters, int n, int gate) {
  uint8_t set[14] = {0};
  for (int i = 0; i < n; i++) set[filters[i]] = 1;
  rp_error err = {0};
  assert_ok(rp_drop_filters(state, set, gate, &err), err);
}

/* The parameters after the first step of an epoch, which is stopped there. */
static int stop_after_a_batch(void *user, uint32_t done, uint32_t total) {
  (void)user, (void)total;
  return done == 16;
}

/* ---- What an epoch depends on ---------------------------------------------------------------- */

static void epochs_reproduce_bit_for_bit_in_another_net_and_from_a_copy(void **unused) {
  (void)unused;
  make_dataset(&data, 100, 0, 0);
  FREED_NET *net = small_net(), *other_net = small_net();
  FREED_STATE *a = initial_state(net, &MOMENTUM), *b = initial_state(other_net, &MOMENTUM);
  train(net, a, &MOMENTUM);
  FREED_STATE *resumed = copy_of(a);
  train(net, a, &MOMENTUM);
  train(other_net, b, &MOMENTUM);
  train(other_net, b, &MOMENTUM);
  train(net, resumed, &MOMENTUM);
  assert_true(rp_id_equal(digest_of(a), digest_of(b)));
  assert_true(rp_id_equal(digest_of(a), digest_of(resumed)));
}

static void the_loss_falls_and_the_images_are_learnt(void **unused) {
  (void)unused;
  make_dataset(&data, 160, 0, 0);
  FREED_NET *net = small_net();
  FREED_STATE *state = initial_state(net, &MOMENTUM);
  rp_train_record first = train(net, state, &MOMENTUM), last = first;
  for (int i = 0; i < 19; i++) last = train(net, state, &MOMENTUM);
  assert_below(last.train_loss, first.train_loss / 2);
  assert_above(last.train_acc, 0.9);
}

static void rule_3_the_order_depends_on_seed_and_epoch(void **unused) {
  (void)unused;
  make_dataset(&data, 64, 0, 0);
  FREED_NET *net = small_net();
  FREED_STATE *start = initial_state(net, &SGD), *same = copy_of(start), *other_seed = copy_of(start), *other_epoch = copy_of(start);
  other_seed->seed++;
  other_epoch->epoch = 7;
  train(net, start, &SGD);
  train(net, same, &SGD);
  train(net, other_seed, &SGD);
  train(net, other_epoch, &SGD);
  size_t bytes = start->layout->n_parameters * sizeof(float);
  assert_memory_equal(start->parameters, same->parameters, bytes);
  assert_memory_not_equal(start->parameters, other_seed->parameters, bytes);
  assert_memory_not_equal(start->parameters, other_epoch->parameters, bytes);
}

/* lr, 0, 0, 0 moves as far as the first step does; a schedule that is 0 from its time 2 on leaves an epoch from there where it was. */
static void rule_3_each_step_has_its_own_lr(void **unused) {
  (void)unused;
  make_dataset(&data, 64, 0, 0);
  FREED_NET *net = small_net();
  rp_train_options options = SGD;
  options.within = (rp_schedule){.kind = RP_STAIRCASE, .lr = SGD.lr, .factor = 0, .every = 2};
  FREED_STATE *start = initial_state(net, &SGD), *once = copy_of(start), *from_1 = copy_of(start), *from_2 = copy_of(start);
  rp_train_record record;
  rp_error err = {0};
  assert_fails(rp_train_epoch(net, once, &data.dataset, &SGD, stop_after_a_batch, NULL, &record, &err), RP_EINTERRUPTED, err, "16 images");
  options.first = 1;
  train(net, from_1, &options);
  options.first = 2;
  options.lr = 0;
  train(net, from_2, &options);
  size_t bytes = start->layout->n_parameters * sizeof(float);
  assert_memory_not_equal(once->parameters, start->parameters, bytes);
  assert_memory_equal(from_1->parameters, once->parameters, bytes);
  assert_memory_equal(from_2->parameters, start->parameters, bytes);
  assert_int_equal(from_1->step, 4);
}

static void a_loss_that_is_not_finite_names_the_steps_own_lr(void **unused) {
  (void)unused;
  make_dataset(&data, 64, 0, 0);
  FREED_NET *net = small_net();
  rp_train_options options = SGD;
  options.within = (rp_schedule){.kind = RP_CYCLICAL, .low = 1e30, .high = 3e30, .half_period = 1};
  FREED_STATE *state = initial_state(net, &SGD);
  rp_train_record record;
  rp_error err = {0};
  assert_fails(rp_train_epoch(net, state, &data.dataset, &options, NULL, NULL, &record, &err), RP_ENUMERIC, err,
               "epoch 1, step 2, lr 3e+30: ");
}

static void the_steps_of_an_epoch_are_whole_batches_and_perhaps_a_rest(void **unused) {
  (void)unused;
  rp_train_options drop_rest = {.batch = 16}, keep_rest = {.batch = 16, .keep_last_batch = 1};
  assert_int_equal(rp_train_steps(&drop_rest, 70), 4);
  assert_int_equal(rp_train_steps(&keep_rest, 70), 5);
  assert_int_equal(rp_train_steps(&keep_rest, 64), 4);
  assert_int_equal(rp_train_steps(&drop_rest, 15), 0);
}

static void rule_1_epochs_count_from_1_and_steps_count_on(void **unused) {
  (void)unused;
  make_dataset(&data, 64, 0, 0);
  FREED_NET *net = small_net();
  FREED_STATE *state = initial_state(net, &SGD);
  for (uint32_t epoch = 1; epoch <= 3; epoch++) {
    train(net, state, &SGD);
    assert_int_equal(state->epoch, epoch);
    assert_int_equal(state->step, 4 * epoch);
    assert_int_equal(state->cycle, 0);
  }
}

static void rule_3_the_partial_last_batch_is_dropped_or_kept(void **unused) {
  (void)unused;
  make_dataset(&data, 70, 0, 0); /* four batches of 16 and one of 6 */
  FREED_NET *net = small_net();
  rp_train_options keep = SGD;
  keep.keep_last_batch = 1;
  FREED_STATE *dropped = initial_state(net, &SGD), *kept = copy_of(dropped);
  rp_train_record record = train(net, dropped, &SGD);
  assert_int_equal(record.n_steps, 4);
  assert_int_equal(record.n_images, 64);
  assert_int_equal(dropped->step, 4);
  record = train(net, kept, &keep);
  assert_int_equal(record.n_steps, 5);
  assert_int_equal(record.n_images, 70);
  assert_int_equal(kept->step, 5);
}

static void rule_3_an_epoch_without_a_whole_batch_is_an_error_that_says_what_to_do(void **unused) {
  (void)unused;
  make_dataset(&data, 10, 0, 0);
  FREED_NET *net = small_net();
  FREED_STATE *state = initial_state(net, &SGD);
  rp_train_record record;
  rp_error err = {0};
  assert_fails(rp_train_epoch(net, state, &data.dataset, &SGD, NULL, NULL, &record, &err), RP_EINPUT, err, "train.last_batch: keep");
  rp_train_options keep = SGD;
  keep.keep_last_batch = 1;
  assert_int_equal(train(net, state, &keep).n_steps, 1);
}

/* ---- What a step is -------------------------------------------------------------------------- */

/* One step on 13 images (sub-batches of unequal size): the change of each parameter is −lr times the slope of the mean loss, which
 * evaluation measures by differences; ReLUs and pools make single slopes uneven, so some may be off. */
static void a_step_follows_the_slope_of_the_batch_mean_loss(void **unused) {
  (void)unused;
  make_dataset(&data, 13, 0, 0);
  FREED_NET *net = small_net();
  rp_train_options options = {.lr = 1, .optimizer = {.kind = RP_SGD}, .batch = 13};
  FREED_STATE *state = initial_state(net, &options), *before = copy_of(state);
  rp_train_record record = train(net, state, &options);
  assert_near(record.train_loss, training_loss(net, before), 1e-6);
  int n_checked = 0, n_off = 0;
  for (size_t i = 0; i < state->layout->n_parameters; i += 7, n_checked++) {
    const float kept = before->parameters[i], h = 1e-4f;
    before->parameters[i] = kept + h;
    double above = training_loss(net, before), up = before->parameters[i];
    before->parameters[i] = kept - h;
    double below = training_loss(net, before), down = before->parameters[i];
    before->parameters[i] = kept;
    double slope = (above - below) / (up - down), change = (double)kept - state->parameters[i];
    n_off += !(fabs(change - slope) <= 2e-3 + 0.02 * fabs(slope));
  }
  assert_true(n_checked > 80);
  assert_true(n_off <= n_checked / 50);
}

/* With lr 0 the network stays as it is, so the running mean is that of evaluation. */
static void rule_20_train_loss_and_accuracy_are_means_over_the_images_that_were_seen(void **unused) {
  (void)unused;
  make_dataset(&data, 70, 0, 0);
  FREED_NET *net = small_net();
  rp_train_options options = SGD;
  FREED_STATE *state = initial_state(net, &SGD);
  train(net, state, &SGD);
  options.lr = 0;
  drop(state, (int[]){1, 9}, 2, 1);
  uint32_t order[70];
  rp_batches_order(&data.dataset, SEED, 2, order);
  uint8_t closed[14];
  rp_state_closed(state, closed);
  rp_evaluation expected;
  rp_error err = {0};
  assert_ok(rp_evaluate(net, state->parameters, closed, &data.dataset, RP_TRAIN, order, 64, NULL, &expected, &err), err);
  rp_train_record record = train(net, state, &options);
  assert_near(record.train_loss, expected.loss, 1e-6);
  assert_near(record.train_acc, expected.accuracy, 1e-12);
}

static void a_loss_that_is_not_finite_names_epoch_step_and_lr(void **unused) {
  (void)unused;
  make_dataset(&data, 64, 0, 0);
  FREED_NET *net = small_net();
  rp_train_options options = SGD;
  options.lr = 1e30;
  FREED_STATE *state = initial_state(net, &SGD);
  state->epoch = 4, state->step = 20;
  rp_train_record record;
  rp_error err = {0};
  assert_fails(rp_train_epoch(net, state, &data.dataset, &options, NULL, NULL, &record, &err), RP_ENUMERIC, err,
               "epoch 5, step 22, lr 1e+30: ");
}

/* A weight is lost in the first step, which the second one finds; or in the last one, after which an evaluation would. */
static void weights_that_are_not_finite_name_epoch_step_and_lr(void **unused) {
  (void)unused;
  FREED_NET *net = small_net();
  rp_train_options options = SGD;
  options.lr = 1e30, options.optimizer.weight_decay = 1e30;
  rp_train_record record;
  rp_error err = {0};
  for (uint32_t n_steps = 1; n_steps <= 2; n_steps++) {
    make_dataset(&data, n_steps * (uint32_t)options.batch, 0, 0);
    FREED_STATE *state = initial_state(net, &SGD);
    state->epoch = 4, state->step = 20;
    assert_fails(rp_train_epoch(net, state, &data.dataset, &options, NULL, NULL, &record, &err), RP_ENUMERIC, err,
                 n_steps == 1 ? "epoch 5, step 21, lr 1e+30: conv1: a weight became NaN or infinite"
                              : "epoch 5, step 22, lr 1e+30: conv1: a weight is NaN or infinite");
  }
}

static void a_state_of_another_optimizer_is_refused(void **unused) {
  (void)unused;
  make_dataset(&data, 64, 0, 0);
  FREED_NET *net = small_net();
  FREED_STATE *state = initial_state(net, &SGD);
  rp_train_record record;
  rp_error err = {0};
  assert_fails(rp_train_epoch(net, state, &data.dataset, &MOMENTUM, NULL, NULL, &record, &err), RP_EINPUT, err, "momentum");
}

/* ---- Interruption ---------------------------------------------------------------------------- */

typedef struct {
  uint32_t n_calls, last_done, total, stop_at;
} ticks;

static int count_tick(void *user, uint32_t done, uint32_t total) {
  ticks *t = user;
  t->n_calls++;
  t->last_done = done;
  t->total = total;
  return done == t->stop_at;
}

static void ticks_report_images_and_can_stop_an_epoch(void **unused) {
  (void)unused;
  make_dataset(&data, 70, 0, 0);
  FREED_NET *net = small_net();
  FREED_STATE *state = initial_state(net, &SGD);
  rp_train_record record;
  rp_error err = {0};
  ticks t = {.stop_at = 999};
  assert_ok(rp_train_epoch(net, state, &data.dataset, &SGD, count_tick, &t, &record, &err), err);
  assert_int_equal(t.n_calls, 4);
  assert_int_equal(t.last_done, 48);
  assert_int_equal(t.total, 64);
  t = (ticks){.stop_at = 32};
  assert_fails(rp_train_epoch(net, state, &data.dataset, &SGD, count_tick, &t, &record, &err), RP_EINTERRUPTED, err, "epoch 2");
  assert_int_equal(t.n_calls, 3);
}

/* ---- Rule 10 --------------------------------------------------------------------------------- */

/* Layout: conv1 6×3×9 at 0, its bias at 162; conv2 8×6×9 at 168, its bias at 600; fc 5×8×4 at 608, its bias at 768. Units likewise at 0,
 * 18, 24, 72, 80, 120. Dropped: filter 2 of conv1 and filter 3 of conv2 (9 in all). */
static const int DROPPED[] = {2, 9};

static int is_frozen(size_t i) {
  if (i < 162) return i / 27 == 2;
  if (i < 168) return i - 162 == 2;
  if (i < 600) return (i - 168) / 54 == 3 || (i - 168) % 54 / 9 == 2;
  if (i < 608) return i - 600 == 3;
  return i < 768 && (i - 608) % 32 / 4 == 3;
}

static int is_frozen_unit(size_t u) {
  if (u < 18) return u / 3 == 2;
  if (u < 24) return u - 18 == 2;
  if (u < 72) return (u - 24) / 6 == 3 || (u - 24) % 6 == 2;
  if (u < 80) return u - 72 == 3;
  return u < 120 && (u - 80) % 8 == 3;
}

/* Momentum and weight decay reach every parameter; a dropped filter and its readers' slices must not move by one bit all the same. */
static void rule_10_dropped_filters_and_their_readers_slices_keep_every_bit_through_the_sub_network_phase(void **unused) {
  (void)unused;
  make_dataset(&data, 100, 0, 0);
  FREED_NET *net = small_net();
  FREED_STATE *state = initial_state(net, &MOMENTUM);
  train(net, state, &MOMENTUM);
  drop(state, DROPPED, 2, 1);
  FREED_STATE *before = copy_of(state);
  train(net, state, &MOMENTUM);
  train(net, state, &MOMENTUM);
  size_t n_moved = 0, n_free = 0;
  for (size_t i = 0; i < state->layout->n_parameters; i++) {
    int is_same = memcmp(&state->parameters[i], &before->parameters[i], sizeof(float)) == 0;
    int is_same_slot = memcmp(&state->slots[0][i], &before->slots[0][i], sizeof(float)) == 0;
    if (is_frozen(i))
      assert_true(is_same && is_same_slot && before->slots[0][i] != 0);
    else
      n_free++, n_moved += !is_same && !is_same_slot;
  }
  assert_int_equal(n_moved, n_free);
  for (size_t u = 0; u < state->layout->n_units; u++) assert_int_equal(state->steps[u], before->steps[u] + (is_frozen_unit(u) ? 0 : 12));
  assert_memory_equal(state->at_drop, before->at_drop, state->layout->n_parameters * sizeof(float));
  assert_memory_equal(state->filters, before->filters, 14 * sizeof *state->filters);
}

/* The biases of both dropped filters would show through any ReLU; their maps at the gate are 0 all the same. */
static void rule_8_a_dropped_filters_map_is_exactly_zero(void **unused) {
  (void)unused;
  make_dataset(&data, 64, 0, 0);
  FREED_NET *net = small_net();
  FREED_STATE *state = initial_state(net, &SGD);
  for (int i = 0; i < 2; i++) {
    size_t offsets[RP_FILTER_RANGES], counts[RP_FILTER_RANGES];
    assert_int_equal(rp_state_filter_ranges(state->layout, DROPPED[i], offsets, counts), 2);
    state->parameters[offsets[1]] = 5;
  }
  drop(state, DROPPED, 2, 1);
  train(net, state, &SGD);
  uint8_t closed[14], labels[4];
  rp_state_closed(state, closed);
  float images[4 * TEST_PIXELS], logit_gradients[4 * TEST_CLASSES];
  rp_batches_fill(&data.dataset, RP_TRAIN, NULL, 0, 4, images, labels);
  for (int i = 0; i < 4 * TEST_CLASSES; i++) logit_gradients[i] = (float)(i % 3 - 1);
  rp_executor *executor;
  const float *logits;
  rp_error err = {0};
  assert_ok(rp_net_executor(net, 4, RP_RUN_OBSERVE, &executor, &err), err);
  assert_ok(rp_executor_load(executor, state->parameters, closed, &err), err);
  assert_ok(rp_executor_forward(executor, images, &logits, &err), err);
  assert_ok(rp_executor_backward(executor, logit_gradients, &err), err);
  for (int i = 0; i < 2; i++) {
    const rp_conv *conv = &state->layout->convs[i];
    size_t size = (size_t)(conv->out_height * conv->out_width);
    const float *maps;
    assert_ok(rp_executor_maps(executor, i, &maps, &err), err);
    int n_nonzero = 0;
    for (size_t n = 0; n < 4; n++)
      for (size_t k = 0; k < (size_t)conv->K; k++)
        for (size_t p = 0; p < size; p++) {
          float value = maps[(n * (size_t)conv->K + k) * size + p];
          if (closed[(size_t)conv->first_filter + k])
            assert_true(value == 0);
          else
            n_nonzero += value != 0;
        }
    assert_true(n_nonzero > 0);
  }
}

/* A dropped filter's values cannot reach the network's output: with any other values in it the loss is the same to the last bit. */
static void rule_8_a_dropped_filters_values_do_not_reach_the_loss(void **unused) {
  (void)unused;
  make_dataset(&data, 64, 0, 0);
  FREED_NET *net = small_net();
  FREED_STATE *state = initial_state(net, &SGD);
  drop(state, DROPPED, 2, 1);
  FREED_STATE *wild = copy_of(state);
  for (size_t i = 0; i < state->layout->n_parameters; i++)
    if (is_frozen(i)) wild->parameters[i] = 100 - (float)(i % 7);
  rp_train_record a = train(net, state, &SGD), b = train(net, wild, &SGD);
  assert_true(a.train_loss == b.train_loss);
  for (size_t i = 0; i < state->layout->n_parameters; i++)
    if (!is_frozen(i)) assert_true(state->parameters[i] == wild->parameters[i]);
}

static void rule_25_with_the_gate_off_marked_filters_train_like_the_others(void **unused) {
  (void)unused;
  make_dataset(&data, 64, 0, 0);
  FREED_NET *net = small_net();
  FREED_STATE *state = initial_state(net, &MOMENTUM);
  train(net, state, &MOMENTUM);
  FREED_STATE *unmarked = copy_of(state);
  drop(state, DROPPED, 2, 0);
  FREED_STATE *before = copy_of(state);
  train(net, state, &MOMENTUM);
  train(net, unmarked, &MOMENTUM);
  size_t bytes = state->layout->n_parameters * sizeof(float);
  assert_memory_equal(state->parameters, unmarked->parameters, bytes);
  assert_memory_not_equal(state->parameters + 54, before->parameters + 54, 27 * sizeof(float));
  assert_memory_equal(state->at_drop, before->at_drop, bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(epochs_reproduce_bit_for_bit_in_another_net_and_from_a_copy),
      cmocka_unit_test(the_loss_falls_and_the_images_are_learnt),
      cmocka_unit_test(rule_3_the_order_depends_on_seed_and_epoch),
      cmocka_unit_test(rule_3_each_step_has_its_own_lr),
      cmocka_unit_test(a_loss_that_is_not_finite_names_the_steps_own_lr),
      cmocka_unit_test(the_steps_of_an_epoch_are_whole_batches_and_perhaps_a_rest),
      cmocka_unit_test(rule_1_epochs_count_from_1_and_steps_count_on),
      cmocka_unit_test(rule_3_the_partial_last_batch_is_dropped_or_kept),
      cmocka_unit_test(rule_3_an_epoch_without_a_whole_batch_is_an_error_that_says_what_to_do),
      cmocka_unit_test(a_step_follows_the_slope_of_the_batch_mean_loss),
      cmocka_unit_test(rule_20_train_loss_and_accuracy_are_means_over_the_images_that_were_seen),
      cmocka_unit_test(a_loss_that_is_not_finite_names_epoch_step_and_lr),
      cmocka_unit_test(weights_that_are_not_finite_name_epoch_step_and_lr),
      cmocka_unit_test(a_state_of_another_optimizer_is_refused),
      cmocka_unit_test(ticks_report_images_and_can_stop_an_epoch),
      cmocka_unit_test(rule_10_dropped_filters_and_their_readers_slices_keep_every_bit_through_the_sub_network_phase),
      cmocka_unit_test(rule_8_a_dropped_filters_map_is_exactly_zero),
      cmocka_unit_test(rule_8_a_dropped_filters_values_do_not_reach_the_loss),
      cmocka_unit_test(rule_25_with_the_gate_off_marked_filters_train_like_the_others),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
