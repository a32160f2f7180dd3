/* session_parts.h: a session as its files share it: session.c runs ops, session_score.c scores. Private to them. */
#ifndef RP_WORK_SESSION_PARTS_H
#define RP_WORK_SESSION_PARTS_H

#include "experiments/work/session.h"

/* Scorings point to it, so it stays where it is while the list grows. */
typedef struct rp_loaded_plugin rp_loaded_plugin;
struct rp_loaded_plugin {
  char *path;
  rp_plugin plugin;
  rp_loaded_plugin *next;
};

struct rp_session {
  rp_session_listener listener;
  char *config;    /* of the trial at hand; NULL = none is open */
  char *data_json; /* of the open data set; NULL = none */
  rp_dataset dataset;
  rp_trial_plan plan;
  rp_net *net;
  char *net_json; /* the open net's layers */
  int net_threads;
  rp_state *state; /* NULL = none */
  rp_id state_id;
  rp_loaded_plugin *plugins; /* a list */
  double ranker_timeout;     /* of the job at hand */
};

/* Opens a job's trial and brings the state in memory to the one before the job's last step, as it was recorded: from memory, from the
 * checkpoint, over the steps between. *was_computed = 1 where steps had to be run. Errors: as rp_session_compute; the state in memory is
 * then none. */
rp_status rp_session_route(rp_session *session, const rp_job *job, int *was_computed, rp_error *err);

/* Writes the checkpoint of the state in memory; its size. Errors: RP_EIO. */
rp_status rp_session_write_checkpoint(const rp_session *session, const char *states, int64_t *bytes, rp_error *err);

/* A plugin, loaded once. Borrowed from the session. Errors: those of rp_plugin_load. */
rp_status rp_session_plugin(rp_session *session, const char *path, const rp_plugin **out, rp_error *err);

/* For rp_scoring_pass.log, with the session as its user: what rankers say goes to this process's standard error, with the trial's id and
 * the epoch, and to the listener. */
void rp_session_log(void *session, const char *ranker, const char *line);

double rp_session_seconds(void); /* monotonic */

#endif
