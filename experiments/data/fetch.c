/* fetch.c: download aside, unpack aside, rename. */
#include "experiments/data/fetch.h"

#include "core/base/files.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "experiments/data/download.h"
#include "experiments/data/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* A fetch under way. Paths are owned. */
typedef struct {
  const rp_data_source *source;
  const rp_fetch_options *options;
  char *target; /* data/cifar-10-batches-bin */
  char *aside;  /* data/.cifar10.part */
  char *set;    /* in `aside`: what will become `target` */
} fetching;

static void free_fetching(fetching *self) {
  rp_free_pointer(&self->target);
  rp_free_pointer(&self->aside);
  rp_free_pointer(&self->set);
}

static void close_fd(int *fd) {
  if (*fd >= 0) close(*fd);
}

/* One fetch at a time into a data folder. The lock ends with the process. Where a file system has no locks, it goes without. */
static rp_status lock_folder(const char *data, int *fd, rp_error *err) {
  *fd = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (*fd < 0) return rp_fail_errno(err, RP_EIO, "%s", data);
  if (flock(*fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    return rp_fail(err, RP_EBUSY, "%s: another `repr data fetch` is under way there", data);
  return RP_OK;
}

/* ---- Downloading ----------------------------------------------------------------------------- */

typedef struct {
  const fetching *self;
  const char *file;
} reporter;

static void report(void *user, uint64_t done, uint64_t total) {
  const reporter *to = user;
  const rp_fetch_options *options = to->self->options;
  if (options->progress) options->progress(options->user, to->file, done, total);
}

static int ends_with(const char *text, const char *ending) {
  size_t n = strlen(text), length = strlen(ending);
  return n >= length && strcmp(text + n - length, ending) == 0;
}

static rp_status url_of(const fetching *self, const char *file, char **out, rp_error *err) {
  const char *url = self->options->url;
  if (url && ends_with(url, file)) return rp_copy_string(url, out, err);
  return rp_join_path(url ? url : self->source->url, file, out, err);
}

static rp_status download(const fetching *self, const rp_source_file *file, const char *folder, char **path, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *url = NULL;
  RP_TRY(url_of(self, file->name, &url, err));
  RP_TRY(rp_join_path(folder, file->name, path, err));
  reporter to = {self, file->name};
  return rp_download_file(&(rp_download){url, *path, file->size_bytes, file->sha256, report, &to}, err);
}

/* ---- Making the set aside -------------------------------------------------------------------- */

static rp_status unpack(fetching *self, const char *archive, const char *unpacked, rp_error *err) {
  RP_TRY(rp_make_folders(unpacked, err));
  RP_TRY(rp_unpack(archive, unpacked, err));
  RP_TRY(rp_join_path(unpacked, self->source->folder, &self->set, err));
  if (!rp_file_exists(self->set)) return rp_fail(err, RP_EDATA, "%s: does not hold the folder %s", archive, self->source->folder);
  return RP_OK;
}

/* What an earlier attempt left half unpacked is unpacked anew. An archive that is no good is not kept. */
static rp_status make_from_archive(fetching *self, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *archive = NULL;
  RP_CLEANUP(rp_free_pointer) char *unpacked = NULL;
  RP_TRY(rp_join_path(self->aside, "unpacked", &unpacked, err));
  RP_TRY(rp_remove_tree(unpacked, err));
  RP_TRY(download(self, &self->source->downloads[0], self->aside, &archive, err));
  rp_status status = unpack(self, archive, unpacked, err);
  if (status != RP_OK) rp_remove_tree(unpacked, NULL);
  if (status == RP_EDATA) unlink(archive);
  return status;
}

static rp_status make_from_files(fetching *self, rp_error *err) {
  RP_TRY(rp_join_path(self->aside, self->source->folder, &self->set, err));
  RP_TRY(rp_make_folders(self->set, err));
  for (int i = 0; i < RP_SOURCE_MOST_FILES && self->source->downloads[i].name; i++) {
    RP_CLEANUP(rp_free_pointer) char *path = NULL;
    RP_TRY(download(self, &self->source->downloads[i], self->set, &path, err));
  }
  return RP_OK;
}

static rp_status make_and_place(fetching *self, rp_error *err) {
  RP_TRY(rp_make_folders(self->aside, err));
  RP_TRY(self->source->is_archive ? make_from_archive(self, err) : make_from_files(self, err));
  RP_TRY(rp_sync_folder(self->set, err));
  if (rename(self->set, self->target) != 0) return rp_fail_errno(err, RP_EIO, "%s: cannot be put in place", self->target);
  return RP_OK;
}

/* ---- A fetch --------------------------------------------------------------------------------- */

static rp_status name_paths(fetching *self, const char *data, rp_error *err) {
  char aside[64];
  snprintf(aside, sizeof aside, ".%s.part", self->source->name);
  RP_TRY(rp_join_path(data, self->source->folder, &self->target, err));
  return rp_join_path(data, aside, &self->aside, err);
}

/* After an error what has come so far stays; folders that hold nothing go in any case. */
static void tidy(const fetching *self, rp_status status) {
  if (status == RP_OK) {
    rp_remove_tree(self->aside, NULL);
    return;
  }
  if (self->set) rmdir(self->set);
  rmdir(self->aside);
}

rp_status rp_fetch(const rp_data_source *source, const char *data, const rp_fetch_options *options, rp_error *err) {
  RP_CLEANUP(free_fetching) fetching self = {.source = source, .options = options};
  RP_CLEANUP(close_fd) int lock = -1;
  RP_TRY(name_paths(&self, data, err));
  if (rmdir(self.target) != 0 && errno != ENOENT)
    return rp_fail(err, RP_EDATA,
                   "%s is there already and left alone; `repr data verify %s` tells whether it is whole; to fetch it anew, move it away",
                   self.target, source->name);
  RP_TRY(rp_make_folders(data, err));
  RP_TRY(lock_folder(data, &lock, err));
  rp_status status = make_and_place(&self, err);
  tidy(&self, status);
  return status == RP_OK ? rp_sync_folder(data, err) : status;
}
