// Whether the runtime can run what was converted.
#pragma once
#include <map>
#include <string>

#include "apps/convert/model_table.h"
#include "runtime/model/safetensors.h"

namespace cudet::convert {

/// Has the runtime read the table and meet the weights' names and sizes, where there are any. Throws Error with `path`
/// and the row's label, as a program that loads the model would, only earlier. Returns the network's stride, pixels:
/// inputs are whole multiples of it.
int check_runnable(const ModelTable& table, const std::map<std::string, StoredTensor>* weights,
                   const std::string& path);

}  // namespace cudet::convert
