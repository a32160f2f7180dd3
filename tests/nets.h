/* nets.h: small nets for tests of what works on a network. */
#ifndef RP_TESTS_NETS_H
#define RP_TESTS_NETS_H

#include "core/nn/net.h"
#include "tests/check.h"

#include <stdio.h>

enum { MAX_TEST_LAYERS = 8 };

typedef struct {
  int channels, size; /* of the image, size × size */
  int n_convs;
  int K[3], kernel[3]; /* of each conv: SAME, stride 1, bias, ReLU */
  int is_pooled;       /* each conv is followed by a 2 × 2 max pool */
  int n_classes;
} test_net;

/* The caller frees with rp_net_free. */
static inline rp_net *make_net(const test_net *test) {
  rp_layer_spec layers[MAX_TEST_LAYERS] = {0};
  rp_model model = {.channels = test->channels, .height = test->size, .width = test->size, .n_classes = test->n_classes, .layers = layers};
  for (int i = 0; i < test->n_convs; i++) {
    int n = model.n_layers;
    layers[n] =
        (rp_layer_spec){.kind = RP_CONV, .n_inputs = 1, .inputs = {n - 1}, .outputs = test->K[i], .kernel = test->kernel[i], .stride = 1};
    layers[n].same = layers[n].has_bias = layers[n].has_relu = 1;
    layers[n].init.kind = RP_INIT_HE;
    snprintf(layers[n].name, RP_NAME_SIZE, "conv%d", i + 1);
    model.n_layers++;
    if (!test->is_pooled) continue;
    layers[n + 1] = (rp_layer_spec){.kind = RP_MAX_POOL, .n_inputs = 1, .inputs = {n}, .kernel = 2, .stride = 2};
    snprintf(layers[n + 1].name, RP_NAME_SIZE, "pool%d", i + 1);
    model.n_layers++;
  }
  int n = model.n_layers++;
  layers[n] = (rp_layer_spec){.kind = RP_FC, .name = "fc1", .n_inputs = 1, .inputs = {n - 1}, .outputs = test->n_classes, .has_bias = 1};
  layers[n].init.kind = RP_INIT_HE;
  rp_net *net;
  rp_error err = {0};
  assert_ok(rp_net_create(&model, 1, &net, &err), err);
  return net;
}

#endif
