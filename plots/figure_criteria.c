/* figure_criteria.c: arms side by side: a dot per seed and the mean; the baselines first, whose mean and range go on behind the arms that
 * are compared with them. */
#include "plots/script.h"

#include "core/base/memory.h"
#include "results/statistics.h"

#include <math.h>
#include <string.h>

enum { LABEL_WIDTH = 24, LABEL_LINES = 3, MOST_ROWS = 40 };
static const char DOT_COLOUR[] = "#0072b2", MEAN_COLOUR[] = "#e69f00", BASELINE_COLOUR[] = "#000000", RANGE_COLOUR[] = "#d0d0d0";
static const double CHARACTER_POINTS = 4.3;

/* What the captions say. */
typedef struct {
  int fewest, most;               /* seeds of an arm */
  int fewest_epochs, most_epochs; /* that headlines average */
  int n_rows, n_lines, n_left_out;
  int n_compared; /* rows with results that are no baselines */
  double rows_height;
  int longest_label;
  rp_summary baseline; /* of the rows since baseline_top; n = 0 = none yet */
  double baseline_top;
  int has_baseline;
} comparison;

static const rp_trial_result *find_trial(const rp_trial_list *list, rp_id id) {
  for (int i = 0; i < list->n; i++)
    if (rp_id_equal(list->trials[i].trial, id)) return &list->trials[i];
  return NULL;
}

static void note_epochs(comparison *all, int n) {
  if (n && (all->most_epochs == 0 || n < all->fewest_epochs)) all->fewest_epochs = n;
  if (n > all->most_epochs) all->most_epochs = n;
}

/* An arm's headlines, and those of its trials' baselines, each baseline once. Both arrays [trials]. */
static void collect(const rp_trial_list *list, const char *arm, rp_seed_value *values, int *n_values, rp_seed_value *baselines,
                    int *n_baselines, comparison *all) {
  *n_values = *n_baselines = 0;
  for (int i = 0; i < list->n; i++) {
    const rp_trial_result *trial = &list->trials[i], *baseline = find_trial(list, list->trials[i].baseline);
    if (strcmp(trial->arm, arm) != 0) continue;
    values[(*n_values)++] = (rp_seed_value){trial->seed, trial->headline_test_acc};
    note_epochs(all, trial->headline_epochs);
    if (!baseline) continue;
    baselines[(*n_baselines)++] = (rp_seed_value){baseline->seed, baseline->headline_test_acc};
    note_epochs(all, baseline->headline_epochs);
  }
}

/* What a row of the figure is written into. */
typedef struct {
  rp_text labels, seeds, means, baselines;
} row_texts;

static void free_rows(row_texts *rows) {
  rp_text_free(&rows->labels), rp_text_free(&rows->seeds), rp_text_free(&rows->means), rp_text_free(&rows->baselines);
}

/* The wrapped label, a gnuplot label per line: where a terminal puts the lines of a longer one differs. Returns the height of the row. */
static double write_label(const char *arm, int has_result, comparison *all, rp_text *labels) {
  RP_CLEANUP(rp_text_free) rp_text label = {0};
  RP_CLEANUP(rp_text_free) rp_text wrapped = {0};
  rp_text_format(&label, "%s%s", arm, has_result ? "" : ": no result");
  int n_lines = rp_script_wrap(&wrapped, rp_text_string(&label), LABEL_WIDTH, LABEL_LINES);
  double height = n_lines * (RP_LINE_POINTS - 1) + 4;
  const char *line = rp_text_string(&wrapped);
  for (int i = 0; i < n_lines; i++) {
    RP_CLEANUP(rp_text_free) rp_text one = {0};
    size_t bytes = strcspn(line, "\n");
    int length = 0;
    for (size_t j = 0; j < bytes; j++) length += ((unsigned char)line[j] & 0xc0) != 0x80;
    if (length > all->longest_label) all->longest_label = length;
    rp_text_add_bytes(&one, line, bytes);
    rp_text_format(labels, "line_text[%d] = ", ++all->n_lines);
    rp_script_string(labels, rp_text_string(&one));
    rp_text_format(labels, "\nline_y[%d] = %g\nline_colour[%d] = '%s'\n", all->n_lines,
                   all->rows_height + height / 2 + (i - 0.5 * (n_lines - 1)) * (RP_LINE_POINTS - 1), all->n_lines,
                   has_result ? BASELINE_COLOUR : "#707070");
    line += bytes + (line[bytes] == '\n');
  }
  return height;
}

/* Writes the baseline of the rows above `bottom` that share it. */
static void finish_baseline(comparison *all, double bottom, rp_text *baselines) {
  const rp_summary *baseline = &all->baseline;
  if (baseline->n)
    rp_text_format(baselines, "%.6g %.6g %.6g %g %g\n", 100 * baseline->mean, 100 * baseline->min, 100 * baseline->max, all->baseline_top,
                   bottom);
  all->has_baseline |= baseline->n > 0;
}

static int is_same(const rp_summary *a, const rp_summary *b) {
  return a->n == b->n && (a->n == 0 || (a->mean == b->mean && a->min == b->min && a->max == b->max));
}

/* One arm; y counts points downwards from the top of the panel. */
static rp_status write_row(const rp_figure_data *data, const rp_figure_arm *arm, rp_seed_value *values, rp_seed_value *baselines,
                           comparison *all, row_texts *rows, rp_error *err) {
  rp_summary summary, baseline;
  int n_values, n_baselines;
  collect(&data->trials, arm->name, values, &n_values, baselines, &n_baselines, all);
  RP_TRY(rp_summarise(values, n_values, &summary, err));
  RP_TRY(rp_summarise(baselines, n_baselines, &baseline, err));
  if (!is_same(&baseline, &all->baseline)) {
    finish_baseline(all, all->rows_height, &rows->baselines);
    all->baseline = baseline;
    all->baseline_top = all->rows_height;
  }
  double row_height = write_label(arm->name, summary.n > 0, all, &rows->labels), y = all->rows_height + row_height / 2;
  all->n_rows++;
  all->n_compared += summary.n > 0 && !arm->is_baseline;
  all->rows_height += row_height;
  for (int i = 0; i < n_values; i++)
    if (!isnan(values[i].value)) rp_text_format(&rows->seeds, "%.6g %g\n", 100 * values[i].value, y);
  if (summary.n > 1) rp_text_format(&rows->means, "%.6g %g\n", 100 * summary.mean, y);
  if (summary.n && (all->most == 0 || summary.n < all->fewest)) all->fewest = summary.n;
  if (summary.n > all->most) all->most = summary.n;
  return RP_OK;
}

/* A datablock; NaN keeps gnuplot from stumbling over an empty one. */
static void add_block(rp_text *script, const char *name, const rp_text *rows) {
  rp_text_format(script, "$%s << EOD\n%sEOD\n", name, rows->length ? rp_text_string(rows) : "NaN NaN NaN NaN NaN\n");
}

static double write_legend(const rp_figure_data *data, const comparison *all, rp_text *script) {
  RP_CLEANUP(rp_text_free) rp_text captions = {0};
  rp_legend_entry entries[4];
  int n = 0;
  entries[n++] = (rp_legend_entry){"one seed", DOT_COLOUR, 1, RP_LEGEND_DOT};
  if (all->most > 1) entries[n++] = (rp_legend_entry){"mean", MEAN_COLOUR, 1, RP_LEGEND_BAR};
  if (all->has_baseline)
    entries[n++] = (rp_legend_entry){all->most > 1 ? "baseline, mean" : "baseline", BASELINE_COLOUR, 1, RP_LEGEND_LINE};
  if (all->has_baseline && all->most > 1) entries[n++] = (rp_legend_entry){"baseline, range", RANGE_COLOUR, 1, RP_LEGEND_BOX};
  if (all->most_epochs == 1)
    rp_text_add(&captions, "Last epoch; ");
  else if (all->fewest_epochs == all->most_epochs)
    rp_text_format(&captions, "Mean of the last %d epochs; ", all->most_epochs);
  else
    rp_text_format(&captions, "Mean of the last %d–%d epochs; ", all->fewest_epochs, all->most_epochs);
  rp_script_seeds(&captions, all->fewest, all->most);
  rp_text_add(&captions, ".");
  if (all->n_left_out) rp_text_format(&captions, " %d more arms are not shown.", all->n_left_out);
  rp_script_provenance(&captions, &data->trials);
  return rp_script_legend(script, RP_WIDTH_POINTS, entries, n, rp_text_string(&captions));
}

static void write_script(const rp_figure_data *data, const comparison *all, const row_texts *rows, rp_text *script, rp_canvas *canvas) {
  rp_text_format(script, "n_lines = %d\narray line_text[%d]\narray line_y[%d]\narray line_colour[%d]\n", all->n_lines, all->n_lines,
                 all->n_lines, all->n_lines);
  rp_text_add(script, rp_text_string(&rows->labels));
  add_block(script, "seeds", &rows->seeds);
  add_block(script, "means", &rows->means);
  add_block(script, "baselines", &rows->baselines);
  double legend = write_legend(data, all, script);
  rp_text_format(script, "below = %g\npanel = %g\nlabel_points = %g\nseed_colour = '%s'\nmean_colour = '%s'\nrange_colour = '%s'\n", legend,
                 all->rows_height, 10 + CHARACTER_POINTS * all->longest_label, DOT_COLOUR, MEAN_COLOUR, RANGE_COLOUR);
  canvas->height = legend + 24 + all->rows_height + 6; /* axis, panel, top: as in criteria.gp */
}

rp_status rp_figure_criteria(const rp_figure_data *data, rp_text *script, rp_canvas *canvas, int *fits, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) rp_figure_arm *arms = NULL;
  RP_CLEANUP(rp_free_pointer) rp_seed_value *values = NULL;
  RP_CLEANUP(rp_free_pointer) rp_seed_value *baselines = NULL;
  RP_CLEANUP(free_rows) row_texts rows = {0};
  comparison all = {0};
  RP_TRY(rp_allocate((size_t)data->trials.n, sizeof *arms, &arms, err));
  RP_TRY(rp_allocate((size_t)data->trials.n, sizeof *values, &values, err));
  RP_TRY(rp_allocate((size_t)data->trials.n, sizeof *baselines, &baselines, err));
  int n_arms = rp_figure_arms(&data->trials, arms);
  for (int i = 0; i < n_arms; i++) {
    if (all.n_rows == MOST_ROWS)
      all.n_left_out++;
    else
      RP_TRY(write_row(data, &arms[i], values, baselines, &all, &rows, err));
  }
  finish_baseline(&all, all.rows_height, &rows.baselines);
  *fits = all.n_compared > 0;
  if (!*fits) return RP_OK;
  write_script(data, &all, &rows, script, canvas);
  return rp_text_check(script, err);
}
