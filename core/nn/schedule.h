/* schedule.h: the learning rate over time. Time is counted in epochs or in optimizer steps, from 0, since the schedule began: at epoch 1,
 * or where a scheme's cycles restart it (rule 3). */
#ifndef RP_NN_SCHEDULE_H
#define RP_NN_SCHEDULE_H

#include <stdint.h>

/* X(code, name, one line of help); t = epochs or steps since the schedule began, from 0. */
#define RP_SCHEDULE_LIST(X)                                                                                                                \
  X(RP_CONSTANT, "constant", "the optimizer's lr throughout")                                                                              \
  X(RP_STAIRCASE, "staircase", "lr·factor^⌊t / every⌋")                                                                                    \
  X(RP_EXPONENTIAL, "exponential", "lr·factor^t")                                                                                          \
  X(RP_CYCLICAL, "cyclical", "from low up to high in half_period, down again in another, and so on, in straight lines")                    \
  X(RP_COSINE, "cosine",                                                                                                                   \
    "lr·(t + 1) / (warm_up + 1) while t < warm_up, then final + (lr − final)·(1 + cos(π·(t − warm_up) / (length − warm_up))) / 2")

typedef enum {
#define RP_SCHEDULE_ENUM(code, name, help) code,
  RP_SCHEDULE_LIST(RP_SCHEDULE_ENUM)
#undef RP_SCHEDULE_ENUM
      RP_N_SCHEDULES
} rp_schedule_kind;

/* What a kind does not use is 0. Whether its times are epochs or steps is for the caller to know. */
typedef struct {
  rp_schedule_kind kind;
  double lr;            /* the optimizer's; cyclical has none */
  double factor;        /* staircase, exponential */
  uint64_t every;       /* staircase; > 0 */
  double low, high;     /* cyclical */
  uint64_t half_period; /* cyclical; > 0 */
  double final;         /* cosine */
  uint64_t warm_up;     /* cosine */
  uint64_t length;      /* cosine: when `final` would be reached; > warm_up */
} rp_schedule;

const char *rp_schedule_name(rp_schedule_kind kind);

/* The learning rate at time t. The same on every machine, to the last bit: such numbers stand in ids. */
double rp_schedule_lr(const rp_schedule *schedule, uint64_t t);

#endif
