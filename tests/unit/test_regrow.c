/* test_regrow.c: what comes back for dropped filters, by its defining properties: angles, norms, an independent Gram-Schmidt, hand-made
 * cases. */
#include "core/ops/drop.h"
#include "core/ops/regrow.h"
#include "tests/layouts.h"
#include "tests/models.h"
#include "tests/nets.h"

#define FREED_NET                                                                                                                          \
  RP_CLEANUP(rp_net_free)                                                                                                                  \
  rp_net
#define FREED_STATE                                                                                                                        \
  RP_CLEANUP(rp_state_free)                                                                                                                \
  rp_state

enum { SEED = 11, MAX_FILTERS = 64 };
static const rp_regrow_options ORTHOGONAL = {.mode = RP_REGROW_ORTHOGONAL};

/* ---- Arranging ------------------------------------------------------------------------------- */

static rp_net *net_of_one_conv(int K, int channels, int kernel) {
  return make_net(&(test_net){.channels = channels, .size = 4, .n_convs = 1, .K = {K}, .kernel = {kernel}, .n_classes = 3});
}

/* conv1 6×3×3×3, conv2 8×6×3×3, each pooled; fc on 8 × (2·2). */
static rp_net *net_of_two_convs(void) {
  return make_net(&(test_net){.channels = 3, .size = 8, .n_convs = 2, .K = {6, 8}, .kernel = {3, 3}, .is_pooled = 1, .n_classes = 5});
}

/* Random everything, so that nothing is zero by chance. */
static rp_state *state_of(const rp_net *net) {
  rp_state *state;
  rp_error err = {0};
  const rp_layout *layout = rp_net_layout(net);
  assert_ok(rp_state_initial(net, 1, SEED, &state, &err), err);
  fill_with_draws(state->parameters, layout->n_parameters, 3);
  fill_with_draws(state->slots[0], layout->n_parameters, 4);
  for (size_t u = 0; u < layout->n_units; u++) state->steps[u] = 7 + (uint32_t)u;
  state->epoch = 30;
  return state;
}

static void drop(rp_state *state, const int *filters, int n, int gate) {
  uint8_t set[MAX_FILTERS] = {0};
  for (int i = 0; i < n; i++) set[filters[i]] = 1;
  rp_error err = {0};
  assert_ok(rp_drop_filters(state, set, gate, &err), err);
}

static void drop_range(rp_state *state, int first, int n) {
  int filters[MAX_FILTERS];
  for (int i = 0; i < n; i++) filters[i] = first + i;
  drop(state, filters, n, 1);
}

static rp_regrow_record regrow(const rp_net *net, rp_state *state, rp_regrow_options options) {
  rp_regrow_record record;
  rp_error err = {0};
  assert_ok(rp_regrow_filters(net, state, &options, &record, &err), err);
  return record;
}

/* ---- Measuring ------------------------------------------------------------------------------- */

static size_t size_of_filter(const rp_state *state, int filter) {
  size_t offsets[RP_FILTER_RANGES], counts[RP_FILTER_RANGES];
  rp_state_filter_ranges(state->layout, filter, offsets, counts);
  return counts[0];
}

static float *weights_of(const rp_state *state, int filter) {
  size_t offsets[RP_FILTER_RANGES], counts[RP_FILTER_RANGES];
  rp_state_filter_ranges(state->layout, filter, offsets, counts);
  return state->parameters + offsets[0];
}

static float *bias_of(const rp_state *state, int filter) {
  size_t offsets[RP_FILTER_RANGES], counts[RP_FILTER_RANGES];
  assert_int_equal(rp_state_filter_ranges(state->layout, filter, offsets, counts), 2);
  return state->parameters + offsets[1];
}

static double norm_of(const float *a, size_t d) {
  double square = 0;
  for (size_t i = 0; i < d; i++) square += (double)a[i] * a[i];
  return sqrt(square);
}

/* |cos|, 0 with a zero vector. */
static double cosine(const float *a, const float *b, size_t d) {
  double inner = 0, norms = norm_of(a, d) * norm_of(b, d);
  for (size_t i = 0; i < d; i++) inner += (double)a[i] * b[i];
  return norms > 0 ? fabs(inner) / norms : 0;
}

static double cosine_of_filters(const rp_state *state, int f, const rp_state *other_state, int g) {
  return cosine(weights_of(state, f), weights_of(other_state, g), size_of_filter(state, f));
}

static int same_filter(const rp_state *a, const rp_state *b, int f) {
  return memcmp(weights_of(a, f), weights_of(b, f), size_of_filter(a, f) * sizeof(float)) == 0;
}

/* ---- Rule 16: orthogonal --------------------------------------------------------------------- */

static void rule_16_regrown_filters_are_orthogonal_to_their_own_value_the_survivors_and_each_other(void **unused) {
  (void)unused;
  FREED_NET *net = net_of_one_conv(8, 3, 3);
  FREED_STATE *state = state_of(net), *before = copy_of(state);
  drop(state, (int[]){1, 4, 5}, 3, 1);
  rp_regrow_record record = regrow(net, state, ORTHOGONAL);
  const int regrown[] = {1, 4, 5};
  for (int i = 0; i < 3; i++) {
    assert_below(cosine_of_filters(state, regrown[i], before, regrown[i]), 1e-5);
    for (int g = 0; g < 8; g++)
      if (g != regrown[i]) assert_below(cosine_of_filters(state, regrown[i], state, g), 1e-5);
  }
  for (int g = 0; g < 8; g++)
    if (g != 1 && g != 4 && g != 5) assert_true(same_filter(state, before, g));
  assert_int_equal(record.regrown, 3);
  assert_int_equal(record.constraints_asked, 6 + 7 + 8);
  assert_int_equal(record.constraints_met, 6 + 7 + 8);
  assert_below(record.max_cos_left, 1e-5);
}

/* Four survivors and the own value leave room for 22 filters that are orthogonal to one another; then the list starts anew. */
static void rule_16_the_list_of_regrown_filters_starts_anew_where_it_would_fill_the_space(void **unused) {
  (void)unused;
  FREED_NET *net = net_of_one_conv(32, 3, 3);
  FREED_STATE *state = state_of(net), *before = copy_of(state);
  drop_range(state, 4, 28);
  rp_regrow_record record = regrow(net, state, ORTHOGONAL);
  double sum = 0;
  for (int f = 4; f < 32; f++) {
    assert_below(cosine_of_filters(state, f, before, f), 1e-5);
    for (int g = 0; g < 4; g++) assert_below(cosine_of_filters(state, f, state, g), 1e-5);
    for (int g = 4; g < f; g++) {
      double cos = cosine_of_filters(state, f, state, g);
      if (f < 26 || g >= 26)
        assert_below(cos, 1e-5);
      else
        assert_above(cos, 1e-5);
      sum += cos;
    }
  }
  assert_below(sum / (28 * 27 / 2), 0.1);
  assert_int_equal(record.constraints_asked, 28 * 5 + 28 * 27 / 2);
  assert_int_equal(record.constraints_met, 28 * 5 + 28 * 27 / 2 - 22 * 6);
  assert_above(record.max_cos_left, 0.1);
}

/* 35 survivors in 12 dimensions: there is room for the own value and the ten that overlap most with it. */
static void rule_16_with_too_many_survivors_those_that_overlap_most_with_the_own_value_are_met(void **unused) {
  (void)unused;
  FREED_NET *net = net_of_one_conv(40, 3, 2);
  FREED_STATE *state = state_of(net), *before = copy_of(state);
  drop_range(state, 17, 5);
  regrow(net, state, ORTHOGONAL);
  for (int f = 17; f < 22; f++) {
    assert_below(cosine_of_filters(state, f, before, f), 1e-5);
    int n_met = 0;
    for (int g = 0; g < 40; g++) {
      if (g >= 17 && g < 22) continue;
      int n_closer = 0; /* survivors that overlap more */
      for (int h = 0; h < 40; h++)
        n_closer += (h < 17 || h >= 22) && cosine_of_filters(before, f, before, h) > cosine_of_filters(before, f, before, g);
      if (n_closer >= 10) continue;
      assert_below(cosine_of_filters(state, f, state, g), 1e-5);
      n_met++;
    }
    assert_int_equal(n_met, 10);
  }
}

/* Four dimensions, own value (1,1,1,1), survivors e3, e0, e2, e1: all overlap alike, so the first two are taken, and what remains is ±
 * (0,1,−1,0)/√2. */
static void rule_16_ties_of_overlap_go_by_index(void **unused) {
  (void)unused;
  FREED_NET *net = net_of_one_conv(5, 1, 2);
  FREED_STATE *state = state_of(net);
  const float rows[5][4] = {{0, 0, 0, 2}, {3, 0, 0, 0}, {1, 1, 1, 1}, {0, 0, 5, 0}, {0, 7, 0, 0}};
  memcpy(weights_of(state, 0), rows, sizeof rows);
  drop(state, (int[]){2}, 1, 1);
  rp_regrow_record record = regrow(net, state, (rp_regrow_options){.mode = RP_REGROW_ORTHOGONAL, .scale = RP_SCALE_UNIT});
  const float *weights = weights_of(state, 2);
  assert_near(weights[0], 0, 1e-7);
  assert_near(weights[3], 0, 1e-7);
  assert_near(fabs((double)weights[1]), sqrt(0.5), 1e-7);
  assert_near(weights[1] + weights[2], 0, 1e-7);
  assert_int_equal(record.constraints_asked, 5);
  assert_int_equal(record.constraints_met, 3);
  assert_near(record.max_cos_left, sqrt(0.5), 1e-7);
}

/* Twenty multiples of one vector take one dimension only, so that the two other survivors, which overlap less, can be met as well. */
static void rule_16_dependent_vectors_leave_room_for_those_behind_them(void **unused) {
  (void)unused;
  FREED_NET *net = net_of_one_conv(24, 1, 3); /* nine dimensions */
  FREED_STATE *state = state_of(net);
  for (int f = 2; f < 22; f++)
    for (int i = 0; i < 9; i++) weights_of(state, f)[i] = (float)(f % 3 ? f : -f) * weights_of(state, 0)[i];
  memcpy(weights_of(state, 1), weights_of(state, 0), 9 * sizeof(float)); /* the own value, too */
  weights_of(state, 1)[0] += 0.01f;
  FREED_STATE *before = copy_of(state);
  drop(state, (int[]){0, 1}, 2, 1);
  rp_regrow_record record = regrow(net, state, ORTHOGONAL);
  for (int f = 0; f < 2; f++) {
    assert_below(cosine_of_filters(state, f, before, f), 1e-5);
    for (int g = f + 1; g < 24; g++) assert_below(cosine_of_filters(state, f, state, g), 1e-5);
  }
  assert_int_equal(record.constraints_met, record.constraints_asked);
}

/* In nine dimensions there is room for the own value, one vector and its multiples, and the six others that overlap most with the own
 * value. */
static void rule_16_dependent_vectors_do_not_use_up_room_where_there_are_too_many_others(void **unused) {
  (void)unused;
  FREED_NET *net = net_of_one_conv(36, 1, 3);
  FREED_STATE *state = state_of(net);
  for (int i = 0; i < 9; i++) weights_of(state, 1)[i] = weights_of(state, 0)[i] + (i == 0 ? 0.01f : 0);
  for (int f = 2; f < 21; f++)
    for (int i = 0; i < 9; i++) weights_of(state, f)[i] = (float)(1 << f % 7) * weights_of(state, 1)[i];
  FREED_STATE *before = copy_of(state);
  drop(state, (int[]){0}, 1, 1);
  rp_regrow_record record = regrow(net, state, ORTHOGONAL);
  assert_below(cosine_of_filters(state, 0, before, 0), 1e-5);
  assert_int_equal(record.constraints_asked, 1 + 35);
  assert_int_equal(record.constraints_met, 1 + 20 + 6);
  for (int g = 21; g < 36; g++) {
    int n_closer = 0;
    for (int h = 21; h < 36; h++) n_closer += cosine_of_filters(before, 0, before, h) > cosine_of_filters(before, 0, before, g);
    assert_int_equal(cosine_of_filters(state, 0, state, g) < 1e-5, n_closer < 6);
  }
}

/* Among zero vectors nothing constrains a filter: it is its draws, scaled. */
static void rule_16_without_constraints_a_filter_is_its_draws_by_seed_cycle_layer_and_filter(void **unused) {
  (void)unused;
  FREED_NET *net = net_of_two_convs();
  for (int f = 1; f < 14; f += 4) {
    FREED_STATE *state = state_of(net);
    memset(state->parameters, 0, state->layout->n_parameters * sizeof(float));
    state->cycle = 5;
    drop(state, &f, 1, 1);
    regrow(net, state, (rp_regrow_options){.mode = RP_REGROW_ORTHOGONAL, .scale = RP_SCALE_UNIT});
    int conv = f >= 6, k = conv ? f - 6 : f, d = conv ? 54 : 27;
    rp_stream stream = rp_stream_of(SEED, RP_DRAW_REGROW, 6, (uint32_t)conv, (uint32_t)k, 0);
    double square = 0;
    for (int i = 0; i < d; i++) square += pow(rp_draw_normal(&stream, (uint64_t)i), 2);
    for (int i = 0; i < d; i++) assert_near(weights_of(state, f)[i], rp_draw_normal(&stream, (uint64_t)i) / sqrt(square), 1e-7);
  }
}

/* Zero vectors ask for nothing, the filter's own value included, and lengths do not matter. */
static void rule_16_zero_vectors_are_skipped_and_lengths_do_not_matter(void **unused) {
  (void)unused;
  FREED_NET *net = net_of_one_conv(6, 1, 3);
  FREED_STATE *state = state_of(net);
  memset(weights_of(state, 0), 0, 9 * sizeof(float));
  memset(weights_of(state, 3), 0, 9 * sizeof(float));
  for (int i = 0; i < 9; i++) weights_of(state, 1)[i] *= 1e-12f, weights_of(state, 2)[i] *= 1e12f;
  drop(state, (int[]){3, 4}, 2, 1);
  FREED_STATE *before = copy_of(state);
  rp_regrow_record record = regrow(net, state, (rp_regrow_options){.mode = RP_REGROW_ORTHOGONAL, .scale = RP_SCALE_UNIT});
  for (int g = 0; g < 6; g++) {
    if (g != 3) assert_below(cosine_of_filters(state, 3, state, g), 1e-5);
    if (g != 4) assert_below(cosine_of_filters(state, 4, state, g), 1e-5);
  }
  assert_below(cosine_of_filters(state, 4, before, 4), 1e-5);
  assert_int_equal(record.constraints_asked, 3 + 5); /* survivors 1, 2, 5; for filter 4 also its own value and filter 3 */
  assert_int_equal(record.constraints_met, 8);
}

static void rule_16_one_dimension_leaves_room_for_nothing_and_is_no_error(void **unused) {
  (void)unused;
  FREED_NET *net = net_of_one_conv(3, 1, 1);
  FREED_STATE *state = state_of(net);
  drop(state, (int[]){1}, 1, 1);
  rp_regrow_record record = regrow(net, state, (rp_regrow_options){.mode = RP_REGROW_ORTHOGONAL, .scale = RP_SCALE_UNIT});
  assert_near(fabs((double)*weights_of(state, 1)), 1, 0);
  assert_int_equal(record.constraints_asked, 3);
  assert_int_equal(record.constraints_met, 0);
  assert_near(record.max_cos_left, 1, 1e-12);
}

/* A layer's result does not know of other layers' filters, nor when else something was dropped. */
static void rule_16_draws_are_keyed_by_layer_filter_and_the_filters_own_drop(void **unused) {
  (void)unused;
  FREED_NET *net = net_of_two_convs();
  FREED_STATE *start = state_of(net), *alone = copy_of(start), *both = copy_of(start), *later = copy_of(start), *twice = copy_of(start);
  drop(alone, (int[]){7, 9}, 2, 1); /* of conv2 */
  drop(both, (int[]){0, 2, 7, 9}, 4, 1);
  regrow(net, alone, ORTHOGONAL);
  regrow(net, both, ORTHOGONAL);
  assert_true(same_filter(alone, both, 7) && same_filter(alone, both, 9));

  drop(twice, (int[]){7, 9}, 2, 1);
  drop(twice, (int[]){3}, 1, 1);
  regrow(net, twice, ORTHOGONAL);
  assert_true(same_filter(alone, twice, 7) && same_filter(alone, twice, 9));

  drop(later, (int[]){3}, 1, 1);
  drop(later, (int[]){7, 9}, 2, 1);
  regrow(net, later, ORTHOGONAL);
  assert_false(same_filter(alone, later, 7));

  FREED_STATE *other_seed = copy_of(start);
  other_seed->seed++;
  drop(other_seed, (int[]){7, 9}, 2, 1);
  regrow(net, other_seed, ORTHOGONAL);
  assert_false(same_filter(alone, other_seed, 7));
}

/* ---- Rule 16: the other modes ---------------------------------------------------------------- */

/* Gram-Schmidt in double, written down anew: each filter less its projections onto the earlier ones' directions, twice. */
static void gram_schmidt(const rp_state *state, int n, size_t d, double *directions) {
  for (int f = 0; f < n; f++) {
    double *row = directions + (size_t)f * d, square = 0;
    for (size_t i = 0; i < d; i++) row[i] = weights_of(state, f)[i];
    for (int pass = 0; pass < 2; pass++)
      for (int g = 0; g < f; g++) {
        double inner = 0;
        for (size_t i = 0; i < d; i++) inner += row[i] * directions[(size_t)g * d + i];
        for (size_t i = 0; i < d; i++) row[i] -= inner * directions[(size_t)g * d + i];
      }
    for (size_t i = 0; i < d; i++) square += row[i] * row[i];
    for (size_t i = 0; i < d; i++) row[i] /= sqrt(square);
  }
}

static const rp_regrow_options AUTHORS = {.mode = RP_REGROW_AUTHORS, .keep_bias = 1};

static void check_authors(int K, int channels, int kernel, const int *dropped, int n_dropped) {
  FREED_NET *net = net_of_one_conv(K, channels, kernel);
  FREED_STATE *state = state_of(net), *before = copy_of(state);
  size_t d = (size_t)(channels * kernel * kernel);
  int n_rows = (size_t)K < d ? K : (int)d;
  double *directions = calloc((size_t)n_rows * d, sizeof *directions);
  assert_non_null(directions);
  gram_schmidt(state, n_rows, d, directions);
  drop(state, dropped, n_dropped, 1);
  rp_regrow_record record = regrow(net, state, AUTHORS);
  assert_int_equal(record.regrown, n_dropped);
  assert_int_equal(record.constraints_asked, 0);
  for (int j = 0; j < n_dropped; j++) {
    int f = dropped[j];
    double norm = norm_of(weights_of(before, f), d);
    for (size_t i = 0; i < d; i++) {
      double expected = f < n_rows ? directions[(size_t)f * d + i] : weights_of(before, f)[i] / norm;
      assert_near(weights_of(state, f)[i], expected, 2e-6);
    }
    assert_true(*bias_of(state, f) == *bias_of(before, f));
  }
  free(directions);
}

static void rule_16_authors_is_gram_schmidt_in_order_of_index_at_unit_norm(void **unused) {
  (void)unused;
  check_authors(8, 3, 3, (int[]){0, 3, 7}, 3);
  check_authors(12, 3, 2, (int[]){2, 5, 11}, 3); /* as many filters as dimensions */
}

static void rule_16_authors_beyond_the_dimensions_is_the_old_value_at_unit_norm(void **unused) {
  (void)unused;
  check_authors(16, 3, 2, (int[]){1, 12, 15}, 3);
}

static void rule_16_random_is_drawn_as_at_initialisation_by_the_filters_own_drop(void **unused) {
  (void)unused;
  FREED_NET *net = net_of_two_convs();
  FREED_STATE *state = state_of(net);
  drop(state, (int[]){7}, 1, 1);
  drop(state, (int[]){8}, 1, 1);
  regrow(net, state, (rp_regrow_options){.mode = RP_REGROW_RANDOM});
  float expected[54];
  rp_error err = {0};
  for (int f = 7; f < 9; f++) {
    assert_ok(rp_init_filter(net, f, SEED, (uint32_t)f - 6, expected, &err), err);
    assert_memory_equal(weights_of(state, f), expected, sizeof expected);
  }
}

static void rule_16_rewind_is_all_of_the_filter_as_at_epoch_0(void **unused) {
  (void)unused;
  FREED_NET *net = net_of_two_convs();
  FREED_STATE *state = state_of(net), *initial = NULL;
  rp_error err = {0};
  assert_ok(rp_state_initial(net, 1, SEED, &initial, &err), err);
  drop(state, (int[]){2, 8}, 2, 1);
  regrow(net, state, (rp_regrow_options){.mode = RP_REGROW_REWIND, .keep_bias = 1});
  assert_true(same_filter(state, initial, 2) && same_filter(state, initial, 8));
  assert_true(*bias_of(state, 2) == *bias_of(initial, 2));
  assert_false(same_filter(state, initial, 3));
}

static void rule_16_zero_is_zero(void **unused) {
  (void)unused;
  FREED_NET *net = net_of_two_convs();
  FREED_STATE *state = state_of(net);
  drop(state, (int[]){2}, 1, 1);
  regrow(net, state, (rp_regrow_options){.mode = RP_REGROW_ZERO});
  assert_near(norm_of(weights_of(state, 2), 27), 0, 0);
}

static void rule_16_restore_changes_marks_and_gates_only(void **unused) {
  (void)unused;
  FREED_NET *net = net_of_two_convs();
  FREED_STATE *state = state_of(net), *expected = copy_of(state);
  drop(state, (int[]){2, 8}, 2, 1);
  rp_regrow_record record = regrow(net, state, (rp_regrow_options){.mode = RP_REGROW_RESTORE, .readers = RP_READERS_RANDOM});
  expected->cycle = 1;
  for (int f = 2; f < 9; f += 6) expected->filters[f] = (rp_filter_state){.drop_cycle = 1, .times_dropped = 1};
  assert_true(rp_id_equal(digest_of(state), digest_of(expected)));
  assert_int_equal(record.regrown, 2);
}

/* ---- Rule 17 --------------------------------------------------------------------------------- */

static double norm_after(const rp_net *net, const rp_state *start, rp_regrow_scale scale) {
  FREED_STATE *state = copy_of(start);
  drop(state, (int[]){1, 4}, 2, 1);
  rp_regrow_record record = regrow(net, state, (rp_regrow_options){.mode = RP_REGROW_ORTHOGONAL, .scale = scale});
  assert_int_equal(record.constraints_met, record.constraints_asked);
  return norm_of(weights_of(state, 4), size_of_filter(state, 4));
}

static void rule_17_norms_of_regrown_filters(void **unused) {
  (void)unused;
  FREED_NET *net = net_of_one_conv(6, 3, 3);
  FREED_STATE *start = state_of(net);
  for (int f = 0; f < 6; f++)
    for (int i = 0; i < 27; i++) weights_of(start, f)[i] *= (float)(f + 1);
  double sum = 0;
  for (int f = 0; f < 6; f++)
    if (f != 1 && f != 4) sum += norm_of(weights_of(start, f), 27);
  assert_near(norm_after(net, start, RP_SCALE_MEAN_NORM), sum / 4, 1e-5);
  assert_near(norm_after(net, start, RP_SCALE_OWN), norm_of(weights_of(start, 4), 27), 1e-5);
  assert_near(norm_after(net, start, RP_SCALE_INIT), rp_init_norm(net, 0), 1e-6);
  assert_near(norm_after(net, start, RP_SCALE_UNIT), 1, 1e-6);
}

/* The longest survivor is spread evenly over its weights, so that the mean norm can only be reached by larger ones. */
static void rule_17_clip_scales_the_whole_vector_until_no_weight_exceeds_the_layers_largest(void **unused) {
  (void)unused;
  FREED_NET *net = net_of_one_conv(6, 3, 3);
  FREED_STATE *state = state_of(net);
  for (int f = 0; f < 6; f++)
    for (int i = 0; i < 27; i++) weights_of(state, f)[i] = weights_of(state, f)[i] > 0 ? 0.5f : -0.5f;
  drop(state, (int[]){1, 4}, 2, 1);
  rp_regrow_record record = regrow(net, state, (rp_regrow_options){.mode = RP_REGROW_ORTHOGONAL, .scale = RP_SCALE_CLIP});
  assert_int_equal(record.constraints_met, record.constraints_asked);
  float largest = 0;
  for (int i = 0; i < 27; i++) largest = fmaxf(largest, fabsf(weights_of(state, 1)[i]));
  assert_true(largest == 0.5f);
}

static void rule_17_with_no_survivor_the_norm_is_that_of_initialisation(void **unused) {
  (void)unused;
  FREED_NET *net = net_of_one_conv(4, 3, 3);
  FREED_STATE *start = state_of(net);
  for (rp_regrow_scale scale = RP_SCALE_MEAN_NORM; scale <= RP_SCALE_CLIP; scale += RP_SCALE_CLIP) {
    FREED_STATE *state = copy_of(start);
    drop_range(state, 0, 4);
    regrow(net, state, (rp_regrow_options){.mode = RP_REGROW_ORTHOGONAL, .scale = scale});
    assert_near(norm_of(weights_of(state, 2), 27), rp_init_norm(net, 0), 1e-6);
  }
}

/* ---- Rule 18 --------------------------------------------------------------------------------- */

static void rule_18_bias_is_zero_or_kept(void **unused) {
  (void)unused;
  FREED_NET *net = net_of_two_convs();
  FREED_STATE *zero = state_of(net), *keep = copy_of(zero), *before = copy_of(zero);
  drop(zero, (int[]){2, 8}, 2, 1);
  drop(keep, (int[]){2, 8}, 2, 1);
  regrow(net, zero, ORTHOGONAL);
  regrow(net, keep, (rp_regrow_options){.mode = RP_REGROW_ORTHOGONAL, .keep_bias = 1});
  for (int f = 0; f < 14; f++) {
    assert_true(*bias_of(keep, f) == *bias_of(before, f));
    assert_true(*bias_of(zero, f) == (f == 2 || f == 8 ? 0 : *bias_of(before, f)));
  }
}

/* Layout: conv1 6×3×9 at 0, its bias at 162; conv2 8×6×9 at 168, its bias at 600; fc 5×8×4 at 608, its bias at 768. Units likewise at 0,
 * 18, 24, 72, 80, 120. Filter 8 is filter 2 of conv2. */
static int is_of_filter_2_or_8(size_t parameter) {
  return (parameter >= 54 && parameter < 81) || parameter == 164 || (parameter >= 276 && parameter < 330) || parameter == 602;
}

static int is_unit_of_filter_2_or_8(size_t unit) {
  return (unit >= 6 && unit < 9) || unit == 20 || (unit >= 36 && unit < 42) || unit == 74;
}

/* Readers of channel 2 of conv1: conv2's [k][2], of channel 2 of conv2: fc's [o][2]. */
static int reads_filter_2_or_8(size_t parameter) {
  if (parameter >= 168 && parameter < 600) return (parameter - 168) % 54 / 9 == 2;
  return parameter >= 608 && parameter < 768 && (parameter - 608) % 32 / 4 == 2;
}

static int unit_reads_filter_2_or_8(size_t unit) {
  if (unit >= 24 && unit < 72) return (unit - 24) % 6 == 2;
  return unit >= 80 && unit < 120 && (unit - 80) % 8 == 2;
}

static void rule_18_the_filters_optimizer_state_is_zeroed_and_nobody_elses(void **unused) {
  (void)unused;
  FREED_NET *net = net_of_two_convs();
  FREED_STATE *state = state_of(net), *before = copy_of(state);
  drop(state, (int[]){2, 8}, 2, 1);
  regrow(net, state, ORTHOGONAL);
  for (size_t i = 0; i < state->layout->n_parameters; i++) {
    assert_true(state->slots[0][i] == (is_of_filter_2_or_8(i) ? 0 : before->slots[0][i]));
    if (!is_of_filter_2_or_8(i)) assert_true(state->parameters[i] == before->parameters[i]);
  }
  for (size_t u = 0; u < state->layout->n_units; u++) assert_int_equal(state->steps[u], is_unit_of_filter_2_or_8(u) ? 0 : before->steps[u]);
}

static void check_readers(rp_regrow_readers readers, int gate) {
  FREED_NET *net = net_of_two_convs();
  FREED_STATE *state = state_of(net), *before = copy_of(state);
  drop(state, (int[]){2, 8}, 2, gate);
  regrow(net, state, (rp_regrow_options){.mode = RP_REGROW_ORTHOGONAL, .readers = readers});
  double square = 0;
  int n_readers = 0;
  for (size_t i = 0; i < state->layout->n_parameters; i++) {
    if (is_of_filter_2_or_8(i)) continue;
    if (!reads_filter_2_or_8(i)) {
      assert_true(state->parameters[i] == before->parameters[i] && state->slots[0][i] == before->slots[0][i]);
      continue;
    }
    n_readers++;
    square += (double)state->parameters[i] * state->parameters[i];
    assert_true(state->slots[0][i] == 0);
    if (readers == RP_READERS_ZERO)
      assert_true(state->parameters[i] == 0);
    else
      assert_true(state->parameters[i] != 0 && state->parameters[i] != before->parameters[i]);
  }
  assert_int_equal(n_readers, 7 * 9 + 5 * 4);
  /* He: variance 2/54 in conv2, 2/32 in fc */
  if (readers == RP_READERS_RANDOM) assert_near(square, 63 * 2.0 / 54 + 20 * 2.0 / 32, 2);
  for (size_t u = 0; u < state->layout->n_units; u++)
    assert_int_equal(state->steps[u], is_unit_of_filter_2_or_8(u) || unit_reads_filter_2_or_8(u) ? 0 : before->steps[u]);
}

static void rule_18_readers_of_absent_channels_are_zeroed_or_drawn_anew(void **unused) {
  (void)unused;
  check_readers(RP_READERS_ZERO, 1);
  check_readers(RP_READERS_RANDOM, 1);
}

static void rule_18_with_the_gate_off_readers_are_those_of_channels_that_would_have_been_absent(void **unused) {
  (void)unused;
  check_readers(RP_READERS_ZERO, 0);
  check_readers(RP_READERS_RANDOM, 0);
}

static void rule_18_readers_of_another_cycle_are_drawn_otherwise(void **unused) {
  (void)unused;
  FREED_NET *net = net_of_two_convs();
  FREED_STATE *first = state_of(net), *second = copy_of(first);
  second->cycle++;
  rp_regrow_options options = {.mode = RP_REGROW_ORTHOGONAL, .readers = RP_READERS_RANDOM};
  drop(first, (int[]){2, 8}, 2, 1);
  drop(second, (int[]){2, 8}, 2, 1);
  regrow(net, first, options);
  regrow(net, second, options);
  for (size_t i = 0; i < first->layout->n_parameters; i++)
    if (!is_of_filter_2_or_8(i) && reads_filter_2_or_8(i)) assert_true(first->parameters[i] != second->parameters[i]);
}

/* The survivors of conv2 read conv1's filter 2: filter 8 must be orthogonal to them as they are with their new slices. */
static void rule_18_readers_change_before_any_filter_is_regrown(void **unused) {
  (void)unused;
  FREED_NET *net = net_of_two_convs();
  FREED_STATE *state = state_of(net);
  drop(state, (int[]){2, 8}, 2, 1);
  regrow(net, state, (rp_regrow_options){.mode = RP_REGROW_ORTHOGONAL, .readers = RP_READERS_RANDOM});
  for (int g = 6; g < 14; g++)
    if (g != 8) assert_below(cosine_of_filters(state, 8, state, g), 1e-5);
}

/* ---- BN (rule 18) ---------------------------------------------------------------------------- */

/* conv1 (4, with its own BN and ReLU) → conv2 (5, with none: a concat reads it) → concat of both → bn2 (of the concat, 9 channels), ReLU →
 * conv3 (3, with its own BN) → fc. */
typedef struct {
  test_model model;
  int conv1, bn1, conv2, bn2, conv3, bn3;
} dense_model;

static rp_net *dense_net(dense_model *d) {
  test_model *m = &d->model;
  begin_model(m, 3, 6, 6, 2);
  d->conv1 = plain_conv(m, RP_IMAGE, 4, 3, 1), d->bn1 = layer_on(m, RP_BATCH_NORM, d->conv1);
  int relu = layer_on(m, RP_RELU, d->bn1);
  d->conv2 = plain_conv(m, relu, 5, 3, 1);
  d->bn2 = layer_on(m, RP_BATCH_NORM, join(m, RP_CONCAT, relu, d->conv2, -1, -1));
  d->conv3 = plain_conv(m, layer_on(m, RP_RELU, d->bn2), 3, 3, 1), d->bn3 = layer_on(m, RP_BATCH_NORM, d->conv3);
  layer_on(m, RP_GLOBAL_AVG_POOL, last_of(m)), add_fc(m, 2);
  return net_of(m);
}

/* Filter 1 of conv1 and filter 2 of conv2: channels 1 and 6 of bn2. */
enum { FILTER_OF_CONV1 = 1, FILTER_OF_CONV2 = 4 + 2 };
static const int DENSE_DROPPED[] = {FILTER_OF_CONV1, FILTER_OF_CONV2};

/* Value k of a BN's tensor, in any buffer of a state. */
static float bn_value(const rp_state *state, const float *buffer, int layer, rp_tensor_kind kind, int k) {
  return buffer[tensor_of_kind(state->layout, layer, kind)->offset + (size_t)k];
}

static uint32_t bn_steps(const rp_state *state, int layer, rp_tensor_kind kind, int k) {
  return state->steps[tensor_of_kind(state->layout, layer, kind)->first_unit + (size_t)k];
}

static const float BN_START[] = {1, 0, 0, 1}; /* gamma, beta, mean, variance */

static void rule_18_bn_of_a_regrown_filter_starts_anew_with_its_optimizer_state(void **unused) {
  (void)unused;
  for (rp_regrow_mode mode = 0; mode < RP_N_REGROW_MODES; mode++) {
    if (mode == RP_REGROW_RESTORE) continue;
    dense_model d;
    FREED_NET *net = dense_net(&d);
    FREED_STATE *state = state_of(net), *before = copy_of(state);
    drop(state, DENSE_DROPPED, 2, mode % 2);
    regrow(net, state, (rp_regrow_options){.mode = mode, .keep_bias = 1});
    for (int i = 0; i < 4; i++)
      for (int k = 0; k < 4; k++) {
        const rp_tensor_kind kind = (rp_tensor_kind)(RP_BN_GAMMA + i);
        const int is_new = k == FILTER_OF_CONV1;
        assert_true(bn_value(state, state->parameters, d.bn1, kind, k) ==
                    (is_new ? BN_START[i] : bn_value(before, before->parameters, d.bn1, kind, k)));
        assert_true(bn_value(state, state->slots[0], d.bn1, kind, k) == (is_new ? 0 : bn_value(before, before->slots[0], d.bn1, kind, k)));
        assert_int_equal(bn_steps(state, d.bn1, kind, k), is_new ? 0 : bn_steps(before, d.bn1, kind, k));
        if (k == 3) continue;
        assert_true(bn_value(state, state->parameters, d.bn3, kind, k) == bn_value(before, before->parameters, d.bn3, kind, k));
        assert_int_equal(bn_steps(state, d.bn3, kind, k), bn_steps(before, d.bn3, kind, k));
      }
  }
}

/* Statistics are reset whatever happens to gamma and beta: keep, zero, or as at initialisation. */
static void check_bn_of_absent_inputs(rp_regrow_readers readers, int gate) {
  dense_model d;
  FREED_NET *net = dense_net(&d);
  FREED_STATE *state = state_of(net), *before = copy_of(state);
  drop(state, DENSE_DROPPED, 2, gate);
  regrow(net, state, (rp_regrow_options){.mode = RP_REGROW_RANDOM, .readers = readers});
  for (int i = 0; i < 4; i++)
    for (int k = 0; k < 9; k++) {
      const rp_tensor_kind kind = (rp_tensor_kind)(RP_BN_GAMMA + i);
      const int was_absent = k == 1 || k == 6, is_new = was_absent && (i >= 2 || readers != RP_READERS_KEEP);
      const float start = i < 2 && readers == RP_READERS_ZERO ? 0 : BN_START[i];
      const int is_forgotten = is_new && i < 2;
      assert_true(bn_value(state, state->parameters, d.bn2, kind, k) ==
                  (is_new ? start : bn_value(before, before->parameters, d.bn2, kind, k)));
      if (i >= 2) continue; /* statistics have no optimizer state */
      assert_true(bn_value(state, state->slots[0], d.bn2, kind, k) ==
                  (is_forgotten ? 0 : bn_value(before, before->slots[0], d.bn2, kind, k)));
      assert_int_equal(bn_steps(state, d.bn2, kind, k), is_forgotten ? 0 : bn_steps(before, d.bn2, kind, k));
    }
  /* The convs behind: conv2 reads conv1's channel 1, conv3 channels 1 and 6 of the row. */
  const int convs[] = {d.conv2, d.conv3}, rows[] = {5, 3}, channels[] = {4, 9};
  for (int i = 0; i < 2; i++) {
    const size_t offset = tensor_of(state->layout, convs[i], 0)->offset;
    for (int k = 0; k < rows[i]; k++)
      for (int c = 0; c < channels[i]; c++) {
        const int was_absent = c == 1 || (i == 1 && c == 6), is_regrown = i == 0 && k == 2;
        const size_t at = offset + (size_t)((k * channels[i] + c) * 9);
        if (is_regrown) continue;
        const int is_same = memcmp(state->parameters + at, before->parameters + at, 9 * sizeof(float)) == 0;
        assert_int_equal(is_same, !was_absent || readers == RP_READERS_KEEP);
        for (size_t e = 0; e < 9 && was_absent && readers == RP_READERS_ZERO; e++) assert_true(state->parameters[at + e] == 0);
      }
  }
}

static void rule_18_bn_channels_of_absent_inputs_get_new_statistics_and_gamma_and_beta_follow_readers(void **unused) {
  (void)unused;
  for (rp_regrow_readers readers = 0; readers < RP_N_REGROW_READERS; readers++)
    for (int gate = 0; gate < 2; gate++) check_bn_of_absent_inputs(readers, gate);
}

/* What a filter is made of is kept with its mark, BN included, until it is regrown. */
static void rule_26_the_value_at_the_drop_includes_bn(void **unused) {
  (void)unused;
  dense_model d;
  FREED_NET *net = dense_net(&d);
  FREED_STATE *state = state_of(net);
  drop(state, DENSE_DROPPED, 2, 1);
  for (int i = 0; i < 4; i++)
    for (int k = 0; k < 4; k++) {
      const rp_tensor_kind kind = (rp_tensor_kind)(RP_BN_GAMMA + i);
      assert_true(bn_value(state, state->at_drop, d.bn1, kind, k) ==
                  (k == FILTER_OF_CONV1 ? bn_value(state, state->parameters, d.bn1, kind, k) : 0));
    }
  regrow(net, state, ORTHOGONAL);
  for (size_t i = 0; i < state->layout->n_parameters; i++) assert_true(state->at_drop[i] == 0);
}

static void rule_16_restore_leaves_every_bn_alone(void **unused) {
  (void)unused;
  for (rp_regrow_readers readers = 0; readers < RP_N_REGROW_READERS; readers++) {
    dense_model d;
    FREED_NET *net = dense_net(&d);
    FREED_STATE *state = state_of(net), *expected = copy_of(state);
    drop(state, DENSE_DROPPED, 2, 1);
    regrow(net, state, (rp_regrow_options){.mode = RP_REGROW_RESTORE, .readers = readers});
    expected->cycle = 1;
    for (int i = 0; i < 2; i++) expected->filters[DENSE_DROPPED[i]] = (rp_filter_state){.drop_cycle = 1, .times_dropped = 1};
    assert_true(rp_id_equal(digest_of(state), digest_of(expected)));
  }
}

/* A residual sum with one live summand is read as before: nothing of it is new but the filter. */
static void rule_18_readers_of_a_sum_with_a_live_summand_are_left_alone(void **unused) {
  (void)unused;
  test_model m;
  begin_model(&m, 3, 6, 6, 2);
  int stem = conv_bn(&m, RP_IMAGE, 4, 3, 1, 1), branch = conv_bn(&m, stem, 4, 3, 1, 0);
  int bn = layer_on(&m, RP_BATCH_NORM, join(&m, RP_ADD, stem, branch, -1, -1)), conv = plain_conv(&m, bn, 3, 3, 1);
  add_fc(&m, 2);
  FREED_NET *net = net_of(&m);
  FREED_STATE *state = state_of(net), *before = copy_of(state);
  drop(state, (int[]){5}, 1, 1); /* filter 1 of the branch */
  regrow(net, state, (rp_regrow_options){.mode = RP_REGROW_RANDOM, .readers = RP_READERS_ZERO});
  for (int layer = bn; layer <= conv; layer++)
    for (int t = 0; t < state->layout->n_tensors; t++) {
      const rp_tensor *tensor = &state->layout->tensors[t];
      if (tensor->layer != layer) continue;
      assert_memory_equal(state->parameters + tensor->offset, before->parameters + tensor->offset, size_of_tensor(tensor) * sizeof(float));
      assert_memory_equal(state->slots[0] + tensor->offset, before->slots[0] + tensor->offset, size_of_tensor(tensor) * sizeof(float));
    }
}

/* ---- Marks, history, gate -------------------------------------------------------------------- */

static void rule_26_regrowing_clears_marks_gates_and_stored_values_and_notes_the_epoch(void **unused) {
  (void)unused;
  FREED_NET *net = net_of_two_convs();
  FREED_STATE *state = state_of(net);
  drop(state, (int[]){2, 8}, 2, 1);
  state->epoch = 40;
  regrow(net, state, ORTHOGONAL);
  for (int f = 0; f < 14; f++) {
    int was_dropped = f == 2 || f == 8;
    assert_int_equal(state->filters[f].dropped, 0);
    assert_int_equal(state->filters[f].closed, 0);
    assert_int_equal(state->filters[f].last_regrow_epoch, was_dropped ? 40 : 0);
    assert_int_equal(state->filters[f].times_dropped, was_dropped);
  }
  for (size_t i = 0; i < state->layout->n_parameters; i++) assert_true(state->at_drop[i] == 0);
  assert_int_equal(state->cycle, 1);
  assert_int_equal(state->epoch, 40);
}

static void rule_25_with_the_gate_off_the_value_at_the_drop_is_the_own_value(void **unused) {
  (void)unused;
  FREED_NET *net = net_of_one_conv(8, 3, 3);
  FREED_STATE *open = state_of(net), *closed = copy_of(open), *before = copy_of(open);
  drop(open, (int[]){1, 4}, 2, 0);
  drop(closed, (int[]){1, 4}, 2, 1);
  fill_with_draws(weights_of(open, 1), 27, 77); /* it trained on */
  fill_with_draws(weights_of(open, 4), 27, 78);
  regrow(net, open, ORTHOGONAL);
  regrow(net, closed, ORTHOGONAL);
  assert_below(cosine_of_filters(open, 4, before, 4), 1e-5);
  assert_true(same_filter(open, closed, 1) && same_filter(open, closed, 4));

  FREED_STATE *open_authors = copy_of(before), *closed_authors = copy_of(before);
  drop(open_authors, (int[]){1, 4}, 2, 0);
  drop(closed_authors, (int[]){1, 4}, 2, 1);
  fill_with_draws(weights_of(open_authors, 1), 27, 77);
  regrow(net, open_authors, AUTHORS);
  regrow(net, closed_authors, AUTHORS);
  assert_true(same_filter(open_authors, closed_authors, 1) && same_filter(open_authors, closed_authors, 4));
}

static void with_no_filter_marked_nothing_changes(void **unused) {
  (void)unused;
  FREED_NET *net = net_of_two_convs();
  FREED_STATE *state = state_of(net);
  rp_id before = digest_of(state);
  for (rp_regrow_mode mode = 0; mode < RP_N_REGROW_MODES; mode++) {
    rp_regrow_record record = regrow(net, state, (rp_regrow_options){.mode = mode, .readers = RP_READERS_ZERO});
    assert_int_equal(record.regrown, 0);
    assert_true(rp_id_equal(digest_of(state), before));
  }
}

static void weights_that_are_not_finite_are_a_numeric_failure_that_names_the_layer(void **unused) {
  (void)unused;
  FREED_NET *net = net_of_two_convs();
  const rp_regrow_mode modes[] = {RP_REGROW_ORTHOGONAL, RP_REGROW_AUTHORS};
  for (int i = 0; i < 2; i++) {
    FREED_STATE *state = state_of(net);
    *weights_of(state, 7) = NAN;
    drop(state, (int[]){8}, 1, 1);
    rp_regrow_record record;
    rp_error err = {0};
    assert_fails(rp_regrow_filters(net, state, &(rp_regrow_options){.mode = modes[i]}, &record, &err), RP_ENUMERIC, err, "conv2");
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rule_16_regrown_filters_are_orthogonal_to_their_own_value_the_survivors_and_each_other),
      cmocka_unit_test(rule_16_the_list_of_regrown_filters_starts_anew_where_it_would_fill_the_space),
      cmocka_unit_test(rule_16_with_too_many_survivors_those_that_overlap_most_with_the_own_value_are_met),
      cmocka_unit_test(rule_16_ties_of_overlap_go_by_index),
      cmocka_unit_test(rule_16_dependent_vectors_leave_room_for_those_behind_them),
      cmocka_unit_test(rule_16_dependent_vectors_do_not_use_up_room_where_there_are_too_many_others),
      cmocka_unit_test(rule_16_without_constraints_a_filter_is_its_draws_by_seed_cycle_layer_and_filter),
      cmocka_unit_test(rule_16_zero_vectors_are_skipped_and_lengths_do_not_matter),
      cmocka_unit_test(rule_16_one_dimension_leaves_room_for_nothing_and_is_no_error),
      cmocka_unit_test(rule_16_draws_are_keyed_by_layer_filter_and_the_filters_own_drop),
      cmocka_unit_test(rule_16_authors_is_gram_schmidt_in_order_of_index_at_unit_norm),
      cmocka_unit_test(rule_16_authors_beyond_the_dimensions_is_the_old_value_at_unit_norm),
      cmocka_unit_test(rule_16_random_is_drawn_as_at_initialisation_by_the_filters_own_drop),
      cmocka_unit_test(rule_16_rewind_is_all_of_the_filter_as_at_epoch_0),
      cmocka_unit_test(rule_16_zero_is_zero),
      cmocka_unit_test(rule_16_restore_changes_marks_and_gates_only),
      cmocka_unit_test(rule_17_norms_of_regrown_filters),
      cmocka_unit_test(rule_17_clip_scales_the_whole_vector_until_no_weight_exceeds_the_layers_largest),
      cmocka_unit_test(rule_17_with_no_survivor_the_norm_is_that_of_initialisation),
      cmocka_unit_test(rule_18_bias_is_zero_or_kept),
      cmocka_unit_test(rule_18_the_filters_optimizer_state_is_zeroed_and_nobody_elses),
      cmocka_unit_test(rule_18_readers_of_absent_channels_are_zeroed_or_drawn_anew),
      cmocka_unit_test(rule_18_with_the_gate_off_readers_are_those_of_channels_that_would_have_been_absent),
      cmocka_unit_test(rule_18_readers_of_another_cycle_are_drawn_otherwise),
      cmocka_unit_test(rule_18_readers_change_before_any_filter_is_regrown),
      cmocka_unit_test(rule_18_bn_of_a_regrown_filter_starts_anew_with_its_optimizer_state),
      cmocka_unit_test(rule_18_bn_channels_of_absent_inputs_get_new_statistics_and_gamma_and_beta_follow_readers),
      cmocka_unit_test(rule_26_the_value_at_the_drop_includes_bn),
      cmocka_unit_test(rule_16_restore_leaves_every_bn_alone),
      cmocka_unit_test(rule_18_readers_of_a_sum_with_a_live_summand_are_left_alone),
      cmocka_unit_test(rule_26_regrowing_clears_marks_gates_and_stored_values_and_notes_the_epoch),
      cmocka_unit_test(rule_25_with_the_gate_off_the_value_at_the_drop_is_the_own_value),
      cmocka_unit_test(with_no_filter_marked_nothing_changes),
      cmocka_unit_test(weights_that_are_not_finite_are_a_numeric_failure_that_names_the_layer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
