/* figure_agreement.c: how far criteria agree about the same weights: a matrix of mean rank correlations, a row and a column per criterion.
 */
#include "plots/script.h"

#include "results/agreement.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LABEL_WIDTH = 28, LABEL_LINES = 2, MOST_CRITERIA = 20, MOST_ON_A_COLUMN = 10 };
static const double LARGEST_CELL = 26, LETTER = 0.54; /* points; width of a letter by its size */

/* Lengths in points. */
typedef struct {
  int n;                           /* criteria that are shown */
  int longest, most_lines;         /* of the labels: characters, lines */
  double width;                    /* of the canvas */
  double cell, text, label, names; /* side of a cell; size of its number, of a label; length of the longest label */
} layout;

static int characters_in(const char *text, size_t n_bytes) {
  int n = 0;
  for (size_t i = 0; i < n_bytes; i++) n += ((unsigned char)text[i] & 0xc0) != 0x80;
  return n;
}

/* The wrapped label of each criterion, a gnuplot string per line: where a terminal puts the lines of a longer one differs. */
static void write_labels(const rp_agreement *agreement, layout *all, rp_text *script) {
  rp_text_format(script, "array n_label_lines[%d]\narray label_text[%d]\n", all->n, all->n * LABEL_LINES);
  for (int i = 0; i < all->n; i++) {
    const rp_compared_criterion *criterion = &agreement->criteria[i];
    RP_CLEANUP(rp_text_free) rp_text label = {0};
    RP_CLEANUP(rp_text_free) rp_text wrapped = {0};
    rp_text_format(&label, "%s%s%s%s", criterion->ranker, *criterion->settings ? " " : "", criterion->settings,
                   criterion->acts ? " *" : "");
    int n_lines = rp_script_wrap(&wrapped, rp_text_string(&label), LABEL_WIDTH, LABEL_LINES);
    const char *line = rp_text_string(&wrapped);
    rp_text_format(script, "n_label_lines[%d] = %d\n", i + 1, n_lines);
    if (n_lines > all->most_lines) all->most_lines = n_lines;
    for (int l = 0; l < n_lines; l++) {
      RP_CLEANUP(rp_text_free) rp_text one = {0};
      size_t bytes = strcspn(line, "\n");
      if (characters_in(line, bytes) > all->longest) all->longest = characters_in(line, bytes);
      rp_text_add_bytes(&one, line, bytes);
      rp_text_format(script, "label_text[%d] = ", LABEL_LINES * i + l + 1);
      rp_script_string(script, rp_text_string(&one));
      rp_text_add(script, "\n");
      line += bytes + (line[bytes] == '\n');
    }
  }
}

/* Cells as large as the labels leave room for, text as large as cells allow: labels shrink with the cells, which makes room again. */
static void lay_out(layout *all) {
  all->label = RP_TEXT_POINTS;
  for (int round = 0; round < 5; round++) {
    all->names = all->longest * all->label * LETTER + 4;
    all->cell = fmin(LARGEST_CELL, (all->width - 8 - all->names) / all->n);
    all->label = fmin(RP_TEXT_POINTS, (all->most_lines > 1 ? 0.45 : 0.64) * all->cell);
  }
  all->text = fmin(RP_TEXT_POINTS, 0.42 * all->cell);
}

/* "0.42"; in small cells, where a minus would not fit, ".42" and "–.42" with the shorter en dash. "–" where there is none. */
static void write_number(double value, int is_small, rp_text *script) {
  const char *minus = is_small ? "–" : "−";
  char digits[16];
  snprintf(digits, sizeof digits, "%.2f", fabs(value));
  if (isnan(value))
    rp_text_add(script, "–");
  else if (strcmp(digits, "1.00") == 0)
    rp_text_format(script, "%s1", value < 0 ? minus : "");
  else
    rp_text_format(script, "%s%s", value <= -0.005 ? minus : "", digits + is_small);
}

/* Values, and on the diagonal and where there is none only their place. NaN keeps gnuplot from stumbling over an empty block. */
static void write_cells(const rp_agreement *agreement, const layout *all, rp_text *script) {
  RP_CLEANUP(rp_text_free) rp_text blanks = {0};
  rp_text_add(script, "$cells << EOD\nNaN NaN NaN –\n");
  for (int i = 0; i < all->n; i++)
    for (int j = 0; j < all->n; j++) {
      double rho = rp_agreement_pair(agreement, i, j)->spearman.mean;
      rp_text *block = i == j || isnan(rho) ? &blanks : script;
      rp_text_format(block, "%g %g ", j + 0.5, i + 0.5);
      if (block == script) rp_text_format(script, "%.6g ", rho);
      if (i == j)
        rp_text_add(block, "·");
      else
        write_number(rho, all->cell < 18, block);
      rp_text_add(block, "\n");
    }
  rp_text_format(script, "EOD\n$blanks << EOD\n%sEOD\n", rp_text_string(&blanks));
}

/* Over how many drops the pairs that are shown are averaged. */
static void count_drops(const rp_agreement *agreement, const layout *all, int *fewest, int *most, int *any_missing) {
  *fewest = *most = *any_missing = 0;
  for (int i = 0; i < all->n; i++)
    for (int j = 0; j < i; j++) {
      int n = rp_agreement_pair(agreement, i, j)->spearman.n;
      *any_missing |= n == 0;
      if (n && (*most == 0 || n < *fewest)) *fewest = n;
      if (n > *most) *most = n;
    }
}

static double write_captions(const rp_figure_data *data, const rp_agreement *agreement, const layout *all, rp_text *script) {
  RP_CLEANUP(rp_text_free) rp_text captions = {0};
  int fewest, most, any_missing;
  count_drops(agreement, all, &fewest, &most, &any_missing);
  rp_text_add(&captions, "Rank correlation (Spearman) of scores on the same weights, mean over ");
  if (fewest < most) rp_text_format(&captions, "%d–", fewest);
  rp_text_format(&captions, "%d drop%s; ", most, most == 1 ? "" : "s");
  rp_script_seeds(&captions, agreement->n_seeds, agreement->n_seeds);
  rp_text_add(&captions, ". * acted; the others only scored.");
  if (agreement->oracle >= 0)
    rp_text_format(&captions, " In the order of agreement with %s.", agreement->criteria[agreement->oracle].ranker);
  if (any_missing) rp_text_add(&captions, " –: no drop at which both have unequal scores.");
  if (agreement->n > all->n) rp_text_format(&captions, " %d more criteria are not shown.", agreement->n - all->n);
  rp_script_provenance(&captions, &data->trials);
  return rp_script_legend(script, all->width, NULL, 0, rp_text_string(&captions));
}

static void write_script(const rp_figure_data *data, const rp_agreement *agreement, rp_text *script, rp_canvas *canvas) {
  const double bar = 22;
  layout all = {.n = agreement->n < MOST_CRITERIA ? agreement->n : MOST_CRITERIA};
  all.width = all.n > MOST_ON_A_COLUMN ? RP_PAGE_WIDTH_POINTS : RP_WIDTH_POINTS;
  write_labels(agreement, &all, script);
  lay_out(&all);
  write_cells(agreement, &all, script);
  double below = write_captions(data, agreement, &all, script);
  rp_text_format(script, "n = %d\nlabel_lines = %d\ncell = %g\ntext_size = %g\nlabel_size = %g\nnames = %g\nbelow = %g\nbar = %g\n", all.n,
                 (int)LABEL_LINES, all.cell, all.text, all.label, all.names, below, bar);
  *canvas = (rp_canvas){all.width, below + bar + all.n * all.cell + all.names + 4};
}

rp_status rp_figure_agreement(const rp_figure_data *data, rp_text *script, rp_canvas *canvas, int *fits, rp_error *err) {
  RP_CLEANUP(rp_agreement_free) rp_agreement agreement = {0};
  *fits = 0;
  if (data->trials.n == 0) return RP_OK;
  RP_TRY(rp_query_agreement(data->store, data->trials.trials[0].experiment, &agreement, err));
  *fits = agreement.has_shadows;
  if (!*fits) return RP_OK;
  write_script(data, &agreement, script, canvas);
  return rp_text_check(script, err);
}
