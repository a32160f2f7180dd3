/* npz.h: writes NumPy's .npz: a zip of arrays, each a .npy of format 1.0. numpy.load opens it, as does any program that reads zip.
 *
 * Arrays go to the disk as they come, so a file can be larger than memory. The file takes its place when it is whole; equal arrays make
 * equal bytes. */
#ifndef RP_EXPORT_NPZ_H
#define RP_EXPORT_NPZ_H

#include "core/base/status.h"

/* X(code, NumPy's name, bytes of a value): little-endian */
#define RP_NPZ_TYPE_LIST(X)                                                                                                                \
  X(RP_NPZ_U8, "|u1", 1)                                                                                                                   \
  X(RP_NPZ_I32, "<i4", 4)                                                                                                                  \
  X(RP_NPZ_U32, "<u4", 4)                                                                                                                  \
  X(RP_NPZ_F32, "<f4", 4)                                                                                                                  \
  X(RP_NPZ_F64, "<f8", 8)

typedef enum {
#define RP_NPZ_TYPE_ENUM(code, name, bytes) code,
  RP_NPZ_TYPE_LIST(RP_NPZ_TYPE_ENUM)
#undef RP_NPZ_TYPE_ENUM
} rp_npz_type;

enum { RP_NPZ_DIMENSIONS = 4 };

typedef struct {
  rp_npz_type type;
  int n_dimensions; /* 1 … RP_NPZ_DIMENSIONS */
  size_t shape[RP_NPZ_DIMENSIONS];
} rp_npz_shape;

typedef struct rp_npz rp_npz;

/* Errors of all three: RP_EIO with path and reason; RP_EMEMORY. */
rp_status rp_npz_open(const char *path, rp_npz **out, rp_error *err);

/* Adds an array, row-major. `name`: without ".npy"; each once. */
rp_status rp_npz_put(rp_npz *npz, const char *name, rp_npz_shape shape, const void *values, rp_error *err);

/* An array in parts: its shape, then all its values, in order, in as many calls as it takes. */
rp_status rp_npz_begin(rp_npz *npz, const char *name, rp_npz_shape shape, rp_error *err);
rp_status rp_npz_add(rp_npz *npz, const void *values, size_t size_bytes, rp_error *err);

/* Puts the file in its place. */
rp_status rp_npz_finish(rp_npz *npz, rp_error *err);

/* Frees it; nothing is left of a file that was not finished. For RP_CLEANUP. */
void rp_npz_close(rp_npz **npz);

#endif
