/* test_reestimate.c: BN statistics of regrown filters against plain sums over maps of the reference, in nets of each structure. */
#include "core/ops/regrow.h"
#include "core/probes/reestimate.h"
#include "tests/datasets.h"
#include "tests/graphs.h"
#include "tests/training.h"

enum { SEED = 5, N_TRAIN = 123 /* two batches and a rest */, N_TEST = 60 };
static const rp_train_options MOMENTUM = {
    .lr = 0.02, .optimizer = {.kind = RP_MOMENTUM, .momentum = 0.9, .weight_decay = 0.01}, .batch = 16};

static test_dataset data; /* large: not on the stack */

static course course_of(void (*make)(test_model *), const char *name) {
  test_model m;
  make(&m);
  resize_model(&m, TEST_SIZE, TEST_CLASSES);
  for (int l = 0; l < m.model.n_layers; l++) m.layers[l].init.kind = RP_INIT_HE;
  return (course){.name = name, .net = net_of(&m), .dataset = &data.dataset, .options = MOMENTUM};
}

/* A state just after a regrow, whose other statistics have been trained, and the filters that it gave back. [n_filters] */
static rp_state *regrown_state(const course *c, uint8_t **regrown) {
  rp_regrow_record record;
  rp_error err = {0};
  rp_state *state = initial_state_of(c, SEED);
  train_on(c, state);
  drop_some(c, state);
  *regrown = closed_of(state);
  train_on(c, state);
  assert_ok(rp_regrow_filters(c->net, state, &(rp_regrow_options){.mode = RP_REGROW_RANDOM}, &record, &err), err);
  return state;
}

static float *reestimate(const course *c, const rp_state *state, const uint8_t *regrown, int *n_channels) {
  rp_error err = {0};
  float *out = floats(state->layout->n_parameters);
  assert_ok(rp_reestimate(c->net, state->parameters, regrown, c->dataset, out, n_channels, &err), err);
  return out;
}

/* ---- What comes out, worked out anew --------------------------------------------------------- */

/* [n_parameters], in the places of a channel's mean and variance: sums of what the channel read, and of its squares. */
typedef struct {
  double *sums, *counts;
} plain_sums;

static int is_bn(const reference *r, int layer) {
  return r->model->layers[layer].kind == RP_BATCH_NORM;
}

static size_t place_of(const reference *r, int layer, rp_tensor_kind kind, int c) {
  return tensor_of_kind(r->layout, layer, kind)->offset + (size_t)c;
}

static void add_channel(reference *r, int layer, int c, plain_sums *plain) {
  const reference_map *in = reference_input(r, layer, 0);
  const size_t mean = place_of(r, layer, RP_BN_MEAN, c), variance = place_of(r, layer, RP_BN_VARIANCE, c);
  FOR_EACH_PIXEL(r, in, n, channel, y, x) {
    if (channel != c) continue;
    const double value = in->values[pixel_of(in, n, c, y, x)];
    plain->sums[mean] += value, plain->sums[variance] += value * value;
    plain->counts[mean]++, plain->counts[variance]++;
  }
}

/* Evaluation, but that channels which are absent without the regrown filters look at the batch. */
static void pass_batch(const course *c, const rp_state *state, const uint8_t *regrown, const uint32_t *indices, int n, plain_sums *plain) {
  uint8_t labels[RP_EVALUATE_BATCH];
  float *images = floats((size_t)n * TEST_PIXELS);
  rp_batches_fill(c->dataset, RP_TRAIN, indices, 0, (uint32_t)n, images, labels);
  reference *r = reference_create(c->net, n, state->parameters, regrown, images);
  for (int l = 0; l < r->model->n_layers; l++) {
    if (!is_bn(r, l)) reference_layer(r, l, 0);
    for (int channel = 0; is_bn(r, l) && channel < r->maps[l].C; channel++) {
      r->is_training = r->is_absent[l][channel];
      if (r->is_training) add_channel(r, l, channel, plain);
      reference_batch_norm_channel(r, l, channel, 0);
    }
    r->is_training = 0;
  }
  reference_free(r);
  free(images);
}

/* All training images are scoring images here: there are fewer than 5,000. */
static plain_sums pass_all(const course *c, const rp_state *state, const uint8_t *regrown) {
  plain_sums plain = {doubles(state->layout->n_parameters), doubles(state->layout->n_parameters)};
  uint32_t indices[TEST_IMAGES];
  for (uint32_t i = 0; i < TEST_IMAGES; i++) indices[i] = i;
  for (uint32_t first = 0; first < N_TRAIN; first += RP_EVALUATE_BATCH)
    pass_batch(c, state, regrown, indices + first, (int)(N_TRAIN - first < RP_EVALUATE_BATCH ? N_TRAIN - first : RP_EVALUATE_BATCH),
               &plain);
  return plain;
}

/* Mean and variance stand side by side in the layout: K values of the one, then K of the other. */
static void assert_statistics_of(const course *c, const float *out, const rp_tensor *mean, const plain_sums *plain, int *n_channels) {
  for (int k = 0; k < mean->K; k++) {
    const size_t m = mean->offset + (size_t)k, v = m + (size_t)mean->K;
    const double n = plain->counts[m];
    if (n == 0) continue;
    const double expected_mean = plain->sums[m] / n, expected = (plain->sums[v] - n * expected_mean * expected_mean) / (n - 1);
    if (!(fabs(out[m] - expected_mean) <= 1e-4 * sqrt(expected) && fabs(out[v] - expected) <= 1e-4 * expected))
      fail_msg("%s, %s, channel %d: mean %g and variance %g instead of %g and %g", c->name, rp_net_model(c->net)->layers[mean->layer].name,
               k, (double)out[m], (double)out[v], expected_mean, expected);
    ++*n_channels;
  }
}

static void rule_23_regrown_channels_get_the_statistics_of_what_they_read_in_each_structure(void **unused) {
  (void)unused;
  int n_of_all = 0;
  make_dataset(&data, N_TRAIN, 0, 0);
  for (int s = 0; s < N_STRUCTURES; s++) {
    course c = course_of(STRUCTURES[s].make, STRUCTURES[s].name);
    FREED_BYTES *regrown = NULL;
    FREED_STATE *state = regrown_state(&c, &regrown);
    int n_channels, n_expected = 0;
    float *out = reestimate(&c, state, regrown, &n_channels);
    plain_sums plain = pass_all(&c, state, regrown);
    for (int t = 0; t < state->layout->n_tensors; t++)
      if (state->layout->tensors[t].kind == RP_BN_MEAN) assert_statistics_of(&c, out, &state->layout->tensors[t], &plain, &n_expected);
    for (size_t i = 0; i < state->layout->n_parameters; i++)
      if (plain.counts[i] == 0 && !has_same_bits(out, state->parameters, i)) fail_msg("%s: parameter %zu is another", c.name, i);
    assert_int_equal(n_channels, n_expected);
    n_of_all += n_expected;
    free(out), free(plain.sums), free(plain.counts);
    rp_net_free(&c.net);
  }
  assert_true(n_of_all > 100);
}

/* Its BNs belong to no conv; the channels that they read are absent where all filters behind them are. */
static void rule_18_of_a_dense_net_the_channels_of_absent_inputs_count(void **unused) {
  (void)unused;
  make_dataset(&data, N_TRAIN, 0, 0);
  course c = course_of(densenet, "DenseNet");
  FREED_BYTES *regrown = NULL;
  FREED_STATE *state = regrown_state(&c, &regrown);
  for (int i = 0; i < state->layout->n_convs; i++) assert_int_equal(state->layout->convs[i].bn, 0);
  int n_channels;
  free(reestimate(&c, state, regrown, &n_channels));
  assert_true(n_channels > 0);
  rp_net_free(&c.net);
}

/* ---- Which images ---------------------------------------------------------------------------- */

/* Of 5,100 training images two are as bright as can be; whether the first BN has seen them says which 5,000 were looked at. */
static void rule_6_the_images_are_the_scoring_images(void **unused) {
  (void)unused;
  enum { MANY = 5100 };
  static uint8_t bright[TEST_PIXELS], labels[MANY];
  static const uint8_t *images[MANY];
  static uint32_t chosen[RP_SCORING_IMAGES];
  uint32_t n_chosen, left_out = 0;
  rp_error err = {0};
  make_dataset(&data, N_TRAIN, 0, 0);
  memset(bright, 255, sizeof bright);
  for (int i = 0; i < MANY; i++) images[i] = data.pixels[RP_TRAIN][i % N_TRAIN];
  rp_dataset many = data.dataset;
  many.n[RP_TRAIN] = MANY, many.images[RP_TRAIN] = images, many.labels[RP_TRAIN] = labels;
  assert_ok(rp_batches_scoring_images(&many, RP_SCORING_IMAGES, chosen, &n_chosen, &err), err);
  assert_int_equal(n_chosen, 5000);
  while (chosen[left_out] == left_out) left_out++;
  course c = course_of(stack_of_bn, "stack of BN");
  FREED_BYTES *regrown = NULL;
  FREED_STATE *state = regrown_state(&c, &regrown);
  c.dataset = &many;
  int n_channels;
  float *before = reestimate(&c, state, regrown, &n_channels);
  images[left_out] = bright;
  float *without = reestimate(&c, state, regrown, &n_channels);
  images[chosen[0]] = bright;
  float *with = reestimate(&c, state, regrown, &n_channels);
  assert_memory_equal(without, before, state->layout->n_parameters * sizeof(float));
  assert_memory_not_equal(with, before, state->layout->n_parameters * sizeof(float));
  free(before), free(without), free(with);
  rp_net_free(&c.net);
}

/* ---- What must not change -------------------------------------------------------------------- */

static void rule_23_the_state_and_what_follows_it_stay_as_they_are(void **unused) {
  (void)unused;
  make_dataset(&data, N_TRAIN, N_TEST, 0);
  course c = course_of(stack_of_bn, "stack of BN");
  FREED_BYTES *regrown = NULL;
  FREED_STATE *state = regrown_state(&c, &regrown);
  FREED_STATE *other = copy_of(state);
  const rp_id before = digest_of(state);
  const double loss = evaluated_loss(&c, state);
  int n_channels;
  float *out = reestimate(&c, state, regrown, &n_channels);
  assert_true(n_channels > 0);
  assert_true(rp_id_equal(digest_of(state), before));
  assert_true(evaluated_loss(&c, state) == loss);
  train_on(&c, state);
  course fresh = course_of(stack_of_bn, "stack of BN"); /* whose executors have measured nothing */
  train_on(&fresh, other);
  assert_true(rp_id_equal(digest_of(state), digest_of(other)));
  free(out);
  rp_net_free(&c.net), rp_net_free(&fresh.net);
}

static void without_a_bn_channel_that_was_regrown_nothing_is_measured(void **unused) {
  (void)unused;
  void (*const structures[])(test_model *) = {exact_graph, stack_of_bn};
  make_dataset(&data, N_TRAIN, 0, 0);
  for (int s = 0; s < 2; s++) {
    course c = course_of(structures[s], s ? "stack of BN" : "exact graph");
    FREED_BYTES *regrown = NULL;
    FREED_STATE *state = regrown_state(&c, &regrown);
    if (s == 1) memset(regrown, 0, (size_t)state->layout->n_filters); /* nothing was dropped */
    rp_dataset unseen = data.dataset;                                 /* images that cannot be read */
    unseen.images[RP_TRAIN] = NULL;
    c.dataset = &unseen;
    int n_channels = -1;
    float *out = reestimate(&c, state, regrown, &n_channels);
    assert_int_equal(n_channels, 0);
    assert_memory_equal(out, state->parameters, state->layout->n_parameters * sizeof(float));
    free(out);
    rp_net_free(&c.net);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rule_23_regrown_channels_get_the_statistics_of_what_they_read_in_each_structure),
      cmocka_unit_test(rule_18_of_a_dense_net_the_channels_of_absent_inputs_count),
      cmocka_unit_test(rule_6_the_images_are_the_scoring_images),
      cmocka_unit_test(rule_23_the_state_and_what_follows_it_stay_as_they_are),
      cmocka_unit_test(without_a_bn_channel_that_was_regrown_nothing_is_measured),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
