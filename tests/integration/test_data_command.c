/* test_data_command.c: `repr data` as a user meets it: the list, what verify makes of right and wrong sets, fetches that go wrong. That a
 * fetch brings a whole set is tested with a set of the test's own (faults/test_fetch.c): the published ones are not at hand. */
#include "core/data/mnist.h"
#include "experiments/data/source.h"
#include "tests/http_server.h"
#include "tests/program.h"

/* Neither the environment's data folder nor the system's. */
static int enter(void **state) {
  unsetenv("REPR_DATA");
  return enter_work_folder(state);
}

/* ---- The table ------------------------------------------------------------------------------- */

static int is_sha256(const char *text) {
  return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

static void each_data_set_from_files_has_a_source_with_sizes_and_checksums(void **unused) {
  (void)unused;
  int n;
  const rp_dataset_kind *kinds = rp_dataset_kinds(&n);
  for (int i = 0; i < n; i++) {
    const rp_data_source *source = rp_data_source_find(kinds[i].name);
    assert_int_equal(source != NULL, kinds[i].find != NULL);
    if (!source) continue;
    assert_true(source->downloads[0].name && source->official[0].name);
    assert_true(!source->is_archive || !source->downloads[1].name);
    for (int f = 0; f < RP_SOURCE_MOST_FILES; f++) {
      const rp_source_file *download = &source->downloads[f], *official = &source->official[f];
      if (download->name) assert_true(is_sha256(download->sha256) && download->size_bytes > 1000);
      if (official->name) assert_true(is_sha256(official->sha256));
    }
  }
  assert_null(rp_data_source_find("shapes"));
  assert_null(rp_data_source_find("cifar11"));
}

/* ---- list ------------------------------------------------------------------------------------ */

static void the_list_tells_what_there_is_and_where_it_was_looked_for(void **unused) {
  (void)unused;
  outcome *out = expect_exit(0, "data list --data nowhere");
  expect_text(out, "shapes");
  expect_text(out, "generated");
  expect_text(out, "nowhere/cifar-10-batches-bin/data_batch_1.bin");
  expect_text(out, "nowhere/cifar-100-binary/train.bin");
  expect_text(out, "nowhere/mnist/train-images-idx3-ubyte");
  expect_text(out, "170.1 MB from https://www.cs.toronto.edu/~kriz");
  expect_text(out, "100 classes");
  expect_text(out, "28×28");
  expect_text(expect_exit(0, "data"), "data/cifar-10-batches-bin");
  setenv("REPR_DATA", "elsewhere", 1);
  expect_text(expect_exit(0, "data"), "elsewhere/cifar-10-batches-bin");
  unsetenv("REPR_DATA");
}

static void wrong_words_are_answered_with_the_right_ones(void **unused) {
  (void)unused;
  expect_text(expect_exit(2, "data fetch cifar11"), "cifar11 is no data set; did you mean 'cifar10'?; there are: shapes, cifar10");
  expect_text(expect_exit(2, "data fetch shapes"), "shapes is generated");
  expect_text(expect_exit(2, "data verify shapes"), "shapes is generated");
  expect_text(expect_exit(2, "data fetch"), "`repr data fetch NAME`");
  expect_text(expect_exit(2, "data delete cifar10"), "`repr data list`");
  expect_text(expect_exit(0, "data --help"), "--url");
}

/* ---- verify ---------------------------------------------------------------------------------- */

/* Four files of the right shape, all zeros: holes, they take no room. */
static void write_zeros(const char *folder) {
  for (int file = 0; file < RP_MNIST_FILES; file++) {
    int is_images = file % 2 == 0;
    uint32_t n = file < 2 ? 60000 : 10000;
    const uint8_t header[16] = {0, 0, 8, (uint8_t)(is_images ? 3 : 1), 0, 0, (uint8_t)(n >> 8), (uint8_t)n, 0, 0, 0, 28, 0, 0, 0, 28};
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, rp_mnist_files[file]);
    int fd = open(path, O_WRONLY | O_CREAT, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, header, is_images ? 16 : 8), is_images ? 16 : 8);
    assert_int_equal(ftruncate(fd, is_images ? 16 + (off_t)n * RP_MNIST_IMAGE_BYTES : 8 + (off_t)n), 0);
    close(fd);
  }
}

static void a_whole_set_of_other_images_is_not_taken_for_the_published_one(void **unused) {
  (void)unused;
  assert_int_equal(system("mkdir -p zeros/mnist zeros/fashion-mnist"), 0);
  write_zeros("zeros/mnist");
  write_zeros("zeros/fashion-mnist");
  expect_text(expect_exit(2, "data verify fashion-mnist --data zeros"), "holds other images than fashion-mnist");
  expect_text(expect_exit(2, "data verify mnist --data zeros"), "not the published ones");
  expect_text(expect_exit(0, "data list --data zeros"), "zeros/mnist");
}

static void a_missing_or_damaged_set_is_refused_as_training_would(void **unused) {
  (void)unused;
  expect_text(expect_exit(2, "data verify cifar10 --data nowhere"), "no CIFAR-10 found");
  assert_int_equal(system("mkdir -p damaged/cifar-100-binary; echo >damaged/cifar-100-binary/train.bin; "
                          "echo >damaged/cifar-100-binary/test.bin"),
                   0);
  expect_text(expect_exit(2, "data verify cifar100 --data damaged"), "no whole number of records");
}

/* Debian's package holds the official images in gzip files of its own. */
static void fashion_mnist_in_other_gzip_files_is_recognised_by_its_images(void **unused) {
  (void)unused;
  if (access("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz", R_OK) != 0) {
    print_message("skipped: Debian's package dataset-fashion-mnist is not installed\n");
    skip();
  }
  outcome *out = expect_exit(0, "data verify fashion-mnist --data nowhere");
  expect_text(out, "/usr/share/datasets/fashion-mnist: the published images");
  expect_text(out, "60000 training and 10000 test images");
  assert_int_equal(system("mkdir -p plain/fashion-mnist && for f in /usr/share/datasets/fashion-mnist/*.gz; do "
                          "gunzip -c $f >plain/fashion-mnist/$(basename $f .gz); done"),
                   0);
  expect_text(expect_exit(0, "data verify fashion-mnist --data plain"), "the published files, byte for byte");
  expect_text(expect_exit(0, "data fetch fashion-mnist --data plain"), "is there already: plain/fashion-mnist");
  assert_int_equal(system("printf x | dd of=plain/fashion-mnist/t10k-images-idx3-ubyte bs=1 seek=5000 conv=notrunc 2>/dev/null"), 0);
  expect_text(expect_exit(2, "data verify fashion-mnist --data plain"), "holds other images");
}

/* ---- fetch ----------------------------------------------------------------------------------- */

static void a_fetch_that_goes_wrong_says_why_and_leaves_nothing(void **unused) {
  (void)unused;
  static const http_page PAGE = {.path = "/cifar-10-binary.tar.gz", .bytes = (const uint8_t *)"no archive", .size = 10};
  http_server server = start_http_server(&PAGE, 1);
  char arguments[256];
  snprintf(arguments, sizeof arguments, "data fetch cifar10 --data fetched --url %s", server.url);
  expect_text(expect_exit(2, arguments), "the server has a file of 10 bytes, not of 170052171");
  snprintf(arguments, sizeof arguments, "data fetch cifar100 --data fetched --url %s", server.url);
  expect_text(expect_exit(2, arguments), "/cifar-100-binary.tar.gz: the server answers 404");
  snprintf(arguments, sizeof arguments, "data fetch mnist --data fetched --url %s/here", server.url);
  expect_text(expect_exit(2, arguments), "/here/train-images-idx3-ubyte.gz: the server answers 404");
  assert_string_equal(http_requests(&server), "/cifar-10-binary.tar.gz from 0\n/cifar-100-binary.tar.gz from 0\n"
                                              "/here/train-images-idx3-ubyte.gz from 0\n");
  stop_http_server(&server);
  expect_text(expect_exit(3, arguments), "nothing came");
  assert_int_equal(system("test -z \"$(ls -A fetched)\""), 0);
}

static void the_real_cifar10_is_recognised_in_any_order(void **unused) {
  (void)unused;
  const char *data = getenv("TEST_REPR_DATA");
  if (!data || !*data) {
    print_message("skipped: set REPR_DATA to the folder that holds cifar-10-batches-bin\n");
    skip();
  }
  char arguments[512];
  snprintf(arguments, sizeof arguments, "data verify cifar10 --data %s", data);
  expect_text(expect_exit(0, arguments), "the published");
  expect_text(expect_exit(0, arguments), "50000 training and 10000 test images, digest 6e122258ae2a41872fc57b5d956cf508");
}

int main(void) {
  if (getenv("REPR_DATA")) setenv("TEST_REPR_DATA", getenv("REPR_DATA"), 1);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_data_set_from_files_has_a_source_with_sizes_and_checksums),
      cmocka_unit_test(the_list_tells_what_there_is_and_where_it_was_looked_for),
      cmocka_unit_test(wrong_words_are_answered_with_the_right_ones),
      cmocka_unit_test(a_whole_set_of_other_images_is_not_taken_for_the_published_one),
      cmocka_unit_test(a_missing_or_damaged_set_is_refused_as_training_would),
      cmocka_unit_test(fashion_mnist_in_other_gzip_files_is_recognised_by_its_images),
      cmocka_unit_test(a_fetch_that_goes_wrong_says_why_and_leaves_nothing),
      cmocka_unit_test(the_real_cifar10_is_recognised_in_any_order),
  };
  return cmocka_run_group_tests_name("repr data", tests, enter, leave_work_folder);
}
