/* hessian_product.c: whole batches by one executor, the rest by another of just that size. */
#include "core/probes/hessian_product.h"

#include "core/base/memory.h"
#include "core/data/batches.h"
#include "core/loss/cross_entropy.h"
#include "core/nn/tangent.h"

/* One walk over the images. */
typedef struct {
  rp_net *net;
  const float *parameters, *v;
  const uint8_t *closed;
  const rp_dataset *dataset;
  rp_part part;
  const uint32_t *indices; /* or NULL */
  uint32_t n;
  float *images; /* [RP_HESSIAN_BATCH][C][H][W] */
  uint8_t labels[RP_HESSIAN_BATCH];
  float *gradients, *gradient_tangents; /* [RP_HESSIAN_BATCH][n_classes], of the logits */
  double *sums;                         /* [Σ K·C·R·S] */
} product_walk;

static rp_status allocate(product_walk *walk, rp_error *err) {
  const rp_dataset *dataset = walk->dataset;
  const size_t image = (size_t)dataset->channels * (size_t)dataset->height * (size_t)dataset->width;
  const size_t n_logits = RP_HESSIAN_BATCH * (size_t)dataset->n_classes;
  RP_TRY(rp_allocate(RP_HESSIAN_BATCH * image, sizeof(float), &walk->images, err));
  RP_TRY(rp_allocate(n_logits, sizeof(float), &walk->gradients, err));
  RP_TRY(rp_allocate(n_logits, sizeof(float), &walk->gradient_tangents, err));
  return rp_allocate(rp_conv_weights(rp_net_layout(walk->net)), sizeof(double), &walk->sums, err);
}

static void release(product_walk *walk) {
  rp_free_pointer(&walk->images);
  rp_free_pointer(&walk->gradients);
  rp_free_pointer(&walk->gradient_tangents);
  rp_free_pointer(&walk->sums);
}

static rp_status add_batch(product_walk *walk, rp_executor *executor, uint32_t first, uint32_t size, rp_error *err) {
  const int n = (int)size, n_classes = walk->dataset->n_classes;
  const double scale = 1.0 / walk->n;
  const float *logits, *tangents;
  uint64_t correct = 0;
  rp_batches_fill(walk->dataset, walk->part, walk->indices ? walk->indices + first : NULL, first, size, walk->images, walk->labels);
  RP_TRY(rp_executor_forward(executor, walk->images, &logits, err));
  RP_TRY(rp_executor_forward_tangent(executor, &tangents, err));
  rp_cross_entropy(logits, walk->labels, n, n_classes, scale, NULL, walk->gradients, &correct);
  rp_cross_entropy_tangent(logits, tangents, n, n_classes, scale, walk->gradient_tangents);
  RP_TRY(rp_executor_backward_tangent(executor, walk->gradients, walk->gradient_tangents, err));
  return rp_executor_take_products(executor, walk->sums, err);
}

/* Whole batches of one size from *first on; *first moves on. */
static rp_status add_batches(product_walk *walk, uint32_t size, uint32_t *first, rp_error *err) {
  if (size == 0 || walk->n - *first < size) return RP_OK;
  rp_executor *executor;
  RP_TRY(rp_net_executor(walk->net, (int)size, RP_RUN_HESSIAN, &executor, err));
  RP_TRY(rp_executor_load(executor, walk->parameters, walk->closed, err));
  RP_TRY(rp_executor_load_direction(executor, walk->v, err));
  for (; walk->n - *first >= size; *first += size) RP_TRY(add_batch(walk, executor, *first, size, err));
  return RP_OK;
}

rp_status rp_hessian_product(rp_net *net, const float *parameters, const uint8_t *closed, const rp_dataset *dataset, rp_part part,
                             const uint32_t *indices, uint32_t n, const float *v, float *product, rp_error *err) {
  RP_CLEANUP(release)
  product_walk walk = {.net = net,
                       .parameters = parameters,
                       .v = v,
                       .closed = closed,
                       .dataset = dataset,
                       .part = part,
                       .indices = indices,
                       .n = indices ? n : dataset->n[part]};
  RP_TRY(allocate(&walk, err));
  uint32_t first = 0;
  RP_TRY(add_batches(&walk, RP_HESSIAN_BATCH, &first, err));
  RP_TRY(add_batches(&walk, walk.n - first, &first, err));
  for (size_t i = 0; i < rp_conv_weights(rp_net_layout(net)); i++) product[i] = (float)walk.sums[i];
  return RP_OK;
}
