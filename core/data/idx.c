/* idx.c: a header that is checked, and values that lie in the file or are inflated by zlib into exactly the room that they need. */
#include "core/data/idx.h"

#include "core/base/memory.h"
#include "core/base/text.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { UNSIGNED_BYTES = 8, MAGIC_BYTES = 4, MOST_HEADER_BYTES = MAGIC_BYTES + 4 * RP_IDX_MOST_DIMENSIONS };

static size_t header_bytes(const rp_idx_shape *shape) {
  return MAGIC_BYTES + 4 * (size_t)shape->n;
}

static size_t value_bytes(const rp_idx_shape *shape) {
  size_t n = 1;
  for (int d = 0; d < shape->n; d++) n *= shape->sizes[d];
  return n;
}

static void add_shape(const rp_idx_shape *shape, rp_text *text) {
  for (int d = 0; d < shape->n; d++) rp_text_format(text, "%s%u", d ? "×" : "", shape->sizes[d]);
}

static rp_status fail_cut_off(const char *path, size_t found, size_t expected, rp_error *err) {
  return rp_fail(err, RP_EDATA, "%s: ends after %zu of %zu bytes; was the download cut off? Fetch it anew", path, found, expected);
}

static rp_status check_shape(const char *path, const uint8_t *header, const rp_idx_shape *expected, rp_error *err) {
  rp_idx_shape found = {.n = expected->n};
  for (int d = 0; d < found.n; d++) {
    const uint8_t *size = header + MAGIC_BYTES + 4 * d;
    found.sizes[d] = (uint32_t)size[0] << 24 | (uint32_t)size[1] << 16 | (uint32_t)size[2] << 8 | size[3];
  }
  if (memcmp(found.sizes, expected->sizes, (size_t)found.n * sizeof *found.sizes) == 0) return RP_OK;
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  add_shape(&found, &text);
  rp_text_add(&text, " values, not ");
  add_shape(expected, &text);
  RP_TRY(rp_text_check(&text, err));
  return rp_fail(err, RP_EDATA, "%s: says that it holds %s; it is another file, or damaged", path, rp_text_string(&text));
}

/* `size`: how many bytes of the header there are. */
static rp_status check_header(const char *path, const uint8_t *header, size_t size, const rp_idx_shape *expected, rp_error *err) {
  if (size < MAGIC_BYTES) return fail_cut_off(path, size, header_bytes(expected) + value_bytes(expected), err);
  if (header[0] != 0 || header[1] != 0)
    return rp_fail(err, RP_EDATA, "%s: is no IDX file: it begins with the bytes %02x %02x, not 00 00", path, header[0], header[1]);
  if (header[2] != UNSIGNED_BYTES)
    return rp_fail(err, RP_EDATA, "%s: holds values of type 0x%02x; unsigned bytes (0x08) are expected", path, header[2]);
  if (header[3] != expected->n) return rp_fail(err, RP_EDATA, "%s: has %d dimensions, not %d", path, header[3], expected->n);
  if (size < header_bytes(expected)) return fail_cut_off(path, size, header_bytes(expected) + value_bytes(expected), err);
  return check_shape(path, header, expected, err);
}

/* ---- gzip ------------------------------------------------------------------------------------ */

typedef struct {
  const char *path;
  const uint8_t *bytes; /* not yet given to zlib */
  size_t left;
  z_stream stream;
  int has_ended;
} gzip;

/* Inflates up to `wanted` bytes into `room`; fewer where the stream ends before. */
static rp_status inflate_bytes(gzip *from, uint8_t *room, size_t wanted, size_t *n, rp_error *err) {
  enum { MOST_AT_ONCE = 1 << 30 };
  *n = 0;
  while (*n < wanted && !from->has_ended) {
    if (from->stream.avail_in == 0) {
      size_t given = from->left < MOST_AT_ONCE ? from->left : MOST_AT_ONCE;
      from->stream.next_in = (z_const Bytef *)(uintptr_t)from->bytes;
      from->stream.avail_in = (uInt)given;
      from->bytes += given, from->left -= given;
    }
    size_t room_left = wanted - *n < MOST_AT_ONCE ? wanted - *n : MOST_AT_ONCE;
    from->stream.next_out = room + *n;
    from->stream.avail_out = (uInt)room_left;
    int code = inflate(&from->stream, Z_NO_FLUSH);
    *n += room_left - from->stream.avail_out;
    if (code == Z_STREAM_END)
      from->has_ended = 1;
    else if (code == Z_MEM_ERROR)
      return rp_fail(err, RP_EMEMORY, "%s: out of memory while inflating", from->path);
    else if (code == Z_BUF_ERROR && from->left == 0)
      return rp_fail(err, RP_EDATA, "%s: the gzip file ends in its middle; was the download cut off? Fetch it anew", from->path);
    else if (code != Z_OK)
      return rp_fail(err, RP_EDATA, "%s: the gzip file is damaged (%s); fetch it anew", from->path,
                     from->stream.msg ? from->stream.msg : "zlib refuses it");
  }
  return RP_OK;
}

/* The stream's end holds the checksum, so it is read to there. */
static rp_status check_end(gzip *from, rp_error *err) {
  uint8_t more;
  size_t n;
  RP_TRY(inflate_bytes(from, &more, 1, &n, err));
  if (n > 0) return rp_fail(err, RP_EDATA, "%s: more values follow those that it says it holds", from->path);
  if (from->left > 0 || from->stream.avail_in > 0) return rp_fail(err, RP_EDATA, "%s: something follows the gzip data", from->path);
  return RP_OK;
}

static rp_status inflate_values(gzip *from, const rp_idx_shape *expected, uint8_t **inflated, rp_error *err) {
  uint8_t header[MOST_HEADER_BYTES];
  size_t n, n_values = value_bytes(expected);
  RP_TRY(inflate_bytes(from, header, header_bytes(expected), &n, err));
  RP_TRY(check_header(from->path, header, n, expected, err));
  RP_TRY(rp_allocate(n_values, 1, inflated, err));
  RP_TRY(inflate_bytes(from, *inflated, n_values, &n, err));
  if (n < n_values) return fail_cut_off(from->path, header_bytes(expected) + n, header_bytes(expected) + n_values, err);
  return check_end(from, err);
}

static rp_status read_gzip(const char *path, const uint8_t *bytes, size_t size, const rp_idx_shape *expected, uint8_t **inflated,
                           const uint8_t **values, rp_error *err) {
  enum { GZIP_ONLY = 16 };
  gzip from = {.path = path, .bytes = bytes, .left = size};
  if (inflateInit2(&from.stream, MAX_WBITS + GZIP_ONLY) != Z_OK) return rp_fail(err, RP_EMEMORY, "%s: zlib cannot start", path);
  rp_status status = inflate_values(&from, expected, inflated, err);
  inflateEnd(&from.stream);
  if (status != RP_OK) rp_free_pointer(inflated);
  *values = *inflated;
  return status;
}

/* ---- A file ---------------------------------------------------------------------------------- */

rp_status rp_idx_read(const char *path, const uint8_t *bytes, size_t size, const rp_idx_shape *expected, uint8_t **inflated,
                      const uint8_t **values, rp_error *err) {
  *inflated = NULL;
  *values = NULL;
  if (size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b) return read_gzip(path, bytes, size, expected, inflated, values, err);
  RP_TRY(check_header(path, bytes, size, expected, err));
  size_t whole = header_bytes(expected) + value_bytes(expected);
  if (size < whole) return fail_cut_off(path, size, whole, err);
  if (size > whole) return rp_fail(err, RP_EDATA, "%s: has %zu bytes, not %zu; something follows its values", path, size, whole);
  *values = bytes + header_bytes(expected);
  return RP_OK;
}
