/* net.c: a checked model with its layout and the executors made for it so far. */
#include "core/nn/net.h"

#include "core/base/memory.h"
#include "core/nn/net_parts.h"

#include <stdlib.h>
#include <string.h>

static rp_status copy_model(const rp_model *model, rp_model *copy, rp_error *err) {
  rp_layer_spec *layers;
  size_t n_layers = model->n_layers > 0 ? (size_t)model->n_layers : 0;
  RP_TRY(rp_allocate(n_layers, sizeof *layers, &layers, err));
  if (n_layers > 0) memcpy(layers, model->layers, n_layers * sizeof *layers);
  *copy = *model;
  copy->layers = layers;
  return RP_OK;
}

rp_status rp_net_create(const rp_model *model, int threads, rp_net **out, rp_error *err) {
  *out = NULL;
  RP_CLEANUP(rp_net_free) rp_net *net = NULL;
  if (threads < 1) return rp_fail(err, RP_EINPUT, "%d threads; at least 1 is needed", threads);
  RP_TRY(rp_allocate(1, sizeof *net, &net, err));
  net->threads = threads;
  RP_TRY(copy_model(model, &net->model, err));
  RP_TRY(rp_allocate(net->model.n_layers > 0 ? (size_t)net->model.n_layers : 0, sizeof *net->extents, &net->extents, err));
  RP_TRY(rp_model_check(&net->model, net->extents, err));
  RP_TRY(rp_layout_create(net, err));
  *out = net;
  net = NULL;
  return RP_OK;
}

void rp_net_free(rp_net **address) {
  rp_net *net = *address;
  if (!net) return;
  while (net->executors) {
    rp_executor *next = net->executors->next;
    rp_executor_free(&net->executors);
    net->executors = next;
  }
  rp_dnn_free(&net->dnn);
  rp_layout_free(&net->layout);
  rp_model_free(&net->model);
  free(net->extents);
  free(net->tensors), free(net->convs), free(net->n_readers), free(net->first_channel), free(net->marks);
  rp_free_pointer(address);
}

const rp_model *rp_net_model(const rp_net *net) {
  return &net->model;
}

const rp_layout *rp_net_layout(const rp_net *net) {
  return &net->layout;
}

int rp_net_sub_batch(const rp_net *net, int batch) {
  enum { SUB_BATCH = 8 };
  for (int i = 0; i < net->model.n_layers; i++)
    if (net->model.layers[i].kind == RP_BATCH_NORM) return batch;
  return batch < SUB_BATCH ? batch : SUB_BATCH;
}

rp_status rp_net_open_kernels(rp_net *net, rp_error *err) {
  return net->dnn ? RP_OK : rp_dnn_create(net->threads, &net->dnn, err);
}

rp_status rp_net_executor(rp_net *net, int batch, rp_purpose_of_run purpose, rp_executor **out, rp_error *err) {
  *out = NULL;
  if (batch < 1) return rp_fail(err, RP_EINPUT, "a batch of %d images; at least 1 is needed", batch);
  for (rp_executor *executor = net->executors; executor; executor = executor->next)
    if (executor->batch == batch && executor->purpose == purpose) {
      *out = executor;
      return RP_OK;
    }
  RP_TRY(rp_net_open_kernels(net, err));
  rp_executor *made;
  RP_TRY(rp_executor_create(net, batch, purpose, &made, err));
  made->next = net->executors;
  net->executors = made;
  *out = made;
  return RP_OK;
}
