/* test_augment.c: what is drawn for an image and what becomes of its pixels; that nothing else decides it. */
#include "core/data/batches.h"
#include "core/ops/train.h"
#include "core/probes/evaluate.h"
#include "tests/datasets.h"
#include "tests/layouts.h"
#include "tests/nets.h"

enum { CHANNELS = 2, HEIGHT = 5, WIDTH = 6, PLANE = HEIGHT * WIDTH, VALUES = CHANNELS * PLANE };

/* Every value is different, and none is 0. */
static void number_pixels(float image[VALUES]) {
  for (int i = 0; i < VALUES; i++) image[i] = (float)(i + 1);
}

static void apply(rp_placement placement, float image[VALUES]) {
  rp_augmentation_apply(&placement, CHANNELS, HEIGHT, WIDTH, image);
}

/* ---- What becomes of pixels ------------------------------------------------------------------ */

static void a_flip_mirrors_left_to_right_and_twice_is_the_identity(void **unused) {
  (void)unused;
  float image[VALUES], before[VALUES];
  number_pixels(before);
  number_pixels(image);
  apply((rp_placement){.is_flipped = 1}, image);
  for (int c = 0; c < CHANNELS; c++)
    for (int y = 0; y < HEIGHT; y++)
      for (int x = 0; x < WIDTH; x++) assert_near(image[c * PLANE + y * WIDTH + x], before[c * PLANE + y * WIDTH + WIDTH - 1 - x], 0);
  apply((rp_placement){.is_flipped = 1}, image);
  assert_memory_equal(image, before, sizeof image);
}

/* All windows, those that hold nothing of the image included. The reference looks each pixel up. */
static void a_crop_is_a_window_of_the_image_in_zeros(void **unused) {
  (void)unused;
  float before[VALUES];
  number_pixels(before);
  for (int down = -HEIGHT; down <= HEIGHT; down++)
    for (int right = -WIDTH; right <= WIDTH; right++) {
      float image[VALUES];
      number_pixels(image);
      apply((rp_placement){.down = down, .right = right}, image);
      for (int c = 0; c < CHANNELS; c++)
        for (int y = 0; y < HEIGHT; y++)
          for (int x = 0; x < WIDTH; x++) {
            int from_y = y + down, from_x = x + right;
            int is_inside = from_y >= 0 && from_y < HEIGHT && from_x >= 0 && from_x < WIDTH;
            assert_near(image[c * PLANE + y * WIDTH + x], is_inside ? before[c * PLANE + from_y * WIDTH + from_x] : 0, 0);
          }
    }
}

static void a_hole_is_zero_and_nothing_else_is(void **unused) {
  (void)unused;
  float before[VALUES];
  number_pixels(before);
  for (int side = 1; side <= HEIGHT; side++)
    for (int top = -side / 2; top < HEIGHT; top++)
      for (int left = -side / 2; left < WIDTH; left++) {
        float image[VALUES];
        number_pixels(image);
        apply((rp_placement){.hole_side = side, .hole_top = top, .hole_left = left}, image);
        for (int i = 0; i < VALUES; i++) {
          int y = i % PLANE / WIDTH, x = i % WIDTH;
          int is_hole = y >= top && y < top + side && x >= left && x < left + side;
          assert_near(image[i], is_hole ? 0 : before[i], 0);
        }
      }
}

static void the_three_come_in_the_order_crop_flip_hole(void **unused) {
  (void)unused;
  float at_once[VALUES], in_turn[VALUES];
  number_pixels(at_once);
  number_pixels(in_turn);
  apply((rp_placement){.is_flipped = 1, .down = 1, .right = -2, .hole_side = 2, .hole_top = 0, .hole_left = -1}, at_once);
  apply((rp_placement){.down = 1, .right = -2}, in_turn);
  apply((rp_placement){.is_flipped = 1}, in_turn);
  apply((rp_placement){.hole_side = 2, .hole_top = 0, .hole_left = -1}, in_turn);
  assert_memory_equal(at_once, in_turn, sizeof at_once);
}

/* ---- What is drawn --------------------------------------------------------------------------- */

/* A count of n draws of probability p lies within five deviations of its mean. */
static void assert_frequency(int count, int n, double p) {
  assert_near(count, n * p, 5 * sqrt(n * p * (1 - p)));
}

static void every_second_image_is_flipped_in_every_epoch_and_for_every_seed(void **unused) {
  (void)unused;
  enum { N = 20000 };
  const rp_augmentation how = {.flip = 1};
  for (uint32_t epoch = 1; epoch <= 2; epoch++)
    for (uint64_t seed = 1; seed <= 2; seed++) {
      int n_flipped = 0, n_as_before = 0;
      for (uint32_t i = 0; i < N; i++) {
        int is_flipped = rp_augmentation_draw(&how, seed, epoch, i, 32, 32).is_flipped;
        n_flipped += is_flipped;
        n_as_before += is_flipped == rp_augmentation_draw(&how, seed, epoch + 1, i, 32, 32).is_flipped;
      }
      assert_frequency(n_flipped, N, 0.5);
      assert_frequency(n_as_before, N, 0.5);
    }
}

static void windows_cover_all_places_uniformly(void **unused) {
  (void)unused;
  enum { N = 40000, PAD = 2, PLACES = 2 * PAD + 1 };
  const rp_augmentation how = {.crop = PAD};
  int counts[PLACES][PLACES] = {{0}};
  for (uint32_t i = 0; i < N; i++) {
    rp_placement drawn = rp_augmentation_draw(&how, 7, 3, i, 32, 32);
    assert_true(abs(drawn.down) <= PAD && abs(drawn.right) <= PAD && !drawn.is_flipped && drawn.hole_side == 0);
    counts[drawn.down + PAD][drawn.right + PAD]++;
  }
  for (int i = 0; i < PLACES * PLACES; i++) assert_frequency(counts[i / PLACES][i % PLACES], N, 1.0 / (PLACES * PLACES));
}

/* The centre is uniform over the pixels: then a hole's first row is uniform, too, from -SIDE/2 on. */
static void holes_are_centred_on_all_pixels_uniformly(void **unused) {
  (void)unused;
  enum { N = 40000, SIDE = 3 };
  const rp_augmentation how = {.cutout = SIDE};
  int counts[HEIGHT][WIDTH] = {{0}};
  for (uint32_t i = 0; i < N; i++) {
    rp_placement drawn = rp_augmentation_draw(&how, 7, 3, i, HEIGHT, WIDTH);
    int row = drawn.hole_top + SIDE / 2, column = drawn.hole_left + SIDE / 2;
    assert_true(row >= 0 && row < HEIGHT && column >= 0 && column < WIDTH && drawn.hole_side == SIDE);
    counts[row][column]++;
  }
  for (int i = 0; i < PLANE; i++) assert_frequency(counts[i / WIDTH][i % WIDTH], N, 1.0 / PLANE);
}

static void one_change_does_not_move_the_draws_of_another(void **unused) {
  (void)unused;
  for (uint32_t i = 0; i < 100; i++) {
    rp_placement all = rp_augmentation_draw(&(rp_augmentation){1, 4, 8}, 5, 2, i, 32, 32);
    rp_placement flip = rp_augmentation_draw(&(rp_augmentation){.flip = 1}, 5, 2, i, 32, 32);
    rp_placement crop = rp_augmentation_draw(&(rp_augmentation){.crop = 4}, 5, 2, i, 32, 32);
    rp_placement hole = rp_augmentation_draw(&(rp_augmentation){.cutout = 8}, 5, 2, i, 32, 32);
    assert_int_equal(all.is_flipped, flip.is_flipped);
    assert_true(all.down == crop.down && all.right == crop.right);
    assert_true(all.hole_top == hole.hole_top && all.hole_left == hole.hole_left);
  }
}

static void sizes_that_leave_nothing_of_an_image_are_refused(void **unused) {
  (void)unused;
  rp_error err = {0};
  assert_ok(rp_augmentation_check(&(rp_augmentation){1, 27, 28}, 28, 30, &err), err);
  assert_fails(rp_augmentation_check(&(rp_augmentation){.crop = 28}, 28, 30, &err), RP_EINPUT, err, "0 to 27 can be cropped away");
  assert_fails(rp_augmentation_check(&(rp_augmentation){.cutout = 29}, 28, 30, &err), RP_EINPUT, err, "its side is 0 to 28");
  assert_fails(rp_augmentation_check(&(rp_augmentation){.crop = -1}, 28, 30, &err), RP_EINPUT, err, "crop: -1");
}

/* ---- Batches and training -------------------------------------------------------------------- */

static test_dataset data; /* large: not on the stack */
static const rp_augmentation ALL = {.flip = 1, .crop = 2, .cutout = 3};

static void an_images_bits_do_not_depend_on_its_batch(void **unused) {
  (void)unused;
  enum { N = 24 };
  make_dataset(&data, 100, 20, 20);
  static float whole[N * TEST_PIXELS], split[N * TEST_PIXELS], other_order[N * TEST_PIXELS], plain[N * TEST_PIXELS];
  uint8_t labels[N], split_labels[N];
  uint32_t indices[N], reversed[N];
  for (uint32_t i = 0; i < N; i++) indices[i] = i * 37 % 100, reversed[N - 1 - i] = indices[i];
  rp_batches_fill_augmented(&data.dataset, &ALL, 5, 2, indices, N, whole, labels);
  rp_batches_fill_augmented(&data.dataset, &ALL, 5, 2, reversed, N, other_order, split_labels);
  for (uint32_t i = 0, n; i < N; i += n) {
    n = i < 7 ? 7 : N - i < 5 ? N - i : 5;
    rp_batches_fill_augmented(&data.dataset, &ALL, 5, 2, indices + i, n, split + i * TEST_PIXELS, split_labels + i);
  }
  assert_memory_equal(whole, split, sizeof whole);
  assert_memory_equal(labels, split_labels, N);
  for (int i = 0; i < N; i++)
    assert_memory_equal(whole + i * TEST_PIXELS, other_order + (N - 1 - i) * TEST_PIXELS, TEST_PIXELS * sizeof *whole);
  rp_batches_fill(&data.dataset, RP_TRAIN, indices, 0, N, plain, labels);
  assert_memory_not_equal(whole, plain, sizeof whole);
  rp_batches_fill_augmented(&data.dataset, &(rp_augmentation){0}, 5, 2, indices, N, whole, labels);
  assert_memory_equal(whole, plain, sizeof whole);
}

static void seed_and_epoch_decide_what_is_drawn(void **unused) {
  (void)unused;
  enum { N = 24 };
  make_dataset(&data, 100, 20, 20);
  static float images[3][N * TEST_PIXELS];
  uint8_t labels[N];
  uint32_t indices[N];
  for (uint32_t i = 0; i < N; i++) indices[i] = i;
  const struct {
    uint64_t seed;
    uint32_t epoch;
  } keys[3] = {{5, 2}, {6, 2}, {5, 3}};
  for (int k = 0; k < 3; k++) rp_batches_fill_augmented(&data.dataset, &ALL, keys[k].seed, keys[k].epoch, indices, N, images[k], labels);
  assert_memory_not_equal(images[0], images[1], sizeof images[0]);
  assert_memory_not_equal(images[0], images[2], sizeof images[0]);
}

static rp_id digest_after_two_epochs(rp_augmentation augment, int evaluates_first) {
  rp_net *net = make_net(&(test_net){
      .channels = TEST_CHANNELS, .size = TEST_SIZE, .n_convs = 1, .K = {4}, .kernel = {3}, .is_pooled = 1, .n_classes = TEST_CLASSES});

  rp_state *state;
  rp_error err = {0};
  rp_train_options options = {.lr = 0.05, .optimizer = {.kind = RP_SGD}, .batch = 16, .augment = augment};
  assert_ok(rp_state_initial(net, 0, 5, &state, &err), err);
  for (int epoch = 0; epoch < 2; epoch++) {
    rp_train_record record;
    rp_evaluation evaluation;
    if (evaluates_first)
      assert_ok(rp_evaluate(net, state->parameters, NULL, &data.dataset, RP_VALIDATION, NULL, 0, NULL, &evaluation, &err), err);
    assert_ok(rp_train_epoch(net, state, &data.dataset, &options, NULL, NULL, &record, &err), err);
  }
  rp_id digest = digest_of(state);
  rp_state_free(&state);
  rp_net_free(&net);
  return digest;
}

static void training_sees_changed_images_reproducibly_and_each_change_counts(void **unused) {
  (void)unused;
  make_dataset(&data, 100, 20, 20);
  const rp_augmentation hows[] = {{0}, {.flip = 1}, {.crop = 2}, {.cutout = 3}, ALL};
  rp_id digests[5];
  for (int i = 0; i < 5; i++) {
    digests[i] = digest_after_two_epochs(hows[i], 0);
    assert_true(rp_id_equal(digests[i], digest_after_two_epochs(hows[i], 1)));
    for (int j = 0; j < i; j++) assert_false(rp_id_equal(digests[i], digests[j]));
  }
}

/* Rule 6: the same state scores the same, whatever it was trained with; only train's options know of augmentation. */
static void rule_6_evaluation_sees_images_as_they_are(void **unused) {
  (void)unused;
  make_dataset(&data, 100, 20, 20);
  static float images[20 * TEST_PIXELS];
  uint8_t labels[20];
  rp_batches_fill(&data.dataset, RP_TRAIN, NULL, 0, 20, images, labels);
  for (int i = 0; i < 20; i++)
    for (int p = 0; p < TEST_PIXELS; p++) assert_near(images[i * TEST_PIXELS + p], ((float)data.pixels[RP_TRAIN][i][p] - 127) / 60, 0);
}

static void training_refuses_sizes_that_do_not_fit_the_images(void **unused) {
  (void)unused;
  make_dataset(&data, 100, 20, 20);
  rp_net *net = make_net(&(test_net){.channels = TEST_CHANNELS, .size = TEST_SIZE, .n_convs = 1, .K = {4}, .kernel = {3}, .n_classes = 5});
  rp_state *state;
  rp_train_record record;
  rp_error err = {0};
  rp_train_options options = {.lr = 0.05, .optimizer = {.kind = RP_SGD}, .batch = 16, .augment = {.crop = TEST_SIZE}};
  assert_ok(rp_state_initial(net, 0, 5, &state, &err), err);
  assert_fails(rp_train_epoch(net, state, &data.dataset, &options, NULL, NULL, &record, &err), RP_EINPUT, err, "crop: 8 pixels");
  rp_state_free(&state);
  rp_net_free(&net);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_flip_mirrors_left_to_right_and_twice_is_the_identity),
      cmocka_unit_test(a_crop_is_a_window_of_the_image_in_zeros),
      cmocka_unit_test(a_hole_is_zero_and_nothing_else_is),
      cmocka_unit_test(the_three_come_in_the_order_crop_flip_hole),
      cmocka_unit_test(every_second_image_is_flipped_in_every_epoch_and_for_every_seed),
      cmocka_unit_test(windows_cover_all_places_uniformly),
      cmocka_unit_test(holes_are_centred_on_all_pixels_uniformly),
      cmocka_unit_test(one_change_does_not_move_the_draws_of_another),
      cmocka_unit_test(sizes_that_leave_nothing_of_an_image_are_refused),
      cmocka_unit_test(an_images_bits_do_not_depend_on_its_batch),
      cmocka_unit_test(seed_and_epoch_decide_what_is_drawn),
      cmocka_unit_test(training_sees_changed_images_reproducibly_and_each_change_counts),
      cmocka_unit_test(rule_6_evaluation_sees_images_as_they_are),
      cmocka_unit_test(training_refuses_sizes_that_do_not_fit_the_images),
  };
  return cmocka_run_group_tests_name("augment", tests, NULL, NULL);
}
