/* worker.c: the loop of a worker process. */
#include "experiments/work/worker.h"

#include "experiments/work/environment.h"
#include "experiments/work/last_words.h"
#include "experiments/work/session.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

typedef struct {
  int fd;
  double last_report;   /* seconds, monotonic */
  pthread_mutex_t lock; /* a ranker's threads may speak at once */
} reporter;

/* One that cannot be sent is noticed with the result. */
static void send_progress(int fd, uint64_t done, uint64_t total) {
  rp_wire message = {0};
  rp_wire_start(&message, RP_WIRE_PROGRESS);
  rp_wire_put_int(&message, (int64_t)done);
  rp_wire_put_int(&message, (int64_t)total);
  rp_wire_send(fd, &message, NULL);
  rp_wire_free(&message);
}

/* A few reports a second are enough for a progress line. */
static void report_progress(void *user, uint64_t done, uint64_t total) {
  reporter *to = user;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  double seconds = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
  if (seconds - to->last_report < 0.25) return;
  to->last_report = seconds;
  send_progress(to->fd, done, total);
}

/* The main thread sends nothing meanwhile: it is in the ranker's call. */
static void pass_on(void *user, const char *ranker, const char *line) {
  reporter *to = user;
  rp_wire message = {0};
  rp_wire_start(&message, RP_WIRE_SAID);
  rp_wire_put_string(&message, ranker);
  rp_wire_put_string(&message, line);
  pthread_mutex_lock(&to->lock);
  if (!message.broken) rp_wire_send(to->fd, &message, NULL);
  pthread_mutex_unlock(&to->lock);
  rp_wire_free(&message);
}

static rp_status compute(rp_session *session, rp_wire *request, rp_wire *reply, rp_error *err) {
  RP_CLEANUP(rp_job_free) rp_job job = {0};
  RP_CLEANUP(rp_job_result_free) rp_job_result result = {0};
  RP_TRY(rp_job_get(request, &job, err));
  RP_TRY(rp_session_compute(session, &job, &result, err));
  rp_job_result_put(reply, &result);
  return RP_OK;
}

static rp_status score(rp_session *session, rp_wire *request, rp_wire *reply, rp_error *err) {
  RP_CLEANUP(rp_score_job_free) rp_score_job job = {0};
  RP_CLEANUP(rp_score_answer_free) rp_score_answer scores = {0};
  RP_TRY(rp_score_job_get(request, &job, err));
  RP_TRY(rp_session_score(session, &job, &scores, err));
  rp_score_answer_put(reply, &scores);
  return RP_OK;
}

static rp_status answer(int fd, rp_session *session, rp_wire *request, rp_wire *reply, rp_error *err) {
  rp_error failure = {0};
  send_progress(fd, 0, 0); /* the job has arrived */
  rp_status status = (request->type == RP_WIRE_SCORE_JOB ? score : compute)(session, request, reply, &failure);
  if (status != RP_OK) {
    rp_wire_start(reply, RP_WIRE_FAILED);
    rp_wire_put_int(reply, status);
    rp_wire_put_string(reply, failure.message);
  }
  return rp_wire_send(fd, reply, err);
}

static rp_status serve(int fd, rp_session *session, rp_error *err) {
  RP_CLEANUP(rp_wire_free) rp_wire request = {0};
  RP_CLEANUP(rp_wire_free) rp_wire reply = {0};
  rp_environment_put(&reply);
  RP_TRY(rp_wire_send(fd, &reply, err));
  for (;;) {
    int closed;
    RP_TRY(rp_wire_receive(fd, &request, &closed, err));
    if (closed) return RP_OK;
    RP_TRY(answer(fd, session, &request, &reply, err));
  }
}

rp_status rp_worker_serve(int fd, rp_error *err) {
  /* Ctrl-C reaches the whole foreground group: the coordinator decides when workers end. They never outlive it. */
  signal(SIGINT, SIG_IGN);
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return rp_fail_errno(err, RP_EWORKER, "prctl");
  RP_TRY(rp_last_words_prepare(fd, err));
  reporter to = {.fd = fd, .lock = PTHREAD_MUTEX_INITIALIZER};
  const rp_session_listener listener = {.progress = report_progress, .log = pass_on, .user = &to};
  RP_CLEANUP(rp_session_free) rp_session *session = NULL;
  RP_TRY(rp_session_create(&listener, &session, err));
  return serve(fd, session, err);
}
