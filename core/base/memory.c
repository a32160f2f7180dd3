/* memory.c: thin layer over the C library's allocator. */
#include "core/base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };

/* The addresses come as void * so that any pointer type fits; memcpy reads and writes the pointer itself without aliasing it. */
static void *load_pointer(const void *address) {
  void *pointer;
  memcpy(&pointer, address, sizeof pointer);
  return pointer;
}

static void store_pointer(void *address, void *pointer) {
  memcpy(address, &pointer, sizeof pointer);
}

static rp_status no_memory(size_t count, size_t size, rp_error *err) {
  return rp_fail(err, RP_EMEMORY, "out of memory: %zu × %zu bytes were asked for", count, size);
}

rp_status rp_allocate(size_t count, size_t size, void *out, rp_error *err) {
  store_pointer(out, NULL);
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - ALIGNMENT) return no_memory(count, size, err);
  size_t rounded = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  if (rounded == 0) rounded = ALIGNMENT;
  void *block = aligned_alloc(ALIGNMENT, rounded);
  if (!block) return no_memory(count, size, err);
  memset(block, 0, rounded);
  store_pointer(out, block);
  return RP_OK;
}

rp_status rp_reallocate(void *block, size_t count, size_t size, rp_error *err) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) return no_memory(count, size, err);
  void *moved = realloc(load_pointer(block), bytes ? bytes : 1);
  if (!moved) return no_memory(count, size, err);
  store_pointer(block, moved);
  return RP_OK;
}

rp_status rp_copy_bytes_as_string(const char *text, size_t length, char **out, rp_error *err) {
  RP_TRY(rp_allocate(length + 1, 1, out, err));
  memcpy(*out, text, length);
  return RP_OK;
}

rp_status rp_copy_string(const char *text, char **out, rp_error *err) {
  return rp_copy_bytes_as_string(text, strlen(text), out, err);
}

void rp_free_pointer(void *address_of_pointer) {
  free(load_pointer(address_of_pointer));
  store_pointer(address_of_pointer, NULL);
}

rp_status rp_grow(void *block, size_t count, size_t *capacity, size_t element_size, rp_error *err) {
  if (count < *capacity) return RP_OK;
  size_t larger = *capacity ? *capacity * 2 : 8;
  RP_TRY(rp_reallocate(block, larger, element_size, err));
  *capacity = larger;
  return RP_OK;
}
