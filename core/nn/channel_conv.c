/* channel_conv.c: tiles of outputs stay in registers while all taps are subtracted. On AVX-512 up to 8 pixels of up to two blocks at a
 * time; elsewhere pixel by pixel. */
#include "core/nn/channel_conv.h"

static size_t blocks_of(const rp_map *map) {
  return ((size_t)map->channels + (size_t)map->block - 1) / (size_t)map->block;
}

rp_channel_plane rp_channel_plane_of(const rp_map *in, const rp_map *out, const rp_window *window) {
  const int rows_read = (out->height - 1) * window->stride + window->kernel, rows = window->top + in->height;
  const int columns_read = (out->width - 1) * window->stride + window->kernel, columns = window->left + in->width;
  const size_t width = (size_t)(columns_read > columns ? columns_read : columns);
  return (rp_channel_plane){.width = width,
                            .size = width * (size_t)(rows_read > rows ? rows_read : rows),
                            .first = (size_t)window->top * width + (size_t)window->left,
                            .kernel = window->kernel,
                            .stride = window->stride};
}

/* What a tile reads and writes: a row of outputs from (y, x) on in one block of channels, and as many in the block behind. */
typedef struct {
  const float *sums;
  float *out;
  size_t n_plane;       /* floats from block to block */
  const float *pixels;  /* the first tap's first pixel, in the first channel */
  const float *weights; /* the first tap's, at the block; the next tap's are `n_weights` further on */
  size_t n_weights;
} tile;

static size_t channels_of(const rp_map *map) {
  return blocks_of(map) * (size_t)map->block;
}

static tile tile_at(const rp_channel_conv *conv, const float *sums, const rp_map *out, int image, size_t b, int y, int x) {
  const size_t block = (size_t)out->block, n_plane = (size_t)out->height * (size_t)out->width * block;
  const size_t at = ((size_t)image * blocks_of(out) + b) * n_plane + (size_t)(y * out->width + x) * block;
  const size_t pixel = (size_t)(y * conv->plane.stride) * conv->plane.width + (size_t)(x * conv->plane.stride);
  return (tile){sums + at, out->values + at, n_plane, conv->planes + pixel, conv->weights + b * block, channels_of(out)};
}

/* ---- Any processor --------------------------------------------------------------------------- */

enum { LANES = 8 };

/* One pixel, 8 channels. */
RP_VECTORISED static void channel_conv_pixel(const rp_channel_conv *conv, const tile *at) {
  float sums[LANES];
  for (int lane = 0; lane < LANES; lane++) sums[lane] = at->sums[lane];
  const float *weights = at->weights;
  for (int c = 0; c < conv->n_channels; c++)
    for (int r = 0; r < conv->plane.kernel; r++)
      for (int s = 0; s < conv->plane.kernel; s++, weights += at->n_weights) {
        const float pixel = at->pixels[(size_t)c * conv->plane.size + (size_t)r * conv->plane.width + (size_t)s];
        for (int lane = 0; lane < LANES; lane++) sums[lane] -= pixel * weights[lane];
      }
  for (int lane = 0; lane < LANES; lane++) at->out[lane] = sums[lane] < conv->lowest ? conv->lowest : sums[lane];
}

static void subtract_plainly(const rp_channel_conv *conv, const float *sums, const rp_map *out, int image) {
  for (size_t b = 0; b < blocks_of(out); b++)
    for (int y = 0; y < out->height; y++)
      for (int x = 0; x < out->width; x++)
        for (int first = 0; first < out->block; first += LANES) {
          tile at = tile_at(conv, sums, out, image, b, y, x);
          at.sums += first, at.out += first, at.weights += first;
          channel_conv_pixel(conv, &at);
        }
}

/* ---- AVX-512 --------------------------------------------------------------------------------- */

#if defined(__x86_64__)
#include <immintrin.h>

enum { BLOCK = 16, MOST_PIXELS = 8 };

#define UNROLLED _Pragma("GCC unroll 8")

/* `n_pixels` and `n_blocks` are constants wherever this is inlined, so all sums stay in registers. */
__attribute__((target("avx512f"), always_inline)) static inline void subtract_tile(const rp_channel_conv *conv, const tile *at,
                                                                                   const int n_pixels, const int n_blocks) {
  __m512 sums[2][MOST_PIXELS];
  UNROLLED
  for (int i = 0; i < n_pixels; i++) UNROLLED
  for (int b = 0; b < n_blocks; b++) sums[b][i] = _mm512_loadu_ps(at->sums + (size_t)b * at->n_plane + i * BLOCK);
  const float *weights = at->weights;
  for (int c = 0; c < conv->n_channels; c++)
    for (int r = 0; r < conv->plane.kernel; r++) {
      const float *pixels = at->pixels + (size_t)c * conv->plane.size + (size_t)r * conv->plane.width;
      for (int s = 0; s < conv->plane.kernel; s++, weights += at->n_weights, pixels++) {
        const __m512 one = _mm512_loadu_ps(weights), other = n_blocks > 1 ? _mm512_loadu_ps(weights + BLOCK) : one;
        UNROLLED
        for (int i = 0; i < n_pixels; i++) {
          const __m512 pixel = _mm512_set1_ps(pixels[i * conv->plane.stride]);
          sums[0][i] = _mm512_fnmadd_ps(pixel, one, sums[0][i]);
          if (n_blocks > 1) sums[1][i] = _mm512_fnmadd_ps(pixel, other, sums[1][i]);
        }
      }
    }
  const __m512 lowest = _mm512_set1_ps(conv->lowest);
  UNROLLED
  for (int i = 0; i < n_pixels; i++) UNROLLED
  for (int b = 0; b < n_blocks; b++) _mm512_storeu_ps(at->out + (size_t)b * at->n_plane + i * BLOCK, _mm512_max_ps(lowest, sums[b][i]));
}

#define FOR_TILE(n_pixels, n_blocks)                                                                                                       \
  __attribute__((target("avx512f"))) static void channel_tile_##n_pixels##_##n_blocks(const rp_channel_conv *conv, const tile *at) {       \
    subtract_tile(conv, at, n_pixels, n_blocks);                                                                                           \
  }
FOR_TILE(1, 1)
FOR_TILE(2, 1)
FOR_TILE(4, 1)
FOR_TILE(8, 1)
FOR_TILE(1, 2)
FOR_TILE(2, 2)
FOR_TILE(4, 2)
FOR_TILE(8, 2)
#undef FOR_TILE

static void (*const TILES[2][MOST_PIXELS + 1])(const rp_channel_conv *, const tile *) = {
    {[1] = channel_tile_1_1, [2] = channel_tile_2_1, [4] = channel_tile_4_1, [8] = channel_tile_8_1},
    {[1] = channel_tile_1_2, [2] = channel_tile_2_2, [4] = channel_tile_4_2, [8] = channel_tile_8_2}};

/* As wide as fits. */
static int tile_width(int left) {
  return left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

static void subtract_tiles(const rp_channel_conv *conv, const float *sums, const rp_map *out, int image) {
  for (size_t b = 0, n_blocks; b < blocks_of(out); b += n_blocks) {
    n_blocks = b + 1 < blocks_of(out) ? 2 : 1;
    for (int y = 0; y < out->height; y++)
      for (int x = 0, n; x < out->width; x += n) {
        const tile at = tile_at(conv, sums, out, image, b, y, x);
        n = tile_width(out->width - x);
        TILES[n_blocks - 1][n](conv, &at);
      }
  }
}

static int has_tiles(const rp_map *out) {
  return out->block == BLOCK && __builtin_cpu_supports("avx512f");
}
#else
static void subtract_tiles(const rp_channel_conv *conv, const float *sums, const rp_map *out, int image) {
  (void)conv, (void)sums, (void)out, (void)image;
}

static int has_tiles(const rp_map *out) {
  (void)out;
  return 0;
}
#endif

void rp_channel_conv_subtract(const rp_channel_conv *conv, const float *sums, const rp_map *out, int image) {
  if (has_tiles(out))
    subtract_tiles(conv, sums, out, image);
  else
    subtract_plainly(conv, sums, out, image);
}
