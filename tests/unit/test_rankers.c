/* test_rankers.c: criteria of weights on contexts small enough to compute their scores by hand (PAPER section 2); random; what each says of
 * itself. */
#include "tests/criteria.h"

/* conv1: four filters of 1×1×2 weights, the last one inactive; conv2: two of 3×1×1, one of which is zero. */
enum { K1 = 4, K2 = 2, F = K1 + K2 };

static const float WEIGHT1[] = {3, 4, /**/ -1, 0, /**/ 0, 2, /**/ 100, 100}, WEIGHT2[] = {2, 0, 0, /**/ 0, 0, 0};
static const uint8_t ACTIVE1[K1] = {1, 1, 1, 0}, ALL_ACTIVE[] = {1, 1, 1, 1};
static rp_conv_layer conv1 = CONV("conv1", K1, 1, 1, 2, WEIGHT1, ACTIVE1), conv2 = CONV("conv2", K2, 3, 1, 1, WEIGHT2, ALL_ACTIVE);
static rp_conv_layer *const TWO_LAYERS[] = {&conv1, &conv2};

/* A layer of three filters with two input channels of 1×2 weights. */
static const float KERNELS[] = {3, 4, 1, 0, /**/ -1, 0, 0, 2, /**/ 0, 2, 1, 1};
static rp_conv_layer deep = CONV("deep", 3, 2, 1, 2, KERNELS, ALL_ACTIVE);
static rp_conv_layer *const DEEP[] = {&deep};

static double uniform(const rp_context *context, uint32_t i, uint32_t j) {
  (void)context;
  return (10 * i + j + 1) / 100.0;
}

static void assert_scores(const char *name, const char *options, const double expected[F]) {
  rp_context context = context_of(TWO_LAYERS, 2);
  context.uniform = uniform;
  assert_importances(name, options, &context, NULL, 0, expected);
}

static void assert_scores_of_deep(const char *name, const char *options, const double expected[3]) {
  rp_context context = context_of(DEEP, 1);
  assert_importances(name, options, &context, NULL, 0, expected);
}

/* Of filters of two weights each, all active. */
static void assert_scores_of_pairs(const char *name, const char *options, const float *weights, uint32_t K, const double *expected) {
  rp_conv_layer layer = CONV("pairs", K, 1, 1, 2, weights, ALL_ACTIVE);
  rp_context context = context_of((rp_conv_layer *const[]){&layer}, 1);
  assert_importances(name, options, &context, NULL, 0, expected);
}

/* ---- ortho ----------------------------------------------------------------------------------- */

/* cos(0,1) = −3/5, cos(0,2) = 4/5, cos(1,2) = 0; J = 3, without the inactive filter. In conv2 one filter is zero: nothing overlaps. */
static void ortho_is_the_mean_of_absolute_cosines_as_in_the_paper(void **unused) {
  (void)unused;
  assert_scores("ortho", "", (double[F]){-1.4 / 3, -0.6 / 3, -0.8 / 3, 0, 0, 0});
  assert_scores("ortho", "variant paper level filter dimension off sequential off", (double[F]){-1.4 / 3, -0.6 / 3, -0.8 / 3, 0, 0, 0});
}

/* Dot products −3, 8 and 0; ‖W‖² = 25 + 1 + 4 = 30; the absolute value is taken after the sum: |−3 + 8| for the first. */
static void ortho_of_the_authors_has_one_norm_and_takes_the_absolute_value_last(void **unused) {
  (void)unused;
  assert_scores("ortho", "variant authors", (double[F]){-5 / 30.0 / 3, -3 / 30.0 / 3, -8 / 30.0 / 3, 0, 0, 0});
}

static void signed_ortho_lets_opposite_filters_make_up_for_alike_ones(void **unused) {
  (void)unused;
  assert_scores("ortho", "variant signed", (double[F]){-0.2 / 3, 0.6 / 3, -0.8 / 3, 0, 0, 0});
}

/* Channel 0 has the filters of conv1. Channel 1: (1,0), (0,2), (1,1): cos(0,1) = 0, cos(0,2) = cos(1,2) = 1/√2, dot products 0, 1 and 2,
 * squares 1 + 4 + 2. */
static void ortho_of_kernels_compares_channel_by_channel_and_averages(void **unused) {
  (void)unused;
  const double r = sqrt(0.5);
  assert_scores_of_deep("ortho", "level kernel", (double[]){-(1.4 + r) / 6, -(0.6 + r) / 6, -(0.8 + 2 * r) / 6});
  assert_scores_of_deep("ortho", "level kernel variant signed", (double[]){-(0.2 + r) / 6, -(-0.6 + r) / 6, -(0.8 + 2 * r) / 6});
  assert_scores_of_deep("ortho", "level kernel variant authors",
                        (double[]){-(5 / 30.0 + 1 / 7.0) / 6, -(3 / 30.0 + 2 / 7.0) / 6, -(8 / 30.0 + 3 / 7.0) / 6});
}

/* Whole filters of `deep`: dot products −3 + 0, 8 + 1, 0 + 2; squares 26, 5 and 6. */
static void ortho_of_filters_takes_all_channels_together(void **unused) {
  (void)unused;
  const double c01 = 3 / sqrt(26 * 5), c02 = 9 / sqrt(26 * 6), c12 = 2 / sqrt(5 * 6);
  assert_scores_of_deep("ortho", "", (double[]){-(c01 + c02) / 3, -(c01 + c12) / 3, -(c02 + c12) / 3});
}

/* d = 2 in conv1 and for the kernels of `deep`, 4 for its filters: √(2/(πd)) is 1/√π and 1/√(2π). */
static void ortho_by_dimension_divides_by_what_random_vectors_of_that_length_have(void **unused) {
  (void)unused;
  const double pi = acos(-1), r = sqrt(0.5), wide = sqrt(2 * pi), c01 = 3 / sqrt(26 * 5), c02 = 9 / sqrt(26 * 6), c12 = 2 / sqrt(5 * 6);
  assert_scores("ortho", "dimension on", (double[F]){-1.4 / 3 * sqrt(pi), -0.6 / 3 * sqrt(pi), -0.8 / 3 * sqrt(pi), 0, 0, 0});
  assert_scores("ortho", "dimension on variant authors",
                (double[F]){-5 / 90.0 * sqrt(pi), -3 / 90.0 * sqrt(pi), -8 / 90.0 * sqrt(pi), 0, 0, 0});
  assert_scores_of_deep("ortho", "dimension on level kernel",
                        (double[]){-(1.4 + r) / 6 * sqrt(pi), -(0.6 + r) / 6 * sqrt(pi), -(0.8 + 2 * r) / 6 * sqrt(pi)});
  assert_scores_of_deep("ortho", "dimension on", (double[]){-(c01 + c02) / 3 * wide, -(c01 + c12) / 3 * wide, -(c02 + c12) / 3 * wide});
}

static void ortho_by_dimension_does_so_in_each_variant_at_each_level(void **unused) {
  (void)unused;
  const double pi = acos(-1), r = sqrt(0.5), wide = sqrt(2 * pi), c01 = 3 / sqrt(26 * 5), c02 = 9 / sqrt(26 * 6), c12 = 2 / sqrt(5 * 6);
  assert_scores("ortho", "dimension on variant signed", (double[F]){-0.2 / 3 * sqrt(pi), 0.6 / 3 * sqrt(pi), -0.8 / 3 * sqrt(pi), 0, 0, 0});
  assert_scores_of_deep("ortho", "dimension on variant signed",
                        (double[]){-(c02 - c01) / 3 * wide, -(c12 - c01) / 3 * wide, -(c02 + c12) / 3 * wide});
  /* the absolute values of the sums −3 + 9, −3 + 2 and 9 + 2 */
  assert_scores_of_deep("ortho", "dimension on variant authors",
                        (double[]){-6 / 37.0 / 3 * wide, -1 / 37.0 / 3 * wide, -11 / 37.0 / 3 * wide});
  assert_scores_of_deep("ortho", "dimension on level kernel variant signed",
                        (double[]){-(0.2 + r) / 6 * sqrt(pi), -(-0.6 + r) / 6 * sqrt(pi), -(0.8 + 2 * r) / 6 * sqrt(pi)});
  assert_scores_of_deep(
      "ortho", "dimension on level kernel variant authors",
      (double[]){-(5 / 30.0 + 1 / 7.0) / 6 * sqrt(pi), -(3 / 30.0 + 2 / 7.0) / 6 * sqrt(pi), -(8 / 30.0 + 3 / 7.0) / 6 * sqrt(pi)});
}

/* Filters 0 and 1 are equal, 2 is orthogonal to them, 3 has .6, .6 and .8. First goes 3 (2.0 of J = 4), then the later of the equal ones
 * (1.0); nothing overlaps then. */
static void of_two_equal_filters_sequential_ortho_takes_only_one(void **unused) {
  (void)unused;
  static const float equal[] = {1, 0, /**/ 1, 0, /**/ 0, 1, /**/ 3, 4}, first_is_smaller[] = {.5f, 0, /**/ 1, 0, /**/ 0, 1, /**/ 3, 4};
  assert_scores_of_pairs("ortho", "", equal, 4, (double[]){-1.6 / 4, -1.6 / 4, -0.8 / 4, -2.0 / 4});
  assert_scores_of_pairs("ortho", "sequential on", equal, 4, (double[]){0, -1.0 / 4, 0, -2.0 / 4});
  assert_scores_of_pairs("ortho", "sequential on level kernel", equal, 4, (double[]){0, -1.0 / 4, 0, -2.0 / 4});
  assert_scores_of_pairs("ortho", "sequential on", first_is_smaller, 4, (double[]){-1.0 / 4, 0, 0, -2.0 / 4});
  assert_scores_of_pairs("ortho", "sequential on dimension on", equal, 4, (double[]){0, -sqrt(acos(-1)) / 4, 0, -sqrt(acos(-1)) / 2});
}

/* Sums over both channels as in ortho_of_kernels_compares_channel_by_channel_and_averages: filter 2 overlaps most and goes first. In
 * channel 1 nothing overlaps then; in channel 0 filters 0 and 1 do, with each other: the smaller one, 1, goes. */
static void sequential_ortho_of_kernels_takes_a_filter_out_of_every_channel(void **unused) {
  (void)unused;
  const double r = sqrt(0.5);
  assert_scores_of_deep("ortho", "sequential on level kernel", (double[]){0, -0.6 / 6, -(0.8 + 2 * r) / 6});
  assert_scores_of_deep("ortho", "sequential on level kernel variant authors", (double[]){0, -3 / 30.0 / 6, -(8 / 30.0 + 3 / 7.0) / 6});
  /* last is filter 0, with nothing, but must not come before filter 1 */
  assert_scores_of_deep("ortho", "sequential on level kernel variant signed", (double[]){0.6 / 6, 0.6 / 6, -(0.8 + 2 * r) / 6});
  assert_scores_of_deep("ortho", "sequential on level kernel dimension on",
                        (double[]){0, -0.6 / 6 * sqrt(acos(-1)), -(0.8 + 2 * r) / 6 * sqrt(acos(-1))});
}

/* Two filters overlap equally, by 3/5 in channel 0. There filter 1 is the smaller one (1 and 5); all in all filter 0 is (√82 and 5), and
 * goes first. The authors' norm of channel 0 is 26. */
static void of_equal_kernels_sequential_ortho_takes_the_smaller_filter(void **unused) {
  (void)unused;
  static const float weights[] = {3, 4, 0, 0, /**/ 1, 0, 0, 9};
  rp_conv_layer layer = CONV("kernels", 2, 2, 1, 2, weights, ALL_ACTIVE);
  rp_context context = context_of((rp_conv_layer *const[]){&layer}, 1);
  assert_importances("ortho", "sequential on level kernel", &context, NULL, 0, (double[]){-0.6 / 4, 0});
  assert_importances("ortho", "sequential on level kernel variant authors", &context, NULL, 0, (double[]){-3 / 26.0 / 4, 0});
  assert_importances("ortho", "sequential on level kernel variant signed", &context, NULL, 0, (double[]){-0.6 / 4, 0});
}

/* Dot products 2, −2 and −1, ‖W‖² = 6, J = 3: |−3| takes filter 2; 0 and 1 then have 2 each, and the smaller one goes. */
static void sequential_ortho_of_the_authors_keeps_their_norm(void **unused) {
  (void)unused;
  static const float weights[] = {2, 0, /**/ 1, 0, /**/ -1, 0};
  assert_scores_of_pairs("ortho", "sequential on variant authors", weights, 3, (double[]){0, -2 / 18.0, -3 / 18.0});
}

/* (1,0), (1,0) and (−1,0): sums 0, 0, −2. The later of the equal ones goes (0), then, of two with −1 each, filter 2 (1/3); filter 0 alone
 * overlaps with nothing, but must not come before it. */
static void a_filter_of_sequential_ortho_never_gets_less_than_the_one_before_it(void **unused) {
  (void)unused;
  static const float weights[] = {1, 0, /**/ 1, 0, /**/ -1, 0};
  rp_conv_layer layer = CONV("pairs", 3, 1, 1, 2, weights, ALL_ACTIVE);
  rp_context context = context_of((rp_conv_layer *const[]){&layer}, 1);
  float importance[3];
  rp_message message;
  assert_int_equal(score_criterion("ortho", "sequential on variant signed", &context, NULL, 0, importance, &message), RP_RANKER_OK);
  assert_near(importance[1], 0, 0);
  assert_near(importance[2], 1 / 3.0, 1e-7);
  assert_true(importance[0] == nextafterf(importance[2], 1));
}

/* ---- Norms and distances --------------------------------------------------------------------- */

static void l2_is_the_norm_divided_by_the_root_of_the_number_of_weights(void **unused) {
  (void)unused;
  assert_scores("l2", "", (double[F]){5 / sqrt(2), 1 / sqrt(2), 2 / sqrt(2), 0, 2 / sqrt(3), 0});
}

static void l2_can_divide_by_the_number_of_weights_or_not_at_all(void **unused) {
  (void)unused;
  assert_scores("l2", "divide d", (double[F]){2.5, 0.5, 1, 0, 2 / 3.0, 0});
  assert_scores("l2", "divide none", (double[F]){5, 1, 2, 0, 2, 0});
}

static void l1_is_the_mean_absolute_weight_unless_asked_otherwise(void **unused) {
  (void)unused;
  assert_scores("l1", "", (double[F]){3.5, 0.5, 1, 0, 2 / 3.0, 0});
  assert_scores("l1", "divide sqrt-d", (double[F]){7 / sqrt(2), 1 / sqrt(2), 2 / sqrt(2), 0, 2 / sqrt(3), 0});
  assert_scores("l1", "divide none", (double[F]){7, 1, 2, 0, 2, 0});
}

/* Distances (4,4), (3,2) and (−1,−2); the inactive filter is far from all. */
static void fpgm_is_the_sum_of_distances_to_the_other_active_filters(void **unused) {
  (void)unused;
  const double d01 = sqrt(32), d02 = sqrt(13), d12 = sqrt(5);
  assert_scores("fpgm", "", (double[F]){d01 + d02, d01 + d12, d02 + d12, 0, 2, 2});
}

static void fpgm_of_equal_filters_is_zero(void **unused) {
  (void)unused;
  static const float equal[] = {3, -1, /**/ 3, -1, /**/ 3, -1};
  assert_scores_of_pairs("fpgm", "", equal, 3, (double[]){0, 0, 0});
}

static void bn_scale_is_the_absolute_gamma(void **unused) {
  (void)unused;
  static const float gamma1[K1] = {-2, 0.5f, 0, 9}, gamma2[K2] = {0.25f, -0.125f};
  conv1.bn_gamma = gamma1, conv2.bn_gamma = gamma2;
  assert_scores("bn-scale", "", (double[F]){2, 0.5, 0, 0, 0.25, 0.125});
  assert_scores("bn-scale", "missing keep", (double[F]){2, 0.5, 0, 0, 0.25, 0.125});
  conv1.bn_gamma = conv2.bn_gamma = NULL;
}

static void bn_scale_refuses_a_layer_without_batch_norm_or_ranks_it_last(void **unused) {
  (void)unused;
  static const float gamma1[K1] = {-2, 0.5f, 0, 9};
  conv1.bn_gamma = gamma1;
  rp_context context = context_of(TWO_LAYERS, 2);
  float importance[F];
  rp_message message;
  assert_int_equal(score_criterion("bn-scale", "", &context, NULL, 0, importance, &message), RP_RANKER_NOT_OFFERED);
  assert_non_null(strstr(message.text, "layer conv2 has no batch norm of its own"));
  assert_scores("bn-scale", "missing keep", (double[F]){2, 0.5, 0, 0, 3, 3}); /* the inactive filter's 9 does not count */
  conv1.bn_gamma = NULL;
}

/* ---- All ------------------------------------------------------------------------------------- */

static void a_filter_alone_in_its_layer_overlaps_with_nothing(void **unused) {
  (void)unused;
  static const float weights[] = {3, 4};
  static const char *const OPTIONS[] = {"", "variant authors", "variant signed", "level kernel", "dimension on", "sequential on"};
  for (int i = 0; i < 6; i++) assert_scores_of_pairs("ortho", OPTIONS[i], weights, 1, (double[]){0});
  assert_scores_of_pairs("fpgm", "", weights, 1, (double[]){0});
  assert_scores_of_pairs("l1", "", weights, 1, (double[]){3.5});
  assert_scores_of_pairs("l2", "divide none", weights, 1, (double[]){5});
}

static void a_layer_of_zeros_scores_zero(void **unused) {
  (void)unused;
  static const float zeros[6];
  static const char *const CASES[][2] = {{"ortho", ""},
                                         {"ortho", "variant authors"},
                                         {"ortho", "variant signed"},
                                         {"ortho", "level kernel"},
                                         {"ortho", "level kernel variant authors"},
                                         {"ortho", "sequential on"},
                                         {"fpgm", ""},
                                         {"l1", ""},
                                         {"l2", ""}};
  for (int i = 0; i < 9; i++) assert_scores_of_pairs(CASES[i][0], CASES[i][1], zeros, 3, (double[]){0, 0, 0});
}

static void rule_27_random_asks_for_the_number_of_layer_and_filter(void **unused) {
  (void)unused;
  assert_scores("random", "", (double[F]){.01, .02, .03, 0, .11, .12});
}

static void what_inactive_filters_are_like_does_not_count(void **unused) {
  (void)unused;
  static const float others[] = {3, 4, /**/ -1, 0, /**/ 0, 2, /**/ -1e6f, 3};
  static const char *const CASES[][2] = {{"ortho", ""},
                                         {"ortho", "variant authors"},
                                         {"ortho", "variant signed level kernel"},
                                         {"ortho", "sequential on"},
                                         {"fpgm", ""},
                                         {"l1", ""},
                                         {"l2", ""}};
  rp_conv_layer layer = conv1;
  layer.weight = others;
  rp_context context = context_of(TWO_LAYERS, 2), changed = context_of((rp_conv_layer *const[]){&layer, &conv2}, 2);
  for (int i = 0; i < 7; i++) {
    float before[F], after[F];
    rp_message message;
    assert_int_equal(score_criterion(CASES[i][0], CASES[i][1], &context, NULL, 0, before, &message), RP_RANKER_OK);
    assert_int_equal(score_criterion(CASES[i][0], CASES[i][1], &changed, NULL, 0, after, &message), RP_RANKER_OK);
    for (int f = 0; f < F; f++)
      if (f != 3) assert_near(after[f], before[f], 0);
  }
}

static const char *const BUILT_IN[] = {"activation", "apoz", "bn-scale", "contribution",    "correlation", "fpgm",   "gradient", "hessian",
                                       "l1",         "l2",   "ortho",    "oracle-accuracy", "oracle-loss", "random", "taylor"};
enum { N_BUILT_IN = sizeof BUILT_IN / sizeof BUILT_IN[0] };

/* The order of choices is the ABI's: a plugin is handed their index. */
static void names_and_defaults_of_options_are_those_that_stand_in_ids(void **unused) {
  (void)unused;
  static const struct {
    const char *ranker, *option;
    rp_option_kind kind;
    const char *choices, *fallback;
    double number;
  } CASES[] = {{"ortho", "variant", RP_OPTION_CHOICE, "paper|authors|signed", "paper", 0},
               {"ortho", "level", RP_OPTION_CHOICE, "filter|kernel", "filter", 0},
               {"ortho", "dimension", RP_OPTION_FLAG, NULL, NULL, 0},
               {"ortho", "sequential", RP_OPTION_FLAG, NULL, NULL, 0},
               {"l2", "divide", RP_OPTION_CHOICE, "sqrt-d|d|none", "sqrt-d", 0},
               {"l1", "divide", RP_OPTION_CHOICE, "d|sqrt-d|none", "d", 0},
               {"taylor", "variant", RP_OPTION_CHOICE, "abs|signed|squared", "abs", 0},
               {"apoz", "threshold", RP_OPTION_CHOICE, "none|layer", "none", 0},
               {"bn-scale", "missing", RP_OPTION_CHOICE, "error|keep", "error", 0},
               {"hessian", "variant", RP_OPTION_CHOICE, "obd|hutchinson", "obd", 0},
               {"hessian", "draws", RP_OPTION_INTEGER, NULL, NULL, 8},
               {"oracle-accuracy", "sequential", RP_OPTION_FLAG, NULL, NULL, 0},
               {"oracle-loss", "sequential", RP_OPTION_FLAG, NULL, NULL, 0}};
  enum { N_CASES = sizeof CASES / sizeof CASES[0] };
  int n_options = 0;
  for (int i = 0; i < N_BUILT_IN; i++) {
    char file[64];
    snprintf(file, sizeof file, "rankers/%s.so", BUILT_IN[i]);
    rp_plugin_description ranker = describe_plugin(file);
    for (int j = 0; j < ranker.n_options; j++, n_options++) {
      int row = 0;
      while (row < N_CASES && (strcmp(CASES[row].ranker, BUILT_IN[i]) != 0 || strcmp(CASES[row].option, ranker.options[j].name) != 0))
        row++;
      if (row == N_CASES) fail_msg("%s has an option %s", BUILT_IN[i], ranker.options[j].name);
      assert_int_equal(ranker.options[j].kind, CASES[row].kind);
      assert_near(ranker.options[j].default_number, CASES[row].number, 0);
      if (!CASES[row].choices) continue;
      assert_string_equal(ranker.options[j].choices, CASES[row].choices);
      assert_string_equal(ranker.options[j].default_text, CASES[row].fallback);
    }
    rp_plugin_description_free(&ranker);
  }
  assert_int_equal(n_options, N_CASES);
}

static void every_criterion_tells_its_formula_its_source_and_its_reduction(void **unused) {
  (void)unused;
  static const struct {
    const char *ranker, *normalise;
  } DEFAULTS[] = {{"activation", "layer-l2"}, {"gradient", "layer-l2"},       {"taylor", "layer-l2"},
                  {"fpgm", "layer-rank"},     {"contribution", "layer-mean"}, {NULL, "none"}};
  for (int i = 0; i < N_BUILT_IN; i++) {
    char file[64];
    snprintf(file, sizeof file, "rankers/%s.so", BUILT_IN[i]);
    rp_plugin_description ranker = describe_plugin(file);
    assert_string_equal(ranker.name, BUILT_IN[i]);
    assert_non_null(strstr(ranker.formula, "importance_f = "));
    assert_true(strlen(ranker.citation) > 0 && strlen(ranker.reduction) > 0);
    int row = 0;
    while (DEFAULTS[row].ranker && strcmp(DEFAULTS[row].ranker, BUILT_IN[i]) != 0) row++;
    assert_string_equal(ranker.normalise, DEFAULTS[row].normalise);
    rp_plugin_description_free(&ranker);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ortho_is_the_mean_of_absolute_cosines_as_in_the_paper),
      cmocka_unit_test(ortho_of_the_authors_has_one_norm_and_takes_the_absolute_value_last),
      cmocka_unit_test(signed_ortho_lets_opposite_filters_make_up_for_alike_ones),
      cmocka_unit_test(ortho_of_kernels_compares_channel_by_channel_and_averages),
      cmocka_unit_test(ortho_of_filters_takes_all_channels_together),
      cmocka_unit_test(ortho_by_dimension_divides_by_what_random_vectors_of_that_length_have),
      cmocka_unit_test(ortho_by_dimension_does_so_in_each_variant_at_each_level),
      cmocka_unit_test(of_two_equal_filters_sequential_ortho_takes_only_one),
      cmocka_unit_test(sequential_ortho_of_kernels_takes_a_filter_out_of_every_channel),
      cmocka_unit_test(of_equal_kernels_sequential_ortho_takes_the_smaller_filter),
      cmocka_unit_test(sequential_ortho_of_the_authors_keeps_their_norm),
      cmocka_unit_test(a_filter_of_sequential_ortho_never_gets_less_than_the_one_before_it),
      cmocka_unit_test(l2_is_the_norm_divided_by_the_root_of_the_number_of_weights),
      cmocka_unit_test(l2_can_divide_by_the_number_of_weights_or_not_at_all),
      cmocka_unit_test(l1_is_the_mean_absolute_weight_unless_asked_otherwise),
      cmocka_unit_test(fpgm_is_the_sum_of_distances_to_the_other_active_filters),
      cmocka_unit_test(fpgm_of_equal_filters_is_zero),
      cmocka_unit_test(bn_scale_is_the_absolute_gamma),
      cmocka_unit_test(bn_scale_refuses_a_layer_without_batch_norm_or_ranks_it_last),
      cmocka_unit_test(a_filter_alone_in_its_layer_overlaps_with_nothing),
      cmocka_unit_test(a_layer_of_zeros_scores_zero),
      cmocka_unit_test(rule_27_random_asks_for_the_number_of_layer_and_filter),
      cmocka_unit_test(what_inactive_filters_are_like_does_not_count),
      cmocka_unit_test(names_and_defaults_of_options_are_those_that_stand_in_ids),
      cmocka_unit_test(every_criterion_tells_its_formula_its_source_and_its_reduction),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
