/* criteria.h: how long ranking criteria take on a model: each its own time, and that of the network's passes, which all share.
 *
 * Measured is a scoring pass with all of them together, as a drop with shadows makes it, on random images, at the start of training. */
#ifndef RP_BENCH_CRITERIA_H
#define RP_BENCH_CRITERIA_H

#include "core/base/text.h"
#include "core/nn/model.h"
#include "core/ranking/plugin.h"

enum { RP_MOST_CRITERIA = 64 };

/* Criteria to measure; owned. */
typedef struct {
  int n;
  rp_plugin_description criteria[RP_MOST_CRITERIA];
} rp_criteria_list;

typedef struct {
  int n_images, threads;
  double seconds[RP_MOST_CRITERIA]; /* of each of a list's: in its own functions and the services that they call; NaN: it does not apply to
                                       the model */
  char reason[RP_MOST_CRITERIA][256]; /* why it does not; "" where it does */
  double network;                     /* forward and backward passes, and what else is not a criterion's own */
  double all;                         /* the whole pass */
} rp_criteria_times;

/* `names`: names or files, with commas between; NULL: all in the folder of built-in ones but those that ablate. The caller frees. Errors:
 * those of rp_plugin_find and rp_plugin_describe; RP_EUSAGE: more than RP_MOST_CRITERIA. */
rp_status rp_criteria_list_open(const char *names, rp_criteria_list *out, rp_error *err);
void rp_criteria_list_free(rp_criteria_list *list);

/* The least of three rounds, in processor time of the calling thread, in a child process. The caller must not have touched OpenMP. Errors:
 * those of score.h, RP_EWORKER. */
rp_status rp_criteria_measure(const rp_model *model, const rp_criteria_list *list, int n_images, int threads, rp_criteria_times *out,
                              rp_error *err);

/* A table for people; `images_per_second` of training, to compare with. */
void rp_criteria_print(const char *model, const rp_criteria_list *list, const rp_criteria_times *times, double images_per_second);

/* {"images":…,"network":…,"all":…,"seconds":{"taylor":…}}; null where one does not apply. */
void rp_criteria_add_json(const rp_criteria_list *list, const rp_criteria_times *times, rp_text *json);

#endif
