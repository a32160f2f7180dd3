/* images.h: random images with random labels, as a data set: for measuring speed, which does not depend on what is in them. */
#ifndef RP_BENCH_IMAGES_H
#define RP_BENCH_IMAGES_H

#include "core/data/dataset.h"

/* What benchmarks run on: CIFAR-10's shape. */
enum { RP_BENCH_CHANNELS = 3, RP_BENCH_SIDE = 32, RP_BENCH_CLASSES = 10 };

/* A training split of n images, which take turns in few different ones (so that they take next to no memory); no other split. The caller
 * frees with rp_bench_images_free. Errors: RP_EMEMORY. */
rp_status rp_bench_images_create(uint32_t n, rp_dataset *out, rp_error *err);
void rp_bench_images_free(rp_dataset *dataset);

#endif
