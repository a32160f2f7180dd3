/* report.c: trials → arms → finished cells and notes; the formats only lay them out. The table of the criteria's agreement is made in
 * report_agreement.c. */
#include "results/report.h"

#include "core/base/memory.h"
#include "core/base/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
  const char *name;
  void (*write)(const rp_report_table *, FILE *);
} FORMATS[] = {
#define FORMAT(code, name, function, help) {name, function},
    RP_REPORT_FORMAT_LIST(FORMAT)
#undef FORMAT
};

int rp_report_format_of(const char *name, rp_report_format *out) {
  for (int i = 0; i < RP_N_REPORT_FORMATS; i++)
    if (strcmp(name, FORMATS[i].name) == 0) {
      *out = (rp_report_format)i;
      return 1;
    }
  return 0;
}

/* ---- Tables ---------------------------------------------------------------------------------- */

rp_status rp_report_add_row(rp_report_table *table, rp_text *cells, rp_error *err) {
  RP_TRY(rp_reallocate(&table->rows, (size_t)table->n_rows + 1, sizeof *table->rows, err));
  rp_report_row *row = &table->rows[table->n_rows++];
  *row = (rp_report_row){0};
  for (int i = 0; i < table->n_columns; i++) RP_TRY(rp_text_take(&cells[i], &row->cells[i], err));
  return RP_OK;
}

rp_status rp_report_add_note(rp_report_table *table, rp_text *note, rp_error *err) {
  RP_TRY(rp_reallocate(&table->notes, (size_t)table->n_notes + 1, sizeof *table->notes, err));
  RP_TRY(rp_text_take(note, &table->notes[table->n_notes], err));
  table->n_notes++;
  return RP_OK;
}

void rp_report_table_free(rp_report_table *table) {
  for (int i = 0; i < table->n_rows; i++)
    for (int j = 0; j < RP_REPORT_COLUMNS; j++) free(table->rows[i].cells[j]);
  for (int i = 0; i < table->n_notes; i++) free(table->notes[i]);
  free(table->rows);
  free(table->notes);
}

/* ---- Numbers --------------------------------------------------------------------------------- */

typedef double (*number_of)(const rp_trial_result *);
static double headline_of(const rp_trial_result *trial) {
  return trial->headline_test_acc;
}
static double last_of(const rp_trial_result *trial) {
  return trial->last_test_acc;
}
static double best_of(const rp_trial_result *trial) {
  return trial->best_val_test_acc;
}

static int is_first_of_arm(const rp_trial_list *list, int i) {
  for (int j = 0; j < i; j++)
    if (strcmp(list->trials[j].arm, list->trials[i].arm) == 0) return 0;
  return 1;
}

static const rp_trial_result *find_trial(const rp_trial_list *list, rp_id id) {
  for (int i = 0; i < list->n; i++)
    if (rp_id_equal(list->trials[i].trial, id)) return &list->trials[i];
  return NULL;
}

/* The arm's numbers, one per trial; `values` [list->n]. Returns how many. */
static int values_of_arm(const rp_trial_list *list, const char *arm, number_of number, rp_seed_value *values) {
  int n = 0;
  for (int i = 0; i < list->n; i++)
    if (strcmp(list->trials[i].arm, arm) == 0) values[n++] = (rp_seed_value){list->trials[i].seed, number(&list->trials[i])};
  return n;
}

/* What the notes have to explain: of the table, or of one of its rows. */
typedef struct {
  int any_validation_ranks;
  int any_mixed;  /* a pair was not computed in one environment */
  int any_uneven; /* the headlines of a pair are means over different numbers of epochs */
} remarks;

/* An arm's headline against that of each trial's own baseline (rule 24). */
static rp_status difference_of_arm(const rp_trial_list *list, const char *arm, rp_seed_value *values, rp_summary *out, remarks *found,
                                   rp_error *err) {
  RP_CLEANUP(rp_free_pointer) rp_seed_value *baselines = NULL;
  int n = 0;
  RP_TRY(rp_allocate((size_t)list->n, sizeof *baselines, &baselines, err));
  for (int i = 0; i < list->n; i++) {
    const rp_trial_result *trial = &list->trials[i];
    if (trial->is_baseline || strcmp(trial->arm, arm) != 0 || isnan(trial->headline_test_acc)) continue;
    const rp_trial_result *baseline = find_trial(list, trial->baseline);
    if (!baseline || baseline->seed != trial->seed || isnan(baseline->headline_test_acc)) continue;
    if (trial->environment != baseline->environment || trial->environment < 0) found->any_mixed = 1;
    if (trial->headline_epochs != baseline->headline_epochs) found->any_uneven = 1;
    values[n] = (rp_seed_value){trial->seed, trial->headline_test_acc};
    baselines[n++] = (rp_seed_value){baseline->seed, baseline->headline_test_acc};
  }
  return rp_summarise_difference(values, n, baselines, n, out, err);
}

/* ---- Cells ----------------------------------------------------------------------------------- */

/* "71.23 ± 0.41" in %, without the deviation for one seed; "–" where nothing was measured. */
static void add_accuracy(rp_text *text, const rp_summary *summary) {
  if (summary->n == 0)
    rp_text_add(text, "–");
  else if (summary->n == 1)
    rp_text_format(text, "%.2f", 100 * summary->mean);
  else
    rp_text_format(text, "%.2f ± %.2f", 100 * summary->mean, 100 * summary->sd);
}

/* "+1.20 [0.30, 2.10], n 3" in points. */
static void add_difference(rp_text *text, const rp_summary *summary, const remarks *of) {
  if (summary->n == 0)
    rp_text_add(text, "–");
  else if (summary->n == 1)
    rp_text_format(text, "%+.2f, n 1", 100 * summary->mean);
  else
    rp_text_format(text, "%+.2f [%+.2f, %+.2f], n %d", 100 * summary->mean, 100 * summary->ci_low, 100 * summary->ci_high, summary->n);
  if (of->any_mixed) rp_text_add(text, " †");
  if (of->any_uneven) rp_text_add(text, " ‡");
}

static void add_headline_epochs(rp_text *text, const rp_trial_list *list, const char *arm) {
  int fewest = 0, most = 0;
  for (int i = 0; i < list->n; i++) {
    int n = list->trials[i].headline_epochs;
    if (n == 0 || strcmp(list->trials[i].arm, arm) != 0) continue;
    if (fewest == 0 || n < fewest) fewest = n;
    if (n > most) most = n;
  }
  if (most == 0)
    rp_text_add(text, "–");
  else if (fewest == most)
    rp_text_format(text, "%d", most);
  else
    rp_text_format(text, "%d–%d", fewest, most);
}

/* What a row is written into. */
typedef struct {
  rp_text cells[RP_REPORT_COLUMNS];
  remarks remarks;
} row_texts;

static rp_status write_row(const rp_trial_list *list, const rp_trial_result *first, rp_seed_value *values, row_texts *row, rp_error *err) {
  rp_summary headline, last, best, difference;
  RP_TRY(rp_summarise(values, values_of_arm(list, first->arm, headline_of, values), &headline, err));
  RP_TRY(rp_summarise(values, values_of_arm(list, first->arm, last_of, values), &last, err));
  RP_TRY(rp_summarise(values, values_of_arm(list, first->arm, best_of, values), &best, err));
  RP_TRY(difference_of_arm(list, first->arm, values, &difference, &row->remarks, err));
  rp_text_add(&row->cells[0], first->arm);
  rp_text_format(&row->cells[1], "%d", headline.n);
  add_accuracy(&row->cells[2], &headline);
  add_headline_epochs(&row->cells[3], list, first->arm);
  add_accuracy(&row->cells[4], &last);
  add_accuracy(&row->cells[5], &best);
  if (best.n && first->validation_ranks) rp_text_add(&row->cells[5], " *");
  add_difference(&row->cells[6], &difference, &row->remarks);
  row->remarks.any_validation_ranks = best.n && first->validation_ranks;
  return RP_OK;
}

static rp_status add_row(const rp_trial_list *list, const rp_trial_result *first, rp_seed_value *values, rp_report_table *table,
                         remarks *all, rp_error *err) {
  row_texts row = {0};
  rp_status status = write_row(list, first, values, &row, err);
  if (status == RP_OK) status = rp_report_add_row(table, row.cells, err);
  for (int i = 0; i < RP_REPORT_COLUMNS; i++) rp_text_free(&row.cells[i]);
  all->any_validation_ranks |= row.remarks.any_validation_ranks;
  all->any_mixed |= row.remarks.any_mixed;
  all->any_uneven |= row.remarks.any_uneven;
  return status;
}

/* ---- Notes ----------------------------------------------------------------------------------- */

static rp_status note(rp_report_table *table, const char *text, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text copy = {0};
  rp_text_add(&copy, text);
  return rp_report_add_note(table, &copy, err);
}

static rp_status note_failures(rp_report_table *table, const rp_trial_list *list, rp_error *err) {
  int unfinished = 0;
  for (int i = 0; i < list->n; i++) {
    const rp_trial_result *trial = &list->trials[i];
    unfinished += trial->status == RP_TRIAL_PENDING || trial->status == RP_TRIAL_RUNNING;
    if (trial->status != RP_TRIAL_FAILED) continue;
    RP_CLEANUP(rp_text_free) rp_text text = {0};
    rp_text_format(&text, "Failed: %s, seed %lld, after epoch %d: %s%s%s.", trial->arm, (long long)trial->seed, trial->epochs_done,
                   trial->cause ? trial->cause : "", trial->cause && trial->message ? ": " : "", trial->message ? trial->message : "");
    RP_TRY(rp_report_add_note(table, &text, err));
  }
  if (!unfinished) return RP_OK;
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  rp_text_format(&text, "Not finished: %d of %d trials; they are not in the table.", unfinished, list->n);
  return rp_report_add_note(table, &text, err);
}

void rp_report_add_ties(const rp_tie_result *ties, rp_text *out) {
  static const char DREW[] = "there the draw that breaks ties (SEMANTICS.md, rule 14) decided which went, not the criterion.";
  rp_text_format(out, "%s%s%s: ", ties->ranker, *ties->options ? " " : "", ties->options);
  if (ties->n_equal == ties->n_by_draw)
    rp_text_format(out, "all scores were equal at %d of %d drops: %s", ties->n_equal, ties->n_drops, DREW);
  else
    rp_text_format(out, "at %d of %d drops no fewer filters had equal scores at the cut than were dropped: %s", ties->n_by_draw,
                   ties->n_drops, DREW);
}

static rp_status note_ties(rp_report_table *table, rp_store *store, rp_error *err) {
  RP_CLEANUP(rp_tie_list_free) rp_tie_list list = {0};
  RP_TRY(rp_query_ties(store, table->title, &list, err));
  for (int i = 0; i < list.n; i++) {
    RP_CLEANUP(rp_text_free) rp_text text = {0};
    rp_report_add_ties(&list.ties[i], &text);
    RP_TRY(rp_report_add_note(table, &text, err));
  }
  return RP_OK;
}

static int is_generated(const rp_trial_list *list) {
  for (int i = 0; i < list->n; i++)
    if (strcmp(list->trials[i].data, "shapes") == 0) return 1;
  return 0;
}

static rp_status write_notes(rp_report_table *table, const rp_trial_list *list, const remarks *all, rp_store *store, rp_error *err) {
  RP_TRY(note(table,
              "Test accuracies in %, mean ± standard deviation over n seeds. Headline: mean over the last epochs of the final full phase, "
              "as many as "
              "`epochs` says; last: the last epoch; best val: the epoch of best validation accuracy among full epochs.",
              err));
  RP_TRY(note(table, "vs baseline: difference of headlines in points, paired by seed: mean [95 % interval, Student's t], n pairs.", err));
  if (all->any_validation_ranks)
    RP_TRY(note(table, "* the validation images also ranked the filters of this arm, so they are no independent choice of an epoch.", err));
  if (all->any_mixed) RP_TRY(note(table, "† pairs that were not computed in one environment (libraries, compiler, instruction set).", err));
  if (all->any_uneven)
    RP_TRY(note(table,
                "‡ pairs whose headlines are means over different numbers of epochs, see `epochs`: while accuracy still rises, that alone "
                "favours the one with fewer. More epochs after the last regrow (train.epochs: {after: 5} or more) make them equal.",
                err));
  RP_TRY(note_ties(table, store, err));
  RP_TRY(note_failures(table, list, err));
  return is_generated(list) ? note(table, "The data set `shapes` is generated: these numbers illustrate and prove nothing.", err) : RP_OK;
}

/* ---- The report ------------------------------------------------------------------------------ */

/* "data cifar10, model c3-authors": each distinct value once. */
static void describe(const rp_trial_list *list, rp_text *text) {
  for (int part = 0; part < 2; part++) {
    int n = 0;
    for (int i = 0; i < list->n; i++) {
      const char *value = part ? list->trials[i].model : list->trials[i].data;
      int is_new = 1;
      for (int j = 0; j < i; j++) is_new &= strcmp(part ? list->trials[j].model : list->trials[j].data, value) != 0;
      if (is_new) rp_text_format(text, "%s%s", n++ ? ", " : part ? "; model " : "data ", value);
    }
  }
}

static rp_status build_table(const rp_trial_list *list, rp_store *store, rp_report_table *table, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) rp_seed_value *values = NULL;
  remarks all = {0};
  RP_TRY(rp_allocate((size_t)list->n, sizeof *values, &values, err));
  for (int baseline = 1; baseline >= 0; baseline--)
    for (int i = 0; i < list->n; i++)
      if (list->trials[i].is_baseline == baseline && is_first_of_arm(list, i))
        RP_TRY(add_row(list, &list->trials[i], values, table, &all, err));
  return write_notes(table, list, &all, store, err);
}

static rp_status write_arms(rp_store *store, const char *experiment, rp_report_format format, FILE *out, rp_error *err) {
  RP_CLEANUP(rp_trial_list_free) rp_trial_list list = {0};
  RP_CLEANUP(rp_text_free) rp_text subtitle = {0};
  RP_CLEANUP(rp_report_table_free)
  rp_report_table table = {
      .title = experiment, .n_columns = RP_REPORT_COLUMNS, .heads = {"arm", "n", "headline", "epochs", "last", "best val", "vs baseline"}};
  RP_TRY(rp_query_trials(store, experiment, &list, err));
  describe(&list, &subtitle);
  RP_TRY(rp_text_check(&subtitle, err));
  table.subtitle = rp_text_string(&subtitle);
  RP_TRY(build_table(&list, store, &table, err));
  FORMATS[format].write(&table, out);
  return RP_OK;
}

static rp_status write_agreement(rp_store *store, const char *experiment, rp_report_format format, FILE *out, rp_error *err) {
  RP_CLEANUP(rp_agreement_free) rp_agreement agreement = {0};
  RP_CLEANUP(rp_text_free) rp_text subtitle = {0};
  RP_CLEANUP(rp_report_table_free) rp_report_table table = {0};
  RP_TRY(rp_query_agreement(store, experiment, &agreement, err));
  if (!agreement.n) return RP_OK;
  RP_TRY(rp_report_agreement(&agreement, &subtitle, &table, err));
  FORMATS[format].write(&table, out);
  return RP_OK;
}

rp_status rp_report(rp_store *store, const char *experiment, rp_report_format format, FILE *out, rp_error *err) {
  RP_TRY(write_arms(store, experiment, format, out, err));
  RP_TRY(write_agreement(store, experiment, format, out, err));
  if (fflush(out) != 0 || ferror(out)) return rp_fail_errno(err, RP_EIO, "cannot write the report");
  return RP_OK;
}
