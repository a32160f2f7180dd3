/* plugin_describe.c: a plugin's description, read in a child process that may die of it.
 *
 * The child loads and checks the plugin and sends either an error or the description through a pipe: a status, then strings with their
 * length in front and numbers as bytes. The parent trusts none of it: every read is checked against what arrived. */
#include "core/ranking/plugin.h"

#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/ranking/plugin_open.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Loading takes milliseconds; a constructor that takes this long is taken to hang. */
enum { LOADING_TIMEOUT_S = 10 };

/* ---- The child's side ------------------------------------------------------------------------ */

static void put_number(rp_text *reply, double number) {
  rp_text_add_bytes(reply, (const char *)&number, sizeof number);
}

static void put_string(rp_text *reply, const char *string) {
  put_number(reply, (double)strlen(string));
  rp_text_add(reply, string);
}

static void put_option(rp_text *reply, const rp_option *option) {
  put_string(reply, option->name);
  put_string(reply, option->help);
  put_number(reply, option->kind);
  put_number(reply, option->default_number);
  put_number(reply, option->lowest);
  put_number(reply, option->highest);
  if (option->kind != RP_OPTION_CHOICE) return;
  RP_CLEANUP(rp_text_free) rp_text choices = {0};
  for (int i = 0; option->choices[i]; i++) rp_text_format(&choices, "%s%s", i ? "|" : "", option->choices[i]);
  if (choices.failed) reply->failed = 1;
  put_string(reply, option->choices[(int)option->default_number]);
  put_string(reply, rp_text_string(&choices));
}

static void put_ranker(rp_text *reply, const rp_ranker *ranker) {
  int n_options = 0;
  while (ranker->options && ranker->options[n_options]) n_options++;
  put_string(reply, ranker->name);
  put_string(reply, ranker->version);
  put_string(reply, ranker->doc);
  put_string(reply, ranker->normalise ? ranker->normalise : "none");
  put_string(reply, ranker->formula ? ranker->formula : "");
  put_string(reply, ranker->citation ? ranker->citation : "");
  put_string(reply, ranker->reduction ? ranker->reduction : "");
  put_number(reply, ranker->flags);
  put_number(reply, ranker->choose != NULL);
  put_number(reply, n_options);
  for (int i = 0; i < n_options; i++) put_option(reply, ranker->options[i]);
}

static void write_all(int fd, const char *bytes, size_t size) {
  while (size > 0) {
    ssize_t written = write(fd, bytes, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return; /* the parent reports a reply that is cut off */
    bytes += written;
    size -= (size_t)written;
  }
}

/* Whatever the plugin prints or leaves behind shall not reach the user: no output, no core file, no life beyond the parent's. */
static void isolate_child(void) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
  int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; nowhere >= 0 && fd <= 2; fd++) dup2(nowhere, fd);
}

static _Noreturn void describe_in_child(const char *path, int fd) {
  isolate_child();
  rp_error failure = {0};
  rp_ranker ranker;
  rp_text reply = {0};
  rp_status status = rp_plugin_open(path, &ranker, &failure);
  put_number(&reply, status);
  if (status == RP_OK)
    put_ranker(&reply, &ranker);
  else
    put_string(&reply, failure.message);
  if (!reply.failed) write_all(fd, rp_text_string(&reply), reply.length);
  _exit(0);
}

/* ---- The parent's side ----------------------------------------------------------------------- */

typedef struct {
  const char *bytes;
  size_t left;
} reply_reader;

static rp_status fail_cut_off(const char *path, rp_error *err) {
  return rp_fail(err, RP_EINPUT, "%s: the ranker ended the process while loading", path);
}

static int get_number(reply_reader *reply, double *out) {
  if (reply->left < sizeof *out) return 0;
  memcpy(out, reply->bytes, sizeof *out);
  reply->bytes += sizeof *out;
  reply->left -= sizeof *out;
  return 1;
}

static int get_integer(reply_reader *reply, double highest, double *out) {
  return get_number(reply, out) && *out >= 0 && *out <= highest;
}

/* The string is empty-handed (NULL) where it does not fit or memory ran out. */
static int get_string(reply_reader *reply, char **out) {
  double length;
  if (!get_integer(reply, (double)reply->left, &length) || length > (double)reply->left) return 0;
  if (rp_copy_bytes_as_string(reply->bytes, (size_t)length, out, NULL) != RP_OK) return 0;
  reply->bytes += (size_t)length;
  reply->left -= (size_t)length;
  return 1;
}

static int get_option(reply_reader *reply, rp_plugin_description *out, int i) {
  double kind;
  if (!get_string(reply, &out->options[i].name) || !get_string(reply, &out->options[i].help) ||
      !get_integer(reply, RP_OPTION_CHOICE, &kind) || !get_number(reply, &out->options[i].default_number) ||
      !get_number(reply, &out->options[i].lowest) || !get_number(reply, &out->options[i].highest))
    return 0;
  out->options[i].kind = (rp_option_kind)kind;
  return kind != RP_OPTION_CHOICE || (get_string(reply, &out->options[i].default_text) && get_string(reply, &out->options[i].choices));
}

static int get_ranker(reply_reader *reply, rp_plugin_description *out) {
  double flags, chooses, n_options;
  if (!get_string(reply, &out->name) || !get_string(reply, &out->version) || !get_string(reply, &out->doc) ||
      !get_string(reply, &out->normalise) || !get_string(reply, &out->formula) || !get_string(reply, &out->citation) ||
      !get_string(reply, &out->reduction) || !get_integer(reply, UINT32_MAX, &flags) || !get_integer(reply, 1, &chooses) ||
      !get_integer(reply, 1000, &n_options))
    return 0;
  out->flags = (uint32_t)flags;
  out->chooses = (int)chooses;
  if (n_options > 0 && rp_allocate((size_t)n_options, sizeof *out->options, &out->options, NULL) != RP_OK) return 0;
  out->n_options = (int)n_options;
  for (int i = 0; i < out->n_options; i++)
    if (!get_option(reply, out, i)) return 0;
  return 1;
}

static rp_status parse_reply(const char *path, const rp_text *text, rp_plugin_description *out, rp_error *err) {
  reply_reader reply = {rp_text_string(text), text->length};
  double status;
  if (!get_number(&reply, &status)) return fail_cut_off(path, err);
  if (status == RP_OK) return get_ranker(&reply, out) ? RP_OK : fail_cut_off(path, err);
  RP_CLEANUP(rp_free_pointer) char *message = NULL;
  if (!get_string(&reply, &message)) return fail_cut_off(path, err);
  return rp_fail(err, RP_EINPUT, "%s", message);
}

static double now_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Reads until the child closes its end; returns 0 where it did not in time. */
static int read_reply(int fd, rp_text *reply) {
  double deadline = now_s() + LOADING_TIMEOUT_S;
  for (;;) {
    char bytes[4096];
    double left = deadline - now_s();
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    int ready = poll(&readable, 1, left > 0 ? (int)(left * 1000) + 1 : 0);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return 0;
    ssize_t n = read(fd, bytes, sizeof bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return 1;
    rp_text_add_bytes(reply, bytes, (size_t)n);
  }
}

static rp_status judge_end(const char *path, int in_time, int wait_status, rp_error *err) {
  if (!in_time) return rp_fail(err, RP_EINPUT, "%s: the ranker hangs while loading: nothing came of it in %d s", path, LOADING_TIMEOUT_S);
  if (WIFSIGNALED(wait_status))
    return rp_fail(err, RP_EINPUT, "%s: the ranker crashes while loading (%s)", path, strsignal(WTERMSIG(wait_status)));
  if (!WIFEXITED(wait_status) || WEXITSTATUS(wait_status) != 0) return fail_cut_off(path, err);
  return RP_OK;
}

static rp_status ask_child(const char *path, rp_text *reply, rp_error *err) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return rp_fail_errno(err, RP_EIO, "no pipe to a child process that loads %s", path);
  pid_t child = fork();
  if (child < 0) {
    close(ends[0]);
    close(ends[1]);
    return rp_fail_errno(err, RP_EIO, "no child process to load %s in", path);
  }
  if (child == 0) describe_in_child(path, ends[1]);
  close(ends[1]);
  int in_time = read_reply(ends[0], reply);
  close(ends[0]);
  if (!in_time) kill(child, SIGKILL);
  int wait_status = 0;
  while (waitpid(child, &wait_status, 0) < 0 && errno == EINTR) {
  }
  RP_TRY(judge_end(path, in_time, wait_status, err));
  return rp_text_check(reply, err);
}

rp_status rp_plugin_describe(const char *path, rp_plugin_description *out, rp_error *err) {
  RP_CLEANUP(rp_plugin_description_free) rp_plugin_description description = {0};
  RP_CLEANUP(rp_text_free) rp_text reply = {0};
  *out = description;
  RP_TRY(rp_plugin_find(NULL, path, &description.path, err));
  RP_TRY(rp_plugin_hash(description.path, &description.file_hash, err));
  RP_TRY(ask_child(description.path, &reply, err));
  RP_TRY(parse_reply(description.path, &reply, &description, err));
  *out = description;
  description = (rp_plugin_description){0};
  return RP_OK;
}

void rp_plugin_description_free(rp_plugin_description *description) {
  for (int i = 0; i < description->n_options; i++) {
    free(description->options[i].name);
    free(description->options[i].help);
    free(description->options[i].default_text);
    free(description->options[i].choices);
  }
  free(description->options);
  free(description->name);
  free(description->version);
  free(description->doc);
  free(description->normalise);
  free(description->formula);
  free(description->citation);
  free(description->reduction);
  free(description->path);
  *description = (rp_plugin_description){0};
}
