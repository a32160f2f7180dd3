/* ablate_plainly.c: a pass over the images per filter: the reference that the fast way has to agree with. */
#include "core/probes/ablate.h"

#include "core/base/memory.h"

#include <string.h>

rp_status rp_ablate_each_plainly(rp_net *net, const float *parameters, const uint8_t *closed, const rp_dataset *dataset, rp_part part,
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
