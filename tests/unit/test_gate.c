/* test_gate.c: which units are frozen and who reads a filter, counted by hand on small nets. */
#include "core/nn/gate.h"
#include "core/loss/cross_entropy.h"
#include "core/nn/optimizer.h"
#include "tests/reference_net.h"

/* conv1 (3 → 4 filters) → pool → conv2 (4 → 2) → pool → fc (2 channels of 2×2 → 3): 6 filters, tensors conv1 w, b, conv2 w, b, fc w, b. */
static void two_convs(test_model *m) {
  begin_model(m, 3, 8, 8, 3);
  add_conv(m, 4, 3, 1), add_pool(m, 3, 2), add_conv(m, 2, 3, 1), add_pool(m, 3, 2), add_fc(m, 3);
}

enum { CONV1, BIAS1, CONV2, BIAS2, FC, FC_BIAS };

static void rule_07_a_filter_is_one_output_channel_of_a_conv_with_its_bias(void **unused) {
  (void)unused;
  test_model m;
  two_convs(&m);
  rp_net *net = net_of(&m);
  const rp_layout *layout = rp_net_layout(net);
  assert_int_equal(layout->n_filters, 6);
  assert_int_equal(layout->n_convs, 2);
  assert_int_equal(layout->n_tensors, 6);
  assert_int_equal(layout->n_parameters, 4 * 3 * 9 + 4 + 2 * 4 * 9 + 2 + 3 * 2 * 4 + 3);
  assert_int_equal(layout->n_units, 4 * 3 + 4 + 2 * 4 + 2 + 3 * 2 + 3);
  const int shapes[6][3] = {{4, 3, 9}, {4, 1, 1}, {2, 4, 9}, {2, 1, 1}, {3, 2, 4}, {3, 1, 1}};
  size_t offset = 0, unit = 0;
  for (int t = 0; t < 6; t++) {
    const rp_tensor *tensor = &layout->tensors[t];
    assert_int_equal(tensor->K, shapes[t][0]);
    assert_int_equal(tensor->C, shapes[t][1]);
    assert_int_equal(tensor->E, shapes[t][2]);
    assert_int_equal(tensor->offset, offset);
    assert_int_equal(tensor->first_unit, unit);
    offset += (size_t)(tensor->K * tensor->C * tensor->E), unit += (size_t)(tensor->K * tensor->C);
  }
  const rp_conv *conv2 = &layout->convs[1];
  assert_string_equal(conv2->name, "conv2");
  assert_true(conv2->K == 2 && conv2->C == 4 && conv2->R == 3 && conv2->S == 3 && conv2->out_height == 4 && conv2->out_width == 4);
  assert_true(conv2->first_filter == 4 && conv2->weight == CONV2 && conv2->bias == BIAS2 && conv2->layer == 2);
  const int convs_of_filters[] = {0, 0, 0, 0, 1, 1};
  for (int f = 0; f < 6; f++) assert_int_equal(rp_conv_of_filter(layout, f), convs_of_filters[f]);
  rp_net_free(&net);
}

/* Units of tensor t that are marked, as a string of K rows of C digits. */
static const char *marks(const rp_net *net, const uint8_t *units, int t, char *text) {
  const rp_tensor *tensor = &rp_net_layout(net)->tensors[t];
  char *end = text;
  for (int k = 0; k < tensor->K; k++) {
    if (k > 0) *end++ = ' ';
    for (int c = 0; c < tensor->C; c++) *end++ = (char)('0' + units[tensor->first_unit + (size_t)(k * tensor->C + c)]);
  }
  *end = '\0';
  return text;
}

static void rule_09_absence_passes_pools_and_ends_at_a_conv_or_fc(void **unused) {
  (void)unused;
  test_model m;
  two_convs(&m);
  rp_net *net = net_of(&m);
  uint8_t frozen[35], readers[35];
  char text[64];
  memset(frozen, 7, sizeof frozen), memset(readers, 7, sizeof readers);
  const uint8_t closed[6] = {0, 1, 0, 0, 0, 9}; /* conv1's filter 1, conv2's filter 1 */
  rp_gate_frozen_units(net, closed, frozen);
  assert_string_equal(marks(net, frozen, CONV1, text), "000 111 000 000");
  assert_string_equal(marks(net, frozen, BIAS1, text), "0 1 0 0");
  assert_string_equal(marks(net, frozen, CONV2, text), "0100 1111");
  assert_string_equal(marks(net, frozen, BIAS2, text), "0 1");
  assert_string_equal(marks(net, frozen, FC, text), "01 01 01");
  assert_string_equal(marks(net, frozen, FC_BIAS, text), "0 0 0");
  rp_gate_reader_units(net, closed, readers);
  assert_string_equal(marks(net, readers, CONV1, text), "000 000 000 000");
  assert_string_equal(marks(net, readers, BIAS1, text), "0 0 0 0");
  assert_string_equal(marks(net, readers, CONV2, text), "0100 0000");
  assert_string_equal(marks(net, readers, BIAS2, text), "0 0");
  assert_string_equal(marks(net, readers, FC, text), "01 01 01");
  assert_string_equal(marks(net, readers, FC_BIAS, text), "0 0 0");
  rp_net_free(&net);
}

static void readers_of_a_filter_stand_behind_its_pools(void **unused) {
  (void)unused;
  test_model m;
  two_convs(&m);
  rp_net *net = net_of(&m);
  rp_reader reader;
  assert_int_equal(rp_gate_readers(net, 2, &reader, 1), 1);
  assert_true(reader.layer == 2 && reader.tensor == CONV2 && reader.c == 2);
  assert_int_equal(rp_gate_readers(net, 5, &reader, 1), 1);
  assert_true(reader.layer == 4 && reader.tensor == FC && reader.c == 1);
  assert_int_equal(rp_gate_readers(net, 5, NULL, 0), 1);
  rp_net_free(&net);
}

/* Trains with everything that can move a parameter, and compares bits. What is not frozen must move, or the test would prove nothing. */
static void rule_10_frozen_units_keep_their_bits_under_momentum_and_weight_decay(void **unused) {
  (void)unused;
  test_model m;
  two_convs(&m);
  rp_net *net = net_of(&m);
  const rp_layout *layout = rp_net_layout(net);
  const size_t n = layout->n_parameters;
  float *parameters = normals(n, 0.3, 1), *velocity = normals(n, 0.3, 2), *images = normals(8 * 192, 1, 3), *gradients = floats(n);
  float *parameters_before = floats(n), *velocity_before = floats(n);
  memcpy(parameters_before, parameters, n * sizeof *parameters), memcpy(velocity_before, velocity, n * sizeof *velocity);
  uint32_t steps[35] = {0};
  uint8_t frozen[35];
  const uint8_t labels[8] = {0, 1, 2, 0, 1, 2, 0, 1}, closed[6] = {0, 1, 0, 0, 0, 1};
  const rp_optimizer optimizer = {.kind = RP_MOMENTUM, .momentum = 0.9, .weight_decay = 0.1};
  rp_gate_frozen_units(net, closed, frozen);
  rp_executor *executor;
  rp_error err = {0};
  assert_ok(rp_net_executor(net, 8, RP_RUN_TRAIN, &executor, &err), err);
  for (int step = 0; step < 5; step++) {
    const float *logits;
    float logit_gradients[24];
    uint64_t correct = 0;
    assert_ok(rp_executor_load(executor, parameters, closed, &err), err);
    rp_executor_clear_gradients(executor);
    assert_ok(rp_executor_forward(executor, images, &logits, &err), err);
    rp_cross_entropy(logits, labels, 8, 3, 1.0 / 8, NULL, logit_gradients, &correct);
    assert_ok(rp_executor_backward(executor, logit_gradients, &err), err);
    memset(gradients, 0, n * sizeof *gradients);
    assert_ok(rp_executor_add_gradients(executor, gradients, &err), err);
    rp_optimizer_step(&optimizer, layout, 0.05, gradients, frozen, parameters, &velocity, steps);
  }
  for (int t = 0; t < layout->n_tensors; t++) {
    const rp_tensor *tensor = &layout->tensors[t];
    for (size_t unit = 0; unit < (size_t)(tensor->K * tensor->C); unit++) {
      const size_t at = tensor->offset + unit * (size_t)tensor->E, size = (size_t)tensor->E * sizeof(float);
      const int kept = memcmp(parameters + at, parameters_before + at, size) == 0 && memcmp(velocity + at, velocity_before + at, size) == 0;
      assert_int_equal(kept, frozen[tensor->first_unit + unit]);
      assert_int_equal(steps[tensor->first_unit + unit], kept ? 0 : 5);
    }
  }
  free(parameters), free(velocity), free(images), free(gradients), free(parameters_before), free(velocity_before);
  rp_net_free(&net);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rule_07_a_filter_is_one_output_channel_of_a_conv_with_its_bias),
      cmocka_unit_test(rule_09_absence_passes_pools_and_ends_at_a_conv_or_fc),
      cmocka_unit_test(readers_of_a_filter_stand_behind_its_pools),
      cmocka_unit_test(rule_10_frozen_units_keep_their_bits_under_momentum_and_weight_decay),
  };
  return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
