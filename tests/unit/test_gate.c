/* test_gate.c: which units are frozen and who reads a filter, counted by hand on small nets; what closed gates put out. */
#include "core/nn/gate.h"
#include "core/loss/cross_entropy.h"
#include "core/nn/optimizer.h"
#include "tests/net_runs.h"

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

/* ---- Graphs ---------------------------------------------------------------------------------- */

/* Which channels of a layer are absent, as a string of digits. */
static const char *absent_in(const rp_net *net, const uint8_t *closed, int layer, char *text) {
  uint8_t *absent = calloc((size_t)rp_gate_n_channels(net), 1);
  assert_non_null(absent);
  memset(absent, 7, (size_t)rp_gate_n_channels(net));
  rp_gate_absent_channels(net, closed, absent);
  const int first = rp_gate_first_channel(net, layer);
  int end = layer + 1 < rp_net_model(net)->n_layers ? rp_gate_first_channel(net, layer + 1) : rp_gate_n_channels(net);
  for (int c = first; c < end; c++) text[c - first] = (char)('0' + absent[c]);
  text[end - first] = '\0';
  free(absent);
  return text;
}

/* Marks of the tensor of a kind that a layer has: frozen units, or units that read absent channels. */
static const char *frozen_in(const rp_net *net, const uint8_t *closed, int layer, rp_tensor_kind kind, char *text) {
  uint8_t units[1024];
  assert_true(rp_net_layout(net)->n_units <= sizeof units);
  rp_gate_frozen_units(net, closed, units);
  return marks(net, units, (int)(tensor_of_kind(rp_net_layout(net), layer, kind) - rp_net_layout(net)->tensors), text);
}

static const char *reading_in(const rp_net *net, const uint8_t *closed, int layer, rp_tensor_kind kind, char *text) {
  uint8_t units[1024];
  assert_true(rp_net_layout(net)->n_units <= sizeof units);
  rp_gate_reader_units(net, closed, units);
  return marks(net, units, (int)(tensor_of_kind(rp_net_layout(net), layer, kind) - rp_net_layout(net)->tensors), text);
}

/* The conv with this name's number, from 1. */
static const rp_conv *conv_of(const rp_net *net, int number) {
  return &rp_net_layout(net)->convs[number - 1];
}

static int owns_bn(const rp_net *net, int conv, int bn_layer) {
  const rp_tensor *gamma = tensor_of_kind(rp_net_layout(net), bn_layer, RP_BN_GAMMA);
  return conv_of(net, conv)->bn == gamma - rp_net_layout(net)->tensors;
}

/* Every way in which BN and ReLU can stand behind a conv. Each branch is joined at the end, so that all have readers. */
static void rule_07_and_08_sole_bn_and_sole_relu_belong_to_a_filter(void **unused) {
  (void)unused;
  test_model m;
  begin_model(&m, 3, 4, 4, 2);
  /* 1: conv, BN, ReLU */
  int conv1 = plain_conv(&m, RP_IMAGE, 2, 3, 1), bn1 = layer_on(&m, RP_BATCH_NORM, conv1), relu1 = layer_on(&m, RP_RELU, bn1);
  /* 2: conv and BN with a fused ReLU; the ReLU behind it is none of the gate's */
  int conv2 = plain_conv(&m, RP_IMAGE, 2, 3, 1), bn2 = layer_on(&m, RP_BATCH_NORM, conv2), relu2 = layer_on(&m, RP_RELU, bn2);
  m.layers[bn2].has_relu = 1;
  /* 3: conv with a fused ReLU, then BN: not its own */
  int conv3 = (add_conv(&m, 2, 3, 1)->inputs[0] = RP_IMAGE, last_of(&m)), bn3 = layer_on(&m, RP_BATCH_NORM, conv3);
  /* 4: a conv that BN and another layer read: neither BN nor ReLU are its own */
  int conv4 = plain_conv(&m, RP_IMAGE, 2, 3, 1), bn4 = layer_on(&m, RP_BATCH_NORM, conv4), relu4 = layer_on(&m, RP_RELU, conv4);
  /* 5: conv, ReLU, BN: the gate is behind the ReLU */
  int conv5 = plain_conv(&m, RP_IMAGE, 2, 3, 1), relu5 = layer_on(&m, RP_RELU, conv5), bn5 = layer_on(&m, RP_BATCH_NORM, relu5);
  /* 6: conv, BN, which two layers read: the BN is its own, the ReLU is not */
  int conv6 = plain_conv(&m, RP_IMAGE, 2, 3, 1), bn6 = layer_on(&m, RP_BATCH_NORM, conv6), relu6 = layer_on(&m, RP_RELU, bn6);
  /* 7: conv, pool, BN, ReLU: the gate is before the pool */
  int conv7 = plain_conv(&m, RP_IMAGE, 2, 3, 1), pool7 = pool_on(&m, RP_MAX_POOL, conv7, 3, 1);
  int relu7 = layer_on(&m, RP_RELU, layer_on(&m, RP_BATCH_NORM, pool7));
  /* 8: conv, BN, sum: what follows the sum is not sole */
  int conv8 = plain_conv(&m, RP_IMAGE, 2, 3, 1), bn8 = layer_on(&m, RP_BATCH_NORM, conv8);
  int sum = join(&m, RP_ADD, bn8, bn6, -1, -1);
  const int ends[] = {relu1, relu2, bn3, bn4, relu4, bn5, relu6, layer_on(&m, RP_RELU, sum)};
  rp_layer_spec *row = add_layer(&m, RP_CONCAT);
  row->n_inputs = 8;
  memcpy(row->inputs, ends, sizeof ends);
  join(&m, RP_CONCAT, last_of(&m), relu7, -1, -1);
  add_fc(&m, 2);
  rp_net *net = net_of(&m);
  assert_true(owns_bn(net, 1, bn1) && conv_of(net, 1)->gate_layer == relu1);
  assert_true(owns_bn(net, 2, bn2) && conv_of(net, 2)->gate_layer == bn2);
  assert_true(conv_of(net, 3)->bn == 0 && conv_of(net, 3)->gate_layer == conv3);
  assert_true(conv_of(net, 4)->bn == 0 && conv_of(net, 4)->gate_layer == conv4);
  assert_true(conv_of(net, 5)->bn == 0 && conv_of(net, 5)->gate_layer == relu5);
  assert_true(owns_bn(net, 6, bn6) && conv_of(net, 6)->gate_layer == bn6);
  assert_true(conv_of(net, 7)->bn == 0 && conv_of(net, 7)->gate_layer == conv7);
  assert_true(owns_bn(net, 8, bn8) && conv_of(net, 8)->gate_layer == bn8);
  assert_int_equal(rp_net_layout(net)->n_filters, 16);
  rp_net_free(&net);
}

/* A sole BN is frozen with its filter; another BN because its channel is absent. Only the latter reads. */
static void rule_10_bn_channels_of_absent_inputs_are_frozen_and_only_those_of_others_are_readers(void **unused) {
  (void)unused;
  test_model m;
  begin_model(&m, 3, 4, 4, 2);
  int conv1 = plain_conv(&m, RP_IMAGE, 3, 3, 1), own = layer_on(&m, RP_BATCH_NORM, conv1);
  int conv2 = (add_conv(&m, 2, 3, 1), last_of(&m)), other = layer_on(&m, RP_BATCH_NORM, conv2);
  add_fc(&m, 2);
  rp_net *net = net_of(&m);
  const uint8_t closed[5] = {0, 0, 1, 1, 0};
  char text[64];
  for (rp_tensor_kind kind = RP_BN_GAMMA; kind <= RP_BN_VARIANCE; kind++) {
    assert_string_equal(frozen_in(net, closed, own, kind, text), "0 0 1");
    assert_string_equal(reading_in(net, closed, own, kind, text), "0 0 0");
    assert_string_equal(frozen_in(net, closed, other, kind, text), "1 0");
    assert_string_equal(reading_in(net, closed, other, kind, text), "1 0");
  }
  assert_string_equal(frozen_in(net, closed, conv1, RP_CONV_WEIGHT, text), "000 000 111");
  assert_string_equal(frozen_in(net, closed, conv2, RP_CONV_WEIGHT, text), "111 001");
  assert_string_equal(reading_in(net, closed, conv2, RP_CONV_WEIGHT, text), "000 001");
  assert_string_equal(frozen_in(net, closed, last_of(&m), RP_FC_WEIGHT, text), "10 10");
  rp_net_free(&net);
}

/* A row of conv1 (2 channels), conv2 (3) and conv1 once more, down to an fc. */
static void rule_09_absence_passes_concat_bn_relu_dropout_and_every_pool(void **unused) {
  (void)unused;
  test_model m;
  begin_model(&m, 3, 8, 8, 2);
  int conv1 = plain_conv(&m, RP_IMAGE, 2, 3, 1), conv2 = plain_conv(&m, RP_IMAGE, 3, 3, 1);
  int row = join(&m, RP_CONCAT, conv1, conv2, conv1, -1), bn = layer_on(&m, RP_BATCH_NORM, row);
  layer_on(&m, RP_RELU, bn);
  dropout_on(&m, RP_DROP_PATH, dropout_on(&m, RP_DROPOUT, last_of(&m), 0.5), 0.5);
  pool_on(&m, RP_MAX_POOL, last_of(&m), 2, 2);
  pool_on(&m, RP_AVG_POOL, last_of(&m), 2, 1);
  pool_on(&m, RP_STOCHASTIC_POOL, last_of(&m), 2, 1);
  layer_on(&m, RP_GLOBAL_AVG_POOL, last_of(&m));
  int fc1 = (add_fc(&m, 4), last_of(&m)), features = layer_on(&m, RP_BATCH_NORM, fc1);
  add_fc(&m, 2);
  rp_net *net = net_of(&m);
  const uint8_t closed[5] = {1, 0, 0, 1, 0};
  char text[64];
  for (int layer = row; layer < fc1; layer++) assert_string_equal(absent_in(net, closed, layer, text), "1001010");
  assert_string_equal(frozen_in(net, closed, bn, RP_BN_BETA, text), "1 0 0 1 0 1 0");
  assert_string_equal(reading_in(net, closed, bn, RP_BN_BETA, text), "1 0 0 1 0 1 0");
  assert_string_equal(frozen_in(net, closed, fc1, RP_FC_WEIGHT, text), "1001010 1001010 1001010 1001010");
  assert_string_equal(absent_in(net, closed, fc1, text), "0000");
  assert_string_equal(absent_in(net, closed, features, text), "0000");
  assert_string_equal(frozen_in(net, closed, features, RP_BN_GAMMA, text), "0 0 0 0");

  rp_reader readers[4];
  assert_int_equal(rp_gate_readers(net, 0, readers, 4), 2); /* conv1 stands in the row twice */
  assert_true(readers[0].layer == fc1 && readers[0].c == 0 && readers[1].layer == fc1 && readers[1].c == 5);
  assert_int_equal(rp_gate_readers(net, 4, readers, 4), 1);
  assert_true(readers[0].layer == fc1 && readers[0].c == 4);
  rp_net_free(&net);
}

/* Filter 0 is closed in one summand, filter 1 in both, filter 2 in none. */
static void rule_09_a_sum_is_absent_where_all_summands_are(void **unused) {
  (void)unused;
  test_model m;
  begin_model(&m, 3, 4, 4, 2);
  int a = conv_bn(&m, RP_IMAGE, 3, 3, 1, 1), b = conv_bn(&m, RP_IMAGE, 3, 3, 1, 0);
  int sum = join(&m, RP_ADD, a, b, -1, -1), bn = layer_on(&m, RP_BATCH_NORM, sum), conv = plain_conv(&m, bn, 2, 3, 1);
  int both = join(&m, RP_ADD, sum, a, b, -1);
  join(&m, RP_CONCAT, conv, both, -1, -1), add_fc(&m, 2);
  rp_net *net = net_of(&m);
  const uint8_t closed[8] = {1, 1, 0, 0, 1, 0, 0, 0};
  char text[64];
  assert_string_equal(absent_in(net, closed, sum, text), "010");
  assert_string_equal(absent_in(net, closed, both, text), "010");
  assert_string_equal(frozen_in(net, closed, bn, RP_BN_GAMMA, text), "0 1 0");
  assert_string_equal(frozen_in(net, closed, conv, RP_CONV_WEIGHT, text), "010 010");
  assert_string_equal(frozen_in(net, closed, last_of(&m), RP_FC_WEIGHT, text), "00010 00010");
  assert_string_equal(reading_in(net, closed, conv, RP_CONV_WEIGHT, text), "010 010");

  rp_reader readers[4];
  assert_int_equal(rp_gate_readers(net, 1, readers, 4), 2);
  assert_true(readers[0].layer == conv && readers[0].c == 1 && readers[1].layer == last_of(&m) && readers[1].c == 3);
  rp_net_free(&net);
}

/* The shortcut of 2 channels, padded to 4: channels 2 and 3 of the sum come from the branch alone. The padding itself is nobody's absence:
 * weights that read it, if anything did, are not frozen, and a BN makes something of it. */
static void rule_09_padding_contributes_nothing_to_a_sum_and_is_no_absence_itself(void **unused) {
  (void)unused;
  test_model m;
  begin_model(&m, 3, 4, 4, 2);
  int stem = conv_bn(&m, RP_IMAGE, 2, 3, 1, 1), branch = conv_bn(&m, stem, 4, 3, 2, 0);
  int padded = pad_channels(&m, stem, 4, 2), sum = join(&m, RP_ADD, padded, branch, -1, -1);
  int bn = layer_on(&m, RP_BATCH_NORM, padded), conv = plain_conv(&m, padded, 2, 3, 1);
  int twice = join(&m, RP_ADD, padded, padded, -1, -1);
  int with_beta = join(&m, RP_ADD, bn, branch, -1, -1), row = join(&m, RP_CONCAT, bn, conv, twice, sum);
  join(&m, RP_CONCAT, row, with_beta, -1, -1), add_fc(&m, 2);
  rp_net *net = net_of(&m);
  /* stem's filter 1; branch's 0, 1 and 3; conv's none */
  const uint8_t closed[8] = {0, 1, 1, 1, 0, 1, 0, 0};
  char text[64];
  assert_string_equal(absent_in(net, closed, padded, text), "0100");
  assert_string_equal(absent_in(net, closed, sum, text), "0101");
  assert_string_equal(absent_in(net, closed, twice, text), "0100");
  assert_string_equal(absent_in(net, closed, with_beta, text), "0100"); /* channel 3: the branch is absent, BN's beta is not */
  assert_string_equal(absent_in(net, closed, bn, text), "0100");
  assert_string_equal(frozen_in(net, closed, bn, RP_BN_BETA, text), "0 1 0 0");
  assert_string_equal(frozen_in(net, closed, conv, RP_CONV_WEIGHT, text), "0100 0100");
  assert_string_equal(frozen_in(net, closed, last_of(&m), RP_FC_WEIGHT, text), "010000010001010100 010000010001010100");
  const uint8_t none[8] = {0};
  assert_string_equal(absent_in(net, none, padded, text), "0000");
  assert_string_equal(absent_in(net, none, sum, text), "0000");
  rp_net_free(&net);
}

/* The image is always there, also where it is joined with maps of closed filters. */
static void rule_09_the_image_is_there(void **unused) {
  (void)unused;
  test_model m;
  begin_model(&m, 2, 4, 4, 2);
  int conv = plain_conv(&m, RP_IMAGE, 2, 3, 1);
  rp_layer_spec *row = add_layer(&m, RP_CONCAT);
  row->n_inputs = 2, row->inputs[0] = RP_IMAGE, row->inputs[1] = conv;
  add_fc(&m, 2);
  rp_net *net = net_of(&m);
  char text[64];
  assert_string_equal(absent_in(net, (const uint8_t[]){1, 1}, 1, text), "0011");
  rp_net_free(&net);
}

/* DenseNet-like: closed filters' channels reach two BNs, which have betas of 3. What both put out on them must be 0 all the same, and the
 * loss must not see any parameter that is frozen. */
static void rule_09_a_bns_absent_channel_puts_out_exactly_0(void **unused) {
  (void)unused;
  test_model m;
  begin_model(&m, 3, 6, 6, 3);
  int conv1 = plain_conv(&m, RP_IMAGE, 5, 3, 1), relu = layer_on(&m, RP_RELU, layer_on(&m, RP_BATCH_NORM, conv1));
  int row = join(&m, RP_CONCAT, conv1, plain_conv(&m, relu, 12, 3, 1), -1, -1);
  int bn = layer_on(&m, RP_BATCH_NORM, row);
  add_fc(&m, 3);
  run r = run_of_normals(&m, 4);
  uint8_t closed[17] = {[1] = 1, [4] = 1, [5] = 1, [16] = 1}, units[1024];
  r.closed = closed;
  const rp_tensor *beta = tensor_of_kind(r.layout, bn, RP_BN_BETA), *fc = tensor_of(r.layout, last_of(&m), 0);
  for (int c = 0; c < beta->K; c++) r.parameters[beta->offset + (size_t)c] = 3;
  rp_gate_frozen_units(r.net, closed, units);
  for (rp_purpose_of_run purpose = RP_RUN_TRAIN; purpose <= RP_RUN_OBSERVE; purpose++) {
    float logits[12], wild_logits[12];
    pass(&r, purpose, 4, logits);
    float *gradients = r.gradients, *parameters = r.parameters;
    r.gradients = floats(r.layout->n_parameters), r.parameters = floats(r.layout->n_parameters);
    memcpy(r.parameters, parameters, r.layout->n_parameters * sizeof *parameters);
    int n_wild = 0;
    for (int t = 0; t < r.layout->n_tensors; t++)
      for (size_t i = 0; i < size_of_tensor(&r.layout->tensors[t]); i++)
        if (units[r.layout->tensors[t].first_unit + i / (size_t)r.layout->tensors[t].E])
          r.parameters[r.layout->tensors[t].offset + i] = 7 + (float)(i % 5), n_wild++;
    assert_int_equal(n_wild, 2 * 27 + 2 * 4 + 2 * 45 + 10 * 2 * 9 + 4 * 4 + 3 * 4 * 36);
    pass(&r, purpose, 4, wild_logits);
    assert_memory_equal(logits, wild_logits, sizeof logits);
    if (purpose != RP_RUN_EVALUATE) assert_memory_equal(gradients, r.gradients, r.layout->n_parameters * sizeof *gradients);
    free(r.gradients), free(r.parameters);
    r.gradients = gradients, r.parameters = parameters;
    /* An fc's gradient is the sum of products with its input: 0 where that is. */
    for (size_t i = 0; i < size_of_tensor(fc) && purpose != RP_RUN_EVALUATE; i++)
      assert_int_equal(r.gradients[fc->offset + i] == 0, closed[i / 36 % 17]);
  }
  free_run(&r);
}

/* conv, BN, ReLU; BN's beta would show through the ReLU. At the gate maps and their gradients are those behind the ReLU. */
static void rule_08_and_11_maps_are_seen_behind_sole_bn_and_sole_relu_and_closed_ones_are_0(void **unused) {
  (void)unused;
  test_model m;
  begin_model(&m, 1, 4, 4, 2);
  int relu = conv_bn(&m, RP_IMAGE, 3, 1, 1, 1);
  add_fc(&m, 2);
  run r = run_of_normals(&m, 2);
  const rp_tensor *beta = tensor_of_kind(r.layout, relu - 1, RP_BN_BETA), *gamma = tensor_of_kind(r.layout, relu - 1, RP_BN_GAMMA);
  const float betas[] = {-2, 2, 5};
  memcpy(r.parameters + beta->offset, betas, sizeof betas);
  memset(r.parameters + gamma->offset, 0, 3 * sizeof(float)); /* the maps are betas, cut off at 0 */
  r.closed = (const uint8_t[]){0, 0, 1};
  rp_executor *executor = pass(&r, RP_RUN_OBSERVE, 2, NULL);
  const float *maps, *gradients, *weights = r.parameters + tensor_of(r.layout, last_of(&m), 0)->offset;
  rp_error err = {0};
  assert_ok(rp_executor_maps(executor, 0, &maps, &err), err);
  assert_ok(rp_executor_map_gradients(executor, 0, &gradients, &err), err);
  for (int n = 0; n < 2; n++)
    for (int c = 0; c < 3; c++)
      for (int i = 0; i < 16; i++) {
        const int at = (n * 3 + c) * 16 + i;
        double expected = 0;
        for (int o = 0; o < 2; o++) expected += (double)r.logit_gradients[n * 2 + o] * (double)weights[(o * 3 + c) * 16 + i];
        assert_true(maps[at] == (c == 1 ? 2 : 0));
        assert_near(gradients[at], c == 2 ? 0 : expected, 1e-6); /* before the ReLU's mask: also where the map is 0 */
      }
  uint8_t alive[3] = {0};
  rp_executor_mark_alive(pass(&r, RP_RUN_EVALUATE, 2, NULL), alive);
  assert_memory_equal(alive, ((const uint8_t[]){0, 1, 0}), 3);
  free_run(&r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rule_07_a_filter_is_one_output_channel_of_a_conv_with_its_bias),
      cmocka_unit_test(rule_09_absence_passes_pools_and_ends_at_a_conv_or_fc),
      cmocka_unit_test(readers_of_a_filter_stand_behind_its_pools),
      cmocka_unit_test(rule_10_frozen_units_keep_their_bits_under_momentum_and_weight_decay),
      cmocka_unit_test(rule_07_and_08_sole_bn_and_sole_relu_belong_to_a_filter),
      cmocka_unit_test(rule_10_bn_channels_of_absent_inputs_are_frozen_and_only_those_of_others_are_readers),
      cmocka_unit_test(rule_09_absence_passes_concat_bn_relu_dropout_and_every_pool),
      cmocka_unit_test(rule_09_a_sum_is_absent_where_all_summands_are),
      cmocka_unit_test(rule_09_padding_contributes_nothing_to_a_sum_and_is_no_absence_itself),
      cmocka_unit_test(rule_09_the_image_is_there),
      cmocka_unit_test(rule_09_a_bns_absent_channel_puts_out_exactly_0),
      cmocka_unit_test(rule_08_and_11_maps_are_seen_behind_sole_bn_and_sole_relu_and_closed_ones_are_0),
  };
  return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
