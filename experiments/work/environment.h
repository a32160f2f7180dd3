/* environment.h: what this process computes with, as far as it decides numbers, and where it runs. */
#ifndef RP_WORK_ENVIRONMENT_H
#define RP_WORK_ENVIRONMENT_H

#include "experiments/work/wire.h"
#include "results/store.h"

/* Writes this process's environment into a HELLO message. Asks oneDNN and OpenBLAS, so only workers call it. */
void rp_environment_put(rp_wire *wire);

/* Reads it back; strings are borrowed from the message. */
rp_status rp_environment_get(rp_wire *wire, rp_environment *out, rp_error *err);

#endif
