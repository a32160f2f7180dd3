/* source.h: where data sets are published and what is known of their files: one row each. */
#ifndef RP_DATA_SOURCE_H
#define RP_DATA_SOURCE_H

#include <stdint.h>

enum { RP_SOURCE_MOST_FILES = 8 };

typedef struct {
  const char *name;
  const char *sha256; /* in hex, as published */
  uint64_t size_bytes;
} rp_source_file;

typedef struct {
  const char *name;                               /* of the data set: "cifar10" */
  const char *url;                                /* of the folder that holds what is downloaded */
  const char *folder;                             /* what appears in the data folder */
  int is_archive;                                 /* 1: one archive, which holds `folder`; 0: files that come to lie in it */
  rp_source_file downloads[RP_SOURCE_MOST_FILES]; /* up to the first without a name */
  rp_source_file official[RP_SOURCE_MOST_FILES];  /* files of `folder` that are known byte for byte (without sizes), likewise */
  const char *digest;                             /* rp_dataset.digest of all its images, in hex; NULL = not known */
} rp_data_source;

/* The row of a data set; NULL where it is generated or there is none of that name. */
const rp_data_source *rp_data_source_find(const char *dataset);

#endif
