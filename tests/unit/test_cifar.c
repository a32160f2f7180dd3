/* test_cifar.c: CIFAR-10 from small files that the test writes, and from the real ones where $REPR_DATA has them. */
#include "core/base/files.h"
#include "core/base/memory.h"
#include "tests/cifar_files.h"

#include <sys/stat.h>

enum { PER_FILE = 20, N_TRAINING = 5 * PER_FILE, N_TEST = 30, N_VALIDATION = 25 };
static const rp_image_counts COUNTS = {.training = N_TRAINING, .test = N_TEST};

static rp_dataset open_small(const char *folder, rp_data_options options) {
  rp_dataset dataset;
  rp_error err = {0};
  options.folder = folder;
  assert_ok(rp_cifar_open(&rp_cifar10_layout, &options, COUNTS, &dataset, &err), err);
  return dataset;
}

static int same_images(const rp_dataset *a, const rp_dataset *b, rp_part part, uint32_t n) {
  for (uint32_t i = 0; i < n; i++)
    if (a->labels[part][i] != b->labels[part][i] || memcmp(a->images[part][i], b->images[part][i], RP_CIFAR_IMAGE_BYTES) != 0) return 0;
  return 1;
}

static void a_record_is_a_label_and_three_planes(void **unused) {
  (void)unused;
  cifar_folder folder = write_cifar_set(PER_FILE, N_TEST, 0);
  rp_dataset dataset = open_small(folder.path, (rp_data_options){.validation = N_VALIDATION});
  assert_int_equal(dataset.channels, 3);
  assert_int_equal(dataset.height, 32);
  assert_int_equal(dataset.width, 32);
  assert_int_equal(dataset.n_classes, 10);
  int seen[10000 + N_TEST] = {0};
  for (int part = 0; part < RP_N_PARTS; part++)
    for (uint32_t i = 0; i < dataset.n[part]; i++) {
      uint32_t record = dataset.images[part][i][0] + 256u * dataset.images[part][i][1];
      assert_true(part == RP_TEST ? record >= 10000 && record < 10000 + N_TEST : record < N_TRAINING);
      assert_int_equal(dataset.labels[part][i], record % 10);
      assert_int_equal(dataset.images[part][i][3071], (uint8_t)(record * 31 + 3071 * (1 + record % 7) + 2 * 50));
      assert_int_equal(seen[record]++, 0);
    }
  assert_int_equal(dataset.n[RP_TRAIN] + dataset.n[RP_VALIDATION] + dataset.n[RP_TEST], N_TRAINING + N_TEST);
  assert_int_equal(dataset.n[RP_VALIDATION], N_VALIDATION);
  rp_dataset_close(&dataset);
  remove_cifar_folder(&folder);
}

static void rule_4_digest_split_and_order_do_not_depend_on_the_order_in_the_files(void **unused) {
  (void)unused;
  cifar_folder first = write_cifar_set(PER_FILE, N_TEST, 0), second = write_cifar_set(PER_FILE, N_TEST, 3);
  rp_dataset a = open_small(first.path, (rp_data_options){.validation = N_VALIDATION});
  rp_dataset b = open_small(second.path, (rp_data_options){.validation = N_VALIDATION});
  assert_true(rp_id_equal(a.digest, b.digest));
  for (int part = 0; part < RP_N_PARTS; part++) {
    assert_int_equal(a.n[part], b.n[part]);
    assert_true(same_images(&a, &b, (rp_part)part, a.n[part]));
  }
  assert_memory_equal(a.mean, b.mean, sizeof a.mean);
  assert_memory_equal(a.deviation, b.deviation, sizeof a.deviation);
  rp_dataset_close(&a);
  rp_dataset_close(&b);
  remove_cifar_folder(&first);
  remove_cifar_folder(&second);
}

static void rule_4_the_digest_does_not_depend_on_how_the_files_share_out_the_images(void **unused) {
  (void)unused;
  cifar_folder even = write_cifar_set(PER_FILE, N_TEST, 0), uneven = write_cifar_set(PER_FILE, N_TEST, 0);
  uint32_t records[N_TRAINING];
  for (uint32_t i = 0; i < N_TRAINING; i++) records[i] = i;
  write_cifar_file(&uneven, 0, records, 2 * PER_FILE - 1);
  write_cifar_file(&uneven, 1, records + 2 * PER_FILE - 1, 1);
  rp_dataset a = open_small(even.path, (rp_data_options){0}), b = open_small(uneven.path, (rp_data_options){0});
  assert_true(rp_id_equal(a.digest, b.digest));
  rp_dataset_close(&a);
  rp_dataset_close(&b);
  remove_cifar_folder(&even);
  remove_cifar_folder(&uneven);
}

static rp_id digest_after(const cifar_folder *folder, int file, long offset, int xor_with) {
  char path[128];
  cifar_file_path(folder, file, path);
  FILE *stream = fopen(path, "r+b");
  assert_non_null(stream);
  assert_int_equal(fseek(stream, offset, SEEK_SET), 0);
  int byte = fgetc(stream);
  assert_int_equal(fseek(stream, offset, SEEK_SET), 0);
  fputc(byte ^ xor_with, stream);
  assert_int_equal(fclose(stream), 0);
  rp_dataset dataset = open_small(folder->path, (rp_data_options){.validation = N_VALIDATION});
  rp_id digest = dataset.digest;
  rp_dataset_close(&dataset);
  return digest;
}

static void rule_4_the_digest_covers_each_pixel_and_label_of_both_sets_and_no_option(void **unused) {
  (void)unused;
  cifar_folder folder = write_cifar_set(PER_FILE, N_TEST, 0);
  rp_id whole = digest_after(&folder, 0, 0, 0);
  assert_false(rp_id_equal(whole, digest_after(&folder, 2, 3 * RP_CIFAR_RECORD_BYTES + 1 + 2000, 1)));
  assert_true(rp_id_equal(whole, digest_after(&folder, 2, 3 * RP_CIFAR_RECORD_BYTES + 1 + 2000, 1)));
  assert_false(rp_id_equal(whole, digest_after(&folder, 4, 0, 1)));
  assert_true(rp_id_equal(whole, digest_after(&folder, 4, 0, 1)));
  assert_false(rp_id_equal(whole, digest_after(&folder, 5, RP_CIFAR_RECORD_BYTES - 1, 128)));
  assert_true(rp_id_equal(whole, digest_after(&folder, 5, RP_CIFAR_RECORD_BYTES - 1, 128)));
  rp_dataset other = open_small(folder.path, (rp_data_options){.validation = 7, .split_seed = 9, .train = 11});
  assert_true(rp_id_equal(whole, other.digest));
  rp_dataset_close(&other);
  remove_cifar_folder(&folder);
}

static void rule_4_data_train_keeps_the_first_images_of_the_training_split_and_the_normalisation(void **unused) {
  (void)unused;
  cifar_folder folder = write_cifar_set(PER_FILE, N_TEST, 0);
  rp_dataset all = open_small(folder.path, (rp_data_options){.validation = N_VALIDATION});
  rp_dataset few = open_small(folder.path, (rp_data_options){.validation = N_VALIDATION, .train = 13});
  assert_int_equal(all.n[RP_TRAIN], N_TRAINING - N_VALIDATION);
  assert_int_equal(few.n[RP_TRAIN], 13);
  assert_true(same_images(&all, &few, RP_TRAIN, 13));
  assert_int_equal(few.n[RP_VALIDATION], N_VALIDATION);
  assert_true(same_images(&all, &few, RP_VALIDATION, N_VALIDATION));
  assert_memory_equal(all.mean, few.mean, sizeof all.mean);
  assert_memory_equal(all.deviation, few.deviation, sizeof all.deviation);
  rp_dataset_close(&all);
  rp_dataset_close(&few);
  remove_cifar_folder(&folder);
}

static void the_files_may_lie_in_the_folder_or_in_cifar_10_batches_bin_below_it(void **unused) {
  (void)unused;
  cifar_folder files = write_cifar_set(PER_FILE, N_TEST, 0), above = new_cifar_folder();
  char below[128];
  snprintf(below, sizeof below, "%s/cifar-10-batches-bin", above.path);
  assert_int_equal(symlink(files.path, below), 0);
  rp_dataset direct = open_small(files.path, (rp_data_options){0}), nested = open_small(above.path, (rp_data_options){0});
  assert_true(rp_id_equal(direct.digest, nested.digest));
  rp_dataset_close(&direct);
  rp_dataset_close(&nested);
  unlink(below);
  remove_cifar_folder(&above);
  remove_cifar_folder(&files);
}

/* The real set, or none: then the test that wants it is skipped. */
static int open_real(rp_data_options options, rp_dataset *out) {
  options.name = "cifar10";
  options.folder = getenv("REPR_DATA");
  if (!options.folder || !*options.folder) {
    print_message("skipped: set REPR_DATA to the folder that holds cifar-10-batches-bin\n");
    return 0;
  }
  rp_error err = {0};
  assert_ok(rp_dataset_open(&options, out, &err), err);
  return 1;
}

static void rule_4_the_real_set_splits_into_45000_5000_and_10000(void **unused) {
  (void)unused;
  rp_dataset dataset;
  if (!open_real((rp_data_options){.validation = 5000}, &dataset)) skip();
  assert_int_equal(dataset.n[RP_TRAIN], 45000);
  assert_int_equal(dataset.n[RP_VALIDATION], 5000);
  assert_int_equal(dataset.n[RP_TEST], 10000);
  int training[10] = {0}, test[10] = {0};
  for (uint32_t i = 0; i < 45000; i++) training[dataset.labels[RP_TRAIN][i]]++;
  for (uint32_t i = 0; i < 5000; i++) training[dataset.labels[RP_VALIDATION][i]]++;
  for (uint32_t i = 0; i < 10000; i++) test[dataset.labels[RP_TEST][i]]++;
  for (int label = 0; label < 10; label++) {
    assert_int_equal(training[label], 5000);
    assert_int_equal(test[label], 1000);
  }
  rp_dataset_close(&dataset);
}

static int compare_addresses(const void *a, const void *b) {
  const uint8_t *left = *(const uint8_t *const *)a, *right = *(const uint8_t *const *)b;
  return (left > right) - (left < right);
}

static void rule_4_no_image_of_the_real_set_is_in_two_parts(void **unused) {
  (void)unused;
  rp_dataset dataset;
  if (!open_real((rp_data_options){.validation = 5000}, &dataset)) skip();
  rp_error err = {0};
  RP_CLEANUP(rp_free_pointer) const uint8_t **images = NULL;
  assert_ok(rp_allocate(60000, sizeof *images, &images, &err), err);
  uint32_t n = 0;
  for (int part = 0; part < RP_N_PARTS; part++)
    for (uint32_t i = 0; i < dataset.n[part]; i++) images[n++] = dataset.images[part][i];
  assert_int_equal(n, 60000);
  qsort(images, n, sizeof *images, compare_addresses);
  for (uint32_t i = 1; i < n; i++) assert_true(images[i] >= images[i - 1] + RP_CIFAR_RECORD_BYTES);
  rp_dataset_close(&dataset);
}

/* The reference: a plain two-pass computation in double. */
static void rule_4_the_real_set_is_normalised_by_mean_and_deviation_of_the_training_split(void **unused) {
  (void)unused;
  rp_dataset dataset;
  if (!open_real((rp_data_options){.validation = 5000}, &dataset)) skip();
  for (int c = 0; c < 3; c++) {
    double n = 45000.0 * 1024, sum = 0, squares = 0;
    for (uint32_t i = 0; i < 45000; i++)
      for (int p = 0; p < 1024; p++) sum += dataset.images[RP_TRAIN][i][c * 1024 + p];
    for (uint32_t i = 0; i < 45000; i++)
      for (int p = 0; p < 1024; p++) {
        double away = dataset.images[RP_TRAIN][i][c * 1024 + p] - sum / n;
        squares += away * away;
      }
    assert_near(dataset.mean[c], sum / n, 1e-5);
    assert_near(dataset.deviation[c], sqrt(squares / n), 1e-5);
  }
  rp_dataset_close(&dataset);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_record_is_a_label_and_three_planes),
      cmocka_unit_test(rule_4_digest_split_and_order_do_not_depend_on_the_order_in_the_files),
      cmocka_unit_test(rule_4_the_digest_does_not_depend_on_how_the_files_share_out_the_images),
      cmocka_unit_test(rule_4_the_digest_covers_each_pixel_and_label_of_both_sets_and_no_option),
      cmocka_unit_test(rule_4_data_train_keeps_the_first_images_of_the_training_split_and_the_normalisation),
      cmocka_unit_test(the_files_may_lie_in_the_folder_or_in_cifar_10_batches_bin_below_it),
      cmocka_unit_test(rule_4_the_real_set_splits_into_45000_5000_and_10000),
      cmocka_unit_test(rule_4_no_image_of_the_real_set_is_in_two_parts),
      cmocka_unit_test(rule_4_the_real_set_is_normalised_by_mean_and_deviation_of_the_training_split),
  };
  return cmocka_run_group_tests_name("cifar", tests, NULL, NULL);
}
