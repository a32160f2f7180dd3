/* map.h: the tensors that layers hand to each other, in the layout that kernels like, and windows that slide over them.
 *
 * Channels lie in blocks of `block` (16 with AVX-512, else 8): [N][ceil(C / block)][H][W][block], lanes past C are 0. With block 1 that is
 * dense [N][C][H][W]: so are images of up to three channels and the outputs of fully connected layers. Internal to core/nn. */
#ifndef RP_NN_MAP_H
#define RP_NN_MAP_H

#include "core/nn/model.h"

/* Compiled once more for wider registers, and chosen by the processor when the program starts: the same arithmetic in the same order, so
 * the same bits. Such functions need names of their own among all files, also where they are static: clang exports what chooses between
 * their versions. */
#if defined(__x86_64__)
#define RP_VECTORISED __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define RP_VECTORISED
#endif

typedef struct {
  int batch, channels, height, width;
  int block;
  float *values; /* NULL: not wanted (a gradient that nobody needs) */
} rp_map;

/* A window of kernel × kernel that moves by `stride` over a map with so much padding around it. */
typedef struct {
  int kernel, stride;
  int top, left, bottom, right;
} rp_window;

/* What a convolution is computed for: its output; the gradient of its weights; that of its input. */
typedef enum { RP_CONV_FORWARD, RP_CONV_WEIGHT_GRADIENT, RP_CONV_DATA_GRADIENT } rp_conv_pass;
enum { RP_N_CONV_PASSES = 3 };

/* Floats that a map takes, lanes of padding included. */
size_t rp_map_size(const rp_map *map);

/* Copies dense [N][C][H][W] values into a map, padding lanes set to 0; and back. */
void rp_map_from_dense(const float *dense, rp_map *map);
void rp_map_to_dense(const rp_map *map, float *dense);

/* sums[i] += values[i]. */
void rp_add_values(const float *values, float *sums, size_t n);

/* The window of a conv or pool over an input: SAME padding puts the odd pixel after (total = max((out − 1)·stride + kernel − in, 0), before
 * = total / 2). */
rp_window rp_window_of(const rp_layer_spec *spec, const rp_extent *in);

/* Checks the window of a layer against its input and writes height and width of what comes out: ceil(in / stride) with SAME padding, else
 * floor((in + 2·pad − kernel) / stride) + 1. Errors: RP_EINPUT with both shapes. */
rp_status rp_window_extent(const rp_layer_spec *spec, const rp_extent *in, rp_extent *out, rp_error *err);

#endif
