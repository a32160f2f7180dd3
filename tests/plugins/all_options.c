/* all_options.c: one option of each kind; built for an interface whose struct ends before `choose`, with something else behind it. */
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
  (void)message;
  for (uint32_t f = 0; f < context->n_filters; f++) importance[f] = (float)f;
  return RP_RANKER_OK;
}

static void not_to_be_called(void *self) {
  (void)self;
  __builtin_trap();
}

static const rp_option POWER = {.size = sizeof(rp_option),
                                .name = "power",
                                .help = "an exponent",
                                .kind = RP_OPTION_NUMBER,
                                .default_number = 0.5,
                                .lowest = -1,
                                .highest = 2};
static const rp_option NEIGHBOURS = {.size = sizeof(rp_option),
                                     .name = "neighbours",
                                     .help = "how many",
                                     .kind = RP_OPTION_INTEGER,
                                     .default_number = 3,
                                     .lowest = 1,
                                     .highest = 10};
static const rp_option CENTRED = {
    .size = sizeof(rp_option), .name = "centred", .help = "whether the mean is taken off", .kind = RP_OPTION_FLAG, .default_number = 1};
static const char *const WORDS[] = {"cosine", "dot", "euclid", NULL};
static const rp_option MEASURE = {
    .size = sizeof(rp_option), .name = "measure", .help = "of likeness", .kind = RP_OPTION_CHOICE, .default_number = 1, .choices = WORDS};
static const rp_option *const OPTIONS[] = {&POWER, &NEIGHBOURS, &CENTRED, &MEASURE, NULL};

const rp_ranker rp_ranker_plugin = {.abi_major = RP_RANKER_ABI_MAJOR,
                                    .abi_minor = RP_RANKER_ABI_MINOR + 1,
                                    .size = offsetof(rp_ranker, choose),
                                    .name = "all-options",
                                    .version = "0.1.0",
                                    .doc = "one option of each kind",
                                    .normalise = "layer-max",
                                    .options = OPTIONS,
                                    .create = create,
                                    .score = score,
                                    .destroy = not_to_be_called};
