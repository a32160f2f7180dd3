/* comparison_json.c: everything, as one JSON object. Matrices go over the criteria that gave scores, in their order. */
#include "core/base/text.h"
#include "experiments/score/comparison.h"

#include <math.h>

static void write_string(const char *text, FILE *out) {
  RP_CLEANUP(rp_text_free) rp_text quoted = {0};
  rp_text_add_json_string(&quoted, text);
  fputs(rp_text_string(&quoted), out);
}

static void write_number(double value, FILE *out) {
  if (isnan(value))
    fputs("null", out);
  else
    fprintf(out, "%.9g", value);
}

/* What only criteria can tell. */
static double known(const rp_comparison *all, int count) {
  return all->n_scored ? count : NAN;
}

static void write_question(const rp_comparison *all, FILE *out) {
  const rp_question *question = &all->question;
  fputs("{\"state\":", out);
  write_string(question->state, out);
  fputs(",\"experiment\":", out);
  write_string(question->experiment, out);
  fprintf(out, ",\"trial\":\"%s\",\"epoch\":%d,\"cycle\":%d,\"p\":%s,\"active_filters\":", question->trial, question->epoch,
          question->cycle, question->p);
  write_number(known(all, all->n_active), out);
  fputs(",\"would_drop\":", out);
  write_number(known(all, all->n_dropped), out);
  fputs(",\"seconds\":", out);
  write_number(question->seconds, out);
  fputs(",\"layers\":[", out);
  for (int l = 0; l < question->n_layers; l++) {
    fputs(l ? ",{\"name\":" : "{\"name\":", out);
    write_string(question->layers[l], out);
    fprintf(out, ",\"filters\":%d,\"active\":", question->K[l]);
    write_number(known(all, rp_active_of_layer(all, l)), out);
    fputs("}", out);
  }
}

static void write_filters(const rp_comparison *all, const rp_opinion *opinion, FILE *out) {
  fputs(",\"scores\":[", out);
  for (int f = 0; f < all->question.n_filters; f++) {
    if (f) fputc(',', out);
    write_number((double)opinion->scores[f], out);
  }
  fputs("],\"ranks\":[", out);
  for (int f = 0; f < all->question.n_filters; f++) {
    if (f) fputc(',', out);
    write_number(opinion->ranks[f] > 0 ? opinion->ranks[f] : NAN, out);
  }
  fputs("],\"dropped\":[", out);
  for (int f = 0; f < all->question.n_filters; f++) fprintf(out, "%s%d", f ? "," : "", opinion->dropped[f] != 0);
  fputs("]", out);
}

static void write_opinion(const rp_comparison *all, const rp_opinion *opinion, int scored, FILE *out) {
  fputs("{\"name\":", out);
  write_string(opinion->name, out);
  fputs(",\"ranker\":", out);
  write_string(opinion->ranker, out);
  fprintf(out, ",\"options\":%s", opinion->options_json);
  if (opinion->failure) {
    fputs(",\"failure\":", out);
    write_string(opinion->failure, out);
  } else {
    fputs(",\"seconds\":", out);
    write_number(opinion->seconds, out);
    fprintf(out, ",\"ties_at_cut\":%d,\"dropped_of_layer\":[", opinion->ties_at_cut);
    for (int l = 0; l < all->question.n_layers; l++) fprintf(out, "%s%d", l ? "," : "", rp_dropped_of_layer(all, scored, l));
    fputs("]", out);
    write_filters(all, opinion, out);
  }
  fputs("}", out);
}

static void write_matrix(const char *name, const double *matrix, int n, FILE *out) {
  fprintf(out, ",\"%s\":[", name);
  for (int i = 0; i < n; i++) {
    fputs(i ? ",[" : "[", out);
    for (int j = 0; j < n; j++) {
      if (j) fputc(',', out);
      write_number(matrix[i * n + j], out);
    }
    fputc(']', out);
  }
  fputs("]", out);
}

void rp_comparison_json(const rp_comparison *all, FILE *out) {
  write_question(all, out);
  fputs("],\"criteria\":[", out);
  for (int i = 0, scored = 0; i < all->n; i++) {
    if (i) fputc(',', out);
    write_opinion(all, &all->opinions[i], scored, out);
    scored += !all->opinions[i].failure;
  }
  fputs("],\"compared\":[", out);
  for (int i = 0; i < all->n_scored; i++) {
    if (i) fputc(',', out);
    write_string(all->opinions[all->scored[i]].name, out);
  }
  fputc(']', out);
  write_matrix("spearman", all->spearman, all->n_scored, out);
  write_matrix("kendall", all->kendall, all->n_scored, out);
  write_matrix("overlap", all->overlap, all->n_scored, out);
  fputs("}\n", out);
}
