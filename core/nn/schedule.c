/* schedule.c: one function per schedule, of sums, products and quotients only: libm's pow and cos differ in their last bits from one
 * processor to the next. */
#include "core/nn/schedule.h"

static double power(double base, uint64_t exponent) {
  double result = 1;
  for (; exponent; exponent >>= 1, base *= base)
    if (exponent & 1) result *= base;
  return result;
}

/* From `low` at 0 to `high` at 1, both exactly. */
static double between(double low, double high, double share) {
  return low * (1 - share) + high * share;
}

static double constant(const rp_schedule *schedule, uint64_t t) {
  (void)t;
  return schedule->lr;
}

static double staircase(const rp_schedule *schedule, uint64_t t) {
  return schedule->lr * power(schedule->factor, t / schedule->every);
}

static double exponential(const rp_schedule *schedule, uint64_t t) {
  return schedule->lr * power(schedule->factor, t);
}

static double cyclical(const rp_schedule *schedule, uint64_t t) {
  const uint64_t half = schedule->half_period, in_period = t % (2 * half), from_low = in_period < half ? in_period : 2 * half - in_period;
  return between(schedule->low, schedule->high, (double)from_low / (double)half);
}

/* (1 + cos(π·x)) / 2 for 0 ≤ x ≤ 1, to about 1e-16, by Taylor's series of the cosine or sine of at most π/4. */
static double falling_cosine(double x) {
  const double pi = 3.14159265358979323846;
  const int is_cosine = x <= 0.5;
  const double angle = pi / 2 * (is_cosine ? x : 1 - x), square = angle * angle;
  double term = is_cosine ? 1 : angle, sum = term;
  for (int i = is_cosine ? 1 : 2; i <= 18; i += 2) sum += term *= -square / (i * (i + 1));
  return sum * sum; /* cos² of half the angle, or sin² of what it lacks to π/2 */
}

static double cosine(const rp_schedule *schedule, uint64_t t) {
  if (t < schedule->warm_up) return schedule->lr * ((double)(t + 1) / (double)(schedule->warm_up + 1));
  if (t >= schedule->length) return schedule->final;
  const double x = (double)(t - schedule->warm_up) / (double)(schedule->length - schedule->warm_up);
  return between(schedule->final, schedule->lr, falling_cosine(x));
}

static double (*const RATES[])(const rp_schedule *schedule, uint64_t t) = {
    [RP_CONSTANT] = constant, [RP_STAIRCASE] = staircase, [RP_EXPONENTIAL] = exponential, [RP_CYCLICAL] = cyclical, [RP_COSINE] = cosine};
_Static_assert(sizeof RATES / sizeof RATES[0] == RP_N_SCHEDULES, "each schedule has its function");

static const char *const NAMES[] = {
#define RP_SCHEDULE_ROW(code, name, help) [code] = name,
    RP_SCHEDULE_LIST(RP_SCHEDULE_ROW)
#undef RP_SCHEDULE_ROW
};

const char *rp_schedule_name(rp_schedule_kind kind) {
  return (unsigned)kind < RP_N_SCHEDULES ? NAMES[kind] : "unknown";
}

double rp_schedule_lr(const rp_schedule *schedule, uint64_t t) {
  return RATES[schedule->kind](schedule, t);
}
