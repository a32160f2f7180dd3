/* figure.c: the table of figures, and the way from an experiment to files. */
#include "plots/figure.h"

#include "core/base/files.h"
#include "core/base/memory.h"
#include "plots/gnuplot.h"
#include "plots/script.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* X(name, function, template, one line of help) */
#define FIGURE_LIST(X)                                                                                                                     \
  X("accuracy", rp_figure_accuracy, rp_embedded_plots_accuracy_gp, "train and test accuracy per epoch, sub-network phases shaded")         \
  X("criteria", rp_figure_criteria, rp_embedded_plots_criteria_gp, "arms compared by their headline, a dot per seed, beside the baseline")

static const rp_figure_description DESCRIPTIONS[] = {
#define DESCRIPTION(name, function, template, help) {name, help},
    FIGURE_LIST(DESCRIPTION)
#undef DESCRIPTION
};

static const struct {
  rp_status (*write)(const rp_figure_data *, rp_text *, double *, int *, rp_error *);
  const char *template;
} FIGURES[] = {
#define FIGURE(name, function, template, help) {function, template},
    FIGURE_LIST(FIGURE)
#undef FIGURE
};
enum { N_FIGURES = sizeof FIGURES / sizeof *FIGURES };

static const char *const FORMAT_NAMES[] = {
#define FORMAT_NAME(code, name) name,
    RP_PLOT_FORMAT_LIST(FORMAT_NAME)
#undef FORMAT_NAME
};

const rp_figure_description *rp_figures(int *n) {
  *n = N_FIGURES;
  return DESCRIPTIONS;
}

int rp_plot_format_of(const char *name, rp_plot_format *out) {
  for (int i = 0; i < RP_N_PLOT_FORMATS; i++)
    if (strcmp(name, FORMAT_NAMES[i]) == 0) {
      *out = (rp_plot_format)i;
      return 1;
    }
  return 0;
}

/* ---- Script ---------------------------------------------------------------------------------- */

/* The three terminals draw the same picture: one column (8.5 cm) wide, PNG with 1000 pixels. They differ in what a unit of text and of line
 * width is. */
static void write_terminal(rp_text *script, rp_plot_format format, double height) {
  const double width = RP_WIDTH_POINTS, pixels = 1000 / width;
  switch (format) {
  case RP_PLOT_PNG:
    rp_text_format(
        script,
        "set terminal pngcairo noenhanced size 1000, %d font 'Sans,%d' fontscale %g linewidth %g pointscale %g background '#ffffff'\n",
        (int)(height * pixels + 0.5), RP_TEXT_POINTS, pixels * 0.75, pixels * 0.75, pixels * 0.75);
    break;
  case RP_PLOT_SVG:
    rp_text_format(script, "set terminal svg noenhanced size %d, %d font 'Sans,%g' linewidth 1 background '#ffffff'\n",
                   (int)(width * 4 / 3 + 0.5), (int)(height * 4 / 3 + 0.5), RP_TEXT_POINTS * 4.0 / 3);
    break;
  default:
    rp_text_format(script, "set terminal pdfcairo noenhanced size %gcm, %gcm font 'Sans,%d' fontscale 0.75 linewidth 1.5 pointscale 0.75\n",
                   width / 72 * 2.54, height / 72 * 2.54, RP_TEXT_POINTS);
  }
}

/* Returns the whole script, or *fits = 0. */
static rp_status write_script(const rp_figure_data *data, int figure, const char *output, rp_text *script, int *fits, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text rows = {0};
  double height = 0;
  RP_TRY(FIGURES[figure].write(data, &rows, &height, fits, err));
  if (!*fits) return RP_OK;
  write_terminal(script, data->options->format, height);
  rp_text_add(script, "set encoding utf8\nset output ");
  rp_script_string(script, output);
  rp_text_format(script, "\nwidth = %d.0\nheight = %g\n", RP_WIDTH_POINTS, height);
  rp_text_add(script, rp_text_string(&rows));
  rp_text_add(script, FIGURES[figure].template);
  rp_text_add(script, "\nunset output\n");
  return rp_text_check(script, err);
}

/* ---- Files ----------------------------------------------------------------------------------- */

/* FOLDER/EXPERIMENT-FIGURE.FORMAT; what cannot stand in a file's name becomes '-'. */
static rp_status path_of(const rp_plot_options *options, const char *experiment, const char *figure, char **path, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text name = {0};
  for (const char *c = experiment; *c; c++) rp_text_add_bytes(&name, *c == '/' || (unsigned char)*c < 0x20 ? "-" : c, 1);
  rp_text_format(&name, "-%s.%s", figure, FORMAT_NAMES[options->format]);
  RP_TRY(rp_text_check(&name, err));
  return rp_join_path(options->folder, rp_text_string(&name), path, err);
}

static rp_status draw(const rp_figure_data *data, const char *experiment, int figure, int *fits, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *path = NULL;
  RP_CLEANUP(rp_text_free) rp_text script = {0};
  RP_CLEANUP(rp_text_free) rp_text aside = {0};
  RP_TRY(path_of(data->options, experiment, DESCRIPTIONS[figure].name, &path, err));
  rp_text_format(&aside, "%s.%ld.part", path, (long)getpid());
  RP_TRY(rp_text_check(&aside, err));
  RP_TRY(write_script(data, figure, rp_text_string(&aside), &script, fits, err));
  if (!*fits) return RP_OK;
  /* Drawn aside and renamed, so that a figure is whole or not there; gnuplot also says nothing of a disk that is full. */
  RP_TRY(rp_make_folders(data->options->folder, err));
  FILE *probe = fopen(rp_text_string(&aside), "wb");
  if (!probe) return rp_fail_errno(err, RP_EIO, "cannot write %s", path);
  fclose(probe);
  rp_status status = rp_gnuplot_run(rp_text_string(&script), err);
  if (status == RP_OK && rename(rp_text_string(&aside), path) != 0) status = rp_fail_errno(err, RP_EIO, "cannot write %s", path);
  if (status != RP_OK) {
    unlink(rp_text_string(&aside));
    rp_add_context(err, "figure %s", DESCRIPTIONS[figure].name);
    return status;
  }
  if (data->options->written) data->options->written(data->options->user, path);
  return RP_OK;
}

static rp_status fail_unknown(const char *figure, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text names = {0};
  for (int i = 0; i < N_FIGURES; i++) rp_text_format(&names, "%s%s", i ? ", " : "", DESCRIPTIONS[i].name);
  return rp_fail(err, RP_EINPUT, "there is no figure %s; there are %s", figure, rp_text_string(&names));
}

static rp_status draw_all(const rp_figure_data *data, const char *experiment, const char *figure, rp_error *err) {
  int n_drawn = 0;
  for (int i = 0; i < N_FIGURES; i++) {
    int fits = 0;
    if (figure && strcmp(figure, DESCRIPTIONS[i].name) != 0) continue;
    RP_TRY(draw(data, experiment, i, &fits, err));
    n_drawn += fits;
  }
  if (n_drawn) return RP_OK;
  return rp_fail(err, RP_EINPUT, "experiment %s has no results for %s%s yet", experiment, figure ? "figure " : "any figure",
                 figure ? figure : "");
}

/* Rows of epochs come trial by trial, so that each search starts where the last one ended. */
static rp_status find_owners(const rp_trial_list *trials, const rp_epoch_list *epochs, const rp_trial_result ***owners, rp_error *err) {
  RP_TRY(rp_allocate((size_t)epochs->n, sizeof **owners, owners, err));
  for (int i = 0, trial = 0; i < epochs->n; i++) {
    for (int tried = 0; tried < trials->n && !rp_id_equal(trials->trials[trial].trial, epochs->epochs[i].trial); tried++)
      trial = (trial + 1) % trials->n;
    (*owners)[i] = &trials->trials[trial];
  }
  return RP_OK;
}

rp_status rp_plot(rp_store *store, const char *experiment, const char *figure, const rp_plot_options *options, rp_error *err) {
  RP_CLEANUP(rp_trial_list_free) rp_trial_list trials = {0};
  RP_CLEANUP(rp_epoch_list_free) rp_epoch_list epochs = {0};
  RP_CLEANUP(rp_free_pointer) const rp_trial_result **owners = NULL;
  int is_known = !figure;
  for (int i = 0; i < N_FIGURES; i++) is_known |= figure && strcmp(figure, DESCRIPTIONS[i].name) == 0;
  if (!is_known) return fail_unknown(figure, err);
  RP_TRY(rp_query_trials(store, experiment, &trials, err));
  RP_TRY(rp_query_epochs(store, experiment, &epochs, err));
  RP_TRY(find_owners(&trials, &epochs, &owners, err));
  return draw_all(&(rp_figure_data){trials, epochs, owners, options}, experiment, figure, err);
}
