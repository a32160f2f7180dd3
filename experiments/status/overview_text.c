/* overview_text.c: a table of trials, and below it what else somebody should know; that alone for those who look at numbers. */
#include "experiments/status/overview.h"

#include <math.h>
#include <string.h>

/* Characters of the longest name, and of its column's title at least. */
typedef struct {
  int experiment, arm;
} name_widths;

static name_widths widths_of(const rp_overview *overview) {
  name_widths widths = {(int)strlen("experiment"), (int)strlen("arm")};
  for (int i = 0; i < overview->trials.n; i++) {
    const int experiment = (int)strlen(overview->trials.trials[i].experiment), arm = (int)strlen(overview->trials.trials[i].arm);
    if (widths.experiment < experiment) widths.experiment = experiment;
    if (widths.arm < arm) widths.arm = arm;
  }
  return widths;
}

static void write_trial(const rp_overview *overview, int i, name_widths widths, FILE *out) {
  const rp_trial_result *trial = &overview->trials.trials[i];
  char hex[RP_ID_HEX + 1];
  rp_id_hex(trial->trial, hex);
  fprintf(out, "%-12.12s %-*s  %-*s %6lld  %-8s %4d/%-4d", hex, widths.experiment, trial->experiment, widths.arm, trial->arm,
          (long long)trial->seed, rp_overview_status(overview, i), trial->epochs_done, trial->epochs);
  if (!isnan(trial->headline_test_acc)) fprintf(out, " %6.2f %%", 100 * trial->headline_test_acc);
  if (trial->message) fprintf(out, "  %s", trial->message);
  fputc('\n', out);
}

/* Whether an experiment has a ranker in several variants, which only their options tell apart. */
static int has_variants(const rp_overview *overview, const rp_shadow_overview *shadow) {
  for (int i = 0; i < overview->n_shadows; i++) {
    const rp_shadow_overview *other = &overview->shadows[i];
    if (strcmp(other->experiment, shadow->experiment) != 0 || strcmp(other->ranker, shadow->ranker) != 0) continue;
    if (other->options && shadow->options && strcmp(other->options, shadow->options) != 0) return 1;
  }
  return 0;
}

/* "misbehaves {"deed":"crashes"}" */
static void write_ranker(const rp_overview *overview, const rp_shadow_overview *shadow, FILE *out) {
  int with_options = has_variants(overview, shadow);
  int n = fprintf(out, "%-10s %s%s%s", shadow->experiment, shadow->ranker, with_options ? " " : "", with_options ? shadow->options : "");
  fprintf(out, "%*s ", n < 47 ? 47 - n : 0, "");
}

static void write_shadow(const rp_overview *overview, const rp_shadow_overview *shadow, FILE *out) {
  write_ranker(overview, shadow, out);
  if (strcmp(shadow->outcome, "not applicable") == 0)
    fputs("does not apply", out);
  else
    fprintf(out, "%s at %d drop%s", shadow->outcome, shadow->n_drops, shadow->n_drops == 1 ? "" : "s");
  if (strcmp(shadow->outcome, "pending") == 0) fputs("; the next run asks it", out);
  fprintf(out, "%s%s\n", shadow->message ? ": " : "", shadow->message ? shadow->message : "");
}

static void write_shadows(const rp_overview *overview, FILE *out) {
  int n = 0;
  for (int i = 0; i < overview->n_shadows; i++) {
    if (strcmp(overview->shadows[i].outcome, "scored") == 0) continue;
    if (n++ == 0) fputs("\nshadow rankers: all have scored at all drops, but for\n", out);
    write_shadow(overview, &overview->shadows[i], out);
  }
}

static void write_stale(const rp_overview *overview, FILE *out) {
  if (overview->n_stale == 0) return;
  fputs(
      "\nrankers whose file has changed since they answered; `repr run` asks them again, and trains anew what follows from another answer\n",
      out);
  for (int i = 0; i < overview->n_stale; i++) {
    const rp_stale_ranker *stale = &overview->stale[i];
    fprintf(out, "%-10s %-36s ", stale->experiment, stale->ranker);
    if (stale->n_trials)
      fprintf(out, "in %d trial%s", stale->n_trials, stale->n_trials == 1 ? "" : "s");
    else
      fputs("as a shadow", out);
    fprintf(out, "%s%s\n", stale->path ? ": " : "", stale->path ? stale->path : "");
  }
}

void rp_overview_text(const rp_overview *overview, FILE *out) {
  const name_widths widths = widths_of(overview);
  fprintf(out, "%-12s %-*s  %-*s %6s  %-8s %9s %8s\n", "trial", widths.experiment, "experiment", widths.arm, "arm", "seed", "status",
          "epochs", "headline");
  for (int i = 0; i < overview->trials.n; i++) write_trial(overview, i, widths, out);
  write_shadows(overview, out);
  write_stale(overview, out);
}

rp_status rp_overview_concerns(rp_store *store, const char *experiment, FILE *out, rp_error *err) {
  RP_CLEANUP(rp_overview_free) rp_overview overview = {0};
  int n_failed = 0;
  RP_TRY(rp_overview_read(store, experiment, &overview, err));
  for (int i = 0; i < overview.n_stale; i++) {
    const rp_stale_ranker *stale = &overview.stale[i];
    fprintf(out, "repr: the file of ranker %s has changed: what is shown %s is of the earlier one; `repr run` brings it up to date\n",
            stale->ranker, stale->n_trials ? "of its trials" : "of it as a shadow");
  }
  for (int i = 0; i < overview.n_shadows; i++)
    if (strcmp(overview.shadows[i].outcome, "failed") == 0) n_failed += overview.shadows[i].n_drops;
  if (n_failed)
    fprintf(out, "repr: %d answer%s of shadow rankers failed and %s left out; `repr status` tells why\n", n_failed,
            n_failed == 1 ? "" : "s", n_failed == 1 ? "is" : "are");
  return RP_OK;
}
