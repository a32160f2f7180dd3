/* model.c: names of layer kinds, and the check that a list of layers makes a net. */
#include "core/nn/model.h"

#include "core/nn/net_parts.h"

#include <stdlib.h>
#include <string.h>

static const struct {
  const char *name;
  const rp_layer_functions *functions;
} KINDS[] = {
    [RP_CONV] = {"conv", &RP_CONV_LAYER},
    [RP_MAX_POOL] = {"max_pool", &RP_MAX_POOL_LAYER},
    [RP_FC] = {"fc", &RP_FC_LAYER},
    [RP_BATCH_NORM] = {"batch_norm", &RP_BATCH_NORM_LAYER},
    [RP_RELU] = {"relu", &RP_RELU_LAYER},
    [RP_AVG_POOL] = {"avg_pool", &RP_AVG_POOL_LAYER},
    [RP_GLOBAL_AVG_POOL] = {"global_avg_pool", &RP_GLOBAL_AVG_POOL_LAYER},
    [RP_STOCHASTIC_POOL] = {"stochastic_pool", &RP_STOCHASTIC_POOL_LAYER},
    [RP_DROPOUT] = {"dropout", &RP_DROPOUT_LAYER},
    [RP_DROP_PATH] = {"drop_path", &RP_DROP_PATH_LAYER},
    [RP_ADD] = {"add", &RP_ADD_LAYER},
    [RP_CONCAT] = {"concat", &RP_CONCAT_LAYER},
    [RP_PAD_CHANNELS] = {"pad_channels", &RP_PAD_CHANNELS_LAYER},
};
_Static_assert(sizeof KINDS / sizeof KINDS[0] == RP_N_LAYER_KINDS, "each kind of layer has its row");

const char *rp_layer_kind_name(rp_layer_kind kind) {
  return (unsigned)kind < RP_N_LAYER_KINDS ? KINDS[kind].name : "unknown";
}

const rp_layer_functions *rp_layer_functions_of(rp_layer_kind kind) {
  return KINDS[kind].functions;
}

void rp_model_free(rp_model *model) {
  free(model->layers);
  *model = (rp_model){0};
}

rp_extent rp_input_extent(const rp_model *model, const rp_extent *extents, int layer, int input) {
  int from = model->layers[layer].inputs[input];
  if (from != RP_IMAGE) return extents[from];
  return (rp_extent){.channels = model->channels, .height = model->height, .width = model->width};
}

rp_status rp_layer_same_extent(const rp_layer_spec *spec, const rp_extent *ins, rp_extent *out, rp_error *err) {
  (void)spec, (void)err;
  *out = ins[0];
  return RP_OK;
}

rp_status rp_layer_keeps_nothing(rp_layer *layer, const rp_dnn *dnn, rp_error *err) {
  (void)layer, (void)dnn, (void)err;
  return RP_OK;
}

void rp_layer_has_nothing(rp_layer *layer) {
  (void)layer;
}

enum { LARGEST_SIDE = 1 << 15, LARGEST_CHANNELS = 1 << 20, LARGEST_MAP = 1 << 28, LARGEST_WEIGHTS = 1 << 28 };

static rp_status check_image(const rp_model *model, rp_error *err) {
  if (model->channels < 1 || model->height < 1 || model->width < 1 || model->channels > LARGEST_CHANNELS || model->height > LARGEST_SIDE ||
      model->width > LARGEST_SIDE)
    return rp_fail(err, RP_EINPUT, "images of %d×%d×%d (C×H×W) cannot be: each must be at least 1, and at most %d, %d and %d",
                   model->channels, model->height, model->width, LARGEST_CHANNELS, LARGEST_SIDE, LARGEST_SIDE);
  if (model->n_classes < 2 || model->n_classes > 256)
    return rp_fail(err, RP_EINPUT, "%d classes; there must be 2 to 256", model->n_classes);
  if (model->n_layers < 1)
    return rp_fail(err, RP_EINPUT, "a model without layers; it needs at least one fc of %d outputs", model->n_classes);
  return RP_OK;
}

static rp_status check_name(const rp_model *model, int layer, rp_error *err) {
  const char *name = model->layers[layer].name;
  if (name[0] == '\0' || !memchr(name, '\0', RP_NAME_SIZE))
    return rp_fail(err, RP_EINPUT, "layer %d has no name, or one of more than %d bytes", layer + 1, RP_NAME_SIZE - 1);
  for (int other = 0; other < layer; other++)
    if (strcmp(model->layers[other].name, name) == 0)
      return rp_fail(err, RP_EINPUT, "layers %d and %d are both named '%s'; names must differ", other + 1, layer + 1, name);
  return RP_OK;
}

static int reads(const rp_layer_spec *spec, int layer) {
  for (int i = 0; i < spec->n_inputs; i++)
    if (spec->inputs[i] == layer) return 1;
  return 0;
}

/* Every layer but the last must be read by a later one: what nothing reads could not learn. */
static rp_status check_readers(const rp_model *model, int layer, rp_error *err) {
  for (int reader = layer + 1; reader < model->n_layers; reader++)
    if (reads(&model->layers[reader], layer)) return RP_OK;
  return layer < model->n_layers - 1 ? rp_fail(err, RP_EINPUT, "no layer reads it; remove it or name it as an input") : RP_OK;
}

static rp_status check_inputs(const rp_model *model, int layer, rp_error *err) {
  const rp_layer_spec *spec = &model->layers[layer];
  const char *kind = rp_layer_kind_name(spec->kind);
  int least = KINDS[spec->kind].functions->has_many_inputs ? 2 : 1, most = least > 1 ? RP_MAX_INPUTS : 1;
  if (spec->n_inputs < least || spec->n_inputs > most)
    return most == 1 ? rp_fail(err, RP_EINPUT, "%s takes one input, not %d", kind, spec->n_inputs)
                     : rp_fail(err, RP_EINPUT, "%s takes %d to %d inputs, not %d", kind, least, most, spec->n_inputs);
  for (int i = 0; i < spec->n_inputs; i++)
    if (spec->inputs[i] != RP_IMAGE && (spec->inputs[i] < 0 || spec->inputs[i] >= layer))
      return rp_fail(err, RP_EINPUT,
                     "its input is layer %d, which does not stand before it (layer %d); inputs are earlier layers or the image",
                     spec->inputs[i] + 1, layer + 1);
  return RP_OK;
}

static rp_status check_size(const rp_layer_spec *spec, const rp_extent *in, const rp_extent *out, rp_error *err) {
  const rp_layer_functions *functions = KINDS[spec->kind].functions;
  if ((int64_t)out->channels * out->height * out->width > LARGEST_MAP)
    return rp_fail(err, RP_EINPUT, "an output of %d×%d×%d (C×H×W) is too large", out->channels, out->height, out->width);
  if (functions->weights_per_unit && (double)spec->outputs * in->channels * functions->weights_per_unit(spec, in) > LARGEST_WEIGHTS)
    return rp_fail(err, RP_EINPUT, "%d×%d×%d weights are more than the %d that are supported", spec->outputs, in->channels,
                   functions->weights_per_unit(spec, in), LARGEST_WEIGHTS);
  return RP_OK;
}

static rp_status check_weights(const rp_layer_spec *spec, rp_error *err) {
  if (spec->outputs < 1 || spec->outputs > LARGEST_CHANNELS)
    return rp_fail(err, RP_EINPUT, "%d outputs; it must have 1 to %d", spec->outputs, LARGEST_CHANNELS);
  if ((unsigned)spec->init.kind >= RP_N_INITS) return rp_fail(err, RP_EINPUT, "unknown initialisation (%d)", (int)spec->init.kind);
  return RP_OK;
}

rp_status rp_model_check_layer(const rp_model *model, int layer, rp_extent *extents, rp_error *err) {
  const rp_layer_spec *spec = &model->layers[layer];
  if ((unsigned)spec->kind >= RP_N_LAYER_KINDS) return rp_fail(err, RP_EINPUT, "unknown kind of layer (%d)", (int)spec->kind);
  RP_TRY(check_inputs(model, layer, err));
  const rp_layer_functions *functions = KINDS[spec->kind].functions;
  if (functions->weights_per_unit) RP_TRY(check_weights(spec, err));
  rp_extent ins[RP_MAX_INPUTS];
  for (int i = 0; i < spec->n_inputs; i++) ins[i] = rp_input_extent(model, extents, layer, i);
  RP_TRY(functions->extent(spec, ins, &extents[layer], err));
  return check_size(spec, ins, &extents[layer], err);
}

rp_status rp_model_check(const rp_model *model, rp_extent *extents, rp_error *err) {
  RP_TRY(check_image(model, err));
  for (int layer = 0; layer < model->n_layers; layer++) {
    RP_TRY(check_name(model, layer, err));
    RP_TRY_IN(rp_model_check_layer(model, layer, extents, err), err, "%s", model->layers[layer].name);
  }
  for (int layer = 0; layer < model->n_layers; layer++) RP_TRY_IN(check_readers(model, layer, err), err, "%s", model->layers[layer].name);
  const rp_layer_spec *last = &model->layers[model->n_layers - 1];
  const rp_extent *out = &extents[model->n_layers - 1];
  if (last->kind != RP_FC || last->outputs != model->n_classes)
    return rp_fail(err, RP_EINPUT,
                   "%s: the last layer must be an fc of %d outputs, one per class; this is %s with an output of %d×%d×%d (C×H×W)",
                   last->name, model->n_classes, rp_layer_kind_name(last->kind), out->channels, out->height, out->width);
  return RP_OK;
}
