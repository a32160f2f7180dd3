/* key_values.h: one value against one row of a table of keys (rp_key_check_value of keys.h), and the words of a row. Internal to
 * experiments/config. */
#ifndef RP_CONFIG_KEY_VALUES_H
#define RP_CONFIG_KEY_VALUES_H

#include "experiments/config/keys.h"

/* The next of "a|b|c" from *at on: its start, not NUL-terminated, and its length in *n; moves *at behind it. NULL at the end. */
const char *rp_key_next_word(const char **at, size_t *n);

/* Appends "a, b, c". */
void rp_key_add_words(const char *words, rp_text *text);

/* Appends what a row accepts: "a number (0 to 1)", "one of drop, keep". */
void rp_key_add_accepted(const rp_key *key, rp_text *text);

/* Whether a value is a string that is not empty. */
int rp_key_is_text(const rp_node *value);

/* RP_EINPUT with the value's position, what was found, and what the row accepts. */
rp_status rp_key_refuse(const rp_key *key, const rp_node *value, rp_error *err);

#endif
