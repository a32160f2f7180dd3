/* test_drop.c: dropping is marking: what it stores, and that it moves nothing. Training around marked filters is in test_train.c. */
#include "core/ops/drop.h"
#include "tests/layouts.h"

static rp_state *make_state(const rp_layout *layout) {
  rp_state *state = make_full_state(layout, 1);
  memset(state->at_drop, 0, layout->n_parameters * sizeof *state->at_drop);
  for (int f = 0; f < layout->n_filters; f++)
    state->filters[f] = (rp_filter_state){.last_regrow_epoch = 5, .times_dropped = 1, .drop_cycle = 1};
  return state;
}

static void rule_26_a_drop_marks_closes_counts_and_keeps_the_value(void **unused) {
  (void)unused;
  test_layout test;
  make_small_layout(&test);
  RP_CLEANUP(rp_state_free) rp_state *state = make_state(&test.layout);
  const uint8_t set[9] = {[2] = 1, [5] = 1};
  rp_error err = {0};
  assert_ok(rp_drop_filters(state, set, 1, &err), err);
  assert_int_equal(state->cycle, 3);
  for (int f = 0; f < 9; f++) {
    assert_int_equal(state->filters[f].dropped, set[f]);
    assert_int_equal(state->filters[f].closed, set[f]);
    assert_int_equal(state->filters[f].drop_cycle, set[f] ? 3 : 1);
    assert_int_equal(state->filters[f].times_dropped, set[f] ? 2 : 1);
    assert_int_equal(state->filters[f].last_regrow_epoch, 5);
  }
  /* Filter 2: weights 54 … 80 and bias 110; filter 5: weights 128 … 143. */
  for (size_t i = 0; i < test.layout.n_parameters; i++) {
    int is_dropped = (i >= 54 && i < 81) || i == 110 || (i >= 128 && i < 144);
    assert_true(state->at_drop[i] == (is_dropped ? state->parameters[i] : 0));
  }
}

static void a_drop_leaves_weights_optimizer_state_and_time_alone(void **unused) {
  (void)unused;
  test_layout test;
  make_small_layout(&test);
  RP_CLEANUP(rp_state_free) rp_state *state = make_state(&test.layout), *before = copy_of(state);
  rp_error err = {0};
  assert_ok(rp_drop_filters(state, (const uint8_t[9]){1, 1, 0, 0, 0, 0, 0, 0, 1}, 1, &err), err);
  size_t bytes = test.layout.n_parameters * sizeof(float);
  assert_memory_equal(state->parameters, before->parameters, bytes);
  assert_memory_equal(state->slots[0], before->slots[0], bytes);
  assert_memory_equal(state->steps, before->steps, test.layout.n_units * sizeof *state->steps);
  assert_int_equal(state->epoch, before->epoch);
  assert_int_equal(state->step, before->step);
}

static void rule_25_with_the_gate_off_filters_are_marked_and_stay_open(void **unused) {
  (void)unused;
  test_layout test;
  make_small_layout(&test);
  RP_CLEANUP(rp_state_free) rp_state *state = make_state(&test.layout);
  rp_error err = {0};
  assert_ok(rp_drop_filters(state, (const uint8_t[9]){[2] = 1}, 0, &err), err);
  assert_int_equal(state->filters[2].dropped, 1);
  assert_int_equal(state->filters[2].closed, 0);
  assert_int_equal(rp_state_active_filters(state), 9);
  assert_memory_equal(state->at_drop + 54, state->parameters + 54, 27 * sizeof(float));
}

static void a_second_drop_counts_its_own_cycle_and_keeps_the_first_ones_values(void **unused) {
  (void)unused;
  test_layout test;
  make_small_layout(&test);
  RP_CLEANUP(rp_state_free) rp_state *state = make_state(&test.layout);
  rp_error err = {0};
  assert_ok(rp_drop_filters(state, (const uint8_t[9]){[2] = 1}, 1, &err), err);
  float kept = state->at_drop[54];
  state->parameters[54] = 99;
  assert_ok(rp_drop_filters(state, (const uint8_t[9]){[3] = 1}, 1, &err), err);
  assert_int_equal(state->filters[2].drop_cycle, 3);
  assert_int_equal(state->filters[3].drop_cycle, 4);
  assert_int_equal(state->cycle, 4);
  assert_true(state->at_drop[54] == kept);
}

static void a_drop_of_nothing_counts_a_cycle(void **unused) {
  (void)unused;
  test_layout test;
  make_small_layout(&test);
  RP_CLEANUP(rp_state_free) rp_state *state = make_state(&test.layout);
  rp_error err = {0};
  assert_ok(rp_drop_filters(state, (const uint8_t[9]){0}, 1, &err), err);
  assert_int_equal(state->cycle, 3);
  assert_int_equal(rp_state_active_filters(state), 9);
}

static void a_filter_that_is_dropped_already_is_refused_and_nothing_changes(void **unused) {
  (void)unused;
  test_layout test;
  make_small_layout(&test);
  RP_CLEANUP(rp_state_free) rp_state *state = make_state(&test.layout);
  rp_error err = {0};
  assert_ok(rp_drop_filters(state, (const uint8_t[9]){[5] = 1}, 1, &err), err);
  rp_id before = digest_of(state);
  assert_fails(rp_drop_filters(state, (const uint8_t[9]){1, [5] = 1}, 1, &err), RP_EINPUT, err, "conv2, filter 1");
  assert_true(rp_id_equal(digest_of(state), before));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rule_26_a_drop_marks_closes_counts_and_keeps_the_value),
      cmocka_unit_test(a_drop_leaves_weights_optimizer_state_and_time_alone),
      cmocka_unit_test(rule_25_with_the_gate_off_filters_are_marked_and_stay_open),
      cmocka_unit_test(a_second_drop_counts_its_own_cycle_and_keeps_the_first_ones_values),
      cmocka_unit_test(a_drop_of_nothing_counts_a_cycle),
      cmocka_unit_test(a_filter_that_is_dropped_already_is_refused_and_nothing_changes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
