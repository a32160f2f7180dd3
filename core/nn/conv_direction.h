/* conv_direction.h: what moving a conv's weights along a direction v adds to the derivatives of its passes (tangent.h): conv(x, v),
 * convᵀ(dy, v), and the weight gradients' derivative R{x} ⊗ dy + x ⊗ R{dy}. Internal to core/nn. */
#ifndef RP_NN_CONV_DIRECTION_H
#define RP_NN_CONV_DIRECTION_H

#include "core/nn/layer.h"

typedef struct rp_conv_direction rp_conv_direction;

/* Of a conv's tangent, whose maps are connected. Errors: as rp_conv_kernels_create. */
rp_status rp_conv_direction_create(const rp_layer *tangent, const rp_dnn *dnn, rp_conv_direction **out, rp_error *err);
void rp_conv_direction_free(rp_conv_direction **direction); /* NULL is fine */

/* v: [K][C][R][S]. Sums of products begin at 0. */
void rp_conv_direction_load(rp_conv_direction *direction, const float *v);

/* Adds conv(x, v) to the tangent's output; where the conv reads the image, whose tangent is 0, sets the output to it. */
rp_status rp_conv_direction_forward(rp_conv_direction *direction, rp_error *err);

/* Adds convᵀ(dy, v) to the derivative of its input's gradient, where that is wanted, and R{dw} to the sum. */
rp_status rp_conv_direction_backward(rp_conv_direction *direction, rp_error *err);

/* Writes the sum, [K][C][R][S], and sets it to 0. */
void rp_conv_direction_take(rp_conv_direction *direction, float *products);

#endif
