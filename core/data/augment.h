/* augment.h: random changes to training images, off by default: pad-and-crop, mirroring, cutout (DeVries and Taylor 2017), in this order.
 *
 * They act on normalised images, and what they fill in is 0: the mean colour of the training split, as the zero padding of He et al. (2016)
 * and the holes of cutout have it. So a border adds no edge that the net's own zero padding does not have, and means stay about 0; black
 * would be an outlier of two deviations.
 *
 * What is drawn for an image is keyed by (seed, RP_DRAW_AUGMENT, epoch, the image's index in the training split), each kind of change with
 * numbers of its own: it depends neither on batches nor on the other changes. Scoring and evaluation never come here (rule 6). */
#ifndef RP_DATA_AUGMENT_H
#define RP_DATA_AUGMENT_H

#include "core/base/status.h"

#include <stdint.h>

/* {0} = none. */
typedef struct {
  int flip;   /* nonzero: every second image, by chance, is mirrored left to right */
  int crop;   /* pixels of padding on each side, from which a window of the image's size is cut; its place is uniform. 0 = off */
  int cutout; /* side of a square of zeros whose centre is uniform over the pixels; what sticks out is lost. 0 = off */
} rp_augmentation;

/* What happens to one image. {0} = nothing. */
typedef struct {
  int is_flipped;
  int down, right;         /* how far the window lies from the image: -crop … crop */
  int hole_top, hole_left; /* may be negative */
  int hole_side;           /* 0 = no hole */
} rp_placement;

/* Refuses sizes that leave nothing of an image: a negative one, a crop that is not smaller than both sides, a cutout that is larger than
 * one. Errors: RP_EINPUT. */
rp_status rp_augmentation_check(const rp_augmentation *how, int height, int width, rp_error *err);

int rp_augmentation_is_none(const rp_augmentation *how);

rp_placement rp_augmentation_draw(const rp_augmentation *how, uint64_t seed, uint32_t epoch, uint32_t index, int height, int width);

/* Changes `image`, [channels][height][width], in place. */
void rp_augmentation_apply(const rp_placement *placement, int channels, int height, int width, float *image);

#endif
