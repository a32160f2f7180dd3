/* test_plugin_calls.c: a plugin that does something wrong while it works ends the pass with an error that names it, and nothing else. */
#include "core/ranking/options.h"
#include "core/ranking/score.h"
#include "tests/ranker_files.h"
#include "tests/small_net.h"

/* Lets the plugin do one deed, in a drop of 25 % in which conv1 may give 2 filters at most, filter 1 is inactive. */
static rp_status choose_with(const char *deed, uint8_t *set, rp_error *err) {
  rp_dataset dataset = small_dataset();
  rp_net *net = small_net();
  rp_state *state = small_state(net, 3);
  close_filter(state, 1);
  rp_plugin plugin = load_plugin("tests/plugins/misbehaves.so");
  rp_plugin_description description = describe_plugin("tests/plugins/misbehaves.so");
  rp_value *options;
  rp_error ignored = {0};
  assert_ok(rp_ranker_options_parse(&description, &(rp_option_text){"deed", deed}, 1, &options, &ignored), ignored);

  float scores[SMALL_F];
  rp_selection_record record;
  rp_scoring_pass pass = {.net = net, .state = state, .dataset = &dataset};
  rp_scoring scoring = {.plugin = &plugin, .options = options, .scores = scores};
  rp_selection how = {.p = {25, 0}, .keep_at_least = 5, .drop_at_most = {100, 0}};
  rp_status status = rp_score_and_choose(&pass, &how, &scoring, 1, set, NULL, &record, err);

  free(options);
  rp_plugin_description_free(&description);
  rp_plugin_free(&plugin);
  rp_state_free(&state);
  rp_net_free(&net);
  return status;
}

static void a_plugin_that_behaves_chooses_its_own_set(void **unused) {
  (void)unused;
  rp_error err = {0};
  uint8_t set[SMALL_F];
  assert_ok(choose_with("behaves", set, &err), err);
  /* two of conv1, then four of conv2 */
  for (int f = 0; f < SMALL_F; f++) assert_int_equal(set[f], f == 0 || f == 2 || (f >= SMALL_K1 && f < SMALL_K1 + 4));
}

static void each_misdeed_is_named(void **unused) {
  (void)unused;
  static const struct {
    const char *deed, *message;
  } misdeeds[] = {
      {"returns-nan", "ranker misbehaves: layer conv2, filter 15: its importance is NaN"},
      {"returns-infinity", "layer conv2, filter 15: its importance is minus infinite"},
      {"forgets-a-filter", "layer conv2, filter 15: its importance is NaN (or was never set)"},
      {"fails-with-a-message", "ranker misbehaves: the moon is full"},
      {"fails-silently", "ranker misbehaves: failed without saying why"},
      {"fails-to-create", "ranker misbehaves: nothing could be created"},
      {"fails-to-observe", "ranker misbehaves: nothing to be seen"},
      {"chooses-too-many", "ranker misbehaves chose 7 filters, but exactly 6 are to be dropped"},
      {"chooses-inactive", "ranker misbehaves chose filter 1 of layer conv1, which is no candidate"},
      {"chooses-beyond-a-limit", "ranker misbehaves chose 6 filters of layer conv1, where the limits allow 0 to 2"},
      {"calls-while-observing", "ranker misbehaves: services can be called from score and choose only"},
      {"asks-for-a-hessian", "ranker misbehaves: hessian_product is not offered"},
      {"overfills-the-message", "ranker misbehaves: xxxxx"},
  };
  for (size_t i = 0; i < sizeof misdeeds / sizeof misdeeds[0]; i++) {
    rp_error err = {0};
    uint8_t set[SMALL_F];
    assert_fails(choose_with(misdeeds[i].deed, set, &err), RP_EPLUGIN, err, misdeeds[i].message);
  }
}

/* ---- create and destroy ---------------------------------------------------------------------- */

static int n_created, n_destroyed;
static int outcome_of_create, outcome_of_score, leaves_nothing;

static int create(const rp_context *context, const rp_value *options, void **self, rp_message *message) {
  (void)context;
  (void)options;
  (void)message;
  n_created++;
  *self = leaves_nothing ? NULL : &n_created;
  return outcome_of_create;
}

static int score(void *self, const rp_context *context, float *importance, rp_message *message) {
  (void)message;
  assert_ptr_equal(self, leaves_nothing ? NULL : (void *)&n_created);
  for (uint32_t f = 0; f < context->n_filters; f++) importance[f] = 0;
  return outcome_of_score;
}

static void destroy(void *self) {
  assert_ptr_equal(self, &n_created);
  n_destroyed++;
}

static void score_twice(int create_gives, int score_gives, int leave_nothing) {
  rp_dataset dataset = small_dataset();
  rp_net *net = small_net();
  rp_state *state = small_state(net, 3);
  rp_ranker ranker = {.name = "own", .create = create, .score = score, .destroy = destroy};
  rp_plugin plugin = {.ranker = &ranker};
  float scores[2][SMALL_F];
  rp_scoring_pass pass = {.net = net, .state = state, .dataset = &dataset};
  rp_scoring scorings[] = {{.plugin = &plugin, .scores = scores[0]}, {.plugin = &plugin, .scores = scores[1]}};
  n_created = n_destroyed = 0;
  outcome_of_create = create_gives;
  outcome_of_score = score_gives;
  leaves_nothing = leave_nothing;
  rp_error err = {0};
  assert_int_equal(rp_score(&pass, scorings, 2, &err), create_gives || score_gives ? RP_EPLUGIN : RP_OK);
  rp_state_free(&state);
  rp_net_free(&net);
}

static void destroy_follows_each_create_that_succeeded(void **unused) {
  (void)unused;
  score_twice(RP_RANKER_OK, RP_RANKER_OK, 0);
  assert_int_equal(n_created, 2);
  assert_int_equal(n_destroyed, 2);
  score_twice(RP_RANKER_OK, RP_RANKER_ERROR, 0);
  assert_int_equal(n_created, 2);
  assert_int_equal(n_destroyed, 2);
  score_twice(RP_RANKER_ERROR, RP_RANKER_OK, 0);
  assert_int_equal(n_created, 1);
  assert_int_equal(n_destroyed, 0);
  score_twice(RP_RANKER_OK, RP_RANKER_OK, 1); /* nothing kept, nothing to free */
  assert_int_equal(n_created, 2);
  assert_int_equal(n_destroyed, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_plugin_that_behaves_chooses_its_own_set),
      cmocka_unit_test(each_misdeed_is_named),
      cmocka_unit_test(destroy_follows_each_create_that_succeeded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
