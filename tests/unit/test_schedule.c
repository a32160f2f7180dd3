/* test_schedule.c: schedules against values worked out by hand. */
#include "core/nn/schedule.h"
#include "tests/check.h"

static void rule_03_a_constant_schedule_is_the_same_at_all_times(void **unused) {
  (void)unused;
  const rp_schedule schedule = {.kind = RP_CONSTANT, .lr = 0.05};
  assert_true(rp_schedule_lr(&schedule, 0) == 0.05 && rp_schedule_lr(&schedule, 1000) == 0.05);
}

static void a_staircase_goes_down_at_every_multiple(void **unused) {
  (void)unused;
  const rp_schedule schedule = {.kind = RP_STAIRCASE, .lr = 0.8, .factor = 0.5, .every = 3};
  const double expected[] = {0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.2, 0.2, 0.2, 0.1};
  for (uint64_t t = 0; t < 10; t++) assert_true(rp_schedule_lr(&schedule, t) == expected[t]);
}

static void an_exponential_goes_down_each_time(void **unused) {
  (void)unused;
  const rp_schedule schedule = {.kind = RP_EXPONENTIAL, .lr = 0.8, .factor = 0.5};
  const double expected[] = {0.8, 0.4, 0.2, 0.1, 0.05};
  for (uint64_t t = 0; t < 5; t++) assert_true(rp_schedule_lr(&schedule, t) == expected[t]);
  const rp_schedule slow = {.kind = RP_EXPONENTIAL, .lr = 1, .factor = 0.9999};
  assert_near(rp_schedule_lr(&slow, 10000), 0.367861046, 1e-9); /* (1 − 1/n)^n */
}

static void a_cycle_goes_up_and_down_in_straight_lines(void **unused) {
  (void)unused;
  const rp_schedule schedule = {.kind = RP_CYCLICAL, .low = 0.1, .high = 0.5, .half_period = 4};
  const double expected[] = {0.1, 0.2, 0.3, 0.4, 0.5, 0.4, 0.3, 0.2, 0.1, 0.2};
  for (uint64_t t = 0; t < 10; t++) assert_near(rp_schedule_lr(&schedule, t), expected[t], 1e-15);
  for (uint64_t t = 0; t < 100; t += 8) assert_true(rp_schedule_lr(&schedule, t) == 0.1 && rp_schedule_lr(&schedule, t + 4) == 0.5);
}

/* (1 + cos(πx)) / 2 at sixths: 1, 1/2 + √3/4, 3/4, 1/2, 1/4, 1/2 − √3/4, 0. */
static void a_cosine_falls_from_the_lr_to_the_final_one(void **unused) {
  (void)unused;
  const rp_schedule schedule = {.kind = RP_COSINE, .lr = 1.1, .final = 0.1, .length = 6};
  const double root = 1.7320508075688772 / 4, expected[] = {1.1, 0.6 + root, 0.85, 0.6, 0.35, 0.6 - root, 0.1, 0.1};
  for (uint64_t t = 0; t < 8; t++) assert_near(rp_schedule_lr(&schedule, t), expected[t], 1e-15);
  assert_true(rp_schedule_lr(&schedule, 0) == 1.1); /* so that such an epoch has the id of a constant one */
}

static void a_warm_up_rises_in_equal_steps_and_the_cosine_follows(void **unused) {
  (void)unused;
  const rp_schedule schedule = {.kind = RP_COSINE, .lr = 0.8, .warm_up = 3, .length = 9};
  const double expected[] = {0.2, 0.4, 0.6, 0.8, 0.8 * (0.5 + 1.7320508075688772 / 4), 0.6, 0.4, 0.2};
  for (uint64_t t = 0; t < 8; t++) assert_near(rp_schedule_lr(&schedule, t), expected[t], 1e-15);
}

/* All of the cosine's range against libm's, which is good to its last bit or so. */
static void the_cosine_is_good_to_the_last_bits(void **unused) {
  (void)unused;
  const rp_schedule schedule = {.kind = RP_COSINE, .lr = 1, .length = 10007};
  for (uint64_t t = 0; t < 10007; t++)
    assert_near(rp_schedule_lr(&schedule, t), (1 + cos(3.14159265358979323846 * (double)t / 10007)) / 2, 1e-15);
}

static void each_schedule_has_its_name(void **unused) {
  (void)unused;
  const char *const names[] = {"constant", "staircase", "exponential", "cyclical", "cosine"};
  for (int kind = 0; kind < RP_N_SCHEDULES; kind++) assert_string_equal(rp_schedule_name((rp_schedule_kind)kind), names[kind]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rule_03_a_constant_schedule_is_the_same_at_all_times),
      cmocka_unit_test(a_staircase_goes_down_at_every_multiple),
      cmocka_unit_test(an_exponential_goes_down_each_time),
      cmocka_unit_test(a_cycle_goes_up_and_down_in_straight_lines),
      cmocka_unit_test(a_cosine_falls_from_the_lr_to_the_final_one),
      cmocka_unit_test(a_warm_up_rises_in_equal_steps_and_the_cosine_follows),
      cmocka_unit_test(the_cosine_is_good_to_the_last_bits),
      cmocka_unit_test(each_schedule_has_its_name),
  };
  return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
