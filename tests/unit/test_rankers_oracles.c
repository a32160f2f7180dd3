/* test_rankers_oracles.c: the oracles on made-up measurements: what each makes of one filter alone, and of one after the other. */
#include "tests/criteria.h"

/* Two layers; filter 3 is inactive. */
enum { K1 = 4, K2 = 2, F = K1 + K2, N_IMAGES = 200 };

static const float WEIGHT[K1];
static const uint8_t ACTIVE1[K1] = {1, 1, 1, 0}, ACTIVE2[K2] = {1, 1};
static rp_conv_layer conv1 = CONV("conv1", K1, 1, 1, 1, WEIGHT, ACTIVE1), conv2 = CONV("conv2", K2, 1, 1, 1, WEIGHT, ACTIVE2);

/* ---- Alone ----------------------------------------------------------------------------------- */

static int ablate_nothing(const rp_context *context, const uint8_t *set, rp_ablation *out, rp_message *message) {
  (void)message;
  for (uint32_t f = 0; f < context->n_filters; f++) assert_int_equal(set[f], 0);
  *out = (rp_ablation){.size = sizeof *out, .n_images = N_IMAGES, .correct = 120, .loss = 1.5};
  return RP_RANKER_OK;
}

static int ablate_each(const rp_context *context, rp_ablation *each, rp_message *message) {
  (void)message;
  static const uint64_t correct[F] = {100, 120, 123, 0, 119, 120};
  static const double loss[F] = {2.5, 1.5, 1.25, 0, 1.5625, 1.75};
  for (uint32_t f = 0; f < context->n_filters; f++)
    each[f] = (rp_ablation){.size = sizeof each[f], .n_images = f == 3 ? 0 : N_IMAGES, .correct = correct[f], .loss = loss[f]};
  return RP_RANKER_OK;
}

static rp_context tiny_context(void) {
  static rp_conv_layer *const layers[] = {&conv1, &conv2};
  rp_context context = context_of(layers, 2);
  context.ablate = ablate_nothing;
  context.ablate_each = ablate_each;
  return context;
}

static void rule_15_oracle_accuracy_is_the_accuracy_lost(void **unused) {
  (void)unused;
  rp_context context = tiny_context();
  assert_importances("oracle-accuracy", "", &context, NULL, 0, (double[F]){0.1, 0, -0.015, 0, 0.005, 0});
}

static void rule_15_oracle_loss_is_the_rise_of_the_loss(void **unused) {
  (void)unused;
  rp_context context = tiny_context();
  assert_importances("oracle-loss", "", &context, NULL, 0, (double[F]){1, 0, -0.25, 0, 0.0625, 0.25});
}

static int refuse_to_ablate(const rp_context *context, const uint8_t *set, rp_ablation *out, rp_message *message) {
  (void)context;
  (void)set;
  (void)out;
  snprintf(message->text, sizeof message->text, "no images");
  return RP_RANKER_NOT_OFFERED;
}

static void an_oracle_passes_on_why_it_cannot_ablate(void **unused) {
  (void)unused;
  static const char *const ORACLES[] = {"oracle-accuracy", "oracle-loss"};
  rp_context context = tiny_context();
  context.ablate = refuse_to_ablate;
  for (int i = 0; i < 2; i++) {
    float importance[F];
    rp_message message;
    assert_int_equal(score_criterion(ORACLES[i], "", &context, NULL, 0, importance, &message), RP_RANKER_NOT_OFFERED);
    assert_string_equal(message.text, "no images");
    assert_int_equal(score_criterion(ORACLES[i], "sequential on", &context, NULL, 0, importance, &message), RP_RANKER_NOT_OFFERED);
    assert_string_equal(message.text, "no images");
  }
}

/* ---- One after the other --------------------------------------------------------------------- */

/* What a net without a set of filters does: each filter by itself costs something, but 0 and 1 stand in for each other, and without 2
 * filter 5 does harm. */
static rp_ablation measure(const uint8_t *set) {
  rp_ablation result = {.size = sizeof result, .n_images = N_IMAGES, .correct = 120, .loss = 1};
  if (set[0] && set[1]) result.loss += 8, result.correct -= 60;
  if (set[2]) result.loss += 0.5, result.correct -= 4;
  if (set[4]) result.loss += 2, result.correct -= 4;
  if (set[5]) result.loss += set[2] ? -0.25 : 1, result.correct -= set[2] ? 0 : 10;
  if (set[0]) result.loss += 0.0625;
  if (set[1]) result.loss += 0.125;
  return result;
}

static int ablate_set(const rp_context *context, const uint8_t *set, rp_ablation *out, rp_message *message) {
  (void)context;
  (void)message;
  *out = measure(set);
  return RP_RANKER_OK;
}

static int ablate_each_beside(const rp_context *context, const uint8_t *set, rp_ablation *each, rp_message *message) {
  (void)message;
  uint8_t both[F];
  memcpy(both, set, sizeof both);
  for (uint32_t f = 0; f < context->n_filters; f++) {
    each[f] = (rp_ablation){.size = sizeof each[f]};
    if (f == 3 || set[f]) continue;
    both[f] = 1;
    each[f] = measure(both);
    both[f] = 0;
  }
  return RP_RANKER_OK;
}

static rp_context interacting_context(void) {
  rp_context context = tiny_context();
  context.ablate = ablate_set;
  context.ablate_each_beside = ablate_each_beside;
  return context;
}

/* Alone: 0.0625, 0.125, 0.5, 2, 1. One after the other, by the loss of what is left (1 with all): 0 goes (1.0625); then 2 (1.5625; 1 would
 * now make 9.1875); then 5, which lowers the loss to 1.3125 and so comes right behind 2; then 4 (3.3125); then 1 (11.4375). */
static void sequential_oracle_loss_measures_each_filter_beside_those_that_are_gone(void **unused) {
  (void)unused;
  rp_context context = interacting_context();
  float importance[F];
  rp_message message;
  assert_int_equal(score_criterion("oracle-loss", "sequential on", &context, NULL, 0, importance, &message), RP_RANKER_OK);
  assert_near(importance[0], 0.0625, 0);
  assert_near(importance[2], 0.5625, 0);
  assert_true(importance[5] == nextafterf(0.5625f, 1));
  assert_near(importance[4], 2.3125, 0);
  assert_near(importance[1], 10.4375, 0);
  assert_true(isnan(importance[3]));
}

/* Right of 200 (120 with all): 0 and 1 are missed by none, 0 less by loss, and goes; then 2 and 4 cost 4 each (1 would cost 60), 2 less by
 * loss; then 5 costs nothing; 4 another 4; 1 another 60. */
static void sequential_oracle_accuracy_breaks_ties_by_loss(void **unused) {
  (void)unused;
  rp_context context = interacting_context();
  float importance[F];
  rp_message message;
  assert_int_equal(score_criterion("oracle-accuracy", "sequential on", &context, NULL, 0, importance, &message), RP_RANKER_OK);
  assert_near(importance[0], 0, 0);
  assert_near(importance[2], 0.02, 1e-8);
  assert_true(importance[5] == nextafterf(importance[2], 1));
  assert_near(importance[4], 0.04, 1e-8);
  assert_near(importance[1], 0.34, 1e-7);
}

static void a_sequential_oracle_says_that_a_host_is_too_old(void **unused) {
  (void)unused;
  static const char *const ORACLES[] = {"oracle-accuracy", "oracle-loss"};
  rp_context old = interacting_context();
  old.size = offsetof(rp_context, ablate_each_beside);
  for (int i = 0; i < 2; i++) {
    float importance[F];
    rp_message message;
    assert_int_equal(score_criterion(ORACLES[i], "sequential on", &old, NULL, 0, importance, &message), RP_RANKER_NOT_OFFERED);
    assert_non_null(strstr(message.text, "ablate_each_beside"));
    assert_int_equal(score_criterion(ORACLES[i], "", &old, NULL, 0, importance, &message), RP_RANKER_OK);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rule_15_oracle_accuracy_is_the_accuracy_lost),
      cmocka_unit_test(rule_15_oracle_loss_is_the_rise_of_the_loss),
      cmocka_unit_test(an_oracle_passes_on_why_it_cannot_ablate),
      cmocka_unit_test(sequential_oracle_loss_measures_each_filter_beside_those_that_are_gone),
      cmocka_unit_test(sequential_oracle_accuracy_breaks_ties_by_loss),
      cmocka_unit_test(a_sequential_oracle_says_that_a_host_is_too_old),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
