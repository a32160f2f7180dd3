/* test_select.c: normalisation, exact counts, limits and ties (SEMANTICS rules 12 to 14). */
#include "core/ranking/select.h"
#include "tests/check.h"

#include <stdio.h>

enum { A = 4, B = 6, F = A + B };

static const int TWO_LAYERS[] = {A, B};
static const char *const NAMES[] = {"conv1", "conv2"};
static const rp_filter_counts COUNTS = {2, TWO_LAYERS, NAMES};
static const uint8_t ALL[F] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

static rp_decimal percent(const char *text) {
  rp_decimal p;
  assert_true(rp_decimal_parse(text, &p));
  return p;
}

static rp_selection drop(const char *p) {
  return (rp_selection){.p = percent(p), .keep_at_least = 1, .drop_at_most = percent("100")};
}

static rp_selection_record select_into(const rp_selection *how, const float *scores, const uint8_t *active, uint8_t *set) {
  rp_error err = {0};
  rp_selection_record record;
  assert_ok(rp_select(&COUNTS, how, scores, active, 1, 1, set, NULL, &record, &err), err);
  return record;
}

static void assert_set(const uint8_t *set, const char *expected) {
  for (int f = 0; f < F; f++)
    if (set[f] != (expected[f] == 'x')) fail_msg("filter %d: %d, expected %s", f, set[f], expected);
}

/* ---- Rule 12 --------------------------------------------------------------------------------- */

static void assert_normalised(rp_normalise how, const float expected[F]) {
  /* The inactive filter's NaN must neither count nor change. */
  float scores[F] = {3, -4, NAN, 0, /**/ 2, 2, 8, 1, 1, 2};
  uint8_t active[F] = {1, 1, 0, 1, 1, 1, 1, 1, 1, 1};
  rp_error err = {0};
  assert_ok(rp_normalise_scores(&COUNTS, how, active, scores, &err), err);
  for (int f = 0; f < F; f++) {
    if (f == 2)
      assert_true(isnan(scores[f]));
    else
      assert_near(scores[f], expected[f], 1e-6);
  }
}

static void rule_12_scores_are_normalised_per_layer_over_active_filters(void **unused) {
  (void)unused;
  double mean_a = 7.0 / 3, mean_b = 16.0 / 6, l2_b = sqrt(78);
  assert_normalised(RP_NORMALISE_NONE, (float[]){3, -4, 0, 0, 2, 2, 8, 1, 1, 2});
  assert_normalised(RP_NORMALISE_LAYER_MEAN,
                    (float[]){(float)(3 / mean_a), (float)(-4 / mean_a), 0, 0, (float)(2 / mean_b), (float)(2 / mean_b), 3,
                              (float)(1 / mean_b), (float)(1 / mean_b), (float)(2 / mean_b)});
  assert_normalised(RP_NORMALISE_LAYER_L2, (float[]){.6f, -.8f, 0, 0, (float)(2 / l2_b), (float)(2 / l2_b), (float)(8 / l2_b),
                                                     (float)(1 / l2_b), (float)(1 / l2_b), (float)(2 / l2_b)});
  assert_normalised(RP_NORMALISE_LAYER_MAX, (float[]){.75f, -1, 0, 0, .25f, .25f, 1, .125f, .125f, .25f});
  /* ranks of layer 2: 1 1 share (0 + 1) / 2, the three 2s share (2 + 3 + 4) / 3, 8 has 5; divided by 5 */
  assert_normalised(RP_NORMALISE_LAYER_RANK, (float[]){1, 0, 0, .5f, .6f, .6f, 1, .1f, .1f, .6f});
}

static void rule_12_a_zero_divisor_leaves_the_layer_as_it_is(void **unused) {
  (void)unused;
  rp_error err = {0};
  for (int how = RP_NORMALISE_NONE; how <= RP_NORMALISE_LAYER_MAX; how++) {
    float scores[F] = {0, -0.0f, 0, 0, 1, 1, 1, 1, 1, 1};
    assert_ok(rp_normalise_scores(&COUNTS, (rp_normalise)how, ALL, scores, &err), err);
    for (int f = 0; f < A; f++) assert_near(scores[f], 0, 0);
  }
}

static void rule_12_a_lone_filter_ranks_in_the_middle(void **unused) {
  (void)unused;
  rp_error err = {0};
  float scores[F] = {-5, 0, 0, 0, 1, 1, 1, 1, 1, 1};
  uint8_t active[F] = {1, 0, 0, 0, 1, 1, 1, 1, 1, 1};
  assert_ok(rp_normalise_scores(&COUNTS, RP_NORMALISE_LAYER_RANK, active, scores, &err), err);
  assert_near(scores[0], .5, 0);
  assert_near(scores[5], .5, 1e-7);
}

static void names_of_normalisations_parse_back(void **unused) {
  (void)unused;
  rp_normalise parsed;
  for (int i = 0; i < RP_N_NORMALISES; i++) {
    assert_true(rp_normalise_parse(rp_normalise_name((rp_normalise)i), &parsed));
    assert_int_equal(parsed, i);
  }
  assert_false(rp_normalise_parse("layer", &parsed));
}

/* ---- Rule 13: counts ------------------------------------------------------------------------- */

static void rule_13_the_count_is_exact_for_every_p_and_every_number_of_filters(void **unused) {
  (void)unused;
  for (int tenths = 0; tenths <= 1000; tenths++) {
    char text[16];
    snprintf(text, sizeof text, "%d.%d", tenths / 10, tenths % 10);
    rp_decimal p = percent(text);
    for (int n = 1; n <= 2000; n++)
      if (rp_decimal_share(p, (uint64_t)n) != (uint64_t)(tenths * n / 1000))
        fail_msg("%s %% of %d is %d, not %d", text, n, tenths * n / 1000, (int)rp_decimal_share(p, (uint64_t)n));
  }
}

static void rule_13_as_many_filters_are_dropped_as_the_decimal_says(void **unused) {
  (void)unused;
  enum { MOST = 97 };
  float scores[MOST] = {0};
  uint8_t active[MOST], set[MOST];
  memset(active, 1, sizeof active);
  for (int n = 1; n <= MOST; n += 8)
    for (int tenths = 0; tenths <= 1000; tenths += 7) {
      char text[16];
      snprintf(text, sizeof text, "%d.%d", tenths / 10, tenths % 10);
      rp_selection how = drop(text);
      how.keep_at_least = 0;
      rp_filter_counts counts = {1, &n, NAMES};
      rp_selection_record record;
      rp_error err = {0};
      assert_ok(rp_select(&counts, &how, scores, active, 1, 1, set, NULL, &record, &err), err);
      int dropped = 0;
      for (int f = 0; f < n; f++) dropped += set[f];
      assert_int_equal(dropped, tenths * n / 1000);
      assert_int_equal(record.count, dropped);
    }
}

static void a_decimal_is_kept_as_it_is_written(void **unused) {
  (void)unused;
  static const struct {
    const char *text;
    uint64_t digits;
    uint32_t decimals;
  } good[] = {
      {"30", 30, 0}, {"30.0", 30, 0}, {"12.50", 125, 1}, {"0", 0, 0}, {"0.1", 1, 1}, {"007", 7, 0}, {"33.333333333", 33333333333, 9}};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    rp_decimal p = percent(good[i].text);
    assert_int_equal(p.digits, good[i].digits);
    assert_int_equal(p.decimals, good[i].decimals);
  }
  static const char *const bad[] = {"",   ".",   ".5",  "5.",    "-1",  "+1",           "1e1",          " 1",
                                    "1 ", "0x1", "nan", "1.2.3", "1,5", "0.1234567891", "1000000000000"};
  rp_decimal p;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    if (rp_decimal_parse(bad[i], &p)) fail_msg("«%s» was taken for a decimal", bad[i]);
}

static void the_share_is_exact_at_the_largest_numbers(void **unused) {
  (void)unused;
  assert_int_equal(rp_decimal_share(percent("99.999999999"), 4000000000u), 3999999999u);
  assert_int_equal(rp_decimal_share(percent("0.000000001"), 100000000000u), 1);
  assert_int_equal(rp_decimal_share(percent("0.000000001"), 99999999999u), 0);
}

/* ---- Rule 13: which ones, limits ------------------------------------------------------------- */

static const float RISING[F] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};

static void rule_13_the_worst_of_the_whole_net_go(void **unused) {
  (void)unused;
  uint8_t set[F];
  rp_selection how = drop("30");
  rp_selection_record record = select_into(&how, (float[]){9, 1, 8, 2, 7, 3, 6, 4, 5, 0}, ALL, set);
  assert_set(set, ".x.x.....x");
  assert_int_equal(record.count, 3);
  assert_int_equal(record.limits_used, 0);
  assert_int_equal(record.ties_at_cut, 0);
}

static void rule_13_with_scope_layer_each_layer_gives_its_own_share(void **unused) {
  (void)unused;
  uint8_t set[F];
  rp_selection how = drop("50");
  how.scope = RP_SCOPE_LAYER;
  select_into(&how, RISING, ALL, set);
  assert_set(set, "xx..xxx...");
  /* floor(0.4 · 4) = 1, floor(0.4 · 6) = 2 */
  how = drop("40");
  how.scope = RP_SCOPE_LAYER;
  assert_int_equal(select_into(&how, RISING, ALL, set).count, 3);
  assert_set(set, "x...xx....");
}

static void rule_13_a_skipped_layer_drops_none_and_its_quota_is_not_moved(void **unused) {
  (void)unused;
  uint8_t set[F];
  rp_selection how = drop("50");
  how.scope = RP_SCOPE_LAYER;
  how.skip = (uint8_t[]){1, 0};
  rp_selection_record record = select_into(&how, RISING, ALL, set);
  assert_set(set, "....xxx...");
  assert_int_equal(record.limits_used, 2);
}

/* 2 of conv1's 4 would be too many where 3 stay, 3 of conv2's 6 are not. */
static void rule_13_limits_do_not_bind_the_quota_of_a_skipped_layer(void **unused) {
  (void)unused;
  uint8_t set[F];
  uint32_t lowest[2], highest[2];
  int count;
  rp_error err = {0};
  rp_selection how = drop("50");
  how.scope = RP_SCOPE_LAYER;
  how.keep_at_least = 3;
  how.skip = (uint8_t[]){1, 0};
  assert_ok(rp_selection_count(&COUNTS, &how, NULL, &count, lowest, highest, &err), err);
  assert_int_equal(count, 3);
  assert_true(lowest[0] == 0 && highest[0] == 0 && lowest[1] == 3 && highest[1] == 3);
  assert_int_equal(select_into(&how, RISING, ALL, set).limits_used, 2);
  assert_set(set, "....xxx...");
}

static void rule_13_limits_change_which_filters_go_not_how_many(void **unused) {
  (void)unused;
  uint8_t set[F];
  rp_selection how = drop("50");
  rp_selection_record record = select_into(&how, RISING, ALL, set);
  assert_set(set, "xxx.xx....");
  assert_int_equal(record.limits_used, 1);

  how.keep_at_least = 2;
  record = select_into(&how, RISING, ALL, set);
  assert_set(set, "xx..xxx...");
  assert_int_equal(record.limits_used, 2);

  how = drop("50");
  how.drop_at_most = percent("25");
  how.p = percent("20");
  record = select_into(&how, RISING, ALL, set);
  assert_set(set, "x...x.....");
  assert_int_equal(record.limits_used, 1);

  how = drop("40");
  how.skip = (uint8_t[]){1, 0};
  record = select_into(&how, RISING, ALL, set);
  assert_set(set, "....xxxx..");
  assert_int_equal(record.limits_used, 4);
}

static void rule_13_a_share_of_a_layer_that_may_go_is_rounded_down(void **unused) {
  (void)unused;
  uint8_t set[F];
  rp_selection how = drop("50");
  how.drop_at_most = percent("74.9"); /* 2.996 of 4 */
  select_into(&how, RISING, ALL, set);
  assert_set(set, "xx..xxx...");
}

static void rule_13_a_second_drop_before_a_regrow_drops_as_many_again(void **unused) {
  (void)unused;
  uint8_t set[F];
  uint8_t active[F] = {0, 0, 1, 1, 0, 1, 1, 1, 1, 1};
  rp_selection how = drop("30");
  rp_selection_record record = select_into(&how, RISING, active, set);
  assert_int_equal(record.count, 3);
  /* keep_at_least holds filter 3: only one of conv1's two may go */
  assert_set(set, "..x..xx...");
  assert_int_equal(record.limits_used, 1);
  /* of the worst five (2, 3, 5, 6, 7) two are of conv1, and stay */
  how.p = percent("50");
  how.skip = (uint8_t[]){1, 0};
  how.keep_at_least = 0;
  record = select_into(&how, RISING, active, set);
  assert_set(set, ".....xxxxx");
  assert_int_equal(record.limits_used, 2);
}

static void rule_13_drop_at_most_counts_earlier_drops(void **unused) {
  (void)unused;
  uint8_t set[F];
  uint8_t active[F] = {0, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  rp_selection how = drop("20");
  how.drop_at_most = percent("50"); /* 2 of conv1, one of which is gone */
  assert_int_equal(select_into(&how, RISING, active, set).limits_used, 1);
  assert_set(set, ".x..x.....");
}

/* 1 of conv1's 4 and 1 of conv2's 6 once more, after filters 0 and 4. */
static void rule_13_with_scope_layer_a_second_drop_takes_each_layers_quota_again(void **unused) {
  (void)unused;
  uint8_t set[F];
  const uint8_t active[F] = {0, 1, 1, 1, 0, 1, 1, 1, 1, 1}, gone[F] = {1, 0, 0, 0, 1};
  int count;
  rp_error err = {0};
  rp_selection how = drop("25");
  how.scope = RP_SCOPE_LAYER;
  how.keep_at_least = 2;
  assert_int_equal(select_into(&how, RISING, active, set).limits_used, 0);
  assert_set(set, ".x...x....");
  how.keep_at_least = 3;
  assert_fails(rp_selection_count(&COUNTS, &how, gone, &count, NULL, NULL, &err), RP_EINPUT, err,
               "layer conv1: 1 of its 4 filters are to be dropped, but the limits leave 0 (1 dropped before, keep_at_least 3");

  how.keep_at_least = 0;
  how.drop_at_most = percent("50"); /* 2 of conv1, 3 of conv2 */
  select_into(&how, RISING, active, set);
  assert_set(set, ".x...x....");
  how.drop_at_most = percent("49");
  assert_fails(
      rp_selection_count(&COUNTS, &how, gone, &count, NULL, NULL, &err), RP_EINPUT, err,
      "layer conv1: 1 of its 4 filters are to be dropped, but the limits leave 0 (1 dropped before, keep_at_least 0, drop_at_most 1 ");

  /* a skipped layer's filters may be gone already, from a drop that did not skip it; another of its quota stays */
  how.skip = (uint8_t[]){1, 0};
  assert_int_equal(select_into(&how, RISING, active, set).limits_used, 1);
  assert_set(set, ".....x....");
}

static void rule_13_with_scope_layer_drop_at_most_binds_the_first_drop_too(void **unused) {
  (void)unused;
  uint8_t set[F];
  int count;
  rp_error err = {0};
  rp_selection how = drop("50");
  how.scope = RP_SCOPE_LAYER;
  how.drop_at_most = percent("50");
  select_into(&how, RISING, ALL, set);
  assert_set(set, "xx..xxx...");
  how.drop_at_most = percent("49.9");
  assert_fails(
      rp_selection_count(&COUNTS, &how, NULL, &count, NULL, NULL, &err), RP_EINPUT, err,
      "layer conv1: 2 of its 4 filters are to be dropped, but the limits leave 1 (0 dropped before, keep_at_least 1, drop_at_most 1 ");
}

static void rule_13_a_count_that_cannot_be_met_is_an_error_with_the_numbers(void **unused) {
  (void)unused;
  rp_error err = {0};
  int count;
  rp_selection how = drop("90");
  assert_fails(rp_selection_count(&COUNTS, &how, NULL, &count, NULL, NULL, &err), RP_EINPUT, err,
               "9 of 10 filters are to be dropped, but the limits leave 8");
  how = drop("50");
  how.skip = (uint8_t[]){0, 1};
  assert_fails(rp_selection_count(&COUNTS, &how, NULL, &count, NULL, NULL, &err), RP_EINPUT, err,
               "5 of 10 filters are to be dropped, but the limits leave 3");
  how = drop("50");
  how.scope = RP_SCOPE_LAYER;
  how.keep_at_least = 3;
  assert_fails(rp_selection_count(&COUNTS, &how, NULL, &count, NULL, NULL, &err), RP_EINPUT, err, "layer conv1: 2 of its 4 filters");
  how = drop("30");
  assert_fails(rp_selection_count(&COUNTS, &how, (uint8_t[F]){1, 1, 1, 0, 1, 1, 1}, &count, NULL, NULL, &err), RP_EINPUT, err,
               "6 dropped before");
  how = drop("100.5");
  assert_fails(rp_selection_count(&COUNTS, &how, NULL, &count, NULL, NULL, &err), RP_EINPUT, err, "p is 100.5");
}

static void rule_13_bounds_per_layer_are_told_before_a_choice(void **unused) {
  (void)unused;
  rp_error err = {0};
  int count;
  uint32_t lowest[2], highest[2];
  rp_selection how = drop("30");
  how.drop_at_most = percent("50");
  assert_ok(rp_selection_count(&COUNTS, &how, (uint8_t[F]){1}, &count, lowest, highest, &err), err);
  assert_int_equal(count, 3);
  assert_int_equal(lowest[0] + lowest[1], 0);
  assert_int_equal(highest[0], 1);
  assert_int_equal(highest[1], 3);
}

/* ---- Rule 14 --------------------------------------------------------------------------------- */

/* How often each filter goes over many keys, where all scores are equal. */
static void rule_14_ties_are_broken_by_a_draw_that_favours_none(void **unused) {
  (void)unused;
  enum { N = 2000 };
  int gone[F] = {0};
  uint8_t set[F];
  float scores[F] = {0};
  scores[3] = -0.0f; /* equal to 0 */
  rp_selection how = drop("50");
  how.keep_at_least = 0;
  rp_selection_record record;
  rp_error err = {0};
  for (uint64_t seed = 0; seed < N; seed++) {
    assert_ok(rp_select(&COUNTS, &how, scores, ALL, seed, 1, set, NULL, &record, &err), err);
    for (int f = 0; f < F; f++) gone[f] += set[f];
    assert_int_equal(record.ties_at_cut, F);
  }
  /* 0.5 ± 5 standard deviations */
  for (int f = 0; f < F; f++) assert_near((double)gone[f] / N, 0.5, 5 * sqrt(0.25 / N));
}

static void rule_14_the_draw_is_keyed_by_seed_and_cycle_and_not_by_what_else_is_active(void **unused) {
  (void)unused;
  enum { N = 64 };
  int one_layer = N;
  rp_filter_counts counts = {1, &one_layer, NAMES};
  float scores[N] = {0};
  uint8_t active[N], sets[4][N];
  int ranks[N], ranks_without[N];
  memset(active, 1, sizeof active);
  rp_selection how = drop("50");
  rp_selection_record record;
  rp_error err = {0};
  assert_ok(rp_select(&counts, &how, scores, active, 1, 1, sets[0], ranks, &record, &err), err);
  assert_ok(rp_select(&counts, &how, scores, active, 1, 1, sets[1], NULL, &record, &err), err);
  assert_ok(rp_select(&counts, &how, scores, active, 2, 1, sets[2], NULL, &record, &err), err);
  assert_ok(rp_select(&counts, &how, scores, active, 1, 2, sets[3], NULL, &record, &err), err);
  assert_memory_equal(sets[0], sets[1], N);
  assert_memory_not_equal(sets[0], sets[2], N);
  assert_memory_not_equal(sets[0], sets[3], N);

  active[0] = 0;
  assert_ok(rp_select(&counts, &how, scores, active, 1, 1, sets[1], ranks_without, &record, &err), err);
  for (int f = 1; f < N; f++) assert_int_equal(ranks_without[f], ranks[f] - (ranks[f] > ranks[0]));
}

static void rule_14_ties_are_counted_where_the_draw_decided(void **unused) {
  (void)unused;
  uint8_t set[F];
  rp_selection how = drop("30");
  /* three at 1, two of which go beside the one at 0 */
  assert_int_equal(select_into(&how, (float[]){5, 1, 6, 7, 0, 1, 8, 1, 9, 9}, ALL, set).ties_at_cut, 3);
  /* equal scores on one side of the cut only */
  assert_int_equal(select_into(&how, (float[]){5, 1, 6, 7, 0, 1, 8, 9, 9, 9}, ALL, set).ties_at_cut, 0);
  /* the tied one of a skipped layer could not have gone */
  how.skip = (uint8_t[]){1, 0};
  assert_int_equal(select_into(&how, (float[]){5, 1, 6, 7, 0, 1, 8, 1, 9, 9}, ALL, set).ties_at_cut, 0);
  /* conv1 may give one: its three 0s compete, though the net's last dropped score is another */
  how = drop("20");
  how.drop_at_most = percent("25");
  assert_int_equal(select_into(&how, (float[]){0, 0, 0, 7, 1, 2, 8, 9, 9, 9}, ALL, set).ties_at_cut, 3);
  /* scope layer: equal scores of different layers do not compete */
  how = drop("25");
  how.scope = RP_SCOPE_LAYER;
  assert_int_equal(select_into(&how, (float[]){1, 2, 3, 4, 0, 1, 2, 3, 4, 5}, ALL, set).ties_at_cut, 0);
  assert_int_equal(select_into(&how, (float[]){1, 1, 3, 4, 0, 1, 2, 3, 4, 5}, ALL, set).ties_at_cut, 2);
}

static void rule_14_a_drop_is_by_the_draw_where_no_fewer_are_tied_than_go(void **unused) {
  (void)unused;
  assert_true(rp_selection_is_by_draw(&(rp_selection_record){.count = 3, .ties_at_cut = 3}));
  assert_false(rp_selection_is_by_draw(&(rp_selection_record){.count = 3, .ties_at_cut = 2}));
  assert_false(rp_selection_is_by_draw(&(rp_selection_record){.count = 0, .ties_at_cut = 0}));
}

static void ranks_count_from_the_most_important_and_are_0_for_inactive_filters(void **unused) {
  (void)unused;
  uint8_t set[F], active[F] = {1, 0, 1, 1, 1, 1, 1, 1, 1, 1};
  int ranks[F];
  float scores[F] = {5, NAN, 6, 7, 0, 1, 8, 2, 9, 4};
  rp_selection how = drop("30");
  rp_selection_record record;
  rp_error err = {0};
  assert_ok(rp_select(&COUNTS, &how, scores, active, 1, 1, set, ranks, &record, &err), err);
  int expected[F] = {5, 0, 4, 3, 9, 8, 2, 7, 1, 6};
  for (int f = 0; f < F; f++) assert_int_equal(ranks[f], expected[f]);
  assert_set(set, "....xx.x..");
}

/* Three of ten, conv1 skipped: its two worst stay because of that; the plugin passes over one of three equal filters, and nobody drew. */
static void a_set_that_was_chosen_has_ranks_and_limits_but_no_ties(void **unused) {
  (void)unused;
  const uint8_t skip[] = {1, 0};
  rp_selection how = drop("30");
  how.skip = skip;
  const float scores[F] = {1, 2, 90, 91, /**/ 5, 5, 5, 80, 81, 82};
  const uint8_t set[F] = {0, 0, 0, 0, /**/ 1, 0, 1, 1, 0, 0};
  int ranks[F];
  rp_selection_record record;
  rp_error err = {0};
  assert_ok(rp_selection_describe(&COUNTS, &how, scores, ALL, 1, 1, set, ranks, &record, &err), err);
  assert_int_equal(record.count, 3);
  assert_int_equal(record.limits_used, 2);
  assert_int_equal(record.ties_at_cut, 0);
  const int best_to_worst[] = {3, 2, 9, 8, 7};
  for (int i = 0; i < 5; i++) assert_int_equal(ranks[best_to_worst[i]], i + 1);
  assert_int_equal(ranks[4] + ranks[5] + ranks[6], 6 + 7 + 8);
  assert_int_equal(ranks[1], 9);
  assert_int_equal(ranks[0], 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rule_12_scores_are_normalised_per_layer_over_active_filters),
      cmocka_unit_test(rule_12_a_zero_divisor_leaves_the_layer_as_it_is),
      cmocka_unit_test(rule_12_a_lone_filter_ranks_in_the_middle),
      cmocka_unit_test(names_of_normalisations_parse_back),
      cmocka_unit_test(rule_13_the_count_is_exact_for_every_p_and_every_number_of_filters),
      cmocka_unit_test(rule_13_as_many_filters_are_dropped_as_the_decimal_says),
      cmocka_unit_test(a_decimal_is_kept_as_it_is_written),
      cmocka_unit_test(the_share_is_exact_at_the_largest_numbers),
      cmocka_unit_test(rule_13_the_worst_of_the_whole_net_go),
      cmocka_unit_test(rule_13_with_scope_layer_each_layer_gives_its_own_share),
      cmocka_unit_test(rule_13_a_skipped_layer_drops_none_and_its_quota_is_not_moved),
      cmocka_unit_test(rule_13_limits_do_not_bind_the_quota_of_a_skipped_layer),
      cmocka_unit_test(rule_13_limits_change_which_filters_go_not_how_many),
      cmocka_unit_test(rule_13_a_share_of_a_layer_that_may_go_is_rounded_down),
      cmocka_unit_test(rule_13_a_second_drop_before_a_regrow_drops_as_many_again),
      cmocka_unit_test(rule_13_drop_at_most_counts_earlier_drops),
      cmocka_unit_test(rule_13_with_scope_layer_a_second_drop_takes_each_layers_quota_again),
      cmocka_unit_test(rule_13_with_scope_layer_drop_at_most_binds_the_first_drop_too),
      cmocka_unit_test(rule_13_a_count_that_cannot_be_met_is_an_error_with_the_numbers),
      cmocka_unit_test(rule_13_bounds_per_layer_are_told_before_a_choice),
      cmocka_unit_test(rule_14_ties_are_broken_by_a_draw_that_favours_none),
      cmocka_unit_test(rule_14_the_draw_is_keyed_by_seed_and_cycle_and_not_by_what_else_is_active),
      cmocka_unit_test(rule_14_ties_are_counted_where_the_draw_decided),
      cmocka_unit_test(rule_14_a_drop_is_by_the_draw_where_no_fewer_are_tied_than_go),
      cmocka_unit_test(ranks_count_from_the_most_important_and_are_0_for_inactive_filters),
      cmocka_unit_test(a_set_that_was_chosen_has_ranks_and_limits_but_no_ties),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
