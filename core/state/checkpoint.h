/* checkpoint.h: a state as a file: written whole or not at all, checksummed, portable between machines of one byte order.
 *
 * Format: magic "RPSTATE\n", format version, counts, then the arrays in the struct's order, little-endian, then the state's digest. A
 * reader refuses what does not fit the layout, is cut off, or has another digest. */
#ifndef RP_STATE_CHECKPOINT_H
#define RP_STATE_CHECKPOINT_H

#include "core/state/state.h"

/* Writes a state (rp_write_file: aside, fsync, rename, fsync). Errors: RP_EIO. *size is the file's size in bytes. */
rp_status rp_checkpoint_write(const rp_state *state, const char *path, size_t *size, rp_error *err);

/* Reads one of a net's layout. Errors: RP_EDAMAGED: absent, cut off, wrong magic, other layout, wrong digest; RP_EMEMORY. *out is NULL
 * then. */
rp_status rp_checkpoint_read(const char *path, const rp_layout *layout, rp_state **out, rp_error *err);

/* The same from bytes in memory, for the fuzzer. `name` is for messages. */
rp_status rp_checkpoint_parse(const uint8_t *bytes, size_t size, const char *name, const rp_layout *layout, rp_state **out, rp_error *err);

#endif
