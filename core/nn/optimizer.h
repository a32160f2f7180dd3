/* optimizer.h: turns a gradient into a step, unit by unit, leaving frozen units untouched bit for bit (rule 10). */
#ifndef RP_NN_OPTIMIZER_H
#define RP_NN_OPTIMIZER_H

#include "core/nn/parameters.h"

/* X(code, name, slots, one line of help): slots = how many floats of state it keeps per parameter. All as in PyTorch. Here g is the
 * gradient with weight_decay·w added (but for adamw), t the number of steps that the unit itself has had (rule 10). */
#define RP_OPTIMIZER_LIST(X)                                                                                                               \
  X(RP_SGD, "sgd", 0, "w ← w − lr·g")                                                                                                      \
  X(RP_MOMENTUM, "momentum", 1, "v ← momentum·v + g; w ← w − lr·v (dampening 0)")                                                          \
  X(RP_NESTEROV, "nesterov", 1, "v ← momentum·v + g; w ← w − lr·(g + momentum·v)")                                                         \
  X(RP_RMSPROP, "rmsprop", 1, "s ← alpha·s + (1 − alpha)·g²; w ← w − lr·g / (√s + epsilon)")                                               \
  X(RP_ADAM, "adam", 2,                                                                                                                    \
    "m ← beta1·m + (1 − beta1)·g; s ← beta2·s + (1 − beta2)·g²; w ← w − lr·m/(1 − beta1^t) / (√(s/(1 − beta2^t)) + epsilon)")              \
  X(RP_ADAMW, "adamw", 2, "w ← w − lr·weight_decay·w, then adam's step without it")

typedef enum {
#define RP_OPTIMIZER_ENUM(code, name, slots, help) code,
  RP_OPTIMIZER_LIST(RP_OPTIMIZER_ENUM)
#undef RP_OPTIMIZER_ENUM
      RP_N_OPTIMIZERS
} rp_optimizer_kind;

enum { RP_MAX_SLOTS = 2 };

/* X(code, name, one line of help): what weight decay pulls towards 0. */
#define RP_DECAY_LIST(X)                                                                                                                   \
  X(RP_DECAY_ALL, "all", "everything that is trained")                                                                                     \
  X(RP_DECAY_WEIGHTS, "weights", "weights of conv and fc layers only")

typedef enum {
#define RP_DECAY_ENUM(code, name, help) code,
  RP_DECAY_LIST(RP_DECAY_ENUM)
#undef RP_DECAY_ENUM
} rp_decay;

typedef struct {
  rp_optimizer_kind kind;
  double momentum;     /* momentum, nesterov */
  double alpha;        /* rmsprop: share of the mean square that is kept */
  double beta1, beta2; /* adam, adamw: shares of the mean and the mean square that are kept */
  double epsilon;      /* rmsprop, adam, adamw: added to the root of the mean square */
  double weight_decay; /* 0 = none */
  rp_decay decay;      /* what weight_decay applies to */
} rp_optimizer;

const char *rp_optimizer_name(rp_optimizer_kind kind);
int rp_optimizer_slots(rp_optimizer_kind kind); /* floats of state per parameter, ≤ RP_MAX_SLOTS */

/* One step.
 *
 *   lr           learning rate of this step
 *   gradients    [n_parameters], of the batch mean loss
 *   frozen       [n_units], nonzero: no gradient, decay, momentum or step count; NULL = none
 *   parameters   [n_parameters], changed in place
 *   slots        the optimizer's state, each [n_parameters]; rp_optimizer_slots of them
 *   steps        [n_units], updates that each unit has had; counts up. Adam's bias corrections go by it */
void rp_optimizer_step(const rp_optimizer *optimizer, const rp_layout *layout, double lr, const float *gradients, const uint8_t *frozen,
                       float *parameters, float *const *slots, uint32_t *steps);

#endif
