/* bare_convs.h: a net's convolutions without the net: the same shapes and kernels, and nothing between them. What they take is a bound:
 * whatever a net takes beyond it goes into its other layers, the optimizer and the way that images and weights travel. */
#ifndef RP_BENCH_BARE_CONVS_H
#define RP_BENCH_BARE_CONVS_H

#include "core/nn/net.h"

typedef struct rp_bare_convs rp_bare_convs;

/* The convolutions of `net` for so many images at a time. With RP_RUN_TRAIN forward, weight gradient and, where a net needs it, data
 * gradient; with RP_RUN_EVALUATE forward. Errors: those of rp_net_executor. */
rp_status rp_bare_convs_create(rp_net *net, int batch, rp_purpose_of_run purpose, rp_bare_convs **out, rp_error *err);
void rp_bare_convs_free(rp_bare_convs **convs); /* before the net; NULL is fine */

/* One pass over all of them: forward in the net's order, backward in the reverse. */
rp_status rp_bare_convs_run(rp_bare_convs *convs, rp_error *err);

#endif
