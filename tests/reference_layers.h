/* reference_layers.h: each kind of layer as plain loops in double precision over dense [N][C][H][W], forward and backward in one function.
 * Nothing here is fast, and nothing is shared with core/nn but the model and the layout of the flat buffer.
 *
 * forward writes the output; backward adds to the gradients of inputs and parameters. Gates are not looked at here (reference_net.h). */
#ifndef RP_TESTS_REFERENCE_LAYERS_H
#define RP_TESTS_REFERENCE_LAYERS_H

#include "tests/models.h"

typedef struct {
  int C, H, W;
  size_t size;       /* C·H·W */
  double *values;    /* [N][C][H][W] */
  double *gradients; /* the loss's: before the layer's own ReLU's mask; 0 where the channel is absent */
} reference_map;

typedef struct {
  const rp_model *model;
  const rp_layout *layout;
  const uint8_t *closed; /* NULL: none */
  int N;
  int is_training; /* BN looks at the batch, what is drawn is drawn; set by the caller, 0 at first */
  rp_draw_place place;
  double *parameters, *parameter_gradients; /* a training forward moves the running statistics in `parameters` */
  reference_map image, maps[TEST_MAX_LAYERS];
  uint8_t *is_absent[TEST_MAX_LAYERS]; /* [C] (rule 9) */
} reference;

static inline reference_map *reference_input(reference *r, int layer, int i) {
  int from = r->model->layers[layer].inputs[i];
  return from == RP_IMAGE ? &r->image : &r->maps[from];
}

static inline size_t pixel_of(const reference_map *map, int n, int c, int y, int x) {
  return (size_t)n * map->size + (size_t)((c * map->H + y) * map->W + x);
}

static inline int reference_out(const rp_layer_spec *l, int in) {
  return l->same ? (int)ceil((double)in / l->stride) : (in + 2 * l->pad - l->kernel) / l->stride + 1;
}

static inline int reference_before(const rp_layer_spec *l, int in) {
  int total = (reference_out(l, in) - 1) * l->stride + l->kernel - in;
  return l->same ? (total > 0 ? total : 0) / 2 : l->pad;
}

#define FOR_EACH_PIXEL(r, map, n, c, y, x)                                                                                                 \
  for (int n = 0; n < (r)->N; n++)                                                                                                         \
    for (int c = 0; c < (map)->C; c++)                                                                                                     \
      for (int y = 0; y < (map)->H; y++)                                                                                                   \
        for (int x = 0; x < (map)->W; x++)

/* The places of the input's channel c that a window at output (y, x) covers, padding left out: writes their indices, returns how many. */
static inline int window_of(const rp_layer_spec *l, const reference_map *in, int n, int c, int y, int x, size_t *places) {
  const int top = y * l->stride - reference_before(l, in->H), left = x * l->stride - reference_before(l, in->W);
  int n_places = 0;
  for (int p = top; p < top + l->kernel; p++)
    for (int q = left; q < left + l->kernel; q++)
      if (p >= 0 && p < in->H && q >= 0 && q < in->W) places[n_places++] = pixel_of(in, n, c, p, q);
  return n_places;
}

enum { REFERENCE_WINDOW = 225 };

/* ---- Layers with weights --------------------------------------------------------------------- */

static inline void reference_conv(reference *r, int layer, int is_backward) {
  const rp_layer_spec *l = &r->model->layers[layer];
  reference_map *in = reference_input(r, layer, 0), *out = &r->maps[layer];
  const rp_tensor *weight = tensor_of(r->layout, layer, 0), *bias = tensor_of(r->layout, layer, 1);
  const int top = reference_before(l, in->H), left = reference_before(l, in->W);
  FOR_EACH_PIXEL(r, out, n, k, y, x) {
    const size_t at = pixel_of(out, n, k, y, x);
    double g = out->gradients[at] * (l->has_relu && !(out->values[at] > 0) ? 0 : 1);
    double sum = bias ? r->parameters[bias->offset + (size_t)k] : 0;
    if (is_backward && g == 0) continue;
    if (is_backward && bias) r->parameter_gradients[bias->offset + (size_t)k] += g;
    for (int c = 0; c < in->C; c++)
      for (int p = 0; p < l->kernel; p++)
        for (int q = 0; q < l->kernel; q++) {
          const int in_y = y * l->stride - top + p, in_x = x * l->stride - left + q;
          if (in_y < 0 || in_y >= in->H || in_x < 0 || in_x >= in->W) continue;
          const size_t from = pixel_of(in, n, c, in_y, in_x);
          const size_t w = weight->offset + (size_t)(((k * in->C + c) * l->kernel + p) * l->kernel + q);
          if (is_backward) {
            r->parameter_gradients[w] += g * in->values[from];
            in->gradients[from] += g * r->parameters[w];
          } else {
            sum += r->parameters[w] * in->values[from];
          }
        }
    if (!is_backward) out->values[at] = l->has_relu && sum < 0 ? 0 : sum;
  }
}

static inline void reference_fc(reference *r, int layer, int is_backward) {
  reference_map *in = reference_input(r, layer, 0), *out = &r->maps[layer];
  const rp_tensor *weight = tensor_of(r->layout, layer, 0), *bias = tensor_of(r->layout, layer, 1);
  for (int n = 0; n < r->N; n++)
    for (int k = 0; k < out->C; k++) {
      const size_t at = (size_t)n * out->size + (size_t)k;
      const double g = out->gradients[at];
      double sum = bias ? r->parameters[bias->offset + (size_t)k] : 0;
      if (is_backward && bias) r->parameter_gradients[bias->offset + (size_t)k] += g;
      for (size_t i = 0; i < in->size; i++) {
        const size_t w = weight->offset + (size_t)k * in->size + i, from = (size_t)n * in->size + i;
        sum += r->parameters[w] * in->values[from];
        if (!is_backward) continue;
        r->parameter_gradients[w] += g * in->values[from];
        in->gradients[from] += g * r->parameters[w];
      }
      if (!is_backward) out->values[at] = sum;
    }
}

/* One channel. With x̂ = (x − mean) / deviation: y = gamma · x̂ + beta, and in training
 * dx = gamma / deviation · (dy − mean(dy) − x̂ · mean(dy · x̂)), the means over batch and pixels. */
static inline void reference_batch_norm_channel(reference *r, int layer, int c, int is_backward) {
  const rp_layer_spec *l = &r->model->layers[layer];
  reference_map *in = reference_input(r, layer, 0), *out = &r->maps[layer];
  size_t parameter[4]; /* gamma, beta, mean, variance */
  for (int i = 0; i < 4; i++) parameter[i] = tensor_of_kind(r->layout, layer, (rp_tensor_kind)(RP_BN_GAMMA + i))->offset + (size_t)c;
  const size_t n_pixels = (size_t)in->H * (size_t)in->W, first = (size_t)c * n_pixels;
  const double count = (double)r->N * (double)n_pixels;
  double mean = 0, variance = 0, dy_mean = 0, dy_x_mean = 0;
#define FOR_EACH_VALUE(i)                                                                                                                  \
  for (int n = 0; n < r->N; n++)                                                                                                           \
    for (size_t i = (size_t)n * in->size + first; i < (size_t)n * in->size + first + n_pixels; i++)
  FOR_EACH_VALUE(i) mean += in->values[i] / count;
  FOR_EACH_VALUE(i) variance += (in->values[i] - mean) * (in->values[i] - mean) / count;
  if (!r->is_training) mean = r->parameters[parameter[2]], variance = r->parameters[parameter[3]];
  const double deviation = sqrt(variance + l->epsilon), gamma = r->parameters[parameter[0]], beta = r->parameters[parameter[1]];
#define MASKED(i) (l->has_relu && !(out->values[i] > 0) ? 0 : out->gradients[i])
  if (is_backward) {
    FOR_EACH_VALUE(i) dy_mean += MASKED(i) / count, dy_x_mean += MASKED(i) * (in->values[i] - mean) / deviation / count;
    r->parameter_gradients[parameter[0]] += dy_x_mean * count;
    r->parameter_gradients[parameter[1]] += dy_mean * count;
    if (!r->is_training) dy_mean = dy_x_mean = 0; /* the statistics are constants */
    FOR_EACH_VALUE(i) in->gradients[i] += gamma / deviation * (MASKED(i) - dy_mean - (in->values[i] - mean) / deviation * dy_x_mean);
    return;
  }
  FOR_EACH_VALUE(i) {
    const double y = gamma * ((in->values[i] - mean) / deviation) + beta;
    out->values[i] = l->has_relu && y < 0 ? 0 : y;
  }
#undef MASKED
#undef FOR_EACH_VALUE
  if (!r->is_training || r->is_absent[layer][c]) return;
  const double unbiased = count > 1 ? variance * count / (count - 1) : variance;
  r->parameters[parameter[2]] += l->momentum * (mean - r->parameters[parameter[2]]);
  r->parameters[parameter[3]] += l->momentum * (unbiased - r->parameters[parameter[3]]);
}

static inline void reference_batch_norm(reference *r, int layer, int is_backward) {
  for (int c = 0; c < r->maps[layer].C; c++) reference_batch_norm_channel(r, layer, c, is_backward);
}

/* ---- Windows --------------------------------------------------------------------------------- */

static inline void reference_max_pool(reference *r, int layer, int is_backward) {
  reference_map *in = reference_input(r, layer, 0), *out = &r->maps[layer];
  size_t places[REFERENCE_WINDOW];
  FOR_EACH_PIXEL(r, out, n, c, y, x) {
    const size_t at = pixel_of(out, n, c, y, x);
    const int n_places = window_of(&r->model->layers[layer], in, n, c, y, x, places);
    size_t largest = places[0];
    for (int i = 1; i < n_places; i++)
      if (in->values[places[i]] > in->values[largest]) largest = places[i];
    if (is_backward)
      in->gradients[largest] += out->gradients[at];
    else
      out->values[at] = in->values[largest];
  }
}

static inline void reference_avg_pool(reference *r, int layer, int is_backward) {
  reference_map *in = reference_input(r, layer, 0), *out = &r->maps[layer];
  size_t places[REFERENCE_WINDOW];
  FOR_EACH_PIXEL(r, out, n, c, y, x) {
    const size_t at = pixel_of(out, n, c, y, x);
    const int n_places = window_of(&r->model->layers[layer], in, n, c, y, x, places);
    if (!is_backward) out->values[at] = 0;
    for (int i = 0; i < n_places; i++) {
      if (is_backward)
        in->gradients[places[i]] += out->gradients[at] / n_places;
      else
        out->values[at] += in->values[places[i]] / n_places;
    }
  }
}

static inline void reference_global_avg_pool(reference *r, int layer, int is_backward) {
  reference_map *in = reference_input(r, layer, 0), *out = &r->maps[layer];
  const double n_pixels = (double)in->H * in->W;
  if (!is_backward) memset(out->values, 0, (size_t)r->N * out->size * sizeof *out->values);
  FOR_EACH_PIXEL(r, in, n, c, y, x) {
    const size_t at = pixel_of(out, n, c, 0, 0), from = pixel_of(in, n, c, y, x);
    if (is_backward)
      in->gradients[from] += out->gradients[at] / n_pixels;
    else
      out->values[at] += in->values[from] / n_pixels;
  }
}

/* The uniform number that belongs to a value of an image's dense map. */
static inline double reference_draw(const reference *r, int layer, int n, size_t number) {
  rp_stream stream = rp_stream_of(r->place.seed, RP_DRAW_DROPOUT, r->place.epoch, r->place.first + (uint32_t)n, (uint32_t)layer, 0);
  return rp_draw_uniform(&stream, number);
}

/* In training pixel i with probability a_i / Σ a (a: what is above 0); else Σ a² / Σ a. */
static inline void reference_stochastic_pool(reference *r, int layer, int is_backward) {
  reference_map *in = reference_input(r, layer, 0), *out = &r->maps[layer];
  size_t places[REFERENCE_WINDOW];
  FOR_EACH_PIXEL(r, out, n, c, y, x) {
    const size_t at = pixel_of(out, n, c, y, x);
    const int n_places = window_of(&r->model->layers[layer], in, n, c, y, x, places);
    double sum = 0, squares = 0, running = 0;
    for (int i = 0; i < n_places; i++) sum += fmax(in->values[places[i]], 0), squares += pow(fmax(in->values[places[i]], 0), 2);
    if (!is_backward) out->values[at] = sum > 0 ? squares / sum : 0;
    if (sum == 0) continue;
    if (!r->is_training) {
      for (int i = 0; i < n_places && is_backward; i++)
        if (in->values[places[i]] > 0)
          in->gradients[places[i]] += out->gradients[at] * (2 * in->values[places[i]] * sum - squares) / (sum * sum);
      continue;
    }
    int chosen = 0;
    const double share = sum * reference_draw(r, layer, n, at - (size_t)n * out->size);
    for (int i = 0; i < n_places; i++) {
      running += fmax(in->values[places[i]], 0);
      if (running > share) {
        chosen = i;
        break;
      }
    }
    if (is_backward)
      in->gradients[places[chosen]] += out->gradients[at];
    else
      out->values[at] = in->values[places[chosen]];
  }
}

/* ---- Value by value -------------------------------------------------------------------------- */

static inline void reference_relu(reference *r, int layer, int is_backward) {
  reference_map *in = reference_input(r, layer, 0), *out = &r->maps[layer];
  for (size_t i = 0; i < (size_t)r->N * out->size; i++) {
    if (!is_backward) out->values[i] = in->values[i] > 0 ? in->values[i] : 0;
    if (is_backward && in->values[i] > 0) in->gradients[i] += out->gradients[i];
  }
}

/* dropout draws for each value, drop_path for each image. */
static inline void reference_dropout(reference *r, int layer, int is_backward) {
  const rp_layer_spec *l = &r->model->layers[layer];
  reference_map *in = reference_input(r, layer, 0), *out = &r->maps[layer];
  for (int n = 0; n < r->N; n++)
    for (size_t i = 0; i < out->size; i++) {
      const size_t at = (size_t)n * out->size + i;
      const int is_kept = reference_draw(r, layer, n, l->kind == RP_DROPOUT ? i : 0) >= l->rate;
      const double factor = r->is_training ? is_kept / (1 - l->rate) : 1;
      if (is_backward)
        in->gradients[at] += factor * out->gradients[at];
      else
        out->values[at] = factor * in->values[at];
    }
}

/* ---- Joins ----------------------------------------------------------------------------------- */

static inline void reference_add(reference *r, int layer, int is_backward) {
  reference_map *out = &r->maps[layer];
  if (!is_backward) memset(out->values, 0, (size_t)r->N * out->size * sizeof *out->values);
  for (int i = 0; i < r->model->layers[layer].n_inputs; i++) {
    reference_map *in = reference_input(r, layer, i);
    for (size_t at = 0; at < (size_t)r->N * out->size; at++) {
      if (is_backward)
        in->gradients[at] += out->gradients[at];
      else
        out->values[at] += in->values[at];
    }
  }
}

static inline void reference_concat(reference *r, int layer, int is_backward) {
  reference_map *out = &r->maps[layer];
  for (int i = 0, first = 0; i < r->model->layers[layer].n_inputs; i++) {
    reference_map *in = reference_input(r, layer, i);
    FOR_EACH_PIXEL(r, in, n, c, y, x) {
      const size_t at = pixel_of(out, n, first + c, y, x), from = pixel_of(in, n, c, y, x);
      if (is_backward)
        in->gradients[from] += out->gradients[at];
      else
        out->values[at] = in->values[from];
    }
    first += in->C;
  }
}

static inline void reference_pad_channels(reference *r, int layer, int is_backward) {
  const int stride = r->model->layers[layer].stride;
  reference_map *in = reference_input(r, layer, 0), *out = &r->maps[layer];
  FOR_EACH_PIXEL(r, out, n, c, y, x) {
    const size_t at = pixel_of(out, n, c, y, x);
    if (!is_backward) out->values[at] = c < in->C ? in->values[pixel_of(in, n, c, y * stride, x * stride)] : 0;
    if (is_backward && c < in->C) in->gradients[pixel_of(in, n, c, y * stride, x * stride)] += out->gradients[at];
  }
}

/* ---- Any of them ----------------------------------------------------------------------------- */

static inline void reference_layer(reference *r, int layer, int is_backward) {
  static void (*const LAYERS[RP_N_LAYER_KINDS])(reference *, int, int) = {
      [RP_CONV] = reference_conv,
      [RP_MAX_POOL] = reference_max_pool,
      [RP_FC] = reference_fc,
      [RP_BATCH_NORM] = reference_batch_norm,
      [RP_RELU] = reference_relu,
      [RP_AVG_POOL] = reference_avg_pool,
      [RP_GLOBAL_AVG_POOL] = reference_global_avg_pool,
      [RP_STOCHASTIC_POOL] = reference_stochastic_pool,
      [RP_DROPOUT] = reference_dropout,
      [RP_DROP_PATH] = reference_dropout,
      [RP_ADD] = reference_add,
      [RP_CONCAT] = reference_concat,
      [RP_PAD_CHANNELS] = reference_pad_channels,
  };
  LAYERS[r->model->layers[layer].kind](r, layer, is_backward);
}

#endif
