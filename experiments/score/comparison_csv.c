/* comparison_csv.c: a row per criterion and filter, as in v_filters. */
#include "experiments/score/comparison.h"

#include <math.h>
#include <string.h>

/* In quotes where it holds what would end a cell (RFC 4180). */
static void write_cell(const char *text, FILE *out) {
  if (!strpbrk(text, ",\"\r\n")) {
    fputs(text, out);
    return;
  }
  fputc('"', out);
  for (; *text; text++) {
    if (*text == '"') fputc('"', out);
    fputc(*text, out);
  }
  fputc('"', out);
}

void rp_comparison_csv(const rp_comparison *all, FILE *out) {
  fputs("ranker,options,layer,filter,score,rank,dropped\n", out);
  for (int i = 0; i < all->n_scored; i++) {
    const rp_opinion *opinion = &all->opinions[all->scored[i]];
    for (int l = 0, f = 0; l < all->question.n_layers; l++)
      for (int k = 0; k < all->question.K[l]; k++, f++) {
        if (isnan(opinion->scores[f])) continue;
        write_cell(opinion->ranker, out);
        fputc(',', out);
        write_cell(opinion->options_json, out);
        fputc(',', out);
        write_cell(all->question.layers[l], out);
        fprintf(out, ",%d,%.9g,", k, (double)opinion->scores[f]);
        if (opinion->ranks[f] > 0) fprintf(out, "%d", opinion->ranks[f]);
        fprintf(out, ",%d\n", opinion->dropped[f] != 0);
      }
  }
}
