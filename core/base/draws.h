/* draws.h: random numbers that depend on what they are for, not on when they are drawn.
 *
 * Philox 4×32-10 (Salmon et al. 2011, from Random123) is a function from (key, counter) to 128 random bits. A stream is keyed by the
 * trial's seed, a purpose and up to four indices (layer, filter, cycle, …); its i-th number can be asked for at any time and in any order.
 */
#ifndef RP_BASE_DRAWS_H
#define RP_BASE_DRAWS_H

#include <stdint.h>

/* What numbers are drawn for. Part of every key: the values decide results, so they never change; new ones go at the end. */
typedef enum {
  RP_DRAW_INIT = 1,     /* a: layer's index among parameters */
  RP_DRAW_ORDER = 2,    /* a: epoch. Order of the training images */
  RP_DRAW_AUGMENT = 3,  /* a: epoch, b: image */
  RP_DRAW_SPLIT = 4,    /* keyed by split_seed, not by the trial's seed */
  RP_DRAW_SCORING = 5,  /* keyed by split_seed: which training images criteria look at */
  RP_DRAW_TIE = 6,      /* a: cycle, b: layer, c: filter */
  RP_DRAW_REGROW = 7,   /* a: cycle of the drop, b: layer, c: filter, d: attempt */
  RP_DRAW_READERS = 8,  /* a: cycle. Two numbers: the seed of an initialisation that they are taken from */
  RP_DRAW_RANKER = 9,   /* a, b: hash of the ranker's name, c: cycle, d: i; number j of the stream */
  RP_DRAW_SHAPES = 10,  /* keyed by the data set's seed. a: set, b: image */
  RP_DRAW_REINIT = 11,  /* regrow.mode random. a: cycle, b: layer, c: filter */
  RP_DRAW_DROPOUT = 12, /* dropout, drop_path, stochastic_pool. a: epoch, b: image's place in it, c: layer */
} rp_purpose;

typedef struct {
  uint32_t key[2], high[2];
} rp_stream;

rp_stream rp_stream_of(uint64_t seed, rp_purpose purpose, uint32_t a, uint32_t b, uint32_t c, uint32_t d);

/* The i-th number of a stream: 32 random bits; uniform in (0, 1), never 0 or 1, a multiple of 2^-53 plus 2^-54; uniform in 0 … n-1 without
 * bias (n ≥ 1); standard normal (Box-Muller on one counter block, so that i is random access here, too). */
uint32_t rp_draw_bits(const rp_stream *stream, uint64_t i);
double rp_draw_uniform(const rp_stream *stream, uint64_t i);
uint32_t rp_draw_below(const rp_stream *stream, uint64_t i, uint32_t n);
double rp_draw_normal(const rp_stream *stream, uint64_t i);

/* A uniformly random order of 0 … n-1 (Fisher-Yates) into `order`. */
void rp_draw_permutation(const rp_stream *stream, uint32_t n, uint32_t *order);

#endif
