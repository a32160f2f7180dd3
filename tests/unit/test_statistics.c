/* Statistics over seeds. Reference values: R 4.2 (qt, t.test) and hand computation. */
#include "tests/check.h"

#include "results/statistics.h"

static void quantiles_of_t_are_those_of_r(void **unused) {
  (void)unused;
  assert_near(rp_t_quantile(0.975, 1), 12.706204736, 1e-8);
  assert_near(rp_t_quantile(0.975, 2), 4.302652730, 1e-8);
  assert_near(rp_t_quantile(0.975, 4), 2.776445105, 1e-8);
  assert_near(rp_t_quantile(0.975, 9), 2.262157163, 1e-8);
  assert_near(rp_t_quantile(0.975, 30), 2.042272456, 1e-8);
  assert_near(rp_t_quantile(0.95, 5), 2.015048373, 1e-8);
  assert_near(rp_t_quantile(0.025, 4), -2.776445105, 1e-8);
  assert_near(rp_t_quantile(0.5, 7), 0, 1e-9);
  assert_near(rp_t_quantile(0.975, 1000000), 1.959966, 1e-5);
  /* one degree of freedom is the Cauchy distribution: tan(π(p − ½)) */
  assert_near(rp_t_quantile(0.9, 1), tan(3.14159265358979323846 * 0.4), 1e-8);
  /* two: closed form 2(p−½)·sqrt(2/(1 − 4(p−½)²)) … = (2p−1)/sqrt(2p(1−p)) */
  assert_near(rp_t_quantile(0.99, 2), 0.98 / sqrt(2 * 0.99 * 0.01), 1e-8);
}

/* values 2, 4, 4, 5, 10: mean 5, squares 9+1+1+0+25 = 36, sd 3, half width 2.776445·3/√5 = 4.02501 */
static void a_summary_has_the_mean_the_sample_deviation_and_students_interval(void **unused) {
  (void)unused;
  rp_seed_value values[] = {{1, 2}, {2, 4}, {3, 4}, {4, 5}, {5, 10}};
  rp_summary summary;
  rp_error err = {0};
  assert_ok(rp_summarise(values, 5, &summary, &err), err);
  assert_int_equal(summary.n, 5);
  assert_near(summary.mean, 5, 1e-12);
  assert_near(summary.sd, 3, 1e-12);
  assert_near(summary.min, 2, 0);
  assert_near(summary.max, 10, 0);
  assert_near(summary.ci_low, 5 - 2.776445105 * 3 / sqrt(5), 1e-8);
  assert_near(summary.ci_high, 5 + 2.776445105 * 3 / sqrt(5), 1e-8);
}

static void one_seed_has_no_deviation_and_none_has_no_mean(void **unused) {
  (void)unused;
  rp_summary summary;
  rp_error err = {0};
  assert_ok(rp_summarise(&(rp_seed_value){7, 0.5}, 1, &summary, &err), err);
  assert_int_equal(summary.n, 1);
  assert_near(summary.mean, 0.5, 0);
  assert_true(isnan(summary.sd) && isnan(summary.ci_low) && isnan(summary.ci_high));
  assert_ok(rp_summarise(NULL, 0, &summary, &err), err);
  assert_int_equal(summary.n, 0);
  assert_true(isnan(summary.mean) && isnan(summary.sd));
}

static void rule_24_n_is_the_number_of_distinct_seeds_never_of_rows(void **unused) {
  (void)unused;
  /* seed 1 three times (mean 2), seed 2 once (4), seed 3 not measured: two seeds, mean 3, sd √2 */
  rp_seed_value values[] = {{1, 1}, {2, 4}, {1, 2}, {3, NAN}, {1, 3}};
  rp_summary summary;
  rp_error err = {0};
  assert_ok(rp_summarise(values, 5, &summary, &err), err);
  assert_int_equal(summary.n, 2);
  assert_near(summary.mean, 3, 1e-12);
  assert_near(summary.sd, sqrt(2), 1e-12);
}

/* R: t.test(c(5,7,9), c(4,5,6), paired=TRUE): differences 1, 2, 3; mean 2, interval −0.484138 … 4.484138 */
static void rule_24_differences_are_paired_by_seed(void **unused) {
  (void)unused;
  rp_seed_value a[] = {{3, 9}, {1, 5}, {2, 7}, {8, 100}};
  rp_seed_value b[] = {{1, 4}, {9, -100}, {2, 5}, {3, 6}};
  rp_summary summary;
  rp_error err = {0};
  assert_ok(rp_summarise_difference(a, 4, b, 4, &summary, &err), err);
  assert_int_equal(summary.n, 3);
  assert_near(summary.mean, 2, 1e-12);
  assert_near(summary.sd, 1, 1e-12);
  assert_near(summary.ci_low, -0.484138, 1e-6);
  assert_near(summary.ci_high, 4.484138, 1e-6);
}

static void arms_without_a_common_seed_have_no_difference(void **unused) {
  (void)unused;
  rp_seed_value a[] = {{1, 9}, {2, NAN}}, b[] = {{3, 9}, {2, 7}};
  rp_summary summary;
  rp_error err = {0};
  assert_ok(rp_summarise_difference(a, 2, b, 2, &summary, &err), err);
  assert_int_equal(summary.n, 0);
  assert_true(isnan(summary.mean));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(quantiles_of_t_are_those_of_r),
      cmocka_unit_test(a_summary_has_the_mean_the_sample_deviation_and_students_interval),
      cmocka_unit_test(one_seed_has_no_deviation_and_none_has_no_mean),
      cmocka_unit_test(rule_24_n_is_the_number_of_distinct_seeds_never_of_rows),
      cmocka_unit_test(rule_24_differences_are_paired_by_seed),
      cmocka_unit_test(arms_without_a_common_seed_have_no_difference),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
