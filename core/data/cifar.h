/* cifar.h: the reader of CIFAR-10's binary version, open to tests and the fuzzer; everybody else opens "cifar10" through dataset.h.
 *
 * Six files of records, one byte of label (0 … 9) and 3,072 bytes of pixels (R, G, B planes, row by row) each: data_batch_1.bin …
 * data_batch_5.bin and test_batch.bin (https://www.cs.toronto.edu/~kriz/cifar.html). */
#ifndef RP_DATA_CIFAR_H
#define RP_DATA_CIFAR_H

#include "core/data/dataset.h"

enum { RP_CIFAR_IMAGE_BYTES = 3 * 32 * 32, RP_CIFAR_RECORD_BYTES = 1 + RP_CIFAR_IMAGE_BYTES };

/* How many images the training files hold together, and the test file: 50,000 and 10,000 in the real thing. A file that was cut off at the
 * end of a record is noticed by them. */
typedef struct {
  uint32_t training, test;
} rp_cifar_counts;

/* Opens the set in `folder`/cifar-10-batches-bin, or in `folder` itself where it holds the files. Files may share out the images as they
 * like. Errors as rp_dataset_open. On error nothing stays open. */
rp_status rp_cifar_open(const rp_data_options *options, rp_cifar_counts expected, rp_dataset *out, rp_error *err);

/* Checks the bytes of one batch file: a whole number of records, at least one, with labels below 10. `path` is for messages only.
 * Errors: RP_EDATA (cut off; the file and the number, from 1, of the first bad record). On error *n_records is unchanged. */
rp_status rp_cifar_check_batch(const char *path, const uint8_t *bytes, size_t size, uint32_t *n_records, rp_error *err);

#endif
