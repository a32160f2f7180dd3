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

/* "Segmentation fault" and its like; async-signal-safe. */
const char *rp_crash_name(int signal_number);

#endif
