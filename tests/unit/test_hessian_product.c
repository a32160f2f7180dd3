/* test_hessian_product.c: the loss's Hessian times a vector, against slopes of gradients that plain loops compute in double precision, and
 * what every Hessian must be: symmetric and linear. */
#include "core/probes/hessian_product.h"

#include "core/loss/cross_entropy.h"
#include "core/nn/tangent.h"
#include "tests/graphs.h"
#include "tests/net_runs.h"

enum { MAX_IMAGES = 64 };

/* Relative to a conv's largest value. */
static const double TOLERANCE = 3e-5;

static uint8_t label_of(const rp_net *net, int image) {
  return (uint8_t)(image * 2 % rp_net_model(net)->n_classes);
}

/* ---- Ours, on the images of a run ------------------------------------------------------------ */

static void multiply(const run *r, const float *v, double *product) {
  const int n_classes = rp_net_model(r->net)->n_classes;
  rp_executor *executor;
  rp_error err = {0};
  const float *logits, *tangents;
  uint8_t labels[MAX_IMAGES];
  uint64_t correct = 0;
  float *gradients = floats((size_t)(r->batch * n_classes)), *gradient_tangents = floats((size_t)(r->batch * n_classes));
  for (int n = 0; n < r->batch; n++) labels[n] = label_of(r->net, n);
  memset(product, 0, rp_conv_weights(r->layout) * sizeof *product);
  assert_ok(rp_net_executor(r->net, r->batch, RP_RUN_HESSIAN, &executor, &err), err);
  assert_ok(rp_executor_load(executor, r->parameters, r->closed, &err), err);
  assert_ok(rp_executor_load_direction(executor, v, &err), err);
  assert_ok(rp_executor_forward(executor, r->images, &logits, &err), err);
  assert_ok(rp_executor_forward_tangent(executor, &tangents, &err), err);
  rp_cross_entropy(logits, labels, r->batch, n_classes, 1.0 / r->batch, NULL, gradients, &correct);
  rp_cross_entropy_tangent(logits, tangents, r->batch, n_classes, 1.0 / r->batch, gradient_tangents);
  assert_ok(rp_executor_backward_tangent(executor, gradients, gradient_tangents, &err), err);
  assert_ok(rp_executor_take_products(executor, product, &err), err);
  free(gradients), free(gradient_tangents);
}

/* ---- The reference --------------------------------------------------------------------------- */

static void set_loss_gradients(reference *r, const rp_net *net) {
  reference_map *last = &r->maps[r->model->n_layers - 1];
  for (int n = 0; n < r->N; n++) {
    const double *z = last->values + (size_t)n * last->size;
    double sum = 0;
    for (size_t j = 0; j < last->size; j++) sum += exp(z[j]);
    for (size_t j = 0; j < last->size; j++)
      last->gradients[(size_t)n * last->size + j] = (exp(z[j]) / sum - (j == label_of(net, n))) / r->N;
  }
}

/* Adds `sign` / (2 step) times the gradients at w + sign · step · v, conv by conv. */
static void add_moved_gradients(const run *r, const float *v, double step, double sign, double *product) {
  reference *moved = reference_create(r->net, r->batch, r->parameters, r->closed, r->images);
  for (int i = 0; i < r->layout->n_convs; i++) {
    const rp_tensor *tensor = &r->layout->tensors[r->layout->convs[i].weight];
    for (size_t j = 0; j < size_of_tensor(tensor); j++) moved->parameters[tensor->offset + j] += sign * step * (double)*v++;
  }
  reference_forward(moved);
  set_loss_gradients(moved, r->net);
  reference_backward_from_logits(moved);
  for (int i = 0; i < r->layout->n_convs; i++) {
    const rp_tensor *tensor = &r->layout->tensors[r->layout->convs[i].weight];
    for (size_t j = 0; j < size_of_tensor(tensor); j++) *product++ += sign * moved->parameter_gradients[tensor->offset + j] / (2 * step);
  }
  reference_free(moved);
}

/* So small a step that no kink lies in between: the more maps there are, the nearer is one. */
static void multiply_by_slopes(const run *r, const float *v, double *product) {
  const double step = rp_net_model(r->net)->height < 32 ? 1e-7 : 1e-9;
  memset(product, 0, rp_conv_weights(r->layout) * sizeof *product);
  add_moved_gradients(r, v, step, 1, product);
  add_moved_gradients(r, v, step, -1, product);
}

/* Rows of closed filters are 0 on both sides: the reference's gradients there are those of maps that are multiplied by 0. */
static void assert_products(const run *r, const double *actual, const double *expected, const char *name) {
  for (int i = 0; i < r->layout->n_convs; i++) {
    const size_t n = size_of_tensor(&r->layout->tensors[r->layout->convs[i].weight]);
    const double largest = largest_of(expected, n);
    double difference = 0;
    for (size_t j = 0; j < n; j++) difference = fmax(difference, isfinite(actual[j]) ? fabs(actual[j] - expected[j]) : INFINITY);
    if (!(difference <= TOLERANCE * largest))
      fail_msg("%s: %s: products are off by %g, the largest is %g", name, r->layout->convs[i].name, difference, largest);
    actual += n, expected += n;
  }
}

static void assert_like_slopes(const run *r, const char *name) {
  const size_t n = rp_conv_weights(r->layout);
  float *v = normals(n, 1, 41);
  double *product = doubles(n), *expected = doubles(n);
  multiply(r, v, product);
  multiply_by_slopes(r, v, expected);
  assert_products(r, product, expected, name);
  free(v), free(product), free(expected);
}

static void each_structures_products_are_slopes_of_gradients_of_plain_loops(void **unused) {
  (void)unused;
  for (int i = 0; i < N_STRUCTURES; i++) {
    test_model m;
    STRUCTURES[i].make(&m);
    run r = run_of_normals(&m, 5);
    assert_like_slopes(&r, STRUCTURES[i].name);
    free_run(&r);
  }
}

static void products_of_the_papers_nets_are_slopes_of_gradients_of_plain_loops(void **unused) {
  (void)unused;
  static void (*const MAKE[])(test_model *) = {c3_authors, c3};
  for (int i = 0; i < 2; i++) {
    test_model m;
    MAKE[i](&m);
    run r = run_of_normals(&m, 2);
    for (size_t j = 0; j < r.layout->n_parameters; j++) r.parameters[j] /= 4; /* wide layers: logits of moderate size */
    assert_like_slopes(&r, i ? "c3" : "c3-authors");
    free_run(&r);
  }
}

/* ---- Gates ----------------------------------------------------------------------------------- */

static void close_some(const run *r, uint8_t *closed) {
  for (int f = 0; f < r->layout->n_filters; f++) closed[f] = f < r->layout->convs[0].K ? f > 1 : f % 3 == 0;
}

static void rule_8_and_9_products_with_gates_closed_are_slopes_of_plain_loops(void **unused) {
  (void)unused;
  for (int i = 0; i < N_STRUCTURES; i++) {
    test_model m;
    STRUCTURES[i].make(&m);
    run r = run_of_normals(&m, 5);
    uint8_t closed[256] = {0};
    close_some(&r, closed);
    r.closed = closed;
    assert_like_slopes(&r, STRUCTURES[i].name);
    free_run(&r);
  }
}

/* What a closed filter's weights are, and which way they would move, is nobody's business. */
static void rule_8_closed_filters_have_rows_and_columns_of_zeros(void **unused) {
  (void)unused;
  for (int i = 0; i < N_STRUCTURES; i++) {
    test_model m;
    STRUCTURES[i].make(&m);
    run r = run_of_normals(&m, 4);
    uint8_t closed[256] = {0};
    close_some(&r, closed);
    r.closed = closed;
    const size_t n = rp_conv_weights(r.layout);
    float *v = normals(n, 1, 42);
    double *product = doubles(n), *again = doubles(n);
    multiply(&r, v, product);
    size_t at = 0;
    for (int c = 0; c < r.layout->n_convs; c++) {
      const rp_conv *conv = &r.layout->convs[c];
      const size_t row = (size_t)(conv->C * conv->R * conv->S);
      for (size_t j = 0; j < (size_t)conv->K * row; j++, at++) {
        if (!closed[conv->first_filter + (int)(j / row)]) continue;
        assert_true(product[at] == 0);
        v[at] = 1000 * v[at] + 3;
      }
    }
    multiply(&r, v, again);
    assert_memory_equal(product, again, n * sizeof *product);
    free(v), free(product), free(again);
    free_run(&r);
  }
}

/* ---- What every Hessian is ------------------------------------------------------------------- */

static double dot(const float *a, const double *b, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (double)a[i] * b[i];
  return sum;
}

static double length(const double *a, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += a[i] * a[i];
  return sqrt(sum);
}

static void the_hessian_is_symmetric_and_linear(void **unused) {
  (void)unused;
  for (int i = 0; i < N_STRUCTURES; i++) {
    test_model m;
    STRUCTURES[i].make(&m);
    run r = run_of_normals(&m, 6);
    const size_t n = rp_conv_weights(r.layout);
    float *u = normals(n, 1, 43), *v = normals(n, 1, 44), *both = floats(n);
    double *of_u = doubles(n), *of_v = doubles(n), *of_both = doubles(n);
    multiply(&r, u, of_u);
    multiply(&r, v, of_v);
    const double scale = sqrt((double)n) * (length(of_u, n) + length(of_v, n));
    assert_true(scale > 0);
    assert_near(dot(u, of_v, n), dot(v, of_u, n), 1e-6 * scale);

    for (size_t j = 0; j < n; j++) both[j] = 2 * u[j] - v[j];
    multiply(&r, both, of_both);
    for (size_t j = 0; j < n; j++) of_both[j] -= 2 * of_u[j] - of_v[j];
    assert_near(length(of_both, n), 0, 1e-5 * (length(of_u, n) + length(of_v, n)));

    for (size_t j = 0; j < n; j++) both[j] = -4 * u[j]; /* a power of two rounds nothing */
    multiply(&r, both, of_both);
    for (size_t j = 0; j < n; j++) assert_true(of_both[j] == -4 * of_u[j]);
    free(u), free(v), free(both), free(of_u), free(of_v), free(of_both);
    free_run(&r);
  }
}

static void the_product_with_zero_is_zero(void **unused) {
  (void)unused;
  for (int i = 0; i < N_STRUCTURES; i++) {
    test_model m;
    STRUCTURES[i].make(&m);
    run r = run_of_normals(&m, 3);
    const size_t n = rp_conv_weights(r.layout);
    float *v = normals(n, 1, 45), *zero = floats(n);
    double *product = doubles(n);
    multiply(&r, v, product); /* nothing of it may be left over */
    multiply(&r, zero, product);
    for (size_t j = 0; j < n; j++) assert_true(product[j] == 0);
    free(v), free(zero), free(product);
    free_run(&r);
  }
}

/* One pixel x, two 1×1 convs a and b without ReLU, logits (a·b·x, 0): with z = a·b·x, p = σ(z) and label 0 the loss is log(1 + e^−z), and
 *
 *   d²/da² = p(1 − p)·(b·x)²        d²/da db = p(1 − p)·a·b·x² − (1 − p)·x        d²/db² = p(1 − p)·(a·x)² */
static void two_weights_in_a_row_have_the_hessian_that_a_hand_computes(void **unused) {
  (void)unused;
  test_model m;
  begin_model(&m, 1, 1, 1, 2);
  plain_conv(&m, plain_conv(&m, RP_IMAGE, 1, 1, 1), 1, 1, 1);
  add_fc(&m, 2)->has_bias = 0;
  run r = run_of_integers(&m, 1);
  const float values[] = {0.5f, -1.5f, 1, 0};
  assert_int_equal(r.layout->n_parameters, 4);
  memcpy(r.parameters, values, sizeof values);
  r.images[0] = 2;
  const double a = 0.5, b = -1.5, x = 2, p = 1 / (1 + exp(-a * b * x));
  const double hessian[2][2] = {{p * (1 - p) * b * b * x * x, p * (1 - p) * a * b * x * x - (1 - p) * x},
                                {p * (1 - p) * a * b * x * x - (1 - p) * x, p * (1 - p) * a * a * x * x}};
  for (int column = 0; column < 2; column++) {
    const float v[2] = {column == 0, column == 1};
    double product[2];
    multiply(&r, v, product);
    for (int row = 0; row < 2; row++) assert_near(product[row], hessian[row][column], 1e-6);
  }
  free_run(&r);
}

/* ---- Over a data set ------------------------------------------------------------------------- */

enum { N_IMAGES = 2 * RP_HESSIAN_BATCH + 3 }; /* whole batches, and a rest */

typedef struct {
  rp_dataset dataset;
  uint8_t *pixels, labels[N_IMAGES];
  const uint8_t *images[N_IMAGES];
} pictures;

/* Images of the run's net; the run's own are the same, normalised. */
static pictures *make_pictures(run *r) {
  const rp_model *model = rp_net_model(r->net);
  const size_t size = image_size(r->net);
  pictures *p = calloc(1, sizeof *p);
  assert_non_null(p);
  p->pixels = calloc(N_IMAGES, size);
  assert_non_null(p->pixels);
  rp_stream stream = rp_stream_of(5, RP_DRAW_SHAPES, 0, 0, 0, 0);
  for (size_t i = 0; i < N_IMAGES * size; i++) {
    p->pixels[i] = (uint8_t)rp_draw_below(&stream, i, 256);
    r->images[i] = ((float)p->pixels[i] - 128) / 64;
  }
  for (int n = 0; n < N_IMAGES; n++) p->images[n] = p->pixels + (size_t)n * size, p->labels[n] = label_of(r->net, n);
  p->dataset = (rp_dataset){.channels = model->channels,
                            .height = model->height,
                            .width = model->width,
                            .n_classes = model->n_classes,
                            .n = {[RP_TRAIN] = N_IMAGES},
                            .images = {[RP_TRAIN] = p->images},
                            .labels = {[RP_TRAIN] = p->labels},
                            .mean = {128, 128, 128},
                            .deviation = {64, 64, 64}};
  return p;
}

static void free_pictures(pictures *p) {
  free(p->pixels);
  free(p);
}

static void a_product_over_a_data_set_is_that_of_the_mean_over_its_images(void **unused) {
  (void)unused;
  test_model m;
  stack_of_bn(&m);
  run r = run_of_normals(&m, N_IMAGES);
  pictures *p = make_pictures(&r);
  const size_t n = rp_conv_weights(r.layout);
  float *v = normals(n, 1, 46), *product = floats(n), *again = floats(n);
  double *expected = doubles(n), *actual = doubles(n);
  rp_error err = {0};
  assert_ok(rp_hessian_product(r.net, r.parameters, NULL, &p->dataset, RP_TRAIN, NULL, 0, v, product, &err), err);
  for (size_t i = 0; i < n; i++) actual[i] = product[i];
  multiply_by_slopes(&r, v, expected);
  assert_products(&r, actual, expected, "a data set");

  uint32_t all[N_IMAGES];
  for (uint32_t i = 0; i < N_IMAGES; i++) all[i] = i;
  assert_ok(rp_hessian_product(r.net, r.parameters, NULL, &p->dataset, RP_TRAIN, all, N_IMAGES, v, again, &err), err);
  assert_memory_equal(product, again, n * sizeof *product);
  assert_ok(rp_hessian_product(r.net, r.parameters, NULL, &p->dataset, RP_TRAIN, NULL, 0, v, v, &err), err); /* in place */
  assert_memory_equal(product, v, n * sizeof *product);
  assert_ok(rp_hessian_product(r.net, r.parameters, NULL, &p->dataset, RP_VALIDATION, NULL, 0, v, product, &err), err);
  for (size_t i = 0; i < n; i++) assert_true(product[i] == 0);
  free(v), free(product), free(again), free(expected), free(actual);
  free_pictures(p);
  free_run(&r);
}

/* ---- What is refused ------------------------------------------------------------------------- */

static void a_direction_that_is_not_finite_is_refused(void **unused) {
  (void)unused;
  test_model m;
  stack_of_bn(&m);
  run r = run_of_normals(&m, N_IMAGES);
  pictures *p = make_pictures(&r);
  const size_t n = rp_conv_weights(r.layout);
  float *v = normals(n, 1, 47), *product = normals(n, 1, 48), *before = normals(n, 1, 48);
  v[(size_t)r.layout->convs[0].K * 27 + 7] = NAN;
  rp_error err = {0};
  assert_fails(rp_hessian_product(r.net, r.parameters, NULL, &p->dataset, RP_TRAIN, NULL, 0, v, product, &err), RP_EINPUT, err,
               "the direction's value 7 of layer conv2 is nan, not a finite number");
  assert_memory_equal(product, before, n * sizeof *product);
  free(v), free(product), free(before);
  free_pictures(p);
  free_run(&r);
}

static void executors_for_other_purposes_have_no_tangents_and_this_one_no_gradients(void **unused) {
  (void)unused;
  test_model m;
  stack_of_bn(&m);
  run r = run_of_normals(&m, 2);
  float *v = normals(rp_conv_weights(r.layout), 1, 49);
  rp_executor *executor;
  rp_error err = {0};
  assert_ok(rp_net_executor(r.net, 2, RP_RUN_OBSERVE, &executor, &err), err);
  assert_fails(rp_executor_load_direction(executor, v, &err), RP_ELIBRARY, err, "only an executor for Hessian products has tangents");
  assert_ok(rp_net_executor(r.net, 2, RP_RUN_HESSIAN, &executor, &err), err);
  assert_fails(rp_executor_add_gradients(executor, r.gradients, &err), RP_ELIBRARY, err,
               "an executor for Hessian products keeps no gradients");
  assert_fails(rp_executor_backward(executor, r.logit_gradients, &err), RP_ELIBRARY, err,
               "an executor for Hessian products keeps no gradients");
  free(v);
  free_run(&r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_structures_products_are_slopes_of_gradients_of_plain_loops),
      cmocka_unit_test(products_of_the_papers_nets_are_slopes_of_gradients_of_plain_loops),
      cmocka_unit_test(rule_8_and_9_products_with_gates_closed_are_slopes_of_plain_loops),
      cmocka_unit_test(rule_8_closed_filters_have_rows_and_columns_of_zeros),
      cmocka_unit_test(the_hessian_is_symmetric_and_linear),
      cmocka_unit_test(the_product_with_zero_is_zero),
      cmocka_unit_test(two_weights_in_a_row_have_the_hessian_that_a_hand_computes),
      cmocka_unit_test(a_product_over_a_data_set_is_that_of_the_mean_over_its_images),
      cmocka_unit_test(a_direction_that_is_not_finite_is_refused),
      cmocka_unit_test(executors_for_other_purposes_have_no_tangents_and_this_one_no_gradients),
  };
  return cmocka_run_group_tests_name("Hessian product", tests, NULL, NULL);
}
