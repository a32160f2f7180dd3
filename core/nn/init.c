/* init.c: initial parameters. Row k of a tensor has a stream of its own, so that a filter can be drawn without the others. */
#include "core/nn/net.h"

#include "core/base/draws.h"
#include "core/base/memory.h"
#include "core/nn/linalg.h"

#include <math.h>
#include <string.h>

/* A layer's weights as initialisation sees them: `rows` filters of `row` values. */
typedef struct {
  const rp_init *init;
  size_t rows, row;
  double fan_in, fan_out;
} weights_shape;

static weights_shape shape_of(const rp_net *net, const rp_tensor *tensor) {
  /* An fc sees each feature once: C·H·W inputs, K outputs. A conv's filter touches each output R·S times. */
  const double receptive = tensor->kind == RP_CONV_WEIGHT ? tensor->E : 1;
  const size_t row = (size_t)tensor->C * (size_t)tensor->E;
  return (weights_shape){.init = &rp_net_model(net)->layers[tensor->layer].init,
                         .rows = (size_t)tensor->K,
                         .row = row,
                         .fan_in = (double)row,
                         .fan_out = tensor->K * receptive};
}

/* ---- One row of each kind that draws values independently ------------------------------------ */

static double he_deviation(const weights_shape *shape) {
  return sqrt(2 / shape->fan_in);
}

static double glorot_limit(const weights_shape *shape) {
  return sqrt(6 / (shape->fan_in + shape->fan_out));
}

static void draw_truncated_normal(const weights_shape *shape, const rp_stream *stream, float *row) {
  for (size_t i = 0; i < shape->row; i++) {
    /* Redraws take numbers from behind the row's, so that no value depends on another's redraws. */
    uint64_t number = i;
    double normal = rp_draw_normal(stream, number);
    while (fabs(normal) > 2) normal = rp_draw_normal(stream, number += shape->row);
    row[i] = (float)(shape->init->sigma * normal);
  }
}

static void draw_he(const weights_shape *shape, const rp_stream *stream, float *row) {
  for (size_t i = 0; i < shape->row; i++) row[i] = (float)(he_deviation(shape) * rp_draw_normal(stream, i));
}

static void draw_glorot(const weights_shape *shape, const rp_stream *stream, float *row) {
  for (size_t i = 0; i < shape->row; i++) row[i] = (float)(glorot_limit(shape) * (2 * rp_draw_uniform(stream, i) - 1));
}

/* ---- Expected squares ------------------------------------------------------------------------ */

static double mean_square_truncated_normal(const weights_shape *shape) {
  /* Variance of N(0, 1) cut off at ± 2: 1 − 4·φ(2) / (2·Φ(2) − 1). */
  const double density = exp(-2.0) / sqrt(8 * atan(1)), inside = erf(sqrt(2));
  return shape->init->sigma * shape->init->sigma * (1 - 4 * density / inside);
}

static double mean_square_he(const weights_shape *shape) {
  return he_deviation(shape) * he_deviation(shape);
}

static double mean_square_glorot(const weights_shape *shape) {
  return glorot_limit(shape) * glorot_limit(shape) / 3;
}

/* Unit rows where there are at most as many as values in one, else unit columns: the sum of all squares is the smaller number. */
static double mean_square_orthogonal(const weights_shape *shape) {
  const double smaller = (double)(shape->rows < shape->row ? shape->rows : shape->row);
  return shape->init->gain * shape->init->gain * smaller / ((double)shape->rows * (double)shape->row);
}

static double norm_of_row(const weights_shape *shape);

/* One row alone: a uniformly random direction of the expected norm. */
static void draw_orthogonal(const weights_shape *shape, const rp_stream *stream, float *row) {
  double squares = 0;
  for (size_t i = 0; i < shape->row; i++) squares += rp_draw_normal(stream, i) * rp_draw_normal(stream, i);
  for (size_t i = 0; i < shape->row; i++) row[i] = (float)(norm_of_row(shape) * rp_draw_normal(stream, i) / sqrt(squares));
}

static const struct {
  void (*draw)(const weights_shape *shape, const rp_stream *stream, float *row);
  double (*mean_square)(const weights_shape *shape);
} INITS[] = {
    [RP_INIT_TRUNCATED_NORMAL] = {draw_truncated_normal, mean_square_truncated_normal},
    [RP_INIT_HE] = {draw_he, mean_square_he},
    [RP_INIT_GLOROT] = {draw_glorot, mean_square_glorot},
    [RP_INIT_ORTHOGONAL] = {draw_orthogonal, mean_square_orthogonal},
};
_Static_assert(sizeof INITS / sizeof INITS[0] == RP_N_INITS, "each initialisation has its row");

static double norm_of_row(const weights_shape *shape) {
  return sqrt((double)shape->row * INITS[shape->init->kind].mean_square(shape));
}

/* ---- Whole tensors --------------------------------------------------------------------------- */

static rp_stream stream_of_row(uint64_t seed, int tensor, size_t k) {
  return rp_stream_of(seed, RP_DRAW_INIT, (uint32_t)tensor, (uint32_t)k, 0, 0);
}

/* Rows of a random orthogonal matrix; with more rows than values in one, its columns: then the transpose is worked on. */
static rp_status init_orthogonal(const weights_shape *shape, uint64_t seed, int tensor, float *weights, rp_error *err) {
  const size_t K = shape->rows, D = shape->row;
  const int is_tall = K > D;
  RP_CLEANUP(rp_free_pointer) double *vectors = NULL;
  RP_TRY(rp_allocate(K * D, sizeof *vectors, &vectors, err));
  for (size_t k = 0; k < K; k++) {
    rp_stream stream = stream_of_row(seed, tensor, k);
    for (size_t i = 0; i < D; i++) vectors[is_tall ? i * K + k : k * D + i] = rp_draw_normal(&stream, i);
  }
  RP_TRY(rp_orthonormal_rows(vectors, (int)(is_tall ? D : K), (int)(is_tall ? K : D), err));
  for (size_t k = 0; k < K; k++)
    for (size_t i = 0; i < D; i++) weights[k * D + i] = (float)(shape->init->gain * vectors[is_tall ? i * K + k : k * D + i]);
  return RP_OK;
}

static rp_status init_weights(const rp_net *net, uint64_t seed, int tensor, float *weights, rp_error *err) {
  const weights_shape shape = shape_of(net, &rp_net_layout(net)->tensors[tensor]);
  if (shape.init->kind == RP_INIT_ORTHOGONAL) return init_orthogonal(&shape, seed, tensor, weights, err);
  for (size_t k = 0; k < shape.rows; k++) {
    rp_stream stream = stream_of_row(seed, tensor, k);
    INITS[shape.init->kind].draw(&shape, &stream, weights + k * shape.row);
  }
  return RP_OK;
}

rp_status rp_init_parameters(const rp_net *net, uint64_t seed, float *parameters, rp_error *err) {
  const rp_layout *layout = rp_net_layout(net);
  for (int t = 0; t < layout->n_tensors; t++) {
    const rp_tensor *tensor = &layout->tensors[t];
    float *values = parameters + tensor->offset;
    const float start = tensor->kind == RP_BN_GAMMA || tensor->kind == RP_BN_VARIANCE ? 1 : 0;
    if (tensor->kind != RP_CONV_WEIGHT && tensor->kind != RP_FC_WEIGHT)
      for (int k = 0; k < tensor->K; k++) values[k] = start;
    else
      RP_TRY_IN(init_weights(net, seed, t, values, err), err, "initialisation of %s", rp_net_model(net)->layers[tensor->layer].name);
  }
  return RP_OK;
}

void rp_init_row(const rp_net *net, int tensor, const rp_stream *stream, float *weights) {
  const weights_shape shape = shape_of(net, &rp_net_layout(net)->tensors[tensor]);
  INITS[shape.init->kind].draw(&shape, stream, weights);
}

rp_status rp_init_filter(const rp_net *net, int filter, uint64_t seed, uint32_t cycle, float *weights, rp_error *err) {
  const rp_layout *layout = rp_net_layout(net);
  if (filter < 0 || filter >= layout->n_filters)
    return rp_fail(err, RP_EINPUT, "there is no filter %d: the net has %d", filter, layout->n_filters);
  const int index = rp_conv_of_filter(layout, filter);
  const rp_conv *conv = &layout->convs[index];
  rp_stream stream = rp_stream_of(seed, RP_DRAW_REINIT, cycle, (uint32_t)index, (uint32_t)(filter - conv->first_filter), 0);
  rp_init_row(net, conv->weight, &stream, weights);
  return RP_OK;
}

double rp_init_norm(const rp_net *net, int conv) {
  const rp_layout *layout = rp_net_layout(net);
  const weights_shape shape = shape_of(net, &layout->tensors[layout->convs[conv].weight]);
  return norm_of_row(&shape);
}
