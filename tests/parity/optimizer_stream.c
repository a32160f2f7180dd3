/* optimizer_stream.c: runs an optimizer over recorded gradients, for tests/parity/optimizers.py.
 *
 *     optimizer_stream NAME KEY=VALUE… <stream >parameters
 *
 * Keys are lr, momentum, alpha, beta1, beta2, epsilon, weight_decay, decay (all, weights). The stream, in the machine's byte order: uint32
 * K, C, E, n_steps; float32 parameters [K·C·E + K] of a conv's weights and biases; then per step uint8 frozen [K·C + K] and float32
 * gradients [K·C·E + K]. Written are the parameters after the last step. */
#include "core/base/memory.h"
#include "core/nn/optimizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *message) {
  fprintf(stderr, "optimizer_stream: %s\n", message);
  exit(2);
}

static void read_all(void *values, size_t size, size_t n) {
  if (fread(values, size, n, stdin) != n) die("the stream ends early");
}

static rp_optimizer_kind kind_of(const char *name) {
  for (int kind = 0; kind < RP_N_OPTIMIZERS; kind++)
    if (strcmp(rp_optimizer_name((rp_optimizer_kind)kind), name) == 0) return (rp_optimizer_kind)kind;
  die("there is no such optimizer");
  return RP_SGD;
}

static void set(const char *text, rp_optimizer *optimizer, double *lr) {
  const struct {
    const char *key;
    double *value;
  } numbers[] = {{"lr", lr},
                 {"momentum", &optimizer->momentum},
                 {"alpha", &optimizer->alpha},
                 {"beta1", &optimizer->beta1},
                 {"beta2", &optimizer->beta2},
                 {"epsilon", &optimizer->epsilon},
                 {"weight_decay", &optimizer->weight_decay}};
  const char *equals = strchr(text, '=');
  if (!equals) die("options are KEY=VALUE");
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
    if (strncmp(numbers[i].key, text, (size_t)(equals - text)) == 0 && !numbers[i].key[equals - text]) {
      *numbers[i].value = strtod(equals + 1, NULL);
      return;
    }
  if (strcmp(text, "decay=weights") == 0)
    optimizer->decay = RP_DECAY_WEIGHTS;
  else if (strcmp(text, "decay=all") != 0)
    die("unknown option");
}

static void *allocate(size_t n, size_t size) {
  void *values = calloc(n, size);
  if (!values) die("out of memory");
  return values;
}

int main(int argc, char **argv) {
  if (argc < 2) die("usage: optimizer_stream NAME KEY=VALUE... <stream >parameters");
  rp_optimizer optimizer = {.kind = kind_of(argv[1])};
  double lr = 0;
  for (int i = 2; i < argc; i++) set(argv[i], &optimizer, &lr);

  uint32_t K_C_E_steps[4];
  read_all(K_C_E_steps, sizeof *K_C_E_steps, 4);
  const size_t K = K_C_E_steps[0], C = K_C_E_steps[1], E = K_C_E_steps[2];
  rp_tensor tensors[] = {{.kind = RP_CONV_WEIGHT, .K = (int)K, .C = (int)C, .E = (int)E},
                         {.kind = RP_BIAS, .K = (int)K, .C = 1, .E = 1, .offset = K * C * E, .first_unit = K * C}};
  const rp_layout layout = {.n_tensors = 2, .tensors = tensors, .n_parameters = K * C * E + K, .n_units = K * C + K};
  RP_CLEANUP(rp_free_pointer) float *parameters = allocate(layout.n_parameters, sizeof(float));
  RP_CLEANUP(rp_free_pointer) float *gradients = allocate(layout.n_parameters, sizeof(float));
  RP_CLEANUP(rp_free_pointer) float *first = allocate(layout.n_parameters, sizeof(float));
  RP_CLEANUP(rp_free_pointer) float *second = allocate(layout.n_parameters, sizeof(float));
  RP_CLEANUP(rp_free_pointer) uint8_t *frozen = allocate(layout.n_units, 1);
  RP_CLEANUP(rp_free_pointer) uint32_t *steps = allocate(layout.n_units, sizeof(uint32_t));
  float *slots[] = {first, second};
  read_all(parameters, sizeof(float), layout.n_parameters);
  for (uint32_t i = 0; i < K_C_E_steps[3]; i++) {
    read_all(frozen, 1, layout.n_units);
    read_all(gradients, sizeof(float), layout.n_parameters);
    rp_optimizer_step(&optimizer, &layout, lr, gradients, frozen, parameters, slots, steps);
  }
  return fwrite(parameters, sizeof(float), layout.n_parameters, stdout) == layout.n_parameters ? 0 : 2;
}
