/* files.h: paths, mapped files and writes that are either whole or absent. */
#ifndef RP_BASE_FILES_H
#define RP_BASE_FILES_H

#include "core/base/status.h"

#include <stdint.h>

/* A file mapped read-only; shared with every process that maps it. {0} is no file. */
typedef struct {
  const uint8_t *bytes;
  size_t size;
} rp_mapped_file;

/* Maps a file. Errors: RP_EDATA with the path and the system's reason. An empty file maps to size 0. */
rp_status rp_map_file(const char *path, rp_mapped_file *out, rp_error *err);
void rp_unmap_file(rp_mapped_file *file);

/* The whole file in memory, NUL-terminated; the caller frees. Errors: RP_EINPUT, also for a file of more than `limit` bytes. */
rp_status rp_read_file(const char *path, size_t limit, char **out, size_t *size, rp_error *err);

/* Writes a file so that a crash at any moment leaves either the old or the new one: write aside, fsync, rename, fsync the folder. Two
 * writers of one path do not disturb each other. Errors: RP_EIO with path and reason; nothing is left aside. */
rp_status rp_write_file(const char *path, const void *bytes, size_t size, rp_error *err);

/* The same for what is written bit by bit: a file aside, which takes the place of `path` whole at rp_aside_keep. {0} is none. */
typedef struct {
  int fd;     /* to write to */
  char *path; /* where it will stand; NULL = none is open */
  char *aside;
} rp_aside;

/* Errors of both: RP_EIO with path and reason. */
rp_status rp_aside_open(const char *path, rp_aside *out, rp_error *err);
rp_status rp_aside_keep(rp_aside *aside, rp_error *err);

/* Closes it; what was not kept is removed. For RP_CLEANUP. */
void rp_aside_close(rp_aside *aside);

/* folder + "/" + name (or just name, where folder is NULL or "", or name is absolute); the caller frees. */
rp_status rp_join_path(const char *folder, const char *name, char **out, rp_error *err);

/* The folder part of a path ("." where there is none); the caller frees. */
rp_status rp_folder_of(const char *path, char **out, rp_error *err);

/* Makes a folder and its parents. Errors: RP_EIO. */
rp_status rp_make_folders(const char *path, rp_error *err);

/* Makes sure that a folder's entries are on disk. Errors: RP_EIO. */
rp_status rp_sync_folder(const char *path, rp_error *err);

/* Removes a file, or a folder with all that is in it; follows no link. Nothing being there is fine. Errors: RP_EIO. */
rp_status rp_remove_tree(const char *path, rp_error *err);

int rp_file_exists(const char *path);

#endif
