/* test_keys.c: the table of keys: what is accepted, what is refused and how, and which defaults are filled in. */
#include "core/data/dataset.h"
#include "experiments/config/keys.h"
#include "tests/yaml_files.h"

static void assert_accepted(const char *yaml) {
  RP_CLEANUP(rp_node_free) rp_node *node = node_of(yaml);
  rp_error err = {0};
  assert_ok(rp_keys_check(&rp_experiment_keys, "", node, &err), err);
}

static void assert_refused(const char *yaml, const char *part) {
  RP_CLEANUP(rp_node_free) rp_node *node = node_of(yaml);
  rp_error err = {0};
  assert_ok(rp_node_set_paths(node, "", &err), err);
  assert_fails(rp_keys_check(&rp_experiment_keys, "", node, &err), RP_EINPUT, err, part);
}

static void every_key_of_the_documentation_is_accepted(void **unused) {
  (void)unused;
  assert_accepted(
      "name: x\n"
      "model: {name: c3, depth: 3}\n"
      "data: {name: cifar10, validation: 5000, augment: none, split_seed: 0, train: 1000}\n"
      "train: {epochs: 100, batch: 64, threads: 1, last_batch: keep, optimizer: {name: momentum, lr: 0.01, momentum: 0.9, weight_decay: "
      "5e-4}, "
      "schedule: constant}\n"
      "scheme: {name: repr, anything: 3}\n"
      "score: {data: validation, images: 500}\n"
      "seeds: [1, 2, 3]\nbaseline: true\nranker_timeout: 30.5\narms: {}\nsweep: {}\nzip: []\nexclude: []\nshadow: [all, {name: ortho, variant: authors}]\n");
  assert_accepted("train: {optimizer: {name: nesterov, lr: 0.01, momentum: 0.9, weight_decay: 0, decay: weights}, "
                  "schedule: {name: staircase, factor: 0.5, every: 30, unit: epochs, restart: cycles}}");
  assert_accepted("train: {optimizer: {name: rmsprop, lr: 0.01, alpha: 0.9, epsilon: 1e-6, weight_decay: 0, decay: all}, "
                  "schedule: {name: exponential, factor: 0.9999, unit: steps, restart: off}}");
  assert_accepted("train: {optimizer: {name: adam, lr: 0.001, beta1: 0, beta2: 0.99, epsilon: 0.1, weight_decay: 0.1}, "
                  "schedule: {name: cyclical, low: 0.001, high: 0.1, half_period: 2000, unit: steps}}");
  assert_accepted("train: {optimizer: {name: adamw, beta1: 0.5, weight_decay: 0.1}, "
                  "schedule: {name: cosine, warm_up: 5, final: 0.0001, unit: epochs, restart: cycles}}");
  assert_accepted("{data: shapes, train: {epochs: {after: 20}, optimizer: sgd}, score: {images: auto}}");
}

static void a_misspelt_key_is_refused_with_place_and_suggestion(void **unused) {
  (void)unused;
  assert_refused("name: x\nsceme: {}\n", "test:2:1: unknown key 'sceme'; did you mean 'scheme'? There are: name, extends, model");
  assert_refused("train:\n  epohcs: 10\n", "test:2:3: unknown key 'epohcs' in train; did you mean 'epochs'?");
  assert_refused("train: {optimizer: {name: sgd, learning_rate: 1}}",
                 "unknown key 'learning_rate' in train.optimizer; there are: name, lr, weight_decay, decay");
}

static void a_key_of_another_name_is_refused(void **unused) {
  (void)unused;
  assert_refused(
      "train: {optimizer: {name: sgd, momentum: 0.9}}",
      "test:1:32: train.optimizer.momentum belongs to momentum or nesterov, not to sgd; there are: name, lr, weight_decay, decay");
  assert_refused("train: {optimizer: {name: momentum, beta1: 0.9}}",
                 "test:1:37: train.optimizer.beta1 belongs to adam or adamw, not to momentum");
  assert_refused("train: {optimizer: {name: adam, alpha: 0.9}}", "test:1:33: train.optimizer.alpha belongs to rmsprop, not to adam");
  assert_refused("train: {optimizer: {name: nesterov, epsilon: 0.1}}",
                 "train.optimizer.epsilon belongs to rmsprop or adam or adamw, not to nesterov");
  assert_refused("train: {schedule: {every: 3}}", "test:1:20: train.schedule.every belongs to staircase, not to constant");
  assert_refused("train: {schedule: {name: cosine, factor: 0.1}}",
                 "train.schedule.factor belongs to exponential, not to cosine; there are: name, unit, restart, warm_up, final");
  assert_refused("train: {schedule: {name: constant, restart: cycles}}",
                 "train.schedule.restart belongs to staircase or exponential or cyclical or cosine, not to constant");
  assert_refused("data: {test: 100, name: cifar10}", "data.test belongs to shapes, not to cifar10");
}

static void a_value_of_the_wrong_type_or_range_is_refused_with_what_is_accepted(void **unused) {
  (void)unused;
  static const struct {
    const char *yaml, *part;
  } CASES[] = {
      {"train: {batch: many}", "test:1:16: train.batch: 'many' is not a whole number (1 to 65536)"},
      {"train: {batch: 0}", "train.batch: 0 is out of range; it must be a whole number (1 to 65536)"},
      {"train: {batch: 1.5}", "train.batch: 1.5 is not a whole number"},
      {"train: {epochs: 0}", "train.epochs: 0 is not a whole number (from 1) or {after: one}"},
      {"train: {epochs: {after: 0}}", "train.epochs: a map is not a whole number"},
      {"train: {epochs: rest}", "train.epochs: 'rest' is not"},
      {"train: {optimizer: {lr: fast}}", "train.optimizer.lr: 'fast' is not a number (0 to 1000000)"},
      {"train: {optimizer: {lr: -1}}", "train.optimizer.lr: -1 is out of range; it must be a number (0 to 1000000)"},
      {"train: {optimizer: {lr: 1e9}}", "test:1:25: train.optimizer.lr: 1e9 is out of range; it must be a number (0 to 1000000)"},
      {"train: {optimizer: {lr: 1e400}}", "train.optimizer.lr: 1e400 is out of range; it must be a number (0 to 1000000)"},
      {"train: {batch: 1e30}", "train.batch: 1e30 is out of range; it must be a whole number (1 to 65536)"},
      {"data: {name: cifar10, train: 2e9}",
       "data.train: 2e9 is out of range; it must be a whole number (from 1) or all, at most 1000000000"},
      {"train: {optimizer: adm}", "train.optimizer: 'adm' is not known here; did you mean 'adam'?"},
      {"train: {optimizer: lion}", "train.optimizer: 'lion' is not known here; there are: sgd, momentum, nesterov, rmsprop, adam, adamw"},
      {"train: {optimizer: {name: momentum, momentum: 1.1}}",
       "test:1:47: train.optimizer.momentum: 1.1 is out of range; it must be a number (0 to 1)"},
      {"train: {optimizer: {name: adam, beta1: 1}}",
       "test:1:40: train.optimizer.beta1: 1 is out of range; it must be a number (0 to 0.999999)"},
      {"train: {optimizer: {name: adam, beta2: -0.1}}", "train.optimizer.beta2: -0.1 is out of range; it must be a number (0 to 0.999999)"},
      {"train: {optimizer: {name: adamw, epsilon: 0}}",
       "train.optimizer.epsilon: 0 is out of range; it must be a number (0.000000000001 to 1000)"},
      {"train: {optimizer: {name: rmsprop, alpha: 1}}", "train.optimizer.alpha: 1 is out of range; it must be a number (0 to 0.999999)"},
      {"train: {optimizer: {name: adam, weight_decay: -1}}",
       "train.optimizer.weight_decay: -1 is out of range; it must be a number (0 to 1000000)"},
      {"train: {optimizer: {decay: biases}}", "train.optimizer.decay: 'biases' is not known here; there are: all, weights"},
      {"train: {schedule: cosinus}", "train.schedule: 'cosinus' is not known here; did you mean 'cosine'?"},
      {"train: {schedule: {name: staircase, every: 0}}",
       "test:1:44: train.schedule.every: 0 is out of range; it must be a whole number (from 1)"},
      {"train: {schedule: {name: staircase, every: 1.5}}", "train.schedule.every: 1.5 is not a whole number (from 1)"},
      {"train: {schedule: {name: staircase, factor: 2}}", "train.schedule.factor: 2 is out of range; it must be a number (0.000001 to 1)"},
      {"train: {schedule: {name: exponential, factor: 0}}",
       "train.schedule.factor: 0 is out of range; it must be a number (0.000001 to 1)"},
      {"train: {schedule: {name: cyclical, low: -1}}", "train.schedule.low: -1 is out of range; it must be a number (0 to 1000000)"},
      {"train: {schedule: {name: cyclical, half_period: 0}}",
       "train.schedule.half_period: 0 is out of range; it must be a whole number (from 1)"},
      {"train: {schedule: {name: cosine, warm_up: -1}}",
       "train.schedule.warm_up: -1 is out of range; it must be a whole number (0 to 1000000)"},
      {"train: {schedule: {name: cosine, unit: batches}}", "train.schedule.unit: 'batches' is not known here; there are: epochs, steps"},
      {"train: {schedule: {name: cosine, restart: on}}", "train.schedule.restart: on is not one of off, cycles"},
      {"train: {schedule: {name: cosine, restart: cycle}}", "train.schedule.restart: 'cycle' is not known here; did you mean 'cycles'?"},
      {"train: {last_batch: off}", "train.last_batch: off is not one of drop, keep"},
      {"train: {optimizer: {name: momentun}}", "train.optimizer.name: 'momentun' is not known here; did you mean 'momentum'?"},
      {"train: {last_batch: pad}", "train.last_batch: 'pad' is not known here; there are: drop, keep"},
      {"train: 5", "train: 5 is not a map"},
      {"data: cifar11",
       "data: 'cifar11' is not known here; did you mean 'cifar10'? There are: shapes, cifar10, cifar100, mnist, fashion-mnist"},
      {"data: {validation: -1}", "data.validation: -1 is out of range; it must be a whole number"},
      {"baseline: 1", "baseline: 1 is not on or off"},
      {"name: [x]", "name: a list is not a string"},
      {"score: {images: 0}", "score.images: 0 is out of range; it must be a whole number (from 1) or auto"},
      {"model: [c3]", "model: a list is not a name or a map with a name"},
      {"sweep: [1]", "sweep: a list is not a map"},
      {"shadow: all", "shadow: 'all' is not a list of names, or of maps with a name; write [all]"},
      {"shadow: {name: ortho, variant: authors}", "or of maps with a name; write [{name: ortho, variant: authors}]"},
  };
  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) assert_refused(CASES[i].yaml, CASES[i].part);
}

static void augmentation_is_none_or_a_list_or_a_map_of_changes(void **unused) {
  (void)unused;
  static const struct {
    const char *written, *filled;
  } CASES[] = {{"none", "\"none\""},
               {"flip", "{\"crop\":0,\"cutout\":0,\"flip\":true}"},
               {"[flip, crop: 4]", "{\"crop\":4,\"cutout\":0,\"flip\":true}"},
               {"[crop: 4, cutout: 8, flip]", "{\"crop\":4,\"cutout\":8,\"flip\":true}"},
               {"{crop: 4, flip: on}", "{\"crop\":4,\"cutout\":0,\"flip\":true}"},
               {"{flip: off}", "{\"crop\":0,\"cutout\":0,\"flip\":false}"},
               {"[]", "{\"crop\":0,\"cutout\":0,\"flip\":false}"}};
  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
    char yaml[128];
    rp_error err = {0};
    snprintf(yaml, sizeof yaml, "data: {name: cifar10, augment: %s}", CASES[i].written);
    assert_accepted(yaml);
    RP_CLEANUP(rp_node_free) rp_node *node = node_of(yaml);
    assert_ok(rp_keys_fill(&rp_experiment_keys, "", node, &err), err);
    assert_json(rp_node_at(node, "data.augment"), CASES[i].filled);
  }
  assert_refused("data: {augment: 4}", "test:1:17: data.augment: 4 is not none, a list or a map of its keys");
  assert_refused("data: {augment: flop}", "test:1:17: unknown key 'flop' in data.augment; did you mean 'flip'?");
  assert_refused("data: {augment: [flip, croop: 4]}", "test:1:24: unknown key 'croop' in data.augment; did you mean 'crop'?");
  assert_refused("data: {augment: [crop: 4, flip, crop: 5]}", "data.augment: 'crop' stands here twice");
  assert_refused("data: {augment: [none, flip]}", "unknown key 'none' in data.augment; there are: flip, crop, cutout");
  assert_refused("data: {augment: [crop]}", "data.augment.crop: on is not a whole number (0 to 1023)");
  assert_refused("data: {augment: {crop: -1}}", "test:1:24: data.augment.crop: -1 is out of range; it must be a whole number (0 to 1023)");
  assert_refused("data: {augment: [[flip]]}", "a list is not none, a list or a map of its keys");
}

static void seeds_are_different_whole_numbers_and_at_least_one(void **unused) {
  (void)unused;
  assert_accepted("seeds: [0, 7, 123456789012345678]");
  assert_refused("seeds: []", "test:1:8: seeds: an empty list: at least one seed is needed, as in [1, 2, 3]");
  assert_refused("seeds: [1, 2, 1.0]", "seeds[2]: seed 1.0 stands here twice");
  assert_refused("seeds: [1, -2]", "seeds[1]: -2 is not a list of different whole numbers from 0");
  assert_refused("seeds: 3", "seeds: 3 is not a list of different whole numbers from 0, at least one: [1, 2, 3]; write [3]");
}

static void a_percentage_lies_between_0_and_100(void **unused) {
  (void)unused;
  static const rp_key p = {.name = "p", .type = RP_KEY_PERCENT};
  static const struct {
    const char *text;
    int accepted;
  } CASES[] = {{"0", 1},   {"30", 1},         {"12.5", 1}, {"100", 1},  {"100.0", 1}, {"1e1", 1},
               {"130", 0}, {"100.000001", 0}, {"-1", 0},   {"half", 0}, {"'30'", 0}};
  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
    RP_CLEANUP(rp_node_free) rp_node *node = node_of(CASES[i].text);
    rp_error err = {0};
    rp_status status = rp_key_check_value(&p, node, &err);
    if ((status == RP_OK) != CASES[i].accepted) fail_msg("%s: %s", CASES[i].text, err.message);
    if (status != RP_OK) assert_non_null(strstr(err.message, "is not a percentage (0 to 100)"));
  }
}

static void missing_keys_get_their_defaults(void **unused) {
  (void)unused;
  RP_CLEANUP(rp_node_free) rp_node *node = node_of("{data: {name: cifar10}, train: {optimizer: momentum}}");
  rp_error err = {0};
  assert_ok(rp_keys_fill(&rp_experiment_keys, "", node, &err), err);
  assert_json(rp_node_get(node, "data"),
              "{\"augment\":\"none\",\"name\":\"cifar10\",\"split_seed\":0,\"train\":\"all\",\"validation\":5000}");
  assert_json(
      rp_node_get(node, "train"),
      "{\"batch\":64,\"convolution\":\"auto\",\"last_batch\":\"drop\",\"optimizer\":{\"decay\":\"all\",\"lr\":0.01,\"momentum\":0.9,\"name\":\"momentum\","
      "\"weight_decay\":0},\"schedule\":{\"name\":\"constant\"},\"threads\":1}");
  assert_json(rp_node_get(node, "score"), "{\"data\":\"auto\",\"images\":\"auto\"}");
  assert_json(rp_node_get(node, "model"), "{\"name\":\"c3-authors\"}");
  assert_json(rp_node_get(node, "seeds"), "[1]");
}

static void assert_filled(const char *yaml, const char *optimizer, const char *schedule) {
  RP_CLEANUP(rp_node_free) rp_node *node = node_of(yaml);
  rp_error err = {0};
  assert_ok(rp_keys_fill(&rp_experiment_keys, "", node, &err), err);
  assert_json(rp_node_at(node, "train.optimizer"), optimizer);
  assert_json(rp_node_at(node, "train.schedule"), schedule);
}

static void each_optimizer_and_schedule_has_its_own_defaults(void **unused) {
  (void)unused;
  assert_filled("train: {optimizer: nesterov, schedule: staircase}",
                "{\"decay\":\"all\",\"lr\":0.01,\"momentum\":0.9,\"name\":\"nesterov\",\"weight_decay\":0}",
                "{\"factor\":0.1,\"name\":\"staircase\",\"restart\":false,\"unit\":\"epochs\"}");
  assert_filled("train: {optimizer: rmsprop, schedule: exponential}",
                "{\"alpha\":0.99,\"decay\":\"all\",\"epsilon\":0.00000001,\"lr\":0.01,\"name\":\"rmsprop\",\"weight_decay\":0}",
                "{\"name\":\"exponential\",\"restart\":false,\"unit\":\"epochs\"}");
  assert_filled(
      "train: {optimizer: adam, schedule: cyclical}",
      "{\"beta1\":0.9,\"beta2\":0.999,\"decay\":\"all\",\"epsilon\":0.00000001,\"lr\":0.001,\"name\":\"adam\",\"weight_decay\":0}",
      "{\"name\":\"cyclical\",\"restart\":false,\"unit\":\"epochs\"}");
  assert_filled(
      "train: {optimizer: adamw, schedule: cosine}",
      "{\"beta1\":0.9,\"beta2\":0.999,\"decay\":\"all\",\"epsilon\":0.00000001,\"lr\":0.001,\"name\":\"adamw\",\"weight_decay\":0.01}",
      "{\"final\":0,\"name\":\"cosine\",\"restart\":false,\"unit\":\"epochs\",\"warm_up\":0}");
}

static void the_data_sets_of_the_table_are_those_that_there_are(void **unused) {
  (void)unused;
  int n;
  const rp_dataset_kind *kinds = rp_dataset_kinds(&n);
  const rp_key *row = rp_key_find(&rp_experiment_keys, "data", NULL);
  for (int i = 0; i < n; i++) assert_true(rp_word_index(row->words, kinds[i].name) >= 0);
  int n_words = 1;
  for (const char *c = row->words; *c; c++) n_words += *c == '|';
  assert_int_equal(n_words, n);
}

static void help_lists_every_row(void **unused) {
  (void)unused;
  rp_text text = {0};
  rp_keys_add_help(&rp_experiment_keys, "", &text);
  for (int i = 0; i < rp_experiment_keys.n; i++) {
    assert_non_null(strstr(rp_text_string(&text), rp_experiment_keys.rows[i].name));
    assert_non_null(rp_experiment_keys.rows[i].help);
    assert_non_null(rp_experiment_keys.rows[i].since);
  }
  assert_non_null(strstr(rp_text_string(&text), "train.batch: a whole number (1 to 65536); default 64"));
  rp_text_free(&text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_key_of_the_documentation_is_accepted),
      cmocka_unit_test(a_misspelt_key_is_refused_with_place_and_suggestion),
      cmocka_unit_test(a_key_of_another_name_is_refused),
      cmocka_unit_test(a_value_of_the_wrong_type_or_range_is_refused_with_what_is_accepted),
      cmocka_unit_test(augmentation_is_none_or_a_list_or_a_map_of_changes),
      cmocka_unit_test(seeds_are_different_whole_numbers_and_at_least_one),
      cmocka_unit_test(a_percentage_lies_between_0_and_100),
      cmocka_unit_test(missing_keys_get_their_defaults),
      cmocka_unit_test(each_optimizer_and_schedule_has_its_own_defaults),
      cmocka_unit_test(the_data_sets_of_the_table_are_those_that_there_are),
      cmocka_unit_test(help_lists_every_row),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
