/* comparison.h: how the rankings of one state by several criteria agree. */
#ifndef RP_SCORE_COMPARISON_H
#define RP_SCORE_COMPARISON_H

#include "core/base/status.h"

#include <stdint.h>
#include <stdio.h>

/* What a criterion said. Borrowed. */
typedef struct {
  const char *name;         /* as shown: with those of its options that are not their defaults */
  const char *ranker;       /* its own name */
  const char *options_json; /* all that decides its scores */
  const char *failure;      /* why there are no scores; NULL: there are */
  const float *scores;      /* [n_filters], NaN = inactive; NULL where it failed, as the next two */
  const int *ranks;         /* [n_filters], 1 = most important, ties as they are broken for a drop; 0 = no candidate */
  const uint8_t *dropped;   /* [n_filters] it would drop */
  int ties_at_cut;          /* filters whose fate the draw of rule 14 would decide */
  double seconds;           /* of its own */
} rp_opinion;

/* The state, and what was asked of it. Borrowed. */
typedef struct {
  const char *state;         /* "ranker=ortho/1@20" */
  const char *experiment;    /* whose arm it is */
  const char *trial;         /* id in hex */
  int epoch, cycle;          /* of the state */
  const char *p;             /* "30" */
  const char *limits;        /* what bounds a drop, in words; "" = nothing */
  int n_layers, n_filters;   /* conv layers */
  const char *const *layers; /* [n_layers] names */
  const int *K;              /* [n_layers] */
  double seconds;            /* of everything */
} rp_question;

typedef struct {
  rp_question question;
  int n;
  const rp_opinion *opinions; /* [n], those that were asked for by name first */
  int n_scored;
  int *scored;                          /* [n_scored] indices of opinions with scores */
  int n_active;                         /* filters that were scored; 0 where no criterion gave scores */
  int n_dropped;                        /* by each; likewise */
  double *spearman, *kendall, *overlap; /* [n_scored][n_scored]; NAN: one side is constant; overlap: share of the drop in common */
  double *ranks;                        /* [n_scored][n_filters] 1 = most important, equal scores share the mean; NAN = inactive */
} rp_comparison;

/* Compares over the active filters of the whole net. Errors: RP_EMEMORY. The caller frees. */
rp_status rp_compare(const rp_question *question, const rp_opinion *opinions, int n, rp_comparison *out, rp_error *err);
void rp_comparison_free(rp_comparison *comparison);

/* How many filters of a layer a scored opinion would drop. */
int rp_dropped_of_layer(const rp_comparison *comparison, int scored, int layer);
int rp_active_of_layer(const rp_comparison *comparison, int layer);

/* ---- Formats --------------------------------------------------------------------------------- */

/* X(code, name, function, one line of help) */
#define RP_COMPARISON_FORMAT_LIST(X)                                                                                                       \
  X(RP_COMPARISON_TEXT, "text", rp_comparison_text, "tables for the terminal")                                                             \
  X(RP_COMPARISON_CSV, "csv", rp_comparison_csv, "a row per criterion and filter: score, rank, dropped")                                   \
  X(RP_COMPARISON_JSON, "json", rp_comparison_json, "everything")

typedef enum {
#define RP_COMPARISON_ENUM(code, name, function, help) code,
  RP_COMPARISON_FORMAT_LIST(RP_COMPARISON_ENUM)
#undef RP_COMPARISON_ENUM
      RP_N_COMPARISON_FORMATS
} rp_comparison_format;

int rp_comparison_format_of(const char *name, rp_comparison_format *out); /* 0 where there is none of that name */

/* Writes a comparison. Errors: RP_EIO. */
rp_status rp_comparison_write(const rp_comparison *comparison, rp_comparison_format format, FILE *out, rp_error *err);

void rp_comparison_text(const rp_comparison *comparison, FILE *out);
void rp_comparison_csv(const rp_comparison *comparison, FILE *out);
void rp_comparison_json(const rp_comparison *comparison, FILE *out);

#endif
