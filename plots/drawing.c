/* drawing.c: from a figure's data and its template to a file. */
#include "core/base/digest.h"
#include "core/base/files.h"
#include "core/base/memory.h"
#include "plots/gnuplot.h"
#include "plots/script.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const FORMAT_NAMES[] = {
#define FORMAT_NAME(code, name) name,
    RP_PLOT_FORMAT_LIST(FORMAT_NAME)
#undef FORMAT_NAME
};

int rp_plot_format_of(const char *name, rp_plot_format *out) {
  for (int i = 0; i < RP_N_PLOT_FORMATS; i++)
    if (strcmp(name, FORMAT_NAMES[i]) == 0) {
      *out = (rp_plot_format)i;
      return 1;
    }
  return 0;
}

/* The three terminals draw the same picture, PNG with 1000 pixels for one column's width. They differ in what a unit of text and of line
 * width is. */
static void write_terminal(rp_text *script, rp_plot_format format, rp_canvas canvas) {
  const double width = canvas.width, height = canvas.height, pixels = 1000.0 / RP_WIDTH_POINTS;
  switch (format) {
  case RP_PLOT_PNG:
    rp_text_format(
        script,
        "set terminal pngcairo noenhanced size %d, %d font 'Sans,%d' fontscale %g linewidth %g pointscale %g background '#ffffff'\n",
        (int)(width * pixels + 0.5), (int)(height * pixels + 0.5), RP_TEXT_POINTS, pixels * 0.75, pixels * 0.75, pixels * 0.75);
    break;
  case RP_PLOT_SVG:
    rp_text_format(script, "set terminal svg noenhanced size %d, %d font 'Sans,%g' linewidth 1 background '#ffffff'\n",
                   (int)(width * 4 / 3 + 0.5), (int)(height * 4 / 3 + 0.5), RP_TEXT_POINTS * 4.0 / 3);
    break;
  default:
    rp_text_format(script, "set terminal pdfcairo noenhanced size %gcm, %gcm font 'Sans,%d' fontscale 0.75 linewidth 1.5 pointscale 0.75\n",
                   width / 72 * 2.54, height / 72 * 2.54, RP_TEXT_POINTS);
  }
}

/* The whole script, its output going to `output`. */
static rp_status write_script(const rp_plot_options *options, const char *output, const rp_text *rows, rp_canvas canvas,
                              const char *template, rp_text *script, rp_error *err) {
  write_terminal(script, options->format, canvas);
  rp_text_add(script, "set encoding utf8\nset output ");
  rp_script_string(script, output);
  rp_text_format(script, "\nwidth = %.1f\nheight = %.1f\nfont_unit = %s\n", canvas.width, canvas.height,
                 options->format == RP_PLOT_SVG ? "4.0 / 3" : "1.0");
  rp_text_add(script, rp_text_string(rows));
  rp_text_add(script, template);
  rp_text_add(script, "\nunset output\n");
  return rp_text_check(script, err);
}

enum { LONGEST_NAME = 160 }; /* bytes of a file's name before its ending; file systems take 255 in all */

/* Cut at a whole character, so many hexadecimal digits of a digest of all of it at the end. */
static void shorten(rp_text *name) {
  enum { DIGITS = 8 };
  char hex[RP_ID_HEX + 1];
  size_t length = LONGEST_NAME - DIGITS - 1;
  rp_id_hex(rp_digest_of("figure name", name->bytes, name->length), hex);
  while (((unsigned char)name->bytes[length] & 0xc0) == 0x80) length--;
  name->length = length;
  rp_text_format(name, "-%.*s", (int)DIGITS, hex);
}

/* FOLDER/WHAT-FIGURE.FORMAT */
static rp_status path_of(const rp_plot_options *options, const char *what, const char *figure, char **path, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text name = {0};
  for (const char *c = what; *c; c++) rp_text_add_bytes(&name, *c == '/' || (unsigned char)*c <= 0x20 ? "-" : c, 1);
  RP_TRY(rp_text_check(&name, err));
  if (name.length > LONGEST_NAME) shorten(&name);
  rp_text_format(&name, "-%s.%s", figure, FORMAT_NAMES[options->format]);
  RP_TRY(rp_text_check(&name, err));
  return rp_join_path(options->folder, rp_text_string(&name), path, err);
}

rp_status rp_script_draw(const rp_plot_options *options, const char *what, const char *figure, const rp_text *rows, rp_canvas canvas,
                         const char *template, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *path = NULL;
  RP_CLEANUP(rp_text_free) rp_text script = {0};
  RP_CLEANUP(rp_text_free) rp_text aside = {0};
  RP_TRY(rp_text_check(rows, err));
  RP_TRY(path_of(options, what, figure, &path, err));
  rp_text_format(&aside, "%s.%ld.part", path, (long)getpid());
  RP_TRY(rp_text_check(&aside, err));
  RP_TRY(write_script(options, rp_text_string(&aside), rows, canvas, template, &script, err));
  /* Drawn aside and renamed, so that a figure is whole or not there; gnuplot also says nothing of a disk that is full. */
  RP_TRY(rp_make_folders(options->folder, err));
  FILE *probe = fopen(rp_text_string(&aside), "wb");
  if (!probe) return rp_fail_errno(err, RP_EIO, "cannot write %s", path);
  fclose(probe);
  rp_status status = rp_gnuplot_run(rp_text_string(&script), err);
  if (status == RP_OK && rename(rp_text_string(&aside), path) != 0) status = rp_fail_errno(err, RP_EIO, "cannot write %s", path);
  if (status != RP_OK) {
    unlink(rp_text_string(&aside));
    rp_add_context(err, "figure %s", figure);
    return status;
  }
  if (options->written) options->written(options->user, path);
  return RP_OK;
}
