/* all_equal.c: scores that are equal, a log line in each function, and an option whose range ends at numbers that have no short binary
 * form. */
#include "rankers/ranker.h"

static int create(const rp_context *context, const rp_value *options, void **self, rp_message *message) {
  (void)options;
  (void)self;
  (void)message;
  context->log(context, "create was called");
  return RP_RANKER_OK;
}

static int observe(void *self, const rp_context *context, const rp_batch *batch, rp_message *message) {
  (void)self;
  (void)message;
  if (batch->index == 0) context->log(context, "the first batch is here");
  return RP_RANKER_OK;
}

static int score(void *self, const rp_context *context, float *importance, rp_message *message) {
  (void)self;
  (void)message;
  for (uint32_t f = 0; f < context->n_filters; f++) importance[f] = 1;
  context->log(context, "all are equal");
  return RP_RANKER_OK;
}

static const rp_option SHARE = {.size = sizeof(rp_option),
                                .name = "share",
                                .help = "of nothing",
                                .kind = RP_OPTION_NUMBER,
                                .default_number = 0.5,
                                .lowest = 0.1,
                                .highest = 0.7};
static const rp_option *const OPTIONS[] = {&SHARE, NULL};

const rp_ranker rp_ranker_plugin = {.abi_major = RP_RANKER_ABI_MAJOR,
                                    .abi_minor = RP_RANKER_ABI_MINOR,
                                    .size = sizeof(rp_ranker),
                                    .name = "all-equal",
                                    .version = "1.0.0",
                                    .doc = "1 for every filter",
                                    .options = OPTIONS,
                                    .create = create,
                                    .observe = observe,
                                    .score = score};
