/* parameters.h: where everything that training changes lies in one flat buffer of float32, and which filter owns what.
 *
 * Each tensor is seen as [K][C][E], row-major: a conv's weights as filters × input channels × (R·S); a bias as K × 1 × 1; an fc's weights
 * as outputs × channels of its input × (H·W). A *unit* is one (k, c) of a tensor: E values that are frozen together and share one step
 * count (rule 10). */
#ifndef RP_NN_PARAMETERS_H
#define RP_NN_PARAMETERS_H

#include "core/nn/model.h"

#include <stddef.h>

typedef enum { RP_CONV_WEIGHT, RP_FC_WEIGHT, RP_BIAS } rp_tensor_kind;

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
} rp_conv;

typedef struct {
  int n_tensors;
  rp_tensor *tensors; /* in the model's order, weight before bias */
  size_t n_parameters, n_units;
  int n_convs;
  rp_conv *convs;
  int n_filters; /* F */
} rp_layout;

/* The conv that owns a filter (0 ≤ filter < F), by index into `convs`. */
int rp_conv_of_filter(const rp_layout *layout, int filter);

#endif
