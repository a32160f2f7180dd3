/* check_selection.c: the cases of the conformance test about what is dropped: a plugin's own choice, and ties at the cut. */
#include "core/ranking/check_cases.h"

#include <math.h>

/* ---- Choosing -------------------------------------------------------------------------------- */

static rp_status choose_once(rp_check_subject *subject, const rp_check_net *net, const rp_state *state, const rp_selection *how, int *count,
                             rp_error *err) {
  float scores[RP_CHECK_MOST_FILTERS];
  uint8_t set[RP_CHECK_MOST_FILTERS];
  rp_selection_record record = {0};
  rp_plugin guarded = {.ranker = &subject->guarded.outer};
  rp_scoring scoring = {.plugin = &guarded, .options = subject->options, .normalise = RP_NORMALISE_NONE, .scores = scores};
  rp_scoring_pass pass = rp_check_pass(subject, net, state);
  uint64_t modes = rp_floating_point_modes();
  RP_TRY(rp_score_and_choose(&pass, how, &scoring, 1, set, NULL, &record, err));
  *count = record.count;
  return rp_check_modes(modes, err);
}

rp_status rp_check_try_choose(rp_check_subject *subject, rp_check_finding *finding, rp_error *err) {
  static const uint8_t SKIP_FIRST[RP_CHECK_CONVS] = {1};
  static const struct {
    const char *name;
    rp_selection how;
  } SELECTIONS[] = {
      {"30 % of the net", {.p = {30, 0}, .keep_at_least = 1, .drop_at_most = {100, 0}}},
      {"0 %", {.p = {0, 0}, .keep_at_least = 1, .drop_at_most = {100, 0}}},
      {"50 % of the net, conv1 skipped", {.p = {50, 0}, .skip = SKIP_FIRST, .keep_at_least = 1, .drop_at_most = {100, 0}}},
      {"30 % of the net, 2 kept in each layer, 40 % dropped at most", {.p = {30, 0}, .keep_at_least = 2, .drop_at_most = {40, 0}}},
      {"40 % of each layer", {.p = {40, 0}, .scope = RP_SCOPE_LAYER, .keep_at_least = 1, .drop_at_most = {100, 0}}}};
  if (!subject->guarded.outer.choose) return rp_check_found(finding, RP_CHECK_SKIPPED, "the host drops what scores lowest");
  const rp_check_net *net;
  RP_CLEANUP(rp_state_free) rp_state *thinned = NULL;
  RP_TRY(rp_check_subject_net(subject, &net, err));
  RP_TRY(rp_state_copy(net->state, &thinned, err));
  rp_check_close_filter(thinned, 2);
  rp_check_close_filter(thinned, 9);
  int n = (int)(sizeof SELECTIONS / sizeof SELECTIONS[0]), count;
  for (int i = 0; i < n; i++) {
    RP_TRY_IN(choose_once(subject, net, net->state, &SELECTIONS[i].how, &count, err), err, "%s", SELECTIONS[i].name);
    RP_TRY_IN(choose_once(subject, net, thinned, &SELECTIONS[i].how, &count, err), err, "%s, with filters dropped before",
              SELECTIONS[i].name);
  }
  return rp_check_found(finding, RP_CHECK_OK, "exact counts within all limits, in %d ways", 2 * n);
}

/* ---- Ties ------------------------------------------------------------------------------------ */

static int count_distinct(const float *scores, int n) {
  int n_distinct = 0;
  for (int f = 0; f < n; f++) {
    int is_new = !isnan(scores[f]);
    for (int g = 0; g < f && is_new; g++) is_new = scores[g] != scores[f];
    n_distinct += is_new;
  }
  return n_distinct;
}

/* What a drop of 30 % would leave to the draw. */
static rp_status select_once(rp_check_subject *subject, const rp_check_net *net, const rp_state *state, int *n_distinct,
                             rp_selection_record *record, rp_error *err) {
  static const rp_selection HOW = {.p = {30, 0}, .keep_at_least = 1, .drop_at_most = {100, 0}};
  const rp_layout *layout = state->layout;
  int K[RP_CHECK_CONVS];
  const char *names[RP_CHECK_CONVS];
  float scores[RP_CHECK_MOST_FILTERS];
  uint8_t active[RP_CHECK_MOST_FILTERS], set[RP_CHECK_MOST_FILTERS];
  for (int l = 0; l < layout->n_convs; l++) K[l] = layout->convs[l].K, names[l] = layout->convs[l].name;
  const rp_filter_counts counts = {layout->n_convs, K, names};
  RP_TRY(rp_check_score(subject, net, state, scores, err));
  for (int f = 0; f < layout->n_filters; f++) active[f] = !isnan(scores[f]);
  *n_distinct = count_distinct(scores, layout->n_filters);
  return rp_select(&counts, &HOW, scores, active, state->seed, state->cycle + 1, set, NULL, record, err);
}

/* A criterion may tie, but who uses it should know. A net as it is initialised is where most do: there γ is 1. */
rp_status rp_check_try_ties(rp_check_subject *subject, rp_check_finding *finding, rp_error *err) {
  static const char *const NETS[] = {"", " on a net as it is initialised"};
  if (subject->guarded.outer.choose) return rp_check_found(finding, RP_CHECK_SKIPPED, "it chooses its sets itself");
  const rp_check_net *net;
  RP_CLEANUP(rp_state_free) rp_state *initial = NULL;
  RP_TRY(rp_check_subject_net(subject, &net, err));
  RP_TRY(rp_state_initial(net->net, 0, net->state->seed, &initial, err));
  const rp_state *const states[] = {net->state, initial};
  for (int i = 0; i < 2; i++) {
    rp_selection_record record;
    int n_distinct;
    rp_status status = select_once(subject, net, states[i], &n_distinct, &record, err);
    if (status != RP_OK) return i ? rp_add_context(err, "a net as it is initialised") : status;
    if (n_distinct == 1)
      return rp_check_found(finding, RP_CHECK_NOTE,
                            "all %d scores are equal%s: the draw that breaks ties (SEMANTICS.md, rule 14) would decide the drop",
                            net->state->layout->n_filters, NETS[i]);
    if (rp_selection_is_by_draw(&record))
      return rp_check_found(
          finding, RP_CHECK_NOTE,
          "%d filters have %d distinct scores%s: at p 30, %d are dropped and %d are tied at the cut, which the draw that breaks "
          "ties (SEMANTICS.md, rule 14) would decide",
          net->state->layout->n_filters, n_distinct, NETS[i], record.count, record.ties_at_cut);
  }
  return rp_check_found(finding, RP_CHECK_OK, "scores differ enough for a drop, also on a net as it is initialised");
}
