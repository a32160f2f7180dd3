/* score_job.c: as job.c: field by field in one order. */
#include "experiments/work/score_job.h"

#include "core/base/memory.h"

#include <stdlib.h>

enum { MOST_ELEMENTS = 1 << 24 };

static rp_status get_count(rp_wire *wire, int *out, rp_error *err) {
  int64_t count = rp_wire_get_int(wire);
  if (wire->broken || count < 0 || count > MOST_ELEMENTS) return rp_fail(err, RP_EWORKER, "a message between processes is broken");
  *out = (int)count;
  return RP_OK;
}

static rp_status check(const rp_wire *wire, rp_error *err) {
  return wire->broken ? rp_fail(err, RP_EWORKER, "a message between processes is broken") : RP_OK;
}

/* ---- The job --------------------------------------------------------------------------------- */

static void put_decimal(rp_wire *wire, rp_decimal value) {
  rp_wire_put_int(wire, (int64_t)value.digits);
  rp_wire_put_int(wire, value.decimals);
}

static rp_decimal get_decimal(rp_wire *wire) {
  rp_decimal value;
  value.digits = (uint64_t)rp_wire_get_int(wire);
  value.decimals = (uint32_t)rp_wire_get_int(wire);
  return value;
}

void rp_score_job_put(rp_wire *wire, const rp_score_job *job) {
  rp_job_put(wire, &job->route);
  wire->type = RP_WIRE_SCORE_JOB;
  rp_wire_put_int(wire, (int64_t)job->score.data);
  rp_wire_put_int(wire, job->score.images);
  put_decimal(wire, job->how.p);
  rp_wire_put_int(wire, (int64_t)job->how.scope);
  rp_wire_put_int(wire, job->how.keep_at_least);
  put_decimal(wire, job->how.drop_at_most);
  rp_wire_put_int(wire, job->n_convs);
  rp_wire_put(wire, job->how.skip, (size_t)job->n_convs);
  rp_wire_put_int(wire, job->n_criteria);
  for (int i = 0; i < job->n_criteria; i++) rp_wire_put_string(wire, job->criteria[i]);
}

rp_status rp_score_job_get(rp_wire *wire, rp_score_job *job, rp_error *err) {
  *job = (rp_score_job){0};
  RP_TRY(rp_job_get(wire, &job->route, err));
  job->score.data = (int)rp_wire_get_int(wire);
  job->score.images = (uint32_t)rp_wire_get_int(wire);
  job->how.p = get_decimal(wire);
  job->how.scope = (rp_scope)rp_wire_get_int(wire);
  job->how.keep_at_least = (int)rp_wire_get_int(wire);
  job->how.drop_at_most = get_decimal(wire);
  RP_TRY(get_count(wire, &job->n_convs, err));
  uint8_t *skip;
  RP_TRY(rp_allocate((size_t)job->n_convs, 1, &skip, err));
  job->how.skip = skip;
  rp_wire_get(wire, skip, (size_t)job->n_convs);
  RP_TRY(get_count(wire, &job->n_criteria, err));
  RP_TRY(rp_allocate((size_t)job->n_criteria, sizeof *job->criteria, &job->criteria, err));
  for (int i = 0; i < job->n_criteria; i++) job->criteria[i] = rp_wire_get_string(wire);
  return check(wire, err);
}

void rp_score_job_free(rp_score_job *job) {
  rp_job_free(&job->route);
  free((void *)(uintptr_t)job->how.skip);
  free(job->criteria);
  *job = (rp_score_job){0};
}

/* ---- The answer ------------------------------------------------------------------------------ */

void rp_score_answer_put(rp_wire *wire, const rp_score_answer *answer) {
  const size_t n_filters = (size_t)answer->n_filters;
  rp_wire_start(wire, RP_WIRE_SCORES);
  rp_wire_put_id(wire, answer->state);
  rp_wire_put_int(wire, answer->checkpoint_bytes);
  rp_wire_put_number(wire, answer->seconds);
  rp_wire_put_int(wire, answer->n_filters);
  rp_wire_put_int(wire, answer->n);
  for (int i = 0; i < answer->n; i++) {
    const rp_job_scored *scored = &answer->criteria[i];
    rp_wire_put_int(wire, (int64_t)scored->status);
    rp_wire_put_string(wire, scored->message);
    rp_wire_put_int(wire, scored->does_not_apply);
    rp_wire_put_id(wire, scored->file_hash);
    if (scored->status != RP_OK) continue;
    rp_wire_put(wire, scored->scores, n_filters * sizeof *scored->scores);
    rp_wire_put(wire, scored->set, n_filters);
    rp_wire_put(wire, scored->ranks, n_filters * sizeof *scored->ranks);
    rp_wire_put(wire, &scored->record, sizeof scored->record);
    rp_wire_put_number(wire, scored->seconds);
  }
}

static rp_status get_scored(rp_wire *wire, size_t n_filters, rp_job_scored *scored, rp_error *err) {
  scored->status = (rp_status)rp_wire_get_int(wire);
  RP_TRY(rp_copy_string(rp_wire_get_string(wire), &scored->message, err));
  scored->does_not_apply = (int)rp_wire_get_int(wire);
  scored->file_hash = rp_wire_get_id(wire);
  if (scored->status != RP_OK) return check(wire, err);
  RP_TRY(rp_allocate(n_filters, sizeof *scored->scores, &scored->scores, err));
  RP_TRY(rp_allocate(n_filters, 1, &scored->set, err));
  RP_TRY(rp_allocate(n_filters, sizeof *scored->ranks, &scored->ranks, err));
  rp_wire_get(wire, scored->scores, n_filters * sizeof *scored->scores);
  rp_wire_get(wire, scored->set, n_filters);
  rp_wire_get(wire, scored->ranks, n_filters * sizeof *scored->ranks);
  rp_wire_get(wire, &scored->record, sizeof scored->record);
  scored->seconds = rp_wire_get_number(wire);
  return check(wire, err);
}

rp_status rp_score_answer_get(rp_wire *wire, rp_score_answer *answer, rp_error *err) {
  *answer = (rp_score_answer){.state = rp_wire_get_id(wire), .checkpoint_bytes = rp_wire_get_int(wire)};
  answer->seconds = rp_wire_get_number(wire);
  RP_TRY(get_count(wire, &answer->n_filters, err));
  int n = 0;
  RP_TRY(get_count(wire, &n, err));
  RP_TRY(rp_allocate((size_t)n, sizeof *answer->criteria, &answer->criteria, err));
  for (; answer->n < n; answer->n++) {
    rp_status status = get_scored(wire, (size_t)answer->n_filters, &answer->criteria[answer->n], err);
    if (status == RP_OK) continue;
    answer->n++;
    return status;
  }
  return RP_OK;
}

void rp_score_answer_free(rp_score_answer *answer) {
  for (int i = 0; i < answer->n; i++) {
    free(answer->criteria[i].message);
    free(answer->criteria[i].scores);
    free(answer->criteria[i].set);
    free(answer->criteria[i].ranks);
  }
  free(answer->criteria);
  *answer = (rp_score_answer){0};
}
