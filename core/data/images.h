/* images.h: a set of labelled images on its way to becoming part of a data set: canonical order, splitting, statistics (rule 4).
 *
 * For the readers of data sets only (cifar.c, mnist.c, shapes.c); everybody else sees dataset.h. */
#ifndef RP_DATA_IMAGES_H
#define RP_DATA_IMAGES_H

#include "core/base/files.h"
#include "core/data/dataset.h"

/* n images of equally many bytes. The arrays are owned, the pixels are not. {0} is the empty set. */
typedef struct {
  uint32_t n;
  const uint8_t **images; /* [n] */
  uint8_t *labels;        /* [n] */
} rp_images;

enum { RP_MAX_DATA_FILES = 6 };

/* What an open data set owns: rp_dataset.storage. */
typedef struct {
  rp_mapped_file files[RP_MAX_DATA_FILES]; /* pixels that lie in files */
  uint8_t *pixels[RP_MAX_DATA_FILES];      /* pixels and labels that were generated or inflated; NULL where there are none */
  rp_images parts[RP_N_PARTS];
} rp_data_storage;

/* Room for n images. Errors: RP_EMEMORY. */
rp_status rp_images_allocate(uint32_t n, rp_images *out, rp_error *err);
void rp_images_free(rp_images *set);

/* Puts a set into canonical order: by the 64-bit hash of label and pixels, then by label, then by pixels. Only the images' content decides.
 * Errors: RP_EMEMORY; the set is then unchanged. */
rp_status rp_images_sort(rp_images *set, size_t image_bytes, rp_error *err);

/* Splits a set at random into `n_validation` images (fewer than there are) and the rest, both in the order of `all`. Keyed by split_seed
 * alone. Errors: RP_EMEMORY. */
rp_status rp_images_split(const rp_images *all, uint32_t n_validation, uint64_t split_seed, rp_images *training, rp_images *validation,
                          rp_error *err);

/* Mean and deviation (of the population, in double from exact integer sums, then rounded to float) of each channel over a set of at least
 * one image. A channel without any variation gets deviation 1, so that it normalises to zeros. */
void rp_images_statistics(const rp_images *set, int n_channels, size_t plane_bytes, float *mean, float *deviation);

/* Adds a set, in its present order and under its name, to a digest. */
void rp_images_digest(const rp_images *set, const char *name, size_t image_bytes, rp_digest *digest);

/* The readers, one per row of the table in dataset.c. On error nothing stays open. */
rp_status rp_cifar10_open(const rp_data_options *options, rp_dataset *out, rp_error *err);
rp_status rp_cifar100_open(const rp_data_options *options, rp_dataset *out, rp_error *err);
rp_status rp_plain_mnist_open(const rp_data_options *options, rp_dataset *out, rp_error *err);
rp_status rp_fashion_mnist_open(const rp_data_options *options, rp_dataset *out, rp_error *err);
rp_status rp_shapes_open(const rp_data_options *options, rp_dataset *out, rp_error *err);

/* Where their files lie, as rp_dataset_kind.find. */
rp_status rp_cifar10_find(const char *folder, char **out, rp_error *err);
rp_status rp_cifar100_find(const char *folder, char **out, rp_error *err);
rp_status rp_plain_mnist_find(const char *folder, char **out, rp_error *err);
rp_status rp_fashion_mnist_find(const char *folder, char **out, rp_error *err);

/* The end of messages about data that are missing; the name of the data set goes into it. */
#define RP_WHERE_DATA_COME_FROM "Data come from --data DIR, then $REPR_DATA, then data/; `repr data fetch %s` gets them"

/* `folder`, or "data" where it is NULL or "". */
const char *rp_data_folder_or_default(const char *folder);

/* What is common to data sets from files, once their images are gathered in any order (the test images in storage->parts[RP_TEST]): checks
 * the options against the number of training images, puts both sets into canonical order, digests them, splits the training files and takes
 * the statistics. `training_files` stays the caller's. Errors: RP_EDATA (validation or train larger than there is), RP_EMEMORY. */
rp_status rp_dataset_from_files(const rp_data_options *options, rp_images *training_files, rp_dataset *out, rp_error *err);

/* Gives an opened set's parts, which lie in its storage, to the fields of rp_dataset. */
void rp_dataset_show_parts(rp_dataset *dataset);

#endif
