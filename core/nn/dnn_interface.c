/* dnn_interface.c: one branch per major version of oneDNN in each function that needs two. */
#include "core/nn/dnn_interface.h"

#include <string.h>

dnnl_status_t rp_dnnl_describe(int n_dims, const int64_t *dims, dnnl_format_tag_t tag, rp_dnnl_layout *out) {
  dnnl_dims_t padded = {0};
  memcpy(padded, dims, (size_t)n_dims * sizeof *dims);
#if DNNL_VERSION_MAJOR >= 3
  dnnl_status_t status = dnnl_memory_desc_create_with_tag(&out->desc, n_dims, padded, dnnl_f32, tag);
#else
  dnnl_status_t status = dnnl_memory_desc_init_by_tag(&out->desc, n_dims, padded, dnnl_f32, tag);
#endif
  out->is_set = status == dnnl_success;
  return status;
}

void rp_dnnl_forget(rp_dnnl_layout *layout) {
#if DNNL_VERSION_MAJOR >= 3
  if (layout->is_set) dnnl_memory_desc_destroy(layout->desc);
#endif
  layout->is_set = 0;
}

rp_dnnl_description rp_dnnl_description_of(const rp_dnnl_layout *layout) {
  if (!layout->is_set) return NULL;
#if DNNL_VERSION_MAJOR >= 3
  return layout->desc;
#else
  return &layout->desc;
#endif
}

static dnnl_status_t append_relu(dnnl_post_ops_t operations) {
#if DNNL_VERSION_MAJOR >= 3
  return dnnl_post_ops_append_eltwise(operations, dnnl_eltwise_relu, 0, 0);
#else
  return dnnl_post_ops_append_eltwise(operations, 1, dnnl_eltwise_relu, 0, 0);
#endif
}

/* Attributes with a ReLU after the convolution; the caller destroys them. */
static dnnl_status_t relu_attributes(dnnl_primitive_attr_t *out) {
  dnnl_post_ops_t operations;
  dnnl_status_t status = dnnl_primitive_attr_create(out);
  if (status != dnnl_success) return status;
  status = dnnl_post_ops_create(&operations);
  if (status == dnnl_success) {
    status = append_relu(operations);
    if (status == dnnl_success) status = dnnl_primitive_attr_set_post_ops(*out, operations);
    dnnl_post_ops_destroy(operations);
  }
  if (status != dnnl_success) dnnl_primitive_attr_destroy(*out);
  return status;
}

static dnnl_status_t create(dnnl_engine_t engine, rp_conv_pass pass, const rp_dnnl_convolution *c, const_dnnl_primitive_desc_t forward,
                            const_dnnl_primitive_attr_t attributes, dnnl_primitive_desc_t *out) {
  const dnnl_alg_kind_t algorithm = c->is_winograd ? dnnl_convolution_winograd : dnnl_convolution_direct;
  const dnnl_prop_kind_t kind = c->keeps_for_backward ? dnnl_forward_training : dnnl_forward_inference;
#if DNNL_VERSION_MAJOR >= 3
  static const dnnl_dims_t no_dilation = {0};
  switch (pass) {
  case RP_CONV_FORWARD:
    return dnnl_convolution_forward_primitive_desc_create(out, engine, kind, algorithm, c->source, c->weights, c->bias, c->output,
                                                          c->strides, no_dilation, c->before, c->after, attributes);
  case RP_CONV_WEIGHT_GRADIENT:
    return dnnl_convolution_backward_weights_primitive_desc_create(out, engine, algorithm, c->source, c->weights, c->bias, c->output,
                                                                   c->strides, no_dilation, c->before, c->after, forward, attributes);
  case RP_CONV_DATA_GRADIENT:
    return dnnl_convolution_backward_data_primitive_desc_create(out, engine, algorithm, c->source, c->weights, c->output, c->strides,
                                                                no_dilation, c->before, c->after, forward, attributes);
  }
  return dnnl_invalid_arguments;
#else
  dnnl_convolution_desc_t description;
  dnnl_status_t status = dnnl_invalid_arguments;
  switch (pass) {
  case RP_CONV_FORWARD:
    status = dnnl_convolution_forward_desc_init(&description, kind, algorithm, c->source, c->weights, c->bias, c->output, c->strides,
                                                c->before, c->after);
    break;
  case RP_CONV_WEIGHT_GRADIENT:
    status = dnnl_convolution_backward_weights_desc_init(&description, algorithm, c->source, c->weights, c->bias, c->output, c->strides,
                                                         c->before, c->after);
    break;
  case RP_CONV_DATA_GRADIENT:
    status = dnnl_convolution_backward_data_desc_init(&description, algorithm, c->source, c->weights, c->output, c->strides, c->before,
                                                      c->after);
    break;
  }
  if (status != dnnl_success) return status;
  return dnnl_primitive_desc_create(out, &description, attributes, engine, forward);
#endif
}

dnnl_status_t rp_dnnl_convolution_create(dnnl_engine_t engine, rp_conv_pass pass, const rp_dnnl_convolution *convolution,
                                         const_dnnl_primitive_desc_t forward, dnnl_primitive_desc_t *out) {
  *out = NULL;
  if (pass != RP_CONV_FORWARD || !convolution->has_relu) return create(engine, pass, convolution, forward, NULL, out);
  dnnl_primitive_attr_t attributes;
  dnnl_status_t status = relu_attributes(&attributes);
  if (status != dnnl_success) return status;
  status = create(engine, pass, convolution, forward, attributes, out);
  dnnl_primitive_attr_destroy(attributes);
  return status;
}

/* A blocked layout: the outer strides of each dimension and the inner blocks, from the outside in. */
typedef struct {
  const int64_t *strides;
  int n_blocks;
  const int64_t *blocks, *of_dimension;
} blocking;

static dnnl_status_t blocking_of(rp_dnnl_description layout, blocking *out) {
#if DNNL_VERSION_MAJOR >= 3
  dnnl_format_kind_t kind;
  const dnnl_dims_t *strides, *blocks, *of_dimension;
  if (dnnl_memory_desc_query(layout, dnnl_query_format_kind, &kind) != dnnl_success || kind != dnnl_blocked) return dnnl_unimplemented;
  dnnl_status_t status = dnnl_memory_desc_query(layout, dnnl_query_strides, &strides);
  if (status == dnnl_success) status = dnnl_memory_desc_query(layout, dnnl_query_inner_nblks_s32, &out->n_blocks);
  if (status == dnnl_success) status = dnnl_memory_desc_query(layout, dnnl_query_inner_blks, &blocks);
  if (status == dnnl_success) status = dnnl_memory_desc_query(layout, dnnl_query_inner_idxs, &of_dimension);
  if (status != dnnl_success) return status;
  out->strides = *strides, out->blocks = *blocks, out->of_dimension = *of_dimension;
#else
  if (layout->format_kind != dnnl_blocked || layout->extra.flags != 0) return dnnl_unimplemented;
  const dnnl_blocking_desc_t *blocks = &layout->format_desc.blocking;
  *out = (blocking){blocks->strides, blocks->inner_nblks, blocks->inner_blks, blocks->inner_idxs};
#endif
  return dnnl_success;
}

static int64_t position_of(const blocking *how, int64_t at[4]) {
  int64_t position = 0, stride = 1;
  for (int i = how->n_blocks - 1; i >= 0; i--) {
    int64_t *index = &at[how->of_dimension[i]];
    position += *index % how->blocks[i] * stride;
    *index /= how->blocks[i];
    stride *= how->blocks[i];
  }
  for (int d = 0; d < 4; d++) position += at[d] * how->strides[d];
  return position;
}

dnnl_status_t rp_dnnl_weight_positions(rp_dnnl_description layout, const int64_t dims[4], int32_t *positions) {
  blocking how;
  dnnl_status_t status = blocking_of(layout, &how);
  if (status != dnnl_success) return status;
  for (int64_t k = 0; k < dims[0]; k++)
    for (int64_t c = 0; c < dims[1]; c++)
      for (int64_t r = 0; r < dims[2]; r++)
        for (int64_t s = 0; s < dims[3]; s++) *positions++ = (int32_t)position_of(&how, (int64_t[4]){k, c, r, s});
  return dnnl_success;
}
