#include "apps/checkpoint/read_model.h"

#include "apps/checkpoint/check_runnable.h"
#include "apps/checkpoint/checkpoint.h"
#include "apps/checkpoint/stored_weights.h"
#include "apps/checkpoint/with_path.h"

namespace cudet::convert {
CheckpointModel read_model(const std::string& path) {
  Checkpoint checkpoint = with_path(path, [&] { return read_checkpoint(TorchFile::open(path)); });
  const int stride = check_runnable(checkpoint.table, &checkpoint.weights, path);
  with_path(path, [&] { round_input(checkpoint.table, stride); });
  Description description = parse_description(to_json(checkpoint.table, ""), path);
  const auto owner = std::make_shared<const Checkpoint>(std::move(checkpoint));
  return {std::move(description), std::make_shared<StoredWeights>(owner->weights, owner)};
}

}  // namespace cudet::convert
