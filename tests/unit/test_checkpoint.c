/* test_checkpoint.c: a checkpoint comes back bit for bit, or is refused. */
#include "core/state/checkpoint.h"
#include "core/base/files.h"
#include "core/base/memory.h"
#include "tests/layouts.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

static char folder[] = "/tmp/test_checkpoint.XXXXXX";
static char path[sizeof folder + 32];

static int make_folder(void **unused) {
  (void)unused;
  if (!mkdtemp(folder)) return -1;
  snprintf(path, sizeof path, "%s/state", folder);
  return 0;
}

static int remove_folder(void **unused) {
  (void)unused;
  unlink(path);
  return rmdir(folder);
}

static int n_files_in_folder(void) {
  DIR *open_folder = opendir(folder);
  assert_non_null(open_folder);
  int n_files = 0;
  for (struct dirent *entry; (entry = readdir(open_folder));) n_files += entry->d_name[0] != '.';
  closedir(open_folder);
  return n_files;
}

/* Every bit pattern must survive, NaNs with their payload, infinities, −0 and denormals included. */
static void put_odd_floats(float *values) {
  const uint32_t odd[] = {0x7fc00000u, 0x7fc01234u, 0xffa00001u, 0x7f800000u, 0xff800000u, 0x80000000u, 0x00000001u, 0x807fffffu};
  memcpy(values, odd, sizeof odd);
}

static void check_round_trip(int n_slots) {
  test_layout test;
  make_small_layout(&test);
  RP_CLEANUP(rp_state_free) rp_state *state = make_full_state(&test.layout, n_slots), *back = NULL;
  put_odd_floats(state->parameters);
  put_odd_floats(state->at_drop + 50);
  for (int i = 0; i < n_slots; i++) put_odd_floats(state->slots[i] + 20);
  rp_error err = {0};
  size_t size;
  assert_ok(rp_checkpoint_write(state, path, &size, &err), err);
  assert_ok(rp_checkpoint_read(path, &test.layout, &back, &err), err);

  size_t bytes = test.layout.n_parameters * sizeof(float);
  assert_memory_equal(back->parameters, state->parameters, bytes);
  for (int i = 0; i < n_slots; i++) assert_memory_equal(back->slots[i], state->slots[i], bytes);
  assert_memory_equal(back->at_drop, state->at_drop, bytes);
  assert_memory_equal(back->steps, state->steps, test.layout.n_units * sizeof *state->steps);
  for (int f = 0; f < test.layout.n_filters; f++) {
    assert_int_equal(back->filters[f].dropped, state->filters[f].dropped);
    assert_int_equal(back->filters[f].closed, state->filters[f].closed);
    assert_int_equal(back->filters[f].drop_cycle, state->filters[f].drop_cycle);
    assert_int_equal(back->filters[f].last_regrow_epoch, state->filters[f].last_regrow_epoch);
    assert_int_equal(back->filters[f].times_dropped, state->filters[f].times_dropped);
  }
  assert_int_equal(back->n_slots, n_slots);
  assert_true(back->seed == state->seed);
  assert_int_equal(back->epoch, 31);
  assert_int_equal(back->cycle, 2);
  assert_true(back->step == 0x100000007u);
  assert_true(rp_id_equal(digest_of(back), digest_of(state)));
}

static void a_state_comes_back_bit_for_bit(void **unused) {
  (void)unused;
  for (int n_slots = 0; n_slots <= RP_MAX_SLOTS; n_slots++) check_round_trip(n_slots);
}

/* The bytes of a checkpoint of the small layout; the caller frees. */
static char *bytes_of_checkpoint(const rp_layout *layout, size_t *size) {
  RP_CLEANUP(rp_state_free) rp_state *state = make_full_state(layout, 1);
  rp_error err = {0};
  size_t written;
  char *bytes = NULL;
  assert_ok(rp_checkpoint_write(state, path, &written, &err), err);
  assert_ok(rp_read_file(path, 1 << 20, &bytes, size, &err), err);
  assert_int_equal(*size, written);
  return bytes;
}

/* A block of exactly `size` bytes, so that a checker of memory sees a read past its end. */
static void assert_damaged(const char *bytes, size_t size, const rp_layout *layout) {
  uint8_t *exact = malloc(size ? size : 1);
  assert_non_null(exact);
  memcpy(exact, bytes, size);
  rp_error err = {0};
  rp_state *state = NULL;
  assert_fails(rp_checkpoint_parse(size ? exact : exact + 1, size, "some file", layout, &state, &err), RP_EDAMAGED, err, "some file: ");
  assert_null(state);
  free(exact);
}

static void a_file_cut_off_anywhere_is_damaged(void **unused) {
  (void)unused;
  test_layout test;
  make_small_layout(&test);
  size_t size;
  RP_CLEANUP(rp_free_pointer) char *bytes = bytes_of_checkpoint(&test.layout, &size);
  for (size_t length = 0; length < size; length++) assert_damaged(bytes, length, &test.layout);
}

static void a_file_with_bytes_after_its_end_is_damaged(void **unused) {
  (void)unused;
  test_layout test;
  make_small_layout(&test);
  size_t size;
  RP_CLEANUP(rp_free_pointer) char *bytes = bytes_of_checkpoint(&test.layout, &size);
  rp_error err = {0};
  assert_ok(rp_reallocate(&bytes, size + 64, 1, &err), err);
  memset(bytes + size, 0, 64);
  for (size_t more = 1; more <= 64; more++) assert_damaged(bytes, size + more, &test.layout);
}

static void a_file_with_any_bit_flipped_is_damaged(void **unused) {
  (void)unused;
  test_layout test;
  make_small_layout(&test);
  size_t size;
  RP_CLEANUP(rp_free_pointer) char *bytes = bytes_of_checkpoint(&test.layout, &size);
  for (size_t i = 0; i < size; i++)
    for (int bit = 0; bit < 8; bit++) {
      bytes[i] = (char)(bytes[i] ^ (1 << bit));
      assert_damaged(bytes, size, &test.layout);
      bytes[i] = (char)(bytes[i] ^ (1 << bit));
    }
}

static void a_checkpoint_of_another_net_is_refused_even_where_its_size_agrees(void **unused) {
  (void)unused;
  test_layout test, other;
  make_small_layout(&test);
  size_t size;
  RP_CLEANUP(rp_free_pointer) char *bytes = bytes_of_checkpoint(&test.layout, &size);
  make_small_layout(&other);
  other.tensors[0].C = 9, other.tensors[0].E = 3; /* as many weights, and the unit count is left as it was */
  assert_damaged(bytes, size, &other.layout);
  make_small_layout(&other);
  add_test_conv(&other, 1, 1, 1, 0);
  assert_damaged(bytes, size, &other.layout);
}

static void a_file_that_is_absent_or_a_folder_is_damaged(void **unused) {
  (void)unused;
  test_layout test;
  make_small_layout(&test);
  rp_error err = {0};
  rp_state *state = NULL;
  assert_fails(rp_checkpoint_read("/tmp/there/is/no/such/file", &test.layout, &state, &err), RP_EDAMAGED, err, "/no/such/file");
  assert_int_equal(err.status, RP_EDAMAGED);
  assert_null(state);
  assert_fails(rp_checkpoint_read("/tmp", &test.layout, &state, &err), RP_EDAMAGED, err, "/tmp");
  assert_null(state);
}

/* A limit on file sizes stands for the full disk: write fails in the middle of the file. */
static void a_write_that_fails_is_an_io_error_and_leaves_the_old_file_and_nothing_else(void **unused) {
  (void)unused;
  test_layout test;
  make_small_layout(&test);
  size_t size;
  free(bytes_of_checkpoint(&test.layout, &size));
  RP_CLEANUP(rp_state_free) rp_state *state = make_full_state(&test.layout, 2), *back = NULL;
  struct rlimit unlimited, small;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
  small = unlimited;
  small.rlim_cur = size / 2;
  void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  rp_error err = {0};
  size_t written;
  rp_status status = rp_checkpoint_write(state, path, &written, &err);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &unlimited), 0); /* first: failing tests print */
  signal(SIGXFSZ, before);
  assert_int_equal(status, RP_EIO);
  assert_non_null(strstr(err.message, path));
  assert_int_equal(n_files_in_folder(), 1);
  assert_ok(rp_checkpoint_read(path, &test.layout, &back, &err), err);
  assert_int_equal(back->n_slots, 1);
}

static void a_folder_that_is_not_there_is_an_io_error(void **unused) {
  (void)unused;
  test_layout test;
  make_small_layout(&test);
  RP_CLEANUP(rp_state_free) rp_state *state = make_full_state(&test.layout, 0);
  rp_error err = {0};
  size_t written;
  assert_fails(rp_checkpoint_write(state, "/tmp/there/is/no/such/folder", &written, &err), RP_EIO, err, "/no/such/folder");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_state_comes_back_bit_for_bit),
      cmocka_unit_test(a_file_cut_off_anywhere_is_damaged),
      cmocka_unit_test(a_file_with_bytes_after_its_end_is_damaged),
      cmocka_unit_test(a_file_with_any_bit_flipped_is_damaged),
      cmocka_unit_test(a_checkpoint_of_another_net_is_refused_even_where_its_size_agrees),
      cmocka_unit_test(a_file_that_is_absent_or_a_folder_is_damaged),
      cmocka_unit_test(a_write_that_fails_is_an_io_error_and_leaves_the_old_file_and_nothing_else),
      cmocka_unit_test(a_folder_that_is_not_there_is_an_io_error),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
