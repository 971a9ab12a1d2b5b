// Reads the convolutions of a checkpoint.
#pragma once
#include <cstdint>
#include <utility>

#include "apps/checkpoint/torch_module.h"

namespace cudet::convert {

/// Shape and settings of a convolution, from its weight and its attributes. Pairs are (h, w).
struct ConvInfo {
  using Pair = std::pair<std::int64_t, std::int64_t>;
  std::int64_t out = 0, in = 0;
  Pair kernel{1, 1}, stride{1, 1}, padding{0, 0}, dilation{1, 1};
  std::int64_t groups = 1;
  bool biased = false, activated = true;

  /// The default padding of Ultralytics: it keeps the size at stride 1.
  Pair same_padding() const;
};

/// Reads a torch.nn.Conv2d and adds its weight, and its bias if it has one, to `weights`.
ConvInfo read_conv2d(const TorchModule& module, TorchWeights& weights);

/// Reads Ultralytics' Conv: convolution, batch norm (may be folded into the convolution), activation. `activated`:
/// whether its module has the network's activation there; TorchWeights records which one the checkpoint has.
ConvInfo read_conv(const TorchModule& module, TorchWeights& weights, bool activated = true);

/// The same, for a Conv whose settings the row fixes: kernel k × k, padding that keeps the size, stride 1. Throws Error
/// if its settings differ.
ConvInfo read_plain_conv(const TorchModule& module, TorchWeights& weights, std::int64_t k, std::int64_t groups = 1,
                         bool activated = true);

/// Whether a Conv has an activation other than Identity.
bool has_activation(const TorchModule& conv);

}  // namespace cudet::convert
