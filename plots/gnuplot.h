/* gnuplot.h: runs gnuplot as a child process. */
#ifndef RP_PLOTS_GNUPLOT_H
#define RP_PLOTS_GNUPLOT_H

#include "core/base/status.h"

/* Gives gnuplot a script on its standard input and waits for it. The user's own gnuplot settings are not read. Errors: RP_EINPUT: gnuplot
 * is not installed; RP_ELIBRARY: it failed, with what it said; RP_EIO. */
rp_status rp_gnuplot_run(const char *script, rp_error *err);

#endif
