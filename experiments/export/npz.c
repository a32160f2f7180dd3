/* npz.c: libarchive writes the zip; a .npy is a line of Python in front of the values. */
#include "experiments/export/npz.h"

#include "core/base/files.h"
#include "core/base/memory.h"
#include "core/base/text.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "arrays are little-endian: swap the values here first");

struct rp_npz {
  rp_aside file;
  struct archive *zip;
  struct archive_entry *entry; /* of the array at hand */
};

static const struct {
  const char *name;
  size_t bytes;
} TYPES[] = {
#define TYPE_ROW(code, name, bytes) [code] = {name, bytes},
    RP_NPZ_TYPE_LIST(TYPE_ROW)
#undef TYPE_ROW
};

static rp_status fail(const rp_npz *npz, rp_error *err) {
  const char *reason = archive_error_string(npz->zip);
  return rp_fail(err, archive_errno(npz->zip) == ENOMEM ? RP_EMEMORY : RP_EIO, "%s: cannot be written: %s", npz->file.path,
                 reason ? reason : "the zip cannot be made");
}

rp_status rp_npz_open(const char *path, rp_npz **out, rp_error *err) {
  *out = NULL;
  RP_CLEANUP(rp_npz_close) rp_npz *npz = NULL;
  RP_TRY(rp_allocate(1, sizeof *npz, &npz, err));
  RP_TRY(rp_aside_open(path, &npz->file, err));
  npz->zip = archive_write_new();
  if (!npz->zip) return rp_fail(err, RP_EMEMORY, "out of memory for a zip");
  if (archive_write_set_format_zip(npz->zip) != ARCHIVE_OK || archive_write_set_bytes_in_last_block(npz->zip, 1) != ARCHIVE_OK ||
      archive_write_open_fd(npz->zip, npz->file.fd) != ARCHIVE_OK)
    return fail(npz, err);
  *out = npz;
  npz = NULL;
  return RP_OK;
}

static size_t size_of(rp_npz_shape shape) {
  size_t size = TYPES[shape.type].bytes;
  for (int i = 0; i < shape.n_dimensions; i++) size *= shape.shape[i];
  return size;
}

/* Magic, version 1.0, the length of the rest, a Python dictionary; blanks so that the values start at a multiple of 64, and a newline. */
static void add_header(rp_text *head, rp_npz_shape shape) {
  enum { BEFORE_DICTIONARY = 10, ALIGNMENT = 64 };
  RP_CLEANUP(rp_text_free) rp_text dictionary = {0};
  rp_text_format(&dictionary, "{'descr': '%s', 'fortran_order': False, 'shape': (", TYPES[shape.type].name);
  for (int i = 0; i < shape.n_dimensions; i++) rp_text_format(&dictionary, "%zu,", shape.shape[i]);
  rp_text_add(&dictionary, "), }");
  while ((BEFORE_DICTIONARY + dictionary.length + 1) % ALIGNMENT && !dictionary.failed) rp_text_add(&dictionary, " ");
  rp_text_add(&dictionary, "\n");
  const char length[2] = {(char)(dictionary.length & 0xff), (char)(dictionary.length >> 8)};
  rp_text_add_bytes(head, "\x93NUMPY\x01\x00", 8);
  rp_text_add_bytes(head, length, sizeof length);
  rp_text_add(head, rp_text_string(&dictionary));
  head->failed |= dictionary.failed;
}

rp_status rp_npz_begin(rp_npz *npz, const char *name, rp_npz_shape shape, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text head = {0};
  RP_CLEANUP(rp_text_free) rp_text file = {0};
  add_header(&head, shape);
  rp_text_format(&file, "%s.npy", name);
  RP_TRY(rp_text_check(&head, err));
  RP_TRY(rp_text_check(&file, err));
  if (npz->entry) archive_entry_clear(npz->entry);
  if (!npz->entry) npz->entry = archive_entry_new();
  if (!npz->entry) return rp_fail(err, RP_EMEMORY, "out of memory for a zip");
  archive_entry_set_pathname(npz->entry, rp_text_string(&file));
  archive_entry_set_filetype(npz->entry, AE_IFREG);
  archive_entry_set_perm(npz->entry, 0644);
  archive_entry_set_size(npz->entry, (la_int64_t)(head.length + size_of(shape)));
  archive_entry_set_mtime(npz->entry, 315532800, 0); /* 1980, where zip's calendar begins: no clock in the bytes */
  if (archive_write_header(npz->zip, npz->entry) != ARCHIVE_OK) return fail(npz, err);
  return rp_npz_add(npz, head.bytes, head.length, err);
}

rp_status rp_npz_add(rp_npz *npz, const void *values, size_t size_bytes, rp_error *err) {
  const uint8_t *next = values;
  while (size_bytes > 0) {
    la_ssize_t n = archive_write_data(npz->zip, next, size_bytes);
    if (n <= 0) return fail(npz, err);
    next += n, size_bytes -= (size_t)n;
  }
  return RP_OK;
}

rp_status rp_npz_put(rp_npz *npz, const char *name, rp_npz_shape shape, const void *values, rp_error *err) {
  RP_TRY(rp_npz_begin(npz, name, shape, err));
  return rp_npz_add(npz, values, size_of(shape), err);
}

rp_status rp_npz_finish(rp_npz *npz, rp_error *err) {
  if (archive_write_close(npz->zip) != ARCHIVE_OK) return fail(npz, err);
  return rp_aside_keep(&npz->file, err);
}

void rp_npz_close(rp_npz **npz) {
  if (!*npz) return;
  archive_entry_free((*npz)->entry);
  archive_write_free((*npz)->zip);
  rp_aside_close(&(*npz)->file);
  free(*npz);
  *npz = NULL;
}
