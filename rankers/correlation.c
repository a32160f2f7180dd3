/* correlation.c: how well another filter of the layer tells what a filter's map shows.
 *
 * importance_f = − max_{j≠f} |r_fj|, with r_fj the Pearson correlation of the maps of filters f and j at the gate over all images and
 * positions, j over the layer's active filters.
 *
 * Redundancy as in Ayinde and Zurada, "Building efficient ConvNets using redundant feature pruning", 2018, there of weights. A map that
 * never changes (a dead filter) correlates with nothing and tells nothing: it gets −1, as if another one told all of it. An active filter
 * without another one in its layer gets 0. Of two equal maps both get −1.
 *
 * Reduction: from each map its mean over the first image shown is taken off (in float), which changes no correlation and keeps sums small.
 * About 1,024 positions at a time, products are summed in float in 8 lanes (position modulo 8), lanes and chunks in double. Normalisation:
 * none. */
#include "rankers/ranker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The same arithmetic in the same order on wider registers, chosen by the processor. */
#if defined(__x86_64__)
#define VECTORISED __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define VECTORISED
#endif

enum { LANES = 8, TILE_ROWS = 2, TILE_COLUMNS = 4, CHUNK = 1024 };
typedef float lanes __attribute__((vector_size(LANES * sizeof(float)), may_alias));

/* Of one layer. Rows and columns stand for active filters, padded with zero rows to a multiple of TILE_COLUMNS. */
typedef struct {
  uint32_t J, n_rows; /* active filters; with padding */
  size_t M, stride;   /* positions of a map; floats per row of a chunk */
  uint32_t n_images;  /* of a chunk, at most */
  uint32_t *filter;   /* [J] */
  float *shift;       /* [J] */
  double *sums;       /* [J] */
  double *products;   /* [n_rows][n_rows], valid from the diagonal on */
} layer_sums;

typedef struct {
  layer_sums *layers;
  uint32_t n_layers;
  float *chunk; /* [n_rows][stride] of the largest layer */
  uint64_t n_images;
} correlation;

static void destroy(void *self) {
  correlation *state = self;
  for (uint32_t l = 0; l < state->n_layers; l++)
    free(state->layers[l].filter), free(state->layers[l].shift), free(state->layers[l].sums), free(state->layers[l].products);
  free(state->layers);
  free(state->chunk);
  free(state);
}

static size_t rounded_up(size_t n, size_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

static int open_layer(const rp_conv_layer *layer, layer_sums *out) {
  out->M = (size_t)layer->out_height * layer->out_width;
  out->n_images = out->M < CHUNK ? (uint32_t)(CHUNK / out->M) : 1;
  out->stride = rounded_up(out->n_images * out->M, LANES);
  out->filter = calloc(layer->K, sizeof *out->filter);
  out->shift = calloc(layer->K, sizeof *out->shift);
  out->sums = calloc(layer->K, sizeof *out->sums);
  if (!out->filter) return 0;
  for (uint32_t k = 0; k < layer->K; k++)
    if (layer->active[k]) out->filter[out->J++] = k;
  out->n_rows = (uint32_t)rounded_up(out->J, TILE_COLUMNS);
  out->products = calloc((size_t)out->n_rows * out->n_rows + 1, sizeof *out->products);
  return out->shift && out->sums && out->products;
}

static int open_layers(const rp_context *context, correlation *state) {
  size_t largest = 0;
  state->layers = calloc(context->n_layers, sizeof *state->layers);
  if (!state->layers) return 0;
  for (; state->n_layers < context->n_layers; state->n_layers++) {
    layer_sums *layer = &state->layers[state->n_layers];
    if (!open_layer(context->layers[state->n_layers], layer)) return state->n_layers++, 0;
    if (layer->n_rows * layer->stride > largest) largest = layer->n_rows * layer->stride;
  }
  state->chunk = aligned_alloc(sizeof(lanes), rounded_up(largest + 1, LANES) * sizeof *state->chunk);
  return state->chunk != NULL;
}

static int create(const rp_context *context, const rp_value *options, void **self, rp_message *message) {
  (void)options;
  correlation *state = calloc(1, sizeof *state);
  if (!state || !open_layers(context, state)) {
    if (state) destroy(state);
    snprintf(message->text, sizeof message->text, "no memory for the correlations of %u filters", (unsigned)context->n_filters);
    return RP_RANKER_ERROR;
  }
  *self = state;
  return RP_RANKER_OK;
}

/* ---- Sums ------------------------------------------------------------------------------------ */

/* The products of TILE_ROWS rows with TILE_COLUMNS rows. */
VECTORISED static void correlation_tile(const float *rows, const float *columns, size_t stride, double *products, size_t n_columns) {
  lanes sums[TILE_ROWS][TILE_COLUMNS] = {{{0}}};
  for (size_t m = 0; m < stride; m += LANES)
    for (int i = 0; i < TILE_ROWS; i++) {
      lanes row = *(const lanes *)(rows + (size_t)i * stride + m);
      for (int j = 0; j < TILE_COLUMNS; j++) sums[i][j] += row * *(const lanes *)(columns + (size_t)j * stride + m);
    }
  for (int i = 0; i < TILE_ROWS; i++)
    for (int j = 0; j < TILE_COLUMNS; j++)
      for (int lane = 0; lane < LANES; lane++) products[(size_t)i * n_columns + (size_t)j] += (double)sums[i][j][lane];
}

static void add_products(const layer_sums *layer, const float *chunk) {
  for (uint32_t i = 0; i < layer->n_rows; i += TILE_ROWS)
    for (uint32_t j = i / TILE_COLUMNS * TILE_COLUMNS; j < layer->n_rows; j += TILE_COLUMNS)
      correlation_tile(chunk + i * layer->stride, chunk + j * layer->stride, layer->stride, layer->products + (size_t)i * layer->n_rows + j,
                       layer->n_rows);
}

/* Filter i's maps of the chunk's images, side by side, less the shift; returns their sum. */
static double copy_maps(const layer_sums *layer, uint32_t i, const float *maps, uint32_t K, uint32_t n_images, float *row) {
  double sum = 0;
  for (uint32_t n = 0; n < n_images; n++) {
    const float *map = maps + ((size_t)n * K + layer->filter[i]) * layer->M;
    for (size_t m = 0; m < layer->M; m++) {
      *row = map[m] - layer->shift[i];
      sum += (double)*row++;
    }
  }
  return sum;
}

static void find_shifts(layer_sums *layer, const float *maps) {
  for (uint32_t i = 0; i < layer->J; i++) {
    const float *map = maps + layer->filter[i] * layer->M;
    double sum = 0;
    for (size_t m = 0; m < layer->M; m++) sum += (double)map[m];
    layer->shift[i] = (float)(sum / (double)layer->M);
  }
}

static void observe_layer(layer_sums *layer, float *chunk, const float *maps, uint32_t K, uint32_t n_images) {
  memset(chunk, 0, layer->n_rows * layer->stride * sizeof *chunk);
  for (uint32_t first = 0; first < n_images; first += layer->n_images) {
    uint32_t n = n_images - first < layer->n_images ? n_images - first : layer->n_images;
    for (uint32_t i = 0; i < layer->J; i++) {
      float *row = chunk + i * layer->stride;
      layer->sums[i] += copy_maps(layer, i, maps + (size_t)first * K * layer->M, K, n, row);
      memset(row + n * layer->M, 0, (layer->stride - n * layer->M) * sizeof *row);
    }
    add_products(layer, chunk);
  }
}

static int observe(void *self, const rp_context *context, const rp_batch *batch, rp_message *message) {
  (void)message;
  correlation *state = self;
  for (uint32_t l = 0; l < context->n_layers; l++) {
    const float *maps = batch->layers[l]->activation;
    if (state->n_images == 0) find_shifts(&state->layers[l], maps);
    observe_layer(&state->layers[l], state->chunk, maps, context->layers[l]->K, batch->n_images);
  }
  state->n_images += batch->n_images;
  return RP_RANKER_OK;
}

/* ---- Scores ---------------------------------------------------------------------------------- */

static double covariance(const layer_sums *layer, uint32_t i, uint32_t j, double n) {
  double product = layer->products[(size_t)(i < j ? i : j) * layer->n_rows + (i < j ? j : i)];
  return product / n - layer->sums[i] / n * (layer->sums[j] / n);
}

/* 0 where either map never changes. */
static double absolute_correlation(const layer_sums *layer, uint32_t i, uint32_t j, double n) {
  double variances = covariance(layer, i, i, n) * covariance(layer, j, j, n);
  return variances > 0 ? fmin(fabs(covariance(layer, i, j, n)) / sqrt(variances), 1) : 0;
}

static void score_layer(const layer_sums *layer, double n, float *importance) {
  for (uint32_t i = 0; i < layer->J; i++) {
    double largest = covariance(layer, i, i, n) > 0 ? 0 : 1;
    for (uint32_t j = 0; j < layer->J; j++)
      if (j != i) largest = fmax(largest, absolute_correlation(layer, i, j, n));
    importance[layer->filter[i]] = (float)-largest;
  }
}

static int score(void *self, const rp_context *context, float *importance, rp_message *message) {
  const correlation *state = self;
  if (state->n_images == 0) {
    snprintf(message->text, sizeof message->text, "no image was shown");
    return RP_RANKER_ERROR;
  }
  for (uint32_t l = 0; l < context->n_layers; l++)
    score_layer(&state->layers[l], (double)state->n_images * (double)state->layers[l].M, importance + context->layers[l]->first_filter);
  return RP_RANKER_OK;
}

const rp_ranker rp_ranker_plugin = {
    .abi_major = RP_RANKER_ABI_MAJOR,
    .abi_minor = RP_RANKER_ABI_MINOR,
    .size = sizeof(rp_ranker),
    .name = "correlation",
    .version = "1.0.0",
    .doc = "minus the largest |correlation| with another filter's map of the layer (after Ayinde and Zurada, 2018)",
    .flags = RP_USES_ACTIVATION,
    .normalise = "none",
    .create = create,
    .observe = observe,
    .score = score,
    .destroy = destroy,
    .formula =
        "importance_f = -max over j != f of |r_fj|, r_fj the Pearson correlation of the maps of f and j at the gate over all images\n"
        "and positions, j over the layer's active filters. A map that never changes gets -1, a filter without another one 0; of two\n"
        "equal maps both get -1",
    .citation = "redundancy after Ayinde and Zurada, Building efficient ConvNets using redundant feature pruning, 2018 (there of weights)",
    .reduction =
        "maps less their mean over the first image, in float; about 1,024 positions at a time, products summed in float in 8 lanes,\n"
        "lanes and chunks in double",
};
