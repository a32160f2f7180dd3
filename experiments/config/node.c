/* node.c: making, reading and comparing nodes. Merging is in node_merge.c, writing in node_text.c. */
#include "experiments/config/node.h"

#include "core/base/memory.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Sources --------------------------------------------------------------------------------- */

struct rp_source {
  size_t n_references;
  char name[];
};

rp_status rp_source_new(const char *name, rp_source **out, rp_error *err) {
  size_t length = strlen(name);
  RP_TRY(rp_allocate(1, sizeof(rp_source) + length + 1, out, err));
  (*out)->n_references = 1;
  memcpy((*out)->name, name, length + 1);
  return RP_OK;
}

void rp_source_free(rp_source **source) {
  if (*source && --(*source)->n_references == 0) free(*source);
  *source = NULL;
}

static rp_origin share_origin(const rp_origin *origin) {
  if (!origin) return (rp_origin){0};
  if (origin->source) origin->source->n_references++;
  return *origin;
}

/* ---- Making ---------------------------------------------------------------------------------- */

rp_status rp_node_new(rp_node_kind kind, const rp_origin *origin, rp_node **out, rp_error *err) {
  RP_TRY(rp_allocate(1, sizeof **out, out, err));
  (*out)->kind = kind;
  (*out)->origin = share_origin(origin);
  return RP_OK;
}

static rp_status new_scalar(rp_node_kind kind, const char *text, const rp_origin *origin, rp_node **out, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *node = NULL;
  RP_TRY(rp_node_new(kind, origin, &node, err));
  RP_TRY(rp_copy_string(text, &node->text, err));
  *out = node;
  node = NULL;
  return RP_OK;
}

rp_status rp_node_string(const char *text, const rp_origin *origin, rp_node **out, rp_error *err) {
  return new_scalar(RP_NODE_STRING, text, origin, out, err);
}

static int is_one_of(const char *text, const char *const *words) {
  for (; *words; words++)
    if (strcmp(text, *words) == 0) return 1;
  return 0;
}

static int is_number(const char *text) {
  RP_CLEANUP(rp_text_free) rp_text canonical = {0};
  return rp_number_canonical(text, &canonical);
}

rp_status rp_node_scalar(const char *text, const rp_origin *origin, rp_node **out, rp_error *err) {
  static const char *const NULLS[] = {"", "~", "null", "Null", "NULL", NULL};
  static const char *const TRUES[] = {"true", "True", "TRUE", "on", "On", "ON", "yes", "Yes", "YES", NULL};
  static const char *const FALSES[] = {"false", "False", "FALSE", "off", "Off", "OFF", "no", "No", "NO", NULL};
  rp_node_kind kind = RP_NODE_STRING;
  int flag = is_one_of(text, TRUES);
  if (is_one_of(text, NULLS))
    kind = RP_NODE_NULL;
  else if (flag || is_one_of(text, FALSES))
    kind = RP_NODE_FLAG;
  else if (is_number(text))
    kind = RP_NODE_NUMBER;
  RP_TRY(new_scalar(kind, text, origin, out, err));
  (*out)->flag = flag;
  return RP_OK;
}

rp_status rp_node_of_flag(int flag, rp_node **out, rp_error *err) {
  return rp_node_scalar(flag ? "true" : "false", NULL, out, err);
}

rp_status rp_node_of_integer(int64_t value, rp_node **out, rp_error *err) {
  char text[24];
  snprintf(text, sizeof text, "%" PRId64, value);
  return rp_node_scalar(text, NULL, out, err);
}

rp_status rp_node_of_double(double value, rp_node **out, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  rp_number_add(value, &text);
  RP_TRY(rp_text_check(&text, err));
  return rp_node_scalar(rp_text_string(&text), NULL, out, err);
}

rp_status rp_node_append(rp_node *parent, const char *key, const rp_origin *key_origin, rp_node **value, rp_error *err) {
  RP_TRY(rp_grow(&parent->entries, parent->n, &parent->capacity, sizeof *parent->entries, err));
  rp_entry entry = {0};
  if (key) RP_TRY(rp_copy_string(key, &entry.key, err));
  entry.key_origin = share_origin(key_origin);
  entry.value = *value;
  *value = NULL;
  parent->entries[parent->n++] = entry;
  return RP_OK;
}

static rp_entry *find_entry(const rp_node *map, const char *key) {
  if (!map || map->kind != RP_NODE_MAP) return NULL;
  for (size_t i = 0; i < map->n; i++)
    if (strcmp(map->entries[i].key, key) == 0) return &map->entries[i];
  return NULL;
}

rp_status rp_node_put(rp_node *map, const char *key, rp_node **value, rp_error *err) {
  rp_entry *entry = find_entry(map, key);
  if (!entry) return rp_node_append(map, key, NULL, value, err);
  rp_node_free(&entry->value);
  entry->value = *value;
  *value = NULL;
  return RP_OK;
}

static void free_entry(rp_entry *entry) {
  free(entry->key);
  rp_source_free(&entry->key_origin.source);
  rp_node_free(&entry->value);
}

int rp_node_remove(rp_node *map, const char *key) {
  rp_entry *entry = find_entry(map, key);
  if (!entry) return 0;
  size_t i = (size_t)(entry - map->entries);
  free_entry(entry);
  memmove(entry, entry + 1, (map->n - i - 1) * sizeof *entry);
  map->n--;
  return 1;
}

static rp_status copy_entries(const rp_node *node, rp_node *copy, rp_error *err) {
  for (size_t i = 0; i < node->n; i++) {
    const rp_entry *entry = &node->entries[i];
    RP_CLEANUP(rp_node_free) rp_node *value = NULL;
    RP_TRY(rp_node_copy(entry->value, &value, err));
    RP_TRY(rp_node_append(copy, entry->key, &entry->key_origin, &value, err));
  }
  return RP_OK;
}

rp_status rp_node_copy(const rp_node *node, rp_node **out, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *copy = NULL;
  RP_TRY(rp_node_new(node->kind, &node->origin, &copy, err));
  copy->flag = node->flag;
  if (node->path) RP_TRY(rp_copy_string(node->path, &copy->path, err));
  if (node->text) RP_TRY(rp_copy_string(node->text, &copy->text, err));
  RP_TRY(copy_entries(node, copy, err));
  *out = copy;
  copy = NULL;
  return RP_OK;
}

void rp_node_free(rp_node **node) {
  if (!*node) return;
  for (size_t i = 0; i < (*node)->n; i++) free_entry(&(*node)->entries[i]);
  free((*node)->entries);
  free((*node)->text);
  free((*node)->path);
  rp_source_free(&(*node)->origin.source);
  free(*node);
  *node = NULL;
}

void rp_node_set_origin(rp_node *node, const rp_origin *origin) {
  rp_origin own = share_origin(origin);
  rp_source_free(&node->origin.source);
  node->origin = own;
  for (size_t i = 0; i < node->n; i++) {
    own = share_origin(origin);
    rp_source_free(&node->entries[i].key_origin.source);
    node->entries[i].key_origin = own;
    rp_node_set_origin(node->entries[i].value, origin);
  }
}

/* ---- Reading --------------------------------------------------------------------------------- */

rp_node *rp_node_get(const rp_node *map, const char *key) {
  const rp_entry *entry = find_entry(map, key);
  return entry ? entry->value : NULL;
}

rp_node *rp_node_at(const rp_node *node, const char *path) {
  const rp_node *found = node;
  while (found && *path) {
    size_t length = strcspn(path, ".");
    const rp_node *next = NULL;
    for (size_t i = 0; found->kind == RP_NODE_MAP && i < found->n && !next; i++)
      if (strncmp(found->entries[i].key, path, length) == 0 && found->entries[i].key[length] == '\0') next = found->entries[i].value;
    found = next;
    path += length + (path[length] == '.');
  }
  return (rp_node *)(uintptr_t)found;
}

const char *rp_node_text(const rp_node *node) {
  return node && node->text ? node->text : "";
}

int rp_node_double(const rp_node *node, double *out) {
  if (!rp_node_is(node, RP_NODE_NUMBER)) return 0;
  *out = strtod(node->text, NULL);
  return isfinite(*out);
}

int rp_node_integer(const rp_node *node, int64_t *out) {
  if (!rp_node_is(node, RP_NODE_NUMBER)) return 0;
  RP_CLEANUP(rp_text_free) rp_text canonical = {0};
  if (!rp_number_canonical(node->text, &canonical)) return 0;
  const char *digits = rp_text_string(&canonical);
  /* 18 digits always fit; a canonical whole number has neither point nor exponent. */
  if (strspn(digits, "-0123456789") != canonical.length || canonical.length > 18) return 0;
  *out = strtoll(digits, NULL, 10);
  return 1;
}

int rp_node_is_true(const rp_node *node) {
  return rp_node_is(node, RP_NODE_FLAG) && node->flag;
}

int rp_node_is(const rp_node *node, rp_node_kind kind) {
  return node && node->kind == kind;
}

static int equal_numbers(const char *a, const char *b) {
  RP_CLEANUP(rp_text_free) rp_text canonical_a = {0};
  RP_CLEANUP(rp_text_free) rp_text canonical_b = {0};
  return rp_number_canonical(a, &canonical_a) && rp_number_canonical(b, &canonical_b) &&
         strcmp(rp_text_string(&canonical_a), rp_text_string(&canonical_b)) == 0;
}

static int equal_maps(const rp_node *a, const rp_node *b) {
  for (size_t i = 0; i < a->n; i++)
    if (!rp_node_equal(a->entries[i].value, rp_node_get(b, a->entries[i].key))) return 0;
  return a->n == b->n;
}

static int equal_lists(const rp_node *a, const rp_node *b) {
  if (a->n != b->n) return 0;
  for (size_t i = 0; i < a->n; i++)
    if (!rp_node_equal(a->entries[i].value, b->entries[i].value)) return 0;
  return 1;
}

int rp_node_equal(const rp_node *a, const rp_node *b) {
  if (!a || !b) return a == b;
  if (a->kind != b->kind) return 0;
  switch (a->kind) {
  case RP_NODE_NULL:
    return 1;
  case RP_NODE_FLAG:
    return a->flag == b->flag;
  case RP_NODE_NUMBER:
    return equal_numbers(a->text, b->text);
  case RP_NODE_STRING:
    return strcmp(a->text, b->text) == 0;
  case RP_NODE_LIST:
    return equal_lists(a, b);
  case RP_NODE_MAP:
    return equal_maps(a, b);
  }
  return 0;
}

const char *rp_node_kind_name(rp_node_kind kind) {
  static const char *const NAMES[] = {"nothing", "a flag", "a number", "a string", "a list", "a map"};
  return (size_t)kind < sizeof NAMES / sizeof NAMES[0] ? NAMES[kind] : "something unknown";
}

/* ---- Places ---------------------------------------------------------------------------------- */

const char *rp_node_file(const rp_node *node) {
  return node && node->origin.source ? node->origin.source->name : "";
}

static void add_place(const rp_origin *origin, rp_text *text) {
  if (!origin->source) return;
  rp_text_add(text, origin->source->name);
  if (origin->line > 0) rp_text_format(text, ":%d:%d", origin->line, origin->column);
}

rp_status rp_node_place(const rp_node *node, char **out, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  if (node) add_place(&node->origin, &text);
  return rp_text_take(&text, out, err);
}

static rp_status fail_at(const rp_origin *origin, const char *path, rp_error *err, const char *message) {
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  add_place(origin, &text);
  if (text.length) rp_text_add(&text, ": ");
  if (path && *path) rp_text_format(&text, "%s: ", path);
  rp_text_add(&text, message);
  RP_TRY(rp_text_check(&text, err));
  return rp_fail(err, RP_EINPUT, "%s", rp_text_string(&text));
}

rp_status rp_node_fail(const rp_node *node, rp_error *err, const char *format, ...) {
  char message[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  if (!node) return rp_fail(err, RP_EINPUT, "%s", message);
  return fail_at(&node->origin, node->path, err, message);
}

rp_status rp_entry_fail(const rp_entry *entry, rp_error *err, const char *format, ...) {
  char message[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  return fail_at(entry->key_origin.source ? &entry->key_origin : &entry->value->origin, NULL, err, message);
}
