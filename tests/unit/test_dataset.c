/* test_dataset.c: the table of data sets; canonical order, split and statistics on images made by hand. */
#include "core/data/images.h"
#include "tests/check.h"

#include <stdlib.h>

enum { N = 200, IMAGE_BYTES = 24 };

/* N images of 24 bytes, all different; some share their first bytes, some their label. */
typedef struct {
  uint8_t pixels[N][IMAGE_BYTES];
} bank;

static void fill_bank(bank *made) {
  for (int i = 0; i < N; i++)
    for (int p = 0; p < IMAGE_BYTES; p++) made->pixels[i][p] = (uint8_t)(p < 20 ? i / 7 : i * (p - 19));
}

static rp_images images_of(const bank *from, int step) {
  rp_images set;
  rp_error err = {0};
  assert_ok(rp_images_allocate(N, &set, &err), err);
  for (int i = 0; i < N; i++) {
    int j = i * step % N;
    set.images[i] = from->pixels[j];
    set.labels[i] = (uint8_t)(j % 10);
  }
  return set;
}

static void each_row_of_the_table_has_a_name_and_a_line_of_help(void **unused) {
  (void)unused;
  int n;
  const rp_dataset_kind *kinds = rp_dataset_kinds(&n);
  assert_int_equal(n, 5);
  for (int i = 0; i < n; i++) assert_true(kinds[i].name[0] && kinds[i].help[0] && kinds[i].open);
  for (int i = 0; i < n; i++) assert_int_equal(kinds[i].has_own_validation_set, strcmp(kinds[i].name, "shapes") == 0);
}

static void an_unknown_name_is_answered_with_the_names_there_are(void **unused) {
  (void)unused;
  rp_error err = {0};
  rp_dataset dataset;
  assert_fails(rp_dataset_open(&(rp_data_options){.name = "cifar11"}, &dataset, &err), RP_EINPUT, err, "cifar11 is no data set");
  assert_non_null(strstr(err.message, "shapes, cifar10"));
  assert_fails(rp_dataset_open(&(rp_data_options){0}, &dataset, &err), RP_EINPUT, err, "shapes, cifar10");
  rp_dataset_close(&dataset);
  rp_dataset_close(&dataset);
}

static void rule_4_order_is_by_the_hash_of_label_and_pixels_whatever_the_order_before(void **unused) {
  (void)unused;
  static bank made;
  fill_bank(&made);
  rp_error err = {0};
  rp_images first = images_of(&made, 1), second = images_of(&made, 77);
  assert_ok(rp_images_sort(&first, IMAGE_BYTES, &err), err);
  assert_ok(rp_images_sort(&second, IMAGE_BYTES, &err), err);
  assert_memory_equal(first.images, second.images, N * sizeof *first.images);
  assert_memory_equal(first.labels, second.labels, N);
  for (int i = 1; i < N; i++)
    assert_true(rp_hash64(first.images[i - 1], IMAGE_BYTES, first.labels[i - 1]) <=
                rp_hash64(first.images[i], IMAGE_BYTES, first.labels[i]));
  rp_images_free(&first);
  rp_images_free(&second);
}

static void rule_4_equal_pixels_under_different_labels_have_one_order(void **unused) {
  (void)unused;
  static const uint8_t pixels[2][IMAGE_BYTES] = {{0}, {0}};
  rp_error err = {0};
  uint8_t labels[2][2];
  for (int swapped = 0; swapped < 2; swapped++) {
    rp_images set;
    assert_ok(rp_images_allocate(2, &set, &err), err);
    set.images[0] = pixels[0], set.images[1] = pixels[1];
    set.labels[swapped] = 3, set.labels[1 - swapped] = 8;
    assert_ok(rp_images_sort(&set, IMAGE_BYTES, &err), err);
    memcpy(labels[swapped], set.labels, 2);
    rp_images_free(&set);
  }
  assert_memory_equal(labels[0], labels[1], 2);
  assert_int_equal(labels[0][0] + labels[0][1], 11);
}

static void rule_4_a_split_is_disjoint_complete_and_keeps_the_order(void **unused) {
  (void)unused;
  static bank made;
  fill_bank(&made);
  rp_error err = {0};
  rp_images all = images_of(&made, 1), training, validation;
  assert_ok(rp_images_split(&all, 60, 5, &training, &validation, &err), err);
  assert_int_equal(training.n, 140);
  assert_int_equal(validation.n, 60);
  uint32_t next_training = 0, next_validation = 0;
  for (uint32_t i = 0; i < N; i++) {
    int trains = next_training < 140 && training.images[next_training] == all.images[i];
    int validates = next_validation < 60 && validation.images[next_validation] == all.images[i];
    assert_int_equal(trains + validates, 1);
    assert_int_equal(trains ? training.labels[next_training] : validation.labels[next_validation], all.labels[i]);
    next_training += (uint32_t)trains;
    next_validation += (uint32_t)validates;
  }
  rp_images_free(&training);
  rp_images_free(&validation);
  rp_images_free(&all);
}

/* A random choice of 60 among 200 differs from the next one: in C(200, 60) choices two are equal with probability 1e-52. */
static void rule_4_another_split_seed_holds_out_other_images(void **unused) {
  (void)unused;
  static bank made;
  fill_bank(&made);
  rp_error err = {0};
  rp_images all = images_of(&made, 1), training, held_out[3];
  for (int i = 0; i < 3; i++) {
    assert_ok(rp_images_split(&all, 60, (uint64_t[]){0, 0, 1}[i], &training, &held_out[i], &err), err);
    rp_images_free(&training);
  }
  assert_memory_equal(held_out[0].images, held_out[1].images, 60 * sizeof(uint8_t *));
  assert_memory_not_equal(held_out[0].images, held_out[2].images, 60 * sizeof(uint8_t *));
  for (int i = 0; i < 3; i++) rp_images_free(&held_out[i]);
  rp_images_free(&all);
}

static void rule_4_nothing_is_held_out_where_nothing_is_asked_for(void **unused) {
  (void)unused;
  static bank made;
  fill_bank(&made);
  rp_error err = {0};
  rp_images all = images_of(&made, 1), training, validation;
  assert_ok(rp_images_split(&all, 0, 5, &training, &validation, &err), err);
  assert_int_equal(training.n, N);
  assert_int_equal(validation.n, 0);
  assert_memory_equal(training.images, all.images, N * sizeof *all.images);
  rp_images_free(&training);
  rp_images_free(&validation);
  rp_images_free(&all);
}

/* By hand: channel 0 holds 0, 10, 20, 30: mean 15, deviation sqrt((225 + 25 + 25 + 225) / 4) = sqrt(125). Channel 1 holds 255 four times.
 */
static void rule_4_mean_and_deviation_are_those_of_each_channel(void **unused) {
  (void)unused;
  static const uint8_t pixels[2][4] = {{0, 10, 255, 255}, {30, 20, 255, 255}};
  const uint8_t *images[2] = {pixels[0], pixels[1]};
  float mean[2], deviation[2];
  rp_images_statistics(&(rp_images){.n = 2, .images = images}, 2, 2, mean, deviation);
  assert_near(mean[0], 15, 0);
  assert_near(deviation[0], sqrt(125), 1e-6);
  assert_near(mean[1], 255, 0);
  assert_near(deviation[1], 1, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_row_of_the_table_has_a_name_and_a_line_of_help),
      cmocka_unit_test(an_unknown_name_is_answered_with_the_names_there_are),
      cmocka_unit_test(rule_4_order_is_by_the_hash_of_label_and_pixels_whatever_the_order_before),
      cmocka_unit_test(rule_4_equal_pixels_under_different_labels_have_one_order),
      cmocka_unit_test(rule_4_a_split_is_disjoint_complete_and_keeps_the_order),
      cmocka_unit_test(rule_4_another_split_seed_holds_out_other_images),
      cmocka_unit_test(rule_4_nothing_is_held_out_where_nothing_is_asked_for),
      cmocka_unit_test(rule_4_mean_and_deviation_are_those_of_each_channel),
  };
  return cmocka_run_group_tests_name("dataset", tests, NULL, NULL);
}
