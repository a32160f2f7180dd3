/* fuzz_idx.c: whatever bytes an IDX file holds, reading it either gives exactly its values or refuses it as bad data. */
#include "core/data/idx.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const uint8_t HEADER[16] = {0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2};
enum { N_VALUES = 12, WHOLE = sizeof HEADER + N_VALUES };

static int is_whole(const uint8_t *bytes, size_t size) {
  return size == WHOLE && memcmp(bytes, HEADER, sizeof HEADER) == 0;
}

/* What zlib makes of the input in one go, as far as that can be a whole file: the reference for the reader, which goes in steps. */
static size_t inflate_at_once(const uint8_t *bytes, size_t size, uint8_t room[WHOLE + 1]) {
  z_stream stream = {.next_in = (z_const Bytef *)(uintptr_t)bytes, .avail_in = (uInt)size, .next_out = room, .avail_out = WHOLE + 1};
  if (inflateInit2(&stream, MAX_WBITS + 16) != Z_OK) abort();
  int code = inflate(&stream, Z_FINISH);
  size_t n = code == Z_STREAM_END && stream.avail_in == 0 ? stream.total_out : 0;
  inflateEnd(&stream);
  return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  static const rp_idx_shape SHAPE = {3, {3, 2, 2}};
  uint8_t room[WHOLE + 1], *inflated;
  int is_gzip = size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
  const uint8_t *plain = is_gzip ? room : bytes, *values;
  size_t n = is_gzip ? inflate_at_once(bytes, size, room) : size;
  uint8_t *copy = calloc(size ? size : 1, 1); /* of its exact size, so that a sanitizer sees a read behind its end */
  if (!copy) abort();
  if (size > 0) memcpy(copy, bytes, size);
  rp_error err = {0};
  rp_status status = rp_idx_read("input", copy, size, &SHAPE, &inflated, &values, &err);
  if (status != (is_whole(plain, n) ? RP_OK : RP_EDATA) || (status == RP_OK) != (err.message[0] == '\0')) abort();
  if (status == RP_OK && memcmp(values, plain + sizeof HEADER, N_VALUES) != 0) abort();
  if ((inflated != NULL) != (is_gzip && status == RP_OK)) abort();
  free(inflated);
  free(copy);
  return 0;
}
