/* ablate.h: what removing filters does to the loss: the greedy oracle's measurement (rules 11, 15). The plain way: one pass over the images
 * per set. */
#ifndef RP_PROBES_ABLATE_H
#define RP_PROBES_ABLATE_H

#include "core/probes/evaluate.h"

/* Evaluates with the gates of `set` closed besides those in `closed`. Both [n_filters]; `closed` NULL = none. The rest as in rp_evaluate.
 */
rp_status rp_ablate(rp_net *net, const float *parameters, const uint8_t *closed, const uint8_t *set, const rp_dataset *dataset,
                    rp_part part, const uint32_t *indices, uint32_t n, rp_evaluation *out, rp_error *err);

/* Each open filter alone: out[f] for every filter with closed[f] = 0; the others' rows are n = 0. `out`: [n_filters]. `tick` (may be NULL)
 * is called after each filter with the number done and to do. */
rp_status rp_ablate_each(rp_net *net, const float *parameters, const uint8_t *closed, const rp_dataset *dataset, rp_part part,
                         const uint32_t *indices, uint32_t n, rp_evaluation *out, void (*tick)(void *, int, int), void *user,
                         rp_error *err);

#endif
