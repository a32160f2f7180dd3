/* figure.h: an experiment's figures: rows of the store go into a template, gnuplot draws it.
 *
 * Every figure is one row of a table: its name, what it needs, and a function that writes its data as gnuplot datablocks before its
 * template plots/NAME.gp. All fit one column of a paper (8.5 cm; ranks and agreement of more than ten criteria: both, 17.8 cm), are drawn
 * in colours that colour-blind readers can tell apart (Okabe and Ito 2008), and say how many seeds they show. */
#ifndef RP_PLOTS_FIGURE_H
#define RP_PLOTS_FIGURE_H

#include "results/query.h"

/* X(code, name): file formats; the name is the files' ending, too. */
#define RP_PLOT_FORMAT_LIST(X)                                                                                                             \
  X(RP_PLOT_PNG, "png")                                                                                                                    \
  X(RP_PLOT_SVG, "svg")                                                                                                                    \
  X(RP_PLOT_PDF, "pdf")

typedef enum {
#define RP_PLOT_ENUM(code, name) code,
  RP_PLOT_FORMAT_LIST(RP_PLOT_ENUM)
#undef RP_PLOT_ENUM
      RP_N_PLOT_FORMATS
} rp_plot_format;

int rp_plot_format_of(const char *name, rp_plot_format *out); /* 0 where there is none of that name */

typedef struct {
  const char *name, *help;
} rp_figure_description;

/* The table of figures, for listings and validation. */
const rp_figure_description *rp_figures(int *n);

typedef struct {
  rp_plot_format format;
  const char *folder;                            /* made where it is missing; files are FOLDER/EXPERIMENT-FIGURE.FORMAT */
  int paper;                                     /* 1 = with the paper's published points, where a figure has some */
  void (*written)(void *user, const char *path); /* called with each file that was written; or NULL */
  void *user;
} rp_plot_options;

/* Draws one figure of an experiment; `figure` NULL = each that its results allow. Errors: RP_EINPUT: unknown experiment or figure (with
 * those there are), nothing to draw yet, gnuplot is not installed; RP_EIO: a file cannot be written; RP_ELIBRARY: gnuplot failed (with what
 * it said). */
rp_status rp_plot(rp_store *store, const char *experiment, const char *figure, const rp_plot_options *options, rp_error *err);

/* ---- Rankings of one state -------------------------------------------------------------------- */

/* How one criterion ranks the filters of a net. */
typedef struct {
  const char *name;       /* with what tells it from others of its kind: it is shown whole */
  const double *ranks;    /* [n_filters], 1 = most important, equal scores share the mean of their ranks; NAN = not ranked */
  const uint8_t *dropped; /* [n_filters], nonzero = it would drop the filter */
  double spearman;        /* with the first one; NAN = none */
} rp_ranking;

/* Draws the first of n ≥ 2 rankings against each of the others, a panel each (at most 24), into FOLDER/WHAT-ranks.FORMAT. `caption`: a
 * sentence on the state. Errors: as rp_plot. (figure_ranks.c) */
rp_status rp_plot_ranks(const rp_ranking *rankings, int n, int n_filters, const char *what, const char *caption,
                        const rp_plot_options *options, rp_error *err);

#endif
