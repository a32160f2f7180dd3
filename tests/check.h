/* check.h: what every test file includes: cmocka, and comparisons written so that NaN fails. */
#ifndef RP_TESTS_CHECK_H
#define RP_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "core/base/status.h"

/* |actual − expected| ≤ tolerance; NaN fails. */
#define assert_near(actual, expected, tolerance)                                                                                           \
  do {                                                                                                                                     \
    double check_actual = (actual), check_expected = (expected), check_tolerance = (tolerance);                                            \
    if (!(fabs(check_actual - check_expected) <= check_tolerance))                                                                         \
      fail_msg("%s is %.9g, not %.9g ± %.3g", #actual, check_actual, check_expected, check_tolerance);                                     \
  } while (0)

/* value < bound (or >); NaN fails. */
#define assert_below(value, bound)                                                                                                         \
  do {                                                                                                                                     \
    double check_value = (value), check_bound = (bound);                                                                                   \
    if (!(check_value < check_bound)) fail_msg("%s is %.9g, not below %.9g", #value, check_value, check_bound);                            \
  } while (0)
#define assert_above(value, bound)                                                                                                         \
  do {                                                                                                                                     \
    double check_value = (value), check_bound = (bound);                                                                                   \
    if (!(check_value > check_bound)) fail_msg("%s is %.9g, not above %.9g", #value, check_value, check_bound);                            \
  } while (0)

/* A call that must succeed: its message is printed where it does not. `err` is an rp_error variable. */
#define assert_ok(call, err)                                                                                                               \
  do {                                                                                                                                     \
    rp_status check_status = (call);                                                                                                       \
    if (check_status != RP_OK) fail_msg("%s: %s (%s)", #call, (err).message, rp_status_name(check_status));                                \
  } while (0)

/* A call that must fail with `status` and a message that contains `part`. */
#define assert_fails(call, expected_status, err, part)                                                                                     \
  do {                                                                                                                                     \
    rp_status check_status = (call);                                                                                                       \
    if (check_status != (expected_status))                                                                                                 \
      fail_msg("%s: %s, not %s", #call, rp_status_name(check_status), rp_status_name(expected_status));                                    \
    if (!strstr((err).message, (part))) fail_msg("message «%s» lacks «%s»", (err).message, (part));                                        \
  } while (0)

#endif
