/* test_shadow.c: criteria that score at drops without acting: what they say is what arms with those rankers do; they change nothing else,
 * and nothing that they do fails a trial. */
#include "core/base/files.h"
#include "tests/program.h"

#define SMALL                                                                                                                              \
  "model: {name: c3, depth: 2, filters: 8}\n"                                                                                              \
  "data: {name: shapes, train: 320, validation: 100, test: 100}\n"                                                                         \
  "train: {epochs: 5, batch: 32, optimizer: {name: momentum, lr: 0.02}}\n"                                                                 \
  "scheme: {name: repr, s1: 1, s2: 1, n: 2, p: 30, limits: {skip: [], drop_at_most: 50}}\n"

/* Six criteria that act, and no shadow: what the others are held against. Scores of oracle-accuracy are counts of few images: many are
 * equal, and draws decide. */
static const char ARMS[] = "name: arms\n" SMALL "seeds: [1, 2]\n"
                           "arms:\n"
                           "  l2: {scheme.ranker: l2}\n"
                           "  taylor: {scheme.ranker: taylor}\n"
                           "  random: {scheme.ranker: random}\n"
                           "  oracle: {scheme.ranker: oracle-loss}\n"
                           "  accuracy: {scheme.ranker: oracle-accuracy}\n"
                           "  authors: {scheme.ranker: {name: ortho, variant: authors}}\n";

/* One of them with the others, and itself, as shadows. */
#define ONE_ARM "name: one\n" SMALL "seeds: [1, 2]\narms: {l2: {scheme.ranker: l2}}\n"
#define SHADOWS "shadow: [taylor, l2, random, oracle-loss, oracle-accuracy, {name: ortho, variant: authors}]\n"

static const char STATES[] = "SELECT id, digest, train_loss, test_loss FROM states ORDER BY 1";
static const char SHADOW_ROWS[] =
    "SELECT trial, cycle, ranker, options, layer, filter, score, rank, dropped FROM v_filters WHERE acting = 0 ORDER BY 1, 2, 3, 4, 5, 6";

static int make_references(void **state) {
  if (enter_work_folder(state) != 0) return -1;
  write_text("arms.yaml", ARMS);
  write_text("alone.yaml", ONE_ARM);
  write_text("one.yaml", ONE_ARM SHADOWS);
  expect_exit(0, "run arms.yaml --jobs 2 --db arms.db");
  expect_exit(0, "run alone.yaml --jobs 1 --db alone.db");
  expect_exit(0, "run one.yaml --jobs 2 --db one.db");
  return 0;
}

static int count(const char *database, const char *sql) {
  char *rows = rows_of(database, sql);
  int n = atoi(rows);
  sqlite3_free(rows);
  return n;
}

/* Of equal scores at a drop one went and another stayed: without a draw, or with another one, other rows would have come out. */
static void assert_tied(const char *database, const char *ranker, int cycle) {
  char sql[512];
  snprintf(sql, sizeof sql,
           "SELECT count(*) FROM v_filters f JOIN v_filters g USING (trial, cycle, ranker, score) WHERE ranker = '%s' AND cycle = %d AND "
           "f.dropped AND NOT g.dropped AND g.rank > 0",
           ranker, cycle);
  assert_true(count(database, sql) > 0);
}

/* A list of shadows with tests/plugins/misbehaves.so in one variant for each deed. */
static void write_misbehaving(const char *path, const char *name, const char *const *deeds, int n) {
  char text[8192];
  int length = snprintf(text, sizeof text, "name: %s\n%sseeds: [1]\narms: {l2: {scheme.ranker: l2}}\nshadow:\n  - taylor\n  - random\n",
                        name, SMALL);
  for (int i = 0; i < n; i++)
    length += snprintf(text + length, sizeof text - (size_t)length, "  - {name: %s, deed: %s}\n", built_file("tests/plugins/misbehaves.so"),
                       deeds[i]);
  write_text(path, text);
}

/* ---- What they say --------------------------------------------------------------------------- */

/* Before the first drop all arms stand at the same state. */
static void rule_28_a_shadow_says_what_an_arm_with_that_ranker_does(void **unused) {
  (void)unused;
  char *acting = rows_of("arms.db", "SELECT seed, ranker, options, layer, filter, score, rank, dropped FROM v_filters WHERE cycle = 1 AND "
                                    "ranker <> 'l2' ORDER BY 1, 2, 3, 4, 5");
  assert_rows("one.db",
              "SELECT seed, ranker, options, layer, filter, score, rank, dropped FROM v_filters WHERE cycle = 1 AND acting = 0 ORDER BY 1, "
              "2, 3, 4, 5",
              acting);
  sqlite3_free(acting);
  assert_tied("one.db", "oracle-accuracy", 1);
  /* the acting ranker is no shadow of its own; 16 filters, floor(30 % of 16) = 4 of them, at two drops of two seeds */
  assert_rows("one.db", "SELECT ranker, acting, count(*), sum(dropped) FROM v_filters GROUP BY 1, 2 ORDER BY 2, 1",
              "oracle-accuracy 0 64 16\noracle-loss 0 64 16\northo 0 64 16\nrandom 0 64 16\ntaylor 0 64 16\nl2 1 64 16\n");
}

static void rule_27_shadows_change_no_id_and_no_bit(void **unused) {
  (void)unused;
  assert_same_rows("alone.db", "one.db", STATES);
  assert_same_rows("alone.db", "one.db", "SELECT id FROM trials ORDER BY 1");
  assert_same_rows("alone.db", "one.db",
                   "SELECT trial, cycle, layer, filter, score, rank, dropped FROM v_filters WHERE acting ORDER BY 1, 2, 3, 4");
}

static void shadows_that_are_added_later_are_scored_without_training(void **unused) {
  (void)unused;
  expect_exit(0, "run alone.yaml --jobs 1 --db later.db");
  assert_int_equal(count("later.db", "SELECT count(*) FROM v_filters WHERE acting = 0"), 0);
  outcome *out = expect_exit(0, "run one.yaml --jobs 1 --db later.db");
  expect_text(out, " 0 states computed");
  expect_text(out, "shadow rankers: 20 answers, 20 of them computed");
  assert_same_rows("one.db", "later.db", SHADOW_ROWS);
  expect_text(expect_exit(0, "run one.yaml --jobs 1 --db later.db"), "shadow rankers: 20 answers, 0 of them computed");
}

static void a_state_whose_checkpoint_is_gone_is_computed_again_for_its_shadows(void **unused) {
  (void)unused;
  expect_exit(0, "run alone.yaml --jobs 1 --db gone.db");
  assert_int_equal(system("rm gone.states/*.state"), 0);
  expect_text(expect_exit(0, "run one.yaml --jobs 1 --db gone.db"), " 0 states computed");
  assert_same_rows("one.db", "gone.db", SHADOW_ROWS);
  /* and is there again: two seeds, two drops */
  assert_int_equal(system("test $(ls gone.states/*.state | wc -l) -eq 4"), 0);
}

/* Whole, but other bits: found by the digest. */
static void a_damaged_checkpoint_is_noticed_by_shadows(void **unused) {
  (void)unused;
  expect_exit(0, "run alone.yaml --jobs 1 --db damaged.db");
  assert_int_equal(system("cd damaged.states && set -- *.state && for f in *.state; do [ $f = $1 ] || cp $1 $f; done"), 0);
  expect_exit(0, "run one.yaml --jobs 1 --db damaged.db");
  assert_same_rows("one.db", "damaged.db", SHADOW_ROWS);
}

static void trials_that_share_nothing_have_the_same_shadows(void **unused) {
  (void)unused;
  expect_exit(0, "run one.yaml --jobs 2 --no-share --db unshared.db");
  assert_same_rows("one.db", "unshared.db", SHADOW_ROWS);
}

/* Two drops of two seeds, each of four filters; the overlap is worked out from the rows that users see. */
static void the_report_and_a_figure_say_how_far_shadows_agree(void **unused) {
  (void)unused;
  char row[160];
  int n_both = count("one.db", "SELECT count(*) FROM v_filters a JOIN v_filters s USING (trial, cycle, layer, filter) WHERE a.acting AND "
                               "a.dropped AND s.ranker = 'taylor' AND s.dropped");
  outcome *out = expect_exit(0, "report one --format md --db one.db");
  expect_text(out, "### Criteria on the same weights\n\n4 drops of 2 trials\n");
  const char *taylor = strstr(out->output, "| taylor | 4 | 2 | ");
  assert_non_null(taylor);
  snprintf(row, sizeof row, " | %.0f %% | ", 100.0 * n_both / 16);
  const char *found = strstr(taylor, row);
  assert_true(found && found < strchr(taylor, '\n'));
  expect_text(expect_exit(0, "plot one --db one.db -o figures --format svg"), "figures/one-agreement.svg");
  expect_text(expect_exit(2, "plot one --figure agreement --db alone.db -o figures"), "`shadow: [all]`");
}

/* ---- Once for all ---------------------------------------------------------------------------- */

static void rule_28_equal_shadows_of_two_experiments_are_scored_once_and_seen_by_their_own(void **unused) {
  (void)unused;
  write_text("mine.yaml", ONE_ARM "shadow: [taylor, random]\n");
  write_text("yours.yaml", ONE_ARM "shadow: [taylor, {name: ortho, variant: authors}]\n");
  expect_text(expect_exit(0, "run mine.yaml --set name=mine --jobs 1 --db both.db"), "8 answers, 8 of them computed");
  expect_text(expect_exit(0, "run yours.yaml --set name=yours --jobs 1 --db both.db"), "8 answers, 4 of them computed");
  assert_rows("both.db", "SELECT DISTINCT experiment, ranker FROM v_filters WHERE acting = 0 ORDER BY 1, 2",
              "mine random\nmine taylor\nyours ortho\nyours taylor\n");
}

/* One state, three drops of different p: each criterion looks once. What is ranked anew from known scores is what a pass would have given.
 */
static void rule_28_scores_serve_drops_of_any_p(void **unused) {
  (void)unused;
  write_text("sweep.yaml",
             "name: sweep\n" SMALL "sweep: {scheme.p: [10, 20, 40]}\nshadow: [taylor, oracle-loss, oracle-accuracy, random]\n");
  write_text("forty.yaml", "name: forty\n" SMALL "sweep: {scheme.p: [40]}\nshadow: [taylor, oracle-loss, oracle-accuracy, random]\n");
  outcome *out = expect_exit(0, "run sweep.yaml --jobs 2 --db sweep.db --set scheme.n=1 --set train.epochs=3");
  expect_text(out, "12 answers, 4 of them computed");
  expect_exit(0, "run forty.yaml --jobs 1 --db forty.db --set scheme.n=1 --set train.epochs=3");
  assert_rows(
      "sweep.db",
      "SELECT t.p, f.ranker, sum(f.dropped) FROM v_filters f JOIN v_trials t USING (trial) WHERE acting = 0 GROUP BY 1, 2 ORDER BY 1, 2",
      "10.0 oracle-accuracy 1\n10.0 oracle-loss 1\n10.0 random 1\n10.0 taylor 1\n"
      "20.0 oracle-accuracy 3\n20.0 oracle-loss 3\n20.0 random 3\n20.0 taylor 3\n"
      "40.0 oracle-accuracy 6\n40.0 oracle-loss 6\n40.0 random 6\n40.0 taylor 6\n");
  char *forty = rows_of("forty.db", SHADOW_ROWS);
  assert_rows(
      "sweep.db",
      "SELECT trial, cycle, ranker, options, layer, filter, score, rank, dropped FROM v_filters WHERE acting = 0 AND trial IN (SELECT "
      "trial FROM v_trials WHERE p = 40) ORDER BY 1, 2, 3, 4, 5, 6",
      forty);
  sqlite3_free(forty);
  assert_tied("sweep.db", "oracle-accuracy", 1);
  /* four criteria and the acting one, of one state */
  assert_rows("sweep.db", "SELECT count(DISTINCT state), count(DISTINCT criterion), count(*) FROM scores", "1 5 80\n");
  expect_text(expect_exit(0, "run sweep.yaml --jobs 1 --db once.db --set scheme.n=1 --set train.epochs=3"),
              "12 answers, 4 of them computed");
}

/* With the gate off, filters marked by the first drop are scored at the second, but are no candidates. */
static void rule_25_marked_filters_are_no_candidates_of_a_shadow(void **unused) {
  (void)unused;
  write_text("marked.scheme.yaml", "parameters: {second: 20, ranker: ortho}\n"
                                   "program:\n"
                                   "  - train: 1\n"
                                   "  - drop: {ranker: $ranker, p: 20, gate: off}\n"
                                   "  - train: 1\n"
                                   "  - drop: {ranker: $ranker, p: $second, gate: off}\n"
                                   "  - train: 1\n"
                                   "  - regrow: {mode: orthogonal}\n"
                                   "  - train: rest\n");
  write_text("marked.yaml", "name: marked\nmodel: {name: c3, depth: 2, filters: 8}\n"
                            "data: {name: shapes, train: 320, validation: 100, test: 100}\ntrain: {epochs: 4, batch: 32}\n"
                            "scheme: {name: ./marked.scheme.yaml}\nshadow: [l2, taylor, oracle-accuracy]\n");
  expect_exit(0, "run marked.yaml --jobs 1 --db marked.db --set scheme.second=40");
  /* 16 filters: 3 marked at the first drop; of the other 13, 6 more at the second */
  assert_rows("marked.db",
              "SELECT cycle, ranker, count(*), count(rank), sum(dropped), min(rank), max(rank) FROM v_filters GROUP BY 1, 2 ORDER BY 1, 2",
              "1 l2 16 16 3 1 16\n1 oracle-accuracy 16 16 3 1 16\n1 ortho 16 16 3 1 16\n1 taylor 16 16 3 1 16\n"
              "2 l2 16 13 6 1 13\n2 oracle-accuracy 16 13 6 1 13\n2 ortho 16 13 6 1 13\n2 taylor 16 13 6 1 13\n");
  /* from the scores of another p */
  expect_exit(0, "run marked.yaml --jobs 1 --db known.db --set scheme.second=20");
  expect_text(expect_exit(0, "run marked.yaml --jobs 1 --db known.db --set scheme.second=40"), "6 answers, 0 of them computed");
  assert_same_rows("marked.db", "known.db", SHADOW_ROWS);
  assert_tied("marked.db", "oracle-accuracy", 2);
}

/* ---- What goes wrong ------------------------------------------------------------------------- */

static void a_run_killed_while_shadows_are_scored_goes_on_to_the_same_rows(void **unused) {
  (void)unused;
  static outcome out;
  for (int least = 0; least <= 4; least += 4) {
    char arguments[96], database[32];
    snprintf(database, sizeof database, "killed-%d.db", least);
    snprintf(arguments, sizeof arguments, "run alone.yaml --jobs 1 --db %s", database);
    expect_exit(0, arguments);
    snprintf(arguments, sizeof arguments, "run one.yaml --jobs 1 --db %s", database);
    pid_t pid = start_repr(arguments);
    wait_until(pid, database, least ? "SELECT count(*) FROM shadows" : "SELECT count(*) FROM plan_shadows", least ? least : 1);
    kill(pid, SIGKILL);
    finish(pid, &out);
    assert_int_equal(out.exit_status, -SIGKILL);
    assert_true(count(database, "SELECT count(*) FROM shadows") < 20);
    expect_exit(0, arguments);
    assert_same_rows("one.db", database, SHADOW_ROWS);
  }
}

/* In one pass with each other and with two that behave; two of them end the process. */
static void a_shadow_that_misbehaves_leaves_the_trial_done_and_the_others_scored(void **unused) {
  (void)unused;
  static const char *const DEEDS[] = {"returns-nan", "crashes",          "fails-with-a-message", "fails-to-create",
                                      "crashes",     "chooses-too-many", "fails-to-observe",     "behaves"};
  write_misbehaving("bad.yaml", "bad", DEEDS, 8);
  outcome *out = expect_exit(0, "run bad.yaml --jobs 1 --db bad.db");
  /* at two drops: taylor, random, behaves; `crashes` is listed twice and is one */
  expect_text(out, "shadow rankers: 6 answers, 6 of them computed");
  expect_text(out, "; 12 failed");
  expect_text(out, "shadow of l2/1 at epoch 1: ranker misbehaves: score crashed: Segmentation fault");
  assert_rows("bad.db", "SELECT status FROM v_trials", "done\n");
  assert_rows(
      "bad.db",
      "SELECT json_extract(options, '$.options.deed'), outcome, count(*), substr(max(message), 1, 60) FROM shadow_results WHERE ranker "
      "= 'misbehaves' GROUP BY 1, 2 ORDER BY 1",
      "behaves scored 2 NULL\n"
      "chooses-too-many failed 2 ranker misbehaves chose 5 filters, but exactly 4 are to be d\n"
      "crashes failed 2 ranker misbehaves: score crashed: Segmentation fault; `repr \n"
      "fails-to-create failed 2 ranker misbehaves: nothing could be created\n"
      "fails-to-observe failed 2 ranker misbehaves: nothing to be seen\n"
      "fails-with-a-message failed 2 ranker misbehaves: the moon is full\n"
      "returns-nan failed 2 ranker misbehaves: layer conv2, filter 7: its importance is \n");
  char *others = rows_of("one.db", "SELECT cycle, ranker, layer, filter, score, rank, dropped FROM v_filters WHERE ranker IN ('taylor', "
                                   "'random') AND seed = 1 ORDER BY 1, 2, 3, 4");
  assert_rows(
      "bad.db",
      "SELECT cycle, ranker, layer, filter, score, rank, dropped FROM v_filters WHERE ranker IN ('taylor', 'random') ORDER BY 1, 2, "
      "3, 4",
      others);
  sqlite3_free(others);
  /* it chooses the set itself: from the first filter on, half of conv1 at most (drop_at_most) */
  assert_rows("bad.db", "SELECT DISTINCT layer, filter FROM v_filters WHERE ranker = 'misbehaves' AND dropped AND cycle = 1 ORDER BY 1, 2",
              "conv1 0\nconv1 1\nconv1 2\nconv1 3\n");

  out = expect_exit(0, "status --db bad.db");
  expect_text(out, "misbehaves {\"deed\":\"crashes\"}");
  expect_text(out, "at 2 drops: ranker misbehaves: score crashed: Segmentation fault");
  expect_text(expect_exit(0, "report bad --db bad.db"), "12 answers of shadow rankers failed and are left out; `repr status` tells why");
  expect_text(expect_exit(0, "show l2/1 --db bad.db"),
              "ranker misbehaves: layer conv2, filter 7: its importance is NaN (or was never set)");
  /* a cause that stays is not tried again, unless that is asked for */
  out = expect_exit(0, "run bad.yaml --jobs 1 --db bad.db");
  expect_text(out, "6 answers, 0 of them computed in 0.0 s; 12 failed");
  out = expect_exit(0, "run bad.yaml --jobs 1 --db bad.db --retry");
  expect_text(out, "shadow of l2/1 at epoch 1: ranker misbehaves: score crashed: Segmentation fault");
  expect_text(out, "6 answers, 0 of them computed");
}

/* One is named by its worker's last words; one ends it without any, and is found when each of the others is asked alone. */
static void a_shadow_that_hangs_or_ends_the_process_silently_is_found(void **unused) {
  (void)unused;
  static const char *const DEEDS[] = {"hangs-in-score", "exits-at-once", "behaves"};
  write_misbehaving("ends.yaml", "ends", DEEDS, 3);
  outcome *out = expect_exit(0, "run ends.yaml --jobs 1 --db ends.db --set ranker_timeout=1 --set scheme.n=1 --set train.epochs=3");
  expect_text(out, "shadow rankers: 3 answers, 3 of them computed");
  expect_text(out, "; 2 failed");
  assert_rows("ends.db",
              "SELECT json_extract(options, '$.options.deed'), outcome, substr(message, 1, 45) FROM shadow_results WHERE ranker = "
              "'misbehaves' ORDER BY 1",
              "behaves scored NULL\n"
              "exits-at-once failed ranker misbehaves ended the worker process: i\n"
              "hangs-in-score failed ranker misbehaves: score did not come back wi\n");
}

/* One state that three trials drop from, with another ranker or p. */
static void a_failure_is_known_to_all_drops_of_a_state(void **unused) {
  (void)unused;
  char text[PATH_MAX + 1024];
  snprintf(text, sizeof text,
           "name: known\n" SMALL "arms: {a: {scheme.ranker: l2}, b: {scheme.ranker: random}, c: {scheme.ranker: l2, scheme.p: 40}}\n"
           "shadow: [%s]\n",
           built_file("tests/plugins/does_not_apply.so"));
  write_text("known.yaml", text);
  outcome *out = expect_exit(0, "run known.yaml --jobs 1 --db failed.db --set scheme.n=1 --set train.epochs=3");
  expect_text(out, "; 3 failed");
  const char *first = strstr(out->output, "nothing to look at");
  assert_non_null(first);
  assert_null(strstr(first + 1, "nothing to look at"));
}

/* Its learning rate rises beyond all bounds after the first drop. No trial is left that trains. */
static void a_trial_that_failed_has_its_shadows_as_far_as_it_came(void **unused) {
  (void)unused;
  static const char diverging[] = "name: diverging\nmodel: {name: c3, depth: 2, filters: 8}\n"
                                  "data: {name: shapes, train: 320, validation: 100, test: 100}\n"
                                  "train: {epochs: 5, batch: 32, schedule: {name: cyclical, low: 0.01, high: 1e6, half_period: 1}}\n"
                                  "scheme: {name: repr, s1: 1, s2: 1, n: 2, p: 30}\narms: {l2: {scheme.ranker: l2}}\n";
  char shadowed[1024];
  snprintf(shadowed, sizeof shadowed, "%sshadow: [taylor, oracle-loss]\n", diverging);
  write_text("diverging.yaml", diverging);
  write_text("shadowed.yaml", shadowed);
  expect_text(expect_exit(1, "run shadowed.yaml --jobs 1 --db at-once.db"), "2 answers, 2 of them computed");
  expect_exit(1, "run diverging.yaml --jobs 1 --db failed-before.db");
  outcome *out = expect_exit(1, "run shadowed.yaml --jobs 1 --db failed-before.db");
  expect_text(out, "1 failed; 0 states computed");
  expect_text(out, "2 answers, 2 of them computed");
  expect_text(out, "1 of them in an earlier run");
  assert_same_rows("at-once.db", "failed-before.db", SHADOW_ROWS);
  expect_text(expect_exit(1, "run shadowed.yaml --jobs 1 --db failed-before.db"), "2 answers, 0 of them computed");
  assert_same_rows("at-once.db", "failed-before.db",
                   "SELECT status, epochs_done FROM v_trials WHERE status = 'failed' AND epochs_done < 3");
}

static void copy_to(const char *built, const char *copy) {
  RP_CLEANUP(rp_unmap_file) rp_mapped_file file = {0};
  rp_error err = {0};
  assert_ok(rp_map_file(built_file(built), &file, &err), err);
  assert_ok(rp_write_file(copy, file.bytes, file.size, &err), err);
}

static void what_does_not_apply_is_a_failure_only_where_it_is_listed_by_name(void **unused) {
  (void)unused;
  assert_int_equal(mkdir("few", 0755), 0);
  copy_to("rankers/l2.so", "few/l2.so");
  copy_to("rankers/taylor.so", "few/taylor.so");
  copy_to("tests/plugins/does_not_apply.so", "few/does-not-apply.so");
  assert_int_equal(setenv("REPR_RANKERS", "few", 1), 0);
  write_text("all.yaml", ONE_ARM "shadow: [all]\n");
  write_text("listed.yaml", ONE_ARM "shadow: [all, does-not-apply]\n");
  outcome *out = expect_exit(0, "run all.yaml --jobs 1 --db all.db");
  expect_text(out, "shadow rankers: 4 answers, 4 of them computed");
  expect_text(out, "; 0 failed");
  assert_null(strstr(out->output, "nothing to look at"));
  assert_rows("all.db", "SELECT ranker, outcome, count(*) FROM shadow_results GROUP BY 1, 2",
              "does-not-apply not applicable 4\ntaylor scored 4\n");
  expect_text(expect_exit(0, "status --db all.db"), "does not apply: ranker does-not-apply: this net has nothing to look at");
  expect_text(expect_exit(0, "run listed.yaml --jobs 1 --db all.db"), "; 4 failed");
  assert_int_equal(unsetenv("REPR_RANKERS"), 0);
}

/* The user's own ranker acts in one arm, and is scored in the other; each arm's own is no shadow of it. */
static void all_takes_in_what_the_user_lets_act(void **unused) {
  (void)unused;
  char text[PATH_MAX + 1024];
  assert_int_equal(mkdir("one", 0755), 0);
  copy_to("rankers/l2.so", "one/l2.so");
  assert_int_equal(setenv("REPR_RANKERS", "one", 1), 0);
  snprintf(text, sizeof text, "name: own\n%sarms: {a: {scheme.ranker: l2}, b: {scheme.ranker: %s}}\nshadow: [all]\n", SMALL,
           built_file("tests/plugins/all_options.so"));
  write_text("own.yaml", text);
  expect_exit(0, "run own.yaml --jobs 1 --db own.db --set scheme.n=1 --set train.epochs=3");
  assert_rows("own.db", "SELECT arm, ranker, acting, count(*), sum(dropped) FROM v_filters GROUP BY 1, 2, 3 ORDER BY 1, 3, 2",
              "a all-options 0 16 4\na l2 1 16 4\nb l2 0 16 4\nb all-options 1 16 4\n");
  assert_int_equal(unsetenv("REPR_RANKERS"), 0);
}

static void a_shadow_that_cannot_be_is_refused_before_anything_is_written(void **unused) {
  (void)unused;
  write_text("unknown.yaml", ONE_ARM "shadow: [tailor]\n");
  expect_text(expect_exit(2, "run unknown.yaml --db unknown.db"), "did you mean taylor?");
  assert_int_equal(access("unknown.db", F_OK), -1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rule_28_a_shadow_says_what_an_arm_with_that_ranker_does),
      cmocka_unit_test(rule_27_shadows_change_no_id_and_no_bit),
      cmocka_unit_test(the_report_and_a_figure_say_how_far_shadows_agree),
      cmocka_unit_test(shadows_that_are_added_later_are_scored_without_training),
      cmocka_unit_test(a_state_whose_checkpoint_is_gone_is_computed_again_for_its_shadows),
      cmocka_unit_test(a_damaged_checkpoint_is_noticed_by_shadows),
      cmocka_unit_test(trials_that_share_nothing_have_the_same_shadows),
      cmocka_unit_test(rule_28_equal_shadows_of_two_experiments_are_scored_once_and_seen_by_their_own),
      cmocka_unit_test(rule_28_scores_serve_drops_of_any_p),
      cmocka_unit_test(rule_25_marked_filters_are_no_candidates_of_a_shadow),
      cmocka_unit_test(a_run_killed_while_shadows_are_scored_goes_on_to_the_same_rows),
      cmocka_unit_test(a_shadow_that_misbehaves_leaves_the_trial_done_and_the_others_scored),
      cmocka_unit_test(a_shadow_that_hangs_or_ends_the_process_silently_is_found),
      cmocka_unit_test(a_failure_is_known_to_all_drops_of_a_state),
      cmocka_unit_test(a_trial_that_failed_has_its_shadows_as_far_as_it_came),
      cmocka_unit_test(what_does_not_apply_is_a_failure_only_where_it_is_listed_by_name),
      cmocka_unit_test(all_takes_in_what_the_user_lets_act),
      cmocka_unit_test(a_shadow_that_cannot_be_is_refused_before_anything_is_written),
  };
  return cmocka_run_group_tests_name("shadow", tests, make_references, leave_work_folder);
}
