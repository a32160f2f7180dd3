/* job.h: what a worker is asked to compute, and what it answers; how both cross the wire. */
#ifndef RP_WORK_JOB_H
#define RP_WORK_JOB_H

#include "core/base/digest.h"
#include "experiments/work/wire.h"

/* Path steps of a trial: 0 is its root (epoch 0), i + 1 the state after its program's step i. A job goes from a stored state to one that is
 * wanted: usually its child; over several steps where the checkpoints between are gone. Only the last step is measured and reported. */
typedef struct {
  const char *config; /* the trial's configuration, canonical JSON */
  uint64_t seed;
  double ranker_timeout;               /* s of its own that one call of a ranker may take; 0 = no limit */
  const char *data, *rankers, *states; /* folders */
  int from;                            /* path step whose checkpoint is there; -1 = none: start from the root's definition */
  rp_id from_id;                       /* its id (from ≥ 0) */
  int to;                              /* path step that is wanted, > from */
  rp_id *digests; /* [to − from]: of the states at path steps from … to − 1 as they were recorded (from −1: its row is zero) */
  int n_filters;
  uint8_t *sets;  /* [to − from][n_filters]: for each drop among the steps whose answer is known */
  uint8_t *known; /* [to − from]: 1 = that row is an answer */
} rp_job;

/* One criterion's scores of the state before a drop. All owned by the result. */
typedef struct {
  char *name, *version, *options_json, *path;
  rp_id file_hash;
  float *scores; /* [n_filters] */
} rp_job_scores;

typedef struct {
  double ortho_mean, opposite_share;
  int active_filters, dead_filters; /* dead −1 = not measured */
} rp_job_layer;

/* The answer. NAN, −1 = not measured. */
typedef struct {
  rp_id id, parent, digest;
  int epoch, cycle;
  int64_t checkpoint_bytes;
  double lr, train_loss, train_acc, images_per_second;
  double val_loss, val_acc, test_loss, test_acc;
  double val_acc_bn, test_acc_bn; /* regrow: with BN statistics re-estimated */
  double ortho_sum, ortho_mean;
  int active_filters;
  int regrown;
  int64_t constraints_asked, constraints_met;
  double max_cos_left;
  double seconds;          /* of the op and its probes */
  double choosing_seconds; /* drop: scoring and selection */
  int n_layers;
  rp_job_layer *layers; /* [n_layers] */
  int n_filters;        /* 0: no drop was asked for */
  uint8_t *set;         /* [n_filters] */
  int *ranks;           /* [n_filters] */
  int was_chosen;       /* the set was worked out here: record and scores are there */
  int count, limits_used, ties_at_cut;
  rp_job_scores scores; /* of the acting criterion */
} rp_job_result;

void rp_job_put(rp_wire *wire, const rp_job *job);
/* Arrays are owned by *job: rp_job_free; strings are borrowed from the message. Errors: RP_EWORKER (broken message), RP_EMEMORY. */
rp_status rp_job_get(rp_wire *wire, rp_job *job, rp_error *err);
void rp_job_free(rp_job *job);

rp_job_result rp_job_result_empty(void);
void rp_job_result_put(rp_wire *wire, const rp_job_result *result);
rp_status rp_job_result_get(rp_wire *wire, rp_job_result *result, rp_error *err);
void rp_job_result_free(rp_job_result *result); /* with all that it owns */

/* states/ID.state; the caller frees. */
rp_status rp_job_checkpoint_path(const char *states, rp_id id, char **path, rp_error *err);

#endif
