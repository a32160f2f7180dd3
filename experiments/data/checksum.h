/* checksum.h: SHA-256 of files, for comparison with what is published. */
#ifndef RP_DATA_CHECKSUM_H
#define RP_DATA_CHECKSUM_H

#include "core/base/status.h"

enum { RP_SHA256_HEX = 64 };

/* Errors: RP_EDATA with path and reason. */
rp_status rp_sha256_of_file(const char *path, char hex[RP_SHA256_HEX + 1], rp_error *err);

#endif
