/* fuzz_yaml.c: whatever bytes an experiment's file holds, reading, checking and expanding it either works or is refused as bad input; what
 * was read survives being written as JSON. */
#include "experiments/config/keys.h"
#include "experiments/config/template.h"
#include "experiments/config/yaml.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void expect(int truth) {
  if (!truth) abort();
}

static void expect_refused_or_done(rp_status status, const rp_error *err) {
  expect(status == RP_OK || (status == RP_EINPUT && err->message[0]));
}

/* JSON, flow and block YAML all read back as the same tree. */
static void write_and_read_back(const rp_node *node) {
  static rp_status (*const WRITERS[])(const rp_node *, char **, rp_error *) = {rp_node_json, rp_node_flow, rp_node_pretty};
  for (int i = 0; i < 3; i++) {
    rp_error err = {0};
    char *text = NULL;
    rp_node *again = NULL;
    expect(WRITERS[i](node, &text, &err) == RP_OK);
    rp_status status = rp_yaml_parse(text, "again", &again, &err);
    /* Written out, aliases can be more than a file may hold. */
    if (status == RP_OK)
      expect(rp_node_equal(node, again));
    else
      expect(strstr(err.message, "are more than a file may have") != NULL);
    rp_node_free(&again);
    free(text);
  }
}

static void check_keys(rp_node *node) {
  rp_error err = {0};
  expect(rp_node_set_paths(node, "", &err) == RP_OK);
  rp_status status = rp_keys_check(&rp_experiment_keys, "", node, &err);
  expect_refused_or_done(status, &err);
  if (status != RP_OK) return;
  expect(rp_keys_fill(&rp_experiment_keys, "", node, &err) == RP_OK);
  expect(rp_keys_check(&rp_experiment_keys, "", node, &err) == RP_OK);
}

static void expand(const rp_node *node) {
  rp_error err = {0};
  rp_node *expanded = NULL;
  expect_refused_or_done(rp_template_expand(node, rp_node_get(node, "parameters"), &expanded, &err), &err);
  rp_node_free(&expanded);
}

static void merge_with_itself(const rp_node *node) {
  rp_error err = {0};
  rp_node *dotless = NULL;
  if (node->kind != RP_NODE_MAP) return;
  expect_refused_or_done(rp_node_expand_dots(node, &dotless, &err), &err);
  if (dotless) expect(rp_node_merge(dotless, node, &err) == RP_OK);
  rp_node_free(&dotless);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  rp_error err = {0};
  rp_node *node = NULL;
  rp_status status = rp_yaml_parse_bytes((const char *)bytes, size, "input", &node, &err);
  expect_refused_or_done(status, &err);
  expect((status == RP_OK) == (node != NULL));
  if (!node) return 0;
  write_and_read_back(node);
  expand(node);
  merge_with_itself(node);
  check_keys(node);
  rp_node_free(&node);
  return 0;
}
