/* test_ablate.c: removing a filter is the same as a network in which nothing of it is left. */
#include "core/probes/ablate.h"
#include "core/data/batches.h"
#include "tests/datasets.h"
#include "tests/graphs.h"
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

typedef rp_status ablate_each(rp_net *, const float *, const uint8_t *, const rp_dataset *, rp_part, const uint32_t *, uint32_t,
                              rp_evaluation *, void (*)(void *, int, int), void *, rp_error *);

/* Losses may be off by `tolerance` of them. */
static void assert_each_alone(ablate_each *ablate, double tolerance) {
  make_dataset(&data, 0, 75, 0);
  FREED_NET *net = small_net();
  FREED_STATE *state = state_with_biases(net);
  const uint8_t closed[N_FILTERS] = {[3] = 1, [12] = 1};
  rp_evaluation out[N_FILTERS];
  memset(out, 0x77, sizeof out);
  ticks t = {0};
  rp_error err = {0};
  assert_ok(ablate(net, state->parameters, closed, &data.dataset, RP_VALIDATION, NULL, 0, out, count_tick, &t, &err), err);
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
    assert_true(fabs(out[f].loss - expected.loss) <= tolerance * expected.loss);
    assert_int_equal(out[f].correct, expected.correct);
    assert_true(out[f].accuracy == (double)expected.correct / 75);
  }
}

static void rule_15_each_open_filter_is_removed_alone(void **unused) {
  (void)unused;
  assert_each_alone(rp_ablate_each_plainly, 0);
  assert_each_alone(rp_ablate_each, 1e-5);
}

/* ---- Against a pass per filter --------------------------------------------------------------- */

enum { MOST_FILTERS = 256 };

/* A structure on the images here, with draws for parameters. */
static rp_net *structure(int i, float **parameters) {
  test_model m;
  STRUCTURES[i].make(&m);
  resize_model(&m, TEST_SIZE, TEST_CLASSES);
  rp_net *net = net_of(&m);
  const rp_layout *layout = rp_net_layout(net);
  assert_true(layout->n_filters <= MOST_FILTERS);
  *parameters = normals(layout->n_parameters, 0.2, 5);
  for (int t = 0; t < layout->n_tensors; t++)
    for (size_t p = layout->tensors[t].offset; p < layout->tensors[t].offset + size_of_tensor(&layout->tensors[t]); p++) {
      if (layout->tensors[t].kind == RP_BN_VARIANCE) (*parameters)[p] = 1 + fabsf((*parameters)[p]);
      if (layout->tensors[t].kind == RP_BN_GAMMA) (*parameters)[p] += 1;
    }
  return net;
}

static void ablate(ablate_each *how, rp_net *net, const float *parameters, const uint8_t *closed, rp_evaluation *out) {
  rp_error err = {0};
  assert_ok(how(net, parameters, closed, &data.dataset, RP_VALIDATION, NULL, 0, out, NULL, NULL, &err), err);
}

/* Images whose largest logits are within 1e-4 of each other. */
static int64_t count_close(rp_net *net, const float *parameters, const uint8_t *closed) {
  int64_t n_close = 0;
  rp_executor *executor;
  rp_error err = {0};
  assert_ok(rp_net_executor(net, 1, RP_RUN_EVALUATE, &executor, &err), err);
  assert_ok(rp_executor_load(executor, parameters, closed, &err), err);
  for (uint32_t i = 0; i < data.dataset.n[RP_VALIDATION]; i++) {
    float image[TEST_PIXELS], first = -INFINITY, second = -INFINITY;
    uint8_t label;
    const float *logits;
    rp_batches_fill(&data.dataset, RP_VALIDATION, NULL, i, 1, image, &label);
    assert_ok(rp_executor_forward(executor, image, &logits, &err), err);
    for (int j = 0; j < TEST_CLASSES; j++) {
      second = fmaxf(second, fminf(first, logits[j]));
      first = fmaxf(first, logits[j]);
    }
    n_close += !(first - second > 1e-4f);
  }
  return n_close;
}

static void assert_like_plain(int i, rp_net *net, const float *parameters, uint8_t *closed) {
  rp_evaluation fast[MOST_FILTERS], plain[MOST_FILTERS];
  ablate(rp_ablate_each, net, parameters, closed, fast);
  ablate(rp_ablate_each_plainly, net, parameters, closed, plain);
  for (int f = 0; f < rp_net_layout(net)->n_filters; f++) {
    const int64_t difference = llabs((int64_t)fast[f].correct - (int64_t)plain[f].correct);
    assert_int_equal(fast[f].n, plain[f].n);
    if (!(fabs(fast[f].loss - plain[f].loss) <= 1e-5 * plain[f].loss))
      fail_msg("%s without filter %d: loss is %.9g, plainly %.9g", STRUCTURES[i].name, f, fast[f].loss, plain[f].loss);
    if (closed[f] || difference == 0) continue;
    closed[f] = 1;
    if (difference > count_close(net, parameters, closed))
      fail_msg("%s without filter %d: %d are right, plainly %d", STRUCTURES[i].name, f, (int)fast[f].correct, (int)plain[f].correct);
    closed[f] = 0;
  }
}

/* 75 images are no whole number of batches. */
static void rule_15_the_fast_way_agrees_with_a_pass_per_filter_in_every_structure(void **unused) {
  (void)unused;
  make_dataset(&data, 0, 75, 0);
  for (int i = 0; i < N_STRUCTURES; i++) {
    float *parameters;
    FREED_NET *net = structure(i, &parameters);
    uint8_t closed[MOST_FILTERS] = {0};
    assert_like_plain(i, net, parameters, closed);
    for (int f = 0; f < MOST_FILTERS; f++) closed[f] = f % 3 == 1;
    assert_like_plain(i, net, parameters, closed);
    free(parameters);
  }
}

static void each_filter_has_the_same_bits_time_after_time(void **unused) {
  (void)unused;
  make_dataset(&data, 0, 75, 0);
  for (int i = 0; i < N_STRUCTURES; i++) {
    float *parameters;
    rp_evaluation first[MOST_FILTERS] = {{0}}, again[MOST_FILTERS] = {{0}};
    uint8_t closed[MOST_FILTERS] = {[0] = 1, [7] = 1};
    FREED_NET *net = structure(i, &parameters);
    ablate(rp_ablate_each, net, parameters, NULL, first);
    ablate(rp_ablate_each, net, parameters, closed, again);
    ablate(rp_ablate_each, net, parameters, NULL, again);
    assert_memory_equal(first, again, sizeof first);
    free(parameters);
  }
}

static void without_images_there_is_nothing_to_measure(void **unused) {
  (void)unused;
  make_dataset(&data, 4, 0, 0);
  FREED_NET *net = small_net();
  FREED_STATE *state = state_with_biases(net);
  rp_evaluation out[N_FILTERS];
  ticks t = {0};
  rp_error err = {0};
  assert_ok(rp_ablate_each(net, state->parameters, NULL, &data.dataset, RP_VALIDATION, NULL, 0, out, count_tick, &t, &err), err);
  assert_int_equal(t.last, N_FILTERS);
  for (int f = 0; f < N_FILTERS; f++) assert_true(out[f].n == 0 && out[f].correct == 0 && out[f].loss == 0);
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

  uint32_t many[23]; /* more than a batch */
  rp_evaluation plain[N_FILTERS];
  for (uint32_t i = 0; i < 23; i++) many[i] = 3 * (22 - i);
  assert_ok(rp_ablate_each(net, state->parameters, NULL, &data.dataset, RP_VALIDATION, many, 23, out, NULL, NULL, &err), err);
  assert_ok(rp_ablate_each_plainly(net, state->parameters, NULL, &data.dataset, RP_VALIDATION, many, 23, plain, NULL, NULL, &err), err);
  for (int f = 0; f < N_FILTERS; f++) {
    assert_int_equal(out[f].correct, plain[f].correct);
    assert_true(fabs(out[f].loss - plain[f].loss) <= 1e-5 * plain[f].loss);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rule_11_ablation_closes_the_filters_gates_besides_those_that_are_closed),
      cmocka_unit_test(rule_15_each_open_filter_is_removed_alone),
      cmocka_unit_test(rule_15_the_fast_way_agrees_with_a_pass_per_filter_in_every_structure),
      cmocka_unit_test(each_filter_has_the_same_bits_time_after_time),
      cmocka_unit_test(without_images_there_is_nothing_to_measure),
      cmocka_unit_test(ablation_looks_at_the_images_that_it_is_given),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
