/* Figures: which files are made, what their data say, and labels that gnuplot must not read as anything but text. SVG is looked into: its
 * texts are plain. */
#include "tests/synthetic_store.h"

#include "core/base/files.h"
#include "plots/figure.h"
#include "plots/script.h"

static double baseline_acc(int seed, int epoch) {
  return 0.5 + 0.01 * seed + 0.01 * epoch;
}
static double repr_acc(int seed, int epoch) {
  return 0.52 + 0.01 * seed + 0.01 * epoch;
}

#define BASELINE(s)                                                                                                                        \
  {                                                                                                                                        \
    .experiment = "x", .arm = "baseline", .seed = s, .is_baseline = 1, .script = "eeeeeee", .test_acc = baseline_acc,                      \
    .status = RP_TRIAL_DONE                                                                                                                \
  }
#define REPR(s)                                                                                                                            \
  {                                                                                                                                        \
    .experiment = "x", .arm = "ortho_p=30", .ranker = "ortho", .seed = s, .script = "eeDssReee", .test_acc = repr_acc,                     \
    .status = RP_TRIAL_DONE                                                                                                                \
  }
static const synthetic_trial TWO_SEEDS[] = {BASELINE(1), BASELINE(2), REPR(1), REPR(2)};

typedef struct {
  char *path;
  rp_store *store;
  char folder[80];
  int n_written;
  char written[4][360];
} drawing;

static drawing a_drawing_of(const synthetic_trial *trials, int n) {
  drawing drawn = {.path = synthetic_path()};
  rp_error err = {0};
  assert_ok(rp_store_open(drawn.path, RP_STORE_WRITE, &drawn.store, &err), err);
  synthetic_run(drawn.store, trials, n, NULL, 0);
  snprintf(drawn.folder, sizeof drawn.folder, "%s.figures/new", drawn.path);
  return drawn;
}

static void done_with(drawing *drawn) {
  rp_store_close(&drawn->store);
  synthetic_remove(drawn->path);
}

static void keep_path(void *user, const char *path) {
  drawing *drawn = user;
  snprintf(drawn->written[drawn->n_written++], sizeof drawn->written[0], "%s", path);
}

static rp_status plot(drawing *drawn, const char *figure, rp_plot_format format, int paper, rp_error *err) {
  rp_plot_options options = {.format = format, .folder = drawn->folder, .paper = paper, .written = keep_path, .user = drawn};
  drawn->n_written = 0;
  return rp_plot(drawn->store, "x", figure, &options, err);
}

/* The bytes of the i-th written file; the caller frees. */
static char *contents(const drawing *drawn, int i, size_t *size) {
  char *bytes = NULL;
  rp_error err = {0};
  assert_true(i < drawn->n_written);
  assert_ok(rp_read_file(drawn->written[i], 10 << 20, &bytes, size, &err), err);
  return bytes;
}

/* Draws one figure as SVG and gives it back; the caller frees. */
static char *svg_of(const synthetic_trial *trials, int n, const char *figure, int paper) {
  drawing drawn = a_drawing_of(trials, n);
  rp_error err = {0};
  size_t size;
  assert_ok(plot(&drawn, figure, RP_PLOT_SVG, paper, &err), err);
  char *svg = contents(&drawn, 0, &size);
  done_with(&drawn);
  return svg;
}

static void assert_has(const char *text, const char *part) {
  if (!strstr(text, part)) fail_msg("«%s» is not in the figure", part);
}
static void assert_lacks(const char *text, const char *part) {
  if (strstr(text, part)) fail_msg("«%s» is in the figure", part);
}

static void all_figures_are_drawn_in_every_format_whole_and_with_nothing_left_aside(void **unused) {
  (void)unused;
  static const char *const starts[] = {"\x89PNG", "<?xml", "%PDF"};
  drawing drawn = a_drawing_of(TWO_SEEDS, 4);
  rp_error err = {0};
  for (int format = 0; format < RP_N_PLOT_FORMATS; format++) {
    assert_ok(plot(&drawn, NULL, (rp_plot_format)format, 0, &err), err);
    assert_int_equal(drawn.n_written, 2);
    for (int i = 0; i < 2; i++) {
      size_t size;
      char *bytes = contents(&drawn, i, &size);
      assert_memory_equal(bytes, starts[format], 4);
      assert_true(size > 2000);
      free(bytes);
    }
  }
  assert_non_null(strstr(drawn.written[0], "x-accuracy.pdf"));
  assert_non_null(strstr(drawn.written[1], "x-criteria.pdf"));
  char command[200];
  snprintf(command, sizeof command, "test $(ls '%s' | wc -l) = 6", drawn.folder);
  assert_int_equal(system(command), 0);
  done_with(&drawn);
}

/* IHDR of a PNG: width at byte 16, big-endian. */
static void a_png_is_a_thousand_pixels_wide(void **unused) {
  (void)unused;
  drawing drawn = a_drawing_of(TWO_SEEDS, 4);
  rp_error err = {0};
  size_t size;
  assert_ok(plot(&drawn, "accuracy", RP_PLOT_PNG, 0, &err), err);
  char *bytes = contents(&drawn, 0, &size);
  const unsigned char *width = (const unsigned char *)bytes + 16;
  assert_int_equal(width[0] << 24 | width[1] << 16 | width[2] << 8 | width[3], 1000);
  free(bytes);
  done_with(&drawn);
}

static void figures_say_axes_arms_and_how_many_seeds(void **unused) {
  (void)unused;
  char *svg = svg_of(TWO_SEEDS, 4, "accuracy", 0);
  assert_has(svg, "train accuracy (%)");
  assert_has(svg, "test accuracy (%)");
  assert_has(svg, ">epoch<");
  assert_has(svg, "ortho_p=30");
  assert_has(svg, "sub-network phase");
  assert_has(svg, "n = 2 seeds");
  assert_lacks(svg, "proves nothing");
  assert_lacks(svg, "published:");
  free(svg);
  svg = svg_of(TWO_SEEDS, 4, "criteria", 0);
  assert_has(svg, "test accuracy (%)");
  assert_has(svg, "ortho_p=30");
  assert_has(svg, "Mean of the last 3–5 epochs; n = 2 seeds.");
  assert_has(svg, ">baseline<"); /* a row of its own; the legend says "baseline, mean" */
  free(svg);
}

static void generated_images_are_said_to_prove_nothing(void **unused) {
  (void)unused;
  synthetic_trial trials[] = {BASELINE(1), REPR(1)};
  trials[0].data = trials[1].data = "shapes";
  const char *const figures[] = {"accuracy", "criteria"};
  for (int i = 0; i < 2; i++) {
    char *svg = svg_of(trials, 2, figures[i], 0);
    assert_has(svg, "Generated images: illustrates, proves nothing.");
    assert_has(svg, "n = 1 seed.");
    free(svg);
  }
}

static void published_points_are_overlaid_on_request(void **unused) {
  (void)unused;
  char *svg = svg_of(TWO_SEEDS, 4, "accuracy", 1);
  assert_has(svg, "published: standard");
  assert_has(svg, "published: RePr, oracle");
  free(svg);
}

/* What gnuplot would read as markup, a format, a command or the end of a string has to come out as it is. */
static void labels_are_shown_as_they_are(void **unused) {
  (void)unused;
  const char *const labels[] = {"a_{b}^c", "50% 'x'", "`touch hacked`", "\"q\\n\"@m", "é→ü"};
  const char *const shown[] = {"a_{b}^c", "50% 'x'", "`touch hacked`", "q\\n", "é→ü"};
  for (int i = 0; i < 5; i++) {
    synthetic_trial trials[] = {BASELINE(1), REPR(1)};
    trials[1].arm = labels[i];
    char *svg = svg_of(trials, 2, "accuracy", 0);
    assert_has(svg, shown[i]);
    free(svg);
    svg = svg_of(trials, 2, "criteria", 0);
    assert_has(svg, shown[i]);
    free(svg);
  }
  assert_int_equal(access("hacked", F_OK), -1);
}

static void arms_of_unequal_length_or_without_results_do_not_stop_a_figure(void **unused) {
  (void)unused;
  synthetic_trial trials[] = {BASELINE(1), REPR(1), REPR(2), REPR(1), REPR(1)};
  trials[2].script = "eeDs", trials[2].status = RP_TRIAL_FAILED;
  trials[3].arm = "short", trials[3].script = "e", trials[3].status = RP_TRIAL_RUNNING;
  trials[4].arm = "waiting", trials[4].script = "", trials[4].status = RP_TRIAL_PENDING;
  char *svg = svg_of(trials, 5, "accuracy", 0);
  assert_has(svg, "n = 1–2 seeds");
  assert_has(svg, "1 of 5 trials failed");
  assert_lacks(svg, "waiting");
  free(svg);
  svg = svg_of(trials, 5, "criteria", 0);
  assert_has(svg, "waiting: no result");
  free(svg);
}

static void a_single_epoch_can_be_drawn(void **unused) {
  (void)unused;
  synthetic_trial trial = BASELINE(1);
  trial.script = "e";
  free(svg_of(&trial, 1, "accuracy", 0));
}

static double perfect(int seed, int epoch) {
  (void)seed, (void)epoch;
  return 1;
}
static double by_chance(int seed, int epoch) {
  (void)seed, (void)epoch;
  return 0.1;
}
static double never(int seed, int epoch) {
  (void)seed, (void)epoch;
  return 0;
}
static void accuracies_that_are_all_equal_can_be_drawn(void **unused) {
  (void)unused;
  double (*const constants[])(int, int) = {perfect, by_chance, never};
  const char *const ticks[] = {"100</text>", "10</text>", "0</text>"}, *const figures[] = {"accuracy", "criteria"};
  synthetic_trial trials[] = {BASELINE(1), REPR(1)};
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 2; j++) {
      trials[0].test_acc = trials[1].test_acc = constants[i];
      char *svg = svg_of(trials, 2, figures[j], 0);
      assert_has(svg, ticks[i]);
      free(svg);
    }
}

static void more_arms_than_lines_that_can_be_told_apart_are_counted(void **unused) {
  (void)unused;
  static char names[12][16];
  synthetic_trial trials[12] = {BASELINE(1)};
  for (int i = 1; i < 12; i++) {
    trials[i] = (synthetic_trial)REPR(1);
    snprintf(names[i], sizeof names[i], "arm %d", i);
    trials[i].arm = names[i];
  }
  char *svg = svg_of(trials, 12, "accuracy", 0);
  assert_has(svg, "7 of 12 arms shown");
  free(svg);
  svg = svg_of(trials, 12, "criteria", 0);
  assert_has(svg, "arm 11");
  free(svg);
}

/* Bands of more arms than three cover each other; with one seed there is nothing to show of a range. */
static void the_ranges_of_few_arms_are_bands_those_of_more_are_bars(void **unused) {
  (void)unused;
  synthetic_trial trials[8] = {BASELINE(1), BASELINE(2)};
  static char names[3][16];
  for (int i = 0; i < 6; i++) {
    trials[2 + i] = (synthetic_trial)REPR(1 + i % 2);
    snprintf(names[i / 2], sizeof names[0], "arm %d", i / 2);
    trials[2 + i].arm = names[i / 2];
  }
  char *svg = svg_of(trials, 6, "accuracy", 0); /* the baseline and two */
  assert_has(svg, "Lines: mean over n = 2 seeds; bands: range.");
  free(svg);
  svg = svg_of(trials, 8, "accuracy", 0);
  assert_has(svg, "Lines: mean over n = 2 seeds; bars: range (right: last epoch).");
  assert_has(svg, "sub-network phase");
  free(svg);
  for (int i = 0; i < 4; i++) trials[i] = trials[2 * i];
  svg = svg_of(trials, 4, "accuracy", 0);
  assert_has(svg, "n = 1 seed.");
  assert_lacks(svg, "range");
  free(svg);
}

static void what_cannot_be_drawn_is_an_error_that_says_why(void **unused) {
  (void)unused;
  synthetic_trial trial = BASELINE(1);
  rp_error err = {0};
  drawing drawn = a_drawing_of(&trial, 1);
  assert_fails(plot(&drawn, "no-such", RP_PLOT_PNG, 0, &err), RP_EINPUT, err, "accuracy, criteria");
  assert_fails(plot(&drawn, "criteria", RP_PLOT_PNG, 0, &err), RP_EINPUT, err, "no results for figure criteria");
  assert_ok(plot(&drawn, NULL, RP_PLOT_SVG, 0, &err), err); /* the one that fits */
  assert_int_equal(drawn.n_written, 1);
  done_with(&drawn);
}

static void a_missing_gnuplot_is_said_to_be_missing(void **unused) {
  (void)unused;
  drawing drawn = a_drawing_of(TWO_SEEDS, 4);
  rp_error err = {0};
  char *before = strdup(getenv("PATH"));
  setenv("PATH", drawn.folder, 1);
  rp_status status = plot(&drawn, NULL, RP_PLOT_PNG, 0, &err);
  setenv("PATH", before, 1);
  free(before);
  assert_int_equal(status, RP_EINPUT);
  assert_non_null(strstr(err.message, "gnuplot"));
  assert_non_null(strstr(err.message, "install"));
  char command[200];
  snprintf(command, sizeof command, "test -z \"$(ls '%s')\"", drawn.folder);
  assert_int_equal(system(command), 0);
  done_with(&drawn);
}

/* A gnuplot that fails: what it says is in the message, and no half of a figure is left. */
static void what_gnuplot_says_when_it_fails_is_passed_on(void **unused) {
  (void)unused;
  drawing drawn = a_drawing_of(TWO_SEEDS, 4);
  rp_error err = {0};
  char command[400], path[300], *before = strdup(getenv("PATH"));
  snprintf(
      command, sizeof command,
      "mkdir -p '%s.bin' && printf '#!/bin/sh\\necho no such terminal >&2\\nexit 3\\n' > '%s.bin/gnuplot' && chmod +x '%s.bin/gnuplot'",
      drawn.path, drawn.path, drawn.path);
  assert_int_equal(system(command), 0);
  snprintf(path, sizeof path, "%s.bin:%s", drawn.path, before);
  setenv("PATH", path, 1);
  rp_status status = plot(&drawn, NULL, RP_PLOT_PNG, 0, &err);
  setenv("PATH", before, 1);
  free(before);
  assert_int_equal(status, RP_ELIBRARY);
  assert_non_null(strstr(err.message, "no such terminal"));
  assert_int_equal(drawn.n_written, 0);
  done_with(&drawn);
}

/* The data that gnuplot gets, by hand: epoch 3 of "eeDssReee" is the first of the sub-network: phase from 2 to 4; mean of 0.53+0.03 and
 * 0.54+0.03. */
static void the_script_has_means_ranges_and_phases(void **unused) {
  (void)unused;
  drawing drawn = a_drawing_of(TWO_SEEDS, 4);
  RP_CLEANUP(rp_text_free) rp_text script = {0};
  rp_error err = {0};
  rp_plot_options options = {.folder = drawn.folder, .paper = 1};
  rp_figure_data data = {.options = &options};
  rp_canvas canvas;
  int fits;
  assert_ok(rp_query_trials(drawn.store, "x", &data.trials, &err), err);
  assert_ok(rp_query_epochs(drawn.store, "x", &data.epochs, &err), err);
  data.owners = calloc((size_t)data.epochs.n, sizeof *data.owners);
  for (int i = 0; i < data.epochs.n; i++)
    for (int j = 0; j < data.trials.n; j++)
      if (rp_id_equal(data.trials.trials[j].trial, data.epochs.epochs[i].trial)) data.owners[i] = &data.trials.trials[j];
  assert_ok(rp_figure_accuracy(&data, &script, &canvas, &fits, &err), err);
  assert_true(fits);
  assert_has(rp_text_string(&script), "\n3 66.5 66 67 56.5 56 57\n"); /* train is test + 0.1 */
  /* the last epochs: 7 of the baseline, 0.51 + 0.07 and 0.52 + 0.07, and 7 of the other */
  assert_has(rp_text_string(&script), "$ends << EOD\n7 68.5 68 69 58.5 58 59\n\n\n7 70.5 70 71 60.5 60 61\n\n\nEOD\n");
  assert_has(rp_text_string(&script), "phase_from[1] = 2\nphase_to[1] = 4\n");
  assert_has(rp_text_string(&script), "n_phases = 1\n");
  assert_has(rp_text_string(&script), "$published_test_standard << EOD\n1 52\n"); /* .520 at the paper's epoch 0 */
  free(data.owners);
  rp_trial_list_free(&data.trials);
  rp_epoch_list_free(&data.epochs);
  done_with(&drawn);
}

/* ---- Agreement ------------------------------------------------------------------------------- */

/* ortho acts with scores that rise; ρ of the others with it: 1 - 6·2 / (5·24) = 0.9, -1, and none. */
static const float NEARLY_RISING[] = {1, 2, 3, 5, 4}, FALLING[] = {5, 4, 3, 2, 1}, EQUAL[] = {7, 7, 7, 7, 7};

/* Both seeds' drops with what shadows say of them. */
static drawing a_drawing_with_shadows(rp_criterion *shadows, const float *const *scores, int n) {
  static const uint8_t set[] = {1, 1, 0, 0, 0};
  static const int ranks[] = {5, 4, 3, 2, 1};
  rp_error err = {0};
  drawing drawn = {.path = synthetic_path()};
  assert_ok(rp_store_open(drawn.path, RP_STORE_WRITE, &drawn.store, &err), err);
  synthetic_run(drawn.store, TWO_SEEDS, 4, shadows, n);
  for (int seed = 1; seed <= 2; seed++)
    for (int i = 0; i < n; i++)
      synthetic_put_shadow(drawn.store, synthetic_id("state ortho_p=30 eeDssReee %d 2", seed),
                           synthetic_id("request ortho_p=30 eeDssReee %d", seed), &shadows[i], scores[i], ranks, set);
  snprintf(drawn.folder, sizeof drawn.folder, "%s.figures/new", drawn.path);
  return drawn;
}

static char *agreement_svg(rp_criterion *shadows, const float *const *scores, int n) {
  drawing drawn = a_drawing_with_shadows(shadows, scores, n);
  rp_error err = {0};
  size_t size;
  assert_ok(plot(&drawn, "agreement", RP_PLOT_SVG, 0, &err), err);
  char *svg = contents(&drawn, 0, &size);
  done_with(&drawn);
  return svg;
}

static void agreement_is_among_the_figures_where_there_are_shadows(void **unused) {
  (void)unused;
  rp_criterion shadows[] = {synthetic_criterion("l2")};
  drawing drawn = a_drawing_with_shadows(shadows, (const float *const[]){FALLING}, 1);
  rp_error err = {0};
  for (int format = 0; format < RP_N_PLOT_FORMATS; format++) {
    size_t size;
    assert_ok(plot(&drawn, NULL, (rp_plot_format)format, 0, &err), err);
    assert_int_equal(drawn.n_written, 3);
    assert_non_null(strstr(drawn.written[2], "x-agreement."));
    free(contents(&drawn, 2, &size));
    assert_true(size > 2000);
  }
  done_with(&drawn);
}

static void agreement_without_shadows_is_an_error_that_says_what_to_do(void **unused) {
  (void)unused;
  rp_error err = {0};
  drawing drawn = a_drawing_of(TWO_SEEDS, 4);
  assert_fails(plot(&drawn, "agreement", RP_PLOT_PNG, 0, &err), RP_EINPUT, err, "Put `shadow: [all]` into the experiment's file");
  assert_fails(plot(&drawn, "no-such", RP_PLOT_PNG, 0, &err), RP_EINPUT, err, "accuracy, criteria, agreement");
  done_with(&drawn);
}

static void agreement_shows_names_numbers_and_what_they_are_made_from(void **unused) {
  (void)unused;
  rp_criterion shadows[] = {synthetic_criterion("oracle-loss"), synthetic_criterion("l2"), synthetic_criterion("apoz")};
  char *svg = agreement_svg(shadows, (const float *const[]){NEARLY_RISING, FALLING, EQUAL}, 3);
  assert_has(svg, ">0.90<");  /* ortho and the oracle */
  assert_has(svg, ">−1<");    /* ortho and l2 */
  assert_has(svg, ">−0.90<"); /* the oracle and l2 */
  assert_has(svg, ">–<");     /* apoz */
  assert_has(svg, ">ortho *<");
  assert_has(svg, ">l2<");
  assert_has(svg, "mean over 2 drops; n = 2 seeds.");
  assert_has(svg, "of agreement with oracle-loss.");
  assert_has(svg, "unequal scores");
  free(svg);
}

/* Ten with ortho, whose numbers lose their zero; 22 with ortho, of which 20 are shown. */
static void agreement_of_many_criteria_takes_smaller_cells_then_both_columns_and_counts_those_left_out(void **unused) {
  (void)unused;
  static char names[21][32];
  rp_criterion shadows[21];
  const float *scores[21];
  for (int i = 0; i < 21; i++) {
    snprintf(names[i], sizeof names[i], "criterion-of-a-long-name-%d", i);
    shadows[i] = synthetic_criterion(names[i]);
    scores[i] = i % 2 ? NEARLY_RISING : FALLING;
  }
  char *svg = agreement_svg(shadows, scores, 9); /* and the one that acts: 8.5 cm of 4/3 pixels a point */
  assert_has(svg, "viewBox=\"0 0 321 ");
  assert_has(svg, ">–.90<");
  assert_lacks(svg, "0.90<");
  free(svg);
  svg = agreement_svg(shadows, scores, 21);
  assert_has(svg, "viewBox=\"0 0 673 ");
  assert_has(svg, ">−0.90<");
  assert_has(svg, " 2 more");
  assert_lacks(svg, "22 more");
  free(svg);
}

/* ---- Ranks ----------------------------------------------------------------------------------- */

/* Four filters, one of them inactive; x drops the first, y the first two, z the second. */
static const double X_RANKS[] = {3, 2, NAN, 1}, Y_RANKS[] = {2.5, 2.5, NAN, 1}, Z_RANKS[] = {1, 3, NAN, 2};
static const uint8_t X_DROPS[] = {1, 0, 0, 0}, Y_DROPS[] = {1, 1, 0, 0}, Z_DROPS[] = {0, 1, 0, 0};
static const rp_ranking THREE_RANKINGS[] = {
    {"mine", X_RANKS, X_DROPS, 1}, {"l2's `date`", Y_RANKS, Y_DROPS, 0.866}, {"ortho", Z_RANKS, Z_DROPS, -0.5}};

static void ranks_are_told_apart_by_who_drops_the_filter(void **unused) {
  (void)unused;
  RP_CLEANUP(rp_text_free) rp_text script = {0};
  rp_error err = {0};
  rp_canvas canvas;
  assert_ok(rp_figure_ranks(THREE_RANKINGS, 3, 4, "A state.", &script, &canvas, &err), err);
  /* neither, only x, only y, both; then the same for z */
  assert_has(rp_text_string(&script), "$points << EOD\nNaN NaN\n1 1\n\n\nNaN NaN\n\n\nNaN NaN\n2 2.5\n\n\nNaN NaN\n3 2.5\n\n\n"
                                      "NaN NaN\n1 2\n\n\nNaN NaN\n3 1\n\n\nNaN NaN\n2 3\n\n\nNaN NaN\n\n\nEOD\n");
  assert_has(rp_text_string(&script), "last_rank = 3\n");
  assert_has(rp_text_string(&script), "agreement[1] = 'ρ 0.87  ∩ 100 %'\n");
  assert_has(rp_text_string(&script), "agreement[2] = 'ρ −0.50  ∩ 0 %'\n");
  assert_fails(rp_figure_ranks(THREE_RANKINGS, 1, 4, "", &script, &canvas, &err), RP_EINPUT, err, "two criteria");
}

static void ranks_are_drawn_in_every_format_with_all_names_as_they_are(void **unused) {
  (void)unused;
  static const char *const starts[] = {"\x89PNG", "<?xml", "%PDF"};
  drawing drawn = a_drawing_of(TWO_SEEDS, 1);
  for (int format = 0; format < RP_N_PLOT_FORMATS; format++) {
    rp_plot_options options = {.format = (rp_plot_format)format, .folder = drawn.folder, .written = keep_path, .user = &drawn};
    rp_error err = {0};
    size_t size;
    drawn.n_written = 0;
    assert_ok(rp_plot_ranks(THREE_RANKINGS, 3, 4, "ortho/1@20", "ortho/1@20 of x.", &options, &err), err);
    assert_non_null(strstr(drawn.written[0], "/ortho-1@20-ranks."));
    char *bytes = contents(&drawn, 0, &size);
    assert_memory_equal(bytes, starts[format], strlen(starts[format]));
    if (format == RP_PLOT_SVG) {
      assert_has(bytes, "l2's `date`");
      assert_has(bytes, "rank by mine");
      assert_has(bytes, "ortho/1@20 of x.");
      assert_has(bytes, "only y drops it");
    }
    free(bytes);
  }
  done_with(&drawn);
}

/* What tells two variants of a criterion apart is in their options: none is cut off, and the canvas grows with the titles' lines. */
static void titles_of_panels_show_all_options(void **unused) {
  (void)unused;
  RP_CLEANUP(rp_text_free) rp_text plain = {0};
  RP_CLEANUP(rp_text_free) rp_text script = {0};
  rp_error err = {0};
  rp_canvas low, high;
  rp_ranking rankings[4] = {THREE_RANKINGS[0], THREE_RANKINGS[1], THREE_RANKINGS[2], THREE_RANKINGS[2]};
  assert_ok(rp_figure_ranks(rankings, 4, 4, "A state.", &plain, &low, &err), err);
  rankings[1].name = "ortho variant=authors";
  rankings[2].name = "taylor sign=square normalise=none batches=16";
  assert_ok(rp_figure_ranks(rankings, 4, 4, "A state.", &script, &high, &err), err);
  const char *const lines[] = {"ortho", "variant=authors", "taylor", "sign=square", "normalise=none", "batches=16"};
  for (int i = 0; i < 6; i++) {
    char line[64];
    snprintf(line, sizeof line, "title[%d] = '%s'\n", i + 1, lines[i]);
    assert_has(rp_text_string(&script), line);
  }
  assert_true(high.height > low.height);
}

/* Points: what stands beside, over and under the panels is inside the canvas. Two columns of a paper are 505 points wide, its text is some
 * 650 points high. */
static void rankings_of_any_number_make_a_figure_that_fits_a_page(void **unused) {
  (void)unused;
  rp_ranking many[25];
  for (int i = 0; i < 25; i++) many[i] = THREE_RANKINGS[i % 3];
  for (int n = 2; n <= 25; n++) {
    RP_CLEANUP(rp_text_free) rp_text script = {0};
    rp_error err = {0};
    rp_canvas canvas;
    double width = -1, height = -1;
    assert_ok(rp_figure_ranks(many, n, 4, "A state.", &script, &canvas, &err), err);
    assert_int_equal(canvas.width, n - 1 <= 9 ? 241 : 505);
    assert_true(canvas.height < (n - 1 <= 9 ? 400 : 505));
    assert_int_equal(sscanf(strstr(rp_text_string(&script), "panels_width = "), "panels_width = %lf panels_height = %lf", &width, &height),
                     2);
    assert_true(width > 0 && 34 + width <= canvas.width - 8);
    assert_true(height > 0 && height < canvas.height - 60);
    /* the title of the y axes: 17 characters of 4 points, as high as the panels or a little higher */
    assert_true(strstr(rp_text_string(&script), "y_title = 'rank by the other criterion'") == NULL || height > 27 * 4);
  }
}

static const double EQUAL_RANKS[] = {2, 2, NAN, 2};
static void criteria_that_tell_no_filters_apart_can_be_drawn(void **unused) {
  (void)unused;
  const rp_ranking rankings[] = {
      {"constant", EQUAL_RANKS, X_DROPS, NAN}, {"other", EQUAL_RANKS, Y_DROPS, NAN}, {"mine", X_RANKS, X_DROPS, NAN}};
  drawing drawn = a_drawing_of(TWO_SEEDS, 1);
  for (int n = 2; n <= 3; n++) {
    rp_plot_options options = {.format = RP_PLOT_SVG, .folder = drawn.folder, .written = keep_path, .user = &drawn};
    rp_error err = {0};
    size_t size;
    drawn.n_written = 0;
    assert_ok(rp_plot_ranks(rankings, n, 4, "constant", "A state.", &options, &err), err);
    char *svg = contents(&drawn, 0, &size);
    assert_has(svg, "ρ –  ∩ 100 %");
    assert_has(svg, "one scores all filters alike");
    assert_lacks(svg, "nan");
    free(svg);
  }
  done_with(&drawn);
}

/* File systems take 255 bytes. Names that differ only in what is cut off stay apart, and a name stays the same from call to call. */
static void very_long_names_of_files_are_cut_and_stay_apart(void **unused) {
  (void)unused;
  char what[2][601] = {{0}};
  drawing drawn = a_drawing_of(TWO_SEEDS, 1);
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 300; j++) memcpy(what[i] + 2 * j, "é", 2);
  memcpy(what[1] + 598, "ü", 2);
  rp_plot_options options = {.format = RP_PLOT_SVG, .folder = drawn.folder, .written = keep_path, .user = &drawn};
  rp_error err = {0};
  const char *const names[] = {what[0], what[1], what[0]};
  for (int i = 0; i < 3; i++) assert_ok(rp_plot_ranks(THREE_RANKINGS, 3, 4, names[i], "A state.", &options, &err), err);
  assert_string_not_equal(drawn.written[0], drawn.written[1]);
  assert_string_equal(drawn.written[0], drawn.written[2]);
  done_with(&drawn);
}

static void more_rankings_than_panels_are_counted(void **unused) {
  (void)unused;
  RP_CLEANUP(rp_text_free) rp_text script = {0};
  rp_error err = {0};
  rp_canvas canvas;
  rp_ranking many[28];
  for (int i = 0; i < 28; i++) many[i] = THREE_RANKINGS[i % 3];
  assert_ok(rp_figure_ranks(many, 28, 4, "A state.", &script, &canvas, &err), err);
  assert_has(rp_text_string(&script), "n_panels = 24\n");
  assert_has(rp_text_string(&script), "3 more criteria");
}

static void long_labels_are_wrapped_at_separators_and_cut_with_an_ellipsis(void **unused) {
  (void)unused;
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  assert_int_equal(rp_script_wrap(&text, "ranker=ortho p=30", 10, 3), 2);
  assert_string_equal(rp_text_string(&text), "ranker=\northo p=30");
  rp_text_free(&text);
  assert_int_equal(rp_script_wrap(&text, "äöüäöüäöüäöü", 6, 1), 1);
  assert_string_equal(rp_text_string(&text), "äöüäö…");
  rp_text_free(&text);
  /* blanks before brackets, brackets before other separators; a cut keeps what there is room for */
  assert_int_equal(rp_script_wrap(&text, "ranker=ortho variant=authors", 22, 3), 2);
  assert_string_equal(rp_text_string(&text), "ranker=ortho\nvariant=authors");
  rp_text_free(&text);
  assert_int_equal(rp_script_wrap(&text, "ranker=ortho(variant=authors) p=10", 22, 3), 2);
  assert_string_equal(rp_text_string(&text), "ranker=ortho\n(variant=authors) p=10");
  rp_text_free(&text);
  assert_int_equal(rp_script_wrap(&text, "ranker=oracle-accuracy p=10", 22, 3), 2);
  assert_string_equal(rp_text_string(&text), "ranker=oracle-accuracy\np=10");
  rp_text_free(&text);
  assert_int_equal(rp_script_wrap(&text, "ortho variant=authors", 17, 1), 1);
  assert_string_equal(rp_text_string(&text), "ortho variant=au…");
  rp_text_free(&text);
  assert_int_equal(rp_script_wrap(&text, "short", 10, 2), 1);
  assert_string_equal(rp_text_string(&text), "short");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_figures_are_drawn_in_every_format_whole_and_with_nothing_left_aside),
      cmocka_unit_test(a_png_is_a_thousand_pixels_wide),
      cmocka_unit_test(figures_say_axes_arms_and_how_many_seeds),
      cmocka_unit_test(generated_images_are_said_to_prove_nothing),
      cmocka_unit_test(published_points_are_overlaid_on_request),
      cmocka_unit_test(labels_are_shown_as_they_are),
      cmocka_unit_test(arms_of_unequal_length_or_without_results_do_not_stop_a_figure),
      cmocka_unit_test(a_single_epoch_can_be_drawn),
      cmocka_unit_test(accuracies_that_are_all_equal_can_be_drawn),
      cmocka_unit_test(more_arms_than_lines_that_can_be_told_apart_are_counted),
      cmocka_unit_test(the_ranges_of_few_arms_are_bands_those_of_more_are_bars),
      cmocka_unit_test(what_cannot_be_drawn_is_an_error_that_says_why),
      cmocka_unit_test(a_missing_gnuplot_is_said_to_be_missing),
      cmocka_unit_test(what_gnuplot_says_when_it_fails_is_passed_on),
      cmocka_unit_test(the_script_has_means_ranges_and_phases),
      cmocka_unit_test(agreement_is_among_the_figures_where_there_are_shadows),
      cmocka_unit_test(agreement_without_shadows_is_an_error_that_says_what_to_do),
      cmocka_unit_test(agreement_shows_names_numbers_and_what_they_are_made_from),
      cmocka_unit_test(agreement_of_many_criteria_takes_smaller_cells_then_both_columns_and_counts_those_left_out),
      cmocka_unit_test(ranks_are_told_apart_by_who_drops_the_filter),
      cmocka_unit_test(ranks_are_drawn_in_every_format_with_all_names_as_they_are),
      cmocka_unit_test(titles_of_panels_show_all_options),
      cmocka_unit_test(rankings_of_any_number_make_a_figure_that_fits_a_page),
      cmocka_unit_test(criteria_that_tell_no_filters_apart_can_be_drawn),
      cmocka_unit_test(very_long_names_of_files_are_cut_and_stay_apart),
      cmocka_unit_test(more_rankings_than_panels_are_counted),
      cmocka_unit_test(long_labels_are_wrapped_at_separators_and_cut_with_an_ellipsis),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
