/* plugin_check.c: what a plugin says of itself, held against the rules of ranker.h. */
#include "core/ranking/plugin_open.h"
#include "core/ranking/select.h"

#include <ctype.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

enum { LONGEST_NAME = 63, MOST_OPTIONS = 64, MOST_CHOICES = 64 };

static const uint32_t KNOWN_FLAGS =
    RP_USES_WEIGHT_GRADIENT | RP_USES_ACTIVATION | RP_USES_ACTIVATION_GRADIENT | RP_USES_ABLATION | RP_USES_HESSIAN_PRODUCT | RP_STOCHASTIC;

int rp_plugin_name_is_valid(const char *name) {
  size_t length = name ? strlen(name) : 0;
  return length > 0 && length <= LONGEST_NAME && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

static int is_word(const char *word) {
  size_t length = strlen(word);
  for (const char *c = word; *c; c++)
    if (!isgraph((unsigned char)*c) || *c == '|') return 0;
  return length > 0 && length <= LONGEST_NAME;
}

static int is_whole(double number) {
  return isfinite(number) && number == floor(number);
}

static rp_status check_range(const rp_option *option, rp_error *err) {
  double given = option->default_number, lowest = option->lowest, highest = option->highest;
  if (!isfinite(lowest) || !isfinite(highest) || !(lowest <= highest))
    return rp_fail(err, RP_EINPUT, "option %s has no valid range: from %g to %g", option->name, lowest, highest);
  if (!(given >= lowest && given <= highest))
    return rp_fail(err, RP_EINPUT, "option %s: its default %g is outside its range from %g to %g", option->name, given, lowest, highest);
  if (option->kind == RP_OPTION_INTEGER && !is_whole(given))
    return rp_fail(err, RP_EINPUT, "option %s: its default %g is not a whole number", option->name, given);
  return RP_OK;
}

static rp_status check_choices(const rp_option *option, rp_error *err) {
  int n = 0;
  for (; option->choices && option->choices[n]; n++) {
    if (n == MOST_CHOICES) return rp_fail(err, RP_EINPUT, "option %s has more than %d choices", option->name, MOST_CHOICES);
    if (!is_word(option->choices[n]))
      return rp_fail(err, RP_EINPUT, "option %s: choice %d is not a word of 1 to %d characters without space and |", option->name, n + 1,
                     LONGEST_NAME);
  }
  if (n == 0) return rp_fail(err, RP_EINPUT, "option %s has no choices", option->name);
  if (!is_whole(option->default_number) || option->default_number < 0 || option->default_number >= n)
    return rp_fail(err, RP_EINPUT, "option %s: its default %g is not the index of one of its %d choices", option->name,
                   option->default_number, n);
  return RP_OK;
}

static rp_status check_option(const rp_option *option, rp_error *err) {
  if (option->size < sizeof *option)
    return rp_fail(err, RP_EINPUT, "an option's size is %u, not sizeof(rp_option) = %zu", (unsigned)option->size, sizeof *option);
  if (!rp_plugin_name_is_valid(option->name)) return rp_fail(err, RP_EINPUT, "an option's name is not of the form [a-z0-9-]+");
  if (strcmp(option->name, "name") == 0 || strcmp(option->name, "normalise") == 0)
    return rp_fail(err, RP_EINPUT, "an option is called %s, which means something else in an experiment file; call it otherwise",
                   option->name);
  if (!option->help) return rp_fail(err, RP_EINPUT, "option %s has no help", option->name);
  switch (option->kind) {
  case RP_OPTION_NUMBER:
  case RP_OPTION_INTEGER:
    return check_range(option, err);
  case RP_OPTION_CHOICE:
    return check_choices(option, err);
  case RP_OPTION_FLAG:
    if (option->default_number == 0 || option->default_number == 1) return RP_OK;
    return rp_fail(err, RP_EINPUT, "option %s: its default %g is neither 0 nor 1", option->name, option->default_number);
  }
  return rp_fail(err, RP_EINPUT, "option %s is of unknown kind %d", option->name, (int)option->kind);
}

static rp_status check_options(const rp_option *const *options, rp_error *err) {
  for (int i = 0; options && options[i]; i++) {
    if (i == MOST_OPTIONS) return rp_fail(err, RP_EINPUT, "more than %d options", MOST_OPTIONS);
    RP_TRY(check_option(options[i], err));
    for (int j = 0; j < i; j++)
      if (strcmp(options[i]->name, options[j]->name) == 0) return rp_fail(err, RP_EINPUT, "two options are called %s", options[i]->name);
  }
  return RP_OK;
}

rp_status rp_plugin_check(const rp_ranker *ranker, rp_error *err) {
  rp_normalise normalise;
  if (!rp_plugin_name_is_valid(ranker->name))
    return rp_fail(err, RP_EINPUT, "the ranker's name is not of the form [a-z0-9-]+, at most %d characters", LONGEST_NAME);
  if (!ranker->version || !*ranker->version) return rp_fail(err, RP_EINPUT, "ranker %s has no version", ranker->name);
  if (!ranker->doc || !*ranker->doc) return rp_fail(err, RP_EINPUT, "ranker %s has no doc", ranker->name);
  if (ranker->flags & ~KNOWN_FLAGS)
    return rp_fail(err, RP_EINPUT, "ranker %s asks for what this program does not know (flags %#x); it needs a newer one", ranker->name,
                   (unsigned)(ranker->flags & ~KNOWN_FLAGS));
  if (ranker->normalise && !rp_normalise_parse(ranker->normalise, &normalise))
    return rp_fail(err, RP_EINPUT, "ranker %s: normalise is \"%s\", but takes none, layer-mean, layer-l2, layer-max or layer-rank",
                   ranker->name, ranker->normalise);
  if (!ranker->score) return rp_fail(err, RP_EINPUT, "ranker %s has no score function", ranker->name);
  if (ranker->options && ranker->options[0] && !ranker->create)
    return rp_fail(err, RP_EINPUT, "ranker %s has options, but no create function that would be given them", ranker->name);
  RP_TRY_IN(check_options(ranker->options, err), err, "ranker %s", ranker->name);
  return RP_OK;
}
