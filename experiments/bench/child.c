/* child.c: fork, work, the result and the error through a pipe. */
#include "experiments/bench/child.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int write_all(int fd, const void *bytes, size_t size) {
  for (size_t done = 0; done < size;) {
    ssize_t n = write(fd, (const char *)bytes + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return 0;
    done += (size_t)n;
  }
  return 1;
}

static int read_all(int fd, void *bytes, size_t size) {
  for (size_t done = 0; done < size;) {
    ssize_t n = read(fd, (char *)bytes + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return 0;
    done += (size_t)n;
  }
  return 1;
}

static _Noreturn void work_in_child(rp_status (*work)(const void *, void *, rp_error *), const void *input, void *result, size_t size,
                                    int fd) {
  rp_error failure = {0};
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  work(input, result, &failure);
  _exit(!write_all(fd, &failure, sizeof failure) || !write_all(fd, result, size));
}

static rp_status receive(int fd, void *result, size_t size, rp_error *err) {
  rp_error failure = {0};
  if (!read_all(fd, &failure, sizeof failure) || !read_all(fd, result, size))
    return rp_fail(err, RP_EWORKER, "the process that measures has died");
  if (failure.status != RP_OK) *err = failure;
  return failure.status;
}

rp_status rp_bench_in_child(rp_status (*work)(const void *input, void *result, rp_error *err), const void *input, void *result, size_t size,
                            rp_error *err) {
  int ends[2];
  memset(result, 0, size);
  if (pipe(ends) != 0) return rp_fail_errno(err, RP_EIO, "a pipe to the process that measures");
  pid_t child = fork();
  if (child == 0) work_in_child(work, input, result, size, ends[1]);
  close(ends[1]);
  rp_status status =
      child < 0 ? rp_fail_errno(err, RP_EIO, "the process that measures cannot be started") : receive(ends[0], result, size, err);
  close(ends[0]);
  while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR) {
  }
  return status;
}
