// The convolutions within rows.
#pragma once
#include <cstdint>
#include <utility>

#include "apps/convert/torch_module.h"

namespace cudet::convert {

/// What a convolution is, by its weight and its settings. Pairs are (h, w).
struct ConvFacts {
  using Pair = std::pair<std::int64_t, std::int64_t>;
  std::int64_t out = 0, in = 0;
  Pair kernel{1, 1}, stride{1, 1}, padding{0, 0}, dilation{1, 1};
  std::int64_t groups = 1;
  bool biased = false, activated = true;

  /// The padding that Ultralytics takes where none is given: what keeps the size at stride 1.
  Pair same_padding() const;
};

/// torch.nn.Conv2d: takes its weight, and its bias if there is one.
ConvFacts read_conv2d(const TorchModule& module, TorchWeights& weights);

/// Ultralytics' Conv: convolution, batch norm (or folded into the convolution), SiLU or no activation.
ConvFacts read_conv(const TorchModule& module, TorchWeights& weights);

/// The same where the row leaves no choice: kernel k × k, padded to keep the size, stride 1. Throws where it differs.
ConvFacts read_plain_conv(const TorchModule& module, TorchWeights& weights, std::int64_t k, std::int64_t groups = 1);

}  // namespace cudet::convert
