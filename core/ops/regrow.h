/* regrow.h: the op `regrow`: new weights for all dropped filters, before they rejoin the network (rules 16 to 19). */
#ifndef RP_OPS_REGROW_H
#define RP_OPS_REGROW_H

#include "core/state/state.h"

/* X(code, name, one line of help) */
#define RP_REGROW_MODE_LIST(X)                                                                                                             \
  X(RP_REGROW_ORTHOGONAL, "orthogonal", "random, orthogonal to its own value at the drop, the survivors and the regrown ones (the paper)") \
  X(RP_REGROW_AUTHORS, "authors", "as the authors' released code: nearly the old value, at unit norm")                                     \
  X(RP_REGROW_RANDOM, "random", "drawn as at initialisation")                                                                              \
  X(RP_REGROW_REWIND, "rewind", "all of the filter as at epoch 0")                                                                         \
  X(RP_REGROW_RESTORE, "restore", "as it was dropped: only the mark goes (a control)")                                                     \
  X(RP_REGROW_ZERO, "zero", "zero weights (a control)")

/* orthogonal's scale (rule 17) */
#define RP_REGROW_SCALE_LIST(X)                                                                                                            \
  X(RP_SCALE_MEAN_NORM, "mean-norm", "mean norm of the layer's survivors; none left: init")                                                \
  X(RP_SCALE_OWN, "own", "its norm at the drop")                                                                                           \
  X(RP_SCALE_INIT, "init", "expected norm at initialisation")                                                                              \
  X(RP_SCALE_UNIT, "unit", "1")                                                                                                            \
  X(RP_SCALE_CLIP, "clip", "mean-norm, scaled down so that no weight exceeds the layer's largest")

/* what happens to the weights that read a channel that was absent (rule 18) */
#define RP_REGROW_READERS_LIST(X)                                                                                                          \
  X(RP_READERS_KEEP, "keep", "as they were frozen, momentum included")                                                                     \
  X(RP_READERS_ZERO, "zero", "zero, with their optimizer state")                                                                           \
  X(RP_READERS_RANDOM, "random", "as at initialisation, optimizer state zeroed")

#define RP_REGROW_ENUM(code, name, help) code,
typedef enum { RP_REGROW_MODE_LIST(RP_REGROW_ENUM) RP_N_REGROW_MODES } rp_regrow_mode;
typedef enum { RP_REGROW_SCALE_LIST(RP_REGROW_ENUM) RP_N_REGROW_SCALES } rp_regrow_scale;
typedef enum { RP_REGROW_READERS_LIST(RP_REGROW_ENUM) RP_N_REGROW_READERS } rp_regrow_readers;
#undef RP_REGROW_ENUM

typedef struct {
  rp_regrow_mode mode;
  rp_regrow_scale scale;
  int keep_bias; /* regrow.bias: 0 = zero, 1 = keep */
  rp_regrow_readers readers;
} rp_regrow_options;

typedef struct {
  int regrown;                /* filters */
  uint64_t constraints_asked; /* orthogonal: non-zero vectors that filters should be orthogonal to, summed over filters */
  uint64_t constraints_met;   /* those with |cos| ≤ 1e-5 with the result */
  double max_cos_left;        /* largest |cos| with any that was asked; 0 where none */
} rp_regrow_record;

/* Regrows all marked filters in place and clears their marks, at_drop values and gates; last_regrow_epoch becomes the state's epoch. With
 * no filter marked it changes nothing. Errors: RP_ENUMERIC (LAPACK, or no direction was found in any attempt, with layer and filter). On
 * error the state is undefined. */
rp_status rp_regrow_filters(const rp_net *net, rp_state *state, const rp_regrow_options *options, rp_regrow_record *record, rp_error *err);

#endif
