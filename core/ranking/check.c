/* check.c: the parent's side of the conformance test: settings, children, and rows from what they say.
 *
 * The parent itself never loads the plugin nor enters the kernels' library, so that its children start clean. */
#include "core/ranking/check.h"

#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/ranking/check_child.h"
#include "core/ranking/plugin_open.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

const char *rp_check_result_name(rp_check_result result) {
  static const char *const NAMES[RP_N_CHECK_RESULTS] = {
#define RESULT_NAME(code, name) [code] = name,
      RP_CHECK_RESULT_LIST(RESULT_NAME)
#undef RESULT_NAME
  };
  return (unsigned)result < RP_N_CHECK_RESULTS ? NAMES[result] : "?";
}

void rp_check_report_free(rp_check_report *report) {
  for (size_t i = 0; i < report->n; i++) free(report->rows[i].setting);
  free(report->rows);
  *report = (rp_check_report){0};
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static rp_status add_row(rp_check_report *report, const char *name, const char *setting, rp_check_result result, rp_error *err,
                         const char *format, ...) __attribute__((format(printf, 6, 7)));

static int is_repeat(const rp_check_report *report, const rp_check_row *row) {
  for (size_t i = 0; i < report->n; i++)
    if (report->rows[i].result == RP_CHECK_VIOLATED && strcmp(report->rows[i].text, row->text) == 0) return 1;
  return 0;
}

static rp_status add_row(rp_check_report *report, const char *name, const char *setting, rp_check_result result, rp_error *err,
                         const char *format, ...) {
  RP_TRY(rp_grow(&report->rows, report->n, &report->capacity, sizeof *report->rows, err));
  rp_check_row *row = &report->rows[report->n];
  *row = (rp_check_row){.name = name, .result = result};
  RP_TRY(rp_copy_string(setting, &row->setting, err));
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(row->text, sizeof row->text, format, arguments);
  va_end(arguments);
  row->is_repeat = result == RP_CHECK_VIOLATED && is_repeat(report, row);
  report->n++;
  report->n_violated += result == RP_CHECK_VIOLATED;
  report->n_repeated += row->is_repeat;
  return RP_OK;
}

/* ---- Settings -------------------------------------------------------------------------------- */

enum { VALUE_BYTES = 96 };

typedef struct {
  size_t n, capacity;
  struct setting {
    char name[VALUE_BYTES], value[VALUE_BYTES];
    int at_range_end;
  } * list;
} settings;

static void free_settings(settings *all) {
  free(all->list);
}

static rp_status add_setting(settings *all, const char *name, const char *value, int at_range_end, rp_error *err) {
  RP_TRY(rp_grow(&all->list, all->n, &all->capacity, sizeof *all->list, err));
  struct setting *made = &all->list[all->n++];
  *made = (struct setting){.at_range_end = at_range_end};
  snprintf(made->name, sizeof made->name, "%s", name);
  snprintf(made->value, sizeof made->value, "%s", value);
  return RP_OK;
}

static rp_status add_choices(settings *all, const char *name, const char *choices, const char *usual, rp_error *err) {
  for (const char *word = choices; *word;) {
    char value[VALUE_BYTES];
    size_t length = strcspn(word, "|");
    snprintf(value, sizeof value, "%.*s", (int)length, word);
    if (strcmp(value, usual) != 0) RP_TRY(add_setting(all, name, value, 0, err));
    word += length + (word[length] == '|');
  }
  return RP_OK;
}

static rp_status add_range_ends(settings *all, const char *name, double usual, double lowest, double highest, rp_error *err) {
  const double ends[] = {lowest, highest};
  for (int i = 0; i < 2; i++) {
    char value[RP_NUMBER_TEXT];
    rp_number_text(ends[i], value);
    if (ends[i] != usual && (i == 0 || highest != lowest)) RP_TRY(add_setting(all, name, value, 1, err));
  }
  return RP_OK;
}

/* The defaults (an empty name), then each option away from its default. */
static rp_status list_settings(const rp_plugin_description *ranker, settings *all, rp_error *err) {
  RP_TRY(add_setting(all, "", "", 0, err));
  for (int i = 0; i < ranker->n_options; i++) {
    const char *name = ranker->options[i].name;
    double usual = ranker->options[i].default_number;
    switch (ranker->options[i].kind) {
    case RP_OPTION_FLAG:
      RP_TRY(add_setting(all, name, usual != 0 ? "off" : "on", 0, err));
      break;
    case RP_OPTION_CHOICE:
      RP_TRY(add_choices(all, name, ranker->options[i].choices, ranker->options[i].default_text, err));
      break;
    case RP_OPTION_NUMBER:
    case RP_OPTION_INTEGER:
      RP_TRY(add_range_ends(all, name, usual, ranker->options[i].lowest, ranker->options[i].highest, err));
      break;
    }
  }
  return RP_OK;
}

/* ---- Options out of range -------------------------------------------------------------------- */

/* Texts that are no values of an option; returns how many. */
static int list_bad_values(const rp_plugin_description *ranker, int i, char bad[6][VALUE_BYTES]) {
  int n = 0;
  double lowest = ranker->options[i].lowest, highest = ranker->options[i].highest;
  snprintf(bad[n++], VALUE_BYTES, "no-such-value");
  if (ranker->options[i].kind != RP_OPTION_NUMBER && ranker->options[i].kind != RP_OPTION_INTEGER) return n;
  snprintf(bad[n++], VALUE_BYTES, "nan");
  snprintf(bad[n++], VALUE_BYTES, "0x1");
  rp_number_text(lowest - 1 - fabs(lowest), bad[n++]);
  rp_number_text(highest + 1 + fabs(highest), bad[n++]);
  if (ranker->options[i].kind == RP_OPTION_INTEGER) rp_number_text(lowest + 0.5, bad[n++]);
  return n;
}

static rp_status check_options(const rp_plugin_description *ranker, size_t n_settings, rp_check_report *report, rp_error *err) {
  int n_refused = 0;
  for (int i = 0; i < ranker->n_options; i++) {
    char bad[6][VALUE_BYTES];
    int n = list_bad_values(ranker, i, bad);
    for (int b = 0; b < n; b++) {
      RP_CLEANUP(rp_free_pointer) rp_value *values = NULL;
      rp_option_text given = {ranker->options[i].name, bad[b]};
      if (rp_ranker_options_parse(ranker, &given, 1, &values, NULL) == RP_OK)
        return add_row(report, "options", "", RP_CHECK_VIOLATED, err, "%s = %s was not refused", given.name, given.text);
      n_refused++;
    }
  }
  if (ranker->n_options == 0) return add_row(report, "options", "", RP_CHECK_OK, err, "none");
  return add_row(report, "options", "", RP_CHECK_OK, err, "%d, tried in %zu ways; %d value%s out of range refused", ranker->n_options,
                 n_settings, n_refused, n_refused == 1 ? "" : "s");
}

/* ---- Children -------------------------------------------------------------------------------- */

/* What all settings share. */
typedef struct {
  const rp_plugin_description *description;
  double timeout_s;
  const rp_check_watcher *watcher; /* NULL = none */
  int n_tried, n_all;              /* cases of the settings before; of all */
  rp_check_report *report;
} testing;

/* One setting on its way through the cases. */
typedef struct {
  const testing *of;
  rp_check_setting setting;
  char label[2 * VALUE_BYTES + 8];
  int next; /* the first case that nothing is known of */
  rp_check_need need;
  int is_over, n_bad_accesses;
} trial;

static rp_check_result result_of(const trial *self, const rp_check_message *message) {
  /* How long a plugin takes with a number at the end of its range is its own affair. */
  if (message->end == RP_CHECK_HUNG && self->setting.at_range_end) return RP_CHECK_NOTE;
  return (rp_check_result)message->finding.result;
}

static int is_tried(const rp_check_case *one, int at_range_end) {
  return one->at_range_ends || !at_range_end;
}

static int count_cases(int at_range_end) {
  int n, n_tried = 0;
  const rp_check_case *cases = rp_check_cases(&n);
  for (int i = 0; i < n; i++) n_tried += is_tried(&cases[i], at_range_end);
  return n_tried;
}

/* Says which case is the next one. */
static void announce(const trial *self) {
  const testing *of = self->of;
  int n, number = of->n_tried;
  const rp_check_case *cases = rp_check_cases(&n);
  if (!of->watcher) return;
  for (int i = 0; i < n; i++) {
    number += is_tried(&cases[i], self->setting.at_range_end);
    if (i < self->next || !is_tried(&cases[i], self->setting.at_range_end)) continue;
    of->watcher->begins(of->watcher->user, self->label, cases[i].name, number, of->n_all);
    return;
  }
}

static rp_status take_message(trial *self, rp_check_message *message, rp_error *err) {
  int n;
  const rp_check_case *cases = rp_check_cases(&n);
  message->finding.text[sizeof message->finding.text - 1] = '\0';
  if (message->i_case < self->next || message->i_case >= n)
    return rp_fail(err, RP_EWORKER, "a child of the test sent a message that makes no sense");
  if (message->end == RP_CHECK_BROKE_DOWN)
    return rp_fail(err, (rp_status)message->status, "%s: the test cannot go on: %s", cases[message->i_case].name, message->finding.text);
  self->next = message->i_case + 1;
  self->need = (rp_check_need)message->need;
  self->n_bad_accesses += message->end == RP_CHECK_BAD_ACCESS;
  if (message->end == RP_CHECK_HUNG)
    self->is_over = 1;
  else
    announce(self);
  return add_row(self->of->report, cases[message->i_case].name, self->label, result_of(self, message), err, "%s", message->finding.text);
}

/* Returns 1 and a message, 0 where the child closed its end, −1 on error. */
static int read_message(int fd, rp_check_message *message) {
  char *at = (char *)message;
  size_t got = 0;
  while (got < sizeof *message) {
    ssize_t n = read(fd, at + got, sizeof *message - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 || (n == 0 && got > 0)) return -1;
    if (n == 0) return 0;
    got += (size_t)n;
  }
  return 1;
}

static rp_status listen_to_child(trial *self, int fd, int *ended_badly, rp_error *err) {
  rp_check_message message;
  int got;
  *ended_badly = 0;
  while ((got = read_message(fd, &message)) > 0) {
    RP_TRY(take_message(self, &message, err));
    if (message.end != RP_CHECK_FOUND) *ended_badly = 1;
  }
  return got < 0 ? rp_fail(err, RP_EWORKER, "a child of the test sent half a message") : RP_OK;
}

/* A child that ends without a word was ended by the plugin, in the case behind the last one that it told of. */
static rp_status judge_silent_end(trial *self, int wait_status, rp_error *err) {
  int n;
  const rp_check_case *cases = rp_check_cases(&n);
  if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0 && (self->next >= n || self->setting.at_range_end)) {
    self->is_over = 1;
    return RP_OK;
  }
  const char *how = WIFSIGNALED(wait_status) ? strsignal(WTERMSIG(wait_status)) : "it exited";
  return add_row(self->of->report, cases[self->next++].name, self->label, RP_CHECK_VIOLATED, err, "the plugin ended the process: %s", how);
}

static rp_status run_child(trial *self, rp_error *err) {
  int ends[2], wait_status = 0, ended_badly;
  if (pipe2(ends, O_CLOEXEC) != 0) return rp_fail_errno(err, RP_EIO, "no pipe to a child process");
  fflush(NULL);
  announce(self);
  pid_t pid = fork();
  if (pid == 0) rp_check_child(self->of->description, &self->setting, self->next, self->need, self->of->timeout_s, ends[1]);
  close(ends[1]);
  if (pid < 0) {
    close(ends[0]);
    return rp_fail_errno(err, RP_EIO, "no child process");
  }
  rp_status status = listen_to_child(self, ends[0], &ended_badly, err);
  close(ends[0]);
  if (status != RP_OK) kill(pid, SIGKILL);
  while (waitpid(pid, &wait_status, 0) < 0 && errno == EINTR) continue;
  RP_TRY(status);
  return ended_badly ? RP_OK : judge_silent_end(self, wait_status, err);
}

/* Rows for the cases that were not reached, and one on memory. */
static rp_status close_trial(trial *self, rp_error *err) {
  int n;
  const rp_check_case *cases = rp_check_cases(&n);
  if (self->setting.at_range_end) return RP_OK;
  for (; self->next < n; self->next++)
    RP_TRY(
        add_row(self->of->report, cases[self->next].name, self->label, RP_CHECK_SKIPPED, err, "not tried, since a call did not come back"));
  if (self->n_bad_accesses)
    return add_row(self->of->report, "memory", self->label, RP_CHECK_VIOLATED, err, "%d of the cases ended in a forbidden access",
                   self->n_bad_accesses);
  return add_row(self->of->report, "memory", self->label, RP_CHECK_OK, err,
                 "inputs were not written, nothing was touched beyond their ends or after its call");
}

static rp_status try_setting(const testing *of, const struct setting *setting, rp_error *err) {
  trial self = {.of = of};
  int n;
  rp_check_cases(&n);
  if (*setting->name) {
    self.setting = (rp_check_setting){{setting->name, setting->value}, setting->at_range_end};
    snprintf(self.label, sizeof self.label, "%s=%s", setting->name, setting->value);
  }
  while (!self.is_over && self.next < n) RP_TRY(run_child(&self, err));
  return close_trial(&self, err);
}

/* ---- The whole ------------------------------------------------------------------------------- */

static rp_status describe(const char *path, rp_plugin_description *ranker, int *is_one, rp_check_report *report, rp_error *err) {
  rp_error why = {0};
  rp_id hash;
  *is_one = 0;
  RP_TRY(rp_plugin_hash(path, &hash, err));
  rp_status status = rp_plugin_describe(path, ranker, &why);
  if (status == RP_EINPUT) return add_row(report, "interface", "", RP_CHECK_VIOLATED, err, "%.440s", why.message);
  if (status != RP_OK) return rp_fail(err, status, "%s", why.message);
  *is_one = 1;
  return add_row(report, "interface", "", RP_CHECK_OK, err, "loads, and describes itself as %s %s for version %d of the interface",
                 ranker->name, ranker->version, RP_RANKER_ABI_MAJOR);
}

static rp_status try_settings(testing *of, const settings *all, rp_error *err) {
  for (size_t i = 0; i < all->n; i++) of->n_all += count_cases(all->list[i].at_range_end);
  for (size_t i = 0; i < all->n; i++) {
    RP_TRY(try_setting(of, &all->list[i], err));
    of->n_tried += count_cases(all->list[i].at_range_end);
  }
  return RP_OK;
}

static rp_status check(const char *path, double timeout_s, const rp_check_watcher *watcher, rp_check_report *report, rp_error *err) {
  RP_CLEANUP(rp_plugin_description_free) rp_plugin_description ranker = {0};
  RP_CLEANUP(free_settings) settings all = {0};
  int is_one;
  RP_TRY(describe(path, &ranker, &is_one, report, err));
  if (!is_one) return RP_OK;
  RP_TRY(list_settings(&ranker, &all, err));
  RP_TRY(check_options(&ranker, all.n, report, err));
  testing of = {.description = &ranker, .timeout_s = timeout_s, .watcher = watcher, .report = report};
  return try_settings(&of, &all, err);
}

rp_status rp_ranker_check(const char *path, double timeout_s, const rp_check_watcher *watcher, rp_check_report *out, rp_error *err) {
  *out = (rp_check_report){0};
  rp_status status = check(path, timeout_s, watcher, out, err);
  if (status != RP_OK) rp_check_report_free(out);
  return status;
}
