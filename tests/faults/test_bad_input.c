/* test_bad_input.c: what a user gets wrong: exit status 2, file, line, key and what would be right; and nothing is written. */
#include "tests/program.h"

/* The first lines of an experiment that is right; each test adds or replaces one thing. */
#define GOOD_MODEL "model: {name: c3, depth: 2, filters: 8}\n"
#define GOOD_DATA "data: {name: shapes, train: 128, validation: 50, test: 50}\n"
#define GOOD_TRAIN "train: {epochs: 5, batch: 32}\n"
#define GOOD_SCHEME "scheme: {name: repr, s1: 1, s2: 1, n: 1, p: 30, ranker: l2}\n"
#define GOOD_SEEDS "seeds: [1]\n"

/* Runs bad.yaml: it must be refused with all the parts in the message, and leave neither a database nor folders behind. */
static void expect_refusal(const char *experiment, const char *arguments, const char *const *parts) {
  write_text("bad.yaml", experiment);
  char command[512];
  snprintf(command, sizeof command, "run bad.yaml --jobs 1 --db out/results.db %s", arguments);
  outcome *out = expect_exit(2, command);
  for (; *parts; parts++) expect_text(out, *parts);
  struct stat status;
  assert_int_equal(stat("out", &status), -1);
}

#define REFUSE(experiment, arguments, ...) expect_refusal(experiment, arguments, (const char *const[]){__VA_ARGS__, NULL})

static void a_good_file_runs(void **unused) {
  (void)unused;
  write_text("good.yaml", GOOD_MODEL GOOD_DATA GOOD_TRAIN GOOD_SCHEME GOOD_SEEDS);
  expect_exit(0, "run good.yaml --jobs 1 --db good.db");
}

static void unknown_and_misspelt_keys_name_the_nearest(void **unused) {
  (void)unused;
  REFUSE(GOOD_MODEL GOOD_DATA "train: {epochs: 5, bach: 32}\n" GOOD_SCHEME GOOD_SEEDS, "", "bad.yaml:3:", "bach", "batch");
  REFUSE(GOOD_MODEL GOOD_DATA GOOD_TRAIN GOOD_SCHEME "seds: [1]\n", "", "bad.yaml:5:", "seds", "seeds");
  REFUSE(GOOD_MODEL GOOD_DATA GOOD_TRAIN "scheme: {name: repr, s3: 1}\n" GOOD_SEEDS, "", "bad.yaml:4:", "s3", "s1");
}

static void a_wrong_type_says_what_is_accepted(void **unused) {
  (void)unused;
  REFUSE(GOOD_MODEL GOOD_DATA "train: {epochs: many}\n" GOOD_SCHEME GOOD_SEEDS, "", "bad.yaml:3:", "train.epochs", "many");
}

static void p_outside_0_to_100_is_no_percentage(void **unused) {
  (void)unused;
  REFUSE(GOOD_MODEL GOOD_DATA GOOD_TRAIN "scheme: {name: repr, s1: 1, s2: 1, n: 1, p: 130}\n" GOOD_SEEDS, "", "bad.yaml:4:", "scheme.p",
         "130", "0 to 100");
  REFUSE(GOOD_MODEL GOOD_DATA GOOD_TRAIN "scheme: {name: repr, s1: 1, s2: 1, n: 1, p: -1}\n" GOOD_SEEDS, "", "scheme.p", "-1");
}

static void s1_of_0_is_refused(void **unused) {
  (void)unused;
  REFUSE(GOOD_MODEL GOOD_DATA GOOD_TRAIN "scheme: {name: repr, s1: 0, s2: 1, n: 1}\n" GOOD_SEEDS, "", "bad.yaml:4:", "scheme.s1", "0");
}

static void seeds_are_not_empty(void **unused) {
  (void)unused;
  REFUSE(GOOD_MODEL GOOD_DATA GOOD_TRAIN GOOD_SCHEME "seeds: []\n", "", "bad.yaml:5:", "seeds");
}

static void a_program_that_does_not_fit_names_the_smallest_total(void **unused) {
  (void)unused;
  REFUSE(GOOD_MODEL GOOD_DATA "train: {epochs: 2}\n" GOOD_SCHEME GOOD_SEEDS, "", "bad.yaml:3:", "train.epochs", "3");
}

static void a_model_whose_shapes_do_not_fit_names_the_layer(void **unused) {
  (void)unused;
  write_text("wide.yaml", "layers:\n  - conv: {filters: 4, kernel: 40, padding: 0}\n  - fc: {outputs: classes}\n");
  REFUSE("model: ./wide.yaml\n" GOOD_DATA GOOD_TRAIN GOOD_SCHEME GOOD_SEEDS, "", "wide.yaml", "conv1", "40", "32");
  write_text("no-end.yaml", "layers:\n  - conv: {filters: 4, kernel: 3}\n");
  REFUSE("model: ./no-end.yaml\n" GOOD_DATA GOOD_TRAIN GOOD_SCHEME GOOD_SEEDS, "", "no-end.yaml", "fc");
}

static void joins_layers_keys_and_numbers_of_a_model_are_refused_before_the_run(void **unused) {
  (void)unused;
#define WITH_MODEL "model: ./bad-model.yaml\n" GOOD_DATA GOOD_TRAIN GOOD_SCHEME GOOD_SEEDS
  write_text("bad-model.yaml",
             "layers:\n  - branches:\n    - [{conv: {filters: 4}}]\n    - [{max_pool: {kernel: 2}}]\n  - fc: {outputs: classes}\n");
  REFUSE(WITH_MODEL, "", "bad-model.yaml:3:", "concat1", "4×32×32", "3×16×16");
  write_text("bad-model.yaml", "layers:\n  - conv: {filters: 4, strides: 2}\n  - fc: {outputs: classes}\n");
  REFUSE(WITH_MODEL, "", "bad-model.yaml:2:", "strides", "did you mean 'stride'");
  write_text("bad-model.yaml", "layers:\n  - conv: {filters: 4, name: a}\n  - conv: {filters: 4}\n  - fc: {outputs: classes, from: a}\n");
  REFUSE(WITH_MODEL, "", "bad-model.yaml:3:", "no layer reads conv2");
}

static void hyper_parameters_out_of_range_are_refused_with_the_range(void **unused) {
  (void)unused;
  REFUSE(GOOD_MODEL GOOD_DATA "train: {epochs: 5, batch: 32, optimizer: {name: sgd, lr: 1e9}}\n" GOOD_SCHEME GOOD_SEEDS, "",
         "bad.yaml:3:", "train.optimizer.lr: 1e9 is out of range", "0 to 1000000");
  REFUSE(GOOD_MODEL GOOD_DATA "train: {epochs: 5, batch: 32, optimizer: {name: adam, beta2: 1}}\n" GOOD_SCHEME GOOD_SEEDS, "",
         "bad.yaml:3:", "train.optimizer.beta2: 1 is out of range", "0 to 0.999999");
  REFUSE(GOOD_MODEL GOOD_DATA GOOD_TRAIN GOOD_SCHEME GOOD_SEEDS, "--set train.batch=0", "train.batch: 0 is out of range", "1 to 65536");
}

/* One with an lr that is far too high, one with a weight decay that is: run and status say so of both. */
static void a_trial_that_diverges_fails_with_epoch_step_and_lr_and_others_go_on(void **unused) {
  (void)unused;
  write_text("diverge.yaml",
             "model: {name: c3, depth: 2, filters: 8}\n" GOOD_DATA
             "train: {epochs: 3, batch: 32, optimizer: {name: momentum, lr: 0.01}}\n" GOOD_SCHEME GOOD_SEEDS
             "baseline: false\narms: {good: {}, fast: {train.optimizer.lr: 1e6}, decayed: {train.optimizer.weight_decay: 1e6}}\n");
  outcome *out = expect_exit(1, "run diverge.yaml --jobs 1 --db diverge.db");
  expect_text(out, "1 of 3 trials done, 2 failed");
  expect_text(out, "fast/1 failed after epoch 0: epoch 1, step ");
  expect_text(out, "decayed/1 failed after epoch 0: epoch 1, step ");
  assert_rows("diverge.db", "SELECT status, epochs_done FROM v_trials WHERE arm = 'good'", "done 3\n");
  out = expect_exit(0, "status diverge --db diverge.db");
  expect_text(out, ", lr 1e+06: ");
  expect_text(out, ", lr 0.01: ");
  expect_text(out, "; try a lower learning rate");
}

static void a_missing_data_folder_says_where_data_come_from(void **unused) {
  (void)unused;
  REFUSE(GOOD_MODEL "data: {name: cifar10}\n" GOOD_TRAIN GOOD_SCHEME GOOD_SEEDS, "--data nowhere", "nowhere", "--data", "REPR_DATA");
}

static void augmentation_that_does_not_fit_the_images_is_refused_before_the_run(void **unused) {
  (void)unused;
  REFUSE(GOOD_MODEL
         "data: {name: shapes, train: 128, validation: 50, test: 50, augment: [flip, crop: 32]}\n" GOOD_TRAIN GOOD_SCHEME GOOD_SEEDS,
         "", "bad.yaml:2:", "data.augment", "32×32", "0 to 31");
}

static void rankers_that_cannot_be_used_say_why(void **unused) {
  (void)unused;
#define WITH_RANKER(ranker) GOOD_MODEL GOOD_DATA GOOD_TRAIN "scheme: {name: repr, s1: 1, s2: 1, n: 1, ranker: " ranker "}\n" GOOD_SEEDS
  char experiment[1024];
  static const struct {
    const char *file, *reason;
  } BAD[] = {{"not_a_plugin", "rp_ranker_plugin"}, {"other_abi", "version 7.3"}, {"undefined_symbol", "undefined symbol"}};
  REFUSE(WITH_RANKER("orto"), "", "bad.yaml:4:", "orto", "ortho");
  REFUSE(WITH_RANKER("./nowhere.so"), "", "nowhere.so");
  REFUSE(WITH_RANKER("{name: ortho, variant: mine}"), "", "variant", "mine", "authors");
  for (int i = 0; i < 3; i++) {
    char plugin[64];
    snprintf(plugin, sizeof plugin, "tests/plugins/%s.so", BAD[i].file);
    snprintf(experiment, sizeof experiment,
             GOOD_MODEL GOOD_DATA GOOD_TRAIN "scheme: {name: repr, s1: 1, s2: 1, n: 1, ranker: %.500s}\n" GOOD_SEEDS, built_file(plugin));
    REFUSE(experiment, "", BAD[i].reason, BAD[i].file);
  }
}

static void rule_06_an_oracle_without_validation_images_is_refused_before_the_run(void **unused) {
  (void)unused;
  REFUSE(GOOD_MODEL "data: {name: shapes, train: 128, validation: 0, test: 50}\n" GOOD_TRAIN
                    "scheme: {name: repr, s1: 1, s2: 1, n: 1, ranker: oracle-loss}\n" GOOD_SEEDS,
         "", "oracle-loss", "data.validation");
}

static void rule_13_a_count_that_cannot_be_met_is_refused_before_the_run(void **unused) {
  (void)unused;
  REFUSE(GOOD_MODEL GOOD_DATA GOOD_TRAIN "scheme: {name: repr, s1: 1, s2: 1, n: 1, p: 100, ranker: l2}\n" GOOD_SEEDS, "", "16", "14");
  REFUSE(GOOD_MODEL GOOD_DATA GOOD_TRAIN "scheme: {name: repr, s1: 1, s2: 1, n: 1, ranker: l2, limits: {skip: [conv9]}}\n" GOOD_SEEDS, "",
         "conv9", "conv1");
}

static void a_set_on_a_swept_key_is_refused(void **unused) {
  (void)unused;
  REFUSE(GOOD_MODEL GOOD_DATA GOOD_TRAIN GOOD_SCHEME GOOD_SEEDS "sweep: {scheme.p: [10, 20]}\n", "--set scheme.p=30", "scheme.p");
}

static void a_file_that_is_no_yaml_names_the_line(void **unused) {
  (void)unused;
  REFUSE("model: {name: c3\ntrain: [", "", "bad.yaml:");
  REFUSE("- a\n- list\n", "", "bad.yaml");
}

static void a_file_that_is_no_database_is_left_alone(void **unused) {
  (void)unused;
  write_text("letter.db", "Dear database, I am a letter, and long enough to be looked at by whoever opens databases. Yours, a text.\n");
  expect_text(expect_exit(2, "run good.yaml --jobs 1 --db letter.db"), "letter.db");
  expect_text(expect_exit(2, "report good --db letter.db"), "letter.db");
  assert_int_equal(system("grep -q '^Dear database' letter.db"), 0);
}

static void a_database_from_a_newer_version_is_refused(void **unused) {
  (void)unused;
  sqlite3 *db;
  assert_int_equal(system("cp good.db newer.db"), 0);
  assert_int_equal(sqlite3_open("newer.db", &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 999", NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(db);
  expect_text(expect_exit(2, "run good.yaml --jobs 1 --db newer.db"), "999");
}

static void wrong_commands_say_what_there_is(void **unused) {
  (void)unused;
  expect_text(expect_exit(2, "rnu good.yaml"), "run");
  expect_text(expect_exit(2, "run"), "experiment");
  expect_text(expect_exit(2, "run nothing-of-that-name"), "nothing-of-that-name");
  expect_text(expect_exit(2, "report nothing-of-that-name --db good.db"), "nothing-of-that-name");
  expect_text(expect_exit(0, "--help"), "Commands");
  expect_text(expect_exit(0, "run --help"), "Example");
}

static void two_runs_on_one_database_do_not_meet(void **unused) {
  (void)unused;
  static outcome out;
  pid_t pid = start_repr("run good.yaml --jobs 1 --db busy.db --set train.epochs=200");
  wait_until(pid, "busy.db", "SELECT count(*) FROM states", 1);
  char command[2 * PATH_MAX];
  snprintf(command, sizeof command, "%s run good.yaml --db busy.db >second 2>&1; test $? -eq 3 && grep -q 'another run' second",
           built_file("repr"));
  assert_int_equal(system(command), 0);
  kill(pid, SIGINT);
  finish(pid, &out);
  assert_int_equal(out.exit_status, 130);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_good_file_runs),
      cmocka_unit_test(unknown_and_misspelt_keys_name_the_nearest),
      cmocka_unit_test(a_wrong_type_says_what_is_accepted),
      cmocka_unit_test(p_outside_0_to_100_is_no_percentage),
      cmocka_unit_test(s1_of_0_is_refused),
      cmocka_unit_test(seeds_are_not_empty),
      cmocka_unit_test(a_program_that_does_not_fit_names_the_smallest_total),
      cmocka_unit_test(a_model_whose_shapes_do_not_fit_names_the_layer),
      cmocka_unit_test(joins_layers_keys_and_numbers_of_a_model_are_refused_before_the_run),
      cmocka_unit_test(hyper_parameters_out_of_range_are_refused_with_the_range),
      cmocka_unit_test(a_trial_that_diverges_fails_with_epoch_step_and_lr_and_others_go_on),
      cmocka_unit_test(a_missing_data_folder_says_where_data_come_from),
      cmocka_unit_test(augmentation_that_does_not_fit_the_images_is_refused_before_the_run),
      cmocka_unit_test(rankers_that_cannot_be_used_say_why),
      cmocka_unit_test(rule_06_an_oracle_without_validation_images_is_refused_before_the_run),
      cmocka_unit_test(rule_13_a_count_that_cannot_be_met_is_refused_before_the_run),
      cmocka_unit_test(a_set_on_a_swept_key_is_refused),
      cmocka_unit_test(a_file_that_is_no_yaml_names_the_line),
      cmocka_unit_test(a_file_that_is_no_database_is_left_alone),
      cmocka_unit_test(a_database_from_a_newer_version_is_refused),
      cmocka_unit_test(wrong_commands_say_what_there_is),
      cmocka_unit_test(two_runs_on_one_database_do_not_meet),
  };
  return cmocka_run_group_tests_name("bad input", tests, enter_work_folder, leave_work_folder);
}
