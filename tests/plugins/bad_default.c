/* bad_default.c: has an option whose default lies outside its range. */
#include "rankers/ranker.h"

static int create(const rp_context *context, const rp_value *options, void **self, rp_message *message) {
  (void)context;
  (void)options;
  (void)self;
  (void)message;
  return RP_RANKER_OK;
}

static int score(void *self, const rp_context *context, float *importance, rp_message *message) {
  (void)self;
  (void)context;
  (void)message;
  importance[0] = 0;
  return RP_RANKER_OK;
}

static const rp_option POWER = {.size = sizeof(rp_option),
                                .name = "power",
                                .help = "an exponent",
                                .kind = RP_OPTION_NUMBER,
                                .default_number = 5,
                                .lowest = 0,
                                .highest = 2};
static const rp_option *const OPTIONS[] = {&POWER, NULL};

const rp_ranker rp_ranker_plugin = {.abi_major = RP_RANKER_ABI_MAJOR,
                                    .abi_minor = RP_RANKER_ABI_MINOR,
                                    .size = sizeof(rp_ranker),
                                    .name = "bad-default",
                                    .version = "1.0.0",
                                    .doc = "a default outside its range",
                                    .options = OPTIONS,
                                    .create = create,
                                    .score = score};
