/* state.c: making, copying and naming states. The arrays of a state are blocks of their own, so that a checker of memory sees each one's
 * ends. */
#include "core/state/state.h"

#include "core/base/memory.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "digests of arrays are of their little-endian bytes: swap here first");

rp_status rp_state_create(const rp_layout *layout, int n_slots, uint64_t seed, rp_state **out, rp_error *err) {
  *out = NULL;
  if (n_slots < 0 || n_slots > RP_MAX_SLOTS)
    return rp_fail(err, RP_EINPUT, "a state of %d optimizer slots: 0 to %d are possible", n_slots, RP_MAX_SLOTS);
  RP_CLEANUP(rp_state_free) rp_state *state = NULL;
  RP_TRY(rp_allocate(1, sizeof *state, &state, err));
  state->layout = layout;
  state->seed = seed;
  state->n_slots = n_slots;
  RP_TRY(rp_allocate(layout->n_parameters, sizeof *state->parameters, &state->parameters, err));
  for (int i = 0; i < n_slots; i++) RP_TRY(rp_allocate(layout->n_parameters, sizeof *state->slots[i], &state->slots[i], err));
  RP_TRY(rp_allocate(layout->n_parameters, sizeof *state->at_drop, &state->at_drop, err));
  RP_TRY(rp_allocate(layout->n_units, sizeof *state->steps, &state->steps, err));
  RP_TRY(rp_allocate((size_t)layout->n_filters, sizeof *state->filters, &state->filters, err));
  *out = state;
  state = NULL;
  return RP_OK;
}

void rp_state_free(rp_state **state) {
  if (!*state) return;
  free((*state)->parameters);
  for (int i = 0; i < RP_MAX_SLOTS; i++) free((*state)->slots[i]);
  free((*state)->at_drop);
  free((*state)->steps);
  free((*state)->filters);
  free(*state);
  *state = NULL;
}

rp_status rp_state_initial(const rp_net *net, int n_slots, uint64_t seed, rp_state **out, rp_error *err) {
  RP_TRY(rp_state_create(rp_net_layout(net), n_slots, seed, out, err));
  rp_status status = rp_init_parameters(net, seed, (*out)->parameters, err);
  if (status != RP_OK) rp_state_free(out);
  return status;
}

rp_status rp_state_copy(const rp_state *state, rp_state **out, rp_error *err) {
  const rp_layout *layout = state->layout;
  RP_TRY(rp_state_create(layout, state->n_slots, state->seed, out, err));
  rp_state *copy = *out;
  copy->epoch = state->epoch;
  copy->cycle = state->cycle;
  copy->step = state->step;
  size_t bytes = layout->n_parameters * sizeof *state->parameters;
  memcpy(copy->parameters, state->parameters, bytes);
  for (int i = 0; i < state->n_slots; i++) memcpy(copy->slots[i], state->slots[i], bytes);
  memcpy(copy->at_drop, state->at_drop, bytes);
  memcpy(copy->steps, state->steps, layout->n_units * sizeof *state->steps);
  memcpy(copy->filters, state->filters, (size_t)layout->n_filters * sizeof *state->filters);
  return RP_OK;
}

/* Nets of different shapes can have equally many parameters, so the shapes are part of the digest. */
static void digest_layout(rp_digest *digest, const rp_layout *layout) {
  rp_digest_u64(digest, (uint64_t)layout->n_tensors);
  for (int i = 0; i < layout->n_tensors; i++) {
    const rp_tensor *tensor = &layout->tensors[i];
    rp_digest_u64(digest, (uint64_t)tensor->kind);
    rp_digest_u64(digest, (uint64_t)tensor->K);
    rp_digest_u64(digest, (uint64_t)tensor->C);
    rp_digest_u64(digest, (uint64_t)tensor->E);
  }
  rp_digest_u64(digest, (uint64_t)layout->n_filters);
}

rp_status rp_state_digest(const rp_state *state, rp_id *out, rp_error *err) {
  const rp_layout *layout = state->layout;
  rp_digest *digest = NULL;
  RP_TRY(rp_digest_start("state", &digest, err));
  digest_layout(digest, layout);
  rp_digest_u64(digest, state->seed);
  rp_digest_u64(digest, state->epoch);
  rp_digest_u64(digest, state->cycle);
  rp_digest_u64(digest, state->step);
  rp_digest_u64(digest, (uint64_t)state->n_slots);
  size_t bytes = layout->n_parameters * sizeof *state->parameters;
  rp_digest_bytes(digest, state->parameters, bytes);
  for (int i = 0; i < state->n_slots; i++) rp_digest_bytes(digest, state->slots[i], bytes);
  rp_digest_bytes(digest, state->at_drop, bytes);
  rp_digest_bytes(digest, state->steps, layout->n_units * sizeof *state->steps);
  for (int f = 0; f < layout->n_filters; f++) {
    const rp_filter_state *filter = &state->filters[f];
    rp_digest_u64(digest, filter->dropped);
    rp_digest_u64(digest, filter->closed);
    rp_digest_u64(digest, filter->drop_cycle);
    rp_digest_u64(digest, filter->last_regrow_epoch);
    rp_digest_u64(digest, filter->times_dropped);
  }
  *out = rp_digest_finish(digest);
  return RP_OK;
}

void rp_state_closed(const rp_state *state, uint8_t *closed) {
  for (int f = 0; f < state->layout->n_filters; f++) closed[f] = state->filters[f].closed;
}

int rp_state_active_filters(const rp_state *state) {
  int n_active = 0;
  for (int f = 0; f < state->layout->n_filters; f++) n_active += !state->filters[f].closed;
  return n_active;
}

int rp_state_filter_ranges(const rp_layout *layout, int filter, size_t offsets[RP_FILTER_RANGES], size_t counts[RP_FILTER_RANGES]) {
  const rp_conv *conv = &layout->convs[rp_conv_of_filter(layout, filter)];
  const int bn = conv->bn > 0 ? conv->bn : -4; /* its four tensors follow each other */
  const int tensors[RP_FILTER_RANGES] = {conv->weight, conv->bias, bn, bn + 1, bn + 2, bn + 3};
  size_t k = (size_t)(filter - conv->first_filter);
  int n_ranges = 0;
  for (size_t i = 0; i < sizeof tensors / sizeof tensors[0]; i++) {
    if (tensors[i] < 0) continue;
    const rp_tensor *tensor = &layout->tensors[tensors[i]];
    counts[n_ranges] = (size_t)tensor->C * (size_t)tensor->E;
    offsets[n_ranges] = tensor->offset + k * counts[n_ranges];
    n_ranges++;
  }
  return n_ranges;
}
