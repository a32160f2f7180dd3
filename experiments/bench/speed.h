/* speed.h: how fast a model runs here, how fast it could run at best, and how much memory it takes.
 *
 * What is timed is what runs do: the op `train`, the probe `evaluate`, the walk over scoring images; on random images, at the start of
 * training. Beside them their bound: the bare convolutions on maps of the same shapes. Times are processor time of the calling thread, so
 * that other programs do not count: after a warm-up, slices of all of them take turns, and the median slice of each is what is told. */
#ifndef RP_BENCH_SPEED_H
#define RP_BENCH_SPEED_H

#include "core/nn/model.h"

/* X(code, name, heading, bound, one line of help): what is timed. `bound`: what it cannot beat (itself: a bound). */
#define RP_SPEED_LIST(X)                                                                                                                   \
  X(RP_SPEED_TRAIN, "train", "train", RP_SPEED_BOUND, "training: forward, backward and optimizer step (sgd), as the op `train` does it")   \
  X(RP_SPEED_EVALUATE, "evaluate", "evaluate", RP_SPEED_EVALUATE_BOUND, "loss and accuracy, as `evaluate` does it")                        \
  X(RP_SPEED_SCORE, "score", "score", RP_SPEED_BOUND, "what criteria are shown: feature maps, their gradients, weight gradients")          \
  X(RP_SPEED_BOUND, "bound", "bound", RP_SPEED_BOUND, "the bare convolutions of training: forward, weight gradient, data gradient")        \
  X(RP_SPEED_EVALUATE_BOUND, "evaluate_bound", "eval bound", RP_SPEED_EVALUATE_BOUND, "the bare convolutions of evaluation: forward")

typedef enum {
#define RP_SPEED_ENUM(code, name, heading, bound, help) code,
  RP_SPEED_LIST(RP_SPEED_ENUM)
#undef RP_SPEED_ENUM
      RP_N_SPEEDS
} rp_speed_kind;

typedef struct {
  int batch, threads;
  double seconds; /* to time each kind of work for, > 0; what takes longer once is done once per slice */
} rp_speed_options;

typedef struct {
  double images_per_second[RP_N_SPEEDS]; /* NaN: a bound of a model without convolutions */
  double of_bound[RP_N_SPEEDS];          /* images/s over those of its bound in the same round, median; NaN likewise */
  double peak_memory_bytes; /* of training and evaluation: the largest resident size (VmHWM) less the pages that are mapped from files */
} rp_speed;

/* A row's words. */
const char *rp_speed_name(rp_speed_kind kind);
const char *rp_speed_heading(rp_speed_kind kind);
const char *rp_speed_help(rp_speed_kind kind);
rp_speed_kind rp_speed_bound(rp_speed_kind kind);

/* Measures a model on images of rp_bench_images in a child process, which starts with next to no memory; the caller must not have touched
 * OpenMP. Errors: those of net.h; RP_EWORKER where the child died. */
rp_status rp_speed_measure(const rp_model *model, const rp_speed_options *options, rp_speed *out, rp_error *err);

#endif
