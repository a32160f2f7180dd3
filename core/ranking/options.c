/* options.c: one parser per kind of option. */
#include "core/ranking/options.h"

#include "core/base/memory.h"
#include "core/base/spelling.h"
#include "core/base/text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_WORDS = 64, WORD_SIZE = 64 };

/* The words of "paper|authors"; at most MOST_WORDS, which rp_plugin_describe holds plugins to. */
static int split_choices(const char *choices, char words[MOST_WORDS][WORD_SIZE]) {
  int n = 0;
  for (const char *word = choices; word && *word && n < MOST_WORDS; n++) {
    size_t length = strcspn(word, "|");
    snprintf(words[n], WORD_SIZE, "%.*s", (int)length, word);
    word += length + (word[length] == '|');
  }
  return n;
}

static const char *did_you_mean(const char *word, const char *const *words, int n, char out[WORD_SIZE + 32]) {
  const char *nearest = rp_nearest_spelling(word, words, n);
  out[0] = '\0';
  if (nearest) snprintf(out, WORD_SIZE + 32, "; did you mean %s?", nearest);
  return out;
}

static rp_status parse_number(const rp_plugin_description *ranker, int index, const char *text, double *out, rp_error *err) {
  const char *name = ranker->options[index].name;
  double lowest = ranker->options[index].lowest, highest = ranker->options[index].highest;
  int whole = ranker->options[index].kind == RP_OPTION_INTEGER;
  char *end;
  /* strtod alone would also take hexadecimal, "inf", "nan" and leading space. */
  int plain = *text && strspn(text, "0123456789+-.eE") == strlen(text);
  double number = plain ? strtod(text, &end) : 0;
  if (!plain || *end || !isfinite(number) || (whole && number != floor(number)))
    return rp_fail(err, RP_EINPUT, "ranker %s: option %s is \"%s\", but takes %s from %g to %g", ranker->name, name, text,
                   whole ? "a whole number" : "a number", lowest, highest);
  if (number < lowest || number > highest)
    return rp_fail(err, RP_EINPUT, "ranker %s: option %s is %s, outside its range from %g to %g", ranker->name, name, text, lowest,
                   highest);
  *out = number + 0.0; /* -0 becomes 0 */
  return RP_OK;
}

static rp_status parse_flag(const rp_plugin_description *ranker, int index, const char *text, double *out, rp_error *err) {
  static const char *const words[] = {"off", "on", "false", "true", "no", "yes", "0", "1"};
  for (int i = 0; i < (int)(sizeof words / sizeof words[0]); i++)
    if (strcmp(text, words[i]) == 0) {
      *out = i % 2;
      return RP_OK;
    }
  return rp_fail(err, RP_EINPUT, "ranker %s: option %s is \"%s\", but takes on or off", ranker->name, ranker->options[index].name, text);
}

static rp_status parse_choice(const rp_plugin_description *ranker, int index, const char *text, double *out, rp_error *err) {
  char words[MOST_WORDS][WORD_SIZE], hint[WORD_SIZE + 32];
  const char *pointers[MOST_WORDS];
  int n = split_choices(ranker->options[index].choices, words);
  for (int i = 0; i < n; i++) {
    pointers[i] = words[i];
    if (strcmp(text, words[i]) == 0) {
      *out = i;
      return RP_OK;
    }
  }
  return rp_fail(err, RP_EINPUT, "ranker %s: option %s is \"%s\", but takes %s%s", ranker->name, ranker->options[index].name, text,
                 ranker->options[index].choices, did_you_mean(text, pointers, n, hint));
}

static rp_status parse_value(const rp_plugin_description *ranker, int index, const char *text, double *out, rp_error *err) {
  switch (ranker->options[index].kind) {
  case RP_OPTION_FLAG:
    return parse_flag(ranker, index, text, out, err);
  case RP_OPTION_CHOICE:
    return parse_choice(ranker, index, text, out, err);
  case RP_OPTION_NUMBER:
  case RP_OPTION_INTEGER:
    break;
  }
  return parse_number(ranker, index, text, out, err);
}

/* Every ranker has the option that the host itself sees to. */
static rp_status fail_unknown(const rp_plugin_description *ranker, const char *name, rp_error *err) {
  if (ranker->n_options == 0) return rp_fail(err, RP_EINPUT, "ranker %s has no option %s: it takes none but normalise", ranker->name, name);
  RP_CLEANUP(rp_text_free) rp_text names = {0};
  RP_CLEANUP(rp_free_pointer) const char **pointers = NULL;
  char hint[WORD_SIZE + 32];
  int n = ranker->n_options;
  RP_TRY(rp_allocate((size_t)n + 1, sizeof *pointers, &pointers, err));
  for (int i = 0; i <= n; i++) {
    pointers[i] = i < n ? ranker->options[i].name : "normalise";
    rp_text_format(&names, "%s%s", i ? ", " : "", pointers[i]);
  }
  return rp_fail(err, RP_EINPUT, "ranker %s has no option %s, only: %s%s", ranker->name, name, rp_text_string(&names),
                 did_you_mean(name, pointers, n + 1, hint));
}

static int find_option(const rp_plugin_description *ranker, const char *name) {
  for (int i = 0; i < ranker->n_options; i++)
    if (strcmp(ranker->options[i].name, name) == 0) return i;
  return -1;
}

/* Values and, behind them, the words of choices, in one block. */
static rp_status allocate_values(const rp_plugin_description *ranker, rp_value **values, rp_error *err) {
  return rp_allocate((size_t)ranker->n_options, sizeof(rp_value) + WORD_SIZE, values, err);
}

static void set_words(const rp_plugin_description *ranker, rp_value *values) {
  char(*text)[WORD_SIZE] = (char(*)[WORD_SIZE])(values + ranker->n_options);
  for (int i = 0; i < ranker->n_options; i++) {
    if (ranker->options[i].kind != RP_OPTION_CHOICE) continue;
    char words[MOST_WORDS][WORD_SIZE];
    split_choices(ranker->options[i].choices, words);
    memcpy(text[i], words[(int)values[i].number], WORD_SIZE);
    values[i].text = text[i];
  }
}

rp_status rp_ranker_options_parse(const rp_plugin_description *description, const rp_option_text *given, int n_given, rp_value **values,
                                  rp_error *err) {
  *values = NULL;
  for (int i = 0; i < n_given; i++) {
    if (find_option(description, given[i].name) < 0) return fail_unknown(description, given[i].name, err);
    for (int j = 0; j < i; j++)
      if (strcmp(given[i].name, given[j].name) == 0)
        return rp_fail(err, RP_EINPUT, "ranker %s: option %s is given twice", description->name, given[i].name);
  }
  if (description->n_options == 0) return RP_OK;

  RP_CLEANUP(rp_free_pointer) rp_value *parsed = NULL;
  RP_TRY(allocate_values(description, &parsed, err));
  for (int i = 0; i < description->n_options; i++) {
    parsed[i].size = sizeof parsed[i];
    parsed[i].number = description->options[i].default_number;
  }
  for (int i = 0; i < n_given; i++) {
    int index = find_option(description, given[i].name);
    RP_TRY(parse_value(description, index, given[i].text, &parsed[index].number, err));
  }
  set_words(description, parsed);
  *values = parsed;
  parsed = NULL;
  return RP_OK;
}

rp_status rp_ranker_option_text(const rp_plugin_description *description, int index, const rp_value *value, char **text, rp_error *err) {
  char number[RP_NUMBER_TEXT];
  switch (description->options[index].kind) {
  case RP_OPTION_FLAG:
    return rp_copy_string(value->number != 0 ? "on" : "off", text, err);
  case RP_OPTION_CHOICE:
    return rp_copy_string(value->text, text, err);
  case RP_OPTION_NUMBER:
  case RP_OPTION_INTEGER:
    break;
  }
  rp_number_text(value->number, number);
  return rp_copy_string(number, text, err);
}
