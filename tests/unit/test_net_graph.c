/* test_net_graph.c: nets whose layers form a graph, forward and backward, against plain loops in double precision, finite differences of
 * those, and hand-computed examples. */
#include "tests/graphs.h"
#include "tests/net_runs.h"

/* ---- The structures of graphs.h -------------------------------------------------------------- */

/* Relative to a tensor's largest gradient, some of which are what is left when BN has taken out the rest. 1.4e-5 is what oneDNN's SSE 4.1
 * kernels need; those of AVX-512 and AVX2 stay below 1e-5. */
static const double TOLERANCE = 3e-5;

static run run_of_structure(int i, int batch) {
  test_model m;
  STRUCTURES[i].make(&m);
  run r = run_of_normals(&m, batch);
  r.place = (rp_draw_place){.seed = 21, .epoch = 3, .first = 64};
  return r;
}

/* ---- Against the reference ------------------------------------------------------------------- */

static void each_structure_comes_close_to_plain_loops_in_all_purposes(void **unused) {
  (void)unused;
  for (int i = 0; i < N_STRUCTURES; i++) {
    run r = run_of_structure(i, 5);
    assert_like_reference(&r, TOLERANCE, STRUCTURES[i].name);
    free_run(&r);
  }
}

/* Every third filter, and all of the first conv but two: with one the convs behind it would be scaled by one weight each, which a BN makes
 * ineffective. */
static void rule_8_and_9_each_structure_comes_close_to_plain_loops_with_gates_closed(void **unused) {
  (void)unused;
  for (int i = 0; i < N_STRUCTURES; i++) {
    run r = run_of_structure(i, 5);
    uint8_t closed[256] = {0};
    assert_true(r.layout->n_filters <= 256);
    for (int f = 0; f < r.layout->n_filters; f++) closed[f] = f < r.layout->convs[0].K ? f > 1 : f % 3 == 0;
    r.closed = closed;
    assert_like_reference(&r, TOLERANCE, STRUCTURES[i].name);
    free_run(&r);
  }
}

static void each_structures_gradients_are_slopes_of_plain_loops(void **unused) {
  (void)unused;
  for (int i = 0; i < N_STRUCTURES; i++) {
    run r = run_of_structure(i, 3);
    assert_gradients_are_slopes(&r, 29, STRUCTURES[i].name);
    free_run(&r);
  }
}

/* Whole numbers are added without rounding: a gradient that is added twice or not at all cannot hide in a tolerance. */
static void a_layer_that_many_read_gets_all_their_gradients_exactly(void **unused) {
  (void)unused;
  test_model m;
  exact_graph(&m);
  run r = run_of_integers(&m, 3);
  assert_like_reference(&r, 0, "exact graph");
  uint8_t closed[64] = {[0] = 1, [3] = 1, [6] = 1, [20] = 1};
  r.closed = closed;
  assert_like_reference(&r, 0, "exact graph, four filters closed");
  free_run(&r);
}

/* ---- By hand --------------------------------------------------------------------------------- */

/* A net whose logits are what layer `of` puts out, one image of one channel: the fc is the identity. */
static run shown(test_model *m, int n_values) {
  add_fc(m, n_values)->has_bias = 0;
  m->model.n_classes = n_values;
  run r = run_of_integers(m, 1);
  float *weights = r.parameters + tensor_of(r.layout, last_of(m), 0)->offset;
  memset(weights, 0, (size_t)(n_values * n_values) * sizeof *weights);
  for (int i = 0; i < n_values; i++) weights[i * n_values + i] = 1;
  return r;
}

static void assert_shows(run *r, rp_purpose_of_run purpose, const float *expected, int n, double tolerance) {
  float logits[256];
  pass(r, purpose, r->batch, logits);
  for (int i = 0; i < n; i++) assert_near(logits[i], expected[i], tolerance);
}

/* A 4×4 image, means of 3×3 with stride 2: a row and a column of padding after, which do not count. */
static void padding_does_not_count_in_a_mean(void **unused) {
  (void)unused;
  test_model m;
  begin_model(&m, 1, 4, 4, 2);
  pool_on(&m, RP_AVG_POOL, RP_IMAGE, 3, 2);
  run r = shown(&m, 4);
  for (int i = 0; i < 16; i++) r.images[i] = (float)(i + 1);
  assert_shows(&r, RP_RUN_EVALUATE, (const float[]){6, 7.5f, 12, 13.5f}, 4, 0);
  free_run(&r);
}

/* Two values, 1 and 5: mean 3, variance 4 (unbiased 8). gamma 3, beta 1; running mean 10 and variance 2 move by a quarter. */
static void bn_takes_the_batchs_biased_variance_and_keeps_the_unbiased_one(void **unused) {
  (void)unused;
  test_model m;
  begin_model(&m, 1, 1, 2, 2);
  rp_layer_spec *bn = add_layer(&m, RP_BATCH_NORM);
  bn->momentum = 0.25, bn->epsilon = 0.5;
  run r = shown(&m, 2);
  const float values[] = {3, 1, 10, 2};
  memcpy(r.parameters, values, sizeof values);
  r.images[0] = 1, r.images[1] = 5;
  const double deviation = sqrt(4.5), running = sqrt(2.5);
  assert_shows(&r, RP_RUN_TRAIN, (const float[]){(float)(1 - 6 / deviation), (float)(1 + 6 / deviation)}, 2, 1e-6);
  rp_executor_statistics(pass(&r, RP_RUN_TRAIN, 1, NULL), r.parameters);
  assert_near(r.parameters[2], 10 * 0.75 + 3 * 0.25, 1e-6);
  assert_near(r.parameters[3], 2 * 0.75 + 8 * 0.25, 1e-6);
  assert_true(r.parameters[0] == 3 && r.parameters[1] == 1);
  memcpy(r.parameters, values, sizeof values);
  assert_shows(&r, RP_RUN_EVALUATE, (const float[]){(float)(1 - 27 / running), (float)(1 - 15 / running)}, 2, 1e-5);
  assert_shows(&r, RP_RUN_OBSERVE, (const float[]){(float)(1 - 27 / running), (float)(1 - 15 / running)}, 2, 1e-5);
  free_run(&r);
}

/* Values far from 0 with a small deviation: squares minus squared mean would be noise. */
static void bn_does_not_lose_a_small_deviation_far_from_zero(void **unused) {
  (void)unused;
  test_model m;
  begin_model(&m, 1, 8, 8, 2);
  layer_on(&m, RP_BATCH_NORM, RP_IMAGE);
  run r = shown(&m, 64);
  const float values[] = {1, 0, 0, 1};
  memcpy(r.parameters, values, sizeof values);
  float expected[64];
  for (int i = 0; i < 64; i++)
    r.images[i] = 4096 + (float)(i % 2) / 8, expected[i] = (float)((i % 2 ? 1 : -1) * 0.0625 / sqrt(0.0625 * 0.0625 + 1e-5));
  assert_shows(&r, RP_RUN_TRAIN, expected, 64, 1e-4);
  free_run(&r);
}

static void running_statistics_move_once_per_forward_pass(void **unused) {
  (void)unused;
  test_model m;
  begin_model(&m, 1, 1, 2, 2);
  layer_on(&m, RP_BATCH_NORM, RP_IMAGE);
  run r = shown(&m, 2);
  r.images[0] = 1, r.images[1] = 5;
  const float values[] = {1, 0, 0, 1};
  memcpy(r.parameters, values, sizeof values);
  rp_executor *executor = pass(&r, RP_RUN_TRAIN, 1, NULL);
  const float *logits;
  rp_error err = {0};
  assert_ok(rp_executor_forward(executor, r.images, &logits, &err), err);
  rp_executor_statistics(executor, r.parameters);
  assert_near(r.parameters[2], 3 * (0.1 + 0.9 * 0.1), 1e-6);
  assert_near(r.parameters[3], 0.81 + 8 * (0.1 + 0.9 * 0.1), 1e-6);
  free_run(&r);
}

/* A 3×3 image to 3 channels at stride 2: its corners, then zeros. */
static void a_padded_shortcut_takes_every_other_pixel_and_adds_channels_of_zeros(void **unused) {
  (void)unused;
  test_model m;
  begin_model(&m, 1, 3, 3, 2);
  pad_channels(&m, RP_IMAGE, 3, 2);
  run r = shown(&m, 12);
  for (int i = 0; i < 9; i++) r.images[i] = (float)(i + 1);
  assert_shows(&r, RP_RUN_TRAIN, (const float[]){1, 3, 7, 9, 0, 0, 0, 0, 0, 0, 0, 0}, 12, 0);
  free_run(&r);
}

/* Windows (1, 2 / 0, 1), zeros, and (−3, 2 / 0, 0): Σa²/Σa is 6/4, 0 and 2; what is negative has no part. */
static void a_stochastic_pool_evaluates_to_the_mean_weighted_by_probability(void **unused) {
  (void)unused;
  test_model m;
  begin_model(&m, 1, 2, 6, 2);
  pool_on(&m, RP_STOCHASTIC_POOL, RP_IMAGE, 2, 2);
  run r = shown(&m, 3);
  const float image[] = {1, 2, 0, 0, -3, 2, 0, 1, 0, 0, 0, 0};
  memcpy(r.images, image, sizeof image);
  assert_shows(&r, RP_RUN_EVALUATE, (const float[]){1.5f, 0, 2}, 3, 1e-7);
  free_run(&r);
}

/* ---- What is drawn --------------------------------------------------------------------------- */

enum { N_DRAWN = 256, N_IMAGES = 64 };

/* Images of ones, 16×16, through one layer that draws; every logit is one of its values. [N_IMAGES][N_DRAWN] */
static float *drawn_values(rp_layer_kind kind, double rate, rp_draw_place place, int batch) {
  test_model m;
  begin_model(&m, 1, 16, 16, 2);
  dropout_on(&m, kind, RP_IMAGE, rate);
  run one = shown(&m, N_DRAWN), r = run_of_integers(&m, N_IMAGES);
  memcpy(r.parameters, one.parameters, r.layout->n_parameters * sizeof *r.parameters);
  for (size_t i = 0; i < N_IMAGES * N_DRAWN; i++) r.images[i] = 1;
  r.place = place;
  float *values = floats(N_IMAGES * N_DRAWN);
  pass(&r, RP_RUN_TRAIN, batch, values);
  free_run(&one), free_run(&r);
  return values;
}

static const rp_draw_place PLACE = {.seed = 4, .epoch = 2, .first = 128};

/* Each value is 0 or 1 / (1 − rate); the share of zeros is the rate, within five deviations of a binomial. */
static void dropout_keeps_the_mean(void **unused) {
  (void)unused;
  const double rate = 0.3, n = N_IMAGES * N_DRAWN;
  float *values = drawn_values(RP_DROPOUT, rate, PLACE, N_IMAGES);
  int n_zeros = 0;
  for (int i = 0; i < N_IMAGES * N_DRAWN; i++) {
    if (values[i] == 0)
      n_zeros++;
    else
      assert_near(values[i], 1 / 0.7, 1e-6);
  }
  assert_near(n_zeros, n * rate, 5 * sqrt(n * rate * (1 - rate)));
  free(values);
}

static void drop_path_drops_whole_images_and_keeps_the_mean(void **unused) {
  (void)unused;
  const double rate = 0.4;
  float *values = drawn_values(RP_DROP_PATH, rate, PLACE, N_IMAGES);
  int n_zeros = 0;
  for (int n = 0; n < N_IMAGES; n++) {
    n_zeros += values[n * N_DRAWN] == 0;
    for (int i = 0; i < N_DRAWN; i++) assert_near(values[n * N_DRAWN + i], values[n * N_DRAWN] == 0 ? 0 : 1 / 0.6, 1e-6);
  }
  assert_near(n_zeros, N_IMAGES * rate, 5 * sqrt(N_IMAGES * rate * (1 - rate)));
  free(values);
}

static void draws_do_not_depend_on_how_a_batch_is_split(void **unused) {
  (void)unused;
  const rp_layer_kind kinds[] = {RP_DROPOUT, RP_DROP_PATH};
  for (int i = 0; i < 2; i++) {
    float *whole = drawn_values(kinds[i], 0.5, PLACE, N_IMAGES);
    for (int batch = 1; batch < N_IMAGES; batch *= 8) {
      float *parts = drawn_values(kinds[i], 0.5, PLACE, batch);
      assert_memory_equal(whole, parts, N_IMAGES * N_DRAWN * sizeof *whole);
      free(parts);
    }
    free(whole);
  }
}

/* Image i of a batch at place p is image 0 of one at p + i; seeds and epochs differ; so do layers. */
static void draws_are_keyed_by_seed_epoch_place_and_layer(void **unused) {
  (void)unused;
  float *values = drawn_values(RP_DROPOUT, 0.5, PLACE, N_IMAGES);
  const rp_draw_place later = {.seed = 4, .epoch = 2, .first = 130}, others[] = {{5, 2, 128}, {4, 3, 128}};
  float *shifted = drawn_values(RP_DROPOUT, 0.5, later, N_IMAGES);
  assert_memory_equal(shifted, values + 2 * N_DRAWN, (N_IMAGES - 2) * N_DRAWN * sizeof *values);
  for (int i = 0; i < 2; i++) {
    float *other = drawn_values(RP_DROPOUT, 0.5, others[i], N_IMAGES);
    int n_equal = 0;
    for (int j = 0; j < N_IMAGES * N_DRAWN; j++) n_equal += (other[j] == 0) == (values[j] == 0);
    assert_near(n_equal, N_IMAGES * N_DRAWN / 2, 5 * sqrt(N_IMAGES * N_DRAWN) / 2);
    free(other);
  }
  free(values), free(shifted);

  test_model m;
  begin_model(&m, 1, 16, 16, 2);
  dropout_on(&m, RP_DROPOUT, dropout_on(&m, RP_DROPOUT, RP_IMAGE, 0.5), 0.5);
  run r = shown(&m, N_DRAWN);
  for (int i = 0; i < N_DRAWN; i++) r.images[i] = 1;
  float logits[N_DRAWN];
  int n_zeros = 0;
  pass(&r, RP_RUN_TRAIN, 1, logits);
  for (int i = 0; i < N_DRAWN; i++) n_zeros += logits[i] == 0;
  assert_near(n_zeros, 0.75 * N_DRAWN, 5 * sqrt(N_DRAWN * 0.75 * 0.25));
  free_run(&r);
}

/* A window of 1, 2, 3 and 4 a thousand times: each is drawn in proportion to itself, and the mean is (1 + 4 + 9 + 16) / 10. */
static void a_stochastic_pool_draws_in_proportion(void **unused) {
  (void)unused;
  test_model m;
  begin_model(&m, 1, 32, 32, 2);
  pool_on(&m, RP_STOCHASTIC_POOL, RP_IMAGE, 2, 2);
  run r = shown(&m, N_DRAWN);
  for (int y = 0; y < 32; y++)
    for (int x = 0; x < 32; x++) r.images[y * 32 + x] = (float)(1 + y % 2 * 2 + x % 2);
  int n[5] = {0};
  for (uint32_t i = 0; i < 16; i++) {
    float logits[N_DRAWN];
    r.place = (rp_draw_place){.seed = 1, .epoch = 1, .first = i};
    pass(&r, RP_RUN_TRAIN, 1, logits);
    for (int j = 0; j < N_DRAWN; j++) {
      assert_true(logits[j] >= 1 && logits[j] <= 4 && logits[j] == floorf(logits[j]));
      n[(int)logits[j]]++;
    }
  }
  for (int value = 1; value <= 4; value++) {
    const double p = value / 10.0, total = 16 * N_DRAWN;
    assert_near(n[value], total * p, 5 * sqrt(total * p * (1 - p)));
  }
  assert_shows(&r, RP_RUN_EVALUATE, (const float[]){3, 3, 3}, 3, 1e-6);
  free_run(&r);
}

static void what_is_drawn_in_training_changes_nothing_in_evaluation(void **unused) {
  (void)unused;
  test_model m;
  begin_model(&m, 1, 4, 4, 2);
  dropout_on(&m, RP_DROP_PATH, dropout_on(&m, RP_DROPOUT, RP_IMAGE, 0.5), 0.5);
  run r = shown(&m, 16);
  float *image = normals(16, 1, 7);
  memcpy(r.images, image, 16 * sizeof *image);
  assert_shows(&r, RP_RUN_EVALUATE, image, 16, 0);
  assert_shows(&r, RP_RUN_OBSERVE, image, 16, 0);
  free(image);
  free_run(&r);
}

/* ---- Batches and bits ------------------------------------------------------------------------ */

static void with_bn_a_batch_is_not_split(void **unused) {
  (void)unused;
  test_model m;
  resnet(&m);
  rp_net *net = net_of(&m);
  assert_int_equal(rp_net_sub_batch(net, 64), 64);
  assert_int_equal(rp_net_sub_batch(net, 3), 3);
  rp_net_free(&net);
  exact_graph(&m);
  net = net_of(&m);
  assert_true(rp_net_sub_batch(net, 64) < 64);
  rp_net_free(&net);
}

static void a_repeated_pass_of_each_structure_has_the_same_bits(void **unused) {
  (void)unused;
  for (int i = 0; i < N_STRUCTURES; i++) {
    run first = run_of_structure(i, 6), second = run_of_structure(i, 6);
    float logits[2][6 * 4];
    const size_t n = first.layout->n_parameters;
    rp_executor_statistics(pass(&second, RP_RUN_TRAIN, 6, logits[1]), second.parameters);
    for (int repeat = 0; repeat < 2; repeat++) {
      memset(logits[0], 0, sizeof logits[0]);
      rp_executor *executor = pass(&first, RP_RUN_TRAIN, 6, logits[0]);
      assert_memory_equal(logits[0], logits[1], (size_t)(6 * rp_net_model(first.net)->n_classes) * sizeof(float));
      assert_memory_equal(first.gradients, second.gradients, n * sizeof(float));
      float *moved = floats(n);
      memcpy(moved, first.parameters, n * sizeof *moved);
      rp_executor_statistics(executor, moved);
      assert_memory_equal(moved, second.parameters, n * sizeof *moved);
      free(moved);
    }
    free_run(&first), free_run(&second);
  }
}

/* In evaluation mode an image does not see its batch. */
static void logits_of_each_structure_have_the_same_bits_whatever_the_batch_size(void **unused) {
  (void)unused;
  for (int i = 0; i < N_STRUCTURES; i++) {
    run r = run_of_structure(i, 6);
    float whole[6 * 4] = {0}, parts[6 * 4] = {0};
    pass(&r, RP_RUN_EVALUATE, 6, whole);
    for (int batch = 1; batch <= 3; batch++) {
      pass(&r, RP_RUN_EVALUATE, batch, parts);
      assert_memory_equal(whole, parts, sizeof whole);
    }
    pass(&r, RP_RUN_OBSERVE, 6, parts);
    assert_memory_equal(whole, parts, sizeof whole);
    free_run(&r);
  }
}

/* ---- What is refused ------------------------------------------------------------------------- */

static void assert_refused(const test_model *m, const char *part) {
  rp_net *net = NULL;
  rp_error err = {0};
  assert_fails(rp_net_create(&m->model, 1, &net, &err), RP_EINPUT, err, part);
  assert_null(net);
}

static void joins_of_maps_that_do_not_fit_are_refused_with_both_shapes(void **unused) {
  (void)unused;
  test_model m;
  begin_model(&m, 3, 8, 8, 3);
  int a = conv_bn(&m, RP_IMAGE, 4, 3, 1, 1), b = conv_bn(&m, RP_IMAGE, 5, 3, 1, 1);
  join(&m, RP_ADD, a, b, -1, -1), add_fc(&m, 3);
  assert_refused(&m, "add1: its inputs are 4×8×8 and 5×8×8 (C×H×W)");

  begin_model(&m, 3, 8, 8, 3);
  a = conv_bn(&m, RP_IMAGE, 4, 3, 1, 1), b = conv_bn(&m, RP_IMAGE, 4, 3, 2, 1);
  join(&m, RP_ADD, a, a, b, -1), add_fc(&m, 3);
  assert_refused(&m, "add1: its inputs are 4×8×8 and 4×4×4 (C×H×W)");
  m.layers[last_of(&m) - 1].kind = RP_CONCAT, strcpy(m.layers[last_of(&m) - 1].name, "concat1");
  assert_refused(&m, "concat1: its inputs are 4×8×8 and 4×4×4 (C×H×W)");

  begin_model(&m, 3, 8, 8, 3);
  pad_channels(&m, conv_bn(&m, RP_IMAGE, 4, 3, 1, 1), 3, 2), add_fc(&m, 3);
  assert_refused(&m, "pad1: pads to 3 channels, and its input has 4");
  m.layers[last_of(&m) - 1].outputs = 4, m.layers[last_of(&m) - 1].stride = 0;
  assert_refused(&m, "pad1: stride is 0");

  begin_model(&m, 3, 8, 8, 3);
  add_fc(&m, 5);
  pad_channels(&m, last_of(&m), 6, 1), add_fc(&m, 3);
  assert_refused(&m, "pad1: pad_channels needs maps, and its input is the 5 features of an fc");
  begin_model(&m, 3, 8, 8, 3);
  add_fc(&m, 5);
  pool_on(&m, RP_AVG_POOL, last_of(&m), 2, 2), add_fc(&m, 3);
  assert_refused(&m, "avg_pool1: avg_pool needs maps");
}

static void numbers_of_inputs_that_a_kind_does_not_take_are_refused(void **unused) {
  (void)unused;
  test_model m;
  begin_model(&m, 3, 8, 8, 3);
  int a = conv_bn(&m, RP_IMAGE, 4, 3, 1, 1);
  join(&m, RP_ADD, a, -1, -1, -1), add_fc(&m, 3);
  assert_refused(&m, "add1: add takes 2 to 8 inputs, not 1");
  m.layers[last_of(&m) - 1].n_inputs = RP_MAX_INPUTS + 1;
  assert_refused(&m, "add1: add takes 2 to 8 inputs, not 9");
  m.layers[last_of(&m) - 1].n_inputs = 2, m.layers[last_of(&m) - 1].inputs[1] = last_of(&m);
  assert_refused(&m, "add1: its input is layer");
  m.layers[last_of(&m) - 1].inputs[1] = a, m.layers[1].n_inputs = 2;
  assert_refused(&m, "bn1: batch_norm takes one input, not 2");
}

static void numbers_out_of_range_are_refused_with_the_layers_name(void **unused) {
  (void)unused;
  const double bad_rates[] = {1, 1.5, -0.1, NAN}, bad_epsilons[] = {0, -1e-5, 2, NAN}, bad_momenta[] = {2, 1.01, -0.1, NAN};
  const rp_layer_kind kinds[] = {RP_DROPOUT, RP_DROP_PATH, RP_BATCH_NORM};
  const char *const names[] = {"dropout1: rate is ", "drop_path1: rate is ", "bn1: "};
  for (int kind = 0; kind < 3; kind++)
    for (int i = 0; i < 4; i++) {
      test_model m;
      begin_model(&m, 3, 8, 8, 3);
      layer_on(&m, kinds[kind], RP_IMAGE), add_fc(&m, 3);
      m.layers[0].rate = bad_rates[i];
      if (kind < 2) {
        assert_refused(&m, names[kind]);
        continue;
      }
      m.layers[0].epsilon = bad_epsilons[i];
      assert_refused(&m, "bn1: epsilon is ");
      m.layers[0].epsilon = 1e-5, m.layers[0].momentum = bad_momenta[i];
      assert_refused(&m, "bn1: momentum is ");
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_structure_comes_close_to_plain_loops_in_all_purposes),
      cmocka_unit_test(rule_8_and_9_each_structure_comes_close_to_plain_loops_with_gates_closed),
      cmocka_unit_test(each_structures_gradients_are_slopes_of_plain_loops),
      cmocka_unit_test(a_layer_that_many_read_gets_all_their_gradients_exactly),
      cmocka_unit_test(padding_does_not_count_in_a_mean),
      cmocka_unit_test(bn_takes_the_batchs_biased_variance_and_keeps_the_unbiased_one),
      cmocka_unit_test(bn_does_not_lose_a_small_deviation_far_from_zero),
      cmocka_unit_test(running_statistics_move_once_per_forward_pass),
      cmocka_unit_test(a_padded_shortcut_takes_every_other_pixel_and_adds_channels_of_zeros),
      cmocka_unit_test(a_stochastic_pool_evaluates_to_the_mean_weighted_by_probability),
      cmocka_unit_test(dropout_keeps_the_mean),
      cmocka_unit_test(drop_path_drops_whole_images_and_keeps_the_mean),
      cmocka_unit_test(draws_do_not_depend_on_how_a_batch_is_split),
      cmocka_unit_test(draws_are_keyed_by_seed_epoch_place_and_layer),
      cmocka_unit_test(a_stochastic_pool_draws_in_proportion),
      cmocka_unit_test(what_is_drawn_in_training_changes_nothing_in_evaluation),
      cmocka_unit_test(with_bn_a_batch_is_not_split),
      cmocka_unit_test(a_repeated_pass_of_each_structure_has_the_same_bits),
      cmocka_unit_test(logits_of_each_structure_have_the_same_bits_whatever_the_batch_size),
      cmocka_unit_test(joins_of_maps_that_do_not_fit_are_refused_with_both_shapes),
      cmocka_unit_test(numbers_of_inputs_that_a_kind_does_not_take_are_refused),
      cmocka_unit_test(numbers_out_of_range_are_refused_with_the_layers_name),
  };
  return cmocka_run_group_tests_name("net graph", tests, NULL, NULL);
}
