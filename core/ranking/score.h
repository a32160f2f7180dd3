/* score.h: scores a state by one or many criteria in one pass over the scoring images (rules 6, 11, 12), and lets criteria choose.
 *
 * Scored are the filters whose gate is open; candidates for a drop are those of them that are not marked as dropped (with `gate: off` the
 * two differ). */
#ifndef RP_RANKING_SCORE_H
#define RP_RANKING_SCORE_H

#include "core/data/dataset.h"
#include "core/ranking/plugin.h"
#include "core/ranking/select.h"
#include "core/ranking/watch.h"
#include "core/state/state.h"

/* Which images criteria look at (rule 6). */
typedef struct {
  enum { RP_SCORE_AUTO, RP_SCORE_TRAIN, RP_SCORE_VALIDATION } data; /* auto: ablation on validation, the rest on training images */
  uint32_t images;                                                  /* 0 = auto: 5,000 of training, all of validation */
} rp_score_data;

/* One criterion to score with. Its scores do not depend on which others are in the pass. */
typedef struct {
  const rp_plugin *plugin;
  const rp_value *options; /* one per option of the plugin, in its order; NULL: their defaults */
  rp_normalise normalise;  /* already resolved: the plugin's default or what the file says */
  float *scores;           /* [n_filters], written: normalised; NaN for inactive filters */
  float *raw;              /* [n_filters] or NULL: before normalisation */
  double seconds; /* written: time spent in the plugin itself, services included; what was measured for an earlier criterion is free */
  double processor_seconds; /* written: the same, as this thread's time on the processor: what other programs do does not count */

  /* What it would drop. A plugin that has `choose` decides the set itself (checked: exact count, only candidates, limits kept: else
   * RP_EPLUGIN); else rp_select does. */
  const rp_selection *how;    /* NULL = it is only scored */
  uint8_t *set;               /* [n_filters], written; with `ranks` and `record` as in rp_select */
  int *ranks;                 /* [n_filters] or NULL */
  rp_selection_record record; /* written */

  /* What becomes of a failure that is its own (RP_EPLUGIN; RP_EINPUT, no images for it; RP_ENUMERIC, in a service that it called). */
  rp_error *failure;  /* written, RP_OK = none: the others go on without it; NULL: its failure ends the pass */
  int does_not_apply; /* written: 1 = it failed because, as it says (RP_RANKER_NOT_OFFERED), it cannot score such a net */
} rp_scoring;

typedef struct {
  rp_net *net;
  const rp_state *state;     /* before the drop */
  const rp_dataset *dataset; /* NULL will do for criteria that look at weights only */
  rp_score_data data;
  void (*log)(void *user, const char *ranker, const char *line); /* what plugins say; may be NULL, may be called from any thread */
  void *user;
  const rp_watch_options *watch; /* who wants to know of calls that do not come back; NULL = nobody */
} rp_scoring_pass;

/* Scores with all `n` criteria in one pass (batches of 250, evaluation mode), and selects for those that ask for it. Errors: RP_EPLUGIN
 * with plugin, layer and reason (its own message, NaN left or returned, Inf); RP_EINPUT where an oracle has no validation split; those of
 * net.h. */
rp_status rp_score(const rp_scoring_pass *pass, rp_scoring *scorings, int n, rp_error *err);

/* The same, where only the first of `scorings` selects: by `how` into `set`, `ranks` and `record`. */
rp_status rp_score_and_choose(const rp_scoring_pass *pass, const rp_selection *how, rp_scoring *scorings, int n, uint8_t *set, int *ranks,
                              rp_selection_record *record, rp_error *err);

#endif
