/* overlap.c: the layer's active filters are scaled to unit norm once; cosines are then dot products of pairs. */
#include "core/probes/overlap.h"

#include "core/base/memory.h"

#include <math.h>

/* Sums that add up over layers; the means are taken from them at the end. */
typedef struct {
  double ortho_sum;
  uint64_t n_pairs, n_opposite;
  int n_active;
} rp_overlap_sums;

static const double OPPOSITE_BELOW = -0.5;

static double dot(const double *a, const double *b, size_t d) {
  double sum = 0;
  for (size_t i = 0; i < d; i++) sum += a[i] * b[i];
  return sum;
}

/* A zero vector stays zero: its cosine with anything is then 0. */
static void unit_vector(const float *weights, size_t d, double *unit) {
  for (size_t i = 0; i < d; i++) unit[i] = weights[i];
  double norm = sqrt(dot(unit, unit, d));
  for (size_t i = 0; norm > 0 && i < d; i++) unit[i] /= norm;
}

static rp_status add_conv(const rp_state *state, int i_conv, rp_overlap_sums *sums, rp_error *err) {
  const rp_conv *conv = &state->layout->convs[i_conv];
  size_t d = (size_t)conv->C * (size_t)conv->R * (size_t)conv->S;
  const float *weights = state->parameters + state->layout->tensors[conv->weight].offset;
  RP_CLEANUP(rp_free_pointer) double *units = NULL;
  RP_TRY(rp_allocate((size_t)conv->K * d, sizeof *units, &units, err));
  size_t n_active = 0;
  for (int k = 0; k < conv->K; k++)
    if (!state->filters[conv->first_filter + k].closed) unit_vector(weights + (size_t)k * d, d, units + n_active++ * d);

  double sum_of_pairs = 0;
  for (size_t i = 0; i < n_active; i++) {
    for (size_t j = 0; j < i; j++) {
      double cosine = dot(units + i * d, units + j * d, d);
      sum_of_pairs += fabs(cosine);
      sums->n_opposite += cosine < OPPOSITE_BELOW;
    }
    sums->n_pairs += i;
  }
  /* Each pair counts for both of its filters. */
  if (n_active > 0) sums->ortho_sum += 2 * sum_of_pairs / (double)n_active;
  sums->n_active += (int)n_active;
  return RP_OK;
}

static rp_overlap overlap_of(const rp_overlap_sums *sums) {
  return (rp_overlap){.ortho_sum = sums->ortho_sum,
                      .ortho_mean = sums->n_active ? sums->ortho_sum / sums->n_active : 0,
                      .opposite_share = sums->n_pairs ? (double)sums->n_opposite / (double)sums->n_pairs : 0,
                      .active_filters = sums->n_active};
}

rp_status rp_overlap_of_conv(const rp_state *state, int conv, rp_overlap *out, rp_error *err) {
  rp_overlap_sums sums = {0};
  RP_TRY(add_conv(state, conv, &sums, err));
  *out = overlap_of(&sums);
  return RP_OK;
}

rp_status rp_overlap_of_net(const rp_state *state, rp_overlap *out, rp_error *err) {
  rp_overlap_sums sums = {0};
  for (int i = 0; i < state->layout->n_convs; i++) RP_TRY(add_conv(state, i, &sums, err));
  *out = overlap_of(&sums);
  return RP_OK;
}
