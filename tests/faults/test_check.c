/* test_check.c: the conformance test: what keeps all rules passes it, and each rule that is broken is found, named and survived. */
#include "core/ranking/check.h"
#include "tests/ranker_files.h"

static rp_check_report check_file(const char *name, double timeout_s) {
  rp_error err = {0};
  rp_check_report report;
  assert_ok(rp_ranker_check(built_file(name), timeout_s, NULL, &report, &err), err);
  return report;
}

static void print_violations(const rp_check_report *report) {
  for (size_t i = 0; i < report->n; i++)
    if (report->rows[i].result == RP_CHECK_VIOLATED)
      print_error("%s %s: %s\n", report->rows[i].setting, report->rows[i].name, report->rows[i].text);
}

static const rp_check_row *row_of(const rp_check_report *report, const char *setting, const char *name) {
  for (size_t i = 0; i < report->n; i++)
    if (strcmp(report->rows[i].setting, setting) == 0 && strcmp(report->rows[i].name, name) == 0) return &report->rows[i];
  fail_msg("there is no row '%s' of '%s'", name, setting);
  return NULL;
}

static void assert_row(const rp_check_report *report, const char *setting, const char *name, rp_check_result result, const char *text) {
  const rp_check_row *row = row_of(report, setting, name);
  if (row->result != result || !strstr(row->text, text))
    fail_msg("%s, %s: «%s» (%s), not «%s» (%s)", setting, name, row->text, rp_check_result_name(row->result), text,
             rp_check_result_name(result));
}

static void every_built_in_ranker_keeps_all_rules(void **unused) {
  (void)unused;
  rp_error err = {0};
  char **names, folder[PATH_MAX + 64];
  int n;
  snprintf(folder, sizeof folder, "%s", built_file("rankers"));
  assert_ok(rp_plugin_list(folder, &names, &n, &err), err);
  assert_true(n >= 6);
  for (int i = 0; i < n; i++) {
    char file[128];
    snprintf(file, sizeof file, "rankers/%s.so", names[i]);
    rp_check_report report = check_file(file, 600);
    print_violations(&report);
    if (report.n_violated) fail_msg("%s: %d violations", file, report.n_violated);
    rp_check_report_free(&report);
    free(names[i]);
  }
  free(names);
}

/* The plugin keeps every rule but the one that its option names. */
static const struct {
  const char *rule, *name, *text;
} BROKEN[] = {
    {"writes-weights", "finite scores", "score crashed: Segmentation fault writing to the weights of conv1"},
    {"writes-activations", "finite scores", "observe crashed: Segmentation fault writing to the activations of conv2"},
    {"writes-labels", "finite scores", "observe crashed: Segmentation fault writing to the labels"},
    {"writes-logits", "finite scores", "observe crashed: Segmentation fault writing to the logits"},
    {"reads-no-gradient", "finite scores",
     "observe crashed: Segmentation fault on a null pointer; of batch->layers[l], activation_gradient is NULL unless .flags has "
     "RP_USES_ACTIVATION_GRADIENT, weight_gradient is NULL unless .flags has RP_USES_WEIGHT_GRADIENT"},
#if defined(__x86_64__)
    {"writes-beyond", "finite scores", "score crashed: Segmentation fault writing past the end of the importance"},
    {"reads-beyond", "finite scores", "score crashed: Segmentation fault reading past the end of the weights of fc1"},
    {"reads-beyond-images", "finite scores", "observe crashed: Segmentation fault reading past the end of the images"},
    {"reads-beyond-logits", "finite scores", "observe crashed: Segmentation fault reading past the end of the logits"},
    {"keeps-weights", "finite scores",
     "score crashed: Segmentation fault reading the weights of conv1, which were valid during an earlier call"},
#else
    {"writes-beyond", "finite scores", "past the end of the importance"},
    {"reads-beyond", "finite scores", "past the end of the weights of fc1"},
    {"reads-beyond-images", "finite scores", "past the end of the images"},
    {"reads-beyond-logits", "finite scores", "past the end of the logits"},
    {"keeps-weights", "finite scores", "the weights of conv1, which were valid during an earlier call"},
#endif
#if !defined(__SANITIZE_ADDRESS__) /* whose malloc fills everything alike */
    {"reads-litter", "same seed, same scores", "with nothing changed: is memory read that was not set"},
#endif
    {"counts-events", "same seed, same scores", "with nothing changed"},
    {"draws", "another seed", "scores depend on the trial's seed, but the flag RP_STOCHASTIC is not set"},
    {"counts-filters", "order of filters", "with each layer's filters in another order"},
    {"needs-a-neighbour", "K = 1", "layer conv1, filter 0: its importance is NaN"},
    {"divides-by-norms", "a filter of zeros", "layer conv2, filter 2: its importance is NaN"},
    {"divides-by-maps", "a dead filter", "layer conv2, filter 2: its importance is NaN"},
    {"looks-at-the-dropped", "dropped filters", "after the weights of inactive filters had changed"},
    {"chooses-too-few", "choose", "30 % of the net: ranker breaks-rules chose 6 filters, but exactly 7 are to be dropped"},
    {"changes-modes", "floating-point modes", "score came back with other floating-point modes"},
    {"follows-null", "finite scores", "score crashed: Segmentation fault on a null pointer"},
    {"aborts", "finite scores", "score crashed: Aborted"},
    {"exits", "finite scores", "the plugin ended the process: it exited"},
    {"hangs", "finite scores", "score did not come back within 0.5 s of its own time"},
};

enum { N_BROKEN = sizeof BROKEN / sizeof BROKEN[0] };

static rp_check_report broken;

static int check_broken(void **unused) {
  (void)unused;
  rp_error err = {0};
  return rp_ranker_check(built_file("tests/plugins/breaks_rules.so"), 0.5, NULL, &broken, &err) == RP_OK ? 0 : -1;
}

static int free_broken(void **unused) {
  (void)unused;
  rp_check_report_free(&broken);
  return 0;
}

static void each_broken_rule_is_found_and_named(void **unused) {
  (void)unused;
  for (int i = 0; i < N_BROKEN; i++) {
    char setting[64];
    snprintf(setting, sizeof setting, "rule=%s", BROKEN[i].rule);
    assert_row(&broken, setting, BROKEN[i].name, RP_CHECK_VIOLATED, BROKEN[i].text);
  }
}

static void a_plugin_that_breaks_none_passes(void **unused) {
  (void)unused;
  for (size_t i = 0; i < broken.n && !*broken.rows[i].setting; i++)
    if (broken.rows[i].result == RP_CHECK_VIOLATED) fail_msg("%s: %s", broken.rows[i].name, broken.rows[i].text);
  assert_row(&broken, "", "interface", RP_CHECK_OK, "breaks-rules 1.0.0");
  assert_row(&broken, "", "choose", RP_CHECK_OK, "exact counts within all limits");
  assert_row(&broken, "", "memory", RP_CHECK_OK, "inputs were not written");
}

static void a_rule_that_is_broken_in_one_case_leaves_the_others_alone(void **unused) {
  (void)unused;
  static const char *const RULES[] = {"draws",           "counts-filters",       "needs-a-neighbour", "divides-by-norms",
                                      "divides-by-maps", "looks-at-the-dropped", "chooses-too-few",   "changes-modes"};
  static const char *const NAMES[] = {"another seed",  "order of filters", "K = 1",  "a filter of zeros",
                                      "a dead filter", "dropped filters",  "choose", "floating-point modes"};
  for (size_t r = 0; r < sizeof RULES / sizeof RULES[0]; r++) {
    char setting[64];
    snprintf(setting, sizeof setting, "rule=%s", RULES[r]);
    for (size_t i = 0; i < broken.n; i++) {
      const rp_check_row *row = &broken.rows[i];
      if (strcmp(row->setting, setting) != 0 || row->result != RP_CHECK_VIOLATED || strcmp(row->name, NAMES[r]) == 0) continue;
      /* draws are keyed by the filter's place; the map of a filter of zeros is 0, too */
      if (strcmp(RULES[r], "draws") == 0 && strcmp(row->name, "order of filters") == 0) continue;
      if (strcmp(RULES[r], "divides-by-maps") == 0 && strcmp(row->name, "a filter of zeros") == 0) continue;
      fail_msg("%s: also %s: %s", setting, row->name, row->text);
    }
  }
}

static void after_a_crash_the_other_cases_go_on_and_memory_is_reported_as_a_whole(void **unused) {
  (void)unused;
  assert_row(&broken, "rule=writes-weights", "K = 1", RP_CHECK_VIOLATED, "writing to the weights of conv1");
  assert_row(&broken, "rule=writes-weights", "memory", RP_CHECK_VIOLATED, "ended in a forbidden access");
  assert_row(&broken, "rule=aborts", "time", RP_CHECK_SKIPPED, "only with the defaults");
  assert_row(&broken, "rule=aborts", "memory", RP_CHECK_OK, "");
}

static void after_a_hang_no_other_case_is_tried(void **unused) {
  (void)unused;
  assert_row(&broken, "rule=hangs", "K = 1", RP_CHECK_SKIPPED, "not tried, since a call did not come back");
}

/* The same words count once for all cases and settings; where they differ, the faults do. */
static void a_fault_that_is_met_again_is_marked_as_a_repeat(void **unused) {
  (void)unused;
  assert_false(row_of(&broken, "rule=aborts", "finite scores")->is_repeat);
  assert_true(row_of(&broken, "rule=aborts", "K = 1")->is_repeat);
  assert_false(row_of(&broken, "rule=writes-weights", "finite scores")->is_repeat);
  assert_true(row_of(&broken, "rule=writes-weights", "choose")->is_repeat);
  int n_repeated = 0, n_violated = 0;
  for (size_t i = 0; i < broken.n; i++) {
    const rp_check_row *row = &broken.rows[i];
    int is_known = 0;
    for (size_t j = 0; j < i; j++) is_known |= broken.rows[j].result == RP_CHECK_VIOLATED && strcmp(broken.rows[j].text, row->text) == 0;
    assert_int_equal(row->is_repeat, row->result == RP_CHECK_VIOLATED && is_known);
    n_repeated += row->is_repeat;
    n_violated += row->result == RP_CHECK_VIOLATED;
  }
  assert_int_equal(broken.n_repeated, n_repeated);
  assert_int_equal(broken.n_violated, n_violated);
}

/* bn-scale ranks by gamma, which is 1 for every filter until it is trained; l2 by weights, which are drawn. */
static void scores_that_are_equal_on_an_initial_net_are_reported_and_no_violation(void **unused) {
  (void)unused;
  rp_check_report report = check_file("rankers/bn-scale.so", 600);
  assert_row(&report, "", "ties", RP_CHECK_NOTE, "all 26 scores are equal on a net as it is initialised: the draw that breaks ties");
  assert_int_equal(report.n_violated, 0);
  rp_check_report_free(&report);
  report = check_file("rankers/l2.so", 600);
  assert_row(&report, "", "ties", RP_CHECK_OK, "scores differ enough");
  rp_check_report_free(&report);
}

typedef struct {
  int n, last, total;
  char lines[4096];
} seen;

static void note_case(void *user, const char *setting, const char *name, int number, int total) {
  seen *all = user;
  size_t length = strlen(all->lines);
  assert_true(number >= all->last);
  all->n += number > all->last;
  all->last = number;
  all->total = total;
  snprintf(all->lines + length, sizeof all->lines - length, "%s/%s\n", setting, name);
}

static void a_watcher_is_told_of_each_case_before_it_begins(void **unused) {
  (void)unused;
  rp_error err = {0};
  rp_check_report report;
  seen all = {0};
  const rp_check_watcher watcher = {.begins = note_case, .user = &all};
  assert_ok(rp_ranker_check(built_file("tests/plugins/all_options.so"), 600, &watcher, &report, &err), err);
  assert_int_equal(all.n, all.total); /* every number from 1 on */
  assert_int_equal(all.last, all.total);
  assert_ptr_equal(strstr(all.lines, "/finite scores\n/same seed, same scores\n"), all.lines);
  assert_non_null(strstr(all.lines, "\npower=-1/finite scores\n"));
  assert_null(strstr(all.lines, "power=-1/K = 1")); /* an end of a range is tried with finite scores alone */
  assert_non_null(strstr(all.lines, "\nmeasure=euclid/time\n"));
  rp_check_report_free(&report);
}

static void numbers_at_the_ends_of_ranges_are_written_in_their_shortest_form(void **unused) {
  (void)unused;
  rp_check_report report = check_file("tests/plugins/all_equal.so", 600);
  assert_row(&report, "share=0.1", "finite scores", RP_CHECK_OK, "");
  assert_row(&report, "share=0.7", "finite scores", RP_CHECK_OK, "");
  rp_check_report_free(&report);
}

static void a_criterion_that_needs_batch_norm_gets_it(void **unused) {
  (void)unused;
  assert_row(&broken, "rule=needs-bn", "finite scores", RP_CHECK_NOTE, "with batch norm; without it: there is no batch norm");
  assert_row(&broken, "rule=needs-bn", "order of filters", RP_CHECK_OK, "");
  assert_row(&broken, "rule=needs-bn", "K = 1", RP_CHECK_OK, "");
}

/* l2's formula tells what has to come out. */
static void scales_zeros_and_duplicates_are_reported_as_they_are(void **unused) {
  (void)unused;
  rp_check_report report = check_file("rankers/l2.so", 600);
  assert_row(&report, "", "scale of a filter", RP_CHECK_NOTE, "its score × 2; of the others: × 1");
  assert_row(&report, "", "scale of a layer", RP_CHECK_NOTE, "its score × 2; of the others: × 1");
  assert_row(&report, "", "a filter of zeros", RP_CHECK_NOTE, "scores 0 and ranks 6 of 6");
  rp_check_report_free(&report);
  report = check_file("rankers/ortho.so", 600);
  assert_row(&report, "", "scale of a filter", RP_CHECK_NOTE, "its score × 1; of the others: × 1");
  assert_row(&report, "", "a duplicate", RP_CHECK_NOTE, "ranks 5 and 5 of 6"); /* the two that overlap most, and equal */
  rp_check_report_free(&report);
}

static void options_are_tried_with_all_choices_and_at_the_ends_of_their_ranges(void **unused) {
  (void)unused;
  rp_check_report report = check_file("tests/plugins/all_options.so", 600);
  assert_row(&report, "", "options", RP_CHECK_OK, "4, tried in 8 ways"); /* defaults; −1, 2; 1, 10; off; cosine, euclid */
  static const char *const SETTINGS[] = {"power=-1",    "power=2",        "neighbours=1",  "neighbours=10",
                                         "centred=off", "measure=cosine", "measure=euclid"};
  for (size_t i = 0; i < sizeof SETTINGS / sizeof SETTINGS[0]; i++)
    assert_row(&report, SETTINGS[i], "finite scores", RP_CHECK_OK, "with and without batch norm");
  rp_check_report_free(&report);
}

static void what_is_no_plugin_is_a_violation_and_what_is_no_shared_object_an_error(void **unused) {
  (void)unused;
  static const struct {
    const char *file, *text;
  } PLUGINS[] = {{"tests/plugins/other_abi.so", "built for version 7.3"},
                 {"tests/plugins/crashes_on_load.so", "crashes while loading"},
                 {"tests/plugins/not_a_plugin.so", "exports no rp_ranker_plugin"},
                 {"tests/plugins/bad_default.so", "its default 5 is outside its range"}};
  for (size_t i = 0; i < sizeof PLUGINS / sizeof PLUGINS[0]; i++) {
    rp_check_report report = check_file(PLUGINS[i].file, 600);
    assert_int_equal(report.n, 1);
    assert_row(&report, "", "interface", RP_CHECK_VIOLATED, PLUGINS[i].text);
    rp_check_report_free(&report);
  }
  rp_error err = {0};
  rp_check_report report;
  assert_fails(rp_ranker_check("/proc/self/nowhere", 600, NULL, &report, &err), RP_EINPUT, err, "/proc/self/nowhere");
  assert_fails(rp_ranker_check("/proc/self/status", 600, NULL, &report, &err), RP_EINPUT, err, "is no shared object");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_built_in_ranker_keeps_all_rules),
      cmocka_unit_test(each_broken_rule_is_found_and_named),
      cmocka_unit_test(a_plugin_that_breaks_none_passes),
      cmocka_unit_test(a_rule_that_is_broken_in_one_case_leaves_the_others_alone),
      cmocka_unit_test(after_a_crash_the_other_cases_go_on_and_memory_is_reported_as_a_whole),
      cmocka_unit_test(after_a_hang_no_other_case_is_tried),
      cmocka_unit_test(a_fault_that_is_met_again_is_marked_as_a_repeat),
      cmocka_unit_test(scores_that_are_equal_on_an_initial_net_are_reported_and_no_violation),
      cmocka_unit_test(a_watcher_is_told_of_each_case_before_it_begins),
      cmocka_unit_test(numbers_at_the_ends_of_ranges_are_written_in_their_shortest_form),
      cmocka_unit_test(a_criterion_that_needs_batch_norm_gets_it),
      cmocka_unit_test(scales_zeros_and_duplicates_are_reported_as_they_are),
      cmocka_unit_test(options_are_tried_with_all_choices_and_at_the_ends_of_their_ranges),
      cmocka_unit_test(what_is_no_plugin_is_a_violation_and_what_is_no_shared_object_an_error),
  };
  return cmocka_run_group_tests(tests, check_broken, free_broken);
}
