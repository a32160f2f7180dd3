/* test_status_command.c: `repr status`, for people and for programs: what is done, what waits, what does not apply, and whose ranker is
 * another one now. */
#include "core/base/files.h"
#include "tests/program.h"

static const char EXPERIMENT[] = "name: mine\n"
                                 "model: {name: c3, depth: 1, filters: 8}\n"
                                 "data: {name: shapes, train: 160, validation: 50, test: 50}\n"
                                 "train: {epochs: 4, batch: 32}\n"
                                 "scheme: {name: repr, s1: 1, s2: 1, n: 1, p: 30}\n"
                                 "seeds: [1, 2]\n"
                                 "sweep: {scheme.ranker: [l2, ./mine.so]}\n";

/* A criterion of the user's own; `tail` bytes behind it make it another file that does the same. */
static void write_own_ranker(size_t tail) {
  RP_CLEANUP(rp_unmap_file) rp_mapped_file file = {0};
  rp_error err = {0};
  assert_ok(rp_map_file(built_file("tests/plugins/all_options.so"), &file, &err), err);
  char *bytes = calloc(file.size + tail, 1);
  assert_non_null(bytes);
  memcpy(bytes, file.bytes, file.size);
  assert_ok(rp_write_file("mine.so", bytes, file.size + tail, &err), err);
  free(bytes);
}

static int make_run(void **state) {
  if (enter_work_folder(state) != 0) return -1;
  write_text("mine.yaml", EXPERIMENT);
  write_own_ranker(0);
  expect_exit(0, "run mine.yaml --jobs 1 --db mine.db");
  return 0;
}

static void assert_absent(const outcome *out, const char *part) {
  if (strstr(out->output, part)) fail_msg("«%s» is in:\n%s", part, out->output);
}

/* The line of an output that has a text in it, ended; valid until the next call. */
static const char *line_with(const outcome *out, const char *text) {
  static char line[1024];
  const char *at = strstr(out->output, text);
  if (!at) fail_msg("«%s» is not in:\n%s", text, out->output);
  while (at > out->output && at[-1] != '\n') at--;
  snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at);
  return line;
}

/* What SQLite's own JSON parser finds at a path, as text. */
static void assert_in_json(const outcome *out, const char *path, const char *expected) {
  sqlite3 *db;
  sqlite3_stmt *statement;
  assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
  assert_int_equal(sqlite3_prepare_v2(db, "SELECT json_valid(?1), coalesce(json_extract(?1, ?2), 'null')", -1, &statement, NULL),
                   SQLITE_OK);
  sqlite3_bind_text(statement, 1, out->output, -1, SQLITE_STATIC);
  sqlite3_bind_text(statement, 2, path, -1, SQLITE_STATIC);
  if (sqlite3_step(statement) != SQLITE_ROW || !sqlite3_column_int(statement, 0)) fail_msg("this is no JSON:\n%s", out->output);
  if (strcmp((const char *)sqlite3_column_text(statement, 1), expected) != 0)
    fail_msg("%s is %s, not %s, in:\n%s", path, sqlite3_column_text(statement, 1), expected, out->output);
  sqlite3_finalize(statement);
  sqlite3_close(db);
}

/* ---- Rankers that have changed --------------------------------------------------------------- */

static void arms_whose_ranker_has_changed_are_stale_until_they_have_run_again(void **unused) {
  (void)unused;
  assert_int_equal(system("cp mine.db changed.db && cp -r mine.states changed.states"), 0);
  outcome *out = expect_exit(0, "status --db changed.db");
  assert_absent(out, "stale");
  assert_absent(out, "changed");
  write_own_ranker(1);
  out = expect_exit(0, "status --db changed.db");
  expect_text(out, "rankers whose file has changed since they answered; `repr run` asks them again");
  assert_non_null(strstr(line_with(out, " in 2 trials: "), "/mine.so"));
  assert_non_null(strstr(line_with(out, "ranker=mine "), " stale "));
  assert_non_null(strstr(line_with(out, "ranker=l2 "), " done "));
  out = expect_exit(0, "status mine --json --db changed.db");
  assert_in_json(out, "$.trials[0].status", "done");
  assert_in_json(out, "$.trials[2].status", "stale");
  assert_in_json(out, "$.stale_rankers[0].trials", "2");
  assert_in_json(out, "$.stale_rankers[1]", "null");
  /* who looks at numbers is told that they are of the earlier file */
  expect_text(expect_exit(0, "report mine --db changed.db"), "the file of ranker all-options has changed: what is shown of its trials");
  expect_text(expect_exit(0, "plot mine -o changed --db changed.db"),
              "the file of ranker all-options has changed: what is shown of its trials");
  expect_text(expect_exit(0, "show ranker=l2/1 --db changed.db"),
              "the file of ranker all-options has changed: what is shown of its trials");
  expect_text(expect_exit(0, "plan mine.yaml --db changed.db"), "the file of ranker all-options has changed");
  expect_text(expect_exit(0, "diff ranker=l2/1 ranker=mine/1 --db changed.db"), "the file of ranker all-options has changed");
  /* as it says: the run asks them again, and they are as they were before */
  assert_absent(expect_exit(0, "run mine.yaml --jobs 1 --db changed.db"), "than before");
  assert_rows("changed.db", "SELECT count(*) FROM requests", "6\n");
  assert_absent(expect_exit(0, "status --db changed.db"), "stale");
  assert_absent(expect_exit(0, "report mine --db changed.db"), "has changed");
  write_own_ranker(0);
}

/* A ranker that drops a layer's first filters, or its last ones. */
static void build_ranker(int sign) {
  char command[2 * PATH_MAX];
  write_text("order.c",
             "#include <rankers/ranker.h>\n"
             "static int score(void *self, const rp_context *c, float *importance, rp_message *m) {\n"
             "  (void)self, (void)m;\n"
             "  for (uint32_t f = 0; f < c->n_filters; f++) importance[f] = SIGN * (float)f;\n"
             "  return RP_RANKER_OK;\n"
             "}\n"
             "RP_RANKER_EXPORT const rp_ranker rp_ranker_plugin = {.abi_major = RP_RANKER_ABI_MAJOR, .abi_minor = RP_RANKER_ABI_MINOR,\n"
             "  .size = sizeof(rp_ranker), .name = \"order\", .version = \"1.0.0\", .doc = \"by number\", .score = score};\n");
  snprintf(command, sizeof command, "gcc -O2 -fPIC -shared -DSIGN=%d -I '%.4000s' order.c -o order.so", sign, built_file(".."));
  assert_int_equal(system(command), 0);
}

/* Whose trial it is does not matter: two experiments have it, and a state for each of both files is there already. */
static void a_run_that_changes_results_says_so(void **unused) {
  (void)unused;
  write_text("ordered.yaml", "extends: mine.yaml\nname: ordered\nseeds: [1]\nsweep: {scheme.ranker: [./order.so]}\n");
  write_text("same.yaml", "extends: ordered.yaml\nname: same\n");
  build_ranker(1);
  assert_absent(expect_exit(0, "run ordered.yaml --jobs 1 --db ordered.db"), "than before");
  assert_absent(expect_exit(0, "run same.yaml --jobs 1 --db ordered.db"), "than before");
  build_ranker(-1);
  expect_text(expect_exit(0, "run same.yaml --jobs 1 --db ordered.db"), "1 trial goes through other states than before");
  build_ranker(1);
  outcome *out = expect_exit(0, "run same.yaml --jobs 1 --db ordered.db");
  expect_text(out, "; 0 states computed");
  expect_text(out, "1 trial goes through other states than before");
  assert_absent(expect_exit(0, "run ordered.yaml --jobs 1 --db ordered.db"), "than before");
}

static void show_lists_the_filters_of_each_drop(void **unused) {
  (void)unused;
  char *filters =
      rows_of("mine.db", "SELECT layer || '  ' || count(*) || '        ' || group_concat(filter, ' ') FROM (SELECT layer, filter "
                         "FROM v_filters WHERE arm = 'ranker=l2' AND seed = 1 AND cycle = 1 AND acting AND dropped ORDER BY "
                         "layer, filter) GROUP BY layer LIMIT 1");
  filters[strcspn(filters, "\n")] = '\0';
  assert_true(strlen(filters) > strlen("conv1  1        "));
  expect_text(expect_exit(0, "show ranker=l2/1 --db mine.db"), filters);
  sqlite3_free(filters);
}

static void a_shadow_whose_file_has_changed_is_named(void **unused) {
  (void)unused;
  write_text("shadowed.yaml",
             "extends: mine.yaml\nname: shadowed\nseeds: [1]\nsweep: {scheme.ranker: [l2, random]}\nshadow: [./mine.so]\n");
  expect_exit(0, "run shadowed.yaml --jobs 1 --db shadowed.db");
  write_own_ranker(1);
  outcome *out = expect_exit(0, "status --db shadowed.db");
  assert_non_null(strstr(line_with(out, " as a shadow: "), "/mine.so"));
  assert_non_null(strstr(line_with(out, "ranker=l2 "), " done "));
  write_own_ranker(0);
}

/* Nobody can tell what it would say; a run that needs it does. */
static void a_ranker_that_is_gone_is_not_called_changed(void **unused) {
  (void)unused;
  assert_int_equal(rename("mine.so", "moved.so"), 0);
  assert_absent(expect_exit(0, "status --db mine.db"), "changed");
  assert_int_equal(rename("moved.so", "mine.so"), 0);
}

/* ---- Shadows --------------------------------------------------------------------------------- */

static void what_waits_and_what_does_not_apply_is_told_in_plain_words(void **unused) {
  (void)unused;
  static outcome killed;
  /* its plan is recorded, nothing is scored: the run is stopped as soon as it has planned */
  expect_exit(0, "run mine.yaml --jobs 1 --db waits.db --set seeds=[1]");
  pid_t pid = start_repr("run mine.yaml --jobs 1 --db waits.db --set seeds=[1] --set 'shadow=[taylor, bn-scale]'");
  wait_until(pid, "waits.db", "SELECT count(*) FROM plan_shadows", 2);
  kill(pid, SIGKILL);
  finish(pid, &killed);
  outcome *out = expect_exit(0, "status --db waits.db");
  assert_non_null(strstr(line_with(out, " taylor "), "pending at 2 drops; the next run asks it"));
  assert_absent(out, "missing");
  assert_absent(out, "{"); /* options, which tell variants apart where there are some */
  expect_text(expect_exit(0, "show ranker=l2/1 --db waits.db"), "pending");
  expect_exit(0, "run mine.yaml --jobs 1 --db waits.db --set seeds=[1] --set 'shadow=[taylor, bn-scale]'");
  out = expect_exit(0, "status --db waits.db");
  assert_absent(out, " taylor ");
  const char *line = line_with(out, " bn-scale ");
  assert_non_null(strstr(line, " does not apply: "));
  assert_null(strstr(line, "drops"));
  out = expect_exit(0, "status --json --db waits.db");
  assert_in_json(out, "$.shadows[0].outcome", "scored");
  assert_in_json(out, "$.shadows[0].ranker", "taylor");
  assert_in_json(out, "$.shadows[0].drops", "2");
  assert_in_json(out, "$.shadows[1].outcome", "not applicable");
  assert_in_json(out, "$.shadows[1].options.score.data", "auto");
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void the_json_has_what_the_views_have(void **unused) {
  (void)unused;
  outcome *out = expect_exit(0, "status --json --db mine.db");
  char *id = rows_of("mine.db", "SELECT trial FROM v_trials LIMIT 1");
  id[strcspn(id, "\n")] = '\0';
  assert_in_json(out, "$.trials[0].trial", id);
  sqlite3_free(id);
  char *accuracy = rows_of("mine.db", "SELECT headline_test_acc FROM v_trials LIMIT 1");
  accuracy[strcspn(accuracy, "\n")] = '\0';
  assert_in_json(out, "$.trials[0].headline_test_acc", accuracy);
  sqlite3_free(accuracy);
  assert_in_json(out, "$.trials[0].arm", "ranker=l2");
  assert_in_json(out, "$.trials[1].seed", "2");
  assert_in_json(out, "$.trials[3].epochs_done", "4");
  assert_in_json(out, "$.trials[0].message", "null");
  assert_in_json(out, "$.trials[4]", "null");
  assert_in_json(out, "$.shadows[0]", "null");
  assert_null(strchr(out->output, '\n')[1] ? out->output : NULL); /* one line */
}

/* With quotes in it. */
static void why_a_trial_failed_is_in_the_json(void **unused) {
  (void)unused;
  char text[PATH_MAX + 1024];
  snprintf(text, sizeof text,
           "extends: mine.yaml\nname: \"a \\\"b\\\"\"\nseeds: [1]\nsweep: {scheme.ranker: [{name: %s, deed: returns-nan}]}\n",
           built_file("tests/plugins/misbehaves.so"));
  write_text("failing.yaml", text);
  expect_exit(1, "run failing.yaml --jobs 1 --db failing.db");
  outcome *out = expect_exit(0, "status --json --db failing.db");
  assert_in_json(out, "$.trials[0].experiment", "a \"b\"");
  assert_in_json(out, "$.trials[0].status", "failed");
  assert_in_json(out, "$.trials[0].cause", "plugin failure");
  assert_in_json(out, "$.trials[0].headline_test_acc", "null");
  expect_text(out, "its importance is NaN");
}

static void help_names_the_keys(void **unused) {
  (void)unused;
  outcome *out = expect_exit(0, "status --help");
  expect_text(out, "--json");
  expect_text(out, "stale_rankers");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(arms_whose_ranker_has_changed_are_stale_until_they_have_run_again),
      cmocka_unit_test(a_run_that_changes_results_says_so),
      cmocka_unit_test(show_lists_the_filters_of_each_drop),
      cmocka_unit_test(a_shadow_whose_file_has_changed_is_named),
      cmocka_unit_test(a_ranker_that_is_gone_is_not_called_changed),
      cmocka_unit_test(what_waits_and_what_does_not_apply_is_told_in_plain_words),
      cmocka_unit_test(the_json_has_what_the_views_have),
      cmocka_unit_test(why_a_trial_failed_is_in_the_json),
      cmocka_unit_test(help_names_the_keys),
  };
  return cmocka_run_group_tests_name("status command", tests, make_run, leave_work_folder);
}
