/* test_state.c: a state is all its fields and nothing but them. */
#include "core/state/state.h"
#include "tests/layouts.h"
#include "tests/models.h"

/* What a digest must notice: flips one bit of some field, and again to undo it. */
typedef struct {
  void *bytes;
  size_t size;
  const char *name;
} field;

static int fields_of(rp_state *state, field *fields) {
  const rp_layout *layout = state->layout;
  int n = 0;
#define FIELD(object, count) fields[n++] = (field){&(object), (count) * sizeof(object), #object}
  FIELD(state->seed, 1);
  FIELD(state->epoch, 1);
  FIELD(state->cycle, 1);
  FIELD(state->step, 1);
  FIELD(state->parameters[0], layout->n_parameters);
  for (int i = 0; i < state->n_slots; i++) FIELD(state->slots[i][0], layout->n_parameters);
  FIELD(state->at_drop[0], layout->n_parameters);
  FIELD(state->steps[0], layout->n_units);
  for (int f = 0; f < layout->n_filters; f++) {
    FIELD(state->filters[f].dropped, 1);
    FIELD(state->filters[f].closed, 1);
    FIELD(state->filters[f].drop_cycle, 1);
    FIELD(state->filters[f].last_regrow_epoch, 1);
    FIELD(state->filters[f].times_dropped, 1);
  }
#undef FIELD
  return n;
}

static void rule_26_the_digest_covers_every_bit_of_every_field(void **unused) {
  (void)unused;
  test_layout test;
  make_small_layout(&test);
  RP_CLEANUP(rp_state_free) rp_state *state = make_full_state(&test.layout, 2);
  field fields[128];
  int n_fields = fields_of(state, fields);
  rp_id before = digest_of(state);
  for (int i = 0; i < n_fields; i++)
    for (size_t byte = 0; byte < fields[i].size; byte++)
      for (int bit = 0; bit < 8; bit += 7) {
        uint8_t *changed = (uint8_t *)fields[i].bytes + byte;
        *changed ^= (uint8_t)(1 << bit);
        if (rp_id_equal(digest_of(state), before)) fail_msg("the digest misses byte %zu of %s", byte, fields[i].name);
        *changed ^= (uint8_t)(1 << bit);
      }
  assert_true(rp_id_equal(digest_of(state), before));
}

static void the_digest_tells_slots_and_layouts_of_equal_content_apart(void **unused) {
  (void)unused;
  test_layout wide = {0}, narrow = {0};
  start_test_layout(&wide), start_test_layout(&narrow);
  add_test_conv(&wide, 2, 4, 1, 0);
  add_test_conv(&narrow, 2, 1, 2, 0);
  assert_int_equal(wide.layout.n_parameters, narrow.layout.n_parameters);
  rp_error err = {0};
  RP_CLEANUP(rp_state_free) rp_state *a = NULL, *b = NULL, *c = NULL;
  assert_ok(rp_state_create(&wide.layout, 0, 1, &a, &err), err);
  assert_ok(rp_state_create(&wide.layout, 1, 1, &b, &err), err);
  assert_ok(rp_state_create(&narrow.layout, 0, 1, &c, &err), err);
  assert_false(rp_id_equal(digest_of(a), digest_of(b)));
  assert_false(rp_id_equal(digest_of(a), digest_of(c)));
}

static void nans_of_different_bits_are_different_states(void **unused) {
  (void)unused;
  test_layout test;
  make_small_layout(&test);
  RP_CLEANUP(rp_state_free) rp_state *a = make_full_state(&test.layout, 1);
  const uint32_t quiet = 0x7fc00000u, other = 0x7fc00001u;
  memcpy(&a->parameters[3], &quiet, sizeof quiet);
  rp_id before = digest_of(a);
  memcpy(&a->parameters[3], &other, sizeof other);
  assert_false(rp_id_equal(digest_of(a), before));
}

static void a_copy_has_the_same_digest_and_memory_of_its_own(void **unused) {
  (void)unused;
  test_layout test;
  make_small_layout(&test);
  RP_CLEANUP(rp_state_free) rp_state *state = make_full_state(&test.layout, 2);
  RP_CLEANUP(rp_state_free) rp_state *copy = copy_of(state);
  rp_id before = digest_of(state);
  assert_true(rp_id_equal(digest_of(copy), before));
  field fields[128];
  int n_fields = fields_of(copy, fields);
  for (int i = 0; i < n_fields; i++) memset(fields[i].bytes, 0x5a, fields[i].size);
  assert_true(rp_id_equal(digest_of(state), before));
}

static void a_new_state_is_all_zero_and_keeps_its_seed(void **unused) {
  (void)unused;
  test_layout test;
  make_small_layout(&test);
  rp_error err = {0};
  RP_CLEANUP(rp_state_free) rp_state *state = NULL;
  assert_ok(rp_state_create(&test.layout, 1, 7, &state, &err), err);
  assert_int_equal(state->seed, 7);
  field fields[128];
  int n_fields = fields_of(state, fields);
  for (int i = 1; i < n_fields; i++)
    for (size_t byte = 0; byte < fields[i].size; byte++) assert_int_equal(((uint8_t *)fields[i].bytes)[byte], 0);
  rp_state *none = state;
  assert_fails(rp_state_create(&test.layout, RP_MAX_SLOTS + 1, 7, &none, &err), RP_EINPUT, err, "slots");
  assert_null(none);
}

/* Offsets by hand: conv1 4×27 at 0, its bias at 108, conv2 5×16 at 112 without a bias. */
static void rule_7_a_filter_owns_its_weights_and_its_bias(void **unused) {
  (void)unused;
  test_layout test;
  make_small_layout(&test);
  size_t offsets[RP_FILTER_RANGES], counts[RP_FILTER_RANGES];
  assert_int_equal(rp_state_filter_ranges(&test.layout, 2, offsets, counts), 2);
  assert_int_equal(offsets[0], 54);
  assert_int_equal(counts[0], 27);
  assert_int_equal(offsets[1], 110);
  assert_int_equal(counts[1], 1);
  assert_int_equal(rp_state_filter_ranges(&test.layout, 5, offsets, counts), 1);
  assert_int_equal(offsets[0], 112 + 16);
  assert_int_equal(counts[0], 16);
}

/* conv1 4×27 with a bias at 0 and 108, its BN's four from 112 on (one value per filter each); conv2 2×36 at 128: its ReLU comes before the
 * BN, which is not its own then. */
static void rule_7_a_filter_owns_its_channel_of_its_sole_bn(void **unused) {
  (void)unused;
  test_model m;
  begin_model(&m, 3, 4, 4, 2);
  add_conv(&m, 4, 3, 1)->has_relu = 0;
  add_layer(&m, RP_BATCH_NORM);
  add_conv(&m, 2, 3, 1)->has_bias = 0;
  add_layer(&m, RP_BATCH_NORM);
  add_fc(&m, 2);
  RP_CLEANUP(rp_net_free) rp_net *net = net_of(&m);
  size_t offsets[RP_FILTER_RANGES], counts[RP_FILTER_RANGES];
  assert_int_equal(rp_state_filter_ranges(rp_net_layout(net), 2, offsets, counts), 6);
  const size_t expected[] = {54, 110, 114, 118, 122, 126};
  for (int i = 0; i < 6; i++) {
    assert_int_equal(offsets[i], expected[i]);
    assert_int_equal(counts[i], i == 0 ? 27 : 1);
  }
  assert_int_equal(rp_state_filter_ranges(rp_net_layout(net), 5, offsets, counts), 1);
  assert_int_equal(offsets[0], 128 + 36);
  assert_int_equal(counts[0], 36);
}

static void an_initial_state_has_bn_that_changes_nothing_in_evaluation(void **unused) {
  (void)unused;
  test_model m;
  begin_model(&m, 3, 4, 4, 2);
  add_layer(&m, RP_BATCH_NORM), add_fc(&m, 2);
  RP_CLEANUP(rp_net_free) rp_net *net = net_of(&m);
  RP_CLEANUP(rp_state_free) rp_state *state = NULL;
  rp_error err = {0};
  assert_ok(rp_state_initial(net, 0, 1, &state, &err), err);
  const float expected[12] = {1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1}; /* gamma, beta, mean, variance */
  assert_memory_equal(state->parameters, expected, sizeof expected);
}

static void rule_22_marked_filters_with_open_gates_are_active(void **unused) {
  (void)unused;
  test_layout test;
  make_small_layout(&test);
  RP_CLEANUP(rp_state_free) rp_state *state = NULL;
  rp_error err = {0};
  assert_ok(rp_state_create(&test.layout, 0, 1, &state, &err), err);
  state->filters[1].dropped = state->filters[1].closed = 1;
  state->filters[6].dropped = 1;
  assert_int_equal(rp_state_active_filters(state), 8);
  uint8_t closed[9];
  rp_state_closed(state, closed);
  for (int f = 0; f < 9; f++) assert_int_equal(closed[f], f == 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rule_26_the_digest_covers_every_bit_of_every_field),
      cmocka_unit_test(the_digest_tells_slots_and_layouts_of_equal_content_apart),
      cmocka_unit_test(nans_of_different_bits_are_different_states),
      cmocka_unit_test(a_copy_has_the_same_digest_and_memory_of_its_own),
      cmocka_unit_test(a_new_state_is_all_zero_and_keeps_its_seed),
      cmocka_unit_test(rule_7_a_filter_owns_its_weights_and_its_bias),
      cmocka_unit_test(rule_7_a_filter_owns_its_channel_of_its_sole_bn),
      cmocka_unit_test(an_initial_state_has_bn_that_changes_nothing_in_evaluation),
      cmocka_unit_test(rule_22_marked_filters_with_open_gates_are_active),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
