/* dnn_interface.h: the calls of oneDNN's C interface that differ between 2.x and 3.x, each behind one function. For core/nn/dnn*.c only.
 *
 * 2.x describes an operation first and then makes a primitive descriptor of it, and memory descriptors are structs; 3.x makes primitive
 * descriptors directly, and memory descriptors are handles that must be destroyed. */
#ifndef RP_NN_DNN_INTERFACE_H
#define RP_NN_DNN_INTERFACE_H

#include "core/nn/map.h"

#include <oneapi/dnnl/dnnl.h>

/* A memory descriptor as functions take it. */
#if DNNL_VERSION_MAJOR >= 3
typedef const_dnnl_memory_desc_t rp_dnnl_description;
#else
typedef const dnnl_memory_desc_t *rp_dnnl_description;
#endif

/* A memory descriptor that we own: {0} is none. */
typedef struct {
  dnnl_memory_desc_t desc;
  int is_set;
} rp_dnnl_layout;

/* Describes float32 of `n_dims` dimensions in the layout of `tag` (dnnl_format_tag_any leaves the choice to the kernel). */
dnnl_status_t rp_dnnl_describe(int n_dims, const int64_t *dims, dnnl_format_tag_t tag, rp_dnnl_layout *out);
void rp_dnnl_forget(rp_dnnl_layout *layout); /* for RP_CLEANUP */

/* The layout as an argument; NULL where it is not set. */
rp_dnnl_description rp_dnnl_description_of(const rp_dnnl_layout *layout);

/* A convolution, which has a place in `source`, `weights` … for the tensors of all three passes: gradients have the layout of what
 * they are the gradient of. `bias` is NULL without one. */
typedef struct {
  rp_dnnl_description source, weights, bias, output;
  dnnl_dims_t strides, before, after;
  int keeps_for_backward; /* forward: training rather than inference */
  int has_relu;           /* forward */
  int is_winograd;        /* not direct; 2.x only */
} rp_dnnl_convolution;

/* The primitive descriptor of one pass; `forward` is the forward pass's one, a hint that the gradients need. */
dnnl_status_t rp_dnnl_convolution_create(dnnl_engine_t engine, rp_conv_pass pass, const rp_dnnl_convolution *convolution,
                                         const_dnnl_primitive_desc_t forward, dnnl_primitive_desc_t *out);

/* Where each value of dense [K][C][R][S] weights lies in a kernel's blocked layout, in floats. `positions`: [K·C·R·S], written. The
 * layout's padding is what is not written. We copy weights by these and not by oneDNN's reorder: in 3.6 that loses values where K or C is
 * no multiple of the block. dnnl_unimplemented: the layout is not blocked. */
dnnl_status_t rp_dnnl_weight_positions(rp_dnnl_description layout, const int64_t dims[4], int32_t *positions);

#endif
