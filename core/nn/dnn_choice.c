/* dnn_choice.c: measured on a processor with AVX-512, oneDNN 2.6.3, one thread: time of Winograd against direct, per pass. Below 32
 * channels its transforms cost more than they save, and so they do on maps of few tiles. */
#include "core/nn/dnn_choice.h"

typedef struct {
  rp_dnnl_pass pass;
  int least_channels, most_channels; /* of the smaller and the larger side */
  int least_side;                    /* rows and columns of the map */
  int most_images;                   /* in a batch */
} row;

enum { ANY = 1 << 30 };

/* images × channels → channels, map: direct / Winograd
 *   8 × 32 → 32, 32×32: forward 1.5, weights 1.2, data 1.5       64 × 32 → 32, 32×32: 1.3, 0.95, 1.2
 *   128 × 16 → 16, 32×32: 0.7, 0.7, 0.5                          128 × 32 → 32, 16×16: 1.2, 0.8, 1.2
 *   128 × 64 → 64, 8×8: 1.5, 1.2, 1.7                            64 × 64 → 64, 16×16: 1.7, 1.1, 1.6
 *   64 × 128 → 128, 16×16: 2.0, 2.0, 2.0                         64 × 256 → 256, 8×8: 1.0, 2.0, 1.1
 *   8 × 512 → 512, 4×4: 0.6, 0.7, 0.5                            64 × 256 → 256, 16×16: 2.3, 2.1, 2.2 */
static const row ROWS[] = {
    {RP_DNNL_FORWARD, 32, ANY, 16, ANY},     {RP_DNNL_FORWARD, 32, 64, 8, ANY},          {RP_DNNL_DATA_GRADIENT, 32, ANY, 16, ANY},
    {RP_DNNL_DATA_GRADIENT, 32, 64, 8, ANY}, {RP_DNNL_WEIGHT_GRADIENT, 64, ANY, 8, ANY}, {RP_DNNL_WEIGHT_GRADIENT, 32, ANY, 16, 8},
};

int rp_dnn_allows_winograd(const rp_dnn_conv_spec *spec) {
  const rp_window *window = &spec->window;
  return window->kernel == 3 && window->stride == 1 && window->top == 1 && window->bottom == 1 && window->left == 1 && window->right == 1 &&
         spec->source.block == 16 && spec->output.block == 16 && spec->source.channels % 16 == 0 && spec->output.channels % 16 == 0;
}

int rp_dnn_prefers_winograd(const rp_dnn_conv_spec *spec, rp_dnnl_pass pass) {
  if (spec->convolution == RP_CONVOLUTION_DIRECT || !rp_dnn_allows_winograd(spec)) return 0;
  if (spec->convolution == RP_CONVOLUTION_WINOGRAD) return 1;
  int C = spec->source.channels, K = spec->output.channels, H = spec->output.height, W = spec->output.width;
  int smaller = C < K ? C : K, larger = C < K ? K : C, side = H < W ? H : W;
  for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
    const row *r = &ROWS[i];
    if (r->pass == pass && smaller >= r->least_channels && larger <= r->most_channels && side >= r->least_side &&
        spec->source.batch <= r->most_images)
      return 1;
  }
  return 0;
}
