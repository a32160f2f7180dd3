/* test_score.c: a scoring pass on a small net, held against a plain forward pass in double precision. */
#include "core/ranking/host.h"
#include "tests/criteria.h"
#include "tests/small_net.h"

#include <fenv.h>

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

/* A criterion of the test's own, without a file. */
static rp_plugin own_plugin(rp_ranker *ranker) {
  if (!ranker->name) ranker->name = "own";
  return (rp_plugin){.ranker = ranker};
}

static void score_with(bench *b, const rp_plugin *plugin, const rp_value *options, rp_normalise normalise, float *scores) {
  rp_error err = {0};
  rp_scoring scoring = {.plugin = plugin, .options = options, .normalise = normalise, .scores = scores};
  assert_ok(rp_score(&b->pass, &scoring, 1, &err), err);
}

/* ---- Values ---------------------------------------------------------------------------------- */

/* Σ_m a_m · dL/da_m is the derivative of the loss when the map is scaled by s, at s = 1. */
static void rule_6_taylor_is_the_derivative_by_each_maps_scale_on_the_scoring_images(void **unused) {
  (void)unused;
  bench *b = new_bench();
  close_filter(b->state, 2);
  uint8_t closed[SMALL_F] = {0};
  closed[2] = 1;
  rp_plugin taylor = load_plugin("rankers/taylor.so");
  float scores[SMALL_F];
  score_with(b, &taylor, NULL, RP_NORMALISE_NONE, scores);
  assert_true(isnan(scores[2]));
  static reference r;
  r = plain_reference();
  r.closed = closed;
  for (int f = 0; f < SMALL_F; f++) {
    if (f == 2) continue;
    double sum = 0, step = 1e-6;
    r.scaled = f;
    for (uint32_t i = 0; i < SMALL_TRAIN; i++) {
      r.scale = 1 + step;
      reference_forward(&r, b->state->parameters, &b->dataset, RP_TRAIN, i);
      double above = r.loss;
      r.scale = 1 - step;
      reference_forward(&r, b->state->parameters, &b->dataset, RP_TRAIN, i);
      sum += fabs(above - r.loss) / (2 * step) / (f < SMALL_K1 ? SMALL_M1 : SMALL_M2);
    }
    assert_near(scores[f], sum / SMALL_TRAIN, 1e-4 * sum / SMALL_TRAIN + 1e-8);
  }
  rp_plugin_free(&taylor);
  free_bench(b);
}

static double reference_evaluate(bench *b, reference *r, rp_part part, uint32_t n, int *correct) {
  double loss = 0;
  *correct = 0;
  for (uint32_t i = 0; i < n; i++) {
    reference_forward(r, b->state->parameters, &b->dataset, part, i);
    loss += r->loss;
    *correct += r->predicted == b->dataset.labels[part][i];
  }
  return loss / n;
}

static void rule_6_oracles_close_each_gate_on_the_validation_split(void **unused) {
  (void)unused;
  bench *b = new_bench();
  close_filter(b->state, 9);
  rp_plugin plugins[] = {load_plugin("rankers/oracle-accuracy.so"), load_plugin("rankers/oracle-loss.so")};
  float accuracy[SMALL_F], loss[SMALL_F];
  rp_scoring scorings[] = {{.plugin = &plugins[0], .scores = accuracy}, {.plugin = &plugins[1], .scores = loss}};
  rp_error err = {0};
  assert_ok(rp_score(&b->pass, scorings, 2, &err), err);

  static reference r;
  r = plain_reference();
  uint8_t closed[SMALL_F] = {0};
  closed[9] = 1;
  r.closed = closed;
  int base_correct, correct;
  double base = reference_evaluate(b, &r, RP_VALIDATION, SMALL_VALIDATION, &base_correct);
  for (int f = 0; f < SMALL_F; f++) {
    if (f == 9) {
      assert_true(isnan(accuracy[f]) && isnan(loss[f]));
      continue;
    }
    closed[f] = 1;
    double without = reference_evaluate(b, &r, RP_VALIDATION, SMALL_VALIDATION, &correct);
    closed[f] = 0;
    assert_near(accuracy[f], (double)(base_correct - correct) / SMALL_VALIDATION, 1e-7);
    assert_near(loss[f], without - base, 1e-5);
  }
  for (int i = 0; i < 2; i++) rp_plugin_free(&plugins[i]);
  free_bench(b);
}

static void rule_6_score_data_and_score_images_change_where_criteria_look(void **unused) {
  (void)unused;
  bench *b = new_bench();
  rp_plugin oracle = load_plugin("rankers/oracle-loss.so"), taylor = load_plugin("rankers/taylor.so");
  static reference r;
  r = plain_reference();
  uint8_t closed[SMALL_F] = {0};
  r.closed = closed;
  int correct;
  float scores[SMALL_F], on_training[SMALL_F], fewer[SMALL_F];

  b->pass.data.data = RP_SCORE_TRAIN; /* fewer than 5,000: all of them */
  score_with(b, &oracle, NULL, RP_NORMALISE_NONE, scores);
  double base = reference_evaluate(b, &r, RP_TRAIN, SMALL_TRAIN, &correct);
  closed[4] = 1;
  double without = reference_evaluate(b, &r, RP_TRAIN, SMALL_TRAIN, &correct);
  assert_near(scores[4], without - base, 1e-5);

  b->pass.data = (rp_score_data){RP_SCORE_VALIDATION, 20};
  score_with(b, &oracle, NULL, RP_NORMALISE_NONE, scores);
  without = reference_evaluate(b, &r, RP_VALIDATION, 20, &correct);
  closed[4] = 0;
  base = reference_evaluate(b, &r, RP_VALIDATION, 20, &correct);
  assert_near(scores[4], without - base, 1e-5);

  score_with(b, &taylor, NULL, RP_NORMALISE_NONE, scores);
  b->pass.data = (rp_score_data){RP_SCORE_AUTO, 0};
  score_with(b, &taylor, NULL, RP_NORMALISE_NONE, on_training);
  b->pass.data.images = 100;
  score_with(b, &taylor, NULL, RP_NORMALISE_NONE, fewer);
  assert_memory_not_equal(scores, on_training, sizeof scores);
  assert_memory_not_equal(fewer, on_training, sizeof fewer);
  rp_plugin_free(&oracle);
  rp_plugin_free(&taylor);
  free_bench(b);
}

static void rule_6_an_oracle_without_a_validation_split_is_an_error(void **unused) {
  (void)unused;
  bench *b = new_bench();
  b->dataset.n[RP_VALIDATION] = 0;
  rp_plugin oracle = load_plugin("rankers/oracle-accuracy.so"), taylor = load_plugin("rankers/taylor.so");
  float scores[SMALL_F];
  rp_scoring scoring = {.plugin = &oracle, .scores = scores};
  rp_error err = {0};
  assert_fails(rp_score(&b->pass, &scoring, 1, &err), RP_EINPUT, err, "ranker oracle-accuracy: there is no validation split");
  score_with(b, &taylor, NULL, RP_NORMALISE_NONE, scores); /* which needs none */
  rp_plugin_free(&oracle);
  rp_plugin_free(&taylor);
  free_bench(b);
}

/* ---- All criteria of this build -------------------------------------------------------------- */

enum { MOST_CRITERIA = 64 };

/* Each ranker with its defaults, and with every other choice and flag of its options by itself. Layers without a batch norm are taken. */
typedef struct {
  int n;
  criterion list[MOST_CRITERIA];
} all_criteria;

static void add_criterion(all_criteria *all, const char *ranker, const char *option, const char *value) {
  char words[160];
  snprintf(words, sizeof words, "%s %s", option, value);
  assert_true(all->n < MOST_CRITERIA);
  all->list[all->n++] = open_criterion(ranker, words);
}

static void add_variants(all_criteria *all, const char *ranker) {
  char file[64];
  snprintf(file, sizeof file, "rankers/%.40s.so", ranker);
  rp_plugin_description description = describe_plugin(file);
  for (int i = 0; i < description.n_options; i++) {
    const char *option = description.options[i].name;
    if (description.options[i].kind == RP_OPTION_FLAG)
      add_criterion(all, ranker, option, description.options[i].default_number ? "off" : "on");
    if (description.options[i].kind != RP_OPTION_CHOICE) continue;
    char *rest = description.options[i].choices;
    for (char *choice; (choice = strtok_r(rest, "|", &rest));)
      if (strcmp(choice, description.options[i].default_text) != 0) add_criterion(all, ranker, option, choice);
  }
  rp_plugin_description_free(&description);
}

static all_criteria *open_all_criteria(void) {
  all_criteria *all = calloc(1, sizeof *all);
  assert_non_null(all);
  char **names;
  int n_names;
  rp_error err = {0};
  assert_ok(rp_plugin_list(built_file("rankers"), &names, &n_names, &err), err);
  assert_true(n_names >= 15);
  for (int i = 0; i < n_names; i++) {
    if (strcmp(names[i], "bn-scale") != 0) add_criterion(all, names[i], "", "");
    add_variants(all, names[i]);
    free(names[i]);
  }
  free(names);
  return all;
}

static void close_all_criteria(all_criteria *all) {
  for (int i = 0; i < all->n; i++) close_criterion(&all->list[i]);
  free(all);
}

static void rule_5_the_test_split_is_read_by_no_criterion(void **unused) {
  (void)unused;
  bench *b = new_bench();
  assert_null(b->dataset.images[RP_TEST]); /* reading it would crash */
  all_criteria *all = open_all_criteria();
  static float scores[MOST_CRITERIA][SMALL_F];
  static rp_scoring scorings[MOST_CRITERIA];
  rp_error err = {0};
  for (int i = 0; i < all->n; i++)
    scorings[i] = (rp_scoring){.plugin = &all->list[i].plugin, .options = all->list[i].options, .scores = scores[i]};
  for (int data = RP_SCORE_AUTO; data <= RP_SCORE_VALIDATION; data++) {
    b->pass.data.data = data;
    assert_ok(rp_score(&b->pass, scorings, all->n, &err), err);
  }
  close_all_criteria(all);
  free_bench(b);
}

static void criteria_of_weights_need_no_data_set(void **unused) {
  (void)unused;
  bench *b = new_bench();
  b->pass.dataset = NULL;
  rp_plugin ortho = load_plugin("rankers/ortho.so"), taylor = load_plugin("rankers/taylor.so");
  float scores[SMALL_F];
  score_with(b, &ortho, NULL, RP_NORMALISE_NONE, scores);
  rp_scoring scoring = {.plugin = &taylor, .scores = scores};
  rp_error err = {0};
  assert_fails(rp_score(&b->pass, &scoring, 1, &err), RP_EINPUT, err, "ranker taylor: it looks at images, but no data set is open");
  rp_plugin_free(&ortho);
  rp_plugin_free(&taylor);
  free_bench(b);
}

/* ---- What a plugin sees ---------------------------------------------------------------------- */

static bench *watched;     /* for the criteria of this file */
static uint32_t n_watched; /* images that were shown */

static int plain_score(void *self, const rp_context *context, float *importance, rp_message *message) {
  (void)self;
  (void)message;
  for (uint32_t f = 0; f < context->n_filters; f++) {
    assert_true(isnan(importance[f]));
    importance[f] = (float)f;
  }
  return RP_RANKER_OK;
}

static int watch_everything(void *self, const rp_context *context, const rp_batch *batch, rp_message *message) {
  (void)self;
  (void)message;
  static reference r;
  r = plain_reference();
  assert_int_equal(context->n_images, SMALL_TRAIN);
  assert_int_equal(batch->n_images, batch->index == 0 ? 250 : 5);
  double gradient = 0;
  int nudged = SMALL_W2 + 137;
  for (uint32_t n = 0; n < batch->n_images; n++, n_watched++) {
    reference_forward(&r, watched->state->parameters, &watched->dataset, RP_TRAIN, n_watched);
    assert_near(batch->losses[n], r.loss, 1e-5);
    for (int j = 0; j < SMALL_CLASSES; j++) assert_near(batch->logits[n * SMALL_CLASSES + (uint32_t)j], r.logits[j], 1e-4);
    assert_int_equal(batch->labels[n], watched->dataset.labels[RP_TRAIN][n_watched]);
    for (int m = 0; m < SMALL_K1 * SMALL_M1; m++)
      assert_near(batch->layers[0]->activation[n * SMALL_K1 * SMALL_M1 + (uint32_t)m], (&r.map1[0][0])[m], 1e-5);
    for (int m = 0; m < SMALL_K2 * SMALL_M2; m++)
      assert_near(batch->layers[1]->activation[n * SMALL_K2 * SMALL_M2 + (uint32_t)m], (&r.map2[0][0])[m], 1e-4);
    r.nudged = nudged;
    for (int sign = -1; sign <= 1; sign += 2) {
      r.nudge = sign * 1e-6;
      reference_forward(&r, watched->state->parameters, &watched->dataset, RP_TRAIN, n_watched);
      gradient += sign * r.loss / 2e-6 / batch->n_images;
    }
    r.nudged = -1;
  }
  assert_near(batch->layers[1]->weight_gradient[nudged - SMALL_W2], gradient, 1e-4 * fabs(gradient) + 1e-6);
  assert_non_null(batch->layers[0]->activation_gradient);
  return RP_RANKER_OK;
}

static int watch_losses_only(void *self, const rp_context *context, const rp_batch *batch, rp_message *message) {
  (void)self;
  (void)message;
  for (uint32_t l = 0; l < context->n_layers; l++) {
    assert_null(batch->layers[l]->activation);
    assert_null(batch->layers[l]->activation_gradient);
    assert_null(batch->layers[l]->weight_gradient);
  }
  for (uint32_t n = 0; n < batch->n_images; n++) { /* −log softmax of the label's class, as it is written in books */
    const float *z = batch->logits + n * context->n_classes;
    double total = 0;
    for (uint32_t j = 0; j < context->n_classes; j++) total += exp((double)z[j]);
    assert_near(batch->losses[n], -log(exp((double)z[batch->labels[n]]) / total), 1e-5);
  }
  return RP_RANKER_OK;
}

static void rule_11_maps_logits_losses_and_gradients_are_those_of_a_plain_reference(void **unused) {
  (void)unused;
  bench *b = watched = new_bench();
  n_watched = 0;
  rp_ranker everything = {.flags = RP_USES_ACTIVATION | RP_USES_ACTIVATION_GRADIENT | RP_USES_WEIGHT_GRADIENT,
                          .observe = watch_everything,
                          .score = plain_score};
  rp_ranker losses = {.observe = watch_losses_only, .score = plain_score};
  rp_plugin plugins[] = {own_plugin(&everything), own_plugin(&losses)};
  float scores[2][SMALL_F];
  rp_scoring scorings[] = {{.plugin = &plugins[0], .scores = scores[0]}, {.plugin = &plugins[1], .scores = scores[1]}};
  rp_error err = {0};
  assert_ok(rp_score(&b->pass, scorings, 2, &err), err);
  assert_int_equal(n_watched, SMALL_TRAIN);
  assert_ok(rp_score(&b->pass, scorings + 1, 1, &err), err); /* forward passes alone */
  free_bench(b);
}

/* Built when rp_batch ended before the logits. */
static void a_plugin_of_an_older_minor_version_is_shown_what_it_knows(void **unused) {
  (void)unused;
  bench *b = new_bench();
  rp_plugin older = load_plugin("tests/plugins/older_minor.so");
  assert_int_equal(older.ranker->abi_minor, 1);
  float scores[SMALL_F];
  score_with(b, &older, NULL, RP_NORMALISE_NONE, scores);
  double sum = 0;
  reference r = plain_reference();
  for (uint32_t n = 0; n < SMALL_TRAIN; n++) {
    reference_forward(&r, b->state->parameters, &b->dataset, RP_TRAIN, n);
    sum += r.loss;
  }
  for (int f = 0; f < SMALL_F; f++) assert_near(scores[f], sum, 1e-4 * sum);
  rp_plugin_free(&older);
  free_bench(b);
}

enum { MANY = 5010 };

/* More than 5,000 images in either split: the small ones over and over. */
static void make_many_images(rp_dataset *dataset) {
  static const uint8_t *images[MANY];
  static uint8_t labels[MANY];
  for (int i = 0; i < MANY; i++) {
    images[i] = dataset->images[RP_TRAIN][i % SMALL_TRAIN];
    labels[i] = dataset->labels[RP_TRAIN][i % SMALL_TRAIN];
  }
  for (int part = RP_TRAIN; part <= RP_VALIDATION; part++)
    dataset->n[part] = MANY, dataset->images[part] = images, dataset->labels[part] = labels;
}

static uint32_t n_announced, n_shown, n_ablated;

static int count_shown(void *self, const rp_context *context, const rp_batch *batch, rp_message *message) {
  (void)self, (void)message;
  n_announced = context->n_images;
  n_shown += batch->n_images;
  return RP_RANKER_OK;
}

static int count_ablated(void *self, const rp_context *context, float *importance, rp_message *message) {
  const uint8_t set[SMALL_F] = {1};
  rp_ablation without = {.size = sizeof without};
  int status = context->ablate(context, set, &without, message);
  n_ablated = without.n_images;
  plain_score(self, context, importance, message);
  return status;
}

static void assert_looked_at(bench *b, rp_score_data data, uint32_t n_observed, uint32_t n_ablated_on) {
  rp_ranker observer = {.observe = count_shown, .score = plain_score}, oracle = {.flags = RP_USES_ABLATION, .score = count_ablated};
  rp_plugin plugins[] = {own_plugin(&observer), own_plugin(&oracle)};
  float scores[2][SMALL_F];
  rp_scoring scorings[] = {{.plugin = &plugins[0], .scores = scores[0]}, {.plugin = &plugins[1], .scores = scores[1]}};
  rp_error err = {0};
  n_announced = n_shown = n_ablated = 0;
  b->pass.data = data;
  assert_ok(rp_score(&b->pass, scorings, 2, &err), err);
  assert_int_equal(n_announced, n_observed);
  assert_int_equal(n_shown, n_observed);
  assert_int_equal(n_ablated, n_ablated_on);
}

static void rule_6_criteria_look_at_5000_training_images_or_at_all_of_validation(void **unused) {
  (void)unused;
  bench *b = new_bench();
  make_many_images(&b->dataset);
  assert_looked_at(b, (rp_score_data){RP_SCORE_AUTO, 0}, 5000, MANY);
  assert_looked_at(b, (rp_score_data){RP_SCORE_TRAIN, 0}, 5000, 5000);
  assert_looked_at(b, (rp_score_data){RP_SCORE_VALIDATION, 0}, MANY, MANY);
  assert_looked_at(b, (rp_score_data){RP_SCORE_AUTO, 5005}, 5005, 5005);
  b->dataset.n[RP_TRAIN] = 4990; /* min(5,000, n) */
  assert_looked_at(b, (rp_score_data){RP_SCORE_AUTO, 0}, 4990, MANY);
  free_bench(b);
}

static int check_layers(void *self, const rp_context *context, float *importance, rp_message *message) {
  const rp_state *state = watched->state;
  assert_int_equal(context->n_layers, 2);
  assert_int_equal(context->n_filters, SMALL_F);
  assert_int_equal(context->n_classes, SMALL_CLASSES);
  assert_int_equal(context->epoch, 7);
  assert_int_equal(context->cycle, 3);
  const rp_conv_layer *conv1 = context->layers[0], *conv2 = context->layers[1];
  assert_string_equal(conv2->name, "conv2");
  assert_int_equal(conv1->depth, 0);
  assert_int_equal(conv2->depth, 1);
  assert_int_equal(conv1->n_producers, 0);
  assert_int_equal(conv2->n_producers, 1);
  assert_int_equal(conv2->producers[0], 0);
  assert_int_equal(conv2->K, SMALL_K2);
  assert_int_equal(conv2->C, SMALL_K1);
  assert_int_equal(conv2->R * conv2->S, 9);
  assert_int_equal(conv2->stride, 1);
  assert_int_equal(conv2->out_height, SMALL_POOLED);
  assert_int_equal(conv2->first_filter, SMALL_K1);
  assert_ptr_equal(conv2->weight, state->parameters + SMALL_W2);
  assert_ptr_equal(conv2->bias, state->parameters + SMALL_B2);
  assert_null(conv2->bn_gamma);
  for (int k = 0; k < SMALL_K1; k++) assert_int_equal(conv1->active[k] != 0, k != 5);
  assert_int_equal(conv2->history[3]->times_dropped, 2);
  assert_int_equal(conv2->history[3]->last_regrow_epoch, 6);
  assert_int_equal(conv2->history[4]->times_dropped, 0);
  assert_int_equal(conv1->n_readers[6], 1);
  const rp_reader_slice *reader = conv1->readers[6][0];
  assert_string_equal(reader->layer, "conv2");
  assert_ptr_equal(reader->weight, state->parameters + SMALL_W2);
  assert_int_equal(reader->outputs, SMALL_K2);
  assert_int_equal(reader->channels, SMALL_K1);
  assert_int_equal(reader->channel, 6);
  assert_int_equal(reader->E, 9);
  reader = conv2->readers[3][0];
  assert_string_equal(reader->layer, "fc1");
  assert_int_equal(reader->outputs, SMALL_CLASSES);
  assert_int_equal(reader->channel, 3);
  assert_int_equal(reader->E, SMALL_M2);
  return plain_score(self, context, importance, message);
}

static void the_net_is_shown_with_its_readers_and_its_history(void **unused) {
  (void)unused;
  bench *b = watched = new_bench();
  b->state->epoch = 7;
  b->state->cycle = 2;
  close_filter(b->state, 5);
  b->state->filters[SMALL_K1 + 3].times_dropped = 2;
  b->state->filters[SMALL_K1 + 3].last_regrow_epoch = 6;
  rp_ranker ranker = {.score = check_layers};
  rp_plugin plugin = own_plugin(&ranker);
  float scores[SMALL_F];
  score_with(b, &plugin, NULL, RP_NORMALISE_NONE, scores);
  for (int f = 0; f < SMALL_F; f++) /* what it wrote for the inactive filter does not count */
    assert_true(f == 5 ? isnan(scores[f]) : scores[f] == (float)f);
  free_bench(b);
}

/* ---- Services -------------------------------------------------------------------------------- */

static int uniform_score(void *self, const rp_context *context, float *importance, rp_message *message) {
  (void)self;
  (void)message;
  for (uint32_t f = 0; f < context->n_filters; f++) importance[f] = (float)context->uniform(context, 5, f);
  return RP_RANKER_OK;
}

static void rule_27_draws_are_keyed_by_seed_rankers_name_and_cycle(void **unused) {
  (void)unused;
  bench *b = new_bench();
  rp_ranker one = {.name = "one", .score = uniform_score, .flags = RP_STOCHASTIC}, two = one;
  two.name = "two";
  rp_plugin plugin_one = own_plugin(&one), plugin_two = own_plugin(&two);
  float first[SMALL_F], scores[SMALL_F];
  score_with(b, &plugin_one, NULL, RP_NORMALISE_NONE, first);
  score_with(b, &plugin_one, NULL, RP_NORMALISE_NONE, scores);
  assert_memory_equal(first, scores, sizeof scores);
  b->state->epoch = 50; /* which is no part of the key */
  b->state->parameters[0] += 1;
  score_with(b, &plugin_one, NULL, RP_NORMALISE_NONE, scores);
  assert_memory_equal(first, scores, sizeof scores);
  uint64_t name = rp_hash64("one", 3, 0);
  rp_stream stream = rp_stream_of(11, RP_DRAW_RANKER, (uint32_t)name, (uint32_t)(name >> 32), 1, 5);
  for (int f = 0; f < SMALL_F; f++) assert_true(first[f] == (float)rp_draw_uniform(&stream, (uint64_t)f));

  score_with(b, &plugin_two, NULL, RP_NORMALISE_NONE, scores);
  assert_memory_not_equal(first, scores, sizeof scores);
  b->state->cycle = 1;
  score_with(b, &plugin_one, NULL, RP_NORMALISE_NONE, scores);
  assert_memory_not_equal(first, scores, sizeof scores);
  b->state->cycle = 0;
  b->state->seed = 12;
  score_with(b, &plugin_one, NULL, RP_NORMALISE_NONE, scores);
  assert_memory_not_equal(first, scores, sizeof scores);
  free_bench(b);
}

static void two_oracles_measure_once(void **unused) {
  (void)unused;
  bench *b = new_bench();
  rp_plugin accuracy = load_plugin("rankers/oracle-accuracy.so"), loss = load_plugin("rankers/oracle-loss.so");
  rp_host_shared shared;
  rp_host hosts[2];
  float scores[SMALL_F];
  rp_error err = {0};
  assert_ok(rp_host_shared_create(&b->pass, &shared, &err), err);
  assert_ok(rp_host_open(&shared, accuracy.ranker, NULL, &hosts[0], &err), err);
  assert_ok(rp_host_open(&shared, loss.ranker, NULL, &hosts[1], &err), err);
  assert_ok(rp_host_score(&hosts[0], scores, &err), err);
  /* What is remembered is what the second one gets: it is told a lie that no measurement would give. */
  shared.base.loss = 100;
  shared.each[3].loss = 142;
  assert_ok(rp_host_score(&hosts[1], scores, &err), err);
  assert_near(scores[3], 42, 0);
  for (int i = 0; i < 2; i++) rp_host_close(&hosts[i]);
  rp_host_shared_free(&shared);
  rp_plugin_free(&accuracy);
  rp_plugin_free(&loss);
  free_bench(b);
}

static int ablate_pair(void *self, const rp_context *context, float *importance, rp_message *message) {
  uint8_t set[SMALL_F] = {0};
  set[1] = set[20] = 1;
  rp_ablation pair = {.size = sizeof pair};
  int status = context->ablate(context, set, &pair, message);
  plain_score(self, context, importance, message);
  importance[0] = (float)pair.loss;
  assert_true(status != RP_RANKER_OK || pair.n_images == SMALL_VALIDATION);
  context->log(context, "pair done");
  return status;
}

static void take_line(void *user, const char *ranker, const char *line) {
  snprintf(user, 32, "%s: %s", ranker, line);
}

static void ablate_closes_any_set_together_for_those_who_said_so(void **unused) {
  (void)unused;
  bench *b = new_bench();
  char line[32] = "";
  b->pass.log = take_line;
  b->pass.user = line;
  rp_ranker ranker = {.score = ablate_pair, .flags = RP_USES_ABLATION};
  rp_plugin plugin = own_plugin(&ranker);
  float scores[SMALL_F];
  score_with(b, &plugin, NULL, RP_NORMALISE_NONE, scores);
  static reference r;
  r = plain_reference();
  uint8_t closed[SMALL_F] = {0};
  closed[1] = closed[20] = 1;
  r.closed = closed;
  int correct;
  assert_near(scores[0], reference_evaluate(b, &r, RP_VALIDATION, SMALL_VALIDATION, &correct), 1e-5);
  assert_string_equal(line, "own: pair done");

  ranker.flags = 0;
  rp_scoring scoring = {.plugin = &plugin, .scores = scores};
  rp_error err = {0};
  assert_fails(rp_score(&b->pass, &scoring, 1, &err), RP_EPLUGIN, err, "RP_USES_ABLATION");
  free_bench(b);
}

static void a_diverged_net_is_not_blamed_on_the_plugin(void **unused) {
  (void)unused;
  bench *b = new_bench();
  b->state->parameters[SMALL_W2] = NAN;
  rp_plugin oracle = load_plugin("rankers/oracle-loss.so"), taylor = load_plugin("rankers/taylor.so");
  float scores[SMALL_F];
  rp_scoring scoring = {.plugin = &oracle, .scores = scores};
  rp_error err = {0};
  assert_fails(rp_score(&b->pass, &scoring, 1, &err), RP_ENUMERIC, err, "conv2");
  scoring.plugin = &taylor;
  assert_fails(rp_score(&b->pass, &scoring, 1, &err), RP_ENUMERIC, err, "");
  rp_plugin_free(&oracle);
  rp_plugin_free(&taylor);
  free_bench(b);
}

/* ---- Choosing -------------------------------------------------------------------------------- */

static rp_selection drop_percent(uint64_t percent) {
  return (rp_selection){.p = {percent, 0}, .keep_at_least = 1, .drop_at_most = {100, 0}};
}

static void rule_13_the_acting_criterions_worst_filters_are_chosen(void **unused) {
  (void)unused;
  bench *b = new_bench();
  close_filter(b->state, 0);
  rp_ranker ranker = {.score = plain_score};
  rp_plugin acting = own_plugin(&ranker), shadow = load_plugin("rankers/taylor.so");
  float scores[SMALL_F], shadow_scores[SMALL_F];
  uint8_t set[SMALL_F];
  int ranks[SMALL_F];
  rp_selection_record record;
  rp_selection how = drop_percent(25);
  rp_scoring scorings[] = {{.plugin = &acting, .scores = scores}, {.plugin = &shadow, .scores = shadow_scores}};
  rp_error err = {0};
  assert_ok(rp_score_and_choose(&b->pass, &how, scorings, 2, set, ranks, &record, &err), err);
  assert_int_equal(record.count, 6);
  for (int f = 0; f < SMALL_F; f++) {
    assert_int_equal(set[f], f >= 1 && f <= 6);
    assert_int_equal(ranks[f], f == 0 ? 0 : SMALL_F - f);
    assert_int_equal(isnan(shadow_scores[f]) != 0, f == 0);
  }
  rp_plugin_free(&shadow);
  free_bench(b);
}

/* Weights of zeros have norms of zero. The cycle of the drop is one more than the number of drops before it. */
static void rule_14_ties_of_a_drop_are_drawn_for_its_own_cycle(void **unused) {
  (void)unused;
  bench *b = new_bench();
  rp_plugin plugin = load_plugin("rankers/l2.so");
  rp_plugin_description description = describe_plugin("rankers/l2.so");
  rp_value *options;
  rp_error err = {0};
  assert_ok(rp_ranker_options_parse(&description, NULL, 0, &options, &err), err);
  memset(b->state->parameters, 0, b->state->layout->n_parameters * sizeof(float));
  b->state->cycle = 4;
  const int K[] = {SMALL_K1, SMALL_K2};
  const char *const names[] = {"conv1", "conv2"};
  const rp_filter_counts counts = {2, K, names};
  float scores[SMALL_F], zeros[SMALL_F] = {0};
  uint8_t active[SMALL_F], set[SMALL_F], fifth[SMALL_F], fourth[SMALL_F];
  memset(active, 1, sizeof active);
  rp_selection how = drop_percent(50);
  rp_selection_record record;
  rp_scoring scoring = {.plugin = &plugin, .options = options, .scores = scores};
  assert_ok(rp_score_and_choose(&b->pass, &how, &scoring, 1, set, NULL, &record, &err), err);
  assert_ok(rp_select(&counts, &how, zeros, active, b->state->seed, 5, fifth, NULL, &record, &err), err);
  assert_ok(rp_select(&counts, &how, zeros, active, b->state->seed, 4, fourth, NULL, &record, &err), err);
  assert_memory_not_equal(fifth, fourth, SMALL_F);
  assert_memory_equal(set, fifth, SMALL_F);
  free(options);
  rp_plugin_description_free(&description);
  rp_plugin_free(&plugin);
  free_bench(b);
}

/* With the gate off a dropped filter is marked but open: it takes part in what criteria compute, and cannot be dropped again. */
static void rule_25_a_marked_filter_with_an_open_gate_is_scored_but_no_candidate(void **unused) {
  (void)unused;
  bench *b = new_bench();
  b->state->filters[0].dropped = b->state->filters[1].dropped = 1;
  rp_ranker ranker = {.score = plain_score};
  rp_plugin acting = own_plugin(&ranker);
  float scores[SMALL_F];
  uint8_t set[SMALL_F];
  rp_selection_record record;
  rp_selection how = drop_percent(10);
  rp_scoring scoring = {.plugin = &acting, .scores = scores};
  rp_error err = {0};
  assert_ok(rp_score_and_choose(&b->pass, &how, &scoring, 1, set, NULL, &record, &err), err);
  assert_near(scores[1], 1, 0);
  for (int f = 0; f < SMALL_F; f++) assert_int_equal(set[f], f == 2 || f == 3);
  free_bench(b);
}

/* Scores 0 to 7 of conv1, the largest of a filter that is marked but open: it counts as active, for the divisor and for ranks, and is
 * normalised itself. Σ s = 28, Σ s² = 140. */
static void rule_12_a_marked_filter_with_an_open_gate_is_active_for_normalisation(void **unused) {
  (void)unused;
  const struct {
    rp_normalise how;
    double divisor;
  } cases[] = {
      {RP_NORMALISE_LAYER_MEAN, 28 / 8.0}, {RP_NORMALISE_LAYER_L2, sqrt(140)}, {RP_NORMALISE_LAYER_MAX, 7}, {RP_NORMALISE_LAYER_RANK, 7}};
  bench *b = new_bench();
  b->state->filters[SMALL_K1 - 1].dropped = 1;
  rp_ranker ranker = {.score = plain_score};
  rp_plugin plugin = own_plugin(&ranker);
  float scores[SMALL_F];
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    score_with(b, &plugin, NULL, cases[i].how, scores);
    for (int f = 0; f < SMALL_K1; f++) assert_near(scores[f], f / cases[i].divisor, 1e-6);
  }
  free_bench(b);
}

/* ---- Several criteria ------------------------------------------------------------------------ */

/* The option of tests/plugins/misbehaves.c that names a deed. */
static rp_value misdeed(const rp_plugin *misbehaves, const char *deed) {
  const char *const *words = misbehaves->ranker->options[0]->choices;
  int i = 0;
  while (words[i] && strcmp(words[i], deed) != 0) i++;
  assert_non_null(words[i]);
  return (rp_value){.size = sizeof(rp_value), .number = i, .text = words[i]};
}

/* The mean loss of the images shown, for every filter. */
static int create_losses(const rp_context *context, const rp_value *options, void **self, rp_message *message) {
  (void)context, (void)options, (void)message;
  *self = calloc(1, sizeof(double));
  return *self ? RP_RANKER_OK : RP_RANKER_ERROR;
}

static int add_losses(void *self, const rp_context *context, const rp_batch *batch, rp_message *message) {
  (void)context, (void)message;
  for (uint32_t i = 0; i < batch->n_images; i++) *(double *)self += batch->losses[i];
  return RP_RANKER_OK;
}

static int score_losses(void *self, const rp_context *context, float *importance, rp_message *message) {
  (void)message;
  for (uint32_t f = 0; f < context->n_filters; f++) importance[f] = (float)*(const double *)self;
  return RP_RANKER_OK;
}

/* One pass for all gives each the bits that it has alone. Losses alone ask for no maps and no gradients: in company of criteria that do
 * they must come from the same kernels. */
static void rule_28_scores_do_not_depend_on_who_else_is_in_the_pass(void **unused) {
  (void)unused;
  bench *b = new_bench();
  close_filter(b->state, 3);
  rp_ranker losses = {.name = "losses", .create = create_losses, .observe = add_losses, .score = score_losses, .destroy = free};
  rp_plugin own = own_plugin(&losses);
  all_criteria *all = open_all_criteria();
  static float together[MOST_CRITERIA + 1][SMALL_F], raw[MOST_CRITERIA + 1][SMALL_F];
  static rp_scoring scorings[MOST_CRITERIA + 1];
  float alone[SMALL_F];
  rp_error err = {0};
  for (int i = 0; i <= all->n; i++) {
    scorings[i] = i < all->n ? (rp_scoring){.plugin = &all->list[i].plugin, .options = all->list[i].options} : (rp_scoring){.plugin = &own};
    scorings[i].normalise = RP_NORMALISE_LAYER_L2, scorings[i].scores = together[i], scorings[i].raw = raw[i];
  }
  assert_ok(rp_score(&b->pass, scorings, all->n + 1, &err), err);
  for (int i = 0; i <= all->n; i++) {
    score_with(b, scorings[i].plugin, scorings[i].options, RP_NORMALISE_LAYER_L2, alone);
    if (memcmp(together[i], alone, sizeof alone) != 0) fail_msg("%s has other scores in company", scorings[i].plugin->ranker->name);
    score_with(b, scorings[i].plugin, scorings[i].options, RP_NORMALISE_NONE, alone); /* raw scores are those before normalisation */
    if (memcmp(raw[i], alone, sizeof alone) != 0) fail_msg("%s has other raw scores in company", scorings[i].plugin->ranker->name);
  }
  assert_above(raw[all->n][0], 0);
  close_all_criteria(all);
  free_bench(b);
}

static void a_failure_that_is_noted_leaves_the_others_their_scores(void **unused) {
  (void)unused;
  static const char *const DEEDS[][2] = {{"fails-to-create", "ranker misbehaves: nothing could be created"},
                                         {"fails-to-observe", "ranker misbehaves: nothing to be seen"},
                                         {"fails-with-a-message", "ranker misbehaves: the moon is full"},
                                         {"returns-nan", "ranker misbehaves: layer conv2, filter 15: its importance is NaN"},
                                         {"chooses-too-many", "ranker misbehaves chose 7 filters, but exactly 6"}};
  enum { N_DEEDS = sizeof DEEDS / sizeof *DEEDS, N = N_DEEDS + 2 };
  bench *b = new_bench();
  rp_plugin misbehaves = load_plugin("tests/plugins/misbehaves.so"), taylor = load_plugin("rankers/taylor.so");
  rp_selection how = drop_percent(25);
  rp_value options[N];
  rp_error failures[N], err = {0};
  rp_scoring scorings[N];
  float scores[N][SMALL_F], alone[SMALL_F];
  uint8_t sets[N][SMALL_F], set_alone[SMALL_F];
  memset(failures, 0xff, sizeof failures);
  for (int i = 0; i < N; i++) {
    options[i] = misdeed(&misbehaves, i < N_DEEDS ? DEEDS[i][0] : "behaves");
    scorings[i] = (rp_scoring){.plugin = i < N - 1 ? &misbehaves : &taylor,
                               .options = i < N - 1 ? &options[i] : NULL,
                               .scores = scores[i],
                               .how = &how,
                               .set = sets[i],
                               .failure = &failures[i]};
  }
  assert_ok(rp_score(&b->pass, scorings, N, &err), err);
  for (int i = 0; i < N_DEEDS; i++) {
    assert_int_equal(failures[i].status, RP_EPLUGIN);
    if (!strstr(failures[i].message, DEEDS[i][1])) fail_msg("«%s» lacks «%s»", failures[i].message, DEEDS[i][1]);
    assert_int_equal(scorings[i].does_not_apply, 0);
  }
  for (int i = N_DEEDS; i < N; i++) assert_int_equal(failures[i].status, RP_OK);
  rp_scoring one = {.plugin = &taylor, .scores = alone};
  rp_selection_record record;
  assert_ok(rp_score_and_choose(&b->pass, &how, &one, 1, set_alone, NULL, &record, &err), err);
  assert_memory_equal(scores[N - 1], alone, sizeof alone);
  assert_memory_equal(sets[N - 1], set_alone, SMALL_F);
  assert_int_equal(scorings[N - 1].record.count, 6);
  for (int f = 0; f < SMALL_F; f++) assert_int_equal(sets[N_DEEDS][f], f < 6); /* its own choice, not by its scores */
  rp_plugin_free(&misbehaves);
  rp_plugin_free(&taylor);
  free_bench(b);
}

static int fail_to_observe(void *self, const rp_context *context, const rp_batch *batch, rp_message *message) {
  (void)self, (void)context, (void)batch, (void)message;
  n_watched++;
  return RP_RANKER_ERROR;
}

static void a_criterion_that_failed_is_called_no_more(void **unused) {
  (void)unused;
  bench *b = new_bench();
  rp_ranker ranker = {.observe = fail_to_observe, .score = plain_score};
  rp_plugin plugins[] = {own_plugin(&ranker), load_plugin("rankers/taylor.so")};
  float scores[2][SMALL_F];
  rp_error failure, err = {0};
  rp_scoring scorings[] = {{.plugin = &plugins[0], .scores = scores[0], .failure = &failure}, {.plugin = &plugins[1], .scores = scores[1]}};
  n_watched = 0;
  assert_ok(rp_score(&b->pass, scorings, 2, &err), err);
  assert_int_equal(n_watched, 1); /* of two batches */
  assert_string_equal(failure.message, "ranker own: failed without saying why");
  rp_plugin_free(&plugins[1]);
  free_bench(b);
}

static int create_for_another_net(const rp_context *context, const rp_value *options, void **self, rp_message *message) {
  (void)context, (void)options, (void)self;
  snprintf(message->text, sizeof message->text, "there is no batch norm here");
  return RP_RANKER_NOT_OFFERED;
}

static void a_criterion_can_say_that_it_does_not_apply(void **unused) {
  (void)unused;
  bench *b = new_bench();
  rp_ranker ranker = {.create = create_for_another_net, .score = plain_score};
  rp_plugin plugin = own_plugin(&ranker);
  float scores[SMALL_F];
  rp_error failure, err = {0};
  rp_scoring scoring = {.plugin = &plugin, .scores = scores, .failure = &failure};
  assert_ok(rp_score(&b->pass, &scoring, 1, &err), err);
  assert_int_equal(scoring.does_not_apply, 1);
  assert_string_equal(failure.message, "ranker own: there is no batch norm here");
  /* where nobody notes it, it is a failure like another */
  scoring.failure = NULL;
  assert_fails(rp_score(&b->pass, &scoring, 1, &err), RP_EPLUGIN, err, "no batch norm");
  free_bench(b);
}

/* Weights say nothing of images: what ends the pass is the network's failure, and is not noted as a criterion's. */
static void a_diverged_net_ends_a_pass_though_failures_are_noted(void **unused) {
  (void)unused;
  bench *b = new_bench();
  b->state->parameters[SMALL_W2] = NAN;
  rp_plugin taylor = load_plugin("rankers/taylor.so"), oracle = load_plugin("rankers/oracle-loss.so");
  float scores[SMALL_F];
  rp_error failure, err = {0};
  rp_scoring scoring = {.plugin = &taylor, .scores = scores, .failure = &failure};
  assert_fails(rp_score(&b->pass, &scoring, 1, &err), RP_ENUMERIC, err, "");
  /* in a service that a criterion called it is the criterion's */
  scoring.plugin = &oracle;
  assert_ok(rp_score(&b->pass, &scoring, 1, &err), err);
  assert_int_equal(failure.status, RP_ENUMERIC);
  rp_plugin_free(&taylor);
  rp_plugin_free(&oracle);
  free_bench(b);
}

/* ---- Floating-point modes -------------------------------------------------------------------- */

static void modes_are_kept_around_every_call_and_inside_services(void **unused) {
  (void)unused;
  bench *b = new_bench();
  rp_plugin plugin = load_plugin("tests/plugins/changes_modes.so");
  float scores[SMALL_F];
  uint8_t set[SMALL_F];
  rp_selection_record record;
  rp_selection how = drop_percent(25);
  rp_scoring scoring = {.plugin = &plugin, .scores = scores};
  rp_error err = {0};
  volatile float tiny = 1e-38f;
  assert_ok(rp_score_and_choose(&b->pass, &how, &scoring, 1, set, NULL, &record, &err), err);
  assert_int_equal(fegetround(), FE_TONEAREST);
  assert_true(tiny / 2 > 0);
  for (int f = 0; f < SMALL_F; f++) assert_int_equal(set[f], f < 6);

  rp_evaluation base;
  assert_ok(rp_evaluate(b->net, b->state->parameters, NULL, &b->dataset, RP_VALIDATION, NULL, 0, NULL, &base, &err), err);
  /* the plugin rounds its own cast upwards */
  assert_true(scores[0] == (float)base.loss || scores[0] == nextafterf((float)base.loss, INFINITY));
  assert_true((double)scores[0] >= base.loss);
  rp_plugin_free(&plugin);
  free_bench(b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rule_5_the_test_split_is_read_by_no_criterion),
      cmocka_unit_test(rule_6_taylor_is_the_derivative_by_each_maps_scale_on_the_scoring_images),
      cmocka_unit_test(rule_6_oracles_close_each_gate_on_the_validation_split),
      cmocka_unit_test(rule_6_score_data_and_score_images_change_where_criteria_look),
      cmocka_unit_test(rule_6_criteria_look_at_5000_training_images_or_at_all_of_validation),
      cmocka_unit_test(rule_6_an_oracle_without_a_validation_split_is_an_error),
      cmocka_unit_test(criteria_of_weights_need_no_data_set),
      cmocka_unit_test(rule_11_maps_logits_losses_and_gradients_are_those_of_a_plain_reference),
      cmocka_unit_test(a_plugin_of_an_older_minor_version_is_shown_what_it_knows),
      cmocka_unit_test(the_net_is_shown_with_its_readers_and_its_history),
      cmocka_unit_test(rule_27_draws_are_keyed_by_seed_rankers_name_and_cycle),
      cmocka_unit_test(two_oracles_measure_once),
      cmocka_unit_test(ablate_closes_any_set_together_for_those_who_said_so),
      cmocka_unit_test(a_diverged_net_is_not_blamed_on_the_plugin),
      cmocka_unit_test(rule_13_the_acting_criterions_worst_filters_are_chosen),
      cmocka_unit_test(rule_14_ties_of_a_drop_are_drawn_for_its_own_cycle),
      cmocka_unit_test(rule_25_a_marked_filter_with_an_open_gate_is_scored_but_no_candidate),
      cmocka_unit_test(rule_12_a_marked_filter_with_an_open_gate_is_active_for_normalisation),
      cmocka_unit_test(rule_28_scores_do_not_depend_on_who_else_is_in_the_pass),
      cmocka_unit_test(a_failure_that_is_noted_leaves_the_others_their_scores),
      cmocka_unit_test(a_criterion_that_failed_is_called_no_more),
      cmocka_unit_test(a_criterion_can_say_that_it_does_not_apply),
      cmocka_unit_test(a_diverged_net_ends_a_pass_though_failures_are_noted),
      cmocka_unit_test(modes_are_kept_around_every_call_and_inside_services),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
