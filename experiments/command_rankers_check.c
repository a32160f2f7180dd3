/* command_rankers_check.c: `repr rankers check`: the conformance test as a table. */
#include "experiments/command_rankers.h"

#include "core/base/memory.h"
#include "core/ranking/check.h"
#include "core/ranking/plugin.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Of the defaults, everything; of other settings what is not the usual "ok". What a fault does again is counted instead. */
static int is_shown(const rp_check_row *row) {
  if (row->is_repeat) return 0;
  return !*row->setting || row->result == RP_CHECK_NOTE || row->result == RP_CHECK_VIOLATED;
}

static void print_row(const rp_check_row *row) {
  printf("  %-9s %-23s %s\n", rp_check_result_name(row->result), row->name, row->text);
}

/* The rows from `first` on that belong to one setting. Returns the first behind them. */
static size_t print_setting(const rp_check_report *report, size_t first) {
  const char *setting = report->rows[first].setting;
  size_t end = first;
  int n_ok = 0, n_repeated = 0;
  if (*setting) printf("\n%s\n", setting);
  for (; end < report->n && strcmp(report->rows[end].setting, setting) == 0; end++) {
    n_ok += report->rows[end].result == RP_CHECK_OK;
    n_repeated += report->rows[end].is_repeat;
    if (is_shown(&report->rows[end])) print_row(&report->rows[end]);
  }
  if (n_repeated) printf("  %-9s %d more, as above\n", rp_check_result_name(RP_CHECK_VIOLATED), n_repeated);
  if (*setting && n_ok) printf("  %-9s %d more\n", rp_check_result_name(RP_CHECK_OK), n_ok);
  return end;
}

/* ---- On a terminal --------------------------------------------------------------------------- */

static void draw(void *unused, const char *setting, const char *name, int number, int total) {
  (void)unused;
  fprintf(stderr, "\r\033[Kcase %d of %d: %s%s%s", number, total, setting, *setting ? ", " : "", name);
}

/* One line that is drawn anew for each case, and is gone at the end. */
static rp_status check(const char *path, double timeout_s, rp_check_report *report, rp_error *err) {
  const rp_check_watcher watcher = {.begins = draw};
  int is_terminal = isatty(STDERR_FILENO);
  rp_status status = rp_ranker_check(path, timeout_s, is_terminal ? &watcher : NULL, report, err);
  if (is_terminal) fputs("\r\033[K", stderr);
  return status;
}

rp_status rp_rankers_check(const char *folder, const char *name_or_path, double timeout_s, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *path = NULL;
  RP_CLEANUP(rp_check_report_free) rp_check_report report = {0};
  RP_TRY(rp_plugin_find(folder, name_or_path, &path, err));
  RP_TRY(check(path, timeout_s, &report, err));
  puts(path);
  for (size_t next = 0; next < report.n;) next = print_setting(&report, next);
  if (report.n_violated == 0) {
    puts("\nkeeps all rules");
    return RP_OK;
  }
  int n = report.n_violated - report.n_repeated;
  return rp_fail(err, RP_EPLUGIN, "%s: %d violation%s of the rules of rankers/ranker.h%s", path, n, n == 1 ? "" : "s",
                 report.n_repeated ? ", some in more than one case" : "");
}
