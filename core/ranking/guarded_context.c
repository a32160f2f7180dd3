/* guarded_context.c: copies the host's structs field by field, with every pointer in them led to a guarded copy. */
#include "core/ranking/guarded_context.h"

#include "core/base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The context ----------------------------------------------------------------------------- */

static rp_status copy_named(rp_guard *guard, const void *bytes, size_t size, const char *what, const char *of, void *out, rp_error *err) {
  char name[128];
  if (!bytes) {
    memset(out, 0, sizeof bytes);
    return RP_OK;
  }
  snprintf(name, sizeof name, "the %s of %s", what, of);
  return rp_guard_copy(guard, bytes, size, name, out, err);
}

static rp_status guard_history(rp_guard *guard, const rp_conv_layer *from, rp_conv_layer *to, rp_error *err) {
  rp_filter_history *history;
  const rp_filter_history **pointers;
  RP_TRY(rp_guard_block(guard, from->K * sizeof *history, "the filters' history", &history, err));
  RP_TRY(rp_guard_block(guard, from->K * sizeof *pointers, "the filters' history", &pointers, err));
  for (uint32_t k = 0; k < from->K; k++) {
    history[k] = *from->history[k];
    pointers[k] = &history[k];
  }
  to->history = pointers;
  return RP_OK;
}

/* What many filters' readers point to is copied once: pairs so far, of tensors and of names. */
typedef struct {
  const void *original, *copy;
} copied_block;

typedef struct {
  copied_block *blocks;
  size_t n, capacity;
} copied_blocks;

static void free_copied(copied_blocks *copied) {
  free(copied->blocks);
}

static rp_status copy_once(rp_guard *guard, copied_blocks *copied, const void *bytes, size_t size, const char *what, const char *of,
                           void *out, rp_error *err) {
  const void *copy = NULL;
  for (size_t i = 0; i < copied->n && !copy; i++)
    if (copied->blocks[i].original == bytes) copy = copied->blocks[i].copy;
  if (!copy) {
    RP_TRY(rp_grow(&copied->blocks, copied->n, &copied->capacity, sizeof *copied->blocks, err));
    RP_TRY(copy_named(guard, bytes, size, what, of, &copy, err));
    copied->blocks[copied->n++] = (copied_block){bytes, copy};
  }
  memcpy(out, &copy, sizeof copy);
  return RP_OK;
}

static rp_status guard_reader(rp_guard *guard, const rp_reader_slice *from, rp_reader_slice *to, copied_blocks *copied, rp_error *err) {
  size_t n = (size_t)from->outputs * from->channels * from->E;
  *to = *from;
  RP_TRY(copy_once(guard, copied, from->layer, strlen(from->layer) + 1, "name", from->layer, &to->layer, err));
  return copy_once(guard, copied, from->weight, n * sizeof(float), "weights", from->layer, &to->weight, err);
}

static rp_status guard_readers(rp_guard *guard, const rp_conv_layer *from, rp_conv_layer *to, copied_blocks *copied, rp_error *err) {
  const rp_reader_slice *const **of_filters, **pointers;
  rp_reader_slice *slices;
  size_t n = 0, next = 0;
  for (uint32_t k = 0; k < from->K; k++) n += from->n_readers[k];
  RP_TRY(copy_named(guard, from->n_readers, from->K * sizeof *from->n_readers, "numbers of readers", from->name, &to->n_readers, err));
  RP_TRY(rp_guard_block(guard, n * sizeof *slices, "the readers", &slices, err));
  RP_TRY(rp_guard_block(guard, n * sizeof *pointers, "the readers", &pointers, err));
  RP_TRY(rp_guard_block(guard, from->K * sizeof *of_filters, "the readers", &of_filters, err));
  for (uint32_t k = 0; k < from->K; k++) {
    of_filters[k] = pointers + next;
    for (uint32_t i = 0; i < from->n_readers[k]; i++, next++) {
      RP_TRY(guard_reader(guard, from->readers[k][i], &slices[next], copied, err));
      pointers[next] = &slices[next];
    }
  }
  to->readers = of_filters;
  return RP_OK;
}

static rp_status guard_layer(rp_guard *guard, const rp_conv_layer *from, const rp_conv_layer **out, copied_blocks *copied, rp_error *err) {
  rp_conv_layer *to;
  size_t floats = from->K * sizeof(float);
  RP_TRY(copy_named(guard, from, sizeof *from, "rp_conv_layer", from->name, &to, err));
  RP_TRY(copy_named(guard, from->name, strlen(from->name) + 1, "name", from->name, &to->name, err));
  RP_TRY(copy_named(guard, from->weight, floats * from->C * from->R * from->S, "weights", from->name, &to->weight, err));
  RP_TRY(copy_named(guard, from->bias, floats, "biases", from->name, &to->bias, err));
  RP_TRY(copy_named(guard, from->bn_gamma, floats, "bn_gamma values", from->name, &to->bn_gamma, err));
  RP_TRY(copy_named(guard, from->bn_beta, floats, "bn_beta values", from->name, &to->bn_beta, err));
  RP_TRY(copy_named(guard, from->bn_mean, floats, "bn_mean values", from->name, &to->bn_mean, err));
  RP_TRY(copy_named(guard, from->bn_variance, floats, "bn_variance values", from->name, &to->bn_variance, err));
  RP_TRY(copy_named(guard, from->active, from->K, "active flags", from->name, &to->active, err));
  RP_TRY(copy_named(guard, from->producers, from->n_producers * sizeof *from->producers, "producers", from->name, &to->producers, err));
  RP_TRY(guard_history(guard, from, to, err));
  RP_TRY(guard_readers(guard, from, to, copied, err));
  *out = to;
  return RP_OK;
}

/* Services and `host` stay the host's own: they know which host they work for by `host`, whoever's context it stands in. */
rp_status rp_guard_context(rp_guard *guard, const rp_context *from, const rp_context **out, rp_error *err) {
  RP_CLEANUP(free_copied) copied_blocks copied = {0};
  rp_context *to;
  const rp_conv_layer **layers;
  RP_TRY(rp_guard_copy(guard, from, sizeof *from, "the context", &to, err));
  RP_TRY(rp_guard_block(guard, from->n_layers * sizeof *layers, "the layers", &layers, err));
  for (uint32_t l = 0; l < from->n_layers; l++) RP_TRY(guard_layer(guard, from->layers[l], &layers[l], &copied, err));
  to->layers = layers;
  *out = to;
  return RP_OK;
}

/* ---- A batch --------------------------------------------------------------------------------- */

static rp_status guard_batch_layer(rp_guard *guard, const rp_conv_layer *layer, uint32_t n_images, const rp_batch_layer *from,
                                   const rp_batch_layer **out, rp_error *err) {
  rp_batch_layer *to;
  size_t maps = (size_t)n_images * layer->K * layer->out_height * layer->out_width * sizeof(float);
  size_t weights = (size_t)layer->K * layer->C * layer->R * layer->S * sizeof(float);
  RP_TRY(copy_named(guard, from, sizeof *from, "rp_batch_layer", layer->name, &to, err));
  RP_TRY(copy_named(guard, from->activation, maps, "activations", layer->name, &to->activation, err));
  RP_TRY(copy_named(guard, from->activation_gradient, maps, "activations' gradients", layer->name, &to->activation_gradient, err));
  RP_TRY(copy_named(guard, from->weight_gradient, weights, "weights' gradients", layer->name, &to->weight_gradient, err));
  *out = to;
  return RP_OK;
}

rp_status rp_guard_batch(rp_guard *guard, const rp_context *context, const rp_batch *from, const rp_batch **out, rp_error *err) {
  const rp_host *host = context->host;
  const rp_dataset *dataset = host->shared->pass->dataset;
  size_t image = (size_t)dataset->channels * (size_t)dataset->height * (size_t)dataset->width * sizeof(float);
  size_t logits = context->n_classes * sizeof *from->logits;
  rp_batch *to;
  const rp_batch_layer **layers;
  RP_TRY(rp_guard_copy(guard, from, sizeof *from, "the batch", &to, err));
  RP_TRY(rp_guard_copy(guard, from->images, from->n_images * image, "the images", &to->images, err));
  RP_TRY(rp_guard_copy(guard, from->labels, from->n_images, "the labels", &to->labels, err));
  RP_TRY(rp_guard_copy(guard, from->losses, from->n_images * sizeof *from->losses, "the losses", &to->losses, err));
  RP_TRY(rp_guard_copy(guard, from->logits, from->n_images * logits, "the logits", &to->logits, err));
  RP_TRY(rp_guard_block(guard, context->n_layers * sizeof *layers, "the batch's layers", &layers, err));
  for (uint32_t l = 0; l < context->n_layers; l++)
    RP_TRY(guard_batch_layer(guard, context->layers[l], from->n_images, from->layers[l], &layers[l], err));
  to->layers = layers;
  *out = to;
  return RP_OK;
}

rp_status rp_guard_limits(rp_guard *guard, const rp_context *context, const rp_limits *from, const rp_limits **out, rp_error *err) {
  rp_limits *to;
  size_t bounds = context->n_layers * sizeof(uint32_t);
  RP_TRY(rp_guard_copy(guard, from, sizeof *from, "the limits", &to, err));
  RP_TRY(rp_guard_copy(guard, from->candidates, context->n_filters, "the limits' candidates", &to->candidates, err));
  RP_TRY(rp_guard_copy(guard, from->lowest, bounds, "the limits' lowest", &to->lowest, err));
  RP_TRY(rp_guard_copy(guard, from->highest, bounds, "the limits' highest", &to->highest, err));
  *out = to;
  return RP_OK;
}
