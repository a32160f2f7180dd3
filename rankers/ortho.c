/* ortho.c: how little a filter overlaps with the others of its layer: RePr's own criterion.
 *
 * A layer has J active filters, w_f the weights of one of them as a vector of d = C·R·S numbers, ŵ = w / ‖w‖ (of a zero vector: zero).
 *
 *   paper     importance_f = − (1/J) Σ_{j≠f} |ŵ_f·ŵ_j|
 *   authors   importance_f = − | (1/J) Σ_{j≠f} w_f·w_j / ‖W‖²_F |
 *   signed    importance_f = − (1/J) Σ_{j≠f} ŵ_f·ŵ_j
 *
 * paper: Prakash et al., CVPR 2019, section 4: (1/J) Σ_j |Ŵ Ŵᵀ − I|, whose own term is 0. authors: their released code (repr-ortho): one
 * norm for the layer, the absolute value after the mean; W holds the active filters. signed: without absolute value, as some
 * re-implementations have it, so that opposite filters do not count as alike.
 *
 * `level: kernel` compares kernels in place of filters: the formula is taken for each input channel c, with the d = R·S weights by which
 * filters read c as the vectors (and, for authors, the norm of these), and averaged over the C channels.
 *
 * `dimension: on` divides by √(2/(πd)), which is E |cos| of two random vectors of d numbers (for large d), so that layers of different
 * filter size compare; without it a ranking of the whole net takes layers of short filters first.
 *
 * `sequential: on` takes filters away one by one: in each layer the one that overlaps most with those still there goes next (of equal ones,
 * within 1e-12, the one with the smaller norm, then the later one), and its overlap with them is what it gets. J and ‖W‖ stay as they were.
 * Of two equal filters only one goes early. Where an overlap grows because another filter left (authors, signed), the score is the next
 * float above that of the filter before: dropping by score takes them in this order.
 *
 * All in double: dot products in the order of [C][R][S], sums in the order of j; what leaves is subtracted from the sums. Normalisation:
 * none. */
#include "rankers/ranker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef enum { VARIANT_PAPER, VARIANT_AUTHORS, VARIANT_SIGNED } variant;

static const char *const VARIANTS[] = {"paper", "authors", "signed", NULL};
static const char *const LEVELS[] = {"filter", "kernel", NULL};

static const rp_option VARIANT_OPTION = {.size = sizeof(rp_option),
                                         .name = "variant",
                                         .help = "the paper's formula, that of the authors' released code, or cosines with their sign",
                                         .kind = RP_OPTION_CHOICE,
                                         .default_number = VARIANT_PAPER,
                                         .choices = VARIANTS};
static const rp_option LEVEL_OPTION = {.size = sizeof(rp_option),
                                       .name = "level",
                                       .help = "whole filters are compared, or their kernels, input channel by input channel",
                                       .kind = RP_OPTION_CHOICE,
                                       .default_number = 0,
                                       .choices = LEVELS};
static const rp_option DIMENSION_OPTION = {.size = sizeof(rp_option),
                                           .name = "dimension",
                                           .help = "divide by what random vectors of as many weights have: sqrt(2/(pi d))",
                                           .kind = RP_OPTION_FLAG};
static const rp_option SEQUENTIAL_OPTION = {.size = sizeof(rp_option),
                                            .name = "sequential",
                                            .help = "take filters away one by one: of two equal ones only one goes early",
                                            .kind = RP_OPTION_FLAG};

static const rp_option *const OPTIONS[] = {&VARIANT_OPTION, &LEVEL_OPTION, &DIMENSION_OPTION, &SEQUENTIAL_OPTION, NULL};

typedef struct {
  variant how;
  int of_kernels, by_dimension, is_sequential;
} settings;

static int create(const rp_context *context, const rp_value *options, void **self, rp_message *message) {
  (void)context;
  settings *kept = malloc(sizeof *kept);
  if (!kept) {
    snprintf(message->text, sizeof message->text, "out of memory");
    return RP_RANKER_ERROR;
  }
  *kept = (settings){.how = (variant)options[0].number,
                     .of_kernels = options[1].number != 0,
                     .by_dimension = options[2].number != 0,
                     .is_sequential = options[3].number != 0};
  *self = kept;
  return RP_RANKER_OK;
}

/* ---- Overlap --------------------------------------------------------------------------------- */

/* A layer cut into groups that are compared each by itself: one of whole filters, or one per input channel. */
typedef struct {
  const rp_conv_layer *layer;
  const settings *kept;
  uint32_t n_groups, J; /* J: active filters */
  size_t d;             /* numbers of a vector of a group */
  double *norms;        /* [n_groups][K], of active filters */
  double *squares;      /* [n_groups]: ‖W‖² */
  double *sums;         /* [n_groups][K]: with all that are there */
} overlap;

static double dot(const overlap *all, uint32_t group, uint32_t f, uint32_t j) {
  const float *a = all->layer->weight + ((size_t)f * all->n_groups + group) * all->d;
  const float *b = all->layer->weight + ((size_t)j * all->n_groups + group) * all->d;
  double sum = 0;
  for (size_t i = 0; i < all->d; i++) sum += (double)a[i] * b[i];
  return sum;
}

static void measure_norms(overlap *all) {
  const uint32_t K = all->layer->K;
  for (uint32_t group = 0; group < all->n_groups; group++)
    for (uint32_t k = 0; k < K; k++) {
      if (!all->layer->active[k]) continue;
      double square = dot(all, group, k, k);
      all->norms[(size_t)group * K + k] = sqrt(square);
      all->squares[group] += square;
    }
}

/* What j adds to f's sum. */
static double term(const overlap *all, uint32_t group, uint32_t f, uint32_t j) {
  if (all->kept->how == VARIANT_AUTHORS) return dot(all, group, f, j);
  const double *norms = all->norms + (size_t)group * all->layer->K;
  if (!(norms[f] > 0 && norms[j] > 0)) return 0;
  double cosine = dot(all, group, f, j) / norms[f] / norms[j];
  return all->kept->how == VARIANT_PAPER ? fabs(cosine) : cosine;
}

static void measure_sums(overlap *all) {
  const uint32_t K = all->layer->K;
  const uint8_t *active = all->layer->active;
  for (uint32_t group = 0; group < all->n_groups; group++)
    for (uint32_t f = 0; f < K; f++)
      for (uint32_t j = 0; active[f] && j < K; j++)
        if (j != f && active[j]) all->sums[(size_t)group * K + f] += term(all, group, f, j);
}

/* Of filter f with those that its sums hold. */
static double overlap_of(const overlap *all, uint32_t f) {
  double total = 0;
  for (uint32_t group = 0; group < all->n_groups; group++) {
    double sum = all->sums[(size_t)group * all->layer->K + f], squares = all->squares[group];
    if (all->kept->how == VARIANT_AUTHORS)
      total += squares > 0 ? fabs(sum / squares / all->J) : 0;
    else
      total += sum / all->J;
  }
  double random = all->kept->by_dimension ? sqrt(2 / (acos(-1) * (double)all->d)) : 1;
  return total / all->n_groups / random;
}

/* ---- One by one ------------------------------------------------------------------------------ */

/* What subtracting leaves of a difference that is none. */
static const double EQUAL = 1e-12;

static double norm_of(const overlap *all, uint32_t f) {
  double squares = 0;
  for (uint32_t group = 0; group < all->n_groups; group++) squares += pow(all->norms[(size_t)group * all->layer->K + f], 2);
  return sqrt(squares);
}

/* The filter that goes next: it overlaps most; of equal ones the smaller, then the later. */
static uint32_t find_next(const overlap *all, const uint8_t *is_there) {
  uint32_t next = all->layer->K;
  for (uint32_t f = 0; f < all->layer->K; f++) {
    if (!is_there[f]) continue;
    double more = next == all->layer->K ? 1 : overlap_of(all, f) - overlap_of(all, next);
    if (more > EQUAL || (more >= -EQUAL && norm_of(all, f) <= norm_of(all, next))) next = f;
  }
  return next;
}

static void take_away(overlap *all, uint32_t f, uint8_t *is_there) {
  is_there[f] = 0;
  for (uint32_t group = 0; group < all->n_groups; group++)
    for (uint32_t j = 0; j < all->layer->K; j++)
      if (is_there[j]) all->sums[(size_t)group * all->layer->K + j] -= term(all, group, j, f);
}

/* `is_there`: [K], zeroed. */
static void score_one_by_one(overlap *all, uint8_t *is_there, float *importance) {
  float least = -INFINITY;
  for (uint32_t f = 0; f < all->layer->K; f++) is_there[f] = all->layer->active[f] != 0;
  for (uint32_t i = 0; i < all->J; i++) {
    uint32_t f = find_next(all, is_there);
    float own = (float)-overlap_of(all, f);
    least = importance[f] = own >= least ? own : nextafterf(least, INFINITY);
    take_away(all, f, is_there);
  }
}

/* ---- Scores ---------------------------------------------------------------------------------- */

static int score_layer(const settings *kept, const rp_conv_layer *layer, float *importance) {
  overlap all = {.layer = layer, .kept = kept, .n_groups = kept->of_kernels ? layer->C : 1};
  all.d = (size_t)layer->C * layer->R * layer->S / all.n_groups;
  for (uint32_t k = 0; k < layer->K; k++) all.J += layer->active[k] != 0;
  size_t n = (size_t)all.n_groups * layer->K;
  double *block = calloc(2 * n + all.n_groups, sizeof *block);
  uint8_t *is_there = calloc(layer->K, sizeof *is_there);
  int is_done = block && is_there;
  if (is_done) {
    all.norms = block, all.sums = block + n, all.squares = block + 2 * n;
    measure_norms(&all);
    measure_sums(&all);
    for (uint32_t f = 0; f < layer->K && !kept->is_sequential; f++)
      if (layer->active[f]) importance[f] = (float)-overlap_of(&all, f);
    if (kept->is_sequential) score_one_by_one(&all, is_there, importance);
  }
  free(block);
  free(is_there);
  return is_done;
}

static int score(void *self, const rp_context *context, float *importance, rp_message *message) {
  for (uint32_t l = 0; l < context->n_layers; l++) {
    const rp_conv_layer *layer = context->layers[l];
    if (score_layer(self, layer, importance + layer->first_filter)) continue;
    snprintf(message->text, sizeof message->text, "no memory for the overlaps of %u filters of layer %.64s", (unsigned)layer->K,
             layer->name);
    return RP_RANKER_ERROR;
  }
  return RP_RANKER_OK;
}

const rp_ranker rp_ranker_plugin = {
    .abi_major = RP_RANKER_ABI_MAJOR,
    .abi_minor = RP_RANKER_ABI_MINOR,
    .size = sizeof(rp_ranker),
    .name = "ortho",
    .version = "1.0.0",
    .doc = "minus the mean |cosine| with the layer's other filters (Prakash et al., RePr, CVPR 2019, section 4)",
    .normalise = "none",
    .options = OPTIONS,
    .create = create,
    .score = score,
    .destroy = free,
    .formula =
        "J active filters of the layer, w the d = C R S weights of one, u = w / ||w|| (0 for a zero vector)\n"
        "paper:   importance_f = -(1/J) sum over j != f of |u_f u_j|\n"
        "authors: importance_f = -|(1/J) sum over j != f of w_f w_j / ||W||^2|, ||W||^2 the sum of squares of all active filters\n"
        "signed:  importance_f = -(1/J) sum over j != f of u_f u_j\n"
        "level kernel: the formula for each input channel, w the d = R S weights that read it, averaged over the C channels\n"
        "dimension: divided by sqrt(2 / (pi d)), the mean |cosine| of random vectors\n"
        "sequential: the filter that overlaps most with those still there goes next (of equal ones the smaller, then the later), with\n"
        "that overlap as its score; J and ||W|| stay; never less than the one before",
    .citation =
        "Prakash et al., RePr, CVPR 2019, section 4 (paper); their released code, repr-ortho (authors); signed, level, dimension and\n"
        "sequential are additions",
    .reduction = "all in double: dot products in the order of [C][R][S], sums in the order of j; what leaves is subtracted",
};
