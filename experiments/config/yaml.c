/* yaml.c: libyaml's events, one after the other, become a tree. A stack holds the collections that are open; anchors point into the
 * finished tree. */
#include "experiments/config/yaml.h"

#include "core/base/files.h"
#include "core/base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/* A collection whose end has not come yet. */
typedef struct {
  rp_node *node; /* owned until it is put into the one below */
  char *anchor;  /* owned; NULL = none */
  char *key;     /* map: the key whose value comes next; owned; NULL = a key comes next */
  rp_origin key_origin;
} open_collection;

typedef struct {
  char *name;
  rp_node *node;
  size_t n_nodes; /* in its tree */
} anchor;

typedef struct {
  yaml_parser_t parser;
  rp_source *source;
  rp_node *root; /* owned; NULL until the document's value is complete */
  open_collection stack[RP_YAML_MAX_DEPTH];
  int depth;
  anchor *anchors; /* owned, their nodes too: copies */
  size_t n_anchors, anchor_capacity;
  size_t n_nodes; /* made so far, aliases' copies included */
} reader;

static void free_event(yaml_event_t *event) {
  yaml_event_delete(event);
}

static void free_reader(reader *self) {
  for (int i = 0; i < self->depth; i++) {
    rp_node_free(&self->stack[i].node);
    free(self->stack[i].anchor);
    free(self->stack[i].key);
  }
  for (size_t i = 0; i < self->n_anchors; i++) {
    free(self->anchors[i].name);
    rp_node_free(&self->anchors[i].node);
  }
  free(self->anchors);
  rp_node_free(&self->root);
  rp_source_free(&self->source);
  yaml_parser_delete(&self->parser);
}

static rp_origin origin_of(const reader *self, const yaml_mark_t *mark) {
  return (rp_origin){self->source, (int)mark->line + 1, (int)mark->column + 1};
}

static rp_status fail_at(const reader *self, const yaml_mark_t *mark, rp_error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static rp_status fail_at(const reader *self, const yaml_mark_t *mark, rp_error *err, const char *format, ...) {
  char message[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  rp_node place = {.origin = origin_of(self, mark)};
  return rp_node_fail(&place, err, "%s", message);
}

/* ---- Anchors --------------------------------------------------------------------------------- */

static size_t count_nodes(const rp_node *node) {
  size_t n = 1;
  for (size_t i = 0; i < node->n; i++) n += count_nodes(node->entries[i].value);
  return n;
}

static rp_status count_more(reader *self, size_t n, const yaml_mark_t *mark, rp_error *err) {
  self->n_nodes += n;
  if (self->n_nodes <= RP_YAML_MAX_NODES) return RP_OK;
  return fail_at(self, mark, err, "a file may have %d values (an alias counts as what it stands for); here they are passed",
                 RP_YAML_MAX_NODES);
}

/* A later anchor of the same name takes the earlier one's place, as YAML says. */
static rp_status remember_anchor(reader *self, const char *name, const rp_node *node, const yaml_mark_t *mark, rp_error *err) {
  size_t n_nodes = count_nodes(node);
  RP_TRY(count_more(self, n_nodes, mark, err));
  if (self->n_anchors == RP_YAML_MAX_ANCHORS)
    return fail_at(self, mark, err, "a file may have %d anchors; here they are passed", RP_YAML_MAX_ANCHORS);
  RP_TRY(rp_grow(&self->anchors, self->n_anchors, &self->anchor_capacity, sizeof *self->anchors, err));
  anchor *new = &self->anchors[self->n_anchors];
  *new = (anchor){.n_nodes = n_nodes};
  self->n_anchors++;
  RP_TRY(rp_copy_string(name, &new->name, err));
  return rp_node_copy(node, &new->node, err);
}

static const anchor *find_anchor(const reader *self, const char *name) {
  for (size_t i = self->n_anchors; i-- > 0;)
    if (strcmp(self->anchors[i].name, name) == 0) return &self->anchors[i];
  return NULL;
}

/* ---- Values ---------------------------------------------------------------------------------- */

/* Puts a finished value where it belongs: into the innermost open collection, or as the document. */
static rp_status place_value(reader *self, rp_node **value, rp_error *err) {
  if (self->depth == 0) {
    self->root = *value;
    *value = NULL;
    return RP_OK;
  }
  open_collection *inner = &self->stack[self->depth - 1];
  RP_TRY(rp_node_append(inner->node, inner->key, &inner->key_origin, value, err));
  rp_free_pointer(&inner->key);
  return RP_OK;
}

static int expects_key(const reader *self) {
  if (self->depth == 0) return 0;
  const open_collection *inner = &self->stack[self->depth - 1];
  return inner->node->kind == RP_NODE_MAP && !inner->key;
}

/* libyaml checks that text is UTF-8; escapes ("\0", "\x7f", "\L") can still name characters that neither C strings nor JSON on one line can
 * carry: controls, line and paragraph separators, byte order marks. */
static int is_printable(const yaml_char_t *text, size_t length) {
  for (size_t i = 0; i < length; i++) {
    unsigned two = i + 1 < length ? (unsigned)text[i] << 8 | text[i + 1] : 0, three = i + 2 < length ? two << 8 | text[i + 2] : 0;
    int is_control = (text[i] < 0x20 && text[i] != '\n' && text[i] != '\t') || text[i] == 0x7f || (two >= 0xc280 && two < 0xc2a0);
    int is_separator = three == 0xe280a8 || three == 0xe280a9;
    int is_mark = three == 0xefbbbf || three == 0xefbfbe || three == 0xefbfbf;
    if (is_control || is_separator || is_mark) return 0;
  }
  return 1;
}

static rp_status check_scalar(const reader *self, const yaml_event_t *event, rp_error *err) {
  if (!is_printable(event->data.scalar.value, event->data.scalar.length))
    return fail_at(self, &event->start_mark, err, "control characters cannot stand in a string");
  if (event->data.scalar.tag)
    return fail_at(self, &event->start_mark, err, "tags (%s) are not supported", (const char *)event->data.scalar.tag);
  return RP_OK;
}

static rp_status read_key(reader *self, const yaml_event_t *event, rp_error *err) {
  open_collection *inner = &self->stack[self->depth - 1];
  const char *key = (const char *)event->data.scalar.value;
  int is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
  if (event->data.scalar.length > RP_YAML_MAX_KEY)
    return fail_at(self, &event->start_mark, err, "this key is longer than %d bytes", RP_YAML_MAX_KEY);
  if (event->data.scalar.anchor) return fail_at(self, &event->start_mark, err, "a key cannot have an anchor");
  if (is_plain && strcmp(key, "<<") == 0)
    return fail_at(self, &event->start_mark, err, "merge keys (<<) are not supported; `extends` takes over another file");
  if (inner->node->n == RP_YAML_MAX_KEYS)
    return fail_at(self, &event->start_mark, err, "a map may have %d keys; here they are passed", RP_YAML_MAX_KEYS);
  if (rp_node_get(inner->node, key)) return fail_at(self, &event->start_mark, err, "the key '%s' stands here a second time", key);
  inner->key_origin = origin_of(self, &event->start_mark);
  return rp_copy_string(key, &inner->key, err);
}

static rp_status read_scalar(reader *self, const yaml_event_t *event, rp_error *err) {
  RP_TRY(check_scalar(self, event, err));
  if (expects_key(self)) return read_key(self, event, err);
  RP_TRY(count_more(self, 1, &event->start_mark, err));
  rp_origin origin = origin_of(self, &event->start_mark);
  const char *text = (const char *)event->data.scalar.value;
  RP_CLEANUP(rp_node_free) rp_node *node = NULL;
  if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
    RP_TRY(rp_node_scalar(text, &origin, &node, err));
  else
    RP_TRY(rp_node_string(text, &origin, &node, err));
  if (event->data.scalar.anchor) RP_TRY(remember_anchor(self, (const char *)event->data.scalar.anchor, node, &event->start_mark, err));
  return place_value(self, &node, err);
}

static rp_status read_alias(reader *self, const yaml_event_t *event, rp_error *err) {
  const char *name = (const char *)event->data.alias.anchor;
  if (expects_key(self)) return fail_at(self, &event->start_mark, err, "a key cannot be an alias");
  const anchor *found = find_anchor(self, name);
  if (!found) return fail_at(self, &event->start_mark, err, "there is no anchor &%s before this", name);
  RP_TRY(count_more(self, found->n_nodes, &event->start_mark, err));
  RP_CLEANUP(rp_node_free) rp_node *copy = NULL;
  RP_TRY(rp_node_copy(found->node, &copy, err));
  return place_value(self, &copy, err);
}

static rp_status open_one(reader *self, rp_node_kind kind, const yaml_event_t *event, const yaml_char_t *name, const yaml_char_t *tag,
                          rp_error *err) {
  if (expects_key(self)) return fail_at(self, &event->start_mark, err, "a key cannot be a list or a map");
  if (tag) return fail_at(self, &event->start_mark, err, "tags (%s) are not supported", (const char *)tag);
  if (self->depth == RP_YAML_MAX_DEPTH)
    return fail_at(self, &event->start_mark, err, "lists and maps are nested more than %d deep", RP_YAML_MAX_DEPTH);
  RP_TRY(count_more(self, 1, &event->start_mark, err));
  rp_origin origin = origin_of(self, &event->start_mark);
  open_collection *new = &self->stack[self->depth];
  *new = (open_collection){0};
  RP_TRY(rp_node_new(kind, &origin, &new->node, err));
  self->depth++;
  return name ? rp_copy_string((const char *)name, &new->anchor, err) : RP_OK;
}

static rp_status close_one(reader *self, const yaml_event_t *event, rp_error *err) {
  open_collection *inner = &self->stack[self->depth - 1];
  RP_CLEANUP(rp_node_free) rp_node *node = inner->node;
  RP_CLEANUP(rp_free_pointer) char *name = inner->anchor;
  free(inner->key);
  *inner = (open_collection){0};
  self->depth--;
  if (name) RP_TRY(remember_anchor(self, name, node, &event->start_mark, err));
  return place_value(self, &node, err);
}

/* ---- The document ---------------------------------------------------------------------------- */

static rp_status fail_of_parser(const reader *self, rp_error *err) {
  const yaml_parser_t *parser = &self->parser;
  if (parser->error == YAML_MEMORY_ERROR) return rp_fail(err, RP_EMEMORY, "out of memory while YAML was read");
  yaml_mark_t mark = parser->problem_mark;
  if (parser->error == YAML_READER_ERROR) mark = parser->mark; /* libyaml gives a byte offset only: this is where it had got to */
  rp_node place = {.origin = origin_of(self, &mark)};
  const char *problem = parser->problem ? parser->problem : "it cannot be read";
  return rp_node_fail(&place, err, "no valid YAML: %s%s%s", parser->context ? parser->context : "", parser->context ? ", " : "", problem);
}

static rp_status read_event(reader *self, const yaml_event_t *event, rp_error *err) {
  switch (event->type) {
  case YAML_DOCUMENT_START_EVENT:
    if (self->root) return fail_at(self, &event->start_mark, err, "a second document starts here (---); a file holds one");
    return RP_OK;
  case YAML_SCALAR_EVENT:
    return read_scalar(self, event, err);
  case YAML_ALIAS_EVENT:
    return read_alias(self, event, err);
  case YAML_SEQUENCE_START_EVENT:
    return open_one(self, RP_NODE_LIST, event, event->data.sequence_start.anchor, event->data.sequence_start.tag, err);
  case YAML_MAPPING_START_EVENT:
    return open_one(self, RP_NODE_MAP, event, event->data.mapping_start.anchor, event->data.mapping_start.tag, err);
  case YAML_SEQUENCE_END_EVENT:
  case YAML_MAPPING_END_EVENT:
    return close_one(self, event, err);
  default:
    return RP_OK;
  }
}

static rp_status read_all(reader *self, rp_error *err) {
  for (;;) {
    RP_CLEANUP(free_event) yaml_event_t event = {0};
    if (!yaml_parser_parse(&self->parser, &event)) return fail_of_parser(self, err);
    if (event.type == YAML_STREAM_END_EVENT || event.type == YAML_NO_EVENT) break;
    RP_TRY(read_event(self, &event, err));
  }
  if (self->root) return RP_OK;
  rp_origin origin = {self->source, 1, 1};
  return rp_node_new(RP_NODE_NULL, &origin, &self->root, err);
}

rp_status rp_yaml_parse_bytes(const char *text, size_t length, const char *name, rp_node **out, rp_error *err) {
  *out = NULL;
  if (length > RP_YAML_MAX_BYTES) return rp_fail(err, RP_EINPUT, "%s: %zu bytes are more than a file may have (4 MiB)", name, length);
  RP_CLEANUP(free_reader) reader self = {0};
  if (!yaml_parser_initialize(&self.parser)) return rp_fail(err, RP_EMEMORY, "out of memory while YAML was read");
  RP_TRY(rp_source_new(name, &self.source, err));
  yaml_parser_set_input_string(&self.parser, (const yaml_char_t *)text, length);
  yaml_parser_set_encoding(&self.parser, YAML_UTF8_ENCODING);
  RP_TRY(read_all(&self, err));
  *out = self.root;
  self.root = NULL;
  return RP_OK;
}

rp_status rp_yaml_parse(const char *text, const char *name, rp_node **out, rp_error *err) {
  return rp_yaml_parse_bytes(text, strlen(text), name, out, err);
}

rp_status rp_yaml_load(const char *path, rp_node **out, rp_error *err) {
  *out = NULL;
  RP_CLEANUP(rp_free_pointer) char *text = NULL;
  size_t length = 0;
  RP_TRY(rp_read_file(path, RP_YAML_MAX_BYTES, &text, &length, err));
  return rp_yaml_parse_bytes(text, length, path, out, err);
}
