/* report.h: an experiment's table with honest statistics (SEMANTICS rules 21 and 24).
 *
 * One row per arm, in the order of the plan, baseline first. Of every number: the mean over seeds and its standard deviation; of the
 * difference to the baseline, the mean over pairs of one seed and its 95 % interval. The best test accuracy is not in it.
 *
 * Where criteria were scored on the same weights, a second table says how far they agree. */
#ifndef RP_RESULTS_REPORT_H
#define RP_RESULTS_REPORT_H

#include "core/base/text.h"
#include "results/agreement.h"
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

/* A report is one table, or several: the first has the experiment's name as its title. */
typedef struct {
  int is_section;       /* one of the tables behind the first */
  const char *title;    /* the experiment; of a section: what it is about */
  const char *subtitle; /* data, model; of a section: what it is made from */
  int n_columns;        /* at most RP_REPORT_COLUMNS */
  const char *heads[RP_REPORT_COLUMNS];
  rp_report_row *rows;
  int n_rows;
  char **notes; /* a sentence each */
  int n_notes;
} rp_report_table;

/* Appends a row's finished cells, and a sentence below the table; the texts are emptied. Errors: RP_EMEMORY. */
rp_status rp_report_add_row(rp_report_table *table, rp_text *cells, rp_error *err);
rp_status rp_report_add_note(rp_report_table *table, rp_text *note, rp_error *err);
void rp_report_table_free(rp_report_table *table); /* for RP_CLEANUP: rows and notes */

/* Fills in the table of the criteria's agreement, which has at least two. Its subtitle is written to `subtitle`, which has to outlive it.
 * Errors: RP_EMEMORY. (report_agreement.c) */
rp_status rp_report_agreement(const rp_agreement *agreement, rp_text *subtitle, rp_report_table *table, rp_error *err);

void rp_report_text(const rp_report_table *table, FILE *out);
void rp_report_markdown(const rp_report_table *table, FILE *out);

#endif
