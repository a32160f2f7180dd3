/* comparison.c: every pair of criteria that gave scores, over the filters that are active. */
#include "experiments/score/comparison.h"

#include "core/base/memory.h"
#include "results/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Scores of the active filters, closed up; `out`: [n_active]. */
static void gather(const rp_comparison *all, int scored, double *out) {
  const float *scores = all->opinions[all->scored[scored]].scores;
  for (int f = 0, n = 0; f < all->question.n_filters; f++)
    if (!isnan(scores[f])) out[n++] = scores[f];
}

static double overlap_of(const rp_comparison *all, int one, int other) {
  const uint8_t *a = all->opinions[all->scored[one]].dropped, *b = all->opinions[all->scored[other]].dropped;
  int n_both = 0;
  for (int f = 0; f < all->question.n_filters; f++) n_both += a[f] && b[f];
  return all->n_dropped ? (double)n_both / all->n_dropped : NAN;
}

static rp_status compare_pairs(rp_comparison *all, rp_error *err) {
  const int n = all->n_scored;
  RP_CLEANUP(rp_free_pointer) double *x = NULL;
  RP_CLEANUP(rp_free_pointer) double *y = NULL;
  RP_TRY(rp_allocate((size_t)all->n_active, sizeof *x, &x, err));
  RP_TRY(rp_allocate((size_t)all->n_active, sizeof *y, &y, err));
  for (int i = 0; i < n; i++) {
    gather(all, i, x);
    for (int j = 0; j <= i; j++) {
      double spearman, kendall;
      gather(all, j, y);
      RP_TRY(rp_spearman(x, y, all->n_active, &spearman, err));
      RP_TRY(rp_kendall(x, y, all->n_active, &kendall, err));
      all->spearman[i * n + j] = all->spearman[j * n + i] = spearman;
      all->kendall[i * n + j] = all->kendall[j * n + i] = kendall;
      all->overlap[i * n + j] = all->overlap[j * n + i] = overlap_of(all, i, j);
    }
  }
  return RP_OK;
}

/* Importance rises with the score, ranks fall. */
static rp_status rank(rp_comparison *all, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) double *scores = NULL;
  RP_CLEANUP(rp_free_pointer) double *ranks = NULL;
  RP_TRY(rp_allocate((size_t)all->n_active, sizeof *scores, &scores, err));
  RP_TRY(rp_allocate((size_t)all->n_active, sizeof *ranks, &ranks, err));
  for (int i = 0; i < all->n_scored; i++) {
    const float *given = all->opinions[all->scored[i]].scores;
    double *out = all->ranks + (size_t)i * (size_t)all->question.n_filters;
    gather(all, i, scores);
    RP_TRY(rp_mid_ranks(scores, all->n_active, ranks, err));
    for (int f = 0, n = 0; f < all->question.n_filters; f++) out[f] = isnan(given[f]) ? NAN : all->n_active + 1 - ranks[n++];
  }
  return RP_OK;
}

static rp_status compare(rp_comparison *all, rp_error *err) {
  const size_t n = (size_t)all->n;
  RP_TRY(rp_allocate(n, sizeof *all->scored, &all->scored, err));
  for (int i = 0; i < all->n; i++)
    if (!all->opinions[i].failure) all->scored[all->n_scored++] = i;
  RP_TRY(rp_allocate(n * n, sizeof(double), &all->spearman, err));
  RP_TRY(rp_allocate(n * n, sizeof(double), &all->kendall, err));
  RP_TRY(rp_allocate(n * n, sizeof(double), &all->overlap, err));
  RP_TRY(rp_allocate(n * (size_t)all->question.n_filters, sizeof(double), &all->ranks, err));
  if (!all->n_scored) return RP_OK;
  const rp_opinion *first = &all->opinions[all->scored[0]];
  for (int f = 0; f < all->question.n_filters; f++) {
    all->n_active += !isnan(first->scores[f]);
    all->n_dropped += first->dropped[f] != 0;
  }
  RP_TRY(compare_pairs(all, err));
  return rank(all, err);
}

rp_status rp_compare(const rp_question *question, const rp_opinion *opinions, int n, rp_comparison *out, rp_error *err) {
  *out = (rp_comparison){.question = *question, .n = n, .opinions = opinions};
  rp_status status = compare(out, err);
  if (status != RP_OK) rp_comparison_free(out);
  return status;
}

void rp_comparison_free(rp_comparison *comparison) {
  free(comparison->scored);
  free(comparison->spearman);
  free(comparison->kendall);
  free(comparison->overlap);
  free(comparison->ranks);
  *comparison = (rp_comparison){0};
}

static int first_filter(const rp_comparison *comparison, int layer) {
  int first = 0;
  for (int l = 0; l < layer; l++) first += comparison->question.K[l];
  return first;
}

int rp_dropped_of_layer(const rp_comparison *comparison, int scored, int layer) {
  const uint8_t *dropped = comparison->opinions[comparison->scored[scored]].dropped + first_filter(comparison, layer);
  int n = 0;
  for (int k = 0; k < comparison->question.K[layer]; k++) n += dropped[k] != 0;
  return n;
}

int rp_active_of_layer(const rp_comparison *comparison, int layer) {
  if (!comparison->n_scored) return 0;
  const float *scores = comparison->opinions[comparison->scored[0]].scores + first_filter(comparison, layer);
  int n = 0;
  for (int k = 0; k < comparison->question.K[layer]; k++) n += !isnan(scores[k]);
  return n;
}

/* ---- Formats --------------------------------------------------------------------------------- */

static const struct {
  const char *name;
  void (*write)(const rp_comparison *, FILE *);
} FORMATS[] = {
#define FORMAT(code, name, function, help) {name, function},
    RP_COMPARISON_FORMAT_LIST(FORMAT)
#undef FORMAT
};

int rp_comparison_format_of(const char *name, rp_comparison_format *out) {
  for (int i = 0; i < RP_N_COMPARISON_FORMATS; i++)
    if (strcmp(name, FORMATS[i].name) == 0) {
      *out = (rp_comparison_format)i;
      return 1;
    }
  return 0;
}

rp_status rp_comparison_write(const rp_comparison *comparison, rp_comparison_format format, FILE *out, rp_error *err) {
  FORMATS[format].write(comparison, out);
  return fflush(out) != 0 || ferror(out) ? rp_fail_errno(err, RP_EIO, "the comparison cannot be written") : RP_OK;
}
