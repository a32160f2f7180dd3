/* select.c: candidates are put in one order, worst first; the drop walks along it and passes over those whose layer has given all that it
 * may. */
#include "core/ranking/select.h"

#include "core/base/draws.h"
#include "core/base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Decimals -------------------------------------------------------------------------------- */

static const uint64_t DIGITS_LIMIT = 1000000000000u; /* 10^12 */
enum { MOST_DECIMALS = 9 };

int rp_decimal_parse(const char *text, rp_decimal *out) {
  static const char digits_of[] = "0123456789";
  size_t whole = strspn(text, digits_of), fraction = 0;
  if (whole == 0) return 0;
  if (text[whole] == '.') {
    fraction = strspn(text + whole + 1, digits_of);
    if (fraction == 0) return 0;
  }
  if (text[whole + (fraction ? fraction + 1 : 0)] != '\0') return 0;
  while (fraction > 0 && text[whole + fraction] == '0') fraction--;
  if (fraction > MOST_DECIMALS) return 0;

  uint64_t digits = 0;
  for (size_t i = 0; i < whole + (fraction ? fraction + 1 : 0); i++) {
    if (i == whole) continue; /* the point */
    digits = digits * 10 + (uint64_t)(text[i] - '0');
    if (digits >= DIGITS_LIMIT) return 0;
  }
  *out = (rp_decimal){digits, (uint32_t)fraction};
  return 1;
}

static uint64_t hundred_of(rp_decimal p) {
  uint64_t hundred = 100;
  for (uint32_t i = 0; i < p.decimals; i++) hundred *= 10;
  return hundred;
}

uint64_t rp_decimal_share(rp_decimal p, uint64_t n) {
  __extension__ typedef unsigned __int128 wide; /* 40 bits of digits times 64 of n */
  return (uint64_t)((wide)p.digits * n / hundred_of(p));
}

static double as_number(rp_decimal p) {
  return 100.0 * (double)p.digits / (double)hundred_of(p);
}

/* ---- Names ----------------------------------------------------------------------------------- */

static const char *const NORMALISE_NAMES[RP_N_NORMALISES] = {
#define NORMALISE_NAME(code, name, help) [code] = name,
    RP_NORMALISE_LIST(NORMALISE_NAME)
#undef NORMALISE_NAME
};

const char *rp_normalise_name(rp_normalise normalise) {
  return (unsigned)normalise < RP_N_NORMALISES ? NORMALISE_NAMES[normalise] : "?";
}

int rp_normalise_parse(const char *name, rp_normalise *out) {
  for (int i = 0; i < RP_N_NORMALISES; i++)
    if (strcmp(name, NORMALISE_NAMES[i]) == 0) {
      *out = (rp_normalise)i;
      return 1;
    }
  return 0;
}

/* ---- Counts ---------------------------------------------------------------------------------- */

static int is_skipped(const rp_selection *how, int conv) {
  return how->skip && how->skip[conv];
}

static int all_filters(const rp_filter_counts *counts) {
  int n = 0;
  for (int l = 0; l < counts->n_convs; l++) n += counts->K[l];
  return n;
}

/* How many filters of a layer may still go, given how many went before. */
static int room_in_layer(const rp_filter_counts *counts, const rp_selection *how, int conv, int dropped) {
  if (is_skipped(how, conv)) return 0;
  int by_keep = counts->K[conv] - dropped - how->keep_at_least;
  int by_share = (int)rp_decimal_share(how->drop_at_most, (uint64_t)counts->K[conv]) - dropped;
  int room = by_keep < by_share ? by_keep : by_share;
  return room > 0 ? room : 0;
}

static int dropped_in_layer(const uint8_t *dropped_before, int first, int K) {
  int n = 0;
  for (int k = 0; dropped_before && k < K; k++) n += dropped_before[first + k] != 0;
  return n;
}

static rp_status check_percentages(const rp_selection *how, rp_error *err) {
  if (how->p.digits > hundred_of(how->p))
    return rp_fail(err, RP_EINPUT, "p is %.12g, but is the percentage of filters to drop: 0 to 100", as_number(how->p));
  if (how->drop_at_most.digits > hundred_of(how->drop_at_most))
    return rp_fail(err, RP_EINPUT, "limits.drop_at_most is %.12g, but is a percentage of a layer's filters: 0 to 100",
                   as_number(how->drop_at_most));
  if (how->keep_at_least < 0) return rp_fail(err, RP_EINPUT, "limits.keep_at_least is %d: it takes 0 or more filters", how->keep_at_least);
  return RP_OK;
}

rp_status rp_selection_count(const rp_filter_counts *counts, const rp_selection *how, const uint8_t *dropped_before, int *count,
                             uint32_t *lowest, uint32_t *highest, rp_error *err) {
  RP_TRY(check_percentages(how, err));
  int n_filters = all_filters(counts), total = 0, total_room = 0, total_dropped = 0, first = 0;
  for (int l = 0; l < counts->n_convs; first += counts->K[l++]) {
    int K = counts->K[l], dropped = dropped_in_layer(dropped_before, first, K);
    int room = room_in_layer(counts, how, l, dropped);
    int quota = is_skipped(how, l) ? 0 : (int)rp_decimal_share(how->p, (uint64_t)K);
    if (how->scope == RP_SCOPE_LAYER && quota > room)
      return rp_fail(err, RP_EINPUT,
                     "layer %s: %d of its %d filters are to be dropped, but the limits leave %d (%d dropped before, keep_at_least %d, "
                     "drop_at_most %d filters); use a smaller p or looser limits",
                     counts->names[l], quota, K, room, dropped, how->keep_at_least, (int)rp_decimal_share(how->drop_at_most, (uint64_t)K));
    if (lowest) lowest[l] = how->scope == RP_SCOPE_LAYER ? (uint32_t)quota : 0;
    if (highest) highest[l] = (uint32_t)(how->scope == RP_SCOPE_LAYER ? quota : room);
    total += quota;
    total_room += room;
    total_dropped += dropped;
  }
  if (how->scope == RP_SCOPE_NETWORK) total = (int)rp_decimal_share(how->p, (uint64_t)n_filters);
  if (total > total_room)
    return rp_fail(
        err, RP_EINPUT,
        "%d of %d filters are to be dropped, but the limits leave %d in all layers together (%d dropped before; skip, keep_at_least %d and "
        "drop_at_most hold the others); use a smaller p or looser limits",
        total, n_filters, total_room, total_dropped, how->keep_at_least);
  *count = total;
  return RP_OK;
}

/* ---- Normalisation --------------------------------------------------------------------------- */

static double divisor_of(rp_normalise how, const uint8_t *active, const float *scores, int K) {
  double sum = 0, squares = 0, largest = 0;
  int n = 0;
  for (int k = 0; k < K; k++) {
    if (!active[k]) continue;
    double size = fabs((double)scores[k]);
    sum += size;
    squares += size * size;
    if (size > largest) largest = size;
    n++;
  }
  switch (how) {
  case RP_NORMALISE_LAYER_MEAN:
    return n ? sum / n : 0;
  case RP_NORMALISE_LAYER_L2:
    return sqrt(squares);
  case RP_NORMALISE_LAYER_MAX:
    return largest;
  default:
    return 0;
  }
}

static void rank_layer(const uint8_t *active, const float *scores, int K, float *ranks) {
  for (int k = 0; k < K; k++) {
    int below = 0, equal = 0, n = 0;
    for (int j = 0; j < K; j++) {
      if (!active[j]) continue;
      n++;
      below += scores[j] < scores[k];
      equal += scores[j] == scores[k];
    }
    if (active[k]) ranks[k] = n > 1 ? (float)((below + (equal - 1) / 2.0) / (n - 1)) : 0.5f;
  }
}

rp_status rp_normalise_scores(const rp_filter_counts *counts, rp_normalise how, const uint8_t *active, float *scores, rp_error *err) {
  if (how == RP_NORMALISE_NONE) return RP_OK;
  RP_CLEANUP(rp_free_pointer) float *ranks = NULL;
  RP_TRY(rp_allocate((size_t)all_filters(counts), sizeof *ranks, &ranks, err));
  int first = 0;
  for (int l = 0; l < counts->n_convs; first += counts->K[l++]) {
    int K = counts->K[l];
    if (how == RP_NORMALISE_LAYER_RANK) {
      rank_layer(active + first, scores + first, K, ranks + first);
      for (int f = first; f < first + K; f++)
        if (active[f]) scores[f] = ranks[f];
      continue;
    }
    double divisor = divisor_of(how, active + first, scores + first, K);
    for (int f = first; f < first + K; f++)
      if (active[f] && divisor > 0) scores[f] = (float)(scores[f] / divisor);
  }
  return RP_OK;
}

/* ---- Order and choice ------------------------------------------------------------------------ */

/* A candidate on its way into the order. */
typedef struct {
  float score;
  double draw;
  int filter, conv;
} candidate;

static int worse_first(const void *left, const void *right) {
  const candidate *a = left, *b = right;
  if (a->score != b->score) return a->score < b->score ? -1 : 1;
  if (a->draw != b->draw) return a->draw < b->draw ? -1 : 1;
  return a->filter - b->filter;
}

/* All active filters, worst first. The caller frees. */
static rp_status order_candidates(const rp_filter_counts *counts, const float *scores, const uint8_t *active, uint64_t seed, uint32_t cycle,
                                  candidate **order, int *n, rp_error *err) {
  RP_TRY(rp_allocate((size_t)all_filters(counts), sizeof **order, order, err));
  *n = 0;
  int first = 0;
  for (int l = 0; l < counts->n_convs; first += counts->K[l++])
    for (int k = 0; k < counts->K[l]; k++) {
      if (!active[first + k]) continue;
      rp_stream stream = rp_stream_of(seed, RP_DRAW_TIE, cycle, (uint32_t)l, (uint32_t)k, 0);
      (*order)[(*n)++] = (candidate){scores[first + k], rp_draw_uniform(&stream, 0), first + k, l};
    }
  qsort(*order, (size_t)*n, sizeof **order, worse_first);
  return RP_OK;
}

/* Which filters are dropped already, as the complement of the active ones. The caller frees. */
static rp_status complement(const rp_filter_counts *counts, const uint8_t *active, uint8_t **dropped, rp_error *err) {
  int n = all_filters(counts);
  RP_TRY(rp_allocate((size_t)n, 1, dropped, err));
  for (int f = 0; f < n; f++) (*dropped)[f] = !active[f];
  return RP_OK;
}

/* How many of a layer are to go if no limit stood in the way: scope layer only. */
static int unlimited_quota(const rp_filter_counts *counts, const rp_selection *how, int conv) {
  return (int)rp_decimal_share(how->p, (uint64_t)counts->K[conv]);
}

/* Filters among the worst that stay because their layer is skipped or has given all that it may. */
static rp_status count_limits_used(const rp_filter_counts *counts, const rp_selection *how, const candidate *order, int n,
                                   const uint8_t *set, const int *room, int count, int *used, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) int *seen = NULL;
  RP_TRY(rp_allocate((size_t)counts->n_convs, sizeof *seen, &seen, err));
  *used = 0;
  for (int i = 0; i < n; i++) {
    int conv = order[i].conv;
    int would_go = how->scope == RP_SCOPE_NETWORK ? i < count : is_skipped(how, conv) && seen[conv] < unlimited_quota(counts, how, conv);
    seen[conv]++;
    if (would_go && !set[order[i].filter] && room[conv] == 0) (*used)++;
  }
  return RP_OK;
}

static int may_change_places(const rp_selection *how, const candidate *dropped, const candidate *kept, const int *room) {
  if (dropped->conv == kept->conv) return 1;
  return how->scope == RP_SCOPE_NETWORK && room[kept->conv] > 0;
}

static int count_ties(const rp_selection *how, const candidate *order, int n, const uint8_t *set, const int *room) {
  int ties = 0;
  for (int begin = 0, end; begin < n; begin = end) {
    for (end = begin + 1; end < n && order[end].score == order[begin].score;) end++;
    for (int i = begin; i < end; i++) {
      int tied = 0, i_goes = set[order[i].filter] != 0;
      for (int j = begin; j < end && !tied; j++) {
        if (i_goes == (set[order[j].filter] != 0)) continue;
        tied = may_change_places(how, i_goes ? &order[i] : &order[j], i_goes ? &order[j] : &order[i], room);
      }
      ties += tied;
    }
  }
  return ties;
}

int rp_selection_is_by_draw(const rp_selection_record *record) {
  return record->count > 0 && record->ties_at_cut >= record->count;
}

static rp_status describe(const rp_filter_counts *counts, const rp_selection *how, const candidate *order, int n, const uint32_t *highest,
                          const uint8_t *set, int *ranks, rp_selection_record *record, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) int *room = NULL;
  RP_TRY(rp_allocate((size_t)counts->n_convs, sizeof *room, &room, err));
  for (int l = 0; l < counts->n_convs; l++) room[l] = (int)highest[l];
  record->count = 0;
  for (int i = 0; i < n; i++)
    if (set[order[i].filter]) {
      room[order[i].conv]--;
      record->count++;
    }
  RP_TRY(count_limits_used(counts, how, order, n, set, room, record->count, &record->limits_used, err));
  record->ties_at_cut = count_ties(how, order, n, set, room);
  if (!ranks) return RP_OK;
  memset(ranks, 0, (size_t)all_filters(counts) * sizeof *ranks);
  for (int i = 0; i < n; i++) ranks[order[i].filter] = n - i;
  return RP_OK;
}

rp_status rp_select(const rp_filter_counts *counts, const rp_selection *how, const float *scores, const uint8_t *active, uint64_t seed,
                    uint32_t cycle, uint8_t *set, int *ranks, rp_selection_record *record, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) uint8_t *dropped = NULL;
  RP_CLEANUP(rp_free_pointer) uint32_t *highest = NULL;
  RP_CLEANUP(rp_free_pointer) uint32_t *taken = NULL;
  RP_CLEANUP(rp_free_pointer) candidate *order = NULL;
  int count, n;
  RP_TRY(complement(counts, active, &dropped, err));
  RP_TRY(rp_allocate((size_t)counts->n_convs, sizeof *highest, &highest, err));
  RP_TRY(rp_allocate((size_t)counts->n_convs, sizeof *taken, &taken, err));
  RP_TRY(rp_selection_count(counts, how, dropped, &count, NULL, highest, err));
  RP_TRY(order_candidates(counts, scores, active, seed, cycle, &order, &n, err));

  memset(set, 0, (size_t)all_filters(counts));
  for (int i = 0, left = count; i < n && left > 0; i++) {
    if (taken[order[i].conv] == highest[order[i].conv]) continue;
    taken[order[i].conv]++;
    set[order[i].filter] = 1;
    left--;
  }
  return describe(counts, how, order, n, highest, set, ranks, record, err);
}

rp_status rp_selection_describe(const rp_filter_counts *counts, const rp_selection *how, const float *scores, const uint8_t *active,
                                uint64_t seed, uint32_t cycle, const uint8_t *set, int *ranks, rp_selection_record *record, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) uint8_t *dropped = NULL;
  RP_CLEANUP(rp_free_pointer) uint32_t *highest = NULL;
  RP_CLEANUP(rp_free_pointer) candidate *order = NULL;
  int count, n;
  RP_TRY(complement(counts, active, &dropped, err));
  RP_TRY(rp_allocate((size_t)counts->n_convs, sizeof *highest, &highest, err));
  RP_TRY(rp_selection_count(counts, how, dropped, &count, NULL, highest, err));
  RP_TRY(order_candidates(counts, scores, active, seed, cycle, &order, &n, err));
  RP_TRY(describe(counts, how, order, n, highest, set, ranks, record, err));
  record->ties_at_cut = 0; /* no draw decided */
  return RP_OK;
}
