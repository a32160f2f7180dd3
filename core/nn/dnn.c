/* dnn.c: convolutions on oneDNN.
 *
 * A pass (forward, weight gradient, data gradient) is a row of steps: reorders where the kernel wants another layout than the map has, the
 * kernel, and a reorder back. Weights are copied into the kernels' layouts, and their gradients out of them, by tables of positions. Our
 * maps' layout is asked for first; only where oneDNN then offers nothing but a reference kernel is the choice left to it. */
#include "core/nn/dnn.h"

#include "core/base/memory.h"
#include "core/nn/dnn_interface.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rp_dnn {
  dnnl_engine_t engine;
  dnnl_stream_t stream;
  int threads;
};

enum { MAX_ARGUMENTS = 4, MAX_STEPS = 5, MAX_MEMORIES = 32 };

typedef struct {
  dnnl_primitive_t primitive;
  dnnl_exec_arg_t arguments[MAX_ARGUMENTS];
  int n_arguments;
} step;

typedef struct {
  step steps[MAX_STEPS];
  int n_steps;
} pass;

/* Weights in a kernel's own layout. */
typedef struct {
  float *values; /* padding included, which stays 0 */
  size_t n;
  int32_t *positions; /* [K·C·R·S]: where each dense weight lies in it */
} laid_out;

struct rp_dnn_conv {
  const rp_dnn *dnn;
  rp_dnn_conv_spec spec;
  dnnl_primitive_desc_t chosen[3]; /* by rp_conv_pass; needed while the passes are made */
  laid_out weights[3];             /* by rp_conv_pass: copies that the kernel reads; of the weight gradient: one backward pass's gradient */
  float *gradient_sum;             /* over all since the last clear, in the gradient's layout */
  float *bias, *bias_gradient, *bias_sum;
  dnnl_memory_t bias_memory;
  pass run[3];                          /* by rp_conv_pass */
  dnnl_memory_t memories[MAX_MEMORIES]; /* all that are to be destroyed */
  int n_memories;
};

static rp_status check(dnnl_status_t status, const char *call, rp_error *err) {
  if (status == dnnl_success) return RP_OK;
  if (status == dnnl_out_of_memory) return rp_fail(err, RP_EMEMORY, "oneDNN ran out of memory in %s", call);
  return rp_fail(err, RP_ELIBRARY, "oneDNN's %s failed with status %d", call, (int)status);
}

/* ---- The library ----------------------------------------------------------------------------- */

/* Of libgomp, which oneDNN runs on; declared here since clang has no omp.h without its own runtime. */
extern void omp_set_num_threads(int threads);

void rp_dnn_use_threads(const rp_dnn *dnn) {
  omp_set_num_threads(dnn->threads);
}

int rp_dnn_threads(const rp_dnn *dnn) {
  return dnn->threads;
}

rp_status rp_dnn_create(int threads, rp_dnn **out, rp_error *err) {
  RP_CLEANUP(rp_dnn_free) rp_dnn *dnn = NULL;
  RP_TRY(rp_allocate(1, sizeof *dnn, &dnn, err));
  dnn->threads = threads;
  RP_TRY(check(dnnl_engine_create(&dnn->engine, dnnl_cpu, 0), "dnnl_engine_create", err));
  RP_TRY(check(dnnl_stream_create(&dnn->stream, dnn->engine, dnnl_stream_default_flags), "dnnl_stream_create", err));
  *out = dnn;
  dnn = NULL;
  return RP_OK;
}

void rp_dnn_free(rp_dnn **dnn) {
  if (!*dnn) return;
  if ((*dnn)->stream) dnnl_stream_destroy((*dnn)->stream);
  if ((*dnn)->engine) dnnl_engine_destroy((*dnn)->engine);
  rp_free_pointer(dnn);
}

int rp_dnn_block(void) {
  return (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core) == dnnl_cpu_isa_avx512_core ? 16 : 8;
}

static const char *isa_name(void) {
  switch ((int)dnnl_get_effective_cpu_isa()) {
  case dnnl_cpu_isa_sse41:
    return "sse41";
  case dnnl_cpu_isa_avx:
    return "avx";
  case dnnl_cpu_isa_avx2:
    return "avx2";
  case dnnl_cpu_isa_avx2_vnni:
    return "avx2_vnni";
  case dnnl_cpu_isa_avx512_core:
    return "avx512_core";
  case dnnl_cpu_isa_avx512_core_vnni:
    return "avx512_core_vnni";
  case dnnl_cpu_isa_avx512_core_bf16:
    return "avx512_core_bf16";
  case dnnl_cpu_isa_avx512_core_amx:
    return "avx512_core_amx";
#if DNNL_VERSION_MAJOR >= 3
  case dnnl_cpu_isa_avx2_vnni_2:
    return "avx2_vnni_2";
  case dnnl_cpu_isa_avx512_core_fp16:
    return "avx512_core_fp16";
  case dnnl_cpu_isa_avx512_core_amx_fp16:
    return "avx512_core_amx_fp16";
#endif
  default:
    return "another instruction set";
  }
}

static char version_text[96];

static void write_version(void) {
  const dnnl_version_t *version = dnnl_version();
  snprintf(version_text, sizeof version_text, "oneDNN %d.%d.%d, %s", version->major, version->minor, version->patch, isa_name());
}

const char *rp_dnn_version(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, write_version);
  return version_text;
}

/* ---- Making a convolution -------------------------------------------------------------------- */

static dnnl_format_tag_t tag_of_block(int block) {
  return block == 16 ? dnnl_nChw16c : block == 8 ? dnnl_nChw8c : dnnl_nchw;
}

static dnnl_status_t describe_map(const rp_map *map, int leave_open, rp_dnnl_layout *out) {
  return rp_dnnl_describe(4, (int64_t[]){map->batch, map->channels, map->height, map->width},
                          leave_open ? dnnl_format_tag_any : tag_of_block(map->block), out);
}

static dnnl_status_t describe_weights(const rp_dnn_conv_spec *spec, dnnl_format_tag_t tag, rp_dnnl_layout *out) {
  return rp_dnnl_describe(4, (int64_t[]){spec->output.channels, spec->source.channels, spec->window.kernel, spec->window.kernel}, tag, out);
}

static dnnl_status_t describe_bias(const rp_dnn_conv_spec *spec, rp_dnnl_layout *out) {
  return rp_dnnl_describe(1, (int64_t[]){spec->output.channels}, dnnl_x, out);
}

static int is_reference(const_dnnl_primitive_desc_t chosen) {
  const char *name = NULL;
  if (dnnl_primitive_desc_query(chosen, dnnl_query_impl_info_str, 0, &name) != dnnl_success || !name) return 1;
  return strncmp(name, "ref", 3) == 0;
}

/* One attempt at a pass, with the maps' own layout or with the choice left to oneDNN. Leaves *out NULL where only a reference kernel is
 * offered. */
static rp_status attempt(rp_dnn_conv *conv, rp_conv_pass which, int is_winograd, int leave_open, dnnl_primitive_desc_t *out,
                         rp_error *err) {
  const rp_dnn_conv_spec *spec = &conv->spec;
  RP_CLEANUP(rp_dnnl_forget) rp_dnnl_layout source = {0}, weights = {0}, bias = {0}, output = {0};
  RP_TRY(check(describe_map(&spec->source, leave_open, &source), "memory description", err));
  RP_TRY(check(describe_map(&spec->output, leave_open, &output), "memory description", err));
  RP_TRY(check(describe_weights(spec, dnnl_format_tag_any, &weights), "memory description", err));
  if (spec->has_bias) RP_TRY(check(describe_bias(spec, &bias), "memory description", err));
  rp_dnnl_convolution convolution = {.source = rp_dnnl_description_of(&source),
                                     .weights = rp_dnnl_description_of(&weights),
                                     .bias = rp_dnnl_description_of(&bias),
                                     .output = rp_dnnl_description_of(&output),
                                     .strides = {spec->window.stride, spec->window.stride},
                                     .before = {spec->window.top, spec->window.left},
                                     .after = {spec->window.bottom, spec->window.right},
                                     /* For inference Winograd wants its weights transformed beforehand, in a layout of its own. */
                                     .keeps_for_backward = is_winograd || spec->output_gradient.values != NULL,
                                     .has_relu = spec->has_relu,
                                     .is_winograd = is_winograd};
  dnnl_status_t status = rp_dnnl_convolution_create(conv->dnn->engine, which, &convolution, conv->chosen[RP_CONV_FORWARD], out);
  if (status == dnnl_unimplemented || (is_winograd && status == dnnl_invalid_arguments)) {
    *out = NULL;
    return RP_OK;
  }
  RP_TRY(check(status, "convolution description", err));
  if (is_reference(*out)) {
    dnnl_primitive_desc_destroy(*out);
    *out = NULL;
  }
  return RP_OK;
}

static rp_status choose(rp_dnn_conv *conv, rp_conv_pass which, rp_error *err) {
  static const char *const names[] = {"forward", "weight gradient", "data gradient"};
  const rp_dnn_conv_spec *spec = &conv->spec;
  if (spec->by[which] == RP_CONV_BY_DNN_WINOGRAD) RP_TRY_IN(attempt(conv, which, 1, 0, &conv->chosen[which], err), err, "%s", names[which]);
  if (!conv->chosen[which] && spec->by[which] == RP_CONV_BY_DNN_WINOGRAD && spec->insists_on_winograd)
    return rp_fail(err, RP_ELIBRARY,
                   "%s: this oneDNN has no Winograd kernel for it; train.convolution: auto, winograd or onednn-direct goes without",
                   names[which]);
  for (int leave_open = 0; leave_open < 2 && !conv->chosen[which]; leave_open++)
    RP_TRY_IN(attempt(conv, which, 0, leave_open, &conv->chosen[which], err), err, "%s", names[which]);
  if (conv->chosen[which]) return RP_OK;
  return rp_fail(err, RP_ELIBRARY,
                 "%s: oneDNN has only a reference kernel for %d images of %d×%d×%d to %d×%d×%d (C×H×W), kernel %d×%d, stride %d",
                 names[which], spec->source.batch, spec->source.channels, spec->source.height, spec->source.width, spec->output.channels,
                 spec->output.height, spec->output.width, spec->window.kernel, spec->window.kernel, spec->window.stride);
}

/* A memory object that lives as long as the convolution; `values` NULL: oneDNN allocates. */
static rp_status make_memory(rp_dnn_conv *conv, rp_dnnl_description description, void *values, dnnl_memory_t *out, rp_error *err) {
  if (conv->n_memories == MAX_MEMORIES) return rp_fail(err, RP_ELIBRARY, "a convolution needs more than %d memory objects", MAX_MEMORIES);
  RP_TRY(check(dnnl_memory_create(out, description, conv->dnn->engine, values ? values : DNNL_MEMORY_ALLOCATE), "dnnl_memory_create", err));
  conv->memories[conv->n_memories++] = *out;
  return RP_OK;
}

static void add_argument(step *to, int name, dnnl_memory_t memory) {
  to->arguments[to->n_arguments++] = (dnnl_exec_arg_t){name, memory};
}

static rp_status description_of_memory(dnnl_memory_t memory, rp_dnnl_description *out, rp_error *err) {
  return check(dnnl_memory_get_memory_desc(memory, out), "dnnl_memory_get_memory_desc", err);
}

static rp_status add_reorder(rp_dnn_conv *conv, dnnl_memory_t from, dnnl_memory_t to, pass *out, rp_error *err) {
  rp_dnnl_description from_description, to_description;
  RP_TRY(description_of_memory(from, &from_description, err));
  RP_TRY(description_of_memory(to, &to_description, err));
  dnnl_primitive_desc_t chosen = NULL;
  RP_TRY(check(dnnl_reorder_primitive_desc_create(&chosen, from_description, conv->dnn->engine, to_description, conv->dnn->engine, NULL),
               "reorder description", err));
  step *added = &out->steps[out->n_steps];
  dnnl_status_t status = dnnl_primitive_create(&added->primitive, chosen);
  dnnl_primitive_desc_destroy(chosen);
  RP_TRY(check(status, "dnnl_primitive_create", err));
  out->n_steps++;
  add_argument(added, DNNL_ARG_FROM, from);
  add_argument(added, DNNL_ARG_TO, to);
  return RP_OK;
}

/* The memory that a kernel reads or writes for a map: the map itself, or one of the kernel's own in its layout. */
static rp_status memories_of_map(rp_dnn_conv *conv, const rp_map *map, rp_dnnl_description kernels, dnnl_memory_t *ours,
                                 dnnl_memory_t *theirs, rp_error *err) {
  RP_CLEANUP(rp_dnnl_forget) rp_dnnl_layout layout = {0};
  RP_TRY(check(describe_map(map, 0, &layout), "memory description", err));
  RP_TRY(make_memory(conv, rp_dnnl_description_of(&layout), map->values, ours, err));
  *theirs = *ours;
  if (dnnl_memory_desc_equal(rp_dnnl_description_of(&layout), kernels)) return RP_OK;
  return make_memory(conv, kernels, NULL, theirs, err);
}

static rp_status read_map(rp_dnn_conv *conv, const rp_map *map, dnnl_query_t what, rp_conv_pass which, int name, step *kernel,
                          rp_error *err) {
  dnnl_memory_t ours, theirs;
  RP_TRY(memories_of_map(conv, map, dnnl_primitive_desc_query_md(conv->chosen[which], what, 0), &ours, &theirs, err));
  if (ours != theirs) RP_TRY(add_reorder(conv, ours, theirs, &conv->run[which], err));
  add_argument(kernel, name, theirs);
  return RP_OK;
}

/* Ends a pass: the kernel, and the way back into the map. `kernel` holds what it reads. */
static rp_status write_map(rp_dnn_conv *conv, const rp_map *map, dnnl_query_t what, rp_conv_pass which, int name, step *kernel,
                           rp_error *err) {
  dnnl_memory_t ours, theirs;
  pass *run = &conv->run[which];
  RP_TRY(memories_of_map(conv, map, dnnl_primitive_desc_query_md(conv->chosen[which], what, 0), &ours, &theirs, err));
  add_argument(kernel, name, theirs);
  RP_TRY(check(dnnl_primitive_create(&kernel->primitive, conv->chosen[which]), "dnnl_primitive_create", err));
  run->steps[run->n_steps++] = *kernel;
  return ours != theirs ? add_reorder(conv, theirs, ours, run, err) : RP_OK;
}

static size_t n_weights(const rp_dnn_conv *conv) {
  const rp_dnn_conv_spec *spec = &conv->spec;
  return (size_t)spec->output.channels * (size_t)spec->source.channels * (size_t)spec->window.kernel * (size_t)spec->window.kernel;
}

/* Weights, or their gradient, as the kernel of a pass wants them. */
static rp_status lay_out(rp_dnn_conv *conv, rp_conv_pass which, dnnl_query_t what, int name, step *kernel, rp_error *err) {
  const rp_dnn_conv_spec *spec = &conv->spec;
  const int64_t dims[4] = {spec->output.channels, spec->source.channels, spec->window.kernel, spec->window.kernel};
  rp_dnnl_description layout = dnnl_primitive_desc_query_md(conv->chosen[which], what, 0);
  laid_out *weights = &conv->weights[which];
  weights->n = dnnl_memory_desc_get_size(layout) / sizeof(float);
  RP_TRY(rp_allocate(weights->n, sizeof(float), &weights->values, err));
  RP_TRY(rp_allocate(n_weights(conv), sizeof *weights->positions, &weights->positions, err));
  RP_TRY(check(rp_dnnl_weight_positions(layout, dims, weights->positions), "layout of weights", err));
  dnnl_memory_t memory;
  RP_TRY(make_memory(conv, layout, weights->values, &memory, err));
  add_argument(kernel, name, memory);
  return RP_OK;
}

static int is_ours(const rp_dnn_conv *conv, rp_conv_pass which) {
  return conv->spec.by[which] == RP_CONV_BY_DNN || conv->spec.by[which] == RP_CONV_BY_DNN_WINOGRAD;
}

static rp_status make_forward(rp_dnn_conv *conv, rp_error *err) {
  step kernel = {0};
  RP_TRY(read_map(conv, &conv->spec.source, dnnl_query_src_md, RP_CONV_FORWARD, DNNL_ARG_SRC, &kernel, err));
  RP_TRY(lay_out(conv, RP_CONV_FORWARD, dnnl_query_weights_md, DNNL_ARG_WEIGHTS, &kernel, err));
  if (conv->spec.has_bias) add_argument(&kernel, DNNL_ARG_BIAS, conv->bias_memory);
  return write_map(conv, &conv->spec.output, dnnl_query_dst_md, RP_CONV_FORWARD, DNNL_ARG_DST, &kernel, err);
}

static rp_status make_data_gradient(rp_dnn_conv *conv, rp_error *err) {
  step kernel = {0};
  RP_TRY(choose(conv, RP_CONV_DATA_GRADIENT, err));
  RP_TRY(read_map(conv, &conv->spec.output_gradient, dnnl_query_diff_dst_md, RP_CONV_DATA_GRADIENT, DNNL_ARG_DIFF_DST, &kernel, err));
  RP_TRY(lay_out(conv, RP_CONV_DATA_GRADIENT, dnnl_query_weights_md, DNNL_ARG_WEIGHTS, &kernel, err));
  return write_map(conv, &conv->spec.source_gradient, dnnl_query_diff_src_md, RP_CONV_DATA_GRADIENT, DNNL_ARG_DIFF_SRC, &kernel, err);
}

static rp_status make_weight_gradient(rp_dnn_conv *conv, rp_error *err) {
  step kernel = {0};
  const rp_conv_pass which = RP_CONV_WEIGHT_GRADIENT;
  RP_TRY(choose(conv, which, err));
  RP_TRY(read_map(conv, &conv->spec.source, dnnl_query_src_md, which, DNNL_ARG_SRC, &kernel, err));
  RP_TRY(read_map(conv, &conv->spec.output_gradient, dnnl_query_diff_dst_md, which, DNNL_ARG_DIFF_DST, &kernel, err));

  RP_TRY(lay_out(conv, which, dnnl_query_diff_weights_md, DNNL_ARG_DIFF_WEIGHTS, &kernel, err));
  RP_TRY(rp_allocate(conv->weights[which].n, sizeof(float), &conv->gradient_sum, err));
  if (conv->spec.has_bias) {
    RP_CLEANUP(rp_dnnl_forget) rp_dnnl_layout bias = {0};
    dnnl_memory_t bias_gradient;
    RP_TRY(rp_allocate((size_t)conv->spec.output.channels, sizeof(float), &conv->bias_gradient, err));
    RP_TRY(rp_allocate((size_t)conv->spec.output.channels, sizeof(float), &conv->bias_sum, err));
    RP_TRY(check(describe_bias(&conv->spec, &bias), "memory description", err));
    RP_TRY(make_memory(conv, rp_dnnl_description_of(&bias), conv->bias_gradient, &bias_gradient, err));
    add_argument(&kernel, DNNL_ARG_DIFF_BIAS, bias_gradient);
  }
  RP_TRY(check(dnnl_primitive_create(&kernel.primitive, conv->chosen[which]), "dnnl_primitive_create", err));
  conv->run[which].steps[conv->run[which].n_steps++] = kernel;
  return RP_OK;
}

static rp_status make_bias(rp_dnn_conv *conv, rp_error *err) {
  RP_CLEANUP(rp_dnnl_forget) rp_dnnl_layout bias = {0};
  RP_TRY(rp_allocate((size_t)conv->spec.output.channels, sizeof(float), &conv->bias, err));
  RP_TRY(check(describe_bias(&conv->spec, &bias), "memory description", err));
  return make_memory(conv, rp_dnnl_description_of(&bias), conv->bias, &conv->bias_memory, err);
}

rp_status rp_dnn_conv_create(const rp_dnn *dnn, const rp_dnn_conv_spec *spec, rp_dnn_conv **out, rp_error *err) {
  RP_CLEANUP(rp_dnn_conv_free) rp_dnn_conv *conv = NULL;
  RP_TRY(rp_allocate(1, sizeof *conv, &conv, err));
  conv->dnn = dnn;
  conv->spec = *spec;
  rp_dnn_use_threads(dnn);
  RP_TRY(make_bias(conv, err));
  const int has_weight_gradient = spec->output_gradient.values && is_ours(conv, RP_CONV_WEIGHT_GRADIENT);
  const int has_data_gradient = spec->source_gradient.values && is_ours(conv, RP_CONV_DATA_GRADIENT);
  /* Gradients take the forward kernel as a hint. */
  if (is_ours(conv, RP_CONV_FORWARD) || has_weight_gradient || has_data_gradient) RP_TRY(choose(conv, RP_CONV_FORWARD, err));
  if (is_ours(conv, RP_CONV_FORWARD)) RP_TRY(make_forward(conv, err));
  if (has_weight_gradient) RP_TRY(make_weight_gradient(conv, err));
  if (has_data_gradient) RP_TRY(make_data_gradient(conv, err));
  *out = conv;
  conv = NULL;
  return RP_OK;
}

static void free_pass(pass *freed) {
  for (int i = 0; i < freed->n_steps; i++) dnnl_primitive_destroy(freed->steps[i].primitive);
}

void rp_dnn_conv_free(rp_dnn_conv **address) {
  rp_dnn_conv *conv = *address;
  if (!conv) return;
  for (int i = 0; i < 3; i++) {
    free_pass(&conv->run[i]);
    free(conv->weights[i].values), free(conv->weights[i].positions);
    if (conv->chosen[i]) dnnl_primitive_desc_destroy(conv->chosen[i]);
  }
  for (int i = 0; i < conv->n_memories; i++) dnnl_memory_destroy(conv->memories[i]);
  free(conv->gradient_sum);
  free(conv->bias), free(conv->bias_gradient), free(conv->bias_sum);
  rp_free_pointer(address);
}

/* ---- Running it ------------------------------------------------------------------------------ */

static rp_status run_pass(const rp_dnn_conv *conv, const pass *run, rp_error *err) {
  for (int i = 0; i < run->n_steps; i++)
    RP_TRY(check(dnnl_primitive_execute(run->steps[i].primitive, conv->dnn->stream, run->steps[i].n_arguments, run->steps[i].arguments),
                 "dnnl_primitive_execute", err));
  return check(dnnl_stream_wait(conv->dnn->stream), "dnnl_stream_wait", err);
}

void rp_dnn_conv_load(rp_dnn_conv *conv, const float *weights, const float *bias) {
  const size_t n = n_weights(conv);
  for (int which = 0; which < 3; which++) {
    const laid_out *copy = &conv->weights[which];
    if (which == RP_CONV_WEIGHT_GRADIENT || !copy->values) continue;
    for (size_t i = 0; i < n; i++) copy->values[copy->positions[i]] = weights[i];
  }
  if (bias) memcpy(conv->bias, bias, (size_t)conv->spec.output.channels * sizeof *bias);
}

rp_status rp_dnn_conv_forward(rp_dnn_conv *conv, rp_error *err) {
  return run_pass(conv, &conv->run[RP_CONV_FORWARD], err);
}

RP_VECTORISED static void add_gradient_sum(float *restrict sum, const float *restrict values, size_t n) {
  size_t i = 0;
  for (; i + 16 <= n; i += 16)
    for (size_t lane = i; lane < i + 16; lane++) sum[lane] += values[lane];
  for (; i < n; i++) sum[i] += values[i];
}

rp_status rp_dnn_conv_add_weight_gradient(rp_dnn_conv *conv, rp_error *err) {
  const laid_out *gradient = &conv->weights[RP_CONV_WEIGHT_GRADIENT];
  if (!gradient->values) return RP_OK;
  RP_TRY(run_pass(conv, &conv->run[RP_CONV_WEIGHT_GRADIENT], err));
  add_gradient_sum(conv->gradient_sum, gradient->values, gradient->n);
  if (conv->spec.has_bias) add_gradient_sum(conv->bias_sum, conv->bias_gradient, (size_t)conv->spec.output.channels);
  return RP_OK;
}

rp_status rp_dnn_conv_data_gradient(rp_dnn_conv *conv, rp_error *err) {
  return run_pass(conv, &conv->run[RP_CONV_DATA_GRADIENT], err);
}

void rp_dnn_conv_clear(rp_dnn_conv *conv) {
  memset(conv->gradient_sum, 0, conv->weights[RP_CONV_WEIGHT_GRADIENT].n * sizeof(float));
  if (conv->spec.has_bias) memset(conv->bias_sum, 0, (size_t)conv->spec.output.channels * sizeof(float));
}

void rp_dnn_conv_gradient(const rp_dnn_conv *conv, float *weights, float *bias) {
  const int32_t *positions = conv->weights[RP_CONV_WEIGHT_GRADIENT].positions;
  const size_t n = n_weights(conv);
  for (size_t i = 0; i < n; i++) weights[i] = conv->gradient_sum[positions[i]];
  if (bias) memcpy(bias, conv->bias_sum, (size_t)conv->spec.output.channels * sizeof *bias);
}
