/* watch.c: a thread with a condition variable for a clock; both sides count time with the lock held. */
#include "core/ranking/watch.h"

#include "core/base/memory.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const double LONGEST_LOOK_S = 1, SERVICE_S = 0.001;
enum { LOOKS_PER_TIMEOUT = 8 };

struct rp_watch {
  rp_watch_options options;
  double look_s; /* between two looks */
  int schedule;  /* /proc/self/task/TID/schedstat of the calling thread; −1 = this kernel has none */
  pthread_t thread;
  int has_thread;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  int is_over;
  /* guarded by the lock */
  const char *call; /* NULL = none is on */
  int is_counting;  /* and no service */
  double spent_s;   /* by the call so far */
  double last_s, last_waited_s;
};

static double now_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now); /* stands still while the machine sleeps */
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* How long the calling thread has stood in line for a processor in its life: the second number of its schedstat. */
static double waited_s(const rp_watch *watch) {
  char text[128];
  unsigned long long ran, waited;
  ssize_t n = watch->schedule < 0 ? -1 : pread(watch->schedule, text, sizeof text - 1, 0);
  if (n <= 0) return 0;
  text[n] = '\0';
  return sscanf(text, "%llu %llu", &ran, &waited) == 2 ? 1e-9 * (double)waited : 0;
}

static void begin_counting(rp_watch *watch) {
  watch->is_counting = 1;
  watch->last_s = now_s();
  watch->last_waited_s = waited_s(watch);
}

/* Adds what has passed since the last time this was asked. */
static void count(rp_watch *watch) {
  double now = now_s(), waited = waited_s(watch), passed = now - watch->last_s;
  if (passed > 2 * watch->look_s) passed = 2 * watch->look_s;
  passed -= waited - watch->last_waited_s;
  if (passed > 0) watch->spent_s += passed;
  watch->last_s = now;
  watch->last_waited_s = waited;
}

/* ---- The thread ------------------------------------------------------------------------------ */

static void wait_for_look(rp_watch *watch) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  long nanoseconds = until.tv_nsec + (long)(watch->look_s * 1e9);
  until.tv_sec += nanoseconds / 1000000000;
  until.tv_nsec = nanoseconds % 1000000000;
  pthread_cond_timedwait(&watch->wake, &watch->lock, &until);
}

static void *look(void *of) {
  rp_watch *watch = of;
  pthread_mutex_lock(&watch->lock);
  while (!watch->is_over) {
    wait_for_look(watch);
    if (watch->is_counting) count(watch);
    if (!watch->call || watch->spent_s <= watch->options.timeout_s) continue;
    /* With the lock held, so that a call that comes back just now waits for the end. */
    if (watch->options.expired) watch->options.expired(watch->options.user, watch->call);
    abort();
  }
  pthread_mutex_unlock(&watch->lock);
  return NULL;
}

static rp_status start_thread(rp_watch *watch, rp_error *err) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/task/%ld/schedstat", (long)syscall(SYS_gettid));
  watch->schedule = open(path, O_RDONLY | O_CLOEXEC);
  watch->look_s = watch->options.timeout_s / LOOKS_PER_TIMEOUT;
  if (watch->look_s > LONGEST_LOOK_S) watch->look_s = LONGEST_LOOK_S;
  if (pthread_create(&watch->thread, NULL, look, watch) != 0)
    return rp_fail(err, RP_EWORKER, "no thread to watch a ranker with can be started");
  watch->has_thread = 1;
  return RP_OK;
}

rp_status rp_watch_start(const rp_watch_options *options, rp_watch **out, rp_error *err) {
  RP_CLEANUP(rp_watch_stop) rp_watch *watch = NULL;
  RP_TRY(rp_allocate(1, sizeof *watch, &watch, err));
  watch->options = *options;
  watch->schedule = -1;
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_mutex_init(&watch->lock, NULL);
  pthread_cond_init(&watch->wake, &monotonic);
  pthread_condattr_destroy(&monotonic);
  if (options->timeout_s > 0) RP_TRY(start_thread(watch, err));
  *out = watch;
  watch = NULL;
  return RP_OK;
}

void rp_watch_stop(rp_watch **of) {
  rp_watch *watch = *of;
  if (!watch) return;
  if (watch->has_thread) {
    pthread_mutex_lock(&watch->lock);
    watch->is_over = 1;
    pthread_cond_signal(&watch->wake);
    pthread_mutex_unlock(&watch->lock);
    pthread_join(watch->thread, NULL);
  }
  if (watch->schedule >= 0) close(watch->schedule);
  pthread_cond_destroy(&watch->wake);
  pthread_mutex_destroy(&watch->lock);
  free(watch);
  *of = NULL;
}

/* ---- The calling side ------------------------------------------------------------------------ */

static void tell(const rp_watch *watch, const char *call) {
  if (watch->options.called) watch->options.called(watch->options.user, call);
}

void rp_watch_enter(rp_watch *watch, const char *call) {
  if (!watch) return;
  pthread_mutex_lock(&watch->lock);
  watch->call = call;
  watch->spent_s = 0;
  begin_counting(watch);
  pthread_mutex_unlock(&watch->lock);
  tell(watch, call);
}

void rp_watch_leave(rp_watch *watch) {
  if (!watch) return;
  tell(watch, NULL);
  pthread_mutex_lock(&watch->lock);
  watch->call = NULL;
  watch->is_counting = 0;
  pthread_mutex_unlock(&watch->lock);
}

void rp_watch_pause(rp_watch *watch) {
  if (!watch) return;
  tell(watch, NULL);
  pthread_mutex_lock(&watch->lock);
  count(watch);
  watch->spent_s += SERVICE_S;
  watch->is_counting = 0;
  pthread_mutex_unlock(&watch->lock);
}

void rp_watch_resume(rp_watch *watch) {
  if (!watch) return;
  pthread_mutex_lock(&watch->lock);
  begin_counting(watch);
  pthread_mutex_unlock(&watch->lock);
  tell(watch, watch->call);
}
