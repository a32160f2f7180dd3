/* check.h: the conformance test of plugins, `repr rankers check`.
 *
 * A plugin is tried on small nets (check_net.h) in child processes, in guarded memory (guarded_ranker.h), once with its defaults and once
 * with each other choice of each option: what it must do is judged, what it may do either way is reported. A crash or a call that does not
 * come back is a finding like any other; the cases behind it go on in another child. */
#ifndef RP_RANKING_CHECK_H
#define RP_RANKING_CHECK_H

#include "core/base/status.h"

#include <stddef.h>

/* X(code, name) */
#define RP_CHECK_RESULT_LIST(X)                                                                                                            \
  X(RP_CHECK_OK, "ok")                                                                                                                     \
  X(RP_CHECK_NOTE, "note") /* neither right nor wrong */                                                                                   \
  X(RP_CHECK_SKIPPED, "-") /* does not apply, or could not be tried */                                                                     \
  X(RP_CHECK_VIOLATED, "VIOLATED")

#define RP_CHECK_ENUM(code, name) code,
typedef enum { RP_CHECK_RESULT_LIST(RP_CHECK_ENUM) RP_N_CHECK_RESULTS } rp_check_result;
#undef RP_CHECK_ENUM

const char *rp_check_result_name(rp_check_result result);

enum { RP_CHECK_TEXT = 448 };

typedef struct {
  const char *name; /* of the case: "finite scores"; static */
  char *setting;    /* "variant=authors"; "" = the defaults; owned */
  rp_check_result result;
  int is_repeat;            /* violated, as a row before it is, by the same text: what one fault does in one case it does in others, too */
  char text[RP_CHECK_TEXT]; /* what was found */
} rp_check_row;

typedef struct {
  size_t n, capacity;
  rp_check_row *rows;         /* the defaults first, then setting by setting; within each in the order of the cases */
  int n_violated, n_repeated; /* repeats count among the violated ones */
} rp_check_report;

/* For who wants to know how far a test is: called before a case begins, more than once where it is begun anew.
 *
 *   setting   as in the rows
 *   name      of the case
 *   number    of the case, from 1, of `total` over all settings */
typedef struct {
  void (*begins)(void *user, const char *setting, const char *name, int number, int total);
  void *user;
} rp_check_watcher;

/* Tests a plugin.
 *
 *   path        of the .so
 *   timeout_s   of its own time that one call may take (watch.h), e.g. 60
 *   watcher     may be NULL
 *
 * Errors: RP_EINPUT where there is no such file, or it is no shared object; RP_EIO where no child can be started; RP_EMEMORY. What is wrong
 * with the plugin is no error but a row. The caller frees. */
rp_status rp_ranker_check(const char *path, double timeout_s, const rp_check_watcher *watcher, rp_check_report *out, rp_error *err);
void rp_check_report_free(rp_check_report *report); /* for RP_CLEANUP */

#endif
