/* score_job.h: a state to be scored by criteria that do not act, and the answer; how both cross the wire. */
#ifndef RP_WORK_SCORE_JOB_H
#define RP_WORK_SCORE_JOB_H

#include "core/ranking/score.h"
#include "experiments/work/job.h"

typedef struct {
  rp_job route; /* the state that is scored is the one before the route's last step */
  rp_score_data score;
  rp_selection how; /* what each criterion would drop */
  int n_convs;      /* how.skip: [n_convs] */
  int n_criteria;
  const char **criteria; /* [n_criteria], JSON that rp_criterion_plan_build takes */
} rp_score_job;

/* What one criterion said. Arrays are NULL where it failed. All owned by the answer. */
typedef struct {
  rp_status status; /* RP_OK, or why there are no scores */
  char *message;
  int does_not_apply; /* it failed because it cannot score such a net */
  rp_id file_hash;    /* of the plugin that was asked */
  float *scores;      /* [n_filters], as compared: normalised; NaN = inactive */
  uint8_t *set;       /* [n_filters] */
  int *ranks;         /* [n_filters] */
  rp_selection_record record;
  double seconds; /* of its own */
} rp_job_scored;

typedef struct {
  rp_id state;
  int64_t checkpoint_bytes; /* of the state's checkpoint, where it was gone and is there again; else 0 */
  double seconds;           /* of everything */
  int n_filters, n;
  rp_job_scored *criteria; /* [n], in the job's order */
} rp_score_answer;

void rp_score_job_put(rp_wire *wire, const rp_score_job *job);
/* Arrays are owned by *job: rp_score_job_free; strings are borrowed from the message. Errors: RP_EWORKER (broken message), RP_EMEMORY. */
rp_status rp_score_job_get(rp_wire *wire, rp_score_job *job, rp_error *err);
void rp_score_job_free(rp_score_job *job);

void rp_score_answer_put(rp_wire *wire, const rp_score_answer *answer);
rp_status rp_score_answer_get(rp_wire *wire, rp_score_answer *answer, rp_error *err);
void rp_score_answer_free(rp_score_answer *answer);

#endif
