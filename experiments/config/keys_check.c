/* keys_check.c: checks maps against tables of keys, fills defaults in, and writes help. */
#include "experiments/config/keys.h"

#include "core/base/memory.h"
#include "core/base/spelling.h"
#include "core/ranking/select.h"
#include "experiments/config/yaml.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Words ----------------------------------------------------------------------------------- */

/* The next of "|a|b|c" from *at on: its start, and its length in *n; moves *at behind it. NULL at the end. */
static const char *next_word(const char **at, size_t *n) {
  while (**at == '|') (*at)++;
  if (!**at) return NULL;
  const char *word = *at;
  *n = strcspn(word, "|");
  *at += *n;
  return word;
}

int rp_word_index(const char *words, const char *text) {
  size_t n;
  int i = 0;
  if (!words) return -1;
  for (const char *at = words, *word; (word = next_word(&at, &n)); i++)
    if (strlen(text) == n && memcmp(word, text, n) == 0) return i;
  return -1;
}

void rp_add_suggestion(const char *word, const char *const *words, int n, rp_text *text) {
  const char *nearest = rp_nearest_spelling(word, words, n);
  if (nearest)
    rp_text_format(text, "; did you mean '%s'? There are: ", nearest);
  else
    rp_text_add(text, n ? "; there are: " : "; there are none");
  for (int i = 0; i < n; i++) rp_text_format(text, "%s%s", i ? ", " : "", words[i]);
}

enum { MOST_WORDS = 64, LONGEST_WORD = 64 };

static void suggest_word(const char *words, const char *text, rp_text *out) {
  char copies[MOST_WORDS][LONGEST_WORD];
  const char *list[MOST_WORDS];
  int count = 0;
  size_t n;
  for (const char *at = words, *word; count < MOST_WORDS && (word = next_word(&at, &n));) {
    if (n >= LONGEST_WORD) continue;
    memcpy(copies[count], word, n);
    copies[count][n] = '\0';
    list[count] = copies[count];
    count++;
  }
  rp_add_suggestion(text, list, count, out);
}

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

/* ---- Values ---------------------------------------------------------------------------------- */

static void add_found(const rp_node *value, rp_text *text) {
  if (value->kind == RP_NODE_LIST || value->kind == RP_NODE_MAP || value->kind == RP_NODE_NULL) {
    rp_text_add(text, rp_node_kind_name(value->kind));
    return;
  }
  rp_text_add(text, value->kind == RP_NODE_STRING ? "'" : "");
  rp_text_add(text, value->text);
  rp_text_add(text, value->kind == RP_NODE_STRING ? "'" : "");
}

static void add_words(const char *words, rp_text *text) {
  size_t n;
  int i = 0;
  for (const char *at = words, *word; (word = next_word(&at, &n)); i++) rp_text_format(text, "%s%.*s", i ? ", " : "", (int)n, word);
}

/* A highest value that is here only because there must be one: nobody is told of it before it is passed. */
static int is_far(double highest) {
  return highest >= 1e9;
}

static void add_range(const rp_key *key, rp_text *text) {
  if (is_far(key->highest)) {
    rp_text_add(text, "from ");
    rp_number_add(key->lowest, text);
    return;
  }
  rp_number_add(key->lowest, text);
  rp_text_add(text, " to ");
  rp_number_add(key->highest, text);
}

/* What a row accepts, in a few words. */
static void add_accepted(const rp_key *key, rp_text *text) {
  switch (key->type) {
  case RP_KEY_FLAG:
    rp_text_add(text, "on or off");
    break;
  case RP_KEY_INTEGER:
    rp_text_add(text, "a whole number (");
    add_range(key, text);
    rp_text_add(text, ")");
    if (key->words) rp_text_add(text, " or ");
    if (key->words) add_words(key->words, text);
    break;
  case RP_KEY_NUMBER:
    rp_text_add(text, "a number (");
    add_range(key, text);
    rp_text_add(text, ")");
    break;
  case RP_KEY_PERCENT:
    rp_text_add(text, "a percentage (0 to 100)");
    break;
  case RP_KEY_WORD:
    rp_text_add(text, "one of ");
    add_words(key->words, text);
    break;
  case RP_KEY_TEXT:
    rp_text_add(text, "a string");
    break;
  case RP_KEY_TEXTS:
    rp_text_add(text, "a list of strings");
    break;
  case RP_KEY_SEEDS:
    rp_text_add(text, "a list of different whole numbers from 0, at least one: [1, 2, 3]");
    break;
  case RP_KEY_EPOCHS:
    rp_text_add(text, "a whole number (from 1) or {after: one}");
    break;
  case RP_KEY_MAP:
  case RP_KEY_ANY_MAP:
    rp_text_add(text, "a map");
    break;
  case RP_KEY_SWITCHES:
    add_words(key->words, text);
    rp_text_add(text, ", a list or a map of its keys");
    break;
  case RP_KEY_NAMED:
    rp_text_add(text, "a name (");
    add_words(key->words, text);
    rp_text_add(text, ") or a map with a name");
    break;
  case RP_KEY_OPEN:
    rp_text_add(text, "a name or a map with a name");
    break;
  case RP_KEY_NAMES:
    rp_text_add(text, "a list of names, or of maps with a name");
    break;
  case RP_KEY_ANY_LIST:
    rp_text_add(text, "a list");
    break;
  }
}

static rp_status refuse(const rp_key *key, const rp_node *value, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  add_found(value, &text);
  rp_text_add(&text, " is not ");
  add_accepted(key, &text);
  RP_TRY(rp_text_check(&text, err));
  return rp_node_fail(value, err, "%s", rp_text_string(&text));
}

/* A number of the right kind that is too small or too large. */
static rp_status refuse_range(const rp_key *key, const rp_node *value, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  rp_text_format(&text, "%s is out of range; it must be ", value->text);
  add_accepted(key, &text);
  if (is_far(key->highest) && strtod(value->text, NULL) > key->highest) {
    rp_text_add(&text, ", at most ");
    rp_number_add(key->highest, &text);
  }
  RP_TRY(rp_text_check(&text, err));
  return rp_node_fail(value, err, "%s", rp_text_string(&text));
}

static rp_status refuse_word(const char *words, const rp_node *value, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  add_found(value, &text);
  rp_text_add(&text, " is not known here");
  suggest_word(words, rp_node_text(value), &text);
  RP_TRY(rp_text_check(&text, err));
  return rp_node_fail(value, err, "%s", rp_text_string(&text));
}

static int is_percent(const rp_node *value) {
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  rp_decimal decimal;
  if (value->kind != RP_NODE_NUMBER || !rp_number_canonical(value->text, &text) || !rp_decimal_parse(rp_text_string(&text), &decimal))
    return 0;
  uint64_t hundred = 100;
  for (uint32_t i = 0; i < decimal.decimals; i++) hundred *= 10;
  return decimal.digits <= hundred;
}

static int is_text(const rp_node *value) {
  return value->kind == RP_NODE_STRING && *value->text;
}

static int is_named(const rp_node *value) {
  return is_text(value) || (value->kind == RP_NODE_MAP && (!rp_node_get(value, "name") || is_text(rp_node_get(value, "name"))));
}

static rp_status check_elements(const rp_key *key, const rp_node *list, int (*is_right)(const rp_node *), rp_error *err) {
  if (list->kind != RP_NODE_LIST) return refuse(key, list, err);
  for (size_t i = 0; i < list->n; i++)
    if (!is_right(list->entries[i].value)) return refuse(key, list->entries[i].value, err);
  return RP_OK;
}

static int is_seed(const rp_node *value) {
  int64_t seed;
  return rp_node_integer(value, &seed) && seed >= 0;
}

static rp_status check_seeds(const rp_key *key, const rp_node *list, rp_error *err) {
  RP_TRY(check_elements(key, list, is_seed, err));
  if (list->n == 0) return rp_node_fail(list, err, "an empty list: at least one seed is needed, as in [1, 2, 3]");
  for (size_t i = 0; i < list->n; i++)
    for (size_t j = 0; j < i; j++)
      if (rp_node_equal(list->entries[i].value, list->entries[j].value))
        return rp_node_fail(list->entries[i].value, err, "seed %s stands here twice: seeds must differ", list->entries[i].value->text);
  return RP_OK;
}

static int is_epochs(const rp_node *value) {
  int64_t epochs;
  if (value->kind == RP_NODE_MAP)
    return value->n == 1 && rp_node_get(value, "after") && rp_node_integer(rp_node_get(value, "after"), &epochs) && epochs > 0;
  return rp_node_integer(value, &epochs) && epochs > 0 && epochs <= 1000000;
}

/* Of a size at which a number is whole, if it has a size at all. */
static int is_huge(const rp_node *value) {
  return value->kind == RP_NODE_NUMBER && !(fabs(strtod(value->text, NULL)) < 1e17);
}

static rp_status check_integer(const rp_key *key, const rp_node *value, rp_error *err) {
  int64_t integer;
  if (value->kind == RP_NODE_STRING && rp_word_index(key->words, value->text) >= 0) return RP_OK;
  if (!rp_node_integer(value, &integer)) return is_huge(value) ? refuse_range(key, value, err) : refuse(key, value, err);
  return (double)integer >= key->lowest && (double)integer <= key->highest ? RP_OK : refuse_range(key, value, err);
}

static rp_status check_number(const rp_key *key, const rp_node *value, rp_error *err) {
  double number;
  if (!rp_node_double(value, &number)) return is_huge(value) ? refuse_range(key, value, err) : refuse(key, value, err);
  return number >= key->lowest && number <= key->highest ? RP_OK : refuse_range(key, value, err);
}

/* YAML reads the word off as a flag. */
static int is_word_off(const rp_key *key, const rp_node *value) {
  return value->kind == RP_NODE_FLAG && !rp_node_is_true(value) && rp_word_index(key->words, "off") >= 0;
}

rp_status rp_key_check_value(const rp_key *key, const rp_node *value, rp_error *err) {
  switch (key->type) {
  case RP_KEY_FLAG:
    return value->kind == RP_NODE_FLAG ? RP_OK : refuse(key, value, err);
  case RP_KEY_INTEGER:
    return check_integer(key, value, err);
  case RP_KEY_NUMBER:
    return check_number(key, value, err);
  case RP_KEY_PERCENT:
    return is_percent(value) ? RP_OK : refuse(key, value, err);
  case RP_KEY_WORD:
    if (is_word_off(key, value)) return RP_OK;
    if (value->kind != RP_NODE_STRING) return refuse(key, value, err);
    return rp_word_index(key->words, value->text) >= 0 ? RP_OK : refuse_word(key->words, value, err);
  case RP_KEY_TEXT:
    return is_text(value) ? RP_OK : refuse(key, value, err);
  case RP_KEY_TEXTS:
    return check_elements(key, value, is_text, err);
  case RP_KEY_SEEDS:
    return check_seeds(key, value, err);
  case RP_KEY_EPOCHS:
    return is_epochs(value) ? RP_OK : refuse(key, value, err);
  case RP_KEY_MAP:
  case RP_KEY_ANY_MAP:
    return value->kind == RP_NODE_MAP ? RP_OK : refuse(key, value, err);
  case RP_KEY_SWITCHES:
    return is_text(value) || value->kind == RP_NODE_LIST || value->kind == RP_NODE_MAP ? RP_OK : refuse(key, value, err);
  case RP_KEY_NAMED: {
    const rp_node *name = value->kind == RP_NODE_MAP && rp_node_get(value, "name") ? rp_node_get(value, "name") : value;
    if (!is_named(value)) return refuse(key, value, err);
    return name->kind == RP_NODE_MAP || rp_word_index(key->words, rp_node_text(name)) >= 0 ? RP_OK : refuse_word(key->words, name, err);
  }
  case RP_KEY_OPEN:
    return is_named(value) ? RP_OK : refuse(key, value, err);
  case RP_KEY_NAMES:
    return check_elements(key, value, is_named, err);
  case RP_KEY_ANY_LIST:
    return value->kind == RP_NODE_LIST ? RP_OK : refuse(key, value, err);
  }
  return RP_OK;
}

/* ---- Maps ------------------------------------------------------------------------------------ */

static void suggest_key(const rp_key_table *table, const char *section, const char *key, const char *name, rp_text *text) {
  const char *list[MOST_WORDS];
  int n = 0;
  if (is_named_section(table, section)) list[n++] = "name";
  for (int i = 0; i < table->n && n < MOST_WORDS; i++) {
    const char *own = name_in_section(&table->rows[i], section);
    if (own && belongs_to(&table->rows[i], name)) list[n++] = own;
  }
  rp_add_suggestion(key, list, n, text);
}

static void add_owners(const char *section, const char *key, const rp_key *row, const char *name, rp_text *text) {
  size_t n;
  int i = 0;
  rp_text_format(text, "%s.%s belongs to ", section, key);
  for (const char *at = row->of, *word; (word = next_word(&at, &n)); i++) rp_text_format(text, "%s%.*s", i ? " or " : "", (int)n, word);
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
  else if (is_text(element)) {
    RP_CLEANUP(rp_node_free) rp_node *on = NULL;
    RP_TRY(rp_node_scalar("on", &element->origin, &on, err));
    RP_TRY(rp_node_new(RP_NODE_MAP, &element->origin, &entries, err));
    RP_TRY(rp_node_append(entries, element->text, &element->origin, &on, err));
  } else
    return refuse(row, element, err);
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
    add_accepted(row, text);
    if (row->of) rp_text_add(text, "; of ");
    if (row->of) add_words(row->of, text);
    if (row->fallback) rp_text_format(text, "; default %s", row->fallback);
    rp_text_format(text, "\n      %s\n", row->help);
  }
}
