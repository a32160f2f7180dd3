/* layouts.h: layouts of parameters made by hand, for tests of what needs no network: states, checkpoints, overlap, dropping. */
#ifndef RP_TESTS_LAYOUTS_H
#define RP_TESTS_LAYOUTS_H

#include "core/base/draws.h"
#include "core/state/state.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAX_TEST_TENSORS = 16, MAX_TEST_CONVS = 4 };

typedef struct {
  rp_layout layout;
  rp_tensor tensors[MAX_TEST_TENSORS];
  rp_conv convs[MAX_TEST_CONVS];
  char names[MAX_TEST_CONVS][RP_NAME_SIZE];
} test_layout;

static inline int add_test_tensor(test_layout *test, rp_tensor_kind kind, int layer, int K, int C, int E) {
  rp_layout *layout = &test->layout;
  test->tensors[layout->n_tensors] = (rp_tensor){kind, layer, K, C, E, layout->n_parameters, layout->n_units};
  layout->n_parameters += (size_t)(K * C * E);
  layout->n_units += (size_t)(K * C);
  return layout->n_tensors++;
}

static inline void add_test_conv(test_layout *test, int K, int C, int kernel, int has_bias) {
  rp_layout *layout = &test->layout;
  int layer = layout->n_convs;
  rp_conv *conv = &test->convs[layout->n_convs];
  snprintf(test->names[layer], RP_NAME_SIZE, "conv%d", layer + 1);
  *conv =
      (rp_conv){.layer = layer, .name = test->names[layer], .K = K, .C = C, .R = kernel, .S = kernel, .first_filter = layout->n_filters};
  conv->weight = add_test_tensor(test, RP_CONV_WEIGHT, layer, K, C, kernel * kernel);
  conv->bias = has_bias ? add_test_tensor(test, RP_BIAS, layer, K, 1, 1) : -1;
  layout->n_filters += K;
  layout->n_convs++;
}

/* {0} on entry; must not be copied afterwards. */
static inline void start_test_layout(test_layout *test) {
  test->layout.tensors = test->tensors;
  test->layout.convs = test->convs;
}

/* conv1 4×3×3×3 with bias, conv2 5×4×2×2 without, fc 3×5×4 with bias. */
static inline void make_small_layout(test_layout *test) {
  *test = (test_layout){0};
  start_test_layout(test);
  add_test_conv(test, 4, 3, 3, 1);
  add_test_conv(test, 5, 4, 2, 0);
  add_test_tensor(test, RP_FC_WEIGHT, 2, 3, 5, 4);
  add_test_tensor(test, RP_BIAS, 2, 3, 1, 1);
}

static inline void fill_with_draws(float *values, size_t n, uint32_t which) {
  rp_stream stream = rp_stream_of(42, RP_DRAW_INIT, which, 0, 0, 0);
  for (size_t i = 0; i < n; i++) values[i] = (float)rp_draw_normal(&stream, i);
}

/* A state whose every field has a value of its own. The caller frees it. */
static inline rp_state *make_full_state(const rp_layout *layout, int n_slots) {
  rp_state *state;
  rp_error err = {0};
  assert_ok(rp_state_create(layout, n_slots, 0x1234567890abcdefu, &state, &err), err);
  state->epoch = 31;
  state->cycle = 2;
  state->step = 0x100000007u;
  fill_with_draws(state->parameters, layout->n_parameters, 1);
  for (int i = 0; i < n_slots; i++) fill_with_draws(state->slots[i], layout->n_parameters, 2 + (uint32_t)i);
  fill_with_draws(state->at_drop, layout->n_parameters, 9);
  for (size_t u = 0; u < layout->n_units; u++) state->steps[u] = (uint32_t)(100 + u);
  for (int f = 0; f < layout->n_filters; f++)
    state->filters[f] = (rp_filter_state){f % 2, f % 2, (uint32_t)f % 3, (uint32_t)(20 + f), (uint32_t)f % 4};
  return state;
}

static inline rp_id digest_of(const rp_state *state) {
  rp_id id;
  rp_error err = {0};
  assert_ok(rp_state_digest(state, &id, &err), err);
  return id;
}

static inline rp_state *copy_of(const rp_state *state) {
  rp_state *copy;
  rp_error err = {0};
  assert_ok(rp_state_copy(state, &copy, &err), err);
  return copy;
}

#endif
