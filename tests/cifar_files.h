/* cifar_files.h: writes small sets in CIFAR-10's binary layout into a temporary folder, for tests. */
#ifndef RP_TESTS_CIFAR_FILES_H
#define RP_TESTS_CIFAR_FILES_H

#include "core/data/cifar.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { N_CIFAR_FILES = 6 };

static const char *const CIFAR_FILE_NAMES[N_CIFAR_FILES] = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                                            "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"};

/* A temporary folder with batch files directly in it. */
typedef struct {
  char path[64];
} cifar_folder;

static inline cifar_folder new_cifar_folder(void) {
  cifar_folder folder = {"/tmp/repr-test-cifar-XXXXXX"};
  if (!mkdtemp(folder.path)) fail_msg("no temporary folder");
  return folder;
}

static inline void cifar_file_path(const cifar_folder *folder, int file, char path[128]) {
  snprintf(path, 128, "%s/%s", folder->path, CIFAR_FILE_NAMES[file]);
}

/* Writes the records with the given numbers into one batch file. Record r has label r % 10 and pixels that differ from every other
 * record's. */
static inline void write_cifar_file(const cifar_folder *folder, int file, const uint32_t *records, uint32_t n) {
  char path[128];
  cifar_file_path(folder, file, path);
  FILE *out = fopen(path, "wb");
  assert_non_null(out);
  for (uint32_t i = 0; i < n; i++) {
    uint8_t record[RP_CIFAR_RECORD_BYTES];
    record[0] = (uint8_t)(records[i] % 10);
    for (uint32_t p = 0; p < RP_CIFAR_IMAGE_BYTES; p++)
      record[1 + p] = (uint8_t)(records[i] * 31 + p * (1 + records[i] % 7) + p / 1024 * 50);
    record[1] = (uint8_t)records[i];
    record[2] = (uint8_t)(records[i] >> 8);
    assert_int_equal(fwrite(record, sizeof record, 1, out), 1);
  }
  assert_int_equal(fclose(out), 0);
}

static inline void remove_cifar_folder(const cifar_folder *folder) {
  for (int file = 0; file < N_CIFAR_FILES; file++) {
    char path[128];
    cifar_file_path(folder, file, path);
    unlink(path);
  }
  rmdir(folder->path);
}

/* A set of 5 × per_file training records (numbers 0, 1, …) and `test` test records (numbers from 10,000). `shuffle` 0 writes them in order;
 * anything else in another order, across the training files too. */
static inline cifar_folder write_cifar_set(uint32_t per_file, uint32_t test, uint32_t shuffle) {
  cifar_folder folder = new_cifar_folder();
  uint32_t n = 5 * per_file, records[1024], step = shuffle ? 7 : 1;
  assert_true(n % 7 != 0 && test % 7 != 0 && n <= 1024 && test <= 1024); /* steps of 7 then reach each number once */
  for (uint32_t i = 0; i < n; i++) records[i] = (i * step + shuffle) % n;
  for (int file = 0; file < 5; file++) write_cifar_file(&folder, file, records + (uint32_t)file * per_file, per_file);
  for (uint32_t i = 0; i < test; i++) records[i] = 10000 + (i * step + shuffle) % test;
  write_cifar_file(&folder, 5, records, test);
  return folder;
}

#endif
