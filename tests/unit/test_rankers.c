/* test_rankers.c: the built-in criteria on contexts small enough to compute their scores by hand (PAPER section 2). */
#include "tests/ranker_files.h"

/* conv1: four filters of 1×1×2 weights, the last one inactive; conv2: two of 3×1×1, one of which is zero. */
enum { K1 = 4, K2 = 2, F = K1 + K2 };

static const float WEIGHT1[] = {3, 4, /**/ -1, 0, /**/ 0, 2, /**/ 100, 100}, WEIGHT2[] = {2, 0, 0, /**/ 0, 0, 0};
static const uint8_t ACTIVE1[K1] = {1, 1, 1, 0}, ACTIVE2[K2] = {1, 1};
static const rp_conv_layer CONV1 = {.size = sizeof(rp_conv_layer),
                                    .name = "conv1",
                                    .K = K1,
                                    .C = 1,
                                    .R = 1,
                                    .S = 2,
                                    .out_height = 1,
                                    .out_width = 2,
                                    .weight = WEIGHT1,
                                    .active = ACTIVE1};
static const rp_conv_layer CONV2 = {.size = sizeof(rp_conv_layer),
                                    .name = "conv2",
                                    .K = K2,
                                    .C = 3,
                                    .R = 1,
                                    .S = 1,
                                    .out_height = 1,
                                    .out_width = 1,
                                    .first_filter = K1,
                                    .weight = WEIGHT2,
                                    .active = ACTIVE2};
static const rp_conv_layer *const LAYERS[] = {&CONV1, &CONV2};

static double uniform(const rp_context *context, uint32_t i, uint32_t j) {
  (void)context;
  return (10 * i + j + 1) / 100.0;
}

static int ablate(const rp_context *context, const uint8_t *set, rp_ablation *out, rp_message *message) {
  (void)message;
  for (uint32_t f = 0; f < context->n_filters; f++) assert_int_equal(set[f], 0);
  out->n_images = 200;
  out->correct = 120;
  out->loss = 1.5;
  return RP_RANKER_OK;
}

static int ablate_each(const rp_context *context, rp_ablation *each, rp_message *message) {
  (void)message;
  static const uint64_t correct[F] = {100, 120, 123, 0, 119, 120};
  static const double loss[F] = {2.5, 1.5, 1.25, 0, 1.5625, 1.75};
  for (uint32_t f = 0; f < context->n_filters; f++)
    each[f] = (rp_ablation){.size = sizeof each[f], .n_images = f == 3 ? 0 : 200, .correct = correct[f], .loss = loss[f]};
  return RP_RANKER_OK;
}

static int refuse_to_ablate(const rp_context *context, const uint8_t *set, rp_ablation *out, rp_message *message) {
  (void)context;
  (void)set;
  (void)out;
  snprintf(message->text, sizeof message->text, "no images");
  return RP_RANKER_NOT_OFFERED;
}

static rp_context tiny_context(void) {
  return (rp_context){.size = sizeof(rp_context),
                      .n_layers = 2,
                      .n_filters = F,
                      .n_classes = 2,
                      .layers = LAYERS,
                      .cycle = 1,
                      .uniform = uniform,
                      .ablate = ablate,
                      .ablate_each = ablate_each};
}

static const rp_ranker *load(const char *file, rp_plugin *plugin) {
  *plugin = load_plugin(file);
  return plugin->ranker;
}

/* Scores with a criterion that only needs the context, and compares: NaN is expected for the inactive filter. */
static void assert_scores(const char *file, int choice, const double expected[F]) {
  rp_plugin plugin;
  const rp_ranker *ranker = load(file, &plugin);
  rp_context context = tiny_context();
  rp_message message = {.size = sizeof message};
  rp_value option = {.size = sizeof option, .number = choice};
  void *self = NULL;
  float importance[F];
  for (int f = 0; f < F; f++) importance[f] = NAN;
  if (ranker->create) assert_int_equal(ranker->create(&context, &option, &self, &message), RP_RANKER_OK);
  assert_int_equal(ranker->score(self, &context, importance, &message), RP_RANKER_OK);
  for (int f = 0; f < F; f++) {
    if (f == 3)
      assert_true(isnan(importance[f]));
    else
      assert_near(importance[f], expected[f], 1e-6 * (1 + fabs(expected[f])));
  }
  if (ranker->destroy && self) ranker->destroy(self);
  rp_plugin_free(&plugin);
}

/* cos(0,1) = −3/5, cos(0,2) = 4/5, cos(1,2) = 0; J = 3, without the inactive filter. In conv2 one filter is zero: nothing overlaps. */
static void ortho_is_the_mean_of_absolute_cosines_as_in_the_paper(void **unused) {
  (void)unused;
  assert_scores("rankers/ortho.so", 0, (double[F]){-1.4 / 3, -0.6 / 3, -0.8 / 3, 0, 0, 0});
}

/* Dot products −3, 8 and 0; ‖W‖² = 25 + 1 + 4 = 30; the absolute value is taken after the sum: |−3 + 8| for the first. */
static void ortho_of_the_authors_has_one_norm_and_takes_the_absolute_value_last(void **unused) {
  (void)unused;
  assert_scores("rankers/ortho.so", 1, (double[F]){-5 / 30.0 / 3, -3 / 30.0 / 3, -8 / 30.0 / 3, 0, 0, 0});
}

static void l2_is_the_norm_divided_by_the_root_of_the_number_of_weights(void **unused) {
  (void)unused;
  assert_scores("rankers/l2.so", 0, (double[F]){5 / sqrt(2), 1 / sqrt(2), 2 / sqrt(2), 0, 2 / sqrt(3), 0});
}

static void l2_can_divide_by_the_number_of_weights_or_not_at_all(void **unused) {
  (void)unused;
  assert_scores("rankers/l2.so", 1, (double[F]){2.5, 0.5, 1, 0, 2 / 3.0, 0});
  assert_scores("rankers/l2.so", 2, (double[F]){5, 1, 2, 0, 2, 0});
}

static void the_order_of_choices_is_as_these_tests_take_it(void **unused) {
  (void)unused;
  rp_plugin_description ortho = describe_plugin("rankers/ortho.so"), l2 = describe_plugin("rankers/l2.so");
  assert_string_equal(ortho.options[0].choices, "paper|authors");
  assert_string_equal(ortho.options[0].default_text, "paper");
  assert_string_equal(l2.options[0].choices, "sqrt-d|d|none");
  assert_string_equal(l2.options[0].default_text, "sqrt-d");
  rp_plugin_description_free(&ortho);
  rp_plugin_description_free(&l2);
}

static void rule_15_oracle_accuracy_is_the_accuracy_lost(void **unused) {
  (void)unused;
  assert_scores("rankers/oracle-accuracy.so", 0, (double[F]){0.1, 0, -0.015, 0, 0.005, 0});
}

static void rule_15_oracle_loss_is_the_rise_of_the_loss(void **unused) {
  (void)unused;
  assert_scores("rankers/oracle-loss.so", 0, (double[F]){1, 0, -0.25, 0, 0.0625, 0.25});
}

static void an_oracle_passes_on_why_it_cannot_ablate(void **unused) {
  (void)unused;
  rp_plugin plugin;
  const rp_ranker *ranker = load("rankers/oracle-loss.so", &plugin);
  rp_context context = tiny_context();
  context.ablate = refuse_to_ablate;
  rp_message message = {.size = sizeof message};
  float importance[F];
  assert_int_equal(ranker->score(NULL, &context, importance, &message), RP_RANKER_NOT_OFFERED);
  assert_string_equal(message.text, "no images");
  rp_plugin_free(&plugin);
}

static void rule_27_random_asks_for_the_number_of_layer_and_filter(void **unused) {
  (void)unused;
  assert_scores("rankers/random.so", 0, (double[F]){.01, .02, .03, 0, .11, .12});
}

/* Two batches, of two images and of one, with gradients of each batch's mean loss. */
static void taylor_averages_each_images_absolute_mean_over_positions(void **unused) {
  (void)unused;
  /* [N][K][1][2] of conv1 */
  static const float a1[] = {1, 2, /**/ 0, 1, /**/ 1, 1, /**/ 9, 9, /* image 2 */ 2, 2, /**/ 3, 0, /**/ 0, 0, /**/ 9, 9};
  static const float g1[] = {.5f, -1, /**/ 7, .25f, /**/ 1, -1, /**/ 9, 9, /* image 2 */ 1, .5f, /**/ -1, 7, /**/ 7, 7, /**/ 9, 9};
  static const float a2[] = {1, 2, /* image 2 */ -1, 4}, g2[] = {1, .5f, /* image 2 */ 2, -1};
  static const rp_batch_layer conv1_first = {.size = sizeof conv1_first, .activation = a1, .activation_gradient = g1};
  static const rp_batch_layer conv2_first = {.size = sizeof conv2_first, .activation = a2, .activation_gradient = g2};
  static const float b1[] = {1, 1, /**/ 1, 1, /**/ 2, 2, /**/ 9, 9}, h1[] = {1, 3, /**/ -1, -1, /**/ 0, 1, /**/ 9, 9};
  static const float b2[] = {3, 1}, h2[] = {1, 0};
  static const rp_batch_layer conv1_second = {.size = sizeof conv1_second, .activation = b1, .activation_gradient = h1};
  static const rp_batch_layer conv2_second = {.size = sizeof conv2_second, .activation = b2, .activation_gradient = h2};
  rp_batch first = {.size = sizeof first, .n_images = 2, .layers = (const rp_batch_layer *const[]){&conv1_first, &conv2_first}};
  rp_batch second = {
      .size = sizeof second, .index = 1, .n_images = 1, .layers = (const rp_batch_layer *const[]){&conv1_second, &conv2_second}};

  rp_plugin plugin;
  const rp_ranker *ranker = load("rankers/taylor.so", &plugin);
  assert_int_equal(ranker->flags, RP_USES_ACTIVATION | RP_USES_ACTIVATION_GRADIENT);
  rp_context context = tiny_context();
  rp_message message = {.size = sizeof message};
  void *self = NULL;
  float importance[F];
  assert_int_equal(ranker->create(&context, NULL, &self, &message), RP_RANKER_OK);
  assert_int_equal(ranker->observe(self, &context, &first, &message), RP_RANKER_OK);
  assert_int_equal(ranker->observe(self, &context, &second, &message), RP_RANKER_OK);
  assert_int_equal(ranker->score(self, &context, importance, &message), RP_RANKER_OK);
  ranker->destroy(self);
  /* |N · mean over positions of a·g| of the three images, with N = 2, 2, 1:
   *   conv1   filter 0: 1.5, 3, 2    filter 1: 0.25, 3, 1    filter 2: 0 (1 − 1), 0, 1
   *   conv2   filter 0: 2, 4, 3      filter 1: 2, 8, 0 */
  double expected[F] = {6.5 / 3, 4.25 / 3, 1.0 / 3, 0, 9.0 / 3, 10.0 / 3};
  for (int f = 0; f < F; f++)
    if (f != 3) assert_near(importance[f], expected[f], 1e-6);
  rp_plugin_free(&plugin);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ortho_is_the_mean_of_absolute_cosines_as_in_the_paper),
      cmocka_unit_test(ortho_of_the_authors_has_one_norm_and_takes_the_absolute_value_last),
      cmocka_unit_test(l2_is_the_norm_divided_by_the_root_of_the_number_of_weights),
      cmocka_unit_test(l2_can_divide_by_the_number_of_weights_or_not_at_all),
      cmocka_unit_test(the_order_of_choices_is_as_these_tests_take_it),
      cmocka_unit_test(rule_15_oracle_accuracy_is_the_accuracy_lost),
      cmocka_unit_test(rule_15_oracle_loss_is_the_rise_of_the_loss),
      cmocka_unit_test(an_oracle_passes_on_why_it_cannot_ablate),
      cmocka_unit_test(rule_27_random_asks_for_the_number_of_layer_and_filter),
      cmocka_unit_test(taylor_averages_each_images_absolute_mean_over_positions),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
