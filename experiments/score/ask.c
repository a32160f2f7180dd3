/* ask.c: one worker, one question after the other. */
#include "experiments/score/ask.h"

#include "core/base/memory.h"
#include "experiments/work/last_words.h"
#include "experiments/work/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

typedef struct {
  rp_pool pool; /* of one worker */
  const rp_score_job *job;
  const rp_criterion_plan *const *criteria;
  char **json; /* [n] the criteria */
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

/* ---- A question ------------------------------------------------------------------------------ */

static rp_status send_question(question *all, const int *asked, int n, rp_error *err) {
  RP_CLEANUP(rp_wire_free) rp_wire wire = {0};
  RP_CLEANUP(rp_free_pointer) const char **criteria = NULL;
  RP_TRY(rp_allocate((size_t)n, sizeof *criteria, &criteria, err));
  for (int i = 0; i < n; i++) criteria[i] = all->json[asked[i]];
  rp_score_job job = *all->job;
  job.n_criteria = n;
  job.criteria = criteria;
  rp_score_job_put(&wire, &job);
  return rp_wire_send(all->pool.workers[0].fd, &wire, err);
}

/* What came back: an answer, or why there is none. */
typedef struct {
  int is_answer;
  rp_status cause;
  char reason[1024];
} reply;

/* The worker has ended; another takes its place. */
static rp_status take_end(question *all, reply *out, rp_error *err) {
  int status = rp_pool_collect(&all->pool, 0);
  if (!*out->reason)
    snprintf(out->reason, sizeof out->reason, "the worker process ended: %s",
             WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "it exited by itself");
  return rp_pool_restart(&all->pool, 0, err);
}

static rp_status receive(question *all, reply *out, rp_error *err) {
  *out = (reply){.cause = RP_EPLUGIN};
  for (;;) {
    int is_closed = 0;
    if (rp_wire_receive(all->pool.workers[0].fd, &all->message, &is_closed, NULL) != RP_OK || is_closed) return take_end(all, out, err);
    if (all->message.type == RP_WIRE_HELLO || all->message.type == RP_WIRE_PROGRESS) continue;
    if (all->message.type == RP_WIRE_SAID) continue; /* the worker's standard error is ours */
    out->is_answer = all->message.type == RP_WIRE_SCORES;
    if (out->is_answer) return RP_OK;
    out->cause = (rp_status)rp_wire_get_int(&all->message);
    snprintf(out->reason, sizeof out->reason, "%s", rp_wire_get_string(&all->message));
    return all->message.type == RP_WIRE_LAST_WORDS ? take_end(all, out, err) : RP_OK;
  }
}

/* ---- Answers --------------------------------------------------------------------------------- */

static rp_status keep_answer(question *all, const int *asked, int n, rp_error *err) {
  RP_CLEANUP(rp_score_answer_free) rp_score_answer part = {0};
  RP_TRY(rp_score_answer_get(&all->message, &part, err));
  if (part.n != n || (all->answer->n_filters && part.n_filters != all->answer->n_filters))
    return rp_fail(err, RP_EWORKER, "the worker answered another question");
  for (int i = 0; i < n; i++) all->answer->criteria[asked[i]] = part.criteria[i];
  part.n = 0; /* what they own is the answer's now */
  all->answer->n_filters = part.n_filters;
  all->answer->state = part.state;
  all->seconds += part.seconds;
  return RP_OK;
}

static rp_status note_failure(question *all, int criterion, const reply *why, rp_error *err) {
  all->answer->criteria[criterion].status = why->cause;
  return rp_copy_string(why->reason, &all->answer->criteria[criterion].message, err);
}

/* What no criterion is to blame for: the machine, the state, a drop that cannot be. */
static int is_nobodys(rp_status cause) {
  return cause == RP_EIO || cause == RP_EMEMORY || cause == RP_EDAMAGED || cause == RP_EWORKER || cause == RP_EDATA || cause == RP_EINPUT;
}

/* The place in `asked` of the one criterion that is alone or that the reason names; −1 = none, or more than one. */
static int find_to_blame(const question *all, const int *asked, int n, const char *reason) {
  int found = -1, n_named = 0;
  for (int i = 0; i < n; i++)
    if (n == 1 || rp_last_words_are_about(reason, all->criteria[asked[i]]->description.name)) found = i, n_named++;
  return n_named == 1 ? found : -1;
}

/* Asks criteria together until they have answered, without those that are found to end that. *is_whole = 0 where nobody can be blamed, and
 * each is to be asked alone. `asked`: [*n], those that are left. */
static rp_status ask_together(question *all, int *asked, int *n, int *is_whole, rp_error *err) {
  for (*is_whole = 1; *n > 0;) {
    reply got;
    RP_TRY(send_question(all, asked, *n, err));
    RP_TRY(receive(all, &got, err));
    if (got.is_answer) return keep_answer(all, asked, *n, err);
    if (is_nobodys(got.cause)) return rp_fail(err, got.cause, "%s", got.reason);
    int to_blame = find_to_blame(all, asked, *n, got.reason);
    *is_whole = to_blame >= 0;
    if (!*is_whole) return RP_OK;
    RP_TRY(note_failure(all, asked[to_blame], &got, err));
    asked[to_blame] = asked[--*n];
  }
  return RP_OK;
}

static rp_status ask_all(question *all, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) int *asked = NULL;
  int is_whole, n = all->n;
  RP_TRY(rp_pool_start(1, NULL, &all->pool, err));
  RP_TRY(rp_allocate((size_t)n, sizeof *all->json, &all->json, err));
  RP_TRY(rp_allocate((size_t)n, sizeof *asked, &asked, err));
  for (int i = 0; i < n; i++) {
    asked[i] = i;
    RP_TRY(rp_criterion_plan_json(all->criteria[i], &all->json[i], err));
  }
  RP_TRY(ask_together(all, asked, &n, &is_whole, err));
  for (int i = 0; !is_whole && i < n; i++) {
    int one = asked[i], n_one = 1, unused;
    RP_TRY(ask_together(all, &one, &n_one, &unused, err));
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
