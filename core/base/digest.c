/* digest.c: xxHash's XXH3, 128 bits, behind ids that print in canonical byte order. */
#include "core/base/digest.h"

#include "core/base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct rp_digest {
  XXH3_state_t *state;
};

static rp_id id_of(XXH128_hash_t hash) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  rp_id id;
  memcpy(id.bytes, canonical.digest, sizeof id.bytes);
  return id;
}

rp_status rp_digest_start(const char *domain, rp_digest **out, rp_error *err) {
  RP_TRY(rp_allocate(1, sizeof **out, out, err));
  (*out)->state = XXH3_createState();
  if (!(*out)->state) {
    rp_digest_free(out);
    return rp_fail(err, RP_EMEMORY, "out of memory for a digest");
  }
  XXH3_128bits_reset((*out)->state);
  rp_digest_string(*out, domain);
  return RP_OK;
}

void rp_digest_bytes(rp_digest *digest, const void *bytes, size_t length) {
  if (length) XXH3_128bits_update(digest->state, bytes, length);
}

void rp_digest_u64(rp_digest *digest, uint64_t value) {
  uint8_t bytes[8];
  for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(value >> (8 * i));
  rp_digest_bytes(digest, bytes, sizeof bytes);
}

void rp_digest_string(rp_digest *digest, const char *string) {
  size_t length = strlen(string);
  rp_digest_u64(digest, length);
  rp_digest_bytes(digest, string, length);
}

rp_id rp_digest_finish(rp_digest *digest) {
  rp_id id = id_of(XXH3_128bits_digest(digest->state));
  rp_digest_free(&digest);
  return id;
}

void rp_digest_free(rp_digest **digest) {
  if (!*digest) return;
  XXH3_freeState((*digest)->state);
  free(*digest);
  *digest = NULL;
}

rp_id rp_digest_of(const char *domain, const void *bytes, size_t length) {
  return id_of(XXH3_128bits_withSeed(bytes, length, XXH3_64bits(domain, strlen(domain))));
}

uint64_t rp_hash64(const void *bytes, size_t length, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes, length, seed);
}

void rp_id_hex(rp_id id, char hex[RP_ID_HEX + 1]) {
  static const char DIGITS[] = "0123456789abcdef";
  for (size_t i = 0; i < sizeof id.bytes; i++) {
    hex[2 * i] = DIGITS[id.bytes[i] >> 4];
    hex[2 * i + 1] = DIGITS[id.bytes[i] & 15];
  }
  hex[RP_ID_HEX] = '\0';
}

int rp_id_parse(const char *hex, rp_id *out) {
  static const char DIGITS[] = "0123456789abcdef";
  if (strlen(hex) != RP_ID_HEX) return 0;
  for (size_t i = 0; i < sizeof out->bytes; i++) {
    const char *high = strchr(DIGITS, hex[2 * i]), *low = strchr(DIGITS, hex[2 * i + 1]);
    if (!high || !low) return 0;
    out->bytes[i] = (uint8_t)((high - DIGITS) << 4 | (low - DIGITS));
  }
  return 1;
}

int rp_id_equal(rp_id a, rp_id b) {
  return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

int rp_id_is_zero(rp_id id) {
  return rp_id_equal(id, (rp_id){{0}});
}
