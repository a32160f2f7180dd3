/* split.c: canonical order, the split into training and validation images, and the statistics for normalisation (rule 4). */
#include "core/data/images.h"

#include "core/base/draws.h"
#include "core/base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

rp_status rp_images_allocate(uint32_t n, rp_images *out, rp_error *err) {
  *out = (rp_images){0};
  RP_TRY(rp_allocate(n, sizeof *out->images, &out->images, err));
  rp_status status = rp_allocate(n, 1, &out->labels, err);
  if (status == RP_OK)
    out->n = n;
  else
    rp_images_free(out);
  return status;
}

void rp_images_free(rp_images *set) {
  free(set->images);
  free(set->labels);
  *set = (rp_images){0};
}

typedef struct {
  uint64_t hash;
  const uint8_t *image;
  uint8_t label;
} sort_entry;

static int compare_entries(const void *left, const void *right, void *image_bytes) {
  const sort_entry *a = left, *b = right;
  if (a->hash != b->hash) return a->hash < b->hash ? -1 : 1;
  if (a->label != b->label) return a->label < b->label ? -1 : 1;
  return memcmp(a->image, b->image, *(const size_t *)image_bytes);
}

rp_status rp_images_sort(rp_images *set, size_t image_bytes, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) sort_entry *entries = NULL;
  RP_TRY(rp_allocate(set->n, sizeof *entries, &entries, err));
  for (uint32_t i = 0; i < set->n; i++)
    entries[i] = (sort_entry){rp_hash64(set->images[i], image_bytes, set->labels[i]), set->images[i], set->labels[i]};
  qsort_r(entries, set->n, sizeof *entries, compare_entries, &image_bytes);
  for (uint32_t i = 0; i < set->n; i++) {
    set->images[i] = entries[i].image;
    set->labels[i] = entries[i].label;
  }
  return RP_OK;
}

static void append(rp_images *set, const rp_images *from, uint32_t i) {
  set->images[set->n] = from->images[i];
  set->labels[set->n] = from->labels[i];
  set->n++;
}

rp_status rp_images_split(const rp_images *all, uint32_t n_validation, uint64_t split_seed, rp_images *training, rp_images *validation,
                          rp_error *err) {
  RP_CLEANUP(rp_free_pointer) uint32_t *order = NULL;
  RP_CLEANUP(rp_free_pointer) uint8_t *is_held_out = NULL;
  RP_TRY(rp_allocate(all->n, sizeof *order, &order, err));
  RP_TRY(rp_allocate(all->n, 1, &is_held_out, err));
  RP_TRY(rp_images_allocate(all->n - n_validation, training, err));
  rp_status status = rp_images_allocate(n_validation, validation, err);
  if (status != RP_OK) {
    rp_images_free(training);
    return status;
  }
  rp_stream stream = rp_stream_of(split_seed, RP_DRAW_SPLIT, 0, 0, 0, 0);
  rp_draw_permutation(&stream, all->n, order);
  for (uint32_t i = 0; i < n_validation; i++) is_held_out[order[i]] = 1;
  training->n = validation->n = 0;
  for (uint32_t i = 0; i < all->n; i++) append(is_held_out[i] ? validation : training, all, i);
  return RP_OK;
}

void rp_images_statistics(const rp_images *set, int n_channels, size_t plane_bytes, float *mean, float *deviation) {
  double n = (double)set->n * (double)plane_bytes;
  for (int c = 0; c < n_channels; c++) {
    uint64_t sum = 0, squares = 0;
    for (uint32_t i = 0; i < set->n; i++) {
      const uint8_t *plane = set->images[i] + (size_t)c * plane_bytes;
      for (size_t p = 0; p < plane_bytes; p++) {
        sum += plane[p];
        squares += (uint64_t)plane[p] * plane[p];
      }
    }
    double exact_mean = (double)sum / n, variance = (double)squares / n - exact_mean * exact_mean;
    mean[c] = (float)exact_mean;
    deviation[c] = variance > 0 ? (float)sqrt(variance) : 1;
  }
}

void rp_images_digest(const rp_images *set, const char *name, size_t image_bytes, rp_digest *digest) {
  rp_digest_string(digest, name);
  rp_digest_u64(digest, set->n);
  for (uint32_t i = 0; i < set->n; i++) {
    rp_digest_bytes(digest, &set->labels[i], 1);
    rp_digest_bytes(digest, set->images[i], image_bytes);
  }
}
