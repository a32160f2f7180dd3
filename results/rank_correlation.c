/* rank_correlation.c: both correlations go over one order of the pairs: by x, then by y. */
#include "results/statistics.h"

#include "core/base/memory.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
  double x, y;
  int place;
} pair;

static int by_x_then_y(const void *left, const void *right) {
  const pair *a = left, *b = right;
  if (a->x != b->x) return a->x < b->x ? -1 : 1;
  return (a->y > b->y) - (a->y < b->y);
}

static rp_status sorted_pairs(const double *x, const double *y, int n, pair **out, rp_error *err) {
  RP_TRY(rp_allocate((size_t)n, sizeof **out, out, err));
  for (int i = 0; i < n; i++) (*out)[i] = (pair){x[i], y[i], i};
  qsort(*out, (size_t)n, sizeof **out, by_x_then_y);
  return RP_OK;
}

/* ---- Spearman -------------------------------------------------------------------------------- */

rp_status rp_mid_ranks(const double *values, int n, double *ranks, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) pair *pairs = NULL;
  RP_TRY(sorted_pairs(values, values, n, &pairs, err));
  for (int first = 0, next; first < n; first = next) {
    for (next = first + 1; next < n && pairs[next].x == pairs[first].x;) next++;
    for (int i = first; i < next; i++) ranks[pairs[i].place] = 0.5 * (first + 1 + next);
  }
  return RP_OK;
}

double rp_spearman_of_ranks(const double *a, const double *b, int n) {
  /* Ranks have this mean, ties or not. */
  double mean = 0.5 * (n + 1), ab = 0, aa = 0, bb = 0;
  for (int i = 0; i < n; i++) {
    ab += (a[i] - mean) * (b[i] - mean);
    aa += (a[i] - mean) * (a[i] - mean);
    bb += (b[i] - mean) * (b[i] - mean);
  }
  return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : NAN;
}

rp_status rp_spearman(const double *x, const double *y, int n, double *out, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) double *x_ranks = NULL;
  RP_CLEANUP(rp_free_pointer) double *y_ranks = NULL;
  RP_TRY(rp_allocate((size_t)n, sizeof *x_ranks, &x_ranks, err));
  RP_TRY(rp_allocate((size_t)n, sizeof *y_ranks, &y_ranks, err));
  RP_TRY(rp_mid_ranks(x, n, x_ranks, err));
  RP_TRY(rp_mid_ranks(y, n, y_ranks, err));
  *out = rp_spearman_of_ranks(x_ranks, y_ranks, n);
  return RP_OK;
}

/* ---- Kendall --------------------------------------------------------------------------------- */

static double pairs_of(double n) {
  return 0.5 * n * (n - 1);
}

/* Pairs of equal x in the order by x, and those of them with equal y. */
static void count_ties(const pair *pairs, int n, double *in_x, double *in_both) {
  *in_x = *in_both = 0;
  for (int first = 0, next; first < n; first = next) {
    for (next = first + 1; next < n && pairs[next].x == pairs[first].x;) next++;
    *in_x += pairs_of(next - first);
    for (int one = first, other; one < next; one = other) {
      for (other = one + 1; other < next && pairs[other].y == pairs[one].y;) other++;
      *in_both += pairs_of(other - one);
    }
  }
}

/* Sorts `y` and returns how many exchanges of neighbours that takes: the discordant pairs. `room`: [n]. */
static double sort_counting(double *y, int n, double *room) {
  if (n < 2) return 0;
  int half = n / 2, i = 0, j = half;
  double exchanges = sort_counting(y, half, room) + sort_counting(y + half, n - half, room);
  for (int k = 0; k < n; k++) {
    int takes_right = i == half || (j < n && y[j] < y[i]);
    if (takes_right) exchanges += half - i;
    room[k] = takes_right ? y[j++] : y[i++];
  }
  for (int k = 0; k < n; k++) y[k] = room[k];
  return exchanges;
}

static double count_ties_in(const double *sorted, int n) {
  double ties = 0;
  for (int first = 0, next; first < n; first = next) {
    for (next = first + 1; next < n && sorted[next] == sorted[first];) next++;
    ties += pairs_of(next - first);
  }
  return ties;
}

rp_status rp_kendall(const double *x, const double *y, int n, double *out, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) pair *pairs = NULL;
  RP_CLEANUP(rp_free_pointer) double *ys = NULL;
  RP_CLEANUP(rp_free_pointer) double *room = NULL;
  double in_x, in_both;
  RP_TRY(sorted_pairs(x, y, n, &pairs, err));
  RP_TRY(rp_allocate((size_t)n, sizeof *ys, &ys, err));
  RP_TRY(rp_allocate((size_t)n, sizeof *room, &room, err));
  count_ties(pairs, n, &in_x, &in_both);
  for (int i = 0; i < n; i++) ys[i] = pairs[i].y;
  double discordant = sort_counting(ys, n, room), in_y = count_ties_in(ys, n), all = pairs_of(n);
  double concordant = all - in_x - in_y + in_both - discordant;
  *out = in_x < all && in_y < all ? (concordant - discordant) / sqrt((all - in_x) * (all - in_y)) : NAN;
  return RP_OK;
}
