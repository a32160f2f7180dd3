/* dnn_choice.h: which of the library's algorithms a convolution runs on, pass by pass, from one table of measurements. Internal to core/nn.
 */
#ifndef RP_NN_DNN_CHOICE_H
#define RP_NN_DNN_CHOICE_H

#include "core/nn/dnn.h"
#include "core/nn/dnn_interface.h"

/* Whether Winograd's algorithm (Lavin & Gray, CVPR 2016; here F(4×4, 3×3)) is to be tried for a pass. It exists for kernels of 3×3 and
 * stride 1 with channels in blocks of 16 on both sides; with RP_CONVOLUTION_WINOGRAD all of those, with RP_CONVOLUTION_AUTO those where it
 * was measured to be faster. */
int rp_dnn_prefers_winograd(const rp_dnn_conv_spec *spec, rp_dnnl_pass pass);

/* Whether it exists for a convolution at all, as far as its shape goes. */
int rp_dnn_allows_winograd(const rp_dnn_conv_spec *spec);

#endif
