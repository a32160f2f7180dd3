/* winograd.c: patches of 6×6 become 36 numbers per channel, whose products with 36 numbers per pair of channels are summed over channels,
 * and come back as a tile of outputs.
 *
 *   tile = Aᵀ [ Σ_c (G w_c Gᵀ) ⊙ (Bᵀ patch_c B) ] A                       Lavin & Gray, CVPR 2016, equation 8
 *
 * The polynomial behind it is evaluated at 0, ±5/8, ±3/2 and ∞: of the pairs tried they lose the fewest digits, and all entries of Bᵀ are
 * exact in float32. A pair of points shares the even and the odd half of its row. Bᵀ is the same for 3×3 weights with tiles of 4×4 and for
 * 5×5 weights with tiles of 2×2. An image is copied with its padding, so that every patch lies inside; tiles go through the three steps in
 * groups that stay in the cache. */
#include "core/nn/winograd.h"

#include "core/base/memory.h"

#include <string.h>

enum { BLOCK = 16, SIDE = 6, POINTS = SIDE * SIDE, GROUP = 24 };

struct rp_winograd {
  rp_winograd_spec spec;
  int tile;                            /* rows and columns of a tile of outputs: 4 or 2 */
  int tiles_down, tiles_across;        /* of an image */
  int top, left, width;                /* the padded copy's */
  size_t plane;                        /* floats of one block's padded copy */
  size_t source_blocks, output_blocks; /* of 16 channels */
  float *padded;                       /* [source_blocks] planes of the image at hand */
  float *weights;                      /* [POINTS][channels of the source][channels of the output], lanes of padding 0 */
  float *bias;                         /* [channels of the output], 0 without one */
  float *patches;                      /* [POINTS][GROUP][channels of the source] */
  float *products;                     /* [POINTS][GROUP][channels of the output] */
};

#if defined(__x86_64__)
static int has_avx512(void) {
  return __builtin_cpu_supports("avx512f");
}
#else
static int has_avx512(void) {
  return 0;
}
#endif

/* More padding would have outputs that read nothing, and a data gradient that begins before its map. */
static int has_room(const rp_window *window) {
  return window->top < window->kernel && window->left < window->kernel && window->bottom < window->kernel && window->right < window->kernel;
}

int rp_winograd_fits(const rp_winograd_spec *spec) {
  return has_avx512() && has_room(&spec->window) && spec->source.block == BLOCK && spec->output.block == BLOCK &&
         spec->window.stride == 1 && (spec->window.kernel == 3 || spec->window.kernel == 5);
}

static size_t blocks_of(const rp_map *map) {
  return ((size_t)map->channels + BLOCK - 1) / BLOCK;
}

rp_status rp_winograd_create(const rp_winograd_spec *spec, rp_winograd **out, rp_error *err) {
  RP_CLEANUP(rp_winograd_free) rp_winograd *made = NULL;
  RP_TRY(rp_allocate(1, sizeof *made, &made, err));
  const int kernel = spec->window.kernel;
  made->spec = *spec;
  made->tile = SIDE + 1 - kernel;
  made->tiles_down = (spec->output.height + made->tile - 1) / made->tile;
  made->tiles_across = (spec->output.width + made->tile - 1) / made->tile;
  made->top = spec->is_data_gradient ? kernel - 1 - spec->window.top : spec->window.top;
  made->left = spec->is_data_gradient ? kernel - 1 - spec->window.left : spec->window.left;
  made->width = made->tiles_across * made->tile + kernel - 1;
  made->plane = (size_t)(made->tiles_down * made->tile + kernel - 1) * (size_t)made->width * BLOCK;
  made->source_blocks = blocks_of(&spec->source), made->output_blocks = blocks_of(&spec->output);
  const size_t C = made->source_blocks * BLOCK, K = made->output_blocks * BLOCK;
  RP_TRY(rp_allocate(made->source_blocks * made->plane, sizeof(float), &made->padded, err));
  RP_TRY(rp_allocate(POINTS * C * K, sizeof(float), &made->weights, err));
  RP_TRY(rp_allocate(K, sizeof(float), &made->bias, err));
  RP_TRY(rp_allocate(POINTS * GROUP * C, sizeof(float), &made->patches, err));
  RP_TRY(rp_allocate(POINTS * GROUP * K, sizeof(float), &made->products, err));
  *out = made;
  made = NULL;
  return RP_OK;
}

void rp_winograd_free(rp_winograd **address) {
  rp_winograd *self = *address;
  if (!self) return;
  rp_free_pointer(&self->padded), rp_free_pointer(&self->weights), rp_free_pointer(&self->bias);
  rp_free_pointer(&self->patches), rp_free_pointer(&self->products);
  rp_free_pointer(address);
}

/* ---- Weights: G w Gᵀ in double, rounded once ------------------------------------------------- */

enum { LARGEST_KERNEL = 5, N_FINITE = SIDE - 1 };

/* G: powers of each point over the product of its differences from the others; of ∞ the last power alone. */
static void make_G(int kernel, double G[SIDE][LARGEST_KERNEL]) {
  static const double AT[N_FINITE] = {0, 0.625, -0.625, 1.5, -1.5};
  for (int i = 0; i < N_FINITE; i++) {
    double power = 1, differences = 1;
    for (int j = 0; j < N_FINITE; j++)
      if (j != i) differences *= AT[i] - AT[j];
    for (int r = 0; r < kernel; r++, power *= AT[i]) G[i][r] = power / differences;
  }
  for (int r = 0; r < kernel; r++) G[N_FINITE][r] = r == kernel - 1;
}

/* Up to 16 kernels side by side: from taps [kernel²][16] to points [36][16]. */
RP_VECTORISED static void winograd_weights(double (*restrict G)[LARGEST_KERNEL], int kernel, double (*restrict taps)[BLOCK],
                                           double (*restrict points)[BLOCK]) {
  double half[SIDE][LARGEST_KERNEL][BLOCK];
  for (int i = 0; i < SIDE; i++)
    for (int s = 0; s < kernel; s++) {
      double sum[BLOCK] = {0};
      for (int r = 0; r < kernel; r++)
        for (int lane = 0; lane < BLOCK; lane++) sum[lane] += G[i][r] * taps[r * kernel + s][lane];
      for (int lane = 0; lane < BLOCK; lane++) half[i][s][lane] = sum[lane];
    }
  for (int i = 0; i < SIDE; i++)
    for (int j = 0; j < SIDE; j++) {
      double sum[BLOCK] = {0};
      for (int s = 0; s < kernel; s++)
        for (int lane = 0; lane < BLOCK; lane++) sum[lane] += G[j][s] * half[i][s][lane];
      for (int lane = 0; lane < BLOCK; lane++) points[i * SIDE + j][lane] = sum[lane];
    }
}

/* Taps of the kernels from channel `from` of the source to 16 channels of the output, starting at `to`. The data gradient's kernels are the
 * convolution's turned by half a turn, from K to C. */
static void gather_taps(const rp_winograd *self, const float *weights, int from, int to, double (*taps)[BLOCK]) {
  const rp_winograd_spec *spec = &self->spec;
  const int n_taps = spec->window.kernel * spec->window.kernel;
  const size_t C = (size_t)(spec->is_data_gradient ? spec->output.channels : spec->source.channels);
  for (int lane = 0; lane < BLOCK; lane++) {
    const int has_lane = to + lane < spec->output.channels;
    const size_t k = (size_t)(spec->is_data_gradient ? from : to + lane), c = (size_t)(spec->is_data_gradient ? to + lane : from);
    const float *kernel = weights + (k * C + c) * (size_t)n_taps;
    for (int t = 0; t < n_taps; t++) taps[t][lane] = !has_lane ? 0 : (double)kernel[spec->is_data_gradient ? n_taps - 1 - t : t];
  }
}

void rp_winograd_load(rp_winograd *self, const float *weights, const float *bias) {
  const rp_winograd_spec *spec = &self->spec;
  const size_t C = self->source_blocks * BLOCK, K = self->output_blocks * BLOCK;
  double G[SIDE][LARGEST_KERNEL], taps[LARGEST_KERNEL * LARGEST_KERNEL][BLOCK], points[POINTS][BLOCK];
  make_G(spec->window.kernel, G);
  for (int from = 0; from < spec->source.channels; from++)
    for (size_t to = 0; to < K; to += BLOCK) {
      gather_taps(self, weights, from, (int)to, taps);
      winograd_weights(G, spec->window.kernel, taps, points);
      for (int i = 0; i < POINTS; i++)
        for (int lane = 0; lane < BLOCK; lane++)
          self->weights[((size_t)i * C + (size_t)from) * K + to + (size_t)lane] = (float)points[i][lane];
    }
  if (bias) memcpy(self->bias, bias, (size_t)spec->output.channels * sizeof *bias);
}

/* ---- The three steps ------------------------------------------------------------------------- */

/* One image with its padding, whose pixels were set to 0 when the copy was made. */
static void pad_image(rp_winograd *self, int image) {
  const rp_map *source = &self->spec.source;
  const size_t row = (size_t)source->width * BLOCK;
  for (size_t b = 0; b < self->source_blocks; b++) {
    const float *from = source->values + ((size_t)image * self->source_blocks + b) * (size_t)source->height * row;
    float *to = self->padded + b * self->plane + ((size_t)self->top * (size_t)self->width + (size_t)self->left) * BLOCK;
    for (int y = 0; y < source->height; y++) memcpy(to + (size_t)y * (size_t)self->width * BLOCK, from + (size_t)y * row, row * sizeof *to);
  }
}

static rp_status not_finite(rp_error *err) {
  return rp_fail(err, RP_ENUMERIC, "a feature map or its gradient is NaN or infinite: training has diverged; try a lower learning rate");
}

#if defined(__x86_64__)
#include <immintrin.h>

#define UNROLLED _Pragma("GCC unroll 24")
#define KERNEL_CODE __attribute__((target("avx512f"), always_inline)) static inline
#define KERNEL __attribute__((target("avx512f")))

KERNEL_CODE __m512 times(float factor, __m512 x) {
  return _mm512_mul_ps(_mm512_set1_ps(factor), x);
}

/* factor · x + y */
KERNEL_CODE __m512 times_plus(float factor, __m512 x, __m512 y) {
  return _mm512_fmadd_ps(_mm512_set1_ps(factor), x, y);
}

enum { ZERO, PLUS_A, MINUS_A, PLUS_B, MINUS_B, INFINITE }; /* the points' order */
#define A 0.625f
#define B 1.5f

/* Bᵀ d, in place: row by row the coefficients of Π (x − other points). */
KERNEL_CODE void transform_patch(__m512 *d) {
  const __m512 zero = times_plus(A * A * B * B, d[0], times_plus(-(A * A + B * B), d[2], d[4]));
  const __m512 infinite = times_plus(A * A * B * B, d[1], times_plus(-(A * A + B * B), d[3], d[5]));
  const __m512 even_a = times_plus(-B * B, d[2], d[4]), odd_a = times_plus(-B * B, d[1], d[3]);
  const __m512 even_b = times_plus(-A * A, d[2], d[4]), odd_b = times_plus(-A * A, d[1], d[3]);
  d[ZERO] = zero, d[INFINITE] = infinite;
  d[PLUS_A] = times_plus(A, odd_a, even_a), d[MINUS_A] = times_plus(-A, odd_a, even_a);
  d[PLUS_B] = times_plus(B, odd_b, even_b), d[MINUS_B] = times_plus(-B, odd_b, even_b);
}

/* Aᵀ m: output i is the sum over points of point^i · m; ∞ counts for the last one alone. `tile` is a constant wherever this is inlined. */
KERNEL_CODE void transform_products(const __m512 *m, __m512 *out, const int tile) {
  const __m512 even_a = _mm512_add_ps(m[PLUS_A], m[MINUS_A]), odd_a = _mm512_sub_ps(m[PLUS_A], m[MINUS_A]);
  const __m512 even_b = _mm512_add_ps(m[PLUS_B], m[MINUS_B]), odd_b = _mm512_sub_ps(m[PLUS_B], m[MINUS_B]);
  out[0] = _mm512_add_ps(m[ZERO], _mm512_add_ps(even_a, even_b));
  if (tile == 2) {
    out[1] = _mm512_add_ps(m[INFINITE], times_plus(A, odd_a, times(B, odd_b)));
  } else {
    out[1] = times_plus(A, odd_a, times(B, odd_b));
    out[2] = times_plus(A * A, even_a, times(B * B, even_b));
    out[3] = _mm512_add_ps(m[INFINITE], times_plus(A * A * A, odd_a, times(B * B * B, odd_b)));
  }
}

/* A patch of one block of channels, to its place in a group: point by point, `step` floats apart. */
KERNEL static void winograd_patch(const float *patch, size_t row, float *to, size_t step) {
  __m512 points[SIDE][SIDE];
  for (int x = 0; x < SIDE; x++) {
    __m512 column[SIDE];
    UNROLLED
    for (int y = 0; y < SIDE; y++) column[y] = _mm512_loadu_ps(patch + (size_t)y * row + (size_t)x * BLOCK);
    transform_patch(column);
    UNROLLED
    for (int y = 0; y < SIDE; y++) points[y][x] = column[y];
  }
  for (int y = 0; y < SIDE; y++) {
    transform_patch(points[y]);
    UNROLLED
    for (int x = 0; x < SIDE; x++, to += step) _mm512_storeu_ps(to, points[y][x]);
  }
}

/* Rows of patches × weights of one point: `n_rows` tiles, `n_vectors` blocks of outputs, all sums in registers. */
KERNEL_CODE void multiply(const float *patches, const float *weights, float *products, size_t C, size_t K, const int n_rows,
                          const int n_vectors) {
  __m512 sum[24];
  UNROLLED
  for (int i = 0; i < n_rows * n_vectors; i++) sum[i] = _mm512_setzero_ps();
  for (size_t c = 0; c < C; c++, weights += K) {
    __m512 weight[2];
    UNROLLED
    for (int v = 0; v < n_vectors; v++) weight[v] = _mm512_loadu_ps(weights + v * BLOCK);
    UNROLLED
    for (int t = 0; t < n_rows; t++) {
      const __m512 value = _mm512_set1_ps(patches[(size_t)t * C + c]);
      UNROLLED
      for (int v = 0; v < n_vectors; v++) sum[t * n_vectors + v] = _mm512_fmadd_ps(value, weight[v], sum[t * n_vectors + v]);
    }
  }
  UNROLLED
  for (int t = 0; t < n_rows; t++) UNROLLED
  for (int v = 0; v < n_vectors; v++) _mm512_storeu_ps(products + (size_t)t * K + v * BLOCK, sum[t * n_vectors + v]);
}

KERNEL static void winograd_multiply(const rp_winograd *self, int n_tiles) {
  const size_t C = self->source_blocks * BLOCK, K = self->output_blocks * BLOCK;
  for (size_t point = 0; point < POINTS; point++) {
    const float *weights = self->weights + point * C * K;
    const float *patches = self->patches + point * GROUP * C;
    float *products = self->products + point * GROUP * K;
    size_t k = 0;
    for (; k + 2 * BLOCK <= K; k += 2 * BLOCK)
      for (size_t t = 0; t < (size_t)n_tiles; t += 12) multiply(patches + t * C, weights + k, products + t * K + k, C, K, 12, 2);
    if (k < K) multiply(patches, weights + k, products + k, C, K, 24, 1);
  }
}

/* One tile of one block of outputs; `rows` and `columns` of it lie inside the map. Returns whether the whole tile is finite: what is not
 * has become NaN on the way through differences, and a pool behind would lose it. */
KERNEL_CODE int write_tile(const float *products, size_t step, const float *bias, int has_relu, float *out, size_t row, int rows,
                           int columns, const int tile) {
  __m512 half[4][SIDE];
  for (int x = 0; x < SIDE; x++) {
    __m512 column[SIDE], outputs[4];
    UNROLLED
    for (int y = 0; y < SIDE; y++) column[y] = _mm512_loadu_ps(products + (size_t)(y * SIDE + x) * step);
    transform_products(column, outputs, tile);
    UNROLLED
    for (int y = 0; y < tile; y++) half[y][x] = outputs[y];
  }
  const __m512 added = _mm512_loadu_ps(bias), lowest = _mm512_set1_ps(has_relu ? 0 : -__builtin_inff());
  __m512 zeros = _mm512_setzero_ps();
  for (int y = 0; y < rows; y++) {
    __m512 outputs[4];
    transform_products(half[y], outputs, tile);
    UNROLLED
    for (int x = 0; x < tile; x++) zeros = times_plus(0, outputs[x], zeros);
    if (columns == tile) {
      UNROLLED
      for (int x = 0; x < tile; x++)
        _mm512_storeu_ps(out + (size_t)y * row + (size_t)x * BLOCK, _mm512_max_ps(lowest, _mm512_add_ps(outputs[x], added)));
    } else {
      for (int x = 0; x < columns; x++)
        _mm512_storeu_ps(out + (size_t)y * row + (size_t)x * BLOCK, _mm512_max_ps(lowest, _mm512_add_ps(outputs[x], added)));
    }
  }
  return _mm512_cmp_ps_mask(zeros, _mm512_setzero_ps(), _CMP_NEQ_UQ) == 0;
}

KERNEL static int winograd_tile_2(const float *products, size_t step, const float *bias, int has_relu, float *out, size_t row, int rows,
                                  int columns) {
  return write_tile(products, step, bias, has_relu, out, row, rows, columns, 2);
}

KERNEL static int winograd_tile_4(const float *products, size_t step, const float *bias, int has_relu, float *out, size_t row, int rows,
                                  int columns) {
  return write_tile(products, step, bias, has_relu, out, row, rows, columns, 4);
}

/* Where a tile, counted over the batch, begins. */
typedef struct {
  int image, y, x;
} place;

static place place_of(const rp_winograd *self, int tile) {
  const int per_image = self->tiles_down * self->tiles_across, within = tile % per_image;
  return (place){tile / per_image, within / self->tiles_across * self->tile, within % self->tiles_across * self->tile};
}

static void read_patch(const rp_winograd *self, place at, int slot) {
  const size_t C = self->source_blocks * BLOCK, row = (size_t)self->width * BLOCK;
  for (size_t b = 0; b < self->source_blocks; b++)
    winograd_patch(self->padded + b * self->plane + (size_t)at.y * row + (size_t)at.x * BLOCK, row,
                   self->patches + (size_t)slot * C + b * BLOCK, GROUP * C);
}

static int smaller(int a, int b) {
  return a < b ? a : b;
}

static int write_outputs(const rp_winograd *self, place at, int slot) {
  const rp_map *output = &self->spec.output;
  const size_t K = self->output_blocks * BLOCK, row = (size_t)output->width * BLOCK;
  int is_finite = 1;
  for (size_t b = 0; b < self->output_blocks; b++) {
    float *out = output->values + (((size_t)at.image * self->output_blocks + b) * (size_t)output->height + (size_t)at.y) * row +
                 (size_t)at.x * BLOCK;
    is_finite &= (self->tile == 2 ? winograd_tile_2 : winograd_tile_4)(
        self->products + (size_t)slot * K + b * BLOCK, GROUP * K, self->bias + b * BLOCK, self->spec.has_relu, out, row,
        smaller(self->tile, output->height - at.y), smaller(self->tile, output->width - at.x));
  }
  return is_finite;
}

rp_status rp_winograd_run(rp_winograd *self, rp_error *err) {
  int is_finite = 1;
  const int n_tiles = self->spec.output.batch * self->tiles_down * self->tiles_across;
  int padded = -1; /* the image that was copied last */
  for (int first = 0; first < n_tiles; first += GROUP) {
    const int n = smaller(GROUP, n_tiles - first);
    for (int slot = 0; slot < n; slot++) {
      const place at = place_of(self, first + slot);
      if (at.image != padded) pad_image(self, padded = at.image);
      read_patch(self, at, slot);
    }
    winograd_multiply(self, n);
    for (int slot = 0; slot < n; slot++) is_finite &= write_outputs(self, place_of(self, first + slot), slot);
  }
  return is_finite ? RP_OK : not_finite(err);
}
#else
rp_status rp_winograd_run(rp_winograd *self, rp_error *err) {
  (void)self, (void)pad_image, (void)not_finite;
  return rp_fail(err, RP_ELIBRARY, "Winograd kernels are for AVX-512"); /* rp_winograd_fits is never true here */
}
#endif
