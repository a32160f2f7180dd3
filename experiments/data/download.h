/* download.h: one file over HTTP or HTTPS, in place only when it is whole. */
#ifndef RP_DATA_DOWNLOAD_H
#define RP_DATA_DOWNLOAD_H

#include "core/base/status.h"

#include <stdint.h>

typedef struct {
  const char *url;
  const char *path; /* of the finished file; until then its bytes lie in `path`.part */
  uint64_t size_bytes;
  const char *sha256;                                          /* in hex */
  void (*progress)(void *user, uint64_t done, uint64_t total); /* called often; may be NULL */
  void *user;
} rp_download;

/* Downloads a file, from where an earlier attempt was cut off where the server can do that, checks its size and checksum, and puts it in
 * place. A file that is in place already is checked alone.
 *
 * Errors: RP_EIO: no connection, the server's failure, cut off, disk full: what has come stays in the .part file and the next call goes on
 * from there. RP_EDATA: the server has no such file, or one of another size; or the checksum is wrong: then the .part file is removed.
 * RP_EUSAGE: no HTTP address. */
rp_status rp_download_file(const rp_download *download, rp_error *err);

#endif
