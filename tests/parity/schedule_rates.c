/* schedule_rates.c: prints the learning rates of a schedule at the times 0 … N − 1, one a line, for tests/parity/optimizers.py.
 *
 *     schedule_rates NAME N KEY=VALUE…
 *
 * Keys are lr, factor, every, low, high, half_period, final, warm_up, length. */
#include "core/nn/schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *message) {
  fprintf(stderr, "schedule_rates: %s\n", message);
  exit(2);
}

static void set(const char *text, rp_schedule *schedule) {
  const struct {
    const char *key;
    double *number;
    uint64_t *count;
  } members[] = {{"lr", &schedule->lr, NULL},           {"factor", &schedule->factor, NULL},
                 {"low", &schedule->low, NULL},         {"high", &schedule->high, NULL},
                 {"final", &schedule->final, NULL},     {"every", NULL, &schedule->every},
                 {"warm_up", NULL, &schedule->warm_up}, {"half_period", NULL, &schedule->half_period},
                 {"length", NULL, &schedule->length}};
  const char *equals = strchr(text, '=');
  if (!equals) die("options are KEY=VALUE");
  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
    if (strncmp(members[i].key, text, (size_t)(equals - text)) != 0 || members[i].key[equals - text]) continue;
    if (members[i].number)
      *members[i].number = strtod(equals + 1, NULL);
    else
      *members[i].count = strtoull(equals + 1, NULL, 10);
    return;
  }
  die("unknown option");
}

int main(int argc, char **argv) {
  if (argc < 3) die("usage: schedule_rates NAME N KEY=VALUE...");
  rp_schedule schedule = {.kind = RP_N_SCHEDULES};
  for (int kind = 0; kind < RP_N_SCHEDULES; kind++)
    if (strcmp(rp_schedule_name((rp_schedule_kind)kind), argv[1]) == 0) schedule.kind = (rp_schedule_kind)kind;
  if (schedule.kind == RP_N_SCHEDULES) die("there is no such schedule");
  for (int i = 3; i < argc; i++) set(argv[i], &schedule);
  const uint64_t n = strtoull(argv[2], NULL, 10);
  for (uint64_t t = 0; t < n; t++) printf("%.17g\n", rp_schedule_lr(&schedule, t));
  return 0;
}
