/* report.h: an experiment's table with honest statistics (SEMANTICS rules 21 and 24).
 *
 * One row per arm, in the order of the plan, baseline first. Of every number: the mean over seeds and its standard deviation; of the
 * difference to the baseline, the mean over pairs of one seed and its 95 % interval. The best test accuracy is not in it. */
#ifndef RP_RESULTS_REPORT_H
#define RP_RESULTS_REPORT_H

#include "core/base/text.h"
#include "results/query.h"
#include "results/statistics.h"

#include <stdio.h>

/* X(code, name, function, one line of help): the formats there are. */
#define RP_REPORT_FORMAT_LIST(X)                                                                                                           \
  X(RP_REPORT_TEXT, "text", rp_report_text, "a table for the terminal")                                                                    \
  X(RP_REPORT_MARKDOWN, "md", rp_report_markdown, "a table in Markdown")

typedef enum {
#define RP_REPORT_ENUM(code, name, function, help) code,
  RP_REPORT_FORMAT_LIST(RP_REPORT_ENUM)
#undef RP_REPORT_ENUM
      RP_N_REPORT_FORMATS
} rp_report_format;

/* The format of a name; returns 0 where there is none. */
int rp_report_format_of(const char *name, rp_report_format *out);

/* Writes an experiment's report. Errors: RP_EINPUT: unknown experiment; RP_EIO: `out` cannot be written; those of store.h. */
rp_status rp_report(rp_store *store, const char *experiment, rp_report_format format, FILE *out, rp_error *err);

/* Says of a criterion that its drops were by the draw, in a sentence. */
void rp_report_add_ties(const rp_tie_result *ties, rp_text *out);

/* ---- What the formats are given -------------------------------------------------------------- */

enum { RP_REPORT_COLUMNS = 7 };

/* Cells are finished text, UTF-8. */
typedef struct {
  char *cells[RP_REPORT_COLUMNS];
} rp_report_row;

typedef struct {
  const char *title;    /* the experiment */
  const char *subtitle; /* data, model */
  const char *heads[RP_REPORT_COLUMNS];
  rp_report_row *rows;
  int n_rows;
  char **notes; /* a sentence each */
  int n_notes;
} rp_report_table;

void rp_report_text(const rp_report_table *table, FILE *out);
void rp_report_markdown(const rp_report_table *table, FILE *out);

#endif
