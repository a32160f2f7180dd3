/* ablate.h: what removing filters does to the loss: the greedy oracle's measurement (rules 11, 15). */
#ifndef RP_PROBES_ABLATE_H
#define RP_PROBES_ABLATE_H

#include "core/probes/evaluate.h"

/* Evaluates with the gates of `set` closed besides those in `closed`. Both [n_filters]; `closed` NULL = none. The rest as in rp_evaluate.
 */
rp_status rp_ablate(rp_net *net, const float *parameters, const uint8_t *closed, const uint8_t *set, const rp_dataset *dataset,
                    rp_part part, const uint32_t *indices, uint32_t n, rp_evaluation *out, rp_error *err);

/* Each open filter alone: out[f] for every filter with closed[f] = 0; the others' rows are n = 0. `out`: [n_filters]. `tick` (may be NULL)
 * is called once for each filter with the number done and to do; a filter's worth of work is done by then, not any one filter.
 *
 * All filters are measured on one small batch of images after the other, from the maps of the whole net (removal.h). Beside the net that
 * takes its maps of ten images twice, but at most 64 MiB or what one image takes, and a copy of its weights; it is freed again. Losses
 * agree with rp_ablate's but for rounding (1e-5 of them), so do predictions where the two largest logits are not as close (1e-4). Each
 * filter's numbers have the same bits in any process, and whatever is measured with them. */
rp_status rp_ablate_each(rp_net *net, const float *parameters, const uint8_t *closed, const rp_dataset *dataset, rp_part part,
                         const uint32_t *indices, uint32_t n, rp_evaluation *out, void (*tick)(void *, int, int), void *user,
                         rp_error *err);

/* The same the plain way, one rp_ablate per filter: what the fast one is measured against. (ablate_plainly.c) */
rp_status rp_ablate_each_plainly(rp_net *net, const float *parameters, const uint8_t *closed, const rp_dataset *dataset, rp_part part,
                                 const uint32_t *indices, uint32_t n, rp_evaluation *out, void (*tick)(void *, int, int), void *user,
                                 rp_error *err);

#endif
