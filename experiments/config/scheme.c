/* scheme.c: a scheme's program is expanded, walked once to add its epochs up, and fitted to the total that is asked for. */
#include "experiments/config/scheme.h"

#include "core/base/memory.h"
#include "core/ops/op.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- Epochs ---------------------------------------------------------------------------------- */

rp_status rp_scheme_train_epochs(const rp_node *train, uint32_t *epochs, rp_error *err) {
  int64_t n;
  *epochs = 0;
  if (train->kind == RP_NODE_STRING && strcmp(train->text, "rest") == 0) return RP_OK;
  if (!rp_node_integer(train, &n) || n < 1 || n > RP_MAX_EPOCHS)
    return rp_node_fail(train, err, "%s is not a number of epochs (a whole number from 1, or rest)",
                        train->text ? train->text : rp_node_kind_name(train->kind));
  *epochs = (uint32_t)n;
  return RP_OK;
}

/* What a walk over a program finds. */
typedef struct {
  uint64_t fixed;             /* epochs of all train entries but `rest` */
  uint64_t fixed_after_event; /* of those behind the last drop or regrow */
  const rp_node *rest;        /* the `train: rest`, if any */
  int rest_is_after_event;
  const rp_node *open_drop; /* a drop that has not been regrown yet */
  const rp_node *last;      /* the last entry */
} walk;

static rp_status walk_train(const rp_node *train, walk *found, rp_error *err) {
  uint32_t epochs;
  RP_TRY(rp_scheme_train_epochs(train, &epochs, err));
  if (epochs == 0) {
    if (found->rest) return rp_node_fail(train, err, "a program can say `train: rest` once only");
    found->rest = train;
    found->rest_is_after_event = 1;
  }
  found->fixed += epochs;
  found->fixed_after_event += epochs;
  return RP_OK;
}

static rp_status walk_entry(const rp_node *entry, walk *found, rp_error *err) {
  static const char *const OPS[] = {
#define OP_NAME(code, name, version, help) name,
      RP_OP_LIST(OP_NAME)
#undef OP_NAME
  };
  if (entry->kind != RP_NODE_MAP || entry->n != 1)
    return rp_node_fail(entry, err, "an entry of a program is a map with one op, as in `train: 20`");
  const char *op = entry->entries[0].key;
  const rp_node *value = entry->entries[0].value;
  found->last = value;
  if (strcmp(op, rp_op_name(RP_OP_TRAIN)) == 0) return walk_train(value, found, err);
  int is_drop = strcmp(op, rp_op_name(RP_OP_DROP)) == 0;
  if (!is_drop && strcmp(op, rp_op_name(RP_OP_REGROW)) != 0) {
    RP_CLEANUP(rp_text_free) rp_text text = {0};
    rp_add_suggestion(op, OPS, RP_N_OPS, &text);
    RP_TRY(rp_text_check(&text, err));
    return rp_entry_fail(&entry->entries[0], err, "unknown op '%s'%s", op, rp_text_string(&text));
  }
  if (!is_drop && !found->open_drop) return rp_node_fail(value, err, "nothing is dropped here that could be regrown");
  found->open_drop = is_drop ? value : NULL;
  found->fixed_after_event = 0;
  found->rest_is_after_event = 0;
  return RP_OK;
}

static rp_status walk_program(const rp_node *program, walk *found, rp_error *err) {
  for (size_t i = 0; i < program->n; i++) RP_TRY(walk_entry(program->entries[i].value, found, err));
  if (found->fixed > RP_MAX_EPOCHS) return rp_node_fail(program, err, "the program trains more than %d epochs", RP_MAX_EPOCHS);
  return RP_OK;
}

/* The fewest epochs that `rest` can stand for: a program needs an epoch, and a full one after its last regrow. */
static uint64_t fewest_rest(const walk *found, int ends_in_sub) {
  if (found->fixed == 0) return 1;
  return !ends_in_sub && found->fixed_after_event == 0 ? 1 : 0;
}

static rp_status check_end(const rp_node *program, const walk *found, const rp_expanded_scheme *scheme, rp_error *err) {
  if (found->fixed == 0 && !found->rest) return rp_node_fail(program, err, "the program trains no epoch; add `- train: rest`");
  if (scheme->ends_in_sub) return RP_OK;
  if (found->open_drop)
    return rp_node_fail(found->open_drop, err, "nothing grows back what is dropped here; add `regrow`, or say `ends: sub` in the scheme");
  if (found->fixed_after_event == 0 && !found->rest_is_after_event)
    return rp_node_fail(found->last, err,
                        "no full epoch is left after the last regrow; add `- train: rest` and let train.epochs be at least %" PRIu64
                        ", or say `ends: sub` in the scheme",
                        found->fixed + 1);
  return RP_OK;
}

static rp_status fit_unset(const rp_node *scheme, const walk *found, rp_expanded_scheme *out, rp_error *err) {
  if (found->rest)
    return rp_node_fail(scheme, err,
                        "train.epochs must be given, since the program says `train: rest`; the smallest total that fits is %" PRIu64,
                        found->fixed + fewest_rest(found, out->ends_in_sub));
  out->total = (uint32_t)found->fixed;
  return RP_OK;
}

static rp_status fit_after(const rp_node *after, const walk *found, rp_expanded_scheme *out, rp_error *err) {
  int64_t wanted = 0;
  rp_node_integer(after, &wanted);
  uint64_t fewest = found->fixed_after_event + (found->rest ? fewest_rest(found, out->ends_in_sub) : 0);
  if (found->rest && !found->rest_is_after_event)
    return rp_node_fail(
        after, err, "`train: rest` stands before the last drop or regrow, so what comes after it is fixed; give train.epochs as a number");
  if (wanted < 1 || wanted > RP_MAX_EPOCHS || (uint64_t)wanted < fewest || (!found->rest && (uint64_t)wanted != fewest))
    return rp_node_fail(after, err, "%" PRId64 " epochs after the last cycle do not fit the program, which trains %s%" PRIu64 " there",
                        wanted, found->rest ? "at least " : "", fewest);
  out->total = (uint32_t)(found->fixed - found->fixed_after_event + (uint64_t)wanted);
  out->rest = found->rest ? (uint32_t)((uint64_t)wanted - found->fixed_after_event) : 0;
  return RP_OK;
}

static rp_status fit_total(const rp_node *epochs, const walk *found, rp_expanded_scheme *out, rp_error *err) {
  int64_t wanted = 0;
  rp_node_integer(epochs, &wanted);
  uint64_t fewest = found->fixed + (found->rest ? fewest_rest(found, out->ends_in_sub) : 0);
  if (wanted < 1 || wanted > RP_MAX_EPOCHS || (uint64_t)wanted < fewest)
    return rp_node_fail(epochs, err, "the program does not fit into %" PRId64 " epochs; the smallest total that fits is %" PRIu64, wanted,
                        fewest);
  if (!found->rest && (uint64_t)wanted != fewest)
    return rp_node_fail(epochs, err,
                        "the program trains %" PRIu64 " epochs, not %" PRId64 "; the total that fits is %" PRIu64
                        " (`- train: rest` would fill up)",
                        fewest, wanted, fewest);
  out->total = (uint32_t)wanted;
  out->rest = (uint32_t)((uint64_t)wanted - found->fixed);
  return RP_OK;
}

static rp_status fit(const rp_node *scheme, const rp_node *epochs, rp_expanded_scheme *out, rp_error *err) {
  walk found = {0};
  RP_TRY(walk_program(out->program, &found, err));
  RP_TRY(check_end(out->program, &found, out, err));
  if (!epochs) return fit_unset(scheme, &found, out, err);
  const rp_node *after = rp_node_get(epochs, "after");
  return after ? fit_after(after, &found, out, err) : fit_total(epochs, &found, out, err);
}

rp_status rp_scheme_expand(const rp_template *file, const rp_node *scheme, const rp_node *epochs, rp_expanded_scheme *out, rp_error *err) {
  *out = (rp_expanded_scheme){.ends_in_sub = strcmp(rp_node_text(rp_node_get(file->root, "ends")), "sub") == 0};
  RP_TRY(rp_template_expand(rp_template_body(file), scheme, &out->program, err));
  rp_status status = fit(scheme, epochs, out, err);
  if (status != RP_OK) rp_expanded_scheme_free(out);
  return status;
}

void rp_expanded_scheme_free(rp_expanded_scheme *expanded) {
  rp_node_free(&expanded->program);
  *expanded = (rp_expanded_scheme){0};
}
