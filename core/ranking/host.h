/* host.h: a plugin at work: its calls, with everything that could go wrong in them, and the services that it is given.
 *
 * One rp_host is one criterion for one event; the hosts of a scoring pass share the view of the net, the choice of images and what was
 * measured by ablation already, so that two oracles cost no more than one. */
#ifndef RP_RANKING_HOST_H
#define RP_RANKING_HOST_H

#include "core/probes/ablate.h"
#include "core/ranking/score.h"
#include "core/ranking/view.h"
#include "core/ranking/watch.h"

#include <fenv.h>

/* Images of one split that criteria are shown; owns the indices. */
typedef struct {
  rp_part part; /* never RP_TEST (rule 5) */
  uint32_t *indices, n;
} rp_scoring_images;

/* What the criteria of a pass share. */
typedef struct {
  const rp_scoring_pass *pass;
  rp_watch *watch; /* NULL = nobody wants to know */
  rp_net_view view;
  uint8_t *closed;             /* [n_filters], gates of the state */
  rp_scoring_images images[2]; /* of criteria that do not ablate, of those that do; n = 0 until somebody needs them */
  int has_base;
  rp_evaluation base;  /* the net as it is, on images[1] */
  rp_evaluation *each; /* [n_filters] without each filter; NULL until it was asked for */
} rp_host_shared;

/* Where a plugin is: services answer in SCORING only. */
typedef enum { RP_HOST_IDLE, RP_HOST_OBSERVING, RP_HOST_SCORING } rp_host_phase;

typedef struct {
  rp_context context; /* what the plugin is handed */
  rp_host_shared *shared;
  const rp_ranker *ranker;
  const rp_scoring_images *images; /* NULL: it looks at none */
  rp_value *defaults;              /* what create is given where the caller names no options */
  void *self;
  int is_created;
  rp_host_phase phase;
  char call[96];            /* the call at hand, for who watches: "ranker l2: score" */
  fenv_t modes;             /* floating-point modes of the program, while the plugin runs */
  rp_error failure;         /* why a service failed, where that is not the plugin's fault */
  double seconds;           /* spent in the plugin's calls so far */
  double processor_seconds; /* the same, of this thread on the processor */
  double entered_s;         /* on the processor when the call at hand began */
  int result;               /* what its last call returned */
  rp_error *apart;          /* where a failure of its own goes, so that the other hosts can go on; NULL: it ends the pass */
  int has_failed;           /* it did: it is called no more */
} rp_host;

/* Errors: RP_EMEMORY; those of rp_watch_start. */
rp_status rp_host_shared_create(const rp_scoring_pass *pass, rp_host_shared *out, rp_error *err);
void rp_host_shared_free(rp_host_shared *shared);

/* Prepares a host and calls the plugin's create. `options` NULL: their defaults. Of `host` only `apart` is read; it must stay where it is
 * until rp_host_close. Errors:
 * RP_EINPUT where it needs images that there are none of; RP_EPLUGIN with the plugin's message. */
rp_status rp_host_open(rp_host_shared *shared, const rp_ranker *ranker, const rp_value *options, rp_host *host, rp_error *err);

/* Calls the plugin's destroy where its create succeeded, and frees the host's own. */
void rp_host_close(rp_host *host);

/* For a call that may fail apart: the error to hand to it, and what its status means for the pass. A failure that is the plugin's own
 * (RP_EPLUGIN, RP_EINPUT, RP_ENUMERIC) ends the host, others end the pass. */
rp_error *rp_host_error(rp_host *host, rp_error *err);
rp_status rp_host_settle(rp_host *host, rp_status status, rp_error *err);

/* The plugin's other functions. Floating-point modes are kept. Errors: RP_EPLUGIN with the plugin's message; where a service failed for a
 * reason of its own (memory, numeric failure), that one. */
rp_status rp_host_observe(rp_host *host, const rp_batch *batch, rp_error *err);
rp_status rp_host_score(rp_host *host, float *importance, rp_error *err);
rp_status rp_host_choose(rp_host *host, const float *importance, const rp_limits *limits, uint8_t *drop, rp_error *err);

#endif
