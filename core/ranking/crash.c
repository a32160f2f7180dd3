/* crash.c: handlers of fatal signals on an alternate stack.
 *
 * What a handler has to know cannot be handed to it: it stands in the one variable of this file, as signal dispositions themselves are one
 * per process. */
#include "core/ranking/crash.h"

#include "core/base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { STACK_BYTES = 1 << 16 };

/* Linux maps nothing below it (vm.mmap_min_addr). */
enum { LOWEST_ADDRESS = 1 << 16 };

static struct {
  void (*crashed)(void *user, int signal_number, const siginfo_t *info, const void *context);
  void *user;
  void *stack;
} caught;

static const int FATAL[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

static void handle(int signal_number, siginfo_t *info, void *context) {
  signal(signal_number, SIG_DFL);
  caught.crashed(caught.user, signal_number, info, context);
  raise(signal_number);
}

static rp_status give_stack(rp_error *err) {
  if (caught.stack) return RP_OK;
  RP_TRY(rp_allocate(1, STACK_BYTES, &caught.stack, err));
  if (sigaltstack(&(stack_t){.ss_sp = caught.stack, .ss_size = STACK_BYTES}, NULL) == 0) return RP_OK;
  rp_free_pointer(&caught.stack);
  return rp_fail_errno(err, RP_EWORKER, "no stack for handling crashes");
}

rp_status rp_crash_catch(void (*crashed)(void *, int, const siginfo_t *, const void *), void *user, rp_error *err) {
  RP_TRY(give_stack(err));
  caught.crashed = crashed;
  caught.user = user;
  struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  for (size_t i = 0; i < sizeof FATAL / sizeof FATAL[0]; i++)
    if (sigaction(FATAL[i], &action, NULL) != 0) return rp_fail_errno(err, RP_EWORKER, "crashes cannot be handled");
  return RP_OK;
}

int rp_crash_has_address(int signal_number, const siginfo_t *info) {
  return info->si_code > 0 && (signal_number == SIGSEGV || signal_number == SIGBUS);
}

int rp_crash_is_on_null(int signal_number, const siginfo_t *info) {
  return rp_crash_has_address(signal_number, info) && (uintptr_t)info->si_addr < LOWEST_ADDRESS;
}

const char *rp_crash_name(int signal_number) {
  const char *name = sigdescr_np(signal_number);
  return name ? name : "a signal";
}
