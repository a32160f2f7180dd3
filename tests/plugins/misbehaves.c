/* misbehaves.c: does one thing wrong, the one that its option names. */
#include "rankers/ranker.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef enum {
  RETURNS_NAN,
  RETURNS_INFINITY,
  FORGETS_A_FILTER,
  FAILS_WITH_A_MESSAGE,
  FAILS_SILENTLY,
  FAILS_TO_CREATE,
  FAILS_TO_OBSERVE,
  CHOOSES_TOO_MANY,
  CHOOSES_INACTIVE,
  CHOOSES_BEYOND_A_LIMIT,
  CALLS_WHILE_OBSERVING,
  ASKS_FOR_A_HESSIAN,
  OVERFILLS_THE_MESSAGE,
  CRASHES,
  FOLLOWS_NULL,
  OVERFLOWS_THE_STACK,
  EXITS,
  EXITS_AT_ONCE,
  HANGS_IN_CREATE,
  HANGS_IN_OBSERVE,
  HANGS_IN_SCORE,
  HANGS_IN_CHOOSE,
  HANGS_IN_DESTROY,
  SLEEPS_IN_SCORE,
  BEHAVES
} misdeed;

static const char *const WORDS[] = {"returns-nan",
                                    "returns-infinity",
                                    "forgets-a-filter",
                                    "fails-with-a-message",
                                    "fails-silently",
                                    "fails-to-create",
                                    "fails-to-observe",
                                    "chooses-too-many",
                                    "chooses-inactive",
                                    "chooses-beyond-a-limit",
                                    "calls-while-observing",
                                    "asks-for-a-hessian",
                                    "overfills-the-message",
                                    "crashes",
                                    "follows-null",
                                    "overflows-the-stack",
                                    "exits",
                                    "exits-at-once",
                                    "hangs-in-create",
                                    "hangs-in-observe",
                                    "hangs-in-score",
                                    "hangs-in-choose",
                                    "hangs-in-destroy",
                                    "sleeps-in-score",
                                    "behaves",
                                    NULL};

typedef struct {
  misdeed deed;
} memory;

static void spin_if(int hangs) {
  volatile int goes_on = 1;
  while (hangs && goes_on) continue;
}

static int overflow(volatile char *outer, uint32_t depth) {
  volatile char block[4096];
  block[0] = outer ? outer[0] : 0;
  return depth == 0 ? 0 : overflow(block, depth - 1) + block[0];
}

static int create(const rp_context *context, const rp_value *options, void **self, rp_message *message) {
  (void)context;
  static memory memories[BEHAVES + 1];
  memory *mine = &memories[(int)options[0].number];
  mine->deed = (misdeed)options[0].number;
  *self = mine;
  spin_if(mine->deed == HANGS_IN_CREATE);
  if (mine->deed != FAILS_TO_CREATE) return RP_RANKER_OK;
  snprintf(message->text, sizeof message->text, "nothing could be created");
  return RP_RANKER_ERROR;
}

static int observe(void *self, const rp_context *context, const rp_batch *batch, rp_message *message) {
  (void)batch;
  misdeed deed = ((memory *)self)->deed;
  spin_if(deed == HANGS_IN_OBSERVE);
  if (deed == FAILS_TO_OBSERVE) {
    snprintf(message->text, sizeof message->text, "nothing to be seen");
    return RP_RANKER_ERROR;
  }
  if (deed != CALLS_WHILE_OBSERVING) return RP_RANKER_OK;
  if (!isnan(context->uniform(context, 0, 0))) return RP_RANKER_OK;
  rp_ablation base = {.size = sizeof base};
  static const uint8_t none[64];
  return context->ablate(context, none, &base, message);
}

static int score(void *self, const rp_context *context, float *importance, rp_message *message) {
  misdeed deed = ((memory *)self)->deed;
  uint32_t last = context->n_filters - 1;
  spin_if(deed == HANGS_IN_SCORE);
  for (uint32_t f = 0; f < context->n_filters; f++)
    if (f != last || deed != FORGETS_A_FILTER) importance[f] = (float)f;
  switch (deed) {
  case RETURNS_NAN:
    importance[last] = NAN;
    break;
  case RETURNS_INFINITY:
    importance[last] = -INFINITY;
    break;
  case FAILS_WITH_A_MESSAGE:
    snprintf(message->text, sizeof message->text, "the moon is full");
    return RP_RANKER_ERROR;
  case FAILS_SILENTLY:
    return RP_RANKER_ERROR;
  case OVERFILLS_THE_MESSAGE:
    for (size_t i = 0; i < sizeof message->text; i++) message->text[i] = 'x';
    return RP_RANKER_ERROR;
  case CRASHES:
    raise(SIGSEGV);
    break;
  case FOLLOWS_NULL: {
    const float *volatile nothing = NULL;
    importance[0] = nothing[1000];
    break;
  }
  case OVERFLOWS_THE_STACK:
    return overflow(NULL, UINT32_MAX);
  case EXITS:
    exit(0);
  case EXITS_AT_ONCE:
    _exit(0);
  case SLEEPS_IN_SCORE:
    for (;;) pause();
  case ASKS_FOR_A_HESSIAN:
    return context->hessian_product(context, importance, importance, message);
  default:
    break;
  }
  return RP_RANKER_OK;
}

static int choose(void *self, const rp_context *context, const float *importance, const rp_limits *limits, uint8_t *drop,
                  rp_message *message) {
  (void)importance;
  (void)message;
  misdeed deed = ((memory *)self)->deed;
  spin_if(deed == HANGS_IN_CHOOSE);
  uint32_t left = limits->count + (deed == CHOOSES_TOO_MANY);
  /* well behaved: within each layer's bounds, from its first filter on */
  for (uint32_t l = 0; l < context->n_layers; l++) {
    const rp_conv_layer *layer = context->layers[l];
    uint32_t room = deed == CHOOSES_BEYOND_A_LIMIT ? layer->K : limits->highest[l];
    for (uint32_t k = 0; k < layer->K && left > 0 && room > 0; k++) {
      if (!limits->candidates[layer->first_filter + k] && deed != CHOOSES_INACTIVE) continue;
      drop[layer->first_filter + k] = 1;
      left--;
      room--;
    }
  }
  return RP_RANKER_OK;
}

static void destroy(void *self) {
  spin_if(((memory *)self)->deed == HANGS_IN_DESTROY);
}

static const rp_option DEED = {.size = sizeof(rp_option),
                               .name = "deed",
                               .help = "what goes wrong",
                               .kind = RP_OPTION_CHOICE,
                               .default_number = BEHAVES,
                               .choices = WORDS};
static const rp_option *const OPTIONS[] = {&DEED, NULL};

const rp_ranker rp_ranker_plugin = {.abi_major = RP_RANKER_ABI_MAJOR,
                                    .abi_minor = RP_RANKER_ABI_MINOR,
                                    .size = sizeof(rp_ranker),
                                    .name = "misbehaves",
                                    .version = "1.0.0",
                                    .doc = "does what its option says",
                                    .flags = RP_USES_ABLATION,
                                    .options = OPTIONS,
                                    .create = create,
                                    .observe = observe,
                                    .score = score,
                                    .choose = choose,
                                    .destroy = destroy};
