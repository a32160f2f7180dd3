/* wire.h: messages between the coordinator and a worker process, over a socket.
 *
 * A message is its type, its length and a payload of values in a fixed order. Both ends are the same program, so the values are the
 * machine's own bits: floats arrive exactly. A reader never trusts a length: a value that runs past the payload marks the message as
 * broken. */
#ifndef RP_WORK_WIRE_H
#define RP_WORK_WIRE_H

#include "core/base/digest.h"
#include "core/base/status.h"

#include <stdint.h>

typedef enum {
  RP_WIRE_HELLO = 1,  /* worker: its environment */
  RP_WIRE_JOB,        /* coordinator: what to compute (job.h) */
  RP_WIRE_PROGRESS,   /* worker: images done in the op at hand */
  RP_WIRE_RESULT,     /* worker: the state that was computed, and what was measured (job.h) */
  RP_WIRE_FAILED,     /* worker: status and message */
  RP_WIRE_SCORE_JOB,  /* coordinator: what to score (score_job.h) */
  RP_WIRE_SCORES,     /* worker: the answer to it */
  RP_WIRE_LAST_WORDS, /* worker: as FAILED; it is about to end (last_words.h) */
  RP_WIRE_SAID        /* worker: a ranker's name, and a line for the log */
} rp_wire_type;

/* A message being written or read. {0} is empty; rp_wire_free releases it. */
typedef struct {
  rp_wire_type type;
  uint8_t *bytes;
  size_t length, capacity, read; /* read: how far get functions got */
  int broken;                    /* memory ran out, or a get ran past the end */
} rp_wire;

void rp_wire_start(rp_wire *wire, rp_wire_type type);
void rp_wire_put(rp_wire *wire, const void *bytes, size_t length);
void rp_wire_put_int(rp_wire *wire, int64_t value);
void rp_wire_put_number(rp_wire *wire, double value);
void rp_wire_put_id(rp_wire *wire, rp_id id);
void rp_wire_put_string(rp_wire *wire, const char *string);              /* NULL is sent as "" */
void rp_wire_put_block(rp_wire *wire, const void *bytes, size_t length); /* with its length in front */

void rp_wire_get(rp_wire *wire, void *bytes, size_t length); /* zeros where the message is broken */
int64_t rp_wire_get_int(rp_wire *wire);
double rp_wire_get_number(rp_wire *wire);
rp_id rp_wire_get_id(rp_wire *wire);
const char *rp_wire_get_string(rp_wire *wire);                /* borrowed from the message */
const void *rp_wire_get_block(rp_wire *wire, size_t *length); /* borrowed; unaligned */

/* Sends a message whole. Errors: RP_EWORKER where the other end is gone; RP_EMEMORY. */
rp_status rp_wire_send(int fd, const rp_wire *wire, rp_error *err);

/* Waits for one message. *closed = 1 (and RP_OK) where the other end closed at a message's border. Errors: RP_EWORKER, RP_EMEMORY. */
rp_status rp_wire_receive(int fd, rp_wire *wire, int *closed, rp_error *err);

void rp_wire_free(rp_wire *wire);

#endif
