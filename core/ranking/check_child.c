/* check_child.c: cases one after the other; what goes wrong is told by handlers, since nothing else may still work then. */
#include "core/ranking/check_child.h"

#include "core/base/memory.h"
#include "core/ranking/crash.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <ucontext.h>
#include <unistd.h>

typedef struct {
  rp_check_subject subject;
  int fd;
  double timeout_s;
  const char *volatile call; /* of the plugin, that is on; NULL = none */
  rp_check_message message;  /* of the case at hand */
} child;

static void say(child *self, rp_check_end end) {
  self->message.end = end;
  self->message.need = self->subject.need;
  if (write(self->fd, &self->message, sizeof self->message) != (ssize_t)sizeof self->message) _exit(2);
}

/* ---- What goes wrong ------------------------------------------------------------------------- */

/* "ranker l2: score" → "score". */
static const char *function_of(const char *call) {
  const char *colon = strrchr(call, ' ');
  return colon ? colon + 1 : call;
}

static void add(rp_check_finding *finding, const char *more) {
  size_t length = strlen(finding->text), n = strlen(more);
  if (n > sizeof finding->text - 1 - length) n = sizeof finding->text - 1 - length;
  memcpy(finding->text + length, more, n);
  finding->text[length + n] = '\0';
}

/* Whether a fault came from writing: 1, 0, or −1 = this machine does not say. */
static int was_writing(const void *context) {
#if defined(__x86_64__)
  return (((const ucontext_t *)context)->uc_mcontext.gregs[REG_ERR] & 2) != 0;
#else
  (void)context;
  return -1;
#endif
}

/* The tensors of a batch that are NULL, since no flag asks for them. */
static void add_missing_tensors(uint32_t flags, rp_check_finding *finding) {
  static const struct {
    uint32_t flag;
    const char *field, *name;
  } TENSORS[] = {{RP_USES_ACTIVATION, "activation", "RP_USES_ACTIVATION"},
                 {RP_USES_ACTIVATION_GRADIENT, "activation_gradient", "RP_USES_ACTIVATION_GRADIENT"},
                 {RP_USES_WEIGHT_GRADIENT, "weight_gradient", "RP_USES_WEIGHT_GRADIENT"}};
  const char *before = "; of batch->layers[l], ";
  for (size_t i = 0; i < sizeof TENSORS / sizeof TENSORS[0]; i++) {
    if (flags & TENSORS[i].flag) continue;
    add(finding, before);
    add(finding, TENSORS[i].field);
    add(finding, " is NULL unless .flags has ");
    add(finding, TENSORS[i].name);
    before = ", ";
  }
}

/* What a null pointer may have been: the pointers of the interface that can be NULL. */
static void explain_null(const child *self, rp_check_finding *finding) {
  add(finding, " on a null pointer");
  if (!self->call) return;
  if (strcmp(function_of(self->call), "observe") == 0)
    add_missing_tensors(self->subject.guarded.outer.flags, finding);
  else
    add(finding, "; a layer's bias and bn_… are NULL where it has none");
}

static rp_check_end explain_crash(child *self, int signal_number, const siginfo_t *info, const void *context) {
  rp_check_finding *finding = &self->message.finding;
  char text[160];
  finding->text[0] = '\0';
  finding->result = RP_CHECK_VIOLATED;
  add(finding, self->call ? function_of(self->call) : "the test itself");
  add(finding, " crashed: ");
  add(finding, rp_crash_name(signal_number));
  if (!rp_crash_has_address(signal_number, info)) return RP_CHECK_CRASHED;
  if (rp_guard_explain(self->subject.guard, info->si_addr, was_writing(context), text, sizeof text)) {
    add(finding, " ");
    add(finding, text);
    return RP_CHECK_BAD_ACCESS;
  }
  if (rp_crash_is_on_null(signal_number, info))
    explain_null(self, finding);
  else
    add(finding, " on an address that nobody gave it");
  return RP_CHECK_CRASHED;
}

static void crashed(void *of, int signal_number, const siginfo_t *info, const void *context) {
  say(of, explain_crash(of, signal_number, info, context));
  _exit(1);
}

static void hung(void *of, const char *call) {
  child *self = of;
  self->message.finding.result = RP_CHECK_VIOLATED;
  snprintf(self->message.finding.text, sizeof self->message.finding.text, "%s did not come back within %g s of its own time",
           function_of(call), self->timeout_s);
  say(self, RP_CHECK_HUNG);
  _exit(1);
}

static void note_call(void *of, const char *call) {
  ((child *)of)->call = call;
}

/* ---- Cases ----------------------------------------------------------------------------------- */

static void try_case(child *self, const rp_check_case *one) {
  rp_error err = {0};
  rp_check_finding *finding = &self->message.finding;
  *finding = (rp_check_finding){.result = RP_CHECK_OK};
  rp_status status = one->try(&self->subject, finding, &err);
  self->message.status = (int32_t)status;
  if (status != RP_OK) {
    finding->result = RP_CHECK_VIOLATED;
    snprintf(finding->text, sizeof finding->text, "%.*s", (int)sizeof finding->text - 1, rp_check_own_words(&self->subject, &err));
  }
  say(self, status == RP_OK || status == RP_EPLUGIN ? RP_CHECK_FOUND : RP_CHECK_BROKE_DOWN);
  if (status != RP_OK && status != RP_EPLUGIN) _exit(1);
}

/* A plugin's output would stand in the middle of the table; core files and lives beyond the parent's are of no use. */
static void isolate(void) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
  int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; nowhere >= 0 && fd <= 2; fd++) dup2(nowhere, fd);
}

static rp_status prepare(child *self, const rp_plugin_description *description, const rp_check_setting *setting, rp_error *err) {
  rp_check_subject *subject = &self->subject;
  rp_value *options;
  RP_TRY(rp_guard_create(&subject->guard, err));
  RP_TRY(rp_crash_catch(crashed, self, err));
  RP_TRY(rp_plugin_load(description->path, &subject->plugin, err));
  RP_TRY(rp_ranker_options_parse(description, &setting->option, setting->option.name != NULL, &options, err));
  subject->options = options;
  subject->is_default = setting->option.name == NULL;
  subject->watch = (rp_watch_options){.timeout_s = self->timeout_s, .expired = hung, .called = note_call, .user = self};
  rp_guarded_ranker_init(&subject->guarded, subject->plugin.ranker, subject->guard);
  return RP_OK;
}

_Noreturn void rp_check_child(const rp_plugin_description *description, const rp_check_setting *setting, int first, rp_check_need need,
                              double timeout_s, int fd) {
  isolate();
  rp_error err = {0};
  child self = {.fd = fd, .timeout_s = timeout_s, .subject.need = need, .message.i_case = first};
  rp_status status = prepare(&self, description, setting, &err);
  if (status != RP_OK) {
    self.message.status = (int32_t)status;
    snprintf(self.message.finding.text, sizeof self.message.finding.text, "%.*s", (int)sizeof self.message.finding.text - 1, err.message);
    say(&self, RP_CHECK_BROKE_DOWN);
    _exit(1);
  }
  int n;
  const rp_check_case *cases = rp_check_cases(&n);
  for (int i = first; i < n; i++) {
    if (setting->at_range_end && !cases[i].at_range_ends) continue;
    self.message.i_case = i;
    try_case(&self, &cases[i]);
  }
  _exit(0);
}
