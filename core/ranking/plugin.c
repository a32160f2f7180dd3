/* plugin.c: loading for good. */
#include "core/ranking/plugin.h"

#include "core/base/files.h"
#include "core/base/memory.h"
#include "core/ranking/plugin_open.h"

#include <dlfcn.h>
#include <fenv.h>
#include <stdlib.h>
#include <string.h>

rp_status rp_plugin_hash(const char *path, rp_id *out, rp_error *err) {
  static const char elf[] = {0x7f, 'E', 'L', 'F'};
  RP_CLEANUP(rp_unmap_file) rp_mapped_file file = {0};
  if (rp_map_file(path, &file, err) != RP_OK) {
    if (err && err->status == RP_EDATA) err->status = RP_EINPUT;
    return err ? err->status : RP_EINPUT;
  }
  if (file.size < sizeof elf || memcmp(file.bytes, elf, sizeof elf) != 0)
    return rp_fail(err, RP_EINPUT, "%s is no shared object; a ranker is built with gcc -O2 -fPIC -shared", path);
  *out = rp_digest_of("plugin", file.bytes, file.size);
  return RP_OK;
}

/* Constructors run in here: a fast-math object sets the processor to flush denormals, for everybody. fenv_t holds those modes (MXCSR on
 * x86). */
static void *open_with_modes_kept(const char *path) {
  fenv_t modes;
  fegetenv(&modes);
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  fesetenv(&modes);
  return library;
}

rp_status rp_plugin_open(const char *path, rp_ranker *copy, rp_error *err) {
  void *library = open_with_modes_kept(path);
  if (!library) return rp_fail(err, RP_EINPUT, "the ranker cannot be loaded: %s", dlerror());
  const rp_ranker *exported = dlsym(library, "rp_ranker_plugin");
  if (!exported) return rp_fail(err, RP_EINPUT, "%s is no ranker: it exports no rp_ranker_plugin (see rankers/ranker.h)", path);
  if (exported->abi_major != RP_RANKER_ABI_MAJOR)
    return rp_fail(err, RP_EINPUT,
                   "%s is built for version %d.%d of the ranker interface, this program has %d.%d; rebuild it with this program's ranker.h",
                   path, exported->abi_major, exported->abi_minor, RP_RANKER_ABI_MAJOR, RP_RANKER_ABI_MINOR);
  memset(copy, 0, sizeof *copy);
  memcpy(copy, exported, exported->size < sizeof *copy ? exported->size : sizeof *copy);
  RP_TRY_IN(rp_plugin_check(copy, err), err, "%s", path);
  return RP_OK;
}

rp_status rp_plugin_load(const char *path, rp_plugin *out, rp_error *err) {
  RP_CLEANUP(rp_plugin_free) rp_plugin plugin = {0};
  RP_TRY(rp_plugin_find(NULL, path, &plugin.path, err));
  RP_TRY(rp_plugin_hash(plugin.path, &plugin.file_hash, err));
  RP_TRY(rp_allocate(1, sizeof *plugin.ranker, &plugin.ranker, err));
  RP_TRY(rp_plugin_open(plugin.path, plugin.ranker, err));
  *out = plugin;
  plugin = (rp_plugin){0};
  return RP_OK;
}

void rp_plugin_free(rp_plugin *plugin) {
  free(plugin->ranker);
  free(plugin->path);
  *plugin = (rp_plugin){0};
}
