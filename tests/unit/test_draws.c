/* test_draws.c: random numbers are a function of their key. */
#include "core/base/draws.h"
#include "tests/check.h"

#include <Random123/philox.h>

/* Known answer of the Random123 distribution (kat_vectors: philox4x32 10, all-zero counter and key). */
static void the_generator_is_philox_4x32_10(void **unused) {
  (void)unused;
  philox4x32_ctr_t bits = philox4x32((philox4x32_ctr_t){{0}}, (philox4x32_key_t){{0}});
  assert_int_equal(bits.v[0], 0x6627e8d5);
  assert_int_equal(bits.v[1], 0xe169c58d);
  assert_int_equal(bits.v[2], 0xbc57ac4c);
  assert_int_equal(bits.v[3], 0x9b00dbd8);
}

static void each_part_of_a_key_changes_the_stream(void **unused) {
  (void)unused;
  rp_stream streams[] = {rp_stream_of(1, RP_DRAW_INIT, 1, 2, 3, 4),  rp_stream_of(2, RP_DRAW_INIT, 1, 2, 3, 4),
                         rp_stream_of(1, RP_DRAW_ORDER, 1, 2, 3, 4), rp_stream_of(1, RP_DRAW_INIT, 9, 2, 3, 4),
                         rp_stream_of(1, RP_DRAW_INIT, 1, 9, 3, 4),  rp_stream_of(1, RP_DRAW_INIT, 1, 2, 9, 4),
                         rp_stream_of(1, RP_DRAW_INIT, 1, 2, 3, 9),  rp_stream_of(1ull << 40, RP_DRAW_INIT, 1, 2, 3, 4)};
  for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++)
    for (size_t j = 0; j < i; j++) assert_int_not_equal(rp_draw_bits(&streams[i], 0), rp_draw_bits(&streams[j], 0));
}

static void a_number_does_not_depend_on_how_far_the_stream_was_read(void **unused) {
  (void)unused;
  rp_stream stream = rp_stream_of(7, RP_DRAW_INIT, 0, 0, 0, 0);
  double late = rp_draw_normal(&stream, 1000);
  for (int i = 0; i < 1000; i++) rp_draw_normal(&stream, (uint64_t)i);
  assert_true(late == rp_draw_normal(&stream, 1000));
}

static void normals_have_mean_0_and_variance_1_and_uniforms_stay_inside(void **unused) {
  (void)unused;
  enum { N = 100000 };
  rp_stream stream = rp_stream_of(7, RP_DRAW_INIT, 0, 0, 0, 0);
  double sum = 0, squares = 0, uniforms = 0;
  for (uint64_t i = 0; i < N; i++) {
    double normal = rp_draw_normal(&stream, i), uniform = rp_draw_uniform(&stream, i);
    assert_true(uniform > 0 && uniform < 1);
    sum += normal, squares += normal * normal, uniforms += uniform;
  }
  assert_near(sum / N, 0, 5 / sqrt(N));
  assert_near(squares / N, 1, 5 * sqrt(2.0 / N));
  assert_near(uniforms / N, 0.5, 5 * sqrt(1.0 / 12 / N));
}

static void a_permutation_holds_each_index_once_and_below_is_even(void **unused) {
  (void)unused;
  enum { N = 1000 };
  uint32_t order[N], seen[N] = {0}, faces[6] = {0};
  rp_stream stream = rp_stream_of(3, RP_DRAW_ORDER, 1, 0, 0, 0);
  rp_draw_permutation(&stream, N, order);
  for (int i = 0; i < N; i++) seen[order[i]]++;
  for (int i = 0; i < N; i++) assert_int_equal(seen[i], 1);
  for (uint64_t i = 0; i < 60000; i++) faces[rp_draw_below(&stream, i, 6)]++;
  for (int i = 0; i < 6; i++) assert_near(faces[i], 10000, 5 * sqrt(60000.0 * 5 / 36));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_generator_is_philox_4x32_10),
      cmocka_unit_test(each_part_of_a_key_changes_the_stream),
      cmocka_unit_test(a_number_does_not_depend_on_how_far_the_stream_was_read),
      cmocka_unit_test(normals_have_mean_0_and_variance_1_and_uniforms_stay_inside),
      cmocka_unit_test(a_permutation_holds_each_index_once_and_below_is_even),
  };
  return cmocka_run_group_tests_name("draws", tests, NULL, NULL);
}
