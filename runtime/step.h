// A step of a Program: one operator with its tensors and attributes. The operators' contracts are kernels/NAME/NAME.h.
#pragma once
#include <string>
#include <string_view>
#include <variant>

#include "kernels/add/add.h"
#include "kernels/conv2d/conv2d.h"
#include "kernels/conv2d_int8/conv2d_int8.h"
#include "kernels/conv_transpose2d/conv_transpose2d.h"
#include "kernels/copy/copy.h"
#include "kernels/detect_decode/detect_decode.h"
#include "kernels/dysample/dysample.h"
#include "kernels/max_pool/max_pool.h"
#include "kernels/pad/pad.h"
#include "kernels/resize_bilinear/resize_bilinear.h"
#include "kernels/step_info.h"
#include "kernels/upsample/upsample.h"

namespace cudet {

/// To add an operator, add it here; the compiler then names every place that must handle it (kernels/README.md).
using Step = std::variant<Conv2d, Conv2dInt8, MaxPool, MaxPoolChain, Upsample, Copy, DySample, ConvDySample,
                          DetectDecode, Add, Pad, ResizeBilinear, ConvTranspose2d>;

/// The operator's name: "conv2d", "max_pool_chain".
const char* step_name(const Step& step);
/// Its operands, work and shape text.
StepInfo step_info(const Step& step);
/// The shape as text, in the grammar of kernels/shape_text.h: "1x160x160x16 -> 32 k3x3 s2x2 p1x1 silu".
std::string shape_text(const Step& step);
/// The fp32 or fp16 convolution that the step consists of or contains, else null.
const Conv2d* convolution(const Step& step);

/// Inverse of step_name() and shape_text(). Tensors are f32 and dense, one after the other in the arena and in the
/// weights; a convolution's weight has room for its packed form on the CPU. Throws Error that says what is wrong with
/// the text.
Step parse_step(std::string_view name, std::string_view shape);

}  // namespace cudet
