/* batches.c: orders are permutations of a keyed stream; bytes become floats through a table of 256 values per channel. */
#include "core/data/batches.h"

#include "core/base/draws.h"
#include "core/base/memory.h"

enum { N_BYTE_VALUES = 256 };

void rp_batches_order(const rp_dataset *dataset, uint64_t seed, uint32_t epoch, uint32_t *order) {
  rp_stream stream = rp_stream_of(seed, RP_DRAW_ORDER, epoch, 0, 0, 0);
  rp_draw_permutation(&stream, dataset->n[RP_TRAIN], order);
}

/* The quotient is taken once per value instead of once per pixel; the bits are the same. */
static void tabulate(const rp_dataset *dataset, float table[RP_MAX_CHANNELS][N_BYTE_VALUES]) {
  for (int c = 0; c < dataset->channels; c++)
    for (int value = 0; value < N_BYTE_VALUES; value++) table[c][value] = ((float)value - dataset->mean[c]) / dataset->deviation[c];
}

void rp_batches_fill(const rp_dataset *dataset, rp_part part, const uint32_t *indices, uint32_t first, uint32_t n, float *images,
                     uint8_t *labels) {
  float table[RP_MAX_CHANNELS][N_BYTE_VALUES];
  tabulate(dataset, table);
  size_t plane = (size_t)dataset->height * (size_t)dataset->width;
  for (uint32_t i = 0; i < n; i++) {
    uint32_t index = indices ? indices[i] : first + i;
    const uint8_t *bytes = dataset->images[part][index];
    labels[i] = dataset->labels[part][index];
    for (int c = 0; c < dataset->channels; c++)
      for (size_t p = 0; p < plane; p++) *images++ = table[c][*bytes++];
  }
}

void rp_batches_fill_augmented(const rp_dataset *dataset, const rp_augmentation *how, uint64_t seed, uint32_t epoch,
                               const uint32_t *indices, uint32_t n, float *images, uint8_t *labels) {
  rp_batches_fill(dataset, RP_TRAIN, indices, 0, n, images, labels);
  if (rp_augmentation_is_none(how)) return;
  int channels = dataset->channels, height = dataset->height, width = dataset->width;
  for (uint32_t i = 0; i < n; i++, images += (size_t)channels * (size_t)height * (size_t)width) {
    rp_placement placement = rp_augmentation_draw(how, seed, epoch, indices[i], height, width);
    rp_augmentation_apply(&placement, channels, height, width, images);
  }
}

rp_status rp_batches_scoring_images(const rp_dataset *dataset, uint32_t n, uint32_t *indices, uint32_t *n_chosen, rp_error *err) {
  uint32_t n_training = dataset->n[RP_TRAIN], wanted = n < n_training ? n : n_training;
  RP_CLEANUP(rp_free_pointer) uint32_t *order = NULL;
  RP_CLEANUP(rp_free_pointer) uint8_t *is_chosen = NULL;
  RP_TRY(rp_allocate(n_training, sizeof *order, &order, err));
  RP_TRY(rp_allocate(n_training, 1, &is_chosen, err));
  rp_stream stream = rp_stream_of(dataset->split_seed, RP_DRAW_SCORING, 0, 0, 0, 0);
  rp_draw_permutation(&stream, n_training, order);
  for (uint32_t i = 0; i < wanted; i++) is_chosen[order[i]] = 1;
  *n_chosen = 0;
  for (uint32_t i = 0; i < n_training; i++)
    if (is_chosen[i]) indices[(*n_chosen)++] = i;
  return RP_OK;
}
