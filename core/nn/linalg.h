/* linalg.h: the dense linear algebra that filters need, in double precision: a thin layer over LAPACKE.
 *
 * OpenBLAS is held at one thread, here and nowhere else: results then do not depend on the machine's number of cores. */
#ifndef RP_NN_LINALG_H
#define RP_NN_LINALG_H

#include "core/base/status.h"

/* An orthonormal basis of the span of vectors, by QR with column pivoting (dgeqp3, dorgqr).
 *
 *   vectors     [n][d] row-major; rows in, in any number and rank; on return its first *rank rows are the basis, the others are undefined
 *   tolerance   numerical rank: pivots |R_ii| > tolerance · |R_00| count; all vectors zero, n or d of 0: rank 0
 *   rank        ≤ min(n, d)
 *
 * Vectors of very different norms should be scaled to unit norm before. Errors: RP_ENUMERIC (a vector is not finite; LAPACK refused),
 * RP_EMEMORY. */
rp_status rp_orthonormal_basis(double *vectors, int n, int d, double tolerance, int *rank, rp_error *err);

/* Makes n ≤ d vectors orthonormal in their order (Gram-Schmidt, computed as QR with a positive diagonal of R: dgeqrf, dorgqr). Of N(0, 1)
 * draws it makes rows of a uniformly random orthogonal matrix. `vectors`: [n][d] row-major, in place. Errors: as above. */
rp_status rp_orthonormal_rows(double *vectors, int n, int d, rp_error *err);

#endif
