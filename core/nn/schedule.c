/* schedule.c: one function per schedule. */
#include "core/nn/schedule.h"

static double constant(const rp_schedule *schedule, uint32_t epoch) {
  (void)epoch;
  return schedule->lr;
}

static double (*const SCHEDULES[])(const rp_schedule *, uint32_t) = {[RP_CONSTANT] = constant};
_Static_assert(sizeof SCHEDULES / sizeof SCHEDULES[0] == RP_N_SCHEDULES, "each schedule has its function");

double rp_schedule_lr(const rp_schedule *schedule, uint32_t epoch) {
  return SCHEDULES[schedule->kind](schedule, epoch);
}
