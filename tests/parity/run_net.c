/* run_net.c: one training step's passes and an evaluation of a net, with all that went in and came out in files, for tests/parity/nets.py.
 *
 *     run_net MODEL CxHxW CLASSES BATCH SEED FOLDER [--gates] [--direct] [--maps]
 *
 * MODEL is what an experiment's `model` key holds, as in '{name: resnet, depth: 20}'. Weights are initial ones; biases, BN's gamma, beta
 * and running statistics are moved off their 0s and 1s; images are N(0, 1) draws. --gates closes every third filter; --direct: convolutions
 * on oneDNN's direct kernels alone. The batch is run in sub-batches, as training does. Written to FOLDER, in the machine's byte order,
 * dense:
 *
 *     meta.json          image {channels, height, width, classes}, batch, seed, loss (the batch's mean, in training), layers (as
 *                        rp_model_build describes them), tensors [{kind, layer, K, C, E, offset}], decisions [{layer, offset, size}]
 *     parameters.f32     [n_parameters]                       images.f32  [N][C][H][W]      labels.u8  [N]
 *     closed.u8          [n_filters], with --gates only
 *     train_logits.f32   [N][classes], of training mode       evaluate_logits.f32, losses.f32 [N]
 *     gradients.f32      [n_parameters], of the mean loss     statistics.f32  [n_parameters]: with the running statistics that BN made
 *     decisions.u8       of training mode, at each layer's offset, shaped as its output: 1 where a ReLU let a value pass, or dropout kept
 *                        it; the tap (row · kernel + column) that a max pool took
 *     maps.f32           with --maps only: every layer's output in training mode, one behind the other */
#include "core/loss/cross_entropy.h"
#include "experiments/config/yaml.h"
#include "experiments/plan/model_file.h"
#include "tests/parity/net_files.h"

#include <stdlib.h>

typedef struct {
  rp_image_shape shape;
  int batch, has_gates, is_direct, keeps_maps;
  uint64_t seed;
  const char *folder;
  rp_model model;
  char *layers; /* JSON */
  rp_net *net;
  float *parameters, *images, *logits, *losses, *gradients, *statistics, *maps;
  uint8_t *labels, *closed, *decisions;
  size_t *first_value; /* [n_layers + 1]: where a layer's output stands among all, for the whole batch */
  double loss;
} passes;

static void passes_free(passes *p) {
  free(p->parameters), free(p->images), free(p->logits), free(p->losses), free(p->gradients), free(p->statistics), free(p->maps);
  free(p->labels), free(p->closed), free(p->decisions), free(p->first_value), free(p->layers);
  rp_net_free(&p->net);
  rp_model_free(&p->model);
}

/* ---- What goes in ---------------------------------------------------------------------------- */

static size_t image_size(const passes *p) {
  return (size_t)p->shape.channels * (size_t)p->shape.height * (size_t)p->shape.width;
}

static rp_status make_room(passes *p, rp_error *err) {
  const size_t batch = (size_t)p->batch, n_layers = (size_t)p->model.n_layers;
  const rp_layout *layout = rp_net_layout(p->net);
  RP_TRY(rp_allocate(n_layers + 1, sizeof *p->first_value, &p->first_value, err));
  for (size_t i = 0; i < n_layers; i++) p->first_value[i + 1] = p->first_value[i] + batch * output_size(p->net, (int)i);
  RP_TRY(rp_allocate(layout->n_parameters, sizeof(float), &p->parameters, err));
  RP_TRY(rp_allocate(layout->n_parameters, sizeof(float), &p->gradients, err));
  RP_TRY(rp_allocate(layout->n_parameters, sizeof(float), &p->statistics, err));
  RP_TRY(rp_allocate(batch * image_size(p), sizeof(float), &p->images, err));
  RP_TRY(rp_allocate(batch * (size_t)p->shape.n_classes, sizeof(float), &p->logits, err));
  RP_TRY(rp_allocate(batch, sizeof(float), &p->losses, err));
  RP_TRY(rp_allocate(batch, 1, &p->labels, err));
  RP_TRY(rp_allocate((size_t)layout->n_filters, 1, &p->closed, err));
  RP_TRY(rp_allocate(p->first_value[n_layers], 1, &p->decisions, err));
  return rp_allocate(p->keeps_maps ? p->first_value[n_layers] : 0, sizeof(float), &p->maps, err);
}

static rp_status fill(passes *p, rp_error *err) {
  const rp_layout *layout = rp_net_layout(p->net);
  RP_TRY(rp_init_parameters(p->net, p->seed, p->parameters, err));
  move_off(layout, p->seed, p->parameters);
  const rp_stream pixels = rp_stream_of(p->seed, RP_DRAW_SHAPES, 2, 0, 0, 0), labels = rp_stream_of(p->seed, RP_DRAW_SHAPES, 3, 0, 0, 0);
  for (size_t i = 0; i < (size_t)p->batch * image_size(p); i++) p->images[i] = (float)rp_draw_normal(&pixels, i);
  for (int i = 0; i < p->batch; i++) p->labels[i] = (uint8_t)rp_draw_below(&labels, (uint64_t)i, (uint32_t)p->shape.n_classes);
  for (int i = 0; p->has_gates && i < layout->n_filters; i += 3) p->closed[i] = 1;
  memcpy(p->statistics, p->parameters, layout->n_parameters * sizeof(float));
  return RP_OK;
}

/* ---- Decisions ------------------------------------------------------------------------------- */

/* What a forward pass left in an executor's maps, for images from `first` on. */
static rp_status note_maps(passes *p, const rp_executor *executor, int first, rp_error *err) {
  for (int i = 0; i < p->model.n_layers; i++) {
    const size_t size = output_size(p->net, i), at = p->first_value[i] + (size_t)first * size, n = (size_t)executor->batch * size;
    RP_CLEANUP(rp_free_pointer) float *out = NULL;
    RP_TRY(rp_allocate(n, sizeof *out, &out, err));
    RP_TRY(note_layer(executor, i, out, p->decisions + at, err));
    if (p->keeps_maps) memcpy(p->maps + at, out, n * sizeof *out);
  }
  return RP_OK;
}

/* ---- Passes ---------------------------------------------------------------------------------- */

static rp_status train_images(passes *p, rp_executor *executor, int first, rp_error *err) {
  const size_t n_classes = (size_t)p->shape.n_classes;
  const float *logits;
  uint64_t correct = 0;
  RP_CLEANUP(rp_free_pointer) float *logit_gradients = NULL;
  RP_TRY(rp_allocate((size_t)executor->batch * n_classes, sizeof *logit_gradients, &logit_gradients, err));
  rp_executor_place(executor, (rp_draw_place){p->seed, 1, (uint32_t)first});
  RP_TRY(rp_executor_forward(executor, p->images + (size_t)first * image_size(p), &logits, err));
  RP_TRY(note_maps(p, executor, first, err));
  memcpy(p->logits + (size_t)first * n_classes, logits, (size_t)executor->batch * n_classes * sizeof *logits);
  p->loss += rp_cross_entropy(logits, p->labels + first, executor->batch, p->shape.n_classes, 1.0 / p->batch, p->losses + first,
                              logit_gradients, &correct) /
             p->batch;
  return rp_executor_backward(executor, logit_gradients, err);
}

/* Images first … end − 1, `size` at a time. */
static rp_status train_range(passes *p, int size, int first, int end, rp_error *err) {
  rp_executor *executor;
  RP_TRY(rp_net_executor(p->net, size, RP_RUN_TRAIN, &executor, err));
  RP_TRY(rp_executor_load(executor, p->parameters, p->has_gates ? p->closed : NULL, err));
  rp_executor_clear_gradients(executor);
  for (; first + size <= end; first += size) RP_TRY(train_images(p, executor, first, err));
  rp_executor_statistics(executor, p->statistics);
  return rp_executor_add_gradients(executor, p->gradients, err);
}

static rp_status train(passes *p, rp_error *err) {
  const int size = rp_net_sub_batch(p->net, p->batch), rest = p->batch % size;
  RP_TRY(train_range(p, size, 0, p->batch - rest, err));
  return rest > 0 ? train_range(p, rest, p->batch - rest, p->batch, err) : RP_OK;
}

static rp_status evaluate(passes *p, rp_error *err) {
  rp_executor *executor;
  const float *logits;
  RP_TRY(rp_net_executor(p->net, p->batch, RP_RUN_EVALUATE, &executor, err));
  RP_TRY(rp_executor_load(executor, p->parameters, p->has_gates ? p->closed : NULL, err));
  RP_TRY(rp_executor_forward(executor, p->images, &logits, err));
  memcpy(p->logits, logits, (size_t)p->batch * (size_t)p->shape.n_classes * sizeof *logits);
  return RP_OK;
}

/* ---- What comes out -------------------------------------------------------------------------- */

static rp_status write_meta(const passes *p, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *path = NULL;
  RP_TRY(rp_join_path(p->folder, "meta.json", &path, err));
  FILE *file = fopen(path, "w");
  if (!file) return rp_fail_errno(err, RP_EIO, "%s", path);
  fprintf(file, "{\"image\": {\"channels\": %d, \"height\": %d, \"width\": %d, \"classes\": %d}, \"batch\": %d, \"seed\": %llu,\n",
          p->shape.channels, p->shape.height, p->shape.width, p->shape.n_classes, p->batch, (unsigned long long)p->seed);
  fprintf(file, " \"loss\": %.17g,\n ", p->loss);
  write_net(file, p->net, p->layers, p->first_value);
  fprintf(file, "}\n");
  return fclose(file) == 0 ? RP_OK : rp_fail_errno(err, RP_EIO, "%s", path);
}

static rp_status run(const char *model_yaml, passes *p, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *node = NULL;
  RP_TRY(rp_yaml_parse(model_yaml, "MODEL", &node, err));
  RP_TRY(rp_model_build(node, p->shape, &p->model, &p->layers, err));
  if (p->is_direct) p->model.convolution = RP_CONVOLUTION_DIRECT;
  RP_TRY(rp_net_create(&p->model, 1, &p->net, err));
  RP_TRY(make_room(p, err));
  RP_TRY(fill(p, err));
  RP_TRY(rp_make_folders(p->folder, err));

  const size_t n_parameters = rp_net_layout(p->net)->n_parameters, batch = (size_t)p->batch;
  const size_t n_logits = batch * (size_t)p->shape.n_classes, n_values = p->first_value[p->model.n_layers];
  RP_TRY(train(p, err));
  RP_TRY(write_meta(p, err));
  RP_TRY(write_floats(p->folder, "parameters.f32", p->parameters, n_parameters, err));
  RP_TRY(write_floats(p->folder, "images.f32", p->images, batch * image_size(p), err));
  RP_TRY(write_bytes(p->folder, "labels.u8", p->labels, batch, err));
  if (p->has_gates) RP_TRY(write_bytes(p->folder, "closed.u8", p->closed, (size_t)rp_net_layout(p->net)->n_filters, err));
  RP_TRY(write_floats(p->folder, "train_logits.f32", p->logits, n_logits, err));
  RP_TRY(write_floats(p->folder, "losses.f32", p->losses, batch, err));
  RP_TRY(write_floats(p->folder, "gradients.f32", p->gradients, n_parameters, err));
  RP_TRY(write_floats(p->folder, "statistics.f32", p->statistics, n_parameters, err));
  RP_TRY(write_bytes(p->folder, "decisions.u8", p->decisions, n_values, err));
  if (p->keeps_maps) RP_TRY(write_floats(p->folder, "maps.f32", p->maps, n_values, err));
  RP_TRY(evaluate(p, err));
  return write_floats(p->folder, "evaluate_logits.f32", p->logits, n_logits, err);
}

int main(int argc, char **argv) {
  RP_CLEANUP(passes_free) passes p = {.batch = argc > 4 ? atoi(argv[4]) : 0, .seed = argc > 5 ? strtoull(argv[5], NULL, 10) : 0};
  if (argc < 7 || sscanf(argv[2], "%dx%dx%d", &p.shape.channels, &p.shape.height, &p.shape.width) != 3 || p.batch < 1) {
    fprintf(stderr, "usage: run_net MODEL CxHxW CLASSES BATCH SEED FOLDER [--gates] [--direct] [--maps]\n");
    return 2;
  }
  p.shape.n_classes = atoi(argv[3]);
  p.folder = argv[6];
  for (int i = 7; i < argc; i++) {
    p.has_gates |= strcmp(argv[i], "--gates") == 0;
    p.is_direct |= strcmp(argv[i], "--direct") == 0;
    p.keeps_maps |= strcmp(argv[i], "--maps") == 0;
  }
  rp_error err = {0};
  if (run(argv[1], &p, &err) == RP_OK) return 0;
  fprintf(stderr, "run_net: %s\n", err.message);
  return rp_status_exit(err.status);
}
