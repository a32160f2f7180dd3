/* test_mnist.c: MNIST's layout from small files that the test writes, and Fashion-MNIST itself where a package has installed it. */
#include "core/base/memory.h"
#include "core/base/files.h"
#include "core/data/images.h"
#include "tests/idx_files.h"

static rp_dataset open_small(const idx_folder *folder, rp_data_options options) {
  rp_dataset dataset;
  rp_error err = {0};
  options.folder = folder->path;
  assert_ok(rp_mnist_open(&rp_mnist_plain_layout, &options, IDX_COUNTS, &dataset, &err), err);
  return dataset;
}

/* The images are told apart by their first pixel. */
static void a_set_is_its_pixels_and_labels_plain_and_gzipped(void **unused) {
  (void)unused;
  for (int is_gzipped = 0; is_gzipped < 2; is_gzipped++) {
    idx_folder folder = write_idx_set(1, is_gzipped);
    rp_dataset dataset = open_small(&folder, (rp_data_options){.validation = 7});
    assert_int_equal(dataset.channels, 1);
    assert_int_equal(dataset.height, 28);
    assert_int_equal(dataset.width, 28);
    assert_int_equal(dataset.n_classes, 10);
    assert_int_equal(dataset.n[RP_TRAIN], IDX_TRAINING - 7);
    assert_int_equal(dataset.n[RP_VALIDATION], 7);
    assert_int_equal(dataset.n[RP_TEST], IDX_TEST);
    int seen[256] = {0};
    for (int part = 0; part < RP_N_PARTS; part++)
      for (uint32_t k = 0; k < dataset.n[part]; k++) {
        const uint8_t *image = dataset.images[part][k];
        uint32_t is_test = image[0] >= 100, i = image[0] - 100 * is_test;
        assert_int_equal(is_test, part == RP_TEST);
        assert_int_equal(seen[image[0]]++, 0);
        assert_int_equal(dataset.labels[part][k], (i + 3 * is_test) % 10);
        for (uint32_t p = 1; p < RP_MNIST_IMAGE_BYTES; p++) assert_int_equal(image[p], (uint8_t)(i * 37 + p * (1 + i % 5) + p / 28));
      }
    rp_dataset_close(&dataset);
    remove_idx_folder(&folder);
  }
}

static void rule_4_digest_and_split_depend_neither_on_the_order_in_the_files_nor_on_gzip(void **unused) {
  (void)unused;
  idx_folder folders[3] = {write_idx_set(1, 0), write_idx_set(7, 0), write_idx_set(7, 1)};
  rp_dataset sets[3];
  for (int i = 0; i < 3; i++) sets[i] = open_small(&folders[i], (rp_data_options){.validation = 9, .split_seed = 3});
  for (int i = 1; i < 3; i++) {
    assert_true(rp_id_equal(sets[0].digest, sets[i].digest));
    assert_memory_equal(sets[0].mean, sets[i].mean, sizeof sets[0].mean);
    for (int part = 0; part < RP_N_PARTS; part++)
      for (uint32_t k = 0; k < sets[0].n[part]; k++) {
        assert_memory_equal(sets[0].images[part][k], sets[i].images[part][k], RP_MNIST_IMAGE_BYTES);
        assert_int_equal(sets[0].labels[part][k], sets[i].labels[part][k]);
      }
  }
  for (int i = 0; i < 3; i++) {
    rp_dataset_close(&sets[i]);
    remove_idx_folder(&folders[i]);
  }
}

static void rule_4_data_train_keeps_the_first_images_and_the_normalisation(void **unused) {
  (void)unused;
  idx_folder folder = write_idx_set(1, 0);
  rp_dataset all = open_small(&folder, (rp_data_options){.validation = 5});
  rp_dataset few = open_small(&folder, (rp_data_options){.validation = 5, .train = 8});
  assert_int_equal(few.n[RP_TRAIN], 8);
  for (int k = 0; k < 8; k++) assert_memory_equal(all.images[RP_TRAIN][k], few.images[RP_TRAIN][k], RP_MNIST_IMAGE_BYTES);
  assert_near(few.mean[0], all.mean[0], 0);
  assert_near(few.deviation[0], all.deviation[0], 0);
  assert_true(rp_id_equal(all.digest, few.digest));
  rp_dataset_close(&all);
  rp_dataset_close(&few);
  remove_idx_folder(&folder);
}

/* A file may be there twice: what was unpacked beside the archive is read in place. */
static void a_plain_file_counts_before_a_gzipped_one_and_the_two_may_be_mixed(void **unused) {
  (void)unused;
  idx_folder folder = write_idx_set(1, 0);
  static uint8_t bytes[IDX_MOST_BYTES];
  char path[288];
  idx_file_path(&folder, 0, 1, path);
  write_idx_bytes(path, (const uint8_t *)"damaged", 7, 0);
  idx_file_path(&folder, 3, 0, path);
  unlink(path);
  idx_file_path(&folder, 3, 1, path);
  write_idx_bytes(path, bytes, idx_bytes(3, 1, bytes), 1);
  rp_dataset dataset = open_small(&folder, (rp_data_options){0});
  assert_int_equal(dataset.n[RP_TEST], IDX_TEST);
  rp_dataset_close(&dataset);
  remove_idx_folder(&folder);
}

static void the_data_folder_counts_before_what_the_system_has_installed(void **unused) {
  (void)unused;
  idx_folder installed = write_idx_set(1, 1), own = write_idx_set(1, 0), empty = {"/tmp/repr-no-such-folder"};
  char place[288];
  snprintf(place, sizeof place, "%s/mnist", installed.path);
  rp_mnist_layout layout = {.name = "mnist", .title = "MNIST", .folder = "mnist", .installed = place};
  rp_error err = {0};
  rp_dataset dataset;
  assert_ok(rp_mnist_open(&layout, &(rp_data_options){.folder = empty.path}, IDX_COUNTS, &dataset, &err), err);
  rp_dataset_close(&dataset);
  assert_fails(
      rp_mnist_open(&rp_mnist_plain_layout, &(rp_data_options){.folder = empty.path}, IDX_COUNTS, &dataset, &err), RP_EDATA, err,
      "no MNIST found: looked for /tmp/repr-no-such-folder/mnist/train-images-idx3-ubyte (or train-images-idx3-ubyte.gz). Data come "
      "from --data DIR, then $REPR_DATA, then data/; `repr data fetch mnist` gets them");
  char path[288];
  idx_file_path(&own, 2, 0, path);
  unlink(path);
  assert_fails(rp_mnist_open(&layout, &(rp_data_options){.folder = own.path}, IDX_COUNTS, &dataset, &err), RP_EDATA, err,
               "t10k-images-idx3-ubyte (or t10k-images-idx3-ubyte.gz) is missing");
  remove_idx_folder(&installed);
  remove_idx_folder(&own);
}

/* Known from its paper: 28×28, 60,000 + 10,000, all ten classes equally often, the mean and deviation that everybody normalises by. */
static void fashion_mnist_as_installed_is_whole(void **unused) {
  (void)unused;
  rp_error err = {0};
  RP_CLEANUP(rp_free_pointer) char *folder = NULL;
  if (rp_fashion_mnist_find("/tmp/repr-no-such-folder", &folder, &err) != RP_OK) {
    print_message("skipped: Debian's package dataset-fashion-mnist is not installed\n");
    skip();
  }
  rp_dataset dataset;
  rp_data_options options = {.name = "fashion-mnist", .folder = "/tmp/repr-no-such-folder", .validation = 5000};
  assert_ok(rp_dataset_open(&options, &dataset, &err), err);
  assert_int_equal(dataset.n[RP_TRAIN], 55000);
  assert_int_equal(dataset.n[RP_VALIDATION], 5000);
  assert_int_equal(dataset.n[RP_TEST], 10000);
  int training[10] = {0}, test[10] = {0};
  for (int part = RP_TRAIN; part <= RP_VALIDATION; part++)
    for (uint32_t i = 0; i < dataset.n[part]; i++) training[dataset.labels[part][i]]++;
  for (uint32_t i = 0; i < 10000; i++) test[dataset.labels[RP_TEST][i]]++;
  for (int label = 0; label < 10; label++) {
    assert_int_equal(training[label], 6000);
    assert_int_equal(test[label], 1000);
  }
  assert_near(dataset.mean[0] / 255, 0.2860, 0.002);
  assert_near(dataset.deviation[0] / 255, 0.3530, 0.002);
  rp_dataset_close(&dataset);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_set_is_its_pixels_and_labels_plain_and_gzipped),
      cmocka_unit_test(rule_4_digest_and_split_depend_neither_on_the_order_in_the_files_nor_on_gzip),
      cmocka_unit_test(rule_4_data_train_keeps_the_first_images_and_the_normalisation),
      cmocka_unit_test(a_plain_file_counts_before_a_gzipped_one_and_the_two_may_be_mixed),
      cmocka_unit_test(the_data_folder_counts_before_what_the_system_has_installed),
      cmocka_unit_test(fashion_mnist_as_installed_is_whole),
  };
  return cmocka_run_group_tests_name("mnist", tests, NULL, NULL);
}
