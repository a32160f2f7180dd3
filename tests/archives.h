/* archives.h: tar archives in memory, made of what tests need in them. */
#ifndef RP_TESTS_ARCHIVES_H
#define RP_TESTS_ARCHIVES_H

#include "tests/check.h"

#include <archive.h>
#include <archive_entry.h>
#include <sha2.h>
#include <stdio.h>

typedef struct {
  const char *path;
  const uint8_t *bytes; /* NULL: none */
  size_t size;
  unsigned type;                  /* AE_IFREG … ; 0 = AE_IFREG */
  const char *symlink, *hardlink; /* where it leads */
} archive_part;

/* A plain file. */
#define PLAIN(path_, bytes_, size_)                                                                                                        \
  { .path = path_, .bytes = bytes_, .size = size_ }

/* Room for everything that tests pack. */
typedef struct {
  uint8_t bytes[1 << 20];
  size_t size;
  char sha256[65];
} packed;

static inline void sum_up(packed *out) {
  SHA2_CTX sum;
  SHA256Init(&sum);
  SHA256Update(&sum, out->bytes, out->size);
  SHA256End(&sum, out->sha256);
}

static inline void pack(const archive_part *parts, int n, packed *out) {
  struct archive *archive = archive_write_new();
  assert_non_null(archive);
  archive_write_set_format_pax_restricted(archive);
  archive_write_add_filter_gzip(archive);
  assert_int_equal(archive_write_open_memory(archive, out->bytes, sizeof out->bytes, &out->size), ARCHIVE_OK);
  for (int i = 0; i < n; i++) {
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, parts[i].path);
    archive_entry_set_filetype(entry, parts[i].type ? parts[i].type : AE_IFREG);
    archive_entry_set_perm(entry, 0755);
    archive_entry_set_size(entry, parts[i].bytes ? (la_int64_t)parts[i].size : 0);
    if (parts[i].symlink) archive_entry_set_symlink(entry, parts[i].symlink);
    if (parts[i].hardlink) archive_entry_set_hardlink(entry, parts[i].hardlink);
    assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
    if (parts[i].bytes) assert_int_equal(archive_write_data(archive, parts[i].bytes, parts[i].size), parts[i].size);
    archive_entry_free(entry);
  }
  assert_int_equal(archive_write_close(archive), ARCHIVE_OK);
  archive_write_free(archive);
  sum_up(out);
}

#endif
