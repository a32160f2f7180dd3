/* figure_ranks.c: one criterion's ranks on x against each of the others' on y: a small panel each, a point per filter. */
#include "plots/script.h"

#include <math.h>
#include <stdio.h>

enum { N_COLUMNS = 3, MOST_PANELS = 24, TITLE_WIDTH = 17 };

/* What became of a filter, in the order in which points are drawn; shapes, so that they can be told apart in black and white, too. */
static const rp_legend_entry FATES[] = {{"neither drops it", "#b3b3b3", 6, RP_LEGEND_DOT},
                                        {"only x drops it", "#0072b2", 9, RP_LEGEND_DOT},
                                        {"only y drops it", "#e69f00", 5, RP_LEGEND_DOT},
                                        {"both drop it", "#d55e00", 7, RP_LEGEND_DOT}};
enum { N_FATES = sizeof FATES / sizeof FATES[0] };

static int fate_of(const rp_ranking *x, const rp_ranking *y, int filter) {
  return (x->dropped[filter] != 0) + 2 * (y->dropped[filter] != 0);
}

/* One block of a panel and a fate; NaN keeps gnuplot from stumbling over an empty one. */
static void add_points(const rp_ranking *x, const rp_ranking *y, int n_filters, int fate, rp_text *script) {
  rp_text_add(script, "NaN NaN\n");
  for (int f = 0; f < n_filters; f++)
    if (!isnan(x->ranks[f]) && !isnan(y->ranks[f]) && fate_of(x, y, f) == fate) rp_text_format(script, "%g %g\n", x->ranks[f], y->ranks[f]);
  rp_text_add(script, "\n\n");
}

/* "ρ −0.20  ∩ 35 %": how the two agree on the order, and on what goes. */
static void add_agreement(const rp_ranking *x, const rp_ranking *y, int n_filters, rp_text *text) {
  int n_dropped = 0, n_both = 0;
  for (int f = 0; f < n_filters; f++) {
    n_dropped += x->dropped[f] != 0;
    n_both += x->dropped[f] && y->dropped[f];
  }
  if (!isnan(y->spearman)) rp_text_format(text, "ρ %s%.2f  ", y->spearman <= -0.005 ? "−" : "", fabs(y->spearman));
  if (n_dropped) rp_text_format(text, "∩ %.0f %%", 100.0 * n_both / n_dropped);
}

static void add_title(const rp_ranking *x, const rp_ranking *y, int n_filters, int panel, rp_text *script) {
  RP_CLEANUP(rp_text_free) rp_text title = {0};
  RP_CLEANUP(rp_text_free) rp_text agreement = {0};
  rp_script_wrap(&title, y->name, TITLE_WIDTH, 1);
  add_agreement(x, y, n_filters, &agreement);
  rp_text_format(script, "title[%d] = ", panel);
  rp_script_string(script, rp_text_string(&title));
  rp_text_format(script, "\nagreement[%d] = ", panel);
  rp_script_string(script, rp_text_string(&agreement));
  rp_text_add(script, "\n");
}

static int count_ranked(const rp_ranking *ranking, int n_filters) {
  int n = 0;
  for (int f = 0; f < n_filters; f++) n += !isnan(ranking->ranks[f]);
  return n;
}

static void add_legend(int n, const char *caption, rp_text *script, double *below) {
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  rp_text_format(&text, "%s Rank 1 is the most important filter; equal scores share a rank. ρ: Spearman's; ∩: would-be drops in common.",
                 caption);
  if (n - 1 > MOST_PANELS) rp_text_format(&text, " %d more criteria are not shown.", n - 1 - MOST_PANELS);
  *below = rp_script_legend(script, FATES, N_FATES, rp_text_string(&text));
}

rp_status rp_figure_ranks(const rp_ranking *rankings, int n, int n_filters, const char *caption, rp_text *script, double *height,
                          rp_error *err) {
  const int n_panels = n - 1 < MOST_PANELS ? n - 1 : MOST_PANELS, n_rows = (n_panels + N_COLUMNS - 1) / N_COLUMNS;
  const double panel = 58, head = 21, gap = 7, axis = 22;
  double below;
  if (n < 2) return rp_fail(err, RP_EINPUT, "a figure of ranks needs two criteria that scored the state");
  rp_text_format(script, "n_panels = %d\nn_columns = %d\nn_rows = %d\nn_fates = %d\nlast_rank = %d\n", n_panels, (int)N_COLUMNS, n_rows,
                 (int)N_FATES, count_ranked(&rankings[0], n_filters));
  rp_text_format(script, "array title[%d]\narray agreement[%d]\n", n_panels, n_panels);
  for (int i = 1; i <= n_panels; i++) add_title(&rankings[0], &rankings[i], n_filters, i, script);
  rp_text_add(script, "$points << EOD\n");
  for (int i = 1; i <= n_panels; i++)
    for (int fate = 0; fate < N_FATES; fate++) add_points(&rankings[0], &rankings[i], n_filters, fate, script);
  rp_text_add(script, "EOD\nx_label = ");
  rp_script_string(script, rankings[0].name);
  rp_text_add(script, "\n");
  add_legend(n, caption, script, &below);
  rp_text_format(script, "below = %g\npanel = %g\nhead = %g\ngap = %g\naxis = %g\n", below, panel, head, gap, axis);
  *height = below + axis + n_rows * (panel + head) + (n_rows - 1) * gap + 4;
  return rp_text_check(script, err);
}

rp_status rp_plot_ranks(const rp_ranking *rankings, int n, int n_filters, const char *what, const char *caption,
                        const rp_plot_options *options, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text script = {0};
  double height;
  RP_TRY(rp_figure_ranks(rankings, n, n_filters, caption, &script, &height, err));
  return rp_script_draw(options, what, "ranks", &script, height, rp_embedded_plots_ranks_gp, err);
}
