/* environment.c: gathers versions from the libraries, the build and the system. */
#include "experiments/work/environment.h"

#include "core/base/text.h"
#include "core/nn/net.h"
#include "experiments/work/build_info.h"

#include <cblas.h>
#include <gnu/libc-version.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* "oneDNN 2.6.3, avx512_core_bf16" is version and instruction set in one. */
static void add_libraries(rp_text *libraries) {
  rp_text_add(libraries, "{\"libc\":");
  rp_text_add_json_string(libraries, gnu_get_libc_version());
  rp_text_add(libraries, ",\"onednn\":");
  rp_text_add_json_string(libraries, rp_dnn_version());
  rp_text_add(libraries, ",\"openblas\":");
  rp_text_add_json_string(libraries, openblas_get_config());
  rp_text_add(libraries, ",\"openblas_core\":");
  rp_text_add_json_string(libraries, openblas_get_corename());
  rp_text_add(libraries, "}");
}

static void read_cpu(char *cpu, size_t size) {
  snprintf(cpu, size, "unknown");
  FILE *file = fopen("/proc/cpuinfo", "re");
  char line[256];
  while (file && fgets(line, sizeof line, file)) {
    char *value = strchr(line, ':');
    if (strncmp(line, "model name", 10) != 0 || !value) continue;
    line[strcspn(line, "\n")] = '\0';
    snprintf(cpu, size, "%s", value + 2);
    break;
  }
  if (file) fclose(file);
}

void rp_environment_put(rp_wire *wire) {
  rp_text libraries = {0};
  add_libraries(&libraries);
  const char *version = rp_dnn_version(), *comma = strchr(version, ',');
  char cpu[256], host[256] = "unknown";
  read_cpu(cpu, sizeof cpu);
  if (gethostname(host, sizeof host - 1) != 0) snprintf(host, sizeof host, "unknown");
  rp_wire_start(wire, RP_WIRE_HELLO);
  rp_wire_put_string(wire, comma ? comma + 2 : version);
  rp_wire_put_string(wire, rp_text_string(&libraries));
  rp_wire_put_string(wire, RP_BUILD_COMPILER);
  rp_wire_put_string(wire, RP_BUILD_FLAGS);
  rp_wire_put_string(wire, RP_BUILD_NUMERIC_SOURCES);
  rp_wire_put_string(wire, RP_BUILD_COMMIT);
  rp_wire_put_string(wire, cpu);
  rp_wire_put_string(wire, host);
  wire->broken |= libraries.failed;
  rp_text_free(&libraries);
}

rp_status rp_environment_get(rp_wire *wire, rp_environment *out, rp_error *err) {
  out->instruction_set = rp_wire_get_string(wire);
  out->libraries = rp_wire_get_string(wire);
  out->compiler = rp_wire_get_string(wire);
  out->flags = rp_wire_get_string(wire);
  out->source_digest = rp_wire_get_string(wire);
  out->git_commit = rp_wire_get_string(wire);
  out->cpu = rp_wire_get_string(wire);
  out->host = rp_wire_get_string(wire);
  return wire->broken ? rp_fail(err, RP_EWORKER, "a worker's greeting is broken") : RP_OK;
}
