/* learning_rates.c: reads a schedule, counts its time, and tells epochs of one lr from others. */
#include "experiments/plan/learning_rates.h"

#include "core/base/text.h"
#include "experiments/plan/op_keys.h"

#include <stddef.h>
#include <string.h>

/* ---- Reading --------------------------------------------------------------------------------- */

static double number_at(const rp_node *map, const char *path) {
  double value = 0;
  rp_node_double(rp_node_at(map, path), &value);
  return value;
}

static uint64_t count_at(const rp_node *map, const char *key) {
  int64_t value = 0;
  rp_node_integer(rp_node_get(map, key), &value);
  return (uint64_t)value;
}

/* Keys without a default that would suit anybody. */
static const struct {
  rp_schedule_kind kind;
  const char *key, *what;
} NEEDED[] = {
    {RP_STAIRCASE, "every", "the epochs (or steps, with unit: steps) between two stairs"},
    {RP_EXPONENTIAL, "factor", "what the lr is multiplied by after each epoch (or step, with unit: steps)"},
    {RP_CYCLICAL, "low", "the lr that it starts from and returns to"},
    {RP_CYCLICAL, "half_period", "the epochs (or steps, with unit: steps) from low to high"},
};

static rp_status check_needed(const rp_rates *rates, rp_error *err) {
  for (size_t i = 0; i < sizeof NEEDED / sizeof NEEDED[0]; i++)
    if (NEEDED[i].kind == rates->schedule.kind && !rp_node_get(rates->node, NEEDED[i].key))
      return rp_node_fail(rates->node, err, "%s needs `%s`: %s", rp_schedule_name(rates->schedule.kind), NEEDED[i].key, NEEDED[i].what);
  return RP_OK;
}

static rp_status check_bounds(const rp_rates *rates, const rp_node *lr, rp_error *err) {
  const rp_schedule *schedule = &rates->schedule;
  const rp_node *low = rp_node_get(rates->node, "low"), *high = rp_node_get(rates->node, "high");
  if (schedule->kind == RP_CYCLICAL && schedule->low > schedule->high)
    return rp_node_fail(low, err, "%s is above %s, %s", rp_node_text(low), high ? "high" : "the optimizer's lr",
                        rp_node_text(high ? high : lr));
  const rp_node *final = rp_node_get(rates->node, "final");
  if (schedule->kind == RP_COSINE && schedule->final > schedule->lr)
    return rp_node_fail(final, err, "%s is above the optimizer's lr, %s", rp_node_text(final), rp_node_text(lr));
  return RP_OK;
}

rp_status rp_rates_read(const rp_node *train, uint32_t steps_per_epoch, rp_rates *out, rp_error *err) {
  const rp_node *node = rp_node_get(train, "schedule"), *lr = rp_node_at(train, "optimizer.lr");
  const int kind = rp_word_index(RP_SCHEDULE_WORDS, rp_node_text(rp_node_get(node, "name")));
  const double highest = number_at(train, "optimizer.lr");
  *out = (rp_rates){.node = node,
                    .counts_steps = strcmp(rp_node_text(rp_node_get(node, "unit")), "steps") == 0,
                    .restarts = strcmp(rp_node_text(rp_node_get(node, "restart")), "cycles") == 0,
                    .steps_per_epoch = steps_per_epoch};
  out->schedule = (rp_schedule){.kind = (rp_schedule_kind)kind,
                                .lr = kind == RP_CYCLICAL ? 0 : highest,
                                .factor = number_at(node, "factor"),
                                .every = count_at(node, "every"),
                                .low = number_at(node, "low"),
                                .half_period = count_at(node, "half_period"),
                                .final = number_at(node, "final"),
                                .warm_up = count_at(node, "warm_up")};
  if (kind == RP_CYCLICAL) out->schedule.high = rp_node_get(node, "high") ? number_at(node, "high") : highest;
  RP_TRY(check_needed(out, err));
  return check_bounds(out, lr, err);
}

/* ---- Time ------------------------------------------------------------------------------------ */

rp_status rp_rates_begin(rp_rates *rates, uint32_t after_epoch, uint32_t epochs, rp_error *err) {
  rates->began = after_epoch;
  if (rates->schedule.kind != RP_COSINE || epochs == 0) return RP_OK;
  rates->schedule.length = epochs;
  if (rates->schedule.warm_up < epochs) return RP_OK;
  const rp_node *warm_up = rp_node_get(rates->node, "warm_up");
  return rp_node_fail(warm_up, err, "a warm-up of %s epochs leaves nothing of the %u epochs from epoch %u on; %u is the most",
                      rp_node_text(warm_up), epochs, after_epoch + 1, epochs - 1);
}

/* Drops what an epoch of n steps does not depend on. Warm-up ends with an epoch, since it is given in epochs. */
static void simplify(rp_schedule *in_steps, uint64_t *first, uint32_t n) {
  if (in_steps->kind == RP_CYCLICAL) *first %= 2 * in_steps->half_period;
  if (in_steps->kind != RP_COSINE) return;
  if (*first + n <= in_steps->warm_up) {
    in_steps->final = 0;
    in_steps->length = 0;
  } else {
    *first -= in_steps->warm_up;
    in_steps->length -= in_steps->warm_up;
    in_steps->warm_up = 0;
  }
}

static int is_one_lr(const rp_schedule *in_steps, uint64_t first, uint32_t n) {
  const double lr = rp_schedule_lr(in_steps, first);
  for (uint32_t i = 1; i < n; i++)
    if (rp_schedule_lr(in_steps, first + i) != lr) return 0;
  return 1;
}

void rp_rates_of_epoch(const rp_rates *rates, uint32_t epoch, rp_train_options *options) {
  const uint32_t before = epoch - 1 - rates->began;
  options->within = (rp_schedule){0};
  options->first = 0;
  if (!rates->counts_steps) {
    options->lr = rp_schedule_lr(&rates->schedule, before);
    return;
  }
  rp_schedule in_steps = rates->schedule;
  in_steps.warm_up *= rates->steps_per_epoch;
  in_steps.length *= rates->steps_per_epoch;
  uint64_t first = (uint64_t)before * rates->steps_per_epoch;
  simplify(&in_steps, &first, rates->steps_per_epoch);
  options->lr = rp_schedule_lr(&in_steps, first);
  if (is_one_lr(&in_steps, first, rates->steps_per_epoch)) return;
  options->within = in_steps;
  options->first = first;
}

/* ---- Ids ------------------------------------------------------------------------------------- */

static const struct {
  const char *key;
  size_t offset;
} NUMBERS[] = {{"schedule.lr", offsetof(rp_schedule, lr)},
               {"schedule.factor", offsetof(rp_schedule, factor)},
               {"schedule.low", offsetof(rp_schedule, low)},
               {"schedule.high", offsetof(rp_schedule, high)},
               {"schedule.final", offsetof(rp_schedule, final)}},
  COUNTS[] = {{"schedule.every", offsetof(rp_schedule, every)},
              {"schedule.half_period", offsetof(rp_schedule, half_period)},
              {"schedule.warm_up", offsetof(rp_schedule, warm_up)},
              {"schedule.length", offsetof(rp_schedule, length)}};

static rp_status put_count(rp_node *params, const char *key, uint64_t count, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *value = NULL;
  RP_TRY(rp_node_of_integer((int64_t)count, &value, err));
  return rp_node_put(params, key, &value, err);
}

static rp_status put_number(rp_node *params, const char *key, double number, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *value = NULL;
  RP_TRY(rp_node_of_double(number, &value, err));
  return rp_node_put(params, key, &value, err);
}

static rp_status put_name(rp_node *params, const char *name, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *value = NULL;
  RP_TRY(rp_node_string(name, NULL, &value, err));
  return rp_node_put(params, "schedule.name", &value, err);
}

/* A member that is not there is 0: with the name, the rest says all of the schedule. */
rp_status rp_rates_describe(const rp_train_options *options, rp_node *params, rp_error *err) {
  const rp_schedule *schedule = &options->within;
  if (schedule->kind == RP_CONSTANT) return RP_OK;
  RP_TRY(put_name(params, rp_schedule_name(schedule->kind), err));
  RP_TRY(put_count(params, "schedule.first", options->first, err));
  for (size_t i = 0; i < sizeof NUMBERS / sizeof NUMBERS[0]; i++) {
    const double *number = (const double *)((const char *)schedule + NUMBERS[i].offset);
    if (*number != 0) RP_TRY(put_number(params, NUMBERS[i].key, *number, err));
  }
  for (size_t i = 0; i < sizeof COUNTS / sizeof COUNTS[0]; i++) {
    const uint64_t *count = (const uint64_t *)((const char *)schedule + COUNTS[i].offset);
    if (*count != 0) RP_TRY(put_count(params, COUNTS[i].key, *count, err));
  }
  return RP_OK;
}
