/* The store's write side: what a run puts it gets back, twice is once, and what cannot be is refused. */
#include "tests/synthetic_store.h"

#include "results/database.h"
#include "results/query.h"

static double flat(int seed, int epoch) {
  return 0.5 + 0.01 * seed + 0.001 * epoch;
}

static rp_store *open_store(const char *path, rp_store_mode mode) {
  rp_store *store = NULL;
  rp_error err = {0};
  assert_ok(rp_store_open(path, mode, &store, &err), err);
  return store;
}

static rp_store *new_store(char **path) {
  rp_error err = {0};
  *path = synthetic_path();
  rp_store *store = open_store(*path, RP_STORE_WRITE);
  assert_ok(rp_store_set_environment(store, &SYNTHETIC_ENVIRONMENT, 0, &err), err);
  return store;
}

static void done_with(rp_store *store, const char *path) {
  rp_store_close(&store);
  synthetic_remove(path);
}

static rp_state_row a_state(const char *name, const char *bits) {
  rp_state_row state = rp_state_row_empty();
  state.id = synthetic_id("%s", name), state.digest = synthetic_id("%s", bits), state.op = "init";
  return state;
}

/* One number from the database, read as a user would. */
static rp_status keep_number(void *user, int n_columns, const char *const *names, const char *const *values, rp_error *err) {
  (void)n_columns, (void)names, (void)err;
  *(double *)user = values[0] ? atof(values[0]) : NAN;
  return RP_OK;
}

static double number(rp_store *store, const char *sql) {
  double value = NAN;
  rp_error err = {0};
  assert_ok(rp_query_rows(store, sql, NULL, keep_number, &value, &err), err);
  return value;
}

static void a_state_is_found_after_the_file_was_closed_and_opened_again(void **unused) {
  (void)unused;
  char *path;
  rp_error err = {0};
  rp_store *store = new_store(&path);
  rp_state_row state = a_state("root", "bits");
  state.epoch = 7, state.cycle = 2, state.checkpoint_bytes = 1234;
  assert_ok(rp_store_put_state(store, &state, &err), err);
  rp_store_close(&store);
  store = open_store(path, RP_STORE_WRITE);
  assert_ok(rp_store_set_environment(store, &SYNTHETIC_ENVIRONMENT, 0, &err), err);
  int found;
  rp_known_state known;
  assert_ok(rp_store_find_state(store, state.id, &found, &known, &err), err);
  assert_true(found && known.own_environment && rp_id_equal(known.digest, state.digest));
  assert_int_equal(known.epoch, 7);
  assert_int_equal(known.cycle, 2);
  assert_int_equal(known.checkpoint_bytes, 1234);
  assert_ok(rp_store_set_checkpoint(store, state.id, 0, &err), err);
  assert_ok(rp_store_find_state(store, state.id, &found, &known, &err), err);
  assert_int_equal(known.checkpoint_bytes, 0);
  assert_ok(rp_store_find_state(store, synthetic_id("nobody"), &found, &known, &err), err);
  assert_false(found);
  done_with(store, path);
}

static void a_state_computed_again_keeps_its_first_measurements(void **unused) {
  (void)unused;
  char *path;
  rp_error err = {0};
  rp_store *store = new_store(&path);
  rp_state_row state = a_state("root", "bits");
  state.test_acc = 0.25, state.seconds = 1;
  assert_ok(rp_store_put_state(store, &state, &err), err);
  state.seconds = 99;
  assert_ok(rp_store_put_state(store, &state, &err), err);
  assert_near(number(store, "SELECT count(*) FROM states"), 1, 0);
  assert_near(number(store, "SELECT seconds FROM states"), 1, 0);
  assert_true(isnan(number(store, "SELECT val_acc FROM states")));
  done_with(store, path);
}

static void a_state_with_other_bits_in_the_same_environment_is_not_reproducible(void **unused) {
  (void)unused;
  char *path, before[RP_ID_HEX + 1], now[RP_ID_HEX + 1];
  rp_error err = {0};
  rp_store *store = new_store(&path);
  rp_state_row state = a_state("root", "bits"), other = a_state("root", "other bits");
  assert_ok(rp_store_put_state(store, &state, &err), err);
  assert_fails(rp_store_put_state(store, &other, &err), RP_ENUMERIC, err, "not reproducible");
  rp_id_hex(state.digest, before), rp_id_hex(other.digest, now);
  assert_non_null(strstr(err.message, before));
  assert_non_null(strstr(err.message, now));
  done_with(store, path);
}

static void states_of_another_environment_are_seen_only_where_reuse_is_asked_for(void **unused) {
  (void)unused;
  char *path;
  int found;
  rp_known_state known;
  rp_error err = {0};
  rp_store *store = new_store(&path);
  rp_state_row state = a_state("root", "bits"), elsewhere = a_state("root", "bits of the other machine");
  rp_environment other = SYNTHETIC_ENVIRONMENT;
  other.instruction_set = "avx512";
  assert_ok(rp_store_put_state(store, &state, &err), err);
  assert_ok(rp_store_set_environment(store, &other, 0, &err), err);
  assert_ok(rp_store_find_state(store, state.id, &found, &known, &err), err);
  assert_false(found);
  assert_ok(rp_store_set_environment(store, &other, 1, &err), err);
  assert_ok(rp_store_find_state(store, state.id, &found, &known, &err), err);
  assert_true(found && !known.own_environment);
  /* other bits there are no contradiction, and then its own come first */
  assert_ok(rp_store_put_state(store, &elsewhere, &err), err);
  assert_ok(rp_store_find_state(store, state.id, &found, &known, &err), err);
  assert_true(found && known.own_environment && rp_id_equal(known.digest, elsewhere.digest));
  done_with(store, path);
}

static void another_commit_or_host_is_the_same_environment(void **unused) {
  (void)unused;
  char *path;
  int found;
  rp_known_state known;
  rp_error err = {0};
  rp_store *store = new_store(&path);
  rp_state_row state = a_state("root", "bits");
  rp_environment moved = SYNTHETIC_ENVIRONMENT;
  moved.git_commit = "def456", moved.host = "another host";
  assert_ok(rp_store_put_state(store, &state, &err), err);
  assert_ok(rp_store_set_environment(store, &moved, 0, &err), err);
  assert_ok(rp_store_find_state(store, state.id, &found, &known, &err), err);
  assert_true(found && known.own_environment);
  done_with(store, path);
}

static void a_state_whose_parent_is_unknown_is_refused_and_leaves_nothing(void **unused) {
  (void)unused;
  char *path;
  rp_error err = {0};
  rp_store *store = new_store(&path);
  rp_state_row state = a_state("child", "bits");
  state.parent = synthetic_id("nobody"), state.op = "train";
  assert_fails(rp_store_put_state(store, &state, &err), RP_EINPUT, err, "parent");
  assert_near(number(store, "SELECT count(*) FROM states"), 0, 0);
  done_with(store, path);
}

static void states_cannot_be_put_before_the_environment_is_known(void **unused) {
  (void)unused;
  char *path = synthetic_path();
  rp_error err = {0};
  rp_store *store = open_store(path, RP_STORE_WRITE);
  rp_state_row state = a_state("root", "bits");
  assert_fails(rp_store_put_state(store, &state, &err), RP_EINPUT, err, "environment");
  done_with(store, path);
}

static rp_drop_row a_drop(rp_id state, const uint8_t *set) {
  return (rp_drop_row){.request = synthetic_id("request"),
                       .state = state,
                       .criterion = synthetic_criterion("ortho"),
                       .p = 40,
                       .limits_json = "{}",
                       .gate = 1,
                       .set = set,
                       .count = 2};
}

static void a_known_drop_request_gives_its_set_back(void **unused) {
  (void)unused;
  char *path;
  int found;
  uint8_t set[5] = {9, 9, 9, 9, 9}, expected[5] = {0, 1, 0, 0, 1}, other[5] = {1, 1, 0, 0, 0};
  rp_error err = {0};
  rp_store *store = new_store(&path);
  rp_state_row state = a_state("root", "bits");
  rp_drop_row drop = a_drop(state.id, expected);
  assert_ok(rp_store_put_state(store, &state, &err), err);
  assert_ok(rp_store_find_drop(store, drop.request, &SYNTHETIC_FILTERS, &found, set, &err), err);
  assert_false(found);
  assert_ok(rp_store_put_drop(store, &drop, &SYNTHETIC_FILTERS, &err), err);
  assert_ok(rp_store_put_drop(store, &drop, &SYNTHETIC_FILTERS, &err), err);
  assert_ok(rp_store_find_drop(store, drop.request, &SYNTHETIC_FILTERS, &found, set, &err), err);
  assert_true(found);
  assert_memory_equal(set, expected, 5);
  drop.set = other;
  assert_fails(rp_store_put_drop(store, &drop, &SYNTHETIC_FILTERS, &err), RP_ENUMERIC, err, "not reproducible");
  rp_store_filters smaller = {1, SYNTHETIC_LAYERS, SYNTHETIC_K};
  assert_fails(rp_store_find_drop(store, drop.request, &smaller, &found, set, &err), RP_EDAMAGED, err, "5 filters, not 2");
  done_with(store, path);
}

static void rule_28_scores_are_stored_once_per_state_ranker_and_options(void **unused) {
  (void)unused;
  char *path;
  int found;
  float first[5] = {1, 2, NAN, 4, 5}, second[5] = {6, 7, 8, 9, 10};
  rp_error err = {0};
  rp_store *store = new_store(&path);
  rp_state_row state = a_state("root", "bits");
  rp_criterion ortho = synthetic_criterion("ortho"), variant = ortho;
  variant.options_json = "{\"variant\":\"authors\"}";
  assert_ok(rp_store_put_state(store, &state, &err), err);
  assert_ok(rp_store_has_scores(store, state.id, &ortho, &found, &err), err);
  assert_false(found);
  assert_ok(rp_store_put_scores(store, state.id, &ortho, &SYNTHETIC_FILTERS, first, &err), err);
  assert_ok(rp_store_put_scores(store, state.id, &ortho, &SYNTHETIC_FILTERS, first, &err), err);
  assert_ok(rp_store_has_scores(store, state.id, &ortho, &found, &err), err);
  assert_true(found);
  assert_ok(rp_store_has_scores(store, state.id, &variant, &found, &err), err);
  assert_false(found);
  assert_near(number(store, "SELECT count(*) FROM scores"), 4, 0);
  assert_ok(rp_store_put_scores(store, state.id, &variant, &SYNTHETIC_FILTERS, second, &err), err);
  assert_near(number(store, "SELECT count(*) FROM scores"), 9, 0);
  assert_near(number(store, "SELECT sum(score) FROM scores"), 12 + 40, 1e-6);
  done_with(store, path);
}

static void scores_and_ranks_are_read_back(void **unused) {
  (void)unused;
  char *path;
  int found, ranks[5], given_ranks[5] = {4, 3, 0, 2, 1};
  float scores[5], given[5] = {1, 2, NAN, 4, 5.5f};
  uint8_t set[5] = {1, 0, 0, 0, 0};
  rp_error err = {0};
  rp_store *store = new_store(&path);
  rp_state_row state = a_state("root", "bits");
  rp_criterion ortho = synthetic_criterion("ortho"), other_file = ortho;
  other_file.file_hash = synthetic_id("another file");
  rp_drop_row drop = a_drop(state.id, set);
  drop.ranks = given_ranks;
  assert_ok(rp_store_put_state(store, &state, &err), err);
  assert_ok(rp_store_put_scores(store, state.id, &ortho, &SYNTHETIC_FILTERS, given, &err), err);
  assert_ok(rp_store_find_ranks(store, drop.request, &SYNTHETIC_FILTERS, &found, ranks, &err), err);
  assert_false(found);
  assert_ok(rp_store_put_drop(store, &drop, &SYNTHETIC_FILTERS, &err), err);
  assert_ok(rp_store_find_ranks(store, drop.request, &SYNTHETIC_FILTERS, &found, ranks, &err), err);
  assert_true(found);
  assert_memory_equal(ranks, given_ranks, sizeof ranks);
  assert_ok(rp_store_find_scores(store, state.id, &ortho, &SYNTHETIC_FILTERS, &found, scores, &err), err);
  assert_true(found);
  for (int i = 0; i < 5; i++) assert_true(isnan(given[i]) ? isnan(scores[i]) : scores[i] == given[i]);
  assert_ok(rp_store_find_scores(store, state.id, &other_file, &SYNTHETIC_FILTERS, &found, scores, &err), err);
  assert_false(found);
  rp_store_filters smaller = {1, SYNTHETIC_LAYERS, SYNTHETIC_K};
  assert_fails(rp_store_find_scores(store, state.id, &ortho, &smaller, &found, scores, &err), RP_EDAMAGED, err, "filter");
  done_with(store, path);
}

static rp_shadow_row a_failed_shadow(const rp_drop_row *drop, const char *asked, const char *message) {
  return (rp_shadow_row){.request = drop->request,
                         .criterion = synthetic_criterion("l2"),
                         .asked = synthetic_id("%s", asked),
                         .outcome = RP_SHADOW_FAILED,
                         .cause = RP_EPLUGIN,
                         .message = message};
}

static void a_shadows_failure_is_known_of_the_state_and_of_the_request(void **unused) {
  (void)unused;
  char *path, *message = NULL;
  int found;
  uint8_t set[5] = {1, 0, 0, 0, 0};
  rp_shadow_outcome outcome;
  rp_status cause;
  rp_id none = {{0}};
  rp_error err = {0};
  rp_store *store = new_store(&path);
  rp_state_row state = a_state("root", "bits"), other = a_state("other", "bits");
  rp_drop_row drop = a_drop(state.id, set);
  rp_shadow_row shadow = a_failed_shadow(&drop, "asked", "ranker l2: the moon is full");
  assert_fails(rp_store_put_shadow(store, &shadow, &err), RP_EINPUT, err, "there is no drop request");
  assert_ok(rp_store_put_state(store, &state, &err), err);
  assert_ok(rp_store_put_state(store, &other, &err), err);
  assert_ok(rp_store_put_drop(store, &drop, &SYNTHETIC_FILTERS, &err), err);
  assert_ok(rp_store_put_shadow(store, &shadow, &err), err);

  rp_criterion l2 = shadow.criterion, variant = l2;
  variant.options_json = "{\"divide\":\"d\"}";
  assert_ok(rp_store_find_shadow_failure(store, state.id, &l2, none, &found, &outcome, &cause, &message, &err), err);
  assert_true(found);
  assert_int_equal(outcome, RP_SHADOW_FAILED);
  assert_int_equal(cause, RP_EPLUGIN);
  assert_string_equal(message, "ranker l2: the moon is full");
  free(message);
  const struct {
    rp_id state, asked;
    const rp_criterion *criterion;
    int found;
  } questions[] = {{state.id, shadow.asked, &l2, 1},
                   {state.id, synthetic_id("asked with another p"), &l2, 0},
                   {state.id, none, &variant, 0},
                   {other.id, none, &l2, 0}};
  for (int i = 0; i < 4; i++) {
    message = NULL;
    assert_ok(rp_store_find_shadow_failure(store, questions[i].state, questions[i].criterion, questions[i].asked, &found, &outcome, &cause,
                                           &message, &err),
              err);
    assert_int_equal(found, questions[i].found);
    free(message);
  }
  /* what it says now takes the place of what it said */
  shadow.outcome = RP_SHADOW_NOT_APPLICABLE;
  shadow.message = "ranker l2: nothing to rank";
  assert_ok(rp_store_put_shadow(store, &shadow, &err), err);
  assert_ok(rp_store_find_shadow_failure(store, state.id, &l2, none, &found, &outcome, &cause, &message, &err), err);
  assert_int_equal(outcome, RP_SHADOW_NOT_APPLICABLE);
  free(message);
  /* an answer has to be there */
  shadow.outcome = RP_SHADOW_SCORED;
  assert_fails(rp_store_put_shadow(store, &shadow, &err), RP_EINPUT, err, "there is no drop request");
  shadow.asked = drop.request;
  assert_ok(rp_store_put_shadow(store, &shadow, &err), err);
  assert_ok(rp_store_find_shadow_failure(store, state.id, &l2, none, &found, &outcome, &cause, &message, &err), err);
  assert_false(found);
  done_with(store, path);
}

static const synthetic_trial DROPS_ONCE[] = {
    {.experiment = "x", .arm = "a", .ranker = "ortho", .seed = 1, .script = "eDe", .test_acc = flat, .status = RP_TRIAL_DONE}};

/* Root, epoch, drop, epoch: before the drop, and where a trial that is done ends. */
static void a_state_before_an_event_and_the_last_of_a_done_trial_are_landmarks(void **unused) {
  (void)unused;
  static const int EXPECTED[] = {0, 1, 0, 1};
  char *path;
  rp_error err = {0};
  rp_store *store = new_store(&path);
  int is_one;
  synthetic_run(store, DROPS_ONCE, 1, NULL, 0);
  for (int step = 0; step < 4; step++) {
    assert_ok(rp_store_is_landmark(store, synthetic_id("state a eDe 1 %d", step), &is_one, &err), err);
    assert_int_equal(is_one, EXPECTED[step]);
  }
  assert_ok(rp_store_set_trial_status(store, synthetic_trial_id(&DROPS_ONCE[0]), RP_TRIAL_RUNNING, RP_OK, NULL, &err), err);
  assert_ok(rp_store_is_landmark(store, synthetic_id("state a eDe 1 3"), &is_one, &err), err);
  assert_false(is_one);
  assert_ok(rp_store_is_landmark(store, synthetic_id("a state that is not there"), &is_one, &err), err);
  assert_false(is_one);
  done_with(store, path);
}

static void failures_of_shadows_are_forgotten_for_one_experiment(void **unused) {
  (void)unused;
  char *path;
  rp_error err = {0};
  rp_store *store = new_store(&path);
  rp_criterion l2 = synthetic_criterion("l2"), taylor = synthetic_criterion("taylor");
  synthetic_run(store, DROPS_ONCE, 1, &l2, 1);
  rp_drop_row drop = {.request = synthetic_id("request a eDe 1")};
  rp_shadow_row failed = a_failed_shadow(&drop, "asked", "why"), of_another = failed, scored = failed;
  of_another.criterion = taylor;
  scored.criterion.options_json = "{\"divide\":\"d\"}", scored.asked = drop.request, scored.outcome = RP_SHADOW_SCORED;
  assert_ok(rp_store_put_shadow(store, &failed, &err), err);
  assert_ok(rp_store_put_shadow(store, &of_another, &err), err);
  assert_ok(rp_store_put_shadow(store, &scored, &err), err);
  assert_ok(rp_store_forget_shadow_failures(store, "another experiment", &err), err);
  assert_near(number(store, "SELECT count(*) FROM shadows"), 3, 0);
  assert_ok(rp_store_forget_shadow_failures(store, "x", &err), err);
  assert_near(number(store, "SELECT count(*) FROM shadows"), 2, 0);
  assert_near(number(store, "SELECT count(*) FROM shadow_results WHERE outcome = 'missing'"), 1, 0);
  done_with(store, path);
}

/* The file of a version 1 that was in use, made by that version's own statements. */
static void a_database_of_version_1_is_brought_up_to_date(void **unused) {
  (void)unused;
  char *path = synthetic_path();
  sqlite3 *old;
  rp_error err = {0};
  rp_store *store = NULL;
  assert_int_equal(sqlite3_open(path, &old), SQLITE_OK);
  assert_int_equal(sqlite3_exec(old, rp_embedded_results_schema_sql, NULL, NULL, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_exec(old,
                                "PRAGMA application_id = 1919250546; PRAGMA user_version = 1; CREATE VIEW v_filters AS SELECT 1;"
                                "INSERT INTO experiments VALUES (1, 'kept')",
                                NULL, NULL, NULL),
                   SQLITE_OK);
  assert_int_equal(sqlite3_close(old), SQLITE_OK);
  assert_fails(rp_store_open(path, RP_STORE_READ, &store, &err), RP_EINPUT, err, "older than version 3");
  rp_store_close(&store);
  store = open_store(path, RP_STORE_WRITE);
  assert_near(number(store, "SELECT count(*) FROM experiments WHERE name = 'kept'"), 1, 0);
  assert_near(number(store, "SELECT count(*) FROM shadows"), 0, 0);
  assert_near(number(store, "SELECT count(*) FROM v_filters"), 0, 0);
  done_with(store, path);
}

/* Version 2 had the tables of version 3, and another v_events. */
static void a_database_of_version_2_shows_what_version_3_does(void **unused) {
  (void)unused;
  char *path;
  rp_store *store = new_store(&path);
  rp_error err = {0};
  assert_ok(rp_sql_execute(store, "PRAGMA user_version = 2; DROP VIEW v_events; CREATE VIEW v_events AS SELECT 1 AS epoch", &err), err);
  rp_store_close(&store);
  store = open_store(path, RP_STORE_WRITE);
  assert_near(number(store, "SELECT count(*) FROM v_events WHERE test_acc_after_bn IS NULL"), 0, 0);
  done_with(store, path);
}

static void the_status_of_a_trial_and_why_it_failed_come_back(void **unused) {
  (void)unused;
  char *path;
  int found;
  rp_trial_status status;
  rp_status cause;
  rp_error err = {0};
  rp_store *store = new_store(&path);
  synthetic_trial trial = {.arm = "a", .script = "ee", .seed = 1};
  rp_id id = synthetic_trial_id(&trial);
  assert_ok(rp_store_trial_status(store, id, &found, &status, &cause, &err), err);
  assert_false(found);
  synthetic_put_trial(store, &trial);
  assert_ok(rp_store_trial_status(store, id, &found, &status, &cause, &err), err);
  assert_true(found && status == RP_TRIAL_PENDING && cause == RP_OK);
  assert_ok(rp_store_set_trial_status(store, id, RP_TRIAL_FAILED, RP_ENUMERIC, "NaN", &err), err);
  synthetic_put_trial(store, &trial);
  assert_ok(rp_store_trial_status(store, id, &found, &status, &cause, &err), err);
  assert_true(found && status == RP_TRIAL_FAILED && cause == RP_ENUMERIC);
  assert_fails(rp_store_set_trial_status(store, synthetic_id("nobody"), RP_TRIAL_DONE, RP_OK, NULL, &err), RP_EINPUT, err,
               "there is no trial");
  done_with(store, path);
}

static void a_step_that_changes_makes_a_path_forget_its_later_steps(void **unused) {
  (void)unused;
  char *path;
  rp_error err = {0};
  rp_id none = {{0}};
  rp_store *store = new_store(&path);
  synthetic_trial trial = {.arm = "a", .script = "eee", .seed = 1, .test_acc = flat, .status = RP_TRIAL_DONE};
  synthetic_run_trial(store, &trial);
  rp_id id = synthetic_trial_id(&trial), second = synthetic_id("state a eee 1 2");
  assert_near(number(store, "SELECT count(*) FROM paths"), 4, 0);
  int was_other = 1;
  assert_ok(rp_store_put_path(store, id, 2, second, none, &was_other, &err), err);
  assert_int_equal(was_other, 0);
  assert_near(number(store, "SELECT count(*) FROM paths"), 4, 0);
  assert_ok(rp_store_put_path(store, id, 1, second, none, &was_other, &err), err);
  assert_int_equal(was_other, 1);
  assert_near(number(store, "SELECT count(*) FROM paths"), 2, 0);
  assert_fails(rp_store_put_path(store, id, 2, synthetic_id("nobody"), none, NULL, &err), RP_EINPUT, err, "there is no state");
  assert_fails(rp_store_put_path(store, id, 2, second, synthetic_id("nobody"), NULL, &err), RP_EINPUT, err, "there is no drop request");
  done_with(store, path);
}

static void what_is_rolled_back_was_never_there(void **unused) {
  (void)unused;
  char *path;
  rp_error err = {0};
  rp_store *store = new_store(&path);
  rp_state_row state = a_state("root", "bits");
  assert_ok(rp_store_begin(store, &err), err);
  assert_ok(rp_store_put_state(store, &state, &err), err);
  rp_store_rollback(store);
  assert_near(number(store, "SELECT count(*) FROM states"), 0, 0);
  done_with(store, path);
}

static void a_call_that_fails_undoes_only_itself_within_a_transaction(void **unused) {
  (void)unused;
  char *path;
  rp_error err = {0};
  rp_store *store = new_store(&path);
  rp_state_row state = a_state("root", "bits");
  synthetic_trial trial = {.arm = "a", .script = "e", .seed = 1};
  rp_plan_trial members[] = {{.trial = synthetic_trial_id(&trial), .arm = "a", .differs_json = "{}"},
                             {.trial = synthetic_id("nobody"), .arm = "b", .differs_json = "{}"}};
  rp_plan_row plan = {.experiment = "x", .digest = synthetic_id("plan"), .trials = members, .n_trials = 2};
  assert_ok(rp_store_begin(store, &err), err);
  assert_ok(rp_store_put_state(store, &state, &err), err);
  synthetic_put_trial(store, &trial);
  assert_fails(rp_store_put_plan(store, &plan, &err), RP_EINPUT, err, "there is no trial");
  assert_ok(rp_store_commit(store, &err), err);
  assert_near(number(store, "SELECT count(*) FROM states"), 1, 0);
  assert_near(number(store, "SELECT count(*) FROM plans"), 0, 0);
  done_with(store, path);
}

static void a_reader_sees_what_a_writer_committed_while_both_are_open(void **unused) {
  (void)unused;
  char *path;
  rp_error err = {0};
  rp_store *writer = new_store(&path), *reader = open_store(path, RP_STORE_READ);
  rp_state_row state = a_state("root", "bits");
  assert_ok(rp_store_begin(writer, &err), err);
  assert_ok(rp_store_put_state(writer, &state, &err), err);
  assert_near(number(reader, "SELECT count(*) FROM states"), 0, 0);
  assert_ok(rp_store_commit(writer, &err), err);
  assert_near(number(reader, "SELECT count(*) FROM states"), 1, 0);
  assert_fails(rp_store_put_state(reader, &state, &err), RP_EINPUT, err, "environment");
  rp_store_close(&reader);
  done_with(writer, path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_state_is_found_after_the_file_was_closed_and_opened_again),
      cmocka_unit_test(a_state_computed_again_keeps_its_first_measurements),
      cmocka_unit_test(a_state_with_other_bits_in_the_same_environment_is_not_reproducible),
      cmocka_unit_test(states_of_another_environment_are_seen_only_where_reuse_is_asked_for),
      cmocka_unit_test(another_commit_or_host_is_the_same_environment),
      cmocka_unit_test(a_state_whose_parent_is_unknown_is_refused_and_leaves_nothing),
      cmocka_unit_test(states_cannot_be_put_before_the_environment_is_known),
      cmocka_unit_test(a_known_drop_request_gives_its_set_back),
      cmocka_unit_test(rule_28_scores_are_stored_once_per_state_ranker_and_options),
      cmocka_unit_test(scores_and_ranks_are_read_back),
      cmocka_unit_test(a_shadows_failure_is_known_of_the_state_and_of_the_request),
      cmocka_unit_test(a_state_before_an_event_and_the_last_of_a_done_trial_are_landmarks),
      cmocka_unit_test(failures_of_shadows_are_forgotten_for_one_experiment),
      cmocka_unit_test(a_database_of_version_1_is_brought_up_to_date),
      cmocka_unit_test(a_database_of_version_2_shows_what_version_3_does),
      cmocka_unit_test(the_status_of_a_trial_and_why_it_failed_come_back),
      cmocka_unit_test(a_step_that_changes_makes_a_path_forget_its_later_steps),
      cmocka_unit_test(what_is_rolled_back_was_never_there),
      cmocka_unit_test(a_call_that_fails_undoes_only_itself_within_a_transaction),
      cmocka_unit_test(a_reader_sees_what_a_writer_committed_while_both_are_open),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
