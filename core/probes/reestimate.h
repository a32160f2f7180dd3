/* reestimate.h: BN statistics of regrown filters, taken anew from images: how much of the dip after a regrow is due to them (rule 23).
 *
 * A regrow gives a filter's BN the statistics of epoch 0 (rule 18), which say nothing of what the filter puts out. Here a copy of the
 * parameters gets those that its channels have on the scoring images: over all n = images × pixels values x that the channel reads,
 *
 *   mean = Σ x / n        variance = Σ (x − mean)² / (n − 1)
 *
 * in one pass in evaluation mode, but that regrown channels are normalised by their batch's own mean and biased variance, as in training.
 * A channel that no other regrown one reaches so gets exactly what evaluation shows it. What reaches one behind others was normalised batch
 * by batch and not by the statistics that come out; exact would be a pass per layer, which takes too long for deep nets. */
#ifndef RP_PROBES_REESTIMATE_H
#define RP_PROBES_REESTIMATE_H

#include "core/data/dataset.h"
#include "core/nn/net.h"

/* Copies the parameters of a state just after a regrow, when all gates are open, and re-estimates the running mean and variance of regrown
 * channels in the copy: of the filters' sole BNs, and of BNs whose inputs were absent without them (rule 9).
 *
 *   parameters   [n_parameters], only read
 *   regrown      [n_filters], nonzero = regrown just now
 *   out          [n_parameters], written: the copy
 *   n_channels   BN channels re-estimated. 0 = none was regrown, or there are no training images: no image was looked at
 *
 * The images are rule 6's min(5,000, training split), whatever score.data and score.images say: the result is the state's, which trials of
 * different criteria share. They come in batches of RP_EVALUATE_BATCH, whose executor evaluation has already, and not of rule 6's 250,
 * whose maps would take five times the memory beside it. Errors: those of net.h. */
rp_status rp_reestimate(rp_net *net, const float *parameters, const uint8_t *regrown, const rp_dataset *dataset, float *out,
                        int *n_channels, rp_error *err);

#endif
