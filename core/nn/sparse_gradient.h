/* sparse_gradient.h: the weight gradient of a convolution whose map only a max pool reads.
 *
 * Of each window of the pool one pixel has a gradient, none where a ReLU cut it off: at stride 2 at most a quarter of the map. So the
 * gradient is summed up over a list of (gradient, place), one image and filter at a time, instead of over the whole map. The pool tells
 * which pixels: its gradient need not be spread over the map for this. AVX-512 only. Internal to core/nn. */
#ifndef RP_NN_SPARSE_GRADIENT_H
#define RP_NN_SPARSE_GRADIENT_H

#include "core/nn/layer.h"

typedef struct rp_sparse_gradient rp_sparse_gradient;

/* Whether it is offered for a conv layer and the max pool behind it. */
int rp_sparse_gradient_fits(const rp_layer *conv, const rp_layer *pool);

/* Errors: RP_EMEMORY. `conv` and `pool` are borrowed. */
rp_status rp_sparse_gradient_create(const rp_layer *conv, const rp_layer *pool, rp_sparse_gradient **out, rp_error *err);
void rp_sparse_gradient_free(rp_sparse_gradient **gradient); /* NULL is fine */

/* Adds the gradient of the batch at hand: after the pool's backward pass, before its output's gradient is overwritten. */
void rp_sparse_gradient_add(rp_sparse_gradient *gradient);

/* As rp_dnn_conv_clear and rp_dnn_conv_gradient. */
void rp_sparse_gradient_clear(rp_sparse_gradient *gradient);
void rp_sparse_gradient_get(const rp_sparse_gradient *gradient, float *weights, float *bias);

/* Of a max pool's layer: its window, and for each output which tap of the window it came from (RP_NO_TAP: none, a ReLU cut it off); as its
 * output lies in memory. (layer_max_pool.c) */
enum { RP_NO_TAP = 255 };
const rp_window *rp_max_pool_window(const rp_layer *pool);
const uint8_t *rp_max_pool_taps(const rp_layer *pool);

#endif
