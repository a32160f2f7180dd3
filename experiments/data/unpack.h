/* unpack.h: archives of plain files, into a folder that they cannot leave. */
#ifndef RP_DATA_UNPACK_H
#define RP_DATA_UNPACK_H

#include "core/base/status.h"

/* Unpacks an archive (tar and its kin, compressed or not) into a folder that exists and is empty. Files and folders only: an entry with an
 * absolute path or `..` in it, a link, a device, or a path that is there twice makes it fail. Everything is on disk when it returns.
 *
 * Errors: RP_EDATA with the entry (or the archive: damaged, cut off); RP_EIO (disk full). What was unpacked so far then lies in `folder`.
 */
rp_status rp_unpack(const char *archive, const char *folder, rp_error *err);

#endif
