/* pool.c: fork, exec /proc/self/exe as `repr worker`, socket on a fixed descriptor. */
#include "experiments/work/pool.h"

#include "core/base/files.h"
#include "core/base/memory.h"
#include "core/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKER_FD = 3 };

static rp_status log_path(const rp_pool *pool, int worker, char **path, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  rp_text_format(&text, "%s/worker-%d.log", pool->log_folder, worker + 1);
  return rp_text_take(&text, path, err);
}

static rp_status open_log(const rp_pool *pool, int worker, int *log, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *path = NULL;
  if (!pool->log_folder) {
    *log = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    return *log < 0 ? rp_fail_errno(err, RP_EIO, "standard error") : RP_OK;
  }
  RP_TRY(log_path(pool, worker, &path, err));
  *log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  return *log < 0 ? rp_fail_errno(err, RP_EIO, "%s", path) : RP_OK;
}

/* Between fork and exec only calls that are safe there. */
static void become_worker(int fd, int log) {
  if (dup2(log, STDERR_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0) _exit(127);
  if (fd == WORKER_FD) {
    if (fcntl(fd, F_SETFD, 0) != 0) _exit(127);
  } else if (dup2(fd, WORKER_FD) < 0)
    _exit(127);
  signal(SIGINT, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  char *arguments[] = {"repr", "worker", NULL};
  execv("/proc/self/exe", arguments);
  _exit(127);
}

rp_status rp_pool_restart(rp_pool *pool, int worker, rp_error *err) {
  int ends[2], log;
  RP_TRY(open_log(pool, worker, &log, err));
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    close(log);
    return rp_fail_errno(err, RP_EWORKER, "no socket for a worker");
  }
  pid_t pid = fork();
  if (pid == 0) become_worker(ends[1], log);
  close(log);
  close(ends[1]);
  if (pid < 0) {
    close(ends[0]);
    return rp_fail_errno(err, RP_EWORKER, "a worker cannot be started");
  }
  pool->workers[worker] = (rp_worker){.pid = pid, .fd = ends[0], .is_busy = 1, .task = -1};
  return RP_OK;
}

rp_status rp_pool_start(int n, const char *log_folder, rp_pool *out, rp_error *err) {
  *out = (rp_pool){0};
  if (n < 1 || n > RP_MOST_WORKERS) return rp_fail(err, RP_EUSAGE, "%d workers: a run has 1 to %d", n, RP_MOST_WORKERS);
  if (log_folder) RP_TRY(rp_make_folders(log_folder, err));
  if (log_folder) RP_TRY(rp_copy_string(log_folder, &out->log_folder, err));
  RP_TRY(rp_allocate((size_t)n, sizeof *out->workers, &out->workers, err));
  for (; out->n < n; out->n++) RP_TRY(rp_pool_restart(out, out->n, err));
  return RP_OK;
}

int rp_pool_collect(rp_pool *pool, int worker) {
  rp_worker *gone = &pool->workers[worker];
  int status = 0;
  close(gone->fd);
  kill(gone->pid, SIGTERM);
  while (waitpid(gone->pid, &status, 0) < 0 && errno == EINTR) continue;
  *gone = (rp_worker){.fd = -1, .task = -1};
  return status;
}

void rp_pool_stop(rp_pool *pool) {
  for (int i = 0; i < pool->n; i++)
    if (pool->workers[i].pid) kill(pool->workers[i].pid, SIGTERM);
  for (int i = 0; i < pool->n; i++)
    if (pool->workers[i].pid) rp_pool_collect(pool, i);
  free(pool->workers);
  free(pool->log_folder);
  *pool = (rp_pool){0};
}
