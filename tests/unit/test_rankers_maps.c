/* test_rankers_maps.c: criteria that look at images, on batches small enough to compute their scores by hand, and the one with a kernel of
 * its own beside plain loops. */
#include "tests/criteria.h"

#include <stdlib.h>

/* conv1: four filters with maps of 1×2, the last one inactive; conv2: one filter with a map of 1×2, whose weights read conv1. */
enum { K1 = 4, F = K1 + 1, N = 3 };

static const float WEIGHT1[K1 * 2], WEIGHT2[] = {2, -4, 6, 8};
static const uint8_t ACTIVE1[K1] = {1, 1, 1, 0}, ALL_ACTIVE[] = {1, 1, 1, 1, 1, 1};
static rp_conv_layer conv1 = CONV("conv1", K1, 1, 1, 2, WEIGHT1, ACTIVE1), conv2 = CONV("conv2", 1, K1, 1, 1, WEIGHT2, ALL_ACTIVE);

/* Two batches, of two images and of one, with gradients of each batch's mean loss: [N][K][1][2]. */
static const float A1[] = {1, 2, /**/ 0, 1, /**/ 1, 1, /**/ 9, 9, /* image 2 */ 2, 2, /**/ 3, 0, /**/ 0, 0, /**/ 9, 9};
static const float G1[] = {.5f, -1, /**/ 7, .25f, /**/ 1, -1, /**/ 9, 9, /* image 2 */ 1, .5f, /**/ -1, 7, /**/ 7, 7, /**/ 9, 9};
static const float A2[] = {1, 2, /* image 2 */ -1, 4}, G2[] = {1, .5f, /* image 2 */ 2, -1};
static const float B1[] = {1, 1, /**/ 1, 1, /**/ 2, 2, /**/ 9, 9}, H1[] = {1, 3, /**/ -1, -1, /**/ 0, 1, /**/ 9, 9};
static const float B2[] = {3, 1}, H2[] = {1, 0};
/* Weight gradients: [K][2] of conv1, [1][4] of conv2. */
static const float WG1[] = {1, -2, /**/ 0, 3, /**/ -1, -1, /**/ 99, 99}, WG2[] = {1, 0, -1, 2};
static const float WH1[] = {4, 4, /**/ 3, 0, /**/ 2, -1, /**/ 99, 99}, WH2[] = {-2, 3, 2, -4};

static const rp_batch_layer FIRST1 = {sizeof FIRST1, A1, G1, WG1}, FIRST2 = {sizeof FIRST2, A2, G2, WG2};
static const rp_batch_layer SECOND1 = {sizeof SECOND1, B1, H1, WH1}, SECOND2 = {sizeof SECOND2, B2, H2, WH2};
static const rp_batch_layer *const FIRST[] = {&FIRST1, &FIRST2}, *const SECOND[] = {&SECOND1, &SECOND2};
static const rp_batch BATCHES[] = {{.size = sizeof(rp_batch), .n_images = 2, .layers = FIRST},
                                   {.size = sizeof(rp_batch), .index = 1, .n_images = 1, .layers = SECOND}};

static rp_context two_layers(void) {
  static rp_conv_layer *const layers[] = {&conv1, &conv2};
  conv1.out_width = conv2.out_width = 2;
  rp_context context = context_of(layers, 2);
  context.n_images = N;
  return context;
}

static void assert_scores(const char *name, const char *options, const double expected[F]) {
  rp_context context = two_layers();
  assert_importances(name, options, &context, BATCHES, 2, expected);
}

/* ---- Gradients ------------------------------------------------------------------------------- */

/* N · mean over positions of a·g of the three images, with N = 2, 2, 1:
 *   conv1   filter 0: −1.5, 3, 2    filter 1: 0.25, −3, −1    filter 2: 0 (1 − 1), 0, 1
 *   conv2   2, −6, 1.5 */
static void taylor_averages_each_images_absolute_mean_over_positions(void **unused) {
  (void)unused;
  assert_scores("taylor", "", (double[F]){6.5 / 3, 4.25 / 3, 1.0 / 3, 0, 9.5 / 3});
}

static void signed_taylor_is_the_change_of_the_loss_without_the_map(void **unused) {
  (void)unused;
  assert_scores("taylor", "variant signed", (double[F]){-3.5 / 3, 3.75 / 3, -1.0 / 3, 0, 2.5 / 3});
}

static void squared_taylor_averages_squares(void **unused) {
  (void)unused;
  assert_scores("taylor", "variant squared", (double[F]){15.25 / 3, 10.0625 / 3, 1.0 / 3, 0, 42.25 / 3});
}

/* (2·first + second) / 3: conv1 (6,0), (3,6), (0,−3) / 3; conv2 (0,3,0,0) / 3. */
static void gradient_is_the_mean_absolute_gradient_over_all_images(void **unused) {
  (void)unused;
  assert_scores("gradient", "", (double[F]){1, 1.5, 0.5, 0, 0.25});
}

/* ---- Activations ----------------------------------------------------------------------------- */

static void activation_is_the_mean_absolute_value_over_images_and_positions(void **unused) {
  (void)unused;
  assert_scores("activation", "", (double[F]){9 / 6.0, 6 / 6.0, 6 / 6.0, 0, 12 / 6.0});
}

/* Zeros: none, 2, 2 of 6; conv2 has one value below 0 of 6. */
static void rule_11_apoz_counts_what_is_not_above_zero(void **unused) {
  (void)unused;
  assert_scores("apoz", "", (double[F]){0, -2 / 6.0, -2 / 6.0, 0, -1 / 6.0});
}

/* Shares 0, 1/3, 1/3: mean 2/9, deviation √2·(1/9); the layer of one filter has no deviation. */
static void apoz_by_the_layers_threshold_counts_deviations_from_it(void **unused) {
  (void)unused;
  const double mean = 2 / 9.0, deviation = sqrt(2) / 9;
  assert_scores("apoz", "threshold layer",
                (double[F]){(mean + deviation) / deviation, (mean + deviation - 1 / 3.0) / deviation,
                            (mean + deviation - 1 / 3.0) / deviation, 0, 1});
}

/* One filter of six is zero throughout, the others never: APoZ 1 against a mean of 1/6 and a deviation of √5/6. */
static void apoz_is_below_the_threshold_where_hu_et_al_would_trim(void **unused) {
  (void)unused;
  static const float maps[6] = {1, 1, 0, 1, 1, 1};
  const rp_batch_layer maps_of_layer = {.size = sizeof maps_of_layer, .activation = maps};
  const rp_batch batch = {.size = sizeof batch, .n_images = 1, .layers = (const rp_batch_layer *const[]){&maps_of_layer}};
  rp_conv_layer layer = CONV("conv", 6, 1, 1, 1, WEIGHT1, ALL_ACTIVE);
  rp_context context = context_of((rp_conv_layer *const[]){&layer}, 1);
  double kept = (1 / 6.0 + sqrt(5) / 6) / (sqrt(5) / 6), trimmed = (1 / 6.0 + sqrt(5) / 6 - 1) / (sqrt(5) / 6);
  assert_below(trimmed, 0);
  assert_importances("apoz", "threshold layer", &context, &batch, 1, (double[]){kept, kept, trimmed, kept, kept, kept});
}

/* Three filters with one zero of ten each: a mean that rounds would leave a deviation of one bit, and the layer would be dropped whole. */
static void apoz_of_a_layer_of_equal_shares_is_1_by_the_threshold(void **unused) {
  (void)unused;
  static const float maps[30] = {0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0};
  const rp_batch_layer maps_of_layer = {.size = sizeof maps_of_layer, .activation = maps};
  const rp_batch batch = {.size = sizeof batch, .n_images = 1, .layers = (const rp_batch_layer *const[]){&maps_of_layer}};
  rp_conv_layer layer = CONV("conv", 3, 1, 1, 1, WEIGHT1, ALL_ACTIVE);
  layer.out_height = 1, layer.out_width = 10;
  rp_context context = context_of((rp_conv_layer *const[]){&layer}, 1);
  assert_importances("apoz", "threshold layer", &context, &batch, 1, (double[]){1, 1, 1});
}

/* ---- Contribution ---------------------------------------------------------------------------- */

/* A slice of each filter of conv1 in a conv of `outputs` filters with one weight per kernel. */
static const rp_reader_slice *slice_of(uint32_t k, const char *name, const float *weight, uint32_t outputs) {
  static rp_reader_slice slices[64];
  static int n;
  assert_true(n < 64);
  slices[n] = (rp_reader_slice){sizeof slices[0], name, weight, outputs, K1, k, 1};
  return &slices[n++];
}

static void contribution_multiplies_with_the_mean_absolute_outgoing_weight(void **unused) {
  (void)unused;
  static const float fc[] = {1, -1, 0, 9, /**/ 5, 3, -2, 9}; /* [2 outputs][4 channels] */
  const rp_reader_slice *of_filter[K1][2], *of_conv2[] = {slice_of(0, "fc1", fc, 2)};
  const rp_reader_slice *const *readers[K1], *const *reader2[] = {of_conv2};
  for (uint32_t k = 0; k < K1; k++) {
    of_filter[k][0] = slice_of(k, "conv2", WEIGHT2, 1);
    of_filter[k][1] = slice_of(k, "fc1", fc, 2);
    readers[k] = of_filter[k];
  }
  rp_context context = two_layers();
  conv1.n_readers = (const uint32_t[]){2, 2, 2, 2}, conv1.readers = readers;
  conv2.n_readers = (const uint32_t[]){1}, conv2.readers = reader2;
  /* Outgoing: (2 + 1 + 5) / 3, (4 + 1 + 3) / 3, (6 + 0 + 2) / 3; conv2: (1 + 5) / 2. */
  assert_importances("contribution", "", &context, BATCHES, 2, (double[F]){1.5 * 8 / 3, 8 / 3.0, 8 / 3.0, 0, 2 * 3});
}

static void contribution_leaves_out_weights_that_lead_to_dropped_filters(void **unused) {
  (void)unused;
  static const float weight[] = {2, 4, 1, 0, /**/ 100, 100, 100, 100}; /* [2 filters][4 channels] */
  static const uint8_t second_is_dropped[] = {1, 0}, both_are[] = {0, 0};
  rp_conv_layer reader = CONV("reader", 2, K1, 1, 1, weight, second_is_dropped);
  const rp_reader_slice *of_filter[K1];
  const rp_reader_slice *const *readers[K1];
  for (uint32_t k = 0; k < K1; k++) {
    of_filter[k] = slice_of(k, "reader", weight, 2);
    readers[k] = &of_filter[k];
  }
  conv1.out_width = 2;
  conv1.n_readers = (const uint32_t[]){1, 1, 1, 1}, conv1.readers = readers;
  reader.out_width = 2;
  reader.n_readers = (const uint32_t[]){0, 0};
  reader.readers = readers; /* of which it has none: its map gives the logits */
  rp_context context = context_of((rp_conv_layer *const[]){&conv1, &reader}, 2);
  const rp_batch_layer maps_of_reader = {.size = sizeof maps_of_reader, .activation = (const float[]){1, -2, 9, 9}};
  const rp_batch batch = {.size = sizeof batch, .n_images = 1, .layers = (const rp_batch_layer *const[]){&SECOND1, &maps_of_reader}};
  assert_importances("contribution", "", &context, &batch, 1, (double[]){1 * 2, 1 * 4, 2 * 1, 0, 1.5, 0});
  reader.active = both_are;
  assert_importances("contribution", "", &context, &batch, 1, (double[]){0, 0, 0, 0, 0, 0});
}

/* ---- Correlation ----------------------------------------------------------------------------- */

/* One image of six filters with maps of 1×4, the fifth inactive. */
static void correlation_is_the_largest_with_another_active_filter(void **unused) {
  (void)unused;
  static const uint8_t active[] = {1, 1, 1, 1, 0, 1};
  /* From their means: (−3,−1,1,3)/2 · (−3,1,−1,3)/2 = 4 of 5, so r = .8; (1,−1,−1,1) is orthogonal to both; twice the second plus 1 has r =
   * 1 with it; the inactive one equals the first; the last is constant. */
  static const float maps[] = {1, 2, 3, 4, /**/ 1, 3, 2, 4, /**/ 2, 0, 0, 2, /**/ 3, 7, 5, 9, /**/ 1, 2, 3, 4, /**/ 7, 7, 7, 7};
  const rp_batch_layer maps_of_layer = {.size = sizeof maps_of_layer, .activation = maps};
  const rp_batch batch = {.size = sizeof batch, .n_images = 1, .layers = (const rp_batch_layer *const[]){&maps_of_layer}};
  rp_conv_layer layer = CONV("conv", 6, 1, 1, 1, WEIGHT1, active);
  layer.out_height = layer.out_width = 2;
  rp_context context = context_of((rp_conv_layer *const[]){&layer}, 1);
  assert_importances("correlation", "", &context, &batch, 1, (double[]){-0.8, -1, 0, -1, 0, -1});
}

static void correlation_of_opposite_maps_is_as_bad_as_of_equal_ones(void **unused) {
  (void)unused;
  static const float maps[] = {1, 2, 3, 4, /**/ 4, 3, 2, 1};
  const rp_batch_layer maps_of_layer = {.size = sizeof maps_of_layer, .activation = maps};
  const rp_batch batch = {.size = sizeof batch, .n_images = 1, .layers = (const rp_batch_layer *const[]){&maps_of_layer}};
  rp_conv_layer layer = CONV("conv", 2, 1, 1, 1, WEIGHT1, ALL_ACTIVE);
  layer.out_width = 4;
  rp_context context = context_of((rp_conv_layer *const[]){&layer}, 1);
  assert_importances("correlation", "", &context, &batch, 1, (double[]){-1, -1});
}

/* Numbers in (0, 1). */
static double draw(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return (*state >> 8) / 16777216.0;
}

/* The largest |r| of each filter, two passes in double. `maps`: [n_images][K][M]. */
static void correlate_plainly(const float *maps, const uint8_t *active, size_t n_images, size_t K, size_t M, double *expected) {
  const double n = (double)(n_images * M);
  double means[16] = {0}, products[16][16] = {{0}};
  for (size_t i = 0; i < n_images; i++)
    for (size_t k = 0; k < K; k++)
      for (size_t m = 0; m < M; m++) means[k] += (double)maps[(i * K + k) * M + m] / n;
  for (size_t i = 0; i < n_images; i++)
    for (size_t k = 0; k < K; k++)
      for (size_t j = 0; j < K; j++)
        for (size_t m = 0; m < M; m++) products[k][j] += (maps[(i * K + k) * M + m] - means[k]) * (maps[(i * K + j) * M + m] - means[j]);
  for (size_t k = 0; k < K; k++) {
    expected[k] = 0;
    for (size_t j = 0; j < K; j++)
      if (j != k && active[j]) expected[k] = fmin(expected[k], -fabs(products[k][j]) / sqrt(products[k][k] * products[j][j]));
  }
}

/* Many images of few positions and few of many, in two batches, with mixtures of a common map, far from 0: chunks, lanes and tiles end
 * where maps do not. */
static void correlation_agrees_with_plain_loops_on_maps_of_any_size(void **unused) {
  (void)unused;
  static const struct {
    uint32_t K, height, width, n_images;
  } CASES[] = {{7, 3, 3, 301}, {5, 37, 41, 3}, {9, 1, 1, 50}, {2, 32, 32, 4}, {10, 5, 7, 33}};
  static const uint8_t active[] = {1, 1, 0, 1, 1, 1, 1, 1, 1, 0};
  uint32_t state = 1;
  for (size_t c = 0; c < sizeof CASES / sizeof CASES[0]; c++) {
    const size_t K = CASES[c].K, M = (size_t)CASES[c].height * CASES[c].width, n = CASES[c].n_images, first = n / 2;
    float *maps = malloc(n * K * M * sizeof *maps), *common = malloc(M * sizeof *common);
    assert_true(maps && common);
    for (size_t i = 0; i < n; i++) {
      for (size_t m = 0; m < M; m++) common[m] = (float)draw(&state);
      for (size_t k = 0; k < K; k++)
        for (size_t m = 0; m < M; m++) maps[(i * K + k) * M + m] = (float)(20.0 + (double)k * common[m] - 3 * draw(&state));
    }
    rp_conv_layer layer = CONV("conv", CASES[c].K, 1, 1, 1, WEIGHT1, active);
    layer.out_height = CASES[c].height, layer.out_width = CASES[c].width;
    rp_context context = context_of((rp_conv_layer *const[]){&layer}, 1);
    const rp_batch_layer before = {.size = sizeof before, .activation = maps},
                         after = {.size = sizeof after, .activation = maps + first * K * M};
    const rp_batch_layer *const layers[][1] = {{&before}, {&after}};
    const rp_batch batches[] = {{.size = sizeof(rp_batch), .n_images = (uint32_t)first, .layers = layers[0]},
                                {.size = sizeof(rp_batch), .n_images = (uint32_t)(n - first), .layers = layers[1]}};
    double expected[16];
    correlate_plainly(maps, active, n, K, M, expected);
    assert_importances("correlation", "", &context, batches, 2, expected);
    free(maps), free(common);
  }
}

/* ---- All ------------------------------------------------------------------------------------- */

static const char *const LOOKING[] = {"taylor", "gradient", "activation", "apoz", "contribution", "correlation"};
enum { N_LOOKING = sizeof LOOKING / sizeof LOOKING[0] };

static void a_criterion_of_images_that_was_shown_none_says_so(void **unused) {
  (void)unused;
  rp_context context = two_layers();
  for (int i = 0; i < N_LOOKING; i++) {
    float importance[F];
    rp_message message;
    assert_int_equal(score_criterion(LOOKING[i], "", &context, NULL, 0, importance, &message), RP_RANKER_ERROR);
    assert_string_equal(message.text, "no image was shown");
  }
}

/* A filter whose map is 0 throughout, alone in its layer, and beside another one. */
static void dead_filters_and_filters_alone_get_finite_scores(void **unused) {
  (void)unused;
  static const double alone[] = {0, 0, 0, -1, 0, -1}; /* in the order of LOOKING */
  static const float zeros[4], maps[] = {0, 0, /**/ 1, 2};
  const uint32_t no_readers[] = {0, 0};
  for (int i = 0; i < N_LOOKING; i++) {
    const rp_batch_layer dead = {sizeof dead, zeros, zeros, zeros}, beside = {sizeof beside, maps, maps, maps};
    rp_conv_layer one = CONV("one", 1, 1, 1, 2, WEIGHT1, ALL_ACTIVE), two = CONV("two", 2, 1, 1, 2, WEIGHT1, ALL_ACTIVE);
    one.out_width = two.out_width = 2;
    one.n_readers = two.n_readers = no_readers;
    rp_context context = context_of((rp_conv_layer *const[]){&one, &two}, 2);
    const rp_batch batch = {.size = sizeof batch, .n_images = 1, .layers = (const rp_batch_layer *const[]){&dead, &beside}};
    static const double living[] = {2.5, 1.5, 1.5, 0, 1.5, 0};
    assert_importances(LOOKING[i], "", &context, &batch, 1, (double[]){alone[i], alone[i], living[i]});
  }
}

static void each_asks_for_the_tensors_that_it_reads(void **unused) {
  (void)unused;
  static const uint32_t FLAGS[] = {RP_USES_ACTIVATION | RP_USES_ACTIVATION_GRADIENT,
                                   RP_USES_WEIGHT_GRADIENT,
                                   RP_USES_ACTIVATION,
                                   RP_USES_ACTIVATION,
                                   RP_USES_ACTIVATION,
                                   RP_USES_ACTIVATION};
  for (int i = 0; i < N_LOOKING; i++) {
    criterion opened = open_criterion(LOOKING[i], "");
    assert_int_equal(opened.ranker->flags, FLAGS[i]);
    close_criterion(&opened);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(taylor_averages_each_images_absolute_mean_over_positions),
      cmocka_unit_test(signed_taylor_is_the_change_of_the_loss_without_the_map),
      cmocka_unit_test(squared_taylor_averages_squares),
      cmocka_unit_test(gradient_is_the_mean_absolute_gradient_over_all_images),
      cmocka_unit_test(activation_is_the_mean_absolute_value_over_images_and_positions),
      cmocka_unit_test(rule_11_apoz_counts_what_is_not_above_zero),
      cmocka_unit_test(apoz_by_the_layers_threshold_counts_deviations_from_it),
      cmocka_unit_test(apoz_is_below_the_threshold_where_hu_et_al_would_trim),
      cmocka_unit_test(apoz_of_a_layer_of_equal_shares_is_1_by_the_threshold),
      cmocka_unit_test(contribution_multiplies_with_the_mean_absolute_outgoing_weight),
      cmocka_unit_test(contribution_leaves_out_weights_that_lead_to_dropped_filters),
      cmocka_unit_test(correlation_is_the_largest_with_another_active_filter),
      cmocka_unit_test(correlation_of_opposite_maps_is_as_bad_as_of_equal_ones),
      cmocka_unit_test(correlation_agrees_with_plain_loops_on_maps_of_any_size),
      cmocka_unit_test(a_criterion_of_images_that_was_shown_none_says_so),
      cmocka_unit_test(dead_filters_and_filters_alone_get_finite_scores),
      cmocka_unit_test(each_asks_for_the_tensors_that_it_reads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
