/* images.c: a few images of random bytes, and many pointers to them. */
#include "experiments/bench/images.h"

#include "core/base/draws.h"
#include "core/base/memory.h"

#include <math.h>
#include <stdlib.h>

enum { N_DIFFERENT = 64, IMAGE_BYTES = RP_BENCH_CHANNELS * RP_BENCH_SIDE * RP_BENCH_SIDE };

typedef struct {
  uint8_t *pixels;        /* [N_DIFFERENT][IMAGE_BYTES] */
  const uint8_t **images; /* [n] */
  uint8_t *labels;        /* [n] */
} storage;

static rp_status fill(uint32_t n, storage *out, rp_error *err) {
  RP_TRY(rp_allocate(N_DIFFERENT, IMAGE_BYTES, &out->pixels, err));
  RP_TRY(rp_allocate(n, sizeof *out->images, &out->images, err));
  RP_TRY(rp_allocate(n, 1, &out->labels, err));
  const rp_stream stream = rp_stream_of(0, RP_DRAW_SHAPES, 0, 0, 0, 0);
  for (uint32_t i = 0; i < N_DIFFERENT * IMAGE_BYTES; i++) out->pixels[i] = (uint8_t)rp_draw_bits(&stream, i);
  for (uint32_t i = 0; i < n; i++) {
    out->images[i] = out->pixels + (size_t)(i % N_DIFFERENT) * IMAGE_BYTES;
    out->labels[i] = (uint8_t)(i % N_DIFFERENT % RP_BENCH_CLASSES);
  }
  return RP_OK;
}

rp_status rp_bench_images_create(uint32_t n, rp_dataset *out, rp_error *err) {
  RP_CLEANUP(rp_bench_images_free)
  rp_dataset dataset = {.channels = RP_BENCH_CHANNELS, .height = RP_BENCH_SIDE, .width = RP_BENCH_SIDE, .n_classes = RP_BENCH_CLASSES};
  storage *owned;
  RP_TRY(rp_allocate(1, sizeof *owned, &dataset.storage, err));
  owned = dataset.storage;
  RP_TRY(fill(n, owned, err));
  dataset.n[RP_TRAIN] = n;
  dataset.images[RP_TRAIN] = owned->images;
  dataset.labels[RP_TRAIN] = owned->labels;
  for (int c = 0; c < RP_BENCH_CHANNELS; c++) {
    dataset.mean[c] = 127.5f;
    dataset.deviation[c] = 256 / sqrtf(12); /* of bytes that are uniform */
  }
  *out = dataset;
  dataset.storage = NULL;
  return RP_OK;
}

void rp_bench_images_free(rp_dataset *dataset) {
  storage *owned = dataset->storage;
  if (!owned) return;
  free(owned->pixels), free(owned->images), free(owned->labels);
  free(owned);
  *dataset = (rp_dataset){0};
}
