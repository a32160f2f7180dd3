/* npz_files.h: reads an .npz with libarchive, knowing nothing of the code that writes them. */
#ifndef RP_TESTS_NPZ_FILES_H
#define RP_TESTS_NPZ_FILES_H

#include "tests/check.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_ARRAYS = 1024 };

typedef struct {
  char name[64];  /* without .npy */
  char descr[8];  /* "<f4" */
  char shape[64]; /* "(3,4,)" */
  size_t header;  /* bytes before the values */
  size_t size;    /* of the values, in bytes */
  uint8_t *bytes; /* the whole .npy */
} npz_array;

typedef struct {
  int n;
  npz_array arrays[MOST_ARRAYS];
} npz_file;

static inline void parse_npy(npz_array *array, size_t size) {
  char dictionary[256];
  assert_true(size > 10 && memcmp(array->bytes, "\x93NUMPY\x01\x00", 8) == 0);
  size_t length = array->bytes[8] | (size_t)array->bytes[9] << 8;
  array->header = 10 + length;
  assert_true(array->header <= size && length < sizeof dictionary);
  assert_int_equal(array->header % 64, 0);
  memcpy(dictionary, array->bytes + 10, length);
  dictionary[length] = '\0';
  assert_int_equal(dictionary[length - 1], '\n');
  if (sscanf(dictionary, "{'descr': '%7[^']', 'fortran_order': False, 'shape': %63[^ ], }", array->descr, array->shape) != 2)
    fail_msg("%s has the header %s", array->name, dictionary);
  array->shape[strlen(array->shape) - 1] = 0; /* the comma between entries */
  array->size = size - array->header;
}

static inline npz_file *read_npz(const char *path) {
  npz_file *file = calloc(1, sizeof *file);
  struct archive *reader = archive_read_new();
  struct archive_entry *entry;
  assert_true(file && reader);
  archive_read_support_format_zip(reader);
  if (archive_read_open_filename(reader, path, 1 << 16) != ARCHIVE_OK) fail_msg("%s: %s", path, archive_error_string(reader));
  while (archive_read_next_header(reader, &entry) == ARCHIVE_OK) {
    npz_array *array = &file->arrays[file->n++];
    const char *name = archive_entry_pathname(entry), *ending = strrchr(name, '.');
    size_t size = 0, capacity = 1 << 24;
    assert_true(file->n < MOST_ARRAYS && ending && strcmp(ending, ".npy") == 0);
    snprintf(array->name, sizeof array->name, "%.*s", (int)(ending - name), name);
    array->bytes = malloc(capacity);
    for (la_ssize_t n; (n = archive_read_data(reader, array->bytes + size, capacity - size)) != 0; size += (size_t)n) assert_true(n > 0);
    assert_true(size < capacity);
    parse_npy(array, size);
  }
  assert_int_equal(archive_read_free(reader), ARCHIVE_OK);
  return file;
}

static inline const npz_array *find_array(const npz_file *file, const char *name) {
  for (int i = 0; i < file->n; i++)
    if (strcmp(file->arrays[i].name, name) == 0) return &file->arrays[i];
  return NULL;
}

static inline const uint8_t *values_of(const npz_array *array) {
  return array->bytes + array->header;
}

/* The array is there, of this type and shape, and has values for all of it. */
static inline const npz_array *expect_array(const npz_file *file, const char *name, const char *descr, const char *shape) {
  const npz_array *array = find_array(file, name);
  if (!array) fail_msg("there is no array %s", name);
  if (strcmp(array->descr, descr) != 0 || strcmp(array->shape, shape) != 0)
    fail_msg("%s is %s %s, not %s %s", name, array->descr, array->shape, descr, shape);
  size_t size = (size_t)(descr[2] - '0');
  for (const char *at = shape + 1; *at && *at != ')'; at = strchr(at, ',') + 1) size *= strtoul(at, NULL, 10);
  assert_int_equal(array->size, size);
  return array;
}

static inline void free_npz(npz_file *file) {
  for (int i = 0; i < file->n; i++) free(file->arrays[i].bytes);
  free(file);
}

#endif
