/* figure_accuracy.c: accuracy per epoch, as in figure 1 of the paper: train and test panels, mean and range over seeds, sub-network phases
 * shaded. The ranges of few arms are bands; those of more would cover each other and are bars, each arm's at epochs of its own, and side by
 * side at the end. */
#include "plots/script.h"

#include "core/base/memory.h"
#include "results/statistics.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Okabe and Ito's palette without its yellow, which is too light for a line on white; black is the baseline's. */
static const char *const COLOURS[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"};
enum { N_COLOURS = sizeof COLOURS / sizeof *COLOURS, MOST_LINES = 7, MOST_BANDS = 3, MOST_PHASES = 64, LABEL_WIDTH = 48 };
enum { SHORT_GAPS = 6 }; /* dash type that accuracy.gp defines */
static const char BASELINE_COLOUR[] = "#000000", PUBLISHED_COLOUR[] = "#707070", PHASE_COLOUR[] = "#d9d9d9";

/* What is drawn of the whole figure. */
typedef struct {
  rp_seed_value *train, *test; /* of one epoch of one arm; [trials] */
  int fewest, most;            /* seeds at any epoch */
  int last_epoch;
  int n_ranges;      /* epochs with more than one seed */
  double lowest[2];  /* train and test accuracy in % from the first twentieth of the run on; at most 95 */
  double highest[2]; /* of the whole run */
} summary_of_figure;

static int is_of_arm(const rp_figure_data *data, int row, const char *arm) {
  return strcmp(data->owners[row]->arm, arm) == 0;
}

static int last_epoch_of(const rp_figure_data *data, const char *arm) {
  int last = 0;
  for (int i = 0; i < data->epochs.n; i++)
    if (data->epochs.epochs[i].epoch > last && is_of_arm(data, i, arm)) last = data->epochs.epochs[i].epoch;
  return last;
}

static void add_summary(rp_text *script, const rp_summary *summary) {
  if (summary->n == 0)
    rp_text_add(script, " NaN NaN NaN");
  else
    rp_text_format(script, " %.6g %.6g %.6g", 100 * summary->mean, 100 * summary->min, 100 * summary->max);
}

/* One line of a datablock: epoch, then mean, min, max of train and of test accuracy in %. */
static rp_status write_epoch(const rp_figure_data *data, const char *arm, int epoch, int last_epoch, summary_of_figure *figure,
                             rp_text *script, rp_error *err) {
  rp_summary train, test;
  int n = 0;
  for (int i = 0; i < data->epochs.n; i++) {
    const rp_epoch_result *row = &data->epochs.epochs[i];
    if (row->epoch != epoch || !is_of_arm(data, i, arm)) continue;
    int64_t seed = data->owners[i]->seed;
    figure->train[n] = (rp_seed_value){seed, row->train_acc};
    figure->test[n++] = (rp_seed_value){seed, row->test_acc};
  }
  RP_TRY(rp_summarise(figure->train, n, &train, err));
  RP_TRY(rp_summarise(figure->test, n, &test, err));
  if (test.n && (figure->most == 0 || test.n < figure->fewest)) figure->fewest = test.n;
  if (test.n > figure->most) figure->most = test.n;
  figure->n_ranges += test.n > 1;
  figure->highest[0] = fmax(figure->highest[0], 100 * train.max); /* fmax and fmin pass over NaN */
  figure->highest[1] = fmax(figure->highest[1], 100 * test.max);
  if (20 * epoch >= last_epoch) {
    figure->lowest[0] = fmin(figure->lowest[0], 100 * train.min);
    figure->lowest[1] = fmin(figure->lowest[1], 100 * test.min);
  }
  rp_text_format(script, "%d", epoch);
  add_summary(script, &train);
  add_summary(script, &test);
  rp_text_add(script, "\n");
  return RP_OK;
}

/* The datablock of all arms, two blank lines between them. */
static rp_status write_arms(const rp_figure_data *data, const rp_figure_arm *arms, int n, summary_of_figure *figure, rp_text *script,
                            rp_error *err) {
  rp_text_add(script, "$arms << EOD\n");
  for (int i = 0; i < n; i++) {
    int last = last_epoch_of(data, arms[i].name);
    if (last > figure->last_epoch) figure->last_epoch = last;
    for (int epoch = 1; epoch <= last; epoch++) RP_TRY(write_epoch(data, arms[i].name, epoch, last, figure, script, err));
    rp_text_add(script, "\n\n");
  }
  rp_text_add(script, "EOD\n");
  return RP_OK;
}

/* Each arm's last epoch once more, likewise. */
static rp_status write_ends(const rp_figure_data *data, const rp_figure_arm *arms, int n, summary_of_figure *figure, rp_text *script,
                            rp_error *err) {
  rp_text_add(script, "$ends << EOD\n");
  for (int i = 0; i < n; i++) {
    int last = last_epoch_of(data, arms[i].name);
    RP_TRY(write_epoch(data, arms[i].name, last, last, figure, script, err));
    rp_text_add(script, "\n\n");
  }
  rp_text_add(script, "EOD\n");
  return RP_OK;
}

/* ---- Phases ---------------------------------------------------------------------------------- */

typedef struct {
  int from, to; /* epochs at whose ends the drop and the regrow happen */
} phase;

/* The phases of a trial, from its rows, which are in order of epoch; returns their number. */
static int phases_of_trial(const rp_figure_data *data, rp_id trial, phase *phases) {
  int n = 0;
  for (int i = 0; i < data->epochs.n; i++) {
    const rp_epoch_result *row = &data->epochs.epochs[i];
    if (!row->is_sub || !rp_id_equal(row->trial, trial)) continue;
    if (n && phases[n - 1].to == row->epoch - 1)
      phases[n - 1].to = row->epoch;
    else if (n < MOST_PHASES)
      phases[n++] = (phase){row->epoch - 1, row->epoch};
  }
  return n;
}

/* Each distinct phase of the shown arms once: arms on one clock share their shade, others' overlap. */
static int phases_of_arms(const rp_figure_data *data, const rp_figure_arm *arms, int n, phase *phases) {
  int n_phases = 0;
  for (int i = 0; i < data->trials.n; i++) {
    const rp_trial_result *trial = &data->trials.trials[i];
    phase own[MOST_PHASES];
    int is_shown = 0;
    for (int j = 0; j < n; j++) is_shown |= strcmp(arms[j].name, trial->arm) == 0;
    int n_own = is_shown ? phases_of_trial(data, trial->trial, own) : 0;
    for (int j = 0; j < n_own && n_phases < MOST_PHASES; j++) {
      int is_new = 1;
      for (int k = 0; k < n_phases; k++) is_new &= phases[k].from != own[j].from || phases[k].to != own[j].to;
      if (is_new) phases[n_phases++] = own[j];
    }
  }
  return n_phases;
}

static int write_phases(const rp_figure_data *data, const rp_figure_arm *arms, int n, rp_text *script) {
  phase phases[MOST_PHASES];
  int n_phases = phases_of_arms(data, arms, n, phases), size = n_phases > 0 ? n_phases : 1;
  rp_text_format(script, "n_phases = %d\nphase_colour = '%s'\narray phase_from[%d]\narray phase_to[%d]\n", n_phases, PHASE_COLOUR, size,
                 size);
  for (int i = 0; i < n_phases; i++)
    rp_text_format(script, "phase_from[%d] = %d\nphase_to[%d] = %d\n", i + 1, phases[i].from, i + 1, phases[i].to);
  return n_phases;
}

/* ---- Published points ------------------------------------------------------------------------ */

/* A datablock for each published series of a panel, empty where it is not wanted: epoch, accuracy in %. Lines of the file:
 * figure,panel,series,epoch,value. */
static void write_published(int wanted, summary_of_figure *figure, rp_text *script) {
  static const char *const panels[] = {"train", "test"}, *const series[] = {"standard", "repr_oracle"};
  for (int p = 0; p < 2; p++)
    for (int s = 0; s < 2; s++) {
      char start[64];
      size_t length = (size_t)snprintf(start, sizeof start, "accuracy,%s,%s,", panels[p], series[s]);
      rp_text_format(script, "$published_%s_%s << EOD\n", panels[p], series[s]);
      for (const char *line = rp_embedded_plots_published_csv; wanted && *line; line += strcspn(line, "\n"), line += *line == '\n') {
        double epoch, value;
        if (strncmp(line, start, length) != 0 || sscanf(line + length, "%lf,%lf", &epoch, &value) != 2) continue;
        rp_text_format(script, "%g %g\n", epoch, 100 * value);
        figure->highest[p] = fmax(figure->highest[p], 100 * value);
      }
      rp_text_add(script, "EOD\n");
    }
}

/* ---- The figure ------------------------------------------------------------------------------ */

/* Labels as the legend shows them, cut to one line. */
typedef struct {
  rp_text text[MOST_LINES];
} labels;
static void free_labels(labels *all) {
  for (int i = 0; i < MOST_LINES; i++) rp_text_free(&all->text[i]);
}

/* Lines of colours that are about as dark as each other are solid and dashed, once there are several. */
static void write_style(const rp_figure_arm *arms, int n, labels *texts, rp_legend_entry *entries) {
  int n_baselines = 0, n_others = 0;
  for (int i = 0; i < n; i++) {
    rp_script_wrap(&texts->text[i], arms[i].name, LABEL_WIDTH, 1);
    entries[i] = (rp_legend_entry){rp_text_string(&texts->text[i]), BASELINE_COLOUR, 1, RP_LEGEND_LINE};
    if (arms[i].is_baseline)
      entries[i].dash = 1 + n_baselines++;
    else {
      entries[i].dash = n > MOST_BANDS && n_others % 2 ? SHORT_GAPS : 1;
      entries[i].colour = COLOURS[n_others++ % N_COLOURS];
    }
  }
}

static void write_captions(const rp_figure_data *data, const summary_of_figure *figure, int n_shown, int n_arms, rp_text *captions) {
  rp_text_add(captions, figure->n_ranges ? "Lines: mean over " : "");
  rp_script_seeds(captions, figure->fewest, figure->most);
  rp_text_add(captions, !figure->n_ranges ? "." : n_shown <= MOST_BANDS ? "; bands: range." : "; bars: range (right: last epoch).");
  if (n_shown < n_arms) rp_text_format(captions, " %d of %d arms shown.", n_shown, n_arms);
  rp_script_provenance(captions, &data->trials);
}

static double write_legend(const rp_figure_data *data, const rp_figure_arm *arms, int n, int n_arms, int n_phases,
                           const summary_of_figure *figure, rp_text *script) {
  RP_CLEANUP(free_labels) labels texts = {0};
  RP_CLEANUP(rp_text_free) rp_text captions = {0};
  rp_legend_entry entries[MOST_LINES + 3];
  write_style(arms, n, &texts, entries);
  int n_entries = n;
  if (n_phases) entries[n_entries++] = (rp_legend_entry){"sub-network phase", PHASE_COLOUR, 1, RP_LEGEND_BOX};
  if (data->options->paper) {
    entries[n_entries++] = (rp_legend_entry){"published: standard", PUBLISHED_COLOUR, 3, RP_LEGEND_LINE};
    entries[n_entries++] = (rp_legend_entry){"published: RePr, oracle", PUBLISHED_COLOUR, 2, RP_LEGEND_LINE};
  }
  write_captions(data, figure, n, n_arms, &captions);
  return rp_script_legend(script, RP_WIDTH_POINTS, entries, n_entries, rp_text_string(&captions));
}

rp_status rp_figure_accuracy(const rp_figure_data *data, rp_text *script, rp_canvas *canvas, int *fits, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) rp_figure_arm *arms = NULL;
  RP_CLEANUP(rp_free_pointer) rp_seed_value *train = NULL;
  RP_CLEANUP(rp_free_pointer) rp_seed_value *test = NULL;
  RP_TRY(rp_allocate((size_t)data->trials.n, sizeof *arms, &arms, err));
  RP_TRY(rp_allocate((size_t)data->trials.n, sizeof *train, &train, err));
  RP_TRY(rp_allocate((size_t)data->trials.n, sizeof *test, &test, err));
  int n_all = rp_figure_arms(&data->trials, arms), n_arms = 0;
  for (int i = 0; i < n_all; i++)
    if (last_epoch_of(data, arms[i].name) > 0) arms[n_arms++] = arms[i];
  *fits = n_arms > 0;
  if (!*fits) return RP_OK;
  int n = n_arms < MOST_LINES ? n_arms : MOST_LINES;
  summary_of_figure figure = {.train = train, .test = test, .lowest = {95, 95}};
  RP_TRY(write_arms(data, arms, n, &figure, script, err));
  RP_TRY(write_ends(data, arms, n, &figure, script, err));
  write_published(data->options->paper, &figure, script);
  int n_phases = write_phases(data, arms, n, script);
  double legend = write_legend(data, arms, n, n_arms, n_phases, &figure, script);
  rp_text_format(script, "n_arms = %d\npaper = %d\nlast_epoch = %d\nbelow = %g\nbands = %d\nbars = %d\n", n, data->options->paper,
                 figure.last_epoch, legend, figure.n_ranges && n <= MOST_BANDS, figure.n_ranges && n > MOST_BANDS);
  rp_text_format(script, "lowest_train = %g\nlowest_test = %g\nhighest_train = %g\nhighest_test = %g\n", figure.lowest[0], figure.lowest[1],
                 figure.highest[0], figure.highest[1]);
  canvas->height = legend + 24 + 2 * 100 + 8 + 8; /* axis, panels, gap, top: as in accuracy.gp */
  return rp_text_check(script, err);
}
