/* bench_train.c: images per second of training and evaluation, one thread, on random images.
 *
 *   bench_train [--model c3-authors|c3] [--batch 64] [--images 6400] [--evaluate]
 *
 * Prints one line: images/s of processor time. torch_train.py does the same in PyTorch; compare.sh lets them take turns. */
#include "core/base/memory.h"
#include "core/loss/cross_entropy.h"
#include "core/nn/net.h"
#include "core/nn/optimizer.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SIDE = 32, CHANNELS = 3, CLASSES = 10, FILTERS = 32, IMAGE = CHANNELS * SIDE * SIDE };

typedef struct {
  int batch, n_images, is_evaluation, kernel, has_pools;
} options;

static void die(const rp_error *err) {
  fprintf(stderr, "bench_train: %s\n", err->message);
  exit(rp_status_exit(err->status));
}

static rp_layer_spec layer(rp_layer_kind kind, int number, int input) {
  rp_layer_spec spec = {.kind = kind, .n_inputs = 1, .inputs = {input}, .same = 1, .has_bias = 1, .init = {.sigma = 0.04, .gain = 1}};
  snprintf(spec.name, sizeof spec.name, "%s%d", rp_layer_kind_name(kind), number);
  return spec;
}

static rp_net *make_net(const options *how) {
  rp_layer_spec layers[7];
  int n_layers = 0;
  for (int depth = 1; depth <= 3; depth++) {
    rp_layer_spec conv = layer(RP_CONV, depth, n_layers - 1);
    conv.outputs = FILTERS, conv.kernel = how->kernel, conv.stride = 1, conv.has_relu = 1;
    layers[n_layers++] = conv;
    if (!how->has_pools) continue;
    rp_layer_spec pool = layer(RP_MAX_POOL, depth, n_layers - 1);
    pool.kernel = 3, pool.stride = 2;
    layers[n_layers++] = pool;
  }
  layers[n_layers] = layer(RP_FC, 1, n_layers - 1);
  layers[n_layers++].outputs = CLASSES;
  rp_model model = {.channels = CHANNELS, .height = SIDE, .width = SIDE, .n_classes = CLASSES, .n_layers = n_layers, .layers = layers};
  rp_net *net = NULL;
  rp_error err = {0};
  if (rp_net_create(&model, 1, &net, &err) != RP_OK) die(&err);
  return net;
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static rp_status step(rp_executor *executor, const rp_net *net, const options *how, int sub_batch, const float *images,
                      const uint8_t *labels, float *parameters, float *gradients, uint32_t *steps, rp_error *err) {
  const rp_optimizer sgd = {.kind = RP_SGD};
  float logit_gradients[256 * CLASSES];
  uint64_t correct = 0;
  RP_TRY(rp_executor_load(executor, parameters, NULL, err));
  rp_executor_clear_gradients(executor);
  for (int first = 0; first < how->batch; first += sub_batch) {
    const float *logits;
    RP_TRY(rp_executor_forward(executor, images + (size_t)first * IMAGE, &logits, err));
    if (how->is_evaluation) continue;
    rp_cross_entropy(logits, labels + first, sub_batch, CLASSES, 1.0 / how->batch, NULL, logit_gradients, &correct);
    RP_TRY(rp_executor_backward(executor, logit_gradients, err));
  }
  if (how->is_evaluation) return RP_OK;
  memset(gradients, 0, rp_net_layout(net)->n_parameters * sizeof *gradients);
  RP_TRY(rp_executor_add_gradients(executor, gradients, err));
  rp_optimizer_step(&sgd, rp_net_layout(net), 0.01, gradients, NULL, parameters, NULL, steps);
  return RP_OK;
}

static rp_status run(const options *how, double *images_per_second, rp_error *err) {
  RP_CLEANUP(rp_net_free) rp_net *net = make_net(how);
  const rp_layout *layout = rp_net_layout(net);
  RP_CLEANUP(rp_free_pointer) float *images = NULL, *parameters = NULL, *gradients = NULL;
  RP_CLEANUP(rp_free_pointer) uint8_t *labels = NULL;
  RP_CLEANUP(rp_free_pointer) uint32_t *steps = NULL;
  RP_TRY(rp_allocate((size_t)how->batch * IMAGE, sizeof *images, &images, err));
  RP_TRY(rp_allocate((size_t)how->batch, 1, &labels, err));
  RP_TRY(rp_allocate(layout->n_parameters, sizeof *parameters, &parameters, err));
  RP_TRY(rp_allocate(layout->n_parameters, sizeof *gradients, &gradients, err));
  RP_TRY(rp_allocate(layout->n_units, sizeof *steps, &steps, err));
  RP_TRY(rp_init_parameters(net, 1, parameters, err));
  rp_stream stream = rp_stream_of(1, RP_DRAW_SHAPES, 0, 0, 0, 0);
  for (int i = 0; i < how->batch * IMAGE; i++) images[i] = (float)rp_draw_normal(&stream, (uint64_t)i);
  for (int i = 0; i < how->batch; i++) labels[i] = (uint8_t)(i % CLASSES);

  const int sub_batch = how->batch % rp_net_sub_batch(net, how->batch) == 0 ? rp_net_sub_batch(net, how->batch) : how->batch;
  rp_executor *executor;
  RP_TRY(rp_net_executor(net, sub_batch, how->is_evaluation ? RP_RUN_EVALUATE : RP_RUN_TRAIN, &executor, err));
  const int n_steps = how->n_images / how->batch, warm_up = 3;
  double started = 0;
  for (int i = -warm_up; i < n_steps; i++) {
    if (i == 0) started = seconds();
    RP_TRY(step(executor, net, how, sub_batch, images, labels, parameters, gradients, steps, err));
  }
  *images_per_second = n_steps * how->batch / (seconds() - started);
  return RP_OK;
}

int main(int argc, char **argv) {
  options how = {.batch = 64, .n_images = 6400, .kernel = 5, .has_pools = 1};
  static const struct option known[] = {{"model", required_argument, NULL, 'm'},
                                        {"batch", required_argument, NULL, 'b'},
                                        {"images", required_argument, NULL, 'i'},
                                        {"evaluate", no_argument, NULL, 'e'},
                                        {NULL, 0, NULL, 0}};
  for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
    if (c == 'm' && strcmp(optarg, "c3") == 0)
      how.kernel = 3, how.has_pools = 0;
    else if (c == 'm' && strcmp(optarg, "c3-authors") == 0)
      how.kernel = 5, how.has_pools = 1;
    else if (c == 'b')
      how.batch = atoi(optarg);
    else if (c == 'i')
      how.n_images = atoi(optarg);
    else if (c == 'e')
      how.is_evaluation = 1;
    else
      how.batch = 0;
  }
  if (how.batch < 1 || how.batch > 256 || how.n_images < how.batch) {
    fprintf(stderr, "usage: bench_train [--model c3-authors|c3] [--batch 1..256] [--images N] [--evaluate]\n");
    return 2;
  }
  rp_error err = {0};
  double images_per_second;
  if (run(&how, &images_per_second, &err) != RP_OK) die(&err);
  printf("%.0f\n", images_per_second);
  return 0;
}
