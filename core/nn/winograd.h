/* winograd.h: convolutions by Winograd's minimal filtering on AVX-512: F(4×4, 3×3) and F(2×2, 5×5), a quarter and 36 hundredths of the
 * products of a direct convolution (Lavin & Gray, CVPR 2016).
 *
 * One object is one direction of one convolution, for maps at fixed addresses. Each output value is computed from its own patch in an order
 * of its own, so its bits do not depend on the batch around it. Internal to core/nn. */
#ifndef RP_NN_WINOGRAD_H
#define RP_NN_WINOGRAD_H

#include "core/nn/map.h"

typedef struct rp_winograd rp_winograd;

/* What it connects. Of the maps everything but the values of `output` is only read; they stay where they are for its lifetime. */
typedef struct {
  rp_map source, output; /* in blocks of 16 channels */
  rp_window window;      /* 3×3 or 5×5, stride 1, less padding than the kernel is long */
  int is_data_gradient;  /* `source` is the gradient of a convolution's output, `output` that of its input, `window` its window */
  int has_relu;          /* the output is max(·, 0) */
} rp_winograd_spec;

/* Whether the processor and the shapes allow it. */
int rp_winograd_fits(const rp_winograd_spec *spec);

/* Errors: RP_EMEMORY. */
rp_status rp_winograd_create(const rp_winograd_spec *spec, rp_winograd **out, rp_error *err);
void rp_winograd_free(rp_winograd **winograd); /* NULL is fine */

/* weights: [K][C][R][S] of the convolution, whatever the direction; bias: [K], NULL without one. Both are transformed or copied. */
void rp_winograd_load(rp_winograd *winograd, const float *weights, const float *bias);

/* source → output; lanes of padding come out as 0. Errors: RP_ENUMERIC where a value is not finite; all are written nevertheless. */
rp_status rp_winograd_run(rp_winograd *winograd, rp_error *err);

#endif
