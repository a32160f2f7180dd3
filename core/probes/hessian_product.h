/* hessian_product.h: the loss's Hessian times a vector: curvature, without ever holding a matrix of weights × weights. */
#ifndef RP_PROBES_HESSIAN_PRODUCT_H
#define RP_PROBES_HESSIAN_PRODUCT_H

#include "core/data/dataset.h"
#include "core/nn/net.h"

/* H·v, where H is the matrix of second derivatives, by the weights of all convs, of the mean cross-entropy over `n` images, in evaluation
 * mode under gates; by a second differentiation (core/nn/tangent.h). Where ReLUs and max pools have kinks, H is that of the piece on which
 * the weights stand.
 *
 *   closed      [n_filters], NULL = all open; closed filters' weights, and weights on absent channels, have rows and columns of 0
 *   indices     [n] images of the part; NULL = the whole part
 *   v, product  [Σ K·C·R·S], layer-major; may be the same array
 *
 * Passes are float32, in batches of RP_HESSIAN_BATCH; those of the batches are summed in double in the images' order. A part without images
 * gives 0. Costs two to three gradients. Errors: RP_EINPUT where v is not finite; those of net.h. On error `product` is as it was. */
rp_status rp_hessian_product(rp_net *net, const float *parameters, const uint8_t *closed, const rp_dataset *dataset, rp_part part,
                             const uint32_t *indices, uint32_t n, const float *v, float *product, rp_error *err);

enum { RP_HESSIAN_BATCH = 25 }; /* images at a time: more are no faster, and need more memory */

#endif
