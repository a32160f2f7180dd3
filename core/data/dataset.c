/* dataset.c: the table of data sets, and what is common to opening and closing them. */
#include "core/data/dataset.h"

#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/data/images.h"

#include <stdlib.h>
#include <string.h>

static const rp_dataset_kind KINDS[] = {
    {"shapes", "drawn shapes on a textured ground, 32×32 RGB, 10 classes; generated, needs no files", 1, rp_shapes_open},
    {"cifar10", "CIFAR-10 (Krizhevsky 2009), 32×32 RGB, 10 classes; from the binary version's folder cifar-10-batches-bin", 0,
     rp_cifar10_open},
};
enum { N_KINDS = sizeof KINDS / sizeof KINDS[0] };

const rp_dataset_kind *rp_dataset_kinds(int *n) {
  *n = N_KINDS;
  return KINDS;
}

static rp_status fail_unknown(const char *name, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text names = {0};
  for (int i = 0; i < N_KINDS; i++) rp_text_format(&names, "%s%s", i ? ", " : "", KINDS[i].name);
  RP_TRY(rp_text_check(&names, err));
  return rp_fail(err, RP_EINPUT, "%s is no data set; there are: %s", name ? name : "(none)", rp_text_string(&names));
}

rp_status rp_dataset_open(const rp_data_options *options, rp_dataset *out, rp_error *err) {
  *out = (rp_dataset){0};
  for (int i = 0; i < N_KINDS; i++)
    if (options->name && strcmp(options->name, KINDS[i].name) == 0) return KINDS[i].open(options, out, err);
  return fail_unknown(options->name, err);
}

void rp_dataset_show_parts(rp_dataset *dataset) {
  const rp_data_storage *storage = dataset->storage;
  for (int part = 0; part < RP_N_PARTS; part++) {
    dataset->n[part] = storage->parts[part].n;
    dataset->images[part] = storage->parts[part].images;
    dataset->labels[part] = storage->parts[part].labels;
  }
}

void rp_dataset_close(rp_dataset *dataset) {
  rp_data_storage *storage = dataset->storage;
  if (storage) {
    for (int part = 0; part < RP_N_PARTS; part++) rp_images_free(&storage->parts[part]);
    for (int i = 0; i < RP_MAX_DATA_FILES; i++) rp_unmap_file(&storage->files[i]);
    free(storage->pixels);
    free(storage);
  }
  *dataset = (rp_dataset){0};
}
