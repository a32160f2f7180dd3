/* last_words.h: what a worker still says when a ranker ends it: by a crash, by exit, or by not coming back.
 *
 * One message of type RP_WIRE_LAST_WORDS, with the call that it happened in; then the process ends. */
#ifndef RP_WORK_LAST_WORDS_H
#define RP_WORK_LAST_WORDS_H

#include "core/ranking/watch.h"

/* From now on crashes and exits of this process are told to the socket `fd`, where they come from within a call of a ranker. Once per
 * process. Errors: RP_EMEMORY, RP_EWORKER. */
rp_status rp_last_words_prepare(int fd, rp_error *err);

/* For rp_scoring_pass.watch: says so, too, and ends the process, where a call takes longer than `timeout_s` of its own time (0 = as long as
 * it likes). */
rp_watch_options rp_last_words_watch(double timeout_s);

/* Whether such a message is about a call of the ranker of this name. */
int rp_last_words_are_about(const char *message, const char *ranker);

#endif
