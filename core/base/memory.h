/* memory.h: allocation that reports through rp_error, and clean-up functions for RP_CLEANUP. */
#ifndef RP_BASE_MEMORY_H
#define RP_BASE_MEMORY_H

#include "core/base/status.h"

/* `count` × `size` zeroed bytes, aligned to 64 (a cache line, an AVX-512 register). Never NULL on RP_OK, not even for 0 bytes. The caller
 * frees with free(). Errors: RP_EMEMORY, also where the product overflows; *out is then NULL. */
rp_status rp_allocate(size_t count, size_t size, void *out, rp_error *err);

/* Like realloc, to `count` × `size` bytes; what is new is not zeroed. On error *block is unchanged. */
rp_status rp_reallocate(void *block, size_t count, size_t size, rp_error *err);

/* A copy of a string, or of its first `length` bytes, NUL-terminated. The caller frees. */
rp_status rp_copy_string(const char *text, char **out, rp_error *err);
rp_status rp_copy_bytes_as_string(const char *text, size_t length, char **out, rp_error *err);

/* For RP_CLEANUP on any pointer variable from the functions above: frees what it points to. Takes the address of the variable. */
void rp_free_pointer(void *address_of_pointer);

/* Makes room for one more element in a growing array: doubles *capacity where `count` has reached it. */
rp_status rp_grow(void *block, size_t count, size_t *capacity, size_t element_size, rp_error *err);

#endif
