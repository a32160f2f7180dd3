/* model_file.h: a model's YAML file, its parameters and the images' shape → the list of layers that core knows.
 *
 *     parameters: {filters: 32, pool: on}
 *     layers:
 *       - conv: {filters: $filters, kernel: 5, relu: on, init: he}
 *       - {max_pool: {kernel: 3, stride: 2}, if: $pool}
 *       - fc: {outputs: classes}
 *
 * The file goes through the template expander (config/template.h). Layers are named by kind in order (conv1, pool1, fc1) unless they say
 * `name`. */
#ifndef RP_PLAN_MODEL_FILE_H
#define RP_PLAN_MODEL_FILE_H

#include "core/nn/model.h"
#include "experiments/config/node.h"

typedef struct {
  int channels, height, width, n_classes;
} rp_image_shape;

/* Builds a model.
 *
 *   model   a trial's config.model: {name: NAME or path, parameter: value, …}
 *   out     owned by the caller: rp_model_free
 *   json    canonical JSON of the expanded layers, every default written out, names included: goes into ids. The caller frees; may be NULL
 *
 * Errors: RP_EINPUT with position: file not found (what there is), unknown parameter, layer kind or key (the nearest one), wrong type or
 * range, a layer that does not fit what is before it (both shapes, and what would fit), no fc of n_classes outputs at the end. On error
 * *out is empty. */
rp_status rp_model_build(const rp_node *model, rp_image_shape shape, rp_model *out, char **json, rp_error *err);

#endif
