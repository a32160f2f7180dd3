/* reestimate.c: marks the channels, walks the images, writes what was measured. Whole batches go by one executor, the rest by another. */
#include "core/probes/reestimate.h"

#include "core/base/memory.h"
#include "core/data/batches.h"
#include "core/nn/gate.h"
#include "core/probes/evaluate.h"

#include <string.h>

/* One walk over the scoring images. */
typedef struct {
  rp_net *net;
  const float *parameters;
  const rp_dataset *dataset;
  uint32_t *indices; /* [n] training images */
  uint32_t n;
  float *images; /* [RP_EVALUATE_BATCH][C][H][W] */
  uint8_t labels[RP_EVALUATE_BATCH];
  rp_channel_moments *moments; /* [rp_gate_n_channels] */
} channel_walk;

static void release(channel_walk *walk) {
  rp_free_pointer(&walk->indices);
  rp_free_pointer(&walk->images);
  rp_free_pointer(&walk->moments);
}

/* What was absent while the filters were dropped is what their regrow gave other statistics. *n_channels: those of BNs. */
static rp_status mark_channels(channel_walk *walk, const uint8_t *regrown, int *n_channels, rp_error *err) {
  const rp_layout *layout = rp_net_layout(walk->net);
  const size_t n = (size_t)rp_gate_n_channels(walk->net);
  RP_CLEANUP(rp_free_pointer) uint8_t *absent = NULL;
  RP_TRY(rp_allocate(n, 1, &absent, err));
  RP_TRY(rp_allocate(n, sizeof *walk->moments, &walk->moments, err));
  rp_gate_absent_channels(walk->net, regrown, absent);
  for (size_t c = 0; c < n; c++) walk->moments[c].is_wanted = absent[c];
  *n_channels = 0;
  for (int t = 0; t < layout->n_tensors; t++) {
    const rp_tensor *tensor = &layout->tensors[t];
    if (tensor->kind != RP_BN_MEAN) continue;
    for (int k = 0; k < tensor->K; k++) *n_channels += absent[rp_gate_first_channel(walk->net, tensor->layer) + k];
  }
  return RP_OK;
}

static rp_status choose_images(channel_walk *walk, rp_error *err) {
  const rp_dataset *dataset = walk->dataset;
  const size_t image_size = (size_t)dataset->channels * (size_t)dataset->height * (size_t)dataset->width;
  RP_TRY(rp_allocate(RP_EVALUATE_BATCH * image_size, sizeof *walk->images, &walk->images, err));
  RP_TRY(rp_allocate(RP_SCORING_IMAGES, sizeof *walk->indices, &walk->indices, err));
  return rp_batches_scoring_images(dataset, RP_SCORING_IMAGES, walk->indices, &walk->n, err);
}

/* Whole batches of one size from *first on; *first moves on. */
static rp_status walk_batches(channel_walk *walk, uint32_t size, uint32_t *first, rp_error *err) {
  if (size == 0 || walk->n - *first < size) return RP_OK;
  rp_executor *executor;
  const float *logits;
  RP_TRY(rp_net_executor(walk->net, (int)size, RP_RUN_EVALUATE, &executor, err));
  RP_TRY(rp_executor_load(executor, walk->parameters, NULL, err));
  rp_executor_measure_channels(executor, walk->moments);
  for (; walk->n - *first >= size; *first += size) {
    rp_batches_fill(walk->dataset, RP_TRAIN, walk->indices + *first, 0, size, walk->images, walk->labels);
    RP_TRY(rp_executor_forward(executor, walk->images, &logits, err));
  }
  return RP_OK;
}

static void write_statistics(const channel_walk *walk, float *out) {
  const rp_layout *layout = rp_net_layout(walk->net);
  for (int t = 0; t < layout->n_tensors; t++) {
    const rp_tensor *tensor = &layout->tensors[t];
    if (tensor->kind != RP_BN_MEAN && tensor->kind != RP_BN_VARIANCE) continue;
    const rp_channel_moments *moments = walk->moments + rp_gate_first_channel(walk->net, tensor->layer);
    for (int k = 0; k < tensor->K; k++) {
      if (!moments[k].is_wanted) continue;
      const double others = moments[k].n > 1 ? moments[k].n - 1 : 1;
      out[tensor->offset + (size_t)k] = (float)(tensor->kind == RP_BN_MEAN ? moments[k].mean : moments[k].squares / others);
    }
  }
}

rp_status rp_reestimate(rp_net *net, const float *parameters, const uint8_t *regrown, const rp_dataset *dataset, float *out,
                        int *n_channels, rp_error *err) {
  RP_CLEANUP(release) channel_walk walk = {.net = net, .parameters = parameters, .dataset = dataset};
  memcpy(out, parameters, rp_net_layout(net)->n_parameters * sizeof *out);
  *n_channels = 0;
  if (dataset->n[RP_TRAIN] == 0) return RP_OK;
  RP_TRY(mark_channels(&walk, regrown, n_channels, err));
  if (*n_channels == 0) return RP_OK;
  RP_TRY(choose_images(&walk, err));
  uint32_t first = 0;
  RP_TRY(walk_batches(&walk, RP_EVALUATE_BATCH, &first, err));
  RP_TRY(walk_batches(&walk, walk.n - first, &first, err));
  write_statistics(&walk, out);
  return RP_OK;
}
