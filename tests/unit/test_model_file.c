/* test_model_file.c: model files become layer lists; what does not fit is named with its place. */
#include "experiments/plan/model_file.h"
#include "tests/yaml_files.h"

static const rp_image_shape CIFAR = {3, 32, 32, 10};

static rp_status build(const char *model_yaml, rp_image_shape shape, rp_model *out, char **json, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *model = node_of(model_yaml);
  assert_ok(rp_node_set_paths(model, "model", err), *err);
  return rp_model_build(model, shape, out, json, err);
}

/* A model from a file of its own; `parameters` are added to its name. */
static rp_status build_file(const char *file_yaml, const char *parameters, rp_model *out, rp_error *err) {
  rp_text text = {0};
  rp_text_format(&text, "{name: %s%s}", test_file("net.yaml", file_yaml), parameters);
  rp_status status = build(rp_text_string(&text), CIFAR, out, NULL, err);
  rp_text_free(&text);
  return status;
}

static void assert_refused(const char *file_yaml, const char *part) {
  rp_model model;
  rp_error err = {0};
  assert_fails(build_file(file_yaml, "", &model, &err), RP_EINPUT, err, part);
  assert_null(model.layers);
}

static void assert_layer(const rp_model *model, int i, rp_layer_kind kind, const char *name, int outputs, int kernel, int stride) {
  const rp_layer_spec *layer = &model->layers[i];
  assert_int_equal(layer->kind, kind);
  assert_string_equal(layer->name, name);
  assert_int_equal(layer->outputs, outputs);
  assert_int_equal(layer->kernel, kernel);
  assert_int_equal(layer->stride, stride);
  assert_int_equal(layer->n_inputs, 1);
  assert_int_equal(layer->inputs[0], i == 0 ? RP_IMAGE : i - 1);
}

/* The code that the authors released (github iamaaditya/repr-ortho): 3 × [conv 5×5 SAME 32 filters, ReLU, max pool 3×3 stride 2 SAME], fc
 * 10; truncated normal of deviation 0.04. */
static void c3_authors_is_the_net_of_the_released_code(void **unused) {
  (void)unused;
  rp_model model;
  rp_error err = {0};
  assert_ok(build("{name: c3-authors}", CIFAR, &model, NULL, &err), err);
  assert_int_equal(model.n_layers, 7);
  static const char *const CONVS[] = {"conv1", "conv2", "conv3"}, *const POOLS[] = {"pool1", "pool2", "pool3"};
  for (int i = 0; i < 3; i++) {
    assert_layer(&model, 2 * i, RP_CONV, CONVS[i], 32, 5, 1);
    assert_true(model.layers[2 * i].same && model.layers[2 * i].has_relu && model.layers[2 * i].has_bias);
    assert_int_equal(model.layers[2 * i].init.kind, RP_INIT_TRUNCATED_NORMAL);
    assert_near(model.layers[2 * i].init.sigma, 0.04, 0);
    assert_layer(&model, 2 * i + 1, RP_MAX_POOL, POOLS[i], 0, 3, 2);
    assert_true(model.layers[2 * i + 1].same);
  }
  assert_layer(&model, 6, RP_FC, "fc1", 10, 0, 0);
  assert_true(model.layers[6].has_bias);
  assert_int_equal(model.channels, 3);
  assert_int_equal(model.n_classes, 10);
  rp_model_free(&model);
}

static void c3_has_depth_filters_kernel_pool_and_init(void **unused) {
  (void)unused;
  rp_model model;
  rp_error err = {0};
  assert_ok(build("{name: c3}", CIFAR, &model, NULL, &err), err);
  assert_int_equal(model.n_layers, 7);
  assert_layer(&model, 0, RP_CONV, "conv1", 32, 3, 1);
  rp_model_free(&model);
  assert_ok(build("{name: c3, depth: 2, filters: 8, kernel: 7, pool: off, init: {name: orthogonal, gain: 2}}", CIFAR, &model, NULL, &err),
            err);
  assert_int_equal(model.n_layers, 3);
  assert_layer(&model, 1, RP_CONV, "conv2", 8, 7, 1);
  assert_layer(&model, 2, RP_FC, "fc1", 10, 0, 0);
  assert_int_equal(model.layers[1].init.kind, RP_INIT_ORTHOGONAL);
  assert_near(model.layers[1].init.gain, 2, 0);
  rp_model_free(&model);
}

static void the_last_layer_has_an_output_for_each_class(void **unused) {
  (void)unused;
  rp_model model;
  rp_error err = {0};
  rp_image_shape shape = {1, 28, 28, 7};
  assert_ok(build("{name: c3}", shape, &model, NULL, &err), err);
  assert_int_equal(model.layers[model.n_layers - 1].outputs, 7);
  assert_int_equal(model.channels, 1);
  rp_model_free(&model);
}

static void layers_are_numbered_within_their_kind_unless_named(void **unused) {
  (void)unused;
  rp_model model;
  rp_error err = {0};
  assert_ok(build_file("layers:\n  - conv: {filters: 4}\n  - conv: {filters: 4, name: middle}\n  - max_pool:\n  - conv: {filters: 4}\n  - "
                       "fc: {outputs: 5}\n"
                       "  - fc: {outputs: classes}\n",
                       "", &model, &err),
            err);
  static const char *const NAMES[] = {"conv1", "middle", "pool1", "conv3", "fc1", "fc2"};
  for (int i = 0; i < 6; i++) assert_string_equal(model.layers[i].name, NAMES[i]);
  rp_model_free(&model);
}

static void padding_is_same_valid_or_a_number(void **unused) {
  (void)unused;
  rp_model model;
  rp_error err = {0};
  assert_ok(build_file("layers:\n  - conv: {filters: 4, kernel: 5, padding: valid}\n  - conv: {filters: 4, kernel: 5, padding: 2}\n  - fc: "
                       "{outputs: classes}\n",
                       "", &model, &err),
            err);
  assert_true(!model.layers[0].same && model.layers[0].pad == 0);
  assert_true(!model.layers[1].same && model.layers[1].pad == 2);
  rp_model_free(&model);
}

static void the_json_for_ids_is_the_expanded_list_however_it_was_written(void **unused) {
  (void)unused;
  rp_model model, other;
  rp_error err = {0};
  char *json = NULL, *other_json = NULL;
  assert_ok(build("{name: c3, depth: 1, filters: 4, pool: off}", CIFAR, &model, &json, &err), err);
  assert_string_equal(
      json, "[{\"bias\":true,\"filters\":4,\"init\":{\"name\":\"truncated-normal\",\"sigma\":0.04},\"kernel\":3,\"kind\":\"conv\",\"name\":"
            "\"conv1\","
            "\"padding\":\"same\",\"relu\":true,\"stride\":1},{\"bias\":true,\"init\":{\"name\":\"truncated-normal\",\"sigma\":0.04},"
            "\"kind\":\"fc\",\"name\":\"fc1\",\"outputs\":10}]");
  const char *file = test_file("same.yaml", "layers:\n  - conv: {filters: 4, kernel: 3.0, relu: yes, init: truncated-normal}\n"
                                            "  - fc: {outputs: 10, name: fc1, init: {name: truncated-normal, sigma: 4e-2}}\n");
  rp_text text = {0};
  rp_text_format(&text, "{name: %s}", file);
  assert_ok(build(rp_text_string(&text), CIFAR, &other, &other_json, &err), err);
  assert_string_equal(other_json, json);
  rp_text_free(&text);
  rp_model_free(&model);
  rp_model_free(&other);
  free(json);
  free(other_json);
}

static void a_model_whose_shapes_do_not_fit_is_refused_with_its_place(void **unused) {
  (void)unused;
  assert_refused("layers:\n  - conv: {filters: 4, kernel: 33, padding: valid}\n  - fc: {outputs: classes}\n",
                 "net.yaml:2:11: layers[0].conv: conv1: a kernel of 33×33 does not fit into an input of 3×32×32");
  assert_refused(
      "layers:\n  - max_pool: {kernel: 15, stride: 32, padding: valid}\n  - max_pool: {padding: valid}\n  - fc: {outputs: classes}\n",
      "pool2: a kernel of 2×2 does not fit into an input of 3×1×1");
  assert_refused("layers:\n  - fc: {outputs: 4}\n  - conv: {filters: 4}\n  - fc: {outputs: classes}\n",
                 "net.yaml:3:11: layers[1].conv: conv1: conv needs maps, and its input is the 4 features of an fc");
  assert_refused("layers:\n  - max_pool: {kernel: 20}\n  - fc: {outputs: classes}\n", "pool1: kernel is 20; a max_pool's must be 1 to 15");
  assert_refused("layers:\n  - conv: {filters: 4}\n", "the last layer is conv1 (conv), not an fc");
  assert_refused("layers:\n  - fc: {outputs: 9}\n", "the last layer, fc1, has 9 outputs, but the data have 10 classes");
  assert_refused("layers:\n  - conv: {filters: 4, kernel: 3, padding: 3}\n  - fc: {outputs: classes}\n",
                 "padding of 3 around a kernel of 3×3");
  assert_refused("layers:\n  - fc: {outputs: 1000000}\n  - fc: {outputs: classes}\n", "weights");
}

/* Both branches of a structure, or the layers that `from` names, with both shapes. */
static void joins_of_unequal_shapes_are_refused_with_both(void **unused) {
  (void)unused;
  assert_refused("layers:\n  - branches:\n    - [{conv: {filters: 4}}]\n    - [{max_pool: {kernel: 2}}]\n  - fc: {outputs: classes}\n",
                 "net.yaml:3:5: layers[0].branches: concat1: its inputs are 4×32×32 and 3×16×16 (C×H×W); a concat needs equal heights");
  assert_refused(
      "layers:\n  - conv: {filters: 4}\n  - conv: {filters: 6, stride: 2}\n  - concat: {from: [conv1, conv2]}\n  - fc: {outputs: classes}\n",
      "net.yaml:4:13: layers[2].concat: concat1: its inputs are 4×32×32 and 6×16×16 (C×H×W)");
  assert_refused("layers:\n  - conv: {filters: 4}\n  - residual:\n      branch: [{conv: {filters: 8}}]\n  - fc: {outputs: classes}\n",
                 "net.yaml:4:7: layers[1].residual: add1: its inputs are 8×32×32 and 4×32×32 (C×H×W); a sum needs equal ones");
  assert_refused("layers:\n  - dense: [{conv: {filters: 8, stride: 2}}]\n  - fc: {outputs: classes}\n",
                 "layers[0].dense: concat1: its inputs are 3×32×32 and 8×16×16 (C×H×W)");
  assert_refused("layers:\n  - conv: {filters: 4}\n  - pad_channels: {channels: 3}\n  - fc: {outputs: classes}\n",
                 "pad1: pads to 3 channels, and its input has 4 already");
}

static void inputs_and_structures_that_cannot_be_are_refused(void **unused) {
  (void)unused;
  assert_refused("layers:\n  - conv: {filters: 4}\n  - add: {from: [conv1]}\n  - fc: {outputs: classes}\n",
                 "net.yaml:3:10: layers[1].add: add1: add takes 2 to 8 inputs, not 1");
  assert_refused("layers:\n  - conv: {filters: 4}\n  - add: {from: [conv1, conv2]}\n  - fc: {outputs: classes}\n",
                 "net.yaml:3:25: layers[1].add.from[1]: no layer before this one is called 'conv2'");
  assert_refused("layers:\n  - conv: {filters: 4, name: a}\n  - conv: {filters: 4, name: b}\n  - fc: {outputs: classes, from: a}\n",
                 "net.yaml:3:11: layers[1].conv: no layer reads b; remove it");
  assert_refused("layers:\n  - residual: {brunch: []}\n  - fc: {outputs: classes}\n",
                 "net.yaml:2:16: unknown key 'brunch' in residual; did you mean 'branch'? There are: branch, shortcut");
  assert_refused("layers:\n  - residual: 3\n  - fc: {outputs: classes}\n", "layers[0].residual: residual is a map with `branch`");
  assert_refused("layers:\n  - residual: {shortcut: []}\n  - fc: {outputs: classes}\n", "layers[0].residual: a list of layers is missing");
  assert_refused("layers:\n  - branches: [[{conv: {filters: 4}}]]\n  - fc: {outputs: classes}\n",
                 "layers[0].branches: branches is a list of 2 to 8 lists of layers");
}

/* An empty list is the input itself; where all are, the structure makes nothing of it. */
static void a_structure_without_any_layer_is_refused(void **unused) {
  (void)unused;
  static const char *const EMPTY[] = {"dense: []", "residual: {branch: []}", "residual: {branch: [], shortcut: []}", "branches: [[], []]"};
  for (size_t i = 0; i < sizeof EMPTY / sizeof *EMPTY; i++) {
    char yaml[160];
    snprintf(yaml, sizeof yaml, "layers:\n  - conv: {filters: 4}\n  - %s\n  - fc: {outputs: classes}\n", EMPTY[i]);
    assert_refused(yaml, ": no layer stands in it, so it would join its input to itself; give it layers, or leave it out");
  }
  assert_refused("layers:\n  - dense: []\n  - fc: {outputs: classes}\n", "net.yaml:2:12: layers[0].dense: no layer stands in it");
}

static void a_layers_numbers_out_of_range_are_refused_with_the_range(void **unused) {
  (void)unused;
  static const struct {
    const char *layer, *part;
  } CASES[] = {
      {"conv: {filters: 0}", "net.yaml:2:21: layers[0].conv.filters: 0 is out of range; it must be a whole number (1 to 65536)"},
      {"conv: {filters: 4, kernel: 0}", "layers[0].conv.kernel: 0 is out of range; it must be a whole number (1 to 1024)"},
      {"conv: {filters: 4, stride: 2000}", "layers[0].conv.stride: 2000 is out of range; it must be a whole number (1 to 1024)"},
      {"conv: {filters: 4, padding: -1}",
       "layers[0].conv.padding: -1 is out of range; it must be a whole number (0 to 1024) or same, valid"},
      {"conv: {filters: 4, init: {name: truncated-normal, sigma: -1}}", "init.sigma: -1 is out of range; it must be a number (0 to 1000)"},
      {"dropout: {rate: 1}", "layers[0].dropout.rate: 1 is out of range; it must be a number (0 to 0.999999)"},
      {"drop_path: {rate: -0.1}", "layers[0].drop_path.rate: -0.1 is out of range"},
      {"batch_norm: {momentum: 1.5}", "layers[0].batch_norm.momentum: 1.5 is out of range; it must be a number (0 to 1)"},
      {"batch_norm: {epsilon: 0}", "layers[0].batch_norm.epsilon: 0 is out of range"},
      {"dropout: {rate: half}", "layers[0].dropout.rate: 'half' is not a number (0 to 0.999999)"},
      {"relu: {slope: 0.1}", "unknown key 'slope' in relu; there are: name, from"},
      {"add: {from: [a, b], weight: 2}", "unknown key 'weight' in add; there are: name, from"},
  };
  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
    char yaml[160];
    snprintf(yaml, sizeof yaml, "layers:\n  - %s\n  - fc: {outputs: classes}\n", CASES[i].layer);
    assert_refused(yaml, CASES[i].part);
  }
}

/* Who reads whom, by hand: a block with the identity, one with a shortcut of its own, a dense one, branches of which one is the input. */
static void structures_become_layers_with_their_inputs(void **unused) {
  (void)unused;
  static const char *const FILE_TEXT = "layers:\n"
                                       "  - conv: {filters: 4, name: stem}\n"                          /* 0 */
                                       "  - residual:\n"                                               /* 2: add of 1, 0 */
                                       "      branch: [{conv: {filters: 4}}]\n"                        /* 1 */
                                       "  - residual:\n"                                               /* 6: add of 4, 5 */
                                       "      branch: [{conv: {filters: 8, stride: 2}}, relu: ]\n"     /* 3, 4 */
                                       "      shortcut: [{pad_channels: {channels: 8, stride: 2}}]\n"  /* 5, reads 2 */
                                       "  - dense: [{batch_norm: {relu: on}}, {conv: {filters: 3}}]\n" /* 7, 8; 9: concat of 6, 8 */
                                       "  - branches:\n"                                               /* 12: concat of 10, 9, 11 */
                                       "    - [{conv: {filters: 2}}]\n"
                                       "    - []\n"
                                       "    - [{max_pool: {kernel: 3, stride: 1}}]\n"
                                       "  - add: {from: [concat2, concat2]}\n" /* 13 */
                                       "  - fc: {outputs: classes}\n";         /* 14 */
  static const struct {
    rp_layer_kind kind;
    const char *name;
    int n_inputs, inputs[3];
  } EXPECTED[] = {{RP_CONV, "stem", 1, {RP_IMAGE}},
                  {RP_CONV, "conv2", 1, {0}},
                  {RP_ADD, "add1", 2, {1, 0}},
                  {RP_CONV, "conv3", 1, {2}},
                  {RP_RELU, "relu1", 1, {3}},
                  {RP_PAD_CHANNELS, "pad1", 1, {2}},
                  {RP_ADD, "add2", 2, {4, 5}},
                  {RP_BATCH_NORM, "bn1", 1, {6}},
                  {RP_CONV, "conv4", 1, {7}},
                  {RP_CONCAT, "concat1", 2, {6, 8}},
                  {RP_CONV, "conv5", 1, {9}},
                  {RP_MAX_POOL, "pool1", 1, {9}},
                  {RP_CONCAT, "concat2", 3, {10, 9, 11}},
                  {RP_ADD, "add3", 2, {12, 12}},
                  {RP_FC, "fc1", 1, {13}}};
  rp_model model;
  rp_error err = {0};
  assert_ok(build_file(FILE_TEXT, "", &model, &err), err);
  assert_int_equal(model.n_layers, sizeof EXPECTED / sizeof EXPECTED[0]);
  for (int i = 0; i < model.n_layers; i++) {
    assert_int_equal(model.layers[i].kind, EXPECTED[i].kind);
    assert_string_equal(model.layers[i].name, EXPECTED[i].name);
    assert_int_equal(model.layers[i].n_inputs, EXPECTED[i].n_inputs);
    assert_memory_equal(model.layers[i].inputs, EXPECTED[i].inputs, (size_t)EXPECTED[i].n_inputs * sizeof(int));
  }
  rp_model_free(&model);
}

static void mistakes_in_a_model_file_are_refused_with_their_place(void **unused) {
  (void)unused;
  assert_refused("layers:\n  - cnov: {filters: 4}\n", "net.yaml:2:5: unknown layer kind 'cnov'; did you mean 'conv'?");
  assert_refused("layers:\n  - conv: {fliters: 4}\n", "net.yaml:2:12: unknown key 'fliters' in conv; did you mean 'filters'?");
  assert_refused("layers:\n  - conv: {filters: four}\n", "net.yaml:2:21: layers[0].conv.filters: 'four' is not a whole number");
  assert_refused("layers:\n  - conv: {kernel: 3}\n", "conv needs `filters`");
  assert_refused("layers:\n  - conv: {filters: 4, init: hee}\n", "'hee' is not known here; did you mean 'he'?");
  assert_refused("layers:\n  - conv\n", "a layer is a map with its kind");
  assert_refused("layers: []\n", "a model has 1 to 1000 layers; this one has 0");
  assert_refused("parameters: {a: 1}\n", "a model file needs `layers`");
  assert_refused("layers:\n  - conv: {filters: 4, name: a b}\n", "'a b' is no layer's name");
  assert_refused("layers:\n  - conv: {filters: 4, name: fc1}\n  - fc: {outputs: classes}\n",
                 "a layer before this one is called 'fc1', too");
}

static void a_wrong_parameter_is_refused_where_it_was_given(void **unused) {
  (void)unused;
  rp_model model;
  rp_error err = {0};
  assert_fails(build("{name: c3,\n filters: none}", CIFAR, &model, NULL, &err), RP_EINPUT, err,
               "test:2:11: model.filters: 'none' is not a whole number");
  assert_fails(build("{name: c3, depth: -1}", CIFAR, &model, NULL, &err), RP_EINPUT, err,
               "test:1:19: model.depth: -1 is not a number of repetitions");
  assert_fails(build("{name: c3, pool: 3}", CIFAR, &model, NULL, &err), RP_EINPUT, err, "test:1:18: model.pool: '3' is not on or off");
  assert_fails(build("{name: c33}", CIFAR, &model, NULL, &err), RP_EINPUT, err,
               "there is no model 'c33'; did you mean 'c3'? There are: c3, c3-authors");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(c3_authors_is_the_net_of_the_released_code),
      cmocka_unit_test(c3_has_depth_filters_kernel_pool_and_init),
      cmocka_unit_test(the_last_layer_has_an_output_for_each_class),
      cmocka_unit_test(layers_are_numbered_within_their_kind_unless_named),
      cmocka_unit_test(padding_is_same_valid_or_a_number),
      cmocka_unit_test(the_json_for_ids_is_the_expanded_list_however_it_was_written),
      cmocka_unit_test(a_model_whose_shapes_do_not_fit_is_refused_with_its_place),
      cmocka_unit_test(joins_of_unequal_shapes_are_refused_with_both),
      cmocka_unit_test(inputs_and_structures_that_cannot_be_are_refused),
      cmocka_unit_test(a_structure_without_any_layer_is_refused),
      cmocka_unit_test(a_layers_numbers_out_of_range_are_refused_with_the_range),
      cmocka_unit_test(structures_become_layers_with_their_inputs),
      cmocka_unit_test(mistakes_in_a_model_file_are_refused_with_their_place),
      cmocka_unit_test(a_wrong_parameter_is_refused_where_it_was_given),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
