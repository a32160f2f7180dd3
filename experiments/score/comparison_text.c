/* comparison_text.c: tables for the terminal; criteria are numbered, so that a matrix of many fits. */
#include "experiments/score/comparison.h"

#include <math.h>
#include <string.h>

/* Characters of UTF-8. */
static int width_of(const char *text) {
  int width = 0;
  for (; *text; text++) width += ((unsigned char)*text & 0xc0) != 0x80;
  return width;
}

static int longest_name(const rp_comparison *all) {
  int longest = 9; /* "criterion" */
  for (int i = 0; i < all->n; i++)
    if (width_of(all->opinions[i].name) > longest) longest = width_of(all->opinions[i].name);
  return longest;
}

static void write_padded(const char *text, int width, FILE *out) {
  fprintf(out, "%s%*s", text, width - width_of(text), "");
}

static int are_equal(const rp_comparison *all, const float *scores) {
  int first = -1;
  for (int f = 0; f < all->question.n_filters; f++) {
    if (isnan(scores[f])) continue;
    if (first >= 0 && scores[f] != scores[first]) return 0;
    first = f;
  }
  return 1;
}

/* Of a drop that would be made by the draw rather than by scores. */
static void write_ties(const rp_comparison *all, const rp_opinion *opinion, FILE *out) {
  if (all->n_dropped == 0 || opinion->ties_at_cut < all->n_dropped) return;
  if (are_equal(all, opinion->scores))
    fputs("  all scores are equal", out);
  else
    fprintf(out, "  %d filters are tied at the cut", opinion->ties_at_cut);
  fputs(": the draw that breaks ties (SEMANTICS.md, rule 14) would decide", out);
}

static void write_criteria(const rp_comparison *all, int width, FILE *out) {
  fprintf(out, "\n    %-*s  seconds of its own; what an earlier one measured is free\n", width, "criterion");
  for (int i = 0, n = 0; i < all->n; i++) {
    const rp_opinion *opinion = &all->opinions[i];
    if (opinion->failure)
      fputs("    ", out);
    else
      fprintf(out, "%3d ", ++n);
    write_padded(opinion->name, width, out);
    if (opinion->failure)
      fprintf(out, "  no scores: %s\n", opinion->failure);
    else {
      fprintf(out, "  %.3f", opinion->seconds);
      write_ties(all, opinion, out);
      fputc('\n', out);
    }
  }
}

/* How many filters are active, only criteria can tell. */
static void write_question(const rp_comparison *all, FILE *out) {
  const rp_question *question = &all->question;
  fprintf(out, "state %s of %s (trial %.12s), ", question->state, question->experiment, question->trial);
  if (all->n_scored)
    fprintf(out, "%d active filters; at p %s%s%s a drop takes %d; ", all->n_active, question->p, *question->limits ? ", " : "",
            question->limits, all->n_dropped);
  else
    fputs("no criterion gave scores; ", out);
  fprintf(out, "%.1f s in all\n", question->seconds);
}

static void write_numbers(int n, FILE *out) {
  for (int i = 1; i <= n; i++) fprintf(out, " %5d", i);
  fputc('\n', out);
}

static void write_layers(const rp_comparison *all, FILE *out) {
  int width = 5, total = 0;
  for (int l = 0; l < all->question.n_layers; l++)
    if (width_of(all->question.layers[l]) > width) width = width_of(all->question.layers[l]);
  fprintf(out, "\nfilters of each layer that would be dropped\n%-*s active", width, "layer");
  write_numbers(all->n_scored, out);
  for (int l = 0; l < all->question.n_layers; l++) {
    write_padded(all->question.layers[l], width, out);
    fprintf(out, " %6d", rp_active_of_layer(all, l));
    for (int i = 0; i < all->n_scored; i++) fprintf(out, " %5d", rp_dropped_of_layer(all, i, l));
    fputc('\n', out);
    total += rp_active_of_layer(all, l);
  }
  fprintf(out, "%-*s %6d", width, "all", total);
  for (int i = 0; i < all->n_scored; i++) fprintf(out, " %5d", all->n_dropped);
  fputc('\n', out);
}

/* `above` the diagonal, `below` below it; "–" where nothing can be said. */
static void write_matrix(const rp_comparison *all, int width, const double *above, const double *below, FILE *out) {
  const int n = all->n_scored;
  fprintf(out, "%*s", width + 4, "");
  write_numbers(n, out);
  for (int i = 0; i < n; i++) {
    fprintf(out, "%3d ", i + 1);
    write_padded(all->opinions[all->scored[i]].name, width, out);
    for (int j = 0; j < n; j++) {
      double value = (j > i ? above : below)[i * n + j];
      if (i == j)
        fputs("     ·", out);
      else if (isnan(value))
        fputs("     –", out);
      else
        fprintf(out, " %5.2f", fabs(value) < 0.005 ? 0 : value); /* no -0.00 */
    }
    fputc('\n', out);
  }
}

void rp_comparison_text(const rp_comparison *all, FILE *out) {
  const int width = longest_name(all);
  write_question(all, out);
  write_criteria(all, width, out);
  if (!all->n_scored) return;
  write_layers(all, out);
  if (all->n_scored < 2) return;
  fputs(
      "\nrank correlation over all active filters: Spearman's ρ above the diagonal (equal scores share the mean of their ranks), Kendall's\n"
      "τ-b below it (pairs of equal scores are neither in order nor out of it)\n",
      out);
  write_matrix(all, width, all->spearman, all->kendall, out);
  fputs("\nshare of the would-be drops that two have in common\n", out);
  write_matrix(all, width, all->overlap, all->overlap, out);
}
