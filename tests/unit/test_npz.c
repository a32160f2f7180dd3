/* test_npz.c: zips of arrays: what another reader finds in them, and that they are whole or not there. */
#include "experiments/export/npz.h"
#include "tests/npz_files.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/repr-npz-XXXXXX";

static int enter(void **unused) {
  (void)unused;
  return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int leave(void **unused) {
  (void)unused;
  char command[64];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static int n_files(void) {
  DIR *here = opendir(".");
  int n = 0;
  assert_non_null(here);
  while (readdir(here)) n++;
  closedir(here);
  return n - 2;
}

static const float FLOATS[2][3] = {{1, -2.5f, 0}, {1e-30f, NAN, INFINITY}};
static const uint8_t BYTES[5] = {0, 1, 127, 128, 255};
static const double DOUBLES[1] = {0.1};

static void write_example(const char *path) {
  rp_error err = {0};
  rp_npz *npz = NULL;
  assert_ok(rp_npz_open(path, &npz, &err), err);
  assert_ok(rp_npz_put(npz, "floats", (rp_npz_shape){RP_NPZ_F32, 2, {2, 3}}, FLOATS, &err), err);
  assert_ok(rp_npz_put(npz, "3/bytes", (rp_npz_shape){RP_NPZ_U8, 1, {5}}, BYTES, &err), err);
  assert_ok(rp_npz_put(npz, "doubles", (rp_npz_shape){RP_NPZ_F64, 1, {1}}, DOUBLES, &err), err);
  assert_ok(rp_npz_put(npz, "nothing", (rp_npz_shape){RP_NPZ_F32, 2, {0, 3}}, NULL, &err), err);
  assert_ok(rp_npz_begin(npz, "parts", (rp_npz_shape){RP_NPZ_F32, 4, {1, 2, 1, 3}}, &err), err);
  for (int i = 0; i < 2; i++) assert_ok(rp_npz_add(npz, FLOATS[i], sizeof FLOATS[i], &err), err);
  assert_ok(rp_npz_finish(npz, &err), err);
  rp_npz_close(&npz);
  assert_null(npz);
}

static void another_reader_finds_names_types_shapes_and_values(void **unused) {
  (void)unused;
  write_example("example.npz");
  npz_file *file = read_npz("example.npz");
  assert_int_equal(file->n, 5);
  assert_memory_equal(values_of(expect_array(file, "floats", "<f4", "(2,3,)")), FLOATS, sizeof FLOATS);
  assert_memory_equal(values_of(expect_array(file, "3/bytes", "|u1", "(5,)")), BYTES, sizeof BYTES);
  assert_memory_equal(values_of(expect_array(file, "doubles", "<f8", "(1,)")), DOUBLES, sizeof DOUBLES);
  assert_memory_equal(values_of(expect_array(file, "parts", "<f4", "(1,2,1,3,)")), FLOATS, sizeof FLOATS);
  expect_array(file, "nothing", "<f4", "(0,3,)");
  free_npz(file);
}

static void equal_arrays_make_equal_bytes(void **unused) {
  (void)unused;
  write_example("one.npz");
  sleep(1); /* a clock in the bytes would show */
  write_example("other.npz");
  assert_int_equal(system("cmp one.npz other.npz"), 0);
}

/* Larger than any block of the writer, and not to be compressed to nothing. */
static void large_arrays_come_back_whole(void **unused) {
  (void)unused;
  enum { N = 3000001 };
  uint32_t *values = malloc(N * sizeof *values);
  rp_error err = {0};
  rp_npz *npz = NULL;
  for (uint32_t i = 0; i < N; i++) values[i] = i * 2654435761u;
  assert_ok(rp_npz_open("large.npz", &npz, &err), err);
  assert_ok(rp_npz_put(npz, "large", (rp_npz_shape){RP_NPZ_U32, 1, {N}}, values, &err), err);
  assert_ok(rp_npz_finish(npz, &err), err);
  rp_npz_close(&npz);
  npz_file *file = read_npz("large.npz");
  assert_memory_equal(values_of(expect_array(file, "large", "<u4", "(3000001,)")), values, N * sizeof *values);
  free_npz(file);
  free(values);
}

static void a_file_that_was_not_finished_leaves_nothing_behind_and_the_old_one_in_place(void **unused) {
  (void)unused;
  rp_error err = {0};
  rp_npz *npz = NULL;
  write_example("kept.npz");
  assert_int_equal(system("cp kept.npz before.npz"), 0);
  int n_before = n_files();
  assert_ok(rp_npz_open("kept.npz", &npz, &err), err);
  assert_ok(rp_npz_put(npz, "bytes", (rp_npz_shape){RP_NPZ_U8, 1, {5}}, BYTES, &err), err);
  rp_npz_close(&npz);
  assert_int_equal(n_files(), n_before);
  assert_int_equal(system("cmp kept.npz before.npz"), 0);
}

static void a_folder_that_is_not_there_is_named(void **unused) {
  (void)unused;
  rp_error err = {0};
  rp_npz *npz = NULL;
  assert_fails(rp_npz_open("nowhere/example.npz", &npz, &err), RP_EIO, err, "nowhere/example.npz");
  assert_null(npz);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(another_reader_finds_names_types_shapes_and_values),
      cmocka_unit_test(equal_arrays_make_equal_bytes),
      cmocka_unit_test(large_arrays_come_back_whole),
      cmocka_unit_test(a_file_that_was_not_finished_leaves_nothing_behind_and_the_old_one_in_place),
      cmocka_unit_test(a_folder_that_is_not_there_is_named),
  };
  return cmocka_run_group_tests_name("npz", tests, enter, leave);
}
