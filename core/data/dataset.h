/* dataset.h: images and labels, whatever files they come from, in an order that does not depend on the files (rule 4). */
#ifndef RP_DATA_DATASET_H
#define RP_DATA_DATASET_H

#include "core/base/digest.h"
#include "core/base/status.h"

#include <stdint.h>

typedef enum { RP_TRAIN, RP_VALIDATION, RP_TEST, RP_N_PARTS } rp_part;

enum { RP_MAX_CHANNELS = 4 };

typedef struct {
  const char *name;    /* a row of the table: "cifar10", "shapes" */
  const char *folder;  /* where data sets lie: cifar10 looks for cifar-10-batches-bin in it, then for its files in the folder itself; mnist
                          for mnist/. NULL, "" = "data". Unused by shapes */
  uint32_t validation; /* images held out of the training files (5,000), by split_seed; 0 = none. shapes: size of its own validation set */
  uint64_t split_seed; /* 0; shapes: also the seed of the generator */
  uint32_t
      train; /* keep the first n of the training split; 0 = all. shapes: size of its training set (0 = 5,000), at most 1,000,000 a set */
  uint32_t test; /* shapes only: size of its test set (0 = 2,000) */
} rp_data_options;

/* An open data set. Pixels are bytes; they lie in mapped files or in one generated block, shared and never copied. Each part is in
 * canonical order: by the hash of label and pixels. */
typedef struct {
  int channels, height, width, n_classes;
  uint32_t n[RP_N_PARTS];
  const uint8_t *const *images[RP_N_PARTS]; /* [n] pointers to C×H×W bytes each */
  const uint8_t *labels[RP_N_PARTS];        /* [n] */
  float mean[RP_MAX_CHANNELS],
      deviation[RP_MAX_CHANNELS]; /* of the whole training split, also where `train` keeps but some of it; in units of a byte
                                     (0 … 255), from exact integer sums. A channel of one value has deviation 1 */
  rp_id digest;                   /* of all images and labels in canonical order, by set: training files, (validation,) test */
  uint64_t split_seed;
  void *storage; /* owned: files, pointers */
} rp_dataset;

/* How many images the training files hold together, and the test file. A file that was cut off at the end of a record is noticed by them.
 */
typedef struct {
  uint32_t training, test;
} rp_image_counts;

/* One row of the table of data sets (dataset.c). */
typedef struct {
  const char *name, *help;
  int has_own_validation_set;
  rp_status (*open)(const rp_data_options *, rp_dataset *, rp_error *);
  /* The folder that its files lie in, for a data folder (NULL, "" = "data"); the caller frees. Errors: RP_EDATA: there is none, or a file
   * is missing. NULL where it needs no files */
  rp_status (*find)(const char *folder, char **out, rp_error *);
} rp_dataset_kind;

/* The table, for listings and validation; *n is their number. */
const rp_dataset_kind *rp_dataset_kinds(int *n);

/* Opens a data set and splits it. Errors: RP_EDATA: folder or file missing (what was looked for and where data sets are expected), cut off,
 * a label out of range (file and record, from 1), validation or train larger than there is; RP_EINPUT: a name that is not in the table;
 * RP_EMEMORY. On error nothing stays open. Closing {0} is allowed. */
rp_status rp_dataset_open(const rp_data_options *options, rp_dataset *out, rp_error *err);
void rp_dataset_close(rp_dataset *dataset);

#endif
