/* status.c: names of the codes, and writing and extending an error's message. */
#include "core/base/status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
  const char *name;
  int exit_status;
} STATUSES[] = {
#define RP_STATUS_ROW(code, name, exit_status) [code] = {name, exit_status},
    RP_STATUS_LIST(RP_STATUS_ROW)
#undef RP_STATUS_ROW
};

static const size_t N_STATUSES = sizeof STATUSES / sizeof STATUSES[0];

const char *rp_status_name(rp_status status) {
  return (size_t)status < N_STATUSES ? STATUSES[status].name : "unknown status";
}

int rp_status_exit(rp_status status) {
  return (size_t)status < N_STATUSES ? STATUSES[status].exit_status : 1;
}

rp_status rp_fail(rp_error *err, rp_status status, const char *format, ...) {
  if (!err) return status;
  err->status = status;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(err->message, sizeof err->message, format, arguments);
  va_end(arguments);
  return status;
}

rp_status rp_fail_errno(rp_error *err, rp_status status, const char *format, ...) {
  int cause = errno;
  if (cause == ENOMEM) status = RP_EMEMORY;
  if (!err) return status;
  err->status = status;
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(err->message, sizeof err->message, format, arguments);
  va_end(arguments);
  if (length >= 0 && (size_t)length < sizeof err->message)
    snprintf(err->message + length, sizeof err->message - (size_t)length, ": %s", strerror(cause));
  return status;
}

rp_status rp_add_context(rp_error *err, const char *format, ...) {
  if (!err || err->status == RP_OK) return err ? err->status : RP_OK;
  char context[sizeof err->message];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(context, sizeof context, format, arguments);
  va_end(arguments);
  if (length < 0 || (size_t)length + 2 >= sizeof context) return err->status;
  memcpy(context + length, ": ", 2);
  size_t added = (size_t)length + 2, kept = strnlen(err->message, sizeof err->message - added - 1);
  memmove(err->message + added, err->message, kept);
  memcpy(err->message, context, added);
  err->message[added + kept] = '\0';
  return err->status;
}
