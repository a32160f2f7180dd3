/* pool.h: the worker processes of one run: started by fork and exec of this program, spoken to over sockets, waited for.
 *
 * The coordinator itself never enters oneDNN, OpenMP or a plugin, so that a crash there costs one worker. */
#ifndef RP_WORK_POOL_H
#define RP_WORK_POOL_H

#include "experiments/work/wire.h"

#include <sys/types.h>

enum { RP_MOST_WORKERS = 256 };

typedef struct {
  pid_t pid; /* 0 = not running */
  int fd;
  int is_busy;   /* has a job, or has not greeted yet */
  int task;      /* the coordinator's own number of the job at hand; −1 = none */
  int has_begun; /* it said that it works on that job; one that was dying when it was handed a job never does */
  rp_id holds;   /* state in its memory; zero = none */
} rp_worker;

typedef struct {
  int n;
  rp_worker *workers; /* [n] */
  char *log_folder;   /* each worker's stderr goes to worker-I.log in it; NULL: to the program's own */
} rp_pool;

/* Starts `n` workers, 1 … RP_MOST_WORKERS. `log_folder` is made; NULL: what workers say goes to this program's standard error. Errors:
 * RP_EIO, RP_EMEMORY, RP_EWORKER. */
rp_status rp_pool_start(int n, const char *log_folder, rp_pool *out, rp_error *err);

/* Starts a worker in the place of one that is gone. */
rp_status rp_pool_restart(rp_pool *pool, int worker, rp_error *err);

/* Collects a worker whose socket closed: waits for the process, closes the socket. Returns its wait status. */
int rp_pool_collect(rp_pool *pool, int worker);

/* Ends all workers (SIGTERM: an unfinished op is lost, nothing else) and waits for them. For RP_CLEANUP. */
void rp_pool_stop(rp_pool *pool);

#endif
