/* does_not_apply.c: says of every net that it cannot score it. */
#include "rankers/ranker.h"

#include <stdio.h>

static int create(const rp_context *context, const rp_value *options, void **self, rp_message *message) {
  (void)context, (void)options, (void)self;
  snprintf(message->text, sizeof message->text, "this net has nothing to look at");
  return RP_RANKER_NOT_OFFERED;
}

static int score(void *self, const rp_context *context, float *importance, rp_message *message) {
  (void)self, (void)context, (void)importance, (void)message;
  return RP_RANKER_ERROR;
}

const rp_ranker rp_ranker_plugin = {.abi_major = RP_RANKER_ABI_MAJOR,
                                    .abi_minor = RP_RANKER_ABI_MINOR,
                                    .size = sizeof(rp_ranker),
                                    .name = "does-not-apply",
                                    .version = "1.0.0",
                                    .doc = "applies to no net",
                                    .create = create,
                                    .score = score};
