/* layer_stochastic_pool.c: stochastic pooling, Zeiler & Fergus, ICLR 2013.
 *
 * The values a_i of a window (below 0: taken as 0) have probabilities p_i = a_i / Σ a. In training the output is one of them, drawn so;
 * else it is Σ p_i a_i = Σ a² / Σ a. A window of zeros gives 0 and takes no gradient. Draws are keyed as dropout's, by the output's place
 * in its dense map. */
#include "core/nn/layer.h"

#include "core/base/memory.h"

#include <string.h>

typedef struct {
  rp_window window;
  int32_t *chosen; /* training, as out: which pixel of the input plane; −1 = none */
} stochastic_pool;

static rp_status extent(const rp_layer_spec *spec, const rp_extent *ins, rp_extent *out, rp_error *err) {
  return rp_window_extent(spec, ins, out, err);
}

static rp_status create(rp_layer *layer, const rp_dnn *dnn, rp_error *err) {
  (void)dnn;
  const rp_extent in = {.channels = layer->ins[0].channels, .height = layer->ins[0].height, .width = layer->ins[0].width};
  stochastic_pool *pool;
  RP_TRY(rp_allocate(1, sizeof *pool, &pool, err));
  layer->own = pool;
  pool->window = rp_window_of(layer->spec, &in);
  return rp_allocate(rp_map_size(&layer->out), sizeof *pool->chosen, &pool->chosen, err);
}

static void release(rp_layer *layer) {
  stochastic_pool *pool = layer->own;
  if (pool) rp_free_pointer(&pool->chosen);
  rp_free_pointer(&layer->own);
}

/* One output: its window, and where it stands. */
typedef struct {
  int top, bottom, left, right, width;
  size_t step;         /* between neighbouring pixels of the input's plane */
  size_t plane;        /* where that plane starts in the input */
  size_t at;           /* the output's place in its map */
  int image;           /* of the batch */
  size_t dense_number; /* its place in the image's dense map: C × H × W */
} place;

static float at(const place *where, const float *plane, int r, int s) {
  const float value = plane[(size_t)(r * where->width + s) * where->step];
  return value > 0 ? value : 0;
}

static void sums_of(const place *where, const float *plane, double *sum, double *squares) {
  *sum = *squares = 0;
  for (int r = where->top; r < where->bottom; r++)
    for (int s = where->left; s < where->right; s++) {
      const double value = (double)at(where, plane, r, s);
      *sum += value, *squares += value * value;
    }
}

/* The pixel where the running sum passes `share` of the whole; the last positive one where rounding lets none. */
static int32_t choose(const place *where, const float *plane, double share, double sum) {
  int32_t chosen = -1;
  double running = 0;
  for (int r = where->top; r < where->bottom; r++)
    for (int s = where->left; s < where->right; s++) {
      const double value = (double)at(where, plane, r, s);
      if (value <= 0) continue;
      running += value;
      chosen = r * where->width + s;
      if (running > share * sum) return chosen;
    }
  return chosen;
}

static place place_of(const rp_layer *layer, int image, int c, int y, int x) {
  const rp_window *window = &((const stochastic_pool *)layer->own)->window;
  const rp_map *in = &layer->ins[0], *out = &layer->out;
  const int top = y * window->stride - window->top, left = x * window->stride - window->left;
  const int bottom = top + window->kernel, right = left + window->kernel, n_blocks = (in->channels + in->block - 1) / in->block;
  const size_t first = (size_t)((image * n_blocks + c / in->block) * in->block), lane = (size_t)(c % in->block);
  const size_t in_pixels = (size_t)in->height * (size_t)in->width, out_pixels = (size_t)out->height * (size_t)out->width;
  const size_t pixel = (size_t)(y * out->width + x);
  return (place){.top = top > 0 ? top : 0,
                 .bottom = bottom < in->height ? bottom : in->height,
                 .left = left > 0 ? left : 0,
                 .right = right < in->width ? right : in->width,
                 .width = in->width,
                 .step = (size_t)in->block,
                 .plane = first * in_pixels + lane,
                 .at = first * out_pixels + pixel * (size_t)in->block + lane,
                 .image = image,
                 .dense_number = (size_t)c * out_pixels + pixel};
}

static void visit_outputs(rp_layer *layer, void (*visit)(rp_layer *layer, const place *where)) {
  for (int image = 0; image < layer->out.batch; image++)
    for (int c = 0; c < layer->out.channels; c++)
      for (int y = 0; y < layer->out.height; y++)
        for (int x = 0; x < layer->out.width; x++) {
          const place where = place_of(layer, image, c, y, x);
          visit(layer, &where);
        }
}

static double draw(const rp_layer *layer, const place *where) {
  const rp_draw_place *draws = layer->place;
  const rp_stream stream =
      rp_stream_of(draws->seed, RP_DRAW_DROPOUT, draws->epoch, draws->first + (uint32_t)where->image, (uint32_t)layer->index, 0);
  return rp_draw_uniform(&stream, where->dense_number);
}

static void forward_one(rp_layer *layer, const place *where) {
  stochastic_pool *pool = layer->own;
  const float *plane = layer->ins[0].values + where->plane;
  double sum, squares;
  sums_of(where, plane, &sum, &squares);
  const int is_drawn = layer->purpose == RP_RUN_TRAIN && sum > 0;
  pool->chosen[where->at] = is_drawn ? choose(where, plane, draw(layer, where), sum) : -1;
  if (is_drawn)
    layer->out.values[where->at] = plane[(size_t)pool->chosen[where->at] * where->step];
  else
    layer->out.values[where->at] = sum > 0 ? (float)(squares / sum) : 0;
}

/* d/da (Σa² / Σa) = (2a − Σa²/Σa) / Σa */
static void backward_mean(rp_layer *layer, const place *where) {
  const float *plane = layer->ins[0].values + where->plane;
  const double gradient = (double)layer->out_gradient.values[where->at];
  float *to = layer->in_gradients[0].values + where->plane;
  double sum, squares;
  sums_of(where, plane, &sum, &squares);
  if (!(sum > 0)) return;
  for (int r = where->top; r < where->bottom; r++)
    for (int s = where->left; s < where->right; s++) {
      const double value = (double)at(where, plane, r, s);
      if (value > 0) to[(size_t)(r * where->width + s) * where->step] += (float)(gradient * (2 * value - squares / sum) / sum);
    }
}

static void backward_drawn(rp_layer *layer, const place *where) {
  const int32_t chosen = ((const stochastic_pool *)layer->own)->chosen[where->at];
  if (chosen >= 0) layer->in_gradients[0].values[where->plane + (size_t)chosen * where->step] += layer->out_gradient.values[where->at];
}

static rp_status forward(rp_layer *layer, rp_error *err) {
  (void)err;
  visit_outputs(layer, forward_one);
  return RP_OK;
}

static rp_status backward(rp_layer *layer, rp_error *err) {
  (void)err;
  if (!layer->in_gradients[0].values) return RP_OK;
  memset(layer->in_gradients[0].values, 0, rp_map_size(&layer->ins[0]) * sizeof(float));
  visit_outputs(layer, layer->purpose == RP_RUN_TRAIN ? backward_drawn : backward_mean);
  return RP_OK;
}

/* ---- Along a direction (tangent.h) ------------------------------------------------------------
 *
 * With S = Σa, y = Σa² / S, t = R{a} (0 where a is 0), T = Σt:
 *
 *   R{y} = Σ (2a − y)·t / S
 *   R{dy · (2a − y) / S} = R{dy} · (2a − y) / S + dy · (2t − R{y} − (2a − y)·T / S) / S */

/* What a window's sums give; has_values: there is anything above 0 in it. */
typedef struct {
  int has_values;
  double sum, value;                 /* S, y */
  double sum_tangent, value_tangent; /* T, R{y} */
} window_tangent;

static window_tangent tangent_of_window(const place *where, const float *plane, const float *tangents) {
  window_tangent of = {0};
  double squares, products = 0;
  sums_of(where, plane, &of.sum, &squares);
  of.has_values = of.sum > 0;
  if (!of.has_values) return of;
  of.value = squares / of.sum;
  for (int r = where->top; r < where->bottom; r++)
    for (int s = where->left; s < where->right; s++) {
      const double value = (double)at(where, plane, r, s), tangent = (double)tangents[(size_t)(r * where->width + s) * where->step];
      if (value > 0) of.sum_tangent += tangent, products += (2 * value - of.value) * tangent;
    }
  of.value_tangent = products / of.sum;
  return of;
}

static void tangent_forward_one(rp_layer *tangent, const place *where) {
  const window_tangent of = tangent_of_window(where, tangent->primal->ins[0].values + where->plane, tangent->ins[0].values + where->plane);
  tangent->out.values[where->at] = (float)of.value_tangent;
}

static void tangent_backward_one(rp_layer *tangent, const place *where) {
  const float *plane = tangent->primal->ins[0].values + where->plane, *tangents = tangent->ins[0].values + where->plane;
  const double gradient = (double)tangent->primal->out_gradient.values[where->at];
  const double gradient_tangent = (double)tangent->out_gradient.values[where->at];
  float *to = tangent->in_gradients[0].values + where->plane;
  const window_tangent of = tangent_of_window(where, plane, tangents);
  if (!of.has_values) return;
  for (int r = where->top; r < where->bottom; r++)
    for (int s = where->left; s < where->right; s++) {
      const size_t pixel = (size_t)(r * where->width + s) * where->step;
      const double value = (double)at(where, plane, r, s), slope = (2 * value - of.value) / of.sum;
      if (!(value > 0)) continue;
      const double bend = (2 * (double)tangents[pixel] - of.value_tangent - slope * of.sum_tangent) / of.sum;
      to[pixel] += (float)(gradient_tangent * slope + gradient * bend);
    }
}

static rp_status tangent_forward(rp_layer *tangent, rp_error *err) {
  (void)err;
  visit_outputs(tangent, tangent_forward_one);
  return RP_OK;
}

static rp_status tangent_backward(rp_layer *tangent, rp_error *err) {
  (void)err;
  if (!tangent->in_gradients[0].values) return RP_OK;
  memset(tangent->in_gradients[0].values, 0, rp_map_size(&tangent->ins[0]) * sizeof(float));
  visit_outputs(tangent, tangent_backward_one);
  return RP_OK;
}

const rp_layer_functions RP_STOCHASTIC_POOL_LAYER = {.extent = extent,
                                                     .passing = RP_PASSES_EACH,
                                                     .create = create,
                                                     .free = release,
                                                     .forward = forward,
                                                     .backward = backward,
                                                     .tangent_forward = tangent_forward,
                                                     .tangent_backward = tangent_backward};
