/* job.c: jobs and results as wire messages, field by field in one order. */
#include "experiments/work/job.h"

#include "core/base/memory.h"
#include "core/base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ELEMENTS = 1 << 24 };

void rp_job_put(rp_wire *wire, const rp_job *job) {
  rp_wire_start(wire, RP_WIRE_JOB);
  rp_wire_put_string(wire, job->config);
  rp_wire_put_int(wire, (int64_t)job->seed);
  rp_wire_put_number(wire, job->ranker_timeout);
  rp_wire_put_string(wire, job->data);
  rp_wire_put_string(wire, job->rankers);
  rp_wire_put_string(wire, job->states);
  rp_wire_put_int(wire, job->from);
  rp_wire_put_id(wire, job->from_id);
  rp_wire_put_int(wire, job->to);
  rp_wire_put_int(wire, job->n_filters);
  size_t n = (size_t)(job->to - job->from);
  rp_wire_put(wire, job->digests, n * sizeof *job->digests);
  rp_wire_put(wire, job->known, n);
  rp_wire_put(wire, job->sets, n * (size_t)job->n_filters);
}

static rp_status broken(const rp_wire *wire, rp_error *err) {
  return wire->broken ? rp_fail(err, RP_EWORKER, "a message between processes is broken") : RP_OK;
}

rp_status rp_job_get(rp_wire *wire, rp_job *job, rp_error *err) {
  *job = (rp_job){.config = rp_wire_get_string(wire), .seed = (uint64_t)rp_wire_get_int(wire)};
  job->ranker_timeout = rp_wire_get_number(wire);
  job->data = rp_wire_get_string(wire);
  job->rankers = rp_wire_get_string(wire);
  job->states = rp_wire_get_string(wire);
  job->from = (int)rp_wire_get_int(wire);
  job->from_id = rp_wire_get_id(wire);
  job->to = (int)rp_wire_get_int(wire);
  job->n_filters = (int)rp_wire_get_int(wire);
  RP_TRY(broken(wire, err));
  int64_t n = (int64_t)job->to - job->from;
  if (n < 1 || n > MOST_ELEMENTS || job->n_filters < 0 || job->n_filters > MOST_ELEMENTS)
    return rp_fail(err, RP_EWORKER, "a job's sizes make no sense");
  RP_TRY(rp_allocate((size_t)n, sizeof *job->digests, &job->digests, err));
  RP_TRY(rp_allocate((size_t)n, 1, &job->known, err));
  RP_TRY(rp_allocate((size_t)n, (size_t)job->n_filters, &job->sets, err));
  rp_wire_get(wire, job->digests, (size_t)n * sizeof *job->digests);
  rp_wire_get(wire, job->known, (size_t)n);
  rp_wire_get(wire, job->sets, (size_t)n * (size_t)job->n_filters);
  return broken(wire, err);
}

void rp_job_free(rp_job *job) {
  free(job->digests);
  free(job->known);
  free(job->sets);
  *job = (rp_job){0};
}

rp_job_result rp_job_result_empty(void) {
  return (rp_job_result){.lr = NAN,
                         .train_loss = NAN,
                         .train_acc = NAN,
                         .images_per_second = NAN,
                         .val_loss = NAN,
                         .val_acc = NAN,
                         .test_loss = NAN,
                         .test_acc = NAN,
                         .val_acc_bn = NAN,
                         .test_acc_bn = NAN,
                         .ortho_sum = NAN,
                         .ortho_mean = NAN,
                         .active_filters = -1,
                         .regrown = -1,
                         .constraints_asked = -1,
                         .constraints_met = -1,
                         .max_cos_left = NAN,
                         .seconds = NAN,
                         .choosing_seconds = NAN};
}

/* The fields before the first array are sent as they lie in memory: both ends are one program. */
static const size_t PLAIN_BYTES = offsetof(rp_job_result, layers);

void rp_job_result_put(rp_wire *wire, const rp_job_result *result) {
  rp_wire_start(wire, RP_WIRE_RESULT);
  rp_wire_put(wire, result, PLAIN_BYTES);
  rp_wire_put(wire, result->layers, (size_t)result->n_layers * sizeof *result->layers);
  rp_wire_put_int(wire, result->n_filters);
  rp_wire_put(wire, result->set, (size_t)result->n_filters);
  rp_wire_put_int(wire, result->was_chosen);
  if (!result->was_chosen) return;
  rp_wire_put(wire, result->ranks, (size_t)result->n_filters * sizeof *result->ranks);
  rp_wire_put_int(wire, result->count);
  rp_wire_put_int(wire, result->limits_used);
  rp_wire_put_int(wire, result->ties_at_cut);
  const rp_job_scores *scores = &result->scores;
  rp_wire_put_string(wire, scores->name);
  rp_wire_put_string(wire, scores->version);
  rp_wire_put_string(wire, scores->options_json);
  rp_wire_put_string(wire, scores->path);
  rp_wire_put_id(wire, scores->file_hash);
  rp_wire_put(wire, scores->scores, (size_t)result->n_filters * sizeof(float));
}

static rp_status get_count(rp_wire *wire, int *out, rp_error *err) {
  int64_t count = rp_wire_get_int(wire);
  RP_TRY(broken(wire, err));
  if (count < 0 || count > MOST_ELEMENTS) return rp_fail(err, RP_EWORKER, "a result's sizes make no sense");
  *out = (int)count;
  return RP_OK;
}

static rp_status get_scores(rp_wire *wire, int n_filters, rp_job_scores *out, rp_error *err) {
  char **const strings[] = {&out->name, &out->version, &out->options_json, &out->path};
  for (int i = 0; i < 4; i++) RP_TRY(rp_copy_string(rp_wire_get_string(wire), strings[i], err));
  out->file_hash = rp_wire_get_id(wire);
  RP_TRY(rp_allocate((size_t)n_filters, sizeof *out->scores, &out->scores, err));
  rp_wire_get(wire, out->scores, (size_t)n_filters * sizeof *out->scores);
  return broken(wire, err);
}

static rp_status get_choice(rp_wire *wire, rp_job_result *result, rp_error *err) {
  RP_TRY(rp_allocate((size_t)result->n_filters, sizeof *result->ranks, &result->ranks, err));
  rp_wire_get(wire, result->ranks, (size_t)result->n_filters * sizeof *result->ranks);
  result->count = (int)rp_wire_get_int(wire);
  result->limits_used = (int)rp_wire_get_int(wire);
  result->ties_at_cut = (int)rp_wire_get_int(wire);
  return get_scores(wire, result->n_filters, &result->scores, err);
}

rp_status rp_job_result_get(rp_wire *wire, rp_job_result *result, rp_error *err) {
  *result = (rp_job_result){0};
  rp_wire_get(wire, result, PLAIN_BYTES);
  RP_TRY(broken(wire, err));
  if (result->n_layers < 0 || result->n_layers > MOST_ELEMENTS) return rp_fail(err, RP_EWORKER, "a result's sizes make no sense");
  RP_TRY(rp_allocate((size_t)result->n_layers, sizeof *result->layers, &result->layers, err));
  rp_wire_get(wire, result->layers, (size_t)result->n_layers * sizeof *result->layers);
  RP_TRY(get_count(wire, &result->n_filters, err));
  RP_TRY(rp_allocate((size_t)result->n_filters, 1, &result->set, err));
  rp_wire_get(wire, result->set, (size_t)result->n_filters);
  result->was_chosen = (int)rp_wire_get_int(wire);
  if (result->was_chosen) RP_TRY(get_choice(wire, result, err));
  return broken(wire, err);
}

void rp_job_result_free(rp_job_result *result) {
  rp_job_scores *scores = &result->scores;
  free(scores->name), free(scores->version), free(scores->options_json), free(scores->path), free(scores->scores);
  free(result->layers);
  free(result->set);
  free(result->ranks);
  *result = (rp_job_result){0};
}

rp_status rp_job_checkpoint_path(const char *states, rp_id id, char **path, rp_error *err) {
  char hex[RP_ID_HEX + 1];
  rp_id_hex(id, hex);
  RP_CLEANUP(rp_text_free) rp_text text = {0};
  rp_text_format(&text, "%s/%s.state", states, hex);
  return rp_text_take(&text, path, err);
}
