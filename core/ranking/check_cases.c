/* check_cases.c: one function per case of the conformance test; those about what is dropped are in check_selection.c. */
#include "core/ranking/check_cases.h"

#include "core/base/draws.h"
#include "core/base/memory.h"

#include <malloc.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const rp_check_size SMALL = {
    .K = {8, 6, 5, 7}, .kernel = 3, .side = 8, .n_training = 255 /* a batch of 250 and one of 5 */, .n_validation = 60};
static const rp_check_size LONE = {.K = {1, 1, 1, 1}, .kernel = 3, .side = 8, .n_training = 60, .n_validation = 60};
static const rp_check_size LARGE = {.K = {32, 32, 16, 16}, .kernel = 5, .side = 32, .n_training = 250, .n_validation = 60};

enum { CONV = 1 }; /* where single filters are changed: conv2 */

/* Sums of floats in another order differ; a criterion's own formula may cancel some of their digits. */
static const double TOLERANCE = 1e-3;

rp_status rp_check_found(rp_check_finding *finding, rp_check_result result, const char *format, ...) {
  va_list arguments;
  finding->result = result;
  va_start(arguments, format);
  vsnprintf(finding->text, sizeof finding->text, format, arguments);
  va_end(arguments);
  return RP_OK;
}

/* ---- Scoring --------------------------------------------------------------------------------- */

static rp_status net_of(rp_check_subject *subject, int with_bn, const rp_check_net **out, rp_error *err) {
  rp_check_net *net = &subject->nets[with_bn];
  rp_check_size size = SMALL;
  size.with_bn = with_bn;
  if (!net->net) RP_TRY(rp_check_net_create(&size, net, err));
  *out = net;
  return RP_OK;
}

rp_status rp_check_subject_net(rp_check_subject *subject, const rp_check_net **out, rp_error *err) {
  return net_of(subject, subject->need == RP_CHECK_BN_ONLY, out, err);
}

rp_scoring_pass rp_check_pass(const rp_check_subject *subject, const rp_check_net *net, const rp_state *state) {
  return (rp_scoring_pass){.net = net->net, .state = state, .dataset = &net->dataset, .watch = &subject->watch};
}

rp_status rp_check_modes(uint64_t before, rp_error *err) {
  if (rp_floating_point_modes() == before) return RP_OK;
  return rp_fail(err, RP_EPLUGIN, "the program's floating-point modes are not what they were before");
}

rp_status rp_check_score(rp_check_subject *subject, const rp_check_net *net, const rp_state *state, float *scores, rp_error *err) {
  rp_plugin guarded = {.ranker = &subject->guarded.outer};
  rp_scoring scoring = {.plugin = &guarded, .options = subject->options, .normalise = RP_NORMALISE_NONE, .scores = scores};
  rp_scoring_pass pass = rp_check_pass(subject, net, state);
  uint64_t modes = rp_floating_point_modes();
  RP_TRY(rp_score(&pass, &scoring, 1, err));
  return rp_check_modes(modes, err);
}

static int n_filters(const rp_check_net *net) {
  return net->state->layout->n_filters;
}

const char *rp_check_own_words(const rp_check_subject *subject, const rp_error *err) {
  const char *name = subject->plugin.ranker->name, *text = err->message;
  size_t length = strlen(name);
  if (strncmp(text, "ranker ", 7) != 0 || strncmp(text + 7, name, length) != 0) return text;
  text += 7 + length;
  return *text == ':' ? text + 2 : *text == ' ' ? text + 1 : err->message;
}

/* ---- Finite scores --------------------------------------------------------------------------- */

static rp_status score_on(rp_check_subject *subject, int with_bn, int *refused, rp_error *err) {
  float scores[RP_CHECK_MOST_FILTERS];
  const rp_check_net *net;
  RP_TRY(net_of(subject, with_bn, &net, err));
  subject->guarded.refused = 0;
  rp_status status = rp_check_score(subject, net, net->state, scores, err);
  *refused = status == RP_EPLUGIN && subject->guarded.refused;
  return status;
}

/* A criterion may need batch norm, or refuse it: then the other cases go without. */
static rp_status try_finite(rp_check_subject *subject, rp_check_finding *finding, rp_error *err) {
  int refuses_plain, refuses_bn;
  rp_error plain = {0}, bn = {0};
  rp_status status = score_on(subject, 0, &refuses_plain, &plain);
  if (status != RP_OK && !refuses_plain) return *err = plain, status;
  status = score_on(subject, 1, &refuses_bn, &bn);
  if (status != RP_OK && !refuses_bn) return rp_add_context(&bn, "with batch norm"), *err = bn, status;
  if (refuses_plain && refuses_bn) return *err = plain, RP_EPLUGIN;
  if (refuses_plain) {
    subject->need = RP_CHECK_BN_ONLY;
    return rp_check_found(finding, RP_CHECK_NOTE, "with batch norm; without it: %s", rp_check_own_words(subject, &plain));
  }
  if (refuses_bn) {
    subject->need = RP_CHECK_PLAIN_ONLY;
    return rp_check_found(finding, RP_CHECK_NOTE, "without batch norm; with it: %s", rp_check_own_words(subject, &bn));
  }
  return rp_check_found(finding, RP_CHECK_OK, "with and without batch norm, for each of %d filters", n_filters(&subject->nets[0]));
}

/* ---- Determinism ----------------------------------------------------------------------------- */

static int first_difference(const float *a, const float *b, int n) {
  for (int f = 0; f < n; f++)
    if (memcmp(&a[f], &b[f], sizeof a[f]) != 0) return f;
  return -1;
}

/* What malloc hands out is filled with another byte each time: a plugin that reads what it did not write gives itself away. */
static rp_status score_in_litter(rp_check_subject *subject, const rp_check_net *net, int litter, float *scores, rp_error *err) {
  mallopt(M_PERTURB, litter);
  rp_status status = rp_check_score(subject, net, net->state, scores, err);
  mallopt(M_PERTURB, 0);
  return status;
}

static rp_status try_repeat(rp_check_subject *subject, rp_check_finding *finding, rp_error *err) {
  static const int LITTER[] = {0x41, 0xbe, 0};
  float first[RP_CHECK_MOST_FILTERS], again[RP_CHECK_MOST_FILTERS];
  const rp_check_net *net;
  RP_TRY(rp_check_subject_net(subject, &net, err));
  RP_TRY(score_in_litter(subject, net, LITTER[0], first, err));
  for (int i = 1; i < 3; i++) {
    RP_TRY(score_in_litter(subject, net, LITTER[i], again, err));
    int f = first_difference(first, again, n_filters(net));
    if (f >= 0)
      return rp_check_found(
          finding, RP_CHECK_VIOLATED,
          "filter %d of the net scored %.9g, then %.9g, with nothing changed: is memory read that was not set, or something kept "
          "from event to event?",
          f, (double)first[f], (double)again[f]);
  }
  return rp_check_found(finding, RP_CHECK_OK, "three times the same bits");
}

static rp_status try_seed(rp_check_subject *subject, rp_check_finding *finding, rp_error *err) {
  float first[RP_CHECK_MOST_FILTERS], other[RP_CHECK_MOST_FILTERS];
  const rp_check_net *net;
  RP_CLEANUP(rp_state_free) rp_state *state = NULL;
  RP_TRY(rp_check_subject_net(subject, &net, err));
  RP_TRY(rp_state_copy(net->state, &state, err));
  state->seed++;
  RP_TRY(rp_check_score(subject, net, net->state, first, err));
  RP_TRY(rp_check_score(subject, net, state, other, err));
  int differs = first_difference(first, other, n_filters(net)) >= 0, is_stochastic = subject->guarded.outer.flags & RP_STOCHASTIC;
  if (differs && !is_stochastic)
    return rp_check_found(finding, RP_CHECK_VIOLATED, "scores depend on the trial's seed, but the flag RP_STOCHASTIC is not set");
  if (!differs && is_stochastic)
    return rp_check_found(finding, RP_CHECK_NOTE, "RP_STOCHASTIC is set, but another seed gave the same scores");
  return rp_check_found(finding, RP_CHECK_OK, is_stochastic ? "scores depend on it, as RP_STOCHASTIC says" : "scores do not depend on it");
}

/* ---- Order ----------------------------------------------------------------------------------- */

/* The largest difference of scores between a net and the same one in another order, in parts of the layer's largest score; *at is where. */
static double worst_difference(const rp_layout *layout, const uint32_t *order, const float *before, const float *after, int *at) {
  double worst = 0;
  for (int c = 0; c < layout->n_convs; c++) {
    int first = layout->convs[c].first_filter, K = layout->convs[c].K;
    double largest = 0;
    for (int k = 0; k < K; k++) largest = fmax(largest, fabs((double)before[first + k]));
    for (int k = 0; k < K; k++) {
      double difference = fabs((double)after[first + k] - before[first + (int)order[first + k]]);
      if (isnan(difference) || difference <= worst * largest || difference == 0) continue;
      worst = largest > 0 ? difference / largest : INFINITY;
      *at = first + k;
    }
  }
  return worst;
}

static void reverse(const rp_layout *layout, uint32_t *order) {
  for (int c = 0; c < layout->n_convs; c++)
    for (int k = 0; k < layout->convs[c].K; k++) order[layout->convs[c].first_filter + k] = (uint32_t)(layout->convs[c].K - 1 - k);
}

static void shuffle(const rp_layout *layout, uint32_t *order) {
  for (int c = 0; c < layout->n_convs; c++) {
    rp_stream stream = rp_stream_of(1, RP_DRAW_SHAPES, (uint32_t)c, 0, 0, 0);
    rp_draw_permutation(&stream, (uint32_t)layout->convs[c].K, order + layout->convs[c].first_filter);
  }
}

void rp_check_close_filter(rp_state *state, int filter) {
  state->filters[filter].dropped = state->filters[filter].closed = 1;
}

static rp_status try_order_once(rp_check_subject *subject, const rp_check_net *net, void (*reorder)(const rp_layout *, uint32_t *),
                                double *worst, int *at, rp_error *err) {
  uint32_t order[RP_CHECK_MOST_FILTERS];
  float before[RP_CHECK_MOST_FILTERS], after[RP_CHECK_MOST_FILTERS];
  RP_CLEANUP(rp_state_free) rp_state *state = NULL;
  reorder(net->state->layout, order);
  RP_TRY(rp_check_permute(net, order, &state, err));
  RP_TRY(rp_check_score(subject, net, net->state, before, err));
  RP_TRY(rp_check_score(subject, net, state, after, err));
  *worst = worst_difference(net->state->layout, order, before, after, at);
  return RP_OK;
}

static rp_status try_order(rp_check_subject *subject, rp_check_finding *finding, rp_error *err) {
  if (subject->guarded.outer.flags & RP_STOCHASTIC) return rp_check_found(finding, RP_CHECK_SKIPPED, "RP_STOCHASTIC");
  const rp_check_net *whole;
  RP_CLEANUP(rp_state_free) rp_state *state = NULL;
  RP_TRY(rp_check_subject_net(subject, &whole, err));
  RP_TRY(rp_state_copy(whole->state, &state, err));
  rp_check_close_filter(state, 1);
  rp_check_close_filter(state, n_filters(whole) - 2);
  rp_check_net thinned = *whole;
  thinned.state = state;
  double worst = 0;
  for (int i = 0; i < 4; i++) {
    double difference;
    int at = 0;
    RP_TRY(try_order_once(subject, i % 2 ? &thinned : whole, i < 2 ? reverse : shuffle, &difference, &at, err));
    if (!(difference <= TOLERANCE)) {
      const rp_layout *layout = whole->state->layout;
      const rp_conv *conv = &layout->convs[rp_conv_of_filter(layout, at)];
      return rp_check_found(
          finding, RP_CHECK_VIOLATED,
          "with each layer's filters in another order (and readers, biases, batch norm and marks with them), the score of one in "
          "%s changed by %.2g of the layer's largest",
          conv->name, difference);
    }
    worst = fmax(worst, difference);
  }
  return rp_check_found(finding, RP_CHECK_OK, "reordered filters keep their scores (largest difference %.1g)", worst);
}

/* ---- Odd layers and filters ------------------------------------------------------------------ */

static rp_status try_lone(rp_check_subject *subject, rp_check_finding *finding, rp_error *err) {
  RP_CLEANUP(rp_check_net_free) rp_check_net net = {0};
  float scores[RP_CHECK_MOST_FILTERS];
  rp_check_size size = LONE;
  size.with_bn = subject->need == RP_CHECK_BN_ONLY;
  RP_TRY(rp_check_net_create(&size, &net, err));
  RP_TRY(rp_check_score(subject, &net, net.state, scores, err));
  return rp_check_found(finding, RP_CHECK_OK, "layers of one filter are scored");
}

/* 1 = the layer's most important, among active ones. */
static int rank_in_layer(const rp_state *state, const float *scores, int conv, int k) {
  int first = state->layout->convs[conv].first_filter, rank = 1;
  for (int j = 0; j < state->layout->convs[conv].K; j++) rank += scores[first + j] > scores[first + k];
  return rank;
}

/* A score, its rank: of filter k in the layer where filters are changed. */
static rp_status score_changed(rp_check_subject *subject, const rp_check_net *net, const rp_state *state, int k, float *score, int *rank,
                               rp_error *err) {
  float scores[RP_CHECK_MOST_FILTERS];
  RP_TRY(rp_check_score(subject, net, state, scores, err));
  *score = scores[state->layout->convs[CONV].first_filter + k];
  *rank = rank_in_layer(state, scores, CONV, k);
  return RP_OK;
}

static rp_status try_changed(rp_check_subject *subject, void (*change)(rp_state *, int, int), rp_check_finding *finding, rp_error *err) {
  enum { FILTER = 2 };
  const rp_check_net *net;
  RP_CLEANUP(rp_state_free) rp_state *state = NULL;
  float score, ignored[RP_CHECK_MOST_FILTERS];
  int rank;
  RP_TRY(rp_check_subject_net(subject, &net, err));
  RP_TRY(rp_state_copy(net->state, &state, err));
  change(state, CONV, FILTER);
  RP_TRY(score_changed(subject, net, state, FILTER, &score, &rank, err));
  for (int k = 0; k < state->layout->convs[CONV].K; k++) change(state, CONV, k);
  RP_TRY_IN(rp_check_score(subject, net, state, ignored, err), err, "a whole layer of such filters");
  return rp_check_found(finding, RP_CHECK_NOTE, "scores %.3g and ranks %d of %d in its layer (1: most important)", (double)score, rank,
                        state->layout->convs[CONV].K);
}

static rp_status try_zero(rp_check_subject *subject, rp_check_finding *finding, rp_error *err) {
  return try_changed(subject, rp_check_zero_filter, finding, err);
}

static rp_status try_dead(rp_check_subject *subject, rp_check_finding *finding, rp_error *err) {
  return try_changed(subject, rp_check_kill_filter, finding, err);
}

static rp_status try_duplicate(rp_check_subject *subject, rp_check_finding *finding, rp_error *err) {
  enum { ORIGINAL = 1, COPY = 4 };
  const rp_check_net *net;
  RP_CLEANUP(rp_state_free) rp_state *state = NULL;
  float scores[2];
  int ranks[2];
  RP_TRY(rp_check_subject_net(subject, &net, err));
  RP_TRY(rp_state_copy(net->state, &state, err));
  rp_check_duplicate_filter(state, CONV, ORIGINAL, COPY);
  RP_TRY(score_changed(subject, net, state, ORIGINAL, &scores[0], &ranks[0], err));
  RP_TRY(score_changed(subject, net, state, COPY, &scores[1], &ranks[1], err));
  return rp_check_found(finding, RP_CHECK_NOTE, "a filter and its exact copy score %.3g and %.3g, ranks %d and %d of %d in their layer",
                        (double)scores[0], (double)scores[1], ranks[0], ranks[1], state->layout->convs[CONV].K);
}

/* Rule 13: formulas know active filters only. The maps of inactive ones are 0 whatever their weights are. */
static rp_status try_dropped(rp_check_subject *subject, rp_check_finding *finding, rp_error *err) {
  const rp_check_net *net;
  RP_CLEANUP(rp_state_free) rp_state *state = NULL;
  float before[RP_CHECK_MOST_FILTERS], after[RP_CHECK_MOST_FILTERS];
  RP_TRY(rp_check_subject_net(subject, &net, err));
  RP_TRY(rp_state_copy(net->state, &state, err));
  const rp_conv *conv = &state->layout->convs[CONV];
  rp_check_close_filter(state, 0);
  for (int k = 1; k < conv->K; k++) rp_check_close_filter(state, conv->first_filter + k);
  RP_TRY(rp_check_score(subject, net, state, before, err));
  rp_check_scale_filter(state, 0, 0, 3);
  for (int k = 1; k < conv->K; k++) rp_check_scale_filter(state, CONV, k, (float)(k + 2));
  RP_TRY(rp_check_score(subject, net, state, after, err));
  for (int f = 0; f < n_filters(net); f++)
    if (!state->filters[f].closed && !(fabs((double)after[f] - before[f]) <= 1e-6 * fabs((double)before[f])))
      return rp_check_found(
          finding, RP_CHECK_VIOLATED,
          "filter %d of the net scored %.9g, and %.9g after the weights of inactive filters had changed: only filters with a nonzero "
          "`active` count",
          f, (double)before[f], (double)after[f]);
  return rp_check_found(finding, RP_CHECK_OK, "scores do not depend on the weights of inactive filters; a layer may have one active one");
}

/* ---- Scale ----------------------------------------------------------------------------------- */

/* "× 2" where all of the filters' scores changed by one factor; else what the factors lie between. From 0 there is no factor. */
static void describe_factors(const float *before, const float *after, const uint8_t *counts, int n, char text[64]) {
  double low = INFINITY, high = -INFINITY;
  for (int f = 0; f < n; f++) {
    if (!counts[f] || before[f] == 0) continue;
    double factor = before[f] == after[f] ? 1 : (double)after[f] / before[f];
    low = fmin(low, factor), high = fmax(high, factor);
  }
  if (low > high)
    snprintf(text, 64, "was 0");
  else if (high - low <= 0.005 * fabs(high))
    snprintf(text, 64, "× %.3g", high);
  else
    snprintf(text, 64, "× %.3g to × %.3g", low, high);
}

/* Doubles filters 0 … n − 1 of a layer. */
static rp_status try_scale(rp_check_subject *subject, int n, rp_check_finding *finding, rp_error *err) {
  const rp_check_net *net;
  RP_CLEANUP(rp_state_free) rp_state *state = NULL;
  float before[RP_CHECK_MOST_FILTERS], after[RP_CHECK_MOST_FILTERS];
  uint8_t scaled[RP_CHECK_MOST_FILTERS] = {0}, others[RP_CHECK_MOST_FILTERS];
  char of_scaled[64], of_others[64];
  RP_TRY(rp_check_subject_net(subject, &net, err));
  RP_TRY(rp_state_copy(net->state, &state, err));
  memset(others, 1, sizeof others);
  for (int k = 0; k < n; k++) {
    int filter = state->layout->convs[CONV].first_filter + k;
    rp_check_scale_filter(state, CONV, k, 2);
    scaled[filter] = 1, others[filter] = 0;
  }
  RP_TRY(rp_check_score(subject, net, net->state, before, err));
  RP_TRY(rp_check_score(subject, net, state, after, err));
  describe_factors(before, after, scaled, n_filters(net), of_scaled);
  describe_factors(before, after, others, n_filters(net), of_others);
  return rp_check_found(finding, RP_CHECK_NOTE, "times 2: its score %s; of the others: %s", of_scaled, of_others);
}

static rp_status try_scale_filter(rp_check_subject *subject, rp_check_finding *finding, rp_error *err) {
  return try_scale(subject, 1, finding, err);
}

static rp_status try_scale_layer(rp_check_subject *subject, rp_check_finding *finding, rp_error *err) {
  return try_scale(subject, SMALL.K[CONV], finding, err);
}

/* ---- Modes and time -------------------------------------------------------------------------- */

static rp_status try_modes(rp_check_subject *subject, rp_check_finding *finding, rp_error *err) {
  const rp_check_net *net;
  float scores[RP_CHECK_MOST_FILTERS];
  RP_TRY(rp_check_subject_net(subject, &net, err));
  RP_TRY(rp_check_score(subject, net, net->state, scores, err));
  if (!subject->guarded.changed_modes) return rp_check_found(finding, RP_CHECK_OK, "rounding and denormals are left as they were");
  return rp_check_found(
      finding, RP_CHECK_VIOLATED,
      "%s came back with other floating-point modes than it was called with (rounding, denormals); the host restores them, but "
      "what the plugin computes then depends on what it called before",
      subject->guarded.changed_modes);
}

static const uint32_t USES_SERVICES = RP_USES_ABLATION | RP_USES_HESSIAN_PRODUCT;

static rp_status try_time(rp_check_subject *subject, rp_check_finding *finding, rp_error *err) {
  if (!subject->is_default) return rp_check_found(finding, RP_CHECK_SKIPPED, "only with the defaults");
  RP_CLEANUP(rp_check_net_free) rp_check_net net = {0};
  float scores[RP_CHECK_MOST_FILTERS];
  int uses_services = (subject->guarded.outer.flags & USES_SERVICES) != 0;
  rp_check_size size = uses_services ? SMALL : LARGE;
  size.with_bn = subject->need == RP_CHECK_BN_ONLY;
  RP_TRY(rp_check_net_create(&size, &net, err));
  rp_guarded_ranker_reset(&subject->guarded);
  RP_TRY(rp_check_score(subject, &net, net.state, scores, err));
  char times[160] = "";
  for (int call = 0; call < RP_N_GUARDED; call++) {
    if (subject->guarded.calls[call] == 0) continue;
    size_t length = strlen(times);
    double ms = 1e3 * subject->guarded.seconds[call] / subject->guarded.calls[call];
    snprintf(times + length, sizeof times - length, "%s%s %.3g %s", *times ? ", " : "", rp_guarded_call_name(call),
             ms < 0.1 ? 1e3 * ms : ms, ms < 0.1 ? "µs" : "ms");
  }
  return rp_check_found(finding, RP_CHECK_NOTE, "%s a call, for %d filters and batches of %d images of %d×%d%s", times, n_filters(&net),
                        size.n_training < 250 ? size.n_training : 250, size.side, size.side, uses_services ? ", services included" : "");
}

/* ---- The table ------------------------------------------------------------------------------- */

static const rp_check_case CASES[] = {
    {"finite scores", 1, try_finite},
    {"same seed, same scores", 0, try_repeat},
    {"another seed", 0, try_seed},
    {"order of filters", 0, try_order},
    {"K = 1", 0, try_lone},
    {"a filter of zeros", 0, try_zero},
    {"a dead filter", 0, try_dead},
    {"dropped filters", 0, try_dropped},
    {"a duplicate", 0, try_duplicate},
    {"scale of a filter", 0, try_scale_filter},
    {"scale of a layer", 0, try_scale_layer},
    {"ties", 0, rp_check_try_ties},
    {"choose", 0, rp_check_try_choose},
    {"floating-point modes", 0, try_modes},
    {"time", 0, try_time},
};

const rp_check_case *rp_check_cases(int *n) {
  *n = (int)(sizeof CASES / sizeof CASES[0]);
  return CASES;
}
