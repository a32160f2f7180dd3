/* dataset.c: the table of data sets, and what is common to opening and closing them. */
#include "core/data/dataset.h"

#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/data/images.h"

#include <stdlib.h>
#include <string.h>

static const rp_dataset_kind KINDS[] = {
    {"shapes", "drawn shapes on a textured ground, 32×32 RGB, 10 classes; generated, needs no files", 1, rp_shapes_open, NULL},
    {"cifar10", "CIFAR-10 (Krizhevsky 2009), 32×32 RGB, 10 classes; from the binary version's folder cifar-10-batches-bin", 0,
     rp_cifar10_open, rp_cifar10_find},
    {"cifar100", "CIFAR-100 (Krizhevsky 2009), 32×32 RGB, 100 classes (fine labels); from the binary version's folder cifar-100-binary", 0,
     rp_cifar100_open, rp_cifar100_find},
    {"mnist", "MNIST (LeCun et al. 1998), handwritten digits, 28×28 grey, 10 classes; IDX files in the folder mnist", 0,
     rp_plain_mnist_open, rp_plain_mnist_find},
    {"fashion-mnist", "Fashion-MNIST (Xiao et al. 2017), clothes, 28×28 grey, 10 classes; IDX files in the folder fashion-mnist", 0,
     rp_fashion_mnist_open, rp_fashion_mnist_find},
};
enum { N_KINDS = sizeof KINDS / sizeof KINDS[0] };

const rp_dataset_kind *rp_dataset_kinds(int *n) {
  *n = N_KINDS;
  return KINDS;
}

static rp_status fail_unknown(const char *name, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text names = {0};
  for (int i = 0; i < N_KINDS; i++) rp_text_format(&names, "%s%s", i ? ", " : "", KINDS[i].name);
  RP_TRY(rp_text_check(&names, err));
  return rp_fail(err, RP_EINPUT, "%s is no data set; there are: %s", name ? name : "(none)", rp_text_string(&names));
}

rp_status rp_dataset_open(const rp_data_options *options, rp_dataset *out, rp_error *err) {
  *out = (rp_dataset){0};
  for (int i = 0; i < N_KINDS; i++)
    if (options->name && strcmp(options->name, KINDS[i].name) == 0) return KINDS[i].open(options, out, err);
  return fail_unknown(options->name, err);
}

const char *rp_data_folder_or_default(const char *folder) {
  return folder && *folder ? folder : "data";
}

static rp_status check_options(const rp_data_options *options, uint32_t n_training, rp_error *err) {
  if (options->validation >= n_training)
    return rp_fail(err, RP_EDATA, "data.validation: %u leaves none of the %u training images to train on; at most %u", options->validation,
                   n_training, n_training - 1);
  uint32_t n_left = n_training - options->validation;
  if (options->train > n_left)
    return rp_fail(err, RP_EDATA, "data.train: %u is more than the %u images of the training split (%u less %u for validation)",
                   options->train, n_left, n_training, options->validation);
  return RP_OK;
}

static rp_status digest_of(const rp_images *training, const rp_images *test, size_t image_bytes, rp_id *out, rp_error *err) {
  rp_digest *digest;
  RP_TRY(rp_digest_start("dataset", &digest, err));
  rp_images_digest(training, "training files", image_bytes, digest);
  rp_images_digest(test, "test", image_bytes, digest);
  *out = rp_digest_finish(digest);
  return RP_OK;
}

rp_status rp_dataset_from_files(const rp_data_options *options, rp_images *training_files, rp_dataset *out, rp_error *err) {
  rp_images *parts = ((rp_data_storage *)out->storage)->parts;
  size_t plane_bytes = (size_t)out->height * (size_t)out->width, image_bytes = (size_t)out->channels * plane_bytes;
  RP_TRY(check_options(options, training_files->n, err));
  RP_TRY(rp_images_sort(training_files, image_bytes, err));
  RP_TRY(rp_images_sort(&parts[RP_TEST], image_bytes, err));
  RP_TRY(digest_of(training_files, &parts[RP_TEST], image_bytes, &out->digest, err));
  RP_TRY(rp_images_split(training_files, options->validation, options->split_seed, &parts[RP_TRAIN], &parts[RP_VALIDATION], err));
  rp_images_statistics(&parts[RP_TRAIN], out->channels, plane_bytes, out->mean, out->deviation);
  if (options->train) parts[RP_TRAIN].n = options->train;
  return RP_OK;
}

void rp_dataset_show_parts(rp_dataset *dataset) {
  const rp_data_storage *storage = dataset->storage;
  for (int part = 0; part < RP_N_PARTS; part++) {
    dataset->n[part] = storage->parts[part].n;
    dataset->images[part] = storage->parts[part].images;
    dataset->labels[part] = storage->parts[part].labels;
  }
}

void rp_dataset_close(rp_dataset *dataset) {
  rp_data_storage *storage = dataset->storage;
  if (storage) {
    for (int part = 0; part < RP_N_PARTS; part++) rp_images_free(&storage->parts[part]);
    for (int i = 0; i < RP_MAX_DATA_FILES; i++) rp_unmap_file(&storage->files[i]);
    for (int i = 0; i < RP_MAX_DATA_FILES; i++) free(storage->pixels[i]);
    free(storage);
  }
  *dataset = (rp_dataset){0};
}
