/* cifar.h: the reader of CIFAR's binary versions, open to tests and the fuzzer; everybody else opens "cifar10" or "cifar100" through
 * dataset.h.
 *
 * Files of records: one byte of label (CIFAR-10), or one of the coarse and one of the fine label, of which the fine one counts (CIFAR-100);
 * then 3,072 bytes of pixels, R, G, B planes, row by row (https://www.cs.toronto.edu/~kriz/cifar.html). */
#ifndef RP_DATA_CIFAR_H
#define RP_DATA_CIFAR_H

#include "core/data/dataset.h"

enum {
  RP_CIFAR_IMAGE_BYTES = 3 * 32 * 32,
  RP_CIFAR_RECORD_BYTES = 1 + RP_CIFAR_IMAGE_BYTES,
  RP_CIFAR100_RECORD_BYTES = 2 + RP_CIFAR_IMAGE_BYTES
};

enum { RP_CIFAR_MOST_FILES = 6, RP_CIFAR_MOST_LABELS = 2 };

/* How one of the two lies in files. */
typedef struct {
  const char *name, *title; /* "cifar10", "CIFAR-10" */
  const char *folder;       /* cifar-10-batches-bin */
  int n_files;              /* the last one is the test file, the others are training files */
  const char *files[RP_CIFAR_MOST_FILES];
  int n_labels;                                  /* bytes of label before the pixels; the last one counts */
  int n_classes[RP_CIFAR_MOST_LABELS];           /* of each */
  const char *label_names[RP_CIFAR_MOST_LABELS]; /* for messages: "label"; "coarse label", "fine label" */
} rp_cifar_layout;

extern const rp_cifar_layout rp_cifar10_layout, rp_cifar100_layout;

/* Opens the set in options->folder/layout->folder, or in options->folder itself where it holds the files. Files may share out the images as
 * they like. Errors as rp_dataset_open. On error nothing stays open. */
rp_status rp_cifar_open(const rp_cifar_layout *layout, const rp_data_options *options, rp_image_counts expected, rp_dataset *out,
                        rp_error *err);

/* Checks the bytes of one file: a whole number of records, at least one, with labels below the number of classes. `path` is for messages
 * only. Errors: RP_EDATA (cut off; the file and the number, from 1, of the first bad record). On error *n_records is unchanged. */
rp_status rp_cifar_check_batch(const rp_cifar_layout *layout, const char *path, const uint8_t *bytes, size_t size, uint32_t *n_records,
                               rp_error *err);

#endif
