/* fuzz_checkpoint.c: whatever bytes a checkpoint file holds, reading it either gives a whole state or says that it is damaged. */
#include "core/state/checkpoint.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  /* One conv of 2 filters of 4 weights with bias, so that inputs stay small. */
  rp_tensor tensors[] = {{RP_CONV_WEIGHT, 0, 2, 1, 4, 0, 0}, {RP_BIAS, 0, 2, 1, 1, 8, 2}};
  rp_conv conv = {.name = "conv1", .K = 2, .C = 1, .R = 2, .S = 2, .weight = 0, .bias = 1};
  rp_layout layout = {.n_tensors = 2, .tensors = tensors, .n_parameters = 10, .n_units = 4, .n_convs = 1, .convs = &conv, .n_filters = 2};
  rp_error err = {0};
  rp_state *state = NULL;
  rp_status status = rp_checkpoint_parse(bytes, size, "input", &layout, &state, &err);
  if (status != RP_OK && status != RP_EDAMAGED) abort();
  if ((status == RP_OK) != (state != NULL) || (status == RP_OK) != (err.message[0] == '\0')) abort();
  rp_id digest;
  if (state && rp_state_digest(state, &digest, &err) != RP_OK) abort();
  rp_state_free(&state);
  return 0;
}
