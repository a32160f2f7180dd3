/* ask.c: one worker, one question after the other. */
#include "experiments/score/ask.h"

#include "core/base/memory.h"
#include "experiments/work/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

typedef struct {
  rp_pool pool; /* of one worker */
  const rp_score_job *job;
  char **json; /* [n] criteria */
  const rp_criterion_plan *const *criteria;
  int n;
  rp_score_answer *answer;
  double seconds;
  rp_wire message;
} question;

static void free_question(question *all) {
  rp_pool_stop(&all->pool);
  rp_wire_free(&all->message);
  for (int i = 0; all->json && i < all->n; i++) free(all->json[i]);
  free(all->json);
}

static rp_status send_question(question *all, int first, int n, rp_error *err) {
  RP_CLEANUP(rp_wire_free) rp_wire wire = {0};
  RP_CLEANUP(rp_free_pointer) const char **criteria = NULL;
  RP_TRY(rp_allocate((size_t)n, sizeof *criteria, &criteria, err));
  for (int i = 0; i < n; i++) criteria[i] = all->json[first + i];
  rp_score_job job = *all->job;
  job.n_criteria = n;
  job.criteria = criteria;
  rp_score_job_put(&wire, &job);
  return rp_wire_send(all->pool.workers[0].fd, &wire, err);
}

/* Waits for what a worker has to say; *status is its wait status where it ended instead, and another has taken its place. */
static rp_status receive(question *all, int *has_ended, int *status, rp_error *err) {
  for (;;) {
    if (rp_wire_receive(all->pool.workers[0].fd, &all->message, has_ended, NULL) != RP_OK) *has_ended = 1;
    if (*has_ended) break;
    if (all->message.type != RP_WIRE_HELLO && all->message.type != RP_WIRE_PROGRESS) return RP_OK;
  }
  *status = rp_pool_collect(&all->pool, 0);
  return rp_pool_restart(&all->pool, 0, err);
}

/* The answer's criteria from `first` on. */
static rp_status keep_answer(question *all, int first, int n, rp_error *err) {
  RP_CLEANUP(rp_score_answer_free) rp_score_answer part = {0};
  RP_TRY(rp_score_answer_get(&all->message, &part, err));
  if (part.n != n || (all->answer->n_filters && part.n_filters != all->answer->n_filters))
    return rp_fail(err, RP_EWORKER, "the worker answered another question");
  memcpy(&all->answer->criteria[first], part.criteria, (size_t)n * sizeof *part.criteria);
  part.n = 0; /* what they own is the answer's now */
  all->answer->n_filters = part.n_filters;
  all->answer->state = part.state;
  all->seconds += part.seconds;
  return RP_OK;
}

static rp_status note_failure(question *all, int criterion, rp_status cause, const char *message, rp_error *err) {
  all->answer->criteria[criterion].status = cause;
  return rp_copy_string(message, &all->answer->criteria[criterion].message, err);
}

static rp_status note_end(question *all, int criterion, int status, rp_error *err) {
  char text[256];
  snprintf(text, sizeof text, "ranker %s %s%s", all->criteria[criterion]->description.name,
           WIFSIGNALED(status) ? "crashed: " : "ended the process", WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "");
  return note_failure(all, criterion, RP_EPLUGIN, text, err);
}

/* What no criterion is to blame for: the machine, the state, a drop that cannot be. */
static int is_nobodys(rp_status cause) {
  return cause == RP_EIO || cause == RP_EMEMORY || cause == RP_EDAMAGED || cause == RP_EWORKER || cause == RP_EDATA || cause == RP_EINPUT;
}

/* Asks criteria `first` to `first` + n − 1 together. *is_whole = 0 where that came to nothing, and each is to be asked alone. */
static rp_status ask_together(question *all, int first, int n, int *is_whole, rp_error *err) {
  int has_ended, status = 0;
  *is_whole = 1;
  RP_TRY(send_question(all, first, n, err));
  RP_TRY(receive(all, &has_ended, &status, err));
  if (!has_ended && all->message.type == RP_WIRE_SCORES) return keep_answer(all, first, n, err);
  rp_status cause = has_ended ? RP_EPLUGIN : (rp_status)rp_wire_get_int(&all->message);
  const char *reason = has_ended ? "" : rp_wire_get_string(&all->message);
  if (is_nobodys(cause)) return rp_fail(err, cause, "%s", reason);
  *is_whole = n == 1;
  if (n > 1) return RP_OK;
  return has_ended ? note_end(all, first, status, err) : note_failure(all, first, cause, reason, err);
}

static rp_status ask_all(question *all, rp_error *err) {
  int is_whole;
  RP_TRY(rp_pool_start(1, NULL, &all->pool, err));
  RP_TRY(rp_allocate((size_t)all->n, sizeof *all->json, &all->json, err));
  for (int i = 0; i < all->n; i++) RP_TRY(rp_criterion_plan_json(all->criteria[i], &all->json[i], err));
  RP_TRY(ask_together(all, 0, all->n, &is_whole, err));
  for (int i = 0; !is_whole && i < all->n; i++) {
    int was_answered;
    RP_TRY(ask_together(all, i, 1, &was_answered, err));
  }
  return RP_OK;
}

rp_status rp_ask(const rp_score_job *job, const rp_criterion_plan *const *criteria, int n, rp_score_answer *answer, double *seconds,
                 rp_error *err) {
  *answer = (rp_score_answer){0};
  RP_CLEANUP(free_question) question all = {.job = job, .criteria = criteria, .n = n, .answer = answer};
  RP_TRY(rp_allocate((size_t)n, sizeof *answer->criteria, &answer->criteria, err));
  answer->n = n;
  rp_status status = ask_all(&all, err);
  if (status != RP_OK) rp_score_answer_free(answer);
  *seconds = all.seconds;
  return status;
}
