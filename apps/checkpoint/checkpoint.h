// Reads the network of an Ultralytics checkpoint: its table and its weights.
#pragma once
#include <map>
#include <string>

#include "apps/checkpoint/model_table.h"
#include "apps/checkpoint/torch_file.h"

namespace cudet::convert {

struct Checkpoint {
  ModelTable table;                             // with the input size of the training, not rounded to the stride
  std::map<std::string, StoredTensor> weights;  // by Ultralytics' names; `file` owns their memory
  TorchFile file;
  std::string scale;  // as stored in the checkpoint, or empty; already applied to the table
};

/// Reads the network from `ema`, from `model` if `ema` is None, or from the module that the file contains directly.
/// Throws Error, without a path, if there is no network or if the runtime cannot run a row ("model.22 (Segment): …").
Checkpoint read_checkpoint(TorchFile file);

}  // namespace cudet::convert
