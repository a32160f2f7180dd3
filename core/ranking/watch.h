/* watch.h: an eye on a plugin's calls: which one is on, and whether it comes back.
 *
 * A call that does not come back cannot be taken back either: nobody knows what it holds. The process that made it has to end. A watch is a
 * thread that looks, once a second or more often, how long the call at hand has been working.
 *
 * What counts is the plugin's own time: wall-clock time, without
 *   - the time in which its thread stood in line for a processor: on a loaded machine a plugin gets no less than on an idle one;
 *   - the time in which nothing could run: of a machine that sleeps or a process that was stopped no more than two looks count;
 *   - the time in the host's services, which may measure thousands of images: each call of one counts as 1 ms instead, so that calling
 *     them for ever ends, too. */
#ifndef RP_RANKING_WATCH_H
#define RP_RANKING_WATCH_H

#include "core/base/status.h"

typedef struct {
  double timeout_s; /* own time that one call may take; 0 = as long as it likes */
  /* A call has taken longer. In another thread than the call, which goes on meanwhile: it must end the process. NULL: abort(). */
  void (*expired)(void *user, const char *call);
  /* A call begins ("ranker l2: score"), or is over (NULL): for who wants to say what a crash was in. While a service works, no call is on.
   * `call` stays valid until it is over. May be NULL. */
  void (*called)(void *user, const char *call);
  void *user;
} rp_watch_options;

typedef struct rp_watch rp_watch;

/* Watches the calls that this thread makes. Errors: RP_EMEMORY; RP_EWORKER where no thread can be started. */
rp_status rp_watch_start(const rp_watch_options *options, rp_watch **out, rp_error *err);
void rp_watch_stop(rp_watch **watch); /* for RP_CLEANUP */

/* Around a call of the plugin; and, within it, around a service. NULL watches nothing. */
void rp_watch_enter(rp_watch *watch, const char *call);
void rp_watch_leave(rp_watch *watch);
void rp_watch_pause(rp_watch *watch);
void rp_watch_resume(rp_watch *watch);

#endif
