/* verify.h: is what lies in a folder the data set that it is taken for? */
#ifndef RP_DATA_VERIFY_H
#define RP_DATA_VERIFY_H

#include "core/data/dataset.h"
#include "experiments/data/source.h"

typedef struct {
  char *folder;    /* owned */
  uint32_t n[2];   /* images in the training files, in the test file */
  rp_id digest;    /* of all images and labels, whatever their order in the files */
  int is_official; /* all files are known, and their bytes are the published ones */
  int is_known;    /* the images are the published ones, or is_official */
} rp_verification;

/* Opens a data set of `data` (NULL, "" = "data") as training would, then holds it against its source: file by file, and by the digest of
 * its images, which recognises a lossless copy in another order. Errors: those of rp_dataset_open; RP_EDATA also where the images are
 * others than the published ones (*out says what they are), or nothing is known to compare them with. */
rp_status rp_verify(const rp_dataset_kind *kind, const rp_data_source *source, const char *data, rp_verification *out, rp_error *err);
void rp_verification_free(rp_verification *verification);

#endif
