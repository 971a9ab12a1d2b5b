#include "apps/checkpoint/read_model.h"

#include "apps/checkpoint/check_runnable.h"
#include "apps/checkpoint/checkpoint.h"
#include "apps/checkpoint/stored_weights.h"
#include "kernels/error.h"

namespace cudet::convert {
CheckpointModel read_model(const std::string& path) {
  try {
    Checkpoint checkpoint = read_checkpoint(TorchFile::open(path));
    round_input(checkpoint.table, check_runnable(checkpoint.table, &checkpoint.weights, path));
    Description description = parse_description(to_json(checkpoint.table, ""), path);
    const auto owner = std::make_shared<const Checkpoint>(std::move(checkpoint));
    return {std::move(description), std::make_shared<StoredWeights>(owner->weights, owner)};
  } catch (const Error& error) {
    const std::string what = error.what();
    throw Error(what.starts_with(path + ":") ? what : path + ": " + what);
  }
}

}  // namespace cudet::convert
