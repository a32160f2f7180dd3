/* test_train_graph.c: epochs of nets with BN, joins and what is drawn: what stays where it is, what moves, and that it moves alike. */
#include "core/loss/cross_entropy.h"
#include "core/ops/regrow.h"
#include "core/state/checkpoint.h"
#include "tests/datasets.h"
#include "tests/graphs.h"
#include "tests/training.h"

#include <unistd.h>

enum { SEED = 5, BATCH = 16, N_STEPS = 3 };
static const rp_train_options MOMENTUM = {
    .lr = 0.02, .optimizer = {.kind = RP_MOMENTUM, .momentum = 0.9, .weight_decay = 0.01}, .batch = BATCH};

static test_dataset data; /* large: not on the stack */

static rp_net *net_of_structure(int i) {
  test_model m;
  STRUCTURES[i].make(&m);
  resize_model(&m, TEST_SIZE, TEST_CLASSES);
  for (int l = 0; l < m.model.n_layers; l++) m.layers[l].init.kind = RP_INIT_HE;
  return net_of(&m);
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

static course course_of(int s, rp_net *net) {
  return (course){.name = STRUCTURES[s].name, .net = net, .dataset = &data.dataset, .options = MOMENTUM};
}

/* ---- Rules 8 to 10 --------------------------------------------------------------------------- */

/* Gradients, weight decay, momentum and step counts reach every parameter, and each batch moves running statistics; what is frozen keeps
 * its bits all the same. */
static void rule_10_what_is_frozen_keeps_every_bit_in_each_structure_under_each_optimizer(void **unused) {
  (void)unused;
  make_dataset(&data, BATCH * N_STEPS, 0, 0);
  for (int s = 0; s < N_STRUCTURES; s++) {
    FREED_NET *net = net_of_structure(s);
    for (int o = 0; o < RP_N_OPTIMIZERS; o++) {
      course c = course_of(s, net);
      c.options.optimizer = OPTIMIZERS[o];
      frozen_counts counts = assert_frozen_values_keep_their_bits(&c);
      assert_each_kind_was_frozen(&c, &counts);
      if (counts.n_still > 0) fail_msg("%s: of %d values that are free %d stood still", c.name, counts.n_free, counts.n_still);
    }
  }
}

static void rule_8_what_is_frozen_does_not_reach_the_loss_of_any_structure(void **unused) {
  (void)unused;
  make_dataset(&data, BATCH * N_STEPS, 0, 0);
  for (int s = 0; s < N_STRUCTURES; s++) {
    FREED_NET *net = net_of_structure(s);
    course c = course_of(s, net);
    assert_frozen_values_do_not_reach_the_loss(&c);
  }
}

static void rule_8_maps_of_dropped_filters_are_exactly_zero_in_each_structure(void **unused) {
  (void)unused;
  make_dataset(&data, BATCH * N_STEPS, 0, 0);
  for (int s = 0; s < N_STRUCTURES; s++) {
    FREED_NET *net = net_of_structure(s);
    course c = course_of(s, net);
    assert_dropped_maps_are_zero(&c);
  }
}

/* ---- Rule 18 --------------------------------------------------------------------------------- */

/* Marks what regrown filters own: their rows of a conv's weights, biases, channels of a BN of their own. [n_parameters] */
static uint8_t *owned_by_dropped(const rp_state *state) {
  const rp_layout *layout = state->layout;
  uint8_t *owned = calloc(layout->n_parameters, 1);
  assert_non_null(owned);
  for (int f = 0; f < layout->n_filters; f++) {
    const rp_conv *conv = &layout->convs[rp_conv_of_filter(layout, f)];
    const int tensors[] = {conv->weight, conv->bias, conv->bn, conv->bn + 1, conv->bn + 2, conv->bn + 3};
    for (int i = 0; i < 6 && state->filters[f].dropped; i++) {
      if (tensors[i] < 0 || (i >= 2 && conv->bn == 0)) continue;
      const rp_tensor *tensor = &layout->tensors[tensors[i]];
      const size_t row = (size_t)tensor->C * (size_t)tensor->E;
      memset(owned + tensor->offset + (size_t)(f - conv->first_filter) * row, 1, row);
    }
  }
  return owned;
}

/* What a regrow did to one value that is trained: a filter's state is new, so is a reader's unless it is kept; all else is as it was. */
static int is_regrown_right(const rp_state *state, const rp_state *before, size_t i, size_t unit, int is_owned, int is_reader) {
  int n_zero = 0, n_same = 0;
  for (int s = 0; s < state->n_slots; s++) {
    n_zero += state->slots[s][i] == 0;
    n_same += has_same_bits(state->slots[s], before->slots[s], i);
  }
  const int is_same = has_same_bits(state->parameters, before->parameters, i);
  if (is_owned || is_reader) return n_zero == state->n_slots && state->steps[unit] == 0 && (is_owned || !is_same);
  return n_same == state->n_slots && state->steps[unit] == before->steps[unit] && is_same;
}

static void check_regrow(const course *c, rp_regrow_readers readers) {
  FREED_STATE *state = initial_state_of(c, SEED);
  train_on(c, state);
  drop_some(c, state);
  train_on(c, state);
  FREED_STATE *before = copy_of(state);
  FREED_BYTES *frozen = frozen_parameters(c->net, state), *owned = owned_by_dropped(state);
  const rp_regrow_options how = {.mode = RP_REGROW_RANDOM, .readers = readers};
  rp_regrow_record record;
  rp_error err = {0};
  assert_ok(rp_regrow_filters(c->net, state, &how, &record, &err), err);
  int n_readers = 0;
  for (int t = 0; t < state->layout->n_tensors; t++) {
    const rp_tensor *tensor = &state->layout->tensors[t];
    for (size_t i = tensor->offset; i < tensor->offset + size_of_tensor(tensor); i++) {
      const size_t unit = tensor->first_unit + (i - tensor->offset) / (size_t)tensor->E;
      const int is_reader = frozen[i] && !owned[i];
      n_readers += is_reader;
      if (!rp_tensor_is_trained(tensor->kind)) {
        if (frozen[i]) assert_true(state->parameters[i] == (tensor->kind == RP_BN_VARIANCE ? 1 : 0));
        if (!frozen[i]) assert_true(has_same_bits(state->parameters, before->parameters, i));
      } else if (!is_regrown_right(state, before, i, unit, owned[i], is_reader && readers != RP_READERS_KEEP)) {
        fail_msg("%s, %s: %s of %s, value %zu: its optimizer state is not right", c->name, rp_optimizer_name(c->options.optimizer.kind),
                 rp_tensor_name(tensor->kind), rp_net_model(c->net)->layers[tensor->layer].name, i - tensor->offset);
      }
    }
  }
  assert_true(n_readers > 0);
}

static void rule_18_a_regrow_renews_filters_and_readers_in_each_structure_under_each_optimizer(void **unused) {
  (void)unused;
  make_dataset(&data, BATCH * N_STEPS, 0, 0);
  for (int s = 0; s < N_STRUCTURES; s++) {
    FREED_NET *net = net_of_structure(s);
    for (int o = 0; o < RP_N_OPTIMIZERS; o++) {
      course c = course_of(s, net);
      c.options.optimizer = OPTIMIZERS[o];
      for (rp_regrow_readers readers = 0; readers < RP_N_REGROW_READERS; readers++) check_regrow(&c, readers);
    }
  }
}

/* ---- Bits ------------------------------------------------------------------------------------ */

/* Two epochs of three steps, in another net, from a copy and from a checkpoint. */
static void epochs_of_each_structure_reproduce_bit_for_bit_also_from_a_checkpoint(void **unused) {
  (void)unused;
  make_dataset(&data, BATCH * N_STEPS, 0, 0);
  char path[] = "/tmp/test_train_graph.XXXXXX";
  int file = mkstemp(path);
  assert_true(file >= 0 && close(file) == 0);
  for (int s = 0; s < N_STRUCTURES; s++) {
    FREED_NET *net = net_of_structure(s), *other_net = net_of_structure(s);
    FREED_STATE *a = initial_state(net, &MOMENTUM), *b = initial_state(other_net, &MOMENTUM), *resumed = NULL;
    rp_id initial = digest_of(a);
    rp_error err = {0};
    size_t size;
    train(net, a, &MOMENTUM);
    assert_ok(rp_checkpoint_write(a, path, &size, &err), err);
    assert_ok(rp_checkpoint_read(path, rp_net_layout(other_net), &resumed, &err), err);
    assert_true(rp_id_equal(digest_of(a), digest_of(resumed)));
    train(net, a, &MOMENTUM);
    train(other_net, b, &MOMENTUM);
    train(other_net, b, &MOMENTUM);
    train(other_net, resumed, &MOMENTUM);
    assert_true(rp_id_equal(digest_of(a), digest_of(b)));
    assert_true(rp_id_equal(digest_of(a), digest_of(resumed)));
    assert_false(rp_id_equal(digest_of(a), initial));
  }
  assert_int_equal(unlink(path), 0);
}

static void rule_26_the_digest_covers_every_running_statistic(void **unused) {
  (void)unused;
  make_dataset(&data, BATCH * N_STEPS, 0, 0);
  FREED_NET *net = net_of_structure(0);
  FREED_STATE *state = initial_state(net, &MOMENTUM);
  rp_id before = digest_of(state);
  int n_statistics = 0;
  for (int t = 0; t < state->layout->n_tensors; t++) {
    const rp_tensor *tensor = &state->layout->tensors[t];
    for (size_t i = 0; i < size_of_tensor(tensor) && !rp_tensor_is_trained(tensor->kind); i++, n_statistics++) {
      float *value = &state->parameters[tensor->offset + i], kept = *value;
      *value = nextafterf(kept, 2);
      assert_false(rp_id_equal(digest_of(state), before));
      *value = kept;
    }
  }
  assert_int_equal(n_statistics, 2 * (5 + 18 + 7));
  assert_true(rp_id_equal(digest_of(state), before));
}

/* ---- What a step is -------------------------------------------------------------------------- */

/* lr 0 and one batch: nothing moves but the statistics, to where the reference has them; the loss is that of its training mode, and then
 * evaluation's is that of its other mode. */
static void a_step_moves_running_statistics_by_its_batch_and_evaluation_uses_them(void **unused) {
  (void)unused;
  make_dataset(&data, BATCH, 0, 0);
  rp_train_options options = MOMENTUM;
  options.lr = 0;
  for (int s = 0; s < N_STRUCTURES; s++) {
    FREED_NET *net = net_of_structure(s);
    FREED_STATE *state = initial_state(net, &options);
    uint32_t order[BATCH];
    uint8_t labels[BATCH];
    float images[BATCH * TEST_PIXELS];
    rp_batches_order(&data.dataset, SEED, 1, order);
    rp_batches_fill(&data.dataset, RP_TRAIN, order, 0, BATCH, images, labels);
    reference *r = reference_create(net, BATCH, state->parameters, NULL, images);
    r->place = (rp_draw_place){.seed = SEED, .epoch = 1};
    double losses[2] = {0};
    for (int mode = 0; mode < 2; mode++) {
      r->is_training = mode == 0;
      losses[mode] = mean_loss(reference_forward(r), labels, BATCH, TEST_CLASSES);
    }
    rp_train_record record = train(net, state, &options);
    assert_near(record.train_loss, losses[0], 1e-5);
    for (size_t i = 0; i < state->layout->n_parameters; i++) assert_near(state->parameters[i], r->parameters[i], 1e-6);
    rp_evaluation evaluation;
    rp_error err = {0};
    assert_ok(rp_evaluate(net, state->parameters, NULL, &data.dataset, RP_TRAIN, NULL, 0, NULL, &evaluation, &err), err);
    assert_near(evaluation.loss, losses[1], 1e-5);
    reference_free(r);
  }
}

/* 40 images in batches of 20, which sub-batches of 8 do not divide: draws go by an image's place in the epoch. */
static void draws_go_by_an_images_place_in_the_epoch(void **unused) {
  (void)unused;
  make_dataset(&data, 40, 0, 0);
  test_model m;
  begin_model(&m, TEST_CHANNELS, TEST_SIZE, TEST_SIZE, TEST_CLASSES);
  add_conv(&m, 5, 3, 2)->init.kind = RP_INIT_HE;
  dropout_on(&m, RP_DROP_PATH, dropout_on(&m, RP_DROPOUT, last_of(&m), 0.5), 0.2);
  add_fc(&m, TEST_CLASSES)->init.kind = RP_INIT_HE;
  FREED_NET *net = net_of(&m);
  rp_train_options options = {.lr = 0, .optimizer = {.kind = RP_SGD}, .batch = 20};
  FREED_STATE *state = initial_state(net, &options);
  assert_true(20 % rp_net_sub_batch(net, 20) != 0);
  state->epoch = 6;
  uint32_t order[40];
  uint8_t labels[40];
  float images[40 * TEST_PIXELS];
  rp_batches_order(&data.dataset, SEED, 7, order);
  rp_batches_fill(&data.dataset, RP_TRAIN, order, 0, 40, images, labels);
  reference *r = reference_create(net, 40, state->parameters, NULL, images);
  r->is_training = 1;
  r->place = (rp_draw_place){.seed = SEED, .epoch = 7};
  double loss = mean_loss(reference_forward(r), labels, 40, TEST_CLASSES);
  assert_near(train(net, state, &options).train_loss, loss, 1e-6);
  reference_free(r);
}

/* With lr 1 the step is the gradient, of statistics and loss over all 24 images. */
static void with_bn_a_step_follows_the_gradient_of_the_whole_batch(void **unused) {
  (void)unused;
  make_dataset(&data, 24, 0, 0);
  rp_train_options options = {.lr = 1, .optimizer = {.kind = RP_SGD}, .batch = 24};
  FREED_NET *net = net_of_structure(1);
  FREED_STATE *state = initial_state(net, &options), *before = copy_of(state);
  uint32_t order[24];
  uint8_t labels[24];
  float images[24 * TEST_PIXELS], logits[24 * TEST_CLASSES], logit_gradients[24 * TEST_CLASSES];
  rp_batches_order(&data.dataset, SEED, 1, order);
  rp_batches_fill(&data.dataset, RP_TRAIN, order, 0, 24, images, labels);
  reference *r = reference_create(net, 24, state->parameters, NULL, images);
  r->is_training = 1;
  const double *z = reference_forward(r);
  uint64_t correct = 0;
  for (int i = 0; i < 24 * TEST_CLASSES; i++) logits[i] = (float)z[i];
  rp_cross_entropy(logits, labels, 24, TEST_CLASSES, 1.0 / 24, NULL, logit_gradients, &correct);
  reference_backward(r, logit_gradients);
  train(net, state, &options);
  for (int t = 0; t < state->layout->n_tensors; t++) {
    const rp_tensor *tensor = &state->layout->tensors[t];
    for (size_t i = tensor->offset; i < tensor->offset + size_of_tensor(tensor) && rp_tensor_is_trained(tensor->kind); i++)
      assert_near((double)before->parameters[i] - (double)state->parameters[i], r->parameter_gradients[i], 2e-6);
  }
  reference_free(r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rule_10_what_is_frozen_keeps_every_bit_in_each_structure_under_each_optimizer),
      cmocka_unit_test(rule_8_what_is_frozen_does_not_reach_the_loss_of_any_structure),
      cmocka_unit_test(rule_8_maps_of_dropped_filters_are_exactly_zero_in_each_structure),
      cmocka_unit_test(rule_18_a_regrow_renews_filters_and_readers_in_each_structure_under_each_optimizer),
      cmocka_unit_test(epochs_of_each_structure_reproduce_bit_for_bit_also_from_a_checkpoint),
      cmocka_unit_test(rule_26_the_digest_covers_every_running_statistic),
      cmocka_unit_test(a_step_moves_running_statistics_by_its_batch_and_evaluation_uses_them),
      cmocka_unit_test(draws_go_by_an_images_place_in_the_epoch),
      cmocka_unit_test(with_bn_a_step_follows_the_gradient_of_the_whole_batch),
  };
  return cmocka_run_group_tests_name("train graph", tests, NULL, NULL);
}
