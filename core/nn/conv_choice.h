/* conv_choice.h: which algorithm computes a convolution, pass by pass, from one table of measurements. Internal to core/nn. */
#ifndef RP_NN_CONV_CHOICE_H
#define RP_NN_CONV_CHOICE_H

#include "core/nn/map.h"

typedef enum {
  RP_CONV_BY_DNN,          /* dnn.h's direct kernels */
  RP_CONV_BY_DNN_WINOGRAD, /* dnn.h's Winograd, F(4×4, 3×3); where it has none its direct ones, unless Winograd is insisted on */
  RP_CONV_BY_WINOGRAD,     /* winograd.h */
  RP_CONV_BY_CALLER        /* something else, for a reason of the caller's own */
} rp_conv_algorithm;

/* A convolution as far as the choice goes. */
typedef struct {
  const rp_map *source, *output; /* values are not looked at */
  rp_window window;
  rp_convolution convolution; /* what the user asked for */
  int threads;
} rp_conv_question;

/* With RP_CONVOLUTION_AUTO what was measured to be fastest; else what is asked for wherever it exists. Never RP_CONV_BY_CALLER. */
rp_conv_algorithm rp_conv_choose(const rp_conv_question *question, rp_conv_pass pass);

#endif
