/* test_idx.c: IDX files by hand: what is read and where it lies, and every way in which one can be wrong. */
#include "core/data/idx.h"
#include "tests/check.h"

#include <stdlib.h>
#include <zlib.h>

/* 3 × 2 × 2 values, 1 … 12. */
static const uint8_t SMALL[28] = {0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
static const rp_idx_shape SHAPE = {3, {3, 2, 2}};

/* Gzips bytes into `out` (room for 256 and more); returns the size. */
static size_t gzipped(const uint8_t *bytes, size_t size, uint8_t *out) {
  z_stream stream = {0};
  assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  stream.next_in = (Bytef *)(uintptr_t)bytes, stream.avail_in = (uInt)size;
  stream.next_out = out, stream.avail_out = 256;
  assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
  size_t n = stream.total_out;
  deflateEnd(&stream);
  return n;
}

static rp_status read_bytes(const uint8_t *bytes, size_t size, uint8_t values[12], rp_error *err) {
  uint8_t *inflated;
  const uint8_t *found;
  rp_status status = rp_idx_read("file", bytes, size, &SHAPE, &inflated, &found, err);
  if (status == RP_OK) memcpy(values, found, 12);
  if (status != RP_OK) assert_null(inflated);
  free(inflated);
  return status;
}

static void assert_refused(const uint8_t *bytes, size_t size, const char *part) {
  uint8_t values[12];
  rp_error err = {0};
  assert_fails(read_bytes(bytes, size, values, &err), RP_EDATA, err, part);
  assert_non_null(strstr(err.message, "file: "));
}

static void plain_values_are_read_where_they_lie(void **unused) {
  (void)unused;
  rp_error err = {0};
  uint8_t *inflated;
  const uint8_t *values;
  assert_ok(rp_idx_read("file", SMALL, sizeof SMALL, &SHAPE, &inflated, &values, &err), err);
  assert_ptr_equal(values, SMALL + 16);
  assert_null(inflated);
}

static void gzipped_values_are_the_same(void **unused) {
  (void)unused;
  uint8_t packed[256], values[12];
  rp_error err = {0};
  assert_ok(read_bytes(packed, gzipped(SMALL, sizeof SMALL, packed), values, &err), err);
  assert_memory_equal(values, SMALL + 16, 12);
}

static void a_file_that_ends_early_or_late_is_refused_at_every_length(void **unused) {
  (void)unused;
  uint8_t longer[sizeof SMALL + 1] = {0}, packed[256];
  for (size_t size = 0; size < sizeof SMALL; size++) assert_refused(SMALL, size, "cut off");
  memcpy(longer, SMALL, sizeof SMALL);
  assert_refused(longer, sizeof longer, "29 bytes, not 28");
  for (size_t size = 0; size < sizeof SMALL; size++) assert_refused(packed, gzipped(SMALL, size, packed), "cut off");
  assert_refused(packed, gzipped(longer, sizeof longer, packed), "more values follow");
}

static void a_gzip_file_that_ends_early_late_or_with_another_checksum_is_refused(void **unused) {
  (void)unused;
  uint8_t packed[256];
  size_t n = gzipped(SMALL, sizeof SMALL, packed);
  for (size_t size = 2; size < n; size++) assert_refused(packed, size, "cut off");
  packed[n] = 0;
  assert_refused(packed, n + 1, "something follows the gzip data");
  packed[n - 5] ^= 1; /* of the CRC */
  assert_refused(packed, n, "the gzip file is damaged");
}

static void each_byte_of_the_header_is_checked(void **unused) {
  (void)unused;
  static const char *const PARTS[16] = {"begins with the bytes 01 00",
                                        "begins with the bytes 00 01",
                                        "type 0x09",
                                        "2 dimensions, not 3",
                                        "16777219×2×2 values, not 3×2×2",
                                        "65539×2×2",
                                        "259×2×2",
                                        "2×2×2 values, not 3×2×2",
                                        "3×16777218×2",
                                        "3×65538×2",
                                        "3×258×2",
                                        "3×3×2",
                                        "3×2×16777218",
                                        "3×2×65538",
                                        "3×2×258",
                                        "3×2×3"};
  for (int i = 0; i < 16; i++) {
    uint8_t bytes[sizeof SMALL], packed[256];
    memcpy(bytes, SMALL, sizeof bytes);
    bytes[i] ^= 1;
    assert_refused(bytes, sizeof bytes, PARTS[i]);
    assert_refused(packed, gzipped(bytes, sizeof bytes, packed), PARTS[i]);
  }
}

/* A header that claims 2^96 values asks for no memory. */
static void what_a_header_claims_is_not_believed(void **unused) {
  (void)unused;
  uint8_t bytes[sizeof SMALL];
  memcpy(bytes, SMALL, sizeof bytes);
  memset(bytes + 4, 255, 12);
  assert_refused(bytes, sizeof bytes, "4294967295×4294967295×4294967295 values, not 3×2×2");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(plain_values_are_read_where_they_lie),
      cmocka_unit_test(gzipped_values_are_the_same),
      cmocka_unit_test(a_file_that_ends_early_or_late_is_refused_at_every_length),
      cmocka_unit_test(a_gzip_file_that_ends_early_late_or_with_another_checksum_is_refused),
      cmocka_unit_test(each_byte_of_the_header_is_checked),
      cmocka_unit_test(what_a_header_claims_is_not_believed),
  };
  return cmocka_run_group_tests_name("idx", tests, NULL, NULL);
}
