/* test_ranker_hessian.c: the criterion hessian by hand on a context of seven weights, on a small net, and the service that it uses. */
#include "core/data/batches.h"
#include "core/probes/hessian_product.h"
#include "core/ranking/score.h"
#include "tests/ranker_files.h"
#include "tests/small_net.h"

/* ---- By hand --------------------------------------------------------------------------------- */

/* conv1: three filters of 1×1×1 weights, the second one inactive; conv2: two of 2×1×1. */
enum { K1 = 3, K2 = 2, F = K1 + K2, W = 7, OBD = 0, HUTCHINSON = 1 };

static const float WEIGHT1[] = {2, 100, -1}, WEIGHT2[] = {1, -3, /**/ 0.5f, 4};
static const uint8_t ACTIVE1[K1] = {1, 0, 1}, ACTIVE2[K2] = {1, 1};
static const rp_conv_layer CONV1 = {
    .size = sizeof(rp_conv_layer), .name = "conv1", .K = K1, .C = 1, .R = 1, .S = 1, .weight = WEIGHT1, .active = ACTIVE1};
static const rp_conv_layer CONV2 = {.size = sizeof(rp_conv_layer),
                                    .name = "conv2",
                                    .K = K2,
                                    .C = 2,
                                    .R = 1,
                                    .S = 1,
                                    .first_filter = K1,
                                    .weight = WEIGHT2,
                                    .active = ACTIVE2};
static const rp_conv_layer *const LAYERS[] = {&CONV1, &CONV2};

/* Draw 0: + − + + − + −; draw 1: − + − + + − −. 1/2 itself is +. */
static double uniform(const rp_context *context, uint32_t i, uint32_t j) {
  (void)context;
  static const double draws[2][W] = {{0.5, 0.4, 0.9, 0.7, 0.1, 0.6, 0.2}, {0.3, 0.8, 0.49, 0.5, 0.99, 0.01, 0.4}};
  assert_true(i < 2 && j < W);
  return draws[i][j];
}

/* A symmetric matrix: diagonal 1, 2, −3, 4, 5, 6, 7; elements (0, 2) 10, (3, 4) 20, (3, 6) 30. */
static int multiply(const rp_context *context, const float *v, float *product, rp_message *message) {
  (void)context;
  (void)message;
  static const float diagonal[W] = {1, 2, -3, 4, 5, 6, 7};
  for (int i = 0; i < W; i++) product[i] = diagonal[i] * v[i];
  product[0] += 10 * v[2], product[2] += 10 * v[0];
  product[3] += 20 * v[4] + 30 * v[6], product[4] += 20 * v[3], product[6] += 30 * v[3];
  return RP_RANKER_OK;
}

static int refuse(const rp_context *context, const float *v, float *product, rp_message *message) {
  (void)context;
  (void)v;
  (void)product;
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
                      .hessian_product = multiply};
}

static void show(const rp_ranker *ranker, void *self, const rp_context *context, uint32_t index, uint32_t n_images, const float *of_conv1,
                 const float *of_conv2, rp_message *message) {
  const rp_batch_layer conv1 = {.size = sizeof conv1, .weight_gradient = of_conv1},
                       conv2 = {.size = sizeof conv2, .weight_gradient = of_conv2};
  const rp_batch_layer *const layers[] = {&conv1, &conv2};
  const rp_batch batch = {.size = sizeof batch, .index = index, .n_images = n_images, .layers = layers};
  assert_int_equal(ranker->observe(self, context, &batch, message), RP_RANKER_OK);
}

/* Batches of two images and of one. */
static void show_first_batch(const rp_ranker *ranker, void *self, const rp_context *context, rp_message *message) {
  show(ranker, self, context, 0, 2, (const float[]){1, 9, 0.5f}, (const float[]){0, 1, /**/ -2, 0.25f}, message);
}

static void show_second_batch(const rp_ranker *ranker, void *self, const rp_context *context, rp_message *message) {
  show(ranker, self, context, 1, 1, (const float[]){-3, 9, 0}, (const float[]){2, 0, /**/ 1, 1}, message);
}

static void *begin(const rp_ranker *ranker, const rp_context *context, int variant, int draws) {
  const rp_value options[] = {{.size = sizeof options[0], .number = variant}, {.size = sizeof options[1], .number = draws}};
  rp_message message = {.size = sizeof message};
  void *self = NULL;
  assert_int_equal(ranker->create(context, options, &self, &message), RP_RANKER_OK);
  return self;
}

static int score_by_hand(const rp_context *context, int variant, int draws, int is_shown, float importance[F], rp_message *message) {
  rp_plugin plugin = load_plugin("rankers/hessian.so");
  void *self = begin(plugin.ranker, context, variant, draws);
  for (int f = 0; f < F; f++) importance[f] = NAN;
  if (is_shown) show_first_batch(plugin.ranker, self, context, message), show_second_batch(plugin.ranker, self, context, message);
  const int status = plugin.ranker->score(self, context, importance, message);
  plugin.ranker->destroy(self);
  rp_plugin_free(&plugin);
  return status;
}

static void assert_scores(int variant, int draws, const double expected[F]) {
  const rp_context context = tiny_context();
  rp_message message = {.size = sizeof message};
  float importance[F];
  assert_int_equal(score_by_hand(&context, variant, draws, 1, importance, &message), RP_RANKER_OK);
  for (int f = 0; f < F; f++) {
    if (f == 1)
      assert_true(isnan(importance[f]));
    else
      assert_near(importance[f], expected[f], 1e-6 * fabs(expected[f]));
  }
}

/* G of the two batches, weight by weight: conv1 (2, −3), …, (1, 0); conv2 (0, 2), (2, 0), (−4, 1), (0.5, 1). With n = 3 and batches of 2
 * and 1, Σ G²/n_b is 11, …, 0.5; 4, 2, 9, 1.125 and n μ² = (Σ G)²/3 is 1/3, …, 1/3; 4/3, 4/3, 3, 0.75. h = 2/3 (their difference) + n μ² /
 * 3: 2/3 · 32/3 + 1/9, 2/3 · 1/6 + 1/9, 2/3 · 8/3 + 4/9, 2/3 · 2/3 + 4/9, 2/3 · 6 + 1, 2/3 · 3/8 + 1/4 */
static void obd_estimates_the_mean_of_squared_gradients_from_those_of_batches(void **unused) {
  (void)unused;
  assert_scores(OBD, 8, (double[F]){0.5 * 65 / 9 * 4, 0, 0.5 * 2 / 9, 0.5 * (20.0 / 9 + 8.0 / 9 * 9), 0.5 * (5 * 0.25 + 0.5 * 16)});
}

/* Batches of one image: the empirical Fisher itself, (1/n) Σ g². */
static void obd_of_single_images_is_the_mean_of_their_squared_gradients(void **unused) {
  (void)unused;
  const rp_context context = tiny_context();
  rp_message message = {.size = sizeof message};
  rp_plugin plugin = load_plugin("rankers/hessian.so");
  void *self = begin(plugin.ranker, &context, OBD, 1);
  static const float gradients[3] = {1, -2, 4};
  for (uint32_t n = 0; n < 3; n++) {
    const float same[4] = {gradients[n], gradients[n], gradients[n], gradients[n]};
    show(plugin.ranker, self, &context, n, 1, same, same, &message);
  }
  float importance[F];
  assert_int_equal(plugin.ranker->score(self, &context, importance, &message), RP_RANKER_OK);
  plugin.ranker->destroy(self);
  rp_plugin_free(&plugin);
  assert_near(importance[0], 0.5 * 7 * 4, 1e-5);
  assert_near(importance[K1], 0.5 * 7 * (1 + 9), 1e-5);
}

/* One batch says nothing of a variance: G² / n, with G = 2 g and n = 2, is 2 g². */
static void obd_of_one_batch_takes_the_mean_gradient_for_zero(void **unused) {
  (void)unused;
  const rp_context context = tiny_context();
  rp_message message = {.size = sizeof message};
  rp_plugin plugin = load_plugin("rankers/hessian.so");
  void *self = begin(plugin.ranker, &context, OBD, 1);
  show_first_batch(plugin.ranker, self, &context, &message);
  float importance[F];
  assert_int_equal(plugin.ranker->score(self, &context, importance, &message), RP_RANKER_OK);
  plugin.ranker->destroy(self);
  rp_plugin_free(&plugin);
  assert_near(importance[0], 0.5 * 2 * 4, 1e-6);
  assert_near(importance[K1], 0.5 * 2 * 9, 1e-6);
  assert_near(importance[K1 + 1], 0.5 * (8 * 0.25 + 0.125 * 16), 1e-6);
}

/* z of draw 0: 2, −100, −1; 1, 3, 0.5, −4. z ⊙ Hz: 2 (2 − 10), …, −(3 + 20); 4 + 20·3 − 30·4, 3 (15 + 20), 0.5 · 3, −4 (−28 + 30). */
static void hutchinson_multiplies_products_by_their_random_vectors(void **unused) {
  (void)unused;
  assert_scores(HUTCHINSON, 1, (double[F]){-16 / 2.0, 0, -23 / 2.0, (-56 + 105) / 2.0, (1.5 - 8) / 2.0});
}

/* z of draw 1: −2, 100, 1; 1, −3, −0.5, −4: the first filter has both its signs turned. −2 (−2 + 10), …, 1 (−3 − 20); 4 − 20·3 − 30·4,
 * −3 (−15 + 20), 1.5, −8. Means: −16, −23; −116, 45; 1.5, −8. */
static void hutchinson_averages_over_draws(void **unused) {
  (void)unused;
  assert_scores(HUTCHINSON, 2, (double[F]){-16 / 2.0, 0, -23 / 2.0, (-116 + 45) / 2.0, (1.5 - 8) / 2.0});
}

static void what_cannot_be_measured_is_passed_on(void **unused) {
  (void)unused;
  rp_context context = tiny_context();
  context.hessian_product = refuse;
  rp_message message = {.size = sizeof message};
  float importance[F];
  assert_int_equal(score_by_hand(&context, HUTCHINSON, 1, 0, importance, &message), RP_RANKER_NOT_OFFERED);
  assert_string_equal(message.text, "no images");
  assert_int_equal(score_by_hand(&context, OBD, 1, 0, importance, &message), RP_RANKER_ERROR);
  assert_string_equal(message.text, "no image was shown");
}

static void obd_is_the_default(void **unused) {
  (void)unused;
  rp_plugin_description hessian = describe_plugin("rankers/hessian.so");
  assert_string_equal(hessian.normalise, "none");
  assert_int_equal(hessian.n_options, 2);
  assert_string_equal(hessian.options[0].name, "variant");
  assert_string_equal(hessian.options[0].choices, "obd|hutchinson");
  assert_string_equal(hessian.options[0].default_text, "obd");
  assert_string_equal(hessian.options[1].name, "draws");
  assert_int_equal(hessian.flags, RP_USES_WEIGHT_GRADIENT | RP_USES_HESSIAN_PRODUCT | RP_STOCHASTIC);
  rp_plugin_description_free(&hessian);
}

/* ---- On a small net -------------------------------------------------------------------------- */

typedef struct {
  rp_dataset dataset;
  rp_net *net;
  rp_state *state;
  rp_scoring_pass pass;
} bench;

static bench *new_bench(void) {
  bench *b = calloc(1, sizeof *b);
  assert_non_null(b);
  b->dataset = small_dataset();
  b->net = small_net();
  b->state = small_state(b->net, 11);
  b->pass = (rp_scoring_pass){.net = b->net, .state = b->state, .dataset = &b->dataset};
  return b;
}

static void free_bench(bench *b) {
  rp_state_free(&b->state);
  rp_net_free(&b->net);
  free(b);
}

enum { CONV_WEIGHTS = SMALL_K1 * SMALL_CHANNELS * 9 + SMALL_K2 * SMALL_K1 * 9 };

static float asked[CONV_WEIGHTS], answered[CONV_WEIGHTS];

static int ask(void *self, const rp_context *context, float *importance, rp_message *message) {
  (void)self;
  for (uint32_t f = 0; f < context->n_filters; f++) importance[f] = 1;
  assert_int_equal(context->n_images, SMALL_TRAIN);
  return context->hessian_product(context, asked, answered, message);
}

static int ask_while_observing(void *self, const rp_context *context, const rp_batch *batch, rp_message *message) {
  (void)self;
  (void)batch;
  return context->hessian_product(context, asked, answered, message);
}

static rp_status score_with(bench *b, rp_ranker *ranker, rp_error *err) {
  if (!ranker->name) ranker->name = "own";
  rp_plugin plugin = {.ranker = ranker};
  float scores[SMALL_F];
  rp_scoring scoring = {.plugin = &plugin, .scores = scores};
  return rp_score(&b->pass, &scoring, 1, err);
}

/* The scoring images of a small data set are all of its training images. */
static void rule_6_the_service_multiplies_under_the_states_gates_on_the_scoring_images(void **unused) {
  (void)unused;
  bench *b = new_bench();
  close_filter(b->state, 3), close_filter(b->state, 12);
  uint8_t closed[SMALL_F] = {[3] = 1, [12] = 1};
  const rp_stream stream = rp_stream_of(3, RP_DRAW_SHAPES, 0, 0, 0, 0);
  for (int i = 0; i < CONV_WEIGHTS; i++) asked[i] = (float)rp_draw_normal(&stream, (uint64_t)i);
  rp_ranker ranker = {.flags = RP_USES_HESSIAN_PRODUCT, .score = ask};
  rp_error err = {0};
  assert_ok(score_with(b, &ranker, &err), err);
  float expected[CONV_WEIGHTS];
  assert_ok(rp_hessian_product(b->net, b->state->parameters, closed, &b->dataset, RP_TRAIN, NULL, 0, asked, expected, &err), err);
  assert_memory_equal(answered, expected, sizeof expected);
  b->pass.data = (rp_score_data){RP_SCORE_VALIDATION, SMALL_TRAIN}; /* other images */
  b->dataset.n[RP_VALIDATION] = SMALL_TRAIN, b->dataset.images[RP_VALIDATION] = b->dataset.images[RP_TRAIN] + SMALL_VALIDATION;
  b->dataset.labels[RP_VALIDATION] = b->dataset.labels[RP_TRAIN] + SMALL_VALIDATION;
  assert_ok(score_with(b, &ranker, &err), err);
  assert_memory_not_equal(answered, expected, sizeof expected);
  free_bench(b);
}

static void the_service_is_for_score_and_choose_and_for_finite_vectors(void **unused) {
  (void)unused;
  bench *b = new_bench();
  memset(asked, 0, sizeof asked);
  rp_ranker with = {.flags = RP_USES_HESSIAN_PRODUCT, .score = ask}, early = with;
  early.observe = ask_while_observing;
  rp_error err = {0};
  assert_fails(score_with(b, &early, &err), RP_EPLUGIN, err, "ranker own: services can be called from score and choose only");
  asked[SMALL_K1 * SMALL_CHANNELS * 9 + 5] = INFINITY;
  assert_fails(score_with(b, &with, &err), RP_EPLUGIN, err,
               "ranker own: the direction's value 5 of layer conv2 is inf, not a finite number");
  b->pass.dataset = NULL;
  assert_fails(score_with(b, &with, &err), RP_EINPUT, err, "ranker own: it looks at images, but no data set is open");
  free_bench(b);
}

static void score_hessian(bench *b, int variant, int draws, float *scores) {
  rp_plugin plugin = load_plugin("rankers/hessian.so");
  const rp_value options[] = {{.size = sizeof options[0], .number = variant}, {.size = sizeof options[1], .number = draws}};
  rp_scoring scoring = {.plugin = &plugin, .options = options, .scores = scores};
  rp_error err = {0};
  assert_ok(rp_score(&b->pass, &scoring, 1, &err), err);
  rp_plugin_free(&plugin);
}

static double gradient_of_image(const bench *b, reference *r, uint32_t image, int parameter) {
  double gradient = 0;
  r->nudged = parameter;
  for (int sign = -1; sign <= 1; sign += 2) {
    r->nudge = sign * 1e-6;
    reference_forward(r, b->state->parameters, &b->dataset, RP_TRAIN, image);
    gradient += sign * r->loss / 2e-6;
  }
  return gradient;
}

/* Two batches, of 250 images and of 5; one filter's 27 weights by slopes of a plain reference. */
static void obd_on_a_net_is_made_of_slopes_of_a_plain_reference(void **unused) {
  (void)unused;
  bench *b = new_bench();
  close_filter(b->state, 2);
  uint8_t closed[SMALL_F] = {[2] = 1};
  float scores[SMALL_F];
  score_hessian(b, OBD, 1, scores);
  static reference r;
  r = plain_reference();
  r.closed = closed;
  const int filter = 4, d = SMALL_CHANNELS * 9;
  double expected = 0;
  for (int w = SMALL_W1 + filter * d; w < SMALL_W1 + (filter + 1) * d; w++) {
    double sums[2] = {0};
    for (uint32_t i = 0; i < SMALL_TRAIN; i++) sums[i >= 250] += gradient_of_image(b, &r, i, w);
    const double weight = (double)b->state->parameters[w];
    const double n = SMALL_TRAIN, mean = (sums[0] + sums[1]) / n;
    const double variance = pow(sums[0] - 250 * mean, 2) / 250 + pow(sums[1] - 5 * mean, 2) / 5;
    expected += 0.5 * ((1 - 1 / n) * variance + mean * mean) * weight * weight;
  }
  assert_true(isnan(scores[2]));
  assert_near(scores[filter], expected, 1e-4 * expected);
  free_bench(b);
}

/* The flag for random numbers keeps the conformance check from asking for this. */
static void obd_goes_with_a_filter_wherever_it_stands(void **unused) {
  (void)unused;
  bench *b = new_bench();
  float before[SMALL_F], after[SMALL_F];
  score_hessian(b, OBD, 1, before);
  float *p = b->state->parameters, moved[SMALL_PARAMETERS];
  memcpy(moved, p, sizeof moved);
  for (int k = 0; k < SMALL_K1; k++) { /* conv1's filter k becomes its filter (k + 3) % 8, and conv2 reads it there */
    const int to = (k + 3) % SMALL_K1, d = SMALL_CHANNELS * 9;
    memcpy(moved + SMALL_W1 + to * d, p + SMALL_W1 + k * d, (size_t)d * sizeof *p);
    moved[SMALL_B1 + to] = p[SMALL_B1 + k];
    for (int j = 0; j < SMALL_K2; j++)
      memcpy(moved + SMALL_W2 + (j * SMALL_K1 + to) * 9, p + SMALL_W2 + (j * SMALL_K1 + k) * 9, 9 * sizeof *p);
  }
  memcpy(p, moved, sizeof moved);
  score_hessian(b, OBD, 1, after);
  for (int k = 0; k < SMALL_K1; k++) assert_near(after[(k + 3) % SMALL_K1], before[k], 1e-5 * (double)before[k]);
  for (int k = 0; k < SMALL_K2; k++) assert_near(after[SMALL_K1 + k], before[SMALL_K1 + k], 1e-5 * (double)before[SMALL_K1 + k]);
  free_bench(b);
}

/* Columns of the Hessian give its diagonal; many draws come near to what that says, each nearer the more there are. */
static void hutchinson_on_a_net_comes_near_the_diagonal_with_many_draws(void **unused) {
  (void)unused;
  bench *b = new_bench();
  b->pass.data.images = 25;
  float few[SMALL_F], many[SMALL_F], v[CONV_WEIGHTS] = {0}, column[CONV_WEIGHTS];
  double exact[SMALL_F] = {0}, error[2] = {0}, size = 0;
  uint32_t images[25], n;
  rp_error err = {0};
  assert_ok(rp_batches_scoring_images(&b->dataset, 25, images, &n, &err), err);
  for (int i = 0; i < CONV_WEIGHTS; i++) {
    v[i] = 1;
    assert_ok(rp_hessian_product(b->net, b->state->parameters, NULL, &b->dataset, RP_TRAIN, images, n, v, column, &err), err);
    v[i] = 0;
    const int is_first = i < SMALL_W1 + SMALL_B1, in_second = i - SMALL_B1;
    const int filter = is_first ? i / (SMALL_CHANNELS * 9) : SMALL_K1 + in_second / (SMALL_K1 * 9);
    const double weight = (double)b->state->parameters[is_first ? i : SMALL_W2 + in_second];
    exact[filter] += 0.5 * (double)column[i] * weight * weight;
  }
  score_hessian(b, HUTCHINSON, 10, few);
  score_hessian(b, HUTCHINSON, 1000, many);
  for (int f = 0; f < SMALL_F; f++) {
    error[0] += pow(few[f] - exact[f], 2), error[1] += pow(many[f] - exact[f], 2);
    size += exact[f] * exact[f];
  }
  assert_below(sqrt(error[1] / size), 0.2);
  assert_below(sqrt(error[1] / error[0]), 0.3); /* expected: 1/10 */
  free_bench(b);
}

/* The same bits for the same seed, others for another. */
static void rule_27_hutchinsons_signs_are_keyed_by_the_seed(void **unused) {
  (void)unused;
  bench *b = new_bench();
  b->pass.data.images = 30;
  float first[SMALL_F], again[SMALL_F];
  score_hessian(b, HUTCHINSON, 2, first);
  score_hessian(b, HUTCHINSON, 2, again);
  assert_memory_equal(first, again, sizeof first);
  b->state->seed++;
  score_hessian(b, HUTCHINSON, 2, again);
  assert_memory_not_equal(first, again, sizeof first);
  score_hessian(b, OBD, 2, first);
  b->state->seed++;
  score_hessian(b, OBD, 2, again);
  assert_memory_equal(first, again, sizeof first);
  free_bench(b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(obd_estimates_the_mean_of_squared_gradients_from_those_of_batches),
      cmocka_unit_test(obd_of_single_images_is_the_mean_of_their_squared_gradients),
      cmocka_unit_test(obd_of_one_batch_takes_the_mean_gradient_for_zero),
      cmocka_unit_test(hutchinson_multiplies_products_by_their_random_vectors),
      cmocka_unit_test(hutchinson_averages_over_draws),
      cmocka_unit_test(what_cannot_be_measured_is_passed_on),
      cmocka_unit_test(obd_is_the_default),
      cmocka_unit_test(rule_6_the_service_multiplies_under_the_states_gates_on_the_scoring_images),
      cmocka_unit_test(the_service_is_for_score_and_choose_and_for_finite_vectors),
      cmocka_unit_test(obd_on_a_net_is_made_of_slopes_of_a_plain_reference),
      cmocka_unit_test(obd_goes_with_a_filter_wherever_it_stands),
      cmocka_unit_test(hutchinson_on_a_net_comes_near_the_diagonal_with_many_draws),
      cmocka_unit_test(rule_27_hutchinsons_signs_are_keyed_by_the_seed),
  };
  return cmocka_run_group_tests_name("hessian", tests, NULL, NULL);
}
