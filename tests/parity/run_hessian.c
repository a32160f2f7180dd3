/* run_hessian.c: what the criterion hessian makes of a net, with all that went in and came out in files, for tests/parity/hessian.py.
 *
 *     run_hessian MODEL CxHxW CLASSES IMAGES DRAWS HESSIAN.so FOLDER [--gates] [--direct]
 *
 * MODEL is what an experiment's `model` key holds. Weights are initial ones; biases, BN's gamma, beta and running statistics are moved off
 * their 0s and 1s; images are random bytes. --gates closes every third filter; --direct: convolutions on oneDNN's direct kernels
 * alone. Written to FOLDER, in the machine's byte order, dense:
 *
 *     meta.json        image {channels, height, width, classes}, batch, layers, tensors, decisions, as run_net.c writes them
 *     parameters.f32   [n_parameters]
 *     images.f32       [N][C][H][W]
 *     labels.u8        [N]
 *     closed.u8        [n_filters], with --gates only
 *     decisions.u8     of ReLUs and max pools, as run_net.c writes them
 *     multiplied.u32   [n], the images of products and of hutchinson
 *     directions.f32   [draws][Σ K·C·R·S], hutchinson's random vectors: the weights, each with a random sign
 *     products.f32     [draws][Σ K·C·R·S], H times each
 *     obd.f32          [n_filters], scores; NaN for closed filters
 *     hutchinson.f32   [n_filters], likewise */
#include "core/data/batches.h"
#include "core/nn/tangent.h"
#include "core/probes/hessian_product.h"
#include "core/ranking/score.h"
#include "experiments/config/yaml.h"
#include "experiments/plan/model_file.h"
#include "tests/parity/net_files.h"

#include <stdlib.h>

enum { SEED = 1, MOST_MULTIPLIED = 40 }; /* images for hutchinson: the reference is slow */

typedef struct {
  rp_image_shape shape;
  uint32_t n_images, draws;
  int has_gates, is_direct;
  const char *folder, *plugin_path;
  rp_model model;
  char *layers; /* JSON */
  rp_net *net;
  rp_state *state;
  rp_dataset dataset;
  uint8_t *pixels, *labels, *closed, *decisions;
  size_t *first_value; /* [n_layers + 1]: where a layer's output stands among all, for all images */
  const uint8_t **image_pointers;
  uint32_t multiplied[MOST_MULTIPLIED], n_multiplied; /* rule 6's choice of them */
  float *images, *directions, *products, *scores[2];
} comparison;

static void comparison_free(comparison *c) {
  free(c->pixels), free(c->labels), free(c->closed), free(c->decisions), free(c->first_value), free(c->image_pointers), free(c->layers);
  free(c->images), free(c->directions), free(c->products), free(c->scores[0]), free(c->scores[1]);
  rp_state_free(&c->state);
  rp_net_free(&c->net);
  rp_model_free(&c->model);
}

static size_t image_size(const comparison *c) {
  return (size_t)c->shape.channels * (size_t)c->shape.height * (size_t)c->shape.width;
}

/* ---- What goes in ---------------------------------------------------------------------------- */

static rp_status make_state(comparison *c, rp_error *err) {
  const rp_layout *layout = rp_net_layout(c->net);
  RP_TRY(rp_state_initial(c->net, 0, SEED, &c->state, err));
  RP_TRY(rp_allocate((size_t)layout->n_filters, 1, &c->closed, err));
  move_off(layout, SEED, c->state->parameters);
  for (int f = 0; c->has_gates && f < layout->n_filters; f += 3) c->state->filters[f].dropped = c->state->filters[f].closed = 1;
  rp_state_closed(c->state, c->closed);
  return RP_OK;
}

static rp_status make_images(comparison *c, rp_error *err) {
  const size_t size = image_size(c), n = c->n_images;
  RP_TRY(rp_allocate(n * size, 1, &c->pixels, err));
  RP_TRY(rp_allocate(n, 1, &c->labels, err));
  RP_TRY(rp_allocate(n, sizeof *c->image_pointers, &c->image_pointers, err));
  RP_TRY(rp_allocate(n * size, sizeof(float), &c->images, err));
  const rp_stream pixels = rp_stream_of(SEED, RP_DRAW_SHAPES, 2, 0, 0, 0), labels = rp_stream_of(SEED, RP_DRAW_SHAPES, 3, 0, 0, 0);
  for (size_t i = 0; i < n * size; i++) c->pixels[i] = (uint8_t)rp_draw_below(&pixels, i, 256);
  for (size_t i = 0; i < n; i++) {
    c->labels[i] = (uint8_t)rp_draw_below(&labels, i, (uint32_t)c->shape.n_classes);
    c->image_pointers[i] = c->pixels + i * size;
  }
  c->dataset = (rp_dataset){.channels = c->shape.channels,
                            .height = c->shape.height,
                            .width = c->shape.width,
                            .n_classes = c->shape.n_classes,
                            .n = {[RP_TRAIN] = c->n_images},
                            .images = {[RP_TRAIN] = c->image_pointers},
                            .labels = {[RP_TRAIN] = c->labels},
                            .mean = {127, 120, 130, 125},
                            .deviation = {70, 75, 80, 72}};
  rp_batches_fill(&c->dataset, RP_TRAIN, NULL, 0, c->n_images, c->images, c->labels);
  return RP_OK;
}

/* ---- What comes out -------------------------------------------------------------------------- */

enum { OBD, HUTCHINSON };

static rp_status score(comparison *c, const rp_plugin *plugin, int variant, rp_error *err) {
  const rp_value options[] = {{.size = sizeof options[0], .number = variant}, {.size = sizeof options[1], .number = c->draws}};
  rp_scoring scoring = {.plugin = plugin, .options = options, .scores = c->scores[variant]};
  const rp_score_data data = {RP_SCORE_AUTO, variant == OBD ? 0 : MOST_MULTIPLIED};
  const rp_scoring_pass pass = {.net = c->net, .state = c->state, .dataset = &c->dataset, .data = data};
  return rp_score(&pass, &scoring, 1, err);
}

static rp_status score_both(comparison *c, rp_error *err) {
  rp_plugin plugin;
  RP_TRY(rp_plugin_load(c->plugin_path, &plugin, err));
  rp_status status = RP_OK;
  for (int variant = OBD; variant <= HUTCHINSON && status == RP_OK; variant++) {
    status = rp_allocate((size_t)rp_net_layout(c->net)->n_filters, sizeof(float), &c->scores[variant], err);
    if (status == RP_OK) status = score(c, &plugin, variant, err);
  }
  rp_plugin_free(&plugin);
  return status;
}

/* Each conv's weights behind one another. */
static void copy_weights(const comparison *c, float *weights) {
  const rp_layout *layout = rp_net_layout(c->net);
  for (int i = 0; i < layout->n_convs; i++) {
    const rp_tensor *tensor = &layout->tensors[layout->convs[i].weight];
    const size_t n = (size_t)tensor->K * (size_t)tensor->C * (size_t)tensor->E;
    memcpy(weights, c->state->parameters + tensor->offset, n * sizeof *weights);
    weights += n;
  }
}

/* The signs that the criterion draws, as ranker.h and draws.h say it: keyed by seed, ranker's name, cycle and draw. */
static rp_status multiply(comparison *c, rp_error *err) {
  const size_t n = rp_conv_weights(rp_net_layout(c->net));
  const uint64_t name = rp_hash64("hessian", strlen("hessian"), 0);
  RP_TRY(rp_batches_scoring_images(&c->dataset, MOST_MULTIPLIED, c->multiplied, &c->n_multiplied, err));
  RP_TRY(rp_allocate(n * c->draws, sizeof(float), &c->directions, err));
  RP_TRY(rp_allocate(n * c->draws, sizeof(float), &c->products, err));
  for (uint32_t t = 0; t < c->draws; t++) {
    const rp_stream stream = rp_stream_of(SEED, RP_DRAW_RANKER, (uint32_t)name, (uint32_t)(name >> 32), c->state->cycle + 1, t);
    float *v = c->directions + t * n;
    copy_weights(c, v);
    for (size_t w = 0; w < n; w++)
      if (rp_draw_uniform(&stream, w) < 0.5) v[w] = -v[w];
    RP_TRY(rp_hessian_product(c->net, c->state->parameters, c->has_gates ? c->closed : NULL, &c->dataset, RP_TRAIN, c->multiplied,
                              c->n_multiplied, v, c->products + t * n, err));
  }
  return RP_OK;
}

/* What ReLUs and max pools decide: that of both variants where the kernels chosen do not depend on the batch, as direct ones do not. */
static rp_status decide(comparison *c, rp_error *err) {
  const size_t n_layers = (size_t)c->model.n_layers, n_images = c->n_images;
  rp_executor *executor;
  const float *logits;
  RP_TRY(rp_allocate(n_layers + 1, sizeof *c->first_value, &c->first_value, err));
  for (size_t i = 0; i < n_layers; i++) c->first_value[i + 1] = c->first_value[i] + n_images * output_size(c->net, (int)i);
  RP_TRY(rp_allocate(c->first_value[n_layers], 1, &c->decisions, err));
  RP_TRY(rp_net_executor(c->net, 1, RP_RUN_HESSIAN, &executor, err));
  RP_TRY(rp_executor_load(executor, c->state->parameters, c->has_gates ? c->closed : NULL, err));
  for (size_t n = 0; n < n_images; n++) {
    RP_TRY(rp_executor_forward(executor, c->images + n * image_size(c), &logits, err));
    for (size_t i = 0; i < n_layers; i++) {
      const size_t size = output_size(c->net, (int)i);
      RP_CLEANUP(rp_free_pointer) float *out = NULL;
      RP_TRY(rp_allocate(size, sizeof *out, &out, err));
      RP_TRY(note_layer(executor, (int)i, out, c->decisions + c->first_value[i] + n * size, err));
    }
  }
  return RP_OK;
}

static rp_status write_meta(const comparison *c, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *path = NULL;
  RP_TRY(rp_join_path(c->folder, "meta.json", &path, err));
  FILE *file = fopen(path, "w");
  if (!file) return rp_fail_errno(err, RP_EIO, "%s", path);
  fprintf(file, "{\"image\": {\"channels\": %d, \"height\": %d, \"width\": %d, \"classes\": %d}, \"batch\": %u,\n ", c->shape.channels,
          c->shape.height, c->shape.width, c->shape.n_classes, c->n_images);
  write_net(file, c->net, c->layers, c->first_value);
  fprintf(file, "}\n");
  return fclose(file) == 0 ? RP_OK : rp_fail_errno(err, RP_EIO, "%s", path);
}

static rp_status write_all(const comparison *c, rp_error *err) {
  const rp_layout *layout = rp_net_layout(c->net);
  const size_t n_weights = rp_conv_weights(layout), n_filters = (size_t)layout->n_filters;
  RP_TRY(rp_make_folders(c->folder, err));
  RP_TRY(write_meta(c, err));
  RP_TRY(write_floats(c->folder, "parameters.f32", c->state->parameters, layout->n_parameters, err));
  RP_TRY(write_floats(c->folder, "images.f32", c->images, c->n_images * image_size(c), err));
  RP_TRY(write_bytes(c->folder, "labels.u8", c->labels, c->n_images, err));
  if (c->has_gates) RP_TRY(write_bytes(c->folder, "closed.u8", c->closed, n_filters, err));
  RP_TRY(write_bytes(c->folder, "decisions.u8", c->decisions, c->first_value[c->model.n_layers], err));
  RP_TRY(write_floats(c->folder, "directions.f32", c->directions, n_weights * c->draws, err));
  RP_TRY(write_bytes(c->folder, "multiplied.u32", c->multiplied, c->n_multiplied * sizeof c->multiplied[0], err));
  RP_TRY(write_floats(c->folder, "products.f32", c->products, n_weights * c->draws, err));
  RP_TRY(write_floats(c->folder, "obd.f32", c->scores[OBD], n_filters, err));
  return write_floats(c->folder, "hutchinson.f32", c->scores[HUTCHINSON], n_filters, err);
}

static rp_status run(const char *model_yaml, comparison *c, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *node = NULL;
  RP_TRY(rp_yaml_parse(model_yaml, "MODEL", &node, err));
  RP_TRY(rp_model_build(node, c->shape, &c->model, &c->layers, err));
  if (c->is_direct) c->model.convolution = RP_CONVOLUTION_DIRECT;
  RP_TRY(rp_net_create(&c->model, 1, &c->net, err));
  RP_TRY(make_state(c, err));
  RP_TRY(make_images(c, err));
  RP_TRY(score_both(c, err));
  RP_TRY(multiply(c, err));
  RP_TRY(decide(c, err));
  return write_all(c, err);
}

int main(int argc, char **argv) {
  enum { MODEL = 1, IMAGE, CLASSES, IMAGES, DRAWS, PLUGIN, FOLDER, N_ARGUMENTS };
  RP_CLEANUP(comparison_free) comparison c = {0};
  rp_error err = {0};
  if (argc < N_ARGUMENTS || sscanf(argv[IMAGE], "%dx%dx%d", &c.shape.channels, &c.shape.height, &c.shape.width) != 3 ||
      c.shape.channels > RP_MAX_CHANNELS) {
    fprintf(stderr, "usage: run_hessian MODEL CxHxW CLASSES IMAGES DRAWS HESSIAN.so FOLDER [--gates] [--direct]\n");
    return 2;
  }
  c.shape.n_classes = atoi(argv[CLASSES]);
  c.n_images = (uint32_t)atoi(argv[IMAGES]), c.draws = (uint32_t)atoi(argv[DRAWS]);
  c.plugin_path = argv[PLUGIN], c.folder = argv[FOLDER];
  for (int i = N_ARGUMENTS; i < argc; i++) {
    c.has_gates |= strcmp(argv[i], "--gates") == 0;
    c.is_direct |= strcmp(argv[i], "--direct") == 0;
  }
  if (run(argv[MODEL], &c, &err) == RP_OK) return 0;
  fprintf(stderr, "run_hessian: %s\n", err.message);
  return 1;
}
