/* script.h: what figures share on their way into a gnuplot script: the data of an experiment by arm, text that gnuplot takes literally, the
 * legend. Private to plots/.
 *
 * Lengths are in points (1/72 inch) of the printed figure; templates divide them by the canvas. */
#ifndef RP_PLOTS_SCRIPT_H
#define RP_PLOTS_SCRIPT_H

#include "core/base/text.h"
#include "plots/figure.h"

enum {
  RP_TEXT_POINTS = 7,        /* size of all text */
  RP_LINE_POINTS = 10,       /* from one line of text to the next */
  RP_WIDTH_POINTS = 241,     /* of one column of a paper: 8.5 cm */
  RP_PAGE_WIDTH_POINTS = 505 /* of both: 17.8 cm */
};

/* The size of a figure in points. */
typedef struct {
  double width, height;
} rp_canvas;

/* A figure's input. */
typedef struct {
  rp_trial_list trials;
  rp_epoch_list epochs;
  const rp_trial_result **owners; /* [epochs.n], each row's trial */
  const rp_plot_options *options;
  rp_store *store; /* of the experiment, for figures that need more */
} rp_figure_data;

/* An arm: its name and whether it is a baseline. `name` is borrowed from the trials. */
typedef struct {
  const char *name;
  int is_baseline;
} rp_figure_arm;

/* The arms in the order of the plan, baselines first; `arms` has room for one per trial. Returns their number. */
int rp_figure_arms(const rp_trial_list *trials, rp_figure_arm *arms);

/* A string literal that gnuplot takes as it is: no escapes, no commands in it; line feeds stay. */
void rp_script_string(rp_text *script, const char *text);

/* `text` with line feeds so that lines have at most `width` characters (UTF-8). Lines are broken at blanks; a word that is too long for
 * one, before an opening bracket or after a comma, else after another separator, where there is any. At most `most_lines` lines: the last
 * ends in … where more was cut off. Returns the number of lines. */
int rp_script_wrap(rp_text *out, const char *text, int width, int most_lines);

/* How a legend shows an entry. The templates know the numbers. */
typedef enum { RP_LEGEND_LINE = 1, RP_LEGEND_BOX = 2, RP_LEGEND_DOT = 3, RP_LEGEND_BAR = 4 } rp_legend_kind;

typedef struct {
  const char *label;
  const char *colour; /* "#rrggbb" */
  int dash;           /* of a line: gnuplot's dash type; of a dot in a figure that tells dots apart by shape: its point type */
  rp_legend_kind kind;
} rp_legend_entry;

/* Entries and captions (sentences below them) as gnuplot arrays, laid out upwards from the bottom of a canvas `width` points wide; returns
 * the height that they take. The arrays: n_legend, legend_x, legend_y, legend_text, legend_colour, legend_dash, legend_kind; n_caption,
 * caption_y, caption_text. `captions` is one text of sentences, which is wrapped. */
double rp_script_legend(rp_text *script, double width, const rp_legend_entry *entries, int n, const char *captions);

/* "n = 3 seeds", "n = 2–3 seeds". */
void rp_script_seeds(rp_text *text, int fewest, int most);

/* The sentence for generated images, where the experiment has such; else nothing. */
void rp_script_provenance(rp_text *text, const rp_trial_list *trials);

/* Draws a figure into FOLDER/WHAT-FIGURE.FORMAT: `rows` (datablocks and variables), then `template`; whole or not at all. In the
 * file's name '-' stands for blanks and slashes, and the end of a very long one is a digest. Errors: as rp_plot. (drawing.c) */
rp_status rp_script_draw(const rp_plot_options *options, const char *what, const char *figure, const rp_text *rows, rp_canvas canvas,
                         const char *template, rp_error *err);

/* The figures. Each writes datablocks and variables, and sets the canvas (which comes with the width of a column);
 * the template follows. *fits = 0 where there is
 * nothing to draw. Errors: RP_EMEMORY; of rp_figure_agreement also those of rp_query_agreement. */
rp_status rp_figure_accuracy(const rp_figure_data *data, rp_text *script, rp_canvas *canvas, int *fits, rp_error *err);
rp_status rp_figure_criteria(const rp_figure_data *data, rp_text *script, rp_canvas *canvas, int *fits, rp_error *err);
rp_status rp_figure_agreement(const rp_figure_data *data, rp_text *script, rp_canvas *canvas, int *fits, rp_error *err);

/* What rp_plot_ranks draws. Errors: RP_EINPUT: fewer than two rankings; RP_EMEMORY. */
rp_status rp_figure_ranks(const rp_ranking *rankings, int n, int n_filters, const char *caption, rp_text *script, rp_canvas *canvas,
                          rp_error *err);

/* Embedded files, NUL-terminated (see the Makefile). */
extern const char rp_embedded_plots_accuracy_gp[], rp_embedded_plots_criteria_gp[], rp_embedded_plots_agreement_gp[],
    rp_embedded_plots_ranks_gp[], rp_embedded_plots_published_csv[];

#endif
