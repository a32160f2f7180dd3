/* test_campaign.c: what an experiment's criteria mean for the ids of its trials. */
#include "core/base/memory.h"
#include "experiments/config/yaml.h"
#include "experiments/plan/campaign.h"
#include "experiments/plan/ids.h"
#include "tests/ranker_files.h"
#include "tests/yaml_files.h"

#define SMALL                                                                                                                              \
  "model: {name: c3-authors, filters: 4}\n"                                                                                                \
  "data: {name: shapes, train: 40, validation: 20, test: 20}\n"                                                                            \
  "train: {epochs: 3, batch: 10}\n"                                                                                                        \
  "scheme: {name: repr, s1: 1, s2: 1, n: 1}\n"

static rp_campaign campaign; /* of the running test */

static rp_status open_campaign(const char *arms, rp_error *err) {
  char yaml[4096];
  snprintf(yaml, sizeof yaml, SMALL "arms:\n%s", arms);
  return rp_campaign_open(test_file("e.yaml", yaml), NULL, 0, NULL, &campaign, err);
}

static int find_built_rankers(void **unused) {
  (void)unused;
  return setenv("REPR_RANKERS", built_file("rankers"), 1);
}

static int close_campaign(void **unused) {
  (void)unused;
  rp_campaign_free(&campaign);
  return 0;
}

/* A copy of a built-in criterion in the test's folder, with `tail` bytes behind it that no loader looks at. */
static const char *copy_of(const char *name, const char *copy, size_t tail) {
  static char path[256];
  rp_error err = {0};
  rp_mapped_file map;
  assert_ok(rp_map_file(built_file(name), &map, &err), err);
  char *bytes = calloc(map.size + tail, 1);
  assert_non_null(bytes);
  memcpy(bytes, map.bytes, map.size);
  snprintf(path, sizeof path, "%s/%s", test_folder(), copy);
  assert_ok(rp_write_file(path, bytes, map.size + tail, &err), err);
  free(bytes);
  rp_unmap_file(&map);
  return path;
}

static void rule_27_a_criterions_default_may_be_written_out_or_not(void **unused) {
  (void)unused;
  rp_error err = {0};
  assert_ok(open_campaign("  a: {scheme.ranker: ortho}\n"
                          "  b: {scheme.ranker: {name: ortho, variant: paper}}\n"
                          "  c: {scheme.ranker: {name: ortho, normalise: none}}\n"
                          "  d: {scheme.ranker: {name: ortho, variant: authors}}\n"
                          "  e: {scheme.ranker: {name: ortho, normalise: layer-l2}}\n"
                          "  f: {scheme.ranker: l2}\n",
                          &err),
            err);
  assert_int_equal(campaign.experiment.n_trials, 4);
  assert_string_equal(campaign.notes, "b/1 is the same trial as a/1\nc/1 is the same trial as a/1\n");
}

static void rule_27_a_trial_is_named_by_what_its_criterion_calls_itself_and_not_by_a_path(void **unused) {
  (void)unused;
  rp_error err = {0};
  char arms[1024];
  snprintf(arms, sizeof arms, "  a: {scheme.ranker: ortho}\n  b: {scheme.ranker: %s}\n", copy_of("rankers/ortho.so", "elsewhere.so", 0));
  assert_ok(open_campaign(arms, &err), err);
  assert_string_equal(campaign.notes, "b/1 is the same trial as a/1\n");
}

static int n_lines(const char *path) {
  FILE *file = fopen(path, "r");
  int n = 0;
  for (int c; file && (c = fgetc(file)) != EOF;) n += c == '\n';
  if (file) fclose(file);
  return n;
}

/* The plugin writes a line into the file REPR_TEST_LOADS whenever it is loaded. */
static void a_file_is_loaded_once_for_however_many_trials_and_drops(void **unused) {
  (void)unused;
  rp_error err = {0};
  char arms[1024], loads[300];
  const char *path = copy_of("tests/plugins/notes_loads.so", "notes.so", 0);
  snprintf(loads, sizeof loads, "%s/loads", test_folder());
  assert_int_equal(setenv("REPR_TEST_LOADS", loads, 1), 0);
  snprintf(arms, sizeof arms,
           "  a: {scheme.ranker: %s, scheme.n: 3, train.epochs: 9}\n  b: {scheme.ranker: %s, scheme.p: 50}\nseeds: [1, 2, 3]\n", path,
           path);
  assert_ok(open_campaign(arms, &err), err);
  assert_int_equal(campaign.experiment.n_trials, 6);
  assert_int_equal(n_lines(loads), 1);
  rp_campaign_free(&campaign);
  /* a file that was built anew is another one */
  copy_of("tests/plugins/notes_loads.so", "notes.so", 8);
  assert_ok(open_campaign(arms, &err), err);
  assert_int_equal(n_lines(loads), 2);
  unsetenv("REPR_TEST_LOADS");
}

/* The digest of CIFAR-10 is that of the whole set, however it is split: the root has to tell splits apart. */
static void rule_26_another_split_is_another_root(void **unused) {
  (void)unused;
  rp_error err = {0};
  assert_ok(open_campaign("  a: {}\n", &err), err);
  rp_dataset datasets[4];
  for (int i = 0; i < 4; i++) datasets[i] = campaign.datasets[0].dataset;
  datasets[1].split_seed++;
  datasets[2].n[RP_TRAIN]--;
  datasets[3].n[RP_VALIDATION]--;
  rp_id roots[4];
  for (int i = 0; i < 4; i++) {
    rp_trial_plan plan;
    assert_ok(rp_trial_plan_build(campaign.experiment.trials[0].config, 1, &datasets[i], campaign.rankers, &plan, &err), err);
    roots[i] = plan.root;
    rp_trial_plan_free(&plan);
  }
  for (int one = 0; one < 4; one++)
    for (int other = 0; other < one; other++) assert_false(rp_id_equal(roots[one], roots[other]));
}

/* A scale for a mode that has none: other keys, the same computation. */
static void trials_that_come_out_equal_are_one(void **unused) {
  (void)unused;
  rp_error err = {0};
  assert_ok(open_campaign("  a: {scheme.regrow: {mode: restore}}\n  b: {scheme.regrow: {mode: restore, scale: own}}\n  c: {scheme.p: 20}\n",
                          &err),
            err);
  assert_int_equal(campaign.experiment.n_trials, 2);
  assert_string_equal(campaign.experiment.trials[1].label, "c");
  assert_string_equal(campaign.notes, "b/1 is the same trial as a/1\n");
}

/* Scoring data do not matter to standard training: two settings of them have one baseline. */
static void equal_baselines_are_one_and_both_arms_are_compared_with_it(void **unused) {
  (void)unused;
  rp_error err = {0};
  assert_ok(open_campaign("  a: {score.images: 10}\n  b: {score.images: 20}\nbaseline: true\n", &err), err);
  assert_int_equal(campaign.experiment.n_trials, 3);
  int baseline = campaign.experiment.trials[0].baseline;
  assert_true(baseline >= 0 && campaign.experiment.trials[baseline].is_baseline);
  assert_int_equal(campaign.experiment.trials[1].baseline, baseline);
}

/* Augmentation is training's: it changes neither the images that there are nor where a trial starts. */
static void arms_that_differ_in_augmentation_share_data_set_and_root(void **unused) {
  (void)unused;
  rp_error err = {0};
  assert_ok(open_campaign("  a: {data.augment: none}\n"
                          "  b: {data.augment: [flip, crop: 4]}\n"
                          "  c: {data.augment: {crop: 4, flip: on}}\n"
                          "  d: {data.augment: [flip], data.split_seed: 5}\n",
                          &err),
            err);
  assert_int_equal(campaign.experiment.n_trials, 3);
  assert_int_equal(campaign.n_datasets, 2);
  assert_true(rp_id_equal(campaign.plans[0].root, campaign.plans[1].root));
  assert_false(rp_id_equal(campaign.plans[0].id, campaign.plans[1].id));
  assert_false(rp_id_equal(campaign.plans[1].root, campaign.plans[2].root));
}

static void two_files_that_call_themselves_alike_are_refused(void **unused) {
  (void)unused;
  rp_error err = {0};
  char arms[1024];
  snprintf(arms, sizeof arms, "  a: {scheme.ranker: l2}\n  b: {scheme.ranker: %s}\n", copy_of("rankers/l2.so", "mine.so", 1));
  assert_fails(open_campaign(arms, &err), RP_EINPUT, err, "two rankers call themselves 'l2'");
  assert_non_null(strstr(err.message, "mine.so"));
}

/* ---- Shadows --------------------------------------------------------------------------------- */

static int n_named(const rp_shadow_set *set, const char *name) {
  int n = 0;
  for (int i = 0; i < set->n; i++) n += strcmp(set->shadows[i].plan.description.name, name) == 0;
  return n;
}

static void all_stands_for_every_installed_criterion_once(void **unused) {
  (void)unused;
  rp_error err = {0};
  char **names;
  int n;
  assert_ok(rp_plugin_list(built_file("rankers"), &names, &n, &err), err);
  assert_ok(open_campaign("  a: {scheme.ranker: ortho}\nshadow: [all, l2, {name: ortho, variant: authors}]\nbaseline: true\n", &err), err);
  assert_int_equal(campaign.n_shadow_sets, 1);
  const rp_shadow_set *set = &campaign.shadow_sets[0];
  assert_int_equal(set->n, n + 1); /* l2 is one of all; ortho is there in two variants */
  for (int i = 0; i < n; i++) {
    assert_int_equal(n_named(set, names[i]), strcmp(names[i], "ortho") == 0 ? 2 : 1);
    free(names[i]);
  }
  free(names);
  for (int i = 0; i < set->n - 1; i++)
    assert_int_equal(set->shadows[i].is_listed, strcmp(set->shadows[i].plan.description.name, "l2") == 0);
  assert_int_equal(set->shadows[set->n - 1].is_listed, 1);
  assert_int_equal(campaign.shadows_of[0], 0);
  assert_int_equal(campaign.shadows_of[1], -1); /* standard training drops nothing */
  assert_string_equal(campaign.notes, "");
}

/* A user's own file and a variant act in an arm each: they are scored in the other arms, too, on these arms' own scoring data. */
static void all_stands_for_what_acts_in_the_experiment_too(void **unused) {
  (void)unused;
  rp_error err = {0};
  char arms[2048];
  const char *own = built_file("tests/plugins/all_options.so");
  rp_plugin_description described;
  assert_ok(rp_plugin_describe(own, &described, &err), err);
  snprintf(arms, sizeof arms,
           "  a: {scheme.ranker: l2}\n"
           "  b: {scheme.ranker: %.1500s}\n"
           "  c: {scheme.ranker: {name: ortho, variant: authors}}\n"
           "  d: {scheme.ranker: l2, score.images: 10}\n"
           "shadow: [all]\n",
           own);
  assert_ok(open_campaign(arms, &err), err);
  assert_int_equal(campaign.n_shadow_sets, 2);
  for (int i = 0; i < 2; i++) {
    const rp_shadow_set *set = &campaign.shadow_sets[i];
    assert_int_equal(n_named(set, described.name), 1);
    assert_int_equal(n_named(set, "ortho"), 2);
    assert_int_equal(n_named(set, "l2"), 1);
    for (int j = 0; j < set->n; j++) assert_int_equal(set->shadows[j].is_listed, 0);
  }
  /* the arm's own criterion is found among them, so that it does not shadow itself */
  const rp_shadow_set *set = &campaign.shadow_sets[campaign.shadows_of[1]], *of_d = &campaign.shadow_sets[campaign.shadows_of[3]];
  int n_own = 0, n_other = 0;
  for (int j = 0; j < set->n; j++) n_own += rp_criterion_plan_equal(&set->shadows[j].plan, &campaign.plans[1].criteria[1]);
  for (int j = 0; j < of_d->n; j++) n_other += rp_criterion_plan_equal(&of_d->shadows[j].plan, &campaign.plans[1].criteria[1]);
  assert_int_equal(n_own, 1);
  assert_int_equal(n_other, 0);
  rp_plugin_description_free(&described);
}

static void an_acting_file_that_calls_itself_like_a_built_in_one_is_left_out_of_all(void **unused) {
  (void)unused;
  rp_error err = {0};
  char arms[1024];
  snprintf(arms, sizeof arms, "  a: {scheme.ranker: %s}\nshadow: [all]\n", copy_of("rankers/l2.so", "mine.so", 1));
  assert_ok(open_campaign(arms, &err), err);
  assert_int_equal(n_named(&campaign.shadow_sets[0], "l2"), 1);
  assert_non_null(strstr(campaign.notes, "mine.so is left out of shadow: [all]: two shadow rankers call themselves 'l2'"));
}

static void rule_27_shadows_change_no_id(void **unused) {
  (void)unused;
  rp_error err = {0};
  char arms[1024], shadowed[1100];
  rp_id ids[2], roots[2];
  snprintf(arms, sizeof arms, "  a: {scheme.ranker: ortho}\n  b: {scheme.ranker: %.900s}\n", built_file("tests/plugins/all_options.so"));
  snprintf(shadowed, sizeof shadowed, "%sshadow: [all]\n", arms);
  assert_ok(open_campaign(arms, &err), err);
  for (int t = 0; t < 2; t++) ids[t] = campaign.plans[t].id, roots[t] = campaign.plans[t].root;
  rp_campaign_free(&campaign);
  assert_ok(open_campaign(shadowed, &err), err);
  for (int t = 0; t < 2; t++) {
    assert_true(rp_id_equal(campaign.plans[t].id, ids[t]));
    assert_true(rp_id_equal(campaign.plans[t].root, roots[t]));
  }
}

/* So that a shadow's answer is the answer of an arm that comes later, and the other way round. */
static void rule_27_a_shadow_is_asked_what_an_arm_with_that_ranker_would_ask(void **unused) {
  (void)unused;
  rp_error err = {0};
  assert_ok(open_campaign("  a: {scheme.ranker: ortho, scheme.p: 20}\n"
                          "  b: {scheme.ranker: {name: ortho, variant: authors}, scheme.p: 20, scheme.limits: {skip: [conv1]}}\n"
                          "  c: {scheme.ranker: ortho, scheme.p: 20, scheme.limits: {skip: [conv1]}}\n"
                          "shadow: [{name: ortho, variant: authors}]\n",
                          &err),
            err);
  const rp_criterion_plan *shadow = &campaign.shadow_sets[0].shadows[0].plan;
  rp_id state = {{7}}, requests[3], expected;
  for (int t = 0; t < 3; t++) {
    char *params = NULL;
    assert_int_equal(campaign.plans[t].program.steps[1].kind, RP_OP_DROP);
    assert_ok(rp_shadow_request(&campaign.plans[t], 1, shadow, state, &params, &requests[t], &err), err);
    free(params);
  }
  const rp_plugin_description *ranker = &campaign.plans[1].criteria[1].description;
  assert_ok(rp_id_of_request(state, campaign.plans[1].program.steps[1].params, ranker->version, ranker->file_hash, &expected, &err), err);
  assert_true(rp_id_equal(requests[1], expected));
  assert_true(rp_id_equal(requests[2], expected));  /* another acting ranker asks the same */
  assert_false(rp_id_equal(requests[0], expected)); /* other limits do not */
}

static void rule_6_all_leaves_out_what_needs_a_validation_split_where_there_is_none(void **unused) {
  (void)unused;
  rp_error err = {0};
  assert_ok(open_campaign("  a: {data.validation: 0}\n  b: {}\n  c: {data.validation: 0, score.data: train}\nshadow: [all]\n", &err), err);
  assert_int_equal(campaign.n_shadow_sets, 3);
  const rp_shadow_set *without = &campaign.shadow_sets[campaign.shadows_of[0]], *with = &campaign.shadow_sets[campaign.shadows_of[1]],
                      *on_training = &campaign.shadow_sets[campaign.shadows_of[2]];
  assert_int_equal(n_named(without, "oracle-loss") + n_named(without, "oracle-accuracy"), 0);
  assert_int_equal(n_named(with, "oracle-loss") + n_named(with, "oracle-accuracy"), 2);
  assert_int_equal(n_named(on_training, "oracle-loss"), 1);
  assert_int_equal(n_named(without, "taylor"), 1);
  assert_non_null(strstr(campaign.notes, "oracle-loss is left out of shadow: [all]: it measures on the validation split"));
}

static void shadows_that_cannot_be_are_refused_before_a_run(void **unused) {
  (void)unused;
  rp_error err = {0};
  char arms[1024];
  assert_fails(open_campaign("  a: {data.validation: 0}\nshadow: [all, oracle-loss]\n", &err), RP_EINPUT, err,
               "e.yaml:7:15: shadow[1]: 'oracle-loss' measures on the validation split");
  assert_fails(open_campaign("  a: {}\nshadow: [otrho]\n", &err), RP_EINPUT, err, "did you mean ortho?");
  assert_fails(open_campaign("  a: {}\nshadow: [{name: ortho, variant: paper, normalise: most}]\n", &err), RP_EINPUT, err, "layer-mean");
  assert_fails(open_campaign("  a: {}\nshadow: [{name: ortho, variant: [paper]}]\n", &err), RP_EINPUT, err, "a list stands here");
  snprintf(arms, sizeof arms, "  a: {}\nshadow: [all, %s]\n", copy_of("rankers/l2.so", "mine.so", 1));
  assert_fails(open_campaign(arms, &err), RP_EINPUT, err, "two shadow rankers call themselves 'l2'");
}

/* Its name and options are those of the one that acts, but it is another program. */
static void a_shadow_of_another_file_than_the_acting_one_is_no_duplicate(void **unused) {
  (void)unused;
  rp_error err = {0};
  char arms[1024];
  snprintf(arms, sizeof arms, "  a: {scheme.ranker: %s}\nshadow: [l2]\n", copy_of("rankers/l2.so", "mine.so", 1));
  assert_ok(open_campaign(arms, &err), err);
  const rp_criterion_plan *acting = &campaign.plans[0].criteria[1], *shadow = &campaign.shadow_sets[0].shadows[0].plan;
  assert_string_equal(acting->description.name, shadow->description.name);
  assert_string_equal(acting->options_json, shadow->options_json);
  assert_false(rp_criterion_plan_equal(acting, shadow));
}

static void a_criterion_crosses_the_wire_with_all_its_settings(void **unused) {
  (void)unused;
  rp_error err = {0};
  assert_ok(
      open_campaign("  a: {}\nshadow: [{name: ortho, variant: authors, normalise: layer-max}, taylor, {name: l2, divide: d}]\n", &err),
      err);
  for (int i = 0; i < 3; i++) {
    RP_CLEANUP(rp_free_pointer) char *json = NULL;
    RP_CLEANUP(rp_node_free) rp_node *node = NULL;
    RP_CLEANUP(rp_criterion_plan_free) rp_criterion_plan back = {0};
    const rp_shadow_set *set = &campaign.shadow_sets[0];
    assert_ok(rp_criterion_plan_json(&set->shadows[i].plan, &json, &err), err);
    assert_ok(rp_yaml_parse(json, "wire", &node, &err), err);
    assert_ok(rp_criterion_plan_build(node, &set->score, "nowhere", &back, &err), err);
    assert_true(rp_criterion_plan_equal(&back, &set->shadows[i].plan));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(rule_27_a_criterions_default_may_be_written_out_or_not, close_campaign),
      cmocka_unit_test_teardown(rule_27_a_trial_is_named_by_what_its_criterion_calls_itself_and_not_by_a_path, close_campaign),
      cmocka_unit_test_teardown(a_file_is_loaded_once_for_however_many_trials_and_drops, close_campaign),
      cmocka_unit_test_teardown(rule_26_another_split_is_another_root, close_campaign),
      cmocka_unit_test_teardown(trials_that_come_out_equal_are_one, close_campaign),
      cmocka_unit_test_teardown(equal_baselines_are_one_and_both_arms_are_compared_with_it, close_campaign),
      cmocka_unit_test_teardown(arms_that_differ_in_augmentation_share_data_set_and_root, close_campaign),
      cmocka_unit_test_teardown(two_files_that_call_themselves_alike_are_refused, close_campaign),
      cmocka_unit_test_teardown(all_stands_for_every_installed_criterion_once, close_campaign),
      cmocka_unit_test_teardown(all_stands_for_what_acts_in_the_experiment_too, close_campaign),
      cmocka_unit_test_teardown(an_acting_file_that_calls_itself_like_a_built_in_one_is_left_out_of_all, close_campaign),
      cmocka_unit_test_teardown(rule_27_shadows_change_no_id, close_campaign),
      cmocka_unit_test_teardown(rule_27_a_shadow_is_asked_what_an_arm_with_that_ranker_would_ask, close_campaign),
      cmocka_unit_test_teardown(rule_6_all_leaves_out_what_needs_a_validation_split_where_there_is_none, close_campaign),
      cmocka_unit_test_teardown(shadows_that_cannot_be_are_refused_before_a_run, close_campaign),
      cmocka_unit_test_teardown(a_shadow_of_another_file_than_the_acting_one_is_no_duplicate, close_campaign),
      cmocka_unit_test_teardown(a_criterion_crosses_the_wire_with_all_its_settings, close_campaign),
  };
  return cmocka_run_group_tests_name("campaign", tests, find_built_rankers, NULL);
}
