/* find_trial.c: from what somebody wrote to the one trial that is meant; where there is none, or more than one, to what could be written.
 */
#include "core/base/memory.h"
#include "core/base/spelling.h"
#include "core/base/text.h"
#include "results/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SUGGESTED = 6 };

/* ---- Names ----------------------------------------------------------------------------------- */

static int is_beginning_of_id(const rp_trial_result *trial, const char *name) {
  char hex[RP_ID_HEX + 1];
  rp_id_hex(trial->trial, hex);
  return *name && strncmp(hex, name, strlen(name)) == 0;
}

static int is_arm_and_seed(const rp_trial_result *trial, const char *name) {
  char seed[32];
  snprintf(seed, sizeof seed, "/%lld", (long long)trial->seed);
  size_t length = strlen(trial->arm);
  return strncmp(name, trial->arm, length) == 0 && strcmp(name + length, seed) == 0;
}

/* What follows "EXPERIMENT:", where a name starts with that of the trial's experiment; else NULL. */
static const char *behind_experiment(const rp_trial_result *trial, const char *name) {
  size_t length = strlen(trial->experiment);
  return strncmp(name, trial->experiment, length) == 0 && name[length] == ':' ? name + length + 1 : NULL;
}

static int is_named(const rp_trial_result *trial, const char *name) {
  const char *rest = behind_experiment(trial, name);
  if (is_beginning_of_id(trial, name) || is_arm_and_seed(trial, name)) return 1;
  return rest && (is_beginning_of_id(trial, rest) || is_arm_and_seed(trial, rest));
}

static void add_whole_name(const rp_trial_result *trial, rp_text *text) {
  rp_text_format(text, "%s:%s/%lld", trial->experiment, trial->arm, (long long)trial->seed);
}

/* ARM/SEED where that is enough. */
static void add_name(const rp_trial_list *list, const rp_trial_result *trial, rp_text *text) {
  for (int i = 0; i < list->n; i++) {
    const rp_trial_result *other = &list->trials[i];
    if (other->seed != trial->seed || strcmp(other->arm, trial->arm) != 0 || rp_id_equal(other->trial, trial->trial)) continue;
    add_whole_name(trial, text);
    return;
  }
  rp_text_format(text, "%s/%lld", trial->arm, (long long)trial->seed);
}

/* Whether trial `i` fits a name, and is not one that did so before, in another experiment. */
static int is_new(const rp_trial_list *list, int i, int (*fits)(const rp_trial_result *, const char *), const char *name) {
  if (!fits(&list->trials[i], name)) return 0;
  for (int j = 0; j < i; j++)
    if (rp_id_equal(list->trials[j].trial, list->trials[i].trial) && fits(&list->trials[j], name)) return 0;
  return 1;
}

/* ---- More than one --------------------------------------------------------------------------- */

static rp_status fail_ambiguous(const rp_trial_list *list, const char *name, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  int n = 0;
  for (int i = 0; i < list->n; i++) {
    char hex[RP_ID_HEX + 1];
    if (!is_new(list, i, is_named, name) || n++ >= MOST_SUGGESTED) continue;
    rp_id_hex(list->trials[i].trial, hex);
    rp_text_add(&text, text.length ? ", '" : "'");
    add_whole_name(&list->trials[i], &text);
    rp_text_format(&text, "' (%.12s)", hex);
  }
  if (n > MOST_SUGGESTED) rp_text_format(&text, ", and %d more", n - MOST_SUGGESTED);
  RP_TRY(rp_text_check(&text, err));
  return rp_fail(err, RP_EUSAGE, "'%s' fits more than one trial; write one of %s", name, rp_text_string(&text));
}

/* ---- None ------------------------------------------------------------------------------------ */

static int begins(const char *word, size_t length, const char *given, size_t n) {
  return length >= n && memcmp(word, given, n) == 0 && (length == n || word[n] == '(');
}

/* Whether a word of a label is "ortho", "ranker=ortho" or "ranker=ortho(variant=authors)", for "ortho". */
static int says(const char *word, size_t length, const char *given, size_t n) {
  const char *equals = memchr(word, '=', length);
  if (begins(word, length, given, n)) return 1;
  return equals && begins(equals + 1, length - (size_t)(equals + 1 - word), given, n);
}

static int label_says(const char *label, const char *given, size_t n) {
  for (; *label; label += strspn(label, " ")) {
    size_t length = strcspn(label, " ");
    if (says(label, length, given, n)) return 1;
    label += length;
  }
  return 0;
}

/* Whether a trial's label says all that somebody gave as an arm, as far as its last '/', and the seed is the one behind that, if any is:
 * "random/1" for "ranker=random p=30/1". */
static int is_meant(const rp_trial_result *trial, const char *name) {
  const char *rest = behind_experiment(trial, name);
  if (rest) name = rest;
  const char *slash = strrchr(name, '/'), *end = slash ? slash : name + strlen(name);
  char seed[32];
  snprintf(seed, sizeof seed, "%lld", (long long)trial->seed);
  if (slash && strcmp(slash + 1, seed) != 0) return 0;
  int n_words = 0;
  for (const char *word = name; word < end; word++) {
    size_t length = strcspn(word, " /");
    if (word + length > end) length = (size_t)(end - word);
    if (length && !label_says(trial->arm, word, length)) return 0;
    n_words += length > 0;
    word += length;
  }
  return n_words > 0;
}

static void add_suggestion(const char *name, int is_first, rp_text *text) {
  rp_text_format(text, "%s'%s'", is_first ? "" : ", ", name);
}

static rp_status suggest_meant(const rp_trial_list *list, const char *name, rp_text *text, rp_error *err) {
  int n = 0;
  for (int i = 0; i < list->n && n < MOST_SUGGESTED; i++) {
    RP_CLEANUP(rp_text_free) rp_text one = {0};
    if (!is_new(list, i, is_meant, name)) continue;
    add_name(list, &list->trials[i], &one);
    RP_TRY(rp_text_check(&one, err));
    add_suggestion(rp_text_string(&one), n++ == 0, text);
  }
  return rp_text_check(text, err);
}

static void free_words(char ***words) {
  for (char **word = *words; word && *word; word++) free(*word);
  free(*words);
}

/* A slip of the pen, with or without the experiment. */
static rp_status suggest_nearest(const rp_trial_list *list, const char *name, rp_text *text, rp_error *err) {
  RP_CLEANUP(free_words) char **words = NULL;
  RP_TRY(rp_allocate((size_t)list->n * 2 + 1, sizeof *words, &words, err));
  for (int i = 0; i < 2 * list->n; i++) {
    RP_CLEANUP(rp_text_free) rp_text one = {0};
    if (i % 2)
      add_whole_name(&list->trials[i / 2], &one);
    else
      add_name(list, &list->trials[i / 2], &one);
    RP_TRY(rp_text_take(&one, &words[i], err));
  }
  const char *nearest = rp_nearest_spelling(name, (const char *const *)words, 2 * list->n);
  if (nearest) add_suggestion(nearest, 1, text);
  return rp_text_check(text, err);
}

static rp_status fail_unknown(const rp_trial_list *list, const char *name, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  RP_TRY(suggest_meant(list, name, &text, err));
  if (!text.length) RP_TRY(suggest_nearest(list, name, &text, err));
  if (!text.length) return rp_fail(err, RP_EUSAGE, "no trial '%s'; `repr status` lists them", name);
  return rp_fail(err, RP_EUSAGE, "no trial '%s'; did you mean %s? `repr status` lists them", name, rp_text_string(&text));
}

rp_status rp_trial_list_find(const rp_trial_list *list, const char *name, const rp_trial_result **out, rp_error *err) {
  *out = NULL;
  for (int i = 0; i < list->n; i++) {
    if (!is_named(&list->trials[i], name)) continue;
    if (*out && !rp_id_equal((*out)->trial, list->trials[i].trial)) return fail_ambiguous(list, name, err);
    *out = &list->trials[i];
  }
  return *out ? RP_OK : fail_unknown(list, name, err);
}
