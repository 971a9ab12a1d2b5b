// The readers of checkpoint_row.cpp: each returns the row of one kind of module.
#pragma once
#include "apps/checkpoint/checkpoint_row.h"
#include "apps/checkpoint/conv_module.h"

namespace cudet::convert {

ModelRow conv_row(const TorchModule&, TorchWeights&);  // Conv, DWConv
ModelRow ghost_conv_row(const TorchModule&, TorchWeights&);
ModelRow focus_row(const TorchModule&, TorchWeights&);
ModelRow bottleneck_row(const TorchModule&, TorchWeights&);
ModelRow ghost_bottleneck_row(const TorchModule&, TorchWeights&);
ModelRow c2f_row(const TorchModule&, TorchWeights&);  // also with its first convolution in two, cv0 and cv1
ModelRow c2_row(const TorchModule&, TorchWeights&);
ModelRow c3_row(const TorchModule&, TorchWeights&);  // C3, C3Ghost
ModelRow spp_row(const TorchModule&, TorchWeights&);
ModelRow sppf_row(const TorchModule&, TorchWeights&);
ModelRow dysample_row(const TorchModule&, TorchWeights&);
ModelRow detect_row(const TorchModule&, TorchWeights&);

/// Whether a module has DySample's offset convolution. Forks have many names for the class.
bool resembles_dysample(const TorchModule& module);

/// What a MaxPool2d does. Throws Error unless its window is a square with dilation 1.
struct PoolInfo {
  std::int64_t kernel, stride, padding;
};
PoolInfo read_max_pool(const TorchModule& module);

/// Returns one number if both are equal, otherwise the pair.
Json extent(ConvInfo::Pair pair);
/// Appends the named arguments to the positional ones, if there are any.
Json::Array with_named(Json::Array positional, Json::Object named);

}  // namespace cudet::convert
