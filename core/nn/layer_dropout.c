/* layer_dropout.c: dropout of single values (Srivastava et al., JMLR 2014) and of whole maps (stochastic depth, Huang et al., ECCV 2016).
 *
 * In training what is kept is divided by 1 − rate, so that evaluation changes nothing. Draws are keyed by (seed, epoch, image's place in
 * the epoch, layer) and the value's place in the dense map: neither layout nor sub-batches matter. */
#include "core/nn/layer.h"

#include "core/base/memory.h"

#include <string.h>

static rp_status extent(const rp_layer_spec *spec, const rp_extent *ins, rp_extent *out, rp_error *err) {
  if (!(spec->rate >= 0 && spec->rate < 1)) return rp_fail(err, RP_EINPUT, "rate is %g; it must be at least 0 and below 1", spec->rate);
  return rp_layer_same_extent(spec, ins, out, err);
}

/* own: factors of the last forward, as out. */
static rp_status create(rp_layer *layer, const rp_dnn *dnn, rp_error *err) {
  (void)dnn;
  float *factors;
  RP_TRY(rp_allocate(layer->purpose == RP_RUN_TRAIN ? rp_map_size(&layer->out) : 1, sizeof *factors, &factors, err));
  layer->own = factors;
  return RP_OK;
}

static void release(rp_layer *layer) {
  rp_free_pointer(&layer->own);
}

static rp_stream stream_of(const rp_layer *layer, int image) {
  const rp_draw_place *place = layer->place;
  return rp_stream_of(place->seed, RP_DRAW_DROPOUT, place->epoch, place->first + (uint32_t)image, (uint32_t)layer->index, 0);
}

static void draw_factors(const rp_layer *layer, int image, float *factors) {
  const rp_map *map = &layer->out;
  const size_t n_pixels = (size_t)map->height * (size_t)map->width, block = (size_t)map->block;
  const rp_stream stream = stream_of(layer, image);
  const double rate = layer->spec->rate;
  const float kept = (float)(1 / (1 - rate));
  if (layer->spec->kind == RP_DROP_PATH) {
    const float factor = rp_draw_uniform(&stream, 0) < rate ? 0 : kept;
    for (size_t i = 0; i < rp_map_size(map) / (size_t)map->batch; i++) factors[i] = factor;
    return;
  }
  for (size_t c = 0; c < (size_t)map->channels; c++)
    for (size_t pixel = 0; pixel < n_pixels; pixel++)
      factors[(c / block * n_pixels + pixel) * block + c % block] = rp_draw_uniform(&stream, c * n_pixels + pixel) < rate ? 0 : kept;
}

RP_VECTORISED static void dropout_multiply(const float *restrict factors, const float *restrict from, float *restrict to, size_t n) {
  for (size_t i = 0; i < n; i++) to[i] = factors[i] * from[i];
}

static rp_status forward(rp_layer *layer, rp_error *err) {
  (void)err;
  const size_t n = rp_map_size(&layer->out), per_image = n / (size_t)layer->out.batch;
  if (layer->purpose != RP_RUN_TRAIN) {
    memcpy(layer->out.values, layer->ins[0].values, n * sizeof(float));
    return RP_OK;
  }
  float *factors = layer->own;
  for (int image = 0; image < layer->out.batch; image++) draw_factors(layer, image, factors + (size_t)image * per_image);
  dropout_multiply(factors, layer->ins[0].values, layer->out.values, n);
  return RP_OK;
}

static rp_status backward(rp_layer *layer, rp_error *err) {
  (void)err;
  const size_t n = rp_map_size(&layer->out);
  if (!layer->in_gradients[0].values) return RP_OK;
  if (layer->purpose == RP_RUN_TRAIN)
    dropout_multiply(layer->own, layer->out_gradient.values, layer->in_gradients[0].values, n);
  else
    memcpy(layer->in_gradients[0].values, layer->out_gradient.values, n * sizeof(float));
  return RP_OK;
}

const rp_layer_functions RP_DROPOUT_LAYER = {
    .extent = extent, .passing = RP_PASSES_EACH, .create = create, .free = release, .forward = forward, .backward = backward};
const rp_layer_functions RP_DROP_PATH_LAYER = {
    .extent = extent, .passing = RP_PASSES_EACH, .create = create, .free = release, .forward = forward, .backward = backward};
