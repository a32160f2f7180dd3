/* ids.h: what states, requests and trials are called: hashes of what decides them (SEMANTICS rules 26 to 28).
 *
 * The same on every machine. Where one of these moves, everything stored under the old ids is computed anew: a test with golden ids guards
 * them. */
#ifndef RP_PLAN_IDS_H
#define RP_PLAN_IDS_H

#include "core/base/digest.h"
#include "core/ops/op.h"

/* Epoch 0 of a trial: dataset's digest and split (canonical JSON), the model's layers with their init (canonical JSON), the seed. */
rp_status rp_id_of_root(rp_id dataset, const char *split_json, const char *model_json, uint64_t seed, rp_id *out, rp_error *err);

/* The state that `train` or `regrow` makes of a parent; `params`: the op's parameters that differ from their defaults, canonical JSON. */
rp_status rp_id_of_child(rp_id parent, rp_op_kind op, const char *params, rp_id *out, rp_error *err);

/* The state after a drop: parent, gate and the set itself, whatever criterion chose it. `set`: [n_filters], nonzero = dropped. */
rp_status rp_id_of_dropped(rp_id parent, int gate, const uint8_t *set, int n_filters, rp_id *out, rp_error *err);

/* A drop that is asked for: parent state, the step's params (ranker, options, limits, p, gate) and the plugin's version and file hash. */
rp_status rp_id_of_request(rp_id parent, const char *params, const char *ranker_version, rp_id file_hash, rp_id *out, rp_error *err);

/* A trial: its root and its program, one (op, version, params) after the other; without paths and file hashes. */
typedef struct {
  rp_op_kind op;
  const char *params;
} rp_program_step;
rp_status rp_id_of_trial(rp_id root, const rp_program_step *steps, int n_steps, rp_id *out, rp_error *err);

#endif
