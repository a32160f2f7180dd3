/* small_net.h: a net of two convs on 8×8 images in memory, and a plain reference of its forward pass in double precision.
 *
 * image 3×8×8 → conv1 (8 of 3×3, SAME, ReLU) → pool1 (3×3, stride 2, SAME) → conv2 (16 of 3×3, SAME, ReLU) → fc1 (3). The reference knows
 * nothing of the engine but the order of its flat buffer: each layer's weights, then its bias. */
#ifndef RP_TESTS_SMALL_NET_H
#define RP_TESTS_SMALL_NET_H

#include "core/base/draws.h"
#include "core/data/dataset.h"
#include "core/state/state.h"
#include "tests/check.h"

#include <stdlib.h>

enum {
  SMALL_CHANNELS = 3,
  SMALL_SIDE = 8,
  SMALL_K1 = 8,
  SMALL_K2 = 16,
  SMALL_F = SMALL_K1 + SMALL_K2,
  SMALL_POOLED = 4,
  SMALL_CLASSES = 3,
  SMALL_M1 = SMALL_SIDE * SMALL_SIDE,
  SMALL_M2 = SMALL_POOLED * SMALL_POOLED,
  SMALL_TRAIN = 255, /* one batch of 250 and one of 5 */
  SMALL_VALIDATION = 60,
  SMALL_W1 = 0,
  SMALL_B1 = SMALL_W1 + SMALL_K1 * SMALL_CHANNELS * 9,
  SMALL_W2 = SMALL_B1 + SMALL_K1,
  SMALL_B2 = SMALL_W2 + SMALL_K2 * SMALL_K1 * 9,
  SMALL_WF = SMALL_B2 + SMALL_K2,
  SMALL_BF = SMALL_WF + SMALL_CLASSES * SMALL_K2 * SMALL_M2,
  SMALL_PARAMETERS = SMALL_BF + SMALL_CLASSES
};

/* ---- Data: random bytes, held in static memory ----------------------------------------------- */

static inline rp_dataset small_dataset(void) {
  enum { N = SMALL_TRAIN + SMALL_VALIDATION, BYTES = SMALL_CHANNELS * SMALL_M1 };
  static uint8_t pixels[N][BYTES], labels[N];
  static const uint8_t *images[N];
  rp_stream stream = rp_stream_of(1, RP_DRAW_SHAPES, 0, 0, 0, 0);
  uint64_t drawn = 0;
  for (int i = 0; i < N; i++) {
    for (int b = 0; b < BYTES; b++) pixels[i][b] = (uint8_t)rp_draw_below(&stream, drawn++, 256);
    labels[i] = (uint8_t)rp_draw_below(&stream, drawn++, SMALL_CLASSES);
    images[i] = pixels[i];
  }
  return (rp_dataset){.channels = SMALL_CHANNELS,
                      .height = SMALL_SIDE,
                      .width = SMALL_SIDE,
                      .n_classes = SMALL_CLASSES,
                      .n = {SMALL_TRAIN, SMALL_VALIDATION, 1000},
                      .images = {images, images + SMALL_TRAIN, NULL}, /* a test split that cannot be read (rule 5) */
                      .labels = {labels, labels + SMALL_TRAIN, NULL},
                      .mean = {127, 120, 130},
                      .deviation = {70, 75, 80}};
}

/* ---- Net and state --------------------------------------------------------------------------- */

static inline rp_net *small_net(void) {
  rp_init init = {.kind = RP_INIT_HE, .sigma = 0.04, .gain = 1};
  rp_layer_spec layers[] = {
      {.kind = RP_CONV,
       .name = "conv1",
       .n_inputs = 1,
       .inputs = {RP_IMAGE},
       .outputs = SMALL_K1,
       .kernel = 3,
       .stride = 1,
       .same = 1,
       .has_bias = 1,
       .has_relu = 1,
       .init = init},
      {.kind = RP_MAX_POOL, .name = "pool1", .n_inputs = 1, .inputs = {0}, .kernel = 3, .stride = 2, .same = 1},
      {.kind = RP_CONV,
       .name = "conv2",
       .n_inputs = 1,
       .inputs = {1},
       .outputs = SMALL_K2,
       .kernel = 3,
       .stride = 1,
       .same = 1,
       .has_bias = 1,
       .has_relu = 1,
       .init = init},
      {.kind = RP_FC, .name = "fc1", .n_inputs = 1, .inputs = {2}, .outputs = SMALL_CLASSES, .has_bias = 1, .init = init},
  };
  rp_model model = {
      .channels = SMALL_CHANNELS, .height = SMALL_SIDE, .width = SMALL_SIDE, .n_classes = SMALL_CLASSES, .n_layers = 4, .layers = layers};
  rp_error err = {0};
  rp_net *net;
  assert_ok(rp_net_create(&model, 1, &net, &err), err);
  assert_int_equal(rp_net_layout(net)->n_parameters, SMALL_PARAMETERS);
  return net;
}

/* The initial state, with biases that are not 0. */
static inline rp_state *small_state(const rp_net *net, uint64_t seed) {
  rp_error err = {0};
  rp_state *state;
  assert_ok(rp_state_initial(net, 0, seed, &state, &err), err);
  for (int k = 0; k < SMALL_K1; k++) state->parameters[SMALL_B1 + k] = 0.05f * (float)(k - 3);
  for (int k = 0; k < SMALL_K2; k++) state->parameters[SMALL_B2 + k] = 0.03f * (float)(k - 6);
  return state;
}

static inline void close_filter(rp_state *state, int filter) {
  state->filters[filter].dropped = state->filters[filter].closed = 1;
}

/* ---- Reference ------------------------------------------------------------------------------- */

/* What a forward pass yields, and what may be different in it. */
typedef struct {
  const uint8_t *closed; /* [SMALL_F] or NULL */
  int scaled;            /* a filter whose map is multiplied by `scale`; -1 = none */
  double scale;
  int nudged; /* a parameter to which `nudge` is added; -1 = none */
  double nudge;
  double map1[SMALL_K1][SMALL_M1], map2[SMALL_K2][SMALL_M2]; /* results, at the gates */
  double logits[SMALL_CLASSES];
  double loss;
  int predicted;
} reference;

static inline double reference_parameter(const reference *r, const float *parameters, int i) {
  return parameters[i] + (i == r->nudged ? r->nudge : 0);
}

static inline double reference_conv(const reference *r, const float *parameters, int weight, int bias, const double *in, int C, int side,
                                    int k, int y, int x) {
  double sum = reference_parameter(r, parameters, bias + k);
  for (int c = 0; c < C; c++)
    for (int i = 0; i < 9; i++) {
      int row = y + i / 3 - 1, column = x + i % 3 - 1;
      if (row < 0 || column < 0 || row >= side || column >= side) continue;
      sum += reference_parameter(r, parameters, weight + (k * C + c) * 9 + i) * in[(c * side + row) * side + column];
    }
  return sum > 0 ? sum : 0;
}

static inline double reference_gate(const reference *r, int filter) {
  if (r->closed && r->closed[filter]) return 0;
  return filter == r->scaled ? r->scale : 1;
}

static inline void reference_forward(reference *r, const float *parameters, const rp_dataset *dataset, rp_part part, uint32_t index) {
  double image[SMALL_CHANNELS * SMALL_M1], pooled[SMALL_K1][SMALL_M2], *logits = r->logits;
  for (int i = 0; i < SMALL_CHANNELS * SMALL_M1; i++)
    image[i] = ((double)dataset->images[part][index][i] - dataset->mean[i / SMALL_M1]) / dataset->deviation[i / SMALL_M1];
  for (int k = 0; k < SMALL_K1; k++)
    for (int m = 0; m < SMALL_M1; m++)
      r->map1[k][m] = reference_gate(r, k) * reference_conv(r, parameters, SMALL_W1, SMALL_B1, image, SMALL_CHANNELS, SMALL_SIDE, k,
                                                            m / SMALL_SIDE, m % SMALL_SIDE);
  for (int k = 0; k < SMALL_K1; k++) /* SAME: the one pixel of padding is behind the last row and column */
    for (int m = 0; m < SMALL_M2; m++) {
      pooled[k][m] = 0; /* the maps are not negative */
      for (int i = 0; i < 9; i++) {
        int row = m / SMALL_POOLED * 2 + i / 3, column = m % SMALL_POOLED * 2 + i % 3;
        if (row < SMALL_SIDE && column < SMALL_SIDE) pooled[k][m] = fmax(pooled[k][m], r->map1[k][row * SMALL_SIDE + column]);
      }
    }
  for (int k = 0; k < SMALL_K2; k++)
    for (int m = 0; m < SMALL_M2; m++)
      r->map2[k][m] = reference_gate(r, SMALL_K1 + k) * reference_conv(r, parameters, SMALL_W2, SMALL_B2, &pooled[0][0], SMALL_K1,
                                                                       SMALL_POOLED, k, m / SMALL_POOLED, m % SMALL_POOLED);
  double total = 0, largest = -INFINITY;
  for (int j = 0; j < SMALL_CLASSES; j++) {
    logits[j] = reference_parameter(r, parameters, SMALL_BF + j);
    for (int i = 0; i < SMALL_K2 * SMALL_M2; i++)
      logits[j] += reference_parameter(r, parameters, SMALL_WF + j * SMALL_K2 * SMALL_M2 + i) * (&r->map2[0][0])[i];
    if (logits[j] > largest) largest = logits[j], r->predicted = j;
  }
  for (int j = 0; j < SMALL_CLASSES; j++) total += exp(logits[j] - largest);
  r->loss = log(total) + largest - logits[dataset->labels[part][index]];
}

static inline reference plain_reference(void) {
  return (reference){.scaled = -1, .nudged = -1};
}

#endif
