/* gate.h: which channels are absent, and what is therefore frozen (SEMANTICS rules 7 to 11). Nothing here can fail: sizes come from the
 * net. */
#ifndef RP_NN_GATE_H
#define RP_NN_GATE_H

#include "core/nn/net.h"

/* Channels of all layers: layer l's channel c is channel rp_gate_first_channel(net, l) + c of rp_gate_n_channels(net). */
int rp_gate_n_channels(const rp_net *net);
int rp_gate_first_channel(const rp_net *net, int layer);

/* Marks the channels that are absent (rule 9): those of closed filters from their conv on, and those downstream whose every contribution is
 * absent.
 *
 *   closed   [n_filters], nonzero = gate closed
 *   absent   [n_channels], each byte written */
void rp_gate_absent_channels(const rp_net *net, const uint8_t *closed, uint8_t *absent);

/* Marks what must not move while filters are gated.
 *
 *   frozen   [n_units] (parameters.h), each byte written: 1 = a closed filter's own weights, bias and BN, a BN's channel that is absent, or
 * a reader's weights (next conv or fc) on a channel that is absent (rules 9, 10); else 0 */
void rp_gate_frozen_units(const rp_net *net, const uint8_t *closed, uint8_t *frozen);

/* Marks the units that read absent channels, without the closed filters' own: readers' weights, and BN channels that are not a filter's
 * own. What regrow.readers is about (rule 18). */
void rp_gate_reader_units(const rp_net *net, const uint8_t *closed, uint8_t *reads_absent);

/* One place where a layer reads a filter's map: the weights [k][c][E] of tensor `tensor` on channel `c`, for all k. A filter whose map
 * passes pools, sums and so on is still read by the convs and fcs behind them. */
typedef struct {
  int layer;  /* the reading conv or fc, index into the model's layers */
  int tensor; /* its weights */
  int c;      /* the channel in that tensor */
} rp_reader;

/* All readers of a filter, in the model's order: writes at most `capacity`, returns how many there are. */
int rp_gate_readers(const rp_net *net, int filter, rp_reader *readers, int capacity);

#endif
