/* fuzz_cifar.c: whatever bytes a batch file holds, opening the set either gives exactly its records or refuses it as bad data. */
#include "core/data/cifar.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void path_in(const char *folder, int file, char path[64]) {
  if (file < 5)
    snprintf(path, 64, "%s/data_batch_%d.bin", folder, file + 1);
  else
    snprintf(path, 64, "%s/test_batch.bin", folder);
}

static void write_file(const char *folder, int file, const uint8_t *bytes, size_t size) {
  char path[64];
  path_in(folder, file, path);
  FILE *out = fopen(path, "wb");
  if (!out || fwrite(bytes, 1, size, out) != size || fclose(out) != 0) abort();
}

static void remove_folder(const char *folder) {
  for (int file = 0; file < 6; file++) {
    char path[64];
    path_in(folder, file, path);
    unlink(path);
  }
  rmdir(folder);
}

static int is_whole(const uint8_t *bytes, size_t size) {
  if (size == 0 || size % RP_CIFAR_RECORD_BYTES != 0) return 0;
  for (size_t i = 0; i < size; i += RP_CIFAR_RECORD_BYTES)
    if (bytes[i] > 9) return 0;
  return 1;
}

/* The input is the first of six files, the others hold one record each. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  char folder[] = "/tmp/repr-fuzz-cifar-XXXXXX";
  if (!mkdtemp(folder)) abort();
  static const uint8_t record[RP_CIFAR_RECORD_BYTES];
  write_file(folder, 0, bytes, size);
  for (int file = 1; file < 6; file++) write_file(folder, file, record, sizeof record);
  uint32_t n = (uint32_t)(size / RP_CIFAR_RECORD_BYTES) + 4;
  rp_data_options options = {.folder = folder, .validation = 1};
  rp_error err = {0};
  rp_dataset dataset;
  rp_status status = rp_cifar_open(&rp_cifar10_layout, &options, (rp_image_counts){.training = n, .test = 1}, &dataset, &err);
  if (status != (is_whole(bytes, size) ? RP_OK : RP_EDATA) || (status == RP_OK) != (err.message[0] == '\0')) abort();
  if (status == RP_OK && dataset.n[RP_TRAIN] != n - 1) abort();
  uint64_t sum = 0; /* reads each pixel, so that a sanitizer sees a pointer that leaves its file */
  for (uint32_t i = 0; i < dataset.n[RP_TRAIN]; i++) {
    if (dataset.labels[RP_TRAIN][i] > 9) abort();
    for (int p = 0; p < RP_CIFAR_IMAGE_BYTES; p++) sum += dataset.images[RP_TRAIN][i][p];
  }
  if (sum > (uint64_t)n * RP_CIFAR_IMAGE_BYTES * 255) abort();
  rp_dataset_close(&dataset);
  remove_folder(folder);
  return 0;
}
