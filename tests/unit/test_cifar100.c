/* test_cifar100.c: CIFAR-100's records from small files that the test writes: which label counts, where pixels start, what is refused. */
#include "core/data/cifar.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { N_TRAINING = 30, N_TEST = 9, RECORD = RP_CIFAR100_RECORD_BYTES };
static const rp_image_counts COUNTS = {.training = N_TRAINING, .test = N_TEST};
static char folder[64]; /* of the running test: holds cifar-100-binary/ */

static int make_folder(void **unused) {
  (void)unused;
  char below[128];
  strcpy(folder, "/tmp/repr-test-cifar100-XXXXXX");
  if (!mkdtemp(folder)) return -1;
  snprintf(below, sizeof below, "%s/cifar-100-binary", folder);
  return mkdir(below, 0777);
}

static int remove_folder(void **unused) {
  (void)unused;
  char command[128];
  snprintf(command, sizeof command, "rm -r %s", folder);
  return system(command) == 0 ? 0 : -1;
}

static void path_of(int is_test, char path[128]) {
  snprintf(path, 128, "%s/cifar-100-binary/%s", folder, is_test ? "test.bin" : "train.bin");
}

/* Record i (test records from 100 on): coarse label i % 20, fine label 99 - i % 50, first pixel i, the others by a formula. */
static void write_records(int is_test, uint32_t n, uint32_t step) {
  char path[128];
  path_of(is_test, path);
  FILE *out = fopen(path, "wb");
  assert_non_null(out);
  for (uint32_t k = 0; k < n; k++) {
    uint32_t i = (is_test ? 100 : 0) + k * step % n;
    uint8_t record[RECORD] = {(uint8_t)(i % 20), (uint8_t)(99 - i % 50), (uint8_t)i};
    for (uint32_t p = 1; p < RP_CIFAR_IMAGE_BYTES; p++) record[2 + p] = (uint8_t)(i * 11 + p * 3 + p / 1024);
    assert_int_equal(fwrite(record, sizeof record, 1, out), 1);
  }
  assert_int_equal(fclose(out), 0);
}

static void set_byte(int is_test, long offset, int byte) {
  char path[128];
  path_of(is_test, path);
  FILE *stream = fopen(path, "r+b");
  assert_non_null(stream);
  assert_int_equal(fseek(stream, offset, SEEK_SET), 0);
  assert_int_equal(fputc(byte, stream), byte);
  assert_int_equal(fclose(stream), 0);
}

static rp_status open_set(rp_data_options options, rp_dataset *out, rp_error *err) {
  options.folder = folder;
  return rp_cifar_open(&rp_cifar100_layout, &options, COUNTS, out, err);
}

static void assert_refused(const char *part, const char *other_part) {
  rp_error err = {0};
  rp_dataset dataset;
  assert_fails(open_set((rp_data_options){0}, &dataset, &err), RP_EDATA, err, part);
  assert_non_null(strstr(err.message, other_part));
  assert_null(dataset.storage);
}

static void a_record_is_two_labels_of_which_the_fine_one_counts_and_three_planes(void **unused) {
  (void)unused;
  write_records(0, N_TRAINING, 1);
  write_records(1, N_TEST, 1);
  rp_error err = {0};
  rp_dataset dataset;
  assert_ok(open_set((rp_data_options){.validation = 4}, &dataset, &err), err);
  assert_int_equal(dataset.n_classes, 100);
  assert_int_equal(dataset.channels, 3);
  assert_int_equal(dataset.height, 32);
  assert_int_equal(dataset.n[RP_TRAIN], N_TRAINING - 4);
  assert_int_equal(dataset.n[RP_TEST], N_TEST);
  for (int part = 0; part < RP_N_PARTS; part++)
    for (uint32_t k = 0; k < dataset.n[part]; k++) {
      const uint8_t *image = dataset.images[part][k];
      uint32_t i = image[0];
      assert_int_equal(i >= 100, part == RP_TEST);
      assert_int_equal(dataset.labels[part][k], 99 - i % 50);
      for (uint32_t p = 1; p < RP_CIFAR_IMAGE_BYTES; p++) assert_int_equal(image[p], (uint8_t)(i * 11 + p * 3 + p / 1024));
    }
  rp_dataset_close(&dataset);
}

static void rule_4_the_digest_covers_fine_labels_and_pixels_in_any_order_and_no_coarse_label(void **unused) {
  (void)unused;
  rp_id digests[4];
  for (int i = 0; i < 4; i++) {
    rp_error err = {0};
    rp_dataset dataset;
    write_records(0, N_TRAINING, i == 1 ? 7 : 1);
    write_records(1, N_TEST, i == 1 ? 2 : 1);
    if (i == 2) set_byte(0, 3 * RECORD, 19);
    if (i == 3) set_byte(0, 3 * RECORD + 1, 19);
    assert_ok(open_set((rp_data_options){0}, &dataset, &err), err);
    digests[i] = dataset.digest;
    rp_dataset_close(&dataset);
  }
  assert_true(rp_id_equal(digests[0], digests[1]));
  assert_true(rp_id_equal(digests[0], digests[2]));
  assert_false(rp_id_equal(digests[0], digests[3]));
}

static void labels_out_of_range_are_refused_with_file_and_record(void **unused) {
  (void)unused;
  for (int is_test = 0; is_test < 2; is_test++) {
    write_records(0, N_TRAINING, 1);
    write_records(1, N_TEST, 1);
    set_byte(is_test, 4 * RECORD, 20);
    assert_refused("record 5 has coarse label 20, labels are 0 to 19", is_test ? "test.bin" : "train.bin");
    set_byte(is_test, 4 * RECORD, 19);
    set_byte(is_test, 4 * RECORD + 1, 100);
    assert_refused("record 5 has fine label 100, labels are 0 to 99", is_test ? "test.bin" : "train.bin");
  }
}

static void a_file_that_was_cut_off_or_is_missing_is_refused(void **unused) {
  (void)unused;
  char path[128];
  write_records(0, N_TRAINING, 1);
  write_records(1, N_TEST, 1);
  path_of(0, path);
  assert_int_equal(truncate(path, N_TRAINING * RECORD - 1), 0);
  assert_refused("no whole number of records of 3074 bytes", "cut off");
  assert_int_equal(truncate(path, (N_TRAINING - 1) * RECORD), 0);
  assert_refused("29 training images (train.bin 29), not 30", "cut off");
  unlink(path);
  assert_refused("train.bin is missing: CIFAR-100 consists of train.bin and test.bin", "`repr data fetch cifar100` gets them");
  path_of(1, path);
  unlink(path);
  assert_refused("no CIFAR-100 found: looked for", "cifar-100-binary/train.bin");
}

static void cifar100_holds_50000_and_10000_images_and_no_fewer(void **unused) {
  (void)unused;
  write_records(0, N_TRAINING, 1);
  write_records(1, N_TEST, 1);
  rp_error err = {0};
  rp_dataset dataset;
  assert_fails(rp_dataset_open(&(rp_data_options){.name = "cifar100", .folder = folder}, &dataset, &err), RP_EDATA, err, "not 50000");
}

int main(void) {
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
  const struct CMUnitTest tests[] = {
      IN_FOLDER(a_record_is_two_labels_of_which_the_fine_one_counts_and_three_planes),
      IN_FOLDER(rule_4_the_digest_covers_fine_labels_and_pixels_in_any_order_and_no_coarse_label),
      IN_FOLDER(labels_out_of_range_are_refused_with_file_and_record),
      IN_FOLDER(a_file_that_was_cut_off_or_is_missing_is_refused),
      IN_FOLDER(cifar100_holds_50000_and_10000_images_and_no_fewer),
  };
  return cmocka_run_group_tests_name("CIFAR-100", tests, NULL, NULL);
}
