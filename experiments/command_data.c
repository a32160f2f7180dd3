/* command_data.c: `repr data`: which data sets there are and whether they are there; fetching and verifying one. */
#include "experiments/command.h"

#include "core/base/memory.h"
#include "core/base/spelling.h"
#include "core/base/text.h"
#include "experiments/data/fetch.h"
#include "experiments/data/verify.h"
#include "experiments/plan/campaign.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { OPTION_DATA = 1, OPTION_URL, MOST_KINDS = 16 };

typedef struct {
  const char *words[2]; /* what to do, a data set's name */
  int n;
  const char *data, *url;
} data_arguments;

static const struct argp_option OPTIONS[] = {
    {"data", OPTION_DATA, "DIR", 0, "Folder that data sets lie in (default: $REPR_DATA, else data)", 0},
    {"url", OPTION_URL, "URL", 0,
     "fetch: a mirror: the folder that holds the files, or the archive itself; checksums stay the published ones", 0},
    {0}};

static error_t parse(int key, char *value, struct argp_state *state) {
  data_arguments *arguments = state->input;
  switch (key) {
  case OPTION_DATA:
    arguments->data = value;
    return 0;
  case OPTION_URL:
    arguments->url = value;
    return 0;
  case ARGP_KEY_ARG:
    if (arguments->n == 2) argp_error(state, "one data set at a time");
    arguments->words[arguments->n++] = value;
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp ARGP = {
    OPTIONS,
    parse,
    "[list]\nfetch NAME\nverify NAME",
    "Lists the data sets and where they are; downloads one, checks it against the published checksums and unpacks it; or tells whether what is "
    "there is what it is taken for: by the files' checksums, or by the images, in whatever order they lie.\v"
    "A fetch that is cut off goes on where it stopped when it is run again. Examples:\n  repr data fetch cifar10\n  repr data verify cifar10",
    0,
    0,
    0};

static rp_status find_kind(const char *name, const rp_dataset_kind **out, rp_error *err) {
  int n;
  const rp_dataset_kind *kinds = rp_dataset_kinds(&n);
  const char *names[MOST_KINDS];
  RP_CLEANUP(rp_text_free) rp_text list = {0};
  for (int i = 0; i < n && i < MOST_KINDS; i++) {
    *out = &kinds[i];
    if (strcmp(name, kinds[i].name) == 0) return RP_OK;
    names[i] = kinds[i].name;
    rp_text_format(&list, "%s%s", i ? ", " : "", names[i]);
  }
  RP_TRY(rp_text_check(&list, err));
  const char *nearest = rp_nearest_spelling(name, names, n);
  return rp_fail(err, RP_EUSAGE, "%s is no data set%s%s%s; there are: %s", name, nearest ? "; did you mean '" : "", nearest ? nearest : "",
                 nearest ? "'?" : "", rp_text_string(&list));
}

static rp_status find_both(const char *name, const rp_dataset_kind **kind, const rp_data_source **source, rp_error *err) {
  RP_TRY(find_kind(name, kind, err));
  *source = rp_data_source_find(name);
  if (!*source) return rp_fail(err, RP_EUSAGE, "%s is generated: there is nothing to fetch or to verify", name);
  return RP_OK;
}

static double megabytes(uint64_t bytes) {
  return (double)bytes / 1e6;
}

/* ---- list ------------------------------------------------------------------------------------ */

static void print_source(const rp_data_source *source) {
  uint64_t size = 0;
  for (int i = 0; i < RP_SOURCE_MOST_FILES && source->downloads[i].name; i++) size += source->downloads[i].size_bytes;
  printf("  %-14s %.1f MB from %s\n", "", megabytes(size), source->url);
}

static rp_status list(const char *data, rp_error *err) {
  int n;
  const rp_dataset_kind *kinds = rp_dataset_kinds(&n);
  for (int i = 0; i < n; i++) {
    RP_CLEANUP(rp_free_pointer) char *folder = NULL;
    printf("%-16s %s\n", kinds[i].name, kinds[i].help);
    const rp_data_source *source = rp_data_source_find(kinds[i].name);
    if (!kinds[i].find || !source) continue;
    rp_status status = kinds[i].find(data, &folder, err);
    if (status != RP_OK && status != RP_EDATA) return status;
    printf("  %-14s %s\n", status == RP_OK ? "present" : "absent", status == RP_OK ? folder : err->message);
    if (status != RP_OK) print_source(source);
    *err = (rp_error){0};
  }
  return RP_OK;
}

/* ---- verify ---------------------------------------------------------------------------------- */

static rp_status verify(const rp_dataset_kind *kind, const rp_data_source *source, const char *data, rp_error *err) {
  RP_CLEANUP(rp_verification_free) rp_verification found = {0};
  char hex[RP_ID_HEX + 1];
  RP_TRY(rp_verify(kind, source, data, &found, err));
  rp_id_hex(found.digest, hex);
  printf("%s: %s: %s; %u training and %u test images, digest %s\n", kind->name, found.folder,
         found.is_official ? "the published files, byte for byte" : "the published images; the files hold them in another way", found.n[0],
         found.n[1], hex);
  return RP_OK;
}

/* ---- fetch ----------------------------------------------------------------------------------- */

typedef struct {
  int is_terminal;
  const char *file; /* that is under way */
  uint64_t first;   /* bytes that were there when it began */
  double start_s, last_draw_s;
} bar;

static double seconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void begin_file(bar *self, const char *file, uint64_t done, uint64_t total) {
  self->file = file;
  self->first = done;
  self->start_s = seconds_now();
  self->last_draw_s = 0;
  if (!self->is_terminal) fprintf(stderr, "%s: %.1f MB%s\n", file, megabytes(total), done ? ", going on where it stopped" : "");
}

static void draw(void *user, const char *file, uint64_t done, uint64_t total) {
  enum { WIDTH = 30 };
  static const char FULL[WIDTH + 1] = "##############################", EMPTY[WIDTH + 1] = "..............................";
  bar *self = user;
  if (self->file != file) begin_file(self, file, done, total);
  double now = seconds_now(), elapsed = now - self->start_s, rate = elapsed > 0 ? (double)(done - self->first) / elapsed : 0;
  if (!self->is_terminal || (now - self->last_draw_s < 0.2 && done < total)) return;
  self->last_draw_s = now;
  int filled = total ? (int)(WIDTH * done / total) : WIDTH;
  fprintf(stderr, "\r\033[K%s [%.*s%.*s] %.1f of %.1f MB", file, filled, FULL, WIDTH - filled, EMPTY, megabytes(done), megabytes(total));
  if (rate > 0) fprintf(stderr, ", %.1f MB/s, %.0f s to go", rate / 1e6, (double)(total - done) / rate);
}

static rp_status fetch(const rp_dataset_kind *kind, const rp_data_source *source, const char *data, const char *url, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *folder = NULL;
  if (kind->find(data, &folder, err) == RP_OK) {
    printf("%s is there already: %s (`repr data verify %s` checks it)\n", kind->name, folder, kind->name);
    return RP_OK;
  }
  *err = (rp_error){0};
  bar shown = {.is_terminal = isatty(STDERR_FILENO)};
  rp_status status = rp_fetch(source, data, &(rp_fetch_options){url, draw, &shown}, err);
  if (shown.is_terminal && shown.file) fputc('\n', stderr);
  RP_TRY(status);
  return verify(kind, source, data, err);
}

/* ---- The command ----------------------------------------------------------------------------- */

rp_status rp_command_data(int n, char **arguments, rp_error *err) {
  data_arguments parsed = {.words = {"list", NULL}};
  argp_err_exit_status = rp_status_exit(RP_EUSAGE);
  if (argp_parse(&ARGP, n, arguments, 0, 0, &parsed) != 0) return rp_fail(err, RP_EUSAGE, "the arguments cannot be understood");
  RP_CLEANUP(rp_free_pointer) char *data = NULL;
  RP_TRY(rp_choose_data_folder(parsed.data, &data, err));
  const rp_dataset_kind *kind;
  const rp_data_source *source;
  if (strcmp(parsed.words[0], "list") == 0 && parsed.n < 2) return list(data, err);
  if (parsed.n == 2 && strcmp(parsed.words[0], "fetch") == 0) {
    RP_TRY(find_both(parsed.words[1], &kind, &source, err));
    return fetch(kind, source, data, parsed.url, err);
  }
  if (parsed.n == 2 && strcmp(parsed.words[0], "verify") == 0) {
    RP_TRY(find_both(parsed.words[1], &kind, &source, err));
    return verify(kind, source, data, err);
  }
  return rp_fail(err, RP_EUSAGE, "`repr data list`, `repr data fetch NAME` or `repr data verify NAME` is expected");
}
