/* plugin_open.h: for the files of plugin.h only: loading a shared object and judging what it exports. */
#ifndef RP_RANKING_PLUGIN_OPEN_H
#define RP_RANKING_PLUGIN_OPEN_H

#include "core/ranking/plugin.h"

/* dlopen, dlsym and rp_plugin_check; floating-point modes are as before afterwards. `copy` gets the plugin's struct, in which fields beyond
 * its own size are NULL; what its pointers point to belongs to the plugin. `path` is absolute. Errors: RP_EINPUT. */
rp_status rp_plugin_open(const char *path, rp_ranker *copy, rp_error *err);

/* Whether a plugin of this ABI keeps the ABI's rules: names, flags, normalisation, options (kinds, ranges, defaults inside them), a score
 * function. Errors: RP_EINPUT with what is wrong. */
rp_status rp_plugin_check(const rp_ranker *ranker, rp_error *err);

#endif
