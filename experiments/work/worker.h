/* worker.h: the process that computes: takes jobs from its socket, runs ops and probes, writes checkpoints, answers. */
#ifndef RP_WORK_WORKER_H
#define RP_WORK_WORKER_H

#include "core/base/status.h"

/* Serves jobs that arrive on `fd` until the other end closes it. A job that fails is answered, not returned. Errors: RP_EWORKER (the socket
 * broke). */
rp_status rp_worker_serve(int fd, rp_error *err);

#endif
