/* idx_files.h: writes small sets in MNIST's layout, plain or gzipped, into a temporary folder, for tests. */
#ifndef RP_TESTS_IDX_FILES_H
#define RP_TESTS_IDX_FILES_H

#include "core/data/mnist.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { IDX_TRAINING = 40, IDX_TEST = 12 };
static const rp_image_counts IDX_COUNTS = {.training = IDX_TRAINING, .test = IDX_TEST};

/* A data folder with the four files in its folder "mnist". */
typedef struct {
  char path[64];
} idx_folder;

static inline void idx_file_path(const idx_folder *folder, int file, int is_gzipped, char path[288]) {
  snprintf(path, 288, "%s/mnist/%s%s", folder->path, rp_mnist_files[file], is_gzipped ? ".gz" : "");
}

static inline void write_idx_bytes(const char *path, const uint8_t *bytes, size_t size, int is_gzipped) {
  if (is_gzipped) {
    gzFile out = gzopen(path, "wb6");
    assert_non_null(out);
    if (size > 0) assert_int_equal(gzwrite(out, bytes, (unsigned)size), size);
    assert_int_equal(gzclose(out), Z_OK);
    return;
  }
  FILE *out = fopen(path, "wb");
  assert_non_null(out);
  assert_int_equal(fwrite(bytes, 1, size, out), size);
  assert_int_equal(fclose(out), 0);
}

/* The bytes of one of the four files, header included, into `bytes` (room for all); returns their number. Training image i has the label
 * i % 10, test image i (i + 3) % 10, and pixels that differ from those of every other. `step` changes the order in the file. */
static inline size_t idx_bytes(int file, uint32_t step, uint8_t *bytes) {
  int is_test = file >= 2, is_images = file % 2 == 0;
  uint32_t n = is_test ? IDX_TEST : IDX_TRAINING;
  const uint8_t header[16] = {0, 0, 8, (uint8_t)(is_images ? 3 : 1), 0, 0, 0, (uint8_t)n, 0, 0, 0, 28, 0, 0, 0, 28};
  size_t size = is_images ? 16 : 8;
  memcpy(bytes, header, size);
  for (uint32_t k = 0; k < n; k++) {
    uint32_t i = k * step % n;
    if (!is_images) bytes[size++] = (uint8_t)((i + (is_test ? 3 : 0)) % 10);
    for (uint32_t p = 0; is_images && p < RP_MNIST_IMAGE_BYTES; p++)
      bytes[size++] = (uint8_t)(p == 0 ? i + (is_test ? 100 : 0) : i * 37 + p * (1 + i % 5) + p / 28);
  }
  return size;
}

enum { IDX_MOST_BYTES = 16 + IDX_TRAINING * RP_MNIST_IMAGE_BYTES };

static inline idx_folder new_idx_folder(void) {
  idx_folder folder = {"/tmp/repr-test-idx-XXXXXX"};
  char below[288];
  if (!mkdtemp(folder.path)) fail_msg("no temporary folder");
  snprintf(below, sizeof below, "%s/mnist", folder.path);
  assert_int_equal(mkdir(below, 0777), 0);
  return folder;
}

static inline idx_folder write_idx_set(uint32_t step, int is_gzipped) {
  static uint8_t bytes[IDX_MOST_BYTES];
  idx_folder folder = new_idx_folder();
  for (int file = 0; file < RP_MNIST_FILES; file++) {
    char path[288];
    idx_file_path(&folder, file, is_gzipped, path);
    write_idx_bytes(path, bytes, idx_bytes(file, step, bytes), is_gzipped);
  }
  return folder;
}

static inline void remove_idx_folder(const idx_folder *folder) {
  char path[288];
  for (int file = 0; file < RP_MNIST_FILES; file++)
    for (int is_gzipped = 0; is_gzipped < 2; is_gzipped++) {
      idx_file_path(folder, file, is_gzipped, path);
      unlink(path);
    }
  snprintf(path, sizeof path, "%s/mnist", folder->path);
  rmdir(path);
  rmdir(folder->path);
}

#endif
