/* graphs.h: small models of each kind of structure that nets have: what a test of graphs goes through. */
#ifndef RP_TESTS_GRAPHS_H
#define RP_TESTS_GRAPHS_H

#include "tests/models.h"

/* conv, BN, ReLU three times: the first with a bias, whose gradient BN makes 0; the second with the ReLU fused into BN; strided; pooled. */
static inline void stack_of_bn(test_model *m) {
  begin_model(m, 3, 9, 8, 4);
  add_conv(m, 5, 3, 1)->has_relu = 0;
  layer_on(m, RP_RELU, layer_on(m, RP_BATCH_NORM, last_of(m)));
  pool_on(m, RP_MAX_POOL, conv_bn(m, last_of(m), 18, 3, 2, 0), 3, 2);
  m->layers[last_of(m) - 1].has_relu = 1;
  conv_bn(m, last_of(m), 7, 1, 1, 1);
  add_fc(m, 4);
}

/* ResNet of He et al. 2016: a block with the identity, one with a strided option-A shortcut, one with a projection. */
static inline void resnet(test_model *m) {
  begin_model(m, 3, 9, 9, 4);
  int stem = conv_bn(m, RP_IMAGE, 5, 3, 1, 1);
  int first = conv_bn(m, conv_bn(m, stem, 5, 3, 1, 1), 5, 3, 1, 0);
  int one = layer_on(m, RP_RELU, join(m, RP_ADD, first, stem, -1, -1));
  int second = conv_bn(m, conv_bn(m, one, 9, 3, 2, 1), 9, 3, 1, 0);
  int two = layer_on(m, RP_RELU, join(m, RP_ADD, pad_channels(m, one, 9, 2), second, -1, -1));
  int third = conv_bn(m, conv_bn(m, two, 18, 3, 2, 1), 18, 3, 1, 0);
  int projection = conv_bn(m, two, 18, 1, 2, 0);
  layer_on(m, RP_RELU, join(m, RP_ADD, third, projection, -1, -1));
  layer_on(m, RP_GLOBAL_AVG_POOL, last_of(m));
  add_fc(m, 4);
}

/* DenseNet of Huang et al. 2017: BN, ReLU, conv on all that came before, 5 and 12 channels at a time; a transition with a mean pool. */
static inline void densenet(test_model *m) {
  begin_model(m, 3, 8, 8, 4);
  int all = plain_conv(m, RP_IMAGE, 5, 3, 1);
  for (int i = 0; i < 2; i++) {
    int made = plain_conv(m, layer_on(m, RP_RELU, layer_on(m, RP_BATCH_NORM, all)), 12, 3, 1);
    all = join(m, RP_CONCAT, all, made, -1, -1);
  }
  all = plain_conv(m, layer_on(m, RP_RELU, layer_on(m, RP_BATCH_NORM, all)), 6, 1, 1);
  all = pool_on(m, RP_AVG_POOL, all, 2, 2);
  all = join(m, RP_CONCAT, all, plain_conv(m, layer_on(m, RP_RELU, layer_on(m, RP_BATCH_NORM, all)), 5, 3, 1), -1, -1);
  layer_on(m, RP_GLOBAL_AVG_POOL, layer_on(m, RP_RELU, layer_on(m, RP_BATCH_NORM, all)));
  add_fc(m, 4);
}

/* Inception of Szegedy et al. 2015: four branches of one map, one of them a pool. */
static inline void inception(test_model *m) {
  begin_model(m, 3, 7, 8, 3);
  int stem = conv_bn(m, RP_IMAGE, 17, 3, 1, 1);
  int a = conv_bn(m, stem, 5, 1, 1, 1);
  int b = conv_bn(m, conv_bn(m, stem, 4, 1, 1, 1), 12, 3, 1, 1);
  int c = conv_bn(m, conv_bn(m, stem, 3, 1, 1, 1), 16, 5, 1, 1);
  int d = conv_bn(m, pool_on(m, RP_MAX_POOL, stem, 3, 1), 3, 1, 1, 1);
  pool_on(m, RP_AVG_POOL, join(m, RP_CONCAT, a, b, c, d), 3, 2);
  add_fc(m, 3);
}

/* No BN: sums, rows of channels, pools and ReLUs of whole numbers are exact. The stem is read by three layers, the sum takes one twice. */
static inline void exact_graph(test_model *m) {
  begin_model(m, 3, 8, 8, 3);
  int stem = (add_conv(m, 5, 3, 1), last_of(m));
  int a = plain_conv(m, stem, 9, 3, 2), b = pad_channels(m, stem, 9, 2), c = pool_on(m, RP_MAX_POOL, stem, 2, 2);
  int sum = layer_on(m, RP_RELU, join(m, RP_ADD, a, b, a, -1));
  int row = join(m, RP_CONCAT, c, sum, b, c);
  add_conv(m, 17, 1, 1);
  pool_on(m, RP_MAX_POOL, join(m, RP_CONCAT, last_of(m), row, -1, -1), 3, 2);
  add_fc(m, 3);
}

/* What stands between maps and images, and behind an fc: BN and ReLU of features, means with padding, pools of the image. */
static inline void odd_places(test_model *m) {
  begin_model(m, 3, 10, 7, 3);
  int image = layer_on(m, RP_BATCH_NORM, RP_IMAGE);
  int pooled = pool_on(m, RP_AVG_POOL, image, 3, 2);
  int conv = conv_bn(m, image, 6, 3, 2, 1);
  pool_on(m, RP_AVG_POOL, join(m, RP_CONCAT, pooled, conv, -1, -1), 2, 1);
  rp_layer_spec *padded = add_layer(m, RP_AVG_POOL);
  padded->kernel = 3, padded->stride = 2, padded->same = 0, padded->pad = 1;
  add_fc(m, 21);
  layer_on(m, RP_RELU, layer_on(m, RP_BATCH_NORM, last_of(m)));
  int wide = layer_on(m, RP_DROPOUT, last_of(m));
  m->layers[wide].rate = 0.3;
  int more = (add_fc(m, 21)->inputs[0] = wide, last_of(m));
  join(m, RP_ADD, more, wide, -1, -1);
  add_fc(m, 3);
}

/* All that is drawn, each behind what has more than one block of channels. */
static inline void drawn(test_model *m) {
  begin_model(m, 3, 8, 8, 3);
  int stem = conv_bn(m, RP_IMAGE, 19, 3, 1, 1);
  int branch = dropout_on(m, RP_DROP_PATH, conv_bn(m, dropout_on(m, RP_DROPOUT, stem, 0.2), 19, 3, 1, 0), 0.5);
  int sum = join(m, RP_ADD, branch, stem, -1, -1);
  pool_on(m, RP_STOCHASTIC_POOL, layer_on(m, RP_RELU, sum), 3, 2);
  dropout_on(m, RP_DROPOUT, last_of(m), 0.5);
  add_fc(m, 3);
}

/* Images and features, whose channels lie singly in memory, joined with maps, whose channels lie in blocks, in either order. */
static inline void mixed_layouts(test_model *m) {
  begin_model(m, 3, 8, 7, 3);
  int image = layer_on(m, RP_BATCH_NORM, RP_IMAGE), map = conv_bn(m, RP_IMAGE, 3, 3, 1, 1);
  int one = join(m, RP_ADD, image, map, -1, -1), other = join(m, RP_ADD, map, image, one, -1);
  m->layers[one].inputs[m->layers[one].n_inputs++] = RP_IMAGE;
  int singly = join(m, RP_CONCAT, image, map, one, -1), blocks = join(m, RP_CONCAT, map, image, other, -1);
  int a = conv_bn(m, pool_on(m, RP_MAX_POOL, singly, 2, 1), 20, 3, 2, 1), b = conv_bn(m, pad_channels(m, singly, 17, 1), 20, 3, 2, 1);
  int c = conv_bn(m, pool_on(m, RP_STOCHASTIC_POOL, blocks, 2, 1), 20, 3, 2, 1);
  int features = (join(m, RP_ADD, a, b, c, -1), add_fc(m, 20), last_of(m)), means = layer_on(m, RP_GLOBAL_AVG_POOL, c);
  int sum = join(m, RP_ADD, features, means, -1, -1), sum_in_blocks = join(m, RP_ADD, means, features, -1, -1);
  int row = join(m, RP_CONCAT, means, features, sum, -1);
  join(m, RP_CONCAT, features, row, sum_in_blocks, -1);
  add_fc(m, 3);
}

/* ResNet with BN and ReLU before its convs, He et al., ECCV 2016: BNs read sums, whose channels are absent where all summands are. */
static inline void early_activation(test_model *m) {
  begin_model(m, 3, 8, 8, 4);
  int sum = plain_conv(m, RP_IMAGE, 10, 3, 1);
  for (int i = 0; i < 2; i++) {
    int inner = plain_conv(m, layer_on(m, RP_RELU, layer_on(m, RP_BATCH_NORM, sum)), 6, 3, 1);
    int branch = plain_conv(m, layer_on(m, RP_RELU, layer_on(m, RP_BATCH_NORM, inner)), 10, 3, 1);
    sum = join(m, RP_ADD, sum, branch, -1, -1);
  }
  layer_on(m, RP_GLOBAL_AVG_POOL, layer_on(m, RP_RELU, layer_on(m, RP_BATCH_NORM, sum)));
  add_fc(m, 4);
}

static const struct {
  const char *name;
  void (*make)(test_model *);
} STRUCTURES[] = {
    {"stack of BN", stack_of_bn},          {"ResNet", resnet},         {"DenseNet", densenet}, {"Inception", inception},
    {"exact graph", exact_graph},          {"odd places", odd_places}, {"drawn", drawn},       {"mixed layouts", mixed_layouts},
    {"early activation", early_activation}};
enum { N_STRUCTURES = sizeof STRUCTURES / sizeof STRUCTURES[0] };

/* The same layers on images of another size, and for another number of classes. */
static inline void resize_model(test_model *m, int size, int n_classes) {
  m->model.height = m->model.width = size;
  m->model.n_classes = m->layers[last_of(m)].outputs = n_classes;
}

#endif
