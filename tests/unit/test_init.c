/* test_init.c: initial parameters have the distributions that their names promise, and each value hangs on its key alone. */
#include "tests/reference_net.h"

/* conv (3 → 32, 5×5) → conv (32 → 16, 3×3) → fc (16·64 → 10), all initialised by `kind`. */
static rp_net *net_with(rp_init_kind kind) {
  test_model m;
  begin_model(&m, 3, 8, 8, 10);
  add_conv(&m, 32, 5, 1), add_conv(&m, 16, 3, 1), add_fc(&m, 10);
  for (int i = 0; i < 3; i++) m.layers[i].init = (rp_init){.kind = kind, .sigma = 0.04, .gain = 1.5};
  return net_of(&m);
}

static float *parameters_of(const rp_net *net, uint64_t seed) {
  float *parameters = floats(rp_net_layout(net)->n_parameters);
  rp_error err = {0};
  for (size_t i = 0; i < rp_net_layout(net)->n_parameters; i++) parameters[i] = NAN;
  assert_ok(rp_init_parameters(net, seed, parameters, &err), err);
  return parameters;
}

typedef struct {
  double mean, mean_square, largest, n;
} moments;

static moments moments_of(const float *values, size_t n) {
  moments m = {.n = (double)n};
  for (size_t i = 0; i < n; i++) {
    m.mean += values[i] / m.n, m.mean_square += (double)values[i] * values[i] / m.n;
    if (!(fabs(values[i]) <= m.largest)) m.largest = fabs(values[i]);
  }
  return m;
}

static size_t size_of(const rp_tensor *t) {
  return (size_t)t->K * (size_t)t->C * (size_t)t->E;
}

static void biases_start_at_0_and_everything_is_written(void **unused) {
  (void)unused;
  for (int kind = 0; kind < RP_N_INITS; kind++) {
    rp_net *net = net_with((rp_init_kind)kind);
    float *parameters = parameters_of(net, 1);
    const rp_layout *layout = rp_net_layout(net);
    for (size_t i = 0; i < layout->n_parameters; i++) assert_true(isfinite(parameters[i]));
    for (int t = 0; t < layout->n_tensors; t++)
      for (size_t i = 0; layout->tensors[t].kind == RP_BIAS && i < size_of(&layout->tensors[t]); i++)
        assert_true(parameters[layout->tensors[t].offset + i] == 0);
    free(parameters);
    rp_net_free(&net);
  }
}

/* Mean 0, the mean square asked for (within five standard errors; kurtosis ≤ 3 makes that of a square at most √2 · mean square), no value
 * beyond a limit that is nearly reached. */
static void check_moments(rp_init_kind kind, const double mean_squares[3], const double limits[3]) {
  rp_net *net = net_with(kind);
  float *parameters = parameters_of(net, 3);
  for (int i = 0; i < 3; i++) {
    const rp_tensor *weight = tensor_of(rp_net_layout(net), i, 0);
    moments m = moments_of(parameters + weight->offset, size_of(weight));
    assert_near(m.mean, 0, 5 * sqrt(mean_squares[i] / m.n));
    assert_near(m.mean_square, mean_squares[i], 5 * mean_squares[i] * sqrt(2 / m.n));
    if (!limits) continue;
    assert_true(m.largest <= limits[i] * (1 + 1e-6));
    assert_above(m.largest, 0.98 * limits[i]);
  }
  free(parameters);
  rp_net_free(&net);
}

static void truncated_normals_are_redrawn_beyond_two_deviations(void **unused) {
  (void)unused;
  /* The variance of N(0, 1) cut off at ±2 is 0.7737413. */
  const double square = 0.04 * 0.04 * 0.7737413, limit = 0.08;
  check_moments(RP_INIT_TRUNCATED_NORMAL, (const double[]){square, square, square}, (const double[]){limit, limit, limit});
}

static void he_and_glorot_have_their_variances(void **unused) {
  (void)unused;
  check_moments(RP_INIT_HE, (const double[]){2.0 / 75, 2.0 / 288, 2.0 / 1024}, NULL);
  const double limits[] = {sqrt(6.0 / (75 + 800)), sqrt(6.0 / (288 + 144)), sqrt(6.0 / (1024 + 10))};
  check_moments(RP_INIT_GLOROT, (const double[]){limits[0] * limits[0] / 3, limits[1] * limits[1] / 3, limits[2] * limits[2] / 3}, limits);
}

static double product(const float *a, const float *b, size_t n, size_t stride) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (double)a[i * stride] * b[i * stride];
  return sum;
}

static void orthogonal_weights_have_orthonormal_rows_times_gain_or_columns_where_rows_are_more(void **unused) {
  (void)unused;
  test_model m;
  begin_model(&m, 3, 8, 8, 2);
  add_conv(&m, 40, 3, 1), add_conv(&m, 12, 3, 1), add_fc(&m, 2); /* 40 rows of 27; 12 rows of 360 */
  for (int i = 0; i < 3; i++) m.layers[i].init = (rp_init){.kind = RP_INIT_ORTHOGONAL, .gain = 1.5};
  rp_net *net = net_of(&m);
  float *parameters = parameters_of(net, 5);
  const float *tall = parameters + tensor_of(rp_net_layout(net), 0, 0)->offset,
              *wide = parameters + tensor_of(rp_net_layout(net), 1, 0)->offset;
  for (int i = 0; i < 27; i++)
    for (int j = 0; j < 27; j++) assert_near(product(tall + i, tall + j, 40, 27), i == j ? 1.5 * 1.5 : 0, 1e-6);
  for (int i = 0; i < 12; i++)
    for (int j = 0; j < 12; j++) assert_near(product(wide + i * 360, wide + j * 360, 360, 1), i == j ? 1.5 * 1.5 : 0, 1e-6);
  free(parameters);
  rp_net_free(&net);
}

static void draws_hang_on_seed_tensor_and_row_alone(void **unused) {
  (void)unused;
  rp_net *net = net_with(RP_INIT_HE);
  float *first = parameters_of(net, 7), *again = parameters_of(net, 7), *other = parameters_of(net, 8);
  assert_memory_equal(first, again, rp_net_layout(net)->n_parameters * sizeof *first);
  assert_true(first[0] != other[0]);
  float row[288];
  for (uint32_t k = 0; k < 16; k++) { /* the second conv's weights are tensor 2 */
    rp_stream stream = rp_stream_of(7, RP_DRAW_INIT, 2, k, 0, 0);
    rp_init_row(net, 2, &stream, row);
    assert_memory_equal(row, first + rp_net_layout(net)->tensors[2].offset + k * 288, sizeof row);
  }
  free(first), free(again), free(other);
  rp_net_free(&net);
}

/* The mean square norm of many single filters is the square of rp_init_norm, and that of whole initialisations, too. */
static void a_single_filter_has_the_expected_norm_of_its_layers_filters(void **unused) {
  (void)unused;
  for (int kind = 0; kind < RP_N_INITS; kind++) {
    rp_net *net = net_with((rp_init_kind)kind);
    const rp_conv *conv = &rp_net_layout(net)->convs[0];
    double single = 0, whole = 0;
    rp_error err = {0};
    for (uint64_t seed = 0; seed < 20; seed++) {
      float weights[75], *parameters = parameters_of(net, seed);
      for (int f = 0; f < 32; f++) {
        assert_ok(rp_init_filter(net, f, seed, 3, weights, &err), err);
        single += product(weights, weights, 75, 1) / (20 * 32);
      }
      const float *layer = parameters + rp_net_layout(net)->tensors[conv->weight].offset;
      whole += product(layer, layer, 32 * 75, 1) / (20 * 32);
      free(parameters);
    }
    const double expected = rp_init_norm(net, 0) * rp_init_norm(net, 0);
    assert_near(single / expected, 1, 5 * sqrt(2.0 / (20 * 32 * 75)));
    assert_near(whole / expected, 1, 5 * sqrt(2.0 / (20 * 32 * 75)));
    rp_net_free(&net);
  }
}

static void a_single_filter_hangs_on_seed_cycle_conv_and_index(void **unused) {
  (void)unused;
  rp_net *net = net_with(RP_INIT_HE);
  float base[288], drawn[288];
  rp_error err = {0};
  assert_ok(rp_init_filter(net, 33, 1, 2, base, &err), err); /* filter 1 of conv 1 */
  assert_ok(rp_init_filter(net, 33, 1, 2, drawn, &err), err);
  assert_memory_equal(base, drawn, sizeof base);
  const rp_stream stream = rp_stream_of(1, RP_DRAW_REINIT, 2, 1, 1, 0);
  for (uint64_t i = 0; i < 288; i++) assert_true(base[i] == (float)(sqrt(2.0 / 288) * rp_draw_normal(&stream, i)));
  assert_ok(rp_init_filter(net, 33, 2, 2, drawn, &err), err);
  assert_true(drawn[0] != base[0]);
  assert_ok(rp_init_filter(net, 33, 1, 3, drawn, &err), err);
  assert_true(drawn[0] != base[0]);
  assert_ok(rp_init_filter(net, 34, 1, 2, drawn, &err), err);
  assert_true(drawn[0] != base[0]);
  assert_fails(rp_init_filter(net, 48, 1, 2, drawn, &err), RP_EINPUT, err, "no filter 48");
  rp_net_free(&net);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(biases_start_at_0_and_everything_is_written),
      cmocka_unit_test(truncated_normals_are_redrawn_beyond_two_deviations),
      cmocka_unit_test(he_and_glorot_have_their_variances),
      cmocka_unit_test(orthogonal_weights_have_orthonormal_rows_times_gain_or_columns_where_rows_are_more),
      cmocka_unit_test(draws_hang_on_seed_tensor_and_row_alone),
      cmocka_unit_test(a_single_filter_has_the_expected_norm_of_its_layers_filters),
      cmocka_unit_test(a_single_filter_hangs_on_seed_cycle_conv_and_index),
  };
  return cmocka_run_group_tests_name("init", tests, NULL, NULL);
}
