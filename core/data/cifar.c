/* cifar.c: CIFAR-10 from its batch files, which stay mapped: images are pointers into them. */
#include "core/data/cifar.h"

#include "core/base/files.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/data/images.h"

#include <inttypes.h>

enum { N_CLASSES = 10, SIDE = 32, CHANNELS = 3, N_TRAINING_FILES = 5, N_FILES = N_TRAINING_FILES + 1 };

static const char FOLDER[] = "cifar-10-batches-bin";
static const char *const FILES[N_FILES] = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                           "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"};
static const char WHERE_FROM[] = "Data come from --data DIR, then $REPR_DATA, then data/";

rp_status rp_cifar_check_batch(const char *path, const uint8_t *bytes, size_t size, uint32_t *n_records, rp_error *err) {
  if (size == 0 || size % RP_CIFAR_RECORD_BYTES != 0)
    return rp_fail(err, RP_EDATA, "%s: %zu bytes are no whole number of records of %d bytes; was the download cut off? Fetch it anew", path,
                   size, RP_CIFAR_RECORD_BYTES);
  size_t n = size / RP_CIFAR_RECORD_BYTES;
  if (n > UINT32_MAX) return rp_fail(err, RP_EDATA, "%s: %zu records are more than can be read", path, n);
  for (size_t i = 0; i < n; i++) {
    int label = bytes[i * RP_CIFAR_RECORD_BYTES];
    if (label >= N_CLASSES)
      return rp_fail(err, RP_EDATA, "%s: record %zu has label %d, labels are 0 to %d; the file is damaged, fetch it anew", path, i + 1,
                     label, N_CLASSES - 1);
  }
  *n_records = (uint32_t)n;
  return RP_OK;
}

static rp_status holds_batches(const char *folder, int *holds, rp_error *err) {
  *holds = 0;
  for (int i = 0; i < N_FILES && !*holds; i++) {
    RP_CLEANUP(rp_free_pointer) char *path = NULL;
    RP_TRY(rp_join_path(folder, FILES[i], &path, err));
    *holds = rp_file_exists(path);
  }
  return RP_OK;
}

/* The folder with the batch files: `folder`/cifar-10-batches-bin, or `folder` itself. The caller frees *out. */
static rp_status find_folder(const char *folder, char **out, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *below = NULL;
  RP_TRY(rp_join_path(folder, FOLDER, &below, err));
  int holds;
  RP_TRY(holds_batches(below, &holds, err));
  if (holds) return rp_copy_string(below, out, err);
  RP_TRY(holds_batches(folder, &holds, err));
  if (holds) return rp_copy_string(folder, out, err);
  return rp_fail(err, RP_EDATA, "no CIFAR-10 found: looked for %s/%s and, in %s itself, for %s. %s", below, FILES[0], folder, FILES[0],
                 WHERE_FROM);
}

static rp_status map_batch(const char *folder, const char *name, rp_mapped_file *file, uint32_t *n_records, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *path = NULL;
  RP_TRY(rp_join_path(folder, name, &path, err));
  if (!rp_file_exists(path))
    return rp_fail(err, RP_EDATA, "%s is missing: CIFAR-10 consists of %s to %s and %s. %s", path, FILES[0], FILES[N_TRAINING_FILES - 1],
                   FILES[N_TRAINING_FILES], WHERE_FROM);
  RP_TRY(rp_map_file(path, file, err));
  return rp_cifar_check_batch(path, file->bytes, file->size, n_records, err);
}

/* The images of files first … last-1, in canonical order. */
static rp_status gather(const rp_mapped_file *files, const uint32_t *n_records, int first, int last, uint32_t n, rp_images *out,
                        rp_error *err) {
  RP_TRY(rp_images_allocate(n, out, err));
  uint32_t filled = 0;
  for (int file = first; file < last; file++)
    for (uint32_t i = 0; i < n_records[file]; i++, filled++) {
      const uint8_t *record = files[file].bytes + (size_t)i * RP_CIFAR_RECORD_BYTES;
      out->labels[filled] = record[0];
      out->images[filled] = record + 1;
    }
  return rp_images_sort(out, RP_CIFAR_IMAGE_BYTES, err);
}

static rp_status check_counts(const char *folder, const uint32_t *n_records, rp_cifar_counts expected, rp_error *err) {
  uint64_t n_training = 0;
  RP_CLEANUP(rp_text_free) rp_text list = {0};
  for (int i = 0; i < N_TRAINING_FILES; i++) {
    n_training += n_records[i];
    rp_text_format(&list, "%s%s %" PRIu32, i ? ", " : "", FILES[i], n_records[i]);
  }
  RP_TRY(rp_text_check(&list, err));
  if (n_training != expected.training)
    return rp_fail(err, RP_EDATA, "%s: %" PRIu64 " training images (%s), not %" PRIu32 "; was a file cut off? Fetch it anew", folder,
                   n_training, rp_text_string(&list), expected.training);
  if (n_records[N_TRAINING_FILES] != expected.test)
    return rp_fail(err, RP_EDATA, "%s/%s: %" PRIu32 " test images, not %" PRIu32 "; was the file cut off? Fetch it anew", folder,
                   FILES[N_TRAINING_FILES], n_records[N_TRAINING_FILES], expected.test);
  return RP_OK;
}

static rp_status check_options(const rp_data_options *options, uint32_t n_training, rp_error *err) {
  if (options->validation >= n_training)
    return rp_fail(err, RP_EDATA,
                   "data.validation: %" PRIu32 " leaves none of the %" PRIu32 " training images to train on; at most %" PRIu32,
                   options->validation, n_training, n_training - 1);
  uint32_t n_left = n_training - options->validation;
  if (options->train > n_left)
    return rp_fail(err, RP_EDATA,
                   "data.train: %" PRIu32 " is more than the %" PRIu32 " images of the training split (%" PRIu32 " less %" PRIu32
                   " for validation)",
                   options->train, n_left, n_training, options->validation);
  return RP_OK;
}

static rp_status digest_of(const rp_images *training, const rp_images *test, rp_id *out, rp_error *err) {
  RP_CLEANUP(rp_digest_free) rp_digest *digest = NULL;
  RP_TRY(rp_digest_start("dataset", &digest, err));
  rp_images_digest(training, "training files", RP_CIFAR_IMAGE_BYTES, digest);
  rp_images_digest(test, "test", RP_CIFAR_IMAGE_BYTES, digest);
  *out = rp_digest_finish(digest);
  digest = NULL;
  return RP_OK;
}

static rp_status load(const rp_data_options *options, rp_cifar_counts expected, rp_dataset *out, rp_error *err) {
  rp_data_storage *storage;
  RP_TRY(rp_allocate(1, sizeof *storage, &storage, err));
  out->storage = storage;
  RP_CLEANUP(rp_free_pointer) char *folder = NULL;
  RP_TRY(find_folder(options->folder && *options->folder ? options->folder : "data", &folder, err));
  uint32_t n_records[N_FILES];
  for (int i = 0; i < N_FILES; i++) RP_TRY(map_batch(folder, FILES[i], &storage->files[i], &n_records[i], err));
  RP_TRY(check_counts(folder, n_records, expected, err));
  RP_TRY(check_options(options, expected.training, err));
  RP_CLEANUP(rp_images_free) rp_images training_files = {0};
  rp_images *parts = storage->parts;
  RP_TRY(gather(storage->files, n_records, 0, N_TRAINING_FILES, expected.training, &training_files, err));
  RP_TRY(gather(storage->files, n_records, N_TRAINING_FILES, N_FILES, expected.test, &parts[RP_TEST], err));
  RP_TRY(digest_of(&training_files, &parts[RP_TEST], &out->digest, err));
  RP_TRY(rp_images_split(&training_files, options->validation, options->split_seed, &parts[RP_TRAIN], &parts[RP_VALIDATION], err));
  rp_images_statistics(&parts[RP_TRAIN], CHANNELS, SIDE * SIDE, out->mean, out->deviation);
  if (options->train) parts[RP_TRAIN].n = options->train;
  return RP_OK;
}

rp_status rp_cifar_open(const rp_data_options *options, rp_cifar_counts expected, rp_dataset *out, rp_error *err) {
  *out = (rp_dataset){.channels = CHANNELS, .height = SIDE, .width = SIDE, .n_classes = N_CLASSES, .split_seed = options->split_seed};
  rp_status status = load(options, expected, out, err);
  if (status == RP_OK)
    rp_dataset_show_parts(out);
  else
    rp_dataset_close(out);
  return status;
}

rp_status rp_cifar10_open(const rp_data_options *options, rp_dataset *out, rp_error *err) {
  return rp_cifar_open(options, (rp_cifar_counts){.training = 50000, .test = 10000}, out, err);
}
