/* evaluate.h: loss and accuracy of a state on a whole split, in evaluation mode, as the network stands (rule 20). */
#ifndef RP_PROBES_EVALUATE_H
#define RP_PROBES_EVALUATE_H

#include "core/data/dataset.h"
#include "core/nn/net.h"

enum { RP_EVALUATE_BATCH = 50 }; /* images at a time; more leave the cache and are slower */

typedef struct {
  uint32_t n;       /* images */
  uint64_t correct; /* of them predicted right */
  double loss;      /* mean over images */
  double accuracy;  /* correct / n */
} rp_evaluation;

/* Evaluates parameters under gates.
 *
 *   closed    [n_filters], NULL = all open
 *   indices   [n] images of the part; NULL = the whole part
 *   alive     [n_filters] or NULL: set to 1 for each filter whose gate put out anything but 0 on any image (rule 22), else 0
 *
 * Losses are summed in double in the images' order, so the result does not depend on the batch size. A part without images gives n = 0.
 * Errors: those of net.h. */
rp_status rp_evaluate(rp_net *net, const float *parameters, const uint8_t *closed, const rp_dataset *dataset, rp_part part,
                      const uint32_t *indices, uint32_t n, uint8_t *alive, rp_evaluation *out, rp_error *err);

#endif
