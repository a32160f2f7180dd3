/* evaluate.c: whole batches by one executor, the rest by another of just that size. */
#include "core/probes/evaluate.h"

#include "core/base/memory.h"
#include "core/data/batches.h"
#include "core/loss/cross_entropy.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
  const rp_dataset *dataset;
  rp_part part;
  const uint32_t *indices; /* or NULL */
  float *images;           /* [RP_EVALUATE_BATCH][C][H][W] */
  uint8_t labels[RP_EVALUATE_BATCH];
  float losses[RP_EVALUATE_BATCH];
  uint8_t *alive; /* or NULL */
  double loss;    /* summed over the images so far, in their order */
  uint64_t correct;
} rp_pass;

static rp_status run_batch(rp_pass *pass, rp_executor *executor, uint32_t first, uint32_t n, rp_error *err) {
  const uint32_t *indices = pass->indices ? pass->indices + first : NULL;
  rp_batches_fill(pass->dataset, pass->part, indices, first, n, pass->images, pass->labels);
  const float *logits;
  RP_TRY(rp_executor_forward(executor, pass->images, &logits, err));
  rp_cross_entropy(logits, pass->labels, (int)n, pass->dataset->n_classes, 1, pass->losses, NULL, &pass->correct);
  for (uint32_t i = 0; i < n; i++) pass->loss += pass->losses[i];
  if (pass->alive) rp_executor_mark_alive(executor, pass->alive);
  return RP_OK;
}

/* The images from `first` to before `end`, in batches of `size`; fewer than `size` at the end are left. *first moves on. */
static rp_status run_batches(rp_pass *pass, rp_net *net, const float *parameters, const uint8_t *closed, uint32_t size, uint32_t *first,
                             uint32_t end, rp_error *err) {
  if (size == 0 || end - *first < size) return RP_OK;
  rp_executor *executor;
  RP_TRY(rp_net_executor(net, (int)size, RP_RUN_EVALUATE, &executor, err));
  RP_TRY(rp_executor_load(executor, parameters, closed, err));
  for (; end - *first >= size; *first += size) RP_TRY(run_batch(pass, executor, *first, size, err));
  return RP_OK;
}

rp_status rp_evaluate(rp_net *net, const float *parameters, const uint8_t *closed, const rp_dataset *dataset, rp_part part,
                      const uint32_t *indices, uint32_t n, uint8_t *alive, rp_evaluation *out, rp_error *err) {
  *out = (rp_evaluation){0};
  if (!indices) n = dataset->n[part];
  if (alive) memset(alive, 0, (size_t)rp_net_layout(net)->n_filters);
  if (n == 0) return RP_OK;
  size_t image_size = (size_t)dataset->channels * (size_t)dataset->height * (size_t)dataset->width;
  RP_CLEANUP(rp_free_pointer) float *images = NULL;
  RP_TRY(rp_allocate(RP_EVALUATE_BATCH * image_size, sizeof *images, &images, err));
  rp_pass pass = {.dataset = dataset, .part = part, .indices = indices, .images = images, .alive = alive};
  uint32_t first = 0;
  RP_TRY(run_batches(&pass, net, parameters, closed, RP_EVALUATE_BATCH, &first, n, err));
  RP_TRY(run_batches(&pass, net, parameters, closed, n - first, &first, n, err));
  *out = (rp_evaluation){.n = n, .correct = pass.correct, .loss = pass.loss / n, .accuracy = (double)pass.correct / n};
  return RP_OK;
}
