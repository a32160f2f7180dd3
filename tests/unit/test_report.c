/* The report: what stands in it, worked out by hand, and what must not. */
#include "tests/synthetic_store.h"

#include "results/report.h"

/* Seeds 1, 2, 3: baseline 0.70, 0.72, 0.74 at every epoch; repr is better by 0.01, 0.02, 0.03: mean +2.00 points, sd 1, interval 2
 * ± 4.302653/√3 = 2 ± 2.484138. Epoch 3 of repr is far better than all others, so that a best test accuracy would show. */
static double baseline_acc(int seed, int epoch) {
  (void)epoch;
  return 0.68 + 0.02 * seed;
}
static double repr_acc(int seed, int epoch) {
  return epoch == 3 ? 0.9876 : 0.68 + 0.03 * seed;
}
static double val_acc(int seed, int epoch) {
  (void)seed;
  return epoch == 2 ? 0.8 : 0.7;
}

#define BASELINE(s)                                                                                                                        \
  {                                                                                                                                        \
    .experiment = "x", .arm = "baseline", .seed = s, .is_baseline = 1, .script = "eeeeeee", .test_acc = baseline_acc, .val_acc = val_acc,  \
    .status = RP_TRIAL_DONE                                                                                                                \
  }
#define REPR(s)                                                                                                                            \
  {                                                                                                                                        \
    .experiment = "x", .arm = "repr_p=30", .ranker = "oracle-accuracy", .seed = s, .script = "eeDsReeee", .test_acc = repr_acc,            \
    .val_acc = val_acc, .validation_ranks = 1, .status = RP_TRIAL_DONE                                                                     \
  }
static const synthetic_trial THREE_SEEDS[] = {REPR(1), REPR(2), REPR(3), BASELINE(1), BASELINE(2), BASELINE(3)};

/* The report of trials; the caller frees. */
static char *report_of(const synthetic_trial *trials, int n, rp_report_format format) {
  char *path = synthetic_path(), *text = NULL;
  size_t size;
  rp_store *store = NULL;
  rp_error err = {0};
  FILE *out = open_memstream(&text, &size);
  assert_ok(rp_store_open(path, RP_STORE_WRITE, &store, &err), err);
  synthetic_run(store, trials, n, NULL, 0);
  assert_ok(rp_report(store, "x", format, out, &err), err);
  fclose(out);
  rp_store_close(&store);
  synthetic_remove(path);
  return text;
}

/* Finds the text's line that starts with `start` and checks that it holds `part`. */
static void assert_line_has(const char *text, const char *start, const char *part) {
  for (const char *line = text; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
    if (strncmp(line, start, strlen(start)) == 0) {
      const char *end = strchr(line, '\n'), *found = strstr(line, part);
      if (!found || (end && found > end)) fail_msg("«%.*s» lacks «%s»", (int)(end ? end - line : 200), line, part);
      return;
    }
  fail_msg("no line starts with «%s»:\n%s", start, text);
}

static void assert_lacks(const char *text, const char *part) {
  if (strstr(text, part)) fail_msg("«%s» should not be in:\n%s", part, text);
}

static void the_table_has_means_deviations_and_epochs_with_the_baseline_first(void **unused) {
  (void)unused;
  char *text = report_of(THREE_SEEDS, 6, RP_REPORT_TEXT);
  assert_line_has(text, "baseline ", "72.00 ± 2.00");
  assert_line_has(text, "baseline ", "  5  ");
  assert_line_has(text, "repr_p=30", "74.00 ± 3.00");
  assert_line_has(text, "repr_p=30", "  4  "); /* epochs 4 to 7 */
  assert_true(strstr(text, "baseline ") < strstr(text, "repr_p=30"));
  free(text);
}

static void rule_24_the_difference_to_the_baseline_is_paired_by_seed(void **unused) {
  (void)unused;
  char *text = report_of(THREE_SEEDS, 6, RP_REPORT_TEXT);
  assert_line_has(text, "repr_p=30", "+2.00 [-0.48, +4.48], n 3");
  free(text);
  text = report_of(THREE_SEEDS, 4, RP_REPORT_TEXT); /* a baseline for seed 1 only */
  assert_line_has(text, "repr_p=30", "+1.00, n 1");
  free(text);
  text = report_of(THREE_SEEDS, 3, RP_REPORT_TEXT); /* none at all */
  assert_line_has(text, "repr_p=30", "–");
  free(text);
}

static void rule_21_the_best_test_accuracy_is_never_reported(void **unused) {
  (void)unused;
  for (int format = 0; format < RP_N_REPORT_FORMATS; format++) {
    char *text = report_of(THREE_SEEDS, 6, (rp_report_format)format);
    assert_lacks(text, "98.7");
    free(text);
  }
}

static void rule_21_best_validation_is_marked_where_validation_data_ranked(void **unused) {
  (void)unused;
  char *text = report_of(THREE_SEEDS, 6, RP_REPORT_TEXT);
  assert_line_has(text, "repr_p=30", "74.00 ± 3.00 *");
  assert_line_has(text, "* the validation images", "also ranked");
  free(text);
  text = report_of(THREE_SEEDS + 3, 3, RP_REPORT_TEXT);
  assert_lacks(text, "*");
  free(text);
}

/* Both are means of the last five epochs of their last full phase, of which the one above has four. */
#define LONG_REPR(s)                                                                                                                       \
  {                                                                                                                                        \
    .experiment = "x", .arm = "long", .ranker = "l2", .seed = s, .script = "eeDsReeeee", .test_acc = repr_acc, .val_acc = val_acc,         \
    .status = RP_TRIAL_DONE                                                                                                                \
  }

static void rule_21_headlines_over_different_numbers_of_epochs_are_marked_where_they_are_compared(void **unused) {
  (void)unused;
  const synthetic_trial trials[] = {REPR(1), REPR(2), LONG_REPR(1), LONG_REPR(2), BASELINE(1), BASELINE(2)};
  char *text = report_of(trials, 6, RP_REPORT_TEXT);
  assert_line_has(text, "repr_p=30", "n 2 ‡");
  assert_line_has(text, "‡ pairs whose headlines are means over different numbers of epochs", "");
  free(text);
  text = report_of(trials + 2, 4, RP_REPORT_TEXT);
  assert_line_has(text, "long", "n 2");
  assert_lacks(text, "‡");
  free(text);
}

static void failures_and_unfinished_trials_are_listed(void **unused) {
  (void)unused;
  synthetic_trial trials[] = {BASELINE(1), REPR(1), REPR(2)};
  trials[1].status = RP_TRIAL_FAILED;
  trials[2].status = RP_TRIAL_RUNNING;
  char *text = report_of(trials, 3, RP_REPORT_TEXT);
  assert_line_has(text, "Failed: repr_p=30, seed 1", "plugin failure: ranker bad");
  assert_line_has(text, "Not finished", "1 of 3");
  assert_line_has(text, "repr_p=30", "–");
  free(text);
}

/* Each drop of the synthetic store takes 2 filters with 3 tied at its cut; its scores are not all equal. */
static void rule_14_drops_that_were_by_the_draw_are_noted_once_per_criterion(void **unused) {
  (void)unused;
  char *text = report_of(THREE_SEEDS, 6, RP_REPORT_MARKDOWN);
  static const char NOTE[] =
      "oracle-accuracy: at 3 of 3 drops no fewer filters had equal scores at the cut than were dropped: there the draw";
  const char *found = strstr(text, NOTE);
  if (!found) fail_msg("«%s» is not in:\n%s", NOTE, text);
  assert_null(strstr(found + 1, "oracle-accuracy: at"));
  free(text);
  text = report_of(THREE_SEEDS + 3, 3, RP_REPORT_MARKDOWN); /* the baseline drops nothing */
  assert_lacks(text, "drops");
  free(text);
}

static void generated_data_are_said_to_prove_nothing(void **unused) {
  (void)unused;
  synthetic_trial shapes = BASELINE(1);
  shapes.data = "shapes";
  char *text = report_of(&shapes, 1, RP_REPORT_TEXT);
  assert_non_null(strstr(text, "illustrate and prove nothing"));
  free(text);
  text = report_of(&THREE_SEEDS[3], 1, RP_REPORT_TEXT);
  assert_lacks(text, "prove nothing");
  free(text);
}

static void markdown_is_a_table_whose_labels_are_not_read_as_markup(void **unused) {
  (void)unused;
  char *text = report_of(THREE_SEEDS, 6, RP_REPORT_MARKDOWN);
  assert_line_has(text, "## x", "## x");
  assert_line_has(text, "| arm ", "| arm | n | headline | epochs | last | best val | vs baseline |");
  assert_line_has(text, "| --- ", "| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
  assert_line_has(text, "| repr\\_p=30 | 3 | 74.00 ± 3.00 | 4 ", "| +2.00 \\[-0.48, +4.48\\], n 3 ‡ |");
  free(text);
}

static void an_unknown_experiment_is_an_error_that_names_those_there_are(void **unused) {
  (void)unused;
  char *path = synthetic_path();
  rp_store *store = NULL;
  rp_error err = {0};
  assert_ok(rp_store_open(path, RP_STORE_WRITE, &store, &err), err);
  assert_fails(rp_report(store, "nobody", RP_REPORT_TEXT, stdout, &err), RP_EINPUT, err, "no experiment yet");
  synthetic_run(store, THREE_SEEDS, 6, NULL, 0);
  assert_fails(rp_report(store, "nobody", RP_REPORT_TEXT, stdout, &err), RP_EINPUT, err, "it has x");
  rp_store_close(&store);
  synthetic_remove(path);
}

static void formats_are_found_by_name(void **unused) {
  (void)unused;
  rp_report_format format;
  assert_true(rp_report_format_of("md", &format) && format == RP_REPORT_MARKDOWN);
  assert_true(rp_report_format_of("text", &format) && format == RP_REPORT_TEXT);
  assert_false(rp_report_format_of("doc", &format));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_table_has_means_deviations_and_epochs_with_the_baseline_first),
      cmocka_unit_test(rule_24_the_difference_to_the_baseline_is_paired_by_seed),
      cmocka_unit_test(rule_21_the_best_test_accuracy_is_never_reported),
      cmocka_unit_test(rule_21_best_validation_is_marked_where_validation_data_ranked),
      cmocka_unit_test(rule_21_headlines_over_different_numbers_of_epochs_are_marked_where_they_are_compared),
      cmocka_unit_test(failures_and_unfinished_trials_are_listed),
      cmocka_unit_test(rule_14_drops_that_were_by_the_draw_are_noted_once_per_criterion),
      cmocka_unit_test(generated_data_are_said_to_prove_nothing),
      cmocka_unit_test(markdown_is_a_table_whose_labels_are_not_read_as_markup),
      cmocka_unit_test(an_unknown_experiment_is_an_error_that_names_those_there_are),
      cmocka_unit_test(formats_are_found_by_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
