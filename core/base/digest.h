/* digest.h: 128-bit ids of content (XXH3, canonical byte order, equal on every machine). Not cryptographic. */
#ifndef RP_BASE_DIGEST_H
#define RP_BASE_DIGEST_H

#include "core/base/status.h"

#include <stdint.h>

enum { RP_ID_HEX = 32 }; /* characters of an id in hex, without the NUL */

typedef struct {
  uint8_t bytes[16];
} rp_id;

/* A digest under construction. Owns its memory; rp_digest_finish or rp_digest_free releases it. */
typedef struct rp_digest rp_digest;

/* Starts a digest. `domain` keeps ids of different kinds of things apart ("state", "dataset", …). */
rp_status rp_digest_start(const char *domain, rp_digest **out, rp_error *err);
void rp_digest_bytes(rp_digest *digest, const void *bytes, size_t length);
void rp_digest_string(rp_digest *digest, const char *string); /* with its length, so that "ab","c" differs from "a","bc" */
void rp_digest_u64(rp_digest *digest, uint64_t value);        /* little-endian on every machine */
rp_id rp_digest_finish(rp_digest *digest);                    /* frees it */
void rp_digest_free(rp_digest **digest);                      /* for RP_CLEANUP */

/* One call for a block of bytes; and the 64-bit hash that orders images (rule 4). */
rp_id rp_digest_of(const char *domain, const void *bytes, size_t length);
uint64_t rp_hash64(const void *bytes, size_t length, uint64_t seed);

/* An id as lower-case hex, and back. rp_id_parse takes exactly 32 digits; returns 0 where it is not an id. */
void rp_id_hex(rp_id id, char hex[RP_ID_HEX + 1]);
int rp_id_parse(const char *hex, rp_id *out);
int rp_id_equal(rp_id a, rp_id b);
int rp_id_is_zero(rp_id id);

#endif
