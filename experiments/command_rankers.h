/* command_rankers.h: for the files of `repr rankers` only: its words that are more than a few lines. */
#ifndef RP_COMMAND_RANKERS_H
#define RP_COMMAND_RANKERS_H

#include "core/base/status.h"

/* `repr rankers check`: tests a plugin and prints a table. `folder`: of the built-in rankers. Errors: RP_EPLUGIN where a rule is violated
 * (the table says which); those of rp_plugin_find and rp_ranker_check. */
rp_status rp_rankers_check(const char *folder, const char *name_or_path, double timeout_s, rp_error *err);

typedef struct {
  const char *name;   /* of the ranker */
  const char *folder; /* where its file goes, NULL = the working folder */
  int is_cpp;
} rp_new_ranker;

/* `repr rankers new`: writes a plugin to start from and prints how to build, check and use it. `folder`: of the built-in rankers. Errors:
 * RP_EUSAGE: a name that no ranker can have, or that a built-in one has; RP_EINPUT: the file is there already, the folder is not, ranker.h
 * is nowhere; RP_EIO. */
rp_status rp_rankers_new(const char *folder, const rp_new_ranker *wanted, rp_error *err);

#endif
