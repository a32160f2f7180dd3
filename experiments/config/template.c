/* template.c: one walk over the tree; lists are where entries can be repeated, chosen and left out. */
#include "experiments/config/template.h"

#include "core/base/memory.h"
#include "experiments/config/yaml.h"

#include <stdlib.h>
#include <string.h>

/* ---- Files ----------------------------------------------------------------------------------- */

static const rp_key SCHEME_ROWS[] = {
    {.name = "about", .type = RP_KEY_TEXT, .help = "what the scheme is, with a citation", .since = "1.0"},
    {.name = "parameters", .type = RP_KEY_ANY_MAP, .help = "names and defaults of what $name stands for", .since = "1.0"},
    {.name = "ends",
     .type = RP_KEY_WORD,
     .words = "full|sub",
     .fallback = "full",
     .help = "whether training may stop with filters dropped",
     .since = "1.0"},
    {.name = "program", .type = RP_KEY_ANY_LIST, .help = "ops, in order", .since = "1.0"},
};
static const rp_key MODEL_ROWS[] = {
    {.name = "about", .type = RP_KEY_TEXT, .help = "what the model is, with a citation", .since = "1.0"},
    {.name = "parameters", .type = RP_KEY_ANY_MAP, .help = "names and defaults of what $name stands for", .since = "1.0"},
    {.name = "layers", .type = RP_KEY_ANY_LIST, .help = "layers, in order", .since = "1.0"},
};

/* What a file of each kind may hold; where its list lies. */
static const struct {
  rp_key_table keys;
  const char *word, *body;
} FILE_KINDS[] = {
    [RP_FIND_SCHEME] = {{SCHEME_ROWS, sizeof SCHEME_ROWS / sizeof SCHEME_ROWS[0]}, "scheme", "program"},
    [RP_FIND_MODEL] = {{MODEL_ROWS, sizeof MODEL_ROWS / sizeof MODEL_ROWS[0]}, "model", "layers"},
};

rp_status rp_template_load(rp_find_kind kind, const rp_node *given, rp_template *out, rp_error *err) {
  *out = (rp_template){0};
  const rp_node *name = rp_node_get(given, "name");
  RP_CLEANUP(rp_template_free) rp_template template = {.body = FILE_KINDS[kind].body};
  RP_TRY(rp_find_yaml(kind, rp_node_text(name), name, &template.path, err));
  RP_TRY(rp_yaml_load(template.path, &template.root, err));
  RP_TRY(rp_resolve_paths(template.root, template.path, err));
  RP_TRY(rp_node_set_paths(template.root, "", err));
  RP_TRY(rp_keys_check(&FILE_KINDS[kind].keys, "", template.root, err));
  if (!rp_template_body(&template))
    return rp_node_fail(template.root, err, "a %s file needs `%s`, a list", FILE_KINDS[kind].word, FILE_KINDS[kind].body);
  *out = template;
  template = (rp_template){0};
  return RP_OK;
}

const rp_node *rp_template_body(const rp_template *template) {
  return rp_node_get(template->root, template->body);
}

void rp_template_free(rp_template *template) {
  free(template->path);
  rp_node_free(&template->root);
  template->path = NULL;
}

const rp_node *rp_template_parameters(const rp_template *template) {
  return rp_node_get(template->root, "parameters");
}

enum { MOST_NAMES = 64, LONGEST_STRING = 4096 };

static void suggest_parameter(const rp_node *parameters, const char *name, rp_text *text) {
  const char *names[MOST_NAMES];
  int n = 0;
  for (size_t i = 0; parameters && i < parameters->n && n < MOST_NAMES; i++) names[n++] = parameters->entries[i].key;
  rp_add_suggestion(name, names, n, text);
}

static rp_status check_given(const rp_template *template, const rp_node *given, const char *prefix, rp_error *err) {
  const rp_node *parameters = rp_template_parameters(template);
  for (size_t i = 0; i < given->n; i++) {
    const rp_entry *entry = &given->entries[i];
    if (strcmp(entry->key, "name") == 0 || rp_node_get(parameters, entry->key)) continue;
    RP_CLEANUP(rp_text_free) rp_text text = {0};
    suggest_parameter(parameters, entry->key, &text);
    RP_TRY(rp_text_check(&text, err));
    return rp_entry_fail(entry, err, "%s %s has no parameter '%s'%s", prefix, rp_node_text(rp_node_get(given, "name")), entry->key,
                         rp_text_string(&text));
  }
  return RP_OK;
}

static rp_status check_complete(const rp_node *values, const rp_node *given, const char *prefix, rp_error *err) {
  for (size_t i = 0; i < values->n; i++)
    if (values->entries[i].value->kind == RP_NODE_NULL)
      return rp_node_fail(given, err, "%s.%s must be given: it has no default", prefix, values->entries[i].key);
  return RP_OK;
}

/* Whether the body says `ranker: $key` or `init: $key` somewhere: what stands there has a name. */
static int stands_for_a_name(const rp_node *body, const char *key) {
  static const char *const NAMED[] = {"ranker", "init"};
  for (int i = 0; i < 2; i++) {
    const char *text = rp_node_text(rp_node_get(body, NAMED[i]));
    if (text[0] == '$' && strcmp(text + 1, key) == 0) return 1;
  }
  for (size_t i = 0; i < body->n; i++)
    if (stands_for_a_name(body->entries[i].value, key)) return 1;
  return 0;
}

static rp_status spell_out_names(const rp_template *template, rp_node *values, rp_error *err) {
  for (size_t i = 0; i < values->n; i++) {
    rp_entry *entry = &values->entries[i];
    if (entry->value->kind != RP_NODE_STRING || !stands_for_a_name(rp_template_body(template), entry->key)) continue;
    RP_CLEANUP(rp_node_free) rp_node *map = NULL;
    RP_TRY(rp_node_new(RP_NODE_MAP, &entry->value->origin, &map, err));
    RP_TRY(rp_node_append(map, "name", &entry->value->origin, &entry->value, err));
    entry->value = map;
    map = NULL;
  }
  return RP_OK;
}

rp_status rp_template_fill(const rp_template *template, const rp_node *given, const char *prefix, rp_node **out, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *filled = NULL;
  RP_CLEANUP(rp_node_free) rp_node *values = NULL;
  RP_CLEANUP(rp_node_free) rp_node *name = NULL;
  RP_TRY(check_given(template, given, prefix, err));
  RP_TRY(rp_node_new(RP_NODE_MAP, &given->origin, &values, err));
  if (rp_template_parameters(template)) RP_TRY(rp_node_merge(values, rp_template_parameters(template), err));
  RP_TRY(rp_node_merge(values, given, err));
  RP_TRY(spell_out_names(template, values, err));
  rp_node_remove(values, "name");
  RP_TRY(check_complete(values, given, prefix, err));

  RP_TRY(rp_node_new(RP_NODE_MAP, &given->origin, &filled, err));
  RP_TRY(rp_node_copy(rp_node_get(given, "name"), &name, err));
  RP_TRY(rp_node_append(filled, "name", NULL, &name, err));
  RP_TRY(rp_node_merge(filled, values, err));
  RP_TRY(rp_node_set_paths(filled, prefix, err));
  *out = filled;
  filled = NULL;
  return RP_OK;
}

/* ---- Expansion ------------------------------------------------------------------------------- */

typedef struct {
  const rp_node *parameters;
  size_t n_nodes; /* made so far */
} expander;

static rp_status expand_value(expander *self, const rp_node *node, rp_node **out, rp_error *err);

/* What a copy of a value costs: its nodes, long strings counted as several. */
static size_t cost_of(const rp_node *node) {
  size_t cost = 1 + strlen(rp_node_text(node)) / 64;
  for (size_t i = 0; i < node->n; i++) cost += cost_of(node->entries[i].value);
  return cost;
}

static rp_status count_more(expander *self, const rp_node *node, size_t cost, rp_error *err) {
  self->n_nodes += cost;
  if (self->n_nodes <= RP_TEMPLATE_MAX_NODES) return RP_OK;
  return rp_node_fail(node, err, "this expands to more than %d values", RP_TEMPLATE_MAX_NODES);
}

static int is_name_character(char c) {
  return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Reads "$name" or "${name}" at text[0] == '$': the name's place and length; returns how many bytes it takes, 0 where it is malformed. */
static size_t read_reference(const char *text, const char **name, size_t *length) {
  if (text[1] == '{') {
    *name = text + 2;
    *length = strcspn(*name, "}");
    return *length && (*name)[*length] == '}' ? *length + 3 : 0;
  }
  *name = text + 1;
  for (*length = 0; is_name_character((*name)[*length]);) ++*length;
  return *length ? *length + 1 : 0;
}

static rp_status look_up(const expander *self, const rp_node *node, const char *name, size_t length, const rp_node **value, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *key = NULL;
  RP_TRY(rp_copy_bytes_as_string(name, length, &key, err));
  *value = rp_node_get(self->parameters, key);
  if (*value) return RP_OK;
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  suggest_parameter(self->parameters, key, &text);
  RP_TRY(rp_text_check(&text, err));
  return rp_node_fail(node, err, "there is no parameter '%s'%s", key, rp_text_string(&text));
}

static rp_status expand_inside(const expander *self, const rp_node *node, rp_node **out, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  for (const char *at = node->text; *at;) {
    size_t plain = strcspn(at, "$"), length, taken;
    rp_text_add_bytes(&text, at, plain);
    at += plain;
    if (!*at) break;
    if (at[1] == '$') {
      rp_text_add(&text, "$");
      at += 2;
      continue;
    }
    const char *name;
    const rp_node *value;
    taken = read_reference(at, &name, &length);
    if (!taken)
      return rp_node_fail(node, err, "'%s': a $ is followed by a parameter's name, as in $p or ${p}; $$ stands for a $", node->text);
    RP_TRY(look_up(self, node, name, length, &value, err));
    if (!value->text) return rp_node_fail(node, err, "'%s': %s cannot stand inside a string", node->text, rp_node_kind_name(value->kind));
    rp_text_add(&text, value->text);
    if (text.length > LONGEST_STRING) return rp_node_fail(node, err, "this string expands to more than %d bytes", LONGEST_STRING);
    at += taken;
  }
  RP_TRY(rp_text_check(&text, err));
  RP_TRY(rp_node_string(rp_text_string(&text), &node->origin, out, err));
  return node->path ? rp_copy_string(node->path, &(*out)->path, err) : RP_OK;
}

static rp_status expand_string(expander *self, const rp_node *node, rp_node **out, rp_error *err) {
  if (!strchr(node->text, '$')) return rp_node_copy(node, out, err);
  const char *name;
  size_t length;
  const rp_node *value;
  size_t taken = node->text[0] == '$' ? read_reference(node->text, &name, &length) : 0;
  if (!taken || node->text[taken]) return expand_inside(self, node, out, err);
  RP_TRY(look_up(self, node, name, length, &value, err));
  RP_TRY(count_more(self, node, cost_of(value), err));
  return rp_node_copy(value, out, err);
}

/* The value of a key that steers the expansion (if, repeat, choose), itself expanded. */
static rp_status choose(expander *self, const rp_node *map, const rp_node **chosen, rp_error *err);

static rp_status expand_steering(expander *self, const rp_node *map, const char *key, rp_node **out, rp_error *err) {
  const rp_node *value = rp_node_get(map, key);
  if (rp_node_get(value, "choose")) RP_TRY(choose(self, value, &value, err));
  return expand_value(self, value, out, err);
}

/* Whether an entry is there: no `if`, or one that is on. */
static rp_status is_wanted(expander *self, const rp_node *node, int *wanted, rp_error *err) {
  *wanted = 1;
  if (!rp_node_get(node, "if")) return RP_OK;
  RP_CLEANUP(rp_node_free) rp_node *flag = NULL;
  RP_TRY(expand_steering(self, node, "if", &flag, err));
  if (flag->kind != RP_NODE_FLAG) return rp_node_fail(flag, err, "'%s' is not on or off: `if` takes a flag", rp_node_text(flag));
  *wanted = flag->flag;
  return RP_OK;
}

/* Keys are text: on, yes and true are one choice, and so are 3 and 3.0. */
static int is_choice(const char *key, const rp_node *value) {
  RP_CLEANUP(rp_node_free) rp_node *as_value = NULL;
  if (strcmp(key, rp_node_text(value)) == 0) return 1;
  return rp_node_scalar(key, NULL, &as_value, NULL) == RP_OK && rp_node_equal(as_value, value);
}

static rp_status choose(expander *self, const rp_node *map, const rp_node **chosen, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *value = NULL;
  RP_TRY(expand_steering(self, map, "choose", &value, err));
  const char *names[MOST_NAMES];
  int n = 0;
  for (size_t i = 0; i < map->n && n < MOST_NAMES; i++) {
    const rp_entry *entry = &map->entries[i];
    if (strcmp(entry->key, "choose") == 0 || strcmp(entry->key, "if") == 0) continue;
    names[n++] = entry->key;
    if (!is_choice(entry->key, value)) continue;
    *chosen = entry->value;
    return RP_OK;
  }
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  rp_add_suggestion(rp_node_text(value), names, n, &text);
  RP_TRY(rp_text_check(&text, err));
  return rp_node_fail(value, err, "'%s' is not among the choices%s", rp_node_text(value), rp_text_string(&text));
}

static rp_status expand_entries(expander *self, const rp_node *list, rp_node *out, rp_error *err);

static rp_status expand_repeat(expander *self, const rp_node *map, rp_node *out, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *times = NULL;
  const rp_node *entries = rp_node_get(map, "do");
  int64_t n;
  for (size_t i = 0; i < map->n; i++)
    if (strcmp(map->entries[i].key, "repeat") != 0 && strcmp(map->entries[i].key, "do") != 0 && strcmp(map->entries[i].key, "if") != 0)
      return rp_entry_fail(&map->entries[i], err, "unknown key '%s' beside repeat; there are: repeat, do, if", map->entries[i].key);
  if (!rp_node_is(entries, RP_NODE_LIST)) return rp_node_fail(map, err, "`repeat` needs `do`, with a list of entries");
  RP_TRY(expand_steering(self, map, "repeat", &times, err));
  if (!rp_node_integer(times, &n) || n < 0 || n > RP_TEMPLATE_MAX_NODES)
    return rp_node_fail(times, err, "%s is not a number of repetitions (a whole number from 0)",
                        times->text ? times->text : rp_node_kind_name(times->kind));
  for (int64_t i = 0; i < n; i++) {
    RP_TRY(count_more(self, times, 1, err));
    RP_TRY(expand_entries(self, entries, out, err));
  }
  return RP_OK;
}

static rp_status expand_choice(expander *self, const rp_node *map, rp_node *out, rp_error *err) {
  const rp_node *chosen = NULL;
  RP_TRY(choose(self, map, &chosen, err));
  if (chosen->kind == RP_NODE_LIST) return expand_entries(self, chosen, out, err);
  if (chosen->kind == RP_NODE_NULL) return RP_OK;
  return rp_node_fail(chosen, err, "%s stands here: each choice among a list's entries is a list of entries",
                      rp_node_kind_name(chosen->kind));
}

static rp_status expand_entry(expander *self, const rp_node *entry, rp_node *out, rp_error *err) {
  int wanted;
  RP_TRY(is_wanted(self, entry, &wanted, err));
  if (!wanted) return RP_OK;
  if (rp_node_get(entry, "repeat")) return expand_repeat(self, entry, out, err);
  if (rp_node_get(entry, "choose")) return expand_choice(self, entry, out, err);
  RP_CLEANUP(rp_node_free) rp_node *value = NULL;
  RP_TRY(expand_value(self, entry, &value, err));
  int emptied = entry->kind == RP_NODE_MAP && entry->n > 0 && value->n == 0; /* all that it held was switched off */
  return emptied ? RP_OK : rp_node_append(out, NULL, NULL, &value, err);
}

static rp_status expand_entries(expander *self, const rp_node *list, rp_node *out, rp_error *err) {
  for (size_t i = 0; i < list->n; i++) RP_TRY(expand_entry(self, list->entries[i].value, out, err));
  return RP_OK;
}

static rp_status expand_map(expander *self, const rp_node *map, rp_node *out, rp_error *err) {
  for (size_t i = 0; i < map->n; i++) {
    const rp_entry *entry = &map->entries[i];
    if (strcmp(entry->key, "if") == 0) continue;
    int wanted;
    RP_TRY(is_wanted(self, entry->value, &wanted, err));
    if (!wanted) continue;
    const rp_node *from = entry->value;
    if (rp_node_get(from, "choose")) RP_TRY(choose(self, entry->value, &from, err));
    RP_CLEANUP(rp_node_free) rp_node *value = NULL;
    RP_TRY(expand_value(self, from, &value, err));
    RP_TRY(rp_node_append(out, entry->key, &entry->key_origin, &value, err));
  }
  return RP_OK;
}

static rp_status expand_value(expander *self, const rp_node *node, rp_node **out, rp_error *err) {
  RP_TRY(count_more(self, node, 1 + strlen(rp_node_text(node)) / 64, err));
  if (node->kind == RP_NODE_STRING) return expand_string(self, node, out, err);
  if (node->kind != RP_NODE_LIST && node->kind != RP_NODE_MAP) return rp_node_copy(node, out, err);
  RP_CLEANUP(rp_node_free) rp_node *value = NULL;
  RP_TRY(rp_node_new(node->kind, &node->origin, &value, err));
  if (node->path) RP_TRY(rp_copy_string(node->path, &value->path, err));
  if (node->kind == RP_NODE_LIST)
    RP_TRY(expand_entries(self, node, value, err));
  else
    RP_TRY(expand_map(self, node, value, err));
  *out = value;
  value = NULL;
  return RP_OK;
}

rp_status rp_template_expand(const rp_node *body, const rp_node *parameters, rp_node **out, rp_error *err) {
  expander self = {.parameters = rp_node_is(parameters, RP_NODE_MAP) ? parameters : NULL};
  return expand_value(&self, body, out, err);
}
