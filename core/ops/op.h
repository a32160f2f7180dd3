/* op.h: the ops there are: pure functions from state to state, each with a version that is part of its children's ids. */
#ifndef RP_OPS_OP_H
#define RP_OPS_OP_H

#include "core/nn/optimizer.h"

/* X(code, name, version, one line of help). The version moves when the op's result for the same input moves. */
#define RP_OP_LIST(X)                                                                                                                      \
  X(RP_OP_TRAIN, "train", 1, "train the network as it stands, one epoch each")                                                             \
  X(RP_OP_DROP, "drop", 1, "rank the active filters and drop the least important")                                                         \
  X(RP_OP_REGROW, "regrow", 1, "give every dropped filter new weights and open its gate")

typedef enum {
#define RP_OP_ENUM(code, name, version, help) code,
  RP_OP_LIST(RP_OP_ENUM)
#undef RP_OP_ENUM
      RP_N_OPS
} rp_op_kind;

const char *rp_op_name(rp_op_kind kind);
int rp_op_version(rp_op_kind kind);

#endif
