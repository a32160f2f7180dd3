/* undefined_symbol.c: calls a function that nobody defines. */
#include "rankers/ranker.h"

int function_that_nobody_defines(void);

static int score(void *self, const rp_context *context, float *importance, rp_message *message) {
  (void)self;
  (void)context;
  (void)message;
  importance[0] = 0;
  return function_that_nobody_defines();
}

const rp_ranker rp_ranker_plugin = {.abi_major = RP_RANKER_ABI_MAJOR,
                                    .abi_minor = RP_RANKER_ABI_MINOR,
                                    .size = sizeof(rp_ranker),
                                    .name = "undefined-symbol",
                                    .version = "1.0.0",
                                    .doc = "cannot be linked",
                                    .score = score};
