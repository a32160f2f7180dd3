/* agreement.c: answers of criteria, event by event → running means per pair. */
#include "results/agreement.h"

#include "core/base/memory.h"
#include "results/database.h"
#include "results/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- What is read ---------------------------------------------------------------------------- */

/* The answers that v_filters shows, at states where two criteria or more gave one; `compared` numbers the criteria. What was asked for
 * stands in a request with the ranker that was asked. */
#define ANSWERS_SQL                                                                                                                                                       \
  "WITH rankings AS (SELECT d.trial, d.seed, d.request AS answer, d.criterion, 1 AS acting FROM plan_drops d WHERE d.experiment = ?1 "                                    \
  "UNION ALL SELECT d.trial, d.seed, h.answer, h.criterion, 0 FROM plan_drops d "                                                                                         \
  "JOIN plan_shadows w ON w.plan = d.plan AND w.criterion <> d.criterion "                                                                                                \
  "JOIN shadows h ON h.request = d.request AND h.criterion = w.criterion AND h.answer IS NOT NULL WHERE d.experiment = ?1), "                                             \
  "answers AS (SELECT r.*, a.state, a.n_filters, json_array(a.p, json_remove(a.limits_json, '$.ranker')) AS question, g.name, k.options_json AS options FROM rankings r " \
  "JOIN requests a ON a.request = r.answer JOIN criteria k ON k.criterion = r.criterion JOIN plugins g ON g.plugin = k.plugin), "                                         \
  "shared AS (SELECT * FROM answers WHERE state IN (SELECT state FROM answers GROUP BY state HAVING count(DISTINCT name || options) > "                                   \
  "1)), "                                                                                                                                                                 \
  "compared AS (SELECT name, options, row_number() OVER (ORDER BY name, options) - 1 AS place FROM shared GROUP BY name, options) "

/* With the settings of each that not all of its name have in common. */
static const char CRITERIA_SQL[] = ANSWERS_SQL
    ", settings AS (SELECT c.place, c.name, j.path <> '$.options' AS is_last, j.id, iif(j.path = '$.score', 'score.', '') || j.key || '=' || j.atom AS setting, "
    "count(*) OVER (PARTITION BY c.name, j.fullkey, j.atom) AS n_same FROM compared c, json_tree(c.options) j WHERE j.atom IS NOT NULL), "
    "alike AS (SELECT name, count(*) AS n FROM compared GROUP BY name) "
    "SELECT c.name, coalesce((SELECT group_concat(setting, ' ') FROM (SELECT setting FROM settings s WHERE s.place = c.place AND "
    "s.n_same < a.n ORDER BY s.is_last, s.id)), '') FROM compared c JOIN alike a USING (name) ORDER BY c.place";

/* Of two files of one name, the one that the store knows later speaks for the criterion. */
static const char ROWS_SQL[] = ANSWERS_SQL
    "SELECT s.state, c.place, dense_rank() OVER (ORDER BY s.question) - 1, dense_rank() OVER (ORDER BY s.trial) - 1, "
    "dense_rank() OVER (ORDER BY s.seed) - 1, s.acting, s.criterion, s.answer, s.n_filters FROM shared s JOIN compared c USING (name, "
    "options) "
    "ORDER BY s.state, c.place, s.criterion DESC";

/* One criterion's answer to one drop of one trial. `place`, `question` (p and limits), `trial` and `seed` count from 0. */
typedef struct {
  int64_t state, criterion, request;
  int place, question, trial, seed, acting, n_filters;
} answer;

typedef struct {
  answer *rows; /* by state, then by criterion */
  int n, n_questions, n_trials;
} answer_list;

static void free_answers(answer_list *list) {
  free(list->rows);
}

static int larger(int one, int other) {
  return one > other ? one : other;
}

static rp_status read_answers(rp_store *store, const char *experiment, answer_list *list, rp_agreement *all, rp_error *err) {
  RP_CLEANUP(rp_sql_finalize) sqlite3_stmt *row = NULL;
  size_t capacity = 0;
  int more;
  RP_TRY(rp_sql_prepare(store, &row, err, ROWS_SQL, "s", experiment));
  RP_TRY(rp_sql_step(store, row, &more, err));
  while (more) {
    RP_TRY(rp_grow(&list->rows, (size_t)list->n, &capacity, sizeof *list->rows, err));
    answer *read = &list->rows[list->n++];
    *read = (answer){.state = sqlite3_column_int64(row, 0),
                     .place = sqlite3_column_int(row, 1),
                     .question = sqlite3_column_int(row, 2),
                     .trial = sqlite3_column_int(row, 3),
                     .seed = sqlite3_column_int(row, 4),
                     .acting = sqlite3_column_int(row, 5),
                     .criterion = sqlite3_column_int64(row, 6),
                     .request = sqlite3_column_int64(row, 7),
                     .n_filters = sqlite3_column_int(row, 8)};
    list->n_questions = larger(list->n_questions, read->question + 1);
    list->n_trials = larger(list->n_trials, read->trial + 1);
    all->n_seeds = larger(all->n_seeds, read->seed + 1);
    all->has_shadows |= !read->acting;
    all->criteria[read->place].acts |= read->acting;
    RP_TRY(rp_sql_step(store, row, &more, err));
  }
  all->n_trials = list->n_trials;
  return RP_OK;
}

static rp_status read_criteria(rp_store *store, const char *experiment, rp_agreement *all, rp_error *err) {
  RP_CLEANUP(rp_sql_finalize) sqlite3_stmt *row = NULL;
  size_t capacity = 0;
  int more;
  RP_TRY(rp_sql_prepare(store, &row, err, CRITERIA_SQL, "s", experiment));
  RP_TRY(rp_sql_step(store, row, &more, err));
  while (more) {
    RP_TRY(rp_grow(&all->criteria, (size_t)all->n, &capacity, sizeof *all->criteria, err));
    rp_compared_criterion *criterion = &all->criteria[all->n++];
    *criterion = (rp_compared_criterion){0};
    RP_TRY(rp_sql_text(row, 0, &criterion->ranker, err));
    RP_TRY(rp_sql_text(row, 1, &criterion->settings, err));
    RP_TRY(rp_sql_step(store, row, &more, err));
  }
  return RP_OK;
}

/* ---- An event -------------------------------------------------------------------------------- */

/* What the criteria said of one state. Arrays are indexed by the criterion's place. */
typedef struct {
  int n, n_questions, n_filters;
  int n_active;      /* filters that were scored; −1 = not known yet */
  int *active;       /* [n_filters], the first n_active: their positions */
  uint8_t *scored;   /* [n] */
  uint8_t *acts;     /* [n] */
  double *ranks;     /* [n][n_filters], the first n_active of each: mid-ranks, 1 = the lowest score */
  uint8_t *answered; /* [n][n_questions] */
  uint8_t *dropped;  /* [n][n_questions][n_filters] */
  double *rho;       /* [n][n], NAN: none */
  double *overlap;   /* likewise */
} event;

static void free_event(event *now) {
  free(now->active), free(now->scored), free(now->acts), free(now->ranks);
  free(now->answered), free(now->dropped), free(now->rho), free(now->overlap);
}

static rp_status make_event(event *now, rp_error *err) {
  const size_t n = (size_t)now->n, n_questions = n * (size_t)now->n_questions, n_filters = (size_t)now->n_filters;
  now->n_active = -1;
  RP_TRY(rp_allocate(n_filters, sizeof *now->active, &now->active, err));
  RP_TRY(rp_allocate(n, 1, &now->scored, err));
  RP_TRY(rp_allocate(n, 1, &now->acts, err));
  RP_TRY(rp_allocate(n * n_filters, sizeof *now->ranks, &now->ranks, err));
  RP_TRY(rp_allocate(n_questions, 1, &now->answered, err));
  RP_TRY(rp_allocate(n_questions * n_filters, 1, &now->dropped, err));
  RP_TRY(rp_allocate(n * n, sizeof *now->rho, &now->rho, err));
  return rp_allocate(n * n, sizeof *now->overlap, &now->overlap, err);
}

static double *ranks_of(const event *now, int place) {
  return now->ranks + (size_t)place * (size_t)now->n_filters;
}
static uint8_t *dropped_by(const event *now, int place, int question) {
  return now->dropped + ((size_t)place * (size_t)now->n_questions + (size_t)question) * (size_t)now->n_filters;
}

static rp_status check_position(rp_store *store, const event *now, int position, rp_error *err) {
  if (position >= 0 && position < now->n_filters) return RP_OK;
  return rp_fail(err, RP_EDAMAGED, "%s: stored scores name filter %d of %d", store->path, position, now->n_filters);
}

/* The scores of the active filters, closed up; they have to be the same filters for every criterion. `scores`: [n_filters]. */
static rp_status read_scores(rp_store *store, const answer *from, event *now, double *scores, rp_error *err) {
  RP_CLEANUP(rp_sql_finalize) sqlite3_stmt *row = NULL;
  int more, n = 0, is_same = 1;
  RP_TRY(rp_sql_prepare(store, &row, err, "SELECT position, score FROM scores WHERE state = ?1 AND criterion = ?2 ORDER BY position", "ll",
                        from->state, from->criterion));
  RP_TRY(rp_sql_step(store, row, &more, err));
  for (; more; n++) {
    int position = sqlite3_column_int(row, 0);
    RP_TRY(check_position(store, now, position, err));
    scores[n] = sqlite3_column_double(row, 1);
    is_same &= now->n_active < 0 || (n < now->n_active && now->active[n] == position);
    now->active[n] = position;
    RP_TRY(rp_sql_step(store, row, &more, err));
  }
  if (now->n_active < 0) now->n_active = n;
  if (is_same && n == now->n_active) return RP_OK;
  return rp_fail(err, RP_EDAMAGED, "%s: the criteria that were asked about one state scored different filters of it", store->path);
}

static rp_status read_dropped(rp_store *store, const answer *from, event *now, rp_error *err) {
  RP_CLEANUP(rp_sql_finalize) sqlite3_stmt *row = NULL;
  int more;
  RP_TRY(rp_sql_prepare(store, &row, err, "SELECT position FROM request_filters WHERE request = ?1 AND dropped", "l", from->request));
  RP_TRY(rp_sql_step(store, row, &more, err));
  while (more) {
    int position = sqlite3_column_int(row, 0);
    RP_TRY(check_position(store, now, position, err));
    dropped_by(now, from->place, from->question)[position] = 1;
    RP_TRY(rp_sql_step(store, row, &more, err));
  }
  return RP_OK;
}

/* Takes in an answer; of a criterion's scores and of each of its sets, the first that comes. */
static rp_status add_answer(rp_store *store, const answer *from, event *now, double *scores, rp_error *err) {
  uint8_t *answered = &now->answered[from->place * now->n_questions + from->question];
  now->acts[from->place] |= from->acting != 0;
  if (!now->scored[from->place]) {
    RP_TRY(read_scores(store, from, now, scores, err));
    RP_TRY(rp_mid_ranks(scores, now->n_active, ranks_of(now, from->place), err));
  }
  now->scored[from->place] = 1;
  if (!*answered) RP_TRY(read_dropped(store, from, now, err));
  *answered = 1;
  return RP_OK;
}

/* NAN where nothing is dropped. Both drop the same number of filters, as p and limits say. */
static double overlap_of_sets(const uint8_t *one, const uint8_t *other, int n) {
  int n_both = 0, n_one = 0, n_other = 0;
  for (int f = 0; f < n; f++) n_both += one[f] && other[f], n_one += one[f], n_other += other[f];
  return n_one + n_other ? 2.0 * n_both / (n_one + n_other) : NAN;
}

/* Mean of the values that are numbers, as they come. */
typedef struct {
  double sum;
  int n;
} running_mean;

static void add_number(running_mean *mean, double value) {
  if (!isnan(value)) mean->sum += value, mean->n++;
}
static double mean_of(const running_mean *mean) {
  return mean->n ? mean->sum / mean->n : NAN;
}

static double overlap_of(const event *now, int i, int j) {
  running_mean mean = {0};
  for (int q = 0; q < now->n_questions; q++)
    if (now->answered[i * now->n_questions + q] && now->answered[j * now->n_questions + q])
      add_number(&mean, overlap_of_sets(dropped_by(now, i, q), dropped_by(now, j, q), now->n_filters));
  return mean_of(&mean);
}

static void compare_pairs(event *now) {
  for (int i = 0; i < now->n; i++)
    for (int j = 0; j <= i; j++) {
      int both = now->scored[i] && now->scored[j];
      now->rho[i * now->n + j] = now->rho[j * now->n + i] =
          both ? rp_spearman_of_ranks(ranks_of(now, i), ranks_of(now, j), now->n_active) : NAN;
      now->overlap[i * now->n + j] = now->overlap[j * now->n + i] = both ? overlap_of(now, i, j) : NAN;
    }
}

/* ---- Over events ----------------------------------------------------------------------------- */

/* While values are added, `sd` is the sum of squared deviations from the mean (Welford 1962). */
static void add_event(rp_event_mean *mean, double value) {
  if (isnan(value)) return;
  double before = value - mean->mean;
  mean->mean += before / ++mean->n;
  mean->sd += before * (value - mean->mean);
}

static void finish_mean(rp_event_mean *mean) {
  mean->sd = mean->n > 1 ? sqrt(mean->sd / (mean->n - 1)) : NAN;
  if (mean->n == 0) mean->mean = NAN;
}

static void add_with_acting(const event *now, int i, rp_compared_criterion *criterion) {
  running_mean rho = {0}, overlap = {0};
  for (int j = 0; j < now->n; j++) {
    if (j == i || !now->acts[j]) continue;
    add_number(&rho, now->rho[i * now->n + j]);
    add_number(&overlap, now->overlap[i * now->n + j]);
  }
  add_event(&criterion->acting_rho, mean_of(&rho));
  add_event(&criterion->acting_overlap, mean_of(&overlap));
}

/* `rows`: the event's answers; `trials`: [n][n][n_trials], which trials have an event of a pair. */
static void add_up(const event *now, const answer *rows, int n_rows, int n_trials, uint8_t *trials, rp_agreement *all) {
  for (int i = 0; i < now->n; i++) {
    if (!now->scored[i]) continue;
    add_with_acting(now, i, &all->criteria[i]);
    for (int j = 0; j < now->n; j++) {
      rp_pair_agreement *pair = &all->pairs[i * now->n + j];
      if (!now->scored[j]) continue;
      pair->n_events++;
      add_event(&pair->spearman, now->rho[i * now->n + j]);
      add_event(&pair->overlap, now->overlap[i * now->n + j]);
      for (int r = 0; r < n_rows; r++) trials[((size_t)i * (size_t)now->n + (size_t)j) * (size_t)n_trials + (size_t)rows[r].trial] = 1;
    }
  }
  all->n_events++;
}

static rp_status compare_event(rp_store *store, const answer_list *list, int first, int next, uint8_t *trials, rp_agreement *all,
                               rp_error *err) {
  RP_CLEANUP(free_event) event now = {.n = all->n, .n_questions = list->n_questions, .n_filters = list->rows[first].n_filters};
  RP_CLEANUP(rp_free_pointer) double *scores = NULL;
  RP_TRY(make_event(&now, err));
  RP_TRY(rp_allocate((size_t)now.n_filters, sizeof *scores, &scores, err));
  for (int i = first; i < next; i++) RP_TRY(add_answer(store, &list->rows[i], &now, scores, err));
  compare_pairs(&now);
  add_up(&now, list->rows + first, next - first, list->n_trials, trials, all);
  return RP_OK;
}

static rp_status compare_events(rp_store *store, const answer_list *list, rp_agreement *all, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) uint8_t *trials = NULL;
  const size_t n_pairs = (size_t)all->n * (size_t)all->n, n_trials = (size_t)list->n_trials;
  RP_TRY(rp_allocate(n_pairs * n_trials, 1, &trials, err));
  for (int first = 0, next; first < list->n; first = next) {
    for (next = first + 1; next < list->n && list->rows[next].state == list->rows[first].state;) next++;
    RP_TRY(compare_event(store, list, first, next, trials, all, err));
  }
  for (size_t pair = 0; pair < n_pairs; pair++) {
    for (size_t t = 0; t < n_trials; t++) all->pairs[pair].n_trials += trials[pair * n_trials + t];
    finish_mean(&all->pairs[pair].spearman);
    finish_mean(&all->pairs[pair].overlap);
  }
  for (int i = 0; i < all->n; i++) {
    finish_mean(&all->criteria[i].acting_rho);
    finish_mean(&all->criteria[i].acting_overlap);
  }
  return RP_OK;
}

/* ---- In a useful order ----------------------------------------------------------------------- */

static int find_oracle(const rp_agreement *all) {
  static const char *const ORACLES[] = {"oracle-loss", "oracle-accuracy"};
  for (int o = 0; o < 2; o++) {
    int found = -1;
    for (int i = 0; i < all->n; i++)
      if (strcmp(all->criteria[i].ranker, ORACLES[o]) == 0 &&
          (found < 0 || rp_agreement_pair(all, i, i)->n_events > rp_agreement_pair(all, found, found)->n_events))
        found = i;
    if (found >= 0) return found;
  }
  return -1;
}

static double place_in_order(const rp_agreement *all, int i) {
  const rp_compared_criterion *criterion = &all->criteria[i];
  if (i == all->oracle || (all->oracle < 0 && criterion->acts)) return INFINITY;
  double rho = all->oracle < 0 ? criterion->acting_rho.mean : rp_agreement_pair(all, i, all->oracle)->spearman.mean;
  return isnan(rho) ? -INFINITY : rho;
}

static void find_order(const rp_agreement *all, int *order) {
  for (int i = 0; i < all->n; i++) {
    int at = i;
    for (; at > 0 && place_in_order(all, order[at - 1]) < place_in_order(all, i); at--) order[at] = order[at - 1];
    order[at] = i;
  }
}

static rp_status put_in_order(rp_agreement *all, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) int *order = NULL;
  RP_CLEANUP(rp_free_pointer) rp_compared_criterion *criteria = NULL;
  RP_CLEANUP(rp_free_pointer) rp_pair_agreement *pairs = NULL;
  const size_t n = (size_t)all->n;
  RP_TRY(rp_allocate(n, sizeof *order, &order, err));
  RP_TRY(rp_allocate(n, sizeof *criteria, &criteria, err));
  RP_TRY(rp_allocate(n * n, sizeof *pairs, &pairs, err));
  all->oracle = find_oracle(all);
  find_order(all, order);
  for (int i = 0; i < all->n; i++) {
    criteria[i] = all->criteria[order[i]];
    for (int j = 0; j < all->n; j++) pairs[i * all->n + j] = *rp_agreement_pair(all, order[i], order[j]);
  }
  memcpy(all->criteria, criteria, n * sizeof *criteria);
  memcpy(all->pairs, pairs, n * n * sizeof *pairs);
  if (all->oracle >= 0) all->oracle = 0;
  return RP_OK;
}

static rp_status query(rp_store *store, const char *experiment, rp_agreement *all, rp_error *err) {
  RP_CLEANUP(free_answers) answer_list list = {0};
  RP_TRY(read_criteria(store, experiment, all, err));
  if (!all->n) return RP_OK;
  RP_TRY(rp_allocate((size_t)all->n * (size_t)all->n, sizeof *all->pairs, &all->pairs, err));
  RP_TRY(read_answers(store, experiment, &list, all, err));
  RP_TRY(compare_events(store, &list, all, err));
  return put_in_order(all, err);
}

/* All statements see the database at one moment, though a run may be writing to it. */
static rp_status query_at_one_moment(rp_store *store, const char *experiment, rp_agreement *all, rp_error *err) {
  RP_TRY(rp_sql_execute(store, "SAVEPOINT agreement", err));
  rp_status status = query(store, experiment, all, err);
  if (status == RP_OK) return rp_sql_execute(store, "RELEASE agreement", err);
  sqlite3_exec(store->database, "RELEASE agreement", NULL, NULL, NULL); /* the error that there is already says more */
  return status;
}

rp_status rp_query_agreement(rp_store *store, const char *experiment, rp_agreement *out, rp_error *err) {
  *out = (rp_agreement){.oracle = -1};
  rp_status status = query_at_one_moment(store, experiment, out, err);
  if (status != RP_OK) rp_agreement_free(out);
  return status;
}

void rp_agreement_free(rp_agreement *agreement) {
  for (int i = 0; i < agreement->n; i++) free(agreement->criteria[i].ranker), free(agreement->criteria[i].settings);
  free(agreement->criteria);
  free(agreement->pairs);
  *agreement = (rp_agreement){.oracle = -1};
}
