/* program_check.c: walks a program's drops over the filters of a model, before anything is trained. */
#include "core/base/memory.h"
#include "experiments/config/keys.h"
#include "experiments/plan/program.h"

#include <stdlib.h>
#include <string.h>

/* The model's filters, and which are dropped so far. */
typedef struct {
  int n_convs, n_filters;
  int *K;
  const char **names;
  uint8_t *dropped, *active, *set; /* [n_filters] */
  float *scores;                   /* [n_filters], all 0: any set of the right size stands for what will be dropped */
  const rp_drop_request *first;    /* the first drop since the last regrow; NULL = none */
  int is_exact;                    /* all drops since then had the same limits: `dropped` tells how much room is left */
} filters;

static void free_filters(filters *self) {
  free(self->K);
  free(self->names);
  free(self->dropped);
  free(self->active);
  free(self->set);
  free(self->scores);
}

static rp_status list_filters(const rp_model *model, filters *out, rp_error *err) {
  RP_TRY(rp_allocate((size_t)model->n_layers, sizeof *out->K, &out->K, err));
  RP_TRY(rp_allocate((size_t)model->n_layers, sizeof *out->names, &out->names, err));
  for (int i = 0; i < model->n_layers; i++) {
    if (model->layers[i].kind != RP_CONV) continue;
    out->K[out->n_convs] = model->layers[i].outputs;
    out->names[out->n_convs++] = model->layers[i].name;
    out->n_filters += model->layers[i].outputs;
  }
  size_t n = (size_t)out->n_filters;
  RP_TRY(rp_allocate(n, 1, &out->dropped, err));
  RP_TRY(rp_allocate(n, 1, &out->active, err));
  RP_TRY(rp_allocate(n, 1, &out->set, err));
  return rp_allocate(n, sizeof *out->scores, &out->scores, err);
}

static rp_status mark_skipped(const filters *self, const rp_drop_request *drop, uint8_t *skip, rp_error *err) {
  for (int i = 0; i < drop->n_skip; i++) {
    int found = 0;
    for (int conv = 0; conv < self->n_convs; conv++)
      if (strcmp(self->names[conv], drop->skip[i]) == 0) skip[conv] = 1, found = 1;
    if (found) continue;
    RP_CLEANUP(rp_text_free) rp_text text = {0};
    rp_add_suggestion(drop->skip[i], self->names, self->n_convs, &text);
    RP_TRY(rp_text_check(&text, err));
    return rp_node_fail(drop->skip_node, err, "'%s' is no conv layer of the model%s", drop->skip[i], rp_text_string(&text));
  }
  return RP_OK;
}

static int has_limits_of(const rp_drop_request *a, const rp_drop_request *b) {
  int same = a->scope == b->scope && a->keep_at_least == b->keep_at_least && a->n_skip == b->n_skip &&
             a->drop_at_most.digits == b->drop_at_most.digits && a->drop_at_most.decimals == b->drop_at_most.decimals;
  for (int i = 0; same && i < a->n_skip; i++) same = strcmp(a->skip[i], b->skip[i]) == 0;
  return same;
}

static rp_status fail_at_p(const rp_drop_request *drop, rp_error *err) {
  rp_error reason = *err;
  return reason.status == RP_EINPUT ? rp_node_fail(drop->p_node, err, "%s", reason.message) : reason.status;
}

/* After drops under other limits it is not known how much room those left in which layer: then the count is only held against an undropped
 * net. */
static rp_status check_drop(filters *self, const rp_drop_request *drop, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) uint8_t *skip = NULL;
  RP_TRY(rp_allocate((size_t)self->n_convs, 1, &skip, err));
  RP_TRY(mark_skipped(self, drop, skip, err));
  rp_filter_counts counts = {self->n_convs, self->K, self->names};
  rp_selection how = {drop->p, drop->scope, skip, drop->keep_at_least, drop->drop_at_most};
  self->is_exact = !self->first || (self->is_exact && has_limits_of(self->first, drop));
  if (!self->first) self->first = drop;
  int count;
  if (rp_selection_count(&counts, &how, self->is_exact ? self->dropped : NULL, &count, NULL, NULL, err) != RP_OK)
    return fail_at_p(drop, err);
  if (!self->is_exact) return RP_OK;
  for (int f = 0; f < self->n_filters; f++) self->active[f] = !self->dropped[f];
  rp_selection_record record;
  RP_TRY(rp_select(&counts, &how, self->scores, self->active, 0, 1, self->set, NULL, &record, err));
  for (int f = 0; f < self->n_filters; f++) self->dropped[f] |= self->set[f];
  return RP_OK;
}

rp_status rp_program_check(const rp_program *program, const rp_model *model, rp_error *err) {
  RP_CLEANUP(free_filters) filters self = {0};
  RP_TRY(list_filters(model, &self, err));
  for (int i = 0; i < program->n_steps; i++) {
    const rp_step *step = &program->steps[i];
    if (step->kind == RP_OP_DROP) RP_TRY(check_drop(&self, &step->as.drop, err));
    if (step->kind != RP_OP_REGROW) continue;
    memset(self.dropped, 0, (size_t)self.n_filters);
    self.first = NULL;
  }
  return RP_OK;
}
