/* test_ids.c: ids say what decides a state, nothing else, and stay what they are. */
#include "experiments/plan/ids.h"
#include "tests/check.h"

static const rp_id DATASET = {{1, 2, 3}};
static const rp_id PARENT = {{9, 8, 7}};

static rp_id root_of(rp_id dataset, const char *split, const char *model, uint64_t seed) {
  rp_error err = {0};
  rp_id id;
  assert_ok(rp_id_of_root(dataset, split, model, seed, &id, &err), err);
  return id;
}

static rp_id child_of(rp_id parent, rp_op_kind op, const char *params) {
  rp_error err = {0};
  rp_id id;
  assert_ok(rp_id_of_child(parent, op, params, &id, &err), err);
  return id;
}

static rp_id dropped_of(rp_id parent, int gate, const uint8_t *set, int n) {
  rp_error err = {0};
  rp_id id;
  assert_ok(rp_id_of_dropped(parent, gate, set, n, &id, &err), err);
  return id;
}

static rp_id request_of(rp_id parent, const char *params, const char *version, rp_id hash) {
  rp_error err = {0};
  rp_id id;
  assert_ok(rp_id_of_request(parent, params, version, hash, &id, &err), err);
  return id;
}

static void assert_different(const rp_id *ids, int n) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < i; j++)
      if (rp_id_equal(ids[i], ids[j])) fail_msg("ids %d and %d are equal", i, j);
}

static void each_thing_that_decides_a_root_changes_its_id(void **unused) {
  (void)unused;
  rp_id ids[] = {root_of(DATASET, "s", "m", 1), root_of(PARENT, "s", "m", 1),  root_of(DATASET, "t", "m", 1),
                 root_of(DATASET, "s", "n", 1), root_of(DATASET, "s", "m", 2), root_of(DATASET, "sm", "", 1)};
  assert_different(ids, 6);
}

static void each_thing_that_decides_a_child_changes_its_id(void **unused) {
  (void)unused;
  rp_id ids[] = {child_of(PARENT, RP_OP_TRAIN, "{}"), child_of(DATASET, RP_OP_TRAIN, "{}"), child_of(PARENT, RP_OP_REGROW, "{}"),
                 child_of(PARENT, RP_OP_TRAIN, "{\"batch\":32}")};
  assert_different(ids, 4);
}

static void rule_27_a_dropped_state_is_named_by_gate_and_set_and_a_request_by_what_was_asked(void **unused) {
  (void)unused;
  const uint8_t none[4] = {0}, first[4] = {1}, last[4] = {0, 0, 0, 1}, first_otherwise[4] = {7};
  rp_id ids[] = {dropped_of(PARENT, 1, none, 4), dropped_of(PARENT, 1, first, 4), dropped_of(PARENT, 1, last, 4),
                 dropped_of(PARENT, 0, first, 4), dropped_of(DATASET, 1, first, 4)};
  assert_different(ids, 5);
  assert_true(rp_id_equal(ids[1], dropped_of(PARENT, 1, first_otherwise, 4)));
  rp_id requests[] = {request_of(PARENT, "{}", "1.0.0", DATASET), request_of(DATASET, "{}", "1.0.0", DATASET),
                      request_of(PARENT, "{\"p\":10}", "1.0.0", DATASET), request_of(PARENT, "{}", "1.0.1", DATASET),
                      request_of(PARENT, "{}", "1.0.0", PARENT)};
  assert_different(requests, 5);
}

static void a_trial_is_named_by_its_root_and_the_order_of_its_steps(void **unused) {
  (void)unused;
  rp_error err = {0};
  const rp_program_step ab[] = {{RP_OP_TRAIN, "{}"}, {RP_OP_REGROW, "{}"}}, ba[] = {{RP_OP_REGROW, "{}"}, {RP_OP_TRAIN, "{}"}};
  rp_id ids[4];
  assert_ok(rp_id_of_trial(PARENT, ab, 2, &ids[0], &err), err);
  assert_ok(rp_id_of_trial(PARENT, ba, 2, &ids[1], &err), err);
  assert_ok(rp_id_of_trial(PARENT, ab, 1, &ids[2], &err), err);
  assert_ok(rp_id_of_trial(DATASET, ab, 2, &ids[3], &err), err);
  assert_different(ids, 4);
}

/* Golden ids pin the format: where they move, everything that people have stored is computed anew. */
static void assert_golden(rp_id id, const char *expected) {
  char hex[RP_ID_HEX + 1];
  rp_id_hex(id, hex);
  if (strcmp(hex, expected) != 0) fail_msg("ids moved: bump the op's version or say why (%s, not %s)", hex, expected);
}

static void ids_stay_what_they_are(void **unused) {
  (void)unused;
  const uint8_t set[5] = {0, 1, 0, 0, 1};
  rp_error err = {0};
  rp_id trial;
  const rp_program_step steps[] = {{RP_OP_TRAIN, "{}"}, {RP_OP_DROP, "{\"p\":30}"}, {RP_OP_REGROW, "{}"}};
  assert_golden(root_of(DATASET, "{\"validation\":5000}", "[]", 1), "3d982142a3a502b6373863fb9c3f326b");
  assert_golden(child_of(PARENT, RP_OP_TRAIN, "{\"lr\":0.1}"), "e4aaebc50ff3e894c51de9cdd7789092");
  assert_golden(child_of(PARENT, RP_OP_REGROW, "{}"), "1a40e88fdbad47b4bf7064e2791e85f6");
  assert_golden(dropped_of(PARENT, 1, set, 5), "7bf645a70f3be10b9ff6f20da5103094");
  assert_golden(request_of(PARENT, "{\"p\":30}", "1.0.0", DATASET), "2d05fb952598762a2b0df59205828dcd");
  assert_ok(rp_id_of_trial(PARENT, steps, 3, &trial, &err), err);
  assert_golden(trial, "e17c02a1da9c4f0c2ebb6b1fa496b51c");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_thing_that_decides_a_root_changes_its_id),
      cmocka_unit_test(each_thing_that_decides_a_child_changes_its_id),
      cmocka_unit_test(rule_27_a_dropped_state_is_named_by_gate_and_set_and_a_request_by_what_was_asked),
      cmocka_unit_test(a_trial_is_named_by_its_root_and_the_order_of_its_steps),
      cmocka_unit_test(ids_stay_what_they_are),
  };
  return cmocka_run_group_tests_name("ids", tests, NULL, NULL);
}
