/* options.h: a criterion's options, from the words in an experiment file to the values that its plugin is given.
 *
 * Works from a plugin's description, so that a plan can be checked without loading any plugin. */
#ifndef RP_RANKING_OPTIONS_H
#define RP_RANKING_OPTIONS_H

#include "core/ranking/plugin.h"

/* One option as somebody wrote it: `{name: ortho, variant: authors}` gives {"variant", "authors"}. */
typedef struct {
  const char *name, *text;
} rp_option_text;

/* Checks options and turns them into values; those that are not given get their defaults.
 *
 *   NUMBER   a decimal, also with an exponent          INTEGER  a whole number ("3", "3.0")
 *   FLAG     on, off, true, false, yes, no, 1, 0       CHOICE   one of its words
 *
 *   given    [n_given], in any order
 *   values   one per option of the description, in its order; one block, which the caller frees with free(); NULL for a plugin without
 * options
 *
 * Errors: RP_EINPUT: an option that the ranker does not have (with those that it has and the nearest), one given twice, a text that is no
 * value of its kind or lies outside its range (with what was found and what is accepted); RP_EMEMORY. */
rp_status rp_ranker_options_parse(const rp_plugin_description *description, const rp_option_text *given, int n_given, rp_value **values,
                                  rp_error *err);

/* One value as the shortest text that parses back to it ("0.1", "on", "authors"): equal values give equal texts, so that they can stand in
 * ids. The caller frees. `index` is the option's place in the description. */
rp_status rp_ranker_option_text(const rp_plugin_description *description, int index, const rp_value *value, char **text, rp_error *err);

#endif
