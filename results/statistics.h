/* statistics.h: summaries over seeds, differences that are paired by seed (SEMANTICS rule 24), rank correlations. Pure functions in double
 * precision. */
#ifndef RP_RESULTS_STATISTICS_H
#define RP_RESULTS_STATISTICS_H

#include "core/base/status.h"

#include <stdint.h>

/* One number of one seed. */
typedef struct {
  int64_t seed;
  double value;
} rp_seed_value;

typedef struct {
  int n;                  /* distinct seeds */
  double mean, min, max;  /* NAN where n = 0 */
  double sd;              /* of a sample: n − 1 below; NAN where n < 2 */
  double ci_low, ci_high; /* 95 %, Student's t with n − 1 degrees of freedom; NAN where n < 2 */
} rp_summary;

/* Summarises values over seeds: several values of one seed count once, as their mean; NaN values are left out. Errors: RP_EMEMORY. */
rp_status rp_summarise(const rp_seed_value *values, int n, rp_summary *out, rp_error *err);

/* Summarises a − b over the seeds that both have. Errors: RP_EMEMORY. */
rp_status rp_summarise_difference(const rp_seed_value *a, int n_a, const rp_seed_value *b, int n_b, rp_summary *out, rp_error *err);

/* The t with P(T ≤ t) = probability for Student's T with `df` degrees of freedom (≥ 1); probability in (0, 1). By the regularised
 * incomplete beta function (its continued fraction, Abramowitz and Stegun 26.5.8) and bisection; relative error below 1e-9. */
double rp_t_quantile(double probability, int df);

/* ---- Rank correlation ------------------------------------------------------------------------ */

/* Ranks from 1 (the smallest value) to n; equal values share the mean of their places. `values`: [n], no NaN. Errors: RP_EMEMORY. */
rp_status rp_mid_ranks(const double *values, int n, double *ranks, rp_error *err);

/* Spearman's ρ: the product-moment correlation of mid-ranks, which is right with ties, too. NAN where n < 2 or one side is constant.
 * Errors: RP_EMEMORY. */
rp_status rp_spearman(const double *x, const double *y, int n, double *out, rp_error *err);

/* The same from mid-ranks, for those who compare one list with many others. */
double rp_spearman_of_ranks(const double *x_ranks, const double *y_ranks, int n);

/* Kendall's τ-b: (concordant − discordant pairs) / sqrt(pairs not tied in x · pairs not tied in y); a pair that is tied on either side is
 * neither. By merge sort in O(n log n) (Knight, JASA 1966). NAN where n < 2 or one side is constant. Errors: RP_EMEMORY. */
rp_status rp_kendall(const double *x, const double *y, int n, double *out, rp_error *err);

#endif
