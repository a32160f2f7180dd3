/* gnuplot.c: the script goes through an unnamed file rather than a pipe, so that a long one cannot block against what gnuplot says. */
#include "plots/gnuplot.h"

#include "core/base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOT_FOUND = 127 };

static void close_file(FILE **file) {
  if (*file) fclose(*file);
}

/* In the child: never returns. */
static void become_gnuplot(int script, int messages) {
  if (dup2(script, STDIN_FILENO) >= 0 && dup2(messages, STDOUT_FILENO) >= 0 && dup2(messages, STDERR_FILENO) >= 0)
    execlp("gnuplot", "gnuplot", "-d", "-", (char *)NULL);
  _exit(NOT_FOUND);
}

static void read_messages(int from, rp_text *messages) {
  char block[1024];
  for (;;) {
    ssize_t n = read(from, block, sizeof block);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    rp_text_add_bytes(messages, block, (size_t)n);
  }
}

static rp_status check_outcome(int outcome, const rp_text *messages, rp_error *err) {
  if (WIFEXITED(outcome) && WEXITSTATUS(outcome) == 0) return RP_OK;
  if (WIFEXITED(outcome) && WEXITSTATUS(outcome) == NOT_FOUND)
    return rp_fail(err, RP_EINPUT, "gnuplot, which draws the figures, was not found; install it (`make deps`, or the package gnuplot-nox)");
  if (WIFSIGNALED(outcome))
    return rp_fail(err, RP_ELIBRARY, "gnuplot was ended by signal %d: %s", WTERMSIG(outcome), rp_text_string(messages));
  return rp_fail(err, RP_ELIBRARY, "gnuplot failed: %s", rp_text_string(messages));
}

rp_status rp_gnuplot_run(const char *script, rp_error *err) {
  RP_CLEANUP(close_file) FILE *file = tmpfile();
  RP_CLEANUP(rp_text_free) rp_text messages = {0};
  int ends[2], outcome;
  if (!file || fputs(script, file) == EOF || fflush(file) != 0) return rp_fail_errno(err, RP_EIO, "cannot write the script for gnuplot");
  rewind(file);
  if (pipe(ends) != 0) return rp_fail_errno(err, RP_EIO, "cannot start gnuplot");
  pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    become_gnuplot(fileno(file), ends[1]);
  }
  close(ends[1]);
  if (child > 0) read_messages(ends[0], &messages);
  close(ends[0]);
  if (child < 0) return rp_fail_errno(err, RP_EIO, "cannot start gnuplot");
  while (waitpid(child, &outcome, 0) < 0)
    if (errno != EINTR) return rp_fail_errno(err, RP_EIO, "lost sight of gnuplot");
  return check_outcome(outcome, &messages, err);
}
