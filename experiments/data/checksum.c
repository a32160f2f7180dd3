/* checksum.c: libmd over a mapped file. */
#include "experiments/data/checksum.h"

#include "core/base/files.h"

#include <sha2.h>

_Static_assert(RP_SHA256_HEX + 1 == SHA256_DIGEST_STRING_LENGTH, "room for a digest");

rp_status rp_sha256_of_file(const char *path, char hex[RP_SHA256_HEX + 1], rp_error *err) {
  RP_CLEANUP(rp_unmap_file) rp_mapped_file file = {0};
  RP_TRY(rp_map_file(path, &file, err));
  SHA2_CTX sum;
  SHA256Init(&sum);
  SHA256Update(&sum, file.bytes, file.size);
  SHA256End(&sum, hex);
  return RP_OK;
}
