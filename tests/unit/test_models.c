/* test_models.c: the nets that come with the program have the published numbers of parameters, and fit the images that they are for. */
#include "core/nn/net.h"
#include "experiments/plan/model_file.h"
#include "tests/yaml_files.h"

static const rp_image_shape CIFAR = {3, 32, 32, 10};

/* Parameters that are trained; without the last layer's where `fc` is 0. */
static size_t n_trained(const char *model_yaml, rp_image_shape shape, int with_fc) {
  rp_error err = {0};
  rp_node *node = node_of(model_yaml);
  rp_model model;
  rp_net *net;
  assert_ok(rp_model_build(node, shape, &model, NULL, &err), err);
  assert_ok(rp_net_create(&model, 1, &net, &err), err);
  const rp_layout *layout = rp_net_layout(net);
  size_t n = 0;
  for (int t = 0; t < layout->n_tensors; t++) {
    const rp_tensor *tensor = &layout->tensors[t];
    int is_last = tensor->layer == model.n_layers - 1;
    if (rp_tensor_is_trained(tensor->kind) && (with_fc || !is_last)) n += (size_t)tensor->K * (size_t)tensor->C * (size_t)tensor->E;
  }
  rp_net_free(&net);
  rp_model_free(&model);
  rp_node_free(&node);
  return n;
}

static void assert_thousands(const char *model_yaml, int with_fc, long thousands) {
  size_t n = n_trained(model_yaml, CIFAR, with_fc);
  if ((long)((double)n / 1000 + 0.5) != thousands) fail_msg("%s: %zu parameters, not %ld thousand", model_yaml, n, thousands);
}

/* Prakash et al. 2019, figure 3 and text. */
static void c_n_of_32_filters_with_bn_have_20_66_113_and_159_thousand_without_the_fc(void **unused) {
  (void)unused;
  assert_thousands("{name: c3, depth: 3, bn: on}", 0, 20);
  assert_thousands("{name: c3, depth: 8, bn: on}", 0, 66);
  assert_thousands("{name: c3, depth: 13, bn: on}", 0, 113);
  assert_thousands("{name: c3, depth: 18, bn: on, pool: off}", 0, 159);
}

/* He et al. 2016, table 6: 0.27, 0.46, 0.66, 0.85, 1.7 million; ResNet-20 exactly 269,722 with shortcuts of option A. */
static void resnets_have_the_published_numbers(void **unused) {
  (void)unused;
  assert_int_equal(n_trained("{name: resnet}", CIFAR, 1), 269722);
  assert_thousands("{name: resnet, depth: 32}", 1, 464);
  assert_thousands("{name: resnet, depth: 44}", 1, 659);
  assert_thousands("{name: resnet, depth: 56}", 1, 853);
  assert_thousands("{name: resnet, depth: 110}", 1, 1728);
  assert_int_equal(n_trained("{name: resnet, stochastic_depth: on}", CIFAR, 1), 269722);
}

/* With the stem for small images: 11.17 million; counted by hand from the blocks. */
static void resnet_18_has_11_million(void **unused) {
  (void)unused;
  size_t stem = 3 * 64 * 9 + 128, first = 4 * (64 * 64 * 9 + 128), rest = 0;
  for (size_t in = 64, out = 128; out <= 512; in *= 2, out *= 2)
    rest += in * out * 9 + 3 * out * out * 9 + 4 * 2 * out + in * out + 2 * out;
  assert_int_equal(n_trained("{name: resnet-18}", CIFAR, 1), stem + first + rest + 512 * 10 + 10);
  assert_thousands("{name: resnet-18}", 1, 11174);
}

/* Huang et al. 2017, table 2: 1.0, 7.0 and 0.8 million. */
static void densenets_have_the_published_numbers(void **unused) {
  (void)unused;
  assert_near((double)n_trained("{name: densenet}", CIFAR, 1) / 1e6, 1.02, 0.005);
  assert_near((double)n_trained("{name: densenet, variant: 100}", CIFAR, 1) / 1e6, 7.0, 0.05);
  assert_near((double)n_trained("{name: densenet, variant: bc-100}", CIFAR, 1) / 1e6, 0.8, 0.05);
}

/* Simonyan & Zisserman 2015, table 1 D: convolutions of 14,714,688 weights and biases; 2 · 4224 of BN; 512 · 10 + 10. */
static void vgg_16_has_the_published_convolutions(void **unused) {
  (void)unused;
  assert_int_equal(n_trained("{name: vgg16, bn: off}", CIFAR, 1), 14714688 + 5130);
  assert_int_equal(n_trained("{name: vgg16}", CIFAR, 1), 14714688 + 2 * 4224 + 5130);
}

/* Zhang et al. 2017, table 1: 1,649,402, with a BN that has no gamma; ours has one for each of 1712 channels. */
static void the_small_inception_has_1649402_and_gammas(void **unused) {
  (void)unused;
  assert_int_equal(n_trained("{name: inception}", CIFAR, 1), 1649402 + 1712);
}

static void nets_for_images_of_one_channel_and_28_pixels_fit_too(void **unused) {
  (void)unused;
  static const char *const NAMES[] = {"c3", "c3-authors", "resnet", "resnet-18", "vgg16", "vgg-narrow", "densenet", "inception"};
  for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
    char yaml[64];
    snprintf(yaml, sizeof yaml, "{name: %s}", NAMES[i]);
    assert_true(n_trained(yaml, (rp_image_shape){1, 28, 28, 10}, 1) > 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(c_n_of_32_filters_with_bn_have_20_66_113_and_159_thousand_without_the_fc),
      cmocka_unit_test(resnets_have_the_published_numbers),
      cmocka_unit_test(resnet_18_has_11_million),
      cmocka_unit_test(densenets_have_the_published_numbers),
      cmocka_unit_test(vgg_16_has_the_published_convolutions),
      cmocka_unit_test(the_small_inception_has_1649402_and_gammas),
      cmocka_unit_test(nets_for_images_of_one_channel_and_28_pixels_fit_too),
  };
  return cmocka_run_group_tests_name("models", tests, NULL, NULL);
}
