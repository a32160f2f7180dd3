/* test_node.c: trees of values: equality, merging, canonical JSON, places. */
#include "tests/yaml_files.h"

/* ---- Numbers --------------------------------------------------------------------------------- */

static void assert_canonical(const char *number, const char *canonical) {
  rp_text text = {0};
  assert_true(rp_number_canonical(number, &text));
  assert_string_equal(rp_text_string(&text), canonical);
  rp_text_free(&text);
}

static void a_number_has_one_canonical_form(void **unused) {
  (void)unused;
  assert_canonical("30.0", "30");
  assert_canonical("3e1", "30");
  assert_canonical("+030", "30");
  assert_canonical("1e-2", "0.01");
  assert_canonical(".01", "0.01");
  assert_canonical("-0.0", "0");
  assert_canonical("12.50", "12.5");
  assert_canonical("1234567.25", "1234567.25");
  assert_canonical("0.1", "0.1");
  assert_canonical("100000000000000000000", "1e20");
  assert_canonical("1e-30", "1e-30");
  assert_canonical("12.5e30", "125e29");
}

static void what_is_no_decimal_has_no_canonical_form(void **unused) {
  (void)unused;
  static const char *const OTHERS[] = {
      "", ".", "-", "1e", "1e+", "0x10", "1_000", "nan", ".inf", "1.2.3", "1 ", "1e99999", "1e9999999999999999999"};
  for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++) {
    rp_text text = {0};
    if (rp_number_canonical(OTHERS[i], &text)) fail_msg("'%s' is taken for a number", OTHERS[i]);
    rp_text_free(&text);
  }
}

/* The number is read, but its canonical exponent would have five digits. */
static void a_number_that_would_not_read_back_has_no_canonical_form(void **unused) {
  (void)unused;
  rp_text number = {0}, canonical = {0};
  rp_text_add(&number, "0.");
  for (int i = 0; i < 400; i++) rp_text_add(&number, "0");
  rp_text_add(&number, "1e-9990");
  assert_false(rp_number_canonical(rp_text_string(&number), &canonical));
  rp_text_free(&number);
  rp_text_free(&canonical);
}

static void a_double_is_written_with_the_fewest_digits_that_read_back(void **unused) {
  (void)unused;
  static const struct {
    double value;
    const char *text;
  } CASES[] = {{0.1, "0.1"}, {30, "30"}, {1.0 / 3, "0.3333333333333333"}, {1e-30, "1e-30"}, {-2.5, "-2.5"}, {0, "0"}};
  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
    rp_text text = {0};
    rp_number_add(CASES[i].value, &text);
    assert_string_equal(rp_text_string(&text), CASES[i].text);
    rp_text_free(&text);
  }
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void canonical_json_sorts_keys_and_knows_no_layout(void **unused) {
  (void)unused;
  RP_CLEANUP(rp_node_free) rp_node *node = node_of("b: [1.0, on, ~, \"x\\n\"]\na: {z: 1e2, y: 'on'}\n");
  assert_json(node, "{\"a\":{\"y\":\"on\",\"z\":100},\"b\":[1,true,null,\"x\\n\"]}");
}

static void canonical_json_reads_back_as_the_same_tree(void **unused) {
  (void)unused;
  RP_CLEANUP(rp_node_free)
  rp_node *node =
      node_of("{a: [1, 'two', \"th\\\"ree\\\\\", {b: ~, 'on': off}], 'k e y': \"\\u00e9\\u4e2d\\t\", empty: {}, none: [], '': ''}");
  RP_CLEANUP(rp_node_free) rp_node *again = NULL;
  char *json = NULL;
  rp_error err = {0};
  assert_ok(rp_node_json(node, &json, &err), err);
  again = node_of(json);
  assert_true(rp_node_equal(node, again));
  free(json);
}

static void flow_and_block_yaml_read_back_as_the_same_tree(void **unused) {
  (void)unused;
  RP_CLEANUP(rp_node_free)
  rp_node *node = node_of(
      "{a: {b: [1, 'true', '- x', 'a: b', ' c', '#d', '1.0', 'e,f', ''], c: {d: on}}, l: [{x: 1}, [2, 3]], 'k: y': 'null', s: '...'}");
  rp_error err = {0};
  rp_status (*const WRITERS[])(const rp_node *, char **, rp_error *) = {rp_node_flow, rp_node_pretty};
  for (int i = 0; i < 2; i++) {
    char *text = NULL;
    assert_ok(WRITERS[i](node, &text, &err), err);
    RP_CLEANUP(rp_node_free) rp_node *again = node_of(text);
    if (!rp_node_equal(node, again)) fail_msg("reads back otherwise: %s", text);
    free(text);
  }
}

/* ---- Equality and access --------------------------------------------------------------------- */

static void equality_is_by_value(void **unused) {
  (void)unused;
  static const struct {
    const char *a, *b;
    int equal;
  } CASES[] = {{"30", "30.0", 1},
               {"30", "'30'", 0},
               {"on", "yes", 1},
               {"on", "'on'", 0},
               {"{a: 1, b: 2}", "{b: 2, a: 1}", 1},
               {"{a: 1}", "{a: 1, b: 2}", 0},
               {"{a: 1, b: 2}", "{a: 1}", 0},
               {"[1, 2]", "[2, 1]", 0},
               {"~", "null", 1},
               {"[]", "{}", 0}};
  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
    RP_CLEANUP(rp_node_free) rp_node *a = node_of(CASES[i].a);
    RP_CLEANUP(rp_node_free) rp_node *b = node_of(CASES[i].b);
    if (rp_node_equal(a, b) != CASES[i].equal) fail_msg("%s and %s", CASES[i].a, CASES[i].b);
  }
}

static void paths_lead_to_values(void **unused) {
  (void)unused;
  RP_CLEANUP(rp_node_free) rp_node *node = node_of("{a: {b: {c: 7}}, s: x, f: 2.5, ab: 1}");
  int64_t integer = 0;
  double number = 0;
  assert_true(rp_node_integer(rp_node_at(node, "a.b.c"), &integer));
  assert_int_equal(integer, 7);
  assert_null(rp_node_at(node, "a.b.c.d"));
  assert_null(rp_node_at(node, "a.x"));
  assert_ptr_equal(rp_node_at(node, ""), node);
  assert_false(rp_node_integer(rp_node_at(node, "f"), &integer));
  assert_true(rp_node_double(rp_node_at(node, "f"), &number));
  assert_near(number, 2.5, 0);
  assert_string_equal(rp_node_text(rp_node_at(node, "s")), "x");
  assert_string_equal(rp_node_text(NULL), "");
}

static void whole_numbers_are_told_from_others(void **unused) {
  (void)unused;
  RP_CLEANUP(rp_node_free) rp_node *node = node_of("[3.0, 1e3, -4, 0.5, 1e30, 999999999999999999]");
  int64_t value = 0;
  assert_true(rp_node_integer(node->entries[0].value, &value) && value == 3);
  assert_true(rp_node_integer(node->entries[1].value, &value) && value == 1000);
  assert_true(rp_node_integer(node->entries[2].value, &value) && value == -4);
  assert_false(rp_node_integer(node->entries[3].value, &value));
  assert_false(rp_node_integer(node->entries[4].value, &value));
  assert_true(rp_node_integer(node->entries[5].value, &value) && value == 999999999999999999);
}

/* ---- Merging --------------------------------------------------------------------------------- */

static void assert_merged(const char *base_yaml, const char *overlay_yaml, const char *json) {
  RP_CLEANUP(rp_node_free) rp_node *base = node_of(base_yaml);
  RP_CLEANUP(rp_node_free) rp_node *overlay = node_of(overlay_yaml);
  rp_error err = {0};
  assert_ok(rp_node_merge(base, overlay, &err), err);
  assert_json(base, json);
}

static void maps_merge_deeply(void **unused) {
  (void)unused;
  assert_merged("{a: {b: 1, c: {d: 2}}}", "{a: {c: {e: 3}, b: 4}, f: 5}", "{\"a\":{\"b\":4,\"c\":{\"d\":2,\"e\":3}},\"f\":5}");
  assert_merged("{a: [1, 2]}", "{a: [3]}", "{\"a\":[3]}");
  assert_merged("{a: {b: 1}}", "{a: 2}", "{\"a\":2}");
}

static void another_name_or_preset_replaces_the_map(void **unused) {
  (void)unused;
  assert_merged("{o: {name: sgd, lr: 1}}", "{o: {name: momentum}}", "{\"o\":{\"name\":\"momentum\"}}");
  assert_merged("{o: {name: sgd, lr: 1}}", "{o: {name: sgd, m: 2}}", "{\"o\":{\"lr\":1,\"m\":2,\"name\":\"sgd\"}}");
  assert_merged("{o: {name: sgd, lr: 1}}", "{o: {lr: 3}}", "{\"o\":{\"lr\":3,\"name\":\"sgd\"}}");
  assert_merged("{r: {mode: random, bias: keep}}", "{r: {preset: authors}}", "{\"r\":{\"preset\":\"authors\"}}");
  assert_merged("{name: one, a: 1}", "{name: two}", "{\"a\":1,\"name\":\"two\"}"); /* not at the top */
}

static void a_string_is_short_for_a_map_with_that_name(void **unused) {
  (void)unused;
  assert_merged("{r: ortho}", "{r: {name: ortho, variant: authors}}", "{\"r\":{\"name\":\"ortho\",\"variant\":\"authors\"}}");
  assert_merged("{r: {name: ortho, variant: authors}}", "{r: l2}", "{\"r\":{\"name\":\"l2\"}}");
  assert_merged("{r: {name: ortho, variant: authors}}", "{r: ortho}", "{\"r\":{\"name\":\"ortho\",\"variant\":\"authors\"}}");
  assert_merged("{r: ortho}", "{r: {variant: authors}}", "{\"r\":{\"name\":\"ortho\",\"variant\":\"authors\"}}");
}

static void a_value_is_set_at_a_path(void **unused) {
  (void)unused;
  RP_CLEANUP(rp_node_free) rp_node *node = node_of("{s: {r: ortho}}");
  RP_CLEANUP(rp_node_free) rp_node *value = node_of("authors");
  rp_error err = {0};
  assert_ok(rp_node_set(node, "s.r.variant", value, &err), err);
  assert_ok(rp_node_set(node, "x.y", value, &err), err);
  assert_json(node, "{\"s\":{\"r\":{\"name\":\"ortho\",\"variant\":\"authors\"}},\"x\":{\"y\":\"authors\"}}");
}

static void keys_with_dots_are_spelt_out(void **unused) {
  (void)unused;
  RP_CLEANUP(rp_node_free) rp_node *node = node_of("{s.p: 10, s.l.skip: [a], t: 1}");
  RP_CLEANUP(rp_node_free) rp_node *expanded = NULL;
  rp_error err = {0};
  assert_ok(rp_node_expand_dots(node, &expanded, &err), err);
  assert_json(expanded, "{\"s\":{\"l\":{\"skip\":[\"a\"]},\"p\":10},\"t\":1}");
  RP_CLEANUP(rp_node_free) rp_node *bad = node_of("{s..p: 10}");
  RP_CLEANUP(rp_node_free) rp_node *none = NULL;
  assert_fails(rp_node_expand_dots(bad, &none, &err), RP_EINPUT, err, "test:1:2: 's..p' is no key");
}

/* ---- Places ---------------------------------------------------------------------------------- */

static void a_copy_keeps_place_and_path(void **unused) {
  (void)unused;
  rp_node *node = node_of("a: 1\nb:\n  c: 130\n");
  RP_CLEANUP(rp_node_free) rp_node *copy = NULL;
  rp_error err = {0};
  assert_ok(rp_node_set_paths(node, "", &err), err);
  assert_ok(rp_node_copy(rp_node_at(node, "b.c"), &copy, &err), err);
  rp_node_free(&node);
  assert_int_equal(rp_node_fail(copy, &err, "%s is too much", copy->text), RP_EINPUT);
  assert_string_equal(err.message, "test:3:6: b.c: 130 is too much");
}

static void entries_are_appended_put_and_removed(void **unused) {
  (void)unused;
  RP_CLEANUP(rp_node_free) rp_node *node = node_of("{a: 1, b: 2, c: 3}");
  rp_node *value = node_of("9");
  rp_error err = {0};
  assert_true(rp_node_remove(node, "b"));
  assert_false(rp_node_remove(node, "b"));
  assert_ok(rp_node_put(node, "a", &value, &err), err);
  assert_null(value);
  assert_json(node, "{\"a\":9,\"c\":3}");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_number_has_one_canonical_form),
      cmocka_unit_test(what_is_no_decimal_has_no_canonical_form),
      cmocka_unit_test(a_number_that_would_not_read_back_has_no_canonical_form),
      cmocka_unit_test(a_double_is_written_with_the_fewest_digits_that_read_back),
      cmocka_unit_test(canonical_json_sorts_keys_and_knows_no_layout),
      cmocka_unit_test(canonical_json_reads_back_as_the_same_tree),
      cmocka_unit_test(flow_and_block_yaml_read_back_as_the_same_tree),
      cmocka_unit_test(equality_is_by_value),
      cmocka_unit_test(paths_lead_to_values),
      cmocka_unit_test(whole_numbers_are_told_from_others),
      cmocka_unit_test(maps_merge_deeply),
      cmocka_unit_test(another_name_or_preset_replaces_the_map),
      cmocka_unit_test(a_string_is_short_for_a_map_with_that_name),
      cmocka_unit_test(a_value_is_set_at_a_path),
      cmocka_unit_test(keys_with_dots_are_spelt_out),
      cmocka_unit_test(a_copy_keeps_place_and_path),
      cmocka_unit_test(entries_are_appended_put_and_removed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
