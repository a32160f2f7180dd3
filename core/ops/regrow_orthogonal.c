/* regrow_orthogonal.c: the paper's step. Every vector that a filter should be orthogonal to is kept at unit norm in double precision; for
 * each filter those that fit into the space are gathered, and what a random vector has outside their span becomes the filter. */
#include "core/ops/regrow_weights.h"

#include "core/base/draws.h"
#include "core/base/memory.h"
#include "core/nn/linalg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double RANK_TOLERANCE = 1e-6;     /* numerical rank of the constraints */
static const double LEAST_SHARE_LEFT = 1e-3;   /* of a candidate's norm, after projection */
static const double LARGEST_COSINE_MET = 1e-5; /* a constraint with more left over counts as given up */
enum { MAX_ATTEMPTS = 1000 };

typedef enum { SURVIVOR, WAITING, REGROWN } role;

/* One conv while its filters are regrown. */
typedef struct {
  const rp_conv *conv;
  int K, d;
  float *weights;   /* [K][d], the state's */
  const float *old; /* [K][d], values at the drop */
  role *roles;      /* [K] */
  double *units;    /* [K][d]: survivors, and regrown ones as they come, at unit norm; zero vectors stay zero */
  double *own;      /* [d]: the present filter's value at its drop, at unit norm */
  double *cosines;  /* [K]: |cos| of survivors with `own` */
  int *survivors;   /* [n_survivors], by falling |cos| with `own` */
  int n_survivors;
  int *list; /* [n_list]: regrown filters that the next ones must still be orthogonal to */
  int n_list;
  const double **constraints; /* [K + 1]: non-zero vectors, in the order in which they are taken */
  double *basis;              /* [K + 1][d]: work space; its first `rank` rows span the constraints that are taken */
  int rank;
  double *candidate;                        /* [d] */
  double norm_of_survivors, largest_weight; /* mean norm; largest |weight| of any of them */
} layer;

static double dot(const double *a, const double *b, int d) {
  double sum = 0;
  for (int i = 0; i < d; i++) sum += a[i] * b[i];
  return sum;
}

/* Returns the norm. A zero vector stays zero. */
static double unit_vector(const float *weights, int d, double *unit) {
  for (int i = 0; i < d; i++) unit[i] = weights[i];
  double norm = sqrt(dot(unit, unit, d));
  for (int i = 0; norm > 0 && i < d; i++) unit[i] /= norm;
  return norm;
}

static int is_zero(const double *vector, int d) {
  for (int i = 0; i < d; i++)
    if (vector[i] != 0) return 0;
  return 1;
}

static double *unit_of(const layer *l, int k) {
  return l->units + (size_t)k * (size_t)l->d;
}

static void layer_free(layer *l) {
  free(l->roles);
  free(l->units);
  free(l->own);
  free(l->cosines);
  free(l->survivors);
  free(l->list);
  free(l->constraints);
  free(l->basis);
  free(l->candidate);
}

static rp_status layer_allocate(layer *l, rp_error *err) {
  size_t K = (size_t)l->K, d = (size_t)l->d;
  RP_TRY(rp_allocate(K, sizeof *l->roles, &l->roles, err));
  RP_TRY(rp_allocate(K * d, sizeof *l->units, &l->units, err));
  RP_TRY(rp_allocate(d, sizeof *l->own, &l->own, err));
  RP_TRY(rp_allocate(K, sizeof *l->cosines, &l->cosines, err));
  RP_TRY(rp_allocate(K, sizeof *l->survivors, &l->survivors, err));
  RP_TRY(rp_allocate(K, sizeof *l->list, &l->list, err));
  RP_TRY(rp_allocate(K + 1, sizeof *l->constraints, &l->constraints, err));
  RP_TRY(rp_allocate((K + 1) * d, sizeof *l->basis, &l->basis, err));
  return rp_allocate(d, sizeof *l->candidate, &l->candidate, err);
}

static void note_survivors(layer *l, const rp_filter_state *filters) {
  for (int k = 0; k < l->K; k++) {
    l->roles[k] = filters[k].dropped ? WAITING : SURVIVOR;
    if (l->roles[k] == WAITING) continue;
    const float *weights = l->weights + (size_t)k * (size_t)l->d;
    l->norm_of_survivors += unit_vector(weights, l->d, unit_of(l, k));
    for (int i = 0; i < l->d; i++) l->largest_weight = fmax(l->largest_weight, fabs((double)weights[i]));
    l->survivors[l->n_survivors++] = k;
  }
  if (l->n_survivors > 0) l->norm_of_survivors /= l->n_survivors;
}

/* Survivors by falling |cos| with the filter's own value, the lower index first among equals: insertion, since the order changes little
 * from one filter to the next. */
static void sort_survivors(layer *l) {
  for (int i = 0; i < l->n_survivors; i++) {
    int k = l->survivors[i], at = i;
    l->cosines[k] = fabs(dot(unit_of(l, k), l->own, l->d));
    for (; at > 0; at--) {
      int before = l->survivors[at - 1];
      if (l->cosines[before] > l->cosines[k] || (l->cosines[before] == l->cosines[k] && before < k)) break;
      l->survivors[at] = before;
    }
    l->survivors[at] = k;
  }
}

/* Makes `basis` span the first n constraints. */
static rp_status span(layer *l, int n, rp_error *err) {
  size_t d = (size_t)l->d;
  for (int i = 0; i < n; i++) memcpy(l->basis + (size_t)i * d, l->constraints[i], d * sizeof *l->basis);
  return rp_orthonormal_basis(l->basis, n, l->d, RANK_TOLERANCE, &l->rank, err);
}

/* Makes `basis` span the largest number of the first n constraints whose rank stays below d: any after them would fill the space, or are
 * met by all that is orthogonal to those taken. Fewer than d vectors always fit. */
static rp_status take_what_fits(layer *l, int n, int *n_taken, rp_error *err) {
  RP_TRY(span(l, n, err));
  *n_taken = n;
  if (l->rank < l->d) return RP_OK;
  int fits = l->d - 1, fills = n;
  while (fills - fits > 1) {
    int middle = fits + (fills - fits) / 2;
    RP_TRY(span(l, middle, err));
    if (l->rank < l->d)
      fits = middle;
    else
      fills = middle;
  }
  *n_taken = fits;
  return span(l, fits, err);
}

static void add_constraint(layer *l, const double *vector, int *n) {
  if (!is_zero(vector, l->d)) l->constraints[(*n)++] = vector;
}

/* Makes `basis` span everything that the next filter is going to be orthogonal to. */
static rp_status gather_constraints(layer *l, rp_error *err) {
  int n = 0, n_taken;
  add_constraint(l, l->own, &n);
  for (int i = 0; i < l->n_survivors; i++) add_constraint(l, unit_of(l, l->survivors[i]), &n);
  RP_TRY(take_what_fits(l, n, &n_taken, err));
  if (l->n_list == 0) return RP_OK;
  n = n_taken;
  for (int i = 0; i < l->n_list; i++) add_constraint(l, unit_of(l, l->list[i]), &n);
  RP_TRY(span(l, n, err));
  if (l->rank < l->d) return RP_OK;
  l->n_list = 0;
  return span(l, n_taken, err);
}

static void project_onto_complement(layer *l) {
  for (int i = 0; i < l->rank; i++) {
    const double *row = l->basis + (size_t)i * (size_t)l->d;
    double inside = dot(row, l->candidate, l->d);
    for (int j = 0; j < l->d; j++) l->candidate[j] -= inside * row[j];
  }
}

/* A random unit vector outside the span of `basis`, into `candidate`. */
static rp_status draw_direction(layer *l, uint64_t seed, uint32_t cycle, int conv, int k, rp_error *err) {
  for (uint32_t attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    rp_stream stream = rp_stream_of(seed, RP_DRAW_REGROW, cycle, (uint32_t)conv, (uint32_t)k, attempt);
    for (int i = 0; i < l->d; i++) l->candidate[i] = rp_draw_normal(&stream, (uint64_t)i);
    double drawn = sqrt(dot(l->candidate, l->candidate, l->d));
    project_onto_complement(l);
    project_onto_complement(l); /* removes what rounding left of the first time */
    double left = sqrt(dot(l->candidate, l->candidate, l->d));
    if (!(left >= LEAST_SHARE_LEFT * drawn) || left == 0) continue;
    for (int i = 0; i < l->d; i++) l->candidate[i] /= left;
    return RP_OK;
  }
  return rp_fail(err, RP_ENUMERIC, "filter %d: no direction outside %d constraints was found in %d attempts", k, l->rank, MAX_ATTEMPTS);
}

/* The norm of a regrown filter, whose direction is `candidate` (rule 17). */
static double norm_of_regrown(const layer *l, const rp_net *net, int conv, int k, rp_regrow_scale scale) {
  double mean_norm = l->n_survivors > 0 ? l->norm_of_survivors : rp_init_norm(net, conv);
  switch (scale) {
  case RP_SCALE_OWN: {
    double square = 0;
    for (int i = 0; i < l->d; i++) square += pow(l->old[(size_t)k * (size_t)l->d + (size_t)i], 2);
    return sqrt(square);
  }
  case RP_SCALE_INIT:
    return rp_init_norm(net, conv);
  case RP_SCALE_UNIT:
    return 1;
  case RP_SCALE_CLIP: {
    double largest = 0;
    for (int i = 0; i < l->d; i++) largest = fmax(largest, fabs(l->candidate[i]));
    return l->n_survivors > 0 ? fmin(mean_norm, l->largest_weight / largest) : mean_norm;
  }
  default:
    return mean_norm;
  }
}

static void record_cosine(const layer *l, int k, const double *constraint, rp_regrow_record *record) {
  if (is_zero(constraint, l->d)) return;
  double cosine = fabs(dot(unit_of(l, k), constraint, l->d));
  record->constraints_asked++;
  record->constraints_met += cosine <= LARGEST_COSINE_MET;
  record->max_cos_left = fmax(record->max_cos_left, cosine);
}

/* Measured on the float32 weights that the network gets, against all that was asked, given up or not. */
static void record_constraints(const layer *l, int k, rp_regrow_record *record) {
  record_cosine(l, k, l->own, record);
  for (int j = 0; j < l->K; j++)
    if (j != k && l->roles[j] != WAITING) record_cosine(l, k, unit_of(l, j), record);
}

static rp_status regrow_filter(layer *l, const rp_net *net, const rp_state *state, int conv, int k, rp_regrow_scale scale,
                               rp_regrow_record *record, rp_error *err) {
  size_t row = (size_t)k * (size_t)l->d;
  unit_vector(l->old + row, l->d, l->own);
  sort_survivors(l);
  RP_TRY(gather_constraints(l, err));
  RP_TRY(draw_direction(l, state->seed, state->filters[l->conv->first_filter + k].drop_cycle, conv, k, err));
  double norm = norm_of_regrown(l, net, conv, k, scale);
  for (int i = 0; i < l->d; i++) l->weights[row + (size_t)i] = (float)(norm * l->candidate[i]);
  unit_vector(l->weights + row, l->d, unit_of(l, k));
  l->roles[k] = REGROWN;
  l->list[l->n_list++] = k;
  record_constraints(l, k, record);
  return RP_OK;
}

rp_status rp_regrow_orthogonal(const rp_net *net, rp_state *state, int conv, rp_regrow_scale scale, rp_regrow_record *record,
                               rp_error *err) {
  const rp_conv *shape = &state->layout->convs[conv];
  size_t offset = state->layout->tensors[shape->weight].offset;
  RP_CLEANUP(layer_free)
  layer l = {.conv = shape,
             .K = shape->K,
             .d = shape->C * shape->R * shape->S,
             .weights = state->parameters + offset,
             .old = state->at_drop + offset};
  RP_TRY(layer_allocate(&l, err));
  note_survivors(&l, state->filters + shape->first_filter);
  for (int k = 0; k < l.K; k++)
    if (l.roles[k] == WAITING) RP_TRY_IN(regrow_filter(&l, net, state, conv, k, scale, record, err), err, "%s", shape->name);
  return RP_OK;
}
