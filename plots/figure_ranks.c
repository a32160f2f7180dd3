/* figure_ranks.c: one criterion's ranks on x against each of the others' on y: a small panel each, a point per filter. */
#include "plots/script.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_PANELS = 24, MOST_COLUMNS = 6, MOST_ROWS = 5, TITLE_LINES = 6, MOST_ON_A_COLUMN = 9, LINE_STEP = 9 };
static const double GAP_X = 13, GAP_Y = 7, LEFT = 34, RIGHT = 8, TOP = 4, CHARACTER_POINTS = 4.1;

/* Where the panels stand, in points. More of them than a column of a paper has room for get the width of the page. */
typedef struct {
  int n, n_columns, n_rows;
  double width, side, left, step; /* of the canvas; of a panel; to the first column; from one column to the next */
  double axis;                    /* height of what is under the lowest row */
  double head[MOST_ROWS];         /* height of what is over each row's panels */
} layout;

static int columns_for(int n_panels) {
  if (n_panels > MOST_ON_A_COLUMN) return n_panels == 10 || (n_panels > 12 && n_panels < 16) ? 5 : MOST_COLUMNS;
  return n_panels == 4 ? 2 : n_panels < 3 ? n_panels : 3;
}

static layout layout_of(int n_panels) {
  layout all = {.n = n_panels, .n_columns = columns_for(n_panels), .left = LEFT, .axis = 23};
  all.width = n_panels > MOST_ON_A_COLUMN ? RP_PAGE_WIDTH_POINTS : RP_WIDTH_POINTS;
  all.n_rows = (n_panels + all.n_columns - 1) / all.n_columns;
  all.step = (all.width - LEFT - RIGHT + GAP_X) / all.n_columns;
  all.side = all.step - GAP_X;
  if (n_panels == 1) all.side = 130, all.left = (all.width - all.side) / 2;
  return all;
}

/* A panel's lower edge over the lower edge of the lowest row. */
static double bottom_of(const layout *all, int panel) {
  double bottom = 0;
  for (int row = all->n_rows - 1; row > panel / all->n_columns; row--) bottom += all->side + all->head[row] + GAP_Y;
  return bottom;
}

/* What became of a filter, in the order in which points are drawn; shapes, so that they can be told apart in black and white, too: those
 * that every terminal draws well when they are small. */
static const rp_legend_entry FATES[] = {{"neither drops it", "#999999", 7, RP_LEGEND_DOT},
                                        {"only x drops it", "#0072b2", 13, RP_LEGEND_DOT},
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

/* "ρ −0.20  ∩ 35 %": how the two agree on the order, and on what goes; "ρ –" where one of them tells no filters apart. */
static void add_agreement(const rp_ranking *x, const rp_ranking *y, int n_filters, rp_text *text) {
  int n_dropped = 0, n_both = 0;
  for (int f = 0; f < n_filters; f++) {
    n_dropped += x->dropped[f] != 0;
    n_both += x->dropped[f] && y->dropped[f];
  }
  if (isnan(y->spearman))
    rp_text_add(text, "ρ –");
  else
    rp_text_format(text, "ρ %s%.2f", y->spearman <= -0.005 ? "−" : "", fabs(y->spearman));
  if (n_dropped) rp_text_format(text, "  ∩ %.0f %%", 100.0 * n_both / n_dropped);
}

/* A criterion's name over its panel, with all its options: what tells variants of one criterion apart. */
static int wrap_title(const layout *all, const rp_ranking *y, rp_text *title) {
  return rp_script_wrap(title, y->name, (int)((all->n == 1 ? all->side : all->step) / CHARACTER_POINTS), TITLE_LINES);
}

static void make_room_for_titles(const rp_ranking *others, layout *all) {
  for (int i = 0; i < all->n; i++) {
    RP_CLEANUP(rp_text_free) rp_text title = {0};
    double *head = &all->head[i / all->n_columns];
    *head = fmax(*head, 12 + LINE_STEP * wrap_title(all, &others[i], &title));
  }
}

/* A gnuplot label per line: where a terminal puts the lines of a longer one differs. Returns the number of lines of all titles so far. */
static int add_title(const layout *all, const rp_ranking *y, int panel, int n_before, rp_text *script) {
  RP_CLEANUP(rp_text_free) rp_text title = {0};
  int n_lines = wrap_title(all, y, &title);
  const char *line = rp_text_string(&title);
  for (int i = 0; i < n_lines; i++) {
    RP_CLEANUP(rp_text_free) rp_text one = {0};
    size_t length = strcspn(line, "\n");
    rp_text_add_bytes(&one, line, length);
    rp_text_format(script, "title[%d] = ", n_before + i + 1);
    rp_script_string(script, rp_text_string(&one));
    rp_text_format(script, "\ntitle_panel[%d] = %d\ntitle_up[%d] = %d\n", n_before + i + 1, panel, n_before + i + 1,
                   15 + LINE_STEP * (n_lines - 1 - i));
    line += length + (line[length] == '\n');
  }
  return n_before + n_lines;
}

/* What stands over the panels, and where these stand. */
static void add_panels(const rp_ranking *rankings, int n_filters, const layout *all, rp_text *script) {
  int n_titles = 0;
  rp_text_format(script, "array agreement[%d]\narray panel_x[%d]\narray panel_y[%d]\n", all->n, all->n, all->n);
  rp_text_format(script, "array title[%d]\narray title_panel[%d]\narray title_up[%d]\n", TITLE_LINES * all->n, TITLE_LINES * all->n,
                 TITLE_LINES * all->n);
  for (int i = 1; i <= all->n; i++) {
    RP_CLEANUP(rp_text_free) rp_text agreement = {0};
    n_titles = add_title(all, &rankings[i], i, n_titles, script);
    add_agreement(&rankings[0], &rankings[i], n_filters, &agreement);
    rp_text_format(script, "agreement[%d] = ", i);
    rp_script_string(script, rp_text_string(&agreement));
    rp_text_format(script, "\npanel_x[%d] = %g\npanel_y[%d] = %g\n", i, all->left + (i - 1) % all->n_columns * all->step, i,
                   bottom_of(all, i - 1));
  }
  rp_text_format(script, "n_titles = %d\nn_panels = %d\nn_columns = %d\n", n_titles, all->n, all->n_columns);
}

static int count_ranked(const rp_ranking *ranking, int n_filters) {
  int n = 0;
  for (int f = 0; f < n_filters; f++) n += !isnan(ranking->ranks[f]);
  return n;
}

static int is_any_constant(const rp_ranking *rankings, int n) {
  for (int i = 1; i < n; i++)
    if (isnan(rankings[i].spearman)) return 1;
  return 0;
}

static double add_legend(const layout *all, const rp_ranking *rankings, int n, const char *caption, rp_text *script) {
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  rp_text_format(&text, "%s Rank 1 is the most important filter; equal scores share a rank. ρ: Spearman's%s; ∩: drops in common.", caption,
                 is_any_constant(rankings, all->n + 1) ? " (–: one scores all filters alike)" : "");
  if (n - 1 > all->n) rp_text_format(&text, " %d more criteria are not shown.", n - 1 - all->n);
  return rp_script_legend(script, all->width, FATES, N_FATES, rp_text_string(&text));
}

static void add_axis_title(const char *axis, const char *text, double length, rp_text *script) {
  RP_CLEANUP(rp_text_free) rp_text title = {0};
  rp_script_wrap(&title, text, (int)(length / CHARACTER_POINTS), 1);
  rp_text_format(script, "%s_title = ", axis);
  rp_script_string(script, rp_text_string(&title));
  rp_text_add(script, "\n");
}

/* As long as there is room for. Several panels share the title of their y axes. */
static void add_axis_titles(const layout *all, const rp_ranking *rankings, double panels_height, rp_text *script) {
  RP_CLEANUP(rp_text_free) rp_text x = {0};
  RP_CLEANUP(rp_text_free) rp_text y = {0};
  rp_text_format(&x, "rank by %s", rankings[0].name);
  if (all->n == 1)
    rp_text_format(&y, "rank by %s", rankings[1].name);
  else
    rp_text_add(&y, panels_height > 120 ? "rank by the other criterion" : "rank by the other");
  add_axis_title("x", rp_text_string(&x), all->width - 2 * RIGHT, script);
  add_axis_title("y", rp_text_string(&y), panels_height + 15, script);
}

rp_status rp_figure_ranks(const rp_ranking *rankings, int n, int n_filters, const char *caption, rp_text *script, rp_canvas *canvas,
                          rp_error *err) {
  if (n < 2) return rp_fail(err, RP_EINPUT, "a figure of ranks needs two criteria that scored the state");
  layout all = layout_of(n - 1 < MOST_PANELS ? n - 1 : MOST_PANELS);
  make_room_for_titles(rankings + 1, &all);
  rp_text_format(script, "n_fates = %d\nlast_rank = %d\n", (int)N_FATES, count_ranked(&rankings[0], n_filters));
  add_panels(rankings, n_filters, &all, script);
  rp_text_add(script, "$points << EOD\n");
  for (int i = 1; i <= all.n; i++)
    for (int fate = 0; fate < N_FATES; fate++) add_points(&rankings[0], &rankings[i], n_filters, fate, script);
  rp_text_add(script, "EOD\n");
  const double panels_height = bottom_of(&all, 0) + all.side;
  add_axis_titles(&all, rankings, panels_height, script);
  double below = add_legend(&all, rankings, n, caption, script);
  rp_text_format(script, "below = %g\nside = %g\naxis = %g\npanels_width = %g\npanels_height = %g\n", below, all.side, all.axis,
                 (all.n_columns - 1) * all.step + all.side, panels_height);
  *canvas = (rp_canvas){all.width, below + all.axis + panels_height + all.head[0] + TOP};
  return rp_text_check(script, err);
}

rp_status rp_plot_ranks(const rp_ranking *rankings, int n, int n_filters, const char *what, const char *caption,
                        const rp_plot_options *options, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text script = {0};
  rp_canvas canvas;
  RP_TRY(rp_figure_ranks(rankings, n, n_filters, caption, &script, &canvas, err));
  return rp_script_draw(options, what, "ranks", &script, canvas, rp_embedded_plots_ranks_gp, err);
}
