/* parameters.h: where everything that training changes lies in one flat buffer of float32, and which filter owns what.
 *
 * Each tensor is seen as [K][C][E], row-major: a conv's weights as filters × input channels × (R·S); a bias as K × 1 × 1; an fc's weights
 * as outputs × channels of its input × (H·W); BN's four as K × 1 × 1. A *unit* is one (k, c) of a tensor: E values that are frozen together
 * and share one step count (rule 10). */
#ifndef RP_NN_PARAMETERS_H
#define RP_NN_PARAMETERS_H

#include "core/nn/model.h"

#include <stddef.h>

typedef enum {
  RP_CONV_WEIGHT,
  RP_FC_WEIGHT,
  RP_BIAS,
  RP_BN_GAMMA,
  RP_BN_BETA,
  RP_BN_MEAN, /* running statistics, of unbiased variance: no gradient, no optimizer step; moved by forward passes in training */
  RP_BN_VARIANCE
} rp_tensor_kind;

/* Whether the optimizer moves a kind of tensor. */
int rp_tensor_is_trained(rp_tensor_kind kind);

/* "weight", "BN variance", …, for messages. */
const char *rp_tensor_name(rp_tensor_kind kind);

typedef struct {
  rp_tensor_kind kind;
  int layer; /* index into the model's layers */
  int K, C, E;
  size_t offset;     /* of its first value in the flat buffer */
  size_t first_unit; /* of its first unit among all units; unit of (k, c) = first_unit + k·C + c */
} rp_tensor;

/* One conv layer, as the owner of filters. Convs are numbered in the model's order, filters over all convs: filter = first_filter + k. */
typedef struct {
  int layer;        /* index into the model's layers */
  const char *name; /* borrowed from the net's copy of the model */
  int K, C, R, S;
  int out_height, out_width; /* of its feature maps */
  int first_filter;
  int weight, bias; /* tensors, by index; bias -1: none */
  int bn;           /* its sole BN's first tensor, gamma; beta, mean and variance follow it; 0: none (rule 7) */
  int gate_layer;   /* after which its filters' gate sits: itself, its sole BN or their sole ReLU (rule 8) */
} rp_conv;

typedef struct {
  int n_tensors;
  rp_tensor *tensors; /* in the model's order; weight, bias; gamma, beta, mean, variance */
  size_t n_parameters, n_units;
  int n_convs;
  rp_conv *convs;
  int n_filters; /* F */
} rp_layout;

/* The conv that owns a filter (0 ≤ filter < F), by index into `convs`. */
int rp_conv_of_filter(const rp_layout *layout, int filter);

#endif
