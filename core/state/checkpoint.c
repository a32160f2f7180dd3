/* checkpoint.c: the file's layout, once for both ways: a cursor moves over the bytes, and each field is put or taken in turn.
 *
 *   "RPSTATE\n" · u32 version · u32 n_slots · u64 n_parameters · u64 n_units · u64 n_filters · u64 seed · u32 epoch · u32 cycle · u64 step
 * · f32 parameters[n_parameters] · f32 slots[n_slots][n_parameters] · f32 at_drop[n_parameters] · u32 steps[n_units] · filters[n_filters]:
 * u8 dropped, u8 closed, u32 drop_cycle, u32 last_regrow_epoch, u32 times_dropped · digest[16] */
#include "core/state/checkpoint.h"

#include "core/base/files.h"
#include "core/base/memory.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "checkpoints are little-endian: swap the fields here first");

static const char MAGIC[8] = {'R', 'P', 'S', 'T', 'A', 'T', 'E', '\n'};
enum { VERSION = 1, HEADER_BYTES = 8 + 2 * 4 + 4 * 8 + 2 * 4 + 8, FILTER_BYTES = 2 + 3 * 4 };

static size_t size_of(const rp_layout *layout, int n_slots) {
  size_t n_floats = layout->n_parameters * (size_t)(2 + n_slots);
  return HEADER_BYTES + n_floats * sizeof(float) + layout->n_units * sizeof(uint32_t) + (size_t)layout->n_filters * FILTER_BYTES +
         sizeof(rp_id);
}

static void put(uint8_t **cursor, const void *value, size_t size) {
  memcpy(*cursor, value, size);
  *cursor += size;
}

static void put_u32(uint8_t **cursor, uint32_t value) {
  put(cursor, &value, sizeof value);
}

static void put_u64(uint8_t **cursor, uint64_t value) {
  put(cursor, &value, sizeof value);
}

static void put_state(uint8_t **cursor, const rp_state *state, rp_id digest) {
  const rp_layout *layout = state->layout;
  put(cursor, MAGIC, sizeof MAGIC);
  put_u32(cursor, VERSION);
  put_u32(cursor, (uint32_t)state->n_slots);
  put_u64(cursor, layout->n_parameters);
  put_u64(cursor, layout->n_units);
  put_u64(cursor, (uint64_t)layout->n_filters);
  put_u64(cursor, state->seed);
  put_u32(cursor, state->epoch);
  put_u32(cursor, state->cycle);
  put_u64(cursor, state->step);
  size_t bytes = layout->n_parameters * sizeof *state->parameters;
  put(cursor, state->parameters, bytes);
  for (int i = 0; i < state->n_slots; i++) put(cursor, state->slots[i], bytes);
  put(cursor, state->at_drop, bytes);
  put(cursor, state->steps, layout->n_units * sizeof *state->steps);
  for (int f = 0; f < layout->n_filters; f++) {
    const rp_filter_state *filter = &state->filters[f];
    put(cursor, &filter->dropped, 1);
    put(cursor, &filter->closed, 1);
    put_u32(cursor, filter->drop_cycle);
    put_u32(cursor, filter->last_regrow_epoch);
    put_u32(cursor, filter->times_dropped);
  }
  put(cursor, digest.bytes, sizeof digest.bytes);
}

rp_status rp_checkpoint_write(const rp_state *state, const char *path, size_t *size, rp_error *err) {
  rp_id digest;
  RP_TRY(rp_state_digest(state, &digest, err));
  *size = size_of(state->layout, state->n_slots);
  RP_CLEANUP(rp_free_pointer) uint8_t *bytes = NULL;
  RP_TRY(rp_allocate(*size, 1, &bytes, err));
  uint8_t *cursor = bytes;
  put_state(&cursor, state, digest);
  return rp_write_file(path, bytes, *size, err);
}

static void take(const uint8_t **cursor, void *value, size_t size) {
  memcpy(value, *cursor, size);
  *cursor += size;
}

static uint32_t take_u32(const uint8_t **cursor) {
  uint32_t value;
  take(cursor, &value, sizeof value);
  return value;
}

static uint64_t take_u64(const uint8_t **cursor) {
  uint64_t value;
  take(cursor, &value, sizeof value);
  return value;
}

static void take_state(const uint8_t **cursor, rp_state *state) {
  const rp_layout *layout = state->layout;
  state->epoch = take_u32(cursor);
  state->cycle = take_u32(cursor);
  state->step = take_u64(cursor);
  size_t bytes = layout->n_parameters * sizeof *state->parameters;
  take(cursor, state->parameters, bytes);
  for (int i = 0; i < state->n_slots; i++) take(cursor, state->slots[i], bytes);
  take(cursor, state->at_drop, bytes);
  take(cursor, state->steps, layout->n_units * sizeof *state->steps);
  for (int f = 0; f < layout->n_filters; f++) {
    rp_filter_state *filter = &state->filters[f];
    take(cursor, &filter->dropped, 1);
    take(cursor, &filter->closed, 1);
    filter->drop_cycle = take_u32(cursor);
    filter->last_regrow_epoch = take_u32(cursor);
    filter->times_dropped = take_u32(cursor);
  }
}

/* What the header claims must fit the layout and the number of bytes before anything is allocated for it. */
static rp_status check_header(const uint8_t **cursor, size_t size, const char *name, const rp_layout *layout, uint32_t *n_slots,
                              rp_error *err) {
  if (size < HEADER_BYTES || memcmp(*cursor, MAGIC, sizeof MAGIC) != 0)
    return rp_fail(err, RP_EDAMAGED, "%s: is no checkpoint (%zu bytes)", name, size);
  *cursor += sizeof MAGIC;
  uint32_t version = take_u32(cursor);
  if (version != VERSION) return rp_fail(err, RP_EDAMAGED, "%s: format version %u, this program reads %d", name, version, VERSION);
  *n_slots = take_u32(cursor);
  uint64_t n_parameters = take_u64(cursor), n_units = take_u64(cursor), n_filters = take_u64(cursor);
  if (n_parameters != layout->n_parameters || n_units != layout->n_units || n_filters != (uint64_t)layout->n_filters)
    return rp_fail(err, RP_EDAMAGED, "%s: is of another net: %llu parameters and %llu filters, not %zu and %d", name,
                   (unsigned long long)n_parameters, (unsigned long long)n_filters, layout->n_parameters, layout->n_filters);
  if (*n_slots > RP_MAX_SLOTS)
    return rp_fail(err, RP_EDAMAGED, "%s: %u optimizer slots, at most %d are possible", name, *n_slots, RP_MAX_SLOTS);
  size_t expected = size_of(layout, (int)*n_slots);
  if (size != expected) return rp_fail(err, RP_EDAMAGED, "%s: %zu bytes, not %zu; was it cut off?", name, size, expected);
  return RP_OK;
}

rp_status rp_checkpoint_parse(const uint8_t *bytes, size_t size, const char *name, const rp_layout *layout, rp_state **out, rp_error *err) {
  *out = NULL;
  const uint8_t *cursor = bytes;
  uint32_t n_slots = 0;
  RP_TRY(check_header(&cursor, size, name, layout, &n_slots, err));
  uint64_t seed = take_u64(&cursor);
  RP_CLEANUP(rp_state_free) rp_state *state = NULL;
  RP_TRY(rp_state_create(layout, (int)n_slots, seed, &state, err));
  take_state(&cursor, state);
  rp_id written, digest;
  take(&cursor, written.bytes, sizeof written.bytes);
  RP_TRY(rp_state_digest(state, &digest, err));
  if (!rp_id_equal(written, digest))
    return rp_fail(err, RP_EDAMAGED, "%s: its content does not have the digest that it was written with", name);
  *out = state;
  state = NULL;
  return RP_OK;
}

rp_status rp_checkpoint_read(const char *path, const rp_layout *layout, rp_state **out, rp_error *err) {
  *out = NULL;
  RP_CLEANUP(rp_free_pointer) char *bytes = NULL;
  size_t size;
  /* Read and not mapped: a page of a mapped file that the disk cannot deliver ends the process. */
  rp_status status = rp_read_file(path, size_of(layout, RP_MAX_SLOTS), &bytes, &size, err);
  if (status == RP_EMEMORY) return status;
  if (status != RP_OK) {
    if (err) err->status = RP_EDAMAGED;
    return RP_EDAMAGED;
  }
  return rp_checkpoint_parse((const uint8_t *)bytes, size, path, layout, out, err);
}
