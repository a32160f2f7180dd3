/* guarded_context.h: what the host hands to plugins, as copies in guarded memory (guard.h). */
#ifndef RP_RANKING_GUARDED_CONTEXT_H
#define RP_RANKING_GUARDED_CONTEXT_H

#include "core/ranking/guard.h"
#include "core/ranking/host.h"

/* Copies of a context, a batch, limits, and of all that they lead to: new blocks, not sealed yet. `context` is the host's own. Errors:
 * RP_EMEMORY. */
rp_status rp_guard_context(rp_guard *guard, const rp_context *from, const rp_context **out, rp_error *err);
rp_status rp_guard_batch(rp_guard *guard, const rp_context *context, const rp_batch *from, const rp_batch **out, rp_error *err);
rp_status rp_guard_limits(rp_guard *guard, const rp_context *context, const rp_limits *from, const rp_limits **out, rp_error *err);

#endif
