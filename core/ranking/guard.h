/* guard.h: memory that turns what a plugin must not do into a crash that can be told.
 *
 * A block ends where an unreadable page begins, and an unreadable page lies before its first one, too; inputs cannot be written; and once a
 * call is over, what it was handed is out of reach. Bytes between a block's page and its start are all ones, which read as float is NaN. */
#ifndef RP_RANKING_GUARD_H
#define RP_RANKING_GUARD_H

#include "core/base/status.h"

#include <stddef.h>

typedef struct rp_guard rp_guard;

rp_status rp_guard_create(rp_guard **out, rp_error *err);
void rp_guard_free(rp_guard **guard); /* for RP_CLEANUP */

/* A block of `size` zeroed bytes that can be written until it is sealed. Its start is aligned as far as its size is. `name`, for messages:
 * "the weights of conv2"; it is copied. Errors: RP_EMEMORY. */
rp_status rp_guard_block(rp_guard *guard, size_t size, const char *name, void *out, rp_error *err);

/* The same with a copy of `bytes` in it. */
rp_status rp_guard_copy(rp_guard *guard, const void *bytes, size_t size, const char *name, void *out, rp_error *err);

/* Blocks are numbered in the order in which they were made: those made from now on start at this number. */
size_t rp_guard_mark(const rp_guard *guard);

/* Makes all blocks from `mark` on read-only, but the last `n_outputs` of them. */
void rp_guard_seal(rp_guard *guard, size_t mark, size_t n_outputs);

/* Takes all blocks from `mark` on out of reach. Their contents are gone, their addresses stay known. */
void rp_guard_revoke(rp_guard *guard, size_t mark);

/* Forgets all blocks. */
void rp_guard_clear(rp_guard *guard);

/* What was wrong with an access to an address, as "writing to the weights of conv2", "reading past the end of the labels";
 * async-signal-safe. `writes`: 1, 0, or −1 = not known. Returns 0 where the address has nothing to do with any block. */
int rp_guard_explain(const rp_guard *guard, const void *address, int writes, char *text, size_t size);

#endif
