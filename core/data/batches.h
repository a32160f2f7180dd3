/* batches.h: the order in which images are seen, and their way from bytes to normalised floats. */
#ifndef RP_DATA_BATCHES_H
#define RP_DATA_BATCHES_H

#include "core/data/augment.h"
#include "core/data/dataset.h"

/* The order of the training images in one epoch (from 1): a permutation keyed by (seed, RP_DRAW_ORDER, epoch). `order`: [n training
 * images]. */
void rp_batches_order(const rp_dataset *dataset, uint64_t seed, uint32_t epoch, uint32_t *order);

/* Normalises images into a batch: (byte − mean) / deviation per channel, float32.
 *
 *   indices   [n] into the part; NULL = first, first + 1, …
 *   images    [n][C][H][W], written
 *   labels    [n], written */
void rp_batches_fill(const rp_dataset *dataset, rp_part part, const uint32_t *indices, uint32_t first, uint32_t n, float *images,
                     uint8_t *labels);

/* The same for training images `indices` [n], changed as `how` says, with draws keyed by (seed, epoch, index): the bits of an image do not
 * depend on which others it comes with. */
void rp_batches_fill_augmented(const rp_dataset *dataset, const rp_augmentation *how, uint64_t seed, uint32_t epoch,
                               const uint32_t *indices, uint32_t n, float *images, uint8_t *labels);

enum { RP_SCORING_IMAGES = 5000 }; /* as many where nothing else is asked for (rule 6) */

/* The training images that data-driven criteria look at (rule 6): min(n, training split) indices, fixed by split_seed and not by the trial,
 * in increasing order. `indices`: [min(n, training split)]. *n_chosen is their number. Errors: RP_EMEMORY. */
rp_status rp_batches_scoring_images(const rp_dataset *dataset, uint32_t n, uint32_t *indices, uint32_t *n_chosen, rp_error *err);

#endif
