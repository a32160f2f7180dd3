/* test_optimizer.c: update rules against steps worked out by hand, and what frozen units and step counts do. */
#include "core/nn/optimizer.h"
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

/* Steps of every parameter from 1 with the same gradient each; expected[step] worked out by hand. */
static void assert_follows(const rp_optimizer *optimizer, const double *gradient, const double *expected, int n_steps) {
  float parameters[6] = {1, 1, 1, 1, 1, 1}, first[6] = {0}, second[6] = {0};
  float *slots[] = {first, second};
  uint32_t steps[6] = {0};
  for (int step = 0; step < n_steps; step++) {
    float gradients[6];
    for (int i = 0; i < 6; i++) gradients[i] = (float)gradient[step];
    rp_optimizer_step(optimizer, &LAYOUT, 0.1, gradients, NULL, parameters, slots, steps);
    for (int i = 0; i < 6; i++) assert_near(parameters[i], expected[step], 1e-6);
    for (int i = 0; i < 6; i++) assert_int_equal(steps[i], step + 1);
  }
}

/* v1 = 1.1, w1 = 1 − 0.1·(1.1 + 0.55); g2 = 2.0835, v2 = 2.6335, w2 = 0.835 − 0.1·(2.0835 + 1.31675);
 * g3 = −0.9505025, v3 = 0.3662475, w3 = 0.494975 − 0.1·(−0.9505025 + 0.18312375). */
static void nesterov_follows_its_rule_over_three_steps(void **unused) {
  (void)unused;
  const rp_optimizer nesterov = {.kind = RP_NESTEROV, .momentum = 0.5, .weight_decay = 0.1};
  assert_follows(&nesterov, (double[]){1, 2, -1}, (double[]){0.835, 0.494975, 0.571712875}, 3);
}

/* s1 = 0.25·4 = 1, w1 = 1 − 0.2 / 1.5; s2 = 0.75 + 0.25·16 = 4.75, w2 = w1 + 0.4 / (√4.75 + 0.5). */
static void rmsprop_follows_its_rule_over_two_steps(void **unused) {
  (void)unused;
  const rp_optimizer rmsprop = {.kind = RP_RMSPROP, .alpha = 0.75, .epsilon = 0.5};
  assert_follows(&rmsprop, (double[]){2, -4}, (double[]){13.0 / 15, 1.0159510629}, 2);
}

/* m1 = 1, s1 = 1, corrected 2 and 4: w1 = 1 − 0.2 / 2.5; m2 = −1.5, s2 = 4.75, corrected −2 and 76/7: w2 = 0.92 + 0.2 / (√(76/7) + 0.5). */
static void adam_follows_its_rule_over_two_steps(void **unused) {
  (void)unused;
  const rp_optimizer adam = {.kind = RP_ADAM, .beta1 = 0.5, .beta2 = 0.75, .epsilon = 0.5};
  assert_follows(&adam, (double[]){2, -4}, (double[]){0.92, 0.9727007270}, 2);
}

/* The gradient becomes 2 + 0.5·1 = 2.5: m = 1.25, s = 1.5625, corrected 2.5 and 6.25. adamw keeps 2 for the gradient: w1 = 0.95 − 0.08, w2
 * = 0.95·0.87 + 0.0527007270. */
static void adam_decays_through_the_gradient_and_adamw_beside_it(void **unused) {
  (void)unused;
  const rp_optimizer adam = {.kind = RP_ADAM, .beta1 = 0.5, .beta2 = 0.75, .epsilon = 0.5, .weight_decay = 0.5};
  const rp_optimizer adamw = {.kind = RP_ADAMW, .beta1 = 0.5, .beta2 = 0.75, .epsilon = 0.5, .weight_decay = 0.5};
  assert_follows(&adam, (double[]){2}, (double[]){1 - 0.25 / 3}, 1);
  assert_follows(&adamw, (double[]){2, -4}, (double[]){0.87, 0.8792007270}, 2);
}

/* ---- Frozen units, step counts ---------------------------------------------------------------- */

static const rp_optimizer ALL[] = {
    {.kind = RP_SGD, .weight_decay = 0.1},
    {.kind = RP_MOMENTUM, .momentum = 0.9, .weight_decay = 0.1},
    {.kind = RP_NESTEROV, .momentum = 0.9, .weight_decay = 0.1},
    {.kind = RP_RMSPROP, .alpha = 0.99, .epsilon = 1e-8, .weight_decay = 0.1},
    {.kind = RP_ADAM, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .weight_decay = 0.1},
    {.kind = RP_ADAMW, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .weight_decay = 0.1},
};
_Static_assert(sizeof ALL / sizeof ALL[0] == RP_N_OPTIMIZERS, "each optimizer is tested");

static void rule_10_a_frozen_unit_has_no_step_no_decay_and_no_momentum(void **unused) {
  (void)unused;
  for (unsigned patterns = 0; patterns < 64; patterns++)
    for (int i = 0; i < RP_N_OPTIMIZERS; i++) {
      float parameters[6] = {1, 2, 3, 4, 5, 6}, first[6] = {6, 5, 4, 3, 2, 1}, second[6] = {6, 5, 4, 3, 2, 1};
      const float parameters_before[6] = {1, 2, 3, 4, 5, 6}, slot_before[6] = {6, 5, 4, 3, 2, 1};
      const float gradients[6] = {0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f};
      float *slots[] = {first, second};
      uint32_t steps[6] = {7, 7, 0, 7, 7, 0};
      const uint32_t steps_before[6] = {7, 7, 0, 7, 7, 0};
      uint8_t frozen[6];
      for (int unit = 0; unit < 6; unit++) frozen[unit] = patterns >> unit & 1 ? 200 : 0;
      rp_optimizer_step(&ALL[i], &LAYOUT, 0.1, gradients, frozen, parameters, slots, steps);
      for (int unit = 0; unit < 6; unit++) {
        const int is_frozen = frozen[unit] != 0, n_slots = rp_optimizer_slots(ALL[i].kind);
        assert_int_equal(memcmp(&parameters[unit], &parameters_before[unit], sizeof(float)) == 0, is_frozen);
        assert_int_equal(memcmp(&first[unit], &slot_before[unit], sizeof(float)) == 0, is_frozen || n_slots < 1);
        assert_int_equal(memcmp(&second[unit], &slot_before[unit], sizeof(float)) == 0, is_frozen || n_slots < 2);
        assert_int_equal(steps[unit], steps_before[unit] + !is_frozen);
      }
    }
}

/* With empty state and gradient 1, Adam's first step is lr; after 1,000,000 steps of others it would be (1 − β1) / √(1 − β2) = 3.162 lr. */
static void rule_18_adam_corrects_by_the_units_own_step_count(void **unused) {
  (void)unused;
  for (int i = RP_ADAM; i <= RP_ADAMW; i++) {
    float parameters[6] = {0}, first[6] = {0}, second[6] = {0};
    const float gradients[6] = {1, 1, 1, 1, 1, 1};
    float *slots[] = {first, second};
    uint32_t steps[6] = {1000000, 0, 0, 1000000, 0, 1000000};
    const double expected[6] = {-0.31622777, -0.1, -0.1, -0.31622777, -0.1, -0.31622777};
    rp_optimizer_step(&ALL[i], &LAYOUT, 0.1, gradients, NULL, parameters, slots, steps);
    for (int unit = 0; unit < 6; unit++) assert_near(parameters[unit], expected[unit], 1e-6);
  }
}

static void decay_of_weights_leaves_biases_alone(void **unused) {
  (void)unused;
  for (int i = 0; i < RP_N_OPTIMIZERS; i++) {
    const float gradients[6] = {0};
    float parameters[6] = {1, 1, 1, 1, 1, 1}, first[6] = {0}, second[6] = {0};
    float *slots[] = {first, second};
    uint32_t steps[6] = {0};
    rp_optimizer optimizer = ALL[i];
    optimizer.decay = RP_DECAY_WEIGHTS;
    tensors[0].kind = RP_FC_WEIGHT;
    rp_optimizer_step(&optimizer, &LAYOUT, 0.1, gradients, NULL, parameters, slots, steps);
    tensors[0].kind = RP_CONV_WEIGHT;
    rp_optimizer_step(&optimizer, &LAYOUT, 0.1, gradients, NULL, parameters, slots, steps);
    for (int j = 0; j < 4; j++) assert_below(parameters[j], 0.985);
    for (int j = 4; j < 6; j++) assert_true(parameters[j] == 1);
  }
}

/* ---- A hundred steps beside a loop of its own -------------------------------------------------- */

/* Kernels long enough for wide registers and short enough for remainders, two conv tensors and their biases. */
enum { N_LONG = 4 * 3 * 25 + 4 + 2 * 4 * 9 + 2, N_LONG_UNITS = 12 + 4 + 8 + 2, N_LONG_STEPS = 100 };
static rp_tensor long_tensors[] = {
    {.kind = RP_CONV_WEIGHT, .K = 4, .C = 3, .E = 25},
    {.kind = RP_BIAS, .K = 4, .C = 1, .E = 1, .offset = 300, .first_unit = 12},
    {.kind = RP_CONV_WEIGHT, .K = 2, .C = 4, .E = 9, .offset = 304, .first_unit = 16},
    {.kind = RP_BIAS, .K = 2, .C = 1, .E = 1, .offset = 376, .first_unit = 24},
};
static const rp_layout LONG_LAYOUT = {.n_tensors = 4, .tensors = long_tensors, .n_parameters = N_LONG, .n_units = N_LONG_UNITS};

static double uniform(uint64_t *state) { /* in [0, 1): a linear congruence, as in Knuth's MMIX */
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (double)(*state >> 11) / 9007199254740992.0;
}

static int unit_of(int i) {
  if (i < 300) return i / 25;
  if (i < 304) return 12 + i - 300;
  return i < 376 ? 16 + (i - 304) / 9 : 24 + i - 376;
}

/* One parameter as the papers write it, in double precision; what is stored is rounded to float32. adamw stores a weight twice per step,
 * shrunk and then moved, and its factor is float32 too, as in PyTorch: a hundred such roundings would be more than what is tolerated here.
 */
typedef struct {
  float w, first, second;
  int t;
} lone_parameter;

static void step_alone(lone_parameter *p, const rp_optimizer *by, double lr, double g, int is_bias) {
  const double decay = is_bias && by->decay == RP_DECAY_WEIGHTS ? 0 : by->weight_decay, w = p->w;
  p->t++;
  if (by->kind != RP_ADAMW) g += decay * w;
  switch (by->kind) {
  case RP_SGD:
    p->w = (float)(w - lr * g);
    break;
  case RP_MOMENTUM:
    p->first = (float)(by->momentum * p->first + g);
    p->w = (float)(w - lr * p->first);
    break;
  case RP_NESTEROV:
    p->first = (float)(by->momentum * p->first + g);
    p->w = (float)(w - lr * (g + by->momentum * p->first));
    break;
  case RP_RMSPROP:
    p->first = (float)(by->alpha * p->first + (1 - by->alpha) * g * g);
    p->w = (float)(w - lr * g / (sqrt(p->first) + by->epsilon));
    break;
  case RP_ADAM:
  case RP_ADAMW: {
    p->first = (float)(by->beta1 * p->first + (1 - by->beta1) * g);
    p->second = (float)(by->beta2 * p->second + (1 - by->beta2) * g * g);
    const float shrunk = by->kind == RP_ADAMW ? (float)((float)(1 - lr * decay) * w) : p->w;
    const double mean = p->first / (1 - pow(by->beta1, p->t)), square = p->second / (1 - pow(by->beta2, p->t));
    p->w = (float)(shrunk - lr * mean / (sqrt(square) + by->epsilon));
    break;
  }
  case RP_N_OPTIMIZERS:
    fail_msg("no optimizer");
  }
}

static void assert_agrees_after_100_steps(const rp_optimizer *optimizer, uint64_t seed) {
  const double lr = 0.001;
  float parameters[N_LONG], first[N_LONG] = {0}, second[N_LONG] = {0}, gradients[N_LONG];
  float *slots[] = {first, second};
  uint32_t steps[N_LONG_UNITS] = {0};
  uint8_t frozen[N_LONG_UNITS];
  lone_parameter alone[N_LONG];
  for (int i = 0; i < N_LONG; i++) {
    parameters[i] = (float)((uniform(&seed) < 0.5 ? -1 : 1) * (1 + uniform(&seed)));
    alone[i] = (lone_parameter){.w = parameters[i]};
  }
  for (int step = 0; step < N_LONG_STEPS; step++) {
    for (int unit = 0; unit < N_LONG_UNITS; unit++) frozen[unit] = unit % 3 == 0 && step >= 10 + unit && step < 40 + unit;
    for (int i = 0; i < N_LONG; i++) {
      gradients[i] = (float)((uniform(&seed) * 2 - 1) * pow(10, i % 4 - 3));
      if (!frozen[unit_of(i)]) step_alone(&alone[i], optimizer, lr, gradients[i], (i >= 300 && i < 304) || i >= 376);
    }
    rp_optimizer_step(optimizer, &LONG_LAYOUT, lr, gradients, frozen, parameters, slots, steps);
  }
  for (int i = 0; i < N_LONG; i++) {
    if (!(fabs(parameters[i] - alone[i].w) <= 1e-6 * fabs(alone[i].w)))
      fail_msg("%s, parameter %d: %.9g, not %.9g", rp_optimizer_name(optimizer->kind), i, parameters[i], alone[i].w);
    assert_int_equal(steps[unit_of(i)], alone[i].t);
  }
}

static void each_optimizer_agrees_with_a_plain_loop_after_100_steps(void **unused) {
  (void)unused;
  for (int i = 0; i < RP_N_OPTIMIZERS; i++) {
    rp_optimizer optimizer = ALL[i];
    assert_agrees_after_100_steps(&optimizer, (uint64_t)i);
    optimizer.decay = RP_DECAY_WEIGHTS;
    assert_agrees_after_100_steps(&optimizer, (uint64_t)i + 10);
    optimizer.weight_decay = 0;
    optimizer.epsilon *= 1e6;
    assert_agrees_after_100_steps(&optimizer, (uint64_t)i + 20);
  }
}

static void each_optimizer_has_its_name_and_its_slots(void **unused) {
  (void)unused;
  static const struct {
    rp_optimizer_kind kind;
    const char *name;
    int n_slots;
  } EXPECTED[] = {{RP_SGD, "sgd", 0},         {RP_MOMENTUM, "momentum", 1}, {RP_NESTEROV, "nesterov", 1},
                  {RP_RMSPROP, "rmsprop", 1}, {RP_ADAM, "adam", 2},         {RP_ADAMW, "adamw", 2}};
  for (int i = 0; i < RP_N_OPTIMIZERS; i++) {
    assert_string_equal(rp_optimizer_name(EXPECTED[i].kind), EXPECTED[i].name);
    assert_int_equal(rp_optimizer_slots(EXPECTED[i].kind), EXPECTED[i].n_slots);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sgd_steps_down_the_gradient_and_decays_weights_and_biases_alike),
      cmocka_unit_test(momentum_follows_its_rule_over_three_steps),
      cmocka_unit_test(nesterov_follows_its_rule_over_three_steps),
      cmocka_unit_test(rmsprop_follows_its_rule_over_two_steps),
      cmocka_unit_test(adam_follows_its_rule_over_two_steps),
      cmocka_unit_test(adam_decays_through_the_gradient_and_adamw_beside_it),
      cmocka_unit_test(rule_10_a_frozen_unit_has_no_step_no_decay_and_no_momentum),
      cmocka_unit_test(rule_18_adam_corrects_by_the_units_own_step_count),
      cmocka_unit_test(decay_of_weights_leaves_biases_alone),
      cmocka_unit_test(each_optimizer_agrees_with_a_plain_loop_after_100_steps),
      cmocka_unit_test(each_optimizer_has_its_name_and_its_slots),
  };
  return cmocka_run_group_tests_name("optimizer", tests, NULL, NULL);
}
