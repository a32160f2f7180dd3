/* spelling.c: the distance is Damerau and Levenshtein's, in its variant that swaps each pair of neighbours at most once. */
#include "core/base/spelling.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

enum { LONGEST = 63 };

static int same_letter(char a, char b) {
  return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static int smaller(int a, int b) {
  return a < b ? a : b;
}

static int distance(const char *a, int a_length, const char *b, int b_length) {
  int rows[LONGEST + 1][LONGEST + 1];
  for (int i = 0; i <= a_length; i++) rows[i][0] = i;
  for (int j = 0; j <= b_length; j++) rows[0][j] = j;
  for (int i = 1; i <= a_length; i++)
    for (int j = 1; j <= b_length; j++) {
      int best = rows[i - 1][j - 1] + !same_letter(a[i - 1], b[j - 1]);
      best = smaller(best, smaller(rows[i - 1][j], rows[i][j - 1]) + 1);
      if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) && same_letter(a[i - 2], b[j - 1]))
        best = smaller(best, rows[i - 2][j - 2] + 1);
      rows[i][j] = best;
    }
  return rows[a_length][b_length];
}

const char *rp_nearest_spelling(const char *word, const char *const *words, int n) {
  size_t length = strlen(word);
  if (length > LONGEST) return NULL;
  const char *nearest = NULL;
  int nearest_distance = 0;
  for (int i = 0; i < n; i++) {
    size_t other = strlen(words[i]);
    if (other > LONGEST) continue;
    int allowed = (int)(length > other ? length : other) / 3;
    if (allowed < 1) allowed = 1;
    int d = distance(word, (int)length, words[i], (int)other);
    if (d <= allowed && (!nearest || d < nearest_distance)) {
      nearest = words[i];
      nearest_distance = d;
    }
  }
  return nearest;
}
