/* test_yaml.c: reading YAML and JSON, and what is refused. */
#include "tests/yaml_files.h"

static void plain_scalars_have_types_and_quoted_ones_are_strings(void **unused) {
  (void)unused;
  RP_CLEANUP(rp_node_free)
  rp_node *node = node_of("[on, Off, YES, no, true, ~, null, '', 3, -1e-2, 1.5, 'on', \"3\", 0x10, .nan, conv1, 1.2.3, yEs]");
  assert_json(node, "[true,false,true,false,true,null,null,\"\",3,-0.01,1.5,\"on\",\"3\",\"0x10\",\".nan\",\"conv1\",\"1.2.3\",\"yEs\"]");
}

static void json_is_read_too(void **unused) {
  (void)unused;
  RP_CLEANUP(rp_node_free) rp_node *node = node_of("{\"a\":{\"b\":[1,2.50,true,null,\"x\\\"\\u00e9\\n\"]},\"c\":\"\"}");
  assert_json(node, "{\"a\":{\"b\":[1,2.5,true,null,\"x\\\"\xc3\xa9\\n\"]},\"c\":\"\"}");
}

static void values_know_their_lines_and_columns(void **unused) {
  (void)unused;
  RP_CLEANUP(rp_node_free) rp_node *node = node_of("a: 1\nb:\n  - x\n  - {c: 5}\n");
  const rp_node *c = rp_node_get(rp_node_get(node, "b")->entries[1].value, "c");
  assert_int_equal(c->origin.line, 4);
  assert_int_equal(c->origin.column, 9);
  assert_int_equal(node->entries[1].key_origin.line, 2);
  assert_string_equal(rp_node_file(c), "test");
}

static void an_empty_document_is_null(void **unused) {
  (void)unused;
  RP_CLEANUP(rp_node_free) rp_node *node = node_of("# nothing\n");
  assert_json(node, "null");
}

static void aliases_stand_for_copies(void **unused) {
  (void)unused;
  RP_CLEANUP(rp_node_free) rp_node *node = node_of("a: &x {p: 1}\nb: *x\nc: [*x, &y 7, *y]\n");
  assert_json(node, "{\"a\":{\"p\":1},\"b\":{\"p\":1},\"c\":[{\"p\":1},7,7]}");
}

static void assert_refused(const char *yaml, const char *part) {
  rp_node *node = NULL;
  rp_error err = {0};
  assert_fails(rp_yaml_parse(yaml, "f.yaml", &node, &err), RP_EINPUT, err, part);
  assert_null(node);
}

static void what_an_experiment_has_no_use_for_is_refused_with_its_place(void **unused) {
  (void)unused;
  assert_refused("a: 1\nb: 2\na: 3\n", "f.yaml:3:1: the key 'a' stands here a second time");
  assert_refused("a: 1\n--- \nb: 2\n", "f.yaml:2:1: a second document starts here");
  assert_refused("a: *nobody\n", "f.yaml:1:4: there is no anchor &nobody");
  assert_refused("a: !!int 3\n", "f.yaml:1:4: tags");
  assert_refused("[1, 2]: 3\n", "f.yaml:1:1: a key cannot be a list or a map");
  assert_refused("<<: {a: 1}\n", "merge keys");
  assert_refused("a: [1, 2\nb: 3\n", "f.yaml:2:2: no valid YAML");
  assert_refused("a:\n\t- 1\n", "f.yaml:2:1: no valid YAML");
  assert_refused("a: \"\\0\"\n", "control characters");
  assert_refused("a: \"\\x7f\"\n", "control characters");
  assert_refused("a: \xff\n", "no valid YAML");
}

static void an_alias_cannot_stand_for_what_holds_it(void **unused) {
  (void)unused;
  assert_refused("a: &x [1, *x]\n", "there is no anchor &x before this");
}

/* Nine levels of nine aliases each would be 387 million values. */
static void a_file_cannot_blow_up_through_aliases(void **unused) {
  (void)unused;
  rp_text text = {0};
  rp_text_add(&text, "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]\n");
  for (int i = 1; i < 9; i++)
    rp_text_format(&text, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i, i - 1, i - 1, i - 1, i - 1, i - 1,
                   i - 1, i - 1, i - 1, i - 1);
  assert_refused(rp_text_string(&text), "a file may have 250000 values");
  rp_text_free(&text);
}

/* 300 aliases of a list of a thousand. */
static void aliases_count_as_what_they_stand_for(void **unused) {
  (void)unused;
  rp_text text = {0};
  rp_text_add(&text, "- &x [0");
  for (int i = 1; i < 1000; i++) rp_text_add(&text, ", 0");
  rp_text_add(&text, "]\n");
  for (int i = 0; i < 300; i++) rp_text_add(&text, "- *x\n");
  assert_refused(rp_text_string(&text), "a file may have 250000 values");
  rp_text_free(&text);
}

static void nesting_is_bounded(void **unused) {
  (void)unused;
  rp_text deep = {0}, deeper = {0};
  for (int i = 0; i < RP_YAML_MAX_DEPTH; i++) rp_text_add(&deep, "[");
  for (int i = 0; i < RP_YAML_MAX_DEPTH; i++) rp_text_add(&deep, "]");
  rp_text_format(&deeper, "[%s]", rp_text_string(&deep));
  RP_CLEANUP(rp_node_free) rp_node *node = node_of(rp_text_string(&deep));
  assert_int_equal(node->kind, RP_NODE_LIST);
  assert_refused(rp_text_string(&deeper), "nested more than 64 deep");
  rp_text_free(&deep);
  rp_text_free(&deeper);
}

static void a_file_is_read_and_a_missing_one_named(void **unused) {
  (void)unused;
  RP_CLEANUP(rp_node_free) rp_node *node = NULL;
  rp_node *none = NULL;
  rp_error err = {0};
  assert_ok(rp_yaml_load(test_file("a.yaml", "x: 1\n"), &node, &err), err);
  assert_json(node, "{\"x\":1}");
  assert_fails(rp_yaml_load("/nowhere/b.yaml", &none, &err), RP_EINPUT, err, "/nowhere/b.yaml: No such file or directory");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(plain_scalars_have_types_and_quoted_ones_are_strings),
      cmocka_unit_test(json_is_read_too),
      cmocka_unit_test(values_know_their_lines_and_columns),
      cmocka_unit_test(an_empty_document_is_null),
      cmocka_unit_test(aliases_stand_for_copies),
      cmocka_unit_test(what_an_experiment_has_no_use_for_is_refused_with_its_place),
      cmocka_unit_test(an_alias_cannot_stand_for_what_holds_it),
      cmocka_unit_test(a_file_cannot_blow_up_through_aliases),
      cmocka_unit_test(aliases_count_as_what_they_stand_for),
      cmocka_unit_test(nesting_is_bounded),
      cmocka_unit_test(a_file_is_read_and_a_missing_one_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
