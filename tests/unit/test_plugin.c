/* test_plugin.c: rankers are found, described without being loaded, loaded; their options are parsed. */
#include "core/ranking/options.h"
#include "core/base/files.h"
#include "core/base/spelling.h"
#include "tests/ranker_files.h"

#include <dlfcn.h>

/* ---- Finding --------------------------------------------------------------------------------- */

static void a_ranker_is_found_by_name_in_the_folder(void **unused) {
  (void)unused;
  rp_error err = {0};
  char *path, *expected = realpath(built_file("rankers/ortho.so"), NULL);
  assert_ok(rp_plugin_find(built_file("rankers"), "ortho", &path, &err), err);
  assert_string_equal(path, expected);
  free(path);
  free(expected);
}

static void a_ranker_is_found_by_a_path_relative_to_the_working_folder(void **unused) {
  (void)unused;
  rp_error err = {0};
  char *path, *before = getcwd(NULL, 0), *expected = realpath(built_file("rankers/l2.so"), NULL);
  assert_non_null(before);
  assert_int_equal(chdir(built_file("rankers")), 0);
  assert_ok(rp_plugin_find("/nowhere", "l2.so", &path, &err), err);
  assert_string_equal(path, expected);
  free(path);
  assert_ok(rp_plugin_find("/nowhere", "./l2.so", &path, &err), err);
  assert_string_equal(path, expected);
  assert_int_equal(chdir(before), 0);
  free(path);
  free(before);
  free(expected);
}

static void the_folders_rankers_are_listed_in_order(void **unused) {
  (void)unused;
  static const char *const built_in[] = {"l2", "oracle-accuracy", "oracle-loss", "ortho", "random", "taylor"};
  rp_error err = {0};
  char **names;
  int n, found = 0;
  assert_ok(rp_plugin_list(built_file("rankers"), &names, &n, &err), err);
  for (int i = 0; i < n; i++)
    for (int j = 0; j < 6; j++) found += strcmp(names[i], built_in[j]) == 0;
  for (int i = 1; i < n; i++) assert_true(strcmp(names[i - 1], names[i]) < 0);
  for (int i = 0; i < n; i++) free(names[i]);
  free(names);
  assert_int_equal(found, 6);
}

static void the_folder_is_the_environments_or_lies_beside_the_program(void **unused) {
  (void)unused;
  rp_error err = {0};
  char *folder;
  assert_int_equal(setenv("REPR_RANKERS", "/some/where", 1), 0);
  assert_ok(rp_plugin_folder(&folder, &err), err);
  assert_string_equal(folder, "/some/where");
  free(folder);
  unsetenv("REPR_RANKERS");
  /* No `rankers` lies beside a test program. */
  assert_fails(rp_plugin_folder(&folder, &err), RP_EINPUT, err, "set REPR_RANKERS");
}

/* ---- Describing ------------------------------------------------------------------------------ */

static void a_description_tells_all_and_loads_nothing(void **unused) {
  (void)unused;
  rp_error err = {0};
  rp_plugin_description all = describe_plugin("tests/plugins/all_options.so");
  assert_string_equal(all.name, "all-options");
  assert_string_equal(all.version, "0.1.0");
  assert_string_equal(all.doc, "one option of each kind");
  assert_string_equal(all.normalise, "layer-max");
  assert_int_equal(all.flags, 0);
  assert_string_equal(all.formula, ""); /* which its struct ends before */
  assert_string_equal(all.citation, "");
  assert_string_equal(all.reduction, "");
  assert_int_equal(all.n_options, 4);
  assert_string_equal(all.options[0].name, "power");
  assert_string_equal(all.options[0].help, "an exponent");
  assert_int_equal(all.options[0].kind, RP_OPTION_NUMBER);
  assert_near(all.options[0].default_number, 0.5, 0);
  assert_near(all.options[0].lowest, -1, 0);
  assert_near(all.options[0].highest, 2, 0);
  assert_int_equal(all.options[3].kind, RP_OPTION_CHOICE);
  assert_string_equal(all.options[3].choices, "cosine|dot|euclid");
  assert_string_equal(all.options[3].default_text, "dot");

  char *bytes;
  size_t size;
  assert_ok(rp_read_file(all.path, 1 << 24, &bytes, &size, &err), err);
  assert_true(rp_id_equal(all.file_hash, rp_digest_of("plugin", bytes, size)));
  free(bytes);
  assert_null(dlopen(all.path, RTLD_NOW | RTLD_NOLOAD));
  rp_plugin_description_free(&all);
}

static void every_built_in_ranker_describes_itself_under_its_files_name(void **unused) {
  (void)unused;
  static const char *const names[] = {"activation", "apoz", "bn-scale", "contribution", "correlation",     "fpgm",   "gradient",
                                      "l1",         "l2",   "ortho",    "oracle-loss",  "oracle-accuracy", "random", "taylor"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    char file[64];
    snprintf(file, sizeof file, "rankers/%s.so", names[i]);
    rp_plugin_description ranker = describe_plugin(file);
    assert_string_equal(ranker.name, names[i]);
    rp_plugin_description_free(&ranker);
  }
}

static void a_description_that_is_known_already_tells_the_same(void **unused) {
  (void)unused;
  rp_error err = {0};
  rp_plugin_descriptions known = {0};
  rp_plugin_description read = describe_plugin("rankers/ortho.so");
  for (int i = 0; i < 2; i++) {
    rp_plugin_description copy;
    assert_ok(rp_plugin_describe_once(&known, built_file("rankers/ortho.so"), &copy, &err), err);
    assert_string_equal(copy.doc, read.doc);
    assert_string_equal(copy.formula, read.formula);
    assert_string_equal(copy.citation, read.citation);
    assert_string_equal(copy.reduction, read.reduction);
    assert_int_equal(copy.n_options, read.n_options);
    rp_plugin_description_free(&copy);
  }
  assert_int_equal(known.n, 1);
  rp_plugin_descriptions_free(&known);
  rp_plugin_description_free(&read);
}

static void taylor_is_normalised_by_the_layers_l2_norm_by_default(void **unused) {
  (void)unused;
  rp_plugin_description taylor = describe_plugin("rankers/taylor.so"), ortho = describe_plugin("rankers/ortho.so");
  assert_string_equal(taylor.normalise, "layer-l2");
  assert_string_equal(ortho.normalise, "none");
  rp_plugin_description_free(&taylor);
  rp_plugin_description_free(&ortho);
}

static void fields_beyond_a_plugins_own_size_read_as_null(void **unused) {
  (void)unused;
  rp_plugin old = load_plugin("tests/plugins/all_options.so");
  assert_non_null(old.ranker->score);
  assert_null(old.ranker->choose);
  assert_null(old.ranker->destroy);
  rp_plugin_free(&old);
}

static void a_loaded_plugin_is_the_described_file(void **unused) {
  (void)unused;
  rp_plugin_description described = describe_plugin("rankers/ortho.so");
  rp_plugin loaded = load_plugin("rankers/ortho.so");
  assert_true(rp_id_equal(described.file_hash, loaded.file_hash));
  assert_string_equal(described.path, loaded.path);
  assert_string_equal(loaded.ranker->name, "ortho");
  rp_plugin_free(&loaded);
  rp_plugin_description_free(&described);
}

/* ---- Options --------------------------------------------------------------------------------- */

static void options_that_are_not_given_have_their_defaults(void **unused) {
  (void)unused;
  rp_error err = {0};
  rp_plugin_description all = describe_plugin("tests/plugins/all_options.so");
  rp_value *values;
  assert_ok(rp_ranker_options_parse(&all, NULL, 0, &values, &err), err);
  assert_near(values[0].number, 0.5, 0);
  assert_near(values[1].number, 3, 0);
  assert_near(values[2].number, 1, 0);
  assert_near(values[3].number, 1, 0);
  assert_string_equal(values[3].text, "dot");
  assert_null(values[0].text);
  assert_int_equal(values[3].size, sizeof(rp_value));
  free(values);
  rp_plugin_description_free(&all);
}

static void options_are_parsed_in_any_order(void **unused) {
  (void)unused;
  rp_error err = {0};
  rp_plugin_description all = describe_plugin("tests/plugins/all_options.so");
  rp_value *values;
  rp_option_text given[] = {{"measure", "euclid"}, {"centred", "off"}, {"neighbours", "10.0"}, {"power", "-2.5e-1"}};
  assert_ok(rp_ranker_options_parse(&all, given, 4, &values, &err), err);
  assert_near(values[0].number, -0.25, 0);
  assert_near(values[1].number, 10, 0);
  assert_near(values[2].number, 0, 0);
  assert_near(values[3].number, 2, 0);
  assert_string_equal(values[3].text, "euclid");

  static const char *const texts[] = {"-0.25", "10", "off", "euclid"};
  for (int i = 0; i < 4; i++) {
    char *text;
    assert_ok(rp_ranker_option_text(&all, i, &values[i], &text, &err), err);
    assert_string_equal(text, texts[i]);
    free(text);
  }
  free(values);
  rp_plugin_description_free(&all);
}

static void a_bad_option_is_refused_with_what_is_accepted(void **unused) {
  (void)unused;
  static const struct {
    const char *name, *text, *message;
  } bad[] = {
      {"neigbours", "3", "did you mean neighbours?"},
      {"colour", "3", "only: power, neighbours, centred, measure"},
      {"power", "2.5", "option power is 2.5, outside its range from -1 to 2"},
      {"power", "much", "option power is \"much\", but takes a number from -1 to 2"},
      {"power", "nan", "takes a number"},
      {"power", "0x1", "takes a number"},
      {"power", "1e999", "takes a number"},
      {"power", "", "takes a number"},
      {"neighbours", "2.5", "takes a whole number from 1 to 10"},
      {"neighbours", "11", "outside its range from 1 to 10"},
      {"centred", "maybe", "takes on or off"},
      {"measure", "cosin", "takes cosine|dot|euclid; did you mean cosine?"},
      {"measure", "cosine|dot", "takes cosine|dot|euclid"},
  };
  rp_error err = {0};
  rp_plugin_description all = describe_plugin("tests/plugins/all_options.so");
  rp_value *values;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    rp_option_text given = {bad[i].name, bad[i].text};
    assert_fails(rp_ranker_options_parse(&all, &given, 1, &values, &err), RP_EINPUT, err, bad[i].message);
    assert_null(values);
  }
  rp_option_text twice[] = {{"power", "1"}, {"power", "1"}};
  assert_fails(rp_ranker_options_parse(&all, twice, 2, &values, &err), RP_EINPUT, err, "given twice");
  rp_plugin_description_free(&all);

  rp_plugin_description random = describe_plugin("rankers/random.so");
  assert_fails(rp_ranker_options_parse(&random, twice, 1, &values, &err), RP_EINPUT, err, "takes none");
  assert_ok(rp_ranker_options_parse(&random, NULL, 0, &values, &err), err);
  assert_null(values);
  rp_plugin_description_free(&random);
}

static void the_nearest_word_is_near(void **unused) {
  (void)unused;
  static const char *const words[] = {"ortho", "oracle-loss", "oracle-accuracy", "l2"};
  assert_string_equal(rp_nearest_spelling("orhto", words, 4), "ortho");
  assert_string_equal(rp_nearest_spelling("Ortho", words, 4), "ortho");
  assert_string_equal(rp_nearest_spelling("oracle-acuracy", words, 4), "oracle-accuracy");
  assert_string_equal(rp_nearest_spelling("l1", words, 4), "l2");
  assert_null(rp_nearest_spelling("taylor", words, 4));
  assert_null(rp_nearest_spelling("x", words, 0));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_ranker_is_found_by_name_in_the_folder),
      cmocka_unit_test(a_ranker_is_found_by_a_path_relative_to_the_working_folder),
      cmocka_unit_test(the_folders_rankers_are_listed_in_order),
      cmocka_unit_test(the_folder_is_the_environments_or_lies_beside_the_program),
      cmocka_unit_test(a_description_tells_all_and_loads_nothing),
      cmocka_unit_test(every_built_in_ranker_describes_itself_under_its_files_name),
      cmocka_unit_test(a_description_that_is_known_already_tells_the_same),
      cmocka_unit_test(taylor_is_normalised_by_the_layers_l2_norm_by_default),
      cmocka_unit_test(fields_beyond_a_plugins_own_size_read_as_null),
      cmocka_unit_test(a_loaded_plugin_is_the_described_file),
      cmocka_unit_test(options_that_are_not_given_have_their_defaults),
      cmocka_unit_test(options_are_parsed_in_any_order),
      cmocka_unit_test(a_bad_option_is_refused_with_what_is_accepted),
      cmocka_unit_test(the_nearest_word_is_near),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
