/* oracle-accuracy.c: the paper's greedy oracle: what accuracy is lost when one filter's map is zeroed.
 *
 * importance_f = accuracy of the net − accuracy without filter f, on the scoring split, from exact counts: (correct − correct without f) /
 * n_images. Steps of 1 / n_images make many ties. Normalisation: none. Prakash et al., CVPR 2019, section 3 ("oracle"). */
#include "rankers/ranker.h"

#include <stdio.h>
#include <stdlib.h>

/* The importance of each active filter from the ablations of all of them. */
static int compare(const rp_context *context, const rp_ablation *base, rp_ablation *each, float *importance, rp_message *message) {
  int status = context->ablate_each(context, each, message);
  if (status != RP_RANKER_OK) return status;
  for (uint32_t f = 0; f < context->n_filters; f++) {
    if (each[f].n_images == 0) continue; /* inactive */
    int64_t lost = (int64_t)base->correct - (int64_t)each[f].correct;
    importance[f] = (float)((double)lost / base->n_images);
  }
  return RP_RANKER_OK;
}

static int score(void *self, const rp_context *context, float *importance, rp_message *message) {
  (void)self;
  rp_ablation base = {.size = sizeof base};
  uint8_t *none = calloc(context->n_filters, sizeof *none);
  rp_ablation *each = calloc(context->n_filters, sizeof *each);
  int status = RP_RANKER_ERROR;
  if (!none || !each)
    snprintf(message->text, sizeof message->text, "no memory for %u ablations", (unsigned)context->n_filters);
  else
    status = context->ablate(context, none, &base, message);
  if (status == RP_RANKER_OK) status = compare(context, &base, each, importance, message);
  free(each);
  free(none);
  return status;
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
    .score = score,
};
