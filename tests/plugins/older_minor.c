/* older_minor.c: the sum of all losses that it is shown, for every filter; built for version 1.1 of the interface, whose rp_batch is
 * repeated here as it was. */
#include "rankers/ranker.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct {
  uint32_t size, index, n_images;
  const float *images;
  const uint8_t *labels;
  const float *losses;
  const rp_batch_layer *const *layers;
} batch_1_1;

static int create(const rp_context *context, const rp_value *options, void **self, rp_message *message) {
  (void)context;
  (void)options;
  (void)message;
  *self = calloc(1, sizeof(double));
  return *self ? RP_RANKER_OK : RP_RANKER_ERROR;
}

static int observe(void *self, const rp_context *context, const rp_batch *batch, rp_message *message) {
  (void)context;
  const batch_1_1 *known = (const void *)batch;
  if (known->size < sizeof *known || !known->images || !known->labels || !known->layers) {
    snprintf(message->text, sizeof message->text, "a batch of %u bytes, which is none of version 1.1", (unsigned)known->size);
    return RP_RANKER_ERROR;
  }
  for (uint32_t n = 0; n < known->n_images; n++) *(double *)self += (double)known->losses[n];
  return RP_RANKER_OK;
}

static int score(void *self, const rp_context *context, float *importance, rp_message *message) {
  (void)message;
  for (uint32_t f = 0; f < context->n_filters; f++) importance[f] = (float)*(const double *)self;
  return RP_RANKER_OK;
}

const rp_ranker rp_ranker_plugin = {.abi_major = 1,
                                    .abi_minor = 1,
                                    .size = sizeof(rp_ranker), /* the same in 1.1 */
                                    .name = "older-minor",
                                    .version = "1.0.0",
                                    .doc = "the sum of all losses",
                                    .create = create,
                                    .observe = observe,
                                    .score = score,
                                    .destroy = free};
