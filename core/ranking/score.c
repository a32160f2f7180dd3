/* score.c: opens all criteria, shows them the images, asks each for its scores, and for its choice where that is wanted. */
#include "core/ranking/score.h"

#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/ranking/host.h"
#include "core/ranking/observe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* All criteria of a pass, at work. */
typedef struct {
  rp_host_shared shared;
  rp_host *hosts;
  int n_open;
  rp_filter_counts counts;
  int *K;             /* counts.K */
  const char **names; /* counts.names */
} scoring_session;

static void close_session(scoring_session *session) {
  for (int i = 0; i < session->n_open; i++) rp_host_close(&session->hosts[i]);
  rp_host_shared_free(&session->shared);
  free(session->hosts);
  free(session->K);
  free(session->names);
}

static rp_status fill_counts(scoring_session *session, const rp_layout *layout, rp_error *err) {
  RP_TRY(rp_allocate((size_t)layout->n_convs, sizeof *session->K, &session->K, err));
  RP_TRY(rp_allocate((size_t)layout->n_convs, sizeof *session->names, &session->names, err));
  for (int l = 0; l < layout->n_convs; l++) {
    session->K[l] = layout->convs[l].K;
    session->names[l] = layout->convs[l].name;
  }
  session->counts = (rp_filter_counts){layout->n_convs, session->K, session->names};
  return RP_OK;
}

static rp_status open_session(const rp_scoring_pass *pass, const rp_scoring *scorings, int n, scoring_session *session, rp_error *err) {
  RP_TRY(fill_counts(session, rp_net_layout(pass->net), err));
  RP_TRY(rp_host_shared_create(pass, &session->shared, err));
  RP_TRY(rp_allocate((size_t)n, sizeof *session->hosts, &session->hosts, err));
  for (int i = 0; i < n; i++) {
    rp_host *host = &session->hosts[i];
    session->n_open++;
    host->apart = scorings[i].failure;
    if (host->apart) *host->apart = (rp_error){0};
    rp_error *own = rp_host_error(host, err);
    RP_TRY(rp_host_settle(host, rp_host_open(&session->shared, scorings[i].plugin->ranker, scorings[i].options, host, own), err));
  }
  return RP_OK;
}

/* What a criterion left for active filters must be numbers; what it wrote for others does not count. */
static rp_status check_scores(const scoring_session *session, const rp_ranker *ranker, float *scores, rp_error *err) {
  const rp_net_view *view = &session->shared.view;
  for (uint32_t l = 0; l < view->n_layers; l++)
    for (uint32_t k = 0; k < view->layers[l]->K; k++) {
      float *score = &scores[view->layers[l]->first_filter + k];
      if (!view->layers[l]->active[k])
        *score = NAN;
      else if (!isfinite(*score))
        return rp_fail(err, RP_EPLUGIN, "ranker %s: layer %s, filter %u: its importance is %s, not a finite number", ranker->name,
                       view->layers[l]->name, (unsigned)k,
                       isnan(*score) ? "NaN (or was never set)"
                       : *score > 0  ? "infinite"
                                     : "minus infinite");
    }
  return RP_OK;
}

static rp_status score_one(scoring_session *session, rp_host *host, rp_scoring *scoring, rp_error *err) {
  uint32_t n_filters = session->shared.view.n_filters;
  for (uint32_t f = 0; f < n_filters; f++) scoring->scores[f] = NAN;
  RP_TRY(rp_host_score(host, scoring->scores, err));
  RP_TRY(check_scores(session, host->ranker, scoring->scores, err));
  if (scoring->raw) memcpy(scoring->raw, scoring->scores, n_filters * sizeof *scoring->raw);
  RP_TRY(rp_normalise_scores(&session->counts, scoring->normalise, session->shared.view.active, scoring->scores, err));
  scoring->seconds = host->seconds;
  scoring->processor_seconds = host->processor_seconds;
  return RP_OK;
}

/* ---- Choosing -------------------------------------------------------------------------------- */

/* Filters that may be dropped: open and not marked already. The caller frees. */
static rp_status find_candidates(const scoring_session *session, uint8_t **candidates, uint8_t **dropped, rp_error *err) {
  const rp_net_view *view = &session->shared.view;
  RP_TRY(rp_allocate(view->n_filters, 1, candidates, err));
  RP_TRY(rp_allocate(view->n_filters, 1, dropped, err));
  for (uint32_t f = 0; f < view->n_filters; f++) {
    (*candidates)[f] = view->active[f] && !session->shared.pass->state->filters[f].dropped;
    (*dropped)[f] = !(*candidates)[f];
  }
  return RP_OK;
}

static uint32_t chosen_of_layer(const rp_conv_layer *layer, const uint8_t *set) {
  uint32_t n = 0;
  for (uint32_t k = 0; k < layer->K; k++) n += set[layer->first_filter + k] != 0;
  return n;
}

static rp_status fail_count(const scoring_session *session, const rp_ranker *ranker, uint32_t total, uint32_t wanted, const uint8_t *set,
                            rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text layers = {0};
  for (uint32_t l = 0; l < session->shared.view.n_layers; l++) {
    const rp_conv_layer *layer = session->shared.view.layers[l];
    uint32_t n = chosen_of_layer(layer, set);
    if (n) rp_text_format(&layers, "%s%u of %s", layers.length ? ", " : ": ", (unsigned)n, layer->name);
  }
  return rp_fail(err, RP_EPLUGIN, "ranker %s chose %u filters, but exactly %u are to be dropped%s", ranker->name, (unsigned)total,
                 (unsigned)wanted, rp_text_string(&layers));
}

static rp_status check_choice(const scoring_session *session, const rp_ranker *ranker, const rp_limits *limits, uint8_t *set,
                              rp_error *err) {
  const rp_net_view *view = &session->shared.view;
  uint32_t total = 0;
  for (uint32_t l = 0; l < view->n_layers; l++) {
    const rp_conv_layer *layer = view->layers[l];
    uint32_t of_layer = 0;
    for (uint32_t k = 0; k < layer->K; k++) {
      uint8_t *chosen = &set[layer->first_filter + k];
      *chosen = *chosen != 0;
      of_layer += *chosen;
      if (*chosen && !limits->candidates[layer->first_filter + k])
        return rp_fail(err, RP_EPLUGIN, "ranker %s chose filter %u of layer %s, which is no candidate", ranker->name, (unsigned)k,
                       layer->name);
    }
    if (of_layer < limits->lowest[l] || of_layer > limits->highest[l])
      return rp_fail(err, RP_EPLUGIN, "ranker %s chose %u filters of layer %s, where the limits allow %u to %u", ranker->name,
                     (unsigned)of_layer, layer->name, (unsigned)limits->lowest[l], (unsigned)limits->highest[l]);
    total += of_layer;
  }
  return total == limits->count ? RP_OK : fail_count(session, ranker, total, limits->count, set, err);
}

static rp_status let_plugin_choose(scoring_session *session, rp_host *host, const rp_scoring *scoring, const uint8_t *candidates,
                                   const uint8_t *dropped, rp_error *err) {
  const rp_net_view *view = &session->shared.view;
  RP_CLEANUP(rp_free_pointer) uint32_t *lowest = NULL;
  RP_CLEANUP(rp_free_pointer) uint32_t *highest = NULL;
  int count;
  RP_TRY(rp_allocate(view->n_layers, sizeof *lowest, &lowest, err));
  RP_TRY(rp_allocate(view->n_layers, sizeof *highest, &highest, err));
  RP_TRY(rp_selection_count(&session->counts, scoring->how, dropped, &count, lowest, highest, err));
  rp_limits limits = {sizeof limits, (uint32_t)count, candidates, lowest, highest};
  memset(scoring->set, 0, view->n_filters);
  RP_TRY(rp_host_choose(host, scoring->scores, &limits, scoring->set, err));
  return check_choice(session, host->ranker, &limits, scoring->set, err);
}

static rp_status choose_one(scoring_session *session, rp_host *host, rp_scoring *scoring, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) uint8_t *candidates = NULL;
  RP_CLEANUP(rp_free_pointer) uint8_t *dropped = NULL;
  const rp_state *state = session->shared.pass->state;
  const uint32_t cycle = state->cycle + 1;
  RP_TRY(find_candidates(session, &candidates, &dropped, err));
  if (!host->ranker->choose)
    return rp_select(&session->counts, scoring->how, scoring->scores, candidates, state->seed, cycle, scoring->set, scoring->ranks,
                     &scoring->record, err);
  RP_TRY(let_plugin_choose(session, host, scoring, candidates, dropped, err));
  scoring->seconds = host->seconds;
  return rp_selection_describe(&session->counts, scoring->how, scoring->scores, candidates, state->seed, cycle, scoring->set,
                               scoring->ranks, &scoring->record, err);
}

/* ---- The pass -------------------------------------------------------------------------------- */

static rp_status score_and_choose_one(scoring_session *session, rp_host *host, rp_scoring *scoring, rp_error *err) {
  RP_TRY(score_one(session, host, scoring, err));
  return scoring->how ? choose_one(session, host, scoring, err) : RP_OK;
}

rp_status rp_score(const rp_scoring_pass *pass, rp_scoring *scorings, int n, rp_error *err) {
  RP_CLEANUP(close_session) scoring_session session = {0};
  RP_TRY(open_session(pass, scorings, n, &session, err));
  RP_TRY(rp_observe(&session.shared, session.hosts, n, err));
  for (int i = 0; i < n; i++) {
    rp_host *host = &session.hosts[i];
    if (!host->has_failed) RP_TRY(rp_host_settle(host, score_and_choose_one(&session, host, &scorings[i], rp_host_error(host, err)), err));
    scorings[i].does_not_apply = host->has_failed && host->result == RP_RANKER_NOT_OFFERED;
  }
  return RP_OK;
}

rp_status rp_score_and_choose(const rp_scoring_pass *pass, const rp_selection *how, rp_scoring *scorings, int n, uint8_t *set, int *ranks,
                              rp_selection_record *record, rp_error *err) {
  scorings[0].how = how;
  scorings[0].set = set;
  scorings[0].ranks = ranks;
  RP_TRY(rp_score(pass, scorings, n, err));
  *record = scorings[0].record;
  return RP_OK;
}
