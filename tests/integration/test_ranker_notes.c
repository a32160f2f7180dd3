/* test_ranker_notes.c: what commands tell of the rankers that they run: their log lines, that their scores are equal, that a file is
 * missing, which layer a fault lies in. */
#include "tests/program.h"

/* The plugin gives every filter 1 and says so in its log (tests/plugins/all_equal.c). Two drops. */
static int make_run(void **state) {
  if (enter_work_folder(state) != 0) return -1;
  char experiment[PATH_MAX + 1024];
  snprintf(experiment, sizeof experiment,
           "name: notes\nmodel: {name: c3, depth: 2, filters: 8}\ndata: {name: shapes, train: 320, validation: 100, test: 100}\n"
           "train: {epochs: 7, batch: 32}\nscheme: {name: repr, s1: 2, s2: 1, n: 2, p: 30}\n"
           "arms:\n  weights: {scheme.ranker: l2}\n  equal: {scheme.ranker: %s}\n",
           built_file("tests/plugins/all_equal.so"));
  write_text("notes.yaml", experiment);
  expect_exit(0, "run notes.yaml --jobs 1 --db notes.db");
  return system("mv output first-run");
}

/* The first run's output. */
static void assert_first_run_has(const char *text, int n) {
  char command[512];
  snprintf(command, sizeof command, "test $(grep -cF '%s' first-run) -eq %d || { cat first-run; false; }", text, n);
  assert_int_equal(system(command), 0);
}

static void log_lines_of_a_ranker_are_shown_with_trial_epoch_and_ranker(void **unused) {
  (void)unused;
  static const char *const LINES[] = {"create was called", "the first batch is here", "all are equal"};
  for (int i = 0; i < 3; i++)
    for (int epoch = 2; epoch <= 5; epoch += 3) {
      char line[128];
      snprintf(line, sizeof line, "equal/1, epoch %d, ranker all-equal: %s", epoch, LINES[i]);
      assert_first_run_has(line, 1);
    }
}

static void log_lines_of_a_ranker_stay_in_the_workers_log(void **unused) {
  (void)unused;
  assert_int_equal(
      system("test $(grep -cE '^trial [0-9a-f]{12}, epoch (2|5), ranker all-equal: all are equal$' notes.logs/worker-1.log) -eq 2"), 0);
}

static void score_shows_log_lines_too(void **unused) {
  (void)unused;
  char arguments[PATH_MAX + 128];
  snprintf(arguments, sizeof arguments, "score weights/1@2 --db notes.db --only --ranker %s", built_file("tests/plugins/all_equal.so"));
  outcome *out = expect_exit(0, arguments);
  expect_text(out, ", epoch 2, ranker all-equal: all are equal\n");
  expect_text(out, "  all scores are equal: the draw that breaks ties (SEMANTICS.md, rule 14) would decide\n");
}

/* Of two drops both; the other arm's scores differ. */
static void rule_14_run_and_report_say_where_the_draw_decided(void **unused) {
  (void)unused;
  static const char SENTENCE[] =
      "all-equal: all scores were equal at 2 of 2 drops: there the draw that breaks ties (SEMANTICS.md, rule 14) decided";
  assert_first_run_has(SENTENCE, 1);
  assert_first_run_has("l2: ", 0);
  outcome *out = expect_exit(0, "report notes --db notes.db");
  expect_text(out, "all-equal: all scores were equal at 2 of 2 drops");
  assert_null(strstr(out->output, "l2: "));
  expect_text(expect_exit(0, "report notes --db notes.db --format md"), "all-equal: all scores were equal at 2 of 2 drops");
}

/* A path in a file starts at that file's folder, one on the command line at the working folder. */
static void a_missing_file_is_named_where_it_was_looked_for(void **unused) {
  (void)unused;
  char text[256];
  assert_int_equal(mkdir("below", 0755), 0);
  write_text("below/gone.yaml", "model: {name: c3, depth: 2, filters: 8}\ndata: {name: shapes, train: 320, validation: 100, test: 100}\n"
                                "train: {epochs: 7, batch: 32}\nscheme: {name: repr, s1: 2, s2: 1, n: 2, p: 30, ranker: ./gone.so}\n");
  outcome *out = expect_exit(2, "run below/gone.yaml --db none.db");
  snprintf(text, sizeof text, "it would be %s/below/gone.so (a relative path starts at the folder of the file", work_folder);
  expect_text(out, "below/gone.yaml:4:");
  expect_text(out, text);
  out = expect_exit(2, "score weights/1@2 --db notes.db --only --ranker ./gone.so");
  snprintf(text, sizeof text, "it would be %s/gone.so (", work_folder);
  expect_text(out, text);
}

/* What is found wrong with one layer's filters names it, in the run's message and in the record. */
static void faults_of_scores_and_choices_name_their_layer_in_a_run(void **unused) {
  (void)unused;
  static const struct {
    const char *deed, *message;
  } FAULTS[] = {
      {"returns-nan", "ranker misbehaves: layer conv2, filter 7: its importance is NaN"},
      {"returns-infinity", "ranker misbehaves: layer conv2, filter 7: its importance is minus infinite"},
      {"chooses-too-many", "ranker misbehaves chose 5 filters, but exactly 4 are to be dropped: 5 of conv1"},
      {"chooses-beyond-a-limit", "ranker misbehaves chose 4 filters of layer conv1, where the limits allow 0 to 2"},
      {"crashes", "ranker misbehaves: score crashed: Segmentation fault; `repr rankers check` on its file tells what was touched"},
      {"follows-null", "ranker misbehaves: score crashed: Segmentation fault on a null pointer; `repr rankers check`"},
  };
  for (size_t i = 0; i < sizeof FAULTS / sizeof *FAULTS; i++) {
    char experiment[PATH_MAX + 512], sql[512];
    snprintf(
        experiment, sizeof experiment,
        "name: faults\nmodel: {name: c3, depth: 2, filters: 8}\ndata: {name: shapes, train: 320, validation: 100, test: 100}\n"
        "train: {epochs: 3, batch: 32}\nscheme: {name: repr, s1: 1, s2: 1, n: 1, p: 30, limits: {drop_at_most: %d}, ranker: {name: %s, "
        "deed: %s}}\n",
        strcmp(FAULTS[i].deed, "chooses-beyond-a-limit") == 0 ? 25 : 100, built_file("tests/plugins/misbehaves.so"), FAULTS[i].deed);
    write_text("faults.yaml", experiment);
    assert_int_equal(system("rm -rf faults.db* faults.states faults.logs"), 0);
    outcome *out = expect_exit(1, "run faults.yaml --jobs 1 --db faults.db");
    expect_text(out, "failed after epoch 1: ");
    expect_text(out, FAULTS[i].message);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM trials WHERE instr(message, '%s') > 0", FAULTS[i].message);
    assert_rows("faults.db", sql, "1\n");
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(log_lines_of_a_ranker_are_shown_with_trial_epoch_and_ranker),
      cmocka_unit_test(log_lines_of_a_ranker_stay_in_the_workers_log),
      cmocka_unit_test(score_shows_log_lines_too),
      cmocka_unit_test(rule_14_run_and_report_say_where_the_draw_decided),
      cmocka_unit_test(a_missing_file_is_named_where_it_was_looked_for),
      cmocka_unit_test(faults_of_scores_and_choices_name_their_layer_in_a_run),
  };
  return cmocka_run_group_tests_name("what is told of rankers", tests, make_run, leave_work_folder);
}
