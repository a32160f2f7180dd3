/* net.h: runs a model: forward, backward, with gates, for any batch size.
 *
 * A net is a checked model, its layout, and a cache of executors: oneDNN primitives and buffers for one batch size and purpose. Weights
 * come from outside (a state's flat buffer) and are copied into the kernels' layouts with the gates multiplied in: a closed filter's
 * weights and bias are 0 in the copy, so its map and its gradient are exactly 0 (rule 8).
 *
 * A net belongs to one thread; it is as deterministic as its kernels: same bits for same inputs, executor and number of threads. */
#ifndef RP_NN_NET_H
#define RP_NN_NET_H

#include "core/base/draws.h"
#include "core/nn/parameters.h"

typedef struct rp_net rp_net;

/* Checks a model, copies it and lays its parameters out. Errors: RP_EINPUT where shapes do not fit, with the layer's name, both shapes and
 * what would fit. `threads` ≥ 1 is the number of OpenMP threads that kernels use: part of what decides bits. */
rp_status rp_net_create(const rp_model *model, int threads, rp_net **out, rp_error *err);
void rp_net_free(rp_net **net); /* for RP_CLEANUP; NULL is fine */

const rp_model *rp_net_model(const rp_net *net);
const rp_layout *rp_net_layout(const rp_net *net);

/* Initial parameters (epoch 0) from the layers' init and a seed: draws keyed (seed, RP_DRAW_INIT, tensor, k). `parameters`: [n_parameters],
 * all written. Errors: RP_ENUMERIC from LAPACK, RP_EMEMORY. (init.c) */
rp_status rp_init_parameters(const rp_net *net, uint64_t seed, float *parameters, rp_error *err);

/* Row k of a weight tensor (conv or fc; C·E values into `weights`) drawn as rp_init_parameters draws rows of it, from any stream. For the
 * kinds that draw a layer as a whole (orthogonal): a random direction of the same expected norm. (init.c) */
void rp_init_row(const rp_net *net, int tensor, const rp_stream *stream, float *weights);

/* One filter drawn so from the stream (seed, RP_DRAW_REINIT, cycle, conv, k): C·R·S values into `weights`. Errors: RP_EINPUT where there is
 * no such filter. (init.c) */
rp_status rp_init_filter(const rp_net *net, int filter, uint64_t seed, uint32_t cycle, float *weights, rp_error *err);

/* The expected Euclidean norm (root of the mean square norm) of a filter's C·R·S weights at initialisation. (init.c) */
double rp_init_norm(const rp_net *net, int conv);

/* ---- Running it ------------------------------------------------------------------------------ */

typedef enum {
  RP_RUN_TRAIN,    /* forward and backward; maps may be fused away */
  RP_RUN_EVALUATE, /* forward only */
  RP_RUN_OBSERVE,  /* forward and backward in evaluation mode, every conv's map and its gradient kept, at the gate */
  RP_RUN_HESSIAN,  /* forward and backward in evaluation mode, with derivatives along a direction: tangent.h; no gradients are kept */
  RP_RUN_REMOVE    /* layer by layer in evaluation mode, by removal.c alone: every map is there, a conv's without its ReLU */
} rp_purpose_of_run;

typedef struct rp_executor rp_executor;

/* The net's executor for one batch size and purpose, made at the first call and kept by the net (borrowed by the caller). Errors:
 * RP_ELIBRARY where oneDNN refuses, or offers only a reference kernel, with layer, pass and shapes; RP_EMEMORY. */
rp_status rp_net_executor(rp_net *net, int batch, rp_purpose_of_run purpose, rp_executor **out, rp_error *err);

/* Copies parameters into the kernels' layouts. `closed`: [n_filters], nonzero = gate closed; NULL = all open. Cheap; call it whenever
 * either changed. */
rp_status rp_executor_load(rp_executor *executor, const float *parameters, const uint8_t *closed, rp_error *err);

/* What draws of dropout and its like are keyed by: image i of the executor's batch is the one at `first` + i of its epoch's order. So they
 * do not depend on how a batch is split. */
typedef struct {
  uint64_t seed;
  uint32_t epoch; /* that is being trained, from 1 */
  uint32_t first;
} rp_draw_place;

/* TRAIN: says where the next forward's images stand; all 0 until then. */
void rp_executor_place(rp_executor *executor, rp_draw_place place);

/* Forward. `images`: [N][C][H][W] normalised. *logits: [N][n_classes], owned by the executor, valid until its next forward. */
rp_status rp_executor_forward(rp_executor *executor, const float *images, const float **logits, rp_error *err);

/* Backward of the last forward (TRAIN, OBSERVE). `logit_gradients`: [N][n_classes]. The parameters' gradients are added to the executor's
 * sum, which rp_executor_clear_gradients sets to 0 and rp_executor_gradients adds to `gradients`: [n_parameters], in the flat layout. */
rp_status rp_executor_backward(rp_executor *executor, const float *logit_gradients, rp_error *err);
void rp_executor_clear_gradients(rp_executor *executor);
rp_status rp_executor_add_gradients(rp_executor *executor, float *gradients, rp_error *err);

/* TRAIN: writes the running statistics of BN, as moved by the forward passes since the last load, into `parameters` ([n_parameters]); those
 * of absent channels stay as they are (rule 10). */
void rp_executor_statistics(const rp_executor *executor, float *parameters);

/* All values that a BN channel has read, over any number of batches. Start from 0. */
typedef struct {
  int is_wanted; /* the caller's; where it is 0, the rest stays as it is */
  double n;      /* values so far: images × pixels */
  double mean;
  double squares; /* sum of (value − mean)²; divided by n − 1 it is the unbiased variance */
} rp_channel_moments;

/* EVALUATE: until the next load, the BN channels that are wanted are normalised by each batch's own mean and (biased) variance, as in
 * training, and what they read is added to their moments. All others keep to their running statistics, and nothing is drawn. `moments`:
 * [rp_gate_n_channels] (gate.h), borrowed until then; those of several executors may be the same. */
void rp_executor_measure_channels(rp_executor *executor, rp_channel_moments *moments);

/* OBSERVE: a conv's maps at the gate, and the loss's gradient with respect to them, of the last forward and backward: [N][K][H][W] dense,
 * owned by the executor, valid until its next call. */
rp_status rp_executor_maps(rp_executor *executor, int conv, const float **maps, rp_error *err);
rp_status rp_executor_map_gradients(rp_executor *executor, int conv, const float **gradients, rp_error *err);

/* EVALUATE: for each filter f, sets alive[f] to 1 where its gate put out anything but 0 in the last forward; leaves the rest alone.
 * [n_filters] */
void rp_executor_mark_alive(const rp_executor *executor, uint8_t *alive);

/* The sub-batch that training splits a batch of `batch` images into: gradients are summed over them, which keeps the cache warm and is
 * exact without BN (a fixed number, since weight gradients depend on it in their last bits). With BN: the whole batch. */
int rp_net_sub_batch(const rp_net *net, int batch);

/* Name and version of the kernels' library, for provenance: "oneDNN 2.6.3, avx512_core_bf16". Static storage. */
const char *rp_dnn_version(void);

#endif
