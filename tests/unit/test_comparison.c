/* test_comparison.c: what `repr score` says of several rankings of one state, worked out by hand. */
#include "experiments/score/comparison.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>

/* Two layers of two and four filters; the third filter is inactive. Three filters go. */
static const char *const LAYERS[] = {"conv1", "conv2"};
static const int K[] = {2, 4};
static const float A[] = {1, 2, NAN, 3, 4, 5}, B[] = {0.5f, 0.5f, NAN, 0.1f, 0.2f, 0.9f}, FLAT[] = {7, 7, NAN, 7, 7, 7};
static const int A_RANKS[] = {5, 4, 0, 3, 2, 1}, B_RANKS[] = {2, 3, 0, 5, 4, 1}, FLAT_RANKS[] = {1, 2, 0, 3, 4, 5};
static const uint8_t A_DROPS[] = {1, 1, 0, 1, 0, 0}, B_DROPS[] = {0, 1, 0, 1, 1, 0}, FLAT_DROPS[] = {0, 0, 0, 1, 1, 1};

static const rp_question QUESTION = {.state = "ortho/1@20",
                                     .experiment = "x",
                                     .trial = "0123456789abcdef0123456789abcdef",
                                     .epoch = 20,
                                     .cycle = 1,
                                     .p = "50",
                                     .limits = "",
                                     .n_layers = 2,
                                     .n_filters = 6,
                                     .layers = LAYERS,
                                     .K = K,
                                     .seconds = 1.25};

static const rp_opinion OPINIONS[] = {
    {.name = "a", .ranker = "a", .options_json = "{\"k\":1}", .scores = A, .ranks = A_RANKS, .dropped = A_DROPS, .seconds = 0.5},
    {.name = "broken", .ranker = "broken", .options_json = "{}", .failure = "ranker broken: the moon is \"full\""},
    {.name = "b, with", .ranker = "b", .options_json = "{}", .scores = B, .ranks = B_RANKS, .dropped = B_DROPS, .seconds = 0.25},
    {.name = "flat",
     .ranker = "flat",
     .options_json = "{}",
     .scores = FLAT,
     .ranks = FLAT_RANKS,
     .dropped = FLAT_DROPS,
     .ties_at_cut = 5,
     .seconds = 0},
};

static rp_comparison compared(void) {
  rp_comparison comparison;
  rp_error err = {0};
  assert_ok(rp_compare(&QUESTION, OPINIONS, 4, &comparison, &err), err);
  return comparison;
}

/* Ranks of a 1 2 3 4 5, of b 3.5 3.5 1 2 5: products of differences from 3 sum to (−2)(.5) + (−1)(.5) + 0 + (1)(−1) + (2)(2) = 1.5, squares
 * to 10 and 9.5. Of ten pairs of a and b, one is tied in b; concordant: (1,5) (2,5) (3,4) (3,5) (4,5), discordant: (1,3) (1,4) (2,3)
 * (2,4): (5 − 4)/sqrt(10·9). Two of the three filters that go are the same. */
static void criteria_are_compared_over_the_active_filters(void **unused) {
  (void)unused;
  rp_comparison all = compared();
  assert_int_equal(all.n_scored, 3);
  assert_int_equal(all.scored[1], 2);
  assert_int_equal(all.n_active, 5);
  assert_int_equal(all.n_dropped, 3);
  assert_near(all.spearman[0 * 3 + 1], 1.5 / sqrt(95), 1e-12);
  assert_near(all.spearman[1 * 3 + 0], 1.5 / sqrt(95), 1e-12);
  assert_near(all.kendall[0 * 3 + 1], 1 / sqrt(90), 1e-12);
  assert_near(all.spearman[0], 1, 1e-12);
  assert_true(isnan(all.spearman[2]) && isnan(all.kendall[2 * 3 + 1])); /* nothing correlates with a constant */
  assert_near(all.overlap[1], 2.0 / 3, 1e-12);
  assert_near(all.overlap[2], 1.0 / 3, 1e-12);
  assert_near(all.overlap[1 * 3 + 2], 2.0 / 3, 1e-12);
  rp_comparison_free(&all);
}

static void ranks_fall_with_importance_and_equal_scores_share_one(void **unused) {
  (void)unused;
  static const double expected[] = {2.5, 2.5, NAN, 5, 4, 1};
  rp_comparison all = compared();
  for (int f = 0; f < 6; f++) {
    if (f == 2)
      assert_true(isnan(all.ranks[6 + f]));
    else
      assert_near(all.ranks[6 + f], expected[f], 0);
  }
  rp_comparison_free(&all);
}

static void drops_are_counted_layer_by_layer(void **unused) {
  (void)unused;
  rp_comparison all = compared();
  static const int dropped[3][2] = {{2, 1}, {1, 2}, {0, 3}};
  for (int i = 0; i < 3; i++)
    for (int l = 0; l < 2; l++) assert_int_equal(rp_dropped_of_layer(&all, i, l), dropped[i][l]);
  assert_int_equal(rp_active_of_layer(&all, 0), 2);
  assert_int_equal(rp_active_of_layer(&all, 1), 3);
  rp_comparison_free(&all);
}

static void nothing_to_compare_is_no_error(void **unused) {
  (void)unused;
  rp_comparison all;
  rp_error err = {0};
  assert_ok(rp_compare(&QUESTION, OPINIONS + 1, 1, &all, &err), err);
  assert_int_equal(all.n_scored, 0);
  assert_int_equal(rp_active_of_layer(&all, 1), 0);
  rp_comparison_free(&all);
}

/* ---- Formats --------------------------------------------------------------------------------- */

static char *written_of(rp_comparison all, rp_comparison_format format) {
  char *text = NULL;
  size_t size;
  rp_error err = {0};
  FILE *out = open_memstream(&text, &size);
  assert_non_null(out);
  assert_ok(rp_comparison_write(&all, format, out, &err), err);
  fclose(out);
  rp_comparison_free(&all);
  return text;
}

static char *written(rp_comparison_format format) {
  return written_of(compared(), format);
}

static void assert_written(rp_comparison_format format, const char *const *parts, int n) {
  char *text = written(format);
  for (int i = 0; i < n; i++)
    if (!strstr(text, parts[i])) fail_msg("«%s» is not in:\n%s", parts[i], text);
  free(text);
}

static void the_text_has_every_table(void **unused) {
  (void)unused;
  static const char *const parts[] = {
      "state ortho/1@20 of x (trial 0123456789ab), 5 active filters; at p 50 a drop takes 3; 1.2 s in all\n", "  1 a          0.500\n",
      "    broken     no scores: ranker broken: the moon is \"full\"\n", "  2 b, with    0.250\n",
      "layer active     1     2     3\nconv1      2     2     1     0\nconv2      3     1     2     3\nall        5     3     3     3\n",
      /* ρ above, τ below */
      "  1 a             ·  0.15     –\n  2 b, with    0.11     ·     –\n  3 flat          –     –     ·\n",
      "  1 a             ·  0.67  0.33\n  2 b, with    0.67     ·  0.67\n  3 flat       0.33  0.67     ·\n"};
  assert_written(RP_COMPARISON_TEXT, parts, sizeof parts / sizeof *parts);
}

/* Three filters go; no fewer are tied. */
static void a_drop_that_the_draw_would_decide_is_remarked_with_its_cause(void **unused) {
  (void)unused;
  char *text = written(RP_COMPARISON_TEXT);
  assert_non_null(
      strstr(text, "  3 flat       0.000  all scores are equal: the draw that breaks ties (SEMANTICS.md, rule 14) would decide\n"));
  free(text);
  rp_opinion tied = OPINIONS[2];
  rp_comparison all;
  rp_error err = {0};
  static const char REMARK[] = "0.250  3 filters are tied at the cut: the draw that breaks ties";
  for (tied.ties_at_cut = 2; tied.ties_at_cut <= 3; tied.ties_at_cut++) {
    assert_ok(rp_compare(&QUESTION, &tied, 1, &all, &err), err);
    text = written_of(all, RP_COMPARISON_TEXT);
    assert_int_equal(strstr(text, REMARK) != NULL, tied.ties_at_cut == 3);
    free(text);
  }
}

/* Which filters are active is learnt from scores. */
static void where_no_criterion_gave_scores_no_count_is_made_up(void **unused) {
  (void)unused;
  rp_comparison all;
  rp_error err = {0};
  assert_ok(rp_compare(&QUESTION, OPINIONS + 1, 1, &all, &err), err);
  char *text = written_of(all, RP_COMPARISON_TEXT);
  assert_non_null(strstr(text, "state ortho/1@20 of x (trial 0123456789ab), no criterion gave scores; 1.2 s in all\n"));
  assert_null(strstr(text, "active filters"));
  free(text);
  assert_ok(rp_compare(&QUESTION, OPINIONS + 1, 1, &all, &err), err);
  text = written_of(all, RP_COMPARISON_JSON);
  assert_non_null(strstr(text, "\"active_filters\":null,\"would_drop\":null"));
  assert_non_null(strstr(text, "{\"name\":\"conv1\",\"filters\":2,\"active\":null}"));
  free(text);
}

static void the_csv_has_a_row_per_criterion_and_active_filter(void **unused) {
  (void)unused;
  char *text = written(RP_COMPARISON_CSV);
  static const char head[] = "ranker,options,layer,filter,score,rank,dropped\na,\"{\"\"k\"\":1}\",conv1,0,1,5,1\n"
                             "a,\"{\"\"k\"\":1}\",conv1,1,2,4,1\na,\"{\"\"k\"\":1}\",conv2,1,3,3,1\n";
  int n_lines = 0;
  assert_memory_equal(text, head, sizeof head - 1);
  for (const char *c = text; *c; c++) n_lines += *c == '\n';
  assert_int_equal(n_lines, 1 + 3 * 5);
  assert_non_null(strstr(text, "\nb,{},conv1,0,0.5,2,0\n"));
  free(text);
}

static void the_json_has_everything(void **unused) {
  (void)unused;
  static const char *const parts[] = {
      "\"state\":\"ortho/1@20\",\"experiment\":\"x\"",
      "\"p\":50,\"active_filters\":5,\"would_drop\":3",
      "\"layers\":[{\"name\":\"conv1\",\"filters\":2,\"active\":2},{\"name\":\"conv2\",\"filters\":4,\"active\":3}]",
      "\"options\":{\"k\":1},\"seconds\":0.5,\"ties_at_cut\":0,\"dropped_of_layer\":[2,1],\"scores\":[1,2,null,3,4,5],",
      "\"scores\":[1,2,null,3,4,5],\"ranks\":[5,4,null,3,2,1],\"dropped\":[1,1,0,1,0,0]}",
      "\"failure\":\"ranker broken: the moon is \\\"full\\\"\"}",
      "\"compared\":[\"a\",\"b, with\",\"flat\"]",
      "\"overlap\":[[1,0.666666667,0.333333333],"};
  assert_written(RP_COMPARISON_JSON, parts, sizeof parts / sizeof *parts);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(criteria_are_compared_over_the_active_filters),
      cmocka_unit_test(ranks_fall_with_importance_and_equal_scores_share_one),
      cmocka_unit_test(drops_are_counted_layer_by_layer),
      cmocka_unit_test(nothing_to_compare_is_no_error),
      cmocka_unit_test(the_text_has_every_table),
      cmocka_unit_test(a_drop_that_the_draw_would_decide_is_remarked_with_its_cause),
      cmocka_unit_test(where_no_criterion_gave_scores_no_count_is_made_up),
      cmocka_unit_test(the_csv_has_a_row_per_criterion_and_active_filter),
      cmocka_unit_test(the_json_has_everything),
  };
  return cmocka_run_group_tests_name("comparison", tests, NULL, NULL);
}
