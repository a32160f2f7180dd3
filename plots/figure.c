/* figure.c: the table of figures, and the way from an experiment to files. */
#include "plots/figure.h"

#include "core/base/memory.h"
#include "plots/script.h"

#include <string.h>

/* X(name, function, template, one line of help, what an experiment without results for it lacks) */
#define FIGURE_LIST(X)                                                                                                                     \
  X("accuracy", rp_figure_accuracy, rp_embedded_plots_accuracy_gp, "train and test accuracy per epoch, sub-network phases shaded", "")     \
  X("criteria", rp_figure_criteria, rp_embedded_plots_criteria_gp, "arms compared by their headline, a dot per seed, beside the baseline", \
    "")                                                                                                                                    \
  X("agreement", rp_figure_agreement, rp_embedded_plots_agreement_gp,                                                                      \
    "rank correlations of criteria that were scored on the same weights",                                                                  \
    ": it shows criteria that are scored at drops without acting. Put `shadow: [all]` into the experiment's file and run it again, which " \
    "trains nothing for that")

static const rp_figure_description DESCRIPTIONS[] = {
#define DESCRIPTION(name, function, template, help, lack) {name, help},
    FIGURE_LIST(DESCRIPTION)
#undef DESCRIPTION
};

static const struct {
  rp_status (*write)(const rp_figure_data *, rp_text *, rp_canvas *, int *, rp_error *);
  const char *template, *lack;
} FIGURES[] = {
#define FIGURE(name, function, template, help, lack) {function, template, lack},
    FIGURE_LIST(FIGURE)
#undef FIGURE
};
enum { N_FIGURES = sizeof FIGURES / sizeof *FIGURES };

const rp_figure_description *rp_figures(int *n) {
  *n = N_FIGURES;
  return DESCRIPTIONS;
}

/* ---- An experiment's figures ----------------------------------------------------------------- */

static rp_status draw(const rp_figure_data *data, const char *experiment, int figure, int *fits, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text rows = {0};
  rp_canvas canvas = {RP_WIDTH_POINTS, 0};
  RP_TRY(FIGURES[figure].write(data, &rows, &canvas, fits, err));
  if (!*fits) return RP_OK;
  return rp_script_draw(data->options, experiment, DESCRIPTIONS[figure].name, &rows, canvas, FIGURES[figure].template, err);
}

static rp_status fail_unknown(const char *figure, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text names = {0};
  for (int i = 0; i < N_FIGURES; i++) rp_text_format(&names, "%s%s", i ? ", " : "", DESCRIPTIONS[i].name);
  return rp_fail(err, RP_EINPUT, "there is no figure %s; there are %s", figure, rp_text_string(&names));
}

static rp_status draw_all(const rp_figure_data *data, const char *experiment, const char *figure, rp_error *err) {
  const char *lack = "";
  int n_drawn = 0;
  for (int i = 0; i < N_FIGURES; i++) {
    int fits = 0;
    if (figure && strcmp(figure, DESCRIPTIONS[i].name) != 0) continue;
    RP_TRY(draw(data, experiment, i, &fits, err));
    n_drawn += fits;
    lack = figure ? FIGURES[i].lack : "";
  }
  if (n_drawn) return RP_OK;
  return rp_fail(err, RP_EINPUT, "experiment %s has no results for %s%s yet%s", experiment, figure ? "figure " : "any figure",
                 figure ? figure : "", lack);
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
  return draw_all(&(rp_figure_data){trials, epochs, owners, options, store}, experiment, figure, err);
}
