/* gate.h: which channels are absent, and what is therefore frozen (SEMANTICS rules 7 to 11). */
#ifndef RP_NN_GATE_H
#define RP_NN_GATE_H

#include "core/nn/net.h"

/* Marks what must not move while filters are gated.
 *
 *   closed   [n_filters], nonzero = gate closed
 *   frozen   [n_units] (parameters.h), each byte written: 1 = a closed filter's own weights and bias, or a reader's weights (next conv or
 * fc) on a channel that is absent (rules 9, 10); else 0
 *
 * Cannot fail: sizes come from the net. */
void rp_gate_frozen_units(const rp_net *net, const uint8_t *closed, uint8_t *frozen);

/* Marks the units of readers' weights that read absent channels only (without the closed filters' own): what regrow.readers is about (rule
 * 18). */
void rp_gate_reader_units(const rp_net *net, const uint8_t *closed, uint8_t *reads_absent);

/* One place where a layer reads a filter's map: the weights [k][c][E] of tensor `tensor` on channel `c`, for all k. A filter whose map
 * passes pools is still read by the conv or fc behind them. */
typedef struct {
  int layer;  /* the reading conv or fc, index into the model's layers */
  int tensor; /* its weights */
  int c;      /* the channel in that tensor */
} rp_reader;

/* All readers of a filter, in the model's order: writes at most `capacity`, returns how many there are. */
int rp_gate_readers(const rp_net *net, int filter, rp_reader *readers, int capacity);

#endif
