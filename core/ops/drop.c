/* drop.c: all checks come before the first change, so a refused drop leaves the state as it was. */
#include "core/ops/drop.h"

#include <string.h>

static rp_status check_set(const rp_state *state, const uint8_t *set, rp_error *err) {
  const rp_layout *layout = state->layout;
  for (int f = 0; f < layout->n_filters; f++) {
    if (!set[f] || !state->filters[f].dropped) continue;
    const rp_conv *conv = &layout->convs[rp_conv_of_filter(layout, f)];
    return rp_fail(err, RP_EINPUT, "%s, filter %d is dropped already (in cycle %u): only active filters can be dropped", conv->name,
                   f - conv->first_filter, state->filters[f].drop_cycle);
  }
  return RP_OK;
}

static void store_value(rp_state *state, int filter) {
  size_t offsets[RP_FILTER_RANGES], counts[RP_FILTER_RANGES];
  int n_ranges = rp_state_filter_ranges(state->layout, filter, offsets, counts);
  for (int i = 0; i < n_ranges; i++) memcpy(state->at_drop + offsets[i], state->parameters + offsets[i], counts[i] * sizeof(float));
}

rp_status rp_drop_filters(rp_state *state, const uint8_t *set, int gate, rp_error *err) {
  RP_TRY(check_set(state, set, err));
  state->cycle++;
  for (int f = 0; f < state->layout->n_filters; f++) {
    if (!set[f]) continue;
    store_value(state, f);
    rp_filter_state *filter = &state->filters[f];
    filter->dropped = 1;
    filter->closed = gate != 0;
    filter->drop_cycle = state->cycle;
    filter->times_dropped++;
  }
  return RP_OK;
}
