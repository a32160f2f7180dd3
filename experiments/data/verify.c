/* verify.c: checksums of files first, then what they hold. */
#include "experiments/data/verify.h"

#include "core/base/files.h"
#include "core/base/memory.h"
#include "experiments/data/checksum.h"

#include <string.h>

void rp_verification_free(rp_verification *verification) {
  rp_free_pointer(&verification->folder);
}

/* All that are there must be right; that none is missing was seen when the set was opened. */
static rp_status compare_files(const rp_data_source *source, const char *folder, int *is_official, rp_error *err) {
  *is_official = 1;
  for (int i = 0; i < RP_SOURCE_MOST_FILES && source->official[i].name && *is_official; i++) {
    RP_CLEANUP(rp_free_pointer) char *path = NULL;
    char sha256[RP_SHA256_HEX + 1];
    RP_TRY(rp_join_path(folder, source->official[i].name, &path, err));
    if (!rp_file_exists(path)) continue;
    RP_TRY(rp_sha256_of_file(path, sha256, err));
    *is_official = strcmp(sha256, source->official[i].sha256) == 0;
  }
  return RP_OK;
}

static rp_status look_into(const rp_dataset_kind *kind, const char *data, rp_verification *out, rp_error *err) {
  rp_dataset dataset;
  RP_TRY(kind->find(data, &out->folder, err));
  RP_TRY(kind->open(&(rp_data_options){.name = kind->name, .folder = data}, &dataset, err));
  out->n[0] = dataset.n[RP_TRAIN];
  out->n[1] = dataset.n[RP_TEST];
  out->digest = dataset.digest;
  rp_dataset_close(&dataset);
  return RP_OK;
}

static rp_status verify(const rp_dataset_kind *kind, const rp_data_source *source, const char *data, rp_verification *out, rp_error *err) {
  RP_TRY(look_into(kind, data, out, err));
  RP_TRY(compare_files(source, out->folder, &out->is_official, err));
  char hex[RP_ID_HEX + 1];
  rp_id_hex(out->digest, hex);
  out->is_known = out->is_official || (source->digest && strcmp(hex, source->digest) == 0);
  if (out->is_known) return RP_OK;
  if (source->digest)
    return rp_fail(err, RP_EDATA, "%s: holds other images than %s: their digest is %s, not %s; move it away and `repr data fetch %s`",
                   out->folder, kind->name, hex, source->digest, kind->name);
  return rp_fail(
      err, RP_EDATA,
      "%s: the files are whole but not the published ones, and of the images of %s no digest is known to compare theirs (%s) with",
      out->folder, kind->name, hex);
}

rp_status rp_verify(const rp_dataset_kind *kind, const rp_data_source *source, const char *data, rp_verification *out, rp_error *err) {
  *out = (rp_verification){0};
  rp_status status = verify(kind, source, data, out, err);
  if (status != RP_OK) rp_verification_free(out);
  return status;
}
