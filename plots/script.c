/* script.c: arms, literal text, legends. */
#include "plots/script.h"

#include <string.h>

int rp_figure_arms(const rp_trial_list *trials, rp_figure_arm *arms) {
  int n = 0;
  for (int baseline = 1; baseline >= 0; baseline--)
    for (int i = 0; i < trials->n; i++) {
      const rp_trial_result *trial = &trials->trials[i];
      int is_new = trial->is_baseline == baseline;
      for (int j = 0; j < n; j++) is_new &= strcmp(arms[j].name, trial->arm) != 0;
      if (is_new) arms[n++] = (rp_figure_arm){trial->arm, baseline};
    }
  return n;
}

void rp_script_string(rp_text *script, const char *text) {
  /* Only between single quotes does gnuplot leave back quotes (which run commands) and backslashes alone. */
  rp_text_add(script, "'");
  for (const char *c = text; *c; c++) {
    if (*c == '\'')
      rp_text_add(script, "''");
    else if (*c == '\n')
      rp_text_add(script, "'.\"\\n\".'");
    else if ((unsigned char)*c < 0x20)
      rp_text_add(script, " ");
    else
      rp_text_add_bytes(script, c, 1);
  }
  rp_text_add(script, "'");
}

/* ---- Wrapping -------------------------------------------------------------------------------- */

static size_t character_bytes(const char *text) {
  size_t n = 1;
  while (((unsigned char)text[n] & 0xc0) == 0x80) n++;
  return n;
}

/* How good a place to break a line is between two characters; 0 = none. */
static int break_quality(char before, char after) {
  if (before == ' ') return 3;
  if (strchr(",;", before) || strchr("([{", after)) return 2;
  return strchr("=/:-_", before) != NULL;
}

/* How many bytes of `text` make a line of at most `width` characters: up to the last of the best places to break it. */
static size_t line_bytes(const char *text, int width) {
  size_t length = 0, break_at = 0;
  int best = 0;
  for (int n = 0; text[length] && text[length] != '\n'; n++) {
    int quality = length ? break_quality(text[length - 1], text[length]) : 0;
    if (quality && quality >= best) best = quality, break_at = length;
    if (n == width) return text[length] == ' ' ? length : break_at ? break_at : length;
    length += character_bytes(text + length);
  }
  return length;
}

static size_t bytes_of_characters(const char *text, int n) {
  size_t length = 0;
  while (n-- > 0 && text[length] && text[length] != '\n') length += character_bytes(text + length);
  return length;
}

int rp_script_wrap(rp_text *out, const char *text, int width, int most_lines) {
  int n_lines = 0;
  while (*text && n_lines < most_lines) {
    size_t length = line_bytes(text, width);
    int is_cut = n_lines + 1 == most_lines && text[length];
    if (is_cut) length = bytes_of_characters(text, width - 1);
    if (n_lines++) rp_text_add(out, "\n");
    size_t trimmed = length;
    while (trimmed > 0 && text[trimmed - 1] == ' ') trimmed--;
    rp_text_add_bytes(out, text, trimmed);
    if (is_cut) rp_text_add(out, trimmed < length ? " …" : "…");
    text += length;
    while (*text == ' ' || *text == '\n') text++;
  }
  return n_lines > 0 ? n_lines : 1;
}

/* ---- Legend ---------------------------------------------------------------------------------- */

/* A character of the text takes about so much, in points. */
static const double CHARACTER_POINTS = 3.6;
enum { SAMPLE_POINTS = 22, MARGIN_POINTS = 8 };

static int character_count(const char *text) {
  int n = 0;
  for (; *text; text += character_bytes(text)) n++;
  return n;
}

typedef void (*add_element)(rp_text *, const rp_legend_entry *, int i, const double *numbers);
static void add_label(rp_text *script, const rp_legend_entry *entries, int i, const double *numbers) {
  (void)numbers;
  rp_script_string(script, entries[i].label);
}
static void add_colour(rp_text *script, const rp_legend_entry *entries, int i, const double *numbers) {
  (void)numbers;
  rp_script_string(script, entries[i].colour);
}
static void add_dash(rp_text *script, const rp_legend_entry *entries, int i, const double *numbers) {
  (void)numbers;
  rp_text_format(script, "%d", entries[i].dash);
}
static void add_kind(rp_text *script, const rp_legend_entry *entries, int i, const double *numbers) {
  (void)numbers;
  rp_text_format(script, "%d", (int)entries[i].kind);
}
static void add_number(rp_text *script, const rp_legend_entry *entries, int i, const double *numbers) {
  (void)entries;
  rp_text_format(script, "%g", numbers[i]);
}

/* An array of gnuplot cannot be empty: an unused element stands in then. */
static void add_array(rp_text *script, const char *name, int n, add_element add, const rp_legend_entry *entries, const double *numbers) {
  rp_text_format(script, "array %s[%d] = [", name, n > 0 ? n : 1);
  for (int i = 0; i < n; i++) {
    if (i) rp_text_add(script, ", ");
    add(script, entries, i, numbers);
  }
  rp_text_add(script, n > 0 ? "]\n" : "0]\n");
}

/* Lines of a text with line feeds as entries' labels (of the array of captions). */
static void add_captions(rp_text *script, double width, const char *captions, double *height) {
  RP_CLEANUP(rp_text_free) rp_text wrapped = {0};
  int n = *captions ? rp_script_wrap(&wrapped, captions, (int)((width - 2 * MARGIN_POINTS) / CHARACTER_POINTS), 12) : 0;
  rp_text_format(script, "n_caption = %d\narray caption_text[%d]\narray caption_y[%d]\n", n, n > 0 ? n : 1, n > 0 ? n : 1);
  const char *line = rp_text_string(&wrapped);
  for (int i = 1; i <= n; i++) {
    RP_CLEANUP(rp_text_free) rp_text one = {0};
    size_t length = strcspn(line, "\n");
    rp_text_add_bytes(&one, line, length);
    rp_text_format(script, "caption_text[%d] = ", i);
    rp_script_string(script, rp_text_string(&one));
    rp_text_format(script, "\ncaption_y[%d] = %g\n", i, *height + (n - i + 0.5) * RP_LINE_POINTS);
    line += length + (line[length] == '\n');
  }
  *height += n * RP_LINE_POINTS;
}

enum { MOST_ENTRIES = 24 };

double rp_script_legend(rp_text *script, double width, const rp_legend_entry *entries, int n, const char *captions) {
  double height = 3, x[MOST_ENTRIES], y[MOST_ENTRIES];
  add_captions(script, width, captions, &height);
  if (n > MOST_ENTRIES) n = MOST_ENTRIES;
  int longest = 0;
  for (int i = 0; i < n; i++) {
    int length = character_count(entries[i].label);
    if (length > longest) longest = length;
  }
  int n_columns = (int)((width - 2 * MARGIN_POINTS) / (SAMPLE_POINTS + 6 + longest * CHARACTER_POINTS));
  int most_columns = (int)(3 * width / RP_WIDTH_POINTS);
  n_columns = n_columns < 1 ? 1 : n_columns > most_columns ? most_columns : n_columns;
  int n_rows = (n + n_columns - 1) / n_columns;
  /* Columns are filled downwards, so that the order of arms can be read. */
  for (int i = 0; i < n; i++) {
    x[i] = MARGIN_POINTS + (i / n_rows) * (width - 2 * MARGIN_POINTS) / n_columns;
    y[i] = height + (n_rows - i % n_rows - 0.5) * RP_LINE_POINTS;
  }
  rp_text_format(script, "n_legend = %d\nsample = %d\n", n, (int)SAMPLE_POINTS);
  add_array(script, "legend_x", n, add_number, entries, x);
  add_array(script, "legend_y", n, add_number, entries, y);
  add_array(script, "legend_text", n, add_label, entries, NULL);
  add_array(script, "legend_colour", n, add_colour, entries, NULL);
  add_array(script, "legend_dash", n, add_dash, entries, NULL);
  add_array(script, "legend_kind", n, add_kind, entries, NULL);
  return height + n_rows * RP_LINE_POINTS + 2;
}

/* ---- Sentences ------------------------------------------------------------------------------- */

void rp_script_seeds(rp_text *text, int fewest, int most) {
  if (fewest == most)
    rp_text_format(text, "n = %d seed%s", most, most == 1 ? "" : "s");
  else
    rp_text_format(text, "n = %d–%d seeds", fewest, most);
}

void rp_script_provenance(rp_text *text, const rp_trial_list *trials) {
  int is_generated = 0, n_failed = 0, n_unfinished = 0;
  for (int i = 0; i < trials->n; i++) {
    is_generated |= strcmp(trials->trials[i].data, "shapes") == 0;
    n_failed += trials->trials[i].status == RP_TRIAL_FAILED;
    n_unfinished += trials->trials[i].status == RP_TRIAL_PENDING || trials->trials[i].status == RP_TRIAL_RUNNING;
  }
  if (n_failed) rp_text_format(text, "\n%d of %d trials failed.", n_failed, trials->n);
  if (n_unfinished) rp_text_format(text, "\n%d of %d trials are unfinished.", n_unfinished, trials->n);
  if (is_generated) rp_text_add(text, "\nGenerated images: illustrates, proves nothing.");
}
