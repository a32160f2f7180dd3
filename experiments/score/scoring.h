/* scoring.h: a state of a trial, scored by criteria that were asked for: from words to a comparison. */
#ifndef RP_SCORE_SCORING_H
#define RP_SCORE_SCORING_H

#include "experiments/score/comparison.h"
#include "experiments/score/scored_criteria.h"
#include "experiments/score/stored_state.h"
#include "experiments/score/would_be_drop.h"
#include "experiments/work/session.h"

typedef struct {
  const char *state;  /* TRIAL@EPOCH, TRIAL@EPOCH+ */
  const char *states; /* folder of checkpoints */
  const char *data;   /* folder of data sets */
  rp_criteria_wish criteria;
  const char *p; /* or NULL */
} rp_score_wish;

/* All that the comparison borrows from. */
typedef struct {
  rp_stored_state state;
  char *name, trial[RP_ID_HEX + 1]; /* "ranker=ortho/1@20"; the trial's id */
  char *rankers;                    /* folder of the built-in criteria */
  rp_session *session;
  rp_session_view view;
  rp_would_be_drop drop;
  rp_scored_criteria list;
  rp_score_answer answer;
  char **names; /* [list.n], of the criteria as shown */
  rp_opinion *opinions;
  rp_comparison comparison;
} rp_scoring_result;

/* Scores and compares. `notes`: lines for the user. Errors: those of the parts: RP_EUSAGE, RP_EINPUT, RP_EDATA, RP_EDAMAGED, RP_EWORKER …;
 * what is wrong with single criteria stands in the comparison. The caller frees, also after an error. */
rp_status rp_score_state(rp_store *store, const rp_score_wish *wish, rp_scoring_result *out, rp_text *notes, rp_error *err);
void rp_scoring_result_free(rp_scoring_result *result);

#endif
