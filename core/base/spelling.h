/* spelling.h: the word that somebody probably meant, for "did you mean". */
#ifndef RP_BASE_SPELLING_H
#define RP_BASE_SPELLING_H

/* The word among `words` ([n]) nearest to `word`: fewest insertions, deletions, replacements and swaps of neighbours, the first among equal
 * ones. NULL where none is near: more than a third of the longer word's letters differ (one may always differ), or a word has more than 63
 * bytes. Upper and lower case count as equal. */
const char *rp_nearest_spelling(const char *word, const char *const *words, int n);

#endif
