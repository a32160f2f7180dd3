/* last_words.c: memory for the message is taken in advance, since a crashed process cannot be asked for any. */
#include "experiments/work/last_words.h"

#include "core/base/memory.h"
#include "core/ranking/crash.h"
#include "experiments/work/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_BYTES = 512, MESSAGE_BYTES = 1024 };

/* Handlers of signals and of exit get no argument that could say what these are. */
static struct {
  int fd;
  rp_wire message;
  double timeout_s;
  const char *volatile call; /* of a ranker, that is on; NULL = none */
} words;

static void add(char text[TEXT_BYTES], const char *more) {
  size_t length = strlen(text), n = strlen(more);
  if (n > TEXT_BYTES - 1 - length) n = TEXT_BYTES - 1 - length;
  memcpy(text + length, more, n);
  text[length + n] = '\0';
}

/* Async-signal-safe: the wire has its memory, and nothing else is asked for any. */
static void say(const char *text) {
  words.call = NULL;
  rp_wire_start(&words.message, RP_WIRE_LAST_WORDS);
  rp_wire_put_int(&words.message, RP_EPLUGIN);
  rp_wire_put_string(&words.message, text);
  rp_wire_send(words.fd, &words.message, NULL);
}

static void say_crashed(void *unused, int signal_number, const siginfo_t *info, const void *context) {
  (void)unused;
  (void)context;
  if (!words.call) return;
  char text[TEXT_BYTES] = "";
  add(text, words.call);
  add(text, " crashed: ");
  add(text, rp_crash_name(signal_number));
  if (rp_crash_is_on_null(signal_number, info)) add(text, " on a null pointer");
  add(text, "; `repr rankers check` on its file tells what was touched");
  say(text);
  _exit(1);
}

static void say_ended(void) {
  if (!words.call) return;
  char text[TEXT_BYTES] = "";
  add(text, words.call);
  add(text, " ended the process");
  say(text);
}

static void say_hung(void *unused, const char *call) {
  (void)unused;
  char text[TEXT_BYTES];
  snprintf(text, sizeof text,
           "%s did not come back within %g s of its own time; ranker_timeout in the experiment file sets how long a call may take (0: as "
           "long as it likes), --retry tries again",
           call, words.timeout_s);
  say(text);
  _exit(1);
}

static void note_call(void *unused, const char *call) {
  (void)unused;
  words.call = call;
}

rp_status rp_last_words_prepare(int fd, rp_error *err) {
  words.fd = fd;
  RP_TRY(rp_reallocate(&words.message.bytes, MESSAGE_BYTES, 1, err));
  words.message.capacity = MESSAGE_BYTES;
  if (atexit(say_ended) != 0) return rp_fail(err, RP_EWORKER, "no handler of exits can be set");
  return rp_crash_catch(say_crashed, NULL, err);
}

rp_watch_options rp_last_words_watch(double timeout_s) {
  words.timeout_s = timeout_s;
  return (rp_watch_options){.timeout_s = timeout_s, .expired = say_hung, .called = note_call};
}

int rp_last_words_are_about(const char *message, const char *ranker) {
  static const char before[] = "ranker "; /* as host.c names calls */
  size_t length = strlen(ranker);
  if (strncmp(message, before, sizeof before - 1) != 0) return 0;
  const char *name = message + sizeof before - 1;
  return strncmp(name, ranker, length) == 0 && name[length] == ':';
}
