/* crash.h: a last word of a process that is about to die of a plugin. */
#ifndef RP_RANKING_CRASH_H
#define RP_RANKING_CRASH_H

#include "core/base/status.h"

#include <signal.h>

/* From now on `crashed` is called where this process would die of SIGSEGV, SIGBUS, SIGFPE, SIGILL or SIGABRT: on a stack of its own, so
 * that it works after a stack overflow, too. It may call what is async-signal-safe only. Where it returns, the process dies of the signal
 * as it would have without it. `context`: as signal handlers get it. Once per process: a later call replaces the first. Errors: RP_EWORKER,
 * RP_EMEMORY. */
rp_status rp_crash_catch(void (*crashed)(void *user, int signal_number, const siginfo_t *info, const void *context), void *user,
                         rp_error *err);

/* Whether the signal came from an access to memory, whose address info->si_addr is: signals that a program raises itself carry none; and
 * whether that address is so low that it came from a null pointer, or an index into what is one. Both async-signal-safe. */
int rp_crash_has_address(int signal_number, const siginfo_t *info);
int rp_crash_is_on_null(int signal_number, const siginfo_t *info);

/* "Segmentation fault" and its like; async-signal-safe. */
const char *rp_crash_name(int signal_number);

#endif
