/* regrow_authors.c: the released code's step: a dropped filter comes back as its old value, orthonormalised against the filters before it.
 */
#include "core/ops/regrow_weights.h"

#include "core/base/memory.h"
#include "core/nn/linalg.h"

#include <math.h>

static void copy_at_unit_norm(const float *old, size_t d, float *weights) {
  double square = 0;
  for (size_t i = 0; i < d; i++) square += (double)old[i] * old[i];
  double norm = sqrt(square);
  for (size_t i = 0; i < d; i++) weights[i] = norm > 0 ? (float)(old[i] / norm) : 0;
}

rp_status rp_regrow_authors(rp_state *state, int conv, rp_error *err) {
  const rp_conv *layer = &state->layout->convs[conv];
  const rp_filter_state *filters = state->filters + layer->first_filter;
  size_t d = (size_t)layer->C * (size_t)layer->R * (size_t)layer->S, offset = state->layout->tensors[layer->weight].offset;
  float *weights = state->parameters + offset;
  const float *old = state->at_drop + offset;

  size_t n_rows = (size_t)layer->K < d ? (size_t)layer->K : d;
  RP_CLEANUP(rp_free_pointer) double *rows = NULL;
  RP_TRY(rp_allocate(n_rows * d, sizeof *rows, &rows, err));
  for (size_t k = 0; k < n_rows; k++)
    for (size_t i = 0; i < d; i++) rows[k * d + i] = filters[k].dropped ? old[k * d + i] : weights[k * d + i];
  RP_TRY_IN(rp_orthonormal_rows(rows, (int)n_rows, (int)d, err), err, "%s", layer->name);

  for (size_t k = 0; k < (size_t)layer->K; k++) {
    if (!filters[k].dropped) continue;
    if (k >= n_rows)
      copy_at_unit_norm(old + k * d, d, weights + k * d);
    else
      for (size_t i = 0; i < d; i++) weights[k * d + i] = (float)rows[k * d + i];
  }
  return RP_OK;
}
