/* check_child.h: for the files of check.h only: the process in which a plugin is tried, and what it says through a pipe. */
#ifndef RP_RANKING_CHECK_CHILD_H
#define RP_RANKING_CHECK_CHILD_H

#include "core/ranking/check_cases.h"
#include "core/ranking/options.h"

/* One way of using a plugin. */
typedef struct {
  rp_option_text option; /* name NULL = the defaults */
  int at_range_end;      /* a number at an end of its range: only cases that say so are tried */
} rp_check_setting;

typedef enum {
  RP_CHECK_FOUND,      /* what the case found */
  RP_CHECK_BAD_ACCESS, /* the plugin crashed on memory that it was handed, or beyond it */
  RP_CHECK_CRASHED,    /* in another way */
  RP_CHECK_HUNG,
  RP_CHECK_BROKE_DOWN /* the test itself failed: `status`, with the message in the finding */
} rp_check_end;

/* A message, written whole or not at all (it is smaller than PIPE_BUF). */
typedef struct {
  int32_t i_case, end, need, status;
  rp_check_finding finding;
} rp_check_message;

/* Tries the cases from `first` on and writes a message after each to `fd`; ends the process. For a fresh child of fork.
 *
 *   need   which nets the plugin can work on, as far as an earlier child found out */
_Noreturn void rp_check_child(const rp_plugin_description *description, const rp_check_setting *setting, int first, rp_check_need need,
                              double timeout_s, int fd);

#endif
