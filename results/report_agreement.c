/* report_agreement.c: how far criteria agree about the same weights, a row per criterion. */
#include "results/report.h"

#include <math.h>
#include <string.h>

/* "+0.42 ± 0.08", without the deviation for one event; "–" where there is none. */
static void add_correlation(rp_text *text, const rp_event_mean *mean) {
  if (mean->n == 0)
    rp_text_add(text, "–");
  else
    rp_text_format(text, "%+.2f", fabs(mean->mean) < 0.005 ? 0 : mean->mean); /* no -0.00 */
  if (mean->n > 1) rp_text_format(text, " ± %.2f", mean->sd);
}

static void add_share(rp_text *text, const rp_event_mean *mean) {
  if (mean->n == 0)
    rp_text_add(text, "–");
  else
    rp_text_format(text, "%.0f %%", 100 * mean->mean);
}

static void add_name(rp_text *text, const rp_compared_criterion *criterion) {
  rp_text_format(text, "%s%s%s", criterion->ranker, *criterion->settings ? " " : "", criterion->settings);
}

static rp_status add_row(const rp_agreement *agreement, int i, rp_report_table *table, rp_error *err) {
  const rp_compared_criterion *criterion = &agreement->criteria[i];
  const rp_pair_agreement *own = rp_agreement_pair(agreement, i, i);
  rp_text cells[RP_REPORT_COLUMNS] = {0};
  add_name(&cells[0], criterion);
  if (criterion->acts) rp_text_add(&cells[0], " (acts)");
  rp_text_format(&cells[1], "%d", own->n_events);
  rp_text_format(&cells[2], "%d", own->n_trials);
  add_correlation(&cells[3], &criterion->acting_rho);
  add_share(&cells[4], &criterion->acting_overlap);
  if (i == agreement->oracle)
    rp_text_add(&cells[5], "–");
  else if (agreement->oracle >= 0)
    add_correlation(&cells[5], &rp_agreement_pair(agreement, i, agreement->oracle)->spearman);
  rp_status status = rp_report_add_row(table, cells, err);
  for (int c = 0; c < RP_REPORT_COLUMNS; c++) rp_text_free(&cells[c]);
  return status;
}

static rp_status note(rp_report_table *table, const char *sentence, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  rp_text_add(&text, sentence);
  return rp_report_add_note(table, &text, err);
}

static rp_status note_constants(const rp_agreement *agreement, rp_report_table *table, rp_error *err) {
  for (int i = 0; i < agreement->n; i++) {
    int n = rp_agreement_constant(agreement, i);
    RP_CLEANUP(rp_text_free) rp_text text = {0};
    if (n == 0) continue;
    add_name(&text, &agreement->criteria[i]);
    rp_text_format(&text, ": all scores were equal at %d of %d drops, which have no correlation and are left out of its means.", n,
                   rp_agreement_pair(agreement, i, i)->n_events);
    RP_TRY(rp_report_add_note(table, &text, err));
  }
  return RP_OK;
}

static rp_status write_notes(const rp_agreement *agreement, rp_report_table *table, rp_error *err) {
  RP_TRY(note(table,
              "Spearman's rank correlation of the scores of all active filters, mean ± standard deviation over drops. A drop from weights "
              "that trials share counts once; drops of one trial are not independent.",
              err));
  RP_TRY(
      note(table,
           "with acting: with the other criteria that acted there; same drops: share of the would-be drops in common with them (by chance "
           "about p, more where limits bind).",
           err));
  RP_TRY(note_constants(agreement, table, err));
  if (agreement->has_shadows) return RP_OK;
  return note(
      table,
      "Only drops from weights that arms share are here. `shadow: [all]` in the experiment's file has all criteria scored at every drop; "
      "the next run trains nothing for it.",
      err);
}

rp_status rp_report_agreement(const rp_agreement *agreement, rp_text *subtitle, rp_report_table *table, rp_error *err) {
  const int has_oracle = agreement->oracle >= 0;
  rp_text_format(subtitle, "%d drop%s of %d trial%s", agreement->n_events, agreement->n_events == 1 ? "" : "s", agreement->n_trials,
                 agreement->n_trials == 1 ? "" : "s");
  RP_TRY(rp_text_check(subtitle, err));
  *table = (rp_report_table){.is_section = 1,
                             .title = "Criteria on the same weights",
                             .subtitle = rp_text_string(subtitle),
                             .n_columns = has_oracle ? 6 : 5,
                             .heads = {"criterion", "drops", "trials", "with acting", "same drops"}};
  if (has_oracle)
    table->heads[5] =
        strcmp(agreement->criteria[agreement->oracle].ranker, "oracle-loss") == 0 ? "with oracle-loss" : "with oracle-accuracy";
  for (int i = 0; i < agreement->n; i++) RP_TRY(add_row(agreement, i, table, err));
  return write_notes(agreement, table, err);
}
