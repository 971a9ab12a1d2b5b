// Checks that the runtime can run a converted model.
#pragma once
#include <map>
#include <string>

#include "apps/checkpoint/model_table.h"
#include "runtime/model/safetensors.h"

namespace cudet::convert {

/// Builds the network as the runtime does when it loads the model. Checks the table and, if `weights` is not null, the
/// names and shapes of the weights. Throws Error with `path` and the label of the row, with the message that loading
/// the model would give. Returns the stride of the network in pixels: sides of the input must be multiples of it.
int check_runnable(const ModelTable& table, const std::map<std::string, StoredTensor>* weights,
                   const std::string& path);

/// Rounds the input size up to multiples of the stride. Throws Error without the path if it becomes too large.
void round_input(ModelTable& table, int stride);

}  // namespace cudet::convert
