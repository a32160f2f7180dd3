/* sparse_gradient.c: lists of what the pool chose, then one fused multiply-add per tap of the kernel and entry.
 *
 * The input is copied, image by image, with its padding, so that every patch lies inside. In blocks of 16 channels one tap's weights of a
 * block are one register, and all taps of a kernel of up to 5×5 fit into registers while a filter's list is walked. An image of up to three
 * channels lies channel by channel within each pixel: a row of taps is then one register. Sums go image by image, entry by entry, in a
 * fixed order; an image's own are taken alone first, which keeps rows of additions short. */
#include "core/nn/sparse_gradient.h"

#include "core/base/memory.h"

#include <string.h>

enum { BLOCK = 16, LARGEST_KERNEL = 5, MOST_CHANNELS_OF_IMAGE = 3 };

/* What a filter's gradient consists of, for one image. */
typedef struct {
  int n;
  float *gradients; /* [most] */
  int32_t *places;  /* [most]: of the patch's first pixel in the padded input */
} entries;

struct rp_sparse_gradient {
  const rp_layer *conv, *pool;
  int is_image;         /* of up to three channels, not in blocks */
  int kernel, width;    /* of the padded input */
  size_t n_blocks;      /* of input channels; 1 for an image */
  size_t plane;         /* floats of a padded plane */
  float *padded;        /* [n_blocks] planes, and room to read past the end */
  entries lists[BLOCK]; /* of one block of filters */
  float *sums;          /* [K][n_blocks][taps][16]; an image: [K][kernel][16] */
  double *bias_sums;    /* [K] */
};

int rp_sparse_gradient_fits(const rp_layer *conv, const rp_layer *pool) {
  const rp_map *in = &conv->ins[0], *out = &conv->out;
  int is_image = in->block == 1 && in->channels <= MOST_CHANNELS_OF_IMAGE, kernel = conv->spec->kernel;
  return out->block == BLOCK && (in->block == BLOCK || is_image) && conv->spec->stride == 1 && kernel <= LARGEST_KERNEL &&
         kernel % 2 == 1 && 4 * pool->out.height * pool->out.width <= out->height * out->width;
}

static rp_window window_of(const rp_layer *conv) {
  const rp_extent in = {.channels = conv->ins[0].channels, .height = conv->ins[0].height, .width = conv->ins[0].width};
  return rp_window_of(conv->spec, &in);
}

rp_status rp_sparse_gradient_create(const rp_layer *conv, const rp_layer *pool, rp_sparse_gradient **out, rp_error *err) {
  const rp_map *in = &conv->ins[0];
  const rp_window window = window_of(conv);
  const size_t n_outputs = (size_t)pool->out.height * (size_t)pool->out.width, K = (size_t)conv->out.channels;
  RP_CLEANUP(rp_sparse_gradient_free) rp_sparse_gradient *made = NULL;
  RP_TRY(rp_allocate(1, sizeof *made, &made, err));
  made->conv = conv, made->pool = pool;
  made->is_image = in->block == 1;
  made->kernel = window.kernel;
  made->width = in->width + window.left + window.right;
  const size_t n_pixels = (size_t)(in->height + window.top + window.bottom) * (size_t)made->width;
  made->n_blocks = made->is_image ? 1 : ((size_t)in->channels + BLOCK - 1) / BLOCK;
  made->plane = n_pixels * (size_t)(made->is_image ? in->channels : BLOCK);
  RP_TRY(rp_allocate(made->n_blocks * made->plane + BLOCK, sizeof(float), &made->padded, err));
  for (int i = 0; i < BLOCK; i++) {
    RP_TRY(rp_allocate(n_outputs, sizeof(float), &made->lists[i].gradients, err));
    RP_TRY(rp_allocate(n_outputs, sizeof(int32_t), &made->lists[i].places, err));
  }
  const size_t taps = (size_t)(made->is_image ? window.kernel : window.kernel * window.kernel);
  RP_TRY(rp_allocate(K * made->n_blocks * taps * BLOCK, sizeof(float), &made->sums, err));
  RP_TRY(rp_allocate(K, sizeof *made->bias_sums, &made->bias_sums, err));
  *out = made;
  made = NULL;
  return RP_OK;
}

void rp_sparse_gradient_free(rp_sparse_gradient **gradient) {
  if (!*gradient) return;
  rp_free_pointer(&(*gradient)->padded), rp_free_pointer(&(*gradient)->sums), rp_free_pointer(&(*gradient)->bias_sums);
  for (int i = 0; i < BLOCK; i++) rp_free_pointer(&(*gradient)->lists[i].gradients), rp_free_pointer(&(*gradient)->lists[i].places);
  rp_free_pointer(gradient);
}

/* ---- The input and the lists ----------------------------------------------------------------- */

/* Copies one image into the padded planes, whose padding stays 0. */
static void pad_input(rp_sparse_gradient *self, int image) {
  const rp_map *in = &self->conv->ins[0];
  const rp_window window = window_of(self->conv);
  const size_t row = (size_t)in->width, n_pixels = (size_t)in->height * row, C = (size_t)in->channels;
  const float *from = in->values + (size_t)image * self->n_blocks * n_pixels * (self->is_image ? C : BLOCK);
  for (size_t b = 0; b < self->n_blocks; b++)
    for (size_t y = 0; y < (size_t)in->height; y++) {
      float *to = self->padded + b * self->plane +
                  ((y + (size_t)window.top) * (size_t)self->width + (size_t)window.left) * (self->is_image ? C : BLOCK);
      if (!self->is_image)
        memcpy(to, from + (b * n_pixels + y * row) * BLOCK, row * BLOCK * sizeof *to);
      else
        for (size_t x = 0; x < row; x++)
          for (size_t c = 0; c < C; c++) to[x * C + c] = from[c * n_pixels + y * row + x];
    }
}

/* The pixel that an output of the pool came from is where a patch of the padded input starts: the conv's padding and the patch's are one.
 */
static void list_block(rp_sparse_gradient *self, int image, int block) {
  const rp_map *out = &self->pool->out;
  const rp_window *window = rp_max_pool_window(self->pool);
  const size_t n_outputs = (size_t)out->height * (size_t)out->width;
  const size_t n_blocks = ((size_t)out->channels + BLOCK - 1) / BLOCK,
               first = ((size_t)image * n_blocks + (size_t)block) * n_outputs * BLOCK;
  const float *gradient = self->pool->out_gradient.values + first;
  const uint8_t *tap = rp_max_pool_taps(self->pool) + first;
  int32_t place_of_tap[RP_NO_TAP];
  for (int t = 0; t < window->kernel * window->kernel; t++) place_of_tap[t] = t / window->kernel * self->width + t % window->kernel;
  for (int lane = 0; lane < BLOCK; lane++) self->lists[lane].n = 0;
  for (int y = 0; y < out->height; y++)
    for (int x = 0; x < out->width; x++, gradient += BLOCK, tap += BLOCK) {
      const int32_t corner = (y * window->stride - window->top) * self->width + x * window->stride - window->left;
      for (int lane = 0; lane < BLOCK; lane++) {
        if (tap[lane] == RP_NO_TAP) continue;
        entries *list = &self->lists[lane];
        list->gradients[list->n] = gradient[lane];
        list->places[list->n++] = corner + place_of_tap[tap[lane]];
      }
    }
}

/* ---- Sums ------------------------------------------------------------------------------------ */

#if defined(__x86_64__)
#include <immintrin.h>

/* Sums stay in registers only where every loop over them is unrolled. */
#define UNROLLED _Pragma("GCC unroll 25")
#define KERNEL_CODE __attribute__((target("avx512f"), always_inline)) static inline

/* One filter's list against one block of channels: `kernel` is a constant wherever this is inlined, so all sums stay in registers. */
KERNEL_CODE void sum_block(const entries *list, const float *plane, int width, float *sums, const int kernel) {
  __m512 sum[LARGEST_KERNEL * LARGEST_KERNEL];
  UNROLLED
  for (int t = 0; t < kernel * kernel; t++) sum[t] = _mm512_setzero_ps();
  for (int i = 0; i < list->n; i++) {
    const __m512 gradient = _mm512_set1_ps(list->gradients[i]);
    const float *patch = plane + (ptrdiff_t)list->places[i] * BLOCK;
    UNROLLED
    for (int r = 0; r < kernel; r++) UNROLLED
    for (int s = 0; s < kernel; s++)
      sum[r * kernel + s] = _mm512_fmadd_ps(gradient, _mm512_loadu_ps(patch + ((ptrdiff_t)r * width + s) * BLOCK), sum[r * kernel + s]);
  }
  UNROLLED
  for (int t = 0; t < kernel * kernel; t++) _mm512_storeu_ps(sums + t * BLOCK, _mm512_add_ps(_mm512_loadu_ps(sums + t * BLOCK), sum[t]));
}

/* One filter's list against an image: entries take turns in two sets of sums, which hides the time that one sum takes. */
KERNEL_CODE void sum_image(const entries *list, const float *image, int width, int channels, float *sums, const int kernel) {
  __m512 sum[2][LARGEST_KERNEL];
  UNROLLED
  for (int r = 0; r < kernel; r++) sum[0][r] = sum[1][r] = _mm512_setzero_ps();
  for (int i = 0; i + 1 < list->n; i += 2) UNROLLED
  for (int j = 0; j < 2; j++) {
    const __m512 gradient = _mm512_set1_ps(list->gradients[i + j]);
    const float *patch = image + (ptrdiff_t)list->places[i + j] * channels;
    UNROLLED
    for (int r = 0; r < kernel; r++)
      sum[j][r] = _mm512_fmadd_ps(gradient, _mm512_loadu_ps(patch + (ptrdiff_t)r * width * channels), sum[j][r]);
  }
  if (list->n % 2) {
    const __m512 gradient = _mm512_set1_ps(list->gradients[list->n - 1]);
    const float *patch = image + (ptrdiff_t)list->places[list->n - 1] * channels;
    UNROLLED
    for (int r = 0; r < kernel; r++)
      sum[0][r] = _mm512_fmadd_ps(gradient, _mm512_loadu_ps(patch + (ptrdiff_t)r * width * channels), sum[0][r]);
  }
  UNROLLED
  for (int r = 0; r < kernel; r++)
    _mm512_storeu_ps(sums + r * BLOCK, _mm512_add_ps(_mm512_loadu_ps(sums + r * BLOCK), _mm512_add_ps(sum[0][r], sum[1][r])));
}

#define FOR_KERNEL(kernel)                                                                                                                 \
  __attribute__((target("avx512f"))) static void sparse_block_##kernel(const entries *list, const float *plane, int width, float *sums) {  \
    sum_block(list, plane, width, sums, kernel);                                                                                           \
  }                                                                                                                                        \
  __attribute__((target("avx512f"))) static void sparse_image_##kernel(const entries *list, const float *image, int width, int channels,   \
                                                                       float *sums) {                                                      \
    sum_image(list, image, width, channels, sums, kernel);                                                                                 \
  }
FOR_KERNEL(1)
FOR_KERNEL(3)
FOR_KERNEL(5)
#undef FOR_KERNEL

static void add_filter(const rp_sparse_gradient *self, const entries *list, int k) {
  static void (*const BLOCKS[])(const entries *, const float *, int,
                                float *) = {[1] = sparse_block_1, [3] = sparse_block_3, [5] = sparse_block_5};
  static void (*const IMAGES[])(const entries *, const float *, int, int,
                                float *) = {[1] = sparse_image_1, [3] = sparse_image_3, [5] = sparse_image_5};
  const size_t taps = (size_t)(self->is_image ? self->kernel : self->kernel * self->kernel);
  for (size_t b = 0; b < self->n_blocks; b++) {
    float *sums = self->sums + ((size_t)k * self->n_blocks + b) * taps * BLOCK;
    if (self->is_image)
      IMAGES[self->kernel](list, self->padded, self->width, self->conv->ins[0].channels, sums);
    else
      BLOCKS[self->kernel](list, self->padded + b * self->plane, self->width, sums);
  }
}
#else
static void add_filter(const rp_sparse_gradient *self, const entries *list, int k) {
  (void)self, (void)list, (void)k; /* blocks of 16 are AVX-512's: rp_sparse_gradient_fits is never true here */
}
#endif

/* In double: a bias sums as many values as all weights of its filter together, and has no product to hide an error. */
static double sum_of(const entries *list) {
  double sum = 0;
  for (int i = 0; i < list->n; i++) sum += (double)list->gradients[i];
  return sum;
}

void rp_sparse_gradient_add(rp_sparse_gradient *self) {
  const int K = self->conv->out.channels;
  for (int image = 0; image < self->conv->out.batch; image++) {
    pad_input(self, image);
    for (int first = 0; first < K; first += BLOCK) {
      list_block(self, image, first / BLOCK);
      for (int k = first; k < first + BLOCK && k < K; k++) {
        const entries *list = &self->lists[k - first];
        self->bias_sums[k] += sum_of(list);
        add_filter(self, list, k);
      }
    }
  }
}

void rp_sparse_gradient_clear(rp_sparse_gradient *self) {
  const size_t K = (size_t)self->conv->out.channels, taps = (size_t)(self->is_image ? self->kernel : self->kernel * self->kernel);
  memset(self->sums, 0, K * self->n_blocks * taps * BLOCK * sizeof(float));
  memset(self->bias_sums, 0, K * sizeof *self->bias_sums);
}

void rp_sparse_gradient_get(const rp_sparse_gradient *self, float *weights, float *bias) {
  const size_t K = (size_t)self->conv->out.channels, C = (size_t)self->conv->ins[0].channels, R = (size_t)self->kernel;
  for (size_t k = 0; k < K; k++)
    for (size_t c = 0; c < C; c++)
      for (size_t r = 0; r < R; r++)
        for (size_t s = 0; s < R; s++, weights++)
          *weights = self->is_image ? self->sums[(k * R + r) * BLOCK + s * C + c]
                                    : self->sums[((k * self->n_blocks + c / BLOCK) * R * R + r * R + s) * BLOCK + c % BLOCK];
  for (size_t k = 0; bias && k < K; k++) bias[k] = (float)self->bias_sums[k];
}
