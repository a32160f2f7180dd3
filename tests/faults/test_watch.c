/* test_watch.c: what counts as a plugin's own time: its work and its sleep, not its services, its place in line, or a stop. */
#include "core/ranking/watch.h"
#include "tests/check.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CAME_BACK = 7, EXPIRED = 9 };

static void end(void *user, const char *call) {
  (void)user;
  _exit(strcmp(call, "ranker x: score") == 0 ? EXPIRED : 1);
}

static void sleep_s(double seconds) {
  struct timespec time = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
  while (nanosleep(&time, &time) != 0) continue;
}

static double clock_s(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Works for so long: of the processor's time, not of the day's. */
static void spin_s(double seconds) {
  double until = clock_s(CLOCK_THREAD_CPUTIME_ID) + seconds;
  while (clock_s(CLOCK_THREAD_CPUTIME_ID) < until) continue;
}

/* Starts a child that makes one call, which `body` stands for. */
static pid_t start_call(double timeout_s, void (*body)(rp_watch *)) {
  pid_t child = fork();
  assert_true(child >= 0);
  if (child > 0) return child;
  rp_watch *watch;
  rp_watch_options options = {.timeout_s = timeout_s, .expired = end};
  if (rp_watch_start(&options, &watch, NULL) != RP_OK) _exit(1);
  rp_watch_enter(watch, "ranker x: score");
  body(watch);
  rp_watch_leave(watch);
  sleep_s(2 * timeout_s); /* no call is on any more */
  rp_watch_stop(&watch);
  _exit(CAME_BACK);
}

static int end_of(pid_t child) {
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static void spin_for_ever(rp_watch *watch) {
  (void)watch;
  for (;;) spin_s(1);
}

static void sleep_for_ever(rp_watch *watch) {
  (void)watch;
  for (;;) pause();
}

/* For ever, as far as a limit of 200 calls' worth is concerned. */
static void call_services_for_ever(rp_watch *watch) {
  for (int i = 0; i < 500; i++) {
    rp_watch_pause(watch);
    sleep_s(0.002);
    rp_watch_resume(watch);
  }
}

static void a_call_that_works_or_sleeps_or_asks_for_ever_expires(void **unused) {
  (void)unused;
  assert_int_equal(end_of(start_call(0.2, spin_for_ever)), EXPIRED);
  assert_int_equal(end_of(start_call(0.2, sleep_for_ever)), EXPIRED);
  assert_int_equal(end_of(start_call(0.2, call_services_for_ever)), EXPIRED);
}

static void use_a_long_service(rp_watch *watch) {
  rp_watch_pause(watch);
  sleep_s(1);
  rp_watch_resume(watch);
}

static void time_in_services_is_not_the_calls_own(void **unused) {
  (void)unused;
  assert_int_equal(end_of(start_call(0.3, use_a_long_service)), CAME_BACK);
}

static void stop_oneself(rp_watch *watch) {
  (void)watch;
  raise(SIGSTOP);
  spin_s(0.2); /* looks come in between */
}

/* As by Ctrl-Z, or by a machine that is put to sleep. */
static void time_of_a_stopped_process_is_not_the_calls_own(void **unused) {
  (void)unused;
  pid_t child = start_call(0.5, stop_oneself);
  int status;
  assert_int_equal(waitpid(child, &status, WUNTRACED), child);
  assert_true(WIFSTOPPED(status));
  sleep_s(1.5);
  kill(child, SIGCONT);
  assert_int_equal(end_of(child), CAME_BACK);
}

static void work_a_little(rp_watch *watch) {
  (void)watch;
  spin_s(0.2);
}

static pid_t start_spinner(void) {
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) spin_for_ever(NULL);
  return child;
}

/* One processor for nine: what takes 0.2 s of it takes 1.8 s of the day. */
static void time_in_line_for_a_processor_is_not_the_calls_own(void **unused) {
  (void)unused;
  if (access("/proc/self/schedstat", R_OK) != 0) {
    print_message("skipped: there is no /proc/self/schedstat here\n");
    skip();
  }
  enum { N_OTHERS = 8 };
  pid_t others[N_OTHERS];
  cpu_set_t mine, one;
  assert_int_equal(sched_getaffinity(0, sizeof mine, &mine), 0);
  int first = 0;
  while (!CPU_ISSET(first, &mine)) first++;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
  for (int i = 0; i < N_OTHERS; i++) others[i] = start_spinner();
  int ended = end_of(start_call(0.7, work_a_little));
  for (int i = 0; i < N_OTHERS; i++) {
    kill(others[i], SIGKILL);
    waitpid(others[i], NULL, 0);
  }
  assert_int_equal(sched_setaffinity(0, sizeof mine, &mine), 0);
  assert_int_equal(ended, CAME_BACK);
}

/* ---- Who is told ----------------------------------------------------------------------------- */

static const char *told[8];
static int n_told;

static void note(void *user, const char *call) {
  assert_ptr_equal(user, told);
  told[n_told++] = call;
}

static void calls_are_told_and_services_are_outside_of_them(void **unused) {
  (void)unused;
  rp_error err = {0};
  rp_watch *watch;
  rp_watch_options options = {.called = note, .user = told};
  assert_ok(rp_watch_start(&options, &watch, &err), err);
  rp_watch_enter(watch, "one");
  rp_watch_pause(watch);
  rp_watch_resume(watch);
  rp_watch_leave(watch);
  rp_watch_stop(&watch);
  static const char *const expected[] = {"one", NULL, "one", NULL};
  assert_int_equal(n_told, 4);
  for (int i = 0; i < 4; i++) assert_true(told[i] == expected[i] || strcmp(told[i], expected[i]) == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_call_that_works_or_sleeps_or_asks_for_ever_expires),
      cmocka_unit_test(time_in_services_is_not_the_calls_own),
      cmocka_unit_test(time_of_a_stopped_process_is_not_the_calls_own),
      cmocka_unit_test(time_in_line_for_a_processor_is_not_the_calls_own),
      cmocka_unit_test(calls_are_told_and_services_are_outside_of_them),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
