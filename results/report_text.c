/* report_text.c: columns aligned with blanks, for the terminal. */
#include "results/report.h"

#include <string.h>

enum { NOTE_WIDTH = 100 };

/* Characters, not bytes: continuation bytes of UTF-8 are not counted. */
static int width_of(const char *text, size_t n_bytes) {
  int width = 0;
  for (size_t i = 0; i < n_bytes; i++) width += ((unsigned char)text[i] & 0xc0) != 0x80;
  return width;
}

static void write_line(const char *const *cells, const int *widths, int n, FILE *out) {
  for (int i = 0; i < n; i++) {
    int blanks = i + 1 < n ? widths[i] - width_of(cells[i], strlen(cells[i])) + 2 : 0;
    fprintf(out, "%s%*s", cells[i], blanks, "");
  }
  fputc('\n', out);
}

/* Breaks lines at blanks; following lines are indented. */
static void write_note(const char *note, FILE *out) {
  int column = 0;
  while (*note) {
    size_t word = strcspn(note, " ");
    int width = width_of(note, word);
    if (column && column + 1 + width > NOTE_WIDTH) {
      fputs("\n  ", out);
      column = 2;
    } else if (column) {
      fputc(' ', out);
      column++;
    }
    fwrite(note, 1, word, out);
    column += width;
    note += word;
    note += strspn(note, " ");
  }
  fputc('\n', out);
}

void rp_report_text(const rp_report_table *table, FILE *out) {
  const int n = table->n_columns;
  int widths[RP_REPORT_COLUMNS];
  for (int i = 0; i < n; i++) {
    widths[i] = width_of(table->heads[i], strlen(table->heads[i]));
    for (int j = 0; j < table->n_rows; j++) {
      int width = width_of(table->rows[j].cells[i], strlen(table->rows[j].cells[i]));
      if (width > widths[i]) widths[i] = width;
    }
  }
  fprintf(out, "%s%s (%s)\n\n", table->is_section ? "\n" : "", table->title, table->subtitle);
  write_line(table->heads, widths, n, out);
  for (int j = 0; j < table->n_rows; j++) write_line((const char *const *)table->rows[j].cells, widths, n, out);
  fputc('\n', out);
  for (int i = 0; i < table->n_notes; i++) write_note(table->notes[i], out);
}
