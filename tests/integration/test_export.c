/* test_export.c: a trial as an .npz: each array's type and shape, and the values that the checkpoints hold. */
#include "tests/npz_files.h"
#include "tests/program.h"

/* Path: root, epochs 1 and 2, drop, epochs 3 and 4, regrow, epochs 5 to 7. 16 filters, of which floor(30 %) = 4 go. */
static const char EXPERIMENT[] = "name: tiny\n"
                                 "model: {name: c3, depth: 2, filters: 8, bn: on}\n"
                                 "data: {name: shapes, train: 100, validation: 50, test: 40}\n"
                                 "train: {epochs: 7, batch: 32, optimizer: {name: momentum, lr: 0.02}}\n"
                                 "scheme: {name: repr, s1: 2, s2: 2, n: 1, p: 30, ranker: l2}\n"
                                 "seeds: [1, 2]\n";
enum { N_PATH = 10, DROP = 3, REGROW = 6, F = 16 };

/* Convs 8·3·9 + 8 and 8·8·9 + 8, twice the four of a BN, an fc of 10 × 8·8·8 + 10; units are (k, c) of these. */
enum { P = 216 + 8 + 32 + 576 + 8 + 32 + 5120 + 10, U = 24 + 8 + 32 + 64 + 8 + 32 + 80 + 10 };

static npz_file *file;

static int export_one(void **state) {
  if (enter_work_folder(state) != 0) return -1;
  write_text("tiny.yaml", EXPERIMENT);
  expect_exit(0, "run tiny.yaml --jobs 2 --db tiny.db");
  /* Thinned are epochs 1, 3 and 6. */
  expect_text(expect_exit(0, "export repr/1 --db tiny.db -o tiny.npz"), "tiny.npz: 10 states, 3 of them computed again; 0 are missing");
  file = read_npz("tiny.npz");
  return 0;
}

static int remove_all(void **state) {
  free_npz(file);
  return leave_work_folder(state);
}

static const npz_array *expect_of_step(int i, const char *name, const char *descr, const char *shape) {
  char full_name[64];
  snprintf(full_name, sizeof full_name, "%d/%s", i, name);
  return expect_array(file, full_name, descr, shape);
}

static int is_training(int i) {
  return i > 0 && i != DROP && i != REGROW;
}

static void every_array_has_the_type_and_the_shape_that_the_header_says(void **unused) {
  (void)unused;
  int n_arrays = 0;
  char parameters[32], units[32], slots[32];
  snprintf(parameters, sizeof parameters, "(%d,)", P);
  snprintf(units, sizeof units, "(%d,)", U);
  for (int i = 0; i < N_PATH; i++) {
    snprintf(slots, sizeof slots, "(%d,%d,)", i > 0, P);
    expect_of_step(i, "parameters", "<f4", parameters);
    expect_of_step(i, "slots", "<f4", slots);
    expect_of_step(i, "at_drop", "<f4", parameters);
    expect_of_step(i, "steps", "<u4", units);
    expect_of_step(i, "dropped", "|u1", "(16,)");
    expect_of_step(i, "closed", "|u1", "(16,)");
    expect_of_step(i, "drop_cycle", "<u4", "(16,)");
    expect_of_step(i, "last_regrow_epoch", "<u4", "(16,)");
    expect_of_step(i, "times_dropped", "<u4", "(16,)");
    n_arrays += 9;
    if (is_training(i)) {
      expect_of_step(i, "order", "<u4", "(100,)");
      expect_of_step(i, "lr", "<f8", "(3,)");
      n_arrays += 2;
    }
  }
  expect_of_step(DROP, "set", "|u1", "(16,)");
  expect_of_step(DROP, "scores", "<f4", "(16,)");
  expect_of_step(DROP, "ranks", "<i4", "(16,)");
  expect_of_step(REGROW, "regrown", "|u1", "(16,)");
  expect_array(file, "train_images", "|u1", "(100,3,32,32,)");
  expect_array(file, "validation_images", "|u1", "(50,3,32,32,)");
  expect_array(file, "test_images", "|u1", "(40,3,32,32,)");
  expect_array(file, "train_labels", "|u1", "(100,)");
  expect_array(file, "validation_labels", "|u1", "(50,)");
  expect_array(file, "test_labels", "|u1", "(40,)");
  assert_non_null(find_array(file, "meta"));
  assert_int_equal(file->n, n_arrays + 4 + 6 + 1);
}

/* A checkpoint as core/state/checkpoint.c describes it: 64 bytes of header, parameters, slots, at_drop, steps. */
static void values_are_those_of_the_checkpoints(void **unused) {
  (void)unused;
  int n_compared = 0;
  for (int i = 0; i < N_PATH; i++) {
    char sql[200], path[96];
    snprintf(sql, sizeof sql,
             "SELECT s.id FROM paths p JOIN states s USING (state) JOIN trials t USING (trial) WHERE t.seed = 1 AND p.step = %d", i);
    char *id = rows_of("tiny.db", sql);
    snprintf(path, sizeof path, "tiny.states/%.32s.state", id);
    sqlite3_free(id);
    FILE *checkpoint = fopen(path, "rb");
    if (!checkpoint) continue;
    static uint8_t bytes[1 << 20];
    size_t size = fread(bytes, 1, sizeof bytes, checkpoint), n_slots = i > 0;
    fclose(checkpoint);
    assert_true(size > 64 + (2 + n_slots) * P * 4 + U * 4);
    const npz_array *parameters = find_array(file, "0/parameters");
    char name[32];
    const char *const names[] = {"parameters", "slots", "at_drop", "steps"};
    const uint8_t *at = bytes + 64;
    for (int k = 0; k < 4; k++) {
      snprintf(name, sizeof name, "%d/%s", i, names[k]);
      parameters = find_array(file, name);
      assert_non_null(parameters);
      assert_memory_equal(values_of(parameters), at, parameters->size);
      at += parameters->size;
    }
    n_compared++;
  }
  assert_int_equal(n_compared, 7);
}

static void a_drop_s_set_ranks_and_scores_are_those_of_the_database(void **unused) {
  (void)unused;
  const uint8_t *set = values_of(find_array(file, "3/set")), *dropped = values_of(find_array(file, "3/dropped"));
  const float *scores = (const float *)(const void *)values_of(find_array(file, "3/scores"));
  const int32_t *ranks = (const int32_t *)(const void *)values_of(find_array(file, "3/ranks"));
  int count = 0;
  for (int f = 0; f < F; f++) {
    char expected[128];
    snprintf(expected, sizeof expected, "%d %d %.9g\n", set[f], ranks[f], (double)scores[f]);
    char sql[200];
    snprintf(sql, sizeof sql,
             "SELECT dropped, rank, printf('%%.9g', score) FROM v_filters WHERE seed = 1 AND layer = 'conv%d' AND filter = %d", 1 + f / 8,
             f % 8);
    assert_rows("tiny.db", sql, expected);
    count += set[f];
  }
  assert_int_equal(count, 4);
  assert_memory_equal(set, dropped, F);
  assert_memory_equal(set, values_of(find_array(file, "6/regrown")), F);
}

static void meta_says_where_each_tensor_lies_and_what_each_step_was(void **unused) {
  (void)unused;
  const npz_array *meta = find_array(file, "meta");
  char *json = malloc(meta->size + 1);
  memcpy(json, values_of(meta), meta->size);
  json[meta->size] = '\0';
  static const char *const PARTS[] = {
      "{\"kind\":\"conv weight\",\"layer\":\"conv1\",\"K\":8,\"C\":3,\"E\":9,\"offset\":0,\"first_unit\":0}",
      "{\"kind\":\"BN variance\",\"layer\":\"bn1\",\"K\":8,\"C\":1,\"E\":1,\"offset\":248,\"first_unit\":56}",
      "{\"layer\":\"conv2\",\"K\":8,\"first\":8}",
      "\"image\":{\"channels\":3,\"height\":32,\"width\":32,\"classes\":10}",
      "\"name\":\"shapes\"",
      "\"train\":100,\"validation\":50,\"test\":40,\"mean\":[",
      "\"optimizer\":\"momentum\",\"momentum\":0.9",
      "\"op\":\"regrow\",\"epoch\":4,\"cycle\":1,\"phase\":\"full\"",
      "\"ranker\":\"l2\"",
      "\"count\":4,\"limits_used\":0",
      "\"mode\":\"orthogonal\",\"scale\":\"mean-norm\",\"bias\":\"zero\",\"readers\":\"keep\",\"regrown\":4",
      "\"state\":\"computed\"",
  };
  for (size_t i = 0; i < sizeof PARTS / sizeof *PARTS; i++)
    if (!strstr(json, PARTS[i])) fail_msg("«%s» is not in %s", PARTS[i], json);
  free(json);
}

static void an_export_writes_nothing_but_its_file(void **unused) {
  (void)unused;
  assert_int_equal(system("ls -l --time-style=full-iso tiny.states >before; md5sum tiny.db tiny.states/* >>before"), 0);
  expect_exit(0, "export repr/1 --db tiny.db -o again.npz");
  assert_int_equal(system("ls -l --time-style=full-iso tiny.states >after; md5sum tiny.db tiny.states/* >>after; cmp before after"), 0);
  assert_int_equal(system("cmp tiny.npz again.npz"), 0);
}

static void stored_leaves_out_what_would_have_to_be_computed(void **unused) {
  (void)unused;
  expect_text(expect_exit(0, "export repr/1 --stored --db tiny.db -o stored.npz"),
              "stored.npz: 7 states, 0 of them computed again; 3 are missing");
  npz_file *stored = read_npz("stored.npz");
  assert_null(find_array(stored, "1/parameters"));
  assert_non_null(find_array(stored, "1/order"));
  assert_memory_equal(values_of(find_array(stored, "2/parameters")), values_of(find_array(file, "2/parameters")), P * sizeof(float));
  assert_memory_equal(values_of(find_array(stored, "6/regrown")), values_of(find_array(file, "6/regrown")), F);
  free_npz(stored);
}

static void a_trial_is_found_as_by_show(void **unused) {
  (void)unused;
  char *id = rows_of("tiny.db", "SELECT trial FROM v_trials WHERE seed = 2");
  char arguments[128], default_name[32];
  snprintf(arguments, sizeof arguments, "export %.8s --stored --db tiny.db", id);
  snprintf(default_name, sizeof default_name, "%.12s.npz", id);
  sqlite3_free(id);
  expect_text(expect_exit(0, arguments), default_name);
  free_npz(read_npz(default_name));
  expect_text(expect_exit(2, "export repr/9 --db tiny.db"), "no trial 'repr/9'");
  expect_text(expect_exit(2, "export repr --db tiny.db"), "no trial 'repr'");
  expect_text(expect_exit(2, "export --db tiny.db"), "a trial is missing");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_array_has_the_type_and_the_shape_that_the_header_says),
      cmocka_unit_test(values_are_those_of_the_checkpoints),
      cmocka_unit_test(a_drop_s_set_ranks_and_scores_are_those_of_the_database),
      cmocka_unit_test(meta_says_where_each_tensor_lies_and_what_each_step_was),
      cmocka_unit_test(an_export_writes_nothing_but_its_file),
      cmocka_unit_test(stored_leaves_out_what_would_have_to_be_computed),
      cmocka_unit_test(a_trial_is_found_as_by_show),
  };
  return cmocka_run_group_tests_name("export", tests, export_one, remove_all);
}
