/* guarded_ranker.h: a ranker around a ranker: hands the inner one copies of everything, in guarded memory, and measures it.
 *
 * The host calls it like any other; so the conformance test goes the same ways as a run. */
#ifndef RP_RANKING_GUARDED_RANKER_H
#define RP_RANKING_GUARDED_RANKER_H

#include "core/ranking/guard.h"
#include "core/ranking/host.h"

enum { RP_GUARDED_CREATE, RP_GUARDED_OBSERVE, RP_GUARDED_SCORE, RP_GUARDED_CHOOSE, RP_GUARDED_DESTROY, RP_N_GUARDED };

typedef struct {
  rp_ranker outer; /* to be given to the host; stays the first member */
  const rp_ranker *inner;
  rp_guard *guard;              /* borrowed; holds blocks of one event at a time */
  int calls[RP_N_GUARDED];      /* since the last rp_guarded_ranker_reset */
  double seconds[RP_N_GUARDED]; /* in them, services included */
  int refused;                  /* a call came back with an error; whoever asks sets it to 0 before */
  const char *changed_modes;    /* the first function that came back with other floating-point modes; NULL = none */
  rp_error failure;             /* of guarding itself */
} rp_guarded_ranker;

/* Both arguments are borrowed and have to stay. */
void rp_guarded_ranker_init(rp_guarded_ranker *ranker, const rp_ranker *inner, rp_guard *guard);
void rp_guarded_ranker_reset(rp_guarded_ranker *ranker); /* sets calls and seconds to 0 */

/* "create", "observe", … */
const char *rp_guarded_call_name(int call);

/* Rounding, flushing of denormals, and which exceptions trap: what a plugin has to leave as it was. Not the flags that arithmetic raises.
 */
uint64_t rp_floating_point_modes(void);

#endif
