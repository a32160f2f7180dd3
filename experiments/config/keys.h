/* keys.h: tables of keys: each key of an experiment file, and each parameter of an op or a layer, is one row.
 *
 * Checking, defaults, "did you mean" and help all come from the rows. A row's name is its whole path in its table ("train.optimizer.lr").
 */
#ifndef RP_CONFIG_KEYS_H
#define RP_CONFIG_KEYS_H

#include "experiments/config/node.h"

typedef enum {
  RP_KEY_FLAG,     /* on, off */
  RP_KEY_INTEGER,  /* a whole number in its range, or one of `words` */
  RP_KEY_NUMBER,   /* a number in its range */
  RP_KEY_PERCENT,  /* 0 to 100, a decimal of at most 9 places */
  RP_KEY_WORD,     /* one of `words`; off may be one of them (a flag, to YAML) */
  RP_KEY_TEXT,     /* a string that is not empty */
  RP_KEY_TEXTS,    /* a list of them */
  RP_KEY_SEEDS,    /* a list of different whole numbers from 0, at least one */
  RP_KEY_EPOCHS,   /* a whole number from 1, or {after: one} */
  RP_KEY_MAP,      /* a map; its keys are rows, too */
  RP_KEY_SWITCHES, /* the same, or one of `words`; keys may also stand in a list, those that are just on without a value: [flip, crop: 4] */
  RP_KEY_NAMED,    /* a map with a `name` (one of `words`), or only the name; its other keys are rows */
  RP_KEY_OPEN,    /* the same, of any name; its keys are checked elsewhere (against a model's or scheme's parameters, a plugin's options) */
  RP_KEY_NAMES,   /* a list of such */
  RP_KEY_ANY_MAP, /* a map, a list: looked into elsewhere */
  RP_KEY_ANY_LIST
} rp_key_type;

typedef struct {
  const char *name;
  rp_key_type type;
  double lowest, highest; /* INTEGER, NUMBER: the closed range */
  const char *words;      /* "drop|keep"; NULL = none */
  const char *fallback;   /* default, as YAML; NULL = none */
  const char *of;         /* belongs to maps of this `name`, or of these: "adam|adamw"; NULL = to all */
  const char *help, *since;
} rp_key;

typedef struct {
  const rp_key *rows;
  int n;
} rp_key_table;

/* The keys of experiment files. */
extern const rp_key_table rp_experiment_keys;

/* Checks a map against the rows below `section` ("" = the top). Errors: RP_EINPUT with position: unknown key (the nearest, those there
 * are), a key of another `name`, wrong type, outside its range. */
rp_status rp_keys_check(const rp_key_table *table, const char *section, const rp_node *map, rp_error *err);

/* Writes the defaults of missing keys into a checked map, whole sections included; a name alone becomes {name: …}. */
rp_status rp_keys_fill(const rp_key_table *table, const char *section, rp_node *map, rp_error *err);

/* A row by its whole name; NULL where there is none. With `of`, the row of that name's map. */
const rp_key *rp_key_find(const rp_key_table *table, const char *name, const char *of);

/* Checks one value against one row (without the keys below it). */
rp_status rp_key_check_value(const rp_key *key, const rp_node *value, rp_error *err);

/* The rows as a help text, one or two lines each: name, what is accepted, default, help. `section` as in rp_keys_check, rows below it
 * included. */
void rp_keys_add_help(const rp_key_table *table, const char *section, rp_text *text);

/* "; did you mean 'a'? There are: a, b, c", or "; there are: a, b, c" where none is near. `words`: [n]. */
void rp_add_suggestion(const char *word, const char *const *words, int n, rp_text *text);

/* The place of a text in "a|b|c", from 0; -1 where it is none of them. */
int rp_word_index(const char *words, const char *text);

#endif
