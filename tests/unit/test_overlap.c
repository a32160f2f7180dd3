/* test_overlap.c: the ortho measure against values worked out by hand. */
#include "core/probes/overlap.h"
#include "tests/layouts.h"

/* conv1: 4 filters of 2 values; conv2: 2 filters of 4 values. */
static void make_layout(test_layout *test) {
  *test = (test_layout){0};
  start_test_layout(test);
  add_test_conv(test, 4, 2, 1, 0);
  add_test_conv(test, 2, 4, 1, 0);
}

static rp_state *make_state(const test_layout *test, const float *weights) {
  rp_state *state;
  rp_error err = {0};
  assert_ok(rp_state_create(&test->layout, 0, 1, &state, &err), err);
  memcpy(state->parameters, weights, test->layout.n_parameters * sizeof *weights);
  return state;
}

/* Directions at 0°, 60°, 180° and 90°, of different lengths: cos of the pairs (0,1) ½, (0,2) −1, (0,3) 0, (1,2) −½, (1,3) √3/2, (2,3) 0.
 * conv2: (3,4,0,0) and (4,3,0,0): 24/25. */
static const float WEIGHTS[] = {2, 0, 0.5f, 0.8660254f, -3, 0, 0, 7, 3, 4, 0, 0, 4, 3, 0, 0};
static const double HALF_ROOT_3 = 0.86602540378443865;

static void rule_22_the_sum_is_over_pairs_of_active_filters_by_absolute_cosine(void **unused) {
  (void)unused;
  test_layout test;
  make_layout(&test);
  RP_CLEANUP(rp_state_free) rp_state *state = make_state(&test, WEIGHTS);
  rp_overlap overlap;
  rp_error err = {0};
  assert_ok(rp_overlap_of_conv(state, 0, &overlap, &err), err);
  double sum = 2 * (0.5 + 1 + 0 + 0.5 + HALF_ROOT_3 + 0) / 4;
  assert_near(overlap.ortho_sum, sum, 1e-7);
  assert_near(overlap.ortho_mean, sum / 4, 1e-7);
  assert_int_equal(overlap.active_filters, 4);

  rp_overlap net;
  assert_ok(rp_overlap_of_net(state, &net, &err), err);
  double other = 2 * (24.0 / 25) / 2;
  assert_near(net.ortho_sum, sum + other, 1e-7);
  assert_near(net.ortho_mean, (sum + other) / 6, 1e-7);
  assert_int_equal(net.active_filters, 6);
}

/* Of the pairs of conv1 only (0,2), at −1, is below −0.5; a cosine of −0.6 in conv2 would be, too. */
static void rule_22_opposite_pairs_are_those_below_minus_one_half(void **unused) {
  (void)unused;
  test_layout test;
  make_layout(&test);
  RP_CLEANUP(rp_state_free) rp_state *state = make_state(&test, WEIGHTS);
  state->parameters[2] = 0.51f; /* so that (1,2) is clear of −½ ... */
  state->parameters[3] = 0.9f;  /* ... at −0.493 */
  rp_overlap overlap;
  rp_error err = {0};
  assert_ok(rp_overlap_of_conv(state, 0, &overlap, &err), err);
  assert_near(overlap.opposite_share, 1.0 / 6, 1e-12);
  float opposite[] = {3, 4, 0, 0, 0, -3, 0, 4};
  memcpy(state->parameters + 8, opposite, sizeof opposite); /* −12/25 = −0.48 */
  assert_ok(rp_overlap_of_conv(state, 1, &overlap, &err), err);
  assert_near(overlap.opposite_share, 0, 0);
  opposite[5] = -4, opposite[7] = 3; /* −16/25 = −0.64 */
  memcpy(state->parameters + 8, opposite, sizeof opposite);
  assert_ok(rp_overlap_of_net(state, &overlap, &err), err);
  assert_near(overlap.opposite_share, 2.0 / 7, 1e-12);
}

static void rule_22_only_filters_with_open_gates_count(void **unused) {
  (void)unused;
  test_layout test;
  make_layout(&test);
  RP_CLEANUP(rp_state_free) rp_state *state = make_state(&test, WEIGHTS);
  state->filters[2] = (rp_filter_state){.dropped = 1, .closed = 1};
  state->filters[3] = (rp_filter_state){.dropped = 1, .closed = 0}; /* the gate was off */
  rp_overlap overlap;
  rp_error err = {0};
  assert_ok(rp_overlap_of_conv(state, 0, &overlap, &err), err);
  assert_int_equal(overlap.active_filters, 3);
  assert_near(overlap.ortho_sum, 2 * (0.5 + 0 + HALF_ROOT_3) / 3, 1e-7);
  assert_near(overlap.opposite_share, 0, 0);
  for (int f = 0; f < 4; f++) state->filters[f].closed = 1;
  assert_ok(rp_overlap_of_conv(state, 0, &overlap, &err), err);
  assert_near(overlap.ortho_sum, 0, 0);
  assert_near(overlap.ortho_mean, 0, 0);
  assert_int_equal(overlap.active_filters, 0);
}

static void rule_22_a_zero_filter_counts_with_cosine_zero(void **unused) {
  (void)unused;
  test_layout test;
  make_layout(&test);
  RP_CLEANUP(rp_state_free) rp_state *state = make_state(&test, WEIGHTS);
  state->parameters[0] = 0;
  rp_overlap overlap;
  rp_error err = {0};
  assert_ok(rp_overlap_of_conv(state, 0, &overlap, &err), err);
  assert_near(overlap.ortho_sum, 2 * (0.5 + HALF_ROOT_3 + 0) / 4, 1e-7);
  assert_int_equal(overlap.active_filters, 4);
}

/* The length of a filter plays no part, not even where squares leave float's range. */
static void rule_22_lengths_do_not_matter(void **unused) {
  (void)unused;
  test_layout test;
  make_layout(&test);
  RP_CLEANUP(rp_state_free) rp_state *state = make_state(&test, WEIGHTS);
  for (int i = 0; i < 2; i++) state->parameters[i] *= 1e-30f;
  for (int i = 6; i < 8; i++) state->parameters[i] *= 1e30f;
  rp_overlap overlap;
  rp_error err = {0};
  assert_ok(rp_overlap_of_conv(state, 0, &overlap, &err), err);
  assert_near(overlap.ortho_sum, 2 * (0.5 + 1 + 0.5 + HALF_ROOT_3) / 4, 1e-6);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rule_22_the_sum_is_over_pairs_of_active_filters_by_absolute_cosine),
      cmocka_unit_test(rule_22_opposite_pairs_are_those_below_minus_one_half),
      cmocka_unit_test(rule_22_only_filters_with_open_gates_count),
      cmocka_unit_test(rule_22_a_zero_filter_counts_with_cosine_zero),
      cmocka_unit_test(rule_22_lengths_do_not_matter),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
