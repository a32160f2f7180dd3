/* mnist.h: the reader of MNIST (LeCun et al. 1998) and of Fashion-MNIST (Xiao et al. 2017), open to tests; everybody else opens "mnist" or
 * "fashion-mnist" through dataset.h. Both are four IDX files of the same names. */
#ifndef RP_DATA_MNIST_H
#define RP_DATA_MNIST_H

#include "core/data/dataset.h"

enum { RP_MNIST_SIDE = 28, RP_MNIST_IMAGE_BYTES = RP_MNIST_SIDE * RP_MNIST_SIDE, RP_MNIST_CLASSES = 10, RP_MNIST_FILES = 4 };

/* train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-…, t10k-labels-…: each plain, or with .gz behind its name. */
extern const char *const rp_mnist_files[RP_MNIST_FILES];

typedef struct {
  const char *name, *title; /* "fashion-mnist", "Fashion-MNIST" */
  const char *folder;       /* below the data folder */
  const char *installed;    /* where a package of the system has it; NULL = nowhere */
} rp_mnist_layout;

extern const rp_mnist_layout rp_mnist_plain_layout, rp_mnist_fashion_layout;

/* Opens the set in options->folder/layout->folder, else in layout->installed. A plain file is mapped, a gzipped one inflated into memory;
 * where both are there the plain one counts. Errors as rp_dataset_open. On error nothing stays open. */
rp_status rp_mnist_open(const rp_mnist_layout *layout, const rp_data_options *options, rp_image_counts expected, rp_dataset *out,
                        rp_error *err);

#endif
