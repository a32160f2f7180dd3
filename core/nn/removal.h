/* removal.h: what a net puts out without one of its filters, for each filter in turn, from the maps of the whole net.
 *
 * The whole net runs once per batch and its maps are kept. Without a filter only what lies behind its gate differs: a channel that is
 * absent then (rule 9) is 0 and needs no work; a conv or fc that reads few changed channels is the kept sum less what those contributed,
 * which is exact but for rounding; only what is left runs again, layer by layer. Memory: rp_removal_image_size for each image of the batch,
 * which is all maps twice, and another copy of the weights. */
#ifndef RP_NN_REMOVAL_H
#define RP_NN_REMOVAL_H

#include "core/nn/net.h"

typedef struct rp_removal rp_removal;

/* Makes it for batches of `batch` images.
 *
 *   parameters   [n_parameters], borrowed for its lifetime, during which they must not change
 *   closed       [n_filters], nonzero = gate closed; NULL = all open; copied
 *
 * The caller frees before the net. Errors: those of rp_net_executor and rp_executor_load. */
rp_status rp_removal_create(rp_net *net, int batch, const float *parameters, const uint8_t *closed, rp_removal **out, rp_error *err);
void rp_removal_free(rp_removal **removal); /* NULL is fine */

/* Bytes that one image of a batch takes, at most. */
size_t rp_removal_image_size(const rp_net *net);

/* Runs the whole net. `images`: [batch][C][H][W] normalised. */
rp_status rp_removal_begin(rp_removal *removal, const float *images, rp_error *err);

/* Logits of these images with the gate of `filter`, which is open, closed as well. *logits: [batch][n_classes], owned, valid until the next
 * call. Filters may come in any order; from the last to the first is fastest. The result does not depend on the order. */
rp_status rp_removal_without(rp_removal *removal, int filter, const float **logits, rp_error *err);

#endif
