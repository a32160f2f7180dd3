/* datasets.h: a small data set made by hand, easy enough that a small net learns it: each class has a random pattern, to which noise is
 * added. */
#ifndef RP_TESTS_DATASETS_H
#define RP_TESTS_DATASETS_H

#include "core/base/draws.h"
#include "core/data/dataset.h"
#include "tests/check.h"

enum { TEST_IMAGES = 160, TEST_CHANNELS = 3, TEST_SIZE = 8, TEST_PIXELS = TEST_CHANNELS * TEST_SIZE * TEST_SIZE, TEST_CLASSES = 5 };

typedef struct {
  rp_dataset dataset;
  uint8_t pixels[RP_N_PARTS][TEST_IMAGES][TEST_PIXELS];
  uint8_t labels[RP_N_PARTS][TEST_IMAGES];
  const uint8_t *pointers[RP_N_PARTS][TEST_IMAGES];
} test_dataset;

/* Fills a data set of up to TEST_IMAGES images in each part; the struct must not move afterwards. */
static inline void make_dataset(test_dataset *test, uint32_t n_train, uint32_t n_validation, uint32_t n_test) {
  *test = (test_dataset){.dataset = {.channels = TEST_CHANNELS, .height = TEST_SIZE, .width = TEST_SIZE, .n_classes = TEST_CLASSES}};
  const uint32_t n[RP_N_PARTS] = {n_train, n_validation, n_test};
  for (int part = 0; part < RP_N_PARTS; part++) {
    for (uint32_t i = 0; i < TEST_IMAGES; i++) {
      uint32_t label = i % TEST_CLASSES;
      rp_stream pattern = rp_stream_of(1, RP_DRAW_SHAPES, label, 0, 0, 0), noise = rp_stream_of(2, RP_DRAW_SHAPES, (uint32_t)part, i, 0, 0);
      for (uint32_t p = 0; p < TEST_PIXELS; p++)
        test->pixels[part][i][p] = (uint8_t)((rp_draw_below(&pattern, p, 128) + rp_draw_below(&noise, p, 384)) / 2);
      test->labels[part][i] = (uint8_t)label;
      test->pointers[part][i] = test->pixels[part][i];
    }
    test->dataset.n[part] = n[part];
    test->dataset.images[part] = test->pointers[part];
    test->dataset.labels[part] = test->labels[part];
  }
  for (int c = 0; c < TEST_CHANNELS; c++) {
    test->dataset.mean[c] = 127;
    test->dataset.deviation[c] = 60;
  }
}

#endif
