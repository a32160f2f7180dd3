/* test_score_command.c: `repr score` on the states of a run: what it says is what the run recorded, or what arms with those rankers did; a
 * user's own criterion; errors that say what would do. */
#include "tests/program.h"

/* Two criteria that act on one state, before a first drop after epoch 2 and a second after epoch 4. Epoch 5 is kept as a fifth one. */
static const char EXPERIMENT[] = "name: small\n"
                                 "model: {name: c3, depth: 2, filters: 8}\n"
                                 "data: {name: shapes, train: 320, validation: 100, test: 100}\n"
                                 "train: {epochs: 7, batch: 32, optimizer: {name: momentum, lr: 0.02}}\n"
                                 "scheme: {name: repr, s1: 2, s2: 1, n: 2, p: 30, limits: {drop_at_most: 50}}\n"
                                 "arms: {taylor: {scheme.ranker: taylor}, loss: {scheme.ranker: oracle-loss}}\n"
                                 "baseline: true\n";

static int make_run(void **state) {
  if (enter_work_folder(state) != 0) return -1;
  write_text("small.yaml", EXPERIMENT);
  expect_exit(0, "run small.yaml --jobs 1 --db small.db");
  return 0;
}

/* The part of the output from a line on that starts with `start`. */
static const char *part(const outcome *out, const char *start) {
  const char *found = strstr(out->output, start);
  if (!found) fail_msg("«%s» is not in:\n%s", start, out->output);
  return found;
}

/* ---- What it says ---------------------------------------------------------------------------- */

/* The rows that the arms' own drops left in the database, ranker by ranker, as CSV. */
static void a_stored_state_gets_the_scores_and_drops_that_the_run_recorded(void **unused) {
  (void)unused;
  for (int i = 0; i < 2; i++) {
    const char *ranker = i ? "oracle-loss" : "taylor", *arm = i ? "loss" : "taylor";
    char sql[512], arguments[256];
    snprintf(
        sql, sizeof sql,
        "SELECT layer || ',' || filter || ',' || printf('%%.9g', score) || ',' || rank || ',' || dropped FROM v_filters WHERE arm = '%s' "
        "AND acting AND cycle = 1 ORDER BY layer, filter",
        arm);
    char *expected = rows_of("small.db", sql);
    /* the other arm's name for the same state */
    snprintf(arguments, sizeof arguments, "score %s/1@2 --db small.db --format csv --only --ranker %s", i ? "taylor" : "loss", ranker);
    outcome *out = expect_exit(0, arguments);
    /* both without the columns of ranker and options */
    char *cut = malloc(sizeof out->output);
    assert_non_null(cut);
    size_t length = 0;
    for (const char *line = strchr(out->output, '\n') + 1; *line; line = strchr(line, '\n') + 1) {
      const char *cells = strstr(line, "conv");
      size_t n = (size_t)(strchr(line, '\n') + 1 - cells);
      memcpy(cut + length, cells, n);
      length += n;
    }
    cut[length] = '\0';
    assert_string_equal(cut, expected);
    free(cut);
    sqlite3_free(expected);
  }
}

/* Before the drop all filters are there, after it four are gone, and the next drop takes four more. */
static void before_and_after_the_events_of_an_epoch_are_two_states(void **unused) {
  (void)unused;
  expect_text(expect_exit(0, "score taylor/1@2 --db small.db --only --ranker l2"), "state taylor/1@2 of small");
  expect_text(expect_exit(0, "score small:taylor/1@2 --db small.db --only --ranker l2"), "state taylor/1@2 of small");
  expect_text(expect_exit(0, "score taylor/1@2 --db small.db --only --ranker l2"),
              "16 active filters; at p 30, at most 50 % of a layer a drop takes 4");
  expect_text(expect_exit(0, "score taylor/1@2+ --db small.db --only --ranker l2 --p 12.5"), "state taylor/1@2+ of small");
  expect_text(expect_exit(0, "score taylor/1@2+ --db small.db --only --ranker l2 --p 12.5"),
              "12 active filters; at p 12.5, at most 50 % of a layer a drop takes 2");
  /* no event comes after the last epoch */
  expect_text(expect_exit(0, "score taylor/1@7+ --db small.db --only --ranker l2"), "state taylor/1@7 of small");
  /* standard training has no drop of its own */
  expect_text(expect_exit(0, "score standard/1@5 --db small.db --only --ranker l2"), "at p 30 a drop takes 4");
}

static void all_built_in_criteria_are_compared_the_trials_own_first(void **unused) {
  (void)unused;
  outcome *out = expect_exit(0, "score loss/1@2 --db small.db");
  rp_error err = {0};
  char **names;
  int n;
  assert_ok(rp_plugin_list(built_file("rankers"), &names, &n, &err), err);
  for (int i = 0; i < n; i++) {
    char line[128];
    snprintf(line, sizeof line, " %s ", names[i]);
    expect_text(out, line);
    free(names[i]);
  }
  free(names);
  expect_text(out, "\n  1 oracle-loss ");
  part(out, "Spearman's ρ above the diagonal");
  part(out, "share of the would-be drops");
}

/* ---- One's own ------------------------------------------------------------------------------- */

/* tests/plugins/misbehaves.c, when it behaves: importance rises with the filter's number, and it drops the first ones of conv1. */
static void a_users_own_criterion_is_compared_with_the_others_and_drawn(void **unused) {
  (void)unused;
  char arguments[PATH_MAX + 256];
  snprintf(arguments, sizeof arguments, "score loss/1@2 --db small.db --ranker %s --plot -o figures",
           built_file("tests/plugins/misbehaves.so"));
  outcome *out = expect_exit(0, arguments);
  expect_text(out, "\n  1 misbehaves ");
  expect_text(out, "\nfigures/small-loss-1@2-misbehaves-ranks.png\n");
  struct stat status;
  assert_int_equal(stat("figures/small-loss-1@2-misbehaves-ranks.png", &status), 0);
  assert_true(status.st_size > 5000);
  /* its column: four of conv1, none of conv2 */
  int active, first;
  assert_int_equal(sscanf(strstr(part(out, "layer active"), "conv1"), "conv1 %d %d", &active, &first), 2);
  assert_int_equal(first, 4);
  assert_int_equal(sscanf(strstr(part(out, "layer active"), "conv2"), "conv2 %d %d", &active, &first), 2);
  assert_int_equal(first, 0);
}

/* What was asked for is in the file's name: neither other criteria, nor another p, nor the state after the events replace a picture. */
static void figures_of_different_questions_on_a_state_are_different_files(void **unused) {
  (void)unused;
  const struct {
    const char *asked, *file;
  } questions[] = {
      {"@2 --only --ranker ortho --ranker l2", "figures/small-loss-1@2-only-ortho+l2-ranks.svg"},
      {"@2 --only --ranker l2 --ranker ortho", "figures/small-loss-1@2-only-l2+ortho-ranks.svg"},
      {"@2 --only --ranker '{name: ortho, variant: authors}' --ranker l2",
       "figures/small-loss-1@2-only-ortho-variant=authors+l2-ranks.svg"},
      {"@2 --only --ranker ortho --ranker l2 --p 12.5", "figures/small-loss-1@2-only-ortho+l2-p12.5-ranks.svg"},
      {"@2+ --only --ranker ortho --ranker l2", "figures/small-loss-1@2+-only-ortho+l2-ranks.svg"},
  };
  for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
    char arguments[256], line[128];
    snprintf(arguments, sizeof arguments, "score loss/1%s --db small.db --plot=svg -o figures", questions[i].asked);
    snprintf(line, sizeof line, "\n%s\n", questions[i].file);
    expect_text(expect_exit(0, arguments), line);
    assert_int_equal(access(questions[i].file, R_OK), 0);
  }
}

/* A variant is no other criterion's namesake, even where it stands alone. */
static void a_criterion_is_named_with_the_options_that_are_not_its_defaults(void **unused) {
  (void)unused;
  outcome *out = expect_exit(0, "score loss/1@2 --db small.db --only --ranker '{name: ortho, variant: authors}'");
  expect_text(out, "  1 ortho variant=authors ");
  out = expect_exit(0, "score loss/1@2 --db small.db --only --ranker '{name: ortho, variant: paper}'");
  expect_text(out, "  1 ortho ");
  assert_null(strstr(out->output, "variant"));
}

static void variants_of_one_ranker_stand_side_by_side_under_their_options(void **unused) {
  (void)unused;
  outcome *out =
      expect_exit(0, "score loss/1@2 --db small.db --only --ranker ortho --ranker '{name: ortho, variant: authors}' --ranker l2");
  expect_text(out, "  1 ortho ");
  expect_text(out, "  2 ortho variant=authors ");
  expect_text(out, "  3 l2 ");
}

static void a_criterion_that_crashes_costs_its_own_scores_and_the_exit_status(void **unused) {
  (void)unused;
  char arguments[PATH_MAX + 256];
  snprintf(arguments, sizeof arguments,
           "score loss/1@2 --db small.db --only --ranker taylor --ranker '{name: %s, deed: crashes}' --ranker l2",
           built_file("tests/plugins/misbehaves.so"));
  outcome *out = expect_exit(1, arguments);
  expect_text(out, "  1 taylor ");
  expect_text(out, "no scores: ranker misbehaves: score crashed: Segmentation fault");
  expect_text(out, "  2 l2 ");
  snprintf(arguments, sizeof arguments, "score loss/1@2 --db small.db --ranker '{name: %s, deed: returns-nan}'",
           built_file("tests/plugins/misbehaves.so"));
  expect_text(expect_exit(1, arguments), "its importance is NaN");
}

/* ---- Errors ---------------------------------------------------------------------------------- */

static void what_cannot_be_scored_is_told_with_what_can(void **unused) {
  (void)unused;
  static const char *const cases[][2] = {
      {"score loss/1 --db small.db", "a state is written TRIAL@EPOCH"},
      {"score loss/1@two --db small.db", "a state is written TRIAL@EPOCH"},
      {"score loss/1@2- --db small.db", "'2-' is no epoch"},
      {"score gain/1@2 --db small.db", "no trial 'gain/1'; `repr status` lists them"},
      {"score loss/1@8 --db small.db", "the trial has 7 epochs, 0 (as initialised) to 7"},
      /* kept: around the events after 2, 3, 5 and 6, and every fifth */
      {"score loss/1@1 --db small.db",
       "the state after epoch 1 is not stored: a run keeps those around events and of every fifth epoch; of this "
       "trial there are 0, 2, 2+, 3, 3+, 5, 5+, 6, 6+, 7"},
      {"score loss/1@2 --db small.db --ranker tailor", "did you mean taylor?"},
      {"score loss/1@2 --db small.db --ranker '{name: l2, divide: x}'", "option divide"},
      {"score loss/1@2 --db small.db --ranker '[l2]'", "a name, a file or {name: …, option: …} is expected"},
      {"score loss/1@2 --db small.db --only", "--only leaves nothing to score"},
      {"score loss/1@2 --db small.db --p 130", "--p 130: a percentage (0 to 100) is expected"},
      {"score loss/1@2 --db small.db --p 90", "use a smaller p or looser limits"},
      {"score loss/1@2 --db small.db --format xml", "text, csv or json is expected"},
      {"score --db small.db", "a state is missing"},
      {"score loss/1@2 --db none.db", "no such database"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) expect_text(expect_exit(2, cases[i][0]), cases[i][1]);
}

static void a_trial_that_has_not_come_so_far_says_how_far_it_is(void **unused) {
  (void)unused;
  static outcome out;
  pid_t pid = start_repr("run small.yaml --jobs 1 --db part.db --set train.epochs=40");
  wait_until(pid, "part.db", "SELECT count(*) FROM states WHERE epoch >= 1", 1);
  kill(pid, SIGKILL);
  finish(pid, &out);
  expect_text(expect_exit(2, "score loss/1@39 --db part.db"), "of 40 so far");
}

static void a_checkpoint_that_is_damaged_is_told(void **unused) {
  (void)unused;
  assert_int_equal(
      system("cp small.db damaged.db && cp -r small.states damaged.states && for f in damaged.states/*.state; do echo x > $f; done"), 0);
  expect_text(expect_exit(1, "score loss/1@2 --db damaged.db --only --ranker l2"), "damaged.states/");
}

/* The database, and the folder beside it. */
static void nothing_is_written(void **unused) {
  (void)unused;
  assert_int_equal(system("cat small.db small.states/* | cksum > before && ls -l small.states >> before"), 0);
  expect_exit(0, "score taylor/1@5 --db small.db");
  assert_int_equal(system("cat small.db small.states/* | cksum > after && ls -l small.states >> after && cmp before after"), 0);
}

static void help_reads_like_a_manual_page(void **unused) {
  (void)unused;
  outcome *out = expect_exit(0, "score --help");
  expect_text(out, "TRIAL@EPOCH[+]");
  expect_text(out, "repr score ranker=ortho/1@20 --ranker ./mine.so --plot");
  expect_text(expect_exit(0, "--help"), "score");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_stored_state_gets_the_scores_and_drops_that_the_run_recorded),
      cmocka_unit_test(before_and_after_the_events_of_an_epoch_are_two_states),
      cmocka_unit_test(all_built_in_criteria_are_compared_the_trials_own_first),
      cmocka_unit_test(a_users_own_criterion_is_compared_with_the_others_and_drawn),
      cmocka_unit_test(figures_of_different_questions_on_a_state_are_different_files),
      cmocka_unit_test(a_criterion_is_named_with_the_options_that_are_not_its_defaults),
      cmocka_unit_test(variants_of_one_ranker_stand_side_by_side_under_their_options),
      cmocka_unit_test(a_criterion_that_crashes_costs_its_own_scores_and_the_exit_status),
      cmocka_unit_test(what_cannot_be_scored_is_told_with_what_can),
      cmocka_unit_test(a_trial_that_has_not_come_so_far_says_how_far_it_is),
      cmocka_unit_test(a_checkpoint_that_is_damaged_is_told),
      cmocka_unit_test(nothing_is_written),
      cmocka_unit_test(help_reads_like_a_manual_page),
  };
  return cmocka_run_group_tests_name("score command", tests, make_run, leave_work_folder);
}
