/* files.c: POSIX files. */
#include "core/base/files.h"

#include "core/base/memory.h"
#include "core/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_file(int *fd) {
  if (*fd >= 0) close(*fd);
}

rp_status rp_map_file(const char *path, rp_mapped_file *out, rp_error *err) {
  *out = (rp_mapped_file){0};
  RP_CLEANUP(close_file) int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return rp_fail_errno(err, RP_EDATA, "%s", path);
  struct stat status;
  if (fstat(fd, &status) != 0) return rp_fail_errno(err, RP_EDATA, "%s", path);
  if (!S_ISREG(status.st_mode)) return rp_fail(err, RP_EDATA, "%s: is no regular file", path);
  if (status.st_size == 0) return RP_OK;
  void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
  if (bytes == MAP_FAILED) return rp_fail_errno(err, RP_EDATA, "%s: cannot be mapped", path);
  *out = (rp_mapped_file){bytes, (size_t)status.st_size};
  return RP_OK;
}

void rp_unmap_file(rp_mapped_file *file) {
  if (file->bytes) munmap((void *)(uintptr_t)file->bytes, file->size);
  *file = (rp_mapped_file){0};
}

rp_status rp_read_file(const char *path, size_t limit, char **out, size_t *size, rp_error *err) {
  *out = NULL;
  RP_CLEANUP(close_file) int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return rp_fail_errno(err, RP_EINPUT, "%s", path);
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  char buffer[16384];
  for (;;) {
    ssize_t n = read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return rp_fail_errno(err, RP_EINPUT, "%s", path);
    if (n == 0) break;
    rp_text_add_bytes(&text, buffer, (size_t)n);
    if (text.length > limit) return rp_fail(err, RP_EINPUT, "%s: is larger than %zu bytes", path, limit);
  }
  *size = text.length;
  return rp_text_take(&text, out, err);
}

static rp_status write_all(int fd, const char *bytes, size_t size, const char *path, rp_error *err) {
  while (size > 0) {
    ssize_t n = write(fd, bytes, size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return rp_fail_errno(err, RP_EIO, "%s: cannot be written", path);
    bytes += n;
    size -= (size_t)n;
  }
  return RP_OK;
}

rp_status rp_sync_folder(const char *path, rp_error *err) {
  RP_CLEANUP(close_file) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 || fsync(fd) != 0) return rp_fail_errno(err, RP_EIO, "%s: cannot be synchronised", path);
  return RP_OK;
}

static rp_status sync_folder_of(const char *path, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *folder = NULL;
  RP_TRY(rp_folder_of(path, &folder, err));
  return rp_sync_folder(folder, err);
}

rp_status rp_aside_open(const char *path, rp_aside *out, rp_error *err) {
  *out = (rp_aside){0};
  RP_CLEANUP(rp_text_free) rp_text aside = {0};
  RP_CLEANUP(rp_free_pointer) char *copy = NULL;
  rp_text_format(&aside, "%s.XXXXXX", path);
  RP_TRY(rp_text_check(&aside, err));
  RP_TRY(rp_copy_string(path, &copy, err));
  int fd = mkstemp(aside.bytes);
  if (fd < 0) return rp_fail_errno(err, RP_EIO, "%s: cannot be written", path);
  *out = (rp_aside){.fd = fd, .path = copy};
  copy = NULL;
  return rp_text_take(&aside, &out->aside, err);
}

rp_status rp_aside_keep(rp_aside *aside, rp_error *err) {
  if (fchmod(aside->fd, 0644) != 0 || fsync(aside->fd) != 0) return rp_fail_errno(err, RP_EIO, "%s: cannot be written", aside->path);
  if (rename(aside->aside, aside->path) != 0) return rp_fail_errno(err, RP_EIO, "%s: cannot be put in place", aside->path);
  rp_free_pointer(&aside->aside);
  return sync_folder_of(aside->path, err);
}

void rp_aside_close(rp_aside *aside) {
  if (!aside->path) return;
  if (aside->aside) unlink(aside->aside);
  close(aside->fd);
  free(aside->aside);
  free(aside->path);
  *aside = (rp_aside){0};
}

rp_status rp_write_file(const char *path, const void *bytes, size_t size, rp_error *err) {
  RP_CLEANUP(rp_aside_close) rp_aside aside = {0};
  RP_TRY(rp_aside_open(path, &aside, err));
  RP_TRY(write_all(aside.fd, bytes, size, path, err));
  return rp_aside_keep(&aside, err);
}

rp_status rp_join_path(const char *folder, const char *name, char **out, rp_error *err) {
  if (!folder || !*folder || *name == '/') return rp_copy_string(name, out, err);
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  rp_text_format(&text, "%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/", name);
  return rp_text_take(&text, out, err);
}

rp_status rp_folder_of(const char *path, char **out, rp_error *err) {
  const char *slash = strrchr(path, '/');
  if (!slash) return rp_copy_string(".", out, err);
  return rp_copy_bytes_as_string(path, slash == path ? 1 : (size_t)(slash - path), out, err);
}

rp_status rp_make_folders(const char *path, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *partial = NULL;
  RP_TRY(rp_copy_string(path, &partial, err));
  for (char *c = partial + 1; *partial; c++) {
    if (*c != '/' && *c != '\0') continue;
    char kept = *c;
    *c = '\0';
    if (mkdir(partial, 0777) != 0 && errno != EEXIST) return rp_fail_errno(err, RP_EIO, "%s: cannot be made", partial);
    if (kept == '\0') break;
    *c = kept;
  }
  struct stat status;
  if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode)) return rp_fail(err, RP_EIO, "%s: is no folder", path);
  return RP_OK;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *where) {
  (void)status, (void)kind, (void)where;
  return remove(path);
}

rp_status rp_remove_tree(const char *path, rp_error *err) {
  enum { MOST_OPEN_FOLDERS = 16 };
  if (nftw(path, remove_entry, MOST_OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT) return RP_OK;
  return rp_fail_errno(err, RP_EIO, "%s: cannot be removed", path);
}

int rp_file_exists(const char *path) {
  return access(path, F_OK) == 0;
}
