/* test_evaluate.c: loss and accuracy against a plain count from logits, image by image. */
#include "core/probes/evaluate.h"
#include "core/data/batches.h"
#include "core/ops/drop.h"
#include "tests/datasets.h"
#include "tests/layouts.h"
#include "tests/nets.h"

#define FREED_NET                                                                                                                          \
  RP_CLEANUP(rp_net_free)                                                                                                                  \
  rp_net
#define FREED_STATE                                                                                                                        \
  RP_CLEANUP(rp_state_free)                                                                                                                \
  rp_state

static test_dataset data;

static rp_net *small_net(void) {
  return make_net(&(test_net){.channels = TEST_CHANNELS,
                              .size = TEST_SIZE,
                              .n_convs = 2,
                              .K = {6, 8},
                              .kernel = {3, 3},
                              .is_pooled = 1,
                              .n_classes = TEST_CLASSES});
}

static rp_state *initial_state(const rp_net *net) {
  rp_state *state;
  rp_error err = {0};
  assert_ok(rp_state_initial(net, 0, 3, &state, &err), err);
  return state;
}

static rp_evaluation evaluate(rp_net *net, const rp_state *state, const uint8_t *closed, rp_part part, const uint32_t *indices, uint32_t n,
                              uint8_t *alive) {
  rp_evaluation evaluation;
  rp_error err = {0};
  assert_ok(rp_evaluate(net, state->parameters, closed, &data.dataset, part, indices, n, alive, &evaluation, &err), err);
  return evaluation;
}

/* One image at a time; loss and prediction written down anew from its logits. */
static rp_evaluation count_from_logits(rp_net *net, const rp_state *state, const uint8_t *closed, rp_part part, const uint32_t *indices,
                                       uint32_t n) {
  rp_executor *executor;
  rp_error err = {0};
  assert_ok(rp_net_executor(net, 1, RP_RUN_EVALUATE, &executor, &err), err);
  assert_ok(rp_executor_load(executor, state->parameters, closed, &err), err);
  rp_evaluation counted = {.n = n};
  for (uint32_t i = 0; i < n; i++) {
    float image[TEST_PIXELS];
    uint8_t label;
    const float *logits;
    rp_batches_fill(&data.dataset, part, indices ? indices + i : NULL, i, 1, image, &label);
    assert_ok(rp_executor_forward(executor, image, &logits, &err), err);
    double sum = 0;
    int best = 0;
    for (int j = 0; j < TEST_CLASSES; j++) {
      sum += exp(logits[j]);
      if (logits[j] > logits[best]) best = j;
    }
    counted.loss += (log(sum) - logits[label]) / n;
    counted.correct += best == label;
  }
  return counted;
}

static void check_part(rp_net *net, const rp_state *state, const uint8_t *closed, rp_part part, const uint32_t *indices, uint32_t n) {
  rp_evaluation evaluation = evaluate(net, state, closed, part, indices, n, NULL);
  if (!indices) n = data.dataset.n[part];
  rp_evaluation counted = count_from_logits(net, state, closed, part, indices, n);
  assert_int_equal(evaluation.n, n);
  assert_int_equal(evaluation.correct, counted.correct);
  assert_near(evaluation.loss, counted.loss, 1e-6);
  assert_near(evaluation.accuracy, (double)counted.correct / n, 1e-15);
}

static void rule_20_loss_and_accuracy_are_those_counted_from_logits(void **unused) {
  (void)unused;
  make_dataset(&data, 20, 123, 100); /* less than a batch, two and a rest, two */
  FREED_NET *net = small_net();
  FREED_STATE *state = initial_state(net);
  for (int part = 0; part < RP_N_PARTS; part++) check_part(net, state, NULL, (rp_part)part, NULL, 0);
  const uint32_t indices[] = {5, 5, 122, 0, 77};
  check_part(net, state, NULL, RP_VALIDATION, indices, 5);
}

static void rule_20_the_network_is_evaluated_as_it_stands(void **unused) {
  (void)unused;
  make_dataset(&data, 0, 123, 0);
  FREED_NET *net = small_net();
  FREED_STATE *state = initial_state(net);
  const uint8_t closed[14] = {[1] = 1, [8] = 1, [9] = 1};
  check_part(net, state, closed, RP_VALIDATION, NULL, 0);
  assert_true(evaluate(net, state, closed, RP_VALIDATION, NULL, 0, NULL).loss !=
              evaluate(net, state, NULL, RP_VALIDATION, NULL, 0, NULL).loss);
}

/* The whole equals the mean of its parts to the last bit of the sums, however they are cut: losses depend on the image alone. */
static void the_result_does_not_depend_on_how_images_fall_into_batches(void **unused) {
  (void)unused;
  make_dataset(&data, 0, 150, 0);
  FREED_NET *net = small_net();
  FREED_STATE *state = initial_state(net);
  uint32_t indices[150];
  double sum = 0;
  uint64_t correct = 0;
  for (uint32_t i = 0; i < 150; i++) {
    indices[i] = i;
    rp_evaluation alone = evaluate(net, state, NULL, RP_VALIDATION, &indices[i], 1, NULL);
    sum += alone.loss;
    correct += alone.correct;
  }
  for (uint32_t n = 150; n > 0; n -= 37) {
    rp_evaluation part = evaluate(net, state, NULL, RP_VALIDATION, indices, n, NULL);
    rp_evaluation counted = count_from_logits(net, state, NULL, RP_VALIDATION, indices, n);
    assert_int_equal(part.correct, counted.correct);
    if (n == 150) {
      assert_true(part.loss == sum / 150);
      assert_int_equal(part.correct, correct);
    }
    if (n < 37) break;
  }
}

static void rule_22_filters_whose_gate_is_zero_on_all_images_are_dead(void **unused) {
  (void)unused;
  make_dataset(&data, 0, 123, 0);
  FREED_NET *net = small_net();
  FREED_STATE *state = initial_state(net);
  size_t bias1 = state->layout->tensors[state->layout->convs[0].bias].offset;
  state->parameters[bias1 + 4] = -1000; /* no ReLU lets anything of it through */
  uint8_t alive[14];
  const uint8_t closed[14] = {[2] = 1, [9] = 1};
  memset(alive, 7, sizeof alive);
  evaluate(net, state, closed, RP_VALIDATION, NULL, 0, alive);
  for (int f = 0; f < 6; f++) assert_int_equal(alive[f], f != 2 && f != 4);
  assert_int_equal(alive[9], 0);
  /* Weights of 0 and a positive bias: a constant map is not dead. */
  const rp_conv *conv = &state->layout->convs[1];
  memset(state->parameters + state->layout->tensors[conv->weight].offset, 0, 54 * sizeof(float));
  state->parameters[state->layout->tensors[conv->bias].offset] = 0.5f;
  evaluate(net, state, closed, RP_VALIDATION, NULL, 0, alive);
  assert_int_equal(alive[6], 1);
}

/* Only the 123rd image, in the rest after two whole batches, has a bright pixel that the filter sees. */
static void rule_22_one_image_is_enough_to_be_alive(void **unused) {
  (void)unused;
  make_dataset(&data, 0, 123, 0);
  for (uint32_t i = 0; i < 123; i++) memset(data.pixels[RP_VALIDATION][i], 127, TEST_PIXELS);
  data.pixels[RP_VALIDATION][122][20] = 255;
  FREED_NET *net = small_net();
  FREED_STATE *state = initial_state(net);
  for (int i = 0; i < 27; i++) state->parameters[i] = 1;
  state->parameters[state->layout->tensors[state->layout->convs[0].bias].offset] = -1;
  uint8_t alive[14];
  evaluate(net, state, NULL, RP_VALIDATION, NULL, 0, alive);
  assert_int_equal(alive[0], 1);
  uint32_t indices[122];
  for (uint32_t i = 0; i < 122; i++) indices[i] = i;
  evaluate(net, state, NULL, RP_VALIDATION, indices, 122, alive);
  assert_int_equal(alive[0], 0);
}

static void a_part_without_images_gives_n_0(void **unused) {
  (void)unused;
  make_dataset(&data, 5, 0, 0);
  FREED_NET *net = small_net();
  FREED_STATE *state = initial_state(net);
  uint8_t alive[14];
  rp_evaluation evaluation = evaluate(net, state, NULL, RP_VALIDATION, NULL, 0, alive);
  assert_int_equal(evaluation.n, 0);
  assert_int_equal(evaluation.correct, 0);
  assert_near(evaluation.loss, 0, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rule_20_loss_and_accuracy_are_those_counted_from_logits),
      cmocka_unit_test(rule_20_the_network_is_evaluated_as_it_stands),
      cmocka_unit_test(the_result_does_not_depend_on_how_images_fall_into_batches),
      cmocka_unit_test(rule_22_filters_whose_gate_is_zero_on_all_images_are_dead),
      cmocka_unit_test(rule_22_one_image_is_enough_to_be_alive),
      cmocka_unit_test(a_part_without_images_gives_n_0),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
