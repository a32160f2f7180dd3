/* would_be_drop.c: finds a drop in a program, and says it in words. */
#include "experiments/score/would_be_drop.h"

#include "core/base/memory.h"

#include <math.h>
#include <stdlib.h>

/* The program's step, or −1. */
static int find_drop(const rp_program *program, int path_step) {
  int found = -1;
  for (int i = 0; i < program->n_steps; i++) {
    if (program->steps[i].kind != RP_OP_DROP) continue;
    found = i;
    if (i >= path_step) break;
  }
  return found;
}

static void add_decimal(rp_decimal value, rp_text *text) {
  rp_text_format(text, "%.*f", (int)value.decimals, (double)value.digits / pow(10, value.decimals));
}

static rp_status describe_limits(const rp_drop_request *drop, char **out, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  if (drop && drop->scope == RP_SCOPE_LAYER) rp_text_add(&text, "in each layer");
  for (int i = 0; drop && i < drop->n_skip; i++)
    rp_text_format(&text, "%s%s", i ? ", " : text.length ? ", without " : "without ", drop->skip[i]);
  if (drop && drop->keep_at_least != 1)
    rp_text_format(&text, "%sat least %d left in a layer", text.length ? ", " : "", drop->keep_at_least);
  if (drop && (drop->drop_at_most.digits != 100 || drop->drop_at_most.decimals)) {
    rp_text_add(&text, text.length ? ", at most " : "at most ");
    add_decimal(drop->drop_at_most, &text);
    rp_text_add(&text, " % of a layer");
  }
  return rp_text_take(&text, out, err);
}

static rp_status read_p(const char *p, rp_decimal *out, rp_error *err) {
  if (rp_decimal_parse(p, out) && (double)out->digits <= 100 * pow(10, out->decimals)) return RP_OK;
  return rp_fail(err, RP_EUSAGE, "--p %s: a percentage (0 to 100) is expected", p);
}

static rp_status describe(const rp_trial_plan *plan, int path_step, const char *p, rp_would_be_drop *out, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  int step = find_drop(&plan->program, path_step);
  const rp_drop_request *drop = step < 0 ? NULL : &plan->program.steps[step].as.drop;
  RP_TRY(rp_allocate((size_t)plan->n_convs, 1, &out->skip, err));
  out->how = (rp_selection){.p = {30, 0}, .skip = out->skip, .keep_at_least = 1, .drop_at_most = {100, 0}};
  if (drop) {
    out->how = rp_plan_selection(plan, drop, out->skip);
    out->score = drop->score;
    out->acting = &plan->criteria[step];
  }
  if (p) RP_TRY(read_p(p, &out->how.p, err));
  add_decimal(out->how.p, &text);
  RP_TRY(rp_text_take(&text, &out->p, err));
  return describe_limits(drop, &out->limits, err);
}

rp_status rp_would_be_drop_of(const rp_trial_plan *plan, int path_step, const char *p, rp_would_be_drop *out, rp_error *err) {
  *out = (rp_would_be_drop){0};
  rp_status status = describe(plan, path_step, p, out, err);
  if (status != RP_OK) rp_would_be_drop_free(out);
  return status;
}

void rp_would_be_drop_free(rp_would_be_drop *drop) {
  free(drop->skip);
  free(drop->p);
  free(drop->limits);
  *drop = (rp_would_be_drop){0};
}
