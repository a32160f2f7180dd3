/* key_values.c: a value's kind and range against its row, and how a row says what it accepts. */
#include "experiments/config/key_values.h"

#include "core/base/spelling.h"
#include "core/ranking/select.h"
#include "experiments/config/yaml.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Words ----------------------------------------------------------------------------------- */

const char *rp_key_next_word(const char **at, size_t *n) {
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
  for (const char *at = words, *word; (word = rp_key_next_word(&at, &n)); i++)
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
  for (const char *at = words, *word; count < MOST_WORDS && (word = rp_key_next_word(&at, &n));) {
    if (n >= LONGEST_WORD) continue;
    memcpy(copies[count], word, n);
    copies[count][n] = '\0';
    list[count] = copies[count];
    count++;
  }
  rp_add_suggestion(text, list, count, out);
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

void rp_key_add_words(const char *words, rp_text *text) {
  size_t n;
  int i = 0;
  for (const char *at = words, *word; (word = rp_key_next_word(&at, &n)); i++) rp_text_format(text, "%s%.*s", i ? ", " : "", (int)n, word);
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
void rp_key_add_accepted(const rp_key *key, rp_text *text) {
  switch (key->type) {
  case RP_KEY_FLAG:
    rp_text_add(text, "on or off");
    break;
  case RP_KEY_INTEGER:
    rp_text_add(text, "a whole number (");
    add_range(key, text);
    rp_text_add(text, ")");
    if (key->words) rp_text_add(text, " or ");
    if (key->words) rp_key_add_words(key->words, text);
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
    rp_key_add_words(key->words, text);
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
    rp_key_add_words(key->words, text);
    rp_text_add(text, ", a list or a map of its keys");
    break;
  case RP_KEY_NAMED:
    rp_text_add(text, "a name (");
    rp_key_add_words(key->words, text);
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

static rp_status refuse(const rp_key *key, const rp_node *value, const char *hint, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  add_found(value, &text);
  rp_text_add(&text, " is not ");
  rp_key_add_accepted(key, &text);
  rp_text_add(&text, hint);
  RP_TRY(rp_text_check(&text, err));
  return rp_node_fail(value, err, "%s", rp_text_string(&text));
}

rp_status rp_key_refuse(const rp_key *key, const rp_node *value, rp_error *err) {
  return refuse(key, value, "", err);
}

/* A number of the right kind that is too small or too large. */
static rp_status refuse_range(const rp_key *key, const rp_node *value, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  rp_text_format(&text, "%s is out of range; it must be ", value->text);
  rp_key_add_accepted(key, &text);
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

int rp_key_is_text(const rp_node *value) {
  return value->kind == RP_NODE_STRING && *value->text;
}

static int is_named(const rp_node *value) {
  return rp_key_is_text(value) ||
         (value->kind == RP_NODE_MAP && (!rp_node_get(value, "name") || rp_key_is_text(rp_node_get(value, "name"))));
}

/* One that stands where a list of such belongs only lacks its brackets. */
static rp_status refuse_element_alone(const rp_key *key, const rp_node *element, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text hint = {0};
  rp_text_add(&hint, "; write [");
  rp_node_add_flow(element, &hint);
  rp_text_add(&hint, "]");
  RP_TRY(rp_text_check(&hint, err));
  return refuse(key, element, rp_text_string(&hint), err);
}

static rp_status check_elements(const rp_key *key, const rp_node *list, int (*is_right)(const rp_node *), rp_error *err) {
  if (list->kind != RP_NODE_LIST) return is_right(list) ? refuse_element_alone(key, list, err) : rp_key_refuse(key, list, err);
  for (size_t i = 0; i < list->n; i++)
    if (!is_right(list->entries[i].value)) return rp_key_refuse(key, list->entries[i].value, err);
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
  if (!rp_node_integer(value, &integer)) return is_huge(value) ? refuse_range(key, value, err) : rp_key_refuse(key, value, err);
  return (double)integer >= key->lowest && (double)integer <= key->highest ? RP_OK : refuse_range(key, value, err);
}

static rp_status check_number(const rp_key *key, const rp_node *value, rp_error *err) {
  double number;
  if (!rp_node_double(value, &number)) return is_huge(value) ? refuse_range(key, value, err) : rp_key_refuse(key, value, err);
  return number >= key->lowest && number <= key->highest ? RP_OK : refuse_range(key, value, err);
}

/* YAML reads the word off as a flag. */
static int is_word_off(const rp_key *key, const rp_node *value) {
  return value->kind == RP_NODE_FLAG && !rp_node_is_true(value) && rp_word_index(key->words, "off") >= 0;
}

rp_status rp_key_check_value(const rp_key *key, const rp_node *value, rp_error *err) {
  switch (key->type) {
  case RP_KEY_FLAG:
    return value->kind == RP_NODE_FLAG ? RP_OK : rp_key_refuse(key, value, err);
  case RP_KEY_INTEGER:
    return check_integer(key, value, err);
  case RP_KEY_NUMBER:
    return check_number(key, value, err);
  case RP_KEY_PERCENT:
    return is_percent(value) ? RP_OK : rp_key_refuse(key, value, err);
  case RP_KEY_WORD:
    if (is_word_off(key, value)) return RP_OK;
    if (value->kind != RP_NODE_STRING) return rp_key_refuse(key, value, err);
    return rp_word_index(key->words, value->text) >= 0 ? RP_OK : refuse_word(key->words, value, err);
  case RP_KEY_TEXT:
    return rp_key_is_text(value) ? RP_OK : rp_key_refuse(key, value, err);
  case RP_KEY_TEXTS:
    return check_elements(key, value, rp_key_is_text, err);
  case RP_KEY_SEEDS:
    return check_seeds(key, value, err);
  case RP_KEY_EPOCHS:
    return is_epochs(value) ? RP_OK : rp_key_refuse(key, value, err);
  case RP_KEY_MAP:
  case RP_KEY_ANY_MAP:
    return value->kind == RP_NODE_MAP ? RP_OK : rp_key_refuse(key, value, err);
  case RP_KEY_SWITCHES:
    return rp_key_is_text(value) || value->kind == RP_NODE_LIST || value->kind == RP_NODE_MAP ? RP_OK : rp_key_refuse(key, value, err);
  case RP_KEY_NAMED: {
    const rp_node *name = value->kind == RP_NODE_MAP && rp_node_get(value, "name") ? rp_node_get(value, "name") : value;
    if (!is_named(value)) return rp_key_refuse(key, value, err);
    return name->kind == RP_NODE_MAP || rp_word_index(key->words, rp_node_text(name)) >= 0 ? RP_OK : refuse_word(key->words, name, err);
  }
  case RP_KEY_OPEN:
    return is_named(value) ? RP_OK : rp_key_refuse(key, value, err);
  case RP_KEY_NAMES:
    return check_elements(key, value, is_named, err);
  case RP_KEY_ANY_LIST:
    return value->kind == RP_NODE_LIST ? RP_OK : rp_key_refuse(key, value, err);
  }
  return RP_OK;
}
