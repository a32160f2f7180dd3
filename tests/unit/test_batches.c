/* test_batches.c: orders, scoring images and normalised batches, on a data set made by hand and on shapes. */
#include "core/base/memory.h"
#include "core/data/batches.h"
#include "tests/check.h"

enum { N = 12, CHANNELS = 2, PLANE = 6 };

/* 12 training and 2 validation images of 2 × 2 × 3 bytes, pixel p of image i being 10 i + p. Points into itself: not to be copied. */
typedef struct {
  uint8_t pixels[N + 2][CHANNELS * PLANE], labels[N + 2];
  const uint8_t *images[N + 2];
  rp_dataset dataset;
} small_set;

static void make_small(small_set *made) {
  for (int i = 0; i < N + 2; i++) {
    for (int p = 0; p < CHANNELS * PLANE; p++) made->pixels[i][p] = (uint8_t)(10 * i + p);
    made->images[i] = made->pixels[i];
    made->labels[i] = (uint8_t)(i % 4);
  }
  made->dataset = (rp_dataset){.channels = CHANNELS, .height = 2, .width = 3, .n_classes = 4, .mean = {50, 60}, .deviation = {4, 0.5f}};
  made->dataset.n[RP_TRAIN] = N;
  made->dataset.images[RP_TRAIN] = made->images;
  made->dataset.labels[RP_TRAIN] = made->labels;
  made->dataset.n[RP_VALIDATION] = 2;
  made->dataset.images[RP_VALIDATION] = made->images + N;
  made->dataset.labels[RP_VALIDATION] = made->labels + N;
}

static void a_batch_is_byte_less_mean_over_deviation_per_channel(void **unused) {
  (void)unused;
  small_set made;
  make_small(&made);
  float images[3 * CHANNELS * PLANE + 1];
  uint8_t labels[4] = {9, 9, 9, 9};
  images[3 * CHANNELS * PLANE] = 77;
  rp_batches_fill(&made.dataset, RP_TRAIN, (const uint32_t[]){7, 0, 7}, 0, 3, images, labels);
  for (int i = 0; i < 3; i++)
    for (int c = 0; c < CHANNELS; c++)
      for (int p = 0; p < PLANE; p++) {
        int byte = 10 * (int[]){7, 0, 7}[i] + c * PLANE + p;
        assert_near(images[(i * CHANNELS + c) * PLANE + p], c == 0 ? (byte - 50) / 4.0 : (byte - 60) / 0.5, 0);
      }
  assert_memory_equal(labels, ((uint8_t[]){3, 0, 3, 9}), 4);
  assert_near(images[3 * CHANNELS * PLANE], 77, 0);
}

static void without_indices_a_batch_is_a_run_of_the_part(void **unused) {
  (void)unused;
  small_set made;
  make_small(&made);
  float images[2 * CHANNELS * PLANE];
  uint8_t labels[2];
  rp_batches_fill(&made.dataset, RP_TRAIN, NULL, 5, 2, images, labels);
  assert_near(images[0], 0, 0);
  assert_near(images[CHANNELS * PLANE], (60 - 50) / 4.0, 0);
  assert_memory_equal(labels, ((uint8_t[]){1, 2}), 2);
  rp_batches_fill(&made.dataset, RP_VALIDATION, NULL, 1, 1, images, labels);
  assert_near(images[0], (130 - 50) / 4.0, 0);
  assert_int_equal(labels[0], 1);
}

static rp_dataset open_shapes(uint64_t split_seed, uint32_t train) {
  rp_dataset dataset;
  rp_error err = {0};
  rp_data_options options = {.name = "shapes", .validation = 10, .split_seed = split_seed, .train = train, .test = 10};
  assert_ok(rp_dataset_open(&options, &dataset, &err), err);
  return dataset;
}

/* What rule 4 normalises by is right where the whole training split comes out with mean 0 and deviation 1 in each channel. */
static void rule_4_the_training_split_normalises_to_mean_0_and_deviation_1(void **unused) {
  (void)unused;
  enum { IMAGES = 100, VALUES = 1024 };
  rp_dataset dataset = open_shapes(0, IMAGES);
  static float images[IMAGES * 3 * VALUES];
  uint8_t labels[IMAGES];
  rp_batches_fill(&dataset, RP_TRAIN, NULL, 0, IMAGES, images, labels);
  for (int c = 0; c < 3; c++) {
    double sum = 0, squares = 0;
    for (int i = 0; i < IMAGES; i++)
      for (int p = 0; p < VALUES; p++) {
        double value = images[(i * 3 + c) * VALUES + p];
        sum += value, squares += value * value;
      }
    assert_near(sum / (IMAGES * VALUES), 0, 1e-5);
    assert_near(squares / (IMAGES * VALUES), 1, 1e-5);
  }
  rp_dataset_close(&dataset);
}

static void an_epochs_order_holds_each_training_image_once_and_is_keyed_by_seed_and_epoch(void **unused) {
  (void)unused;
  enum { IMAGES = 300 };
  rp_dataset dataset = open_shapes(0, IMAGES);
  uint32_t orders[4][IMAGES];
  const struct {
    uint64_t seed;
    uint32_t epoch;
  } keys[4] = {{1, 1}, {1, 1}, {1, 2}, {2, 1}};
  for (int i = 0; i < 4; i++) rp_batches_order(&dataset, keys[i].seed, keys[i].epoch, orders[i]);
  int seen[IMAGES] = {0};
  for (int i = 0; i < IMAGES; i++) seen[orders[0][i]]++;
  for (int i = 0; i < IMAGES; i++) assert_int_equal(seen[i], 1);
  assert_memory_equal(orders[0], orders[1], sizeof orders[0]);
  assert_memory_not_equal(orders[0], orders[2], sizeof orders[0]);
  assert_memory_not_equal(orders[0], orders[3], sizeof orders[0]);
  rp_dataset_close(&dataset);
}

static void rule_6_scoring_images_are_n_different_training_images_in_increasing_order(void **unused) {
  (void)unused;
  small_set made;
  make_small(&made);
  rp_error err = {0};
  uint32_t chosen[N], n_chosen = 0;
  assert_ok(rp_batches_scoring_images(&made.dataset, 5, chosen, &n_chosen, &err), err);
  assert_int_equal(n_chosen, 5);
  assert_true(chosen[4] < N);
  for (int i = 1; i < 5; i++) assert_true(chosen[i - 1] < chosen[i]);
}

static void rule_6_scoring_images_are_all_of_them_where_there_are_no_more(void **unused) {
  (void)unused;
  small_set made;
  make_small(&made);
  rp_error err = {0};
  for (uint32_t asked = N; asked < N + 2; asked++) {
    uint32_t chosen[N], n_chosen = 0;
    assert_ok(rp_batches_scoring_images(&made.dataset, asked, chosen, &n_chosen, &err), err);
    assert_int_equal(n_chosen, N);
    for (uint32_t i = 0; i < N; i++) assert_int_equal(chosen[i], i);
  }
}

/* 100 of 300: two independent choices are equal with probability 1e-81. */
static void rule_6_scoring_images_are_fixed_by_split_seed(void **unused) {
  (void)unused;
  uint32_t chosen[3][300], n_chosen;
  rp_error err = {0};
  for (int i = 0; i < 3; i++) {
    rp_dataset dataset = open_shapes((uint64_t[]){4, 4, 5}[i], 300);
    assert_ok(rp_batches_scoring_images(&dataset, 100, chosen[i], &n_chosen, &err), err);
    assert_int_equal(n_chosen, 100);
    rp_dataset_close(&dataset);
  }
  assert_memory_equal(chosen[0], chosen[1], 100 * sizeof(uint32_t));
  assert_memory_not_equal(chosen[0], chosen[2], 100 * sizeof(uint32_t));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_batch_is_byte_less_mean_over_deviation_per_channel),
      cmocka_unit_test(without_indices_a_batch_is_a_run_of_the_part),
      cmocka_unit_test(rule_4_the_training_split_normalises_to_mean_0_and_deviation_1),
      cmocka_unit_test(an_epochs_order_holds_each_training_image_once_and_is_keyed_by_seed_and_epoch),
      cmocka_unit_test(rule_6_scoring_images_are_n_different_training_images_in_increasing_order),
      cmocka_unit_test(rule_6_scoring_images_are_all_of_them_where_there_are_no_more),
      cmocka_unit_test(rule_6_scoring_images_are_fixed_by_split_seed),
  };
  return cmocka_run_group_tests_name("batches", tests, NULL, NULL);
}
