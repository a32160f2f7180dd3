/* test_winograd.c: convolutions by Winograd against plain loops in double, forward and backward, on shapes that fill their tiles and blocks
 * and on shapes that do not; and which algorithm is chosen for what. */
#include "core/base/draws.h"
#include "core/base/memory.h"
#include "core/nn/conv_choice.h"
#include "core/nn/winograd.h"
#include "tests/check.h"

#include <stdlib.h>

enum { BLOCK = 16 };

typedef struct {
  int kernel, batch, C, K, height, width, pad; /* of the convolution, whatever the direction */
  int is_data_gradient, has_bias, has_relu;
  int more_left, more_after; /* padding on the left, and at the bottom and on the right, beyond `pad` */
} shape;

/* A convolution with random values, ready to run. */
typedef struct {
  shape shape;
  rp_winograd_spec spec;
  rp_winograd *winograd;
  float *weights, *bias;
} fixture;

static float *random_values(size_t n, uint32_t which) {
  float *values;
  rp_error err = {0};
  assert_ok(rp_allocate(n, sizeof *values, &values, &err), err);
  const rp_stream stream = rp_stream_of(0, RP_DRAW_INIT, which, 0, 0, 0);
  for (size_t i = 0; i < n; i++) values[i] = (float)rp_draw_normal(&stream, i);
  return values;
}

static float *value_at(const rp_map *map, int n, int c, int y, int x) {
  const int n_blocks = (map->channels + BLOCK - 1) / BLOCK;
  return map->values +
         ((((size_t)n * (size_t)n_blocks + (size_t)(c / BLOCK)) * (size_t)map->height + (size_t)y) * (size_t)map->width + (size_t)x) *
             BLOCK +
         (size_t)(c % BLOCK);
}

/* Lanes past the channels are 0, as everywhere; the output is filled with rubbish. */
static rp_map map_of(int batch, int channels, int height, int width, uint32_t which) {
  rp_map map = {.batch = batch, .channels = channels, .height = height, .width = width, .block = BLOCK};
  map.values = random_values(rp_map_size(&map), which);
  const int n_lanes = (channels + BLOCK - 1) / BLOCK * BLOCK;
  for (int n = 0; n < batch; n++)
    for (int c = channels; c < n_lanes; c++)
      for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) *value_at(&map, n, c, y, x) = 0;
  return map;
}

static void make(shape s, fixture *f) {
  const int out_height = s.height + 2 * s.pad + s.more_after - s.kernel + 1;
  const int out_width = s.width + 2 * s.pad + s.more_left + s.more_after - s.kernel + 1;
  const rp_map in = map_of(s.batch, s.C, s.height, s.width, 1), out = map_of(s.batch, s.K, out_height, out_width, 2);
  const rp_window window = {.kernel = s.kernel,
                            .stride = 1,
                            .top = s.pad,
                            .left = s.pad + s.more_left,
                            .bottom = s.pad + s.more_after,
                            .right = s.pad + s.more_after};
  rp_error err = {0};
  *f = (fixture){.shape = s,
                 .spec = {.source = s.is_data_gradient ? out : in,
                          .output = s.is_data_gradient ? in : out,
                          .window = window,
                          .is_data_gradient = s.is_data_gradient,
                          .has_relu = s.has_relu}};
  f->weights = random_values((size_t)(s.K * s.C * s.kernel * s.kernel), 3);
  f->bias = s.has_bias ? random_values((size_t)s.K, 4) : NULL;
  assert_ok(rp_winograd_create(&f->spec, &f->winograd, &err), err);
  rp_winograd_load(f->winograd, f->weights, f->bias);
}

static void drop(fixture *f) {
  rp_winograd_free(&f->winograd);
  free(f->spec.source.values), free(f->spec.output.values), free(f->weights), free(f->bias);
}

static int is_here(void) {
  const rp_map map = {.batch = 1, .channels = 16, .height = 4, .width = 4, .block = BLOCK};
  const rp_winograd_spec spec = {
      .source = map, .output = map, .window = {.kernel = 3, .stride = 1, .top = 1, .left = 1, .bottom = 1, .right = 1}};
  if (rp_winograd_fits(&spec)) return 1;
  print_message("this processor has no AVX-512: Winograd kernels are not tested\n");
  return 0;
}

static double weight_at(const fixture *f, int k, int c, int r, int s) {
  const int kernel = f->shape.kernel;
  return (double)f->weights[((k * f->shape.C + c) * kernel + r) * kernel + s];
}

/* What channel `to` of the output holds at (y, x) by the convolution's definition: output (k, y, x) takes input (c, y + r − pad, x + s −
 * pad), and its gradient goes back to there. */
static double plain(const fixture *f, int n, int to, int y, int x) {
  const shape *s = &f->shape;
  const rp_map *source = &f->spec.source;
  double sum = s->has_bias ? (double)f->bias[to] : 0;
  for (int from = 0; from < source->channels; from++)
    for (int r = 0; r < s->kernel; r++)
      for (int q = 0; q < s->kernel; q++) {
        const int left = s->pad + s->more_left, at_y = s->is_data_gradient ? y - r + s->pad : y + r - s->pad;
        const int at_x = s->is_data_gradient ? x - q + left : x + q - left;
        if (at_y < 0 || at_x < 0 || at_y >= source->height || at_x >= source->width) continue;
        const double weight = s->is_data_gradient ? weight_at(f, from, to, r, q) : weight_at(f, to, from, r, q);
        sum += weight * (double)*value_at(source, n, from, at_y, at_x);
      }
  return s->has_relu && sum < 0 ? 0 : sum;
}

/* float32 with a handful more roundings than a direct convolution: relative to the largest value. */
static void assert_like_plain_loops(fixture *f) {
  const rp_map *output = &f->spec.output;
  double largest = 0, worst = 0;
  rp_error err = {0};
  assert_ok(rp_winograd_run(f->winograd, &err), err);
  for (int n = 0; n < output->batch; n++)
    for (int c = 0; c < output->channels; c++)
      for (int y = 0; y < output->height; y++)
        for (int x = 0; x < output->width; x++) {
          const double expected = plain(f, n, c, y, x), off = fabs((double)*value_at(output, n, c, y, x) - expected);
          if (!(off <= worst)) worst = off;
          if (fabs(expected) > largest) largest = fabs(expected);
        }
  assert_above(largest, 1);
  assert_below(worst / largest, 5e-6);
}

static void check_shape(shape s) {
  fixture f;
  make(s, &f);
  assert_like_plain_loops(&f);
  drop(&f);
}

static void a_convolution_equals_plain_loops(void **unused) {
  (void)unused;
  if (!is_here()) skip();
  check_shape((shape){.kernel = 3, .batch = 2, .C = 16, .K = 32, .height = 8, .width = 8, .pad = 1});
  check_shape((shape){.kernel = 5, .batch = 2, .C = 32, .K = 16, .height = 8, .width = 8, .pad = 2});
}

static void a_data_gradient_equals_plain_loops(void **unused) {
  (void)unused;
  if (!is_here()) skip();
  check_shape((shape){.kernel = 3, .batch = 2, .C = 16, .K = 32, .height = 8, .width = 8, .pad = 1, .is_data_gradient = 1});
  check_shape((shape){.kernel = 5, .batch = 2, .C = 32, .K = 16, .height = 8, .width = 8, .pad = 2, .is_data_gradient = 1});
}

static void maps_that_fill_no_whole_tiles_and_channels_that_fill_no_whole_blocks_are_right_too(void **unused) {
  (void)unused;
  if (!is_here()) skip();
  for (int is_data_gradient = 0; is_data_gradient < 2; is_data_gradient++) {
    check_shape((shape){3, 3, 5, 37, 7, 9, 1, is_data_gradient, 0, 0, 0, 0});
    check_shape((shape){5, 3, 37, 5, 7, 9, 2, is_data_gradient, 0, 0, 0, 0});
    check_shape((shape){3, 1, 4, 4, 1, 6, 1, is_data_gradient, 0, 0, 0, 0});
  }
}

static void padding_need_not_be_same_nor_equal_on_all_sides(void **unused) {
  (void)unused;
  if (!is_here()) skip();
  for (int is_data_gradient = 0; is_data_gradient < 2; is_data_gradient++) {
    check_shape((shape){3, 2, 16, 16, 9, 9, 0, is_data_gradient, 0, 0, 0, 0});
    check_shape((shape){5, 2, 16, 16, 9, 9, 1, is_data_gradient, 0, 0, 0, 0});
    check_shape((shape){3, 2, 16, 16, 9, 9, 0, is_data_gradient, 0, 0, 1, 2});
    check_shape((shape){5, 2, 16, 16, 9, 9, 1, is_data_gradient, 0, 0, 2, 1});
    check_shape((shape){3, 2, 16, 16, 9, 9, 2, is_data_gradient, 0, 0, 0, 0});
    check_shape((shape){5, 2, 16, 16, 9, 9, 4, is_data_gradient, 0, 0, 0, 0});
  }
}

/* A data gradient would begin before its map. */
static void padding_as_wide_as_the_kernel_does_not_fit(void **unused) {
  (void)unused;
  const rp_map map = {.batch = 1, .channels = 16, .height = 8, .width = 8, .block = BLOCK};
  for (int side = 0; side < 4; side++) {
    rp_winograd_spec spec = {.source = map, .output = map, .window = {.kernel = 3, .stride = 1}};
    int *const sides[] = {&spec.window.top, &spec.window.left, &spec.window.bottom, &spec.window.right};
    *sides[side] = 3;
    assert_false(rp_winograd_fits(&spec));
  }
}

static void bias_and_relu_are_in_the_output(void **unused) {
  (void)unused;
  if (!is_here()) skip();
  check_shape((shape){.kernel = 3, .batch = 2, .C = 16, .K = 20, .height = 8, .width = 8, .pad = 1, .has_bias = 1});
  check_shape((shape){.kernel = 5, .batch = 2, .C = 16, .K = 20, .height = 7, .width = 7, .pad = 2, .has_bias = 1, .has_relu = 1});
}

static void lanes_of_padding_come_out_as_zero(void **unused) {
  (void)unused;
  if (!is_here()) skip();
  fixture f;
  rp_error err = {0};
  make((shape){.kernel = 3, .batch = 2, .C = 16, .K = 21, .height = 6, .width = 6, .pad = 1, .has_bias = 1}, &f);
  for (size_t i = 0; i < rp_map_size(&f.spec.output); i++) f.spec.output.values[i] = 7;
  assert_ok(rp_winograd_run(f.winograd, &err), err);
  for (int n = 0; n < 2; n++)
    for (int c = 21; c < 32; c++)
      for (int y = 0; y < 6; y++)
        for (int x = 0; x < 6; x++) assert_true(*value_at(&f.spec.output, n, c, y, x) == 0);
  drop(&f);
}

/* What a closed gate relies on: weights and bias 0 give 0, not nearly 0. */
static void a_filter_of_zeros_puts_out_exact_zeros(void **unused) {
  (void)unused;
  if (!is_here()) skip();
  for (int kernel = 3; kernel <= 5; kernel += 2) {
    fixture f;
    rp_error err = {0};
    make((shape){.kernel = kernel, .batch = 2, .C = 16, .K = 16, .height = 8, .width = 8, .pad = kernel / 2, .has_bias = 1}, &f);
    const size_t per_filter = (size_t)(16 * kernel * kernel);
    memset(f.weights + 3 * per_filter, 0, per_filter * sizeof *f.weights);
    f.bias[3] = 0;
    rp_winograd_load(f.winograd, f.weights, f.bias);
    assert_ok(rp_winograd_run(f.winograd, &err), err);
    for (int n = 0; n < 2; n++)
      for (int y = 0; y < 8; y++)
        for (int x = 0; x < 8; x++) {
          assert_true(*value_at(&f.spec.output, n, 3, y, x) == 0);
          assert_true(*value_at(&f.spec.output, n, 4, y, x) != 0);
        }
    drop(&f);
  }
}

static void an_images_bits_do_not_depend_on_its_batch(void **unused) {
  (void)unused;
  if (!is_here()) skip();
  for (int kernel = 3; kernel <= 5; kernel += 2) {
    fixture all, one;
    rp_error err = {0};
    make((shape){.kernel = kernel, .batch = 7, .C = 20, .K = 48, .height = 9, .width = 9, .pad = kernel / 2}, &all);
    make((shape){.kernel = kernel, .batch = 1, .C = 20, .K = 48, .height = 9, .width = 9, .pad = kernel / 2}, &one);
    const size_t in = rp_map_size(&one.spec.source), out = rp_map_size(&one.spec.output);
    memcpy(one.spec.source.values, all.spec.source.values + 5 * in, in * sizeof(float));
    assert_ok(rp_winograd_run(all.winograd, &err), err);
    assert_ok(rp_winograd_run(one.winograd, &err), err);
    assert_memory_equal(one.spec.output.values, all.spec.output.values + 5 * out, out * sizeof(float));
    drop(&all), drop(&one);
  }
}

static void assert_not_finite(fixture *f, float *place, float value) {
  rp_error err = {0};
  const float before = *place;
  *place = value;
  rp_winograd_load(f->winograd, f->weights, f->bias);
  assert_fails(rp_winograd_run(f->winograd, &err), RP_ENUMERIC, err, "NaN or infinite");
  *place = before;
  rp_winograd_load(f->winograd, f->weights, f->bias);
  assert_ok(rp_winograd_run(f->winograd, &err), err);
}

/* Inf − Inf is NaN inside, which a pool would not let through: so it is an error, wherever it is: in the first tile or the last, in the
 * first block of filters alone or in the last. */
static void what_is_not_finite_is_an_error(void **unused) {
  (void)unused;
  if (!is_here()) skip();
  const float values[] = {NAN, INFINITY, 3e38f};
  fixture f;
  make((shape){.kernel = 3, .batch = 14, .C = 16, .K = 32, .height = 8, .width = 8, .pad = 1, .has_relu = 1}, &f);
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    assert_not_finite(&f, value_at(&f.spec.source, 0, 2, 0, 0), values[i]);
    assert_not_finite(&f, value_at(&f.spec.source, 13, 2, 7, 7), values[i]);
    assert_not_finite(&f, &f.weights[0], values[i]);
    assert_not_finite(&f, &f.weights[32 * 16 * 9 - 1], values[i]);
  }
  drop(&f);
}

/* ---- The choice ------------------------------------------------------------------------------ */

static rp_conv_algorithm chosen(int kernel, int channels, int side, int threads, rp_convolution convolution, rp_conv_pass pass) {
  const rp_map map = {.batch = 64, .channels = channels, .height = side, .width = side, .block = BLOCK};
  const int pad = kernel / 2;
  const rp_conv_question question = {
      .source = &map, .output = &map, .window = {kernel, 1, pad, pad, pad, pad}, .convolution = convolution, .threads = threads};
  return rp_conv_choose(&question, pass);
}

static void winograd_is_chosen_where_it_saves_time(void **unused) {
  (void)unused;
  if (!is_here()) skip();
  assert_int_equal(chosen(3, 32, 16, 1, RP_CONVOLUTION_AUTO, RP_CONV_FORWARD), RP_CONV_BY_WINOGRAD);
  assert_int_equal(chosen(5, 32, 16, 1, RP_CONVOLUTION_AUTO, RP_CONV_DATA_GRADIENT), RP_CONV_BY_WINOGRAD);
  assert_int_equal(chosen(1, 32, 16, 1, RP_CONVOLUTION_AUTO, RP_CONV_FORWARD), RP_CONV_BY_DNN);
  assert_int_equal(chosen(3, 512, 2, 1, RP_CONVOLUTION_AUTO, RP_CONV_FORWARD), RP_CONV_BY_DNN);
  assert_int_equal(chosen(5, 32, 16, 1, RP_CONVOLUTION_AUTO, RP_CONV_WEIGHT_GRADIENT), RP_CONV_BY_DNN);
}

static void kernels_of_one_thread_are_not_chosen_for_more(void **unused) {
  (void)unused;
  assert_int_equal(chosen(5, 32, 16, 2, RP_CONVOLUTION_AUTO, RP_CONV_FORWARD), RP_CONV_BY_DNN);
  assert_int_equal(chosen(3, 32, 16, 2, RP_CONVOLUTION_AUTO, RP_CONV_FORWARD), RP_CONV_BY_DNN_WINOGRAD);
}

static void a_choice_that_is_asked_for_is_kept_wherever_it_exists(void **unused) {
  (void)unused;
  if (!is_here()) skip();
  for (int pass = 0; pass < RP_N_CONV_PASSES; pass++) {
    assert_int_equal(chosen(3, 32, 16, 1, RP_CONVOLUTION_DIRECT, (rp_conv_pass)pass), RP_CONV_BY_DNN);
    assert_int_equal(chosen(3, 16, 4, 1, RP_CONVOLUTION_DNN_WINOGRAD, (rp_conv_pass)pass), RP_CONV_BY_DNN_WINOGRAD);
    assert_int_equal(chosen(3, 512, 2, 2, RP_CONVOLUTION_WINOGRAD, (rp_conv_pass)pass),
                     pass == RP_CONV_WEIGHT_GRADIENT ? RP_CONV_BY_DNN : RP_CONV_BY_WINOGRAD);
    assert_int_equal(chosen(5, 32, 16, 1, RP_CONVOLUTION_DNN_WINOGRAD, (rp_conv_pass)pass), RP_CONV_BY_DNN);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_convolution_equals_plain_loops),
      cmocka_unit_test(a_data_gradient_equals_plain_loops),
      cmocka_unit_test(maps_that_fill_no_whole_tiles_and_channels_that_fill_no_whole_blocks_are_right_too),
      cmocka_unit_test(padding_need_not_be_same_nor_equal_on_all_sides),
      cmocka_unit_test(padding_as_wide_as_the_kernel_does_not_fit),
      cmocka_unit_test(bias_and_relu_are_in_the_output),
      cmocka_unit_test(lanes_of_padding_come_out_as_zero),
      cmocka_unit_test(a_filter_of_zeros_puts_out_exact_zeros),
      cmocka_unit_test(an_images_bits_do_not_depend_on_its_batch),
      cmocka_unit_test(what_is_not_finite_is_an_error),
      cmocka_unit_test(winograd_is_chosen_where_it_saves_time),
      cmocka_unit_test(kernels_of_one_thread_are_not_chosen_for_more),
      cmocka_unit_test(a_choice_that_is_asked_for_is_kept_wherever_it_exists),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
