/* test_template.c: the expander: $name, repeat, if, choose; and what a file's parameters are. */
#include "experiments/config/template.h"
#include "tests/yaml_files.h"

static void assert_expands(const char *body_yaml, const char *parameters_yaml, const char *json) {
  RP_CLEANUP(rp_node_free) rp_node *body = node_of(body_yaml);
  RP_CLEANUP(rp_node_free) rp_node *parameters = node_of(parameters_yaml);
  RP_CLEANUP(rp_node_free) rp_node *expanded = NULL;
  rp_error err = {0};
  assert_ok(rp_template_expand(body, parameters, &expanded, &err), err);
  assert_json(expanded, json);
}

static void assert_refused(const char *body_yaml, const char *parameters_yaml, const char *part) {
  RP_CLEANUP(rp_node_free) rp_node *body = node_of(body_yaml);
  RP_CLEANUP(rp_node_free) rp_node *parameters = node_of(parameters_yaml);
  rp_node *expanded = NULL;
  rp_error err = {0};
  assert_fails(rp_template_expand(body, parameters, &expanded, &err), RP_EINPUT, err, part);
  assert_null(expanded);
}

static void a_parameter_stands_for_any_value(void **unused) {
  (void)unused;
  assert_expands("{a: $x, b: [$y, '$z']}", "{x: 3, y: {k: [1]}, z: on}", "{\"a\":3,\"b\":[{\"k\":[1]},true]}");
}

static void a_parameter_also_stands_inside_a_string(void **unused) {
  (void)unused;
  assert_expands("[conv$n, 'a${n}b$m', $$n, 'costs $$5']", "{n: 3, m: x}", "[\"conv3\",\"a3bx\",\"$n\",\"costs $5\"]");
}

static void repeat_gives_its_entries_so_many_times(void **unused) {
  (void)unused;
  assert_expands("[{a: 1}, {repeat: $n, do: [{b: 2}, {repeat: 2, do: [c]}]}, {d: 3}]", "{n: 2}",
                 "[{\"a\":1},{\"b\":2},\"c\",\"c\",{\"b\":2},\"c\",\"c\",{\"d\":3}]");
  assert_expands("[a, {repeat: $n, do: [b]}]", "{n: 0}", "[\"a\"]");
}

static void an_entry_with_if_is_there_only_if_the_flag_is_on(void **unused) {
  (void)unused;
  const char *body = "[{a: 1, if: $on}, {b: {x: 1, if: $on}}, {c: {d: {if: $on, e: 2}, f: 3}}, {repeat: 2, if: $on, do: [g]}]";
  assert_expands(body, "{on: yes}", "[{\"a\":1},{\"b\":{\"x\":1}},{\"c\":{\"d\":{\"e\":2},\"f\":3}},\"g\",\"g\"]");
  assert_expands(body, "{on: off}", "[{\"c\":{\"f\":3}}]");
}

static void choose_takes_one_of_the_named_lists(void **unused) {
  (void)unused;
  const char *body = "[{choose: $k, 3: [a, b], wide: [c], on: [{repeat: 2, do: [d]}]}, end]";
  assert_expands(body, "{k: 3.0}", "[\"a\",\"b\",\"end\"]");
  assert_expands(body, "{k: wide}", "[\"c\",\"end\"]");
  assert_expands(body, "{k: yes}", "[\"d\",\"d\",\"end\"]");
  assert_expands("{kernel: {choose: $k, small: 3, large: 5}}", "{k: large}", "{\"kernel\":5}");
}

static void mistakes_are_named_with_their_place(void **unused) {
  (void)unused;
  assert_refused("a: 1\nb: $rankr\n", "{ranker: l2, p: 3}",
                 "test:2:4: there is no parameter 'rankr'; did you mean 'ranker'? There are: ranker, p");
  assert_refused("[{repeat: x, do: []}]", "{}", "x is not a number of repetitions");
  assert_refused("[{repeat: -1, do: []}]", "{}", "-1 is not a number of repetitions");
  assert_refused("[{repeat: 2}]", "{}", "needs `do`");
  assert_refused("[{repeat: 2, do: [], od: 1}]", "{}", "unknown key 'od' beside repeat");
  assert_refused("[{a: 1, if: 3}]", "{}", "'3' is not on or off");
  assert_refused("[{choose: larg, small: [], large: []}]", "{}", "'larg' is not among the choices; did you mean 'large'?");
  assert_refused("['x${a']", "{a: 1}", "a $ is followed by a parameter's name");
  assert_refused("['x$a']", "{a: [1]}", "a list cannot stand inside a string");
}

static void a_value_keeps_the_place_where_it_was_given(void **unused) {
  (void)unused;
  RP_CLEANUP(rp_node_free) rp_node *body = node_of("{drop: {p: $p}}");
  RP_CLEANUP(rp_node_free) rp_node *expanded = NULL;
  RP_CLEANUP(rp_node_free) rp_node *parameters = NULL;
  rp_error err = {0};
  assert_ok(rp_yaml_parse("s1: 3\np: 130\n", "demo.yaml", &parameters, &err), err);
  assert_ok(rp_node_set_paths(parameters, "scheme", &err), err);
  assert_ok(rp_template_expand(body, parameters, &expanded, &err), err);
  rp_node_fail(rp_node_at(expanded, "drop.p"), &err, "no");
  assert_string_equal(err.message, "demo.yaml:2:4: scheme.p: no");
}

static void an_expansion_cannot_blow_up(void **unused) {
  (void)unused;
  assert_refused("[{repeat: 1000, do: [{repeat: 1000, do: [{repeat: 1000, do: [a]}]}]}]", "{}", "expands to more than");
  assert_refused("[{repeat: 100000, do: [{repeat: 100000, do: []}]}]", "{}", "expands to more than");
  rp_text many = {0};
  rp_text_add(&many, "{x: [0");
  for (int i = 0; i < 300; i++) rp_text_add(&many, ", 0");
  rp_text_add(&many, "]}");
  assert_refused("[{repeat: 1000, do: [$x]}]", rp_text_string(&many), "expands to more than");
  rp_text_free(&many);
}

/* ---- Files ----------------------------------------------------------------------------------- */

static const char SCHEME[] =
    "parameters: {s1: 20, ranker: ortho, limits: {keep: 1}, must: ~}\nprogram:\n  - train: $s1\n  - drop: {ranker: $ranker}\n";

static void load(const char *given_yaml, rp_node **given, rp_template *file) {
  rp_error err = {0};
  rp_text text = {0};
  rp_text_format(&text, given_yaml, test_file("own.yaml", SCHEME));
  *given = node_of(rp_text_string(&text));
  rp_text_free(&text);
  assert_ok(rp_node_set_paths(*given, "scheme", &err), err);
  assert_ok(rp_template_load(RP_FIND_SCHEME, *given, file, &err), err);
}

static void what_is_given_is_laid_over_the_files_defaults(void **unused) {
  (void)unused;
  RP_CLEANUP(rp_node_free) rp_node *given = NULL;
  RP_CLEANUP(rp_node_free) rp_node *filled = NULL;
  RP_CLEANUP(rp_template_free) rp_template file = {0};
  rp_error err = {0};
  load("{name: %s, s1: 3, must: 1, limits: {skip: [conv1]}}", &given, &file);
  assert_ok(rp_template_fill(&file, given, "scheme", &filled, &err), err);
  rp_node_remove(filled, "name");
  assert_json(filled, "{\"limits\":{\"keep\":1,\"skip\":[\"conv1\"]},\"must\":1,\"ranker\":{\"name\":\"ortho\"},\"s1\":3}");
  assert_string_equal(rp_node_at(filled, "limits.keep")->path, "scheme.limits.keep");
}

static void a_parameter_that_the_file_lacks_or_that_must_be_given_is_an_error(void **unused) {
  (void)unused;
  RP_CLEANUP(rp_node_free) rp_node *given = NULL;
  RP_CLEANUP(rp_node_free) rp_node *incomplete = NULL;
  rp_node *filled = NULL;
  RP_CLEANUP(rp_template_free) rp_template file = {0};
  RP_CLEANUP(rp_template_free) rp_template again = {0};
  rp_error err = {0};
  load("{name: %s,\n rankr: l2, must: 1}", &given, &file);
  assert_fails(rp_template_fill(&file, given, "scheme", &filled, &err), RP_EINPUT, err, "test:2:2: scheme ");
  assert_fails(rp_template_fill(&file, given, "scheme", &filled, &err), RP_EINPUT, err, "has no parameter 'rankr'; did you mean 'ranker'?");
  load("{name: %s}", &incomplete, &again);
  assert_fails(rp_template_fill(&again, incomplete, "scheme", &filled, &err), RP_EINPUT, err, "scheme.must must be given");
}

static void a_file_that_is_missing_or_misspelt_is_an_error(void **unused) {
  (void)unused;
  rp_template file;
  rp_error err = {0};
  RP_CLEANUP(rp_node_free) rp_node *missing = node_of("{name: rpr}");
  RP_CLEANUP(rp_node_free) rp_node *no_path = node_of("{name: ./nowhere.yaml}");
  assert_fails(rp_template_load(RP_FIND_SCHEME, missing, &file, &err), RP_EINPUT, err, "there is no scheme 'rpr'; did you mean 'repr'?");
  assert_fails(rp_template_load(RP_FIND_SCHEME, no_path, &file, &err), RP_EINPUT, err, "scheme file ./nowhere.yaml: No such file");
  rp_text text = {0};
  rp_text_format(&text, "{name: %s}", test_file("bad.yaml", "parametres: {}\nprogram: []\n"));
  RP_CLEANUP(rp_node_free) rp_node *misspelt = node_of(rp_text_string(&text));
  assert_fails(rp_template_load(RP_FIND_SCHEME, misspelt, &file, &err), RP_EINPUT, err,
               "bad.yaml:1:1: unknown key 'parametres'; did you mean 'parameters'?");
  rp_text_free(&text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_parameter_stands_for_any_value),
      cmocka_unit_test(a_parameter_also_stands_inside_a_string),
      cmocka_unit_test(repeat_gives_its_entries_so_many_times),
      cmocka_unit_test(an_entry_with_if_is_there_only_if_the_flag_is_on),
      cmocka_unit_test(choose_takes_one_of_the_named_lists),
      cmocka_unit_test(mistakes_are_named_with_their_place),
      cmocka_unit_test(a_value_keeps_the_place_where_it_was_given),
      cmocka_unit_test(an_expansion_cannot_blow_up),
      cmocka_unit_test(what_is_given_is_laid_over_the_files_defaults),
      cmocka_unit_test(a_parameter_that_the_file_lacks_or_that_must_be_given_is_an_error),
      cmocka_unit_test(a_file_that_is_missing_or_misspelt_is_an_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
