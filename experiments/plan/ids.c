/* ids.c: each id is a digest over length-prefixed fields, so that no two lists of fields run together. */
#include "experiments/plan/ids.h"

rp_status rp_id_of_root(rp_id dataset, const char *split_json, const char *model_json, uint64_t seed, rp_id *out, rp_error *err) {
  rp_digest *digest;
  RP_TRY(rp_digest_start("state: root", &digest, err));
  rp_digest_bytes(digest, dataset.bytes, sizeof dataset.bytes);
  rp_digest_string(digest, split_json);
  rp_digest_string(digest, model_json);
  rp_digest_u64(digest, seed);
  *out = rp_digest_finish(digest);
  return RP_OK;
}

static void add_op(rp_digest *digest, rp_op_kind op) {
  rp_digest_string(digest, rp_op_name(op));
  rp_digest_u64(digest, (uint64_t)rp_op_version(op));
}

rp_status rp_id_of_child(rp_id parent, rp_op_kind op, const char *params, rp_id *out, rp_error *err) {
  rp_digest *digest;
  RP_TRY(rp_digest_start("state", &digest, err));
  rp_digest_bytes(digest, parent.bytes, sizeof parent.bytes);
  add_op(digest, op);
  rp_digest_string(digest, params);
  *out = rp_digest_finish(digest);
  return RP_OK;
}

rp_status rp_id_of_dropped(rp_id parent, int gate, const uint8_t *set, int n_filters, rp_id *out, rp_error *err) {
  rp_digest *digest;
  RP_TRY(rp_digest_start("state: dropped", &digest, err));
  rp_digest_bytes(digest, parent.bytes, sizeof parent.bytes);
  add_op(digest, RP_OP_DROP);
  rp_digest_u64(digest, gate ? 1 : 0);
  for (int f = 0; f < n_filters; f++)
    if (set[f]) rp_digest_u64(digest, (uint64_t)f);
  *out = rp_digest_finish(digest);
  return RP_OK;
}

rp_status rp_id_of_request(rp_id parent, const char *params, const char *ranker_version, rp_id file_hash, rp_id *out, rp_error *err) {
  rp_digest *digest;
  RP_TRY(rp_digest_start("request", &digest, err));
  rp_digest_bytes(digest, parent.bytes, sizeof parent.bytes);
  add_op(digest, RP_OP_DROP);
  rp_digest_string(digest, params);
  rp_digest_string(digest, ranker_version);
  rp_digest_bytes(digest, file_hash.bytes, sizeof file_hash.bytes);
  *out = rp_digest_finish(digest);
  return RP_OK;
}

rp_status rp_id_of_trial(rp_id root, const rp_program_step *steps, int n_steps, rp_id *out, rp_error *err) {
  rp_digest *digest;
  RP_TRY(rp_digest_start("trial", &digest, err));
  rp_digest_bytes(digest, root.bytes, sizeof root.bytes);
  for (int i = 0; i < n_steps; i++) {
    add_op(digest, steps[i].op);
    rp_digest_string(digest, steps[i].params);
  }
  *out = rp_digest_finish(digest);
  return RP_OK;
}
