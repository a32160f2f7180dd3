/* program.h: a trial's scheme as the flat list of ops that it runs (SEMANTICS rules 1 to 3, 19). */
#ifndef RP_PLAN_PROGRAM_H
#define RP_PLAN_PROGRAM_H

#include "core/nn/model.h"
#include "core/ops/op.h"
#include "core/ops/regrow.h"
#include "core/ops/train.h"
#include "core/ranking/score.h"
#include "core/ranking/select.h"
#include "experiments/config/node.h"

typedef enum { RP_PHASE_FULL, RP_PHASE_SUB } rp_phase; /* rule 1: sub from a drop to its regrow, whatever the gate */

const char *rp_phase_name(rp_phase phase); /* "full", "sub" */

typedef struct {
  char *name, *text; /* text as written, canonical where it is a number */
} rp_ranker_setting;

/* What a drop asks for (rule 27's request, without the parent). */
typedef struct {
  char *ranker; /* name of a built-in one, or the path of a .so */
  int n_settings;
  rp_ranker_setting *settings; /* the ranker's options that the file gives, sorted by name; the plugin says which exist */
  int normalise;               /* rp_normalise, or -1 = the ranker's default */
  rp_score_data score;         /* score.data, score.images */
  int gate;                    /* 1 = gates close; 0 = marked only (rule 25) */
  rp_decimal p;                /* 0 … 100 */
  rp_scope scope;
  int n_skip;
  char **skip; /* conv layers that are not ranked */
  int keep_at_least;
  rp_decimal drop_at_most;
  char *place;                       /* "demo.yaml:12:10: scheme.ranker", to put before messages about the ranker */
  const rp_node *p_node, *skip_node; /* where p and limits.skip come from, for messages; borrowed from the program; may be NULL */
} rp_drop_request;

typedef struct {
  rp_op_kind kind;
  uint32_t epoch; /* train: the epoch that it makes (from 1); drop, regrow: the epoch that they come after */
  uint32_t cycle; /* drops up to and including this step */
  rp_phase phase; /* train: of its epoch; drop, regrow: after the step */
  union {
    rp_train_options train;
    rp_drop_request drop;
    rp_regrow_options regrow;
  } as;
  /* Canonical JSON of its parameters that differ from their defaults, "{}" where none; goes into ids. A drop's lack the ranker until
   * rp_trial_plan_build, which knows the plugin, adds it; train's include threads, augmentation and the epoch's learning rates, not its
   * number. */
  char *params;
} rp_step;

typedef struct {
  int n_steps;
  rp_step *steps;
  uint32_t epochs;            /* total */
  uint32_t first_final_epoch; /* first epoch after the last regrow (1 where there is none): the final full phase is first_final_epoch …
                                 epochs (rule 21) */
  int ends_in_sub;            /* the scheme says `ends: sub` and stops with filters dropped */
  int threads;                /* train.threads */
  rp_convolution convolution; /* train.convolution */
  rp_optimizer optimizer;     /* of all epochs: a state's slots follow from it */
  rp_node *source;            /* the expanded program, owned */
} rp_program;

/* Builds a trial's program from its config (rp_trial.config). `n_images`: of the training split; how many steps an epoch has depends on it.
 * Errors: RP_EINPUT with position: the scheme's file, an unknown parameter, op or key, a wrong type or range, a program that does not fit
 * train.epochs (with the smallest total that fits), a schedule that lacks a key or does not fit the epochs. On error *out is empty. The
 * caller frees. */
rp_status rp_program_build(const rp_node *config, uint32_t n_images, rp_program *out, rp_error *err);
void rp_program_free(rp_program *program);

/* Checks what can be known before the run of a program on a model: limits.skip names conv layers, and every drop's count can be met (rule
 * 13; drops add up until a regrow). Errors: RP_EINPUT with position. */
rp_status rp_program_check(const rp_program *program, const rp_model *model, rp_error *err);

#endif
