/* test_score_sequential.c: removing one filter after the other on a small net, held against a plain forward pass in double precision; and
 * what a criterion is given whose caller names no options. */
#include "core/ranking/score.h"
#include "tests/ranker_files.h"
#include "tests/small_net.h"

enum { N_SCORED = 30 }; /* validation images */

typedef struct {
  rp_dataset dataset;
  rp_net *net;
  rp_state *state;
} bench;

static bench new_bench(void) {
  bench b = {.dataset = small_dataset(), .net = small_net()};
  b.state = small_state(b.net, 11);
  return b;
}

static void free_bench(bench *b) {
  rp_state_free(&b->state);
  rp_net_free(&b->net);
}

static void score_with(bench *b, rp_ranker *ranker, const rp_value *options, float *scores) {
  rp_plugin plugin = {.ranker = ranker};
  rp_scoring scoring = {.plugin = &plugin, .options = options, .scores = scores};
  rp_scoring_pass pass = {.net = b->net, .state = b->state, .dataset = &b->dataset, .data = {RP_SCORE_VALIDATION, N_SCORED}};
  rp_error err = {0};
  assert_ok(rp_score(&pass, &scoring, 1, &err), err);
}

static double reference_loss(bench *b, const uint8_t *closed, int *correct) {
  static reference r;
  r = plain_reference();
  r.closed = closed;
  double loss = 0;
  *correct = 0;
  for (uint32_t i = 0; i < N_SCORED; i++) {
    reference_forward(&r, b->state->parameters, &b->dataset, RP_VALIDATION, i);
    loss += r.loss;
    *correct += r.predicted == b->dataset.labels[RP_VALIDATION][i];
  }
  return loss / N_SCORED;
}

/* ---- The service ----------------------------------------------------------------------------- */

static int measure_beside(void *self, const rp_context *context, float *importance, rp_message *message) {
  (void)self;
  uint8_t set[SMALL_F] = {0};
  rp_ablation each[SMALL_F];
  set[1] = set[20] = 1;
  int status = context->ablate_each_beside(context, set, each, message);
  for (int f = 0; status == RP_RANKER_OK && f < SMALL_F; f++) {
    assert_int_equal(each[f].n_images, f == 1 || f == 5 || f == 20 ? 0 : N_SCORED);
    importance[f] = (float)each[f].loss;
  }
  return status;
}

static void ablate_each_beside_removes_a_set_and_each_other_filter(void **unused) {
  (void)unused;
  bench b = new_bench();
  close_filter(b.state, 5);
  rp_ranker ranker = {.name = "own", .flags = RP_USES_ABLATION, .score = measure_beside};
  float scores[SMALL_F];
  score_with(&b, &ranker, NULL, scores);
  uint8_t closed[SMALL_F] = {0};
  closed[1] = closed[5] = closed[20] = 1;
  for (int f = 0; f < SMALL_F; f++) {
    if (closed[f]) continue;
    int correct;
    closed[f] = 1;
    assert_near(scores[f], reference_loss(&b, closed, &correct), 1e-5);
    closed[f] = 0;
  }
  free_bench(&b);
}

static int ask_without_having_said_so(void *self, const rp_context *context, float *importance, rp_message *message) {
  (void)self;
  (void)importance;
  const uint8_t none[SMALL_F] = {0};
  rp_ablation each[SMALL_F];
  return context->ablate_each_beside(context, none, each, message);
}

static void ablate_each_beside_is_for_those_who_said_so(void **unused) {
  (void)unused;
  bench b = new_bench();
  rp_ranker ranker = {.name = "own", .score = ask_without_having_said_so};
  rp_plugin plugin = {.ranker = &ranker};
  float scores[SMALL_F];
  rp_scoring scoring = {.plugin = &plugin, .scores = scores};
  rp_scoring_pass pass = {.net = b.net, .state = b.state, .dataset = &b.dataset};
  rp_error err = {0};
  assert_fails(rp_score(&pass, &scoring, 1, &err), RP_EPLUGIN, err, "RP_USES_ABLATION");
  free_bench(&b);
}

/* ---- The oracles ----------------------------------------------------------------------------- */

/* Filters in the order in which a sequential oracle took them. */
static int order_of(const float *scores, int *order) {
  int n = 0;
  for (;;) {
    int next = -1;
    for (int f = 0; f < SMALL_F; f++)
      if (isfinite(scores[f]) && (n == 0 || scores[f] > scores[order[n - 1]]) && (next < 0 || scores[f] < scores[next])) next = f;
    if (next < 0) return n;
    order[n++] = next;
  }
}

/* At each step nothing that is left would have been missed less than what was taken. */
static void each_step_of_the_sequential_oracle_takes_what_is_missed_least(void **unused) {
  (void)unused;
  bench b = new_bench();
  close_filter(b.state, 9);
  rp_plugin oracle = load_plugin("rankers/oracle-loss.so");
  const rp_value is_on = {.size = sizeof is_on, .number = 1};
  float scores[SMALL_F];
  score_with(&b, oracle.ranker, &is_on, scores);
  uint8_t closed[SMALL_F] = {0};
  closed[9] = 1;
  int order[SMALL_F], correct;
  assert_int_equal(order_of(scores, order), SMALL_F - 1);
  double base = reference_loss(&b, closed, &correct);
  for (int i = 0; i < SMALL_F - 1; i++) {
    closed[order[i]] = 1;
    double taken = reference_loss(&b, closed, &correct), before = i ? (double)scores[order[i - 1]] : -INFINITY;
    assert_near(scores[order[i]], fmax(taken - base, before), 1e-5);
    closed[order[i]] = 0;
    for (int j = i + 1; j < SMALL_F - 1; j++) {
      closed[order[j]] = 1;
      assert_above(reference_loss(&b, closed, &correct), taken - 1e-5);
      closed[order[j]] = 0;
    }
    closed[order[i]] = 1;
  }
  rp_plugin_free(&oracle);
  free_bench(&b);
}

static void the_sequential_oracle_of_accuracy_counts_what_is_lost_so_far(void **unused) {
  (void)unused;
  bench b = new_bench();
  rp_plugin oracle = load_plugin("rankers/oracle-accuracy.so");
  const rp_value is_on = {.size = sizeof is_on, .number = 1};
  float scores[SMALL_F];
  score_with(&b, oracle.ranker, &is_on, scores);
  uint8_t closed[SMALL_F] = {0};
  int order[SMALL_F], base, correct;
  assert_int_equal(order_of(scores, order), SMALL_F);
  reference_loss(&b, closed, &base);
  for (int i = 0; i < SMALL_F; i++) {
    closed[order[i]] = 1;
    reference_loss(&b, closed, &correct);
    assert_near(scores[order[i]], fmax((double)(base - correct) / N_SCORED, i ? (double)scores[order[i - 1]] : -1), 1e-6);
  }
  rp_plugin_free(&oracle);
  free_bench(&b);
}

/* ---- Options --------------------------------------------------------------------------------- */

static const char *const WORDS[] = {"red", "green", "blue", NULL};
static const rp_option COLOUR = {
    .size = sizeof COLOUR, .name = "colour", .help = "a word", .kind = RP_OPTION_CHOICE, .default_number = 2, .choices = WORDS};
static const rp_option SHARE = {
    .size = sizeof SHARE, .name = "share", .help = "a number", .kind = RP_OPTION_NUMBER, .default_number = 0.25, .highest = 1};
static const rp_option *const OPTIONS[] = {&COLOUR, &SHARE, NULL};

static int expect_defaults(const rp_context *context, const rp_value *options, void **self, rp_message *message) {
  (void)context;
  (void)message;
  *self = (void *)options;
  return RP_RANKER_OK;
}

static int read_options(void *self, const rp_context *context, float *importance, rp_message *message) {
  (void)message;
  const rp_value *options = self; /* readable until destroy */
  assert_string_equal(options[0].text, "blue");
  assert_near(options[0].number, 2, 0);
  assert_near(options[1].number, 0.25, 0);
  assert_null(options[1].text);
  for (uint32_t f = 0; f < context->n_filters; f++) importance[f] = 0;
  return RP_RANKER_OK;
}

static void a_caller_that_names_no_options_means_their_defaults(void **unused) {
  (void)unused;
  bench b = new_bench();
  rp_ranker ranker = {.name = "own", .options = OPTIONS, .create = expect_defaults, .score = read_options};
  float scores[SMALL_F];
  score_with(&b, &ranker, NULL, scores);
  assert_near(scores[0], 0, 0);
  free_bench(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ablate_each_beside_removes_a_set_and_each_other_filter),
      cmocka_unit_test(ablate_each_beside_is_for_those_who_said_so),
      cmocka_unit_test(each_step_of_the_sequential_oracle_takes_what_is_missed_least),
      cmocka_unit_test(the_sequential_oracle_of_accuracy_counts_what_is_lost_so_far),
      cmocka_unit_test(a_caller_that_names_no_options_means_their_defaults),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
