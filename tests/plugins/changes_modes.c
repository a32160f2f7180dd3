/* changes_modes.c: changes the floating-point modes when it is loaded (as -ffast-math does) and in every call. */
#include "rankers/ranker.h"

#include <fenv.h>
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

static void change_modes(void) {
  fesetround(FE_UPWARD);
#if defined(__SSE__)
  _mm_setcsr(_mm_getcsr() | 0x8040); /* flush to zero, denormals are zero */
#endif
}

__attribute__((constructor)) static void on_load(void) {
  change_modes();
}

static int create(const rp_context *context, const rp_value *options, void **self, rp_message *message) {
  (void)context;
  (void)options;
  (void)message;
  static int something;
  *self = &something;
  change_modes();
  return RP_RANKER_OK;
}

static int observe(void *self, const rp_context *context, const rp_batch *batch, rp_message *message) {
  (void)self;
  (void)context;
  (void)batch;
  (void)message;
  change_modes();
  return RP_RANKER_OK;
}

/* The base loss for every filter: with the service run under modes of its own choice it would come out otherwise. */
static int score(void *self, const rp_context *context, float *importance, rp_message *message) {
  (void)self;
  change_modes();
  uint8_t none[64] = {0};
  rp_ablation base = {.size = sizeof base};
  int status = context->n_filters <= 64 ? context->ablate(context, none, &base, message) : RP_RANKER_ERROR;
  for (uint32_t f = 0; f < context->n_filters; f++) importance[f] = (float)base.loss;
  change_modes();
  return status;
}

static int choose(void *self, const rp_context *context, const float *importance, const rp_limits *limits, uint8_t *drop,
                  rp_message *message) {
  (void)self;
  (void)importance;
  (void)message;
  change_modes();
  uint32_t left = limits->count;
  for (uint32_t f = 0; f < context->n_filters && left > 0; f++)
    if (limits->candidates[f]) drop[f] = 1, left--;
  return RP_RANKER_OK;
}

static void destroy(void *self) {
  (void)self;
  change_modes();
}

const rp_ranker rp_ranker_plugin = {.abi_major = RP_RANKER_ABI_MAJOR,
                                    .abi_minor = RP_RANKER_ABI_MINOR,
                                    .size = sizeof(rp_ranker),
                                    .name = "changes-modes",
                                    .version = "1.0.0",
                                    .doc = "changes the floating-point modes",
                                    .flags = RP_USES_ABLATION,
                                    .create = create,
                                    .observe = observe,
                                    .score = score,
                                    .choose = choose,
                                    .destroy = destroy};
