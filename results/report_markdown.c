/* report_markdown.c: a pipe table, notes as a list. */
#include "results/report.h"

#include <string.h>

/* Text of users is shown as it is: what Markdown would read as markup is escaped. */
static void write_escaped(const char *text, FILE *out) {
  for (const char *c = text; *c; c++) {
    if (*c == '\n') {
      fputc(' ', out);
      continue;
    }
    if (strchr("\\|*_`<>[]#", *c)) fputc('\\', out);
    fputc(*c, out);
  }
}

static void write_line(const char *const *cells, int n, FILE *out) {
  for (int i = 0; i < n; i++) {
    fputs("| ", out);
    write_escaped(cells[i], out);
    fputc(' ', out);
  }
  fputs("|\n", out);
}

void rp_report_markdown(const rp_report_table *table, FILE *out) {
  const int n = table->n_columns;
  fputs(table->is_section ? "\n### " : "## ", out);
  write_escaped(table->title, out);
  fputs("\n\n", out);
  write_escaped(table->subtitle, out);
  fputs("\n\n", out);
  write_line(table->heads, n, out);
  for (int i = 0; i < n; i++) fputs(i ? "| ---: " : "| --- ", out);
  fputs("|\n", out);
  for (int j = 0; j < table->n_rows; j++) write_line((const char *const *)table->rows[j].cells, n, out);
  fputc('\n', out);
  for (int i = 0; i < table->n_notes; i++) {
    fputs("- ", out);
    write_escaped(table->notes[i], out);
    fputc('\n', out);
  }
}
