/* score_net.c: criteria on a net whose weights and images come from files, for tests/parity/criteria.py.
 *
 *     score_net MODEL CxHxW CLASSES N FOLDER RANKERS CRITERION…
 *
 * MODEL is what an experiment's `model` key holds, CRITERION what its `ranker` key holds, as in '{name: taylor, variant: signed}'; RANKERS
 * is the folder of built-in ones. Read from FOLDER, in the machine's byte order, dense:
 *
 *     parameters.f32  [n_parameters]     pixels.u8  [N][C][H][W], seen by the net as (byte − 128) / 64     labels.u8  [N]
 *     closed.u8       [n_filters], nonzero = gate closed; may be missing
 *
 * Written there: scores.f32 [n criteria][n_filters], before normalisation, NaN for closed filters; decisions.u8, of all images: for each
 * layer in turn [N][its output], 1 where a ReLU let a value pass; the tap (row · kernel + column) that a max pool took. The images are the
 * training split; all criteria look at all of them, in one pass. */
#include "core/data/batches.h"
#include "core/ranking/score.h"
#include "experiments/config/yaml.h"
#include "experiments/plan/model_file.h"
#include "experiments/plan/trial_plan.h"
#include "tests/parity/net_files.h"

#include <stdlib.h>

enum { MOST_BYTES = 1 << 30, MOST_CRITERIA = 64, BATCH = 250 };

typedef struct {
  rp_image_shape shape;
  uint32_t n_images;
  const char *folder;
  rp_model model;
  rp_net *net;
  rp_state *state;
  char *pixels, *labels;
  const uint8_t **images; /* [n_images] */
  rp_dataset dataset;
  float *scores; /* [n criteria][n_filters], before normalisation */
} scoring;

static void scoring_free(scoring *s) {
  free(s->pixels), free(s->labels), free(s->images), free(s->scores);
  rp_state_free(&s->state);
  rp_net_free(&s->net);
  rp_model_free(&s->model);
}

/* A file of exactly `size` bytes. */
static rp_status read_bytes(const char *folder, const char *name, size_t size, char **out, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *path = NULL;
  size_t found;
  RP_TRY(rp_join_path(folder, name, &path, err));
  RP_TRY(rp_read_file(path, MOST_BYTES, out, &found, err));
  return found == size ? RP_OK : rp_fail(err, RP_EINPUT, "%s: %zu bytes, not %zu", path, found, size);
}

static rp_status read_state(scoring *s, rp_error *err) {
  const rp_layout *layout = rp_net_layout(s->net);
  RP_CLEANUP(rp_free_pointer) char *parameters = NULL;
  RP_CLEANUP(rp_free_pointer) char *closed = NULL;
  RP_TRY(rp_state_initial(s->net, 1, 1, &s->state, err));
  RP_TRY(read_bytes(s->folder, "parameters.f32", layout->n_parameters * sizeof(float), &parameters, err));
  memcpy(s->state->parameters, parameters, layout->n_parameters * sizeof(float));
  if (read_bytes(s->folder, "closed.u8", (size_t)layout->n_filters, &closed, NULL) != RP_OK) return RP_OK;
  for (int f = 0; f < layout->n_filters; f++) s->state->filters[f].closed = s->state->filters[f].dropped = closed[f] != 0;
  return RP_OK;
}

static rp_status read_images(scoring *s, rp_error *err) {
  const size_t image = (size_t)s->shape.channels * (size_t)s->shape.height * (size_t)s->shape.width;
  RP_TRY(read_bytes(s->folder, "pixels.u8", s->n_images * image, &s->pixels, err));
  RP_TRY(read_bytes(s->folder, "labels.u8", s->n_images, &s->labels, err));
  RP_TRY(rp_allocate(s->n_images, sizeof *s->images, &s->images, err));
  for (uint32_t i = 0; i < s->n_images; i++) s->images[i] = (const uint8_t *)s->pixels + i * image;
  s->dataset = (rp_dataset){.channels = s->shape.channels,
                            .height = s->shape.height,
                            .width = s->shape.width,
                            .n_classes = s->shape.n_classes,
                            .n = {[RP_TRAIN] = s->n_images},
                            .images = {[RP_TRAIN] = s->images},
                            .labels = {[RP_TRAIN] = (const uint8_t *)s->labels}};
  for (int c = 0; c < RP_MAX_CHANNELS; c++) s->dataset.mean[c] = 128, s->dataset.deviation[c] = 64;
  return RP_OK;
}

typedef struct {
  int n;
  rp_criterion_plan plans[MOST_CRITERIA];
  rp_plugin plugins[MOST_CRITERIA];
  rp_scoring scorings[MOST_CRITERIA];
} criteria;

static void criteria_free(criteria *all) {
  for (int i = 0; i < all->n; i++) {
    rp_criterion_plan_free(&all->plans[i]);
    rp_plugin_free(&all->plugins[i]);
    free(all->scorings[i].scores);
  }
}

static rp_status add_criterion(scoring *s, const char *yaml, const char *rankers, criteria *all, rp_error *err) {
  const rp_score_data data = {.data = RP_SCORE_TRAIN, .images = s->n_images};
  const size_t n_filters = (size_t)rp_net_layout(s->net)->n_filters;
  RP_CLEANUP(rp_node_free) rp_node *node = NULL;
  const int i = all->n++;
  RP_TRY(rp_yaml_parse(yaml, "CRITERION", &node, err));
  RP_TRY(rp_criterion_plan_build(node, &data, rankers, &all->plans[i], err));
  RP_TRY(rp_plugin_load(all->plans[i].path, &all->plugins[i], err));
  RP_TRY(rp_allocate(n_filters, sizeof(float), &all->scorings[i].scores, err));
  all->scorings[i].plugin = &all->plugins[i];
  all->scorings[i].options = all->plans[i].options;
  all->scorings[i].raw = s->scores + (size_t)i * n_filters;
  return RP_OK;
}

static rp_status score_all(scoring *s, const char *rankers, char **yaml, int n, rp_error *err) {
  RP_CLEANUP(criteria_free) criteria all = {0};
  const rp_scoring_pass pass = {
      .net = s->net, .state = s->state, .dataset = &s->dataset, .data = {.data = RP_SCORE_TRAIN, .images = s->n_images}};
  if (n > MOST_CRITERIA) return rp_fail(err, RP_EUSAGE, "more than %d criteria", MOST_CRITERIA);
  for (int i = 0; i < n; i++) RP_TRY_IN(add_criterion(s, yaml[i], rankers, &all, err), err, "%s", yaml[i]);
  return rp_score(&pass, all.scorings, n, err);
}

/* What a forward pass decided, for images from `first` on. */
static rp_status note_batch(const rp_executor *executor, uint32_t first, const size_t *first_value, uint8_t *decisions, rp_error *err) {
  for (int i = 0; i < executor->net->model.n_layers; i++) {
    const size_t size = output_size(executor->net, i);
    RP_CLEANUP(rp_free_pointer) float *out = NULL;
    RP_TRY(rp_allocate((size_t)executor->batch * size, sizeof *out, &out, err));
    RP_TRY(note_layer(executor, i, out, decisions + first_value[i] + first * size, err));
  }
  return RP_OK;
}

/* The same passes once more, in the same executors. */
static rp_status note_all(const scoring *s, const size_t *first_value, uint8_t *decisions, rp_error *err) {
  const rp_layout *layout = rp_net_layout(s->net);
  const size_t image = (size_t)s->shape.channels * (size_t)s->shape.height * (size_t)s->shape.width;
  RP_CLEANUP(rp_free_pointer) float *images = NULL;
  RP_CLEANUP(rp_free_pointer) uint8_t *closed = NULL;
  uint8_t labels[BATCH];
  RP_TRY(rp_allocate(BATCH * image, sizeof *images, &images, err));
  RP_TRY(rp_allocate((size_t)layout->n_filters, 1, &closed, err));
  rp_state_closed(s->state, closed);
  for (uint32_t first = 0, n; first < s->n_images; first += n) {
    rp_executor *executor;
    const float *logits;
    n = s->n_images - first < BATCH ? s->n_images - first : BATCH;
    RP_TRY(rp_net_executor(s->net, (int)n, RP_RUN_OBSERVE, &executor, err));
    RP_TRY(rp_executor_load(executor, s->state->parameters, closed, err));
    rp_batches_fill(&s->dataset, RP_TRAIN, NULL, first, n, images, labels);
    RP_TRY(rp_executor_forward(executor, images, &logits, err));
    RP_TRY(note_batch(executor, first, first_value, decisions, err));
  }
  return RP_OK;
}

static rp_status write_decisions(const scoring *s, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) size_t *first_value = NULL;
  RP_CLEANUP(rp_free_pointer) uint8_t *decisions = NULL;
  RP_TRY(rp_allocate((size_t)s->model.n_layers + 1, sizeof *first_value, &first_value, err));
  for (int i = 0; i < s->model.n_layers; i++) first_value[i + 1] = first_value[i] + s->n_images * output_size(s->net, i);
  RP_TRY(rp_allocate(first_value[s->model.n_layers], 1, &decisions, err));
  RP_TRY(note_all(s, first_value, decisions, err));
  return write_bytes(s->folder, "decisions.u8", decisions, first_value[s->model.n_layers], err);
}

static rp_status run(const char *model_yaml, const char *rankers, char **yaml, int n, scoring *s, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *node = NULL;
  RP_TRY(rp_yaml_parse(model_yaml, "MODEL", &node, err));
  RP_TRY(rp_model_build(node, s->shape, &s->model, NULL, err));
  RP_TRY(rp_net_create(&s->model, 1, &s->net, err));
  RP_TRY(read_state(s, err));
  RP_TRY(read_images(s, err));
  const size_t n_filters = (size_t)rp_net_layout(s->net)->n_filters;
  RP_TRY(rp_allocate((size_t)n * n_filters, sizeof *s->scores, &s->scores, err));
  RP_TRY(score_all(s, rankers, yaml, n, err));
  RP_TRY(write_bytes(s->folder, "scores.f32", s->scores, (size_t)n * n_filters * sizeof *s->scores, err));
  return write_decisions(s, err);
}

int main(int argc, char **argv) {
  RP_CLEANUP(scoring_free) scoring s = {0};
  if (argc < 8 || sscanf(argv[2], "%dx%dx%d", &s.shape.channels, &s.shape.height, &s.shape.width) != 3 || atoi(argv[4]) < 1) {
    fprintf(stderr, "usage: score_net MODEL CxHxW CLASSES N FOLDER RANKERS CRITERION…\n");
    return 2;
  }
  s.shape.n_classes = atoi(argv[3]);
  s.n_images = (uint32_t)atoi(argv[4]);
  s.folder = argv[5];
  rp_error err = {0};
  if (run(argv[1], argv[6], argv + 7, argc - 7, &s, &err) == RP_OK) return 0;
  fprintf(stderr, "score_net: %s\n", err.message);
  return rp_status_exit(err.status);
}
