/* check_cases.h: for the files of check.h only: the cases, and the child process that tries them. */
#ifndef RP_RANKING_CHECK_CASES_H
#define RP_RANKING_CHECK_CASES_H

#include "core/ranking/check.h"
#include "core/ranking/check_net.h"
#include "core/ranking/guarded_ranker.h"

enum { RP_CHECK_MOST_FILTERS = 96 }; /* of the nets of the test */

/* Which net a plugin can work on. */
typedef enum { RP_CHECK_ANY_NET, RP_CHECK_PLAIN_ONLY, RP_CHECK_BN_ONLY } rp_check_need;

/* A plugin at the test, in the child. */
typedef struct {
  rp_plugin plugin;
  rp_guarded_ranker guarded;
  rp_guard *guard;
  const rp_value *options;
  int is_default; /* options are the defaults */
  rp_check_need need;
  rp_watch_options watch;
  rp_check_net nets[2]; /* without and with batch norm; made when they are needed */
} rp_check_subject;

/* What a case found. */
typedef struct {
  rp_check_result result;
  char text[RP_CHECK_TEXT];
} rp_check_finding;

typedef struct {
  const char *name;
  int at_range_ends; /* also with numbers at the ends of their ranges */
  rp_status (*try)(rp_check_subject *subject, rp_check_finding *finding, rp_error *err);
} rp_check_case;

/* The table, in order; *n is its length. A case that returns an error of status RP_EPLUGIN is violated with that message; other errors end
 * the test. */
const rp_check_case *rp_check_cases(int *n);

/* The net that cases use: without batch norm unless the plugin needs it. */
rp_status rp_check_subject_net(rp_check_subject *subject, const rp_check_net **out, rp_error *err);

/* Raw scores of a state by the plugin: [n_filters] of `scores`, NaN for inactive filters. Floating-point modes that changed are an error.
 * Errors: those of rp_score. */
rp_status rp_check_score(rp_check_subject *subject, const rp_check_net *net, const rp_state *state, float *scores, rp_error *err);

/* What the cases are made of. A finding's text, of which RP_CHECK_TEXT − 1 bytes are kept; returns RP_OK. */
rp_status rp_check_found(rp_check_finding *finding, rp_check_result result, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* A pass over the net's own images; holds what it is given. */
rp_scoring_pass rp_check_pass(const rp_check_subject *subject, const rp_check_net *net, const rp_state *state);
/* RP_EPLUGIN where floating-point modes (rp_floating_point_modes) are not `before`. */
rp_status rp_check_modes(uint64_t before, rp_error *err);
/* Closes a filter's gate, as if it had been dropped. */
void rp_check_close_filter(rp_state *state, int filter);

/* Cases in check_selection.c: a plugin's own choice is exact and within limits; scores that tie at the cut. */
rp_status rp_check_try_choose(rp_check_subject *subject, rp_check_finding *finding, rp_error *err);
rp_status rp_check_try_ties(rp_check_subject *subject, rp_check_finding *finding, rp_error *err);

/* An error's message without "ranker NAME:" in front, which in a table of one ranker says nothing. Borrowed from `err`. */
const char *rp_check_own_words(const rp_check_subject *subject, const rp_error *err);

#endif
