/* node_text.c: nodes as canonical JSON, as YAML for people, and numbers in their one canonical form. */
#include "experiments/config/node.h"

#include "core/base/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Numbers --------------------------------------------------------------------------------- */

enum { MOST_EXPONENT_DIGITS = 4, LARGEST_EXPONENT = 9999, LONGEST_PLAIN = 18 };

/* A number as its significant digits, without zeros at either end, times 10^exponent; zero has no digits. */
typedef struct {
  int is_negative;
  rp_text digits;
  long exponent;
} decimal;

static void free_decimal(decimal *number) {
  rp_text_free(&number->digits);
}

static int read_exponent(const char **text, long *exponent) {
  if (**text != 'e' && **text != 'E') return 1;
  char *end;
  const char *digits = *text + 1 + (text[0][1] == '-' || text[0][1] == '+');
  size_t n = strspn(digits, "0123456789");
  if (n == 0 || n > MOST_EXPONENT_DIGITS) return 0;
  *exponent += strtol(*text + 1, &end, 10);
  *text = end;
  return 1;
}

static int read_decimal(const char *text, decimal *out) {
  out->is_negative = *text == '-';
  if (*text == '-' || *text == '+') text++;
  size_t whole = strspn(text, "0123456789");
  size_t fraction = text[whole] == '.' ? strspn(text + whole + 1, "0123456789") : 0;
  if (whole + fraction == 0) return 0;
  rp_text_add_bytes(&out->digits, text, whole);
  rp_text_add_bytes(&out->digits, text + whole + 1, fraction);
  out->exponent = -(long)fraction;
  text += whole + (text[whole] == '.') + fraction;
  return read_exponent(&text, &out->exponent) && *text == '\0' && !out->digits.failed;
}

static void add_zeros(rp_text *out, long n) {
  for (; n > 0; n--) rp_text_add(out, "0");
}

static void add_decimal(const char *digits, long n, long exponent, rp_text *out) {
  if (exponent >= 0 && n + exponent <= LONGEST_PLAIN) {
    rp_text_add_bytes(out, digits, (size_t)n);
    add_zeros(out, exponent);
  } else if (exponent < 0 && exponent >= -LONGEST_PLAIN) {
    long whole = n + exponent;
    rp_text_add(out, whole > 0 ? "" : "0.");
    add_zeros(out, -whole);
    if (whole > 0) rp_text_format(out, "%.*s.", (int)whole, digits);
    rp_text_add_bytes(out, digits + (whole > 0 ? whole : 0), (size_t)(n - (whole > 0 ? whole : 0)));
  } else {
    rp_text_add_bytes(out, digits, (size_t)n);
    rp_text_format(out, "e%ld", exponent);
  }
}

int rp_number_canonical(const char *text, rp_text *out) {
  RP_CLEANUP(free_decimal) decimal number = {0};
  if (!read_decimal(text, &number)) return 0;
  const char *digits = rp_text_string(&number.digits);
  digits += strspn(digits, "0");
  size_t n = strlen(digits);
  if (n == 0) {
    rp_text_add(out, "0");
    return 1;
  }
  for (; digits[n - 1] == '0'; n--) number.exponent++;
  if (labs(number.exponent) > LARGEST_EXPONENT) return 0; /* would not be read back */
  if (number.is_negative) rp_text_add(out, "-");
  add_decimal(digits, (long)n, number.exponent, out);
  return 1;
}

void rp_number_add(double value, rp_text *out) {
  char text[RP_NUMBER_TEXT];
  rp_number_text(value, text);
  if (!rp_number_canonical(text, out)) rp_text_add(out, text);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static int by_key(const void *a, const void *b) {
  const rp_entry *const *entry_a = a, *const *entry_b = b;
  return strcmp((*entry_a)->key, (*entry_b)->key);
}

static rp_status add_json(const rp_node *node, rp_text *out, rp_error *err);

static rp_status add_json_map(const rp_node *map, rp_text *out, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) const rp_entry **sorted = NULL;
  RP_TRY(rp_allocate(map->n, sizeof *sorted, &sorted, err));
  for (size_t i = 0; i < map->n; i++) sorted[i] = &map->entries[i];
  if (map->n) qsort(sorted, map->n, sizeof *sorted, by_key);
  rp_text_add(out, "{");
  for (size_t i = 0; i < map->n; i++) {
    if (i) rp_text_add(out, ",");
    rp_text_add_json_string(out, sorted[i]->key);
    rp_text_add(out, ":");
    RP_TRY(add_json(sorted[i]->value, out, err));
  }
  rp_text_add(out, "}");
  return RP_OK;
}

static rp_status add_json_list(const rp_node *list, rp_text *out, rp_error *err) {
  rp_text_add(out, "[");
  for (size_t i = 0; i < list->n; i++) {
    if (i) rp_text_add(out, ",");
    RP_TRY(add_json(list->entries[i].value, out, err));
  }
  rp_text_add(out, "]");
  return RP_OK;
}

static rp_status add_json(const rp_node *node, rp_text *out, rp_error *err) {
  switch (node->kind) {
  case RP_NODE_NULL:
    rp_text_add(out, "null");
    break;
  case RP_NODE_FLAG:
    rp_text_add(out, node->flag ? "true" : "false");
    break;
  case RP_NODE_NUMBER:
    if (!rp_number_canonical(node->text, out)) return rp_fail(err, RP_EMEMORY, "out of memory while a number was written");
    break;
  case RP_NODE_STRING:
    rp_text_add_json_string(out, node->text);
    break;
  case RP_NODE_LIST:
    return add_json_list(node, out, err);
  case RP_NODE_MAP:
    return add_json_map(node, out, err);
  }
  return RP_OK;
}

rp_status rp_node_json(const rp_node *node, char **out, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  RP_TRY(add_json(node, &text, err));
  return rp_text_take(&text, out, err);
}

/* ---- For people ------------------------------------------------------------------------------ */

/* A word is written without quotes where it is certain to be read back as itself; other strings get them, whether they need to or not. */
static int is_plain(const char *text) {
  static const char HARMLESS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+";
  RP_CLEANUP(rp_node_free) rp_node *node = NULL;
  if (rp_node_scalar(text, NULL, &node, NULL) != RP_OK || node->kind != RP_NODE_STRING) return 0;
  return text[strspn(text, HARMLESS)] == '\0' && text[0] != '-' && strncmp(text, "...", 3) != 0;
}

static void add_string(const char *string, rp_text *out) {
  if (is_plain(string))
    rp_text_add(out, string);
  else
    rp_text_add_json_string(out, string);
}

void rp_node_add_flow(const rp_node *node, rp_text *text) {
  switch (node->kind) {
  case RP_NODE_NULL:
    rp_text_add(text, "null");
    break;
  case RP_NODE_FLAG:
    rp_text_add(text, node->flag ? "on" : "off");
    break;
  case RP_NODE_NUMBER:
    if (!rp_number_canonical(node->text, text)) rp_text_add(text, node->text);
    break;
  case RP_NODE_STRING:
    add_string(node->text, text);
    break;
  case RP_NODE_LIST:
  case RP_NODE_MAP:
    rp_text_add(text, node->kind == RP_NODE_LIST ? "[" : "{");
    for (size_t i = 0; i < node->n; i++) {
      if (i) rp_text_add(text, ", ");
      if (node->kind == RP_NODE_MAP) {
        add_string(node->entries[i].key, text);
        rp_text_add(text, ": ");
      }
      rp_node_add_flow(node->entries[i].value, text);
    }
    rp_text_add(text, node->kind == RP_NODE_LIST ? "]" : "}");
    break;
  }
}

rp_status rp_node_flow(const rp_node *node, char **out, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  rp_node_add_flow(node, &text);
  return rp_text_take(&text, out, err);
}

static int is_empty_or_scalar(const rp_node *node) {
  return node->n == 0;
}

static int fits_a_line(const rp_node *node) {
  if (node->kind != RP_NODE_LIST) return is_empty_or_scalar(node);
  for (size_t i = 0; i < node->n; i++)
    if (!is_empty_or_scalar(node->entries[i].value)) return 0;
  return 1;
}

static void add_pretty(const rp_node *node, int indent, rp_text *text) {
  for (size_t i = 0; i < node->n; i++) {
    const rp_entry *entry = &node->entries[i];
    rp_text_format(text, "%*s", indent, "");
    if (node->kind == RP_NODE_LIST)
      rp_text_add(text, "-");
    else {
      add_string(entry->key, text);
      rp_text_add(text, ":");
    }
    int on_this_line = node->kind == RP_NODE_LIST || fits_a_line(entry->value);
    rp_text_add(text, on_this_line ? " " : "\n");
    if (!on_this_line) {
      add_pretty(entry->value, indent + 2, text);
      continue;
    }
    rp_node_add_flow(entry->value, text);
    rp_text_add(text, "\n");
  }
}

rp_status rp_node_pretty(const rp_node *node, char **out, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  if (!is_empty_or_scalar(node))
    add_pretty(node, 0, &text);
  else {
    rp_node_add_flow(node, &text);
    rp_text_add(&text, "\n");
  }
  return rp_text_take(&text, out, err);
}
