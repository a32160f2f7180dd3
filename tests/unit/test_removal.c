/* test_removal.c: without one filter a net puts out what plain loops in double precision make of a net whose gate is closed there, and what
 * a whole pass through the kernels does. On every structure that nets have, with any filters closed before. */
#include "core/nn/removal.h"
#include "tests/graphs.h"
#include "tests/net_runs.h"

enum { N_IMAGES = 3, MOST_LOGITS = N_IMAGES * 10 };

#define FREED_REMOVAL                                                                                                                      \
  RP_CLEANUP(rp_removal_free)                                                                                                              \
  rp_removal

/* ReLUs of convs that no pool takes over, fused and not: of a conv that a sum reads, of one that reads a filter twice among many channels;
 * a conv of one filter and of one channel; two fcs. */
static void relus_apart(test_model *m) {
  begin_model(m, 3, 7, 7, 4);
  int a = (add_conv(m, 9, 3, 1), last_of(m)), b = layer_on(m, RP_RELU, plain_conv(m, a, 1, 3, 1));
  int c = layer_on(m, RP_RELU, plain_conv(m, b, 17, 5, 2)), twice = join(m, RP_CONCAT, c, c, -1, -1);
  int d = (add_conv(m, 20, 3, 1)->inputs[0] = twice, last_of(m)), e = (add_conv(m, 20, 1, 1)->inputs[0] = c, last_of(m));
  int sum = join(m, RP_ADD, d, e, d, -1), pooled = pool_on(m, RP_MAX_POOL, sum, 3, 2);
  join(m, RP_ADD, plain_conv(m, pooled, 20, 3, 1), pooled, pool_on(m, RP_AVG_POOL, e, 3, 2), -1);
  add_fc(m, 6);
  add_fc(m, 4);
}

static const struct {
  const char *name;
  void (*make)(test_model *);
} MORE[] = {{"ReLUs apart", relus_apart}, {"c3-authors", c3_authors}, {"c3", c3}};
enum { N_NETS = N_STRUCTURES + sizeof MORE / sizeof MORE[0], N_PATTERNS = 4 };

static run run_of_net(int i, const char **name) {
  test_model m;
  (i < N_STRUCTURES ? STRUCTURES[i].make : MORE[i - N_STRUCTURES].make)(&m);
  *name = i < N_STRUCTURES ? STRUCTURES[i].name : MORE[i - N_STRUCTURES].name;
  return run_of_normals(&m, N_IMAGES);
}

/* Gates that are closed before: none; every third; all but every third; the first half of each conv (with sums and rows of channels that
 * are absent once one filter more goes). */
static void close_some(const rp_layout *layout, int pattern, uint8_t *closed) {
  for (int i = 0; i < layout->n_convs; i++)
    for (int k = 0; k < layout->convs[i].K; k++) {
      const int f = layout->convs[i].first_filter + k, rules[N_PATTERNS] = {0, f % 3 == 1, f % 3 != 1, 2 * k < layout->convs[i].K && i > 0};
      closed[f] = (uint8_t)rules[pattern];
    }
}

static rp_removal *removal_of(const run *r, const uint8_t *closed) {
  rp_removal *removal;
  rp_error err = {0};
  assert_ok(rp_removal_create(r->net, r->batch, r->parameters, closed, &removal, &err), err);
  return removal;
}

static void begin(rp_removal *removal, const float *images) {
  rp_error err = {0};
  assert_ok(rp_removal_begin(removal, images, &err), err);
}

static void logits_without(const run *r, rp_removal *removal, int filter, float *logits) {
  const float *put_out;
  rp_error err = {0};
  assert_ok(rp_removal_without(removal, filter, &put_out, &err), err);
  memcpy(logits, put_out, (size_t)(r->batch * rp_net_model(r->net)->n_classes) * sizeof *logits);
}

/* Large images take plain loops long. */
static int filter_step(const run *r) {
  return rp_net_model(r->net)->height > 16 ? 11 : 1;
}

/* Calls `look` for every net, pattern of closed gates and open filter (of large nets some), the last first. */
static void for_each_removal(void (*look)(const run *r, const uint8_t *closed, int filter, const float *logits, const char *name)) {
  for (int i = 0; i < N_NETS; i++) {
    const char *name;
    run r = run_of_net(i, &name);
    uint8_t *closed = calloc((size_t)r.layout->n_filters, 1);
    for (int pattern = 0; pattern < N_PATTERNS; pattern++) {
      close_some(r.layout, pattern, closed);
      FREED_REMOVAL *removal = removal_of(&r, closed);
      begin(removal, r.images);
      for (int f = r.layout->n_filters - 1; f >= 0; f -= filter_step(&r)) {
        float logits[MOST_LOGITS];
        if (closed[f]) continue;
        logits_without(&r, removal, f, logits);
        closed[f] = 1;
        look(&r, closed, f, logits, name);
        closed[f] = 0;
      }
    }
    free(closed), free_run(&r);
  }
}

static void compare_with_reference(const run *r, const uint8_t *closed, int filter, const float *logits, const char *name) {
  reference *expected = reference_create(r->net, r->batch, r->parameters, closed, r->images);
  const double error = error_of(logits, reference_forward(expected), (size_t)(r->batch * rp_net_model(r->net)->n_classes));
  if (!(error <= 1e-5)) fail_msg("%s without filter %d: logits are off by %g", name, filter, error);
  reference_free(expected);
}

static void rule_11_a_removal_is_a_closed_gate_in_every_structure(void **unused) {
  (void)unused;
  for_each_removal(compare_with_reference);
}

/* The class that is predicted and how far it is ahead, in logits. */
static int prediction_of(const float *logits, int n, float *margin) {
  int best = 0;
  for (int j = 1; j < n; j++)
    if (logits[j] > logits[best]) best = j;
  *margin = INFINITY;
  for (int j = 0; j < n; j++)
    if (j != best) *margin = fminf(*margin, logits[best] - logits[j]);
  return best;
}

static void compare_with_whole_pass(const run *r, const uint8_t *closed, int filter, const float *logits, const char *name) {
  run whole = *r;
  float expected[MOST_LOGITS];
  const int n_classes = rp_net_model(r->net)->n_classes;
  whole.closed = closed;
  pass(&whole, RP_RUN_EVALUATE, r->batch, expected);
  for (int i = 0; i < r->batch; i++) {
    float margin, unused;
    const int best = prediction_of(expected + i * n_classes, n_classes, &margin);
    if (margin > 1e-4f && prediction_of(logits + i * n_classes, n_classes, &unused) != best)
      fail_msg("%s without filter %d: image %d is predicted differently, by a margin of %g", name, filter, i, margin);
  }
}

static void predictions_are_those_of_a_whole_pass_where_logits_are_not_close(void **unused) {
  (void)unused;
  for_each_removal(compare_with_whole_pass);
}

/* Each filter's bits: in the order first to last, last to first, twice, and after other images. */
static void a_removal_has_the_same_bits_whatever_went_before(void **unused) {
  (void)unused;
  for (int i = 0; i < N_NETS; i++) {
    const char *name;
    run r = run_of_net(i, &name);
    const int n_filters = r.layout->n_filters;
    float(*logits)[MOST_LOGITS] = calloc((size_t)n_filters, sizeof *logits), again[MOST_LOGITS] = {0};
    float *others = normals((size_t)r.batch * image_size(r.net), 2, 9);
    rp_removal *removal = removal_of(&r, NULL);
    begin(removal, r.images);
    for (int f = n_filters - 1; f >= 0; f--) logits_without(&r, removal, f, logits[f]);
    begin(removal, others);
    for (int f = 0; f < n_filters; f += 3) logits_without(&r, removal, f, again);
    begin(removal, r.images);
    for (int f = 0; f < n_filters; f++)
      for (int times = 0; times < 2; times++) {
        logits_without(&r, removal, f, again);
        if (memcmp(again, logits[f], sizeof again) != 0) fail_msg("%s: the logits without filter %d have moved", name, f);
      }
    rp_removal_free(&removal);
    free(logits), free(others), free_run(&r);
  }
}

static void logits_without_a_filter_have_the_same_bits_whatever_the_batch_size(void **unused) {
  (void)unused;
  for (int i = 0; i < N_NETS; i++) {
    const char *name;
    run r = run_of_net(i, &name), one = r;
    one.batch = 1;
    const int n_classes = rp_net_model(r.net)->n_classes;
    rp_removal *whole = removal_of(&r, NULL);
    rp_removal *single = removal_of(&one, NULL);
    begin(whole, r.images);
    for (int f = 0; f < r.layout->n_filters; f += 5) {
      float logits[MOST_LOGITS], parts[MOST_LOGITS];
      logits_without(&r, whole, f, logits);
      for (int image = 0; image < r.batch; image++) {
        begin(single, r.images + (size_t)image * image_size(r.net));
        logits_without(&one, single, f, parts + image * n_classes);
      }
      if (memcmp(logits, parts, (size_t)(r.batch * n_classes) * sizeof *logits) != 0) fail_msg("%s, filter %d", name, f);
    }
    rp_removal_free(&whole), rp_removal_free(&single);
    free_run(&r);
  }
}

static void parameters_that_are_not_finite_are_refused(void **unused) {
  (void)unused;
  const char *name;
  run r = run_of_net(0, &name);
  rp_removal *removal = NULL;
  rp_error err = {0};
  r.parameters[r.layout->tensors[0].offset] = NAN;
  assert_fails(rp_removal_create(r.net, 2, r.parameters, NULL, &removal, &err), RP_ENUMERIC, err, "weight is NaN");
  assert_null(removal);
  free_run(&r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rule_11_a_removal_is_a_closed_gate_in_every_structure),
      cmocka_unit_test(predictions_are_those_of_a_whole_pass_where_logits_are_not_close),
      cmocka_unit_test(a_removal_has_the_same_bits_whatever_went_before),
      cmocka_unit_test(logits_without_a_filter_have_the_same_bits_whatever_the_batch_size),
      cmocka_unit_test(parameters_that_are_not_finite_are_refused),
  };
  return cmocka_run_group_tests_name("removal", tests, NULL, NULL);
}
