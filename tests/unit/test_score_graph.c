/* test_score_graph.c: scoring and ablation on nets whose layers form a graph, against the reference's plain loops in double precision. */
#include "core/probes/ablate.h"
#include "core/ranking/options.h"
#include "core/ranking/score.h"
#include "core/ranking/view.h"
#include "tests/datasets.h"
#include "tests/graphs.h"
#include "tests/ranker_files.h"
#include "tests/training.h"

enum { N_TRAIN = 24, N_VALIDATION = 12 };

static test_dataset data; /* large: not on the stack */

/* A structure whose statistics and biases were moved by an epoch, some of its gates closed. */
typedef struct {
  const char *name;
  rp_net *net;
  rp_state *state;
  uint8_t *closed; /* [n_filters] */
  int n_filters;
} subject;

static subject new_subject(int structure) {
  make_dataset(&data, N_TRAIN, N_VALIDATION, 0);
  test_model m;
  STRUCTURES[structure].make(&m);
  resize_model(&m, TEST_SIZE, TEST_CLASSES);
  for (int l = 0; l < m.model.n_layers; l++) m.layers[l].init.kind = RP_INIT_HE;
  subject s = {.name = STRUCTURES[structure].name, .net = net_of(&m)};
  course c = {.name = s.name, .net = s.net, .dataset = &data.dataset};
  c.options = (rp_train_options){.lr = 0.05, .optimizer = OPTIMIZERS[RP_MOMENTUM], .batch = 8};
  s.state = initial_state_of(&c, 3);
  train_on(&c, s.state);
  drop_some(&c, s.state);
  s.closed = closed_of(s.state);
  s.n_filters = s.state->layout->n_filters;
  return s;
}

static void free_subject(subject *s) {
  rp_state_free(&s->state);
  rp_net_free(&s->net);
  free(s->closed);
}

/* ---- Ablation -------------------------------------------------------------------------------- */

typedef struct {
  double loss;
  int correct;
} expected_evaluation;

/* The reference in evaluation mode with these gates closed. */
static expected_evaluation reference_evaluation(const subject *s, const uint8_t *closed) {
  static float images[N_VALIDATION * TEST_PIXELS];
  uint8_t labels[N_VALIDATION];
  rp_batches_fill(&data.dataset, RP_VALIDATION, NULL, 0, N_VALIDATION, images, labels);
  reference *r = reference_create(s->net, N_VALIDATION, s->state->parameters, closed, images);
  const double *logits = reference_forward(r);
  expected_evaluation expected = {.loss = mean_loss(logits, labels, N_VALIDATION, TEST_CLASSES)};
  for (int i = 0; i < N_VALIDATION; i++) {
    int best = 0;
    for (int j = 1; j < TEST_CLASSES; j++)
      if (logits[i * TEST_CLASSES + j] > logits[i * TEST_CLASSES + best]) best = j;
    expected.correct += best == labels[i];
  }
  reference_free(r);
  return expected;
}

static void assert_evaluation(const subject *s, int filter, const rp_evaluation *actual, expected_evaluation expected) {
  assert_int_equal(actual->n, N_VALIDATION);
  if (!(fabs(actual->loss - expected.loss) <= 1e-5 * (1 + expected.loss)) || (int)actual->correct != expected.correct)
    fail_msg("%s: without filter %d: loss %.9g and %d right, not %.9g and %d", s->name, filter, actual->loss, (int)actual->correct,
             expected.loss, expected.correct);
}

/* Each open filter besides those that are closed. In a net with joins that may take channels with it whose last summand it was. */
static void rule_11_ablating_a_filter_is_a_net_without_its_map_in_each_structure(void **unused) {
  (void)unused;
  for (int i = 0; i < N_STRUCTURES; i++) {
    subject s = new_subject(i);
    rp_evaluation *each = calloc((size_t)s.n_filters, sizeof *each);
    assert_non_null(each);
    rp_error err = {0};
    assert_ok(rp_ablate_each(s.net, s.state->parameters, s.closed, &data.dataset, RP_VALIDATION, NULL, 0, each, NULL, NULL, &err), err);
    const double base = reference_evaluation(&s, s.closed).loss;
    int n_open = 0, n_matter = 0;
    for (int f = 0; f < s.n_filters; f++) {
      if (s.closed[f]) {
        assert_int_equal(each[f].n, 0);
        continue;
      }
      s.closed[f] = 1;
      const expected_evaluation expected = reference_evaluation(&s, s.closed);
      s.closed[f] = 0;
      assert_evaluation(&s, f, &each[f], expected);
      n_open++, n_matter += fabs(expected.loss - base) > 1e-4;
    }
    if (n_matter < n_open / 2) fail_msg("%s: only %d of %d filters matter", s.name, n_matter, n_open);
    free(each);
    free_subject(&s);
  }
}

/* A set closes as one: a sum all of whose summands are in it is absent. */
static void rule_11_ablating_a_set_is_a_net_without_its_maps_in_each_structure(void **unused) {
  (void)unused;
  for (int i = 0; i < N_STRUCTURES; i++) {
    subject s = new_subject(i);
    FREED_BYTES *set = calloc((size_t)s.n_filters, 1), *both = calloc((size_t)s.n_filters, 1);
    assert_true(set && both);
    for (int f = 0; f < s.n_filters; f++) set[f] = f % 4 == 1, both[f] = set[f] || s.closed[f];
    rp_evaluation evaluation;
    rp_error err = {0};
    assert_ok(rp_ablate(s.net, s.state->parameters, s.closed, set, &data.dataset, RP_VALIDATION, NULL, 0, &evaluation, &err), err);
    assert_evaluation(&s, -1, &evaluation, reference_evaluation(&s, both));
    assert_ok(rp_ablate(s.net, s.state->parameters, NULL, set, &data.dataset, RP_VALIDATION, NULL, 0, &evaluation, &err), err);
    assert_evaluation(&s, -1, &evaluation, reference_evaluation(&s, set));
    free_subject(&s);
  }
}

/* ---- Criteria -------------------------------------------------------------------------------- */

/* Scores by a criterion of this build with its default options, as they come from the plugin. The caller frees. bn-scale is told to take
 * convs without a batch norm of their own, too. */
static float *scores_by(const subject *s, const char *name) {
  char file[60];
  snprintf(file, sizeof file, "rankers/%.40s.so", name);
  rp_plugin plugin = load_plugin(file);
  rp_plugin_description description = describe_plugin(file);
  rp_value *options = NULL;
  rp_error err = {0};
  float *scores = floats((size_t)s->n_filters);
  const rp_option_text keep = {"missing", "keep"};
  assert_ok(rp_ranker_options_parse(&description, &keep, strcmp(name, "bn-scale") == 0, &options, &err), err);
  const rp_scoring_pass pass = {.net = s->net, .state = s->state, .dataset = &data.dataset};
  rp_scoring scoring = {.plugin = &plugin, .options = options, .normalise = RP_NORMALISE_NONE, .scores = scores};
  assert_ok(rp_score(&pass, &scoring, 1, &err), err);
  free(options);
  rp_plugin_description_free(&description);
  rp_plugin_free(&plugin);
  return scores;
}

/* Every criterion that is built here. */
static void every_criterion_scores_the_open_filters_of_each_structure(void **unused) {
  (void)unused;
  char **names;
  int n_names;
  rp_error err = {0};
  assert_ok(rp_plugin_list(built_file("rankers"), &names, &n_names, &err), err);
  assert_true(n_names >= 6);
  for (int i = 0; i < N_STRUCTURES; i++) {
    subject s = new_subject(i);
    for (int j = 0; j < n_names; j++) {
      float *scores = scores_by(&s, names[j]);
      for (int f = 0; f < s.n_filters; f++)
        if (!(s.closed[f] ? isnan(scores[f]) : isfinite(scores[f])))
          fail_msg("%s: %s gives filter %d, which is %s, %g", s.name, names[j], f, s.closed[f] ? "closed" : "open", (double)scores[f]);
      free(scores);
    }
    free_subject(&s);
  }
  for (int j = 0; j < n_names; j++) free(names[j]);
  free(names);
}

static void rule_15_oracle_loss_is_the_references_rise_of_the_loss_in_each_structure(void **unused) {
  (void)unused;
  for (int i = 0; i < N_STRUCTURES; i++) {
    subject s = new_subject(i);
    float *scores = scores_by(&s, "oracle-loss");
    const double base = reference_evaluation(&s, s.closed).loss;
    for (int f = 0; f < s.n_filters; f++) {
      if (s.closed[f]) continue;
      s.closed[f] = 1;
      assert_near(scores[f], reference_evaluation(&s, s.closed).loss - base, 2e-5 * (1 + base));
      s.closed[f] = 0;
    }
    free(scores);
    free_subject(&s);
  }
}

/* What a filter's map and its gradient are, of the reference on the training images: per image |Σ a·g| over positions, g of the image's own
 * loss, which taylor divides by the number of positions. */
static void taylor_is_the_references_in_each_structure(void **unused) {
  (void)unused;
  for (int i = 0; i < N_STRUCTURES; i++) {
    subject s = new_subject(i);
    float *scores = scores_by(&s, "taylor"), logit_gradients[N_TRAIN * TEST_CLASSES];
    static float images[N_TRAIN * TEST_PIXELS];
    uint8_t labels[N_TRAIN];
    rp_batches_fill(&data.dataset, RP_TRAIN, NULL, 0, N_TRAIN, images, labels);
    reference *r = reference_create(s.net, N_TRAIN, s.state->parameters, s.closed, images);
    const double *logits = reference_forward(r);
    for (int n = 0; n < N_TRAIN; n++) {
      double sum = 0;
      for (int j = 0; j < TEST_CLASSES; j++) sum += exp(logits[n * TEST_CLASSES + j]);
      for (int j = 0; j < TEST_CLASSES; j++)
        logit_gradients[n * TEST_CLASSES + j] = (float)(exp(logits[n * TEST_CLASSES + j]) / sum - (j == labels[n]));
    }
    reference_backward(r, logit_gradients);
    double largest = 0, expected[256];
    assert_true(s.n_filters <= 256);
    for (int f = 0; f < s.n_filters; f++) {
      const rp_conv *conv = &s.state->layout->convs[rp_conv_of_filter(s.state->layout, f)];
      const reference_map *map = &r->maps[conv->gate_layer];
      const size_t n_places = (size_t)(map->H * map->W);
      expected[f] = 0;
      for (size_t n = 0; n < N_TRAIN; n++) {
        double sum = 0;
        const size_t first = n * map->size + (size_t)(f - conv->first_filter) * n_places;
        for (size_t p = first; p < first + n_places; p++) sum += map->values[p] * map->gradients[p];
        expected[f] += fabs(sum) / (double)n_places / N_TRAIN;
      }
      largest = fmax(largest, expected[f]);
    }
    for (int f = 0; f < s.n_filters; f++)
      if (!s.closed[f]) assert_near(scores[f], expected[f], 2e-5 * largest);
    assert_true(largest > 1e-3);
    reference_free(r);
    free(scores);
    free_subject(&s);
  }
}

/* ---- What a plugin is shown ------------------------------------------------------------------ */

/* conv1 (3 filters, BN, ReLU), conv2 on it (3, BN), their sum, conv3 on that (2), a row of the sum, conv3 and the image, read by conv4 (4,
 * stride 2, bias) and, behind a pool, by an fc. */
static void a_graph_is_shown_with_its_producers_depths_and_readers(void **unused) {
  (void)unused;
  test_model m;
  begin_model(&m, 2, 8, 8, 5);
  int one = conv_bn(&m, RP_IMAGE, 3, 3, 1, 1), two = conv_bn(&m, one, 3, 3, 1, 0);
  int sum = join(&m, RP_ADD, one, two, -1, -1), three = plain_conv(&m, sum, 2, 3, 1), row = join(&m, RP_CONCAT, sum, three, -1, -1);
  m.layers[row].inputs[m.layers[row].n_inputs++] = RP_IMAGE;
  int four = (add_conv(&m, 4, 3, 2)->has_relu = 0, last_of(&m)), pooled = pool_on(&m, RP_MAX_POOL, row, 2, 2);
  join(&m, RP_CONCAT, four, pooled, -1, -1);
  add_fc(&m, 5);
  FREED_NET *net = net_of(&m);
  rp_state *state;
  rp_net_view view;
  rp_error err = {0};
  assert_ok(rp_state_initial(net, 0, 1, &state, &err), err);
  assert_ok(rp_net_view_create(net, state, &view, &err), err);
  assert_int_equal(view.n_layers, 4);
  assert_int_equal(view.n_filters, 12);

  static const struct {
    const char *name;
    uint32_t depth, n_producers, producers[3], first_filter, side, stride;
    int has_bn, has_bias;
  } CONVS[] = {{"conv1", 0, 0, {0}, 0, 8, 1, 1, 0},
               {"conv2", 1, 1, {0}, 3, 8, 1, 1, 0},
               {"conv3", 2, 2, {0, 1}, 6, 8, 1, 0, 0},
               {"conv4", 3, 3, {0, 1, 2}, 8, 4, 2, 0, 1}};
  for (int i = 0; i < 4; i++) {
    const rp_conv_layer *conv = view.layers[i];
    assert_string_equal(conv->name, CONVS[i].name);
    assert_int_equal(conv->depth, CONVS[i].depth);
    assert_int_equal(conv->n_producers, CONVS[i].n_producers);
    assert_memory_equal(conv->producers, CONVS[i].producers, CONVS[i].n_producers * sizeof(uint32_t));
    assert_int_equal(conv->first_filter, CONVS[i].first_filter);
    assert_true(conv->out_height == CONVS[i].side && conv->out_width == CONVS[i].side && conv->stride == CONVS[i].stride);
    assert_true((conv->bn_gamma != NULL) == CONVS[i].has_bn && (conv->bn_variance != NULL) == CONVS[i].has_bn);
    assert_int_equal(conv->bias != NULL, CONVS[i].has_bias);
  }
  /* Readers, in the model's order: conv1's filter 1 is read by conv2, by conv3 as part of the sum, by conv4 and, behind the pool, by the
   * fc, whose first four channels are conv4's. */
  static const struct {
    int conv, filter;
    const char *layers[4];
    uint32_t channels[4];
  } READERS[] = {{0, 1, {"conv2", "conv3", "conv4", "fc1"}, {1, 1, 1, 4 + 1}},
                 {1, 2, {"conv3", "conv4", "fc1"}, {2, 2, 4 + 2}},
                 {2, 0, {"conv4", "fc1"}, {3, 4 + 3}},
                 {3, 3, {"fc1"}, {3}}};
  for (int i = 0; i < 4; i++) {
    const rp_conv_layer *conv = view.layers[READERS[i].conv];
    const int k = READERS[i].filter;
    for (uint32_t j = 0; j < conv->n_readers[k]; j++) {
      const rp_reader_slice *slice = conv->readers[k][j];
      assert_true(j < 4 && READERS[i].layers[j]);
      assert_string_equal(slice->layer, READERS[i].layers[j]);
      assert_int_equal(slice->channel, READERS[i].channels[j]);
    }
    assert_int_equal(conv->n_readers[k], 4 - i);
  }
  const rp_reader_slice *of_fc = view.layers[3]->readers[3][0];
  assert_true(of_fc->outputs == 5 && of_fc->channels == 4 + 7 && of_fc->E == 16);
  assert_ptr_equal(of_fc->weight, state->parameters + tensor_of(state->layout, last_of(&m), 0)->offset);
  rp_net_view_free(&view);
  rp_state_free(&state);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rule_11_ablating_a_filter_is_a_net_without_its_map_in_each_structure),
      cmocka_unit_test(rule_11_ablating_a_set_is_a_net_without_its_maps_in_each_structure),
      cmocka_unit_test(every_criterion_scores_the_open_filters_of_each_structure),
      cmocka_unit_test(rule_15_oracle_loss_is_the_references_rise_of_the_loss_in_each_structure),
      cmocka_unit_test(taylor_is_the_references_in_each_structure),
      cmocka_unit_test(a_graph_is_shown_with_its_producers_depths_and_readers),
  };
  return cmocka_run_group_tests_name("score graph", tests, NULL, NULL);
}
