/* guarded_ranker.c: copies the host's structs field by field, with every pointer in them led to a guarded copy. */
#include "core/ranking/guarded_ranker.h"

#include "core/base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

/* One event: from create to destroy. */
typedef struct {
  rp_guarded_ranker *ranker;
  void *self; /* the inner one's */
  const rp_value *options;
  const rp_context *outer; /* the host's, of the call at hand */
} event;

uint64_t rp_floating_point_modes(void) {
  uint64_t modes = (uint64_t)(unsigned)fegetround();
#if defined(__SSE__)
  modes |= (uint64_t)(_mm_getcsr() & ~0x3fu) << 32;
#endif
  return modes;
}

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

/* ---- Services: through to the host ----------------------------------------------------------- */

static const rp_context *outer_of(const rp_context *context) {
  return ((const event *)context->host)->outer;
}

static double pass_uniform(const rp_context *context, uint32_t i, uint32_t j) {
  return outer_of(context)->uniform(outer_of(context), i, j);
}

static int pass_ablate(const rp_context *context, const uint8_t *set, rp_ablation *out, rp_message *message) {
  return outer_of(context)->ablate(outer_of(context), set, out, message);
}

static int pass_ablate_each(const rp_context *context, rp_ablation *each, rp_message *message) {
  return outer_of(context)->ablate_each(outer_of(context), each, message);
}

static int pass_hessian_product(const rp_context *context, const float *v, float *product, rp_message *message) {
  return outer_of(context)->hessian_product(outer_of(context), v, product, message);
}

static void pass_log(const rp_context *context, const char *line) {
  outer_of(context)->log(outer_of(context), line);
}

static rp_status guard_context(event *self, const rp_context *from, const rp_context **out, rp_error *err) {
  rp_guard *guard = self->ranker->guard;
  RP_CLEANUP(free_copied) copied_blocks copied = {0};
  rp_context *to;
  const rp_conv_layer **layers;
  RP_TRY(rp_guard_copy(guard, from, sizeof *from, "the context", &to, err));
  RP_TRY(rp_guard_block(guard, from->n_layers * sizeof *layers, "the layers", &layers, err));
  for (uint32_t l = 0; l < from->n_layers; l++) RP_TRY(guard_layer(guard, from->layers[l], &layers[l], &copied, err));
  to->layers = layers;
  to->uniform = pass_uniform;
  to->ablate = pass_ablate;
  to->ablate_each = pass_ablate_each;
  to->hessian_product = pass_hessian_product;
  to->log = pass_log;
  to->host = self;
  self->outer = from;
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

static rp_status guard_batch(event *self, const rp_context *context, const rp_batch *from, const rp_batch **out, rp_error *err) {
  rp_guard *guard = self->ranker->guard;
  const rp_host *host = context->host;
  const rp_dataset *dataset = host->shared->pass->dataset;
  size_t image = (size_t)dataset->channels * (size_t)dataset->height * (size_t)dataset->width * sizeof(float);
  rp_batch *to;
  const rp_batch_layer **layers;
  RP_TRY(rp_guard_copy(guard, from, sizeof *from, "the batch", &to, err));
  RP_TRY(rp_guard_copy(guard, from->images, from->n_images * image, "the images", &to->images, err));
  RP_TRY(rp_guard_copy(guard, from->labels, from->n_images, "the labels", &to->labels, err));
  RP_TRY(rp_guard_copy(guard, from->losses, from->n_images * sizeof *from->losses, "the losses", &to->losses, err));
  RP_TRY(rp_guard_block(guard, context->n_layers * sizeof *layers, "the batch's layers", &layers, err));
  for (uint32_t l = 0; l < context->n_layers; l++)
    RP_TRY(guard_batch_layer(guard, context->layers[l], from->n_images, from->layers[l], &layers[l], err));
  to->layers = layers;
  *out = to;
  return RP_OK;
}

static rp_status guard_limits(event *self, const rp_context *context, const rp_limits *from, const rp_limits **out, rp_error *err) {
  rp_guard *guard = self->ranker->guard;
  rp_limits *to;
  size_t bounds = context->n_layers * sizeof(uint32_t);
  RP_TRY(rp_guard_copy(guard, from, sizeof *from, "the limits", &to, err));
  RP_TRY(rp_guard_copy(guard, from->candidates, context->n_filters, "the limits' candidates", &to->candidates, err));
  RP_TRY(rp_guard_copy(guard, from->lowest, bounds, "the limits' lowest", &to->lowest, err));
  RP_TRY(rp_guard_copy(guard, from->highest, bounds, "the limits' highest", &to->highest, err));
  *out = to;
  return RP_OK;
}

/* ---- Calls ----------------------------------------------------------------------------------- */

const char *rp_guarded_call_name(int call) {
  static const char *const NAMES[RP_N_GUARDED] = {"create", "observe", "score", "choose", "destroy"};
  return NAMES[call];
}

static double now_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* What is prepared before a call of the inner plugin and looked at after it. */
typedef struct {
  event *self;
  int call;
  size_t mark;
  const rp_context *context;
  rp_message *message; /* guarded */
  uint64_t modes;
  double began_s;
} guarded_call;

static int fail_to_guard(const event *self, rp_message *message) {
  snprintf(message->text, sizeof message->text, "the test itself: %.400s", self->ranker->failure.message);
  return RP_RANKER_ERROR;
}

/* The last blocks of a call are what the plugin may write: a message, and `output_bytes` for an answer where that is not NULL. */
static rp_status prepare_outputs(guarded_call *call, size_t output_bytes, const char *output_name, void *output, rp_error *err) {
  rp_guard *guard = call->self->ranker->guard;
  RP_TRY(rp_guard_block(guard, sizeof *call->message, "the message", &call->message, err));
  call->message->size = sizeof *call->message;
  if (output) RP_TRY(rp_guard_block(guard, output_bytes, output_name, output, err));
  rp_guard_seal(guard, call->mark, output ? 2 : 1);
  return RP_OK;
}

static rp_status prepare(event *self, int which, const rp_context *context, guarded_call *call, rp_error *err) {
  *call = (guarded_call){.self = self, .call = which, .mark = rp_guard_mark(self->ranker->guard)};
  return guard_context(self, context, &call->context, err);
}

static void begin(guarded_call *call) {
  call->modes = rp_floating_point_modes();
  call->began_s = now_s();
}

static void finish(const guarded_call *call, int result) {
  rp_guarded_ranker *ranker = call->self->ranker;
  if (result != RP_RANKER_OK) ranker->refused = 1;
  ranker->seconds[call->call] += now_s() - call->began_s;
  ranker->calls[call->call]++;
  if (!ranker->changed_modes && rp_floating_point_modes() != call->modes) ranker->changed_modes = rp_guarded_call_name(call->call);
}

/* Hands the plugin's message on, and takes everything back. */
static int close_call(const guarded_call *call, int result, rp_message *message) {
  if (message) memcpy(message->text, call->message->text, sizeof message->text);
  rp_guard_revoke(call->self->ranker->guard, call->mark);
  return result;
}

static rp_status guard_options(event *self, const rp_value *options, rp_error *err) {
  rp_guard *guard = self->ranker->guard;
  size_t n = 0, mark = rp_guard_mark(guard);
  rp_value *copies;
  while (self->ranker->inner->options && self->ranker->inner->options[n]) n++;
  if (n == 0) return RP_OK;
  RP_TRY(rp_guard_copy(guard, options, n * sizeof *options, "the options", &copies, err));
  for (size_t i = 0; i < n; i++)
    if (options[i].text) RP_TRY(rp_guard_copy(guard, options[i].text, strlen(options[i].text) + 1, "the options", &copies[i].text, err));
  self->options = copies;
  rp_guard_seal(guard, mark, 0);
  return RP_OK;
}

static int inner_create(event *self, const rp_context *context, rp_message *message) {
  const rp_ranker *inner = self->ranker->inner;
  guarded_call call;
  if (!inner->create) return RP_RANKER_OK;
  if (prepare(self, RP_GUARDED_CREATE, context, &call, &self->ranker->failure) != RP_OK ||
      prepare_outputs(&call, 0, NULL, NULL, &self->ranker->failure) != RP_OK)
    return fail_to_guard(self, message);
  begin(&call);
  int result = inner->create(call.context, self->options, &self->self, call.message);
  finish(&call, result);
  return close_call(&call, result, message);
}

static int outer_create(const rp_context *context, const rp_value *options, void **out, rp_message *message) {
  const rp_host *host = context->host;
  rp_guarded_ranker *ranker = (rp_guarded_ranker *)(uintptr_t)host->ranker; /* outer is its first member */
  event *self;
  rp_guard_clear(ranker->guard);
  if (rp_allocate(1, sizeof *self, &self, &ranker->failure) != RP_OK) return RP_RANKER_ERROR;
  self->ranker = ranker;
  int result =
      guard_options(self, options, &ranker->failure) == RP_OK ? inner_create(self, context, message) : fail_to_guard(self, message);
  if (result == RP_RANKER_OK)
    *out = self;
  else
    free(self);
  return result;
}

static int outer_observe(void *of, const rp_context *context, const rp_batch *batch, rp_message *message) {
  event *self = of;
  guarded_call call;
  const rp_batch *copy;
  if (prepare(self, RP_GUARDED_OBSERVE, context, &call, &self->ranker->failure) != RP_OK ||
      guard_batch(self, context, batch, &copy, &self->ranker->failure) != RP_OK ||
      prepare_outputs(&call, 0, NULL, NULL, &self->ranker->failure) != RP_OK)
    return fail_to_guard(self, message);
  begin(&call);
  int result = self->ranker->inner->observe(self->self, call.context, copy, call.message);
  finish(&call, result);
  return close_call(&call, result, message);
}

static int outer_score(void *of, const rp_context *context, float *importance, rp_message *message) {
  event *self = of;
  guarded_call call;
  float *answer;
  size_t bytes = context->n_filters * sizeof *answer;
  if (prepare(self, RP_GUARDED_SCORE, context, &call, &self->ranker->failure) != RP_OK ||
      prepare_outputs(&call, bytes, "the importance", &answer, &self->ranker->failure) != RP_OK)
    return fail_to_guard(self, message);
  memcpy(answer, importance, bytes);
  begin(&call);
  int result = self->ranker->inner->score(self->self, call.context, answer, call.message);
  finish(&call, result);
  memcpy(importance, answer, bytes);
  return close_call(&call, result, message);
}

static int outer_choose(void *of, const rp_context *context, const float *importance, const rp_limits *limits, uint8_t *drop,
                        rp_message *message) {
  event *self = of;
  guarded_call call;
  const float *scores;
  const rp_limits *bounds;
  uint8_t *answer;
  rp_error *failure = &self->ranker->failure;
  if (prepare(self, RP_GUARDED_CHOOSE, context, &call, failure) != RP_OK ||
      rp_guard_copy(self->ranker->guard, importance, context->n_filters * sizeof *scores, "the importances", &scores, failure) != RP_OK ||
      guard_limits(self, context, limits, &bounds, failure) != RP_OK ||
      prepare_outputs(&call, context->n_filters, "the drop flags", &answer, failure) != RP_OK)
    return fail_to_guard(self, message);
  memcpy(answer, drop, context->n_filters);
  begin(&call);
  int result = self->ranker->inner->choose(self->self, call.context, scores, bounds, answer, call.message);
  finish(&call, result);
  memcpy(drop, answer, context->n_filters);
  return close_call(&call, result, message);
}

static void outer_destroy(void *of) {
  event *self = of;
  if (self->self && self->ranker->inner->destroy) {
    guarded_call call = {.self = self, .call = RP_GUARDED_DESTROY};
    begin(&call);
    self->ranker->inner->destroy(self->self);
    finish(&call, RP_RANKER_OK);
  }
  rp_guard_clear(self->ranker->guard);
  free(self);
}

void rp_guarded_ranker_init(rp_guarded_ranker *ranker, const rp_ranker *inner, rp_guard *guard) {
  *ranker = (rp_guarded_ranker){.outer = *inner, .inner = inner, .guard = guard};
  ranker->outer.create = outer_create;
  ranker->outer.observe = inner->observe ? outer_observe : NULL;
  ranker->outer.score = outer_score;
  ranker->outer.choose = inner->choose ? outer_choose : NULL;
  ranker->outer.destroy = outer_destroy;
}

void rp_guarded_ranker_reset(rp_guarded_ranker *ranker) {
  memset(ranker->calls, 0, sizeof ranker->calls);
  memset(ranker->seconds, 0, sizeof ranker->seconds);
}
