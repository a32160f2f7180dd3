/* test_corpus_idx.c: replays the fuzzer's inputs, so that what it once found stays found. Runs in the repository's root. */
#include "tests/fuzz/fuzz_idx.c"

#include "core/base/files.h"
#include "core/base/memory.h"
#include "tests/check.h"

#include <dirent.h>

static const char FOLDER[] = "tests/fuzz/corpus/idx";

static void no_input_of_the_corpus_breaks_the_reader(void **unused) {
  (void)unused;
  DIR *folder = opendir(FOLDER);
  if (!folder) fail_msg("%s cannot be opened: run the test in the repository's root", FOLDER);
  int n_inputs = 0;
  for (struct dirent *entry; (entry = readdir(folder));) {
    if (entry->d_name[0] == '.') continue;
    rp_error err = {0};
    RP_CLEANUP(rp_free_pointer) char *path = NULL, *bytes = NULL;
    size_t size;
    assert_ok(rp_join_path(FOLDER, entry->d_name, &path, &err), err);
    assert_ok(rp_read_file(path, 1 << 20, &bytes, &size, &err), err);
    assert_int_equal(LLVMFuzzerTestOneInput((const uint8_t *)bytes, size), 0);
    n_inputs++;
  }
  closedir(folder);
  assert_true(n_inputs >= 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(no_input_of_the_corpus_breaks_the_reader)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
