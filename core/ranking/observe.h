/* observe.h: shows scoring images to criteria: one walk over the images for all that look at the same ones (rules 6, 11). */
#ifndef RP_RANKING_OBSERVE_H
#define RP_RANKING_OBSERVE_H

#include "core/ranking/host.h"

/* Calls observe of all hosts that have one, batch by batch of 250, on the state of the pass in evaluation mode; the loss is each batch's
 * mean. Only what some criterion's flags ask for is computed, and each criterion sees only what it asked for. Errors: those of
 * rp_host_observe and net.h; RP_ENUMERIC where a loss is not finite. */
rp_status rp_observe(rp_host_shared *shared, rp_host *hosts, int n_hosts, rp_error *err);

#endif
