// The activations of torch.nn, as checkpoints and YAML tables have them.
#pragma once
#include <string_view>

#include "apps/checkpoint/torch_module.h"
#include "kernels/activation.h"

namespace cudet::convert {

/// Reads an activation module. Throws Error if the runtime does not have it.
ActivationFunction read_activation(const TorchModule& module);

/// Parses an activation of a YAML table: "nn.ReLU()", "torch.nn.LeakyReLU(0.1, inplace=True)". Throws Error.
ActivationFunction parse_torch_activation(std::string_view text);

}  // namespace cudet::convert
