/* optimizer.c: the update rules, on runs of parameters that are not frozen. All arithmetic on parameters is in float32, as stored; the
 * factors that are the same for a whole run are worked out in double precision first. */
#include "core/nn/optimizer.h"

#include "core/nn/map.h"

#include <math.h>

/* What a run's parameters have in common. */
typedef struct {
  float lr;                      /* adam: over 1 − beta1^t */
  float decay;                   /* added to the gradient as decay·w */
  float shrink;                  /* adamw: 1 − lr·weight_decay, rounded as in PyTorch */
  float momentum;                /* momentum, nesterov */
  float keep_mean, add_mean;     /* beta1, 1 − beta1 */
  float keep_square, add_square; /* alpha or beta2, 1 − it */
  float root;                    /* adam: √(1 − beta2^t) */
  float epsilon;
} rates;

/* ---- The rules, for one parameter w with its gradient g and its slots a and b ----------------- */

static inline void sgd(const rates *by, float g, float *w, float *a, float *b) {
  (void)a, (void)b;
  *w -= by->lr * (g + by->decay * *w);
}

static inline void momentum(const rates *by, float g, float *w, float *velocity, float *b) {
  (void)b;
  *velocity = by->momentum * *velocity + (g + by->decay * *w);
  *w -= by->lr * *velocity;
}

static inline void nesterov(const rates *by, float g, float *w, float *velocity, float *b) {
  (void)b;
  g += by->decay * *w;
  *velocity = by->momentum * *velocity + g;
  *w -= by->lr * (g + by->momentum * *velocity);
}

static inline void rmsprop(const rates *by, float g, float *w, float *square, float *b) {
  (void)b;
  g += by->decay * *w;
  *square = by->keep_square * *square + by->add_square * g * g;
  *w -= by->lr * g / (sqrtf(*square) + by->epsilon);
}

/* adamw is the same: it has `shrink` and no `decay`, adam has `decay` and a `shrink` of 1. */
static inline void adam(const rates *by, float g, float *w, float *mean, float *square) {
  g += by->decay * *w;
  *mean = by->keep_mean * *mean + by->add_mean * g;
  *square = by->keep_square * *square + by->add_square * g * g;
  *w = by->shrink * *w - by->lr * *mean / (sqrtf(*square) / by->root + by->epsilon);
}

/* ---- Runs of them ---------------------------------------------------------------------------- */

/* One step of `n` parameters that lie side by side, with their slots; slots that the optimizer does not have are NULL. */
typedef void run(const rates *by, size_t n, const float *gradients, float *parameters, float *first, float *second);

/* A run of a rule with n_slots of the two. Loops of a length that is known are what compilers put into wide registers without -O3. */
enum { LANES = 16 };
#define DEFINE_RUN(name, rule, n_slots)                                                                                                    \
  RP_VECTORISED static void name(const rates *by, size_t n, const float *restrict gradients, float *restrict parameters,                   \
                                 float *restrict first, float *restrict second) {                                                          \
    const rates shared = *by;                                                                                                              \
    size_t i = 0;                                                                                                                          \
    for (; i + LANES <= n; i += LANES)                                                                                                     \
      for (size_t j = i; j < i + LANES; j++)                                                                                               \
        rule(&shared, gradients[j], &parameters[j], (n_slots) > 0 ? &first[j] : NULL, (n_slots) > 1 ? &second[j] : NULL);                  \
    for (; i < n; i++) rule(&shared, gradients[i], &parameters[i], (n_slots) > 0 ? &first[i] : NULL, (n_slots) > 1 ? &second[i] : NULL);   \
  }

DEFINE_RUN(run_sgd, sgd, 0)
DEFINE_RUN(run_momentum, momentum, 1)
DEFINE_RUN(run_nesterov, nesterov, 1)
DEFINE_RUN(run_rmsprop, rmsprop, 1)
DEFINE_RUN(run_adam, adam, 2)

static const struct {
  const char *name;
  int n_slots;
} OPTIMIZERS[] = {
#define RP_OPTIMIZER_ROW(code, name, slots, help) [code] = {name, slots},
    RP_OPTIMIZER_LIST(RP_OPTIMIZER_ROW)
#undef RP_OPTIMIZER_ROW
};

static run *const RUNS[] = {[RP_SGD] = run_sgd,         [RP_MOMENTUM] = run_momentum, [RP_NESTEROV] = run_nesterov,
                            [RP_RMSPROP] = run_rmsprop, [RP_ADAM] = run_adam,         [RP_ADAMW] = run_adam};
_Static_assert(sizeof RUNS / sizeof RUNS[0] == RP_N_OPTIMIZERS, "each optimizer has its update rule");

const char *rp_optimizer_name(rp_optimizer_kind kind) {
  return (unsigned)kind < RP_N_OPTIMIZERS ? OPTIMIZERS[kind].name : "unknown";
}

int rp_optimizer_slots(rp_optimizer_kind kind) {
  return (unsigned)kind < RP_N_OPTIMIZERS ? OPTIMIZERS[kind].n_slots : 0;
}

/* ---- A step ---------------------------------------------------------------------------------- */

/* Whether weight decay applies to tensors of a kind. */
static int decays(rp_decay decay, rp_tensor_kind kind) {
  return decay == RP_DECAY_ALL || kind == RP_CONV_WEIGHT || kind == RP_FC_WEIGHT;
}

static int corrects_bias(rp_optimizer_kind kind) {
  return kind == RP_ADAM || kind == RP_ADAMW;
}

/* Of a tensor's runs, before any correction of bias. */
static rates rates_of(const rp_optimizer *optimizer, double lr, rp_tensor_kind kind) {
  const double decay = decays(optimizer->decay, kind) ? optimizer->weight_decay : 0;
  const double keep_square = optimizer->kind == RP_RMSPROP ? optimizer->alpha : optimizer->beta2;
  const int is_decoupled = optimizer->kind == RP_ADAMW;
  return (rates){.lr = (float)lr,
                 .decay = is_decoupled ? 0 : (float)decay,
                 .shrink = is_decoupled ? (float)(1 - lr * decay) : 1,
                 .momentum = (float)optimizer->momentum,
                 .keep_mean = (float)optimizer->beta1,
                 .add_mean = (float)(1 - optimizer->beta1),
                 .keep_square = (float)keep_square,
                 .add_square = (float)(1 - keep_square),
                 .root = 1,
                 .epsilon = (float)optimizer->epsilon};
}

/* Of a run whose units have had `steps` steps, this one included. */
static void correct_bias(const rp_optimizer *optimizer, double lr, uint32_t steps, rates *by) {
  by->lr = (float)(lr / (1 - pow(optimizer->beta1, steps)));
  by->root = (float)sqrt(1 - pow(optimizer->beta2, steps));
}

/* The end of the run that begins at `unit`, and one step more for its units: those side by side that are not frozen (the rules are
 * elementwise) and, where step counts matter, have had as many steps. No run: `unit` itself. */
static size_t count_run(size_t unit, size_t n_units, const uint8_t *frozen, int is_counted, uint32_t *steps) {
  const uint32_t before = steps[unit];
  size_t end = unit;
  for (; end < n_units && !(frozen && frozen[end]) && (!is_counted || steps[end] == before); end++) steps[end]++;
  return end;
}

static void step_tensor(const rp_optimizer *optimizer, const rp_tensor *tensor, double lr, const float *gradients, const uint8_t *frozen,
                        float *parameters, float *const *slots, uint32_t *steps) {
  const size_t n_units = (size_t)tensor->K * (size_t)tensor->C, per_unit = (size_t)tensor->E;
  const int n_slots = OPTIMIZERS[optimizer->kind].n_slots, is_counted = corrects_bias(optimizer->kind);
  rates by = rates_of(optimizer, lr, tensor->kind);
  for (size_t unit = 0, end; unit < n_units; unit = end) {
    end = count_run(unit, n_units, frozen, is_counted, steps);
    if (end == unit) {
      end++;
      continue;
    }
    if (is_counted) correct_bias(optimizer, lr, steps[unit], &by);
    const size_t first = tensor->offset + unit * per_unit;
    RUNS[optimizer->kind](&by, (end - unit) * per_unit, gradients + first, parameters + first, n_slots > 0 ? slots[0] + first : NULL,
                          n_slots > 1 ? slots[1] + first : NULL);
  }
}

void rp_optimizer_step(const rp_optimizer *optimizer, const rp_layout *layout, double lr, const float *gradients, const uint8_t *frozen,
                       float *parameters, float *const *slots, uint32_t *steps) {
  for (int t = 0; t < layout->n_tensors; t++) {
    const rp_tensor *tensor = &layout->tensors[t];
    if (!rp_tensor_is_trained(tensor->kind)) continue;
    step_tensor(optimizer, tensor, lr, gradients, frozen ? frozen + tensor->first_unit : NULL, parameters, slots,
                steps + tensor->first_unit);
  }
}
