/* scheme.h: scheme files, and how many epochs they come to (SEMANTICS rule 2).
 *
 *     parameters: {s1: 20, p: 30, …}
 *     ends: full            # or sub: training may stop with filters dropped
 *     program:
 *       - train: $s1        # epochs, or `rest`: what train.epochs leaves
 *       - drop: {p: $p}
 *       - regrow: {…}
 *
 * What stands in a drop and a regrow is checked in experiments/plan/program.c; here only what decides the number of epochs. */
#ifndef RP_CONFIG_SCHEME_H
#define RP_CONFIG_SCHEME_H

#include "experiments/config/template.h"

enum { RP_MAX_EPOCHS = 1000000 };

typedef struct {
  rp_node *program; /* list of maps with one key each: train, drop or regrow. Owned */
  int ends_in_sub;  /* `ends: sub` */
  uint32_t total;   /* epochs in all */
  uint32_t rest;    /* what `train: rest` stands for; 0 where there is none */
} rp_expanded_scheme;

/* Expands a scheme and fits it to train.epochs.
 *
 *   scheme   filled in by rp_template_fill
 *   epochs   train.epochs: a number, {after: a number}, or NULL: the program's own sum
 *
 * Errors: RP_EINPUT with position: an unknown op, a number of epochs below 1, a drop that nothing grows back (without `ends: sub`), a
 * regrow with nothing to grow back, a program that does not fit (with the smallest total that fits). On error *out is empty. */
rp_status rp_scheme_expand(const rp_template *file, const rp_node *scheme, const rp_node *epochs, rp_expanded_scheme *out, rp_error *err);
void rp_expanded_scheme_free(rp_expanded_scheme *expanded);

/* The epochs of a `train` entry's value: its number, 0 for `rest`. Errors: RP_EINPUT. */
rp_status rp_scheme_train_epochs(const rp_node *train, uint32_t *epochs, rp_error *err);

#endif
