/* command_rankers_check.c: `repr rankers check`: the conformance test as a table. */
#include "experiments/command_rankers.h"

#include "core/base/memory.h"
#include "core/ranking/check.h"
#include "core/ranking/plugin.h"

#include <stdio.h>
#include <string.h>

/* Of the defaults, everything; of other settings what is not the usual "ok". */
static int is_shown(const rp_check_row *row) {
  return !*row->setting || row->result == RP_CHECK_NOTE || row->result == RP_CHECK_VIOLATED;
}

static void print_row(const rp_check_row *row) {
  printf("  %-9s %-23s %s\n", rp_check_result_name(row->result), row->name, row->text);
}

/* The rows from `first` on that belong to one setting. Returns the first behind them. */
static size_t print_setting(const rp_check_report *report, size_t first) {
  const char *setting = report->rows[first].setting;
  size_t end = first;
  int n_ok = 0;
  if (*setting) printf("\n%s\n", setting);
  for (; end < report->n && strcmp(report->rows[end].setting, setting) == 0; end++) {
    n_ok += report->rows[end].result == RP_CHECK_OK;
    if (is_shown(&report->rows[end])) print_row(&report->rows[end]);
  }
  if (*setting && n_ok) printf("  %-9s %d more\n", rp_check_result_name(RP_CHECK_OK), n_ok);
  return end;
}

rp_status rp_rankers_check(const char *folder, const char *name_or_path, double timeout_s, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *path = NULL;
  RP_CLEANUP(rp_check_report_free) rp_check_report report = {0};
  RP_TRY(rp_plugin_find(folder, name_or_path, &path, err));
  RP_TRY(rp_ranker_check(path, timeout_s, &report, err));
  puts(path);
  for (size_t next = 0; next < report.n;) next = print_setting(&report, next);
  if (report.n_violated == 0) {
    puts("\nkeeps all rules");
    return RP_OK;
  }
  return rp_fail(err, RP_EPLUGIN, "%s: %d violation%s of the rules of rankers/ranker.h", path, report.n_violated,
                 report.n_violated == 1 ? "" : "s");
}
