/* guard.c: one reservation of address space, in which blocks stand one behind the other with an unreadable page between them.
 *
 * What is not part of a block's pages cannot be accessed from the start, so that a block costs two system calls: to open and to seal it. */
#include "core/ranking/guard.h"

#include "core/base/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { NAME_BYTES = 64 };

/* Addresses, not memory: what all calls of one event are handed together. */
static const size_t RESERVED_BYTES = (size_t)1 << 30;

typedef struct {
  char *first_page;  /* the page before it is unreadable */
  char *begin, *end; /* the block; an unreadable page follows */
  int is_revoked;
  char name[NAME_BYTES];
} block;

struct rp_guard {
  size_t page, n, capacity;
  block *blocks;
  char *reserved, *next; /* the next block's first page */
};

rp_status rp_guard_create(rp_guard **out, rp_error *err) {
  RP_CLEANUP(rp_guard_free) rp_guard *guard = NULL;
  RP_TRY(rp_allocate(1, sizeof *guard, &guard, err));
  guard->page = (size_t)sysconf(_SC_PAGESIZE);
  void *reserved = mmap(NULL, RESERVED_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved == MAP_FAILED) return rp_fail_errno(err, RP_EMEMORY, "no addresses for guarded memory");
  guard->reserved = reserved;
  guard->next = guard->reserved + guard->page;
  *out = guard;
  guard = NULL;
  return RP_OK;
}

void rp_guard_free(rp_guard **guard) {
  if (!*guard) return;
  if ((*guard)->reserved) munmap((*guard)->reserved, RESERVED_BYTES);
  free((*guard)->blocks);
  free(*guard);
  *guard = NULL;
}

rp_status rp_guard_block(rp_guard *guard, size_t size, const char *name, void *out, rp_error *err) {
  RP_TRY(rp_grow(&guard->blocks, guard->n, &guard->capacity, sizeof *guard->blocks, err));
  size_t pages = (size + guard->page - 1) / guard->page * guard->page;
  size_t left = (size_t)(guard->reserved + RESERVED_BYTES - guard->next);
  if (pages + guard->page > left) return rp_fail(err, RP_EMEMORY, "no guarded memory is left for %zu bytes of %s", size, name);
  if (pages && mprotect(guard->next, pages, PROT_READ | PROT_WRITE) != 0)
    return rp_fail_errno(err, RP_EMEMORY, "no guarded memory for %s", name);
  block *made = &guard->blocks[guard->n++];
  *made = (block){.first_page = guard->next, .end = guard->next + pages};
  made->begin = made->end - size;
  memset(made->first_page, 0xff, pages - size);
  snprintf(made->name, sizeof made->name, "%s", name);
  guard->next = made->end + guard->page;
  memcpy(out, &made->begin, sizeof made->begin);
  return RP_OK;
}

rp_status rp_guard_copy(rp_guard *guard, const void *bytes, size_t size, const char *name, void *out, rp_error *err) {
  char *copy;
  RP_TRY(rp_guard_block(guard, size, name, &copy, err));
  if (size) memcpy(copy, bytes, size);
  memcpy(out, &copy, sizeof copy);
  return RP_OK;
}

size_t rp_guard_mark(const rp_guard *guard) {
  return guard->n;
}

void rp_guard_seal(rp_guard *guard, size_t mark, size_t n_outputs) {
  for (size_t i = mark; i + n_outputs < guard->n; i++) {
    const block *one = &guard->blocks[i];
    if (one->end > one->first_page) mprotect(one->first_page, (size_t)(one->end - one->first_page), PROT_READ);
  }
}

/* A new mapping over the old one gives its memory back. */
static void close_from(const rp_guard *guard, char *address) {
  if (address < guard->next)
    mmap(address, (size_t)(guard->next - address), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
}

void rp_guard_revoke(rp_guard *guard, size_t mark) {
  if (mark == guard->n) return;
  close_from(guard, guard->blocks[mark].first_page);
  for (size_t i = mark; i < guard->n; i++) guard->blocks[i].is_revoked = 1;
}

void rp_guard_clear(rp_guard *guard) {
  close_from(guard, guard->reserved);
  guard->n = 0;
  guard->next = guard->reserved + guard->page;
}

/* ---- Explaining ------------------------------------------------------------------------------ */

static void add(char *text, size_t size, const char *more) {
  size_t length = strlen(text), n = strlen(more);
  if (n > size - 1 - length) n = size - 1 - length;
  memcpy(text + length, more, n);
  text[length + n] = '\0';
}

int rp_guard_explain(const rp_guard *guard, const void *address, int writes, char *text, size_t size) {
  const char *at = address;
  for (size_t i = 0; i < guard->n; i++) {
    const block *one = &guard->blocks[i];
    /* The page between two blocks is taken for the end of the first. */
    if (at < (i == 0 ? one->first_page - guard->page : one->first_page) || at >= one->end + guard->page) continue;
    int is_inside = at >= one->begin && at < one->end;
    /* A sealed block can be read: a fault inside it can only come from writing. */
    if (is_inside && !one->is_revoked) writes = 1;
    text[0] = '\0';
    add(text, size, writes < 0 ? "touching " : writes ? "writing " : "reading ");
    if (!is_inside)
      add(text, size, at < one->begin ? "before the start of " : "past the end of ");
    else if (writes > 0)
      add(text, size, "to ");
    add(text, size, one->name);
    if (one->is_revoked) add(text, size, ", which were valid during an earlier call only");
    return 1;
  }
  return 0;
}
