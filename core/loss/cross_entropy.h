/* cross_entropy.h: softmax cross-entropy, the loss of classification. */
#ifndef RP_LOSS_CROSS_ENTROPY_H
#define RP_LOSS_CROSS_ENTROPY_H

#include <stdint.h>

/* For N images: loss_n = log Σ_j exp(z_nj) − z_n,label, by subtracting the largest logit first.
 *
 *   logits      [N][n_classes]
 *   labels      [N], each < n_classes
 *   losses      [N], each image's loss; may be NULL
 *   gradients   [N][n_classes], (softmax − one-hot) · scale; scale = 1/(whole batch) gives the gradient of the batch mean; may be NULL
 *
 * Returns the sum of losses (double). *correct is increased by the number of images whose largest logit is the label's (the lowest index
 * among equal ones counts as the prediction; a NaN logit is never right). */
double rp_cross_entropy(const float *logits, const uint8_t *labels, int n_images, int n_classes, double scale, float *losses,
                        float *gradients, uint64_t *correct);

/* R{·} of the gradients when the logits move along tangents R{z} (core/nn/tangent.h): with p = softmax(z),
 *
 *   R{gradient_nj} = p_nj · (R{z_nj} − Σ_k p_nk R{z_nk}) · scale
 *
 *   logits, tangents, gradient_tangents      [N][n_classes], the last one written */
void rp_cross_entropy_tangent(const float *logits, const float *tangents, int n_images, int n_classes, double scale,
                              float *gradient_tangents);

#endif
