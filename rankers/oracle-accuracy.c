/* oracle-accuracy.c: the paper's greedy oracle: what accuracy is lost when one filter's map is zeroed.
 *
 *   sequential off   importance_f = accuracy of the net − accuracy without filter f
 *   sequential on    importance_f = accuracy of the net − accuracy without f and all that went before it
 *
 * on the scoring split, from exact counts: (correct − correct without) / n_images. Steps of 1 / n_images make many ties, which the host
 * draws. Sequential: of the filters still there, the one without which most predictions are right goes next (of equal ones that with the
 * lower loss, then the first), until none is left. Where the accuracy does not fall, the score is the next float above that of the filter
 * before: without limits, dropping by score takes them in this order. Limits are not looked at: a filter that has to stay leaves in its
 * turn like any other. It takes F rounds of ablation for F filters.
 *
 * Reduction: exact counts. Normalisation: none. Prakash et al., CVPR 2019, section 3 ("oracle"). */
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

static float lost_without(const oracle *state, uint32_t f) {
  int64_t lost = (int64_t)state->base.correct - (int64_t)state->each[f].correct;
  return (float)((double)lost / state->base.n_images);
}

static int is_worse(const rp_ablation *without, const rp_ablation *other) {
  return without->correct > other->correct || (without->correct == other->correct && without->loss < other->loss);
}

/* The filter that is missed least, among those that were measured; n_filters: there was none. */
static uint32_t find_worst(const rp_context *context, const oracle *state) {
  uint32_t worst = context->n_filters;
  for (uint32_t f = 0; f < context->n_filters; f++)
    if (state->each[f].n_images > 0 && (worst == context->n_filters || is_worse(&state->each[f], &state->each[worst]))) worst = f;
  return worst;
}

static int score_alone(const rp_context *context, oracle *state, float *importance, rp_message *message) {
  int status = context->ablate_each(context, state->each, message);
  for (uint32_t f = 0; status == RP_RANKER_OK && f < context->n_filters; f++)
    if (state->each[f].n_images > 0) importance[f] = lost_without(state, f);
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
    float own = lost_without(state, f);
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
    .name = "oracle-accuracy",
    .version = "1.0.0",
    .doc = "validation accuracy lost without the filter: the greedy oracle (Prakash et al., CVPR 2019, section 3)",
    .flags = RP_USES_ABLATION,
    .normalise = "none",
    .options = OPTIONS,
    .create = create,
    .score = score,
    .destroy = destroy,
    .formula =
        "importance_f = accuracy of the net - accuracy without filter f, on the scoring split\n"
        "sequential: the filter without which most predictions are right goes first (of equal ones that with the lower loss), then,\n"
        "of those still there, the next, until none is left; importance_f = accuracy of the net - accuracy without f and all that\n"
        "went before it, and always above theirs (it looks at no limits: a filter that has to stay leaves in its turn like any other)",
    .citation = "Prakash et al., RePr, CVPR 2019, section 3 (oracle)",
    .reduction = "exact counts of right predictions",
};
