/* test_linalg.c: bases of spans, by their defining properties. */
#include "core/nn/linalg.h"
#include "core/base/draws.h"
#include "tests/check.h"

#include <stdlib.h>

static double dot(const double *a, const double *b, int d) {
  double sum = 0;
  for (int i = 0; i < d; i++) sum += a[i] * b[i];
  return sum;
}

static double *random_vectors(int n, int d, uint64_t seed) {
  double *vectors = malloc((size_t)n * (size_t)d * sizeof *vectors);
  assert_non_null(vectors);
  rp_stream stream = rp_stream_of(seed, RP_DRAW_INIT, 0, 0, 0, 0);
  for (int i = 0; i < n * d; i++) vectors[i] = rp_draw_normal(&stream, (uint64_t)i);
  return vectors;
}

static void assert_orthonormal(const double *rows, int n, int d) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) assert_near(dot(rows + i * d, rows + j * d, d), i == j, 1e-13);
}

/* What is left of a vector after its projection onto the basis. */
static double residual(const double *vector, const double *basis, int rank, int d) {
  double *left = malloc((size_t)d * sizeof *left);
  assert_non_null(left);
  memcpy(left, vector, (size_t)d * sizeof *left);
  for (int i = 0; i < rank; i++) {
    double along = dot(vector, basis + i * d, d);
    for (int j = 0; j < d; j++) left[j] -= along * basis[i * d + j];
  }
  double norm = sqrt(dot(left, left, d));
  free(left);
  return norm;
}

static void check_basis(int n, int d, int n_independent) {
  double *vectors = random_vectors(n, d, (uint64_t)(n * 1000 + d)), *basis = malloc((size_t)n * (size_t)d * sizeof *basis);
  assert_non_null(basis);
  for (int i = n_independent; i < n; i++) /* the others are sums of two independent ones */
    for (int j = 0; j < d; j++) vectors[i * d + j] = vectors[(i % n_independent) * d + j] - 2 * vectors[((i + 1) % n_independent) * d + j];
  memcpy(basis, vectors, (size_t)n * (size_t)d * sizeof *basis);
  int rank;
  rp_error err = {0};
  assert_ok(rp_orthonormal_basis(basis, n, d, 1e-6, &rank, &err), err);
  assert_int_equal(rank, n_independent < d ? n_independent : d);
  assert_orthonormal(basis, rank, d);
  for (int i = 0; i < n; i++) assert_below(residual(vectors + i * d, basis, rank, d), 1e-12);
  free(vectors), free(basis);
}

static void a_basis_is_orthonormal_and_spans_its_vectors_whatever_their_rank(void **unused) {
  (void)unused;
  check_basis(1, 1, 1);
  check_basis(5, 27, 5);
  check_basis(32, 27, 32); /* more vectors than dimensions */
  check_basis(12, 75, 7);  /* dependent ones */
  check_basis(31, 800, 31);
}

static void vectors_below_the_tolerance_do_not_count(void **unused) {
  (void)unused;
  rp_error err = {0};
  int rank;
  assert_ok(rp_orthonormal_basis((double[]){3, 0, 0, 3e-7, 0, 4, 0, 0, 4e-5}, 3, 3, 1e-6, &rank, &err), err);
  assert_int_equal(rank, 2); /* (3, 0, 0), (3e-7, 0, 4); what (0, 0, 4e-5) adds to them is 4e-5 · 7.5e-8 */
  assert_ok(rp_orthonormal_basis((double[]){3, 0, 0, 0, 2e-6, 0}, 2, 3, 1e-6, &rank, &err), err);
  assert_int_equal(rank, 1);
  assert_ok(rp_orthonormal_basis((double[]){3, 0, 0, 0, 4e-6, 0}, 2, 3, 1e-6, &rank, &err), err);
  assert_int_equal(rank, 2);
}

static void zero_vectors_and_no_vectors_have_rank_0(void **unused) {
  (void)unused;
  rp_error err = {0};
  int rank = 7;
  assert_ok(rp_orthonormal_basis((double[6]){0}, 2, 3, 1e-6, &rank, &err), err);
  assert_int_equal(rank, 0);
  rank = 7;
  assert_ok(rp_orthonormal_basis(NULL, 0, 3, 1e-6, &rank, &err), err);
  assert_int_equal(rank, 0);
}

static void a_vector_that_is_not_finite_is_an_error(void **unused) {
  (void)unused;
  rp_error err = {0};
  int rank;
  assert_fails(rp_orthonormal_basis((double[]){1, NAN, 0, 1}, 2, 2, 1e-6, &rank, &err), RP_ENUMERIC, err, "finite");
  assert_fails(rp_orthonormal_rows((double[]){1, NAN, 0, 1}, 2, 2, &err), RP_ENUMERIC, err, "finite");
}

static void orthonormal_rows_follow_gram_schmidt(void **unused) {
  (void)unused;
  enum { N = 6, D = 9 };
  rp_error err = {0};
  double *vectors = random_vectors(N, D, 4), expected[N * D];
  for (int i = 0; i < N; i++) {
    double *row = expected + i * D;
    memcpy(row, vectors + i * D, D * sizeof *row);
    for (int twice = 0; twice < 2; twice++)
      for (int j = 0; j < i; j++) {
        double along = dot(row, expected + j * D, D);
        for (int k = 0; k < D; k++) row[k] -= along * expected[j * D + k];
      }
    double norm = sqrt(dot(row, row, D));
    for (int k = 0; k < D; k++) row[k] /= norm;
  }
  assert_ok(rp_orthonormal_rows(vectors, N, D, &err), err);
  for (int i = 0; i < N * D; i++) assert_near(vectors[i], expected[i], 1e-12);
  assert_orthonormal(vectors, N, D);
  free(vectors);
  assert_fails(rp_orthonormal_rows((double[]){1, 2}, 2, 1, &err), RP_ENUMERIC, err, "cannot be orthonormal");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_basis_is_orthonormal_and_spans_its_vectors_whatever_their_rank),
      cmocka_unit_test(vectors_below_the_tolerance_do_not_count),
      cmocka_unit_test(zero_vectors_and_no_vectors_have_rank_0),
      cmocka_unit_test(a_vector_that_is_not_finite_is_an_error),
      cmocka_unit_test(orthonormal_rows_follow_gram_schmidt),
  };
  return cmocka_run_group_tests_name("linalg", tests, NULL, NULL);
}
