/* ablate.c: closing gates is all there is to removing filters. */
#include "core/probes/ablate.h"

#include "core/base/memory.h"

#include <string.h>

rp_status rp_ablate(rp_net *net, const float *parameters, const uint8_t *closed, const uint8_t *set, const rp_dataset *dataset,
                    rp_part part, const uint32_t *indices, uint32_t n, rp_evaluation *out, rp_error *err) {
  int n_filters = rp_net_layout(net)->n_filters;
  RP_CLEANUP(rp_free_pointer) uint8_t *both = NULL;
  RP_TRY(rp_allocate((size_t)n_filters, 1, &both, err));
  for (int f = 0; f < n_filters; f++) both[f] = set[f] || (closed && closed[f]);
  return rp_evaluate(net, parameters, both, dataset, part, indices, n, NULL, out, err);
}

rp_status rp_ablate_each(rp_net *net, const float *parameters, const uint8_t *closed, const rp_dataset *dataset, rp_part part,
                         const uint32_t *indices, uint32_t n, rp_evaluation *out, void (*tick)(void *, int, int), void *user,
                         rp_error *err) {
  int n_filters = rp_net_layout(net)->n_filters, n_open = 0, n_done = 0;
  RP_CLEANUP(rp_free_pointer) uint8_t *set = NULL;
  RP_TRY(rp_allocate((size_t)n_filters, 1, &set, err));
  memset(out, 0, (size_t)n_filters * sizeof *out);
  for (int f = 0; f < n_filters; f++) n_open += !(closed && closed[f]);
  for (int f = 0; f < n_filters; f++) {
    if (closed && closed[f]) continue;
    set[f] = 1;
    RP_TRY(rp_ablate(net, parameters, closed, set, dataset, part, indices, n, &out[f], err));
    set[f] = 0;
    if (tick) tick(user, ++n_done, n_open);
  }
  return RP_OK;
}
