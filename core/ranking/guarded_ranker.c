/* guarded_ranker.c: each call of the inner ranker between copies that are made before it and taken back after it. */
#include "core/ranking/guarded_ranker.h"

#include "core/base/memory.h"
#include "core/ranking/guarded_context.h"

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
} event;

uint64_t rp_floating_point_modes(void) {
  uint64_t modes = (uint64_t)(unsigned)fegetround();
#if defined(__SSE__)
  modes |= (uint64_t)(_mm_getcsr() & ~0x3fu) << 32;
#endif
  return modes;
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
  return rp_guard_context(self->ranker->guard, context, &call->context, err);
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
      rp_guard_batch(self->ranker->guard, context, batch, &copy, &self->ranker->failure) != RP_OK ||
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
      rp_guard_limits(self->ranker->guard, context, limits, &bounds, failure) != RP_OK ||
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
