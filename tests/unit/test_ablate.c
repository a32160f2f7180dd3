/* test_ablate.c: removing a filter is the same as a network in which nothing of it is left. */
#include "core/probes/ablate.h"
#include "tests/datasets.h"
#include "tests/layouts.h"
#include "tests/nets.h"

#define FREED_NET                                                                                                                          \
  RP_CLEANUP(rp_net_free)                                                                                                                  \
  rp_net
#define FREED_STATE                                                                                                                        \
  RP_CLEANUP(rp_state_free)                                                                                                                \
  rp_state

enum { N_FILTERS = 14 };
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

static rp_state *state_with_biases(const rp_net *net) {
  rp_state *state;
  rp_error err = {0};
  assert_ok(rp_state_initial(net, 0, 3, &state, &err), err);
  for (int i = 0; i < state->layout->n_convs; i++)
    for (int k = 0; k < state->layout->convs[i].K; k++)
      state->parameters[state->layout->tensors[state->layout->convs[i].bias].offset + (size_t)k] = 0.3f;
  return state;
}

/* Evaluates with all gates open after taking filters out of the weights: ReLU(0·x + 0) is 0. */
static rp_evaluation evaluate_without(rp_net *net, const rp_state *state, const uint8_t *out) {
  FREED_STATE *cut = copy_of(state);
  for (int f = 0; f < N_FILTERS; f++) {
    size_t offsets[RP_FILTER_RANGES], counts[RP_FILTER_RANGES];
    int n_ranges = rp_state_filter_ranges(cut->layout, f, offsets, counts);
    for (int i = 0; out[f] && i < n_ranges; i++) memset(cut->parameters + offsets[i], 0, counts[i] * sizeof(float));
  }
  rp_evaluation evaluation;
  rp_error err = {0};
  assert_ok(rp_evaluate(net, cut->parameters, NULL, &data.dataset, RP_VALIDATION, NULL, 0, NULL, &evaluation, &err), err);
  return evaluation;
}

static void rule_11_ablation_closes_the_filters_gates_besides_those_that_are_closed(void **unused) {
  (void)unused;
  make_dataset(&data, 0, 75, 0);
  FREED_NET *net = small_net();
  FREED_STATE *state = state_with_biases(net);
  const uint8_t closed[N_FILTERS] = {[3] = 1, [12] = 1}, set[N_FILTERS] = {[0] = 1, [3] = 1, [7] = 1};
  const uint8_t both[N_FILTERS] = {[0] = 1, [3] = 1, [7] = 1, [12] = 1};
  rp_evaluation out, expected = evaluate_without(net, state, both);
  rp_error err = {0};
  assert_ok(rp_ablate(net, state->parameters, closed, set, &data.dataset, RP_VALIDATION, NULL, 0, &out, &err), err);
  assert_true(out.loss == expected.loss);
  assert_int_equal(out.correct, expected.correct);
  expected = evaluate_without(net, state, set);
  assert_ok(rp_ablate(net, state->parameters, NULL, set, &data.dataset, RP_VALIDATION, NULL, 0, &out, &err), err);
  assert_true(out.loss == expected.loss);
}

typedef struct {
  int n_calls, last, total;
} ticks;

static void count_tick(void *user, int done, int total) {
  ticks *t = user;
  t->n_calls++;
  t->last = done;
  t->total = total;
}

static void rule_15_each_open_filter_is_removed_alone(void **unused) {
  (void)unused;
  make_dataset(&data, 0, 75, 0);
  FREED_NET *net = small_net();
  FREED_STATE *state = state_with_biases(net);
  const uint8_t closed[N_FILTERS] = {[3] = 1, [12] = 1};
  rp_evaluation out[N_FILTERS];
  memset(out, 0x77, sizeof out);
  ticks t = {0};
  rp_error err = {0};
  assert_ok(rp_ablate_each(net, state->parameters, closed, &data.dataset, RP_VALIDATION, NULL, 0, out, count_tick, &t, &err), err);
  assert_int_equal(t.n_calls, 12);
  assert_int_equal(t.last, 12);
  assert_int_equal(t.total, 12);
  for (int f = 0; f < N_FILTERS; f++) {
    assert_int_equal(out[f].n, closed[f] ? 0 : 75);
    if (closed[f]) continue;
    uint8_t gone[N_FILTERS];
    memcpy(gone, closed, sizeof gone);
    gone[f] = 1;
    rp_evaluation expected = evaluate_without(net, state, gone);
    assert_true(out[f].loss == expected.loss);
    assert_int_equal(out[f].correct, expected.correct);
  }
}

static void ablation_looks_at_the_images_that_it_is_given(void **unused) {
  (void)unused;
  make_dataset(&data, 0, 75, 0);
  FREED_NET *net = small_net();
  FREED_STATE *state = state_with_biases(net);
  const uint32_t indices[] = {4, 70};
  rp_evaluation out[N_FILTERS];
  rp_error err = {0};
  assert_ok(rp_ablate_each(net, state->parameters, NULL, &data.dataset, RP_VALIDATION, indices, 2, out, NULL, NULL, &err), err);
  for (int f = 0; f < N_FILTERS; f++) assert_int_equal(out[f].n, 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rule_11_ablation_closes_the_filters_gates_besides_those_that_are_closed),
      cmocka_unit_test(rule_15_each_open_filter_is_removed_alone),
      cmocka_unit_test(ablation_looks_at_the_images_that_it_is_given),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
