/* wire.c: framing over a stream socket. */
#include "experiments/work/wire.h"

#include "core/base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LARGEST_MESSAGE = 1 << 28 };

void rp_wire_start(rp_wire *wire, rp_wire_type type) {
  wire->type = type;
  wire->length = wire->read = 0;
  wire->broken = 0;
}

static int make_room(rp_wire *wire, size_t more) {
  if (wire->broken) return 0;
  if (wire->length + more <= wire->capacity) return 1;
  size_t larger = wire->capacity ? wire->capacity * 2 : 1024;
  while (larger < wire->length + more) larger *= 2;
  if (rp_reallocate(&wire->bytes, larger, 1, NULL) != RP_OK) {
    wire->broken = 1;
    return 0;
  }
  wire->capacity = larger;
  return 1;
}

void rp_wire_put(rp_wire *wire, const void *bytes, size_t length) {
  if (!length || !make_room(wire, length)) return;
  memcpy(wire->bytes + wire->length, bytes, length);
  wire->length += length;
}

void rp_wire_put_int(rp_wire *wire, int64_t value) {
  rp_wire_put(wire, &value, sizeof value);
}

void rp_wire_put_number(rp_wire *wire, double value) {
  rp_wire_put(wire, &value, sizeof value);
}

void rp_wire_put_id(rp_wire *wire, rp_id id) {
  rp_wire_put(wire, id.bytes, sizeof id.bytes);
}

void rp_wire_put_block(rp_wire *wire, const void *bytes, size_t length) {
  rp_wire_put_int(wire, (int64_t)length);
  rp_wire_put(wire, bytes, length);
}

void rp_wire_put_string(rp_wire *wire, const char *string) {
  if (!string) string = "";
  rp_wire_put_block(wire, string, strlen(string) + 1);
}

void rp_wire_get(rp_wire *wire, void *bytes, size_t length) {
  if (wire->broken || length > wire->length - wire->read) {
    wire->broken = 1;
    memset(bytes, 0, length);
    return;
  }
  if (length) memcpy(bytes, wire->bytes + wire->read, length);
  wire->read += length;
}

int64_t rp_wire_get_int(rp_wire *wire) {
  int64_t value;
  rp_wire_get(wire, &value, sizeof value);
  return value;
}

double rp_wire_get_number(rp_wire *wire) {
  double value;
  rp_wire_get(wire, &value, sizeof value);
  return value;
}

rp_id rp_wire_get_id(rp_wire *wire) {
  rp_id id;
  rp_wire_get(wire, id.bytes, sizeof id.bytes);
  return id;
}

const void *rp_wire_get_block(rp_wire *wire, size_t *length) {
  int64_t asked = rp_wire_get_int(wire);
  *length = 0;
  if (wire->broken || asked < 0 || (uint64_t)asked > wire->length - wire->read) {
    wire->broken = 1;
    return NULL;
  }
  const void *block = wire->bytes + wire->read;
  wire->read += (size_t)asked;
  *length = (size_t)asked;
  return block;
}

const char *rp_wire_get_string(rp_wire *wire) {
  size_t length;
  const char *string = rp_wire_get_block(wire, &length);
  if (!string || length == 0 || string[length - 1] != '\0') {
    wire->broken = 1;
    return "";
  }
  return string;
}

static rp_status send_all(int fd, const void *bytes, size_t length, rp_error *err) {
  const uint8_t *next = bytes;
  while (length) {
    ssize_t n = send(fd, next, length, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return rp_fail_errno(err, RP_EWORKER, "the other process cannot be reached");
    next += n;
    length -= (size_t)n;
  }
  return RP_OK;
}

rp_status rp_wire_send(int fd, const rp_wire *wire, rp_error *err) {
  if (wire->broken) return rp_fail(err, RP_EMEMORY, "out of memory for a message");
  uint64_t head[2] = {wire->type, wire->length};
  RP_TRY(send_all(fd, head, sizeof head, err));
  return send_all(fd, wire->bytes, wire->length, err);
}

/* Reads `length` bytes; *got is fewer only where the other end closed. */
static rp_status receive_all(int fd, void *bytes, size_t length, size_t *got, rp_error *err) {
  for (*got = 0; *got < length;) {
    ssize_t n = recv(fd, (uint8_t *)bytes + *got, length - *got, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == ECONNRESET) return RP_OK;
    if (n < 0) return rp_fail_errno(err, RP_EWORKER, "the other process cannot be reached");
    if (n == 0) return RP_OK;
    *got += (size_t)n;
  }
  return RP_OK;
}

rp_status rp_wire_receive(int fd, rp_wire *wire, int *closed, rp_error *err) {
  uint64_t head[2];
  size_t got;
  RP_TRY(receive_all(fd, head, sizeof head, &got, err));
  *closed = got == 0;
  if (*closed) return RP_OK;
  if (got < sizeof head || head[1] > LARGEST_MESSAGE) return rp_fail(err, RP_EWORKER, "a message was cut off");
  rp_wire_start(wire, (rp_wire_type)head[0]);
  if (!make_room(wire, (size_t)head[1])) return rp_fail(err, RP_EMEMORY, "out of memory for a message");
  RP_TRY(receive_all(fd, wire->bytes, (size_t)head[1], &got, err));
  if (got < head[1]) return rp_fail(err, RP_EWORKER, "a message was cut off");
  wire->length = (size_t)head[1];
  return RP_OK;
}

void rp_wire_free(rp_wire *wire) {
  free(wire->bytes);
  *wire = (rp_wire){0};
}
