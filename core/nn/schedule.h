/* schedule.h: the learning rate of each epoch. Runs over global epochs; cycles do not restart it (rule 3). */
#ifndef RP_NN_SCHEDULE_H
#define RP_NN_SCHEDULE_H

#include <stdint.h>

/* X(code, name, one line of help) */
#define RP_SCHEDULE_LIST(X) X(RP_CONSTANT, "constant", "the optimizer's lr throughout")

typedef enum {
#define RP_SCHEDULE_ENUM(code, name, help) code,
  RP_SCHEDULE_LIST(RP_SCHEDULE_ENUM)
#undef RP_SCHEDULE_ENUM
      RP_N_SCHEDULES
} rp_schedule_kind;

typedef struct {
  rp_schedule_kind kind;
  double lr; /* the optimizer's */
} rp_schedule;

/* The learning rate of an epoch (from 1). */
double rp_schedule_lr(const rp_schedule *schedule, uint32_t epoch);

#endif
