/* status.h: how errors travel.
 *
 * Every function that can fail returns an rp_status and takes an rp_error, into which the failing place writes one message. Each level on
 * the way up may add its context in front, once, so that the message reads from the outside in. Only main turns a status into an exit
 * status. */
#ifndef RP_BASE_STATUS_H
#define RP_BASE_STATUS_H

#include <stdarg.h>
#include <stddef.h>

/* X(code, name, exit status of the command line): all codes there are. */
#define RP_STATUS_LIST(X)                                                                                                                  \
  X(RP_OK, "ok", 0)                                                                                                                        \
  X(RP_EUSAGE, "wrong usage", 2)         /* the command line */                                                                            \
  X(RP_EINPUT, "bad input", 2)           /* an experiment, model or scheme file; a plugin that cannot be used */                           \
  X(RP_EDATA, "bad data", 2)             /* a data set that is missing or damaged */                                                       \
  X(RP_ENUMERIC, "numeric failure", 1)   /* NaN or Inf, LAPACK without convergence */                                                      \
  X(RP_EPLUGIN, "plugin failure", 1)     /* a ranker returned an error, NaN, a wrong count */                                              \
  X(RP_ELIBRARY, "library failure", 1)   /* oneDNN refused a primitive */                                                                  \
  X(RP_EDAMAGED, "damaged file", 1)      /* a checkpoint with a wrong checksum: recomputed by the caller */                                \
  X(RP_EWORKER, "worker failure", 1)     /* a worker process died */                                                                       \
  X(RP_ETRIALS, "some trials failed", 1) /* the outcome of a run */                                                                        \
  X(RP_EMEMORY, "out of memory", 3)                                                                                                        \
  X(RP_EIO, "input or output failed", 3) /* disk full, read-only, no permission */                                                         \
  X(RP_EBUSY, "database locked", 3)                                                                                                        \
  X(RP_EINTERRUPTED, "interrupted", 130)

typedef enum {
#define RP_STATUS_ENUM(code, name, exit_status) code,
  RP_STATUS_LIST(RP_STATUS_ENUM)
#undef RP_STATUS_ENUM
} rp_status;

typedef struct {
  rp_status status;
  char message[3072]; /* NUL-terminated, cut at the end where it does not fit */
} rp_error;

/* The name of a code ("bad input") and the exit status that it leads to. An unknown code is "unknown status" and 1. */
const char *rp_status_name(rp_status status);
int rp_status_exit(rp_status status);

/* Sets the error's code and message (printf-like) and returns the code. `err` may be NULL. */
rp_status rp_fail(rp_error *err, rp_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts "<context>: " in front of the message of an error that is set. Does nothing where it is RP_OK or NULL. Returns the error's code. */
rp_status rp_add_context(rp_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same for a system call that just failed: the message ends in strerror(errno). ENOMEM becomes RP_EMEMORY. */
rp_status rp_fail_errno(rp_error *err, rp_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Returns early with the status of `call` where that is not RP_OK. */
#define RP_TRY(call)                                                                                                                       \
  do {                                                                                                                                     \
    rp_status rp_try_status = (call);                                                                                                      \
    if (rp_try_status != RP_OK) return rp_try_status;                                                                                      \
  } while (0)

/* Runs `call`; on failure adds the context (printf-like) to `err` and returns the status. */
#define RP_TRY_IN(call, err, ...)                                                                                                          \
  do {                                                                                                                                     \
    rp_status rp_try_status = (call);                                                                                                      \
    if (rp_try_status != RP_OK) {                                                                                                          \
      rp_add_context((err), __VA_ARGS__);                                                                                                  \
      return rp_try_status;                                                                                                                \
    }                                                                                                                                      \
  } while (0)

/* Frees what a variable owns when its scope ends: RP_CLEANUP(rp_text_free) rp_text text = {0}; the function takes a pointer to the
 * variable. */
#define RP_CLEANUP(function) __attribute__((cleanup(function)))

#endif
