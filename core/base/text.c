/* text.c: amortised appends. */
#include "core/base/text.h"

#include "core/base/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int make_room(rp_text *text, size_t more) {
  size_t needed = text->length + more + 1;
  if (needed <= text->capacity) return 1;
  size_t larger = text->capacity ? text->capacity * 2 : 64;
  if (larger < needed) larger = needed;
  if (text->failed || rp_reallocate(&text->bytes, larger, 1, NULL) != RP_OK) {
    text->failed = 1;
    return 0;
  }
  text->capacity = larger;
  return 1;
}

void rp_text_add_bytes(rp_text *text, const char *bytes, size_t length) {
  if (!make_room(text, length)) return;
  if (length) memcpy(text->bytes + text->length, bytes, length);
  text->length += length;
  text->bytes[text->length] = '\0';
}

void rp_text_add(rp_text *text, const char *string) {
  rp_text_add_bytes(text, string, strlen(string));
}

void rp_text_format(rp_text *text, const char *format, ...) {
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  if (length < 0)
    text->failed = 1;
  else if (make_room(text, (size_t)length)) {
    vsnprintf(text->bytes + text->length, (size_t)length + 1, format, again);
    text->length += (size_t)length;
  }
  va_end(again);
}

void rp_text_add_json_string(rp_text *text, const char *string) {
  rp_text_add(text, "\"");
  for (const char *c = string; *c; c++) {
    if (*c == '"' || *c == '\\')
      rp_text_format(text, "\\%c", *c);
    else if (*c == '\n')
      rp_text_add(text, "\\n");
    else if (*c == '\t')
      rp_text_add(text, "\\t");
    else if ((unsigned char)*c < 0x20)
      rp_text_format(text, "\\u%04x", (unsigned)*c);
    else
      rp_text_add_bytes(text, c, 1);
  }
  rp_text_add(text, "\"");
}

void rp_number_text(double value, char text[RP_NUMBER_TEXT]) {
  if (value == floor(value) && fabs(value) < 1e15) {
    snprintf(text, RP_NUMBER_TEXT, "%.0f", value);
    return;
  }
  for (int digits = 1; digits <= 17; digits++) {
    snprintf(text, RP_NUMBER_TEXT, "%.*g", digits, value);
    if (strtod(text, NULL) == value) return;
  }
}

const char *rp_text_string(const rp_text *text) {
  return text->bytes ? text->bytes : "";
}

rp_status rp_text_check(const rp_text *text, rp_error *err) {
  return text->failed ? rp_fail(err, RP_EMEMORY, "out of memory while a text of %zu bytes was written", text->length) : RP_OK;
}

rp_status rp_text_take(rp_text *text, char **out, rp_error *err) {
  rp_text_add(text, "");
  RP_TRY(rp_text_check(text, err));
  *out = text->bytes;
  *text = (rp_text){0};
  return RP_OK;
}

void rp_text_free(rp_text *text) {
  free(text->bytes);
  *text = (rp_text){0};
}
