/* test_find_trial.c: what names a trial, and what somebody is told whose name fits none, or more than one. */
#include "results/query.h"
#include "tests/check.h"

#include <stdio.h>
#include <string.h>

/* Two experiments; `ranker=l2/1` is another trial in each, `standard/1` the same one. */
#define TRIAL(experiment_, arm_, seed_, byte)                                                                                              \
  {                                                                                                                                        \
    .experiment = experiment_, .arm = arm_, .seed = seed_, .trial = { {byte, 0x11} }                                                       \
  }
static rp_trial_result TRIALS[] = {
    TRIAL("one", "ranker=l2", 1, 0xa1),
    TRIAL("one", "ranker=random", 1, 0xa2),
    TRIAL("one", "ranker=random", 2, 0xa3),
    TRIAL("one", "standard", 1, 0xc1),
    TRIAL("two", "ranker=l2", 1, 0xb1),
    TRIAL("two", "standard", 1, 0xc1),
    TRIAL("two", "ranker=ortho p=10", 1, 0xb2),
    TRIAL("two", "ranker=ortho p=30", 1, 0xb3),
    TRIAL("two", "ranker=ortho(variant=authors) p=30", 2, 0xb4),
};
static const rp_trial_list LIST = {TRIALS, sizeof TRIALS / sizeof *TRIALS};

static void assert_found(const char *name, int i) {
  rp_error err = {0};
  const rp_trial_result *found;
  assert_ok(rp_trial_list_find(&LIST, name, &found, &err), err);
  if (found != &TRIALS[i]) fail_msg("'%s' is %s of %s", name, found->arm, found->experiment);
}

static void assert_told(const char *name, const char *message) {
  rp_error err = {0};
  const rp_trial_result *found;
  assert_int_equal(rp_trial_list_find(&LIST, name, &found, &err), RP_EUSAGE);
  assert_string_equal(err.message, message);
}

static void a_trial_is_named_by_its_id_or_by_arm_and_seed(void **unused) {
  (void)unused;
  assert_found("a111", 0);
  assert_found("a3", 2);
  assert_found("ranker=random/2", 2);
  assert_found("ranker=ortho p=30/1", 7);
}

static void the_experiment_in_front_tells_equal_labels_apart(void **unused) {
  (void)unused;
  assert_found("one:ranker=l2/1", 0);
  assert_found("two:ranker=l2/1", 4);
  assert_found("two:b1", 4);
  assert_found("one:standard/1", 3);
  assert_found("two:standard/1", 5);
}

static void one_trial_of_two_experiments_is_not_ambiguous(void **unused) {
  (void)unused;
  rp_error err = {0};
  const rp_trial_result *found;
  assert_ok(rp_trial_list_find(&LIST, "standard/1", &found, &err), err);
  assert_true(rp_id_equal(found->trial, TRIALS[3].trial));
}

static void an_ambiguous_name_is_answered_with_names_that_are_not(void **unused) {
  (void)unused;
  assert_told("ranker=l2/1", "'ranker=l2/1' fits more than one trial; write one of 'one:ranker=l2/1' (a11100000000), 'two:ranker=l2/1' "
                             "(b11100000000)");
  assert_told("b", "'b' fits more than one trial; write one of 'two:ranker=l2/1' (b11100000000), 'two:ranker=ortho p=10/1' "
                   "(b21100000000), 'two:ranker=ortho p=30/1' (b31100000000), 'two:ranker=ortho(variant=authors) p=30/2' (b41100000000)");
}

static void of_many_that_a_name_fits_some_are_listed(void **unused) {
  (void)unused;
  static rp_trial_result many[9];
  for (int i = 0; i < 9; i++) many[i] = (rp_trial_result){.experiment = "e", .arm = "a", .seed = i, .trial = {{0xd1, (uint8_t)i}}};
  const rp_trial_list list = {many, 9};
  rp_error err = {0};
  const rp_trial_result *found;
  assert_int_equal(rp_trial_list_find(&list, "d1", &found, &err), RP_EUSAGE);
  assert_non_null(strstr(err.message, "'e:a/5' (d10500000000), and 3 more"));
  assert_null(strstr(err.message, "e:a/6"));
}

/* The ranker's name, some of the label's words, without the seed, or without the experiment where labels are equal. */
static void part_of_a_label_suggests_the_arms_that_have_it(void **unused) {
  (void)unused;
  assert_told("random/1", "no trial 'random/1'; did you mean 'ranker=random/1'? `repr status` lists them");
  assert_told("one:random/1", "no trial 'one:random/1'; did you mean 'ranker=random/1'? `repr status` lists them");
  assert_told("random", "no trial 'random'; did you mean 'ranker=random/1', 'ranker=random/2'? `repr status` lists them");
  assert_told("ortho/1", "no trial 'ortho/1'; did you mean 'ranker=ortho p=10/1', 'ranker=ortho p=30/1'? `repr status` lists them");
  assert_told("p=30 ortho/1", "no trial 'p=30 ortho/1'; did you mean 'ranker=ortho p=30/1'? `repr status` lists them");
  assert_told("ranker=ortho/2", "no trial 'ranker=ortho/2'; did you mean 'ranker=ortho(variant=authors) p=30/2'? `repr status` lists them");
  assert_told("l2/1", "no trial 'l2/1'; did you mean 'one:ranker=l2/1', 'two:ranker=l2/1'? `repr status` lists them");
  assert_told("standard", "no trial 'standard'; did you mean 'standard/1'? `repr status` lists them");
}

static void a_slip_suggests_the_nearest_name(void **unused) {
  (void)unused;
  assert_told("ranker=randon/2", "no trial 'ranker=randon/2'; did you mean 'ranker=random/2'? `repr status` lists them");
  assert_told("tow:ranker=l2/1", "no trial 'tow:ranker=l2/1'; did you mean 'two:ranker=l2/1'? `repr status` lists them");
}

static void what_is_like_nothing_suggests_nothing(void **unused) {
  (void)unused;
  static const char *const NAMES[] = {"gain/7", "", "/1", "one:", "three:gain/1"};
  for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
    char message[96];
    snprintf(message, sizeof message, "no trial '%s'; `repr status` lists them", NAMES[i]);
    assert_told(NAMES[i], message);
  }
  /* a seed is its digits and nothing else */
  rp_error err = {0};
  const rp_trial_result *found;
  assert_int_equal(rp_trial_list_find(&LIST, "ranker=random/1st", &found, &err), RP_EUSAGE);
  assert_int_equal(rp_trial_list_find(&LIST, "ranker=random/01", &found, &err), RP_EUSAGE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_trial_is_named_by_its_id_or_by_arm_and_seed),
      cmocka_unit_test(the_experiment_in_front_tells_equal_labels_apart),
      cmocka_unit_test(one_trial_of_two_experiments_is_not_ambiguous),
      cmocka_unit_test(an_ambiguous_name_is_answered_with_names_that_are_not),
      cmocka_unit_test(of_many_that_a_name_fits_some_are_listed),
      cmocka_unit_test(part_of_a_label_suggests_the_arms_that_have_it),
      cmocka_unit_test(a_slip_suggests_the_nearest_name),
      cmocka_unit_test(what_is_like_nothing_suggests_nothing),
  };
  return cmocka_run_group_tests_name("find trial", tests, NULL, NULL);
}
