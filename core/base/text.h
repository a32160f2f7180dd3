/* text.h: a string that grows, for messages, JSON, SQL and figures' scripts. */
#ifndef RP_BASE_TEXT_H
#define RP_BASE_TEXT_H

#include "core/base/status.h"

/* {0} is the empty text. Memory that runs out is remembered in `failed` and reported by rp_text_check, so that a row of appends needs one
 * check. */
typedef struct {
  char *bytes; /* NUL-terminated; NULL while nothing was appended: use rp_text_string */
  size_t length, capacity;
  int failed;
} rp_text;

void rp_text_add(rp_text *text, const char *string);
void rp_text_add_bytes(rp_text *text, const char *bytes, size_t length);
void rp_text_format(rp_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Appends `string` as a JSON string with its quotes. Bytes ≥ 128 pass through: the text is UTF-8. */
void rp_text_add_json_string(rp_text *text, const char *string);

/* Writes the shortest decimal that reads back as `value`: "0.1", "30", "1e-30"; whole numbers below 10^15 without an exponent. */
enum { RP_NUMBER_TEXT = 32 };
void rp_number_text(double value, char text[RP_NUMBER_TEXT]);

/* The text as a C string, "" where it is empty. Valid until the next append. */
const char *rp_text_string(const rp_text *text);

/* RP_EMEMORY where an append failed. */
rp_status rp_text_check(const rp_text *text, rp_error *err);

/* Gives the text's bytes to the caller, who frees them, and empties it. Errors: RP_EMEMORY. */
rp_status rp_text_take(rp_text *text, char **out, rp_error *err);

void rp_text_free(rp_text *text);

#endif
