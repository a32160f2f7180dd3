/* cifar.c: CIFAR-10 and CIFAR-100 from their binary files, which stay mapped: images are pointers into them. */
#include "core/data/cifar.h"

#include "core/base/files.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/data/images.h"

#include <inttypes.h>

enum { SIDE = 32, CHANNELS = 3 };

const rp_cifar_layout rp_cifar10_layout = {
    .name = "cifar10",
    .title = "CIFAR-10",
    .folder = "cifar-10-batches-bin",
    .n_files = 6,
    .files = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"},
    .n_labels = 1,
    .n_classes = {10},
    .label_names = {"label"},
};

const rp_cifar_layout rp_cifar100_layout = {
    .name = "cifar100",
    .title = "CIFAR-100",
    .folder = "cifar-100-binary",
    .n_files = 2,
    .files = {"train.bin", "test.bin"},
    .n_labels = 2,
    .n_classes = {20, 100},
    .label_names = {"coarse label", "fine label"},
};

static const rp_image_counts COUNTS = {.training = 50000, .test = 10000};

static size_t record_bytes(const rp_cifar_layout *layout) {
  return (size_t)layout->n_labels + RP_CIFAR_IMAGE_BYTES;
}

rp_status rp_cifar_check_batch(const rp_cifar_layout *layout, const char *path, const uint8_t *bytes, size_t size, uint32_t *n_records,
                               rp_error *err) {
  size_t record = record_bytes(layout), n = size / record;
  if (size == 0 || size % record != 0)
    return rp_fail(err, RP_EDATA, "%s: %zu bytes are no whole number of records of %zu bytes; was the download cut off? Fetch it anew",
                   path, size, record);
  if (n > UINT32_MAX) return rp_fail(err, RP_EDATA, "%s: %zu records are more than can be read", path, n);
  for (size_t i = 0; i < n; i++)
    for (int l = 0; l < layout->n_labels; l++) {
      int label = bytes[i * record + (size_t)l];
      if (label >= layout->n_classes[l])
        return rp_fail(err, RP_EDATA, "%s: record %zu has %s %d, labels are 0 to %d; the file is damaged, fetch it anew", path, i + 1,
                       layout->label_names[l], label, layout->n_classes[l] - 1);
    }
  *n_records = (uint32_t)n;
  return RP_OK;
}

static rp_status holds_files(const rp_cifar_layout *layout, const char *folder, int *holds, rp_error *err) {
  *holds = 0;
  for (int i = 0; i < layout->n_files && !*holds; i++) {
    RP_CLEANUP(rp_free_pointer) char *path = NULL;
    RP_TRY(rp_join_path(folder, layout->files[i], &path, err));
    *holds = rp_file_exists(path);
  }
  return RP_OK;
}

/* The folder with the files: `folder`/cifar-…, or `folder` itself. The caller frees *out. */
static rp_status find_folder(const rp_cifar_layout *layout, const char *folder, char **out, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *below = NULL;
  RP_TRY(rp_join_path(folder, layout->folder, &below, err));
  int holds;
  RP_TRY(holds_files(layout, below, &holds, err));
  if (holds) return rp_copy_string(below, out, err);
  RP_TRY(holds_files(layout, folder, &holds, err));
  if (holds) return rp_copy_string(folder, out, err);
  return rp_fail(err, RP_EDATA, "no %s found: looked for %s/%s and, in %s itself, for %s. " RP_WHERE_DATA_COME_FROM, layout->title, below,
                 layout->files[0], folder, layout->files[0], layout->name);
}

static rp_status check_is_there(const rp_cifar_layout *layout, const char *path, rp_error *err) {
  if (rp_file_exists(path)) return RP_OK;
  RP_CLEANUP(rp_text_free) rp_text list = {0};
  for (int i = 0; i < layout->n_files; i++)
    rp_text_format(&list, "%s%s", i == 0 ? "" : i + 1 < layout->n_files ? ", " : " and ", layout->files[i]);
  RP_TRY(rp_text_check(&list, err));
  return rp_fail(err, RP_EDATA, "%s is missing: %s consists of %s. " RP_WHERE_DATA_COME_FROM, path, layout->title, rp_text_string(&list),
                 layout->name);
}

static rp_status find(const rp_cifar_layout *layout, const char *folder, char **out, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *found = NULL;
  RP_TRY(find_folder(layout, rp_data_folder_or_default(folder), &found, err));
  for (int i = 0; i < layout->n_files; i++) {
    RP_CLEANUP(rp_free_pointer) char *path = NULL;
    RP_TRY(rp_join_path(found, layout->files[i], &path, err));
    RP_TRY(check_is_there(layout, path, err));
  }
  *out = found;
  found = NULL;
  return RP_OK;
}

static rp_status map_file(const rp_cifar_layout *layout, const char *folder, int i, rp_mapped_file *file, uint32_t *n_records,
                          rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *path = NULL;
  RP_TRY(rp_join_path(folder, layout->files[i], &path, err));
  RP_TRY(rp_map_file(path, file, err));
  return rp_cifar_check_batch(layout, path, file->bytes, file->size, n_records, err);
}

/* The images of files first … last-1, in the files' order. */
static rp_status gather(const rp_cifar_layout *layout, const rp_mapped_file *files, const uint32_t *n_records, int first, int last,
                        uint32_t n, rp_images *out, rp_error *err) {
  RP_TRY(rp_images_allocate(n, out, err));
  uint32_t filled = 0;
  for (int file = first; file < last; file++)
    for (uint32_t i = 0; i < n_records[file]; i++, filled++) {
      const uint8_t *record = files[file].bytes + i * record_bytes(layout);
      out->labels[filled] = record[layout->n_labels - 1];
      out->images[filled] = record + layout->n_labels;
    }
  return RP_OK;
}

static rp_status check_counts(const rp_cifar_layout *layout, const char *folder, const uint32_t *n_records, rp_image_counts expected,
                              rp_error *err) {
  uint64_t n_training = 0;
  int test_file = layout->n_files - 1;
  RP_CLEANUP(rp_text_free) rp_text list = {0};
  for (int i = 0; i < test_file; i++) {
    n_training += n_records[i];
    rp_text_format(&list, "%s%s %" PRIu32, i ? ", " : "", layout->files[i], n_records[i]);
  }
  RP_TRY(rp_text_check(&list, err));
  if (n_training != expected.training)
    return rp_fail(err, RP_EDATA, "%s: %" PRIu64 " training images (%s), not %" PRIu32 "; was a file cut off? Fetch it anew", folder,
                   n_training, rp_text_string(&list), expected.training);
  if (n_records[test_file] != expected.test)
    return rp_fail(err, RP_EDATA, "%s/%s: %" PRIu32 " test images, not %" PRIu32 "; was the file cut off? Fetch it anew", folder,
                   layout->files[test_file], n_records[test_file], expected.test);
  return RP_OK;
}

static rp_status load(const rp_cifar_layout *layout, const rp_data_options *options, rp_image_counts expected, rp_dataset *out,
                      rp_error *err) {
  rp_data_storage *storage;
  RP_TRY(rp_allocate(1, sizeof *storage, &storage, err));
  out->storage = storage;
  RP_CLEANUP(rp_free_pointer) char *folder = NULL;
  RP_TRY(find(layout, options->folder, &folder, err));
  uint32_t n_records[RP_CIFAR_MOST_FILES];
  int n = layout->n_files;
  for (int i = 0; i < n; i++) RP_TRY(map_file(layout, folder, i, &storage->files[i], &n_records[i], err));
  RP_TRY(check_counts(layout, folder, n_records, expected, err));
  RP_CLEANUP(rp_images_free) rp_images training_files = {0};
  RP_TRY(gather(layout, storage->files, n_records, 0, n - 1, expected.training, &training_files, err));
  RP_TRY(gather(layout, storage->files, n_records, n - 1, n, expected.test, &storage->parts[RP_TEST], err));
  return rp_dataset_from_files(options, &training_files, out, err);
}

rp_status rp_cifar_open(const rp_cifar_layout *layout, const rp_data_options *options, rp_image_counts expected, rp_dataset *out,
                        rp_error *err) {
  *out = (rp_dataset){.channels = CHANNELS,
                      .height = SIDE,
                      .width = SIDE,
                      .n_classes = layout->n_classes[layout->n_labels - 1],
                      .split_seed = options->split_seed};
  rp_status status = load(layout, options, expected, out, err);
  if (status == RP_OK)
    rp_dataset_show_parts(out);
  else
    rp_dataset_close(out);
  return status;
}

rp_status rp_cifar10_open(const rp_data_options *options, rp_dataset *out, rp_error *err) {
  return rp_cifar_open(&rp_cifar10_layout, options, COUNTS, out, err);
}

rp_status rp_cifar100_open(const rp_data_options *options, rp_dataset *out, rp_error *err) {
  return rp_cifar_open(&rp_cifar100_layout, options, COUNTS, out, err);
}

rp_status rp_cifar10_find(const char *folder, char **out, rp_error *err) {
  return find(&rp_cifar10_layout, folder, out, err);
}

rp_status rp_cifar100_find(const char *folder, char **out, rp_error *err) {
  return find(&rp_cifar100_layout, folder, out, err);
}
