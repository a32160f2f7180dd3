/* test_cross_entropy.c: loss and gradient against values worked out by hand, and what counts as a right prediction. */
#include "core/loss/cross_entropy.h"
#include "tests/check.h"

static void loss_and_gradient_equal_values_worked_out_by_hand(void **unused) {
  (void)unused;
  /* Softmax of (0, log 3) is (1/4, 3/4); of (5, 5) is (1/2, 1/2). */
  const float logits[] = {0, (float)1.0986122886681098, 5, 5};
  float losses[2], gradients[4];
  uint64_t correct = 10;
  double sum = rp_cross_entropy(logits, (const uint8_t[]){0, 1}, 2, 2, 0.5, losses, gradients, &correct);
  assert_near(losses[0], log(4), 1e-6);
  assert_near(losses[1], log(2), 1e-6);
  assert_near(sum, log(8), 1e-6);
  const double expected[] = {0.5 * (0.25 - 1), 0.5 * 0.75, 0.5 * 0.5, 0.5 * (0.5 - 1)};
  for (int i = 0; i < 4; i++) assert_near(gradients[i], expected[i], 1e-7);
  assert_int_equal(correct, 10); /* the first is wrong; of the second's equal logits the lower index counts */
}

static void gradient_is_the_slope_of_the_loss(void **unused) {
  (void)unused;
  const float logits[] = {0.3f, -1.2f, 2.1f, 0.7f, 0.9f, -0.4f};
  const uint8_t labels[] = {2, 0};
  float gradients[6];
  uint64_t correct = 0;
  rp_cross_entropy(logits, labels, 2, 3, 1.0 / 2, NULL, gradients, &correct);
  for (int i = 0; i < 6; i++) {
    const float step = 0x1p-10f;
    float up[6], down[6];
    memcpy(up, logits, sizeof up), memcpy(down, logits, sizeof down);
    up[i] += step, down[i] -= step;
    double slope =
        (rp_cross_entropy(up, labels, 2, 3, 1, NULL, NULL, &correct) - rp_cross_entropy(down, labels, 2, 3, 1, NULL, NULL, &correct)) / 2 /
        (up[i] - (double)down[i]);
    assert_near(gradients[i], slope, 1e-6);
  }
}

static void large_logits_do_not_overflow(void **unused) {
  (void)unused;
  const float logits[] = {1e30f, -1e30f, 1000, 0};
  float losses[2], gradients[4];
  uint64_t correct = 0;
  rp_cross_entropy(logits, (const uint8_t[]){0, 1}, 2, 2, 1, losses, gradients, &correct);
  assert_true(losses[0] == 0 && losses[1] == 1000);
  assert_true(gradients[0] == 0 && gradients[1] == 0 && gradients[2] == 1 && gradients[3] == -1);
  assert_int_equal(correct, 1);
}

static void a_prediction_is_the_lowest_index_of_the_largest_logits(void **unused) {
  (void)unused;
  const float logits[] = {1, 3, 3};
  for (uint8_t label = 0; label < 3; label++) {
    uint64_t correct = 0;
    rp_cross_entropy(logits, &label, 1, 3, 1, NULL, NULL, &correct);
    assert_int_equal(correct, label == 1);
  }
}

static void a_nan_logit_is_never_right_and_makes_the_loss_nan(void **unused) {
  (void)unused;
  for (int bad = 0; bad < 3; bad++)
    for (uint8_t label = 0; label < 3; label++) {
      float logits[] = {1, 1, 1};
      uint64_t correct = 0;
      logits[bad] = NAN;
      assert_true(isnan(rp_cross_entropy(logits, &label, 1, 3, 1, NULL, NULL, &correct)));
      assert_int_equal(correct, 0);
    }
}

/* Softmax (1/2, 1/2), (3/4, 1/4) and (1, 0); the tangents' means under them are 2, 3 and 5. */
static void tangents_of_gradients_equal_values_worked_out_by_hand(void **unused) {
  (void)unused;
  const float logits[] = {7, 7, logf(3), 0, 1e30f, -1e30f}, tangents[] = {1, 3, 4, 0, 5, 7};
  const double expected[] = {-0.25, 0.25, 0.375, -0.375, 0, 0};
  float gradient_tangents[6];
  rp_cross_entropy_tangent(logits, tangents, 3, 2, 0.5, gradient_tangents);
  for (int i = 0; i < 6; i++) assert_near(gradient_tangents[i], expected[i], 1e-7);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(loss_and_gradient_equal_values_worked_out_by_hand),
      cmocka_unit_test(gradient_is_the_slope_of_the_loss),
      cmocka_unit_test(large_logits_do_not_overflow),
      cmocka_unit_test(a_prediction_is_the_lowest_index_of_the_largest_logits),
      cmocka_unit_test(a_nan_logit_is_never_right_and_makes_the_loss_nan),
      cmocka_unit_test(tangents_of_gradients_equal_values_worked_out_by_hand),
  };
  return cmocka_run_group_tests_name("cross_entropy", tests, NULL, NULL);
}
