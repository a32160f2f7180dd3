/* ablate.c: closing gates is all there is to removing filters; one filter at a time it is done on maps that are kept.
 *
 * Batch by batch, every filter: the last first, since what is changed behind it is changed by those before it, too. */
#include "core/probes/ablate.h"

#include "core/base/memory.h"
#include "core/data/batches.h"
#include "core/loss/cross_entropy.h"
#include "core/nn/removal.h"

#include <string.h>

rp_status rp_ablate(rp_net *net, const float *parameters, const uint8_t *closed, const uint8_t *set, const rp_dataset *dataset,
                    rp_part part, const uint32_t *indices, uint32_t n, rp_evaluation *out, rp_error *err) {
  int n_filters = rp_net_layout(net)->n_filters;
  RP_CLEANUP(rp_free_pointer) uint8_t *both = NULL;
  RP_TRY(rp_allocate((size_t)n_filters, 1, &both, err));
  for (int f = 0; f < n_filters; f++) both[f] = set[f] || (closed && closed[f]);
  return rp_evaluate(net, parameters, both, dataset, part, indices, n, NULL, out, err);
}

/* ---- Each filter alone ----------------------------------------------------------------------- */

/* Small batches stay in the cache: on c3-authors and ResNet-20 8 to 16 images are fastest, 50 a sixth to a third slower. */
enum { MOST_IMAGES = 10, MOST_BYTES = 1 << 26 };

typedef struct {
  rp_net *net;
  const float *parameters;
  const uint8_t *closed; /* or NULL */
  const rp_dataset *dataset;
  rp_part part;
  const uint32_t *indices; /* or NULL */
  uint32_t n;
  rp_evaluation *out; /* while it is filled, `loss` is the sum */
  float *images;      /* [MOST_IMAGES][C][H][W] */
  uint8_t labels[MOST_IMAGES];
  float losses[MOST_IMAGES];
} ablation;

static int is_open(const ablation *self, int filter) {
  return !(self->closed && self->closed[filter]);
}

static rp_status run_batch(ablation *self, rp_removal *removal, uint32_t first, uint32_t n, rp_error *err) {
  rp_batches_fill(self->dataset, self->part, self->indices ? self->indices + first : NULL, first, n, self->images, self->labels);
  RP_TRY(rp_removal_begin(removal, self->images, err));
  for (int f = rp_net_layout(self->net)->n_filters - 1; f >= 0; f--) {
    const float *logits;
    if (!is_open(self, f)) continue;
    RP_TRY(rp_removal_without(removal, f, &logits, err));
    rp_cross_entropy(logits, self->labels, (int)n, self->dataset->n_classes, 1, self->losses, NULL, &self->out[f].correct);
    for (uint32_t i = 0; i < n; i++) self->out[f].loss += (double)self->losses[i];
  }
  return RP_OK;
}

/* How far all images are: called whenever another filter's worth of work is done. */
typedef struct {
  void (*call)(void *, int, int);
  void *user;
  int n_done, n_open;
} ticker;

static void tell(ticker *ticks, uint32_t n_images, uint32_t n) {
  for (; ticks->n_done < ticks->n_open && (uint64_t)(ticks->n_done + 1) * n <= (uint64_t)ticks->n_open * n_images; ticks->n_done++)
    if (ticks->call) ticks->call(ticks->user, ticks->n_done + 1, ticks->n_open);
}

/* The images from *first on, in batches of `size`; fewer at the end are left. *first moves on. */
static rp_status run_batches(ablation *self, uint32_t size, uint32_t *first, ticker *ticks, rp_error *err) {
  RP_CLEANUP(rp_removal_free) rp_removal *removal = NULL;
  if (size == 0 || self->n - *first < size) return RP_OK;
  RP_TRY(rp_removal_create(self->net, (int)size, self->parameters, self->closed, &removal, err));
  while (self->n - *first >= size) {
    RP_TRY(run_batch(self, removal, *first, size, err));
    *first += size;
    tell(ticks, *first, self->n);
  }
  return RP_OK;
}

/* Fewer where a net's maps are large, but at least 1. */
static uint32_t batch_of(const rp_net *net) {
  const size_t fit = MOST_BYTES / rp_removal_image_size(net);
  return fit < 1 ? 1 : fit < MOST_IMAGES ? (uint32_t)fit : MOST_IMAGES;
}

rp_status rp_ablate_each(rp_net *net, const float *parameters, const uint8_t *closed, const rp_dataset *dataset, rp_part part,
                         const uint32_t *indices, uint32_t n, rp_evaluation *out, void (*tick)(void *, int, int), void *user,
                         rp_error *err) {
  const int n_filters = rp_net_layout(net)->n_filters;
  ablation self = {
      .net = net, .parameters = parameters, .closed = closed, .dataset = dataset, .part = part, .indices = indices, .out = out};
  ticker ticks = {tick, user, 0, 0};
  self.n = indices ? n : dataset->n[part];
  memset(out, 0, (size_t)n_filters * sizeof *out);
  for (int f = 0; f < n_filters; f++) ticks.n_open += is_open(&self, f);
  if (self.n == 0) {
    tell(&ticks, 0, 0);
    return RP_OK;
  }
  RP_CLEANUP(rp_free_pointer) float *images = NULL;
  RP_TRY(rp_allocate(MOST_IMAGES * (size_t)dataset->channels * (size_t)dataset->height * (size_t)dataset->width, sizeof *images, &images,
                     err));
  self.images = images;
  uint32_t first = 0;
  RP_TRY(run_batches(&self, batch_of(net), &first, &ticks, err));
  RP_TRY(run_batches(&self, self.n - first, &first, &ticks, err));
  for (int f = 0; f < n_filters; f++)
    if (is_open(&self, f))
      out[f] = (rp_evaluation){
          .n = self.n, .correct = out[f].correct, .loss = out[f].loss / self.n, .accuracy = (double)out[f].correct / self.n};
  return RP_OK;
}
