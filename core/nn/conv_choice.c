/* conv_choice.c: measured on a processor with AVX-512, oneDNN 2.6.3, one thread. Winograd's transforms cost more than they save below some
 * number of channels and on maps of few tiles; many channels make its weights too large for a cache, which many tiles make good. */
#include "core/nn/conv_choice.h"

#include "core/nn/winograd.h"

typedef struct {
  rp_conv_pass pass;
  int kernel;
  rp_conv_algorithm by;
  int least_channels, most_channels; /* of the smaller and the larger side */
  int most_pairs;                    /* channels of one side × channels of the other */
  int least_side;                    /* rows and columns of the map */
  int least_tiles, most_images;      /* tiles of 4×4 outputs (5×5: of 2×2) in a batch; images in a batch */
} row;

enum { ANY = 1 << 30, CACHED = 128 * 128 };

/* images × channels → channels, map: time of direct / oneDNN's Winograd, / winograd.h; forward and data gradient
 *   5×5    8 × 32 → 32, 16×16: – / 1.8, – / 1.6        250 × 32 → 32, 8×8: – / 1.5, – / 1.6
 *   3×3  128 × 16 → 16, 32×32: 0.6 / 1.3, 0.5 / 1.1    128 × 32 → 32, 16×16: 1.2 / 1.7, 1.3 / 1.8
 *        128 × 64 → 64, 8×8:   1.9 / 2.3, 1.8 / 2.2     64 × 32 → 32, 32×32: 1.3 / 2.0, 1.3 / 1.9
 *         64 × 64 → 64, 32×32: 1.7 / 2.2, 1.9 / 2.3     64 × 128 → 128, 16×16: 1.9 / 2.5, 1.9 / 2.5
 *         64 × 512 → 512, 4×4: 1.8 / 1.5, 1.6 / 1.5      8 × 512 → 512, 4×4: 0.6 / –, 0.5 / –
 *         64 × 512 → 512, 2×2: 0.5 / 0.5, 0.6 / 0.6     64 × 456 → 12, 8×8: – / 1.2, – / 1.2
 * weight gradient, oneDNN's Winograd
 *   3×3    8 × 32 → 32, 32×32: 1.2     64 × 32 → 32, 32×32: 0.95    128 × 16 → 16, 32×32: 0.7   128 × 32 → 32, 16×16: 0.8
 *        128 × 64 → 64, 8×8: 1.2       64 × 128 → 128, 16×16: 2.0    64 × 256 → 256, 8×8: 2.0     8 × 512 → 512, 4×4: 0.7 */
static const row ROWS[] = {
    {RP_CONV_FORWARD, 3, RP_CONV_BY_WINOGRAD, 4, ANY, CACHED, 4, 1, ANY},
    {RP_CONV_FORWARD, 3, RP_CONV_BY_WINOGRAD, 4, ANY, ANY, 4, 64, ANY},
    {RP_CONV_FORWARD, 5, RP_CONV_BY_WINOGRAD, 4, ANY, CACHED, 4, 1, ANY},
    {RP_CONV_DATA_GRADIENT, 3, RP_CONV_BY_WINOGRAD, 4, ANY, CACHED, 4, 1, ANY},
    {RP_CONV_DATA_GRADIENT, 3, RP_CONV_BY_WINOGRAD, 4, ANY, ANY, 4, 64, ANY},
    {RP_CONV_DATA_GRADIENT, 5, RP_CONV_BY_WINOGRAD, 4, ANY, CACHED, 4, 1, ANY},
    {RP_CONV_FORWARD, 3, RP_CONV_BY_DNN_WINOGRAD, 32, ANY, ANY, 16, 1, ANY}, /* for more threads than one */
    {RP_CONV_FORWARD, 3, RP_CONV_BY_DNN_WINOGRAD, 32, 64, ANY, 8, 1, ANY},
    {RP_CONV_DATA_GRADIENT, 3, RP_CONV_BY_DNN_WINOGRAD, 32, ANY, ANY, 16, 1, ANY},
    {RP_CONV_DATA_GRADIENT, 3, RP_CONV_BY_DNN_WINOGRAD, 32, 64, ANY, 8, 1, ANY},
    {RP_CONV_WEIGHT_GRADIENT, 3, RP_CONV_BY_DNN_WINOGRAD, 64, ANY, ANY, 8, 1, ANY},
    {RP_CONV_WEIGHT_GRADIENT, 3, RP_CONV_BY_DNN_WINOGRAD, 32, ANY, ANY, 16, 1, 8},
};

static int exists_in_dnn(const rp_conv_question *question) {
  const rp_window *window = &question->window;
  return window->kernel == 3 && window->stride == 1 && window->top == 1 && window->bottom == 1 && window->left == 1 && window->right == 1 &&
         question->source->block == 16 && question->output->block == 16 && question->source->channels % 16 == 0 &&
         question->output->channels % 16 == 0;
}

/* Ours runs on one thread, and has no weight gradient. */
static int exists(const rp_conv_question *question, rp_conv_pass pass, rp_conv_algorithm by) {
  if (by == RP_CONV_BY_DNN_WINOGRAD) return exists_in_dnn(question);
  const rp_winograd_spec spec = {.source = *question->source, .output = *question->output, .window = question->window};
  return pass != RP_CONV_WEIGHT_GRADIENT && rp_winograd_fits(&spec);
}

static int tiles_of_batch(const rp_conv_question *question) {
  const int tile = question->window.kernel == 5 ? 2 : 4;
  const int down = (question->output->height + tile - 1) / tile, across = (question->output->width + tile - 1) / tile;
  return question->output->batch * down * across;
}

static int applies(const row *r, const rp_conv_question *question, rp_conv_pass pass) {
  const int C = question->source->channels, K = question->output->channels, H = question->output->height, W = question->output->width;
  const int smaller = C < K ? C : K, larger = C < K ? K : C, side = H < W ? H : W;
  return r->pass == pass && r->kernel == question->window.kernel && smaller >= r->least_channels && larger <= r->most_channels &&
         (long)C * K <= r->most_pairs && side >= r->least_side && tiles_of_batch(question) >= r->least_tiles &&
         question->source->batch <= r->most_images && (r->by != RP_CONV_BY_WINOGRAD || question->threads == 1) &&
         exists(question, pass, r->by);
}

rp_conv_algorithm rp_conv_choose(const rp_conv_question *question, rp_conv_pass pass) {
  switch (question->convolution) {
  case RP_CONVOLUTION_DIRECT:
    return RP_CONV_BY_DNN;
  case RP_CONVOLUTION_DNN_WINOGRAD:
    return exists(question, pass, RP_CONV_BY_DNN_WINOGRAD) ? RP_CONV_BY_DNN_WINOGRAD : RP_CONV_BY_DNN;
  case RP_CONVOLUTION_WINOGRAD:
    return exists(question, pass, RP_CONV_BY_WINOGRAD) ? RP_CONV_BY_WINOGRAD : RP_CONV_BY_DNN;
  default:
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++)
      if (applies(&ROWS[i], question, pass)) return ROWS[i].by;
    return RP_CONV_BY_DNN;
  }
}
