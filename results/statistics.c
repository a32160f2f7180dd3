/* statistics.c: values are first brought down to one per seed, so that rows never pass for seeds. */
#include "results/statistics.h"

#include "core/base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int by_seed(const void *left, const void *right) {
  int64_t a = ((const rp_seed_value *)left)->seed, b = ((const rp_seed_value *)right)->seed;
  return (a > b) - (a < b);
}

/* One mean per seed, in order of seed; the caller frees. */
static rp_status means_by_seed(const rp_seed_value *values, int n, rp_seed_value **out, int *n_out, rp_error *err) {
  rp_seed_value *means = NULL;
  *out = NULL, *n_out = 0;
  RP_TRY(rp_allocate((size_t)n, sizeof *means, &means, err));
  int n_kept = 0;
  for (int i = 0; i < n; i++)
    if (!isnan(values[i].value)) means[n_kept++] = values[i];
  qsort(means, (size_t)n_kept, sizeof *means, by_seed);
  int n_means = 0;
  for (int first = 0, next; first < n_kept; first = next) {
    double sum = 0;
    for (next = first; next < n_kept && means[next].seed == means[first].seed; next++) sum += means[next].value;
    means[n_means++] = (rp_seed_value){means[first].seed, sum / (next - first)};
  }
  *out = means, *n_out = n_means;
  return RP_OK;
}

static rp_summary summary_of(const rp_seed_value *means, int n) {
  rp_summary summary = {n, NAN, NAN, NAN, NAN, NAN, NAN};
  if (n == 0) return summary;
  double sum = 0, squares = 0;
  summary.min = summary.max = means[0].value;
  for (int i = 0; i < n; i++) {
    sum += means[i].value;
    summary.min = fmin(summary.min, means[i].value);
    summary.max = fmax(summary.max, means[i].value);
  }
  summary.mean = sum / n;
  if (n < 2) return summary;
  for (int i = 0; i < n; i++) squares += (means[i].value - summary.mean) * (means[i].value - summary.mean);
  summary.sd = sqrt(squares / (n - 1));
  double half_width = rp_t_quantile(0.975, n - 1) * summary.sd / sqrt(n);
  summary.ci_low = summary.mean - half_width;
  summary.ci_high = summary.mean + half_width;
  return summary;
}

rp_status rp_summarise(const rp_seed_value *values, int n, rp_summary *out, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) rp_seed_value *means = NULL;
  int n_means;
  RP_TRY(means_by_seed(values, n, &means, &n_means, err));
  *out = summary_of(means, n_means);
  return RP_OK;
}

rp_status rp_summarise_difference(const rp_seed_value *a, int n_a, const rp_seed_value *b, int n_b, rp_summary *out, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) rp_seed_value *left = NULL;
  RP_CLEANUP(rp_free_pointer) rp_seed_value *right = NULL;
  int n_left, n_right, n_pairs = 0;
  RP_TRY(means_by_seed(a, n_a, &left, &n_left, err));
  RP_TRY(means_by_seed(b, n_b, &right, &n_right, err));
  for (int i = 0, j = 0; i < n_left && j < n_right;) {
    if (left[i].seed < right[j].seed)
      i++;
    else if (left[i].seed > right[j].seed)
      j++;
    else {
      left[n_pairs++] = (rp_seed_value){left[i].seed, left[i].value - right[j].value};
      i++, j++;
    }
  }
  *out = summary_of(left, n_pairs);
  return RP_OK;
}

/* The continued fraction of the incomplete beta function, by Lentz's method. */
static double beta_fraction(double a, double b, double x) {
  const double tiny = 1e-300;
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  d = 1 / (fabs(d) < tiny ? tiny : d);
  double fraction = d;
  for (int m = 1; m < 10000; m++) {
    double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 + even * d, c = 1 + even / c;
    d = 1 / (fabs(d) < tiny ? tiny : d), c = fabs(c) < tiny ? tiny : c;
    fraction *= d * c;
    double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 + odd * d, c = 1 + odd / c;
    d = 1 / (fabs(d) < tiny ? tiny : d), c = fabs(c) < tiny ? tiny : c;
    fraction *= d * c;
    if (fabs(d * c - 1) < 1e-15) break;
  }
  return fraction;
}

/* I_x(a, b), with x and 1 − x both given so that neither is rounded away. */
static double incomplete_beta(double a, double b, double x, double one_minus_x) {
  if (x <= 0) return 0;
  if (one_minus_x <= 0) return 1;
  double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(one_minus_x));
  if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
  return 1 - front * beta_fraction(b, a, one_minus_x) / b;
}

/* P(T > t) for t ≥ 0 */
static double t_tail(double t, int df) {
  double below = df + t * t;
  return 0.5 * incomplete_beta(0.5 * df, 0.5, df / below, t * t / below);
}

double rp_t_quantile(double probability, int df) {
  if (probability < 0.5) return -rp_t_quantile(1 - probability, df);
  double low = 0, high = 1;
  while (t_tail(high, df) > 1 - probability && high < 1e300) high *= 2;
  for (int i = 0; i < 200 && high - low > 1e-12 * high; i++) {
    double middle = 0.5 * (low + high);
    if (t_tail(middle, df) > 1 - probability)
      low = middle;
    else
      high = middle;
  }
  return 0.5 * (low + high);
}
