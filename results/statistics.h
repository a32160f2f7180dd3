/* statistics.h: summaries over seeds, and differences that are paired by seed (SEMANTICS rule 24). Pure functions in double precision. */
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

#endif
