/* test_net.c: forward, backward and gates of nets, against plain loops in double precision, hand-computed examples and finite differences.
 */
#include "core/loss/cross_entropy.h"
#include "tests/net_runs.h"

/* ---- Against the reference ------------------------------------------------------------------- */

/* With whole numbers each float32 operation is exact and ties abound: nothing less than equality is expected, of any kernel on any
 * processor. Every third filter is closed in a second round. */
static void check_exactly(const test_model *m, int batch, const char *name) {
  test_model direct = *m; /* Winograd's fractions are not exact */
  direct.model.layers = direct.layers;
  direct.model.convolution = RP_CONVOLUTION_DIRECT;
  run r = run_of_integers(&direct, batch);
  assert_like_reference(&r, 0, name);
  uint8_t *closed = calloc((size_t)r.layout->n_filters + 1, 1);
  assert_non_null(closed);
  for (int f = 0; f < r.layout->n_filters; f += 3) closed[f] = 1;
  r.closed = closed;
  assert_like_reference(&r, 0, name);
  free(closed);
  free_run(&r);
}

static void c3_and_c3_authors_equal_plain_loops(void **unused) {
  (void)unused;
  test_model m;
  c3_authors(&m);
  check_exactly(&m, 2, "c3-authors");
  c3(&m);
  check_exactly(&m, 2, "c3");
  c3(&m);
  m.model.n_layers = 0;
  for (int i = 0; i < 3; i++) add_conv(&m, 32, 3, 1), add_pool(&m, 3, 2);
  add_fc(&m, 10);
  check_exactly(&m, 3, "c3 with pools");
}

static void odd_shapes_equal_plain_loops(void **unused) {
  (void)unused;
  test_model m;
  begin_model(&m, 1, 13, 9, 4);
  add_conv(&m, 5, 3, 2), add_pool(&m, 3, 2), add_conv(&m, 7, 3, 1), add_fc(&m, 4);
  check_exactly(&m, 3, "1 channel, 5 and 7 filters, stride 2");

  begin_model(&m, 3, 12, 12, 5);
  add_conv(&m, 20, 5, 1)->has_bias = 0, add_pool(&m, 2, 2), add_conv(&m, 33, 1, 1), add_fc(&m, 5)->has_bias = 0;
  check_exactly(&m, 2, "no biases, 20 and 33 filters, kernels 5 and 1");

  begin_model(&m, 4, 7, 10, 3);
  add_conv(&m, 16, 3, 1)->has_relu = 0, add_pool(&m, 3, 2), add_conv(&m, 8, 3, 1)->has_relu = 0, add_fc(&m, 3);
  check_exactly(&m, 3, "4 channels, no ReLU");

  begin_model(&m, 2, 11, 8, 3);
  rp_layer_spec *conv = add_conv(&m, 6, 5, 1);
  conv->same = 0, conv->pad = 1;
  rp_layer_spec *pool = add_pool(&m, 3, 2);
  pool->same = 0, pool->pad = 1;
  conv = add_conv(&m, 9, 3, 1);
  conv->same = 0;
  add_fc(&m, 3);
  check_exactly(&m, 2, "padding by number");

  begin_model(&m, 3, 9, 9, 3);
  add_pool(&m, 3, 2), add_conv(&m, 4, 3, 1), add_pool(&m, 2, 1), add_pool(&m, 3, 2), add_fc(&m, 6), add_fc(&m, 3);
  check_exactly(&m, 2, "pools first and in a row, two fcs");

  begin_model(&m, 17, 6, 6, 2);
  add_conv(&m, 16, 3, 3), add_conv(&m, 3, 5, 1), add_fc(&m, 2);
  check_exactly(&m, 4, "17 channels, a kernel larger than its input");

  begin_model(&m, 3, 8, 10, 3);
  add_conv(&m, 16, 3, 2), add_conv(&m, 18, 2, 1), add_conv(&m, 16, 5, 2), add_fc(&m, 3);
  check_exactly(&m, 2, "an odd pixel of padding: strides of 2 on even sizes, a kernel of 2");

  begin_model(&m, 3, 5, 5, 7);
  add_fc(&m, 7);
  check_exactly(&m, 3, "one fc");

  begin_model(&m, 1, 1, 1, 2);
  add_conv(&m, 1, 1, 1), add_fc(&m, 2);
  check_exactly(&m, 1, "one of everything");
}

static void real_numbers_come_close_to_plain_loops(void **unused) {
  (void)unused;
  test_model m;
  begin_model(&m, 3, 16, 16, 10);
  add_conv(&m, 32, 5, 1), add_conv(&m, 24, 3, 1), add_fc(&m, 10);
  run r = run_of_normals(&m, 4);
  assert_like_reference(&r, 5e-6, "normals");
  free_run(&r);
}

/* The loss in double precision at parameters of which one is moved. */
static double moved_loss(const run *r, size_t parameter, double step, const uint8_t *labels) {
  reference *moved = reference_create(r->net, r->batch, r->parameters, r->closed, r->images);
  moved->parameters[parameter] += step;
  const double *z = reference_forward(moved);
  const int n_classes = moved->model->n_classes;
  double loss = 0;
  for (int n = 0; n < r->batch; n++, z += n_classes) {
    double sum = 0;
    for (int j = 0; j < n_classes; j++) sum += exp(z[j]);
    loss += (log(sum) - z[labels[n]]) / r->batch;
  }
  reference_free(moved);
  return loss;
}

static void gradients_of_the_loss_equal_finite_differences(void **unused) {
  (void)unused;
  test_model m;
  begin_model(&m, 2, 7, 6, 3);
  add_conv(&m, 4, 3, 1), add_pool(&m, 3, 2), add_conv(&m, 3, 3, 1), add_fc(&m, 3);
  run r = run_of_normals(&m, 3);
  const uint8_t labels[] = {0, 2, 1};
  rp_executor *executor;
  rp_error err = {0};
  const float *logits;
  uint64_t correct = 0;
  assert_ok(rp_net_executor(r.net, 3, RP_RUN_TRAIN, &executor, &err), err);
  assert_ok(rp_executor_load(executor, r.parameters, NULL, &err), err);
  assert_ok(rp_executor_forward(executor, r.images, &logits, &err), err);
  rp_cross_entropy(logits, labels, 3, 3, 1.0 / 3, NULL, r.logit_gradients, &correct);
  assert_ok(rp_executor_backward(executor, r.logit_gradients, &err), err);
  assert_ok(rp_executor_add_gradients(executor, r.gradients, &err), err);
  const double step = 1e-6;
  for (size_t i = 0; i < r.layout->n_parameters; i++) {
    double slope = (moved_loss(&r, i, step, labels) - moved_loss(&r, i, -step, labels)) / (2 * step);
    assert_near(r.gradients[i], slope, 1e-6);
  }
  free_run(&r);
}

/* A 4×4 image, pooled 3×3 with stride 2: one row and column of padding, at the far end (total 1, before 0). */
static void same_padding_of_a_pool_puts_the_odd_pixel_after(void **unused) {
  (void)unused;
  test_model m;
  begin_model(&m, 1, 4, 4, 4);
  add_pool(&m, 3, 2), add_fc(&m, 4);
  run r = run_of_integers(&m, 1);
  const float image[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
  memcpy(r.images, image, sizeof image);
  memset(r.parameters, 0, r.layout->n_parameters * sizeof *r.parameters);
  for (size_t i = 0; i < 4; i++) r.parameters[i * 5] = 1; /* the fc passes its 4 inputs on */
  float logits[4];
  pass(&r, RP_RUN_EVALUATE, 1, logits);
  const float expected[] = {11, 12, 15, 16};
  assert_memory_equal(logits, expected, sizeof expected);
  free_run(&r);
}

/* ---- Batches and bits ------------------------------------------------------------------------ */

static void gradients_of_sub_batches_add_up_to_those_of_the_whole(void **unused) {
  (void)unused;
  test_model m;
  c3_authors(&m);
  run r = run_of_normals(&m, 16);
  pass(&r, RP_RUN_TRAIN, 16, NULL);
  double *whole = doubles(r.layout->n_parameters);
  for (size_t i = 0; i < r.layout->n_parameters; i++) whole[i] = r.gradients[i];
  pass(&r, RP_RUN_TRAIN, rp_net_sub_batch(r.net, 64), NULL);
  for (int t = 0; t < r.layout->n_tensors; t++) {
    const rp_tensor *tensor = &r.layout->tensors[t];
    size_t n = (size_t)tensor->K * (size_t)tensor->C * (size_t)tensor->E;
    assert_true(error_of(r.gradients + tensor->offset, whole + tensor->offset, n) <= 1e-5);
  }
  free(whole);
  free_run(&r);
}

static void a_repeated_pass_has_the_same_bits(void **unused) {
  (void)unused;
  test_model m;
  c3_authors(&m);
  run first = run_of_normals(&m, 16), second = run_of_normals(&m, 16);
  float logits[2][160];
  pass(&first, RP_RUN_TRAIN, 8, logits[0]);
  pass(&second, RP_RUN_TRAIN, 8, logits[1]);
  assert_memory_equal(logits[0], logits[1], sizeof logits[0]);
  assert_memory_equal(first.gradients, second.gradients, first.layout->n_parameters * sizeof(float));
  pass(&first, RP_RUN_TRAIN, 8, logits[0]); /* the same executor once more */
  assert_memory_equal(first.gradients, second.gradients, first.layout->n_parameters * sizeof(float));
  free_run(&first), free_run(&second);
}

static void logits_have_the_same_bits_whatever_the_batch_size(void **unused) {
  (void)unused;
  test_model m;
  void (*const models[])(test_model *) = {c3_authors, c3};
  for (int i = 0; i < 2; i++) {
    models[i](&m);
    run r = run_of_normals(&m, 20);
    float whole[200], parts[200];
    pass(&r, RP_RUN_EVALUATE, 20, whole);
    for (int batch = 1; batch <= 10; batch++) {
      if (20 % batch != 0) continue;
      pass(&r, RP_RUN_EVALUATE, batch, parts);
      assert_memory_equal(whole, parts, sizeof whole);
    }
    free_run(&r);
  }
}

static void training_evaluating_and_observing_see_the_same_logits(void **unused) {
  (void)unused;
  test_model m;
  c3_authors(&m);
  run r = run_of_normals(&m, 8);
  float train[80], evaluate[80], observe[80];
  pass(&r, RP_RUN_TRAIN, 8, train), pass(&r, RP_RUN_EVALUATE, 8, evaluate), pass(&r, RP_RUN_OBSERVE, 8, observe);
  assert_memory_equal(train, evaluate, sizeof train);
  assert_memory_equal(train, observe, sizeof train);
  free_run(&r);
}

static void gradients_are_added_to_what_the_caller_has_and_cleared_on_demand(void **unused) {
  (void)unused;
  test_model m;
  begin_model(&m, 1, 4, 4, 2);
  add_conv(&m, 2, 3, 1), add_fc(&m, 2);
  run r = run_of_integers(&m, 2);
  rp_executor *executor = pass(&r, RP_RUN_TRAIN, 2, NULL);
  rp_error err = {0};
  float *twice = floats(r.layout->n_parameters);
  assert_ok(rp_executor_add_gradients(executor, twice, &err), err);
  assert_ok(rp_executor_add_gradients(executor, twice, &err), err);
  for (size_t i = 0; i < r.layout->n_parameters; i++) assert_true(twice[i] == 2 * r.gradients[i]);
  rp_executor_clear_gradients(executor);
  assert_ok(rp_executor_add_gradients(executor, twice, &err), err);
  for (size_t i = 0; i < r.layout->n_parameters; i++) assert_true(twice[i] == 2 * r.gradients[i]);
  free(twice);
  free_run(&r);
}

/* ---- Gates ----------------------------------------------------------------------------------- */

/* A bias of 3 and no ReLU: nothing but the gate makes the map 0. */
static void rule_08_a_closed_gate_puts_out_0_and_passes_no_gradient_to_its_filter(void **unused) {
  (void)unused;
  test_model m;
  begin_model(&m, 3, 8, 8, 4);
  add_conv(&m, 5, 3, 1)->has_relu = 0, add_conv(&m, 6, 3, 1), add_pool(&m, 3, 2), add_fc(&m, 4);
  run r = run_of_normals(&m, 2);
  const uint8_t closed[11] = {[1] = 1, [4] = 1, [5] = 1};
  r.closed = closed;
  for (int conv = 0; conv < 2; conv++)
    for (int k = 0; k < r.layout->convs[conv].K; k++) r.parameters[r.layout->tensors[r.layout->convs[conv].bias].offset + (size_t)k] = 3;
  rp_executor *executor = pass(&r, RP_RUN_OBSERVE, 2, NULL);
  rp_error err = {0};
  for (int f = 0; f < 11; f++) {
    const int index = rp_conv_of_filter(r.layout, f);
    const rp_conv *conv = &r.layout->convs[index];
    const int k = f - conv->first_filter;
    const float *maps, *map_gradients;
    assert_ok(rp_executor_maps(executor, index, &maps, &err), err);
    assert_ok(rp_executor_map_gradients(executor, index, &map_gradients, &err), err);
    int n_nonzero = 0, n_nonzero_gradients = 0;
    for (int n = 0; n < 2; n++)
      for (int i = 0; i < 64; i++) {
        n_nonzero += maps[(n * conv->K + k) * 64 + i] != 0;
        n_nonzero_gradients += map_gradients[(n * conv->K + k) * 64 + i] != 0;
      }
    const rp_tensor *weight = &r.layout->tensors[conv->weight];
    const size_t row = (size_t)weight->C * (size_t)weight->E;
    for (size_t i = 0; i < row; i++) n_nonzero_gradients += r.gradients[weight->offset + (size_t)k * row + i] != 0;
    n_nonzero_gradients += r.gradients[r.layout->tensors[conv->bias].offset + (size_t)k] != 0;
    if (closed[f])
      assert_true(n_nonzero == 0 && n_nonzero_gradients == 0);
    else
      assert_true(n_nonzero > 0 && n_nonzero_gradients > 0);
  }
  free_run(&r);
}

/* The second conv is constant through its bias: −2 and 2, then a ReLU. At the gate that is 0 and 2; ablation (closing gates) makes both 0.
 */
static void rule_11_maps_are_seen_at_the_gate_and_ablation_closes_that_gate(void **unused) {
  (void)unused;
  test_model m;
  begin_model(&m, 1, 4, 4, 2);
  add_conv(&m, 2, 1, 1), add_pool(&m, 3, 2), add_fc(&m, 2);
  run r = run_of_normals(&m, 1);
  const rp_conv *conv = &r.layout->convs[0];
  float *weights = r.parameters + r.layout->tensors[conv->weight].offset, *bias = r.parameters + r.layout->tensors[conv->bias].offset;
  weights[0] = weights[1] = 0, bias[0] = -2, bias[1] = 2;
  rp_error err = {0};
  const float *maps;
  assert_ok(rp_executor_maps(pass(&r, RP_RUN_OBSERVE, 1, NULL), 0, &maps, &err), err);
  for (int i = 0; i < 32; i++) assert_true(maps[i] == (i < 16 ? 0 : 2));

  r.closed = (const uint8_t[]){1, 1};
  float logits[2];
  assert_ok(rp_executor_maps(pass(&r, RP_RUN_OBSERVE, 1, logits), 0, &maps, &err), err);
  for (int i = 0; i < 32; i++) assert_true(maps[i] == 0);
  const float *fc_bias = r.parameters + tensor_of(r.layout, 2, 1)->offset;
  assert_memory_equal(logits, fc_bias, sizeof logits);
  free_run(&r);
}

static void filters_that_put_out_anything_but_0_are_alive(void **unused) {
  (void)unused;
  test_model m;
  begin_model(&m, 1, 4, 4, 2);
  add_conv(&m, 4, 1, 1), add_fc(&m, 2);
  run r = run_of_integers(&m, 2);
  const rp_conv *conv = &r.layout->convs[0];
  const float weights[] = {1, 0, 0, 1}, biases[] = {-1, -1, 1, -5};
  memcpy(r.parameters + r.layout->tensors[conv->weight].offset, weights, sizeof weights);
  memcpy(r.parameters + r.layout->tensors[conv->bias].offset, biases, sizeof biases);
  memset(r.images, 0, 32 * sizeof *r.images);
  r.images[31] = 2; /* the last pixel of the second image: filter 0 is 1 there and nowhere else */
  uint8_t alive[4] = {0};
  rp_executor_mark_alive(pass(&r, RP_RUN_EVALUATE, 2, NULL), alive);
  assert_memory_equal(alive, ((const uint8_t[]){1, 0, 1, 0}), 4);
  r.closed = (const uint8_t[]){1, 0, 1, 0};
  memset(alive, 0, sizeof alive);
  alive[3] = 1; /* is left alone */
  rp_executor_mark_alive(pass(&r, RP_RUN_EVALUATE, 2, NULL), alive);
  assert_memory_equal(alive, ((const uint8_t[]){0, 0, 0, 1}), 4);
  free_run(&r);
}

/* ---- What is refused ------------------------------------------------------------------------- */

static void parameters_that_are_not_finite_are_refused_with_the_layers_name(void **unused) {
  (void)unused;
  test_model m;
  begin_model(&m, 1, 4, 4, 2);
  add_conv(&m, 2, 3, 1), add_conv(&m, 2, 3, 1), add_fc(&m, 2);
  run r = run_of_normals(&m, 1);
  rp_executor *executor;
  rp_error err = {0};
  assert_ok(rp_net_executor(r.net, 1, RP_RUN_EVALUATE, &executor, &err), err);
  for (size_t i = 0; i < r.layout->n_parameters; i++) {
    const float before = r.parameters[i];
    r.parameters[i] = i % 2 ? NAN : -INFINITY;
    assert_fails(rp_executor_load(executor, r.parameters, NULL, &err), RP_ENUMERIC, err, "diverged");
    r.parameters[i] = before;
  }
  r.parameters[r.layout->tensors[r.layout->convs[1].bias].offset] = NAN;
  assert_fails(rp_executor_load(executor, r.parameters, NULL, &err), RP_ENUMERIC, err, "conv2: a bias is NaN");
  free_run(&r);
}

static void assert_refused(const test_model *m, const char *part) {
  rp_net *net = NULL;
  rp_error err = {0};
  assert_fails(rp_net_create(&m->model, 1, &net, &err), RP_EINPUT, err, part);
  assert_null(net);
}

static void good_model(test_model *m) {
  begin_model(m, 3, 8, 8, 10);
  add_conv(m, 4, 3, 1), add_pool(m, 3, 2), add_fc(m, 10);
}

static void models_whose_shapes_do_not_fit_are_refused(void **unused) {
  (void)unused;
  test_model m;
  good_model(&m);
  m.layers[0].same = 0, m.layers[0].kernel = 9;
  assert_refused(&m, "conv1: a kernel of 9×9 does not fit into an input of 3×8×8 (C×H×W) with a padding of 0; at most 8×8");
  good_model(&m);
  m.layers[1].same = 0, m.layers[1].kernel = 11, m.layers[1].pad = 1;
  assert_refused(&m, "pool1: a kernel of 11×11 does not fit into an input of 4×8×8 (C×H×W)");
  good_model(&m);
  m.layers[0].same = 0, m.layers[0].pad = 3;
  assert_refused(&m, "conv1: padding of 3");
  good_model(&m);
  m.layers[2].outputs = 9;
  assert_refused(&m, "fc1: the last layer must be an fc of 10 outputs, one per class; this is fc with an output of 9×1×1 (C×H×W)");
  good_model(&m);
  m.model.n_layers = 2;
  assert_refused(&m, "pool1: the last layer must be an fc of 10 outputs, one per class; this is max_pool with an output of 4×4×4");
  good_model(&m);
  add_conv(&m, 4, 3, 1), add_fc(&m, 10);
  assert_refused(&m, "conv2: conv needs maps, and its input is the 10 features of an fc");
  good_model(&m);
  m.layers[1].inputs[0] = 5;
  assert_refused(&m, "pool1: its input is layer 6, which does not stand before it");
  good_model(&m);
  m.layers[1].inputs[0] = -2;
  assert_refused(&m, "pool1: its input is layer -1");
  good_model(&m);
  m.layers[2].inputs[0] = RP_IMAGE;
  assert_refused(&m, "pool1: no layer reads it");
  good_model(&m);
  strcpy(m.layers[1].name, "conv1");
  assert_refused(&m, "both named 'conv1'");
}

static void models_with_impossible_numbers_are_refused(void **unused) {
  (void)unused;
  test_model m;
  good_model(&m);
  m.layers[0].stride = 0;
  assert_refused(&m, "conv1: stride is 0");
  good_model(&m);
  m.layers[0].kernel = 0;
  assert_refused(&m, "conv1: kernel is 0");
  good_model(&m);
  m.layers[0].outputs = 0;
  assert_refused(&m, "conv1: 0 outputs");
  good_model(&m);
  m.layers[1].kernel = 16;
  assert_refused(&m, "pool1: kernel is 16; a max_pool's must be 1 to 15");
  good_model(&m);
  m.layers[0].n_inputs = 2;
  assert_refused(&m, "conv1: conv takes one input, not 2");
  good_model(&m);
  m.layers[1].kind = RP_N_LAYER_KINDS;
  assert_refused(&m, "pool1: unknown kind");
  good_model(&m);
  m.layers[0].init.kind = RP_N_INITS;
  assert_refused(&m, "conv1: unknown initialisation");
  good_model(&m);
  m.model.height = 0;
  assert_refused(&m, "images of 3×0×8");
  good_model(&m);
  m.model.n_classes = 1;
  assert_refused(&m, "1 classes");
  good_model(&m);
  m.model.n_layers = 0;
  assert_refused(&m, "without layers");
  good_model(&m);
  m.layers[0].outputs = 1 << 20, m.layers[0].kernel = 32768;
  assert_refused(&m, "conv1");

  good_model(&m);
  rp_net *net = NULL;
  rp_error err = {0};
  assert_fails(rp_net_create(&m.model, 0, &net, &err), RP_EINPUT, err, "0 threads");
}

static void an_executor_says_what_it_cannot_do(void **unused) {
  (void)unused;
  test_model m;
  good_model(&m);
  run r = run_of_integers(&m, 1);
  rp_error err = {0};
  rp_executor *executor, *again;
  const float *maps;
  assert_fails(rp_net_executor(r.net, 0, RP_RUN_TRAIN, &executor, &err), RP_EINPUT, err, "batch of 0");
  assert_ok(rp_net_executor(r.net, 1, RP_RUN_EVALUATE, &executor, &err), err);
  assert_ok(rp_net_executor(r.net, 1, RP_RUN_EVALUATE, &again, &err), err);
  assert_ptr_equal(executor, again);
  assert_fails(rp_executor_backward(executor, r.logit_gradients, &err), RP_ELIBRARY, err, "no backward");
  assert_fails(rp_executor_add_gradients(executor, r.gradients, &err), RP_ELIBRARY, err, "no backward");
  assert_fails(rp_executor_maps(executor, 0, &maps, &err), RP_ELIBRARY, err, "observes");
  assert_ok(rp_net_executor(r.net, 1, RP_RUN_OBSERVE, &executor, &err), err);
  assert_fails(rp_executor_maps(executor, 1, &maps, &err), RP_ELIBRARY, err, "no conv 1");
  free_run(&r);
}

static void the_version_names_library_and_instruction_set(void **unused) {
  (void)unused;
  int major, minor, patch, length = 0;
  assert_int_equal(sscanf(rp_dnn_version(), "oneDNN %d.%d.%d, %n", &major, &minor, &patch, &length), 3);
  assert_true(length > 0 && strlen(rp_dnn_version()) > (size_t)length);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(c3_and_c3_authors_equal_plain_loops),
      cmocka_unit_test(odd_shapes_equal_plain_loops),
      cmocka_unit_test(real_numbers_come_close_to_plain_loops),
      cmocka_unit_test(gradients_of_the_loss_equal_finite_differences),
      cmocka_unit_test(same_padding_of_a_pool_puts_the_odd_pixel_after),
      cmocka_unit_test(gradients_of_sub_batches_add_up_to_those_of_the_whole),
      cmocka_unit_test(a_repeated_pass_has_the_same_bits),
      cmocka_unit_test(logits_have_the_same_bits_whatever_the_batch_size),
      cmocka_unit_test(training_evaluating_and_observing_see_the_same_logits),
      cmocka_unit_test(gradients_are_added_to_what_the_caller_has_and_cleared_on_demand),
      cmocka_unit_test(rule_08_a_closed_gate_puts_out_0_and_passes_no_gradient_to_its_filter),
      cmocka_unit_test(rule_11_maps_are_seen_at_the_gate_and_ablation_closes_that_gate),
      cmocka_unit_test(filters_that_put_out_anything_but_0_are_alive),
      cmocka_unit_test(parameters_that_are_not_finite_are_refused_with_the_layers_name),
      cmocka_unit_test(models_whose_shapes_do_not_fit_are_refused),
      cmocka_unit_test(models_with_impossible_numbers_are_refused),
      cmocka_unit_test(an_executor_says_what_it_cannot_do),
      cmocka_unit_test(the_version_names_library_and_instruction_set),
  };
  return cmocka_run_group_tests_name("net", tests, NULL, NULL);
}
