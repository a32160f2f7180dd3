/* keys_check.c: checks maps against tables of keys, fills defaults in, and writes help. */
#include "experiments/config/keys.h"

#include "core/base/memory.h"
#include "experiments/config/key_values.h"
#include "experiments/config/yaml.h"

#include <string.h>

/* ---- Rows ------------------------------------------------------------------------------------ */

/* The part of a row's name behind "section.", where it is directly below that section; else NULL. */
static const char *name_in_section(const rp_key *row, const char *section) {
  size_t length = strlen(section);
  const char *rest = row->name;
  if (length) {
    if (strncmp(rest, section, length) != 0 || rest[length] != '.') return NULL;
    rest += length + 1;
  }
  return strchr(rest, '.') ? NULL : rest;
}

static int belongs_to(const rp_key *row, const char *name) {
  return !row->of || (name && rp_word_index(row->of, name) >= 0);
}

const rp_key *rp_key_find(const rp_key_table *table, const char *name, const char *of) {
  for (int i = 0; i < table->n; i++)
    if (strcmp(table->rows[i].name, name) == 0 && (!of || belongs_to(&table->rows[i], of))) return &table->rows[i];
  return NULL;
}

static const rp_key *find_in_section(const rp_key_table *table, const char *section, const char *key, const char *name) {
  const rp_key *other = NULL;
  for (int i = 0; i < table->n; i++) {
    const char *own = name_in_section(&table->rows[i], section);
    if (!own || strcmp(own, key) != 0) continue;
    if (belongs_to(&table->rows[i], name)) return &table->rows[i];
    other = &table->rows[i];
  }
  return other;
}

static int is_named_section(const rp_key_table *table, const char *section) {
  const rp_key *row = *section ? rp_key_find(table, section, NULL) : NULL;
  return row && row->type == RP_KEY_NAMED;
}

/* The `name` that decides which rows of a section count: the map's own, or its default. */
static const char *name_of_section(const rp_key_table *table, const char *section, const rp_node *map) {
  const rp_node *name = rp_node_get(map, "name");
  if (name) return rp_node_text(name);
  return is_named_section(table, section) ? rp_key_find(table, section, NULL)->fallback : NULL;
}

/* ---- Maps ------------------------------------------------------------------------------------ */

static void suggest_key(const rp_key_table *table, const char *section, const char *key, const char *name, rp_text *text) {
  enum { MOST_KEYS = 64 };
  const char *list[MOST_KEYS];
  int n = 0;
  if (is_named_section(table, section)) list[n++] = "name";
  for (int i = 0; i < table->n && n < MOST_KEYS; i++) {
    const char *own = name_in_section(&table->rows[i], section);
    if (own && belongs_to(&table->rows[i], name)) list[n++] = own;
  }
  rp_add_suggestion(key, list, n, text);
}

static void add_owners(const char *section, const char *key, const rp_key *row, const char *name, rp_text *text) {
  size_t n;
  int i = 0;
  rp_text_format(text, "%s.%s belongs to ", section, key);
  for (const char *at = row->of, *word; (word = rp_key_next_word(&at, &n)); i++)
    rp_text_format(text, "%s%.*s", i ? " or " : "", (int)n, word);
  rp_text_format(text, ", not to %s", name ? name : "this");
}

static rp_status refuse_key(const rp_key_table *table, const char *section, const rp_entry *entry, const char *name, const rp_key *row,
                            rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  if (row)
    add_owners(section, entry->key, row, name, &text);
  else
    rp_text_format(&text, "unknown key '%s'%s%s", entry->key, *section ? " in " : "", section);
  suggest_key(table, section, entry->key, name, &text);
  RP_TRY(rp_text_check(&text, err));
  return rp_entry_fail(entry, err, "%s", rp_text_string(&text));
}

static int has_rows_below(const rp_key *row, const rp_node *value) {
  return (row->type == RP_KEY_MAP || row->type == RP_KEY_NAMED) && value->kind == RP_NODE_MAP;
}

static rp_status add_switch(const rp_key *row, const rp_node *element, rp_node *map, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *entries = NULL;
  if (element->kind == RP_NODE_MAP)
    RP_TRY(rp_node_copy(element, &entries, err));
  else if (rp_key_is_text(element)) {
    RP_CLEANUP(rp_node_free) rp_node *on = NULL;
    RP_TRY(rp_node_scalar("on", &element->origin, &on, err));
    RP_TRY(rp_node_new(RP_NODE_MAP, &element->origin, &entries, err));
    RP_TRY(rp_node_append(entries, element->text, &element->origin, &on, err));
  } else
    return rp_key_refuse(row, element, err);
  for (size_t i = 0; i < entries->n; i++) {
    rp_entry *entry = &entries->entries[i];
    if (rp_node_get(map, entry->key)) return rp_entry_fail(entry, err, "%s: '%s' stands here twice", row->name, entry->key);
    RP_TRY(rp_node_append(map, entry->key, &entry->key_origin, &entry->value, err));
  }
  return RP_OK;
}

/* {flip: on, crop: 4}, however it was written; NULL for one of the row's words. */
static rp_status spell_switches(const rp_key *row, const rp_node *value, rp_node **out, rp_error *err) {
  *out = NULL;
  if (value->kind == RP_NODE_STRING && rp_word_index(row->words, value->text) >= 0) return RP_OK;
  RP_CLEANUP(rp_node_free) rp_node *map = NULL;
  RP_TRY(rp_node_new(RP_NODE_MAP, &value->origin, &map, err));
  if (value->kind == RP_NODE_LIST)
    for (size_t i = 0; i < value->n; i++) RP_TRY(add_switch(row, value->entries[i].value, map, err));
  else
    RP_TRY(add_switch(row, value, map, err));
  if (value->path) RP_TRY(rp_node_set_paths(map, value->path, err));
  *out = map;
  map = NULL;
  return RP_OK;
}

static rp_status check_switches(const rp_key_table *table, const rp_key *row, const rp_node *value, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *map = NULL;
  RP_TRY(spell_switches(row, value, &map, err));
  return map ? rp_keys_check(table, row->name, map, err) : RP_OK;
}

rp_status rp_keys_check(const rp_key_table *table, const char *section, const rp_node *map, rp_error *err) {
  if (map->kind != RP_NODE_MAP) return rp_node_fail(map, err, "%s stands here, not a map of keys", rp_node_kind_name(map->kind));
  const char *name = name_of_section(table, section, map);
  for (size_t i = 0; i < map->n; i++) {
    const rp_entry *entry = &map->entries[i];
    if (is_named_section(table, section) && strcmp(entry->key, "name") == 0) continue;
    const rp_key *row = find_in_section(table, section, entry->key, name);
    if (!row || !belongs_to(row, name)) return refuse_key(table, section, entry, name, row, err);
    RP_TRY(rp_key_check_value(row, entry->value, err));
    if (row->type == RP_KEY_SWITCHES) RP_TRY(check_switches(table, row, entry->value, err));
    if (has_rows_below(row, entry->value)) RP_TRY(rp_keys_check(table, row->name, entry->value, err));
  }
  return RP_OK;
}

/* {name: …} in place of a name alone, or of a map without one. */
static rp_status fill_name(const rp_key *row, const char *key, rp_node *map, rp_error *err) {
  rp_node *value = rp_node_get(map, key);
  if (value->kind == RP_NODE_MAP && rp_node_get(value, "name")) return RP_OK;
  RP_CLEANUP(rp_node_free) rp_node *name = NULL;
  RP_CLEANUP(rp_node_free) rp_node *named = NULL;
  if (value->kind == RP_NODE_STRING)
    RP_TRY(rp_node_copy(value, &name, err));
  else
    RP_TRY(rp_node_string(row->fallback, &value->origin, &name, err));
  RP_TRY(rp_node_new(RP_NODE_MAP, &value->origin, &named, err));
  RP_TRY(rp_node_append(named, "name", NULL, &name, err));
  if (value->kind == RP_NODE_MAP) RP_TRY(rp_node_merge(named, value, err));
  if (value->path) RP_TRY(rp_node_set_paths(named, value->path, err));
  return rp_node_put(map, key, &named, err);
}

/* A default stands where its map does. */
static rp_status add_default(const rp_key *row, const char *key, rp_node *map, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *value = NULL;
  if (row->type == RP_KEY_MAP)
    RP_TRY(rp_node_new(RP_NODE_MAP, NULL, &value, err));
  else if (row->fallback)
    RP_TRY(rp_yaml_parse(row->fallback, "default", &value, err));
  else
    return RP_OK;
  RP_CLEANUP(rp_text_free) rp_text path = {0};
  rp_text_format(&path, "%s%s%s", map->path ? map->path : "", map->path && *map->path ? "." : "", key);
  RP_TRY(rp_text_check(&path, err));
  RP_TRY(rp_node_set_paths(value, rp_text_string(&path), err));
  rp_node_set_origin(value, &map->origin);
  return rp_node_append(map, key, NULL, &value, err);
}

static rp_status fill_switches(const rp_key_table *table, const rp_key *row, const char *key, rp_node *map, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *spelled = NULL;
  RP_TRY(spell_switches(row, rp_node_get(map, key), &spelled, err));
  if (!spelled) return RP_OK;
  RP_TRY(rp_keys_fill(table, row->name, spelled, err));
  return rp_node_put(map, key, &spelled, err);
}

static rp_status fill_row(const rp_key_table *table, const rp_key *row, const char *key, rp_node *map, rp_error *err) {
  if (!rp_node_get(map, key)) RP_TRY(add_default(row, key, map, err));
  rp_node *value = rp_node_get(map, key);
  if (!value) return RP_OK;
  if ((row->type == RP_KEY_NAMED || row->type == RP_KEY_OPEN) && row->fallback) RP_TRY(fill_name(row, key, map, err));
  if (row->type == RP_KEY_SWITCHES) return fill_switches(table, row, key, map, err);
  value = rp_node_get(map, key);
  return has_rows_below(row, value) ? rp_keys_fill(table, row->name, value, err) : RP_OK;
}

rp_status rp_keys_fill(const rp_key_table *table, const char *section, rp_node *map, rp_error *err) {
  const char *name = name_of_section(table, section, map);
  for (int i = 0; i < table->n; i++) {
    const char *key = name_in_section(&table->rows[i], section);
    if (key && belongs_to(&table->rows[i], name)) RP_TRY(fill_row(table, &table->rows[i], key, map, err));
  }
  return RP_OK;
}

/* ---- Help ------------------------------------------------------------------------------------ */

static int is_below(const rp_key *row, const char *section) {
  size_t length = strlen(section);
  return length == 0 || (strncmp(row->name, section, length) == 0 && (row->name[length] == '.' || row->name[length] == '\0'));
}

void rp_keys_add_help(const rp_key_table *table, const char *section, rp_text *text) {
  for (int i = 0; i < table->n; i++) {
    const rp_key *row = &table->rows[i];
    if (!is_below(row, section)) continue;
    rp_text_format(text, "  %s: ", row->name);
    rp_key_add_accepted(row, text);
    if (row->of) rp_text_add(text, "; of ");
    if (row->of) rp_key_add_words(row->of, text);
    if (row->fallback) rp_text_format(text, "; default %s", row->fallback);
    rp_text_format(text, "\n      %s\n", row->help);
  }
}
