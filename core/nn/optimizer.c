/* optimizer.c: the update rules, on runs of parameters that are not frozen. All arithmetic is in float32, as stored. */
#include "core/nn/optimizer.h"

#include "core/nn/map.h"

typedef struct {
  float lr, momentum, weight_decay;
} rates;

/* One step of `n` parameters that lie side by side. `slots` point to the same place in each slot. */
typedef void update(const rates *by, size_t n, const float *gradients, float *parameters, float *const slots[RP_MAX_SLOTS]);

RP_VECTORISED static void step_sgd(const rates *by, size_t n, const float *restrict gradients, float *restrict parameters) {
  const float lr = by->lr, decay = by->weight_decay;
  for (size_t i = 0; i < n; i++) parameters[i] -= lr * (gradients[i] + decay * parameters[i]);
}

RP_VECTORISED static void step_momentum(const rates *by, size_t n, const float *restrict gradients, float *restrict parameters,
                                        float *restrict velocity) {
  const float lr = by->lr, decay = by->weight_decay, momentum = by->momentum;
  for (size_t i = 0; i < n; i++) {
    velocity[i] = momentum * velocity[i] + (gradients[i] + decay * parameters[i]);
    parameters[i] -= lr * velocity[i];
  }
}

static void update_sgd(const rates *by, size_t n, const float *gradients, float *parameters, float *const slots[RP_MAX_SLOTS]) {
  (void)slots;
  step_sgd(by, n, gradients, parameters);
}

static void update_momentum(const rates *by, size_t n, const float *gradients, float *parameters, float *const slots[RP_MAX_SLOTS]) {
  step_momentum(by, n, gradients, parameters, slots[0]);
}

static update *const UPDATES[] = {[RP_SGD] = update_sgd, [RP_MOMENTUM] = update_momentum};
_Static_assert(sizeof UPDATES / sizeof UPDATES[0] == RP_N_OPTIMIZERS, "each optimizer has its update rule");

static const struct {
  const char *name;
  int n_slots;
} OPTIMIZERS[] = {
#define RP_OPTIMIZER_ROW(code, name, slots, help) [code] = {name, slots},
    RP_OPTIMIZER_LIST(RP_OPTIMIZER_ROW)
#undef RP_OPTIMIZER_ROW
};

const char *rp_optimizer_name(rp_optimizer_kind kind) {
  return (unsigned)kind < RP_N_OPTIMIZERS ? OPTIMIZERS[kind].name : "unknown";
}

int rp_optimizer_slots(rp_optimizer_kind kind) {
  return (unsigned)kind < RP_N_OPTIMIZERS ? OPTIMIZERS[kind].n_slots : 0;
}

void rp_optimizer_step(const rp_optimizer *optimizer, const rp_layout *layout, double lr, const float *gradients, const uint8_t *frozen,
                       float *parameters, float *const *slots, uint32_t *steps) {
  const rates by = {.lr = (float)lr, .momentum = (float)optimizer->momentum, .weight_decay = (float)optimizer->weight_decay};
  for (int t = 0; t < layout->n_tensors; t++) {
    const rp_tensor *tensor = &layout->tensors[t];
    if (!rp_tensor_is_trained(tensor->kind)) continue;
    const size_t n_units = (size_t)tensor->K * (size_t)tensor->C, per_unit = (size_t)tensor->E;
    for (size_t unit = 0, end; unit < n_units; unit = end) {
      /* Units that are not frozen and lie side by side are one run: the rules are elementwise. */
      for (end = unit; end < n_units && !(frozen && frozen[tensor->first_unit + end]); end++) steps[tensor->first_unit + end]++;
      if (end == unit) {
        end++;
        continue;
      }
      const size_t first = tensor->offset + unit * per_unit;
      float *at[RP_MAX_SLOTS] = {NULL};
      for (int slot = 0; slot < OPTIMIZERS[optimizer->kind].n_slots; slot++) at[slot] = slots[slot] + first;
      UPDATES[optimizer->kind](&by, (end - unit) * per_unit, gradients + first, parameters + first, at);
    }
  }
}
