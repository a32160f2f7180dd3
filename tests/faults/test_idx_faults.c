/* test_idx_faults.c: MNIST's files that are missing or damaged are refused with the file and what to do; nothing stays open. */
#include "tests/idx_files.h"

static int is_mapped(const char *folder) {
  FILE *maps = fopen("/proc/self/maps", "r");
  if (!maps) return 0;
  char line[4096];
  int found = 0;
  while (fgets(line, sizeof line, maps)) found |= strstr(line, folder) != NULL;
  fclose(maps);
  return found;
}

static void assert_refused(const idx_folder *folder, rp_data_options options, const char *const parts[3]) {
  rp_error err = {0};
  rp_dataset dataset;
  options.folder = folder->path;
  for (int i = 0; i < 3 && parts[i]; i++)
    assert_fails(rp_mnist_open(&rp_mnist_plain_layout, &options, IDX_COUNTS, &dataset, &err), RP_EDATA, err, parts[i]);
  assert_null(dataset.storage);
  assert_false(is_mapped(folder->path));
}

static void a_plain_set_is_mapped_and_a_gzipped_one_is_not(void **unused) {
  (void)unused;
  for (int is_gzipped = 0; is_gzipped < 2; is_gzipped++) {
    idx_folder folder = write_idx_set(1, is_gzipped);
    rp_error err = {0};
    rp_dataset dataset;
    assert_ok(rp_mnist_open(&rp_mnist_plain_layout, &(rp_data_options){.folder = folder.path}, IDX_COUNTS, &dataset, &err), err);
    assert_int_equal(is_mapped(folder.path), !is_gzipped);
    rp_dataset_close(&dataset);
    assert_false(is_mapped(folder.path));
    remove_idx_folder(&folder);
  }
}

static void a_file_that_was_cut_off_is_refused_with_its_name(void **unused) {
  (void)unused;
  for (int file = 0; file < RP_MNIST_FILES; file++)
    for (int is_gzipped = 0; is_gzipped < 2; is_gzipped++) {
      idx_folder folder = write_idx_set(1, is_gzipped);
      char path[288];
      struct stat status;
      idx_file_path(&folder, file, is_gzipped, path);
      assert_int_equal(stat(path, &status), 0);
      assert_int_equal(truncate(path, status.st_size - 1), 0);
      assert_refused(&folder, (rp_data_options){0}, (const char *[3]){path, "cut off", "Fetch it anew"});
      assert_int_equal(truncate(path, 0), 0);
      assert_refused(&folder, (rp_data_options){0}, (const char *[3]){path, "ends after 0 of", "cut off"});
      remove_idx_folder(&folder);
    }
}

static void a_label_over_9_is_refused_with_file_and_image(void **unused) {
  (void)unused;
  static uint8_t bytes[IDX_MOST_BYTES];
  for (int file = 1; file < RP_MNIST_FILES; file += 2) {
    idx_folder folder = write_idx_set(1, 0);
    char path[288];
    size_t size = idx_bytes(file, 1, bytes);
    bytes[8 + 5] = file == 1 ? 10 : 255;
    idx_file_path(&folder, file, 0, path);
    write_idx_bytes(path, bytes, size, 0);
    assert_refused(&folder, (rp_data_options){0}, (const char *[3]){rp_mnist_files[file], "image 6", file == 1 ? "label 10" : "label 255"});
    remove_idx_folder(&folder);
  }
}

static void images_in_the_place_of_labels_are_refused(void **unused) {
  (void)unused;
  static uint8_t bytes[IDX_MOST_BYTES];
  idx_folder folder = write_idx_set(1, 0);
  char path[288];
  idx_file_path(&folder, 1, 0, path);
  write_idx_bytes(path, bytes, idx_bytes(0, 1, bytes), 0);
  assert_refused(&folder, (rp_data_options){0}, (const char *[3]){rp_mnist_files[1], "3 dimensions, not 1", NULL});
  idx_file_path(&folder, 0, 0, path);
  write_idx_bytes(path, bytes, idx_bytes(2, 1, bytes), 0);
  assert_refused(&folder, (rp_data_options){0}, (const char *[3]){rp_mnist_files[0], "12×28×28 values, not 40×28×28", NULL});
  remove_idx_folder(&folder);
}

static void mnist_holds_60000_and_10000_images_and_no_fewer(void **unused) {
  (void)unused;
  idx_folder folder = write_idx_set(1, 0);
  rp_error err = {0};
  rp_dataset dataset;
  rp_data_options options = {.name = "mnist", .folder = folder.path};
  assert_fails(rp_dataset_open(&options, &dataset, &err), RP_EDATA, err, "40×28×28 values, not 60000×28×28");
  remove_idx_folder(&folder);
}

static void a_missing_file_is_named_with_the_places_that_data_come_from(void **unused) {
  (void)unused;
  for (int file = 0; file < RP_MNIST_FILES; file++) {
    idx_folder folder = write_idx_set(1, 1);
    char path[288];
    idx_file_path(&folder, file, 1, path);
    unlink(path);
    assert_refused(&folder, (rp_data_options){0},
                   (const char *[3]){rp_mnist_files[file], "is missing", "--data DIR, then $REPR_DATA, then data/"});
    remove_idx_folder(&folder);
  }
}

static void more_images_than_there_are_cannot_be_asked_for(void **unused) {
  (void)unused;
  idx_folder folder = write_idx_set(1, 0);
  assert_refused(&folder, (rp_data_options){.validation = 40},
                 (const char *[3]){"data.validation: 40", "40 training images", "at most 39"});
  assert_refused(&folder, (rp_data_options){.validation = 5, .train = 36}, (const char *[3]){"data.train: 36", "35 images", "40 less 5"});
  remove_idx_folder(&folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_plain_set_is_mapped_and_a_gzipped_one_is_not),
      cmocka_unit_test(a_file_that_was_cut_off_is_refused_with_its_name),
      cmocka_unit_test(a_label_over_9_is_refused_with_file_and_image),
      cmocka_unit_test(images_in_the_place_of_labels_are_refused),
      cmocka_unit_test(mnist_holds_60000_and_10000_images_and_no_fewer),
      cmocka_unit_test(a_missing_file_is_named_with_the_places_that_data_come_from),
      cmocka_unit_test(more_images_than_there_are_cannot_be_asked_for),
  };
  return cmocka_run_group_tests_name("IDX faults", tests, NULL, NULL);
}
