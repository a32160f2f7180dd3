/* observe.c: forward, loss, backward where asked for, then the plugins. */
#include "core/ranking/observe.h"

#include "core/base/memory.h"
#include "core/data/batches.h"
#include "core/loss/cross_entropy.h"

#include <math.h>
#include <string.h>

enum { BATCH = 250 }; /* rule 6 */

static const uint32_t NEEDS_MAPS = RP_USES_ACTIVATION | RP_USES_ACTIVATION_GRADIENT;
static const uint32_t NEEDS_BACKWARD = RP_USES_ACTIVATION_GRADIENT | RP_USES_WEIGHT_GRADIENT;

/* One walk over one set of images. */
typedef struct {
  rp_host_shared *shared;
  const rp_scoring_images *set;
  rp_host *hosts;
  int n_hosts;
  uint32_t flags;   /* of all hosts that observe this set together */
  float *images;    /* [BATCH][C][H][W] */
  float *gradients; /* [n_parameters], of one batch; NULL where nobody asks */
  float *logit_gradients;
  const float *logits; /* [n][n_classes] of the batch at hand; the executor's */
  uint8_t labels[BATCH];
  float losses[BATCH];
  rp_batch_layer *layers;          /* [n_layers] */
  const rp_batch_layer **pointers; /* [n_layers] */
  uint32_t n_batches;
} image_walk;

static int watches(const image_walk *walk, const rp_host *host) {
  return host->ranker->observe && host->images == walk->set && !host->has_failed;
}

static rp_status allocate(image_walk *walk, rp_error *err) {
  const rp_dataset *dataset = walk->shared->pass->dataset;
  size_t image = (size_t)dataset->channels * (size_t)dataset->height * (size_t)dataset->width;
  const rp_layout *layout = rp_net_layout(walk->shared->pass->net);
  RP_TRY(rp_allocate(BATCH * image, sizeof(float), &walk->images, err));
  RP_TRY(rp_allocate((size_t)BATCH * (size_t)dataset->n_classes, sizeof(float), &walk->logit_gradients, err));
  RP_TRY(rp_allocate((size_t)layout->n_convs, sizeof *walk->layers, &walk->layers, err));
  RP_TRY(rp_allocate((size_t)layout->n_convs, sizeof *walk->pointers, &walk->pointers, err));
  if (walk->flags & RP_USES_WEIGHT_GRADIENT) RP_TRY(rp_allocate(layout->n_parameters, sizeof(float), &walk->gradients, err));
  for (int l = 0; l < layout->n_convs; l++) walk->pointers[l] = &walk->layers[l];
  return RP_OK;
}

static void release(image_walk *walk) {
  rp_free_pointer(&walk->images);
  rp_free_pointer(&walk->gradients);
  rp_free_pointer(&walk->logit_gradients);
  rp_free_pointer(&walk->layers);
  rp_free_pointer(&walk->pointers);
}

/* The network's part: logits, losses, and gradients where asked for. */
static rp_status run_network(image_walk *walk, rp_executor *executor, uint32_t n, rp_error *err) {
  const rp_dataset *dataset = walk->shared->pass->dataset;
  int with_backward = (walk->flags & NEEDS_BACKWARD) != 0;
  uint64_t correct = 0;
  RP_TRY(rp_executor_forward(executor, walk->images, &walk->logits, err));
  rp_cross_entropy(walk->logits, walk->labels, (int)n, dataset->n_classes, 1.0 / n, walk->losses,
                   with_backward ? walk->logit_gradients : NULL, &correct);
  for (uint32_t i = 0; i < n; i++)
    if (!isfinite(walk->losses[i]))
      return rp_fail(err, RP_ENUMERIC, "the loss of a scoring image is %g: the network has diverged", (double)walk->losses[i]);
  if (!with_backward) return RP_OK;
  rp_executor_clear_gradients(executor);
  RP_TRY(rp_executor_backward(executor, walk->logit_gradients, err));
  if (!walk->gradients) return RP_OK;
  memset(walk->gradients, 0, rp_net_layout(walk->shared->pass->net)->n_parameters * sizeof(float));
  return rp_executor_add_gradients(executor, walk->gradients, err);
}

/* The tensors that a criterion's flags ask for; the others are NULL, so that no plugin comes to depend on what another one asked for. */
static rp_status fill_layers(image_walk *walk, rp_executor *executor, uint32_t flags, rp_error *err) {
  const rp_layout *layout = rp_net_layout(walk->shared->pass->net);
  for (int l = 0; l < layout->n_convs; l++) {
    rp_batch_layer *layer = &walk->layers[l];
    *layer = (rp_batch_layer){.size = sizeof *layer};
    if (flags & RP_USES_ACTIVATION) RP_TRY(rp_executor_maps(executor, l, &layer->activation, err));
    if (flags & RP_USES_ACTIVATION_GRADIENT) RP_TRY(rp_executor_map_gradients(executor, l, &layer->activation_gradient, err));
    if (flags & RP_USES_WEIGHT_GRADIENT) layer->weight_gradient = walk->gradients + layout->tensors[layout->convs[l].weight].offset;
  }
  return RP_OK;
}

static rp_status show_batch(image_walk *walk, rp_executor *executor, uint32_t n, rp_error *err) {
  rp_batch batch = {.size = sizeof batch,
                    .index = walk->n_batches++,
                    .n_images = n,
                    .images = walk->images,
                    .labels = walk->labels,
                    .losses = walk->losses,
                    .layers = walk->pointers,
                    .logits = walk->logits};
  for (int i = 0; i < walk->n_hosts; i++) {
    rp_host *host = &walk->hosts[i];
    if (!watches(walk, host)) continue;
    RP_TRY(fill_layers(walk, executor, host->ranker->flags, err));
    RP_TRY(rp_host_settle(host, rp_host_observe(host, &batch, rp_host_error(host, err)), err));
  }
  return RP_OK;
}

/* Whole batches of one size from *first on; *first moves on. */
static rp_status walk_batches(image_walk *walk, uint32_t size, uint32_t *first, rp_error *err) {
  const rp_scoring_pass *pass = walk->shared->pass;
  if (size == 0 || walk->set->n - *first < size) return RP_OK;
  rp_purpose_of_run purpose = walk->flags & (NEEDS_MAPS | NEEDS_BACKWARD) ? RP_RUN_OBSERVE : RP_RUN_EVALUATE;
  rp_executor *executor;
  RP_TRY(rp_net_executor(pass->net, (int)size, purpose, &executor, err));
  RP_TRY(rp_executor_load(executor, pass->state->parameters, walk->shared->closed, err));
  for (; walk->set->n - *first >= size; *first += size) {
    rp_batches_fill(pass->dataset, walk->set->part, walk->set->indices + *first, 0, size, walk->images, walk->labels);
    RP_TRY(run_network(walk, executor, size, err));
    RP_TRY(show_batch(walk, executor, size, err));
  }
  return RP_OK;
}

static rp_status walk_images(rp_host_shared *shared, const rp_scoring_images *set, rp_host *hosts, int n_hosts, rp_error *err) {
  RP_CLEANUP(release) image_walk walk = {.shared = shared, .set = set, .hosts = hosts, .n_hosts = n_hosts};
  int n_watching = 0;
  for (int i = 0; i < n_hosts; i++)
    if (watches(&walk, &hosts[i])) {
      walk.flags |= hosts[i].ranker->flags;
      n_watching++;
    }
  if (n_watching == 0) return RP_OK;
  RP_TRY(allocate(&walk, err));
  uint32_t first = 0;
  RP_TRY(walk_batches(&walk, BATCH, &first, err));
  return walk_batches(&walk, set->n - first, &first, err);
}

rp_status rp_observe(rp_host_shared *shared, rp_host *hosts, int n_hosts, rp_error *err) {
  for (int i = 0; i < 2; i++) RP_TRY(walk_images(shared, &shared->images[i], hosts, n_hosts, err));
  return RP_OK;
}
