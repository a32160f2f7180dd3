/* net_runs.h: a net with all that a run needs, and the comparison of whole passes with the reference. */
#ifndef RP_TESTS_NET_RUNS_H
#define RP_TESTS_NET_RUNS_H

#include "tests/reference_net.h"

typedef struct {
  rp_net *net;
  const rp_layout *layout;
  int batch;
  float *parameters, *images, *logit_gradients, *gradients;
  const uint8_t *closed;
  rp_draw_place place; /* of the first image */
} run;

static inline size_t image_size(const rp_net *net) {
  const rp_model *model = rp_net_model(net);
  return (size_t)model->channels * (size_t)model->height * (size_t)model->width;
}

static inline run run_of_integers(const test_model *m, int batch) {
  run r = {.net = net_of(m), .batch = batch};
  r.layout = rp_net_layout(r.net);
  r.parameters = integers(r.layout->n_parameters, 1, 1);
  r.images = integers((size_t)batch * image_size(r.net), 1, 2);
  r.logit_gradients = integers((size_t)(batch * m->model.n_classes), 1, 3);
  r.gradients = floats(r.layout->n_parameters);
  return r;
}

/* Variances are around 1, and every other parameter is a normal. */
static inline run run_of_normals(const test_model *m, int batch) {
  run r = {.net = net_of(m), .batch = batch};
  r.layout = rp_net_layout(r.net);
  r.parameters = normals(r.layout->n_parameters, 0.2, 1);
  for (int t = 0; t < r.layout->n_tensors; t++) {
    const rp_tensor *tensor = &r.layout->tensors[t];
    for (size_t i = tensor->offset; i < tensor->offset + size_of_tensor(tensor); i++) {
      if (tensor->kind == RP_BN_VARIANCE) r.parameters[i] = 1 + fabsf(r.parameters[i]);
      if (tensor->kind == RP_BN_GAMMA) r.parameters[i] += 1;
    }
  }
  r.images = normals((size_t)batch * image_size(r.net), 1, 2);
  r.logit_gradients = normals((size_t)(batch * m->model.n_classes), 1.0 / batch, 3);
  r.gradients = floats(r.layout->n_parameters);
  return r;
}

static inline void free_run(run *r) {
  rp_net_free(&r->net);
  free(r->parameters), free(r->images), free(r->logit_gradients), free(r->gradients);
}

/* One pass in batches of `batch`; gradients are set, the last executor is returned. `logits`: [r->batch][n_classes] or NULL. */
static inline rp_executor *pass(run *r, rp_purpose_of_run purpose, int batch, float *logits) {
  rp_error err = {0};
  rp_executor *executor;
  const int n_classes = rp_net_model(r->net)->n_classes;
  assert_int_equal(r->batch % batch, 0);
  assert_ok(rp_net_executor(r->net, batch, purpose, &executor, &err), err);
  assert_ok(rp_executor_load(executor, r->parameters, r->closed, &err), err);
  rp_executor_clear_gradients(executor);
  for (int first = 0; first < r->batch; first += batch) {
    const float *put_out;
    rp_executor_place(executor, (rp_draw_place){r->place.seed, r->place.epoch, r->place.first + (uint32_t)first});
    assert_ok(rp_executor_forward(executor, r->images + (size_t)first * image_size(r->net), &put_out, &err), err);
    if (logits) memcpy(logits + first * n_classes, put_out, (size_t)(batch * n_classes) * sizeof *logits);
    if (purpose != RP_RUN_EVALUATE) assert_ok(rp_executor_backward(executor, r->logit_gradients + first * n_classes, &err), err);
  }
  memset(r->gradients, 0, r->layout->n_parameters * sizeof *r->gradients);
  if (purpose != RP_RUN_EVALUATE) assert_ok(rp_executor_add_gradients(executor, r->gradients, &err), err);
  return executor;
}

static inline reference *reference_of(const run *r, rp_purpose_of_run purpose) {
  reference *expected = reference_create(r->net, r->batch, r->parameters, r->closed, r->images);
  expected->is_training = purpose == RP_RUN_TRAIN;
  expected->place = r->place;
  reference_forward(expected);
  reference_backward(expected, r->logit_gradients);
  return expected;
}

/* ---- Comparing ------------------------------------------------------------------------------- */

static inline double largest_of(const double *values, size_t n) {
  double largest = 0;
  for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs(values[i]));
  return largest;
}

/* The largest difference of n values; infinite for NaN. */
static inline double difference_of(const float *actual, const double *expected, size_t n) {
  double difference = 0;
  for (size_t i = 0; i < n; i++)
    if (!(fabs(actual[i] - expected[i]) <= difference)) difference = isnan(actual[i]) ? INFINITY : fabs(actual[i] - expected[i]);
  return difference;
}

/* The largest error of n values, relative to the largest value. */
static inline double error_of(const float *actual, const double *expected, size_t n) {
  double largest = largest_of(expected, n), difference = difference_of(actual, expected, n);
  return largest > 0 ? difference / largest : difference;
}

/* A bias is measured by its layer's weights as well: before a BN that looks at the batch it has no gradient, but for rounding. */
static inline void assert_gradients(const run *r, const reference *expected, double tolerance, const char *name) {
  for (int t = 0; t < r->layout->n_tensors; t++) {
    const rp_tensor *tensor = &r->layout->tensors[t], *weights = tensor_of(r->layout, tensor->layer, 0);
    const double *expected_gradients = expected->parameter_gradients + tensor->offset;
    double largest = largest_of(expected_gradients, size_of_tensor(tensor));
    if (tensor->kind == RP_BIAS)
      largest = fmax(largest, largest_of(expected->parameter_gradients + weights->offset, size_of_tensor(weights)));
    double difference = difference_of(r->gradients + tensor->offset, expected_gradients, size_of_tensor(tensor));
    if (!(difference <= tolerance * largest))
      fail_msg("%s: %s of %s: gradients are off by %g, the largest is %g", name, rp_tensor_name(tensor->kind),
               expected->model->layers[tensor->layer].name, difference, largest);
  }
}

static inline void assert_maps(const run *r, rp_executor *executor, const reference *expected, double tolerance, const char *name) {
  for (int conv = 0; conv < r->layout->n_convs; conv++) {
    const reference_map *map = &expected->maps[r->layout->convs[conv].gate_layer];
    const float *maps, *gradients;
    rp_error err = {0};
    assert_ok(rp_executor_maps(executor, conv, &maps, &err), err);
    assert_ok(rp_executor_map_gradients(executor, conv, &gradients, &err), err);
    double error = error_of(maps, map->values, (size_t)r->batch * map->size);
    if (!(error <= tolerance)) fail_msg("%s: maps of conv %d are off by %g", name, conv, error);
    error = error_of(gradients, map->gradients, (size_t)r->batch * map->size);
    if (!(error <= tolerance)) fail_msg("%s: map gradients of conv %d are off by %g", name, conv, error);
  }
}

/* Running statistics after one pass; those of absent channels to the last bit. */
static inline void assert_statistics(const run *r, rp_executor *executor, const reference *expected, double tolerance, const char *name) {
  float *parameters = floats(r->layout->n_parameters);
  memcpy(parameters, r->parameters, r->layout->n_parameters * sizeof *parameters);
  rp_executor_statistics(executor, parameters);
  for (int t = 0; t < r->layout->n_tensors; t++) {
    const rp_tensor *tensor = &r->layout->tensors[t];
    double error = error_of(parameters + tensor->offset, expected->parameters + tensor->offset, size_of_tensor(tensor));
    if (!(error <= (rp_tensor_is_trained(tensor->kind) ? 0 : tolerance)))
      fail_msg("%s: %s of %s is off by %g", name, rp_tensor_name(tensor->kind), expected->model->layers[tensor->layer].name, error);
    for (int k = 0; k < tensor->K && !rp_tensor_is_trained(tensor->kind); k++)
      if (expected->is_absent[tensor->layer][k])
        assert_memory_equal(parameters + tensor->offset + k, r->parameters + tensor->offset + k, sizeof *parameters);
  }
  free(parameters);
}

/* All three purposes against the reference: logits, gradients, maps and their gradients, running statistics. */
static inline void assert_like_reference(run *r, double tolerance, const char *name) {
  const int n_classes = rp_net_model(r->net)->n_classes, n_logits = r->batch * n_classes;
  float *logits = floats((size_t)n_logits);
  for (rp_purpose_of_run purpose = RP_RUN_TRAIN; purpose <= RP_RUN_OBSERVE; purpose++) {
    reference *expected = reference_of(r, purpose);
    rp_executor *executor = pass(r, purpose, r->batch, logits);
    double error = error_of(logits, expected->maps[expected->model->n_layers - 1].values, (size_t)n_logits);
    if (!(error <= tolerance)) fail_msg("%s: purpose %d: logits are off by %g", name, (int)purpose, error);
    if (purpose != RP_RUN_EVALUATE) assert_gradients(r, expected, tolerance, name);
    if (purpose == RP_RUN_OBSERVE) assert_maps(r, executor, expected, tolerance, name);
    if (purpose == RP_RUN_TRAIN) assert_statistics(r, executor, expected, tolerance, name);
    reference_free(expected);
  }
  free(logits);
}

/* ---- Finite differences ---------------------------------------------------------------------- */

/* Σ logits · logit_gradients of the reference in training, whose gradients are then those of the run; `parameter` is moved by `step`. */
static inline double moved_sum(const run *r, size_t parameter, double step) {
  reference *moved = reference_create(r->net, r->batch, r->parameters, r->closed, r->images);
  moved->is_training = 1;
  moved->place = r->place;
  moved->parameters[parameter] += step;
  const double *logits = reference_forward(moved);
  double sum = 0;
  for (int i = 0; i < r->batch * moved->model->n_classes; i++) sum += logits[i] * (double)r->logit_gradients[i];
  reference_free(moved);
  return sum;
}

/* The gradients of a training pass, every `stride`-th parameter, against slopes of the reference. */
static inline void assert_gradients_are_slopes(run *r, size_t stride, const char *name) {
  const double step = 1e-6;
  pass(r, RP_RUN_TRAIN, r->batch, NULL);
  for (int t = 0; t < r->layout->n_tensors; t++) {
    const rp_tensor *tensor = &r->layout->tensors[t];
    if (!rp_tensor_is_trained(tensor->kind)) continue;
    for (size_t i = tensor->offset; i < tensor->offset + size_of_tensor(tensor); i += stride) {
      double slope = (moved_sum(r, i, step) - moved_sum(r, i, -step)) / (2 * step);
      if (!(fabs(r->gradients[i] - slope) <= 3e-6 + 3e-5 * fabs(slope)))
        fail_msg("%s: %s of %s, value %zu: the gradient is %g, the slope %g", name, rp_tensor_name(tensor->kind),
                 rp_net_model(r->net)->layers[tensor->layer].name, i - tensor->offset, (double)r->gradients[i], slope);
    }
  }
}

#endif
