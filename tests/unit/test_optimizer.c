/* test_optimizer.c: update rules against steps worked out by hand, and what frozen units and step counts do. */
#include "core/nn/optimizer.h"
#include "core/nn/schedule.h"
#include "tests/check.h"

/* Two tensors: 2×2×1 weights and 2 biases: units 0 … 3 and 4, 5. */
static rp_tensor tensors[] = {{.kind = RP_CONV_WEIGHT, .K = 2, .C = 2, .E = 1},
                              {.kind = RP_BIAS, .K = 2, .C = 1, .E = 1, .offset = 4, .first_unit = 4}};
static const rp_layout LAYOUT = {.n_tensors = 2, .tensors = tensors, .n_parameters = 6, .n_units = 6};

static void sgd_steps_down_the_gradient_and_decays_weights_and_biases_alike(void **unused) {
  (void)unused;
  float parameters[6] = {1, -2, 3, 0, 0.5f, -1};
  const float gradients[6] = {0.5f, 0.5f, -1, 2, 0, 4};
  uint32_t steps[6] = {0};
  rp_optimizer_step(&(rp_optimizer){.kind = RP_SGD, .weight_decay = 0.1}, &LAYOUT, 0.5, gradients, NULL, parameters, NULL, steps);
  /* w − 0.5·(g + 0.1·w) */
  const double expected[6] = {1 - 0.5 * 0.6, -2 - 0.5 * 0.3, 3 - 0.5 * -0.7, -1, 0.5 - 0.5 * 0.05, -1 - 0.5 * 3.9};
  for (int i = 0; i < 6; i++) assert_near(parameters[i], expected[i], 1e-6);
  for (int i = 0; i < 6; i++) assert_int_equal(steps[i], 1);
}

static void momentum_follows_its_rule_over_three_steps(void **unused) {
  (void)unused;
  float parameters[6] = {1, 1, 1, 1, 1, 1}, velocity[6] = {0};
  float *slots[] = {velocity};
  uint32_t steps[6] = {0};
  /* Gradients 1, 2, −1 with momentum 0.5, decay 0.1, lr 0.1, worked out by hand:
   * v1 = 1 + 0.1·1 = 1.1, w1 = 0.89; v2 = 0.55 + 2 + 0.089 = 2.639, w2 = 0.6261; v3 = 1.3195 − 1 + 0.06261 = 0.38211, w3 = 0.587889. */
  const double gradient[] = {1, 2, -1}, v[] = {1.1, 2.639, 0.38211}, w[] = {0.89, 0.6261, 0.587889};
  for (int step = 0; step < 3; step++) {
    float gradients[6];
    for (int i = 0; i < 6; i++) gradients[i] = (float)gradient[step];
    rp_optimizer_step(&(rp_optimizer){.kind = RP_MOMENTUM, .momentum = 0.5, .weight_decay = 0.1}, &LAYOUT, 0.1, gradients, NULL, parameters,
                      slots, steps);
    for (int i = 0; i < 6; i++) {
      assert_near(parameters[i], w[step], 1e-6);
      assert_near(velocity[i], v[step], 1e-6);
      assert_int_equal(steps[i], step + 1);
    }
  }
}

static void rule_10_a_frozen_unit_has_no_step_no_decay_and_no_momentum(void **unused) {
  (void)unused;
  const rp_optimizer optimizers[] = {{.kind = RP_SGD, .weight_decay = 0.1}, {.kind = RP_MOMENTUM, .momentum = 0.9, .weight_decay = 0.1}};
  for (unsigned patterns = 0; patterns < 64; patterns++)
    for (int i = 0; i < 2; i++) {
      float parameters[6] = {1, 2, 3, 4, 5, 6}, velocity[6] = {6, 5, 4, 3, 2, 1};
      const float parameters_before[6] = {1, 2, 3, 4, 5, 6}, velocity_before[6] = {6, 5, 4, 3, 2, 1}, gradients[6] = {1, 1, 1, 1, 1, 1};
      float *slots[] = {velocity};
      uint32_t steps[6] = {0};
      uint8_t frozen[6];
      for (int unit = 0; unit < 6; unit++) frozen[unit] = patterns >> unit & 1 ? 200 : 0;
      rp_optimizer_step(&optimizers[i], &LAYOUT, 0.1, gradients, frozen, parameters, slots, steps);
      for (int unit = 0; unit < 6; unit++) {
        const int is_frozen = frozen[unit] != 0, has_momentum = optimizers[i].kind == RP_MOMENTUM;
        assert_int_equal(memcmp(&parameters[unit], &parameters_before[unit], sizeof(float)) == 0, is_frozen);
        assert_int_equal(memcmp(&velocity[unit], &velocity_before[unit], sizeof(float)) == 0, is_frozen || !has_momentum);
        assert_int_equal(steps[unit], !is_frozen);
      }
    }
}

static void each_optimizer_has_its_name_and_its_slots(void **unused) {
  (void)unused;
  assert_string_equal(rp_optimizer_name(RP_SGD), "sgd");
  assert_string_equal(rp_optimizer_name(RP_MOMENTUM), "momentum");
  assert_int_equal(rp_optimizer_slots(RP_SGD), 0);
  assert_int_equal(rp_optimizer_slots(RP_MOMENTUM), 1);
}

static void rule_03_a_constant_schedule_is_the_same_in_every_epoch(void **unused) {
  (void)unused;
  const rp_schedule schedule = {.kind = RP_CONSTANT, .lr = 0.05};
  assert_true(rp_schedule_lr(&schedule, 1) == 0.05 && rp_schedule_lr(&schedule, 1000) == 0.05);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sgd_steps_down_the_gradient_and_decays_weights_and_biases_alike),
      cmocka_unit_test(momentum_follows_its_rule_over_three_steps),
      cmocka_unit_test(rule_10_a_frozen_unit_has_no_step_no_decay_and_no_momentum),
      cmocka_unit_test(each_optimizer_has_its_name_and_its_slots),
      cmocka_unit_test(rule_03_a_constant_schedule_is_the_same_in_every_epoch),
  };
  return cmocka_run_group_tests_name("optimizer", tests, NULL, NULL);
}
