/* tangent.h: derivatives of a net's passes along a direction of its conv weights: what the loss's Hessian times a vector is made of.
 *
 * Pearlmutter, "Fast exact multiplication by the Hessian", Neural Computation 6, 1994. R{·} is the derivative by ε of what the passes
 * compute with the weights w + ε·v of all convs, at ε = 0. A forward pass gives maps x and logits; R of it gives R{x} and R{logits}; R of
 * the backward pass gives R{dL/dw}, which is H·v:
 *
 *   conv       R{y}  = conv(R{x}, w) + conv(x, v)              R{dx} = convᵀ(R{dy}, w) + convᵀ(dy, v)
 *              R{dw} = R{x} ⊗ dy + x ⊗ R{dy}                   (⊗: the weight gradient of a map and an output's gradient)
 *   stochastic_pool      a quotient of sums, differentiated twice
 *   all others           affine, or piecewise so (ReLU, max pool): R{y} = J·R{x}, R{dx} = Jᵀ·R{dy}, on the side of each kink where x stands
 *
 * BN is in evaluation mode, its statistics constants. Nothing is approximated but by rounding, in float32. Closed gates (rule 8) and what
 * reads absent channels have rows and columns of exactly 0, whatever stands in v there. */
#ifndef RP_NN_TANGENT_H
#define RP_NN_TANGENT_H

#include "core/nn/net.h"

/* All of these take an executor of purpose RP_RUN_HESSIAN that was loaded. Vectors over conv weights are layer-major: each conv's
 * [K][C][R][S] behind that of the conv before it. */

/* Values in such a vector. */
size_t rp_conv_weights(const rp_layout *layout);

/* Copies a direction. `v`: [rp_conv_weights]. Call it after rp_executor_load, whose gates it takes over. Errors: RP_EINPUT where a value is
 * not finite. */
rp_status rp_executor_load_direction(rp_executor *executor, const float *v, rp_error *err);

/* R of the last rp_executor_forward. *logit_tangents: [N][n_classes], owned by the executor, valid until its next forward. */
rp_status rp_executor_forward_tangent(rp_executor *executor, const float **logit_tangents, rp_error *err);

/* The backward pass and R of it. Both arguments: [N][n_classes]; the second is R{logit_gradients}. */
rp_status rp_executor_backward_tangent(rp_executor *executor, const float *logit_gradients, const float *logit_gradient_tangents,
                                       rp_error *err);

/* Adds R{dL/dw} of all backward passes since the direction was loaded, or since the last call, to `product`: [rp_conv_weights]. */
rp_status rp_executor_take_products(rp_executor *executor, double *product, rp_error *err);

#endif
