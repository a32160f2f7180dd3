/* idx.h: the IDX format of MNIST and its kin (http://yann.lecun.com/exdb/mnist/), plain or gzipped.
 *
 * Four bytes: 0, 0, the type of the values (8: unsigned bytes, the only one read here), the number of dimensions; then each dimension's
 * size, big-endian, 4 bytes; then the values, the last dimension fastest. */
#ifndef RP_DATA_IDX_H
#define RP_DATA_IDX_H

#include "core/base/status.h"

#include <stdint.h>

enum { RP_IDX_MOST_DIMENSIONS = 3 };

typedef struct {
  int n; /* dimensions */
  uint32_t sizes[RP_IDX_MOST_DIMENSIONS];
} rp_idx_shape;

/* Reads the `size` bytes of an IDX file that must hold unsigned bytes of shape `expected`, nothing less and nothing more; gzip is told by
 * its first bytes. *values then points into `bytes`, with *inflated NULL, or, where they were gzipped, to *inflated, which the caller
 * frees. What a file claims of itself is held against `expected` before memory is asked for. `path` is for messages only.
 *
 * Errors: RP_EDATA (no IDX file, another type or shape, cut off, damaged, too long), RP_EMEMORY; *inflated is then NULL. */
rp_status rp_idx_read(const char *path, const uint8_t *bytes, size_t size, const rp_idx_shape *expected, uint8_t **inflated,
                      const uint8_t **values, rp_error *err);

#endif
