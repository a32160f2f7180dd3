/* test_fetch.c: fetching a data set from a server on loopback: whole, cut off and gone on with, and everything that can go wrong on the
 * way. Whatever goes wrong, nothing half is in place, nothing outside the data folder is touched, and the next fetch succeeds. */
#include "core/base/draws.h"
#include "experiments/data/fetch.h"
#include "tests/archives.h"
#include "tests/http_server.h"

#include <dirent.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum { N_BYTES = 150000, N_FEW = 1000 };
static uint8_t large[N_BYTES], small[N_FEW]; /* what the set's two files hold: random, so that it does not compress */
static packed archive;

static char root[64], data[96]; /* a folder of the test's own; the data folder in it, which is not there at first */
static http_server server;
static int server_runs;

static int fill(void **unused) {
  (void)unused;
  rp_stream stream = rp_stream_of(1, RP_DRAW_SHAPES, 0, 0, 0, 0);
  for (uint32_t i = 0; i < N_BYTES; i++) large[i] = (uint8_t)rp_draw_bits(&stream, i);
  for (uint32_t i = 0; i < N_FEW; i++) small[i] = (uint8_t)rp_draw_bits(&stream, N_BYTES + i);
  return 0;
}

static int set_up(void **unused) {
  (void)unused;
  strcpy(root, "/tmp/repr-test-fetch-XXXXXX");
  if (!mkdtemp(root)) return -1;
  snprintf(data, sizeof data, "%s/data", root);
  pack((archive_part[]){{"set/", .type = AE_IFDIR}, PLAIN("set/one.bin", large, N_BYTES), PLAIN("set/below/two.bin", small, N_FEW)}, 3,
       &archive);
  return 0;
}

static void stop_server(void) {
  if (server_runs) stop_http_server(&server);
  server_runs = 0;
}

static int tear_down(void **unused) {
  (void)unused;
  char command[128];
  stop_server();
  snprintf(command, sizeof command, "rm -rf %s", root);
  return system(command) == 0 ? 0 : -1;
}

static void serve(const http_page *pages, int n) {
  stop_server();
  server = start_http_server(pages, n);
  server_runs = 1;
}

static http_page page_of_archive(void) {
  return (http_page){.path = "/set.tar.gz", .bytes = archive.bytes, .size = archive.size};
}

static rp_data_source source_of_archive(void) {
  return (rp_data_source){
      .name = "set", .url = server.url, .folder = "set", .is_archive = 1, .downloads = {{"set.tar.gz", archive.sha256, archive.size}}};
}

static rp_status fetch(rp_error *err) {
  rp_data_source source = source_of_archive();
  *err = (rp_error){0};
  return rp_fetch(&source, data, &(rp_fetch_options){0}, err);
}

/* ---- What is there afterwards ---------------------------------------------------------------- */

static int compare_names(const void *a, const void *b) {
  return strcmp(a, b);
}

/* The names in a folder, sorted, parted by blanks; "-" where there is no folder. */
static const char *names_in(const char *folder) {
  static char text[1024];
  char names[16][128];
  int n = 0;
  DIR *open_folder = opendir(folder);
  if (!open_folder) return "-";
  for (struct dirent *entry; (entry = readdir(open_folder));)
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) snprintf(names[n++], sizeof names[0], "%.120s", entry->d_name);
  closedir(open_folder);
  qsort(names, (size_t)n, sizeof names[0], compare_names);
  text[0] = '\0';
  for (int i = 0; i < n; i++) strcat(strcat(text, i ? " " : ""), names[i]);
  return text;
}

static void assert_names(const char *below, const char *expected) {
  char path[160];
  snprintf(path, sizeof path, "%s/%s", root, below);
  assert_string_equal(names_in(path), expected);
}

static void assert_file(const char *below, const uint8_t *bytes, size_t size) {
  static uint8_t found[N_BYTES + 1];
  char path[160];
  snprintf(path, sizeof path, "%s/%s", root, below);
  FILE *file = fopen(path, "rb");
  if (!file) fail_msg("%s is not there", path);
  assert_int_equal(fread(found, 1, sizeof found, file), size);
  fclose(file);
  assert_memory_equal(found, bytes, size);
}

static void assert_whole(void) {
  assert_names("", "data");
  assert_names("data", "set");
  assert_names("data/set", "below one.bin");
  assert_file("data/set/one.bin", large, N_BYTES);
  assert_file("data/set/below/two.bin", small, N_FEW);
}

static void assert_nothing_is_left(void) {
  assert_names("", "data");
  assert_names("data", "");
}

/* ---- Whole ----------------------------------------------------------------------------------- */

static uint64_t last_done, last_total;

static void note_progress(void *user, const char *file, uint64_t done, uint64_t total) {
  (void)user;
  assert_string_equal(file, "set.tar.gz");
  assert_true(done >= last_done && done <= total);
  last_done = done, last_total = total;
}

static void a_fetch_leaves_the_set_and_nothing_else(void **unused) {
  (void)unused;
  http_page page = page_of_archive();
  serve(&page, 1);
  rp_error err = {0};
  rp_data_source source = source_of_archive();
  last_done = 0;
  assert_ok(rp_fetch(&source, data, &(rp_fetch_options){.progress = note_progress}, &err), err);
  assert_whole();
  assert_true(last_done == archive.size && last_total == archive.size);
  assert_string_equal(http_requests(&server), "/set.tar.gz from 0\n");
}

static void url_names_another_folder_or_the_archive_itself(void **unused) {
  (void)unused;
  http_page pages[] = {page_of_archive(), page_of_archive()};
  pages[0].path = "/mirror/set.tar.gz";
  pages[1].path = "/other/my-set.tar.gz";
  serve(pages, 2);
  static const char *const URLS[] = {"/mirror", "/mirror/", "/mirror/set.tar.gz", "/other/my-set.tar.gz"};
  rp_data_source source = source_of_archive();
  source.url = "http://127.0.0.1:1/nowhere";
  for (int i = 0; i < 4; i++) {
    char url[128];
    rp_error err = {0};
    snprintf(url, sizeof url, "%s%s", server.url, URLS[i]);
    assert_ok(rp_fetch(&source, data, &(rp_fetch_options){.url = url}, &err), err);
    assert_whole();
    assert_int_equal(tear_down(NULL), 0);
    set_up(NULL);
    serve(pages, 2);
  }
}

static void a_redirect_is_followed_to_http_only(void **unused) {
  (void)unused;
  http_page pages[] = {page_of_archive(), {.path = "/set.tar.gz", .status = 302, .location = "/elsewhere"}};
  pages[0].path = "/elsewhere";
  serve(pages, 2);
  rp_error err;
  assert_ok(fetch(&err), err);
  assert_whole();
  assert_int_equal(tear_down(NULL), 0);
  set_up(NULL);
  pages[1].location = "file:///etc/passwd";
  serve(pages, 2);
  assert_fails(fetch(&err), RP_EUSAGE, err, "http");
  assert_nothing_is_left();
}

/* ---- Cut off --------------------------------------------------------------------------------- */

static void a_fetch_that_was_cut_off_goes_on_where_it_stopped(void **unused) {
  (void)unused;
  http_page page = page_of_archive();
  page.cut_after = 50000;
  serve(&page, 1);
  rp_error err;
  assert_fails(fetch(&err), RP_EIO, err, "cut off after 50000 of ");
  assert_names("data", ".set.part");
  assert_names("data/.set.part", "set.tar.gz.part");
  assert_file("data/.set.part/set.tar.gz.part", archive.bytes, 50000);
  assert_ok(fetch(&err), err);
  assert_string_equal(http_requests(&server), "/set.tar.gz from 0\n/set.tar.gz from 50000\n");
  assert_whole();
}

static void a_server_that_cannot_go_on_sends_all_of_it_again(void **unused) {
  (void)unused;
  http_page page = page_of_archive();
  page.cut_after = 50000;
  page.ignores_ranges = 1;
  serve(&page, 1);
  rp_error err;
  assert_fails(fetch(&err), RP_EIO, err, "cut off");
  assert_ok(fetch(&err), err);
  assert_string_equal(http_requests(&server), "/set.tar.gz from 0\n/set.tar.gz from 50000\n/set.tar.gz from 0\n");
  assert_whole();
}

static void a_server_that_says_nothing_of_sizes_is_cut_off_too(void **unused) {
  (void)unused;
  http_page page = page_of_archive();
  page.cut_after = 70000;
  page.hides_size = 1;
  serve(&page, 1);
  rp_error err;
  assert_fails(fetch(&err), RP_EIO, err, "cut off after 70000 of ");
  assert_ok(fetch(&err), err);
  assert_whole();
}

static void a_part_of_something_else_is_noticed_by_the_checksum_and_thrown_away(void **unused) {
  (void)unused;
  http_page page = page_of_archive();
  page.cut_after = 50000;
  serve(&page, 1);
  rp_error err;
  char path[160];
  assert_fails(fetch(&err), RP_EIO, err, "cut off");
  snprintf(path, sizeof path, "%s/.set.part/set.tar.gz.part", data);
  FILE *part = fopen(path, "r+b");
  assert_non_null(part);
  fputc(archive.bytes[0] ^ 1, part);
  fclose(part);
  assert_fails(fetch(&err), RP_EDATA, err, "wrong checksum");
  assert_nothing_is_left();
  assert_ok(fetch(&err), err);
  assert_whole();
}

static void a_wrong_address_costs_nothing_of_what_has_come(void **unused) {
  (void)unused;
  http_page page = page_of_archive();
  page.cut_after = 50000;
  serve(&page, 1);
  rp_error err;
  assert_fails(fetch(&err), RP_EIO, err, "cut off");
  rp_data_source source = source_of_archive();
  char url[128];
  snprintf(url, sizeof url, "%s/wrong", server.url);
  assert_fails(rp_fetch(&source, data, &(rp_fetch_options){.url = url}, &err), RP_EDATA, err, "answers 404");
  assert_fails(rp_fetch(&source, data, &(rp_fetch_options){.url = "ftp://127.0.0.1"}, &err), RP_EUSAGE, err, "no address of http");
  http_requests(&server);
  assert_ok(fetch(&err), err);
  assert_string_equal(http_requests(&server), "/set.tar.gz from 50000\n");
}

/* ---- The server's mistakes ------------------------------------------------------------------- */

static void a_wrong_checksum_leaves_nothing(void **unused) {
  (void)unused;
  static uint8_t other[sizeof archive.bytes];
  http_page page = page_of_archive();
  memcpy(other, archive.bytes, archive.size);
  other[archive.size / 2] ^= 1;
  page.bytes = other;
  serve(&page, 1);
  rp_error err;
  assert_fails(fetch(&err), RP_EDATA, err, "wrong checksum");
  assert_non_null(strstr(err.message, archive.sha256));
  assert_non_null(strstr(err.message, "--url"));
  assert_nothing_is_left();
}

static void answers_that_are_no_file_leave_nothing(void **unused) {
  (void)unused;
  static const struct {
    int answer;
    rp_status status;
  } CASES[] = {{404, RP_EDATA}, {403, RP_EDATA}, {500, RP_EIO}, {503, RP_EIO}};
  for (int i = 0; i < 4; i++) {
    http_page page = page_of_archive();
    char part[32];
    page.status = CASES[i].answer;
    snprintf(part, sizeof part, "answers %d", CASES[i].answer);
    serve(&page, 1);
    rp_error err;
    assert_fails(fetch(&err), CASES[i].status, err, part);
    assert_nothing_is_left();
  }
}

static void a_file_of_another_size_is_refused_before_it_is_loaded(void **unused) {
  (void)unused;
  http_page page = page_of_archive();
  page.size = archive.size - 1;
  serve(&page, 1);
  rp_error err;
  assert_fails(fetch(&err), RP_EDATA, err, "the server has a file of");
  assert_nothing_is_left();
  page.size = archive.size + 1;
  page.hides_size = 1; /* then it is seen by what comes */
  serve(&page, 1);
  assert_fails(fetch(&err), RP_EDATA, err, "the server has a file of");
  assert_nothing_is_left();
}

static void no_server_is_an_error_that_can_pass(void **unused) {
  (void)unused;
  http_page page = page_of_archive();
  serve(&page, 1);
  stop_server();
  rp_error err;
  assert_fails(fetch(&err), RP_EIO, err, "nothing came");
  assert_nothing_is_left();
}

/* ---- Archives -------------------------------------------------------------------------------- */

static void assert_archive_is_refused(const archive_part *parts, int n, const char *part) {
  pack(parts, n, &archive);
  http_page page = page_of_archive();
  serve(&page, 1);
  rp_error err;
  assert_fails(fetch(&err), RP_EDATA, err, part);
  assert_nothing_is_left();
}

static void an_archive_that_would_leave_its_folder_is_refused_whole(void **unused) {
  (void)unused;
  char absolute[96];
  snprintf(absolute, sizeof absolute, "%s/evil", root);
  const archive_part good = PLAIN("set/one.bin", small, N_FEW);
  const archive_part bad[][2] = {
      {PLAIN("../evil", small, N_FEW), PLAIN("set/two.bin", small, N_FEW)},
      {PLAIN("set/../../../evil", small, N_FEW), PLAIN("set/two.bin", small, N_FEW)},
      {{"set/..", .type = AE_IFDIR}, PLAIN("set/two.bin", small, N_FEW)},
      {PLAIN(absolute, small, N_FEW), PLAIN("set/two.bin", small, N_FEW)},
      {{"set/link", .type = AE_IFLNK, .symlink = root}, PLAIN("set/link/evil", small, N_FEW)},
      {{"set/link", .type = AE_IFLNK, .symlink = "one.bin"}, PLAIN("set/two.bin", small, N_FEW)},
      {{"set/link", .hardlink = "../../../../etc/passwd"}, PLAIN("set/two.bin", small, N_FEW)},
      {{"set/pipe", .type = AE_IFIFO}, PLAIN("set/two.bin", small, N_FEW)},
      {PLAIN("set/one.bin", large, N_FEW), PLAIN("set/two.bin", small, N_FEW)},
  };
  static const char *const PARTS[] = {"'../evil' would leave the folder",
                                      "would leave the folder",
                                      "would leave the folder",
                                      "would leave the folder",
                                      "is a link",
                                      "is a link",
                                      "is a link",
                                      "is no file",
                                      "twice"};
  for (int i = 0; i < 9; i++) assert_archive_is_refused((archive_part[]){good, bad[i][0], bad[i][1]}, 3, PARTS[i]);
}

static void an_archive_without_the_folder_or_damaged_is_refused(void **unused) {
  (void)unused;
  assert_archive_is_refused((archive_part[]){PLAIN("other/one.bin", small, N_FEW)}, 1, "does not hold the folder set");
  pack((archive_part[]){PLAIN("set/one.bin", large, N_BYTES)}, 1, &archive);
  archive.size /= 2; /* with the checksum of what is left */
  sum_up(&archive);
  http_page page = page_of_archive();
  serve(&page, 1);
  rp_error err;
  assert_fails(fetch(&err), RP_EDATA, err, "cannot be unpacked");
  assert_nothing_is_left();
}

/* ---- The machine ----------------------------------------------------------------------------- */

/* Fetches in a child that cannot write files of more than `limit` bytes, which is what a full disk looks like; returns its status. */
static rp_status fetch_with_limit(rlim_t limit, const char *part) {
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){limit, limit});
    rp_error err;
    rp_status status = fetch(&err);
    _exit(strstr(err.message, part) ? (int)status : 100);
  }
  int status;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFEXITED(status));
  return (rp_status)WEXITSTATUS(status);
}

static void a_disk_that_fills_up_while_loading_keeps_what_has_come(void **unused) {
  (void)unused;
  http_page page = page_of_archive();
  serve(&page, 1);
  assert_int_equal(fetch_with_limit(60000, "set.tar.gz.part: cannot be written"), RP_EIO);
  assert_names("data", ".set.part");
  assert_file("data/.set.part/set.tar.gz.part", archive.bytes, 60000);
  rp_error err;
  assert_ok(fetch(&err), err);
  assert_string_equal(http_requests(&server), "/set.tar.gz from 0\n/set.tar.gz from 60000\n");
  assert_whole();
}

static void a_disk_that_fills_up_while_unpacking_leaves_the_archive_and_no_set(void **unused) {
  (void)unused;
  static uint8_t zeros[N_BYTES];
  pack((archive_part[]){PLAIN("set/one.bin", zeros, N_BYTES)}, 1, &archive); /* smaller than what is in it */
  http_page page = page_of_archive();
  serve(&page, 1);
  assert_true(archive.size < 100000);
  assert_int_equal(fetch_with_limit(100000, "unpacked/set/one.bin: cannot be written"), RP_EIO);
  assert_names("data", ".set.part");
  assert_names("data/.set.part", "set.tar.gz");
  rp_error err;
  assert_ok(fetch(&err), err);
  assert_string_equal(http_requests(&server), "/set.tar.gz from 0\n"); /* it was not loaded again */
  assert_names("data", "set");
  assert_file("data/set/one.bin", zeros, N_BYTES);
}

static void what_is_there_already_is_left_alone(void **unused) {
  (void)unused;
  http_page page = page_of_archive();
  char path[160];
  serve(&page, 1);
  assert_int_equal(mkdir(data, 0777), 0);
  snprintf(path, sizeof path, "%s/set", data);
  assert_int_equal(mkdir(path, 0777), 0);
  snprintf(path, sizeof path, "%s/set/mine", data);
  fclose(fopen(path, "w"));
  rp_error err;
  assert_fails(fetch(&err), RP_EDATA, err, "is there already and left alone");
  assert_names("data", "set");
  assert_names("data/set", "mine");
  assert_string_equal(http_requests(&server), "");
}

static void two_fetches_into_one_folder_do_not_meet(void **unused) {
  (void)unused;
  http_page page = page_of_archive();
  serve(&page, 1);
  assert_int_equal(mkdir(data, 0777), 0);
  int other = open(data, O_RDONLY | O_DIRECTORY);
  assert_int_equal(flock(other, LOCK_EX), 0);
  rp_error err;
  assert_fails(fetch(&err), RP_EBUSY, err, "another `repr data fetch` is under way");
  close(other);
  assert_ok(fetch(&err), err);
  assert_whole();
}

/* What a fetch that was killed while it unpacked has left. */
static void what_a_killed_fetch_left_half_unpacked_is_unpacked_anew(void **unused) {
  (void)unused;
  char command[512];
  http_page page = page_of_archive();
  serve(&page, 1);
  snprintf(command, sizeof command, "mkdir -p %s/.set.part/unpacked/set; echo half >%s/.set.part/unpacked/set/one.bin", data, data);
  assert_int_equal(system(command), 0);
  rp_error err;
  assert_ok(fetch(&err), err);
  assert_whole();
}

/* ---- Sets of files --------------------------------------------------------------------------- */

static void a_set_of_files_appears_when_all_of_them_are_there(void **unused) {
  (void)unused;
  static packed first, second; /* only for their bytes and sums */
  memcpy(first.bytes, large, first.size = N_BYTES);
  memcpy(second.bytes, small, second.size = N_FEW);
  sum_up(&first);
  sum_up(&second);
  http_page pages[] = {{.path = "/a.gz", .bytes = large, .size = N_BYTES},
                       {.path = "/b.gz", .bytes = small, .size = N_FEW, .cut_after = 400}};
  serve(pages, 2);
  rp_data_source source = {
      .name = "files", .url = server.url, .folder = "set", .downloads = {{"a.gz", first.sha256, N_BYTES}, {"b.gz", second.sha256, N_FEW}}};
  rp_error err = {0};
  assert_fails(rp_fetch(&source, data, &(rp_fetch_options){0}, &err), RP_EIO, err, "/b.gz: cut off after 400 of 1000 bytes");
  assert_names("data", ".files.part");
  assert_ok(rp_fetch(&source, data, &(rp_fetch_options){0}, &err), err);
  assert_string_equal(http_requests(&server), "/a.gz from 0\n/b.gz from 0\n/b.gz from 400\n");
  assert_names("data", "set");
  assert_names("data/set", "a.gz b.gz");
  assert_file("data/set/a.gz", large, N_BYTES);
  assert_file("data/set/b.gz", small, N_FEW);
}

int main(void) {
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(a_fetch_leaves_the_set_and_nothing_else),
      TEST(url_names_another_folder_or_the_archive_itself),
      TEST(a_redirect_is_followed_to_http_only),
      TEST(a_fetch_that_was_cut_off_goes_on_where_it_stopped),
      TEST(a_server_that_cannot_go_on_sends_all_of_it_again),
      TEST(a_server_that_says_nothing_of_sizes_is_cut_off_too),
      TEST(a_part_of_something_else_is_noticed_by_the_checksum_and_thrown_away),
      TEST(a_wrong_address_costs_nothing_of_what_has_come),
      TEST(a_wrong_checksum_leaves_nothing),
      TEST(answers_that_are_no_file_leave_nothing),
      TEST(a_file_of_another_size_is_refused_before_it_is_loaded),
      TEST(no_server_is_an_error_that_can_pass),
      TEST(an_archive_that_would_leave_its_folder_is_refused_whole),
      TEST(an_archive_without_the_folder_or_damaged_is_refused),
      TEST(a_disk_that_fills_up_while_loading_keeps_what_has_come),
      TEST(a_disk_that_fills_up_while_unpacking_leaves_the_archive_and_no_set),
      TEST(what_is_there_already_is_left_alone),
      TEST(two_fetches_into_one_folder_do_not_meet),
      TEST(what_a_killed_fetch_left_half_unpacked_is_unpacked_anew),
      TEST(a_set_of_files_appears_when_all_of_them_are_there),
  };
  return cmocka_run_group_tests_name("fetch", tests, fill, NULL);
}
