/* trial_file.h: one trial whole as an .npz, for programs that know nothing of this one.
 *
 * Path step 0 is the root (epoch 0), i the state after the i-th op. Arrays, with S path steps, P parameters, U units, F filters (see
 * core/nn/parameters.h for what a unit is, and where each tensor lies):
 *
 *   meta                 u1 [bytes]   UTF-8 JSON: ids, config, layers (canonical), tensors (kind, layer, K, C, E, offset, first_unit),
 *                                     filters (by conv), image, data, train, and for each path step its op, time, measurements, what was
 *                                     asked for, and where its state came from: "stored", "computed" or null: it is not here
 *   train_labels, validation_labels, test_labels                      u1 [n], in the order that batches count in
 *   train_images, validation_images, test_images                      u1 [n][C][H][W], of generated data sets only; a net sees
 *                                                                     (byte − data.mean[c]) / data.deviation[c]
 *
 * of each path step i whose state is here:
 *
 *   i/parameters         f4 [P]
 *   i/slots              f4 [n][P]    optimizer state; the root has none
 *   i/at_drop            f4 [P]       values of marked filters at their drop, 0 elsewhere
 *   i/steps              u4 [U]       optimizer steps that each unit has had
 *   i/dropped, i/closed  u1 [F]       marks and gates
 *   i/drop_cycle, i/last_regrow_epoch, i/times_dropped                u4 [F]
 *
 * of its op:
 *
 *   i/order              u4 [n]       train: the training images in the order of the epoch's batches
 *   i/lr                 f8 [steps]   train: of each of its steps
 *   i/set                u1 [F]       drop: 1 = dropped by it
 *   i/scores             f4 [F]       drop: by the criterion that acted, normalised; NaN = not scored
 *   i/ranks              i4 [F]       drop: 1 = most important, 0 = not ranked
 *   i/regrown            u1 [F]       regrow: 1 = regrown by it (only where the state before it is here, too) */
#ifndef RP_EXPORT_TRIAL_FILE_H
#define RP_EXPORT_TRIAL_FILE_H

#include "experiments/export/npz.h"
#include "experiments/work/session.h"
#include "results/query.h"

/* What is exported. All borrowed. */
typedef struct {
  rp_store *store;
  const rp_trial_result *trial;
  const rp_path *path;
  rp_session_view view; /* of the trial, open */
} rp_trial_file;

/* What became of one path step's state. */
typedef enum { RP_STATE_NOT_HERE, RP_STATE_STORED, RP_STATE_COMPUTED } rp_state_source;

/* Writes what belongs to path step `i`. `state` NULL: it is not here. `before`: [F] marks of the state before it, NULL where unknown. */
rp_status rp_trial_file_put_step(const rp_trial_file *file, rp_npz *npz, int i, const rp_state *state, const uint8_t *before,
                                 rp_error *err);

/* Writes the data set's arrays. */
rp_status rp_trial_file_put_data(const rp_trial_file *file, rp_npz *npz, rp_error *err);

/* Writes meta. `sources`: [path->n]. */
rp_status rp_trial_file_put_meta(const rp_trial_file *file, rp_npz *npz, const rp_state_source *sources, rp_error *err);

#endif
