/* download.c: libcurl into a .part file. */
#include "experiments/data/download.h"

#include "core/base/files.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "experiments/data/checksum.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A transfer under way. Its callbacks say in `problem` why they stopped it. */
typedef struct {
  const rp_download *download;
  CURL *curl;
  int fd;
  uint64_t done;    /* bytes in the .part file */
  int checked_size; /* what the server says of the file's size was looked at */
  rp_error problem; /* RP_OK = none */
  char reason[CURL_ERROR_SIZE];
} transfer;

static rp_status refuse_size(transfer *self, uint64_t offered) {
  return rp_fail(&self->problem, RP_EDATA, "%s: the server has a file of %llu bytes, not of %llu; is it the right one? (--url)",
                 self->download->url, (unsigned long long)offered, (unsigned long long)self->download->size_bytes);
}

static rp_status check_offered_size(transfer *self) {
  curl_off_t to_come = -1;
  self->checked_size = 1;
  if (curl_easy_getinfo(self->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &to_come) != CURLE_OK || to_come < 0) return RP_OK;
  uint64_t offered = self->done + (uint64_t)to_come;
  return offered == self->download->size_bytes ? RP_OK : refuse_size(self, offered);
}

static rp_status write_bytes(transfer *self, const char *bytes, size_t n) {
  if (n > self->download->size_bytes - self->done) {
    if (ftruncate(self->fd, 0) != 0) return rp_fail_errno(&self->problem, RP_EIO, "%s.part: cannot be emptied", self->download->path);
    return refuse_size(self, self->done + n);
  }
  while (n > 0) {
    ssize_t written = write(self->fd, bytes, n);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return rp_fail_errno(&self->problem, RP_EIO, "%s.part: cannot be written", self->download->path);
    bytes += written, n -= (size_t)written;
    self->done += (uint64_t)written;
  }
  return RP_OK;
}

static size_t receive(char *bytes, size_t size, size_t n, void *user) {
  transfer *self = user;
  rp_status status = self->checked_size ? RP_OK : check_offered_size(self);
  if (status == RP_OK) status = write_bytes(self, bytes, size * n);
  return status == RP_OK ? size * n : CURL_WRITEFUNC_ERROR;
}

static int report(void *user, curl_off_t total, curl_off_t now, curl_off_t to_send, curl_off_t sent) {
  (void)total, (void)now, (void)to_send, (void)sent;
  const transfer *self = user;
  if (self->download->progress) self->download->progress(self->download->user, self->done, self->download->size_bytes);
  return 0;
}

static CURLcode run(transfer *self) {
  enum { CONNECT_TIMEOUT_S = 30, STALL_TIMEOUT_S = 60, MOST_REDIRECTS = 10 };
  CURL *curl = self->curl;
  curl_easy_setopt(curl, CURLOPT_URL, self->download->url);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "repr");
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)MOST_REDIRECTS);
  curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)STALL_TIMEOUT_S);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, self->reason);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, self);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, report);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, self);
  curl_easy_setopt(curl, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)self->done);
  self->checked_size = 0;
  return curl_easy_perform(curl);
}

static long answer_of(const transfer *self) {
  long answer = 0;
  curl_easy_getinfo(self->curl, CURLINFO_RESPONSE_CODE, &answer);
  return answer;
}

static rp_status fail_transfer(transfer *self, CURLcode code, rp_error *err) {
  const rp_download *download = self->download;
  const char *reason = *self->reason ? self->reason : curl_easy_strerror(code);
  if (self->problem.status != RP_OK) return rp_fail(err, self->problem.status, "%s", self->problem.message);
  if (code == CURLE_OUT_OF_MEMORY) return rp_fail(err, RP_EMEMORY, "%s: out of memory", download->url);
  if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
    return rp_fail(err, RP_EUSAGE, "%s: no address of http:// or https:// (%s)", download->url, reason);
  if (code == CURLE_HTTP_RETURNED_ERROR) {
    long answer = answer_of(self);
    return rp_fail(err, answer >= 500 ? RP_EIO : RP_EDATA, "%s: the server answers %ld; try later, or a mirror with --url", download->url,
                   answer);
  }
  if (self->done == 0) return rp_fail(err, RP_EIO, "%s: nothing came: %s", download->url, reason);
  return rp_fail(err, RP_EIO, "%s: cut off after %llu of %llu bytes (%s); the next fetch goes on from there", download->url,
                 (unsigned long long)self->done, (unsigned long long)download->size_bytes, reason);
}

static rp_status start_anew(transfer *self, rp_error *err) {
  self->done = 0;
  if (ftruncate(self->fd, 0) != 0 || lseek(self->fd, 0, SEEK_SET) != 0)
    return rp_fail_errno(err, RP_EIO, "%s.part: cannot be emptied", self->download->path);
  return RP_OK;
}

/* A server that cannot go on in the middle sends all of it. */
static rp_status transfer_bytes(transfer *self, rp_error *err) {
  CURLcode code = run(self);
  int cannot_resume = code == CURLE_RANGE_ERROR || (code == CURLE_HTTP_RETURNED_ERROR && answer_of(self) == 416);
  if (self->done > 0 && self->problem.status == RP_OK && cannot_resume) {
    RP_TRY(start_anew(self, err));
    code = run(self);
  }
  if (code != CURLE_OK) return fail_transfer(self, code, err);
  if (self->done == self->download->size_bytes) return RP_OK;
  return fail_transfer(self, CURLE_PARTIAL_FILE, err);
}

static rp_status check_sum(const rp_download *download, const char *path, rp_error *err) {
  char found[RP_SHA256_HEX + 1];
  RP_TRY(rp_sha256_of_file(path, found, err));
  if (strcmp(found, download->sha256) == 0) return RP_OK;
  return rp_fail(err, RP_EDATA, "%s: wrong checksum: its SHA-256 is %s, published is %s; fetch it again, or from a mirror with --url",
                 download->url, found, download->sha256);
}

static void close_fd(int *fd) {
  if (*fd >= 0) close(*fd);
}

static void close_curl(CURL **curl) {
  if (*curl) curl_easy_cleanup(*curl);
}

static rp_status download_part(const rp_download *download, const char *part, rp_error *err) {
  RP_CLEANUP(close_fd) int fd = open(part, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return rp_fail_errno(err, RP_EIO, "%s: cannot be written", part);
  struct stat status;
  if (fstat(fd, &status) != 0) return rp_fail_errno(err, RP_EIO, "%s", part);
  transfer self = {.download = download, .fd = fd, .done = (uint64_t)status.st_size};
  if (self.done > download->size_bytes) RP_TRY(start_anew(&self, err));
  if (self.done < download->size_bytes) {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return rp_fail(err, RP_ELIBRARY, "libcurl cannot start");
    RP_CLEANUP(close_curl) CURL *curl = self.curl = curl_easy_init();
    if (!curl) return rp_fail(err, RP_EMEMORY, "libcurl cannot start");
    RP_TRY(transfer_bytes(&self, err));
  }
  if (fsync(fd) != 0) return rp_fail_errno(err, RP_EIO, "%s: cannot be written", part);
  rp_status sum = check_sum(download, part, err);
  if (sum != RP_OK) unlink(part);
  return sum;
}

static int is_empty(const char *path) {
  struct stat status;
  return stat(path, &status) == 0 && status.st_size == 0;
}

rp_status rp_download_file(const rp_download *download, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text part = {0};
  if (rp_file_exists(download->path)) return check_sum(download, download->path, err);
  rp_text_format(&part, "%s.part", download->path);
  RP_TRY(rp_text_check(&part, err));
  rp_status status = download_part(download, rp_text_string(&part), err);
  if (status == RP_OK && rename(part.bytes, download->path) != 0)
    return rp_fail_errno(err, RP_EIO, "%s: cannot be put in place", download->path);
  if (is_empty(part.bytes)) unlink(part.bytes);
  return status;
}
