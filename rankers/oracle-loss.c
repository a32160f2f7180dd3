/* oracle-loss.c: the greedy oracle by loss: how much the loss rises when one filter's map is zeroed.
 *
 *   sequential off   importance_f = mean loss without filter f − mean loss of the net
 *   sequential on    importance_f = mean loss without f and all that went before it − mean loss of the net
 *
 * on the scoring split. Unlike accuracy it hardly ever ties. Sequential: of the filters still there, the one without which the loss is
 * lowest goes next (of equal ones the first), until none is left. Where the loss falls, the score is the next float above that of the
 * filter before: without limits, dropping by score takes them in this order. Limits are not looked at: a filter that has to stay leaves in
 * its turn like any other. It takes F rounds of ablation for F filters.
 *
 * Reduction: the host's mean losses, in double. Normalisation: none. Prakash et al., CVPR 2019, section 3, with the loss in place of the
 * accuracy. */
#include "rankers/ranker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const rp_option SEQUENTIAL_OPTION = {.size = sizeof(rp_option),
                                            .name = "sequential",
                                            .help =
                                                "remove the worst, measure the others again, and so on; takes as many rounds as filters",
                                            .kind = RP_OPTION_FLAG};

static const rp_option *const OPTIONS[] = {&SEQUENTIAL_OPTION, NULL};

typedef struct {
  int is_sequential;
  rp_ablation base;
  rp_ablation *each; /* [n_filters] */
  uint8_t *removed;  /* [n_filters] */
} oracle;

static void destroy(void *self) {
  oracle *state = self;
  free(state->each);
  free(state->removed);
  free(state);
}

static int create(const rp_context *context, const rp_value *options, void **self, rp_message *message) {
  oracle *state = calloc(1, sizeof *state);
  if (state) {
    state->is_sequential = options[0].number != 0;
    state->each = calloc(context->n_filters, sizeof *state->each);
    state->removed = calloc(context->n_filters, sizeof *state->removed);
  }
  if (!state || !state->each || !state->removed) {
    if (state) destroy(state);
    snprintf(message->text, sizeof message->text, "no memory for %u ablations", (unsigned)context->n_filters);
    return RP_RANKER_ERROR;
  }
  *self = state;
  return RP_RANKER_OK;
}

static float rise_without(const oracle *state, uint32_t f) {
  return (float)(state->each[f].loss - state->base.loss);
}

/* The filter that is missed least, among those that were measured; n_filters: there was none. */
static uint32_t find_worst(const rp_context *context, const oracle *state) {
  uint32_t worst = context->n_filters;
  for (uint32_t f = 0; f < context->n_filters; f++)
    if (state->each[f].n_images > 0 && (worst == context->n_filters || state->each[f].loss < state->each[worst].loss)) worst = f;
  return worst;
}

static int score_alone(const rp_context *context, oracle *state, float *importance, rp_message *message) {
  int status = context->ablate_each(context, state->each, message);
  for (uint32_t f = 0; status == RP_RANKER_OK && f < context->n_filters; f++)
    if (state->each[f].n_images > 0) importance[f] = rise_without(state, f);
  return status;
}

static int score_one_by_one(const rp_context *context, oracle *state, float *importance, rp_message *message) {
  if (context->size < sizeof *context || !context->ablate_each_beside) {
    snprintf(message->text, sizeof message->text, "sequential needs a host that has ablate_each_beside");
    return RP_RANKER_NOT_OFFERED;
  }
  float least = -INFINITY;
  for (;;) {
    int status = context->ablate_each_beside(context, state->removed, state->each, message);
    if (status != RP_RANKER_OK) return status;
    uint32_t f = find_worst(context, state);
    if (f == context->n_filters) return RP_RANKER_OK;
    float own = rise_without(state, f);
    least = importance[f] = own > least ? own : nextafterf(least, INFINITY);
    state->removed[f] = 1;
  }
}

static int score(void *self, const rp_context *context, float *importance, rp_message *message) {
  oracle *state = self;
  state->base.size = sizeof state->base;
  int status = context->ablate(context, state->removed, &state->base, message);
  if (status != RP_RANKER_OK) return status;
  return (state->is_sequential ? score_one_by_one : score_alone)(context, state, importance, message);
}

const rp_ranker rp_ranker_plugin = {
    .abi_major = RP_RANKER_ABI_MAJOR,
    .abi_minor = RP_RANKER_ABI_MINOR,
    .size = sizeof(rp_ranker),
    .name = "oracle-loss",
    .version = "1.0.0",
    .doc = "rise of the validation loss without the filter: the greedy oracle by loss (after Prakash et al., CVPR 2019, section 3)",
    .flags = RP_USES_ABLATION,
    .normalise = "none",
    .options = OPTIONS,
    .create = create,
    .score = score,
    .destroy = destroy,
    .formula = "importance_f = mean loss without filter f - mean loss of the net, on the scoring split\n"
               "sequential: the filter without which the loss is lowest goes first, then, of those still there, the next, until none is\n"
               "left; importance_f = mean loss without f and all that went before it - mean loss of the net, and always above theirs\n"
               "(it looks at no limits: a filter that has to stay leaves in its turn like any other)",
    .citation = "Prakash et al., RePr, CVPR 2019, section 3 (oracle), with the loss in place of the accuracy",
    .reduction = "the host's mean losses, in double",
};
