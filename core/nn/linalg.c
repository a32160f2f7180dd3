/* linalg.c: rows [n][d] are, without a copy, the columns of a d × n matrix in LAPACK's order; all work happens on that view. */
#include "core/nn/linalg.h"

#include "core/base/memory.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>

static rp_status refuse(rp_error *err, const char *routine, lapack_int info, int n, int d) {
  if (info == LAPACK_WORK_MEMORY_ERROR) return rp_fail(err, RP_EMEMORY, "%s: out of memory for %d vectors of %d values", routine, n, d);
  return rp_fail(err, RP_ENUMERIC, "%s failed on %d vectors of %d values (info %d); are all of them finite?", routine, n, d, (int)info);
}

/* OpenBLAS keeps its number of threads per process and has no call that takes it as an argument. */
static void use_one_thread(void) {
  openblas_set_num_threads(1);
}

rp_status rp_orthonormal_basis(double *vectors, int n, int d, double tolerance, int *rank, rp_error *err) {
  *rank = 0;
  if (n == 0 || d == 0) return RP_OK;
  use_one_thread();
  int n_pivots = n < d ? n : d;
  RP_CLEANUP(rp_free_pointer) lapack_int *order = NULL; /* zeros: every column may be moved */
  RP_CLEANUP(rp_free_pointer) double *tau = NULL;
  RP_TRY(rp_allocate((size_t)n, sizeof *order, &order, err));
  RP_TRY(rp_allocate((size_t)n_pivots, sizeof *tau, &tau, err));
  lapack_int info = LAPACKE_dgeqp3(LAPACK_COL_MAJOR, d, n, vectors, d, order, tau);
  if (info != 0) return refuse(err, "dgeqp3", info, n, d);

  double largest = fabs(vectors[0]);
  int found = 0;
  while (found < n_pivots && largest > 0 && fabs(vectors[(size_t)found * (size_t)d + (size_t)found]) > tolerance * largest) found++;
  if (found == 0) return RP_OK;
  info = LAPACKE_dorgqr(LAPACK_COL_MAJOR, d, found, found, vectors, d, tau);
  if (info != 0) return refuse(err, "dorgqr", info, n, d);
  *rank = found;
  return RP_OK;
}

rp_status rp_orthonormal_rows(double *vectors, int n, int d, rp_error *err) {
  if (n > d) return rp_fail(err, RP_ENUMERIC, "%d vectors of %d values cannot be orthonormal: at most %d can", n, d, d);
  if (n == 0) return RP_OK;
  use_one_thread();
  RP_CLEANUP(rp_free_pointer) double *tau = NULL, *signs = NULL;
  RP_TRY(rp_allocate((size_t)n, sizeof *tau, &tau, err));
  RP_TRY(rp_allocate((size_t)n, sizeof *signs, &signs, err));
  lapack_int info = LAPACKE_dgeqrf(LAPACK_COL_MAJOR, d, n, vectors, d, tau);
  if (info != 0) return refuse(err, "dgeqrf", info, n, d);
  for (int i = 0; i < n; i++) signs[i] = vectors[(size_t)i * (size_t)d + (size_t)i] < 0 ? -1.0 : 1.0;
  info = LAPACKE_dorgqr(LAPACK_COL_MAJOR, d, n, n, vectors, d, tau);
  if (info != 0) return refuse(err, "dorgqr", info, n, d);
  for (int i = 0; i < n; i++)
    for (int j = 0; j < d; j++) vectors[(size_t)i * (size_t)d + (size_t)j] *= signs[i];
  return RP_OK;
}
