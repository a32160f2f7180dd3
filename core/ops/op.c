/* op.c: the table of ops. */
#include "core/ops/op.h"

static const struct {
  const char *name;
  int version;
} OPS[RP_N_OPS] = {
#define RP_OP_ROW(code, name, version, help) [code] = {name, version},
    RP_OP_LIST(RP_OP_ROW)
#undef RP_OP_ROW
};

const char *rp_op_name(rp_op_kind kind) {
  return OPS[kind].name;
}

int rp_op_version(rp_op_kind kind) {
  return OPS[kind].version;
}
