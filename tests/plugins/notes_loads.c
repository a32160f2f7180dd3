/* notes_loads.c: writes a line into the file that REPR_TEST_LOADS names whenever it is loaded. */
#include "rankers/ranker.h"

#include <stdio.h>
#include <stdlib.h>

__attribute__((constructor)) static void note(void) {
  const char *path = getenv("REPR_TEST_LOADS");
  FILE *file = path ? fopen(path, "a") : NULL;
  if (!file) return;
  fputs("loaded\n", file);
  fclose(file);
}

static int score(void *self, const rp_context *context, float *importance, rp_message *message) {
  (void)self;
  (void)message;
  for (uint32_t f = 0; f < context->n_filters; f++) importance[f] = 0;
  return RP_RANKER_OK;
}

const rp_ranker rp_ranker_plugin = {.abi_major = RP_RANKER_ABI_MAJOR,
                                    .abi_minor = RP_RANKER_ABI_MINOR,
                                    .size = sizeof(rp_ranker),
                                    .name = "notes-loads",
                                    .version = "1.0.0",
                                    .doc = "notes when it is loaded",
                                    .score = score};
