/* test_channel_conv.c: convolutions of a few channels, subtracted from sums, against plain loops in double precision: all shapes of tiles,
 * windows and blocks, and no write outside the image. */
#include "core/nn/channel_conv.h"
#include "tests/models.h"

enum { N_IMAGES = 2 };

typedef struct {
  int height, width, channels, block; /* of the output */
  int n_channels, kernel, stride, same;
  float lowest;
} shape;

/* Inputs in dense [n_channels][H][W], of each image the same. */
static void plain_loops(const shape *it, const rp_map *in, const rp_window *window, const float *inputs, const float *weights, size_t K,
                        int k, int y, int x, double *sum) {
  for (int c = 0; c < it->n_channels; c++)
    for (int r = 0; r < it->kernel; r++)
      for (int s = 0; s < it->kernel; s++) {
        const int in_y = y * it->stride - window->top + r, in_x = x * it->stride - window->left + s;
        if (in_y < 0 || in_y >= in->height || in_x < 0 || in_x >= in->width) continue;
        *sum -= (double)inputs[(c * in->height + in_y) * in->width + in_x] *
                (double)weights[((size_t)(c * it->kernel + r) * (size_t)it->kernel + (size_t)s) * K + (size_t)k];
      }
}

static void assert_subtracts(const shape *it) {
  /* SAME padding, or none and an odd row and column that nobody reads. */
  const int unread = it->same ? 0 : it->stride - 1;
  const rp_map in = {.batch = 1,
                     .channels = it->n_channels,
                     .height = it->same ? it->height * it->stride : (it->height - 1) * it->stride + it->kernel + unread,
                     .width = it->same ? it->width * it->stride : (it->width - 1) * it->stride + it->kernel + unread,
                     .block = 1};
  rp_map out = {.batch = N_IMAGES, .channels = it->channels, .height = it->height, .width = it->width, .block = it->block};
  const rp_layer_spec spec = {.kernel = it->kernel, .stride = it->stride, .same = it->same};
  const rp_extent extent = {.channels = it->n_channels, .height = in.height, .width = in.width};
  const rp_window window = rp_window_of(&spec, &extent);
  const rp_channel_plane plane = rp_channel_plane_of(&in, &out, &window);
  const size_t n = rp_map_size(&out), n_image = n / N_IMAGES, n_pixels = (size_t)it->height * (size_t)it->width;
  const size_t K = n_image / n_pixels, n_inputs = (size_t)it->n_channels * (size_t)in.height * (size_t)in.width;
  float *inputs = normals(n_inputs, 1, 1), *sums = normals(n, 1, 2), *planes = floats((size_t)it->n_channels * plane.size);
  float *weights = normals((size_t)(it->n_channels * it->kernel * it->kernel) * K, 1, 3);
  for (int c = 0; c < it->n_channels; c++)
    for (int y = 0; y < in.height; y++)
      for (int x = 0; x < in.width; x++)
        planes[(size_t)c * plane.size + plane.first + (size_t)y * plane.width + (size_t)x] = inputs[(c * in.height + y) * in.width + x];
  out.values = floats(n);
  for (size_t i = 0; i < n; i++) out.values[i] = 77;
  const rp_channel_conv conv = {.n_channels = it->n_channels, .plane = plane, .planes = planes, .weights = weights, .lowest = it->lowest};
  rp_channel_conv_subtract(&conv, sums, &out, 1);
  for (size_t i = 0; i < n_image; i++) assert_true(out.values[i] == 77);
  for (int k = 0; k < (int)K; k++)
    for (int y = 0; y < it->height; y++)
      for (int x = 0; x < it->width; x++) {
        const size_t block = (size_t)it->block;
        const size_t at = n_image + ((size_t)k / block * n_pixels + (size_t)(y * it->width + x)) * block + (size_t)k % block;
        double expected = (double)sums[at];
        plain_loops(it, &in, &window, inputs, weights, K, k, y, x, &expected);
        if (expected < (double)it->lowest) expected = (double)it->lowest;
        if (!(fabs((double)out.values[at] - expected) <= 2e-5))
          fail_msg("%d×%d of %d channels in blocks of %d, kernel %d, stride %d: (%d, %d, %d) is %g and not %g", it->height, it->width,
                   it->channels, it->block, it->kernel, it->stride, k, y, x, (double)out.values[at], expected);
      }
  free(inputs), free(sums), free(planes), free(weights), free(out.values);
}

static void each_output_is_its_sum_less_all_taps_in_every_shape(void **unused) {
  (void)unused;
  for (int width = 1; width <= 17; width++)
    for (int kernel = 1; kernel <= 5; kernel++)
      for (int stride = 1; stride <= 3; stride++)
        for (int i = 0; i < 4; i++) {
          const shape it = {.height = 3,
                            .width = width,
                            .channels = i < 2 ? 13 : 40,
                            .block = i % 2 ? 16 : 8,
                            .n_channels = 1 + (width + kernel) % 3,
                            .kernel = kernel,
                            .stride = stride,
                            .same = (width + stride) % 2,
                            .lowest = kernel % 2 ? 0 : -INFINITY};
          assert_subtracts(&it);
        }
}

/* Also under a ReLU. */
static void a_sum_that_is_no_number_stays_one(void **unused) {
  (void)unused;
  for (int block = 8; block <= 16; block += 8) {
    float sums[16] = {NAN, 1, -1}, weights[16] = {0}, pixel = 1;
    rp_map out = {.batch = 1, .channels = 3, .height = 1, .width = 1, .block = block},
           in = {.batch = 1, .channels = 1, .height = 1, .width = 1};
    const rp_window window = {.kernel = 1, .stride = 1};
    float values[16];
    out.values = values;
    const rp_channel_conv conv = {1, rp_channel_plane_of(&in, &out, &window), &pixel, weights, 0};
    rp_channel_conv_subtract(&conv, sums, &out, 0);
    assert_true(isnan(values[0]) && values[1] == 1 && values[2] == 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_output_is_its_sum_less_all_taps_in_every_shape),
      cmocka_unit_test(a_sum_that_is_no_number_stays_one),
  };
  return cmocka_run_group_tests_name("channel_conv", tests, NULL, NULL);
}
