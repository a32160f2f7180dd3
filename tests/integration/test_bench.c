/* test_bench.c: `repr bench` measures any model, says what it found to programs and people, and refuses what it cannot measure. Speeds are
 * never judged here: machines differ. */
#include "experiments/config/yaml.h"
#include "tests/program.h"

/* The nth line of an output as a JSON object; JSON is YAML, too. */
static rp_node *object_of(const outcome *out, int line) {
  const char *start = out->output;
  for (int i = 0; i < line; i++) {
    start = strchr(start, '\n');
    assert_non_null(start);
    start++;
  }
  const char *end = strchr(start, '\n');
  assert_non_null(end);
  assert_true(*start == '{' && end[-1] == '}');
  rp_node *object = NULL;
  rp_error err = {0};
  assert_ok(rp_yaml_parse_bytes(start, (size_t)(end - start), "output", &object, &err), err);
  return object;
}

static double number_at(const rp_node *object, const char *path) {
  double value = 0;
  if (!rp_node_double(rp_node_at(object, path), &value)) fail_msg("%s is no number", path);
  return value;
}

static void assert_measured(const rp_node *object) {
  static const char *const KEYS[] = {"train.images_per_second",
                                     "train.of_bound",
                                     "evaluate.images_per_second",
                                     "evaluate.of_bound",
                                     "score.images_per_second",
                                     "score.of_bound",
                                     "bound.images_per_second",
                                     "peak_memory_bytes",
                                     "evaluate_bound.images_per_second",
                                     "batch",
                                     "threads"};
  for (size_t i = 0; i < sizeof KEYS / sizeof KEYS[0]; i++)
    if (!(number_at(object, KEYS[i]) > 0)) fail_msg("%s is not positive", KEYS[i]);
  assert_true(rp_node_is(rp_node_get(object, "onednn"), RP_NODE_STRING));
}

static void json_has_all_keys_with_positive_numbers(void **unused) {
  (void)unused;
  outcome *out = expect_exit(0, "bench --model c3-authors,filters=8 --batch 4 --seconds 0.001 --json");
  RP_CLEANUP(rp_node_free) rp_node *object = object_of(out, 0);
  assert_measured(object);
  assert_string_equal(rp_node_text(rp_node_get(object, "model")), "c3-authors,filters=8");
  assert_int_equal((int)number_at(object, "batch"), 4);
  assert_int_equal((int)number_at(object, "threads"), 1);
  assert_true(strstr(rp_node_text(rp_node_get(object, "onednn")), "oneDNN") != NULL);
}

/* A net with batch normalisation, a sum and a shortcut; a batch that sub-batches do not divide; two threads; a comma in a value. */
static void each_model_is_a_line_in_the_order_given(void **unused) {
  (void)unused;
  write_text("small.yaml", "layers:\n  - max_pool: {kernel: 4, stride: 4}\n  - conv: {filters: 4, bias: off}\n  - batch_norm: {relu: on}\n"
                           "  - residual:\n      branch: [{conv: {filters: 8, stride: 2}}, {batch_norm: }]\n"
                           "      shortcut: [{pad_channels: {channels: 8, stride: 2}}]\n  - relu:\n  - fc: {outputs: classes}\n");
  outcome *out = expect_exit(0, "bench --model ./small.yaml --model 'c3,init={name: orthogonal, gain: 2},filters=4' --batch 11 --threads 2 "
                                "--seconds 0.001 --json");
  static const char *const MODELS[] = {"./small.yaml", "c3,init={name: orthogonal, gain: 2},filters=4"};
  for (int i = 0; i < 2; i++) {
    RP_CLEANUP(rp_node_free) rp_node *object = object_of(out, i);
    assert_measured(object);
    assert_string_equal(rp_node_text(rp_node_get(object, "model")), MODELS[i]);
    assert_int_equal((int)number_at(object, "batch"), 11);
    assert_int_equal((int)number_at(object, "threads"), 2);
  }
}

/* Each is measured in a process of its own: a large model before it leaves no trace. */
static void memory_is_of_the_one_model(void **unused) {
  (void)unused;
  outcome *out =
      expect_exit(0, "bench --model c3,pool=off,filters=16,depth=4 --model c3,depth=1,filters=4 --batch 4 --seconds 0.001 --json");
  RP_CLEANUP(rp_node_free) rp_node *large = object_of(out, 0);
  RP_CLEANUP(rp_node_free) rp_node *small = object_of(out, 1);
  /* Evaluation alone keeps 50 × 16 × 32 × 32 floats for each of four maps: 13.1 MB. */
  assert_true(number_at(large, "peak_memory_bytes") > 13e6);
  assert_true(number_at(small, "peak_memory_bytes") < number_at(large, "peak_memory_bytes") / 2);
}

static void a_model_without_convolutions_has_no_bound(void **unused) {
  (void)unused;
  write_text("linear.yaml", "layers:\n  - fc: {outputs: classes}\n");
  outcome *out = expect_exit(0, "bench --model ./linear.yaml --batch 4 --seconds 0.001 --json");
  RP_CLEANUP(rp_node_free) rp_node *object = object_of(out, 0);
  assert_true(number_at(object, "train.images_per_second") > 0);
  assert_true(rp_node_is(rp_node_at(object, "bound.images_per_second"), RP_NODE_NULL));
  assert_true(rp_node_is(rp_node_at(object, "train.of_bound"), RP_NODE_NULL));
}

/* c3 with BN has gammas to rank by, c3 without has none. */
static void criteria_are_timed_each_by_itself(void **unused) {
  (void)unused;
  outcome *out = expect_exit(0, "bench --model c3,filters=4,bn=on --model c3,filters=4 --batch 4 --seconds 0.001 --images 20 --json "
                                "--criteria=l2,taylor,bn-scale,oracle-loss");
  RP_CLEANUP(rp_node_free) rp_node *with = object_of(out, 0);
  RP_CLEANUP(rp_node_free) rp_node *without = object_of(out, 1);
  static const char *const KEYS[] = {"criteria.network", "criteria.all", "criteria.seconds.l2", "criteria.seconds.taylor",
                                     "criteria.seconds.oracle-loss"};
  for (int i = 0; i < 5; i++) {
    assert_true(number_at(with, KEYS[i]) > 0);
    assert_true(number_at(without, KEYS[i]) > 0);
  }
  assert_int_equal((int)number_at(with, "criteria.images"), 20);
  assert_true(number_at(with, "criteria.seconds.bn-scale") > 0);
  assert_true(rp_node_is(rp_node_at(without, "criteria.seconds.bn-scale"), RP_NODE_NULL));
  /* Each oracle pass sees 20 images 12 times over. */
  assert_true(number_at(without, "criteria.seconds.oracle-loss") > number_at(without, "criteria.seconds.l2"));
}

static void all_criteria_but_the_oracles_are_timed_unless_some_are_named(void **unused) {
  (void)unused;
  outcome *out = expect_exit(0, "bench --model c3,filters=4 --batch 4 --seconds 0.001 --images 20 --criteria");
  expect_text(out, "c3,filters=4: seconds of processor time for 20 scoring images");
  expect_text(out, "\n  taylor ");
  expect_text(out, "layer conv1 has no batch norm of its own");
  expect_text(out, "the network's passes");
  assert_null(strstr(out->output, "oracle"));
}

static void the_oracle_is_measured_beside_a_pass_per_filter(void **unused) {
  (void)unused;
  outcome *out =
      expect_exit(0, "bench --oracle --images 7 --model c3,filters=4 --model c3-authors,filters=6 --batch 4 --seconds 0.001 --json");
  static const int FILTERS[] = {12, 18};
  for (int i = 0; i < 2; i++) {
    RP_CLEANUP(rp_node_free) rp_node *object = object_of(out, i);
    assert_measured(object);
    assert_int_equal((int)number_at(object, "oracle.images"), 7);
    assert_int_equal((int)number_at(object, "oracle.filters"), FILTERS[i]);
    assert_true(number_at(object, "oracle.seconds") > 0 && number_at(object, "oracle.plain_seconds") > 0);
    assert_true(number_at(object, "oracle.speed_up") > 0);
    assert_true(number_at(object, "oracle.largest_loss_difference") <= 1e-5);
  }
  out = expect_exit(0, "bench --oracle --model c3,filters=4,depth=1 --threads 2 --batch 4 --seconds 0.001");
  expect_text(out, "speed-up");
  expect_text(out, "c3,filters=4,depth=1          4      100 ");
  write_text("linear.yaml", "layers:\n  - fc: {outputs: classes}\n");
  expect_text(expect_exit(2, "bench --model ./linear.yaml --oracle --batch 4 --seconds 0.001"), "./linear.yaml: it has no filters");
}

static void people_get_a_table_with_a_legend(void **unused) {
  (void)unused;
  outcome *out = expect_exit(0, "bench --model c3,filters=4 --batch 4 --seconds 0.001");
  expect_text(out, "of bound");
  expect_text(out, "c3,filters=4");
  expect_text(out, "Batches of 4, 1 thread, oneDNN");
}

static void what_cannot_be_measured_is_refused_with_its_place(void **unused) {
  (void)unused;
  write_text("wide.yaml", "layers:\n  - conv: {filters: 4, kernel: 5, padding: valid}\n  - max_pool: {kernel: 2, stride: 2}\n"
                          "  - conv: {filters: 4, kernel: 15, padding: valid}\n  - fc: {outputs: classes}\n");
  static const struct {
    const char *arguments, *message;
  } CASES[] = {
      {"--model c3-author", "did you mean 'c3-authors'?"},
      {"--model c3,pol=off", "--model c3,pol=off: model c3 has no parameter 'pol'; did you mean 'pool'?"},
      {"--model c3,pool", "is written KEY=VALUE"},
      {"--model c3,filters=0", "model.filters: 0 is out of range"},
      {"--model 'c3,init=[he'", "no valid YAML"},
      {"--model ./absent.yaml", "absent.yaml: No such file"},
      {"--model ./wide.yaml", "wide.yaml:4:"},
      {"--model c3 --model c4", "there is no model 'c4'"},
      {"--batch 0", "--batch: 0 is out of range; it must be a whole number (1 to"},
      {"--batch many", "--batch: 'many' is not a whole number"},
      {"--threads 0", "--threads: 0 is out of range"},
      {"--seconds 0", "--seconds 0: a number above 0"},
      {"--images 0", "--images 0: a whole number from 1 to"},
      {"--images auto", "--images auto: a whole number from 1 to"},
      {"--criteria=tailor", "did you mean taylor?"},
      {"--criteria=l2,", "is not found"},
      {"--seconds nan", "--seconds nan: a number above 0"},
      {"--seconds 1s", "--seconds 1s: a number above 0"},
      {"c3", "a model is given as --model c3"},
      {"--modle c3", "--modle"},
  };
  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
    char arguments[128];
    snprintf(arguments, sizeof arguments, "bench %s", CASES[i].arguments);
    expect_text(expect_exit(2, arguments), CASES[i].message);
  }
}

static void help_names_every_option(void **unused) {
  (void)unused;
  outcome *out = expect_exit(0, "bench --help");
  static const char *const WORDS[] = {"--model",  "--batch",  "--threads", "--seconds",           "--criteria",
                                      "--oracle", "--images", "--json",    "Example: repr bench", "VmHWM"};
  for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) expect_text(out, WORDS[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(json_has_all_keys_with_positive_numbers),
      cmocka_unit_test(each_model_is_a_line_in_the_order_given),
      cmocka_unit_test(memory_is_of_the_one_model),
      cmocka_unit_test(a_model_without_convolutions_has_no_bound),
      cmocka_unit_test(criteria_are_timed_each_by_itself),
      cmocka_unit_test(all_criteria_but_the_oracles_are_timed_unless_some_are_named),
      cmocka_unit_test(the_oracle_is_measured_beside_a_pass_per_filter),
      cmocka_unit_test(people_get_a_table_with_a_legend),
      cmocka_unit_test(what_cannot_be_measured_is_refused_with_its_place),
      cmocka_unit_test(help_names_every_option),
  };
  return cmocka_run_group_tests_name("bench", tests, enter_work_folder, leave_work_folder);
}
