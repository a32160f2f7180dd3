/* mnist.c: MNIST and Fashion-MNIST from their IDX files. */
#include "core/data/mnist.h"

#include "core/base/files.h"
#include "core/base/memory.h"
#include "core/data/idx.h"
#include "core/data/images.h"

#include <stdlib.h>
#include <string.h>

enum { TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS };

const char *const rp_mnist_files[RP_MNIST_FILES] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
                                                    "t10k-labels-idx1-ubyte"};

const rp_mnist_layout rp_mnist_plain_layout = {.name = "mnist", .title = "MNIST", .folder = "mnist"};

/* Debian's package dataset-fashion-mnist installs it there. */
const rp_mnist_layout rp_mnist_fashion_layout = {
    .name = "fashion-mnist", .title = "Fashion-MNIST", .folder = "fashion-mnist", .installed = "/usr/share/datasets/fashion-mnist"};

static const rp_image_counts COUNTS = {.training = 60000, .test = 10000};

/* The path of a file as it lies there, plain or with .gz; NULL in *out where it does not. */
static rp_status find_file(const char *folder, int file, char **out, rp_error *err) {
  static const char *const ENDINGS[] = {"", ".gz"};
  *out = NULL;
  for (int i = 0; i < 2; i++) {
    char name[64];
    strcpy(name, rp_mnist_files[file]);
    strcat(name, ENDINGS[i]);
    RP_CLEANUP(rp_free_pointer) char *path = NULL;
    RP_TRY(rp_join_path(folder, name, &path, err));
    if (!rp_file_exists(path)) continue;
    *out = path;
    path = NULL;
    return RP_OK;
  }
  return RP_OK;
}

static rp_status holds_files(const char *folder, int *n, rp_error *err) {
  *n = 0;
  for (int i = 0; i < RP_MNIST_FILES; i++) {
    RP_CLEANUP(rp_free_pointer) char *path = NULL;
    RP_TRY(find_file(folder, i, &path, err));
    *n += path != NULL;
  }
  return RP_OK;
}

static rp_status fail_missing(const rp_mnist_layout *layout, const char *folder, rp_error *err) {
  for (int i = 0; i < RP_MNIST_FILES; i++) {
    RP_CLEANUP(rp_free_pointer) char *path = NULL;
    RP_TRY(find_file(folder, i, &path, err));
    if (path) continue;
    return rp_fail(err, RP_EDATA, "%s/%s (or %s.gz) is missing: %s consists of %s, %s, %s and %s. " RP_WHERE_DATA_COME_FROM, folder,
                   rp_mnist_files[i], rp_mnist_files[i], layout->title, rp_mnist_files[0], rp_mnist_files[1], rp_mnist_files[2],
                   rp_mnist_files[3], layout->name);
  }
  return RP_OK;
}

/* The first place that holds any of the files must hold all four. */
static rp_status find(const rp_mnist_layout *layout, const char *folder, char **out, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *below = NULL;
  RP_TRY(rp_join_path(rp_data_folder_or_default(folder), layout->folder, &below, err));
  const char *const places[] = {below, layout->installed};
  for (int i = 0; i < 2 && places[i]; i++) {
    int n;
    RP_TRY(holds_files(places[i], &n, err));
    if (n == 0) continue;
    RP_TRY(fail_missing(layout, places[i], err));
    return rp_copy_string(places[i], out, err);
  }
  return rp_fail(err, RP_EDATA, "no %s found: looked for %s/%s (or %s.gz)%s%s. " RP_WHERE_DATA_COME_FROM, layout->title, below,
                 rp_mnist_files[0], rp_mnist_files[0], layout->installed ? " and in " : "", layout->installed ? layout->installed : "",
                 layout->name);
}

/* Opens a file's values; what they lie in stays owned by `storage`, in place `file`. */
static rp_status open_values(const char *folder, int file, const rp_idx_shape *expected, rp_data_storage *storage, const uint8_t **values,
                             rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *path = NULL;
  RP_TRY(find_file(folder, file, &path, err));
  if (!path) return rp_fail(err, RP_EDATA, "%s/%s is gone", folder, rp_mnist_files[file]);
  rp_mapped_file *mapped = &storage->files[file];
  RP_TRY(rp_map_file(path, mapped, err));
  RP_TRY(rp_idx_read(path, mapped->bytes, mapped->size, expected, &storage->pixels[file], values, err));
  if (storage->pixels[file]) rp_unmap_file(mapped);
  return RP_OK;
}

static rp_status check_labels(const char *folder, int file, const uint8_t *labels, uint32_t n, rp_error *err) {
  for (uint32_t i = 0; i < n; i++)
    if (labels[i] >= RP_MNIST_CLASSES)
      return rp_fail(err, RP_EDATA, "%s/%s: image %u has label %d, labels are 0 to %d; the file is damaged, fetch it anew", folder,
                     rp_mnist_files[file], i + 1, labels[i], RP_MNIST_CLASSES - 1);
  return RP_OK;
}

/* The n images whose file is `images`; that of their labels is the next one. */
static rp_status gather(const char *folder, int images, uint32_t n, rp_data_storage *storage, rp_images *out, rp_error *err) {
  const uint8_t *pixels, *labels;
  RP_TRY(open_values(folder, images, &(rp_idx_shape){3, {n, RP_MNIST_SIDE, RP_MNIST_SIDE}}, storage, &pixels, err));
  RP_TRY(open_values(folder, images + 1, &(rp_idx_shape){1, {n}}, storage, &labels, err));
  RP_TRY(check_labels(folder, images + 1, labels, n, err));
  RP_TRY(rp_images_allocate(n, out, err));
  memcpy(out->labels, labels, n);
  for (uint32_t i = 0; i < n; i++) out->images[i] = pixels + (size_t)i * RP_MNIST_IMAGE_BYTES;
  return RP_OK;
}

static rp_status load(const rp_mnist_layout *layout, const rp_data_options *options, rp_image_counts expected, rp_dataset *out,
                      rp_error *err) {
  rp_data_storage *storage;
  RP_TRY(rp_allocate(1, sizeof *storage, &storage, err));
  out->storage = storage;
  RP_CLEANUP(rp_free_pointer) char *folder = NULL;
  RP_TRY(find(layout, options->folder, &folder, err));
  RP_CLEANUP(rp_images_free) rp_images training_files = {0};
  RP_TRY(gather(folder, TRAIN_IMAGES, expected.training, storage, &training_files, err));
  RP_TRY(gather(folder, TEST_IMAGES, expected.test, storage, &storage->parts[RP_TEST], err));
  return rp_dataset_from_files(options, &training_files, out, err);
}

rp_status rp_mnist_open(const rp_mnist_layout *layout, const rp_data_options *options, rp_image_counts expected, rp_dataset *out,
                        rp_error *err) {
  *out = (rp_dataset){
      .channels = 1, .height = RP_MNIST_SIDE, .width = RP_MNIST_SIDE, .n_classes = RP_MNIST_CLASSES, .split_seed = options->split_seed};
  rp_status status = load(layout, options, expected, out, err);
  if (status == RP_OK)
    rp_dataset_show_parts(out);
  else
    rp_dataset_close(out);
  return status;
}

rp_status rp_plain_mnist_open(const rp_data_options *options, rp_dataset *out, rp_error *err) {
  return rp_mnist_open(&rp_mnist_plain_layout, options, COUNTS, out, err);
}

rp_status rp_fashion_mnist_open(const rp_data_options *options, rp_dataset *out, rp_error *err) {
  return rp_mnist_open(&rp_mnist_fashion_layout, options, COUNTS, out, err);
}

rp_status rp_plain_mnist_find(const char *folder, char **out, rp_error *err) {
  return find(&rp_mnist_plain_layout, folder, out, err);
}

rp_status rp_fashion_mnist_find(const char *folder, char **out, rp_error *err) {
  return find(&rp_mnist_fashion_layout, folder, out, err);
}
