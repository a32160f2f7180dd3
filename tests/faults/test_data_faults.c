/* test_data_faults.c: data that are missing or damaged are refused with the file, what is wrong and what to do; nothing stays open. */
#include "tests/cifar_files.h"

#include <sys/stat.h>

enum { PER_FILE = 4, N_TEST = 3 };
static const rp_image_counts COUNTS = {.training = 5 * PER_FILE, .test = N_TEST};

static int is_mapped(const char *folder) {
  FILE *maps = fopen("/proc/self/maps", "r");
  if (!maps) return 0;
  char line[4096];
  int found = 0;
  while (fgets(line, sizeof line, maps)) found |= strstr(line, folder) != NULL;
  fclose(maps);
  return found;
}

/* Opening the folder's set fails with RP_EDATA and each of the parts in the message, and leaves nothing behind. */
static void assert_refused(const cifar_folder *folder, rp_data_options options, const char *const parts[3]) {
  rp_error err = {0};
  rp_dataset dataset;
  options.folder = folder->path;
  for (int i = 0; i < 3 && parts[i]; i++)
    assert_fails(rp_cifar_open(&rp_cifar10_layout, &options, COUNTS, &dataset, &err), RP_EDATA, err, parts[i]);
  assert_null(dataset.storage);
  assert_false(is_mapped(folder->path));
}

static void set_size(const cifar_folder *folder, int file, long size) {
  char path[128];
  cifar_file_path(folder, file, path);
  assert_int_equal(truncate(path, size), 0);
}

static void set_byte(const cifar_folder *folder, int file, long offset, int byte) {
  char path[128];
  cifar_file_path(folder, file, path);
  FILE *stream = fopen(path, "r+b");
  assert_non_null(stream);
  assert_int_equal(fseek(stream, offset, SEEK_SET), 0);
  assert_int_equal(fputc(byte, stream), byte);
  assert_int_equal(fclose(stream), 0);
}

static void a_whole_set_is_mapped_while_it_is_open_and_not_after(void **unused) {
  (void)unused;
  cifar_folder folder = write_cifar_set(PER_FILE, N_TEST, 0);
  rp_error err = {0};
  rp_dataset dataset;
  assert_ok(rp_cifar_open(&rp_cifar10_layout, &(rp_data_options){.folder = folder.path}, COUNTS, &dataset, &err), err);
  assert_true(is_mapped(folder.path));
  rp_dataset_close(&dataset);
  assert_false(is_mapped(folder.path));
  remove_cifar_folder(&folder);
}

static void a_file_cut_off_within_a_record_is_refused(void **unused) {
  (void)unused;
  for (int file = 0; file < N_CIFAR_FILES; file++) {
    cifar_folder folder = write_cifar_set(PER_FILE, N_TEST, 0);
    set_size(&folder, file, 2 * RP_CIFAR_RECORD_BYTES - 1);
    assert_refused(&folder, (rp_data_options){0}, (const char *[3]){CIFAR_FILE_NAMES[file], "6145 bytes", "cut off"});
    set_size(&folder, file, 0);
    assert_refused(&folder, (rp_data_options){0}, (const char *[3]){CIFAR_FILE_NAMES[file], "0 bytes", "cut off"});
    remove_cifar_folder(&folder);
  }
}

static void a_file_cut_off_between_two_records_is_noticed_by_the_count(void **unused) {
  (void)unused;
  cifar_folder folder = write_cifar_set(PER_FILE, N_TEST, 0);
  set_size(&folder, 2, (PER_FILE - 1) * RP_CIFAR_RECORD_BYTES);
  assert_refused(&folder, (rp_data_options){0}, (const char *[3]){"19 training images", "data_batch_3.bin 3", "not 20"});
  remove_cifar_folder(&folder);
  folder = write_cifar_set(PER_FILE, N_TEST, 0);
  set_size(&folder, 5, (N_TEST - 1) * RP_CIFAR_RECORD_BYTES);
  assert_refused(&folder, (rp_data_options){0}, (const char *[3]){"test_batch.bin", "2 test images", "not 3"});
  remove_cifar_folder(&folder);
}

static void cifar10_holds_50000_and_10000_images_and_no_fewer(void **unused) {
  (void)unused;
  cifar_folder folder = write_cifar_set(PER_FILE, N_TEST, 0);
  rp_error err = {0};
  rp_dataset dataset;
  rp_data_options options = {.name = "cifar10", .folder = folder.path};
  assert_fails(rp_dataset_open(&options, &dataset, &err), RP_EDATA, err, "not 50000");
  remove_cifar_folder(&folder);
}

static void a_label_over_9_is_refused_with_file_and_record(void **unused) {
  (void)unused;
  for (int file = 0; file < N_CIFAR_FILES; file++) {
    cifar_folder folder = write_cifar_set(PER_FILE, N_TEST, 0);
    set_byte(&folder, file, 2 * RP_CIFAR_RECORD_BYTES, file == 0 ? 255 : 10);
    assert_refused(&folder, (rp_data_options){0},
                   (const char *[3]){CIFAR_FILE_NAMES[file], "record 3", file == 0 ? "label 255" : "label 10"});
    remove_cifar_folder(&folder);
  }
}

static void a_missing_file_is_named_with_the_places_that_data_come_from(void **unused) {
  (void)unused;
  for (int file = 0; file < N_CIFAR_FILES; file++) {
    cifar_folder folder = write_cifar_set(PER_FILE, N_TEST, 0);
    char path[128], missing[160];
    cifar_file_path(&folder, file, path);
    unlink(path);
    snprintf(missing, sizeof missing, "%s is missing", path);
    assert_refused(&folder, (rp_data_options){0}, (const char *[3]){missing, "--data DIR, then $REPR_DATA, then data/", NULL});
    remove_cifar_folder(&folder);
  }
}

static void a_missing_folder_is_answered_with_what_was_looked_for_and_where_data_come_from(void **unused) {
  (void)unused;
  cifar_folder gone = {"/tmp/repr-no-such-folder"};
  assert_refused(&gone, (rp_data_options){0},
                 (const char *[3]){"/tmp/repr-no-such-folder/cifar-10-batches-bin/data_batch_1.bin", "in /tmp/repr-no-such-folder itself",
                                   "--data DIR, then $REPR_DATA, then data/"});
  cifar_folder empty = new_cifar_folder();
  assert_refused(&empty, (rp_data_options){0}, (const char *[3]){"no CIFAR-10 found", "cifar-10-batches-bin", "$REPR_DATA"});
  remove_cifar_folder(&empty);
}

static void a_folder_in_place_of_a_file_is_refused(void **unused) {
  (void)unused;
  cifar_folder folder = write_cifar_set(PER_FILE, N_TEST, 0);
  char path[128];
  cifar_file_path(&folder, 1, path);
  unlink(path);
  assert_int_equal(mkdir(path, 0777), 0);
  assert_refused(&folder, (rp_data_options){0}, (const char *[3]){"data_batch_2.bin", "no regular file", NULL});
  rmdir(path);
  remove_cifar_folder(&folder);
}

static void more_images_than_there_are_cannot_be_asked_for(void **unused) {
  (void)unused;
  cifar_folder folder = write_cifar_set(PER_FILE, N_TEST, 0);
  assert_refused(&folder, (rp_data_options){.validation = 20},
                 (const char *[3]){"data.validation: 20", "20 training images", "at most 19"});
  assert_refused(&folder, (rp_data_options){.validation = UINT32_MAX}, (const char *[3]){"data.validation: 4294967295", NULL, NULL});
  assert_refused(&folder, (rp_data_options){.validation = 5, .train = 16}, (const char *[3]){"data.train: 16", "15 images", "20 less 5"});
  rp_error err = {0};
  rp_dataset dataset;
  rp_data_options fits = {.folder = folder.path, .validation = 5, .train = 15};
  assert_ok(rp_cifar_open(&rp_cifar10_layout, &fits, COUNTS, &dataset, &err), err);
  rp_dataset_close(&dataset);
  remove_cifar_folder(&folder);
}

static void shapes_refuses_sets_that_no_memory_holds(void **unused) {
  (void)unused;
  rp_error err = {0};
  rp_dataset dataset;
  assert_fails(rp_dataset_open(&(rp_data_options){.name = "shapes", .train = 1000001}, &dataset, &err), RP_EDATA, err,
               "data.train: 1000001");
  assert_fails(rp_dataset_open(&(rp_data_options){.name = "shapes", .validation = UINT32_MAX}, &dataset, &err), RP_EDATA, err,
               "data.validation: 4294967295");
  assert_null(dataset.storage);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_whole_set_is_mapped_while_it_is_open_and_not_after),
      cmocka_unit_test(a_file_cut_off_within_a_record_is_refused),
      cmocka_unit_test(a_file_cut_off_between_two_records_is_noticed_by_the_count),
      cmocka_unit_test(cifar10_holds_50000_and_10000_images_and_no_fewer),
      cmocka_unit_test(a_label_over_9_is_refused_with_file_and_record),
      cmocka_unit_test(a_missing_file_is_named_with_the_places_that_data_come_from),
      cmocka_unit_test(a_missing_folder_is_answered_with_what_was_looked_for_and_where_data_come_from),
      cmocka_unit_test(a_folder_in_place_of_a_file_is_refused),
      cmocka_unit_test(more_images_than_there_are_cannot_be_asked_for),
      cmocka_unit_test(shapes_refuses_sets_that_no_memory_holds),
  };
  return cmocka_run_group_tests_name("data faults", tests, NULL, NULL);
}
