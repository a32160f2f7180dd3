/* draws.c: Philox streams. The 64-bit stream key is itself a Philox output of (seed; purpose, a, b, c); d and the number's index form the
 * counter. */
#include "core/base/draws.h"

#include <Random123/philox.h>
#include <math.h>

static philox4x32_ctr_t block(const rp_stream *stream, uint64_t i, uint32_t lane) {
  philox4x32_ctr_t counter = {{(uint32_t)i, (uint32_t)(i >> 32), stream->high[0], stream->high[1] ^ lane}};
  philox4x32_key_t key = {{stream->key[0], stream->key[1]}};
  return philox4x32(counter, key);
}

rp_stream rp_stream_of(uint64_t seed, rp_purpose purpose, uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  philox4x32_ctr_t counter = {{(uint32_t)purpose, a, b, c}};
  philox4x32_key_t key = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};
  philox4x32_ctr_t derived = philox4x32(counter, key);
  return (rp_stream){.key = {derived.v[0], derived.v[1]}, .high = {d, derived.v[2]}};
}

uint32_t rp_draw_bits(const rp_stream *stream, uint64_t i) {
  return block(stream, i, 0).v[0];
}

static double uniform_of(uint32_t high, uint32_t low) {
  uint64_t bits = ((uint64_t)high << 32 | low) >> 11;
  return ((double)bits + 0.5) * 0x1p-53;
}

double rp_draw_uniform(const rp_stream *stream, uint64_t i) {
  philox4x32_ctr_t bits = block(stream, i, 0);
  return uniform_of(bits.v[0], bits.v[1]);
}

uint32_t rp_draw_below(const rp_stream *stream, uint64_t i, uint32_t n) {
  /* Lemire's method: the rejected fraction is below n / 2^32, and each rejection takes another lane of the counter. */
  uint32_t threshold = (uint32_t)(-n) % n;
  for (uint32_t lane = 0;; lane++) {
    uint64_t product = (uint64_t)block(stream, i, lane).v[0] * n;
    if ((uint32_t)product >= threshold) return (uint32_t)(product >> 32);
  }
}

double rp_draw_normal(const rp_stream *stream, uint64_t i) {
  philox4x32_ctr_t bits = block(stream, i, 0);
  double radius = sqrt(-2.0 * log(uniform_of(bits.v[0], bits.v[1])));
  return radius * cos(6.283185307179586476925 * uniform_of(bits.v[2], bits.v[3]));
}

void rp_draw_permutation(const rp_stream *stream, uint32_t n, uint32_t *order) {
  for (uint32_t i = 0; i < n; i++) order[i] = i;
  for (uint32_t i = n; i > 1; i--) {
    uint32_t j = rp_draw_below(stream, i, i), swapped = order[i - 1];
    order[i - 1] = order[j];
    order[j] = swapped;
  }
}
