/* test_experiment.c: from an experiment's file to its trials: precedence, grids, arms, baselines, labels, mistakes. */
#include "experiments/config/experiment.h"
#include "tests/yaml_files.h"

static rp_experiment experiment; /* of the running test */

static void load(const char *yaml, const char *const *sets, int n_sets) {
  rp_error err = {0};
  assert_ok(rp_experiment_load(test_file("e.yaml", yaml), sets, n_sets, &experiment, &err), err);
}

static int free_experiment(void **unused) {
  (void)unused;
  rp_experiment_free(&experiment);
  return 0;
}

static void assert_refused(const char *yaml, const char *part) {
  rp_error err = {0};
  assert_fails(rp_experiment_load(test_file("e.yaml", yaml), NULL, 0, &experiment, &err), RP_EINPUT, err, part);
  assert_int_equal(experiment.n_trials, 0);
  assert_null(experiment.config);
}

static void assert_set_refused(const char *yaml, const char *set, rp_status status, const char *part) {
  rp_error err = {0};
  assert_fails(rp_experiment_load(test_file("e.yaml", yaml), &set, 1, &experiment, &err), status, err, part);
}

static void assert_at(int trial, const char *path, const char *json) {
  const rp_node *value = rp_node_at(experiment.trials[trial].config, path);
  if (!value) fail_msg("trial %d has no %s", trial, path);
  assert_json(value, json);
}

static void assert_labels(const char *const *labels, int n) {
  for (int i = 0; i < experiment.n_trials && i < n; i++)
    if (strcmp(experiment.trials[i].label, labels[i]) != 0)
      fail_msg("trial %d is '%s', not '%s'", i, experiment.trials[i].label, labels[i]);
  assert_int_equal(experiment.n_trials, n);
}

#define TOTAL "train: {epochs: 100}\n"

/* ---- One trial ------------------------------------------------------------------------------- */

static void a_trials_configuration_is_written_out_whole(void **unused) {
  (void)unused;
  load("train: {epochs: 100}\nscheme: {name: repr, s1: 10}\n", NULL, 0);
  assert_int_equal(experiment.n_trials, 1);
  assert_string_equal(experiment.name, "e");
  assert_string_equal(experiment.trials[0].label, "repr");
  assert_int_equal(experiment.trials[0].seed, 1);
  assert_json(
      experiment.trials[0].config,
      "{\"data\":{\"augment\":\"none\",\"name\":\"shapes\",\"split_seed\":0,\"test\":2000,\"train\":5000,\"validation\":1000},"
      "\"model\":{\"filters\":32,\"init\":{\"name\":\"truncated-normal\",\"sigma\":0.04},\"name\":\"c3-authors\"},"
      "\"scheme\":{\"gate\":true,\"limits\":{},\"n\":3,\"name\":\"repr\",\"p\":30,\"ranker\":{\"name\":\"ortho\"},\"regrow\":{\"mode\":"
      "\"orthogonal\"},"
      "\"s1\":10,\"s2\":10},\"score\":{\"data\":\"auto\",\"images\":\"auto\"},"
      "\"train\":{\"batch\":64,\"convolution\":\"auto\",\"epochs\":100,\"last_batch\":\"drop\",\"optimizer\":{\"decay\":\"all\",\"lr\":0.01,\"name\":\"sgd\",\"weight_decay\":0},"
      "\"schedule\":{\"name\":\"constant\"},\"threads\":1}}");
  assert_string_equal(rp_node_at(experiment.trials[0].config, "scheme.s1")->path, "scheme.s1");
  assert_int_equal(rp_node_at(experiment.trials[0].config, "scheme.s1")->origin.line, 2);
}

static void epochs_after_the_last_cycle_are_written_as_the_total(void **unused) {
  (void)unused;
  load("train: {epochs: {after: 7}}\nscheme: {name: repr, s1: 10, s2: 5, n: 2}\n", NULL, 0);
  assert_at(0, "train.epochs", "37");
}

/* ---- Precedence ------------------------------------------------------------------------------ */

static void later_sources_win(void **unused) {
  (void)unused;
  test_file("base.yaml",
            "train: {epochs: 90, batch: 16, threads: 2, optimizer: {lr: 0.5}}\nscheme: {name: repr, s1: 5, s2: 5, n: 2, p: 10}\n");
  const char *sets[] = {"train.threads=7"};
  load("extends: ./base.yaml\ntrain: {batch: 32}\nscheme: {s2: 6}\narms: {a: {scheme.s2: 7, scheme.p: 20}}\nsweep: {scheme.p: [40]}\n",
       sets, 1);
  assert_int_equal(experiment.n_trials, 1);
  assert_at(0, "train.last_batch", "\"drop\""); /* default */
  assert_at(0, "train.optimizer.lr", "0.5");    /* extends */
  assert_at(0, "train.batch", "32");            /* file over extends */
  assert_at(0, "scheme.s2", "7");               /* arm over file */
  assert_at(0, "scheme.p", "40");               /* axis over arm */
  assert_at(0, "train.threads", "7");           /* --set over all */
  assert_at(0, "scheme.s1", "5");
}

static void another_optimizer_takes_nothing_over_from_the_first(void **unused) {
  (void)unused;
  load(TOTAL "arms: {a: {train.optimizer: {name: momentum, momentum: 0.5}}, b: {train.optimizer.lr: 0.3}}\n", NULL, 0);
  assert_at(0, "train.optimizer", "{\"decay\":\"all\",\"lr\":0.01,\"momentum\":0.5,\"name\":\"momentum\",\"weight_decay\":0}");
  assert_at(1, "train.optimizer", "{\"decay\":\"all\",\"lr\":0.3,\"name\":\"sgd\",\"weight_decay\":0}");
}

static void a_preset_replaces_the_default_mode(void **unused) {
  (void)unused;
  load(TOTAL "scheme: repr\narms: {authors: {scheme.regrow: {preset: authors}}}\n", NULL, 0);
  assert_at(0, "scheme.regrow", "{\"preset\":\"authors\"}");
}

static void set_wins_over_arms_and_names_itself_in_messages(void **unused) {
  (void)unused;
  const char *sets[] = {"scheme.ranker={name: ortho, variant: authors}", "seeds=[4, 5]"};
  load(TOTAL "scheme: repr\narms: {a: {scheme.ranker: l2}}\n", sets, 2);
  assert_int_equal(experiment.n_trials, 2);
  assert_at(0, "scheme.ranker", "{\"name\":\"ortho\",\"variant\":\"authors\"}");
  assert_int_equal(experiment.trials[1].seed, 5);
  rp_experiment_free(&experiment);
  assert_set_refused(TOTAL, "train.batch=0", RP_EINPUT, "--set train.batch=0: train.batch: 0 is out of range; it must be a whole number");
  assert_set_refused(TOTAL, "train.bach=1", RP_EINPUT, "--set train.bach=1: unknown key 'bach' in train; did you mean 'batch'?");
  assert_set_refused(TOTAL, "sed=1", RP_EINPUT, "'sed' is no key");
  assert_set_refused(TOTAL, "train.batch", RP_EUSAGE, "--set KEY=VALUE");
  assert_set_refused("sweep: {scheme.p: [1, 2]}\n" TOTAL "scheme: repr\n", "scheme.p=3", RP_EINPUT, "the experiment sweeps scheme.p");
  assert_set_refused("sweep: {scheme.ranker: [l2]}\n" TOTAL "scheme: repr\n", "scheme.ranker.x=3", RP_EINPUT,
                     "the experiment sweeps scheme.ranker");
}

static void files_that_extend_each_other_are_refused(void **unused) {
  (void)unused;
  test_file("loop.yaml", "extends: ./e.yaml\n");
  assert_refused("extends: ./loop.yaml\n", "extends itself");
  assert_refused("extends: ./none.yaml\n", "none.yaml: No such file or directory");
}

static void an_extended_files_own_mistake_is_named_there(void **unused) {
  (void)unused;
  test_file("base.yaml", "\ntrain: {epochs: ten}\n");
  assert_refused("extends: ./base.yaml\n", "base.yaml:2:17: train.epochs: 'ten' is not a whole number");
}

/* ---- Grids ----------------------------------------------------------------------------------- */

static void trials_are_seeds_times_arms_times_axes(void **unused) {
  (void)unused;
  load(TOTAL "scheme: repr\nseeds: [3, 4]\narms: {x: {scheme.gate: on}, y: {scheme.gate: off}}\nsweep: {scheme.p: [10, 20], scheme.ranker: "
             "[l2, ortho]}\n",
       NULL, 0);
  assert_int_equal(experiment.n_trials, 16);
  assert_string_equal(experiment.trials[0].label, "x p=10 ranker=l2");
  assert_string_equal(experiment.trials[2].label, "x p=10 ranker=ortho");
  assert_string_equal(experiment.trials[4].label, "x p=20 ranker=l2");
  assert_string_equal(experiment.trials[15].label, "y p=20 ranker=ortho");
  assert_int_equal(experiment.trials[15].seed, 4);
  assert_at(15, "scheme.gate", "false");
  assert_at(15, "scheme.p", "20");
  assert_json(experiment.trials[15].differs, "{\"scheme.gate\":false,\"scheme.p\":20,\"scheme.ranker\":\"ortho\"}");
  assert_int_equal(experiment.n_differing, 3);
  assert_string_equal(experiment.differing[0], "scheme.gate");
}

static void a_key_may_be_swept_inside_of_another_that_is(void **unused) {
  (void)unused;
  load(TOTAL "scheme: repr\nsweep: {scheme.ranker.variant: [paper, authors], scheme.ranker: [ortho]}\n", NULL, 0);
  assert_int_equal(experiment.n_trials, 2);
  assert_at(1, "scheme.ranker", "{\"name\":\"ortho\",\"variant\":\"authors\"}");
}

static void keys_of_a_zip_group_move_together(void **unused) {
  (void)unused;
  load(TOTAL "scheme: repr\nzip: [{scheme.s1: [10, 20], scheme.s2: [5, 10]}]\nsweep: {scheme.p: [10, 20]}\n", NULL, 0);
  static const char *const LABELS[] = {"p=10 s1=10 s2=5", "p=10 s1=20 s2=10", "p=20 s1=10 s2=5", "p=20 s1=20 s2=10"};
  assert_labels(LABELS, 4);
  assert_at(1, "scheme.s2", "10");
}

static void excluded_combinations_are_left_out(void **unused) {
  (void)unused;
  load(TOTAL "scheme: repr\nsweep: {scheme.ranker: [l2, {name: ortho, variant: authors}], scheme.p: [10, 50]}\nexclude: [{scheme.ranker: "
             "ortho, scheme.p: 50.0}]\n",
       NULL, 0);
  static const char *const LABELS[] = {"ranker=l2 p=10", "ranker=l2 p=50", "ranker=ortho(variant=authors) p=10"};
  assert_labels(LABELS, 3);
}

static void what_does_not_fit_can_be_excluded(void **unused) {
  (void)unused;
  load("train: {epochs: 50}\nscheme: {name: repr, s2: 5}\nsweep: {scheme.n: [1, 2], scheme.s1: [10, 30]}\nexclude: [{scheme.n: 2, "
       "scheme.s1: 30}]\n",
       NULL, 0);
  assert_int_equal(experiment.n_trials, 3);
}

static void trials_that_come_out_equal_are_one(void **unused) {
  (void)unused;
  load(TOTAL "scheme: repr\nseeds: [1, 2]\nsweep: {scheme.p: [30, 30.0, 3e1], scheme.ranker: [ortho, {name: ortho}]}\n", NULL, 0);
  assert_int_equal(experiment.n_trials, 2);
}

static void a_key_that_only_another_trials_scheme_has_is_dropped(void **unused) {
  (void)unused;
  load(TOTAL "sweep: {scheme.name: [standard, repr], scheme.p: [10, 20]}\n", NULL, 0);
  static const char *const LABELS[] = {"scheme=standard", "scheme=repr p=10", "scheme=repr p=20"};
  assert_labels(LABELS, 3);
  assert_at(0, "scheme", "{\"name\":\"standard\"}");
}

static void a_key_that_no_trials_scheme_has_is_an_error(void **unused) {
  (void)unused;
  assert_refused(TOTAL "scheme: repr\nsweep:\n  scheme.pp: [10, 20]\n", "e.yaml:4:3: scheme repr has no parameter 'pp'; did you mean 'p'?");
  assert_refused(TOTAL "scheme: {name: standard, p: 10}\n", "e.yaml:2:26: scheme standard has no parameter 'p'; there are none");
  assert_refused(TOTAL "model: {name: c3, deepth: 4}\n", "e.yaml:2:19: model c3 has no parameter 'deepth'; did you mean 'depth'?");
}

static void mistakes_in_grids_are_named(void **unused) {
  (void)unused;
  assert_refused(TOTAL "sweep: {scheme.p: 10}\n", "e.yaml:2:9: scheme.p: a number stands here; a swept key takes a list of values");
  assert_refused(TOTAL "sweep: {scheme.p: []}\n", "the list is empty");
  assert_refused(TOTAL "sweep: {seeds: [1, 2]}\n", "'seeds' is no key that trials can differ in");
  assert_refused(TOTAL "sweep: {shceme.p: [1, 2]}\n", "e.yaml:2:9: 'shceme.p' is no key that trials can differ in");
  assert_refused(TOTAL "scheme: repr\nsweep: {scheme.p: [1, 2]}\nzip: [{scheme.p: [1]}]\n", "scheme.p is swept a second time");
  assert_refused(TOTAL "zip: [{scheme.p: [1, 2], scheme.n: [1]}]\n", "scheme.n has 1 values, scheme.p has 2");
  assert_refused(TOTAL "arms: {a: {seeds: [1]}}\n", "'seeds' is no key that trials can differ in");
  assert_refused(TOTAL "arms: {a/b: {}}\n", "'a/b' cannot be an arm's name");
  assert_refused(TOTAL "arms: {a: {train.optimizer.lrr: 3}}\n", "e.yaml:2:12: unknown key 'lrr' in train.optimizer; did you mean 'lr'?");
  assert_refused(TOTAL "exclude: [{scheme.zz: 1}]\n", "no trial has all the keys that stand here");
  assert_refused(TOTAL "exclude: [{train.batch: 64}]\n", "`exclude` leaves no trial");
}

/* ---- Baselines ------------------------------------------------------------------------------- */

static void each_seed_and_setting_outside_the_scheme_has_one_baseline(void **unused) {
  (void)unused;
  load(TOTAL "scheme: repr\nseeds: [1, 2]\nbaseline: on\nsweep: {scheme.p: [10, 20], train.optimizer.lr: [0.1, 0.2]}\n", NULL, 0);
  assert_int_equal(experiment.n_trials, (4 + 2) * 2);
  for (int i = 0; i < 8; i++) {
    const rp_trial *trial = &experiment.trials[i];
    assert_false(trial->is_baseline);
    assert_true(trial->baseline >= 8 && trial->baseline < 12);
    const rp_trial *baseline = &experiment.trials[trial->baseline];
    assert_true(baseline->is_baseline);
    assert_int_equal(baseline->baseline, -1);
    assert_int_equal(baseline->seed, trial->seed);
    assert_json(rp_node_get(baseline->config, "scheme"), "{\"name\":\"standard\"}");
    assert_true(rp_node_equal(rp_node_get(baseline->config, "train"), rp_node_get(trial->config, "train")));
  }
  assert_string_equal(experiment.trials[8].label, "standard lr=0.1");
  assert_string_equal(experiment.trials[10].label, "standard lr=0.2");
}

static void a_baseline_trains_as_many_epochs_as_its_trial(void **unused) {
  (void)unused;
  load("train: {epochs: {after: 10}}\nscheme: {name: repr, n: 1, s2: 5}\nbaseline: on\nsweep: {scheme.s1: [10, 20]}\n", NULL, 0);
  static const char *const LABELS[] = {"s1=10", "s1=20", "standard epochs=25", "standard epochs=35"};
  assert_labels(LABELS, 4);
  assert_int_equal(experiment.trials[0].baseline, 2);
  assert_int_equal(experiment.trials[1].baseline, 3);
}

static void a_trial_that_is_standard_training_is_its_own_baseline(void **unused) {
  (void)unused;
  load(TOTAL "baseline: on\nsweep: {scheme.name: [standard, repr]}\n", NULL, 0);
  assert_int_equal(experiment.n_trials, 2);
  assert_true(experiment.trials[0].is_baseline);
  assert_int_equal(experiment.trials[0].baseline, -1);
  assert_int_equal(experiment.trials[1].baseline, 0);
}

/* ---- Labels ---------------------------------------------------------------------------------- */

static void keys_are_shortened_as_far_as_they_stay_apart(void **unused) {
  (void)unused;
  load("train: {epochs: 100}\nscheme: repr\nmodel: {name: c3}\nsweep: {model.depth: [2, 3], model.init: [he, glorot], scheme.limits.skip: "
       "[[], [conv1]], "
       "scheme.ranker.name: [l2], train.optimizer.name: [sgd, momentum]}\n",
       NULL, 0);
  assert_string_equal(experiment.trials[0].label, "depth=2 init=he skip=[] optimizer=sgd");
  assert_string_equal(experiment.trials[3].label, "depth=2 init=he skip=[conv1] optimizer=momentum");
}

static void a_rankers_path_is_shown_by_its_name_and_starts_at_the_file(void **unused) {
  (void)unused;
  load(TOTAL "scheme: repr\nsweep: {scheme.ranker: [./mine.so, sub/other.so, l2]}\n", NULL, 0);
  static const char *const LABELS[] = {"ranker=mine", "ranker=other", "ranker=l2"};
  assert_labels(LABELS, 3);
  char expected[256];
  snprintf(expected, sizeof expected, "\"%s/mine.so\"", test_folder());
  assert_at(0, "scheme.ranker.name", expected);
}

static void two_different_trials_never_share_a_label(void **unused) {
  (void)unused;
  load(TOTAL "scheme: repr\nsweep: {scheme.ranker: [a/mine.so, b/mine.so]}\n", NULL, 0);
  static const char *const LABELS[] = {"ranker=mine", "ranker=mine (2)"};
  assert_labels(LABELS, 2);
}

static void an_arm_called_standard_leaves_the_baseline_another_label(void **unused) {
  (void)unused;
  load(TOTAL "scheme: repr\nbaseline: on\narms: {standard: {scheme.p: 10}}\n", NULL, 0);
  static const char *const LABELS[] = {"standard", "baseline"};
  assert_labels(LABELS, 2);
}

static void shadow_criteria_are_listed(void **unused) {
  (void)unused;
  load(TOTAL "shadow: [all, {name: ortho, variant: authors}]\n", NULL, 0);
  assert_int_equal(experiment.n_shadow, 2);
  assert_string_equal(rp_node_text(experiment.shadow[0]), "all");
  assert_json(experiment.shadow[1], "{\"name\":\"ortho\",\"variant\":\"authors\"}");
}

/* ---- Files ----------------------------------------------------------------------------------- */

static void experiments_are_found_by_name(void **unused) {
  (void)unused;
  char *path = NULL;
  rp_error err = {0};
  assert_ok(rp_experiment_find("fig1", &path, &err), err);
  assert_string_equal(path, "experiments/paper/fig1.yaml");
  free(path);
  assert_fails(rp_experiment_find("dmeo", &path, &err), RP_EINPUT, err, "there is no experiment 'dmeo'; did you mean 'demo'?");
}

static void a_scheme_and_a_model_of_ones_own_lie_beside_the_experiment(void **unused) {
  (void)unused;
  test_file("mine.yaml", "parameters: {k: 3}\nprogram:\n  - train: $k\n");
  test_file("net.yaml", "parameters: {width: 4}\nlayers:\n  - fc: {outputs: classes}\n");
  load("scheme: {name: ./mine.yaml, k: 5}\nmodel: ./net.yaml\n", NULL, 0);
  assert_at(0, "train.epochs", "5");
  assert_at(0, "model.width", "4");
}

static void the_experiments_that_come_along_have_the_trials_that_they_promise(void **unused) {
  (void)unused;
  rp_error err = {0};
  assert_ok(rp_experiment_load("demo", NULL, 0, &experiment, &err), err);
  assert_int_equal(experiment.n_trials, (5 + 1) * 2);
  rp_experiment_free(&experiment);
  assert_ok(rp_experiment_load("cifar10-quick", NULL, 0, &experiment, &err), err);
  static const char *const QUICK[] = {"ortho", "oracle-accuracy", "standard"};
  assert_labels(QUICK, 3);
  assert_at(0, "scheme.limits.skip", "[\"conv1\"]");
  rp_experiment_free(&experiment);
  assert_ok(rp_experiment_load("fig1", NULL, 0, &experiment, &err), err);
  assert_int_equal(experiment.n_trials, 2 * 3);
}

/* ---- Programs that do not fit (rule 2) ------------------------------------------------------- */

static void rule_2_a_total_that_is_too_small_names_the_smallest_that_fits(void **unused) {
  (void)unused;
  assert_refused("train: {epochs: 90}\nscheme: repr\n",
                 "e.yaml:1:17: train.epochs: the program does not fit into 90 epochs; the smallest total that fits is 91");
  assert_refused("scheme: repr\n", "train.epochs must be given, since the program says `train: rest`; the smallest total that fits is 91");
}

static void rule_2_s1_of_0_epochs_is_an_error(void **unused) {
  (void)unused;
  assert_refused(TOTAL "scheme: {name: repr, s1: 0}\n",
                 "e.yaml:2:26: scheme.s1: 0 is not a number of epochs (a whole number from 1, or rest)");
}

#define TEST(name) cmocka_unit_test_teardown(name, free_experiment)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_trials_configuration_is_written_out_whole),
      TEST(epochs_after_the_last_cycle_are_written_as_the_total),
      TEST(later_sources_win),
      TEST(another_optimizer_takes_nothing_over_from_the_first),
      TEST(a_preset_replaces_the_default_mode),
      TEST(set_wins_over_arms_and_names_itself_in_messages),
      TEST(files_that_extend_each_other_are_refused),
      TEST(an_extended_files_own_mistake_is_named_there),
      TEST(trials_are_seeds_times_arms_times_axes),
      TEST(a_key_may_be_swept_inside_of_another_that_is),
      TEST(keys_of_a_zip_group_move_together),
      TEST(excluded_combinations_are_left_out),
      TEST(what_does_not_fit_can_be_excluded),
      TEST(trials_that_come_out_equal_are_one),
      TEST(a_key_that_only_another_trials_scheme_has_is_dropped),
      TEST(a_key_that_no_trials_scheme_has_is_an_error),
      TEST(mistakes_in_grids_are_named),
      TEST(each_seed_and_setting_outside_the_scheme_has_one_baseline),
      TEST(a_baseline_trains_as_many_epochs_as_its_trial),
      TEST(a_trial_that_is_standard_training_is_its_own_baseline),
      TEST(keys_are_shortened_as_far_as_they_stay_apart),
      TEST(a_rankers_path_is_shown_by_its_name_and_starts_at_the_file),
      TEST(two_different_trials_never_share_a_label),
      TEST(an_arm_called_standard_leaves_the_baseline_another_label),
      TEST(shadow_criteria_are_listed),
      TEST(experiments_are_found_by_name),
      TEST(a_scheme_and_a_model_of_ones_own_lie_beside_the_experiment),
      TEST(the_experiments_that_come_along_have_the_trials_that_they_promise),
      TEST(rule_2_a_total_that_is_too_small_names_the_smallest_that_fits),
      TEST(rule_2_s1_of_0_epochs_is_an_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
