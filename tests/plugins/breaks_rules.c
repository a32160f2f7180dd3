/* breaks_rules.c: the mean absolute weight, but for one rule of the interface that it breaks: the one that its option names. */
#include "rankers/ranker.h"

#include <fenv.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

/* X(code, word) */
#define RULES(X)                                                                                                                           \
  X(WRITES_WEIGHTS, "writes-weights")                                                                                                      \
  X(WRITES_ACTIVATIONS, "writes-activations")                                                                                              \
  X(WRITES_LABELS, "writes-labels")                                                                                                        \
  X(WRITES_LOGITS, "writes-logits")                                                                                                        \
  X(READS_BEYOND_LOGITS, "reads-beyond-logits")                                                                                            \
  X(READS_NO_GRADIENT, "reads-no-gradient")                                                                                                \
  X(WRITES_BEYOND, "writes-beyond")                                                                                                        \
  X(READS_BEYOND, "reads-beyond")                                                                                                          \
  X(READS_BEYOND_IMAGES, "reads-beyond-images")                                                                                            \
  X(KEEPS_WEIGHTS, "keeps-weights")                                                                                                        \
  X(READS_LITTER, "reads-litter")                                                                                                          \
  X(COUNTS_EVENTS, "counts-events")                                                                                                        \
  X(DRAWS, "draws")                                                                                                                        \
  X(COUNTS_FILTERS, "counts-filters")                                                                                                      \
  X(NEEDS_A_NEIGHBOUR, "needs-a-neighbour")                                                                                                \
  X(DIVIDES_BY_NORMS, "divides-by-norms")                                                                                                  \
  X(DIVIDES_BY_MAPS, "divides-by-maps")                                                                                                    \
  X(LOOKS_AT_THE_DROPPED, "looks-at-the-dropped")                                                                                          \
  X(CHOOSES_TOO_FEW, "chooses-too-few")                                                                                                    \
  X(CHANGES_MODES, "changes-modes")                                                                                                        \
  X(FOLLOWS_NULL, "follows-null")                                                                                                          \
  X(ABORTS, "aborts")                                                                                                                      \
  X(EXITS, "exits")                                                                                                                        \
  X(HANGS, "hangs")                                                                                                                        \
  X(NEEDS_BN, "needs-bn")                                                                                                                  \
  X(NONE, "none")

#define RULE_ENUM(code, word) code,
typedef enum { RULES(RULE_ENUM) N_RULES } rule;
#define RULE_WORD(code, word) word,
static const char *const WORDS[] = {RULES(RULE_WORD) NULL};

typedef struct {
  rule broken;
  const float *kept;
  double maps[64]; /* sums of conv2's maps */
} memory;

static volatile int n_events;
static volatile float sink;

static int create(const rp_context *context, const rp_value *options, void **self, rp_message *message) {
  (void)message;
  memory *mine = malloc(sizeof *mine);
  if (!mine) return RP_RANKER_ERROR;
  mine->broken = (rule)options[0].number;
  mine->kept = context->layers[0]->weight;
  for (int k = 0; k < 64; k++) mine->maps[k] = 0;
  n_events++;
  *self = mine;
  return RP_RANKER_OK;
}

static int observe(void *self, const rp_context *context, const rp_batch *batch, rp_message *message) {
  (void)message;
  memory *mine = self;
  if (mine->broken == WRITES_ACTIVATIONS) ((float *)(uintptr_t)batch->layers[1]->activation)[3] = 0;
  if (mine->broken == WRITES_LABELS) ((uint8_t *)(uintptr_t)batch->labels)[0] = 0;
  if (mine->broken == WRITES_LOGITS) ((float *)(uintptr_t)batch->logits)[0] = 0;
  if (mine->broken == READS_BEYOND_LOGITS) sink = batch->logits[(size_t)batch->n_images * context->n_classes];
  if (mine->broken == READS_NO_GRADIENT) {
    const volatile float *gradient = batch->layers[1]->activation_gradient; /* which no flag asked for: NULL */
    sink = gradient[5000];
  }
  if (mine->broken == READS_BEYOND_IMAGES) {
    size_t n = batch->n_images * (size_t)3 * context->layers[0]->out_height * context->layers[0]->out_width;
    sink = batch->images[n];
  }
  const rp_conv_layer *layer = context->layers[1];
  size_t M = (size_t)layer->out_height * layer->out_width;
  for (uint32_t n = 0; n < batch->n_images; n++)
    for (size_t m = 0; m < layer->K * M; m++) mine->maps[m / M] += batch->layers[1]->activation[n * layer->K * M + m];
  return RP_RANKER_OK;
}

static double mean_of(const rp_conv_layer *layer, uint32_t k) {
  size_t d = (size_t)layer->C * layer->R * layer->S;
  double sum = 0;
  for (size_t i = 0; i < d; i++) sum += fabs((double)layer->weight[k * d + i]);
  return sum / (double)d;
}

static double neighbours_mean(const rp_conv_layer *layer, uint32_t k, int with_dropped) {
  double sum = 0;
  uint32_t n = 0;
  for (uint32_t j = 0; j < layer->K; j++) {
    if (j == k || (!layer->active[j] && !with_dropped)) continue;
    sum += mean_of(layer, j);
    n++;
  }
  return sum / n;
}

static float score_of(const memory *mine, const rp_context *context, uint32_t l, uint32_t k) {
  const rp_conv_layer *layer = context->layers[l];
  double mean = mean_of(layer, k);
  switch (mine->broken) {
  case DRAWS:
    return (float)(mean + context->uniform(context, l, k));
  case COUNTS_FILTERS:
    return (float)(mean + k);
  case COUNTS_EVENTS:
    return (float)(mean + n_events);
  case NEEDS_A_NEIGHBOUR:
    return (float)(layer->K > 1 ? mean : neighbours_mean(layer, k, 0));
  case DIVIDES_BY_NORMS:
    return (float)(mean / mean);
  case DIVIDES_BY_MAPS:
    return (float)(l == 1 ? mine->maps[k] / mine->maps[k] : mean);
  case LOOKS_AT_THE_DROPPED:
    return (float)(mean + (layer->K > 1 ? neighbours_mean(layer, k, 1) : 0));
  default:
    return (float)mean;
  }
}

static float read_litter(void) {
  volatile unsigned char *litter = malloc(4096);
  float read = litter ? (float)litter[2048] : 0;
  free((void *)(uintptr_t)litter);
  return read;
}

static void break_memory(const memory *mine, const rp_context *context, float *importance) {
  const rp_conv_layer *last = context->layers[context->n_layers - 1];
  const rp_reader_slice *reader = last->readers[0][0];
  volatile uintptr_t nowhere = 16; /* a field of a struct that a null pointer should lead to */
  switch (mine->broken) {
  case WRITES_WEIGHTS:
    ((float *)(uintptr_t)context->layers[0]->weight)[0] = 1;
    break;
  case WRITES_BEYOND:
    importance[context->n_filters] = 1;
    break;
  case READS_BEYOND:
    sink = reader->weight[(size_t)reader->outputs * reader->channels * reader->E];
    break;
  case KEEPS_WEIGHTS:
    sink = mine->kept[0];
    break;
  case FOLLOWS_NULL:
    *(volatile float *)nowhere = 1;
    break;
  case ABORTS:
    abort();
  case EXITS:
    exit(0);
  case HANGS:
    for (;;) pause();
  default:
    break;
  }
}

static int score(void *self, const rp_context *context, float *importance, rp_message *message) {
  const memory *mine = self;
  static const char NEEDS[] = "there is no batch norm";
  break_memory(mine, context, importance);
  if (mine->broken == CHANGES_MODES) fesetround(FE_DOWNWARD);
  if (mine->broken == NEEDS_BN && !context->layers[0]->bn_gamma) {
    for (size_t i = 0; i < sizeof NEEDS; i++) message->text[i] = NEEDS[i];
    return RP_RANKER_ERROR;
  }
  for (uint32_t l = 0; l < context->n_layers; l++)
    for (uint32_t k = 0; k < context->layers[l]->K; k++)
      if (context->layers[l]->active[k]) importance[context->layers[l]->first_filter + k] = score_of(mine, context, l, k);
  if (mine->broken == READS_LITTER) importance[0] += read_litter();
  return RP_RANKER_OK;
}

/* From the last filter on, within all bounds. */
static int choose(void *self, const rp_context *context, const float *importance, const rp_limits *limits, uint8_t *drop,
                  rp_message *message) {
  (void)importance;
  (void)message;
  uint32_t left = limits->count, above = 0;
  if (((const memory *)self)->broken == CHOOSES_TOO_FEW && left > 0) left--;
  for (uint32_t l = 0; l < context->n_layers; l++) above += limits->lowest[l];
  for (uint32_t l = context->n_layers; l-- > 0;) {
    const rp_conv_layer *layer = context->layers[l];
    above -= limits->lowest[l];
    uint32_t room = limits->highest[l] < left - above ? limits->highest[l] : left - above;
    for (uint32_t k = layer->K; k-- > 0 && room > 0;) {
      if (!limits->candidates[layer->first_filter + k]) continue;
      drop[layer->first_filter + k] = 1;
      room--, left--;
    }
  }
  return RP_RANKER_OK;
}

static const rp_option RULE = {.size = sizeof(rp_option),
                               .name = "rule",
                               .help = "which one is broken",
                               .kind = RP_OPTION_CHOICE,
                               .default_number = NONE,
                               .choices = WORDS};
static const rp_option *const OPTIONS[] = {&RULE, NULL};

const rp_ranker rp_ranker_plugin = {.abi_major = RP_RANKER_ABI_MAJOR,
                                    .abi_minor = RP_RANKER_ABI_MINOR,
                                    .size = sizeof(rp_ranker),
                                    .name = "breaks-rules",
                                    .version = "1.0.0",
                                    .doc = "does what its option says",
                                    .flags = RP_USES_ACTIVATION,
                                    .options = OPTIONS,
                                    .create = create,
                                    .observe = observe,
                                    .score = score,
                                    .choose = choose,
                                    .destroy = free};
