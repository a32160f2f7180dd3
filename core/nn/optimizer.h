/* optimizer.h: turns a gradient into a step, unit by unit, leaving frozen units untouched bit for bit (rule 10). */
#ifndef RP_NN_OPTIMIZER_H
#define RP_NN_OPTIMIZER_H

#include "core/nn/parameters.h"

/* X(code, name, slots, one line of help): slots = how many floats of state it keeps per parameter. */
#define RP_OPTIMIZER_LIST(X)                                                                                                               \
  X(RP_SGD, "sgd", 0, "w ← w − lr·(g + weight_decay·w)")                                                                                   \
  X(RP_MOMENTUM, "momentum", 1, "v ← momentum·v + g + weight_decay·w; w ← w − lr·v (as in PyTorch, dampening 0)")

typedef enum {
#define RP_OPTIMIZER_ENUM(code, name, slots, help) code,
  RP_OPTIMIZER_LIST(RP_OPTIMIZER_ENUM)
#undef RP_OPTIMIZER_ENUM
      RP_N_OPTIMIZERS
} rp_optimizer_kind;

enum { RP_MAX_SLOTS = 2 };

typedef struct {
  rp_optimizer_kind kind;
  double momentum;     /* momentum: 0.9 */
  double weight_decay; /* 0; on weights and biases alike */
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
 *   steps        [n_units], updates that each unit has had; counts up */
void rp_optimizer_step(const rp_optimizer *optimizer, const rp_layout *layout, double lr, const float *gradients, const uint8_t *frozen,
                       float *parameters, float *const *slots, uint32_t *steps);

#endif
