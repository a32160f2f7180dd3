/* fetch.h: from a source to a folder of the data folder, whole or not at all. */
#ifndef RP_DATA_FETCH_H
#define RP_DATA_FETCH_H

#include "core/base/status.h"
#include "experiments/data/source.h"

typedef struct {
  const char *url; /* of another folder with the same files, or of the archive itself; NULL = the source's own */
  void (*progress)(void *user, const char *file, uint64_t done, uint64_t total); /* called often; may be NULL */
  void *user;
} rp_fetch_options;

/* Downloads what a source has, checks it, unpacks it, and puts the source's folder into the data folder `data`, which is made where it is
 * missing. Until then all of it lies in data/.NAME.part; after an error what is of use stays there, so that the next call goes on from it.
 *
 * Errors: those of rp_download_file and rp_unpack; RP_EDATA: the folder is there already (it is left alone), or the archive does not hold
 * it; RP_EBUSY: another fetch into the data folder is under way. */
rp_status rp_fetch(const rp_data_source *source, const char *data, const rp_fetch_options *options, rp_error *err);

#endif
