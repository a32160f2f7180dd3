/* test_model_runs.c: the models that come with the program at work on 32×32 images: the same bits each time, and gates and absence in every
 * one of them. */
#include "experiments/config/find.h"
#include "experiments/plan/model_file.h"
#include "tests/training.h"
#include "tests/yaml_files.h"

#include <dirent.h>

/* Every file of experiments/models, as small as its parameters let it be, and what in it is drawn in training. */
static const char *const MODELS[] = {
    "{name: c3-authors, filters: 8}",
    "{name: c3, filters: 8}",
    "{name: c3, filters: 8, bn: on, pool: off}",
    "{name: vgg-narrow}",
    "{name: vgg-narrow, bn: off, dropout: on}",
    "{name: vgg16, filters: 16, filters2: 16, filters3: 32, filters4: 32, filters5: 32}",
    "{name: resnet, depth: 20}",
    "{name: resnet, depth: 20, stochastic_depth: on, drop_rate: 0.5}",
    "{name: resnet-18, filters: 16, filters2: 16, filters3: 32, filters4: 32}",
    "{name: densenet, variant: 40}",
    "{name: inception}",
};
enum { N_MODELS = sizeof MODELS / sizeof MODELS[0], SIDE = 32, PIXELS = 3 * SIDE * SIDE, CLASSES = 10, BATCH = 4, N_STEPS = 3 };

static const rp_train_options MOMENTUM = {
    .lr = 0.01, .optimizer = {.kind = RP_MOMENTUM, .momentum = 0.9, .weight_decay = 0.01}, .batch = BATCH};

/* N_STEPS batches of noise. */
static const rp_dataset *noise(void) {
  enum { N = BATCH * N_STEPS };
  static uint8_t pixels[N][PIXELS], labels[N];
  static const uint8_t *images[N];
  static rp_dataset dataset = {.channels = 3, .height = SIDE, .width = SIDE, .n_classes = CLASSES};
  rp_stream stream = rp_stream_of(1, RP_DRAW_SHAPES, 0, 0, 0, 0);
  for (uint32_t i = 0; i < N; i++) {
    for (uint32_t p = 0; p < PIXELS; p++) pixels[i][p] = (uint8_t)rp_draw_below(&stream, i * PIXELS + p, 256);
    labels[i] = (uint8_t)(i % CLASSES);
    images[i] = pixels[i];
  }
  dataset.n[RP_TRAIN] = N, dataset.images[RP_TRAIN] = images, dataset.labels[RP_TRAIN] = labels;
  for (int c = 0; c < 3; c++) dataset.mean[c] = 127, dataset.deviation[c] = 74;
  return &dataset;
}

static rp_net *net_of_file(const char *yaml) {
  rp_node *node = node_of(yaml);
  rp_model model;
  rp_net *net;
  rp_error err = {0};
  assert_ok(rp_model_build(node, (rp_image_shape){3, SIDE, SIDE, CLASSES}, &model, NULL, &err), err);
  assert_ok(rp_net_create(&model, 1, &net, &err), err);
  rp_model_free(&model);
  rp_node_free(&node);
  return net;
}

static course course_of(const char *yaml, rp_net *net) {
  return (course){.name = yaml, .net = net, .dataset = noise(), .options = MOMENTUM};
}

/* ---- Bits ------------------------------------------------------------------------------------ */

static void every_model_file_is_run_here(void **unused) {
  (void)unused;
  char *path;
  rp_error err = {0};
  assert_ok(rp_find_yaml(RP_FIND_MODEL, "c3", NULL, &path, &err), err);
  *strrchr(path, '/') = '\0';
  DIR *folder = opendir(path);
  assert_non_null(folder);
  int n_files = 0;
  for (struct dirent *entry; (entry = readdir(folder));) {
    char *ending = strstr(entry->d_name, ".yaml");
    if (!ending) continue;
    *ending = '\0';
    int n_rows = 0;
    for (int i = 0; i < N_MODELS; i++) {
      const char *name = MODELS[i] + strlen("{name: ");
      n_rows += strncmp(name, entry->d_name, strlen(entry->d_name)) == 0 && strchr(",}", name[strlen(entry->d_name)]);
    }
    if (n_rows == 0) fail_msg("%s.yaml is not in the list", entry->d_name);
    n_files++;
  }
  assert_true(n_files >= 8);
  closedir(folder);
  free(path);
}

/* The digest of a state after an epoch of three steps in a net of its own, as of seed 1 whatever its seed was. */
static rp_id digest_after_three_steps(const char *yaml, uint64_t seed_of_weights, uint64_t seed) {
  FREED_NET *net = net_of_file(yaml);
  course c = course_of(yaml, net);
  FREED_STATE *state = initial_state_of(&c, seed_of_weights);
  state->seed = seed;
  assert_int_equal(train_on(&c, state).n_steps, N_STEPS);
  state->seed = 1;
  return digest_of(state);
}

static void three_steps_of_each_model_have_the_same_bits_twice_and_other_bits_by_another_seed(void **unused) {
  (void)unused;
  for (int i = 0; i < N_MODELS; i++) {
    const rp_id once = digest_after_three_steps(MODELS[i], 1, 1);
    if (!rp_id_equal(once, digest_after_three_steps(MODELS[i], 1, 1))) fail_msg("%s: two runs differ", MODELS[i]);
    if (rp_id_equal(once, digest_after_three_steps(MODELS[i], 1, 2))) fail_msg("%s: the order of images changes nothing", MODELS[i]);
    if (rp_id_equal(once, digest_after_three_steps(MODELS[i], 2, 1))) fail_msg("%s: the initial weights change nothing", MODELS[i]);
  }
}

/* ---- Rules 7 to 11 --------------------------------------------------------------------------- */

/* Among so many values, some come back to where they were by rounding. */
static void rule_10_what_is_frozen_keeps_every_bit_in_each_model(void **unused) {
  (void)unused;
  for (int i = 0; i < N_MODELS; i++) {
    FREED_NET *net = net_of_file(MODELS[i]);
    course c = course_of(MODELS[i], net);
    frozen_counts counts = assert_frozen_values_keep_their_bits(&c);
    assert_each_kind_was_frozen(&c, &counts);
    if (counts.n_still > counts.n_free / 1000)
      fail_msg("%s: of %d values that are free %d stood still", c.name, counts.n_free, counts.n_still);
  }
}

static void rule_8_what_is_frozen_does_not_reach_the_loss_of_any_model(void **unused) {
  (void)unused;
  for (int i = 0; i < N_MODELS; i++) {
    FREED_NET *net = net_of_file(MODELS[i]);
    course c = course_of(MODELS[i], net);
    assert_frozen_values_do_not_reach_the_loss(&c);
  }
}

static void rule_8_maps_of_dropped_filters_are_exactly_zero_in_each_model(void **unused) {
  (void)unused;
  for (int i = 0; i < N_MODELS; i++) {
    FREED_NET *net = net_of_file(MODELS[i]);
    course c = course_of(MODELS[i], net);
    assert_dropped_maps_are_zero(&c);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_model_file_is_run_here),
      cmocka_unit_test(three_steps_of_each_model_have_the_same_bits_twice_and_other_bits_by_another_seed),
      cmocka_unit_test(rule_10_what_is_frozen_keeps_every_bit_in_each_model),
      cmocka_unit_test(rule_8_what_is_frozen_does_not_reach_the_loss_of_any_model),
      cmocka_unit_test(rule_8_maps_of_dropped_filters_are_exactly_zero_in_each_model),
  };
  return cmocka_run_group_tests_name("model runs", tests, NULL, NULL);
}
