// An Ultralytics checkpoint: the network inside, as a table and its weights.
#pragma once
#include <map>
#include <string>

#include "apps/convert/model_table.h"
#include "apps/convert/torch_file.h"

namespace cudet::convert {

struct Checkpoint {
  ModelTable table;                             // its input as it was trained, not rounded
  std::map<std::string, StoredTensor> weights;  // by Ultralytics' names; their memory is `file`'s
  TorchFile file;
  std::string scale;  // that the checkpoint says it has, or empty; the table is literal
};

/// Reads the network of `ema`, or of `model` where that is None, or the module that the file holds directly. Throws
/// Error, without a path, where there is none or where the runtime cannot run a row ("model.22 (Segment): …").
Checkpoint read_checkpoint(TorchFile file);

}  // namespace cudet::convert
