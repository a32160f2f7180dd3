/* regrow.c: the order of things: readers of all dropped filters first, then each filter's weights, bias and optimizer state, then the
 * marks. */
#include "core/ops/regrow.h"

#include "core/base/draws.h"
#include "core/base/memory.h"
#include "core/nn/gate.h"
#include "core/ops/regrow_weights.h"

#include <string.h>

static void clear_optimizer_state(rp_state *state, size_t offset, size_t count) {
  for (int i = 0; i < state->n_slots; i++) memset(state->slots[i] + offset, 0, count * sizeof(float));
}

/* ---- The weights that read them (rule 18) ---------------------------------------------------- */

/* The seed of a whole initialisation that readers' new weights are taken from: so they are as at initialisation, whatever their layers'
 * kind of it. */
static uint64_t seed_of_readers(const rp_state *state) {
  rp_stream stream = rp_stream_of(state->seed, RP_DRAW_READERS, state->cycle, 0, 0, 0);
  return (uint64_t)rp_draw_bits(&stream, 0) << 32 | rp_draw_bits(&stream, 1);
}

/* Gives the marked units of a tensor the values of `fresh`, [n_parameters], or zeros where it is NULL. */
static void replace_units(rp_state *state, const rp_tensor *tensor, const uint8_t *units, const float *fresh) {
  size_t n_units = (size_t)tensor->K * (size_t)tensor->C, E = (size_t)tensor->E;
  for (size_t u = 0; u < n_units; u++) {
    if (!units[tensor->first_unit + u]) continue;
    size_t offset = tensor->offset + u * E;
    if (!rp_tensor_is_trained(tensor->kind)) continue; /* reset_statistics */
    if (fresh)
      memcpy(state->parameters + offset, fresh + offset, E * sizeof(float));
    else
      memset(state->parameters + offset, 0, E * sizeof(float));
    clear_optimizer_state(state, offset, E);
    state->steps[tensor->first_unit + u] = 0;
  }
}

/* A channel comes back with other values than its statistics were taken from. */
static void reset_statistics(rp_state *state, const rp_tensor *tensor, const uint8_t *units) {
  for (int k = 0; k < tensor->K && !rp_tensor_is_trained(tensor->kind); k++)
    if (units[tensor->first_unit + (size_t)k]) state->parameters[tensor->offset + (size_t)k] = tensor->kind == RP_BN_VARIANCE ? 1 : 0;
}

/* Absent are the channels of dropped filters, also where the gate was off and they would have been. */
static rp_status regrow_readers(const rp_net *net, rp_state *state, rp_regrow_readers readers, rp_error *err) {
  const rp_layout *layout = state->layout;
  RP_CLEANUP(rp_free_pointer) uint8_t *dropped = NULL;
  RP_CLEANUP(rp_free_pointer) uint8_t *units = NULL;
  RP_CLEANUP(rp_free_pointer) float *fresh = NULL;
  RP_TRY(rp_allocate((size_t)layout->n_filters, 1, &dropped, err));
  RP_TRY(rp_allocate(layout->n_units, 1, &units, err));
  for (int f = 0; f < layout->n_filters; f++) dropped[f] = state->filters[f].dropped;
  rp_gate_reader_units(net, dropped, units);
  for (int i = 0; i < layout->n_tensors; i++) reset_statistics(state, &layout->tensors[i], units);
  if (readers == RP_READERS_KEEP) return RP_OK;
  if (readers == RP_READERS_RANDOM) {
    RP_TRY(rp_allocate(layout->n_parameters, sizeof *fresh, &fresh, err));
    RP_TRY(rp_init_parameters(net, seed_of_readers(state), fresh, err));
  }
  for (int i = 0; i < layout->n_tensors; i++) replace_units(state, &layout->tensors[i], units, fresh);
  return RP_OK;
}

/* ---- The filters ----------------------------------------------------------------------------- */

static int n_dropped_of(const rp_state *state, const rp_conv *conv) {
  int n_dropped = 0;
  for (int k = 0; k < conv->K; k++) n_dropped += state->filters[conv->first_filter + k].dropped;
  return n_dropped;
}

/* The modes that look at one filter at a time. `initial`: [n_parameters] of epoch 0, for rewind. */
static rp_status regrow_one_by_one(const rp_net *net, rp_state *state, const rp_conv *conv, rp_regrow_mode mode, const float *initial,
                                   rp_error *err) {
  size_t d = (size_t)conv->C * (size_t)conv->R * (size_t)conv->S;
  for (int k = 0; k < conv->K; k++) {
    const rp_filter_state *filter = &state->filters[conv->first_filter + k];
    size_t offset = state->layout->tensors[conv->weight].offset + (size_t)k * d;
    if (!filter->dropped) continue;
    if (mode == RP_REGROW_RANDOM)
      RP_TRY(rp_init_filter(net, conv->first_filter + k, state->seed, filter->drop_cycle, state->parameters + offset, err));
    else if (mode == RP_REGROW_REWIND)
      memcpy(state->parameters + offset, initial + offset, d * sizeof(float));
    else
      memset(state->parameters + offset, 0, d * sizeof(float));
  }
  return RP_OK;
}

static rp_status regrow_weights(const rp_net *net, rp_state *state, int conv, const rp_regrow_options *options, const float *initial,
                                rp_regrow_record *record, rp_error *err) {
  switch (options->mode) {
  case RP_REGROW_ORTHOGONAL:
    return rp_regrow_orthogonal(net, state, conv, options->scale, record, err);
  case RP_REGROW_AUTHORS:
    return rp_regrow_authors(state, conv, err);
  default:
    return regrow_one_by_one(net, state, &state->layout->convs[conv], options->mode, initial, err);
  }
}

static void regrow_biases(rp_state *state, const rp_conv *conv, const rp_regrow_options *options, const float *initial) {
  if (conv->bias < 0) return;
  size_t offset = state->layout->tensors[conv->bias].offset;
  for (int k = 0; k < conv->K; k++) {
    if (!state->filters[conv->first_filter + k].dropped) continue;
    if (options->mode == RP_REGROW_REWIND)
      state->parameters[offset + (size_t)k] = initial[offset + (size_t)k];
    else if (!options->keep_bias)
      state->parameters[offset + (size_t)k] = 0;
  }
}

/* Its BN starts anew, as at epoch 0 (rule 18). */
static void reset_bn(rp_state *state, const rp_conv *conv) {
  const float start[4] = {1, 0, 0, 1}; /* gamma, beta, mean, variance */
  for (int i = 0; conv->bn > 0 && i < 4; i++)
    for (int k = 0; k < conv->K; k++)
      if (state->filters[conv->first_filter + k].dropped)
        state->parameters[state->layout->tensors[conv->bn + i].offset + (size_t)k] = start[i];
}

static void forget_steps(rp_state *state, const rp_tensor *tensor, int k) {
  memset(state->steps + tensor->first_unit + (size_t)k * (size_t)tensor->C, 0, (size_t)tensor->C * sizeof *state->steps);
}

static void forget_optimizer_state(rp_state *state, const rp_conv *conv) {
  const rp_layout *layout = state->layout;
  for (int k = 0; k < conv->K; k++) {
    if (!state->filters[conv->first_filter + k].dropped) continue;
    size_t offsets[RP_FILTER_RANGES], counts[RP_FILTER_RANGES];
    int n_ranges = rp_state_filter_ranges(layout, conv->first_filter + k, offsets, counts);
    for (int i = 0; i < n_ranges; i++) clear_optimizer_state(state, offsets[i], counts[i]);
    forget_steps(state, &layout->tensors[conv->weight], k);
    if (conv->bias >= 0) forget_steps(state, &layout->tensors[conv->bias], k);
    for (int i = 0; conv->bn > 0 && i < 4; i++) forget_steps(state, &layout->tensors[conv->bn + i], k);
  }
}

static rp_status regrow_filters(const rp_net *net, rp_state *state, const rp_regrow_options *options, rp_regrow_record *record,
                                rp_error *err) {
  const rp_layout *layout = state->layout;
  RP_CLEANUP(rp_free_pointer) float *initial = NULL;
  if (options->mode == RP_REGROW_REWIND) {
    RP_TRY(rp_allocate(layout->n_parameters, sizeof *initial, &initial, err));
    RP_TRY(rp_init_parameters(net, state->seed, initial, err));
  }
  for (int i = 0; i < layout->n_convs; i++) {
    if (n_dropped_of(state, &layout->convs[i]) == 0) continue;
    RP_TRY(regrow_weights(net, state, i, options, initial, record, err));
    regrow_biases(state, &layout->convs[i], options, initial);
    reset_bn(state, &layout->convs[i]);
    forget_optimizer_state(state, &layout->convs[i]);
  }
  return RP_OK;
}

/* ---- The marks ------------------------------------------------------------------------------- */

static void clear_marks(rp_state *state, int are_new) {
  for (int f = 0; f < state->layout->n_filters; f++) {
    rp_filter_state *filter = &state->filters[f];
    if (!filter->dropped) continue;
    size_t offsets[RP_FILTER_RANGES], counts[RP_FILTER_RANGES];
    int n_ranges = rp_state_filter_ranges(state->layout, f, offsets, counts);
    for (int i = 0; i < n_ranges; i++) memset(state->at_drop + offsets[i], 0, counts[i] * sizeof(float));
    filter->dropped = 0;
    filter->closed = 0;
    if (are_new) filter->last_regrow_epoch = state->epoch;
  }
}

rp_status rp_regrow_filters(const rp_net *net, rp_state *state, const rp_regrow_options *options, rp_regrow_record *record, rp_error *err) {
  *record = (rp_regrow_record){0};
  for (int i = 0; i < state->layout->n_convs; i++) record->regrown += n_dropped_of(state, &state->layout->convs[i]);
  if (record->regrown == 0) return RP_OK;
  if (options->mode != RP_REGROW_RESTORE) {
    RP_TRY(regrow_readers(net, state, options->readers, err));
    RP_TRY(regrow_filters(net, state, options, record, err));
  }
  clear_marks(state, options->mode != RP_REGROW_RESTORE);
  return RP_OK;
}
