/* child.h: a measurement in a process of its own, which starts with next to no memory and leaves nothing behind. */
#ifndef RP_BENCH_CHILD_H
#define RP_BENCH_CHILD_H

#include "core/base/status.h"

#include <stddef.h>

/* Calls work(input, result, err) in a child process and copies what it wrote to `result` (`size` bytes, without pointers) and its error
 * back. The caller must not have touched OpenMP. Errors: the child's; RP_EMEMORY; RP_EIO; RP_EWORKER where the child died. */
rp_status rp_bench_in_child(rp_status (*work)(const void *input, void *result, rp_error *err), const void *input, void *result, size_t size,
                            rp_error *err);

#endif
