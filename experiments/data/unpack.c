/* unpack.c: libarchive reads, this file writes: so a bad archive is told from a full disk, and nothing but plain files is ever made. */
#include "experiments/data/unpack.h"

#include "core/base/files.h"
#include "core/base/memory.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct archive archive_reader;

static void close_reader(archive_reader **reader) {
  if (*reader) archive_read_free(*reader);
}

static void close_fd(int *fd) {
  if (*fd >= 0) close(*fd);
}

static rp_status fail_reading(archive_reader *reader, const char *archive, rp_error *err) {
  const char *reason = archive_error_string(reader);
  return rp_fail(err, archive_errno(reader) == ENOMEM ? RP_EMEMORY : RP_EDATA, "%s: cannot be unpacked: %s; fetch it anew", archive,
                 reason ? reason : "damaged");
}

static int has_parent_component(const char *path) {
  for (const char *at = path; *at;) {
    size_t n = strcspn(at, "/");
    if (n == 2 && memcmp(at, "..", 2) == 0) return 1;
    at += n;
    at += strspn(at, "/");
  }
  return 0;
}

static rp_status check_entry(struct archive_entry *entry, const char *archive, rp_error *err) {
  const char *path = archive_entry_pathname(entry);
  if (!path || !*path) return rp_fail(err, RP_EDATA, "%s: an entry has no name that can be read; nothing of it is used", archive);
  if (*path == '/' || has_parent_component(path))
    return rp_fail(err, RP_EDATA, "%s: the entry '%s' would leave the folder; nothing of it is used", archive, path);
  if (archive_entry_hardlink(entry) || archive_entry_filetype(entry) == AE_IFLNK)
    return rp_fail(err, RP_EDATA, "%s: the entry '%s' is a link, data sets are plain files; nothing of it is used", archive, path);
  if (archive_entry_filetype(entry) != AE_IFREG && archive_entry_filetype(entry) != AE_IFDIR)
    return rp_fail(err, RP_EDATA, "%s: the entry '%s' is no file and no folder; nothing of it is used", archive, path);
  return RP_OK;
}

static rp_status write_all(int fd, const char *bytes, size_t n, const char *path, rp_error *err) {
  while (n > 0) {
    ssize_t written = write(fd, bytes, n);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return rp_fail_errno(err, RP_EIO, "%s: cannot be written", path);
    bytes += written, n -= (size_t)written;
  }
  return RP_OK;
}

static rp_status write_file(archive_reader *reader, const char *archive, const char *path, rp_error *err) {
  enum { BLOCK = 1 << 16 };
  RP_CLEANUP(rp_free_pointer) char *folder = NULL;
  RP_CLEANUP(rp_free_pointer) char *block = NULL;
  RP_TRY(rp_folder_of(path, &folder, err));
  RP_TRY(rp_make_folders(folder, err));
  RP_TRY(rp_allocate(BLOCK, 1, &block, err));
  RP_CLEANUP(close_fd) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (fd < 0 && (errno == EEXIST || errno == EISDIR)) return rp_fail(err, RP_EDATA, "%s: holds %s twice", archive, path);
  if (fd < 0) return rp_fail_errno(err, RP_EIO, "%s: cannot be written", path);
  for (;;) {
    la_ssize_t n = archive_read_data(reader, block, BLOCK);
    if (n < 0) return fail_reading(reader, archive, err);
    if (n == 0) break;
    RP_TRY(write_all(fd, block, (size_t)n, path, err));
  }
  return fsync(fd) == 0 ? RP_OK : rp_fail_errno(err, RP_EIO, "%s: cannot be written", path);
}

static rp_status unpack_entries(archive_reader *reader, const char *archive, const char *folder, rp_error *err) {
  for (;;) {
    struct archive_entry *entry;
    int code = archive_read_next_header(reader, &entry);
    if (code == ARCHIVE_EOF) return RP_OK;
    if (code != ARCHIVE_OK) return fail_reading(reader, archive, err);
    RP_TRY(check_entry(entry, archive, err));
    RP_CLEANUP(rp_free_pointer) char *path = NULL;
    RP_TRY(rp_join_path(folder, archive_entry_pathname(entry), &path, err));
    if (archive_entry_filetype(entry) == AE_IFDIR)
      RP_TRY(rp_make_folders(path, err));
    else
      RP_TRY(write_file(reader, archive, path, err));
  }
}

rp_status rp_unpack(const char *archive, const char *folder, rp_error *err) {
  enum { BLOCK = 1 << 16 };
  RP_CLEANUP(close_reader) archive_reader *reader = archive_read_new();
  if (!reader) return rp_fail(err, RP_EMEMORY, "libarchive cannot start");
  archive_read_support_filter_gzip(reader);
  archive_read_support_format_tar(reader);
  if (archive_read_open_filename(reader, archive, BLOCK) != ARCHIVE_OK) return fail_reading(reader, archive, err);
  return unpack_entries(reader, archive, folder, err);
}
