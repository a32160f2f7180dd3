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

/* ---- Rank correlation ------------------------------------------------------------------------ */

static const double X[] = {0.1, 0.4, 0.4, 0.2, 0.9, 0.4, 0.7, 0.7, 0.0, 0.3, 0.3, 0.8}, Y[] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8};

static void equal_values_share_the_mean_of_their_ranks(void **unused) {
  (void)unused;
  static const double expected[] = {2, 7, 7, 3, 12, 7, 9.5, 9.5, 1, 4.5, 4.5, 11};
  double ranks[12];
  rp_error err = {0};
  assert_ok(rp_mid_ranks(X, 12, ranks, &err), err);
  for (int i = 0; i < 12; i++) assert_near(ranks[i], expected[i], 0);
}

/* By hand. Without ties: differences of ranks −2, 1, 1, −1, 1, so ρ = 1 − 6·8/(5·24) = 0.6; of ten pairs three are discordant, so τ = (7 −
 * 3)/10. With ties (1 1 2 3 against 1 2 2 3): four concordant pairs of the six, one tied on each side: τ-b = 4/sqrt(5·5). With more of
 * them, X and Y: NumPy 1.24, corrcoef of mid-ranks and a loop over all pairs: 35 concordant, 21 discordant, 5 tied in x, 5 in y. */
static void rank_correlations_are_those_of_the_formulas(void **unused) {
  (void)unused;
  const double x[] = {1, 2, 3, 4, 5}, y[] = {3, 1, 2, 5, 4}, x_tied[] = {1, 1, 2, 3}, y_tied[] = {1, 2, 2, 3};
  double value;
  rp_error err = {0};
  assert_ok(rp_spearman(x, y, 5, &value, &err), err);
  assert_near(value, 0.6, 1e-14);
  assert_ok(rp_kendall(x, y, 5, &value, &err), err);
  assert_near(value, 0.4, 1e-14);
  assert_ok(rp_kendall(x_tied, y_tied, 4, &value, &err), err);
  assert_near(value, 0.8, 1e-14);
  assert_ok(rp_spearman(X, Y, 12, &value, &err), err);
  assert_near(value, 0.3410714285714285, 1e-12);
  assert_ok(rp_kendall(X, Y, 12, &value, &err), err);
  assert_near(value, 0.22950819672131148, 1e-12);
}

/* All pairs, one after the other: what the sorting has to come to. Few distinct values make ties of every kind. */
static double kendall_of_all_pairs(const double *x, const double *y, int n) {
  double concordant = 0, discordant = 0, in_x = 0, in_y = 0;
  for (int i = 0; i < n; i++)
    for (int j = 0; j < i; j++) {
      double product = (x[i] - x[j]) * (y[i] - y[j]);
      concordant += product > 0, discordant += product < 0;
      in_x += x[i] == x[j], in_y += y[i] == y[j];
    }
  double all = 0.5 * n * (n - 1);
  return (concordant - discordant) / sqrt((all - in_x) * (all - in_y));
}

static void kendall_counts_every_pair_as_a_loop_over_pairs_does(void **unused) {
  (void)unused;
  unsigned state = 12345;
  for (int n = 2; n < 200; n += 13)
    for (unsigned n_values = 2; n_values < 1000; n_values *= 4) {
      double x[200], y[200], value, expected;
      for (int i = 0; i < n; i++) {
        state = state * 1103515245u + 12345u;
        x[i] = (double)(state >> 16 & 0x7fff) / 32768;
        state = state * 1103515245u + 12345u;
        y[i] = (double)(state >> 16 & 0x7fff) / 32768;
        x[i] = floor(x[i] * n_values), y[i] = floor((x[i] / n_values + y[i]) * n_values);
      }
      rp_error err = {0};
      assert_ok(rp_kendall(x, y, n, &value, &err), err);
      expected = kendall_of_all_pairs(x, y, n);
      if (isnan(expected))
        assert_true(isnan(value));
      else
        assert_near(value, expected, 1e-12);
    }
}

static void opposite_orders_correlate_to_minus_one_and_a_constant_to_nothing(void **unused) {
  (void)unused;
  const double up[] = {1, 2, 5, 9}, down[] = {0.4, 0.3, 0.2, -7}, flat[] = {2, 2, 2, 2};
  double value;
  rp_error err = {0};
  rp_status (*const correlations[])(const double *, const double *, int, double *, rp_error *) = {rp_spearman, rp_kendall};
  for (int i = 0; i < 2; i++) {
    assert_ok(correlations[i](up, down, 4, &value, &err), err);
    assert_near(value, -1, 1e-14);
    assert_ok(correlations[i](up, up, 4, &value, &err), err);
    assert_near(value, 1, 1e-14);
    assert_ok(correlations[i](up, flat, 4, &value, &err), err);
    assert_true(isnan(value));
    assert_ok(correlations[i](flat, up, 4, &value, &err), err);
    assert_true(isnan(value));
    assert_ok(correlations[i](up, down, 1, &value, &err), err);
    assert_true(isnan(value));
    assert_ok(correlations[i](up, down, 0, &value, &err), err);
    assert_true(isnan(value));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(quantiles_of_t_are_those_of_r),
      cmocka_unit_test(a_summary_has_the_mean_the_sample_deviation_and_students_interval),
      cmocka_unit_test(one_seed_has_no_deviation_and_none_has_no_mean),
      cmocka_unit_test(rule_24_n_is_the_number_of_distinct_seeds_never_of_rows),
      cmocka_unit_test(rule_24_differences_are_paired_by_seed),
      cmocka_unit_test(arms_without_a_common_seed_have_no_difference),
      cmocka_unit_test(equal_values_share_the_mean_of_their_ranks),
      cmocka_unit_test(rank_correlations_are_those_of_the_formulas),
      cmocka_unit_test(kendall_counts_every_pair_as_a_loop_over_pairs_does),
      cmocka_unit_test(opposite_orders_correlate_to_minus_one_and_a_constant_to_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
